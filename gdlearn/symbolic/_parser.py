r"""Text → tree, by a grammar of a few rules; nothing of a text is ever executed.

.. code-block:: text

    text    = (name "(" name ("," name)* ")" "=")? sum        f(x, y) = ... names the variables in their order
    sum     = product (("+" | "-") product)*
    product = factor (("*" | "/") factor | power)*            2x, 3(x + 1), x y, x^2 y, x sin(x): see `juxtaposed`
    factor  = ("+" | "-") factor | power
    power   = atom (("**" | "^") factor | superscript)?
    atom    = number | name | call | "(" sum ")" | "|" sum "|" | ("√" | "∛") (number | name | "(" sum ")")
    call    = function exponent? "(" sum ("," sum)* ")" | function exponent? (number | name)     sin x, sin^2(x)

What could be meant in two ways is refused, with both ways to write it. Limits hold while the tree grows, and every
constant part is worked out in float64 and refused unless finite, so that SymPy, which would compute 9**9**9**9 exactly,
only meets what is harmless.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from ._cursor import Cursor
from ._functions import CONSTANTS, FUNCTIONS
from ._hints import POWERS, arguments_hint, function_hint, inverse_hint
from ._names import is_variable_name, misread, product_of
from ._tokens import Token, header, is_letter
from ._tree import Node

MAX_DEPTH = 20
"""Levels of nesting."""

ROOTS = {"√": "sqrt", "∛": "cbrt"}


class Reading(NamedTuple):
    """What a text was read as.

    Attributes
    ----------
    tree : Node
    declared : tuple of str or None
        The variables, where the caller or the text itself, f(x, y) = ..., names them.
    notes : tuple of str
        How names were read that may be meant as products or as numbers.
    """

    tree: Node
    declared: tuple[str, ...] | None
    notes: tuple[str, ...]


def parse(text: str, variables: Iterable[str] | None = None, constants: Mapping[str, float] | None = None) -> Node:
    """Read a text.

    Parameters
    ----------
    text : str
    variables : iterable of str or None
        The names that the text may use; None: any. `pi` and `e` are numbers unless they are among them.
    constants : mapping from str to float, optional
        Names that stand for numbers.

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
    >>> str(parse("2x² − sin x"))
    '2*x**2 - sin(x)'
    >>> parse("2x^^2")
    Traceback (most recent call last):
        ...
    gdlearn.symbolic.ExpressionError: Expected a number, a name or "(" instead of "^" (column 4).
        2x^^2
           ^
    """
    return read(text, variables, constants).tree


def read(text: str, variables: Iterable[str] | None = None, constants: Mapping[str, float] | None = None) -> Reading:
    """Read a text as `parse` does, with what the text says of its variables."""
    parser = _Parser(text, None if variables is None else tuple(variables), constants or {})
    tree = parser.parse()
    return Reading(
        tree, parser.declared, () if parser.declared is not None else misread(tree, parser.constants, parser.fail)
    )


class _Parser(Cursor):
    def __init__(self, text: str, variables: tuple[str, ...] | None, constants: Mapping[str, float]) -> None:
        super().__init__(text, variables or ())
        self.constants, self.declared = constants, variables
        self.depth = self.n_bars = 0
        self.power_ends: Token | None = None
        self.header()

    def header(self) -> None:
        """Take f(x, y) = off the front of the text, if it is there."""
        names = header(self.tokens)
        if names is None or self.tokens[0].text in FUNCTIONS:
            return
        own = tuple(token.text for token in names)
        for i, token in enumerate(names):
            if not is_variable_name(token.text):
                self.fail(f'"{self.typed(token)}" cannot be the name of a variable', token.start)
            if token.text in own[:i] or token.text in self.constants:
                self.fail(f'"{self.typed(token)}" is named twice', token.start)
        if self.declared is not None and set(own) != set(self.declared):
            self.fail(f"The variables are {', '.join(self.declared)[:200]}, and the text names others", names[0].start)
        self.declared = self.variables = self.declared or own
        self.next = 2 * len(own) + 3
        if self.peek() == "":
            self.fail('Write the formula after "="', self.tokens[self.next].start)

    def parse(self) -> Node:
        tree = self.sum()
        if self.tokens[self.next].kind != "end":
            self.unexpected("an operator")
        return tree

    def sum(self) -> Node:
        start = self.next
        terms, signs = [self.product()], "+"
        while self.peek() in ("+", "-"):
            signs += self.take().text
            terms.append(self.product())
        return self.at("sum", signs, terms, start) if len(terms) > 1 else terms[0]

    def product(self) -> Node:
        start = self.next
        factors, signs = [self.factor()], "*"
        while True:
            if self.peek() in ("*", "/"):
                signs += self.take().text
                factors.append(self.factor())
            elif self.juxtaposed():
                self.refuse_two_meanings(signs[-1])
                signs += "*"
                factors.append(self.deeper(self.power))
            else:
                return self.at("product", signs, factors, start) if len(factors) > 1 else factors[0]

    def juxtaposed(self) -> bool:
        """Whether a product without sign goes on here: 2x, 2(x), 2|x|, (x)(y), x y, x sin(x), x² y."""
        token, before = self.tokens[self.next], self.tokens[self.next - 1]
        opens_bar = token.text == "|" and not self.n_bars
        if before.text == "|":  # |x|y|z| has two meanings, |x|y has one
            return (token.kind == "name" or token.text == "(") and all(t.text != "|" for t in self.tokens[self.next :])
        if before.kind in ("number", "raised") or before.text == ")":
            if before.kind == "number" and token.kind == "name" and before.stop == token.start:
                self.refuse_number(before, token)
            return token.kind == "name" or token.text == "(" or token.text in ROOTS or opens_bar
        if before.kind != "name" or token.kind != "name":
            return before.kind == "name" and (token.text in ROOTS or opens_bar)
        return self.is_factor(before.text) and (self.is_factor(token.text) or token.text in FUNCTIONS)

    def is_factor(self, name: str) -> bool:
        """Whether a name may stand beside another one for a product: words may be meant otherwise."""
        return name in self.variables or name in CONSTANTS or name in self.constants or is_letter(name)

    def refuse_number(self, number: Token, name: Token) -> None:
        if number.text == "0" or name.text in ("j", "J"):
            shown = self.typed(number) + self.typed(name)
            self.fail(f'"{shown}" is not a number; write "*" if a product is meant', number.start)

    def refuse_two_meanings(self, sign: str) -> None:
        """An error where a product without sign may go on below a fraction bar or in an exponent: 1/2x, x^2y."""
        token, end = self.tokens[self.next], self.power_ends
        in_exponent = end is not None and (end.stop == token.start or not (end.kind == "number" or end.text == ")"))
        if sign == "/" or in_exponent:
            what = 'A product without "*" is ambiguous after "/" or a power: use "*" and parentheses'
            self.fail(what, token.start)

    def deeper(self, rule: Callable[[], Node]) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.fail(f"The expression is nested more than {MAX_DEPTH} levels deep", self.tokens[self.next].start)
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
            return self.factor() if sign == "+" else self.at("negative", "-", [self.factor()], start)
        return self.power()

    def power(self) -> Node:
        start = self.next
        base = self.atom()
        self.power_ends = None
        if self.peek() == "raised":
            return self.at("power", "**", [base, self.raised()], start)
        if self.peek() != "**":
            return base
        self.next += 1
        result = self.at("power", "**", [base, self.factor()], start)
        self.power_ends = self.tokens[self.next - 1]
        return result

    def raised(self) -> Node:
        """An exponent in superscript digits."""
        start, text = self.next, self.take().text
        number = self.at("number", text.lstrip("+-"), [], start)
        return self.at("negative", "-", [number], start) if text[0] == "-" else number

    def atom(self) -> Node:
        start = self.next
        token = self.tokens[start]
        if token.kind == "number":
            self.next += 1
            return self.at("number", token.text, [], start)
        if token.kind == "name":
            self.next += 1
            called = self.peek() == "("
            if called and token.text in (*self.variables, *self.constants):
                shown = self.typed(token)
                self.fail(f'"{shown}" is a variable: write {shown}*(...) for a product', token.start)
            return self.call(token) if token.text in FUNCTIONS or called else self.name(token)
        if token.text in ROOTS:
            return self.root(self.take())
        if token.text == "(":
            return self.bracketed(")", 0)
        if token.text != "|":
            self.unexpected('a number, a name or "("')
        return self.absolute()

    def absolute(self) -> Node:
        start = self.next
        return self.at("call", "abs", [self.bracketed("|", self.n_bars + 1)], start)

    def bracketed(self, end: str, n_bars: int) -> Node:
        inside = self.inside(n_bars)
        self.expect(end)
        return inside

    def inside(self, n_bars: int) -> Node:
        """What follows a bracket; in it, n_bars of |...| are open since the last parenthesis."""
        before, self.n_bars = self.n_bars, n_bars
        self.next += 1
        inside = self.sum()
        self.n_bars = before
        return inside

    def operand(self) -> Node | None:
        """The number, the name or the |...| that comes next, or None."""
        token = self.tokens[self.next]
        if token.text == "|":
            return self.absolute()
        if token.kind not in ("number", "name") or token.text in FUNCTIONS:
            return None
        self.next += 1
        return self.name(token) if token.kind == "name" else self.node("number", token.text, [], token.start)

    def root(self, sign: Token) -> Node:
        """√ of what follows at once; √2x and √x^2 can be meant in two ways."""
        inside = self.bracketed(")", 0) if self.peek() == "(" else self.operand()
        if inside is None:
            self.fail(f"Write {sign.text}(...) with what the root is taken of in parentheses", sign.start)
        after, before = self.tokens[self.next], self.tokens[self.next - 1]
        touches = after.start == before.stop and before.text != ")" and (after.kind == "name" or after.text == "(")
        if touches or self.peek() in ("**", "raised"):
            self.fail(f"It is not clear where the root ends: write {sign.text}(...)", sign.start)
        return self.node("call", ROOTS[sign.text], [inside], sign.start)

    def name(self, token: Token) -> Node:
        name, shown = token.text, self.typed(token)
        if not is_variable_name(name):
            self.fail(f'"{shown}" cannot be the name of a variable', token.start)
        if name in self.constants:
            return self.held(self.constants[name], token)
        if self.declared is not None and name not in self.variables and name not in CONSTANTS:
            known = ", ".join(self.variables)[:200] or "there are none"
            product = product_of(name, {*self.variables, *self.constants})
            hint = f"; for a product write {product}" if product else ""
            self.fail(f'"{shown}" is not one of the variables: {known}{hint}', token.start)
        return self.node("name", name, [], token.start)

    def held(self, value: float, token: Token) -> Node:
        """A constant, as the number that it is held at."""
        number = self.node("number", repr(abs(value)), [], token.start)
        return number if math.copysign(1.0, value) > 0 else self.node("negative", "-", [number], token.start)

    def call(self, token: Token) -> Node:
        name, shown = token.text, self.typed(token)
        if name not in FUNCTIONS:
            self.fail(f'"{shown}" is not a known function: {function_hint(name)}', token.start)
        exponent = self.exponent(token)
        if self.peek() != "(":
            result = self.plain_argument(token)
        else:
            result = self.node("call", name, self.arguments(token), token.start)
        return result if exponent is None else self.node("power", "**", [result, exponent], token.start)

    def exponent(self, function: Token) -> Node | None:
        """The 2 of sin^2(x)."""
        name, start = function.text, function.start
        if self.peek() not in ("**", "raised"):
            return None
        where = self.tokens[self.next].start
        is_raised = self.peek() == "raised"
        digits = self.tokens[self.next + (not is_raised)].text
        if digits.startswith("-"):
            self.fail(f"{name} to a negative power has two meanings: {inverse_hint(name)}", where)
        if name not in POWERS or not digits.isdecimal():
            self.fail(f'"{name}" is a function: write {name}(...)^n for its power', start)
        self.next += 1 if is_raised else 2
        return self.at("number", digits, [], self.next - 1)

    def arguments(self, function: Token) -> list[Node]:
        name, most = function.text, FUNCTIONS[function.text].most
        arguments = [self.inside(0)]
        while self.peek() == ",":
            arguments.append(self.inside(0))
        self.expect(")")
        if len(arguments) > most:
            hint = arguments_hint(name, [str(argument) for argument in arguments])
            self.fail(f'"{name}" takes {most} argument(s), not {len(arguments)}{hint}', function.start)
        return arguments

    def plain_argument(self, function: Token) -> Node:
        """The x of sin x, which ends before a sum's next term; sin x^2, sin 2x and sin x/y have two meanings."""
        name = function.text
        argument = self.operand() if FUNCTIONS[name].most == 1 else None
        if argument is None:
            self.fail(f'"{name}" is a function: write {name}(...)', function.start)
        after = self.tokens[self.next]
        if not (after.kind == "end" or after.text in ("+", "-", ")", ",", "|", "=") or after.text in FUNCTIONS):
            shown = self.text[function.start : after.stop][:50]
            self.fail(
                f'"{shown}" has two meanings: put all of the argument in parentheses, {name}(...)', function.start
            )
        return self.node("call", name, [argument], function.start)
