"""Rows and columns of X, a cache-sized dense float64 block at a time.

X is never copied, converted or densified as a whole (but for a sparse X with unsorted or duplicate entries). A block of
about 1 MB is written into a buffer that stays in cache, and there it is widened to float64, shifted and weighted at the
price of one read of X, whatever its memory order, its dtype or its storage (dense, CSR, CSC).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import reduce
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ._arrays import Array, Exponents, beyond_float64
from ._columns import Columns
from ._threads import n_threads_allowed, one_blas_thread

T = TypeVar("T")

BLOCK_SIZE = 2**17
"""Elements in one block: 1 MB of float64, which cache holds and beside which the interpreter's share is small."""

PARTS, PARTS_IF_LARGE, LARGE = 8, 4, 512
"""The parts that rows are cut into at least, and the columns from which on merging the sums of parts costs more."""

PART_BLOCKS = 16
"""Most blocks in a part, the piece of work of one thread."""

WIDE = 2_048
"""Columns from which the sums of parts cost too much, and one product is work enough for all threads of BLAS."""

WORTH_THREADS = 10**7
"""Multiplications below which starting threads costs more than they save."""

STRIDED_BLOCK_SIZE = 2**22
"""Elements in one block (32 MB) where a slice costs a search of the whole matrix: rows of CSC, columns of CSR."""


