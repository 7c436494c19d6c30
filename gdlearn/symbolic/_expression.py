"""Tree → SymPy, by constructors."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import sympy

from ._functions import CONSTANTS, FUNCTIONS
from ._tree import ExpressionError, Node

NOT_REAL = (sympy.I, sympy.zoo, sympy.oo, -sympy.oo, sympy.nan)
CHOICES = ("abs", "sign", "min", "max")


def symbol(name: str) -> Any:
    """The real SymPy symbol of a variable, whatever SymPy itself means by the name."""
    return sympy.Symbol(name, real=True)


def to_sympy(node: Node, text: str) -> Any:
    """A tree as a SymPy expression, of real symbols.

    SymPy cancels what it can: x/x becomes 1. What it must not forget, that x ≠ 0, is read off the tree.

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
    return [expression for _, expression, _ in parts(node, text)][-1]


def parts(node: Node, text: str) -> Iterator[tuple[Node, Any, list[Any]]]:
    """Every part of a tree, children first: the node, its expression, and those of its children."""
    children = []
    for child in () if node.is_rounded else node.children:
        for part in parts(child, text):
            yield part
        children.append(part[1])
    result = sympy.Float(node.value) if node.is_rounded else _assemble(node, children)
    if result.has(*NOT_REAL) or (result.is_number and result.is_extended_real is False):
        raise ExpressionError("This part is not a finite real number, whatever its variables", text, node.position)
    yield node, result, children


def _assemble(node: Node, children: list[Any]) -> Any:
    if node.kind == "number":
        return sympy.Rational(*Fraction(node.head).as_integer_ratio())
    if node.kind == "name":
        return symbol(node.head) if node.value is None else CONSTANTS[node.head]
    if node.kind == "negative":
        return -children[0]
    if node.kind == "power":
        return sympy.Pow(*children)
    if node.kind == "sum":
        return sympy.Add(*(c if sign == "+" else -c for sign, c in zip(node.head, children, strict=True)))
    if node.kind == "product":
        return sympy.Mul(*(c if sign == "*" else 1 / c for sign, c in zip(node.head, children, strict=True)))
    if node.value is not None and node.head in CHOICES:
        return _chosen(node, children)
    return FUNCTIONS[node.head].build(*children)


def _chosen(node: Node, children: list[Any]) -> Any:
    """Constants compared by their float64 values: exact comparison of constants may take SymPy for ever."""
    values = [float(child.value or 0.0) for child in node.children]
    if node.head == "abs":
        return -children[0] if values[0] < 0 else children[0]
    if node.head == "sign":
        return sympy.Integer((values[0] > 0) - (values[0] < 0))
    return children[values.index(min(values) if node.head == "min" else max(values))]
