r"""Gradient check: analytic partials against finite differences, free of units.

`scipy.optimize.check_grad` returns the absolute 2-norm of (forward difference − analytic partials). Alone it says
little: for y of size 1e6 a correct gradient misses by thousands, and on features of size 1e-4 one that lacks its factor
2 misses by 1e-8. Here it is called on the odd part of the function along each coordinate, whose forward difference is a
central one, over a step that fits the function there, and judged against the error that this difference must have.

"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import check_grad

from ._arrays import Array
from ._finite_differences import ENOUGH, FIRST, RESOLVED, Line, Reading, read_slope

SAFETY = 4.0
"""Factor on the derived error, for what differences over a few steps leave out."""

DOUBT = 4.0
"""Factor on a tolerance that verifies nothing before it refutes: next to noise, bounds of errors are estimates, too."""

HIDDEN = 2.0**-11
"""The part of a slope that rounding to single precision often hides; just below RESOLVED. It may hide more."""

TINY = float(np.finfo(np.float64).tiny)


class GradientCheckError(ValueError):
    """The analytic gradient does not agree with finite differences; the message names the worst coordinate."""


class GradientCheck(NamedTuple):
    """What a gradient check found: the figures of the worst coordinate.

    A coordinate that failed is worse than one that could not be measured, and that one is worse than one that passed.
    Among equals the worst has the most tolerances, or the widest tolerance where it could not be measured.

    Attributes
    ----------
    error : float
        `scipy.optimize.check_grad` in the step's units: |numeric − analytic|·step, in units of the function.
    relative_error : float
        `error` divided by |analytic|·step; where that vanishes 0 or, if the check failed, infinite.
    tolerance : float
        The `relative_error` that central differences of a correct partial may have here: 0 for a partial that is 0,
        infinite where the differences settle over no step.
    passed : bool or None
        False if ``relative_error > tolerance`` in any coordinate. Otherwise True if every tolerance is at most the
        resolution (5e-4 unless another was asked for), so that a partial that is off by twice as much would have been
        found. None if neither: finite differences cannot measure the partial here, because rounding or noise of f
        drowns it, or f jumps or has a kink. A partial of exactly 0 passes where f is level as far as its digits tell.
    worst_coordinate : int
        Index into the flattened theta of the coordinate.
    analytic, numeric : float
        Both partials there.
    """

    error: float
    relative_error: float
    tolerance: float
    passed: bool | None
    worst_coordinate: int
    analytic: float
    numeric: float

    def in_words(self, partial: str | None = None) -> str:
        """What finite differences do: they agree, DISAGREE or cannot measure.

        Parameters
        ----------
        partial : str, default=None
            A name for the worst partial, such as "df/dx".

        Examples
        --------
        >>> from gdlearn import check_gradient
        >>> check_gradient(lambda v: v[0] ** 2, lambda v: 3 * v, [1.0]).in_words("df/dx")
        'DISAGREE with df/dx: relative error 3.3e-01, 1.6e-07 allowed'
        """
        partial = f"partial {self.worst_coordinate}" if partial is None else partial
        figures = f"relative error {self.relative_error:.1e}, {self.tolerance:.1e} allowed"
        if self.passed is not None:
            return f"agree: {figures}" if self.passed else f"DISAGREE with {partial}: {figures}"
        if math.isinf(self.tolerance):
            return f"cannot measure {partial} here: they settle over no step"
        if self.analytic == 0:
            return f"cannot measure {partial} here: rounding or noise in f hides whether it is 0"
        return f"cannot measure {partial} here: rounding or noise in f moves them by {self.tolerance:.1e} of it"


def check_gradient(
    value: Callable[[Array], float | Array],
    gradient: Callable[[Array], ArrayLike],
    theta: ArrayLike,
    *,
    safety: float = SAFETY,
    resolution: float = RESOLVED,
) -> GradientCheck:
    r"""Check an analytic gradient against finite differences of its function, whatever their units.

    Each coordinate is judged by itself, by its central differences over steps of many sizes,

    .. math:: D(h) = \frac{f(\theta + h e_i) - f(\theta - h e_i)}{2h}.

    Noise :math:`\sigma` in f moves D(s) by :math:`\sigma/s`. So :math:`s\,|D(h) - D(s)|` over steps s < h shows how
    large the noise is, and the difference over the next smaller step :math:`h'` shows what D(h) misses as f bends:

    .. math::
        |D(h) - \partial_i f| \lesssim
        \max\Bigl(|D(h) - D(h')|,\; \max_{s<h} \tfrac{4s}{h} |D(h) - D(s)|\Bigr).

    Times `safety`, and never below the rounding of f and theta, this bounds the error of D(h). What f does nearest to
    theta counts: a difference is left out where it lies outside the bounds of one over a smaller step. Of the others
    the one with the least bound is compared with the analytic partial. Four times the bound is allowed where it is too
    wide to verify a partial, and 2.4e-7 of the partial where it is narrower: f may be computed in single precision.
    Where its values are numbers of single precision, their rounding hides small parts of f whose slope is not small:
    4.9e-4 of the partial is allowed, and where rounding is coarse, what is up to 3.9e-3 of it off cannot be measured.
    Steps so small that a sum with a larger coordinate would absorb them show only a part of f's slope: what larger
    steps contradict is not refuted either.

    Parameters
    ----------
    value : callable
        theta → float.
    gradient : callable
        theta → array of theta's shape: the analytic partials of `value`.
    theta : array-like
        Where to check, of any shape. At an optimum partials that are 0 up to rounding, but not 0, cannot be measured.
        Steps keep away from where f is not finite, or raises an ArithmeticError or a ValueError.
    safety : float, default=4.0
        Factor on the derived tolerance.
    resolution : float, default=5e-4
        The largest tolerance, relative to the partial, that verifies it: what is off by more than twice as much never
        passes. Below 2.4e-7 nothing is verified.

    Returns
    -------
    GradientCheck
        ``passed`` is True, False, or None for "cannot be measured here".

    Raises
    ------
    ValueError
        If theta is empty, `value` or `gradient` is not finite there, `value` is more than one number, or the gradient
        has another shape than theta.

    References
    ----------
    Moré, Wild (2011), *Estimating computational noise*, SIAM J. Sci. Comput. 33. https://doi.org/10.1137/100786125
    Lepskii (1991), *On a problem of adaptive estimation in Gaussian white noise*, Theory Probab. Appl. 35.
    https://doi.org/10.1137/1135065

    Examples
    --------
    >>> import numpy as np
    >>> from gdlearn import check_gradient
    >>> f = lambda v: v[0] ** 2 * v[1] + np.sin(v[0] * v[1])
    >>> g = lambda v: np.array([2 * v[0] * v[1] + v[1] * np.cos(v[0] * v[1]), v[0] ** 2 + v[0] * np.cos(v[0] * v[1])])
    >>> check_gradient(f, g, [1.0, 2.0]).passed
    True
    >>> check_gradient(f, lambda v: g(v) / 2, [1.0, 2.0]).passed
    False

    The slope of 1/(1 + e⁻ˣ) at 40 is 4e-18, and the values there differ from 1 by less than float64 can say:

    >>> print(check_gradient(lambda v: 1 / (1 + np.exp(-v[0])), lambda v: np.exp(-v), [40.0]).passed)
    None
    """
    theta = np.array(theta, dtype=np.float64)
    if theta.size == 0:
        raise ValueError("theta is empty: a function without parameters has no gradient to check.")
    shape, origin = theta.shape, theta.ravel()

    def flat(x: Array) -> float:
        number = np.asarray(value(x.reshape(shape)), dtype=np.float64)
        if number.size != 1:
            raise ValueError(f"value returned shape {number.shape}: it must be one number. Sum or average it.")
        return float(number.item())

    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # steps go beyond the domain and up to overflow
        f0 = flat(origin.copy())
        analytic = np.array(gradient(theta.copy()), dtype=np.float64)
        if analytic.shape != shape:
            raise ValueError(
                f"gradient returned shape {analytic.shape} for theta of shape {shape}: they must be the same."
            )
        analytic = analytic.ravel()
        if not (np.isfinite(f0) and np.isfinite(analytic).all()):
            raise ValueError(
                f"value and gradient must be finite at theta to be checked; value is {f0}. Choose another theta."
            )
        lines = [Line(flat, origin, i, f0) for i in range(len(origin))]
        readings = [read_slope(line, slope, safety) for line, slope in zip(lines, analytic.tolist(), strict=True)]
        checks = []
        for i, (line, reading) in enumerate(zip(lines, readings, strict=True)):
            # The rounding that other coordinates show may be there along this one as a factor that no step changes.
            rounding = max((other.noise for other in readings[:i] + readings[i + 1 :] if other.is_rounded), default=0.0)
            bound = reading.bound + safety * rounding / max(line.size, FIRST)
            checks.append(_check_partial(line, float(analytic[i]), reading, bound, resolution))
    return max(checks, key=_severity)


def _check_partial(line: Line, analytic: float, reading: Reading, bound: float, resolution: float) -> GradientCheck:
    """One partial against `check_grad` of f's odd part, scaled to be of size 1: its square must not overflow."""
    bound *= DOUBT if bound > resolution * max(abs(reading.slope), abs(analytic)) else 1.0
    slope = reading.step * analytic
    size = min(abs(reading.slope), abs(analytic))
    least = ENOUGH * abs(reading.slope)
    if reading.is_single:
        least = HIDDEN * size
        if abs(reading.slope - analytic) > least:  # what may be hidden verifies nothing, and refutes nothing either
            least = max(least, min(2.0 * reading.hidden, 8.0 * least), reading.absorbed)
    allowed = reading.step * max(bound, least)
    unit = max(abs(slope), allowed if math.isfinite(allowed) else 0.0, TINY)

    def in_steps(u: Array) -> float:
        up, down = line.values(reading.step * float(u[0])) if u[0] else (0.0, 0.0)
        return (up / 2.0 - down / 2.0) / unit

    error = unit * float(check_grad(in_steps, lambda u: np.array([slope / unit]), np.zeros(1), epsilon=1.0))
    agrees = error <= allowed or math.isinf(allowed)
    by_size = slope != 0 and math.isfinite(slope) and math.isfinite(error / abs(slope)) and allowed < abs(slope) * 1e300
    if by_size:
        relative_error, tolerance = error / abs(slope), allowed / abs(slope)
    elif agrees:
        relative_error, tolerance = 0.0, 0.0 if analytic == 0 else np.inf
    else:
        relative_error, tolerance = np.inf, 0.0
    is_zero = reading.is_level and abs(reading.slope) <= DOUBT * reading.bound
    verified = is_zero if analytic == 0 else tolerance <= resolution
    return GradientCheck(
        error=error if math.isfinite(error) else np.inf,
        relative_error=relative_error,
        tolerance=tolerance,
        passed=False if not agrees else True if verified else None,
        worst_coordinate=line.i,
        analytic=analytic,
        numeric=reading.slope,
    )


def _severity(check: GradientCheck) -> tuple[int, float]:
    """The order of what is worst: failed, unmeasured, passed; then by the number of tolerances, or by the tolerance."""
    if check.passed is None:
        return 1, check.tolerance
    in_tolerances = check.relative_error / check.tolerance if check.tolerance > 0 else check.relative_error
    return 0 if check.passed else 2, in_tolerances


for _public in (GradientCheck, GradientCheckError, check_gradient):  # also where `gdlearn` has not been asked for them
    _public.__module__ = "gdlearn"
