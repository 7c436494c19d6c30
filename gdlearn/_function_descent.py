"""Descent on a function of named variables, by the package's own loop: θ ← θ − η∇f(θ)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from ._account import Account
from ._arrays import Array
from ._descent import SmallGradient, Status, iterates, usual_ends
from ._descent import descend as take_steps
from ._objective import Evaluation, Iterate
from ._parameters import (
    CALLABLE_RATE,
    FRACTION,
    NONE,
    POSITIVE,
    POSITIVE_INTEGER,
    InvalidParameterError,
    check_nesterov,
    choice,
)
from ._points import DomainError, Function, one_point
from ._step_size import (
    StepRule,
    backtracking_line_search,
    constant,
    constant_momentum,
    lookahead_by,
    schedule,
)
from ._tables import GAP, abbreviated, html_table

SHOWN = 1, 2, 5
"""Of a long path the table shows these steps, and ten, a hundred, ... times them, and the last."""

MOST_SHOWN = 4
"""Variables up to which the table shows every one."""

ALL_SHOWN = 12
"""Steps up to which the table shows every one."""


NOWHERE = np.empty(0)


@dataclass(frozen=True, eq=False, repr=False)
class DescentPath:
    """The path of a descent; its text is a table.

    Attributes
    ----------
    variables : tuple of str
        The names of the d variables.
    points : ndarray of shape (n_steps + 1, d)
        The iterates, the start first.
    values : ndarray of shape (n_steps + 1,)
        f at each.
    gradients : ndarray of shape (n_steps + 1, d)
        ∇f at each; NaN at a last point where f is not differentiable.
    rates : ndarray of shape (n_steps,)
        η of each step.
    status : Status
        How it ended, as a member of an enumeration.
    message : str
        How it ended, in numbers, and what would help.
    learning_rate : float, "backtracking" or callable
        As asked for.
    symbol : str
        The letter for the function's value.

    Examples
    --------
    >>> from gdlearn import MeanSquaredError
    >>> MeanSquaredError([0.0, 1.0], [1.0, 3.0]).descend([0.0, 0.0], 0.5, max_iter=2)
    step            θ₀            θ₁             J      ‖∇J‖
       0             0             0             5         5
       1             2           1.5         0.625      1.58
       2          1.25          1.25       0.15625     0.559
    All 2 steps were taken; ‖∇J‖ went from 5 to 0.559. J fell from 5 to 0.15625.
    """

    variables: tuple[str, ...]
    points: Array
    values: Array
    gradients: Array
    rates: Array
    status: Status
    message: str
    learning_rate: float | Literal["backtracking"] | Callable[[int], float]
    symbol: str = "f"

    @property
    def n_steps(self) -> int:
        """The number of steps taken."""
        return len(self.rates)

    def __str__(self) -> str:
        header, *rows = self._cells()
        widths = [4, *(3 if name == GAP else 14 for name in header[1:-1]), 10]
        lines = ["".join(map(str.rjust, row, widths)) for row in (header, *rows)]
        return "\n".join([*lines, self.message])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        header, *rows = self._cells()
        return f"{html_table(header, rows)}<p>{escape(self.message)}</p>"

    def _cells(self) -> list[list[str]]:
        """The table: its header, and the steps that are shown; of many variables the first ones and the last."""
        f, places = self.symbol, abbreviated(range(len(self.variables)), MOST_SHOWN)
        cells = [["step", *(GAP if i is None else self.variables[i] for i in places), f, f"‖∇{f}‖"]]
        for k in _shown(self.n_steps):
            point = [GAP if i is None else f"{self.points[k, i] + 0.0:.6g}" for i in places]  # -0 is 0
            slope = math.hypot(*self.gradients[k].tolist())
            cells.append([str(k), *point, f"{self.values[k] + 0.0:.6g}", f"{slope:.3g}"])
        return cells


DescentPath.__module__ = "gdlearn"  # as users import it, also where they have not yet


def descend(
    function: Function,
    start: ArrayLike | Mapping[str, float],
    learning_rate: Any = 0.1,
    *,
    momentum: float = 0.0,
    nesterov: bool = False,
    max_iter: int = 100,
    tol: float | None = None,
) -> DescentPath:
    r"""Gradient descent on any function with `variables`, a value and `gradient_at`; see `Descendable.descend`."""
    _check(function, learning_rate, momentum, nesterov, max_iter, tol)
    theta = one_point("descend", "start", function.variables, start)
    seen = [Iterate(0, theta, float(function(theta)), function.gradient_at(theta))]
    if not math.isfinite(seen[0].value):
        raise InvalidParameterError(f"The 'start' parameter of descend is so far out that f overflows: {theta}.")
    rates: list[float] = []

    def record(point: Iterate, rate: float) -> bool:
        seen.append(point)
        rates.append(rate)
        return not math.isfinite(sum(point.gradient.tolist()))

    surface = _Surface(function)
    asked_momentum = constant_momentum(float(momentum), lookahead_by(surface.gradient) if nesterov else None)
    with np.errstate(all="ignore"):
        descent = take_steps(
            iterates(surface, theta, _rule(learning_rate, surface), asked_momentum),
            *usual_ends(int(max_iter), None if tol is None else SmallGradient(np.asarray(float(tol))), record),
        )
    points, values, gradients = (np.array(column) for column in list(zip(*seen, strict=True))[1:])
    symbol = getattr(function, "symbol", "f")
    asked = learning_rate, float(momentum), bool(nesterov), tol
    account = Account(function, symbol, *asked, points, values, gradients, descent.rate)
    status, message = account.tell(descent.status, surface.refusal, surface.where)
    variables = tuple(function.variables)
    return DescentPath(variables, points, values, gradients, np.array(rates), status, message, learning_rate, symbol)


class _Surface:
    """A function as the loop asks for it: NaN outside its domain, and the last `refusal` says why, with its place."""

    def __init__(self, function: Function) -> None:
        self._function = function
        self._one_pass = getattr(function, "value_and_gradient", lambda theta: None)
        self._value_pass = getattr(function, "value_in_one_pass", lambda theta: None)
        self.refusal: DomainError | None = None
        self.where = NOWHERE

    def at(self, theta: Array, k: int = 0) -> Evaluation:
        """The value and the gradient, which are the same at every step k; in one pass where that tells them."""
        found = self._one_pass(theta)
        if found is not None:
            self.refusal, self.where = None, NOWHERE
            return Evaluation(*found)
        return Evaluation(self.value(theta), self.gradient(theta))

    def value(self, theta: Array) -> float:
        """The value f(θ)."""
        if not np.isfinite(theta).all():
            if self.refusal is None:  # else no gradient at a point looked ahead to led here
                self.where = theta
            return np.nan
        found: float | None = self._value_pass(theta)
        if found is not None:
            return found
        try:
            return float(self._function(theta))
        except DomainError as error:
            self._refuse(theta, error)
            return np.nan

    def gradient(self, theta: Array) -> Array:
        """The gradient ∇f(θ)."""
        nowhere = np.full_like(theta, np.nan)
        if not np.isfinite(theta).all():
            return nowhere
        try:
            gradient = self._function.gradient_at(theta)
        except DomainError as error:
            if not np.array_equal(theta, self.where):  # of two, why there is no value
                self._refuse(theta, error)
            return nowhere
        self._refuse(NOWHERE, None)
        return gradient

    def _refuse(self, where: Array, refusal: DomainError | None) -> None:
        self.where, self.refusal = where, refusal


def _rule(learning_rate: Any, surface: _Surface) -> StepRule:
    if callable(learning_rate):
        return schedule(learning_rate)
    if isinstance(learning_rate, str):
        return backtracking_line_search(surface)
    return constant(float(learning_rate))


def _check(function: Function, learning_rate: Any, momentum: Any, nesterov: Any, max_iter: Any, tol: Any) -> None:
    (POSITIVE | choice("backtracking") | CALLABLE_RATE).check("descend", "learning_rate", learning_rate)
    FRACTION.check("descend", "momentum", momentum)
    check_nesterov("descend", nesterov, momentum)
    POSITIVE_INTEGER.check("descend", "max_iter", max_iter)
    (NONE | POSITIVE).check("descend", "tol", tol)
    if isinstance(learning_rate, str) and momentum:
        raise InvalidParameterError(
            f"The 'momentum' parameter of descend must be 0 with learning_rate=\"backtracking\", which searches along "
            f"−∇f alone. Got {momentum!r} instead."
        )
    if not function.variables:
        raise InvalidParameterError("A function without variables cannot be descended.")


def _shown(n_steps: int) -> list[int]:
    """The steps that a table shows."""
    if n_steps <= ALL_SHOWN:
        return list(range(n_steps + 1))
    thinned = {digit * 10**power for power in range(len(str(n_steps))) for digit in SHOWN}
    return [0, *sorted(k for k in thinned if k < n_steps), n_steps]
