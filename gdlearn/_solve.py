"""Solve: which problem, which rate, loop or closed form; then descend."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from ._blocks import Array, Rows
from ._descent import Descent, Observer, Status, descend
from ._early_stopping import HeldOut
from ._first_step import first_step
from ._modes import EPS
from ._moments import moments_of
from ._problem import LARGEST_MATRIX, MomentProblem, Problem, RowProblem, WideProblem
from ._recurrence import FAR, Recurrence
from ._scaling import Model, ScalingName
from ._spectral import descend_spectrally, first_stop, gradient_square
from ._step_size import (
    Acceleration,
    MomentumRule,
    StepRule,
    automatic_rate,
    constant,
    constant_momentum,
    exact_line_search,
    largest_stable_rate,
    schedule,
)

LOOP_TOL, LOOP_MAX_ITER = 1e-8, 1_000
"""Where the loop stops if neither tol nor max_iter says so."""

SMALL_MATRIX = 64
"""Side up to which the d×d matrix costs so little that fewer rows than columns are no reason for the kernel."""

PRODUCTS_FOR_L = 40
"""Products with X that estimating L costs, about."""


class DivergenceError(ValueError):
    """The learning rate is so large that the descent does not converge; the message says what to do."""


@dataclass(frozen=True)
class Settings:
    """The parameters that say how to descend, as the user gave them."""

    learning_rate: Any = "auto"
    momentum: Any = "auto"
    nesterov: bool = False
    max_iter: int | None = None
    tol: float | None = None
    solver: str = "auto"

    @property
    def rate_is_constant(self) -> bool:
        """Whether the closed form exists."""
        return self.learning_rate == "auto" or not (callable(self.learning_rate) or isinstance(self.learning_rate, str))

    @property
    def of_loop(self) -> tuple[int | None, float | None]:
        """`max_iter` and `tol` of a loop."""
        return (LOOP_MAX_ITER, LOOP_TOL) if self.max_iter is None and self.tol is None else (self.max_iter, self.tol)

    @property
    def wants_loop(self) -> bool:
        """Whether the steps must be taken one by one."""
        return self.solver == "loop" or not self.rate_is_constant


@dataclass(frozen=True, eq=False)
class Solution:
    """A descent, the model it reached and what is known of the problem."""

    problem: Problem
    descent: Descent
    model: Model
    max_stable_rate: float
    solver: str


def is_wide(rows: Rows, fit_intercept: bool) -> bool:
    """Whether the kernel is smaller than the moments."""
    p = rows.n_features + fit_intercept
    return rows.n_used < p and p > SMALL_MATRIX


def pose(rows: Rows, scaling: ScalingName, fit_intercept: bool, settings: Settings) -> Problem:
    """The problem in the form that is cheapest to descend; every form gives the same iterates."""
    n, p = rows.n_used, rows.n_features + fit_intercept
    side = min(n, p)
    if settings.solver != "spectral":
        entries = rows.X.nnz if sparse.issparse(rows.X) else n * p
        if side > LARGEST_MATRIX:
            return RowProblem.of(rows, scaling, fit_intercept)
        numeric = not isinstance(settings.learning_rate, str)
        if numeric and settings.max_iter is not None:
            on_rows = 4 * entries * (settings.max_iter + PRODUCTS_FOR_L)
            if on_rows < n * p * side + 10 * side**3:
                return RowProblem.of(rows, scaling, fit_intercept)
    if is_wide(rows, fit_intercept):
        return WideProblem.of(rows, scaling, fit_intercept)
    extremes = scaling in ("minmax", "maxabs")
    return MomentProblem.of(moments_of(rows, extremes=extremes), rows, scaling, fit_intercept)


@dataclass(frozen=True)
class Plan:
    """What the settings mean on one problem.

    Attributes
    ----------
    rate, momentum : float
        η (NaN where it changes from step to step) and β.
    stable_rate : float
        The learning rate at and above which descent does not converge.
    loop : bool
        Whether the steps are taken one by one.
    accelerated : bool
        Whether the momentum follows Nesterov's sequence with restarts.
    """

    rate: float
    momentum: float
    nesterov: bool
    stable_rate: float
    loop: bool
    accelerated: bool
    learning_rate: Any

    @classmethod
    def of(cls, problem: Problem, settings: Settings) -> Plan:
        """Resolve "auto", and refuse what cannot be."""
        if settings.solver == "spectral" and not settings.rate_is_constant:
            raise ValueError(
                f"solver='spectral' needs a constant learning rate, not learning_rate={settings.learning_rate!r}: use "
                "solver='auto' or 'loop'."
            )
        loop = settings.wants_loop or problem.modes is None
        beta = 0.0 if settings.momentum == "auto" else float(settings.momentum)
        automatic = isinstance(settings.learning_rate, str) and settings.learning_rate == "auto"
        if automatic:
            rate = automatic_rate(problem.curvature)
        else:
            rate = float(settings.learning_rate) if settings.rate_is_constant else np.nan
        return cls(
            rate=rate,
            momentum=beta,
            nesterov=settings.nesterov,
            stable_rate=largest_stable_rate(problem.curvature, beta, settings.nesterov),
            loop=loop,
            accelerated=loop and automatic and settings.momentum == "auto",
            learning_rate=settings.learning_rate,
        )

    @property
    def reach(self) -> float:
        """η/(1 − β): what a step comes to in the long run."""
        return self.rate / (1.0 - self.momentum)

    @property
    def unstable(self) -> bool:
        """Whether the rate is at or above the largest stable one."""
        return self.rate >= self.stable_rate

    def recurrence(self, modes: Any) -> Recurrence:
        """One step of this descent on each mode."""
        return Recurrence(2.0 * self.rate * modes.eigenvalues, self.momentum, self.nesterov)

    def rules(self, problem: Problem) -> tuple[StepRule, MomentumRule | None, bool]:
        """Step rule, momentum rule and whether it is Nesterov's, for the loop."""
        if callable(self.learning_rate):
            rule = schedule(self.learning_rate)
        else:
            rule = exact_line_search(problem.objective) if np.isnan(self.rate) else constant(self.rate)
        if self.accelerated:
            return rule, Acceleration(), True
        return rule, constant_momentum(self.momentum) if self.momentum else None, self.nesterov


