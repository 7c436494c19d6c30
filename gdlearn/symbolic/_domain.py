"""Where a function is defined, and where it is differentiable: conditions, shown as text and tested on arrays."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy
from numpy.typing import ArrayLike, NDArray

from .._arrays import Array
from .._points import DomainError, at
from ._numbers import Program
from ._text import latex, text

Bools = NDArray[np.bool_]
Numbers = Callable[[Any], Array]
"""SymPy expression → its values."""

COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "!=": lambda left, right: (left < right) | (left > right),  # false for NaN
    "power": lambda u, v: (u > 0) | ((u == 0) & (v >= 0)) | ((u < 0) & (np.floor(v) == v)),
}
"""When each relation holds."""

EXCLUSIVE = ({">", "<"}, {">", "<="}, {">=", "<"}, {">=", "<=", "!="})
"""Relations that no two numbers fulfil together."""


@dataclass(frozen=True)
class Condition:
    r"""left relation right, and why.

    Attributes
    ----------
    left, right : sympy.Expr
        What is compared.
    relation : str
        One of ">", ">=", "<", "<=", "!=", or "power": left\*\*right is a real number, which holds for left > 0, for
        left = 0 and right >= 0, and for left < 0 and a whole right.
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

    def __str__(self) -> str:
        left, right = text(self.left), text(self.right)
        if self.relation == "power":
            return f"{left} > 0, or {left} = 0 and {right} >= 0, or {left} < 0 and {right} whole"
        return f"{left} {self.relation} {right}"

    def latex(self) -> str:
        """The condition in LaTeX."""
        left, right = latex(self.left), latex(self.right)
        if self.relation == "power":
            return (
                rf"{left} > 0 \;\vee\; ({left} = 0 \wedge {right} \geq 0)"
                rf" \;\vee\; ({left} < 0 \wedge {right} \in \mathbb{{Z}})"
            )
        sign = {">=": r"\geq", "<=": r"\leq", "!=": r"\neq"}.get(self.relation, self.relation)
        return f"{left} {sign} {right}"

    @property
    def variables(self) -> set[str]:
        """Names of the variables in it."""
        return {symbol.name for symbol in self.left.free_symbols | self.right.free_symbols}

    def parts(self) -> list[Any]:
        """The expressions whose values decide it."""
        return [self.left, self.right, *(self.left.args if self._is_pole or self._is_rounded else ())]

    def holds(self, numbers: Numbers) -> Bools:
        """Whether it holds, elementwise; not where a side is NaN. sin u and cos u are 0 within the rounding of u."""
        left, right = numbers(self.left), numbers(self.right)
        if self._is_pole:
            rounding = np.minimum(np.finfo(np.float64).eps * np.abs(numbers(self.left.args[0])), 1e-6)
            left = np.where(np.abs(left) <= rounding, 0.0, left)
        if self._is_rounded:  # within the rounding of its terms the point is on the edge: (0.6, 0.8) on the unit circle
            size = sum(np.abs(numbers(term)) for term in self.left.args) + np.abs(right)
            with np.errstate(invalid="ignore"):
                left = np.where(np.abs(left - right) <= np.finfo(np.float64).eps / 2.0 * size, right, left)
        with np.errstate(invalid="ignore"):
            return np.asarray(COMPARE[self.relation](left, right), dtype=np.bool_)

    @property
    def _is_rounded(self) -> bool:
        """Whether it is an inequality about a sum of terms that are themselves rounded."""
        if self.relation not in (">", ">=", "<", "<=") or not self.left.is_Add:
            return False
        return any((-term if term.could_extract_minus_sign() else term).args for term in self.left.args)

    @property
    def _is_pole(self) -> bool:
        return self.relation == "!=" and isinstance(self.left, sympy.sin | sympy.cos)


