"""Rows in any layout of memory give the same bits, and the caller's arrays stay the caller's."""

import contextlib
import warnings

import numpy as np
import pytest
from exact import exact_least_squares
from samples import RIGHT, UNEVEN, WAYS, X0, Y0, N, plain, same_fit
from sklearn.exceptions import ConvergenceWarning

from gdlearn import DivergenceError, GradientDescentRegressor


def read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


def strided(X):
    spaced = np.full((2 * X.shape[0], 3 * X.shape[1]), np.nan)
    spaced[::2, ::3] = X
    return spaced[::2, ::3]


LAYOUTS = {
    "F order": np.asfortranarray,
    "strided": strided,
    "negative strides": lambda X: X[::-1, ::-1].copy()[::-1, ::-1],
    "big-endian": lambda X: X.astype(">f8"),
    "read-only": read_only,
    "nested lists": lambda X: X.tolist(),
    "DataFrame": lambda X: pytest.importorskip("pandas").DataFrame(X),
    "subclass": lambda X: X.view(np.recarray),
    "unaligned": lambda X: np.frombuffer(b"x" + X.tobytes(), dtype=np.float64, offset=1).reshape(X.shape),
}


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("shape", [(24, 3), (6, 10), (60, 40)])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_memory_layout_changes_no_bit(layout, shape, way):
    X, y = plain(*shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 0.1 may be too large without a scaling
        expected = GradientDescentRegressor(**way).fit(X, y)
        model = GradientDescentRegressor(**way).fit(LAYOUTS[layout](X), y)
    assert same_fit(model, expected)
    np.testing.assert_allclose(model.predict(X), X @ expected.coef_ + expected.intercept_, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("layout", ["strided", "negative strides", "big-endian", "read-only", "unaligned"])
def test_memory_layout_of_y_and_weights_changes_no_bit(layout):
    expected = GradientDescentRegressor().fit(X0, Y0, sample_weight=UNEVEN)
    y, weights = (LAYOUTS[layout](v[:, None])[:, 0] for v in (Y0, UNEVEN))
    assert same_fit(GradientDescentRegressor().fit(X0, y, sample_weight=weights), expected)


@pytest.mark.parametrize("mode", ["r", "c", "r+"])
def test_memory_maps_are_fitted_and_not_written(tmp_path, mode):
    path = tmp_path / "X.npy"
    np.save(path, X0)
    before = path.read_bytes()
    X = np.load(path, mmap_mode=mode)
    assert same_fit(GradientDescentRegressor().fit(X, Y0), GradientDescentRegressor().fit(X0, Y0))
    X.flush()
    assert path.read_bytes() == before


def test_broadcast_views_are_fitted():
    X, y = np.broadcast_to(X0[:, :1], (N, 3)), np.broadcast_to(1.5, N)
    assert same_fit(GradientDescentRegressor().fit(X, y), GradientDescentRegressor().fit(X.copy(), y.copy()))
    truth = exact_least_squares(X, Y0)
    assert truth.error(GradientDescentRegressor().fit(X, Y0).predict(X)) <= RIGHT


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("shape", [(24, 3), (6, 10), (60, 40)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_the_arrays_of_the_caller_are_never_written(shape, dtype, way):
    X, y = plain(*shape)
    X, y, weights = (9 * X).astype(dtype), y[:, None], np.arange(len(y)) % 3 / 2.0
    given = X.copy(), y.copy(), weights.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        with contextlib.suppress(DivergenceError):
            GradientDescentRegressor(**way).fit(X, y, sample_weight=weights).predict(X)
    for now, before in zip((X, y, weights), given, strict=True):
        assert now.tobytes() == before.tobytes()
