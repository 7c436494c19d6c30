"""The mean squared error on the moments of the rows: value, gradient and Hessian without reading a row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._arrays import EPS, Array
from ._coordinates import Coordinates
from ._moments import Moments
from ._objective import Evaluation, ModalSpace
from ._penalty import Penalty


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
    known, J is the sum of their parabolas: then nothing cancels however large theta is. A ridge term is a part of S; of
    an L1 penalty J has its value, and the gradient, which is that of the rest, has not.
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
        covariance = C[:d, :d] / scale / scale[:, None]
        if coordinates.penalty.has_ridge:
            covariance[np.diag_indices(d)] += np.ravel(coordinates.penalty.ridge)
        return cls(
            mean=gap / scale,
            target_mean=moments.mean[d:],
            covariance=covariance,
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
            return self._sum(self.modes.minimum + above, theta)
        return self._sum(self.values(theta), theta)

    def values(self, theta: Array) -> Array:
        """What each target has without an L1 penalty at theta of shape (p, t), by the moments alone."""
        e, slopes = self._split(theta)
        quadratic = _dot(slopes, self.covariance @ slopes - 2.0 * self.cross)
        value: Array = e * e + np.maximum(quadratic + self.target_variance, 0.0)
        return value

    def _sum(self, smooth: Array, theta: Array) -> float:
        """J of all targets together."""
        penalty = self.coordinates.penalty
        if penalty.has_lasso:
            smooth = smooth + Penalty(lasso=penalty.lasso).value(self.coordinates.split(theta)[1])
        return float(self.coordinates.target_share @ smooth)

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
