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

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from ._arrays import EPS, Array, beyond_float64
from ._coordinates import Coordinates, Model
from ._extended import about_shift, residual_and_gradient, two_product
from ._modes import Modes, singular_values, with_intercept
from ._rows import Rows, dense
from ._statistics import Statistics

MAX_REFINEMENTS = 6
WELL_CONDITIONED = 1e-3
"""λ_min/λ_max above this: the moments alone give the slopes to 13 digits."""

CANCELLATION = 1e3
"""How much larger than the intercept the terms may be whose difference it is."""

SMALL_LOSS = 1e-4
"""J_min relative to the mean square of y below which moments lose more than four digits of it."""

DOUBTFUL = 1.0 / 64.0
"""A direction of which rounding is at least this part must show that it lowers J."""

WEIGHTIEST = 30.0
"""How much more one feature counts than another at most, where independent ones are chosen: more may take rounding."""

ROUNDING = 1e-13
"""Sums that come to no more than this part of their terms come to nothing."""

UNSURE = 1e-9
"""The largest part of its terms that a sum may come to and still be taken for nothing, where its terms are rounded."""

MOST_DEPENDENT = 64
"""The largest number of features that are written as combinations of others to the last digit."""

WORSE_FIT = 1.01
"""√J of a shorter model, relative to that of another, above which it is not taken."""

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
        limit = self._raw()
        if self.rows is not None and self._needs_refinement(limit):
            limit = self._refined(limit)
        theta = own.theta(limit.model)
        if own.penalty.has_ridge:  # there is one solution, wherever the descent starts
            return theta, limit
        if not (self.modes.complete or (self.coordinates.agree_with(own) and not start.any())):
            limit = self._nearest(limit, start, own)
            theta = own.theta(limit.model)
        # A feature that is zero in the descent's coordinates: its coefficient never moves.
        still = (self.statistics.feature_variance == 0) & (self.statistics.feature_mean == own.shift)
        if still.any():
            theta[own.first :][still] = start[own.first :][still]
            limit = Limit(own.model(theta), limit.minimum)
        return theta, limit

    def modes_in(self, own: Coordinates) -> Modes:
        """The modes, carried to the coordinates `own`."""
        return self.modes.carried(self.coordinates, own, self.statistics.feature_rest)

    def with_factor(self, modes: Modes, own: Coordinates) -> Modes:
        """Other modes, found in the coordinates `own`, with the factor that these make there."""
        return modes.with_factor(self.modes, self.coordinates, own, self.statistics.feature_rest)

    def judged(self) -> LimitFinder:
        """Without the directions that, as float64 stores their coefficients, do not lower J."""
        if not len(self.modes.eigenvalues):
            return self
        modes, statistics = self.modes, self.statistics
        doubt, smallest = modes.doubt, modes.eigenvalues[-1]
        sizes = statistics.feature_size / self.coordinates.scale
        if EPS**2 * (sizes @ sizes) > DOUBTFUL**2 * smallest:  # storing the coefficients may cost something, too
            stored = EPS * np.linalg.norm(modes.vectors[self.coordinates.first :].T * sizes, axis=1)
            doubt = doubt + stored / np.sqrt(modes.eigenvalues)
        if not (doubt > DOUBTFUL).any():
            return self
        # Without rows nothing corrects what the rounding of the factorisation does to the optimum of a mode.
        risk = 2.0 * modes.doubt[:, None] * modes.optimum * (self.rows is None)
        finder = replace(self, modes=replace(modes, doubt=doubt))
        loss = finder._loss(risk)
        for i in range(len(doubt) - 1, -1, -1):
            if doubt[i] > DOUBTFUL:
                fewer = replace(finder, modes=finder.modes.without(i))
                there = fewer._loss(np.delete(risk, i, axis=0))
                if there <= loss:
                    finder, loss, risk = fewer, there, np.delete(risk, i, axis=0)
        return finder

    def _loss(self, risk: Array) -> float:
        """J of the limit from zero, as float64 stores it and off by `risk`, in units of each target's mean square."""
        minimum = self._loss_of(self._raw().model) if self.rows is None else self._refined(self._raw()).minimum
        size = self.statistics.target_square
        minimum = minimum + self.modes.eigenvalues @ risk**2
        return float(np.sum(minimum / np.where(size > 0, size, 1.0)))

    def _loss_of(self, model: Model) -> Array:
        """J of a model as float64 stores it, target by target: on the rows or, without, by the modes and the means."""
        if self.rows is not None:
            return loss_of(model, self.rows, self.coordinates)
        gap = self.modes.gap(self.coordinates.theta(model))
        if self.coordinates.fit_intercept:  # of a feature far from zero products are rounded, as the intercept is
            gap[self.modes.vectors[0] == 1.0] = self._mean_residual(model)
        loss: Array = self.modes.minimum + np.sum(self.modes.eigenvalues[:, None] * gap**2, axis=0)
        return loss

    def _size_of_terms(self, model: Model) -> Array:
        """The sum of the sizes of y and of what a model adds up: so much is rounded."""
        statistics = self.statistics
        of_features: Array = statistics.feature_size @ np.abs(model.coef)
        return np.sqrt(statistics.target_square) + np.abs(model.intercept) + of_features

    def _mean_residual(self, model: Model) -> Array:
        """ȳ − intercept − x̄·coef, its products and its sum exact but for what the means leave out."""
        statistics = self.statistics
        products, errors = two_product(-statistics.feature_mean[:, None], model.coef)
        errors -= statistics.feature_rest[:, None] * model.coef
        terms = np.vstack([statistics.target_mean, statistics.target_rest, -model.intercept, products, errors])
        return np.array([math.fsum(column) for column in terms.T.tolist()])

    def _raw(self) -> Limit:
        """The limit from zero in these coordinates, as the modes have it."""
        model = self.coordinates.model(self.modes.combine(self.modes.optimum))
        if self.rows is None:
            model = self._centred(model)
        return Limit(model, self.modes.minimum)

    def _centred(self, model: Model) -> Model:
        """With the intercept that suits the coefficients as float64 stores them, where features lie far from zero."""
        return model._replace(intercept=model.intercept + self._mean_residual(model) * self.coordinates.first)

    def _nearest(self, limit: Limit, start: Array, own: Coordinates) -> Limit:
        """Of all models that fit as `limit` does, the one nearest to `start` in the coordinates `own`."""
        first, best = own.first, self.coordinates
        is_feature = self.modes.vectors[:first].sum(axis=0) == 0
        vectors = self.modes.vectors[first:, is_feature]
        # The dependent features are written as combinations of the others, x_r = offset + x_h C: the solutions are then
        # those θ that give the features h, with their share of the others, the same slopes.
        with beyond_float64():
            size, gap = best.scale / own.scale, (best.shift - own.shift) / own.scale
            gap = np.where(gap == 0, 0.0, gap + self.statistics.feature_rest / own.scale)
            held, rest, combination = combinations(vectors, size / np.hypot(1.0, gap / size))
            C = combination * (size[rest] / size[held, None])
            offset, terms = gap[rest] - gap[held] @ C, np.abs(gap[rest]) + np.abs(gap[held]) @ np.abs(C)
            values = self.modes.eigenvalues[is_feature]
            digits = ROUNDING * terms
            if len(values):  # the modes round C as they round their own entries, and that is far more of a small one
                rounded = 8.0 * EPS * np.sqrt(values[0] / values[-1]) * size[rest] / size[held, None]
                digits = np.clip(np.abs(gap[held]) @ rounded, digits, UNSURE * terms)
            finder = self._holding(held, values, vectors[held])
            if self.rows is not None and len(rest) <= MOST_DEPENDENT:
                slopes, intercept = finder._dependence(held, rest, combination)
                C = slopes[held] * (own.scale[held, None] / own.scale[rest])
                offset = (intercept - (own.shift[rest] - own.shift[held] @ slopes[held])) / own.scale[rest]
                digits = 4.0 * EPS * terms  # no exact offset is below the last digits of the features
            offset = np.where(np.abs(offset) > digits, offset, 0.0)
            given = own.theta(limit.model)
        F = np.zeros((len(held) + first, len(given)))
        F[first:, first + held], F[first:, first + rest] = np.eye(len(held)), C
        if first:
            F[0, 0], F[0, first + rest] = 1.0, offset
        theta = np.zeros_like(given)
        theta[np.concatenate([np.arange(first), first + held])] = F @ given  # all that the others explained, too
        theta = own.theta(finder._corrected(theta, own).model)
        nearest = finder._corrected(nearest_solution(F, theta, start), own)
        if self.rows is None:  # what rounding of C cost the fit, the modes have still
            gap = self.modes.gap(best.theta(nearest.model))
            missing = own.theta(best.model(self.modes.combine(gap)))
            change = own.model(nearest_solution(F, missing, np.zeros_like(missing)))
            corrected = Model(nearest.model.coef + change.coef, nearest.model.intercept + change.intercept)
            nearest = Limit(self._centred(corrected), nearest.minimum)
        # No shorter model is worth a worse fit: where rounding has spoilt this one, as stored, the other stands.
        before, after = (np.sqrt(self._loss_of(some.model)) for some in (limit, nearest))
        terms = np.minimum(*(self._size_of_terms(some.model) for some in (limit, nearest)))
        if self.rows is None:  # moments round what coefficients so large multiply
            spread = 8.0 * EPS * np.sqrt(self.statistics.feature_variance)
            before, after = before + spread @ np.abs(limit.model.coef), after + spread @ np.abs(nearest.model.coef)
        rounding = EPS * (terms + 64.0 * np.sqrt(self.statistics.target_square))
        spoilt = ~(after <= WORSE_FIT * before + rounding)
        (coef, intercept), minimum = nearest
        model = Model(np.where(spoilt, limit.model.coef, coef), np.where(spoilt, limit.model.intercept, intercept))
        return Limit(model, np.where(spoilt, limit.minimum, minimum))

    def _holding(self, held: NDArray[np.intp], eigenvalues: Array, vectors: Array) -> LimitFinder:
        """The same with the features `held` alone, whose parts of the modes are `vectors`: no other moves."""
        s, _, V = singular_values(np.sqrt(eigenvalues)[:, None] * vectors.T)
        d, t = len(self.coordinates.scale), len(self.statistics.target_mean)
        axes = np.zeros((d, len(s)))
        axes[held] = V
        modes = replace(
            self.modes, eigenvalues=s * s, vectors=axes, optimum=np.zeros((len(s), t)), doubt=np.zeros(len(s))
        )
        return replace(self, modes=with_intercept(modes, np.zeros(t)) if self.coordinates.fit_intercept else modes)

    def _corrected(self, theta: Array, own: Coordinates) -> Limit:
        """The model of theta, and what the rows say of its last digits."""
        limit = Limit(own.model(theta), self.modes.minimum)
        return limit if self.rows is None else self._refined(limit)

    def _dependence(self, held: NDArray[np.intp], rest: NDArray[np.intp], C: Array) -> Model:
        """What the features `rest` are made of, in the features `held` and an intercept: about C, to the last digit.

        Where an offset is large the least rounding of it would change how features share what they explain.
        """
        assert self.rows is not None
        y = np.asarray(dense(self.rows.X[:, rest]), dtype=np.float64)
        own = replace(self.coordinates, target_exponent=self.coordinates.exponent[rest])
        finder = replace(self, coordinates=own, rows=replace(self.rows, y=y))
        theta = np.zeros(own.shape)
        theta[own.first + held] = C * own.scale[rest]
        if own.first:
            theta[0] = own.shift[rest]
        return finder._corrected(theta, own).model

    def _needs_refinement(self, limit: Limit) -> bool:
        """Whether rounding may have cost coefficients or loss more than about two digits."""
        statistics = self.statistics
        size = statistics.target_variance if self.coordinates.fit_intercept else statistics.target_square
        if self.modes.smallest < WELL_CONDITIONED or (limit.minimum < SMALL_LOSS * size).any():
            return True
        return intercept_cancels(statistics, limit.model)

    def _refined(self, limit: Limit) -> Limit:
        """Correct the limit by −V Λ⁻¹ Vᵀ ∇J/2, the gradient taken in extended precision, until nothing changes."""
        rows, modes, coordinates = self.rows, self.modes, self.coordinates
        assert rows is not None
        weight = rows.total
        (coef, intercept), minimum = limit
        best, least = limit.model, np.full(len(intercept), np.inf)
        before = np.full(len(intercept), np.inf)
        doubtful = bool((modes.doubt > DOUBTFUL).any())
        for _ in range(MAX_REFINEMENTS):
            sum_r, sum_rx, sum_rr = residual_and_gradient(rows, coordinates.joint_exponent, coef, intercept)
            slopes_now = coef * coordinates.scale[:, None]
            loss = sum_rr / weight + coordinates.penalty.value(slopes_now)
            better = loss <= WORSE * least  # else the last step was rounding, and worse than none
            best = Model(np.where(better, coef, best.coef), np.where(better, intercept, best.intercept))
            least = np.minimum(loss, least)
            centred = about_shift(sum_r, sum_rx, coordinates.shift)
            slopes = centred / coordinates.scale[:, None] / weight - coordinates.penalty.gradient(slopes_now) / 2.0
            descent = coordinates.join((sum_r[0] + sum_r[1]) / weight, slopes)
            # In the modes Newton's step is a division, and directions that are not held get none of it.
            step = modes.coordinates(descent) / modes.eigenvalues[:, None]
            theta = modes.combine(step)
            size = _relative(theta, slopes_now, intercept)
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


