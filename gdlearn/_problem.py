"""Problem: one set of rows in the coordinates of one scaling, ready to be descended.

Three kinds, alike to whoever descends: on moments (rows at least as many as columns), wide (fewer: the kernel), and on
the rows themselves (neither matrix would fit, or so few steps are asked for that forming it costs more).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any, Literal, Protocol, cast

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, eigsh

from ._arrays import EPS, Array, beyond_float64, in_units, safe_exponents
from ._early_stopping import HeldOut
from ._limit import SMALL_LOSS, Limit, LimitFinder, equilibrated
from ._modes import Modes, modes_of_matrix, modes_of_root, with_intercept
from ._moments import Moments, moments_of, with_root
from ._objective import MeanSquaredError, Quadratic, QuadraticObjective
from ._rows import Rows
from ._scaling import Model, Scaling, ScalingName, shift_and_scale
from ._statistics import feature_statistics
from ._validation import InvalidParameterError
from ._wide import Columns, KernelModes

LARGEST_MATRIX = 8_192
"""Side of the largest matrix whose eigenvalues are worth their wait (half a gigabyte)."""

LARGEST_FACTOR = 2**26
"""Most entries of X of which a wide problem holds the factors themselves (half a gigabyte)."""

TOO_LOSSY = 2e-13
"""Relative error of the closed form above which the modes are taken from better coordinates, or from the root."""

OFFSET = 100.0
"""ȳ² relative to the variance of y from which coordinates that are not centred would lose digits of the slopes."""


class Problem(Protocol):
    """What a descent needs to know of the data, in the coordinates of `scaling`."""

    @property
    def scaling(self) -> Scaling:
        """The coordinates."""

    @property
    def rows(self) -> Rows | None:
        """The rows, where they are at hand."""

    @property
    def otherwise(self) -> Callable[[], Problem] | None:
        """Another form of the problem, for where a loop on this one does not converge."""

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

    @property
    def target_mean(self) -> Array:
        """Weighted mean of each target, of shape (t,)."""

    @property
    def shift_rest(self) -> Array:
        """What rounding took from the shift of each feature, of shape (d,)."""

    @property
    def is_centred(self) -> bool:
        """Whether the intercept is a mode by itself."""

    def on(self, rows: Rows) -> QuadraticObjective:
        """J on other rows, in the same coordinates."""

    def under(self, name: ScalingName) -> Problem:
        """The same rows in the coordinates of another scaling; ValueError where that cannot be had."""

    def sharper(self, amplification: float) -> Problem:
        """The same with modes from the root, if rounding so amplified calls for it and the rows are at hand."""

    def for_limit(self) -> Problem:
        """The same with the directions that the limit is to have."""

    @property
    def given_up(self) -> NDArray[np.intp]:
        """The features of the directions that were given up, for float64 has rounded them away."""

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
    judged: LimitFinder | None = None
    carried: bool = False
    """Whether the modes are carried from the best conditioned coordinates, where these are not."""
    otherwise: None = None

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
        scaling = Scaling(shift, scale, moments.exponent[:d], moments.exponent[d:])
        problem = cls(moments, rows, name, scaling, fit_intercept)
        refuse_overflow(np.append(problem.feature_square, problem.curvature))
        return problem._sharpest if problem.modes.is_lossy else problem

    @cached_property
    def finder(self) -> LimitFinder:
        """The problem in its equilibrated coordinates."""
        if self.judged is not None:
            return self.judged
        moments, d = self.moments, self.moments.n_features
        mean, variance = moments.mean[:d], moments.covariance.diagonal()
        best = self.scaling
        if not self.is_centred:
            best = equilibrated(mean, variance[:d], self.scaling, self.fit_intercept)
        if moments.root is None:
            modes = modes_of_matrix(self._quadratic(best), moments.n_samples)
        else:
            M, q = moments.root[:, :d] / best.scale, moments.root[:, d:]
            if not self.fit_intercept:
                M, q = np.vstack([mean / best.scale, M]), np.vstack([moments.mean[d:], q])
            modes = modes_of_root(M, q, np.sqrt(variance[:d] + mean**2) / best.scale, moments.n_samples)
            if self.fit_intercept:
                modes = with_intercept(modes, moments.mean[d:])
        return LimitFinder(best, modes, moments.mean, variance[d:], self.rows, self.fit_intercept)

    @cached_property
    def modes(self) -> Modes:
        """The modes in the coordinates of the descent."""
        modes = self._own_modes()
        if self.moments.root is not None or not (modes.minimum < SMALL_LOSS * self.target_scale**2).any():
            return modes
        if self.fit_intercept:  # J_min does not depend on the coordinates, and centred ones lose the least of it
            modes = replace(modes, minimum=self.finder.modes.minimum)
            if not (modes.minimum < SMALL_LOSS * self.target_deviation**2).any():
                return modes
        if self.rows is None:
            return modes
        on_rows = row_objective(self.rows, self.scaling, self.fit_intercept)
        return replace(modes, minimum=on_rows.errors(modes.combine(modes.optimum)[:, None])[0])

    @property
    def is_centred(self) -> bool:
        """Whether the intercept is a mode by itself; then the coordinates are the best conditioned ones."""
        return self.name == "standard" and self.fit_intercept

    def _own_modes(self) -> Modes:
        if self.is_centred:
            return self.finder.modes
        if self.moments.root is None and self.judged is None and not self.carried:
            modes = modes_of_matrix(self._quadratic(self.scaling), self.moments.n_samples)
            if not modes.is_lossy:
                far = self.fit_intercept and (self.target_mean**2 > OFFSET * self.target_deviation**2).any()
                return replace(modes, solution=self.finder.solution(self.scaling, self._mean_rest)) if far else modes
        return self.finder.modes.carried(self.finder.scaling, self.scaling, self.fit_intercept)

    def _quadratic(self, scaling: Scaling) -> Quadratic:
        with beyond_float64():
            return Quadratic.of(self.moments, scaling, self.fit_intercept)

    @cached_property
    def objective(self) -> Quadratic:
        """J."""
        return replace(self._quadratic(self.scaling), modes=self.modes)

    @cached_property
    def target_scale(self) -> Array:
        """Root mean square of each target."""
        d = self.moments.n_features
        return np.sqrt(self.moments.covariance.diagonal()[d:] + self.moments.mean[d:] ** 2)

    @property
    def target_deviation(self) -> Array:
        """Standard deviation of each target."""
        return np.sqrt(self.moments.covariance.diagonal()[self.moments.n_features :])

    @property
    def target_mean(self) -> Array:
        """Weighted mean of each target."""
        return self.moments.mean[self.moments.n_features :]

    @property
    def shift_rest(self) -> Array:
        """What rounding took from the means that are the shift; another shift is exact."""
        return self._mean_rest if self.is_centred else np.zeros(self.moments.n_features)

    @property
    def _mean_rest(self) -> Array:
        d, rest = self.moments.n_features, self.moments.mean_rest
        return np.zeros(d) if rest is None else rest[:d]

    @property
    def feature_square(self) -> Array:
        """Mean square of each feature in these coordinates."""
        d, scale = self.moments.n_features, self.scaling.scale
        mean = self.moments.mean[:d] - self.scaling.shift
        with beyond_float64():
            square: Array = self.moments.covariance.diagonal()[:d] / scale**2 + (mean / scale) ** 2
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
            moments = moments_of(self.rows, extremes=True)
        return MomentProblem.of(moments, self.rows, name, self.fit_intercept)

    def sharper(self, amplification: float) -> MomentProblem:
        """With modes from the best conditioned coordinates; where they have been asked, from a QR of the rows."""
        if amplification * EPS < TOO_LOSSY:
            return self
        is_matrix = self.moments.root is None and self.judged is None
        return self._carried if is_matrix and not (self.is_centred or self.carried) else self._sharpest

    def for_limit(self) -> MomentProblem:
        """The same where the limit calls for it, without the directions that do not lower J."""
        return self._for_limit or self

    @cached_property
    def _for_limit(self) -> MomentProblem | None:
        """None stands for the problem itself, which would otherwise hold itself in memory."""
        if self.judged is not None:
            return None
        problem = self._sharpest if self.finder.modes.is_lossy else self
        judged = problem.finder.judged()
        if judged is not problem.finder:
            return replace(problem, judged=judged)
        return None if problem is self else problem

    @property
    def given_up(self) -> NDArray[np.intp]:
        """The features of the directions that were given up."""
        return features_of(self.finder.modes.given_up, self.fit_intercept)

    @property
    def _sharpest(self) -> MomentProblem:
        """With modes from the root, where the rows are at hand."""
        return self if self.rows is None or self.moments.root is not None else self._rooted

    @cached_property
    def _carried(self) -> MomentProblem:
        return replace(self, carried=True)

    @cached_property
    def _rooted(self) -> MomentProblem:
        assert self.rows is not None
        return replace(self, moments=with_root(self.moments, self.rows))

    def limit(self, start: Array) -> tuple[Array, Limit]:
        """In the best conditioned coordinates, refined where that is called for, then carried to these."""
        d = self.moments.n_features
        zero = (self.moments.covariance.diagonal()[:d] == 0) & (self.moments.mean[:d] == self.scaling.shift)
        return self.finder.limit(start, self.scaling, zero)


def features_of(directions: Array, fit_intercept: bool) -> NDArray[np.intp]:
    """The features that directions of shape (p, any) mainly consist of."""
    if directions.shape[1] == 0:
        return np.zeros(0, dtype=np.intp)
    parts = np.abs(directions[int(fit_intercept) :])
    return np.flatnonzero((parts > 0.1 * parts.max(axis=0, initial=0.0)).any(axis=1))


@dataclass(frozen=True, eq=False)
class WideProblem:
    """With fewer rows than columns: modes from the N×N kernel, never a d×d matrix.

    Where the kernel's squares lose a direction, the rows themselves are factorised, if there is room for the factors.
    """

    columns: Columns
    modes: KernelModes | Modes
    finder: LimitFinder | None = None
    from_root: bool = False
    judged: bool = False
    otherwise: None = None

    @classmethod
    def of(cls, rows: Rows, name: ScalingName, fit_intercept: bool) -> WideProblem:
        rows.refuse_nonfinite()
        columns = Columns.of(rows, name, fit_intercept)
        refuse_overflow(columns.feature_square)
        modes = KernelModes.of(columns)
        problem = cls(columns, modes)
        return problem._sharpest if modes.is_lossy else problem

    @property
    def scaling(self) -> Scaling:
        """The coordinates."""
        return self.columns.scaling

    @property
    def fit_intercept(self) -> bool:
        """Whether theta starts with an intercept."""
        return self.columns.fit_intercept

    @property
    def is_centred(self) -> bool:
        """Whether the intercept is a mode by itself."""
        return self.columns.centred

    @property
    def target_scale(self) -> Array:
        """Root mean square of each target."""
        return np.sqrt((self.columns.share**2) @ self.columns.y**2)

    @property
    def target_deviation(self) -> Array:
        """Standard deviation of each target."""
        return _deviation(self.columns.y, self.columns.share**2)

    @property
    def target_mean(self) -> Array:
        """Weighted mean of each target."""
        mean: Array = (self.columns.share**2) @ self.columns.y
        return mean

    @property
    def shift_rest(self) -> Array:
        """Nothing: the shift is what it is, for J and for its gradient."""
        return np.zeros(self.columns.rows.n_features)

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

    @property
    def rows(self) -> Rows:
        """The rows."""
        return self.columns.rows

    @property
    def given_up(self) -> NDArray[np.intp]:
        """The features of the directions that were given up."""
        if self.finder is None:
            return np.zeros(0, dtype=np.intp)
        return features_of(self.finder.modes.given_up, self.fit_intercept)

    def on(self, rows: Rows) -> MeanSquaredError:
        """J on other rows."""
        return row_objective(rows, self.scaling, self.fit_intercept)

    def under(self, name: ScalingName) -> WideProblem:
        """The same rows in the coordinates of another scaling."""
        return WideProblem.of(self.columns.rows, name, self.fit_intercept)

    def sharper(self, amplification: float) -> WideProblem:
        """With modes from a factorisation of the rows."""
        return self if amplification * EPS < TOO_LOSSY else self._sharpest

    def for_limit(self) -> WideProblem:
        """The same where the limit calls for it, without the directions that do not lower J."""
        return self._for_limit or self

    @cached_property
    def _for_limit(self) -> WideProblem | None:
        """None stands for the problem itself."""
        if self.judged:
            return None
        problem = self._sharpest if self.modes.is_lossy else self
        if problem.finder is not None:
            judged = problem.finder.judged()
            if judged is not problem.finder:
                return replace(problem._found_by(judged), judged=True)
        return None if problem is self else problem

    @property
    def _sharpest(self) -> WideProblem:
        """With modes from a factorisation of the rows."""
        return self if self.from_root else self._rooted

    @cached_property
    def _rooted(self) -> WideProblem:
        columns = self.columns
        d = columns.rows.n_features
        if len(columns.y) * d > LARGEST_FACTOR:
            return replace(self, modes=KernelModes.of(columns, root=True), from_root=True)
        best = equilibrated(columns.mean, columns.variance, columns.scaling, columns.fit_intercept)
        target_mean = self.target_mean
        y = columns.y - target_mean if columns.fit_intercept else columns.y
        sizes = np.sqrt(columns.variance + columns.mean**2) / best.scale
        modes = modes_of_root(columns.in_coordinates(best).dense(), columns.share[:, None] * y, sizes, d)
        if columns.fit_intercept:
            modes = with_intercept(modes, target_mean)
        mean = np.concatenate([columns.mean, target_mean])
        found = LimitFinder(best, modes, mean, self.target_deviation**2, columns.rows, columns.fit_intercept)
        return self._found_by(found)

    def _found_by(self, finder: LimitFinder) -> WideProblem:
        modes = finder.modes
        if not self.columns.centred:
            modes = modes.carried(finder.scaling, self.scaling, self.fit_intercept)
        return replace(self, modes=modes, finder=finder, from_root=True)

    def limit(self, start: Array) -> tuple[Array, Limit]:
        """The solution nearest to the start, corrected by its own residuals where rounding left some."""
        if self.finder is not None:
            zero = (self.columns.variance == 0) & (self.columns.mean == self.scaling.shift)
            return self.finder.limit(start, self.scaling, zero)
        modes: Any = self.modes
        theta = start + modes.combine(modes.gap(start))
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

    scaling: Scaling
    fit_intercept: bool
    objective: MeanSquaredError
    target_scale: Array
    target_deviation: Array
    target_mean: Array
    feature_square: Array
    curvature: float
    rows: Rows
    is_centred: bool = False
    modes: None = None
    otherwise: Callable[[], Problem] | None = None

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
        target_exponent = safe_exponents(np.abs(y).max(axis=0))
        scaling = Scaling(shift, scale, exponent, target_exponent)
        y = np.ldexp(y, -target_exponent)
        objective = row_objective(rows, scaling, fit_intercept)
        share = rows.share
        curvature = _largest_eigenvalue(objective)
        refuse_overflow(np.array([curvature]))
        return cls(
            scaling=scaling,
            fit_intercept=fit_intercept,
            objective=objective,
            target_scale=np.sqrt(share @ y**2),
            target_deviation=_deviation(y, share),
            target_mean=share @ y,
            feature_square=square,
            curvature=curvature,
            rows=rows,
        )

    def on(self, rows: Rows) -> MeanSquaredError:
        """J on other rows."""
        return row_objective(rows, self.scaling, self.fit_intercept)

    def under(self, name: ScalingName) -> RowProblem:
        """The same rows in the coordinates of another scaling."""
        return RowProblem.of(self.rows, name, self.fit_intercept)

    def sharper(self, amplification: float) -> RowProblem:
        """Nothing to sharpen: there are no modes."""
        return self

    def for_limit(self) -> RowProblem:
        """Nothing to sharpen."""
        return self

    @property
    def shift_rest(self) -> Array:
        """Nothing: the shift is what it is, for J and for its gradient."""
        return np.zeros_like(self.scaling.shift)

    @property
    def given_up(self) -> NDArray[np.intp]:
        """None: a loop goes along every direction."""
        return np.zeros(0, dtype=np.intp)

    def limit(self, start: Array) -> tuple[Array, Limit]:
        """Not to be had without modes."""
        raise AssertionError("unreachable: a problem without modes is descended by the loop")


FirstPoint = Model | Literal["zero", "mean"]
"""Where a descent starts, whatever the coordinates; a model is in original units."""


def first_point(owner: str, init: Any, n_features: int, n_targets: int, fit_intercept: bool) -> FirstPoint:
    """The parameter `init`, but for "auto"."""
    if isinstance(init, str):
        return cast(FirstPoint, init)
    first = int(fit_intercept)
    shape = (n_targets, n_features + first)
    point = np.asarray(init, dtype=np.float64)
    if point.ndim == 1 and n_targets == 1:
        point = point[None]
    if point.shape != shape or not np.isfinite(point).all():
        order = "the intercept first, then a coefficient for each feature" if first else "one for each feature"
        raise InvalidParameterError(
            f'The \'init\' parameter of {owner} must be "auto", "zero", "mean" or finite numbers of shape '
            f"{shape[1:] if n_targets == 1 else shape} in the original units ({order}). Got {init!r} instead."
        )
    return Model(point[:, first:].T, point[:, 0] if first else np.zeros(n_targets))


def starting_point(problem: Problem, start: FirstPoint) -> Array:
    """theta of shape (p, t): zero, the mean of y as intercept, or a model in original units."""
    scaling, fit_intercept = problem.scaling, problem.fit_intercept
    if isinstance(start, Model):
        return scaling.theta(scaling.from_original_units(start), fit_intercept)
    theta = np.zeros((len(scaling.scale) + fit_intercept, len(problem.target_scale)))
    if start == "mean" and fit_intercept:
        theta[0] = problem.target_mean
    return theta


def error_on(problem: Problem, rows: Callable[[], Rows], objective: QuadraticObjective, patience: int = 1) -> HeldOut:
    """The error on other rows, in the coordinates of the problem; `objective` is J on them."""
    scaling, fit_intercept = problem.scaling, problem.fit_intercept
    on_rows = cache(lambda: row_objective(rows(), scaling, fit_intercept))
    return HeldOut(objective, on_rows, scaling.target_share, patience)


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
    coordinates = scaling.shift, scaling.scale, scaling.exponent, scaling.target_share
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
