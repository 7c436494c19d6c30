r"""Text → tree, by a grammar of five rules; nothing of a text is ever executed.

.. code-block:: text

    sum     = product (("+" | "-") product)*
    product = factor (("*" | "/") factor | power)*      a power alone after a number or ")": 2x, 3(x + 1)
    factor  = ("+" | "-") factor | power
    power   = atom (("**" | "^") factor)?
    atom    = number | name | function "(" sum ("," sum)* ")" | "(" sum ")"

Limits hold while the tree grows, and every constant part is worked out in float64 and refused unless finite, so that
SymPy, which would compute 9**9**9**9 exactly, only meets what is harmless.
"""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import NoReturn

import numpy as np

from ._functions import CONSTANTS, FUNCTIONS
from ._tree import ExpressionError, Node

MAX_LENGTH = 2_000
"""Characters of a text."""
MAX_DEPTH = 20
"""Levels of nesting."""
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

TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]+)|(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z][A-Za-z0-9_]*)|(?P<sign>\*\*|[-+*/^(),])"
)
NEVER_ZERO = ("exp", "sech", "csch")
RESERVED = (set(keyword.kwlist) - {"lambda"}) | {"nan", "inf", "infinity"}


def parse(text: str, variables: Iterable[str] | None = None) -> Node:
    """Read a text.

    Parameters
    ----------
    text : str
    variables : iterable of str or None
        The names that the text may use; None: any. `pi` and `e` are numbers unless they are among them.

    Returns
    -------
    Node
        ``parse(str(node)) == node``.

    Raises
    ------
    ExpressionError
        With the position of what is wrong.

    Examples
    --------
    >>> from gdlearn.symbolic._parser import parse
    >>> str(parse("2x^2 - sin(x)/3"))
    '2*x**2 - sin(x)/3'
    >>> parse("2x^^2")
    Traceback (most recent call last):
        ...
    gdlearn.symbolic.ExpressionError: Expected a number, a name or "(" instead of "^" (column 4).
        2x^^2
           ^
    """
    return _Parser(text, None if variables is None else tuple(variables)).parse()


def is_variable_name(name: object) -> bool:
    """Whether a name can be a variable."""
    if not isinstance(name, str):
        return False
    match = TOKEN.fullmatch(name)
    named = match is not None and match.lastgroup == "name"
    return named and name not in FUNCTIONS and name not in RESERVED and name.lower() not in RESERVED


