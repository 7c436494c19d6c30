r"""The mean squared error, on the rows and on their moments, with value and gradient side by side.

Conventions
-----------
- N rows, d features, t targets, p = d + 1 parameters with an intercept and p = d without.
- theta has shape (p,) or (p, t). With an intercept theta[0] is :math:`\theta_0` and theta[1:] the slopes.
- Weights :math:`w_n` (1 where none are given), :math:`W = \sum_n w_n`; prediction :math:`\hat y = \theta_0 + \tilde x^T
  \theta_{1..d}` on the scaled features :math:`\tilde x = (x - s)/c`.
- There is **no ½** in J, so the gradient carries a 2 and the Hessian is 2A:

  .. math::
      J(\theta) &= \frac1W \sum_n w_n (y_n - \hat y_n)^2 \\
      \frac{\partial J}{\partial\theta_0} &= -\frac2W \sum_n w_n (y_n - \hat y_n) \\
      \frac{\partial J}{\partial\theta_k} &= -\frac2W \sum_n w_n \tilde x_{nk} (y_n - \hat y_n)

- Several targets are t independent descents that share X: J is the sum of their errors, and column i of the gradient
  belongs to target i alone.
- Everything is float64.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import EPS, Array, beyond_float64, in_units
from ._coordinates import Coordinates
from ._design import Design
from ._moments import Moments
from ._parameters import MatrixLike
from ._rows import Rows
from ._validation import validate_rows

RESIDUALS = 2**22
"""Most residuals held at once where J is asked for at many points (32 MB)."""


class Evaluation(NamedTuple):
    """J and its gradient at one point, found together, for what is dear of them they share."""

    value: float
    gradient: Array


class Objective(Protocol):
    """What a descent asks for."""

    def at(self, theta: Array, k: int = 0) -> Evaluation:
        """J and ∇J at theta, which step k has reached: an objective may look at other rows at every step."""

    def value(self, theta: Array) -> float:
        """J alone, for trials."""


class QuadraticObjective(Objective, Protocol):
    """A J with the same Hessian everywhere: what the exact line search and the closed form ask for besides."""

    def gradient(self, theta: Array) -> Array:
        """∇J alone."""

    def hessian_product(self, direction: Array) -> Array:
        """∇²J times a direction, of the direction's shape."""

    def curvature_along(self, direction: Array) -> Array:
        """dᵀ∇²J d for the direction of each target, of shape (t,)."""


class ModalSpace(Protocol):
    r"""J as a sum of parabolas, :math:`J = J_{\min} + \sum_i \lambda_i (z_i - z_i^*)^2` with :math:`z = V^T\theta`."""

    @property
    def eigenvalues(self) -> Array:
        """λ, of shape (m,)."""

    @property
    def optimum(self) -> Array:
        """z*, of shape (m, t)."""

    @property
    def minimum(self) -> Array:
        """J at the optimum, target by target."""

    def gap(self, start: Array) -> Array:
        """z* − Vᵀθ: by how much a start misses the optimum."""

    def coordinates(self, theta: Array) -> Array:
        """Vᵀθ."""

    def combine(self, z: Array) -> Array:
        """Vz."""


def moved(modes: ModalSpace, start: Array, gap: Array, done: Array) -> Array:
    """θ₀ + V·diag(done)·gap for each row of `done`, of shape (n, m): the points, of shape (p, n, t)."""
    z = done.T[:, :, None] * gap[:, None, :]
    return start[:, None, :] + modes.combine(z.reshape(len(z), -1)).reshape(len(start), *z.shape[1:])


class Iterate(NamedTuple):
    """All that is known about one point, so that value and gradient can never belong to different ones."""

    n_steps: int
    theta: Array
    value: float
    gradient: Array


