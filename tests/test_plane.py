"""The best steps in a plane, where no matrix is formed: conjugate gradients, as many as needed, to the dense fit."""

import inspect
import re
import warnings

import numpy as np
import pytest
from exact import exact_least_squares
from samples import with_peak
from scipy import sparse
from scipy.sparse.linalg import cg
from sklearn.exceptions import ConvergenceWarning

from gdlearn import DivergenceError, GradientDescentRegressor
from gdlearn._descent import StepsDone, descend
from gdlearn._plane import PlaneSteps
from gdlearn._problem import Problem
from gdlearn._rows import Rows

EXACTLY = {"rtol" if "rtol" in inspect.signature(cg).parameters else "tol": 0.0, "atol": 0.0}
"""SciPy before 1.12 has another name for it."""

KINDS = [sparse.csr_array, sparse.csc_array, sparse.csr_matrix]


@pytest.fixture(autouse=True)
def no_matrix(monkeypatch):
    """As if every matrix were too large."""
    monkeypatch.setattr("gdlearn._solve.LARGEST_MATRIX", 0)


def wide(n=300, d=60, t=1, seed=0):
    """Columns that are met ever more rarely, of unequal sizes and with unequal means."""
    rng = np.random.default_rng(seed)
    X = rng.exponential(size=(n, d)) * (rng.random((n, d)) < 1.0 / (1.0 + 0.2 * np.arange(d))) * rng.uniform(0.1, 10, d)
    y = 3.0 + X @ rng.normal(size=(d, t)) / 5.0 + rng.normal(size=(n, t))
    return X, y[:, 0] if t == 1 else y


def with_wide_indices(X):
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    return X


def least_squares(X, y, weight, fit_intercept, scale):
    """Slopes and intercept by LAPACK; of several solutions the shortest in units of `scale`."""
    root = np.sqrt(np.ones(len(y)) if weight is None else weight / weight.max())[:, None]
    Z, targets = X / scale, y.reshape(len(y), -1)
    z_mean, y_mean = np.zeros(X.shape[1]), np.zeros(targets.shape[1])
    if fit_intercept:
        z_mean, y_mean = np.average(Z, 0, root[:, 0] ** 2), np.average(targets, 0, root[:, 0] ** 2)
    slopes = np.linalg.lstsq(root * (Z - z_mean), root * (targets - y_mean), rcond=1e-12)[0]
    return slopes / scale[:, None], y_mean - z_mean @ slopes


@pytest.mark.parametrize("t", [1, 3])
def test_the_steps_are_conjugate_gradients(t):
    X, y = wide(t=t)
    problem = Problem.of_rows(Rows.of(sparse.csr_array(X), y, None), "standard", True)
    Z = np.column_stack([np.ones(len(X)), (X - X.mean(axis=0)) / X.std(axis=0)])
    targets = y.reshape(len(y), t)
    for k in (1, 2, 7, 15):
        theta = descend(PlaneSteps(problem.objective, np.zeros((Z.shape[1], t))), StepsDone(k)).last.theta
        for i in range(t):
            expected, _ = cg(Z.T @ Z / len(X), Z.T @ targets[:, i] / len(X), maxiter=k, **EXACTLY)
            np.testing.assert_allclose(theta[:, i], expected, atol=1e-11 * np.abs(expected).max())


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("scaling", ["standard", "minmax", "maxabs", None])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize(("weighted", "t"), [(False, 1), (True, 3)])
def test_the_fit_is_least_squares(kind, scaling, fit_intercept, weighted, t):
    X, y = wide(t=t)
    weight = np.random.default_rng(1).integers(0, 4, len(y)) * 0.7 if weighted else None
    model = GradientDescentRegressor(scaling=scaling, fit_intercept=fit_intercept, tol=1e-12)
    model.fit(with_wide_indices(kind(X)) if weighted else kind(X), y, weight)
    assert model.solver_ == "loop"
    slopes, intercept = least_squares(X, y, weight, fit_intercept, model.feature_scale_)
    size = np.abs(slopes * model.feature_scale_[:, None]).max()
    found = np.atleast_2d(model.coef_).T
    np.testing.assert_allclose((found - slopes) * model.feature_scale_[:, None] / size, 0.0, atol=1e-9)
    np.testing.assert_allclose(np.atleast_1d(model.intercept_) * np.ones(t), intercept, atol=1e-8)


