r"""Partial derivatives step by step: one rule of the textbook at a time, each with what it turned into what.

A step rewrites :math:`\partial u/\partial x` of one subexpression u by the derivatives of u's parts, so that the
number of steps is that of the different subexpressions. Steps come in an order in which replacing `before` by `after`,
one step after another, leads from :math:`\partial f/\partial x` to its simplified form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, count
from typing import Any, NamedTuple

import sympy

from ._functions import Choice, real_sign
from ._text import SYMPYS, Notation, Partial
from ._tidy import arranged, is_reciprocal, tidy

Uses = tuple[tuple[sympy.Expr, sympy.Expr], ...]


class Rewrite(NamedTuple):
    """A rule's name, what it makes of the derivative, the parts still to be differentiated, and what it used."""

    rule: str
    after: sympy.Expr
    parts: Sequence[sympy.Expr] = ()
    uses: Uses = ()


@dataclass(frozen=True)
class Step:
    r"""One rule applied once: before = after.

    Attributes
    ----------
    rule : str
        In words: "linearity: sum", "linearity: constant factor", "product rule", "quotient rule", "power rule",
        "chain rule", "table entry", "logarithmic differentiation", "constant", "identity", "put together", "simplify".
    before, after : sympy.Expr
        What the rule was applied to and what it gave; `sympy.Derivative` stands for what is still to be differentiated.
    uses : tuple of pairs of sympy.Expr
        Of the chain rule, the two equations that it used: the inner function, u = ..., and the derivative of the outer.

    Examples
    --------
    >>> from gdlearn.symbolic import SymbolicFunction
    >>> step = SymbolicFunction("sin(x^2)").steps("x")[0]
    >>> print(step)
    chain rule with u = x**2, d/du[sin(u)] = cos(u): d/dx[sin(x**2)] = cos(x**2)*d/dx[x**2]
    >>> print(step.latex())
    \frac{d}{d x}\left[\sin{\left(x^{2} \right)}\right] = \cos{\left(x^{2} \right)} \frac{d}{d x}\left[x^{2}\right]
    """

    rule: str
    before: sympy.Expr
    after: sympy.Expr
    uses: Uses = ()
    notation: Notation = field(default=SYMPYS, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.reason()}: {self.equation()}"

    @property
    def changes_nothing(self) -> bool:
        """Whether before and after read the same, as where there was nothing to simplify."""
        return self.notation.text(self.before) == self.notation.text(self.after)

    def reason(self) -> str:
        """The rule, and what it used, in plain text."""
        used = ", ".join(f"{self.notation.text(left)} = {self.notation.text(right)}" for left, right in self.uses)
        return f"{self.rule} with {used}" if used else self.rule

    def reason_latex(self) -> str:
        """What the rule used, in LaTeX; empty where `rule` says all."""
        show = self.notation.latex
        return r", \quad ".join(f"{show(left)} = {show(right)}" for left, right in self.uses)

    def equation(self) -> str:
        """The equation before = after in plain text; of "simplify" what it gave alone."""
        return self._shown(self.notation.text)

    def latex(self) -> str:
        """The equation in LaTeX."""
        return self._shown(self.notation.latex)

    def _shown(self, show: Callable[[sympy.Basic], str]) -> str:
        after = show(self.after)
        return after if self.rule == "simplify" else f"{show(self.before)} = {after}"


