"""Bad and extreme input: right, or refused with a word on what to do, and never a half-changed estimator."""

import _thread
import contextlib
import dataclasses
import multiprocessing
import pickle
import signal
import threading
import tracemalloc
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import cache

import numpy as np
import pytest
from exact import EPS, exact_least_squares
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LinearRegression
from textbook import numpy_loop, original_units, scaled

import gdlearn._spectrum
from gdlearn import DivergenceError, GradientCheckError, GradientDescentRegressor, Moments
from gdlearn._base import Data

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


# ---------------------------------------------------------------------------------------------------------------------
# Right: extreme magnitudes, offsets, degenerate columns and shapes
# ---------------------------------------------------------------------------------------------------------------------

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

DTYPES = {
    "int8 near 127": (np.clip(100 + 15 * X0, -128, 127).astype(np.int8), Y0),
    "int8 at both ends": (np.where(X0 > 0, 127, -128).astype(np.int8), Y0),
    "uint8": ((128 + 40 * X0).astype(np.uint8), Y0),
    "int16 near its end": ((32700 + 20 * X0).astype(np.int16), Y0),
    "int64 up to 2**53": ((2**53 - 1000 + 300 * X0).astype(np.int64), Y0),
    "bool": (X0 > 0.2, Y0),
    "bool y": (X0, Y0 > 0),
    "int8 y": (X0, (40 * Y0 / np.abs(Y0).max()).astype(np.int8)),
    "uint8 y near 255": (X0, (250 + np.clip(Y0, -4, 4)).astype(np.uint8)),
    "float16": (X0.astype(np.float16), Y0),
    "float16 up to its largest": (np.clip(X0 * 40000, -65504, 65504).astype(np.float16), Y0),
    "float16 y": (X0, Y0.astype(np.float16)),
    "longdouble": (X0.astype(np.longdouble), Y0.astype(np.longdouble)),
    "object": (X0.astype(object), Y0.astype(object)),
    "object y of integers": (X0, np.rint(9 * Y0).astype(int).astype(object)),
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

NEARLY = {
    "nearly duplicate, 1e-5": (with_columns(X0, X0[:, 1] + 1e-5 * plain(seed=5)[1]), Y0),
    "nearly duplicate, 1e-9": (with_columns(X0, X0[:, 1] + 1e-9 * plain(seed=5)[1]), Y0),
    "nearly duplicate, 1e-12": (with_columns(X0, X0[:, 1] + 1e-12 * plain(seed=5)[1]), Y0),
    "nearly duplicate with offset, 1e-5": (with_columns(X0, X0[:, 1] + 1e-5 * plain(seed=5)[1]) + 1e8, Y0),
    "nearly duplicate, 1e-9, y on the plane": (
        with_columns(X0, X0[:, 1] + 1e-9 * plain(seed=5)[1]),
        X0 @ [1.0, 2.0, 3.0],
    ),
    "leverage 1e10 in all columns of a row": (with_entries(X0.copy(), [1e10, -2e10, 3e10], 5), Y0),
    "three nearly duplicates, 1e-9": (
        with_columns(X0, X0[:, 1] + 1e-9 * plain(seed=5)[1], X0[:, 1] - 1e-9 * plain(seed=6)[1]),
        Y0,
    ),
    "rows < columns, nearly equal rows, 1e-9": (
        np.vstack([plain(5, 10)[0], plain(5, 10)[0][:1] + 1e-9 * plain(5, 10, seed=1)[0][:1]]),
        plain(6, 10)[1],
    ),
    "Vandermonde of degree 12": (np.vander(np.linspace(0, 1, 40), 13)[:, :-1], np.cos(9 * np.linspace(0, 1, 40))),
    "Hilbert 10 x 10": (1.0 / (np.arange(10)[:, None] + np.arange(10) + 1), np.cos(np.arange(10.0))),
}


WIDE_OFFSETS = {
    "every other column + 1e10": (plain(5, 8)[0] + 1e10 * (np.arange(8) % 2), plain(5, 8)[1]),
    "offsets and sizes apart": (
        plain(5, 8)[0] * [1.0, 1e-4, 1e2, 1e-5, 1e3, 1.0, 1e-3, 10.0] + [0.0, 1e9, 1e5, 1e2, 1.0, 0.0, 1e7, 1.0],
        plain(5, 8)[1],
    ),
}


def assert_right(X, y, weights=None, fit_intercept=True, slopes=True, **parameters):
    model = GradientDescentRegressor(fit_intercept=fit_intercept, **parameters).fit(X, y, sample_weight=weights)
    truth = exact_least_squares(X, y, weights, fit_intercept)
    # a model of float64 coefficients cannot predict better than these coefficients and products are rounded
    assert truth.error(model.predict(X)) <= RIGHT + 8 * truth.rounding()
    if slopes:
        assert truth.slope_error(model.coef_) <= RIGHT
    return model, truth


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("name", MAGNITUDES)
def test_extreme_magnitudes_are_fitted_right(name, fit_intercept):
    assert_right(*MAGNITUDES[name], fit_intercept=fit_intercept)


@pytest.mark.parametrize("scaling", ["minmax", "maxabs"])
@pytest.mark.parametrize("name", [*MAGNITUDES, *OFFSETS])
def test_extreme_magnitudes_are_fitted_right_in_any_scaling(name, scaling):
    assert_right(*(MAGNITUDES | OFFSETS)[name], scaling=scaling)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("name", [n for n in MAGNITUDES | OFFSETS if "1e8" in n or "1e10" in n or "y" in n])
def test_large_magnitudes_are_fitted_right_or_refused_without_scaling(name, fit_intercept):
    X, y = (MAGNITUDES | OFFSETS)[name]
    try:
        assert_right(X, y, fit_intercept=fit_intercept, slopes=fit_intercept, scaling=None)
    except ValueError as error:
        assert 'scaling="standard"' in str(error)  # noqa: PT017


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("name", OFFSETS)
def test_offsets_are_fitted_as_right_as_float64_holds_them(name, fit_intercept):
    # without an intercept, columns of one large offset are nearly collinear: the fit is determined, slopes barely
    assert_right(*OFFSETS[name], fit_intercept=fit_intercept, slopes=fit_intercept)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("name", DTYPES)
def test_dtypes_are_computed_in_float64(name, fit_intercept):
    # integers near 2**53 are nearly collinear without an intercept
    model, _ = assert_right(*DTYPES[name], fit_intercept=fit_intercept, slopes=fit_intercept or "2**53" not in name)
    assert model.coef_.dtype == np.float64


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e6])
def test_float32_is_as_right_as_float32_coefficients_can_be(offset):
    X, y = plain(200, 3)
    X = (X + offset).astype(np.float32)
    model = GradientDescentRegressor().fit(X, y)
    truth = exact_least_squares(X, y)
    assert model.coef_.dtype == np.float32
    assert truth.slope_error(model.coef_) <= 2 * np.finfo(np.float32).eps * 3
    # the slopes are rounded to 6e-8; an offset that the intercept takes up must not magnify that
    assert truth.error(model.predict(X)) <= 1e-6