@pytest.mark.parametrize("noise", [1.0, 0.0])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int8])
def test_without_settings_it_stops_where_little_is_left_to_gain(noise, dtype):
    X, y = wide(400, 80)
    X = np.rint(4 * X).clip(0, 127).astype(dtype)
    y = noise * y + X @ np.linspace(-1, 1, 80)
    model = GradientDescentRegressor().fit(sparse.csr_array(X), y)
    slopes, intercept = least_squares(X.astype(float), y, None, True, np.ones(80))
    least = np.mean((y - X @ slopes[:, 0] - intercept) ** 2)
    assert 10 <= model.n_iter_ < 80
    assert -1e-12 < (model.loss_ - least) / y.var() < 1e-9


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_columns_far_from_zero_lose_nothing(kind):
    X, y = wide(60, 8)
    rng = np.random.default_rng(3)
    X[:, 2], X[:, 5] = 1e8 + rng.normal(size=60), -1e8 + rng.normal(size=60)
    model = GradientDescentRegressor(tol=1e-12).fit(kind(X), y)
    truth = exact_least_squares(X, y)
    assert model.solver_ == "loop"
    assert truth.slope_error(model.coef_) < 1e-9


@pytest.mark.parametrize("shape", [(300, 60), (40, 100)])
def test_of_many_solutions_it_finds_the_shortest(shape):
    X, y = wide(*shape)
    X[:, 1], X[:, 4], X[:, 7], X[:, 9] = X[:, 0], 2 * X[:, 2] + X[:, 3], 5.0, 0.0
    model = GradientDescentRegressor(tol=1e-12).fit(sparse.csr_array(X), y)
    slopes, _ = least_squares(X, y, None, True, model.feature_scale_)
    scale = model.feature_scale_
    np.testing.assert_allclose(
        model.coef_ * scale, slopes[:, 0] * scale, atol=1e-8 * np.abs(slopes[:, 0] * scale).max()
    )


@pytest.mark.parametrize("y", [np.zeros(300), np.full(300, 7.0)])
def test_a_target_without_variance(y):
    X, _ = wide()
    model = GradientDescentRegressor().fit(sparse.csr_array(X), y)
    np.testing.assert_allclose(model.predict(X), y, atol=1e-12)
    assert model.learning_rate_ > 0
    both = GradientDescentRegressor(tol=1e-11).fit(sparse.csr_array(X), np.column_stack([y, X[:, 0]]))
    np.testing.assert_allclose(both.predict(X)[:, 1], X[:, 0], atol=1e-8)


@pytest.mark.parametrize("noise", [1.0, 0.0])
def test_the_loss_is_that_of_the_model(noise):
    X, y = wide(t=2)
    y = noise * y + X @ np.ones((60, 2))
    model = GradientDescentRegressor().fit(sparse.csr_array(X), y)
    assert model.loss_ == pytest.approx(np.sum(np.mean((y - model.predict(X)) ** 2, axis=0)), rel=1e-9)
    assert model.loss_curve_[-1] == model.loss_
    assert model.loss_curve_iterations_ == list(range(model.n_iter_ + 1))
    assert all(np.diff(model.loss_curve_) <= 0)


def test_callbacks_and_the_bar_see_every_step():
    pytest.importorskip("sklearn.callback")
    pytest.importorskip("rich")
    from gdlearn.callbacks import HistoryRecorder

    X, y = wide()
    alone, recorder = GradientDescentRegressor().fit(sparse.csr_array(X), y), HistoryRecorder()
    watched = GradientDescentRegressor(verbose=1).set_callbacks(recorder).fit(sparse.csr_array(X), y)
    np.testing.assert_array_equal(watched.coef_, alone.coef_)
    assert recorder.history_["n_iter"] == list(range(1, alone.n_iter_ + 1))


def test_a_start_beyond_float64_is_refused_with_a_rate_that_works():
    X, y = wide()
    with pytest.raises(DivergenceError, match="after 0 steps") as caught:
        GradientDescentRegressor(init=np.full(61, 1e200)).fit(sparse.csr_array(X), y)
    assert "nan" not in str(caught.value)


def test_early_stopping_keeps_its_small_steps():
    X, y = wide(120, 60)
    model = GradientDescentRegressor(early_stopping=True, random_state=0).fit(sparse.csr_array(X), y)
    curve = model.validation_loss_curve_
    assert model.n_iter_ == 1 + int(np.argmin(curve[1:]))
    L = 2.0 / model.max_stable_learning_rate_
    assert model.learning_rate_ == pytest.approx(1.0 / L)


