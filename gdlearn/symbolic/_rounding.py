r"""Expressions evaluated with a running bound of their rounding errors, on floats, on arrays or in more digits.

Each operation passes on the errors of its operands, to first order, and adds its own rounding:

.. math::  \epsilon(u + v) = \epsilon_u + \epsilon_v + \mathrm{unit}\,|u + v|, \qquad
           \epsilon(g(u)) = |g'(u)|\,\epsilon_u + 4\,\mathrm{unit}\,|g(u)|

Where :math:`\epsilon` is large beside the value, a difference of nearly equal numbers has taken the digits.

References
----------
Higham (2002), *Accuracy and Stability of Numerical Algorithms*, 3.3. https://doi.org/10.1137/1.9780898718027
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import sympy

from ._functions import Choice, cbrt, log10
from ._numbers import Program

Node = Callable[[list[Any], list[Any]], None]
"""Appends the value of one more subexpression, and its error, to the values and errors before it."""

Mend = Callable[[list[Any], list[Any]], None]
"""May change the last of the values, and its error."""

FUNCTION_UNITS = 4.0
"""Roundings within which a kernel is taken to compute its function."""

HUGE = math.inf

SMALLEST = 1e-307
"""A bound of what is divided by an overflow."""

ZERO = 0.0
"""The error of what is exact: this very object, so that it costs nothing to pass on."""

SLOPES: dict[Any, Callable[[Any, Any], Any]] = {
    sympy.exp: lambda u, g: g,
    sympy.log: lambda u, g: 1 / u,
    log10: lambda u, g: 0.4342944819 / u,
    sympy.erf: lambda u, g: 1.13 / (1 + u * u),
    sympy.sin: lambda u, g: abs(1 - g * g) ** 0.5,
    sympy.cos: lambda u, g: abs(1 - g * g) ** 0.5,
    sympy.tan: lambda u, g: 1 + g * g,
    sympy.cot: lambda u, g: 1 + g * g,
    sympy.sec: lambda u, g: g * abs(g * g - 1) ** 0.5,
    sympy.csc: lambda u, g: g * abs(g * g - 1) ** 0.5,
    sympy.asin: lambda u, g: 1 / abs(1 - u * u) ** 0.5,
    sympy.acos: lambda u, g: 1 / abs(1 - u * u) ** 0.5,
    sympy.atan: lambda u, g: 1 / (1 + u * u),
    sympy.sinh: lambda u, g: (1 + g * g) ** 0.5,
    sympy.cosh: lambda u, g: abs(g * g - 1) ** 0.5,
    sympy.tanh: lambda u, g: 1 - g * g,
    sympy.coth: lambda u, g: g * g - 1,
    sympy.sech: lambda u, g: g * abs(1 - g * g) ** 0.5,
    sympy.csch: lambda u, g: g * (1 + g * g) ** 0.5,
    sympy.asinh: lambda u, g: 1 / (1 + u * u) ** 0.5,
    sympy.acosh: lambda u, g: 1 / abs(u * u - 1) ** 0.5,
    sympy.atanh: lambda u, g: 1 / (1 - u * u),
}
"""SymPy class → |g'(u)| from u and g(u), as far as a bound of errors needs it; of erf an upper bound."""


class Arithmetic(NamedTuple):
    """What numbers an expression is evaluated on.

    Attributes
    ----------
    unit : number
        The relative error of one rounding.
    least : number
        The absolute error of a result that is too small for the numbers.
    kernel : callable
        SymPy node → function of its operands' values.
    pick : callable
        (condition, a, b) → a where the condition holds, else b.
    """

    unit: Any
    least: Any
    kernel: Callable[[Any], Callable[..., Any]]
    pick: Callable[[Any, Any, Any], Any]


class BoundedProgram:
    """A program whose outputs come with bounds of their rounding errors; the inputs count as exact."""

    def __init__(self, program: Program, arithmetic: Arithmetic) -> None:
        self.outputs = program.outputs
        self._nodes = [_node(expression, places, arithmetic) for expression, _, places in program.steps]
        self._exact = [ZERO] * len(program.variables)

    def run(self, inputs: list[Any]) -> tuple[list[Any], list[Any]]:
        """The values of all subexpressions and their errors, infinite or NaN where nothing is known."""
        values, errors = list(inputs), self._exact[:]
        for node in self._nodes:
            node(values, errors)
        return values, errors

    def run_mended(self, inputs: list[Any], mend: Mend) -> tuple[list[Any], list[Any]]:
        """The same, with each value handed to `mend` before others depend on it."""
        values: list[Any] = []
        errors: list[Any] = []
        for value in inputs:
            values.append(value)
            errors.append(ZERO)
            mend(values, errors)
        for node in self._nodes:
            node(values, errors)
            mend(values, errors)
        return values, errors


