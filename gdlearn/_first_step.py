r"""The first step after which all modes together are near enough: by Newton's method, or with momentum by a search.

Momentum makes modes oscillate, so that a sum of their squares may fall below a bound, rise above it and fall again. Of
an oscillating mode

.. math::  e(k) = \operatorname{Re}(c\,x^k), \qquad |e(k)| \le |c|\,|x|^k ,

with a complex root x of its recurrence. All others in the end only fall, and can be waited for by section of k.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._arrays import EPS, LARGEST_FLOAT, Array, beyond_float64, first_in
from ._recurrence import Recurrence
from ._threads import one_blas_thread

AT_ONCE = 256
"""The number of steps that are tried at once, before anything else is thought of."""

LONGEST_SEARCH = 2**28
"""Steps of an oscillation that are searched at most. Float64 does not know the phase of a longer one: it is kε off."""

TRANSIENT = 40.0
"""E-folds of its envelope after which nothing is left of an oscillation."""

CLEAR = 32.0
"""Modes whose envelopes are this multiple of what is allowed rule out nearly all steps by themselves."""

TABLE_SIZE = 2**20
"""Elements at most in the tables of a search (8 MB)."""

Complex = NDArray[np.complexfloating[Any, Any]]

Modes = NDArray[np.bool_]
"""Some of the modes."""


def first_step(weight: Array, bound: Array, recurrence: Recurrence, most: int) -> int:
    r"""The first k in 1, ..., most with :math:`\sqrt{\sum_i w_{ij} e_i(k)^2} \le b_j` for every target; else most + 1.

    Of oscillations that last more than 2²⁸ steps (β above 1 − 10⁻⁷), it is the first of the last 2²⁸.

    Parameters
    ----------
    weight : ndarray of shape (m, t)
    bound : ndarray of shape (t,)
    """
    with beyond_float64():
        if not recurrence.beta:
            return _first_plain_step(weight, bound, recurrence, most)
        moves = weight.any(axis=1)
        search = _Search(weight[moves], bound, replace(recurrence, h=recurrence.h[moves]), most)
        return search.first()


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
        above = ~(norm <= bound)
        if not above.any():
            return int(k)
        slope = np.where(square > 0, square * log_rho, 0.0) @ weight / total
        step = np.max(np.where(above, np.log(norm / bound) / -slope, 0.0))
        if not 0 < step < np.inf:
            break  # it grows, or never falls that far
        k = max(np.ceil(k + step), np.nextafter(k, np.inf))
    return most + 1


def _first_from(holds: Callable[[Sequence[int]], NDArray[np.bool_]], start: int, most: int) -> int:
    """The first k in start, ..., most where a property holds that then stays true; most + 1 where there is none."""
    low, span = start - 1, 1
    while low < most:
        points = sorted({min(low + (span << 2 * j), most) for j in range(16)})
        verdict = holds(points)
        if verdict.any():
            place = int(np.argmax(verdict))
            return first_in(holds, points[place - 1] if place else low, points[place])
        low, span = points[-1], span << 32
    return most + 1


@dataclass(frozen=True, eq=False)
class _Search:
    """For the first step with momentum; every mode has a weight for some target."""

    weight: Array
    bound: Array
    recurrence: Recurrence
    most: int

    @cached_property
    def alone(self) -> Array:
        """How large e of each mode may be by itself."""
        each = np.where(self.weight == 0, np.inf, self.bound / np.sqrt(self.weight))
        return np.asarray(each.min(axis=1, initial=np.inf))

    def first(self) -> int:
        most = self.most
        if not (self.alone > 0).all():
            return most + 1
        # Most answers are small, and asking for a few steps at once costs less than the search below.
        for tried in (range(1, 17), range(17, AT_ONCE + 1)):
            small = self._small(tried)
            if small.any():
                return min(tried[int(np.argmax(small))], most + 1)
        falling, oscillating = self.recurrence.monotone(), self.recurrence.oscillating()
        k, falling = self._settled(AT_ONCE + 1, falling, ~oscillating)
        if falling.all() or k > most:
            return min(k, most + 1)
        # Only oscillations are left. Beyond `end` their envelopes alone are small enough, so nothing is missed there;
        # before it every step must be looked at, for a sum of waves may dip below the bound for a single one.
        waves = _Waves.of(self.recurrence, oscillating)
        end = waves.end(self.alone[oscillating])
        k = max(k, end - LONGEST_SEARCH)
        last = min(end + int(-2.0 * TRANSIENT / np.log(self.recurrence.beta)), k + LONGEST_SEARCH, most)
        with one_blas_thread():
            while k <= last:
                if not (falling | oscillating).all():
                    k, falling = self._settled(k, falling, ~oscillating)
                stop = min(k + max(min(k // 4, waves.e_fold), AT_ONCE), most + 1)
                room = self.bound
                if falling.any():  # they leave the waves no more than this, for they are no smaller up to there
                    others = self.recurrence.squares([stop - 1])[0, falling] @ self.weight[falling]
                    room = np.sqrt(np.maximum(room**2 - others, 0.0))
                for steps in waves.below(self.weight[oscillating], room, k, stop):
                    small = self._small(steps)
                    if small.any():
                        return steps[int(np.argmax(small))]
                k = stop
        return _first_from(self._small, k, most)

    def _small(self, steps: Sequence[int], some: Modes | slice = slice(None)) -> NDArray[np.bool_]:
        """After which of the steps all modes together, or some of them, are small enough."""
        norm = np.sqrt(self.recurrence.squares(steps)[:, some] @ self.weight[some])
        return np.asarray((norm <= self.bound).all(axis=1))

    def _down(self, steps: Sequence[int], some: Modes) -> NDArray[np.bool_]:
        """After which of the steps some modes are what each of them may be by itself."""
        return np.asarray((np.sqrt(self.recurrence.squares(steps)[:, some]) <= self.alone[some]).all(axis=1))

    def _settled(self, k: int, falling: Modes, real: Modes) -> tuple[int, Modes]:
        """The first step from k on which the modes that do not oscillate leave open, and which of them are falling.

        One with negative roots rises first, and then falls: it does once it has come down to what it may be by itself.
        """
        while k <= self.most:
            if falling.any():
                k = _first_from(partial(self._small, some=falling), k, self.most)
            above = real & ~falling & ~(np.sqrt(self.recurrence.squares([k])[0]) <= self.alone)
            if not above.any():
                break
            k = _first_from(partial(self._down, some=above), k, self.most)
            falling = falling | above
        return k, falling


@dataclass(frozen=True, eq=False)
class _Waves:
    """The modes that oscillate: c and log x, each of shape (m,)."""

    c: Complex
    log_x: Complex

    @classmethod
    def of(cls, recurrence: Recurrence, which: NDArray[np.bool_]) -> _Waves:
        h, beta, low = recurrence.h[which], recurrence.beta, recurrence.last_monotone
        # x = half ± i·width, and c is such that e(0) = 1 and e(1) = 1 − h; each difference is taken where it is exact.
        if recurrence.nesterov:
            size, half = beta * (1.0 - h), (1.0 + beta) * (1.0 - h) / 2.0
            width = (1.0 + beta) * np.sqrt((1.0 - h) * (h - low)) / 2.0
            lead = (1.0 - beta) * (1.0 - h) / 2.0
        else:
            size, half = 0.0 * h + beta, (1.0 + beta - h) / 2.0
            width = np.sqrt((recurrence.opposite[which] - low) * (h - low)) / 2.0
            lead = ((1.0 - beta) - h) / 2.0
        return cls(1.0 - 1j * (lead / width), 0.5 * np.log(size) + 1j * np.arctan2(width, half))

    @property
    def e_fold(self) -> int:
        """Steps in which the squares of all envelopes fall to 1/e at least."""
        return int(-0.5 / self.log_x.real.max(initial=-0.5))

    def end(self, alone: Array) -> int:
        """The step from which on the envelopes are so small that all the modes together are."""
        needed = (np.log(np.abs(self.c) / alone) + 0.5 * np.log(len(alone))) / -self.log_x.real
        return int(np.ceil(needed.max(initial=0.0)))

    def below(self, weight: Array, room: Array, start: int, stop: int) -> Iterator[list[int]]:
        """Yield the steps start, ..., stop − 1 but for those after which the waves surely exceed `room`.

        Parameters
        ----------
        weight : ndarray of shape (m, t)
        room : ndarray of shape (t,)
        """
        z = self.c * np.exp(start * self.log_x)
        square = weight * np.abs(z[:, None]) ** 2
        whole = square.sum(axis=0)
        rounding = 8.0 * stop * EPS * np.sqrt(whole)  # of the waves' phases
        allowed = (room + rounding) ** 2 + 16.0 * EPS * whole
        share = square / allowed
        # A step is ruled out as soon as the few largest waves exceed what is allowed: the rest could only add to them.
        order = np.argsort(-share.max(axis=1, initial=0.0))
        n_top = max(4, 1 + int(np.searchsorted(np.cumsum(share[order], axis=0).max(axis=1, initial=0.0), CLEAR)))
        top = order[:n_top]
        for first, maybe in _filtered(z[top], self.log_x[top], weight[top], allowed, stop - start):
            size = 16
            while len(maybe):
                offsets = first + maybe[:size]
                maybe, size = maybe[size:], min(2 * size, max(TABLE_SIZE // (8 * len(z) + 1), 16))
                e = (z * np.exp(offsets[:, None] * self.log_x)).real
                offsets = offsets[np.all((e * e) @ weight <= allowed, axis=1)]
                if len(offsets):
                    yield [start + offset for offset in offsets.tolist()]


def _filtered(
    z: Complex, log_x: Complex, weight: Array, allowed: Array, length: int
) -> Iterator[tuple[int, NDArray[np.intp]]]:
    r"""Yield j₀ and those j < `length` − j₀ with :math:`\sum_i w_i \operatorname{Re}(z_i x_i^{j_0 + j})^2` as allowed.

    With j = an + b it is a product of two tables, one of the powers :math:`x^{an}` and one of the :math:`x^b`, as

    .. math::  \operatorname{Re}(uv)^2 = (u'v')^2 - 2u'u''v'v'' + (u''v'')^2 .
    """
    width = 3 * len(z)
    n = min(max(TABLE_SIZE // max(width, 1), 16), 512, length)
    v = np.exp(np.arange(n)[:, None] * log_x)
    near = np.hstack([v.real**2, -2.0 * v.real * v.imag, v.imag**2]).T
    n_rows = max(min(TABLE_SIZE // max(width, 1), 256), 1)
    for first in range(0, length, n * n_rows):
        starts = np.arange(first, min(first + n * n_rows, length), n)
        u = z * np.exp(starts[:, None] * log_x)
        far = np.stack([u.real**2, u.real * u.imag, u.imag**2], axis=1)
        maybe = np.ones((len(starts), n), dtype=bool)
        for w, most in zip(weight.T, allowed, strict=True):
            maybe &= (far * w).reshape(len(starts), width) @ near <= most
        yield first, np.flatnonzero(maybe.ravel()[: length - first])
