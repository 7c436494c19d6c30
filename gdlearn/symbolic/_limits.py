"""Nodes of a tree, made only while the limits hold: no constant beyond float64, no exact number that never ends."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import NoReturn

import numpy as np

from ._functions import CONSTANTS, FUNCTIONS
from ._tree import ExpressionError, Node

MAX_NODES = 400
"""Numbers, names and operations."""
MAX_DIGITS = 1_000
"""Digits of the exact rational numbers in an expression, at most as many as Python prints."""
MAX_LITERAL = 40
"""Digits of a number in the text."""
MAX_EXACT = 30
"""Digits of a constant that stays exact; a longer one is rounded to float64."""
MAX_EXPONENT = 1_000
"""Size of a constant exponent."""

NEVER_ZERO = ("exp", "sech", "csch")


class Nodes:
    """The nodes of one text.

    Parameters
    ----------
    text : str
        For errors.
    variables : tuple of str
        Names that are variables, whatever else they mean.
    """

    def __init__(self, text: str, variables: tuple[str, ...]) -> None:
        self.text, self.variables, self.n_nodes = text, variables, 0

    def fail(self, what: str, position: int) -> NoReturn:
        raise ExpressionError(what, self.text, position)

    def node(self, kind: str, head: str, children: list[Node], position: int) -> Node:
        """A node, once the limits are seen to hold."""
        self.n_nodes += 1
        if self.n_nodes > MAX_NODES:
            self.fail(f"The expression has more than {MAX_NODES} numbers, names and operations", position)
        with np.errstate(all="ignore"):
            value, is_finite = self.value(kind, head, children)
        if not is_finite:
            self.fail(_beyond(kind, children), position)
        digits = self.digits(kind, head, children, position)
        cancels = kind == "sum" and value is not None and abs(value) < 1e-8 * max(abs(c.value or 0) for c in children)
        is_rounded = value is not None and digits > MAX_EXACT and not cancels
        if is_rounded:
            digits = 17
        if digits > MAX_DIGITS:
            self.fail(f"Numbers of more than {MAX_DIGITS} digits would come of this part", position)
        return Node(kind, head, tuple(children), position, value, digits, is_rounded)

    def value(self, kind: str, head: str, children: list[Node]) -> tuple[float | None, bool]:
        """The value of a part without variables, and whether the constants in it make finite ones."""
        if kind == "name":
            is_constant = head in CONSTANTS and head not in self.variables
            return (float(CONSTANTS[head]) if is_constant else None), True
        if kind == "number":
            value = float(head)
            return value, math.isfinite(value) and (value != 0 or not re.match(r"[0.]*[1-9]", head))
        values = [np.float64(child.value) for child in children if child.value is not None]
        is_constant = len(values) == len(children)
        result = np.float64(0.0)
        if kind == "sum":
            result = sum((v if s == "+" else -v for s, v in _signed(head, children)), result)
        elif kind == "product":
            result = np.float64(1.0)
            for sign, v in _signed(head, children):
                result = result * v if sign == "*" else result / v
        elif is_constant and kind == "negative":
            result = -values[0]
        elif is_constant and kind == "power":
            result = np.power(values[0], values[1])
        elif is_constant:
            result = FUNCTIONS[head].kernel(*values)
        shrinks = kind == "product" or (is_constant and (kind == "power" or head in NEVER_ZERO))
        vanishes = shrinks and result == 0 and all(v != 0 or kind == "call" for v in values)
        return (float(result) if is_constant else None), bool(np.isfinite(result)) and not vanishes

    def digits(self, kind: str, head: str, children: list[Node], position: int) -> int:
        """How long exact numbers may get."""
        if kind == "number":
            mantissa, _, exponent = head.lower().partition("e")
            length = sum(c.isdigit() for c in mantissa)
            if length > MAX_LITERAL:
                self.fail(f"The number has {length} digits, more than {MAX_LITERAL}", position)
            return length + abs(int(exponent or 0))
        if kind == "power" and children[1].value is not None:
            size = abs(children[1].value)
            if children[0].value is None and size > MAX_EXPONENT:
                self.fail(f"The exponent is larger than {MAX_EXPONENT}", children[1].position)
            return children[0].digits * max(math.ceil(size), 1) + children[1].digits
        return sum(child.digits for child in children)


def _signed(head: str, children: list[Node]) -> Iterable[tuple[str, np.float64]]:
    """The constants among the children, each with its sign."""
    for sign, child in zip(head, children, strict=True):
        if child.value is not None:
            yield sign, np.float64(child.value)


def _beyond(kind: str, children: list[Node]) -> str:
    """Why a constant part cannot be used, with the real root where an odd one of a negative number is meant."""
    says = "A constant part is not a finite real number in float64, or vanishes there"
    if kind != "power" or children[0].value is None or children[0].value >= 0 or not children[1].value:
        return says
    base, size, order = children[0], -children[0].value, 1 / children[1].value
    if abs(order - 3) < 1e-9:
        return f"{says}: for the real cube root write cbrt({base})"
    is_odd = abs(order - round(order)) < 1e-9 and round(order) % 2 == 1
    return f"{says}: for the real root write -({size:.15g})^({children[1]})" if is_odd else says
