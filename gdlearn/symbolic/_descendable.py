"""What functions of named variables have in common: they can be descended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from ._descent import DescentPath


class Descendable:
    """A function of named variables, with a value and `gradient_at`, that can be descended."""

    def descend(
        self,
        start: ArrayLike | Mapping[str, float],
        learning_rate: float | Literal["backtracking"] | Callable[[int], float] = 0.1,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        max_iter: int = 100,
        tol: float | None = None,
    ) -> DescentPath:
        r"""Gradient descent on f.

        .. math::  \theta \leftarrow \theta - \eta\nabla f(\theta)

        With momentum β: :math:`v \leftarrow \beta v - \eta\nabla f(\theta)`, :math:`\theta \leftarrow \theta + v` from
        v = 0.

        Parameters
        ----------
        start : array-like of shape (d,), or mapping from name to number
        learning_rate : float > 0, "backtracking" or callable k -> float, default=0.1
            η: a number for every step; "backtracking" for a line search that reduces f at every step, with every point
            inside the domain; or η at step k = 0, 1, 2, ...
        momentum : float in [0, 1), default=0.0
            Not with "backtracking".
        nesterov : bool, default=False
            Take the gradient at θ + βv, which needs a momentum.
        max_iter : int >= 1, default=100
        tol : float > 0, default=None
            Stop at the first step with ‖∇f‖₂ at most this. None takes all the steps.

        Returns
        -------
        DescentPath
            Its `message` says how it ended. It ends early, without an error, where the next step would leave the
            domain, where f overflows, and where f has no gradient. A step may jump across a gap or a pole between two
            points of the domain; the message names the first such step that it finds.

        Raises
        ------
        DomainError
            If f or its gradient is not defined at the start.
        ValueError, TypeError
            If a parameter cannot be used.

        Examples
        --------
        >>> from gdlearn.symbolic import SymbolicFunction
        >>> path = SymbolicFunction("x - ln(x)").descend({"x": 0.1}, 0.3, max_iter=200, tol=1e-6)
        >>> print(path.points[-1].round(5), path.message)
        [1.] After ... steps ‖∇f‖ = ..., which is at most tol = 1e-06. f fell from 2.40259 to 1...
        >>> print(SymbolicFunction("x - ln(x)").descend({"x": 3.0}, 5.0).message)
        Step 1, with learning_rate=5, would leave the domain, ...
        """
        options: dict[str, Any] = {"momentum": momentum, "nesterov": nesterov, "max_iter": max_iter, "tol": tol}
        from ._descent import descend  # with scikit-learn, which the rest of a function does without

        return descend(self, start, learning_rate, **options)  # type: ignore[arg-type] # what inherits is a Function
