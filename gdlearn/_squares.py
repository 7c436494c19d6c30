"""Squares: the sums of squares of rows, and the triangles of their QR, block by block.

What is read here in one pass over the rows is all that `Moments` are made of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from ._arrays import Array, Exponents, triangle
from ._device import DeviceMatrix
from ._rows import Block, Rows


def squares_of_groups(
    rows: Rows, shift: Array, exponent: Exponents, n_groups: int, *, extremes: bool
) -> tuple[Array, Array]:
    """For each group the Gram matrix of (1, z − shift), but for the part that symmetry gives; the maxima of −x and x.

    The shift has shape (d + t,), or (n_groups, d + t) where each group has its own.
    """
    if isinstance(rows.X, DeviceMatrix) and not exponent.any():
        return _squares_on_device(rows, rows.X, shift, n_groups)
    return _squares_at_home(rows, shift, exponent, n_groups, extremes=extremes)


def triangle_of_rows(rows: Rows, shift: Array, exponent: Exponents, *, with_ones: bool) -> Array:
    """R of a QR of √w(1, z − shift), or of √w(z − shift) alone."""
    return _triangle(rows, shift, exponent, (0, 1, 2) if with_ones else (1, 2), lambda lines: lines)


def triangle_of_unlike_rows(rows: Rows, shift: Array, exponent: Exponents, *, with_ones: bool) -> Array:
    """R of a QR of √w(x − shift, 1, y − shift), or the same without ones, where rows are of unlike sizes.

    Large rows of X come first, and a column that is large where they are: so a small row keeps its own digits beside
    them (Cox and Higham 1998).
    """
    d = rows.n_features

    def sorted_by_size(lines: Array) -> Array:
        return lines[np.argsort(-np.abs(lines[:, :d]).max(axis=1, initial=0.0), kind="stable")]

    return _triangle(rows, shift, exponent, (1, 0, 2) if with_ones else (1, 2), sorted_by_size)


def _triangle(
    rows: Rows, shift: Array, exponent: Exponents, parts: tuple[int, ...], ordered: Callable[[Array], Array]
) -> Array:
    """R of a QR of the rows, of which `parts` says which of √w, √w x and √w y come, and in what order."""

    def joined(a: Array, b: Array) -> Array:
        return triangle(ordered(np.vstack([a, b])))

    def work(blocks: Iterator[Block]) -> Array:
        total = np.zeros((0, rows.width + (0 in parts)))
        for block in blocks:
            of_block = block.weighted()
            total = joined(total, np.column_stack([of_block[i] for i in parts]))
        return total

    return rows.fold(work, joined, shift, exponent)


def smallest_row(rows: Rows, shift: Array, exponent: Exponents, size: Array) -> float:
    """The least over the rows x ≠ shift of max_j |x_j − shift_j|/size_j."""

    def work(blocks: Iterator[Block]) -> float:
        least = np.inf
        for block in blocks:
            row = (np.abs(block.x) / size).max(axis=1, initial=0.0)
            least = min(least, float(row.min(where=row > 0, initial=np.inf)))
        return least

    return rows.fold(work, min, shift, exponent)


def _squares_at_home(
    rows: Rows, shift: Array, exponent: Exponents, n_groups: int, *, extremes: bool
) -> tuple[Array, Array]:
    """The Gram matrices of the groups, and the maxima of −x and of x."""
    d, size = rows.n_features, rows.width + 1

    def work(blocks: Iterator[Block]) -> tuple[Array, Array]:
        totals, bounds = np.zeros((n_groups, size, size)), np.full((n_groups, 2, d), -np.inf)
        for block in blocks:
            for g, some in block.by_group():
                if extremes:
                    np.maximum(bounds[g], [-some.x.min(axis=0), some.x.max(axis=0)], out=bounds[g])
                _add_squares(totals[g], *some.weighted())
        return totals, bounds

    def merge(a: tuple[Array, Array], b: tuple[Array, Array]) -> tuple[Array, Array]:
        totals, bounds = a
        totals += b[0]
        return totals, np.maximum(bounds, b[1])

    totals, bounds = rows.fold(work, merge, shift, exponent)
    return totals, bounds


def _squares_on_device(rows: Rows, X: DeviceMatrix, shift: Array, n_groups: int) -> tuple[Array, Array]:
    """The same, with the products of an X on another device computed there."""
    d, size = rows.n_features, rows.width + 1
    totals, bounds = np.zeros((n_groups, size, size)), np.empty((n_groups, 2, d))
    others = [0, *range(d + 1, size)]
    for g, origin in enumerate(np.broadcast_to(shift, (n_groups, rows.width))):
        used = None if rows.weight is None else rows.weight > 0
        if rows.group is not None:
            used = (rows.group == g) if used is None else used & (rows.group == g)
        places = None if used is None else np.flatnonzero(used)
        y = (rows.y if places is None else rows.y[places]) - origin[d:]
        one = np.ones(len(y)) if rows.weight is None else np.sqrt(rows.weight[places])
        beside = np.column_stack([one, one[:, None] * y])
        squares = X.squares(beside, origin[:d], places, weighted=rows.weight is not None)
        totals[g, 1 : d + 1, 1 : d + 1] = squares.of_x
        totals[g][others, 1 : d + 1] = squares.beside
        totals[g][np.ix_(others, others)] = beside.T @ beside
        bounds[g] = -squares.low, squares.high
    return totals, bounds


def _add_squares(total: Array, one: Array, x: Array, y: Array) -> None:
    """Add (1, x, y)ᵀ(1, x, y) to the total, but for the part that symmetry gives."""
    d = x.shape[1]
    total[1 : d + 1, 1 : d + 1] += x.T @ x
    total[0, 1 : d + 1] += one @ x
    total[d + 1 :, 1 : d + 1] += y.T @ x
    total[0, 0] += one @ one
    total[0, d + 1 :] += one @ y
    total[d + 1 :, d + 1 :] += y.T @ y


def weights_of_groups(rows: Rows, n_groups: int) -> tuple[Array, NDArray[np.intp]]:
    """The sum of the weights and the number of the rows of each group."""
    used = slice(None) if rows.weight is None else rows.weight > 0
    counts = np.array([rows.n_used]) if rows.group is None else np.bincount(rows.group[used], minlength=n_groups)
    if rows.weight is None:
        return counts.astype(np.float64), counts
    sums = rows.weight.sum()[None]
    if rows.group is not None:
        sums = np.bincount(rows.group, weights=rows.weight, minlength=n_groups)
    return np.ldexp(sums, rows.weight_exponent), counts
