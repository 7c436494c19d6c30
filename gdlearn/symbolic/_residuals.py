"""ResidualSumOfSquares: how far a model, typed as text, is from data, as a function of the model's parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from .._arrays import Array
from .._descendable import Descendable
from .._explained_step import InWords
from .._parameters import InvalidParameterError, allowed, choice
from .._points import DomainError, at, finite_reals, points
from .._tables import Words
from ._evaluation import Outside, plain
from ._expression import symbol
from ._symbolic_function import SymbolicFunction
from ._values import Run

OWNER = "ResidualSumOfSquares"

BLOCK = 1 << 16
"""Values of the model computed at once: half a megabyte for each of its parts."""


class ResidualSumOfSquares(Descendable):
    r"""The sum of squared residuals of a model, or their mean, as a function of the model's parameters b.

    .. math::
        S(b) = \sum_n \bigl(y_n - f(b, x_n)\bigr)^2, \qquad
        \frac{\partial S}{\partial b_i} = -2 \sum_n \bigl(y_n - f(b, x_n)\bigr) \frac{\partial f}{\partial b_i}(b, x_n)

    The mean of N rows is J = S/N, as in `gdlearn.MeanSquaredError`: a learning rate η means the same for both.

    Parameters
    ----------
    model : SymbolicFunction or str
        f, or its text; its variables that have no data are the parameters.
    data : mapping from name to array-like of shape (n_rows,)
        Variables of the model and their values.
    y : array-like of shape (n_rows,)
    reduction : {"sum", "mean"}, default="sum"

    Attributes
    ----------
    model : SymbolicFunction
    variables : tuple of str
        The parameters, in the order of the model's variables.
    data : dict of str to ndarray of shape (n_rows,)
    y : ndarray of shape (n_rows,)
    reduction : str
    symbol : str
        The letter for the value: "S" for the sum, "J" for the mean.

    Raises
    ------
    ValueError, TypeError
        If the data are not finite columns of one length that belong to variables of the model.

    Examples
    --------
    >>> from gdlearn.symbolic import ResidualSumOfSquares
    >>> S = ResidualSumOfSquares("a*exp(b*x)", {"x": [0.0, 1.0]}, [1.0, 3.0])
    >>> S.variables, S([1.0, 0.0]), S.gradient_at([1.0, 0.0])
    (('a', 'b'), 4.0, array([-4., -4.]))
    >>> path = S.descend([1.0, 0.0], 0.05, max_iter=500, tol=1e-9)
    >>> print(path.points[-1].round(6))
    [1.       1.098612]
    """

    def __init__(
        self,
        model: SymbolicFunction | str,
        data: Mapping[str, ArrayLike],
        y: ArrayLike,
        reduction: Literal["sum", "mean"] = "sum",
    ) -> None:
        model = SymbolicFunction(model) if isinstance(model, str) else model
        _check(model, data, reduction)
        self.model, self.reduction = model, reduction
        self.symbol = "S" if reduction == "sum" else "J"
        self.data = {name: _column(name, column) for name, column in data.items()}
        self.y = _column("y", y)
        lengths = {name: len(column) for name, column in (*self.data.items(), ("y", self.y))}
        if len(set(lengths.values())) > 1:
            found = ", ".join(f"{name}: {n}" for name, n in lengths.items())
            raise InvalidParameterError(f"The columns of {OWNER} must have one length. Got {found} instead.")
        self.variables = tuple(name for name in model.variables if name not in self.data)

    def __repr__(self) -> str:
        mean = ', reduction="mean"' if self.reduction == "mean" else ""
        return f"{OWNER}({self.model!r}, {len(self.y)} rows of {', '.join(self.data) or 'no variables'} and y{mean})"

    @property
    def _share(self) -> float:
        """What the square of each residual counts."""
        return 1.0 if self.reduction == "sum" else 1.0 / len(self.y)

    def _in_words(self, theta: Array) -> InWords:
        f, n, show = self.symbol, len(self.y), self.model.notation
        names = [Words(name, show.latex(symbol(name))) for name in self.variables]
        of = Words(", ".join(self.variables), ", ".join(name.latex for name in names))
        one, two = (Words("", ""), Words("2", "2"))
        if self.reduction == "mean":
            one, two = Words("1/N ", r"\frac{1}{N} "), Words("2/N", r"\frac{2}{N}")
        model = show.latex(self.model.expression)
        heading = Words(
            f"{f}({of.text}) = {one.text}Σ (yₙ − ŷₙ)² with ŷ = {self.model}, N = {n}",
            rf"{f}({of.latex}) = {one.latex}\sum_n (y_n - \hat y_n)^2, \quad \hat y = {model}",
        )
        partials = [
            Words(
                f"−{two.text} Σ (yₙ − ŷₙ) ∂ŷₙ/∂{name.text}",
                rf"-{two.latex} \sum_n (y_n - \hat y_n) \frac{{\partial \hat y_n}}{{\partial {name.latex}}}",
            )
            for name in names
        ]
        return InWords(heading, names, [(partial,) for partial in partials])

    def __call__(self, theta: ArrayLike | Mapping[str, ArrayLike], *, outside: Outside = "raise") -> float | Array:
        """The value S(θ).

        Parameters
        ----------
        theta : array-like of shape (..., p), or mapping from name to array-like
            The parameters, in the order of `variables` or by name.
        outside : {"raise", "nan"}, default="raise"
            What becomes of points where the model is not defined for some row.

        Returns
        -------
        float, or ndarray of shape (...)
            In units of y squared.

        Raises
        ------
        DomainError
            Where the model has no finite value for some row, or S is too large for float64.
        """
        theta = points(OWNER, "theta", self.variables, theta)
        total = np.empty(theta.shape[:-1])
        for block, residual, _ in self._blocks(theta, outside):
            total.reshape(-1)[block] = self._share * np.einsum("bn,bn->b", residual, residual)
        self._refuse(theta, np.isfinite(total), outside)
        total[~np.isfinite(total)] = np.nan
        return plain(total)

    def gradient_at(self, theta: ArrayLike | Mapping[str, ArrayLike], *, outside: Outside = "raise") -> Array:
        """The gradient ∇S(θ), of shape (..., p).

        Parameters
        ----------
        theta, outside
            As for the value.

        Raises
        ------
        DomainError
            Where the model or a partial derivative by a parameter has no finite value for some row.
        """
        theta = points(OWNER, "theta", self.variables, theta)
        gradient = np.empty(theta.shape)
        for block, residual, named in self._blocks(theta, outside):
            partials = self.model.gradient_at(named, by=self.variables, outside=outside)
            gradient.reshape(-1, len(self.variables))[block] = (
                -2.0 * self._share * np.einsum("bn,bnp->bp", residual, partials)
            )
        finite = np.isfinite(gradient).all(axis=-1)
        self._refuse(theta, finite, outside)
        gradient[~finite] = np.nan
        return gradient

    def value_and_gradient(self, theta: Array) -> tuple[float, Array] | None:
        """S and ∇S at a point of shape (p,) in one pass over the rows, None where that takes a closer look."""
        found = self._over_rows(self._value_and_gradient_pass, theta)
        if found is None:
            return None
        residual, partials = found
        with np.errstate(over="ignore", invalid="ignore"):
            value = self._share * float(np.einsum("bn,bn->b", residual, residual)[0])
            gradient = -2.0 * self._share * np.einsum("bn,bnp->bp", residual, np.stack(partials, axis=-1))[0]
        return (value, gradient) if np.isfinite(value) and np.isfinite(gradient).all() else None

    def value_in_one_pass(self, theta: Array) -> float | None:
        """S alone at a point of shape (p,) in the same sense."""
        found = self._over_rows(self._value_pass, theta)
        if found is None:
            return None
        with np.errstate(over="ignore", invalid="ignore"):
            value = self._share * float(np.einsum("bn,bn->b", found[0], found[0])[0])
        return value if np.isfinite(value) else None

    @cached_property
    def _value_and_gradient_pass(self) -> Run:
        return self.model.one_pass(self.variables, on_arrays=True)

    @cached_property
    def _value_pass(self) -> Run:
        return self.model.one_pass((), on_arrays=True)

    def _over_rows(self, run: Run, theta: Array) -> tuple[Array, list[Array]] | None:
        """The residuals of shape (1, n_rows), and the partial derivatives of the model, of as many rows as fit."""
        if len(self.y) > BLOCK:
            return None
        parameters = dict(zip(self.variables, theta.tolist(), strict=True))
        with np.errstate(all="ignore"):
            found = run(*(self.data[name] if name in self.data else parameters[name] for name in self.model.variables))
        if found is None:
            return None
        shape = (1, len(self.y))
        value, *partials = (np.broadcast_to(output, shape) for output in found)
        return self.y - value, partials

    def _blocks(self, theta: Array, outside: Outside) -> Iterator[tuple[slice, Array, dict[str, Array]]]:
        """Some points at a time: which, their residuals of shape (b, n_rows), and the model's variables by name."""
        flat = theta.reshape(-1, len(self.variables))
        some = max(1, BLOCK // max(1, len(self.y)))
        for first in range(0, len(flat), some):
            block = slice(first, first + some)
            parameters = dict(zip(self.variables, flat[block].T[:, :, np.newaxis], strict=True))
            named = {name: self.data[name] if name in self.data else parameters[name] for name in self.model.variables}
            residual = self.y - np.broadcast_to(self.model(named, outside=outside), (len(flat[block]), len(self.y)))
            with np.errstate(over="ignore", invalid="ignore"):
                yield block, residual, named

    def _refuse(self, theta: Array, finite: Any, outside: Outside) -> None:
        """The sum itself has overflowed: the model would have raised before."""
        if outside == "raise" and not finite.all():
            first = theta[np.unravel_index(int(np.argmin(finite)), finite.shape)]
            raise DomainError(f"The sum of squared residuals is too large for float64 at {at(self.variables, first)}.")


def _check(model: Any, data: Any, reduction: Any) -> None:
    choice("sum", "mean").check(OWNER, "reduction", reduction)
    allowed("a SymbolicFunction or its text", lambda given: isinstance(given, SymbolicFunction)).check(
        OWNER, "model", model
    )
    allowed("a mapping from variables to columns", lambda given: isinstance(given, Mapping)).check(OWNER, "data", data)
    unknown = [name for name in data if name not in model.variables]
    if unknown or len(data) == len(model.variables):
        rule = "variables of the model, and not all of them:" if not unknown else "variables of the model:"
        raise InvalidParameterError(
            f"The 'data' parameter of {OWNER} must name {rule} {', '.join(model.variables)}. Got "
            f"{', '.join(map(str, unknown or data))} instead."
        )


def _column(name: str, values: Any) -> Array:
    column = finite_reals(OWNER, name, values)
    if column.ndim != 1 or not len(column):
        raise InvalidParameterError(
            f"The {name!r} column of {OWNER} must be a non-empty 1-D array. Got shape {column.shape} instead."
        )
    return column
