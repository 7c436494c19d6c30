"""The limit by a Cholesky factor: the same model, and what tells of the descent is found when it is asked for."""

import copy
import pickle
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LinearRegression

from gdlearn import GradientDescentRegressor, Moments, _partial_fit
from gdlearn.callbacks import HistoryRecorder

COURSE = [
    "n_iter_",
    "loss_curve_",
    "loss_curve_iterations_",
    "gradient_norm_",
    "learning_rate_",
    "max_stable_learning_rate_",
    "condition_number_",
]
SCALINGS = [None, "standard", "minmax", "maxabs"]


def data(n=300, d=140, t=None, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) @ (np.eye(d) + 0.02 * rng.standard_normal((d, d))) + rng.uniform(-3, 3, d)
    y = X @ rng.standard_normal((d, t or 1)) + 5.0 + 3.0 * rng.standard_normal((n, t or 1))
    return X, y if t else y[:, 0]


def by_modes(monkeypatch, model, *given):
    with monkeypatch.context() as patch:
        patch.setattr(_partial_fit.PartlyFitted, "_may_skip_modes", lambda *_: False)
        return model.fit(*given)


def is_direct(model):
    return "coef_" in vars(model) and "n_iter_" not in vars(model)


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("kind", ["plain", "weights", "targets", "float32", "mean"])
def test_the_model_and_its_course_are_those_of_the_modes(kind, scaling, monkeypatch):
    X, y = data(t=3 if kind == "targets" else None)
    weight = np.random.default_rng(1).integers(0, 4, len(X)).astype(float) if kind == "weights" else None
    if kind == "float32":
        X = X.astype(np.float32)
    options = {"scaling": scaling, "init": "mean" if kind == "mean" else "zero"}
    model = GradientDescentRegressor(**options).fit(X, y, weight)
    whole = by_modes(monkeypatch, GradientDescentRegressor(**options), X, y, weight)
    assert is_direct(model)
    tolerance = 1e-5 if kind == "float32" else 1e-9
    assert_allclose(model.coef_, whole.coef_, rtol=tolerance)
    assert_allclose(model.intercept_, whole.intercept_, rtol=tolerance)
    assert_allclose(model.coef_, LinearRegression().fit(X.astype(float), y, weight).coef_, rtol=10 * tolerance)
    assert model.coef_.dtype == whole.coef_.dtype
    assert model.loss_ == pytest.approx(whole.loss_, rel=1e-12)
    assert (model.rank_, model.solver_) == (whole.rank_, whole.solver_) == (140, "spectral")
    assert_allclose(model.feature_scale_, whole.feature_scale_, rtol=0)
    again, copied = pickle.loads(pickle.dumps(model)), copy.deepcopy(model)
    for found in (model, again, copied):
        for name in COURSE:
            assert_allclose(getattr(found, name), getattr(whole, name), rtol=1e-9, atol=1e-9, err_msg=name)
    assert not is_direct(model)
    assert vars(model).get("_course") is None


