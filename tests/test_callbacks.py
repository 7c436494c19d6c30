"""Callbacks look on: they never change an iterate, and may end the descent."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from gdlearn import GradientDescentRegressor, GradientDescentRegressorCV, Moments, gradient_descent_path
from gdlearn._observers import progress_bar
from gdlearn.callbacks import EarlyStopping, HistoryRecorder

X, y = load_diabetes(return_X_y=True)
FITTED = ("coef_", "intercept_", "n_iter_", "loss_", "loss_curve_", "loss_curve_iterations_", "gradient_norm_")

try:
    import sklearn.callback as callback
except ImportError:
    callback = None

new = pytest.mark.skipif(callback is None, reason="scikit-learn before 1.9 has no callbacks")
old = pytest.mark.skipif(callback is not None, reason="scikit-learn 1.9 or later has callbacks")

SETTINGS = [
    {"learning_rate": 0.05, "max_iter": 30, "solver": "loop"},
    {"learning_rate": 0.05, "max_iter": 30},
    {"learning_rate": 0.05, "max_iter": 30, "momentum": 0.8, "nesterov": True},
    {"learning_rate": 0.05, "tol": 1e-4},
    {"learning_rate": "exact", "max_iter": 20},
    {"max_iter": 10**6},
    {},
    {"solver": "loop", "max_iter": 50},
    {"early_stopping": True, "random_state": 0, "learning_rate": 0.05},
    {"alpha": 0.5},
    {"alpha": 0.5, "solver": "loop", "tol": 1e-6, "max_iter": 1000},
    {"alpha": 5.0, "l1_ratio": 1.0},
    {"alpha": 5.0, "l1_ratio": 0.5, "learning_rate": 0.1, "max_iter": 20},
    {"alpha": 5.0, "l1_ratio": 0.5, "early_stopping": True, "random_state": 0, "learning_rate": 0.05},
]


def noisy():
    """Rows to descend on and rows to stop by, whose error soon rises."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(80, 20))
    target = features[:, 0] + 3 * rng.normal(size=80)
    return features[:40], target[:40], features[40:], target[40:]


@old
def test_before_1_9_a_clear_sentence():
    with pytest.raises(NotImplementedError, match=r"scikit-learn 1\.9 or later"):
        GradientDescentRegressor().set_callbacks(HistoryRecorder())
    assert GradientDescentRegressor().set_callbacks().fit(X, y).n_iter_ > 0


@new
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_the_iterates_are_the_same(settings):
    recorder = HistoryRecorder()
    watched = GradientDescentRegressor(**settings).set_callbacks(recorder).fit(X, y)
    alone = GradientDescentRegressor(**settings).fit(X, y)
    for name in FITTED:
        if settings.keys() - {"alpha"}:
            assert_array_equal(getattr(watched, name), getattr(alone, name))
        else:  # nobody looks on: the limit comes by a factor that costs less than the modes
            assert_allclose(getattr(watched, name), getattr(alone, name), rtol=1e-12)
    history = recorder.history_
    assert history["n_iter"] == alone.loss_curve_iterations_[1:]
    assert_allclose(history["loss"], alone.loss_curve_[1:], rtol=1e-12)
    if not settings.get("early_stopping"):
        assert_allclose(history["coef"][-1], alone.coef_, rtol=1e-9)
        assert_allclose(history["intercept"][-1], alone.intercept_, rtol=1e-12)
        assert_allclose(history["gradient_norm"][-1], alone.gradient_norm_, rtol=1e-9, atol=1e-12)
    assert history["learning_rate"][-1] == alone.learning_rate_


@new
def test_the_history_is_the_path():
    recorder = HistoryRecorder(every=3)
    GradientDescentRegressor(0.1, max_iter=20).set_callbacks(recorder).fit(X, y)
    steps, coefs, intercepts, losses = gradient_descent_path(X, y, learning_rate=0.1, iterations=range(1, 21, 3))
    assert recorder.history_["n_iter"] == steps.tolist()
    assert_allclose(np.array(recorder.history_["coef"]).T, coefs, rtol=1e-11)
    assert_allclose(recorder.history_["intercept"], intercepts, rtol=1e-12)
    assert_allclose(recorder.history_["loss"], losses, rtol=1e-12)


@new
@pytest.mark.parametrize("settings", [{"l1_ratio": 0.0}, {"l1_ratio": 0.5}, {"l1_ratio": 1.0, "max_iter": 20}], ids=str)
def test_the_recorded_loss_is_the_error_and_the_penalty(settings):
    recorder, ratio = HistoryRecorder(), settings["l1_ratio"]
    model = GradientDescentRegressor(alpha=3.0, **settings).set_callbacks(recorder).fit(X, y)
    history = recorder.history_
    for coef, intercept, loss in zip(history["coef"], history["intercept"], history["loss"], strict=True):
        slopes = coef * X.std(axis=0)
        charge = 3.0 * ((1 - ratio) * slopes @ slopes + 2 * ratio * np.abs(slopes).sum())
        assert loss == pytest.approx(np.mean((y - intercept - X @ coef) ** 2) + charge, rel=1e-10)
    assert_array_equal(history["coef"][-1] == 0, model.coef_ == 0)


