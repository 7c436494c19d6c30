r"""Gradient check: analytic partials against finite differences, free of units.

`scipy.optimize.check_grad` returns the absolute 2-norm of (forward difference − analytic partials). Alone it says
little: for y of size 1e6 a correct gradient misses by thousands, and on features of size 1e-4 one that lacks its factor
2 misses by 1e-8. Here it is called in coordinates where the function's own curvature is the unit, and judged against
the error that forward differences must have there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import check_grad

from ._blocks import Array
from ._modes import EPS

SAFETY = 4.0
"""Factor on the derived error, for what its two terms leave out (third derivatives, the noise's own scatter)."""


class GradientCheckError(ValueError):
    """The analytic gradient does not agree with finite differences; the message names the worst coordinate."""


class GradientCheck(NamedTuple):
    """What a gradient check found.

    Attributes
    ----------
    error : float
        `scipy.optimize.check_grad` in the step's units: the 2-norm over the coordinates of (numeric − analytic)·step,
        in units of the function.
    relative_error : float
        `error` divided by the 2-norm of gradient·step.
    tolerance : float
        The `relative_error` that forward differences of a correct gradient may have here.
    passed : bool
        Whether ``relative_error <= tolerance``.
    worst_coordinate : int
        Index into the flattened theta where numeric and analytic partial differ most.
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

    With step :math:`h_i` a forward difference errs by truncation and by rounding,

    .. math::
        |\Delta_i f - h_i \partial_i f| \lesssim \tfrac12 h_i^2 |H_{ii}| + 2\varepsilon_f, \qquad
        h_i = 2\sqrt{\varepsilon_f / |H_{ii}|},

    with :math:`H_{ii}` the curvature, measured by a second difference, and :math:`\varepsilon_f` the noise of f,
    measured from a difference table. Their 2-norm over i, times `safety`, is the tolerance.

    Parameters
    ----------
    value : callable
        theta → float.
    gradient : callable
        theta → array of theta's shape: the analytic partials of `value`.
    theta : array-like
        Where to check, of any shape. Not at an optimum, where both vanish and any factor passes.
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

    reach, curvature = _curvature(flat, origin, f0)
    noise = _noise(flat, origin, reach, f0)
    step = np.where(curvature > 0, 2.0 * np.sqrt(noise / np.where(curvature > 0, curvature, 1.0)), reach)
    step = _representable(origin, np.minimum(step, reach))

    seen: dict[int, float] = {}

    def in_steps(u: Array) -> float:
        result = flat(origin + step * u)
        moved = np.flatnonzero(u)
        if len(moved) == 1:
            seen[int(moved[0])] = result
        return result

    zero = np.zeros(len(origin))
    error = float(check_grad(in_steps, lambda u: step * analytic, zero, epsilon=1.0))
    numeric = np.array([seen[i] - f0 for i in range(len(origin))])
    size = float(np.linalg.norm(step * analytic))
    allowed = safety * float(np.linalg.norm(step**2 * curvature / 2.0 + 2.0 * noise))
    worst = int(np.argmax(np.abs(numeric - step * analytic)))
    passed = bool(error <= allowed)
    return GradientCheck(
        error=error,
        relative_error=error / size if size > 0 else (0.0 if passed else np.inf),
        tolerance=allowed / size if size > 0 else 0.0,
        passed=passed,
        worst_coordinate=worst,
        analytic=float(analytic[worst]),
        numeric=float(numeric[worst] / step[worst]),
    )


def _curvature(f: Callable[[Array], float], origin: Array, f0: float) -> tuple[Array, Array]:
    """For each coordinate a step over which f bends visibly, though little, and |∂²f/∂θ_i²| measured with it."""
    reach, curvature = np.empty(len(origin)), np.empty(len(origin))
    guess = 2.0**-10 * max(float(np.abs(origin[:1]).max(initial=0.0)), 1.0)
    for i, centre in enumerate(origin):
        h, least, most, before = guess, 0.0, np.inf, np.nan
        for _ in range(100):
            h = float(_representable(centre, np.array(h)))
            up, down = _moved(f, origin, i, h), _moved(f, origin, i, -h)
            size = max(abs(f0), abs(up), abs(down), float(np.finfo(np.float64).tiny))
            bend = abs(up - 2.0 * f0 + down) / size
            if abs(bend / before - 1.0) < 0.1:
                break  # a parabola at its minimum bends alike over every step
            if not bend < 1e-3:
                before, most = bend, h
                h = np.sqrt(least * most) if least > 0 else h / 1024.0
            elif bend < 1e-8 and abs(up - down) < size and h < 1e150:
                least = h
                h = np.sqrt(least * most) if np.isfinite(most) else h * 32.0
            else:
                break
            if most <= 2 * least:
                break
        reach[i], curvature[i] = h, (bend * size / h / h if np.isfinite(bend) else 0.0)
        guess = h
    return reach, curvature


def _moved(f: Callable[[Array], float], origin: Array, i: int, h: float) -> float:
    x = origin.copy()
    x[i] += h
    with np.errstate(over="ignore", invalid="ignore"):
        return f(x)


def _noise(f: Callable[[Array], float], origin: Array, reach: Array, f0: float) -> float:
    """The rounding noise of f: third differences over steps so small that nothing but noise survives them."""
    direction = reach * np.where(np.arange(len(origin)) % 2 == 0, 1.0, -1.0) / len(origin)
    values = np.array([f(origin + k * 2.0**-26 * direction) for k in range(7)])
    measured = float(np.sqrt(np.mean(np.diff(values, 3) ** 2) / 20.0))  # 20 = C(6, 3)
    return max(4.0 * measured, 2.0 * EPS * float(np.abs(values).max()), float(np.finfo(np.float64).tiny))


def _representable(origin: Any, step: Array) -> Array:
    """The step that floating point really takes from the origin, never zero."""
    step = np.maximum(step, 4.0 * EPS * np.abs(origin))
    taken: Array = (origin + step) - origin
    return taken
