"""Early stopping: loop and closed form follow the rule written out in plain NumPy, and nothing leaks."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from samples import with_peak
from sklearn import config_context
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from textbook import original_units, scaled

from gdlearn import GradientDescentRegressor, GradientDescentRegressorCV, Moments, gradient_descent_path
from gdlearn._early_stopping import DENSE, HeldOut, Watch
from gdlearn._held_out import HeldOutInModes
from gdlearn._recurrence import Recurrence


def noisy(n=60, d=12, t=1, seed=0):
    """Few rows, correlated features and much noise: the error on other rows rises again."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) @ (np.eye(d) + 0.5 * rng.normal(size=(d, d)))
    y = X @ (rng.normal(size=(d, t)) * (rng.random((d, t)) < 0.3)) + 3 * rng.normal(size=(n, t))
    return X, y[:, 0] if t == 1 else y


def by_the_book(
    X, y, X_val, y_val, scaling, rate, patience, most, momentum=0.0, nesterov=False, weights=None, init="zero"
):
    """The best step, coefficients there, the errors at all steps taken; momentum and rule written out."""
    Z, shift, scale = scaled(X, scaling, weights)
    Z, Z_val = (np.column_stack([np.ones(len(A)), A]) for A in (Z, (X_val - shift) / scale))
    y, y_val = y.reshape(len(y), -1), y_val.reshape(len(y_val), -1)
    w = (np.ones(len(y)) if weights is None else weights)[:, None]
    theta, velocity = np.zeros((Z.shape[1], y.shape[1])), 0.0
    if init != "zero":
        theta[0] = (w * y).sum(axis=0) / w.sum()
    errors = [float(np.sum((y_val - Z_val @ theta) ** 2) / len(y_val))]
    best, best_theta = 1, theta
    for k in range(1, most + 1):
        at = theta + momentum * velocity if nesterov else theta
        velocity = momentum * velocity + rate * 2 / w.sum() * Z.T @ (w * (y - Z @ at))
        theta = theta + velocity
        errors.append(float(np.sum((y_val - Z_val @ theta) ** 2) / len(y_val)))
        if k == 1 or errors[k] < errors[best]:
            best, best_theta = k, theta
        elif k - best >= patience:
            break
    return best, *original_units(best_theta, shift, scale), errors


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("solver", ["loop", "spectral"])
def test_it_is_the_rule_of_the_book(seed, solver):
    rng = np.random.default_rng(seed)
    X, y = noisy(seed=seed, t=1 + seed % 2)
    scaling = [None, "standard", "minmax", "maxabs"][seed % 4]
    momentum, nesterov = [(0.0, False), (0.5, False), (0.9, True)][seed % 3]
    patience, most = int(rng.choice([1, 4, 10])), int(rng.choice([7, 60, 900]))
    weights = rng.integers(1, 4, size=len(y)).astype(float) if seed % 5 == 0 else None
    train, held = train_test_split(np.arange(len(y)), test_size=0.3, random_state=seed)
    init = ["zero", "mean", "auto"][(seed // 2) % 3]
    options = {"scaling": scaling, "momentum": momentum, "nesterov": nesterov, "init": init}
    part = None if weights is None else weights[train]
    probe = GradientDescentRegressor(1e-12, max_iter=1, **options).fit(X[train], y[train], part)
    rate = probe.max_stable_learning_rate_ * rng.choice([0.05, 0.4, 0.95])
    best, coef, intercept, errors = by_the_book(
        X[train], y[train], X[held], y[held], scaling, rate, patience, most, momentum, nesterov, part, init
    )
    model = GradientDescentRegressor(
        rate, solver=solver, max_iter=most, early_stopping=True, n_iter_no_change=patience, **options
    ).fit(X[train], y[train], part, X_val=X[held], y_val=y[held])
    assert model.n_iter_ == best
    assert model.loss_curve_iterations_ == list(range(len(errors)))
    assert_allclose(model.validation_loss_curve_, errors, rtol=1e-10)
    assert_allclose(np.atleast_2d(model.coef_).T, coef, rtol=0, atol=1e-10 * np.abs(coef).max())
    assert_allclose(model.intercept_, intercept if y.ndim > 1 else intercept[0], rtol=1e-9)
    if weights is None:
        own = GradientDescentRegressor(
            rate,
            solver=solver,
            max_iter=most,
            early_stopping=True,
            n_iter_no_change=patience,
            validation_fraction=0.3,
            random_state=seed,
            **options,
        ).fit(X, y)
        assert own.n_iter_ == best
        assert_allclose(own.coef_, model.coef_, rtol=0, atol=1e-10 * np.abs(coef).max())


@pytest.mark.slow  # the loop takes up to 30,000 steps
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("shape", [(80, 10), (40, 90)])
def test_far_out_loop_and_closed_form_agree(seed, shape):
    X, y = noisy(*shape, seed=seed)
    rate = [3e-3, 1e-2, 1e-4][seed % 3]
    options = {"early_stopping": True, "max_iter": 30_000, "random_state": seed, "validation_fraction": 0.4}
    loop = GradientDescentRegressor(rate, solver="loop", **options).fit(X, y)
    closed = GradientDescentRegressor(rate, solver="spectral", **options).fit(X, y)
    assert closed.n_iter_ == loop.n_iter_
    assert_allclose(closed.coef_, loop.coef_, rtol=0, atol=1e-10 * np.abs(loop.coef_).max())
    assert closed.loss_curve_iterations_ == loop.loss_curve_iterations_
    assert_allclose(closed.validation_loss_curve_, loop.validation_loss_curve_, rtol=1e-10)
    assert_allclose(closed.loss_, loop.loss_, rtol=1e-10)


def test_a_thousand_million_steps():
    X, y = noisy(n=120)
    train, held = train_test_split(np.arange(len(y)), test_size=0.5, random_state=0)
    rate = 1e-9
    model = GradientDescentRegressor(rate, early_stopping=True)
    model.fit(X[train], y[train], X_val=X[held], y_val=y[held])
    assert 10**7 < model.n_iter_ < 10**11
    k = model.n_iter_
    steps = np.unique(np.concatenate([np.geomspace(1, k, 400), k * np.linspace(0.9, 1.1, 101)]).astype(np.int64))
    _, coefs, intercepts, _ = gradient_descent_path(
        X[train], y[train], learning_rate=rate, iterations=steps, init="mean"
    )
    errors = np.mean((y[held][:, None] - X[held] @ coefs - intercepts) ** 2, axis=0)
    best = np.mean((y[held] - model.predict(X[held])) ** 2)
    assert best <= errors.min() * (1 + 1e-14)
    before = errors[steps <= k]
    assert (np.diff(before) < 1e-13 * before[1:]).all()  # it falls all the way


def in_modes(gap, **quadratic):
    """A quadratic of which the changes alone are asked, which need no rows."""
    rows = HeldOut(objective=None, on_rows=None, target_share=np.ones(gap.shape[1]))
    return HeldOutInModes(held_out=rows, modes=None, start=None, gap=gap, size=np.zeros(len(gap)), **quadratic)


def random_curve(rng):
    """The error along a descent: fast modes and slow ones, of which some make it rise for a time."""
    m, t = int(rng.integers(2, 7)), int(rng.integers(1, 3))
    beta, nesterov = [(0.0, False), (0.0, False), (0.5, False), (0.9, True)][rng.integers(4)]
    A = rng.standard_normal((m, m))
    held_out = in_modes(
        gap=rng.standard_normal((m, t)),
        strong=(rng.random(m) < 0.5)[:, None],
        value=1.0,
        gradient=rng.standard_normal((m, t)) * rng.choice([0.1, 1.0, 10.0]),
        hessian=A @ A.T + 0.01 * np.eye(m),
    )
    return held_out, Recurrence(10 ** -rng.uniform(0, rng.choice([3, 6, 7]), m), beta, nesterov)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.slow
def test_any_patience_follows_the_rule_step_by_step(seed):
    rng = np.random.default_rng(seed)
    far = 0
    for _ in range(100):
        held_out, recurrence = random_curve(rng)
        patience = int(10 ** rng.uniform(0, 5))
        last = min(int(10 ** rng.uniform(2, 5.3)), int(600 / recurrence.h.min()))  # then nothing is left to change
        expected = Watch(patience)
        changes = (held_out.changes(recurrence, range(k, min(k + 4096, last))) for k in range(1, last, 4096))
        for change in np.concatenate([np.zeros(0), *changes]).tolist():
            if expected.is_over:
                break
            expected.see(change)
        watch = held_out.watch(recurrence, patience, last)
        assert (watch.best, watch.now, watch.is_over) == (expected.best, expected.now, expected.is_over)
        far += watch.best > DENSE
    assert far > 10


@pytest.mark.parametrize("patience", [100, 3_000, 50_000, 69_000, 70_000, 10**6, 10**9])
def test_a_patience_that_lasts_over_a_hill_finds_the_valley_behind(patience):
    # v = 2e₂ − e₁ + 3e₃, of which e₃ is gone after some steps, e₁ after thousands and e₂ after a hundred thousand
    held_out = in_modes(
        gap=np.ones((3, 1)),
        strong=np.ones((3, 1), dtype=bool),
        value=0.0,
        gradient=np.array([[1.0], [-2.0], [-3.0]]),
        hessian=np.zeros((3, 3)),
    )
    recurrence, last = Recurrence(np.array([1e-3, 1e-5, 0.3])), 10**6
    steps = np.arange(1, last + 1)
    e = (1.0 - recurrence.h) ** steps[:, None]
    v = e @ [-1.0, 2.0, 3.0]
    first = 1 + int(np.argmin(v[:1000]))
    behind = 1 + first + int(np.argmax(v[first:] < v[first - 1]))
    assert 10 < first < 100 < 60_000 < behind < 70_000
    watch = held_out.watch(recurrence, patience, last)
    if behind - first <= patience:
        assert watch.best > behind
        assert v[watch.best - 1] <= v.min() + 1e-15
    else:
        assert (watch.best, watch.now, watch.is_over) == (first, first + patience, True)


@pytest.mark.parametrize(("momentum", "patience"), [(0.0, 10**6), (0.0, 10**9), (0.9, 10**8), (0.99, 10**30)])
@pytest.mark.parametrize("rate", ["auto", 1e-6])
def test_an_endless_patience_takes_few_evaluations_and_little_memory(monkeypatch, momentum, patience, rate):
    X, y = noisy(200, 60)
    asked = []
    changes = HeldOutInModes.changes
    monkeypatch.setattr(
        HeldOutInModes, "changes", lambda self, recurrence, k: asked.append(len(k)) or changes(self, recurrence, k)
    )
    model = GradientDescentRegressor(
        rate, momentum=momentum, early_stopping=True, n_iter_no_change=patience, random_state=0
    )
    model, peak = with_peak(lambda: model.fit(X, y))
    assert peak < 32 * 2**20
    assert sum(asked) < 30_000
    held = train_test_split(np.arange(len(y)), test_size=0.1, random_state=0)[1]
    least = np.mean((y[held] - model.predict(X[held])) ** 2)
    assert least <= min(model.validation_loss_curve_[1:]) * (1 + 1e-12)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.slow
def test_patience_and_steps_beyond_float64(momentum):
    X, y = noisy(100, 5)
    options = {"momentum": momentum, "early_stopping": True, "random_state": 0}
    model = GradientDescentRegressor(0.01, max_iter=10**400, n_iter_no_change=10**350, **options).fit(X, y)
    least = GradientDescentRegressor(0.01, n_iter_no_change=10**6, **options).fit(X, y)
    assert model.n_iter_ == least.n_iter_
    assert model.loss_curve_iterations_[-1] == model.n_iter_ + 10**350


def test_where_the_error_never_rises_it_descends_to_the_limit():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2_000, 3))
    y = X @ [1.0, 2.0, 3.0]
    model = GradientDescentRegressor(early_stopping=True, random_state=0).fit(X, y)
    assert_allclose(model.coef_, [1, 2, 3], rtol=1e-14)


