"""Expressions in numbers: a walk over the SymPy tree with a table of NumPy functions; no text becomes code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import numpy as np
import sympy
from numpy.typing import ArrayLike, NDArray
from scipy import special

FUNCTIONS: dict[Any, Callable[..., Any]] = {
    sympy.Add: lambda *terms: reduce(np.add, terms),
    sympy.Mul: lambda *factors: reduce(np.multiply, factors),
    sympy.Pow: np.power,
    sympy.exp: np.exp,
    sympy.log: np.log,
    sympy.Abs: np.abs,
    sympy.sign: np.sign,
    sympy.Max: lambda *values: reduce(np.maximum, values),
    sympy.Min: lambda *values: reduce(np.minimum, values),
    sympy.sin: np.sin,
    sympy.cos: np.cos,
    sympy.tan: np.tan,
    sympy.cot: lambda u: 1 / np.tan(u),
    sympy.sec: lambda u: 1 / np.cos(u),
    sympy.csc: lambda u: 1 / np.sin(u),
    sympy.asin: np.arcsin,
    sympy.acos: np.arccos,
    sympy.atan: np.arctan,
    sympy.acot: lambda u: np.arctan(1 / u),
    sympy.asec: lambda u: np.arccos(1 / u),
    sympy.acsc: lambda u: np.arcsin(1 / u),
    sympy.sinh: np.sinh,
    sympy.cosh: np.cosh,
    sympy.tanh: np.tanh,
    sympy.coth: lambda u: 1 / np.tanh(u),
    sympy.sech: lambda u: 1 / np.cosh(u),
    sympy.csch: lambda u: 1 / np.sinh(u),
    sympy.asinh: np.arcsinh,
    sympy.acosh: np.arccosh,
    sympy.atanh: np.arctanh,
    sympy.acoth: lambda u: np.arctanh(1 / u),
    sympy.asech: lambda u: np.arccosh(1 / u),
    sympy.acsch: lambda u: np.arcsinh(1 / u),
    sympy.erf: special.erf,
    sympy.erfc: special.erfc,
    sympy.StrictGreaterThan: np.greater,
    sympy.GreaterThan: np.greater_equal,
    sympy.StrictLessThan: np.less,
    sympy.LessThan: np.less_equal,
}
"""What each node of a tree does to its arguments' values."""

Values = Mapping[str, ArrayLike]


class Evaluator:
    """The values of expressions at given values of their variables; a shared subexpression is computed once.

    Parameters
    ----------
    values : mapping of str to array-like
        Value of each variable by name, of shapes that broadcast.

    Raises
    ------
    ValueError
        When called, for a variable without a value, or a node that is not in `FUNCTIONS`.

    Examples
    --------
    >>> import numpy as np, sympy
    >>> x, y = sympy.symbols("x y", real=True)
    >>> Evaluator({"x": np.array([1.0, 2.0]), "y": 3.0})(x**2 * y)
    array([ 3., 12.])
    """

    def __init__(self, values: Values) -> None:
        self.values = {name: np.asarray(value, dtype=np.float64) for name, value in values.items()}
        self._known: dict[sympy.Basic, Any] = {}

    def __call__(self, expression: sympy.Basic) -> NDArray[Any]:
        """The value of the expression; NaN or infinite where it has none. NumPy does not warn."""
        with np.errstate(all="ignore"):
            return np.asarray(self._value(expression))

    def _value(self, node: sympy.Basic) -> Any:
        if node not in self._known:
            self._known[node] = self._compute(node)
        return self._known[node]

    def _compute(self, node: sympy.Basic) -> Any:
        if isinstance(node, sympy.Symbol):
            if node.name not in self.values:
                raise ValueError(f"variable {node.name} has no value; values were given for {sorted(self.values)}")
            return self.values[node.name]
        if isinstance(node, sympy.Number | sympy.NumberSymbol):
            return np.float64(node)
        if isinstance(node, sympy.Piecewise):
            cases = [(self._value(value), condition) for value, condition in node.args]
            tests = [True if condition == sympy.true else self._value(condition) for _, condition in cases]
            arrays = np.broadcast_arrays(*(value for value, _ in cases), *tests)
            return np.select(list(arrays[len(cases) :]), list(arrays[: len(cases)]), np.nan)
        if node.func not in FUNCTIONS:
            raise ValueError(f"{node.func.__name__} cannot be evaluated")
        return FUNCTIONS[node.func](*(self._value(argument) for argument in node.args))
