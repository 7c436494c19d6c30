r"""Slopes: the squared error as a function of the slopes alone, on the matrix of second moments or on the rows.

.. math::  \sigma^2 - 2b^T\theta + \theta^TS\theta

An intercept is at its best value whatever the slopes are, so S, b and :math:`\sigma^2` are centred where there is one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, Protocol

import numpy as np
from scipy import sparse
from scipy.linalg import lapack

from ._arrays import EPS, Array, in_units
from ._coordinates import Coordinates
from ._curvature import largest_eigenvalue
from ._design import FAR, Design
from ._quadratic import Quadratic
from ._rows import Rows, dense, slices
from ._statistics import Statistics
from ._threads import LONG_SIDE, factorised

FEW = 64
"""Features up to which all eigenvalues are sooner found than a bound on the largest."""

CLOSE = 0.5, 20
"""By which part the bound on the largest eigenvalue may be above it, and the most products for that."""

LARGEST_SUPPORT = 2**12
"""Features whose second moments are formed at most, where those of all features are not (128 MB)."""

SPARE = 16
"""Features that a support may have beyond the number of rows: where it is full, one must come before another can go."""

TRIES = 16
"""Times that the diagonal grows, ten times each, before a matrix is given up."""


class Slopes(Protocol):
    """What proximal steps ask of the squared error, for m columns: targets, or targets times penalties."""

    @property
    def cross(self) -> Array:
        """b of each column, of shape (d, m)."""

    @property
    def square(self) -> Array:
        """σ² of each column, of shape (m,)."""

    @property
    def size(self) -> Array:
        """The root of the diagonal of S."""

    @property
    def curvature(self) -> float:
        """The largest eigenvalue of S, or a number not far above it."""

    @property
    def largest_support(self) -> int:
        """Features of which `gram` may be asked at once."""

    @property
    def settling(self) -> int:
        """Products that cost about as much as the system of a support."""

    def product(self, theta: Array) -> Array:
        """Sθ, for any number of columns."""

    def gram(self, support: Any) -> Array:
        """The rows and columns of S that belong to these features, as a new array."""

    def repeated(self, n: int) -> Slopes:
        """All columns n times, one set of them after the other."""


@dataclass(frozen=True, eq=False)
class MatrixSlopes:
    """On the matrix S itself, of shape (d, d)."""

    matrix: Array
    cross: Array
    square: Array

    @classmethod
    def of(cls, quadratic: Quadratic) -> MatrixSlopes:
        """The slopes of this quadratic."""
        S, b, square = quadratic.covariance, quadratic.cross, quadratic.target_variance
        if not quadratic.coordinates.fit_intercept:
            mean, target_mean = quadratic.mean, quadratic.target_mean
            S, b = S + np.outer(mean, mean), b + np.outer(mean, target_mean)
            square = square + target_mean**2
        return cls(S, b, square)

    @cached_property
    def size(self) -> Array:
        """The root of the diagonal of S."""
        return np.sqrt(np.maximum(self.matrix.diagonal(), 0.0))

    @cached_property
    def curvature(self) -> float:
        """The largest eigenvalue of S, or a number not far above it."""
        S, d = self.matrix, len(self.matrix)
        if d <= FEW:
            return max(float(np.linalg.eigvalsh(S)[-1]), 0.0)
        bound = largest_eigenvalue(lambda v: S @ v, d, float(self.size @ self.size), *CLOSE)
        return min(bound, float(np.abs(S).sum(axis=0).max()))

    @property
    def largest_support(self) -> int:
        """All of them."""
        return len(self.matrix)

    @property
    def settling(self) -> int:
        """Products that cost about as much as the system of a support."""
        return 15

    def product(self, theta: Array) -> Array:
        """Sθ, for any number of columns."""
        return self.matrix @ theta

    def gram(self, support: Any) -> Array:
        """The rows and columns of S that belong to these features, as a new array."""
        return np.asarray(self.matrix[support[:, None], support])

    def repeated(self, n: int) -> MatrixSlopes:
        """All columns n times, one set of them after the other."""
        return replace(self, cross=np.tile(self.cross, n), square=np.tile(self.square, n))


@dataclass(frozen=True, eq=False)
class RowSlopes:
    """On the rows, where S has no room: by two products with X, of which no more is ever dense than a support.

    Attributes
    ----------
    X : array or CSR/CSC matrix of shape (n, d)
    share : ndarray of shape (n,)
        The weights, which sum to 1.
    coordinates : Coordinates
        Best those whose shift is the mean, for nothing cancels there.
    """

    X: Any
    share: Array
    coordinates: Coordinates
    size: Array
    cross: Array
    square: Array

    @classmethod
    def of(cls, rows: Rows, statistics: Statistics, coordinates: Coordinates) -> RowSlopes:
        """The slopes of J on these rows."""
        square = statistics.feature_variance
        if not coordinates.fit_intercept:
            square = square + statistics.feature_mean**2
        share = rows.share
        y = np.ldexp(rows.y.astype(np.float64), -coordinates.target_exponent)
        y = y - share @ y if coordinates.fit_intercept else y
        size = np.sqrt(np.maximum(square, 0.0)) / coordinates.scale
        nothing = cls(rows.X, share, coordinates, size, np.empty((0, 0)), share @ (y * y))
        return replace(nothing, cross=nothing._adjoint(y))

    @cached_property
    def _design(self) -> Design:
        return Design(self.X, self.coordinates)

    @cached_property
    def curvature(self) -> float:
        """The largest eigenvalue of S, or a number not far above it."""
        return largest_eigenvalue(self.product, self.X.shape[1], float(self.size @ self.size), *CLOSE)

    @property
    def largest_support(self) -> int:
        """As many as there are rows, and some that may come before others go: more would be needlessly collinear."""
        return int(min(self.X.shape[0] + SPARE, LARGEST_SUPPORT))

    @property
    def settling(self) -> int:
        """Products that cost about as much as the system of a support."""
        return 50

    def product(self, theta: Array) -> Array:
        """Sθ, for any number of columns."""
        first = self.coordinates.first
        padded = np.concatenate([np.zeros((first, *theta.shape[1:])), theta]) if first else theta
        moved = self._design.predict(padded)
        return self._adjoint(moved - self.share @ moved if first else moved)

    def _adjoint(self, r: Array) -> Array:
        return self._design.adjoint((self.share * r.T).T)[self.coordinates.first :]

    @cached_property
    def _mean(self) -> Array:
        """Of the features in their coordinates, where there is an intercept; else 0."""
        d, first = self.X.shape[1], self.coordinates.first
        return self._design.adjoint(self.share)[first:] if first else np.zeros(d)

    def gram(self, support: Any) -> Array:
        """The rows and columns of S that belong to these features, as a new array."""
        c = self.coordinates
        mean, shift, scale, exponent = self._mean[support], c.shift[support], c.scale[support], c.exponent[support]
        if sparse.issparse(self.X) and not exponent.any():
            off = shift / scale + mean
            if (np.abs(off) <= FAR * self.size[support]).all():  # else the mean square would cancel
                X = self.X[:, support]
                return np.asarray(
                    (X.T @ X.multiply(self.share[:, None])).toarray() / scale / scale[:, None] - np.outer(off, off)
                )
        G = np.zeros((len(support), len(support)))
        for rows in slices(self.X.shape[0], len(support)):
            block = in_units(dense(self.X[rows][:, support]), -exponent)
            block = (block - shift) / scale - mean
            G += block.T @ (self.share[rows, None] * block)
        return G

    def repeated(self, n: int) -> RowSlopes:
        """All columns n times, one set of them after the other."""
        return replace(self, cross=np.tile(self.cross, n), square=np.tile(self.square, n))


def solved(G: Array, g: Array) -> Array:
    """Solve Gp = g for a positive semidefinite G, with a little more on its diagonal.

    One step of refinement takes back what that changes, but for directions that float64 cannot tell from flat ones:
    along them p is long where g says that J falls there. It is NaN where G is no such matrix.
    """
    n, diagonal = len(G), G.diagonal()
    more = n * EPS * diagonal
    for _ in range(TRIES):
        A = G.T.copy(order="F")
        A.T.reshape(-1)[:: n + 1] += more
        solve = partial(lapack.dposv, b=g, lower=True, overwrite_a=True)
        factor, p, info = solve(A) if n < LONG_SIDE else factorised(solve, A)
        if info == 0:
            p += lapack.dpotrs(factor, g - G @ p, lower=True)[0]
            return np.asarray(p)
        more = np.maximum(10.0 * more, EPS * (diagonal.max() or 1.0))
    return np.full(n, np.nan)


def lowest(x: Array, p: Array, sign: Array, t: Array, G: Array, g: Array) -> Array:
    """The lower of two points: the best between x and x + p, and x + p with 0 for each slope that changes its sign."""
    after = x + p
    crosses = after * sign < 0
    if not crosses.any():
        return after

    def rise(point: Array) -> float:
        q = point - x
        return float(2.0 * (g @ q) + q @ (G @ q) + 2.0 * (t @ (np.abs(point) - sign * point)))

    clipped, between = np.where(crosses, 0.0, after), _best_between(x, p, crosses, t, -float(g @ p))
    return clipped if rise(clipped) < rise(between) else between


def _best_between(x: Array, p: Array, crosses: Any, t: Array, curvature: float) -> Array:
    """The minimum of J at x + sp for 0 ≤ s ≤ 1, where half its derivative is curvature·(s − 1) but for kinks."""
    which = np.flatnonzero(crosses)
    at = -x[which] / p[which]
    order = np.argsort(at, kind="stable")
    which, at = which[order], at[order]
    kinks = 2.0 * t[which] * np.abs(p[which])
    after = curvature * (at - 1.0) + np.cumsum(kinks)  # half the derivative just after each kink
    rises = after >= 0
    first = int(np.argmax(rises)) if rises.any() else len(which)
    if first < len(which) and after[first] - kinks[first] < 0:
        point: Array = x + at[first] * p
        point[which[first]] = 0.0
        return point
    return np.asarray(x + (1.0 - kinks[:first].sum() / curvature) * p)
