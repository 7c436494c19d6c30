"""The mean squared error beside its formula: every container, weights, several targets, the ends of float64."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from scipy.optimize import approx_fprime
from sklearn.linear_model import LinearRegression

from gdlearn import GradientDescentRegressor, MeanSquaredError, check_gradient

KINDS = [np.ascontiguousarray, np.asfortranarray, sparse.csr_matrix, sparse.csc_array, lambda X: X.astype(np.float32)]


def data(n=50, d=3, t=None, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.integers(-8, 9, (n, d)) / 4
    y, theta = rng.normal(size=(n, t or 1)), rng.normal(size=(d + 1, t or 1))
    return X, y if t else y[:, 0], theta if t else theta[:, 0], rng.integers(0, 4, n) / 4


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("t", [None, 1, 3])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("shape", [(50, 3), (9_000, 30), (3, 40)])
def test_value_gradient_and_hessian_are_their_formulas(kind, t, weighted, fit_intercept, shape):
    X, y, theta, w = data(*shape, t)
    Z = np.column_stack([np.ones(len(X)), X]) if fit_intercept else X
    theta = theta if fit_intercept else theta[1:]
    weight = w if weighted else np.ones(len(X))
    J = MeanSquaredError(kind(X), y, w if weighted else None, fit_intercept)
    r = (y - Z @ theta).reshape(len(y), -1)
    assert J.n_parameters == Z.shape[1]
    assert J.value(theta) == pytest.approx((weight[:, None] * r**2).sum() / weight.sum(), rel=1e-12)
    expected = (-2 / weight.sum() * Z.T @ (weight[:, None] * r)).reshape(theta.shape)
    assert_allclose(J.gradient(theta), expected, rtol=0, atol=1e-12 * np.abs(expected).max())
    H = 2 / weight.sum() * Z.T @ (weight[:, None] * Z)
    assert_allclose(J.hessian(), H, rtol=0, atol=1e-12 * np.abs(H).max())
    assert_allclose(J.value(np.asarray(theta).tolist()), J.value(theta))


def test_by_hand():
    J = MeanSquaredError([[1.0], [2.0]], [2.0, 5.0], [1.0, 3.0])
    # at (1, 1) the predictions are 2 and 3, the residuals 0 and 2
    assert J.value([1.0, 1.0]) == 3.0
    assert J.gradient([1.0, 1.0]).tolist() == [-3.0, -6.0]
    assert J.hessian().tolist() == [[2.0, 3.5], [3.5, 6.5]]
    bare = MeanSquaredError([[1.0], [2.0]], [2.0, 5.0], fit_intercept=False)
    assert bare.value([1.0]) == 5.0
    assert bare.gradient([1.0]).tolist() == [-7.0]
    assert bare.hessian().tolist() == [[5.0]]


def test_an_intercept_is_a_column_of_ones():
    X, y, theta, w = data(t=2)
    with_it = MeanSquaredError(X, y, w)
    as_column = MeanSquaredError(np.column_stack([np.ones(len(X)), X]), y, w, fit_intercept=False)
    assert with_it.value(theta) == pytest.approx(as_column.value(theta), rel=1e-14)
    assert_allclose(with_it.gradient(theta), as_column.gradient(theta), rtol=1e-12)
    assert_allclose(with_it.hessian(), as_column.hessian(), rtol=1e-12)


@pytest.mark.parametrize("t", [None, 2])
def test_the_gradient_is_the_numeric_derivative_and_vanishes_at_the_optimum_of_scikit_learn(t):
    X, y, theta, w = data(t=t)
    J = MeanSquaredError(X, y, w)
    numeric = approx_fprime(theta.ravel(), lambda v: J.value(v.reshape(theta.shape)), 1e-6)
    assert_allclose(J.gradient(theta).ravel(), numeric, rtol=1e-4, atol=1e-4)
    assert check_gradient(J.value, J.gradient, theta).passed
    peer = LinearRegression().fit(X, y, w)
    best = np.vstack([peer.intercept_, np.atleast_2d(peer.coef_).T]).reshape(theta.shape)
    assert np.abs(J.gradient(best)).max() < 1e-13
    for direction in np.eye(4):
        moved = best + 1e-3 * direction.reshape(-1, *[1] * (theta.ndim - 1))
        assert J.value(moved) > J.value(best)


def test_a_perfect_prediction_costs_nothing():
    X, _, theta, w = data()
    theta = np.round(4 * theta) / 4
    J = MeanSquaredError(X, theta[0] + X @ theta[1:], w)
    assert J.value(theta) == 0.0
    assert not J.gradient(theta).any()


@pytest.mark.parametrize("power", [-1040, -300, 8, 1000])
def test_only_ratios_of_weights_matter(power):
    X, y, theta, w = data()
    w = w + 0.25
    J, same = MeanSquaredError(X, y, w), MeanSquaredError(X, y, np.ldexp(w, power))
    if power == -1040:
        w = np.ldexp(np.ldexp(w, power), -power)
        J = MeanSquaredError(X, y, w)
    assert J.value(theta) == same.value(theta)
    assert np.array_equal(J.gradient(theta), same.gradient(theta))


def test_beyond_float64_values_are_infinite_without_a_warning():
    X, y, theta, _ = data()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        J = MeanSquaredError(X, y)
        assert J.value(1e200 * theta) == np.inf
        assert np.isfinite(J.gradient(1e200 * theta)).all()
        assert not np.isfinite(MeanSquaredError(1e200 * X, y).gradient(1e200 * theta)).any()
        assert MeanSquaredError(1e-200 * X, 1e-200 * y).value(0 * theta) == 0.0


def test_theta_of_another_shape_is_refused_with_the_shape_that_it_must_have():
    X, y, theta, _ = data()
    with pytest.raises(ValueError, match=r"shape \(3,\), expected \(4,\): the intercept first"):
        MeanSquaredError(X, y).value(theta[1:])
    with pytest.raises(ValueError, match=r"shape \(4,\), expected \(3,\): one row"):
        MeanSquaredError(X, y, fit_intercept=False).gradient(theta)
    with pytest.raises(ValueError, match=r"expected \(4, 2\)"):
        MeanSquaredError(X, np.column_stack([y, y])).gradient(theta)


def test_features_far_from_zero_leave_the_scaled_gradient_its_digits():
    # J in scaled coordinates, of which the loop's gradient norm tells: the shift is taken off before the product.
    rng = np.random.default_rng(3)
    x = np.round(64 * rng.normal(size=40)) / 64
    y = 3 * x + np.round(64 * rng.normal(size=40)) / 64
    for solver in ("loop", "spectral"):
        near = GradientDescentRegressor(0.1, max_iter=10, solver=solver).fit(x[:, None], y)
        far = GradientDescentRegressor(0.1, max_iter=10, solver=solver).fit(x[:, None] + 2.0**30, y)
        assert far.gradient_norm_ == pytest.approx(near.gradient_norm_, rel=1e-9)
        assert far.coef_[0] == pytest.approx(near.coef_[0], rel=1e-12)
