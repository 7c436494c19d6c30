"""Moments are those of NumPy and statsmodels, merge in any order, and hold what the rows hold."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import sparse

from gdlearn import GradientDescentRegressor, Moments


def data(n=200, d=4, t=2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) * [1, 10, 0.1, 1], rng.normal(size=(n, t)), rng.integers(0, 5, n).astype(float)


@pytest.mark.parametrize("root", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_they_are_the_weighted_mean_and_covariance(root, weighted):
    X, y, w = data()
    moments = Moments.from_data(X, y, w if weighted else None, root=root)
    theirs = pytest.importorskip("statsmodels.stats.weightstats").DescrStatsW(
        np.hstack([X, y]), weights=w if weighted else None, ddof=0
    )
    assert_allclose(moments.mean, theirs.mean, rtol=1e-12, atol=1e-14)
    assert_allclose(moments.covariance, theirs.cov, rtol=1e-12, atol=1e-14)
    assert moments.weight == (w.sum() if weighted else 200)
    used = X[w > 0] if weighted else X
    assert_allclose(moments.minimum, used.min(axis=0), rtol=1e-15, atol=1e-15)
    assert_allclose(moments.maximum, used.max(axis=0), rtol=1e-15, atol=1e-15)
    assert moments.n_samples == len(used)
    if root:
        assert_allclose(moments.root.T @ moments.root, moments.covariance, rtol=1e-12, atol=1e-14)


@settings(max_examples=50)
@given(
    cuts=st.lists(st.integers(1, 199), max_size=6, unique=True),
    order=st.randoms(use_true_random=False),
    root=st.booleans(),
    offset=st.sampled_from([0.0, 1e4, -1e8]),
)
def test_chunks_in_any_order_give_the_whole(cuts, order, root, offset):
    X, y, w = data()
    X = X + offset
    whole = Moments.from_data(X, y, w, root=root)
    bounds = [0, *sorted(cuts), 200]
    chunks = [slice(a, b) for a, b in pairwise(bounds) if w[a:b].any()]
    order.shuffle(chunks)
    parts = [Moments.from_data(X[c], y[c], w[c], root=root) for c in chunks]
    merged = parts[0]
    for part in parts[1:]:
        merged = merged + part
    scale = np.sqrt(np.diag(whole.covariance))
    # Means of chunks are float64: an offset costs them its own rounding.
    tolerance = 1e-12 + 4e-16 * abs(offset) / 0.1
    assert_allclose(merged.mean, whole.mean, rtol=1e-14, atol=1e-13)
    assert_allclose(
        merged.covariance / scale / scale[:, None], whole.covariance / scale / scale[:, None], atol=tolerance
    )
    assert merged.weight == whole.weight
    assert merged.n_samples == whole.n_samples
    assert_allclose(merged.minimum, whole.minimum)
    if root:
        assert_allclose(merged.root.T @ merged.root, merged.covariance, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("offset", [1e8, 1e12, 1e15])
def test_an_offset_costs_no_digit_of_the_spread(offset):
    x = offset + np.arange(-500.0, 501.0)
    moments = Moments.from_data(x[:, None], x)
    assert moments.covariance[0, 0] == pytest.approx(500 * 501 / 3, rel=1e-14)


def test_constant_columns_have_exactly_no_spread():
    for value in (0.1, 1e8 / 3, -7e-12):
        moments = Moments.from_data(np.full((1001, 1), value), np.arange(1001.0))
        assert moments.covariance[0, 0] == 0.0
        assert moments.mean[0] == value


@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csc_array])
@pytest.mark.parametrize("root", [False, True])
def test_sparse_is_dense(container, root):
    X, y, w = data()
    X[X < 0.5] = 0
    dense, thin = Moments.from_data(X, y, w, root=root), Moments.from_data(container(X), y, w, root=root)
    assert_allclose(thin.covariance, dense.covariance, rtol=1e-13, atol=1e-16)
    assert_allclose(thin.mean, dense.mean, rtol=1e-13, atol=1e-16)


@pytest.mark.parametrize("exponent", [-300, 200, 300])
def test_units_at_the_ends_of_float64_are_exact(exponent):
    X, y, _ = data()
    scale = 2.0 ** (exponent * 3)
    plain, far = Moments.from_data(X, y), Moments.from_data(X * scale, y)
    near = far.in_units(plain.exponent + np.array([exponent * 3] * 4 + [0, 0]))
    assert_allclose(near.covariance, plain.covariance, rtol=1e-13)
    halves = Moments.from_data(X[:100] * scale, y[:100]) + Moments.from_data(X[100:] * scale, y[100:])
    assert_allclose(halves.in_units(far.exponent).covariance, far.covariance, rtol=1e-12)


def test_they_pickle_and_are_small():
    X, y, w = data(20_000)
    moments = Moments.from_data(X, y, w)
    text = pickle.dumps(moments)
    assert len(text) < 2_000
    model = GradientDescentRegressor().fit_moments(pickle.loads(text))
    assert_allclose(model.coef_, GradientDescentRegressor().fit(X, y, w).coef_, rtol=1e-12)


def test_what_does_not_belong_together_is_refused():
    X, y, _ = data()
    with pytest.raises(ValueError, match="same columns"):
        Moments.from_data(X, y) + Moments.from_data(X[:, :2], y)
    with pytest.raises(TypeError, match="unsupported operand"):
        Moments.from_data(X, y) + 1
    with pytest.raises(TypeError, match=r"must be a gdlearn\.Moments, got ndarray: use Moments\.from_data"):
        GradientDescentRegressor().fit_moments(X)
    with pytest.raises(ValueError, match="extremes=True"):
        GradientDescentRegressor(scaling="minmax").fit_moments(Moments.from_data(X, y, extremes=False))
    with pytest.raises(ValueError, match=r"Input X contains NaN\. The first is at column 0, row 0"):
        Moments.from_data([[np.nan]], [1.0])


@pytest.mark.parametrize("scaling", [None, "standard", "minmax", "maxabs"])
@pytest.mark.parametrize(
    "options", [{}, {"learning_rate": 0.01, "max_iter": 30}, {"learning_rate": "exact", "max_iter": 5}]
)
def test_a_fit_from_moments_is_the_fit_from_rows(scaling, options):
    X, y, w = data()
    ours = GradientDescentRegressor(scaling=scaling, **options).fit_moments(Moments.from_data(X, y, w))
    rows = GradientDescentRegressor(scaling=scaling, **options).fit(X, y, w)
    assert_allclose(ours.coef_, rows.coef_, rtol=1e-11)
    assert_allclose(ours.loss_, rows.loss_, rtol=1e-11)
    assert ours.n_features_in_ == 4
