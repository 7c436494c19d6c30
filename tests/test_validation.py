"""The door: whatever holds X, y and the weights, numbers are fitted, and what is missing is told by column and row."""

import re
from decimal import Decimal
from fractions import Fraction

import containers
import numpy as np
import pytest
from containers import (
    ARGUMENTS,
    SMALL,
    STEADY,
    WITH_WEIGHTS,
    Arrays,
    Arrow,
    Dask,
    Lists,
    N,
    Objects,
    Pandas,
    Polars,
    Sparse,
    Y,
    argument_of,
    place,
    subject,
)
from scipy import sparse
from sklearn.model_selection import GridSearchCV

from gdlearn import GradientDescentRegressor
from gdlearn._validation import validate_fit

try:
    import pandas as pd
except ImportError:  # what concerns no table is tested without
    pd = None

pytestmark = pytest.mark.tables


INTEGERS = {
    "pandas int64": Pandas("int64"),
    "pandas uint64": Pandas("uint64"),
    "pandas Int64": Pandas("Int64"),
    "pandas UInt64": Pandas("UInt64"),
    "pandas object": Pandas("object"),
    "pandas int64[pyarrow]": Pandas("int64[pyarrow]"),
    "pandas uint64[pyarrow]": Pandas("uint64[pyarrow]"),
    "dask int64": Dask("int64"),
    "dask Int64": Dask("Int64"),
    "polars Int64": Polars("Int64"),
    "polars UInt64": Polars("UInt64"),
    "polars Object": Polars("Object"),
    "arrow": Arrow(),
    "lists": Lists(),
    "objects": Objects(),
    "int64": Arrays(np.int64),
    "uint64": Arrays(np.uint64),
    "sparse int64": Sparse(),
}

LARGE = {
    "one odd integer": [*range(N - 1), 2**53 + 1],
    "nanoseconds": [1_700_000_000_000_000_000 + 60_000_000_000 * k for k in range(N)],
}


@pytest.mark.parametrize("values", LARGE)
@pytest.mark.parametrize(
    ("container", "key"),
    [(box, key) for box in INTEGERS for key in ARGUMENTS if "sparse" not in box or not key.startswith("y")],
)
def test_integers_beyond_2_53_are_told_by_name(container, key, values):
    box = INTEGERS[container]
    (box.frame if "sparse" in container else box.series)(LARGE[values])  # skips here where its package is missing
    with pytest.warns(UserWarning, match=re.escape(subject(box, key)) + r" holds integers beyond 2\*\*53") as caught:
        ARGUMENTS[key](box, LARGE[values])
    if "dask" in container and key == "predict":  # each piece is looked at by itself, where dask computes it
        return
    assert len(caught) == 1
    assert caught[0].filename == containers.__file__  # where `fit` is called


@pytest.mark.parametrize("container", ["pandas Int64", "objects", "lists", "int64", "polars Int64"])
@pytest.mark.parametrize("key", ["X", "y", "predict"])
def test_integers_that_float64_holds_are_silent(container, key):
    ARGUMENTS[key](INTEGERS[container], [*range(N - 1), 2**53])


@pytest.mark.parametrize("container", [Lists(), Objects(), Pandas(), Pandas("object"), Polars(), Arrays(np.float64)])
@pytest.mark.parametrize("key", ["X", "y", "predict"])
def test_large_floats_are_silent(container, key):
    ARGUMENTS[key](container, [float(k) * 2.0**60 for k in range(N)])


def test_negative_integers_decimals_and_fractions_are_told_too():
    for value in (-(2**53) - 1, np.int64(2**62), Decimal(2**53 + 1), Fraction(2**53 + 1), 2**100):
        with pytest.warns(UserWarning, match="y holds integers beyond"):
            GradientDescentRegressor().fit(STEADY[:, None], [*SMALL[:-1], value])
    GradientDescentRegressor().fit(STEADY[:, None], [*SMALL[:-1], Decimal("9007199254740993.5")])


def test_of_several_columns_three_are_named():
    pytest.importorskip("pandas")
    large = LARGE["nanoseconds"]
    frame = pd.DataFrame({"a": large, "b": STEADY, "c": large, "d": np.arange(N), "e": large, "f": large, "g": large})
    with pytest.warns(UserWarning, match=r"Columns 'a', 'c', 'e' and 2 more of X hold integers beyond"):
        GradientDescentRegressor().fit(frame, Y)
    with pytest.warns(UserWarning, match=r"Columns 'c', 'e' of X hold integers"):
        GradientDescentRegressor().fit(frame[["b", "c", "d", "e"]], Y)


