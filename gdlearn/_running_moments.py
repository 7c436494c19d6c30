"""RunningMoments: the moments of rows that come a few at a time, at a cost that does not grow with what came before.

Rows are added to a triangle R and not to a matrix of squares: so nearly collinear features keep all their digits. One
row costs d² operations.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import lapack

from ._arrays import Array, Exponents, beyond_float64, in_units, safe_exponents
from ._extended import two_sum
from ._moments import FAR_FROM_SHIFT, Moments
from ._rows import Block, Rows
from ._threads import one_blas_thread

REFLECTORS = 32
"""Householder reflections that LAPACK applies as one product of matrices."""


@dataclass(frozen=True, eq=False)
class RunningMoments:
    r"""The rows so far, in arrays of a size that does not depend on how many they are.

    Attributes
    ----------
    n_samples : int
        The number of rows whose weight is not zero.
    n_targets : int
    exponent : ndarray of shape (d + t,), int64
        Column j is measured in units of :math:`2^{e_j}`.
    shift : ndarray of shape (d + t,), float64
        s, near the middle of the rows, in those units.
    triangle : ndarray of shape (1 + d + t, 1 + d + t), float64
        R, with :math:`R^T R = \sum_n w_n (1, z_n - s)(1, z_n - s)^T`, upper triangular.
    low, high : ndarray of shape (d + t,), float64
        The extremes of each column, in its own units.

    References
    ----------
    Golub, Van Loan (2013), *Matrix Computations*, 6.5.2, for adding a row to a QR factorisation. LAPACK's `tpqrt` adds
    a block of rows so.
    """

    n_samples: int
    n_targets: int
    exponent: Exponents
    shift: Array
    triangle: Array
    low: Array
    high: Array

    @classmethod
    def of(cls, rows: Rows) -> RunningMoments:
        """The first rows."""
        low, high = _extremes(rows)
        exponent = safe_exponents(np.maximum(np.abs(low), np.abs(high)))
        triangle = np.zeros((rows.width + 1, rows.width + 1), order="F")
        shift = np.ldexp(rows.centre(), -exponent)
        empty = cls(0, rows.width - rows.n_features, exponent, shift, triangle, low, high)
        return empty.with_rows(rows)

    def with_rows(self, rows: Rows) -> RunningMoments:
        """The same and more rows; what was stays as it was."""
        below, above = _extremes(rows)
        low, high = np.minimum(self.low, below), np.maximum(self.high, above)
        now = self._in_units(safe_exponents(np.maximum(np.abs(low), np.abs(high))))
        R = now.triangle.copy(order="F")
        reflectors = min(REFLECTORS, len(R))
        with one_blas_thread(), beyond_float64():  # for a few rows threads would wait more than they work
            for block in rows.blocks(np.ldexp(now.shift, now.exponent), now.exponent):
                one, x, y = _scaled(block, rows.weight_exponent)
                lines = np.asfortranarray(np.column_stack([one, x, y]))
                R = lapack.dtpqrt(0, reflectors, R, lines, overwrite_a=True, overwrite_b=True)[0]
        if not np.isfinite(R).all():
            raise ValueError(
                "The weights of all rows so far, or their products with X and y, exceed what float64 holds: multiply "
                "all weights by one number; only their ratios matter."
            )
        n_samples = self.n_samples + rows.n_used
        return replace(now, n_samples=n_samples, triangle=R, low=low, high=high)._about_its_middle()

    def _in_units(self, exponent: Exponents) -> RunningMoments:
        """The same with column j in units of 2**exponent[j]."""
        if np.array_equal(exponent, self.exponent):
            return self
        change = self.exponent - exponent
        triangle = in_units(self.triangle, np.concatenate([[0], change])).copy(order="F")
        return replace(self, exponent=exponent, shift=in_units(self.shift, change), triangle=triangle)

    def _about_its_middle(self) -> RunningMoments:
        """With a shift that is the mean, where the one so far lies far from it: what comes is then rounded less."""
        first, others = self.triangle[0, 1:], self.triangle[1:, 1:]
        if not (first**2 > FAR_FROM_SHIFT * np.einsum("ij,ij->j", others, others)).any():
            return self
        shift, rest = two_sum(self.shift, first / self.triangle[0, 0])
        R = self.triangle.copy(order="F")
        R[0, 1:] = R[0, 0] * rest
        return replace(self, shift=shift, triangle=R)

    def moments(self) -> Moments:
        """The moments of all rows so far, with their root."""
        one = self.triangle[0, 0]
        root = np.ascontiguousarray(self.triangle[1:, 1:]) / one
        mean, rest = two_sum(self.shift, self.triangle[0, 1:] / one)
        covariance = root.T @ root
        d = len(mean) - self.n_targets
        return Moments(
            weight=float(one**2),
            n_samples=self.n_samples,
            n_targets=self.n_targets,
            exponent=self.exponent,
            mean=mean,
            mean_rest=rest,
            covariance=covariance,
            minimum=np.ldexp(self.low, -self.exponent)[:d],
            maximum=np.ldexp(self.high, -self.exponent)[:d],
            root=root,
        )


def _scaled(block: Block, weight_exponent: int) -> tuple[Array, Array, Array]:
    """√w, √w x and √w y, with the weights as they were given."""
    if block.weight is None:
        return block.weighted()
    return block._replace(weight=np.ldexp(block.weight, weight_exponent)).weighted()


def _extremes(rows: Rows) -> tuple[Array, Array]:
    """The least and the largest entry of each column of X and y, over the rows that have a weight."""
    X, y = rows.X, rows.y
    if rows.weight is not None and not rows.weight.all():
        used: NDArray[np.bool_] = rows.weight > 0
        X, y = X[used], y[used]
    low, high = X.min(axis=0), X.max(axis=0)
    if sparse.issparse(X):
        low, high = low.toarray().reshape(-1), high.toarray().reshape(-1)
    return (
        np.concatenate([np.asarray(low).reshape(-1), y.min(axis=0)], dtype=np.float64),
        np.concatenate([np.asarray(high).reshape(-1), y.max(axis=0)], dtype=np.float64),
    )
