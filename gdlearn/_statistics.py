"""Statistics: mean, variance and extremes of each column, all that coordinates are learned from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ._arrays import Array, Exponents, beyond_float64, safe_exponents
from ._rows import Block, Rows

NEARLY_FULL = 0.9
"""Part of the weight in stored entries of a sparse column up to which mean square less squared mean loses a digit."""

TINY_SQUARE = 2.0**-800
"""Mean squares below which the sizes themselves are looked at, as where they overflow: squares may have vanished."""


@dataclass(frozen=True, eq=False)
class Statistics:
    """Weighted statistics of the columns of z = (x, y), column j in units of 2**exponent[j].

    Attributes
    ----------
    n_features : int
        d; the first d columns belong to x, the other t to y.
    exponent : ndarray of shape (d + t,), int64
        Zero unless squares of the column would overflow or underflow.
    mean, variance : ndarray of shape (d + t,), float64
    mean_rest : ndarray of shape (d + t,), float64
        What rounding took from the mean, where that is known.
    minimum, maximum : ndarray of shape (d,), float64, or None
        Of each feature; None where nobody has asked for them.
    """

    n_features: int
    exponent: Exponents
    mean: Array
    variance: Array
    mean_rest: Array
    minimum: Array | None
    maximum: Array | None

    @property
    def feature_mean(self) -> Array:
        """Of shape (d,)."""
        return self.mean[: self.n_features]

    @property
    def feature_variance(self) -> Array:
        """Of shape (d,)."""
        return self.variance[: self.n_features]

    @property
    def feature_rest(self) -> Array:
        """Of shape (d,)."""
        return self.mean_rest[: self.n_features]

    @property
    def feature_size(self) -> Array:
        """The root mean square of each feature about zero, of shape (d,)."""
        return np.sqrt(self.feature_variance + self.feature_mean**2)

    @property
    def target_mean(self) -> Array:
        """Of shape (t,)."""
        return self.mean[self.n_features :]

    @property
    def target_rest(self) -> Array:
        """Of shape (t,)."""
        return self.mean_rest[self.n_features :]

    @property
    def target_variance(self) -> Array:
        """Of shape (t,)."""
        return self.variance[self.n_features :]

    @property
    def target_square(self) -> Array:
        """The mean square of each target."""
        return self.target_variance + self.target_mean**2


def statistics_of(rows: Rows, *, extremes: bool = True) -> Statistics:
    """The statistics of the rows in one or two reads, without a d×d matrix; sparse rows need not tell the extremes."""
    known = extremes or not sparse.issparse(rows.X)
    return statistics_by(
        lambda exponent: columns_of(rows, exponent, extremes=extremes),
        lambda: sizes_of(rows),
        (rows.n_features, rows.width),
        extremes=known,
    )


Found = tuple[Array, Array, Array, Array]
"""Mean, variance, minimum and maximum of each column."""


def columns_of(rows: Rows, exponent: Exponents, *, extremes: bool) -> Found:
    """What is found of the columns in these units; without `extremes` sparse rows may have bounds in their place."""
    return _of_sparse(rows, exponent, extremes) if sparse.issparse(rows.X) else _of_dense(rows, exponent)


def statistics_by(
    find: Callable[[Exponents], Found], sizes: Callable[[], Array], widths: tuple[int, int], *, extremes: bool
) -> Statistics:
    """The statistics that `find` gives in the units that they need; `sizes` are asked where squares overflow.

    The widths are those of x and of z.
    """
    d, width = widths
    exponent = np.zeros(width, dtype=np.int64)
    with beyond_float64():
        mean, variance, low, high = find(exponent)
    # By the sizes and not by the squares: those of a tiny column are 0, as if it were constant.
    largest = np.maximum(np.abs(low), np.abs(high))
    exponent = safe_exponents(largest if np.isfinite(largest).all() else sizes())
    if exponent.any():
        mean, variance, low, high = find(exponent)
    minimum, maximum = (low[:d], high[:d]) if extremes else (None, None)
    return Statistics(d, exponent, mean, variance, np.zeros_like(mean), minimum, maximum)


def _of_dense(rows: Rows, exponent: Exponents) -> Found:
    """Mean, variance, minimum and maximum of each column, from sums about a value of the column."""
    shift, d = rows.centre(), rows.n_features

    def work(blocks: Iterator[Block]) -> tuple[Array, Array]:
        sums, extremes = np.zeros((2, rows.width)), np.full((2, rows.width), -np.inf)
        for x, y, weight, _ in blocks:
            for part, z in ((slice(0, d), x), (slice(d, None), y)):
                share = z if weight is None else weight[:, None] * z
                sums[:, part] += share.sum(axis=0), np.einsum("nj,nj->j", share, z)
                np.maximum(extremes[:, part], [-z.min(axis=0), z.max(axis=0)], out=extremes[:, part])
        return sums, extremes

    def merge(a: tuple[Array, Array], b: tuple[Array, Array]) -> tuple[Array, Array]:
        return a[0] + b[0], np.maximum(a[1], b[1])

    sums, (below, high) = rows.fold(work, merge, shift, exponent)
    (mean, square), origin = sums / rows.total, np.ldexp(shift, -exponent)
    return origin + mean, np.maximum(square - mean**2, 0.0), origin - below, origin + high


def _of_sparse(rows: Rows, exponent: Exponents, extremes: bool) -> Found:
    """Mean, variance, minimum and maximum of each column, from the stored entries alone; the others are zero.

    Without `extremes` there may stand bounds in their place, which take no time.
    """
    d, share = rows.n_features, rows.share
    mean, variance, low, high = np.zeros((4, d))
    entries = np.ones(rows.X.nnz)
    stored = _products(rows.X, entries, share)
    full = np.flatnonzero(stored > NEARLY_FULL)
    if len(full) < d:
        data = _in_units(rows.X, exponent)
        mean, square = (_products(rows.X, z, share) for z in (data, np.multiply(data, data, out=entries)))
        variance = np.maximum(square - mean**2, 0.0)
        high = np.sqrt(square / share[share > 0].min())
        low = -high
        lost = ((square < TINY_SQUARE) & (stored > 0)) | ~np.isfinite(square)
        if extremes or lost.any():
            low, high = _extremes(rows.X, data, share)
    if len(full):
        some = rows.X if len(full) == d else rows.X[:, full]
        mean[full], variance[full], low[full], high[full] = _of_full(some, share, exponent[full])

    counted = share > 0
    share, y = share[counted], np.ldexp(rows.y[counted].astype(np.float64), -exponent[d:])
    rise = y - y[0]
    y_mean = share @ rise
    return (
        np.concatenate([mean, y[0] + y_mean]),
        np.concatenate([variance, share @ (rise - y_mean) ** 2]),
        np.concatenate([low, y.min(axis=0)]),
        np.concatenate([high, y.max(axis=0)]),
    )


def _extremes(X: Any, data: Array, share: Array) -> tuple[Array, Array]:
    """Minimum and maximum of each column of which not all entries are stored."""
    low, high = np.zeros((2, X.shape[1]))
    column, used = _columns_of(X), slice(None) if share.all() else share[_rows_of(X)] > 0
    np.minimum.at(low, column[used], data[used])
    np.maximum.at(high, column[used], data[used])
    return low, high


def _of_full(X: Any, share: Array, exponent: Exponents) -> tuple[Array, Array, Array, Array]:
    """The same of columns stored in full or nearly so, whose mean may be far larger than their deviation."""
    d, column, row = X.shape[1], _columns_of(X), _rows_of(X)
    data, part = _in_units(X, exponent), share[row]
    used = part > 0

    def total(values: NDArray[np.generic]) -> Array:
        return np.asarray(np.bincount(column, weights=values, minlength=d), dtype=np.float64)

    full = total(used) == np.count_nonzero(share)
    low, high = np.where(full, np.inf, 0.0), np.where(full, -np.inf, 0.0)
    np.minimum.at(low, column[used], data[used])
    np.maximum.at(high, column[used], data[used])

    # From the minimum on, so that a constant column has exactly no variance; entries not stored are at 0 − low.
    rise, missing = data - low[column], np.maximum(1.0 - total(part), 0.0) * ~full
    mean = total(part * rise) - missing * low
    variance = total(part * (rise - mean[column]) ** 2) + missing * (low + mean) ** 2
    return low + mean, variance, low, high


def _products(X: Any, data: Array, share: Array) -> Array:
    """The sums over the rows of share times `data`, which stand in the places of the entries of X."""
    return np.asarray(type(X)((data, X.indices, X.indptr), shape=X.shape).T @ share)


def _in_units(X: Any, exponent: Exponents) -> Array:
    """The stored entries as float64, column j in units of 2**exponent[j]."""
    data: Array = X.data.astype(np.float64, copy=False)
    return np.ldexp(data, -exponent[_columns_of(X)]) if exponent.any() else data


def _columns_of(X: Any) -> NDArray[np.integer[Any]]:
    """The column of each stored entry of a CSR or CSC matrix."""
    return X.indices if X.format == "csr" else np.repeat(np.arange(X.shape[1]), np.diff(X.indptr))


def _rows_of(X: Any) -> NDArray[np.integer[Any]]:
    """The row of each stored entry."""
    return X.indices if X.format == "csc" else np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))


def exponents_of(rows: Rows) -> Exponents:
    """For each column whose squares are in danger, e with |z| < 2**e."""
    return safe_exponents(sizes_of(rows))


def sizes_of(rows: Rows) -> Array:
    """The largest |z| of each column."""

    def work(blocks: Iterator[Block]) -> Array:
        largest = np.zeros(rows.width)
        for x, y, _, _ in blocks:
            np.maximum(largest, np.concatenate([np.abs(x).max(axis=0), np.abs(y).max(axis=0)]), out=largest)
        return largest

    as_they_are = np.zeros(rows.width), np.zeros(rows.width, dtype=np.int64)
    sizes: Array = rows.fold(work, np.maximum, *as_they_are)
    return sizes
