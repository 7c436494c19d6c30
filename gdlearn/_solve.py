"""Solve: the form of the problem that is cheapest to descend, then loop or closed form, then what is to be said of it.

| rows                         | descent                                   | route                                  |
|------------------------------|-------------------------------------------|----------------------------------------|
| at least as many as columns  | constant rate                             | moments → modes → closed form          |
| fewer than columns           | constant rate                             | kernel → modes → closed form           |
| any                          | exact line search, a schedule             | moments (or the rows where they are    |
|                              |                                           | fewer than columns) → loop             |
| neither matrix fits, or it costs more than the steps asked for           | rows in their coordinates → loop       |
| the same, and no rate, momentum, number of steps or hold-out is given    | rows in their coordinates → loop of    |
|                                                                          | the best steps in a plane              |
| an L1 penalty, a rate or a number of steps is given                      | moments or rows → loop                 |
| an L1 penalty, and none of these                                         | moments or rows → accelerated loop,    |
|                                                                          | which ends at the minimum              |

A ridge term is a part of J in each of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from ._advice import (
    DivergenceError,
    divergence_message,
    loss_reached,
    warn_of_directions_given_up,
    warn_of_divergence,
    warn_of_limit_not_reached,
    warn_of_rounding,
    warn_of_slowness,
    warn_of_violation,
)
from ._arrays import EPS, Array
from ._closed_form import ClosedForm, descend_in_closed_form, first_stop
from ._coordinates import Model, ScalingName
from ._descent import (
    Descent,
    End,
    Observed,
    Observer,
    SmallGradient,
    SmallViolation,
    Status,
    StepsDone,
    descend,
    iterates,
    usual_ends,
    violation,
)
from ._early_stopping import HeldOut, Patience
from ._limit import SMALL_LOSS, loss_of
from ._minima import LONGEST, SURE, StepsToMinimum, blas_beside
from ._moments import Moments, moments_of
from ._objective import Iterate
from ._penalty import NO_PENALTY, Penalty
from ._plan import LOOP_MAX_ITER, LOOP_TOL, Plan, Settings, target_deviation, threshold, violation_unit
from ._plane import LittleToGain, PlaneSteps
from ._problem import STEPS_FOR_CURVATURE, TOO_LOSSY, TOO_LOSSY_FOR_ERRORS, Problem
from ._row_objective import RowObjective
from ._rows import Rows
from ._step_size import (
    Auto,
    Constant,
    Schedule,
    automatic_rate,
    largest_stable_rate,
)

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

STORED = 1e-11
"""ε·λ_max/λ_min above which the coefficients are so large that storing them may show in J."""

LARGE_LOSS = 1e-2
"""J relative to the mean square of y above which squares that cancel leave J its digits."""

WORTH_A_WORD = 1e-6
"""By how much the condition of a minimum may be missed for rounding, without a `tol`, before it is said."""

WORTH_A_LOOP = 10**10
"""Multiplications from which on a matrix takes so long that a sparse X is first descended by the loop."""


@dataclass(frozen=True, eq=False)
class Solution:
    """A descent, the model it reached and what is known of the problem."""

    problem: Problem
    descent: Descent
    model: Model
    max_stable_rate: float
    solver: str
    optimality: float | None = None
    """With an L1 penalty, by how much the condition of a minimum is missed, relative to it."""


def is_wide(rows: Rows, fit_intercept: bool) -> bool:
    """Whether the kernel is smaller than the moments."""
    p = rows.n_features + fit_intercept
    return rows.n_used < p and p > SMALL_MATRIX


def pose(
    rows: Rows,
    scaling: ScalingName,
    fit_intercept: bool,
    settings: Settings,
    penalty: Penalty = NO_PENALTY,
    moments: Moments | None = None,
) -> Problem:
    """The problem in the form that is cheapest to descend, before anything is formed; all give the same iterates.

    The `moments`, where they are at hand, are not formed again.
    """

    def with_matrix() -> Problem:
        if is_wide(rows, fit_intercept):
            if penalty.has_lasso:  # its steps are taken one by one, and a product with X costs less than the kernel
                return Problem.of_rows(rows, scaling, fit_intercept, penalty)
            return Problem.of_columns(rows, scaling, fit_intercept, penalty)
        formed = moments or moments_of(rows, extremes=scaling in ("minmax", "maxabs"))
        return Problem.of_moments(formed, rows, scaling, fit_intercept, penalty)

    if settings.solver == "spectral":
        return with_matrix()
    n, p = rows.n_used, rows.n_features + fit_intercept
    side = min(n, p)
    if side > LARGEST_MATRIX:
        return Problem.of_rows(rows, scaling, fit_intercept, penalty)
    is_sparse = sparse.issparse(rows.X)
    entries = rows.X.nnz if is_sparse else n * p
    matrix = n * p * side + 10 * side**3
    product = 2 * entries + 5 * (n + p) * rows.y.shape[1] + STEP_OVERHEAD
    numeric = isinstance(settings.rate, Constant | Schedule)
    if numeric and settings.max_iter is not None:
        on_rows = 2 * product * (settings.max_iter + STEPS_FOR_CURVATURE)
        if PLAIN_SPEED * on_rows < matrix:
            return Problem.of_rows(rows, scaling, fit_intercept, penalty)
    elif is_sparse and matrix > WORTH_A_LOOP:
        most = settings.max_iter or (LOOP_MAX_ITER if settings.wants_loop else LIMIT_MAX_ITER)
        sharp = isinstance(settings.rate, Auto) and settings.max_iter is not None
        on_rows = 2 * product * (most + (STEPS_FOR_SHARP_L if sharp else STEPS_FOR_CURVATURE))
        if PLAIN_SPEED * on_rows < matrix and (settings.wants_loop or settings.to_limit or settings.is_free):
            otherwise = None if settings.wants_loop else with_matrix
            return Problem.of_rows(rows, scaling, fit_intercept, penalty, otherwise)
    return with_matrix()


def solve(
    problem: Problem,
    settings: Settings,
    start: Array,
    feature_name: Callable[[int], str],
    held_out: HeldOut | None = None,
    observe: Observer | None = None,
) -> Solution:
    """Descend from `start` (theta of shape (p, t)), by loop or in closed form; stop early on `held_out` rows."""
    optimality = None
    with blas_beside(problem):
        plan = Plan.of(problem, settings, early_stopping=held_out is not None)
    if plan.unstable and settings.max_iter is None:
        happened = "does not converge"
        raise DivergenceError(
            divergence_message(problem, plan, plan.rate, feature_name, happened, grid=settings.of_grid)
        )
    if plan.loop:
        if plan.by_plane:
            plan, descent, model = _by_plane(problem, settings, plan, start, observe)
        elif plan.by_proximal:
            descent, model, optimality = _by_proximal(problem, settings, plan, start, observe)
        else:
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
    if problem.penalty.has_lasso and optimality is None:
        optimality = violation(problem.coordinates, descent.last, violation_unit(problem))
    rose = descent.last.value > 2.0 * max(descent.values[0], descent.last.value / 1e300)  # also where J began at 0
    if plan.unstable:
        happened, reached = "does not converge", loss_reached(problem, descent)
        warn_of_divergence(problem, plan, plan.rate, feature_name, happened, reached, grid=settings.of_grid)
    elif optimality is not None and plan.by_proximal and settings.to_limit and descent.status is Status.LIMIT:
        if optimality > WORTH_A_WORD:
            warn_of_rounding(problem, optimality)
    elif optimality is not None and _is_missed(descent, plan, optimality, settings.tol):
        warn_of_violation(problem, plan, descent, optimality, settings.of_loop[1] or LOOP_TOL)
    elif descent.status is Status.NOT_CONVERGED and plan.by_plane and settings.to_limit:
        warn_of_limit_not_reached(problem, descent)
    elif descent.status is Status.NOT_CONVERGED:
        tol = settings.of_loop[1] or LOOP_TOL
        warn_of_slowness(problem, plan, descent, start, tol)
    elif rose and not plan.learning_rate.is_constant:
        begin = f"{problem.coordinates.loss(descent.values[0]):.3g} at the start"
        happened, reached = "ended higher than it began", f"{loss_reached(problem, descent)} ({begin})"
        warn_of_divergence(problem, plan, descent.rate, feature_name, happened, reached)
    if descent.status is Status.LIMIT and len(problem.given_up):
        warn_of_directions_given_up([feature_name(int(j)) for j in problem.given_up])
    return Solution(problem, descent, model, plan.stable_rate, "loop" if plan.loop else "spectral", optimality)


def _is_missed(descent: Descent, plan: Plan, optimality: float, tol: float | None) -> bool:
    """Whether a descent with an L1 penalty ended before its tolerance, or where only rounding is left to do."""
    if plan.by_proximal:
        return descent.status in (Status.LIMIT, Status.CONVERGED, Status.NOT_CONVERGED) and optimality > (
            tol or LOOP_TOL
        )
    return descent.status is Status.NOT_CONVERGED


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
        return descend_in_closed_form(closed, plan.rate, max_iter=max_iter, threshold=asked, held_out=held_out)

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
    return problem, _ending_at(value, descent), model


def _ending_at(value: float, descent: Descent) -> Descent:
    """The same with J of its last point as the model has it, on the curve too if that is where the curve ends."""
    if descent.last.n_steps == descent.steps[-1]:
        descent.values[-1] = value
    return replace(descent, last=descent.last._replace(value=value))


def resolved(problem: Problem, plan: Plan, start: Array, n_steps: int, *, for_errors: bool = False) -> Problem:
    r"""The problem with modes as exact as `n_steps` steps need: the rounding of A grows with ηLk up to λ_max/λ_min.

    With momentum a step comes to η/(1 − β) in the long run. J may show the rounding of A even before. Where the modes
    are `for_errors` on other rows, they need fewer digits, and need them at the limit as well.
    """
    # An iterate that has arrived is the limit, which has all its digits by refinement. On the way there the rounding of
    # the modes is amplified, and only where that shows is it worth a factorisation of the rows.
    too_lossy = TOO_LOSSY_FOR_ERRORS if for_errors else TOO_LOSSY
    for _ in range(3):  # sharper modes may show that the limit was, or was not, reached
        closed, better = plan.closed_form(problem, start), problem
        arrived = closed.has_arrived(n_steps)
        if for_errors or not arrived:
            better = problem.sharper(plan.amplification(problem, closed, n_steps), too_lossy)
        if arrived and better is problem:
            better = problem.for_limit()
        if better is problem:
            break
        problem = better
    return problem


def model_at(problem: Problem, closed: ClosedForm, iterate: Iterate, *, at_limit: bool = False) -> tuple[Model, float]:
    """The model of an iterate, and its J: on the rows where coefficients are so large that storing them shows in J."""
    if at_limit or closed.has_arrived(iterate.n_steps):
        return closed.limit()[1].model, iterate.value
    model = problem.coordinates.model(iterate.theta)
    return model, loss_at(problem, model, iterate.value)


def loss_at(problem: Problem, model: Model, value: float) -> float:
    """J of a model, about `value`: from the rows where the terms of J in the modes or moments cancel."""
    if problem.rows is None or problem.spectrum is None or not np.isfinite(value):
        return value
    # Where the modes are not of centred features, J is a difference of squares as large as those of y.
    size = float(problem.coordinates.target_share @ problem.target_scale**2)
    cancels = not problem.coordinates.centred and value < LARGE_LOSS * size
    smallest = min(problem.modes.smallest, 1.0 / problem.modes.condition_number)
    if STORED * smallest > EPS and not cancels:
        return value
    return float(problem.coordinates.target_share @ loss_of(model, problem.rows, problem.coordinates))


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
    max_iter, tol = settings.of_loop
    if problem.otherwise is not None:
        max_iter, tol = LIMIT_MAX_ITER, settings.tol or LIMIT_TOL
    ends, steps = _ends(problem, max_iter, tol, observe), iterates(problem.objective, start, *plan.rules(problem))
    if held_out is None:
        descent = descend(steps, *ends)
    else:
        patience = Patience(held_out)
        descent = patience.best_of(descend(steps, patience, *ends))
    model = _model_at(problem, descent)
    if descent.status is Status.DIVERGED:
        return descent, model
    return _ending_at(loss_at(problem, model, descent.last.value), descent), model


def _ends(problem: Problem, max_iter: int | None, tol: float | None, observe: Observer | None) -> list[End]:
    """The ends that a user asks for; with an L1 penalty `tol` is about the condition of a minimum."""
    if tol is None:
        return usual_ends(max_iter, None, observe)
    small: End = SmallGradient(threshold(problem, tol))
    if problem.penalty.has_lasso:
        small = SmallViolation(problem.coordinates, violation_unit(problem), tol)
    return usual_ends(max_iter, small, observe)


def _by_proximal(
    problem: Problem, settings: Settings, plan: Plan, start: Array, observe: Observer | None
) -> tuple[Descent, Model, float]:
    """Descend with an L1 penalty by accelerated proximal steps to the minimum; the last is how near they came."""
    own, unit = problem.coordinates, violation_unit(problem)
    steps = StepsToMinimum(problem, start, unit)
    watch = [] if observe is None else [Observed(observe)]
    small = [] if settings.tol is None else [SmallViolation(own, unit, settings.tol)]
    last = StepsDone(LONGEST, Status.NOT_CONVERGED)
    with blas_beside(problem):
        descent = descend(steps, *watch, *small, last)
    if descent.status is Status.CONVERGED and steps.may_ask_rows(descent.last.theta):
        descent = descend(steps, *watch, last)  # what is so small may be rounding; the rows know where the steps end
    if not descent.rate > 0:  # no step leads down from the start
        descent = replace(descent, rate=plan.rate)
    optimality = violation(own, descent.last, unit)
    if problem.rows is None and (doubt := steps.doubt(descent.last.theta)) > SURE:
        optimality += doubt
    model, value = _model_at(problem, descent), descent.last.value
    if problem.rows is not None and value < SMALL_LOSS * float(own.target_share @ target_deviation(problem) ** 2):
        value = float(own.target_share @ loss_of(model, problem.rows, own))  # the terms of J cancel in the moments
    return _ending_at(value, descent), model, optimality


def _by_plane(
    problem: Problem, settings: Settings, plan: Plan, start: Array, observe: Observer | None
) -> tuple[Plan, Descent, Model]:
    """Descend by the best step in each plane; the plan is the same with the stable rate that the steps tell of."""
    objective = problem.objective
    assert isinstance(objective, RowObjective)
    if problem.otherwise is not None:
        ends = _ends(problem, LIMIT_MAX_ITER, settings.tol or LIMIT_TOL, observe)
    elif settings.to_limit:
        ends = _ends(problem, LOOP_MAX_ITER, LIMIT_TOL, observe)
        ends.insert(0, LittleToGain(target_deviation(problem) ** 2))
    else:
        ends = _ends(problem, None, settings.tol or LOOP_TOL, observe)
    steps = PlaneSteps(objective, start)
    descent = descend(steps, *ends)
    curvature = steps.curvature
    L = problem.curvature if curvature is None else curvature
    if not descent.rate > 0:  # J is infinite, or flat, where the descent starts
        descent = replace(descent, rate=automatic_rate(L))
    size = float(problem.coordinates.target_share @ problem.target_scale**2)
    if not descent.last.value >= LARGE_LOSS * size:  # a small J anew, for rounding has added up in the residuals
        descent = _ending_at(objective.value(descent.last.theta), descent)
    return replace(plan, stable_rate=largest_stable_rate(L)), descent, _model_at(problem, descent)
