"""What is not a number is refused by column, row and value, with what helps: dates, strings, labels, other objects."""

import datetime as dt
import re
from fractions import Fraction

import numpy as np
import pytest
from containers import (
    ARGUMENTS,
    BITS,
    SMALL,
    STEADY,
    WITH_WEIGHTS,
    Arrays,
    Arrow,
    Lists,
    N,
    Objects,
    Pandas,
    Polars,
    Y,
    argument_of,
    subject,
)

from gdlearn import GradientDescentRegressor

try:
    import pandas as pd
except ImportError:  # what concerns no table is tested without
    pd = None

pytestmark = pytest.mark.tables


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
