"""What a descent on a function has come to, told to the one who asked for it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._arrays import EPS, Array
from ._descent import Status
from ._points import DomainError, Function, at
from ._second_differences import hessian, largest_curvature
from ._stationary import stationary_point
from ._step_size import largest_stable_rate

BOTTOMLESS = -1e300
"""A value of a path below which f is taken to fall without bound."""

DEEP = -1e100
"""The same of a last value before an overflow, for from there halves of a step may lead far back."""

CLOSE = 1e-8
"""Relative to θ: a trial that near which is outside the domain is turned back at its edge."""

UNCHANGED = 1e-3
"""Relative: f, or the length of its gradient, has hardly changed if by no more than this."""

FLAT = 1e-6
"""A curvature this small, by differences, may as well be 0."""

ARRIVED = 1e-6
"""Of the gradient's first length: where so little is left, the path has come to a stationary point, or nearly."""

RECENT = 21
"""Points at the end of a path that are searched for crossings of a kink."""

FEW = 10
"""Steps below which a path does not show where it leads."""

LEFT = 1e-3
"""Relative to what f has fallen: what it may still fall by at an end that is called a minimum."""

FLAT_VALLEY = 1e-4
"""A curvature, relative to the largest, so small that the way along it is called a flat valley."""

BOWL = " Features less their means and divided by their standard deviations make a bowl of the valley."

SMALL_RATE = 1e-2
"""Relative to the largest stable one."""


