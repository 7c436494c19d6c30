"""Proximal steps: the minimum under an L1 penalty to the last digit, beside coordinate descent and 50 digits."""

import warnings
from itertools import islice

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_diabetes
from sklearn.linear_model import ElasticNet

from gdlearn._coordinates import Coordinates
from gdlearn._descent import Status, StepsDone, descend
from gdlearn._moments import moments_of
from gdlearn._penalty import Penalty
from gdlearn._proximal import ProximalSteps
from gdlearn._quadratic import Quadratic
from gdlearn._rows import Rows
from gdlearn._slopes import MatrixSlopes, RowSlopes
from gdlearn._statistics import statistics_of

SETTLING = 15  # accelerated steps before others where there is a matrix

MANY = StepsDone(2000, Status.NOT_CONVERGED)


def slopes_of(X, y):
    """Of centred X and y."""
    y = y.reshape(len(y), -1)
    return MatrixSlopes(X.T @ X / len(X), X.T @ y / len(X), (y * y).mean(axis=0))


def largest(X, y):
    return np.abs(X.T @ y).max() / len(X)


def small(penalty, tol):
    """The end at a violation of at most `tol`, relative to 2t."""

    def end(iterate, rate):
        missed = penalty.violation(iterate.theta, iterate.gradient) / (2 * penalty.lasso)
        return Status.CONVERGED if iterate.n_steps and missed.max() <= tol else None

    return end


def solve(X, y, penalty, *ends, start=None):
    slopes = slopes_of(X, y)
    start = np.zeros(slopes.cross.shape) if start is None else start
    return descend(ProximalSteps(slopes, penalty, start), *ends, MANY)


def objective(X, y, theta, ridge, lasso):
    return np.mean((y - X @ theta) ** 2) + np.sum(ridge * theta**2) + 2 * np.sum(lasso * np.abs(theta))


def certificate(X, y, theta, ridge, lasso):
    """By the rows: how much each slope misses, relative to 2t."""
    g = X.T @ (X @ theta - y) / len(X) + ridge * theta
    return np.where(theta == 0, np.maximum(np.abs(g) - lasso, 0), np.abs(g + lasso * np.sign(theta))) / lasso


def centred(X, y):
    X, y = X - X.mean(axis=0), y - y.mean(axis=0)
    size = X.std(axis=0)
    return X / np.where(size > 0, size, 1), y


def problem(seed):
    """Independent, correlated and nearly collinear features, fewer or more than the rows, with sparse slopes."""
    rng = np.random.default_rng(seed)
    n, d = int(rng.integers(20, 120)), int(rng.integers(1, 60))
    X = rng.normal(size=(n, d))
    X = (X, X.cumsum(axis=1), X @ rng.normal(size=(d, d)), X + 5 * X[:, :1])[seed % 4]
    y = X @ (rng.normal(size=d) * (rng.random(d) < 0.5))
    return centred(X, y + rng.normal(size=n) * (0.1 + y.std()) * rng.choice([0.01, 0.5]))


def reference(X, y, ridge, lasso):
    """By coordinate descent, to where it comes."""
    alpha = ridge + lasso
    model = ElasticNet(alpha=alpha, l1_ratio=lasso / alpha, fit_intercept=False, tol=1e-12, max_iter=20_000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X, y).coef_


