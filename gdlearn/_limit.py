r"""The limit of the descent, to the last digit that the data hold.

Descent from θ₀ converges to θ₀ plus the shortest step that reaches a least-squares solution; from zero that is the
minimum-norm one. It does not depend on the learning rate, and where the features determine it, not on their scaling
either: so it is found in the best conditioned coordinates and carried over. The last digits come from one or two more
gradients, taken in extended precision and applied in the modes (corrected seminormal equations).

References
----------
Björck (1987), *Stability analysis of the method of seminormal equations for linear least squares problems*, Linear
Algebra Appl. 88. https://doi.org/10.1016/0024-3795(87)90101-7
Cox, Higham (1998), *Stability of Householder QR factorization for weighted least squares problems*, Numerical Analysis
1997, Longman.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy import linalg

from ._arrays import EPS, Array
from ._coordinates import Coordinates, Model
from ._extended import residual_and_gradient, two_product
from ._modes import OVERFLOW, Modes
from ._rows import Rows
from ._statistics import Statistics

MAX_REFINEMENTS = 6
WELL_CONDITIONED = 1e-3
"""λ_min/λ_max above this: the moments alone give the slopes to 13 digits."""

CANCELLATION = 1e3
"""How much larger than the intercept the terms may be whose difference it is."""

SMALL_LOSS = 1e-4
"""J_min relative to the mean square of y below which moments lose more than four digits of it."""

DOUBTFUL = 1.0 / 64.0
"""A direction whose rounding is at least so large a part of it must show that it lowers J."""

WORSE = 1.0 + 1e-9
"""J after a step of refinement, relative to J before, above which the step is taken back."""


class Limit(NamedTuple):
    """Where a descent converges to, in units of 2**exponent (see `Moments.exponent`).

    Attributes
    ----------
    model : Model
    minimum : ndarray of shape (t,), float64
        J there, target by target.
    """

    model: Model
    minimum: Array


@dataclass(frozen=True, eq=False)
class LimitFinder:
    """The problem in its equilibrated coordinates, and the rows where they are at hand.

    Attributes
    ----------
    coordinates : Coordinates
        The equilibrated ones.
    modes : Modes
        In these coordinates.
    statistics : Statistics
    rows : Rows or None
    """

    coordinates: Coordinates
    modes: Modes
    statistics: Statistics
    rows: Rows | None

    def limit(self, start: Array, own: Coordinates) -> tuple[Array, Limit]:
        """Where descent from `start` in the coordinates `own` converges to: theta there, and the model."""
        limit = self._raw(start, own)
        if self.rows is not None and self._needs_refinement(limit):
            limit = self._refined(limit)
        theta = own.theta(limit.model)
        # A feature that is zero in the descent's coordinates: its coefficient never moves.
        still = (self.statistics.feature_variance == 0) & (self.statistics.feature_mean == own.shift)
        if still.any():
            theta[own.first :][still] = start[own.first :][still]
            limit = Limit(own.model(theta), limit.minimum)
        return theta, limit

    def solution(self, own: Coordinates) -> Array:
        """A minimiser, in the coordinates `own`."""
        return own.theta(self.coordinates.model(self.modes.combine(self.modes.optimum)))

    def judged(self) -> LimitFinder:
        """Without the directions that, as float64 stores their coefficients, do not lower J."""
        if self.rows is None or not (self.modes.doubt > DOUBTFUL).any():
            return self
        finder, loss = self, self._loss()
        for i in range(len(self.modes.doubt) - 1, -1, -1):
            if self.modes.doubt[i] > DOUBTFUL:
                fewer = replace(finder, modes=finder.modes.without(i))
                there = fewer._loss()
                if there <= loss:
                    finder, loss = fewer, there
        return finder

    def _loss(self) -> float:
        """J of the limit from zero, measured on the rows, in units of each target's mean square."""
        size = self.statistics.target_square
        minimum = self._refined(self._raw(np.zeros(self.coordinates.shape), self.coordinates)).minimum
        return float(np.sum(minimum / np.where(size > 0, size, 1.0)))

    def _raw(self, start: Array, own: Coordinates) -> Limit:
        """The limit as the modes have it."""
        modes, best = self.modes, self.coordinates
        limit = Limit(best.model(modes.combine(modes.optimum)), modes.minimum)
        if modes.complete or len(modes.eigenvalues) == 0:
            return limit
        if not start.any() and best.agree_with(own):
            return limit
        return Limit(own.model(nearest_solution(start, modes, best, own)), limit.minimum)

    def _needs_refinement(self, limit: Limit) -> bool:
        """Whether rounding may have cost coefficients or loss more than about two digits."""
        statistics = self.statistics
        size = statistics.target_variance if self.coordinates.fit_intercept else statistics.target_square
        if self.modes.smallest < WELL_CONDITIONED or (limit.minimum < SMALL_LOSS * size).any():
            return True
        target_mean = np.abs(statistics.target_mean)
        terms = np.abs(statistics.feature_mean[:, None] * limit.model.coef)
        largest = np.maximum(target_mean, terms.max(axis=0, initial=0.0))
        intercept = np.abs(limit.model.intercept)
        return bool((largest > CANCELLATION * intercept).any()) and bool(intercept.any())

    def _refined(self, limit: Limit) -> Limit:
        """Correct the limit by −V Λ⁻¹ Vᵀ ∇J/2, the gradient taken in extended precision, until nothing changes."""
        rows, modes, coordinates = self.rows, self.modes, self.coordinates
        assert rows is not None
        weight = rows.total
        (coef, intercept), minimum = limit
        best, least = limit.model, np.full(len(intercept), np.inf)
        shift = np.broadcast_to(coordinates.shift[:, None], coef.shape)
        before = np.full(len(intercept), np.inf)
        doubtful = bool((modes.doubt > DOUBTFUL).any())
        for _ in range(MAX_REFINEMENTS):
            sum_r, sum_rx, sum_rr = residual_and_gradient(rows, coordinates.joint_exponent, coef, intercept)
            loss = sum_rr / weight
            better = loss <= WORSE * least  # else the last step was rounding, and worse than none
            best = Model(np.where(better, coef, best.coef), np.where(better, intercept, best.intercept))
            least = np.minimum(loss, least)
            product, error = two_product(shift, np.broadcast_to(sum_r[0], coef.shape))
            centred = (sum_rx[0] - product) + (sum_rx[1] - error - shift * sum_r[1])
            slopes = centred / coordinates.scale[:, None] / weight
            descent = coordinates.join((sum_r[0] + sum_r[1]) / weight, slopes)
            step = modes.coordinates(descent) / modes.eigenvalues[:, None]
            theta = modes.combine(step)
            size = _relative(theta, coef * coordinates.scale[:, None], intercept)
            shrinks = better & (size < before / 2)  # else the target is left alone: what is left of it is rounding
            change = coordinates.model(theta)
            coef = np.where(shrinks, coef + change.coef, best.coef)
            intercept = np.where(shrinks, intercept + change.intercept, best.intercept)
            gain = np.sum(modes.eigenvalues[:, None] * step**2, axis=0)
            minimum = np.where(shrinks, np.maximum(loss - gain, 0.0), least)
            if not shrinks.any():
                break
            if not doubtful and (~shrinks | (size * np.maximum(size, modes.error) < EPS / 4)).all():
                break  # the next step would be this small
            before = np.where(shrinks, size, 0.0)
        else:
            (coef, intercept), minimum = best, least
        return Limit(Model(coef, intercept), minimum)


