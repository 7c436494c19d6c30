"""Dense rows beside the fastest peers: wall and CPU time of each, taken in turn in one process."""

from __future__ import annotations

import gc
import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from measure import MAX_REPEATS, MIN_REPEATS, ONCE_SECONDS, SETTLING_SECONDS, quality, warm_up
from peers import GDLEARN, RIDGE_CHOLESKY, TINY_ALPHA, Fit, Model, estimator
from problems import Array, Data, Synthetic, diabetes
from sklearn.linear_model import Ridge

from gdlearn import GradientDescentRegressor

ONEDAL = "oneDAL LinearRegression()"

SHAPES = ((1_000_000, 20), (100_000, 50), (200_000, 100), (20_000, 300), (5_000, 1_000), (200, 5_000))


def has_onedal() -> bool:
    """Whether scikit-learn-intelex can be imported (extra `bench`)."""
    return importlib.util.find_spec("sklearnex") is not None


def contenders() -> dict[str, Fit]:
    """Those that fit by the smaller Gram matrix."""
    fits: dict[str, Fit] = {
        GDLEARN: estimator(GradientDescentRegressor()),
        RIDGE_CHOLESKY: estimator(Ridge(alpha=TINY_ALPHA, solver="cholesky")),
    }
    if has_onedal():
        from sklearnex.linear_model import LinearRegression

        fits[ONEDAL] = estimator(LinearRegression())
    return fits


def problems(quick: bool) -> dict[str, Callable[[], Data]]:
    """The sets by name; made one at a time, for the largest has 160 MB."""
    specs = [Synthetic(n // 10 if quick and n > 1_000 else n, d) for n, d in SHAPES]
    return {"442x10": diabetes, **{f"{spec.n_samples}x{spec.n_features}": spec.make for spec in specs}}


@dataclass
class Runs:
    """What the runs of one contender took, and the model of the last."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    model: Model | None = None


def in_turn(fits: dict[str, Fit], X: Array, y: Array, budget: float) -> dict[str, Runs]:
    """Each contender once a round, for as many rounds as the budget has seconds for each."""
    for fit in fits.values():
        warm_up(fit, min(X.shape[1], 64))
    runs, rounds, done = {name: Runs() for name in fits}, MIN_REPEATS, 0
    while done < rounds:
        for name, fit in fits.items():
            if done and runs[name].wall[0] > ONCE_SECONDS:
                continue
            gc.collect()
            time.sleep(SETTLING_SECONDS)
            wall, cpu = time.perf_counter(), time.process_time()
            runs[name].model = fit(X, y)
            runs[name].cpu.append(time.process_time() - cpu)
            runs[name].wall.append(time.perf_counter() - wall)
        done += 1
        slowest = max(min(run.wall) for run in runs.values() if run.wall[0] <= ONCE_SECONDS)
        rounds = int(np.clip(budget / slowest, MIN_REPEATS, MAX_REPEATS))
    return runs


def gaps(runs: dict[str, Runs], X: Array, y: Array) -> dict[str, float]:
    """(J − J_best)/Var(y) of each."""
    found = {name: quality(run.model, X, y) for name, run in runs.items() if run.model is not None}
    best = min(result.objective for result in found.values())
    return {name: (result.objective - best) / result.variance for name, result in found.items()}
