"""The door: X, y and sample_weight as arrays of finite numbers, or a clear refusal before anything has changed."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import validate_data

from ._columns import Columns, shortened
from ._device import DeviceMatrix, arrived
from ._namespaces import in_numpy
from ._parameters import InvalidParameterError
from ._warnings import warn_where_called

CHECK_OPTIONS: dict[str, Any] = {
    "accept_sparse": ["csr", "csc"],
    "accept_large_sparse": True,
    "dtype": "numeric",
    "ensure_all_finite": False,
}
"""How X is checked: any real dtype passes, for the blocks widen it to float64 themselves; NaN is searched for after."""

PLAIN = (np.float64, np.float32)
"""The dtypes of arrays in which there is nothing to check but their values."""


def is_collection(given: Any) -> bool:
    """Whether it is a collection of dask, whose rows may be anywhere."""
    return hasattr(type(given), "__dask_graph__")


def _in_memory(given: Any, name: str) -> Any:
    """What can be looked at: dask's collections computed, and nothing that crashes compiled code or hides values."""
    given = in_numpy(given, name)
    if is_collection(given):
        given = given.compute()
    if hasattr(type(given), "collect") and not hasattr(type(given), "__array__"):
        raise TypeError(f"{name} is a {type(given).__name__}: call {name}.collect() first, for a query holds no rows.")
    if isinstance(given, np.ma.MaskedArray) and np.ma.is_masked(given):
        raise ValueError(f"{name} is a masked array with masked entries: fill or drop them first.")
    if not sparse.issparse(given):
        return given
    if not name.startswith("X"):
        raise TypeError(f"Sparse {name} is not supported: use {name}.toarray().")
    if given.ndim != 2:
        raise ValueError(
            f"Expected 2D input, got input with shape {given.shape}.\nReshape your data either using "
            f"{name}.reshape(-1, 1) if your data has a single feature or {name}.reshape(1, -1) if it contains a single "
            "sample."
        )
    if _points_outside(given):
        raise ValueError(
            f"{name} is a {given.format.upper()} matrix whose indices or indptr point outside its shape {given.shape}. "
            "It was built wrongly: see X.check_format(full_check=True), or build it from (data, (rows, columns))."
        )
    return given


def _points_outside(X: Any) -> bool:
    """Whether a sparse matrix has an index that compiled code would follow out of bounds."""
    if X.format == "coo":
        return any(_outside(index, length) for index, length in zip((X.row, X.col), X.shape, strict=True))
    if X.format not in ("csr", "csc", "bsr"):
        return False
    major, minor = X.shape if X.format != "csc" else X.shape[::-1]
    if X.format == "bsr":
        major, minor = major // X.blocksize[0], minor // X.blocksize[1]
    pointers = X.indptr
    return bool(
        len(pointers) != major + 1
        or pointers[0] != 0
        or (np.diff(pointers) < 0).any()
        or pointers[-1] > min(len(X.indices), len(X.data))
        or _outside(X.indices, minor)
    )


def _outside(index: NDArray[Any], length: int) -> bool:
    return bool(len(index) > 0 and (index.min() < 0 or index.max() >= length))


def _converted(given: Any, name: str, check: Callable[[Any], Any]) -> tuple[Any, Columns]:
    """The array of real numbers that scikit-learn's check makes, and the columns it was made of."""
    given = _in_memory(given, name)
    columns = Columns.of(given, name)
    columns.refuse_strangers()
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            array = check(given)
            if array.dtype.kind == "O" or array.dtype.itemsize > 8:  # what is left of objects, and long doubles
                array = array.astype(np.float64)
    except OverflowError:
        columns.refuse_too_large()
        raise
    return array, columns


def _check_features(given: Any, name: str, estimator: Any = None, *, reset: bool = False) -> Any:
    """X as an array of finite numbers; against, or for, what an estimator knows of its features."""

    def check(given: Any) -> Any:
        if estimator is None:
            return check_array(given, input_name=name, **options)
        return validate_data(estimator, given, reset=reset, **options)

    X, options = arrived(given, name), CHECK_OPTIONS
    if isinstance(X, DeviceMatrix):
        options = CHECK_OPTIONS | {"ensure_all_finite": True}
        check(X.array)
        return X
    X, columns = _converted(X, name, check)
    columns.refuse_nonfinite(X, None if estimator is None else type(estimator).__name__)
    columns.warn_of_lost_digits(X)
    return X


def _check_target(given: Any, name: str = "y") -> NDArray[Any]:
    """y of shape (n_samples,) or (n_samples, n_targets), real and finite."""
    if given is None:
        raise ValueError(f"Regression requires y to be passed, but the target {name} is None.")

    if _is_plain(given, 1, 2) and np.isfinite(given).all():  # as nearly always; scikit-learn's checks take 0.2 ms
        return cast(NDArray[Any], given)

    def check(given: Any) -> NDArray[Any]:
        checked: NDArray[Any] = check_array(
            given, ensure_2d=False, dtype="numeric", ensure_all_finite=False, input_name=name
        )
        return checked

    y: NDArray[Any]
    y, columns = _converted(given, name, check)
    columns.refuse_nonfinite(y)
    columns.warn_of_lost_digits(y)
    return y


