"""A ridge term stays in closed form: the limit is that of `Ridge`, iterate k the textbook's on the penalised J."""

import importlib.util
import pickle
import warnings
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from exact import _rational, _solve
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet, Ridge
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler
from textbook import numpy_loop, original_units, scaled

import gdlearn._limit
import gdlearn._spectrum
from gdlearn import DivergenceError, GradientDescentRegressor, Moments
from gdlearn.callbacks import EarlyStopping, HistoryRecorder

with_callbacks = pytest.mark.skipif(
    importlib.util.find_spec("sklearn.callback") is None, reason="scikit-learn before 1.9 has no callbacks"
)

SCALINGS = [None, "standard", "minmax", "maxabs"]
SHAPES = [(60, 4), (30, 30), (25, 70), (200, 130)]
X, Y = load_diabetes(return_X_y=True, scaled=False)


def data(n=60, d=4, t=1, weighted=False, seed=0, sizes=1.0):
    rng = np.random.default_rng(seed)
    X = sizes * rng.normal(size=(n, d)) * np.exp(0.5 * rng.normal(size=d)) + 2 * rng.normal(size=d)
    y = X @ rng.normal(size=(d, t)) / d**0.5 + 5 + rng.normal(size=(n, t))
    return X, y[:, 0] if t == 1 else y, rng.integers(0, 3, size=n).astype(float) if weighted else None


def close(actual, expected, tolerance=1e-9):
    """Equal to `tolerance` relative to the largest entry."""
    assert_allclose(actual, expected, rtol=0, atol=tolerance * np.abs(expected).max())


def ridge(X, y, alpha, scaling="standard", fit_intercept=True, weights=None):
    """Coefficients and intercepts of scikit-learn's Ridge, fitted in the scaled coordinates."""
    Z, shift, scale = scaled(X, scaling, weights, fit_intercept)
    used = slice(None) if weights is None else weights > 0
    W = len(y) if weights is None else weights.sum()
    peer = Ridge(alpha=alpha * W, solver="svd", fit_intercept=fit_intercept)
    peer.fit(Z[used], y[used], None if weights is None else weights[used])
    coef = peer.coef_ / scale
    return coef, peer.intercept_ - coef @ shift


def loop(X, y, model, n_steps, weights=None, start=0.0):
    """Coefficients (t, d), intercepts and J at every step, of the textbook's loop with the settings of a model."""
    fit_intercept = model.fit_intercept
    Z, shift, scale = scaled(X, model.scaling, weights, fit_intercept)
    theta, losses = numpy_loop(
        Z,
        y,
        model.learning_rate_,
        n_steps,
        weights=weights,
        momentum=0.0 if model.momentum == "auto" else model.momentum,
        nesterov=model.nesterov,
        fit_intercept=fit_intercept,
        start=start,
        alpha=model.alpha,
    )
    slopes, intercept = original_units(theta, shift, scale, fit_intercept)
    return slopes.T, intercept, losses


