"""Scaling: an affine change of the coordinates in which the descent runs; there and back.

Gradient descent moves along −∇J, and that direction depends on the units of the features. Scaling changes the
coordinates, x̃ = (x − shift)/scale, not the model: it is learned from the moments, never applied to a copy of X, and
undone on the coefficients.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from ._arrays import Array, Exponents, beyond_float64, in_units

ScalingName = Literal["standard", "minmax", "maxabs"] | None


class Model(NamedTuple):
    """y = intercept + x·coef: slopes of shape (d, t) and intercepts of shape (t,), of unscaled features."""

    coef: Array
    intercept: Array


@dataclass(frozen=True, eq=False)
class Scaling:
    r"""The affine coordinates :math:`\tilde x_j = (x_j - s_j)/c_j`.

    Feature j is measured in units of :math:`2^{e_j}` and target i in units of :math:`2^{f_i}` (see
    `Moments.exponent`), so shift, scale and theta are ordinary numbers even where the data are at the ends of float64.

    Attributes
    ----------
    shift, scale : ndarray of shape (d,), float64
        s and c in units of 2**exponent; a constant feature, which has no scale, gets c = 1.
    exponent : ndarray of shape (d,), int64
    target_exponent : ndarray of shape (t,), int64
    """

    shift: Array
    scale: Array
    exponent: Exponents
    target_exponent: Exponents

    @cached_property
    def is_plain(self) -> bool:
        """Whether X and y are measured in their own units, as nearly always."""
        return not (self.exponent.any() or self.target_exponent.any())

    @cached_property
    def unit(self) -> int:
        """J, which sums over the targets, is measured in units of 2**(2·unit)."""
        return int(self.target_exponent.max())

    @cached_property
    def target_share(self) -> Array:
        """What the mean squared error of each target, in the target's units, comes to in units of J."""
        share: Array = np.ldexp(1.0, 2 * (self.target_exponent - self.unit))
        return share

    def gradient_norm(self, gradient: Array) -> float:
        """‖∇J‖₂ over all targets, in units of J's square root; beyond float64 it is infinite."""
        with beyond_float64():
            norm = np.linalg.norm(gradient * np.ldexp(1.0, self.target_exponent - self.unit))
            return float(np.ldexp(norm, self.unit))

    def loss(self, value: Any) -> Any:
        """J in units of y squared; beyond float64 it is infinite."""
        return np.asarray(value) if self.is_plain else in_units(value, 2 * self.unit)

    def model(self, theta: Array, fit_intercept: bool) -> Model:
        """The linear model with parameters theta of shape (p, t); not finite where theta has diverged."""
        with beyond_float64():
            coef = (theta[1:] if fit_intercept else theta) / self.scale[:, None]
            return Model(coef, theta[0] - self.shift @ coef if fit_intercept else np.zeros(theta.shape[1]))

    def theta(self, model: Model, fit_intercept: bool) -> Array:
        """The inverse of `model`."""
        with beyond_float64():
            slopes = model.coef * self.scale[:, None]
            return np.vstack([model.intercept + self.shift @ model.coef, slopes]) if fit_intercept else slopes

    def in_original_units(self, model: Model) -> Model:
        """The model of X and y as given."""
        if self.is_plain:
            return model
        coef = in_units(model.coef, self.target_exponent - self.exponent[:, None])
        return Model(coef, in_units(model.intercept, self.target_exponent))

    def from_original_units(self, model: Model) -> Model:
        """The inverse of `in_original_units`."""
        coef = in_units(model.coef, self.exponent[:, None] - self.target_exponent)
        return Model(coef, in_units(model.intercept, -self.target_exponent))

    def of_functional(self, M: Array, other: Scaling, fit_intercept: bool) -> Array:
        """The matrix that takes theta in the coordinates of `other` to what M makes of it in these."""
        with beyond_float64():
            if not fit_intercept:
                return M * (self.scale / other.scale)
            offset = M[:, :1] * ((self.shift - other.shift) / other.scale)
            return np.hstack([M[:, :1], M[:, 1:] * (self.scale / other.scale) + offset])


def shift_and_scale(
    name: ScalingName,
    *,
    fit_intercept: bool,
    mean: Array,
    variance: Array,
    minimum: Array | None,
    maximum: Array | None,
    exponent: Exponents,
) -> tuple[Array, Array]:
    """Shift and scale of each feature: the definitions of StandardScaler, MinMaxScaler and MaxAbsScaler.

    Without an intercept a scaling divides but does not shift, for a model through the origin must stay one.
    """
    nothing = np.zeros_like(mean)
    if name is None:
        return nothing, np.ldexp(1.0, -exponent)
    if name == "standard":
        shift, scale = mean, np.sqrt(np.maximum(variance, 0.0))  # rounding may leave a constant one below zero
    elif minimum is None or maximum is None:
        raise ValueError(
            f'scaling="{name}" needs the extremes of each feature, which these moments do not hold: '
            "use Moments.from_data(..., extremes=True), or another scaling."
        )
    elif name == "minmax":
        shift, scale = minimum, maximum - minimum
    else:
        shift, scale = nothing, np.maximum(np.abs(minimum), np.abs(maximum))
    return shift if fit_intercept else nothing, np.where(scale > 0, scale, 1.0)