@pytest.mark.parametrize("seed", range(60))
def test_nothing_is_below_the_minimum(seed):
    X, y = problem(seed)
    lasso = largest(X, y) * (0.5, 0.1, 0.01)[seed % 3]
    ridge = (0.0, 0.3)[seed % 2] * lasso
    descent = solve(X, y, Penalty(ridge, lasso))
    theta = descent.last.theta[:, 0]
    assert descent.status is Status.LIMIT
    assert descent.last.n_steps <= 300
    miss = certificate(X, y, theta, ridge, lasso)
    assert miss.max() <= 1e-10
    other = reference(X, y, ridge, lasso)
    assert objective(X, y, theta, ridge, lasso) <= objective(X, y, other, ridge, lasso) * (1 + 1e-10)
    if certificate(X, y, other, ridge, lasso).max() < 1e-7:  # it has arrived: then the two agree where J tells
        slope = np.abs(X.T @ (y - X @ theta) / len(X) - ridge * theta) / lasso
        assert not other[slope < 1 - 1e-5].any()
        assert not theta[slope < 1 - 1e-5].any()
        if np.linalg.matrix_rank(X[:, slope >= 1 - 1e-5], tol=1e-3) == np.sum(slope >= 1 - 1e-5):
            assert (np.sign(theta) == np.sign(other))[np.abs(other) > 1e-3 * np.abs(other).max()].all()


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
@pytest.mark.parametrize("part", [0.9, 0.1, 1e-2, 1e-4])
def test_diabetes(part, l1_ratio):
    X, y = centred(*load_diabetes(return_X_y=True))
    lasso = largest(X, y) * part
    ridge = lasso * (1 - l1_ratio) / l1_ratio
    theta = solve(X, y, Penalty(ridge, lasso)).last.theta[:, 0]
    other = reference(X, y, ridge, lasso)
    np.testing.assert_allclose(theta, other, rtol=1e-5, atol=1e-6 * np.abs(other).max())
    assert objective(X, y, theta, ridge, lasso) <= objective(X, y, other, ridge, lasso) * (1 + 1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_the_certificate_in_fifty_digits(seed):
    X, y = problem(seed)
    mpmath = pytest.importorskip("mpmath")
    mpf, X, y = mpmath.mpf, X[:30, :6], y[:30]
    lasso, ridge = largest(X, y) * 0.05, 0.001 * (seed % 2)
    theta = solve(X, y, Penalty(ridge, lasso)).last.theta[:, 0]
    with mpmath.workdps(50):
        rest = [mpf(y[n]) - mpmath.fdot(map(mpf, X[n]), map(mpf, theta)) for n in range(len(X))]
        for j, value in enumerate(theta):
            partial = mpf(ridge) * mpf(value) - mpmath.fdot(map(mpf, X[:, j]), rest) / len(X)
            miss = abs(partial + mpf(lasso) * mpmath.sign(value)) if value else max(abs(partial) - mpf(lasso), 0)
            assert miss <= 1e-10 * lasso


def hard(kind):
    rng = np.random.default_rng(3)
    if kind == "condition 1e12":
        U, V = (np.linalg.qr(rng.normal(size=shape))[0] for shape in [(300, 50), (50, 50)])
        X = U * np.geomspace(1, 1e-6, 50) @ V.T
    elif kind == "near copies":
        X = rng.normal(size=(300, 30))
        X = np.hstack([X, X + 1e-6 * rng.normal(size=X.shape)])
    elif kind == "powers":
        X = rng.uniform(-1, 1, size=(300, 1)) ** np.arange(1, 20)
    elif kind == "scales":
        X = rng.normal(size=(300, 40)) @ rng.normal(size=(40, 40)) * 10.0 ** rng.uniform(-5, 5, size=40)
    elif kind == "wide":
        X = rng.normal(size=(40, 200)).cumsum(axis=1)
    else:  # combinations of others
        X = rng.integers(-2, 3, size=(60, 10)) @ rng.integers(-1, 2, size=(10, 30)).astype(float)
    y = X @ (rng.normal(size=X.shape[1]) * (rng.random(X.shape[1]) < 0.3))
    X, y = X - X.mean(axis=0), y + 0.1 * y.std() * rng.normal(size=len(X))
    return (X if kind == "scales" else centred(X, y)[0]), y - y.mean()


@pytest.mark.parametrize("part", [0.3, 0.01, 1e-4])
@pytest.mark.parametrize("kind", ["condition 1e12", "near copies", "powers", "scales", "wide", "combinations"])
def test_nearly_collinear_features(kind, part):
    X, y = hard(kind)
    lasso = largest(X, y) * part
    descent = solve(X, y, Penalty(0.0, lasso))
    theta = descent.last.theta[:, 0]
    assert descent.status is Status.LIMIT
    assert descent.last.n_steps <= 300
    assert certificate(X, y, theta, 0.0, lasso).max() <= 1e-14 / part * (1e3 if kind == "scales" else 20)
    other = reference(X, y, 0.0, lasso)
    assert objective(X, y, theta, 0.0, lasso) <= objective(X, y, other, 0.0, lasso) * (1 + 1e-10)


def test_more_features_than_rows():
    rng = np.random.default_rng(6)
    rng.integers(5, 60)
    X = rng.normal(size=(30, 100))
    X, y = centred(X, X @ (rng.normal(size=100) * (rng.random(100) < 0.4)))
    y += rng.normal(size=30) * y.std() * rng.choice([0.0, 0.01, 0.3])
    y -= y.mean()
    lasso = 1e-3 * largest(X, y)
    descent = solve(X, y, Penalty(0.0, lasso))
    assert descent.status is Status.LIMIT
    assert certificate(X, y, descent.last.theta[:, 0], 0.0, lasso).max() <= 1e-11


@pytest.mark.parametrize("part", [0.1, 1e-2, 1e-4])
def test_ordinary_data_need_one_step_after_the_accelerated_ones(part):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 50))
    for j in range(1, 50):
        X[:, j] = 0.9 * X[:, j - 1] + np.sqrt(0.19) * X[:, j]
    X, y = centred(X, X @ rng.normal(size=50) + rng.normal(size=2000))
    descent = solve(X, y, Penalty(0.0, part * largest(X, y)))
    assert (descent.status, descent.last.n_steps) == (Status.LIMIT, SETTLING + 1)


