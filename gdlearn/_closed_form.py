"""The same descent without looping: iterate k in closed form, whatever k is.

This is gradient descent, iterate for iterate, and not another solver with the same limit: each mode of J moves alone,
by the `Recurrence` that a step is to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ._arrays import EPS, Array, beyond_float64
from ._descent import Descent, Observer, Status, recorded_steps
from ._early_stopping import HeldOut
from ._first_step import first_step
from ._held_out import HeldOutInModes
from ._limit import Limit
from ._objective import Iterate, ModalSpace, moved
from ._recurrence import FAR, Recurrence

FAR_START = 2.0
"""How many times larger than an iterate a start may be before its rounding is looked for in the iterate."""


@dataclass(frozen=True, eq=False)
class ClosedForm:
    """A descent on a quadratic that can be asked for any step.

    Attributes
    ----------
    modes : ModalSpace
    start : ndarray of shape (p, t)
    recurrence : Recurrence
        One step on each mode.
    target_scale : ndarray of shape (t,)
        The root mean square of each target.
    target_share : ndarray of shape (t,)
        What each target's error counts in J.
    limit : callable
        Where the descent converges to: theta there, and the `Limit`.
    """

    modes: ModalSpace
    start: Array
    recurrence: Recurrence
    target_scale: Array
    target_share: Array
    limit: Callable[[], tuple[Array, Limit]]

    @cached_property
    def gap(self) -> Array:
        """By how much the start misses the optimum, of shape (m, t)."""
        return self.modes.gap(self.start)

    @cached_property
    def fit_square(self) -> Array:
        """The weights of e² in what J is above its least, of shape (m, t)."""
        weight: Array = (np.sqrt(self.modes.eigenvalues)[:, None] * self.gap) ** 2
        return weight

    @property
    def gradient_square(self) -> Array:
        """The weights of e² in ‖∇J‖², of shape (m, t)."""
        return (2.0 * self.modes.eigenvalues[:, None] * self.gap) ** 2

    def steps_to_limit(self) -> int:
        """The first k after which the fit differs from the limit by less than rounding."""
        return first_step(self.fit_square, EPS * self.target_scale, self.recurrence, FAR)

    def has_arrived(self, n_steps: int) -> bool:
        """Whether every mode differs from its limit by less than rounding after `n_steps` steps.

        A mode that the fit does not show is no exception: it may be most of a coefficient.
        """
        return bool((self.recurrence.squares([n_steps])[0] <= EPS**2).all())

    def loss_amplification(self, k: int) -> float:
        """By how many ε the rounding of the eigenvalues, ε·λ_max each, moves J after k steps: λ_max Σ (z* − z)²/J."""
        with beyond_float64():
            square = self.recurrence.squares([k])[0] @ (self.gap**2 @ self.target_share)
            value = self.values([k])[0]
            return float(self.modes.eigenvalues.max(initial=0.0) * square / value) if value > 0 else 0.0

    def values(self, steps: Sequence[int]) -> Array:
        """J after each of these numbers of steps; a sum of positive terms, so nothing cancels."""
        with beyond_float64():
            least = float(self.target_share @ self.modes.minimum)
            return least + self.recurrence.squares(steps) @ (self.fit_square @ self.target_share)

    def thetas(self, steps: Sequence[int]) -> Array:
        """The iterates, of shape (p, len(steps), t)."""
        with beyond_float64():
            left, done = self.recurrence.powers(steps)
            thetas = moved(self.modes, self.start, self.gap, done)
            if (np.abs(self.start).max(initial=0.0) > FAR_START * np.abs(thetas).max(axis=(0, 2), initial=0.0)).any():
                for i in range(len(steps)):  # the digits that a far start has taken
                    off = self.modes.gap(thetas[:, i]) - left[i, :, None] * self.gap
                    thetas[:, i] += self.modes.combine(done[i, :, None] * off)
            return thetas

    def iterate(self, k: int, *, at_limit: bool = False) -> Iterate:
        """Iterate k; its gradient is in the coordinates of the modes, where its norm is the same."""
        with beyond_float64():
            left = self.recurrence.powers([k])[0][0]
            gradient = -2.0 * self.modes.eigenvalues[:, None] * self.gap * left[:, None]
            if at_limit or self.has_arrived(k):
                theta, found = self.limit()
                return Iterate(k, theta, float(self.target_share @ found.minimum), gradient)
            return Iterate(k, self.thetas([k])[:, 0], float(self.values([k])[0]), gradient)


def descend_in_closed_form(
    closed: ClosedForm,
    rate: float,
    *,
    max_iter: int | None = None,
    threshold: Array | None = None,
    held_out: HeldOut | None = None,
) -> Descent:
    """The descent that `descend` would loop through, at the cost of one iterate.

    Parameters
    ----------
    closed : ClosedForm
    rate : float
        η, for the record.
    max_iter : int or None
    threshold : ndarray of shape (t,) or None
        As for `descend`. Where both are None the descent goes to its limit, and the number of steps is the first after
        which the fit differs from the limit by less than rounding.
    held_out : HeldOut or None
        As for `descend`.

    Returns
    -------
    Descent
        `last.gradient` is in the coordinates of the modes, where its norm is the same.
    """
    if threshold is not None:
        most = FAR if max_iter is None else max_iter
        n_steps = first_step(closed.gradient_square, threshold, closed.recurrence, most)
        status = Status.CONVERGED if n_steps <= most else Status.NOT_CONVERGED
        n_steps = min(n_steps, most)
    elif max_iter is not None:
        n_steps, status = max_iter, Status.STEPS_DONE
    else:
        n_steps, status = min(closed.steps_to_limit(), FAR), Status.LIMIT

    end, in_modes = n_steps, None
    if held_out is not None:
        in_modes = HeldOutInModes.of(held_out, closed.modes, closed.start)
        watch = in_modes.watch(closed.recurrence, held_out.patience, n_steps)
        n_steps, end = watch.best, watch.now
        status = Status.EARLY_STOPPED if watch.is_over else status
    steps = recorded_steps(end)
    values = closed.values(steps)
    if not np.isfinite(values[-1]):
        first_bad = int(np.flatnonzero(~np.isfinite(values))[0])
        steps, values, status = steps[: first_bad + 1], values[: first_bad + 1], Status.DIVERGED
        n_steps = steps[-1]
    last = closed.iterate(n_steps, at_limit=status is Status.LIMIT and n_steps == steps[-1])
    if n_steps == steps[-1]:
        values[-1] = last.value
    held_out_values = None
    if in_modes is not None:
        held_out_values = in_modes.errors([(closed.recurrence, steps)]).tolist()
    return Descent(last, status, steps, values.tolist(), rate, held_out_values)


def first_stop(closed: ClosedForm, rate: float, steps: Sequence[int], observe: Observer) -> int | None:
    """The first of the steps at which the observer asks to stop; None where it never does."""
    for k in steps:
        iterate = closed.iterate(k)
        if not np.isfinite(iterate.value):
            return None
        if observe(iterate, rate):
            return k
    return None
