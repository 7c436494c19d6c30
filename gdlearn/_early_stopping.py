r"""Early stopping: the step after which the error on held-out rows has not fallen for so many more.

Whether it falls is asked of its change from step to step,

.. math::  v(\theta + \delta) - v(\theta) = \delta^T\bigl(\nabla v(\theta) + \tfrac12 \nabla^2 v\,\delta\bigr),

for the difference of two values would be rounding wherever steps are small. Loop and closed form follow one rule.

References
----------
Prechelt (1998), *Early stopping, but when?* https://doi.org/10.1007/3-540-49430-8_3
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from ._blocks import Array
from ._objective import MeanSquaredError, QuadraticObjective

DENSE = 1_000
"""Up to this step the closed form looks at every one; beyond, where it changes slowly, at points between."""

CHUNK = 256
"""Steps looked at together."""

RATIO = 1.015
"""Of a point far out to the one before: a mode still alive at step k changes over k/40 steps."""

SECTIONS = 32
"""Into so many parts each round of a search cuts its bracket."""


def held_out_rows(n_samples: int, weight: Array | None, fraction: float, random_state: Any) -> NDArray[np.bool_]:
    """Which rows are held out: those that scikit-learn's `train_test_split` would choose of the rows with a weight."""
    used = np.arange(n_samples) if weight is None else np.flatnonzero(weight)
    held = np.zeros(n_samples, dtype=bool)
    try:
        held[train_test_split(used, test_size=fraction, random_state=random_state)[1]] = True
    except ValueError as error:
        with_weight = "" if weight is None else " with a weight"
        raise ValueError(
            f"early_stopping=True needs rows on both sides of its split, and validation_fraction={fraction} of "
            f"{len(used)} row{'s' if len(used) > 1 else ''}{with_weight} leaves one side without. Change "
            "validation_fraction, or hand X_val and y_val to fit."
        ) from error
    return held


@dataclass(frozen=True, eq=False)
class HeldOut:
    """The error on held-out rows, in the coordinates of the descent, and the patience.

    Attributes
    ----------
    objective : QuadraticObjective
        The error as a function of theta.
    on_rows : callable
        The same on the rows themselves, for where moments lose its digits.
    target_share : ndarray of shape (t,)
        What each target's error counts.
    patience : int
    """

    objective: QuadraticObjective
    on_rows: Callable[[], MeanSquaredError]
    target_share: Array
    patience: int = 1

    def change(self, theta: Array, step: Array) -> float:
        """v(θ + δ) − v(θ)."""
        slope = self.objective.gradient(theta) + 0.5 * self.objective.hessian_product(step)
        return float(np.sum(step * slope, axis=0) @ self.target_share)


class Watch:
    """The rule: the best step so far, and how far the error has risen since."""

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.best = self.now = 1
        self._rise = 0.0

    def see(self, change: float) -> None:
        """The next step, with the change of the error that it brought."""
        self.now += 1
        self._rise += change
        if self._rise < 0:
            self.best, self._rise = self.now, 0.0

    def go_to(self, step: int) -> None:
        """A step up to which the error falls."""
        self.best = self.now = step

    @property
    def is_over(self) -> bool:
        """Whether patience has come to its end."""
        return self.now - self.best >= self.patience


def watch_changes(changes: Callable[[Sequence[int]], Array], patience: int, last: int, dense: int) -> Watch:
    """Follow the rule over the steps 1, ..., last.

    Parameters
    ----------
    changes : callable
        From numbers of steps k to v(θ_{k+1}) − v(θ_k).
    patience, last : int
    dense : int
        The step from which on the error changes slowly.
    """
    watch = Watch(patience)
    while watch.now < last and not watch.is_over:
        k = watch.now
        far = k >= dense
        if far and watch.best == k:
            k = _first_rise(changes, k, last)
            watch.go_to(k)
            if k == last:
                break
        for change in changes(range(k, min(k + (patience if far else CHUNK), last))).tolist():
            watch.see(change)
            if watch.is_over or (far and watch.best == watch.now):
                break
    return watch


def _first_rise(changes: Callable[[Sequence[int]], Array], k: int, last: int) -> int:
    """The first step from k on after which the error does not fall; `last` where there is none before."""
    while True:
        # In integers: numbers of steps may be beyond float64.
        points = sorted({min(k * int(RATIO**j * 2**40) >> 40, last - 1) for j in range(CHUNK)})
        rises: list[bool] = (~(changes(points) < 0)).tolist()
        if any(rises):
            place = rises.index(True)
            if place == 0:
                return points[0]
            return first_in(lambda steps: ~(changes(steps) < 0), points[place - 1], points[place])
        if points[-1] == last - 1:
            return last
        k = points[-1]


def first_in(holds: Callable[[Sequence[int]], NDArray[np.bool_]], low: int, high: int) -> int:
    """The first k in low + 1, ..., high where a property holds that holds at `high`, and from there on if it does once.

    Parameters
    ----------
    holds : callable
        From numbers of steps to whether it holds at each.
    """
    while high - low > 1:
        points = sorted({low + (high - low) * j // SECTIONS for j in range(1, SECTIONS + 1)} - {low})
        place = int(np.argmax(holds(points)))
        low, high = (points[place - 1] if place else low), points[place]
    return high
