r"""Modes: the coordinates in which every partial derivative minds its own business.

The Hessian of J is 2A. In its eigenvectors, :math:`A = V\Lambda V^T`, :math:`z = V^T\theta`, J is a sum of parabolas,

.. math::  J(\theta) = J_{\min} + \sum_i \lambda_i (z_i - z_i^*)^2 ,

and descent moves along each as if it were alone. Three roads lead here: the eigenvalues of A (from moments), the
singular values of its square root (from a QR of the rows: twice the digits), and, where rows are fewer than columns,
the kernel (see `_kernel`). Modes of one scaling are carried to another by the singular values of their own root.

What is rounding is no direction of the data. A direction v of unit length is held only if the features vary along it by
more than float64 has rounded them,

.. math::  \sigma > \varepsilon\,\|\mathrm{diag}(r)\,v\| + (\text{the rounding of the factorisation}),

with r the root mean square of each feature about zero in the coordinates of v: a feature far from zero is rounded more
coarsely than its spread suggests. Along such a direction the coefficients would be so large that storing them costs J
more than the direction gives.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from ._arrays import EPS, Array
from ._coordinates import Coordinates
from ._quadratic import Quadratic
from ._threads import SMALL_SIDE, factorised, one_blas_thread

HALF_THE_DIGITS = 1e-8
"""λ/λ_max below which the squares in A have lost half the digits of a mode."""


class Factor(NamedTuple):
    """J − J_min = ‖Mθ − q‖², where the offset of y is one entry of q: no digit of the rest is lost to it.

    Attributes
    ----------
    M : ndarray of shape (r, p), float64
    q : ndarray of shape (r, t), float64
    left : ndarray of shape (r, m), float64
        Takes a residual to the modes: z* − z = leftᵀ(q − Mθ).
    """

    M: Array
    q: Array
    left: Array

    def gap(self, start: Array) -> Array:
        """z* − Vᵀθ, of shape (m, t)."""
        return self.left.T @ (self.q - self.M @ start)


@dataclass(frozen=True, eq=False)
class Modes:
    """Eigenvalues and eigenvectors of A = ∇²J/2, and the minimum of J, mode by mode.

    Attributes
    ----------
    eigenvalues : ndarray of shape (m,), float64
        λ > 0, descending. Directions that the data do not hold are left out: descent never moves along them.
    vectors : ndarray of shape (p, m), float64
        V, one eigenvector a column.
    optimum : ndarray of shape (m, t), float64
        z*, the minimiser.
    minimum : ndarray of shape (t,), float64
        J_min of each target.
    error : float
        The relative rounding error to expect in the optimum: about ε·κ² from a matrix, ε·κ from its root.
    smallest : float
        λ_min/λ_max over all directions, also those left out as rounding, where the modes were first found.
    is_lossy : bool
        Whether squares have lost a direction, or half the digits of one, that a square root of A might hold.
    doubt : ndarray of shape (m,), float64
        How large the rounding of the factorisation along each mode is, relative to what the features vary along it.
    factor : Factor or None
        Where it is known, what a start misses has more digits from here: an offset of y makes z* large.
    given_up : ndarray of shape (p, any), float64
        Directions along which the features vary, but by no more than float64 rounds numbers of their size.
    """

    eigenvalues: Array
    vectors: Array
    optimum: Array
    minimum: Array
    error: float
    smallest: float
    is_lossy: bool
    doubt: Array
    given_up: Array
    factor: Factor | None = None

    def seen_from(self, start: Array) -> Modes:
        """The modes that descent from this start moves along: these, for they are all."""
        return self

    def gap(self, start: Array) -> Array:
        """z* − Vᵀθ, of shape (m, t)."""
        return self.optimum - self.coordinates(start) if self.factor is None else self.factor.gap(start)

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
        with np.errstate(over="ignore"):
            return float(self.eigenvalues[0] / self.eigenvalues[-1]) if len(self.eigenvalues) else 1.0

    @property
    def of_intercept(self) -> NDArray[np.bool_]:
        """Which mode is the intercept, of shape (m,), where the coordinates are such that it is one by itself."""
        return np.asarray(np.abs(self.vectors[0]) > 0.5)

    def without(self, i: int) -> Modes:
        """The same with mode i given up."""
        gain = self.eigenvalues[i] * self.optimum[i] ** 2
        return replace(
            self,
            eigenvalues=np.delete(self.eigenvalues, i),
            vectors=np.delete(self.vectors, i, axis=1),
            optimum=np.delete(self.optimum, i, axis=0),
            minimum=self.minimum + gain,
            doubt=np.delete(self.doubt, i),
            given_up=np.column_stack([self.given_up, self.vectors[:, i]]),
        )

    def carried(self, here: Coordinates, there: Coordinates, rest: Array) -> Modes:
        r"""The modes in other coordinates of the same features.

        J − J_min = ‖Mθ − q‖² with :math:`M = \Lambda^{1/2}V^T T`, T the map from the other coordinates to these. M may
        be badly scaled, by rows and by columns, but its factors are not; the one-sided Jacobi method finds even the
        smallest singular values of such a matrix to all digits. `rest` is what rounding took from the shift of `here`.

        References
        ----------
        Drmač, Veselić (2008), *New fast and accurate Jacobi SVD algorithm I*, SIAM J. Matrix Anal. Appl. 29.
        https://doi.org/10.1137/050639193
        """
        return self.as_of_root(*self._root_in(here, there, rest))

    def as_of_root(self, M: Array, q: Array) -> Modes:
        """The same directions in the coordinates where J − J_min = ‖Mθ − q‖²."""
        s, U, V = singular_values(M)
        with np.errstate(over="ignore", under="ignore"):
            eigenvalues = s * s
        if not np.isfinite(eigenvalues).all():
            raise ValueError(OVERFLOW)
        left = U / np.where(s > 0, s, 1.0)
        return replace(
            self,
            eigenvalues=np.maximum(eigenvalues, np.finfo(float).tiny),
            vectors=np.ascontiguousarray(V),
            optimum=left.T @ q,
            factor=Factor(M, q, left),
            doubt=np.zeros(len(s)),
            given_up=np.zeros((len(V), 0)),
        )

    def with_factor(self, others: Modes, here: Coordinates, there: Coordinates, rest: Array) -> Modes:
        """These modes, of the coordinates `there`, with the factor that the modes of the coordinates `here` make."""
        M, q = others._root_in(here, there, rest)
        return replace(self, factor=Factor(M, q, M @ (self.vectors / self.eigenvalues)))

    def _root_in(self, here: Coordinates, there: Coordinates, rest: Array) -> tuple[Array, Array]:
        """M and q of J − J_min = ‖Mθ − q‖², θ in the coordinates `there`."""
        root = np.sqrt(self.eigenvalues)[:, None]
        M = here.of_functional(root * self.vectors.T, there, rest)
        if not np.isfinite(M).all():
            raise ValueError(OVERFLOW)
        return M, root * self.optimum


def singular_values(M: Array) -> tuple[Array, Array, Array]:
    """s, U and V with M = U diag(s) Vᵀ of full row rank, by one-sided Jacobi rotations.

    Of a square M even the small entries of V have their digits. A wide one is brought to a square by a QR of its
    transpose, large rows and columns first: so even its columns of unlike sizes keep theirs (Cox and Higham 1998).
    """
    m, p = M.shape
    if m == 0:
        return np.zeros(0), np.zeros((0, 0)), np.zeros((p, 0))
    if m < p:
        order = np.argsort(-np.abs(M).max(axis=0), kind="stable")
        Q, R, pivots = linalg.qr(M.T[order], mode="economic", pivoting=True, check_finite=False)
        square = np.empty((m, m))
        square[pivots] = R.T
        s, U, right = singular_values(square)
        V = np.empty((p, m))
        V[order] = Q @ right
        return s, U, V
    # Its solves with a triangle take every thread of BLAS, and wait for it, however few the columns are.
    with one_blas_thread() if m < SMALL_SIDE else nullcontext():
        s, U, V, work, *_ = linalg.lapack.dgejsv(M, joba=2, jobu=0, jobv=1, jobr=0)
    return s * (work[0] / work[1]), U, V


OVERFLOW = 'The squares of the features overflow float64 in the coordinates of scaling=None: use scaling="standard".'


def modes_of_matrix(quadratic: Quadratic, n_samples: int) -> Modes:
    """The modes of a quadratic by an eigendecomposition of A."""
    centred, y_mean = not quadratic.mean.any(), quadratic.target_mean
    if centred:  # the intercept is a mode by itself, or absent
        offset = np.zeros_like(y_mean) if quadratic.coordinates.fit_intercept else y_mean**2
        A, b, c = quadratic.covariance, quadratic.cross, quadratic.target_variance + offset
    else:
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):  # looked for below
            A, c = quadratic.hessian() / 2.0, quadratic.target_variance + y_mean**2
            b = -quadratic.gradient(np.zeros((len(A), len(y_mean)))) / 2.0
    if not np.isfinite(A).all():
        raise ValueError(OVERFLOW)
    eigenvalues, vectors = factorised(np.linalg.eigh, A) if len(A) else (np.zeros(0), A)
    eigenvalues, vectors = eigenvalues[::-1], vectors[:, ::-1]
    # Sums over the rows round at random, products of matrices along their sides.
    noise = EPS * (8 * max(len(A), 4) + 2 * np.sqrt(n_samples))
    zero = A.diagonal() == 0
    largest = float(eigenvalues[0]) if len(eigenvalues) else 0.0
    held = slice(0, int(np.count_nonzero(eigenvalues > noise * largest)))
    apart = centred and quadratic.coordinates.fit_intercept  # the intercept is a mode by itself
    possible = min(len(A) - int(np.count_nonzero(zero)), n_samples - int(apart))
    values, V = eigenvalues[held], np.ascontiguousarray(vectors[:, held])
    if zero.any():
        V[zero] = 0.0  # a constant feature: no rounding may move its coefficient
    projection = V.T @ b
    optimum = projection / values[:, None]
    minimum = np.maximum(c - (projection * optimum).sum(axis=0), 0.0)
    if not centred:  # offsets are part of c and b; the moments keep them apart from the rest of J
        theta = V @ optimum
        apart_rounds_less = quadratic.rounding(theta) < c + np.sum(np.abs(b * theta), axis=0)
        minimum = np.where(apart_rounds_less, quadratic.values(theta), minimum)
    smallest = max(float(eigenvalues[-1]) / largest, 0.0) if largest > 0 else 1.0
    modes = Modes(
        eigenvalues=values,
        vectors=V,
        optimum=optimum,
        minimum=minimum,
        error=min(1.0, noise * largest / float(values[-1])) if len(values) else 0.0,
        smallest=smallest,
        is_lossy=len(values) < possible or (len(values) > 0 and values[-1] < HALF_THE_DIGITS * largest),
        doubt=noise * largest / values,
        given_up=np.zeros((len(A), 0)),
    )
    return with_intercept(modes, y_mean) if apart else modes


def modes_of_root(M: Array, q: Array, sizes: Array, n_samples: int) -> Modes:
    """The modes of J(θ) = ‖Mθ − q‖² by singular values; the columns of M are features of root mean square `sizes`."""
    if not np.isfinite(M).all():
        raise ValueError(OVERFLOW)
    U, s, Vt = factorised(linalg.svd, M, full_matrices=False, check_finite=False, lapack_driver="gesvd")
    largest = float(s[0]) if len(s) else 0.0
    factorisation = EPS * (5 * np.sqrt(min(M.shape)) + 2 * np.sqrt(n_samples)) * largest
    noise = factorisation + EPS * np.linalg.norm(Vt * sizes, axis=1)
    held, rounded = s > noise, (s <= noise) & (s > factorisation)
    values, V = s[held], np.ascontiguousarray(Vt[held].T)
    V[~M.any(axis=0)] = 0.0
    projection = U[:, held].T @ q
    rest = q - U[:, held] @ projection
    return Modes(
        eigenvalues=values * values,
        vectors=V,
        optimum=projection / values[:, None],
        minimum=np.sum(rest * rest, axis=0),
        error=min(1.0, factorisation / float(values[-1])) if len(values) else 0.0,
        smallest=float(s[-1] / largest) ** 2 if largest > 0 else 1.0,
        is_lossy=False,
        doubt=factorisation / values,
        given_up=Vt[rounded].T,
    )


def with_intercept(features: Modes, target_mean: Array) -> Modes:
    """Add the mode of the intercept of centred features: λ = 1, z* = ȳ."""
    d, m = features.vectors.shape
    place = int(np.count_nonzero(features.eigenvalues > 1.0))
    vectors = np.zeros((d + 1, m + 1))
    vectors[1:, :place], vectors[1:, place + 1 :] = features.vectors[:, :place], features.vectors[:, place:]
    vectors[0, place] = 1.0
    optimum = features.optimum
    return replace(
        features,
        eigenvalues=np.concatenate([features.eigenvalues[:place], [1.0], features.eigenvalues[place:]]),
        vectors=vectors,
        optimum=np.concatenate([optimum[:place], target_mean[None], optimum[place:]]),
        doubt=np.concatenate([features.doubt[:place], [0.0], features.doubt[place:]]),
        given_up=np.concatenate([np.zeros((1, features.given_up.shape[1])), features.given_up]),
    )
