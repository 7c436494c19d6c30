"""Where the descent converges to: nearest to its start, to the digit, and taken for reached neither early nor late."""

import operator
import warnings
from fractions import Fraction
from functools import reduce

import numpy as np
import pytest
from exact import exact_least_squares
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression

from gdlearn import GradientDescentRegressor, Moments, gradient_descent_path

SCALINGS = [None, "standard", "minmax", "maxabs"]
EPS = np.finfo(float).eps


def collinear(n=30, d=6, seed=0):
    """Two directions that no row tells apart from others, and a constant feature."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) + 1
    X[:, 1], X[:, 2] = 2 * X[:, 0] + 1, 3.0
    return X, rng.normal(size=n) + 2, rng


def in_coordinates(model, coef, intercept):
    slopes = coef * model.feature_scale_
    return np.append(intercept + coef @ model.feature_shift_, slopes) if model.fit_intercept else slopes


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("shape", [(30, 6), (7, 20), (9, 90)])
def test_a_warm_start_descends_to_the_solution_nearest_to_it(scaling, fit_intercept, shape):
    X, y, rng = collinear(*shape)
    coef, intercept = 3 * rng.normal(size=shape[1]), 1.5 * fit_intercept
    start = np.append(intercept, coef) if fit_intercept else coef
    model = GradientDescentRegressor(scaling=scaling, fit_intercept=fit_intercept, init=start).fit(X, y)
    Z = (X - model.feature_shift_) / model.feature_scale_
    Z = np.column_stack([np.ones(len(Z)), Z]) if fit_intercept else Z
    begin = in_coordinates(model, coef, intercept)
    nearest = begin + np.linalg.pinv(Z, rcond=1e-12) @ (y - Z @ begin)
    found = in_coordinates(model, model.coef_, model.intercept_)
    assert_allclose(found, nearest, rtol=0, atol=1e-10 * np.abs(nearest).max())
    if (Z[:, fit_intercept + 2] == 0).all():  # a feature that is zero there moves nothing
        assert model.coef_[2] == coef[2] / model.feature_scale_[2] * model.feature_scale_[2]


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("rows", [True, False])
def test_a_start_at_a_solution_stays_there(scaling, rows):
    X, _, rng = collinear()
    coef = np.round(4 * rng.normal(size=6))
    X = np.round(16 * X) / 16
    X[:, 1] = 2 * X[:, 0] + 1
    y = X @ coef + 2.0  # without rounding
    model = GradientDescentRegressor(scaling=scaling, init=np.append(2.0, coef))
    model = model.fit(X, y) if rows else model.fit_moments(Moments.from_data(X, y, root=True))
    assert_allclose(np.append(model.intercept_, model.coef_), np.append(2.0, coef), rtol=0, atol=1e-12)


def halving(t=1):
    """y = 2x without noise, and the rate at which each step halves what is left: θ_k = 2(1 − 2⁻ᵏ)."""
    x = np.array([1.0, -1.0, 1.0, -1.0])  # λ = 1, and h = 2ηλ = 1/2
    options = {"learning_rate": 0.25, "scaling": None, "fit_intercept": False}
    return x[:, None], 2 * x if t == 1 else np.outer(x, [2.0, -4.0]), options


@pytest.mark.parametrize("k", [1, 30, 40, 45, 50, 52])
@pytest.mark.parametrize("solver", ["spectral", "loop"])
def test_a_descent_that_has_not_arrived_is_not_at_its_limit(k, solver):
    X, y, options = halving()
    model = GradientDescentRegressor(max_iter=k, solver=solver, **options).fit(X, y)
    assert model.coef_[0] == 2 * (1 - 2.0**-k)
    assert model.loss_ == pytest.approx(4.0 * 4.0**-k, rel=1e-12)
    _, coefs, _, losses = gradient_descent_path(X, y, iterations=[k], solver=solver, **options)
    assert coefs[0, 0] == 2 * (1 - 2.0**-k)
    assert losses[0] == pytest.approx(4.0 * 4.0**-k, rel=1e-12)


def test_the_limit_is_counted_to_the_step_at_which_rounding_hides_what_is_left():
    X, y, options = halving()
    for t in (1, 2):
        X, y, options = halving(t)
        for rate, left in ((0.24, 0.52), (0.0625, 0.875), (0.01, 0.98), (0.7, -0.4)):
            model = GradientDescentRegressor(**(options | {"learning_rate": rate})).fit(X, y)
            assert model.n_iter_ == int(np.ceil(np.log(EPS) / np.log(abs(left))))  # ε of the rms of y is left
            assert model.coef_.ravel()[0] == 2.0


@pytest.mark.parametrize("k", [20, 60, 100, 140])
def test_a_weak_mode_still_moves_where_the_strong_ones_have_long_arrived(k):
    # λ = 1 and 1/16: at η = 1/2 the strong mode is there after one step, and 15/16 of the weak one is left after each.
    mpmath = pytest.importorskip("mpmath")
    X = np.array([[1.0, 0.25], [1.0, -0.25], [-1.0, 0.25], [-1.0, -0.25]])
    y = X @ [1.0, 1.0]
    options = {"learning_rate": 0.5, "scaling": None, "fit_intercept": False}
    model = GradientDescentRegressor(max_iter=k, **options).fit(X, y)
    with mpmath.workdps(40):
        expected = float(1 - (mpmath.mpf(15) / 16) ** k)
    assert_allclose(model.coef_, [1.0, expected], rtol=4 * EPS)
    late = int(np.ceil(np.log(EPS) / np.log(0.9375)))
    whole = GradientDescentRegressor(**options).fit(X, y)
    # The fit shows a quarter of the weak coefficient, and the root mean square of y is √(1 + 1/16).
    assert late - 25 < whole.n_iter_ < late
    assert_allclose(whole.coef_, [1.0, 1.0], rtol=2 * EPS)


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("size", [1e-13, 3e-13, 1e-12])
def test_a_direction_that_float64_resolves_is_descended_along(scaling, size):
    # x₂ is x₁ but for a part that float64 rounds to a thousandth or less of it, and y is that part.
    rng = np.random.default_rng(1)
    x, u = rng.normal(size=(2, 40))
    X = np.column_stack([x, x + size * u])
    y = x + u
    model = GradientDescentRegressor(scaling=scaling).fit(X, y)
    assert model.rank_ == 2
    exact = exact_least_squares(X, y)
    assert exact.error(model.predict(X)) < 50 * exact.rounding()
    assert model.score(X, y) > 1 - 100 * (EPS / size) ** 2


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("n", [25, 400])
def test_a_copy_in_other_units_is_no_direction(scaling, fit_intercept, n):
    rng = np.random.default_rng(n)
    for d in (2, 12):
        X = rng.normal(size=(n, d))
        X = np.column_stack([X, 3.7 * X[:, 0], 1e5 * X[:, 1] + 7.0 * fit_intercept])
        y = rng.normal(size=n)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model = GradientDescentRegressor(scaling=scaling, fit_intercept=fit_intercept).fit(X, y)
        assert model.rank_ == d
        whole = np.column_stack([X[:, :d], np.ones(n)]) if fit_intercept else X[:, :d]
        fitted = whole @ np.linalg.lstsq(whole, y, rcond=None)[0]
        assert_allclose(model.predict(X), fitted, rtol=0, atol=1e-11)


@pytest.mark.parametrize(("ratio", "rank"), [(30.0, 2), (1 / 30.0, 1)])
def test_moments_alone_tell_directions_apart_as_far_as_their_squares_do(ratio, rank):
    # A 2×2 matrix of n rows is known to ε(32 + 2√n) of its largest eigenvalue, about 2.
    n = 100
    x, u = np.ones(n), np.ones(n)
    x[::2], u[1::4], u[2::4] = -1.0, -1.0, -1.0
    size = np.sqrt(ratio * EPS * (32 + 2 * np.sqrt(n)) * 4)
    X = np.column_stack([x, x + size * u])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # that the rows would say more
        model = GradientDescentRegressor().fit_moments(Moments.from_data(X, x + u))
    assert model.rank_ == rank


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("near", [False, True])
@pytest.mark.parametrize("n_constant", [1, 3])
def test_the_coefficient_of_a_constant_feature_is_exactly_zero_beside_many_others(
    scaling, fit_intercept, near, n_constant
):
    rng = np.random.default_rng(7)
    for d in (12, 25):
        X = rng.normal(size=(300, d))
        places = [3, 7, d - 1][:n_constant]
        zero = scaling in (None, "maxabs") or not fit_intercept  # there only a feature of zeros does not move
        X[:, places] = 0.0 if zero else [0.1, -7e5, 1 / 3][:n_constant]
        if near:  # so that squares lose a direction, and the rows are factorised
            X[:, 1] = X[:, 0] + 1e-9 * X[:, 1]
        y = X @ rng.normal(size=d) + rng.normal(size=300)
        for options in ({}, {"max_iter": 5}, {"learning_rate": 0.01, "max_iter": 1000}):
            model = GradientDescentRegressor(scaling=scaling, fit_intercept=fit_intercept, **options).fit(X, y)
            assert model.coef_[places].tolist() == [0.0] * n_constant
            assert np.count_nonzero(model.coef_) == d - n_constant
        moments = Moments.from_data(X, y, root=near)
        model = GradientDescentRegressor(scaling=scaling, fit_intercept=fit_intercept).fit_moments(moments)
        assert model.coef_[places].tolist() == [0.0] * n_constant


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("noise", [0.0, 1e-6, 1.0])
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_the_last_digits_are_those_of_exact_arithmetic(scaling, noise, offset):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(25, 4)) @ np.diag([1.0, 1e3, 1e-3, 1.0])
    X[:, 3] = X[:, 0] + 1e-3 * X[:, 3]
    X = X + offset * np.array([1.0, 1e3, 1e-3, 1.0])
    y = X @ [1.0, 1e-3, 1e3, -1.0] + noise * rng.normal(size=25)
    exact = exact_least_squares(X, y)
    model = GradientDescentRegressor(scaling=scaling).fit(X, y)
    truth = exact.coef[:, 0].astype(float)
    # Beside an offset of 10⁶ deviations the features themselves hold six digits less.
    digits = 1e-13 if offset == 0.0 else 1e-8
    assert_allclose(model.coef_, truth, rtol=digits)
    least = sum((Fraction(value) - fitted) ** 2 for value, fitted in zip(y.tolist(), exact.fitted[:, 0], strict=True))
    assert model.loss_ == pytest.approx(float(least / len(y)), rel=1e-6, abs=4 * (EPS * np.abs(y).max()) ** 2)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_weights_count_in_the_last_digits_too(fit_intercept):
    rng = np.random.default_rng(4)
    X = rng.normal(loc=[0.0, 50.0, 0.0], size=(30, 3))
    X[:, 2] = X[:, 0] + 1e-5 * X[:, 2]
    y, w = X @ [1.0, 2.0, 3.0] + rng.normal(size=30), rng.integers(0, 4, 30).astype(float)
    exact = exact_least_squares(X, y, w, fit_intercept)
    model = GradientDescentRegressor(fit_intercept=fit_intercept).fit(X, y, w)
    assert_allclose(model.coef_, exact.coef[:, 0].astype(float), rtol=1e-13)
    if fit_intercept:
        assert model.intercept_ == pytest.approx(float(exact.intercept[0]), rel=1e-12)


@pytest.mark.parametrize("unit", [2.0**-40, 1.0, 2.0**40])
def test_a_direction_is_judged_by_all_targets_each_in_its_own_units(unit):
    # Seconds and days far from zero: float64 holds little of what tells them apart. One target needs that, the other
    # does not; in whatever units they come, the direction must be judged alike.
    rng = np.random.default_rng(8)
    days = 2.0**14 + np.round(1024 * rng.uniform(0, 900, 60)) / 1024
    seconds = np.round(86_400 * days + rng.normal(size=60) * 1e-3, 3)
    X = np.column_stack([days, seconds])
    y = np.column_stack([days + rng.normal(size=60), seconds - 86_400 * days])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        plain = GradientDescentRegressor().fit(X, y)
        model = GradientDescentRegressor().fit(X, y * [1.0, unit])
    assert model.rank_ == plain.rank_
    assert_allclose(model.predict(X) / [1.0, unit], plain.predict(X), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("offset", [1e4, 1e5, 1e6])
def test_an_intercept_has_its_own_digits_where_it_is_a_difference_of_large_terms(scaling, offset):
    """Slope and mean are well known, and their product is so large that its rounding is more than the intercept's."""
    for seed in range(6):
        rng = np.random.default_rng(seed)
        x = rng.integers(0, 1000, 40) / 8.0 + offset
        y = 2.0 * x + rng.integers(-800, 801, 40) / 8.0
        y += 8.0 * np.rint(-float(exact_least_squares(x[:, None], y).intercept[0]) / 8.0)
        exact = exact_least_squares(x[:, None], y)
        model = GradientDescentRegressor(scaling=scaling).fit(x[:, None], y)
        assert abs(float(exact.intercept[0])) < 1e-3 * offset
        assert_allclose(model.intercept_, float(exact.intercept[0]), rtol=4 * EPS, atol=1e-16)


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("far", [0.0, 1.0, 30.0])
def test_fewer_rows_than_columns_too_many_to_factorise(scaling, far, monkeypatch):
    """Then the kernel's modes are all there is, and the residuals of its solution correct what it has rounded."""
    monkeypatch.setattr("gdlearn._spectrum.LARGEST_FACTOR", 0)
    rng = np.random.default_rng(0)
    few = rng.standard_normal((12, 6)) * 10.0 ** np.linspace(0, -5, 6)
    X = few @ rng.standard_normal((6, 80)) + far
    y = few @ 10.0 ** np.linspace(0, 5, 6) + rng.standard_normal(12)
    model = GradientDescentRegressor(scaling=scaling).fit(X, y)
    assert model.rank_ == 6
    best = LinearRegression().fit(few * 10.0 ** np.linspace(0, 5, 6), y).predict(few * 10.0 ** np.linspace(0, 5, 6))
    assert_allclose(model.predict(X), best, rtol=0, atol=1e-9 * (1 + far))


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_without_a_mode_the_condition_number_is_one(fit_intercept):
    for shape in ((3, 90), (90, 3)):
        model = GradientDescentRegressor(fit_intercept=fit_intercept).fit(np.zeros(shape), np.ones(shape[0]))
        assert (model.condition_number_, model.rank_) == (1.0, 0)


