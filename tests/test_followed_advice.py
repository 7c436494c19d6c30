"""Whoever follows the advice of an error, a warning or `sensitivity` gets what it says: random problems and real data.

`test_advice.py` plans its problems by cause; here they come as they come.
"""

import re

import numpy as np
import pytest
import sklearn
from corpus import SPEC, load
from test_advice import NUMBER, count, follow, named, said

from gdlearn import GradientDescentRegressor
from gdlearn.inspection import sensitivity

SCALINGS = (None, "standard", "minmax", "maxabs")


def random_problem(seed):
    """Rows, targets, and settings of a descent: scales, offsets and correlations as chance has it."""
    rng = np.random.default_rng(seed)
    n, d = int(rng.integers(8, 80)), int(rng.integers(1, 8))
    X = rng.standard_normal((n, d)) @ (np.eye(d) + rng.uniform(0, 2) * rng.standard_normal((d, d)))
    X = (X + rng.uniform(0, 10) * rng.standard_normal(d)) * 10.0 ** rng.uniform(-2, 2, d)
    y = X @ rng.standard_normal(d) + X.std() * rng.standard_normal(n)
    return X, y, {"scaling": SCALINGS[seed % 4], "fit_intercept": bool(seed % 8 < 6)}, rng


def real_problem(name):
    try:
        X, y = load(name)
    except (ModuleNotFoundError, FileNotFoundError) as missing:
        pytest.skip(f"the package that holds {name} is not installed: {missing}")
    return X, y, {"scaling": SCALINGS[len(name) % 4], "fit_intercept": True}, np.random.default_rng(len(y))


PROBLEMS = [
    *(pytest.param(random_problem, seed, id=f"random {seed}") for seed in range(100)),
    *(
        pytest.param(real_problem, entry[0], id=entry[0], marks=[pytest.mark.corpus, pytest.mark.slow])
        for entry in SPEC
    ),
]


def stable_rate(X, y, settings):
    return (
        GradientDescentRegressor(1e-300, max_iter=1, solver="spectral", **settings).fit(X, y).max_stable_learning_rate_
    )


@pytest.mark.parametrize(("make", "which"), PROBLEMS)
def test_advice_against_divergence(make, which):
    X, y, settings, rng = make(which)
    rate = float(10 ** rng.uniform(0.05, 3)) * stable_rate(X, y, settings)
    model = GradientDescentRegressor(rate, max_iter=2, **settings)
    message = said(model.fit, X, y)
    below = float(re.search(rf"a rate below {NUMBER}", message)[1])
    remedies = [{"learning_rate": np.nextafter(below, 0.0)}, {"learning_rate": "auto"}]
    if offered := re.search(r"scaling=(\"\w+\"|None) \(stable", message):
        remedies.append({"scaling": named(offered[1])})
    for remedy in remedies:
        assert said(sklearn.clone(model).set_params(**remedy).fit, X, y) is None, (message, remedy)


@pytest.mark.parametrize(("make", "which"), PROBLEMS)
def test_advice_against_slowness(make, which):
    X, y, settings, rng = make(which)
    rate = float(f"{10 ** rng.uniform(-4, -0.1) * stable_rate(X, y, settings):.3g}")
    model = GradientDescentRegressor(rate, tol=1e-6, max_iter=2, solver="spectral", **settings)
    message = said(model.fit, X, y)
    if message is None:  # it was there after two steps
        return
    for name, remedy in follow(message, model, X, y):
        assert said(sklearn.clone(model).set_params(**remedy).fit, X, y) is None, (message, name)


@pytest.mark.parametrize(("make", "which"), PROBLEMS)
def test_advice_of_sensitivity(make, which):
    X, y, settings, rng = make(which)
    stable = stable_rate(X, y, settings)

    def fitted(**other):
        return GradientDescentRegressor(**(settings | other)).fit(X, y)

    for rate in ("auto", 10.0 ** rng.uniform(0.05, 3) * stable, 10.0 ** rng.uniform(-5, -1) * stable):
        sentence = sensitivity(X, y, learning_rate=rate, **settings).sentence
        if match := re.search(rf"a rate below {NUMBER}", sentence):
            slower = np.nextafter(float(match[1]), 0.0)
            assert slower < stable * (1 + 1e-12)
            assert "explodes" not in set(sensitivity(X, y, learning_rate=slower, **settings).modes["verdict"])
        if match := re.search(r"scaling=(\"\w+\"|None) \(stable", sentence):
            there = sensitivity(X, y, learning_rate=rate, **(settings | {"scaling": named(match[1])}))
            assert "explodes" not in set(there.modes["verdict"])
        if match := re.search(rf"scaling=\"(\w+)\" condition number {NUMBER}, about {NUMBER} step", sentence):
            model = fitted(scaling=match[1])
            assert float(match[2].replace(",", "")) == pytest.approx(model.condition_number_, rel=0.051)
            assert count(match[3]) == pytest.approx(model.n_iter_, rel=0.051)
        if match := re.search(
            rf"scaling=\"(\w+)\" (?:with learning_rate=\"auto\" needs|too) about {NUMBER} st", sentence
        ):
            assert count(match[2]) == pytest.approx(fitted(scaling=match[1]).n_iter_, rel=0.051)
        if match := re.search(rf"learning_rate=\"auto\" \({NUMBER}\) about {NUMBER} step", sentence):
            assert count(match[2]) == pytest.approx(fitted().n_iter_, rel=0.051)
            assert said(fitted(learning_rate=float(match[1]), max_iter=2).fit, X, y) is None
