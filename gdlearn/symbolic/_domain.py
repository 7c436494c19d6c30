r"""Where a function is defined, and where it is differentiable: conditions collected from its expression.

Every node that is not defined for all real arguments contributes conditions on them; the domain is where all hold. A
condition compares two subexpressions, so that it can be shown, and evaluated on arrays.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from ._evaluate import Evaluator, Values
from ._text import latex, text

Bools = NDArray[np.bool_]
Claim = tuple[sympy.Expr, str, Any]

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

EVERYWHERE = {
    *(sympy.Add, sympy.Mul, sympy.exp, sympy.sin, sympy.cos, sympy.atan, sympy.sinh, sympy.cosh, sympy.tanh),
    *(sympy.sech, sympy.asinh, sympy.erf, sympy.erfc),
}
"""Nodes that are defined and differentiable for all real arguments."""

DEFINED: dict[Any, Callable[[Any], list[Claim]]] = {
    sympy.log: lambda u: [(u, ">", 0)],
    sympy.tan: lambda u: [(sympy.cos(u), "!=", 0)],
    sympy.sec: lambda u: [(sympy.cos(u), "!=", 0)],
    sympy.cot: lambda u: [(sympy.sin(u), "!=", 0)],
    sympy.csc: lambda u: [(sympy.sin(u), "!=", 0)],
    sympy.asin: lambda u: [(sympy.Abs(u), "<=", 1)],
    sympy.acos: lambda u: [(sympy.Abs(u), "<=", 1)],
    sympy.asec: lambda u: [(sympy.Abs(u), ">=", 1)],
    sympy.acsc: lambda u: [(sympy.Abs(u), ">=", 1)],
    sympy.coth: lambda u: [(u, "!=", 0)],
    sympy.csch: lambda u: [(u, "!=", 0)],
    sympy.acosh: lambda u: [(u, ">=", 1)],
    sympy.atanh: lambda u: [(sympy.Abs(u), "<", 1)],
    sympy.acoth: lambda u: [(sympy.Abs(u), ">", 1)],
    sympy.asech: lambda u: [(u, ">", 0), (u, "<=", 1)],
    sympy.acsch: lambda u: [(u, "!=", 0)],
}
"""What a function needs of its argument to be defined."""

DIFFERENTIABLE: dict[Any, Callable[[Any], list[Claim]]] = {
    sympy.Abs: lambda u: [(u, "!=", 0)],
    sympy.sign: lambda u: [(u, "!=", 0)],
    sympy.acot: lambda u: [(u, "!=", 0)],
    sympy.asin: lambda u: [(sympy.Abs(u), "<", 1)],
    sympy.acos: lambda u: [(sympy.Abs(u), "<", 1)],
    sympy.asec: lambda u: [(sympy.Abs(u), ">", 1)],
    sympy.acsc: lambda u: [(sympy.Abs(u), ">", 1)],
    sympy.acosh: lambda u: [(u, ">", 1)],
    sympy.asech: lambda u: [(u, "<", 1)],
}
"""What a function needs of its argument besides, to be differentiable."""


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
    >>> import sympy
    >>> x = sympy.Symbol("x", real=True)
    >>> print(conditions(sympy.log(x - 1)).defined[0])
    x - 1 > 0
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

    def holds(self, evaluate: Evaluator) -> Bools:
        """Whether it holds, elementwise; not where a side is NaN. sin u and cos u are 0 within the rounding of u."""
        left, right = evaluate(self.left), evaluate(self.right)
        if self.relation == "!=" and isinstance(self.left, sympy.sin | sympy.cos):
            rounding = np.finfo(np.float64).eps * np.abs(evaluate(self.left.args[0]))
            left = np.where(np.abs(left) <= rounding, 0.0, left)
        return np.asarray(COMPARE[self.relation](left, right), dtype=np.bool_)


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
    >>> import sympy
    >>> x, y = sympy.symbols("x y", real=True)
    >>> domain = conditions(sympy.sqrt(1 - sympy.sqrt(x * y)))
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

    def contains(self, values: Values) -> Bools:
        """Whether the function is defined, for each element of the values, which broadcast; never at NaN or inf.

        Raises
        ------
        ValueError
            If a variable that a condition needs has no value.
        """
        return self._all(self.defined, values)

    def differentiable_at(self, values: Values) -> Bools:
        """Whether the function is defined and differentiable, for each element of the values."""
        return self._all(self.defined + self.differentiable, values)

    def violated(self, values: Values, *, differentiable: bool = False) -> Condition | None:
        """The first condition that fails for some element; with ``differentiable=True`` of those too."""
        evaluate = Evaluator(values)
        checked = self.defined + (self.differentiable if differentiable else ())
        return next((condition for condition in checked if not condition.holds(evaluate).all()), None)

    def _all(self, checked: tuple[Condition, ...], values: Values) -> Bools:
        evaluate = Evaluator(values)
        finite = [np.isfinite(value) for value in evaluate.values.values()]
        parts = np.broadcast_arrays(*finite, *(condition.holds(evaluate) for condition in checked), np.True_)
        result: Bools = np.logical_and.reduce(parts)
        return np.asarray(result)


def conditions(expression: sympy.Expr) -> Domain:
    r"""The domain of an expression of real variables, as conditions.

    Powers are real powers: :math:`u^q` with q not whole needs :math:`u \ge 0`, and :math:`u > 0` if q < 0; with a
    variable exponent see `Condition`. What SymPy has cancelled while the expression was built is not seen: x/x is 1.

    Parameters
    ----------
    expression : sympy.Expr
        f, of real symbols, evaluated or not.

    Returns
    -------
    Domain
        Conditions that always hold are left out as far as the signs of their parts show it; of two between the same
        expressions the stricter is kept.

    Raises
    ------
    ValueError
        If the expression contains a function whose domain is not in the table.

    Examples
    --------
    >>> import sympy
    >>> x, y = sympy.symbols("x y", real=True)
    >>> print(conditions(sympy.log(1 - x**2 - y**2) / (x**2 + 1)))
    -x**2 - y**2 + 1 > 0
    >>> [str(condition) for condition in conditions(sympy.sqrt(abs(x - y))).differentiable]
    ['x - y != 0']
    """
    defined: list[Condition] = []
    differentiable: list[Condition] = []
    real = _Real()
    for node in dict.fromkeys(sympy.postorder_traversal(expression)):
        needs, smooth = _claims(node)
        for found, claims, verb in (defined, needs, "needs"), (differentiable, smooth, "is differentiable for"):
            for claim in claims:
                reason = f"{text(node)} {verb} {Condition(*claim, '')}"
                for left, relation, right in _normalised(*claim):
                    condition = Condition(left, relation, right, reason)
                    if not real.proves(condition):
                        _merge(found, condition)
    known = {(c.left, relation, c.right) for c in defined for relation in IMPLIED.get(c.relation, {c.relation})}
    extra = [c for c in differentiable if (c.left, c.relation, c.right) not in known]
    return Domain(tuple(defined), tuple(extra))


def _claims(node: sympy.Basic) -> tuple[list[Claim], list[Claim]]:
    """What one node needs to be defined, and besides to be differentiable."""
    if isinstance(node, sympy.Symbol | sympy.Rational | sympy.Float | sympy.NumberSymbol) or node.func in EVERYWHERE:
        return [], []
    if isinstance(node, sympy.Pow):
        return _power(*node.args)
    if isinstance(node, sympy.Max | sympy.Min):
        return [], _ties(node.func, sorted(node.args, key=lambda argument: argument.is_number is True))
    if (node.func in DEFINED or node.func in DIFFERENTIABLE) and len(node.args) == 1:
        table = [DEFINED.get(node.func), DIFFERENTIABLE.get(node.func)]
        first, second = [claims(node.args[0]) if claims else [] for claims in table]
        return first, second
    raise ValueError(f"the domain of {node.func.__name__} is not known")


def _ties(extremum: Any, values: list[sympy.Expr]) -> list[Claim]:
    """Each value differs from the largest of the others; the last needs no claim, for a tie has two members."""
    claims: list[Claim] = []
    for i, value in enumerate(values[:-1]):
        others = values[:i] + values[i + 1 :]
        claims.append((value, "!=", extremum(*others, evaluate=False) if len(others) > 1 else others[0]))
    return claims


def _power(u: sympy.Expr, v: sympy.Expr) -> tuple[list[Claim], list[Claim]]:
    if v.free_symbols:
        return ([], []) if u.is_positive else ([(u, "power", v)], [(u, ">", 0)])
    exponent = float(v)
    if exponent.is_integer():
        return [(u, "!=", 0)] if exponent < 0 else [], []
    return [(u, ">=" if exponent > 0 else ">", 0)], [(u, ">", 0)] if 0 < exponent < 1 else []


def _normalised(left: sympy.Expr, relation: str, right: Any) -> Iterator[Claim]:
    """The same claim about simpler expressions: 2xy != 0 is x != 0 and y != 0, -x > 0 is x < 0."""
    right = sympy.sympify(right)
    if right.is_zero and isinstance(left, sympy.Abs) and relation in (">", "!="):
        yield from _normalised(left.args[0], "!=", 0)
    elif right.is_zero and relation == "!=" and isinstance(left, sympy.Mul | sympy.Pow | sympy.sign):
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
            return bool(condition.holds(Evaluator({})))
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
            made = u.func(*map(self.stand_in, u.args))
            known = {sign: True for sign in SIGNS.values() if getattr(made, f"is_{sign}")}
            if isinstance(u, sympy.Pow | sympy.acos | sympy.acosh) and not made.is_real:
                known["nonnegative"] = True  # sqrt(x)
            self._stand_ins[u] = sympy.Dummy(real=True, **known)
        return self._stand_ins[u]
