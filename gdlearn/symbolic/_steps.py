r"""Partial derivatives step by step: one rule of the textbook at a time, each with what it turned into what.

A step rewrites :math:`\partial u/\partial x` of one subexpression u by the derivatives of u's parts, so that the
number of steps is that of the different subexpressions. Steps come in an order in which replacing `before` by `after`,
one step after another, leads from :math:`\partial f/\partial x` to its simplified form.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, count, islice
from typing import Any

import sympy

from ._expression import fit_float64
from ._functions import Choice, real_sign
from ._text import latex, text

Rewrite = tuple[str, sympy.Expr, list[sympy.Expr]]
"""A rule's name, what it makes of the derivative, and the parts that are still to be differentiated."""

TIDY_UP_TO = 300
"""Nodes up to which quotients are searched for common factors; beyond, SymPy's own collecting must do."""


@dataclass(frozen=True)
class Step:
    r"""One rule applied once: before = after.

    Attributes
    ----------
    rule : str
        In words: "linearity: sum", "linearity: constant factor", "product rule", "quotient rule", "power rule",
        "table entry", "logarithmic differentiation", "constant", "identity", "simplify", or "chain rule, " and the
        derivative of the outer function.
    before, after : sympy.Expr
        What the rule was applied to and what it gave; `sympy.Derivative` stands for what is still to be differentiated.

    Examples
    --------
    >>> from gdlearn.symbolic import SymbolicFunction
    >>> step = SymbolicFunction("sin(x^2)").steps("x")[0]
    >>> print(step)
    chain rule, d sin(u)/du = cos(u): d/dx[sin(x**2)] = cos(x**2)*d/dx[x**2]
    >>> print(step.latex())
    \frac{d}{d x} \sin{\left(x^{2} \right)} = \cos{\left(x^{2} \right)} \frac{d}{d x} x^{2}
    """

    rule: str
    before: sympy.Expr
    after: sympy.Expr

    def __str__(self) -> str:
        return f"{self.rule}: {self.equation()}"

    def equation(self) -> str:
        """The equation before = after in plain text; after alone where nothing changed."""
        return self._shown(text)

    def latex(self) -> str:
        """The equation in LaTeX."""
        return self._shown(latex)

    def _shown(self, show: Callable[[sympy.Basic], str]) -> str:
        after = show(self.after)
        return after if self.before == self.after else f"{show(self.before)} = {after}"


def steps(expression: sympy.Expr, variable: sympy.Symbol) -> list[Step]:
    r"""The partial derivative :math:`\partial f/\partial x`, rule by rule.

    Parameters
    ----------
    expression : sympy.Expr
        f, of real symbols, evaluated or not.
    variable : sympy.Symbol
        x, with respect to which f is differentiated.

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
    linearity: sum: d/dx[x**2*y + sin(x*y)] = d/dx[x**2*y] + d/dx[sin(x*y)]
    linearity: constant factor: d/dx[x**2*y] = y*d/dx[x**2]
    power rule: d/dx[x**2] = 2*x
    chain rule, d sin(u)/du = cos(u): d/dx[sin(x*y)] = cos(x*y)*d/dx[x*y]
    linearity: constant factor: d/dx[x*y] = y*d/dx[x]
    identity: d/dx[x] = 1
    simplify: 2*x*y + y*cos(x*y)
    """
    calculus = _Calculus(expression, variable)
    done: list[Step] = []  # children before parents; reversed at the end
    partial: dict[sympy.Expr, sympy.Expr] = {}

    def differentiate(part: sympy.Expr) -> None:
        rule, after, parts = calculus.rewrite(part)
        for inner in reversed(parts):
            if inner not in partial:
                differentiate(inner)
        known = {calculus.derivative(inner): partial[inner] for inner in parts}
        partial[part] = after.xreplace(known)
        done.append(Step(rule, calculus.derivative(part), after))

    differentiate(expression)
    total = partial[expression]
    return [*reversed(done), Step("simplify", total, _tidy(total))]


SLOPES = {sympy.tanh: lambda u: sympy.sech(u) ** 2}
"""Where SymPy's own derivative, 1 - tanh(u)**2, cancels."""


