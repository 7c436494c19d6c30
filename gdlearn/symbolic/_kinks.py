r"""Derivatives at kinks and vertical tangents that cancel: x*abs(x) has the derivative 0 at 0.

Where f is continuous and the derivative that the rules give beside a point has a limit there, this limit is the
derivative, by the mean value theorem. At a kink the formulas have a limit for each side: :math:`|u|` has the
slopes :math:`\pm u'` where u = 0. If all sides agree on f and on the derivative, it exists.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import sympy

from ._functions import Choice, cbrt
from ._nearby import Nearby
from ._numbers import Program
from ._precise import BITS, ONE_AT_A_TIME, PreciseProgram
from ._relations import pole_rounding
from ._rounding import ZERO

MOST_KINKS = 6
"""Kinks that meet at one point: of k there are at least 2**k combinations of sides."""

AGREED = 2.0**-100
"""Relative: what the sides may differ by."""

VANISHING = 2.0**-150
"""The error of a result that is taken for 0."""

Key = tuple[int, int | None]
"""The places of two parts that are equal at a kink, the second None for 0."""


class Kinks:
    """The outputs of a program where its parts have kinks: the limits, if all sides agree on them.

    Parameters
    ----------
    program : Program
        Its first output is f, the others are partial derivatives of f.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self._precise = PreciseProgram(program)
        self._first = len(program.variables)
        f = program.outputs[0]
        jumps = f >= self._first and self._expression(f).has(sympy.sign)
        self._sides = (-1, 0, 1) if jumps else (-1, 1)

    def at(self, point: Sequence[float]) -> list[float] | None:
        """The outputs at a point; None where the sides do not agree, or the formulas have no value."""
        with ONE_AT_A_TIME:
            there, _ = self._precise.parts(BITS[0], point)
        if not there:
            return None
        met = self._met(point, there)
        if met is None or len(met[1]) > MOST_KINKS:
            return None
        held, keys = met
        agreed: list[Any] = []
        with ONE_AT_A_TIME:
            for sides in itertools.product(self._sides, repeat=len(keys)):
                found = self._on(point, held, dict(zip(keys, sides, strict=True)))
                if not (found and all(map(_agree, found, agreed or found))):
                    return None
                agreed = agreed or found
        return [float(value) for value in agreed]

    def _expression(self, place: int) -> Any:
        return self._program.steps[place - self._first][0]

    def _met(self, point: Sequence[float], there: list[Any]) -> tuple[dict[int, Any], list[Key]] | None:
        """The values of the parts that are at a kink, without the rounding of the point; and the kinks with sides.

        None where a jump of sign(u) would carry a part away from its kink.
        """
        nearby = Nearby(self._precise, point)
        held: dict[int, Any] = {}
        keys: list[Key] = []
        for expression, _, places in self._program.steps:
            has_sides = expression.func in (sympy.sign, Choice)
            if not (has_sides or expression.func in (sympy.Abs, cbrt) or _is_root(expression)):
                continue
            (first, second), _ = _key(expression, places)
            if nearby.compare(first, second) != 0 and not self._is_zero(first, there):
                continue
            if any(place >= self._first and self._expression(place).has(sympy.sign) for place in (first, second or 0)):
                return None
            if second is None:
                held[first] = 0 * there[first]
            else:
                moved, kept = (first, second) if self._is_number(second) else (second, first)
                held[moved] = there[kept]
            if has_sides and (first, second) not in keys:
                keys.append((first, second))
        return held, keys

    def _is_number(self, place: int) -> bool:
        return place >= self._first and not self._program.steps[place - self._first][2]

    def _is_zero(self, place: int, there: list[Any]) -> bool:
        """Whether it is a sine or cosine at one of its zeros, as far as float64 tells."""
        if place < self._first or self._expression(place).func not in (sympy.sin, sympy.cos):
            return False
        (argument,) = self._program.steps[place - self._first][2]
        return bool(abs(there[place]) <= pole_rounding(abs(float(there[argument]))))

    def _on(self, point: Sequence[float], held: dict[int, Any], sides: dict[Key, int]) -> list[Any]:
        """The outputs on one side of each kink; none where one has no value."""

        def mend(values: list[Any], errors: list[Any]) -> None:
            place = len(values) - 1
            if place in held:
                values[-1], errors[-1] = held[place], ZERO
            elif place >= self._first and self._expression(place).func in (sympy.sign, Choice):
                expression, _, places = self._program.steps[place - self._first]
                key, orientation = _key(expression, places)
                side = orientation * sides.get(key, 0)
                if key in sides and expression.func is sympy.sign:
                    values[-1], errors[-1] = 0 * values[-1] + side, ZERO
                elif key in sides:
                    chosen = places[2 if side > 0 else 3]
                    values[-1], errors[-1] = values[chosen], errors[chosen]

        values, errors = self._precise.parts(BITS[0], point, mend)
        found = []
        for place in self._program.outputs if values else ():
            value, error = values[place], errors[place]
            if not error <= max(AGREED * abs(value), VANISHING):
                return []
            found.append(value if abs(value) > error else 0 * value)
        return found


def _key(expression: Any, places: Sequence[int]) -> tuple[Key, int]:
    """The two parts that meet at a kink, and whether their difference has the sign of the difference of the key's."""
    if expression.func is not Choice:
        return (places[0], None), 1
    (u, v, *_), (first, second, *_) = expression.args, places
    if v.is_zero:
        return (first, None), 1
    if u.is_zero:
        return (second, None), -1
    return ((first, second), 1) if first < second else ((second, first), -1)


def _is_root(expression: Any) -> bool:
    """Whether it is a power with an exponent that is not whole."""
    return bool(expression.is_Pow and expression.exp.is_number and not expression.exp.is_Integer)


def _agree(value: Any, other: Any) -> bool:
    return bool(abs(value - other) <= AGREED * abs(value))