def check_weights(
    sample_weight: Any, n_samples: int, name: str = "sample_weight", *, all_zero: bool = False
) -> NDArray[np.float64] | None:
    """Weights as float64 of shape (n_samples,), finite and nonnegative; None stays None.

    They may be `all_zero` only where these rows are some of many.
    """
    if sample_weight is None:
        return None
    if isinstance(sample_weight, str | bytes):
        raise InvalidParameterError(
            f"{name} must be None, a number or {n_samples} numbers >= 0. Got {shortened(sample_weight)} instead: for "
            "weights that balance groups use sklearn.utils.class_weight.compute_sample_weight('balanced', groups)."
        )
    if isinstance(sample_weight, numbers.Real):
        try:
            sample_weight = np.full(n_samples, float(sample_weight))
        except OverflowError:
            raise ValueError(f"{name} is {shortened(sample_weight)}, which is too large for float64.") from None

    def check(given: Any) -> NDArray[np.float64]:
        try:
            checked: NDArray[np.float64] = check_array(
                given, ensure_2d=False, allow_nd=True, dtype=np.float64, order="C", ensure_all_finite=False
            )
        except (ValueError, TypeError) as error:
            raise type(error)(f"{name} cannot be used: {error}") from error
        return checked

    weight: NDArray[np.float64]
    weight, columns = _converted(sample_weight, name, check)
    if weight.ndim != 1:
        raise ValueError(f"Sample weights must be 1D array or scalar, got {name} of shape {weight.shape}.")
    columns.refuse_nonfinite(weight)
    if len(weight) != n_samples:
        raise ValueError(f"{name}.shape == {weight.shape}, expected {(n_samples,)}: one weight for each row of X.")
    if (weight < 0).any():
        raise ValueError(
            f"Negative values in {name}: the smallest is {weight.min()}. A weight is how often a row counts; 0 "
            "leaves it out."
        )
    if not (all_zero or weight.any()):
        raise ValueError(f"{name} is zero for every row: all weights are zero, so there is nothing to fit.")
    return weight


def _check_target_and_weights(
    X: Any, y: Any, sample_weight: Any, *, all_zero: bool = False
) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
    """y and sample_weight beside an X that has been checked."""
    y = _check_target(y)
    check_consistent_length(X, y)
    if y.ndim == 2 and X.shape == y.shape and len(y) == 1 and y.shape[1] > 1:
        warn_where_called(
            f"X and y are one row of {y.shape[1]} values each, which is one sample with as many features and targets. "
            "If they are the samples of one feature, pass X.reshape(-1, 1) and y.reshape(-1).",
            UserWarning,
        )
    return y, check_weights(sample_weight, X.shape[0], all_zero=all_zero)


def validate_rows(
    X: Any, y: Any, sample_weight: Any, *, all_zero: bool = False
) -> tuple[Any, NDArray[Any], NDArray[np.float64] | None]:
    """Check X, y and sample_weight that come without an estimator."""
    X = _check_features(X, "X")
    return X, *_check_target_and_weights(X, y, sample_weight, all_zero=all_zero)


def validate_fit(
    estimator: Any, X: Any, y: Any, sample_weight: Any
) -> tuple[Any, NDArray[Any], NDArray[np.float64] | None, bool]:
    """Check X, y and sample_weight of `fit`; sets `n_features_in_` and `feature_names_in_`.

    The last result says whether X is still to be searched for NaN, which by itself would cost another read.
    """
    X = arrived(X, "X")
    later = _is_plain(X)
    if later:
        X = validate_data(estimator, X, skip_check_array=True)
    else:
        X = _check_features(X, "X", estimator, reset=True)
    y, weight = _check_target_and_weights(X, y, sample_weight)
    if later and weight is not None and not weight.all():  # NaN in a row without weight would not show
        Columns.of(X, "X").refuse_nonfinite(X, type(estimator).__name__)
        later = False
    return X, y, weight, later


def validate_part(
    estimator: Any, X: Any, y: Any, sample_weight: Any, *, first: bool
) -> tuple[Any, NDArray[Any], NDArray[np.float64] | None]:
    """Check X, y and sample_weight of `partial_fit`: of the first rows as of `fit`, of later ones against these."""
    X = in_numpy(X, "X")
    if _is_plain(X) and np.isfinite(X).all():
        X = validate_data(estimator, X, reset=first, skip_check_array=True)
    else:
        X = _check_features(X, "X", estimator, reset=first)
    return X, *_check_target_and_weights(X, y, sample_weight, all_zero=True)


def _is_plain(X: Any, *dimensions: int) -> bool:
    """Whether scikit-learn's checks would return the array itself, were its values finite."""
    return (
        type(X) in (np.ndarray, np.memmap)
        and X.ndim in (dimensions or (2,))
        and X.size > 0
        and X.dtype in PLAIN
        and X.dtype.isnative
    )


def validate_held_out(
    estimator: Any, X: Any, y: Any, sample_weight: Any, n_targets: int
) -> tuple[Any, NDArray[Any], NDArray[np.float64] | None]:
    """Check X_val, y_val and sample_weight_val against what `fit` has seen."""
    if X is None or y is None:
        missing = "X_val" if X is None else "y_val"
        raise ValueError(f"Rows to stop by need both X_val and y_val; {missing} is None.")
    X, y = _check_features(X, "X_val", estimator), _check_target(y, "y_val")
    check_consistent_length(X, y)
    if y.size != len(y) * n_targets:
        raise ValueError(f"y_val has shape {y.shape}, and y has {n_targets} target(s): both need the same targets.")
    return X, y, check_weights(sample_weight, X.shape[0], "sample_weight_val")


def validate_predict(estimator: Any, X: Any) -> Any:
    """Check X of `predict` against what `fit` has seen."""
    return _check_features(X, "X", estimator)
