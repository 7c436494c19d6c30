"""Modes: curvature, rank and condition are those of NumPy's eigenvalues, and roots keep the digits of small ones."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning
from textbook import numpy_loop, scaled

from gdlearn import GradientDescentRegressor, Moments, gradient_descent_path
from gdlearn._coordinates import Coordinates
from gdlearn._modes import modes_of_matrix, modes_of_root, singular_values
from gdlearn._quadratic import Quadratic

SCALINGS = [None, "standard", "minmax", "maxabs"]
EPS = np.finfo(float).eps


def hessian(X, scaling, fit_intercept, weights=None):
    """∇²J = 2 Z̃ᵀWZ̃/ΣW of the scaled features."""
    Z, _, _ = scaled(X, scaling, weights, shift=fit_intercept)
    Z = np.column_stack([np.ones(len(Z)), Z]) if fit_intercept else Z
    w = np.ones(len(Z)) if weights is None else weights
    return 2 * Z.T @ (w[:, None] * Z) / w.sum()


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("source", "shape"),
    [("rows", (40, 5)), ("rows", (6, 5)), ("rows", (4, 80)), ("moments", (40, 5)), ("root", (40, 5)), ("root", (5, 5))],
)
def test_rate_condition_and_rank_are_those_of_the_hessian(scaling, fit_intercept, shape, weighted, source):
    rng = np.random.default_rng(0)
    X = rng.normal(size=shape) * np.geomspace(0.3, 3, shape[1]) + 0.5
    y, w = rng.normal(size=shape[0]), rng.integers(1, 4, shape[0]).astype(float) if weighted else None
    model = GradientDescentRegressor(scaling=scaling, fit_intercept=fit_intercept)
    if source == "rows":
        model.fit(X, y, w)
    else:
        model.fit_moments(Moments.from_data(X, y, w, root=source == "root"))
    H = hessian(X, scaling, fit_intercept, w)
    values = np.linalg.eigvalsh(H)[::-1]
    rank = int((values > 1e-10 * values[0]).sum())
    assert model.learning_rate_ == pytest.approx(1 / values[0], rel=1e-10)
    assert model.max_stable_learning_rate_ == pytest.approx(2 / values[0], rel=1e-10)
    assert model.condition_number_ == pytest.approx(values[0] / values[rank - 1], rel=1e-6)
    # rank_ is that of the features alone: about their means with an intercept
    features = X - np.average(X, axis=0, weights=w) if fit_intercept else X
    assert model.rank_ == np.linalg.matrix_rank(features, tol=1e-9)


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("gap", [1e-5, 1e-7, 1e-9])
def test_nearly_collinear_features_keep_their_condition_number(scaling, gap):
    mpmath = pytest.importorskip("mpmath")
    rng = np.random.default_rng(1)
    u, v = np.linalg.qr(rng.normal(size=(60, 2)) - rng.normal(size=(60, 2)).mean(axis=0))[0].T
    u, v = u - u.mean(), v - v.mean()
    X = np.column_stack([u, u + gap * v]) * [1.0, 8.0]
    model = GradientDescentRegressor(scaling=scaling).fit(X, u + v)
    Z, _, _ = scaled(X, scaling)
    Z = np.column_stack([np.ones(60), Z])
    with mpmath.workdps(50):
        A = mpmath.matrix(Z.tolist())
        values = sorted(mpmath.eigsy(A.T * A, eigvals_only=True))
        condition = float(values[-1] / values[0])
    assert model.condition_number_ == pytest.approx(condition, rel=1e-4 + EPS / gap * 100)


@pytest.mark.parametrize("k", [1, 1_000, 10**7])
@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize(
    ("offset", "size", "gap", "digits"),
    [(0.0, 1.0, 1e-4, 1e-8), (100.0, 1.0, 1e-4, 1e-8), (0.0, 2.0**-10, 1e-3, 1e-10)],
)
def test_iterates_of_nearly_collinear_features_are_those_of_sixty_digits(
    k, scaling, fit_intercept, offset, size, gap, digits
):
    mpmath = pytest.importorskip("mpmath")
    rng = np.random.default_rng(2)
    X = rng.normal(size=(20, 3))
    X[:, 2] = X[:, 0] + gap * X[:, 2]
    X = (X + offset) * size
    y = X @ [1.0, 2.0, 3.0] / size + rng.normal(size=20)
    Z, shift, scale = scaled(X, scaling, shift=fit_intercept)
    Z = np.column_stack([np.ones(20), Z]) if fit_intercept else Z
    rate = 0.4 / np.linalg.eigvalsh(Z.T @ Z / 10)[-1]
    _, coefs, intercepts, losses = gradient_descent_path(
        X, y, learning_rate=rate, iterations=[k], scaling=scaling, fit_intercept=fit_intercept
    )
    with mpmath.workdps(60):
        exact = [[mpmath.mpf(v) for v in row] for row in X.tolist()]
        s, c = [mpmath.mpf(v) for v in shift.tolist()], [mpmath.mpf(v) for v in scale.tolist()]
        rows = [[(v - a) / b for v, a, b in zip(row, s, c, strict=True)] for row in exact]
        A = mpmath.matrix([[1, *row] for row in rows] if fit_intercept else rows)
        b = mpmath.matrix(y.tolist())
        H, g = 2 * A.T * A / 20, 2 * A.T * b / 20
        M = (mpmath.eye(H.rows) - mpmath.mpf(rate) * H) ** k  # θ_k = (I − Mᵏ)H⁻¹g
        theta = (mpmath.eye(H.rows) - M) * mpmath.lu_solve(H, g)
        r = b - A * theta
        J = float(sum(v * v for v in r) / 20)
        slopes = [theta[j + fit_intercept] / c[j] for j in range(3)]
        start = float(theta[0] - sum(a * v for a, v in zip(s, slopes, strict=True))) if fit_intercept else 0.0
        slopes = np.array([float(v) for v in slopes])
    # The scale itself is rounded, and η‖∇²J‖k times that is what an iterate on its way may differ by.
    assert_allclose(coefs[:, 0], slopes, rtol=0, atol=digits * np.abs(slopes).max())
    assert intercepts[0] == pytest.approx(start, rel=digits, abs=digits * (1 + offset) * size * np.abs(slopes).max())
    assert losses[0] == pytest.approx(J, rel=1e-7)


def test_a_root_gives_singular_values_to_their_last_digits_and_its_own_doubt():
    # M = U diag(1, 2⁻²⁰) Vᵀ with exact U and V; the third column is zero.
    M = np.array([[1.0, 1.0, 0.0], [1.0, -1.0, 0.0]]) @ np.diag([1.0, 1.0, 0.0])
    M[0] *= 1.0
    M[1] *= 2.0**-20
    q = np.array([[3.0], [2.0**-20]])
    modes = modes_of_root(M, q, np.ones(3), 100)
    assert_allclose(modes.eigenvalues, [2.0, 2.0**-39], rtol=1e-14)
    assert_allclose(np.abs(modes.vectors[:2]), np.full((2, 2), 0.5**0.5), rtol=1e-14)
    assert modes.vectors[2].tolist() == [0.0, 0.0]
    assert_allclose(modes.combine(modes.optimum)[:, 0], [2.0, 1.0, 0.0], rtol=1e-9)
    assert modes.minimum[0] == pytest.approx(0.0, abs=1e-30)
    assert modes.smallest == pytest.approx(2.0**-40, rel=1e-12)
    assert not modes.complete
    assert modes.condition_number == pytest.approx(2.0**40, rel=1e-12)
    # The factorisation of 2 rows, and of the 100 behind them, rounds by ε of the largest singular value, √2.
    factorisation = EPS * (5 * 2**0.5 + 2 * 10) * 2**0.5
    assert_allclose(modes.doubt, factorisation / np.sqrt([2.0, 2.0**-39]), rtol=1e-9)
    assert modes.error == pytest.approx(factorisation / 2.0**-19.5, rel=1e-9)
    without = modes.without(1)
    assert without.eigenvalues.tolist() == modes.eigenvalues[:1].tolist()
    assert_allclose(without.minimum, [2.0**-40], rtol=1e-9)  # ‖(2⁻²⁰ of q)‖², which the mode explained
    assert_allclose(without.given_up, modes.vectors[:, 1:])


@pytest.mark.parametrize(("times", "held"), [(3.0, True), (0.3, False)])
def test_a_direction_is_held_if_it_is_larger_than_the_rounding_of_its_features(times, held):
    factorisation = EPS * (20 * 2**0.5 + 4 * 10)
    for sizes, noise in ((np.array([1.0, 1e-3]), factorisation), (np.array([1.0, 1e4]), factorisation + 1e4 * EPS)):
        M = np.diag([1.0, times * noise])
        modes = modes_of_root(M, M @ [[1.0], [1.0]], sizes, 100)
        assert len(modes.eigenvalues) == 1 + held
        if sizes[1] > 1.0 and not held:  # it was a direction before the features were rounded
            assert_allclose(np.abs(modes.given_up[:, 0]), [0.0, 1.0])
        else:
            assert modes.given_up.shape[1] == 0


def quadratic(eigenvalues):
    """J of two centred features whose second moments these are."""
    coordinates = Coordinates(np.zeros(2), np.ones(2), np.zeros(2, int), np.zeros(1, int), True, True)
    A = np.diag(eigenvalues)
    return Quadratic(np.zeros(2), np.ones(1), A, A @ np.ones((2, 1)), np.array([9.0]), coordinates)


@pytest.mark.parametrize("n", [4, 100, 10**8])
@pytest.mark.parametrize(("times", "held"), [(3.0, True), (0.3, False)])
def test_squares_hold_a_direction_that_is_larger_than_the_rounding_of_sums_over_so_many_rows(n, times, held):
    noise = EPS * (32 + 2 * n**0.5)
    modes = modes_of_matrix(quadratic([1.0, times * noise]), n)
    assert len(modes.eigenvalues) == 2 + held  # and the intercept's
    assert modes.is_lossy
    assert modes.doubt.max() == pytest.approx(noise / modes.eigenvalues[-1], rel=1e-12)


def test_squares_have_lost_no_direction_that_so_few_rows_cannot_have():
    """Two rows about their mean have one direction, three have two."""
    assert not modes_of_matrix(quadratic([1.0, 0.5]), 3).is_lossy
    assert not modes_of_matrix(quadratic([1.0, 1e-20]), 2).is_lossy
    assert modes_of_matrix(quadratic([1.0, 1e-20]), 3).is_lossy


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("level", [-3.7, 0.4, 5.0])
def test_the_loss_on_the_way_is_that_of_the_rows_however_far_y_lies(scaling, fit_intercept, level):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 3)) + 1.0
    y = X @ [1.0, -1.0, 0.5] + rng.standard_normal(30) + level
    model = GradientDescentRegressor(0.05, max_iter=5, scaling=scaling, fit_intercept=fit_intercept).fit(X, y)
    Z, _, _ = scaled(X, scaling, shift=fit_intercept)
    _, losses = numpy_loop(Z, y, 0.05, 5, fit_intercept=fit_intercept)
    assert_allclose(model.loss_curve_, losses, rtol=1e-12)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_iterates_of_a_y_far_from_zero_are_the_same_in_any_unit(scaling):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 3)) + 1.0
    y = X @ [1.0, -1.0, 0.5] + rng.standard_normal(30) + 1000.0
    small, large = (GradientDescentRegressor(0.05, max_iter=20, scaling=scaling).fit(X, c * y) for c in (1.0, 2.0**40))
    assert (large.coef_ == 2.0**40 * small.coef_).all()


def test_a_hundred_powers_of_ten_between_the_features_are_no_condition():
    rng = np.random.default_rng(3)
    Q = np.linalg.qr(np.column_stack([np.ones(16), rng.normal(size=(16, 3))]))[0][:, 1:] * 4
    X, y = Q * [1.0, 1e-60, 1e60], Q @ [1.0, 2.0, 3.0]
    model = GradientDescentRegressor(scaling=None, learning_rate=1e-122, max_iter=1).fit(X, y)
    assert model.max_stable_learning_rate_ == pytest.approx(1e-120, rel=1e-12)
    limit = GradientDescentRegressor(scaling=None).fit(X, y)
    assert_allclose(limit.coef_ * [1.0, 1e-60, 1e60], [1.0, 2.0, 3.0], rtol=1e-12)
    assert limit.condition_number_ == pytest.approx(1e240, rel=1e-9)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("noise", [0.0, 1e-7, 1e-3])
def test_a_small_least_loss_has_its_digits(fit_intercept, noise):
    mpmath = pytest.importorskip("mpmath")
    rng = np.random.default_rng(4)
    X = np.round(64 * rng.normal(size=(50, 3))) / 64 + 2
    y = X @ [1.0, -2.0, 4.0] + 1000.0 * fit_intercept + noise * rng.normal(size=50)
    Z = np.column_stack([np.ones(50), X]) if fit_intercept else X
    with mpmath.workdps(40):
        A, b = mpmath.matrix(Z.tolist()), mpmath.matrix(y.tolist())
        r = b - A * mpmath.lu_solve(A.T * A, A.T * b)
        least = float(sum(v * v for v in r) / 50)
    for scaling in SCALINGS:
        for options in ({}, {"max_iter": 10**15}):
            model = GradientDescentRegressor(scaling=scaling, fit_intercept=fit_intercept, **options).fit(X, y)
            assert model.loss_ == pytest.approx(least, rel=1e-5, abs=(4 * EPS * np.abs(y).max()) ** 2)
    of_moments = GradientDescentRegressor(fit_intercept=fit_intercept).fit_moments(Moments.from_data(X, y, root=True))
    assert of_moments.loss_ == pytest.approx(least, rel=1e-3, abs=(100 * EPS * np.abs(y).max()) ** 2)


@pytest.mark.parametrize("scaling", [None, "maxabs"])
def test_an_offset_of_y_costs_the_loss_without_an_intercept_no_digit(scaling):
    mpmath = pytest.importorskip("mpmath")
    for seed in range(30):
        rng = np.random.default_rng(seed)
        X = np.column_stack([np.ones(20), np.round(64 * rng.normal(size=(20, 2))) / 64 + 10])
        y = X @ rng.normal(size=3) + 30 + 3 * rng.normal(size=20)
        with mpmath.workdps(40):
            A, b = mpmath.matrix(X.tolist()), mpmath.matrix(y.tolist())
            r = b - A * mpmath.lu_solve(A.T * A, A.T * b)
            least = float(mpmath.sqrt(sum(v * v for v in r) / 20))
        model = GradientDescentRegressor(scaling=scaling, fit_intercept=False).fit(X, y)
        assert model.loss_**0.5 == pytest.approx(least, rel=0, abs=32 * EPS * np.mean(y**2) ** 0.5)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("apart", "k"), [(4e5, 400_000), (1e8, 10**9)])
def test_rows_near_zero_keep_their_digits_beside_others_far_from_it(apart, k, weighted):
    """The slopes are what the residuals of the small rows make of them: a mean over all rows would round those."""
    mpmath = pytest.importorskip("mpmath")
    rng = np.random.default_rng(0)
    X = rng.standard_normal((28, 2))
    X[:14] = np.round(64 * X[:14]) / 64 + apart
    y, w = X @ [2.0, 1.0] + rng.standard_normal(28) + 1e8, rng.integers(1, 4, 28).astype(float)
    w = w if weighted else np.ones(28)
    rate = 0.4 * len(X) / np.linalg.norm(np.column_stack([np.ones(28), X]), 2) ** 2 / w.max() * w.mean()
    model = GradientDescentRegressor(rate, max_iter=k, scaling=None).fit(X, y, w if weighted else None)
    with mpmath.workdps(80):
        Z, W = mpmath.matrix([[1, *row] for row in X.tolist()]), mpmath.diag(w.tolist()) / sum(w)
        H, g = 2 * Z.T * W * Z, 2 * Z.T * W * mpmath.matrix(y.tolist())
        left = (mpmath.eye(3) - mpmath.mpf(rate) * H) ** k
        theta = (mpmath.eye(3) - left) * mpmath.lu_solve(H, g)
        exact = [float(v) for v in theta]
    assert_allclose([model.intercept_, *model.coef_], exact, rtol=1e-12)


def test_even_the_small_entries_of_singular_vectors_have_their_digits():
    """As of one feature a hundred thousand times as large as the others: |ΔV_ij| is ε of s_j over column i's norm."""
    mpmath = pytest.importorskip("mpmath")
    M = np.array(
        [
            [-5.79582697e05, -2.61541384e01, -7.07220098e00, -1.56431798e01],
            [3.53718789e04, 1.40376984e00, -2.61967198e00, 3.48212873e00],
            [-3.98856358e04, 2.46452550e-01, 1.28055035e-01, 7.06392806e-01],
            [-4.22942305e03, 7.22475937e-01, -4.72105977e-02, -2.37216336e-01],
        ]
    )
    with mpmath.workdps(60):
        A = mpmath.matrix(M.tolist())
        squares, vectors = mpmath.eigsy(A.T * A)
        exact = np.array(vectors.tolist(), dtype=float)[:, ::-1]
        s = np.array([float(mpmath.sqrt(v)) for v in squares])[::-1]
    found, U, V = singular_values(M)
    assert_allclose(found, s, rtol=4 * EPS)
    assert_allclose(U * found, M @ V, rtol=0, atol=1e-10)
    largest = np.abs(exact).argmax(axis=0), np.arange(4)
    exact *= np.sign(exact[largest] * V[largest])
    size = np.minimum(1.0, s / np.linalg.norm(M, axis=0)[:, None])
    assert (np.abs(V - exact) <= 500 * EPS * size).all()