@dataclass(frozen=True, eq=False)
class Account:
    """A descent that is over, and what was asked of it.

    Attributes
    ----------
    function : Function
    symbol : str
        The letter for its value.
    learning_rate, momentum, nesterov, tol
        As asked for.
    points, values, gradients : ndarray of shape (n + 1, d), (n + 1,), (n + 1, d)
        The path.
    rate : float
        η at the last step, also where that led nowhere.
    """

    function: Function
    symbol: str
    learning_rate: Any
    momentum: float
    nesterov: bool
    tol: float | None
    points: Array
    values: Array
    gradients: Array
    rate: float

    def tell(self, status: Status, refusal: DomainError | None, where: Array) -> tuple[Status, str]:
        """The status of the path, and the sentences.

        Parameters
        ----------
        status : Status
            The loop's, which knows nothing of domains.
        refusal : DomainError or None
            Why there is no value or no gradient where the loop ended, or at the trial turned back last.
        where : ndarray of shape (d,)
            That place.
        """
        status, message = self._ending(status, refusal, where)
        if status in (Status.CONVERGED, Status.NOT_CONVERGED, Status.STEPS_DONE, Status.LIMIT):
            message += self._place_reached(status)
        jump = getattr(self.function, "_first_jump", _not_searched)(self.points)
        if jump is None:
            return status, message
        k, reason = jump
        return status, f"{message} Step {k} jumped across a place where {self.symbol} is not defined: {reason}."

    def _ending(self, status: Status, refusal: DomainError | None, where: Array) -> tuple[Status, str]:
        if status is Status.LIMIT:
            bottomless = self.values[-1] < BOTTOMLESS
            return (Status.UNBOUNDED, self._fall()) if bottomless else (status, self._limit(refusal, where))
        overflow = refusal is None or refusal.condition is None
        harmless = self.values[-1] <= self.values[0] and self.values[-1] > DEEP
        if status is Status.STOPPED and (harmless or not overflow):  # ∇f may also overflow where f is small
            return Status.NOT_DIFFERENTIABLE, self._kink(refusal)
        if status in (Status.STOPPED, Status.DIVERGED) and overflow:
            falls = self.values[-1] < BOTTOMLESS or self._falls_towards(where)
            return (Status.UNBOUNDED, self._fall()) if falls else (Status.DIVERGED, self._overflow())
        if status is Status.DIVERGED:
            return Status.LEFT_DOMAIN, self._edge(refusal)
        return status, self._end(status)

    @property
    def n_steps(self) -> int:
        """The number of steps taken."""
        return len(self.values) - 1

    @property
    def _name_of_rate(self) -> str:
        return (
            f"the learning rate {self.rate:.6g}" if callable(self.learning_rate) else f"learning_rate={self.rate:.6g}"
        )

    @property
    def _backtracking(self) -> str:
        return 'learning_rate="backtracking"' + (" with momentum=0" if self.momentum else "")

    @property
    def _rises(self) -> NDArray[np.intp]:
        """The steps after which f is larger."""
        return np.flatnonzero(self.values[1:] > self.values[:-1])

    def _length(self, k: int) -> float:
        return math.hypot(*self.gradients[k].tolist())  # whose squares may overflow

    def _kink(self, refusal: DomainError | None) -> str:
        f = self.symbol
        return (
            f"Step {self.n_steps} landed where {f} has no gradient to follow, and the path ends there: {refusal} "
            f"{f} is {self.values[-1]:.6g} there; at a kink that may be a minimum. Another learning_rate would pass "
            "beside it."
        )

    def _edge(self, refusal: DomainError | None) -> str:
        return (
            f"Step {self.n_steps + 1}, with {self._name_of_rate}, would leave the domain, and the path ends at the "
            f"last point inside: {refusal} Take a smaller learning_rate, or {self._backtracking}, whose points are "
            "all inside the domain."
        )

    def _fall(self) -> str:
        f = self.symbol
        return (
            f"{f} seems to fall without bound along the path: it is {self.values[-1]:.6g} at step {self.n_steps}, and "
            f"further on beyond float64. There is no minimum that way; start elsewhere."
        )

    def _overflow(self) -> str:
        only_gradient = bool(np.isnan(self.gradients[-1]).any())
        what, step = ("∇", self.n_steps) if only_gradient else ("", self.n_steps + 1)
        return (
            f"{what}{self.symbol} overflowed at step {step}: {self._name_of_rate} is too large. "
            f"{self._stable_rate()}Take a smaller learning_rate, or {self._backtracking}."
        )

    def _limit(self, refusal: DomainError | None, where: Array) -> str:
        f, theta = self.symbol, self.points[-1]
        if not self.gradients[0].any():
            return self._stationary()
        if refusal is not None and np.abs(where - theta).max() <= CLOSE * np.abs(theta).max():
            return (
                f"After {counted(self.n_steps)} the path has come to the edge of the domain, and −∇{f} leads across: "
                f"{refusal} {f} = {self.values[-1]:.6g}, ‖∇{f}‖ = {self._length(-1):.3g}: this is no minimum inside."
            )
        return (
            f"After {counted(self.n_steps)} no step along −∇{f} reduces {f} any more, as far as float64 resolves it: "
            f"{f} = {self.values[-1]:.6g}, ‖∇{f}‖ = {self._length(-1):.3g}."
        )

    def _end(self, status: Status) -> str:
        n, slope, first, last = self.n_steps, f"‖∇{self.symbol}‖", self._length(0), self._length(-1)
        if first == 0.0 and last == 0.0:
            return self._stationary()
        if status is Status.CONVERGED:
            return f"After {counted(n)} {slope} = {last:.3g}, which is at most tol = {self.tol:g}. {self._course()}"
        if status is Status.NOT_CONVERGED:
            above = f"{slope} = {last:.3g} is still above tol = {self.tol:g}"
            return f"{_taken(n)}, and {above}. {self._course()}"
        return f"{_taken(n)}; {slope} went from {first:.3g} to {last:.3g}. {self._course()}"

    def _stationary(self) -> str:
        """What a start is from which no step leads away."""
        f = self.symbol
        if self._is_bowl:
            return f"∇{f} = 0 at the start, which is a minimum of {f}: no step leads away from it."
        H = hessian(self.function, self.points[0])
        curvatures = np.zeros(1) if H is None else np.linalg.eigvalsh(H)
        least, most = float(curvatures[0]), float(curvatures[-1])
        flat = FLAT * max(1.0, -least, most)
        kind = "a minimum, a maximum or a saddle, which its second derivatives do not tell"
        if least < -flat and most > flat:
            kind = f"a saddle: {f} curves downwards in one direction and upwards in another"
        elif least > flat or most < -flat:
            kind = f"a {'minimum' if least > flat else 'maximum'}, at least of the points nearby"
        elsewhere = "" if least > flat else " Start elsewhere."
        return f"∇{f} = 0 at the start, and no step leads away from it. It is {kind}.{elsewhere}"

    def _course(self) -> str:
        """What became of f on the way."""
        f, first, last = self.symbol, self.values[0] + 0.0, self.values[-1] + 0.0  # -0 is 0
        rises = len(self._rises)
        if last > first and self._is_bowl and self._of_stable < 1.0:
            why = "momentum may carry a path up on its way" if self.momentum else "that is rounding"
            return f"{f} rose from {first:.6g} to {last:.6g}; {self._name_of_rate} is stable, and {why}."
        if last > first:
            return (
                f"{f} rose from {first:.6g} to {last:.6g}, although −∇{f} points downhill: {self._name_of_rate} is too "
                f"large. {self._stable_rate()}Take a smaller learning_rate, or {self._backtracking}."
            )
        went = f"{f} fell from {first:.6g} to {last:.6g}" if last < first else f"{f} is {last:.6g}, as at the start"
        rounding = self._is_bowl and not self.momentum and self._of_stable < 1.0  # J rises by nothing else
        went = f"{went}, rising at {rises} of the steps." if rises and not rounding else f"{went}."
        return went + self._unfit_rate()

    def _place_reached(self, status: Status) -> str:
        """What the end of the path is: across kinks, on the way down for ever, at a saddle or at a local minimum."""
        f, last = self.symbol, self._length(-1)
        crossed = getattr(self.function, "_kinks_crossed", _not_searched)(self.points[-RECENT:])
        if crossed is not None and status is not Status.CONVERGED:
            times, reason = crossed
            return (
                f" The path hops back and forth over a kink, {times} times in its last "
                f"{min(RECENT, self.n_steps + 1) - 1} steps, and no fixed rate comes to rest there: {reason}."
            )
        if status is Status.STEPS_DONE and self._falls_on():
            return f" {f} still falls and its slope does not shrink: along this path {f} may have no bottom."
        arrived = status is Status.CONVERGED or (
            last <= ARRIVED * self._length(0) and status is not Status.NOT_CONVERGED
        )
        if not self.gradients[0].any():
            return ""
        if arrived or self._is_bowl:
            valley = self._valley()
            if valley or not arrived:
                return valley
        elif not arrived:
            return ""
        if self._is_bowl:
            return f" The end is next to a minimum of {f}, and {f} has no lower values anywhere."
        theta, slope = self.points[-1], self.gradients[-1]
        found = stationary_point(theta, slope, lambda moved: hessian(self.function, moved), last)
        kind = "undecided" if found is None else found.kind
        return {
            "minimum": f" The end is next to a local minimum: {f} may be lower elsewhere.",
            "maximum": f" The end is next to a maximum of {f}, not a minimum. Start elsewhere.",
            "saddle": (
                f" The end is next to a saddle, not a minimum: {f} curves downwards in a direction that the path "
                "did not take. Start beside it."
            ),
        }.get(kind, " Second derivatives do not tell whether the end is a minimum.")

    def _valley(self) -> str:
        """Whether a short gradient hides a long way, along a curvature so small that steps hardly move on it."""
        f, fallen = self.symbol, max(float(self.values[0] - self.values[-1]), 0.0)
        curvatures, falls = self._falls()
        left = float(falls.sum())
        if not left > LEFT * fallen or self.n_steps < FEW:
            return ""
        flattest, steepest = float(curvatures[np.argmax(falls)]), float(curvatures.max())
        if not flattest < FLAT_VALLEY * steepest:
            return ""
        about = "" if self._is_bowl else "about "
        remedy = BOWL if getattr(self.function, "fit_intercept", False) else ""
        n_steps = (1.0 - self.momentum) / (self.rate * flattest)
        return (
            f" The end is not at a minimum, but in a flat valley: along it {f} would fall by {about}{left:.3g} more. "
            f"The curvature along it is {flattest:.3g} beside {steepest:.3g} across, so steps that are stable across "
            f"the valley hardly move along it: they need about {n_steps:.2g}.{remedy}"
        )

    def _falls(self) -> tuple[Array, Array]:
        """The curvatures at the end that are above 0, and by how much f falls along each, if it is a parabola."""
        here = self.points[-1]
        if hasattr(self.function, "falls"):  # to more digits than the Hessian has
            return self.function.falls(here)  # type: ignore[no-any-return]
        H = hessian(self.function, here)
        if H is None:
            return np.zeros(1), np.zeros(1)
        curvatures, directions = np.linalg.eigh(H)
        real = curvatures > len(here) * EPS * curvatures[-1]
        slopes = directions[:, real].T @ self.gradients[-1]
        return curvatures[real], slopes**2 / (2.0 * curvatures[real])

    def _falls_on(self) -> bool:
        """Whether f has fallen at each of the last steps, and its gradient has not become shorter on the way."""
        half = self.points.shape[0] // 2
        falls = self.n_steps >= FEW and bool((np.diff(self.values[half:]) < 0).all())
        return falls and self._length(-1) >= max(self._length(half), self._length(0)) > 0

    @property
    def _is_bowl(self) -> bool:
        """Whether f is a quadratic of known largest curvature, whose smallest is not below 0."""
        return hasattr(self.function, "curvature")

    @property
    def _of_stable(self) -> float:
        """A fixed rate, relative to the largest stable one of a bowl; NaN of other rates."""
        if callable(self.learning_rate) or isinstance(self.learning_rate, str):
            return math.nan
        L = largest_curvature(self.function, self.points[0]) or 0.0
        return self.rate / largest_stable_rate(L, self.momentum, self.nesterov)

    def _unfit_rate(self) -> str:
        """Whether a fixed rate is unstable in spite of the fall, very small, or just at the limit of stability."""
        fixed = not callable(self.learning_rate) and not isinstance(self.learning_rate, str)
        lengths = self._length(0), self._length(-1)
        if self._is_bowl and self._of_stable > 1.0 + UNCHANGED:
            return f" {self._name_of_rate} is too large all the same: more steps lead away. {self._stable_rate()}"[:-1]
        if not fixed or not math.isclose(*self.values[[0, -1]], rel_tol=UNCHANGED):
            return ""
        L = largest_curvature(self.function, self.points[0])
        if L is None or L <= 0 or not math.isclose(*lengths, rel_tol=UNCHANGED) or lengths[0] == 0:
            return ""
        of_stable = self.rate / largest_stable_rate(L, self.momentum, self.nesterov)
        if of_stable < SMALL_RATE:
            return f" Hardly anything changed, for {self._name_of_rate} is very small. {self._stable_rate()}{_take(L)}"
        if math.isclose(of_stable, 1.0, rel_tol=UNCHANGED):
            return f" {self._name_of_rate} is just at the limit of stability. {self._stable_rate()}{_take(L)}"
        return ""

    def _stable_rate(self) -> str:
        """Where f began to rise, its curvature and the largest stable rate."""
        k = int(self._rises[0]) if len(self._rises) else self.n_steps
        L = largest_curvature(self.function, self.points[k])
        if L is None:
            return ""
        where = f"At step {k}, {at(self.function.variables, self.points[k])}, "
        if L <= 0:
            return f"{where}{self.symbol} curves upwards in no direction, so that no rate is stable there. "
        stable = largest_stable_rate(L, self.momentum, self.nesterov)
        rule = "2/L" if not self.momentum else f"{stable * L:.3g}/L"
        if self._is_bowl:
            return (
                f"The largest curvature of {self.symbol} is L = {L:.3g}, the same everywhere: the largest stable rate "
                f"is {rule} = {stable:.3g}. "
            )
        return (
            f"{where}the largest curvature of {self.symbol} is about L = {L:.3g}: near there the largest stable rate "
            f"is about {rule} = {stable:.3g}. "
        )

    def _falls_towards(self, where: Array) -> bool:
        """Whether f is far down where it last has a value, on the way to the step that overflowed."""
        here = self.points[-1]
        if self._is_bowl:
            return False
        step = np.clip(where, -1e307, 1e307) - here
        while np.isfinite(step).all() and (here + step != here).any():
            value = float(self.function(here + step, outside="nan"))
            if np.isfinite(value):
                return value < DEEP
            step = step / 2.0
        return False


def _not_searched(path: Array) -> None:
    """What a function without a domain finds along a path: neither jumps nor kinks."""


def counted(n: int) -> str:
    """So many steps."""
    return "1 step" if n == 1 else f"{n} steps"


def _taken(n: int) -> str:
    return "The step was taken" if n == 1 else f"All {n} steps were taken"


def _take(L: float) -> str:
    return f"Take about 1/L = {1.0 / L:.3g}."