def test_held_out_rows_take_no_part():
    X, y = noisy()
    train, held = train_test_split(np.arange(len(y)), test_size=0.25, random_state=1)
    options = {"early_stopping": True, "validation_fraction": 0.25, "random_state": 1}
    model = GradientDescentRegressor(**options).fit(X, y)
    assert_allclose(model.feature_shift_, X[train].mean(axis=0), rtol=1e-12)
    assert_allclose(model.feature_scale_, X[train].std(axis=0), rtol=1e-12)
    alone = GradientDescentRegressor(max_iter=model.n_iter_, init="mean").fit(X[train], y[train])
    assert_allclose(model.coef_, alone.coef_, rtol=1e-9)
    assert_allclose(model.loss_, alone.loss_, rtol=1e-12)
    assert_allclose(
        model.validation_loss_curve_[model.n_iter_], np.mean((y[held] - model.predict(X[held])) ** 2), rtol=1e-12
    )


def test_no_curve_without_held_out_rows():
    X, y = noisy()
    model = GradientDescentRegressor(early_stopping=True, random_state=0).fit(X, y)
    assert len(model.validation_loss_curve_) == len(model.loss_curve_)
    assert not hasattr(model.set_params(early_stopping=False).fit(X, y), "validation_loss_curve_")


def test_a_pipeline_scales_the_held_out_rows_too():
    X, y = noisy()
    X_train, X_val, y_train, y_val = train_test_split(X, y, random_state=0)
    with config_context(enable_metadata_routing=True):
        model = GradientDescentRegressor(0.02, scaling=None, early_stopping=True)
        model.set_fit_request(X_val=True, y_val=True)
        steps = [("scale", StandardScaler()), ("fit", model)]
        pipeline = Pipeline(steps, transform_input=["X_val"]).fit(X_train, y_train, X_val=X_val, y_val=y_val)
    alone = GradientDescentRegressor(0.02, early_stopping=True).fit(X_train, y_train, X_val=X_val, y_val=y_val)
    assert pipeline[-1].n_iter_ == alone.n_iter_
    assert_allclose(pipeline.predict(X), alone.predict(X), rtol=1e-10)


