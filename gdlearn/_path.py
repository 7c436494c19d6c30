"""The path of a descent: coefficients after every number of steps that is asked for, in original units."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._advice import DivergenceError, divergence_message, warn_of_divergence
from ._arrays import Array
from ._coordinates import Coordinates, Model, ScalingName
from ._descent import StepsDone, descend, iterates
from ._objective import Iterate
from ._parameters import (
    BOOLEAN,
    INIT,
    NONNEGATIVE_INTEGER,
    POSITIVE_INTEGER,
    SOLVER,
    Init,
    InvalidParameterError,
    LearningRate,
    MatrixLike,
    MomentumLike,
    Solver,
    check_descent,
    integers,
)
from ._penalty import NO_PENALTY, Penalty
from ._plan import Plan, Settings
from ._problem import Problem, first_point, starting_point
from ._rows import Rows
from ._solve import loss_at, pose, resolved
from ._threads import blas_for
from ._validation import validate_rows

FEW = 100
"""Up to this number of iterates each may ask the rows for its J; for more that would take long."""


def gradient_descent_path(
    X: MatrixLike,
    y: ArrayLike,
    *,
    learning_rate: LearningRate = "auto",
    iterations: int | ArrayLike = 100,
    momentum: MomentumLike = "auto",
    nesterov: bool = False,
    scaling: ScalingName = "standard",
    init: Init = "zero",
    fit_intercept: bool = True,
    sample_weight: ArrayLike | None = None,
    solver: Solver = "auto",
) -> tuple[NDArray[np.int64], Array, Array, Array]:
    r"""The iterates of gradient descent on the mean squared error, from θ = 0 unless `init` says otherwise.

    .. math::  \theta \leftarrow \theta - \eta\nabla J(\theta), \qquad J(\theta) = \frac1W \sum_n w_n (y_n - \hat y_n)^2

    Parameters
    ----------
    X : array-like or CSR/CSC matrix of shape (n_samples, n_features)
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
    learning_rate, momentum, nesterov, scaling, init, fit_intercept, solver
        As for :class:`GradientDescentRegressor`.
    iterations : int or array-like of int, default=100
        An integer k for every iterate from 0, the start, to k; or the iterates wanted, in any order, however large.
    sample_weight : array-like of shape (n_samples,), default=None

    Returns
    -------
    iterations : ndarray of shape (n_iterations,), int64
        Of Python's integers (dtype object) where one is beyond int64.
    coefs : ndarray of shape (n_features, n_iterations) or (n_targets, n_features, n_iterations), float64
        In the original units of X and y, whatever the scaling.
    intercepts : ndarray of shape (n_iterations,) or (n_targets, n_iterations), float64
    losses : ndarray of shape (n_iterations,), float64
        J at each iterate, summed over targets, in units of y squared.

    Raises
    ------
    ValueError, TypeError
        If a parameter or the data cannot be used; `DivergenceError` (a ValueError) if J is not finite.

    Warns
    -----
    ConvergenceWarning
        If the learning rate is at or above the largest stable one.

    See Also
    --------
    GradientDescentRegressor : With `alpha` and `max_iter` the iterates on J with a penalty, which this J has not.
    regularization_path : The path over the strength of a penalty.

    Examples
    --------
    >>> from gdlearn import gradient_descent_path
    >>> X, y = [[1.0], [2.0], [3.0]], [2.0, 4.0, 6.0]
    >>> steps, coefs, intercepts, losses = gradient_descent_path(
    ...     X, y, learning_rate=0.1, iterations=2, scaling=None, fit_intercept=False
    ... )
    >>> print(steps, coefs.round(4), losses.round(4))
    [0 1 2] [[0.     1.8667 1.9911]] [1.86667e+01 8.30000e-02 4.00000e-04]
    """
    return descent_path(
        "gradient_descent_path",
        X,
        y,
        learning_rate=learning_rate,
        iterations=iterations,
        momentum=momentum,
        nesterov=nesterov,
        scaling=scaling,
        init=init,
        fit_intercept=fit_intercept,
        sample_weight=sample_weight,
        solver=solver,
    )


def descent_path(
    owner: str,
    X: MatrixLike,
    y: ArrayLike,
    *,
    learning_rate: LearningRate,
    iterations: int | ArrayLike,
    momentum: MomentumLike,
    nesterov: bool,
    scaling: ScalingName,
    init: Init,
    fit_intercept: bool,
    sample_weight: ArrayLike | None,
    solver: Solver,
    penalty: Penalty = NO_PENALTY,
) -> tuple[NDArray[np.int64], Array, Array, Array]:
    """The same with a penalty; `owner` is who asks."""
    check_descent(owner, learning_rate, momentum, nesterov, scaling)
    BOOLEAN.check(owner, "fit_intercept", fit_intercept)
    SOLVER.check(owner, "solver", solver)
    INIT.check(owner, "init", init)
    wanted = _wanted(owner, iterations)
    matrix, target, weight = validate_rows(X, y, sample_weight)
    rows = Rows.of(matrix, target, weight)
    most = int(wanted.max())
    settings = Settings(learning_rate, momentum, nesterov, max_iter=max(most, 1), solver=solver)
    with blas_for(*matrix.shape):
        problem = pose(rows, scaling, fit_intercept, settings, penalty)
    plan = Plan.of(problem, settings)
    given = "zero" if isinstance(init, str) and init == "auto" else init
    first = first_point(owner, given, rows.n_features, rows.y.shape[1], fit_intercept)
    start = starting_point(problem, first)
    models, losses = (_looped if plan.loop else _in_closed_form)(problem, plan, start, wanted)
    rate = float(plan.rate)

    def name(j: int) -> str:
        return f"feature {j}"

    if not np.isfinite(losses).all():
        raise DivergenceError(divergence_message(problem, plan, rate, name, "makes J infinite"))
    if plan.unstable:
        reached = f"J is {problem.coordinates.loss(losses[np.argmax(wanted)]):.3g} after {most} steps"
        warn_of_divergence(problem, plan, rate, name, "does not converge", reached)
    coefs, intercepts = in_original_units(problem.coordinates, models)
    losses = problem.coordinates.loss(losses)
    if target.ndim == 1:
        return wanted, coefs[0], intercepts[0], losses
    return wanted, coefs, intercepts, losses


def in_original_units(coordinates: Coordinates, models: list[Model]) -> tuple[Array, Array]:
    """Slopes of shape (t, d, number of models) and intercepts of shape (t, number of models), of X and y as given."""
    models = [coordinates.in_original_units(model) for model in models]
    return np.stack([model.coef.T for model in models], axis=-1), np.stack([model.intercept for model in models], -1)


def _wanted(owner: str, iterations: int | ArrayLike) -> NDArray[Any]:
    """The iterates wanted, as int64, or as Python's integers where that would not hold them."""
    if POSITIVE_INTEGER(iterations):
        return np.arange(int(iterations) + 1, dtype=np.int64)  # type: ignore[arg-type]
    try:
        wanted = np.asarray(iterations, dtype=object)
    except ValueError:  # ragged
        wanted = np.empty(0, dtype=object)
    if wanted.ndim != 1 or wanted.size == 0 or not all(map(NONNEGATIVE_INTEGER, wanted)):
        raise InvalidParameterError(
            f"The 'iterations' parameter of {owner} must be an integer >= 1 or a non-empty 1-D array of integers >= 0. "
            f"Got {iterations!r} instead."
        )
    return integers(wanted)


