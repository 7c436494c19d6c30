"""Derivatives as a textbook prints them: one fraction, like terms collected, factors in their usual order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice

import sympy

from ._expression import fit_float64
from ._functions import cbrt
from ._text import Notation

TIDY_UP_TO = 300
"""Nodes up to which quotients are searched for common factors; beyond, SymPy's own collecting must do."""

COLLECT_UP_TO = 80
"""Nodes up to which sums are multiplied out and factorised in search of a shorter form."""


def arranged(factors: Sequence[sympy.Expr], notation: Notation) -> sympy.Expr:
    """The product as a textbook has it: a number, powers of variables, then of sums, and functions last."""
    flat = [part for factor in factors for part in (notation.args(factor) if factor.is_Mul else (factor,))]
    kinds = (sympy.Number, sympy.Symbol, sympy.Add)

    def rank(factor: sympy.Expr) -> tuple[int, int]:
        base = factor.base if isinstance(factor, sympy.Pow) and not factor.is_Number else factor
        if not (factor.free_symbols or factor.has(sympy.log)):
            return 0, 0
        is_exponential = base.is_Number and not factor.is_Number
        kind = next((i for i, kind in enumerate(kinds) if isinstance(base, kind)), len(kinds))
        return len(kinds) if is_exponential else kind, notation.place(base)

    return notation.product(sorted(flat, key=rank))


def is_reciprocal(factor: sympy.Expr) -> bool:
    """Whether a factor stands below the line."""
    return isinstance(factor, sympy.Pow) and factor.exp.could_extract_minus_sign()


def tidy(total: sympy.Expr, notation: Notation) -> sympy.Expr:
    """The expression as a textbook would have it, if that is shorter: one fraction, like terms collected.

    Nothing is tidied where numbers are floats, or the whole is large.
    """
    if not _has_at_most(TIDY_UP_TO, total):
        return total
    if total.has(cbrt, sympy.sign):
        total = total.replace(lambda node: node.is_Mul, _without_roots_below)
    found = [total, total.replace(_is_quotient, sympy.factor_terms)]
    if _has_at_most(COLLECT_UP_TO, total) and total.has(sympy.Add) and not total.has(sympy.Float):
        found.insert(0 if _is_quotient(total) else 1, _collected(total, notation))
        if not any(is_reciprocal(power) and power.base.has(sympy.Add) for power in total.atoms(sympy.Pow)):
            found.append(_expanded(total))
    found = [_by_name(one, notation) for one in found]
    return min((one for one in found if fit_float64(one.atoms())), key=lambda one: len(notation.text(one)))


def _without_roots_below(product: sympy.Mul) -> sympy.Expr:
    """The product with cbrt u for u/cbrt(u)², and |u| for u sign(u)."""
    for root in product.atoms(cbrt, sympy.sign):
        (u,) = root.args
        above, below = (sympy.sympify(product.as_powers_dict()[base]) for base in (u, root))
        if not (above.is_Integer and above > 0 and below.is_Integer):
            continue
        if root.func is sympy.sign and below == 1:
            product = product / (u * root) * sympy.Abs(u)
        elif root.func is cbrt and below < 0:
            whole, rest = divmod(int(3 * above + below), 3)
            product = product / (u**above * root**below) * u**whole * root**rest
    return product


def _has_at_most(n: int, expression: sympy.Expr) -> bool:
    return next(islice(sympy.preorder_traversal(expression), n, None), None) is None


def _is_quotient(node: sympy.Basic) -> bool:
    """Whether a sum is divided by something, or divides."""
    return (
        isinstance(node, sympy.Mul)
        and any(isinstance(factor, sympy.Add) for factor in node.args)
        and any(is_reciprocal(factor) for factor in node.args)
    )


