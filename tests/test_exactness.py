"""The default descent reaches the least-squares solution to the digits that the data hold."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from gdlearn import GradientDescentRegressor, Moments

NIST = sorted((Path(__file__).parent / "data" / "nist_linear").glob("*.json"))

# Correct digits of the worst coefficient. What float64 data or their float64 powers hold at all is the ceiling: Filip
# 7.61, Wampler2 13.20, Pontius 13.51, Norris 14.07, Longley 14.62, NoInt1 14.74.
DIGITS = {
    "Filip": 7.5,
    "Longley": 14.0,
    "NoInt1": 14.5,
    "NoInt2": 14.5,
    "Norris": 13.8,
    "Pontius": 13.0,
    "Wampler1": 13.0,
    "Wampler2": 13.0,
    "Wampler3": 13.0,
    "Wampler4": 12.0,
    "Wampler5": 9.3,
}


def load(path):
    record = json.loads(path.read_text())
    X = np.array(record["X"], float)
    degree = record["poly_degree"] or 1
    if degree > 1:  # exact but for one rounding; the last bit of NumPy's own powers depends on the processor
        X = np.array([[float(Fraction(x) ** k) for k in range(1, degree + 1)] for x in X[:, 0]])
    return record, X, np.array(record["y"], float)


def digits(actual, certified):
    error = np.abs(np.asarray(actual) - certified) / np.abs(certified)
    return float(-np.log10(max(error.max(), 1e-16)))


def coefficients(model):
    return np.append(model.intercept_, model.coef_) if model.fit_intercept else model.coef_


@pytest.mark.parametrize("path", NIST, ids=lambda path: path.stem)
def test_nist_certified_values(path):
    record, X, y = load(path)
    certified = np.array([float(text) for text in record["certified_coef_text"]])
    model = GradientDescentRegressor(fit_intercept=record["intercept"]).fit(X, y)
    assert digits(coefficients(model), certified) >= DIGITS[record["name"]]
    residual_sd = np.sqrt(model.loss_ * len(y) / (len(y) - len(certified)))
    # 10 digits; a perfect fit (Wampler1 and 2) leaves only rounding of y. Filip's rounded powers fit 2e-10 better.
    assert_allclose(residual_sd, float(record["residual_sd_text"]), rtol=3e-10, atol=1e-15 * np.abs(y).max())
    assert model.rank_ == X.shape[1]


def test_nist_is_complete():
    assert len(NIST) == len(DIGITS) == 11


@pytest.mark.parametrize("scaling", [None, "standard", "minmax", "maxabs"])
def test_the_limit_does_not_depend_on_the_scaling(scaling):
    _, X, y = load(next(path for path in NIST if path.stem == "Longley"))
    best = GradientDescentRegressor().fit(X, y)
    model = GradientDescentRegressor(scaling=scaling).fit(X, y)
    assert_allclose(model.coef_, best.coef_, rtol=1e-13)
    assert_allclose(model.intercept_, best.intercept_, rtol=1e-13)


@pytest.mark.parametrize("scaling", [None, "standard", "minmax", "maxabs"])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("shape", [(30, 6), (7, 20)])
def test_where_solutions_are_many_the_limit_is_the_nearest_to_the_start(scaling, fit_intercept, shape):
    rng = np.random.default_rng(0)
    X = rng.normal(size=shape) + 1
    X[:, 1], X[:, 2] = 2 * X[:, 0] + 1, 3.0  # collinear with the intercept, and constant
    y = rng.normal(size=shape[0])
    model = GradientDescentRegressor(scaling=scaling, fit_intercept=fit_intercept).fit(X, y)
    Z = (X - model.feature_shift_) / model.feature_scale_
    Z = np.column_stack([np.ones(len(Z)), Z]) if fit_intercept else Z
    shortest = np.linalg.pinv(Z, rcond=1e-12) @ y
    theta = coefficients_in(model)
    assert_allclose(theta, shortest, atol=1e-11 * np.abs(shortest).max())
    if scaling == "standard" and fit_intercept:
        assert model.coef_[2] == 0.0


def coefficients_in(model):
    slopes = model.coef_ * model.feature_scale_
    return np.append(model.intercept_ + model.coef_ @ model.feature_shift_, slopes) if model.fit_intercept else slopes


@pytest.mark.parametrize("condition", [1e2, 1e4, 1e6, 1e8, 1e10, 1e12])
@pytest.mark.parametrize("noise", [0.0, 1e-3, 1.0])
def test_ill_conditioned_problems_lose_no_digit_to_the_method(condition, noise):
    from exact import exact_least_squares
    from sklearn.linear_model import LinearRegression

    rng = np.random.default_rng(int(np.log10(condition)))
    U, _ = np.linalg.qr(rng.normal(size=(40, 5)))
    V, _ = np.linalg.qr(rng.normal(size=(5, 5)))
    X = U * np.geomspace(1, 1 / condition, 5) @ V + 0.1
    y = X @ rng.normal(size=5) + noise * rng.normal(size=40)
    exact = exact_least_squares(X, y)
    truth = np.append(exact.intercept, exact.coef).astype(float)
    peer = LinearRegression(tol=0).fit(X, y)
    model = GradientDescentRegressor().fit(X, y)
    ours, theirs = digits(coefficients(model), truth), digits(np.append(peer.intercept_, peer.coef_), truth)
    if noise == 0:  # the exact intercept is the rounding of y itself: no digits to compare
        ours, theirs = digits(model.coef_, truth[1:]), digits(peer.coef_, truth[1:])
    assert ours >= theirs - 0.5
    # What remains is the rounding of the coefficients themselves, while κ leaves the modes any digit at all.
    assert ours > (14 if condition <= 1e8 else 11 if condition <= 1e10 else 2)


@pytest.mark.parametrize("root", [False, True])
def test_moments_alone_fit_what_they_hold(root):
    _, X, y = load(next(path for path in NIST if path.stem == "Longley"))
    certified = GradientDescentRegressor().fit(X, y)
    parts = [Moments.from_data(X[i::2], y[i::2], root=root) for i in range(2)]
    model = GradientDescentRegressor().fit_moments(parts[0] + parts[1])
    assert_allclose(model.coef_, certified.coef_, rtol=1e-11 if root else 1e-9)


def test_moments_too_coarse_for_the_features_say_so():
    from sklearn.exceptions import ConvergenceWarning

    _, X, y = load(next(path for path in NIST if path.stem == "Filip"))
    with pytest.warns(ConvergenceWarning, match=r"from_data\(.*root=True"):
        GradientDescentRegressor().fit_moments(Moments.from_data(X, y))
    model = GradientDescentRegressor().fit_moments(Moments.from_data(X, y, root=True))
    assert_allclose(model.predict(X), GradientDescentRegressor().fit(X, y).predict(X), atol=1e-8 * y.std())
