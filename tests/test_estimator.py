"""scikit-learn's own checks, and a refusal for every bad parameter."""

import inspect
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from gdlearn import GradientDescentRegressor, GradientDescentRegressorCV, gradient_descent_path

X, y = load_diabetes(return_X_y=True)

BAD = {
    "alpha": [-1e-9, np.nan, np.inf, None, "1", True, [1.0]],
    "l1_ratio": [-0.1, 1.1, np.nan, None, "0.5", True],
    "learning_rate": [0, -1, np.nan, np.inf, "fast", None, True, [0.1], "0.1"],
    "momentum": [1.0, -0.1, np.nan, 2, "high", None, True],
    "nesterov": [None, 1, "yes"],
    "scaling": ["robust", True, 1, "Standard"],
    "init": ["ones", None, 0.0, [1.0, 2.0], [np.nan] * 11, [[0.0] * 11] * 2, ["a"] * 11, True],
    "fit_intercept": [None, 1, "no"],
    "max_iter": [0, -1, 1.5, np.inf, np.nan, "many", True, 10.0],
    "tol": [0, -1e-3, np.nan, np.inf, "small", True],
    "solver": ["lsqr", None, 1],
    "check_gradient": [None, 1, "yes"],
    "early_stopping": [None, 1, "yes"],
    "validation_fraction": [0, 1, 1.5, -0.1, np.nan, "half", None, True],
    "n_iter_no_change": [0, -1, 1.5, "few", None, True],
    "warm_start": [None, 1],
    "random_state": ["seed", -1, 1.5],
    "verbose": [-1, "yes", None],
}


@pytest.mark.usefixtures("array_api")
@parametrize_with_checks(
    [
        GradientDescentRegressor(),
        GradientDescentRegressor(solver="loop", max_iter=200),
        GradientDescentRegressor(learning_rate=0.01, max_iter=300),
        GradientDescentRegressor(scaling=None),
        GradientDescentRegressor(scaling="minmax", check_gradient=True),
        GradientDescentRegressor(momentum=0.9, nesterov=True, scaling="maxabs", tol=1e-6),
        GradientDescentRegressor(alpha=0.1),
        GradientDescentRegressor(alpha=0.1, l1_ratio=0.5),
    ]
)
@pytest.mark.whole
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # on purpose tiny sets, far from settled
@pytest.mark.filterwarnings("ignore:partial_fit begins anew")  # one check calls all methods of a fitted model
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    "check",
    [estimator_checks.check_dataframe_column_names_consistency, estimator_checks.check_inplace_ensure_writeable],
)
def test_scikit_learns_checks_that_it_does_not_yield(check):
    check("GradientDescentRegressor", GradientDescentRegressor())


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_a_bad_parameter_is_refused_by_name_and_the_earlier_fit_kept(name, value):
    model = GradientDescentRegressor().fit(X, y)
    before = pickle.dumps({key: part for key, part in vars(model).items() if key.endswith("_")})
    model.set_params(**{name: value})
    with pytest.raises((ValueError, TypeError), match=rf"'{name}' parameter .* must be .* Got"):
        model.fit(X[:50], y[:50])
    assert pickle.dumps({key: part for key, part in vars(model).items() if key.endswith("_")}) == before


def test_every_parameter_has_bad_values_here():
    assert set(BAD) == set(GradientDescentRegressor().get_params())


@pytest.mark.parametrize("options", [{"learning_rate": 0}, {"iterations": 0}, {"iterations": [-1]}, {"scaling": "no"}])
def test_the_path_refuses_them_too(options):
    with pytest.raises((ValueError, TypeError), match=next(iter(options))):
        gradient_descent_path(X, y, **options)


def test_a_schedule_must_return_a_rate():
    with pytest.raises(ValueError, match="callable returned -1"):
        GradientDescentRegressor(lambda k: -1, max_iter=3).fit(X, y)


def test_the_closed_form_needs_a_constant_rate():
    with pytest.raises(ValueError, match="solver='spectral' needs a constant learning rate"):
        GradientDescentRegressor("exact", solver="spectral", max_iter=3).fit(X, y)


def test_a_failed_fit_leaves_the_earlier_one():
    model = GradientDescentRegressor().fit(X, y)
    before = dict(vars(model))
    for bad, words in (
        (X[:, :3] * np.nan, "Input X contains NaN"),
        (X[:, :0], r"0 feature\(s\)"),
        (X[0], "Expected 2D array, got 1D array"),
    ):
        with pytest.raises(ValueError, match=words):
            model.fit(bad, y[: len(bad)])
        assert vars(model) == before


def test_warm_start_refuses_another_shape():
    model = GradientDescentRegressor(warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match="warm_start"):
        model.fit(X[:, :3], y)


def test_weight_k_is_k_rows_and_weight_0_none():
    rng = np.random.default_rng(0)
    weights = rng.integers(0, 4, len(y))
    for scaling in (None, "standard", "minmax", "maxabs"):
        for options in ({}, {"learning_rate": 0.01, "max_iter": 20}):
            weighted = GradientDescentRegressor(scaling=scaling, **options).fit(X, y, weights)
            repeated = GradientDescentRegressor(scaling=scaling, **options)
            repeated.fit(X.repeat(weights, axis=0), y.repeat(weights))
            scale = np.abs(repeated.coef_).max()
            np.testing.assert_allclose(weighted.coef_, repeated.coef_, rtol=0, atol=1e-12 * scale)
            np.testing.assert_allclose(weighted.feature_scale_, repeated.feature_scale_, rtol=1e-13)
            np.testing.assert_allclose(weighted.loss_, repeated.loss_, rtol=1e-12)


def test_it_finds_what_linear_regression_finds():
    for target in (y, np.column_stack([y, y**2]), y[:, None]):
        for fit_intercept in (True, False):
            ours = GradientDescentRegressor(fit_intercept=fit_intercept).fit(X, target)
            theirs = LinearRegression(fit_intercept=fit_intercept).fit(X, target)
            assert ours.coef_.shape == theirs.coef_.shape
            assert np.shape(ours.intercept_) == np.shape(theirs.intercept_)
            np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-9)
            np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-10)


def test_float32_outside_float64_inside():
    model = GradientDescentRegressor().fit(X.astype(np.float32), y.astype(np.float32))
    exact = GradientDescentRegressor().fit(X.astype(np.float32).astype(np.float64), y.astype(np.float32))
    assert model.coef_.dtype == model.predict(X.astype(np.float32)).dtype == np.float32
    np.testing.assert_array_equal(model.coef_, exact.coef_.astype(np.float32))


@pytest.mark.parametrize("estimator", [GradientDescentRegressor, GradientDescentRegressorCV])
def test_everything_is_documented(estimator):
    model = estimator(early_stopping=True, random_state=0).fit(X, y)
    learned = [name for name in vars(model) if name.endswith("_")]
    for name in [*inspect.signature(estimator).parameters, *learned]:
        assert f"\n    {name} : " in (estimator.__doc__ or "")
    assert "https://pypi.org/project/gdlearn/" in model._repr_html_()


def test_it_clones():
    model = GradientDescentRegressor(0.1, max_iter=3)
    assert clone(model).get_params() == model.get_params()