def test_a_warm_start_goes_on():
    X, y = wide()
    matrix = sparse.csr_array(X)
    model = GradientDescentRegressor(tol=1e-3, warm_start=True).fit(matrix, y)
    far = model.n_iter_
    model.set_params(tol=1e-12).fit(matrix, y)
    slopes, _ = least_squares(X, y, None, True, np.ones(60))
    np.testing.assert_allclose(model.coef_, slopes[:, 0], atol=1e-9 * np.abs(slopes).max())
    again = model.fit(matrix, y)
    assert again.n_iter_ <= 1 < far


@pytest.mark.parametrize(("d", "within"), [(60, 0.03), (12, 0.07)])
def test_the_largest_stable_rate_is_told(d, within):
    """Of many steps an estimate from above, of few a bound from below."""
    X, y = wide(d=d)
    model = GradientDescentRegressor(tol=1e-9 if d > 20 else 1e-3).fit(sparse.csr_array(X), y)
    Z = np.column_stack([np.ones(len(X)), (X - X.mean(axis=0)) / X.std(axis=0)])
    stable = len(X) / np.linalg.norm(Z, 2) ** 2
    assert (model.n_iter_ > 15) == (d > 20)
    assert abs(model.max_stable_learning_rate_ / stable - 1.0) < within


def test_a_limit_that_is_too_far_is_said_and_what_helps_does():
    rng = np.random.default_rng(0)
    X = sparse.csr_array(rng.normal(size=(3000, 2500)) * (rng.random((3000, 2500)) < 0.01) * np.geomspace(1, 1e7, 2500))
    y = rng.normal(size=3000)
    with pytest.warns(ConvergenceWarning, match="did not come to its limit in 1000 steps") as caught:
        model = GradientDescentRegressor(scaling=None, warm_start=True).fit(X, y)
    text = str(caught[0].message)
    tol = float(re.search(r"tol=(\S+), which", text).group(1))
    loss = model.loss_
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert GradientDescentRegressor(scaling=None, tol=tol).fit(X, y).n_iter_ <= 1000
    assert "warm_start=True" in text
    with pytest.warns(ConvergenceWarning):
        assert model.fit(X, y).loss_ < loss


@pytest.mark.parametrize("kind", KINDS[:2], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("indices", [np.int32, np.int64])
def test_it_takes_less_memory_than_x(kind, indices):
    rng, n, d = np.random.default_rng(0), 8_000, 3_000
    columns = np.minimum(rng.pareto(0.3, size=20 * n), d - 1).astype(np.int64)
    X = kind(sparse.csr_array((rng.normal(size=20 * n), columns, 20 * np.arange(n + 1)), shape=(n, d)))
    X.sum_duplicates()
    X.indices, X.indptr = X.indices.astype(indices), X.indptr.astype(indices)
    y = rng.normal(size=n)
    model, peak = with_peak(lambda: GradientDescentRegressor().fit(X, y))
    assert model.solver_ == "loop"
    assert peak < 1.5 * (X.data.nbytes + X.indices.nbytes + X.indptr.nbytes)


def test_a_tolerance_is_reached_before_a_matrix_is_formed(monkeypatch):
    """Few entries take milliseconds, the matrix of so many columns seconds."""

    def refuse(*arguments, **options):
        raise AssertionError("a matrix was formed")

    monkeypatch.setattr("gdlearn._solve.LARGEST_MATRIX", 8192)
    monkeypatch.setattr("gdlearn._solve.moments_of", refuse)
    X = sparse.csr_array(sparse.random(3000, 2500, density=0.002, random_state=0))
    y = X @ np.ones(2500) + np.random.default_rng(0).normal(size=3000)
    model = GradientDescentRegressor(tol=1e-7).fit(X, y)
    assert model.solver_ == "loop"
    Z = (X.toarray() - model.feature_shift_) / model.feature_scale_
    r = y - model.predict(X)
    gradient = 2.0 * np.append(r.mean(), Z.T @ r / 3000)
    assert np.linalg.norm(gradient) <= 1e-7 * 2.0 * np.sqrt(1.0 + np.mean(Z**2, axis=0).sum()) * y.std()


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_columns_at_the_ends_of_float64(size):
    X, y = wide()
    scale = np.where(np.arange(60) % 3 == 0, size, 1.0)
    model = GradientDescentRegressor(tol=1e-12).fit(sparse.csr_array(X * scale), y)
    slopes, _ = least_squares(X, y, None, True, np.ones(60))
    np.testing.assert_allclose(model.coef_ * scale, slopes[:, 0], atol=1e-8 * np.abs(slopes).max())
