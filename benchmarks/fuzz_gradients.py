"""Gradient checks of the fuzz: right gradients pass, clearly wrong ones fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from fixed_point import Array
from fuzz_checks import Checks
from fuzz_data import Random, log_uniform, pick

from gdlearn import check_gradient


def gradient_of_function(random: Random) -> Checks:
    """Right gradients of textbook functions pass, clearly wrong ones fail."""
    yield from _function(random, np.float64)


def gradient_in_float32(random: Random) -> Checks:
    """The same for functions computed in float32."""
    yield from _function(random, np.float32)


FORMS: tuple[Callable[[Any, Any], tuple[Any, Any, Any, Any]], ...] = (
    lambda x, z: (x * z, z, x, abs(x)),
    lambda x, z: (np.log(x), 1 / x, 0.0, abs(x)),
    lambda x, z: (x * x, 2 * x, 0.0, abs(x)),
    lambda x, z: (np.sin(x + z), np.cos(x + z), np.cos(x + z), 1.0),
    lambda x, z: (1 / (1 + x * x), -2 * x / (1 + x * x) ** 2, 0.0, abs(x)),
    lambda x, z: (np.sqrt(x), 0.5 / np.sqrt(x), 0.0, abs(x)),
    lambda x, z: (1000 * np.sin(x * x), 2000 * x * np.cos(x * x), 0.0, 0.5 / abs(x)),
)
"""f(x, z), ∂f/∂x, ∂f/∂z, and over what length it changes."""


def _function(random: Random, kind: Any) -> Checks:
    d = int(random.integers(1, 5))
    terms = [
        (int(random.integers(len(FORMS))), int(random.integers(d)), int(random.integers(d)), random.standard_normal())
        for _ in range(int(random.integers(1, 5)))
    ]
    theta = random.uniform(0.5, 2.0, d) * 10.0 ** (pick(random, 0, 1, 3) * random.uniform(-1, 1, d))
    rapid = 1000.0 if kind is np.float64 else 10.0
    theta[[i for form, i, _, _ in terms if form == 6]] = log_uniform(random, 1, rapid)

    def total(v: Array) -> float:
        v = np.asarray(v).astype(kind)
        with np.errstate(all="ignore"):
            return float(sum(kind(a) * FORMS[form](v[i], v[j])[0] for form, i, j, a in terms))

    constant = total(theta) if random.random() < 0.3 else 0.0  # then the value is 0, and its noise is not

    right, length, size = np.zeros(d), np.full(d, np.inf), 0.0
    with np.errstate(all="ignore"):
        for form, i, j, a in terms:
            f, of_x, of_z, across = FORMS[form](theta[i], theta[j])
            size += abs(a * f) + abs(a * of_x * theta[i]) + abs(a * of_z * theta[j])
            right[i] += a * of_x
            right[j] += a * of_z
            length[[i, j]] = np.minimum(length[[i, j]], [across, abs(theta[j]) if form == 0 else across])

    def check(gradient: Array) -> bool:
        return check_gradient(lambda v: total(v) - constant, lambda v: gradient, theta).passed

    where = f"({kind.__name__}): {terms} at {theta.tolist()}"
    yield f"the right gradient fails {where}", np.inf if check(right) is False else 0.0
    # Over a thousandth of its length a resolvable partial changes f by far more than noise does.
    change = 1e-3 * np.abs(right) * np.where(np.isfinite(length), length, 0.0)
    for i in np.flatnonzero(change > 1e3 * float(np.finfo(kind).eps) * size):
        for factor in (-1.0, 0.0, 0.5, 1.1):
            wrong = right * np.where(np.arange(d) == i, factor, 1.0)
            yield f"partial {i} times {factor} passes {where}", np.inf if check(wrong) else 0.0
