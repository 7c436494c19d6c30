r"""Modes: the coordinates in which every partial derivative minds its own business.

The Hessian of J is 2A. In its eigenvectors, :math:`A = V\Lambda V^T`, :math:`z = V^T\theta`, J is a sum of parabolas,

.. math::  J(\theta) = J_{\min} + \sum_i \lambda_i (z_i - z_i^*)^2 ,

and descent moves along each as if it were alone. Three roads lead here: the eigenvalues of A (from moments), the
singular values of its square root (from a QR of the rows: twice the digits), and, where rows are fewer than columns,
the kernel (see `_wide`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from scipy import linalg

from ._blocks import Array
from ._moments import Moments
from ._objective import Quadratic
from ._scaling import Scaling

EPS = float(np.finfo(np.float64).eps)

RANK_TOLERANCE = 20 * EPS
"""A singular value this small beside the largest, times √p, is rounding: the direction is not in the data."""


class ModalSpace(Protocol):
    """What the closed form asks of the modes, however they were found."""

    @property
    def eigenvalues(self) -> Array:
        """λ, of shape (m,)."""

    @property
    def optimum(self) -> Array:
        """z*, of shape (m, t)."""

    @property
    def minimum(self) -> Array:
        """J at the optimum, target by target."""

    def coordinates(self, theta: Array) -> Array:
        """Vᵀθ."""

    def combine(self, z: Array) -> Array:
        """Vz."""


@dataclass(frozen=True, eq=False)
class Modes:
    """Eigenvalues and eigenvectors of A = ∇²J/2, and the minimum of J, mode by mode.

    Attributes
    ----------
    eigenvalues : ndarray of shape (m,), float64
        λ > 0, descending. Directions that the data do not hold (λ = 0) are left out: descent never moves along them.
    vectors : ndarray of shape (p, m), float64
        V, one eigenvector a column.
    optimum : ndarray of shape (m, t), float64
        z*, the minimiser.
    minimum : ndarray of shape (t,), float64
        J_min of each target.
    error : float
        The relative rounding error to expect in the optimum: about ε·κ² from a matrix, ε·κ from its root.
    smallest : float
        The smallest eigenvalue relative to the largest, those left out counted.
    """

    eigenvalues: Array
    vectors: Array
    optimum: Array
    minimum: Array
    error: float
    smallest: float

    def coordinates(self, theta: Array) -> Array:
        """Vᵀθ, of shape (m, t)."""
        return self.vectors.T @ theta

    def combine(self, z: Array) -> Array:
        """Vz, of shape (p, t)."""
        return self.vectors @ z

    @property
    def complete(self) -> bool:
        """Whether the data hold every direction, so that there is one solution only."""
        return len(self.eigenvalues) == len(self.vectors)

    @property
    def condition_number(self) -> float:
        """λ_max/λ_min, over the modes that the data hold."""
        return float(self.eigenvalues[0] / self.eigenvalues[-1]) if len(self.eigenvalues) else 1.0


def modes_of(quadratic: Quadratic, moments: Moments, scaling: Scaling) -> Modes:
    """The modes of a quadratic; from its square root where the moments carry one."""
    root = moments.root
    if root is not None:
        d = moments.n_features
        root = np.hstack([root[:, :d] / scaling.scale, root[:, d:]])
    if not quadratic.mean.any():  # centred features: the intercept is a mode by itself, or absent
        features = _centred(quadratic, root)
        return _with_intercept(features, quadratic.target_mean) if quadratic.fit_intercept else features
    return _uncentred(quadratic, root)


def _centred(quadratic: Quadratic, root: Array | None) -> Modes:
    offset = np.zeros_like(quadratic.target_mean) if quadratic.fit_intercept else quadratic.target_mean**2
    if root is None:
        return _from_matrix(quadratic.covariance, quadratic.cross, quadratic.target_variance + offset)
    d = len(quadratic.mean)
    modes = _from_root(root[:, :d], root[:, d:])
    return replace(modes, minimum=modes.minimum + offset)


def _with_intercept(features: Modes, target_mean: Array) -> Modes:
    """Add the mode of the intercept: λ = 1, z* = ȳ."""
    d, m = features.vectors.shape
    place = int(np.count_nonzero(features.eigenvalues > 1.0))
    vectors = np.zeros((d + 1, m + 1))
    vectors[1:, :place], vectors[1:, place + 1 :] = features.vectors[:, :place], features.vectors[:, place:]
    vectors[0, place] = 1.0
    optimum = features.optimum
    return Modes(
        eigenvalues=np.concatenate([features.eigenvalues[:place], [1.0], features.eigenvalues[place:]]),
        vectors=vectors,
        optimum=np.concatenate([optimum[:place], target_mean[None], optimum[place:]]),
        minimum=features.minimum,
        error=features.error,
        smallest=features.smallest,
    )


def _uncentred(quadratic: Quadratic, root: Array | None) -> Modes:
    mean, y_mean = quadratic.mean, quadratic.target_mean
    if root is None:
        A, b = (
            quadratic.hessian() / 2.0,
            -quadratic.gradient(np.zeros((len(mean) + quadratic.fit_intercept, len(y_mean)))) / 2.0,
        )
        return _from_matrix(A, b, quadratic.target_variance + y_mean**2)
    d = len(mean)
    top = np.hstack([np.ones(int(quadratic.fit_intercept)), mean])[None]
    below = np.hstack([np.zeros((len(root), int(quadratic.fit_intercept))), root[:, :d]])
    return _from_root(np.vstack([top, below]), np.vstack([y_mean[None], root[:, d:]]))


def _from_matrix(A: Array, b: Array, c: Array) -> Modes:
    """From J(θ) = θᵀAθ − 2bᵀθ + c: an eigendecomposition."""
    if not np.isfinite(A).all():
        raise ValueError(
            'The squares of the features overflow float64 in the coordinates of scaling=None: use scaling="standard".'
        )
    eigenvalues, vectors = np.linalg.eigh(A) if len(A) else (np.zeros(0), A)
    eigenvalues, vectors = eigenvalues[::-1], vectors[:, ::-1]
    noise = 4 * EPS * max(len(A), 4)
    held, smallest = held_values(eigenvalues, noise)
    eigenvalues, vectors = eigenvalues[held], np.ascontiguousarray(vectors[:, held])
    vectors[A.diagonal() == 0] = 0.0  # a constant feature: no rounding may move its coefficient
    projection = vectors.T @ b
    optimum = projection / eigenvalues[:, None]
    minimum = np.maximum(c - (projection * optimum).sum(axis=0), 0.0)
    return Modes(eigenvalues, vectors, optimum, minimum, _error(eigenvalues, noise), smallest)


def _from_root(M: Array, q: Array) -> Modes:
    """From J(θ) = ‖Mθ − q‖²: a singular value decomposition."""
    if not np.isfinite(M).all():
        raise ValueError('The features overflow float64 in the coordinates of scaling=None: use scaling="standard".')
    U, s, Vt = linalg.svd(M, full_matrices=False, check_finite=False, lapack_driver="gesvd")
    noise = RANK_TOLERANCE * np.sqrt(M.shape[1])
    held, smallest = held_values(s, noise)
    held = slice(0, int(np.count_nonzero((s * s > 0)[held])))  # a curvature below float64 moves nothing
    U, s, V = U[:, held], s[held], np.ascontiguousarray(Vt[held].T)
    V[~M.any(axis=0)] = 0.0
    projection = U.T @ q
    rest = q - U @ projection
    return Modes(s * s, V, projection / s[:, None], np.sum(rest * rest, axis=0), _error(s, noise), smallest**2)


def held_values(values: Array, noise: float) -> tuple[slice, float]:
    """Which of the descending values are data and not rounding, and the smallest relative to the largest."""
    if len(values) == 0 or values[0] <= 0:
        return slice(0, 0), 1.0
    held = slice(0, int(np.count_nonzero(values > noise * values[0])))
    return held, max(float(values[-1] / values[0]), 0.0)


def _error(values: Array, noise: float) -> float:
    return min(1.0, noise * float(values[0] / values[-1])) if len(values) else 0.0
