"""The picture of a descent, step after step."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._style import FIRST_STEPS

MOST_FRAMES = 100
"""Of a longer path the first steps are shown one by one, and later ones at growing distances."""


def animated(display: Any, interval: int, repeat: bool) -> Any:
    """A matplotlib animation of a `DescentPathDisplay` that has been drawn."""
    from matplotlib.animation import FuncAnimation

    shown = [line.get_xydata().copy() for line in display.lines_]
    arrows = [(quiver, np.asarray(quiver.U).copy(), np.asarray(quiver.V).copy()) for quiver in display.arrows_]

    def show(k: int) -> list[Any]:
        for i, (line, ax) in enumerate(zip(display.lines_, display.axes_, strict=True)):
            line.set_data(*shown[i][: k + 1].T)
            quiver, u, v = arrows[i]
            later = np.asarray(display.feet_[i]) > k
            quiver.set_UVC(np.ma.masked_array(u, later), np.ma.masked_array(v, later))
            here = min(k, len(display.paths[i]) - 1)
            value = f"step {here:,}, {display.value_name} = {float(np.asarray(display.path_values[i])[here]):.4g}"
            ax.set_title(value if display.names is None else f"{display.names[i]}\n{value}")
        return [*display.lines_, *display.arrows_]

    steps = frames(max(map(len, shown)) - 1)
    return FuncAnimation(display.figure_, show, frames=steps, interval=interval, repeat=repeat)


def frames(last: int) -> list[int]:
    """The steps that are shown, the last among them."""
    if last < MOST_FRAMES:
        return list(range(last + 1))
    later = np.geomspace(FIRST_STEPS, last, MOST_FRAMES - FIRST_STEPS)
    return sorted({*range(FIRST_STEPS), *(int(k) for k in np.rint(later))})
