"""Solve: which problem, which rate, loop or closed form; then descend."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

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
from ._coordinates import Model, ScalingName
from ._descent import Descent, Observer, Status, descend, iterates, usual_ends
from ._early_stopping import HeldOut, Patience
from ._limit import loss_of
from ._moments import moments_of
from ._objective import Iterate
from ._problem import STEPS_FOR_CURVATURE, TOO_LOSSY, Problem
from ._recurrence import Recurrence
from ._rows import Rows
from ._spectral import ClosedForm, descend_spectrally, first_stop
from ._step_size import (
    Acceleration,
    Auto,
    Constant,
    Exact,
    Momentum,
    Rate,
    Schedule,
    StepRule,
    automatic_rate,
    constant,
    constant_momentum,
    exact_line_search,
    largest_stable_rate,
    lookahead_by_linearity,
    rate_asked,
    schedule,
)

LOOP_TOL, LOOP_MAX_ITER = 1e-8, 1_000
"""Where the loop stops if neither tol nor max_iter says so."""

LIMIT_TOL, LIMIT_MAX_ITER = 1e-12, 3_000
"""What a loop that stands for the limit must reach, or the matrix is formed after all."""

LARGEST_MATRIX = 8_192
"""Side of the largest matrix whose eigenvalues are worth their wait (half a gigabyte)."""

SMALL_MATRIX = 64
"""Side up to which the d×d matrix costs so little that fewer rows than columns are no reason for the kernel."""

STEPS_FOR_SHARP_L = 300
"""Steps of the loop in whose time L is known to ten digits, about."""

STEP_OVERHEAD = 20_000
"""Multiplications in whose time the interpreter gets through a step of the loop, whatever the size of X."""

PLAIN_SPEED = 4
"""How many times faster products of matrices multiply than the vector operations of a step."""

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

    @cached_property
    def rate(self) -> Rate:
        """What `learning_rate` means; where it is constant the closed form exists."""
        return rate_asked(self.learning_rate)

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
        return self.solver == "loop" or not self.rate.is_constant


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
            return Problem.of_columns(rows, scaling, fit_intercept)
        extremes = scaling in ("minmax", "maxabs")
        return Problem.of_moments(moments_of(rows, extremes=extremes), rows, scaling, fit_intercept)

    if settings.solver == "spectral":
        return with_matrix()
    n, p = rows.n_used, rows.n_features + fit_intercept
    side = min(n, p)
    if side > LARGEST_MATRIX:
        return Problem.of_rows(rows, scaling, fit_intercept)
    is_sparse = sparse.issparse(rows.X)
    entries = rows.X.nnz if is_sparse else n * p
    matrix = n * p * side + 10 * side**3
    product = 2 * entries + 5 * (n + p) * rows.y.shape[1] + STEP_OVERHEAD
    numeric = isinstance(settings.rate, Constant | Schedule)
    if numeric and settings.max_iter is not None:
        on_rows = 2 * product * (settings.max_iter + STEPS_FOR_CURVATURE)
        if PLAIN_SPEED * on_rows < matrix:
            return Problem.of_rows(rows, scaling, fit_intercept)
    elif is_sparse and matrix > WORTH_A_LOOP:
        most = settings.max_iter or (LOOP_MAX_ITER if settings.wants_loop else LIMIT_MAX_ITER)
        sharp = isinstance(settings.rate, Auto) and settings.max_iter is not None
        on_rows = 2 * product * (most + (STEPS_FOR_SHARP_L if sharp else STEPS_FOR_CURVATURE))
        if PLAIN_SPEED * on_rows < matrix and (settings.wants_loop or settings.to_limit):
            return Problem.of_rows(rows, scaling, fit_intercept, None if settings.wants_loop else with_matrix)
    return with_matrix()


@dataclass(frozen=True)
class Plan:
    """What the settings mean on one problem.

    Attributes
    ----------
    learning_rate : Rate
        What was asked for.
    rate, momentum : float
        η (NaN where it changes from step to step) and β.
    stable_rate : float
        The learning rate at and above which descent does not converge.
    loop : bool
        Whether the steps are taken one by one.
    accelerated : bool
        Whether the momentum follows Nesterov's sequence with restarts.
    """

    learning_rate: Rate
    rate: float
    momentum: float
    nesterov: bool
    stable_rate: float
    loop: bool
    accelerated: bool

    @classmethod
    def of(cls, problem: Problem, settings: Settings) -> Plan:
        """Resolve "auto", and refuse what cannot be."""
        if settings.solver == "spectral" and not settings.rate.is_constant:
            raise ValueError(
                f"solver='spectral' needs a constant learning rate, not learning_rate={settings.learning_rate!r}: use "
                "solver='auto' or 'loop'."
            )
        loop = settings.wants_loop or problem.spectrum is None
        beta = 0.0 if settings.momentum == "auto" else float(settings.momentum)
        automatic = isinstance(settings.rate, Auto)
        accelerated = loop and automatic and settings.momentum == "auto" and settings.max_iter is None
        # Plain steps of 1/L are those of the closed form to ten digits; an accelerated loop has no closed form.
        L = problem.sharp_curvature if automatic and not accelerated else problem.curvature
        match settings.rate:
            case Auto():
                rate = automatic_rate(L)
            case Constant(eta):
                rate = eta
            case _:
                rate = np.nan
        if rate >= largest_stable_rate(L, beta, settings.nesterov):
            L = problem.sharp_curvature  # the bound may be what is too large, and not the rate
        return cls(
            learning_rate=settings.rate,
            rate=rate,
            momentum=beta,
            nesterov=settings.nesterov,
            stable_rate=largest_stable_rate(L, beta, settings.nesterov),
            loop=loop,
            accelerated=accelerated,
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
            target_share=problem.coordinates.target_share,
            limit=cache(lambda: problem.limit(start)),
        )

    def gradient(self, problem: Problem, theta: Array) -> Array:
        """∇J as this descent uses it at theta: of the closed form, what its first step from there comes to."""
        if self.loop:
            return problem.objective.at(theta).gradient
        closed = self.closed_form(problem, theta)
        done = closed.recurrence.powers([1])[1][0]
        return -problem.modes.combine(done[:, None] * closed.gap) / self.rate

    def rules(self, problem: Problem) -> tuple[StepRule, Momentum | None]:
        """Step rule and momentum, for the loop."""
        match self.learning_rate:
            case Schedule(of):
                rule = schedule(of)
            case Exact():
                rule = exact_line_search(problem.objective)
            case _:
                rule = constant(self.rate)
        if self.accelerated:
            return rule, Momentum(Acceleration(), lookahead_by_linearity)
        if not self.momentum:
            return rule, None
        return rule, Momentum(constant_momentum(self.momentum), lookahead_by_linearity if self.nesterov else None)


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
    rose = descent.last.value > 2.0 * max(descent.values[0], descent.last.value / 1e300)  # also where J began at 0
    if plan.unstable:
        happened, reached = "does not converge", loss_reached(problem, descent)
        warn_of_divergence(problem, plan, plan.rate, feature_name, happened, reached, grid=settings.of_grid)
    elif descent.status is Status.NOT_CONVERGED:
        tol = settings.of_loop[1] or LOOP_TOL
        warn_of_slowness(problem, plan, descent, start, tol, lambda problem: threshold(problem, tol))
    elif rose and not plan.learning_rate.is_constant:
        begin = f"{problem.coordinates.loss(descent.values[0]):.3g} at the start"
        happened, reached = "ended higher than it began", f"{loss_reached(problem, descent)} ({begin})"
        warn_of_divergence(problem, plan, descent.rate, feature_name, happened, reached)
    if descent.status is Status.LIMIT and len(problem.given_up):
        warn_of_directions_given_up([feature_name(int(j)) for j in problem.given_up])
    return Solution(problem, descent, model, plan.stable_rate, "loop" if plan.loop else "spectral")


def threshold(problem: Problem, tol: float) -> Array:
    r"""The gradient norm that `tol` asks of each target: tol · 2 · ‖X̃‖_F/√W · σ_y (Paige and Saunders 1982)."""
    sigma, first = problem.target_scale, problem.coordinates.first
    if first:
        deviation = np.sqrt(problem.statistics.target_variance)
        sigma = np.where(deviation > 0, deviation, sigma)
    asked: Array = tol * 2.0 * np.sqrt(problem.feature_square.sum() + first) * sigma
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


def resolved(problem: Problem, plan: Plan, start: Array, n_steps: int) -> Problem:
    r"""The problem with as exact modes as so many steps need: the rounding of A grows with ηLk up to λ_max/λ_min.

    With momentum a step comes to η/(1 − β) in the long run.
    """
    for _ in range(2):  # sharper modes may show that the limit was, or was not, reached
        if plan.closed_form(problem, start).has_arrived(n_steps):
            better = problem.for_limit()
        else:
            amplification = min(plan.reach * problem.curvature * n_steps, 1.0 / max(problem.modes.smallest, EPS))
            better = problem.sharper(amplification)
        if better is problem:
            break
        problem = better
    return problem


def model_at(problem: Problem, closed: ClosedForm, iterate: Iterate, *, at_limit: bool = False) -> tuple[Model, float]:
    """The model of an iterate, and its J: on the rows where coefficients are so large that storing them shows in J."""
    if at_limit or closed.has_arrived(iterate.n_steps):
        return closed.limit()[1].model, iterate.value
    model = problem.coordinates.model(iterate.theta)
    # Where the modes are not of centred features, J is a difference of squares as large as those of y.
    size = float(problem.coordinates.target_share @ problem.target_scale**2)
    cancels = not problem.coordinates.centred and iterate.value < LARGE_LOSS * size
    exact = TOO_LOSSY * problem.modes.smallest > EPS and not cancels
    if problem.rows is None or exact:
        return model, iterate.value
    return model, float(problem.coordinates.target_share @ loss_of(model, problem.rows, problem.coordinates))


def _model_at(problem: Problem, descent: Descent) -> Model:
    return problem.coordinates.model(descent.last.theta)


def _loop(
    problem: Problem,
    settings: Settings,
    plan: Plan,
    start: Array,
    held_out: HeldOut | None,
    observe: Observer | None,
) -> tuple[Descent, Model]:
    max_iter, tol = settings.of_loop if problem.otherwise is None else (LIMIT_MAX_ITER, LIMIT_TOL)
    ends = usual_ends(max_iter, None if tol is None else threshold(problem, tol), observe)
    steps = iterates(problem.objective, start, *plan.rules(problem))
    if held_out is None:
        descent = descend(steps, *ends)
    else:
        patience = Patience(held_out)
        descent = patience.best_of(descend(steps, patience, *ends))
    return descent, _model_at(problem, descent)
