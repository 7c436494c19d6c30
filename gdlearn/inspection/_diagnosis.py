r"""Diagnosis: one sentence that says what slows or breaks a descent, which feature is at fault, and what to do.

The number of steps grows with the condition number κ = λ_max/λ_min of ∇²J. The sentence names the parameters that make
its two ends, by their parts in these modes, and says what is worth a change: centring alone, if that divides κ by
ten; a scaling, if κ is smaller by as much under it; neither, if features are nearly collinear, which no scaling
removes. Whatever it offers has been computed.

References
----------
Belsley, Kuh, Welsch (1980), *Regression Diagnostics*, chapter 3. https://doi.org/10.1002/0471725153
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_FLOOR
from typing import Any

import numpy as np

from .._advice import elsewhere, rounded, steadier_scaling
from .._arrays import Array
from .._coordinates import ScalingName
from .._modes import Modes
from .._plan import Plan
from .._problem import Problem

ILL_CONDITIONED = 900.0
"""κ from which a design is called ill-conditioned: a condition index √κ of 30 (Belsley, Kuh, Welsch)."""

WORTH_SCALING = 10.0
"""By how much a scaling must divide κ to be called the remedy."""

MANY_STEPS = 10.0
"""How many times the steps of the automatic rate a rate may take before it is called small."""


@dataclass(frozen=True, eq=False)
class Case:
    """What is known of a descent when it is to be judged.

    Attributes
    ----------
    names : list of str
        Of the features.
    problem, standard : Problem
        In the coordinates of the descent, and in those of scaling="standard".
    plan : Plan
        Rate and momentum.
    n_rows : int
    steps : float
        To the limit; infinite where there is none.
    condition_numbers, n_steps : dict
        By scaling: κ, and the steps of plain descent at the automatic rate.
    scaling : str or None
    """

    names: list[str]
    problem: Problem
    standard: Problem
    plan: Plan
    n_rows: int
    steps: float
    condition_numbers: dict[ScalingName, float]
    n_steps: dict[ScalingName, float]
    scaling: ScalingName

    @property
    def condition_number(self) -> float:
        """κ in the coordinates of the descent."""
        return self.condition_numbers[self.scaling]

    @property
    def remedy(self) -> ScalingName:
        """The scaling to recommend; without an intercept "standard" does not centre, and another may do better."""
        if self.problem.coordinates.fit_intercept:
            return "standard"
        return min(self.condition_numbers, key=lambda name: (self.condition_numbers[name], name is None))

    @property
    def unresolved(self) -> bool:
        """Whether scales are so unequal that float64 loses directions which the data hold."""
        return len(self.problem.modes.eigenvalues) < len(self.standard.modes.eigenvalues)

    @property
    def curable(self) -> bool:
        """Whether scaling is the remedy."""
        return self.condition_number >= WORTH_SCALING * self.condition_numbers[self.remedy]

    @property
    def constant(self) -> Any:
        """Which features are constant."""
        return self.standard.feature_square == 0


def diagnose(case: Case) -> str:
    """The sentence."""
    if case.plan.unstable:
        return _too_large(case) + "."
    if case.steps > MANY_STEPS * case.n_steps[case.scaling] and not case.plan.momentum:
        return _too_small(case) + "."
    if case.condition_number < ILL_CONDITIONED:
        text = f"Condition number {short(case.condition_number)}: {_descent(case)} needs {_steps(case.steps)}"
    elif case.curable:
        text = _curable(case)
    else:
        text = (
            f"{_collinear(case)}: condition number {short(case.condition_number)}"
            f"{' whatever the scaling' if case.scaling is None else ' in spite of scaling'}, {_descent(case)} needs "
            f"{_steps(case.steps)}; drop or combine one of them, stop early, or give {_more_penalty(case)}"
        )
    return text + _remarks(case) + "."


def _curable(case: Case) -> str:
    best, ends = case.remedy, _ends(case)
    needs = "beyond what float64 resolves" if case.unresolved else f"{_descent(case)} needs {_steps(case.steps)}"
    text = (
        f"{ends[0].upper()}{ends[1:]}: condition number {short(case.condition_number)}, {needs}; {_centring(case)}"
        f'with scaling="{best}" condition number {short(case.condition_numbers[best])}, {_steps(case.n_steps[best])}'
        f"{elsewhere(case.problem)}"
    )
    if case.condition_numbers[best] >= ILL_CONDITIONED:
        text += f", because {_collinear(case)}"
    return text


def _ends(case: Case) -> str:
    """Who makes the largest and the smallest eigenvalue, by their parts in these modes."""
    (largest, make, most), (smallest, _, least) = (_who(case, parts) for parts in extreme_parts(case).T)
    return f"{largest} {make} {most} of the largest eigenvalue, and {smallest} {least} of the smallest"


def extreme_parts(case: Case) -> Array:
    r"""The part of each parameter in the steepest and in the flattest mode, of shape (p, 2).

    It is the square of its entry in the eigenvector v, so that the parts sum to 1. A feature that is multiplied by
    1 + ε multiplies λ by :math:`1 + 2\varepsilon v_j^2`, to first order: its part says by how much it moves the
    eigenvalue. Where float64 loses the flattest mode, it is taken for the parameter of least mean square.
    """
    modes = case.problem.modes
    unit = np.zeros((len(modes.eigenvalues), 2))
    if len(unit):
        unit[0, 0] = unit[-1, 1] = 1.0
    parts: Array = modes.combine(unit) ** 2
    if case.unresolved:
        square = np.concatenate([[1.0] * case.problem.coordinates.fit_intercept, case.problem.feature_square])
        parts[:, 1] = 0.0
        parts[np.argmin(np.where(square > 0, square, np.inf)), 1] = 1.0
    return parts


def _who(case: Case, parts: Array) -> tuple[str, str, str]:
    """The fewest parameters that make up half of a mode, their verb, and their part in it."""
    intercept = int(case.problem.coordinates.fit_intercept)
    some = leading(parts, 0.5)
    names = listed([f"`{case.names[j - intercept]}`" if j >= intercept else "the intercept" for j in some])
    return names, "makes" if len(some) == 1 else "make", f"{100 * parts[some].sum() / parts.sum():.0f} %"


def _centring(case: Case) -> str:
    """What centring alone is worth, and the feature whose mean that is due to."""
    problem = case.problem
    if not problem.coordinates.fit_intercept or problem.coordinates.centred or case.unresolved:
        return ""
    shift, scale, mean = problem.coordinates.shift, problem.coordinates.scale, case.standard.coordinates.shift
    worth = case.condition_number / modes_in(problem, mean, scale).condition_number
    if worth < WORTH_SCALING:
        return ""
    offset, spread = np.abs(mean - shift), case.standard.coordinates.scale
    ratio = np.where(case.constant, offset / scale, offset / spread)
    worst = int(np.argmax(ratio))
    only_it = np.where(np.arange(len(mean)) == worst, mean, shift)
    text = f"centring alone divides κ by {short(worth)}"
    if case.condition_number / modes_in(problem, only_it, scale).condition_number < np.sqrt(worth):
        return f"{text}; "
    if case.constant[worst]:
        return f"{text}, for `{case.names[worst]}` is constant and far from zero; "
    return f"{text}, for the mean of `{case.names[worst]}` is {short(float(ratio[worst]))} times its spread; "


def modes_in(problem: Problem, shift: Array, scale: Array) -> Any:
    """The modes of the same rows in the coordinates (x − shift)/scale."""
    assert problem.spectrum is not None  # it was posed with a matrix
    return problem.spectrum.modes_in(replace(problem.coordinates, shift=shift, scale=scale, centred=False))


def _collinear(case: Case) -> str:
    """Which features take part in the mode that is most at fault once scales and offsets are gone."""
    modes = case.standard.modes
    if not case.problem.coordinates.fit_intercept:
        standard = case.standard
        square = np.where(standard.feature_square > 0, standard.feature_square, 1.0)
        modes = modes_in(standard, standard.coordinates.shift, standard.coordinates.scale * np.sqrt(square))
    values = modes.eigenvalues
    steep = np.log(values[0]) > -np.log(values[-1])
    unit = np.zeros((len(values), 1))
    unit[0 if steep else -1] = 1.0
    loading = modes.combine(unit)[int(case.problem.coordinates.fit_intercept) :, 0] ** 2
    names = listed(_quoted(case.names[j] for j in leading(loading)))
    return f"{names} are {'strongly correlated' if steep else 'nearly collinear'}"


def _more_penalty(case: Case) -> str:
    """A ridge term, which raises the smallest eigenvalues."""
    return "a larger alpha" if case.problem.penalty.has_ridge else "alpha, for a ridge term"


def _too_large(case: Case) -> str:
    plan, modes = case.plan, case.problem.modes
    exploding = int(np.count_nonzero(explodes(plan, modes.eigenvalues)))
    largest = rounded(plan.stable_rate, ROUND_FLOOR, 3)
    text = (
        f"Learning rate {short(plan.rate, 3)} is too large: {exploding} of {len(modes.eigenvalues)} modes "
        f"explode{'s' if exploding == 1 else ''}, and the largest stable rate is {largest}; use "
        f'learning_rate="auto" or a rate below {largest}'
    )
    steadier = steadier_scaling(case.problem, plan)
    if steadier:
        text += f", or {steadier[0]}"
    if case.curable:
        best = case.remedy
        needs = _steps(case.n_steps[best])
        text += f'; scaling="{best}" with learning_rate="auto" needs {needs}{elsewhere(case.problem)}, {_because(case)}'
    return text


def _too_small(case: Case) -> str:
    rate, auto = short(case.plan.rate, 3), short(case.plan.stable_rate / 2, 3)
    text = (
        f"Learning rate {rate} is small: {_descent(case)} needs {_steps(case.steps)}; "
        f'with learning_rate="auto" ({auto}) {_steps(case.n_steps[case.scaling])}'
    )
    if case.curable:
        best = case.remedy
        needs = f"{_steps(case.n_steps[best])}{elsewhere(case.problem)}"
        return f'{text}, and with scaling="{best}" too {needs}, {_because(case)}'
    return text


def _because(case: Case) -> str:
    return f"for {_ends(case)}"


def _remarks(case: Case) -> str:
    """Constant and exactly collinear features cost no steps, and are worth a word."""
    text = ""
    constant = [name for name, is_constant in zip(case.names, case.constant, strict=True) if is_constant]
    if constant and case.problem.coordinates.fit_intercept:
        verb, rest = ("is", "leave it out") if len(constant) == 1 else ("are", "leave them out")
        text += f"; {listed(_quoted(constant))} {verb} constant, which the intercept already is: {rest}"
    modes, intercept = case.standard.modes, int(case.problem.coordinates.fit_intercept)
    missing = len(case.names) - len(constant) - (len(modes.eigenvalues) - intercept)
    if missing > 0 and case.n_rows > len(case.names) and isinstance(modes, Modes):
        held = (modes.vectors[intercept:] ** 2).sum(axis=1)
        # Copies take equal parts but for rounding: they keep the order of the features.
        part = np.where(case.constant, 0.0, 1.0 - held)
        names = [case.names[j] for j in np.argsort(-np.round(part, 6), kind="stable") if part[j] > 1e-3]
        if names:
            text += f"; {listed(_quoted(names))} are exactly collinear"
            text += ", which costs no steps but leaves their coefficients open"
    return text


def explodes(plan: Plan, eigenvalues: Array) -> Any:
    """Which modes grow: the largest stable rate of mode i is λ_max/λ_i times that of the descent."""
    return plan.rate * (eigenvalues / eigenvalues.max(initial=0.0)) >= plan.stable_rate


def leading(loading: Array, enough: float = 0.9) -> list[int]:
    """The fewest entries that make up `enough` of the sum of squared loadings, the largest first."""
    order = np.argsort(-loading, kind="stable")
    total = np.cumsum(loading[order])
    count = int(np.searchsorted(total, enough * total[-1])) + 1 if len(total) and total[-1] > 0 else 0
    return [int(j) for j in order[:count]]


def listed(names: Sequence[str], most: int = 3) -> str:
    """Names as a reader lists them."""
    if len(names) > most + 1:
        return f"{', '.join(names[:most])} and {len(names) - most} others"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _quoted(names: Iterable[str]) -> list[str]:
    return [f"`{name}`" for name in names]


def _descent(case: Case) -> str:
    return f"descent with momentum {case.plan.momentum:g}" if case.plan.momentum else "plain descent"


def _steps(n: float) -> str:
    return f"about {counted(n)}"


def counted(n: float) -> str:
    """A number of steps."""
    return f"{short(n)} step{'' if n == 1 else 's'}"


def short(value: float, digits: int = 2) -> str:
    """A number as a sentence says it: 1.8, 420, 3e12."""
    value = float(value)  # numbers of steps may be integers beyond any dtype
    text = f"{value:.{digits}g}"
    if not np.isfinite(value) or (1e-3 <= abs(float(text)) < 1e5):
        return f"{float(text):,.0f}" if "e" in text else text
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return "0" if value == 0 else f"{mantissa}e{int(exponent)}"
