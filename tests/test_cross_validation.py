"""The grid from the modes is the grid that GridSearchCV fits one by one."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn import config_context
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.metrics import make_scorer, mean_squared_error
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    KFold,
    LeaveOneOut,
    PredefinedSplit,
    RandomizedSearchCV,
    RepeatedKFold,
    ShuffleSplit,
    TimeSeriesSplit,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import gdlearn._moments
from gdlearn import DivergenceError, GradientDescentRegressor, GradientDescentRegressorCV
from gdlearn._cross_validation import batches, splits_in_order, splits_of

X, y = load_diabetes(return_X_y=True, scaled=False)
X, y = X[:200], y[:200]
RNG = np.random.default_rng(0)
GROUPS = RNG.integers(0, 7, len(y))
WEIGHTS = RNG.integers(0, 4, len(y)).astype(float)
BOOTSTRAP = [(RNG.integers(0, 200, 150), RNG.integers(0, 200, 60)) for _ in range(3)]
MASKS = [(np.arange(200) % 3 != k, np.arange(200) % 3 == k) for k in range(3)]
SPLITTERS = {
    "default": None,
    "KFold": KFold(4),
    "shuffled": KFold(3, shuffle=True, random_state=0),
    "repeated": RepeatedKFold(n_splits=3, n_repeats=2, random_state=0),
    "grouped": GroupKFold(3),
    "series": TimeSeriesSplit(4),
    "random": ShuffleSplit(5, random_state=1),
    "predefined": PredefinedSplit(np.arange(200) % 4 - 1),
    "bootstrap": BOOTSTRAP,
    "masks": MASKS,
}
SCORER = make_scorer(mean_squared_error, greater_is_better=False)


def compare(model, X, y, tolerance=1e-10, *, weights=None, groups=None):
    """Every error, the winner and its model, against GridSearchCV over the regressor with the same parameters."""
    with config_context(enable_metadata_routing=True):
        fit = {}
        inner = GradientDescentRegressor().set_fit_request(sample_weight=weights is not None)
        scorer = SCORER
        if weights is not None:
            scorer = make_scorer(mean_squared_error, greater_is_better=False).set_score_request(sample_weight=True)
            fit["sample_weight"] = weights
        if groups is not None:
            fit["groups"] = groups
        model.fit(X, y, **fit)
        own = set(inner.get_params())
        inner.set_params(**{name: value for name, value in model.get_params().items() if name in own})
        if model.init == "auto":
            inner.set_params(init="mean")
        grid = {"learning_rate": model.learning_rates_.tolist(), "max_iter": model.max_iters_.tolist()}
        search = GridSearchCV(inner, grid, cv=model.cv, scoring=scorer).fit(X, y, **fit)
    theirs = -np.array([search.cv_results_[f"split{i}_test_score"] for i in range(search.n_splits_)])
    assert_allclose(model.mse_path_, theirs.T.reshape(model.mse_path_.shape), rtol=tolerance)
    assert model.learning_rate_ == search.best_params_["learning_rate"]
    assert model.max_iter_ == search.best_params_["max_iter"]
    assert_allclose(model.best_score_, search.best_score_, rtol=tolerance)
    assert_allclose(model.coef_, search.best_estimator_.coef_, rtol=1e-9)
    assert_allclose(model.predict(X), search.predict(X), rtol=1e-10)


@pytest.mark.parametrize("name", SPLITTERS)
@pytest.mark.parametrize("weighted", [False, True])
def test_every_splitter(name, weighted):
    model = GradientDescentRegressorCV(3, max_iters=3, cv=SPLITTERS[name])
    groups = GROUPS if name == "grouped" else None
    compare(model, X, y, weights=WEIGHTS if weighted else None, groups=groups)


@pytest.mark.parametrize("scaling", [None, "standard", "minmax", "maxabs"])
@pytest.mark.parametrize(("momentum", "nesterov"), [(0.0, False), (0.5, False), (0.9, True)])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_every_scaling_and_momentum(scaling, momentum, nesterov, fit_intercept):
    model = GradientDescentRegressorCV(
        3, max_iters=3, cv=3, scaling=scaling, momentum=momentum, nesterov=nesterov, fit_intercept=fit_intercept
    )
    compare(model, X, y)


@pytest.mark.parametrize("scaling", [None, "standard"])
@pytest.mark.parametrize("weighted", [False, True])
def test_early_stopping_in_the_folds(scaling, weighted):
    model = GradientDescentRegressorCV(
        4, max_iters=[2, 30, 4_000], cv=4, scaling=scaling, early_stopping=True, random_state=3, n_iter_no_change=4
    )
    compare(model, X, y, weights=WEIGHTS if weighted else None)


def test_rows_to_stop_by_serve_every_fold():
    model = GradientDescentRegressorCV([0.02, 0.1], max_iters=[5, 3_000], cv=3, early_stopping=True)
    model.fit(X[:150], y[:150], X_val=X[150:], y_val=y[150:])
    inner = GradientDescentRegressor(early_stopping=True)
    grid = {"learning_rate": [0.02, 0.1], "max_iter": [5, 3_000]}
    search = GridSearchCV(inner, grid, cv=3, scoring=SCORER).fit(X[:150], y[:150], X_val=X[150:], y_val=y[150:])
    theirs = -np.array([search.cv_results_[f"split{i}_test_score"] for i in range(3)])
    assert_allclose(model.mse_path_, theirs.T.reshape(2, 2, 3), rtol=1e-10)
    assert_allclose(model.coef_, search.best_estimator_.coef_, rtol=1e-9)
    assert model.n_iter_ == search.best_estimator_.n_iter_


def test_several_targets():
    noise = np.random.default_rng(1).normal(size=len(y))
    compare(GradientDescentRegressorCV(4, max_iters=4), X, np.column_stack([y, X[:, 2] + noise]))


@pytest.mark.parametrize("early_stopping", [False, True])
def test_fewer_rows_than_columns(early_stopping):
    rng = np.random.default_rng(1)
    wide = rng.normal(size=(60, 100))
    target = wide[:, 0] + rng.normal(size=60)
    model = GradientDescentRegressorCV([1e-3, 5e-3], max_iters=[3, 40, 500], early_stopping=early_stopping, cv=4)
    compare(model.set_params(random_state=0), wide, target, weights=WEIGHTS[:60] + 1)


def test_leave_one_out():
    compare(GradientDescentRegressorCV(3, max_iters=3, cv=LeaveOneOut()), X[:40], y[:40], tolerance=1e-9)


def test_a_small_test_error_keeps_its_digits():
    rng = np.random.default_rng(1)
    target = X @ rng.normal(size=10) + 1e-3 * rng.normal(size=len(y))  # R² = 1 − 1e-9
    compare(GradientDescentRegressorCV(3, max_iters=[10, 10**6]), X, target, tolerance=1e-9)


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_array])
@pytest.mark.parametrize("scaling", [None, "standard", "maxabs"])
def test_sparse(kind, scaling):
    thin = np.where(np.random.default_rng(1).random(X.shape) < 0.3, X, 0.0)
    options = {"max_iters": [2, 50], "cv": KFold(3, shuffle=True, random_state=0), "scaling": scaling}
    ours = GradientDescentRegressorCV(3, **options).fit(kind(thin), y)
    dense = GradientDescentRegressorCV(3, **options).fit(thin, y)
    assert_allclose(ours.mse_path_, dense.mse_path_, rtol=1e-10)


def test_data_frames_and_float32():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=[f"x{j}" for j in range(X.shape[1])])
    model = GradientDescentRegressorCV(3, max_iters=3).fit(frame, pandas.Series(y))
    assert_allclose(model.mse_path_, GradientDescentRegressorCV(3, max_iters=3).fit(X, y).mse_path_, rtol=1e-12)
    assert list(model.feature_names_in_) == list(frame.columns)
    assert GradientDescentRegressorCV(3, max_iters=3).fit(X.astype(np.float32), y).coef_.dtype == np.float32


def test_the_rows_are_read_once_where_test_folds_partition_them(monkeypatch):
    reads = []
    one_pass = gdlearn._moments._one_pass
    monkeypatch.setattr(gdlearn._moments, "_one_pass", lambda *a, **k: reads.append(1) or one_pass(*a, **k))
    for cv, most in ((None, 1), (KFold(7, shuffle=True, random_state=0), 1), (TimeSeriesSplit(6), 1), (MASKS, 1)):
        reads.clear()
        GradientDescentRegressorCV(3, max_iters=3, cv=cv).fit(X, y)
        assert len(reads) == most
    for cv, most in (
        (RepeatedKFold(n_splits=4, n_repeats=3, random_state=0), 12),
        (ShuffleSplit(9, random_state=0), 9),
    ):
        reads.clear()
        GradientDescentRegressorCV(3, max_iters=3, cv=cv).fit(X, y)
        assert len(reads) <= most


def test_groups_of_rows_are_what_the_splits_tell_apart():
    splits = list(splits_of(RepeatedKFold(n_splits=3, n_repeats=2, random_state=0).split(X), len(X), None))
    for most in (2, 5, 9, 100):
        seen = []
        for batch in batches(iter(splits), None, most):
            assert batch.group.max() == batch.n_groups - 1
            for split, of_groups in zip(batch.splits, batch.of_groups, strict=True):
                for part, of_group in zip(split.parts, of_groups.parts, strict=True):
                    np.testing.assert_array_equal(of_group[batch.group], part)
            seen += batch.splits
        assert seen == splits


@pytest.mark.parametrize(("n_samples", "n_folds"), [(200, 4), (23, 5), (7, 7)])
def test_folds_in_the_order_of_the_rows_are_those_of_kfold(n_samples, n_folds):
    splits = list(splits_in_order(n_samples, n_folds))
    for split, (train, test) in zip(splits, KFold(n_folds).split(np.zeros(n_samples)), strict=True):
        assert np.flatnonzero(split.train).tolist() == train.tolist()
        assert np.flatnonzero(split.test).tolist() == test.tolist()
        assert (split.train + split.test).max() == 1
        assert not split.held_out.any()


def test_more_folds_than_rows_are_refused_as_by_kfold():
    with pytest.raises(ValueError, match="Cannot have number of splits"):
        GradientDescentRegressorCV(3, cv=KFold(6)).fit(X[:5], y[:5])


def test_rows_without_weight_do_not_speak_for_a_group():
    weights = np.ones(len(y))
    weights[:40] = 0.0  # all that the first split tests on
    cv = [(np.arange(40, 120), np.arange(120, 200)), (np.arange(80, 200), np.arange(30, 80))]
    compare(GradientDescentRegressorCV(3, max_iters=3, cv=cv), X, y, weights=weights)
    cv = [(np.arange(20, 120), np.arange(120, 200)), (np.r_[0:20, 80:200], np.arange(20, 80))]
    compare(GradientDescentRegressorCV(3, max_iters=3, cv=cv), X, y, weights=weights)


def test_a_diverging_candidate_is_infinite_and_never_chosen():
    stable = GradientDescentRegressor().fit(X, y).max_stable_learning_rate_
    model = GradientDescentRegressorCV([0.1 * stable, 2 * stable], max_iters=[1, 5]).fit(X, y)
    assert np.isinf(model.mse_path_[1]).all()
    assert np.isfinite(model.mse_path_[0]).all()
    assert model.learning_rate_ == 0.1 * stable
    before = dict(vars(model))
    with pytest.raises(DivergenceError, match=r"smallest is .* largest stable rate"):
        model.set_params(learning_rates=[2 * stable]).fit(X, y)
    assert {key: value for key, value in vars(model).items() if key != "learning_rates"} == {
        key: value for key, value in before.items() if key != "learning_rates"
    }


def test_the_default_grid():
    model = GradientDescentRegressorCV().fit(X, y)
    assert model.mse_path_.shape == (20, 10, 5)
    assert (np.diff(model.learning_rates_) > 0).all()
    assert model.learning_rates_[-1] < model.max_stable_learning_rate_
    assert model.max_iters_[0] == 1
    limit = GradientDescentRegressor(model.learning_rates_[-1]).fit(X, y)
    assert model.max_iters_[-1] == limit.n_iter_
    assert np.isfinite(model.mse_path_).all()


def test_features_without_information():
    model = GradientDescentRegressorCV(3, max_iters=3).fit(np.ones((20, 2)), np.arange(20.0))
    assert_allclose(model.coef_, 0)
    flat = GradientDescentRegressorCV(3, max_iters=3, fit_intercept=False).fit(np.zeros((20, 2)), np.arange(20.0))
    assert_allclose(flat.predict(np.zeros((3, 2))), 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("learning_rates", bad) for bad in (0, -1, True, "many", [], [0.0], [-1.0], [np.nan], [[0.1]], 0.5)),
        *(("max_iters", bad) for bad in (0, True, [], [0], [1.5], "many", np.array([[1]]))),
        *(("alphas", bad) for bad in (0, True, [], [-1.0], [np.nan], "many", [[0.1]], 0.5)),
        *(("l1_ratios", bad) for bad in (-0.1, 1.5, np.nan, None, True, [], [2.0], "half")),
        *(("selection", bad) for bad in ("max", None, 1)),
        *(("momentum", bad) for bad in ("auto", 1.0, None)),
        *(("scaling", bad) for bad in ("robust", 1)),
        *(("nesterov", bad) for bad in (1, None)),
        *(("fit_intercept", bad) for bad in (1, None)),
        *(("early_stopping", bad) for bad in (1, None)),
        *(("validation_fraction", bad) for bad in (0, 1, 1.5, "half", None)),
        *(("n_iter_no_change", bad) for bad in (0, 1.5, None)),
        ("random_state", "seed"),
    ],
)
def test_a_bad_parameter_is_refused_by_name(name, value):
    with pytest.raises((ValueError, TypeError), match=rf"'{name}' parameter .* must be .* Got"):
        GradientDescentRegressorCV().set_params(**{name: value}).fit(X, y)


def test_bad_splits_are_refused():
    for cv, message in (
        ([], "yields no split|no split"),
        ([(np.arange(10), [])], "non-empty"),
        ([(np.arange(10), [500])], "below 200"),
        ("three", "cv"),
    ):
        with pytest.raises(ValueError, match=message):
            GradientDescentRegressorCV(3, cv=cv).fit(X, y)
    weight = np.zeros(len(y))
    weight[:100] = 1.0
    with pytest.raises(ValueError, match="no training or no test row with a weight"):
        GradientDescentRegressorCV(3, cv=KFold(2)).fit(X, y, weight)
    with pytest.raises(TypeError, match="unexpected argument 'colour'"):
        GradientDescentRegressorCV(3).fit(X, y, colour=1)


def test_groups_are_routed():
    plain = GradientDescentRegressorCV(3, max_iters=3, cv=GroupKFold(3)).fit(X, y, groups=GROUPS)
    with config_context(enable_metadata_routing=True):
        routed = GradientDescentRegressorCV(3, max_iters=3, cv=GroupKFold(3)).fit(X, y, groups=GROUPS)
        outer = GridSearchCV(
            GradientDescentRegressorCV(3, max_iters=3, cv=GroupKFold(2)),
            {"scaling": [None, "standard"]},
            cv=GroupKFold(2),
        ).fit(X, y, groups=GROUPS)
    np.testing.assert_array_equal(plain.mse_path_, routed.mse_path_)
    assert outer.best_estimator_.mse_path_.shape[-1] == 2


@pytest.mark.usefixtures("array_api")
@parametrize_with_checks(
    [GradientDescentRegressorCV(4, max_iters=3), GradientDescentRegressorCV([0.01], max_iters=[300], cv=2)]
)
@pytest.mark.whole
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learns_checks(estimator, check):
    check(estimator)


class TestTheOrdinaryWay:
    """Searches of scikit-learn over GradientDescentRegressor."""

    stable = GradientDescentRegressor().fit(X, y).max_stable_learning_rate_

    @pytest.mark.slow
    @pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite")
    def test_grid_search_in_a_pipeline_on_two_processes(self):
        pipeline = make_pipeline(PolynomialFeatures(2), StandardScaler(), GradientDescentRegressor(scaling=None))
        grid = {"gradientdescentregressor__learning_rate": [1e-3, 1e-2, 10.0]}
        with pytest.warns(FitFailedWarning, match="learning rate 10 does not converge: the largest stable rate is"):
            search = GridSearchCV(pipeline, grid, cv=3, n_jobs=2).fit(X, y)
        scores = search.cv_results_["mean_test_score"]
        assert np.isnan(scores[2])
        assert np.isfinite(scores[:2]).all()
        assert search.best_params_["gradientdescentregressor__learning_rate"] in (1e-3, 1e-2)

    def test_randomized_and_halving_search(self):
        rates = {"learning_rate": self.stable * np.geomspace(1e-3, 0.5, 6), "max_iter": [10, 100]}
        search = RandomizedSearchCV(GradientDescentRegressor(), rates, n_iter=5, random_state=0).fit(X, y)
        assert search.best_params_["learning_rate"] < self.stable
        halving = HalvingGridSearchCV(GradientDescentRegressor(), rates, random_state=0).fit(X, y)
        assert halving.best_params_["learning_rate"] < self.stable

    def test_a_rate_too_large_for_its_steps_is_warned_of(self):
        with pytest.warns(ConvergenceWarning, match="does not converge"):
            GridSearchCV(GradientDescentRegressor(max_iter=3), {"learning_rate": [0.1, 2 * self.stable]}, cv=3).fit(
                X, y
            )
