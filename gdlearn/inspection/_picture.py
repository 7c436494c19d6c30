"""Where a picture of a descent is taken: its window, the heights of its level sets, and the feet of its arrows."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from .._arrays import Array, beyond_float64

Aspect = Literal["equal", "auto"]

GRID = 500
"""Points along each side of the picture."""

FLAT = 1e-2
"""Of the largest gradient of a path: where the last is less, its end is taken for the optimum."""

FINER = 31
"""Points within a cell of where an arrow starts, to both sides."""

RATIOS = 2, 4, 10, 100, 1000, 10_000
MOST_LEVELS = 14
"""J − J_min falls by one of the ratios from a level set to the next: the first that there is room for."""

QUANTILES = 0.001, 0.005, 0.015, 0.035, 0.07, 0.12, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9
"""Parts of the picture in which a function without known minimum is below its level sets."""

ARROW = 0.15
"""Length of an arrow, as a part of the picture's shorter side; two start at least one and a half of it apart."""

HIDDEN = 0.1
"""What the path and the optimum cover of an axis is not seen below this part of what they cover of the other."""

OVERSHOOT = 1.6
"""How much farther than the start a picture with a diverging path reaches from the optimum."""


def grid_around(points: Array, *, equal: bool = True) -> tuple[Array, Array]:
    """A picture around the points, with room beside them.

    With one scale for both axes neither side is shorter than three quarters of the other; with two, each axis has
    room for its own range.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    middle, half = (low + high) / 2, (high - low) / 2
    if equal:
        half = np.maximum(half, 0.6 * half.max()) + 0.25 * half.max()
    else:
        half = 1.25 * np.where(half > 0, half, 0.5 * np.abs(middle))
    half = np.where(half > 0, half, 1.0)
    x, y = (np.linspace(m - h, m + h, GRID) for m, h in zip(middle, half, strict=True))
    return x, y


def flat_hint(points: Array, equal: bool) -> str:
    """What a caption adds where one scale for both axes leaves nothing to see of one of them."""
    extent = np.ptp(points, axis=0)
    hidden = equal and 0 < extent.min() < HIDDEN * extent.max()
    return '\nequal axes hide one of them: aspect="auto" shows both' if hidden else ""


def side_units(x: Array, y: Array, equal: bool) -> Array:
    """What lengths on the picture are parts of: its shorter side, or each side where each has a scale of its own."""
    sides = np.array([np.ptp(x), np.ptp(y)])
    return np.full(2, sides.min()) if equal else sides


def ratio_levels(highest: float, start: float) -> tuple[Array, int]:
    """Heights above the minimum at a constant ratio, one of them that of the start, and the ratio."""
    anchor = start if 0 < start < highest else highest
    least = anchor / 200
    ratio = next((r for r in RATIOS if np.log(highest / least) / np.log(r) < MOST_LEVELS), RATIOS[-1])
    above = int(np.log(highest / anchor) / np.log(ratio))
    below = int(np.log(anchor / least) / np.log(ratio))
    levels: Array = anchor * np.float64(ratio) ** np.arange(-below, above + 1.0)
    return levels, ratio


def quantile_levels(values: Array) -> Array:
    """Values at quantiles of a function over the picture, denser at its low end, where a descent goes."""
    levels: Array = np.unique(np.quantile(values[np.isfinite(values)], QUANTILES))
    return levels


def until_outside(path: Array, inside: Any, diagonal: float) -> Array:
    """The path to its first step out of the picture, shortened to what shows: no renderer holds 10^100 pixels."""
    outside = np.flatnonzero(~inside[1:]) + 1
    if not len(outside):
        return path
    last, out = path[outside[0] - 1], path[outside[0]]
    shown = min(1.0, 2 * diagonal / math.hypot(*(out - last).tolist()))
    return np.vstack([path[: outside[0]], last + (out - last) * shown])


def inside(path: Array, x: Array, y: Array) -> Any:
    """Which points of a path are in a picture with these sides."""
    return (path >= [x[0], y[0]]).all(axis=1) & (path <= [x[-1], y[-1]]).all(axis=1)


def arrows_at(
    path: Array, gradient: Array, x: Array, y: Array, optimum: tuple[float, float] | None, *, equal: bool = True
) -> list[int]:
    """The points of the path at which arrows start: apart from one another, and from the optimum or a flat end."""
    slope = np.abs(gradient).max(axis=1)
    if optimum is None and slope[-1] <= FLAT * np.nanmax(slope):
        optimum = float(path[-1, 0]), float(path[-1, 1])
    unit = side_units(x, y, equal)
    end = None if optimum is None else np.asarray(optimum) / unit
    with beyond_float64():
        return spaced(path / unit, inside(path, x, y) & (slope > 0), 1.5 * ARROW, end)


def refined(side: Array, places: Array) -> Array:
    """A side of the grid, finer within a cell of each place, for a level set may turn sharply there."""
    cell = side[1] - side[0]
    near = np.add.outer(places, cell * np.linspace(-1.0, 1.0, FINER)).ravel()
    return np.union1d(side, near[(near > side[0]) & (near < side[-1])])


def spaced(path: Array, allowed: Any, distance: float, optimum: Array | None) -> list[int]:
    """Points of the path that are not near to one another, nor to the optimum, where arrows would hide it."""
    taken = [] if optimum is None else [optimum]
    chosen = []
    for k in np.flatnonzero(allowed):
        if all(np.linalg.norm(path[k] - other) >= distance for other in taken):
            chosen.append(int(k))
            taken.append(path[k])
    return chosen
