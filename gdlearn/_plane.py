r"""Plane: descent by the best step in the plane of −∇J and the last step, for a quadratic J on rows.

.. math::  \theta \leftarrow \theta + s, \qquad s \leftarrow \beta s - \eta\nabla J(\theta)

with the η and β that together minimise J at every step, for each target its own. It is momentum whose two numbers are
found instead of chosen, and in exact arithmetic the method of conjugate gradients. Predictions are linear in θ, so they
move with it: a step costs one product with X and one with its transpose, J comes for nothing, and no L is needed.

References
----------
Hestenes, Stiefel (1952), *Methods of conjugate gradients for solving linear systems*, J. Res. NBS 49.
https://doi.org/10.6028/jres.049.044
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import numpy as np
from scipy.linalg import eigvalsh_tridiagonal

from ._arrays import EPS, Array
from ._descent import Status
from ._objective import Iterate
from ._row_objective import RowObjective

REFRESHED = 50
"""Steps after which the residuals are computed anew, so that rounding does not add up in them."""

GAINS, PARTS = 5, 4
"""Steps whose gains are looked at together, or that part of all so far: who has crawled for long may be in a lull."""

LITTLE = 1e-10
"""What all further steps may gain, relative to the variance of the target, where it is too little to go on for."""

SPANNED, FALLEN = 15, 1e-8
"""Gradients that tell the largest curvature, and their length relative to the first below which they tell rounding."""


class PlaneSteps:
    """The iterates from `start`, each with the η that led to it (the largest where targets have one each).

    Parameters
    ----------
    objective : RowObjective
    start : ndarray of shape (p, t)
    """

    def __init__(self, objective: RowObjective, start: Array) -> None:
        self._objective, self._start = objective, start
        self._seen: list[tuple[Array, Array, Array]] = []

    def __iter__(self) -> Iterator[tuple[Iterate, float]]:
        """Take the steps; there is no last one."""
        objective, theta = self._objective, self._start
        last, eta = np.zeros(theta.shape[1]), np.full(theta.shape[1], np.nan)
        r = objective.residual(theta)
        step, moved, rest = np.zeros_like(theta), np.zeros_like(r), np.empty_like(r)
        for k in count():
            if k and k % REFRESHED == 0:
                r = objective.residual(theta)
            point = Iterate(k, theta, *objective.at_residual(r, theta))
            yield point, float(np.max(eta))
            # Divided by its largest entry, so that squares neither overflow nor vanish.
            size = np.abs(point.gradient).max(axis=0)
            g = point.gradient / np.where(size > 0, size, 1.0)
            q = objective.change(g)
            length, uphill = _dots(g, g), _dots(g, step)
            # The part of −∇J that is conjugate to the last step, and the best step along each of the two.
            along = _ratio(objective.inner(q, moved, g, step), last)
            rest = np.subtract(q, np.multiply(moved, along, out=rest), out=rest)
            new = g - step * along
            curvature = objective.inner(rest, rest, new, new)
            square = curvature + along * along * last
            spoilt = curvature <= EPS * square  # nothing but rounding is left of it: then −∇J itself
            along, curvature = np.where(spoilt, 0.0, along), np.where(spoilt, square, curvature)
            ahead = -_ratio(0.5 * size * uphill, last)  # nearly 0, for the last step was the best along itself
            eta = _ratio(0.5 * size * (length - along * uphill), curvature)
            beta = eta * along + ahead
            step = beta * step - eta * g
            moved *= beta  # in place: what is as long as y takes longer to allocate than to add
            moved -= np.multiply(q, eta, out=q)
            anew = objective.inner(moved, moved, step, step)
            last = np.where(spoilt, anew, eta * eta * curvature + ahead * ahead * last)
            r -= moved
            theta, eta = theta + step, _ratio(eta, size)
            self._seen.append((size * np.sqrt(length), 2.0 * _ratio(square, length), eta))

    @property
    def curvature(self) -> float | None:
        """An estimate of L: the largest eigenvalue of ∇²J in the space of the gradients; None where they are few.

        In the basis of the gradients ∇²J is tridiagonal, as long as they are not rounding.
        """
        if len(self._seen) < SPANNED:
            return None
        length, diagonal, eta = np.array(self._seen).swapaxes(0, 1)
        beside = _ratio(length[1:], eta[:-1] * length[:-1])
        largest = []
        for i, fallen in enumerate((length < FALLEN * length[0]).T):
            n = int(np.argmax(fallen)) if fallen.any() else len(fallen)
            if n < SPANNED:
                return None
            last = {"select": "i", "select_range": (n - 1, n - 1)}
            largest.append(eigvalsh_tridiagonal(diagonal[:n, i], beside[: n - 1, i], **last)[0])
        return float(max(largest))


class LittleToGain:
    """The first step from which on J can fall by next to nothing, for every target, if it goes on as it did.

    Where n steps gain q times what the n before did, all that follow gain q + q² + ... = q/(1 − q) of what they did.
    n is a quarter of all steps, and 5 at least.

    Parameters
    ----------
    variance : ndarray of shape (t,)
        What gains are compared with.
    """

    def __init__(self, variance: Array) -> None:
        self._little = LITTLE * variance
        self._gains: list[Array] = []
        self._before: Iterate | None = None

    def __call__(self, iterate: Iterate, rate: float) -> Status | None:
        """See the next iterate, from the start on."""
        if self._before is not None:
            # Of a quadratic, from the gradients at both ends: a difference of J would cancel.
            slope = 0.5 * (iterate.gradient + self._before.gradient)
            self._gains.append(_dots(self._before.theta - iterate.theta, slope))
        self._before = iterate
        n = max(GAINS, len(self._gains) // PARTS)
        if len(self._gains) < 2 * n:
            return None
        gains = np.array(self._gains[-2 * n :])
        early, late = gains[:n].sum(axis=0), gains[n:].sum(axis=0)
        is_little = (late * late <= self._little * (early - late)) | (late <= EPS * self._little)
        return Status.LITTLE_TO_GAIN if is_little.all() else None


def _dots(a: Array, b: Array) -> Array:
    """The products aᵀb, target by target."""
    return np.asarray(np.einsum("it,it->t", a, b))


def _ratio(a: Array, b: Array) -> Array:
    """a/b, and 0 where b is 0."""
    return np.divide(a, b, out=np.zeros_like(a), where=b > 0)
