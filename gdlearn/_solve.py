"""Solve: which problem, which rate, loop or closed form; then descend."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, TypeVar

import numpy as np
from scipy import sparse

from ._advice import (
    DivergenceError,
    divergence_message,
    loss_reached,
    warn_of_directions_given_up,
    warn_of_divergence,
    warn_of_slowness,
)
from ._arrays import EPS, Array, beyond_float64
from ._descent import Descent, Observer, Status, descend
from ._early_stopping import HeldOut
from ._limit import loss_of
from ._moments import moments_of
from ._objective import Iterate
from ._problem import LARGEST_MATRIX, MomentProblem, Problem, RowProblem, WideProblem
from ._recurrence import Recurrence
from ._rows import Rows
from ._scaling import Model, ScalingName
from ._spectral import ClosedForm, descend_spectrally, first_stop
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

LIMIT_TOL, LIMIT_MAX_ITER = 1e-12, 3_000
"""What a loop that stands for the limit must reach, or the matrix is formed after all."""

SMALL_MATRIX = 64
"""Side up to which the d×d matrix costs so little that fewer rows than columns are no reason for the kernel."""

PRODUCTS_FOR_L = 40
"""Products with X that estimating L costs, about."""

STEP_OVERHEAD = 20_000
"""Multiplications in whose time the interpreter gets through a step of the loop, whatever the size of X."""

PLAIN_SPEED = 4
"""How many times faster products of matrices multiply than the vector operations of a step."""

STORED = 1e-11
"""ε·λ_max/λ_min above which the coefficients are so large that storing them may show in J."""

LARGE_LOSS = 1e-2
"""J relative to the mean square of y above which squares that cancel leave J its digits."""

WORTH_A_LOOP = 10**10
"""Multiplications from which on a matrix takes so long that a sparse X is first descended by the loop."""


@dataclass(frozen=True)
class Settings:
    """The parameters that say how to descend, as the user gave them."""

    learning_rate: Any = "auto"
    momentum: Any = "auto"
    nesterov: bool = False
    max_iter: int | None = None
    tol: float | None = None
    solver: str = "auto"
    of_grid: bool = False
    """Whether the rate is one of a grid, so that advice is about the grid."""

    @property
    def rate_is_constant(self) -> bool:
        """Whether the closed form exists."""
        return self.learning_rate == "auto" or not (callable(self.learning_rate) or isinstance(self.learning_rate, str))

    @property
    def to_limit(self) -> bool:
        """Whether nothing ends the descent before its limit."""
        return self.max_iter is None and self.tol is None

    @property
    def of_loop(self) -> tuple[int | None, float | None]:
        """`max_iter` and `tol` of a loop."""
        return (LOOP_MAX_ITER, LOOP_TOL) if self.to_limit else (self.max_iter, self.tol)

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
    """The problem in the form that is cheapest to descend, before anything is formed; all give the same iterates."""

    def with_matrix() -> Problem:
        if is_wide(rows, fit_intercept):
            return WideProblem.of(rows, scaling, fit_intercept)
        extremes = scaling in ("minmax", "maxabs")
        return MomentProblem.of(moments_of(rows, extremes=extremes), rows, scaling, fit_intercept)

    if settings.solver == "spectral":
        return with_matrix()
    n, p = rows.n_used, rows.n_features + fit_intercept
    side = min(n, p)
    if side > LARGEST_MATRIX:
        return RowProblem.of(rows, scaling, fit_intercept)
    is_sparse = sparse.issparse(rows.X)
    entries = rows.X.nnz if is_sparse else n * p
    matrix = n * p * side + 10 * side**3
    product = 2 * entries + 5 * (n + p) * rows.y.shape[1] + STEP_OVERHEAD
    numeric = not isinstance(settings.learning_rate, str)
    if numeric and settings.max_iter is not None:
        on_rows = 2 * product * (settings.max_iter + PRODUCTS_FOR_L)
        if PLAIN_SPEED * on_rows < matrix:
            return RowProblem.of(rows, scaling, fit_intercept)
    elif is_sparse and matrix > WORTH_A_LOOP:
        most = settings.max_iter or (LOOP_MAX_ITER if settings.wants_loop else LIMIT_MAX_ITER)
        on_rows = 2 * product * (most + PRODUCTS_FOR_L)
        if PLAIN_SPEED * on_rows < matrix and (settings.wants_loop or settings.to_limit):
            problem = RowProblem.of(rows, scaling, fit_intercept)
            return problem if settings.wants_loop else replace(problem, otherwise=with_matrix)
    return with_matrix()


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
            accelerated=loop and automatic and settings.momentum == "auto" and settings.max_iter is None,
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
        with beyond_float64():
            return Recurrence(2.0 * self.rate * modes.eigenvalues, self.momentum, self.nesterov)

    def closed_form(self, problem: Problem, start: Array) -> ClosedForm:
        """The descent from `start`, to be asked for any step."""
        return ClosedForm(
            modes=problem.modes,
            start=start,
            recurrence=self.recurrence(problem.modes),
            target_scale=problem.target_scale,
            target_share=problem.scaling.target_share,
            limit=cache(lambda: problem.limit(start)),
        )

    def gradient(self, problem: Problem, theta: Array) -> Array:
        """∇J as this descent uses it at theta: of the closed form, what its first step from there comes to."""
        if self.loop:
            return problem.objective.gradient(theta)
        closed = self.closed_form(problem, theta)
        done = closed.recurrence.powers([1])[1][0]
        return -problem.modes.combine(done[:, None] * closed.gap) / self.rate  # type: ignore[no-any-return]

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
        happened = "does not converge"
        raise DivergenceError(
            divergence_message(problem, plan, plan.rate, feature_name, happened, grid=settings.of_grid)
        )
    if plan.loop:
        descent, model = _loop(problem, settings, plan, start, held_out, observe)
        if descent.status is Status.NOT_CONVERGED and problem.otherwise is not None:
            return solve(problem.otherwise(), settings, start, feature_name, held_out, observe)
    else:
        problem, descent, model = _closed_form(problem, settings, plan, start, held_out, observe)

    if descent.status is Status.DIVERGED:
        happened = f"made J infinite after {descent.last.n_steps} steps"
        raise DivergenceError(
            divergence_message(problem, plan, descent.rate, feature_name, happened, grid=settings.of_grid)
        )
    if plan.unstable:
        happened, reached = "does not converge", loss_reached(problem, descent)
        warn_of_divergence(problem, plan, plan.rate, feature_name, happened, reached, grid=settings.of_grid)
    elif descent.status is Status.NOT_CONVERGED:
        tol = settings.of_loop[1] or LOOP_TOL
        warn_of_slowness(problem, plan, descent, start, tol, lambda problem: threshold(problem, tol))
    elif np.isnan(plan.rate) and descent.last.value > 2.0 * max(descent.values[0], descent.last.value / 1e300):
        begin = f"{problem.scaling.loss(descent.values[0]):.3g} at the start"
        happened, reached = "ended higher than it began", f"{loss_reached(problem, descent)} ({begin})"
        warn_of_divergence(problem, plan, descent.rate, feature_name, happened, reached)
    if descent.status is Status.LIMIT and len(problem.given_up):
        warn_of_directions_given_up([feature_name(int(j)) for j in problem.given_up])
    return Solution(problem, descent, model, plan.stable_rate, "loop" if plan.loop else "spectral")


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
    def run(closed: ClosedForm, max_iter: int | None) -> Descent:
        asked = None if settings.tol is None else threshold(problem, settings.tol)
        return descend_spectrally(closed, plan.rate, max_iter=max_iter, threshold=asked, held_out=held_out)

    if settings.to_limit:
        problem = problem.for_limit()
    closed = plan.closed_form(problem, start)
    descent = run(closed, settings.max_iter)
    if not (settings.to_limit and held_out is None):
        sharper = resolved(problem, plan, start, descent.last.n_steps)
        if sharper is not problem:
            problem, closed = sharper, plan.closed_form(sharper, start)
            descent = run(closed, settings.max_iter)
    if observe is not None:
        stopped = first_stop(closed, plan.rate, descent.steps[1:], observe)
        if stopped is not None:
            descent = replace(run(closed, stopped), status=Status.STOPPED)
    if descent.status is Status.DIVERGED:
        return problem, descent, _model_at(problem, descent)
    at_limit = descent.status is Status.LIMIT and descent.last.n_steps == descent.steps[-1]
    model, value = model_at(problem, closed, descent.last, at_limit=at_limit)
    if descent.last.n_steps == descent.steps[-1]:
        descent.values[-1] = value
    return problem, replace(descent, last=descent.last._replace(value=value)), model


P = TypeVar("P", bound=Problem)


def resolved(problem: P, plan: Plan, start: Array, n_steps: int) -> P:
    r"""The problem with as exact modes as so many steps need: the rounding of A grows with ηLk up to λ_max/λ_min.

    With momentum a step comes to η/(1 − β) in the long run. J may show the rounding of A even before.
    """
    for _ in range(3):  # sharper modes may show that the limit was, or was not, reached
        closed = plan.closed_form(problem, start)
        if closed.has_arrived(n_steps):
            better = problem.for_limit()
        else:
            moved = max(plan.reach * problem.curvature * n_steps, closed.loss_amplification(n_steps))
            better = problem.sharper(min(moved, 1.0 / max(problem.modes.smallest, EPS)))
        if better is problem:
            break
        problem = better  # type: ignore[assignment] # of the same kind
    return problem


def model_at(problem: Problem, closed: ClosedForm, iterate: Iterate, *, at_limit: bool = False) -> tuple[Model, float]:
    """The model of an iterate, and its J: on the rows where coefficients are so large that storing them shows in J."""
    if at_limit or closed.has_arrived(iterate.n_steps):
        return closed.limit()[1].model, iterate.value
    model = problem.scaling.model(iterate.theta, problem.fit_intercept)
    return model, loss_at(problem, model, iterate.value)


def loss_at(problem: Problem, model: Model, value: float) -> float:
    """J of a model, about `value`: from the rows where the terms of J in the modes or moments cancel."""
    if problem.rows is None or problem.modes is None or not np.isfinite(value):
        return value
    # Where the modes are not of centred features, J is a difference of squares as large as those of y.
    size = float(problem.scaling.target_share @ problem.target_scale**2)
    cancels = not problem.is_centred and value < LARGE_LOSS * size
    smallest = min(problem.modes.smallest, 1.0 / problem.modes.condition_number)
    if STORED * smallest > EPS and not cancels:
        return value
    return float(problem.scaling.target_share @ loss_of(model, problem.rows, problem.scaling))


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
    max_iter, tol = settings.of_loop if problem.otherwise is None else (LIMIT_MAX_ITER, LIMIT_TOL)
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
    model = _model_at(problem, descent)
    if descent.status is Status.DIVERGED:
        return descent, model
    value = loss_at(problem, model, descent.last.value)
    if descent.last.n_steps == descent.steps[-1]:
        descent.values[-1] = value
    return replace(descent, last=descent.last._replace(value=value)), model