def _node(expression: Any, places: tuple[int, ...], arithmetic: Arithmetic) -> Node:
    kernel = arithmetic.kernel(expression)
    if not places:
        return _constant(expression, kernel, arithmetic)
    if expression.is_Add:
        return _sum(places, arithmetic)
    if expression.is_Mul:
        return _product(places, arithmetic, exact_first=_is_power_of_two(expression.args[0]))
    if expression.is_Pow and expression.base != sympy.E:
        return _power(expression, places, kernel, arithmetic)
    if expression.func in (sympy.Max, sympy.Min, Choice, sympy.sign, sympy.Abs):
        return _choice(expression.func, places, kernel, arithmetic)
    if expression.func is cbrt:
        return _root_or_power(1 / 3, places[0], kernel, arithmetic)
    return _function(sympy.exp if expression.is_Pow else expression.func, places[0], kernel, arithmetic)


def _is_power_of_two(factor: Any) -> bool:
    return bool(factor.is_Rational and all(n & (n - 1) == 0 for n in (abs(int(factor.p)), int(factor.q))))


def _constant(expression: Any, kernel: Callable[..., Any], arithmetic: Arithmetic) -> Node:
    value = kernel()
    exact = expression.is_Float or (
        expression.is_Rational
        and _is_power_of_two(sympy.Integer(expression.q))
        and abs(int(expression.p)).bit_length() <= 53  # of more digits in more digits: taken for rounded
    )
    error = ZERO if exact else arithmetic.unit * abs(value)

    def node(values: list[Any], errors: list[Any]) -> None:
        values.append(value)
        errors.append(error)

    return node


def _sum(places: tuple[int, ...], arithmetic: Arithmetic) -> Node:
    unit = arithmetic.unit
    first, second, *others = places

    def of_two(values: list[Any], errors: list[Any]) -> None:
        total = values[first] + values[second]
        values.append(total)
        errors.append(errors[first] + errors[second] + unit * abs(total))

    if not others:
        return of_two

    def node(values: list[Any], errors: list[Any]) -> None:
        total = values[first] + values[second]
        error = unit * abs(total)
        for place in others:
            total = total + values[place]
            error = error + unit * abs(total)
        for place in places:
            if errors[place] is not ZERO:
                error = error + errors[place]
        values.append(total)
        errors.append(error)

    return node


def _product(places: tuple[int, ...], arithmetic: Arithmetic, exact_first: bool) -> Node:
    unit, least = arithmetic.unit, arithmetic.least
    first, second, *others = places
    first_unit = 0.0 if exact_first else unit

    def of_two(values: list[Any], errors: list[Any]) -> None:
        u, v, d, e = values[first], values[second], errors[first], errors[second]
        product = u * v
        values.append(product)
        if d is ZERO:
            errors.append(unit * abs(product) + least if e is ZERO else abs(u) * e + unit * abs(product) + least)
        else:
            errors.append(d * (abs(v) + e) + abs(u) * e + unit * abs(product) + least)

    def scaled(values: list[Any], errors: list[Any]) -> None:
        u, e = values[first], errors[second]
        values.append(u * values[second])
        errors.append(ZERO if e is ZERO else abs(u) * e + least)

    if not others:
        return scaled if exact_first else of_two

    def node(values: list[Any], errors: list[Any]) -> None:
        u, v, d, e = values[first], values[second], errors[first], errors[second]
        product = u * v
        error = first_unit * abs(product) + least
        if d is not ZERO:
            error = error + d * (abs(v) + e)
        if e is not ZERO:
            error = error + abs(u) * e
        for place in others:
            v, e = values[place], errors[place]
            error = error * (abs(v) + e)
            if e is not ZERO:
                error = error + abs(product) * e
            product = product * v
            error = error + (unit * abs(product) + least)
        values.append(product)
        errors.append(error)

    return node


