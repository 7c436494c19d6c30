"""What the Displays share: matplotlib on demand, colours, and the name of a learning rate."""

from __future__ import annotations

from typing import Any

import numpy as np

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""The palette of Okabe and Ito, which the colour-blind can tell apart."""


OUTSIDE = "0.9"
"""The grey of a region where a function has no value."""


DRAWABLE = 1e200
"""What is beyond it, or on a logarithmic axis below its inverse, leaves the picture: ticks further on may overflow."""


def drawable(low: float, high: float) -> tuple[float, float]:
    """The limits of a logarithmic axis, cut to where matplotlib can set its ticks."""
    return min(max(low, 1.0 / DRAWABLE), DRAWABLE / 10.0), max(min(high, DRAWABLE), 10.0 / DRAWABLE)


def drawable_steps(steps: Any) -> Any:
    """Numbers of steps as matplotlib takes them: as float64 where int64 does not hold them, 1e300 at most."""
    steps = np.asarray(steps)
    if steps.dtype.kind in "if":
        return steps
    return np.array([float(min(int(k), 10**300)) for k in steps])


def pyplot(caller: str) -> Any:
    """matplotlib.pyplot, or an ImportError that says how to get it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(f'{caller} needs matplotlib: pip install "gdlearn[plot]"') from error
    return plt


def name_of_rate(learning_rate: Any, rate: float) -> str:
    """What a legend says of a descent: its parameter `learning_rate` and the number used."""
    if callable(learning_rate):
        return "η by schedule"
    if isinstance(learning_rate, str) and learning_rate == "exact":
        return "exact line search"
    if isinstance(learning_rate, str) and learning_rate == "backtracking":
        return "backtracking line search"
    return f"η = {rate:.3g}"
