"""What the Displays share: matplotlib on demand, colours, and the name of a learning rate."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""The palette of Okabe and Ito, which the colour-blind can tell apart."""


OUTSIDE = "0.9"
"""The grey of a region where a function has no value."""


FIRST_STEPS = 10
"""So many steps are drawn as dots, which show how a descent begins; all of them would hide the line."""


DRAWABLE = 1e200
"""What is beyond it, or on a logarithmic axis below its inverse, leaves the picture: ticks further on may overflow."""


NO_FRAME: dict[str, Any] = {"frameon": False, "borderaxespad": 0.1}
"""Of a legend below the axes, which then stays clear of their labels."""

SHORT_NAME = 12
"""A longer name of an axis has a line of its own."""

FAR_OFF = 1e3
"""An axis further from zero than so many times its length has ticks that count from a number on it."""

POWERS_FROM, BETWEEN_FROM = 2.0, 0.7
"""Decades from which ticks are powers of ten alone, and from which they are 1, 2 and 5 times such powers."""


def drawable(low: float, high: float) -> tuple[float, float]:
    """The limits of a logarithmic axis, cut to where matplotlib can set its ticks."""
    return min(max(low, 1.0 / DRAWABLE), DRAWABLE / 10.0), max(min(high, DRAWABLE), 10.0 / DRAWABLE)


def drawable_steps(steps: Any) -> Any:
    """Numbers of steps as matplotlib takes them: as float64 where int64 does not hold them, 1e300 at most."""
    steps = np.asarray(steps)
    if steps.dtype.kind in "if":
        return steps
    return np.array([float(min(int(k), 10**300)) for k in steps])


def offset_and_power(low: float, high: float) -> tuple[float, int]:
    """What the label of a linear axis takes from its ticks so that they are short: a number, and a power of ten."""
    size, span = max(abs(low), abs(high)), high - low
    offset = 0.0
    if size > FAR_OFF * span > 0:
        digits = math.floor(math.log10(size / span))
        offset = float(f"{(low + high) / 2:.{digits}g}")
        size = max(abs(low - offset), abs(high - offset))
    power = math.floor(math.log10(size)) if size > 0 else 0
    return offset, 0 if -3 <= power <= 4 else max(power, -300)  # below which a unit is no longer a number


def few_ticks(axis: Any, name: str, low: float, high: float) -> None:
    """The label of a linear axis, and so few short ticks that they do not touch."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

    offset, power = offset_and_power(low, high)
    unit, locator = 10.0**power, MaxNLocator(5, steps=[1, 2, 2.5, 5, 10])
    if offset:
        axis.set_major_locator(FixedLocator(np.add(offset, locator.tick_values(low - offset, high - offset)).tolist()))
        name = f"{name} − {_number(offset, 16)}" if offset > 0 else f"{name} + {_number(-offset, 16)}"
    else:
        axis.set_major_locator(locator)
    axis.set_major_formatter(FuncFormatter(lambda value, _: _number((value - offset) / unit, 5)))
    between = "\n" if len(name) > SHORT_NAME else ", "
    axis.set_label_text(f"{name}{between}in units of $10^{{{power}}}$" if power else name)


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}g}".replace("-", "−")


def log_ticks(axis: Any, low: float, high: float) -> None:
    """Ticks of a logarithmic axis that do not touch: powers of ten, or, within two decades, some numbers between."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

    decades = math.log10(high) - math.log10(low)
    if decades >= POWERS_FROM:
        axis.set_major_locator(LogLocator(numticks=8))
        axis.set_minor_formatter(NullFormatter())
        return
    wide = decades > BETWEEN_FROM
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=8) if wide else MaxNLocator(4))
    axis.set_minor_locator(NullLocator())
    digits = 6 if wide else 6 + max(0, math.ceil(-math.log10(max(decades, 1e-12))))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.{digits}g}"))


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
