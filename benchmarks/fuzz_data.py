"""Random data and settings for the fuzz: ordinary columns, and those that have broken fits."""

from __future__ import annotations

from typing import Any

import numpy as np
from fixed_point import Array, Rows, exponents
from references import Coordinates

Random = np.random.Generator

SCALINGS = ("standard", "standard", "standard", "minmax", "maxabs", None)


def pick(random: Random, *choices: Any) -> Any:
    return choices[int(random.integers(len(choices)))]


def log_uniform(random: Random, low: float, high: float) -> float:
    return float(10.0 ** random.uniform(np.log10(low), np.log10(high)))


def weights(random: Random, n: int) -> Array | None:
    """None mostly; or integers with some zeros, uniform ones, or some that differ by powers of ten."""
    kind = random.integers(6)
    if kind < 3:
        return None
    if kind == 3:
        w = random.integers(0, 4, n).astype(float)
        w[:4] = 1.0
        return w
    return random.uniform(0.1, 2.0, n) if kind == 4 else 10.0 ** random.integers(0, 5, n)


def targets(random: Random, X: Array, t: int, noise: float | None = None) -> Array:
    """Linear in the columns of X brought to size 1, with noise or without, and an offset."""
    Z = np.ldexp(X, -exponents(X))
    Z = Z - Z.mean(axis=0)
    spread = Z.std(axis=0)
    Z /= np.where(spread > 0, spread, 1.0)
    noise = pick(random, 0.0, 0.3, 0.3, 3.0) if noise is None else noise
    y = Z @ random.standard_normal((X.shape[1], t)) + noise * random.standard_normal((len(X), t))
    return y + pick(random, 0.0, 1.0, 100.0)


def dummies(random: Random, n: int, levels: int | None = None) -> Array:
    """All levels of a factor, unequally frequent; each level comes."""
    levels = int(random.integers(2, 5)) if levels is None else levels
    codes = random.choice(levels, n, p=random.dirichlet(np.full(levels, 2.0)))
    codes[:levels] = np.arange(levels)
    return np.eye(levels)[codes]


def flavoured(random: Random, X: Array) -> Array:
    """The columns with a peculiarity or two."""
    n = len(X)
    for _ in range(int(random.integers(1, 3))):
        d = X.shape[1]
        j = int(random.integers(d))
        kind = int(random.integers(13))
        if kind == 0:  # near-collinear
            X = np.column_stack(
                [X, X[:, j] + log_uniform(random, 1e-14, 1e-1) * X.std(axis=0)[j] * random.standard_normal(n)]
            )
        elif kind == 1:
            X = np.column_stack([X, dummies(random, n)])
        elif kind == 2:
            X = np.column_stack([dummies(random, n), dummies(random, n)])
        elif kind == 3:  # a copy
            X = np.column_stack([X, X[:, j] * pick(random, 1.0, -1.0, 2.0**40)])
        elif kind == 4:  # a copy in another unit
            X = np.column_stack([X, X[:, j] / pick(random, 86400.0, 2.54, 3600.0, 7.0)])
        elif kind == 5:
            X = np.column_stack([X, X[:, j] * pick(random, 1.0, 1.8) + pick(random, 32.0, 1e6, 1e8, 273.15)])
        elif kind == 6:
            X = np.column_stack([X, np.full(n, pick(random, 3.7, 0.1, 1e6, 1e-9, -5e3))])
        elif kind == 7:
            X = np.column_stack([X, np.zeros(n)])
        elif kind == 8:
            X = X * 10.0 ** random.uniform(-8, 8, d)
        elif kind == 9:
            X = X + 10.0 ** random.uniform(0, 15, d) * pick(random, 1, -1)
        elif kind == 10:  # a clock
            X = np.column_stack([X, 1.7e9 + np.sort(random.uniform(0, 1e6, n)).round()])
        elif kind == 11:
            X[int(random.integers(n)), j] = log_uniform(random, 1e2, 1e10)
        else:
            X = np.rint(9 * X)
    return X


def base(random: Random, n: int, d: int) -> Array:
    kind = random.integers(3)
    if kind == 0:
        return random.standard_normal((n, d))
    return random.uniform(-1, 3, (n, d)) if kind == 1 else random.integers(0, 10, (n, d)).astype(float)


def few_flavours(random: Random, n: int) -> Array:
    """Columns for descents: plain, nearly collinear, far from zero, of unequal scale, or dummies."""
    d = int(random.integers(1, 5))
    X = base(random, n, d)
    kind = int(random.integers(7))
    if kind == 1:
        x = random.standard_normal(n)
        X = np.column_stack(
            [x] + [x + log_uniform(random, 1e-10, 1) * random.standard_normal(n) for _ in range(pick(random, 1, 2, 2))]
        )
    elif kind == 2:
        X = X + 10.0 ** random.uniform(0, pick(random, 6, 10), d)
    elif kind == 3:
        X = X * 10.0 ** random.uniform(-8, 8, d)
    elif kind == 4:
        X = np.column_stack([dummies(random, n), X[:, :2]])
    elif kind == 5:
        X = np.column_stack([X, X[:, 0], np.full(n, pick(random, 0.1, 3.7, 1e4))])
    return X


def stable_rate(where: Coordinates, momentum: float, nesterov: bool) -> float:
    factor = (1 + momentum) / (1 + 2 * momentum) if nesterov else 1 + momentum
    return 2.0 * factor / where.curvature if where.curvature > 0 else 1.0


def descent_settings(random: Random, where: Coordinates) -> dict[str, Any]:
    momentum = pick(random, 0.0, 0.0, 0.0, 0.5, 0.9, 0.99)
    nesterov = bool(momentum and random.random() < 0.5)
    part = pick(random, 0.5, log_uniform(random, 1e-6, 0.95), random.uniform(0.1, 0.95))
    return {"learning_rate": part * stable_rate(where, momentum, nesterov), "momentum": momentum, "nesterov": nesterov}


def some_steps(random: Random, most: float = 1e18) -> int:
    return int(pick(random, log_uniform(random, 1, 1e4), log_uniform(random, 1, most)))


def descent_problem(random: Random, most: int = 61) -> tuple[Rows, dict[str, Any], tuple[Any, Any, Any]]:
    """Rows in fixed point, settings of a descent without an end, and the rows in float64."""
    n = int(random.integers(4, most))
    X = few_flavours(random, n)
    t = pick(random, 1, 1, 1, 2)
    y = targets(random, X, t) * pick(random, 1.0, 1e6, 1e-6) + pick(random, 0.0, 0.0, 1e8)
    w = weights(random, n)
    rows = Rows(X, y, w)
    scaling, fit_intercept = (
        pick(random, "standard", "standard", "minmax", "maxabs", None, None),
        random.random() < 0.85,
    )
    where = Coordinates(rows.sums, scaling, fit_intercept)
    settings = descent_settings(random, where) | {"scaling": scaling, "fit_intercept": fit_intercept}
    return rows, settings, (X, y if t > 1 else y[:, 0], w)