@pytest.mark.parametrize("part", [0.1, 1e-3])
@pytest.mark.parametrize("scaling", ["standard", "minmax", None])
def test_where_all_rows_are_fitted_one_slope_comes_before_another_goes(scaling, part):
    """Features that are to make up for an intercept are as many as the rows, and not the right ones at first."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 200))
    y = X[:, :5] @ rng.normal(size=5) + rng.normal(size=40)
    y += 100 * y.std()
    rows = Rows.of(X, y, None)
    statistics = statistics_of(rows, extremes=True)
    coordinates = Coordinates.learned(scaling, statistics, False)
    Z = X / coordinates.scale
    lasso = part * np.abs(Z.T @ (y - y.mean())).max() / 40
    steps = ProximalSteps(RowSlopes.of(rows, statistics, coordinates), Penalty(0.0, lasso), np.zeros((200, 1)))
    descent = descend(steps, MANY)
    assert descent.status is Status.LIMIT
    assert certificate(Z, y, descent.last.theta[:, 0], 0.0, lasso).max() <= 1e-9


def test_exact_copies_share_what_one_would_get():
    X, y = problem(4)
    lasso = largest(X, y) * 0.05
    alone = solve(X, y, Penalty(0.0, lasso)).last.theta[:, 0]
    descent = solve(np.hstack([X, X, -X]), y, Penalty(0.0, lasso))
    again = solve(np.hstack([X, X, -X]), y, Penalty(0.0, lasso))
    first, second, third = descent.last.theta[:, 0].reshape(3, -1)
    assert descent.status is Status.LIMIT
    np.testing.assert_allclose(first + second - third, alone, atol=1e-10)
    np.testing.assert_array_equal(descent.last.theta, again.last.theta)


@pytest.mark.parametrize("part", [0.125, 0.25, 0.5, 1.0, 0.1, 0.3])
def test_features_at_right_angles_are_shrunk_by_t(part):
    """Also where a slope would leave 0 at exactly this t."""
    H = np.ones((1, 1))
    for _ in range(5):
        H = np.block([[H, H], [H, -H]])
    X = H[:, 1:]
    slopes = np.resize([4.0, -2.0, 1.0, 0.5], 31)
    theta = solve(X, X @ slopes, Penalty(0.25, 4.0 * part)).last.theta[:, 0]
    expected = np.sign(slopes) * np.maximum(np.abs(slopes) - 4.0 * part, 0) / 1.25
    np.testing.assert_allclose(theta, expected, rtol=1e-14, atol=0)


def test_slopes_are_charged_each_its_own():
    X, y = problem(8)
    size = np.random.default_rng(0).uniform(0.5, 2, X.shape[1])
    lasso = 0.1 * largest(X, y)
    theta = solve(X, y, Penalty(0.0, lasso * size[:, None])).last.theta[:, 0]
    np.testing.assert_allclose(theta, reference(X / size, y, 0.0, lasso) / size, atol=1e-7)


def test_a_constant_feature_keeps_slope_zero_or_loses_the_one_it_had():
    X, y = problem(4)
    X = np.hstack([X, np.zeros((len(X), 1))])
    lasso = 0.1 * largest(X, y)
    zero = solve(X, y, Penalty(0.0, lasso))
    assert zero.last.theta[-1] == 0
    some = solve(X, y, Penalty(0.0, lasso), start=np.full((X.shape[1], 1), 0.5))
    assert some.status is Status.LIMIT
    assert some.last.theta[-1] == 0
    np.testing.assert_allclose(some.last.theta, zero.last.theta, atol=1e-12)
    nothing = solve(np.zeros((9, 2)), np.zeros(9), Penalty(0.0, 1.0), start=np.ones((2, 1)))
    assert nothing.status is Status.LIMIT
    assert not nothing.last.theta.any()


@pytest.mark.parametrize("start", [0.0, 1.0])
@pytest.mark.parametrize("part", [1.0, 1.5])
def test_no_slope_is_worth_a_large_alpha(part, start):
    X, y = problem(4)
    descent = solve(X, y, Penalty(0.0, part * largest(X, y)), start=np.full((X.shape[1], 1), start))
    assert descent.status is Status.LIMIT
    assert not descent.last.theta.any()
    assert start or descent.last.n_steps == 0


def test_where_another_descent_has_arrived_nothing_is_left_to_do():
    X, y = problem(5)
    penalty = Penalty(0.0, 0.02 * largest(X, y))
    theta = solve(X, y, penalty).last.theta
    again = solve(X, y, penalty, start=theta)
    assert again.last.n_steps == 0
    near = solve(X, y, Penalty(0.0, 0.019 * largest(X, y)), start=theta)
    assert near.last.n_steps <= 2


def test_every_column_is_by_itself():
    rng = np.random.default_rng(0)
    X, _ = problem(6)
    Y = X @ rng.normal(size=(X.shape[1], 4)) + rng.normal(size=(len(X), 4)) * [1e-3, 1, 10, 1]
    Y[:, 3] = 0
    Y -= Y.mean(axis=0)
    lasso, ridge = np.array([0.01, 0.5, 2.0, 1.0]), np.array([0.0, 0.1, 1.0, 0.0])
    together = solve(X, Y, Penalty(ridge, lasso)).last.theta
    for i in range(4):
        alone = solve(X, Y[:, i], Penalty(ridge[i], lasso[i])).last.theta[:, 0]
        np.testing.assert_allclose(together[:, i], alone, atol=1e-11 * np.abs(alone).max(initial=1e-300))
        np.testing.assert_array_equal(together[:, i] == 0, alone == 0)


def sparse_data(n=80, d=30, t=2):
    rng = np.random.default_rng(2)
    X = rng.exponential(size=(n, d)) * (rng.random((n, d)) < 0.3) * rng.uniform(0.1, 10, d)
    X[:, 3] += 100.0  # all full and far from zero
    y = 3.0 + X @ rng.normal(size=(d, t)) + rng.normal(size=(n, t))
    return X, y, rng.integers(0, 4, n) * 0.7


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array, sparse.csc_array])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("scaling", ["standard", "minmax", None])
@pytest.mark.parametrize("weighted", [True, False])
def test_rows_and_moments_tell_the_same(kind, fit_intercept, scaling, weighted):
    X, y, weight = sparse_data()
    rows = Rows.of(kind(X), y, weight if weighted else None)
    statistics = statistics_of(rows)
    coordinates = Coordinates.learned(scaling, statistics, fit_intercept)
    on_rows = RowSlopes.of(rows, statistics, coordinates)
    on_matrix = MatrixSlopes.of(Quadratic.of(moments_of(rows), coordinates))
    penalty = Penalty(0.1, 0.1 * np.abs(on_matrix.cross).max(axis=0))
    start = np.zeros((X.shape[1], 2))
    a, b = (descend(ProximalSteps(slopes, penalty, start), MANY) for slopes in (on_rows, on_matrix))
    assert a.status is b.status is Status.LIMIT
    np.testing.assert_allclose(a.last.theta, b.last.theta, atol=1e-9 * np.abs(b.last.theta).max())
    assert a.last.value == pytest.approx(b.last.value, rel=1e-9)
    # As scikit-learn tells it, on features scaled by hand.
    Z = (X - coordinates.shift) / coordinates.scale
    model = ElasticNet(1.0, fit_intercept=fit_intercept, tol=1e-12, max_iter=100_000)
    for i in range(2):
        t = float(penalty.lasso[i])
        model.set_params(alpha=0.1 + t, l1_ratio=t / (0.1 + t)).fit(Z, y[:, i], weight if weighted else None)
        np.testing.assert_allclose(a.last.theta[:, i], model.coef_, atol=1e-6 * np.abs(model.coef_).max())


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_what_rows_and_moments_say_of_curvature(fit_intercept):
    X, y, weight = sparse_data(300, 90)
    rows = Rows.of(sparse.csr_array(X), y, weight)
    statistics = statistics_of(rows)
    coordinates = Coordinates.learned("standard", statistics, fit_intercept)
    Z, share = (X - coordinates.shift) / coordinates.scale, weight / weight.sum()
    S = (Z.T * share) @ Z
    some, quadratic = np.array([3, 5, 17, 60]), Quadratic.of(moments_of(rows), coordinates)
    for slopes in (RowSlopes.of(rows, statistics, coordinates), MatrixSlopes.of(quadratic)):
        for few in (some, some[1:]):  # the first one is far from zero
            np.testing.assert_allclose(slopes.gram(few), S[np.ix_(few, few)], atol=1e-10 * S.max())
        np.testing.assert_allclose(slopes.size, np.sqrt(S.diagonal()), rtol=1e-10)
        L = np.linalg.eigvalsh(S)[-1]
        assert L * (1 - 1e-12) <= slopes.curvature <= 1.6 * L


def test_the_first_steps_are_accelerated_proximal_descent():
    X, y = problem(9)
    S, b = X.T @ X / len(X), X.T @ y / len(X)
    lasso = 0.05 * np.abs(b).max()
    L = np.linalg.eigvalsh(S)[-1]
    theta = before = np.zeros(len(b))
    clock = 1.0
    steps = ProximalSteps(slopes_of(X, y), Penalty(0.0, lasso), np.zeros((len(b), 1)))
    for k, (iterate, rate) in enumerate(islice(steps, SETTLING + 1)):
        np.testing.assert_allclose(iterate.theta[:, 0], theta, atol=1e-12)
        assert iterate.n_steps == k
        assert iterate.value == pytest.approx(objective(X, y, theta, 0.0, lasso))
        np.testing.assert_allclose(iterate.gradient[:, 0], 2 * (S @ theta - b), atol=1e-12)
        assert np.isnan(rate) if k == 0 else rate == pytest.approx(0.5 / L)
        later = (1 + np.sqrt(1 + 4 * clock**2)) / 2
        ahead = theta + (clock - 1) / later * (theta - before)
        u = ahead - (S @ ahead - b) / L
        before, theta, clock = theta, np.sign(u) * np.maximum(np.abs(u) - lasso / L, 0), later
        if (ahead - theta) @ (theta - before) > 0:
            clock = 1.0


@pytest.mark.parametrize("kind", ["condition 1e12", "wide"])
def test_j_rises_in_no_step_but_an_accelerated_one(kind):
    X, y = hard(kind)
    lasso = 0.01 * largest(X, y)
    values = solve(X, y, Penalty(0.0, lasso)).values
    assert len(values) > SETTLING + 2
    finishing = np.diff(values[SETTLING : SETTLING + 20])
    assert (finishing <= 1e-15 * values[0]).all()
    assert min(values) >= values[-1] * (1 - 1e-12)


def test_a_tolerance_ends_it_earlier_and_a_number_of_steps_is_no_success():
    X, y = hard("wide")
    penalty = Penalty(0.0, 1e-3 * largest(X, y))
    whole = solve(X, y, penalty)
    rough = solve(X, y, penalty, small(penalty, 0.3))
    assert rough.status is Status.CONVERGED
    assert certificate(X, y, rough.last.theta[:, 0], 0.0, penalty.lasso).max() <= 0.3 * (1 + 1e-9)
    assert rough.last.n_steps < whole.last.n_steps
    short = solve(X, y, penalty, small(penalty, 1e-8), StepsDone(15, Status.NOT_CONVERGED))
    assert short.status is Status.NOT_CONVERGED
    assert certificate(X, y, short.last.theta[:, 0], 0.0, penalty.lasso).max() > 1e-8


def test_no_support_is_formed_that_is_too_large(monkeypatch):
    X, y = problem(1)
    monkeypatch.setattr(MatrixSlopes, "largest_support", 3)
    penalty = Penalty(0.0, 0.5 * largest(X, y))
    descent = solve(X, y, penalty, small(penalty, 1e-6))
    assert descent.status in (Status.CONVERGED, Status.LIMIT)
    assert certificate(X, y, descent.last.theta[:, 0], 0.0, penalty.lasso).max() <= 1e-6 * (1 + 1e-6)


@pytest.mark.parametrize("exponent", [-200, 200])
def test_the_units_of_y_play_no_part(exponent):
    X, y = problem(7)
    lasso = 0.01 * largest(X, y)
    plain = solve(X, y, Penalty(0.0, lasso)).last.theta
    scaled = solve(X, np.ldexp(y, exponent), Penalty(0.0, np.ldexp(lasso, exponent))).last.theta
    np.testing.assert_array_equal(np.ldexp(plain, exponent), scaled)
