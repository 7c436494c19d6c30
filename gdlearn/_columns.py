"""X, y and weights column by column, as users hand them over: what is not a number is refused by name, row and value.

scikit-learn's checks make one array of all columns, and there a text "10115" has become a number, a category a label
that counts, and the last digits of an integer beyond 2**53 are gone. So the columns are looked at before. A DataFrame
has a dtype for each column; an array, a list or a Series has one for all of them.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import islice
from numbers import Rational
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import assert_all_finite

from ._warnings import warn_where_called

NUMBER = re.compile(r"(?:\w+\.)*(?:sparse\[)?(u?int(\d+)|b?float\d*|double|halffloat|bool(?:ean)?)\b")
"""The dtypes of pandas, Arrow, Polars and tensors whose values are numbers; of integers also the bits."""

LABELS = ("category", "categorical", "enum", "dictionary")
"""How the dtypes of pandas, Polars and Arrow begin whose values are labels, even where the labels are digits."""

DATES = (dt.date, dt.time, dt.timedelta, np.datetime64, np.timedelta64)
NOT_NUMBERS = (str, bytes, np.complexfloating, *DATES)
"""Types that are not numbers although some of their values convert to one."""

EXACT_INTEGERS = 2**53
"""Float64 holds every integer up to this one."""

DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+")
"""A number with a decimal comma, or with a comma between thousands."""

LOOKED_AT = 1000
"""Values of a column of text among which a number is looked for."""


def names_of(table: Any) -> list[Any] | None:
    """The names of a table's columns, whatever they are; None for what is no table."""
    of_arrow = getattr(getattr(table, "schema", None), "names", None)  # whose columns may be arrays
    names = of_arrow if isinstance(of_arrow, list) else getattr(table, "columns", None)
    return None if names is None else list(names)


def texts_of(names: list[Any] | None) -> tuple[str, ...] | None:
    """The names if all are texts, as scikit-learn learns them; else None."""
    return tuple(map(str, names)) if names and all(isinstance(name, str) for name in names) else None


