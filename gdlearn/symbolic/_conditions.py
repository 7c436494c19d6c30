"""From what was typed to its domain: every part that is not defined for all reals claims something of its arguments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import sympy

from ._domain import Domain
from ._expression import Part, as_typed
from ._functions import FUNCTIONS, Claim, cbrt
from ._numbers import Program
from ._relations import Condition, value_at_zero
from ._tree import Node

IMPLIED = {">": {">", ">=", "!="}, "<": {"<", "<=", "!="}, "=": {"=", ">=", "<="}}
"""The relations that follow from a stricter one between the same expressions."""

FLIPPED = {">": "<", ">=": "<=", "<": ">", "<=": ">=", "!=": "!=", "=": "="}

SIGNS = {">": "positive", ">=": "nonnegative", "<": "negative", "<=": "nonpositive", "!=": "nonzero", "=": "zero"}
"""What a relation to 0 says, in SymPy's words."""


def domain_of(parts: Iterable[Part]) -> Domain:
    r"""The domain of what was typed, as conditions.

    Powers are real powers: :math:`u^q` with q not whole needs :math:`u \ge 0`, and :math:`u > 0` if q < 0; with a
    variable exponent see `Condition`.

    Parameters
    ----------
    parts : iterable of Part
        The parts of a tree, children first.

    Returns
    -------
    Domain
        Conditions that always hold are left out as far as the signs of their parts show it; of two between the same
        expressions the stricter is kept.
    """
    defined: list[Condition] = []
    differentiable: list[Condition] = []
    parts = list(parts)
    notation = as_typed(parts)
    real = _Real()
    expression, is_thin = None, False
    for node, built, children in parts:
        expression = built
        exponent = children[1].free_symbols if node.kind == "power" and len(children) == 2 else set()
        by = frozenset(symbol.name for symbol in exponent)
        if node.value is not None:
            continue
        is_thin = is_thin or _is_thin(node, children)
        for what, needs, smooth in _claims(node, children):
            for found, claims, verb in (defined, needs, "needs"), (differentiable, smooth, "is differentiable for"):
                for claim in claims:
                    reason = f"{what} {verb} {Condition(*claim, '', notation=notation)}"
                    for left, relation, right in _normalised(*claim):
                        whose = by if claims is smooth else frozenset()
                        condition = Condition(left, relation, right, reason, whose, notation)
                        if not real.proves(condition):
                            _merge(found, condition)
    if expression is not None and not (is_thin or _is_rough(expression)):  # abs(x)**2 is x**2, sqrt(x**4) is x**2
        differentiable = []
    known = {(c.left, relation, c.right) for c in defined for relation in IMPLIED.get(c.relation, {c.relation})}
    extra = [c for c in differentiable if (c.left, c.relation, c.right) not in known]
    return Domain(tuple(defined), tuple(extra))


def _is_rough(expression: sympy.Expr) -> bool:
    """Whether anything in a function, as SymPy has simplified it, has a kink or a vertical tangent."""
    kinds = (sympy.Abs, sympy.sign, sympy.Max, sympy.Min, cbrt, sympy.asin, sympy.acos, sympy.acosh)
    return expression.has(*kinds) or any(not power.exp.is_Integer for power in expression.atoms(sympy.Pow))


def _is_thin(node: Node, children: list[Any]) -> bool:
    """Whether it is a root that is real at the zeros of its base alone, with no point beside them: sqrt(-x**2)."""
    is_root = node.head == "sqrt" or (node.kind == "power" and not children[1].is_integer)
    return bool(is_root and children[0].is_nonpositive and not children[0].is_zero)


def _claims(node: Node, children: list[Any]) -> Iterator[tuple[str, list[Claim], list[Claim]]]:
    """What a part needs to be defined, and besides to be differentiable, with its text."""
    if node.kind == "product":
        for sign, divisor, u in zip(node.head, node.children, children, strict=True):
            if sign == "/" and divisor.value is None:
                whole = divisor.kind in ("name", "call")
                yield f"1/{divisor}" if whole else f"1/({divisor})", [(u, "!=", sympy.S.Zero)], []
    elif node.kind == "power":
        yield str(node), *_power(*children)
    elif node.kind == "call" and node.head in ("max", "min"):
        yield str(node), [], _ties(FUNCTIONS[node.head].build, sorted(children, key=lambda u: u.is_number is True))
    elif node.kind == "call":
        callee = FUNCTIONS[node.head]
        yield str(node), callee.defined(children[0]), callee.differentiable(children[0])


