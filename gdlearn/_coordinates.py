"""Coordinates: the parameters in which the descent runs, from the scaling and the units of the data; there and back.

Gradient descent moves along −∇J, and that direction depends on the units of the features. Scaling changes the
coordinates, x̃ = (x − shift)/scale, not the model: it is learned from the moments, never applied to a copy of X, and
undone on the coefficients.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from ._arrays import Array, Exponents, beyond_float64, in_units
from ._penalty import LARGEST, NO_PENALTY, Penalty
from ._statistics import Statistics

ScalingName = Literal["standard", "minmax", "maxabs"] | None


class Model(NamedTuple):
    """y = intercept + x·coef: slopes of shape (d, t) and intercepts of shape (t,), of unscaled features."""

    coef: Array
    intercept: Array


@dataclass(frozen=True, eq=False)
class Coordinates:
    r"""What theta means in a descent: a model of the affine features :math:`\tilde x_j = (x_j - s_j)/c_j`.

    Feature j is measured in units of :math:`2^{e_j}` and target i in units of :math:`2^{f_i}` (see
    `Moments.exponent`), so shift, scale and theta are ordinary numbers even where the data are at the ends of float64.
    With an intercept theta[0] is the intercept and theta[1:] the slopes; without, theta is the slopes.

    Attributes
    ----------
    shift, scale : ndarray of shape (d,), float64
        s and c in units of 2**exponent; a constant feature, which has no scale, gets c = 1.
    exponent : ndarray of shape (d,), int64
        e.
    target_exponent : ndarray of shape (t,), int64
        f.
    fit_intercept : bool
        Whether theta starts with an intercept.
    centred : bool
        Whether the shift is the mean of each feature, so that the intercept is a mode by itself.
    penalty : Penalty
        What J charges for the slopes of theta, target by target in the target's units.
    """

    shift: Array
    scale: Array
    exponent: Exponents
    target_exponent: Exponents
    fit_intercept: bool
    centred: bool = False
    penalty: Penalty = NO_PENALTY

    @classmethod
    def learned(
        cls, name: ScalingName, statistics: Statistics, fit_intercept: bool, penalty: Penalty = NO_PENALTY
    ) -> Coordinates:
        """The coordinates of StandardScaler, MinMaxScaler, MaxAbsScaler, or of the features as they are (None).

        Without an intercept a scaling divides but does not shift, for a model through the origin must stay one.
        """
        d = statistics.n_features
        exponent, target_exponent = statistics.exponent[:d], statistics.exponent[d:]
        shift = nothing = np.zeros(d)
        minimum, maximum = statistics.minimum, statistics.maximum
        if name is None:
            scale = np.ldexp(1.0, -exponent)
        elif name == "standard":
            shift = statistics.feature_mean
            scale = np.sqrt(np.maximum(statistics.feature_variance, 0.0))  # a constant one may be rounded below zero
        elif minimum is None or maximum is None:
            raise ValueError(
                f'scaling="{name}" needs the extremes of each feature, which these moments do not hold: '
                "use Moments.from_data(..., extremes=True), or another scaling."
            )
        elif name == "minmax":
            shift, scale = minimum, maximum - minimum
        else:
            scale = np.maximum(np.abs(minimum), np.abs(maximum))
        scale = np.where(scale > 0, scale, 1.0)
        centred = name == "standard" and fit_intercept
        shift, penalty = shift if fit_intercept else nothing, penalty.in_target_units(target_exponent)
        return cls(shift, scale, exponent, target_exponent, fit_intercept, centred, penalty)

    @classmethod
    def original(cls, n_features: int, n_targets: int, fit_intercept: bool) -> Coordinates:
        """Those of X and y as they are."""
        exponent, target_exponent = (np.zeros(n, dtype=np.int64) for n in (n_features, n_targets))
        return cls(np.zeros(n_features), np.ones(n_features), exponent, target_exponent, fit_intercept)

    def equilibrated(self, statistics: Statistics) -> Coordinates:
        """Where the problem is best conditioned, near enough (van der Sluis 1969): columns of norm 1.

        Centred where there is an intercept, for the intercept is then a mode by itself.
        """
        mean, square = statistics.feature_mean, statistics.feature_variance
        shift, square = (mean, square) if self.fit_intercept else (np.zeros_like(mean), square + mean**2)
        if self.penalty.has_ridge:
            with beyond_float64():
                square = np.minimum(square + self.penalty.ridge_of_multiples(self.scale), LARGEST)
        scale = np.where(square > 0, np.sqrt(square), 1.0)
        with beyond_float64():
            penalty = self.penalty.of_multiples(self.scale / scale)
        return replace(self, shift=shift, scale=scale, centred=self.fit_intercept, penalty=penalty)

    @property
    def unpenalised(self) -> Coordinates:
        """The same where J is the error alone, as on rows that are held out."""
        return replace(self, penalty=NO_PENALTY)

    def charge(self, theta: Array) -> Array:
        """What the penalty adds to J at theta of shape (p, t), target by target."""
        with beyond_float64():
            return self.penalty.value(self.split(theta)[1])

    def proximal(self, theta: Array, eta: Array | float) -> Array:
        """The proximal step of the penalty's L1 part on the slopes of theta."""
        intercept, slopes = self.split(theta)
        return self.join(intercept, self.penalty.step(slopes, eta))

    @property
    def first(self) -> int:
        """The row of theta where the slopes begin."""
        return int(self.fit_intercept)

    @property
    def shape(self) -> tuple[int, int]:
        """Of theta: (p, t)."""
        return len(self.scale) + self.first, len(self.target_exponent)

    def split(self, theta: Array) -> tuple[Array, Array]:
        """The intercepts (0 without) and the slopes."""
        if self.fit_intercept:
            return theta[0], theta[1:]
        return np.zeros(theta.shape[1:]), theta

    def join(self, intercept: Array, slopes: Array) -> Array:
        """The inverse of `split`."""
        return np.vstack([intercept, slopes]) if self.fit_intercept else slopes

    @cached_property
    def is_plain(self) -> bool:
        """Whether X and y are measured in their own units, as nearly always."""
        return not (self.exponent.any() or self.target_exponent.any())

    @property
    def joint_exponent(self) -> Exponents:
        """The units of features and targets together, of shape (d + t,)."""
        return np.concatenate([self.exponent, self.target_exponent])

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
            if self.is_plain:
                return float(np.linalg.norm(gradient))
            norm = np.linalg.norm(gradient * np.ldexp(1.0, self.target_exponent - self.unit))
            return float(np.ldexp(norm, self.unit))

    def loss(self, value: Any) -> Any:
        """J in units of y squared; beyond float64 it is infinite."""
        return np.asarray(value) if self.is_plain else in_units(value, 2 * self.unit)

    @property
    def feature_shift(self) -> Array:
        """The shift in the units of X."""
        return self.shift.copy() if self.is_plain else in_units(self.shift, self.exponent)

    @property
    def feature_scale(self) -> Array:
        """The scale in the units of X."""
        return self.scale.copy() if self.is_plain else in_units(self.scale, self.exponent)

    def model(self, theta: Array) -> Model:
        """The linear model with parameters theta of shape (p, t); not finite where theta has diverged."""
        with beyond_float64():
            intercept, slopes = self.split(theta)
            coef = slopes / self.scale[:, None]
            return Model(coef, intercept - self.shift @ coef if self.fit_intercept else intercept)

    def theta(self, model: Model) -> Array:
        """The inverse of `model`."""
        with beyond_float64():
            return self.join(model.intercept + self.shift @ model.coef, model.coef * self.scale[:, None])

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

    def of_functional(self, M: Array, other: Coordinates, rest: Array | float = 0.0) -> Array:
        """The matrix that takes theta in `other` coordinates to what M makes of it in these.

        `rest` is what rounding took from the shift of these.
        """
        with beyond_float64():
            if not self.fit_intercept:
                return M * (self.scale / other.scale)
            offset = M[:, :1] * ((self.shift - other.shift + rest) / other.scale)
            return np.hstack([M[:, :1], M[:, 1:] * (self.scale / other.scale) + offset])

    def feature_square(self, statistics: Statistics) -> Array:
        """The mean square of each feature in these coordinates, of shape (d,); beyond float64 it is infinite."""
        gap = statistics.feature_mean - self.shift
        with beyond_float64():
            square: Array = statistics.feature_variance / self.scale**2 + (gap / self.scale) ** 2
        return square

    def agree_with(self, other: Coordinates) -> bool:
        """Whether theta means the same in both."""
        return np.array_equal(self.shift, other.shift) and np.array_equal(self.scale, other.scale)