@pytest.mark.parametrize("estimator", [GradientDescentRegressor, GradientDescentRegressorCV])
def test_refusals(estimator):
    X, y = noisy()
    for given in ({"X_val": X, "y_val": y}, {"sample_weight_val": np.ones(len(y))}):
        with pytest.raises(ValueError, match="early_stopping=True; it is False"):
            estimator().fit(X, y, **given)
    model = estimator(early_stopping=True)
    for given, message in (
        ({"X_val": X}, "y_val is None"),
        ({"y_val": y}, "X_val is None"),
        ({"X_val": X[:, :3], "y_val": y}, "3 features"),
        ({"X_val": X, "y_val": y[:-1]}, "inconsistent numbers of samples"),
        ({"X_val": X, "y_val": np.column_stack([y, y])}, "same targets"),
        ({"X_val": X * np.nan, "y_val": y}, "NaN"),
        ({"X_val": X, "y_val": y * np.nan}, "y_val contains NaN"),
        ({"X_val": X, "y_val": y, "sample_weight_val": -(y**2)}, "Negative values in sample_weight_val"),
    ):
        with pytest.raises(ValueError, match=message):
            model.fit(X, y, **given)
    with pytest.raises(ValueError, match="of 1 row leaves one side without"):
        GradientDescentRegressor(early_stopping=True).fit(X[:1], y[:1])
    with pytest.raises(ValueError, match="fit_moments keeps none"):
        GradientDescentRegressor(early_stopping=True).fit_moments(Moments.from_data(X, y))
    weight = np.zeros(len(y))
    weight[:1] = 1
    with pytest.raises(ValueError, match="of 1 row with a weight leaves one side without"):
        GradientDescentRegressor(early_stopping=True, random_state=0).fit(X, y, weight)


