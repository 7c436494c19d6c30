"""Right on the data that people have: dummies of all levels, dates, copies, folds that differ, and what is like them.

The references are scikit-learn's on a design without the trap, rational arithmetic, and the loop in fifty digits.
"""

import warnings
from fractions import Fraction

import numpy as np
import pytest
from exact import EPS, exact_least_squares
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, KFold, LeaveOneGroupOut, TimeSeriesSplit
from textbook import mpmath_loop, numpy_loop, original_units, scaled

from gdlearn import GradientDescentRegressor, GradientDescentRegressorCV, Moments, gradient_descent_path
from gdlearn.inspection import sensitivity


def exact_loss(model, X, y, weight=None):
    """J of a model as it is returned, in rational arithmetic."""
    weight = np.ones(len(y)) if weight is None else weight
    coef, intercept = [Fraction(float(c)) for c in model.coef_], Fraction(float(model.intercept_))
    total = Fraction(0)
    for row, target, w in zip(np.asarray(X, float), y, weight, strict=True):
        prediction = sum((Fraction(float(x)) * c for x, c in zip(row, coef, strict=True)), intercept)
        total += Fraction(float(w)) * (Fraction(float(target)) - prediction) ** 2
    return float(total / sum(Fraction(float(w)) for w in weight))


def exact_numbers(values):
    """The same numbers as Fractions."""
    return np.vectorize(Fraction, otypes=[object])(np.asarray(values, dtype=float))


# All levels of a factor


def factors(shares, n, seed, n_factors=1):
    """Dummies of all levels of factors beside two columns; the design without the trap; y."""
    rng = np.random.default_rng(seed)
    levels = [rng.choice(len(shares), n, p=shares) for _ in range(n_factors)]
    for level in levels:
        level[: len(shares)] = range(len(shares))
    dummies = [np.eye(len(shares))[level] for level in levels]
    Z = rng.standard_normal((n, 2)) * [1.0, 30.0] + [0.0, 100.0]
    X = np.hstack([Z, *dummies])
    y = Z @ [1.0, 0.1] + sum(level * 1.0 for level in levels) + 5 + 0.3 * rng.standard_normal(n)
    return X, np.hstack([Z, *(some[:, 1:] for some in dummies)]), y


def split_moments(X, y, weight=None, *, root):
    parts = [Moments.from_data(X[i::3], y[i::3], None if weight is None else weight[i::3], root=root) for i in range(3)]
    return parts[0] + parts[1] + parts[2]


ROUTES = {
    "rows": lambda model, X, y, w: model.fit(X, y, w),
    "CSR": lambda model, X, y, w: model.fit(sparse.csr_array(X), y, w),
    "CSC": lambda model, X, y, w: model.fit(sparse.csc_array(X), y, w),
    "F order": lambda model, X, y, w: model.fit(np.asfortranarray(X), y, w),
    "root moments": lambda model, X, y, w: model.fit_moments(Moments.from_data(X, y, w, root=True)),
    "merged root moments": lambda model, X, y, w: model.fit_moments(split_moments(X, y, w, root=True)),
}
SHARES = {"two levels": [0.5, 0.5], "60:30:10": [0.6, 0.3, 0.1], "a rare level": [0.999, 0.001], "nine": [1 / 9] * 9}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("shares", SHARES)
@pytest.mark.parametrize("n", [40, 800, *(pytest.param(n, marks=pytest.mark.slow) for n in (3_000, 20_000))])
@pytest.mark.parametrize("weighted", [False, True])
def test_all_levels_of_a_factor(route, shares, n, weighted):
    for seed in range(3):
        X, free, y = factors(SHARES[shares], n, seed, n_factors=1 + seed % 2)
        weight = 10.0 ** np.random.default_rng(seed).integers(0, 5, n) if weighted else None
        model = ROUTES[route](GradientDescentRegressor(), X, y, weight)
        peer = LinearRegression(tol=0).fit(free, y, weight)
        assert_allclose(model.predict(X), peer.predict(free), atol=1e-8 * y.std())
        assert model.rank_ == np.linalg.matrix_rank(free - free.mean(axis=0))
        assert model.condition_number_ < 1e7
        assert np.abs(model.coef_).max() < 1e3  # also an unknown level is predicted by numbers of y's size


@pytest.mark.parametrize("scaling", ["standard", "minmax", "maxabs", None])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_all_levels_of_a_factor_in_every_scaling(scaling, dtype):
    for seed in range(5):
        X, free, y = factors([0.5, 0.5], 5_000, seed, n_factors=2)
        X, free = X.astype(dtype), free.astype(dtype).astype(float)
        model = GradientDescentRegressor(scaling=scaling).fit(X, y)
        tolerance = 1e-8 if dtype == np.float64 else 1e-4  # float32 X has float32 coefficients
        assert_allclose(model.predict(X), LinearRegression(tol=0).fit(free, y).predict(free), atol=tolerance * y.std())
        assert model.rank_ == free.shape[1]


def test_a_weight_of_a_hundred_thousand_on_one_level():
    X, y, weight = [[1, 0], [0, 1], [1, 0], [0, 1]], [1, 2, 3, 5], [1e5, 1, 1e5, 1]
    model = GradientDescentRegressor().fit(X, y, weight)
    assert_allclose(model.predict(X), [2, 3.5, 2, 3.5], rtol=1e-9)
    repeated = np.repeat(np.arange(4), [10**5, 1, 10**5, 1])
    alike = GradientDescentRegressor().fit(np.array(X)[repeated], np.array(y)[repeated])
    assert_allclose(alike.predict(X), [2, 3.5, 2, 3.5], rtol=1e-9)


def test_a_search_over_all_levels_of_a_factor():
    X, free, y = factors([0.6, 0.3, 0.1], 3_000, 0)
    options = {"learning_rates": [0.1], "max_iters": [10**7], "cv": KFold(3)}
    found = GradientDescentRegressorCV(**options).fit(X, y)
    for train, test, error in zip(*zip(*KFold(3).split(X), strict=True), found.mse_path_[0, 0], strict=True):
        peer = LinearRegression(tol=0).fit(free[train], y[train])
        assert_allclose(error, np.mean((y[test] - peer.predict(free[test])) ** 2), rtol=1e-9)