def loss_of(model: Model, rows: Rows, coordinates: Coordinates) -> Array:
    """J of a model on the rows, target by target, its residuals in extended precision."""
    loss: Array = residual_and_gradient(rows, coordinates.joint_exponent, *model)[2] / rows.total
    return loss


def _relative(change: Array, slopes: Array, intercept: Array) -> Array:
    """The largest change of each target's theta, relative to its largest coefficient in the same coordinates."""
    largest = np.maximum(np.abs(slopes).max(axis=0, initial=0.0), np.abs(intercept))
    relative: Array = np.abs(change).max(axis=0, initial=0.0) / np.maximum(largest, np.finfo(float).tiny)
    return relative


def nearest_solution(start: Array, modes: Modes, best: Coordinates, own: Coordinates) -> Array:
    """The least-squares solution nearest to `start` in the coordinates `own`, which descent from there converges to.

    `modes` are those in the coordinates `best`: there the solutions are Λ^½Vᵀθ = Λ^½z*, fewer equations than
    unknowns. In the coordinates `own` the unknowns may be of very different sizes. Householder's QR of the transpose
    perturbs each of them by its own rounding only if large rows come first and columns are pivoted (Cox and Higham
    1998).
    """
    root = np.sqrt(modes.eigenvalues)[:, None]
    M, q = best.of_functional(root * modes.vectors.T, own), root * modes.optimum
    if not np.isfinite(M).all():
        raise ValueError(OVERFLOW)
    order = np.argsort(-np.abs(M).max(axis=0, initial=0.0), kind="stable")
    Q, R, pivots = linalg.qr(M.T[order], mode="economic", pivoting=True, check_finite=False)
    theta = start.copy()
    for _ in range(2):  # the second removes what the rounding of a far start leaves
        gap = (q - M @ theta)[pivots]
        theta[order] += Q @ linalg.solve_triangular(R, gap, trans="T", check_finite=False)
    return theta
