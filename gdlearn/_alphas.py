"""Alphas: a grid of strengths of a penalty that suits the data, from the strongest that matters downwards."""

from __future__ import annotations

import numpy as np

from ._arrays import LARGEST_FLOAT, Array, beyond_float64
from ._curvature import largest_eigenvalue
from ._problem import Problem

STRONGEST_RIDGE = 10.0
"""The largest alpha of a grid of ridge terms, in units of λ_max: it leaves at most a tenth of any direction."""

EPS_OF_RIDGE, EPS_OF_LASSO = 1e-6, 1e-3
"""The smallest alpha relative to the largest, where nobody says."""

CURVATURE, STEPS_FOR_CURVATURE = 1e-3, 100
"""Asked of λ_max, relatively, and the products with X after which a bound on it will do."""


def alpha_grid(problem: Problem, l1_ratio: float, n_alphas: int, eps: float | None = None) -> Array:
    """The `n_alphas` values of alpha, log-spaced and descending, from :func:`largest_alpha` to `eps` times it.

    `eps` is 1e-3 by default and, of ridge terms (l1_ratio = 0), 1e-6.
    """
    if eps is None:
        eps = EPS_OF_LASSO if l1_ratio > 0 else EPS_OF_RIDGE
    largest = largest_alpha(problem, l1_ratio)
    return np.geomspace(largest, eps * largest, n_alphas)


def largest_alpha(problem: Problem, l1_ratio: float) -> float:
    r"""The smallest alpha that leaves no slope for any target, or of a ridge term, which leaves some, 10·λ_max.

    .. math::  \alpha_{\max} = \max_{j,t} \Bigl|\frac1W \sum_n w_n \tilde x_{nj} y_{nt}\Bigr| / \rho

    Features and targets are centred where there is an intercept, and λ_max is the largest eigenvalue of the second
    moments of the features. Where this would be 0, for any alpha then leaves no slope, it is 1.
    """
    own = problem.coordinates
    best = own.unpenalised.equilibrated(problem.statistics)
    slopes, ratio = problem.slopes(best), best.scale / own.scale
    with beyond_float64():
        if l1_ratio > 0:
            size = np.abs(ratio[:, None] * slopes.cross).max(axis=0)
            largest = float(np.ldexp(size, own.target_exponent).max()) / l1_ratio
        else:
            trace = float(np.sum((ratio * slopes.size) ** 2))
            largest = STRONGEST_RIDGE * largest_eigenvalue(
                lambda v: ratio * slopes.product(ratio * v), len(ratio), trace, CURVATURE, STEPS_FOR_CURVATURE
            )
    return min(largest, float(LARGEST_FLOAT)) if largest > 0 else 1.0