def test_the_diagnosis_of_all_levels_of_a_factor():
    X, _, y = factors([0.5, 0.5], 3_000, 1)
    found = sensitivity(X, y, scaling="standard")
    assert "exactly collinear" in found.sentence
    assert "nearly collinear" not in found.sentence
    assert found.condition_numbers["standard"] < 1e3


@pytest.mark.parametrize("offset", [1e4, 1e6, 1e8])
@pytest.mark.parametrize("root", [False, True])
def test_merges_of_a_sum_of_two_columns_far_from_zero(offset, root):
    for seed in range(10):
        rng = np.random.default_rng(seed)
        a, b = rng.standard_normal((2, 200))
        X, y = np.column_stack([a + offset, b + offset, a + b]), a - b + 0.3 * rng.standard_normal(200)
        parts = [Moments.from_data(X[i::10], y[i::10], root=root) for i in range(10)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # moments without a root say that they are coarse
            model = GradientDescentRegressor().fit_moments(sum(parts[1:], parts[0]))
        peer = LinearRegression(tol=0).fit(X[:, :2] - offset, y)
        assert_allclose(model.predict(X), peer.predict(X[:, :2] - offset), atol=1e-14 * offset + 1e-7)


# A near copy of a column


def near_copies(kind, seed, n=30):
    """A column, what it is twice, and y."""
    rng = np.random.default_rng(seed)
    clock = 1.7e9 + np.sort(rng.uniform(0, 1e6, n)).round()
    signal = rng.standard_normal(n)
    first, second = {
        "seconds and days": (clock, clock / 86_400),
        "seconds and hours": (clock, clock / 3_600),
        "offset 1e6": (signal, signal + 1e6),
        "offset 1e8": (signal, signal + 1e8),
    }[kind]
    y = (first - first.min()) / np.ptp(first) + 0.3 * rng.standard_normal(n)
    return np.column_stack([first, second]), y


@pytest.mark.parametrize("scaling", ["standard", "minmax", "maxabs", None])
@pytest.mark.parametrize("kind", ["seconds and days", "seconds and hours", "offset 1e6", "offset 1e8"])
@pytest.mark.parametrize("others", [0, 8])
def test_a_near_copy_costs_nothing_and_is_named(kind, scaling, others):
    for seed in range(3):
        X, y = near_copies(kind, seed, n=30 + 2 * others)
        X = np.hstack([X, np.random.default_rng(seed).standard_normal((len(y), others))])
        without = np.delete(X, 1, axis=1)
        with pytest.warns(ConvergenceWarning, match="feature 0, feature 1 apart"):
            model = GradientDescentRegressor(scaling=scaling).fit(X, y)
        # float64 holds the second column, and coefficients for it, to so much of its size
        rounding = 64 * np.finfo(float).eps * np.abs(X[:, 1]).max() / X[:, 1].std()
        alone = exact_loss(GradientDescentRegressor(scaling=scaling).fit(without, y), without, y)
        loss = exact_loss(model, X, y)
        assert loss <= alone * (1 + rounding)
        assert_allclose(model.loss_, loss, rtol=1e-9)
        assert model.rank_ == 1 + others


@pytest.mark.parametrize("root", [False, True])
@pytest.mark.parametrize("scaling", ["standard", "minmax", "maxabs", None])
@pytest.mark.parametrize("kind", ["digits apart", "an offset of 3e14", "a third column at 7e14"])
@pytest.mark.parametrize("unit", [1.0, 2.0**-20, 2.0**20])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_from_moments_a_near_copy_costs_nothing(root, scaling, kind, unit):
    """No rows are there to judge a direction by: one that is mostly rounding, or costs more to store, is not fitted."""
    for seed in range(6):
        rng = np.random.default_rng(seed)
        z, x, noise = rng.standard_normal((3, 45)) + 1.0
        if kind == "digits apart":
            copy, level = x + 1.5e-14 * noise, 100.0
        elif kind == "an offset of 3e14":
            copy, level = x + 0.3 * noise + 3e14, 100.0
        else:
            x = np.rint(8 * x)
            z, copy, level = np.rint(4 * z) + 7e14, x + 32.0, 1e9
        X = np.column_stack([z, x, copy])
        y = unit * (level + (z - z.mean()) - (x - x.mean()) + 0.3 * rng.standard_normal(45))
        model = GradientDescentRegressor(scaling=scaling).fit_moments(split_moments(X, y, root=root))
        without = GradientDescentRegressor().fit(X[:, :2], y)
        best = np.sqrt(exact_loss(without, X[:, :2], y))
        stored = np.finfo(float).eps * np.abs(X[:, :2]).max(axis=0) @ np.abs(without.coef_)
        assert np.sqrt(exact_loss(model, X, y)) <= 1.05 * best + stored


@pytest.mark.parametrize("scaling", ["standard", "minmax", "maxabs", None])
@pytest.mark.parametrize("offset", [1e6, 1e10, 1e14])
def test_from_moments_the_intercept_suits_the_slope_as_it_is_stored(scaling, offset):
    """A slope's last digit is worth ε times the offset; the intercept makes up for it, to its own last digit."""
    for seed in range(6):
        rng = np.random.default_rng(seed)
        x = np.rint(16 * rng.standard_normal(40)) / 16 + offset
        y = 0.7 * (x - offset) + rng.standard_normal(40)
        model = GradientDescentRegressor(scaling=scaling).fit_moments(Moments.from_data(x[:, None], y, extremes=True))
        b, a = Fraction(float(model.coef_[0])), Fraction(float(model.intercept_))
        gap = sum(exact_numbers(y)) - b * sum(exact_numbers(x)) - 40 * a
        assert abs(gap) / 40 <= 1.01 * np.spacing(abs(model.intercept_)) / 2 + 1e-15


@pytest.mark.parametrize("gap", [1e-3, 1e-6, 1e-9, 1e-12])
def test_a_near_copy_that_float64_holds_is_fitted_to_all_its_digits(gap):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 60))
    X = np.column_stack([a, a + gap * b])
    y = 2 * b + 0.1 * rng.standard_normal(60)
    model = GradientDescentRegressor().fit(X, y)
    held = (X[:, 1] - X[:, 0]) / gap  # exact, for the two are that near
    peer = LinearRegression(tol=0).fit(np.column_stack([a, held]), y)
    assert model.rank_ == 2
    assert_allclose(model.coef_[1] * gap, peer.coef_[1], rtol=1e-7)


