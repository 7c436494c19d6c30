"""The error on held-out rows along a descent in closed form: a quadratic in the modes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._blocks import Array
from ._early_stopping import CHUNK, DENSE, Watch, watch_curve
from ._modes import ModalSpace
from ._objective import QuadraticObjective
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
        cls, objective: QuadraticObjective, modes: ModalSpace, start: Array, precise: QuadraticObjective | None = None
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
        return self._displacement(*recurrence.powers(steps))

    def _displacement(self, left: Array, done: Array) -> Array:
        return np.where(self.strong[:, 0], -left, done)[:, :, None] * self.gap

    def values(self, u: Array) -> Array:
        """v at each displacement of shape (n, m, t)."""
        return self.value + _products(u, self.gradient + 0.5 * self._times_hessian(u))

    def changes(self, recurrence: Recurrence, steps: Sequence[int]) -> Array:
        """v(θ_{k+1}) − v(θ_k) for each k of `steps`."""
        left, done, advance = recurrence.advances(steps)
        step = advance[:, :, None] * self.gap
        return self._difference(self._displacement(left, done), step)

    def differences(self, recurrence: Recurrence, start: int, steps: Sequence[int]) -> Array:
        """v(θ_k) − v(θ_start) for each k of `steps`, none of them before `start`."""
        step = recurrence.falls(start, [k - start for k in steps])[:, :, None] * self.gap
        return self._difference(self.displacement(recurrence, [start]), step)

    def _difference(self, u: Array, step: Array) -> Array:
        """v(u + step) − v(u)."""
        return _products(step, self.gradient + self._times_hessian(u + 0.5 * step))

    def _times_hessian(self, u: Array) -> Array:
        """Hu for each u, in one product."""
        n, m, t = u.shape
        product = self.hessian @ u.transpose(1, 0, 2).reshape(m, n * t)
        return np.asarray(product.reshape(m, n, t).transpose(1, 0, 2))

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


def _products(u: Array, v: Array) -> Array:
    return np.asarray(np.einsum("nmt,nmt->n", u, v))
