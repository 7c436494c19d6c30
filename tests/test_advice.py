"""What messages offer works when it is followed, warnings point at the user's call, and no other warning comes out."""

import contextlib
import itertools
import math
import re
import threading
import traceback
import warnings
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pytest
import sklearn
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, PredefinedSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from gdlearn import (
    DivergenceError,
    GradientDescentRegressor,
    GradientDescentRegressorCV,
    MeanSquaredError,
    Moments,
    gradient_descent_path,
)
from gdlearn.callbacks import HistoryRecorder
from gdlearn.inspection import sensitivity

SCALINGS = ("standard", "minmax", "maxabs", None)
NUMBER = r"([-+.,\de]*\d)"


def data(name, n, d, seed=0):
    """Rows whose features call for one scaling or another, or for none."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    if name == "unequal":
        X *= 10.0 ** np.linspace(-2, 3, d)
    elif name == "offset":
        X += 30.0
    elif name == "small":
        X *= 1e-3
    elif name == "correlated":
        X = X @ (np.ones((d, d)) + 0.3 * np.eye(d))
    return X, X @ rng.standard_normal(d) + rng.standard_normal(n)


def said(call, *arguments):
    """What the call raised or warned; None where it did neither."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            call(*arguments)
        except DivergenceError as error:
            return str(error)
    assert all(warning.category is ConvergenceWarning for warning in caught)
    assert len(caught) < 2
    return str(caught[0].message) if caught else None


def named(scaling):
    return None if scaling == "None" else scaling.strip('"')


# ---------------------------------------------------------------------------------------------------------------------
# Too large a rate
# ---------------------------------------------------------------------------------------------------------------------

ROUTES = {
    "moments": ((60, 4), lambda X: X),
    "wide": ((20, 90), lambda X: X),
    "rows": ((120, 80), lambda X: X),  # so few steps that no matrix is formed
    "sparse": ((60, 4), sparse.csr_array),
}


def diverging():
    for (route, (shape, kind)), name in itertools.product(
        ROUTES.items(), ["unequal", "offset", "small", "correlated", "plain"]
    ):
        X, y = data(name, *shape)
        yield pytest.param(kind(X), y, {}, id=f"{route}-{name}")
        if route == "moments":
            yield pytest.param(kind(X), y, {"fit_intercept": False}, id=f"{route}-{name}-no intercept")
            yield pytest.param(kind(X), y, {"momentum": 0.5, "nesterov": True}, id=f"{route}-{name}-nesterov")
            yield pytest.param(kind(X), y, {"solver": "loop"}, id=f"{route}-{name}-loop")


@pytest.mark.parametrize("factor", [1.5, 1e6])
@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize(("X", "y", "settings"), list(diverging()))
def test_every_remedy_of_a_divergence_is_stable(X, y, settings, scaling, factor):
    settings = settings | {"max_iter": 4}
    stable = GradientDescentRegressor(1e-30, scaling=scaling, **settings).fit(X, y).max_stable_learning_rate_
    model = GradientDescentRegressor(factor * stable, scaling=scaling, **settings)
    message = said(model.fit, X, y)
    assert "does not converge" in message
    assert len(message) < 320
    below = float(re.search(rf"a rate below {NUMBER}", message)[1])
    assert stable * (1 - 1e-5) < below <= stable
    assert said(model.set_params(learning_rate="auto").fit, X, y) is None
    assert said(model.set_params(learning_rate=np.nextafter(below, 0.0)).fit, X, y) is None

    model.set_params(learning_rate=factor * stable)
    offered = re.search(rf"scaling=(\"\w+\"|None) \(stable below {NUMBER}\)", message)
    holds = [name for name in SCALINGS if said(model.set_params(scaling=name).fit, X, y) is None]
    if offered is None:
        assert holds == []
        return
    assert named(offered[1]) == holds[0]
    assert named(offered[1]) != scaling
    rate = np.nextafter(float(offered[2]), 0.0)
    assert said(model.set_params(scaling=holds[0], learning_rate=rate).fit, X, y) is None


