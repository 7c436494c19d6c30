"""Time, accuracy and memory of gdlearn beside its peers.

Run ``python benchmarks/run.py``; see README.md in this folder.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import platform
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import sklearn
from measure import MemoryProbe, Timing, quality, time_fits
from peers import (
    CV_20,
    CV_20_SHUFFLED,
    GDLEARN,
    MOMENTS,
    OLS,
    RIDGE_CHOLESKY,
    Fit,
    contenders,
    estimator,
    has_torch,
    numpy_loop,
    penalised,
    searches,
)
from problems import Array, Data, ReferenceSet, Synthetic, nist_sets, sizes
from sklearn.linear_model import LinearRegression, Ridge
from threadpoolctl import threadpool_info, threadpool_limits

import gdlearn
from gdlearn import GradientDescentRegressor

RESULTS = Path(__file__).parent / "results"
MANY_STEPS_RATE = 0.01
LARGEST_LOOP = 1_000
MOST_DIGITS = 15
SIZE_COLUMNS = (
    "contender",
    "median (s)",
    "fastest (s)",
    "times gdlearn",
    "(J − J_best)/Var(y)",
    "R²",
    "extra memory (MB)",
    "runs",
    "note",
)


@dataclass
class Table:
    """A table whose CSV holds the numbers in full and whose Markdown holds them to three digits."""

    title: str
    columns: Sequence[str]
    rows: list[list[Any]] = field(default_factory=list)

    def markdown(self) -> str:
        """A heading and the table, its columns padded so that it reads as plain text too."""
        cells = [list(self.columns), *([_readable(value) for value in row] for row in self.rows)]
        widths = [max(len(row[i]) for row in cells) for i in range(len(self.columns))]
        lines = [
            "| " + " | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) + " |"
            for row in cells
        ]
        lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        return f"## {self.title}\n\n" + "\n".join(lines) + "\n"


def _readable(value: Any) -> str:
    if not isinstance(value, float):
        return f"{value:,}" if isinstance(value, int) else str(value)
    if math.isnan(value):
        return "–"
    if value == 0:
        return "0"
    rounded = float(f"{value:.2e}")
    if 1e-4 <= abs(rounded) < 1e4:
        return f"{rounded:,.{max(0, 2 - math.floor(math.log10(abs(rounded))))}f}"
    return f"{value:.1e}"


@dataclass(frozen=True)
class Options:
    """How much to run, and where the results go."""

    quick: bool
    output: Path | None
    """None: the tables are only printed."""

    @property
    def budget(self) -> float:
        """Seconds of repeats for each contender on each problem."""
        return 0.5 if self.quick else 5.0


Section = Callable[[Options], Iterator[Table]]


def size_table(name: str, make: Callable[[], Data], options: Options) -> Table:
    """All contenders on one problem: time, quality and memory."""
    X, y = make()
    rate = float(GradientDescentRegressor().fit(X, y).learning_rate_)
    timings = time_fits(contenders(rate), X, y, options.budget)
    qualities = {
        key: quality(timing.model, X, y)
        for key, timing in timings.items()
        if timing.model is not None and not timing.failed
    }
    best = min(found.objective for found in qualities.values())
    table = Table(f"{name} ({X.dtype}, X is {X.nbytes / 1e6:,.1f} MB)", SIZE_COLUMNS)
    with MemoryProbe.of(X, y) as probe:
        for key, timing in timings.items():
            found = qualities.get(key)
            gap = math.nan if found is None else (found.objective - best) / found.variance
            r2 = math.nan if found is None else found.r2
            memory = math.nan if timing.failed or timing.is_slow else probe.megabytes(key, rate)
            times = timing.median, timing.fastest, timing.median / timings[GDLEARN].median
            table.rows.append([key, *times, gap, r2, memory, len(timing.seconds), timing.note])
    return table


def size_section(options: Options) -> Iterator[Table]:
    """A table for each size."""
    for name, make in sizes(options.quick).items():
        yield size_table(name, make, options)


def growth_section(options: Options) -> Iterator[Table]:
    """Median seconds against the number of rows, and against the number of features."""
    shrink = 10 if options.quick else 1
    by_rows = [Synthetic(n // shrink, 20) for n in (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)]
    by_features = [Synthetic(20_000 // shrink, d) for d in (5, 10, 20, 50, 100, 200, 500, 1_000)]
    names = [GDLEARN, OLS, RIDGE_CHOLESKY, MOMENTS]
    tables = []
    for title, specs in (("Growth with the rows", by_rows), ("Growth with the features", by_features)):
        table = Table(f"{title} (median seconds)", ["rows", "features", *names])
        for spec in specs:
            X, y = spec.make()
            fits = contenders(MANY_STEPS_RATE)
            timings = time_fits({name: fits[name] for name in names}, X, y, options.budget)
            table.rows.append([*X.shape, *(timings[name].median for name in names)])
        tables.append(table)
        yield table
    rows, features = tables
    if options.output is not None:
        plot(options.output / "growth.png", [(rows, "rows", names), (features, "features", names)])


def iterations_section(options: Options) -> Iterator[Table]:
    """1 to 10⁹ steps at a fixed learning rate, against a plain loop that takes the same steps."""
    X, y = Synthetic(5_000 if options.quick else 100_000, 50).make()
    closed, loop, plain = GDLEARN, "gdlearn(solver='loop')", "scaler + NumPy loop"
    table = Table(
        f"{X.shape[0]:,} x {X.shape[1]}, learning_rate={MANY_STEPS_RATE} (median seconds)",
        ["steps", closed, loop, plain, "NumPy loop / gdlearn", "relative difference of slopes"],
    )
    for n_steps in (10**exponent for exponent in range(10)):
        descent = {"learning_rate": MANY_STEPS_RATE, "max_iter": n_steps}
        fits: dict[str, Fit] = {closed: estimator(GradientDescentRegressor(**descent))}
        if n_steps <= LARGEST_LOOP:
            fits[loop] = estimator(GradientDescentRegressor(solver="loop", **descent))
            fits[plain] = numpy_loop(MANY_STEPS_RATE, n_steps)
        timings = time_fits(fits, X, y, options.budget)
        seconds = [timings[name].median if name in timings else math.nan for name in (closed, loop, plain)]
        difference = slope_difference(timings[closed], timings[plain]) if plain in timings else math.nan
        table.rows.append([n_steps, *seconds, seconds[2] / seconds[0], difference])
    yield table
    if options.output is not None:
        plot(options.output / "iterations.png", [(table, "steps", [closed, loop, plain])])


def slope_difference(ours: Timing, theirs: Timing) -> float:
    """The norm of the difference of two models' slopes, relative to that of the second."""
    if ours.model is None or theirs.model is None:
        return math.nan
    return float(np.linalg.norm(ours.model.coef - theirs.model.coef) / np.linalg.norm(theirs.model.coef))


