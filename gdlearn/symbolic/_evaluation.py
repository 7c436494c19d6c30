"""Values and gradients of a function typed as text, on arrays, to all their digits or with a warning."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, Literal, cast

import numpy as np
import sympy
from numpy.typing import ArrayLike

from .._arrays import Array
from .._points import DomainError, as_one, at, one_point, points
from ._domain import Domain
from ._holes import limits_beside
from ._kinks import Kinks
from ._numbers import Program
from ._steps import steps
from ._values import MOST_POINTS, Run, Values, one_pass

OWNER = "SymbolicFunction"

Outside = Literal["raise", "nan"]


class Evaluated:
    """The part of `SymbolicFunction` that knows its numbers."""

    variables: tuple[str, ...]
    constants: dict[str, float]
    _symbols: tuple[Any, ...]
    _held: sympy.Expr
    _gradients: dict[tuple[str, ...], tuple[Values, Domain, Kinks]]

    @property
    def _function(self) -> Any:
        """The whole object, of which this class is a part."""
        return self

    def __call__(self, *theta: Any, outside: Outside = "raise", **named: Any) -> float | Array:
        """The value f(θ): ``f([1, 2])``, ``f({"x": 1, "y": 2})``, ``f(1, 2)`` or ``f(x=1, y=2)``.

        Parameters
        ----------
        theta : array-like of shape (..., d), or mapping from name to array-like
            One entry on the last axis for each variable, in the order of `variables`; or by name, broadcast against
            each other. Of a single variable a plain number will do. Or one argument for each variable.
        outside : {"raise", "nan"}, default="raise"
            What becomes of points where f is not defined.
        **named : array-like
            The entries by name; they and several positional ones broadcast against each other.

        Returns
        -------
        float, or ndarray of shape (...)

        Raises
        ------
        DomainError
            Where f has no finite value; the message names the part of the text and the condition.

        Warns
        -----
        PrecisionWarning
            Where fewer than nine digits are correct, which more digits on the way could not mend.
        """
        point = as_one(OWNER, self.variables, theta, named)
        return plain(self._evaluate(self._values, self._function.domain, point, outside)[0])

    def gradient_at(
        self,
        theta: ArrayLike | Mapping[str, ArrayLike],
        *,
        by: Iterable[str] | None = None,
        outside: Outside = "raise",
    ) -> Array:
        """The gradient ∇f(θ), of shape (..., d), by the formulas of `partials`.

        Where f has a kink or a vertical tangent in one of its parts, as x*abs(x) at 0, the derivative is given if the
        formula has one and the same value from all sides.

        Parameters
        ----------
        theta, outside
            As for the value.
        by : iterable of str, default=None
            Only the partial derivatives by these variables, in this order.

        Raises
        ------
        DomainError
            Where f is not differentiable, or a partial derivative has no finite value; it names those that exist.

        Examples
        --------
        >>> from gdlearn.symbolic import SymbolicFunction
        >>> SymbolicFunction("x*abs(x) + y").gradient_at([0.0, 1.0])
        array([0., 1.])
        >>> SymbolicFunction("x^y").gradient_at([-2.0, 3.0], by=["x"])
        array([12.])
        """
        names = self.variables if by is None else tuple(by)
        for name in names:
            self._place(name)
        values, domain, kinks = self._gradient_by(names)
        try:
            value, *partials = self._evaluate(values, domain, theta, outside, kinks)
        except DomainError as error:
            raise self._with_what_exists(error, theta, names) from None
        if not partials:
            return np.empty((*value.shape, 0))
        gradient: Array = np.stack(partials, axis=-1)
        return gradient

    def limit_at(self, theta: ArrayLike | Mapping[str, ArrayLike]) -> float:
        r"""The limit of f at a point, for holes in its domain: :math:`\sin(x)/x` tends to 1 where x tends to 0.

        It is not proved but seen: f is evaluated at distances down to 1e-60, in 1,387 digits, and taken to have the
        limit at which its values settle from both sides, or from the one that lies in the domain.

        Parameters
        ----------
        theta : number, array-like of shape (1,) or mapping
            A point of a function of one variable; of several a limit may depend on the direction, so hold the others
            constant with `constants`.

        Raises
        ------
        DomainError
            If f is not seen to have a finite limit.

        Examples
        --------
        >>> from gdlearn.symbolic import SymbolicFunction
        >>> SymbolicFunction("sin(x)/x").limit_at(0)
        1.0
        >>> SymbolicFunction("abs(x)/x").limit_at(0)
        Traceback (most recent call last):
            ...
        gdlearn.symbolic.DomainError: abs(x)/x tends to -1 from below and to 1 from above at x = 0.
        """
        if len(self.variables) != 1:
            raise ValueError(f"limit_at takes a function of one variable; this one has {len(self.variables)}.")
        point = one_point(OWNER, "theta", self.variables, theta)
        found = limits_beside(self._value_program, self._function.domain, float(point[0]))
        if found and all(limit == found[0] for limit in found):
            return found[0] + 0.0
        where = f"at {at(self.variables, point)}"
        if len(found) == 2 and not np.isnan(found).any():
            raise DomainError(f"{self} tends to {found[0]:.6g} from below and to {found[1]:.6g} from above {where}.")
        what = "not seen to have a finite limit" if found else "defined on neither side"
        raise DomainError(f"{self} is {what} {where}.")

    @cached_property
    def _value_program(self) -> Program:
        return Program([self._held], self._symbols)

    @cached_property
    def _values(self) -> Values:
        return Values(self._value_program, ["f"])

    def value_and_gradient(self, theta: Array) -> tuple[float, Array] | None:
        """f and ∇f at a point of shape (d,) in one pass, for loops; None where that takes a closer look.

        A closer look, that of `f(theta)` and `f.gradient_at(theta)`, is taken where float64 loses digits and next to
        the edge of where f is differentiable. Where it is not needed, the numbers are the same.
        """
        found = self._value_and_gradient_pass(*theta.tolist())
        return None if found is None else (found[0], np.array(found[1:]))

    def value_in_one_pass(self, theta: Array) -> float | None:
        """f alone at a point of shape (d,) in the same sense."""
        found = self._value_pass(*theta.tolist())
        return None if found is None else found[0]

    @cached_property
    def _value_and_gradient_pass(self) -> Run:
        return self.one_pass(self.variables)

    @cached_property
    def _value_pass(self) -> Run:
        return self.one_pass(())

    def one_pass(self, by: Iterable[str], on_arrays: bool = False) -> Run:
        """Straight-line code for f and its partial derivatives by some variables, from the values of all variables."""
        names = tuple(by)
        domain = self._function.domain.where_differentiable(names) if names else self._function.domain
        outputs = {"f": self._held, **{name: self._held_partials[name] for name in names}}
        sides = [side for condition in domain.defined for side in (condition.left, condition.right)]
        values = Values(Program([*outputs.values(), *sides], self._symbols), list(outputs))
        return one_pass(values, [condition.relation for condition in domain.defined], on_arrays)

    @cached_property
    def _held_partials(self) -> dict[str, sympy.Expr]:
        """The partial derivatives with the constants' values: of x^n with n = 2 the one at 0 is that of x^2."""
        if not self.constants:
            partials: dict[str, sympy.Expr] = self._function.partials
            return partials
        return {name: steps(self._held, at)[-1].after for name, at in zip(self.variables, self._symbols, strict=True)}

    def _gradient_by(self, names: tuple[str, ...]) -> tuple[Values, Domain, Kinks]:
        """The program of f and its partial derivatives by some variables, and where the rules give them."""
        if names not in self._gradients:
            program = Program([self._held, *(self._held_partials[name] for name in names)], self._symbols)
            values = Values(program, ["f", *(f"df/d{name}" for name in names)])
            self._gradients[names] = values, self._function.domain.where_differentiable(names), Kinks(program)
        return self._gradients[names]

    def _place(self, variable: Any) -> int:
        if variable not in self.variables:
            raise ValueError(f"variable must be one of {', '.join(self.variables)}; got {variable!r}.")
        return self.variables.index(variable)

    def _named(self, theta: Array) -> dict[str, Array]:
        return {name: theta[..., i] for i, name in enumerate(self.variables)}

    def _evaluate(
        self, values: Values, domain: Domain, theta: Any, outside: Outside, kinks: Kinks | None = None
    ) -> list[Array]:
        """The outputs of a program, all NaN outside a domain, or where one of them is not finite."""
        if outside not in ("raise", "nan"):
            raise ValueError(f'outside must be "raise" or "nan", got {outside!r}.')
        theta = points(OWNER, "theta", self.variables, theta)
        named, shape = self._named(theta), theta.shape[:-1]
        allowed = np.broadcast_to(domain.contains(named), shape)
        results = [np.array(output + 0.0) for output in values.at(list(named.values()), shape, allowed)]  # -0 is 0
        if kinks is not None and not allowed.all():
            allowed = self._at_kinks(kinks, domain, named, results, allowed)
        finite = np.logical_and.reduce([allowed, *map(np.isfinite, results)])
        if finite.all():
            return results
        if outside == "nan":
            return [np.where(finite, result, np.nan) for result in results]
        first = np.unravel_index(int(np.argmin(finite)), shape)
        refusal = domain.refusal({name: float(x[first]) for name, x in named.items()})
        if refusal is None:
            bad = next(i for i, result in enumerate(results) if not np.isfinite(result[first]))
            failure = values.program.failure(bad, theta[first].tolist())
            refusal = DomainError(f"{failure} at {at(self.variables, theta[first])}.")
        raise refusal

    def _with_what_exists(self, error: DomainError, theta: Any, names: tuple[str, ...]) -> DomainError:
        """A refused gradient's error, with the partial derivatives that exist at the first point without a gradient."""
        if len(names) < 2 or error.condition is None or not np.all(self._function.in_domain(theta)):
            return error
        theta = points(OWNER, "theta", self.variables, theta)
        defined = np.isfinite(self.gradient_at(theta, by=names, outside="nan")).all(axis=-1)
        point = theta[np.unravel_index(int(np.argmin(defined)), defined.shape)]
        exist = [name for name in names if np.isfinite(self.gradient_at(point, by=[name], outside="nan")).all()]
        if not exist:
            return error
        which = " and ".join(f"∂f/∂{name}" for name in exist)
        verbs = "exists there, and is" if len(exist) == 1 else "exist there, and are"
        return DomainError(f"{error} {which} {verbs} given with by={exist}.", error.condition)

    def _at_kinks(
        self, kinks: Kinks, domain: Domain, named: dict[str, Array], results: list[Array], allowed: Any
    ) -> Any:
        """Put the derivatives that exist at kinks into the results; which points are allowed now."""
        if domain.is_empty:  # at a point of a thin set, as that of sqrt(-x**2), no side is left
            return allowed
        allowed = np.array(allowed)
        inside = np.broadcast_to(self._function.domain.contains(named), allowed.shape)
        for place in map(tuple, np.argwhere(inside & ~allowed)[:MOST_POINTS]):
            point = {name: float(x[place]) for name, x in named.items()}
            found = kinks.at(list(point.values()))
            if found is not None and domain.fails_by_ties(point):
                allowed[place] = True
                for result, value in zip(results, found, strict=True):
                    result[place] = value + 0.0
        return allowed


def plain(result: Any) -> float | Array:
    """A float where it is one number."""
    return float(result) if np.ndim(result) == 0 else cast(Array, result)