@pytest.mark.parametrize("size", [1e-30, 1e-10, 1e10, 1e30])
def test_float32_keeps_coefficients_that_float32_cannot_hold(size):
    X, y = plain()
    X = (X * size).astype(np.float32)
    for factor in (1e-30, 1.0, 1e30):
        model = GradientDescentRegressor().fit(X, y * factor)
        truth = exact_least_squares(X, y * factor)
        assert truth.error(model.predict(X.astype(np.float64))) <= 1e-6


@pytest.mark.parametrize(
    ("X", "y"),
    [
        ((2**53 + 4 + 900 * X0).astype(np.int64), Y0),
        ((2**62 + 2**55 * X0).astype(np.int64), Y0),
        (np.where(X0 > 0, np.iinfo(np.int64).min, X0.astype(np.int64)), Y0),
        ((2**63 + 2**60 * X0.clip(-3, 3)).astype(np.uint64), Y0),
        (X0, (2**60 * Y0 / 9).astype(np.int64)),
        (sparse.csr_matrix((2**62 + 2**55 * X0).astype(np.int64)), Y0),
    ],
    ids=["2**53", "2**62", "int64 min", "uint64", "y", "sparse"],
)
def test_integers_beyond_2_53_are_fitted_right_with_a_warning(X, y):
    with pytest.warns(UserWarning, match=r"integers beyond 2\*\*53"):
        model = GradientDescentRegressor().fit(X, y)
    dense = (X.toarray() if sparse.issparse(X) else X).astype(np.float64)
    truth = exact_least_squares(dense, y.astype(np.float64))
    assert truth.error(model.predict(dense)) <= RIGHT + 8 * truth.rounding()


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_data_give_the_minimum_norm_fit_and_its_rank(name, fit_intercept):
    X, y = DEGENERATE[name]
    # wide data with an offset, or a leverage point, are ill conditioned through the origin; there the fit is compared
    model, truth = assert_right(X, y, fit_intercept=fit_intercept, slopes=fit_intercept or "<" not in name)
    assert model.rank_ == truth.rank
    assert np.isfinite(model.condition_number_)
    if fit_intercept:
        assert (np.atleast_2d(model.coef_)[:, X.max(axis=0) == X.min(axis=0)] == 0.0).all()


def test_a_duplicate_column_beside_leverage_is_not_taken_for_a_direction():
    X = np.array([[73.09122157799962], [1221902537847.4028]]) * [-2.0, 1.0]
    y = np.array([[-0.34880164710516076, 0.14478103785899438], [-1.0984243404420817, 1.152583875650461]])
    model, truth = assert_right(X, y, np.array([162.72203450014706, 0.042075109235146325]), fit_intercept=False)
    assert model.rank_ == truth.rank == 1


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("value", [1e-300, 1e-170, 1e-160, 1e160, 1e300])
def test_a_single_constant_feature_of_any_size_is_fitted_right_without_an_intercept(value, n):
    assert_right(np.full((n, 1), value), np.arange(1.0, n + 1), fit_intercept=False)


def test_a_constant_column_of_1e300_is_fitted_right_or_refused_with_advice_that_helps():
    X = with_columns(X0, np.full(N, 1e300))
    assert_right(X, Y0)
    try:
        assert_right(X, Y0, fit_intercept=False)
    except ValueError as error:  # standard scaling is in use already
        assert "scaling=None" not in str(error)  # noqa: PT017


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("name", NEARLY)
def test_nearly_collinear_data_are_fitted_right_and_their_condition_reported(name, fit_intercept):
    X, y = NEARLY[name]
    model, _ = assert_right(X, y, fit_intercept=fit_intercept, slopes=False)
    assert 1e8 < model.condition_number_ < np.inf


@pytest.mark.parametrize("scaling", ["standard", "minmax", "maxabs"])
@pytest.mark.parametrize("name", WIDE_OFFSETS)
def test_rows_fewer_than_columns_with_offsets_are_fitted_right_without_an_intercept(name, scaling):
    # the coordinates of standard and minmax divide by a spread that is far smaller than the offset
    assert_right(*WIDE_OFFSETS[name], fit_intercept=False, slopes=False, scaling=scaling)