def _collected(total: sympy.Expr, notation: Notation) -> sympy.Expr:
    """One fraction, with the sums in its numerator in their shortest form; of what is none, shared factors once.

    An exponential stays above or below the line as it is: exp(x)/(1 + exp(x))**2 overflows where
    exp(-x)/(1 + exp(-x))**2 does not.
    """
    exponentials = {e: sympy.Dummy(f"E{i}", real=True) for i, e in enumerate(_exponentials(total))}
    back = {dummy: e for e, dummy in exponentials.items()}
    above, below = sympy.fraction(sympy.together(total.xreplace(exponentials)))
    is_quotient = bool(below.free_symbols)
    if not is_quotient and total.is_Mul:
        return arranged([_collected(f, notation) if f.is_Add else f for f in notation.args(total)], notation)
    if not is_quotient and not (total.is_Add and _share_a_factor(total)):
        return _shortest(total, notation, [_expanded], 0)
    above, below = (sympy.Mul.make_args(sympy.factor_terms(side)) for side in (above, below))
    forms = [_expanded, _by_pythagoras, lambda sum_: sympy.factor(_expanded(sum_))]
    brackets = 2 * (is_quotient or len(above) > 1)
    above = [_shortest(factor, notation, forms, brackets) if factor.is_Add else factor for factor in above]
    if is_quotient or len(above) > 1:
        above = [part for factor in above for part in (_primitive(factor) if factor.is_Add else (factor,))]
    return arranged([factor.xreplace(back) for factor in (*above, *(1 / part for part in below))], notation)


def _exponentials(expression: sympy.Expr) -> list[sympy.Expr]:
    """The powers with an exponent that is no number, in an order that does not depend on the run."""
    found = expression.atoms(sympy.exp) | {power for power in expression.atoms(sympy.Pow) if power.exp.free_symbols}
    return sorted(found, key=sympy.default_sort_key)


def _primitive(sum_: sympy.Add) -> tuple[sympy.Expr, sympy.Expr]:
    """A number, negative if all terms are, and what is left of the sum without it."""
    number, rest = sum_.primitive()
    return (-number, -rest) if all(term.could_extract_minus_sign() for term in rest.args) else (number, rest)


def _share_a_factor(total: sympy.Expr) -> bool:
    """Whether all terms have an exponential, or a power of the same sum, that a textbook would take out."""
    shared = [
        {factor if isinstance(factor, sympy.exp) else factor.as_base_exp()[0] for factor in sympy.Mul.make_args(term)}
        for term in sympy.Add.make_args(total)
    ]
    return any(isinstance(base, sympy.exp | sympy.Add) for base in set.intersection(*shared))


def _shortest(
    expression: sympy.Expr,
    notation: Notation,
    forms: Sequence[Callable[[sympy.Expr], sympy.Expr]],
    brackets: int,
) -> sympy.Expr:
    """The form with the shortest text; of two terms the one without a minus comes first."""
    found = [expression, *(form(expression) for form in forms)]
    for sum_ in (part for one in found for part in one.atoms(sympy.Add) if len(part.args) == 2):
        notation.remember(sum_, sorted(notation.args(sum_), key=lambda term: term.could_extract_minus_sign()))
    return min(found, key=lambda one: len(notation.text(one)) + brackets * one.is_Add)


def _expanded(sum_: sympy.Expr) -> sympy.Expr:
    """The sum multiplied out, unless that makes many terms."""
    powers = (power for power in sum_.atoms(sympy.Pow) if power.base.is_Add)
    return (
        sum_
        if any(power.exp.is_Integer and power.exp > 4 for power in powers)
        else sympy.expand_mul(sympy.expand_multinomial(sum_))
    )


def _by_pythagoras(sum_: sympy.Expr) -> sympy.Expr:
    """The sum without sin², sec² and cosh², for which cos², tan² and sinh² are written."""
    others = {
        sympy.sin: lambda u: 1 - sympy.cos(u) ** 2,
        sympy.sec: lambda u: 1 + sympy.tan(u) ** 2,
        sympy.cosh: lambda u: 1 + sympy.sinh(u) ** 2,
    }
    powers = (power for power in sum_.atoms(sympy.Pow) if power.exp == 2 and power.base.func in others)
    return _expanded(sum_).xreplace({power: others[power.base.func](*power.base.args) for power in powers})


def _by_name(total: sympy.Expr, notation: Notation) -> sympy.Expr:
    """The product with cot u for cos(u)/sin(u), tan u for sin(u)/cos(u), and 1/u for sign(u)/|u|."""
    if not total.is_Mul:
        return total
    names = (
        (sympy.cos, sympy.sin, sympy.cot),
        (sympy.sin, sympy.cos, sympy.tan),
        (sympy.sign, sympy.Abs, lambda u: 1 / u),
    )
    factors = list(notation.args(total))
    for above, below, name in names:
        for u in [factor.args[0] for factor in factors if isinstance(factor, above)]:
            pair = (above(u), 1 / below(u))
            if set(pair) <= set(factors):
                factors = [name(u) if factor == pair[0] else factor for factor in factors if factor != pair[1]]
    return total if len(factors) == len(total.args) else arranged(factors, notation)
