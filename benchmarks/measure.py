"""What is measured of a contender: its time, the quality of its model, and its peak extra memory."""

from __future__ import annotations

import gc
import itertools
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
from peers import Fit, Model, contenders, penalised, searches
from problems import Array

ONCE_SECONDS = 20.0  # a contender whose first run takes longer is not repeated
MIN_REPEATS, MAX_REPEATS = 3, 31
SETTLING_SECONDS = 0.1  # OpenBLAS's threads spin for some 30 ms after each product before they sleep
BLOCK_ENTRIES = 2_000_000
NOTE_LENGTH = 60
FIT_ERRORS = (ValueError, ArithmeticError, MemoryError)


@dataclass
class Timing:
    """The runs of one contender on one problem, and the model of the last."""

    seconds: list[float] = field(default_factory=list)
    model: Model | None = None
    note: str = ""
    failed: bool = False

    @property
    def median(self) -> float:
        """Seconds; NaN where the fit failed."""
        return float("nan") if self.failed else statistics.median(self.seconds)

    @property
    def fastest(self) -> float:
        """Seconds; NaN where the fit failed."""
        return float("nan") if self.failed else min(self.seconds)

    @property
    def is_slow(self) -> bool:
        """Whether one run is all that the budget allows."""
        return self.seconds[0] > ONCE_SECONDS

    def repeats(self, budget: float) -> int:
        """How many runs fit into `budget` seconds, judged by the fastest so far."""
        if self.failed or self.is_slow:
            return 1
        return int(np.clip(budget / self.fastest, MIN_REPEATS, MAX_REPEATS))

    def run(self, fit: Fit, X: Array, y: Array) -> None:
        """Fit once more, with garbage and busy threads of earlier runs out of the way and warnings kept as a note."""
        gc.collect()
        time.sleep(SETTLING_SECONDS)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            start = time.perf_counter()
            try:
                self.model = fit(X, y)
            except FIT_ERRORS as error:
                self.failed, self.note = True, f"{type(error).__name__}: {error}".splitlines()[0][:NOTE_LENGTH]
            self.seconds.append(time.perf_counter() - start)
        if caught and not self.failed:
            self.note = ", ".join(sorted({warning.category.__name__ for warning in caught}))


def time_fits(fits: Mapping[str, Fit], X: Array, y: Array, budget: float) -> dict[str, Timing]:
    """Time the contenders in turn: every round runs each one that has repeats left, once."""
    for fit in fits.values():
        warm_up(fit, X.shape[1])
    timings = {name: Timing() for name in fits}
    for done in itertools.count():
        pending = [name for name in fits if done == 0 or done < timings[name].repeats(budget)]
        if not pending:
            break
        for name in pending:
            timings[name].run(fits[name], X, y)
    return timings


def warm_up(fit: Fit, n_features: int = 4) -> None:
    """Fit a tiny problem, so that imports and the start of threads count for nobody."""
    random = np.random.default_rng(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit(random.standard_normal((64, n_features)), random.standard_normal(64))


class Quality(NamedTuple):
    """J, and what there is to explain, summed over the targets."""

    objective: float
    variance: float

    @property
    def r2(self) -> float:
        """The part of the variance that the model explains."""
        return 1 - self.objective / self.variance


def quality(model: Model, X: Array, y: Array) -> Quality:
    """J and Var(y) in float64, whatever the precision of the data."""
    targets = y.reshape(len(y), -1).astype(np.float64)
    coef, intercept = model.coef.T.astype(np.float64), model.intercept.astype(np.float64)
    n_rows = max(1, BLOCK_ENTRIES // X.shape[1])
    squares = 0.0
    for start in range(0, len(X), n_rows):
        rows = slice(start, start + n_rows)
        residual = targets[rows] - X[rows].astype(np.float64) @ coef - intercept
        squares += float(np.vdot(residual, residual))
    return Quality(squares / len(X), float(targets.var(axis=0).sum()))


class MemoryProbe:
    """Peak extra memory of single fits, each in a fresh process that loads the problem from disk.

    The processes are forked from a server that has done nothing but import, so none inherits what others left behind.
    """

    def __init__(self, X_path: Path, y_path: Path) -> None:
        self._paths = X_path, y_path

    @classmethod
    @contextmanager
    def of(cls, X: Array, y: Array) -> Iterator[MemoryProbe]:
        """Keep X and y on disk for as long as contenders are measured."""
        with tempfile.TemporaryDirectory() as folder:
            X_path, y_path = Path(folder) / "X.npy", Path(folder) / "y.npy"
            np.save(X_path, X)
            np.save(y_path, y)
            yield cls(X_path, y_path)

    def megabytes(self, name: str, rate: float) -> float:
        """Peak resident memory during the fit, less that before it, in MB; NaN where it cannot be known."""
        if not sys.platform.startswith("linux"):
            return float("nan")
        context = get_context("forkserver")
        context.set_forkserver_preload(["sklearn.datasets", "sklearn.linear_model", "gdlearn"])
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            try:
                return pool.submit(_extra_bytes, *self._paths, name, rate).result() / 1e6
            except (*FIT_ERRORS, OSError, BrokenProcessPool):
                return float("nan")


def _extra_bytes(X_path: Path, y_path: Path, name: str, rate: float) -> int:
    fit = {**contenders(rate), **searches(), **penalised()}[name]
    warm_up(fit)
    X, y = np.load(X_path), np.load(y_path)
    gc.collect()
    restart_peak()
    before = resident_peak()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit(X, y)
    return resident_peak() - before


def restart_peak() -> None:
    """The kernel's high-water mark of this process restarts at its present size."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def resident_peak() -> int:
    """The kernel's own high-water mark of this process, in bytes: no sampling, so nothing brief is missed."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024
