"""The limit of the descent by a Cholesky factor of the second moments, where it holds all digits that the modes would.

The modes of many features cost some twenty times as much as the factor, of ten half of a fit, and where the descent
goes to its limit the coefficients need none. What does need them (n_iter_, the loss curve, L) is then found when it is
asked for.
"""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
from scipy.linalg import lapack

from ._arrays import Array
from ._coordinates import Coordinates, Model
from ._limit import SMALL_LOSS, intercept_cancels
from ._moments import Moments
from ._statistics import Statistics
from ._threads import one_blas_thread

FAR = 1e3
"""Mean of a feature, in units of its deviation, beyond which products with it round the intercept."""

WELL_CONDITIONED, WELL_ENOUGH = 1e-3, 1e-4
"""Reciprocal condition numbers of the correlations from which the factor gives the slopes to 13 and to 12 digits."""

MANY_FEATURES = 128
"""Features from which modes cost so much more than a factor that 12 digits will do; of fewer, no digit is given up."""

ALONE = 2_048
"""Features up to which one thread factorises and solves in less time than several lose by waiting for each other."""


def limit_by_cholesky(moments: Moments, statistics: Statistics, coordinates: Coordinates) -> tuple[Model, Array] | None:
    """The model with an intercept that minimises J, and J of each target; None where features are nearly collinear.

    One step of refinement gives back what the factorisation has rounded.
    """
    with one_blas_thread() if moments.n_features <= ALONE else nullcontext():
        return _limit(moments, statistics, coordinates)


def _limit(moments: Moments, statistics: Statistics, coordinates: Coordinates) -> tuple[Model, Array] | None:
    d, covariance = moments.n_features, moments.covariance
    ridge = coordinates.penalty.has_ridge
    best = coordinates.equilibrated(statistics)
    size = best.scale
    if not ((statistics.feature_variance > 0).all() and (moments.n_samples > d or ridge)):
        return None
    few = d < MANY_FEATURES
    if few and (statistics.feature_mean**2 > FAR**2 * statistics.feature_variance).any():
        return None
    A: Array = np.asfortranarray(covariance[:d, :d] / size / size[:, None])
    if ridge:
        A[np.diag_indices(d)] += np.ravel(best.penalty.ridge)
    b = covariance[:d, d:] / size[:, None]
    factor, info = lapack.dpotrf(A, lower=True, clean=False)
    if info != 0:
        return None
    share, info = lapack.dpocon(factor, np.abs(A).sum(axis=0).max(), uplo="L")
    if info != 0 or not share >= (WELL_CONDITIONED if few else WELL_ENOUGH):
        return None
    theta = lapack.dpotrs(factor, b, lower=True)[0]
    theta += lapack.dpotrs(factor, b - A @ theta, lower=True)[0]
    variance = covariance.diagonal()[d:]
    minimum = variance - np.einsum("jt,jt->t", b, theta)
    if (minimum < SMALL_LOSS * variance).any():  # a difference of squares has lost its digits
        return None
    coef = theta / size[:, None]
    rest = statistics.feature_rest @ coef - statistics.target_rest
    model = Model(coef, statistics.target_mean - statistics.feature_mean @ coef - rest)
    return None if few and intercept_cancels(statistics, model) else (model, minimum)
