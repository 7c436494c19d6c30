"""Sparse rows are fitted as dense ones are, and left as they were."""

import warnings

import numpy as np
import pytest
from exact import exact_least_squares
from numpy.testing import assert_allclose
from samples import DEGENERATE, MAGNITUDES, OFFSETS, RIGHT, WAYS, X0, Y0, plain, state, with_peak
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from gdlearn import GradientDescentRegressor, Moments


def sparse_rows(shape=(40, 4), seed=2):
    random = np.random.default_rng(seed)
    X = random.standard_normal(shape) * (random.random(shape) < 0.4)
    return X, X @ random.standard_normal(shape[1]) + 0.2 * random.standard_normal(shape[0])


def explicit_zeros(X, kind):
    rows, columns = np.indices(X.shape)
    return kind((X.ravel(), (rows.ravel(), columns.ravel())), shape=X.shape)


def doubled(X, kind):
    """Every entry as two halves of different size, in no order."""
    base = kind(X)
    order = np.concatenate(
        [np.arange(a, b)[::-1].repeat(2) for a, b in zip(base.indptr, base.indptr[1:], strict=False)]
    )
    part = np.where(np.arange(len(order)) % 2 == 0, 3.0, -2.0)
    return kind((base.data[order] * part, base.indices[order], 2 * base.indptr), shape=X.shape)


def unsorted(X, kind):
    base = kind(X)
    order = np.concatenate([np.arange(a, b)[::-1] for a, b in zip(base.indptr, base.indptr[1:], strict=False)])
    return kind((base.data[order], base.indices[order], base.indptr), shape=X.shape)


def wide_indices(X, kind):
    base = kind(X)
    base.indices, base.indptr = base.indices.astype(np.int64), base.indptr.astype(np.int64)
    return base


STORED = {"as usual": lambda X, kind: kind(X), "explicit zeros": explicit_zeros, "duplicates": doubled}
STORED |= {"unsorted": unsorted, "int64 indices": wide_indices}
KINDS = [sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array, sparse.csc_array]


