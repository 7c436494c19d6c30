r"""One mode's descent as a recurrence: its iterate k in closed form.

With a constant η each mode moves alone. The error :math:`z_i(k) - z_i^*` is :math:`e_i(k)` times what it was at the
start, and plain descent has

.. math::  e_i(k) = \rho_i^k, \qquad \rho_i = 1 - 2\eta\lambda_i .

Momentum makes of each mode a 2×2 linear recurrence, and :math:`e_i(k)` an entry of a matrix power.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._arrays import EPS, LARGEST_FLOAT, Array, beyond_float64

FAR = LARGEST_FLOAT
"""The largest number of steps that is counted to the limit: float64 holds no larger ones."""

TABLE_LENGTH = 256
"""Steps in a row whose powers are kept."""

LONGEST_OSCILLATION = 1_000_000
"""Steps after which early stopping assumes that oscillations have decayed."""


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
        with beyond_float64():
            return self._matrix_powers(steps) if self.beta else self._scalar_powers(steps)

    def left(self, steps: Sequence[int]) -> Array:
        """e(k) for each k of `steps`, of shape (len(steps), m)."""
        if self.beta:
            return self.powers(steps)[0]
        with beyond_float64():
            left = np.exp(self._log_power(steps))
            if (self.h > 1.0).any():
                odd = np.array([step % 2 == 1 for step in steps], dtype=bool)[:, None]
                left = np.where((self.h > 1.0) & odd, -left, left)
            return left

    @cached_property
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
            odd = np.array([step % 2 == 1 for step in steps], dtype=bool)[:, None]
            left = np.where(~gentle & odd, -left, left)
            done = np.where(gentle, done, 1.0 - left)
        return left, done

    def squares(self, steps: Sequence[int]) -> Array:
        """e(k)² for each k of `steps`, of shape (len(steps), m)."""
        with beyond_float64():
            if self.beta:
                return np.asarray(self._matrix_powers(steps)[0] ** 2)
            exponent = self._log_power(steps)
            exponent *= 2.0
            return np.asarray(np.exp(exponent, out=exponent))

    def _log_power(self, steps: Sequence[int]) -> Array:
        """log|ρ^k|, of shape (len(steps), m)."""
        k, excess = _as_floats(steps)
        exponent: Array = k[:, None] * self.log_rho
        if excess is not None:
            exponent = np.ldexp(exponent, excess[:, None])
        exponent[k == 0] = 0.0  # also for a mode that is done in one step, log ρ = −∞
        return exponent

    def advances(self, steps: Sequence[int]) -> tuple[Array, Array, Array]:
        """e(k), 1 − e(k) and e(k) − e(k + 1) for each k of `steps`, without cancellation in any."""
        with beyond_float64():
            if not self.beta:
                left, done = self._scalar_powers(steps)
                return left, done, self.h * left
            change, (e, v) = (part[:, 0] for part in self._states(steps))
            return e, -change[0], self.h * e - (self.beta * (1.0 - self.h) if self.nesterov else self.beta) * v

    def falls(self, start: int, spans: Sequence[int]) -> Array:
        """e(start) − e(start + s) for each s of `spans`, of shape (len(spans), m), without cancellation."""
        with beyond_float64():
            if not self.beta:
                return self._scalar_powers([start])[0] * self._scalar_powers(spans)[1]
            return np.asarray(-_product(self._states(spans, columns=2).change, self._states([start]).whole)[0, 0])

    def _matrix_powers(self, steps: Sequence[int]) -> tuple[Array, Array]:
        power = self._states(steps)
        return power.whole[0, 0], -power.change[0, 0]

    def _states(self, steps: Sequence[int], columns: int = 1) -> Power:
        """M^k for each k of `steps`: its first column, which is (e(k), v(k)), or both."""
        if not self._swapped.any():
            return self._powers(steps, columns)
        # Where the roots are near −1, M^k − I has no digits but (−M)^k − I has: descent with 2(1 + β) − h in place of h
        # is the same but for the sign of every other step.
        power = self._powers(steps, 2)
        sign = np.array([1.0 - 2.0 * (step & 1) for step in steps])[:, None]
        change, whole = (np.where(self._swapped, sign * _swapped(part), part) for part in power)
        change += np.where(self._swapped, sign - 1.0, 0.0) * IDENTITY
        return Power(change[:, :columns], whole[:, :columns])

    def _powers(self, steps: Sequence[int], columns: int) -> Power:
        """The same of the matrix whose digits are kept, by repeated squaring."""
        if isinstance(steps, range) and steps.step == 1 and len(steps) > 1:
            # Of a run of steps each costs one product: M^(s + j) = M^j M^s, with a table of M^j.
            starts = self._powers(range(steps.start, steps.stop, TABLE_LENGTH), columns)
            pieces = [
                self._table.at(slice(steps.stop - start)).times(starts.at(slice(i, i + 1)))
                for i, start in enumerate(range(steps.start, steps.stop, TABLE_LENGTH))
            ]
            return pieces[0] if len(pieces) == 1 else _stacked(pieces)
        none = np.zeros((2, columns, len(steps), len(self.h)))
        total = Power(none, none + IDENTITY[:, :columns])
        for bit in range(max(steps, default=0).bit_length()):
            chosen = np.flatnonzero([step >> bit & 1 for step in steps])
            for entries, new in zip(total, self._doubled(bit).times(total.at(chosen)), strict=True):
                entries[:, :, chosen] = new
        return total

    @cached_property
    def _swapped(self) -> NDArray[np.bool_]:
        """The modes whose roots are nearer to −1 than to 1: digits are kept in the powers of −M."""
        return np.asarray(self.h > 1.0 + self.beta) & (not self.nesterov)

    @cached_property
    def _doublings(self) -> list[Power]:
        """M, M², M⁴, ..., as far as they have been asked for."""
        h = np.where(self._swapped, self.opposite, self.h)
        pull = h * self.beta if self.nesterov else 0.0 * h
        look = self.beta * (1.0 - h) if self.nesterov else self.beta + pull
        change = np.array([[-h, look], [-h, (self.beta - 1.0) - pull]])[:, :, None]
        return [Power(change, np.array([[1.0 - h, look], [-h, look]])[:, :, None])]

    def _doubled(self, bit: int) -> Power:
        powers = self._doublings
        while len(powers) <= bit:
            powers.append(powers[-1].times(powers[-1]))
        return powers[bit]

    @cached_property
    def _table(self) -> Power:
        """M^k for all k < `TABLE_LENGTH`."""
        none = np.zeros((2, 2, 1, len(self.h)))
        table = Power(none, none + IDENTITY)
        for bit in range(TABLE_LENGTH.bit_length() - 1):
            table = _stacked([table, self._doubled(bit).times(table)])
        return table

    @property
    def opposite(self) -> Array:
        """The h of heavy-ball momentum whose roots are the negatives of these: 2(1 + β) − h, without cancellation."""
        return (4.0 - self.h) - 2.0 * (1.0 - self.beta)

    @property
    def last_monotone(self) -> float:
        """The largest h with positive roots of x² − px + q, where p = 1 + β − h(1 + γβ) and q = β(1 − γh)."""
        return ((1.0 - self.beta) / (1.0 + (self.beta if self.nesterov else self.beta**0.5))) ** 2

    def monotone(self) -> NDArray[np.bool_]:
        """Which modes approach their optimum without overshooting: their e(k) only falls."""
        return self.h <= self.last_monotone

    def oscillating(self) -> NDArray[np.bool_]:
        """Which modes have complex roots."""
        before = self.h < 1.0 if self.nesterov else self.opposite > self.last_monotone
        return np.asarray(before & ~self.monotone())

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


def _as_floats(steps: Sequence[int]) -> tuple[Array, NDArray[np.int64] | None]:
    """Numbers of steps as k·2**excess, for they may be beyond float64 where their product with log ρ is not."""
    if max(steps, default=0) <= LARGEST_FLOAT:
        return np.array(steps, dtype=np.float64), None
    excess = [max(step.bit_length() - 1000, 0) for step in steps]
    k = [step >> bits for step, bits in zip(steps, excess, strict=True)]
    return np.array(k, dtype=np.float64), np.array(excess)


class Power(NamedTuple):
    """M^k of each mode, M the matrix of a step on (e, v), with entries of shape (number of k, m).

    Both parts have their digits: the change where h is tiny, and M^k itself where little of it is left.
    """

    change: Array
    """M^k − I."""
    whole: Array
    """M^k."""

    def times(self, other: Power) -> Power:
        """The product; one of the two may be of a single k, and the other of first columns only."""
        columns = other.whole.shape[1]
        identity = IDENTITY[:, :columns]
        change = self.change[:, :columns] + other.change + _product(self.change, other.change)
        whole = _product(self.whole, other.whole)
        # Each entry is taken from the part that does not cancel: the other is found from it by adding or taking I.
        small = np.abs(whole).max(axis=(0, 1)) < 0.5
        return Power(np.where(small, whole - identity, change), np.where(small, whole, change + identity))

    def at(self, place: slice | NDArray[np.intp]) -> Power:
        """The same for some of the k."""
        return Power(self.change[:, :, place], self.whole[:, :, place])


def _stacked(powers: list[Power]) -> Power:
    """The powers for several sets of k, one after another."""
    return Power(*(np.concatenate(parts, axis=2) for parts in zip(*powers, strict=True)))


def _swapped(A: Array) -> Array:
    """The matrix on (e, v) of what A is on (e, 2e − v)."""
    (a, b), (c, d) = A
    return np.array([[a + 2.0 * b, -b], [2.0 * (a + 2.0 * b) - (c + 2.0 * d), d - 2.0 * b]])


IDENTITY = np.eye(2)[:, :, None, None]


def _product(A: Array, B: Array) -> Array:
    """AB, of 2×2 matrices whose entries are arrays."""
    return np.asarray(A[:, :1] * B[:1] + A[:, 1:] * B[1:])