@pytest.mark.parametrize("n_empty", [1, 30, 4_000])
@pytest.mark.parametrize("place", ["before", "after", "between"])
def test_rows_without_weight_are_not_split(n_empty, place):
    X, y = noisy(seed=3)
    weight = np.random.default_rng(0).integers(1, 3, len(y)).astype(float)
    model = GradientDescentRegressor(0.01, early_stopping=True, random_state=0).fit(X, y, weight)
    at = {"before": 0, "after": len(y), "between": 25}[place]
    X, y = np.insert(X, at, np.ones((n_empty, X.shape[1])), axis=0), np.insert(y, at, np.full(n_empty, 1e3))
    weight = np.insert(weight, at, np.zeros(n_empty))
    beside = GradientDescentRegressor(0.01, early_stopping=True, random_state=0).fit(X, y, weight)
    assert beside.n_iter_ == model.n_iter_
    assert_allclose(beside.coef_, model.coef_, rtol=1e-9)


@pytest.mark.parametrize("offset", [1e3, -1e6, 1e9])
@pytest.mark.parametrize("scaling", ["standard", "minmax", None])
@pytest.mark.parametrize("search", [False, True])
def test_the_offset_of_y_does_not_matter_to_a_model_that_stops_early(offset, scaling, search):
    # Kelvin or Celsius: the residuals at the start, and so all that follows, are the same.
    X, y = noisy(seed=4)
    if search:
        model = GradientDescentRegressorCV([0.01, 0.1], max_iters=[3, 30, 300], scaling=scaling, cv=3)
    else:
        model = GradientDescentRegressor(0.01, early_stopping=True, scaling=scaling, random_state=0)
    before, after = model.fit(X, y).coef_, model.fit(X, y + offset).coef_
    assert_allclose(after, before, rtol=0, atol=1e-9 * np.abs(before).max() + 1e-14 * abs(offset))