class _Calculus:
    """The rules, for one variable."""

    def __init__(self, expression: sympy.Expr, variable: sympy.Symbol) -> None:
        self.x = variable
        self._depends: dict[sympy.Basic, bool] = {}
        taken = {symbol.name for symbol in expression.free_symbols}
        names = chain("uvw", (f"u_{i}" for i in count(1)))
        self.u = sympy.Symbol(next(name for name in names if name not in taken), real=True)

    def derivative(self, u: sympy.Expr) -> sympy.Expr:
        """∂u/∂x as it is written, also of a constant, of which `sympy.Derivative(u, x)` would make 0."""
        return sympy.Basic.__new__(sympy.Derivative, u, sympy.Tuple(self.x, sympy.Integer(1)))

    def depends(self, u: sympy.Basic) -> bool:
        if u not in self._depends:
            self._depends[u] = u == self.x or any(map(self.depends, u.args))
        return self._depends[u]

    def rewrite(self, f: sympy.Expr) -> Rewrite:
        """The rule that differentiates f, and what it gives."""
        if not self.depends(f):
            return "constant", sympy.S.Zero, []
        if f == self.x:
            return "identity", sympy.S.One, []
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
        """(u + v + c)' = u' + v' + c'."""
        constants = [term for term in f.args if not self.depends(term)]
        terms = [term for term in f.args if self.depends(term)] + ([sympy.Add(*constants)] if constants else [])
        return "linearity: sum", sympy.Add(*map(self.derivative, terms)), terms

    def _product(self, f: sympy.Mul) -> Rewrite:
        """(c u)' = c u', (u/v)' = (u' v − u v')/v², (u v w)' = u' v w + u v' w + u v w'."""
        D, Mul = self.derivative, sympy.Mul
        constants = [factor for factor in f.args if not self.depends(factor)]
        if constants:
            rest = Mul(*[factor for factor in f.args if self.depends(factor)])
            return "linearity: constant factor", Mul(*constants, D(rest)), [rest]
        factors = list(f.args)
        below = [factor for factor in factors if _is_reciprocal(factor) and not self.depends(factor.exp)]
        if below:
            u, v = Mul(*[factor for factor in factors if factor not in below]), Mul(*[1 / factor for factor in below])
            top = D(u) * v - u * D(v) if self.depends(u) else -u * D(v)
            return "quotient rule", top / v**2, [u, v] if self.depends(u) else [v]
        terms = [Mul(D(factor), *factors[:i], *factors[i + 1 :]) for i, factor in enumerate(factors)]
        return "product rule", sympy.Add(*terms), factors

    def _power(self, f: sympy.Pow) -> Rewrite:
        """(uⁿ)' = n uⁿ⁻¹ u', (aᵛ)' = aᵛ ln(a) v', (uᵛ)' = uᵛ (v' ln u + v u'/u)."""
        u, v = f.args
        if not self.depends(v):
            return self._outer(f, u, lambda b: v * b ** (v - 1), self.u**v, own_name="power rule")
        if not self.depends(u):
            return self._outer(f, v, lambda b: u**b * sympy.log(u), u**self.u)
        D = self.derivative
        after = u**v * (D(v) * sympy.log(u) + v * D(u) / u)
        return "logarithmic differentiation", after, [v, u]

    def _function(self, f: sympy.Function) -> Rewrite:
        if len(f.args) != 1:
            raise ValueError(f"no rule differentiates {type(f).__name__} of {len(f.args)} arguments")
        entry = SLOPES[f.func](self.u) if f.func in SLOPES else f.func(self.u).diff(self.u)
        if entry.has(sympy.Derivative):
            raise ValueError(f"the derivative of {type(f).__name__} is not in the table")
        return self._outer(f, f.args[0], lambda u: entry.xreplace({self.u: u}), f.func(self.u))

    def _outer(
        self,
        f: sympy.Expr,
        inner: sympy.Expr,
        slope: Callable[[Any], sympy.Expr],
        shown: sympy.Expr,
        own_name: str = "table entry",
    ) -> Rewrite:
        """g(u)' = g'(u) u': the chain rule, or the table's own entry if u is x."""
        if inner == self.x:
            return own_name, slope(inner), []
        rule = f"chain rule, d {text(shown)}/d{self.u} = {text(slope(self.u))}"
        return rule, slope(inner) * self.derivative(inner), [inner]

    def _abs(self, f: sympy.Abs) -> Rewrite:
        return self._outer(f, f.args[0], real_sign, f.func(self.u))

    def _sign(self, f: sympy.sign) -> Rewrite:
        return "constant on either side of 0", sympy.S.Zero, []

    def _choice(self, f: Choice) -> Rewrite:
        u, v, a, b = f.args
        return "derivative of either side", Choice(u, v, self.derivative(a), self.derivative(b)), [a, b]

    def _extremum(self, f: sympy.Max | sympy.Min) -> Rewrite:
        """The derivative of max(u, v) is u' where u > v, else v'."""
        u, *others = sorted(f.args, key=self.depends, reverse=True)
        v = f.func(*others, evaluate=False) if len(others) > 1 else others[0]
        name, sides = ("larger", (u, v)) if isinstance(f, sympy.Max) else ("smaller", (v, u))
        after = Choice(*sides, self.derivative(u), self.derivative(v))
        return f"derivative of the {name}, where they differ", after, [u, v]


def _is_reciprocal(factor: sympy.Expr) -> bool:
    return isinstance(factor, sympy.Pow) and factor.exp.could_extract_minus_sign()


def _tidy(expression: sympy.Expr) -> sympy.Expr:
    """The expression with common factors of quotients' numerators and denominators cancelled; light, so not always."""
    if next(islice(sympy.preorder_traversal(expression), TIDY_UP_TO, None), None) is not None:
        return expression
    tidied = expression.replace(
        lambda node: (
            isinstance(node, sympy.Mul)
            and any(isinstance(factor, sympy.Add) for factor in node.args)
            and any(_is_reciprocal(factor) for factor in node.args)
        ),
        sympy.factor_terms,
    )
    return tidied if fit_float64(tidied.atoms()) else expression
