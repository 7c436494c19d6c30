"""Minima: where descents with an L1 penalty end, for one penalty step by step or for many side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import numpy as np
from scipy import sparse

from ._advice import warn
from ._arrays import Array
from ._descent import Status, StepsDone, descend, violation
from ._extended import about_shift, residual_and_gradient
from ._objective import Iterate
from ._penalty import Penalty
from ._problem import Problem
from ._proximal import ProximalSteps, rounding
from ._slopes import MatrixSlopes, RowSlopes
from ._threads import one_blas_thread

AnySlopes = MatrixSlopes | RowSlopes

LONGEST = 20_000
"""Steps after which a descent to the minimum gives up; ordinary data take twenty, and hard ones a thousand."""

SURE = 1e-9
"""What rounding of the moments may make of the certificate of a minimum before the rows are asked for it."""

CORRECTIONS = 5
"""Most times that the rows correct what the moments say of the gradient."""


class StepsToMinimum:
    """Accelerated proximal steps from `start`, taken in the coordinates where they are the fewest, seen in its own.

    They end where no step leads further down. If rounding matters there, the gradient is taken once more on the rows,
    in extended precision. What the steps know is corrected by the difference, and they go on, as long as that halves by
    how much the condition of a minimum is missed.

    Parameters
    ----------
    problem : Problem
    start : ndarray of shape (p, t)
    unit : ndarray of shape (t,)
        What the condition of a minimum is relative to.
    """

    def __init__(self, problem: Problem, start: Array, unit: Array) -> None:
        self._problem, self._unit, self._own = problem, unit, problem.coordinates
        self._best = self._own.equilibrated(problem.statistics)
        self._ratio = (self._own.scale / self._best.scale)[:, None]
        self._start = self._own.split(start)[1] / self._ratio
        self._slopes = problem.slopes(self._best.unpenalised)

    def doubt(self, theta: Array) -> float:
        """By how much rounding may change, of the moments or of products with X, by how much θ misses the minimum."""
        slopes = self._own.split(theta)[1] / self._ratio
        size = 2.0 * rounding(self._slopes, self._slopes.cross, self._best.penalty.ridge, slopes) / self._ratio
        return float(np.max(size / self._unit, initial=0.0))

    def may_ask_rows(self, theta: Array) -> bool:
        """Whether the rows are at hand, and the steps' gradient is too coarse."""
        return self._problem.rows is not None and self.doubt(theta) > SURE

    def __iter__(self) -> Iterator[tuple[Iterate, float]]:
        """Take the steps."""
        slopes, first, n_before, missed, best = self._slopes, self._start, 0, np.inf, None
        for _ in range(1 + CORRECTIONS):
            held = None
            for point, rate in ProximalSteps(slopes, self._best.penalty, first, self._own.target_share):
                if held is not None and (best is None or held[0].n_steps > 0):
                    yield self._seen(held[0], n_before), held[1]
                held = point, rate
            assert held is not None
            point, rate = held
            if best is not None and point.n_steps == 0:  # what was corrected changes nothing
                return
            last = self._seen(point, n_before)
            if not self.may_ask_rows(last.theta):
                yield last, rate
                return
            last, slopes = self._corrected(last, point, slopes)
            before, missed = missed, violation(self._own, last, self._unit)
            if best is not None and missed >= before:
                yield best._replace(n_steps=last.n_steps + 1), rate
                return
            yield last, rate
            if missed > before / 2 or missed <= SURE:
                return
            first, n_before, best = point.theta, last.n_steps, last

    def _seen(self, point: Iterate, n_before: int) -> Iterate:
        """A point of the best coordinates in its own."""
        best, own = self._best, self._own
        theta = own.theta(best.model(best.join(self._problem.statistics.target_mean, point.theta)))
        # The intercept is at its best value, so its partial derivative is 0, and no other depends on the shift.
        gradient = own.join(np.zeros(theta.shape[1]), point.gradient / self._ratio)
        return Iterate(n_before + point.n_steps, theta, point.value, gradient)

    def _corrected(self, last: Iterate, point: Iterate, slopes: AnySlopes) -> tuple[Iterate, AnySlopes]:
        """J and ∇J at the point as the rows have them, and slopes that have them too."""
        own, best, rows = self._own, self._best, self._problem.rows
        assert rows is not None
        model = own.model(last.theta)
        sum_r, sum_rx, sum_rr = residual_and_gradient(rows, own.joint_exponent, *model)
        centred = about_shift(sum_r, sum_rx, best.shift)
        half = best.penalty.ridge * point.theta - centred / best.scale[:, None] / rows.total
        smooth = sum_rr / rows.total + best.penalty.smooth.value(point.theta)
        cross = slopes.cross + 0.5 * point.gradient - half
        square = smooth - np.einsum("ji,ji->i", point.theta, half - cross)
        value = float(own.target_share @ (smooth + Penalty(lasso=best.penalty.lasso).value(point.theta)))
        gradient = own.join(np.zeros(half.shape[1]), 2.0 * half / self._ratio)
        return last._replace(value=value, gradient=gradient), replace(slopes, cross=cross, square=square)


def blas_beside(problem: Problem) -> AbstractContextManager[None]:
    """BLAS on one thread beside products with a sparse X, which do without: it has but vectors left to multiply."""
    is_sparse = problem.spectrum is None and problem.rows is not None and sparse.issparse(problem.rows.X)
    return one_blas_thread() if is_sparse else nullcontext()


def minima(problem: Problem, penalties: Sequence[Penalty]) -> Array:
    """The minimum for each penalty, each of which has an L1 part, of shape (p, n, t).

    All are found side by side. With no more rows than features, where small penalties need many steps from zero, they
    are found one after another from the largest on, each from where the one before ended.
    """
    own, n, t = problem.coordinates.unpenalised, len(penalties), problem.coordinates.shape[1]
    best = own.equilibrated(problem.statistics)
    each = [penalty.in_target_units(own.target_exponent) for penalty in penalties]
    slopes, size = problem.slopes(best), own.scale / best.scale
    ends = np.zeros((len(size), n, t))
    if problem.n_rows > len(size):
        sizes = [(penalty.ridge, penalty.lasso) for penalty in each]
        ridge, lasso = (np.concatenate([np.broadcast_to(one, t) for one in of]) for of in zip(*sizes, strict=True))
        side_by_side = slopes.repeated(n)
        columns = Penalty(ridge, lasso).of_multiples(size)
        ends = _minimum(problem, side_by_side, columns, np.zeros(side_by_side.cross.shape)).reshape(ends.shape)
    else:
        end = ends[:, 0]
        for i in sorted(range(n), key=lambda i: -float(np.max(each[i].lasso))):
            end = _minimum(problem, slopes, each[i].of_multiples(size), end)
            ends[:, i] = end
    intercept = np.tile(problem.statistics.target_mean, n)
    theta = own.theta(best.model(best.join(intercept, ends.reshape(len(size), n * t))))
    return theta.reshape(len(theta), n, t)


def _minimum(problem: Problem, slopes: AnySlopes, penalty: Penalty, start: Array) -> Array:
    """The slopes at the minimum, or on the way to it after very many steps, which is warned of."""
    with blas_beside(problem):
        descent = descend(ProximalSteps(slopes, penalty, start), StepsDone(LONGEST, Status.NOT_CONVERGED))
    if descent.status is Status.NOT_CONVERGED:
        warn(
            f"Gradient descent with an L1 penalty did not come to its minimum in {LONGEST} steps",
            lambda: "what came of the smallest alphas is a point on the way. Larger ones would help.",
        )
    return descent.last.theta
