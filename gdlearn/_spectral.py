r"""The same descent without looping: iterate k in closed form, whatever k is.

With a constant η each mode moves alone. The error :math:`z_i(k) - z_i^*` is :math:`e_i(k)` times what it was at the
start, and plain descent has

.. math::  e_i(k) = \rho_i^k, \qquad \rho_i = 1 - 2\eta\lambda_i .

Momentum makes of each mode a 2×2 linear recurrence, and :math:`e_i(k)` an entry of a matrix power. This is gradient
descent, iterate for iterate, and not another solver with the same limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ._blocks import Array
from ._descent import LARGEST_FLOAT, Descent, Status, recorded_steps
from ._modes import EPS
from ._objective import Iterate

FAR = 2**200
"""No descent whose modes float64 can tell from zero takes more steps than this."""

SECTIONS = 32
"""Into so many parts each round of the search for the last step cuts its bracket."""


class ModalSpace(Protocol):
    """What the closed form asks of the modes, however they were found."""

    eigenvalues: Array
    optimum: Array
    minimum: Array

    def coordinates(self, theta: Array) -> Array:
        """Vᵀθ."""

    def combine(self, z: Array) -> Array:
        """Vz."""


@dataclass(frozen=True, eq=False)
class Recurrence:
    """One step of gradient descent on a mode with h = 2ηλ.

    The error e and the velocity v of a mode become

        v ← βv − h(e + γβv),   e ← e + v,   with γ = 1 for Nesterov's momentum, 0 for heavy-ball.
    """

    h: Array
    beta: float = 0.0
    nesterov: bool = False

    def powers(self, steps: Sequence[int]) -> tuple[Array, Array]:
        """e(k) and 1 − e(k) for each k of `steps`, both of shape (len(steps), m), without cancellation in either."""
        with np.errstate(over="ignore", divide="ignore", invalid="ignore", under="ignore"):
            return self._matrix_powers(steps) if self.beta else self._scalar_powers(steps)

    @property
    def _log_rho(self) -> Array:
        """log|1 − h|; by log1p where h is small."""
        gentle = self.h < 1.0
        return np.where(gentle, np.log1p(-np.where(gentle, self.h, 0.0)), np.log(np.abs(1.0 - self.h)))

    def _scalar_powers(self, steps: Sequence[int]) -> tuple[Array, Array]:
        k = _as_floats(steps)[:, None]
        gentle = self.h < 1.0
        exponent = np.where(k > 0, k * self._log_rho, 0.0)
        left, done = np.exp(exponent), -np.expm1(exponent)
        if not gentle.all():
            odd = np.array([step % 2 == 1 for step in steps])[:, None]
            left = np.where(~gentle & odd, -left, left)
            done = np.where(gentle, done, 1.0 - left)
        return left, done

    def squares(self, steps: Sequence[int]) -> Array:
        """e(k)² for each k of `steps`, of shape (len(steps), m)."""
        with np.errstate(over="ignore", divide="ignore", invalid="ignore", under="ignore"):
            if self.beta:
                return np.asarray(self._matrix_powers(steps)[0] ** 2)
            k = 2.0 * _as_floats(steps)[:, None]
            exponent = k * self._log_rho
            if steps[0] == 0:
                exponent[0] = 0.0  # also for a mode that is done in one step, log ρ = −∞
            return np.asarray(np.exp(exponent, out=exponent))

    def _matrix_powers(self, steps: Sequence[int]) -> tuple[Array, Array]:
        a = self._states(steps)[0]
        return 1.0 + a, -a

    def _states(self, steps: Sequence[int]) -> tuple[Array, Array, Array, Array]:
        """The entries of M^k − I by repeated squaring, (I + P)(I + Q) = I + P + Q + PQ: a tiny h keeps its digits."""
        pull = self.h * self.beta if self.nesterov else np.zeros_like(self.h)
        doubling = (-self.h, self.beta - pull, -self.h, (self.beta - 1.0) - pull)
        shape = (len(steps), len(self.h))
        total = tuple(np.zeros(shape) for _ in range(4))
        for bit in range(max(steps, default=0).bit_length()):
            chosen = np.array([step >> bit & 1 for step in steps], dtype=bool)[:, None]
            product = _product(total, doubling)
            total = tuple(np.where(chosen, t + q + r, t) for t, q, r in zip(total, doubling, product, strict=True))
            doubling = tuple(2 * q + r for q, r in zip(doubling, _product(doubling, doubling), strict=True))  # type: ignore[assignment]
        return total  # type: ignore[return-value]

    def errors_from(self, start: int) -> Iterator[tuple[int, Array]]:
        """Yield k and e(k) for k = start, start + 1, ..."""
        a, _, c, _ = (entry[0] for entry in self._states([start]))
        e, v = 1.0 + a, c
        for k in count(start):
            yield k, e
            look = e + self.beta * v if self.nesterov else e
            v = self.beta * v - self.h * look
            e = e + v

    def monotone(self) -> NDArray[np.bool_]:
        """Which modes approach their optimum without overshooting: their e(k) only falls."""
        # Both roots of x² − px + q are real and positive: p = 1 + β − h and q = β, or with Nesterov's momentum
        # p = (1 + β)(1 − h) and q = β(1 − h).
        if self.nesterov:
            bound = ((1.0 - self.beta) / (1.0 + self.beta)) ** 2
        else:
            bound = (1.0 - self.beta**0.5) ** 2
        return self.h <= bound


def _as_floats(steps: Sequence[int]) -> Array:
    """Numbers of steps as float64, those beyond float64 as `LARGEST_FLOAT`."""
    if steps and max(steps[0], steps[-1]) > LARGEST_FLOAT:
        steps = [min(step, LARGEST_FLOAT) for step in steps]
    return np.array(steps, dtype=np.float64)


Entries = tuple[Array, ...]


def _product(P: Entries, Q: Entries) -> Entries:
    a, b, c, d = P
    e, f, g, h = Q
    return a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h


def first_step(weight: Array, bound: Array, recurrence: Recurrence, most: int) -> int:
    r"""The first k in 1, ..., most with :math:`\sqrt{\sum_i w_{ij} e_i(k)^2} \le b_j` for every target; else most + 1.

    Plain descent shrinks every |e_i|, so the step is found by section. With momentum some modes oscillate: no step
    comes before the modes that do not are small enough, and from there on the steps are tried one by one.

    Parameters
    ----------
    weight : ndarray of shape (m, t)
    bound : ndarray of shape (t,)
    """
    oscillating = ~recurrence.monotone() if recurrence.beta else np.zeros(len(recurrence.h), dtype=bool)
    settling = np.where(oscillating[:, None], 0.0, weight) if recurrence.beta else weight

    def small(square: Array, weight: Array) -> NDArray[np.bool_]:
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            verdict: NDArray[np.bool_] = np.all(np.sqrt(square @ weight) <= bound, axis=1)
        return verdict

    low = 0
    ladder = _ladder(settling, bound, recurrence, most)
    while True:
        verdict: list[bool] = small(recurrence.squares(ladder), settling).tolist()
        if not any(verdict):
            return most + 1
        place = verdict.index(True)
        low, high = (ladder[place - 1] if place else low), ladder[place]
        if high - low <= 1:
            break
        ladder = sorted({low + (high - low) * j // SECTIONS for j in range(1, SECTIONS + 1)} - {low})
    if not oscillating.any():
        return high
    for k, e in recurrence.errors_from(high):
        if k > most or small((e * e)[None], weight)[0]:
            return k
    raise AssertionError("unreachable: errors_from is endless")


def _ladder(weight: Array, bound: Array, recurrence: Recurrence, most: int) -> list[int]:
    """Candidates to begin with: around where each mode of plain descent by itself is small, or powers of four."""
    coarse = [1 << j for j in range(0, (most - 1).bit_length(), 2)]
    if not recurrence.beta:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            # |ρ|^k √w ≤ b is needed for each mode, and |ρ|^k √w ≤ b/√m for all of them is enough.
            rate = -np.log(np.abs(1.0 - recurrence.h))
            alone = np.nanmax((0.5 * np.log(weight) - np.log(bound)) / rate[:, None], initial=1.0)
            slack = np.nanmax(0.5 * np.log(len(rate)) / rate, initial=1.0)
        if np.isfinite(alone + slack) and alone + slack < 2.0**60:
            first, width = max(int(alone) - 2, 1), int(slack) + 4
            coarse = sorted({min(first + width * j // SECTIONS, most) for j in range(SECTIONS + 1)})
    return coarse if coarse[-1] == most else [*coarse, most]


def gradient_square(modes: ModalSpace, gap: Array) -> Array:
    """The weights of e² in ‖∇J‖², of shape (m, t), after a start that misses the optimum by `gap`."""
    return (2.0 * modes.eigenvalues[:, None] * gap) ** 2


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

    Returns
    -------
    Descent
        `last.gradient` is in the coordinates of the modes, where its norm is the same.
    """
    gap = modes.optimum - modes.coordinates(theta)
    fit_weight = modes.eigenvalues[:, None] * gap**2

    if threshold is not None:
        most = FAR if max_iter is None else max_iter
        n_steps = first_step(gradient_square(modes, gap), threshold, recurrence, most)
        status = Status.CONVERGED if n_steps <= most else Status.NOT_CONVERGED
        n_steps = min(n_steps, most)
    elif max_iter is not None:
        n_steps, status = max_iter, Status.STEPS_DONE
    else:
        n_steps, status = first_step(fit_weight, EPS * target_scale, recurrence, FAR), Status.LIMIT

    steps = recorded_steps(n_steps)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        left, done = (part[0] for part in recurrence.powers([n_steps]))
        gradient = (
            -2.0 * modes.eigenvalues[:, None] * gap * left[:, None]
        )  # in the modes: the same norm, and no product
        values = float(modes.minimum.sum()) + recurrence.squares(steps) @ fit_weight.sum(axis=1)
        if not np.isfinite(values[-1]):
            first_bad = int(np.flatnonzero(~np.isfinite(values))[0])
            steps, values, status = steps[: first_bad + 1], values[: first_bad + 1], Status.DIVERGED
        if (np.sqrt((left * left) @ fit_weight) <= EPS * target_scale).all():
            point, values[-1] = limit(theta)
        else:
            point = theta + modes.combine(done[:, None] * gap)
    last = Iterate(steps[-1], point, float(values[-1]), gradient)
    return Descent(last, status, steps, values.tolist(), rate)
