"""J on the rows themselves: what the loop descends where there are no moments."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import Array, beyond_float64, in_units
from ._coordinates import Coordinates
from ._dask_rows import PersistedMatrix
from ._design import Design
from ._objective import Evaluation
from ._rows import Rows

RESIDUALS = 2**22
"""Most residuals held at once where J is asked for at many points (32 MB)."""


class RowObjective:
    """J on validated rows, in these coordinates, with their penalty; each target's error counts its `target_share`.

    Of an L1 penalty J has its value; the gradient is that of the rest, which has one everywhere.

    Parameters
    ----------
    X : array, CSR/CSC matrix or PersistedMatrix of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,) or (n_samples, n_targets), float64
    weight : ndarray of shape (n_samples,) or None
    coordinates : Coordinates
    """

    def __init__(self, X: Any, y: Array, weight: Array | None, coordinates: Coordinates) -> None:
        self.fit_intercept = coordinates.fit_intercept
        self._design = X.design(coordinates) if isinstance(X, PersistedMatrix) else Design(X, coordinates)
        self._target_share = coordinates.target_share
        self._penalty, self._first = coordinates.penalty, coordinates.first
        self._y = in_units(y, -coordinates.target_exponent)
        # Normalised before summing, by a power of two: the scale of the weights is then exactly irrelevant.
        raw = np.ones(len(y)) if weight is None else np.ldexp(weight, -int(np.frexp(weight.max())[1]))
        self._share, self._equal = raw / raw.sum(), weight is None

    @property
    def n_parameters(self) -> int:
        """p: the number of features, and one more for the intercept."""
        return self._design.shape[1]

    def residual(self, theta: Array) -> Array:
        """y − ŷ, of y's shape."""
        return self._y - self.change(theta).reshape(self._y.shape) if theta.any() else self._y.copy()

    def change(self, direction: Array) -> Array:
        """By how much ŷ changes with theta in this direction."""
        return self._design.predict(direction)

    def _shaped(self, theta: ArrayLike) -> Array:
        theta = np.asarray(theta, dtype=np.float64)
        expected = (self.n_parameters, *self._y.shape[1:])
        if theta.shape != expected:
            raise ValueError(
                f"theta has shape {theta.shape}, expected {expected}: "
                f"{'the intercept first, then ' if self.fit_intercept else ''}one row for each feature."
            )
        return theta

    def at(self, theta: ArrayLike, k: int = 0) -> Evaluation:
        """J(θ) and ∇J(θ) together, by one product with X and one with its transpose.

        Parameters
        ----------
        theta : array-like of shape (p,) or (p, n_targets)
        k : int, default=0
            The step of a descent; this J is the same at each.

        Returns
        -------
        Evaluation
            The named tuple (value, gradient).
        """
        theta = self._shaped(theta)
        with beyond_float64():
            return self.at_residual(self.residual(theta), theta)

    def at_residual(self, r: Array, theta: Array) -> Evaluation:
        """J and ∇J at theta, where the residuals are known."""
        gradient = -2.0 * self._design.adjoint((self._share * r.T).T)
        if self._penalty.has_ridge:
            gradient[self._first :] += self._penalty.gradient(theta[self._first :])
        return Evaluation(self._sum(self.row_mean(r, r) + self._penalty.value(theta[self._first :])), gradient)

    def row_mean(self, a: Array, b: Array) -> Array:
        """The weighted mean over the rows of a·b, for each target."""
        if self._equal and a.size == len(a):  # one target: no array of products
            return np.asarray(np.dot(a.ravel(), b.ravel()) / len(a)).reshape(a.shape[1:])
        return np.asarray(self._share @ (a * b))

    def inner(self, q: Array, moved: Array, direction: Array, step: Array) -> Array:
        """directionᵀ∇²J step/2 of each target, where it is known how the predictions change with both: q and moved."""
        product = self.row_mean(q, moved)
        if self._penalty.has_ridge:
            product = product + np.sum(self._penalty.ridge * (direction * step)[self._first :], axis=0)
        return product

    def _sum(self, means: Array) -> float:
        """J of all targets together, from what each has."""
        return float(np.sum(self._target_share * means))

    def value(self, theta: ArrayLike) -> float:
        """J(θ) = 1/W Σ wₙ (yₙ − ŷₙ)², summed over targets.

        Parameters
        ----------
        theta : array-like of shape (p,) or (p, n_targets)

        Returns
        -------
        float
            In units of y squared.
        """
        with beyond_float64():
            theta = self._shaped(theta)
            r = self.residual(theta)
            return self._sum(self.row_mean(r, r) + self._penalty.value(theta[self._first :]))

    def errors(self, thetas: Array) -> Array:
        """The mean squared error of each target, without the penalty, at many points of shape (p, n, t) → (n, t)."""
        p, n, t = thetas.shape
        out, y = np.empty((n, t)), self._y.reshape(-1, 1, t)
        step = max(1, RESIDUALS // (len(y) * t))
        for start in range(0, n, step):
            some = thetas[:, start : start + step]
            r = y - self._design.predict(some.reshape(p, -1)).reshape(len(y), -1, t)
            out[start : start + step] = np.einsum("n,nkt,nkt->kt", self._share, r, r, optimize=True)
        return out

    def gradient(self, theta: ArrayLike) -> Array:
        """∇J(θ) = −2/W Σ wₙ (yₙ − ŷₙ)(1, xₙ).

        Parameters
        ----------
        theta : array-like of shape (p,) or (p, n_targets)

        Returns
        -------
        ndarray of theta's shape, float64
        """
        return self.at(theta).gradient

    def hessian(self) -> Array:
        """∇²J = 2/W Σ wₙ (1, xₙ)(1, xₙ)ᵀ, the same for every θ.

        Returns
        -------
        ndarray of shape (p, p), float64
        """
        return self.hessian_product(np.eye(self.n_parameters))

    def hessian_product(self, direction: Array) -> Array:
        """∇²J times each column of `direction`."""
        with beyond_float64():
            product = 2.0 * self._design.adjoint((self._share * self._design.predict(direction).T).T)
            if self._penalty.has_ridge:
                product[self._first :] += self._penalty.gradient(direction[self._first :])
            return product

    def curvature_along(self, direction: Array) -> Array:
        """dᵀ∇²J d for the direction of each target, by one product with X."""
        with beyond_float64():
            curvature: Array = 2.0 * (self._share @ self._design.predict(direction) ** 2)
            return curvature + self._penalty.smooth.value(direction[self._first :]) * 2.0


def row_objective(rows: Rows, coordinates: Coordinates) -> RowObjective:
    """J on these rows."""
    return RowObjective(rows.X, rows.y.astype(np.float64), rows.weight, coordinates)