def test_moments_offer_no_scaling_whose_extremes_they_do_not_hold():
    X, y = data("small", 60, 3)  # scaling=None would be stable, and so might the others be
    stable = GradientDescentRegressor(1e-9, max_iter=1, scaling="maxabs").fit(X, y).max_stable_learning_rate_
    rate = 0.9 * stable
    with_extremes, without = (Moments.from_data(X, y, extremes=extremes) for extremes in (True, False))
    model = GradientDescentRegressor(rate)
    assert 'scaling="maxabs"' in said(model.fit_moments, with_extremes)
    message = said(model.fit_moments, without)
    assert "minmax" not in message
    assert "maxabs" not in message


def test_the_feature_of_largest_scale_is_one_of_equals_or_not():
    rng = np.random.default_rng(0)
    X = np.column_stack([np.sign(rng.standard_normal(60)), np.where(np.arange(60) == 7, 1.0, 0.1)])
    for scaling, said_of in (("standard", "Among equals, the feature"), ("maxabs", "The feature")):
        with pytest.raises(DivergenceError, match=rf"\. {said_of} of largest scale is feature 0"):
            GradientDescentRegressor(5.0, scaling=scaling).fit(X, X[:, 0])


def test_a_schedule_is_told_of_rates_and_not_of_scalings():
    X, y = data("unequal", 60, 4)
    message = said(lambda: GradientDescentRegressor(lambda k: 0.1, max_iter=3, scaling=None).fit(X, y))
    assert "the last of its schedule, ended higher than it began" in message
    assert "rates below" in message
    assert "scaling" not in message


def test_the_error_is_the_one_that_users_import():
    X, y = data("plain", 20, 2)
    with pytest.raises(DivergenceError) as error:
        GradientDescentRegressor(9.0).fit(X, y)
    assert traceback.format_exception_only(error.value)[0].startswith("gdlearn.DivergenceError: Gradient descent")


def test_a_search_is_told_of_its_grid():
    rng = np.random.default_rng(0)
    X = np.r_[rng.standard_normal((20, 2)), 100.0 * rng.standard_normal((2, 2))]
    y = rng.standard_normal(22)
    fold = PredefinedSplit([*[-1] * 20, 0, 0])  # trained without the two rows that are far out
    steady = GradientDescentRegressor(1e-9, scaling=None, max_iter=1).fit(X[:20], y[:20]).max_stable_learning_rate_
    search = GradientDescentRegressorCV([0.9 * steady], max_iters=[3], scaling=None, cv=fold)
    message = said(search.fit, X, y)
    below = float(re.search(rf"Use learning_rates below {NUMBER}", message)[1])
    assert "auto" not in message
    assert said(search.set_params(learning_rates=[np.nextafter(below, 0.0)]).fit, X, y) is None


# ---------------------------------------------------------------------------------------------------------------------
# Too few steps
# ---------------------------------------------------------------------------------------------------------------------


def slow():
    for name, scaling, fit_intercept in itertools.product(
        ["unequal", "offset", "small", "correlated", "plain"], SCALINGS, [True, False]
    ):
        for route in ("moments", "wide", "sparse"):
            shape, kind = ROUTES[route]
            X, y = data(name, *shape)
            for fraction in (1.0, 0.3, 1e-3):
                yield pytest.param(kind(X), y, scaling, fit_intercept, fraction, id=f"{route}-{name}-{fraction}")


def count(text):
    return int(float(text.replace(",", "")))


def follow(message, model, X, y):
    """Each remedy of the message, as parameters."""
    tol, done = model.tol, model.max_iter
    if match := re.search(rf"{NUMBER} more steps \(max_iter\)", message):
        yield "steps", {"max_iter": done + count(match[1])}
    if match := re.search(rf'learning_rate="auto" or up to {NUMBER} \({NUMBER} steps?\)', message):
        yield "rate", {"learning_rate": float(match[1]), "max_iter": count(match[2])}
        yield "auto", {"learning_rate": "auto", "max_iter": count(match[2])}
    if match := re.search(
        rf"scaling=(\"\w+\"|None) with learning_rate={NUMBER} \(condition number {NUMBER} instead of {NUMBER}, "
        rf"{NUMBER} steps?\)",
        message,
    ):
        assert float(match[3]) < float(match[4])
        assert named(match[1]) != model.scaling
        yield "scaling", {"scaling": named(match[1]), "learning_rate": float(match[2]), "max_iter": count(match[5])}
    if match := re.search(rf"tol={NUMBER}, which is reached", message):
        assert float(match[1]) > tol
        yield "tol", {"tol": float(match[1])}


