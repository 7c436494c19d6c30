"""X and y that cannot be fitted are refused in words, and leave no half-fitted estimator."""

import warnings

import numpy as np
import pytest
from samples import MAX, UNEVEN, X0, Y0, N, nonfinite, same_fit, with_entries
from scipy import sparse

from gdlearn import GradientDescentRegressor


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("sparse_format", [None, sparse.csr_matrix, sparse.csc_matrix, sparse.coo_matrix])
def test_nonfinite_X_is_refused_in_the_words_of_scikit_learn(value, sparse_format):
    X, y = nonfinite(value, sparse_format=sparse_format)
    with pytest.raises(ValueError, match="Input X contains " + ("NaN" if np.isnan(value) else "infinity")):
        GradientDescentRegressor().fit(X, y)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nonfinite_y_is_refused_in_the_words_of_scikit_learn(value):
    with pytest.raises(ValueError, match="Input y contains " + ("NaN" if np.isnan(value) else "infinity")):
        GradientDescentRegressor().fit(*nonfinite(value, in_y=True))


def test_nonfinite_float16_and_float32_are_refused():
    for dtype in (np.float16, np.float32):
        X = X0.astype(dtype)
        X[2, 2] = np.inf
        with pytest.raises(ValueError, match="Input X contains infinity"):
            GradientDescentRegressor().fit(X, Y0)


def test_longdouble_beyond_float64_is_refused_or_fitted_without_a_nonfinite_answer():
    X = X0.astype(np.longdouble)
    X[3, 1] = np.longdouble(MAX) * 4  # infinite already where long double is float64
    with pytest.raises(ValueError, match=r"infinity|too large"):
        GradientDescentRegressor().fit(X, Y0)


def structured():
    return np.zeros(N, dtype=[("a", float), ("b", float)])


REFUSED_X = {
    "no rows": (np.empty((0, 3)), r"0 sample\(s\) .* minimum of 1 is required"),
    "no columns": (np.empty((N, 0)), r"0 feature\(s\) .* minimum of 1 is required"),
    "1-D": (X0[:, 0], "Expected 2D array, got 1D array"),
    "3-D": (X0[:, :, None], "Found array with dim 3"),
    "scalar": (3.0, "Expected 2D array, got scalar array"),
    "None": (None, "Expected 2D array, got scalar array"),
    "ragged": ([[1.0, 2.0], [3.0]], "inhomogeneous shape"),
    "generator": ((row for row in X0), "Expected 2D array, got scalar array"),
    "string": ("X.csv", "X is the string 'X.csv' and not an array: read a file first"),
    "strings": ([["a", "b"]] * N, "Column 0 of X holds strings, first at row 0: 'a'"),
    "strings that look like numbers": (
        [["1.5", "2"]] * N,
        "Column 0 of X holds strings, also where they look like numbers",
    ),
    "bytes that look like numbers": (
        np.array([[b"1.5", b"2"]] * N),
        "Column 0 of X holds strings, also where they look like",
    ),
    "object strings that look like numbers": (X0.astype(str).astype(object), "Column 0 of X holds strings, also where"),
    "one object string": (with_entries(X0.astype(object), "1.0", (3, 1)), "Column 1 of X holds strings, .* at row 3"),
    "object None": (with_entries(X0.astype(object), None, (3, 1)), r"X contains NaN\. The first is at column 1, row 3"),
    "object complex": (
        with_entries(X0.astype(object), 1j, (3, 1)),
        "Column 1 of X .* not real numbers, first at row 3: 1j",
    ),
    "complex": (X0 + 0j, "Complex data not supported"),
    "complex64": ((X0 + 1j).astype(np.complex64), "Complex data not supported"),
    "sparse complex": (sparse.csr_matrix(X0 + 1j), "Complex data not supported"),
    "datetime64": (np.full((N, 2), np.datetime64("2024-01-01")), r"of X has dtype datetime64\[D\], .* in a unit first"),
    "timedelta64": (np.full((N, 2), np.timedelta64(3, "s")), r"of X has dtype timedelta64\[s\], .* in a unit first"),
    "structured": (structured(), "Expected 2D array, got 1D array"),
    "masked": (np.ma.masked_array(X0, X0 > 1.0), "X is a masked array with masked entries: fill or drop"),
    "dict": ({"a": 1}, "Expected 2D array, got scalar array"),
}


@pytest.mark.parametrize("name", REFUSED_X)
def test_unusable_X_is_refused(name):
    X, words = REFUSED_X[name]
    model = GradientDescentRegressor()
    n = 0 if name == "no rows" else N
    with pytest.raises((ValueError, TypeError), match=words):
        model.fit(X, Y0[:n])
    assert not hasattr(model, "n_features_in_")
    assert not hasattr(model, "coef_")


def test_a_matrix_of_numpy_is_refused():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        X = np.matrix(X0)
    with pytest.raises(TypeError, match=r"np\.matrix is not supported"):
        GradientDescentRegressor().fit(X, Y0)


