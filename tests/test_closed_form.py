"""The closed form: any iterate, the step a tolerance asks for and the record, as ten lines of NumPy have them."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning
from textbook import numpy_loop

from gdlearn import DivergenceError, GradientDescentRegressor, gradient_descent_path

EPS = np.finfo(float).eps


def data(n=30, d=4, t=1, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + rng.normal(size=d)
    y = X @ rng.normal(size=(d, t)) + 3 + rng.normal(size=(n, t))
    return X, y[:, 0] if t == 1 else y


def asked(X, y, tol, fit_intercept=True):
    """The gradient norm that a tolerance asks of each target, by its formula: tol·2·‖X̃‖_F/√N·σ_y."""
    Z = np.column_stack([np.ones(len(X)), X]) if fit_intercept else X
    y = y.reshape(len(y), -1)
    sigma = y.std(axis=0) if fit_intercept else np.sqrt((y**2).mean(axis=0))
    return tol * 2 * np.linalg.norm(Z) / np.sqrt(len(X)) * sigma


def first_small(X, y, rate, tol, momentum, nesterov, fit_intercept, most=3_000):
    """The first step after which every target's gradient is as small as asked."""
    Z = np.column_stack([np.ones(len(X)), X]) if fit_intercept else X
    y = y.reshape(len(y), -1)
    theta, velocity = np.zeros((Z.shape[1], y.shape[1])), 0.0
    bound = asked(X, y, tol, fit_intercept)
    for k in range(1, most + 1):
        at = theta + momentum * velocity if nesterov else theta
        velocity = momentum * velocity + rate * 2 / len(y) * Z.T @ (y - Z @ at)
        theta = theta + velocity
        if (np.linalg.norm(2 / len(y) * Z.T @ (y - Z @ theta), axis=0) <= bound).all():
            return k
    raise AssertionError


@pytest.mark.parametrize("solver", ["spectral", "loop"])
@pytest.mark.parametrize(("momentum", "nesterov"), [(0.0, False), (0.6, False), (0.6, True)])
@pytest.mark.parametrize(("t", "fit_intercept"), [(1, True), (2, True), (1, False)])
@pytest.mark.parametrize("shape", [(30, 4), (8, 70)])
def test_a_tolerance_ends_at_the_first_step_that_meets_it(solver, momentum, nesterov, t, fit_intercept, shape):
    X, y = data(*shape, t=t)
    rate = 0.5 / np.linalg.eigvalsh(X.T @ X / len(X) + np.outer(X.mean(axis=0), X.mean(axis=0)) + 1)[-1]
    options = {"scaling": None, "momentum": momentum, "nesterov": nesterov, "fit_intercept": fit_intercept}
    for tol in (0.3, 0.03, 0.01):
        k = first_small(X, y, rate, tol, momentum, nesterov, fit_intercept)
        model = GradientDescentRegressor(rate, tol=tol, solver=solver, **options).fit(X, y)
        assert model.n_iter_ == k
        # As many steps as that are enough, and all warnings are errors.
        exactly = GradientDescentRegressor(rate, tol=tol, max_iter=k, solver=solver, **options).fit(X, y)
        assert exactly.n_iter_ == k
        assert_allclose(exactly.coef_, model.coef_, rtol=1e-12)
        more = GradientDescentRegressor(rate, tol=tol, max_iter=k + 1, solver=solver, **options).fit(X, y)
        assert more.n_iter_ == k
        if k > 1:
            with pytest.warns(ConvergenceWarning, match="tol"):
                less = GradientDescentRegressor(rate, tol=tol, max_iter=k - 1, solver=solver, **options).fit(X, y)
            assert less.n_iter_ == k - 1


@pytest.mark.parametrize("solver", ["spectral", "loop"])
def test_a_tolerance_that_is_met_exactly_is_met(solver):
    # x = ±1 and y = 2x: ‖∇J(θ_k)‖ = 2·2·2⁻ᵏ at η = 1/4, and tol = 2⁻ᵏ asks for tol·2·1·2.
    x = np.array([1.0, -1.0, 1.0, -1.0])
    options = {"scaling": None, "fit_intercept": False, "solver": solver}
    if solver == "loop":  # the closed form knows 2⁻ᵏ to rounding only
        for k in (1, 2, 5, 10):
            assert GradientDescentRegressor(0.25, tol=2.0**-k, **options).fit(x[:, None], 2 * x).n_iter_ == k
            model = GradientDescentRegressor(0.25, tol=2.0**-k, max_iter=k, **options).fit(x[:, None], 2 * x)
            assert model.n_iter_ == k
    for k in (1, 2, 5, 10):
        tol = 2.0**-k
        assert GradientDescentRegressor(0.25, tol=tol * (1 + 1e-12), **options).fit(x[:, None], 2 * x).n_iter_ == k
        assert GradientDescentRegressor(0.25, tol=tol * (1 - 1e-12), **options).fit(x[:, None], 2 * x).n_iter_ == k + 1


