"""Values where float64 has lost its digits: at one point, in as many digits as it takes, by mpmath."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import mpmath
import sympy

from ._functions import Choice, cbrt
from ._numbers import Program
from ._rounding import Arithmetic, BoundedProgram, Mend

BITS = 256, 1280, 4608
"""Precisions tried: the last holds the square of the smallest float64 beside 1."""

ENOUGH = 2.0**-60
"""Relative error of a result that float64 rounds."""

VANISHING = mpmath.mpf(2) ** -1100
"""What is smaller is 0 in float64."""

LARGEST_ARGUMENT = 4096
"""Binary digits of the largest argument that a function is asked for."""

CONTEXT = mpmath.MPContext()
"""With a precision of its own, for that of mpmath's own context belongs to everybody."""

ONE_AT_A_TIME = threading.Lock()
"""Neither the precision nor the constants that mpmath remembers are safe from other threads."""


class PreciseProgram:
    """A program run in more digits than float64, for points where float64 does not tell the result.

    Examples
    --------
    >>> import sympy
    >>> from gdlearn.symbolic._numbers import Program
    >>> from gdlearn.symbolic._precise import PreciseProgram
    >>> x = sympy.Symbol("x", real=True)
    >>> PreciseProgram(Program([(1 - sympy.cos(x)) / x**2], [x])).at([1e-20])
    [(0.5, 0.0)]
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self._bounded: dict[int, BoundedProgram] = {}

    def at(self, point: Sequence[float]) -> list[tuple[float, float]]:
        """Each output as float64 rounds it, and what is left of its relative error, NaN if nothing is known."""
        results: list[tuple[float, float]] = []
        with ONE_AT_A_TIME:
            for bits in BITS:
                results = [_rounded(value, error) for value, error in self._run(bits, point)]
                if all(error == 0 for _, error in results):
                    break
        return results

    def _run(self, bits: int, point: Sequence[float]) -> list[tuple[Any, Any]]:
        values, errors = self.parts(bits, point)
        if not values:
            return [(CONTEXT.nan, CONTEXT.nan)] * len(self._program.outputs)
        return [(values[place], CONTEXT.mpf(errors[place])) for place in self._program.outputs]

    def parts(self, bits: int, point: Sequence[Any], mend: Mend | None = None) -> tuple[list[Any], list[Any]]:
        """The values of all subexpressions and their errors, none if one divides by 0; while `ONE_AT_A_TIME` is held.

        `mend` may change the value of the last subexpression and its error, before others depend on them.
        """
        CONTEXT.prec = bits
        if bits not in self._bounded:
            self._bounded[bits] = BoundedProgram(self._program, _arithmetic(CONTEXT))
        inputs = [CONTEXT.mpf(x) for x in point]
        try:
            return self._bounded[bits].run(inputs) if mend is None else self._bounded[bits].run_mended(inputs, mend)
        except ZeroDivisionError:
            return [], []


def _arithmetic(context: Any) -> Arithmetic:
    unit = context.mpf(2) ** (1 - context.prec)
    return Arithmetic(unit, 0.0, partial(_kernel, context), lambda condition, a, b: a if condition else b)


def _rounded(value: Any, error: Any) -> tuple[float, float]:
    size = abs(value)
    if size + error < VANISHING:
        return 0.0, 0.0
    if not error <= ENOUGH * size:
        return _float(value), float(error / size) if size and error < size else math.nan
    return _float(value), 0.0


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.copysign(math.inf, value)


def _kernel(context: Any, expression: Any) -> Callable[..., Any]:
    """The function of mpmath's numbers for a SymPy node; NaN where it is not real."""
    if expression.is_Rational:
        return lambda: context.mpf(int(expression.p)) / int(expression.q)
    if expression.is_Float:
        return lambda: context.mpf(float(expression))
    if expression in (sympy.pi, sympy.E):
        return lambda: +(context.pi if expression == sympy.pi else context.e)
    if expression.is_Pow and expression.base != sympy.E:
        return partial(_power, context, expression.exp if len(expression.exp.free_symbols) == 0 else None)
    if expression.func in CHOICES:
        return CHOICES[expression.func]
    if not expression.is_Function:
        return lambda *_: context.nan  # sums and products need no kernel
    function = getattr(context, "exp" if expression.is_Pow else expression.func.__name__, None)
    return partial(_called, context, expression.func, function)


CHOICES: dict[Any, Callable[..., Any]] = {
    sympy.Abs: abs,
    sympy.sign: lambda u: type(u)((u > 0) - (u < 0)),
    sympy.Max: max,
    sympy.Min: min,
    Choice: lambda u, v, a, b: a if u > v else b,
}

EDGES: dict[Any, Callable[[Any], Any]] = {
    sympy.asin: lambda u: max(-1, min(1, u)),
    sympy.acos: lambda u: max(-1, min(1, u)),
    sympy.acosh: lambda u: max(1, u),
}
"""Arguments beyond an edge are there by the rounding of the point, for the domain has let them pass."""


def _called(context: Any, kind: Any, function: Any, u: Any) -> Any:
    if kind is cbrt:
        return context.sign(u) * context.cbrt(abs(u))
    if not _fits(context, u) and kind is not sympy.log:
        return context.nan
    try:
        result = function(EDGES[kind](u) if kind in EDGES else u)
    except (ValueError, ZeroDivisionError, OverflowError):
        return context.nan
    return result if isinstance(result, context.mpf) else context.nan


def _power(context: Any, exponent: Any, u: Any, v: Any = None) -> Any:
    if v is None:
        v = int(exponent) if exponent.is_Integer else _constant(context, exponent)
        if not exponent.is_Integer and -1 < u < 0:  # just beyond the edge, by the rounding of the point
            u = context.zero
    elif not (_fits(context, u) and _fits(context, v)):
        return context.nan
    if not context.isfinite(u) or (u == 0 and v < 0):
        return context.nan
    result = u**v
    return result if isinstance(result, context.mpf) else context.nan


def _constant(context: Any, expression: Any) -> Any:
    values, _ = BoundedProgram(Program([expression], []), _arithmetic(context)).run([])
    return values[-1]


def _fits(context: Any, u: Any) -> bool:
    return bool(context.isfinite(u) and (u == 0 or context.mag(u) <= LARGEST_ARGUMENT))
