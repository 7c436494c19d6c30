"""Plan: what the parameters of a descent mean on one problem, and the gradient norm that its tolerance asks for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np

from ._arrays import EPS, LARGEST_FLOAT, Array, beyond_float64
from ._closed_form import ClosedForm
from ._descent import Proximal
from ._problem import Problem
from ._recurrence import Recurrence
from ._step_size import (
    Acceleration,
    Auto,
    Constant,
    Exact,
    Momentum,
    Rate,
    Schedule,
    StepRule,
    automatic_rate,
    constant,
    constant_momentum,
    exact_line_search,
    largest_stable_rate,
    lookahead_by_linearity,
    rate_asked,
    schedule,
)

LOOP_TOL, LOOP_MAX_ITER = 1e-8, 1_000
"""Where the loop stops if neither tol nor max_iter says so."""

LEAST_CHARGE = 1e-6
"""What 2αρ is at least taken for, as a part of the largest partial derivative at slopes of 0, where it is a measure.

A tolerance of 1e-8 is then above the rounding of the partial derivatives.
"""


@dataclass(frozen=True)
class Settings:
    """The parameters that say how to descend, as the user gave them."""

    learning_rate: Any = "auto"
    momentum: Any = "auto"
    nesterov: bool = False
    max_iter: int | None = None
    tol: float | None = None
    solver: str = "auto"
    of_grid: bool = False
    """Whether the rate is one of a grid, so that advice is about the grid."""

    @cached_property
    def rate(self) -> Rate:
        """What `learning_rate` means; where it is constant the closed form exists."""
        return rate_asked(self.learning_rate)

    @property
    def to_limit(self) -> bool:
        """Whether nothing ends the descent before its limit."""
        return self.max_iter is None and self.tol is None

    @property
    def of_loop(self) -> tuple[int | None, float | None]:
        """`max_iter` and `tol` of a loop."""
        return (LOOP_MAX_ITER, LOOP_TOL) if self.to_limit else (self.max_iter, self.tol)

    @property
    def is_free(self) -> bool:
        """Whether rate, momentum and number of steps are left to the descent."""
        return isinstance(self.rate, Auto) and self.momentum == "auto" and self.max_iter is None

    @property
    def wants_loop(self) -> bool:
        """Whether the steps must be taken one by one."""
        return self.solver == "loop" or not self.rate.is_constant


@dataclass(frozen=True)
class Plan:
    """What the settings mean on one problem.

    Attributes
    ----------
    learning_rate : Rate
        What was asked for.
    rate, momentum : float
        η (NaN where it changes from step to step) and β.
    stable_rate : float
        The learning rate at and above which descent does not converge.
    loop : bool
        Whether the steps are taken one by one.
    accelerated : bool
        Whether the momentum follows Nesterov's sequence with restarts.
    by_plane : bool
        Whether each step is the best in the plane of −∇J and the last step: η, β and the stable rate are then NaN, for
        no L is found.
    by_proximal : bool
        Whether an L1 penalty is descended by accelerated proximal steps, which end at the minimum.
    """

    learning_rate: Rate
    rate: float
    momentum: float
    nesterov: bool
    stable_rate: float
    loop: bool
    accelerated: bool
    by_plane: bool = False
    by_proximal: bool = False

    @classmethod
    def of(cls, problem: Problem, settings: Settings, *, early_stopping: bool = False) -> Plan:
        """Resolve "auto", and refuse what cannot be."""
        if settings.solver == "spectral" and not settings.rate.is_constant:
            raise ValueError(
                f"solver='spectral' needs a constant learning rate, not learning_rate={settings.learning_rate!r}: use "
                "solver='auto' or 'loop'."
            )
        has_lasso = problem.penalty.has_lasso
        if has_lasso:
            _refuse_beside_lasso(settings)
        loop = settings.wants_loop or problem.spectrum is None or has_lasso
        beta = 0.0 if settings.momentum == "auto" else float(settings.momentum)
        automatic = isinstance(settings.rate, Auto)
        accelerated = loop and settings.is_free and not has_lasso
        # Steps so large are too few to choose the best of them on held-out rows.
        if accelerated and problem.spectrum is None and not early_stopping:
            return cls(settings.rate, np.nan, np.nan, False, np.nan, loop=True, accelerated=False, by_plane=True)
        by_proximal = has_lasso and settings.is_free and not early_stopping
        # Plain steps of 1/L are those of the closed form to ten digits; an accelerated loop has no closed form.
        L = problem.sharp_curvature if automatic and not (accelerated or by_proximal) else problem.curvature
        match settings.rate:
            case Auto():
                rate = automatic_rate(L)
            case Constant(eta):
                rate = eta
            case _:
                rate = np.nan
        if rate >= largest_stable_rate(L, beta, settings.nesterov):
            L = problem.sharp_curvature  # the bound may be what is too large, and not the rate
        return cls(
            learning_rate=settings.rate,
            rate=rate,
            momentum=beta,
            nesterov=settings.nesterov,
            stable_rate=largest_stable_rate(L, beta, settings.nesterov),
            loop=loop,
            accelerated=accelerated,
            by_proximal=by_proximal,
        )

    @property
    def reach(self) -> float:
        """η/(1 − β): what a step comes to in the long run."""
        return self.rate / (1.0 - self.momentum)

    @property
    def unstable(self) -> bool:
        """Whether the rate is at or above the largest stable one."""
        return self.rate >= self.stable_rate

    def amplification(self, problem: Problem, closed: ClosedForm, n_steps: int) -> float:
        """By how many ε the rounding of A moves an iterate, or its J: it grows with ηLk up to λ_max/λ_min."""
        moved = self.reach * problem.curvature * min(n_steps, LARGEST_FLOAT)
        return min(max(moved, closed.loss_amplification(n_steps)), 1.0 / max(problem.modes.smallest, EPS))

    def recurrence(self, modes: Any) -> Recurrence:
        """One step of this descent on each mode."""
        with beyond_float64():
            return Recurrence(2.0 * self.rate * modes.eigenvalues, self.momentum, self.nesterov)

    def closed_form(self, problem: Problem, start: Array) -> ClosedForm:
        """The descent from `start`, to be asked for any step."""
        modes = problem.modes.seen_from(start)
        return ClosedForm(
            modes=modes,
            start=start,
            recurrence=self.recurrence(modes),
            target_scale=problem.target_scale,
            target_share=problem.coordinates.target_share,
            limit=cache(lambda: problem.limit(start)),
        )

    def gradient(self, problem: Problem, theta: Array) -> Array:
        """∇J as this descent uses it at theta: of the closed form, what its first step from there comes to."""
        if self.loop:
            return problem.objective.at(theta).gradient
        closed = self.closed_form(problem, theta)
        done = closed.recurrence.powers([1])[1][0]
        return -closed.modes.combine(done[:, None] * closed.gap) / self.rate

    def rules(self, problem: Problem) -> tuple[StepRule, Momentum | None, Proximal | None]:
        """Step rule, momentum and proximal step, for the loop."""
        match self.learning_rate:
            case Schedule(of):
                rule = schedule(of)
            case Exact():
                rule = exact_line_search(problem.objective)
            case _:
                rule = constant(self.rate)
        if self.accelerated:
            return rule, Momentum(Acceleration(), lookahead_by_linearity), None
        proximal = problem.coordinates.proximal if problem.penalty.has_lasso else None
        return rule, constant_momentum(self.momentum, lookahead_by_linearity if self.nesterov else None), proximal


def _refuse_beside_lasso(settings: Settings) -> None:
    """Raise where a setting needs a J that is a quadratic."""
    for name, value, instead in (
        ("solver", "spectral", 'solver="auto"'),
        ("learning_rate", "exact", 'learning_rate="auto", or a number'),
    ):
        if getattr(settings, name) == value:
            raise ValueError(
                f"{name}={value!r} needs a J without kinks, and l1_ratio > 0 makes one where a slope is 0: use "
                f"{instead}, or l1_ratio=0."
            )


def target_deviation(problem: Problem) -> Array:
    """σ_y of each target: without an intercept, or of a constant, its root mean square."""
    sigma = problem.target_scale
    if not problem.coordinates.fit_intercept:
        return sigma
    deviation = np.sqrt(problem.statistics.target_variance)
    return np.where(deviation > 0, deviation, sigma)


def threshold(problem: Problem, tol: float) -> Array:
    r"""The gradient norm that `tol` asks of each target: tol · 2 · ‖X̃‖_F/√W · σ_y (Paige and Saunders 1982)."""
    size = 2.0 * np.sqrt(problem.feature_square.sum() + problem.coordinates.first)
    asked: Array = tol * size * target_deviation(problem)
    return asked


def violation_unit(problem: Problem) -> Array:
    """What misses of the condition of a minimum are relative to: 2αρ, or a little of ∇J at slopes of 0."""
    own, statistics = problem.coordinates, problem.statistics
    charge: Array = 2.0 * own.penalty.lasso * np.ones(own.shape[1])
    square = statistics.feature_variance + (0.0 if own.fit_intercept else statistics.feature_mean**2)
    most = 2.0 * float(np.max(np.sqrt(np.maximum(square, 0.0)) / own.scale, initial=0.0)) * target_deviation(problem)
    if (LEAST_CHARGE * most <= charge).all():  # by Schwarz's inequality no partial derivative is larger
        return charge
    largest = 2.0 * np.abs(problem.slopes(own.unpenalised).cross).max(axis=0, initial=0.0)
    return np.asarray(np.maximum(charge, LEAST_CHARGE * largest))
