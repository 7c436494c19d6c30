"""Penalties chosen by cross-validation: every error is the one that GridSearchCV finds by fitting one by one."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.datasets import load_diabetes
from sklearn.linear_model import ElasticNetCV, RidgeCV
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneOut,
    PredefinedSplit,
    RepeatedKFold,
    ShuffleSplit,
    TimeSeriesSplit,
)
from sklearn.preprocessing import StandardScaler

from gdlearn import GradientDescentRegressor, GradientDescentRegressorCV

X, y = load_diabetes(return_X_y=True)
RNG = np.random.default_rng(0)
X = X[:150] * RNG.uniform(1.0, 50.0, 10) + 2.0 * RNG.normal(size=10)
y = y[:150]
TWO = np.column_stack([y, 3.0 * X[:, 2] + RNG.normal(size=len(y))])
WIDE, OF_WIDE = RNG.normal(size=(30, 80)), RNG.normal(size=30)
ALPHAS = [1e-3, 0.1, 3.0]
RATIOS = [0.0, 0.5, 1.0]
GROUPS = RNG.integers(0, 5, len(y))
SPLITTERS = {
    "KFold": KFold(4),
    "shuffled": KFold(3, shuffle=True, random_state=0),
    "repeated": RepeatedKFold(n_splits=2, n_repeats=2, random_state=0),
    "grouped": GroupKFold(3),
    "series": TimeSeriesSplit(3),
    "random": ShuffleSplit(3, random_state=1),
    "predefined": PredefinedSplit(np.arange(150) % 4 - 1),
    "one out": LeaveOneOut(),
    "masks": [(np.arange(150) % 3 != k, np.arange(150) % 3 == k) for k in range(3)],
}


def searched(X, y, grid, cv, groups=None, **settings):
    """The errors that GridSearchCV finds, as a dict from parameters to a list of errors, and the search."""
    search = GridSearchCV(GradientDescentRegressor(**settings), grid, cv=cv, scoring="neg_mean_squared_error")
    search.fit(X, y, groups=groups)
    results = search.cv_results_
    n = sum(name.startswith("split") for name in results)
    errors = [[-results[f"split{k}_test_score"][i] for k in range(n)] for i in range(len(results["params"]))]
    return {tuple(sorted(p.items())): e for p, e in zip(results["params"], errors, strict=True)}, search


def expected(errors, **axes):
    """The errors as an array with the axes in this order, and the folds last."""
    keys = itertools.product(*axes.values())
    flat = [errors[tuple(sorted(zip(axes, key, strict=True)))] for key in keys]
    return np.array(flat).reshape(*map(len, axes.values()), -1)


@pytest.mark.parametrize("name", SPLITTERS)
@pytest.mark.parametrize("ratios", [0.0, RATIOS], ids=["ridge", "several"])
def test_limits_with_every_splitter(name, ratios):
    cv, some = SPLITTERS[name], np.atleast_1d(ratios).tolist()
    n = 40 if name == "one out" else 150
    groups = GROUPS[:n] if name == "grouped" else None
    params = {} if groups is None else {"groups": groups}
    model = GradientDescentRegressorCV(alphas=ALPHAS, l1_ratios=ratios, cv=cv).fit(X[:n], y[:n], **params)
    errors, search = searched(X[:n], y[:n], {"alpha": ALPHAS, "l1_ratio": some}, cv, groups)
    found = expected(errors, l1_ratio=some, alpha=ALPHAS)
    assert model.mse_path_.shape == found.shape == (len(some), 3, found.shape[-1])
    assert_allclose(model.mse_path_[np.array(some) == 0], found[np.array(some) == 0], rtol=1e-10)
    assert_allclose(model.mse_path_, found, rtol=1e-8)
    assert {"alpha": model.alpha_, "l1_ratio": model.l1_ratio_} == search.best_params_
    assert model.best_score_ == pytest.approx(search.best_score_, rel=1e-8)
    assert_allclose(model.coef_, search.best_estimator_.coef_, rtol=1e-8, atol=1e-10)
    assert model.max_iter_ is None
    assert len(model.learning_rates_) == len(model.max_iters_) == 0
    assert model.n_iter_ == search.best_estimator_.n_iter_


@pytest.mark.parametrize("scaling", ["standard", None, "minmax", "maxabs"])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("data", ["tall", "two", "wide", "sparse"])
def test_limits_in_all_coordinates(scaling, fit_intercept, data):
    features, target = {
        "tall": (X, y),
        "two": (X, TWO),
        "wide": (WIDE, OF_WIDE),
        "sparse": (sparse.csr_array(np.where(np.abs(X) > 2, X, 0.0)), y),
    }[data]
    settings = {"scaling": scaling, "fit_intercept": fit_intercept}
    model = GradientDescentRegressorCV(alphas=ALPHAS, l1_ratios=RATIOS, cv=3, **settings).fit(features, target)
    errors, _ = searched(features, target, {"alpha": ALPHAS, "l1_ratio": RATIOS}, 3, **settings)
    found = expected(errors, l1_ratio=RATIOS, alpha=ALPHAS)
    assert_allclose(model.mse_path_[0], found[0], rtol=1e-10)
    assert_allclose(model.mse_path_, found, rtol=1e-8)


@pytest.mark.parametrize("scaling", ["standard", None, "minmax"])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("momentum", [0.0, 0.5])
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_grid_of_penalties_rates_and_steps(scaling, fit_intercept, wide, momentum, early_stopping):
    features, target = (WIDE, OF_WIDE) if wide else (X, TWO)
    ratios, steps = [0.0, 0.6], [1, 7, 40]
    settings = {"scaling": scaling, "fit_intercept": fit_intercept, "momentum": momentum}
    stopping = {"early_stopping": early_stopping, "random_state": 0}
    model = GradientDescentRegressorCV(
        2, max_iters=steps, alphas=ALPHAS, l1_ratios=ratios, cv=3, **settings, **stopping
    ).fit(features, target)
    rates = model.learning_rates_.tolist()
    grid = {"alpha": ALPHAS, "l1_ratio": ratios, "learning_rate": rates, "max_iter": steps}
    errors, _ = searched(features, target, grid, 3, init="mean", **settings, **stopping)
    found = expected(errors, l1_ratio=ratios, alpha=ALPHAS, learning_rate=rates, max_iter=steps)
    assert model.mse_path_.shape == (2, 3, 2, 3, 3)
    assert_allclose(model.mse_path_, found, rtol=1e-10)
    # Where descents stop early, errors may be equal but for rounding: any of the best may be chosen.
    place = (
        ratios.index(model.l1_ratio_),
        ALPHAS.index(model.alpha_),
        rates.index(model.learning_rate_),
        steps.index(model.max_iter_),
    )
    assert found.mean(axis=-1)[place] == pytest.approx(found.mean(axis=-1).min(), rel=1e-10)


def test_rates_that_diverge_for_a_large_ridge_term_are_infinitely_wrong_there_alone():
    stable = GradientDescentRegressor().fit(X, y).max_stable_learning_rate_
    model = GradientDescentRegressorCV([0.4 * stable], max_iters=[5], alphas=[0.1, 100.0]).fit(X, y)
    assert np.isfinite(model.mse_path_[0, 0]).all()
    assert np.isinf(model.mse_path_[0, 1]).all()
    assert model.alpha_ == 0.1


def test_a_grid_of_rates_alone_is_as_without_penalties():
    plain = GradientDescentRegressorCV(3, max_iters=4).fit(X, y)
    charged = GradientDescentRegressorCV(3, max_iters=4, alphas=[0.0]).fit(X, y)
    assert_allclose(charged.mse_path_[0, 0], plain.mse_path_, rtol=1e-12)
    assert (plain.alpha_, plain.l1_ratio_) == (0.0, 0.0)
    assert not hasattr(plain, "alphas_")
    assert_allclose(charged.coef_, plain.coef_, rtol=1e-12)


def test_beside_the_searches_of_scikit_learn():
    Z = StandardScaler().fit_transform(X)
    alphas = np.geomspace(10.0, 1e-3, 8)
    ours = GradientDescentRegressorCV(alphas=alphas, scaling=None, cv=KFold(5)).fit(Z, y)
    theirs = RidgeCV(alphas=alphas * 120, cv=KFold(5), scoring="neg_mean_squared_error").fit(Z, y)  # 120 rows a fold
    assert ours.alpha_ * 120 == pytest.approx(theirs.alpha_)
    assert ours.best_score_ == pytest.approx(theirs.best_score_, rel=1e-9)
    for ratios in (1.0, [0.3, 0.9]):
        theirs = ElasticNetCV(l1_ratio=ratios, alphas=alphas, cv=KFold(5), tol=1e-12, max_iter=10**6).fit(Z, y)
        ours = GradientDescentRegressorCV(alphas=alphas, l1_ratios=ratios, scaling=None, cv=KFold(5)).fit(Z, y)
        assert_allclose(ours.mse_path_, theirs.mse_path_.reshape(ours.mse_path_.shape), rtol=1e-7)
        assert (ours.alpha_, ours.l1_ratio_) == pytest.approx((theirs.alpha_, theirs.l1_ratio_))


def test_alphas_by_number():
    for ratio, shape in ((0.0, (7,)), (1.0, (7,)), ([0.5, 1.0], (2, 7))):
        model = GradientDescentRegressorCV(alphas=7, l1_ratios=ratio).fit(X, y)
        assert model.alphas_.shape == shape
        assert (np.diff(model.alphas_) < 0).all()
        assert model.alpha_ in model.alphas_
        assert model.mse_path_.shape == (np.size(ratio), 7, 5)
    largest = model.alphas_[1, 0]
    assert not GradientDescentRegressor(alpha=largest * (1 + 1e-12), l1_ratio=1.0).fit(X, y).coef_.any()
    assert GradientDescentRegressor(alpha=largest * (1 - 1e-9), l1_ratio=1.0).fit(X, y).coef_.any()


@pytest.mark.parametrize("ratio", [0.0, 1.0])
def test_one_standard_error(ratio):
    alphas = np.geomspace(30.0, 1e-3, 30)
    options = {"alphas": alphas, "l1_ratios": ratio, "cv": KFold(10)}
    best = GradientDescentRegressorCV(**options).fit(X, y)
    simple = GradientDescentRegressorCV(**options, selection="one_standard_error").fit(X, y)
    errors = best.mse_path_[0]
    i = int(np.argmin(errors.mean(axis=1)))
    bound = errors[i].mean() + errors[i].std(ddof=1) / np.sqrt(10)
    allowed = alphas[errors.mean(axis=1) <= bound]
    assert best.alpha_ == alphas[i]
    assert simple.alpha_ == allowed.max() > best.alpha_
    assert simple.best_score_ == pytest.approx(-errors[alphas == simple.alpha_].mean())
    assert_allclose(simple.mse_path_, best.mse_path_)


def test_one_standard_error_of_steps():
    options = {"learning_rates": [0.01, 0.1], "max_iters": 2 ** np.arange(12), "cv": KFold(10)}
    best = GradientDescentRegressorCV(**options).fit(X, y)
    simple = GradientDescentRegressorCV(**options, selection="one_standard_error").fit(X, y)
    means = best.mse_path_.mean(axis=-1)
    i = np.unravel_index(np.argmin(means), means.shape)
    bound = means[i] + best.mse_path_[i].std(ddof=1) / np.sqrt(10)
    reach = np.multiply.outer([0.01, 0.1], options["max_iters"])
    assert simple.learning_rate_ * simple.max_iter_ == pytest.approx(reach[means <= bound].min())
    assert simple.learning_rate_ * simple.max_iter_ < best.learning_rate_ * best.max_iter_


@pytest.mark.parametrize("ratio", [0.0, 1.0])
def test_weights_are_repeated_rows(ratio):
    times = RNG.integers(0, 3, len(y))
    folds = np.arange(len(y)) % 3
    weighted = GradientDescentRegressorCV(alphas=ALPHAS, l1_ratios=ratio, cv=PredefinedSplit(folds))
    weighted.fit(X, y, sample_weight=times.astype(float))
    rows = np.repeat(np.arange(len(y)), times)
    repeated = GradientDescentRegressorCV(alphas=ALPHAS, l1_ratios=ratio, cv=PredefinedSplit(folds[rows]))
    repeated.fit(X[rows], y[rows])
    assert_allclose(weighted.mse_path_, repeated.mse_path_, rtol=1e-9)
    assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-9)


def test_nearly_collinear_columns_keep_their_digits():
    # copies but for 1e-7, and far from zero: squares hold few digits of what tells them apart
    Z = np.column_stack([X[:, :3], X[:, 0] + 1e-7 * RNG.normal(size=len(y)), X[:, 1] + 1e5])
    for scaling in ("standard", None):
        alphas = [1e-12, 1e-8, 1e-2]
        model = GradientDescentRegressorCV(alphas=alphas, scaling=scaling, cv=3).fit(Z, y)
        errors, _ = searched(Z, y, {"alpha": alphas}, 3, scaling=scaling)
        assert_allclose(model.mse_path_[0], expected(errors, alpha=alphas), rtol=1e-10)


def test_what_makes_no_sense_is_refused_by_name():
    with pytest.raises(ValueError, match=r"'l1_ratios' parameter .* without alphas there is none"):
        GradientDescentRegressorCV(l1_ratios=0.5).fit(X, y)
    with pytest.raises(ValueError, match=r"'early_stopping' parameter .* goes to its limit"):
        GradientDescentRegressorCV(alphas=[0.1], early_stopping=True).fit(X, y)
