"""One panel of a `DescentPathDisplay`: level sets, a path, and −∇J along it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._arrays import Array, beyond_float64
from ._picture import ARROW, arrows_at, inside, ratio_levels, side_units, until_outside
from ._style import COLOURS, FIRST_STEPS, OUTSIDE, offset_and_power


class Panel(NamedTuple):
    """What was drawn, and of which steps the arrows are."""

    contours: Any
    arrow_contours: Any
    line: Any
    arrows: Any
    feet: list[int]


def figure_size(display: Any) -> tuple[float, float]:
    """Of a new figure, in inches: room for the panels, and for the lines of text above and below them."""
    n, x, y = len(display.paths), np.asarray(display.x), np.asarray(display.y)
    width = max(3.4 * n, 5.0)
    side = (width - 0.9) / n - 0.15
    tall = side * float(np.ptp(y) / np.ptp(x)) if display.aspect == "equal" else 0.75 * side
    lines = f"{display.caption or ''}\n{display.x_name}".count("\n") + bool(offset_and_power(x[0], x[-1])[1])
    title_and_ticks, legend = 4, 5 / min(n, 2)
    return width, min(tall, 4.0) + 0.19 * (lines + title_and_ticks + legend) + 0.5


def draw_panel(display: Any, ax: Any, i: int, line_kw: dict[str, Any]) -> Panel:
    """Draw path i of the display."""
    x, y, values = np.asarray(display.x), np.asarray(display.y), np.asarray(display.values, dtype=np.float64)
    path, gradient = np.asarray(display.paths[i], dtype=np.float64), np.asarray(display.gradients[i])
    low = float(np.nanmin(values)) if display.minimum is None else display.minimum
    with beyond_float64():
        root = np.ma.masked_invalid(np.sqrt(np.maximum(values - low, 0.0)))
        heights = np.asarray(display.path_values[i], dtype=np.float64) - low

    name = display.value_name
    if display.levels is None:
        levels, ratio = ratio_levels(float(root.max()) ** 2, heights[0])
        what = f"level sets: {name} − min {name} ×{ratio:,} each"
    else:
        levels, what = np.maximum(np.asarray(display.levels) - low, 0.0), f"level sets of {name}"
    grey = {"colors": "0.72", "linewidths": 0.9, "zorder": 1}
    contours = ax.contour(x, y, root, levels=np.sqrt(levels), **grey)
    ax.plot([], [], color=grey["colors"], linewidth=1, label=what)

    line = _draw_path(display, ax, path, line_kw)
    arrows, feet = _draw_arrows(display, ax, path, gradient, heights)
    through = np.unique(np.sqrt(heights[feet]))
    arrow_contours = ax.contour(x, y, root, levels=through, colors="0.35", linewidths=1, zorder=2)
    if np.isnan(values).any():
        ax.contourf(x, y, np.isnan(values), levels=[0.5, 1.5], colors=OUTSIDE, zorder=0)
        ax.fill_between([], [], color=OUTSIDE, label=f"outside the domain of {name}")
    return Panel(contours, arrow_contours, line, arrows, feet)


def _draw_path(display: Any, ax: Any, path: Array, line_kw: dict[str, Any]) -> Any:
    """The path to where it leaves the picture, with a dot at each of its first steps; and the minimum."""
    x, y = np.asarray(display.x), np.asarray(display.y)
    dots = {"marker": "o", "markersize": 4, "markevery": slice(0, FIRST_STEPS + 1)}
    what = "steps" if len(path) <= FIRST_STEPS + 1 else f"path, the first {FIRST_STEPS} steps as dots"
    if display.n_parameters is not None and display.n_parameters > 2:
        what += f",\nprojected on 2 of {display.n_parameters} parameters"
    line = {"color": COLOURS[0], "linewidth": 1.6, "label": what, "zorder": 3} | dots
    diagonal = float(np.hypot(np.ptp(x), np.ptp(y)))
    (drawn,) = ax.plot(*until_outside(path, inside(path, x, y), diagonal).T, **(line | line_kw))
    if display.optimum is not None:
        star = {"color": "black", "marker": "*", "markersize": 12, "linestyle": "none", "zorder": 4}
        ax.plot(*display.optimum, **star, label="minimum")
    return drawn


def _draw_arrows(display: Any, ax: Any, path: Array, gradient: Array, heights: Array) -> tuple[Any, list[int]]:
    """−∇J at some of the points, all arrows of one length on the picture; and at which steps."""
    x, y = np.asarray(display.x), np.asarray(display.y)
    equal = display.aspect == "equal"
    unit = side_units(x, y, equal)
    feet = [k for k in arrows_at(path, gradient, x, y, display.optimum, equal=equal) if heights[k] > 0]
    downhill = -gradient[feet] / np.abs(gradient[feet]).max(axis=1, keepdims=True)  # whose squares do not overflow
    arrow = downhill / np.hypot(*(downhill / unit).T)[:, np.newaxis] * ARROW
    where = "at right angles to its level set" if equal else "on unequal axes, which hide its right angles"
    ax.plot([], [], color=COLOURS[1], marker=">", label=f"−∇{display.value_name}, {where}")
    exact = {"angles": "xy", "scale_units": "xy", "scale": 1.0, "color": COLOURS[1], "zorder": 5}
    return ax.quiver(*path[feet].T, *arrow.T, **exact, width=0.009), feet
