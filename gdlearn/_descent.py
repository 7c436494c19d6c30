"""Descent: the only loop, θ ← θ − η∇J(θ), and what came of it."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np

from ._arrays import LARGEST_FLOAT, Array, beyond_float64
from ._coordinates import Coordinates
from ._objective import Iterate, Objective
from ._step_size import Momentum, StepRule

Observer = Callable[[Iterate, float], bool]
"""Told of an iterate and the η that led to it, it says whether to stop there."""

Proximal = Callable[[Array, Any], Array]
"""The proximal step of what J has no gradient of: from a point and the η that led to it to another point."""

MAX_RECORDED = 1_000
"""Up to this number of steps each is recorded."""

EVENLY = np.linspace(0.0, 1.0, 250)
"""Where log k of the recorded steps lies, as a part of log n, if there are more: 250 of them, log-spaced."""

ENDLESS = 1_000_000
"""Steps after which a loop with a tolerance and no `max_iter` gives up."""


class Status(enum.Enum):
    """How a descent ended."""

    LIMIT = enum.auto()
    """More steps change the fit by less than rounding, or none leads further down."""
    CONVERGED = enum.auto()
    """The gradient is as small as `tol` asks."""
    LITTLE_TO_GAIN = enum.auto()
    """By what the last steps have gained, all further ones would lower J by next to nothing."""
    STEPS_DONE = enum.auto()
    """All `max_iter` steps were taken, and no tolerance was asked for."""
    NOT_CONVERGED = enum.auto()
    """All `max_iter` steps were taken before the gradient was as small as `tol` asks."""
    EARLY_STOPPED = enum.auto()
    """The error on the held-out rows has not fallen for `n_iter_no_change` steps."""
    STOPPED = enum.auto()
    """An observer asked to stop."""
    DIVERGED = enum.auto()
    """J is no longer finite."""
    UNBOUNDED = enum.auto()
    """A function falls without bound along the path."""
    LEFT_DOMAIN = enum.auto()
    """The next step would leave a function's domain."""
    NOT_DIFFERENTIABLE = enum.auto()
    """A function has no gradient at the point reached."""


End = Callable[[Iterate, float], Status | None]
"""Asked of an iterate and the η that led to it, it names the reason to end there, or None."""


@dataclass(frozen=True, eq=False)
class Descent:
    """What came of a descent.

    Attributes
    ----------
    last : Iterate
        The point reached, with J and ∇J there; with early stopping the best one on the held-out rows.
    status : Status
    steps, values : list
        The recorded steps, 0 (the start) first, and J at each.
    rate : float
        η at the last step; the largest where the targets have one each.
    held_out_values : list or None
        J on the held-out rows at each recorded step.
    """

    last: Iterate
    status: Status
    steps: list[int]
    values: list[float]
    rate: float
    held_out_values: list[float] | None = None


def recorded_steps(n_steps: int) -> list[int]:
    """Which of the steps 0, ..., n are recorded: all if there are at most 1,000, otherwise 250 of them, log-spaced."""
    if n_steps <= MAX_RECORDED:
        return list(range(n_steps + 1))
    log_k = math.log(n_steps if n_steps < LARGEST_FLOAT else LARGEST_FLOAT)
    grid = np.rint(np.exp(log_k * EVENLY))
    thinned = grid[:-1][grid[1:] > grid[:-1]]
    inside = thinned.astype(np.int64).tolist() if log_k < 43.0 else [int(k) for k in thinned.tolist()]
    return [0, *inside, n_steps]


def iterates(
    objective: Objective,
    theta: Array,
    step_rule: StepRule,
    momentum: Momentum | None = None,
    proximal: Proximal | None = None,
) -> Iterator[tuple[Iterate, float]]:
    r"""Yield each iterate, from the start on, with the η that led to it.

    .. math::  v \leftarrow \beta v - \eta\nabla J(\theta), \qquad \theta \leftarrow \theta + v

    from v = 0; with a lookahead the gradient is taken at θ + βv. Without momentum: θ ← θ − η∇J(θ). A proximal step
    follows each of them, and v is then what both have come to. It ends only where the step rule knows no step.
    """
    velocity, before = np.zeros_like(theta), None
    eta = np.nan
    for k in count():
        point = Iterate(k, theta, *objective.at(theta, k))
        yield point, eta if isinstance(eta, float) else float(np.max(eta))  # of one rate for each target
        eta = step_rule(point)
        if eta is None:
            return
        if momentum is None:
            theta = theta - eta * point.gradient
            theta = theta if proximal is None else proximal(theta, eta)
            continue
        beta, gradient = momentum.beta(point, velocity), point.gradient
        if momentum.lookahead is not None:
            gradient = momentum.lookahead(point, before or point, beta, velocity)
        velocity = beta * velocity - eta * gradient
        after = theta + velocity
        if proximal is not None:
            after = proximal(after, eta)
            velocity = after - theta
        theta, before = after, point


