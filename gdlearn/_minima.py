"""Minima: where descents with an L1 penalty end, for one penalty step by step or for many side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ._arrays import Array
from ._descent import descend
from ._objective import Iterate
from ._penalty import Penalty
from ._problem import Problem
from ._proximal import ProximalSteps


def steps_to_minimum(problem: Problem, start: Array) -> Iterator[tuple[Iterate, float]]:
    """Accelerated proximal steps from `start`, taken in the coordinates where they are the fewest, seen in its own."""
    own = problem.coordinates
    best = own.equilibrated(problem.statistics)
    ratio = (own.scale / best.scale)[:, None]
    first = own.split(start)[1] / ratio
    for point, rate in ProximalSteps(problem.slopes(best.unpenalised), best.penalty, first, own.target_share):
        theta = own.theta(best.model(best.join(problem.statistics.target_mean, point.theta)))
        # The intercept is at its best value, so its partial derivative is 0, and no other depends on the shift.
        gradient = own.join(np.zeros(theta.shape[1]), point.gradient / ratio)
        yield Iterate(point.n_steps, theta, point.value, gradient), rate


def minima(problem: Problem, penalties: Sequence[Penalty]) -> Array:
    """The minimum for each penalty, each of which has an L1 part, of shape (p, n, t): all are found side by side."""
    own, n, t = problem.coordinates.unpenalised, len(penalties), problem.coordinates.shape[1]
    best = own.equilibrated(problem.statistics)
    each = [penalty.in_target_units(own.target_exponent) for penalty in penalties]
    sizes = [(penalty.ridge, penalty.lasso) for penalty in each]
    ridge, lasso = (np.concatenate([np.broadcast_to(size, t) for size in of]) for of in zip(*sizes, strict=True))
    columns = Penalty(ridge, lasso).of_multiples(own.scale / best.scale)
    slopes = problem.slopes(best).repeated(n)
    end = descend(ProximalSteps(slopes, columns, np.zeros(slopes.cross.shape))).last.theta
    theta = own.theta(best.model(best.join(np.tile(problem.statistics.target_mean, n), end)))
    return theta.reshape(len(theta), n, t)
