"""Grid: the learning rates, numbers of steps and penalties that a search tries, and the simplest of the good ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ._alphas import alpha_grid
from ._arrays import Array
from ._parameters import POSITIVE_INTEGER
from ._penalty import NO_PENALTY, Penalty
from ._plan import Plan, Settings
from ._problem import FirstPoint, Problem, starting_point
from ._step_size import largest_stable_rate

SLOWEST, FASTEST = 1e-3, 0.5
"""The default learning rates, as parts of the largest stable one; above a half of it modes overshoot."""

MOST_STEPS = 10**9
"""The largest number of steps in a default grid."""

MOST_STEPS_OF_LOOP = 10**3
"""The same where an L1 penalty lets no step be skipped."""

N_RATES, N_MAX_ITERS = 20, 10
"""The numbers of learning rates and of numbers of steps by default."""


@dataclass(frozen=True, eq=False)
class Grid:
    """What is to be tried.

    Attributes
    ----------
    l1_ratios : ndarray of shape (n_l1_ratios,)
    alphas : ndarray of shape (n_l1_ratios, n_alphas)
    rates : ndarray of shape (n_rates,) or None
        None: the rates play no part, for every descent goes to its limit.
    steps : list of int, or None
        None beside no rates.
    """

    l1_ratios: Array
    alphas: Array
    rates: Array | None
    steps: list[int] | None

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of the errors: l1_ratios, alphas, rates, steps."""
        n_rates = 1 if self.rates is None else len(self.rates)
        return (*self.alphas.shape, n_rates, 1 if self.steps is None else len(self.steps))

    @property
    def penalties(self) -> list[Penalty]:
        """Those of all l1_ratios and alphas, one after another."""
        return [Penalty.of(a, r) for r, some in zip(self.l1_ratios, self.alphas, strict=True) for a in some.tolist()]

    @property
    def base(self) -> Penalty:
        """What the problem of a fold has: the least ridge term and, where every candidate has one, an L1 part.

        With an L1 part a problem forms no modes, which its descent does not ask for.
        """
        least, all_kinked = least_ridge(self.penalties), all(penalty.has_lasso for penalty in self.penalties)
        return Penalty(least.ridge, self.penalties[0].lasso) if all_kinked else least

    def simplest(self, means: Array, best: tuple[int, ...], error: float) -> tuple[int, ...]:
        """Of the candidates within an error of the best that of the largest alpha, then the smallest rate times steps.

        `means` is of the shape of the grid, `best` the place of the least of them; the l1_ratio is that of the best.
        """
        i, shape = best[0], self.shape[1:]
        alphas, reach = self.alphas[i][:, None, None], np.ones((1, 1))
        if self.rates is not None and self.steps is not None:
            reach = np.multiply.outer(self.rates, np.array(self.steps, dtype=np.float64))
        is_near = (means[i] <= means[best] + error).ravel()
        order = np.lexsort((np.broadcast_to(reach, shape).ravel(), -np.broadcast_to(alphas, shape).ravel()))
        place = np.unravel_index(int(order[np.argmax(is_near[order])]), shape)
        return (i, *(int(axis) for axis in place))


def least_ridge(penalties: Sequence[Penalty]) -> Penalty:
    """The least ridge term, without an L1 part."""
    return Penalty(min(float(penalty.ridge) for penalty in penalties))


@dataclass(frozen=True)
class Descents:
    """What the descents of a grid share.

    Attributes
    ----------
    momentum : float
    nesterov : bool
    patience : int
        With early stopping, the steps to wait for a smaller error.
    first : Model, "zero" or "mean"
        Where they start.
    """

    momentum: float
    nesterov: bool
    patience: int
    first: FirstPoint

    def stable_rate(self, curvature: float) -> float:
        """The learning rate at and above which they do not converge, for the largest eigenvalue of ∇²J."""
        return largest_stable_rate(curvature, self.momentum, self.nesterov)


@dataclass(frozen=True)
class Asked:
    """What the parameters of a search ask for; see `GradientDescentRegressorCV`."""

    learning_rates: int | Sequence[float] | NDArray[Any] | None
    max_iters: int | Sequence[int] | NDArray[Any] | None
    alphas: int | Sequence[float] | NDArray[Any] | None
    l1_ratios: float | Sequence[float] | NDArray[Any]

    @property
    def goes_to_limits(self) -> bool:
        """Whether rates and steps play no part."""
        return self.alphas is not None and self.learning_rates is None and self.max_iters is None

    @property
    def ratios(self) -> Array:
        """The l1_ratios, one at least."""
        return np.atleast_1d(np.asarray(self.l1_ratios, dtype=np.float64))

    @property
    def base(self) -> Penalty:
        """What every problem of the search has, before the grid is known."""
        if self.alphas is None:
            return NO_PENALTY
        if POSITIVE_INTEGER(self.alphas):
            return Penalty(0.0, float(self.ratios.min()))
        return self._penalties(None).base

    def _penalties(self, problem: Problem | None) -> Grid:
        """The l1_ratios and alphas alone; the problem is needed where only the number of alphas is given."""
        ratios = self.ratios
        if POSITIVE_INTEGER(self.alphas) and problem is not None:
            n = int(cast(int, self.alphas))
            return Grid(ratios, np.array([alpha_grid(problem, ratio, n) for ratio in ratios.tolist()]), None, None)
        given = [0.0] if self.alphas is None else [float(alpha) for alpha in cast(Sequence[float], self.alphas)]
        return Grid(ratios, np.tile(np.array(given), (len(ratios), 1)), None, None)

    def on(self, problem: Problem, descents: Descents) -> Grid:
        """All that is tried, as given or log-spaced over what makes sense on all rows."""
        grid = self._penalties(problem)
        if self.goes_to_limits:
            return grid
        learning_rates = N_RATES if self.learning_rates is None else self.learning_rates
        max_iters = N_MAX_ITERS if self.max_iters is None else self.max_iters
        penalties = grid.penalties
        steepest = problem.charging(Penalty(max(float(penalty.ridge) for penalty in penalties)))
        stable = descents.stable_rate(steepest.curvature)
        bound = stable if np.isfinite(stable) else 1.0
        if POSITIVE_INTEGER(learning_rates):
            rates = bound * np.geomspace(SLOWEST, FASTEST, int(cast(int, learning_rates)))
        else:
            rates = np.array([float(rate) for rate in cast(Sequence[float], learning_rates)])
        if not POSITIVE_INTEGER(max_iters):
            return replace(grid, rates=rates, steps=[int(k) for k in cast(Sequence[int], max_iters)])
        last = MOST_STEPS_OF_LOOP
        if not any(penalty.has_lasso for penalty in penalties):
            slowest = problem.charging(grid.base)
            fastest = float(rates[rates < stable].max(initial=0.0)) or FASTEST * bound
            settings = Settings(fastest, descents.momentum, descents.nesterov, max_iter=1)
            closed = Plan.of(slowest, settings).closed_form(slowest, starting_point(slowest, descents.first))
            last = min(closed.steps_to_limit(), MOST_STEPS)
        steps = np.unique(np.rint(np.geomspace(1, last, int(cast(int, max_iters))))).astype(np.int64)
        return replace(grid, rates=rates, steps=steps.tolist())
