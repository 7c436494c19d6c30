"""Mean, variance and extremes of each feature, where a d×d matrix is not wanted."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ._arrays import Array, Exponents, safe_exponents, squares_are_safe
from ._rows import Rows

Statistics = tuple[Array, Array, Array, Array]
"""Mean, variance, minimum and maximum of each feature."""


def feature_statistics(rows: Rows) -> tuple[Exponents, Statistics]:
    """Statistics without a d×d matrix, in units of 2**exponent where squares would leave float64."""
    collect = _sparse_statistics if sparse.issparse(rows.X) else _dense_statistics
    plain = np.zeros(rows.n_features, dtype=np.int64)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        statistics = collect(rows, plain)
    mean, variance, low, high = statistics
    if squares_are_safe(variance, mean):
        return plain, statistics
    exponent = safe_exponents(np.maximum(np.abs(low), np.abs(high)))
    return exponent, collect(rows, exponent) if exponent.any() else statistics


def _dense_statistics(rows: Rows, exponent: Exponents) -> Statistics:
    d = rows.n_features
    units = np.append(exponent, np.zeros(rows.y.shape[1], dtype=np.int64))
    shift = rows.centre()
    weight_sum, total, square = 0.0, np.zeros(d), np.zeros(d)
    low, high = np.full(d, np.inf), np.full(d, -np.inf)
    for X, _, weight, _ in rows.blocks(shift, units):
        w = np.ones(len(X)) if weight is None else weight
        weight_sum += w.sum()
        total += w @ X
        square += w @ (X * X)
        np.minimum(low, X.min(axis=0), out=low)
        np.maximum(high, X.max(axis=0), out=high)
    mean, origin = total / weight_sum, np.ldexp(shift[:d], -exponent)
    return origin + mean, np.maximum(square / weight_sum - mean**2, 0.0), origin + low, origin + high


def _sparse_statistics(rows: Rows, exponent: Exponents) -> Statistics:
    """In one look at the stored entries; the others are zero."""
    X = rows.X.tocoo()  # shares the data; the coordinates are integers beside them
    d, column, part = X.shape[1], X.col, rows.share[X.row]
    data = np.ldexp(X.data.astype(np.float64, copy=False), -exponent[column])
    used = part > 0

    def total(values: NDArray[Any]) -> Array:
        return np.asarray(np.bincount(column, weights=values, minlength=d), dtype=np.float64)

    full = total(used) == np.count_nonzero(rows.share)
    low, high = np.where(full, np.inf, 0.0), np.where(full, -np.inf, 0.0)
    np.minimum.at(low, column[used], data[used])
    np.maximum.at(high, column[used], data[used])

    # From the minimum on, so that a constant column has exactly no variance; entries not stored are at 0 − low.
    rise, missing = data - low[column], np.maximum(1.0 - total(part), 0.0) * ~full
    mean = total(part * rise) - missing * low
    variance = total(part * (rise - mean[column]) ** 2) + missing * (low + mean) ** 2
    return low + mean, variance, low, high
