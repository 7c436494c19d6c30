"""L1 penalties: the minimum by its own certificate, exact zeros, and plain proximal descent as the ten-line loop."""

import importlib.util
import json
import pickle
import warnings
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from textbook import numpy_loop, original_units, scaled

import gdlearn._minima
import gdlearn._solve
from gdlearn import DivergenceError, GradientDescentRegressor, Moments
from gdlearn.callbacks import EarlyStopping, HistoryRecorder

with_callbacks = pytest.mark.skipif(
    importlib.util.find_spec("sklearn.callback") is None, reason="scikit-learn before 1.9 has no callbacks"
)

SCALINGS = [None, "standard", "minmax", "maxabs"]
RATIOS = [1.0, 0.5]
X, Y = load_diabetes(return_X_y=True, scaled=False)


def data(n=60, d=6, t=1, weighted=False, seed=0):
    rng = np.random.default_rng(seed)
    X = (
        rng.normal(size=(n, d))
        @ (np.eye(d) + 0.3 * rng.normal(size=(d, d)) / d**0.5)
        * np.exp(0.5 * rng.normal(size=d))
    )
    X += rng.normal(size=d)
    y = X @ (rng.normal(size=(d, t)) * (rng.random((d, t)) < 0.5)) + 5 + rng.normal(size=(n, t))
    return X, y[:, 0] if t == 1 else y, rng.integers(0, 3, size=n).astype(float) if weighted else None


def close(actual, expected, tolerance=1e-9):
    """Equal to `tolerance` relative to the largest entry."""
    assert_allclose(actual, expected, rtol=0, atol=tolerance * np.abs(expected).max())


def in_scaled(model, X, weights=None):
    """Z, theta of shape (p, t): the features as the descent of a model sees them, and its parameters."""
    Z, shift, scale = scaled(X, model.scaling, weights, model.fit_intercept)
    coef = np.atleast_2d(model.coef_)
    theta = (coef * scale).T
    if model.fit_intercept:
        return np.column_stack([np.ones(len(X)), Z]), np.vstack([model.intercept_ + coef @ shift, theta])
    return Z, theta


def charges(model, theta):
    """The ridge and the L1 weight of each parameter."""
    charged = np.ones((len(theta), 1))
    charged[0] = not model.fit_intercept
    return model.alpha * (1 - model.l1_ratio) * charged, model.alpha * model.l1_ratio * charged


def objective(model, X, y, weights=None):
    Z, theta = in_scaled(model, X, weights)
    ridge, lasso = charges(model, theta)
    error = np.average((np.reshape(y, (len(y), -1)) - Z @ theta) ** 2, axis=0, weights=weights)
    return float((error + (ridge * theta**2 + 2 * lasso * np.abs(theta)).sum(axis=0)).sum())


def missed(model, X, y, weights=None, dtype=np.longdouble):
    """By how much the condition of a minimum is missed, relative to 2αρ, and ∂_j of each slope."""
    Z, theta = (part.astype(dtype) for part in in_scaled(model, X, weights))
    ridge, lasso = (part.astype(dtype) for part in charges(model, theta))
    w = np.ones(len(y), dtype) if weights is None else np.asarray(weights, dtype)
    partial = -2 * Z.T @ (w[:, None] * (np.reshape(y, (len(y), -1)) - Z @ theta)) / w.sum() + 2 * ridge * theta
    moving = np.abs(partial + 2 * lasso * np.sign(theta))
    miss = np.where(theta == 0, np.maximum(np.abs(partial) - 2 * lasso, 0), moving)
    return float(miss.max() / (2 * model.alpha * model.l1_ratio)), partial[model.fit_intercept :]


def largest_alpha(X, y, scaling="standard", l1_ratio=1.0):
    Z = scaled(X, scaling)[0]
    return np.abs((Z - Z.mean(axis=0)).T @ (y - y.mean())).max() / len(y) / l1_ratio


def peer(model, X, y, weights=None, tol=1e-14):
    """scikit-learn's ElasticNet in the scaled coordinates, and J there."""
    Z = scaled(X, model.scaling, weights, model.fit_intercept)[0]
    other = ElasticNet(alpha=model.alpha, l1_ratio=model.l1_ratio, fit_intercept=model.fit_intercept)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the tolerance is below what it can certify
        other.set_params(tol=tol, max_iter=20_000).fit(np.asfortranarray(Z), y, weights)
    error = np.average((y - other.predict(Z)) ** 2, weights=weights)
    a, rho = model.alpha, model.l1_ratio
    charge = a * (1 - rho) * (other.coef_**2).sum() + 2 * a * rho * np.abs(other.coef_).sum()
    return other.coef_, float(error + charge)


def holds(model, X, y, weights=None):
    """Assert what is promised of every minimum; the partials are returned."""
    miss, partial = missed(model, X, y, weights)
    assert miss <= 1e-8
    assert model.optimality_ <= 1e-8
    assert model.loss_ == pytest.approx(objective(model, X, y, weights), rel=1e-10)
    return partial


