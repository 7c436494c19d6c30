"""Expressions in plain text and LaTeX, in the notation of a textbook: ln, abs, max, d/dx[...]."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import sympy
from sympy.printing import StrPrinter
from sympy.printing.latex import LatexPrinter


class _Remembering:
    """A printer that knows the texts of the nodes printed last, for steps repeat each other's subexpressions."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(settings)  # type: ignore[call-arg]
        self._print_once = lru_cache(maxsize=1024)(super()._print)

    def _print(self, expr: Any, **kwargs: Any) -> Any:
        return super()._print(expr, **kwargs) if kwargs else self._print_once(expr)


class _Latex(_Remembering, LatexPrinter):
    pass


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
        return "e"

    def _print_Derivative(self, expr: sympy.Derivative) -> str:
        return f"d/d{expr.args[1].args[0]}[{self._print(expr.expr)}]"

    def _print_Piecewise(self, expr: sympy.Piecewise) -> str:
        cases = (
            f"{self._print(value)} " + ("otherwise" if condition == sympy.true else f"if {self._print(condition)}")
            for value, condition in expr.args
        )
        return "{" + ", ".join(cases) + "}"


_PLAIN = _Plain()
_LATEX = _Latex(ln_notation=True)


def text(expression: sympy.Basic) -> str:
    """Plain text of an expression.

    Examples
    --------
    >>> import sympy
    >>> x = sympy.Symbol("x", real=True)
    >>> text(sympy.log(abs(x)) + sympy.E)
    'ln(abs(x)) + e'
    """
    return str(_PLAIN.doprint(expression))


def latex(expression: sympy.Basic) -> str:
    """LaTeX of an expression, with ln for the natural logarithm."""
    return str(_LATEX.doprint(expression))
