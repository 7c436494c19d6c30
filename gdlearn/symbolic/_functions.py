"""The functions that a text may call: each with its SymPy constructor and its NumPy kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import sympy
from scipy.special import erf


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
        return None

    def fdiff(self, argindex: int = 1) -> Any:
        """Derivative by the argument."""
        return 1 / (3 * self**2)

    def _eval_is_extended_real(self) -> Any:
        return self.args[0].is_extended_real

    def _eval_evalf(self, prec: int) -> Any:
        x = self.args[0]._eval_evalf(prec)
        return sympy.sign(x) * sympy.cbrt(abs(x))

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        root = rf"\sqrt[3]{{{printer._print(self.args[0])}}}"
        return root if exp is None else rf"{root}^{{{exp}}}"


class Callee(NamedTuple):
    """A function of the grammar.

    Attributes
    ----------
    build : callable
        SymPy arguments, and `evaluate` → SymPy expression.
    kernel : callable
        The same on floats or arrays; NaN or infinite outside the domain.
    most : int
        The largest number of arguments.
    """

    build: Callable[..., Any]
    kernel: Callable[..., Any]
    most: int = 1


def real_abs(u: Any, evaluate: bool = True) -> Any:
    """|u| of what is real wherever it is defined, which SymPy must not be left to doubt: |√x| is no arctangent."""
    return sympy.Abs(u, evaluate=evaluate and bool(u.is_extended_real))


def real_sign(u: Any, evaluate: bool = True) -> Any:
    """The sign of u in the same sense."""
    return sympy.sign(u, evaluate=evaluate and bool(u.is_extended_real))


def unordered_max(*values: Any, evaluate: bool = True) -> Any:
    """The largest of the values, not compared with each other beforehand, which takes SymPy minutes."""
    return sympy.Max(*values, evaluate=False)


def unordered_min(*values: Any, evaluate: bool = True) -> Any:
    """The smallest in the same sense."""
    return sympy.Min(*values, evaluate=False)


def _sqrt(x: Any, evaluate: bool = True) -> Any:
    return sympy.Pow(x, sympy.S.Half, evaluate=evaluate)


def _log10(x: Any, evaluate: bool = True) -> Any:
    if evaluate:
        return sympy.log(x, 10)
    return sympy.Mul(sympy.log(x, evaluate=False), 1 / sympy.log(10), evaluate=False)


def _smallest(*values: Any) -> Any:
    return np.minimum.reduce(np.broadcast_arrays(*values))


def _largest(*values: Any) -> Any:
    return np.maximum.reduce(np.broadcast_arrays(*values))


KERNELS: dict[Any, Callable[..., Any]] = {
    sympy.exp: np.exp,
    sympy.log: np.log,
    cbrt: np.cbrt,
    sympy.Abs: np.abs,
    sympy.sign: np.sign,
    sympy.erf: erf,
    sympy.Min: _smallest,
    sympy.Max: _largest,
    sympy.sin: np.sin,
    sympy.cos: np.cos,
    sympy.tan: np.tan,
    sympy.cot: lambda x: 1.0 / np.tan(x),
    sympy.sec: lambda x: 1.0 / np.cos(x),
    sympy.csc: lambda x: 1.0 / np.sin(x),
    sympy.asin: np.arcsin,
    sympy.acos: np.arccos,
    sympy.atan: np.arctan,
    sympy.sinh: np.sinh,
    sympy.cosh: np.cosh,
    sympy.tanh: np.tanh,
    sympy.coth: lambda x: 1.0 / np.tanh(x),
    sympy.sech: lambda x: 1.0 / np.cosh(x),
    sympy.csch: lambda x: 1.0 / np.sinh(x),
    sympy.asinh: np.arcsinh,
    sympy.acosh: np.arccosh,
    sympy.atanh: np.arctanh,
}
"""SymPy class → NumPy kernel."""

MANY = 10
ALIASES = {"ln": sympy.log, "arcsin": sympy.asin, "arccos": sympy.acos, "arctan": sympy.atan}

FUNCTIONS: dict[str, Callee] = {
    **{kind.__name__: Callee(kind, kernel) for kind, kernel in KERNELS.items() if kind.__name__.islower()},
    **{name: Callee(kind, KERNELS[kind]) for name, kind in ALIASES.items()},
    "min": Callee(unordered_min, _smallest, MANY),
    "max": Callee(unordered_max, _largest, MANY),
    "abs": Callee(real_abs, np.abs),
    "sign": Callee(real_sign, np.sign),
    "sqrt": Callee(_sqrt, np.sqrt),
    "log10": Callee(_log10, np.log10),
}
"""Name in a text → what it calls."""

CONSTANTS = {"pi": sympy.pi, "e": sympy.E}
"""Names that are numbers, unless declared as variables."""
