"""SymPy → plain text and LaTeX, in the notation of a textbook: ln, abs, max, d/dx[...]."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import sympy
from sympy.printing import StrPrinter
from sympy.printing.latex import LatexPrinter

from ._functions import Choice, cbrt, log10
from ._tokens import GREEK

NAME = re.compile(f"([A-Za-z]+|[{''.join(GREEK)}])(.*)")
COMMANDS = {*GREEK.values(), "pi", "Upsilon"}
"""Names that are commands of LaTeX."""


class _Remembering:
    """A printer that knows the texts of the nodes printed last, for steps repeat each other's subexpressions."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(settings)  # type: ignore[call-arg]
        self._print_once = lru_cache(maxsize=1024)(super()._print)

    def _print(self, expr: Any, **kwargs: Any) -> Any:
        return super()._print(expr, **kwargs) if kwargs else self._print_once(expr)


class _Latex(_Remembering, LatexPrinter):
    """SymPy's own LaTeX, but for names: to SymPy, what is the hat of t, and labs the absolute value of l."""

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

    def _print_Derivative(self, expr: sympy.Derivative) -> str:
        return f"d/d{expr.args[1].args[0]}[{self._print(expr.expr)}]"

    def _print_Choice(self, expr: Choice) -> str:
        u, v, a, b = (self._print(argument) for argument in expr.args)
        return f"{{{a} if {u} > {v}, {b} otherwise}}"


class _PlainWithoutPi(_Plain):
    """Where pi is a variable, so that the number must be called something else."""

    def _print_Pi(self, expr: sympy.Expr) -> str:
        return "acos(-1)"


_PLAIN = _Plain()
_PLAIN_WITHOUT_PI = _PlainWithoutPi()
_LATEX = _Latex(ln_notation=True)


def text(expression: sympy.Basic) -> str:
    """Plain text of an expression; but for derivatives and choices one that the grammar reads.

    Examples
    --------
    >>> import sympy
    >>> x = sympy.Symbol("x", real=True)
    >>> text(sympy.log(abs(x)) + sympy.E)
    'ln(abs(x)) + exp(1)'
    """
    clash = any(symbol.name == "pi" for symbol in expression.free_symbols)
    return str((_PLAIN_WITHOUT_PI if clash else _PLAIN).doprint(expression))


def latex(expression: sympy.Basic) -> str:
    """LaTeX of an expression, with ln for the natural logarithm."""
    return str(_LATEX.doprint(expression))