REFUSED_Y = {
    "None": (None, "y to be passed, but the target y is None"),
    "too short": (Y0[1:], "inconsistent numbers of samples"),
    "too long": (np.append(Y0, 1.0), "inconsistent numbers of samples"),
    "scalar": (1.0, "at least 1 dimension .* got scalar"),
    "3-D": (np.ones((N, 1, 1)), "Found array with dim 3"),
    "no targets": (np.empty((N, 0)), r"0 feature\(s\) .* minimum of 1 is required"),
    "strings": (["a"] * N, "y holds strings, first at row 0: 'a'.* use a classifier"),
    "strings that look like numbers": (["1.5"] * N, "y holds strings"),
    "object strings that look like numbers": (Y0.astype(str).astype(object), "y holds strings"),
    "object None": (with_entries(Y0.astype(object), None, 3), r"Input y contains NaN\. The first is at row 3"),
    "object NaN": (with_entries(Y0.astype(object), np.nan, 3), r"Input y contains NaN\. The first is at row 3"),
    "complex": (Y0 + 1j, "Complex data not supported"),
    "datetime64": (np.full(N, np.datetime64("2024-01-01")), r"y has dtype datetime64\[D\], .* in a unit first"),
    "timedelta64": (np.full(N, np.timedelta64(3, "s")), r"y has dtype timedelta64\[s\], .* in a unit first"),
    "masked": (np.ma.masked_array(Y0, Y0 > 1.0), "y is a masked array"),
    "sparse": (sparse.csr_matrix(Y0[:, None]), r"Sparse y is not supported: use y\.toarray"),
    "ragged": ([[1.0], [1.0, 2.0]] * (N // 2), "inhomogeneous shape"),
    "dict": ({"a": 1}, "at least 1 dimension .* got scalar"),
}


@pytest.mark.parametrize("name", REFUSED_Y)
def test_unusable_y_is_refused(name):
    y, words = REFUSED_Y[name]
    model = GradientDescentRegressor()
    with pytest.raises((ValueError, TypeError), match=words):
        model.fit(X0, y)
    assert not hasattr(model, "coef_")


def test_masked_arrays_without_masked_entries_are_fitted():
    model = GradientDescentRegressor().fit(np.ma.masked_array(X0), np.ma.masked_array(Y0))
    assert same_fit(model, GradientDescentRegressor().fit(X0, Y0))


BAD_COLUMNS = {
    "datetime": lambda pd: pd.date_range("2024-01-01", periods=N),
    "datetime with a zone": lambda pd: pd.date_range("2024-01-01", periods=N, tz="UTC"),
    "timedelta": lambda pd: pd.to_timedelta(np.arange(N), unit="s"),
    "period": lambda pd: pd.period_range("2024-01", periods=N, freq="D"),
    "categorical": lambda pd: pd.Categorical(["u", "v"] * (N // 2)),
    "categorical numbers": lambda pd: pd.Categorical([1, 2] * (N // 2)),
    "text": lambda pd: ["1"] * N,
    "text in the string dtype": lambda pd: pd.array(["1"] * N, dtype="string"),
    "mixed objects": lambda pd: [1.0, "2"] * (N // 2),
    "dates as objects": lambda pd: list(pd.date_range("2024-01-01", periods=N).date),
    "complex": lambda pd: X0[:, 0] + 1j,
}


@pytest.mark.parametrize("when", ["fit", "predict"])
@pytest.mark.parametrize("name", BAD_COLUMNS)
def test_columns_that_are_not_numbers_are_refused_by_name(name, when):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"age": X0[:, 0], "culprit": BAD_COLUMNS[name](pd)})
    good = pd.DataFrame({"age": X0[:, 0], "culprit": X0[:, 1]})
    model = GradientDescentRegressor()
    if when == "predict":
        model.fit(good, Y0)
    with pytest.raises((ValueError, TypeError), match=r"Column 'culprit' of X (has|holds)"):
        getattr(model, when)(*((frame, Y0) if when == "fit" else (frame,)))


def test_frames_of_numbers_are_fitted():
    pd = pytest.importorskip("pandas")
    mixed = pd.DataFrame(
        {
            "float": X0[:, 0],
            "integer": np.arange(N) % 7,
            "bool": X0[:, 1] > 0,
            "nullable": pd.array(np.arange(N) % 5, dtype="Int64"),
            "object": (X0[:, 2]).astype(object),
        }
    )
    model = GradientDescentRegressor().fit(mixed, pd.Series(Y0), sample_weight=pd.Series(UNEVEN, index=range(5, N + 5)))
    plain_fit = GradientDescentRegressor().fit(mixed.to_numpy(dtype=np.float64), Y0, sample_weight=UNEVEN)
    np.testing.assert_allclose(model.coef_, plain_fit.coef_, rtol=1e-13)
    assert list(model.feature_names_in_) == list(mixed.columns)


def test_frames_with_missing_values_are_refused():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": pd.array([1, None] * (N // 2), dtype="Int64"), "b": X0[:, 1]})
    with pytest.raises(ValueError, match="Input X contains NaN"):
        GradientDescentRegressor().fit(frame, Y0)
