"""The door: whatever holds X, y and the weights, numbers are fitted, and the rest is told by column, row and value."""

import datetime as dt
import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from gdlearn import (
    GradientDescentRegressor,
    GradientDescentRegressorCV,
    MeanSquaredError,
    Moments,
    gradient_descent_path,
)
from gdlearn._validation import validate_fit

try:
    import pandas as pd
except ImportError:  # what concerns no table is tested without
    pd = None

pytestmark = pytest.mark.tables

N = 24
STEADY = np.linspace(-1.0, 2.0, N) ** 2
SMALL = [(5 * k) % 7 for k in range(N)]
BITS = [int(k % 3 == 0) for k in range(N)]
Y = 3.0 * STEADY - 2.0 * np.array(SMALL) + np.cos(np.arange(N))

# ---------------------------------------------------------------------------------------------------------------------
# Containers: how a Series and a frame of one library are made of a list of values
# ---------------------------------------------------------------------------------------------------------------------


class Pandas:
    """Series and DataFrames of pandas, the column in a dtype of its own."""

    named = True

    def __init__(self, dtype=None):
        self.dtype = dtype

    def series(self, values):
        pytest.importorskip("pyarrow" if self.dtype is not None and "pyarrow" in self.dtype else "pandas")
        return pd.Series(values, dtype=self.dtype, name="culprit")

    def frame(self, values):
        culprit = self.series(values)  # skips where there is no pandas
        return pd.DataFrame({"steady": STEADY, "culprit": culprit})


class Dask(Pandas):
    """The same in partitions."""

    def series(self, values):
        dask = pytest.importorskip("dask.dataframe")
        return dask.from_pandas(super().series(values), npartitions=2)

    def frame(self, values):
        dask = pytest.importorskip("dask.dataframe")
        table = pd.DataFrame({"steady": STEADY, "culprit": pd.Series(values, dtype=self.dtype)})
        return dask.from_pandas(table, npartitions=2)


class Polars:
    """Series and DataFrames of Polars."""

    named = True

    def __init__(self, dtype=None):
        self.dtype = dtype

    def series(self, values):
        polars = pytest.importorskip("polars")
        dtype = self.dtype and eval(self.dtype, vars(polars))
        return polars.Series("culprit", values, dtype=dtype)

    def frame(self, values):
        return pytest.importorskip("polars").DataFrame({"steady": STEADY, "culprit": self.series(values)})


class Arrow:
    """Arrays and tables of Arrow."""

    named = True

    def series(self, values):
        return pytest.importorskip("pyarrow").array(values)

    def frame(self, values):
        return pytest.importorskip("pyarrow").table({"steady": STEADY, "culprit": self.series(values)})


class Lists:
    """Lists of rows."""

    named = False

    def series(self, values):
        return list(values)

    def frame(self, values):
        return [[float(a), b] for a, b in zip(STEADY, values, strict=True)]


class Objects:
    """Arrays of objects."""

    named = False

    def series(self, values):
        array = np.empty(len(values), dtype=object)
        array[:] = values
        return array

    def frame(self, values):
        return np.column_stack([STEADY.astype(object), self.series(values)])


class Arrays:
    """Plain arrays, all columns in one dtype."""

    named = False

    def __init__(self, dtype):
        self.dtype = dtype

    def series(self, values):
        return np.array(values, dtype=self.dtype)

    def frame(self, values):
        return np.column_stack([np.arange(N).astype(self.dtype), self.series(values)])


class Sparse:
    """CSR arrays; a target and weights are never sparse."""

    named = False

    def frame(self, values):
        return sparse.csr_array(np.column_stack([np.arange(N), np.array(values, dtype=np.int64)]))


ARGUMENTS = {
    "X": lambda box, values: GradientDescentRegressor().fit(box.frame(values), Y),
    "y": lambda box, values: GradientDescentRegressor().fit(STEADY[:, None], box.series(values)),
    "X_val": lambda box, values: GradientDescentRegressor(early_stopping=True).fit(
        box.frame(BITS), Y, X_val=box.frame(values), y_val=Y
    ),
    "y_val": lambda box, values: GradientDescentRegressor(early_stopping=True).fit(
        STEADY[:, None], Y, X_val=STEADY[:, None], y_val=box.series(values)
    ),
    "predict": lambda box, values: GradientDescentRegressor().fit(box.frame(BITS), Y).predict(box.frame(values)),
    "X of a path": lambda box, values: gradient_descent_path(box.frame(values), Y),
    "y of moments": lambda box, values: Moments.from_data(STEADY[:, None], box.series(values)),
    "X of an objective": lambda box, values: MeanSquaredError(box.frame(values), Y),
}
WITH_WEIGHTS = ARGUMENTS | {
    "sample_weight": lambda box, values: GradientDescentRegressor().fit(
        STEADY[:, None], Y, sample_weight=box.series(values)
    ),
    "sample_weight_val": lambda box, values: GradientDescentRegressor(early_stopping=True).fit(
        STEADY[:, None], Y, X_val=STEADY[:, None], y_val=Y, sample_weight_val=box.series(values)
    ),
}


