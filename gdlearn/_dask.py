"""Dask: moments are formed where the rows lie, and predictions stay lazy; its collections alone bring it in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from ._moments import Moments
from ._threads import one_blas_thread
from ._validation import is_collection

BRANCHES = 8
"""Moments that are added at once: so a cluster adds those of a million pieces in seven rounds."""


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
    X: Any, y: Any, sample_weight: Any, *, root: bool = False, features: Callable[[Any], Any] = lambda x: x
) -> Moments:
    """The moments of the pieces, each computed once and on the scheduler that is active, added up as a tree.

    `features` makes of a piece of X the features whose moments are wanted.

    Raises
    ------
    ValueError
        If X, y and the weights are not cut into pieces alike, or a piece cannot be used.
    """
    from dask.delayed import delayed

    def piece(x: Any, y: Any, weight: Any = None) -> Moments | None:
        if len(x) == 0 and len(y) == 0:
            return None
        with one_blas_thread():  # the scheduler's workers share the cores
            return Moments.from_data(features(x), y, weight, root=root)

    given = [X, y, *([] if sample_weight is None else [sample_weight])]
    pieces = _of_frames(piece, given) if is_frame(X) else _of_arrays(piece, given)
    add = delayed(_added)
    while len(pieces) > 1:
        pieces = [add(pieces[k : k + BRANCHES]) for k in range(0, len(pieces), BRANCHES)]
    total: Moments | None = add(pieces).compute()
    if total is None:
        raise ValueError("X has no rows: all its pieces are empty.")
    return total


def _added(some: list[Moments | None]) -> Moments | None:
    """The sum of those that are not None, as those of empty pieces are."""
    there = [moments for moments in some if moments is not None]
    return sum(there[1:], start=there[0]) if there else None


def _of_arrays(piece: Callable[..., Moments | None], given: list[Any]) -> list[Any]:
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
    blocks = da.blockwise(
        lambda *parts: np.array([piece(*parts)], dtype=object),
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


def _of_frames(piece: Callable[..., Moments | None], given: list[Any]) -> list[Any]:
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
