"""Wide sparse rows: data whose columns are met as words are, and the usual solvers at the same gap of the objective."""

from __future__ import annotations

import tracemalloc
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from measure import Timing
from peers import Fit, Model
from problems import Array
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LinearRegression, Ridge, SGDRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from gdlearn import GradientDescentRegressor

GAP = 1e-8
"""Of J to its minimum, relative to the variance of y: what every contender is to reach."""

OURS = "gdlearn"


def zipf(n: int, d: int, noise: float) -> tuple[Any, Array]:
    """CSR of 20 draws a row, column j with a frequency like 1/j; y has as much noise as signal, times `noise`."""
    random, per_row = np.random.default_rng(0), 20
    frequency = 1.0 / np.arange(1, d + 1)
    frequency /= frequency.sum()
    column = random.choice(d, size=n * per_row, p=frequency).astype(np.int32)
    start = np.arange(0, n * per_row + 1, per_row, dtype=np.int32)
    X = sparse.csr_array((random.exponential(size=n * per_row), column, start), shape=(n, d))
    X.sum_duplicates()
    signal = X @ (random.standard_normal(d) / np.sqrt(frequency * n * per_row + 1.0))
    return X, 10.0 + signal / signal.std() + noise * random.standard_normal(n)


def text(n: int, d: int) -> tuple[Any, Array]:
    """TF-IDF of made-up documents of some hundred words, a third of them of one of twenty topics."""
    random = np.random.default_rng(0)
    frequency = 1.0 / (np.arange(1, d + 1) + 2.7)
    topics = np.array([random.permutation(d)[:300] for _ in range(20)])
    length = np.maximum(5, random.lognormal(4.6, 0.8, n).astype(int))
    row, topic = np.repeat(np.arange(n), length), random.integers(20, size=n)
    column = random.choice(d, size=len(row), p=frequency / frequency.sum())
    special = random.random(len(row)) < 0.3
    column[special] = topics[topic[row[special]], random.integers(300, size=int(special.sum()))]
    X = sparse.csr_array((np.ones(len(row)), (row, column)), shape=(n, d))
    X.sum_duplicates()
    X = sparse.csr_array(TfidfTransformer(sublinear_tf=True).fit_transform(X))
    return X, topic % 2 + 0.3 * random.standard_normal(n)


def nearly_square(n: int = 3_000, d: int = 4_000, entries: int = 36_000) -> tuple[Any, Array]:
    """Columns of nine entries, in random places."""
    X = sparse.csr_array(sparse.random(n, d, density=entries / n / d, random_state=0))
    random = np.random.default_rng(0)
    return X, X @ random.standard_normal(d) + 0.1 * random.standard_normal(n)


def fitted(make: Callable[[], Any]) -> Fit:
    """A fresh estimator, or a pipeline of StandardScaler and one, as a contender; `make` makes it."""

    def fit(X: Any, y: Array) -> Model:
        model = make().fit(X, y)
        if not hasattr(model, "steps"):
            return Model(np.atleast_2d(model.coef_), np.atleast_1d(model.intercept_))
        scaler, last = model[0], model[-1]
        return Model(np.atleast_2d(last.coef_) / scaler.scale_, np.atleast_1d(last.intercept_))

    return fit


def scaled(model: Any) -> Any:
    """Behind StandardScaler, which for sparse rows divides alone."""
    return make_pipeline(StandardScaler(with_mean=False), model)


def quick_contenders(noise: float) -> dict[str, Fit]:
    """Those that are done in a fraction of a second; `tol` is about the loosest that reaches `GAP`."""
    tol = 1e-4 if noise else 1e-5
    return {
        OURS: fitted(GradientDescentRegressor),
        "gdlearn(tol=5e-7)": fitted(lambda: GradientDescentRegressor(tol=5e-7)),
        "scaler + Ridge(sparse_cg)": fitted(lambda: scaled(Ridge(1e-8, solver="sparse_cg", tol=tol))),
        "scaler + Ridge(lsqr)": fitted(lambda: scaled(Ridge(1e-8, solver="lsqr", tol=1e-5))),
        "scaler + LinearRegression": fitted(lambda: scaled(LinearRegression(tol=1e-5))),
    }


def slow_contenders() -> dict[str, Fit]:
    """Those on X as given, which take seconds."""
    return {
        "Ridge(sparse_cg)": fitted(lambda: Ridge(1e-8, solver="sparse_cg", tol=1e-5)),
        "Ridge(lsqr)": fitted(lambda: Ridge(1e-8, solver="lsqr", tol=1e-8)),
        "LinearRegression": fitted(lambda: LinearRegression(tol=1e-8)),
    }


def descents_by_samples(epochs: int) -> dict[str, Fit]:
    """A dozen settings of SGDRegressor, on y less its mean, for on sparse rows it learns the intercept slowly."""

    def of(schedule: str, rate: float) -> Fit:
        options = {"penalty": None, "tol": None, "max_iter": epochs, "random_state": 0}
        fit = fitted(lambda: scaled(SGDRegressor(learning_rate=schedule, eta0=rate, **options)))

        def fit_centred(X: Any, y: Array) -> Model | None:
            model = fit(X, y - y.mean())
            return model and model._replace(intercept=model.intercept + y.mean())

        return fit_centred

    rates = (1e-6, 1e-5, 1e-4, 1e-3)
    return {f"{name}, {rate}": of(name, rate) for name in ("invscaling", "constant", "adaptive") for rate in rates}


def error(model: Model, X: Any, y: Array) -> float:
    """J of a model."""
    return float(np.mean((y - X @ model.coef[0] - model.intercept[0]) ** 2))


def least_error(X: Any, y: Array) -> float:
    """J where no solver finds anything lower: by gdlearn to a tolerance near rounding."""
    return float(GradientDescentRegressor(tol=1e-11).fit(X, y).loss_)


def in_turn(fits: dict[str, Fit], X: Any, y: Array, rounds: int) -> dict[str, Timing]:
    """Each contender once a round."""
    timings = {name: Timing() for name in fits}
    for _ in range(rounds):
        for name, fit in fits.items():
            timings[name].run(fit, X, y)
    return timings


def memory_of_x(fit: Fit, X: Any, y: Array) -> float:
    """The peak of what a fit allocates, beside X's own data."""
    tracemalloc.start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit(X, y)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return peak / (X.data.nbytes + X.indices.nbytes + X.indptr.nbytes)
