"""Rows of extreme sizes, offsets and ranks are fitted right, as exact rationals have it, or refused in words."""

import numpy as np
import pytest
from exact import exact_least_squares
from samples import DEGENERATE, MAGNITUDES, OFFSETS, RIGHT, X0, Y0, N, plain, with_columns, with_entries
from scipy import sparse
from textbook import numpy_loop, original_units, scaled

from gdlearn import GradientDescentRegressor

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


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_a_huge_or_tiny_target_may_have_zeros(size):
    x = np.random.default_rng(0).standard_normal(20)
    y = np.where(np.arange(20) % 3 == 0, 0.0, x)
    np.testing.assert_allclose(
        GradientDescentRegressor().fit(x[:, None], size * y).coef_ / size,
        GradientDescentRegressor().fit(x[:, None], y).coef_,
        rtol=1e-12,
    )


@pytest.mark.parametrize("shape", [(5, 2), (5, 90)])
def test_where_nothing_moves_every_rate_is_stable(shape):
    model = GradientDescentRegressor(fit_intercept=False).fit(np.zeros(shape), np.ones(5))
    assert model.max_stable_learning_rate_ == np.inf