def solve(
    problem: Problem,
    settings: Settings,
    start: Array,
    feature_name: Callable[[int], str],
    held_out: HeldOut | None = None,
    observe: Observer | None = None,
) -> Solution:
    """Descend from `start` (theta of shape (p, t)), by loop or in closed form; stop early on `held_out` rows."""
    plan = Plan.of(problem, settings)
    if plan.unstable and settings.max_iter is None:
        raise DivergenceError(divergence_message(problem, plan, plan.rate, feature_name, "does not converge"))
    if plan.loop:
        descent, model = _loop(problem, settings, plan, start, held_out, observe)
    else:
        problem, descent, model = _closed_form(problem, settings, plan, start, held_out, observe)

    if descent.status is Status.DIVERGED:
        happened = f"made J infinite after {descent.last.n_steps} steps"
        raise DivergenceError(divergence_message(problem, plan, descent.rate, feature_name, happened))
    if plan.unstable:
        happened = f"does not converge ({_reached(descent)})"
        warn(divergence_message(problem, plan, plan.rate, feature_name, happened))
    elif descent.status is Status.NOT_CONVERGED:
        warn(_convergence_message(problem, settings, plan, descent, start))
    elif np.isnan(plan.rate) and descent.last.value > 2.0 * max(descent.values[0], descent.last.value / 1e300):
        happened = f"ended higher than it began ({_reached(descent)}, {descent.values[0]:.3g} at the start)"
        warn(divergence_message(problem, plan, descent.rate, feature_name, happened))
    return Solution(problem, descent, model, plan.stable_rate, "loop" if plan.loop else "spectral")


def _reached(descent: Descent) -> str:
    return f"J is {descent.last.value:.3g} after {descent.last.n_steps} steps"


def threshold(problem: Problem, tol: float) -> Array:
    r"""The gradient norm that `tol` asks of each target: tol · 2 · ‖X̃‖_F/√W · σ_y (Paige and Saunders 1982)."""
    sigma = problem.target_deviation if problem.fit_intercept else problem.target_scale
    sigma = np.where(sigma > 0, sigma, problem.target_scale)
    asked: Array = tol * 2.0 * np.sqrt(problem.feature_square.sum() + problem.fit_intercept) * sigma
    return asked


def _closed_form(
    problem: Problem,
    settings: Settings,
    plan: Plan,
    start: Array,
    held_out: HeldOut | None,
    observe: Observer | None,
) -> tuple[Problem, Descent, Model]:
    models: list[Model] = []

    def limit(theta: Array) -> tuple[Array, float]:
        reached, found = problem.limit(theta)
        models.append(found.model)
        return reached, float(found.minimum.sum())

    def run(problem: Problem, max_iter: int | None) -> Descent:
        models.clear()
        return descend_spectrally(
            problem.modes,
            start,
            plan.recurrence(problem.modes),
            plan.rate,
            max_iter=max_iter,
            threshold=None if settings.tol is None else threshold(problem, settings.tol),
            target_scale=problem.target_scale,
            limit=limit,
            held_out=held_out,
        )

    if settings.max_iter is None and settings.tol is None:
        problem = problem.sharper_limit() or problem
        descent = run(problem, None)
    else:
        descent = run(problem, settings.max_iter)
        sharper = problem.sharper_limit() if models else sharpened(problem, plan.reach, descent.last.n_steps)
        if sharper not in (None, problem):
            problem = sharper  # also for `limit`
            descent = run(problem, settings.max_iter)
    if observe is not None:
        recurrence = plan.recurrence(problem.modes)
        stopped = first_stop(problem.modes, start, recurrence, plan.rate, descent.steps[1:], observe)
        if stopped is not None:
            descent = replace(run(problem, stopped), status=Status.STOPPED)
    return problem, descent, models[-1] if models else _model_at(problem, descent)