# Fewer rows than smooth features


def smooth(kind, seed):
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(-1, 1, 60))
    y = np.sin(4 * x) + 0.1 * rng.standard_normal(60)
    if kind == "bumps":
        return np.exp(-((x[:, None] - np.linspace(-1, 1, 80)) ** 2) / (2 * 0.2**2)), y
    if kind == "powers":
        return np.vander(x, 81, increasing=True)[:, 1:], y
    if kind == "Hilbert":
        return 1.0 / (np.arange(60)[:, None] + np.arange(90) + 1.0), y
    A = rng.standard_normal((60, 40))
    return np.column_stack([A, A + 1e-13 * rng.standard_normal(A.shape)]), y


@pytest.mark.parametrize(
    "options", [{}, {"tol": 1e-12}, {"max_iter": 10**18}, {"scaling": None}, {"fit_intercept": False}]
)
@pytest.mark.parametrize("kind", ["bumps", "powers", "Hilbert", "copies"])
@pytest.mark.slow  # rational arithmetic on numbers of very different sizes
def test_fewer_rows_than_smooth_features(kind, options):
    for seed in range(2):
        X, y = smooth(kind, seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = GradientDescentRegressor(**options).fit(X, y)
        loss = exact_loss(model, X, y)
        assert_allclose(model.loss_, loss, rtol=1e-6)
        assert loss <= np.mean((y - (y.mean() if model.fit_intercept else 0.0)) ** 2)
        if not options:
            centred, target = X - X.mean(axis=0), y - y.mean()
            coef = np.linalg.lstsq(centred, target, rcond=1e-6)[0]
            assert loss <= np.mean((target - centred @ coef) ** 2) * 1.02


# Iterates whose weak modes have hardly moved


BADLY_SCALED = {
    "offset 1e8": lambda rng: 1e8 + rng.standard_normal((40, 1)),
    "offsets": lambda rng: np.array([1e6, 3.0, -1e9]) + rng.standard_normal((40, 3)),
    "scales": lambda rng: rng.standard_normal((40, 2)) * [1e15, 1.0],
    "small beside": lambda rng: rng.standard_normal((40, 3)) * [1.0, 1e-9, 1e-5] + [0.0, 1e-9, 1.0],
}


@pytest.mark.parametrize("kind", BADLY_SCALED)
@pytest.mark.parametrize(("momentum", "nesterov"), [(0.0, False), (0.9, False), (0.9, True)])
def test_few_steps_are_the_iterates_of_the_book_however_badly_scaled(kind, momentum, nesterov):
    rng = np.random.default_rng(0)
    X = BADLY_SCALED[kind](rng)
    y = (X - X.mean(axis=0)) @ (1 / X.std(axis=0)) + 0.1 * rng.standard_normal(40)
    options = {"scaling": None, "momentum": momentum, "nesterov": nesterov}
    rate = 0.4 * GradientDescentRegressor(1e-40, max_iter=1, **options).fit(X, y).max_stable_learning_rate_
    truth = mpmath_loop(X, y, rate, 100, momentum=momentum, nesterov=nesterov)
    # every coefficient by itself, though one may be 1e-23 of another; offsets leave them the digits of the data
    offset = np.abs(X.mean(axis=0) / X.std(axis=0)).max()
    rtol = 1e-10 + 1e-14 * offset
    for solver in ("spectral", "loop"):
        model = GradientDescentRegressor(rate, max_iter=100, solver=solver, **options).fit(X, y)
        assert_allclose([model.intercept_, *model.coef_], truth, rtol=rtol)
        settings = options | {"learning_rate": rate, "solver": solver}
        _, coefs, _, losses = gradient_descent_path(X, y, iterations=[100], **settings)
        assert_allclose(coefs[:, 0], model.coef_, rtol=1e-13)
        assert_allclose(losses[0], model.loss_, rtol=1e-9)
        assert_allclose(model.loss_, exact_loss(model, X, y), rtol=1e-9)


@pytest.mark.parametrize(("gap", "steps"), [(1e-1, 300), (1e-2, 800), (1e-3, 800)])
@pytest.mark.parametrize(("momentum", "nesterov"), [(0.0, False), (0.5, True), (0.99, False)])
@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_steps_along_weak_modes_have_the_digits_of_the_data(gap, steps, momentum, nesterov, offset):
    rng = np.random.default_rng(3)
    x = rng.standard_normal(12)
    X = np.column_stack([x, x + gap * rng.standard_normal(12)]) + offset
    y = 2 * x + rng.standard_normal(12)
    options = {"scaling": None, "momentum": momentum, "nesterov": nesterov}
    rate = 0.1 * GradientDescentRegressor(1e-40, max_iter=1, **options).fit(X, y).max_stable_learning_rate_
    model = GradientDescentRegressor(rate, max_iter=steps, **options).fit(X, y)
    truth = mpmath_loop(X, y, rate, steps, momentum=momentum, nesterov=nesterov)
    # rounding of the data moves a weak mode by ε/gap of itself; second moments by ε/gap² would not do
    assert_allclose(model.coef_, truth[1:], rtol=0, atol=1e-14 * (1 + offset) * (1 + 0.1 / gap) * np.abs(truth).max())
    assert_allclose(model.loss_, exact_loss(model, X, y), rtol=1e-13 * (1 + offset))
    losses = gradient_descent_path(X, y, learning_rate=rate, iterations=[1, steps], **options)[3]
    assert_allclose(losses[1], model.loss_, rtol=1e-13 * (1 + offset))


@pytest.mark.parametrize("level", [0.0, 100.0, 1e6])
@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_one_step_from_the_mean_knows_no_offset_of_other_features(level, momentum):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        offset = np.array([1.5e3, 7.5e5, 9e3, 5.0])
        Z = rng.standard_normal((23, 4))
        Z = (offset + Z) - offset  # as the features hold it
        y = (level + Z @ [-1.0, 1.0, 0.5, 0.2] + 0.1 * rng.standard_normal(23)) - level
        model = GradientDescentRegressor(0.17, max_iter=1, momentum=momentum, scaling="minmax", init="mean")
        model.fit(Z + offset, y + level)
        slopes = 2 * 0.17 * (Z - Z.mean(axis=0)).T @ (y - y.mean()) / 23 / np.ptp(Z, axis=0) ** 2
        assert_allclose(model.coef_, slopes, rtol=0, atol=(1e-12 + 1e-15 * level) * np.abs(slopes).max())


@pytest.mark.parametrize("solver", ["loop", "spectral"])
@pytest.mark.parametrize("scaling", ["maxabs", "minmax", None])
@pytest.mark.parametrize("offset", [1.0, 1e3])
def test_the_loss_of_few_steps_is_that_of_the_model_however_far_y_lies(solver, scaling, offset):
    rng = np.random.default_rng(0)
    X = (rng.standard_normal((35, 3)) + offset) * [35.0, 0.08, 9.0]
    y = 1e8 + 0.01 * X[:, 0] + rng.standard_normal(35)
    rate = 0.1 * GradientDescentRegressor(1e-40, max_iter=1, scaling=scaling).fit(X, y).max_stable_learning_rate_
    for k in (1, 3, 100):
        model = GradientDescentRegressor(rate, max_iter=k, scaling=scaling, solver=solver, init="mean").fit(X, y)
        assert_allclose(model.loss_, exact_loss(model, X, y), rtol=1e-6)  # the intercept is stored to 1e-8


@pytest.mark.parametrize("gap", [1e-4, 1e-6, 1e-8])
def test_errors_of_a_search_along_a_weak_mode_are_those_of_its_models(gap):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        x = rng.standard_normal(60)
        X = np.column_stack([x, x + gap * rng.standard_normal(60)])
        y, rate, k = 100 + x + 0.3 * rng.standard_normal(60), 0.1, int(1 / gap**2)
        splits = list(KFold(3).split(X))
        found = GradientDescentRegressorCV([rate], max_iters=[k], cv=splits, init="mean").fit(X, y)
        for error, (train, test) in zip(found.mse_path_[0, 0], splits, strict=True):
            model = GradientDescentRegressor(rate, max_iter=k, init="mean").fit(X[train], y[train])
            assert_allclose(error, exact_loss(model, X[test], y[test]), rtol=1e-12 + 1e-16 / gap)


@pytest.mark.parametrize("scaling", [None, "maxabs"])
@pytest.mark.parametrize("size", [1e3, 1e4, 1e5])
def test_errors_of_a_search_at_the_limit_have_the_digits_of_the_data(scaling, size):
    """A column far larger than the others, without an intercept: squares alone give its fold half the digits."""
    for seed in range(4):
        rng = np.random.default_rng(seed)
        X = np.column_stack([rng.integers(1, 10, (24, 2)), size + 10.0 * rng.standard_normal(24)])
        y, splits = 1e8 + rng.standard_normal(24), list(KFold(3).split(X))
        rate = 0.1 / max(np.linalg.eigvalsh(scaled(X, scaling, shift=False)[0].T @ scaled(X, scaling)[0])[-1], 1.0)
        search = GradientDescentRegressorCV(
            [rate], max_iters=[10**30], cv=splits, scaling=scaling, fit_intercept=False, init="zero"
        ).fit(X, y)
        for error, (train, test) in zip(search.mse_path_[0, 0], splits, strict=True):
            coef = exact_least_squares(X[train], y[train], fit_intercept=False).coef[:, 0]
            gaps = exact_numbers(y[test]) - exact_numbers(X[test]) @ coef
            assert_allclose(error, float(gaps @ gaps / len(gaps)), rtol=1e-10)


@pytest.mark.parametrize("offset", [1e6, 1e9, 1e12])
@pytest.mark.parametrize("scaling", ["maxabs", None])
def test_steps_from_the_mean_keep_their_digits_where_features_are_copies(offset, scaling):
    """A solution of copies far from zero has huge coefficients, and no step may be measured by it."""
    for seed in range(4):
        rng = np.random.default_rng(seed)
        x = rng.integers(1, 10, 2) / 8.0
        X, y = np.column_stack([x + offset, 3 * x + 1e3, x]), 5.0 + 0.1 * rng.standard_normal(2)
        scale = X.max(axis=0) if scaling else np.ones(3)
        rate = 0.1 if scaling else 0.1 / offset**2
        Z = exact_numbers(np.insert(X, 0, 1.0, axis=1)) / exact_numbers([1.0, *scale])
        target = exact_numbers(y)
        theta = np.array([target.sum() / 2, *[Fraction(0)] * 3])
        for k in range(1, 13):
            theta = theta + Fraction(rate) * Z.T @ (target - Z @ theta)
            model = GradientDescentRegressor(rate, max_iter=k, scaling=scaling, init="mean").fit(X, y)
            assert_allclose(model.predict(X), (Z @ theta).astype(float), rtol=1e-14)


def test_many_steps_of_nearly_collinear_features():
    rng = np.random.default_rng(1)
    e = rng.standard_normal((3, 200))
    X, y = np.column_stack([e[0], e[0] + 1e-3 * e[1], e[0] + 1e-7 * e[2]]), e[2] + 1e-4 * e[1]
    loop = GradientDescentRegressor(0.15, max_iter=10_000, solver="loop").fit(X, y)
    closed = GradientDescentRegressor(0.15, max_iter=10_000, solver="spectral").fit(X, y)
    assert_allclose(closed.coef_, loop.coef_, rtol=1e-8)
    assert closed.rank_ == loop.rank_ == 3


@pytest.mark.parametrize("options", [{"warm_start": True}, {"early_stopping": True, "random_state": 0}])
def test_other_starts_and_ends_do_not_jump_to_the_limit(options):
    rng = np.random.default_rng(0)
    X = 1e8 + rng.standard_normal((60, 1))
    y = X[:, 0] - 1e8 + 0.1 * rng.standard_normal(60)
    rate = 0.4 * GradientDescentRegressor(scaling=None).fit(X, y).max_stable_learning_rate_
    models = []
    for solver in ("loop", "spectral"):
        model = GradientDescentRegressor(rate, scaling=None, max_iter=50, solver=solver, **options)
        models.append(model.fit(X, y).fit(X, y))
    assert models[0].n_iter_ == models[1].n_iter_
    assert_allclose(models[1].coef_, models[0].coef_, rtol=1e-6)


@pytest.mark.parametrize("k", [1, 10, 10**4, 10**8, 10**12, 10**14, 10**16, 2**63, 10**30])
def test_the_path_and_the_fit_agree_at_every_step(k):
    rng = np.random.default_rng(0)
    trend = np.arange(16.0)
    X = np.column_stack([trend, trend**2, trend + 1e-4 * rng.standard_normal(16), rng.standard_normal(16)]) + 50
    y = X @ [1.0, -0.1, 2.0, 3.0] + rng.standard_normal(16)
    model = GradientDescentRegressor(0.2, max_iter=k).fit(X, y)
    steps, coefs, intercepts, losses = gradient_descent_path(X, y, learning_rate=0.2, iterations=[0, k, 3])
    assert steps[1] == k
    assert_allclose(coefs[:, 1], model.coef_, rtol=1e-13)
    assert_allclose(intercepts[1], model.intercept_, rtol=1e-12)
    assert_allclose(losses[1], model.loss_, rtol=1e-9)


@pytest.mark.parametrize("shape", [(100, 5), (40, 90)])
@pytest.mark.parametrize("k", [1, 7, 200])
def test_with_a_number_of_steps_every_solver_takes_plain_ones(shape, k):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal(shape), rng.standard_normal(shape[0])
    models = [GradientDescentRegressor(max_iter=k, solver=solver).fit(X, y) for solver in ("loop", "spectral", "auto")]
    for model in models[:2]:
        assert_allclose(model.coef_, models[2].coef_, rtol=0, atol=1e-10 * np.abs(models[2].coef_).max())
    Z, shift, scale = scaled(X, "standard")
    theta, _ = numpy_loop(Z, y, models[0].learning_rate_, k)
    coef, _ = original_units(theta, shift, scale)
    assert_allclose(models[0].coef_, coef[:, 0], rtol=0, atol=1e-10 * np.abs(coef).max())
    sooner = GradientDescentRegressor(solver="loop", tol=1e-6).fit(X, y)  # on its way to a tolerance it is accelerated
    assert sooner.n_iter_ <= GradientDescentRegressor(solver="spectral", tol=1e-6).fit(X, y).n_iter_


# Where the descent starts


@pytest.mark.parametrize("scaling", ["standard", "minmax", None])
@pytest.mark.parametrize("solver", ["loop", "spectral"])
@pytest.mark.parametrize("targets", [1, 2])
def test_the_start_is_where_init_says(scaling, solver, targets):
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((50, 3)) + 2, rng.standard_normal((50, targets)) + 7
    w = rng.uniform(0.5, 2, 50)
    y = Y[:, 0] if targets == 1 else Y
    Z, shift, scale = scaled(X, scaling, w)
    Z = np.column_stack([np.ones(50), Z])
    given = rng.standard_normal((targets, 4))
    mean = np.average(Y, axis=0, weights=w)
    starts = {
        "zero": np.zeros((4, targets)),
        "auto": np.zeros((4, targets)),
        "mean": np.vstack([mean, np.zeros((3, targets))]),
        "given": np.vstack([given[:, 0] + shift @ given[:, 1:].T, given[:, 1:].T * scale[:, None]]),
    }
    for name, theta in starts.items():
        init = (given if targets > 1 else given[0]) if name == "given" else name
        for _ in range(5):
            theta = theta + 0.01 * 2 / w.sum() * Z.T @ (w[:, None] * (Y - Z @ theta))
        coef, intercept = original_units(theta, shift, scale)
        model = GradientDescentRegressor(0.01, max_iter=5, init=init, scaling=scaling, solver=solver).fit(X, y, w)
        assert_allclose(np.atleast_2d(model.coef_).T, coef, rtol=1e-10)
        assert_allclose(np.atleast_1d(model.intercept_), intercept, rtol=1e-10)
        path = gradient_descent_path(
            X, y, learning_rate=0.01, iterations=[5], init=init, scaling=scaling, sample_weight=w, solver=solver
        )
        assert_allclose(np.ravel(path[1]), np.ravel(model.coef_), rtol=1e-12)


@pytest.mark.parametrize("init", [[1.0, 2.0], np.zeros((2, 4)), [0.0, np.inf, 0.0, 0.0], np.zeros((1, 5))])
def test_a_start_of_the_wrong_shape_is_refused_by_name(init):
    X, y = np.eye(6)[:, :3], np.arange(6.0)
    for model in (GradientDescentRegressor(init=init), GradientDescentRegressorCV(3, max_iters=3, init=init)):
        with pytest.raises(ValueError, match=r"'init' parameter .* shape \(4,\) .* intercept first"):
            model.fit(X, y)


# Folds that differ from each other


def fold_errors(X, y, splits, weight=None):
    """Least squares of each fold on the columns that vary in it."""
    errors = []
    for train, test in splits:
        part = np.asarray(X)[train]
        varies = np.ptp(part, axis=0) > 0
        centre = part.mean(axis=0)
        some = None if weight is None else weight[train]
        peer = LinearRegression(tol=0).fit((part - centre)[:, varies], y[train], some)
        residual = y[test] - peer.predict((X[test] - centre)[:, varies])
        errors.append(np.average(residual**2, weights=None if weight is None else weight[test]))
    return errors


@pytest.mark.parametrize("kind", ["constant at first", "group level", "group dummy", "halves", "far 1e6", "far 1e8"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("scaling", ["standard", "minmax"])
def test_folds_whose_training_rows_differ(kind, weighted, scaling):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        n = 120
        X, groups, cv = rng.standard_normal((n, 3)), np.arange(n) % 3, KFold(2)
        if kind == "constant at first":
            X[:50, 2], cv = 3.7, TimeSeriesSplit(5)
        elif kind == "group level":
            X[:, 2], cv = np.array([10.0, 20.0, 20.0])[groups], LeaveOneGroupOut()
        elif kind == "group dummy":
            X[:, 2], cv = groups == 1, LeaveOneGroupOut()
        elif kind == "halves":
            X[:, 2] = np.arange(n) < n // 2
        else:
            X[n // 2 :, 0] += float(kind.split()[1])
        y = (X - X[:1]) @ [1.0, 2.0, 0.1] + 0.3 * rng.standard_normal(n)
        weight = rng.uniform(0.5, 2, n) if weighted else None
        splits = list(cv.split(X, y, groups if isinstance(cv, LeaveOneGroupOut) else None))
        found = GradientDescentRegressorCV([0.3], max_iters=[10**9], cv=splits, scaling=scaling).fit(X, y, weight)
        offset = float(kind.split()[1]) if kind.startswith("far") else 1.0
        assert_allclose(found.mse_path_[0, 0], fold_errors(X, y, splits, weight), rtol=1e-9 + 1e-15 * offset)


@pytest.mark.parametrize("scaling", ["standard", "maxabs", "minmax", None])
@pytest.mark.parametrize("offset", [0.0, 1e8, 1e10])
def test_errors_of_a_search_are_those_of_its_models_whatever_the_offset(scaling, offset):
    X, free, y = factors([0.5, 0.5], 120, 0)
    rate = 0.3 * GradientDescentRegressor(scaling=scaling).fit(X, y).max_stable_learning_rate_
    found = GradientDescentRegressorCV([rate], max_iters=[10**9], cv=KFold(3), scaling=scaling).fit(X, y + offset)
    truth = fold_errors(free, y + offset, KFold(3).split(X))
    assert_allclose(found.mse_path_[0, 0], truth, rtol=1e-9 + 1e-14 * offset)


def test_an_entry_far_out_makes_no_error_negative():
    for seed in range(3):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((30, 3))
        X[rng.integers(30), 0] = 1e9
        y = X[:, 1] + rng.standard_normal(30)
        found = GradientDescentRegressorCV(3, max_iters=3, cv=KFold(3), scaling=None, init="zero").fit(X, y)
        assert (found.mse_path_ >= 0).all()
        grid = {"learning_rate": found.learning_rates_.tolist(), "max_iter": found.max_iters_.tolist()}
        peer = GridSearchCV(
            GradientDescentRegressor(scaling=None), grid, cv=KFold(3), scoring="neg_mean_squared_error", refit=False
        ).fit(X, y)
        theirs = -np.array([peer.cv_results_[f"split{i}_test_score"] for i in range(3)])
        assert_allclose(found.mse_path_, theirs.T.reshape(found.mse_path_.shape), rtol=1e-7)


@pytest.mark.parametrize("offset", [0.0, 1e7, 1e10])
@pytest.mark.parametrize("scaling", ["standard", None])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("solver", ["loop", "spectral"])
def test_the_loss_is_that_of_the_model(offset, scaling, fit_intercept, solver):
    X, _, y = factors([0.5, 0.5], 60, 0)
    y = y + offset
    steps = {"max_iter": 500} if solver == "loop" else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = GradientDescentRegressor(scaling=scaling, fit_intercept=fit_intercept, solver=solver, **steps).fit(X, y)
    assert_allclose(model.loss_, exact_loss(model, X, y), rtol=1e-9 + 1e-14 * offset)


# The ends of float64, and many solutions


@pytest.mark.parametrize(("large", "small"), [(1e4, 1e-4), (1e6, 1e-6), (3.7e8, 1e-9)])
@pytest.mark.parametrize("scaling", ["standard", "minmax", "maxabs", None])
def test_constant_columns_of_any_size(large, small, scaling):
    rng = np.random.default_rng(0)
    z = rng.standard_normal((50, 1))
    X, y = np.column_stack([np.full(50, large), z, np.full(50, small)]), 1e9 + z[:, 0] + 0.1 * rng.standard_normal(50)
    truth = LinearRegression().fit(z, y).predict(z)
    for root in (False, True):
        moments = Moments.from_data(X, y, root=root)
        for model in (
            GradientDescentRegressor(scaling=scaling).fit(X, y),
            GradientDescentRegressor(scaling=scaling).fit_moments(moments),
        ):
            assert_allclose(model.predict(X), truth, atol=1e-6)
            if scaling in ("standard", "minmax"):
                assert model.coef_[0] == model.coef_[2] == 0.0
            else:  # the shortest of the solutions: of the offset each constant takes a share that grows as its square
                theta, sizes = (model.coef_ * model.feature_scale_)[[0, 2]], np.array([large, small])
                sizes = sizes / model.feature_scale_[[0, 2]]
                assert_allclose(theta, 1e9 * sizes / (1 + sizes @ sizes), rtol=1e-6)


@pytest.mark.parametrize("scaling", ["standard", "minmax", "maxabs", None])
def test_a_column_that_never_moves_has_no_coefficient(scaling):
    for seed in range(10):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((3, 14) if seed % 2 else (30, 12))
        X[:, 4], X[:, 5] = 0.0, X[:, 6]
        model = GradientDescentRegressor(scaling=scaling).fit(X, rng.standard_normal(len(X)))
        assert model.coef_[4] == 0.0


@pytest.mark.parametrize("size", [1e-300, 1e-200, 1e-140, 1e-130, 1e150, 1e200])
@pytest.mark.parametrize("beside", [False, True])
def test_a_piece_whose_extreme_column_is_all_zero_merges(size, beside):
    rng = np.random.default_rng(0)
    x = np.concatenate([np.zeros(20), size * np.arange(1, 21)])
    X = np.column_stack([rng.standard_normal(40), x]) if beside else x[:, None]
    y = 3 / size * x + (X[:, 0] if beside else 0.0)
    for order in ((slice(20), slice(20, 40)), (slice(20, 40), slice(20))):
        a, b = (Moments.from_data(X[rows], y[rows]) for rows in order)
        model = GradientDescentRegressor().fit_moments(a + b)
        assert_allclose(model.coef_[-1] * size, 3.0, rtol=1e-9)


@pytest.mark.parametrize("options", [{}, {"solver": "loop"}, {"learning_rate": 0.1, "max_iter": 30}, {"scaling": None}])
@pytest.mark.parametrize("shape", [(30, 2), (20, 80)])
def test_targets_of_very_unequal_size_are_fitted_as_each_alone(options, shape):
    rng = np.random.default_rng(0)
    X = rng.standard_normal(shape)
    sizes = np.array([1e200, 1.0, 1e-200])
    Y = (X[:, :2] @ rng.standard_normal((2, 3)) + 0.1 * rng.standard_normal((shape[0], 3))) * sizes
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        together = GradientDescentRegressor(**options).fit(X, Y)
        for i, size in enumerate(sizes):
            alone = GradientDescentRegressor(**options).fit(X, Y[:, i])
            tolerance = 1e-5 if options.get("solver") == "loop" else 1e-9  # a loop stops when all are near enough
            assert_allclose(together.coef_[i] / size, alone.coef_ / size, atol=tolerance)


@pytest.mark.parametrize("rate", [1e-30, 1e-100, 1e-250])
def test_a_tiny_rate_counts_its_steps(rate):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 2))
    y = X @ [1.0, 2.0] + 0.1 * rng.standard_normal(30)
    model, usual = GradientDescentRegressor(rate).fit(X, y), GradientDescentRegressor(0.01).fit(X, y)
    assert_allclose(model.coef_, usual.coef_, rtol=1e-12)
    assert model.n_iter_ * rate == pytest.approx(usual.n_iter_ * 0.01, rel=0.05)


@pytest.mark.parametrize("spread", [1e-4, 1e-2, 1.0])
def test_rank_and_condition_number_are_those_of_the_problem_that_was_solved(spread):
    x = 1e8 + spread * np.array([-1.0, 0.5, -0.25, 1.0])[:, None]
    y = (x[:, 0] - 1e8) / spread
    deviation, size = x.std(), np.sqrt(np.mean(x**2))
    for scaling, scale in ((None, 1.0), ("maxabs", np.abs(x).max()), ("standard", None)):
        model = GradientDescentRegressor(scaling=scaling).fit(x, y)
        assert model.rank_ == 1
        if scale is not None:  # λ of [1, x/c]: their sum is 1 + size²/c², their product σ²/c²
            total, product = 1 + (size / scale) ** 2, (deviation / scale) ** 2
            assert model.condition_number_ == pytest.approx(total**2 / product, rel=1e-4)
            assert model.n_iter_ > model.condition_number_


# How features that hold the same share what they explain


def exact_line(x, y):
    """Slope and intercept of y on one column, in rational arithmetic."""
    x, y = ([Fraction(float(v)) for v in values] for values in (x, y))
    x_mean, y_mean = sum(x) / len(x), sum(y) / len(y)
    slope = sum((v - x_mean) * w for v, w in zip(x, y, strict=True)) / sum((v - x_mean) ** 2 for v in x)
    return slope, y_mean - slope * x_mean


def shortest_of_copies(X, y, factor, offset):
    """Slopes and intercept of [x, factor·x + offset], the shortest of all that fit as well, in rational arithmetic."""
    slope, level = exact_line(X[:, 0], y)
    k, c = Fraction(factor), Fraction(offset)
    # θ₁ + kθ₂ = slope and θ₀ + cθ₂ = level; of θ₀² + θ₁² + θ₂² the derivative by θ₂ is zero.
    second = (c * level + k * slope) / (1 + c * c + k * k)
    return np.array([float(slope - k * second), float(second)]), float(level - c * second)


@pytest.mark.parametrize("factor", [1.0, -1.0, 2.0**20])
@pytest.mark.parametrize("offset", [0.0, 32.0, 2.0**30])
@pytest.mark.parametrize("where", [0.0, 1e5, 1.7e9])
@pytest.mark.parametrize("far_out", [False, True])
def test_an_exact_copy_shares_the_slope_to_the_last_digit(factor, offset, where, far_out):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        x = where + rng.integers(0, 1000, 20).astype(float)
        if far_out:
            x[3] = 1e9
        y = 5.0 + 0.01 * (x - where) + rng.standard_normal(20)
        X = np.column_stack([x, factor * x + offset])  # integers below 2**53: exact
        coef, intercept = shortest_of_copies(X, y, factor, offset)
        model = GradientDescentRegressor(scaling=None).fit(X, y)
        assert_allclose(model.coef_, coef, rtol=1e-5)
        assert_allclose(
            model.intercept_, intercept, rtol=1e-7, atol=1e-15 * float(np.abs(X).max(axis=0) @ np.abs(coef))
        )


@pytest.mark.parametrize("offsets", [(1e8, 273.0), (1e5, -1e7), (1e6, 1.0)])
def test_without_an_intercept_shares_of_offset_copies_are_exact(offsets):
    """Of x, x + a and x + a + b without an intercept two may stand for a constant: θ₁ + θ₂ + θ₃ and aθ₂ + (a+b)θ₃."""
    a, b = Fraction(offsets[0]), Fraction(offsets[0]) + Fraction(offsets[1])
    for seed in range(4):
        rng = np.random.default_rng(seed)
        x = rng.integers(0, 10, 30).astype(float)
        X, y = np.column_stack([x, x + float(a), x + float(b)]), 3.0 + x + rng.standard_normal(30)
        slope, level = exact_line(x, y)
        # θ = Fᵀ(FFᵀ)⁻¹(slope, level) with F = [[1, 1, 1], [0, a, b]]
        p, q, r = Fraction(3), a + b, a * a + b * b
        u, v = (r * slope - q * level) / (p * r - q * q), (p * level - q * slope) / (p * r - q * q)
        model = GradientDescentRegressor(scaling=None, fit_intercept=False).fit(X, y)
        assert_allclose(model.coef_, [float(u), float(u + a * v), float(u + b * v)], rtol=1e-9)


@pytest.mark.parametrize("offset", [0.0, 1e4, 1e8])
@pytest.mark.parametrize("scaling", ["standard", "minmax"])
def test_copies_that_are_the_same_once_scaled_share_alike(offset, scaling):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        x = rng.integers(0, 10, 30).astype(float)
        X, y = np.column_stack([x, x + offset, rng.standard_normal(30), x + 3 * offset]), x + rng.standard_normal(30)
        model = GradientDescentRegressor(scaling=scaling).fit(X, y)
        a, b = exact_least_squares(X[:, [0, 2]], y).coef[:, 0]
        assert_allclose(model.coef_, np.array([a / 3, a / 3, b, a / 3], dtype=float), rtol=1e-12)


@pytest.mark.parametrize("scaling", [None, "maxabs", "minmax"])
@pytest.mark.parametrize("level", [0.2, 1e9])
@pytest.mark.parametrize("far", [0.25, 128.0, 1e6, 1e8])
@pytest.mark.parametrize("root", [True, False])
def test_from_moments_a_copy_far_from_zero_and_a_constant_take_their_shares(root, far, level, scaling):
    """Two sums of θ are what a fit determines, its level and its slope; of all such θ the limit is the shortest."""
    for seed in range(4):
        rng = np.random.default_rng(seed)
        x = rng.integers(0, 8, 30).astype(float)
        X, y = np.column_stack([x, x + far, np.full(30, 8.0 * far)]), level + 0.5 * x + 0.1 * rng.standard_normal(30)
        low, high = exact_numbers(X.min(axis=0)), exact_numbers(X.max(axis=0))
        shift = low if scaling == "minmax" else 0 * low
        scale = {None: 0 * low + 1, "maxabs": high, "minmax": [*(high - low)[:2], Fraction(1)]}[scaling]
        slope, at_zero = exact_line(x, y)
        a = (exact_numbers([0.0, far, 8.0 * far]) - shift) / scale  # x̃ = a + bx
        b = exact_numbers([1.0, 1.0, 0.0]) / scale
        # θ = Fᵀ(FFᵀ)⁻¹(level at zero, slope) with F = [[1, a], [0, b]]
        p, q, r = 1 + a @ a, a @ b, b @ b
        u, v = (r * at_zero - q * slope) / (p * r - q * q), (p * slope - q * at_zero) / (p * r - q * q)
        moments = Moments.from_data(X, y, root=root, extremes=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # moments without a root say that they are not enough
            model = GradientDescentRegressor(scaling=scaling).fit_moments(moments)
        expected = ((u * a + v * b) / scale).astype(float)
        assert_allclose(model.coef_, expected, rtol=1e-9 if root else 1e-6, atol=EPS * level)


@pytest.mark.parametrize("tiny", [1.0, 1e-8, 1e-149])
@pytest.mark.parametrize("root", [False, True])
@pytest.mark.parametrize("scaling", [None, "maxabs", "minmax"])
def test_a_column_of_tiny_numbers_takes_no_digits_from_others_that_are_dependent(tiny, root, scaling):
    for seed in range(4):
        X, free, y = factors([0.5, 0.5], 40, seed)
        late = (np.arange(40) >= 20)[:, None]
        X, free = np.hstack([X, tiny * late]), np.hstack([free, late])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # moments without a root say that they are not enough
            moments = Moments.from_data(X, y + 1e9, root=root, extremes=True)
            model = GradientDescentRegressor(scaling=scaling).fit_moments(moments)
        peer = LinearRegression(tol=0).fit(free, y)
        assert_allclose(model.predict(X) - 1e9, peer.predict(free), atol=1e-5)


@pytest.mark.parametrize("route", ROUTES)
def test_of_constant_columns_and_the_intercept_each_takes_its_share(route):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        sizes = np.array([7.1e5, 1.36e6])
        Z = rng.standard_normal((30, 2)) * [5e-4, 1.5e7] + [0.0, 1.3e7]
        y = Z @ [1e3, 1e-8] + 1.0 + rng.standard_normal(30)
        X = np.column_stack([Z, np.tile(sizes, (30, 1))])
        model = ROUTES[route](GradientDescentRegressor(scaling=None), X, y, None)
        level = LinearRegression(tol=0).fit(Z, y).intercept_
        assert_allclose(model.coef_[2:], level * sizes / (1 + sizes @ sizes), rtol=1e-6)


@pytest.mark.parametrize("scaling", ["standard", "minmax", "maxabs", None])
@pytest.mark.parametrize("offset", [1e14, 7e14])
def test_a_column_so_far_out_that_its_slope_has_no_digits_costs_nothing(scaling, offset):
    for seed in range(6):
        rng = np.random.default_rng(seed)
        Z = rng.standard_normal((20, 3))
        far = offset + Z[:, 1] + 0.1 * rng.standard_normal(20)
        y = Z @ [1.0, 10.0, -2.0] + 0.1 * rng.standard_normal(20)
        X, without = np.column_stack([Z, far]), Z
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = GradientDescentRegressor(scaling=scaling).fit(X, y)
            beside_zeros = GradientDescentRegressor(scaling=scaling).fit(X, np.column_stack([y, np.zeros(20)]))
            late = GradientDescentRegressor(scaling=scaling, max_iter=4 * model.n_iter_).fit(X, y)
        assert beside_zeros.rank_ == model.rank_
        assert late.coef_.tolist() == model.coef_.tolist()
        other = GradientDescentRegressor().fit(without, y)
        assert exact_loss(model, X, y) <= exact_loss(other, without, y) * (1 + 1e-9)
        assert_allclose(model.loss_, exact_loss(model, X, y), rtol=0.2)  # slope × offset is stored to about 0.1
