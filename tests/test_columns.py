"""What is said of columns: integers that float64 cannot tell apart, and the place of what is refused."""

import warnings

import numpy as np
import pytest
from scipy import sparse

from gdlearn import GradientDescentRegressor

pd = pytest.importorskip("pandas")

LARGE = 2**53


def fit(X, y=(1.0, 2.0, 3.0)):
    return GradientDescentRegressor(max_iter=1).fit(X, list(y))


@pytest.mark.parametrize("value", [LARGE + 1, -LARGE - 1, 3 * LARGE, -(2**62)])
@pytest.mark.parametrize("kind", ["list", "object", "int64", "frame", "series"])
def test_integers_beyond_2_53_are_named_on_either_side_of_zero(value, kind):
    column = [1, value, 3]
    X = {
        "list": lambda: [[v] for v in column],
        "object": lambda: np.array([[v] for v in column], dtype=object),
        "int64": lambda: np.array([[v] for v in column]),
        "frame": lambda: pd.DataFrame({"id": column}),
        "series": lambda: np.arange(3.0)[:, None],
    }[kind]()
    y = pd.Series(column) if kind == "series" else [1.0, 2.0, 3.0]
    name = {"frame": "Column 'id' of X holds", "series": "y holds"}.get(kind, "Column 0 of X holds")
    with pytest.warns(UserWarning, match=f"^{name} integers beyond 2\\*\\*53"):
        fit(X, y)


@pytest.mark.parametrize("value", [LARGE, -LARGE, LARGE - 1, float(LARGE) * 2, 1e100, 0])
def test_what_float64_holds_is_not_mentioned(value):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit([[1], [value], [3]])
        fit(np.array([[1.0], [float(value)], [3.0]]))
        if isinstance(value, int):
            fit(np.array([[1], [value], [3]]))
            fit(sparse.csr_matrix(np.array([[1], [value], [3]])))


@pytest.mark.parametrize(
    ("n", "words"),
    [
        (1, "Column 0 of X holds"),
        (2, "Columns 0, 1 of X hold"),
        (3, "Columns 0, 1, 2 of X hold"),
        (4, "Columns 0, 1, 2 and 1 more of X hold"),
        (6, "Columns 0, 1, 2 and 3 more of X hold"),
    ],
)
def test_three_columns_are_named_and_the_rest_counted(n, words):
    X = np.full((3, 7), 1)
    X[1, :n] = LARGE + 2
    with pytest.warns(UserWarning, match=f"^{words} integers"):
        fit(X)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix, sparse.csc_array, pd.DataFrame])
def test_the_first_of_several_that_are_not_finite_is_the_one_of_the_first_column(bad, kind):
    X = np.arange(1.0, 13.0).reshape(4, 3)
    X[3, 1], X[1, 2], X[2, 2] = bad, bad, bad
    with pytest.raises(ValueError, match=r"first is at column 1, row 3\."):
        GradientDescentRegressor().fit(kind(X), np.arange(4.0))
    X[3, 1] = np.inf  # where there is a NaN, it is the one that is told of
    X[2, 2] = np.nan
    row = 1 if np.isnan(bad) else 2
    with pytest.raises(ValueError, match=rf"first is at column 2, row {row}\."):
        GradientDescentRegressor().fit(kind(X), np.arange(4.0))