@pytest.mark.parametrize(("momentum", "nesterov"), [(0.0, False), (0.6, False), (0.6, True)])
@pytest.mark.parametrize("shape", [(30, 4), (8, 70)])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_a_path_in_any_order_is_the_loops(momentum, nesterov, shape, fit_intercept):
    X, y = data(*shape, t=2)
    rate = 0.3 / np.linalg.eigvalsh(X.T @ X / len(X) + np.outer(X.mean(axis=0), X.mean(axis=0)) + 1)[-1]
    wanted = [7, 0, 300, 1, 1, 2, 299]
    options = {"momentum": momentum, "nesterov": nesterov, "fit_intercept": fit_intercept}
    for solver in ("spectral", "loop"):
        steps, coefs, intercepts, losses = gradient_descent_path(
            X, y, learning_rate=rate, iterations=wanted, scaling=None, solver=solver, **options
        )
        assert steps.tolist() == wanted
        for i, k in enumerate(wanted):
            theta, J = numpy_loop(X, y, rate, k, **options)
            slopes = theta[1:] if fit_intercept else theta
            assert_allclose(coefs[:, :, i].T, slopes, rtol=0, atol=1e-10 * max(np.abs(theta).max(), EPS))
            if fit_intercept:
                assert_allclose(intercepts[:, i], theta[0], rtol=0, atol=1e-10 * max(np.abs(theta).max(), EPS))
            assert losses[i] == pytest.approx(J[-1], rel=1e-10, abs=1e-14 * J[0])
            if k:
                model = GradientDescentRegressor(rate, max_iter=k, scaling=None, solver=solver, **options).fit(X, y)
                assert_allclose(model.coef_, coefs[:, :, i], rtol=0, atol=1e-12 * np.abs(model.coef_).max())


@pytest.mark.parametrize("k", [10**3, 10**6, 10**9, 10**12])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_far_iterates_are_those_of_forty_digits(k, momentum):
    # Two features at right angles, so that each coefficient is a descent by itself: θ_j(k) = θ_j*(1 − e(k)).
    mpmath = pytest.importorskip("mpmath")
    X = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]) * [1.0, 2.0**-6]
    y, rate = X @ [3.0, 5.0], 2.0**-2 / k
    model = GradientDescentRegressor(rate, momentum=momentum, scaling=None, fit_intercept=False, max_iter=k).fit(X, y)
    with mpmath.workdps(40):
        expected = []
        for target, size in ((3.0, 1.0), (5.0, 2.0**-12)):
            h = 2 * mpmath.mpf(rate) * size
            M = mpmath.matrix([[1 - h, momentum], [-h, momentum]])
            expected.append(float(target * (1 - (M**k)[0, 0])))
    assert_allclose(model.coef_, expected, rtol=1e-13)


@pytest.mark.parametrize("solver", ["spectral", "loop"])
def test_the_record_is_of_every_step_and_thinned_beyond_a_thousand(solver):
    X, y = data()
    for k in (1, 999, 1_000):
        model = GradientDescentRegressor(0.01, max_iter=k, solver=solver).fit(X, y)
        assert model.loss_curve_iterations_ == list(range(k + 1))
    steps = GradientDescentRegressor(0.01, max_iter=1_001, solver=solver).fit(X, y).loss_curve_iterations_
    assert steps[:10] == list(range(10))
    assert steps[-1] == 1_001
    assert 150 < len(steps) <= 252
    assert steps == sorted(set(steps))
    ratios = np.diff(np.log(steps[150:-1]))
    assert ratios.max() < 1.1 * np.log(1_001) / 249 + 1 / 300