def argument_of(key):
    return "X" if key == "predict" else key.partition(" of ")[0]


def subject(box, key):
    """What the message calls the values."""
    name = argument_of(key)
    if not name.startswith("X"):
        return name
    return f"Column {'culprit' if box.named else 1!r} of {name}"


def place(box, key, row):
    """Where the message says that the first NaN is."""
    if not argument_of(key).startswith("X"):
        return f"at row {row}."
    return f"at column {'culprit' if box.named else 1!r}, row {row}."


# ---------------------------------------------------------------------------------------------------------------------
# Integers that float64 does not hold
# ---------------------------------------------------------------------------------------------------------------------

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
    assert len(caught) == 1
    assert caught[0].filename == __file__


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


# ---------------------------------------------------------------------------------------------------------------------
# What is a number
# ---------------------------------------------------------------------------------------------------------------------

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
    np.testing.assert_array_equal(model.coef_, GradientDescentRegressor().fit(X, Y).coef_)
    np.testing.assert_array_equal(model.predict(array.from_array(X, chunks=9)), model.predict(X))


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


# ---------------------------------------------------------------------------------------------------------------------
# What is not
# ---------------------------------------------------------------------------------------------------------------------

DATES = {
    "date": [dt.date(2024, 1, 1) + dt.timedelta(days=k) for k in range(N)],
    "datetime": [dt.datetime(2024, 1, 1, k) for k in range(N)],
    "time": [dt.time(k) for k in range(N)],
    "timedelta": [dt.timedelta(hours=k) for k in range(N)],
    "datetime64": list(np.datetime64("2024-01-01") + np.arange(N)),
    "one among numbers": [*SMALL[:5], dt.date(2024, 1, 1), *SMALL[6:]],
}
if pd:
    DATES |= {
        "Timestamp": list(pd.date_range("2024-01-01", periods=N)),
        "Timestamp with a zone": list(pd.date_range("2024-01-01", periods=N, tz="UTC")),
        "Timedelta": list(pd.to_timedelta(np.arange(N), unit="s")),
        "Period": list(pd.period_range("2024-01-01", periods=N)),
        "NaT among numbers": [*SMALL[:5], pd.NaT, *SMALL[6:]],
    }
NATIVE = ("date", "datetime", "time", "timedelta")
MIXED = {"pandas": Pandas(), "pandas object": Pandas("object"), "lists": Lists(), "objects": Objects()}
HOLDERS = MIXED | {"polars": Polars(), "arrow": Arrow()}


@pytest.mark.parametrize("key", WITH_WEIGHTS)
@pytest.mark.parametrize(
    ("container", "dates"), [(box, dates) for box in HOLDERS for dates in (DATES if box in MIXED else NATIVE)]
)
def test_dates_and_times_want_a_unit(container, dates, key):
    box = HOLDERS[container]
    with pytest.raises(ValueError, match=re.escape(subject(box, key))) as caught:
        WITH_WEIGHTS[key](box, DATES[dates])
    assert "onvert it to numbers in a unit first" in str(caught.value)
    assert "OneHotEncoder" not in str(caught.value)
    if "among" in dates:
        assert "first at row 5: " in str(caught.value)


@pytest.mark.parametrize("dtype", ["timestamp[us][pyarrow]", "date32[pyarrow]", "duration[ms][pyarrow]", "period[D]"])
def test_dtypes_of_dates_want_a_unit(dtype):
    values = DATES["timedelta" if dtype.startswith("duration") else "datetime"]
    if dtype.startswith("date32"):
        values = DATES["date"]
    for key in ("X", "y"):
        with pytest.raises(ValueError, match=r"in a unit first"):
            ARGUMENTS[key](Pandas(dtype), values)


