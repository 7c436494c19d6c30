"""SymPy → NumPy: an expression as a list of kernels, run on arrays; no text becomes code."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import sympy

from ._expression import TINY, ratio
from ._functions import KERNELS, cbrt, log10
from ._text import text


class Program:
    """Expressions compiled for NumPy: each different subexpression is one kernel, run once.

    Parameters
    ----------
    expressions : sequence of SymPy expressions
        The outputs.
    variables : sequence of SymPy symbols
        The inputs.

    Examples
    --------
    >>> import numpy as np, sympy
    >>> from gdlearn.symbolic._numbers import Program
    >>> x, y = sympy.symbols("x y", real=True)
    >>> Program([x**2 * y, x + y], [x, y])([np.array([1.0, 2.0]), np.array([3.0, 3.0])])
    [array([ 3., 12.]), array([4., 5.])]
    """

    def __init__(self, expressions: Sequence[Any], variables: Sequence[Any]) -> None:
        self.variables = tuple(variables)
        self.steps: list[tuple[Any, Callable[..., Any], tuple[int, ...]]] = []
        self._slots: dict[Any, int] = {symbol: i for i, symbol in enumerate(self.variables)}
        self.outputs = [self._slot(expression) for expression in expressions]

    def place(self, expression: Any) -> int:
        """Where the value of an output, or of what is in it, stands among the inputs and steps."""
        return self._slots[expression]

    def _slot(self, expression: Any) -> int:
        """Where the value of an expression stands, its kernel being added if it is new."""
        if expression not in self._slots:
            kernel, operands = kernel_of(expression)
            places = tuple(self._slot(operand) for operand in operands)
            self._slots[expression] = len(self.variables) + len(self.steps)
            self.steps.append((expression, kernel, places))
        return self._slots[expression]

    def __call__(self, inputs: Sequence[Any]) -> list[Any]:
        """The outputs; NaN or infinite where there is no value. NumPy does not warn."""
        slots = self._run(inputs)
        return [slots[place] for place in self.outputs]

    def numbers(self, inputs: Sequence[Any]) -> Callable[[Any], Any]:
        """The values of outputs, and of all that is in them, by expression."""
        slots = self._run(inputs)
        return lambda expression: slots[self._slots[expression]]

    def _run(self, inputs: Sequence[Any]) -> list[Any]:
        """The value of every part. Where one overflows, those that would hide it are NaN: x/sqrt(1 + x**2) at 1e200."""
        overflows: list[str] = []
        slots: list[Any] = list(inputs)
        with np.errstate(all="ignore", over="call", call=lambda kind, _: overflows.append(kind)):
            for _, kernel, places in self.steps:
                slots.append(kernel(*[slots[place] for place in places]))
        return self._run_warily(inputs) if overflows else slots

    def _run_warily(self, inputs: Sequence[Any]) -> list[Any]:
        slots: list[Any] = list(inputs)
        with np.errstate(all="ignore"):
            for expression, kernel, places in self.steps:
                operands = [slots[place] for place in places]
                slots.append(np.where(_hides_overflow(expression, operands), np.nan, kernel(*operands)))
        return slots

    def failure(self, output: int, point: Sequence[float]) -> str:
        """Which innermost part of an output is not finite at a point, and why."""
        slots = self._run([np.float64(x) for x in point])
        place = self.outputs[output]
        while True:
            expression, _, places = self.steps[place - len(self.variables)]
            inner = [place for place in places if not np.isfinite(slots[place])]
            if not inner:
                grows = np.isinf(slots[place]) and all(slots[operand] != 0 for operand in places)
                return f"{text(expression)} {'is too large for' if grows else 'has no value in'} float64"
            place = inner[0]

    def smooth_piece(self, point: Sequence[float]) -> Program:
        """The program without its kinks: |u|, sign, min and max continued as they are next to a point."""
        slots = self._run([np.float64(x) for x in point])
        piece = Program([], self.variables)
        piece.outputs = self.outputs
        for expression, kernel, places in self.steps:
            values = [float(slots[place]) for place in places]
            if expression.func in (sympy.Abs, sympy.sign):
                side = 1.0 if values[0] >= 0 else -1.0
                kernel = _constant(side) if expression.func is sympy.sign else partial(operator.mul, side)
            elif expression.func in (sympy.Min, sympy.Max):
                chosen = int(np.argmin(values) if expression.func is sympy.Min else np.argmax(values))
                kernel = partial(_argument, chosen)
            piece.steps.append((expression, kernel, places))
        return piece


def _hides_overflow(expression: Any, operands: list[Any]) -> Any:
    """Whether an operand that overflowed to infinity, beyond 1e308, may come out as something that is far off."""
    infinite = [np.isinf(operand) for operand in operands]
    some = np.logical_or.reduce(np.broadcast_arrays(*infinite, False))
    if expression.is_Mul:  # 1e-300 times it may be anything
        return some & np.logical_or.reduce(np.broadcast_arrays(*(np.abs(operand) < 1 for operand in operands)))
    if expression.is_Pow and expression.base != sympy.E:  # a root may be moderate; 1/u is below 1e-308
        exponent = operands[1] if len(operands) > 1 else float(expression.exp)
        return some & (np.abs(exponent) < 1)
    return some if expression.func in (sympy.log, log10, cbrt, sympy.asinh, sympy.acosh) else np.zeros_like(some)


def kernel_of(expression: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """The NumPy kernel of a SymPy node, and the operands that it takes."""
    if expression.is_Rational:
        value = ratio(expression.p, expression.q)
        return _constant(value if value == 0 or abs(value) >= TINY else np.nan), ()
    if expression.is_Float or expression in (sympy.pi, sympy.E):
        return _constant(float(expression)), ()
    if expression.is_Add:
        return _sum, expression.args
    if expression.is_Mul:
        return _product, expression.args
    if expression.is_Pow:
        return _power_kernel(*expression.args)
    if expression.func in KERNELS:
        return KERNELS[expression.func], expression.args
    return _constant(np.nan), ()  # what is nowhere real, as the logarithm of -2 in the partial derivative of (-2)**x


def reciprocal(x: Any) -> Any:
    """1/x."""
    return 1.0 / x


def cube(x: Any) -> Any:
    """x³, thirty times as fast as a power of arrays."""
    return x * x * x


def fourth_power(x: Any) -> Any:
    """x⁴."""
    square = x * x
    return square * square


def _constant(value: float) -> Callable[..., Any]:
    return lambda *_: np.float64(value)


def _argument(place: int, *values: Any) -> Any:
    return values[place]


def _sum(*terms: Any) -> Any:
    return sum(terms[1:], terms[0])


def _product(*factors: Any) -> Any:
    result = factors[0]
    for factor in factors[1:]:
        result = result * factor
    return result


def _power_kernel(base: Any, exponent: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    if base == sympy.E:
        return np.exp, (exponent,)
    if exponent.free_symbols:
        return np.power, (base, exponent)
    n = float(Program([exponent], [])([])[0])
    if n == 0.5:
        return np.sqrt, (base,)
    if n == -0.5:
        return lambda x: 1.0 / np.sqrt(x), (base,)
    if n == -1.0:
        return reciprocal, (base,)
    if n == 2.0:
        return np.square, (base,)  # ten times as fast as power
    if n in (3.0, 4.0):
        return cube if n == 3.0 else fourth_power, (base,)
    return lambda x: np.power(x, n), (base,)
