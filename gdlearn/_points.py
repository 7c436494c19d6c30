"""Functions of named variables, and points given by position or by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import Array
from ._parameters import InvalidParameterError

LONG = 200
"""Characters of a wrong value that an error repeats; of a longer one it names the type."""

MANY = 10
"""Wrong names that an error repeats."""


class DomainError(ValueError):
    """A function or its gradient has no value where it was asked for; the message names the condition.

    Attributes
    ----------
    condition : Condition or None
        What does not hold there; None where a value exists and is too large for float64.
    """

    def __init__(self, message: str, condition: Any = None) -> None:
        super().__init__(message)
        self.condition = condition


class Function(Protocol):
    """What can be descended: a real function of named variables, with its gradient."""

    @property
    def variables(self) -> tuple[str, ...]:
        """Their names, in the order of θ's entries."""

    def __call__(
        self, theta: ArrayLike | Mapping[str, ArrayLike], *, outside: Literal["raise", "nan"] = "raise"
    ) -> Any:
        """f at θ of shape (..., d)."""

    def gradient_at(
        self, theta: ArrayLike | Mapping[str, ArrayLike], *, outside: Literal["raise", "nan"] = "raise"
    ) -> Array:
        """∇f at θ, of θ's shape."""


NOT_REAL = str, bytes, bytearray, memoryview, complex, np.complexfloating
"""What an array of objects may hold that converts to a number which means something else."""


def finite_reals(owner: str, name: str, values: Any) -> Array:
    """Finite real numbers as float64; anything else is an error that names the parameter."""
    reals = _reals(values)
    if reals is not None and np.isfinite(reals).all():
        return reals
    got = repr(values)
    if np.ma.is_masked(values):
        got = "a masked array with masked entries"
    elif reals is not None and reals.size > 1:
        first = np.unravel_index(int(np.argmin(np.isfinite(reals))), reals.shape)
        got = f"{reals[first]} at index {', '.join(map(str, first))}"
    elif len(got) > LONG:
        got = f"a {type(values).__name__}"
    raise InvalidParameterError(f"The {name!r} parameter of {owner} must hold finite real numbers. Got {got} instead.")


def _reals(values: Any) -> Array | None:
    """Real numbers as float64; None for what is no array of them, or has masked ones."""
    if np.ma.is_masked(values):
        return None
    try:
        array = np.asarray(values)
        numeric = array.dtype.kind in "biuf" or (
            array.dtype.kind == "O" and not any(isinstance(v, NOT_REAL) for v in array.flat)
        )
        with np.errstate(over="ignore"):
            return array.astype(np.float64) if numeric else None
    except (TypeError, ValueError, OverflowError):
        return None


def points(owner: str, name: str, variables: Sequence[str], theta: ArrayLike | Mapping[str, ArrayLike]) -> Array:
    """θ of shape (..., d), from an array of that shape or from a mapping of names to arrays that broadcast.

    A pandas DataFrame is read by the names of its columns, and a Series by those of its index, whatever their order.
    """
    named = _by_name(theta)
    if named is not None:
        return _joined(owner, name, variables, named)
    array = finite_reals(owner, name, theta)
    if array.ndim == 0 and len(variables) == 1:
        return array[np.newaxis]
    if array.shape[-1:] != (len(variables),):
        raise InvalidParameterError(
            f"The {name!r} parameter of {owner} must have {len(variables)} entries on its last axis, for "
            f"{', '.join(variables)}. Got shape {array.shape} instead{_mended(name, variables, array)}."
        )
    return array


def _by_name(theta: Any) -> Mapping[Any, Any] | None:
    """A mapping, a table's columns or a labelled series' entries by name; None for what has no names."""
    if isinstance(theta, Mapping):
        return theta
    if hasattr(theta, "columns") and hasattr(theta, "dtypes"):
        labels = list(theta.columns)
    elif hasattr(theta, "index") and hasattr(theta, "iloc"):
        labels = list(theta.index)
    else:
        return None
    if len(set(labels)) < len(labels):  # names that no variable has, so that they are refused
        return {f"{label} (place {i})": 0 for i, label in enumerate(labels)}
    return {label: theta[label] for label in labels}


def _joined(owner: str, name: str, variables: Sequence[str], named: Mapping[Any, Any]) -> Array:
    """θ of shape (..., d) from its entries by name."""
    if set(named) != set(variables):
        given = ", ".join(map(str, [*named][:MANY])) + (", ..." if len(named) > MANY else "") or "nothing"
        wanted = f"name the variables {', '.join(variables)}" if variables else "be empty, for there are no variables"
        raise InvalidParameterError(f"The {name!r} parameter of {owner} must {wanted}. Got {given} instead.")
    parts = [finite_reals(owner, name, named[variable]) for variable in variables]
    try:
        return np.stack(np.broadcast_arrays(*parts), axis=-1) if parts else np.empty(0)
    except ValueError:
        shapes = ", ".join(f"{variable}: {part.shape}" for variable, part in zip(variables, parts, strict=True))
        raise InvalidParameterError(
            f"The {name!r} parameter of {owner} must hold arrays that broadcast against each other. Got shapes "
            f"{shapes} instead."
        ) from None


def _mended(name: str, variables: Sequence[str], array: Array) -> str:
    """How many values of a single variable are given."""
    if len(variables) != 1 or array.ndim == 0:
        return ""
    whole = ":, None" if array.ndim == 1 else "..., None"
    return f': for many points give {name}[{whole}] or {{"{variables[0]}": {name}}}'


def as_one(owner: str, variables: Sequence[str], theta: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
    """θ as one object, from the arguments of f(θ), f(1, 2) or f(x=1, y=2)."""
    if named.keys() == {"theta"} and not theta and "theta" not in variables:
        return named["theta"]
    if named and not theta:
        return named
    if len(theta) == 1 and not named:
        return theta[0]
    if named or len(theta) != len(variables):
        given = f"{len(theta)} by position" + (f" and {', '.join(named)} by name" if named else "")
        raise InvalidParameterError(
            f"{owner} takes a point, or one value for each variable, all by position or all by name, for "
            f"{', '.join(variables) or 'none'}. Got {given} instead."
        )
    return dict(zip(variables, theta, strict=True))


def one_point(owner: str, name: str, variables: Sequence[str], theta: ArrayLike | Mapping[str, ArrayLike]) -> Array:
    """θ of shape (d,)."""
    point = points(owner, name, variables, theta)
    if point.ndim != 1:
        raise InvalidParameterError(
            f"The {name!r} parameter of {owner} must be a single point, of shape ({len(variables)},). Got shape "
            f"{point.shape} instead."
        )
    return point


def at(variables: Iterable[str], point: Iterable[float]) -> str:
    """A point as text: x = 1, y = 2."""
    return ", ".join(f"{name} = {value + 0.0:.6g}" for name, value in zip(variables, point, strict=True))
