"""Parts of a program compared at a point, in more digits where float64 leaves doubt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ._precise import BITS, CONTEXT, ONE_AT_A_TIME, PreciseProgram

HALF_A_UNIT = 2.0**-53
"""The relative distance within which a float64 stands for a number."""


class Nearby:
    """The parts of a program at one point, and at the numbers that the same float64 stands for.

    Two parts that differ at the point count as equal if the rounding of the point to float64 can have made the
    difference: 1 - x**2 - y**2 is 0 at (0.6, 0.8), whose float64 numbers lie beside the unit circle.

    Parameters
    ----------
    program : PreciseProgram
    point : sequence of float
    """

    def __init__(self, program: PreciseProgram, point: Sequence[float]) -> None:
        self._program, self._point = program, list(point)

    def compare(self, first: int, second: int | None, within_rounding: bool = True) -> float:
        """The sign of the difference of two parts, or of one from 0, by their places; NaN if there is no value.

        Parameters
        ----------
        first, second : int
            Places in the program; of `second` None stands for 0.
        within_rounding : bool
            Whether a difference that the rounding of the point can have made is 0.
        """
        gap: Any = math.nan
        error: Any = math.nan
        with ONE_AT_A_TIME:
            for bits in BITS:
                gap, error = self._gap(bits, self._point, first, second)
                if 2 * error <= abs(gap):
                    break
            else:
                return 0.0 if abs(gap) <= error else math.nan
            if within_rounding and abs(gap) <= self._reach(bits, gap, first, second):
                return 0.0
            return math.copysign(1.0, gap) if gap else 0.0

    def _reach(self, bits: int, gap: Any, first: int, second: int | None) -> Any:
        """How far the rounding of the point moves a difference, to first order."""
        reach: Any = 0.0
        for i, x in enumerate(self._point):
            for side in (1, -1) if x else ():
                moved: list[Any] = list(self._point)
                moved[i] = CONTEXT.mpf(x) * (1 + side * CONTEXT.mpf(HALF_A_UNIT))
                there, _ = self._gap(bits, moved, first, second)
                if CONTEXT.isfinite(there):  # else this side is beyond an edge
                    reach += abs(there - gap)
                    break
        return reach

    def _gap(self, bits: int, point: Sequence[Any], first: int, second: int | None) -> tuple[Any, Any]:
        values, errors = self._program.parts(bits, point)
        if not values:
            return CONTEXT.nan, CONTEXT.nan
        if second is None:
            return values[first], CONTEXT.mpf(errors[first])
        return values[first] - values[second], CONTEXT.mpf(errors[first]) + errors[second]