@dataclass(frozen=True)
class StepsDone:
    """The end after a number of steps; `status` says whether that is what was asked for."""

    n_steps: int
    status: Status = Status.STEPS_DONE

    def __call__(self, iterate: Iterate, rate: float) -> Status | None:
        return self.status if iterate.n_steps >= self.n_steps else None


@dataclass(frozen=True, eq=False)
class SmallGradient:
    """The first step k ≥ 1 with ‖∇J(θ_k)‖₂ at most a threshold of shape (t,), target by target."""

    threshold: Array

    def __call__(self, iterate: Iterate, rate: float) -> Status | None:
        is_small = iterate.n_steps > 0 and (np.linalg.norm(iterate.gradient, axis=0) <= self.threshold).all()
        return Status.CONVERGED if is_small else None


@dataclass(frozen=True, eq=False)
class SmallViolation:
    """The first step k ≥ 1 that misses the condition of a minimum by at most `tol`, in units of shape (t,)."""

    coordinates: Coordinates
    unit: Array
    tol: float

    def __call__(self, iterate: Iterate, rate: float) -> Status | None:
        is_small = iterate.n_steps > 0 and violation(self.coordinates, iterate, self.unit) <= self.tol
        return Status.CONVERGED if is_small else None


def violation(coordinates: Coordinates, iterate: Iterate, unit: Array) -> float:
    """By how much an iterate misses the condition of a minimum, in units of shape (t,); the largest of all."""
    slopes, gradient = coordinates.split(iterate.theta)[1], iterate.gradient[coordinates.first :]
    missed = coordinates.penalty.violation(slopes, gradient).max(axis=0, initial=0.0)
    if coordinates.fit_intercept:  # which has no penalty of its own
        missed = np.maximum(missed, np.abs(iterate.gradient[0]))
    with beyond_float64():  # next to a unit that is hardly one
        return float(np.max(missed / unit))


@dataclass(frozen=True)
class Observed:
    """The first step k ≥ 1 at which an observer, told of each of them, asks to stop."""

    observe: Observer

    def __call__(self, iterate: Iterate, rate: float) -> Status | None:
        return Status.STOPPED if iterate.n_steps > 0 and self.observe(iterate, rate) else None


def usual_ends(max_iter: int | None, small: End | None, observe: Observer | None = None) -> list[End]:
    """The ends that a user asks for, `small` for a tolerance; with it and no `max_iter` there are `ENDLESS` steps."""
    ends: list[End] = []
    if observe is not None:
        ends.append(Observed(observe))
    if small is not None:
        ends.append(small)
    n_steps = ENDLESS if max_iter is None else max_iter
    asked = max_iter is not None and small is None
    return [*ends, StepsDone(n_steps, Status.STEPS_DONE if asked else Status.NOT_CONVERGED)]


def descend(steps: Iterable[tuple[Iterate, float]], *ends: End) -> Descent:
    """Take steps until one of the ends is reached, J is no longer finite, or there is no further step.

    Parameters
    ----------
    steps : iterable
        As of `iterates`.
    *ends : End
        All of them are asked of every iterate, for they may count what they see; the first that names a reason gives
        the status.
    """
    values: list[float] = []
    with np.errstate(over="ignore", invalid="ignore"):
        for point, rate in steps:
            values.append(point.value)
            if not math.isfinite(point.value):
                status = Status.DIVERGED
                break
            reasons = [reason for end in ends if (reason := end(point, rate)) is not None]
            if reasons:
                status = reasons[0]
                break
        else:
            status = Status.LIMIT
    recorded = recorded_steps(point.n_steps)
    return Descent(point, status, recorded, [values[k] for k in recorded], rate)
