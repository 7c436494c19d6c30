"""Conditions: two sides and a relation between them, shown as text and tested on arrays."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from .._arrays import Array
from ._text import SYMPYS, Notation

Bools = NDArray[np.bool_]
Numbers = Callable[[Any], Array]
"""SymPy expression → its values."""

COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "!=": lambda left, right: (left < right) | (left > right),  # false for NaN
    "=": operator.eq,
    "power": lambda u, v: (u > 0) | ((u == 0) & (v >= 0)) | ((u < 0) & (np.floor(v) == v)),
}
"""When each relation holds."""

LATEX = {">=": r"\geq", "<=": r"\leq", "!=": r"\neq", "whole": r"\in \mathbb{Z}"}


@dataclass(frozen=True)
class Condition:
    r"""left relation right, and why.

    Attributes
    ----------
    left, right : sympy.Expr
        What is compared.
    relation : str
        One of ">", ">=", "<", "<=", "!=", "=", or "power": left\*\*right is a real number, which holds for left > 0,
        for left = 0 and right >= 0, and for left < 0 and a whole right.
    reason : str
        Which part of the function needs it: "ln(x - 1) needs x - 1 > 0".
    by : frozenset of str
        The variables whose partial derivatives need it, if these are not all that are in it: x**y has at
        x = -2, y = 3 a partial derivative by x and none by y.

    Examples
    --------
    >>> from gdlearn.symbolic import SymbolicFunction
    >>> condition = SymbolicFunction("y*ln(x - 1)").domain.defined[0]
    >>> print(condition, "because", condition.reason)
    x - 1 > 0 because ln(x - 1) needs x - 1 > 0
    """

    left: sympy.Expr
    relation: str
    right: sympy.Expr
    reason: str
    by: frozenset[str] = frozenset()
    notation: Notation = field(default=SYMPYS, compare=False, repr=False)

    def __str__(self) -> str:
        show = self.notation.text
        return ", or ".join(
            " and ".join(f"{show(u)} {sign}" if v is None else f"{show(u)} {sign} {show(v)}" for u, sign, v in clause)
            for clause in self.clauses()
        )

    def latex(self) -> str:
        """The condition in LaTeX."""
        show, several = self.notation.latex, len(self.clauses()) > 1
        shown = []
        for clause in self.clauses():
            claims = [f"{show(u)} {LATEX.get(sign, sign)}{'' if v is None else f' {show(v)}'}" for u, sign, v in clause]
            whole = r" \wedge ".join(claims)
            shown.append(f"({whole})" if several and len(claims) > 1 else whole)
        return r" \;\vee\; ".join(shown)

    def clauses(self) -> list[list[tuple[Any, str, Any]]]:
        """The alternatives, each of claims that all hold: left, relation, right, or left, "whole", None."""
        if self.relation != "power":
            return [[(self.left, self.relation, self.right)]]
        return _clauses_of_power(self.left, self.right)

    @property
    def variables(self) -> set[str]:
        """Names of the variables in it."""
        return {symbol.name for symbol in self.left.free_symbols | self.right.free_symbols}

    def parts(self) -> list[Any]:
        """The expressions whose values decide it."""
        return [self.left, self.right, *(self.left.args if self.is_pole else ())]

    def holds(self, numbers: Numbers) -> Bools:
        """Whether it holds, elementwise; not where a side is NaN. sin u and cos u are 0 within the rounding of u."""
        left, right = numbers(self.left), numbers(self.right)
        if self.is_pole:
            left = np.where(np.abs(left) <= pole_rounding(np.abs(numbers(self.left.args[0]))), 0.0, left)
        return self.compare(left, right)

    def compare(self, left: Any, right: Any) -> Bools:
        """Whether it holds of numbers, elementwise."""
        with np.errstate(invalid="ignore"):
            return np.asarray(COMPARE[self.relation](left, right), dtype=np.bool_)

    @property
    def is_pole(self) -> bool:
        """Whether it keeps away from zeros of sin or cos, of which float64 holds but one."""
        return self.relation == "!=" and isinstance(self.left, sympy.sin | sympy.cos)


def value_at_zero(u: Any, v: Any) -> Any:
    """What v is where u = 0, if that is a number; else v itself."""
    inner = u.args[0] if isinstance(u, sympy.Abs) or (u.is_Pow and u.exp.is_Integer and u.exp > 0) else u
    found = v.subs(inner, 0) if inner.is_Symbol and v.is_polynomial() else v
    return found if found.is_Rational else v


def _clauses_of_power(u: Any, v: Any) -> list[list[tuple[Any, str, Any]]]:
    """Where u**v is a real number, without what follows from the signs of u and v."""
    zero, at_zero = sympy.S.Zero, value_at_zero(u, v)
    if u.is_nonnegative:  # only u = 0 is in question
        return [[(u, "!=", zero)], [(v, ">=", zero)]]
    if at_zero.is_Rational and at_zero >= 0:
        return [[(u, ">=", zero)], [(v, "whole", None)]]  # for v whole any u will do
    clauses = [[(u, ">", zero)], [(u, "=", zero), (v, ">=", zero)], [(u, "<", zero), (v, "whole", None)]]
    return [clauses[0], clauses[2]] if at_zero.is_Rational else clauses


def pole_rounding(size: Any) -> Any:
    """What sin u and cos u are at their zeros at most, by the rounding of u, whose size is given."""
    return np.minimum(np.finfo(np.float64).eps * size, 1e-6)
