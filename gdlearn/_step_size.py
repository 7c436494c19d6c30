"""Step size: from `learning_rate` and `momentum` to the rules that the loop asks, and the largest stable rate."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ._arrays import Array
from ._objective import Iterate, Objective, QuadraticObjective
from ._parameters import POSITIVE


@dataclass(frozen=True)
class Auto:
    """η = 1/L at every step."""

    is_constant: ClassVar[bool] = True


@dataclass(frozen=True)
class Constant:
    """The same η at every step."""

    eta: float
    is_constant: ClassVar[bool] = True


@dataclass(frozen=True)
class Exact:
    """The η that minimises J along −∇J."""

    is_constant: ClassVar[bool] = False


@dataclass(frozen=True)
class Schedule:
    """η = of(k) at step k = 0, 1, 2, ..."""

    of: Callable[[int], Any]
    is_constant: ClassVar[bool] = False


Rate = Auto | Constant | Exact | Schedule
"""What `learning_rate` asks for."""


def rate_asked(learning_rate: Any) -> Rate:
    """The parameter `learning_rate`, which has been checked, as what it means."""
    if isinstance(learning_rate, str):
        return Auto() if learning_rate == "auto" else Exact()
    return Schedule(learning_rate) if callable(learning_rate) else Constant(float(learning_rate))


StepRule = Callable[[Iterate], Any]
"""The step size η at an iterate: one number, or one for each target; None where no step leads further down."""

SUFFICIENT = 1e-4
"""Of the decrease that the slope promises, the part that backtracking asks for."""

MomentumRule = Callable[[Iterate, Array], Any]
"""The momentum β at an iterate with this velocity: one number, or one for each target."""

Lookahead = Callable[[Iterate, Iterate, Any, Array], Array]
"""∇J at θ + βv, from the iterate at θ, the one before it at θ − v, β and v."""


@dataclass(frozen=True)
class Momentum:
    r"""The step :math:`v \leftarrow \beta v - \eta\nabla J`: its β, and where the gradient is taken.

    Attributes
    ----------
    beta : MomentumRule
    lookahead : Lookahead or None
        Nesterov's gradient at θ + βv; None takes it at θ.
    """

    beta: MomentumRule
    lookahead: Lookahead | None = None


def largest_stable_rate(curvature: float, momentum: float = 0.0, nesterov: bool = False) -> float:
    r"""The learning rate at and above which descent does not converge.

    With L the largest eigenvalue of ∇²J: 2/L for plain descent, 2(1 + β)/L for heavy-ball momentum and
    2(1 + β)/((1 + 2β)L) for Nesterov's.

    References
    ----------
    Polyak (1964), *Some methods of speeding up the convergence of iteration methods*.
    Lessard, Recht, Packard (2016), SIAM J. Optim. 26. https://doi.org/10.1137/15M1009597
    """
    if curvature <= 0:
        return np.inf
    factor = (1 + momentum) / (1 + 2 * momentum) if nesterov else 1 + momentum
    return 2.0 * factor / curvature


def automatic_rate(curvature: float) -> float:
    """1/L: the largest rate at which no mode overshoots; 1 where J is flat."""
    return 1.0 / curvature if curvature > 0 else 1.0


def constant(rate: float) -> StepRule:
    """The same η at every step: the textbook."""
    return lambda iterate: rate


def schedule(rate_of: Callable[[int], Any]) -> StepRule:
    """η = rate_of(k) at step k = 0, 1, 2, ..."""

    def rule(iterate: Iterate) -> float:
        rate = rate_of(iterate.n_steps)
        if not POSITIVE(rate):
            raise ValueError(
                f"The 'learning_rate' callable returned {rate!r} for step {iterate.n_steps}: it must return a finite "
                "number > 0."
            )
        return float(rate)

    return rule


def exact_line_search(objective: QuadraticObjective) -> StepRule:
    r"""The η that minimises J along −∇J, for each target: :math:`\eta = g^Tg / g^THg` with g = ∇J, H = ∇²J."""

    def rule(iterate: Iterate) -> Array:
        g = iterate.gradient
        # Divided by its largest entry, so that squares neither overflow nor vanish.
        unit = np.abs(g).max(axis=0)
        g = g / np.where(unit > 0, unit, 1.0)
        curvature = objective.curvature_along(g)
        steep = curvature > 0
        eta: Array = np.where(steep, np.sum(g * g, axis=0) / np.where(steep, curvature, 1.0), 0.0)
        return eta

    return rule


def backtracking_line_search(objective: Objective) -> StepRule:
    r"""The first of η, η/2, η/4, ... that reduces J enough, from twice the one before on; from 1 at the first step.

    .. math::  J(\theta - \eta g) \le J(\theta) - c\,\eta\,g^Tg, \qquad g = \nabla J(\theta), \quad c = 10^{-4}

    A trial where J is not finite is refused, so every point is inside the domain of J. The rule returns None where no
    trial that still differs from θ reduces J.

    References
    ----------
    Armijo (1966), Pacific J. Math. 16. https://doi.org/10.2140/pjm.1966.16.1
    Nocedal, Wright (2006), *Numerical Optimization*, 3.1. https://doi.org/10.1007/978-0-387-40065-5
    """
    eta = 0.5

    def rule(iterate: Iterate) -> float | None:
        nonlocal eta
        g = iterate.gradient
        length = math.hypot(*g.ravel().tolist())  # its square may overflow
        eta = min(2.0 * eta, sys.float_info.max)
        while eta < sys.float_info.max / 2.0 and (iterate.theta - eta * g == iterate.theta).all() and length > 0:
            eta *= 2.0  # so small on a steep slope far back
        while True:
            trial = iterate.theta - eta * g
            if (trial == iterate.theta).all():
                return None
            value = objective.value(trial)
            enough = iterate.value - SUFFICIENT * (eta * length) * length
            # `enough` may be J itself, by rounding: no decrease at all is never enough.
            if np.isfinite(value) and value <= enough and value < iterate.value:
                return eta
            eta /= 2.0

    return rule


def constant_momentum(beta: float, lookahead: Lookahead | None = None) -> Momentum | None:
    """The same β at every step; None, the plain step, where it is 0."""
    return Momentum(lambda iterate, velocity: beta, lookahead) if beta else None


def lookahead_by_linearity(now: Iterate, before: Iterate, beta: Any, velocity: Array) -> Array:
    """Of a quadratic J, whose gradient is linear in θ, from the gradients at hand: no further product with X."""
    ahead: Array = now.gradient + beta * (now.gradient - before.gradient)
    return ahead


def lookahead_by(gradient: Callable[[Array], Array]) -> Lookahead:
    """Of any J, asked there."""
    return lambda now, before, beta, velocity: gradient(now.theta + beta * velocity)


class Acceleration:
    r"""Nesterov's sequence :math:`\beta_k = (t_k - 1)/t_{k+1}`, :math:`t_{k+1} = (1 + \sqrt{1 + 4 t_k^2})/2`.

    It starts again for a target whose velocity has come to point uphill.

    References
    ----------
    O'Donoghue, Candès (2015), *Adaptive restart for accelerated gradient schemes*, Found. Comput. Math. 15.
    https://doi.org/10.1007/s10208-013-9150-3
    """

    def __init__(self) -> None:
        self._t: Any = 1.0

    def __call__(self, iterate: Iterate, velocity: Array) -> Array:
        """β for each target."""
        uphill = np.sum(iterate.gradient * velocity, axis=0) > 0
        t = np.where(uphill, 1.0, self._t)
        self._t = (1.0 + np.sqrt(1.0 + 4.0 * t * t)) / 2.0
        beta: Array = (t - 1.0) / self._t
        return beta
