r"""The limit of the descent, to the last digit that the data hold.

Descent from θ₀ converges to θ₀ plus the shortest step that reaches a least-squares solution; from zero that is the
minimum-norm one. It does not depend on the learning rate, and where the features determine it, not on their scaling
either: so it is found in the best conditioned coordinates and carried over. The last digits come from one or two more
gradients, taken in extended precision and applied in the modes (corrected seminormal equations).

References
----------
Björck (1987), *Stability analysis of the method of seminormal equations for linear least squares problems*, Linear
Algebra Appl. 88. https://doi.org/10.1016/0024-3795(87)90101-7
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import linalg

from ._blocks import Array, Rows
from ._extended import residual_and_gradient, two_product
from ._modes import EPS, Modes
from ._moments import Moments
from ._scaling import Model, Scaling

MAX_REFINEMENTS = 5
WELL_CONDITIONED = 1e-3
"""λ_min/λ_max above this: the moments alone give the slopes to 13 digits."""

CANCELLATION = 1e3
"""How much larger than the intercept the terms may be whose difference it is."""


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


def equilibrated(moments: Moments, fit_intercept: bool) -> Scaling:
    """The coordinates in which the problem is best conditioned, near enough (van der Sluis 1969): columns of norm 1.

    Centred where there is an intercept, for the intercept is then a mode by itself.
    """
    d = moments.n_features
    mean, variance = moments.mean[:d], moments.covariance.diagonal()[:d]
    shift, square = (mean, variance) if fit_intercept else (np.zeros(d), variance + mean**2)
    scale = np.where(square > 0, np.sqrt(square), 1.0)
    return Scaling(shift, scale, moments.exponent[:d], int(moments.exponent[-1]))


def needs_refinement(modes: Modes, moments: Moments, limit: Limit) -> bool:
    """Whether rounding may have cost coefficients or loss more than about two digits."""
    if modes.smallest < WELL_CONDITIONED:
        return True
    d = moments.n_features
    variance, mean = moments.covariance.diagonal()[d:], moments.mean
    if (limit.minimum < 1e-6 * variance).any():
        return True
    largest = np.maximum(np.abs(mean[d:]), np.abs(mean[:d, None] * limit.model.coef).max(axis=0, initial=0.0))
    intercept = np.abs(limit.model.intercept)
    return bool((largest > CANCELLATION * intercept).any()) and bool(intercept.any())


def refined(limit: Limit, rows: Rows, modes: Modes, scaling: Scaling, moments: Moments, fit_intercept: bool) -> Limit:
    """Correct the limit by −V Λ⁻¹ Vᵀ ∇J/2, the gradient taken in extended precision, until nothing changes."""
    weight = rows.n_used if rows.weight is None else rows.weight.sum()
    (coef, intercept), minimum = limit
    shift = np.broadcast_to(scaling.shift[:, None], coef.shape)
    before = np.full(len(intercept), np.inf)
    for _ in range(MAX_REFINEMENTS):
        sum_r, sum_rx, sum_rr = residual_and_gradient(rows, moments.exponent, coef, intercept)
        product, error = two_product(shift, np.broadcast_to(sum_r[0], coef.shape))
        centred = (sum_rx[0] - product) + (sum_rx[1] - error - shift * sum_r[1])
        descent = centred / scaling.scale[:, None] / weight
        if fit_intercept:
            descent = np.vstack([(sum_r[0] + sum_r[1]) / weight, descent])
        step = modes.coordinates(descent) / modes.eigenvalues[:, None]
        theta = modes.combine(step)
        change = scaling.model(theta, fit_intercept)
        size = _relative(theta, scaling.theta(Model(coef, intercept), fit_intercept=False), intercept)
        shrinks = size < before / 2  # a target that no longer shrinks is left alone: what is left of it is rounding
        gain = np.sum(modes.eigenvalues[:, None] * step**2, axis=0)
        minimum = np.where(shrinks, np.maximum(sum_rr / weight - gain, 0.0), sum_rr / weight)
        coef = np.where(shrinks, coef + change.coef, coef)
        intercept = np.where(shrinks, intercept + change.intercept, intercept)
        if (~shrinks | (size * np.maximum(size, modes.error) < EPS / 4)).all():  # the next one would be this small
            break
        before = np.where(shrinks, size, 0.0)
    return Limit(Model(coef, intercept), minimum)


def _relative(change: Array, slopes: Array, intercept: Array) -> Array:
    """The largest change of each target's theta, relative to its largest coefficient in the same coordinates."""
    largest = np.maximum(np.abs(slopes).max(axis=0, initial=0.0), np.abs(intercept))
    relative: Array = np.abs(change).max(axis=0, initial=0.0) / np.maximum(largest, np.finfo(float).tiny)
    return relative


def shortest_step(
    particular: Array, start: Array, modes: Modes, best: Scaling, own: Scaling, fit_intercept: bool
) -> Array:
    """The least-squares solution nearest to `start` in the coordinates of `own`, which descent from there converges to.

    `particular` is any solution, in the coordinates of `own`; `modes` are those in the coordinates of `best`.
    """
    p, m = modes.vectors.shape
    null = linalg.qr(modes.vectors, check_finite=False)[0][:, m:] if m else np.eye(p)
    null = linalg.qr(best.to_coordinates_of(own, null, fit_intercept), mode="economic", check_finite=False)[0]
    return np.asarray(particular + null @ (null.T @ (start - particular)))
