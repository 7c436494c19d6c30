"""Second derivatives of a function typed as text, and what they say of a stationary point."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import sympy
from numpy.typing import ArrayLike

from .._arrays import Array
from .._points import one_point
from .._stationary import StationaryPoint, stationary_point
from ._evaluation import OWNER, Evaluated
from ._numbers import Program
from ._steps import steps
from ._values import Values


class TwiceDifferentiable(Evaluated):
    """The part of `SymbolicFunction` that knows its second derivatives."""

    @cached_property
    def hessian(self) -> sympy.ImmutableMatrix:
        r"""The second derivatives :math:`\partial^2 f/\partial x_i\,\partial x_j` as a SymPy `ImmutableMatrix`.

        Examples
        --------
        >>> from gdlearn.symbolic import SymbolicFunction
        >>> SymbolicFunction("x**2*y").hessian
        Matrix([
        [2*y, 2*x],
        [2*x,   0]])
        """
        d, rows = len(self.variables), self._lower(self._function.partials)
        return sympy.ImmutableMatrix(d, d, lambda i, j: rows[max(i, j)][min(i, j)])

    def _lower(self, partials: Mapping[str, sympy.Expr]) -> list[list[sympy.Expr]]:
        """The rows of the Hessian up to its diagonal."""
        return [
            [steps(partial, x)[-1].after for x in self._symbols[: i + 1]] for i, partial in enumerate(partials.values())
        ]

    def hessian_at(self, theta: ArrayLike | Mapping[str, ArrayLike], *, outside: Any = "raise") -> Array:
        """The Hessian ∇²f(θ), of shape (..., d, d), by the formulas of `hessian`.

        Parameters
        ----------
        theta, outside
            As for the value.

        Raises
        ------
        DomainError
            Where f is not differentiable, or a second derivative has no finite value.

        Examples
        --------
        >>> from gdlearn.symbolic import SymbolicFunction
        >>> SymbolicFunction("x**2*y").hessian_at([1.0, 3.0])
        array([[6., 2.],
               [2., 0.]])
        """
        d = len(self.variables)
        values, domain = self._hessian_values, self._gradient_by(self.variables)[1]
        entries = self._evaluate(values, domain, theta, outside)[1:]
        lower = iter(entries)
        H: Array = np.empty((*entries[0].shape, d, d)) if entries else np.empty((0, 0))
        for i in range(d):
            for j in range(i + 1):
                H[..., i, j] = H[..., j, i] = next(lower)
        return H

    def classify(self, theta: ArrayLike | Mapping[str, ArrayLike], *, tol: float | None = None) -> StationaryPoint:
        r"""Whether a point is a minimum, a maximum or a saddle, by the eigenvalues of the Hessian.

        Where :math:`\nabla f = 0`: a minimum if all eigenvalues of :math:`\nabla^2 f` are positive, a maximum if all
        are negative, a saddle if there are both; undecided if none of these holds beyond rounding.

        Parameters
        ----------
        theta : array-like of shape (d,) or mapping
        tol : float, default=None
            The length of ∇f up to which the point counts as stationary; None takes the rounding of the point.

        Returns
        -------
        StationaryPoint
            Its `kind` is one of "minimum", "maximum", "saddle", "undecided" and "not stationary"; its text says why.

        Raises
        ------
        DomainError
            Where f has no gradient or no second derivatives.

        Examples
        --------
        >>> from gdlearn.symbolic import SymbolicFunction
        >>> SymbolicFunction("x**2 - y**2").classify([0.0, 0.0])
        A saddle: the eigenvalues of the Hessian are -2, 2 (each to within 7e-15): some are positive, some negative.
        >>> SymbolicFunction("x**4").classify(0.0).kind
        'undecided'
        """
        point = one_point(OWNER, "theta", self.variables, theta)
        gradient = self.gradient_at(point)
        self.hessian_at(point)

        def hessian_at(moved: Array) -> Array | None:
            H = self.hessian_at(moved, outside="nan")
            return H if np.isfinite(H).all() else None

        found = stationary_point(point, gradient, hessian_at, tol)
        assert found is not None  # the Hessian at the point has been found finite
        return found

    @cached_property
    def _hessian_values(self) -> Values:
        d = len(self.variables)
        lower = [(i, j) for i in range(d) for j in range(i + 1)]
        names = [f"d2f/(d{self.variables[i]} d{self.variables[j]})" for i, j in lower]
        rows = self._lower(self._held_partials)
        program = Program([self._held, *(rows[i][j] for i, j in lower)], self._symbols)
        return Values(program, ["f", *names])
