"""Penalty: what J charges for the size of the slopes, and the proximal step that goes with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._arrays import Array, Exponents, beyond_float64, in_units

LARGEST = 2.0**1000
"""Charges beyond this leave no slope but 0, as this does, which leaves room for what is counted with it."""


@dataclass(frozen=True, eq=False)
class Penalty:
    r"""A charge for the slopes, never for the intercept.

    .. math::  P(\theta) = \sum_j r_j\theta_j^2 + 2\sum_j t_j|\theta_j|

    From the parameters `alpha` = α and `l1_ratio` = ρ come r = α(1 − ρ) and t = αρ for every feature, in the
    coordinates of the descent; in other coordinates r and t differ from feature to feature.

    Attributes
    ----------
    ridge, lasso : float or ndarray that broadcasts to the slopes, of shape (d, t)
        r and t; t in units of the target.
    """

    ridge: Array | float = 0.0
    lasso: Array | float = 0.0

    @classmethod
    def of(cls, alpha: Array | float, l1_ratio: float) -> Penalty:
        """What the two parameters of the estimators say; an alpha for each column, if there are several."""
        alpha = np.minimum(alpha, LARGEST)
        return cls(alpha * (1.0 - l1_ratio), alpha * l1_ratio)

    @property
    def has_ridge(self) -> bool:
        """Whether squares of slopes are charged."""
        return _any(self.ridge)

    @property
    def has_lasso(self) -> bool:
        """Whether sizes of slopes are charged, so that J has a kink where one is 0."""
        return _any(self.lasso)

    @property
    def smooth(self) -> Penalty:
        """The squares alone."""
        return Penalty(self.ridge)

    def is_like(self, other: Penalty) -> bool:
        """Whether the other charges the same, where both charge all slopes alike."""
        return bool(self.ridge == other.ridge and self.lasso == other.lasso)

    def in_target_units(self, exponent: Exponents) -> Penalty:
        """The same where target i is measured in units of 2**exponent[i]."""
        if not self.has_lasso:
            return self
        return Penalty(self.ridge, np.minimum(in_units(self.lasso, -exponent), LARGEST))

    def of_multiples(self, size: Array) -> Penalty:
        """The same of slopes θ/size, for `size` of shape (d,)."""
        if not (self.has_ridge or self.has_lasso):
            return self
        size = size[:, None]
        with beyond_float64():
            return Penalty(np.minimum(self.ridge * size**2, LARGEST), np.minimum(self.lasso * size, LARGEST))

    def ridge_of_multiples(self, size: Array) -> Array:
        """What the squares of slopes θ/size are charged, of shape (d,)."""
        return np.asarray(np.ravel(self.ridge) * size**2)

    def value(self, slopes: Array) -> Array:
        """P of each target, of shape (t,)."""
        charge: Array = np.zeros(slopes.shape[1:])
        if self.has_ridge:  # elsewhere 0 times what may be infinite
            charge = charge + np.sum(self.ridge * slopes**2, axis=0)
        return charge + 2.0 * np.sum(self.lasso * np.abs(slopes), axis=0) if self.has_lasso else charge

    def gradient(self, slopes: Array) -> Array:
        """∇ of the squares, 2rθ."""
        return 2.0 * self.ridge * slopes

    def step(self, slopes: Array, eta: Array | float) -> Array:
        """The proximal step of the sizes: S(θ) = sign(θ)·max(|θ| − 2ηt, 0), whose zeros are exact.

        References
        ----------
        Parikh, Boyd (2014), *Proximal Algorithms*, 6.5.2. https://doi.org/10.1561/2400000003
        """
        shrunk = np.maximum(np.abs(slopes) - 2.0 * eta * self.lasso, 0.0)
        return np.asarray(np.copysign(shrunk, slopes) + 0.0)

    def violation(self, slopes: Array, gradient: Array) -> Array:
        r"""By how much each slope misses the condition of a minimum, of shape (d, t).

        With :math:`\partial_j` the partial derivative of the rest of J, squares included, it is
        :math:`|\partial_j + 2t_j\operatorname{sign}\theta_j|` where θ_j ≠ 0 and max(|∂_j| − 2t_j, 0) where θ_j = 0.
        """
        charge = 2.0 * self.lasso
        still = np.maximum(np.abs(gradient) - charge, 0.0)
        return np.where(slopes == 0, still, np.abs(gradient + charge * np.sign(slopes)))


def _any(charge: Array | float) -> bool:
    """Whether anything is charged; of one number, as nearly always, without NumPy."""
    return charge != 0.0 if isinstance(charge, float) else bool(np.any(charge))


NO_PENALTY = Penalty()
