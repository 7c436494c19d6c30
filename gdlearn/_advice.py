"""Advice: what a descent that diverges or stops short tells the user, in words that are true when followed.

Whatever a message offers has been computed: another scaling only if the given rate is stable under it or the condition
number smaller, a number of steps only if it is enough, a tolerance only if it has been reached.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Context

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ._arrays import EPS, Array, beyond_float64, in_units
from ._coordinates import ScalingName
from ._descent import Descent
from ._first_step import first_step
from ._moments import Moments
from ._plan import Plan, threshold
from ._problem import Problem
from ._recurrence import FAR, Recurrence
from ._step_size import Constant, Exact, Schedule, automatic_rate, largest_stable_rate
from ._warnings import caller, warn_where_called

SCALINGS: tuple[ScalingName, ...] = ("standard", "minmax", "maxabs", None)
"""In the order in which they are offered."""

SAFELY = 1.0 - 1e-6
"""A scaling is offered for rates below this part of its largest stable one: L from a few products is a little off."""

FAR_TOO_SMALL = 0.1
"""A rate below this part of 1/L, at which no mode overshoots, is named as the cause of slowness."""

WORTH_SCALING = 0.5
"""A scaling is offered if it divides the condition number by two at least."""

FAR_FROM_ZERO = 100.0
"""Mean of a feature, in units of its standard deviation, from which its offset costs digits without an intercept."""

LOOSEST = 0.1
"""The largest tolerance that is offered."""


class DivergenceError(ValueError):
    """The learning rate is so large that the descent does not converge; the message says what to do."""


# ---------------------------------------------------------------------------------------------------------------------
# Too large a rate
# ---------------------------------------------------------------------------------------------------------------------


def divergence_message(
    problem: Problem, plan: Plan, rate: float, feature_name: Callable[[int], str], happened: str, *, grid: bool = False
) -> str:
    """For the error: the rate, the largest stable one, the feature of largest scale, and what to do.

    `grid` says that the user gave a grid of rates, where "auto" is no choice.
    """
    return f"{_diverging(plan, rate)} {happened}: {_divergence_details(problem, plan, feature_name, grid)}"


def warn_of_divergence(
    problem: Problem,
    plan: Plan,
    rate: float,
    feature_name: Callable[[int], str],
    happened: str,
    reached: str,
    *,
    grid: bool = False,
) -> None:
    """The same as a warning, where the result is finite; `reached` says how large J has become."""
    warn(
        f"{_diverging(plan, rate)} {happened}",
        lambda: f"{reached}, and {_divergence_details(problem, plan, feature_name, grid)}",
    )


def loss_reached(problem: Problem, descent: Descent) -> str:
    """J where the descent has ended, in units of y squared."""
    return f"J is {problem.coordinates.loss(descent.last.value):.3g} after {descent.last.n_steps} steps"


def of_y(problem: Problem, value: float, target: int) -> float:
    """A value that the problem measures in the units of a target; infinite where float64 does not hold it."""
    return float(in_units(value, problem.coordinates.target_exponent[target]))


def _diverging(plan: Plan, rate: float) -> str:
    changes = ", the last of its schedule," if isinstance(plan.learning_rate, Schedule) else ""
    return f"Gradient descent with learning rate {rate:.6g}{changes}"


def _divergence_details(problem: Problem, plan: Plan, feature_name: Callable[[int], str], grid: bool) -> str:
    square, stable = problem.feature_square, rounded(plan.stable_rate, ROUND_FLOOR)
    largest = int(np.argmax(square))
    unequal = square[largest] > 1.5 or square[square > 0].min(initial=1.0) < 0.5
    size = f"root mean square {np.sqrt(square[largest]):.3g}"
    start = "The" if unequal or len(square) == 1 else "Among equals, the"
    cause = f"{start} feature of largest scale is {feature_name(largest)} ({size})"
    if _is_mostly_penalty(problem):
        cause = f"Most of L, the largest eigenvalue of ∇²J, is 2·alpha·(1 − l1_ratio) = {2 * problem.penalty.ridge:.3g}"
    if grid:
        remedies = [f"learning_rates below {stable}"]
    else:
        a_rate = "rates" if isinstance(plan.learning_rate, Schedule) else "a rate"
        remedies = ['learning_rate="auto"', f"{a_rate} below {stable}"]
    if isinstance(plan.learning_rate, Exact):
        remedies = ['learning_rate="exact" without momentum', *remedies]
    if plan.learning_rate.is_constant:
        remedies += steadier_scaling(problem, plan)
    return f"the largest stable rate is {stable}. {cause}. Use {listed(remedies, ', ')}."


def _is_mostly_penalty(problem: Problem) -> bool:
    """Whether a ridge term, and not the features, makes most of L."""
    return problem.penalty.has_ridge and 4.0 * float(problem.penalty.ridge) > problem.curvature


def elsewhere(problem: Problem) -> str:
    """What a user of a penalty must know of another scaling: its J is another one."""
    return ", where alpha charges other slopes" if problem.penalty.has_ridge or problem.penalty.has_lasso else ""


def steadier_scaling(problem: Problem, plan: Plan) -> list[str]:
    """The first scaling under which the given rate is stable, if there is one."""
    for name in SCALINGS:
        there = _under(problem, name)
        if there is None:
            continue
        stable = largest_stable_rate(there.curvature, plan.momentum, plan.nesterov)
        if plan.rate < SAFELY * stable:
            return [f"{_scaling(name)} (stable below {rounded(stable, ROUND_FLOOR, 3)}{elsewhere(problem)})"]
    return []


def _under(problem: Problem, name: ScalingName) -> Problem | None:
    """The same rows in the coordinates of another scaling; None where that cannot be had."""
    try:
        with beyond_float64():
            there = problem.under(name)
            return there if np.isfinite(there.feature_square).all() else None
    except ValueError:  # the extremes are not at hand, or squares overflow in these coordinates
        return None


def _scaling(name: ScalingName) -> str:
    return "scaling=None" if name is None else f'scaling="{name}"'


# ---------------------------------------------------------------------------------------------------------------------
# Too few steps
# ---------------------------------------------------------------------------------------------------------------------


def warn_of_slowness(problem: Problem, plan: Plan, descent: Descent, start: Array, tol: float) -> None:
    """Warn that `tol` was not reached: the gradient norm, the one asked for, and what would help."""
    rate, cause, small = descent.rate, "Gradient descent", False
    if isinstance(plan.learning_rate, Constant | Schedule):
        small = rate / (1.0 - plan.momentum) < FAR_TOO_SMALL * automatic_rate(problem.curvature)
    if isinstance(plan.learning_rate, Schedule):
        cause += f" with a {'schedule that decays too fast' if small else 'schedule'}"
    elif isinstance(plan.learning_rate, Constant):
        cause += f" with {'the far too small ' if small else ''}learning rate {rate:.6g}"
    n_steps = descent.steps[-1]
    warn(
        f"{cause} did not reach tol={tol:g} in {n_steps} step{'s' if n_steps > 1 else ''}",
        lambda: _slowness_details(problem, plan, descent, start, tol, small),
    )


def warn_of_limit_not_reached(problem: Problem, descent: Descent) -> None:
    """Warn that the best steps in a plane, on their way to the limit, were too few."""

    def details() -> str:
        size, reached = threshold(problem, 1.0), np.linalg.norm(descent.last.gradient, axis=0)
        with beyond_float64():
            looser = rounded(float(np.max(np.where(reached > 0, reached / size, 0.0))), ROUND_CEILING, 2)
        remedies = ["warm_start=True, with which the next fit goes on from here"]
        if float(looser) <= LOOSEST:
            remedies.append(f"tol={looser}, which is reached")
        return f"J still falls. What would help: {listed(remedies, '; ')}."

    warn(f"Gradient descent did not come to its limit in {descent.steps[-1]} steps", details)


def warn_of_violation(problem: Problem, plan: Plan, descent: Descent, missed: float, tol: float) -> None:
    """Warn that `tol` was not reached with an L1 penalty: what optimality_ is, and what would help."""

    def details() -> str:
        remedies = []
        if (_rounding(problem, descent) < 2.0 * problem.coordinates.penalty.lasso * tol).all() and not plan.by_proximal:
            if plan.learning_rate.is_constant:
                remedies.append("more steps (max_iter)")
            if descent.held_out_values is None:
                remedies.append("learning_rate, momentum and max_iter left at their defaults, which end at the minimum")
        looser = rounded(missed, ROUND_CEILING, 2)
        if float(looser) <= LOOSEST:
            remedies.append(f"tol={looser}, which is reached")
        return f"optimality_ is {missed:.3g}." + (f" What would help: {listed(remedies, '; ')}." if remedies else "")

    n_steps = descent.steps[-1]
    warn(f"Gradient descent did not reach tol={tol:g} in {n_steps} step{'s' if n_steps > 1 else ''}", details)


def warn_of_rounding(problem: Problem, missed: float) -> None:
    """Warn that float64 does not let a descent with an L1 penalty come near to the minimum."""

    def details() -> str:
        statistics, remedies = problem.statistics, []
        if problem.rows is None:
            remedies.append("fit on the rows themselves, which hold more digits than their moments")
        far = statistics.feature_mean**2 > FAR_FROM_ZERO**2 * statistics.feature_variance
        if not problem.coordinates.fit_intercept and far.any():
            remedies.append("fit_intercept=True, or features nearer to zero, less an offset")
        return f"optimality_ is {missed:.3g}." + (f" What would help: {listed(remedies, '; ')}." if remedies else "")

    warn("Rounding keeps gradient descent from the minimum of J with its L1 penalty", details)


def _slowness_details(
    problem: Problem,
    plan: Plan,
    descent: Descent,
    start: Array,
    tol: float,
    small: bool,
) -> str:
    asked, reached = threshold(problem, tol), np.linalg.norm(descent.last.gradient, axis=0)
    with beyond_float64():
        ratio = np.where(reached > asked, reached / asked, 0.0)
    worst = int(np.argmax(ratio))
    remedies = []
    if not (plan.loop and (asked < _rounding(problem, descent)).any()):
        remedies = _faster(problem, plan, descent, start, tol, small)
    looser = rounded(tol * float(ratio[worst]), ROUND_CEILING, 2)
    if float(looser) <= LOOSEST:
        remedies.append(f"tol={looser}, which is reached")
    return (
        f"the gradient norm is {of_y(problem, reached[worst], worst):.3g}, tol asks for "
        f"{of_y(problem, asked[worst], worst):.3g}."
        + (f" What would help: {listed(remedies, '; ')}." if remedies else "")
    )


def _rounding(problem: Problem, descent: Descent) -> Array:
    """Norms below which a gradient that is computed step by step is rounding."""
    slope = 2.0 * np.sqrt(problem.feature_square.sum() + problem.coordinates.fit_intercept) * problem.target_scale
    noise: Array = 8.0 * EPS * (slope + problem.curvature * np.linalg.norm(descent.last.theta, axis=0))
    return noise


def _faster(problem: Problem, plan: Plan, descent: Descent, start: Array, tol: float, small: bool) -> list[str]:
    """More steps, a larger rate and another scaling, as far as they are known to bring the descent there."""
    done, remedies = descent.steps[-1], []
    constant = plan.learning_rate.is_constant
    now = _steps_needed(problem, plan, plan.rate, start, tol) if constant else None
    if small:
        rate = rounded(automatic_rate(problem.curvature), ROUND_FLOOR, 3)
        enough = _steps_needed(problem, plan, float(rate), start, tol)
        remedies.append(f'learning_rate="auto" or up to {rate}{_in_steps(enough)}')
    if now is not None and now > done:
        at_most = "at most " if plan.accelerated else ""
        remedies.append(f"{at_most}{counted(now - done)} more steps (max_iter)")
    elif (isinstance(plan.learning_rate, Exact) and not plan.momentum) or (
        problem.spectrum is None and constant and not plan.by_plane
    ):
        remedies.append("more steps (max_iter)")
    if problem.spectrum is not None:
        remedies += _better_scaling(problem, plan, start, tol, now)
    return remedies


def _better_scaling(problem: Problem, plan: Plan, start: Array, tol: float, now: int | None) -> list[str]:
    """Standardisation, or else the best scaling, where the condition number is smaller under it, with its steps."""
    before, best = problem.modes.condition_number, None
    for name in SCALINGS:
        there = _under(problem, name)
        if there is None or there.spectrum is None or len(there.modes.eigenvalues) < len(problem.modes.eigenvalues):
            continue
        after = there.modes.condition_number
        if after <= WORTH_SCALING * before and (best is None or after < best[0]):
            best = after, name, there
            if name == "standard":
                break
    if best is None:
        return []
    after, name, there = best
    rate = rounded(automatic_rate(there.curvature), ROUND_FLOOR, 3)
    model = problem.coordinates.in_original_units(problem.coordinates.model(start))
    begin = there.coordinates.theta(there.coordinates.from_original_units(model))
    needed = _steps_needed(there, plan, float(rate), begin, tol)
    if needed is None or (now is not None and needed >= now):
        return []
    return [
        f"{_scaling(name)} with learning_rate={rate} (condition number {after:.3g} instead of {before:.3g}"
        f"{_in_steps(needed, ', ')}{elsewhere(problem)})"
    ]


def _steps_needed(problem: Problem, plan: Plan, rate: float, start: Array, tol: float) -> int | None:
    """How many steps at a constant rate reach the tolerance; None where that is not known, or never."""
    if problem.spectrum is None:
        return None
    modes = problem.modes.seen_from(start)
    recurrence = Recurrence(2.0 * rate * modes.eigenvalues, plan.momentum, plan.nesterov)
    with beyond_float64():
        weight = (2.0 * modes.eigenvalues[:, None] * modes.gap(start)) ** 2
    needed = first_step(weight, threshold(problem, tol), recurrence, FAR)
    return needed if needed <= FAR else None


def _in_steps(n_steps: int | None, before: str = " (") -> str:
    if n_steps is None:
        return ""
    return f"{before}{counted(n_steps)} step{'s' if n_steps > 1 else ''}{')' if before == ' (' else ''}"


# ---------------------------------------------------------------------------------------------------------------------
# Too little in the moments
# ---------------------------------------------------------------------------------------------------------------------


def warn_if_unresolved(problem: Problem) -> None:
    """Warn where moments alone, without the rows and without a root, are too coarse for the features."""
    moments, spectrum, fit_intercept = problem.moments, problem.spectrum, problem.coordinates.fit_intercept
    has_lasso = problem.penalty.has_lasso  # which asks for no modes
    if moments is None or spectrum is None or moments.root is not None or has_lasso or not spectrum.is_lossy:
        return
    varying = _varying(moments, fit_intercept)
    modes = Problem.of_moments(varying, None, "standard", fit_intercept, problem.penalty.smooth).modes
    if not modes.is_lossy:
        return
    warn(
        "Features are so nearly collinear that second moments hold few or no digits of some of them",
        lambda: (
            f"the condition number of the Hessian is at least {1 / max(modes.smallest, EPS):.3g}. Exactly collinear "
            "features are fitted right, nearly collinear ones may not be. Make the moments with "
            "Moments.from_data(..., root=True), or fit the rows themselves."
        ),
    )


def _varying(moments: Moments, fit_intercept: bool) -> Moments:
    """Without constant features, which are exactly collinear with the intercept; without one, all but one of them."""
    d = moments.n_features
    constant = moments.covariance.diagonal()[:d] == 0
    if not fit_intercept:
        constant[np.flatnonzero(constant & (moments.mean[:d] != 0))[:1]] = False
    kept = np.flatnonzero(np.append(~constant, np.ones(moments.n_targets, dtype=bool)))
    features = kept[: len(kept) - moments.n_targets]
    return replace(
        moments,
        exponent=moments.exponent[kept],
        mean=moments.mean[kept],
        mean_rest=None if moments.mean_rest is None else moments.mean_rest[kept],
        covariance=moments.covariance[np.ix_(kept, kept)],
        minimum=None if moments.minimum is None else moments.minimum[features],
        maximum=None if moments.maximum is None else moments.maximum[features],
    )


# ---------------------------------------------------------------------------------------------------------------------
# How it is said
# ---------------------------------------------------------------------------------------------------------------------


def warn(cause: str, details: Callable[[], str]) -> None:
    """Warn where the user called; one fit among many of a search gives the cause only.

    The cause is in the words of the parameters, without a number that differs from fold to fold: so it is shown once.
    """
    _, among_many = caller()
    text = (
        f"{cause}, in one of several fits. Fit one alone, and the warning says what would help." if among_many else None
    )
    warn_where_called(text or f"{cause}: {details()}", ConvergenceWarning)


def warn_of_directions_given_up(names: Sequence[str]) -> None:
    """Warn that a direction was left out of the limit, for float64 has rounded it away."""
    some = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    warn(
        f"Float64 rounds away what tells {some} apart, or from a constant",
        lambda: (
            "numbers so far from zero hold no digit of it, so that direction was left out. If it matters, subtract an "
            "offset from these columns before they are rounded."
        ),
    )


def rounded(value: float, way: str, digits: int = 6) -> str:
    """A number rounded down or up to a few digits, so that what is said of it holds for what is printed."""
    return f"{float(Context(prec=digits, rounding=way).create_decimal_from_float(value)):.{digits}g}"


def counted(n: int) -> str:
    """A number of steps, rounded up to three digits."""
    up = int(Context(prec=3, rounding=ROUND_CEILING).create_decimal(n))
    return f"{up:,}" if up < 10**7 else f"{up:.3g}"


def listed(parts: Sequence[str], separator: str) -> str:
    """Alternatives as a reader lists them."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{separator.join(parts[:-1])}{separator if len(parts) > 2 or ';' in separator else ' '}or {parts[-1]}"