def steps(
    expression: sympy.Expr, variable: sympy.Symbol, several: bool | None = None, notation: Notation | None = None
) -> list[Step]:
    r"""The partial derivative :math:`\partial f/\partial x`, rule by rule.

    Parameters
    ----------
    expression : sympy.Expr
        f, of real symbols, evaluated or not.
    variable : sympy.Symbol
        x, with respect to which f is differentiated.
    several : bool, optional
        Whether f is a function of several variables; by default it is if it has several symbols.
    notation : Notation, optional
        The order in which terms and factors are written.

    Returns
    -------
    list of Step
        The last is "simplify", and its `after` the partial derivative. It holds where f is differentiable: that of
        sign(u) is 0, and that of max(u, v) is the derivative of the larger.

    Raises
    ------
    ValueError
        If the expression contains a function whose derivative no rule gives.

    Examples
    --------
    >>> import sympy
    >>> x, y = sympy.symbols("x y", real=True)
    >>> for step in steps(x**2 * y + sympy.sin(x * y), x):
    ...     print(step)
    linearity: sum: ∂/∂x[x**2*y + sin(x*y)] = ∂/∂x[x**2*y] + ∂/∂x[sin(x*y)]
    linearity: constant factor: ∂/∂x[x**2*y] = y*∂/∂x[x**2]
    power rule: ∂/∂x[x**2] = 2*x
    chain rule with u = x*y, d/du[sin(u)] = cos(u): ∂/∂x[sin(x*y)] = cos(x*y)*∂/∂x[x*y]
    linearity: constant factor: ∂/∂x[x*y] = y*∂/∂x[x]
    identity: ∂/∂x[x] = 1
    put together: ∂/∂x[x**2*y + sin(x*y)] = y*2*x + cos(x*y)*y*1
    simplify: 2*x*y + y*cos(x*y)
    """
    several = len(expression.free_symbols | {variable}) > 1 if several is None else several
    if notation is None:
        notation = Notation(sorted(expression.free_symbols | {variable}, key=str))
    calculus = _Calculus(expression, variable, several, notation)
    done: list[Step] = []  # children before parents; reversed at the end
    partial: dict[sympy.Expr, sympy.Expr] = {}
    whole: dict[sympy.Expr, sympy.Expr] = {}  # the same, with nothing simplified

    def differentiate(part: sympy.Expr) -> None:
        rule, after, parts, uses = calculus.rewrite(part)
        for inner in reversed(parts):
            if inner not in partial:
                differentiate(inner)
        derivatives = {calculus.derivative(inner): inner for inner in parts}
        partial[part] = _replaced(after, {d: partial[u] for d, u in derivatives.items()}, notation)
        whole[part] = _written_out(after, {d: whole[u] for d, u in derivatives.items()}, notation)
        done.append(Step(rule, calculus.derivative(part), after, uses, notation))

    differentiate(expression)
    total, found = partial[expression], [*reversed(done)]
    if len(found) > 1:
        found.append(Step("put together", found[0].before, whole[expression], (), notation))
    return [*found, Step("simplify", found[-1].after, tidy(total, notation), (), notation)]


def naming_constants(step: Step, constants: Iterable[str]) -> Step:
    """The step, its rule saying which letters it takes for constants."""
    if step.rule not in ("constant", "linearity: constant factor"):
        return step
    inner = set().union(*(part.expr.free_symbols for part in step.after.atoms(sympy.Derivative)))
    free = {symbol.name for symbol in step.before.expr.free_symbols - inner}
    held = [name for name in constants if name in free]
    return replace(step, rule=f"{step.rule}, {', '.join(held)} held constant") if held else step


Known = dict[sympy.Expr, sympy.Expr]


def _replaced(after: sympy.Expr, known: Known, notation: Notation) -> sympy.Expr:
    """What becomes of an expression once the derivatives in it are known."""
    if after in known or not after.has(sympy.Derivative):
        return known.get(after, after)
    if after.is_Add or after.is_Mul:
        args = [_replaced(arg, known, notation) for arg in notation.args(after)]
        return notation.sum(args) if after.is_Add else arranged(args, notation)
    return after.func(*(_replaced(arg, known, notation) for arg in after.args))


def _is_awkward(factor: sympy.Expr) -> bool:
    """Whether a product within another keeps its brackets: it starts with a minus or a fraction."""
    return not factor.as_coeff_Mul()[0].is_Integer or factor.could_extract_minus_sign()


def _written_out(after: sympy.Expr, known: Known, notation: Notation) -> sympy.Expr:
    """The same with nothing simplified: a sum with its zeros, a product with its ones."""
    if after in known or not after.has(sympy.Derivative):
        return known.get(after, after)
    if not (after.is_Add or after.is_Mul):
        return after.func(*(_written_out(arg, known, notation) for arg in after.args))
    args = [_written_out(arg, known, notation) for arg in notation.args(after)]
    flat: list[sympy.Expr] = []
    for i, arg in enumerate(args):
        is_open = i == 0 or after.is_Add or args[:i] == [-1] or not _is_awkward(arg)
        flat += notation.args(arg) if arg.func is after.func and is_open else [arg]
    return notation.keep(after.func(*flat, evaluate=False))