@new
@pytest.mark.parametrize("solver", ["loop", "spectral"])
@pytest.mark.parametrize("most", [500, 10_000])
def test_a_truthy_return_stops(solver, most):
    X_train, y_train, X_val, y_val = noisy()
    stop = EarlyStopping(X_val, y_val, patience=4)
    model = GradientDescentRegressor(0.05, max_iter=most, solver=solver).set_callbacks(stop).fit(X_train, y_train)
    assert model.n_iter_ < most
    assert model.loss_curve_iterations_[-1] == model.n_iter_
    same = GradientDescentRegressor(0.05, max_iter=model.n_iter_, solver=solver).fit(X_train, y_train)
    assert_array_equal(model.coef_, same.coef_)
    assert stop.best_n_iter_ < model.n_iter_
    best = GradientDescentRegressor(0.05, max_iter=stop.best_n_iter_).fit(X_train, y_train)
    assert_allclose(stop.best_error_, np.mean((y_val - best.predict(X_val)) ** 2), rtol=1e-10)


@new
def test_where_every_step_is_seen_the_callback_stops_where_the_estimator_does():
    X_train, y_train, X_val, y_val = noisy()
    stop = EarlyStopping(X_val, y_val, patience=7)
    with_callback = GradientDescentRegressor(0.05, max_iter=900, solver="loop").set_callbacks(stop)
    with_callback.fit(X_train, y_train)
    by_itself = GradientDescentRegressor(0.05, max_iter=900, early_stopping=True, n_iter_no_change=7)
    by_itself.fit(X_train, y_train, X_val=X_val, y_val=y_val)
    assert stop.best_n_iter_ == by_itself.n_iter_
    assert with_callback.n_iter_ == by_itself.loss_curve_iterations_[-1]


@new
@pytest.mark.parametrize("solver", ["loop", "auto"])
@pytest.mark.slow
def test_scikit_learns_own_in_a_pipeline_in_a_grid_search_on_two_processes(solver, capsys):
    monitor, bar = callback.ScoringMonitor(scoring="r2"), callback.ProgressBar(max_propagation_depth=3)
    model = GradientDescentRegressor(max_iter=12, solver=solver).set_callbacks(monitor)
    pipeline = Pipeline([("scale", StandardScaler()), ("fit", model)])
    search = GridSearchCV(pipeline, {"fit__learning_rate": [0.01, 0.1]}, cv=3, n_jobs=2)
    search.set_callbacks(bar).fit(X, y)
    logs = monitor.get_logs(select="most_recent").data
    steps = [row for row in logs if "step" in str(row)]
    assert len(steps) == (2 * 3 + 1) * 12
    plain = GridSearchCV(
        make_pipeline(StandardScaler(), GradientDescentRegressor(max_iter=12, solver=solver)),
        {"gradientdescentregressor__learning_rate": [0.01, 0.1]},
        cv=3,
    ).fit(X, y)
    assert_array_equal(search.predict(X), plain.predict(X))


@new
def test_the_scores_are_those_of_the_iterates():
    pytest.importorskip("pandas")
    monitor = callback.ScoringMonitor(scoring="neg_mean_squared_error")
    model = GradientDescentRegressor(0.1, max_iter=5).set_callbacks(monitor).fit(X, y)
    rows = monitor.get_logs(select="most_recent").data_as_pandas
    scores = rows.loc[rows["task_name"] == "step", "neg_mean_squared_error"]
    assert_allclose(scores, -np.array(model.loss_curve_[1:]), rtol=1e-12)


@new
def test_a_callback_that_fails_leaves_the_earlier_fit_and_is_torn_down():
    class Broken(HistoryRecorder):
        torn_down = False

        def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
            raise RuntimeError("broken")

        def teardown(self, estimator, context):
            self.torn_down = True

    model = GradientDescentRegressor().fit(X, y)
    before = {name: value for name, value in vars(model).items() if name.endswith("_")}
    broken = Broken()
    with pytest.raises(RuntimeError, match=r"^broken$"):
        model.set_callbacks(broken).fit(X[:100], y[:100])
    assert broken.torn_down
    assert {name: value for name, value in vars(model).items() if name.endswith("_")} == before
    assert not hasattr(model, "_callback_fit_ctx")
    assert model.set_callbacks().fit(X, y).score(X, y) > 0.5


@new
def test_clones_cross_validation_and_moments():
    recorder = HistoryRecorder()
    model = GradientDescentRegressor(0.1, max_iter=5).set_callbacks(recorder)
    clone(model).fit(X, y)
    assert recorder.history_["n_iter"] == [1, 2, 3, 4, 5]
    model.fit_moments(Moments.from_data(X, y))
    assert recorder.history_["n_iter"] == [1, 2, 3, 4, 5]
    search = GradientDescentRegressorCV([0.1], max_iters=[4]).set_callbacks(recorder).fit(X, y)
    assert recorder.history_["n_iter"] == [1, 2, 3, 4]
    assert_allclose(recorder.history_["coef"][-1], search.coef_, rtol=1e-12)


@pytest.mark.parametrize("bad", [0, -1, 1.5, True, None, "many"])
def test_refusals(bad):
    with pytest.raises((ValueError, TypeError), match=r"every must be .* Got"):
        HistoryRecorder(bad)
    with pytest.raises((ValueError, TypeError), match=r"patience must be .* Got"):
        EarlyStopping(X, y, bad)


def test_verbose_shows_a_bar_for_loops_and_nothing_for_the_closed_form(capsys):
    pytest.importorskip("rich")
    GradientDescentRegressor(verbose=1).fit(X, y)
    GradientDescentRegressor(solver="loop", max_iter=20).fit(X, y)
    assert capsys.readouterr().out == ""
    model = GradientDescentRegressor(verbose=1, solver="loop", max_iter=200).fit(X, y)
    shown = capsys.readouterr().out
    assert "200/200" in shown
    assert f"J = {model.loss_:.6g}" in shown
    assert_array_equal(model.coef_, GradientDescentRegressor(solver="loop", max_iter=200).fit(X, y).coef_)


def test_nothing_is_shown_where_nothing_is_wanted():
    with progress_bar(3, wanted=False) as bar:
        assert bar is None