class TestTheLimit:
    @pytest.mark.parametrize("scaling", SCALINGS)
    @pytest.mark.parametrize("shape", SHAPES)
    @pytest.mark.parametrize("fit_intercept", [True, False])
    @pytest.mark.parametrize(("t", "weighted"), [(1, False), (3, True)])
    def test_is_that_of_scikit_learns_ridge(self, shape, scaling, fit_intercept, t, weighted):
        X, y, weights = data(*shape, t, weighted)
        for alpha in (1e-3, 0.1, 30.0):
            coef, intercept = ridge(X, y, alpha, scaling, fit_intercept, weights)
            model = GradientDescentRegressor(alpha=alpha, scaling=scaling, fit_intercept=fit_intercept)
            model.fit(X, y, weights)
            close(model.coef_, coef, 1e-11)
            close(model.intercept_, intercept, 1e-11) if fit_intercept else assert_array_equal(model.intercept_, 0)
            assert model.solver_ == "spectral"
            assert model.rank_ == X.shape[1]

    @pytest.mark.parametrize("alpha", [0.01, 1.0])
    def test_is_that_of_the_elastic_net_without_l1(self, alpha):
        model = GradientDescentRegressor(alpha=alpha, scaling=None).fit(X, Y)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it advises against l1_ratio=0
            peer = ElasticNet(alpha=alpha, l1_ratio=0, tol=1e-15, max_iter=10**6).fit(X, Y)
        close(model.coef_, peer.coef_, 1e-7)

    def test_an_l1_ratio_takes_nothing_from_an_alpha_of_zero(self):
        plain = GradientDescentRegressor().fit(X, Y)
        model = GradientDescentRegressor(alpha=0.0, l1_ratio=1.0).fit(X, Y)
        assert_array_equal(model.coef_, plain.coef_)
        assert model.solver_ == plain.solver_
        assert not hasattr(model, "optimality_")

    @pytest.mark.parametrize("condition", [1.0, 1e4, 1e8, 1e12])
    @pytest.mark.parametrize("alpha", [1e-14, 1e-8, 1e-2])
    @pytest.mark.parametrize("fit_intercept", [True, False])
    @pytest.mark.parametrize(("shape", "offset"), [((15, 4), 0.0), ((15, 4), 100.0), ((7, 9), 0.0)])
    def test_has_the_digits_that_float64_allows(self, condition, alpha, fit_intercept, shape, offset):
        # Against rational arithmetic; Ridge by an SVD is what float64 allows, but for a few units in the last place.
        X, y = of_condition(condition, shape, offset)
        coef = exact_ridge(X, y, alpha, fit_intercept)
        model = GradientDescentRegressor(alpha=alpha, scaling=None, fit_intercept=fit_intercept).fit(X, y)
        peer = Ridge(alpha=alpha * len(y), solver="svd", fit_intercept=fit_intercept).fit(X, y)
        error, allowed = (np.abs(c - coef).max() / np.abs(coef).max() for c in (model.coef_, peer.coef_))
        assert error <= 10 * allowed + 1e-12

    @pytest.mark.parametrize("shape", [(15, 4), (6, 70)])
    @pytest.mark.parametrize("offset", [1e2, 1e4, 1e6, 1e8])
    @pytest.mark.parametrize("fit_intercept", [True, False])
    def test_has_them_far_from_zero(self, shape, offset, fit_intercept):
        X, y, _ = data(*shape)
        X[:, 1] += offset
        coef = exact_ridge(X, y, 0.1, fit_intercept)
        for start in (np.zeros(shape[1] + fit_intercept), np.ones(shape[1] + fit_intercept)):
            model = GradientDescentRegressor(alpha=0.1, scaling=None, fit_intercept=fit_intercept, init=start)
            close(model.fit(X, y).coef_, coef, 1e-13)
            assert model.predict(X) @ np.ones(len(y)) == pytest.approx(y.sum(), rel=1e-7) or not fit_intercept

    @pytest.mark.parametrize("shape", [(15, 4), (6, 70)])
    @pytest.mark.parametrize("alpha", [1e-3, 1.0])
    def test_has_them_where_y_is_far_from_zero(self, shape, alpha):
        X, y, _ = data(*shape)
        y = 1e3 + 1e-4 * y
        close(
            GradientDescentRegressor(alpha=alpha, scaling=None).fit(X, y).coef_, exact_ridge(X, y, alpha, True), 1e-12
        )

    @pytest.mark.parametrize("alpha", [1e-14, 1e-8, 1e-2])
    def test_has_them_from_moments_with_a_root(self, alpha):
        X, y = of_condition(1e8, (15, 4), 0.0)
        model = GradientDescentRegressor(alpha=alpha, scaling=None).fit_moments(Moments.from_data(X, y, root=True))
        close(model.coef_, exact_ridge(X, y, alpha, True), 1e-15 / alpha**0.5 + 1e-13)

    @pytest.mark.parametrize("scaling", SCALINGS)
    @pytest.mark.parametrize("shape", [(40, 5), (8, 60)])
    def test_takes_what_is_singular_without_a_penalty(self, scaling, shape):
        # Exact copies, constant columns, an offset of 1e8 and dummies of all levels.
        rng = np.random.default_rng(1)
        X = rng.normal(size=shape)
        level = np.eye(3)[rng.integers(0, 3, shape[0])]
        X = np.column_stack(
            [X, X[:, :2], np.full(shape[0], 7.0), np.zeros(shape[0]), level, 1e8 + rng.integers(0, 9, shape[0])]
        )
        y = X[:, 0] + rng.normal(size=shape[0])
        Z, _, scale = scaled(X, scaling)
        peer = Ridge(alpha=0.1 * len(y), solver="svd").fit(Z - Z.mean(axis=0), y)
        model = GradientDescentRegressor(alpha=0.1, scaling=scaling).fit(X, y)
        assert_allclose(model.coef_ * scale, peer.coef_, atol=3e-9)
        assert_allclose(model.predict(X), peer.predict(Z - Z.mean(axis=0)), atol=1e-6)
        assert model.rank_ == X.shape[1]

    @pytest.mark.parametrize("shape", [(60, 4), (25, 70)])
    def test_does_not_depend_on_where_the_descent_starts_or_how_fast_it_is(self, shape):
        X, y, _ = data(*shape, 3)
        coef, _ = ridge(X, y, 0.1)
        start = np.random.default_rng(5).normal(size=(3, shape[1] + 1))
        for settings in ({"init": start}, {"learning_rate": 1e-3}, {"momentum": 0.9}, {"init": "mean"}):
            close(GradientDescentRegressor(alpha=0.1, **settings).fit(X, y).coef_, coef, 1e-11)
        warm = GradientDescentRegressor(alpha=3.0, warm_start=True).fit(X, y).set_params(alpha=0.1)
        close(warm.fit(X, y).coef_, coef, 1e-11)


