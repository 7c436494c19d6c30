"""Problem: one set of rows in the coordinates of one scaling, ready to be descended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from ._arrays import EPS, Array, beyond_float64
from ._coordinates import Coordinates, Model, ScalingName
from ._curvature import largest_eigenvalue
from ._dask_rows import PersistedMatrix
from ._early_stopping import HeldOut
from ._kernel import Columns, KernelModes
from ._limit import Limit
from ._modes import Modes
from ._moments import Moments, moments_of, statistics_of_moments
from ._parameters import InvalidParameterError
from ._penalty import NO_PENALTY, Penalty
from ._quadratic import Quadratic
from ._row_objective import RowObjective, row_objective
from ._rows import Rows
from ._slopes import MatrixSlopes, RowSlopes
from ._spectrum import KernelSpectrum, MomentSpectrum, Spectrum
from ._statistics import Statistics, statistics_of

TOO_LOSSY = 2e-13
"""Relative error of the closed form above which the modes are taken from better coordinates, or from the rows."""

TOO_LOSSY_FOR_ERRORS = 1e-12
"""The same where only errors on other rows are wanted, which have fewer digits than the coefficients."""

CURVATURE, STEPS_FOR_CURVATURE = 1e-3, 40
"""Asked of the bound on L, relatively, and the steps of Lanczos after which it is taken as it is."""

SHARP_CURVATURE, STEPS_FOR_SHARP_CURVATURE = 1e-10, 1_000
"""The same where iterates, or the verdict on a rate, depend on L itself."""


@dataclass(frozen=True, eq=False)
class Problem:
    """What a descent needs to know of the data, in the coordinates of one scaling.

    It is made by `of_moments` (rows at least as many as columns), `of_columns` (fewer: the kernel) or `of_rows`
    (neither matrix would fit, or so few steps are asked for that forming it costs more).

    Attributes
    ----------
    coordinates : Coordinates
    statistics : Statistics
    rows : Rows or None
        The rows, where they are at hand.
    spectrum : Spectrum or None
        Where the modes come from; None where no matrix was formed, and the loop must descend.
    penalty : Penalty
        As it was asked for; that of the coordinates is in their units.
    otherwise : callable or None
        Makes another form of the problem, for where a loop on this one does not converge.
    """

    coordinates: Coordinates
    statistics: Statistics
    rows: Rows | None
    spectrum: Spectrum | None
    penalty: Penalty = NO_PENALTY
    otherwise: Callable[[], Problem] | None = None

    @classmethod
    def of_moments(
        cls,
        moments: Moments,
        rows: Rows | None,
        name: ScalingName,
        fit_intercept: bool,
        penalty: Penalty = NO_PENALTY,
    ) -> Problem:
        """By the moments; `rows`, where they are at hand, serve to sharpen what the moments cannot resolve."""
        problem = cls.before_modes(moments, rows, name, fit_intercept, penalty)
        if penalty.has_lasso:  # its descent asks for no modes
            refuse_overflow(problem.feature_square)
            return problem
        return problem._checked()

    @classmethod
    def before_modes(
        cls,
        moments: Moments,
        rows: Rows | None,
        name: ScalingName,
        fit_intercept: bool,
        penalty: Penalty = NO_PENALTY,
    ) -> Problem:
        """The same before its modes are looked at, which cost more than the moments where features are many."""
        statistics = statistics_of_moments(moments)
        coordinates = Coordinates.learned(name, statistics, fit_intercept, penalty)
        return cls(coordinates, statistics, rows, MomentSpectrum(moments, statistics, coordinates, rows), penalty)

    @classmethod
    def of_columns(cls, rows: Rows, name: ScalingName, fit_intercept: bool, penalty: Penalty = NO_PENALTY) -> Problem:
        """By the kernel of the rows."""
        statistics, coordinates = _learned(rows, name, fit_intercept, penalty)
        spectrum = KernelSpectrum.of(Columns.of(rows, statistics, coordinates))
        return cls(coordinates, statistics, rows, spectrum, penalty)._checked()

    @classmethod
    def of_rows(
        cls,
        rows: Rows,
        name: ScalingName,
        fit_intercept: bool,
        penalty: Penalty = NO_PENALTY,
        otherwise: Callable[[], Problem] | None = None,
    ) -> Problem:
        """By products with X alone."""
        statistics, coordinates = _learned(rows, name, fit_intercept, penalty)
        return cls(coordinates, statistics, rows, None, penalty, otherwise)._checked()

    def _checked(self) -> Problem:
        """The same, as sharp as it must be for any descent; an error where float64 does not hold the squares."""
        refuse_overflow(np.append(self.feature_square, self._trace if self.spectrum is None else self.curvature))
        return (self._sharpest or self) if self.spectrum is not None and self.modes.is_lossy else self

    @property
    def modes(self) -> Modes | KernelModes:
        """The modes; ask only where there is a spectrum."""
        assert self.spectrum is not None
        return self.spectrum.modes

    @property
    def moments(self) -> Moments | None:
        """The moments, where they were formed."""
        return None if self.spectrum is None else self.spectrum.moments

    @property
    def n_rows(self) -> int:
        """The number of rows that have a weight."""
        if self.moments is not None:
            return self.moments.n_samples
        assert self.rows is not None
        return self.rows.n_used

    @cached_property
    def objective(self) -> Quadratic | RowObjective:
        """J: by the moments where they were formed, else on the rows."""
        if self.moments is None:
            assert self.rows is not None
            return row_objective(self.rows, self.coordinates)
        quadratic = Quadratic.of(self.moments, self.coordinates)
        return quadratic if self.coordinates.penalty.has_lasso else replace(quadratic, modes=self.modes)

    def on(self, rows: Rows, moments: Moments | None = None) -> Quadratic | RowObjective:
        """The error on other rows, without the penalty: by their moments where this problem knows J so.

        The moments may be at hand already.
        """
        if self.moments is None:
            return row_objective(rows, self.coordinates.unpenalised)
        moments = moments_of(rows) if moments is None else moments
        return Quadratic.of(moments.in_units(self.moments.exponent), self.coordinates.unpenalised)

    def slopes(self, coordinates: Coordinates) -> MatrixSlopes | RowSlopes:
        """The error as a function of the slopes alone in these coordinates: by the moments or, without, on the rows."""
        if self.moments is not None:
            return MatrixSlopes.of(Quadratic.of(self.moments, coordinates))
        assert self.rows is not None
        return RowSlopes.of(self.rows, self.statistics, coordinates)

    @cached_property
    def curvature(self) -> float:
        """L, the largest eigenvalue of ∇²J; without a spectrum a bound above it, from a few products with X.

        A rate that is stable by it is stable. It is within 1e-3 of L where the largest eigenvalues stand apart, as of
        features that share a direction; where 40 steps of Lanczos do not tell them apart it may be some 6 % above.
        """
        if self.spectrum is None:
            return self._bound_on_curvature(CURVATURE, STEPS_FOR_CURVATURE)
        return 2.0 * float(self.modes.eigenvalues[0]) if len(self.modes.eigenvalues) else 0.0

    @cached_property
    def sharp_curvature(self) -> float:
        """L to ten digits, whatever that costs up to a thousand steps of Lanczos."""
        if self.spectrum is None:
            return self._bound_on_curvature(SHARP_CURVATURE, STEPS_FOR_SHARP_CURVATURE)
        return self.curvature

    def _bound_on_curvature(self, tolerance: float, most: int) -> float:
        p = self.coordinates.shape[0]
        return largest_eigenvalue(self.objective.hessian_product, p, self._trace, tolerance, most)

    @property
    def _trace(self) -> float:
        """The trace of ∇²J: its eigenvalues are at most this."""
        d = self.statistics.n_features
        charge = d * self.coordinates.penalty.ridge if self.coordinates.penalty.has_ridge else 0.0
        with beyond_float64():
            return 2.0 * (float(self.feature_square.sum()) + self.coordinates.first + float(charge))

    @cached_property
    def feature_square(self) -> Array:
        """Mean square of each feature in these coordinates, of shape (d,)."""
        return self.coordinates.feature_square(self.statistics)

    @cached_property
    def target_scale(self) -> Array:
        """Root mean square of each target, of shape (t,)."""
        return np.sqrt(self.statistics.target_square)

    @property
    def given_up(self) -> NDArray[np.intp]:
        """The features of the directions that were given up, for float64 has rounded them away."""
        return np.zeros(0, dtype=np.intp) if self.spectrum is None else self.spectrum.given_up

    def under(self, name: ScalingName) -> Problem:
        """The same rows in the coordinates of another scaling; ValueError where that cannot be had."""
        fit_intercept, penalty = self.coordinates.fit_intercept, self.penalty
        if self.moments is None:
            assert self.rows is not None
            of = Problem.of_rows if self.spectrum is None else Problem.of_columns
            return of(self.rows, name, fit_intercept, penalty)
        moments = self.moments
        if name in ("minmax", "maxabs") and moments.minimum is None and self.rows is not None:
            moments = moments_of(self.rows, extremes=True)
        return Problem.of_moments(moments, self.rows, name, fit_intercept, penalty)

    def charging(self, penalty: Penalty) -> Problem:
        """The same with another penalty; the problem itself, where it has that already."""
        if self.penalty.is_like(penalty):
            return self
        asked = penalty.in_target_units(self.coordinates.target_exponent)
        coordinates, spectrum = replace(self.coordinates, penalty=asked), self.spectrum
        if spectrum is not None:
            spectrum = spectrum.in_other(coordinates, self.statistics)
        problem = replace(self, coordinates=coordinates, spectrum=spectrum, penalty=penalty)
        return problem if penalty.has_lasso else problem._checked()

    def centred(self) -> Problem:
        """The same with each feature shifted by its mean, as it is rounded, so that the intercept is a mode by itself.

        Iterates are others there; the limit is the same, where there is one only. Without an intercept nothing changes.
        """
        own, spectrum = self.coordinates, self.spectrum
        if own.centred or not own.fit_intercept or spectrum is None:
            return self
        statistics = replace(self.statistics, mean_rest=np.zeros_like(self.statistics.mean_rest))
        spectrum = spectrum.in_other(replace(own, shift=statistics.feature_mean), statistics)
        return replace(self, coordinates=spectrum.coordinates, statistics=statistics, spectrum=spectrum)

    def raised(self, charges: Array, start: Array) -> tuple[Array, Array]:
        r"""Eigenvalues, of shape (n, m), and z* − Vᵀθ, of shape (n, m, t), where slopes are charged more, each Δ anew.

        A ridge term raises the λ of each mode of the slopes and leaves the modes as they are, where the coordinates are
        centred or there is no intercept:

        .. math::  z^*_\Delta - z = \frac{\lambda (z^* - z) - \Delta z}{\lambda + \Delta}
        """
        modes = self.modes.seen_from(start)
        is_slope = ~(modes.of_intercept & self.coordinates.fit_intercept)
        more = charges[:, None] * is_slope
        values, gap = modes.eigenvalues + more, modes.gap(start)
        raised = (modes.eigenvalues[:, None] * gap - more[:, :, None] * modes.coordinates(start)) / values[:, :, None]
        return values, np.where(more[:, :, None] > 0, raised, gap)  # as it was, to the last digit

    def sharper(self, amplification: float, too_lossy: float = TOO_LOSSY) -> Problem:
        """The same with modes one degree sharper, if rounding so amplified calls for it."""
        if self.spectrum is None or amplification * EPS < too_lossy:
            return self
        return self._sharper or self

    def for_limit(self) -> Problem:
        """The same with the directions that the limit is to have: as sharp as it needs, and only those that lower J."""
        return self._for_limit or self

    # They are kept, for their factorisations cost; None stands for the problem itself, which would hold itself alive.

    @cached_property
    def _sharper(self) -> Problem | None:
        return None if self.spectrum is None else self._with(self.spectrum.sharper)

    @cached_property
    def _sharpest(self) -> Problem | None:
        return None if self.spectrum is None else self._with(self.spectrum.sharpest)

    @cached_property
    def _for_limit(self) -> Problem | None:
        if self.spectrum is None:
            return None
        return self._with((self.spectrum.sharpest if self.spectrum.is_lossy else self.spectrum).judged())

    def _with(self, spectrum: Spectrum) -> Problem | None:
        return None if spectrum is self.spectrum else replace(self, spectrum=spectrum)

    def limit(self, start: Array) -> tuple[Array, Limit]:
        """Where descent from `start` converges to: theta, and the model with all its digits; needs modes."""
        assert self.spectrum is not None
        return self.spectrum.limit(start)


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
    coordinates = problem.coordinates
    if isinstance(start, Model):
        return coordinates.theta(coordinates.from_original_units(start))
    theta = np.zeros(coordinates.shape)
    if start == "mean" and coordinates.fit_intercept:
        theta[0] = problem.statistics.target_mean
    return theta


def error_on(
    problem: Problem, rows: Callable[[], Rows], objective: Quadratic | RowObjective, patience: int = 1
) -> HeldOut:
    """The error on other rows, in the coordinates of the problem; `objective` is J on them."""
    on_rows = cache(lambda: row_objective(rows(), problem.coordinates.unpenalised))
    return HeldOut(objective, on_rows, problem.coordinates.target_share, patience)


def _learned(rows: Rows, name: ScalingName, fit_intercept: bool, penalty: Penalty) -> tuple[Statistics, Coordinates]:
    """Statistics and coordinates from the rows alone, which are refused where float64 does not hold their squares."""
    rows.refuse_nonfinite()
    extremes = name in ("minmax", "maxabs")
    own = isinstance(rows.X, PersistedMatrix)
    statistics = rows.X.statistics(extremes=extremes) if own else statistics_of(rows, extremes=extremes)
    coordinates = Coordinates.learned(name, statistics, fit_intercept, penalty)
    refuse_overflow(coordinates.feature_square(statistics))
    return statistics, coordinates


def refuse_overflow(square: Array) -> None:
    """Raise where the mean squares of the features, in the coordinates of the descent, are beyond float64."""
    if not np.isfinite(square).all():
        raise ValueError(
            "The squares of the features overflow float64 in the coordinates of the descent: use "
            'scaling="standard", or bring the features to sizes below 1e150 first.'
        )