def alike(model, X, y, weights=None):
    """Assert that it is the minimum of ElasticNet, at least as low, with the same zeros where they are separate."""
    partial = holds(model, X, y, weights)[:, 0]
    coef, lowest = peer(model, X, y, weights)
    assert model.loss_ <= lowest * (1 + 1e-10)
    mine = model.coef_ * model.feature_scale_
    strength = np.abs(partial) / (2 * model.alpha * model.l1_ratio)
    assert_array_equal(mine[strength < 1 - 1e-4], 0.0)
    assert_array_equal(coef[strength < 1 - 1e-4], 0.0)
    Z = scaled(X, model.scaling, weights, model.fit_intercept)[0][:, strength >= 1 - 1e-4]
    Z = Z - Z.mean(axis=0) * model.fit_intercept
    if np.linalg.matrix_rank(Z, tol=1e-6 * np.abs(Z).sum()) == Z.shape[1]:  # of copies any may bear the slope
        certain = np.abs(mine) > 1e-6 * np.abs(mine).max()
        assert (coef[certain] * mine[certain] > 0).all()


class TestTheMinimum:
    @pytest.mark.parametrize("seed", range(50))
    @pytest.mark.whole
    def test_is_never_above_that_of_the_elastic_net(self, seed):
        rng = np.random.default_rng(seed)
        n, d = ((80, 6), (40, 30), (30, 90), (200, 12))[seed % 4]
        X, y, weights = data(n, d, 1, bool(seed % 3 == 0), seed)
        scaling, l1_ratio = SCALINGS[rng.integers(4)], (1.0, 0.9, 0.5, 0.1)[rng.integers(4)]
        alpha = largest_alpha(X, y, scaling, l1_ratio) * 10 ** rng.uniform(-2.5, -0.1)
        model = GradientDescentRegressor(alpha=alpha, l1_ratio=l1_ratio, scaling=scaling, fit_intercept=bool(seed % 5))
        alike(model.fit(X, y, weights), X, y, weights)
        assert model.solver_ == "loop"

    @pytest.mark.parametrize("scaling", SCALINGS)
    @pytest.mark.parametrize("l1_ratio", RATIOS)
    @pytest.mark.parametrize("fit_intercept", [True, False])
    def test_on_real_data(self, scaling, l1_ratio, fit_intercept):
        for part in (0.3, 0.01):
            alpha = part * largest_alpha(X, Y, scaling, l1_ratio)
            model = GradientDescentRegressor(
                alpha=alpha, l1_ratio=l1_ratio, scaling=scaling, fit_intercept=fit_intercept
            )
            alike(model.fit(X, Y), X, Y)

    @pytest.mark.parametrize("l1_ratio", RATIOS)
    @pytest.mark.parametrize("shape", [(12, 4), (6, 9)])
    @pytest.mark.parametrize("fit_intercept", [True, False])
    def test_has_its_certificate_in_fifty_digits(self, l1_ratio, shape, fit_intercept):
        mpmath = pytest.importorskip("mpmath")
        mpf = mpmath.mpf
        X, y, _ = data(*shape)
        model = GradientDescentRegressor(alpha=0.2, l1_ratio=l1_ratio, scaling=None, fit_intercept=fit_intercept).fit(
            X, y
        )
        with mpmath.workdps(50):
            alpha, rho = mpf(0.2), mpf(l1_ratio)
            theta = [mpf(float(c)) for c in model.coef_]
            rows = [[mpf(float(v)) for v in row] for row in X]
            r = [
                mpf(float(y[n]))
                - mpf(float(model.intercept_))
                - sum(a * b for a, b in zip(rows[n], theta, strict=True))
                for n in range(len(y))
            ]
            assert abs(sum(r) / len(y)) / (alpha * rho) <= 1e-8 or not fit_intercept
            for j, slope in enumerate(theta):
                partial = (
                    -2 * sum(a[j] * b for a, b in zip(rows, r, strict=True)) / len(y) + 2 * alpha * (1 - rho) * slope
                )
                charge = 2 * alpha * rho
                miss = max(abs(partial) - charge, 0) if slope == 0 else abs(partial + charge * mpmath.sign(slope))
                assert miss / charge <= 1e-8

    @pytest.mark.parametrize("shape", [(60, 6), (40, 90)])
    @pytest.mark.parametrize("scaling", SCALINGS)
    @pytest.mark.parametrize("l1_ratio", RATIOS)
    def test_each_target_has_its_own(self, shape, scaling, l1_ratio):
        X, y, weights = data(*shape, 3, weighted=True)
        model = GradientDescentRegressor(alpha=0.2, l1_ratio=l1_ratio, scaling=scaling).fit(X, y, weights)
        holds(model, X, y, weights)
        for coef, target in zip(model.coef_, y.T, strict=True):
            alone = clone(model).fit(X, target, weights)
            close(coef, alone.coef_, 1e-8)
            assert_array_equal(coef != 0, alone.coef_ != 0)

    @pytest.mark.parametrize("l1_ratio", RATIOS)
    @pytest.mark.parametrize("shape", [(60, 6), (40, 90)])
    def test_of_a_large_alpha_is_the_mean(self, l1_ratio, shape):
        X, y, weights = data(*shape, weighted=False)
        most = largest_alpha(X, y, "standard", l1_ratio)
        model = GradientDescentRegressor(alpha=most * (1 + 1e-9), l1_ratio=l1_ratio).fit(X, y, weights)
        assert_array_equal(model.coef_, 0.0)
        assert model.intercept_ == pytest.approx(y.mean(), rel=1e-12)
        assert model.loss_ == pytest.approx(y.var(), rel=1e-12)
        assert model.optimality_ <= 1e-8
        model.set_params(alpha=most * (1 - 1e-6)).fit(X, y, weights)
        assert np.count_nonzero(model.coef_) == 1

    @pytest.mark.parametrize("scaling", SCALINGS)
    @pytest.mark.parametrize("shape", [(40, 5), (8, 80)])
    @pytest.mark.parametrize("l1_ratio", RATIOS)
    def test_takes_copies_constants_dummies_and_offsets(self, scaling, shape, l1_ratio):
        rng = np.random.default_rng(1)
        X = rng.normal(size=shape)
        level = np.eye(3)[rng.integers(0, 3, shape[0])]
        far = 1e8 + rng.integers(0, 9, shape[0]) if scaling in ("standard", "minmax") else X[:, 2]
        X = np.column_stack([X, X[:, :2], np.full(shape[0], 7.0), np.zeros(shape[0]), level, far])
        y = X[:, 0] + level[:, 1] + rng.normal(size=shape[0])
        alpha = 0.1 * largest_alpha(X, y, scaling, l1_ratio)
        model = GradientDescentRegressor(alpha=alpha, l1_ratio=l1_ratio, scaling=scaling).fit(X, y)
        assert model.optimality_ <= 1e-8
        assert model.loss_ <= peer(model, X, y)[1] * (1 + 1e-10)
        assert model.coef_[shape[1] + 2] == model.coef_[shape[1] + 3] == 0.0  # the constants

    @pytest.mark.parametrize("start", ["zero", "mean", "array", "warm"])
    @pytest.mark.parametrize("shape", [(60, 6), (40, 90)])
    def test_does_not_depend_on_the_start(self, start, shape):
        X, y, _ = data(*shape)
        model = GradientDescentRegressor(alpha=0.1, l1_ratio=0.9).fit(X, y)
        other = clone(model)
        if start == "warm":
            other.set_params(alpha=1.0, warm_start=True).fit(X, y).set_params(alpha=0.1)
        else:
            other.set_params(init=np.random.default_rng(0).normal(size=shape[1] + 1) if start == "array" else start)
        other.fit(X, y)
        close(other.coef_, model.coef_, 1e-8)
        assert_array_equal(other.coef_ != 0, model.coef_ != 0)

    @pytest.mark.parametrize("form", [sparse.csr_array, sparse.csc_matrix, np.float32, np.asfortranarray])
    @pytest.mark.parametrize("scaling", SCALINGS)
    @pytest.mark.parametrize("shape", [(60, 6), (40, 90)])
    def test_takes_every_kind_of_matrix(self, form, scaling, shape):
        X, y, weights = data(*shape, weighted=True)
        X = np.where(X > 1, X, 0.0).astype(np.float32).astype(float)
        model = GradientDescentRegressor(alpha=0.1, l1_ratio=0.9, scaling=scaling)
        dense = clone(model).fit(X, y, weights)
        model.fit(form(X), y, weights)
        close(model.coef_, dense.coef_, 1e-6 if form is np.float32 else 1e-8)
        assert model.coef_.dtype == (np.float32 if form is np.float32 else np.float64)
        assert_array_equal(model.coef_ != 0, dense.coef_ != 0)

    @pytest.mark.parametrize("shape", [(60, 6), (40, 90)])
    def test_a_row_of_weight_k_counts_as_k_rows(self, shape):
        X, y, _ = data(*shape)
        times = np.random.default_rng(0).integers(0, 4, shape[0])
        one = GradientDescentRegressor(alpha=0.2, l1_ratio=1.0).fit(X, y, times)
        repeated = clone(one).fit(np.repeat(X, times, axis=0), np.repeat(y, times))
        for other in (repeated, clone(one).fit(X, y, 3.0 * times)):
            close(one.coef_, other.coef_, 1e-8)
            assert one.loss_ == pytest.approx(other.loss_, rel=1e-11)

    @pytest.mark.parametrize("scaling", SCALINGS)
    @pytest.mark.parametrize("k", [None, 9])
    def test_moments_and_partial_fit_give_that_of_fit(self, scaling, k):
        X, y, weights = data(90, 6, 3, weighted=True)
        model = GradientDescentRegressor(alpha=0.2, l1_ratio=0.9, scaling=scaling, max_iter=k)
        whole = clone(model).fit(X, y, weights)
        parts = np.array_split(np.arange(90), 3)
        moments = [Moments.from_data(X[i], y[i], weights[i], extremes=True) for i in parts]
        stream = clone(model)
        for i in parts:
            stream.partial_fit(X[i], y[i], sample_weight=weights[i])
        for other in (clone(model).fit_moments(moments[0] + moments[1] + moments[2]), stream):
            close(other.coef_, whole.coef_, 1e-8)
            assert other.loss_ == pytest.approx(whole.loss_, rel=1e-10)
            assert other.optimality_ == pytest.approx(whole.optimality_, rel=1e-6, abs=1e-12)

    @pytest.mark.parametrize("form", ["rows", "moments"])
    @pytest.mark.parametrize("scaling", SCALINGS)
    @pytest.mark.parametrize("l1_ratio", RATIOS)
    def test_of_wide_data_is_the_same_on_rows_and_on_moments(self, form, scaling, l1_ratio, monkeypatch):
        X, y, weights = data(30, 80, weighted=True)
        on_rows = GradientDescentRegressor(alpha=0.2, l1_ratio=l1_ratio, scaling=scaling).fit(X, y, weights)
        holds(on_rows, X, y, weights)
        monkeypatch.setattr(gdlearn._solve, "SMALL_MATRIX", 100)
        other = clone(on_rows).fit(X, y, weights)
        close(other.coef_, on_rows.coef_, 1e-8)
        assert np.isnan(on_rows.condition_number_)
        assert np.isfinite(other.condition_number_)

    @pytest.mark.parametrize("unit", [480, -480])
    @pytest.mark.parametrize("shape", [(60, 6), (40, 90)])
    @pytest.mark.parametrize("k", [None, 9])
    def test_powers_of_two_as_units_change_nothing_but_the_units(self, unit, shape, k):
        # The weight of sizes has the unit of y: α θ² stands beside αρ|θ|, so with units of y it goes along for ρ = 1.
        X, y, _ = data(*shape, 2)
        model = GradientDescentRegressor(alpha=0.2, l1_ratio=1.0, max_iter=k)
        plain = clone(model).fit(X, y)
        of_x, of_y = clone(model).fit(np.ldexp(X, unit), y), clone(model).set_params(alpha=np.ldexp(0.2, unit))
        of_y.fit(X, np.ldexp(y, unit))
        close(np.ldexp(of_x.coef_, unit), plain.coef_, 1e-12)
        close(np.ldexp(of_y.coef_, -unit), plain.coef_, 1e-12)
        for other in (of_x, of_y):
            assert_array_equal(other.coef_ != 0, plain.coef_ != 0)
            assert other.optimality_ == pytest.approx(plain.optimality_, rel=1e-6, abs=1e-12)

    def test_a_target_of_another_unit_does_not_disturb_the_others(self):
        X, y, _ = data(60, 6, 2)
        alone = GradientDescentRegressor(alpha=0.2, l1_ratio=1.0).fit(X, y[:, 0])
        for unit in (490, -490):
            both = clone(alone).fit(X, np.column_stack([y[:, 0], np.ldexp(y[:, 1], unit)]))
            close(both.coef_[0], alone.coef_, 1e-9)
            if unit < 0:
                assert_array_equal(both.coef_[1], 0.0)
            else:  # to which so small a penalty means nothing
                least_squares = GradientDescentRegressor().fit(X, y[:, 1]).coef_
                close(np.ldexp(both.coef_[1], -unit), least_squares, 1e-9)

    @pytest.mark.parametrize("scaling", SCALINGS)
    @pytest.mark.parametrize("fit_intercept", [True, False])
    def test_its_loss_has_its_digits_where_little_is_left_of_y(self, scaling, fit_intercept):
        X, _, _ = data()
        X[:, 2] += 1e6 * (not fit_intercept)
        y = X @ np.array([0.0, 1.0, 1.0, 0.0, 0.0, -3.0]) + 1e-4 * data(seed=1)[1]
        model = GradientDescentRegressor(alpha=1e-6, l1_ratio=1.0, scaling=scaling, fit_intercept=fit_intercept)
        model.fit(X, y)
        assert model.loss_ == pytest.approx(objective(model, X, y), rel=1e-9)
        assert model.loss_curve_[-1] == model.loss_

    @pytest.mark.parametrize("alpha", [1e-320, 1e-300, 1e-20, 1e20, 1e150, 1e300, 1.7e308])
    @pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
    @pytest.mark.parametrize("shape", [(60, 6), (12, 70)])
    def test_takes_an_alpha_of_any_size(self, alpha, l1_ratio, shape):
        X, y, _ = data(*shape)
        for k in (None, 3):
            model = GradientDescentRegressor(alpha=alpha, l1_ratio=l1_ratio, max_iter=k).fit(X, y)
            assert np.isfinite([model.loss_, model.learning_rate_, *model.coef_]).all()
            if alpha > 1:
                assert np.abs(model.coef_).max() < 1e-15
            elif k is None and shape == (60, 6):
                close(model.coef_, GradientDescentRegressor().fit(X, y).coef_, 1e-11)

    def test_of_a_constant_target_and_of_no_feature_that_varies(self):
        model = GradientDescentRegressor(alpha=0.1, l1_ratio=1.0)
        for X, y in ((data()[0], np.full(60, 3.0)), (np.full((60, 2), 7.0), data()[1]), (data()[0], np.zeros(60))):
            model.fit(X, y)
            assert_array_equal(model.coef_, 0.0)
            assert model.intercept_ == pytest.approx(y.mean(), rel=1e-12, abs=1e-300)
            assert model.optimality_ <= 1e-8