def slices(length: int, width: int, *, strided: bool = False) -> Iterator[slice]:
    """Cut ``range(length)`` into slices of lines that are `width` elements wide."""
    step = max(64, (STRIDED_BLOCK_SIZE if strided else BLOCK_SIZE) // max(width, 1))
    for start in range(0, length, step):
        yield slice(start, min(start + step, length))


def dense(block: Any) -> Any:
    """The block as an ndarray."""
    return block.toarray() if sparse.issparse(block) else block


def _is_block(X: Any) -> bool:
    return bool(X.dtype == np.float64 and X.dtype.isnative and X.flags.c_contiguous and X.flags.aligned)


class Block(NamedTuple):
    """Some rows: x of shape (n, d), y of shape (n, t), their weights and groups, where there are such."""

    x: Array
    y: Array
    weight: Array | None
    group: NDArray[np.unsignedinteger[Any]] | None

    def weighted(self) -> tuple[Array, Array, Array]:
        """√w, and x and y times it in place: their squares are then the weighted ones."""
        if self.weight is None:
            return np.ones(len(self.x)), self.x, self.y
        one = np.sqrt(self.weight)
        self.x[...] *= one[:, None]
        self.y[...] *= one[:, None]
        return one, self.x, self.y

    def by_group(self) -> Iterator[tuple[int, Block]]:
        """Yield each group's number and its rows."""
        x, y, weight, group = self
        if group is None or (group == group[0]).all():
            yield 0 if group is None else int(group[0]), self
            return
        order = np.argsort(group, kind="stable")
        x, y, group = x[order], y[order], group[order]
        weight = None if weight is None else weight[order]
        cuts = [0, *(np.flatnonzero(np.diff(group)) + 1).tolist(), len(group)]
        for start, stop in pairwise(cuts):
            some = slice(start, stop)
            yield int(group[start]), Block(x[some], y[some], None if weight is None else weight[some], None)


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows (x_n, y_n) with their weights, as one joint vector z_n = (x_n, y_n).

    Parameters
    ----------
    X : array or CSR/CSC matrix of shape (n_samples, n_features)
    y : ndarray of shape (n_samples, n_targets)
    weight : ndarray of shape (n_samples,) or None
        The weights divided by 2**`weight_exponent`, a power of two so that nothing is rounded and no sum of them
        overflows. None stands for ones. A row of weight 0 is left out altogether.
    weight_exponent : int
    unchecked : str or None
        The name of the estimator whose X has not been searched for NaN yet: the moments will show them at no cost.
    group : ndarray of shape (n_samples,), int, or None
        The group 0, 1, ... that each row belongs to, where moments are wanted group by group.
    """

    X: Any
    y: NDArray[Any]
    weight: Array | None = None
    weight_exponent: int = 0
    unchecked: str | None = None
    group: NDArray[np.unsignedinteger[Any]] | None = None

    @classmethod
    def of(cls, X: Any, y: NDArray[Any], sample_weight: Array | None, unchecked: str | None = None) -> Rows:
        """Bring y to two dimensions and the weights to a common power of two."""
        targets = y.reshape(len(y), -1)
        if sparse.issparse(X) and not X.has_canonical_format:
            X = X.copy()  # the only copy ever made: products and slices would reorder the caller's entries in place
            X.sum_duplicates()
        if sample_weight is None:
            return cls(X, targets, unchecked=unchecked)
        exponent = int(np.frexp(sample_weight.max())[1])
        return cls(X, targets, np.ldexp(sample_weight, -exponent), exponent, unchecked)

    def taken(self, times: NDArray[Any]) -> Rows:
        """The same with row n taken times[n] times: the way to a part of the rows without a copy."""
        weight = times.astype(np.float64) if self.weight is None else self.weight * times
        return replace(self, weight=weight)

    @property
    def width(self) -> int:
        return int(self.X.shape[1] + self.y.shape[1])

    @property
    def n_features(self) -> int:
        return int(self.X.shape[1])

    @property
    def n_used(self) -> int:
        """The number of rows that have a weight."""
        return int(self.X.shape[0] if self.weight is None else np.count_nonzero(self.weight))

    @property
    def total(self) -> float:
        """W, the sum of the weights as they are here."""
        return float(self.n_used if self.weight is None else self.weight.sum())

    @property
    def share(self) -> Array:
        """Each row's part of the total weight, w/W."""
        n = self.X.shape[0]
        return np.full(n, 1.0 / n) if self.weight is None else self.weight / self.weight.sum()

    def refuse_nonfinite(self) -> None:
        """Raise, in scikit-learn's words, where X holds NaN or infinity and nobody has looked yet."""
        if self.unchecked:
            Columns.of(self.X, "X").refuse_nonfinite(self.X, self.unchecked)

    def sample(self, size: int) -> Array:
        """At most `size` rows, evenly spread over the weight: a heavy row comes more than once."""
        n = self.X.shape[0]
        if self.weight is None:
            size = min(size, n)
            chosen = np.arange(size) * (n - 1) // max(size - 1, 1)
        else:
            total = np.cumsum(self.weight)
            chosen = np.searchsorted(total, (np.arange(size) + 0.5) / size * total[-1])
        return self.lines(chosen)

    def lines(self, chosen: NDArray[np.intp]) -> Array:
        """These rows, as they are, of shape (len(chosen), d + t)."""
        return np.concatenate([dense(self.X[chosen]), self.y[chosen]], axis=1, dtype=np.float64)

    def centre(self) -> Array:
        """A provisional shift: per column, the middle one of a sample of its own values.

        It is a value of the column and not a mean, so a constant column becomes exactly zero and an outlier cannot
        drag the others' digits away; it lies within about a standard deviation of the mean, so the correction that
        follows cancels nothing.
        """
        sample = np.sort(self.sample(65), axis=0)
        n, d = len(sample), self.n_features
        middle: Array = sample[n // 2]
        with np.errstate(over="ignore"):  # from −1.8e308 to 1.8e308
            spread = sample[3 * n // 4, :d] - sample[n // 4, :d]
        if (np.abs(middle[:d]) <= spread).all():
            middle[:d] = 0.0  # about zero already: then X need not even be shifted
        return middle

    def blocks(self, shift: Array, exponent: Exponents, part: slice | None = None) -> Iterator[Block]:
        """Yield (z − shift)·2^−exponent in blocks, x and y apart, with the weights and groups of their rows.

        The rows are those of `part`, or all of them. The shift has shape (d + t,), or (n_groups, d + t) where each
        group has its own. The blocks are C-contiguous. They are buffers that the next ones overwrite and that a caller
        may change, unless there are no weights: then x may be a part of X itself.
        """
        n, d = self.X.shape
        first, last = (0, n) if part is None else (part.start, part.stop)
        step = min(self._block_rows, last - first)
        plain = not exponent.any()
        origin = shift if plain else np.ldexp(shift, -exponent)
        buffer, target = np.empty((step, d)), np.empty((step, self.width - d))
        own = origin.ndim == 2  # each group's own shift
        tile = None
        if not own and origin[:d].any():  # a block of shifts, for one long loop beats many short ones
            tile = np.empty((step, d))
            tile[...] = origin[:d]
        for start in range(first, last, step):
            rows = slice(start, min(start + step, last))
            X, y = dense(self.X[rows]), self.y[rows]
            weight = None if self.weight is None else self.weight[rows]
            group = None if self.group is None else self.group[rows]
            if weight is not None and not weight.all():
                used = weight > 0
                X, y, weight = X[used], y[used], weight[used]
                group = None if group is None else group[used]
            if len(y) == 0:
                continue
            x, y_block = buffer[: len(y)], target[: len(y)]
            # Where nothing is to be done to X its own memory serves; else each element is written once, to the buffer.
            as_it_is = plain and tile is None and weight is None and not own and _is_block(X)
            if not plain:  # scaled first: at the ends of float64's range a plain difference overflows
                X = np.ldexp(np.asarray(X, dtype=np.float64), -exponent[:d])
                y = np.ldexp(np.asarray(y, dtype=np.float64), -exponent[d:])
            if own:
                shifts = origin[group]
                np.subtract(X, shifts[:, :d], out=x)
                np.subtract(y, shifts[:, d:], out=y_block)
                yield Block(x, y_block, weight, group)
                continue
            if as_it_is:
                x = X
            elif tile is not None and _is_block(X):
                np.subtract(X, tile[: len(y)], out=x)
            else:
                np.copyto(x, X)
                if tile is not None:
                    x -= tile[: len(y)]
            np.subtract(y, origin[d:], out=y_block)
            yield Block(x, y_block, weight, group)

    @property
    def _block_rows(self) -> int:
        """Rows in a block: what fits the cache, or where X is wide what keeps all of BLAS's threads busy."""
        csc = sparse.issparse(self.X) and self.X.format == "csc"
        if csc or self.width >= LARGE:
            return max(64, min(STRIDED_BLOCK_SIZE // self.width, 2 * self.width if not csc else STRIDED_BLOCK_SIZE))
        return max(64, BLOCK_SIZE // self.width)

    def fold(
        self, work: Callable[[Iterator[Block]], T], merge: Callable[[T, T], T], shift: Array, exponent: Exponents
    ) -> T:
        """Merge what `work` makes of the `blocks` of each part of the rows, in the order of the parts.

        The parts are worked on by as many threads as BLAS would use, each with BLAS held to one. They do not depend on
        the number of threads, so neither does the result.
        """
        n, block_rows = self.X.shape[0], self._block_rows
        if n * self.width**2 < WORTH_THREADS or self.width >= WIDE:
            return work(self.blocks(shift, exponent))
        least = PARTS_IF_LARGE if self.width >= LARGE else PARTS
        step = max(64, min(PART_BLOCKS * block_rows, -(-n // least)))
        parts = [slice(start, min(start + step, n)) for start in range(0, n, step)]

        def work_alone(part: slice) -> T:
            with one_blas_thread(), beyond_float64():  # once more: some libraries, and NumPy, count each thread alone
                return work(self.blocks(shift, exponent, part))

        n_threads = n_threads_allowed()
        with one_blas_thread():
            if n_threads == 1:
                return reduce(merge, map(work_alone, parts))
            with ThreadPoolExecutor(n_threads) as pool:
                return reduce(merge, pool.map(work_alone, parts))
