"""Clear refusals: every wrong parameter and every unusable X, y or sample_weight, before anything has changed."""

from __future__ import annotations

import datetime as dt
import numbers
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import assert_all_finite, check_array, check_consistent_length
from sklearn.utils.validation import validate_data

CHECK_OPTIONS: dict[str, Any] = {"accept_sparse": ["csr", "csc"], "accept_large_sparse": True, "dtype": "numeric"}
"""How X is checked: any real dtype passes, for the blocks widen it to float64 themselves."""

PLAIN = (np.float64, np.float32)
"""The dtypes of arrays in which there is nothing to check but their values."""

NOT_NUMBERS = (str, bytes, dt.date, dt.timedelta, np.datetime64, np.timedelta64)
"""What a column of objects may hold that converts to a number which means something else, or not at all."""

EXACT_INTEGERS = 2**53
"""Float64 holds every integer up to this one."""


def _is_number(value: Any) -> bool:
    """Whether the value is a real number that float64 can hold."""
    if not isinstance(value, numbers.Real) or boolean(value):
        return False
    try:
        float(value)
    except OverflowError:
        return False
    return True


def _is_integer(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not boolean(value)


def positive_real(value: Any) -> bool:
    """A finite number > 0, not a boolean."""
    return _is_number(value) and 0 < float(value) < np.inf


def finite_real(value: Any) -> bool:
    """A finite number, not a boolean."""
    return _is_number(value) and abs(float(value)) < np.inf


def positive_integer(value: Any) -> bool:
    """An integer ≥ 1, not a boolean."""
    return _is_integer(value) and int(value) >= 1


def nonnegative_integer(value: Any) -> bool:
    """An integer ≥ 0, not a boolean."""
    return _is_integer(value) and int(value) >= 0


def fraction(value: Any) -> bool:
    """A number in [0, 1)."""
    return _is_number(value) and 0 <= float(value) < 1


def positive_reals(value: Any) -> bool:
    """A non-empty 1-D array of finite numbers > 0."""
    return _is_list(value) and all(map(positive_real, value))


def positive_integers(value: Any) -> bool:
    """A non-empty 1-D array of integers ≥ 1."""
    return _is_list(value) and all(map(positive_integer, value))


def integers(values: Any) -> NDArray[Any]:
    """Integers as int64, or as Python's integers where that would not hold them (NumPy may make floats of these)."""
    exact = [int(value) for value in values]
    return np.array(exact, dtype=np.int64 if max(exact) <= np.iinfo(np.int64).max else object)


def _is_list(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.ndim == 1 and value.size > 0
    return isinstance(value, list | tuple | range) and len(value) > 0


def open_fraction(value: Any) -> bool:
    """A number in (0, 1)."""
    return positive_real(value) and float(value) < 1


def boolean(value: Any) -> bool:
    """True or False."""
    return isinstance(value, bool | np.bool_)


def one_of(*options: Any) -> Callable[[Any], bool]:
    """Membership, by identity for None and by equality for strings."""
    return lambda value: (value is None and None in options) or (isinstance(value, str) and value in options)


def check_parameter(owner: str, name: str, value: Any, allowed: str, *tests: Callable[[Any], bool]) -> None:
    """Raise `InvalidParameterError` unless one of the tests accepts the value."""
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
    check_scaling(owner, scaling)


def check_scaling(owner: str, scaling: Any) -> None:
    """The name of a scaling, or None."""
    check_parameter(
        owner,
        "scaling",
        scaling,
        '"standard", "minmax", "maxabs" or None',
        one_of("standard", "minmax", "maxabs", None),
    )


def check_random_state_parameter(owner: str, random_state: Any) -> None:
    """Raise unless scikit-learn's `check_random_state` takes it."""
    check_parameter(
        owner,
        "random_state",
        random_state,
        "None, an integer >= 0 or a numpy.random.RandomState",
        one_of(None),
        nonnegative_integer,
        lambda value: isinstance(value, np.random.RandomState),
    )


def refuse_what_converts_silently(X: Any, name: str = "X") -> None:
    """Refuse input that scikit-learn would take with a wrong meaning.

    Masked entries whose mask would be ignored, strings that look like numbers, and sparse matrices whose indices
    point outside (which crash compiled code).
    """
    if isinstance(X, np.ma.MaskedArray) and np.ma.is_masked(X):
        raise ValueError(f"{name} is a masked array with masked entries: fill or drop them first.")
    if sparse.issparse(X):
        if _points_outside(X):
            raise ValueError(
                f"{name} is a {X.format.upper()} matrix whose indices or indptr point outside its shape {X.shape}. It "
                "was built wrongly: see X.check_format(full_check=True), or build it from (data, (rows, columns))."
            )
        return
    if hasattr(X, "columns") and hasattr(X, "dtypes"):
        _refuse_columns(X, name)
        return
    try:
        array = np.asarray(X)
    except (ValueError, TypeError):
        return  # ragged or no array at all: scikit-learn says so better
    if array.dtype.kind in "mM":
        raise ValueError(
            f"{name} has dtype {array.dtype}, which is not numeric: convert it to numbers in a unit first."
        )
    if array.dtype.kind in "US" or (array.dtype.kind == "O" and any(isinstance(v, str | bytes) for v in array.flat)):
        raise ValueError(
            f"{name} holds strings, also where they look like numbers: convert it first, e.g. {name}.astype(float), or "
            "encode categories with sklearn.preprocessing.OneHotEncoder."
        )


def _refuse_columns(frame: Any, name: str) -> None:
    """Name the columns of a DataFrame that are not numbers."""
    dtypes = frame.dtypes
    for place, (column, dtype) in enumerate(zip(frame.columns, list(dtypes), strict=True)):
        kind = str(dtype).lower()
        text = kind in ("string", "str", "category", "categorical", "enum") or kind.startswith(("string", "str["))
        if kind == "object":
            text = any(isinstance(value, NOT_NUMBERS) for value in frame.iloc[:, place])
        if text or kind.startswith(
            ("complex", "datetime", "timedelta", "date", "time", "duration", "period", "interval")
        ):
            raise ValueError(
                f"Column {column!r} of {name} has dtype {dtype}, which is not numeric: drop it, or encode it first "
                "(sklearn.compose.ColumnTransformer with OneHotEncoder for categories)."
            )


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


def check_weights(sample_weight: Any, n_samples: int, name: str = "sample_weight") -> NDArray[np.float64] | None:
    """Weights as float64 of shape (n_samples,), finite, nonnegative and not all zero; None stays None."""
    if sample_weight is None:
        return None
    if isinstance(sample_weight, numbers.Real):
        sample_weight = np.full(n_samples, float(sample_weight))
    refuse_what_converts_silently(sample_weight, name)
    try:
        weight: NDArray[np.float64] = check_array(
            sample_weight, ensure_2d=False, allow_nd=True, dtype=np.float64, input_name=name, order="C"
        )
    except (ValueError, TypeError) as error:
        raise type(error)(f"{name} cannot be used: {error}") from error
    if weight.ndim != 1:
        raise ValueError(f"Sample weights must be 1D array or scalar, got {name} of shape {weight.shape}.")
    if len(weight) != n_samples:
        raise ValueError(f"{name}.shape == {weight.shape}, expected {(n_samples,)}: one weight for each row of X.")
    if (weight < 0).any():
        raise ValueError(
            f"Negative values in {name}: the smallest is {weight.min()}. A weight is how often a row counts; 0 "
            "leaves it out."
        )
    if not weight.any():
        raise ValueError(f"{name} is zero for every row: all weights are zero, so there is nothing to fit.")
    return weight


def _check_xy(
    X: Any, y: Any, check: Callable[..., tuple[Any, Any]], names: tuple[str, str] = ("X", "y")
) -> tuple[Any, NDArray[Any]]:
    X_name, y_name = names
    refuse_what_converts_silently(X, X_name)
    if sparse.issparse(y):
        raise TypeError(f"Sparse {y_name} is not supported: use {y_name}.toarray().")
    if y is not None:
        refuse_what_converts_silently(y, y_name)
    with np.errstate(over="ignore", invalid="ignore"):
        X, y = check(X, y)
        X, y = _float64_at_most(X, X_name), _float64_at_most(y, y_name)
    if not np.isfinite(y).all():  # None in an array of objects became NaN
        assert_all_finite(y, input_name=y_name)
    warn_of_lost_digits(X, X_name)
    warn_of_lost_digits(y, y_name)
    return X, y


def _float64_at_most(array: Any, name: str) -> Any:
    """Long doubles and objects as float64."""
    if array.dtype.kind != "O" and array.dtype.itemsize <= 8:
        return array
    array = array.astype(np.float64)
    assert_all_finite(array.data if sparse.issparse(array) else array, input_name=name)
    return array


def _check_target(y: Any, name: str = "y") -> NDArray[Any]:
    """y of shape (n_samples,) or (n_samples, n_targets), real and finite."""
    checked: NDArray[Any] = check_array(y, ensure_2d=False, dtype="numeric", input_name=name)
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
) -> tuple[Any, NDArray[Any], NDArray[np.float64] | None, bool]:
    """Check X, y and sample_weight of `fit`; sets `n_features_in_` and `feature_names_in_`.

    The last result says whether X is still to be searched for NaN, which by itself would cost another read.
    """
    plain = _is_plain(X, 2) and (_is_plain(y, 1) or _is_plain(y, 2)) and len(X) == len(y)

    def check(X: Any, y: Any) -> tuple[Any, Any]:
        checked: tuple[Any, Any] = validate_data(
            estimator, X, y, reset=True, multi_output=True, y_numeric=True, skip_check_array=plain, **CHECK_OPTIONS
        )
        return checked

    X, y = _check_xy(X, y, check)
    weight = check_weights(sample_weight, X.shape[0])
    later = plain and (weight is None or bool(weight.all()))  # NaN in a row without weight would not show
    if plain and not later:
        with np.errstate(over="ignore", invalid="ignore"):
            assert_all_finite(X, estimator_name=type(estimator).__name__, input_name="X")
    return X, y, weight, later


def _is_plain(array: Any, n_dimensions: int) -> bool:
    """Whether scikit-learn's checks would return the array itself, were its values finite."""
    return (
        type(array) in (np.ndarray, np.memmap)
        and array.ndim == n_dimensions
        and array.size > 0
        and array.dtype in PLAIN
        and array.dtype.isnative
    )


def validate_held_out(
    estimator: Any, X: Any, y: Any, sample_weight: Any, n_targets: int
) -> tuple[Any, NDArray[Any], NDArray[np.float64] | None]:
    """Check X_val, y_val and sample_weight_val against what `fit` has seen."""
    if X is None or y is None:
        missing = "X_val" if X is None else "y_val"
        raise ValueError(f"Rows to stop by need both X_val and y_val; {missing} is None.")

    def check(X: Any, y: Any) -> tuple[Any, Any]:
        X = validate_data(estimator, X, reset=False, **CHECK_OPTIONS)
        y = _check_target(y, "y_val")
        check_consistent_length(X, y)
        return X, y

    X, y = _check_xy(X, y, check, ("X_val", "y_val"))
    if y.size != len(y) * n_targets:
        raise ValueError(f"y_val has shape {y.shape}, and y has {n_targets} target(s): both need the same targets.")
    return X, y, check_weights(sample_weight, X.shape[0], "sample_weight_val")


def validate_predict(estimator: Any, X: Any) -> Any:
    """Check X of `predict` against what `fit` has seen."""
    refuse_what_converts_silently(X, "X")
    with np.errstate(over="ignore", invalid="ignore"):
        return _float64_at_most(validate_data(estimator, X, reset=False, **CHECK_OPTIONS), "X")