def test_weights_are_ratios_and_may_be_large_integers():
    GradientDescentRegressor().fit(STEADY[:, None], Y, sample_weight=LARGE["nanoseconds"])


def test_warnings_of_a_search_point_at_the_line_that_called_it():
    frame = Pandas("Int64").frame(LARGE["nanoseconds"])
    search = GridSearchCV(GradientDescentRegressor(max_iter=3), {"learning_rate": [0.01, 0.1]}, cv=2)
    with pytest.warns(UserWarning, match="integers beyond") as caught:
        search.fit(frame, Y)
    assert {warning.filename for warning in caught} == {__file__}


NUMBERS = {
    **{f"pandas {t}": Pandas(t) for t in ("Int8", "Float32", "Float64", "uint16", "float16", "object")},
    **{f"pandas {t}[pyarrow]": Pandas(f"{t}[pyarrow]") for t in ("int8", "uint32", "float", "double")},
    "pandas Sparse[int]": Pandas("Sparse[int64]"),
    "pandas Sparse[float]": Pandas("Sparse[float64]"),
    "dask int64": Dask("int64"),
    "dask Float64": Dask("Float64"),
    "polars": Polars(),
    "polars Int8": Polars("Int8"),
    "polars Float32": Polars("Float32"),
    "polars Decimal": Polars("Decimal(10, 2)"),
    "polars Object": Polars("Object"),
    "arrow": Arrow(),
    "lists": Lists(),
    "objects": Objects(),
    "int8": Arrays(np.int8),
    "float16": Arrays(np.float16),
}


@pytest.mark.filterwarnings("ignore:pandas.DataFrame with sparse columns:UserWarning")  # scikit-learn's, rightly
@pytest.mark.parametrize("container", NUMBERS)
def test_numbers_in_any_container_are_fitted_and_predicted_as_floats(container):
    box = NUMBERS[container]
    first = np.arange(N) if isinstance(box, Arrays) else STEADY
    plain = GradientDescentRegressor().fit(np.column_stack([first, SMALL]).astype(float), Y)
    model = GradientDescentRegressor().fit(box.frame(SMALL), Y)
    np.testing.assert_allclose(model.coef_, plain.coef_, rtol=1e-12)
    np.testing.assert_allclose(model.predict(box.frame(SMALL)), plain.predict(np.column_stack([first, SMALL]) * 1.0))
    target = GradientDescentRegressor().fit(STEADY[:, None], np.array(SMALL, dtype=float), sample_weight=SMALL)
    model = GradientDescentRegressor().fit(STEADY[:, None], box.series(SMALL), sample_weight=box.series(SMALL))
    np.testing.assert_allclose(model.coef_, target.coef_, rtol=1e-12)


@pytest.mark.parametrize(
    "box", [Pandas("bool"), Pandas("boolean"), Pandas("bool[pyarrow]"), Polars("Boolean"), Lists(), Objects()]
)
def test_booleans_are_numbers(box):
    values = [k % 3 == 0 for k in range(N)]
    plain = GradientDescentRegressor().fit(np.column_stack([STEADY, values]), Y)
    np.testing.assert_allclose(GradientDescentRegressor().fit(box.frame(values), Y).coef_, plain.coef_, rtol=1e-12)
    target = GradientDescentRegressor().fit(STEADY[:, None], np.array(values, dtype=float))
    model = GradientDescentRegressor().fit(STEADY[:, None], box.series(values))
    np.testing.assert_allclose(model.coef_, target.coef_, rtol=1e-12)


@pytest.mark.parametrize("kind", [Decimal, Fraction, np.float32, np.int16])
@pytest.mark.parametrize("box", [Lists(), Objects(), Pandas("object")])
def test_objects_that_are_numbers_are_fitted(box, kind):
    values = [kind(v) for v in SMALL]
    plain = GradientDescentRegressor().fit(np.column_stack([STEADY, SMALL]), Y)
    np.testing.assert_allclose(GradientDescentRegressor().fit(box.frame(values), Y).coef_, plain.coef_, rtol=1e-12)


def test_a_frame_of_sparse_columns_stays_sparse():
    pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": SMALL, "b": SMALL[::-1]}).astype("Sparse[int64]")
    model = GradientDescentRegressor().fit(frame, Y)
    plain = GradientDescentRegressor().fit(np.column_stack([SMALL, SMALL[::-1]]) * 1.0, Y)
    np.testing.assert_allclose(model.coef_, plain.coef_, rtol=1e-12)
    assert list(model.feature_names_in_) == ["a", "b"]