def intercept_cancels(statistics: Statistics, model: Model) -> bool:
    """Whether an intercept is the difference of so much larger terms that rounding has cost it digits."""
    terms = np.abs(statistics.feature_mean[:, None] * model.coef)
    largest = np.maximum(np.abs(statistics.target_mean), terms.max(axis=0, initial=0.0))
    intercept = np.abs(model.intercept)
    return bool((largest > CANCELLATION * intercept).any()) and bool(intercept.any())


def loss_of(model: Model, rows: Rows, coordinates: Coordinates) -> Array:
    """J of a model on the rows, target by target, its residuals in extended precision."""
    loss: Array = residual_and_gradient(rows, coordinates.joint_exponent, *model)[2] / rows.total
    return loss + coordinates.charge(coordinates.theta(model))


def _relative(change: Array, slopes: Array, intercept: Array) -> Array:
    """The largest change of each target's theta, relative to its largest coefficient in the same coordinates."""
    largest = np.maximum(np.abs(slopes).max(axis=0, initial=0.0), np.abs(intercept))
    relative: Array = np.abs(change).max(axis=0, initial=0.0) / np.maximum(largest, np.finfo(float).tiny)
    return relative


def combinations(vectors: Array, rank: Array) -> tuple[NDArray[np.intp], NDArray[np.intp], Array]:
    """Independent features h, the others r, and C with x_r = x_h C, from the directions of shape (d, m) that they have.

    Features of high `rank` come first: then C is small, and no offset comes to it from a feature far from zero.
    """
    m = vectors.shape[1]
    if m == 0:
        return np.arange(0), np.arange(len(rank)), np.zeros((0, len(rank)))
    varies = vectors.any(axis=1)  # a constant feature has no unit of its own
    spread = np.where(varies, np.log(rank / rank[varies].max()), 0.0)
    weight = np.exp(spread * min(1.0, np.log(WEIGHTIEST) / max(-spread.min(), 1e-300)))
    pivots = linalg.qr(vectors.T * weight, mode="r", pivoting=True, check_finite=False)[1]
    held, rest = np.sort(pivots[:m]), np.sort(pivots[m:])
    C = linalg.solve(vectors[held].T, vectors[rest].T, check_finite=False)
    return held, rest, np.where(np.abs(C) > ROUNDING, C, 0.0)


def nearest_solution(F: Array, given: Array, start: Array) -> Array:
    """The θ nearest to `start` with Fθ as `given` has it: fewer equations than unknowns.

    The unknowns may be of very different sizes. Householder's QR of the transpose perturbs each of them by its own
    rounding only if large rows come first and columns are pivoted (Cox and Higham 1998).
    """
    if len(F) == 0:  # nothing is asked of θ
        return start.copy()
    order = np.argsort(-np.abs(F).max(axis=0, initial=0.0), kind="stable")
    Q, R, pivots = linalg.qr(F.T[order], mode="economic", pivoting=True, check_finite=False)
    theta, q = start.copy(), F @ given
    for _ in range(2):  # the second removes what the rounding of a far start leaves
        gap = (q - F @ theta)[pivots]
        theta[order] += Q @ linalg.solve_triangular(R, gap, trans="T", check_finite=False)
    return theta
