r"""Where a function is defined, and where it is differentiable: conditions collected from what was typed.

Every part that is not defined for all real arguments claims something of them; the domain is where all claims hold. A
condition compares two expressions, so that it can be shown, and evaluated on arrays.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy
from numpy.typing import ArrayLike, NDArray

from ._expression import parts
from ._functions import FUNCTIONS, Claim, cbrt
from ._numbers import Array, Program
from ._parser import Node
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

IMPLIED = {">": {">", ">=", "!="}, "<": {"<", "<=", "!="}}
"""The relations that follow from a stricter one between the same expressions."""

FLIPPED = {">": "<", ">=": "<=", "<": ">", "<=": ">=", "!=": "!="}

SIGNS = {">": "positive", ">=": "nonnegative", "<": "negative", "<=": "nonpositive", "!=": "nonzero"}
"""What a relation to 0 says, in SymPy's words."""


class DomainError(ValueError):
    """A function or its gradient is not defined where it was asked for; the message names the condition."""


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

    def parts(self) -> list[Any]:
        """The expressions whose values decide it."""
        return [self.left, self.right, *(self.left.args if self._is_pole else ())]

    def holds(self, numbers: Numbers) -> Bools:
        """Whether it holds, elementwise; not where a side is NaN. sin u and cos u are 0 within the rounding of u."""
        left, right = numbers(self.left), numbers(self.right)
        if self._is_pole:
            rounding = np.finfo(np.float64).eps * np.abs(numbers(self.left.args[0]))
            left = np.where(np.abs(left) <= rounding, 0.0, left)
        with np.errstate(invalid="ignore"):
            return np.asarray(COMPARE[self.relation](left, right), dtype=np.bool_)

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

    def __str__(self) -> str:
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
        return self._all(self.defined, values)

    def differentiable_at(self, values: Mapping[str, ArrayLike]) -> Bools:
        """Whether the function is defined and differentiable, for each element of the values."""
        return self._all(self.defined + self.differentiable, values)

    def violated(self, values: Mapping[str, ArrayLike], *, differentiable: bool = False) -> Condition | None:
        """The first condition that fails for some element; with ``differentiable=True`` of those too."""
        numbers = self._numbers(values)
        checked = self.defined + (self.differentiable if differentiable else ())
        return next((condition for condition in checked if not condition.holds(numbers).all()), None)

    def explain(self, point: Mapping[str, float], *, differentiable: bool = False) -> str | None:
        """A sentence that says which condition fails at one point, and what was found there; None if none does."""
        condition = self.violated(point, differentiable=differentiable)
        if condition is None:
            return None
        where = ", ".join(f"{name} = {value:.6g}" for name, value in point.items())
        if isinstance(condition.left, sympy.Symbol):
            found = where
        else:
            found = f"{text(condition.left)} = {float(self._numbers(point)(condition.left)):.6g} at {where}"
        return f"{condition.reason}, and {found}."

    def _all(self, checked: tuple[Condition, ...], values: Mapping[str, ArrayLike]) -> Bools:
        finite = [np.isfinite(np.asarray(value, dtype=np.float64)) for value in values.values()]
        numbers = self._numbers(values)
        holds = np.broadcast_arrays(*finite, *(condition.holds(numbers) for condition in checked), np.True_)
        result: Bools = np.logical_and.reduce(holds)
        return np.asarray(result)

    @cached_property
    def _program(self) -> Program:
        sides = [part for condition in self.defined + self.differentiable for part in condition.parts()]
        return Program(sides, sorted(set().union(*(side.free_symbols for side in sides)), key=lambda s: str(s.name)))

    def _numbers(self, values: Mapping[str, ArrayLike]) -> Numbers:
        missing = [symbol.name for symbol in self._program.variables if symbol.name not in values]
        if missing:
            raise ValueError(f"variable {missing[0]} has no value; values were given for {sorted(values)}.")
        return self._program.numbers([np.asarray(values[s.name], dtype=np.float64) for s in self._program.variables])


def domain_of(tree: Node, typed: str) -> Domain:
    r"""The domain of what was typed, as conditions.

    Powers are real powers: :math:`u^q` with q not whole needs :math:`u \ge 0`, and :math:`u > 0` if q < 0; with a
    variable exponent see `Condition`.

    Parameters
    ----------
    tree : Node
    typed : str
        What it was read from.

    Returns
    -------
    Domain
        Conditions that always hold are left out as far as the signs of their parts show it; of two between the same
        expressions the stricter is kept.
    """
    defined: list[Condition] = []
    differentiable: list[Condition] = []
    real = _Real()
    for node, _, children in parts(tree, typed):
        if node.value is not None:
            continue
        for what, needs, smooth in _claims(node, children):
            for found, claims, verb in (defined, needs, "needs"), (differentiable, smooth, "is differentiable for"):
                for claim in claims:
                    reason = f"{what} {verb} {Condition(*claim, '')}"
                    for left, relation, right in _normalised(*claim):
                        condition = Condition(left, relation, right, reason)
                        if not real.proves(condition):
                            _merge(found, condition)
    known = {(c.left, relation, c.right) for c in defined for relation in IMPLIED.get(c.relation, {c.relation})}
    extra = [c for c in differentiable if (c.left, c.relation, c.right) not in known]
    return Domain(tuple(defined), tuple(extra))