def _power(expression: Any, places: tuple[int, ...], kernel: Callable[..., Any], arithmetic: Arithmetic) -> Node:
    if len(places) == 2:
        return _variable_power(places, kernel, arithmetic)
    n = float(Program([expression.exp], [])([])[0])
    if n == 2:
        return _square(places[0], arithmetic)
    return _root_or_power(n, places[0], kernel, arithmetic)


def _square(place: int, arithmetic: Arithmetic) -> Node:
    unit, least = arithmetic.unit, arithmetic.least

    def node(values: list[Any], errors: list[Any]) -> None:
        u, e = values[place], errors[place]
        result = u * u
        values.append(result)
        own = unit * result + least
        errors.append(own if e is ZERO else e * (2 * abs(u) + e) + own)

    return node


def _root_or_power(n: float, place: int, kernel: Callable[..., Any], arithmetic: Arithmetic) -> Node:
    """Of u**n or the cube root; where u may be 0, all that lies within its error is the error of a root."""
    unit, least, pick = FUNCTION_UNITS * arithmetic.unit, arithmetic.least, arithmetic.pick

    def node(values: list[Any], errors: list[Any]) -> None:
        u, e = values[place], errors[place]
        result = kernel(u)
        values.append(result)
        error = unit * abs(result) + least
        if e is not ZERO:
            size = abs(u)
            near = size <= e
            spread = n * abs(result) / pick(near, 1.0, size) * e if n > 0 else -n * abs(result) * e / size
            error = error + pick(near, (size + e) ** n if n > 0 else HUGE, spread)
            if n < 0:
                error = pick(size == HUGE, SMALLEST, error)
        errors.append(error)

    return node


def _variable_power(places: tuple[int, ...], kernel: Callable[..., Any], arithmetic: Arithmetic) -> Node:
    unit, least = FUNCTION_UNITS * arithmetic.unit, arithmetic.least
    base, exponent = places

    def divisor(u: Any) -> Any:
        return arithmetic.pick(u == 0, 1.0, u)  # where the power itself is 0

    def node(values: list[Any], errors: list[Any]) -> None:
        u, v, e, d = values[base], values[exponent], errors[base], errors[exponent]
        result = kernel(u, v)
        values.append(result)
        error = unit * abs(result) + least
        if e is not ZERO:
            error = error + abs(v * result / divisor(u)) * e
        if d is not ZERO:
            error = error + abs(result) * (1 + abs(u) + abs(1 / divisor(u))) * d  # |ln u| is at most |u| + 1/|u|
        errors.append(error)

    return node


def _function(kind: Any, place: int, kernel: Callable[..., Any], arithmetic: Arithmetic) -> Node:
    unit, least, pick = FUNCTION_UNITS * arithmetic.unit, arithmetic.least, arithmetic.pick
    slope, has_edge = SLOPES.get(kind), kind in (sympy.asin, sympy.acos, sympy.acosh)

    def node(values: list[Any], errors: list[Any]) -> None:
        u, e = values[place], errors[place]
        result = kernel(u)
        values.append(result)
        error = unit * abs(result) + least
        if slope is None:
            error = math.nan
        elif e is not ZERO and has_edge:  # where the slope is infinite, and the function a root
            near = abs(abs(u) - 1) <= e
            error = error + pick(near, 3 * e**0.5, abs(slope(pick(near, 2.0, u), result)) * e)
        elif e is not ZERO:
            error = abs(slope(u, result)) * e + error
        errors.append(error)

    return node


def _choice(kind: Any, places: tuple[int, ...], kernel: Callable[..., Any], arithmetic: Arithmetic) -> Node:
    pick = arithmetic.pick

    def node(values: list[Any], errors: list[Any]) -> None:
        operands, spreads = [values[p] for p in places], [errors[p] for p in places]
        result = kernel(*operands)
        values.append(result)
        if kind is sympy.Abs:
            error = spreads[0]
        elif kind is sympy.sign:
            error = pick((abs(operands[0]) <= spreads[0]) & (spreads[0] > 0), 2.0, 0.0)
        elif kind is Choice:
            (u, v, a, b), (eu, ev, ea, eb) = operands, spreads
            error = pick(u > v, ea, eb)
            error = pick((abs(u - v) <= eu + ev) & (eu + ev > 0), abs(a - b) + ea + eb, error)
        else:
            error = spreads[0]
            for value, spread in zip(operands[1:], spreads[1:], strict=True):
                error = pick(value == result, spread, error)
        errors.append(error)

    return node