def of_condition(condition, shape, offset):
    rng = np.random.default_rng(3)
    k = min(shape)
    U, V = (np.linalg.qr(rng.normal(size=(m, k)))[0] for m in shape)
    X = U * np.geomspace(1, 1 / condition, k) @ V.T * shape[0] ** 0.5 + offset
    return X, X @ rng.normal(size=shape[1]) + rng.normal(size=shape[0])


def exact_ridge(X, y, alpha, fit_intercept):
    Z, t = _rational(X), _rational(y[:, None])
    n, d = X.shape
    if fit_intercept:
        Z, t = Z - Z.sum(axis=0) / n, t - t.sum(axis=0) / n
    A, b = (Z @ Z.T, t) if n < d else (Z.T @ Z, Z.T @ t)  # θ = Zᵀ(ZZᵀ + nα)⁻¹t or (ZᵀZ + nα)⁻¹Zᵀt
    solution = _solve(A + n * Fraction(alpha) * np.eye(len(A), dtype=int).astype(object), b)[0]
    return ((Z.T @ solution) if n < d else solution)[:, 0].astype(float)


class TestTheSteps:
    @pytest.mark.parametrize("scaling", SCALINGS)
    @pytest.mark.parametrize("shape", [(60, 4), (12, 70)])
    @pytest.mark.parametrize(("momentum", "nesterov"), [(0.0, False), (0.6, False), (0.6, True)])
    @pytest.mark.parametrize(("t", "weighted", "fit_intercept"), [(1, False, True), (3, True, True), (3, True, False)])
    def test_are_the_textbooks(self, shape, scaling, momentum, nesterov, t, weighted, fit_intercept):
        X, y, weights = data(*shape, t, weighted)
        start = np.random.default_rng(4).normal(size=(t, shape[1] + fit_intercept))
        _, shift, scale = scaled(X, scaling, weights, fit_intercept)
        inits = {"zero": 0.0, "array": in_coordinates(start, shift, scale, fit_intercept)}
        if fit_intercept:
            mean = np.average(np.reshape(y, (-1, t)), axis=0, weights=weights)
            inits["mean"] = np.vstack([mean, np.zeros((shape[1], t))])
        for (name, theta), (k, alpha) in product(inits.items(), ((1, 0.4), (40, 1e-3), (200, 0.4))):
            model = GradientDescentRegressor(
                alpha=alpha,
                scaling=scaling,
                momentum=momentum,
                nesterov=nesterov,
                fit_intercept=fit_intercept,
                init=(start[0] if t == 1 else start) if name == "array" else name,
                max_iter=k,
            ).fit(X, y, weights)
            coef, intercept, losses = loop(X, y, model, k, weights, theta)
            close(np.atleast_2d(model.coef_), coef)
            if fit_intercept:
                assert_allclose(np.atleast_1d(model.intercept_), intercept, rtol=1e-9, atol=1e-9 * np.abs(coef).max())
            assert_allclose(model.loss_curve_, losses, rtol=1e-9, atol=1e-9 * losses[0])
            assert model.loss_ == pytest.approx(losses[-1], rel=1e-9)
            assert model.n_iter_ == k

    @pytest.mark.parametrize("scaling", SCALINGS)
    @pytest.mark.parametrize("shape", [(60, 4), (25, 70)])
    def test_one_by_one_are_those_of_the_closed_form(self, scaling, shape):
        X, y, weights = data(*shape, 3, weighted=True)
        closed, stepped = (
            GradientDescentRegressor(alpha=0.05, scaling=scaling, max_iter=60, solver=solver).fit(X, y, weights)
            for solver in ("spectral", "loop")
        )
        assert (closed.solver_, stepped.solver_) == ("spectral", "loop")
        close(closed.coef_, stepped.coef_)
        assert_allclose(closed.loss_curve_, stepped.loss_curve_, rtol=1e-10)
        assert_allclose(closed.gradient_norm_, stepped.gradient_norm_, rtol=1e-6, atol=1e-15)

    @pytest.mark.parametrize("form", [sparse.csr_array, sparse.csc_matrix, np.float32, np.asfortranarray])
    @pytest.mark.parametrize("scaling", SCALINGS)
    @pytest.mark.parametrize("shape", [(60, 4), (25, 70)])
    def test_take_every_kind_of_matrix(self, form, scaling, shape):
        X, y, weights = data(*shape, 1, weighted=True)
        X = np.where(X > 1, X, 0.0).astype(np.float32).astype(float)
        for k in (9, None):
            model = GradientDescentRegressor(alpha=0.1, scaling=scaling, max_iter=k)
            dense = clone(model).fit(X, y, weights)
            model.fit(form(X), y, weights)
            close(model.coef_, dense.coef_, 1e-6 if form is np.float32 else 1e-11)
            assert model.coef_.dtype == (np.float32 if form is np.float32 else np.float64)

    @pytest.mark.parametrize("k", [None, 9])
    @pytest.mark.parametrize("shape", [(40, 4), (40, 130), (25, 70)])
    def test_a_row_of_weight_k_counts_as_k_rows(self, shape, k):
        X, y, _ = data(*shape)
        times = np.random.default_rng(0).integers(0, 4, shape[0])
        one = GradientDescentRegressor(alpha=0.2, max_iter=k).fit(X, y, times)
        repeated = GradientDescentRegressor(alpha=0.2, max_iter=k).fit(np.repeat(X, times, axis=0), np.repeat(y, times))
        tripled = GradientDescentRegressor(alpha=0.2, max_iter=k).fit(X, y, 3.0 * times)
        for other in (repeated, tripled):
            close(one.coef_, other.coef_, 1e-11)
            assert one.loss_ == pytest.approx(other.loss_, rel=1e-11)

    @pytest.mark.parametrize("k", [None, 9])
    @pytest.mark.parametrize("d", [4, 130])
    @pytest.mark.parametrize("scaling", SCALINGS)
    def test_moments_and_partial_fit_give_those_of_fit(self, k, d, scaling):
        X, y, weights = data(200, d, 3, weighted=True)
        model = GradientDescentRegressor(alpha=0.2, max_iter=k, scaling=scaling)
        whole = clone(model).fit(X, y, weights)
        parts = np.array_split(np.arange(200), 3)
        moments = [Moments.from_data(X[i], y[i], weights[i], extremes=True) for i in parts]
        merged = clone(model).fit_moments(moments[0] + moments[1] + moments[2])
        stream = clone(model)
        for i in parts:
            stream.partial_fit(X[i], y[i], sample_weight=weights[i])
        for other in (merged, stream):
            close(other.coef_, whole.coef_, 1e-11)
            assert other.loss_ == pytest.approx(whole.loss_, rel=1e-10)
            assert other.n_iter_ == whole.n_iter_

    @pytest.mark.parametrize("unit", [500, -500])
    @pytest.mark.parametrize("shape", [(60, 4), (25, 70)])
    @pytest.mark.parametrize("k", [None, 9])
    def test_powers_of_two_as_units_change_nothing_but_the_units(self, unit, shape, k):
        X, y, _ = data(*shape, 3)
        model = GradientDescentRegressor(alpha=0.2, max_iter=k)
        plain = clone(model).fit(X, y)
        of_y, of_x = clone(model).fit(X, np.ldexp(y, unit)), clone(model).fit(np.ldexp(X, unit), y)
        assert_array_equal(of_y.coef_, np.ldexp(plain.coef_, unit))
        assert_array_equal(of_x.coef_, np.ldexp(plain.coef_, -unit))
        assert of_y.n_iter_ == of_x.n_iter_ == plain.n_iter_

    def test_a_target_of_another_unit_does_not_disturb_the_others(self):
        X, y, _ = data(60, 4, 3)
        units = np.array([0, 490, -490])
        for k in (None, 9):
            model = GradientDescentRegressor(alpha=0.2, max_iter=k).fit(X, np.ldexp(y, units))
            alone = GradientDescentRegressor(alpha=0.2, max_iter=k).fit(X, y)
            assert_array_equal(model.coef_, np.ldexp(alone.coef_, units[:, None]))

    def test_an_exact_line_search_finds_the_minimum_along_the_penalised_gradient(self):
        X, y, _ = data(60, 4)
        Z = np.column_stack([np.ones(60), scaled(X, "standard")[0]])
        A, b = Z.T @ Z / 60 + 0.3 * np.diag([0, 1, 1, 1, 1]), Z.T @ y / 60
        theta = np.zeros(5)
        for _ in range(6):
            g = 2 * (A @ theta - b)
            theta = theta - (g @ g) / (2 * g @ A @ g) * g
        for form in (np.asarray, sparse.csr_array):
            model = GradientDescentRegressor("exact", alpha=0.3, max_iter=6).fit(form(X), y)
            close(model.coef_ * model.feature_scale_, theta[1:], 1e-11)

    def test_a_schedule_descends_the_penalised_error(self):
        def rate(k):
            return 0.1 / (1 + k)

        X, y, _ = data(60, 4)
        theta, _ = numpy_loop(scaled(X, "standard")[0], y, rate, 20, alpha=0.3)
        model = GradientDescentRegressor(rate, alpha=0.3, max_iter=20).fit(X, y)
        close(model.coef_ * model.feature_scale_, theta[1:, 0])


