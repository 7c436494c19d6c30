"""SymPy → plain text and LaTeX, in the notation of a textbook: ln, abs, max, d/dx[...], ∂/∂x[...], terms as typed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from typing import Any

import sympy
from sympy.printing import StrPrinter
from sympy.printing.latex import LatexPrinter
from sympy.printing.precedence import PRECEDENCE

from ._functions import Choice, cbrt, log10
from ._tokens import GREEK

NAME = re.compile(f"([A-Za-z]+|[{''.join(GREEK)}])(.*)")
COMMANDS = {*GREEK.values(), "pi", "Upsilon"}
"""Names that are commands of LaTeX."""


class Partial(sympy.Derivative):
    """The derivative of a function of several variables, written with ∂ whatever it is that is differentiated."""


class _Remembering:
    """A printer that knows the texts of the nodes printed last, for steps repeat each other's subexpressions."""

    def __init__(self, notation: Notation, **settings: Any) -> None:
        super().__init__({"order": "none", **settings})  # type: ignore[call-arg]
        self._args = notation.args
        self._print_once = lru_cache(maxsize=1024)(super()._print)

    def _print(self, expr: Any, **kwargs: Any) -> Any:
        return super()._print(expr, **kwargs) if kwargs else self._print_once(expr)

    def _as_ordered_terms(self, expr: sympy.Add, order: None = None) -> Sequence[sympy.Expr]:
        return self._args(expr)


class _Latex(_Remembering, LatexPrinter):
    """SymPy's own LaTeX, but for names (to SymPy, what is the hat of t), and for the order of terms and factors."""

    def _print_Symbol(self, expr: sympy.Symbol, style: str = "plain") -> str:
        letters, rest = NAME.fullmatch(expr.name).groups()  # type: ignore[union-attr] # the grammar's names do
        letters = GREEK.get(letters, letters)
        head = letters if len(letters) == 1 else f"\\{letters}" if letters in COMMANDS else rf"\mathrm{{{letters}}}"
        below = rest.lstrip("_").replace("_", r"\_")
        return f"{head}_{{{below}}}" if below else head

    def _print_cbrt(self, expr: cbrt, exp: str | None = None) -> str:
        root = rf"\sqrt[3]{{{self._print(expr.args[0])}}}"
        return root if exp is None else rf"{root}^{{{exp}}}"

    def _print_log10(self, expr: log10, exp: str | None = None) -> str:
        power = "" if exp is None else f"^{{{exp}}}"
        return rf"\log_{{10}}{power}{{\left({self._print(expr.args[0])} \right)}}"

    def _print_Choice(self, expr: Choice) -> str:
        u, v, a, b = (self._print(argument) for argument in expr.args)
        return rf"\begin{{cases}} {a} & \text{{if}}\: {u} > {v} \\ {b} & \text{{otherwise}} \end{{cases}}"

    def _print_Derivative(self, expr: sympy.Derivative, sign: str = "d") -> str:
        below = rf"{sign} {self._print(expr.args[1].args[0])}"
        return rf"\frac{{{sign}}}{{{below}}}\left[{self._print(expr.expr)}\right]"

    def _print_Partial(self, expr: Partial) -> str:
        return self._print_Derivative(expr, r"\partial")

    def _print_Add(self, expr: sympy.Add, order: None = None) -> str:
        whole = ""
        for term in self._args(expr):
            one = self._print(term)
            if self._needs_add_brackets(term):
                one = rf"\left({one}\right)"
            minus = one.startswith("-")
            whole += f" {'-' if minus else '+'} {one[minus:].strip()}" if whole else one
        return whole

    def _print_Mul(self, expr: sympy.Mul) -> str:
        first, *others = self._args(expr)
        minus = bool(first.is_Number and first.is_negative)
        factors = [*([] if first == -1 else [-first if minus else first]), *others]
        above, below = [], []
        for factor in factors:
            if isinstance(factor, sympy.Pow) and factor.exp.could_extract_minus_sign():
                below.append(sympy.Pow(factor.base, -factor.exp, evaluate=factor.exp == -1))
            elif factor.is_Rational and not factor.is_Integer:
                above += [sympy.Integer(factor.p)] * (factor.p != 1)
                below.append(sympy.Integer(factor.q))
            else:
                above.append(factor)
        whole = self._row(above, is_alone=bool(below) or not minus)
        if below:
            whole = rf"\frac{{{whole}}}{{{self._row(below, is_alone=True)}}}"
        return "- " * minus + whole

    def _row(self, factors: list[sympy.Expr], is_alone: bool) -> str:
        """Factors one after another; a single one that is alone on its side of a fraction needs no brackets."""
        if len(factors) == 1 and is_alone:
            return str(self._print(factors[0]))
        row = ""
        for i, factor in enumerate(factors):
            one = self._print(factor)
            last = i == len(factors) - 1
            if isinstance(factor, Choice) or self._needs_mul_brackets(factor, first=i == 0, last=last):
                one = rf"\left({one}\right)"
            sign = r" \cdot " if one[0].isdigit() or (row and factors[i - 1] == 1) else " "
            row += sign + one if row else one
        return row or "1"