@pytest.mark.parametrize(("X", "y", "scaling", "fit_intercept", "fraction"), list(slow()))
def test_every_remedy_of_slowness_gets_there(X, y, scaling, fit_intercept, fraction):
    options = {"scaling": scaling, "fit_intercept": fit_intercept, "solver": "spectral"}
    stable = GradientDescentRegressor(1e-30, max_iter=1, **options).fit(X, y).max_stable_learning_rate_
    model = GradientDescentRegressor(float(f"{fraction * stable / 2:.2g}"), tol=1e-6, max_iter=3, **options)
    message = said(model.fit, X, y)
    if message is None:  # three steps were enough
        return
    assert f"the gradient norm is {model.gradient_norm_:.3g}" in message
    assert len(message) < 380  # with all its remedies; most have one or two
    small = fraction < 0.1
    assert ("far too small" in message) == small
    remedies = dict(follow(message, model, X, y))
    assert "steps" in remedies
    assert ("rate" in remedies) == small
    for remedy in remedies.values():
        assert said(sklearn.clone(model).set_params(**remedy).fit, X, y) is None
    # The number of steps is not larger than it need be, but for its rounding to three digits.
    fewer = model.max_iter + int(0.98 * (remedies["steps"]["max_iter"] - model.max_iter)) - 1
    assert said(sklearn.clone(model).set_params(max_iter=fewer).fit, X, y) is not None


def test_the_number_of_more_steps_is_exact():
    X, y = data("plain", 60, 4)
    for done in (1, 3, 10):
        model = GradientDescentRegressor(0.1, tol=1e-6, max_iter=done)
        steps = dict(follow(said(model.fit, X, y), model, X, y))["steps"]["max_iter"]
        assert steps < 1000
        assert said(sklearn.clone(model).set_params(max_iter=steps).fit, X, y) is None
        assert said(sklearn.clone(model).set_params(max_iter=steps - 1).fit, X, y) is not None


@pytest.mark.parametrize("steps", [1, 5, 10, 20, 40])
def test_a_tolerance_is_offered_that_still_says_something(steps):
    X, y = data("plain", 60, 1)
    model = GradientDescentRegressor(0.05, tol=1e-9, max_iter=steps, fit_intercept=False)
    message = said(model.fit, X, y)
    slope = 2.0 * np.sqrt(np.mean(((X - X.mean(axis=0)) / X.std(axis=0)) ** 2)) * y.std()
    reached = model.gradient_norm_ / slope  # in units of tol, about
    assert ("which is reached" in message) == (reached < 0.1)
    assert 1e-4 < reached < 0.99


@pytest.mark.parametrize("solver", ["loop", "auto"])
@pytest.mark.parametrize(("name", "shape"), [("plain", (60, 4)), ("unequal", (120, 80)), ("correlated", (20, 90))])
def test_remedies_of_a_loop_get_there_too(name, shape, solver):
    X, y = data(name, *shape)
    for rate in ("auto", 0.02 / shape[1], 1e-3 / shape[1]):
        model = GradientDescentRegressor(rate, tol=1e-3, max_iter=2, solver=solver)
        message = said(model.fit, X, y)
        for remedy in dict(follow(message, model, X, y)).values():
            if remedy.get("max_iter", 0) < 5_000:
                assert said(sklearn.clone(model).set_params(**remedy).fit, X, y) is None


