"""The error on held-out rows along a descent in closed form: a quadratic in the modes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ._arrays import EPS, Array, beyond_float64
from ._early_stopping import CHUNK, DENSE, RELIABLE, HeldOut, Watch, watch_curve
from ._objective import ModalSpace, QuadraticObjective, moved
from ._quadratic import Quadratic
from ._recurrence import Recurrence

WEAK = 1e-6
"""λ/λ_max below which a mode is taken for weak: one that few descents bring to its optimum."""

ELEMENTS = 2**18
"""Elements in the arrays of steps looked at together: 2 MB, which cache holds."""


@dataclass(frozen=True, eq=False)
class HeldOutInModes:
    r"""The error on other rows as a quadratic in the modes, about a point that none of the iterates is far from.

    .. math::  v(\theta_r + Vu) = v_r + g^Tu + \tfrac12 u^THu

    In θ_r the strong modes have arrived and the weak ones are still at the start: so u, of strong modes what is left of
    their error and of weak ones what is done, never is the difference of large numbers.

    Attributes
    ----------
    held_out : HeldOut
    modes : ModalSpace
    start : ndarray of shape (p, t)
    gap : ndarray of shape (m, t)
        By how much the start misses the optimum.
    strong : ndarray of shape (m, 1), bool
    value : float
        v_r.
    gradient : ndarray of shape (m, t)
        Vᵀ∇v(θ_r), times each target's share.
    hessian : ndarray of shape (m, m)
        Vᵀ∇²vV.
    size : ndarray of shape (m,)
        ‖diag(rms x) v_i‖: moments round what they say of mode i as coarsely as if x varied by this along it. Zeros
        where the error is known by rows.
    offset : ndarray of shape (m, t) or 0
        By how much the gap exceeds that with which θ_r was found: it differs where a penalty has moved the optimum.
    """

    held_out: HeldOut
    modes: ModalSpace
    start: Array
    gap: Array
    strong: NDArray[np.bool_]
    value: float
    gradient: Array
    hessian: Array
    size: Array
    offset: Array | float = 0.0

    @classmethod
    def of(cls, held_out: HeldOut, modes: ModalSpace, start: Array) -> HeldOutInModes:
        """For descents from `start`; v_r and g from the rows where moments do not hold their digits."""
        gap = modes.gap(start)
        strong = (modes.eigenvalues > WEAK * modes.eigenvalues.max(initial=0.0))[:, None]
        point = start + modes.combine(np.where(strong, gap, 0.0))
        objective: QuadraticObjective = held_out.objective
        if isinstance(objective, Quadratic):
            rounding = EPS * float(held_out.target_share @ objective.rounding(point))
            if rounding > RELIABLE * objective.value(point):
                objective = held_out.on_rows()
        vectors = modes.combine(np.eye(len(gap)))
        size = np.zeros(len(gap))
        if isinstance(held_out.objective, Quadratic):
            size = np.sqrt((vectors.T**2) @ (held_out.objective.hessian().diagonal() / 2.0))
        with beyond_float64():
            return cls(
                held_out=held_out,
                modes=modes,
                start=start,
                gap=gap,
                strong=strong,
                value=objective.value(point),
                gradient=modes.coordinates(objective.gradient(point)) * held_out.target_share,
                hessian=modes.coordinates(held_out.objective.hessian_product(vectors)),
                size=size,
            )

    def towards(self, gap: Array) -> HeldOutInModes:
        """The same for a descent with the same modes to another optimum, which the start misses by `gap`."""
        return replace(self, gap=gap, offset=gap - (self.gap - self.offset))

    def displacement(self, recurrence: Recurrence, steps: Sequence[int]) -> Array:
        """u at each step, of shape (len(steps), m, t)."""
        left, done = recurrence.powers(steps)
        return self._displacement(left, lambda: done)

    def _displacement(self, left: Array, done: Callable[[], Array]) -> Array:
        """u where so much of the way of each mode is left and done, which is asked for where a mode is weak."""
        with beyond_float64():
            if self.strong.all():
                u = left[..., None] * -self.gap
            else:
                u = np.where(self.strong[:, 0], -left, done())[..., None] * self.gap
            if np.any(self.offset):
                u += np.where(self.strong, self.offset, 0.0)
            return np.asarray(u)

    def errors(self, candidates: Sequence[tuple[Recurrence, Sequence[int]]]) -> Array:
        """v at the steps of each descent, one after another; from the rows where the terms in the modes cancel."""
        powers = [recurrence.powers(steps) for recurrence, steps in candidates]
        left, done = (np.concatenate(part) for part in zip(*powers, strict=True))
        return self.errors_at(left, lambda: done)

    def errors_at(self, left: Array, done: Callable[[], Array]) -> Array:
        """v where so much of the way of each mode is left and done, both of shape (..., m): of the shape before m.

        What is done is not 1 − left to all digits, and is asked for where these are needed.
        The gap is of shape (m, t), or broadcasts to (..., m, t) where each descent has its own optimum, see `towards`.
        """
        with beyond_float64():
            u = self._displacement(left, done)
            shape, (m, t) = u.shape[:-2], u.shape[-2:]
            u = u.reshape(math.prod(shape), m, t)
            slope = self._times(0.5 * self.hessian, u)
            slope += self.gradient
            values = self.value + self._products(u, slope)
            # A bound first, for |H_ij|² ≤ H_ii H_jj: only where it does not do, the terms themselves are added up.
            near = np.flatnonzero(self._may_be_lost(values, self._bound_on_terms(u)))
            if len(near):
                lost = near[self._may_be_lost(values[near], self._terms(u[near]))]
                if len(lost):
                    values[lost] = self._errors_on_rows(done(), lost)
        return np.asarray(values.reshape(shape))

    def _may_be_lost(self, values: Array, terms: Array) -> NDArray[np.bool_]:
        """Where an error is too small beside the terms that it is the sum of, so that their rounding shows in it."""
        return ~(EPS * (abs(self.value) + terms) <= RELIABLE * values) & np.isfinite(terms)

    def _bound_on_terms(self, u: Array) -> Array:
        """A number no less than `_terms`, at a lower price."""
        n, m, t = u.shape
        root = np.sqrt(np.maximum(self.hessian.diagonal(), 0.0))
        size = np.abs(u)
        sums = size.transpose(0, 2, 1).reshape(n * t, m) @ np.column_stack([root, self.size])
        by_hessian, by_moments = (sums**2).reshape(n, t, 2).transpose(2, 0, 1) @ self.held_out.target_share
        by_gradient = size.reshape(n, m * t) @ np.abs(self.gradient).ravel()
        bound: Array = by_gradient + 0.5 * by_hessian + by_moments + 2.0 * np.sqrt(by_moments * abs(self.value))
        return bound

    def _terms(self, u: Array) -> Array:
        """The size of what is added up to v, and of what moments round of it."""
        size = np.abs(u)
        terms = self._products(size, np.abs(self.gradient) + 0.5 * self._times(np.abs(self.hessian), size))
        rounded = np.einsum("nmt,m,t->n", size**2, self.size**2, self.held_out.target_share)
        return np.asarray(terms + rounded + 2.0 * np.sqrt(rounded * abs(self.value)))

    def _errors_on_rows(self, done: Array, lost: NDArray[np.intp]) -> Array:
        """v at some of the points, by the rows."""
        gap = np.broadcast_to(self.gap, (*done.shape, self.gap.shape[-1])).reshape(-1, *self.gap.shape[-2:])
        points = moved(self.modes, self.start, gap[lost], done.reshape(-1, done.shape[-1])[lost])
        return np.asarray(self.held_out.on_rows().errors(points) @ self.held_out.target_share)

    def changes(self, recurrence: Recurrence, steps: Sequence[int]) -> Array:
        """v(θ_{k+1}) − v(θ_k) for each k of `steps`."""
        left, done, advance = recurrence.advances(steps)
        return self._difference(self._displacement(left, lambda: done), advance)

    def differences(self, recurrence: Recurrence, start: int, steps: Sequence[int]) -> Array:
        """v(θ_k) − v(θ_start) for each k of `steps`, none of them before `start`."""
        fall = recurrence.falls(start, [k - start for k in steps])
        return self._difference(self.displacement(recurrence, [start]), fall)

    def _difference(self, u: Array, fall: Array) -> Array:
        """v(u + step) − v(u), where the error of each mode falls by the part `fall` of what it was at the start."""
        with beyond_float64():
            step = fall[:, :, None] * self.gap
            return self._products(step, self.gradient + self._times(self.hessian, u + 0.5 * step))

    def _times(self, H: Array, u: Array) -> Array:
        """Hu for each u, times each target's share, in one product; H is symmetric."""
        n, m, t = u.shape
        product = (u.transpose(0, 2, 1).reshape(n * t, m) @ H).reshape(n, t, m).transpose(0, 2, 1)
        product *= self.held_out.target_share
        return np.asarray(product)

    def _products(self, u: Array, v: Array) -> Array:
        return np.asarray(np.einsum("nmt,nmt->n", u, v))

    def watch(self, recurrence: Recurrence, patience: int, last: int) -> Watch:
        """Where early stopping ends, and its best step."""
        return watch_curve(Curve(self, recurrence), patience, last, max(DENSE, recurrence.oscillation))


@dataclass(frozen=True, eq=False)
class Curve:
    """The error along one descent."""

    held_out: HeldOutInModes
    recurrence: Recurrence

    @property
    def at_once(self) -> int:
        """How many steps to ask for at once, at most."""
        return max(CHUNK, min(ELEMENTS // max(self.held_out.gap.size, 1), 16 * CHUNK))

    def changes(self, steps: Sequence[int]) -> Array:
        """v(θ_{k+1}) − v(θ_k) for each k."""
        return self.held_out.changes(self.recurrence, steps)

    def differences(self, start: int, steps: Sequence[int]) -> Array:
        """v(θ_k) − v(θ_start) for each k >= start."""
        return self.held_out.differences(self.recurrence, start, steps)
