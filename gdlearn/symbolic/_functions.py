"""The functions that a text may call, one row each: SymPy constructor, NumPy kernel, domain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import sympy

Claim = tuple[Any, str, Any]
"""left, relation, right: what must hold of subexpressions; the relations are those of `Condition`."""

Claims = Callable[[Any], list[Claim]]
"""What must hold of an argument."""


class cbrt(sympy.Function):  # type: ignore[misc] # noqa: N801, SymPy prints a function by the name of its class
    r"""The real cube root, defined for every real number: cbrt(-8) = -2, where x**(1/3) needs x ≥ 0.

    .. math::  \frac{d}{dx}\sqrt[3]{x} = \frac{1}{3\sqrt[3]{x}^2}, \qquad x \ne 0
    """

    @classmethod
    def eval(cls, x: Any) -> Any:
        """Take out signs, and the roots of cubes."""
        if x.could_extract_minus_sign():
            return -cls(-x)
        if x.is_Rational:
            root = sympy.Rational(*(sympy.integer_nthroot(part, 3)[0] for part in (x.p, x.q)))
            return root if root**3 == x else None
        return x.base if x.is_Pow and x.exp == 3 and x.base.is_extended_real else None

    def fdiff(self, argindex: int = 1) -> Any:
        """Derivative by the argument."""
        return 1 / (3 * self**2)

    def _eval_is_extended_real(self) -> Any:
        return self.args[0].is_extended_real

    def _eval_evalf(self, prec: int) -> Any:
        x = self.args[0]._eval_evalf(prec)
        return sympy.sign(x) * sympy.cbrt(abs(x))


class log10(sympy.Function):  # type: ignore[misc] # noqa: N801
    r"""The logarithm to base 10, which SymPy writes as a quotient of logarithms, so that log10(1000) is not quite 3.

    .. math::  \frac{d}{dx}\log_{10} x = \frac{1}{x \ln 10}
    """

    @classmethod
    def eval(cls, x: Any) -> Any:
        """Powers of ten have whole logarithms, and 0 has none."""
        if x.is_zero:
            return sympy.zoo
        exponent = sympy.log(x, 10) if x.is_Rational and x.is_positive else None
        return exponent if exponent is not None and exponent.is_Integer else None

    def fdiff(self, argindex: int = 1) -> Any:
        """Derivative by the argument."""
        return 1 / (self.args[0] * sympy.log(10))

    def _eval_is_extended_real(self) -> Any:
        return self.args[0].is_extended_nonnegative

    def _eval_evalf(self, prec: int) -> Any:
        return (sympy.log(self.args[0]) / sympy.log(10))._eval_evalf(prec)


class Choice(sympy.Function):  # type: ignore[misc]
    """a where u > v, else b: the derivative of max and min, which SymPy's Piecewise would start to simplify."""

    nargs = 4
    is_extended_real = True

    @classmethod
    def eval(cls, u: Any, v: Any, a: Any, b: Any) -> Any:
        """Choose between numbers."""
        if a == b:
            return a
        return (a if u > v else b) if u.is_Rational and v.is_Rational else None

    def _eval_derivative(self, s: Any) -> Any:
        u, v, a, b = self.args
        return Choice(u, v, a.diff(s), b.diff(s))


def real_abs(u: Any) -> Any:
    """|u| of what is real wherever it is defined, which SymPy must not be left to doubt: |√x| is no arctangent."""
    return sympy.Abs(u, evaluate=bool(u.is_extended_real))


def real_sign(u: Any) -> Any:
    """The sign of u in the same sense."""
    return sympy.sign(u, evaluate=bool(u.is_extended_real))


def unordered_max(*values: Any) -> Any:
    """The largest of the values, not compared with each other beforehand, which takes SymPy minutes."""
    return sympy.Max(*values, evaluate=False)


def unordered_min(*values: Any) -> Any:
    """The smallest in the same sense."""
    return sympy.Min(*values, evaluate=False)


def erf(u: Any) -> Any:
    """The error function."""
    from scipy.special import erf  # takes as long to import as NumPy, and few texts need it

    return erf(u)


def largest(*values: Any) -> Any:
    """The kernel of max."""
    return np.maximum.reduce(np.broadcast_arrays(*values))


def smallest(*values: Any) -> Any:
    """The kernel of min."""
    return np.minimum.reduce(np.broadcast_arrays(*values))


