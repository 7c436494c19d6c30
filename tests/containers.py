"""Containers of X, y and weights: how a Series and a frame of each library are made, and where they are handed in."""

import numpy as np
import pytest
from scipy import sparse

from gdlearn import GradientDescentRegressor, MeanSquaredError, Moments, gradient_descent_path

try:
    import pandas as pd
except ImportError:  # what concerns no table is tested without
    pd = None


N = 24
STEADY = np.linspace(-1.0, 2.0, N) ** 2
SMALL = [(5 * k) % 7 for k in range(N)]
BITS = [int(k % 3 == 0) for k in range(N)]
Y = 3.0 * STEADY - 2.0 * np.array(SMALL) + np.cos(np.arange(N))


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
    """The Series and DataFrames of pandas in partitions."""

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
    "predict": lambda box, values: np.asarray(
        GradientDescentRegressor().fit(box.frame(BITS), Y).predict(box.frame(values))
    ),
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
