"""What central differences over steps of all sizes say of a slope, and how far it may be from that.

Nothing is known of f but its values. Their noise may be the rounding of f, of a large result on the way to it, of
single precision, or chance; f may oscillate within theta's last digits, jump, have a kink, or be constant. All of this
shows in how the differences change from step to step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._arrays import EPS, Array

Flags = NDArray[np.bool_]

RESOLVED = 5e-4
"""The largest tolerance that verifies a slope: whoever is off by a thousandth then misses by twice what is allowed."""

ENOUGH = 2.0**-22
"""The smallest tolerance, two units of single precision: f may be computed in it, and an analytic slope is rounded."""

FIRST = 0.11
"""Step 0, relative to theta; step k is 8^-k of it. No power of two: sums with those are exact, and show no noise."""

SMALLEST = 2.0**-1040
"""A step of which an eighth still has a dozen digits, near a singularity at zero."""

MOST_ROUNDINGS = 4.0
"""By how many of its smallest changes rounding moves f at most."""

FEW = (0, 2, 4, 6, 10, 14)
TINY = float(np.finfo(np.float64).tiny)
LARGEST = -14
"""The largest step, some 10¹² times theta."""


class Line:
    """f along one coordinate: its values a step to either side of theta, each evaluated once."""

    def __init__(self, f: Callable[[Array], float], origin: Array, i: int, f0: float) -> None:
        self.f, self.origin, self.i, self.f0 = f, origin, i, f0
        self.size = abs(float(origin[i]))
        self.pairs: dict[float, tuple[float, float]] = {}

    def step(self, k: float) -> float:
        """Step k as floating point takes it, or 0 where it is beyond theta's last digits."""
        h = FIRST * max(self.size, 1.0) * 2.0 ** (-3.0 * k)
        return 0.0 if h < max(4.0 * EPS * self.size, SMALLEST) else (self.size + h) - self.size

    @property
    def own_step(self) -> int:
        """The step that is to theta as step 0 is to 1, where theta is smaller than that."""
        return max(0, round(-math.log2(self.size) / 3.0)) if self.size > 0 else 0

    def values(self, h: float) -> tuple[float, float]:
        """f a step above and a step below."""
        if h not in self.pairs:
            self.pairs[h] = self._moved(h), self._moved(-h)
        return self.pairs[h]

    def _moved(self, h: float) -> float:
        x = self.origin.copy()
        x[self.i] += h
        try:
            return self.f(x)
        except (ArithmeticError, ValueError):  # math.log(-1.0) raises where np.log(-1.0) is nan
            return math.nan


class Reading(NamedTuple):
    """The slope is within `bound` of `slope`, the difference over `step`; an infinite bound says that none settles.

    `noise` is that of f nearby, and `is_rounded` whether it is rounding, the same at the same place. `is_level` is
    whether a slope of 0 can be told from one that matters. `from_larger` and `from_smaller` are whether such steps
    might say more. `is_single` is whether f is computed in single precision, `hidden` the slope of a wave of length 1
    that this rounding hides, and `absorbed` how far larger steps say that a sum with a larger coordinate hides some.
    """

    step: float
    slope: float
    bound: float
    noise: float
    is_rounded: bool
    is_level: bool
    from_larger: bool
    from_smaller: bool
    is_single: bool = False
    hidden: float = 0.0
    absorbed: float = 0.0

    @property
    def is_sharp(self) -> bool:
        """Whether more steps could change no verdict."""
        return self.bound <= ENOUGH * abs(self.slope)

    @property
    def is_resolved(self) -> bool:
        """Whether the bound verifies a slope like this one."""
        return self.bound <= RESOLVED * abs(self.slope)


def read_slope(line: Line, analytic: float, safety: float) -> Reading:
    """Take a few steps and, where they do not settle the matter, many more.

    A few steps that disagree with the analytic slope settle nothing: f may oscillate between them.
    """
    own = [line.own_step] if line.own_step > 8 else []  # a tiny theta may have been chosen for a reason
    few = [k + start for start in [0, *own] for k in FEW]
    differences = Differences(line, few, safety)
    if not differences.loud.any():
        differences = Differences(line, [*range(LARGEST, 0, 2), *few], safety)
        if not differences.loud.any():
            return differences.read()
    first = differences.read()
    if first.is_sharp and abs(first.slope - analytic) <= max(first.bound, ENOUGH * abs(first.slope)):
        return first
    closer = _read_closely(line, own, safety)
    return first if first.is_sharp and not closer.is_resolved else closer


