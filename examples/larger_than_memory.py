"""How is a model fitted to a file that does not fit memory?

The rows are read a part at a time. `Moments` are all that descent asks of them, and those of parts add up; the descent
then runs on a matrix of 13 × 13 numbers. The process allows itself 100 MB more than it has, and the file has 400.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from gdlearn import GradientDescentRegressor, Moments

N_ROWS, N_FEATURES, PART = 4_000_000, 12, 50_000
COEF = np.arange(1.0, N_FEATURES + 1.0)


def write(path: Path) -> None:
    """Rows of twelve features and y, one part at a time."""
    rng = np.random.default_rng(0)
    with path.open("wb") as file:
        for _ in range(N_ROWS // PART):
            X = 3.0 + rng.standard_normal((PART, N_FEATURES))
            y = X @ COEF + 5.0 + rng.standard_normal(PART)
            np.column_stack([X, y]).tofile(file)


def parts(path: Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Read them again; of a Parquet file `pyarrow.parquet.ParquetFile(path).iter_batches()` does the same."""
    with path.open("rb") as file:
        while len(rows := np.fromfile(file, count=PART * (N_FEATURES + 1))):
            rows = rows.reshape(-1, N_FEATURES + 1)
            yield rows[:, :-1], rows[:, -1]


def allow(megabytes: int) -> bool:
    """Let the process have so much more memory than it has now; False where the system knows no such limit."""
    try:
        import resource

        used = int(Path("/proc/self/statm").read_text().split()[5]) * os.sysconf("SC_PAGE_SIZE")
    except (ImportError, OSError):
        return False
    resource.setrlimit(resource.RLIMIT_DATA, (used + megabytes * 2**20, resource.RLIM_INFINITY))
    return True


def main() -> None:
    """Write the file, allow little memory, and fit."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.bin"
        write(path)
        print(f"a file of {path.stat().st_size / 1e6:.0f} MB")
        GradientDescentRegressor().fit([[0.0], [1.0]], [0.0, 1.0])  # what is loaded once is loaded
        if allow(100):
            try:
                np.fromfile(path)
            except MemoryError as error:
                print("read at once:", error)
        model = GradientDescentRegressor().fit_moments(Moments.from_batches(parts(path)))
        print("read in parts, coefficients:", model.coef_.round(2), "intercept:", round(float(model.intercept_), 2))
        error, noise = np.abs(model.coef_ - COEF).max(), np.sqrt(model.loss_)
        print(f"the largest error: {error:.1e}, with noise of {noise:.2f}")
        stream = GradientDescentRegressor()
        for X, y in parts(path):
            stream.partial_fit(X, y)
        print("by partial_fit the same to", f"{np.abs(stream.coef_ / model.coef_ - 1).max():.0e}")


if __name__ == "__main__":
    main()
