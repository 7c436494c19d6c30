r"""One mode's descent as a recurrence: its iterate k in closed form, and the first k at which all modes are near.

With a constant η each mode moves alone. The error :math:`z_i(k) - z_i^*` is :math:`e_i(k)` times what it was at the
start, and plain descent has

.. math::  e_i(k) = \rho_i^k, \qquad \rho_i = 1 - 2\eta\lambda_i .

Momentum makes of each mode a 2×2 linear recurrence, and :math:`e_i(k)` an entry of a matrix power.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray

from ._blocks import EPS, Array, beyond_float64
from ._descent import LARGEST_FLOAT
from ._early_stopping import first_in

FAR = 2**200
"""No descent whose modes float64 can tell from zero takes more steps than this."""

LONGEST_OSCILLATION = 1_000_000
"""Steps after which early stopping takes an oscillation for slow, whatever is left of it."""


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
    def log_rho(self) -> Array:
        """log|1 − h|; by log1p where h is small."""
        gentle = self.h <= 1.0
        if gentle.all():
            return np.log1p(-self.h)
        return np.where(gentle, np.log1p(-np.where(gentle, self.h, 0.0)), np.log(np.abs(1.0 - self.h)))

    def _scalar_powers(self, steps: Sequence[int]) -> tuple[Array, Array]:
        exponent = self._log_power(steps)
        left, done = np.exp(exponent), -np.expm1(exponent)
        gentle = self.h <= 1.0
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
            exponent = self._log_power(steps)
            exponent *= 2.0
            return np.asarray(np.exp(exponent, out=exponent))

    def _log_power(self, steps: Sequence[int]) -> Array:
        """log|ρ^k|, of shape (len(steps), m)."""
        k, excess = _as_floats(steps)
        exponent: Array = k[:, None] * self.log_rho
        if excess.any():
            exponent = np.ldexp(exponent, excess[:, None])
        exponent[k == 0] = 0.0  # also for a mode that is done in one step, log ρ = −∞
        return exponent

    def decrements(self, steps: Sequence[int]) -> Array:
        """e(k) − e(k + 1) for each k of `steps`, of shape (len(steps), m), without cancellation."""
        with np.errstate(over="ignore", divide="ignore", invalid="ignore", under="ignore"):
            if not self.beta:
                return self.h * self._scalar_powers(steps)[0]
            a, _, v, _ = self._states(steps)
            look = 1.0 + a + self.beta * v if self.nesterov else 1.0 + a
            return self.h * look - self.beta * v

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

    @property
    def roots(self) -> tuple[Array, NDArray[np.complex128]]:
        """x² − (1 + β − h(1 + γβ))x + β(1 − γh) has the roots half ± root; half and root, of shape (m,)."""
        with beyond_float64():
            pull = self.beta * self.h if self.nesterov else np.zeros_like(self.h)
            half = (1.0 + self.beta - self.h - pull) / 2.0
            return half, np.sqrt(half**2 - (self.beta - pull) + 0j)

    @property
    def oscillation(self) -> int:
        """The number of steps that it takes the modes which overshoot to die away, `LONGEST_OSCILLATION` at most."""
        half, root = (part[~self.monotone()] for part in self.roots)
        with beyond_float64():
            radius = float(np.maximum(np.abs(half + root), np.abs(half - root)).max(initial=0.0))
        if radius == 0.0:
            return 0
        return int(min(np.log(EPS) / np.log(radius), LONGEST_OSCILLATION)) if radius < 1 else LONGEST_OSCILLATION


def _as_floats(steps: Sequence[int]) -> tuple[Array, NDArray[np.int64]]:
    """Numbers of steps as k·2**excess, for they may be beyond float64 where their product with log ρ is not."""
    if max(steps, default=0) <= LARGEST_FLOAT:
        return np.array(steps, dtype=np.float64), np.zeros(len(steps), dtype=np.int64)
    excess = [max(step.bit_length() - 1000, 0) for step in steps]
    k = [step >> bits for step, bits in zip(steps, excess, strict=True)]
    return np.array(k, dtype=np.float64), np.array(excess)


Entries = tuple[Array, ...]


def _product(P: Entries, Q: Entries) -> Entries:
    a, b, c, d = P
    e, f, g, h = Q
    return a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h


def first_step(weight: Array, bound: Array, recurrence: Recurrence, most: int) -> int:
    r"""The first k in 1, ..., most with :math:`\sqrt{\sum_i w_{ij} e_i(k)^2} \le b_j` for every target; else most + 1.

    Parameters
    ----------
    weight : ndarray of shape (m, t)
    bound : ndarray of shape (t,)
    """
    with np.errstate(over="ignore", divide="ignore", invalid="ignore", under="ignore"):
        search = _first_step_with_momentum if recurrence.beta else _first_plain_step
        return search(weight, bound, recurrence, most)


def _first_plain_step(weight: Array, bound: Array, recurrence: Recurrence, most: int) -> int:
    r"""By Newton's method on :math:`\log\sqrt{\sum_i w_i \rho_i^{2k}} - \log b`, which is convex in k.

    From the left it never passes the zero, and rounding k up never passes the answer.
    """
    log_rho = recurrence.log_rho
    falls = log_rho < 0
    alone = (0.5 * np.log(weight[falls]) - np.log(bound)) / -log_rho[falls, None]  # needed for each mode by itself
    k = max(np.ceil(np.max(alone, initial=1.0, where=~np.isnan(alone))), 1.0)
    last = float(min(most, LARGEST_FLOAT))
    while k <= last:
        square = np.exp((2.0 * k) * log_rho)
        total = square @ weight
        norm = np.sqrt(total)
        above = norm > bound
        if not above.any():
            return int(k)
        slope = np.where(square > 0, square * log_rho, 0.0) @ weight / total
        step = np.max(np.where(above, np.log(norm / bound) / -slope, 0.0))
        if not 0 < step < np.inf:
            break  # it grows, or never falls that far
        k = max(np.ceil(k + step), np.nextafter(k, np.inf))
    return most + 1


def _first_step_with_momentum(weight: Array, bound: Array, recurrence: Recurrence, most: int) -> int:
    """Some modes oscillate: no step comes before those that do not are small enough, found by section of k.

    From there on the steps are tried one by one.
    """
    oscillating = ~recurrence.monotone()
    settling = np.where(oscillating[:, None], 0.0, weight)

    def small(square: Array, weight: Array) -> NDArray[np.bool_]:
        verdict: NDArray[np.bool_] = np.all(np.sqrt(square @ weight) <= bound, axis=1)
        return verdict

    def settled(steps: Sequence[int]) -> NDArray[np.bool_]:
        return small(recurrence.squares(steps), settling)

    candidates = [1 << j for j in range(0, (most - 1).bit_length(), 2)] + [most]
    verdict: list[bool] = settled(candidates).tolist()
    if not any(verdict):
        return most + 1
    place = verdict.index(True)
    high = first_in(settled, candidates[place - 1] if place else 0, candidates[place])
    if not oscillating.any():
        return high
    for k, e in recurrence.errors_from(high):
        if k > most or small((e * e)[None], weight)[0]:
            return k
    raise AssertionError("unreachable: errors_from is endless")