def _atan(u: sympy.Expr, notation: Notation) -> sympy.Expr:
    return 1 / notation.sum([sympy.S.One, u**2])


SLOPES: dict[Any, Callable[[Any, Notation], sympy.Expr]] = {
    sympy.tan: lambda u, notation: sympy.sec(u) ** 2,
    sympy.cot: lambda u, notation: -(sympy.csc(u) ** 2),
    sympy.sec: lambda u, notation: notation.product([sympy.sec(u), sympy.tan(u)]),
    sympy.csc: lambda u, notation: notation.product([sympy.S.NegativeOne, sympy.csc(u), sympy.cot(u)]),
    sympy.atan: _atan,
    sympy.tanh: lambda u, notation: sympy.sech(u) ** 2,
    sympy.coth: lambda u, notation: -(sympy.csch(u) ** 2),
    sympy.sech: lambda u, notation: notation.product([sympy.S.NegativeOne, sympy.sech(u), sympy.tanh(u)]),
    sympy.csch: lambda u, notation: notation.product([sympy.S.NegativeOne, sympy.csch(u), sympy.coth(u)]),
}
"""Where a table has another derivative than SymPy, whose 1 - tanh(u)**2 also cancels."""


class _Calculus:
    """The rules, for one variable."""

    def __init__(self, expression: sympy.Expr, variable: sympy.Symbol, several: bool, notation: Notation) -> None:
        self.x = variable
        self.sign = Partial if several else sympy.Derivative
        self.notation = notation
        self._depends: dict[sympy.Basic, bool] = {}
        taken = {symbol.name for symbol in expression.free_symbols} | {variable.name}
        names = chain("uvw", (f"u_{i}" for i in count(1)))
        self.u = sympy.Symbol(next(name for name in names if name not in taken), real=True)

    def derivative(self, u: sympy.Expr) -> sympy.Expr:
        """∂u/∂x as it is written, also of a constant, of which `sympy.Derivative(u, x)` would make 0."""
        return sympy.Basic.__new__(self.sign, u, sympy.Tuple(self.x, sympy.Integer(1)))

    def depends(self, u: sympy.Basic) -> bool:
        if u not in self._depends:
            self._depends[u] = u == self.x or any(map(self.depends, u.args))
        return self._depends[u]

    def rewrite(self, f: sympy.Expr) -> Rewrite:
        """The rule that differentiates f, and what it gives."""
        if not self.depends(f):
            return Rewrite("constant", sympy.S.Zero)
        if f == self.x:
            return Rewrite("identity", sympy.S.One)
        for kind, rule in (
            (sympy.Add, self._sum),
            (sympy.Mul, self._product),
            (sympy.Pow, self._power),
            (sympy.Max, self._extremum),
            (sympy.Min, self._extremum),
            (sympy.Abs, self._abs),
            (sympy.sign, self._sign),
            (Choice, self._choice),
            (sympy.Function, self._function),
        ):
            if isinstance(f, kind):
                return rule(f)
        raise ValueError(f"no rule differentiates {type(f).__name__}")

    def _sum(self, f: sympy.Add) -> Rewrite:
        """(u − v + c)' = u' − v' + c'."""
        D, minus = self.derivative, sympy.S.NegativeOne
        constants = [term for term in self.notation.args(f) if not self.depends(term)]
        terms = [term for term in self.notation.args(f) if self.depends(term)]
        if constants:
            terms.insert(self.notation.args(f).index(constants[0]), self.notation.sum(constants))
        is_less = [bool(term.as_coeff_Mul()[0].is_negative) for term in terms]
        parts = [self.notation.product([minus, t]) if less else t for t, less in zip(terms, is_less, strict=True)]
        signed = [minus * D(u) if less else D(u) for u, less in zip(parts, is_less, strict=True)]
        return Rewrite("linearity: sum", self.notation.sum(signed), parts)

    def _product(self, f: sympy.Mul) -> Rewrite:
        """(c u)' = c u', (u/v)' = (u' v − u v')/v², (u v w)' = u' v w + u v' w + u v w'."""
        D, product = self.derivative, self.notation.product
        factors = list(self.notation.args(f))
        constants = [factor for factor in factors if not self.depends(factor)]
        if constants:
            rest = product([factor for factor in factors if self.depends(factor)])
            return Rewrite("linearity: constant factor", product([*constants, D(rest)]), [rest])
        below = [factor for factor in factors if is_reciprocal(factor) and not self.depends(factor.exp)]
        if below:
            u = product([factor for factor in factors if factor not in below])
            v = product([self.notation.power(factor, -1) for factor in below])
            bottom, falling = self.notation.power(v, -2), product([sympy.S.NegativeOne, u, D(v)])
            if not self.depends(u):
                return Rewrite("quotient rule", product([falling, bottom]), [v])
            return Rewrite("quotient rule", product([self.notation.sum([product([D(u), v]), falling]), bottom]), [u, v])
        terms = [product([*factors[:i], D(factor), *factors[i + 1 :]]) for i, factor in enumerate(factors)]
        return Rewrite("product rule", self.notation.sum(terms), factors)

    def _power(self, f: sympy.Pow) -> Rewrite:
        """(uⁿ)' = n uⁿ⁻¹ u', (aᵛ)' = aᵛ ln(a) v', (uᵛ)' = uᵛ (v' ln u + v u'/u)."""
        u, v = f.args
        product, D = self.notation.product, self.derivative
        if not self.depends(v):
            return self._outer(f, u, lambda b: [v, self.notation.power(b, v - 1)], self.u**v, own_name="power rule")
        if not self.depends(u):
            return self._outer(f, v, lambda b: [u**b, sympy.log(u)], u**self.u)
        after = product([u**v, self.notation.sum([product([D(v), sympy.log(u)]), product([v, D(u), 1 / u])])])
        return Rewrite("logarithmic differentiation", after, [v, u])

    def _function(self, f: sympy.Function) -> Rewrite:
        if len(f.args) != 1:
            raise ValueError(f"no rule differentiates {type(f).__name__} of {len(f.args)} arguments")
        if f.func in SLOPES:
            return self._outer(f, f.args[0], lambda u: [SLOPES[f.func](u, self.notation)], f.func(self.u))
        entry = f.func(self.u).diff(self.u)
        if entry.has(sympy.Derivative):
            raise ValueError(f"the derivative of {type(f).__name__} is not in the table")
        return self._outer(f, f.args[0], lambda u: [entry.xreplace({self.u: u})], f.func(self.u))

    def _outer(
        self,
        f: sympy.Expr,
        inner: sympy.Expr,
        slope: Callable[[Any], list[sympy.Expr]],
        shown: sympy.Expr,
        own_name: str = "table entry",
    ) -> Rewrite:
        """g(u)' = g'(u) u': the chain rule, or the table's own entry if u is x; `slope` gives the factors of g'."""
        product = self.notation.product
        if inner == self.x:
            return Rewrite(own_name, product(slope(inner)))
        outer = sympy.Basic.__new__(sympy.Derivative, shown, sympy.Tuple(self.u, sympy.Integer(1)))
        after = product([*slope(inner), self.derivative(inner)])
        return Rewrite("chain rule", after, [inner], ((self.u, inner), (outer, product(slope(self.u)))))

    def _abs(self, f: sympy.Abs) -> Rewrite:
        return self._outer(f, f.args[0], lambda u: [real_sign(u)], f.func(self.u))

    def _sign(self, f: sympy.sign) -> Rewrite:
        return Rewrite("constant on either side of 0", sympy.S.Zero)

    def _choice(self, f: Choice) -> Rewrite:
        u, v, a, b = f.args
        after = Choice(u, v, self.derivative(a), self.derivative(b))
        return Rewrite("derivative of either side", after, [a, b])

    def _extremum(self, f: sympy.Max | sympy.Min) -> Rewrite:
        """The derivative of max(u, v) is u' where u > v, else v'."""
        u, *others = sorted(f.args, key=self.depends, reverse=True)
        v = f.func(*others, evaluate=False) if len(others) > 1 else others[0]
        name, sides = ("larger", (u, v)) if isinstance(f, sympy.Max) else ("smaller", (v, u))
        after = Choice(*sides, self.derivative(u), self.derivative(v))
        return Rewrite(f"derivative of the {name}, where they differ", after, [u, v])
