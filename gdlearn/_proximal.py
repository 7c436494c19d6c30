r"""Proximal: the minimum of a squared error with an L1 penalty, column by column, to the last digit.

.. math::  J(\theta) = \sigma^2 - 2b^T\theta + \theta^TS\theta + \sum_j r_j\theta_j^2 + 2\sum_j t_j|\theta_j|

A column has its own b, r and t: there is one for each target, or for each target and α. Accelerated proximal steps find
out which slopes are 0 and the signs of the others. If they are known, J is a parabola, whose minimum a linear system
gives: an exchange solves it, and again with other zeros and signs, as long as fewer of them are wrong each time.
That may fail where features are nearly collinear. Then finishing steps go from the start on, feature by feature, each
towards the minimum of the present parabola as far as J falls: there are finitely many parabolas, so they arrive.

References
----------
Beck, Teboulle (2009), *A fast iterative shrinkage-thresholding algorithm*. https://doi.org/10.1137/080716542
O'Donoghue, Candès (2015), *Adaptive restart for accelerated gradient schemes*.
https://doi.org/10.1007/s10208-013-9150-3
Kim, Park (2010), *Fast active-set-type algorithms for L1-regularized linear regression*, AISTATS: the exchange.
Lee, Battle, Raina, Ng (2007), *Efficient sparse coding algorithms*, NIPS 19: the finishing steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from itertools import count, repeat
from typing import Any

import numpy as np

from ._arrays import EPS, Array
from ._objective import Iterate
from ._penalty import Penalty
from ._slopes import Slopes, lowest, solved

ROUNDS = 20
"""Finishing steps in a row, after the accelerated ones; both double each time they have not been enough."""

EXCHANGES = 10
"""Most exchanges of zeros and signs in one step."""

WORST = 0.9
"""Slopes that leave 0 together: those that the certificate calls at least that part as wrong as the worst."""

ROUNDING = 4.0
"""What the rounding of a partial derivative may come to, in units of ε times its terms."""

SLACK = 1e-6
"""By which part J, a difference of squares, may be below the penalty that it holds."""

SOLVED = 1e-3
"""What a linear system may miss of its right side, relative to t; it misses more where a parabola falls for ever."""

TINY = float(np.finfo(np.float64).tiny)


@dataclass
class _Columns:
    """Where some columns are, as arrays of shape (d, m) or (m,); the slope is half the gradient of the smooth part."""

    place: Any  # among all columns
    b: Array
    square: Array
    r: Array
    t: Array
    eta: Array
    theta: Array
    slope: Array
    move: Array  # what the last step has added to θ
    turn: Array  # and to the slope
    clock: Array  # of the acceleration

    def some(self, chosen: Any) -> _Columns:
        """A copy of these columns alone."""
        return _Columns(*(np.ascontiguousarray(getattr(self, field.name)[..., chosen]) for field in fields(self)))

    def value(self) -> Array:
        """J of each column."""
        smooth = np.einsum("ji,ji->i", self.theta, self.slope - self.b)
        return np.asarray(self.square + smooth + 2.0 * np.einsum("ji,ji->i", self.t, np.abs(self.theta)))

    def extrapolated(self) -> tuple[Array, Array]:
        """Where momentum leads, and the slope there, which is linear in θ."""
        clock = 0.5 + np.sqrt(0.25 + self.clock * self.clock)
        beta = (self.clock - 1.0) / clock
        self.clock = clock
        return self.theta + beta * self.move, self.slope + beta * self.turn

    def go_to(self, theta: Array, slope: Array) -> None:
        """Move to θ with this slope."""
        self.move, self.turn = theta - self.theta, slope - self.slope
        self.theta, self.slope = theta, slope

    def go_if_lower(self, theta: Array, slope: Array, some: Any) -> None:
        """Move some columns to θ, but only those whose J falls by that; their momentum starts again."""
        here = self.theta[:, some]
        # From the slopes at both ends, for a difference of J would cancel.
        rise = np.einsum("ji,ji->i", theta - here, slope + self.slope[:, some])
        t, length = self.t[:, some], np.abs(theta)
        rise += 2.0 * np.einsum("ji,ji->i", t, length - np.abs(here))
        # J is not below the penalty: so it is told, where θ is huge, what is nothing but rounding.
        lower = (rise < 0) & (2.0 * np.einsum("ji,ji->i", t, length) <= (1.0 + SLACK) * self.value()[some])
        if lower.any():
            moved = some[lower]
            self.theta, self.slope = self.theta.copy(), self.slope.copy()  # an iterate may hold the old ones
            self.theta[:, moved], self.slope[:, moved] = theta[:, lower], slope[:, lower]
            self.clock[moved] = 1.0


class ProximalSteps:
    """The iterates from `start`, each with the η of the proximal steps (the largest where columns have one each).

    There is a last one: the first from which no step leads further down, but for rounding. Exchanges and finishing
    steps never raise J; a finishing step that has not come below the accelerated ones yet repeats the last iterate.

    Parameters
    ----------
    slopes : Slopes
        The smooth part of J.
    penalty : Penalty
        Its arrays broadcast to (d, m), and its `lasso` is nowhere 0.
    start : ndarray of shape (d, m)
    share : ndarray of shape (m,), optional
        What each column counts in the value of an iterate.
    """

    def __init__(self, slopes: Slopes, penalty: Penalty, start: Array, share: Array | float = 1.0) -> None:
        self._slopes, self._penalty, self._start, self._share = slopes, penalty, start, share

    def _at_start(self) -> _Columns:
        """All columns where they start."""
        slopes, start, m = self._slopes, self._start, self._start.shape[1]
        ridge, lasso = (np.broadcast_to(size, start.shape) for size in (self._penalty.ridge, self._penalty.lasso))
        eta = 0.5 / np.maximum(slopes.curvature + ridge.max(axis=0), TINY)
        slope = slopes.product(start) + ridge * start - slopes.cross
        still, one = np.zeros(start.shape), np.ones(m)
        columns = _Columns(
            np.arange(m), slopes.cross, slopes.square, ridge, lasso, eta, start, slope, still, still, one
        )
        return columns.some(columns.place)

    def __iter__(self) -> Iterator[tuple[Iterate, float]]:
        """Take the steps."""
        columns = self._at_start()
        finishing = columns.some(columns.place)
        rate, steps, may_arrive = np.nan, self._kinds(), True
        (d, m), values = columns.theta.shape, np.empty_like(columns.square)
        theta, gradient = np.empty((d, m)), np.empty((d, m))
        for k in count():
            values[columns.place] = columns.value()
            if len(columns.place) == m:
                theta, gradient = columns.theta, 2.0 * columns.slope
            else:
                theta, gradient = theta.copy(), gradient.copy()
                theta[:, columns.place], gradient[:, columns.place] = columns.theta, 2.0 * columns.slope
            yield Iterate(k, theta, float(np.sum(self._share * values)), gradient), rate
            if may_arrive:
                left = ~self._have_arrived(columns)
                if not left.any():
                    return
                if not left.all():  # products are worth their time for these alone
                    columns, finishing = columns.some(left), finishing.some(left)
            step = next(steps)
            step(columns, finishing)
            rate, may_arrive = float(columns.eta.max()), step != self._accelerated_step

    def _kinds(self) -> Iterator[Callable[[_Columns, _Columns], None]]:
        """The kind of each step."""
        if self._start.any():  # its signs may be right already
            yield self._exchange
        for phase in count():
            yield from repeat(self._accelerated_step, self._slopes.settling << phase)
            yield self._exchange
            yield from repeat(self._finishing_step, ROUNDS << phase)

    def _slope(self, columns: _Columns, theta: Array) -> Array:
        """Half the gradient of the smooth part at θ."""
        slope = self._slopes.product(theta)
        slope += columns.r * theta
        slope -= columns.b
        return slope

    def _rounding(self, columns: _Columns) -> Array:
        """What rounding may do to the slope."""
        return rounding(self._slopes, columns.b, columns.r, columns.theta)

    def _have_arrived(self, columns: _Columns) -> Any:
        """Which columns fulfil the condition of a minimum as far as rounding lets them."""
        theta, slope, t = columns.theta, columns.slope, columns.t
        miss = np.where(theta == 0, np.abs(slope) - t, np.abs(slope + t * np.sign(theta)))
        return (miss <= self._rounding(columns)).all(axis=0)

    def _accelerated_step(self, columns: _Columns, finishing: _Columns) -> None:
        """A proximal step from where momentum leads, which starts again once it leads uphill."""
        theta, slope = columns.extrapolated()
        z = theta - 2.0 * columns.eta * slope
        most = 2.0 * columns.eta * columns.t
        after = z - np.maximum(np.minimum(z, most), -most)
        columns.go_to(after, self._slope(columns, after))
        theta -= after
        columns.clock[np.einsum("ji,ji->i", theta, columns.move) > 0] = 1.0

    def _exchange(self, columns: _Columns, finishing: _Columns) -> None:
        """Solve for the zeros and signs of each column, and exchange the wrong ones as long as they grow fewer.

        Two exchanges are compared, for one alone may let go of many features that the next takes back.
        """
        limit = columns.t + self._rounding(columns)
        beyond = np.where(np.abs(columns.slope) > limit, -np.sign(columns.slope), 0.0)
        sign = np.where(columns.theta == 0, beyond, np.sign(columns.theta))
        some, pending = np.arange(len(columns.place)), columns
        before = last = np.full(len(some), np.inf)
        for _ in range(EXCHANGES):
            theta = self._minima(pending, sign)
            slope = self._slope(pending, theta)
            columns.go_if_lower(theta, slope, some)
            is_wrong = (theta * sign < 0) | ((sign == 0) & (np.abs(slope) > limit))
            n_wrong = np.count_nonzero(is_wrong, axis=0)
            right, fewer = n_wrong == 0, (n_wrong > 0) & (n_wrong < before)
            finishing.go_if_lower(theta[:, right], slope[:, right], some[right])  # if only rounding is left to do
            if not fewer.any():
                return
            sign = np.where(is_wrong, np.where(sign == 0, -np.sign(slope), 0.0), sign)[:, fewer]
            some, pending, limit = some[fewer], pending.some(fewer), limit[:, fewer]
            before, last = last[fewer], n_wrong[fewer]

    def _minima(self, columns: _Columns, sign: Array) -> Array:
        """The minimum of the parabola with these zeros and signs, for each column; NaN where it has none."""
        theta, right = np.zeros(sign.shape), columns.b - columns.t * sign
        for i in range(sign.shape[1]):
            support = sign[:, i].nonzero()[0]
            if len(support) > self._slopes.largest_support:
                theta[:, i] = np.nan
            elif len(support):
                G, g = _with_ridge(self._slopes.gram(support), columns.r[support, i]), right[support, i]
                x = solved(G, g)
                is_solved = (np.abs(G @ x - g) <= SOLVED * columns.t[support, i]).all()
                theta[support, i] = x if is_solved else np.nan
        return theta

    def _finishing_step(self, columns: _Columns, finishing: _Columns) -> None:
        """Each column towards the minimum of the parabola on which it is."""
        theta, rounded = finishing.theta.copy(), self._rounding(finishing)
        for i in range(len(finishing.place)):
            column = (array[:, i] for array in (finishing.slope, finishing.r, finishing.t, rounded))
            _finish(self._slopes, theta[:, i], *column)
        everywhere = np.arange(len(finishing.place))
        finishing.go_if_lower(theta, self._slope(finishing, theta), everywhere)
        columns.go_if_lower(finishing.theta, finishing.slope, everywhere)


def rounding(slopes: Slopes, b: Array, r: Array | float, theta: Array) -> Array:
    """What rounding may do to half the gradient of the smooth part at θ."""
    size, length = slopes.size, np.abs(theta)
    terms = np.abs(b) + np.multiply.outer(size, size @ length) + r * length
    return np.asarray(ROUNDING * EPS * terms)


def _with_ridge(G: Array, r: Array) -> Array:
    """G with r added to its diagonal, in place."""
    G.reshape(-1)[:: len(G) + 1] += r
    return G


def _finish(slopes: Slopes, theta: Array, slope: Array, r: Array, t: Array, rounded: Array) -> None:
    """Move θ of one column, in place, towards the minimum of its parabola as far as J falls.

    The slopes that are 0 and should not be get the sign in whose direction J falls.
    """
    beyond = np.where((theta == 0) & (np.abs(slope) > t + rounded), np.abs(slope) / t - 1.0, 0.0)
    held, room = np.flatnonzero(theta), slopes.largest_support - np.count_nonzero(theta)
    new = np.flatnonzero((beyond > 0) & (beyond >= WORST * beyond.max()))
    if len(new) > room >= 0:
        new = new[np.argsort(-beyond[new], kind="stable")[:room]]
    support = np.sort(np.concatenate([held, new]))
    if not 0 < len(support) <= slopes.largest_support:
        return
    x, t, slope = theta[support], t[support], slope[support]
    sign = np.where(x == 0, -np.sign(slope), np.sign(x))
    G, g = _with_ridge(slopes.gram(support), r[support]), slope + t * sign
    while True:
        p = solved(G, -g)
        keep = (x != 0) | (p * sign > 0)  # of those that leave 0 together some may not leave it in their direction
        if keep.all():
            break
        if not keep.any():
            return
        support, x, t, sign, g = support[keep], x[keep], t[keep], sign[keep], g[keep]
        G = G[np.ix_(keep, keep)]
    theta[support] = lowest(x, p, sign, t, G, g)
