"""A fit that fails or is interrupted leaves the earlier one as it was."""

import _thread
import dataclasses
import signal
import threading

import numpy as np
import pytest
from samples import ONES, TWO, X0, Y0, nonfinite, plain, same_fit, state

import gdlearn._spectrum
from gdlearn import DivergenceError, GradientCheckError, GradientDescentRegressor
from gdlearn._base import Data


def fail_in_the_loop(k):
    if k == 7:
        raise RuntimeError("no more")
    return 0.01


FAILURES = {
    "NaN in X": ({}, (nonfinite(np.nan)), ValueError, "Input X contains NaN"),
    "y too short": ({}, (X0, Y0[1:]), ValueError, "inconsistent numbers of samples"),
    "weights refused": ({}, (X0[:, :2], Y0, -ONES), ValueError, "Negative values in sample_weight"),
    "parameter refused": ({"tol": -1}, (X0, Y0), ValueError, "'tol' parameter"),
    "divergence": (
        {"learning_rate": 1e3},
        (X0[:, :2], Y0),
        DivergenceError,
        "with learning rate 1000 does not converge",
    ),
    "divergence in the loop": (
        {"learning_rate": 1e3, "solver": "loop", "max_iter": 500},
        (X0, Y0),
        DivergenceError,
        "made J infinite after",
    ),
    "a callable that raises": ({"learning_rate": fail_in_the_loop}, (X0[:, :2], Y0), RuntimeError, "^no more$"),
    "no float64 answer": ({}, (X0[:, :2] * 1e-300, Y0 * 1e300), ValueError, "coefficients exceed what float64 holds"),
    "spectral with a schedule": (
        {"learning_rate": fail_in_the_loop, "solver": "spectral"},
        (X0, Y0),
        ValueError,
        "needs a constant learning rate",
    ),
    "another width with warm_start": (
        {"warm_start": True},
        (X0[:, :2], Y0),
        ValueError,
        "needs the shape of the earlier fit",
    ),
    "another number of targets with warm_start": (
        {"warm_start": True},
        (X0, TWO),
        ValueError,
        "needs the shape of the earlier fit",
    ),
    "overflow without scaling": (
        {"scaling": None},
        (X0[:, :2] * 1e200, Y0),
        ValueError,
        "squares of the features overflow float64",
    ),
}


@pytest.mark.parametrize("first", ["DataFrame", "array"])
@pytest.mark.parametrize("name", FAILURES)
def test_a_second_fit_that_fails_leaves_the_first_bit_for_bit(name, first):
    pd = pytest.importorskip("pandas")
    settings, data, error, words = FAILURES[name]
    X = pd.DataFrame(X0, columns=["a", "b", "c"]) if first == "DataFrame" else X0
    model = GradientDescentRegressor(check_gradient=True, random_state=0).fit(X, Y0)
    model.set_params(**settings)
    before, arrays = state(model), dict(vars(model))
    prediction = model.predict(X)
    with pytest.raises(error, match=words):
        model.fit(*data)
    assert state(model) == before
    assert all(vars(model)[key] is value for key, value in arrays.items())
    assert model.predict(X).tobytes() == prediction.tobytes()


def test_a_failed_gradient_check_leaves_the_earlier_fit(monkeypatch):
    model = GradientDescentRegressor(check_gradient=True).fit(X0, Y0)
    before = state(model)
    right = gdlearn._spectrum.modes_of_matrix

    def wrong(*args):
        modes = right(*args)
        return dataclasses.replace(modes, optimum=1.01 * modes.optimum + 1e-3)

    monkeypatch.setattr("gdlearn._spectrum.modes_of_matrix", wrong)
    with pytest.raises(GradientCheckError, match="Worst at coordinate"):
        model.fit(X0[:, :2], Y0)
    assert state(model) == before


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError])
def test_an_interrupted_fit_leaves_the_earlier_one(error):
    def interrupt(k):
        if k == 5:
            raise error
        return 0.01

    model = GradientDescentRegressor().fit(X0, Y0)
    before = state(model)
    model.set_params(learning_rate=interrupt)
    with pytest.raises(error):
        model.fit(X0[:, :2], 2 * Y0)
    model.set_params(learning_rate="auto")
    assert state(model) == before


def test_an_interrupt_at_the_very_end_leaves_the_earlier_fit(monkeypatch):
    model = GradientDescentRegressor()
    model.fit(X0, Y0)
    before = state(model)

    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(Data, "shaped", interrupted)  # when half of the attributes are set
    with pytest.raises(KeyboardInterrupt):
        model.fit(X0[:, :2], 2 * Y0)
    assert state(model) == before


def test_a_long_loop_is_interrupted_and_leaves_the_earlier_fit():
    X, y = plain(2000, 50)
    model = GradientDescentRegressor().fit(X, y)
    before = state(model)
    model.set_params(learning_rate=1e-9, solver="loop", max_iter=10**9)  # for hours
    timer = threading.Timer(0.2, _thread.interrupt_main)

    def fit():
        timer.start()
        model.fit(X, 2 * y)

    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    try:
        with pytest.raises(KeyboardInterrupt):
            fit()
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, handler)
    model.set_params(learning_rate="auto", solver="auto", max_iter=None)
    assert state(model) == before


def test_fit_does_not_change_parameters_and_a_second_fit_forgets_the_first():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X0, columns=["a", "b", "c"])
    model = GradientDescentRegressor(check_gradient=True, random_state=0).fit(frame, Y0)
    parameters = model.get_params()
    model.set_params(check_gradient=False).fit(X0[:, :2], TWO)
    fresh = GradientDescentRegressor(random_state=0).fit(X0[:, :2], TWO)
    assert state(model) == state(fresh) or sorted(vars(model)) == sorted(vars(fresh))
    assert same_fit(model, fresh)
    assert parameters | {"check_gradient": False} == model.get_params()
    assert not hasattr(model, "feature_names_in_")
