"""Candidates: the errors of a grid of learning rates, numbers of steps and penalties on the test rows of one fold."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ._arrays import EPS, Array
from ._descent import StepsDone, descend, iterates
from ._early_stopping import HeldOut, Patience
from ._grid import Descents, Grid, least_ridge
from ._held_out import HeldOutInModes
from ._kernel import KernelModes
from ._minima import minima
from ._modes import Modes
from ._moments import Moments
from ._objective import Iterate
from ._penalty import Penalty
from ._plan import Plan, Settings
from ._problem import TOO_LOSSY_FOR_ERRORS, Problem, error_on, starting_point
from ._recurrence import Recurrence
from ._rows import Rows
from ._solve import resolved
from ._threads import SMALL_SIDE, one_blas_thread

AT_ONCE = 2**16
"""Elements in the arrays of candidates looked at together: half a megabyte, which cache holds."""

Counts = NDArray[np.unsignedinteger[Any]]


class OtherRows(Protocol):
    """Rows that a fold does not descend on."""

    def error(self, problem: Problem, patience: int = 1) -> HeldOut:
        """The error on them, in the coordinates of a problem."""


@dataclass(frozen=True, eq=False)
class Part:
    """Rows that a fold does not descend on, how often each counts, and their moments unless X is wide."""

    all_rows: Rows
    times: Counts | None
    moments: Moments | None

    @property
    def rows(self) -> Rows:
        """Made when needed, for the weights of a million rows are 8 MB."""
        return self.all_rows if self.times is None else self.all_rows.taken(self.times)

    def error(self, problem: Problem, patience: int = 1) -> HeldOut:
        """The error on them, in the coordinates of a problem."""
        return error_on(problem, lambda: self.rows, problem.on(self.rows, self.moments), patience)


@dataclass(frozen=True, eq=False)
class Fold:
    """One split, ready to be descended; the penalty of its problem is the `base` of the grid."""

    problem: Problem
    test: OtherRows
    held_out: OtherRows | None

    def errors(self, grid: Grid, descents: Descents) -> tuple[Array, int]:
        """J without the penalty on the test rows, for each candidate.

        With early stopping a number of steps is the largest allowed.

        Returns
        -------
        errors : ndarray of the shape of the grid
            The mean over targets; inf where the rate is not below the largest stable one, and where float64 does not
            hold the error.
        exponent : int
            The errors are in units of 2**exponent, for in units of y squared float64 may hold none.
        """
        penalties, (_, _, n_rates, n_steps) = grid.penalties, grid.shape
        errors = np.full((len(penalties), n_rates, n_steps), np.inf)
        kinked = np.array([penalty.has_lasso for penalty in penalties])
        smooth = [penalties[i] for i in np.flatnonzero(~kinked)]
        if smooth:
            errors[~kinked] = self._smooth(smooth, grid, descents)
        if kinked.any():
            errors[kinked] = self._kinked([penalties[i] for i in np.flatnonzero(kinked)], grid, descents)
        n_targets = len(self.problem.target_scale)
        errors = np.where(np.isnan(errors), np.inf, errors).reshape(grid.shape) / n_targets
        return errors, 2 * self.problem.coordinates.unit

    def _smooth(self, penalties: list[Penalty], grid: Grid, descents: Descents) -> Array:
        """Without an L1 part: from the modes, which a ridge term raises where it does not mix them."""
        least = least_ridge(penalties)
        own, problem = self.problem.coordinates, self.problem.charging(least)
        charges = [float(penalty.ridge) - float(least.ridge) for penalty in penalties]
        to_limits = grid.rates is None and least.has_ridge  # where each has one limit only
        if to_limits and any(charges):
            problem = problem.centred()
        if own.centred or not own.fit_intercept or to_limits or not any(charges):
            return Raised.of(self, problem, charges, grid, descents).errors()
        each = [self.problem.charging(penalty) for penalty in penalties]
        return np.concatenate([Raised.of(self, problem, [0.0], grid, descents).errors() for problem in each])

    def _kinked(self, penalties: list[Penalty], grid: Grid, descents: Descents) -> Array:
        """With an L1 part: all minima side by side or, where rates are asked for, one loop for each."""
        if grid.rates is None:
            return self.test.error(self.problem).errors(minima(self.problem, penalties))[:, None, None]
        each = [[self._looped(penalty, rate, grid, descents) for rate in grid.rates] for penalty in penalties]
        return np.array(each)

    def _looped(self, penalty: Penalty, rate: float, grid: Grid, descents: Descents) -> Array:
        """The errors of one rate after each number of steps, by taking them."""
        problem, steps = self.problem.charging(penalty), grid.steps
        assert steps is not None
        if rate >= descents.stable_rate(problem.curvature):
            return np.full(len(steps), np.inf)
        settings = Settings(float(rate), descents.momentum, descents.nesterov, max_iter=max(steps))
        rules = Plan.of(problem, settings).rules(problem)
        start, seen = starting_point(problem, descents.first), {}
        if self.held_out is not None:
            for last in steps:
                patience = Patience(self.held_out.error(problem, descents.patience))
                run = descend(iterates(problem.objective, start, *rules), patience, StepsDone(last))
                seen[last] = patience.best_of(run).last.theta
        else:

            def keep(point: Iterate, _: float) -> None:
                if point.n_steps in wanted:
                    seen[point.n_steps] = point.theta

            wanted = set(steps)
            descend(iterates(problem.objective, start, *rules), keep, StepsDone(max(steps)))
        thetas = np.stack([seen.get(k, np.full(start.shape, np.inf)) for k in steps], axis=1)
        return self.test.error(problem).errors(thetas)


@dataclass(frozen=True, eq=False)
class Raised:
    """Descents on one problem, and on those in which the squares of the slopes are charged more.

    Such a charge raises each eigenvalue of the slopes and leaves the modes as they are, where the intercept is a mode
    by itself or absent: so all are found from the same modes.

    Attributes
    ----------
    fold : Fold
    problem : Problem
        With modes as sharp as any of the descents needs.
    start : ndarray of shape (p, t)
    modes : Modes or KernelModes
    charges : list of float
    grid : Grid
    descents : Descents
    """

    fold: Fold
    problem: Problem
    start: Array
    modes: Modes | KernelModes
    charges: list[float]
    grid: Grid
    descents: Descents

    @classmethod
    def of(cls, fold: Fold, problem: Problem, charges: list[float], grid: Grid, descents: Descents) -> Raised:
        """The descents of the grid with so much more charged than in `problem`."""
        start = starting_point(problem, descents.first)
        if grid.rates is None:
            problem = problem.sharper(1.0 / max(problem.modes.smallest, EPS), TOO_LOSSY_FOR_ERRORS).for_limit()
        else:
            assert grid.steps is not None
            last = max(grid.steps)
            stable = descents.stable_rate(problem.curvature)
            for rate in grid.rates[grid.rates < stable].tolist():
                plan = Plan.of(problem, Settings(rate, descents.momentum, descents.nesterov, max_iter=last))
                problem = resolved(problem, plan, start, last, for_errors=True)
        return cls(fold, problem, start, problem.modes.seen_from(start), charges, grid, descents)

    def errors(self) -> Array:
        """For each charge, rate and number of steps."""
        _, _, n_rates, n_steps = self.grid.shape
        errors = np.full((len(self.charges), n_rates, n_steps), np.inf)
        values, gaps = self.problem.raised(np.array(self.charges), self.start)
        if self.grid.rates is None:  # as after one step that reaches the limit of each mode
            h, stable = np.ones((*values.shape[:1], 1, *values.shape[1:])), np.ones((len(self.charges), 1), dtype=bool)
        else:
            h = 2.0 * self.grid.rates[:, None] * values[:, None, :]
            largest = 2.0 * values.max(axis=1, initial=0.0)
            limits = np.array([self.descents.stable_rate(float(L)) for L in largest])
            stable = self.grid.rates < limits[:, None]
        of_charge = np.nonzero(stable)[0]
        if len(of_charge):
            errors[stable] = self._errors(h[stable], gaps, of_charge)
        return errors

    def _errors(self, h: Array, gaps: Array, of_charge: NDArray[np.intp]) -> Array:
        """For descents with h = 2ηλ, of shape (n, m), to the optima of these charges: of shape (n, n_steps)."""
        n, steps = len(h), [1] if self.grid.steps is None else self.grid.steps
        on_test = HeldOutInModes.of(self.fold.test.error(self.problem), self.modes, self.start)
        watched = None
        if self.fold.held_out is not None and self.grid.steps is not None:
            held_out = self.fold.held_out.error(self.problem, self.descents.patience)
            watched = HeldOutInModes.of(held_out, self.modes, self.start)

        def found(some: slice) -> Array:
            each = gaps[of_charge[some]]
            return on_test.towards(each).errors_at(*self._powers(h[some], each, steps, watched))

        at_once = max(1, AT_ONCE // (len(steps) * max(gaps[0].size, 1)))
        parts = [slice(begin, begin + at_once) for begin in range(0, n, at_once)]
        with one_blas_thread() if len(on_test.gap) < SMALL_SIDE else nullcontext():
            return np.concatenate([found(some) for some in parts], axis=1).T

    def _powers(
        self, h: Array, gaps: Array, steps: list[int], watched: HeldOutInModes | None
    ) -> tuple[Array, Callable[[], Array]]:
        """What is left and done of the way of each mode, of shape (n_steps, n, m)."""
        momentum = () if self.grid.rates is None else (self.descents.momentum, self.descents.nesterov)
        if watched is None:  # all at once
            recurrence, shape = Recurrence(h.ravel(), *momentum), (len(steps), *h.shape)
            return recurrence.left(steps).reshape(shape), cache(lambda: recurrence.powers(steps)[1].reshape(shape))
        found = []
        for own, gap in zip(h, gaps, strict=True):
            recurrence, curve = Recurrence(own, *momentum), watched.towards(gap)
            chosen = [curve.watch(recurrence, watched.held_out.patience, last).best for last in steps]
            found.append(recurrence.powers(chosen))
        left, done = (np.stack(part, axis=1) for part in zip(*found, strict=True))
        return left, lambda: done
