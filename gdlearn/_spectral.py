"""The same descent without looping: iterate k in closed form, whatever k is.

This is gradient descent, iterate for iterate, and not another solver with the same limit: each mode of J moves alone,
by the `Recurrence` that a step is to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ._blocks import Array
from ._descent import Descent, Observer, Status, recorded_steps
from ._early_stopping import HeldOut
from ._first_step import first_step
from ._held_out import HeldOutInModes
from ._modes import EPS, ModalSpace
from ._objective import Iterate
from ._recurrence import FAR, Recurrence


def gradient_square(modes: ModalSpace, gap: Array) -> Array:
    """The weights of e² in ‖∇J‖², of shape (m, t), after a start that misses the optimum by `gap`."""
    return (2.0 * modes.eigenvalues[:, None] * gap) ** 2


def fit_square(modes: ModalSpace, gap: Array) -> Array:
    """The weights of e² in what J is above its least, of shape (m, t), after a start that misses it by `gap`."""
    weight: Array = modes.eigenvalues[:, None] * gap**2
    return weight


def steps_to_limit(modes: ModalSpace, gap: Array, recurrence: Recurrence, target_scale: Array) -> int:
    """The first k after which the fit differs from the limit by less than rounding."""
    return first_step(fit_square(modes, gap), EPS * target_scale, recurrence, FAR)


def descend_spectrally(
    modes: ModalSpace,
    theta: Array,
    recurrence: Recurrence,
    rate: float,
    *,
    max_iter: int | None = None,
    threshold: Array | None = None,
    target_scale: Array,
    limit: Callable[[Array], tuple[Array, float]],
    held_out: HeldOut | None = None,
) -> Descent:
    """The descent that `descend` would loop through, at the cost of one iterate.

    Parameters
    ----------
    modes : ModalSpace
    theta : ndarray of shape (p, t)
        The start.
    recurrence : Recurrence
        One step on each mode.
    rate : float
        η, for the record.
    max_iter : int or None
    threshold : ndarray of shape (t,) or None
        As for `descend`. Where both are None the descent goes to its limit, and the number of steps is the first after
        which the fit differs from the limit by less than `target_scale` times the rounding unit.
    target_scale : ndarray of shape (t,)
        The root mean square of each target.
    limit : callable
        From the start to theta and J at the limit.
    held_out : HeldOut or None
        As for `descend`.

    Returns
    -------
    Descent
        `last.gradient` is in the coordinates of the modes, where its norm is the same.
    """
    gap = modes.optimum - modes.coordinates(theta)
    fit_weight = fit_square(modes, gap)

    if threshold is not None:
        most = FAR if max_iter is None else max_iter
        n_steps = first_step(gradient_square(modes, gap), threshold, recurrence, most)
        status = Status.CONVERGED if n_steps <= most else Status.NOT_CONVERGED
        n_steps = min(n_steps, most)
    elif max_iter is not None:
        n_steps, status = max_iter, Status.STEPS_DONE
    else:
        n_steps, status = steps_to_limit(modes, gap, recurrence, target_scale), Status.LIMIT

    end, in_modes = n_steps, None
    if held_out is not None:
        in_modes = HeldOutInModes.of(held_out.objective, modes, theta)
        watch = in_modes.watch(recurrence, held_out.patience, n_steps)
        n_steps, end = watch.best, watch.now
        status = Status.EARLY_STOPPED if watch.is_over else status
    steps = recorded_steps(end)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        left, done = (part[0] for part in recurrence.powers([n_steps]))
        # In the modes: the same norm, and no product.
        gradient = -2.0 * modes.eigenvalues[:, None] * gap * left[:, None]
        minimum, weight = float(modes.minimum.sum()), fit_weight.sum(axis=1)
        values = minimum + recurrence.squares(steps) @ weight
        value = float(values[-1]) if n_steps == end else minimum + float((left * left) @ weight)
        if not np.isfinite(values[-1]):
            first_bad = int(np.flatnonzero(~np.isfinite(values))[0])
            steps, values, status = steps[: first_bad + 1], values[: first_bad + 1], Status.DIVERGED
            n_steps, value = steps[-1], float(values[-1])
        if (np.sqrt((left * left) @ fit_weight) <= EPS * target_scale).all():
            point, value = limit(theta)
            if n_steps == end:
                values[-1] = value
        else:
            point = theta + modes.combine(done[:, None] * gap)
        held_out_values = None
        if in_modes is not None:
            held_out_values = in_modes.values(in_modes.displacement(recurrence, steps)).tolist()
    last = Iterate(n_steps, point, value, gradient)
    return Descent(last, status, steps, values.tolist(), rate, held_out_values)


def first_stop(
    modes: ModalSpace, theta: Array, recurrence: Recurrence, rate: float, steps: Sequence[int], observe: Observer
) -> int | None:
    """The first of the steps at which the observer asks to stop; None where it never does."""
    gap = modes.optimum - modes.coordinates(theta)
    minimum, weight = float(modes.minimum.sum()), fit_square(modes, gap).sum(axis=1)
    for k in steps:
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            left, done = (part[0] for part in recurrence.powers([k]))
            point = theta + modes.combine(done[:, None] * gap)
            gradient = -2.0 * modes.eigenvalues[:, None] * gap * left[:, None]
            value = minimum + float((left * left) @ weight)
        if not np.isfinite(value):
            return None
        if observe(Iterate(k, point, value, gradient), rate):
            return k
    return None