class MeanSquaredError:
    r"""The mean squared error of a linear model on the rows of X and y.

    .. math::
        J(\theta) = \frac1W \sum_n w_n (y_n - \hat y_n)^2, \qquad
        \nabla J(\theta) = -\frac2W \sum_n w_n (y_n - \hat y_n) (1, x_n)^T

    Parameters
    ----------
    X : array-like or CSR/CSC matrix of shape (n_samples, n_features)
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
    sample_weight : array-like of shape (n_samples,), default=None
        Nonnegative weights; None stands for ones.
    fit_intercept : bool, default=True
        Whether theta starts with an intercept.

    Raises
    ------
    ValueError, TypeError
        If X, y or sample_weight is not finite, numeric and of matching length.

    References
    ----------
    Boyd, Vandenberghe (2004), *Convex Optimization*, 9.3. https://web.stanford.edu/~boyd/cvxbook/

    Examples
    --------
    >>> import numpy as np
    >>> from gdlearn import MeanSquaredError
    >>> J = MeanSquaredError(np.array([[1.0], [2.0]]), np.array([2.0, 4.0]))
    >>> J.value(np.array([0.0, 0.0]))       # (2² + 4²) / 2
    10.0
    >>> J.gradient(np.array([0.0, 0.0]))    # −2/2·(2 + 4), −2/2·(1·2 + 2·4)
    array([ -6., -10.])
    >>> J.hessian()
    array([[2., 3.],
           [3., 5.]])
    """

    def __init__(
        self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None, fit_intercept: bool = True
    ) -> None:
        matrix, target, weight = validate_rows(X, y, sample_weight)
        coordinates = Coordinates.original(matrix.shape[1], target[:1].size, fit_intercept)
        self._join(matrix, target.astype(np.float64), weight, coordinates, np.ones(target.shape[1:]))

    @classmethod
    def scaled(cls, X: Any, y: Array, weight: Array | None, coordinates: Coordinates) -> MeanSquaredError:
        """On validated rows, in these coordinates; each target's error counts its `target_share`."""
        self = cls.__new__(cls)
        y = in_units(y, -coordinates.target_exponent)
        self._join(X, y, weight, coordinates, coordinates.target_share)
        return self

    def _join(self, X: Any, y: Array, weight: Array | None, coordinates: Coordinates, target_share: Array) -> None:
        self.fit_intercept = coordinates.fit_intercept
        self._design, self._y, self._target_share = Design(X, coordinates), y, target_share
        # Normalised before summing, by a power of two: the scale of the weights is then exactly irrelevant.
        raw = np.ones(len(y)) if weight is None else np.ldexp(weight, -int(np.frexp(weight.max())[1]))
        self._share = raw / raw.sum()

    @property
    def n_parameters(self) -> int:
        """p: the number of features, and one more for the intercept."""
        return self._design.shape[1]

    def _residual(self, theta: Array) -> Array:
        """y − ŷ, of y's shape."""
        return self._y - self._design.predict(theta).reshape(self._y.shape)

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
            r = self._residual(theta)
            value = self._mean(r * r)
            return Evaluation(value, -2.0 * self._design.adjoint((self._share * r.T).T))

    def _mean(self, loss: Array) -> float:
        """The losses of all rows and targets as one number."""
        return float(np.sum(self._target_share * (self._share @ loss)))

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
            r = self._residual(self._shaped(theta))
            return self._mean(r * r)

    def errors(self, thetas: Array) -> Array:
        """The mean squared error of each target at many points, of shape (p, n, t) → (n, t)."""
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
            return 2.0 * self._design.adjoint((self._share * self._design.predict(direction).T).T)

    def curvature_along(self, direction: Array) -> Array:
        """dᵀ∇²J d for the direction of each target, by one product with X."""
        with beyond_float64():
            curvature: Array = 2.0 * (self._share @ self._design.predict(direction) ** 2)
        return curvature