def nearly_collinear():
    """Twelve features in three directions, but for a millionth, and a target that hangs on what is left of them."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3)) @ rng.normal(size=(3, 12)) + 1e-6 * rng.normal(size=(200, 12))
    return X, X @ (1e5 * rng.normal(size=12)) + 0.1 * rng.normal(size=200)


def far_from_zero(distance):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 8)) + distance * np.array([1, 0, 1, 0, 1, 0, 0.5, 0])
    return X, (X - X.mean(axis=0)) @ rng.normal(size=8) + rng.normal(size=200)


def missed_by_rows(model, X, y):
    """What `optimality_` is to be of a lasso, from the rows and coefficients as they are, without another rounding."""
    X, y, coef, shift, scale = (
        np.asarray(part, dtype=np.longdouble)
        for part in (X, y, model.coef_, X.mean(axis=0) * model.fit_intercept, model.feature_scale_)
    )
    residual = y - X @ coef - model.intercept_
    partial = -2 * (X - shift).T @ residual / scale / len(y)
    charge = 2 * np.longdouble(model.alpha)
    miss = np.where(coef == 0, np.maximum(np.abs(partial) - charge, 0), np.abs(partial + charge * np.sign(coef)))
    largest = 2 * np.abs((X - shift).T @ (y - y.mean() * model.fit_intercept) / scale).max() / len(y)
    return float(miss.max() / max(charge, largest / 10**6))


class TestRounding:
    @pytest.mark.parametrize("part", [1e-6, 1e-7])
    def test_the_certificate_is_that_of_the_rows_where_features_are_nearly_collinear(self, part):
        X, y = nearly_collinear()
        model = GradientDescentRegressor(alpha=part * largest_alpha(X, y), l1_ratio=1.0).fit(X, y)
        assert model.optimality_ == pytest.approx(missed_by_rows(model, X, y), rel=0.05)
        assert model.optimality_ <= 1e-8
        assert model.loss_ == pytest.approx(objective(model, X, y), rel=1e-9)

    @pytest.mark.parametrize("scaling", [None, "standard", "minmax"])
    def test_of_features_far_from_zero_without_an_intercept_it_is_that_of_the_rows(self, scaling):
        X, y = far_from_zero(1e6)
        alpha = 1e-3 * largest_alpha(X, y, scaling)
        model = GradientDescentRegressor(alpha=alpha, l1_ratio=1.0, scaling=scaling, fit_intercept=False)
        with pytest.warns(ConvergenceWarning, match=r"Rounding keeps .* optimality_ is .*fit_intercept=True, or"):
            model.fit(X, y)
        assert model.optimality_ == pytest.approx(missed_by_rows(model, X, y), rel=0.05)
        model.set_params(fit_intercept=True).fit(X, y)
        assert model.optimality_ <= 1e-8

    @pytest.mark.parametrize("scaling", [None, "standard", "minmax"])
    def test_of_more_features_than_rows_too(self, scaling):
        rng = np.random.default_rng(0)
        X = rng.normal(size=(30, 90)) + 1e6 * (rng.random(90) < 0.5)
        y = X[:, 0] - 1e6 + rng.normal(size=30)
        alpha = 0.1 * largest_alpha(X, y, scaling)
        model = GradientDescentRegressor(alpha=alpha, l1_ratio=1.0, scaling=scaling, fit_intercept=False)
        with pytest.warns(ConvergenceWarning, match="Rounding keeps"):
            model.fit(X, y)
        assert model.optimality_ == pytest.approx(missed_by_rows(model, X, y), rel=0.05)

    def test_moments_alone_claim_no_more_than_they_know(self):
        X, y = far_from_zero(1e6)
        model = GradientDescentRegressor(alpha=1e-3 * largest_alpha(X, y), l1_ratio=1.0, fit_intercept=False)
        with pytest.warns(ConvergenceWarning, match="Rounding keeps .*fit on the rows themselves"):
            model.fit_moments(Moments.from_data(X, y))
        assert model.optimality_ >= missed_by_rows(model, X, y)
        X, y = nearly_collinear()
        model = GradientDescentRegressor(alpha=1e-6 * largest_alpha(X, y), l1_ratio=1.0)
        assert missed_by_rows(model.fit_moments(Moments.from_data(X, y)), X, y) <= model.optimality_ <= 1e-6
        with pytest.warns(ConvergenceWarning, match=r"did not reach tol=1e-11 .*optimality_ is"):
            model.set_params(tol=1e-11).fit_moments(Moments.from_data(X, y))

    @pytest.mark.parametrize("l1_ratio", RATIOS)
    @pytest.mark.parametrize("fit_intercept", [True, False])
    @pytest.mark.parametrize("tol", [None, 1e-9])
    def test_rows_correct_what_moments_have_lost(self, l1_ratio, fit_intercept, tol, monkeypatch):
        X, y, weights = data(60, 6, 2, weighted=True)
        exact = gdlearn._solve.moments_of

        def rough(rows, **settings):
            moments = exact(rows, **settings)
            noise = 1 + 1e-5 * np.random.default_rng(0).normal(size=moments.covariance.shape)
            return replace(moments, covariance=moments.covariance * (noise + noise.T) / 2)

        monkeypatch.setattr(gdlearn._solve, "moments_of", rough)
        model = GradientDescentRegressor(alpha=0.05, l1_ratio=l1_ratio, fit_intercept=fit_intercept, tol=tol)
        model.set_params(scaling=None).fit(X, y, weights)
        assert missed(model, X, y, weights)[0] > 1e-6
        monkeypatch.setattr(gdlearn._minima, "SURE", 1e-18)
        model.fit(X, y, weights)
        assert missed(model, X, y, weights)[0] <= 1e-11
        assert model.optimality_ <= 1e-11
        assert model.loss_ == pytest.approx(objective(model, X, y, weights), rel=1e-12)
        assert len(model.loss_curve_) == model.n_iter_ + 1
        assert_allclose(model.loss_curve_[-1], model.loss_, rtol=1e-15)

    @pytest.mark.parametrize("part", [0.1, 1e-3])
    def test_ordinary_rows_are_read_once(self, part, monkeypatch):
        monkeypatch.setattr(gdlearn._minima, "residual_and_gradient", None)
        rng = np.random.default_rng(0)
        X = rng.normal(size=(2000, 20)) @ rng.normal(size=(20, 20)) + 100
        y = X @ rng.normal(size=20) + rng.normal(size=2000)
        model = GradientDescentRegressor(alpha=part * largest_alpha(X, y), l1_ratio=1.0).fit(X, y)
        assert missed(model, X, y)[0] <= 1e-10

    def test_a_tolerance_is_reached_however_small_alpha_is(self):
        X, y, _ = data()
        for alpha in (1e-12, 1e-30):
            model = GradientDescentRegressor(alpha=alpha, l1_ratio=1.0, tol=1e-8).fit(X, y)
            assert model.optimality_ <= 1e-8
            assert 2 * alpha * missed(model, X, y)[0] <= 1e-14 * 2 * largest_alpha(X, y)

    def test_the_descent_to_the_minimum_ends_whatever_happens(self, monkeypatch):
        monkeypatch.setattr(gdlearn._solve, "LONGEST", 5)
        model = GradientDescentRegressor(alpha=0.05, l1_ratio=1.0)
        with pytest.warns(ConvergenceWarning, match="did not reach tol=1e-08 in 5 steps: optimality_ is"):
            model.fit(X, Y)
        assert model.n_iter_ == 5
        assert model.optimality_ == pytest.approx(missed(model, X, Y)[0], rel=1e-6)


CORPUS = json.loads((Path(__file__).parent / "data" / "real_corpus.json").read_text())
SOME = sorted(name for name in CORPUS if "ref_rss" in CORPUS[name])[::3]


@pytest.mark.corpus
@pytest.mark.slow
@pytest.mark.parametrize("name", SOME)
def test_on_the_corpus_it_is_never_above_the_elastic_net(name):
    from corpus import load

    try:
        X, y = load(name)
    except (ModuleNotFoundError, FileNotFoundError) as absent:
        pytest.skip(f"the package that holds {name} is not installed: {absent}")
    X, y = X[:5000], y[:5000]
    for part, l1_ratio in product((0.1, 0.001), RATIOS):
        alpha = part * largest_alpha(X, y, "standard", l1_ratio)
        alike(GradientDescentRegressor(alpha=alpha, l1_ratio=l1_ratio).fit(X, y), X, y)


def loop(model, X, y, n_steps, weights=None, rate=None, start=0.0):
    """Coefficients (t, d), intercepts and J at every step, of the ten-line loop with the settings of a model."""
    Z, shift, scale = scaled(X, model.scaling, weights, model.fit_intercept)
    theta, losses = numpy_loop(
        Z,
        y,
        model.learning_rate_ if rate is None else rate,
        n_steps,
        weights=weights,
        momentum=0.0 if model.momentum == "auto" else model.momentum,
        nesterov=model.nesterov,
        fit_intercept=model.fit_intercept,
        start=start,
        alpha=model.alpha,
        l1_ratio=model.l1_ratio,
    )
    slopes, intercept = original_units(theta, shift, scale, model.fit_intercept)
    return slopes.T, intercept, losses


class TestPlainProximalDescent:
    @pytest.mark.parametrize("scaling", SCALINGS)
    @pytest.mark.parametrize("shape", [(60, 6), (40, 90)])
    @pytest.mark.parametrize(("momentum", "nesterov"), [("auto", False), (0.6, False), (0.6, True)])
    @pytest.mark.parametrize(("t", "weighted", "fit_intercept"), [(1, False, True), (3, True, True), (3, True, False)])
    def test_is_the_ten_line_loop(self, shape, scaling, momentum, nesterov, t, weighted, fit_intercept):
        X, y, weights = data(*shape, t, weighted)
        for k, l1_ratio, alpha in ((1, 0.5, 0.1), (40, 1.0, 0.2), (150, 0.5, 0.02)):
            model = GradientDescentRegressor(
                alpha=alpha,
                l1_ratio=l1_ratio,
                scaling=scaling,
                momentum=momentum,
                nesterov=nesterov,
                fit_intercept=fit_intercept,
                max_iter=k,
            ).fit(X, y, weights)
            coef, intercept, losses = loop(model, X, y, k, weights)
            close(np.atleast_2d(model.coef_), coef)
            assert_array_equal(np.atleast_2d(model.coef_) != 0, coef != 0)
            assert_allclose(model.intercept_ * np.ones(t), intercept, rtol=1e-9, atol=1e-9 * np.abs(coef).max())
            assert_allclose(model.loss_curve_, losses, rtol=1e-9)
            assert model.loss_ == pytest.approx(losses[-1], rel=1e-9)
            assert model.optimality_ == pytest.approx(missed(model, X, y, weights)[0], rel=1e-6, abs=1e-12)
            assert model.n_iter_ == k

    @pytest.mark.parametrize("shape", [(60, 6), (40, 90)])
    def test_from_a_model(self, shape):
        X, y, _ = data(*shape)
        start = np.random.default_rng(0).normal(size=shape[1] + 1)
        model = GradientDescentRegressor(0.01, alpha=0.2, l1_ratio=1.0, max_iter=20, init=start).fit(X, y)
        begin = np.vstack([start[:1] + start[1:] @ model.feature_shift_, (start[1:] * model.feature_scale_)[:, None]])
        close(model.coef_, loop(model, X, y, 20, start=begin)[0][0])

    @pytest.mark.parametrize("shape", [(60, 6), (40, 90)])
    def test_with_a_rate_of_each_step(self, shape):
        def rate(k):
            return 0.05 / (1 + 0.1 * k)

        X, y, _ = data(*shape)
        model = GradientDescentRegressor(rate, alpha=0.2, l1_ratio=0.9, max_iter=30).fit(X, y)
        close(model.coef_, loop(model, X, y, 30, rate=rate)[0][0])

    @pytest.mark.parametrize("shape", [(60, 6), (40, 90)])
    @pytest.mark.parametrize("scaling", SCALINGS)
    def test_tol_ends_it_at_the_first_step_whose_certificate_is_small(self, shape, scaling):
        X, y, weights = data(*shape, weighted=True)
        model = GradientDescentRegressor(alpha=0.4, l1_ratio=0.9, scaling=scaling, tol=0.2, momentum=0.5)
        model.fit(X, y, weights)
        assert model.optimality_ <= 0.2
        before = clone(model).set_params(tol=None, max_iter=max(model.n_iter_ - 1, 1)).fit(X, y, weights)
        assert missed(before, X, y, weights)[0] > 0.2 or model.n_iter_ == 1
        for k in range(1, min(model.n_iter_, 20)):
            early = clone(model).set_params(tol=None, max_iter=k).fit(X, y, weights)
            assert early.optimality_ > 0.2

    def test_its_limit_is_the_minimum(self):
        X, y, _ = data()
        model = GradientDescentRegressor(alpha=0.3, l1_ratio=0.9).fit(X, y)
        plain = GradientDescentRegressor(0.1, alpha=0.3, l1_ratio=0.9).fit(X, y)
        assert plain.optimality_ <= 1e-8  # the tolerance of every loop
        close(plain.coef_, model.coef_, 1e-7)
        assert_array_equal(plain.coef_ != 0, model.coef_ != 0)

    def test_too_few_steps_are_warned_of_in_words_that_are_true(self):
        with pytest.warns(ConvergenceWarning, match=r"did not reach tol=1e-10 in 5 steps: optimality_ is") as caught:
            model = GradientDescentRegressor(alpha=0.3, l1_ratio=1.0, tol=1e-10, max_iter=5).fit(X, Y)
        text = str(caught[0].message)
        said = float(text.partition("optimality_ is ")[2].partition(". What")[0])
        assert said == pytest.approx(model.optimality_, rel=1e-2)
        assert "learning_rate, momentum and max_iter left at their defaults" in text
        best = GradientDescentRegressor(alpha=0.3, l1_ratio=1.0, tol=1e-10).fit(X, Y)
        assert best.optimality_ <= 1e-10
        with pytest.warns(ConvergenceWarning, match=r"in 400 steps: .*tol=0\.\d+, which is reached") as caught:
            GradientDescentRegressor(alpha=0.3, l1_ratio=1.0, tol=1e-10, max_iter=400).fit(X, Y)
        looser = float(str(caught[0].message).partition("tol=")[2].partition("tol=")[2].partition(",")[0])
        GradientDescentRegressor(alpha=0.3, l1_ratio=1.0, tol=looser, max_iter=400).fit(X, Y)

    def test_nothing_is_offered_that_would_not_help(self):
        model = GradientDescentRegressor(0.1, alpha=3.0, l1_ratio=1.0, tol=1e-17, max_iter=3000)
        with pytest.warns(ConvergenceWarning) as caught:  # below rounding
            model.fit(X, Y)
        assert str(caught[0].message).count("What would help: tol=") == 1
        with pytest.warns(ConvergenceWarning, match=r"did not reach tol=1e-17 .* What would help: tol="):
            model.set_params(learning_rate="auto", max_iter=None).fit(X, Y)  # which ends where rounding lets it
        assert model.optimality_ < 1e-12
        model.set_params(learning_rate=lambda k: 0.1 * 0.5**k, max_iter=30, tol=1e-3)
        with pytest.warns(ConvergenceWarning, match=r"What would help: learning_rate, momentum and max_iter left at"):
            model.fit(X, Y)
        early = GradientDescentRegressor(alpha=3.0, l1_ratio=1.0, tol=1e-9, max_iter=2, early_stopping=True)
        with pytest.warns(ConvergenceWarning, match=r"What would help: more steps \(max_iter\)\.?") as caught:
            early.fit(X, Y)
        assert "defaults" not in str(caught[0].message)

    def test_a_descent_that_starts_at_the_minimum_stays_there(self):
        model = GradientDescentRegressor(alpha=3.0, l1_ratio=0.5, warm_start=True).fit(X, Y)
        coef = model.coef_
        model.fit(X, Y)
        close(model.coef_, coef, 1e-12)
        assert model.n_iter_ <= 1
        assert 0 < model.learning_rate_ < model.max_stable_learning_rate_

    @pytest.mark.parametrize("scaling", SCALINGS)
    @pytest.mark.parametrize("l1_ratio", RATIOS)
    def test_an_unstable_rate_is_refused_or_warned_of(self, scaling, l1_ratio):
        Z = scaled(X, scaling)[0]
        Z = np.column_stack([np.ones(len(Z)), Z])
        ridge = 0.3 * (1 - l1_ratio) * np.diag([0.0] + [1.0] * 10)
        stable = 1 / np.linalg.eigvalsh(Z.T @ Z / len(Z) + ridge)[-1]
        model = GradientDescentRegressor(1.001 * stable, alpha=0.3, l1_ratio=l1_ratio, scaling=scaling)
        with pytest.raises(DivergenceError, match="the largest stable rate is"):
            model.fit(X, Y)
        with pytest.warns(ConvergenceWarning, match="the largest stable rate is"):
            model.set_params(max_iter=10).fit(X, Y)
        assert model.max_stable_learning_rate_ == pytest.approx(stable, rel=1e-9)
        close(model.coef_, loop(model, X, Y, 10)[0][0])
        model.set_params(learning_rate=0.99 * stable).fit(X, Y)

    @pytest.mark.parametrize(("name", "value"), [("solver", "spectral"), ("learning_rate", "exact")])
    def test_what_needs_a_quadratic_is_refused(self, name, value):
        model = GradientDescentRegressor(alpha=0.3, l1_ratio=0.5, max_iter=3, **{name: value})
        with pytest.raises(ValueError, match=rf"{name}='{value}' needs a J without kinks.*l1_ratio=0"):
            model.fit(X, Y)
        model.set_params(l1_ratio=0.0).fit(X, Y)
        model.set_params(l1_ratio=1.0, alpha=0.0).fit(X, Y)

    @pytest.mark.parametrize("shape", [(80, 6), (40, 90)])
    @pytest.mark.parametrize("rate", ["auto", 0.01])
    def test_early_stopping_goes_by_the_error_without_the_penalty(self, shape, rate):
        X, y, _ = data(*shape)
        X, X_val, y, y_val = X[::2], X[1::2], y[::2], 0.7 * y[1::2]
        model = GradientDescentRegressor(
            rate, alpha=0.1, l1_ratio=0.9, early_stopping=True, n_iter_no_change=5, init="zero", max_iter=300
        ).fit(X, y, X_val=X_val, y_val=y_val)
        Z, shift, scale = scaled(X, "standard")
        errors, losses, theta = [], [], 0.0
        for k in range(301):
            theta, after = numpy_loop(Z, y, model.learning_rate_, min(k, 1), start=theta, alpha=0.1, l1_ratio=0.9)
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

    def test_early_stopping_to_the_limit(self):
        X, y, _ = data(80)
        model = GradientDescentRegressor(alpha=0.1, l1_ratio=0.9, early_stopping=True, random_state=0).fit(X, y)
        assert model.n_iter_ >= 1
        assert len(model.validation_loss_curve_) == len(model.loss_curve_)


class TestWhatItTakes:
    @with_callbacks
    def test_callbacks_see_it_and_may_end_it(self):
        X, y, _ = data()
        recorder = HistoryRecorder()
        model = GradientDescentRegressor(0.05, alpha=0.3, l1_ratio=0.9, max_iter=200)
        model.set_callbacks(recorder, EarlyStopping(X, 0.5 * y, patience=3)).fit(X, y)
        assert 3 < model.n_iter_ < 200
        coef, _, losses = loop(model, X, y, model.n_iter_)
        close(np.atleast_2d(model.coef_), coef)
        assert_allclose(recorder.history_["loss"], losses[1:], rtol=1e-9)

    @with_callbacks
    def test_callbacks_change_nothing_of_the_accelerated_descent(self):
        X, y, _ = data(40, 90)
        recorder = HistoryRecorder()
        model = GradientDescentRegressor(alpha=0.1, l1_ratio=0.9)
        alone = clone(model).fit(X, y)
        model.set_callbacks(recorder).fit(X, y)
        assert_array_equal(model.coef_, alone.coef_)
        assert recorder.history_["n_iter"][-1] == model.n_iter_
        assert_allclose(recorder.history_["coef"][-1], model.coef_)
        assert_allclose(recorder.history_["loss"], model.loss_curve_[1:], rtol=1e-12)

    def test_a_progress_bar(self):
        pytest.importorskip("rich")
        model = GradientDescentRegressor(alpha=0.3, l1_ratio=0.9)
        loud = clone(model).set_params(verbose=1).fit(X, Y)
        assert_array_equal(loud.coef_, model.fit(X, Y).coef_)

    @pytest.mark.parametrize("shape", [(60, 6), (9, 70)])
    @pytest.mark.parametrize("scaling", SCALINGS)
    def test_the_gradient_check_is_of_what_has_a_gradient(self, shape, scaling):
        X, y, weights = data(*shape, weighted=True)
        model = GradientDescentRegressor(alpha=0.3, l1_ratio=0.5, scaling=scaling, check_gradient=True)
        assert model.fit(X, y, weights).gradient_check_.passed

    def test_a_search_over_alpha_and_a_pipeline(self):
        model = make_pipeline(StandardScaler(), GradientDescentRegressor(l1_ratio=1.0))
        search = GridSearchCV(model, {"gradientdescentregressor__alpha": [0.1, 10.0, 1e3]}).fit(X, Y)
        assert search.best_params_["gradientdescentregressor__alpha"] < 1e3
        assert_array_equal(search.best_estimator_[-1].coef_.shape, (10,))

    def test_clones_and_pickles_are_the_same(self):
        model = GradientDescentRegressor(alpha=3.0, l1_ratio=0.5).fit(X, Y)
        again = pickle.loads(pickle.dumps(model))
        assert again.optimality_ == model.optimality_
        assert_array_equal(again.predict(X), clone(model).fit(X, Y).predict(X))

    def test_an_l1_penalty_is_forgotten_with_the_fit(self):
        model = GradientDescentRegressor(alpha=3.0, l1_ratio=1.0).fit(X, Y)
        assert model.optimality_ <= 1e-8
        assert not hasattr(model.set_params(alpha=0.0).fit(X, Y), "optimality_")

    @pytest.mark.parametrize("l1_ratio", [0.5, 1.0])
    def test_no_matrix_is_formed_where_there_is_no_room(self, l1_ratio, monkeypatch):
        monkeypatch.setattr(gdlearn._solve, "LARGEST_MATRIX", 20)
        X, y, weights = data(60, 40, weighted=True)
        X = np.where(X > 1, X, 0.0)
        model = GradientDescentRegressor(alpha=0.1, l1_ratio=l1_ratio).fit(sparse.csr_array(X), y, weights)
        alike(model, X, y, weights)
        assert np.isnan(model.condition_number_)
