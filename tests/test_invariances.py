"""Units, order and offsets of the data change no bit, or no more than their rounding."""

import numpy as np
import pytest
from exact import EPS
from samples import UNEVEN, plain, same_fit
from sklearn.linear_model import LinearRegression

from gdlearn import GradientDescentRegressor

INVARIANT = [
    {},
    {"scaling": "minmax"},
    {"scaling": "maxabs"},
    {"fit_intercept": False},
    {"learning_rate": 0.05, "max_iter": 7},
    {"learning_rate": 0.05, "max_iter": 1000},
    {"solver": "loop", "tol": 1e-4},
    {"learning_rate": "exact", "max_iter": 9},
    {"momentum": 0.5, "learning_rate": 0.05, "max_iter": 7},
]


@pytest.mark.parametrize("settings", INVARIANT, ids=str)
@pytest.mark.parametrize("shape", [(24, 3), (6, 10)])
@pytest.mark.parametrize("power", [-1000, -300, -7, 9, 301, 1000])
def test_powers_of_two_change_no_bit_of_the_scaled_coefficients(power, shape, settings):
    X, y = plain(*shape)
    one = GradientDescentRegressor(**settings).fit(X, y)
    other = GradientDescentRegressor(**settings).fit(np.ldexp(X, power), y)
    assert np.array_equal(np.ldexp(other.coef_, power), one.coef_)
    assert other.intercept_ == one.intercept_
    assert np.array_equal(np.ldexp(other.feature_scale_, -power), one.feature_scale_)
    other = GradientDescentRegressor(**settings).fit(X, np.ldexp(y, power))
    assert np.array_equal(np.ldexp(other.coef_, -power), one.coef_)
    assert np.ldexp(other.intercept_, -power) == one.intercept_
    assert other.n_iter_ == one.n_iter_


@pytest.mark.parametrize("settings", INVARIANT, ids=str)
@pytest.mark.parametrize("shape", [(24, 3), (6, 10)])
@pytest.mark.parametrize("power", [-1040, -7, 9, 1021])
def test_powers_of_two_in_the_weights_change_no_bit(power, shape, settings):
    X, y = plain(*shape)
    weights = np.round(UNEVEN[: len(y)] * 8) / 8  # short enough for subnormals
    one = GradientDescentRegressor(**settings).fit(X, y, sample_weight=weights)
    other = GradientDescentRegressor(**settings).fit(X, y, sample_weight=np.ldexp(weights, power))
    assert same_fit(other, one)


@pytest.mark.parametrize("settings", INVARIANT, ids=str)
@pytest.mark.parametrize("shape", [(600, 5), (6, 10)])
def test_permuted_rows_and_columns_give_the_same_to_rounding(shape, settings):
    X, y = plain(*shape)
    random = np.random.default_rng(8)
    rows, columns = random.permutation(shape[0]), random.permutation(shape[1])
    one = GradientDescentRegressor(**settings).fit(X, y)
    other = GradientDescentRegressor(**settings).fit(X[rows][:, columns], y[rows])
    np.testing.assert_allclose(other.coef_, one.coef_[columns], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(other.intercept_, one.intercept_, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("settings", [s for s in INVARIANT if s.get("fit_intercept", True)], ids=str)
@pytest.mark.parametrize("shape", [(24, 3), (6, 10)])
def test_an_offset_of_1e8_changes_slopes_by_its_rounding_only(shape, settings):
    X, y = plain(*shape)
    moved = X + 1e8 * (np.arange(shape[1]) == 1)
    if settings.get("scaling") == "maxabs":  # in these coordinates an offset is another problem, except at the limit
        moved = X if settings.keys() - {"scaling"} else moved
    one, other = (GradientDescentRegressor(**settings).fit(A, y) for A in (X, moved))
    # 1e8 rounds x to 1.5e-8; minimum-norm fits under maxabs depend on the offset by definition
    if not (settings.get("scaling") == "maxabs" and shape[0] < shape[1]):
        np.testing.assert_allclose(other.coef_, one.coef_, rtol=1e-7, atol=1e-7 * np.abs(one.coef_).max())


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_the_limit_is_that_of_scikit_learn_on_ordinary_data(fit_intercept):
    X, y = plain(300, 12, 2)
    ours = GradientDescentRegressor(fit_intercept=fit_intercept).fit(X, y, sample_weight=np.arange(300.0))
    theirs = LinearRegression(fit_intercept=fit_intercept).fit(X, y, sample_weight=np.arange(300.0))
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-11)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-10, atol=EPS)
