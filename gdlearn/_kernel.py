r"""Modes where rows are fewer than columns: the N×N kernel has the same nonzero eigenvalues as the d×d matrix.

With :math:`Z = W^{-1/2} \mathrm{diag}(\sqrt{w}) [1, \tilde X]` the Hessian is :math:`2Z^TZ`, and
:math:`ZZ^T = U\Lambda U^T` gives its modes, :math:`V = Z^TU\Lambda^{-1/2}`, without ever forming it. X is read in
blocks of columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from ._arrays import EPS, Array, beyond_float64, in_units, triangle
from ._coordinates import Coordinates
from ._modes import HALF_THE_DIGITS, OVERFLOW
from ._rows import Rows, dense, slices
from ._statistics import Statistics
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
    statistics : Statistics
    coordinates : Coordinates
    """

    rows: Rows
    used: NDArray[np.intp] | None
    share: Array
    y: Array
    statistics: Statistics
    coordinates: Coordinates

    @classmethod
    def of(cls, rows: Rows, statistics: Statistics, coordinates: Coordinates) -> Columns:
        """The columns of these rows."""
        used = None if rows.weight is None or rows.weight.all() else np.flatnonzero(rows.weight)
        share, y = (rows.share, rows.y) if used is None else (rows.share[used], rows.y[used])
        y = in_units(y.astype(np.float64), -coordinates.target_exponent)
        return cls(rows, used, np.sqrt(share), y, statistics, coordinates)

    def dense(self) -> Array:
        """All columns of diag(√(w/W)) X̃ at once."""
        out = np.zeros((len(self.share), self.rows.n_features))
        for columns, block in self.blocks():
            out[:, columns] = block
        return out

    def blocks(self) -> Iterator[tuple[Any, Array]]:
        """Yield slices (or indices) of the features and the matching columns of diag(√(w/W)) X̃."""
        s = self.coordinates
        plain = not s.exponent.any()
        for columns in _column_slices(self.rows):
            block = _raw(self.rows, self.used, columns)
            if not plain:
                block = np.ldexp(block, -s.exponent[columns])
            shift, scale = s.shift[columns], s.scale[columns]
            block = block - shift
            if s.centred and (np.abs(shift) > 8.0 * scale).any():  # an offset magnifies the rounding of the mean
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
        y, share, coordinates = columns.y, columns.share, columns.coordinates
        n, centred = len(y), coordinates.centred
        mean = (share**2) @ y
        q = share[:, None] * (y - mean if centred else y)
        start = np.zeros((0 if root else n, n))
        if coordinates.fit_intercept and not centred:
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
        # What is below the noise is rounding: of squares by their sides, of a root where products with X lose digits.
        noise = ROOT_RESOLUTION if root else EPS * (8 * n + 2 * np.sqrt(columns.rows.n_features))
        if root:
            _, s, Ut = factorised(linalg.svd, total, full_matrices=False, check_finite=False, lapack_driver="gesvd")
            values, U = s, Ut.T
        else:
            values, U = (part[..., ::-1] for part in factorised(np.linalg.eigh, total))
        known_zero = int(centred and len(values) == n)  # centred rows sum to zero
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
        if centred:  # the intercept is one more mode, λ = 1, with a column of zeros so that products leave it out
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
        columns, coordinates = self.columns, self.columns.coordinates
        intercept, slopes = coordinates.split(theta)
        product = columns.predict(slopes)
        if coordinates.fit_intercept and not coordinates.centred:
            product += np.outer(columns.share, intercept)
        z = (self.U.T @ product) / np.sqrt(self.eigenvalues)[:, None]
        if self.intercept_mode is not None:
            z[self.intercept_mode] = intercept
        return z

    def combine(self, z: Array) -> Array:
        """Vz = Zᵀ U Λ^{-1/2} z."""
        columns = self.columns
        rows = self.U @ (z / np.sqrt(self.eigenvalues)[:, None])
        intercept = columns.share @ rows if self.intercept_mode is None else z[self.intercept_mode]
        return columns.coordinates.join(intercept, columns.adjoint(rows))

    def residual_step(self, theta: Array) -> tuple[Array, Array]:
        """The residuals' J at theta, and the step in the modes that removes what the modes can remove of them."""
        columns = self.columns
        intercept, slopes = columns.coordinates.split(theta)
        r = columns.share[:, None] * (columns.y - intercept) - columns.predict(slopes)
        step = (self.U.T @ r) / np.sqrt(self.eigenvalues)[:, None]
        if self.intercept_mode is not None:
            step[self.intercept_mode] = columns.share @ r
        return np.sum(r * r, axis=0), step
