r"""Modes where rows are fewer than columns: the N×N kernel has the same nonzero eigenvalues as the d×d matrix.

With :math:`Z = W^{-1/2} \mathrm{diag}(\sqrt{w}) [1, \tilde X]` the Hessian is :math:`2Z^TZ`, and
:math:`ZZ^T = U\Lambda U^T` gives its modes, :math:`V = Z^TU\Lambda^{-1/2}`, without ever forming it. X is read in
blocks of columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from ._arrays import EPS, Array, beyond_float64, safe_exponents, triangle
from ._modes import HALF_THE_DIGITS, OVERFLOW
from ._rows import Rows, dense, slices
from ._scaling import Scaling, ScalingName, shift_and_scale
from ._threads import factorised

ROOT_RESOLUTION = 1e-7
"""σ relative to the largest below which the vectors ZᵀUσ⁻¹, left as products with X, lose their digits."""


@dataclass(frozen=True, eq=False)
class Columns:
    """The columns of X over the rows that have a weight, in scaled coordinates, a block at a time.

    Attributes
    ----------
    rows : Rows
    used : ndarray of int or None
        The rows that have a weight; None for all.
    share : ndarray of shape (n,), float64
        √(w/W).
    y : ndarray of shape (n, t), float64
        In units of 2**target_exponent.
    scaling : Scaling
    fit_intercept : bool
    mean, variance : ndarray of shape (d,), float64
        Of each feature, in units of 2**exponent.
    centred : bool
        Whether the shift is the mean of each column, so that the intercept is a mode by itself.
    """

    rows: Rows
    used: NDArray[np.intp] | None
    share: Array
    y: Array
    scaling: Scaling
    fit_intercept: bool
    mean: Array
    variance: Array
    centred: bool

    @classmethod
    def of(cls, rows: Rows, name: ScalingName, fit_intercept: bool) -> Columns:
        """One pass over the columns learns their scaling."""
        weight = rows.weight
        used = None if weight is None or weight.all() else np.flatnonzero(weight)
        share = rows.share if used is None else rows.share[used]
        d = rows.n_features
        exponent = np.zeros(d, dtype=np.int64)
        statistics = np.zeros((4, d))
        for columns in _column_slices(rows):
            block = _raw(rows, used, columns)
            exponent[columns] = safe_exponents(np.abs(block).max(axis=0))
            if exponent[columns].any():
                block = np.ldexp(block, -exponent[columns])
            statistics[:, columns] = _column_statistics(block, share)
        mean, variance, minimum, maximum = statistics
        shift, scale = shift_and_scale(
            name,
            fit_intercept=fit_intercept,
            mean=mean,
            variance=variance,
            minimum=minimum,
            maximum=maximum,
            exponent=exponent,
        )
        y = (rows.y if used is None else rows.y[used]).astype(np.float64)
        target_exponent = safe_exponents(np.abs(y).max(axis=0))
        scaling = Scaling(shift, scale, exponent, target_exponent)
        centred = name == "standard" and fit_intercept
        y = np.ldexp(y, -target_exponent)
        return cls(rows, used, np.sqrt(share), y, scaling, fit_intercept, mean, variance, centred)

    @property
    def feature_square(self) -> Array:
        """Mean square of each feature in scaled coordinates."""
        with beyond_float64():
            square: Array = (self.variance + (self.mean - self.scaling.shift) ** 2) / self.scaling.scale**2
        return square

    def in_coordinates(self, scaling: Scaling) -> Columns:
        """The same columns in other coordinates, centred where there is an intercept."""
        return replace(self, scaling=scaling, centred=self.fit_intercept)

    def dense(self) -> Array:
        """All columns of diag(√(w/W)) X̃ at once."""
        out = np.zeros((len(self.share), self.rows.n_features))
        for columns, block in self.blocks():
            out[:, columns] = block
        return out

    def blocks(self) -> Iterator[tuple[Any, Array]]:
        """Yield slices (or indices) of the features and the matching columns of diag(√(w/W)) X̃."""
        s = self.scaling
        plain = not s.exponent.any()
        for columns in _column_slices(self.rows):
            block = _raw(self.rows, self.used, columns)
            if not plain:
                block = np.ldexp(block, -s.exponent[columns])
            shift, scale = s.shift[columns], s.scale[columns]
            block = block - shift
            if self.centred and (np.abs(shift) > 8.0 * scale).any():  # an offset magnifies the rounding of the mean
                block -= (self.share**2) @ block
            if self.rows.weight is None:
                block *= self.share[0] / scale
            else:
                block *= self.share[:, None]
                block /= scale
            yield columns, block

    def predict(self, slopes: Array) -> Array:
        """diag(√(w/W)) X̃ times slopes of shape (d, t)."""
        out = np.zeros((len(self.share), slopes.shape[1]))
        for columns, block in self.blocks():
            out += block @ slopes[columns]
        return out

    def adjoint(self, r: Array) -> Array:
        """The transpose of diag(√(w/W)) X̃ times r of shape (n, t)."""
        out = np.zeros((self.rows.n_features, r.shape[1]))
        for columns, block in self.blocks():
            out[columns] = block.T @ r
        return out


def _column_slices(rows: Rows) -> Iterator[Any]:
    """Slices of the columns; of a sparse X, indices of those that have an entry (the others are zero, scaled too)."""
    n, d = rows.X.shape
    if not sparse.issparse(rows.X):
        yield from slices(d, n)
        return
    stored = np.unique(rows.X.indices) if rows.X.format == "csr" else np.flatnonzero(np.diff(rows.X.indptr))
    for part in slices(len(stored), n, strided=True):
        yield stored[part]


def _raw(rows: Rows, used: NDArray[np.intp] | None, columns: Any) -> Array:
    block = np.asarray(dense(rows.X[:, columns]), dtype=np.float64, order="C")
    return block if used is None else block[used]


def _column_statistics(block: Array, share: Array) -> Array:
    """Mean, variance, minimum and maximum of each column; a constant one has exactly no variance."""
    origin = block[0]
    deviation = block - origin
    mean = share @ deviation
    deviation -= mean
    return np.array([origin + mean, share @ (deviation * deviation), block.min(axis=0), block.max(axis=0)])


@dataclass(frozen=True, eq=False)
class KernelModes:
    """Modes as in `Modes`, the vectors left as products with X."""

    columns: Columns
    U: Array
    eigenvalues: Array
    optimum: Array
    minimum: Array
    error: float
    smallest: float
    is_lossy: bool
    intercept_mode: int | None
    """Where the intercept is a mode by itself: its place, with a column of zeros in U."""

    @classmethod
    def of(cls, columns: Columns, *, root: bool = False) -> KernelModes:
        """From the eigenvalues of the kernel ZZᵀ, or with `root` from the singular values of Zᵀ's triangle."""
        y, share = columns.y, columns.share
        n = len(y)
        mean = (share**2) @ y
        q = share[:, None] * (y - mean if columns.centred else y)
        start = np.zeros((0 if root else n, n))
        if columns.fit_intercept and not columns.centred:
            start = share[None].copy() if root else np.outer(share, share)
        total = start
        with beyond_float64():
            for _, block in columns.blocks():
                if root:
                    total = triangle(np.vstack([total, block.T]))
                else:
                    total = total + block @ block.T
        if not np.isfinite(total).all():
            raise ValueError(OVERFLOW)
        noise = ROOT_RESOLUTION if root else EPS * (8 * n + 2 * np.sqrt(columns.rows.n_features))
        if root:
            _, s, Ut = factorised(linalg.svd, total, full_matrices=False, check_finite=False, lapack_driver="gesvd")
            values, U = s, Ut.T
        else:
            values, U = (part[..., ::-1] for part in factorised(np.linalg.eigh, total))
        known_zero = int(columns.centred and len(values) == n)  # centred rows sum to zero
        values, U = values[: len(values) - known_zero], U[:, : U.shape[1] - known_zero]
        largest = float(values[0]) if len(values) else 0.0
        smallest = max(float(values[-1]) / largest, 0.0) if largest > 0 else 1.0
        held = values > noise * largest
        values, U = values[held], U[:, held]
        error = min(1.0, 4 * EPS * float(values[0] / values[-1])) if len(values) else 0.0
        eigenvalues = values * values if root else values
        projection = U.T @ q
        rest = q - U @ projection
        optimum = projection / np.sqrt(eigenvalues)[:, None]
        place = None
        if columns.centred:
            place = int(np.searchsorted(-eigenvalues, -1.0))
            eigenvalues = np.insert(eigenvalues, place, 1.0)
            optimum = np.insert(optimum, place, mean, axis=0)
            U = np.insert(U, place, 0.0, axis=1)
        minimum = np.sum(rest * rest, axis=0)
        if root:
            smallest = smallest**2
        is_lossy = not root and largest > 0 and (not held.all() or float(values[-1]) < HALF_THE_DIGITS * largest)
        return cls(columns, U, eigenvalues, optimum, minimum, error, smallest, is_lossy, place)

    @property
    def condition_number(self) -> float:
        """λ_max/λ_min, over the modes that the data hold."""
        return float(self.eigenvalues[0] / self.eigenvalues[-1]) if len(self.eigenvalues) else 1.0

    def gap(self, start: Array) -> Array:
        """z* − Vᵀθ, of shape (m, t)."""
        return self.optimum - self.coordinates(start)

    def coordinates(self, theta: Array) -> Array:
        """Vᵀθ = Λ^{-1/2} Uᵀ Zθ."""
        if not theta.any():
            return np.zeros((len(self.eigenvalues), theta.shape[1]))
        columns = self.columns
        slopes = theta[1:] if columns.fit_intercept else theta
        product = columns.predict(slopes)
        if columns.fit_intercept and not columns.centred:
            product += np.outer(columns.share, theta[0])
        z = (self.U.T @ product) / np.sqrt(self.eigenvalues)[:, None]
        if self.intercept_mode is not None:
            z[self.intercept_mode] = theta[0]
        return z

    def combine(self, z: Array) -> Array:
        """Vz = Zᵀ U Λ^{-1/2} z."""
        columns = self.columns
        rows = self.U @ (z / np.sqrt(self.eigenvalues)[:, None])
        slopes = columns.adjoint(rows)
        if not columns.fit_intercept:
            return slopes
        intercept = columns.share @ rows if self.intercept_mode is None else z[self.intercept_mode]
        return np.vstack([intercept, slopes])

    def residual_step(self, theta: Array) -> tuple[Array, Array]:
        """The residuals' J at theta, and the step in the modes that removes what the modes can remove of them."""
        columns = self.columns
        slopes, intercept = (theta[1:], theta[0]) if columns.fit_intercept else (theta, np.zeros(theta.shape[1]))
        r = columns.share[:, None] * (columns.y - intercept) - columns.predict(slopes)
        step = (self.U.T @ r) / np.sqrt(self.eigenvalues)[:, None]
        if self.intercept_mode is not None:
            step[self.intercept_mode] = columns.share @ r
        return np.sum(r * r, axis=0), step