class _Plain(_Remembering, StrPrinter):
    """SymPy's own text, but for the names that a reader types differently."""

    def _call(self, name: str, expr: sympy.Basic) -> str:
        return f"{name}({self.stringify(expr.args, ', ')})"

    def _print_Abs(self, expr: sympy.Abs) -> str:
        return self._call("abs", expr)

    def _print_Max(self, expr: sympy.Max) -> str:
        return self._call("max", expr)

    def _print_Min(self, expr: sympy.Min) -> str:
        return self._call("min", expr)

    def _print_log(self, expr: sympy.log) -> str:
        return self._call("ln", expr)

    def _print_Exp1(self, expr: sympy.Expr) -> str:
        return "exp(1)"  # "e" may be a variable

    def _print_Float(self, expr: sympy.Float) -> str:
        return repr(float(expr))

    def _print_Derivative(self, expr: sympy.Derivative, sign: str = "d") -> str:
        return f"{sign}/{sign}{expr.args[1].args[0]}[{self._print(expr.expr)}]"

    def _print_Partial(self, expr: Partial) -> str:
        return self._print_Derivative(expr, "∂")

    def _print_Mul(self, expr: sympy.Mul) -> str:
        factors = self._args(expr)
        is_pair = len(factors) == 2
        if factors[0] != -1 or (is_pair and isinstance(factors[1], sympy.Pow)):
            return str(super()._print_Mul(sympy.Mul._from_args(factors)))
        if is_pair:
            return f"-{self.parenthesize(factors[1], PRECEDENCE['Mul'])}"
        return f"-{super()._print_Mul(sympy.Mul(*factors[1:], evaluate=False))}"

    def _print_Choice(self, expr: Choice) -> str:
        u, v, a, b = (self._print(argument) for argument in expr.args)
        return f"{{{a} if {u} > {v}, {b} otherwise}}"

    def _print_Pow(self, expr: sympy.Pow, rational: bool = False) -> str:
        is_below = expr.exp.is_Rational and expr.exp.is_negative and -2 * expr.exp not in (1, 2)
        if not is_below:
            return str(super()._print_Pow(expr, rational))
        return f"1/{super()._print_Pow(sympy.Pow(expr.base, -expr.exp, evaluate=False))}"


class _PlainWithoutPi(_Plain):
    """Where pi is a variable, so that the number must be called something else."""

    def _print_Pi(self, expr: sympy.Expr) -> str:
        return "acos(-1)"


