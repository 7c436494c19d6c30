import numpy as np
import pytest
from samples import plain
from scipy import sparse
from sklearn.linear_model import enet_path
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from gdlearn import GradientDescentRegressor
from gdlearn._alphas import alpha_grid, largest_alpha
from gdlearn._penalty import Penalty
from gdlearn._plan import Settings
from gdlearn._rows import Rows
from gdlearn._solve import pose
from gdlearn._validation import validate_rows


def problem_of(X, y, scaling="standard", fit_intercept=True, weight=None):
    rows = Rows.of(*validate_rows(X, y, weight))
    return pose(rows, scaling, fit_intercept, Settings(), Penalty(lasso=1.0))


@pytest.mark.parametrize(("n", "d"), [(24, 3), (40, 90)])
@pytest.mark.parametrize("l1_ratio", [0.1, 1.0])
def test_the_grid_of_enet_path(n, d, l1_ratio):
    X, y = plain(n, d)
    Z = StandardScaler().fit_transform(X)
    alphas, _, _ = enet_path(Z, y - y.mean(), l1_ratio=l1_ratio)
    np.testing.assert_allclose(alpha_grid(problem_of(X, y), l1_ratio, 100), alphas, rtol=1e-12)
    alphas, _, _ = enet_path(Z, y - y.mean(), l1_ratio=l1_ratio, eps=1e-2)
    np.testing.assert_allclose(alpha_grid(problem_of(X, y), l1_ratio, 100, 1e-2), alphas, rtol=1e-12)


@pytest.mark.parametrize("scaling", ["standard", "minmax", "maxabs", None])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_at_the_largest_alpha_no_slope_is_left_and_just_below_one_is(scaling, fit_intercept):
    X, Y = plain(t=2)
    X, Y, weight = X * [1.0, 10.0, 100.0] + 3.0, Y * [1e3, 1.0], np.arange(24.0)
    alpha = largest_alpha(problem_of(X, Y, scaling, fit_intercept, weight), 0.5)
    settings = {"l1_ratio": 0.5, "scaling": scaling, "fit_intercept": fit_intercept}
    assert not GradientDescentRegressor(alpha=alpha, **settings).fit(X, Y, weight).coef_.any()
    below = GradientDescentRegressor(alpha=0.999 * alpha, **settings).fit(X, Y, weight)
    assert np.count_nonzero(below.coef_) == 1


@pytest.mark.parametrize(("n", "d"), [(24, 3), (200, 80), (40, 90)])
def test_a_grid_of_ridge_terms_goes_by_the_largest_eigenvalue(n, d):
    X, y = plain(n, d)
    Z = MinMaxScaler().fit_transform(X + 7.0)
    most = np.linalg.eigvalsh(np.cov(Z, rowvar=False, bias=True))[-1]
    for stored in (X + 7.0, sparse.csr_array(X + 7.0)):
        alphas = alpha_grid(problem_of(stored, y, "minmax"), 0.0, 8)
        np.testing.assert_allclose(alphas, np.geomspace(10 * most, 1e-5 * most, 8), rtol=2e-3)


def test_where_any_alpha_leaves_no_slope_there_is_a_grid_all_the_same():
    X, y = plain()
    np.testing.assert_allclose(alpha_grid(problem_of(X, 0 * y + 3.0), 1.0, 3, 0.01), [1.0, 0.1, 0.01], rtol=1e-15)
    np.testing.assert_allclose(alpha_grid(problem_of(0 * X, y), 0.0, 3, 0.01), [1.0, 0.1, 0.01], rtol=1e-15)


def test_units_beyond_squares():
    X, y = plain()
    plain_alpha = largest_alpha(problem_of(X, y), 1.0)
    assert largest_alpha(problem_of(1e200 * X, 1e-200 * y), 1.0) == pytest.approx(1e-200 * plain_alpha, rel=1e-12)
