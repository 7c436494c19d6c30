"""More rows than memory: a Parquet file read in batches, and rows that workers of dask make as they need them."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from measure import resident_peak, restart_peak

from gdlearn import GradientDescentRegressor, GradientDescentRegressorCV, Moments

GROUP_ROWS = 250_000
"""Rows in a row group of the file: 42 MB of 21 columns."""

CHUNK_ROWS = 100_000
"""Rows in a chunk of a dask array: 40 MB of 50 columns."""


class Read(NamedTuple):
    """What it took to read a file, and what of memory."""

    seconds: float
    cpu: float
    megabytes: float
    n_samples: int


def write_parquet(path: Path, gigabytes: float, n_features: int = 20) -> int:
    """A file of random columns, row group by row group; the number of its rows is returned."""
    import pyarrow as pa
    from pyarrow import parquet

    names = [*(f"x{j}" for j in range(n_features)), "y"]
    block = np.random.default_rng(0).standard_normal((n_features + 1, GROUP_ROWS))
    n_groups = round(gigabytes * 1e9 / block.nbytes)
    options = {"compression": "none", "use_dictionary": False}
    with parquet.ParquetWriter(path, pa.schema([(name, pa.float64()) for name in names]), **options) as writer:
        for k in range(n_groups):
            writer.write_table(pa.table(dict(zip(names, block + k / n_groups, strict=True))), GROUP_ROWS)
    return n_groups * GROUP_ROWS


def read_parquet(path: Path, *, pre_buffer: bool) -> Read:
    """The moments of a file, in a fresh process."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(_read, (path, pre_buffer))


def _read(path: Path, pre_buffer: bool) -> Read:
    from pyarrow import parquet

    wall, cpu = time.perf_counter(), time.process_time()
    batches = parquet.ParquetFile(path, pre_buffer=pre_buffer).iter_batches()
    moments = Moments.from_batches(batches, target="y")
    GradientDescentRegressor().fit_moments(moments)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Read(wall, cpu, resident_peak() / 1e6, moments.n_samples)


class Work(NamedTuple):
    """What a computation took on a cluster, the CPU of its workers, and by how much each grew at its peak, in MB."""

    seconds: float
    cpu: float
    growth: list[float]
    error: float


def has_dask_ml() -> bool:
    """Whether dask-ml can be imported."""
    return importlib.util.find_spec("dask_ml") is not None


@contextmanager
def cluster(n_workers: int) -> Iterator[Any]:
    """The client of as many processes of one thread."""
    from distributed import Client, LocalCluster

    options = {"threads_per_worker": 1, "dashboard_address": None, "memory_limit": "4GB"}
    with LocalCluster(n_workers=n_workers, **options) as local, Client(local) as client:
        client.run(_warm_up)
        yield client


def _warm_up() -> None:
    GradientDescentRegressor().fit(np.eye(4, 3), np.arange(4.0))


def lazy_rows(n: int, d: int) -> tuple[Any, Any, Any]:
    """X and y, which are made chunk by chunk where they are needed, and the coefficients that y has."""
    import dask.array as da

    X = da.random.default_rng(0).standard_normal((n, d), chunks=(CHUNK_ROWS, d)) + 3.0
    coef = np.arange(1.0, d + 1)
    return X, X @ coef + 7.0, coef


def contenders() -> dict[str, Callable[[Any, Any], Any]]:
    """The fits by name; making the rows alone is what none of them can do without."""
    fits: dict[str, Callable[[Any, Any], Any]] = {
        "making the rows": lambda X, y: (X.sum() + y.sum()).compute(),
        "gdlearn": lambda X, y: GradientDescentRegressor().fit(X, y).coef_,
        "gdlearn CV, 20 x 10, 5 folds": lambda X, y: GradientDescentRegressorCV().fit(X, y).coef_,
    }
    if has_dask_ml():
        from dask_ml.linear_model import LinearRegression

        fits["dask-ml LinearRegression"] = lambda X, y: LinearRegression().fit(X, y).coef_
    return fits


def work(client: Any, fit: Callable[[Any, Any], Any], n: int, d: int) -> Work:
    """One fit, with the peaks of the workers restarted before."""
    X, y, coef = lazy_rows(n, d)
    client.run(restart_peak)
    before, cpu = client.run(resident_peak), client.run(time.process_time)
    start = time.perf_counter()
    found = fit(X, y)
    seconds = time.perf_counter() - start
    cpu = sum(client.run(time.process_time).values()) - sum(cpu.values())
    growth = [(peak - before[worker]) / 1e6 for worker, peak in client.run(resident_peak).items()]
    return Work(seconds, cpu, growth, float(np.abs(found - coef).max()) if np.ndim(found) else float("nan"))
