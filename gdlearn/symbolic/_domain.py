"""Where a function is defined, and where it is differentiable: conditions that are decided at points."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy
from numpy.typing import ArrayLike

from .._arrays import Array
from .._points import DomainError, at
from ._nearby import Nearby
from ._numbers import Program
from ._precise import PreciseProgram
from ._relations import Bools, Condition, Numbers
from ._rounding import BoundedProgram
from ._values import MOST_POINTS, on_arrays

CLEAR = 4.0
"""Sides that differ by more than this many times the bound of their errors are told apart by float64."""

EXCLUSIVE = ({">", "<"}, {">", "<="}, {">=", "<"}, {"=", ">"}, {"=", "<"}, {"=", "!="})
"""Relations that no two numbers fulfil together."""


@dataclass(frozen=True)
class Domain:
    """Where a function is defined and where it is differentiable.

    Attributes
    ----------
    defined : tuple of Condition
        All must hold for the function to have a real value. A condition comes after those on which its sides depend.
    differentiable : tuple of Condition
        What must hold besides for the rules of differentiation to apply: ``x != 0`` for abs(x). Where one fails, a
        part of the function has a kink or a vertical tangent, and usually the function too; x*abs(x), which has the
        derivative 0 at 0, is among the exceptions that ``gradient_at`` knows. At an edge of the domain a one-sided
        derivative counts: x**(3/2) is differentiable at 0, sqrt(x) is not.

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
            "=": "is_nonzero",
        }
        return any(found >= pair for found in relations.values() for pair in EXCLUSIVE) or any(
            c.relation in signs and bool(getattr(c.left - c.right, signs[c.relation])) for c in self.defined
        )

    def __str__(self) -> str:
        if self.is_empty:
            return "nowhere"
        parts = [f"({c})" if len(c.clauses()) > 1 and len(self.defined) > 1 else str(c) for c in self.defined]
        return " and ".join(parts) or "everywhere"

    def latex(self) -> str:
        """The conditions in LaTeX, joined by ∧; empty if there are none."""
        shown = [(condition.latex(), len(condition.clauses()) > 1) for condition in self.defined]
        in_brackets = (f"({one})" if several and len(shown) > 1 else one for one, several in shown)
        return r" \;\wedge\; ".join(in_brackets)

    def contains(self, values: Mapping[str, ArrayLike]) -> Bools:
        """Whether the function is defined, for each element of the values, which broadcast; never at NaN or inf.

        Raises
        ------
        ValueError
            If a variable that a condition needs has no value.
        """
        finite = [np.isfinite(np.asarray(value, dtype=np.float64)) for value in values.values()]
        holds = np.broadcast_arrays(*finite, *self._held(values), np.True_)
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

    def holds_exactly(self, point: Mapping[str, Any]) -> bool:
        """Whether a point, of numbers in many digits, is inside, with no regard to rounding."""
        nearby = Nearby(self._precise, [point[symbol.name] for symbol in self._program.variables])
        for c in self.defined:
            is_power = c.relation == "power"
            sign = nearby.compare(
                self._program.place(c.left), None if is_power else self._program.place(c.right), within_rounding=False
            )
            if not (sign > 0 if is_power else c.compare(sign, 0.0)):
                return False
        return True

    def fails_by_ties(self, point: Mapping[str, float]) -> bool:
        """Whether the conditions for a derivative that fail at a point do so because their sides are equal there."""
        columns = [float(x) for x in self._columns(point)]
        nearby = Nearby(self._precise, columns)
        place = self._program.place
        return all(
            holds or c.is_pole or nearby.compare(place(c.left), place(c.right)) == 0.0
            for c, holds in zip(self.defined, self._held(point), strict=True)
        )

    def violated(self, values: Mapping[str, ArrayLike]) -> Condition | None:
        """The first condition that fails for some element, None if all hold."""
        held = self._held(values)
        return next((c for c, holds in zip(self.defined, held, strict=True) if not holds.all()), None)

    def refusal(self, point: Mapping[str, float]) -> DomainError | None:
        """The error that says which condition fails at one point, and what was found there; None if all hold."""
        condition = self.violated(point)
        if condition is None:
            return None
        found = at(point.keys(), point.values())
        if not isinstance(condition.left, sympy.Symbol):
            found = f"{condition.notation.text(condition.left)} {self._amount(condition, point)} at {found}"
        return DomainError(f"{condition.reason}, and {found}.", condition)

    def _amount(self, condition: Condition, point: Mapping[str, float]) -> str:
        """What the left side of a condition that fails at a point is there."""
        columns = [float(x) for x in self._columns(point)]
        left, right = self._program.place(condition.left), self._program.place(condition.right)
        value = float(self.numbers(point)(condition.left))
        if condition.relation != "power":
            sought = float(self.numbers(point)(condition.right))
            near = condition.is_pole or Nearby(self._precise, columns).compare(left, right) == 0.0
            if near:
                edge = condition.notation.text(condition.right)
                return f"= {sought:.6g}" if value == sought else f"is {edge} within rounding"
        ((exact, error),) = PreciseProgram(Program([condition.left], self._program.variables)).at(columns)
        return f"= {value if np.isnan(error) else exact:.6g}"

    @cached_property
    def _program(self) -> Program:
        sides = [part for condition in self.defined for part in condition.parts()]
        return Program(sides, sorted(set().union(*(side.free_symbols for side in sides)), key=lambda s: str(s.name)))

    def numbers(self, values: Mapping[str, ArrayLike]) -> Numbers:
        """The values of the sides of its conditions, by expression."""
        return self._program.numbers(self._columns(values))

    def _columns(self, values: Mapping[str, ArrayLike]) -> list[Array]:
        missing = [symbol.name for symbol in self._program.variables if symbol.name not in values]
        if missing:
            raise ValueError(f"variable {missing[0]} has no value; values were given for {sorted(values)}.")
        return [np.asarray(values[s.name], dtype=np.float64) for s in self._program.variables]

    @cached_property
    def _bounded(self) -> BoundedProgram:
        return on_arrays(self._program)

    @cached_property
    def _precise(self) -> PreciseProgram:
        return PreciseProgram(self._program)

    def _held(self, values: Mapping[str, ArrayLike]) -> list[Bools]:
        """Whether each condition holds, in more digits where float64 leaves doubt."""
        columns = self._columns(values)
        with np.errstate(all="ignore"):
            found, errors = self._bounded.run(columns)
        held = []
        for condition in self.defined:
            holds = condition.holds(lambda expression: found[self._program.place(expression)])
            if not condition.is_pole:
                holds = self._look_again(condition, holds, found, errors, columns)
            held.append(holds)
        return held

    def _look_again(
        self, condition: Condition, holds: Bools, found: list[Any], errors: list[Any], columns: list[Array]
    ) -> Bools:
        left, right = (self._program.place(side) for side in (condition.left, condition.right))
        is_power = condition.relation == "power"
        with np.errstate(all="ignore"):
            gap = np.abs(found[left] - (0.0 if is_power else found[right]))
            error = errors[left] + (0.0 if is_power else errors[right])
            doubtful = ~(gap > CLEAR * error) & (error != 0)
            doubtful &= np.logical_and.reduce(np.broadcast_arrays(*map(np.isfinite, columns), True))
        if not np.any(doubtful):
            return holds
        *columns, exponents, doubtful, holds = np.broadcast_arrays(*columns, found[right], doubtful, holds)
        holds = np.array(holds)
        for place in map(tuple, np.argwhere(doubtful)[:MOST_POINTS]):
            nearby = Nearby(self._precise, [float(column[place]) for column in columns])
            strays = condition.relation == "!=" and bool(holds[place])  # at most 0 within the rounding of its terms
            sign = nearby.compare(left, None if is_power else right, within_rounding=not strays)
            if not np.isnan(sign):
                holds[place] = condition.compare(sign, exponents[place] if is_power else 0.0)
        return holds
