"""Spectrum: where the modes of a problem come from, and how they become sharper.

Two kinds, alike to whoever asks: second moments (rows at least as many as columns) and the kernel (fewer). Both square
the data and so lose half the digits of a direction. Where that shows, and the rows are at hand, the rows themselves are
factorised.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ._arrays import EPS, Array, beyond_float64
from ._coordinates import Coordinates
from ._kernel import Columns, KernelModes
from ._limit import SMALL_LOSS, Limit, LimitFinder
from ._modes import Modes, modes_of_matrix, modes_of_root, with_intercept
from ._moments import Moments, root_about_zero, root_with_ones, with_root
from ._quadratic import Quadratic
from ._row_objective import row_objective
from ._rows import Rows
from ._statistics import Statistics

LARGEST_FACTOR = 2**26
"""Most entries of X of which a wide problem holds the factors themselves (half a gigabyte)."""

OFFSET = 100.0
"""ȳ² relative to the variance of y from which coordinates that are not centred would lose digits of the slopes."""


class Spectrum(Protocol):
    """Modes in the coordinates of a descent, and where the descent ends."""

    @property
    def moments(self) -> Moments | None:
        """The second moments, where these are what was formed."""

    @property
    def modes(self) -> Modes | KernelModes:
        """The modes, in the coordinates of the descent."""

    @property
    def is_lossy(self) -> bool:
        """Whether squares have lost a direction, or half the digits of one."""

    @property
    def given_up(self) -> NDArray[np.intp]:
        """The features of the directions that were given up, for float64 has rounded them away."""

    @property
    def sharper(self) -> Spectrum:
        """The same from better conditioned coordinates or, if these have been asked, `sharpest`."""

    @property
    def sharpest(self) -> Spectrum:
        """The same from a factorisation of the rows, where they are at hand."""

    def judged(self) -> Spectrum:
        """The same without the directions that do not lower J of the model as float64 stores it."""

    def modes_in(self, coordinates: Coordinates) -> Modes | KernelModes:
        """The modes in other coordinates."""

    @property
    def coordinates(self) -> Coordinates:
        """Those of the descent."""

    def in_other(self, coordinates: Coordinates, statistics: Statistics) -> Spectrum:
        """That of the same rows in coordinates of another shift or penalty."""

    def limit(self, start: Array) -> tuple[Array, Limit]:
        """Where descent from `start` converges to: theta, and the model with all its digits."""


@dataclass(frozen=True, eq=False)
class MomentSpectrum:
    """From second moments; `rows`, where they are at hand, serve to sharpen what the moments cannot resolve."""

    moments: Moments
    statistics: Statistics
    coordinates: Coordinates
    rows: Rows | None
    judge: LimitFinder | None = None
    """Where directions were judged: what was left of them."""
    is_carried: bool = False
    """Whether the modes are carried from the best conditioned coordinates, where these are not."""
    about_zero: Array | None = None
    """The root of the rows as they are, of X and of y, where they have been factorised without an intercept."""

    @cached_property
    def finder(self) -> LimitFinder:
        """The problem in its equilibrated coordinates."""
        if self.judge is not None:
            return self.judge
        moments, statistics, fit_intercept = self.moments, self.statistics, self.coordinates.fit_intercept
        best = self.coordinates
        if not best.centred:
            best = best.equilibrated(statistics)
        root, d = self._root, statistics.n_features
        if root is None:
            modes = modes_of_matrix(self._quadratic(best), self._n_rows)
        else:
            M, q = root[:, :d] / best.scale, root[:, d:]
            if best.penalty.has_ridge:  # a row for each feature, on which its slope alone is to come to nothing
                M = np.vstack([M, np.diag(np.sqrt(np.ravel(best.penalty.ridge)) * np.ones(d))])
                q = np.vstack([q, np.zeros((d, q.shape[1]))])
            modes = modes_of_root(M, q, statistics.feature_size / best.scale, moments.n_samples)
            if fit_intercept:
                modes = with_intercept(modes, statistics.target_mean)
        return LimitFinder(best, modes, statistics, self.rows)

    @cached_property
    def _root(self) -> Array | None:
        """A root of the second moments of X and y: about their means or, without an intercept, about zero."""
        if self.about_zero is not None:
            return self.about_zero
        root = self.moments.root
        if root is None or self.coordinates.fit_intercept:
            return root
        return np.vstack([self.moments.mean, root])

    @cached_property
    def modes(self) -> Modes:
        """The modes, in the coordinates of the descent."""
        modes, statistics = self._own_modes(), self.statistics
        if self._root is not None or not (modes.minimum < SMALL_LOSS * statistics.target_square).any():
            return modes
        if self.coordinates.fit_intercept:  # J_min is the same in all coordinates, and centred ones lose least of it
            modes = replace(modes, minimum=self.finder.modes.minimum)
            if not (modes.minimum < SMALL_LOSS * statistics.target_variance).any():
                return modes
        if self.rows is None:
            return modes
        on_rows, theta = row_objective(self.rows, self.coordinates), modes.combine(modes.optimum)
        charge = self.coordinates.penalty.smooth.value(self.coordinates.split(theta)[1])
        return replace(modes, minimum=on_rows.errors(theta[:, None])[0] + charge)

    def _own_modes(self) -> Modes:
        if self.coordinates.centred:  # these coordinates are the best conditioned ones
            return self.finder.modes
        if self._is_own_matrix:
            modes = modes_of_matrix(self._quadratic(self.coordinates), self._n_rows)
            if not modes.is_lossy:
                statistics = self.statistics
                far = (statistics.target_mean**2 > OFFSET * statistics.target_variance).any()
                if far and self.coordinates.fit_intercept:
                    return self.finder.with_factor(modes, self.coordinates)
                return modes
        return self._of_small_rows() or self.modes_in(self.coordinates)

    def _of_small_rows(self) -> Modes | None:
        """The modes from a QR of the rows in the coordinates of the descent, where some rows are small in them."""
        best, own, d = self.finder.modes, self.coordinates, self.statistics.n_features
        if (
            self._root is None
            or self.rows is None
            or own.penalty.has_ridge
            or not (own.fit_intercept and best.complete)
        ):
            return None
        size = np.sqrt(own.feature_square(self.statistics)) * own.scale
        R = root_with_ones(self.rows, own.shift, self.moments.exponent, size)
        if R is None:
            return None
        M = np.column_stack([R[: d + 1, d], R[: d + 1, :d] / own.scale])
        return best.as_of_root(M, R[: d + 1, d + 1 :])

    @property
    def _n_rows(self) -> int:
        """The number of rows; a ridge term is one more for each feature."""
        return self.moments.n_samples + self.statistics.n_features * self.coordinates.penalty.has_ridge

    @property
    def _is_own_matrix(self) -> bool:
        """Whether the modes come from A in the coordinates of the descent, though others are better conditioned."""
        carried = self.is_carried or self.coordinates.centred
        return self._root is None and self.judge is None and not carried

    def _quadratic(self, coordinates: Coordinates) -> Quadratic:
        with beyond_float64():
            return Quadratic.of(self.moments, coordinates)

    def modes_in(self, coordinates: Coordinates) -> Modes:
        """The modes in other coordinates, carried from the equilibrated ones."""
        return self.finder.modes_in(coordinates)

    def in_other(self, coordinates: Coordinates, statistics: Statistics) -> MomentSpectrum:
        """That of the same rows in coordinates of another shift or penalty."""
        return MomentSpectrum(self.moments, statistics, coordinates, self.rows, about_zero=self.about_zero)

    @property
    def is_lossy(self) -> bool:
        """Whether squares have lost a direction, or half the digits of one."""
        return self.finder.modes.is_lossy

    @property
    def given_up(self) -> NDArray[np.intp]:
        """The features of the directions that were given up."""
        return _features_of(self.finder)

    @property
    def sharper(self) -> MomentSpectrum:
        """With modes from the best conditioned coordinates; if they are, from a QR of the rows."""
        return replace(self, is_carried=True) if self._is_own_matrix else self.sharpest

    @property
    def sharpest(self) -> MomentSpectrum:
        """From a QR of the rows, where they are at hand."""
        return self if self.rows is None or self._root is not None else self._rooted

    @cached_property
    def _rooted(self) -> MomentSpectrum:
        assert self.rows is not None
        if not self.coordinates.fit_intercept:
            return replace(self, about_zero=root_about_zero(self.rows, self.moments.exponent))
        return replace(self, moments=with_root(self.moments, self.rows))

    def judged(self) -> MomentSpectrum:
        """Without the directions that do not lower J."""
        if self.judge is not None:
            return self
        judge = self.finder.judged()
        return self if judge is self.finder else replace(self, judge=judge)

    def limit(self, start: Array) -> tuple[Array, Limit]:
        """In the best conditioned coordinates, refined where that is called for, then carried to these."""
        return self.finder.limit(start, self.coordinates)


@dataclass(frozen=True, eq=False)
class KernelSpectrum:
    """From the N×N kernel, never a d×d matrix; or from the factors of the rows, if there is room for them."""

    columns: Columns
    modes: KernelModes | Modes
    finder: LimitFinder | None = None
    """The problem in its equilibrated coordinates, where the rows have been factorised."""
    is_sharpest: bool = False
    is_judged: bool = False
    moments: None = None

    @classmethod
    def of(cls, columns: Columns) -> KernelSpectrum:
        """From the eigenvalues of the kernel."""
        return cls(columns, KernelModes.of(columns))

    def modes_in(self, coordinates: Coordinates) -> KernelModes | Modes:
        """The modes in other coordinates: carried from the equilibrated ones, or from a kernel of their own."""
        if self.finder is not None:
            return self.finder.modes_in(coordinates)
        return KernelModes.of(replace(self.columns, coordinates=coordinates), root=self.is_sharpest)

    @property
    def coordinates(self) -> Coordinates:
        """Those of the descent."""
        return self.columns.coordinates

    def in_other(self, coordinates: Coordinates, statistics: Statistics) -> KernelSpectrum:
        """That of the same rows in coordinates of another shift or penalty."""
        centred = coordinates.fit_intercept and np.array_equal(coordinates.shift, statistics.feature_mean)
        coordinates = replace(coordinates, centred=centred)
        return KernelSpectrum.of(replace(self.columns, coordinates=coordinates, statistics=statistics))

    @property
    def is_lossy(self) -> bool:
        """Whether squares have lost a direction, or half the digits of one."""
        return self.modes.is_lossy

    @property
    def given_up(self) -> NDArray[np.intp]:
        """The features of the directions that were given up."""
        return np.zeros(0, dtype=np.intp) if self.finder is None else _features_of(self.finder)

    @property
    def sharper(self) -> KernelSpectrum:
        """From a factorisation of the rows."""
        return self.sharpest

    @property
    def sharpest(self) -> KernelSpectrum:
        """From a factorisation of the rows."""
        return self if self.is_sharpest else self._rooted

    @cached_property
    def _rooted(self) -> KernelSpectrum:
        columns, statistics = self.columns, self.columns.statistics
        d, fit_intercept = statistics.n_features, columns.coordinates.fit_intercept
        if len(columns.y) * d > LARGEST_FACTOR or columns.coordinates.penalty.has_ridge:
            return replace(self, modes=KernelModes.of(columns, root=True), is_sharpest=True)
        best = columns.coordinates.equilibrated(statistics)
        y = columns.y - statistics.target_mean if fit_intercept else columns.y
        M = replace(columns, coordinates=best).dense()
        modes = modes_of_root(M, columns.share[:, None] * y, statistics.feature_size / best.scale, d)
        if fit_intercept:
            modes = with_intercept(modes, statistics.target_mean)
        return self._found_by(LimitFinder(best, modes, statistics, columns.rows))

    def _found_by(self, finder: LimitFinder) -> KernelSpectrum:
        own = self.columns.coordinates
        modes = finder.modes if own.centred else finder.modes_in(own)
        return replace(self, modes=modes, finder=finder, is_sharpest=True)

    def judged(self) -> KernelSpectrum:
        """Without the directions that do not lower J."""
        if self.is_judged or self.finder is None:
            return self
        judge = self.finder.judged()
        return self if judge is self.finder else replace(self._found_by(judge), is_judged=True)

    def limit(self, start: Array) -> tuple[Array, Limit]:
        """The solution nearest to the start, corrected by its own residuals where rounding left some."""
        if self.finder is not None:
            return self.finder.limit(start, self.columns.coordinates)
        modes, own = self.modes, self.columns.coordinates
        assert isinstance(modes, KernelModes)  # others come with a finder
        if own.penalty.has_ridge:  # there is one solution, wherever the descent starts and features are shifted to
            start = np.zeros_like(start)
            statistics = self.columns.statistics
            far = (statistics.target_mean**2 > OFFSET * statistics.target_variance).any()
            if (self.is_sharpest or far) and own.fit_intercept and not own.centred:
                centred = replace(own, shift=statistics.feature_mean, centred=True)
                modes = KernelModes.of(replace(self.columns, coordinates=centred), root=self.is_sharpest)
        z, minimum = modes.gap(start), modes.minimum
        theta = start + modes.combine(z)
        if modes.error > 100 * EPS:
            before = np.inf
            for _ in range(3):
                minimum, step = modes.residual_step(theta, z)
                size = float(np.linalg.norm(step))
                if not size < before / 2:
                    break
                theta, z, before = theta + modes.combine(step), z + step, size
        model = modes.columns.coordinates.model(theta)
        return own.theta(model) if modes is not self.modes else theta, Limit(model, minimum)


def _features_of(finder: LimitFinder) -> NDArray[np.intp]:
    """The features that the directions given up mainly consist of."""
    directions = finder.modes.given_up
    if directions.shape[1] == 0:
        return np.zeros(0, dtype=np.intp)
    parts = np.abs(directions[finder.coordinates.first :])
    return np.flatnonzero((parts > 0.1 * parts.max(axis=0, initial=0.0)).any(axis=1))