@pytest.mark.parametrize("merged", [False, True])
@pytest.mark.parametrize("large", [1e6, 1e8])
def test_from_moments_a_sum_of_columns_of_unlike_sizes_shares_no_rounding(large, merged):
    """The offset of x₀ + x₁ is 0; its rounding, beside an intercept of 10⁹, would be worth slopes of 10⁴."""
    for seed in range(6):
        rng = np.random.default_rng(seed)
        big = large * rng.standard_normal(28) + 0.2 * large
        small = rng.standard_normal(28) + 1e3
        X = np.column_stack([big, small, big + small])
        y = 1e9 + 0.6 * small + 0.3 * rng.standard_normal(28)
        parts = np.array_split(np.arange(28), 3) if merged else [np.arange(28)]
        moments = reduce(operator.add, (Moments.from_data(X[part], y[part], root=True) for part in parts))
        model = GradientDescentRegressor(scaling=None).fit_moments(moments)
        a, b = LinearRegression().fit(np.column_stack([big / large, small - 1e3]), y - 1e9).coef_ / [large, 1]
        shared = (a + b) / 3  # by the sum: of all (a − s, b − s, s) the shortest
        assert_allclose(model.coef_, [a - shared, b - shared, shared], rtol=0, atol=1e-5 * abs(b))