P = TypeVar("P", bound=Problem)


def sharpened(problem: P, rate: float, n_steps: int) -> P:
    r"""The problem with as exact modes as so many steps need: the rounding of A grows with ηLk up to λ_max/λ_min.

    `rate` is η/(1 − β), what a step comes to with momentum.
    """
    reach = rate * problem.curvature * n_steps
    amplification = min(reach, 1.0 / max(problem.modes.smallest, EPS))
    return problem.sharper(amplification) or problem  # type: ignore[return-value] # of the same kind


def _model_at(problem: Problem, descent: Descent) -> Model:
    return problem.scaling.model(descent.last.theta, problem.fit_intercept)


def _loop(
    problem: Problem,
    settings: Settings,
    plan: Plan,
    start: Array,
    held_out: HeldOut | None,
    observe: Observer | None,
) -> tuple[Descent, Model]:
    max_iter, tol = settings.of_loop
    rule, momentum, nesterov = plan.rules(problem)
    descent = descend(
        problem.objective,
        start,
        rule,
        momentum,
        nesterov,
        max_iter=max_iter,
        threshold=None if tol is None else threshold(problem, tol),
        held_out=held_out,
        observe=observe,
    )
    return descent, _model_at(problem, descent)


def warn(message: str) -> None:
    """Warn where the user called: at the first frame that is neither ours nor scikit-learn's."""
    frame, depth = inspect.currentframe(), 1
    while frame is not None and str(frame.f_globals.get("__name__")).partition(".")[0] in ("gdlearn", "sklearn"):
        frame, depth = frame.f_back, depth + 1
    warnings.warn(message, ConvergenceWarning, stacklevel=depth)


def divergence_message(
    problem: Problem, plan: Plan, rate: float, feature_name: Callable[[int], str], happened: str
) -> str:
    """The rate, the largest stable one, the feature of largest scale, and what to do."""
    square, stable = problem.feature_square, plan.stable_rate
    largest = int(np.argmax(square))
    unequal = square[largest] > 1.5 or square[square > 0].min(initial=1.0) < 0.5
    remedy = ', or scaling="standard", which brings every feature to scale 1' if unequal else ""
    cause = "" if unequal else ", hardly larger than the others: it is their number and correlation that make L large"
    return (
        f"Gradient descent with learning rate {rate:.6g} {happened}: the largest stable rate is {stable:.6g} (2/L "
        "without momentum, with L the largest eigenvalue of the Hessian of J). The feature of largest scale is "
        f"{feature_name(largest)}, root mean square {np.sqrt(square[largest]):.3g} in the coordinates of the "
        f"descent{cause}. "
        f'Use learning_rate="auto" or a rate below {stable:.6g}{remedy}.'
    )


def _convergence_message(problem: Problem, settings: Settings, plan: Plan, descent: Descent, start: Array) -> str:
    """The gradient norm reached, the one asked for, and what would help."""
    tol = LOOP_TOL if settings.tol is None else settings.tol
    asked = threshold(problem, tol)
    reached = np.linalg.norm(descent.last.gradient, axis=0)
    worst = int(np.argmax(reached / np.where(asked > 0, asked, 1.0)))
    modes, condition, steps = problem.modes, "not known here", "more steps (max_iter)"
    if modes is not None:
        condition = format(modes.condition_number, ".3g")
        more = 0
        if settings.rate_is_constant:
            gap = modes.optimum - modes.coordinates(start)
            needed = first_step(gradient_square(modes, gap), asked, plan.recurrence(modes), FAR)
            more = needed - descent.last.n_steps
        if more > 0:
            steps = f"about {more:.3g} more steps (max_iter)" + (" without acceleration" if plan.accelerated else "")
    return (
        f"The gradient norm is {reached[worst]:.3g} after {descent.last.n_steps} steps, and tol={tol:g} asks for "
        f"{asked[worst]:.3g}. What would help: {steps}; a larger tol; or a scaling that lowers the condition number of "
        f'the Hessian, which is {condition} (scaling="standard" is best for most data).'
    )
