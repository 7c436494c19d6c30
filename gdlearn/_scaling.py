"""Scaling: an affine change of the coordinates in which the descent runs; there and back.

Gradient descent moves along −∇J, and that direction depends on the units of the features. Scaling changes the
coordinates, x̃ = (x − shift)/scale, not the model: it is learned from the moments, never applied to a copy of X, and
undone on the coefficients.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ._blocks import Array
from ._moments import Exponents

ScalingName = Literal["standard", "minmax", "maxabs"] | None


@dataclass(frozen=True, eq=False)
class Scaling:
    r"""The affine coordinates :math:`\tilde x_j = (x_j - s_j)/c_j`.

    Feature j is measured in units of :math:`2^{e_j}` and the targets in units of :math:`2^f` (see
    `Moments.exponent`), so shift, scale and theta are ordinary numbers even where the data are at the ends of float64.

    Attributes
    ----------
    shift, scale : ndarray of shape (d,), float64
        s and c in units of 2**exponent; a constant feature, which has no scale, gets c = 1.
    exponent : ndarray of shape (d,), int64
    target_exponent : int
    """

    shift: Array
    scale: Array
    exponent: Exponents
    target_exponent: int

    def in_original_units(self, theta: Array, fit_intercept: bool) -> tuple[Array, Array]:
        """Undo the scaling: theta of shape (p, t) → coefficients (d, t) and intercepts (t,) of X and y as given."""
        with np.errstate(over="ignore", under="ignore"):
            slopes = (theta[1:] if fit_intercept else theta) / self.scale[:, None]
            intercept = theta[0] - self.shift @ slopes if fit_intercept else np.zeros(theta.shape[1])
            coef = np.ldexp(slopes, self.target_exponent - self.exponent[:, None])
            return coef, np.ldexp(intercept, self.target_exponent)

    def from_original_units(self, coef: Array, intercept: Array, fit_intercept: bool) -> Array:
        """The inverse of `in_original_units`: coefficients (d, t), intercepts (t,) → theta (p, t)."""
        slopes = np.ldexp(coef, self.exponent[:, None] - self.target_exponent)
        theta = slopes * self.scale[:, None]
        if not fit_intercept:
            return theta
        return np.vstack([np.ldexp(intercept, -self.target_exponent) + self.shift @ slopes, theta])

    def to_coordinates_of(self, other: Scaling, theta: Array, fit_intercept: bool) -> Array:
        """The same model in the coordinates of another scaling of the same features."""
        slopes = theta[1:] if fit_intercept else theta
        there = slopes * (other.scale / self.scale)[:, None]
        if not fit_intercept:
            return there
        return np.vstack([theta[0] + ((other.shift - self.shift) / self.scale) @ slopes, there])


def shift_and_scale(
    name: ScalingName,
    *,
    fit_intercept: bool,
    mean: Array,
    variance: Array,
    minimum: Array | None,
    maximum: Array | None,
) -> tuple[Array, Array]:
    """Shift and scale of each feature: the definitions of StandardScaler, MinMaxScaler and MaxAbsScaler.

    Without an intercept a scaling divides but does not shift, for a model through the origin must stay one.
    """
    nothing = np.zeros_like(mean)
    if name is None:
        return nothing, np.ones_like(mean)
    if name == "standard":
        shift, scale = mean, np.sqrt(variance)
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