@dataclass(frozen=True)
class Domain:
    """Where a function is defined and where it is differentiable.

    Attributes
    ----------
    defined : tuple of Condition
        All must hold for the function to have a real value. A condition comes after those on which its sides depend.
    differentiable : tuple of Condition
        What must hold besides for the rules of differentiation to apply: ``x != 0`` for abs(x). Where one fails, the
        function usually has a kink or a vertical tangent; x*abs(x), which has neither, is among the exceptions. At an
        edge of the domain a one-sided derivative counts: x**(3/2) is differentiable at 0, sqrt(x) is not.

    Examples
    --------
    >>> from gdlearn.symbolic import SymbolicFunction
    >>> domain = SymbolicFunction("sqrt(1 - sqrt(x*y))").domain
    >>> print(domain)
    x*y >= 0 and 1 - sqrt(x*y) >= 0
    >>> domain.contains({"x": [1.0, 1.0, 0.0], "y": [0.5, -2.0, 3.0]})
    array([ True, False,  True])
    >>> domain.differentiable_at({"x": [1.0, 1.0, 0.0], "y": [0.5, -2.0, 3.0]})
    array([ True, False, False])
    >>> domain.violated({"x": 1.0, "y": -2.0}).reason
    'sqrt(x*y) needs x*y >= 0'
    """

    defined: tuple[Condition, ...]
    differentiable: tuple[Condition, ...]

    def __reduce__(self) -> Any:
        return type(self), (self.defined, self.differentiable)

    @property
    def is_empty(self) -> bool:
        """Whether two conditions, or one and the sign of its sides, are seen to exclude each other."""
        relations: dict[Any, set[str]] = {}
        for c in self.defined:
            relations.setdefault((c.left, c.right), set()).add(c.relation)
        signs = {
            ">": "is_nonpositive",
            ">=": "is_negative",
            "<": "is_nonnegative",
            "<=": "is_positive",
            "!=": "is_zero",
        }
        return any(found >= pair for found in relations.values() for pair in EXCLUSIVE) or any(
            c.relation in signs and bool(getattr(c.left - c.right, signs[c.relation])) for c in self.defined
        )

    def __str__(self) -> str:
        if self.is_empty:
            return "nowhere"
        parts = [f"({c})" if c.relation == "power" and len(self.defined) > 1 else str(c) for c in self.defined]
        return " and ".join(parts) or "everywhere"

    def latex(self) -> str:
        """The conditions in LaTeX, joined by ∧; empty if there are none."""
        return r" \;\wedge\; ".join(condition.latex() for condition in self.defined)

    def contains(self, values: Mapping[str, ArrayLike]) -> Bools:
        """Whether the function is defined, for each element of the values, which broadcast; never at NaN or inf.

        Raises
        ------
        ValueError
            If a variable that a condition needs has no value.
        """
        finite = [np.isfinite(np.asarray(value, dtype=np.float64)) for value in values.values()]
        numbers = self.numbers(values)
        holds = np.broadcast_arrays(*finite, *(condition.holds(numbers) for condition in self.defined), np.True_)
        result: Bools = np.logical_and.reduce(holds)
        return np.asarray(result)

    def differentiable_at(self, values: Mapping[str, ArrayLike]) -> Bools:
        """Whether the function is defined and differentiable, for each element of the values."""
        return self.where_differentiable().contains(values)

    def where_differentiable(self, by: Collection[str] | None = None) -> Domain:
        """Where the function is differentiable too, by all its variables or by some: a smaller domain."""
        needed = [
            c for c in self.differentiable if by is None or not c.variables or not (c.by or c.variables).isdisjoint(by)
        ]
        return Domain((*self.defined, *needed), ())

    def violated(self, values: Mapping[str, ArrayLike]) -> Condition | None:
        """The first condition that fails for some element, None if all hold."""
        numbers = self.numbers(values)
        return next((condition for condition in self.defined if not condition.holds(numbers).all()), None)

    def refusal(self, point: Mapping[str, float]) -> DomainError | None:
        """The error that says which condition fails at one point, and what was found there; None if all hold."""
        condition = self.violated(point)
        if condition is None:
            return None
        found = at(point.keys(), point.values())
        if not isinstance(condition.left, sympy.Symbol):
            value = float(self.numbers(point)(condition.left))
            met = condition.relation == "!=" and value != float(self.numbers(point)(condition.right))
            how = "is 0 within rounding" if met else f"= {value:.6g}"  # of a pole: tan at pi/2
            found = f"{text(condition.left)} {how} at {found}"
        return DomainError(f"{condition.reason}, and {found}.", condition)

    @cached_property
    def _program(self) -> Program:
        sides = [part for condition in self.defined for part in condition.parts()]
        return Program(sides, sorted(set().union(*(side.free_symbols for side in sides)), key=lambda s: str(s.name)))

    def numbers(self, values: Mapping[str, ArrayLike]) -> Numbers:
        """The values of the sides of its conditions, by expression."""
        missing = [symbol.name for symbol in self._program.variables if symbol.name not in values]
        if missing:
            raise ValueError(f"variable {missing[0]} has no value; values were given for {sorted(values)}.")
        return self._program.numbers([np.asarray(values[s.name], dtype=np.float64) for s in self._program.variables])
