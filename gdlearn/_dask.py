"""Dask: moments are formed where the rows lie, and predictions stay lazy; its collections alone bring it in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import validate_data

from ._moments import Moments, moments_of, with_root
from ._rows import Rows
from ._threads import one_blas_thread
from ._validation import is_collection, validate_rows

BRANCHES = 8
"""Moments that are added at once: so a cluster adds those of a million pieces in seven rounds."""

NO_ROWS = "X has no rows with a weight: all its pieces are empty, or all weights are zero."


def is_frame(given: Any) -> bool:
    """Whether it is a DataFrame or Series of dask; its arrays have no partitions."""
    return hasattr(given, "map_partitions")


def are_collections(X: Any, y: Any, sample_weight: Any) -> bool:
    """Whether X, y and the weights, if there are any, are collections of one kind: arrays, or frames."""
    given = [X, y, *([] if sample_weight is None else [sample_weight])]
    return all(map(is_collection, given)) and len(set(map(is_frame, given))) == 1 and np.ndim(X) == 2


def learn_features(estimator: Any, X: Any, *, reset: bool) -> None:
    """Set, or check, the names and the number of the features, for which no row is computed."""
    if is_frame(X):
        import pandas as pd

        example: Any = pd.DataFrame(np.zeros((1, len(X.columns))), columns=list(X.columns))
    else:
        example = np.zeros((1, X.shape[1]))
    validate_data(estimator, example, reset=reset, skip_check_array=True)


def dtype_of(X: Any) -> np.dtype[Any]:
    """Float32 where all of X is, float64 otherwise."""
    dtypes = set(X.dtypes) if is_frame(X) else {X.dtype}
    return np.dtype(np.float32 if dtypes == {np.dtype(np.float32)} else np.float64)


def moments_of_collections(
    X: Any,
    y: Any,
    sample_weight: Any,
    *,
    extremes: bool = False,
    root: bool = False,
    features: Callable[[Any], Any] = lambda x: x,
) -> Moments:
    """The moments of the pieces, each computed once and on the scheduler that is active, added up as a tree.

    `features` makes of a piece of X the features whose moments are wanted.

    Raises
    ------
    ValueError
        If X, y and the weights are not cut into pieces alike, or a piece cannot be used, or no row has a weight.
    """

    def piece(*parts: Any) -> dict[int, Moments]:
        x, *others = parts
        return _by_group((features(x) if len(x) else x, *others), 0, extremes=extremes, root=root)

    found = added_as_tree(pieces_of(piece, X, y, sample_weight), _added).compute()
    if not found:
        raise ValueError(NO_ROWS)
    total: Moments = found[0]
    return total


def lengths_of(X: Any) -> list[int]:
    """The number of rows of each piece; where dask does not know them, X is computed to count them."""
    from dask.base import compute

    if not is_frame(X) and not np.isnan(X.chunks[0]).any():
        return list(X.chunks[0])
    return list(compute(*pieces_of(len, X)))


def moments_of_groups(
    X: Any,
    y: Any,
    sample_weight: Any,
    group: NDArray[np.unsignedinteger[Any]],
    lengths: Sequence[int],
    *,
    extremes: bool,
    root: bool,
) -> dict[int, Moments]:
    """The moments of each group that has a row with a weight, from pieces that are computed once each.

    Parameters
    ----------
    group : ndarray of shape (n_samples,)
        The group of each row.
    lengths : sequence of int
        The number of rows of each piece.
    """
    from dask.delayed import delayed

    work = delayed(partial(_by_group, extremes=extremes, root=root))
    stops = np.cumsum(lengths)
    numbers = [group[stop - length : stop] for length, stop in zip(lengths, stops, strict=True)]
    alike = [int(some[0]) if len(some) and (some == some[0]).all() else some for some in numbers]  # little to send
    pieces = pieces_of(lambda *parts: parts, X, y, sample_weight)
    found: dict[int, Moments] = added_as_tree(list(map(work, pieces, alike)), _added).compute()
    if not found:
        raise ValueError(NO_ROWS)
    return found


def _by_group(parts: tuple[Any, ...], group: Any, *, extremes: bool, root: bool) -> dict[int, Moments]:
    """The moments of each group of the rows of one piece; `group` is the number of all, or one for each row."""
    x, y = parts[:2]
    if len(x) == 0 and len(y) == 0:
        return {}
    found = {}
    with one_blas_thread():  # the scheduler's workers share the cores
        x, y, weight = validate_rows(x, y, parts[2] if len(parts) > 2 else None, all_zero=True)
        for number in np.unique(group).tolist():
            some = slice(None) if np.ndim(group) == 0 else np.flatnonzero(group == number)
            own = None if weight is None else weight[some]
            if own is None or own.any():
                rows = Rows.of(x[some], y[some], own)
                moments = moments_of(rows, extremes=extremes)
                found[number] = with_root(moments, rows) if root else moments
    return found


def added_as_tree(parts: Sequence[Any], add: Callable[[list[Any]], Any]) -> Any:
    """What `add` makes of a list of all parts, a few of them at a time; delayed, as they are."""
    from dask.delayed import delayed

    parts, add_some = list(parts), delayed(add)
    while len(parts) > 1:
        parts = [add_some(parts[k : k + BRANCHES]) for k in range(0, len(parts), BRANCHES)]
    return add_some(parts)


def _added(some: list[dict[int, Moments]]) -> dict[int, Moments]:
    """The sums group by group."""
    total: dict[int, Moments] = {}
    for found in some:
        for number, moments in found.items():
            total[number] = total[number] + moments if number in total else moments
    return total


def pieces_of(work: Callable[..., Any], *given: Any) -> list[Any]:
    """What `work` makes of each piece of X, y and the weights (None is left out), delayed."""
    given = tuple(part for part in given if part is not None)
    return _of_frames(work, given) if is_frame(given[0]) else _of_arrays(work, given)


def _of_arrays(piece: Callable[..., Any], given: tuple[Any, ...]) -> list[Any]:
    """What becomes of each block of rows, delayed; columns that are cut are put together first."""
    import dask.array as da

    X, *others = (_whole_rows(array) for array in given)
    lengths = X.chunks[0]
    rows = [len(array) for array in given if not np.isnan(array.chunks[0]).any()]
    if len(set(rows)) > 1:
        raise ValueError(f"Found input variables with inconsistent numbers of samples: {rows}")
    if not np.isnan(lengths).any():
        others = [other if np.isnan(other.chunks[0]).any() else other.rechunk({0: lengths}) for other in others]
    for name, other in zip(("y", "sample_weight"), others, strict=False):
        if other.numblocks[0] != X.numblocks[0]:
            raise ValueError(
                f"X has {X.numblocks[0]} blocks of rows and {name} has {other.numblocks[0]}, and their lengths are not "
                "known: cut both alike, or call compute_chunk_sizes() on them."
            )
    operands = [X, "ij", *(part for other in others for part in (other, "ik"[: other.ndim]))]

    def block(*parts: Any) -> NDArray[Any]:
        result = np.empty(1, dtype=object)
        result[0] = piece(*parts)
        return result

    blocks = da.blockwise(
        block,
        "i",
        *operands,
        dtype=object,
        meta=np.empty(0, dtype=object),
        concatenate=True,
        align_arrays=False,
        adjust_chunks={"i": 1},
    )
    return [block[0] for block in blocks.to_delayed().ravel()]


def _whole_rows(array: Any) -> Any:
    return array.rechunk({1: -1}) if array.ndim == 2 and array.numblocks[1] > 1 else array


def _of_frames(piece: Callable[..., Any], given: tuple[Any, ...]) -> list[Any]:
    """What becomes of each partition, delayed."""
    X, *others = given
    for name, other in zip(("y", "sample_weight"), others, strict=False):
        if other.npartitions != X.npartitions:
            raise ValueError(
                f"X has {X.npartitions} partitions and {name} has {other.npartitions}: take both from one DataFrame, "
                "or repartition them alike."
            )
    parts = X.map_partitions(lambda *parts: [piece(*parts)], *others, meta=(None, object), align_dataframes=False)
    return [part[0] for part in parts.to_delayed()]


def score_of_collections(estimator: Any, X: Any, y: Any, sample_weight: Any) -> float:
    """R², averaged over targets, from the moments of predictions and y."""
    learn_features(estimator, X, reset=False)

    def predictions(x: Any) -> Any:
        return estimator.predict(x).reshape(len(x), -1)

    moments = moments_of_collections(X, y, sample_weight, features=predictions)
    t = moments.n_targets
    unlike = np.hstack([np.eye(t), -np.eye(t)])  # ŷ − y
    C, exponent = moments.covariance, moments.exponent
    units = np.ldexp(unlike, exponent - exponent[t:].max())
    error = np.einsum("ij,jk,ik->i", units, C, units) + (units @ moments.mean) ** 2
    total = np.ldexp(C.diagonal()[t:], 2 * (exponent[t:] - exponent[t:].max()))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(total > 0, error / total, np.where(error > 0, 1.0, 0.0))
    return float(np.mean(1.0 - share))


def predicted(estimator: Any, X: Any, n_targets: int | None) -> Any:
    """Predictions as a dask array, in pieces as X has them; nothing is computed.

    Parameters
    ----------
    estimator : object with `predict`
    X : dask Array or DataFrame
    n_targets : int or None
        None for predictions of shape (n_samples,).
    """
    import dask.array as da

    learn_features(estimator, X, reset=False)
    dtype = dtype_of(X)

    def piece(x: Any) -> Any:
        if len(x) == 0:
            return np.empty((0, *([] if n_targets is None else [n_targets])), dtype=dtype)
        return estimator.predict(x)

    if is_frame(X):
        shape = (np.nan, *([] if n_targets is None else [n_targets]))
        parts = X.map_partitions(lambda x: [piece(x)], meta=(None, object)).to_delayed()
        blocks = [da.from_delayed(part[0], shape, dtype=dtype) for part in parts]
        return da.concatenate(blocks, allow_unknown_chunksizes=True)
    options: dict[str, Any] = {"drop_axis": 1} if n_targets is None else {"chunks": (X.chunks[0], (n_targets,))}
    meta = np.empty((0,) if n_targets is None else (0, 0), dtype=dtype)
    return _whole_rows(X).map_blocks(piece, dtype=dtype, meta=meta, **options)