KINDS = {
    "nearly collinear": lambda X, y: (np.column_stack([X, X[:, 0] + 1e-4 * np.sin(np.arange(len(X)))]), y),
    "a copy": lambda X, y: (np.column_stack([X, X[:, 0]]), y),
    "a constant": lambda X, y: (np.column_stack([X, np.full(len(X), 7.3)]), y),
    "a perfect fit": lambda X, y: (X, X @ np.ones(X.shape[1])),
    "few rows": lambda X, y: (X[:141], y[:141]),
    "rows without weight": lambda X, y: (X, y, (np.arange(len(X)) < 100).astype(float)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_where_the_factor_has_not_all_digits_the_modes_decide(kind, monkeypatch):
    given = KINDS[kind](*data())
    model = GradientDescentRegressor().fit(*given)
    whole = by_modes(monkeypatch, GradientDescentRegressor(), *given)
    for name in ("coef_", "loss_", "rank_", "n_iter_", "condition_number_"):
        assert_allclose(getattr(model, name), getattr(whole, name), rtol=0, err_msg=name)


OPTIONS = {
    "max_iter": {"max_iter": 5},
    "tol": {"tol": 1e-3},
    "a rate": {"learning_rate": 1e-3},
    "no intercept": {"fit_intercept": False},
    "check_gradient": {"check_gradient": True},
    "early_stopping": {"early_stopping": True, "random_state": 0},
    "loop": {"solver": "loop", "max_iter": 3},
}


@pytest.mark.parametrize("kind", OPTIONS)
def test_a_descent_that_is_more_than_its_limit_is_done_at_once(kind):
    model = GradientDescentRegressor(**OPTIONS[kind]).fit(*data())
    assert not is_direct(model)


def test_callbacks_see_the_descent():
    pytest.importorskip("sklearn.callback")  # 1.9 or later
    model = GradientDescentRegressor().set_callbacks(HistoryRecorder())
    assert not is_direct(model.fit(*data()))


def test_parameters_that_are_set_later_do_not_change_what_is_told_of_the_fit(monkeypatch):
    X, y = data()
    model = GradientDescentRegressor(scaling="minmax").fit(X, y).set_params(scaling=None, learning_rate=1e9, max_iter=3)
    whole = by_modes(monkeypatch, GradientDescentRegressor(scaling="minmax"), X, y)
    assert model.n_iter_ == whole.n_iter_
    assert model.learning_rate_ == pytest.approx(whole.learning_rate_, rel=1e-12)


def test_a_fit_that_fails_keeps_the_earlier_one_and_its_course(monkeypatch):
    X, y = data()
    model = GradientDescentRegressor().fit(X, y)
    with pytest.raises(ValueError, match="NaN"):
        model.fit(np.where(np.arange(140) == 3, np.nan, X), y)
    assert model.n_iter_ == by_modes(monkeypatch, GradientDescentRegressor(), X, y).n_iter_


def test_a_later_fit_tells_of_itself():
    X, y = data()
    model = GradientDescentRegressor().fit(X, y)
    assert model.fit(X[:, :3], y).n_iter_ == GradientDescentRegressor().fit(X[:, :3], y).n_iter_
    before = model.n_iter_
    assert model.fit(X, y).n_iter_ != before
    model.fit(X, y).fit(X[:, [0, 1, 0]], y)  # copies have no factor
    assert "_course" not in vars(model)


def test_a_warm_start_is_where_the_course_begins(monkeypatch):
    X, y = data()
    model = GradientDescentRegressor(warm_start=True).fit(X, y)
    model.coef_ = model.coef_ + 1.0
    second = copy.deepcopy(model)
    model.fit(X, y)
    by_modes(monkeypatch, second, X, y)
    assert is_direct(model)
    assert_allclose(model.loss_curve_, second.loss_curve_, rtol=1e-9)
    assert_allclose(model.coef_, second.coef_, rtol=1e-9)


def test_moments_and_parts_are_fitted_so_too(monkeypatch):
    X, y = data()
    whole = by_modes(monkeypatch, GradientDescentRegressor(), X, y)
    for model in (
        GradientDescentRegressor().fit_moments(Moments.from_data(X, y)),
        GradientDescentRegressor().partial_fit(X[:100], y[:100]).partial_fit(X[100:], y[100:]),
    ):
        assert_allclose(model.coef_, whole.coef_, rtol=1e-9)
        assert is_direct(model)
        assert model.n_iter_ == whole.n_iter_


@pytest.mark.parametrize("max_iter", [None, 3])
def test_parts_are_descended_on_from_init_also_with_a_warm_start(max_iter):
    X, y = data()
    model = GradientDescentRegressor(0.1 if max_iter else "auto", max_iter=max_iter, warm_start=True)
    fresh = GradientDescentRegressor(0.1 if max_iter else "auto", max_iter=max_iter).fit(X, y)
    for part in (slice(0, 200), slice(200, 300)):
        model.partial_fit(X[part], y[part]).predict(X)
    assert_allclose(model.coef_, fresh.coef_, rtol=1e-9)
    assert model.n_iter_ == fresh.n_iter_


def test_columns_of_extreme_sizes():
    X, y = data()
    X = X * np.where(np.arange(140) % 3 == 0, 1e200, 1e-180)
    model = GradientDescentRegressor().fit(X, 1e100 * y)
    assert is_direct(model)
    plain = LinearRegression().fit(*data())
    assert_allclose(model.coef_ * np.where(np.arange(140) % 3 == 0, 1e100, 1e-280), plain.coef_, rtol=1e-9)


def test_the_intercept_suits_the_coefficients_where_means_are_between_two_numbers_of_float64():
    """The mean of the first feature is 2³⁰ and a part of its last digit, and that of y is of the same size."""
    for seed in range(3):
        rng = np.random.default_rng(seed)
        half = np.round(2**10 * rng.standard_normal((150, 128))) / 2**10
        X = np.vstack([half, -half])
        X[:, 0] += 2.0**30 + 2.0**-22 * (np.arange(300) % 3 == 0)
        y = X[:, 0] + np.round(2**10 * rng.standard_normal(300)) / 2**10 + 2.0**-22 * (rng.uniform(size=300) < 0.4)
        model = GradientDescentRegressor().fit(X, y)
        assert is_direct(model)
        coef = [Fraction(v) for v in model.coef_.tolist()]
        fitted = [sum(Fraction(v) * b for v, b in zip(row, coef, strict=True)) for row in X.tolist()]
        exact = sum(Fraction(v) - f for v, f in zip(y.tolist(), fitted, strict=True)) / 300
        assert float(model.intercept_) == pytest.approx(float(exact), rel=0, abs=2e-8)


def test_a_name_that_is_no_attribute_is_refused():
    model = GradientDescentRegressor().fit(*data())
    with pytest.raises(AttributeError, match="has no attribute 'nonsense_'"):
        model.nonsense_  # noqa: B018
    assert is_direct(model)


@pytest.mark.parametrize("d", [1, 2, 10, 40, 127])
@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("alpha", [0.0, 0.1])
def test_few_features_have_the_digits_of_modes(monkeypatch, d, scaling, alpha):
    X, y = data(200, d, t=2, seed=d)
    model = GradientDescentRegressor(scaling=scaling, alpha=alpha)
    assert is_direct(model.fit(X, y))
    found = np.column_stack([model.intercept_, model.coef_]), model.loss_
    by_modes(monkeypatch, model, X, y)
    expected = np.column_stack([model.intercept_, model.coef_]), model.loss_
    assert_allclose(found[0], expected[0], rtol=0, atol=1e-13 * np.abs(expected[0]).max())
    assert found[1] == pytest.approx(expected[1], rel=1e-12)


@pytest.mark.parametrize("d", [2, 10, 127])
def test_few_features_far_from_zero_or_nearly_collinear_or_with_a_small_intercept_take_modes(d):
    X, y = data(200, d, seed=1)
    assert is_direct(GradientDescentRegressor().fit(X, y))
    far, near = X.copy(), X.copy()
    far[:, 0] += 1e5
    near[:, 0] = near[:, 1] + 0.02 * near[:, 0]
    slopes = LinearRegression().fit(X, y)
    for features, target in ((far, y), (near, y), (X, y - slopes.intercept_ + 1e-6)):
        assert not is_direct(GradientDescentRegressor().fit(features, target))
