"""Step sizes: what a rate, a schedule, exact line search and acceleration do, beside ten lines of NumPy."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from gdlearn import GradientDescentRegressor
from gdlearn._step_size import automatic_rate, largest_stable_rate


def data(t=1, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(30, 3)) * [1, 2, 5] + 1
    y = X @ rng.normal(size=(3, t)) + rng.normal(size=(30, t))
    return X, y[:, 0] if t == 1 else y


def slope(X, y, theta):
    Z = np.column_stack([np.ones(len(X)), X])
    return -2 / len(y) * Z.T @ (y.reshape(len(y), -1) - Z @ theta)


@pytest.mark.parametrize(
    ("beta", "nesterov"), [(0.0, False), (0.0, True), (0.5, False), (0.5, True), (0.99, False), (0.99, True)]
)
@pytest.mark.parametrize("L", [2.0, 1e-3, 1e300])
def test_the_largest_stable_rate_is_where_the_roots_leave_the_unit_circle(beta, nesterov, L):
    stable = largest_stable_rate(L, beta, nesterov)
    for factor, inside in ((0.999, True), (1.001, False)):
        h = factor * stable * L  # of the mode of largest curvature: h = ηL
        look = beta * (1 - h) if nesterov else beta
        radius = np.abs(np.linalg.eigvals([[1 - h, look], [-h, look]])).max()
        assert (radius < 1) == inside
    assert automatic_rate(L) == pytest.approx(1 / L, rel=1e-15)


def test_where_J_is_flat_every_rate_is_stable_and_the_automatic_one_is_a_number():
    assert largest_stable_rate(0.0) == math.inf
    assert largest_stable_rate(-1e-20, 0.9, True) == math.inf
    assert automatic_rate(0.0) == 1.0
    assert automatic_rate(-1e-20) == 1.0
    assert GradientDescentRegressor(fit_intercept=False).fit(np.zeros((3, 1)), [1.0, 2.0, 3.0]).learning_rate_ == 1.0


@pytest.mark.parametrize("t", [1, 2])
def test_exact_line_search_minimises_along_the_gradient_for_each_target(t):
    X, y = data(t)
    Z = np.column_stack([np.ones(len(X)), X])
    H, theta = 2 / len(X) * Z.T @ Z, np.zeros((4, t))
    for k in (1, 2, 5, 30):
        theta = np.zeros((4, t))
        for _ in range(k):
            g = slope(X, y, theta)
            eta = np.sum(g * g, axis=0) / np.sum(g * (H @ g), axis=0)
            theta = theta - eta * g
        model = GradientDescentRegressor("exact", scaling=None, max_iter=k).fit(X, y)
        assert_allclose(
            np.column_stack([model.intercept_, model.coef_]).T if t > 1 else [model.intercept_, *model.coef_],
            theta if t > 1 else theta[:, 0],
            rtol=1e-9,
        )
    for size in (1e-150, 1e150):  # of the gradient: its square leaves float64
        model = GradientDescentRegressor("exact", scaling=None, max_iter=3).fit(X, size * y)
        plain = GradientDescentRegressor("exact", scaling=None, max_iter=3).fit(X, y)
        assert_allclose(model.coef_ / size, plain.coef_, rtol=1e-9)
    flat = GradientDescentRegressor("exact", scaling=None, max_iter=3).fit(X, 0 * y)
    assert not flat.coef_.any()


def test_a_schedule_is_asked_for_every_step_from_zero_on():
    X, y = data()
    asked = []

    def rate(k):
        asked.append(k)
        return 0.02 / (1 + k)

    theta = np.zeros((4, 1))
    for k in range(6):
        theta = theta - 0.02 / (1 + k) * slope(X, y, theta)
    model = GradientDescentRegressor(rate, scaling=None, max_iter=6).fit(X, y)
    assert asked == list(range(6))
    assert_allclose([model.intercept_, *model.coef_], theta[:, 0], rtol=1e-12)
    for bad in (0.0, -1.0, np.nan, np.inf, "1", None, True):
        with pytest.raises(ValueError, match="for step 0: it must return a finite number > 0"):
            GradientDescentRegressor(lambda k, bad=bad: bad, max_iter=3).fit(X, y)


def accelerated(X, y, rate, tol):
    """Nesterov's sequence, started again for a target whose velocity points uphill; until every gradient is small."""
    t = y.shape[1]
    theta, velocity, tk = np.zeros((4, t)), np.zeros((4, t)), np.ones(t)
    sizes = np.sqrt((X**2).mean(axis=0).sum() + 1)
    for k in range(10_000):
        g = slope(X, y, theta)
        if k and (np.linalg.norm(g, axis=0) <= tol * 2 * sizes * y.std(axis=0)).all():
            return k, theta
        uphill = np.sum(g * velocity, axis=0) > 0
        tk = np.where(uphill, 1.0, tk)
        following = (1 + np.sqrt(1 + 4 * tk**2)) / 2
        beta, tk = (tk - 1) / following, following
        velocity = beta * velocity - rate * slope(X, y, theta + beta * velocity)
        theta = theta + velocity
    raise AssertionError


@pytest.mark.parametrize("t", [1, 2])
@pytest.mark.parametrize("tol", [1e-2, 1e-6, 1e-9])
def test_the_automatic_loop_is_accelerated_with_restarts(t, tol):
    X, y = data(t, seed=1)
    Z = np.column_stack([np.ones(len(X)), X])
    rate = 1 / np.linalg.eigvalsh(2 / len(X) * Z.T @ Z)[-1]
    k, theta = accelerated(X, y.reshape(len(y), -1), rate, tol)
    model = GradientDescentRegressor(scaling=None, solver="loop", tol=tol).fit(X, y)
    assert model.n_iter_ == k
    assert_allclose(np.atleast_2d(model.coef_).T, theta[1:], rtol=1e-7)
    assert_allclose(model.intercept_, theta[0] if t > 1 else theta[0, 0], rtol=1e-7)
