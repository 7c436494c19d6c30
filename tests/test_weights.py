"""Weights count rows: at their ratios, zero as absent, k as k rows; what is no weight is refused by name."""

import numpy as np
import pytest
from exact import exact_least_squares
from samples import MAX, ONES, RIGHT, UNEVEN, X0, Y0, N, plain, with_entries
from scipy import sparse

from gdlearn import GradientDescentRegressor

FEW = np.where(np.arange(N) < 2, 3.0, 0.0)
OUTLIER = np.where(np.arange(N) == 4, 0.0, 1.0)

WEIGHTED = {
    "uneven": (X0, Y0, UNEVEN),
    "integers": (X0, Y0, np.arange(N) % 4),
    "bool": (X0, Y0, np.arange(N) % 3 > 0),
    "float32": (X0, Y0, UNEVEN.astype(np.float32)),
    "zero on an outlier of 1e10": (with_entries(X0.copy(), 1e10, 4), with_entries(Y0.copy(), -1e10, 4), OUTLIER),
    "zero on an outlier of 1e300": (with_entries(X0.copy(), 1e300, 4), with_entries(Y0.copy(), -1e300, 4), OUTLIER),
    "zero on the first and last rows": (X0, Y0, with_entries(UNEVEN.copy(), 0.0, 0, 1, -1)),
    "one nonzero": (X0, Y0, with_entries(np.zeros(N), 0.3, 7)),
    "two nonzero": (X0, Y0, FEW),
    "one nonzero, 1e-300": (X0, Y0, with_entries(np.zeros(N), 1e-300, 7)),
    "as many nonzero as features": (X0, Y0, np.where(np.arange(N) % 8 == 0, 0.7, 0.0)),
    "* 1e300": (X0, Y0, UNEVEN * 1e300),
    "* 1e-300": (X0, Y0, UNEVEN * 1e-300),
    "subnormal": (X0, Y0, UNEVEN * 1e-310),
    "a sum beyond float64": (X0, Y0, UNEVEN / 3.0 * MAX),
    "from 1e-3 to 1e3": (X0, Y0, np.geomspace(1e-3, 1e3, N)),
    "one of 1e6": (X0, Y0, with_entries(ONES.copy(), 1e6, 5)),
    "one of 1e9 in the first row": (X0, Y0, with_entries(ONES.copy(), 1e9, 0)),
    "two of 1e9": (X0, Y0, with_entries(ONES.copy(), 1e9, 5, 6)),
    "one of 1e12": (X0, Y0, with_entries(ONES.copy(), 1e12, 5)),
    "1e-300 beside 1e300": (X0, Y0, np.where(np.arange(N) % 5 == 0, 1e-300, 1e300)),
    "rows < columns": (*plain(6, 10), UNEVEN[:6]),
    "rows < columns, zero on an outlier": (
        with_entries(plain(6, 10)[0], 1e300, 1),
        with_entries(plain(6, 10)[1], 1e300, 1),
        with_entries(UNEVEN[:6].copy(), 0.0, 1),
    ),
    "rows < columns, one nonzero": (*plain(6, 10), with_entries(np.zeros(6), 2.0, 3)),
    "rows < columns, * 1e300": (*plain(6, 10), UNEVEN[:6] * 1e300),
}


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("name", WEIGHTED)
def test_weights_are_taken_at_their_ratios(name, fit_intercept):
    X, y, weights = WEIGHTED[name]
    # a weight below 1e-308 of the largest is no weight in float64
    truth_weights = np.where(weights < 1e-308 * weights.max(), 0.0, weights)
    model = GradientDescentRegressor(fit_intercept=fit_intercept).fit(X, y, sample_weight=weights)
    truth = exact_least_squares(X, y, truth_weights, fit_intercept)
    with np.errstate(over="ignore", invalid="ignore"):  # rows of weight 0 may lie at 1e300
        prediction = model.predict(X)
    assert truth.error(prediction) <= RIGHT + 8 * truth.rounding()
    assert truth.slope_error(model.coef_) <= RIGHT


@pytest.mark.parametrize("scaling", ["standard", "minmax", "maxabs", None])
@pytest.mark.parametrize("settings", [{}, {"learning_rate": 0.1, "max_iter": 5}, {"solver": "loop", "tol": 1e-3}])
@pytest.mark.parametrize("shape", [(24, 3), (6, 10)])
def test_a_row_of_weight_zero_is_as_if_it_were_not_there(shape, settings, scaling):
    X, y = plain(*shape)
    keep = np.arange(len(y)) % 4 != 1
    X[~keep], y[~keep] = X[~keep] * 1e4 - 7e5, 1e6
    model = GradientDescentRegressor(scaling=scaling, **settings).fit(X, y, sample_weight=keep.astype(float))
    without = GradientDescentRegressor(scaling=scaling, **settings).fit(X[keep], y[keep])
    # the same rows summed in another order
    np.testing.assert_allclose(model.coef_, without.coef_, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(model.feature_scale_, without.feature_scale_, rtol=1e-13)


@pytest.mark.parametrize("scaling", ["standard", "minmax", "maxabs", None])
@pytest.mark.parametrize("settings", [{}, {"learning_rate": 0.1, "max_iter": 5}, {"solver": "loop", "tol": 1e-3}])
@pytest.mark.parametrize("shape", [(24, 3), (6, 10)])
def test_a_row_of_weight_k_is_as_k_rows(shape, settings, scaling):
    X, y = plain(*shape)
    k = 1 + np.arange(len(y)) % 3
    model = GradientDescentRegressor(scaling=scaling, **settings).fit(X, y, sample_weight=k)
    repeated = GradientDescentRegressor(scaling=scaling, **settings).fit(np.repeat(X, k, axis=0), np.repeat(y, k))
    np.testing.assert_allclose(model.coef_, repeated.coef_, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(model.intercept_, repeated.intercept_, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(model.loss_, repeated.loss_, rtol=1e-12, atol=1e-12)


BAD_WEIGHTS = {
    "negative": -ONES,
    "one negative": with_entries(ONES.copy(), -1e-300, 3),
    "NaN": with_entries(ONES.copy(), np.nan, 3),
    "inf": with_entries(ONES.copy(), np.inf, 3),
    "all zero": 0 * ONES,
    "too short": ONES[1:],
    "too long": np.ones(N + 1),
    "empty": ONES[:0],
    "2-D": ONES[:, None],
    "1 x N": ONES[None],
    "strings": ["1"] * N,
    "a string": "balanced",
    "None inside": [1.0, None] * (N // 2),
    "complex": ONES + 0j,
    "masked": np.ma.masked_array(ONES, np.arange(N) == 2),
    "sparse": sparse.csr_matrix(ONES),
    "scalar zero": 0.0,
    "scalar negative": -1.0,
    "scalar NaN": np.nan,
    "dict": {"a": 1},
    "ragged": [[1.0], [1.0, 2.0]],
}


@pytest.mark.parametrize("name", BAD_WEIGHTS)
def test_bad_weights_are_refused_by_name(name):
    model = GradientDescentRegressor()
    with pytest.raises((ValueError, TypeError), match=r"sample_weight|[Ss]ample weights"):
        model.fit(X0, Y0, sample_weight=BAD_WEIGHTS[name])
    assert not hasattr(model, "n_features_in_")