@dataclass(frozen=True, eq=False)
class Columns:
    """What the user handed over as X, y or weights.

    Parameters
    ----------
    name : str
        The argument.
    given : DataFrame, Arrow table, Series, array or sequence
    labels : list or None
        The names of the columns of a frame; None where `given` is none.
    dtypes : list
        One for each column of a frame; one alone otherwise.
    shape : tuple of int
        (n, d), or (n,) for a Series and the like; anything else has no columns.
    """

    name: str
    given: Any
    labels: list[Any] | None
    dtypes: list[Any]
    shape: tuple[int, ...]

    @classmethod
    def of(cls, given: Any, name: str) -> Columns:
        """Look at dtypes and names; no value is read, except those of lists."""
        kind = type(given)  # of whose attributes no column and no index is one by chance
        if hasattr(kind, "column_names"):  # a table of Arrow
            return cls(name, given, list(given.column_names), list(given.schema.types), given.shape)
        if hasattr(kind, "columns") and hasattr(kind, "dtypes"):
            return cls(name, given, list(given.columns), list(given.dtypes), given.shape)
        dtype = getattr(given, "type" if _library(given) == "pyarrow" else "dtype", None)
        if str(dtype).startswith("Array("):  # a Series of Polars, each of whose values is a row
            given = np.asarray(given)
            dtype = given.dtype
        if dtype is not None:
            return cls(name, given, None, [dtype], given.shape if hasattr(given, "shape") else (len(given),))
        try:
            array = np.asarray(given)
        except TypeError:  # numbers beside dates
            array = np.asarray(given, dtype=object)
        except ValueError:  # ragged: scikit-learn says so
            return cls(name, given, None, [], ())
        return cls(name, given, None, [array.dtype], array.shape)

    @property
    def _n_columns(self) -> int:
        if len(self.shape) == 2:
            return self.shape[1]
        return 1 if len(self.shape) == 1 else 0

    def _dtype(self, place: int) -> Any:
        return self.dtypes[0 if self.labels is None else place]

    @cached_property
    def _objects(self) -> NDArray[Any]:
        return np.asarray(self.given, dtype=object)

    def _values(self, place: int) -> Iterable[Any]:
        """The values of a column as Python objects."""
        if self.labels is None and isinstance(self.dtypes[0], np.dtype):
            return self._objects if len(self.shape) == 1 else self._objects[:, place]
        if self.labels is None:
            column = self.given
        elif hasattr(self.given, "iloc"):
            column = self.given.iloc[:, place]
        else:
            column = self.given.column(place) if _library(self.given) == "pyarrow" else self.given[:, place]
        values: Iterable[Any] = column.to_pylist() if _library(self.given) == "pyarrow" else column
        return values

    def _label(self, place: int) -> str:
        label = place if self.labels is None else self.labels[place]
        return repr(label.item() if isinstance(label, np.generic) else label)

    def _subject(self, place: int) -> str:
        return self.name if len(self.shape) == 1 else f"Column {self._label(place)} of {self.name}"

    def _expression(self, place: int) -> str:
        """How the user would write the column, or where columns have no names the whole."""
        return self.name if self.labels is None else f"{self.name}[{self._label(place)}]"

    def _as_floats(self, place: int) -> str:
        """How the user would convert it."""
        expression = self._expression(place)
        if not hasattr(self.given, "shape"):
            return f"np.array({expression}, dtype=float)"
        if _library(self.given) == "polars":
            return expression + (".cast(pl.String)" if _are_labels(self._dtype(place)) else "") + ".cast(pl.Float64)"
        return expression + ('.cast("double")' if _library(self.given) == "pyarrow" else ".astype(float)")

    def refuse_strangers(self) -> None:
        """Raise unless every value is a real number or missing."""
        if isinstance(self.given, str | bytes):
            raise ValueError(
                f"{self.name} is the string {shortened(self.given)} and not an array: read a file first, e.g. by "
                "pandas.read_csv, or take a column out of its frame."
            )
        if self.labels is None and self.dtypes and _are_numbers(self.dtypes[0]):
            return
        for place in range(self._n_columns):
            if not _are_numbers(self._dtype(place)):
                self._refuse_strangers_of(place)

    def _refuse_strangers_of(self, place: int) -> None:
        dtype, subject = self._dtype(place), self._subject(place)
        kind = dtype.kind if isinstance(dtype, np.dtype) else ""
        if kind and kind in "mM":
            raise ValueError(f"{subject} has dtype {dtype}, which is not numeric. {IN_A_UNIT}")
        if kind and kind in "cV":
            if self.labels is not None:
                raise ValueError(f"{subject} has dtype {dtype}, which is not that of real numbers.")
            return  # scikit-learn says so of an array
        if _are_labels(dtype):
            raise ValueError(
                f"{subject} has dtype {dtype}: these are labels, also where they look like numbers. If they are "
                f"quantities convert them, e.g. {self._as_floats(place)}; if not, {self._of_labels}."
            )
        missing = None
        known: set[type] = set()
        for row, value in enumerate(self._values(place)):
            kind_of_value = type(value)
            if kind_of_value in known:
                continue
            if kind_of_value.__name__ == "NAType":  # of pandas; None becomes NaN by itself
                missing = row if missing is None else missing
            elif value is not None:
                if not _is_number_type(kind_of_value):
                    self._refuse_stranger(place, row, value)
                known.add(kind_of_value)
        if missing is not None:
            raise ValueError(f"Input {self.name} contains NaN. {self._where(missing, place)}, given as <NA>.")

    def _refuse_stranger(self, place: int, row: int, value: Any) -> NoReturn:
        subject, shown = self._subject(place), f"first at row {row}: {shortened(value)}"
        if isinstance(value, str | bytes):
            self._refuse_text(place, row)
        if isinstance(value, DATES) or type(value).__name__ == "Period":
            raise ValueError(f"{subject} holds dates or times, {shown}. {IN_A_UNIT}")
        raise TypeError(
            f"{subject} holds values that are not real numbers, {shown}. The float() argument must be a string or a "
            f"real number, not {type(value).__name__!r}: make a number of each, or drop them."
        )

    def _refuse_text(self, place: int, row: int) -> NoReturn:
        """Name the first text that is not a number, or say that all of them only look like numbers.

        An array is converted as a whole, so there the other columns' texts count too.
        """
        places = [place] if self.labels is not None else range(place, self._n_columns)
        words = (
            (j, i, value)
            for j in places
            for i, value in enumerate(self._values(j))
            if isinstance(value, str | bytes) and not _reads_as_number(value)
        )
        word = next(words, None)
        if word is None:
            example = shortened(next(islice(self._values(place), row, None)))
            raise ValueError(
                f"{self._subject(place)} holds strings, also where they look like numbers, first at row {row}: "
                f"{example}. If they are quantities convert them, e.g. {self._as_floats(place)}; if they are codes, "
                f"{self._of_labels}."
            )
        place, row, value = word
        start, shown = f"{self._subject(place)} holds strings", f"first at row {row}: {shortened(value)}"
        if DECIMAL_COMMA.fullmatch(str(value).strip()):
            raise ValueError(
                f"{start}, {shown}. If it has a decimal comma, replace that by a point, or read the file with "
                'pandas.read_csv(..., decimal=","); if the comma parts thousands, remove it (thousands=",").'
            )
        if not any(_reads_as_number(value) for value in islice(self._values(place), LOOKED_AT)):
            raise ValueError(f"{start}, {shown}. They are not numbers: {self._of_labels}.")
        expression = self._expression(place)
        if _library(self.given) == "polars":
            cure, gap = f"{expression}.cast(pl.Float64, strict=False)", "null"
        else:
            flat = self.labels is not None or len(self.shape) == 1
            call = f'pd.to_numeric({expression}, errors="coerce")'
            cure = call if flat else f'pd.DataFrame({self.name}).apply(pd.to_numeric, errors="coerce")'
            gap = "NaN"
        raise ValueError(
            f"{start} that are not numbers, {shown}. {cure} turns them into {gap}, to be filled or dropped."
        )

    @property
    def _of_labels(self) -> str:
        """What to do with labels."""
        if self.name.startswith("X"):
            return "encode them (sklearn.preprocessing.OneHotEncoder, in a ColumnTransformer) or drop them"
        if self.name.startswith("y"):
            return "use a classifier, for a regressor predicts numbers"
        return "give numbers"

    def refuse_too_large(self) -> None:
        """Raise where a number is finite but beyond float64."""
        for place in range(self._n_columns):
            for row, value in enumerate(self._values(place)):
                try:
                    float(value)
                except (TypeError, ValueError):  # missing
                    continue
                except OverflowError:
                    raise ValueError(
                        f"{self._subject(place)} holds a number that is too large for float64, first at row {row}: "
                        f"{shortened(value)}. The largest is 1.8e308: divide by a constant first."
                    ) from None

    def refuse_nonfinite(self, array: Any, estimator_name: str | None = None) -> None:
        """Raise, in scikit-learn's words and with the place, where the array made of this holds NaN or infinity."""
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                assert_all_finite(array, estimator_name=estimator_name, input_name=self.name)
        except ValueError as error:
            head, line_break, rest = str(error).partition("\n")
            raise ValueError(f"{head} {self._where(*_first_nonfinite(array))}.{line_break}{rest}") from None

    def _where(self, row: int, place: int) -> str:
        column = "" if len(self.shape) == 1 else f"column {self._label(place)}, "
        return f"The first is at {column}row {row}"

    def warn_of_lost_digits(self, array: Any) -> None:
        """Warn where the array made of this holds integers too large for float64 to tell neighbours apart."""
        places = self._may_exceed()
        if not len(places):
            return
        table = array if array.ndim == 2 else array[:, None]
        lines = table.T if len(places) == table.shape[1] else table.T[places]  # of a frame these are contiguous
        if max(int(lines.max()), -int(lines.min())) < EXACT_INTEGERS:
            return
        high, low = _extremes(lines)
        if table.dtype.kind in "iub":
            beyond = places[(high > EXACT_INTEGERS) | (low < -EXACT_INTEGERS)].tolist()
        else:  # 2**53 itself may have been 2**53 + 1, and a large number a float from the start
            suspects = places[(high >= EXACT_INTEGERS) | (low <= -EXACT_INTEGERS)].tolist()
            beyond = [place for place in suspects if any(map(_is_large_integer, self._values(place)))]
        if not beyond:
            return
        if len(self.shape) == 1:
            subject = f"{self.name} holds"
        elif len(beyond) == 1:
            subject = f"{self._subject(beyond[0])} holds"
        else:
            more = f" and {len(beyond) - 3} more" if len(beyond) > 3 else ""
            subject = f"Columns {', '.join(map(self._label, beyond[:3]))}{more} of {self.name} hold"
        warn_where_called(
            f"{subject} integers beyond 2**53, which float64 rounds to multiples of 2 or more: subtract an offset in "
            "integers first if their last digits matter.",
            UserWarning,
        )

    def _may_exceed(self) -> NDArray[np.intp]:
        """The columns that may hold integers beyond 2**53, by their dtypes."""
        if self.labels is not None:
            return np.flatnonzero([_may_exceed(dtype) for dtype in self.dtypes])
        of_a_list = not hasattr(self.given, "shape")  # where an integer beside a float has become one already
        return np.arange(self._n_columns if self.dtypes and (of_a_list or _may_exceed(self.dtypes[0])) else 0)