def _in_closed_form(problem: Problem, plan: Plan, start: Array, wanted: NDArray[np.int64]) -> tuple[list[Model], Array]:
    """Models and J, each from modes as exact as its number of steps needs."""
    numbers = sorted(set(wanted.tolist()))
    found: dict[int, tuple[Model, float]] = {}

    def fill(low: int, high: int, lowest: Problem, highest: Problem) -> None:
        """The numbers at places `low` to `high`: modes only sharpen as they grow, so between equal ones all are."""
        if lowest is not highest and high - low > 1:
            middle = (low + high) // 2
            between = resolved(problem, plan, start, numbers[middle])
            fill(low, middle, lowest, between)
            fill(middle, high, between, highest)
            return
        for sharp, some in ((lowest, numbers[low:high]), (highest, numbers[high : high + 1])):
            closed = plan.closed_form(sharp, start)
            thetas, losses = closed.thetas(some), closed.values(some)
            for place, k in enumerate(some):
                model, loss = sharp.coordinates.model(thetas[:, place]), float(losses[place])
                if closed.has_arrived(k):
                    limit = closed.limit()[1]
                    model, loss = limit.model, float(closed.target_share @ limit.minimum)
                elif len(numbers) <= FEW:
                    loss = loss_at(sharp, model, loss)
                found[k] = model, loss

    fill(0, len(numbers) - 1, *(resolved(problem, plan, start, numbers[place]) for place in (0, -1)))
    return [found[k][0] for k in wanted.tolist()], np.array([found[k][1] for k in wanted.tolist()])


def _looped(problem: Problem, plan: Plan, start: Array, wanted: NDArray[np.int64]) -> tuple[list[Model], Array]:
    """Models and J at the iterates that are wanted, by taking every step up to the last of them."""
    places: dict[int, list[int]] = {}
    for place, k in enumerate(wanted):
        places.setdefault(int(k), []).append(place)
    models = [problem.coordinates.model(start)] * len(wanted)
    losses = np.full(len(wanted), np.nan)

    def keep(point: Iterate, _: float) -> None:
        for place in places.get(point.n_steps, ()):
            models[place], losses[place] = problem.coordinates.model(point.theta), point.value

    descend(iterates(problem.objective, start, *plan.rules(problem)), keep, StepsDone(int(wanted.max())))
    return models, losses
