"""Tree → SymPy by constructors, partial derivatives of real functions, and SymPy → text."""

from __future__ import annotations

from fractions import Fraction
from functools import reduce
from typing import Any

import sympy
from sympy.printing.str import StrPrinter

from ._functions import CONSTANTS, FUNCTIONS, real_abs, real_sign, unordered_max, unordered_min
from ._parser import ExpressionError, Node

NOT_REAL = (sympy.I, sympy.zoo, sympy.oo, -sympy.oo, sympy.nan)
MAX_TIDIED = 100
"""Operations up to which the terms of a partial derivative are put over a common denominator, where that is shorter."""
CHOICES = ("abs", "sign", "min", "max")


def symbol(name: str) -> Any:
    """The real SymPy symbol of a variable, whatever SymPy itself means by the name."""
    return sympy.Symbol(name, real=True)


def to_sympy(node: Node, text: str, *, evaluate: bool = True) -> Any:
    """A tree as a SymPy expression, made by constructors.

    Parameters
    ----------
    node : Node
    text : str
        What it was read from, for the error.
    evaluate : bool
        False keeps it as typed: x/x is not 1 then, so that its domain can be read off.

    Raises
    ------
    ExpressionError
        If SymPy finds it infinite or not real for every value of the variables, such as 1/(x - x).
    """
    if node.is_rounded:
        return sympy.Float(node.value)
    evaluate = evaluate or node.value is not None
    parts = [to_sympy(child, text, evaluate=evaluate) for child in node.children]
    result = _assemble(node, parts, evaluate)
    if evaluate and (result.has(*NOT_REAL) or (result.is_number and result.is_extended_real is False)):
        raise ExpressionError("This part is not a finite real number, whatever its variables", text, node.position)
    return result


def _assemble(node: Node, parts: list[Any], evaluate: bool) -> Any:
    if node.kind == "number":
        return sympy.Rational(*Fraction(node.head).as_integer_ratio())
    if node.kind == "name":
        return symbol(node.head) if node.value is None else CONSTANTS[node.head]
    if node.kind == "negative":
        return _negative(parts[0], evaluate)
    if node.kind == "power":
        return sympy.Pow(*parts, evaluate=evaluate)
    if node.kind == "sum":
        terms = (p if s == "+" else _negative(p, evaluate) for s, p in zip(node.head, parts, strict=True))
        return sympy.Add(*terms, evaluate=evaluate)
    if node.kind == "product":
        factors = (p if s == "*" else _inverse(p, evaluate) for s, p in zip(node.head, parts, strict=True))
        return sympy.Mul(*factors, evaluate=evaluate)
    if evaluate and node.value is not None and node.head in CHOICES:
        return _chosen(node, parts)
    return FUNCTIONS[node.head].build(*parts, evaluate=evaluate)


def _negative(part: Any, evaluate: bool) -> Any:
    return sympy.Mul(-1, part, evaluate=evaluate or part.is_Number)


def _inverse(part: Any, evaluate: bool) -> Any:
    return sympy.Pow(part, -1, evaluate=evaluate or part.is_Number)


def _chosen(node: Node, parts: list[Any]) -> Any:
    """Constants compared by their float64 values: exact comparison of constants may take SymPy for ever."""
    values = [float(child.value or 0.0) for child in node.children]
    if node.head == "abs":
        return -parts[0] if values[0] < 0 else parts[0]
    if node.head == "sign":
        return sympy.Integer((values[0] > 0) - (values[0] < 0))
    return parts[values.index(min(values) if node.head == "min" else max(values))]


class _Printer(StrPrinter):  # type: ignore[misc]
    """SymPy's own text in the words of the grammar."""

    def _print_Abs(self, expression: Any) -> str:
        return f"abs({self.stringify(expression.args, ', ')})"

    def _print_Max(self, expression: Any) -> str:
        return f"max({self.stringify(expression.args, ', ')})"

    def _print_Min(self, expression: Any) -> str:
        return f"min({self.stringify(expression.args, ', ')})"

    def _print_Exp1(self, expression: Any) -> str:
        return "exp(1)"

    def _print_Float(self, expression: Any) -> str:
        return repr(float(expression))


def text_of(expression: Any) -> str:
    """A SymPy expression as a text that `parse` reads.

    Examples
    --------
    >>> import sympy
    >>> from gdlearn.symbolic._expression import text_of
    >>> x = sympy.Symbol("x", real=True)
    >>> text_of(abs(x) + sympy.E)
    'abs(x) + exp(1)'
    """
    text: str = _Printer().doprint(expression)
    return text


class _Magnitude(sympy.Function):  # type: ignore[misc]
    """|u| with derivative sign(u), which SymPy's Abs only has where it knows that u is real."""

    def fdiff(self, argindex: int = 1) -> Any:
        return _Direction(self.args[0])


class _Direction(sympy.Function):  # type: ignore[misc]
    """sign(u) with derivative 0, as it has wherever it has one."""

    def fdiff(self, argindex: int = 1) -> Any:
        return sympy.S.Zero


class _Larger(sympy.Function):  # type: ignore[misc]
    """max(u, v) with derivative 1 by the larger one, and 1/2 by both where they meet."""

    def fdiff(self, argindex: int = 1) -> Any:
        u, v = self.args if argindex == 1 else self.args[::-1]
        return (1 + _Direction(u - v)) / 2


class _Smaller(sympy.Function):  # type: ignore[misc]
    """min(u, v) in the same sense."""

    def fdiff(self, argindex: int = 1) -> Any:
        u, v = self.args if argindex == 1 else self.args[::-1]
        return (1 - _Direction(u - v)) / 2


TO_REAL = {
    sympy.Abs: _Magnitude,
    sympy.sign: _Direction,
    sympy.Max: lambda *values: reduce(_Larger, values),
    sympy.Min: lambda *values: reduce(_Smaller, values),
}
FROM_REAL = {_Magnitude: real_abs, _Direction: real_sign, _Larger: unordered_max, _Smaller: unordered_min}


def differentiate(expression: Any, variable: Any) -> Any:
    r"""The partial derivative of a real function, moderately simplified.

    .. math::
        |u|' = \operatorname{sign}(u)\,u', \qquad
        \max(u, v)' = \tfrac{1 + \operatorname{sign}(u - v)}{2}\,u' + \tfrac{1 + \operatorname{sign}(v - u)}{2}\,v'
    """
    for sympys, ours in TO_REAL.items():
        expression = expression.replace(sympys, ours)
    partial = expression.diff(variable)
    for ours, sympys in FROM_REAL.items():
        partial = partial.replace(ours, sympys)
    if partial.count_ops() > MAX_TIDIED:
        return partial
    together = sympy.together(partial)
    is_quotient = bool(sympy.fraction(together)[1].free_symbols)
    return together if is_quotient and together.count_ops() < partial.count_ops() else partial
