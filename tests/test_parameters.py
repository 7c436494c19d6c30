"""Parameters are refused by name and value, in `fit` only, or taken whatever their size."""

import numpy as np
import pytest
from exact import exact_least_squares
from samples import RIGHT, X0, Y0, plain, state
from sklearn.exceptions import ConvergenceWarning

from gdlearn import DivergenceError, GradientDescentRegressor, Moments

NUMBERS = [0, -1, -0.5, np.nan, np.inf, -np.inf, 10**400, True, 1j, np.array([0.1, 0.2]), [0.1], b"auto"]

BAD_PARAMETERS = [
    *(("learning_rate", value) for value in [*NUMBERS, None, "fast", "AUTO", np.zeros(0), {"eta": 1}]),
    *(("momentum", value) for value in [1, 1.5, *NUMBERS[1:], None, "fast"]),
    *(("max_iter", value) for value in [*NUMBERS[:6], *NUMBERS[7:], 1.5, 10.0, "fast", "auto"]),
    *(("tol", value) for value in [*NUMBERS, "fast", "auto"]),
    *(("nesterov", value) for value in [0, 1, None, "yes", np.nan, 1.5]),
    *(("fit_intercept", value) for value in [0, 1, None, "yes", np.nan, 1.5]),
    *(("check_gradient", value) for value in [0, 1, None, "yes", np.nan]),
    *(("warm_start", value) for value in [0, 1, None, "yes", np.nan]),
    *(("scaling", value) for value in ["Standard", "robust", "none", True, 1, np.nan, ["standard"], np.array([1, 2])]),
    *(("solver", value) for value in ["Loop", "lbfgs", None, True, 1, ["loop"], np.nan]),
    *(("random_state", value) for value in ["seed", -1, 1.5, [1], np.nan]),
    *(("verbose", value) for value in ["loud", -1, 1.5, None, np.nan]),
]


@pytest.mark.parametrize(("name", "value"), BAD_PARAMETERS, ids=lambda value: str(value)[:24])
def test_bad_parameters_are_refused_by_name_in_fit_only(name, value):
    model = GradientDescentRegressor(**{name: value})
    assert getattr(model, name) is value
    before = state(model)
    for call in (lambda: model.fit(X0, Y0), lambda: model.fit_moments(Moments.from_data(X0, Y0))):
        with pytest.raises((ValueError, TypeError), match=f"'{name}' parameter of GradientDescentRegressor"):
            call()
    assert state(model) == before


@pytest.mark.parametrize("name", ["learning_rate", "momentum", "max_iter", "scaling", "solver"])
def test_refusals_of_parameters_say_the_value(name):
    with pytest.raises(ValueError, match="Got 'fast' instead"):
        GradientDescentRegressor(**{name: "fast"}).fit(X0, Y0)


@pytest.mark.parametrize("value", [0.01, np.float32(0.01), np.float64(0.01), 1e-300])
def test_numbers_of_any_real_type_are_learning_rates(value):
    model = GradientDescentRegressor(value, max_iter=np.int32(3)).fit(X0, Y0)
    assert model.learning_rate_ == float(value)
    assert model.n_iter_ == 3


@pytest.mark.parametrize(
    "value", [0, -1, np.nan, np.inf, None, "fast", 1j, True, np.ones(2), 10**400], ids=lambda value: str(value)[:24]
)
def test_bad_numbers_from_a_learning_rate_function_are_refused(value):
    model = GradientDescentRegressor(lambda k: 0.1 if k < 3 else value, max_iter=10)
    with pytest.raises((ValueError, TypeError), match=r"'learning_rate' callable returned .* step 3"):
        model.fit(X0, Y0)
    assert not hasattr(model, "n_features_in_")


@pytest.mark.parametrize("max_iter", [10**15, 10**30, 2**63, 10**400], ids=["1e15", "1e30", "2**63", "1e400"])
@pytest.mark.parametrize("momentum", ["auto", 0.9])
@pytest.mark.parametrize("shape", [(24, 3), (6, 10)])
def test_any_number_of_steps_is_taken_at_once(max_iter, momentum, shape):
    X, y = plain(*shape)
    model = GradientDescentRegressor(0.01, momentum=momentum, max_iter=max_iter).fit(X, y)
    truth = exact_least_squares(X, y)
    assert truth.error(model.predict(X)) <= RIGHT
    assert model.n_iter_ == max_iter
    assert model.loss_curve_iterations_[-1] == max_iter


@pytest.mark.parametrize("solver", ["spectral", "loop"])
@pytest.mark.parametrize("rate", [1e3, 1e200])
def test_a_learning_rate_that_is_too_large_is_never_silent(rate, solver):
    pd = pytest.importorskip("pandas")
    X, y = pd.DataFrame(X0, columns=["a", "b", "c"]), Y0
    message = r"learning rate .*largest stable rate is .*feature of largest scale is '[abc]'.*learning_rate=\"auto\""
    model = GradientDescentRegressor(rate, solver=solver)
    with pytest.raises(DivergenceError, match=message):
        model.fit(X, y)
    with pytest.raises(DivergenceError, match=message):
        model.set_params(tol=1e-3).fit(X, y)
    with pytest.raises(DivergenceError, match=message):
        model.set_params(max_iter=10_000).fit(X, y)
    if rate < 1e100:
        with pytest.warns(ConvergenceWarning, match=message):
            model.set_params(max_iter=3, tol=None).fit(X, y)
