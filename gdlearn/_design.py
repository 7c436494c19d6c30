r"""Design: rows in the coordinates of a descent, :math:`[1, \tilde X]` with :math:`\tilde x = (x - s)/c`, never formed.

X is neither scaled nor copied: shift and scale act on what goes into a product with it and on what comes out. The one
exception are columns of a sparse X far from zero, which are all but full: there the shift would cancel what it is to
leave, so that they are shifted before the product.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from ._arrays import Array, in_units
from ._coordinates import Coordinates
from ._device import DeviceMatrix
from ._rows import slices

FAR = 16.0
"""Shift of a sparse column, in units of its scale, beyond which a product with the shift costs more than a digit."""


class Design:
    r"""The matrix :math:`[1, \tilde X]` of shape (n, p), as its products; without an intercept :math:`\tilde X` alone.

    Parameters
    ----------
    X : array or CSR/CSC matrix of shape (n, d)
    coordinates : Coordinates
        Features may have units 2**exponent of their own; a sparse X with such is the one X that is copied, which the
        ends of float64 need.
    """

    def __init__(self, X: Any, coordinates: Coordinates) -> None:
        exponent = coordinates.exponent
        self._exponent = exponent if exponent.any() else None
        if self._exponent is not None and sparse.issparse(X):
            entries = X.tocoo()
            data = in_units(entries.data, -self._exponent[entries.col])
            X = sparse.coo_array((data, (entries.row, entries.col)), shape=X.shape).asformat(X.format)
        if self._exponent is not None and isinstance(X, DeviceMatrix):
            X = X.home()
        self._X, self._intercept = X, coordinates.fit_intercept
        self._shift, self._scale, self._shifted = coordinates.shift, coordinates.scale, bool(coordinates.shift.any())
        if sparse.issparse(X):
            self._transpose = X.T  # a view, but making it anew takes as long as a small product
            self._far = np.flatnonzero(np.abs(self._shift) > FAR * self._scale)
            self._near_shift = self._shift.copy()
            self._near_shift[self._far] = 0.0
            self._far_columns = X[:, self._far].toarray() - self._shift[self._far] if len(self._far) else None

    @property
    def shape(self) -> tuple[int, int]:
        """(n, p)."""
        n, d = self._X.shape
        return n, d + self._intercept

    def predict(self, theta: Array) -> Array:
        r""":math:`[1, \tilde X]\theta` for theta of shape (p,) or (p, t).

        A dense X is shifted before the product: that is exact, where subtracting the shift's part of the product would
        cancel. A sparse X must stay sparse.
        """
        intercept, slopes = (theta[0], theta[1:]) if self._intercept else (0.0, theta)
        slopes = (slopes.T / self._scale).T
        if sparse.issparse(self._X):
            return self._predict_sparse(intercept, slopes)
        if isinstance(self._X, DeviceMatrix):
            return self._X.product(slopes, self._shift) + intercept
        out = np.empty((self._X.shape[0], *theta.shape[1:]))
        for rows in slices(*self._X.shape):
            out[rows] = self._block(rows) @ slopes
        return out + intercept

    def _predict_sparse(self, intercept: Any, slopes: Array) -> Array:
        far = None
        if self._far_columns is not None:
            far = self._far_columns @ slopes[self._far]
            slopes[self._far] = 0.0
        product = np.asarray(self._X @ slopes)
        product += intercept - self._near_shift @ slopes
        return product if far is None else product + far

    def adjoint(self, r: Array) -> Array:
        r""":math:`[1, \tilde X]^T r` for r of shape (n,) or (n, t)."""
        total = r.sum(axis=0)
        if sparse.issparse(self._X):
            product = np.asarray(self._transpose @ r) - np.multiply.outer(self._near_shift, total)
            if self._far_columns is not None:
                product[self._far] = self._far_columns.T @ r
        elif isinstance(self._X, DeviceMatrix):
            product = self._X.adjoint(r, self._shift)
        else:
            product = np.zeros((self._X.shape[1], *r.shape[1:]))
            for rows in slices(*self._X.shape):
                product += self._block(rows).T @ r[rows]
        product = (product.T / self._scale).T
        return np.concatenate([total[None], product]) if self._intercept else product

    def _block(self, rows: slice) -> Array:
        """Rows of X less the shift, in C order whatever the order of X, so that no bit depends on it."""
        block: Array = np.ascontiguousarray(self._X[rows], dtype=np.float64)
        if self._exponent is not None:
            block = in_units(block, -self._exponent)
        return block - self._shift if self._shifted else block