@pytest.mark.parametrize("scaling", SCALINGS)
def test_a_scaling_that_is_there_or_no_better_is_not_offered(scaling):
    X, y = data("plain", 400, 3)
    message = said(GradientDescentRegressor(0.01, scaling=scaling, tol=1e-8, max_iter=3).fit, X, y)
    kappas = {
        name: GradientDescentRegressor(1e-9, scaling=name, max_iter=1, solver="spectral").fit(X, y).condition_number_
        for name in SCALINGS
    }
    offered = re.search(r"scaling=(\"\w+\"|None)", message)
    if min(kappas.values()) > 0.5 * kappas[scaling]:
        assert offered is None
    else:
        assert kappas[named(offered[1])] < 0.5 * kappas[scaling]


def test_a_schedule_that_decays_too_fast_is_named():
    X, y = data("plain", 60, 4)
    fast = GradientDescentRegressor(lambda k: 0.1 / (k + 1) ** 2, tol=1e-6, max_iter=300)
    message = said(fast.fit, X, y)
    assert "a schedule that decays too fast did not reach tol=1e-06 in 300 steps" in message
    assert "more steps" not in message  # no number of them would do
    for name, remedy in follow(message, fast, X, y):
        assert name in ("rate", "auto", "tol")
        assert said(sklearn.clone(fast).set_params(**remedy).fit, X, y) is None
    slow = said(lambda: GradientDescentRegressor(lambda k: 0.1 / (k + 1) ** 0.1, tol=1e-12, max_iter=30).fit(X, y))
    assert "decays" not in slow


def test_a_tolerance_below_the_rounding_of_a_loop_offers_no_steps():
    X, y = data("correlated", 60, 4)
    message = said(GradientDescentRegressor(solver="loop", tol=1e-19, max_iter=200).fit, X, y)
    assert "steps (max_iter)" not in message
    assert "scaling" not in message
    # Where y has nothing to do with the features, its own size makes the rounding, times that of the features.
    Q = np.linalg.qr(np.random.default_rng(0).standard_normal((60, 4)))[0] * [1e4, 5e3, 2e3, 1e3]
    model = GradientDescentRegressor(1e-8, solver="loop", tol=1e-18, max_iter=20, scaling=None, fit_intercept=False)
    message = said(model.fit, Q[:, :3], Q[:, 3])
    assert "tol=1e-18" in message
    assert "steps (max_iter)" not in message


def test_standardisation_is_offered_where_another_scaling_is_a_little_better_still():
    rng = np.random.default_rng(1033)
    X = rng.standard_normal((40, 3)) @ rng.standard_normal((3, 3))
    X[:3] *= rng.choice([1, 3, 6.0])
    X = (X - X.mean(axis=0)) * [1.0, 5.0, 30.0]
    kappas = [np.linalg.cond(X / size) for size in (1.0, X.std(axis=0), np.abs(X).max(axis=0))]
    assert kappas[2] < kappas[1] < 0.5 * kappas[0]
    rate = 0.5 / np.linalg.norm(X, 2) ** 2 * 40
    message = said(
        GradientDescentRegressor(rate, tol=1e-8, max_iter=3, scaling=None, fit_intercept=False).fit, X, X[:, 0]
    )
    assert 'scaling="standard"' in message
    assert "maxabs" not in message


def test_the_last_iterate_counts_for_steps_where_early_stopping_returns_an_earlier_one():
    X, y = data("correlated", 40, 6)
    model = GradientDescentRegressor(
        0.02, tol=1e-4, max_iter=50, early_stopping=True, n_iter_no_change=10**4, random_state=0
    )
    message = said(model.fit, X, y)
    assert "in 50 steps" in message
    assert said(sklearn.clone(model).set_params(**dict(follow(message, model, X, y))["steps"]).fit, X, y) is None


def test_norms_and_losses_are_in_the_units_of_y():
    X, y = data("plain", 60, 3)
    for unit in (1.0, 2.0**450):
        slow = GradientDescentRegressor(0.01, tol=1e-8, max_iter=3)
        message = said(slow.fit, X, y * unit)
        assert f"the gradient norm is {slow.gradient_norm_:.3g}" in message
        large = GradientDescentRegressor(2.0, max_iter=3)
        message = said(large.fit, X, y * unit)
        assert f"J is {large.loss_:.3g} after 3 steps" in message