TEXTS = {
    "a question mark": (["130", "165", "?", *map(str, SMALL[3:])], "row 2: '?'", 'errors="coerce"'),
    "numbers and a word": ([*map(float, SMALL[:7]), "n/a", *map(float, SMALL[8:])], "row 7: 'n/a'", "coerce"),
    "late": ([*map(str, SMALL[:-1]), "-"], f"row {N - 1}: '-'", "coerce"),
    "words": (["red", "green", "blue"] * (N // 3), "row 0: 'red'", None),
    "digits": (["10115", "20095"] * (N // 2), "row 0: '10115'", "look like numbers"),
    "one among numbers": ([*map(float, SMALL[:-1]), "1.5"], f"row {N - 1}: '1.5'", "look like numbers"),
}


@pytest.mark.parametrize("key", WITH_WEIGHTS)
@pytest.mark.parametrize(
    ("container", "text"),
    [
        (box, text)
        for box in HOLDERS
        for text in TEXTS
        if box in MIXED or all(isinstance(v, str) for v in TEXTS[text][0])
    ],
)
def test_strings_are_told_by_row_and_value_with_what_helps(container, text, key):
    box, (values, where, cure) = HOLDERS[container], TEXTS[text]
    if container == "polars" and cure is not None:
        cure = cure.replace('errors="coerce"', "strict=False").replace("coerce", "strict=False")
    with pytest.raises(ValueError, match=re.escape(subject(box, key)) + " holds strings") as caught:
        WITH_WEIGHTS[key](box, values)
    message = str(caught.value)
    assert where in message
    if cure is not None:
        assert cure in message
    if text == "words":
        assert ("OneHotEncoder" in message) == argument_of(key).startswith("X")
        assert ("classifier" in message) == argument_of(key).startswith("y")


class After:
    """A container whose frames follow one of plain numbers, in a fit."""

    def __init__(self, box):
        self.box, self.named, self.series = box, box.named, box.series

    def frame(self, values):
        if values is not BITS:
            return self.box.frame(values)
        if isinstance(self.box, Arrays):
            return Arrays(float).frame(values)
        return (Polars() if isinstance(self.box, Polars) else Pandas()).frame(values)


TEXT_DTYPES = [
    *(Pandas(t) for t in ("string", "str", "string[python]", "string[pyarrow]", "large_string[pyarrow]")),
    Pandas("binary[pyarrow]"),
    Arrays("U5"),
    Arrays("S5"),
    Polars("String"),
]


@pytest.mark.parametrize("key", ["X", "y", "predict", "sample_weight"])
@pytest.mark.parametrize("box", TEXT_DTYPES, ids=lambda box: f"{type(box).__name__} {box.dtype}")
def test_every_dtype_of_strings_is_refused(box, key):
    if box.dtype == "str" and pytest.importorskip("pandas").__version__ < "3":
        pytest.skip("a dtype of pandas 3")
    values = [b"10115", b"20095"] if "binary" in box.dtype or box.dtype == "S5" else ["10115", "20095"]
    with pytest.raises(ValueError, match="holds strings"):
        WITH_WEIGHTS[key](After(box), values * (N // 2))


def test_a_column_of_an_array_that_only_looks_like_numbers_does_not_hide_one_that_does_not():
    rows = np.array([["130", "1"], ["165", "2"], ["142", "?"]])
    for X in (rows, rows.tolist(), rows.astype(object)):
        with pytest.raises(ValueError, match=r"Column 1 of X holds strings that are not numbers, first at row 2: '\?'"):
            GradientDescentRegressor().fit(X, Y[:3])


def test_the_advice_for_strings_works():
    pytest.importorskip("pandas")
    text = ["130", "165", "?", *map(str, SMALL[3:])]
    frame, expected = Pandas().frame(text), [130.0, 165.0, np.nan, *SMALL[3:]]
    np.testing.assert_array_equal(pd.to_numeric(frame["culprit"], errors="coerce"), expected)
    X = Lists().frame(text)
    np.testing.assert_array_equal(pd.DataFrame(X).apply(pd.to_numeric, errors="coerce")[1], expected)
    np.testing.assert_array_equal(np.array(Lists().frame(list(map(str, SMALL))), dtype=float)[:, 1], SMALL)


def test_the_advice_for_strings_in_polars_works():
    polars = pytest.importorskip("polars")
    X = Polars().frame(["130", "165", "?", *map(str, SMALL[3:])])
    assert X["culprit"].cast(polars.Float64, strict=False).to_list() == [130.0, 165.0, None, *SMALL[3:]]
    for labels in (polars.Categorical, polars.Enum(["1", "2"])):
        as_text = polars.Series(["1", "2"], dtype=labels).cast(polars.String)
        assert as_text.cast(polars.Float64).to_list() == [1.0, 2.0]


@pytest.mark.parametrize("name", ["X", "y"])
def test_a_name_is_not_an_array(name):
    arguments = {"X": STEADY[:, None], "y": Y} | {name: "data.csv"}
    with pytest.raises(ValueError, match=f"{name} is the string 'data.csv' and not an array"):
        GradientDescentRegressor().fit(**arguments)


class Labels(Pandas):
    """Labels, of words or of numbers: categories of pandas, dictionaries of Arrow."""

    def __init__(self, of):
        self.of = of

    def series(self, values):
        pytest.importorskip("pandas")
        if self.of == "category":
            return pd.Series(pd.Categorical(values))
        arrow = pytest.importorskip("pyarrow")
        return pd.Series(pd.arrays.ArrowExtensionArray(arrow.array(values).dictionary_encode()))


class ArrowLabels(Arrow):
    def series(self, values):
        return super().series(values).dictionary_encode()


@pytest.mark.parametrize("key", ["X", "y", "X_val", "y_val", "predict", "sample_weight"])
@pytest.mark.parametrize("values", [["10115", "20095"], ["a", "b"], [1, 2], [1.5, 2.5]], ids=str)
@pytest.mark.parametrize("of", ["category", "dictionary"])
def test_labels_are_no_numbers_even_where_they_are_digits(of, values, key):
    # a category says that its values are names: LinearRegression takes their numbers, here the user says so in a word
    box = After(Labels(of))
    with pytest.raises(ValueError, match=re.escape(subject(box, key)) + f" has dtype {of}.*labels") as caught:
        WITH_WEIGHTS[key](box, values * (N // 2))
    assert ".astype(float)" in str(caught.value)
    if values[0] not in ("a", "b"):
        GradientDescentRegressor().fit(STEADY[:, None], box.series(values * (N // 2)).astype(float))


@pytest.mark.parametrize("key", ["X", "y"])
@pytest.mark.parametrize("box", [Polars("Categorical"), Polars("Enum(['1', '2'])"), ArrowLabels()])
def test_labels_of_other_libraries_are_no_numbers(box, key):
    with pytest.raises(
        ValueError, match=re.escape(subject(box, key)) + " (has dtype|holds strings).*look like numbers"
    ):
        ARGUMENTS[key](box, ["1", "2"] * (N // 2))


OTHERS = {
    "complex": 1j,
    "dict": {"a": 1},
    "set": {1},
    "object": object(),
    "class": int,
}
if pd:
    OTHERS["interval"] = pd.Interval(0, 1)


@pytest.mark.parametrize("key", WITH_WEIGHTS)
@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("box", [Pandas("object"), Objects()], ids=lambda box: type(box).__name__)
def test_other_objects_are_refused_by_row_and_value(box, other, key):
    with pytest.raises(TypeError, match=re.escape(subject(box, key)) + " holds values that are not real") as caught:
        WITH_WEIGHTS[key](box, [*SMALL[:4], OTHERS[other], *SMALL[5:]])
    assert f"row 4: {repr(OTHERS[other])[:40]}" in str(caught.value)


def test_nested_values_are_refused():
    polars, arrow = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    lists, structs = [[1.0]] * N, [{"a": 1}] * N
    for values in (lists, structs):
        for series in (polars.Series("culprit", values), pd.Series(pd.arrays.ArrowExtensionArray(arrow.array(values)))):
            frame = polars.DataFrame if isinstance(series, polars.Series) else pd.DataFrame
            with pytest.raises(TypeError, match=r"Column 'culprit' of X holds values that are not real numbers"):
                GradientDescentRegressor().fit(frame({"steady": STEADY, "culprit": series}), Y)
            with pytest.raises(TypeError, match=r"y holds values that are not real numbers, first at row 0"):
                GradientDescentRegressor().fit(STEADY[:, None], series)


def test_a_complex_column_is_refused_by_name():
    with pytest.raises(ValueError, match=r"Column 'culprit' of X has dtype complex128"):
        GradientDescentRegressor().fit(Pandas("complex128").frame(SMALL), Y)


def test_an_integer_that_float64_cannot_hold_is_refused_by_row():
    with pytest.raises(ValueError, match=r"y holds a number that is too large for float64, first at row 1"):
        GradientDescentRegressor().fit(STEADY[:3, None], [None, 10**400, 1.0])
    for value, shown in ((10**400, "1000"), (10**5000, "an integer of 16610 bits"), (Fraction(10**400, 3), "Fraction")):
        for box in (Lists(), Objects(), Pandas("object")):
            for key in ("X", "y", "predict", "sample_weight"):
                expected = rf"{re.escape(subject(box, key))} holds a number that is too large.* row 6: {shown}"
                with pytest.raises(ValueError, match=expected):
                    WITH_WEIGHTS[key](box, [*SMALL[:6], value, *SMALL[7:]])
    with pytest.raises(ValueError, match=r"sample_weight is 1000.*too large"):
        GradientDescentRegressor().fit(STEADY[:, None], Y, sample_weight=10**400)


# ---------------------------------------------------------------------------------------------------------------------
# Missing values and infinity
# ---------------------------------------------------------------------------------------------------------------------

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


# ---------------------------------------------------------------------------------------------------------------------
# Queries, rows and sparse arrays
# ---------------------------------------------------------------------------------------------------------------------


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


# ---------------------------------------------------------------------------------------------------------------------
# Parameters in other libraries' words
# ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "cure"),
    [
        ("constant", "is learning_rate=0.01 here"),
        ("invscaling", "learning_rate=lambda k: 0.01 / (k + 1) ** 0.25"),
        ("adaptive", 'use a number, or "auto"'),
        ("optimal", '"auto" follows from the data'),
    ],
)
def test_the_learning_rates_of_stochastic_descents_are_translated(word, cure):
    for call in (
        lambda: GradientDescentRegressor(word).fit(STEADY[:, None], Y),
        lambda: gradient_descent_path(STEADY[:, None], Y, learning_rate=word),
    ):
        with pytest.raises(
            ValueError, match=rf"'learning_rate' parameter .* Got '{word}' instead\..*{re.escape(cure)}"
        ):
            call()


def test_the_schedule_of_the_translation_is_one():
    GradientDescentRegressor(lambda k: 0.01 / (k + 1) ** 0.25, max_iter=3).fit(STEADY[:, None], Y)


def test_balanced_weights_are_for_the_user_to_compute():
    with pytest.raises(ValueError, match=r"sample_weight must be .* Got 'balanced' .*compute_sample_weight") as caught:
        GradientDescentRegressor().fit(STEADY[:, None], Y, sample_weight="balanced")
    assert "OneHotEncoder" not in str(caught.value)


@pytest.mark.parametrize("momentum", ["auto", 0, 0.0])
def test_nesterov_needs_a_momentum(momentum):
    expected = r"'nesterov' parameter of .* must be False without a momentum.*Got True.*write momentum=0.9"
    X = STEADY[:, None]
    calls = [
        lambda: GradientDescentRegressor(momentum=momentum, nesterov=True).fit(X, Y),
        lambda: gradient_descent_path(X, Y, momentum=momentum, nesterov=True),
    ]
    if momentum != "auto":
        calls.append(lambda: GradientDescentRegressorCV(momentum=momentum, nesterov=True).fit(X, Y))
    for call in calls:
        with pytest.raises(ValueError, match=expected):
            call()


@pytest.mark.parametrize(
    "grid",
    [
        tuple,
        lambda values: pytest.importorskip("pandas").Series(values),
        lambda values: pytest.importorskip("pandas").array(values),
        lambda values: pytest.importorskip("pandas").Index(values),
        lambda values: pytest.importorskip("pandas").Series(values, index=[5, 3, 1]),
        lambda values: pytest.importorskip("polars").Series(values),
    ],
    ids=["tuple", "Series", "pandas array", "Index", "Series with an index", "polars"],
)
def test_grids_may_be_series(grid):
    rates, steps = [0.05, 0.1, 0.2], [1, 5, 20]
    X = np.column_stack([STEADY, SMALL])
    plain = GradientDescentRegressorCV(rates, max_iters=steps).fit(X, Y)
    model = clone(GradientDescentRegressorCV(grid(rates), max_iters=grid(steps))).fit(X, Y)
    np.testing.assert_array_equal(model.learning_rates_, rates)
    np.testing.assert_array_equal(model.mse_path_, plain.mse_path_)
    assert "learning_rates=" in repr(model)


def test_series_that_are_no_grids_are_refused():
    pytest.importorskip("pandas")
    empty, missing = pd.Series([], dtype=float), pd.Series([0.1, np.nan])
    for grid in (empty, missing, pd.Series(["0.1"]), pd.DataFrame({"a": [0.1]})):
        with pytest.raises(ValueError, match="'learning_rates' parameter"):
            GradientDescentRegressorCV(grid).fit(STEADY[:, None], Y)


# ---------------------------------------------------------------------------------------------------------------------
# No RuntimeWarning: pytest makes every warning an error here
# ---------------------------------------------------------------------------------------------------------------------

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