def in_coordinates(start, shift, scale, fit_intercept):
    """theta of a model in original units, of shape (p, t)."""
    if not fit_intercept:
        return (start * scale).T
    return np.vstack([start[:, 0] + start[:, 1:] @ shift, (start[:, 1:] * scale).T])


class TestWhenItEnds:
    @pytest.mark.parametrize("solver", ["spectral", "loop"])
    @pytest.mark.parametrize("scaling", SCALINGS)
    @pytest.mark.parametrize("shape", [(60, 4), (12, 70)])
    def test_tol_ends_it_at_the_first_step_whose_gradient_is_small(self, solver, scaling, shape):
        X, y, weights = data(*shape, 1, weighted=True)
        rate = 1.8 / stable_inverse(X, scaling, weights, 0.2)
        model = GradientDescentRegressor(rate, alpha=0.2, scaling=scaling, tol=1e-2, solver=solver).fit(X, y, weights)
        Z = np.column_stack([np.ones(len(y)), scaled(X, scaling, weights)[0]])
        share = weights / weights.sum()
        sigma = np.sqrt(share @ (y - share @ y) ** 2)
        asked = 1e-2 * 2 * np.sqrt((share @ Z**2).sum()) * sigma
        charged = 0.2 * np.append(0.0, np.ones(shape[1]))
        theta, k, norm = np.zeros(Z.shape[1]), 0, np.inf
        while norm > asked:
            g = -2 * Z.T @ (share * (y - Z @ theta)) + 2 * charged * theta
            norm = np.linalg.norm(g) if k else np.inf
            if norm > asked:
                theta, k = theta - rate * g, k + 1
        assert model.n_iter_ == k
        assert model.gradient_norm_ == pytest.approx(norm, rel=1e-6)

    @pytest.mark.parametrize("shape", [(60, 4), (25, 70)])
    @pytest.mark.parametrize("alpha", [0.01, 1.0])
    def test_the_steps_to_the_limit_are_enough_and_half_of_them_are_not(self, shape, alpha):
        X, y, _ = data(*shape)
        model = GradientDescentRegressor(0.05, alpha=alpha, scaling="standard").fit(X, y)
        fitted = model.predict(X)
        apart = []
        for k in (model.n_iter_ // 2, model.n_iter_):
            coef, intercept, _ = loop(X, y, model, k)
            apart.append(np.abs(X @ coef[0] + intercept[0] - fitted).max() / y.std())
        assert apart[1] < 1e-12 < apart[0]
        assert len(str(model.n_iter_)) < 7  # far fewer than the descent without a penalty, for features so alike

    @pytest.mark.parametrize("scaling", SCALINGS)
    @pytest.mark.parametrize("shape", [(60, 4), (25, 70)])
    @pytest.mark.parametrize("fit_intercept", [True, False])
    def test_the_stable_rate_and_the_condition_number_are_those_of_the_penalised_hessian(
        self, scaling, shape, fit_intercept
    ):
        X, y, weights = data(*shape, weighted=True)
        values = penalised_eigenvalues(X, scaling, weights, 0.3, fit_intercept)
        settings = {"alpha": 0.3, "scaling": scaling, "fit_intercept": fit_intercept}
        model = GradientDescentRegressor(**settings).fit(X, y, weights)
        assert model.max_stable_learning_rate_ == pytest.approx(2 / values[-1], rel=1e-10)
        assert model.condition_number_ == pytest.approx(values[-1] / values[0], rel=1e-8)
        rate = 2 / values[-1]
        GradientDescentRegressor(0.999 * rate, **settings).fit(X, y, weights)
        with pytest.raises(DivergenceError, match="the largest stable rate is"):
            GradientDescentRegressor(1.001 * rate, **settings).fit(X, y, weights)
        with pytest.warns(ConvergenceWarning, match="the largest stable rate is"):
            unstable = GradientDescentRegressor(1.2 * rate, max_iter=30, **settings).fit(X, y, weights)
        close(np.atleast_2d(unstable.coef_), loop(X, y, unstable, 30, weights)[0])

    def test_what_a_divergence_offers_is_true(self):
        X, y, _ = data(60, 4, sizes=np.array([1.0, 1.0, 40.0, 1.0]))
        with pytest.raises(DivergenceError) as caught:
            GradientDescentRegressor(0.3, alpha=0.5, scaling=None).fit(X, y)
        text = str(caught.value)
        limit = float(text.partition("a rate below ")[2].partition(",")[0].partition(" ")[0])
        GradientDescentRegressor(limit * 0.9999, alpha=0.5, scaling=None).fit(X, y)
        assert 'scaling="standard" (stable below ' in text
        assert "where alpha charges other slopes" in text
        GradientDescentRegressor(0.3, alpha=0.5, scaling="standard").fit(X, y)

    def test_a_divergence_that_the_penalty_causes_is_said_to_be_its(self):
        X, y, _ = data(60, 4)
        with pytest.raises(DivergenceError, match=r"Most of L.* is 2·alpha·\(1 − l1_ratio\) = 200\. Use") as caught:
            GradientDescentRegressor(0.1, alpha=100.0).fit(X, y)
        assert "feature" not in str(caught.value)
        with pytest.raises(DivergenceError, match="feature of largest scale"):
            GradientDescentRegressor(2.0, alpha=0.1).fit(X, y)

    @pytest.mark.parametrize("shape", [(60, 4), (12, 70)])
    def test_the_steps_offered_are_enough_from_any_start(self, shape):
        X, y, _ = data(*shape)
        start = np.random.default_rng(0).normal(size=shape[1] + 1)
        model = GradientDescentRegressor(alpha=0.01, tol=1e-8, max_iter=3, init=start)
        with pytest.warns(ConvergenceWarning) as caught:
            model.fit(X, y)
        more = int(str(caught[0].message).partition("help: ")[2].partition(" more")[0].replace(",", ""))
        model.set_params(max_iter=3 + more).fit(X, y)
        assert model.n_iter_ > 0.98 * (3 + more)

    def test_what_a_slow_descent_is_offered_is_true(self):
        X, y, _ = data(60, 4, sizes=np.array([1.0, 1.0, 40.0, 1.0]))
        settings = {"alpha": 0.01, "scaling": None, "tol": 1e-6}
        with pytest.warns(ConvergenceWarning, match="did not reach tol=1e-06 in 10 steps") as caught:
            model = GradientDescentRegressor(max_iter=10, **settings).fit(X, y)
        text = str(caught[0].message)
        norm, asked = (
            float(text.partition(before)[2].partition(after)[0])
            for before, after in (("the gradient norm is ", ","), ("tol asks for ", ". "))
        )
        assert norm == pytest.approx(model.gradient_norm_, rel=0.01)
        assert norm > asked
        more = int(text.partition("What would help: ")[2].partition(" more steps")[0].replace(",", ""))
        GradientDescentRegressor(max_iter=10 + more, **settings).fit(X, y)
        assert 'scaling="standard" with learning_rate=' in text
        advised = text.partition('scaling="standard" with learning_rate=')[2].partition(")")[0]
        assert advised.endswith(", where alpha charges other slopes")
        rate, steps = float(advised.partition(" ")[0]), advised.split(", ")[-2].partition(" step")[0]
        settings["scaling"] = "standard"
        standard = GradientDescentRegressor(rate, max_iter=int(steps.replace(",", "")), **settings).fit(X, y)
        condition = float(advised.partition("condition number ")[2].partition(" ")[0])
        assert standard.condition_number_ == pytest.approx(condition, rel=0.01)

    @pytest.mark.parametrize("solver", ["spectral", "loop"])
    @pytest.mark.parametrize("shape", [(80, 5), (40, 60)])
    def test_early_stopping_goes_by_the_error_without_the_penalty(self, solver, shape):
        X, y, _ = data(*shape)
        X, X_val, y, y_val = train_test_split(X, y, random_state=0)
        model = GradientDescentRegressor(
            0.01, alpha=0.5, early_stopping=True, n_iter_no_change=5, solver=solver, init="zero", max_iter=400
        ).fit(X, y, X_val=X_val, y_val=y_val)
        Z, shift, scale = scaled(X, "standard")
        errors, losses, theta = [], [], 0.0
        for k in range(401):
            theta, after = numpy_loop(Z, y, 0.01, min(k, 1), alpha=0.5, start=theta)
            losses.append(after[-1])
            slopes, intercept = original_units(theta, shift, scale)
            errors.append(np.mean((y_val - X_val @ slopes[:, 0] - intercept) ** 2))
            best = int(np.argmin(errors[1:])) + 1 if k else 0
            if k - best >= 5:
                break
        assert model.n_iter_ == best
        assert_allclose(model.validation_loss_curve_, errors, rtol=1e-9)
        assert_allclose(model.loss_curve_, losses, rtol=1e-9)
        assert model.loss_ == pytest.approx(losses[best], rel=1e-9)

    @with_callbacks
    def test_callbacks_see_it_and_may_end_it(self):
        X, y, _ = data(60, 4)
        X_val, y_val = X, 0.5 * y  # which the descent passes by
        recorder = HistoryRecorder()
        model = GradientDescentRegressor(0.05, alpha=0.3, max_iter=200)
        model.set_callbacks(recorder, EarlyStopping(X_val, y_val, patience=3)).fit(X, y)
        models = [loop(X, y, model, k)[:2] for k in range(1, 60)]
        errors = [np.mean((y_val - X_val @ coef[0] - intercept) ** 2) for coef, intercept in models]
        best = int(np.argmin(errors))
        assert 0 < best < 50
        assert model.n_iter_ == best + 1 + 3
        assert_allclose(recorder.history_["loss"], loop(X, y, model, model.n_iter_)[2][1:], rtol=1e-9)
        close(np.atleast_2d(model.coef_), loop(X, y, model, model.n_iter_)[0])


def penalised_eigenvalues(X, scaling, weights, alpha, fit_intercept=True):
    Z = scaled(X, scaling, weights, fit_intercept)[0]
    share = weights / weights.sum()
    Z = np.column_stack([np.ones(len(Z)), Z]) if fit_intercept else Z
    charged = np.ones(Z.shape[1])
    charged[0] = not fit_intercept
    return np.linalg.eigvalsh(2 * Z.T @ (share[:, None] * Z) + 2 * alpha * np.diag(charged))


def stable_inverse(X, scaling, weights, alpha):
    return penalised_eigenvalues(X, scaling, weights, alpha)[-1]


class TestWithoutAMatrix:
    """Very wide sparse data, where the loop reads X as it is."""

    @pytest.fixture(autouse=True)
    def no_room(self, monkeypatch):
        monkeypatch.setattr(gdlearn._solve, "LARGEST_MATRIX", 20)

    @pytest.mark.parametrize("scaling", SCALINGS)
    @pytest.mark.parametrize("shape", [(60, 25), (40, 90)])
    @pytest.mark.parametrize("t", [1, 3])
    def test_the_best_steps_in_a_plane_end_at_the_ridge_solution(self, scaling, shape, t):
        X, y, weights = data(*shape, t, weighted=True)
        X = np.where(X > 1, X, 0.0)
        for fit_intercept in (True, False):
            coef, _ = ridge(X, y, 0.1, scaling, fit_intercept, weights)
            model = GradientDescentRegressor(alpha=0.1, scaling=scaling, fit_intercept=fit_intercept, tol=1e-10)
            model.fit(sparse.csr_array(X), y, weights)
            assert model.solver_ == "loop"
            close(model.coef_, coef, 1e-7)
            model.set_params(tol=None).fit(sparse.csr_array(X), y, weights)
            close(model.coef_, coef, 1e-3)

    @pytest.mark.parametrize("scaling", SCALINGS)
    def test_plain_steps_are_the_textbooks(self, scaling):
        X, y, weights = data(40, 90, 3, weighted=True)
        X = np.where(X > 1, X, 0.0)
        model = GradientDescentRegressor(0.01, alpha=0.1, scaling=scaling, max_iter=25)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(sparse.csr_array(X), y, weights)
        coef, _, losses = loop(X, y, model, 25, weights)
        close(model.coef_, coef)
        assert_allclose(model.loss_curve_, losses, rtol=1e-9)
        rate = 2 / penalised_eigenvalues(X, scaling, weights, 0.1)[-1]
        assert 0.9 * rate < model.max_stable_learning_rate_ <= rate * (1 + 1e-9)


class TestWhatItTakes:
    @pytest.mark.parametrize("shape", [(60, 4), (25, 70), (200, 130)])
    @pytest.mark.parametrize("scaling", SCALINGS)
    def test_neither_qr_nor_refinement_where_alpha_makes_it_well_conditioned(self, shape, scaling, monkeypatch):
        X, y, _ = data(*shape)
        X = (X - X.mean(axis=0)) / X.std(axis=0)
        near = X[1] if shape[0] < shape[1] else X[:, 1]  # so that squares lose what tells two of them apart
        near[:] = (X[0] if shape[0] < shape[1] else X[:, 0]) + 1e-9 * near
        calls = []
        for module, name in (
            (gdlearn._limit, "residual_and_gradient"),
            (gdlearn._spectrum, "with_root"),
            (gdlearn._spectrum, "modes_of_root"),
        ):
            before = getattr(module, name)
            monkeypatch.setattr(module, name, lambda *a, f=before, n=name, **k: (calls.append(n), f(*a, **k))[1])
        before = gdlearn._kernel.KernelModes.of.__func__
        monkeypatch.setattr(
            gdlearn._kernel.KernelModes,
            "of",
            classmethod(
                lambda cls, c, root=False: (calls.append("root") if root else None, before(cls, c, root=root))[1]
            ),
        )
        model = GradientDescentRegressor(alpha=0.1, scaling=scaling).fit(X, y)
        assert model.rank_ == shape[1]  # which asks for what is only found when asked for
        assert calls == []
        assert model.condition_number_ < 1e6
        GradientDescentRegressor(alpha=0.0, scaling=scaling).fit(X, y)
        assert calls

    @pytest.mark.parametrize("scaling", SCALINGS)
    @pytest.mark.parametrize(("shape", "t"), [((60, 4), 3), ((9, 70), 1)])
    @pytest.mark.parametrize("settings", [{}, {"max_iter": 5}, {"learning_rate": "exact", "max_iter": 1000}])
    def test_the_gradient_check_passes(self, scaling, shape, t, settings):
        X, y, weights = data(*shape, t, weighted=True)
        model = GradientDescentRegressor(alpha=0.3, scaling=scaling, check_gradient=True, **settings)
        assert model.fit(X, y, weights).gradient_check_.passed

    def test_the_gradient_check_is_of_the_penalised_error(self, monkeypatch):
        monkeypatch.setattr(gdlearn._row_objective.RowObjective, "value", lambda self, theta: 0.0)
        with pytest.raises(ValueError, match="gradient check failed"):
            GradientDescentRegressor(alpha=0.3, check_gradient=True).fit(X, Y)

    def test_a_search_over_alpha_and_a_pipeline(self):
        model = make_pipeline(StandardScaler(), GradientDescentRegressor())
        alphas = [1e-4, 1e-2, 1.0, 100.0]
        search = GridSearchCV(model, {"gradientdescentregressor__alpha": alphas}, scoring="neg_mean_squared_error")
        search.fit(X, Y)
        for alpha, score in zip(alphas, search.cv_results_["split0_test_score"], strict=True):
            test = np.arange(89)  # the first of five folds of 442 rows
            train = np.arange(89, 442)
            coef, intercept = ridge(X[train], Y[train], alpha)
            assert score == pytest.approx(-np.mean((Y[test] - X[test] @ coef - intercept) ** 2), rel=1e-9)

    def test_clones_and_pickles_are_the_same(self):
        model = GradientDescentRegressor(alpha=0.3, l1_ratio=0.0).fit(X, Y)
        again = pickle.loads(pickle.dumps(model))
        assert_array_equal(again.predict(X), clone(model).fit(X, Y).predict(X))
        assert again.alpha == 0.3

    def test_without_standardisation_the_penalty_depends_on_the_units(self):
        # A feature in units a thousand times larger has a slope a thousand times larger, which is charged a million
        # times more.
        other = X * np.array([1e-3] + [1.0] * 9)
        same, as_given = (
            [
                GradientDescentRegressor(alpha=1e-3, scaling=scaling).fit(x, Y).predict(X if x is X else other)
                for x in (X, other)
            ]
            for scaling in ("standard", None)
        )
        close(same[0], same[1], 1e-10)
        assert np.abs(as_given[0] - as_given[1]).max() > 1e-3


def test_maxabs_is_that_of_scikit_learn():
    peer = make_pipeline(MaxAbsScaler(), Ridge(alpha=0.01 * len(Y), solver="svd")).fit(X, Y)
    close(GradientDescentRegressor(alpha=0.01, scaling="maxabs").fit(X, Y).predict(X), peer.predict(X), 1e-11)
