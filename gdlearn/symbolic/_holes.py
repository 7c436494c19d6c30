"""The limit of a function at a point where it has no value, from the values next to it in many digits."""

from __future__ import annotations

import math
from typing import Any

from ._domain import Domain
from ._numbers import Program
from ._precise import BITS, CONTEXT, ONE_AT_A_TIME, PreciseProgram

POWERS = -20, -40, -60
"""Of ten: the function is looked at as far from the point as these say, about."""

FACTOR = 0.7320508
"""Of the distances, which are no round numbers: sin(pi/x) is 0 at all that are."""

FALL = 2e-2
"""The factor by which values fall from one distance to the next that tend to 0: that of x**0.1, about."""

STEADY = 0.8
"""How steadily they fall: the last fall in relation to the one before, both as powers."""

SETTLED = 1e-16
"""Relative: what the last two values may differ by."""


def limits_beside(program: Program, domain: Domain, x: float) -> list[float]:
    """The limits from below and from above of a function of one variable; NaN where it is not seen to have one.

    A side that lies outside the domain has none and is left out.
    """
    name = str(program.variables[0].name)
    found = []
    for side in (-FACTOR, FACTOR):
        with ONE_AT_A_TIME:
            CONTEXT.prec = BITS[-1]
            points = [x + max(abs(x), 1.0) * side * CONTEXT.mpf(10) ** power for power in POWERS]
        if domain.holds_exactly({name: points[-1]}):
            found.append(_limit([_value(program, point) for point in points]))
    return found


def _value(program: Program, point: Any) -> Any:
    with ONE_AT_A_TIME:
        values, _ = PreciseProgram(program).parts(BITS[-1], [point])
        return values[program.outputs[0]] if values else CONTEXT.nan


def _falls(first: Any, second: Any, last: Any) -> bool:
    """Whether the values fall as a power of the distance does, by about the same factor from each to the next."""
    if not abs(last) < abs(second) < abs(first):
        return bool(first == second == last == 0)
    before, after = CONTEXT.log(abs(second / first)), CONTEXT.log(abs(last / second))
    return bool(after <= math.log(FALL) and after <= STEADY * before)


def _limit(values: list[Any]) -> float:
    """What a sequence tends to whose steps become smaller and smaller, NaN if they do not."""
    with ONE_AT_A_TIME:
        CONTEXT.prec = BITS[-1]
        first, second, last = values
        before, after = abs(second - first), abs(last - second)
        if not (CONTEXT.isfinite(last) and after <= before):
            return math.nan
        if _falls(first, second, last):
            return 0.0  # by itself, as sqrt(x) and x*ln(x) do
        return float(last) if after <= SETTLED * abs(last) else math.nan