def whatever(u: Any) -> list[Claim]:
    """No claim."""
    return []


def claim(relation: str, bound: int, of: Callable[[Any], Any] = lambda u: u) -> Claims:
    """One claim about the argument, or what `of` makes of it."""
    return lambda u: [(of(u), relation, sympy.Integer(bound))]


class Callee(NamedTuple):
    """A function of the grammar.

    Attributes
    ----------
    build : callable
        SymPy arguments → SymPy expression.
    kernel : callable
        The same on floats or arrays; NaN or infinite outside the domain.
    defined : callable
        What its argument needs for it to have a value.
    differentiable : callable
        What its argument needs, beyond `defined`, for it to have a derivative.
    most : int
        The largest number of arguments.
    """

    build: Callable[..., Any]
    kernel: Callable[..., Any]
    defined: Claims = whatever
    differentiable: Claims = whatever
    most: int = 1


FUNCTIONS: dict[str, Callee] = {
    "exp": Callee(sympy.exp, np.exp),
    "ln": Callee(sympy.log, np.log, claim(">", 0)),
    "log10": Callee(log10, np.log10, claim(">", 0)),
    "sqrt": Callee(sympy.sqrt, np.sqrt, claim(">=", 0), claim(">", 0)),
    "cbrt": Callee(cbrt, np.cbrt, whatever, claim("!=", 0)),
    "abs": Callee(real_abs, np.abs, whatever, claim("!=", 0)),
    "sign": Callee(real_sign, np.sign, whatever, claim("!=", 0)),
    "erf": Callee(sympy.erf, erf),
    "max": Callee(unordered_max, largest, most=10),  # where two of the largest meet: see _domain
    "min": Callee(unordered_min, smallest, most=10),
    "sin": Callee(sympy.sin, np.sin),
    "cos": Callee(sympy.cos, np.cos),
    "tan": Callee(sympy.tan, np.tan, claim("!=", 0, of=sympy.cos)),
    "cot": Callee(sympy.cot, lambda u: 1.0 / np.tan(u), claim("!=", 0, of=sympy.sin)),
    "sec": Callee(sympy.sec, lambda u: 1.0 / np.cos(u), claim("!=", 0, of=sympy.cos)),
    "csc": Callee(sympy.csc, lambda u: 1.0 / np.sin(u), claim("!=", 0, of=sympy.sin)),
    "asin": Callee(sympy.asin, np.arcsin, claim("<=", 1, of=real_abs), claim("<", 1, of=real_abs)),
    "acos": Callee(sympy.acos, np.arccos, claim("<=", 1, of=real_abs), claim("<", 1, of=real_abs)),
    "atan": Callee(sympy.atan, np.arctan),
    "sinh": Callee(sympy.sinh, np.sinh),
    "cosh": Callee(sympy.cosh, np.cosh),
    "tanh": Callee(sympy.tanh, np.tanh),
    "coth": Callee(sympy.coth, lambda u: 1.0 / np.tanh(u), claim("!=", 0)),
    "sech": Callee(sympy.sech, lambda u: 1.0 / np.cosh(u)),
    "csch": Callee(sympy.csch, lambda u: 1.0 / np.sinh(u), claim("!=", 0)),
    "asinh": Callee(sympy.asinh, np.arcsinh),
    "acosh": Callee(sympy.acosh, np.arccosh, claim(">=", 1), claim(">", 1)),
    "atanh": Callee(sympy.atanh, np.arctanh, claim("<", 1, of=real_abs)),
}
"""Name in a text → what it calls."""

KERNELS: dict[Any, Callable[..., Any]] = {
    **{callee.build: callee.kernel for callee in FUNCTIONS.values() if isinstance(callee.build, type)},
    sympy.Abs: np.abs,
    sympy.sign: np.sign,
    sympy.Max: largest,
    sympy.Min: smallest,
    Choice: lambda u, v, a, b: np.where(u > v, a, b),
}
"""SymPy class → NumPy kernel."""

ALIASES = {"log": "ln", "arcsin": "asin", "arccos": "acos", "arctan": "atan"}
FUNCTIONS |= {alias: FUNCTIONS[name] for alias, name in ALIASES.items()}

CONSTANTS = {"pi": sympy.pi, "e": sympy.E}
"""Names that are numbers, unless declared as variables."""