def _read_closely(line: Line, own: list[int], safety: float) -> Reading:
    """Take all steps of a range; where they do not settle the matter larger or smaller ones, and twice as many."""
    largest, end = 0, 16
    while True:
        steps = [*range(largest, end), *(k for start in own for k in range(max(start, end), start + 16))]
        reading = Differences(line, steps, safety).read()
        if reading.is_sharp:
            return reading
        if reading.from_larger and largest > LARGEST:
            largest -= 7
        elif reading.from_smaller and line.step(end) > 0:
            end *= 2
        elif reading.slope == 0.0 and reading.is_level:
            return reading
        else:
            halves = [k + half for k in steps for half in (0.0, 0.5)]
            closer = Differences(line, halves, safety, per_step=2).read()
            return closer if closer.is_resolved or not reading.is_resolved else reading


class Differences:
    """Central differences D(h) along a line, from the largest step to the smallest, and the bounds of their errors.

    Noise σ in f moves D(s) by σ/s. So s·|D(h) - D(s)| over steps s < h shows how large it is, and the difference over
    the next smaller step shows what D(h) misses because f bends.
    """

    def __init__(self, line: Line, steps: Iterable[float], safety: float, per_step: int = 1) -> None:
        self.line, self.steps, self.safety, self.per_step = line, list(steps), safety, per_step
        h = np.array([h for h in map(line.step, self.steps) if 0.0 < h < math.inf])
        pairs = np.array([line.values(step) for step in h.tolist()])
        finite = np.isfinite(pairs).all(axis=1) & np.isfinite((pairs[:, 0] / 2.0 - pairs[:, 1] / 2.0) / h)
        self.h, self.pairs, self.n = h[finite], pairs[finite], int(finite.sum())
        self.odd = self.pairs[:, 0] / 2.0 - self.pairs[:, 1] / 2.0
        self.slopes = self.odd / self.h
        self.change = np.abs(self.pairs - line.f0).max(axis=1, initial=0.0)
        self.size = np.maximum(np.abs(self.pairs).max(axis=1, initial=0.0), abs(line.f0))
        self.nearby = self.h <= line.step(0)
        # A step over which f is the same on both sides says nothing: is f level there, or rounded to single precision?
        self.loud = self.odd != 0.0
        self.gap = np.triu(np.abs(self.slopes[:, None] - self.slopes), 1)
        self.rounding = safety * (0.25 * EPS * self.size + math.ulp(0.0)) / self.h
        self.quiet = self.n - int((~self.loud[::-1]).cumprod().sum())
        self.is_quiet = self.n - self.quiet >= 3
        self.n_smaller = (self.loud[::-1].cumsum()[::-1] - self.loud) / per_step

    def _over_steps_before(self, n: int) -> Differences:
        larger = [k for k in self.steps if self.line.step(k) > self.h[n]]
        return Differences(self.line, larger, self.safety, self.per_step)

    def bounds(self) -> Array:
        # Noise that is relative grows with f, and over steps beyond theta's size perhaps with results on the way to f.
        growth = np.minimum(self.size / np.append(self.size[1:], self.size[-1:]), 8.0)
        growth = np.where(self.nearby, growth, 8.0)
        noise = 4.0 * growth * (self.gap * np.minimum(self.h / self.h[:, None], 1.0)).max(axis=1)
        bend = np.append(np.diagonal(self.gap, 1), np.inf)
        bounds: Array = self.safety * np.maximum(noise, bend) + self.rounding
        if self.is_quiet and self.quiet:  # the smallest change shows to how much f is rounded, where few steps show it
            least = 4.0 * self.safety * abs(float(self.odd[self.quiet - 1])) / self.h
            bounds += np.where(self.n_smaller < 3, least, 0.0)
        return np.where(self.loud & (self.n_smaller >= (1 if self.is_quiet else 3)), bounds, np.inf)

    def read(self) -> Reading:
        if self.n == 0:
            return Reading(self.line.step(0), math.nan, math.inf, 0.0, False, False, False, True)
        # The difference with the least bound is the answer, unless what is known of f's shape says that it is about
        # something else than the slope at theta: a jump, a kink, a bend far out, or digits that f does not have.
        bounds = estimates = self.bounds()
        never = self._never_settles()
        unfit = never | self._contradicted(bounds) | self._bends_far_out() | (self.n_smaller < 3)
        bounds = np.where(unfit, np.inf, bounds)
        best = int(bounds.argmin())
        seen = self._seen_between_roundings(best, float(bounds[best]))
        if seen < self.n:
            return self._over_steps_before(seen).read()
        if abs(self.slopes[best]) <= bounds[best]:  # far out, what f does nearby may be over, and look like noise
            bounds = np.where(self.nearby, bounds, np.inf)
            best = int(bounds.argmin())
        slope, bound = float(self.slopes[best]), float(bounds[best])
        settles = math.isfinite(bound)
        if settles:  # what smaller steps say may be too uncertain to contradict this one, and enough to doubt it
            gap = self.gap[best]
            doubtful = (np.isfinite(estimates) & (gap > bound + estimates)) | self._is_no_rounding(best)
            bound = max(bound, float(gap.max(where=doubtful, initial=0.0)))
        is_constant = False
        if self.is_quiet and (abs(slope) <= bound or self._is_doubtful(best, bound)):
            # Where larger steps show a slope, jumps and kinks beyond them do not tell why f is constant nearby.
            at, level, is_smooth = self._level(never if abs(slope) <= bound else np.zeros_like(never))
            if level < bound or abs(slope) > bound:
                best, slope, bound = at, 0.0, level
                is_constant = is_smooth
        if math.isfinite(bound) and self._has_kink(best):
            bound = math.inf
        # Theta is rounded, and so is what f makes of it first: half a unit of it changes the slope by the curvature.
        up, down = self.pairs[best] / 2.0 - self.line.f0 / 2.0
        bound += self.safety * EPS * self.line.size * 2.0 * abs(float((up + down) / self.h[best])) / float(self.h[best])
        hidden, absorbed = self._hidden(best, estimates)
        off = np.abs(self.odd - self.h * slope)[best + 1 :][self.nearby[best + 1 :]]
        return Reading(
            step=float(self.h[best]),
            slope=slope,
            bound=bound,
            noise=float(off.max(initial=0.0)) if math.isfinite(bound) else 0.0,
            is_rounded=self.is_quiet,
            is_level=is_constant or self._is_level(best, bound),
            from_larger=best <= 1 or not settles,
            from_smaller=best > self.n - 6 or not settles,
            is_single=self._is_single(),
            hidden=hidden,
            absorbed=absorbed,
        )

    def _hidden(self, best: int, estimates: Array) -> tuple[float, float]:
        """How steep a wave may be that rounding hides, and how far off the slope is by steps that no sum absorbs."""
        absorbed = self.h < ENOUGH * float(np.abs(self.line.origin).max())
        if not absorbed[best]:
            return 2.0 * math.pi * MOST_ROUNDINGS * self._least_change(best), 0.0
        estimates = np.where(absorbed, np.inf, estimates)
        at = int(estimates.argmin())
        tells = estimates[at] < abs(self.slopes[at]) / 2.0
        return math.inf, float(self.gap[at, best] + estimates[at]) if tells else 0.0

    def _is_single(self) -> bool:
        """Whether nearly all values nearby that differ from the one at theta are numbers of single precision."""
        values = self.pairs[self.nearby]
        moved = values[values != self.line.f0]
        return len(moved) > 0 and float(np.mean(moved.astype(np.float32) == moved)) > 0.75

    def _contradicted(self, bounds: Array) -> Flags:
        """What f does nearest to theta counts: a difference has to agree with all bounded ones over smaller steps."""
        margin = np.where(self.n_smaller >= 5, 1.0, 10.0)
        contradicted: Flags = (self.gap > margin * (bounds[:, None] + bounds)).any(axis=1)
        last = np.flatnonzero(self.loud)[:: -self.per_step][:3][::-1]
        if len(last) == 3:  # they have no bounds, but noise would hardly make three agree
            away = np.abs(self.slopes[last[-1]] - self.slopes)
            far = away > np.maximum(bounds, 0.5 * abs(self.slopes[last[-1]]))
            contradicted |= (np.ptp(self.slopes[last]) <= 0.2 * away) & far
        return contradicted

    def _is_no_rounding(self, best: int) -> Flags:
        """Where a smaller step leaves the line of step `best` by far more than f is rounded: f has a shape there."""
        if not (self.is_quiet and self.quiet):
            return np.zeros(self.n, dtype=bool)
        least = [self._least_change(k) for k in range(self.n)]
        off = np.abs(self.odd - self.h * self.slopes[best])
        leaves: Flags = self.loud & self.nearby & (self.h < self.h[best]) & (off > MOST_ROUNDINGS * np.array(least))
        return leaves

    def _least_change(self, k: int) -> float:
        """The smallest change of f that steps have shown, where f is as large as over step k."""
        if self.quiet == 0:
            return 0.0
        last = self.quiet - 1
        return abs(float(self.odd[last])) * max(float(self.size[k] / self.size[last]), 1.0)

    def _bends_far_out(self) -> Flags:
        """Whether f is further off the line of a large step beyond theta's size than it is close to theta."""
        bends, close = np.zeros(self.n, dtype=bool), self.h <= self.line.step(2)
        for k in np.flatnonzero(~self.nearby):
            off = np.abs(self.odd - self.h * self.slopes[k]) / np.maximum(self.size, TINY)
            far, near = off[k:][~self.nearby[k:]].max(), off[close].max(initial=0.0)
            bends[k] = far > 8.0 * max(float(near), EPS)
        return bends

    def _never_settles(self) -> Flags:
        """From where on the differences change by one factor a step: that is a jump, a root or a kink, no noise."""
        found = np.zeros(self.n, dtype=bool)
        for k in range(self.n - 4):
            changes = np.diff(self.slopes[k : k + 5])
            if self.loud[k : k + 5].all() and changes.all():
                growth = changes[1:] / changes[:-1]
                found[k] = growth.min() > 1.2 and np.ptp(growth) <= 0.05 * growth.max()
        return found

    def _seen_between_roundings(self, best: int, bound: float) -> int:
        """The largest step below single precision from which on f is smooth, if it leaves that line at once beyond it.

        What f has of its formula in single precision, or as a small difference, is constant over so small steps.
        """
        away = np.abs(self.slopes - self.slopes[best])
        left = np.flatnonzero(away[:best] > 0.3 * abs(self.slopes[best]))
        if not len(left) or self.h[left[-1] + 1] > ENOUGH * self.line.size:
            return self.n
        at_once = max(float(away[left[-1] + 1]), bound) < away[left[-1]] / 512.0
        return int(left[-1]) + 1 if at_once else self.n

    def _is_doubtful(self, k: int, bound: float) -> bool:
        """Whether a wide bound comes from what is off to the same side over all smaller steps, as noise hardly is."""
        if bound <= RESOLVED * abs(self.slopes[k]):
            return False
        off = (self.slopes - self.slopes[k])[k + 1 :][self.loud[k + 1 :]]
        return bool(len(off) >= 5 and (np.all(off > 0) or np.all(off < 0)))

    def _level(self, never: Flags) -> tuple[int, float, bool]:
        """From which step on f is the same on both sides, the bound of a slope that this may hide, and if f is smooth.

        Where it is not, f may be rounded to as much as its first changes over larger steps.
        """
        quiet = self.quiet
        if quiet == 0:
            at = int(np.where(self.nearby, self.rounding, np.inf).argmin())
            return at, float(self.rounding[at]), True
        rising = np.abs(self.slopes[max(quiet - 3, 0) : quiet])
        has_kink = int(never[:quiet].sum()) >= 3  # one or two may be chance
        is_smooth = has_kink or (len(rising) == 3 and bool((rising[:-1] > 1.5 * rising[1:]).all()))
        first = float(np.abs(self.odd[quiet - 1 if is_smooth else max(quiet - 3, 0) : quiet]).max())
        hides_nothing = has_kink or (is_smooth and self.h[quiet] >= self.line.step(0))
        hidden = 0.0 if hides_nothing else 4.0 * self.safety * first / float(self.h[quiet])
        # Where f is 0 nearby, it may be the small difference of results as large as f is a few steps further.
        further = float(self.size[max(quiet - 4 * self.per_step, 0)])
        size = max(ENOUGH * float(self.size[quiet]), EPS * further)
        return quiet, self.safety * size / float(self.h[quiet]) + hidden, is_smooth

    def _is_level(self, best: int, bound: float) -> bool:
        """Whether f is much steeper a few steps away than the bound, or shows nothing but noise."""
        near = (self.h >= self.h[best]) & (self.h <= 600.0 * self.h[best])
        if bound <= RESOLVED * float((self.change / self.h)[near].max()):
            return True
        change = self.change[self.h <= 10.0 * self.line.step(0)]
        over_smaller = np.maximum.accumulate(change[::-1])[::-1]
        least = float(change[change > 0].min(initial=np.inf))
        alike = change[:-4] <= np.maximum(8.0 * over_smaller[4:], 16.0 * least)
        return bool(len(change) >= 8 and alike.all() and over_smaller[0] <= 0.01 * self.size.min())

    def _has_kink(self, best: int) -> bool:
        """Whether the slopes to both sides differ by the same amount over every step."""
        up, down = (self.pairs[best : best + 5] / 2.0 - self.line.f0 / 2.0).T
        bends = (up + down) / self.h[best : best + 5]
        largest = float(np.abs(bends).max())
        slope = abs(float(self.slopes[best]))
        return len(bends) == 5 and bool(np.ptp(bends) <= 0.02 * largest and largest > RESOLVED * slope)