IN_A_UNIT = "Convert it to numbers in a unit first, such as days since the earliest, or the seconds of a duration."


def shortened(value: Any) -> str:
    """The value as its user would write it, at most about 60 characters of it."""
    try:
        text = " ".join(repr(value.item() if isinstance(value, np.generic) else value).split())
    except ValueError:  # Python does not print integers of more than 4,300 digits
        return f"an integer of {int(value).bit_length()} bits"
    return text if len(text) <= 60 else f"{text[:40]}...{text[-10:]}"


def _library(given: Any) -> str:
    return type(given).__module__.partition(".")[0]


def _are_numbers(dtype: Any) -> bool:
    if isinstance(dtype, np.dtype):
        return dtype.kind in "fiub"
    return NUMBER.match(str(dtype).lower()) is not None


def _are_labels(dtype: Any) -> bool:
    return str(dtype).lower().startswith(LABELS)


def _may_exceed(dtype: Any) -> bool:
    """Whether values of this dtype may be integers beyond 2**53."""
    if isinstance(dtype, np.dtype):
        return dtype.kind == "O" or (dtype.kind in "iu" and dtype.itemsize >= 8)
    number = NUMBER.match(str(dtype).lower())
    return number is None or (number[2] is not None and int(number[2]) >= 64)


def _is_number_type(kind: type) -> bool:
    return hasattr(kind, "__float__") and not hasattr(kind, "__len__") and not issubclass(kind, NOT_NUMBERS)


