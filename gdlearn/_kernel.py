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
    r"""Modes as in `Modes`, the vectors left as products with X: :math:`v_i = (a_i, \tilde X^T B_{\cdot i})`.

    A ridge term raises the eigenvalue of each direction of the slopes. Those that the rows do not span have an
    eigenvalue from it alone; descent moves along them only from a start that has a part there, and so they are added
    for that start, by `seen_from`.

    Attributes
    ----------
    columns : Columns
    left, right : ndarray of shape (n, m), float64
        B, for columns times √(w/W); and with a ridge term what makes the slopes' Vᵀ∇J of residuals times √(w/W).
    intercept : ndarray of shape (m,), float64
        a; zeros without an intercept.
    eigenvalues, optimum, minimum, error, smallest, is_lossy
        As in `Modes`.
    beside : ndarray of shape (d, any), float64
        Unit vectors of slopes beside what the rows span, for the last modes.
    """

    columns: Columns
    left: Array
    right: Array
    intercept: Array
    eigenvalues: Array
    optimum: Array
    minimum: Array
    error: float
    smallest: float
    is_lossy: bool
    beside: Array

    @classmethod
    def of(cls, columns: Columns, *, root: bool = False) -> KernelModes:
        """From the eigenvalues of the kernel ZZᵀ, or with `root` from the singular values of Zᵀ's triangle."""
        share, coordinates = columns.share, columns.coordinates
        n, centred = len(share), coordinates.centred
        ridge = float(coordinates.penalty.ridge)  # in the coordinates of the descent it is one number
        mean = (share**2) @ columns.y
        q = share[:, None] * (columns.y - mean if centred else columns.y)
        in_kernel = coordinates.fit_intercept and not centred and not ridge
        s, U = _singular(columns, in_kernel, root)
        known_zero = int(centred and len(s) == n)  # centred rows sum to zero
        s, U = s[: len(s) - known_zero], U[:, : U.shape[1] - known_zero]
        largest = float(s[0]) if len(s) else 0.0
        # What is below the noise is rounding: of squares by their sides, of a root where products with X lose digits.
        noise = ROOT_RESOLUTION if root else np.sqrt(EPS * (8 * n + 2 * np.sqrt(columns.rows.n_features)))
        held = s > (EPS if ridge else noise) * largest
        least = float(s[-1]) ** 2 + ridge if len(s) else 1.0
        top = largest**2 + ridge
        smallest = max(least / top, 0.0) if top > 0 else 1.0
        s, U = s[held], U[:, held]
        values = s * s + ridge
        projection = U.T @ q
        left, right, optimum = U / s, U * s, (s / values)[:, None] * projection
        rest = q - U @ projection
        minimum = np.sum(rest * rest, axis=0) + np.sum(ridge / values[:, None] * projection**2, axis=0)
        a = left.T @ share if in_kernel else np.zeros(len(values))
        squared = top / float(values[-1]) if len(values) else 0.0
        error = min(1.0, 4 * EPS * (np.sqrt(squared) if root else squared))
        if centred:  # the intercept is one more mode, λ = 1, with a column of zeros so that products leave it out
            place = int(np.searchsorted(-values, -1.0))
            values, a = np.insert(values, place, 1.0), np.insert(a, place, 1.0)
            optimum = np.insert(optimum, place, mean, axis=0)
            left, right = (np.insert(of_slopes, place, 0.0, axis=1) for of_slopes in (left, right))
        elif coordinates.fit_intercept and ridge:  # which the intercept does not pay: its mode mixes with the others
            values, V, optimum = _beside_intercept(share, q, s, U, ridge, root)
            a, left, right = V[0].copy(), left @ V[1:], right @ V[1:]
            intercept, slopes = V[:1] @ optimum, V[1:] @ optimum
            rest = q - share[:, None] * intercept - U @ (s[:, None] * slopes)
            minimum = np.sum(rest * rest, axis=0) + ridge * np.sum(slopes**2, axis=0)
            smallest = float(min(ridge, values[-1]) / values[0])
            error = min(1.0, 4 * EPS / (np.sqrt(smallest) if root else max(smallest, EPS)))
        is_lossy = not root and largest > 0 and (smallest < HALF_THE_DIGITS or not (held.all() or ridge))
        beside = np.zeros((columns.rows.n_features, 0))
        return cls(columns, left, right, a, values, optimum, minimum, error, smallest, is_lossy, beside)

    def seen_from(self, start: Array) -> KernelModes:
        """The same with the modes that descent from this start moves along besides."""
        coordinates = self.columns.coordinates
        slopes = coordinates.split(start)[1]
        if not (coordinates.penalty.has_ridge and slopes.any()):
            return self
        unit, sizes, _ = linalg.svd(self._beside(slopes, self.coordinates(start)), full_matrices=False)
        unit = unit[:, sizes > EPS * np.abs(slopes).max()]
        nothing = np.zeros((unit.shape[1], slopes.shape[1]))
        return replace(
            self,
            eigenvalues=np.append(self.eigenvalues, np.full(len(nothing), coordinates.penalty.ridge)),
            optimum=np.vstack([self.optimum, nothing]),
            beside=unit,
        )

    @property
    def condition_number(self) -> float:
        """λ_max/λ_min, over the modes that the data or a ridge term hold."""
        if not len(self.eigenvalues):
            return 1.0
        coordinates, least = self.columns.coordinates, float(self.eigenvalues[-1])
        if coordinates.penalty.has_ridge and len(self.eigenvalues) < coordinates.shape[0]:
            least = min(least, float(coordinates.penalty.ridge))
        return float(self.eigenvalues[0]) / least

    @property
    def of_intercept(self) -> NDArray[np.bool_]:
        """Which mode is the intercept by itself, of shape (m,)."""
        apart = np.zeros(len(self.eigenvalues), dtype=bool)
        apart[: len(self.intercept)] = self.intercept == 1.0
        return apart

    def _beside(self, slopes: Array, z: Array) -> Array:
        """The part of slopes that the vectors Vz of the rows leave of them, where z are their coordinates."""
        return slopes - self.columns.adjoint(self.left @ z)

    def gap(self, start: Array) -> Array:
        """z* − Vᵀθ, of shape (m, t)."""
        return self.optimum - self.coordinates(start)

    def coordinates(self, theta: Array) -> Array:
        """Vᵀθ = aᵀθ₀ + BᵀX̃ θ_{1..d}."""
        if not theta.any():
            return np.zeros((len(self.eigenvalues), theta.shape[1]))
        intercept, slopes = self.columns.coordinates.split(theta)
        z = self.left.T @ self.columns.predict(slopes) + np.outer(self.intercept, intercept)
        if not self.beside.shape[1]:
            return z
        return np.vstack([z, self.beside.T @ self._beside(slopes, z)])  # not of the slopes: V may be a little askew

    def combine(self, z: Array) -> Array:
        """Vz: the intercepts aᵀz and the slopes X̃ᵀBz."""
        columns, m = self.columns, len(self.intercept)
        slopes = columns.adjoint(self.left @ z[:m]) + self.beside @ z[m:]
        return columns.coordinates.join(self.intercept @ z[:m], slopes)

    def residual_step(self, theta: Array, z: Array) -> tuple[Array, Array]:
        """J at theta = Vz by the residuals, and the step in the modes that takes away what these can remove."""
        columns, coordinates = self.columns, self.columns.coordinates
        intercept, slopes = coordinates.split(theta)
        r = columns.share[:, None] * (columns.y - intercept) - columns.predict(slopes)
        value = np.sum(r * r, axis=0) + coordinates.charge(theta)
        if coordinates.penalty.has_ridge:
            step = self.right.T @ r + np.outer(self.intercept, columns.share @ r)
            charged = z - np.outer(self.intercept, self.intercept @ z)  # all but what the intercept has of it
            return value, (step - coordinates.penalty.ridge * charged) / self.eigenvalues[:, None]
        step = self.left.T @ r
        if coordinates.centred:
            step[self.intercept == 1.0] = columns.share @ r
        return value, step


