"""Closed form, loop on moments, loop on the rows and the textbook's loop take the same steps."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import load_diabetes
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, StandardScaler
from textbook import mpmath_loop, numpy_loop, original_units, scaled

from gdlearn import GradientDescentRegressor, gradient_descent_path
from gdlearn._plan import Settings
from gdlearn._problem import Problem
from gdlearn._rows import Rows
from gdlearn._solve import solve

SCALINGS = [None, "standard", "minmax", "maxabs"]
MOMENTA = [(0.0, False), (0.5, False), (0.9, False), (0.9, True)]


def data(n=40, d=4, t=1, weighted=False, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + rng.normal(size=d)
    y = X @ rng.normal(size=(d, t)) + 3 + rng.normal(size=(n, t))
    return X, y[:, 0] if t == 1 else y, rng.integers(0, 4, size=n).astype(float) if weighted else None


def close(actual, expected, tolerance=1e-9):
    """Equal to `tolerance` relative to the largest entry."""
    assert_allclose(actual, expected, rtol=0, atol=tolerance * np.abs(expected).max())


def reference(X, y, scaling, rate, k, weights, momentum, nesterov, fit_intercept):
    Z, shift, scale = scaled(X, scaling, weights, shift=fit_intercept)
    top = np.linalg.eigvalsh(hessian(Z, weights, fit_intercept))[-1]
    theta, losses = numpy_loop(
        Z,
        y,
        rate / top,
        k,
        weights=weights,
        momentum=momentum,
        nesterov=nesterov,
        fit_intercept=fit_intercept,
    )
    coef, intercept = original_units(theta, shift, scale, fit_intercept)
    return rate / top, coef, intercept, losses


def hessian(Z, weights, fit_intercept):
    Z = np.column_stack([np.ones(len(Z)), Z]) if fit_intercept else Z
    w = np.ones(len(Z)) if weights is None else weights
    return 2 * Z.T @ (w[:, None] * Z) / w.sum()


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize(("momentum", "nesterov"), MOMENTA)
@pytest.mark.parametrize("rate", [1e-3, 0.9, 1.3])
@pytest.mark.parametrize(("t", "weighted", "fit_intercept"), [(1, False, True), (1, True, True), (3, True, False)])
@pytest.mark.parametrize("shape", [(40, 4), (6, 9)])
def test_every_route_takes_the_textbooks_steps(scaling, momentum, nesterov, rate, t, weighted, fit_intercept, shape):
    X, y, weights = data(*shape, t=t, weighted=weighted)
    for k in (1, 57):
        eta, coef, intercept, losses = reference(X, y, scaling, rate, k, weights, momentum, nesterov, fit_intercept)
        settings = Settings(eta, momentum, nesterov, max_iter=k)
        for solver in ("spectral", "loop"):
            model = GradientDescentRegressor(
                eta,
                momentum=momentum,
                nesterov=nesterov,
                scaling=scaling,
                fit_intercept=fit_intercept,
                max_iter=k,
                solver=solver,
            ).fit(X, y, weights)
            close(np.atleast_2d(model.coef_).T, coef)
            assert_allclose(model.intercept_ * np.ones(t), intercept, rtol=1e-9, atol=1e-9 * np.abs(coef).max())
            assert model.n_iter_ == k
            assert model.loss_curve_iterations_ == list(range(k + 1))
            # Relative to the start: on a descent that grows or shrinks J by orders of magnitude both scales count.
            assert_allclose(model.loss_curve_, losses, rtol=1e-9, atol=1e-12 * losses[0])
            assert model.loss_ == model.loss_curve_[-1]
        rows = Rows.of(X, y, weights)
        problem = Problem.of_rows(rows, scaling, fit_intercept)
        start = np.zeros((X.shape[1] + fit_intercept, t))
        solution = solve(problem, settings, start, str)
        close(solution.model.coef, coef)
        assert_allclose(solution.descent.values, losses, rtol=1e-9, atol=1e-12 * losses[0])


@pytest.mark.parametrize("solver", ["spectral", "loop"])
@pytest.mark.parametrize(("momentum", "nesterov"), MOMENTA)
def test_fifty_digits_agree(solver, momentum, nesterov):
    X, y, weights = data(8, 2, weighted=True, seed=3)
    for k in (1, 10, 200):
        expected = mpmath_loop(X, y, 0.05, k, weights=weights, momentum=momentum, nesterov=nesterov)
        model = GradientDescentRegressor(
            0.05, momentum=momentum, nesterov=nesterov, scaling=None, max_iter=k, solver=solver
        ).fit(X, y, weights)
        close(np.append(model.intercept_, model.coef_), expected, 1e-12)


@pytest.mark.parametrize(
    ("scaling", "scaler"), [("standard", StandardScaler()), ("minmax", MinMaxScaler()), ("maxabs", MaxAbsScaler())]
)
@pytest.mark.parametrize("k", [3, 400])
def test_built_in_scaling_is_a_scaler_in_front(scaling, scaler, k):
    X, y = load_diabetes(return_X_y=True, scaled=False)
    ours = GradientDescentRegressor(0.05, scaling=scaling, max_iter=k).fit(X, y)
    theirs = make_pipeline(scaler, GradientDescentRegressor(0.05, scaling=None, max_iter=k)).fit(X, y)
    close(ours.predict(X), theirs.predict(X))
    close(ours.loss_curve_, theirs[-1].loss_curve_)


def test_without_an_intercept_standard_scaling_divides_but_does_not_shift():
    X, y = load_diabetes(return_X_y=True, scaled=False)
    options = {"fit_intercept": False, "max_iter": 50}
    ours = GradientDescentRegressor(1e-4, scaling="standard", **options).fit(X, y)
    scaler = StandardScaler(with_mean=False)
    theirs = make_pipeline(scaler, GradientDescentRegressor(1e-4, scaling=None, **options)).fit(X, y)
    close(ours.predict(X), theirs.predict(X))
    assert ours.intercept_ == 0.0


@pytest.mark.parametrize(("rate", "momentum"), [(0.01, 0.3), ("exact", 0.0), (lambda k: 0.3 / (k + 10), 0.3)])
@pytest.mark.parametrize("t", [1, 2])
def test_step_rules_on_moments_and_on_rows(rate, momentum, t):
    X, y, weights = data(t=t, weighted=True)
    models = []
    for kind in ("moments", "rows"):
        rows = Rows.of(X, y, weights)
        problem = posed(kind, rows)
        models.append(solve(problem, Settings(rate, momentum, True, max_iter=20), np.zeros((5, t)), str))
    close(models[0].model.coef, models[1].model.coef)
    assert_allclose(models[0].descent.values, models[1].descent.values, rtol=1e-9)


def posed(kind, rows, scaling="standard", fit_intercept=True):
    from gdlearn._moments import moments_of

    if kind == "moments":
        return Problem.of_moments(moments_of(rows), rows, scaling, fit_intercept)
    return (Problem.of_columns if kind == "columns" else Problem.of_rows)(rows, scaling, fit_intercept)


def test_exact_line_search_by_hand():
    # J = ((1 − θ)² + (2 − 2θ)²)/2 in one dimension: one exact step reaches θ = 1.
    model = GradientDescentRegressor("exact", scaling=None, fit_intercept=False, max_iter=1).fit([[1.0], [2.0]], [1, 2])
    assert_allclose(model.coef_, [1.0], rtol=1e-15)


def test_a_schedule_is_asked_for_steps_0_1_2():
    asked = []
    GradientDescentRegressor(lambda k: asked.append(k) or 0.01, max_iter=4).fit([[1.0], [2.0], [4.0]], [1.0, 2.0, 3.0])
    assert asked == [0, 1, 2, 3]


@pytest.mark.parametrize(("momentum", "nesterov"), [*MOMENTA, (0.99, False), (0.99, True)])
@pytest.mark.parametrize("tol", [1e-2, 1e-5, 1e-9])
@pytest.mark.parametrize("rate", [0.02, 0.25])
def test_the_tolerance_stops_loop_and_closed_form_at_the_same_step(momentum, nesterov, tol, rate):
    X, y, _ = data(60, 5, t=2, seed=1)
    models = [
        GradientDescentRegressor(rate, momentum=momentum, nesterov=nesterov, tol=tol, solver=solver).fit(X, y)
        for solver in ("spectral", "loop")
    ]
    assert models[0].n_iter_ == models[1].n_iter_ > 1
    close(models[0].coef_, models[1].coef_)
    assert_allclose(models[0].gradient_norm_, models[1].gradient_norm_, rtol=1e-3, atol=1e-12)


def test_the_tolerance_is_that_of_lsqr_in_units_of_the_data():
    X, y, _ = data(60, 3, seed=2)
    tol = 1e-4
    model = GradientDescentRegressor(0.1, tol=tol).fit(X, y)
    Z = np.column_stack([np.ones(60), StandardScaler().fit_transform(X)])

    def norm(k):
        theta = numpy_loop(Z[:, 1:], y, 0.1, k)[0][:, 0]
        return np.linalg.norm(2 / 60 * Z.T @ (y - Z @ theta))

    asked = tol * 2 * np.linalg.norm(Z) / np.sqrt(60) * y.std()
    assert norm(model.n_iter_) <= asked < norm(model.n_iter_ - 1)


def test_a_trillion_steps_are_the_limit():
    X, y = load_diabetes(return_X_y=True)
    limit = GradientDescentRegressor().fit(X, y)
    model = GradientDescentRegressor(0.1, max_iter=10**12).fit(X, y)
    assert model.n_iter_ == 10**12
    assert_allclose(model.coef_, limit.coef_, rtol=1e-13)  # which comes by another factorisation
    assert model.loss_curve_iterations_[-1] == 10**12
    assert len(model.loss_curve_) == len(model.loss_curve_iterations_) <= 1_001


def test_n_iter_at_the_limit_is_honest():
    X, y, _ = data(50, 3, seed=4)
    limit = GradientDescentRegressor().fit(X, y)
    k, scale = limit.n_iter_, np.sqrt(np.mean(y**2))

    def distance(k):
        model = GradientDescentRegressor(limit.learning_rate_, max_iter=k).fit(X, y)
        return np.sqrt(np.mean((model.predict(X) - limit.predict(X)) ** 2)) / scale

    # At n_iter_ the two differ by rounding; after half the steps by far more than rounding.
    assert distance(k) < 2e-15 < 1e-9 < distance(k // 2)


@pytest.mark.parametrize("shape", [(40, 4), (6, 9)])
@pytest.mark.parametrize("solver", ["spectral", "loop"])
@pytest.mark.parametrize("t", [1, 2])
def test_warm_start_continues(shape, solver, t):
    X, y, _ = data(*shape, t=t)
    options = {"learning_rate": 0.02, "scaling": "minmax", "solver": solver}
    whole = GradientDescentRegressor(max_iter=30, **options).fit(X, y)
    parts = GradientDescentRegressor(max_iter=10, warm_start=True, **options).fit(X, y).fit(X, y).fit(X, y)
    close(parts.coef_, whole.coef_)
    close(parts.intercept_, whole.intercept_)


def test_the_accelerated_loop_needs_far_fewer_steps():
    X, y = load_diabetes(return_X_y=True)
    accelerated = GradientDescentRegressor(solver="loop", tol=1e-6).fit(X, y)
    plain = GradientDescentRegressor(solver="loop", momentum=0.0, tol=1e-6).fit(X, y)
    assert accelerated.n_iter_ < plain.n_iter_ / 5


@pytest.mark.parametrize("solver", ["spectral", "loop"])
@pytest.mark.parametrize("y_shape", [(40,), (40, 1), (40, 2)])
def test_path_is_the_fit_at_every_step(solver, y_shape):
    X, y, w = data(40, 4, t=2, weighted=True)
    y = y[:, 0] if len(y_shape) == 1 else y[:, : y_shape[1]]
    steps, coefs, intercepts, losses = gradient_descent_path(
        X, y, learning_rate=0.05, iterations=[0, 7, 3, 1000], momentum=0.5, sample_weight=w, solver=solver
    )
    assert steps.tolist() == [0, 7, 3, 1000]
    assert coefs.shape == ((4, 4) if len(y_shape) == 1 else (y_shape[1], 4, 4))
    for i, k in enumerate(steps[1:], start=1):
        model = GradientDescentRegressor(0.05, momentum=0.5, max_iter=int(k)).fit(X, y, w)
        close(coefs[..., i], model.coef_)
        close(intercepts[..., i], model.intercept_)
        assert_allclose(losses[i], model.loss_, rtol=1e-9)
    assert not coefs[..., 0].any()


def test_wide_kernel_equals_moments_on_the_same_rows():
    X, y, _ = data(30, 12, t=2)
    rows = Rows.of(X, y, None)
    for settings in (Settings(0.02, max_iter=50), Settings(), Settings(0.05, 0.8, True, tol=1e-6)):
        wide = solve(posed("columns", rows), settings, np.zeros((13, 2)), str)
        tall = solve(posed("moments", rows), settings, np.zeros((13, 2)), str)
        close(wide.model.coef, tall.model.coef)
        assert wide.descent.last.n_steps == pytest.approx(tall.descent.last.n_steps, rel=1e-6)