@dataclass(frozen=True, eq=False)
class Quadratic:
    r"""The same J on the moments: no row is needed any more.

    With scaled means :math:`\mu`, centred second moments :math:`S` (features), :math:`s` (features with y) and
    :math:`\sigma^2` (y), and the mean residual :math:`e = \theta_0 + \mu^T\theta - \bar y`,

    .. math::
        J(\theta) &= e^2 + \theta^T S\theta - 2 s^T\theta + \sigma^2 \\
        \frac{\partial J}{\partial\theta_0} &= 2e, \qquad
        \frac{\partial J}{\partial\theta_{1..d}} = 2(S\theta - s + e\mu)

    Squared mean and variance stay apart, so that an offset of y or of a feature cancels nothing. Where its modes are
    known, J is the sum of their parabolas: then nothing cancels however large theta is.
    """

    mean: Array
    target_mean: Array
    covariance: Array
    cross: Array
    target_variance: Array
    coordinates: Coordinates
    modes: ModalSpace | None = None

    @classmethod
    def of(cls, moments: Moments, coordinates: Coordinates) -> Quadratic:
        """The quadratic on these moments."""
        d, scale = moments.n_features, coordinates.scale
        C, gap = moments.covariance, moments.mean[:d] - coordinates.shift
        if moments.mean_rest is not None:  # a feature shifted by its mean is centred; another is off by this much
            gap = np.where(gap == 0, 0.0, gap + moments.mean_rest[:d])
        return cls(
            mean=gap / scale,
            target_mean=moments.mean[d:],
            covariance=C[:d, :d] / scale / scale[:, None],
            cross=C[:d, d:] / scale[:, None],
            target_variance=C.diagonal()[d:],
            coordinates=coordinates,
        )

    def at(self, theta: Array, k: int = 0) -> Evaluation:
        """J and ∇J at theta of shape (p, t), the same at every step k."""
        return Evaluation(self.value(theta), self.gradient(theta))

    def _split(self, theta: Array) -> tuple[Array, Array]:
        """The mean residual e of each target, and the slopes."""
        intercept, slopes = self.coordinates.split(theta)
        return intercept + self.mean @ slopes - self.target_mean, slopes

    def value(self, theta: Array) -> float:
        """J at theta of shape (p, t), summed over targets."""
        if self.modes is not None:
            gap = self.modes.coordinates(theta) - self.modes.optimum
            above = np.sum((np.sqrt(self.modes.eigenvalues)[:, None] * gap) ** 2, axis=0)
            return float(self.coordinates.target_share @ (self.modes.minimum + above))
        e, slopes = self._split(theta)
        quadratic = _dot(slopes, self.covariance @ slopes - 2.0 * self.cross)
        return float(self.coordinates.target_share @ (e * e + np.maximum(quadratic + self.target_variance, 0.0)))

    def rounding(self, theta: Array) -> Array:
        """The size of the terms of J at theta that cancel, target by target: ε times this is what rounding may do."""
        intercept, slopes = self.coordinates.split(np.abs(theta))
        e, _ = self._split(theta)
        terms = intercept + np.abs(self.mean) @ slopes + np.abs(self.target_mean)
        squares = _dot(slopes, np.abs(self.covariance) @ slopes + 2.0 * np.abs(self.cross)) + self.target_variance
        size: Array = squares + np.abs(e) * terms + EPS * terms**2
        return size

    def gradient(self, theta: Array) -> Array:
        """∇J at theta of shape (p, t)."""
        e, slopes = self._split(theta)
        partials = 2.0 * (self.covariance @ slopes - self.cross + np.multiply.outer(self.mean, e))
        return self.coordinates.join(2.0 * e, partials)

    def hessian(self) -> Array:
        """2A, of shape (p, p)."""
        A = self.covariance + np.outer(self.mean, self.mean)
        if self.coordinates.fit_intercept:
            A = np.block([[np.ones((1, 1)), self.mean[None]], [self.mean[:, None], A]])
        return 2.0 * A

    def hessian_product(self, direction: Array) -> Array:
        """∇²J times each column of `direction`."""
        intercept, slopes = self.coordinates.split(direction)
        e = intercept + self.mean @ slopes
        product = 2.0 * (self.covariance @ slopes + np.multiply.outer(self.mean, e))
        return self.coordinates.join(2.0 * e, product)

    def curvature_along(self, direction: Array) -> Array:
        """dᵀ∇²J d for the direction of each target."""
        return _dot(direction, self.hessian_product(direction))


def _dot(a: Array, b: Array) -> Array:
    """The products aᵀb, target by target."""
    return np.asarray(np.einsum("it,it->t", a, b))


def row_objective(rows: Rows, coordinates: Coordinates) -> MeanSquaredError:
    """J on these rows."""
    return MeanSquaredError.scaled(rows.X, rows.y.astype(np.float64), rows.weight, coordinates)