class _Parser:
    def __init__(self, text: str, variables: tuple[str, ...] | None) -> None:
        self.text, self.is_open, self.variables = text, variables is None, variables or ()
        if len(text) > MAX_LENGTH:
            self.fail(f"The expression has {len(text)} characters, more than {MAX_LENGTH}", MAX_LENGTH)
        self.tokens: list[tuple[str, str, int]] = []
        place = 0
        while place < len(text):
            match = TOKEN.match(text, place)
            if match is None:
                self.fail(f"The character {text[place]!a} has no meaning here", place)
            if match.lastgroup != "space":
                self.tokens.append((str(match.lastgroup), match.group(), place))
            place = match.end()
        self.tokens.append(("end", "", len(text)))
        self.next = self.depth = self.n_nodes = 0
        self.ends_in_power = False

    def fail(self, what: str, position: int) -> NoReturn:
        raise ExpressionError(what, self.text, position)

    def peek(self) -> str:
        """The next token's text; a number's is not a sign's, nor is the end's."""
        return self.tokens[self.next][1]

    def take(self) -> tuple[str, str, int]:
        self.next += 1
        return self.tokens[self.next - 1]

    def expect(self, sign: str) -> None:
        if self.peek() != sign:
            self.unexpected(f'an operator or "{sign}"')
        self.next += 1

    def unexpected(self, wanted: str) -> NoReturn:
        kind, text, position = self.tokens[self.next]
        self.fail(f"Expected {wanted} " + ("at the end" if kind == "end" else f'instead of "{text[:50]}"'), position)

    def parse(self) -> Node:
        tree = self.sum()
        if self.tokens[self.next][0] != "end":
            self.unexpected("an operator")
        return tree

    def sum(self) -> Node:
        start = self.next
        terms, signs = [self.product()], "+"
        while self.peek() in ("+", "-"):
            signs += self.take()[1]
            terms.append(self.product())
        return self.node("sum", signs, terms, start) if len(terms) > 1 else terms[0]

    def product(self) -> Node:
        start = self.next
        factors, signs = [self.factor()], "*"
        while True:
            if self.peek() in ("*", "/"):
                signs += self.take()[1]
                factors.append(self.factor())
            elif self.is_implicit():
                if signs[-1] == "/" or self.ends_in_power:
                    where = self.tokens[self.next][2]
                    self.fail('A product without "*" is ambiguous after "/" or a power: use "*" and parentheses', where)
                signs += "*"
                factors.append(self.deeper(self.power))
            else:
                return self.node("product", signs, factors, start) if len(factors) > 1 else factors[0]

    def is_implicit(self) -> bool:
        """Whether a product without sign goes on here: a name or "(" after a number or ")"."""
        kind, text, position = self.tokens[self.next]
        before, number, place = self.tokens[self.next - 1]
        if not (kind == "name" or text == "(") or not (before == "number" or number == ")"):
            return False
        touches = before == "number" and kind == "name" and place + len(number) == position
        if touches and (number == "0" or text in ("j", "J")):
            self.fail(f'"{number}{text[:50]}" is not a number; write "*" if a product is meant', place)
        return True

    def deeper(self, rule: Callable[[], Node]) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.fail(f"The expression is nested more than {MAX_DEPTH} levels deep", self.tokens[self.next][2])
        result = rule()
        self.depth -= 1
        return result

    def factor(self) -> Node:
        return self.deeper(self.signed)

    def signed(self) -> Node:
        start = self.next
        sign = self.peek()
        if sign in ("+", "-"):
            self.next += 1
            return self.factor() if sign == "+" else self.node("negative", "-", [self.factor()], start)
        return self.power()

    def power(self) -> Node:
        start = self.next
        base = self.atom()
        self.ends_in_power = self.peek() in ("**", "^")
        if not self.ends_in_power:
            return base
        self.next += 1
        result = self.node("power", "**", [base, self.factor()], start)
        self.ends_in_power = True
        return result

    def atom(self) -> Node:
        start = self.next
        kind, text, position = self.tokens[start]
        if kind == "number":
            self.next += 1
            return self.node("number", text, [], start)
        if kind == "name":
            self.next += 1
            called = self.peek() == "("
            if text in self.variables and called:
                self.fail(f'"{text}" is a variable: write {text}*(...) for a product', position)
            return self.call(text, start) if text in FUNCTIONS or called else self.name(text, start)
        if text != "(":
            self.unexpected('a number, a name or "("')
        self.next += 1
        inside = self.sum()
        self.expect(")")
        return inside

    def name(self, name: str, start: int) -> Node:
        position = self.tokens[start][2]
        if not is_variable_name(name):
            self.fail(f'"{name}" cannot be the name of a variable', position)
        if not self.is_open and name not in self.variables and name not in CONSTANTS:
            known = ", ".join(self.variables)[:200] or "there are none"
            self.fail(f'"{name[:50]}" is not one of the variables: {known}', position)
        return self.node("name", name, [], start)

    def call(self, name: str, start: int) -> Node:
        position = self.tokens[start][2]
        if name not in FUNCTIONS:
            called = name[:50]
            near = get_close_matches(called, FUNCTIONS, 1)
            hint = f"did you mean {near[0]}(...)?" if near else f"for a product write {called}*(...)"
            self.fail(f'"{called}" is not a known function: {hint}', position)
        if self.peek() != "(":
            self.fail(f'"{name}" is a function: write {name}(...)', position)
        self.next += 1
        arguments = [self.sum()]
        while self.peek() == ",":
            self.next += 1
            arguments.append(self.sum())
        self.expect(")")
        most = FUNCTIONS[name].most
        if len(arguments) > most:
            self.fail(f'"{name}" takes {most} argument(s), not {len(arguments)}', position)
        return self.node("call", name, arguments, start)

    def node(self, kind: str, head: str, children: list[Node], start: int) -> Node:
        """A node, once the limits are seen to hold."""
        position = self.tokens[start][2]
        self.n_nodes += 1
        if self.n_nodes > MAX_NODES:
            self.fail(f"The expression has more than {MAX_NODES} numbers, names and operations", position)
        with np.errstate(all="ignore"):
            value, is_finite = self.value(kind, head, children)
        if not is_finite:
            self.fail("A constant part is not a finite real number in float64, or vanishes there", position)
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