# ---------------------------------------------------------------------------------------------------------------------
# Where it is said, and how often
# ---------------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def recorded(action="always"):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter(action)
        yield caught


@pytest.mark.parametrize("options", [{"tol": 1e-9, "max_iter": 3}, {"max_iter": 3}])
@pytest.mark.parametrize("backend", ["sequential", "threading"])
def test_in_a_search_each_cause_has_one_text_at_the_line_of_the_search(options, backend):
    X, y = data("plain", 60, 3)
    rates = [1e-4, 1e-3] if "tol" in options else [3.0, 4.0]
    with recorded() as caught, joblib.parallel_backend(backend):
        model = GradientDescentRegressor(scaling="minmax" if "tol" in options else "standard", **options)
        GridSearchCV(model, {"learning_rate": rates}, cv=4, n_jobs=2, refit=False).fit(X, y)
    assert len(caught) == 4 * len(rates)
    assert {warning.filename for warning in caught} == {__file__}
    assert len({warning.lineno for warning in caught}) == 1
    texts = {str(warning.message) for warning in caught}
    assert len(texts) == len(rates)
    assert all(len(text) < 200 and "one of several fits" in text for text in texts)


@pytest.mark.parametrize("backend", ["sequential", "threading"])
@pytest.mark.parametrize("action", ["default", "module", "once"])
def test_a_search_shows_each_cause_once(action, backend):
    """Joblib replaces Python's filters before each fit, and with them goes the memory of what has been shown."""
    X, y = data("plain", 60, 3)
    with recorded(action) as caught, joblib.parallel_backend(backend):
        search = GridSearchCV(GradientDescentRegressor(max_iter=3), {"learning_rate": [3.0, 4.0]}, cv=4, refit=False)
        exec(compile("search.fit(X, y)", f"a search of {action} {backend}", "exec"), {"search": search, "X": X, "y": y})
    assert sorted(str(warning.message).split(",")[0] for warning in caught) == [
        f"Gradient descent with learning rate {rate} does not converge" for rate in (3, 4)
    ]


