"""Tree → SymPy, by constructors."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

import sympy

from ._functions import CONSTANTS, FUNCTIONS
from ._limits import MAX_DIGITS, MAX_EXPONENT
from ._text import Notation
from ._tree import ExpressionError, Node

NOT_REAL = (sympy.I, sympy.zoo, sympy.oo, -sympy.oo, sympy.nan)
TINY = sys.float_info.min
CHOICES = ("abs", "sign", "min", "max")


def symbol(name: str) -> Any:
    """The real SymPy symbol of a variable, whatever SymPy itself means by the name."""
    return sympy.Symbol(name, real=True)


Part = tuple[Node, Any, list[Any]]
"""A node of a tree, its SymPy expression, and those of its children."""


def parts(node: Node, text: str) -> Iterator[Part]:
    """A tree as SymPy expressions of real symbols: every part of it, children first, the whole last.

    SymPy cancels what it can: x/x becomes 1. What it must not forget, that x ≠ 0, is read off the parts.

    Parameters
    ----------
    node : Node
    text : str
        What it was read from, for the error.

    Raises
    ------
    ExpressionError
        If SymPy finds a part infinite or not real for every value of the variables, such as 1/(x - x).
    """
    children = []
    for child in () if node.is_rounded else node.children:
        for part in parts(child, text):
            yield part
        children.append(part[1])
    complaint = _writes_out(node, children)
    if complaint is None:
        result = sympy.Float(node.value) if node.is_rounded else _assemble(node, children)
        complaint = _is_no_number(result)
    if complaint is not None:
        raise ExpressionError(complaint, text, node.position)
    yield node, result, children


def as_typed(found: Iterable[Part]) -> Notation:
    """The notation that keeps terms and factors in the order of the text."""
    found = list(found)
    notation = Notation(dict.fromkeys(e for node, e, _ in found if node.kind == "name" and e.is_Symbol))
    for node, expression, children in found:
        if node.kind == "negative" and children:
            notation.product([sympy.S.NegativeOne, *children])
        elif node.kind == "sum" and children:
            signs = zip(node.head, children, strict=True)
            terms = [c if sign == "+" else notation.product([sympy.S.NegativeOne, c]) for sign, c in signs]
            notation.remember(expression, terms)
        elif node.kind == "product" and children:
            signs = zip(node.head, children, strict=True)
            notation.product([c if sign == "*" else notation.power(c, -1) for sign, c in signs])
        elif node.kind == "power" and children and children[0].is_Mul:
            notation.power(*children)
    return notation


def fit_float64(atoms: Iterable[Any]) -> bool:
    """Whether no number among the atoms of an expression is too large for float64, or too small."""
    for number in atoms:
        if not number.is_Number:
            continue
        size = abs(ratio(number.p, number.q) if number.is_Rational else float(number))
        if not (number.is_zero or TINY <= size < math.inf):
            return False
    return True


def ratio(p: int, q: int) -> float:
    """The float64 nearest to p/q, infinite if there is none."""
    try:
        return float(p / q)
    except OverflowError:
        return math.inf if p > 0 else -math.inf


def _is_no_number(result: Any) -> str | None:
    atoms = result.atoms()
    if any(atom in NOT_REAL for atom in atoms) or (result.is_number and result.is_extended_real is False):
        return "This part is not a finite real number, whatever its variables"
    return None if fit_float64(atoms) else "Numbers beyond float64 come of this part"


def _writes_out(node: Node, children: list[Any]) -> str | None:
    """Why a power must not be handed to SymPy, which would write it out: u**1e9, or exp(1e9*ln(9x)) = (9x)**1e9."""
    is_exp = node.kind == "call" and node.head == "exp"
    if node.is_rounded or not (node.kind == "power" or is_exp):
        return None
    base, exponent = (sympy.E, children[0]) if is_exp else children
    if exponent.free_symbols and base.is_number:
        typed = None if is_exp else node.children[0].value
        if (float(base) if typed is None else typed) <= 0:  # of x - x SymPy finds that it is 0, the parser does not
            return "A constant that is not positive has no power with a variable exponent"
    for term in sympy.Add.make_args(exponent):
        number, rest = term.as_coeff_Mul()
        logs = rest.atoms(sympy.log)
        if not logs and (is_exp or rest.free_symbols):
            continue
        size = abs(ratio(number.p, number.q)) if number.is_Rational else abs(float(number))
        is_high = size > MAX_EXPONENT and bool(logs or base.free_symbols)
        if is_high or size * _digits(base, *logs) > MAX_DIGITS:
            return f"A power with an exponent of {size:.6g} comes of this part"
    return None


def _digits(*expressions: Any) -> float:
    """How many digits the numbers in them have."""
    numbers = {number for expression in expressions for number in expression.atoms(sympy.Rational)}
    return math.log10(2) * sum(int(number.p).bit_length() + int(number.q).bit_length() - 1 for number in numbers)


def _assemble(node: Node, children: list[Any]) -> Any:
    if node.kind == "number":
        return sympy.Rational(*Fraction(node.head).as_integer_ratio())
    if node.kind == "name":
        return symbol(node.head) if node.value is None else CONSTANTS[node.head]
    if node.kind == "negative":
        return -children[0]
    root = sympy.S.Half if node.kind == "call" and node.head == "sqrt" else None
    if node.kind == "power" or root is not None:
        u, v = (children[0], root) if root is not None else children
        if u.is_nonpositive and v.is_Rational and v > 0 and not v.is_Integer:
            return sympy.S.Zero  # sqrt(-x**2), real where it is 0 alone, which its domain says
        return sympy.Pow(u, v)
    if node.kind == "sum":
        return sympy.Add(*(c if sign == "+" else -c for sign, c in zip(node.head, children, strict=True)))
    if node.kind == "product":
        return sympy.Mul(*(c if sign == "*" else 1 / c for sign, c in zip(node.head, children, strict=True)))
    if node.value is not None and node.head in CHOICES:
        return _chosen(node, children)
    return FUNCTIONS[node.head].build(*children)


def _chosen(node: Node, children: list[Any]) -> Any:
    """Constants that are not rational are compared in float64: exact comparison may take SymPy for ever."""
    values: list[Any] = [
        Fraction(int(c.p), int(c.q)) if c.is_Rational else typed.value
        for c, typed in zip(children, node.children, strict=True)
    ]
    if node.head == "abs":
        return -children[0] if values[0] < 0 else children[0]
    if node.head == "sign":
        return sympy.Integer((values[0] > 0) - (values[0] < 0))
    return children[values.index(min(values) if node.head == "min" else max(values))]