def _ties(extremum: Any, values: list[sympy.Expr]) -> list[Claim]:
    """Each value differs from the largest of the others; the last needs no claim, for a tie has two members."""
    numbers = [value for value in values if value.is_Rational]
    values = list(dict.fromkeys(value for value in values if value not in numbers))
    if numbers:
        values.append(extremum(*numbers).doit())
    claims: list[Claim] = []
    for i, value in enumerate(values[:-1]):
        others = values[:i] + values[i + 1 :]
        claims.append((value, "!=", extremum(*others) if len(others) > 1 else others[0]))
    return claims


def _power(u: sympy.Expr, v: sympy.Expr) -> tuple[list[Claim], list[Claim]]:
    if v.free_symbols:
        return ([], []) if u.is_positive else ([(u, "power", v)], [(u, ">", sympy.S.Zero)])
    exponent = float(Program([v], [])([])[0])
    if v.is_integer or (not v.is_Rational and exponent.is_integer()):
        return [(u, "!=", sympy.S.Zero)] if exponent < 0 else [], []
    return [(u, ">=" if exponent > 0 else ">", sympy.S.Zero)], [
        (u, ">", sympy.S.Zero)
    ] if 0 < exponent < 1 or u.is_nonpositive else []


def _normalised(left: sympy.Expr, relation: str, right: Any) -> Iterator[Claim]:
    """The same claim about simpler expressions: 2xy != 0 is x != 0 and y != 0, -x > 0 is x < 0."""
    is_power = isinstance(left, sympy.Pow) and bool(left.exp.is_Integer) and left.exp > 0
    is_even = isinstance(left, sympy.Abs) or (is_power and left.exp % 2 == 0)
    if right.is_zero and is_even and relation in (">", "!=", "<=", "="):
        yield from _normalised(left.args[0], "!=" if relation in (">", "!=") else "=", right)
    elif right.is_zero and is_power and not is_even and relation != "power":
        yield from _normalised(left.args[0], relation, right)
    elif right.is_zero and relation == "!=" and _vanishes_with_its_parts(left):
        for factor in left.args if isinstance(left, sympy.Mul) else left.args[:1]:
            yield from _normalised(factor, "!=", right)
    elif right.is_zero and relation in FLIPPED and isinstance(left, sympy.Mul) and left.args[0].is_Rational:
        number, rest = left.as_coeff_Mul()
        yield from _normalised(rest, FLIPPED[relation] if number < 0 else relation, right)
    else:
        yield left, relation, right


def _vanishes_with_its_parts(u: sympy.Expr) -> bool:
    """Whether u is 0 where one of its factors, its base or its argument is, and nowhere else."""
    return isinstance(u, sympy.Mul | sympy.sign | cbrt) or (isinstance(u, sympy.Pow) and u.exp.is_number)


def _merge(found: list[Condition], new: Condition) -> None:
    """Add a condition; two between the same expressions become the stricter that says both, if there is one."""
    for i, old in enumerate(found):
        if new.right.is_zero and old.right.is_zero and old.left == -new.left and new.relation in FLIPPED:
            if old.relation == "!=":
                old = replace(old, left=new.left)
            else:
                new = replace(new, left=old.left, relation=FLIPPED[new.relation])
        if (old.left, old.right) == (new.left, new.right):
            both = {old.relation, new.relation}
            if len(both) == 1:
                return
            relation = next((strict for strict, weaker in IMPLIED.items() if both <= weaker), None)
            if relation:
                reasons = {c.relation: c.reason for c in (old, new)}
                reason = reasons.get(relation, f"{old.reason}; {new.reason}")
                found[i] = Condition(new.left, relation, new.right, reason, notation=new.notation)
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
            u = self.stand_in(condition.left)
            at_zero = value_at_zero(condition.left, condition.right)
            return bool(u.is_positive or (u.is_nonnegative and at_zero.is_nonnegative))
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
        is_root = isinstance(u, sympy.Pow) and u.exp.is_Rational and not u.exp.is_Integer
        if is_root or isinstance(u, sympy.acos | sympy.acosh):
            known.append("nonnegative")  # wherever it is real
        return dict.fromkeys(known, True)
