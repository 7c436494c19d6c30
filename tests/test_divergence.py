"""Rates that are too large are refused or warned about, in words that help; those just below converge."""

import re
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV

from gdlearn import DivergenceError, GradientDescentRegressor, gradient_descent_path

X, y = load_diabetes(return_X_y=True, scaled=False)
MOMENTA = [(0.0, False), (0.9, False), (0.9, True)]


def limit(scaling=None, momentum=0.0, nesterov=False, data=X):
    model = GradientDescentRegressor(
        scaling=scaling, momentum=momentum, nesterov=nesterov, max_iter=1, learning_rate=1e-20
    )
    return model.fit(data, y).max_stable_learning_rate_


def test_the_largest_stable_rate_is_two_over_the_largest_eigenvalue():
    Z = np.column_stack([np.ones(len(X)), X])
    assert limit() == pytest.approx(2 / np.linalg.eigvalsh(2 * Z.T @ Z / len(X))[-1], rel=1e-12)


@pytest.mark.parametrize(("momentum", "nesterov"), MOMENTA)
@pytest.mark.parametrize("scaling", [None, "standard"])
@pytest.mark.parametrize("tol", [None, 1e-3])
def test_just_above_is_refused_and_just_below_converges(momentum, nesterov, scaling, tol):
    options = {"momentum": momentum, "nesterov": nesterov, "scaling": scaling, "tol": tol}
    stable = limit(scaling, momentum, nesterov)
    for factor in (1.0, 1.01, 1e6):
        with pytest.raises(DivergenceError, match="largest stable rate"):
            GradientDescentRegressor(factor * stable, **options).fit(X, y)
    below = GradientDescentRegressor(0.99 * stable, **options).fit(X, y)
    if tol is None:
        assert below.score(X, y) == pytest.approx(LinearRegression().fit(X, y).score(X, y), abs=1e-12)
    else:
        assert below.gradient_norm_ < 1e-2 * np.linalg.norm(GradientDescentRegressor(1e-12, max_iter=1).fit(X, y).loss_)


@pytest.mark.parametrize("solver", ["spectral", "loop"])
@pytest.mark.parametrize(("momentum", "nesterov"), MOMENTA)
def test_the_loop_itself_diverges_just_above_and_not_just_below(solver, momentum, nesterov):
    options = {"momentum": momentum, "nesterov": nesterov, "scaling": "standard", "solver": solver}
    stable = limit("standard", momentum, nesterov)
    with pytest.warns(ConvergenceWarning, match="does not converge"):
        above = GradientDescentRegressor(1.01 * stable, max_iter=2_000, **options).fit(X, y)
    assert above.loss_ > above.loss_curve_[0]
    below = GradientDescentRegressor(0.99 * stable, max_iter=2_000, **options).fit(X, y)
    assert below.loss_ < below.loss_curve_[0] / 2


@pytest.mark.parametrize("solver", ["spectral", "loop"])
def test_an_infinite_objective_is_refused_whatever_max_iter(solver):
    with pytest.raises(DivergenceError, match="made J infinite after"):
        GradientDescentRegressor(1.0, scaling=None, max_iter=1_000, solver=solver).fit(X, y)


def test_the_message_names_rate_limit_feature_and_remedy():
    pytest.importorskip("pandas")
    frame = load_diabetes(as_frame=True, scaled=False).data
    frame["income"] = 1e4 * frame["s1"]
    with pytest.raises(DivergenceError) as error:
        GradientDescentRegressor(0.1, scaling=None).fit(frame, y)
    message = str(error.value)
    for word in ("0.1", "'income'", 'scaling="standard"', 'learning_rate="auto"'):
        assert word in message
    stated = float(re.search(r"a rate below ([\d.e+-]+\d)", message)[1])
    stable = limit(data=frame)
    assert stable * (1 - 1e-5) < stated <= stable


def test_the_message_offers_no_scaling_that_is_already_there():
    with pytest.raises(DivergenceError) as error:
        GradientDescentRegressor(9.0).fit(X, y)
    assert "scaling=" not in str(error.value)


def test_a_grid_search_across_the_limit_scores_nan_and_picks_the_best_stable_rate():
    rates = [1e-4, 1e-2, 0.2, 0.5, 5.0]
    search = GridSearchCV(GradientDescentRegressor(), {"learning_rate": rates})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search.fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    assert np.isnan(scores[-2:]).all()
    assert np.isfinite(scores[:3]).all()
    assert search.best_params_["learning_rate"] in rates[:3]
    assert any(issubclass(w.category, FitFailedWarning) and "DivergenceError" in str(w.message) for w in caught)


@pytest.mark.parametrize("solver", ["spectral", "loop"])
def test_stopping_short_of_tol_says_how_far_and_what_would_help(solver):
    with pytest.warns(ConvergenceWarning) as caught:
        model = GradientDescentRegressor(0.1, tol=1e-6, max_iter=10, solver=solver).fit(X, y)
    message = str(caught[0].message)
    assert f"{model.gradient_norm_:.3g}" in message
    assert "tol=1e-06" in message
    needed = GradientDescentRegressor(0.1, tol=1e-6).fit(X, y).n_iter_
    more = int(re.search(r"([\d,]+) more steps", message)[1].replace(",", ""))
    assert needed - 10 <= more < 1.01 * needed


def test_the_warning_points_at_the_line_that_called_fit():
    with pytest.warns(ConvergenceWarning) as caught:
        GradientDescentRegressor(0.1, tol=1e-6, max_iter=10).fit(X, y)
    assert caught[0].filename == __file__


def test_a_schedule_that_climbs_is_reported():
    with pytest.warns(ConvergenceWarning, match="ended higher than it began"):
        GradientDescentRegressor(lambda k: 1.0, max_iter=5).fit(X, y)


def test_a_diverging_path_is_reported():
    with pytest.warns(ConvergenceWarning, match="does not converge"):
        gradient_descent_path(X, y, learning_rate=0.6, iterations=5)
    with pytest.raises(DivergenceError, match="learning rate 10 makes J infinite: the largest stable rate is"):
        gradient_descent_path(X, y, learning_rate=10.0, iterations=5_000)


def test_feature_names_fall_back_to_numbers():
    with pytest.raises(DivergenceError, match="feature of largest scale is feature 4"):
        GradientDescentRegressor(0.1, scaling=None).fit(X, y)