def _claims(node: Node, children: list[Any]) -> Iterator[tuple[str, list[Claim], list[Claim]]]:
    """What a part needs to be defined, and besides to be differentiable, with its text."""
    if node.kind == "product":
        for sign, divisor, u in zip(node.head, node.children, children, strict=True):
            if sign == "/" and divisor.value is None:
                whole = divisor.kind in ("name", "call")
                yield f"1/{divisor}" if whole else f"1/({divisor})", [(u, "!=", 0)], []
    elif node.kind == "power":
        yield str(node), *_power(children[0], children[1], node.children[1].value)
    elif node.kind == "call" and node.head in ("max", "min"):
        yield str(node), [], _ties(FUNCTIONS[node.head].build, sorted(children, key=lambda u: u.is_number is True))
    elif node.kind == "call":
        callee = FUNCTIONS[node.head]
        yield str(node), callee.defined(children[0]), callee.differentiable(children[0])


def _ties(extremum: Any, values: list[sympy.Expr]) -> list[Claim]:
    """Each value differs from the largest of the others; the last needs no claim, for a tie has two members."""
    claims: list[Claim] = []
    for i, value in enumerate(values[:-1]):
        others = values[:i] + values[i + 1 :]
        claims.append((value, "!=", extremum(*others) if len(others) > 1 else others[0]))
    return claims


def _power(u: sympy.Expr, v: sympy.Expr, exponent: float | None) -> tuple[list[Claim], list[Claim]]:
    if exponent is None:
        return ([], []) if u.is_positive else ([(u, "power", v)], [(u, ">", 0)])
    if exponent.is_integer():
        return [(u, "!=", 0)] if exponent < 0 else [], []
    return [(u, ">=" if exponent > 0 else ">", 0)], [(u, ">", 0)] if 0 < exponent < 1 else []


def _normalised(left: sympy.Expr, relation: str, right: Any) -> Iterator[Claim]:
    """The same claim about simpler expressions: 2xy != 0 is x != 0 and y != 0, -x > 0 is x < 0."""
    right = sympy.sympify(right)
    if right.is_zero and isinstance(left, sympy.Abs) and relation in (">", "!="):
        yield from _normalised(left.args[0], "!=", 0)
    elif right.is_zero and relation == "!=" and isinstance(left, sympy.Mul | sympy.Pow | sympy.sign | cbrt):
        for factor in left.args if isinstance(left, sympy.Mul) else left.args[:1]:
            yield from _normalised(factor, "!=", 0)
    elif right.is_zero and relation in FLIPPED and isinstance(left, sympy.Mul) and left.args[0].is_Rational:
        number, rest = left.as_coeff_Mul()
        yield from _normalised(rest, FLIPPED[relation] if number < 0 else relation, 0)
    elif right.is_zero and relation == "!=" and left.could_extract_minus_sign():
        yield -left, "!=", right
    else:
        yield left, relation, right


def _merge(found: list[Condition], new: Condition) -> None:
    """Add a condition; two between the same expressions become the stricter that says both, if there is one."""
    for i, old in enumerate(found):
        if (old.left, old.right) == (new.left, new.right):
            both = {old.relation, new.relation}
            if len(both) == 1:
                return
            relation = next((strict for strict, weaker in IMPLIED.items() if both <= weaker), None)
            if relation:
                reasons = {c.relation: c.reason for c in (old, new)}
                reason = reasons.get(relation, f"{old.reason}; {new.reason}")
                found[i] = Condition(new.left, relation, new.right, reason)
                return
    found.append(new)


class _Real:
    """Cheap proofs by the signs of parts, all of them real, as they are inside the domain."""

    def __init__(self) -> None:
        self._stand_ins: dict[sympy.Basic, sympy.Basic] = {}

    def proves(self, condition: Condition) -> bool:
        if not (condition.left.free_symbols or condition.right.free_symbols):
            return bool(condition.holds(Program(condition.parts(), []).numbers([])))
        if condition.relation == "power":
            return bool(self.stand_in(condition.left).is_positive)
        if isinstance(condition.left, sympy.Abs) and isinstance(condition.left.args[0], sympy.sin | sympy.cos):
            return condition.relation == "<=" and condition.right == 1
        difference = self.stand_in(condition.left - condition.right)
        return bool(getattr(difference, f"is_{SIGNS[condition.relation]}"))

    def stand_in(self, u: sympy.Basic) -> sympy.Basic:
        """A real symbol with the sign of u, as far as it follows from the signs of u's parts; atoms stay."""
        if not u.args:
            return u
        if u not in self._stand_ins:
            self._stand_ins[u] = sympy.Dummy(real=True, **self._signs(u))
        return self._stand_ins[u]

    def _signs(self, u: sympy.Basic) -> dict[str, bool]:
        arguments = [self.stand_in(argument) for argument in u.args]
        if isinstance(u, sympy.Max | sympy.Min):  # SymPy would compare every pair
            above, below = ["positive", "nonnegative"], ["negative", "nonpositive"]
            by_one, by_all = (above, below) if isinstance(u, sympy.Max) else (below, above)
            known = [sign for sign in by_one if any(getattr(a, f"is_{sign}") for a in arguments)]
            known += [sign for sign in by_all if all(getattr(a, f"is_{sign}") for a in arguments)]
            return dict.fromkeys(known, True)
        made = u.func(*arguments)
        known = [sign for sign in SIGNS.values() if getattr(made, f"is_{sign}")]
        if isinstance(u, sympy.Pow | sympy.acos | sympy.acosh) and not made.is_real:
            known.append("nonnegative")  # sqrt(x)
        return dict.fromkeys(known, True)