@pytest.mark.parametrize("solver", ["spectral", "loop"])
def test_where_J_leaves_float64_the_error_tells_after_how_many_steps(solver):
    # e(k) = (1 − 2η)ᵏ = (−9)ᵏ and J = 4·81ᵏ, beyond 1.8e308 from k = 162 on.
    x = np.array([1.0, -1.0, 1.0, -1.0])
    options = {"scaling": None, "fit_intercept": False, "solver": solver}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(DivergenceError, match="infinite after 162 steps"):
            GradientDescentRegressor(5.0, max_iter=500, **options).fit(x[:, None], 2 * x)
        model = GradientDescentRegressor(5.0, max_iter=161, **options).fit(x[:, None], 2 * x)
    assert model.loss_ == pytest.approx(4 * 81.0**161, rel=1e-10)
    assert [w.category for w in caught] == [ConvergenceWarning]


def exact_iterate(X, y, rate, k):
    """Iterate k from zero, in 60 digits: θ* − θ is (I − 2ηA)ᵏθ* after k steps."""
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(60):
        Z, target = mpmath.matrix(X.tolist()), mpmath.matrix(y.tolist())
        A, b = Z.T * Z / len(X), Z.T * target / len(X)
        values, vectors = mpmath.eigsy(A)
        gap = vectors.T * b  # of an eigenvalue λ, (1 − (1 − 2ηλ)ᵏ)/λ of it is done
        tiny = mpmath.mpf(10) ** -40 * max(values)
        done = [-mpmath.expm1(k * mpmath.log1p(-2 * rate * v)) / v if v > tiny else 2 * rate * k for v in values]
        theta = vectors * mpmath.matrix([d * g for d, g in zip(done, gap, strict=True)])
        return np.array([float(value) for value in theta]), np.array([float(value) for value in Z * theta])


@pytest.mark.parametrize("large", [1e3, 1e4, 1e5])
@pytest.mark.parametrize("n_copies", [0, 1, 2])
def test_a_constant_column_beside_copies_keeps_the_digits_of_the_slow_modes(large, n_copies):
    """Without an intercept and unscaled its square is far larger than all others: their modes hardly contain it."""
    for seed in range(4):
        rng = np.random.default_rng(seed)
        n = 20 if seed % 2 else 4
        x = rng.standard_normal((n, 2))
        X, y = np.column_stack([x, *[x[:, 0]] * n_copies, np.full(n, large)]), 3.0 + rng.standard_normal(n)
        rate = 0.3 / large**2
        for k in (10, int(0.5 / rate), int(30 / rate)):
            model = GradientDescentRegressor(rate, max_iter=k, scaling=None, fit_intercept=False).fit(X, y)
            assert_allclose(model.predict(X), exact_iterate(X, y, rate, k)[1], rtol=0, atol=4e-14)


@pytest.mark.parametrize("large", [1e4, 1e6, 1e8])
@pytest.mark.parametrize("n_targets", [1, 2])
def test_without_an_intercept_small_rows_keep_their_digits_beside_large_ones(large, n_targets):
    """Half of the rows lie far from zero; the columns are nearly copies, their difference moves by the other half."""
    for seed in range(4):
        rng = np.random.default_rng(seed)
        x = rng.standard_normal((24, 2)) + large * (np.arange(24) < 12)[:, None]
        y = 1e8 + rng.standard_normal((24, n_targets))
        X = x / np.abs(x).max(axis=0)
        k = int(1e-4 * large**2)
        model = GradientDescentRegressor(0.25, max_iter=k, scaling=None, fit_intercept=False).fit(X, y)
        for coef, target in zip(model.coef_, y.T, strict=True):
            assert_allclose(coef, exact_iterate(X, target, 0.25, k)[0], rtol=1e-12)


@pytest.mark.parametrize("far", [1e5, 1e7, 1e9])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_far_start_leaves_no_rounding_in_what_has_arrived(far, momentum):
    """A warm start far out along the differences of columns that are nearly equal, where the limit lies near."""
    for seed in range(4):
        rng = np.random.default_rng(seed)
        x, e, f = rng.standard_normal((3, 12))
        X, y = np.column_stack([x, x + 1e-7 * e, x + 1e-7 * f]), x + 1e-7 * (30.0 * e - 20.0 * f)
        model = GradientDescentRegressor(0.1, max_iter=1, scaling=None, fit_intercept=False, warm_start=True).fit(X, y)
        model.coef_ = far * np.array([1.0, -0.3, -0.7])
        slowest = 0.1 * np.linalg.svd(X, compute_uv=False)[-1] ** 2 / 6.0 / (1.0 - momentum)
        model.set_params(max_iter=int(33.0 / slowest), momentum=momentum).fit(X, y)
        assert_allclose(model.predict(X), y, rtol=0, atol=1e-12)
