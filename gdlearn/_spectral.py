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
from ._descent import LARGEST_FLOAT, Descent, Observer, Status, recorded_steps
from ._early_stopping import DENSE, HeldOut, Watch, first_in, watch_changes
from ._modes import EPS
from ._objective import Iterate, Objective

FAR = 2**200
"""No descent whose modes float64 can tell from zero takes more steps than this."""

WEAK = 1e-6
"""λ/λ_max below which a mode is taken for weak: one that few descents bring to its optimum."""

LONGEST_OSCILLATION = 1_000_000
"""Steps after which early stopping takes an oscillation for slow, whatever is left of it."""


class ModalSpace(Protocol):
    """What the closed form asks of the modes, however they were found."""

    @property
    def eigenvalues(self) -> Array:
        """λ, of shape (m,)."""

    @property
    def optimum(self) -> Array:
        """z*, of shape (m, t)."""

    @property
    def minimum(self) -> Array:
        """J at the optimum, target by target."""

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
        k = _as_floats(steps)
        exponent: Array = k[:, None] * self.log_rho
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
    def oscillation(self) -> int:
        """The number of steps that it takes the modes which overshoot to die away, `LONGEST_OSCILLATION` at most."""
        h = self.h[~self.monotone()]
        pull = self.beta * h if self.nesterov else 0.0 * h
        half = (1.0 + self.beta - h - pull) / 2.0 + 0j
        root = np.sqrt(half**2 - (self.beta - pull))
        radius = float(np.maximum(np.abs(half + root), np.abs(half - root)).max(initial=0.0))
        if radius == 0.0:
            return 0
        return int(min(np.log(EPS) / np.log(radius), LONGEST_OSCILLATION)) if radius < 1 else LONGEST_OSCILLATION


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
    while k <= most:
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


def gradient_square(modes: ModalSpace, gap: Array) -> Array:
    """The weights of e² in ‖∇J‖², of shape (m, t), after a start that misses the optimum by `gap`."""
    return (2.0 * modes.eigenvalues[:, None] * gap) ** 2


@dataclass(frozen=True, eq=False)
class HeldOutInModes:
    r"""The error on other rows as a quadratic in the modes, about a point that none of the iterates is far from.

    .. math::  v(\theta_r + Vu) = v_r + g^Tu + \tfrac12 u^THu

    In θ_r the strong modes have arrived and the weak ones are still at the start: so u, of strong modes what is left of
    their error and of weak ones what is done, never is the difference of large numbers.

    Attributes
    ----------
    gap : ndarray of shape (m, t)
        By how much the start misses the optimum.
    strong : ndarray of shape (m, 1), bool
    value : float
        v_r.
    gradient : ndarray of shape (m, t)
        Vᵀ∇v(θ_r).
    hessian : ndarray of shape (m, m)
        Vᵀ∇²vV.
    """

    gap: Array
    strong: NDArray[np.bool_]
    value: float
    gradient: Array
    hessian: Array

    @classmethod
    def of(
        cls, objective: Objective, modes: ModalSpace, start: Array, precise: Objective | None = None
    ) -> HeldOutInModes:
        """From the error as a function of theta, for descents from `start`; v_r and g from `precise` where given."""
        gap = modes.optimum - modes.coordinates(start)
        strong = (modes.eigenvalues > WEAK * modes.eigenvalues.max(initial=0.0))[:, None]
        point = start + modes.combine(np.where(strong, gap, 0.0))
        vectors = modes.combine(np.eye(len(gap)))
        return cls(
            gap=gap,
            strong=strong,
            value=(precise or objective).value(point),
            gradient=modes.coordinates((precise or objective).gradient(point)),
            hessian=modes.coordinates(objective.hessian_product(vectors)),
        )

    def displacement(self, recurrence: Recurrence, steps: Sequence[int]) -> Array:
        """u at each step, of shape (len(steps), m, t)."""
        left, done = recurrence.powers(steps)
        return np.where(self.strong[:, 0], -left, done)[:, :, None] * self.gap

    def values(self, u: Array) -> Array:
        """v at each displacement of shape (n, m, t)."""
        return self.value + _products(u, self.gradient + 0.5 * self._times_hessian(u))

    def changes(self, recurrence: Recurrence, steps: Sequence[int]) -> Array:
        """v(θ_{k+1}) − v(θ_k) for each k of `steps`."""
        advance = recurrence.decrements(steps)[:, :, None] * self.gap
        middle = self.displacement(recurrence, steps) + 0.5 * advance
        return _products(advance, self.gradient + self._times_hessian(middle))

    def _times_hessian(self, u: Array) -> Array:
        """Hu for each u, in one product."""
        n, m, t = u.shape
        product = self.hessian @ u.transpose(1, 0, 2).reshape(m, n * t)
        return np.asarray(product.reshape(m, n, t).transpose(1, 0, 2))

    def watch(self, recurrence: Recurrence, patience: int, last: int) -> Watch:
        """Where early stopping ends, and its best step."""
        dense = max(DENSE, recurrence.oscillation)
        return watch_changes(lambda steps: self.changes(recurrence, steps), patience, last, dense)


def first_stop(
    modes: ModalSpace, theta: Array, recurrence: Recurrence, rate: float, steps: Sequence[int], observe: Observer
) -> int | None:
    """The first of the steps at which the observer asks to stop; None where it never does."""
    gap = modes.optimum - modes.coordinates(theta)
    minimum, weight = float(modes.minimum.sum()), (modes.eigenvalues[:, None] * gap**2).sum(axis=1)
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


def _products(u: Array, v: Array) -> Array:
    return np.asarray(np.einsum("nmt,nmt->n", u, v))


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