def test_a_filter_for_errors_turns_each_warning_of_a_search_into_one():
    X, y = data("plain", 60, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            with pytest.raises(ConvergenceWarning, match="in one of several fits"):
                cross_val_score(GradientDescentRegressor(3.0, max_iter=3), X, y, error_score="raise")


def test_a_search_is_found_whatever_library_it_waits_in():
    def call_in(package):
        names = {"__package__": package}
        exec("def call(function): function()", names)
        return names["call"]

    X, y = data("plain", 60, 3)
    fit = partial(GradientDescentRegressor(0.01, max_iter=3, tol=1e-9).fit, X, y)
    with recorded() as caught:
        worker = threading.Thread(target=partial(call_in("joblib"), fit))
        call_in("joblib")(partial(call_in("queue"), lambda: (worker.start(), worker.join())))
    assert [warning.filename for warning in caught] == [__file__]


def test_fits_that_run_together_are_told_of_once_where_nothing_resets_the_filters():
    X, y = data("plain", 60, 3)
    model = GradientDescentRegressor(0.01, max_iter=3, tol=1e-9)
    with recorded("default") as caught:
        joblib.Parallel()(joblib.delayed(model.fit)(X[k:], y[k:]) for k in range(5))
    assert [warning.filename for warning in caught] == [__file__]


def test_where_the_call_is_out_of_sight_the_estimator_stands_for_it():
    X, y = data("plain", 30, 2)
    with recorded() as caught, ThreadPoolExecutor(1) as pool:
        pool.submit(GradientDescentRegressor(max_iter=3, tol=1e-9).fit, X, y).result()
    assert [Path(warning.filename).name for warning in caught] == ["_regressor.py"]


def test_warnings_point_at_the_call_whatever_lies_between():
    X, y = data("plain", 60, 3)
    model = GradientDescentRegressor(0.1, max_iter=3, tol=1e-9)
    near = np.column_stack([X[:, 0], X[:, 0] + 1e-9 * X[:, 1]])
    calls = [
        lambda: model.fit(X, y),
        lambda: make_pipeline(StandardScaler(), model).fit(X, y),
        lambda: model.fit_moments(Moments.from_data(X, y)),
        lambda: GradientDescentRegressor().fit_moments(Moments.from_data(near, y)),
        lambda: gradient_descent_path(X, y, learning_rate=3.0, iterations=3),
    ]
    with contextlib.suppress(NotImplementedError):  # scikit-learn before 1.9 has no callbacks
        model.set_callbacks(HistoryRecorder())
        calls.append(lambda: sklearn.clone(model).set_callbacks(HistoryRecorder()).fit(X, y))
    for call in calls:
        with recorded() as caught:
            call()
        assert [warning.filename for warning in caught] == [__file__]
        assert caught[0].lineno == call.__code__.co_firstlineno


def test_moments_with_a_constant_feature_are_not_called_nearly_collinear():
    X, y = data("plain", 60, 2)
    one = np.ones((60, 1))
    for scaling, fit_intercept in itertools.product(SCALINGS, [True, False]):
        model = GradientDescentRegressor(scaling=scaling, fit_intercept=fit_intercept)
        for Z in (np.hstack([X, one]), np.hstack([X, 0 * one]), np.hstack([X, one, 7 * one, 0 * one])):
            pieces = [Moments.from_data(Z[some], y[some]) for some in (slice(20), slice(20, 60))]
            for moments in (Moments.from_data(Z, y), pieces[0] + pieces[1]):
                assert said(model.fit_moments, moments) is None
        near = np.hstack([X, X[:, :1] + 1e-9 * one * y[:, None], one])
        assert "nearly collinear" in said(model.fit_moments, Moments.from_data(near, y))


# ---------------------------------------------------------------------------------------------------------------------
# Nothing but ConvergenceWarning comes out
# ---------------------------------------------------------------------------------------------------------------------

LARGEST = float(np.finfo(np.float64).max)
SIZES = (5e-324, 1e-310, 1e-200, 1e-150, 1e-81, 1.0, 1e81, 1e150, 1e200, 1e307, LARGEST)


def quietly(call, *arguments, **options):
    """The result, or the refusal in words, which is one too."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            return call(*arguments, **options)
        except ValueError as error:
            refusal = error
    assert type(refusal) is ValueError or isinstance(refusal, DivergenceError)
    assert len(str(refusal)) > 60
    return None


@pytest.mark.parametrize("y_size", [5e-324, 1e-170, 1.0, 1e170, LARGEST])
@pytest.mark.parametrize("x_size", SIZES)
@pytest.mark.slow
def test_no_size_lets_another_warning_out(x_size, y_size):
    rng = np.random.default_rng(0)
    for shape in ((12, 3), (9, 80)):
        X = rng.uniform(-1, 1, shape)
        X[:, 0] *= x_size
        y = rng.uniform(-1, 1, shape[0]) * y_size
        for scaling in SCALINGS:
            for settings in (
                {},
                {"learning_rate": 0.02, "max_iter": 5, "solver": "loop"},
                {"learning_rate": 0.9, "max_iter": 10**30},
                {"learning_rate": "exact", "max_iter": 5},
                {"learning_rate": 1e-3, "tol": 1e-9, "max_iter": 7},
                {"early_stopping": True, "learning_rate": 0.02, "random_state": 0},
                {"early_stopping": True, "learning_rate": 3.0, "max_iter": 2_000, "solver": "loop", "random_state": 0},
            ):
                model = GradientDescentRegressor(scaling=scaling, **settings)
                if quietly(model.fit, X, y) is not None:
                    assert np.isfinite(model.coef_).all()
                    quietly(model.predict, X)
            quietly(
                lambda X=X, y=y, scaling=scaling: gradient_descent_path(X, y, scaling=scaling, iterations=[3, 10**9])
            )
            search = GradientDescentRegressorCV(3, max_iters=3, cv=2, scaling=scaling)
            quietly(search.fit, X, y)
        quietly(lambda X=X, y=y: str(sensitivity(X, y)))
        quietly(GradientDescentRegressor().fit_moments, Moments.from_data(X, y))
        J = quietly(lambda X=X, y=y: MeanSquaredError(X, y))
        quietly(lambda J=J: (J.value(np.ones(J.n_parameters)), J.gradient(np.ones(J.n_parameters)), J.hessian()))


@pytest.mark.parametrize("solver", ["spectral", "loop"])
@pytest.mark.parametrize("x_size", [1e-320, 1e-300, 1e-160, 1e160, 1e300, 1.7e308])
@pytest.mark.parametrize("shape", [(30, 3), (60, 40), (30, 70)])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_rows_at_the_ends_of_float64_descend_as_others_do(x_size, shape, kind, solver):
    X = np.random.default_rng(0).uniform(-1, 1, shape)
    y = X[:, 0] + X[:, 1] ** 2
    exponent = int(np.frexp(x_size)[1]) - 1
    for scaling in ("standard", "minmax", "maxabs"):
        model = GradientDescentRegressor(0.01 / shape[1], max_iter=3, scaling=scaling, solver=solver)
        plain = sklearn.clone(model).fit(kind(np.ldexp(np.ldexp(X, exponent), -exponent)), y)  # as many digits
        if x_size < 1e-300:
            with pytest.raises(ValueError, match="coefficients exceed"):  # and nothing less
                model.fit(kind(np.ldexp(X, exponent)), 1e8 * y)
        else:
            model.fit(kind(np.ldexp(X, exponent)), y)
            np.testing.assert_allclose(model.loss_curve_, plain.loss_curve_, rtol=1e-9)


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("solver", ["spectral", "loop"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_divergence_is_what_is_raised_where_warnings_are_errors(scaling, solver, early_stopping):
    x = np.linspace(0, 90, 400)[:, None]
    options = {"scaling": scaling, "solver": solver, "early_stopping": early_stopping, "random_state": 0}
    rate = 3.0 * GradientDescentRegressor(1e-9, max_iter=1, **options).fit(x, x[:, 0]).max_stable_learning_rate_
    model = GradientDescentRegressor(rate, max_iter=3_000, n_iter_no_change=10_000, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DivergenceError, match=r"made J infinite after \d+ steps"):
            model.fit(x, 2 * x[:, 0] + 1)


@pytest.mark.parametrize("exponent", [450, 532, 1000, -450, -900])
@pytest.mark.parametrize("shape", [(40, 3), (20, 90)])
def test_a_search_chooses_as_it_does_in_other_units_of_y(exponent, shape):
    X, y = data("plain", *shape)
    plain = GradientDescentRegressorCV(5, max_iters=5, cv=3).fit(X, y)
    search = quietly(GradientDescentRegressorCV(5, max_iters=5, cv=3).fit, X, np.ldexp(y, exponent))
    assert search.learning_rate_ == plain.learning_rate_
    assert search.max_iter_ == plain.max_iter_
    np.testing.assert_allclose(search.coef_, np.ldexp(plain.coef_, exponent), rtol=1e-12)
    with np.errstate(over="ignore", under="ignore"):
        np.testing.assert_allclose(search.mse_path_, np.ldexp(plain.mse_path_, 2 * exponent), rtol=1e-9)
        np.testing.assert_allclose(search.best_score_, np.ldexp(plain.best_score_, 2 * exponent), rtol=1e-9)


def test_a_search_says_when_errors_exceed_float64_though_no_rate_diverges():
    X = np.r_[np.random.default_rng(0).standard_normal((20, 90)), 1e200 * np.ones((20, 90))]
    y = np.r_[X[:20, 0], np.zeros(20)]
    fold = PredefinedSplit([-1] * 20 + [0] * 20)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match="errors on the test rows exceed what float64 holds") as error:
            GradientDescentRegressorCV([1e-3], max_iters=[3], cv=fold).fit(X, y)
    assert not isinstance(error.value, DivergenceError)


@pytest.mark.parametrize("shape", [(40, 3), (20, 90)])
@pytest.mark.parametrize("n_weighted", [3, 6])
def test_a_fold_of_a_search_splits_the_rows_that_have_a_weight(shape, n_weighted):
    X, y = data("plain", *shape)
    weight = np.zeros(shape[0])
    weight[:n_weighted] = weight[-n_weighted:] = 1.0
    options = {"early_stopping": True, "validation_fraction": 0.1}
    for seed in range(10):
        search = GradientDescentRegressorCV([1e-3], max_iters=[5], cv=2, random_state=seed, **options)
        assert np.isfinite(search.fit(X, y, weight).mse_path_).all()
    weight[1:-1] = 0.0
    search.set_params(cv=2)
    with pytest.raises(ValueError, match="of 1 row with a weight leaves one side without"):
        search.fit(X, y, weight)


# ---------------------------------------------------------------------------------------------------------------------
# Numbers of steps beyond int64 and float64
# ---------------------------------------------------------------------------------------------------------------------

FAR_STEPS = [2**63 - 1, 2**63, 2**64, 10**20, 10**30, 10**400]


@pytest.mark.parametrize("wrap", [list, tuple, lambda steps: np.array(steps, dtype=object)])
def test_a_path_has_the_iterates_wanted_however_far_and_in_any_order(wrap):
    X, y = data("plain", 30, 2)
    limit = GradientDescentRegressor().fit(X, y)
    for far in FAR_STEPS:
        steps, coefs, _, losses = gradient_descent_path(X, y, iterations=wrap([5, far, 0]))
        assert steps.tolist() == [5, far, 0]
        assert steps.dtype == (np.int64 if far < 2**63 else object)
        np.testing.assert_allclose(coefs[:, 1], limit.coef_, rtol=1e-12)
        assert losses[1] <= losses[0] < losses[2]
    unsigned = gradient_descent_path(X, y, iterations=np.array([2**63 + 1], dtype=np.uint64))
    assert unsigned[0].tolist() == [2**63 + 1]
    np.testing.assert_allclose(unsigned[1][:, 0], limit.coef_, rtol=1e-12)


@pytest.mark.parametrize("bad", [[1.5], [True], [-1], ["3"], [[1], [2]], [None], [], 2.0, [1, np.nan]])
def test_what_is_no_list_of_steps_is_still_refused(bad):
    X, y = data("plain", 30, 2)
    with pytest.raises((ValueError, TypeError), match="'iterations' parameter"):
        gradient_descent_path(X, y, iterations=bad)


@pytest.mark.parametrize("max_iter", FAR_STEPS)
@pytest.mark.parametrize("tol", [None, 1e-6])
def test_any_number_of_steps_goes_with_any_rate(max_iter, tol):
    X, y = data("plain", 30, 2)
    for rate in (1e-320, 1e-30, 0.1):
        model = GradientDescentRegressor(rate, max_iter=max_iter, tol=tol)
        quietly(model.fit, X, y)
        if tol is None:
            # After k steps of a small rate the slope of a single standardised feature is 1 − exp(−2ηk) of its limit.
            alone = GradientDescentRegressor(rate, max_iter=max_iter).fit(X[:, :1], y)
            limit = GradientDescentRegressor().fit(X[:, :1], y)
            done = -math.expm1(-2 * min(Fraction(rate) * max_iter, 1000))
            np.testing.assert_allclose(alone.coef_, done * limit.coef_, rtol=1e-3 if rate < 1e-300 else 1e-12)


@pytest.mark.parametrize("max_iters", [[1, 2**63], [10**30, 5], [10**400]])
def test_a_search_takes_any_numbers_of_steps(max_iters):
    X, y = data("plain", 30, 2)
    search = quietly(GradientDescentRegressorCV([0.1], max_iters=max_iters, cv=3).fit, X, y)
    assert search.max_iters_.tolist() == max_iters
    assert search.max_iter_ in max_iters