def _beside_intercept(
    share: Array, q: Array, s: Array, U: Array, ridge: float, root: bool
) -> tuple[Array, Array, Array]:
    """Eigenvalues, vectors and optimum of J in an intercept and the directions of the slopes, of which it pays none.

    The matrix is GᵀG with G = [share, Us] over [0, √r]: with `root` the singular values of G, for squares lose digits.
    """
    n, m = len(share), len(s)
    if root:
        G = np.block([[share[:, None], U * s], [np.zeros((m, 1)), np.sqrt(ridge) * np.eye(m)]])
        left, size, Vt = factorised(linalg.svd, G, full_matrices=False, check_finite=False, lapack_driver="gesvd")
        return size * size, Vt.T, (left[:n].T @ q) / size[:, None]
    h = s * (U.T @ share)
    A = np.block([[np.ones((1, 1)), h[None]], [h[:, None], np.diag(s * s + ridge)]])
    values, V = (part[..., ::-1] for part in factorised(np.linalg.eigh, A))
    values = np.maximum(values, EPS * values[0])
    return values, V, (V.T @ np.vstack([share @ q, s[:, None] * (U.T @ q)])) / values[:, None]


def _singular(columns: Columns, with_intercept: bool, root: bool) -> tuple[Array, Array]:
    """Singular values of Z, descending, and its left singular vectors; 0 where a square is rounded below it."""
    share, n = columns.share, len(columns.share)
    total = np.zeros((0 if root else n, n))
    if with_intercept:
        total = share[None].copy() if root else np.outer(share, share)
    with beyond_float64():
        for _, block in columns.blocks():
            total = triangle(np.vstack([total, block.T])) if root else total + block @ block.T
    if not np.isfinite(total).all():
        raise ValueError(OVERFLOW)
    if root:
        _, s, Ut = factorised(linalg.svd, total, full_matrices=False, check_finite=False, lapack_driver="gesvd")
        return s, Ut.T
    values, U = (part[..., ::-1] for part in factorised(np.linalg.eigh, total))
    return np.sqrt(np.maximum(values, 0.0)), U
