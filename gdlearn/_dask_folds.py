"""Cross-validation of collections of dask: the folds of `_cross_validation`, from moments of groups where they lie.

Nothing but the moments of groups comes from the pieces. Where in-memory folds would look at their rows again, for
digits that squares have lost, the pieces are read once more for the roots of their groups.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from scipy.linalg import helmert
from sklearn.model_selection import (
    RepeatedStratifiedKFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
)

from ._arrays import Array, in_units
from ._candidates import Fold
from ._coordinates import Coordinates, ScalingName
from ._cross_validation import FEW_GROUPS, GROUP_ELEMENTS, Batch, Split, batches, refuse_empty, splits_of
from ._dask import moments_of_groups
from ._early_stopping import HeldOut
from ._moments import Moments, merged
from ._penalty import NO_PENALTY, Penalty
from ._problem import Problem
from ._quadratic import Quadratic
from ._row_objective import RowObjective
from ._validation import is_collection

MOST_GROUPS = 64
"""The largest number of groups of one read: that of splits which overlap doubles with each."""

RESOLVED_IN_FOLDS = 1e-3
"""λ_min/λ_max of all rows from which second moments hold the digits of the modes of each fold."""

OF_LABELS = RepeatedStratifiedKFold, StratifiedGroupKFold, StratifiedKFold, StratifiedShuffleSplit
"""The splitters that look at y."""


def needs_no_rows(cv: Any) -> bool:
    """Whether a splitter looks at the number of rows, the groups or y alone, as all those of scikit-learn do."""
    return type(cv).__module__.startswith("sklearn.model_selection")


def splits_of_collections(cv: Any, y: Any, lengths: list[int], params: dict[str, Any]) -> Iterator[Split]:
    """The splits of a splitter that needs no rows; y and the groups are computed where it looks at them."""
    n = sum(lengths)
    y = y.compute() if isinstance(cv, OF_LABELS) else None
    params = {name: given.compute() if is_collection(given) else given for name, given in params.items()}
    return splits_of(cv.split(np.empty((n, 0)), y, **params), n, None)


def folds_of_collections(
    X: Any,
    y: Any,
    sample_weight: Any,
    lengths: list[int],
    splits: Iterable[Split],
    name: ScalingName,
    fit_intercept: bool,
    penalty: Penalty = NO_PENALTY,
) -> Iterator[tuple[Problem, Iterator[Fold]]]:
    """For each read of the pieces the problem of all rows, and the folds that the read serves."""

    def read(batch: Batch, *, root: bool) -> dict[int, Moments]:
        extremes = name in ("minmax", "maxabs")
        return moments_of_groups(X, y, sample_weight, batch.group, lengths, extremes=extremes, root=root)

    root = False
    most = max(FEW_GROUPS, min(MOST_GROUPS, GROUP_ELEMENTS // (X.shape[1] + 2) ** 2))
    for batch in batches(splits, None, most, for_each=most):
        groups = Groups.of(read(batch, root=root))
        problem = Problem.of_moments(groups.total, None, name, fit_intercept, penalty)
        if not (root or penalty.has_lasso) and problem.modes.smallest < RESOLVED_IN_FOLDS:
            root = True
            groups = Groups.of(read(batch, root=True))
            problem = Problem.of_moments(groups.total, None, name, fit_intercept, penalty)
        again = cache(lambda batch=batch: Groups.of(read(batch, root=True)))
        rooted = (lambda groups=groups: groups) if root else again
        yield problem, (groups.fold(split, rooted, name, fit_intercept, penalty) for split in batch.of_groups)


@dataclass(frozen=True, eq=False)
class Groups:
    """The moments of the groups that have a row with a weight, in the same units, and of all together."""

    numbers: list[int]
    moments: list[Moments]
    total: Moments

    @classmethod
    def of(cls, found: dict[int, Moments]) -> Groups:
        """Bring them to the same units."""
        numbers = sorted(found)
        total: Moments = sum((found[number] for number in numbers[1:]), start=found[numbers[0]])
        return cls(numbers, [found[number].in_units(total.exponent) for number in numbers], total)

    def fold(
        self, split: Split, rooted: Callable[[], Groups], name: ScalingName, fit_intercept: bool, penalty: Penalty
    ) -> Fold:
        """The fold of a split of groups; `rooted` makes them with roots, where the test error needs the digits."""
        some = split.of_groups(np.array(self.numbers))
        refuse_empty(bool(some.train.any()), bool(some.test.any()))
        problem = Problem.of_moments(merged(self.moments, some.train), None, name, fit_intercept, penalty)
        test = MomentsOnly(merged(self.moments, some.test), lambda: merged(rooted().moments, some.test))
        return Fold(problem, test, None)


@dataclass(frozen=True, eq=False)
class MomentsOnly:
    """Rows that a fold does not descend on, of which the moments are at hand, or can be had with their root."""

    moments: Moments
    rooted: Callable[[], Moments]

    def error(self, problem: Problem, patience: int = 1) -> HeldOut:
        """The error on them, in the coordinates of a problem."""
        coordinates = problem.coordinates.unpenalised
        moments = self.moments.in_units(coordinates.joint_exponent)
        on_rows = cache(lambda: objective_of(self.rooted(), coordinates))
        return HeldOut(Quadratic.of(moments, coordinates), on_rows, coordinates.target_share, patience)


def objective_of(moments: Moments, coordinates: Coordinates) -> RowObjective:
    """J on a few rows that have the same moments, with their root: as exact as on all rows."""
    moments = moments.in_units(coordinates.joint_exponent)
    d, size = moments.n_features, len(moments.mean) + 1
    assert moments.root is not None
    # Columns of length 1 that sum to zero: what is multiplied by them has mean zero, and the moments RᵀR.
    z: Array = np.sqrt(size) * helmert(size).T @ moments.root
    rest = 0.0 if moments.mean_rest is None else moments.mean_rest
    z += (moments.mean - np.concatenate([coordinates.shift, np.zeros(size - 1 - d)])) + rest
    X, y = in_units(z[:, :d], coordinates.exponent), in_units(z[:, d:], coordinates.target_exponent)
    return RowObjective(X, y, None, replace(coordinates, shift=np.zeros(d)))
