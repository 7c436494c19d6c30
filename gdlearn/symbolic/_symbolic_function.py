"""SymbolicFunction: a text in, its partial derivatives in symbols and in numbers out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy
from numpy.typing import ArrayLike, NDArray

from .._arrays import Array
from .._descendable import Descendable
from .._explained_step import InWords
from .._points import DomainError, one_point, points
from .._tables import Words
from .._warnings import warn_where_called
from ._conditions import domain_of
from ._crossings import first_jump, kinks_crossed
from ._declarations import declared_variables, held_constants
from ._difference_quotients import DifferenceQuotients, difference_quotients
from ._domain import Domain
from ._evaluation import OWNER, plain
from ._expression import as_typed, parts, symbol
from ._kinks import Kinks
from ._names import in_order
from ._parser import parse, read
from ._second_derivatives import TwiceDifferentiable
from ._steps import Step, naming_constants, steps
from ._text import Notation, text
from ._tree import names_in
from ._values import Values

if TYPE_CHECKING:
    from .._gradient_check import GradientCheck

CHECKED_TO = 5e-7
"""The part of a partial to which finite differences must agree: whoever is off by a millionth never passes."""


class SymbolicFunction(TwiceDifferentiable, Descendable):
    r"""A function of real variables, typed as text.

    .. math::  \nabla f = \Bigl(\frac{\partial f}{\partial x_1}, \dots, \frac{\partial f}{\partial x_d}\Bigr)^T

    The text is read by a small grammar and never executed: numbers, names, Greek letters, ``+ - * / ** ^``, the signs
    ``− × · ÷ √`` and superscript digits, parentheses, ``|x|``, products such as ``2x``, ``3(x + 1)`` and ``x^2 y``,
    calls such as ``sin(x)``, ``sin x`` and ``sin^2(x)``, ``f(x, y) =`` in front, the functions exp, ln (log), log10,
    sqrt, cbrt, abs, sign, min, max, erf, the trigonometric and hyperbolic ones with their inverses, and the constants
    ``pi`` (π) and ``e``. Every other name is a real variable, and ``xy`` is one variable, not a product: a warning says
    so. ``x**(1/3)`` is defined for x ≥ 0; ``cbrt(x)`` for every x.

    Parameters
    ----------
    expression : str
    variables : iterable of str, optional
        The variables in the order of theta's entries, also those that the text does not use. Without it they are the
        names in front of "=", as in ``f(y, x) = ...``, or else those of the text: of one letter in alphabetical order,
        longer ones where they appear. ``pi`` and ``e`` are variables if they are named here.
    constants : mapping from str to float, optional
        Names that are held constant at these values: letters in the formulas, numbers in values and in the domain.

    Attributes
    ----------
    text : str
        As typed.
    variables : tuple of str
    constants : dict
    notes : tuple of str
        How the text was read where something else may be meant, and the order of the variables where it is not that
        in which they appear.
    expression : SymPy expression
        As SymPy simplifies it at once: x/x is 1 there, while the domain still says x != 0. It prints in SymPy's words,
        log for the natural logarithm; ``notation.text(expression)`` writes it as it is typed, with ln.

    Raises
    ------
    ExpressionError
        If the text cannot be read; it points at the column.

    Warns
    -----
    UserWarning
        Where a name may be meant as a product or a number, such as xy or Pi. None where `variables` names it.

    Examples
    --------
    >>> from gdlearn.symbolic import SymbolicFunction
    >>> f = SymbolicFunction("x**2*y + sin(x*y)")
    >>> f.partials
    {'x': 2*x*y + y*cos(x*y), 'y': x**2 + x*cos(x*y)}
    >>> f([1.0, 0.0]), f.gradient_at([1.0, 0.0])
    (0.0, array([0., 2.]))
    >>> f(1, 0) == f(x=1, y=0)
    True
    >>> for step in f.steps("x")[:3]:
    ...     print(step)
    linearity: sum: ∂/∂x[x**2*y + sin(x*y)] = ∂/∂x[x**2*y] + ∂/∂x[sin(x*y)]
    linearity: constant factor: ∂/∂x[x**2*y] = y*∂/∂x[x**2]
    power rule: ∂/∂x[x**2] = 2*x
    >>> f.check([1.0, 2.0]).passed
    True
    >>> print(SymbolicFunction("ln(1 - x**2 - y**2)/y").domain)
    1 - x**2 - y**2 > 0 and y != 0
    >>> SymbolicFunction("ln(x)")(-1.0)
    Traceback (most recent call last):
        ...
    gdlearn.symbolic.DomainError: ln(x) needs x > 0, and x = -1.
    """

    def __init__(
        self,
        expression: str,
        variables: Iterable[str] | None = None,
        constants: Mapping[str, float] | None = None,
    ) -> None:
        if not isinstance(expression, str):
            raise TypeError(f"expression must be a text such as 'x**2*y', got {type(expression).__name__}.")
        declared = None if variables is None else declared_variables(variables)
        self.constants = {} if constants is None else held_constants(OWNER, constants, declared or ())
        reading = read(expression, declared, self.constants)
        self.text = expression
        names = names_in(reading.tree)
        self.variables = in_order(names) if reading.declared is None else reading.declared
        self.notes = reading.notes
        if reading.declared is None and list(self.variables) != names:
            self.notes += (f"The variables are in alphabetical order: {', '.join(self.variables)}.",)
        for note in reading.notes:
            warn_where_called(note, UserWarning)
        self._tree, self._parts = reading.tree, list(parts(reading.tree, expression))
        self._held_parts = self._parts  # with the constants' values
        if self.constants:
            self._tree = parse(expression, (*self.variables, *self.constants))
            self._parts = list(parts(self._tree, expression))
        self.expression, self._held = self._parts[-1][1], self._held_parts[-1][1]
        self._symbols = tuple(symbol(name) for name in self.variables)
        self._derivations: dict[str, list[Step]] = {}
        self._gradients: dict[tuple[str, ...], tuple[Values, Domain, Kinks]] = {}

    def __reduce__(self) -> Any:
        return type(self), (self.text, self.variables, self.constants)

    def __str__(self) -> str:
        return str(self._tree)

    def __repr__(self) -> str:
        constants = f", constants={self.constants!r}" if self.constants else ""
        return f"SymbolicFunction({str(self)!r}, variables={list(self.variables)!r}{constants})"

    @cached_property
    def partials(self) -> dict[str, sympy.Expr]:
        """Name of a variable → partial derivative by it, a SymPy expression, moderately simplified."""
        return _Partials({name: self.steps(name)[-1].after for name in self.variables})

    def steps(self, variable: str) -> list[Step]:
        """The partial derivative by a variable, rule by rule.

        Parameters
        ----------
        variable : str

        Returns
        -------
        list of Step
            Each with its `rule` in words, and what it leads from and to, `before` and `after`; as text and LaTeX too.
            Where there is more than one, "put together" puts all that was found into one line. The last is "simplify",
            and its `after` the partial derivative.
        """
        place = self._place(variable)
        if variable not in self._derivations:
            several = len(self.variables) > 1
            found = steps(self.expression, self._symbols[place], several, self.notation)
            self._derivations[variable] = [naming_constants(step, self.constants) for step in found]
        return list(self._derivations[variable])

    @cached_property
    def notation(self) -> Notation:
        """How expressions are written, ``notation.text(f.expression)``: terms and factors as typed where they can be.

        Examples
        --------
        >>> from gdlearn.symbolic import SymbolicFunction
        >>> f = SymbolicFunction("5x + 3x^2")
        >>> print(f.expression, "|", f.notation.text(f.expression))
        3*x**2 + 5*x | 5*x + 3*x**2
        """
        return as_typed(self._parts)

    @cached_property
    def domain(self) -> Domain:
        """Where the function is defined and where it is differentiable, as conditions."""
        return domain_of(self._held_parts)

    def in_domain(self, theta: ArrayLike | Mapping[str, ArrayLike]) -> bool | NDArray[np.bool_]:
        """Whether the function is defined at θ: a bool, or an array of them of shape (...).

        Examples
        --------
        >>> from gdlearn.symbolic import SymbolicFunction
        >>> SymbolicFunction("sqrt(x*y)").in_domain([[1.0, 2.0], [-1.0, 2.0], [-1.0, -2.0]])
        array([ True, False,  True])
        """
        theta = points(OWNER, "theta", self.variables, theta)
        inside = np.broadcast_to(self.domain.contains(self._named(theta)), theta.shape[:-1])
        return inside if inside.ndim else bool(inside)

    def _first_jump(self, path: Array) -> tuple[int, str] | None:
        return first_jump(self.domain, self.variables, path)

    def _kinks_crossed(self, path: Array) -> tuple[int, str] | None:
        return kinks_crossed(self.domain, self.variables, path)

    @property
    def gradient(self) -> sympy.ImmutableMatrix:
        """The partial derivatives as a SymPy column, an `ImmutableMatrix`."""
        return sympy.ImmutableMatrix(len(self.variables), 1, list(self.partials.values()))

    def latex(self) -> str:
        """The function and its gradient in LaTeX."""
        show = self.notation.latex
        of = ", ".join(map(show, self._symbols))
        return rf"f({of}) = {show(self.expression)}, \quad \nabla f({of}) = {show(self.gradient)}"

    def _in_words(self, theta: Array) -> InWords:
        show = self.notation
        names = [Words(name, show.latex(s)) for name, s in zip(self.variables, self._symbols, strict=True)]
        of = Words(", ".join(self.variables), ", ".join(name.latex for name in names))
        heading = Words(f"f({of.text}) = {self}", f"f({of.latex}) = {show.latex(self.expression)}")
        formulas = [Words(show.text(partial), show.latex(partial)) for partial in self.partials.values()]
        return InWords(heading, names, [(formula,) for formula in formulas])

    def _repr_latex_(self) -> str:
        return rf"$\displaystyle {self.latex()}$"

    def check(self, theta: ArrayLike | Mapping[str, ArrayLike]) -> GradientCheck:
        """The symbolic gradient against finite differences at one point: see `gdlearn.check_gradient`.

        The differences are those of the smooth piece on which theta lies: beyond its kink |u| goes on as u, or −u.

        Returns
        -------
        GradientCheck
            ``passed`` is True, False, or None where finite differences cannot measure a partial to a millionth, such as
            next to a removable singularity, where f has few digits left; ``in_words()`` says which and why.

        Examples
        --------
        >>> from gdlearn.symbolic import SymbolicFunction
        >>> print(SymbolicFunction("1/(1 + exp(-x))").check([2.0]).passed)
        True
        >>> print(SymbolicFunction("1/(1 + exp(-x))").check([40.0]).passed)
        None
        """
        from .._gradient_check import check_gradient  # with SciPy, which the rest does without

        point = one_point(OWNER, "theta", self.variables, theta)
        piece = self._value_program.smooth_piece(point.tolist())
        here = float(np.asarray(self(point)))
        if abs(piece(point.tolist())[0] - here) <= abs(here) / 2.0:
            return check_gradient(lambda t: piece(list(t))[0], self.gradient_at, point, resolution=CHECKED_TO)
        value = partial(self, outside="nan")  # the piece overflows on its way, or has no digit left
        return check_gradient(value, self.gradient_at, point, resolution=CHECKED_TO)

    def directional_derivative(self, theta: ArrayLike | Mapping[str, ArrayLike], direction: ArrayLike) -> float | Array:
        r"""The slope of f at θ along a direction, ∇f(θ)·u with u the direction scaled to length 1.

        Parameters
        ----------
        theta : array-like of shape (..., d) or mapping
        direction : array-like of shape (d,) or (..., d)

        Raises
        ------
        ValueError
            If the direction is zero, not finite, or of another dimension.

        Examples
        --------
        >>> from gdlearn.symbolic import SymbolicFunction
        >>> SymbolicFunction("x**2 + y**2").directional_derivative([3.0, 4.0], [1.0, 0.0])
        6.0
        """
        u = np.asarray(direction, dtype=np.float64)
        if u.shape[-1:] != (len(self.variables),):
            raise ValueError(f"direction must have {len(self.variables)} entries on its last axis, got {u.shape}.")
        if not (np.isfinite(u).all() and u.any(axis=-1).all()):
            raise ValueError("direction must be finite and not zero.")
        u, _ = _unit(u)
        with np.errstate(over="ignore", invalid="ignore"):
            return plain(_finite("The slope", (self.gradient_at(theta) * u).sum(axis=-1)))

    def steepest_ascent(self, theta: ArrayLike | Mapping[str, ArrayLike]) -> tuple[Array, float | Array]:
        """The unit direction in which f rises fastest, ∇f/‖∇f‖, and its rate, ‖∇f‖.

        Where ∇f = 0 there is no such direction: it is given as zero, with rate 0.

        Examples
        --------
        >>> from gdlearn.symbolic import SymbolicFunction
        >>> SymbolicFunction("3x + 4y").steepest_ascent([0.0, 0.0])
        (array([0.6, 0.8]), 5.0)
        """
        direction, length = _unit(self.gradient_at(theta))
        return direction, plain(_finite("The rate", length))

    def difference_quotients(
        self, theta: ArrayLike | Mapping[str, ArrayLike], variable: str | None = None
    ) -> DifferenceQuotients:
        r"""The definition of the partial derivative, in numbers.

        .. math::  \frac{\partial f}{\partial x_i} = \lim_{h \to 0} \frac{f(\theta + h e_i) - f(\theta)}{h}

        Parameters
        ----------
        theta : array-like of shape (d,) or mapping
        variable : str, optional
            By which variable; it may be left out if there is one only.

        Returns
        -------
        DifferenceQuotients
            Its text is a table.

        Examples
        --------
        >>> from gdlearn.symbolic import SymbolicFunction
        >>> table = SymbolicFunction("exp(x)").difference_quotients(0.0)
        >>> print(table.quotient[:3].round(4), table.h[table.best])
        [1.7183 1.0517 1.005 ] 1e-08
        """
        i = 0 if variable is None and len(self.variables) == 1 else self._place(variable)
        return difference_quotients(self, one_point(OWNER, "theta", self.variables, theta), i)


class _Partials(dict[str, sympy.Expr]):
    """A dict that prints its expressions as they are typed, with ln for the logarithm."""

    def __repr__(self) -> str:
        return f"{{{', '.join(f'{name!r}: {text(partial)}' for name, partial in self.items())}}}"


def _unit(vectors: Array) -> tuple[Array, Array]:
    """Vectors on the last axis at length 1, or zero, and their lengths; squares neither overflow nor vanish."""
    largest = np.abs(vectors).max(axis=-1, keepdims=True, initial=0.0)
    scaled = vectors / np.where(largest > 0, largest, 1.0)
    length = np.linalg.norm(scaled, axis=-1, keepdims=True)
    with np.errstate(over="ignore"):
        return scaled / np.where(length > 0, length, 1.0), (length * largest)[..., 0]


def _finite(name: str, values: Array) -> Array:
    if not np.isfinite(values).all():
        raise DomainError(f"{name} is too large for float64.")
    return values
