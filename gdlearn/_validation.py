"""Clear refusals: every wrong parameter and every unusable X, y or sample_weight, before anything has changed."""

from __future__ import annotations

import numbers
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import validate_data

CHECK_OPTIONS: dict[str, Any] = {"accept_sparse": ["csr", "csc"], "accept_large_sparse": True, "dtype": "numeric"}
"""How X is checked: any real dtype passes, for the blocks widen it to float64 themselves."""

EXACT_INTEGERS = 2**53
"""Float64 holds every integer up to this one."""


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not boolean(value)


def _is_integer(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not boolean(value)


def positive_real(value: Any) -> bool:
    """A finite number > 0, not a boolean."""
    return _is_number(value) and 0 < float(value) < np.inf


def positive_integer(value: Any) -> bool:
    """An integer ≥ 1, not a boolean."""
    return _is_integer(value) and int(value) >= 1


def nonnegative_integer(value: Any) -> bool:
    """An integer ≥ 0, not a boolean."""
    return _is_integer(value) and int(value) >= 0


def fraction(value: Any) -> bool:
    """A number in [0, 1)."""
    return _is_number(value) and 0 <= float(value) < 1


def boolean(value: Any) -> bool:
    """True or False."""
    return isinstance(value, bool | np.bool_)


def one_of(*options: Any) -> Callable[[Any], bool]:
    """Membership, by identity for None and by equality for strings."""
    return lambda value: (value is None and None in options) or (isinstance(value, str) and value in options)


def check_parameter(owner: str, name: str, value: Any, allowed: str, *tests: Callable[[Any], bool]) -> None:
    """Raise unless one of the tests accepts the value.

    A value of a kind that no option has (a list, say) is a TypeError; any other a ValueError. scikit-learn's own
    parameter errors are both, and so is ours: `InvalidParameter` inherits from both.
    """
    if not any(test(value) for test in tests):
        raise InvalidParameterError(f"The {name!r} parameter of {owner} must be {allowed}. Got {value!r} instead.")


class InvalidParameterError(ValueError, TypeError):
    """A parameter has a value or a type that is not allowed; the message names both and what is."""


def check_scaling_and_steps(owner: str, learning_rate: Any, momentum: Any, nesterov: Any, scaling: Any) -> None:
    """The parameters that every descent has."""
    check_parameter(
        owner,
        "learning_rate",
        learning_rate,
        'a finite number > 0, "auto", "exact" or a callable k -> rate',
        positive_real,
        one_of("auto", "exact"),
        callable,
    )
    check_parameter(owner, "momentum", momentum, '"auto" or a number in [0, 1)', one_of("auto"), fraction)
    check_parameter(owner, "nesterov", nesterov, "a boolean", boolean)
    check_parameter(
        owner,
        "scaling",
        scaling,
        '"standard", "minmax", "maxabs" or None',
        one_of("standard", "minmax", "maxabs", None),
    )


def refuse_what_converts_silently(X: Any, name: str = "X") -> None:
    """Refuse input that scikit-learn would take with a wrong meaning.

    Masked entries whose mask would be ignored, strings that look like numbers, and sparse matrices whose indices
    point outside (which crash compiled code).
    """
    if isinstance(X, np.ma.MaskedArray) and np.ma.is_masked(X):
        raise ValueError(
            f"{name} is a masked array with masked entries: fill or drop them first, e.g. {name}.filled()."
        )
    if sparse.issparse(X) and X.format in ("csr", "csc"):
        _check_indices(X, name)
        return
    if hasattr(X, "columns") and hasattr(X, "dtypes"):
        _refuse_columns(X, name)
        return
    try:
        array = np.asarray(X)
    except (ValueError, TypeError):
        return  # ragged or no array at all: scikit-learn says so better
    if array.dtype.kind in "US" or (array.dtype.kind == "O" and any(isinstance(v, str | bytes) for v in array.flat)):
        raise ValueError(
            f"{name} holds strings, also where they look like numbers: convert it first, e.g. {name}.astype(float), or "
            "encode categories with sklearn.preprocessing.OneHotEncoder."
        )


def _refuse_columns(frame: Any, name: str) -> None:
    """Name the columns of a DataFrame that are not numbers."""
    dtypes = frame.dtypes
    pairs = dtypes.items() if hasattr(dtypes, "items") else zip(frame.columns, dtypes, strict=True)
    for column, dtype in pairs:
        kind = str(dtype).lower()
        text = kind in ("string", "str", "category", "categorical", "enum") or kind.startswith(("string", "str["))
        if kind == "object":
            text = any(isinstance(value, str | bytes) for value in frame[column])
        if text or kind.startswith(("datetime", "timedelta", "date", "time", "duration", "period", "interval")):
            raise ValueError(
                f"Column {column!r} of {name} has dtype {dtype}, which is not numeric: drop it, or encode it first "
                "(sklearn.compose.ColumnTransformer with OneHotEncoder for categories)."
            )


def _check_indices(X: Any, name: str) -> None:
    minor = X.shape[1] if X.format == "csr" else X.shape[0]
    major = X.shape[0] if X.format == "csr" else X.shape[1]
    pointers, indices = X.indptr, X.indices
    broken = (
        len(pointers) != major + 1
        or pointers[0] != 0
        or (np.diff(pointers) < 0).any()
        or pointers[-1] > min(len(indices), len(X.data))
        or (len(indices) > 0 and (indices.min() < 0 or indices.max() >= minor))
    )
    if broken:
        raise ValueError(
            f"{name} is a {X.format.upper()} matrix whose indices or indptr point outside its shape {X.shape}: it was "
            "built wrongly. Check it with X.check_format(full_check=True), or build it from (data, (rows, columns))."
        )


def warn_of_lost_digits(X: Any, name: str) -> None:
    """Warn where integers are too large for float64 to tell neighbours apart."""
    values = X.data if sparse.issparse(X) else X
    dtype = getattr(values, "dtype", None)
    if dtype is None or dtype.kind not in "iu" or dtype.itemsize < 8 or values.size == 0:
        return
    if values.max() > EXACT_INTEGERS or values.min() < -EXACT_INTEGERS:
        warnings.warn(
            f"{name} holds integers beyond 2**53, which float64 rounds to multiples of 2 or more: subtract an offset "
            "in integers first if their last digits matter.",
            UserWarning,
            stacklevel=3,
        )


def check_weights(sample_weight: Any, n_samples: int) -> NDArray[np.float64] | None:
    """Weights as float64 of shape (n_samples,), finite, nonnegative and not all zero; None stays None."""
    if sample_weight is None:
        return None
    if isinstance(sample_weight, numbers.Real):
        sample_weight = np.full(n_samples, float(sample_weight))
    refuse_what_converts_silently(sample_weight, "sample_weight")
    weight: NDArray[np.float64] = check_array(
        sample_weight, ensure_2d=False, allow_nd=True, dtype=np.float64, input_name="sample_weight", order="C"
    )
    if weight.ndim != 1:
        raise ValueError(f"Sample weights must be 1D array or scalar, got sample_weight of shape {weight.shape}.")
    if len(weight) != n_samples:
        raise ValueError(
            f"sample_weight.shape == {weight.shape}, expected {(n_samples,)}: one weight for each row of X."
        )
    if (weight < 0).any():
        raise ValueError(
            f"Negative values in sample_weight: the smallest is {weight.min()}. A weight is how often a row counts; 0 "
            "leaves it out."
        )
    if not weight.any():
        raise ValueError("sample_weight is zero for every row: all weights are zero, so there is nothing to fit.")
    return weight


def _check_xy(X: Any, y: Any, check: Callable[..., tuple[Any, Any]]) -> tuple[Any, NDArray[Any]]:
    refuse_what_converts_silently(X, "X")
    if y is not None:
        refuse_what_converts_silently(y, "y")
    X, y = check(X, y)
    if y.dtype.kind == "O":
        y = y.astype(np.float64)
    warn_of_lost_digits(X, "X")
    warn_of_lost_digits(y, "y")
    return X, y


def _check_target(y: Any) -> NDArray[Any]:
    """y of shape (n_samples,) or (n_samples, n_targets), real and finite."""
    checked: NDArray[Any] = check_array(y, ensure_2d=False, dtype="numeric", input_name="y")
    return checked


def validate_rows(X: Any, y: Any, sample_weight: Any) -> tuple[Any, NDArray[Any], NDArray[np.float64] | None]:
    """Check X, y and sample_weight that come without an estimator."""

    def check(X: Any, y: Any) -> tuple[Any, Any]:
        X, y = check_array(X, input_name="X", **CHECK_OPTIONS), _check_target(y)
        check_consistent_length(X, y)
        return X, y

    X, y = _check_xy(X, y, check)
    return X, y, check_weights(sample_weight, X.shape[0])


def validate_fit(
    estimator: Any, X: Any, y: Any, sample_weight: Any
) -> tuple[Any, NDArray[Any], NDArray[np.float64] | None]:
    """Check X, y and sample_weight of `fit`; sets `n_features_in_` and `feature_names_in_`."""

    def check(X: Any, y: Any) -> tuple[Any, Any]:
        checked: tuple[Any, Any] = validate_data(
            estimator, X, y, reset=True, multi_output=True, y_numeric=True, **CHECK_OPTIONS
        )
        return checked

    X, y = _check_xy(X, y, check)
    return X, y, check_weights(sample_weight, X.shape[0])


def validate_predict(estimator: Any, X: Any) -> Any:
    """Check X of `predict` against what `fit` has seen."""
    refuse_what_converts_silently(X, "X")
    return validate_data(estimator, X, reset=False, **CHECK_OPTIONS)