def test_with_a_tolerance_whichever_comes_first():
    X, y = load_diabetes(return_X_y=True)
    train, _ = train_test_split(np.arange(len(y)), test_size=0.1, random_state=0)
    options = {"early_stopping": True, "random_state": 0}
    for solver in ("loop", "spectral"):
        first = GradientDescentRegressor(0.01, tol=0.3, solver=solver, **options).fit(X, y)
        assert first.n_iter_ == GradientDescentRegressor(0.01, tol=0.3, init="mean").fit(X[train], y[train]).n_iter_
        with pytest.warns(ConvergenceWarning, match="did not reach tol=1e-09 in 5 steps"):
            GradientDescentRegressor(1e-5, tol=1e-9, max_iter=5, solver=solver, **options).fit(X, y)


def test_a_rate_too_large_is_said_even_if_it_stops_in_time():
    X, y = noisy()
    stable = GradientDescentRegressor().fit(X, y).max_stable_learning_rate_
    for solver in ("loop", "spectral"):
        model = GradientDescentRegressor(1.5 * stable, max_iter=50, early_stopping=True, random_state=0, solver=solver)
        with pytest.warns(ConvergenceWarning, match="does not converge"):
            model.fit(X, y)
        assert np.isfinite(model.coef_).all()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert model.n_iter_ < 5