class Notation:
    """How the expressions of one function are written: terms and factors in the order in which they were typed.

    SymPy orders the arguments of a sum or a product by its own lights. Here each sum and product is known with the
    order in which it was typed or put together; those that are not known are written in SymPy's order.

    Examples
    --------
    >>> import sympy
    >>> x = sympy.Symbol("x", real=True)
    >>> notation = Notation()
    >>> notation.text(notation.sum([5 * x, 3 * x**2])), notation.text(5 * x + 2 * x**2)
    ('5*x + 3*x**2', '2*x**2 + 5*x')
    """

    def __init__(
        self,
        variables: Iterable[sympy.Symbol] = (),
        orders: dict[sympy.Expr, tuple[sympy.Expr, ...]] | None = None,
    ) -> None:
        self.variables = tuple(variables)
        self._orders = {} if orders is None else orders

    def __reduce__(self) -> Any:
        kept = {e: args for e, args in self._orders.items() if e.func(*args) == e}  # SymPy copies what it evaluates
        return type(self), (self.variables, kept)

    def args(self, expression: sympy.Expr) -> tuple[sympy.Expr, ...]:
        """The terms of a sum, or the factors of a product, in the order in which they are written."""
        if expression in self._orders:
            return self._orders[expression]
        return tuple(expression.as_ordered_terms() if expression.is_Add else expression.as_ordered_factors())

    def remember(self, expression: sympy.Expr, given: Iterable[sympy.Expr]) -> sympy.Expr:
        """Take the order of a sum or product from what it was made of, unless SymPy has made something else of it."""
        kind = expression.func
        if kind not in (sympy.Add, sympy.Mul) or expression in self._orders:
            return expression
        flat = [arg for part in given for arg in (self.args(part) if part.func is kind else (part,))]
        number = [arg for arg in expression.args if arg.is_Number]
        place = next((i for i, arg in enumerate(flat) if arg.is_Number), 0) if kind is sympy.Add else 0
        before, after = ([arg for arg in half if not arg.is_Number] for half in (flat[:place], flat[place:]))
        ordered = (*before, *number, *after)
        if len(ordered) == len(expression.args) and set(ordered) == set(expression.args):
            self._orders[expression] = ordered
        return expression

    def keep(self, expression: sympy.Expr) -> sympy.Expr:
        """Take the order of an expression that SymPy has not evaluated from itself."""
        self._orders.setdefault(expression, expression.args)
        return expression

    def sum(self, terms: Sequence[sympy.Expr]) -> sympy.Expr:
        """The sum of the terms, in this order."""
        return self.remember(sympy.Add(*terms), terms)

    def product(self, factors: Sequence[sympy.Expr]) -> sympy.Expr:
        """The product of the factors, in this order; a number comes first."""
        number, rest = sympy.Mul(*(f for f in factors if f.is_Number)), [f for f in factors if not f.is_Number]
        if number != 1 and len(rest) == 1 and rest[0].is_Add:  # SymPy multiplies it out
            return self.sum([self.product([number, term]) for term in self.args(rest[0])])
        return self.remember(sympy.Mul(*factors), factors)

    def power(self, base: sympy.Expr, exponent: Any) -> sympy.Expr:
        """A power; that of a product may be a product of powers."""
        factors = [factor**exponent for factor in self.args(base)] if base.is_Mul else []
        return self.remember(base**exponent, factors)

    def place(self, factor: sympy.Expr) -> int:
        """Where a variable stands among those of the text; 0 of all else."""
        return self.variables.index(factor) if factor in self.variables else 0

    def text(self, expression: sympy.Basic) -> str:
        """Plain text of an expression; but for derivatives and choices one that the grammar reads."""
        clash = any(symbol.name == "pi" for symbol in expression.free_symbols)
        return str((self._plain_without_pi if clash else self._plain).doprint(expression))

    def latex(self, expression: sympy.Basic) -> str:
        """LaTeX of an expression, with ln for the natural logarithm."""
        return str(self._latex.doprint(expression))

    @cached_property
    def _plain(self) -> _Plain:
        return _Plain(self)

    @cached_property
    def _plain_without_pi(self) -> _Plain:
        return _PlainWithoutPi(self)

    @cached_property
    def _latex(self) -> _Latex:
        return _Latex(self, ln_notation=True)


SYMPYS = Notation()
"""Every sum and product in SymPy's order."""


def text(expression: sympy.Basic) -> str:
    """Plain text of an expression; but for derivatives and choices one that the grammar reads.

    Examples
    --------
    >>> import sympy
    >>> x = sympy.Symbol("x", real=True)
    >>> text(sympy.log(abs(x)) + sympy.E)
    'ln(abs(x)) + exp(1)'
    """
    return SYMPYS.text(expression)


def latex(expression: sympy.Basic) -> str:
    """LaTeX of an expression, with ln for the natural logarithm."""
    return SYMPYS.latex(expression)
