r"""Gradient check: analytic partials against finite differences, free of units.

`scipy.optimize.check_grad` returns the absolute 2-norm of (forward difference − analytic partials). Alone it says
little: for y of size 1e6 a correct gradient misses by thousands, and on features of size 1e-4 one that lacks its factor
2 misses by 1e-8. Here it is called on the odd part of the function along each coordinate, whose forward difference is a
central one, over a step that fits the function there, and judged against the error that this difference must have.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import check_grad

from ._blocks import EPS, Array

SAFETY = 4.0
"""Factor on the derived error, for what its two terms leave out (higher derivatives, the noise's own scatter)."""

TINY = float(np.finfo(np.float64).tiny)

SMALLEST = 2.0**-1040
"""A step of which an eighth still has a dozen digits, near a singularity at zero."""


class GradientCheckError(ValueError):
    """The analytic gradient does not agree with finite differences; the message names the worst coordinate."""


class GradientCheck(NamedTuple):
    """What a gradient check found: the figures of the coordinate that is furthest off, measured by its tolerance.

    Attributes
    ----------
    error : float
        `scipy.optimize.check_grad` in the step's units: |numeric − analytic|·step, in units of the function.
    relative_error : float
        `error` divided by |analytic|·step; where that vanishes 0 or, if the check failed, infinite.
    tolerance : float
        The `relative_error` that central differences of a correct partial may have here.
    passed : bool
        Whether ``relative_error <= tolerance``, here and so in every coordinate.
    worst_coordinate : int
        Index into the flattened theta of the coordinate.
    analytic, numeric : float
        Both partials there.
    """

    error: float
    relative_error: float
    tolerance: float
    passed: bool
    worst_coordinate: int
    analytic: float
    numeric: float


def check_gradient(
    value: Callable[[Array], Any], gradient: Callable[[Array], Any], theta: ArrayLike, *, safety: float = SAFETY
) -> GradientCheck:
    r"""Check an analytic gradient against finite differences of its function, whatever their units.

    Each coordinate is judged by itself. With step :math:`h_i` a central difference errs by truncation and rounding,

    .. math::
        \Bigl|\frac{f(\theta + h_i e_i) - f(\theta - h_i e_i)}{2} - h_i \partial_i f\Bigr|
        \lesssim \Bigl(\frac{h_i}{r_i}\Bigr)^3 t_i + 2\varepsilon_i, \qquad
        h_i = r_i \min\bigl(1, \sqrt[3]{\varepsilon_i / t_i}\bigr),

    with :math:`r_i` a step over which f bends little, :math:`t_i` the truncation there, measured against an eighth of
    the step, and :math:`\varepsilon_i` the noise of f, measured from a difference table. Times `safety` this is the
    tolerance.

    Parameters
    ----------
    value : callable
        theta → float.
    gradient : callable
        theta → array of theta's shape: the analytic partials of `value`.
    theta : array-like
        Where to check, of any shape. Not at an optimum, where both vanish and any factor passes. Where f is not finite
        the differences keep away from.
    safety : float, default=4.0
        Factor on the derived tolerance.

    Returns
    -------
    GradientCheck

    Raises
    ------
    ValueError
        If theta is empty, `value` or `gradient` is not finite there, or the gradient has another shape.

    References
    ----------
    Moré, Wild (2011), *Estimating computational noise*, SIAM J. Sci. Comput. 33. https://doi.org/10.1137/100786125
    Nocedal, Wright (2006), *Numerical Optimization*, 8.1. https://doi.org/10.1007/978-0-387-40065-5

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
    """
    theta = np.array(theta, dtype=np.float64)
    if theta.size == 0:
        raise ValueError("theta is empty: a function without parameters has no gradient to check.")
    shape, origin = theta.shape, theta.ravel()

    def flat(x: Array) -> float:
        return float(value(x.reshape(shape)))

    f0 = flat(origin)
    analytic = np.asarray(gradient(theta.copy()), dtype=np.float64)
    if analytic.shape != shape:
        raise ValueError(f"gradient returned shape {analytic.shape} for theta of shape {shape}: they must be the same.")
    analytic = analytic.ravel()
    if not (np.isfinite(f0) and np.isfinite(analytic).all()):
        raise ValueError(
            f"value and gradient must be finite at theta to be checked; value is {f0}. Choose another theta."
        )

    checks = []
    with np.errstate(all="ignore"):  # steps are tried beyond the domain and up to overflow, and then taken back
        reaches = _reaches(flat, origin, f0)
        measured = _noise(flat, origin, np.array([reach.h for reach in reaches]))
        for i, (centre, reach) in enumerate(zip(origin.tolist(), reaches, strict=True)):
            # The point is rounded, too: half an ulp of it moves f by the slope times that.
            noise = max(measured, 2.0 * EPS * reach.size) + EPS * abs(centre) * abs(reach.change / reach.h)
            checks.append(_check_partial(flat, origin, i, float(analytic[i]), reach, noise, safety))
    return max(checks, key=_severity)


def _check_partial(
    f: Callable[[Array], float], origin: Array, i: int, analytic: float, reach: _Reach, noise: float, safety: float
) -> GradientCheck:
    """One partial against `check_grad` of f's odd part, scaled to be of size 1: its square must not overflow."""
    shrunk = reach.h * min(1.0, (noise / reach.truncation) ** (1.0 / 3.0)) if reach.truncation > 0 else reach.h
    step = _representable(float(origin[i]), shrunk)
    slope = step * analytic
    allowed = safety * ((step / reach.h) ** 3 * reach.truncation + 2.0 * noise)
    allowed = allowed if math.isfinite(allowed) else 0.0  # nothing passes where nothing could be measured
    unit = max(abs(slope), allowed, TINY)
    seen = [0.0]

    def in_steps(u: Array) -> float:
        if u[0] == 0.0:
            return 0.0
        seen[0] = _odd_part(f, origin, i, step * float(u[0]))
        return seen[0] / unit

    error = unit * float(check_grad(in_steps, lambda u: np.array([slope / unit]), np.zeros(1), epsilon=1.0))
    error = error if math.isfinite(error) else np.inf
    passed = error <= allowed
    measurable = slope != 0 and math.isfinite(slope) and math.isfinite(allowed / abs(slope))
    return GradientCheck(
        error=error,
        relative_error=error / abs(slope) if measurable else (0.0 if passed else np.inf),
        tolerance=allowed / abs(slope) if measurable else 0.0,
        passed=passed,
        worst_coordinate=i,
        analytic=analytic,
        numeric=seen[0] / step,
    )


def _severity(check: GradientCheck) -> tuple[bool, float]:
    """The order of what is worst: failed before passed, then by the number of tolerances."""
    return not check.passed, check.relative_error / check.tolerance if check.tolerance > 0 else check.relative_error


class _Reach(NamedTuple):
    """What f does over a step h along a coordinate, seen from its odd and its even part and from both over h/8.

    `change` is the odd part, `truncation` how far it is from a straight line's, `bend` the larger of truncation and
    second difference, `turn` how far the second difference is from a parabola's, `size` the largest |f|.
    """

    h: float
    change: float
    truncation: float
    bend: float
    turn: float
    size: float

    @property
    def too_far(self) -> bool:
        # On top of a large constant or slope, what saturates or has passed by within h shows in the differences alone.
        floor = 1e-12 * self.size
        passed_by = self.truncation > max(0.1 * abs(self.change), floor) or self.turn > max(0.2 * self.bend, floor)
        return passed_by or not self.bend < 1e-3 * self.size

    @property
    def is_power(self) -> bool:
        # A parabola at its minimum, or x³, bends alike over every step; a step's slope is left behind.
        return self.truncation <= 1.1 * abs(self.change) + 1e-12 * self.size

    @property
    def too_near(self) -> bool:
        return self.bend < 1e-8 * self.size and 2.0 * abs(self.change) < self.size


def _reaches(f: Callable[[Array], float], origin: Array, f0: float) -> list[_Reach]:
    """For each coordinate a step over which f bends visibly, though little.

    Each begins the search for the next, unless that is large for it: what a function does nearby is seen from nearby.
    """
    found: list[_Reach] = []
    guess: float | None = None
    for i, centre in enumerate(origin.tolist()):
        unit = max(abs(centre), 1.0)
        reach = _reach(f, origin, i, f0, 2.0**-10 * unit if guess is None else min(guess, 2.0**-4 * unit))
        found.append(reach)
        if abs(reach.change) + reach.bend > 1e-12 * reach.size:  # of a constant every step is as good
            guess = reach.h
    return found


def _reach(f: Callable[[Array], float], origin: Array, i: int, f0: float, h: float) -> _Reach:
    centre = float(origin[i])
    widest = 2.0**40 * max(abs(centre), 1.0)
    near: _Reach | None = None
    most, shrink, before = np.inf, 2.0**-10, np.nan
    for _ in range(60):
        reach = _measured(f, origin, i, f0, _representable(centre, h))
        if reach.too_far:
            bend = reach.bend / reach.size
            if abs(bend / before - 1.0) < 0.1 and reach.is_power and not 0.0 < abs(centre) < reach.h:
                return reach
            before, most = bend, reach.h
        elif reach.too_near and reach.h < widest:
            near = reach
        else:
            return reach
        if near is None:
            h, shrink = reach.h * shrink, max(shrink * shrink, 2.0**-320)
        elif most > 2.0 * near.h:
            h = math.sqrt(near.h) * math.sqrt(most) if math.isfinite(most) else near.h * 32.0
        else:
            return near
    return near or reach


def _measured(f: Callable[[Array], float], origin: Array, i: int, f0: float, h: float) -> _Reach:
    odd, even, size = _parts(f, origin, i, f0, h)
    odd_within, even_within, _ = _parts(f, origin, i, f0, h / 8.0)
    truncation, turn = abs(odd - 8.0 * odd_within), abs(even - 64.0 * even_within)
    return _Reach(h, odd, truncation, truncation if truncation > abs(even) else abs(even), turn, size)


def _parts(f: Callable[[Array], float], origin: Array, i: int, f0: float, h: float) -> tuple[float, float, float]:
    """f's odd part, its second difference and its largest size."""
    up, down = _moved(f, origin, i, h), _moved(f, origin, i, -h)
    return up / 2.0 - down / 2.0, (up - f0) + (down - f0), max(abs(f0), abs(up), abs(down), TINY)


def _odd_part(f: Callable[[Array], float], origin: Array, i: int, h: float) -> float:
    return _moved(f, origin, i, h) / 2.0 - _moved(f, origin, i, -h) / 2.0


def _moved(f: Callable[[Array], float], origin: Array, i: int, h: float) -> float:
    x = origin.copy()
    x[i] += h
    return f(x)


def _noise(f: Callable[[Array], float], origin: Array, reach: Array) -> float:
    """The rounding noise of f: third differences over steps so small that nothing but noise survives them.

    The steps are no powers of two, which many a sum takes without rounding.
    """
    signs = np.where(np.arange(len(origin)) % 2 == 0, 1.0, -1.0)
    direction = 0.8090169943749475 * 2.0**-26 * np.minimum(reach, np.maximum(np.abs(origin), 1.0)) * signs / len(origin)
    values = np.array([f(origin + k * direction) for k in range(7)])
    size = max(float(np.abs(values).max()), TINY)
    measured = size * (4.0 * float(np.sqrt(np.mean(np.diff(values / size, 3) ** 2) / 20.0)))  # 20 = C(6, 3)
    return max(measured, TINY)


def _representable(origin: float, step: float) -> float:
    """The step that floating point really takes from the origin, never zero."""
    return (origin + max(step, 4.0 * EPS * abs(origin), SMALLEST)) - origin