def test_overflow_of_the_squares_is_refused_and_not_a_number_is_never_returned():
    x = np.array([1.0, 2.0, 3.0, 5.0])
    for size in (1e154, 1e160, 1e300):
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            with pytest.raises(ValueError, match='scaling="standard"'):
                GradientDescentRegressor(scaling=None).fit(size * x[:, None], x)
            assert GradientDescentRegressor().fit(size * x[:, None], x).coef_[0] == pytest.approx(1 / size, rel=1e-14)


@pytest.mark.parametrize("shape", [(20, 3), (3, 90), (300, 200)])
@pytest.mark.parametrize(
    "options", [{}, {"learning_rate": 1e-300, "max_iter": 1}, {"learning_rate": "exact", "max_iter": 1}]
)
def test_squares_that_overflow_are_refused_on_every_route(shape, options):
    # The last shape with one step is descended on the rows alone, where only products with X tell how large L is.
    X = np.random.default_rng(0).normal(size=shape)
    for size in (1e154, 3e154, 1e160, 1e300):
        with pytest.raises(ValueError, match="squares of the features overflow"):
            GradientDescentRegressor(scaling=None, **options).fit(size * X, X[:, 0])
    if options == {"learning_rate": 1e-300, "max_iter": 1}:
        model = GradientDescentRegressor(1e-290, scaling=None, max_iter=1).fit(1e140 * X, X[:, 0])
        assert_allclose(model.coef_, 2e-150 * X.T @ X[:, 0] / len(X), rtol=1e-10)


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("shape", [(12, 2), (3, 80)])
@pytest.mark.parametrize("value", [0.0, 7.0])
def test_features_that_do_not_vary_leave_at_most_the_mean(scaling, fit_intercept, shape, value):
    rng = np.random.default_rng(6)
    X, y = np.full(shape, value), rng.normal(size=shape[0]) + 3
    for options in ({}, {"max_iter": 10**9}, {"init": np.full(shape[1] + fit_intercept, 2.0)}):
        model = GradientDescentRegressor(scaling=scaling, fit_intercept=fit_intercept, **options).fit(X, y)
        moves = fit_intercept or value != 0
        fitted = y.mean() if moves else 0.0
        assert_allclose(model.predict(X), fitted, rtol=1e-12)
        assert model.loss_ == pytest.approx(np.mean((y - fitted) ** 2), rel=1e-12)
        if "init" not in options and shape == (12, 2):
            of_moments = GradientDescentRegressor(scaling=scaling, fit_intercept=fit_intercept, **options)
            of_moments.fit_moments(Moments.from_data(X, y, root=True))
            assert_allclose(of_moments.predict(X), fitted, rtol=1e-12)
        if value == 0.0 or (fit_intercept and scaling in ("standard", "minmax")):
            assert (model.coef_ == (2.0 if "init" in options else 0.0)).all()


def test_more_rows_give_no_more_directions_than_there_are():
    rng = np.random.default_rng(5)
    for n in (2, 3, 4, 5):
        X, y = rng.normal(size=(n, 4)), rng.normal(size=n)
        for fit_intercept in (True, False):
            with warnings.catch_warnings():
                warnings.simplefilter("error", ConvergenceWarning)
                model = GradientDescentRegressor(fit_intercept=fit_intercept).fit(X, y)
            assert model.rank_ == min(n - fit_intercept, 4)
