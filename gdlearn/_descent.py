"""Descent: the only loop, θ ← θ − η∇J(θ), and what came of it."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np

from ._arrays import LARGEST_FLOAT, Array
from ._early_stopping import HeldOut, Watch
from ._objective import Iterate, Objective
from ._step_size import Momentum, StepRule

Observer = Callable[[Iterate, float], bool]
"""Told of an iterate and the η that led to it, it says whether to stop there."""

MAX_RECORDED = 1_000
"""So many steps are all recorded."""

EVENLY = np.linspace(0.0, 1.0, 250)
"""Of more steps so many are recorded, evenly in log k."""

ENDLESS = 1_000_000
"""Steps after which a loop with a tolerance and no `max_iter` gives up."""


class Status(enum.Enum):
    """How a descent ended, each with its sentence for the user."""

    LIMIT = "The descent reached its limit: more steps change the fit by less than rounding."
    CONVERGED = "The gradient is as small as tol asks."
    STEPS_DONE = "All max_iter steps were taken; no tolerance was asked for."
    NOT_CONVERGED = "max_iter steps were taken before the gradient was as small as tol asks."
    EARLY_STOPPED = "The error on the held-out rows has not fallen for n_iter_no_change steps."
    STOPPED = "A callback asked to stop."
    DIVERGED = "J is no longer finite: the learning rate is too large."
    UNBOUNDED = "The function falls without bound along the path: it has no minimum there."
    LEFT_DOMAIN = "The next step would leave the function's domain."
    NOT_DIFFERENTIABLE = "The function has no gradient at the point reached."


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
    """Which of the steps 0, ..., n are recorded: all up to 1,000, and of more 250 evenly in log k."""
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
) -> Iterator[tuple[Iterate, float]]:
    r"""Yield each iterate, from the start on, with the η that led to it.

    .. math::  v \leftarrow \beta v - \eta\nabla J(\theta), \qquad \theta \leftarrow \theta + v

    from v = 0; with a lookahead the gradient is taken at θ + βv. Without momentum: θ ← θ − η∇J(θ). It ends only where
    the step rule knows no step.
    """
    velocity, before = np.zeros_like(theta), None
    eta = np.nan
    for k in count():
        point = Iterate(k, theta, *objective.at(theta, k))
        yield point, float(np.max(eta))
        eta = step_rule(point)
        if eta is None:
            return
        if momentum is None:
            theta = theta - eta * point.gradient
            continue
        beta, gradient = momentum.beta(point, velocity), point.gradient
        if momentum.lookahead is not None:
            gradient = momentum.lookahead(point, before or point, beta, velocity)
        velocity = beta * velocity - eta * gradient
        theta, before = theta + velocity, point


def descend(
    objective: Objective,
    theta: Array,
    step_rule: StepRule,
    momentum: Momentum | None = None,
    *,
    max_iter: int | None = None,
    threshold: Array | None = None,
    held_out: HeldOut | None = None,
    observe: Observer | None = None,
) -> Descent:
    """Loop until `max_iter` steps are taken or the gradient of every target is as small as its `threshold`.

    It ends also where the step rule knows no further step.

    Parameters
    ----------
    objective : Objective
    theta : ndarray of shape (p, t)
        The start.
    step_rule, momentum
        See `iterates`.
    max_iter : int or None
        None stands for `ENDLESS`.
    threshold : ndarray of shape (t,) or None
        Stop at the first step k ≥ 1 with ‖∇J(θ_k)‖₂ at most this, target by target.
    held_out : HeldOut or None
        Stop also where patience ends, and return the iterate with the least error on the held-out rows.
    observe : callable or None
        Told of every iterate from the first step on; stop where it returns True.
    """
    last_step = ENDLESS if max_iter is None else max_iter
    values: list[float] = []
    held_out_values: list[float] = []
    watch = Watch(0 if held_out is None else held_out.patience)
    best = before = None
    with np.errstate(over="ignore", invalid="ignore"):
        for point, eta in iterates(objective, theta, step_rule, momentum):
            values.append(point.value)
            if not np.isfinite(point.value):
                status = Status.DIVERGED
                break
            stop = observe is not None and point.n_steps > 0 and observe(point, eta)
            if held_out is not None:
                there = held_out.objective.at(point.theta)
                held_out_values.append(there.value)
                if before is not None and before[0].n_steps > 0:
                    step = point.theta - before[0].theta
                    watch.see(held_out.change(step, before[1].gradient, there.gradient))
                if point.n_steps == watch.best or best is None:
                    best = point
                before = point, there
                if watch.is_over:
                    status = Status.EARLY_STOPPED
                    break
            if stop:
                status = Status.STOPPED
                break
            if threshold is not None and point.n_steps > 0 and (_norms(point.gradient) <= threshold).all():
                status = Status.CONVERGED
                break
            if point.n_steps >= last_step:
                status = Status.STEPS_DONE if threshold is None else Status.NOT_CONVERGED
                break
        else:
            status = Status.LIMIT
    steps = recorded_steps(point.n_steps)
    held_out_curve = None
    if held_out is not None:  # of a descent that has diverged the last one is missing
        held_out_curve = [held_out_values[k] for k in steps if k < len(held_out_values)]
    return Descent(best or point, status, steps, [values[k] for k in steps], eta, held_out_curve)


def _norms(gradient: Array) -> Array:
    norms: Array = np.linalg.norm(gradient, axis=0)
    return norms