def _reads_as_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def _is_large_integer(value: Any) -> bool:
    value = value.item() if isinstance(value, np.generic) else value  # NumPy 1 compares its uint64 as a float
    return bool(abs(value) > EXACT_INTEGERS and value % 1 == 0) and isinstance(value, Rational | Decimal)


def _first_nonfinite(array: Any) -> tuple[int, int]:
    """Row and column of the first NaN, or infinity where there is none: column by column."""
    if sparse.issparse(array):
        entries = array.tocoo()
        bad = np.isnan(entries.data) if np.isnan(entries.data).any() else ~np.isfinite(entries.data)
        places = entries.col[bad].astype(np.int64), entries.row[bad].astype(np.int64)
        first = np.lexsort(places[::-1])[0]
        return int(places[1][first]), int(places[0][first])
    table = array if array.ndim == 2 else array[:, None]
    bad = np.isnan(table) if np.isnan(table).any() else ~np.isfinite(table)
    place = int(bad.any(axis=0).argmax())
    return int(bad[:, place].argmax()), place


def _extremes(lines: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """The largest and the smallest value of each line."""
    high, low = lines.max(axis=1), lines.min(axis=1)
    if sparse.issparse(lines):
        return high.toarray().ravel(), low.toarray().ravel()
    return high, low