def test_rows_in_one_series_of_polars_are_fitted():
    polars = pytest.importorskip("polars")
    rows = np.column_stack([STEADY, SMALL])
    X = polars.Series(rows.tolist(), dtype=polars.Array(polars.Float64, 2))
    np.testing.assert_array_equal(
        GradientDescentRegressor().fit(X, Y).coef_, GradientDescentRegressor().fit(rows, Y).coef_
    )


def test_names_of_columns_and_rows_are_not_attributes():
    pytest.importorskip("pandas")
    names = ["columns", "dtypes", "column_names", "schema", "collect", "dtype", "type", "iloc"]
    rows = np.column_stack([np.roll(STEADY, k) ** 2 for k in range(len(names))])
    frame, target = pd.DataFrame(rows, columns=names), pd.Series(Y, index=[*names, *range(N - len(names))])
    np.testing.assert_array_equal(
        GradientDescentRegressor().fit(frame, target, sample_weight=target**2).coef_,
        GradientDescentRegressor().fit(rows, Y, sample_weight=Y**2).coef_,
    )


def test_dask_arrays_are_fitted():
    array = pytest.importorskip("dask.array")
    X = np.column_stack([STEADY, SMALL])
    model = GradientDescentRegressor().fit(array.from_array(X, chunks=7), array.from_array(Y, chunks=5))
    np.testing.assert_allclose(model.coef_, GradientDescentRegressor().fit(X, Y).coef_, rtol=1e-14)
    np.testing.assert_array_equal(model.predict(array.from_array(X, chunks=9)).compute(), model.predict(X))


class Collection:
    """The least that a collection of dask is."""

    def __init__(self, value):
        self.value, self.times = value, 0

    def __dask_graph__(self):
        return {}

    def compute(self):
        self.times += 1
        return self.value


def test_a_collection_is_computed_once():
    pytest.importorskip("pandas")
    X, y, weight = (Collection(part) for part in (pd.DataFrame({"a": STEADY}), pd.Series(Y), np.arange(N)))
    model = GradientDescentRegressor().fit(X, y, sample_weight=weight)
    assert (X.times, y.times, weight.times) == (1, 1, 1)
    assert list(model.feature_names_in_) == ["a"]
    np.testing.assert_array_equal(
        model.coef_, GradientDescentRegressor().fit(STEADY[:, None], Y, sample_weight=np.arange(N)).coef_
    )


def test_a_plain_array_is_not_read_at_the_door():
    X = np.full((3, 2), np.nan)
    *_, later = validate_fit(GradientDescentRegressor(), X, np.ones(3), np.ones(3))
    assert later
    with pytest.raises(ValueError, match=r"Input X contains NaN\. The first is at column 0, row 0"):
        validate_fit(GradientDescentRegressor(), X, np.ones(3), np.array([0.0, 1.0, 1.0]))


MISSING = {
    "NaN": (np.nan, [Pandas(), Pandas("object"), Dask(), Polars(), Arrow(), Lists(), Objects(), Arrays(np.float64)]),
    "None": (None, [Pandas("object"), Pandas("Int64"), Pandas("double[pyarrow]"), Polars(), Lists(), Objects()]),
    "NA": (
        getattr(pd, "NA", None),
        [Pandas("object"), Pandas("Int64"), Pandas("boolean"), Pandas("int8[pyarrow]"), Lists(), Objects()],
    ),
    "Decimal": (Decimal("NaN"), [Pandas("object"), Lists(), Objects()]),
}


@pytest.mark.parametrize("key", WITH_WEIGHTS)
@pytest.mark.parametrize(("missing", "box"), [(name, box) for name, (_, boxes) in MISSING.items() for box in boxes])
def test_missing_values_are_told_by_column_and_row(missing, box, key):
    values = [k % 2 for k in range(N)]
    values[3] = values[9] = MISSING[missing][0]
    if isinstance(box, Polars):
        values = [v if v is None else float(v) for v in values]
    with pytest.raises(ValueError, match=f"Input {argument_of(key)} contains NaN") as caught:
        WITH_WEIGHTS[key](box, values)
    assert f"The first is {place(box, key, 3)[:-1]}" in str(caught.value)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.longdouble])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nonfinite_values_of_arrays_are_told_by_column_and_row(value, dtype, order):
    X = np.column_stack([STEADY, SMALL, np.arange(N)]).astype(dtype, order=order)
    X[[7, 20], 2] = value
    X[11, 1] = value
    word = "NaN" if np.isnan(value) else "infinity"
    with pytest.raises(ValueError, match=f"Input X contains {word}.* The first is at column 1, row 11"):
        GradientDescentRegressor().fit(X, Y)
    for kind in (sparse.csr_array, sparse.csc_matrix):
        if dtype in (np.float64, np.float32):
            with pytest.raises(ValueError, match=f"Input X contains {word}.* The first is at column 1, row 11"):
                GradientDescentRegressor().fit(kind(X), Y)


