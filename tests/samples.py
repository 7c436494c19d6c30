"""Rows that several files of tests share, ordinary, extreme and degenerate, and what every fit of them must be."""

import pickle
import tracemalloc
from functools import cache

import numpy as np

RIGHT = 1e-8
"""In units of σ_y: a hundred times stricter than what would still be called right."""

FITTED = ("coef_", "intercept_", "loss_", "n_iter_", "learning_rate_", "feature_shift_", "feature_scale_")


@cache
def _plain(n=24, d=3, t=None, seed=0):
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, d))
    slopes = random.uniform(1.0, 3.0, (d, t or 1)) * random.choice([-1.0, 1.0], (d, t or 1))
    y = X @ slopes + 0.5 + 0.3 * random.standard_normal((n, t or 1))
    X.flags.writeable = y.flags.writeable = False
    return X, y if t else y[:, 0]


def plain(n=24, d=3, t=None, seed=0):
    """Well conditioned rows with noise, in fresh arrays."""
    X, y = _plain(n, d, t, seed)
    return X.copy(), y.copy()


def with_peak(call):
    """What a call returns, and the most bytes that it held at once."""
    tracemalloc.start()
    try:
        return call(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def with_entries(X, value, *places):
    for place in places:
        X[place] = value
    return X


def with_columns(X, *columns):
    return np.column_stack([X, *columns])


def same_fit(a, b):
    """Whether every fitted number is the same, bit for bit."""
    return all(np.array_equal(np.asarray(getattr(a, name)), np.asarray(getattr(b, name))) for name in FITTED)


def state(model):
    return pickle.dumps(vars(model))


X0, Y0 = plain()
TWO = plain(t=2)[1]
N = len(X0)
COLUMN = np.arange(3)
MAX = np.finfo(np.float64).max

MAGNITUDES = {
    "plain": (X0, Y0),
    "X * 1e300": (X0 * 1e300, Y0),
    "X * 1e200": (X0 * 1e200, Y0),
    "X * 1e-200": (X0 * 1e-200, Y0),
    "X * 1e-300": (X0 * 1e-300, Y0),
    "X subnormal": (X0 * 1e-310, Y0 * 1e-10),
    "X to the largest float64": (X0 / np.abs(X0).max() * MAX, Y0),
    "y to the largest float64": (X0, Y0 / np.abs(Y0).max() * (MAX / 16)),
    "one column * 1e160": (X0 * np.where(COLUMN == 1, 1e160, 1.0), Y0),
    "one column * 1e-160": (X0 * np.where(COLUMN == 1, 1e-160, 1.0), Y0),
    "one column * 1e300, one * 1e-300": (X0 * [1e300, 1.0, 1e-300], Y0),
    "columns of size 1e-8, 1, 1e8": (X0 * [1e-8, 1.0, 1e8], Y0),
    "columns of size 1e-150, 1, 1e150": (X0 * [1e-150, 1.0, 1e150], Y0),
    "one leverage point of 1e10": (with_entries(X0.copy(), 1e10, (3, 1)), Y0),
    "leverage 1e10 in the first row": (with_entries(X0.copy(), 1e10, (0, 1)), Y0),
    "leverage 1e10 in a row each": (with_entries(X0.copy(), 1e10, (3, 0), (5, 1), (7, 2)), Y0),
    "leverage 1e10 and its response": (with_entries(X0.copy(), 1e10, (3, 1)), with_entries(Y0.copy(), 2e10, 3)),
    "leverage 1e100": (with_entries(X0.copy(), 1e100, (3, 1)), Y0),
    "leverage 1e200": (with_entries(X0.copy(), 1e200, (3, 1)), Y0),
    "y * 1e300": (X0, Y0 * 1e300),
    "y * 1e-300": (X0, Y0 * 1e-300),
    "y subnormal": (X0, Y0 * 1e-310),
    "X * 1e300, y * 1e300": (X0 * 1e300, Y0 * 1e300),
    "X * 1e-300, y * 1e-300": (X0 * 1e-300, Y0 * 1e-300),
    "X * 1e100, y * 1e-200": (X0 * 1e100, Y0 * 1e-200),
    "targets of size 1 and 1e-200": (X0, TWO * [1.0, 1e-200]),
    "targets of size 1e-300 and 1": (X0, TWO * [1e-300, 1.0]),
    "targets of size 1e150 and 1e-150": (X0, TWO * [1e150, 1e-150]),
    "targets of size 1e300 and 1": (X0, TWO * [1e300, 1.0]),
    "targets of size 1e8 and 1e-8": (X0, TWO * [1e8, 1e-8]),
    "targets of size 1e6 and 1e-6 without noise": (X0, X0[:, :2] * [1e6, 1e-6]),
    "targets of size 1e8 and 1e-8 without noise": (X0, X0[:, :2] * [1e8, 1e-8]),
    "targets of size 1e150 and 1e-150 without noise": (X0, X0[:, :2] * [1e150, 1e-150]),
}

OFFSETS = {
    "y + 1e8": (X0, Y0 + 1e8),
    "y + 1e12": (X0, Y0 + 1e12),
    "y + 1e15": (X0, Y0 + 1e15),
    "a column + 1e8": (X0 + 1e8 * (COLUMN == 1), Y0),
    "X + 1e8": (X0 + 1e8, Y0),
    "X + 1e12": (X0 + 1e12, Y0),
    "X + 1e15": (X0 * 4 + 1e15, Y0),
    "X + 1e8, y + 1e12": (X0 + 1e8, Y0 + 1e12),
    "X - 1e8": (X0 - 1e8, Y0),
    "offsets 1e8, 1e12, 1e15": (X0 * [1.0, 1.0, 8.0] + [1e8, 1e12, 1e15], Y0),
    "a leverage point beside an offset": (with_entries(X0 + 1e8 * (COLUMN == 1), 1e12, (2, 1)), Y0),
    "X + 1e8, targets of size 1e-8 and 1": (X0 + 1e8, TWO * [1e-8, 1.0]),
    "X + 1e8, targets of size 1e-8 and 1e8": (X0 + 1e8, TWO * [1e-8, 1e8]),
    "(X + 1e8) * 1e250": ((X0 + 1e8) * 1e250, Y0),
}

DEGENERATE = {
    "a constant column": (with_columns(X0, np.full(N, 3.0)), Y0),
    "a constant column of 0.1": (with_columns(X0, np.full(N, 0.1)), Y0),
    "an all-zero column": (with_columns(X0, np.zeros(N)), Y0),
    "a duplicate column": (with_columns(X0, X0[:, 1]), Y0),
    "two duplicates, one negated": (with_columns(X0, X0[:, 1], -X0[:, 1]), Y0),
    "a duplicate 2**40 times as large": (with_columns(X0, 2.0**40 * X0[:, 1]), Y0),
    "a duplicate 2**600 times as large": (with_columns(X0, 2.0**600 * X0[:, 1]), Y0),
    "a duplicate of integers with an offset": (with_columns(np.rint(9 * X0), np.rint(9 * X0[:, 1]) + 2.0**30), Y0),
    "dummy trap": (np.eye(3)[np.arange(N) % 3], Y0),
    "dummy trap beside numbers": (with_columns(X0, np.eye(4)[np.arange(N) % 4]), Y0),
    "a sum of columns": (with_columns(np.rint(9 * X0), np.rint(9 * X0) @ [1.0, 2.0, -1.0]), Y0),
    "all of X constant": (np.full((N, 3), 7.3), Y0),
    "all of X zero": (np.zeros((N, 2)), Y0),
    "y constant": (X0, np.full(N, 0.1)),
    "y zero": (X0, np.zeros(N)),
    "X and y constant": (np.full((N, 2), 0.7), np.full(N, 0.1)),
    "one target constant": (X0, np.column_stack([Y0, np.full(N, 0.1)])),
    "y on the plane": (np.rint(9 * X0), np.rint(9 * X0) @ [1.0, 2.0, 3.0]),
    "one feature": (X0[:, :1], Y0),
    "one feature, constant": (np.full((N, 1), 2.5), Y0),
    "N = 1": (X0[:1], Y0[:1]),
    "N = 1, one feature": (X0[:1, :1], Y0[:1]),
    "N = 1, X zero": (np.zeros((1, 2)), Y0[:1]),
    "N = 2": (X0[:2], Y0[:2]),
    "N = 2, one feature": (X0[:2, :1], Y0[:2]),
    "N = 2, equal rows": (X0[[0, 0]], Y0[:2]),
    "N = d": (X0[:3], Y0[:3]),
    "N = d + 1": (X0[:4], Y0[:4]),
    "every row twice, N < d": (plain(4, 9)[0][[0, 1, 2, 3, 0, 1, 2, 3]], Y0[:8]),
    "rows < columns": plain(6, 10),
    "rows < columns, two targets": plain(6, 10, 2),
    "rows < columns, a constant column": (with_columns(plain(6, 9)[0], np.full(6, 4.0)), Y0[:6]),
    "rows < columns, X * 1e300": (plain(6, 10)[0] * 1e300, plain(6, 10)[1]),
    "rows < columns, X * 1e-300": (plain(6, 10)[0] * 1e-300, plain(6, 10)[1]),
    "rows < columns, y * 1e300": (plain(6, 10)[0], plain(6, 10)[1] * 1e300),
    "rows < columns, y * 1e-300": (plain(6, 10)[0], plain(6, 10)[1] * 1e-300),
    "rows < columns, X + 1e8": (plain(6, 10)[0] + 1e8, plain(6, 10)[1]),
    "rows < columns, y + 1e12": (plain(6, 10)[0], plain(6, 10)[1] + 1e12),
    "rows < columns, sizes 1e-8 to 1e8": (plain(6, 10)[0] * np.geomspace(1e-8, 1e8, 10), plain(6, 10)[1]),
    "rows < columns, leverage 1e10": (with_entries(plain(6, 10)[0], 1e10, (2, 3)), plain(6, 10)[1]),
    "rows < columns, bool": (plain(6, 10)[0] > 0, plain(6, 10)[1]),
}

ONES = np.ones(N)
UNEVEN = np.random.default_rng(3).uniform(0.1, 3.0, N)


def nonfinite(value, *, sparse_format=None, in_y=False):
    X, y = plain()
    if in_y:
        return X, with_entries(y, value, 3)
    X = with_entries(X, value, (3, 1))
    return (sparse_format(X) if sparse_format else X), y


WAYS = [
    {},
    {"learning_rate": 0.1, "max_iter": 3},
    {"solver": "loop", "max_iter": 20},
    {"scaling": "minmax"},
    {"scaling": None, "fit_intercept": False},
]