def test_no_float64_answer_is_refused():
    X, y = plain()
    for A, b in [(X * 1e-300, y * 1e300), (X * 1e-310, y * 1e10)]:
        with pytest.raises(ValueError, match="exceed what float64 holds"):
            GradientDescentRegressor().fit(A, b)


@pytest.mark.parametrize(("size", "unit"), [(1e200, 1e-200), (1e300, 1e-300), (1e300, 1e-10)])
def test_coefficients_below_float64_are_not_silently_zero(size, unit):
    X, y = plain()
    truth = exact_least_squares(X * size, y * unit)
    try:
        model = GradientDescentRegressor().fit(X * size, y * unit)
    except ValueError as error:
        assert "float64" in str(error)  # noqa: PT017
    else:
        assert truth.error(model.predict(X * size)) <= 1e-6


@pytest.mark.parametrize("solver", ["spectral", "loop", "auto"])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("shape", [(24, 3), (6, 10), (60, 40)])
@pytest.mark.parametrize("power", [-1000, -450, 300, 450, 1000])
def test_a_few_steps_do_not_depend_on_the_units_of_X(power, shape, fit_intercept, solver):
    X, y = plain(*shape)
    settings = {"learning_rate": 0.01, "max_iter": 3, "fit_intercept": fit_intercept, "solver": solver}
    one = GradientDescentRegressor(**settings).fit(X, y)
    other = GradientDescentRegressor(**settings).fit(np.ldexp(X, power), np.ldexp(y, power // 2))
    assert np.array_equal(np.ldexp(other.coef_, power - power // 2), one.coef_)


STEPPED = {
    "plain": lambda X: X,
    "X + 1e8": lambda X: X + 1e8,
    "one column + 1e12": lambda X: X + 1e12 * (np.arange(X.shape[1]) == 1),
    "columns of size 1e-8, 1, 1e8": lambda X: X * 1e8 ** (np.arange(X.shape[1]) % 3 - 1.0),
    "one column * 1e160": lambda X: X * np.where(np.arange(X.shape[1]) == 1, 1e160, 1.0),
    "X * 1e200": lambda X: X * 1e200,
    "X * 1e-200": lambda X: X * 1e-200,
    "a constant column": lambda X: np.where(np.arange(X.shape[1]) == 1, 7.3, X),
    "leverage 1e10": lambda X: with_entries(X.copy(), 1e10, (3, 1)),
}


@pytest.mark.parametrize("settings", [{}, {"solver": "spectral"}, {"solver": "loop"}], ids=["auto", "spectral", "loop"])
@pytest.mark.parametrize("shape", [(24, 3), (6, 10), (60, 40)])
@pytest.mark.parametrize("kind", ["dense", "csr", "csc"])
@pytest.mark.parametrize("name", STEPPED)
def test_a_few_steps_on_extreme_data_are_those_of_the_textbook(name, kind, shape, settings):
    X, y = plain(*shape)
    X = STEPPED[name](X)
    # the reference works in ordinary units, around the first row: neither changes a model with an intercept
    unit = 2.0 ** np.floor(np.log2(np.abs(X).max(axis=0)))
    Z, shift, scale = scaled(X / unit - X[0] / unit, "standard")
    theta, _ = numpy_loop(Z, y, 0.004, 4)
    slopes, _ = original_units(theta, shift, scale)
    matrix = {"dense": np.array, "csr": sparse.csr_matrix, "csc": sparse.csc_matrix}[kind](X)
    model = GradientDescentRegressor(0.004, max_iter=4, **settings).fit(matrix, y)
    # an offset of 1e8 or 1e12 leaves the data with about 8 or 4 digits less, and no more may be lost
    tolerance = {"X + 1e8": 1e-7, "one column + 1e12": 1e-3}.get(name, 1e-11)
    np.testing.assert_allclose(model.coef_ * unit * scale, slopes[:, 0] * scale, rtol=tolerance, atol=tolerance)


# ---------------------------------------------------------------------------------------------------------------------
# Weights
# ---------------------------------------------------------------------------------------------------------------------

ONES = np.ones(N)
FEW = np.where(np.arange(N) < 2, 3.0, 0.0)
UNEVEN = np.random.default_rng(3).uniform(0.1, 3.0, N)
OUTLIER = np.where(np.arange(N) == 4, 0.0, 1.0)

WEIGHTED = {
    "uneven": (X0, Y0, UNEVEN),
    "integers": (X0, Y0, np.arange(N) % 4),
    "bool": (X0, Y0, np.arange(N) % 3 > 0),
    "float32": (X0, Y0, UNEVEN.astype(np.float32)),
    "zero on an outlier of 1e10": (with_entries(X0.copy(), 1e10, 4), with_entries(Y0.copy(), -1e10, 4), OUTLIER),
    "zero on an outlier of 1e300": (with_entries(X0.copy(), 1e300, 4), with_entries(Y0.copy(), -1e300, 4), OUTLIER),
    "zero on the first and last rows": (X0, Y0, with_entries(UNEVEN.copy(), 0.0, 0, 1, -1)),
    "one nonzero": (X0, Y0, with_entries(np.zeros(N), 0.3, 7)),
    "two nonzero": (X0, Y0, FEW),
    "one nonzero, 1e-300": (X0, Y0, with_entries(np.zeros(N), 1e-300, 7)),
    "as many nonzero as features": (X0, Y0, np.where(np.arange(N) % 8 == 0, 0.7, 0.0)),
    "* 1e300": (X0, Y0, UNEVEN * 1e300),
    "* 1e-300": (X0, Y0, UNEVEN * 1e-300),
    "subnormal": (X0, Y0, UNEVEN * 1e-310),
    "a sum beyond float64": (X0, Y0, UNEVEN / 3.0 * MAX),
    "from 1e-3 to 1e3": (X0, Y0, np.geomspace(1e-3, 1e3, N)),
    "one of 1e6": (X0, Y0, with_entries(ONES.copy(), 1e6, 5)),
    "one of 1e9 in the first row": (X0, Y0, with_entries(ONES.copy(), 1e9, 0)),
    "two of 1e9": (X0, Y0, with_entries(ONES.copy(), 1e9, 5, 6)),
    "one of 1e12": (X0, Y0, with_entries(ONES.copy(), 1e12, 5)),
    "1e-300 beside 1e300": (X0, Y0, np.where(np.arange(N) % 5 == 0, 1e-300, 1e300)),
    "rows < columns": (*plain(6, 10), UNEVEN[:6]),
    "rows < columns, zero on an outlier": (
        with_entries(plain(6, 10)[0], 1e300, 1),
        with_entries(plain(6, 10)[1], 1e300, 1),
        with_entries(UNEVEN[:6].copy(), 0.0, 1),
    ),
    "rows < columns, one nonzero": (*plain(6, 10), with_entries(np.zeros(6), 2.0, 3)),
    "rows < columns, * 1e300": (*plain(6, 10), UNEVEN[:6] * 1e300),
}


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("name", WEIGHTED)
def test_weights_are_taken_at_their_ratios(name, fit_intercept):
    X, y, weights = WEIGHTED[name]
    # a weight below 1e-308 of the largest is no weight in float64
    truth_weights = np.where(weights < 1e-308 * weights.max(), 0.0, weights)
    model = GradientDescentRegressor(fit_intercept=fit_intercept).fit(X, y, sample_weight=weights)
    truth = exact_least_squares(X, y, truth_weights, fit_intercept)
    with np.errstate(over="ignore", invalid="ignore"):  # rows of weight 0 may lie at 1e300
        prediction = model.predict(X)
    assert truth.error(prediction) <= RIGHT + 8 * truth.rounding()
    assert truth.slope_error(model.coef_) <= RIGHT


@pytest.mark.parametrize("scaling", ["standard", "minmax", "maxabs", None])
@pytest.mark.parametrize("settings", [{}, {"learning_rate": 0.1, "max_iter": 5}, {"solver": "loop", "tol": 1e-3}])
@pytest.mark.parametrize("shape", [(24, 3), (6, 10)])
def test_a_row_of_weight_zero_is_as_if_it_were_not_there(shape, settings, scaling):
    X, y = plain(*shape)
    keep = np.arange(len(y)) % 4 != 1
    X[~keep], y[~keep] = X[~keep] * 1e4 - 7e5, 1e6
    model = GradientDescentRegressor(scaling=scaling, **settings).fit(X, y, sample_weight=keep.astype(float))
    without = GradientDescentRegressor(scaling=scaling, **settings).fit(X[keep], y[keep])
    # the same rows summed in another order
    np.testing.assert_allclose(model.coef_, without.coef_, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(model.feature_scale_, without.feature_scale_, rtol=1e-13)


@pytest.mark.parametrize("scaling", ["standard", "minmax", "maxabs", None])
@pytest.mark.parametrize("settings", [{}, {"learning_rate": 0.1, "max_iter": 5}, {"solver": "loop", "tol": 1e-3}])
@pytest.mark.parametrize("shape", [(24, 3), (6, 10)])
def test_a_row_of_weight_k_is_as_k_rows(shape, settings, scaling):
    X, y = plain(*shape)
    k = 1 + np.arange(len(y)) % 3
    model = GradientDescentRegressor(scaling=scaling, **settings).fit(X, y, sample_weight=k)
    repeated = GradientDescentRegressor(scaling=scaling, **settings).fit(np.repeat(X, k, axis=0), np.repeat(y, k))
    np.testing.assert_allclose(model.coef_, repeated.coef_, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(model.intercept_, repeated.intercept_, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(model.loss_, repeated.loss_, rtol=1e-12, atol=1e-12)


BAD_WEIGHTS = {
    "negative": -ONES,
    "one negative": with_entries(ONES.copy(), -1e-300, 3),
    "NaN": with_entries(ONES.copy(), np.nan, 3),
    "inf": with_entries(ONES.copy(), np.inf, 3),
    "all zero": 0 * ONES,
    "too short": ONES[1:],
    "too long": np.ones(N + 1),
    "empty": ONES[:0],
    "2-D": ONES[:, None],
    "1 x N": ONES[None],
    "strings": ["1"] * N,
    "a string": "balanced",
    "None inside": [1.0, None] * (N // 2),
    "complex": ONES + 0j,
    "masked": np.ma.masked_array(ONES, np.arange(N) == 2),
    "sparse": sparse.csr_matrix(ONES),
    "scalar zero": 0.0,
    "scalar negative": -1.0,
    "scalar NaN": np.nan,
    "dict": {"a": 1},
    "ragged": [[1.0], [1.0, 2.0]],
}


@pytest.mark.parametrize("name", BAD_WEIGHTS)
def test_bad_weights_are_refused_by_name(name):
    model = GradientDescentRegressor()
    with pytest.raises((ValueError, TypeError), match=r"sample_weight|[Ss]ample weights"):
        model.fit(X0, Y0, sample_weight=BAD_WEIGHTS[name])
    assert not hasattr(model, "n_features_in_")


# ---------------------------------------------------------------------------------------------------------------------
# Refused X and y
# ---------------------------------------------------------------------------------------------------------------------


def nonfinite(value, *, sparse_format=None, in_y=False):
    X, y = plain()
    if in_y:
        return X, with_entries(y, value, 3)
    X = with_entries(X, value, (3, 1))
    return (sparse_format(X) if sparse_format else X), y


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
        with pytest.raises(ValueError, match="infinity"):
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
    "3-D": (X0[:, :, None], "array with dim 3, while dim <= 2 is required"),
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
    "3-D": (np.ones((N, 1, 1)), "array with dim 3, while dim <= 2 is required"),
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
    with pytest.raises(ValueError, match="NaN"):
        GradientDescentRegressor().fit(frame, Y0)


# ---------------------------------------------------------------------------------------------------------------------
# Memory: any layout, and the caller's arrays stay the caller's
# ---------------------------------------------------------------------------------------------------------------------


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

WAYS = [
    {},
    {"learning_rate": 0.1, "max_iter": 3},
    {"solver": "loop", "max_iter": 20},
    {"scaling": "minmax"},
    {"scaling": None, "fit_intercept": False},
]


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


# ---------------------------------------------------------------------------------------------------------------------
# Sparse
# ---------------------------------------------------------------------------------------------------------------------


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
    tracemalloc.start()
    try:
        model = GradientDescentRegressor().fit(X, y)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
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


# ---------------------------------------------------------------------------------------------------------------------
# Parameters
# ---------------------------------------------------------------------------------------------------------------------

NUMBERS = [0, -1, -0.5, np.nan, np.inf, -np.inf, 10**400, True, 1j, np.array([0.1, 0.2]), [0.1], b"auto"]
BAD_PARAMETERS = [
    *(("learning_rate", value) for value in [*NUMBERS, None, "fast", "AUTO", np.zeros(0), {"eta": 1}]),
    *(("momentum", value) for value in [1, 1.5, *NUMBERS[1:], None, "fast"]),
    *(("max_iter", value) for value in [*NUMBERS[:6], *NUMBERS[7:], 1.5, 10.0, "fast", "auto"]),
    *(("tol", value) for value in [*NUMBERS, "fast", "auto"]),
    *(("nesterov", value) for value in [0, 1, None, "yes", np.nan, 1.5]),
    *(("fit_intercept", value) for value in [0, 1, None, "yes", np.nan, 1.5]),
    *(("check_gradient", value) for value in [0, 1, None, "yes", np.nan]),
    *(("warm_start", value) for value in [0, 1, None, "yes", np.nan]),
    *(("scaling", value) for value in ["Standard", "robust", "none", True, 1, np.nan, ["standard"], np.array([1, 2])]),
    *(("solver", value) for value in ["Loop", "lbfgs", None, True, 1, ["loop"], np.nan]),
    *(("random_state", value) for value in ["seed", -1, 1.5, [1], np.nan]),
    *(("verbose", value) for value in ["loud", -1, 1.5, None, np.nan]),
]


@pytest.mark.parametrize(("name", "value"), BAD_PARAMETERS, ids=lambda value: str(value)[:24])
def test_bad_parameters_are_refused_by_name_in_fit_only(name, value):
    model = GradientDescentRegressor(**{name: value})
    assert getattr(model, name) is value
    before = state(model)
    for call in (lambda: model.fit(X0, Y0), lambda: model.fit_moments(Moments.from_data(X0, Y0))):
        with pytest.raises((ValueError, TypeError), match=f"'{name}' parameter of GradientDescentRegressor"):
            call()
    assert state(model) == before


@pytest.mark.parametrize("name", ["learning_rate", "momentum", "max_iter", "scaling", "solver"])
def test_refusals_of_parameters_say_the_value(name):
    with pytest.raises(ValueError, match="'fast'"):
        GradientDescentRegressor(**{name: "fast"}).fit(X0, Y0)


@pytest.mark.parametrize("value", [0.01, np.float32(0.01), np.float64(0.01), 1e-300])
def test_numbers_of_any_real_type_are_learning_rates(value):
    model = GradientDescentRegressor(value, max_iter=np.int32(3)).fit(X0, Y0)
    assert model.learning_rate_ == float(value)
    assert model.n_iter_ == 3


@pytest.mark.parametrize(
    "value", [0, -1, np.nan, np.inf, None, "fast", 1j, True, np.ones(2), 10**400], ids=lambda value: str(value)[:24]
)
def test_bad_numbers_from_a_learning_rate_function_are_refused(value):
    model = GradientDescentRegressor(lambda k: 0.1 if k < 3 else value, max_iter=10)
    with pytest.raises((ValueError, TypeError), match=r"'learning_rate' callable returned .* step 3"):
        model.fit(X0, Y0)
    assert not hasattr(model, "n_features_in_")


@pytest.mark.parametrize("max_iter", [10**15, 10**30, 2**63, 10**400], ids=["1e15", "1e30", "2**63", "1e400"])
@pytest.mark.parametrize("momentum", ["auto", 0.9])
@pytest.mark.parametrize("shape", [(24, 3), (6, 10)])
def test_any_number_of_steps_is_taken_at_once(max_iter, momentum, shape):
    X, y = plain(*shape)
    model = GradientDescentRegressor(0.01, momentum=momentum, max_iter=max_iter).fit(X, y)
    truth = exact_least_squares(X, y)
    assert truth.error(model.predict(X)) <= RIGHT
    assert model.n_iter_ == max_iter
    assert model.loss_curve_iterations_[-1] == max_iter


@pytest.mark.parametrize("solver", ["spectral", "loop"])
@pytest.mark.parametrize("rate", [1e3, 1e200])
def test_a_learning_rate_that_is_too_large_is_never_silent(rate, solver):
    pd = pytest.importorskip("pandas")
    X, y = pd.DataFrame(X0, columns=["a", "b", "c"]), Y0
    message = r"learning rate .*largest stable rate is .*feature of largest scale is '[abc]'.*learning_rate=\"auto\""
    model = GradientDescentRegressor(rate, solver=solver)
    with pytest.raises(DivergenceError, match=message):
        model.fit(X, y)
    with pytest.raises(DivergenceError, match=message):
        model.set_params(tol=1e-3).fit(X, y)
    with pytest.raises(DivergenceError, match=message):
        model.set_params(max_iter=10_000).fit(X, y)
    if rate < 1e100:
        with pytest.warns(ConvergenceWarning, match=message):
            model.set_params(max_iter=3, tol=None).fit(X, y)


# ---------------------------------------------------------------------------------------------------------------------
# A fit that fails or is interrupted leaves the earlier one
# ---------------------------------------------------------------------------------------------------------------------


def fail_in_the_loop(k):
    if k == 7:
        raise RuntimeError("no more")
    return 0.01


FAILURES = {
    "NaN in X": ({}, (nonfinite(np.nan)), ValueError, "Input X contains NaN"),
    "y too short": ({}, (X0, Y0[1:]), ValueError, "inconsistent numbers of samples"),
    "weights refused": ({}, (X0[:, :2], Y0, -ONES), ValueError, "Negative values in sample_weight"),
    "parameter refused": ({"tol": -1}, (X0, Y0), ValueError, "'tol' parameter"),
    "divergence": (
        {"learning_rate": 1e3},
        (X0[:, :2], Y0),
        DivergenceError,
        "with learning rate 1000 does not converge",
    ),
    "divergence in the loop": (
        {"learning_rate": 1e3, "solver": "loop", "max_iter": 500},
        (X0, Y0),
        DivergenceError,
        "made J infinite after",
    ),
    "a callable that raises": ({"learning_rate": fail_in_the_loop}, (X0[:, :2], Y0), RuntimeError, "^no more$"),
    "no float64 answer": ({}, (X0[:, :2] * 1e-300, Y0 * 1e300), ValueError, "coefficients exceed what float64 holds"),
    "spectral with a schedule": (
        {"learning_rate": fail_in_the_loop, "solver": "spectral"},
        (X0, Y0),
        ValueError,
        "needs a constant learning rate",
    ),
    "another width with warm_start": (
        {"warm_start": True},
        (X0[:, :2], Y0),
        ValueError,
        "needs the shape of the earlier fit",
    ),
    "another number of targets with warm_start": (
        {"warm_start": True},
        (X0, TWO),
        ValueError,
        "needs the shape of the earlier fit",
    ),
    "overflow without scaling": (
        {"scaling": None},
        (X0[:, :2] * 1e200, Y0),
        ValueError,
        "squares of the features overflow float64",
    ),
}


@pytest.mark.parametrize("first", ["DataFrame", "array"])
@pytest.mark.parametrize("name", FAILURES)
def test_a_second_fit_that_fails_leaves_the_first_bit_for_bit(name, first):
    pd = pytest.importorskip("pandas")
    settings, data, error, words = FAILURES[name]
    X = pd.DataFrame(X0, columns=["a", "b", "c"]) if first == "DataFrame" else X0
    model = GradientDescentRegressor(check_gradient=True, random_state=0).fit(X, Y0)
    model.set_params(**settings)
    before, arrays = state(model), dict(vars(model))
    prediction = model.predict(X)
    with pytest.raises(error, match=words):
        model.fit(*data)
    assert state(model) == before
    assert all(vars(model)[key] is value for key, value in arrays.items())
    assert model.predict(X).tobytes() == prediction.tobytes()


def test_a_failed_gradient_check_leaves_the_earlier_fit(monkeypatch):
    model = GradientDescentRegressor(check_gradient=True).fit(X0, Y0)
    before = state(model)
    right = gdlearn._spectrum.modes_of_matrix

    def wrong(*args):
        modes = right(*args)
        return dataclasses.replace(modes, optimum=1.01 * modes.optimum + 1e-3)

    monkeypatch.setattr("gdlearn._spectrum.modes_of_matrix", wrong)
    with pytest.raises(GradientCheckError, match="Worst at coordinate"):
        model.fit(X0[:, :2], Y0)
    assert state(model) == before


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError])
def test_an_interrupted_fit_leaves_the_earlier_one(error):
    def interrupt(k):
        if k == 5:
            raise error
        return 0.01

    model = GradientDescentRegressor().fit(X0, Y0)
    before = state(model)
    model.set_params(learning_rate=interrupt)
    with pytest.raises(error):
        model.fit(X0[:, :2], 2 * Y0)
    model.set_params(learning_rate="auto")
    assert state(model) == before


def test_an_interrupt_at_the_very_end_leaves_the_earlier_fit(monkeypatch):
    model = GradientDescentRegressor()
    model.fit(X0, Y0)
    before = state(model)

    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(Data, "shaped", interrupted)  # when half of the attributes are set
    with pytest.raises(KeyboardInterrupt):
        model.fit(X0[:, :2], 2 * Y0)
    assert state(model) == before


def test_a_long_loop_is_interrupted_and_leaves_the_earlier_fit():
    X, y = plain(2000, 50)
    model = GradientDescentRegressor().fit(X, y)
    before = state(model)
    model.set_params(learning_rate=1e-9, solver="loop", max_iter=10**9)  # for hours
    timer = threading.Timer(0.2, _thread.interrupt_main)

    def fit():
        timer.start()
        model.fit(X, 2 * y)

    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    try:
        with pytest.raises(KeyboardInterrupt):
            fit()
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, handler)
    model.set_params(learning_rate="auto", solver="auto", max_iter=None)
    assert state(model) == before


def test_fit_does_not_change_parameters_and_a_second_fit_forgets_the_first():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X0, columns=["a", "b", "c"])
    model = GradientDescentRegressor(check_gradient=True, random_state=0).fit(frame, Y0)
    parameters = model.get_params()
    model.set_params(check_gradient=False).fit(X0[:, :2], TWO)
    fresh = GradientDescentRegressor(random_state=0).fit(X0[:, :2], TWO)
    assert state(model) == state(fresh) or sorted(vars(model)) == sorted(vars(fresh))
    assert same_fit(model, fresh)
    assert parameters | {"check_gradient": False} == model.get_params()
    assert not hasattr(model, "feature_names_in_")


# ---------------------------------------------------------------------------------------------------------------------
# predict
# ---------------------------------------------------------------------------------------------------------------------


def test_predict_before_fit_is_refused():
    with pytest.raises(NotFittedError, match="not fitted"):
        GradientDescentRegressor().predict(X0)


def test_predict_after_a_failed_first_fit_is_refused():
    model = GradientDescentRegressor()
    with pytest.raises(ValueError, match="NaN"):
        model.fit(*nonfinite(np.nan))
    with pytest.raises(NotFittedError):
        model.predict(X0)


@pytest.mark.parametrize(
    ("X", "words"),
    [
        (X0[:, :2], "X has 2 features, but GradientDescentRegressor is expecting 3"),
        (sparse.csr_matrix(X0[:, :2]), "X has 2 features"),
        (nonfinite(np.nan)[0], "contains NaN"),
        (nonfinite(np.inf)[0], "contains infinity"),
        (X0[:0], "0 sample"),
        (X0[0], "Reshape your data"),
        (X0.astype(str), "strings"),
        (X0 + 1j, "omplex"),
        (np.ma.masked_array(X0, X0 > 1), "masked"),
        (None, "None|scalar|Reshape"),
    ],
    ids=["width", "sparse width", "NaN", "inf", "no rows", "1-D", "strings", "complex", "masked", "None"],
)
def test_predict_refuses_what_fit_has_not_seen(X, words):
    model = GradientDescentRegressor().fit(X0, Y0)
    before = state(model)
    with pytest.raises((ValueError, TypeError), match=words):
        model.predict(X)
    assert state(model) == before


def test_predict_refuses_other_feature_names():
    pd = pytest.importorskip("pandas")
    model = GradientDescentRegressor().fit(pd.DataFrame(X0, columns=["a", "b", "c"]), Y0)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(pd.DataFrame(X0, columns=["a", "b", "z"]))
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(pd.DataFrame(X0, columns=["b", "a", "c"]))
    with pytest.warns(UserWarning, match="valid feature names"):
        model.predict(X0)


@pytest.mark.parametrize("dtype", [np.float16, np.int8, np.uint8, bool, object])
def test_predict_computes_any_dtype_in_float64(dtype):
    model = GradientDescentRegressor().fit(X0, Y0)
    X = np.rint(30 * np.abs(X0)).clip(0, 127).astype(dtype)
    expected = X.astype(np.float64) @ model.coef_ + model.intercept_
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-13)


def test_predict_on_float16_rows_does_not_overflow():
    X = (X0 * 20000).clip(-65504, 65504).astype(np.float16)
    model = GradientDescentRegressor().fit(X, Y0 * 1e6)
    np.testing.assert_allclose(model.predict(X), X.astype(float) @ model.coef_ + model.intercept_, rtol=1e-12)


# ---------------------------------------------------------------------------------------------------------------------
# Pickle, processes, threads
# ---------------------------------------------------------------------------------------------------------------------

PLAIN_TYPES = (int, float, str, bool, type(None), np.ndarray, np.float64, np.float32)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_pickle_is_bit_equal(protocol, dtype):
    model = GradientDescentRegressor().fit(X0.astype(dtype), TWO)
    back = pickle.loads(pickle.dumps(model, protocol))
    assert same_fit(model, back)
    assert state(back) == state(pickle.loads(pickle.dumps(back)))
    assert back.predict(X0).tobytes() == model.predict(X0).tobytes()


@pytest.mark.parametrize("settings", [{}, {"learning_rate": 0.01, "max_iter": 3}, {"solver": "loop", "tol": 1e-2}])
def test_the_fitted_state_is_arrays_numbers_and_strings(settings):
    pd = pytest.importorskip("pandas")
    model = GradientDescentRegressor(**settings).fit(pd.DataFrame(X0, columns=["a", "b", "c"]), Y0)
    for name, value in vars(model).items():
        entries = value if isinstance(value, list) else [value]
        assert all(isinstance(entry, PLAIN_TYPES) for entry in entries), name
        assert not isinstance(value, np.ndarray) or value.dtype.kind in "fiO"


def test_a_truncated_pickle_is_an_error():
    whole = pickle.dumps(GradientDescentRegressor().fit(X0, Y0))
    for part in (whole[: len(whole) // 2], whole[:-1], b""):
        with pytest.raises((pickle.UnpicklingError, EOFError)):
            pickle.loads(part)


@pytest.mark.slow
def test_a_spawned_process_fits_and_predicts_the_same_bits():
    model = GradientDescentRegressor().fit(X0, Y0)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert np.array_equal(pool.submit(model.predict, X0).result(), model.predict(X0))
        assert same_fit(pool.submit(GradientDescentRegressor().fit, X0, Y0).result(), model)


def test_threads_fit_clones_and_predict_with_one_model_identically():
    X, y = plain(3000, 20)
    model = GradientDescentRegressor().fit(X, y)
    with ThreadPoolExecutor(4) as pool:
        fits = list(pool.map(lambda _: clone(model).fit(X, y), range(12)))
        predictions = list(pool.map(lambda _: model.predict(X).tobytes(), range(12)))
    assert all(same_fit(fit, model) for fit in fits)
    assert set(predictions) == {model.predict(X).tobytes()}


# ---------------------------------------------------------------------------------------------------------------------
# Invariances
# ---------------------------------------------------------------------------------------------------------------------

INVARIANT = [
    {},
    {"scaling": "minmax"},
    {"scaling": "maxabs"},
    {"fit_intercept": False},
    {"learning_rate": 0.05, "max_iter": 7},
    {"learning_rate": 0.05, "max_iter": 1000},
    {"solver": "loop", "tol": 1e-4},
    {"learning_rate": "exact", "max_iter": 9},
    {"momentum": 0.5, "learning_rate": 0.05, "max_iter": 7},
]


@pytest.mark.parametrize("settings", INVARIANT, ids=str)
@pytest.mark.parametrize("shape", [(24, 3), (6, 10)])
@pytest.mark.parametrize("power", [-1000, -300, -7, 9, 301, 1000])
def test_powers_of_two_change_no_bit_of_the_scaled_coefficients(power, shape, settings):
    X, y = plain(*shape)
    one = GradientDescentRegressor(**settings).fit(X, y)
    other = GradientDescentRegressor(**settings).fit(np.ldexp(X, power), y)
    assert np.array_equal(np.ldexp(other.coef_, power), one.coef_)
    assert other.intercept_ == one.intercept_
    assert np.array_equal(np.ldexp(other.feature_scale_, -power), one.feature_scale_)
    other = GradientDescentRegressor(**settings).fit(X, np.ldexp(y, power))
    assert np.array_equal(np.ldexp(other.coef_, -power), one.coef_)
    assert np.ldexp(other.intercept_, -power) == one.intercept_
    assert other.n_iter_ == one.n_iter_


@pytest.mark.parametrize("settings", INVARIANT, ids=str)
@pytest.mark.parametrize("shape", [(24, 3), (6, 10)])
@pytest.mark.parametrize("power", [-1040, -7, 9, 1021])
def test_powers_of_two_in_the_weights_change_no_bit(power, shape, settings):
    X, y = plain(*shape)
    weights = np.round(UNEVEN[: len(y)] * 8) / 8  # short enough for subnormals
    one = GradientDescentRegressor(**settings).fit(X, y, sample_weight=weights)
    other = GradientDescentRegressor(**settings).fit(X, y, sample_weight=np.ldexp(weights, power))
    assert same_fit(other, one)


@pytest.mark.parametrize("settings", INVARIANT, ids=str)
@pytest.mark.parametrize("shape", [(600, 5), (6, 10)])
def test_permuted_rows_and_columns_give_the_same_to_rounding(shape, settings):
    X, y = plain(*shape)
    random = np.random.default_rng(8)
    rows, columns = random.permutation(shape[0]), random.permutation(shape[1])
    one = GradientDescentRegressor(**settings).fit(X, y)
    other = GradientDescentRegressor(**settings).fit(X[rows][:, columns], y[rows])
    np.testing.assert_allclose(other.coef_, one.coef_[columns], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(other.intercept_, one.intercept_, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("settings", [s for s in INVARIANT if s.get("fit_intercept", True)], ids=str)
@pytest.mark.parametrize("shape", [(24, 3), (6, 10)])
def test_an_offset_of_1e8_changes_slopes_by_its_rounding_only(shape, settings):
    X, y = plain(*shape)
    moved = X + 1e8 * (np.arange(shape[1]) == 1)
    if settings.get("scaling") == "maxabs":  # in these coordinates an offset is another problem, except at the limit
        moved = X if settings.keys() - {"scaling"} else moved
    one, other = (GradientDescentRegressor(**settings).fit(A, y) for A in (X, moved))
    # 1e8 rounds x to 1.5e-8; minimum-norm fits under maxabs depend on the offset by definition
    if not (settings.get("scaling") == "maxabs" and shape[0] < shape[1]):
        np.testing.assert_allclose(other.coef_, one.coef_, rtol=1e-7, atol=1e-7 * np.abs(one.coef_).max())


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_the_limit_is_that_of_scikit_learn_on_ordinary_data(fit_intercept):
    X, y = plain(300, 12, 2)
    ours = GradientDescentRegressor(fit_intercept=fit_intercept).fit(X, y, sample_weight=np.arange(300.0))
    theirs = LinearRegression(fit_intercept=fit_intercept).fit(X, y, sample_weight=np.arange(300.0))
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-11)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-10, atol=EPS)
