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
        >>> from gdlearn import MeanSquaredError
        >>> J = MeanSquaredError([1.0, 2.0], [2.0, 4.0])
        >>> path = J.descend([0.0, 0.0], 0.2, max_iter=2000, tol=1e-6)
        >>> print(path.points[-1].round(4), path.message)
        [0. 2.] After ... steps ‖∇J‖ = ..., which is at most tol = 1e-06. J fell from 10 to ...
        >>> print(J.descend([0.0, 0.0], 0.5).message)
        All 100 steps were taken; ... learning_rate=0.5 is too large. ... the largest stable rate is 2/L = 0.292. ...
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
        >>> from gdlearn import MeanSquaredError
        >>> J = MeanSquaredError([1.0, 2.0], [2.0, 4.0])
        >>> step = J.explain_step([0.0, 0.0], 0.5)
        >>> step.gradient, step.next_theta, step.table.sums["xₙ(yₙ − ŷₙ)"]
        (array([ -6., -10.]), array([3., 5.]), 10.0)
        >>> print(step.verdict)
        J rose from 10 to 58.5, although −∇J points downhill: η = 0.5 is beyond 2/L = 0.291796, ...
        """
        from ._explained_step import explain_step

        return explain_step(self, theta, learning_rate)  # type: ignore[arg-type] # what inherits is a Telling