def test_where_there_is_a_nan_it_is_named_and_not_the_infinity_before_it():
    X = np.column_stack([STEADY, SMALL]).astype(float)
    X[2, 0], X[5, 1] = np.inf, np.nan
    for given in (X, sparse.csr_array(X), *([pd.DataFrame(X)] if pd else [])):
        with pytest.raises(ValueError, match=r"contains NaN\. The first is at column 1, row 5"):
            GradientDescentRegressor().fit(given, Y)


class Query:
    """What is collected before it has rows."""

    def collect(self):
        return STEADY[:, None]


@pytest.mark.parametrize("name", ["X", "y", "sample_weight"])
def test_a_query_wants_to_be_collected(name):
    arguments = {"X": STEADY[:, None], "y": Y} | {name: Query()}
    with pytest.raises(TypeError, match=rf"{name} is a Query: call {name}\.collect\(\) first"):
        GradientDescentRegressor().fit(**arguments)
    arguments[name] = pytest.importorskip("polars").LazyFrame({"a": STEADY})
    with pytest.raises(TypeError, match=rf"{name} is a LazyFrame: call {name}\.collect\(\) first"):
        GradientDescentRegressor().fit(**arguments)


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.coo_array])
def test_one_row_of_a_sparse_array_wants_two_dimensions(kind):
    try:
        row = kind(np.arange(3.0))
    except ValueError:
        pytest.skip("this SciPy has no sparse arrays of one dimension")
    if row.ndim != 1:
        pytest.skip("this SciPy has no sparse arrays of one dimension")
    expected = r"Expected 2D input, got input with shape \(3,\)\.\nReshape your data"
    model = GradientDescentRegressor().fit(sparse.csr_array(np.eye(3)), [1.0, 2.0, 4.0])
    for call in (lambda: GradientDescentRegressor().fit(row, [1.0]), lambda: model.predict(row)):
        with pytest.raises(ValueError, match=expected):
            call()
    for name in ("y", "sample_weight"):
        with pytest.raises(TypeError, match=rf"Sparse {name} is not supported: use {name}\.toarray"):
            GradientDescentRegressor().fit(**({"X": np.eye(3), "y": np.arange(3.0)} | {name: row}))


def test_one_row_of_features_and_targets_is_told():
    row = np.arange(5.0)[None]
    with pytest.warns(UserWarning, match=r"one row of 5 values each.*X\.reshape\(-1, 1\) and y\.reshape\(-1\)"):
        GradientDescentRegressor().fit(row, row)
    GradientDescentRegressor().fit(row, [[1.0, 2.0]])  # one sample with two targets may be meant
    GradientDescentRegressor().fit([[1.0]], [[1.0]])


MAX = np.finfo(np.float64).max


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("scaling", ["standard", "minmax", "maxabs"])
@pytest.mark.parametrize("seed", range(8))
def test_the_ends_of_float64_pass_without_a_warning(seed, scaling, fit_intercept):
    random = np.random.default_rng(seed)
    X = random.choice([MAX, -MAX, MAX / 2, 0.0, 1.0], size=(7, 2))
    y = random.choice([MAX, -MAX, 1.0], size=7) if seed % 2 else random.standard_normal(7)
    model = GradientDescentRegressor(scaling=scaling, fit_intercept=fit_intercept)
    for given in (X, sparse.csr_array(X), X.tolist(), *([pd.DataFrame(X)] if pd else [])):
        try:
            model.fit(given, y)
        except ValueError as error:
            assert "float64" in str(error)  # noqa: PT017


@pytest.mark.skipif(np.finfo(np.longdouble).max == MAX, reason="long double is float64 here")
@pytest.mark.parametrize("key", ["X", "y", "predict", "sample_weight"])
def test_long_doubles_beyond_float64_are_refused_without_a_warning(key):
    values = np.arange(N).astype(np.longdouble) * (np.longdouble(MAX) * 4)
    with pytest.raises(ValueError, match=f"Input {argument_of(key)} contains infinity"):
        WITH_WEIGHTS[key](Arrays(np.longdouble), values)
