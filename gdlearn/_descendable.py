"""What functions of named variables have in common: they can be descended, and one step of it written out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from ._explained_step import ExplainedStep
    from ._function_descent import DescentPath


class Descendable:
    """A function of named variables, with a value and `gradient_at`, that can be descended."""

    symbol = "f"

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
        from ._function_descent import descend

        return descend(self, start, learning_rate, **options)  # type: ignore[arg-type] # what inherits is a Function

    def explain_step(self, theta: ArrayLike | Mapping[str, ArrayLike], learning_rate: float) -> ExplainedStep:
        r"""One step of gradient descent written out, with its numbers.

        Parameters
        ----------
        theta : array-like of shape (d,) or mapping from name to number
            Where the step begins.
        learning_rate : float > 0
            η.

        Returns
        -------
        ExplainedStep
            Printed, it shows the partial derivatives at θ, θ − η∇f, f before and after, whether f fell, and if it did
            not, why: η beside 2/L where f is a quadratic, and beside 2/c with the curvature c along the step elsewhere.

        Raises
        ------
        DomainError
            If f or its gradient is not defined at θ. Where it is not defined after the step, the `verdict` says so.
        ValueError, TypeError
            If a parameter cannot be used.

        Examples
        --------
        >>> from gdlearn.symbolic import SymbolicFunction
        >>> SymbolicFunction("x**2 + 4y**2").explain_step([2.0, 1.0], 0.5)
        f(x, y) = x**2 + 4*y**2
        One step from x = 2, y = 1 with η = 0.5:
        <BLANKLINE>
        ∂f/∂x = 2*x = 4
        ∂f/∂y = 8*y = 8
        <BLANKLINE>
        x − η ∂f/∂x = 2 − 0.5 · 4 = 0
        y − η ∂f/∂y = 1 − 0.5 · 8 = −3
        <BLANKLINE>
        f rose from 8 to 36, although −∇f points downhill: ...
        """
        from ._explained_step import explain_step

        return explain_step(self, theta, learning_rate)  # type: ignore[arg-type] # what inherits is a Telling
