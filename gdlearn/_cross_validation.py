"""Cross-validation of descents: the rows read once, and what each fold needs of them.

Rows that take part in the same way in every split form a group. A fold's training and test moments are sums over
groups, so one read serves all splits whose groups are few (those of K disjoint test folds are K groups), and no fold is
ever copied.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._arrays import Array
from ._candidates import Counts, Fold, Part
from ._coordinates import ScalingName
from ._early_stopping import held_out_rows
from ._moments import Moments, grouped_moments, merged, moments_of
from ._penalty import NO_PENALTY, Penalty
from ._problem import Problem
from ._rows import Rows
from ._solve import LARGEST_MATRIX, is_wide

GROUP_ELEMENTS = 2**21
"""Most elements in the moments of all groups of a read together (16 MB)."""

FEW_GROUPS = 8
"""The number of groups that may always be read at once, whatever their size."""


@dataclass(frozen=True, eq=False)
class Split:
    """How often each row (or group) is descended on, tested on and, with early stopping, held out to stop by."""

    train: Counts
    test: Counts
    held_out: Counts

    @property
    def parts(self) -> tuple[Counts, Counts, Counts]:
        return self.train, self.test, self.held_out

    def of_groups(self, example: NDArray[np.intp]) -> Split:
        """The same for groups, given a row of each."""
        return Split(*(part[example] for part in self.parts))


@dataclass(frozen=True)
class Stopping:
    """Early stopping in each fold, as in a fit: the share of the training rows that is held out, chosen at random."""

    fraction: float
    random_state: Any


def splits_of(
    pairs: Iterable[tuple[Any, Any]], n_samples: int, stopping: Stopping | None, weight: Array | None = None
) -> Iterator[Split]:
    """Pairs of indices, or masks, as counts; an index that comes twice counts twice."""
    none = np.zeros(n_samples, dtype=np.uint8)
    for train, test in pairs:
        train, held = _indices(train, n_samples), none
        if stopping is not None:
            of_train = None if weight is None else weight[train]
            out = held_out_rows(len(train), of_train, stopping.fraction, stopping.random_state)
            train, held = train[~out], _counts(train[out], n_samples)
        yield Split(_counts(train, n_samples), _counts(_indices(test, n_samples), n_samples), held)


def splits_in_order(n_samples: int, n_folds: int) -> Iterator[Split]:
    """The splits of ``KFold(n_folds)``, without the row numbers that it makes, which take as long as moments do."""
    none = np.zeros(n_samples, dtype=np.uint8)
    size, longer = divmod(n_samples, n_folds)  # so many folds are a row longer, the first ones
    bounds = [size * i + min(i, longer) for i in range(n_folds + 1)]
    for start, stop in pairwise(bounds):
        test = none.copy()
        test[start:stop] = 1
        yield Split(1 - test, test, none)


def _indices(part: Any, n_samples: int) -> NDArray[np.intp]:
    part = np.asarray(part)
    index = np.flatnonzero(part) if part.dtype == bool else part.astype(np.intp, copy=False)
    if index.ndim != 1 or len(index) == 0 or index.min() < -n_samples or index.max() >= n_samples:
        raise ValueError(
            f"cv must yield pairs of non-empty 1-D arrays of row numbers below {n_samples}; got one of shape "
            f"{part.shape}" + (f" with values from {index.min()} to {index.max()}." if index.size else ".")
        )
    return index


def _counts(index: NDArray[np.intp], n_samples: int) -> Counts:
    once = np.zeros(n_samples, dtype=np.uint8)
    once[index] = 1
    if np.count_nonzero(once) == len(index):
        return once
    counts = np.bincount(index % n_samples, minlength=n_samples)
    return counts.astype(np.min_scalar_type(int(counts.max())))


@dataclass(frozen=True, eq=False)
class Batch:
    """Splits that one read of the rows serves, and the group of each row."""

    splits: list[Split]
    group: Counts
    n_groups: int
    used: NDArray[np.bool_] | None

    @property
    def of_groups(self) -> list[Split]:
        """The splits, group by group, as any used row of the group has them."""
        rows = np.arange(len(self.group)) if self.used is None else np.flatnonzero(self.used)
        example = np.empty(self.n_groups, dtype=np.intp)
        example[self.group[rows]] = rows
        return [split.of_groups(example) for split in self.splits]


def batches(
    splits: Iterable[Split], used: NDArray[np.bool_] | None, most_groups: int, for_each: float = 2
) -> Iterator[Batch]:
    """As many splits to a read as their groups allow: `for_each` of them and `most_groups` altogether at most."""
    batch: Batch | None = None
    for split in splits:
        if batch is not None:
            group, n_groups = _refined(batch.group, batch.n_groups, split, used)
            if n_groups <= most_groups and n_groups <= for_each * (len(batch.splits) + 1):
                batch = Batch([*batch.splits, split], group, n_groups, used)
                continue
            yield batch
        batch = Batch([split], *_refined(np.zeros(len(split.train), dtype=np.uint8), 1, split, used), used)
    if batch is not None:
        yield batch


def _refined(group: Counts, n_groups: int, split: Split, used: NDArray[np.bool_] | None) -> tuple[Counts, int]:
    """The groups cut further by the part that each row takes in one more split; rows that are not used go anywhere.

    The numbers are kept in the smallest dtype that holds them, which sorts fastest.
    """
    radices = [int(part.max(initial=0)) + 1 for part in split.parts]
    n_codes = n_groups * math.prod(radices)
    code = group.astype(np.min_scalar_type(n_codes - 1))
    for part, radix in zip(split.parts, radices, strict=True):
        if radix > 1:
            code *= radix
            code += part.astype(code.dtype, copy=False)
    present = np.zeros(n_codes, dtype=bool)
    present[code if used is None else code[used]] = True
    n_groups = int(np.count_nonzero(present))
    number = np.maximum(np.cumsum(present) - 1, 0).astype(np.min_scalar_type(n_groups - 1))
    return number.take(code), n_groups


def refuse_too_large(shape: tuple[int, int], n_used: int, fit_intercept: bool) -> None:
    """Raise where neither matrix fits, for then there is no closed form."""
    if min(n_used, shape[1] + fit_intercept) > LARGEST_MATRIX:
        raise ValueError(
            f"X of shape {shape} is too large both ways for the closed form of a grid (at most "
            f"{LARGEST_MATRIX:,} rows or columns): use GridSearchCV over GradientDescentRegressor."
        )


def folds(
    rows: Rows,
    splits: Iterable[Split],
    name: ScalingName,
    fit_intercept: bool,
    held_out: Rows | None,
    penalty: Penalty = NO_PENALTY,
) -> Iterator[tuple[Problem, Iterator[Fold]]]:
    """For each read of the rows the problem of all of them, and the folds that the read serves.

    `held_out` are rows to stop by, the same for all folds; without, each split names its own. The `penalty` is
    the base of those that are to be tried.
    """
    if is_wide(rows, fit_intercept):
        watched = None if held_out is None else Part(held_out, None, None)
        whole = (Problem.of_rows if penalty.has_lasso else Problem.of_columns)(rows, name, fit_intercept, penalty)
        yield whole, (_wide_fold(rows, split, name, fit_intercept, watched, penalty) for split in splits)
        return
    watched = None if held_out is None else Part(held_out, None, moments_of(held_out))
    most = max(FEW_GROUPS, GROUP_ELEMENTS // (rows.width + 1) ** 2)
    used = None if rows.weight is None else rows.weight > 0
    for batch in batches(splits, used, most):
        extremes = name in ("minmax", "maxabs")
        # Without the unit of the weights, in which their sums may overflow: only their ratios matter.
        grouped = replace(rows, group=batch.group, weight_exponent=0)
        groups = grouped_moments(grouped, batch.n_groups, extremes=extremes)
        moments = merged(groups, np.ones(len(groups)))
        pairs = zip(batch.splits, batch.of_groups, strict=True)
        yield (
            Problem.of_moments(moments, rows, name, fit_intercept, penalty),
            (_moment_fold(rows, groups, *pair, name, fit_intercept, watched, penalty) for pair in pairs),
        )


def _moment_fold(
    rows: Rows,
    groups: list[Moments],
    split: Split,
    of_groups: Split,
    name: ScalingName,
    fit_intercept: bool,
    held_out: Part | None,
    penalty: Penalty,
) -> Fold:
    refuse_empty(bool(of_groups.train.any()), bool(of_groups.test.any()))
    train = merged(groups, of_groups.train)
    problem = Problem.of_moments(train, rows.taken(split.train), name, fit_intercept, penalty)
    if split.held_out.any():
        held_out = Part(rows, split.held_out, merged(groups, of_groups.held_out))
    return Fold(problem, Part(rows, split.test, merged(groups, of_groups.test)), held_out)


def refuse_empty(some_train: bool, some_test: bool) -> None:
    """Raise where a fold has nothing to be trained, or tested, on."""
    if not (some_train and some_test):
        raise ValueError("A fold has no training or no test row with a weight: use fewer folds, or another cv.")


def _wide_fold(
    rows: Rows, split: Split, name: ScalingName, fit_intercept: bool, held_out: Part | None, penalty: Penalty
) -> Fold:
    train = rows.taken(split.train)
    refuse_empty(train.n_used > 0, rows.taken(split.test).n_used > 0)
    problem = (Problem.of_rows if penalty.has_lasso else Problem.of_columns)(train, name, fit_intercept, penalty)
    if split.held_out.any():
        held_out = Part(rows, split.held_out, None)
    return Fold(problem, Part(rows, split.test, None), held_out)
