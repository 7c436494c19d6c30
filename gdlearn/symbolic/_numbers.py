"""SymPy → NumPy: an expression as a list of kernels, run on arrays, with a reason where no number comes out."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from ._expression import text_of
from ._functions import KERNELS

Array = NDArray[np.float64]


class DomainError(ValueError):
    """A function or its gradient is not defined where it was asked for; the message names the condition."""


class Program:
    """Expressions compiled for NumPy: each different subexpression is one kernel, run once.

    Parameters
    ----------
    expressions : sequence of SymPy expressions
        The outputs.
    variables : sequence of SymPy symbols
        The inputs.
    """

    def __init__(self, expressions: Sequence[Any], variables: Sequence[Any]) -> None:
        self.variables = tuple(variables)
        self.steps: list[tuple[Any, Callable[..., Any], tuple[int, ...]]] = []
        self._slots: dict[Any, int] = {symbol: i for i, symbol in enumerate(self.variables)}
        self.outputs = [self._slot(expression) for expression in expressions]

    def _slot(self, expression: Any) -> int:
        """Where the value of an expression stands, its kernel being added if it is new."""
        if expression not in self._slots:
            kernel, operands = _kernel(expression)
            places = tuple(self._slot(operand) for operand in operands)
            self._slots[expression] = len(self.variables) + len(self.steps)
            self.steps.append((expression, kernel, places))
        return self._slots[expression]

    def run(self, inputs: Sequence[Any]) -> list[Any]:
        """The value of every slot; ``outputs`` says which of them are asked for."""
        slots: list[Any] = list(inputs)
        with np.errstate(all="ignore"):
            for _, kernel, places in self.steps:
                slots.append(kernel(*[slots[place] for place in places]))
        return slots

    def smooth_piece(self, point: Sequence[float]) -> Program:
        """The program without its kinks: |u|, sign, min and max continued as they are next to a point."""
        slots = self.run([np.float64(x) for x in point])
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

    def reason(self, output: int, point: Sequence[float]) -> str:
        """Why an output is not finite at a point: the innermost part that has no value, and what it needs."""
        slots = self.run([np.float64(x) for x in point])
        n_variables = len(self.variables)
        bad = output
        while True:
            expression, _, places = self.steps[bad - n_variables]
            inner = [place for place in places if not np.isfinite(slots[place])]
            if not inner:
                break
            bad = inner[0]
        operands = [self.variables[p] if p < n_variables else self.steps[p - n_variables][0] for p in places]
        where = ", ".join(f"{s.name} = {x:.6g}" for s, x in zip(self.variables, point, strict=True))
        named = {operand: float(slots[place]) for operand, place in zip(operands, places, strict=True)}
        condition = need(expression, named)
        if condition is None:
            return f"{text_of(expression)} is too large for float64 at {where}."
        operand, wanted = condition
        found = f"{text_of(operand)} = {named[operand]:.6g}"
        return f"{text_of(expression)} needs {text_of(operand)} {wanted}, and {found}" + (
            "." if operand in self.variables and n_variables == 1 else f" at {where}."
        )


NEEDS: dict[Any, tuple[Callable[[float], bool], str]] = {
    sympy.log: (lambda x: x > 0, "> 0"),
    sympy.asin: (lambda x: abs(x) <= 1, "between -1 and 1"),
    sympy.acos: (lambda x: abs(x) <= 1, "between -1 and 1"),
    sympy.acosh: (lambda x: x >= 1, ">= 1"),
    sympy.atanh: (lambda x: abs(x) < 1, "strictly between -1 and 1"),
    sympy.cot: (lambda x: x != 0, "!= 0"),
    sympy.csc: (lambda x: x != 0, "!= 0"),
    sympy.coth: (lambda x: x != 0, "!= 0"),
    sympy.csch: (lambda x: x != 0, "!= 0"),
}


def need(expression: Any, values: dict[Any, float]) -> tuple[Any, str] | None:
    """What an expression needs of which operand, if that is not so at the operands' `values`; else None."""
    if expression.is_Pow:
        base, exponent = expression.args
        x, n = values.get(base, 1.0), values.get(exponent, 1.0)
        if not expression.exp.free_symbols:
            n = float(exponent)
            if n == round(n):
                return (base, "!= 0") if x == 0 and n < 0 else None
            return (base, ">= 0" if n > 0 else "> 0") if x < 0 or (x == 0 and n < 0) else None
        return (base, "> 0") if x <= 0 else None
    holds, wanted = NEEDS.get(expression.func, (lambda x: True, ""))
    operand = expression.args[0]
    return None if holds(values.get(operand, 0.0)) else (operand, wanted)


def _kernel(expression: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """The NumPy kernel of a SymPy node, and the operands that it takes."""
    if expression.is_Rational:
        return _constant(_ratio(expression.p, expression.q)), ()
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
    return _constant(np.nan), ()  # what SymPy writes where nothing is real: I, zoo, nan, arg


def _constant(value: float) -> Callable[..., Any]:
    return lambda *_: np.float64(value)


def _argument(place: int, *values: Any) -> Any:
    return values[place]


def _ratio(p: int, q: int) -> float:
    try:
        return float(p / q)
    except OverflowError:
        return np.inf if p > 0 else -np.inf


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
        return _real_power, (base, exponent)
    n = float(_folded(exponent))
    if n == 0.5:
        return np.sqrt, (base,)
    if n == -0.5:
        return lambda x: 1.0 / np.sqrt(x), (base,)
    if n == -1.0:
        return lambda x: 1.0 / x, (base,)
    return lambda x: np.power(x, n), (base,)


def _folded(constant: Any) -> Any:
    """The value of an expression without variables."""
    program = Program([constant], [])
    return program.run([])[program.outputs[0]]


def _real_power(base: Any, exponent: Any) -> Any:
    """base**exponent where the exponent varies: exp(exponent·ln base), so for positive bases, and 0 for base 0."""
    return np.power(np.where((base > 0) | ((base == 0) & (exponent > 0)), base, np.nan), exponent)