@pytest.mark.parametrize("scaling", ["standard", "minmax", "maxabs", None])
@pytest.mark.parametrize("kind", ["powers", "bumps"])
def test_the_shortest_of_many_solutions_fits_no_worse_than_a_few_columns(kind, scaling):
    """Columns that float64 can hardly tell apart: what they share is uncertain, the fit is not."""
    for seed in range(8):
        rng = np.random.default_rng(seed)
        x = np.sort(rng.uniform(-1, 1, 19))
        X = x[:, None] ** np.arange(1, 70)
        if kind == "bumps":
            X = np.exp(-((x[:, None] - np.linspace(-1, 1, 69)) ** 2) / 0.5)
        y = np.sin(4 * x) + 0.1 * rng.standard_normal(19)
        few = LinearRegression().fit(x[:, None] ** np.arange(1, 7), y).predict(x[:, None] ** np.arange(1, 7))
        model = GradientDescentRegressor(scaling=scaling).fit(X, y)
        assert np.mean((y - model.predict(X)) ** 2) <= np.mean((y - few) ** 2)


@pytest.mark.parametrize("scaling", ["standard", "minmax"])
def test_a_constant_feature_stays_where_it_began_also_where_the_start_of_copies_is_lost(scaling):
    """From so far a start no nearest solution has digits, and the shortest is taken: of the features that vary."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal(30)
    X, y = np.column_stack([x, x, np.full(30, 7.0)]), 3 * x + rng.standard_normal(30)
    model = GradientDescentRegressor(scaling=scaling, init=[1.0, 1e17, -1e17, 2.0]).fit(X, y)
    slope, intercept = np.polyfit(x, y, 1)
    assert model.coef_[2] == 2.0
    assert_allclose(model.coef_[:2], slope / 2, rtol=1e-12)
    assert model.intercept_ == pytest.approx(intercept - 14.0, rel=1e-12)
