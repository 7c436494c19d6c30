"""The loop: what a step costs, and which of two reasons ends it."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from gdlearn import GradientDescentRegressor
from gdlearn._descent import StepsDone, descend, iterates
from gdlearn._design import Design
from gdlearn._early_stopping import Patience
from gdlearn._plan import Plan, Settings
from gdlearn._plane import PlaneSteps
from gdlearn._problem import Problem, error_on
from gdlearn._rows import Rows


def rows(n, t, d=40):
    rng = np.random.default_rng(n)
    return Rows.of(rng.normal(size=(n, d)), rng.normal(size=(n, t)), None)


@pytest.fixture
def products(monkeypatch):
    """The number of rows of X, for each product with it or with its transpose."""
    made = []

    def counted(product):
        def wrapper(design, operand):
            made.append(design.shape[0])
            return product(design, operand)

        return wrapper

    monkeypatch.setattr(Design, "predict", counted(Design.predict))
    monkeypatch.setattr(Design, "adjoint", counted(Design.adjoint))
    return made


RULES = {
    "plain": (Settings(0.01), 2),
    "momentum": (Settings(0.01, 0.9), 2),
    "Nesterov": (Settings(0.01, 0.9, True), 2),
    "accelerated": (Settings(), 2),
    "best of the plane": (Settings(), 2),
    "schedule": (Settings(lambda k: 0.1 / (k + 10)), 2),
    "exact line search": (Settings("exact"), 3),  # the curvature along the gradient takes one more
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("t", [1, 3])
def test_a_step_costs_two_products_with_the_rows(products, rule, t):
    settings, expected = RULES[rule]
    problem = Problem.of_rows(rows(30, t), "standard", True)
    held_out = error_on(problem, lambda: rows(20, t), problem.on(rows(20, t)), patience=100)
    plan = Plan.of(problem, settings, early_stopping=rule == "accelerated")
    counts = []
    for k in (10, 30):
        products.clear()
        start = np.zeros(problem.coordinates.shape)
        steps = PlaneSteps(problem.objective, start) if plan.by_plane else None
        steps = steps or iterates(problem.objective, start, *plan.rules(problem))
        descent = descend(steps, Patience(held_out), StepsDone(k))
        assert descent.steps[-1] == k
        counts.append((products.count(30), products.count(20)))
    assert np.diff(counts, axis=0).tolist() == [[20 * expected, 20 * 2]]


@pytest.mark.parametrize("solver", ["loop", "spectral"])
def test_patience_that_ends_with_max_iter_is_no_slow_descent(solver):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 20))
    y = X[:, 0] + rng.normal(size=40)
    options = {"early_stopping": True, "n_iter_no_change": 5, "random_state": 0, "solver": solver}
    end = GradientDescentRegressor(0.1, max_iter=1_000, **options).fit(X, y).loss_curve_iterations_[-1]
    assert end < 1_000
    GradientDescentRegressor(0.1, max_iter=end, tol=1e-12, **options).fit(X, y)  # a warning would be an error
    with pytest.warns(ConvergenceWarning, match="did not reach tol"):
        GradientDescentRegressor(0.1, max_iter=end - 1, tol=1e-12, **options).fit(X, y)
