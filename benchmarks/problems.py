"""The data: diabetes, synthetic regressions of any size, and the NIST linear sets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_diabetes

Array = NDArray[Any]
Data = tuple[Array, Array]

NIST_FOLDER = Path(__file__).parents[1] / "tests" / "data" / "nist_linear"

BLOCK_ROWS = 10_000
NEIGHBOUR_CORRELATION = 0.9
NOISE_TO_SIGNAL = 1 / 3  # R² = 1 / (1 + 1/9) = 0.9


@dataclass(frozen=True)
class Synthetic:
    """A regression with correlated Gaussian features whose means and scales differ from column to column."""

    n_samples: int
    n_features: int
    n_targets: int = 1
    dtype: str = "float64"
    order: str = "C"
    seed: int = 0

    @property
    def name(self) -> str:
        """The shape, and what else is out of the ordinary."""
        name = f"{self.n_samples}x{self.n_features}"
        if self.n_targets > 1:
            name += f"-{self.n_targets}targets"
        if self.dtype != "float64":
            name += f"-{self.dtype}"
        return name

    def make(self) -> Data:
        """X and y, made block by block, so that nothing else of X's size is ever allocated.

        Neighbouring columns have correlation 0.9, that of columns further apart falls off as its powers. Column j has
        a standard deviation between 0.1 and 10 and a mean within five of them from zero.
        """
        random = np.random.default_rng(self.seed)
        scale = 10.0 ** random.uniform(-1, 1, self.n_features)
        mean = scale * random.uniform(-5, 5, self.n_features)
        slopes = random.standard_normal((self.n_features, self.n_targets))
        fresh = np.sqrt(1 - NEIGHBOUR_CORRELATION**2)

        X = np.empty((self.n_samples, self.n_features), dtype=self.dtype, order=self.order)  # type: ignore[call-overload]
        signal = np.empty((self.n_samples, self.n_targets))
        for start in range(0, self.n_samples, BLOCK_ROWS):
            rows = slice(start, min(start + BLOCK_ROWS, self.n_samples))
            block = random.standard_normal((rows.stop - rows.start, self.n_features))
            for j in range(1, self.n_features):
                block[:, j] = NEIGHBOUR_CORRELATION * block[:, j - 1] + fresh * block[:, j]
            signal[rows] = block @ slopes
            X[rows] = block * scale + mean
        noise = NOISE_TO_SIGNAL * signal.std(axis=0) * random.standard_normal(signal.shape)
        y = (100.0 + signal + noise).astype(self.dtype)
        return X, (y[:, 0] if self.n_targets == 1 else y)

    def smaller(self) -> Synthetic:
        """The same kind of problem for a quick run: a twentieth of the rows, and a tenth of the features if many."""
        n_features = self.n_features // 10 if self.n_features > 100 else self.n_features
        return replace(self, n_samples=max(self.n_samples // 20, 50), n_features=n_features)


SYNTHETIC_SIZES = (
    Synthetic(1_000_000, 20),
    Synthetic(200_000, 100),
    Synthetic(100_000, 50),
    Synthetic(1_000_000, 100),
    Synthetic(200, 5_000),
    Synthetic(5_000, 1_000),
    Synthetic(1_000_000, 20, dtype="float32"),
    Synthetic(100_000, 50, n_targets=5),
)


def diabetes() -> Data:
    """Scikit-learn's diabetes data in the original units of the features."""
    X, y = load_diabetes(return_X_y=True, scaled=False)
    return X, y


def sizes(quick: bool) -> dict[str, Callable[[], Data]]:
    """The problems of the size tables by name, each as a function that makes it."""
    specs = [spec.smaller() if quick else spec for spec in SYNTHETIC_SIZES]
    return {"442x10": diabetes, **{spec.name: spec.make for spec in specs}}


class ReferenceSet(NamedTuple):
    """A NIST data set with its certified coefficients, the intercept first where there is one."""

    name: str
    X: Array
    y: Array
    fit_intercept: bool
    certified: Array


def nist_sets() -> Iterator[ReferenceSet]:
    """The linear sets of NIST's Statistical Reference Datasets; none where the folder is missing."""
    for path in sorted(NIST_FOLDER.glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        X = np.array(record["X"], dtype=float)
        degree = record["poly_degree"] or 1
        if degree > 1:
            X = np.array([[float(Fraction(x) ** k) for k in range(1, degree + 1)] for x in X.ravel()])
        certified = np.array([float(text) for text in record["certified_coef_text"]])
        yield ReferenceSet(path.stem, X, np.array(record["y"], dtype=float), bool(record["intercept"]), certified)