@pytest.mark.parametrize("way", [*WAYS, {"learning_rate": "exact", "max_iter": 5}, {"scaling": "maxabs"}], ids=str)
@pytest.mark.parametrize("shape", [(40, 4), (6, 10), (60, 40)])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("stored", STORED)
def test_sparse_is_as_dense_and_left_as_it_was(stored, kind, shape, way):
    X, y = sparse_rows(shape)
    matrix = STORED[stored](X, kind)
    before = matrix.data.copy(), matrix.indices.copy(), matrix.indptr.copy(), type(matrix)
    weights = 1.0 + np.arange(len(y)) % 3
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = GradientDescentRegressor(**way).fit(matrix, y, sample_weight=weights)
        dense = GradientDescentRegressor(**way).fit(X, y, sample_weight=weights)
    scale = dense.feature_scale_ / np.abs(y).max()
    np.testing.assert_allclose(model.coef_ * scale, dense.coef_ * scale, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(model.predict(matrix), dense.predict(X), rtol=1e-12, atol=1e-12)
    assert type(matrix) is before[3]
    for now, then in zip((matrix.data, matrix.indices, matrix.indptr), before, strict=False):
        assert now.dtype == then.dtype
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize("scaling", ["standard", "minmax", "maxabs", None])
@pytest.mark.parametrize("shape", [(40, 4), (6, 10), (60, 40)])
@pytest.mark.parametrize("kind", KINDS[:2], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("stored", ["duplicates", "unsorted"])
def test_sparse_rows_without_weights_are_left_as_they_were(stored, kind, shape, scaling):
    X, y = sparse_rows(shape)
    matrix = STORED[stored](X, kind)
    before = matrix.data.copy(), matrix.indices.copy(), matrix.indptr.copy()
    GradientDescentRegressor(1e-3, max_iter=2, scaling=scaling).fit(matrix, y).predict(matrix)
    for now, then in zip((matrix.data, matrix.indices, matrix.indptr), before, strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize("convert", [sparse.coo_matrix, sparse.lil_matrix, sparse.dok_matrix, sparse.bsr_matrix])
def test_other_sparse_formats_are_converted(convert):
    X, y = sparse_rows()
    model, dense = GradientDescentRegressor().fit(convert(X), y), GradientDescentRegressor().fit(X, y)
    np.testing.assert_allclose(model.coef_, dense.coef_, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.int64, np.uint8, bool])
@pytest.mark.parametrize("kind", KINDS[:2], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("shape", [(60, 4), (60, 40)])
@pytest.mark.parametrize("way", [{}, {"learning_rate": 0.01, "max_iter": 3}], ids=str)
def test_sparse_dtypes_are_computed_in_float64(dtype, kind, shape, way):
    X, y = sparse_rows(shape)
    X = np.rint(30 * np.abs(X)).clip(0, 127).astype(dtype)
    model, dense = (GradientDescentRegressor(**way).fit(A, y) for A in (kind(X), X.astype(np.float64)))
    rounding = np.finfo(np.float32).eps if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(model.coef_, dense.coef_, rtol=2 * rounding)
    np.testing.assert_allclose(model.feature_scale_, dense.feature_scale_, rtol=1e-12)


@pytest.mark.parametrize("shape", [(200, 3), (60, 40)])
@pytest.mark.parametrize("way", [{}, {"learning_rate": 0.01, "max_iter": 3}], ids=str)
@pytest.mark.parametrize("kind", KINDS[:2], ids=lambda kind: kind.__name__)
def test_sparse_float32_with_an_offset_has_the_scaling_of_dense(kind, way, shape):
    X, y = plain(*shape)
    X = (X + 1e6).astype(np.float32)
    model, dense = (GradientDescentRegressor(**way).fit(A, y) for A in (kind(X), X))
    np.testing.assert_allclose(model.feature_scale_, dense.feature_scale_, rtol=1e-10)
    np.testing.assert_allclose(model.feature_shift_, dense.feature_shift_, rtol=1e-14)
    np.testing.assert_allclose(model.coef_, dense.coef_, rtol=4 * np.finfo(np.float32).eps)


@pytest.mark.parametrize("kind", KINDS[:2], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("name", [*OFFSETS, *(n for n in MAGNITUDES if "X" in n or "column" in n or "leverage" in n)])
def test_sparse_extremes_are_fitted_right(name, kind):
    X, y = (OFFSETS | MAGNITUDES)[name]
    model = GradientDescentRegressor().fit(kind(X), y)
    truth = exact_least_squares(X, y)
    assert truth.slope_error(model.coef_) <= RIGHT


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("kind", KINDS[:2], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("name", [name for name in DEGENERATE if DEGENERATE[name][0].dtype.kind == "f"])
def test_sparse_degenerate_data_are_fitted_right(name, kind, fit_intercept):
    X, y = DEGENERATE[name]
    model = GradientDescentRegressor(fit_intercept=fit_intercept).fit(kind(X), y)
    truth = exact_least_squares(X, y, fit_intercept=fit_intercept)
    assert truth.error(model.predict(kind(X))) <= RIGHT + 8 * truth.rounding()
    assert model.rank_ == truth.rank


def test_two_million_sparse_columns_are_never_densified():
    random = np.random.default_rng(1)
    n, d, per_row = 50, 2_000_000, 20
    columns = random.choice(d, n * per_row // 2, replace=False)
    X = sparse.csr_matrix(
        (random.standard_normal(n * per_row), random.choice(columns, n * per_row), np.arange(n + 1) * per_row),
        shape=(n, d),
    )
    y = random.standard_normal(n)
    model, peak = with_peak(lambda: GradientDescentRegressor().fit(X, y))
    assert peak < n * d * 8 / 2  # X alone as float64 would take 800 MB
    used = np.unique(X.indices)
    Z = X[:, used].toarray()
    Z = (Z - Z.mean(axis=0)) / Z.std(axis=0)
    slopes = np.linalg.lstsq(Z, y - y.mean(), rcond=1e-10)[0] / X[:, used].toarray().std(axis=0)
    np.testing.assert_allclose(model.coef_[used], slopes, atol=1e-9 * np.abs(slopes).max())
    assert np.count_nonzero(model.coef_) <= len(used)


def broken(kind, what):
    X = kind(sparse_rows((24, 3))[0])
    X.has_sorted_indices, X.has_canonical_format = True, True
    if what == "index out of range":
        X.indices[5] = 10_000
    elif what == "index just out of range":
        X.indices[5] = max(X.shape) if X.format == "csc" else X.shape[1]
    elif what == "index negative":
        X.indices[5] = -1
    elif what == "indptr decreasing":
        X.indptr[1] = X.indptr[2] + 1
    elif what == "indptr negative":
        X.indptr[1] = -5
    elif what == "indptr beyond the entries":
        X.indptr[-1] += 1000
    elif what == "indptr starts late":
        X.indptr[0] = 1
    elif what == "indptr too short":
        X.indptr = X.indptr[:-1]
    elif what == "indices too short":
        X.indices = X.indices[:-3]
    elif what == "data too short":
        X.data = X.data[:-3]
    return X


BROKEN = ["index out of range", "index just out of range", "index negative", "indptr decreasing", "indptr negative"]

BROKEN += ["indptr beyond the entries", "indptr starts late", "indptr too short", "indices too short", "data too short"]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("what", BROKEN)
def test_sparse_indices_out_of_range_are_refused(what, kind):
    matrix = broken(kind, what)
    model = GradientDescentRegressor().fit(X0, Y0)
    before = state(model)
    for call in (
        lambda: model.fit(matrix, Y0),
        lambda: model.predict(matrix),
        lambda: Moments.from_data(matrix, Y0),
    ):
        with pytest.raises(ValueError, match="indices or indptr"):
            call()
    assert state(model) == before


@pytest.mark.parametrize("bad", [-1, 10_000])
@pytest.mark.parametrize("format", ["coo", "bsr"])
def test_indices_out_of_range_are_refused_in_formats_that_are_converted(format, bad):
    matrix = sparse.csr_matrix(sparse_rows((24, 3))[0]).asformat(format)
    (matrix.col if format == "coo" else matrix.indices)[2] = bad
    with pytest.raises(ValueError, match=r"ind(ices|ex)"):
        GradientDescentRegressor().fit(matrix, Y0)


def test_few_entries_are_descended_before_a_matrix_is_formed(monkeypatch):
    """3,000 columns of three entries each: a few dozen steps take milliseconds, the matrix alone seconds."""

    def refuse(*arguments, **options):
        raise AssertionError("a matrix was formed")

    monkeypatch.setattr("gdlearn._solve.moments_of", refuse)
    rng, n = np.random.default_rng(0), 3000
    some = (np.ones(2 * n), (np.repeat(np.arange(n), 2), rng.integers(0, n, 2 * n)))
    X, y = sparse.csr_array(some, shape=(n, n)) + sparse.csr_array(10.0 * sparse.eye(n)), rng.standard_normal(n)
    model = GradientDescentRegressor(scaling=None, fit_intercept=False).fit(X, y)
    assert model.solver_ == "loop"
    np.testing.assert_allclose(model.predict(X), y, atol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_start_at_the_mean_of_y_without_a_matrix(weighted):
    rng = np.random.default_rng(0)
    X = sparse.csr_array(sparse.random(200, 300, density=0.02, random_state=0))
    y, w = rng.standard_normal(200) + 5.0, rng.integers(0, 4, 200).astype(float) if weighted else np.ones(200)
    model = GradientDescentRegressor(1e-300, max_iter=1, init="mean", scaling="maxabs").fit(X, y, w)
    assert model.solver_ == "loop"
    assert model.intercept_ == pytest.approx(np.average(y, weights=w), rel=1e-14)


@pytest.mark.parametrize("size", [1e-200, 1e-170])
def test_a_tiny_column_with_few_entries_counts_as_what_it_is(size):
    """Fewer rows than columns: statistics come from the stored entries, whose squares float64 does not hold."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((20, 90)) * (rng.random((20, 90)) < 0.3), rng.standard_normal(20)
    X[0, 0] = 1.0
    small = X * np.where(np.arange(90) == 0, size, 1.0)
    plain = GradientDescentRegressor().fit(sparse.csr_array(X), y)
    tiny = GradientDescentRegressor().fit(sparse.csr_array(small), y)
    assert tiny.feature_scale_[0] == pytest.approx(size * plain.feature_scale_[0], rel=1e-12)
    assert_allclose(tiny.coef_ * np.where(np.arange(90) == 0, size, 1.0), plain.coef_, rtol=1e-9)
