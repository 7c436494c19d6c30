"""Problem: one set of rows in the coordinates of one scaling, ready to be descended.

Three kinds, alike to whoever descends: on moments (rows at least as many as columns), wide (fewer: the kernel), and on
the rows themselves (neither matrix would fit, or so few steps are asked for that forming it costs more).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.sparse.linalg import LinearOperator, eigsh

from ._blocks import Array, Rows, beyond_float64, in_units
from ._limit import Limit, equilibrated, needs_refinement, refined, shortest_step
from ._modes import EPS, Modes, modes_of
from ._moments import Moments, moments_of, safe_exponents
from ._objective import MeanSquaredError, Quadratic, QuadraticObjective
from ._scaling import Scaling, ScalingName, shift_and_scale
from ._statistics import feature_statistics
from ._wide import Columns, KernelModes

LARGEST_MATRIX = 8_192
"""Side of the largest matrix whose eigenvalues are worth their wait (half a gigabyte)."""

TOO_LOSSY = 1e-11
"""Relative error of the closed form above which the modes are taken from the root."""

LIMIT_TOO_LOSSY = 1e-8
"""λ_min/λ_max below which a limit is found from the root; above it, refinement restores what squaring lost."""


class Problem(Protocol):
    """What a descent needs to know of the data, in the coordinates of `scaling`."""

    @property
    def scaling(self) -> Scaling:
        """The coordinates."""

    @property
    def fit_intercept(self) -> bool:
        """Whether theta starts with an intercept."""

    @property
    def objective(self) -> QuadraticObjective:
        """J."""

    @property
    def modes(self) -> Any:
        """The modes (`Modes` or `KernelModes`); None where no matrix was formed."""

    @property
    def curvature(self) -> float:
        """L, the largest eigenvalue of ∇²J."""

    @property
    def feature_square(self) -> Array:
        """Mean square of each feature, of shape (d,)."""

    @property
    def target_scale(self) -> Array:
        """Root mean square of each target, of shape (t,)."""

    @property
    def target_deviation(self) -> Array:
        """Standard deviation of each target, of shape (t,)."""

    def on(self, rows: Rows) -> QuadraticObjective:
        """J on other rows, in the same coordinates."""

    def under(self, name: ScalingName) -> Problem:
        """The same rows in the coordinates of another scaling; ValueError where that cannot be had."""

    def sharper(self, amplification: float) -> Problem | None:
        """The same with modes from the root, if rounding so amplified calls for it and the rows are at hand."""

    def sharper_limit(self) -> Problem | None:
        """The same with modes from the root, if the limit calls for it and the rows are at hand."""

    def limit(self, start: Array) -> tuple[Array, Limit]:
        """Where descent from `start` converges to: theta, and the model with all its digits."""


@dataclass(frozen=True, eq=False)
class MomentProblem:
    """On moments; `rows`, where they are at hand, serve to sharpen what the moments cannot resolve."""

    moments: Moments
    rows: Rows | None
    name: ScalingName
    scaling: Scaling
    fit_intercept: bool
    objective: Quadratic
    modes: Modes

    @classmethod
    def of(cls, moments: Moments, rows: Rows | None, name: ScalingName, fit_intercept: bool) -> MomentProblem:
        d = moments.n_features
        shift, scale = shift_and_scale(
            name,
            fit_intercept=fit_intercept,
            mean=moments.mean[:d],
            variance=moments.covariance.diagonal()[:d],
            minimum=moments.minimum,
            maximum=moments.maximum,
            exponent=moments.exponent[:d],
        )
        scaling = Scaling(shift, scale, moments.exponent[:d], int(moments.exponent[-1]))
        with beyond_float64():
            quadratic = Quadratic.of(moments, scaling, fit_intercept)
            modes = modes_of(quadratic, moments, scaling)
        problem = cls(moments, rows, name, scaling, fit_intercept, quadratic, modes)
        refuse_overflow(np.append(problem.feature_square, problem.curvature))
        return problem

    @property
    def target_scale(self) -> Array:
        """Root mean square of each target."""
        return np.sqrt(self.objective.target_variance + self.objective.target_mean**2)

    @property
    def target_deviation(self) -> Array:
        """Standard deviation of each target."""
        return np.sqrt(self.objective.target_variance)

    @property
    def feature_square(self) -> Array:
        """Mean square of each feature in these coordinates."""
        with beyond_float64():
            square: Array = self.objective.covariance.diagonal() + self.objective.mean**2
        return square

    @property
    def curvature(self) -> float:
        """L = 2λ_max."""
        return 2.0 * float(self.modes.eigenvalues[0]) if len(self.modes.eigenvalues) else 0.0

    def on(self, rows: Rows) -> Quadratic:
        """J on other rows, by their moments."""
        return self.on_moments(moments_of(rows))

    def on_moments(self, moments: Moments) -> Quadratic:
        """J on the rows whose moments these are."""
        return Quadratic.of(moments.in_units(self.moments.exponent), self.scaling, self.fit_intercept)

    def under(self, name: ScalingName) -> MomentProblem:
        """The same rows in the coordinates of another scaling, the extremes read from them if need be."""
        moments = self.moments
        if name in ("minmax", "maxabs") and moments.minimum is None and self.rows is not None:
            moments = moments_of(self.rows, extremes=True, root=moments.root is not None)
        return MomentProblem.of(moments, self.rows, name, self.fit_intercept)

    def sharper(self, amplification: float) -> MomentProblem | None:
        """With moments from a QR of the rows."""
        return None if amplification * EPS < TOO_LOSSY else self._with_root()

    def sharper_limit(self) -> MomentProblem | None:
        """The same, where the limit calls for it."""
        return None if self.modes.smallest > LIMIT_TOO_LOSSY else self._with_root()

    def _with_root(self) -> MomentProblem | None:
        if self.rows is None or self.moments.root is not None:
            return None
        moments = moments_of(self.rows, extremes=self.moments.minimum is not None, root=True)
        return MomentProblem.of(moments, self.rows, self.name, self.fit_intercept)

    def limit(self, start: Array) -> tuple[Array, Limit]:
        """In the best conditioned coordinates, refined where that is called for, then carried to these."""
        same = self.name == "standard" and self.fit_intercept
        best, modes = self.scaling, self.modes
        if not same:
            best = equilibrated(self.moments, self.fit_intercept)
            modes = modes_of(Quadratic.of(self.moments, best, self.fit_intercept), self.moments, best)
        limit = Limit(best.model(modes.combine(modes.optimum), self.fit_intercept), modes.minimum)
        if not modes.complete and (start.any() or not same):
            theta = self.scaling.theta(limit.model, self.fit_intercept)
            nearest = shortest_step(theta, start, modes, best, self.scaling, self.fit_intercept)
            limit = Limit(self.scaling.model(nearest, self.fit_intercept), limit.minimum)
        if self.rows is not None and needs_refinement(modes, self.moments, limit):
            limit = refined(limit, self.rows, modes, best, self.moments, self.fit_intercept)
        return self.scaling.theta(limit.model, self.fit_intercept), limit


@dataclass(frozen=True, eq=False)
class WideProblem:
    """With fewer rows than columns: modes from the N×N kernel, never a d×d matrix."""

    columns: Columns
    modes: KernelModes
    from_root: bool = False

    @classmethod
    def of(cls, rows: Rows, name: ScalingName, fit_intercept: bool) -> WideProblem:
        rows.refuse_nonfinite()
        columns = Columns.of(rows, name, fit_intercept)
        refuse_overflow(columns.feature_square)
        return cls(columns, KernelModes.of(columns))

    @property
    def scaling(self) -> Scaling:
        """The coordinates."""
        return self.columns.scaling

    @property
    def fit_intercept(self) -> bool:
        """Whether theta starts with an intercept."""
        return self.columns.fit_intercept

    @property
    def target_scale(self) -> Array:
        """Root mean square of each target."""
        return np.sqrt((self.columns.share**2) @ self.columns.y**2)

    @property
    def target_deviation(self) -> Array:
        """Standard deviation of each target."""
        return _deviation(self.columns.y, self.columns.share**2)

    @property
    def feature_square(self) -> Array:
        """Mean square of each feature in these coordinates."""
        return self.columns.feature_square

    @property
    def curvature(self) -> float:
        """L = 2λ_max."""
        return 2.0 * float(self.modes.eigenvalues[0]) if len(self.modes.eigenvalues) else 0.0

    @property
    def objective(self) -> MeanSquaredError:
        """J on the rows: a step of it costs less than one on a d×d matrix would."""
        return row_objective(self.columns.rows, self.scaling, self.fit_intercept)

    def on(self, rows: Rows) -> MeanSquaredError:
        """J on other rows."""
        return row_objective(rows, self.scaling, self.fit_intercept)

    def under(self, name: ScalingName) -> WideProblem:
        """The same rows in the coordinates of another scaling."""
        columns = Columns.of(self.columns.rows, name, self.fit_intercept)
        refuse_overflow(columns.feature_square)
        return WideProblem(columns, KernelModes.of(columns, root=self.from_root), self.from_root)

    def sharper(self, amplification: float) -> WideProblem | None:
        """With modes from a QR of the columns."""
        return None if amplification * EPS < TOO_LOSSY else self._with_root()

    def sharper_limit(self) -> WideProblem | None:
        """The same, where the limit calls for it."""
        return None if self.modes.smallest > LIMIT_TOO_LOSSY else self._with_root()

    def _with_root(self) -> WideProblem | None:
        if self.from_root:
            return None
        return WideProblem(self.columns, KernelModes.of(self.columns, root=True), from_root=True)

    def limit(self, start: Array) -> tuple[Array, Limit]:
        """The solution nearest to the start, corrected by its own residuals where rounding left some."""
        modes = self.modes
        theta = start + modes.combine(modes.optimum - modes.coordinates(start))
        minimum = modes.minimum
        if modes.error > 100 * EPS:
            before = np.inf
            for _ in range(3):
                minimum, step = modes.residual_step(theta)
                size = float(np.linalg.norm(step))
                if not size < before / 2:
                    break
                theta, before = theta + modes.combine(step), size
        return theta, Limit(self.scaling.model(theta, self.fit_intercept), minimum)


@dataclass(frozen=True, eq=False)
class RowProblem:
    """On the rows alone: no matrix is formed, and L comes from a few products with X (Lanczos)."""

    rows: Rows
    scaling: Scaling
    fit_intercept: bool
    objective: MeanSquaredError
    target_scale: Array
    target_deviation: Array
    feature_square: Array
    curvature: float
    modes: None = None

    @classmethod
    def of(cls, rows: Rows, name: ScalingName, fit_intercept: bool) -> RowProblem:
        rows.refuse_nonfinite()
        exponent, (mean, variance, minimum, maximum) = feature_statistics(rows)
        shift, scale = shift_and_scale(
            name,
            fit_intercept=fit_intercept,
            mean=mean,
            variance=variance,
            minimum=minimum,
            maximum=maximum,
            exponent=exponent,
        )
        with beyond_float64():
            square = (variance + (mean - shift) ** 2) / scale**2
        refuse_overflow(square)
        y = rows.y.astype(np.float64)
        target_exponent = int(safe_exponents(np.abs(y).max(axis=0)).max())
        scaling = Scaling(shift, scale, exponent, target_exponent)
        y = np.ldexp(y, -target_exponent)
        objective = row_objective(rows, scaling, fit_intercept)
        share = rows.share
        curvature = _largest_eigenvalue(objective)
        refuse_overflow(np.array([curvature]))
        return cls(
            rows=rows,
            scaling=scaling,
            fit_intercept=fit_intercept,
            objective=objective,
            target_scale=np.sqrt(share @ y**2),
            target_deviation=_deviation(y, share),
            feature_square=square,
            curvature=curvature,
        )

    def on(self, rows: Rows) -> MeanSquaredError:
        """J on other rows."""
        return row_objective(rows, self.scaling, self.fit_intercept)

    def under(self, name: ScalingName) -> RowProblem:
        """The same rows in the coordinates of another scaling."""
        return RowProblem.of(self.rows, name, self.fit_intercept)

    def sharper(self, amplification: float) -> None:
        """Nothing to sharpen: there are no modes."""

    def sharper_limit(self) -> None:
        """Nothing to sharpen."""

    def limit(self, start: Array) -> tuple[Array, Limit]:
        """Not to be had without modes."""
        raise AssertionError("unreachable: a problem without modes is descended by the loop")


def refuse_overflow(square: Array) -> None:
    """Raise where the mean squares of the features, in the coordinates of the descent, are beyond float64."""
    if not np.isfinite(square).all():
        raise ValueError(
            "The squares of the features overflow float64 in the coordinates of the descent: use "
            'scaling="standard", or bring the features to sizes below 1e150 first.'
        )


def row_objective(rows: Rows, scaling: Scaling, fit_intercept: bool) -> MeanSquaredError:
    """J on the rows in the coordinates of `scaling`."""
    y = in_units(rows.y.astype(np.float64), -scaling.target_exponent)
    coordinates = scaling.shift, scaling.scale, scaling.exponent
    return MeanSquaredError.scaled(rows.X, y, rows.weight, fit_intercept, *coordinates)


def _deviation(y: Array, share: Array) -> Array:
    deviation: Array = np.sqrt(share @ (y - share @ y) ** 2)
    return deviation


def _largest_eigenvalue(objective: MeanSquaredError) -> float:
    """L of ∇²J by Lanczos iteration from a fixed start, to about ten digits."""
    p = objective.n_parameters
    if p <= 32:
        return float(np.linalg.eigvalsh(objective.hessian())[-1])
    operator: Any = LinearOperator((p, p), matvec=objective.hessian_product_of_vector, dtype=np.float64)
    start = np.random.default_rng(0).standard_normal(p)
    return float(eigsh(operator, k=1, which="LM", tol=1e-10, v0=start, return_eigenvectors=False)[0])
