"""Coordinates: scikit-learn's scalers, undone on the coefficients, in any units and from any start."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, StandardScaler

from gdlearn import GradientDescentRegressor, Moments, gradient_descent_path

SCALERS = {"standard": StandardScaler, "minmax": MinMaxScaler, "maxabs": MaxAbsScaler}
SCALINGS = [None, *SCALERS]


def data(n=25, d=4, t=1, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) * [1, 10, 0.1, 3][:d] + [0, 5, 1, -2][:d]
    y = X @ rng.normal(size=(d, t)) + 2 + rng.normal(size=(n, t))
    return X, y[:, 0] if t == 1 else y, rng


def loop(X, y, start, rate, n_steps, scaling, fit_intercept=True, weights=None):
    """Coefficients (d, t), intercepts (t,) and J after some steps from a model in original units; by scikit-learn."""
    X, y = np.asarray(X, float), y.reshape(len(y), -1)
    w = np.ones(len(y)) if weights is None else weights
    shift, scale = np.zeros(X.shape[1]), np.ones(X.shape[1])
    if scaling is not None:
        scaler = SCALERS[scaling]()
        scaler = scaler.fit(X, None, w) if scaling == "standard" else scaler.fit(X[w > 0])
        scale = scaler.scale_ if scaling != "minmax" else 1 / scaler.scale_
        if fit_intercept and scaling != "maxabs":
            shift = scaler.mean_ if scaling == "standard" else scaler.data_min_
    Z = np.column_stack([np.ones(len(X)), (X - shift) / scale])
    coef, intercept = start
    theta = np.vstack([intercept + shift @ coef, coef * scale[:, None]])
    if not fit_intercept:
        Z, theta = Z[:, 1:], theta[1:]
    for _ in range(n_steps):
        theta = theta + rate * 2 / w.sum() * Z.T @ (w[:, None] * (y - Z @ theta))
    J = float((w[:, None] * (y - Z @ theta) ** 2).sum() / w.sum())
    slopes = theta[int(fit_intercept) :] / scale[:, None]
    return slopes, theta[0] - shift @ slopes if fit_intercept else np.zeros(y.shape[1]), J


@pytest.mark.parametrize("size", [1e-200, 1e-160, 1e-140])
@pytest.mark.parametrize("solver", ["spectral", "loop"])
@pytest.mark.parametrize("shape", [(25, 3), (9, 80)])
def test_unscaled_steps_leave_a_feature_where_it_is_whose_squares_underflow(size, solver, shape):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal(shape), rng.standard_normal(shape[0])
    X[:, 0] *= size
    model = GradientDescentRegressor(1e-3, max_iter=7, scaling=None, solver=solver).fit(X, y)
    slopes, _, _ = loop(X, y, (np.zeros((shape[1], 1)), np.zeros(1)), 1e-3, 7, None)
    assert_allclose(model.coef_[1:], slopes[1:, 0], rtol=1e-12)
    assert abs(model.coef_[0]) < 1e-120


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("solver", ["spectral", "loop"])
@pytest.mark.parametrize(("t", "weighted"), [(1, False), (1, True), (2, False)])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_steps_from_a_model_in_original_units(scaling, fit_intercept, solver, t, weighted, kind):
    X, y, rng = data(t=t)
    w = rng.integers(0, 3, len(y)).astype(float) if weighted else None
    coef, intercept = rng.normal(size=(4, t)), rng.normal(size=t) if fit_intercept else np.zeros(t)
    start = np.vstack([intercept, coef]).T if fit_intercept else coef.T
    rate = 1e-3
    for k in (1, 2, 40):
        slopes, offset, J = loop(X, y, (coef, intercept), rate, k, scaling, fit_intercept, w)
        model = GradientDescentRegressor(
            rate,
            scaling=scaling,
            fit_intercept=fit_intercept,
            max_iter=k,
            solver=solver,
            init=start[0] if t == 1 else start,
        ).fit(kind(X), y, w)
        assert_allclose(np.atleast_2d(model.coef_).T, slopes, rtol=1e-9, atol=1e-11)
        assert_allclose(model.intercept_ * np.ones(t), offset, rtol=1e-9, atol=1e-10)
        assert model.loss_ == pytest.approx(J, rel=1e-10)


@pytest.mark.parametrize("scaling", ["standard", "minmax", "maxabs"])
@pytest.mark.parametrize("shape", [(25, 4), (3, 4), (4, 90)])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csc_matrix])
def test_shift_and_scale_are_those_of_scikit_learn(scaling, shape, kind):
    rng = np.random.default_rng(1)
    X = rng.normal(size=shape) * np.geomspace(1e-3, 1e3, shape[1]) + 1
    X[:, 1] = -2.0
    y = rng.normal(size=shape[0])
    model = GradientDescentRegressor(scaling=scaling).fit(kind(X), y)
    scaler = SCALERS[scaling]().fit(X)
    scale = scaler.scale_ if scaling != "minmax" else np.where(scaler.data_range_ > 0, scaler.data_range_, 1.0)
    shift = {"standard": X.mean(axis=0), "minmax": X.min(axis=0), "maxabs": np.zeros(shape[1])}[scaling]
    assert_allclose(model.feature_scale_, scale, rtol=1e-12)
    assert_allclose(model.feature_shift_, shift, rtol=1e-12, atol=1e-13)
    bare = GradientDescentRegressor(scaling=scaling, fit_intercept=False).fit(kind(X), y)
    assert not bare.feature_shift_.any()
    assert_allclose(bare.feature_scale_, scale, rtol=1e-12)
    if shape == (25, 4):
        of_moments = GradientDescentRegressor(scaling=scaling).fit_moments(Moments.from_data(X, y))
        assert_allclose(of_moments.feature_scale_, scale, rtol=1e-12)


@pytest.mark.parametrize("power", [-700, -500, -3, 4, 500, 664])
@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("solver", ["spectral", "loop"])
@pytest.mark.parametrize("shape", [(25, 4), (3, 4), (3, 90)])
def test_a_warm_start_in_the_units_of_a_huge_or_tiny_y(power, scaling, solver, shape):
    rng = np.random.default_rng(2)
    X = rng.normal(size=shape) + 1
    y = X[:, :3] @ [1.0, 2.0, 3.0] + 5 + rng.normal(size=shape[0])
    coef, intercept = rng.normal(size=(shape[1], 1)), np.array([-3.0])
    begin = np.append(intercept, coef) * 2.0**power
    for k in (1, 7):
        slopes, offset, _ = loop(X, y, (coef, intercept), 1e-3, k, scaling)
        model = GradientDescentRegressor(1e-3, scaling=scaling, max_iter=k, solver=solver, init=begin)
        model.fit(X, y * 2.0**power)
        assert_allclose(model.coef_ * 2.0**-power, slopes[:, 0], rtol=1e-9, atol=1e-11)
        assert model.intercept_ * 2.0**-power == pytest.approx(offset[0], rel=1e-9)
        _, coefs, intercepts, _ = gradient_descent_path(
            X, y * 2.0**power, learning_rate=1e-3, iterations=[0, k], scaling=scaling, solver=solver, init=begin
        )
        assert_allclose(coefs[:, 0], begin[1:], rtol=1e-14)
        assert intercepts[0] == pytest.approx(begin[0], rel=1e-13)
        assert_allclose(coefs[:, 1], model.coef_, rtol=1e-13)


@pytest.mark.parametrize("power", [-600, 600])
@pytest.mark.parametrize("solver", ["spectral", "loop"])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_a_warm_start_on_huge_or_tiny_features(power, solver, kind):
    X, y, rng = data()
    coef, intercept = rng.normal(size=(4, 1)), np.array([0.5])
    slopes, offset, J = loop(X, y, (coef, intercept), 1e-2, 5, "standard")
    begin = np.append(intercept, coef * 2.0**-power)
    model = GradientDescentRegressor(1e-2, max_iter=5, solver=solver, init=begin).fit(kind(X * 2.0**power), y)
    assert_allclose(model.coef_ * 2.0**power, slopes[:, 0], rtol=1e-9)
    assert model.intercept_ == pytest.approx(offset[0], rel=1e-9)
    assert model.loss_ == pytest.approx(J, rel=1e-10)
    assert_allclose(model.feature_scale_ * 2.0**-power, X.std(axis=0), rtol=1e-12)
    assert_allclose(model.feature_shift_ * 2.0**-power, X.mean(axis=0), rtol=1e-12)


@pytest.mark.parametrize("solver", ["spectral", "loop"])
@pytest.mark.parametrize("options", [{}, {"tol": 1e-6}, {"learning_rate": 0.01, "max_iter": 30}])
def test_targets_of_very_different_units_descend_each_by_itself(solver, options):
    # J sums over both, in units of the larger; 2⁵⁰⁰ beside 1 must leave the smaller its digits.
    X, y, _ = data(t=2)
    both = y * [1.0, 2.0**500]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = GradientDescentRegressor(solver=solver, **options).fit(X, both)
    if "max_iter" in options:
        slopes, offset, _ = loop(X, y, (np.zeros((4, 2)), np.zeros(2)), 0.01, 30, "standard")
        tolerance = 1e-9
    else:
        Z = np.column_stack([np.ones(len(X)), X])
        theta = np.linalg.lstsq(Z, y, rcond=None)[0]
        slopes, offset, tolerance = theta[1:], theta[0], 1e-10 if options == {} and solver == "spectral" else 1e-4
    assert_allclose(model.coef_.T * [1.0, 2.0**-500], slopes, rtol=tolerance, atol=tolerance)
    assert_allclose(model.intercept_ * [1.0, 2.0**-500], offset, rtol=tolerance, atol=tolerance)
    residual = (both[:, 1] - model.predict(X)[:, 1]) * 2.0**-500
    assert model.loss_ * 2.0**-1000 == pytest.approx(np.mean(residual**2), rel=1e-9)


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_gradient_norm_is_that_of_the_coordinates(scaling, fit_intercept):
    X, y, _ = data(t=2)
    for solver in ("spectral", "loop"):
        model = GradientDescentRegressor(
            1e-3, scaling=scaling, fit_intercept=fit_intercept, max_iter=3, solver=solver
        ).fit(X, y)
        Z = (X - model.feature_shift_) / model.feature_scale_
        Z = np.column_stack([np.ones(len(Z)), Z]) if fit_intercept else Z
        gradient = -2 / len(y) * Z.T @ (y - model.predict(X))
        assert model.gradient_norm_ == pytest.approx(np.linalg.norm(gradient), rel=1e-8)
        large = GradientDescentRegressor(
            1e-3, scaling=scaling, fit_intercept=fit_intercept, max_iter=3, solver=solver
        ).fit(X, y * 2.0**500)
        assert large.gradient_norm_ * 2.0**-500 == pytest.approx(model.gradient_norm_, rel=1e-12)


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("shape", [(25, 4), (3, 90)])
def test_a_start_at_the_mean_is_the_mean(scaling, shape):
    rng = np.random.default_rng(5)
    X, y, w = rng.normal(size=shape) + 2, rng.normal(size=shape[0]) + 9, rng.integers(1, 4, shape[0]).astype(float)
    for solver in ("spectral", "loop"):
        _, coefs, intercepts, losses = gradient_descent_path(
            X, y, learning_rate=1e-4, iterations=[0], scaling=scaling, init="mean", solver=solver, sample_weight=w
        )
        mean = np.average(y, weights=w)
        assert intercepts[0] == pytest.approx(mean, rel=1e-14)
        assert not coefs.any()
        assert losses[0] == pytest.approx(np.average((y - mean) ** 2, weights=w), rel=1e-12)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("scaling", [*SCALERS])
@pytest.mark.parametrize("options", [{}, {"learning_rate": 1e-3, "max_iter": 1}])
@pytest.mark.parametrize("power", [-1000, -700, -480, 480, 700])
@pytest.mark.parametrize("column", [0, 1])
def test_with_fewer_rows_than_columns_a_power_of_two_is_no_more_than_a_unit(column, power, options, scaling, kind):
    """Also of columns whose mean is exactly 0, so that all that float64 holds of their squares may be 0."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((4, 80))
    X[:, 0], X[:, 1] = [1, -1, 1, -1], [1, 2, 3, 4]
    y = 3 * X[:, 0] + rng.standard_normal(4)
    units = np.where(np.arange(80) == column, 2.0**power, 1.0)
    plain = GradientDescentRegressor(scaling=scaling, **options).fit(kind(X), y).coef_
    scaled = GradientDescentRegressor(scaling=scaling, **options).fit(kind(X * units), y).coef_
    assert plain[column] != 0
    assert_allclose(scaled * units, plain, rtol=1e-9, atol=1e-12 * np.abs(plain).max())