def memory_section(options: Options) -> Iterator[Table]:
    """Peak extra memory by the layout and precision of X."""
    n_samples = 50_000 if options.quick else 1_000_000
    table = Table(f"Peak extra memory, {n_samples:,} x 100", ["X", "contender", "extra memory (MB)", "of X"])
    for dtype, order in (("float64", "C"), ("float64", "F"), ("float32", "C")):
        X, y = Synthetic(n_samples, 100, dtype=dtype, order=order).make()
        with MemoryProbe.of(X, y) as probe:
            for name in (GDLEARN, OLS, RIDGE_CHOLESKY):
                megabytes = probe.megabytes(name, MANY_STEPS_RATE)
                table.rows.append([f"{dtype}, {order} order", name, megabytes, megabytes * 1e6 / X.nbytes])
    yield table


def search_section(options: Options) -> Iterator[Table]:
    """A grid of learning rates by 5-fold cross-validation, against scikit-learn's searches."""
    shrink = 10 if options.quick else 1
    X, y = Synthetic(200_000 // shrink, 50).make()
    fits = searches()
    timings = time_fits(fits, X, y, options.budget)
    ours = timings[CV_20].median
    table = Table(f"5-fold search, {X.shape[0]:,} x {X.shape[1]}", ["search", "median (s)", f"times {CV_20}", "runs"])
    for name, timing in timings.items():
        table.rows.append([name, timing.median, timing.median / ours, len(timing.seconds)])
    yield table

    X, y = Synthetic(1_000_000 // shrink, 50).make()
    memory = Table(f"Peak extra memory of a search, {X.shape[0]:,} x {X.shape[1]}", ["search", "extra memory (MB)"])
    with MemoryProbe.of(X, y) as probe:
        for name in (CV_20, CV_20_SHUFFLED):
            memory.rows.append([name, probe.megabytes(name, MANY_STEPS_RATE)])
    yield memory


def digits_section(options: Options) -> Iterator[Table]:
    """Correct digits of the worst coefficient on the NIST linear sets."""
    solvers: dict[str, Callable[[ReferenceSet], Array]] = {
        GDLEARN: lambda data: fitted_coefficients(GradientDescentRegressor(fit_intercept=data.fit_intercept), data),
        OLS: lambda data: fitted_coefficients(LinearRegression(fit_intercept=data.fit_intercept), data),
        "LinearRegression(tol=0)": lambda data: fitted_coefficients(
            LinearRegression(tol=0, fit_intercept=data.fit_intercept), data
        ),
        "np.linalg.lstsq": lstsq_coefficients,
        "Ridge(alpha=0, cholesky)": lambda data: fitted_coefficients(
            Ridge(alpha=0, solver="cholesky", fit_intercept=data.fit_intercept), data
        ),
        "Ridge(alpha=0, svd)": lambda data: fitted_coefficients(
            Ridge(alpha=0, solver="svd", fit_intercept=data.fit_intercept), data
        ),
    }
    table = Table("Correct digits of the worst coefficient (15 at most)", ["set", *solvers])
    for data in nist_sets():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table.rows.append([data.name, *(correct_digits(solve(data), data.certified) for solve in solvers.values())])
    if not table.rows:
        print("No NIST sets in tests/data/nist_linear: no table of digits.")
        return
    yield table


def formulas_section(options: Options) -> Iterator[Table]:
    """Functions typed as text: how fast hostile ones are read, and values beside SymPy's lambdify."""
    import formulas

    columns = ["hostile texts", "texts", "median (s)", "slowest (s)", "peak memory (MB)"]
    yield Table("Reading a text", columns, [list(row) for row in formulas.reading()])
    points = np.random.default_rng(0).uniform(0.1, 2.0, size=(100_000 if options.quick else 1_000_000, 2))
    columns = ["function", "contender", "median (s)", "times lambdify", "runs"]
    table = Table(f"Values at {len(points):,} points, the domain checked by gdlearn alone", columns)
    for text in formulas.FUNCTIONS:
        timings = time_fits(formulas.contenders(text), points, points[:, 0], options.budget)
        for name, timing in timings.items():
            theirs = timings[name.replace("gdlearn", "lambdify")].median
            table.rows.append([text, name, timing.median, timing.median / theirs, len(timing.seconds)])
    yield table


def sparse_section(options: Options) -> Iterator[Table]:
    """Wide sparse rows, BLAS on one thread for everybody: time to a gap of the objective, memory, number of steps."""
    import wide_sparse as wide

    rounds, shrink = (3, 10) if options.quick else (11, 1)
    columns = ["contender", "median (s)", "times gdlearn", "(J − J_best)/Var(y)", "memory of X", "runs"]
    steps = Table("Steps of gdlearn()", ["rows", "to a gap of 1e-8", "all"])
    with threadpool_limits(1):
        for noise in (1.0, 0.0):
            X, y = wide.zipf(100_000 // shrink, 20_000 // shrink, noise)
            least = wide.least_error(X, y)
            name = f"{X.shape[0]:,} x {X.shape[1]:,}, {X.nnz:,} entries, {'with' if noise else 'without'} noise"
            quick, slow = wide.quick_contenders(noise), wide.slow_contenders()
            timings = {**wide.in_turn(quick, X, y, rounds), **wide.in_turn(slow, X, y, 1)}
            ours = timings[wide.OURS].median
            ten = wide.in_turn(wide.descents_by_samples(10), X, y, 1)
            fastest = min(timing.median for timing in ten.values())
            epochs = max(1, round(10 * 10.0 * ours / fastest))  # in ten times gdlearn's time
            by_samples = wide.in_turn(wide.descents_by_samples(epochs), X, y, 1)
            finite = [key for key, timing in by_samples.items() if timing.model is not None]
            best = min(finite, key=lambda key: wide.error(by_samples[key].model, X, y))
            timings[f"scaler + SGDRegressor, best of 12 ({best})"] = by_samples[best]
            table = Table(name, columns)
            for key, timing in timings.items():
                gap = (wide.error(timing.model, X, y) - least) / float(y.var())
                memory = wide.memory_of_x(quick[key], X, y) if key in quick else math.nan
                table.rows.append([key, timing.median, timing.median / ours, gap, memory, len(timing.seconds)])
            yield table
            steps.rows.append([name, *steps_of(X, y, least)])
        X, y = wide.text(10_000 // shrink, 30_000 // shrink)
        steps.rows.append(
            [f"TF-IDF, {X.shape[0]:,} x {X.shape[1]:,}, {X.nnz:,} entries", *steps_of(X, y, wide.least_error(X, y))]
        )
        yield steps
        X, y = wide.nearly_square()
        table = Table(f"{X.shape[0]:,} x {X.shape[1]:,}, {X.nnz:,} entries", columns[:4])
        fits = {"gdlearn": wide.fitted(GradientDescentRegressor)}
        fits |= {
            f"LinearRegression(tol={tol:g})": wide.fitted(partial(LinearRegression, tol=tol)) for tol in (1e-6, 1e-12)
        }
        timings = wide.in_turn(fits, X, y, rounds)
        for key, timing in timings.items():
            gap = wide.error(timing.model, X, y) / float(y.var())  # J_best is 0
            table.rows.append([key, timing.median, timing.median / timings["gdlearn"].median, gap])
        yield table


def dense_section(options: Options) -> Iterator[Table]:
    """Wall and CPU time beside the fastest peers, all on as many threads as BLAS has."""
    import dense

    columns = [
        "contender",
        "wall (s)",
        "CPU (s)",
        "wall, times gdlearn",
        "CPU, times gdlearn",
        "(J − J_best)/Var(y)",
        "runs",
    ]
    fits = dense.contenders()
    for name, make in dense.problems(options.quick).items():
        X, y = make()
        runs = dense.in_turn(fits, X, y, options.budget)
        gaps = dense.gaps(runs, X, y)
        table = Table(name, columns)
        wall, cpu = (float(np.median(part)) for part in (runs[GDLEARN].wall, runs[GDLEARN].cpu))
        for key, run in runs.items():
            own = float(np.median(run.wall)), float(np.median(run.cpu))
            table.rows.append([key, *own, own[0] / wall, own[1] / cpu, gaps[key], len(run.wall)])
        yield table


def penalties_section(options: Options) -> Iterator[Table]:
    """Lassos to the same certificate, searches over alphas, ridge grids, memory, and answers of other packages."""
    import penalties

    shrink = 20 if options.quick else 1
    columns = ["contender", "median (s)", "fastest (s)", "times gdlearn", "tol", "certificate", "runs", "note"]
    for n, d in ((1_000_000, 20), (200_000, 100), (20_000, 500)):
        races = penalties.lasso_races(*penalties.standardised(n // shrink, d), options.budget)
        table = Table(f"Lasso at α_max/100, {n // shrink:,} x {d}", columns)
        ours = races[GDLEARN].timing.median
        for key, (tol, timing, reached) in races.items():
            times = timing.median, timing.fastest, timing.median / ours
            table.rows.append([key, *times, tol, reached, len(timing.seconds), timing.note])
        yield table

    X, y = penalties.standardised(200_000 // shrink, 50)
    shape = f"{X.shape[0]:,} x {X.shape[1]}"
    columns = ["search", "median (s)", "times gdlearn", "largest relative difference of errors", "runs", "note"]
    table = Table(f"Search over 100 alphas by 5 folds, {shape}", columns)
    for own, name, ours, theirs in penalties.searches_over_alphas(X, y, options.budget):
        difference = float(np.max(np.abs(ours.errors - theirs.errors) / ours.errors))
        for key, (timing, _), off in ((own, ours, 0.0), (name, theirs, difference)):
            ratio = timing.median / ours.timing.median
            table.rows.append([key, timing.median, ratio, off, len(timing.seconds), timing.note])
    yield table

    timings = time_fits(penalties.grids(), X, y, options.budget)
    one = next(iter(timings.values())).median
    table = Table(f"Ridge grids by 5 folds, {shape}", ["fit", "median (s)", "times one fit", "runs"])
    table.rows = [[key, timing.median, timing.median / one, len(timing.seconds)] for key, timing in timings.items()]
    yield table

    X, y = Synthetic(500_000 // shrink, 20).make()
    table = Table(f"Peak extra memory, {X.shape[0]:,} x {X.shape[1]}", ["fit", "extra memory (MB)", "of X"])
    with MemoryProbe.of(X, y) as probe:
        for name in (GDLEARN, *penalised()):
            megabytes = probe.megabytes(name, MANY_STEPS_RATE)
            table.rows.append([name, megabytes, megabytes * 1e6 / X.nbytes])
    yield table
    yield from witness_tables()


def witness_tables() -> Iterator[Table]:
    """What other packages find with a penalty, where they are installed."""
    import penalties

    if penalties.has("skglm"):
        columns = ["difference of slopes", "(J − J of skglm)/J", "same support", "certificate", "that of skglm"]
        yield Table("Lasso at α_max/20 beside skglm", ["set", *columns], list(penalties.beside_skglm()))
    if penalties.has("statsmodels"):
        answers = list(penalties.beside_glmnet())
        columns = ["l1_ratio", "answers", "median difference", "largest difference", "same support"]
        table = Table("Beside glmnet's answers in the tests of statsmodels", columns)
        for ratio in sorted({ratio for ratio, _, _ in answers}):
            some = [(difference, alike) for own, difference, alike in answers if own == ratio]
            differences = np.array([difference for difference, _ in some])
            alike = sum(alike for _, alike in some)
            table.rows.append([ratio, len(some), float(np.median(differences)), float(differences.max()), alike])
        yield table


def parquet_section(options: Options) -> Iterator[Table]:
    """The peak of resident memory of a process that fits a Parquet file of 4 GB."""
    import large

    gigabytes = 0.4 if options.quick else 4.0
    columns = ["reader", "wall (s)", "CPU (s)", "peak of the process (MB)", "rows"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        large.write_parquet(path, gigabytes)
        table = Table(f"A file of {path.stat().st_size / 1e9:.2f} GB, 20 features", columns)
        for pre_buffer in (False, True):
            read = large.read_parquet(path, pre_buffer=pre_buffer)
            table.rows.append([f"iter_batches, pre_buffer={pre_buffer}", *read])
    yield table


def cluster_section(options: Options) -> Iterator[Table]:
    """Rows that are made lazily on one and two workers of one thread: time, and by how much each worker grows."""
    import large

    n, d = (400_000 if options.quick else 20_000_000), 50
    growth = ["least growth of a worker (MB)", "largest growth (MB)"]
    columns = ["contender", "workers", "wall (s)", "CPU of the workers (s)", *growth, "largest error"]
    table = Table(f"{n:,} x {d} in chunks of {large.CHUNK_ROWS * d * 8 / 1e6:.0f} MB", columns)
    for n_workers in (1, 2):
        with large.cluster(n_workers) as client:
            for name, fit in large.contenders().items():
                work = large.work(client, fit, n, d)
                memory = min(work.growth), max(work.growth)
                table.rows.append([name, n_workers, work.seconds, work.cpu, *memory, work.error])
    yield table


def steps_of(X: Any, y: Array, least: float) -> list[int]:
    """The steps of the default fit until J is within 1e-8 of the variance from its least value, and all of them."""
    model = GradientDescentRegressor().fit(X, y)
    near = np.array(model.loss_curve_) - least <= 1e-8 * y.var()
    return [model.loss_curve_iterations_[int(np.argmax(near))], model.n_iter_]


def fitted_coefficients(model: Any, data: ReferenceSet) -> Array:
    """Intercept, where there is one, and slopes of an estimator fitted to the set."""
    model.fit(data.X, data.y)
    return np.append(model.intercept_, model.coef_) if data.fit_intercept else model.coef_


def lstsq_coefficients(data: ReferenceSet) -> Array:
    """NumPy's least squares, with a column of ones for the intercept."""
    X = np.column_stack([np.ones(len(data.X)), data.X]) if data.fit_intercept else data.X
    coefficients: Array = np.linalg.lstsq(X, data.y)[0]
    return coefficients


def correct_digits(found: Array, certified: Array) -> float:
    """−log₁₀ of the largest relative error, between 0 and 15."""
    error = float(np.max(np.abs(found - certified) / np.abs(certified)))
    if math.isnan(error):
        return 0.0
    return MOST_DIGITS if error == 0 else float(np.clip(-math.log10(error), 0, MOST_DIGITS))


def plot(path: Path, panels: Sequence[tuple[Table, str, Sequence[str]]]) -> None:
    """Columns of tables against one of their columns, a panel each, on log axes."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(panels), figsize=(4.5 * len(panels), 3.5), squeeze=False, layout="constrained")
    for ax, (table, x_name, names) in zip(axes[0], panels, strict=True):
        x = [row[table.columns.index(x_name)] for row in table.rows]
        for name in names:
            ax.loglog(x, [row[table.columns.index(name)] for row in table.rows], marker="o", markersize=4, label=name)
        ax.set_title(table.title.removesuffix(" (median seconds)"), fontsize="medium")
        ax.set(xlabel=x_name, ylabel="seconds (median)")
        ax.grid(alpha=0.3)
        ax.legend(fontsize="small")
    figure.savefig(path, dpi=72, pil_kwargs={"optimize": True})
    plt.close(figure)


SECTIONS: dict[str, Section] = {
    "sizes": size_section,
    "growth": growth_section,
    "iterations": iterations_section,
    "memory": memory_section,
    "search": search_section,
    "digits": digits_section,
    "formulas": formulas_section,
    "sparse": sparse_section,
    "dense": dense_section,
    "penalties": penalties_section,
    "parquet": parquet_section,
    "cluster": cluster_section,
}


def setting(quick: bool) -> str:
    """The machine, how busy it was at the start, and the versions, in a line or two."""
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    threads = sorted({f"{pool['internal_api']} {pool['num_threads']}" for pool in threadpool_info()})
    return (
        f"gdlearn {gdlearn.__version__}, scikit-learn {sklearn.__version__}, NumPy {np.__version__}, "
        f"SciPy {scipy.__version__}, Python {platform.python_version()}; {_processor()}, {os.cpu_count()} logical "
        f"cores, threads: {', '.join(threads)}{load}."
        + ("" if has_torch() else " PyTorch is not installed: no PyTorch loop.")
        + (" A quick run: small sizes, few repeats." if quick else "")
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def write(stem: Path, heading: str, tables: Sequence[Table]) -> None:
    """All tables in one Markdown file, and in one CSV file with the table's title in the first column."""
    text = "\n".join([f"# {stem.name}\n\n{heading}\n", *(table.markdown() for table in tables)])
    stem.with_suffix(".md").write_text(text, encoding="utf-8")
    with stem.with_suffix(".csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["table", *tables[0].columns])
        writer.writerows([table.title, *row] for table in tables for row in table.rows)


def chosen_sections(only: Sequence[str] | None, quick: bool) -> dict[str, Section]:
    """The sections to run by name; a size's name stands for the table of that size alone."""
    makers = sizes(quick)

    def one_size(name: str) -> Section:
        return lambda options: iter([size_table(name, makers[name], options)])

    available = {**SECTIONS, **{name: one_size(name) for name in makers}}
    unknown = [name for name in only or () if name not in available]
    if unknown:
        raise SystemExit(f"--only knows {', '.join(available)}; not {', '.join(unknown)}")
    return {name: available[name] for name in only or SECTIONS}


def main() -> None:
    """Run the sections asked for; print each table as soon as it is there, and write it where that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes and few repeats")
    parser.add_argument("--only", action="append", metavar="NAME", help="a section or a size; may be given repeatedly")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--output", type=Path, metavar="DIR", help="write tables and plots into this folder, too")
    where.add_argument(
        "--update", action="store_const", dest="output", const=RESULTS, help=f"write them into {RESULTS.name}/ here"
    )
    arguments = parser.parse_args()
    if arguments.quick and arguments.output == RESULTS:
        parser.error("--update is for full runs: give --quick a folder of its own, --output DIR")
    sections = chosen_sections(arguments.only, arguments.quick)
    options = Options(arguments.quick, arguments.output)
    if options.output is not None:
        options.output.mkdir(parents=True, exist_ok=True)
    heading = setting(options.quick)
    print(heading + "\n")
    for name, section in sections.items():
        tables: list[Table] = []
        for table in section(options):
            print(table.markdown(), flush=True)
            tables.append(table)
            if options.output is not None:
                write(options.output / name, heading, tables)


if __name__ == "__main__":
    main()
