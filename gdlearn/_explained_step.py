"""One step of gradient descent written out: the partial derivatives, θ − η∇f in numbers, and what became of f."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import Array, beyond_float64
from ._parameters import POSITIVE
from ._points import DomainError, Function, one_point
from ._second_differences import curvature_along
from ._tables import WIDTH, Table, Words, abbreviated, derivative, distinguished, environment, factor, in_latex, number

MANY = 12
"""Variables up to which each has its lines."""

CLOSE = 1e-6
"""Relative: a rate that near the limit is said to be the limit."""

ROUNDING = 1e-13
"""Relative: a change of f that is no larger may be its rounding."""


class InWords(NamedTuple):
    """What a function says of itself at a point.

    Attributes
    ----------
    heading : Words
        Its formula.
    names : sequence of Words
        Its variables.
    partials : sequence of sequence of Words
        For each variable what its partial derivative is equal to: formulas, and the sums put in.
    table : Table or None
        The rows behind the sums.
    """

    heading: Words
    names: Sequence[Words]
    partials: Sequence[Sequence[Words]]
    table: Table | None = None


class Telling(Function, Protocol):
    """A function that can put itself into words."""

    symbol: str

    def _in_words(self, theta: Array) -> InWords: ...


@dataclass(frozen=True, eq=False, repr=False)
class ExplainedStep:
    r"""One step of gradient descent, written out: :math:`\theta \leftarrow \theta - \eta\nabla f(\theta)`.

    Printed, it is the calculation as on a blackboard; a notebook shows it as a table and formulas.

    Attributes
    ----------
    variables : tuple of str
    theta, gradient, next_theta : ndarray of shape (d,)
        The point, ∇f there, and θ − η∇f.
    learning_rate : float
        η.
    value, next_value : float
        f before and after the step; NaN where f has no value.
    fell : bool
        Whether f is smaller after the step.
    verdict : str
        Whether f fell, and if it did not, why.
    table : Table or None
        Of a mean squared error the rows behind the sums: ``table.rows`` are the numbers n of those that are shown, and
        ``table.columns`` maps each heading to its numbers; ``table.sums`` are over all rows.
    symbol : str
        The letter for the function's value.

    Examples
    --------
    >>> from gdlearn import MeanSquaredError
    >>> J = MeanSquaredError([1.0, 2.0, 3.0], [2.0, 4.0, 6.0])
    >>> J.explain_step([0.0, 0.0], learning_rate=0.05)
    J(θ₀, θ₁) = 1/N Σ (yₙ − ŷₙ)² with ŷₙ = θ₀ + θ₁xₙ, N = 3
    One step from θ₀ = 0, θ₁ = 0 with η = 0.05:
    <BLANKLINE>
      n  xₙ  yₙ  ŷₙ  yₙ − ŷₙ  xₙ(yₙ − ŷₙ)
      1   1   2   0        2            2
      2   2   4   0        4            8
      3   3   6   0        6           18
      Σ                   12           28
    <BLANKLINE>
    ∂J/∂θ₀ = −2/N Σ (yₙ − ŷₙ) = −2/3 · 12 = −8
    ∂J/∂θ₁ = −2/N Σ xₙ (yₙ − ŷₙ) = −2/3 · 28 = −18.6667
    <BLANKLINE>
    θ₀ − η ∂J/∂θ₀ = 0 − 0.05 · (−8) = 0.4
    θ₁ − η ∂J/∂θ₁ = 0 − 0.05 · (−18.6667) = 0.933333
    <BLANKLINE>
    J fell from 18.6667 to 3.76296.
    """

    variables: tuple[str, ...]
    theta: Array
    learning_rate: float
    gradient: Array
    next_theta: Array
    value: float
    next_value: float
    verdict: str
    table: Table | None
    symbol: str
    _words: InWords

    @property
    def fell(self) -> bool:
        """Whether f is smaller after the step."""
        return self.next_value < self.value

    def _shown(self) -> list[int | None]:
        return abbreviated(range(len(self.variables)), MANY)

    def _chains(self, way: int) -> list[list[str] | None]:
        """For each variable ∂f/∂x and what it is equal to, the number last; as text (way 0) or in LaTeX (1)."""
        chains: list[list[str] | None] = []
        for i in self._shown():
            if i is None:
                chains.append(None)
                continue
            value = number(float(self.gradient[i]))
            formulas = [words[way] for words in self._words.partials[i]]
            result = (value, in_latex(value))[way]
            chains.append([self._slope(i)[way], *(text for text in formulas if text != result), result])
        return chains

    def _slope(self, i: int) -> Words:
        name = self._words.names[i]
        return derivative(self.symbol, name, len(self.variables))

    def _steps(self, way: int) -> list[list[str] | None]:
        """For each variable x − η ∂f/∂x, with the numbers put in, and the result."""
        steps: list[list[str] | None] = []
        for i in self._shown():
            if i is None:
                steps.append(None)
                continue
            before, after = number(float(self.theta[i])), number(float(self.next_theta[i]))
            put_in = f"{before} − {number(self.learning_rate)} · {factor(float(self.gradient[i]))}"
            name, slope = self._words.names[i], self._slope(i)
            if way == 0:
                steps.append([f"{name.text} − η {slope.text}", put_in, after])
            else:
                steps.append([rf"{name.latex} - \eta {slope.latex}", in_latex(put_in), in_latex(after)])
        return steps

    def _start(self) -> str:
        point = ", ".join(
            "…" if i is None else f"{self._words.names[i].text} = {number(float(self.theta[i]))}" for i in self._shown()
        )
        return f"One step from {point} with η = {number(self.learning_rate)}:"

    def __str__(self) -> str:
        parts = [f"{self._words.heading.text}\n{_filled(self._start())}"]
        if self.table is not None:
            parts.append(self.table.text())
        parts += [
            "\n".join("…" if chain is None else _equations(chain) for chain in chains)
            for chains in (self._chains(0), self._steps(0))
        ]
        return "\n\n".join([*parts, _filled(self.verdict)])

    __repr__ = __str__

    def latex(self) -> str:
        """The table, the partial derivatives and the step in LaTeX."""
        lines = [
            r"&\;\;\vdots" if chain is None else f"{chain[0]} &= {' = '.join(chain[1:])}"
            for chain in [*self._chains(1), *self._steps(1)]
        ]
        before, after = (in_latex(value) for value in distinguished(self.value, self.next_value))
        lines.append(rf"{self.symbol} &: \quad {before} \;\to\; {after}")
        table = [] if self.table is None else [self.table.latex()]
        parts = [self._words.heading.latex, *table, environment("aligned", lines, "[0.6em]")]
        return environment("gathered", parts, "[1ex]")

    def _repr_latex_(self) -> str:
        return rf"$\displaystyle {self.latex()}$"

    def _repr_html_(self) -> str:
        def paragraph(lines: Sequence[str]) -> str:
            return f"<p>{'<br>'.join(map(escape, lines))}</p>"

        parts = [paragraph([self._words.heading.text, self._start()])]
        if self.table is not None:
            parts.append(self.table.html())
        parts += [
            paragraph(["…" if chain is None else " = ".join(chain) for chain in chains])
            for chains in (self._chains(0), self._steps(0))
        ]
        return "".join([*parts, paragraph([self.verdict])])


ExplainedStep.__module__ = "gdlearn"  # as users import it, also where they have not yet


def explain_step(function: Telling, theta: ArrayLike | Mapping[str, ArrayLike], learning_rate: Any) -> ExplainedStep:
    """One step on any function that can put itself into words; see `Descendable.explain_step`."""
    point = one_point("explain_step", "theta", function.variables, theta)
    POSITIVE.check("explain_step", "learning_rate", learning_rate)
    eta = float(learning_rate)
    value, gradient = float(function(point)), function.gradient_at(point)
    with beyond_float64():
        moved = point - eta * gradient
    refusal = ""
    try:
        after = float(function(moved)) if np.isfinite(moved).all() else np.nan
    except DomainError as error:
        after, refusal = np.nan, str(error)
    verdict = _verdict(function, _Step(point, gradient, moved, eta, value, after), refusal)
    words = function._in_words(point)
    variables = tuple(function.variables)
    return ExplainedStep(
        variables, point, eta, gradient, moved, value, after, verdict, words.table, function.symbol, words
    )


class _Step(NamedTuple):
    theta: Array
    gradient: Array
    moved: Array
    eta: float
    value: float
    after: float


def _verdict(function: Telling, step: _Step, refusal: str) -> str:
    """Whether f fell, and if it did not, why."""
    f, eta = function.symbol, number(step.eta)
    before, after = distinguished(step.value, step.after)
    if not step.gradient.any():
        return f"∇{f} = 0 here, so the step leads nowhere: {f} stays {before}."
    if refusal:
        return f"The step leads to a point where {f} has no value: {refusal} Take a smaller η than {eta}."
    if not np.isfinite(step.value):
        return f"{f} is too large for float64 before the step. Start elsewhere."
    if not np.isfinite(step.after):
        return f"{f} is too large for float64 after the step{_beside_limit(function, step)}"
    stable = step.eta * getattr(function, "curvature", np.inf) <= 2.0  # then f rises by rounding alone
    if abs(step.after - step.value) <= ROUNDING * abs(step.value) or (stable and step.after > step.value):
        return f"{f} is {before} before and after the step{_why_level(function, step)}."
    if step.after < step.value:
        return f"{f} fell from {before} to {after}.{_though_unstable(function, step)}"
    return f"{f} rose from {before} to {after}, although −∇{f} points downhill{_beside_limit(function, step)}"


def _why_level(function: Telling, step: _Step) -> str:
    """Whether f is as high on the other side of a valley, or the step too small for float64."""
    c = _curvature(function, step)
    if c and math.isclose(step.eta, 2.0 / c, rel_tol=CLOSE):
        return f": η = {number(step.eta)} is 2/c with c = {number(c)} the curvature of {function.symbol} along the step"
    return ", as far as float64 tells"


def _curvature(function: Telling, step: _Step) -> float | None:
    """The second derivative of f along −∇f where the step begins; None where it is not to be had."""
    direction = step.gradient / float(np.abs(step.gradient).max())
    return curvature_along(function, step.theta, direction / np.linalg.norm(direction))


def _though_unstable(function: Telling, step: _Step) -> str:
    """What a fall conceals where f is a quadratic and η beyond 2/L."""
    L = getattr(function, "curvature", 0.0)
    if step.eta * L <= 2.0:
        return ""
    return (
        f" Yet η = {number(step.eta)} is beyond 2/L = {number(2.0 / L)}, with L = {number(L)} the largest curvature of "
        f"{function.symbol}: such steps, repeated, lead away."
    )


def _beside_limit(function: Telling, step: _Step) -> str:
    """Why a step has led upwards: η beside 2/L, or beside the curvature where it began."""
    f, eta = function.symbol, number(step.eta)
    if hasattr(function, "curvature"):
        L = function.curvature
        return (
            f": η = {eta} is beyond 2/L = {number(2.0 / L)}, where L = {number(L)} is the largest curvature of {f}. "
            "The step has crossed the valley and ended higher on its other side. Take a smaller η; 1/L = "
            f"{number(1.0 / L)} always leads down."
        )
    c = _curvature(function, step)
    if c is None:
        return f": η = {eta} is too large. Take a smaller η."
    if c <= 0:
        return (
            f": η = {eta} is too large. Here {f} does not curve upwards along −∇{f} (its curvature is {number(c, 3)}); "
            "what turns it upwards lies further on along the step. Take a smaller η."
        )
    limit = f"2/c = {number(2.0 / c, 4)}, with c = {number(c, 4)} the curvature of {f} along −∇{f} here"
    if step.eta > 2.0 / c:
        return (
            f": η = {eta} is beyond {limit}. A parabola of this curvature rises at every step with an η beyond 2/c; "
            "that is local, for c may change along the step. Take a smaller η."
        )
    return (
        f": η = {eta} is below {limit}, but that is local: further on along the step {f} curves more. Take a smaller η."
    )


def _filled(text: str, margin: str = "") -> str:
    never: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}
    return textwrap.fill(text, WIDTH, initial_indent=margin, subsequent_indent=margin, **never)


def _equations(chain: Sequence[str]) -> str:
    """Left = middle = right on one line, or, where that is too long, each on a line of its own."""
    line = " = ".join(chain)
    if len(line) <= WIDTH or len(chain) < 3:
        return line
    left, *others = chain
    margin = " " * (len(left) + 3)
    lines = [_filled(other, margin)[len(margin) :] for other in others]
    return f"{left} = " + f"\n{margin[3:]} = ".join(lines)
