"""The words of the mean squared error: J, its model and its partial derivatives, as text and in LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ._tables import GAP, Words, abbreviated, derivative, environment

INDEX = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")

FEW = 4
"""Features up to which the model, and twice so many partials up to which all of them, are written out."""

TAKEN = ("y", "w", "n", "N", "W", "J")
"""Letters that already mean something in the formulas; a feature of that name is put into brackets."""

SPECIAL = str.maketrans({c: "\\" + c for c in "&%$#_{}"} | {"\\": r"\backslash ", "~": r"\sim ", "^": r"\wedge "})

WEIGHT = Words("wₙ", "w_n")

RESIDUAL = Words("(yₙ − ŷₙ)", r"(y_n - \hat y_n)")


def theta_name(k: int) -> Words:
    """The parameter of feature k, counted from 1; 0 is the intercept."""
    return Words(f"θ{str(k).translate(INDEX)}", rf"\theta_{{{k}}}")


def feature_name(k: int, names: Sequence[str] | None, n_features: int) -> Words:
    """Feature k of row n, counted from 1: xₙ, xₙ₁, or the name of its column."""
    if names is None:
        return Words("xₙ", "x_n") if n_features == 1 else Words(f"xₙ{str(k).translate(INDEX)}", f"x_{{n,{k}}}")
    name = names[k - 1]
    if not name.isidentifier() or name in TAKEN:
        name = f"[{name}]"
    in_latex = name if len(name) == 1 and name.isascii() else rf"\text{{{name.translate(SPECIAL)}}}"
    return Words(f"{name}ₙ", f"{in_latex}_n")


class Formulas(NamedTuple):
    """What the formulas of J depend on.

    Attributes
    ----------
    n_rows, n_features : int
    names : sequence of str or None
        Those of the features.
    fit_intercept : bool
    total_weight : float or None
        W = Σ wₙ, where there are weights.
    """

    n_rows: int
    n_features: int
    names: Sequence[str] | None
    fit_intercept: bool
    total_weight: float | None

    @property
    def parameters(self) -> range:
        """The numbers of the parameters: from 0 with an intercept, and else from 1."""
        return range(0 if self.fit_intercept else 1, self.n_features + 1)

    def feature(self, k: int) -> Words:
        """Feature k, counted from 1."""
        return feature_name(k, self.names, self.n_features)

    @property
    def _of_rows(self) -> Words:
        """What stands in front of the sums of J: the mean over the rows."""
        return Words("N", "N") if self.total_weight is None else Words("W", "W")

    def summand(self, k: int) -> Words:
        """What ∂J/∂θₖ sums over the rows, but for its −2/N: xₙ (yₙ − ŷₙ)."""
        factors = [*([] if self.total_weight is None else [WEIGHT]), *([self.feature(k)] if k else [])]
        dot = " " if self.names is None else "·"
        text = f"{dot.join(factor.text for factor in factors)} {RESIDUAL.text}".lstrip()
        return Words(text, " ".join(factor.latex for factor in [*factors, RESIDUAL]))

    def partial(self, k: int) -> Words:
        """The right-hand side of ∂J/∂θₖ."""
        mean, term = self._of_rows, self.summand(k)
        return Words(f"−2/{mean.text} Σ {term.text}", rf"-\frac{{2}}{{{mean.latex}}} \sum_n {term.latex}")

    def model(self) -> Words:
        """The right-hand side of ŷₙ, in the middle abbreviated where features are many."""
        several = [self._term(k) for k in abbreviated(self.parameters, FEW + 1)]
        return Words(" + ".join(term.text for term in several), " + ".join(term.latex for term in several))

    def _term(self, k: int | None) -> Words:
        if k is None:
            return Words(GAP, r"\dots")
        theta = theta_name(k)
        if k == 0:
            return theta
        dot = "" if self.names is None else "·"
        x = self.feature(k)
        return Words(f"{theta.text}{dot}{x.text}", f"{theta.latex} {x.latex}")

    def arguments(self) -> Words:
        """The parameters in the parentheses of J."""
        several = [Words(GAP, r"\dots") if k is None else theta_name(k) for k in abbreviated(self.parameters, FEW + 1)]
        return Words(", ".join(name.text for name in several), ", ".join(name.latex for name in several))

    def size(self) -> str:
        """How many rows, and the sum of their weights."""
        weights = "" if self.total_weight is None else f", W = Σ wₙ = {self.total_weight:.6g}"
        return f"N = {self.n_rows}{weights}"

    def objective(self) -> Words:
        """J, its model, and how many rows."""
        mean, term, model, arguments = self._of_rows, self.summand(0), self.model(), self.arguments()
        text = f"J({arguments.text}) = 1/{mean.text} Σ {term.text}² with ŷₙ = {model.text}"
        in_latex = (
            rf"J({arguments.latex}) = \frac{{1}}{{{mean.latex}}} \sum_n {term.latex}^2, \quad "
            rf"\hat y_n = {model.latex}"
        )
        return Words(f"{text}, {self.size()}", in_latex)


class Partials(dict[str, str]):
    """Parameter → its partial derivative as text: ``−2/N Σ xₙ (yₙ − ŷₙ)``; printed, one on each line.

    Where there are many, the middle of the text and of the LaTeX is left out; the dict holds all.
    """

    def __init__(self, formulas: Formulas) -> None:
        super().__init__({theta_name(k).text: formulas.partial(k).text for k in formulas.parameters})
        self._formulas = formulas

    def __reduce__(self) -> tuple[type[Partials], tuple[Formulas]]:
        return type(self), (self._formulas,)

    def __str__(self) -> str:
        lines = [GAP if k is None else self._line(k) for k in abbreviated(self._formulas.parameters, 2 * FEW)]
        return "\n".join([*lines, f"with ŷₙ = {self._formulas.model().text}, {self._formulas.size()}"])

    __repr__ = __str__

    def _slope(self, k: int) -> Words:
        return derivative("J", theta_name(k), len(self))

    def _line(self, k: int) -> str:
        return f"{self._slope(k).text} = {self._formulas.partial(k).text}"

    def latex(self) -> str:
        """The partial derivatives in LaTeX."""
        lines = [
            r"&\;\;\vdots" if k is None else f"{self._slope(k).latex} &= {self._formulas.partial(k).latex}"
            for k in abbreviated(self._formulas.parameters, 2 * FEW)
        ]
        return environment("aligned", lines)

    def _repr_latex_(self) -> str:
        return rf"$\displaystyle {self.latex()}$"
