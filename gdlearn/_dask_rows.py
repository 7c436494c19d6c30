"""Rows in pieces that stay where dask has put them: for the loop on more columns than a matrix is worth.

A step sends theta to the pieces and takes the predictions of their rows back, then sends residuals and takes the sums
of their products. y and the weights are here, X is never.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from ._arrays import Array, Exponents
from ._coordinates import Coordinates
from ._dask import NO_ROWS, added_as_tree, pieces_of
from ._design import Design
from ._rows import Rows
from ._statistics import Found, Statistics, columns_of, sizes_of, statistics_by
from ._threads import one_blas_thread
from ._validation import validate_rows


class PersistedMatrix:
    """X, as the pieces that hold its rows.

    Parameters
    ----------
    pieces : list of delayed Rows
        Computed, and kept by the scheduler.
    lengths : list of int
        The number of rows of each.
    n_features, n_targets : int
    """

    def __init__(self, pieces: list[Any], lengths: list[int], n_features: int, n_targets: int) -> None:
        self._pieces, self._lengths = pieces, lengths
        self.shape, self._width = (sum(lengths), n_features), n_features + n_targets

    def design(self, coordinates: Coordinates) -> PersistedDesign:
        """The matrix of a descent in these coordinates."""
        return PersistedDesign(self._pieces, self._lengths, self.shape[1], coordinates)

    def statistics(self, *, extremes: bool) -> Statistics:
        """Those of the columns of X and y, as `statistics_of` has them of rows in memory."""
        from dask.delayed import delayed

        def find(exponent: Exponents) -> Found:
            of_piece = delayed(_columns_of_piece)
            parts = [of_piece(piece, exponent, extremes) for piece in self._pieces]
            found: Found = added_as_tree(parts, _merged).compute().found
            return found

        def sizes() -> Array:
            largest: Array = added_as_tree(list(map(delayed(sizes_of), self._pieces)), np.maximum.reduce).compute()
            return largest

        return statistics_by(find, sizes, (self.shape[1], self._width), extremes=extremes)


class PersistedDesign:
    """The `Design` of each piece, kept where the piece lies, and the products of all of them."""

    def __init__(self, pieces: list[Any], lengths: list[int], n_features: int, coordinates: Coordinates) -> None:
        from dask.base import persist
        from dask.delayed import delayed

        design = delayed(_design_of_piece)
        self._designs = persist(*(design(piece, coordinates) for piece in pieces))
        self._stops = np.cumsum(lengths)[:-1]
        self.shape = sum(lengths), n_features + coordinates.first

    def predict(self, theta: Array) -> Array:
        r""":math:`[1, \tilde X]\theta` for theta of shape (p,) or (p, t)."""
        from dask.base import compute
        from dask.delayed import delayed

        product, sent = delayed(_alone(Design.predict)), delayed(theta)
        return np.concatenate(compute(*(product(design, sent) for design in self._designs)))

    def adjoint(self, r: Array) -> Array:
        r""":math:`[1, \tilde X]^T r` for r of shape (n,) or (n, t)."""
        from dask.delayed import delayed

        product = delayed(_alone(Design.adjoint))
        parts = [product(*pair) for pair in zip(self._designs, np.split(r, self._stops), strict=True)]
        total: Array = added_as_tree(parts, sum).compute()
        return total


def persisted_rows(X: Any, y: Any, sample_weight: Any) -> Rows:
    """The rows of collections whose pieces are computed once, and kept where they are.

    Raises
    ------
    ValueError
        If X, y and the weights are not cut into pieces alike, or a piece cannot be used, or no row has a weight.
    """
    from dask.base import compute, persist
    from dask.delayed import delayed

    pieces = persist(*pieces_of(_rows_of_piece, X, y, sample_weight))
    others = compute(*(delayed(_without_x)(piece) for piece in pieces))
    there = [(piece, other) for piece, other in zip(pieces, others, strict=True) if other is not None]
    if not there:
        raise ValueError(NO_ROWS)
    target = np.concatenate([y for _, (y, _) in there])
    weight = None if sample_weight is None else np.concatenate([weight for _, (_, weight) in there])
    if weight is not None and not weight.any():
        raise ValueError(NO_ROWS)
    lengths = [len(y) for _, (y, _) in there]
    matrix = PersistedMatrix([piece for piece, _ in there], lengths, X.shape[1], target.shape[1])
    return Rows.of(matrix, target, weight)


def _rows_of_piece(x: Any, y: Any, weight: Any = None) -> Rows | None:
    if len(y) == 0:
        return None
    X, target, weights = validate_rows(x, y, weight, all_zero=True)
    return Rows.of(X, target, weights)


def _without_x(rows: Rows | None) -> tuple[Array, Array | None] | None:
    """y and the weights of a piece."""
    if rows is None:
        return None
    return rows.y, None if rows.weight is None else np.ldexp(rows.weight, rows.weight_exponent)


def _design_of_piece(rows: Rows, coordinates: Coordinates) -> Design:
    return Design(rows.X, coordinates)


def _alone(work: Callable[..., Array]) -> Callable[..., Array]:
    """The same on one thread of BLAS, for the scheduler's workers share the cores."""

    def work_alone(*operands: Any) -> Array:
        with one_blas_thread():
            return work(*operands)

    return work_alone


class Columns(NamedTuple):
    """What is found of the columns of rows with this total weight."""

    weight: float
    found: Found


def _columns_of_piece(rows: Rows, exponent: Exponents, extremes: bool) -> Columns | None:
    if rows.n_used == 0:
        return None
    with one_blas_thread():
        weight = float(np.ldexp(rows.total, rows.weight_exponent))
        return Columns(weight, columns_of(rows, exponent, extremes=extremes))


def _merged(some: list[Columns | None]) -> Columns | None:
    there = [part for part in some if part is not None]
    return reduce(_merged_pair, there) if there else None


def _merged_pair(a: Columns, b: Columns) -> Columns:
    weight = a.weight + b.weight
    alpha, beta = a.weight / weight, b.weight / weight
    (mean, variance, low, high), (other_mean, other_variance, other_low, other_high) = a.found, b.found
    gap = other_mean - mean
    both = alpha * variance + beta * other_variance + alpha * beta * gap**2
    return Columns(weight, (mean + beta * gap, both, np.minimum(low, other_low), np.maximum(high, other_high)))
