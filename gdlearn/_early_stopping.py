r"""Early stopping: the step after which the error on held-out rows has not fallen for `n_iter_no_change` more.

Whether it falls is asked of its change from step to step,

.. math::  v(\theta + \delta) - v(\theta) = \tfrac12 \delta^T\bigl(\nabla v(\theta) + \nabla v(\theta + \delta)\bigr),

for the difference of two values would be rounding wherever steps are small. Loop and closed form follow one rule.

References
----------
Prechelt (1998), *Early stopping, but when?* https://doi.org/10.1007/3-540-49430-8_3
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from ._arrays import EPS, Array, first_in
from ._descent import Descent, Status
from ._objective import Iterate
from ._quadratic import Quadratic
from ._row_objective import RowObjective

DENSE = 1_000
"""Up to this step the closed form looks at every one; beyond, where it changes slowly, at points between."""

RELIABLE = 1e-13
"""The relative rounding that an error found by moments may have; where it may be larger, the rows are asked."""

CHUNK = 256
"""Steps looked at together, unless there are many to be looked at one by one."""

RATIO = 1.015
"""Of a point far out to the one before: a mode still alive at step k changes over k/40 steps."""


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
    objective : Quadratic or RowObjective
        The error as a function of theta.
    on_rows : callable
        The same on the rows themselves, for where moments lose its digits.
    target_share : ndarray of shape (t,)
        What each target's error counts.
    patience : int
    """

    objective: Quadratic | RowObjective
    on_rows: Callable[[], RowObjective]
    target_share: Array
    patience: int = 1

    def errors(self, thetas: Array) -> Array:
        """v at points of shape (p, n, t): from the rows where the terms of the moments cancel."""
        if isinstance(self.objective, RowObjective):
            return np.asarray(self.objective.errors(thetas) @ self.target_share)
        J, points = self.objective, thetas.swapaxes(0, 1)
        values = np.array([J.value(theta) for theta in points])
        rounding = EPS * np.array([J.rounding(theta) @ self.target_share for theta in points])
        lost = ~(rounding <= RELIABLE * values) & np.isfinite(rounding)
        if lost.any():
            values[lost] = self.on_rows().errors(thetas[:, lost]) @ self.target_share
        return values

    def change(self, step: Array, before: Array, after: Array) -> float:
        """v(θ + δ) − v(θ) from δ and ∇v at both ends."""
        return float(np.sum(0.5 * step * (before + after), axis=0) @ self.target_share)


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

    def see_all(self, changes: Array) -> None:
        """The next steps, up to the end of patience."""
        for change in changes.tolist():
            self.see(change)
            if self.is_over:
                return

    def go_to(self, step: int) -> None:
        """A step that is the best so far."""
        self.best, self.now, self._rise = step, step, 0.0

    def pass_to(self, step: int) -> None:
        """A step up to which none is better than the best."""
        self.now = step

    @property
    def is_over(self) -> bool:
        """Whether patience has come to its end."""
        return self.now - self.best >= self.patience


class Patience:
    """The end of a loop where patience ends; it remembers the best iterate and the error at each."""

    def __init__(self, held_out: HeldOut) -> None:
        self._held_out = held_out
        self._watch = Watch(held_out.patience)
        self._values: list[float] = []
        self._best: Iterate | None = None
        self._before: tuple[Array, Array] | None = None

    def __call__(self, iterate: Iterate, rate: float) -> Status | None:
        """See the next iterate, from the start on."""
        there = self._held_out.objective.at(iterate.theta)
        self._values.append(there.value)
        if self._before is not None and iterate.n_steps > 1:
            theta, gradient = self._before
            self._watch.see(self._held_out.change(iterate.theta - theta, gradient, there.gradient))
        if self._best is None or self._watch.best == iterate.n_steps:
            self._best = iterate
        self._before = iterate.theta, there.gradient
        return Status.EARLY_STOPPED if self._watch.is_over else None

    def best_of(self, descent: Descent) -> Descent:
        """The descent that was seen, with the best iterate in place of the last."""
        # The last iterate of a descent that has diverged was not seen.
        values = [self._values[k] for k in descent.steps if k < len(self._values)]
        return replace(descent, last=self._best or descent.last, held_out_values=values)


class ErrorCurve(Protocol):
    """The error v on held-out rows along a descent, asked at any steps k."""

    @property
    def at_once(self) -> int:
        """How many steps to ask for at once, at most."""

    def changes(self, steps: Sequence[int]) -> Array:
        """v(θ_{k+1}) − v(θ_k) for each k."""

    def differences(self, start: int, steps: Sequence[int]) -> Array:
        """v(θ_k) − v(θ_start) for each k >= start."""


def watch_curve(curve: ErrorCurve, patience: int, last: int, dense: int) -> Watch:
    """Follow the rule over the steps 1, ..., last.

    Parameters
    ----------
    curve : ErrorCurve
    patience, last : int
    dense : int
        The step from which on the error changes slowly.
    """
    # Early on the error may rise and fall within a few steps, so every step is looked at. Later the modes that still
    # move are slow, so rises and falls are long, and their ends are found by bisection.
    watch = Watch(patience)
    while watch.now < min(dense, last) and not watch.is_over:
        size = max(CHUNK, min(watch.now, curve.at_once))
        watch.see_all(curve.changes(range(watch.now, min(watch.now + size, dense, last))))
    while watch.now < last and not watch.is_over:
        if watch.best == watch.now:
            watch.go_to(_first_change(curve, True, watch.now, last))
        _look_on(curve, watch, min(watch.best + patience, last))
    return watch


def _look_on(curve: ErrorCurve, watch: Watch, end: int) -> None:
    """Go on from where the error rises to the first step that is better than the best, or to the end of patience."""
    if watch.now < end <= watch.now + CHUNK:
        for change in curve.changes(range(watch.now, end)).tolist():
            watch.see(change)
            if watch.best == watch.now:
                return
    best = watch.best

    def are_better(steps: Sequence[int]) -> NDArray[np.bool_]:
        return curve.differences(best, steps) < 0

    while watch.now < end:
        top = _first_change(curve, False, watch.now, end)
        bottom = _first_change(curve, True, top, end)
        if top < bottom and are_better([bottom])[0]:
            watch.go_to(first_in(are_better, top, bottom))
            return
        watch.pass_to(bottom)


def _first_change(curve: ErrorCurve, rises: bool, k: int, last: int) -> int:
    """The first step from k on after which the error does not fall, or falls; `last` where there is none before."""

    def holds(steps: Sequence[int]) -> NDArray[np.bool_]:
        return np.asarray((curve.changes(steps) < 0) != rises)

    while k < last:
        # In integers: numbers of steps may be beyond float64.
        points = sorted({min(k * int(RATIO**j * 2**40) >> 40, last - 1) for j in range(CHUNK)})
        found = holds(points)
        if found.any():
            place = int(np.argmax(found))
            return first_in(holds, points[place - 1], points[place]) if place else points[0]
        if points[-1] == last - 1:
            break
        k = points[-1]
    return last
