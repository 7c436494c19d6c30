"""Fitted estimators in pickles, processes and threads are the same, bit for bit."""

import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from samples import TWO, X0, Y0, plain, same_fit, state
from sklearn.base import clone

from gdlearn import GradientDescentRegressor

PLAIN_TYPES = (int, float, str, bool, type(None), np.ndarray, np.float64, np.float32)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_pickle_is_bit_equal(protocol, dtype):
    model = GradientDescentRegressor().fit(X0.astype(dtype), TWO)
    back = pickle.loads(pickle.dumps(model, protocol))
    assert same_fit(model, back)
    assert state(back) == state(pickle.loads(pickle.dumps(back)))
    assert back.predict(X0).tobytes() == model.predict(X0).tobytes()


@pytest.mark.parametrize("settings", [{}, {"learning_rate": 0.01, "max_iter": 3}, {"solver": "loop", "tol": 1e-2}])
def test_the_fitted_state_is_arrays_numbers_and_strings(settings):
    pd = pytest.importorskip("pandas")
    model = GradientDescentRegressor(**settings).fit(pd.DataFrame(X0, columns=["a", "b", "c"]), Y0)
    learned = [name for name in dir(model) if name.endswith("_") and not name.startswith("_")]
    learned += ["n_iter_", "loss_curve_"]  # which may wait until they are asked for
    for name in learned:
        value = getattr(model, name)
        entries = value if isinstance(value, list) else [value]
        assert all(isinstance(entry, PLAIN_TYPES) for entry in entries), name
        assert not isinstance(value, np.ndarray) or value.dtype.kind in "fiO"


def test_a_truncated_pickle_is_an_error():
    whole = pickle.dumps(GradientDescentRegressor().fit(X0, Y0))
    for part in (whole[: len(whole) // 2], whole[:-1], b""):
        with pytest.raises((pickle.UnpicklingError, EOFError)):
            pickle.loads(part)


@pytest.mark.slow
def test_a_spawned_process_fits_and_predicts_the_same_bits():
    model = GradientDescentRegressor().fit(X0, Y0)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert np.array_equal(pool.submit(model.predict, X0).result(), model.predict(X0))
        assert same_fit(pool.submit(GradientDescentRegressor().fit, X0, Y0).result(), model)


def test_threads_fit_clones_and_predict_with_one_model_identically():
    X, y = plain(3000, 20)
    model = GradientDescentRegressor().fit(X, y)
    with ThreadPoolExecutor(4) as pool:
        fits = list(pool.map(lambda _: clone(model).fit(X, y), range(12)))
        predictions = list(pool.map(lambda _: model.predict(X).tobytes(), range(12)))
    assert all(same_fit(fit, model) for fit in fits)
    assert set(predictions) == {model.predict(X).tobytes()}
