"""Functions of named variables, and points given by position or by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike

from .._blocks import Array
from .._validation import InvalidParameterError


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


def finite_reals(owner: str, name: str, values: Any) -> Array:
    """Finite real numbers as float64; anything else is an error that names the parameter."""
    try:
        array = np.asarray(values)
        numeric = array.dtype.kind in "biuf" or (
            array.dtype.kind == "O" and not any(isinstance(v, str | bytes | complex) for v in array.flat)
        )
        reals = array.astype(np.float64) if numeric else None
    except (TypeError, ValueError, OverflowError):
        reals = None
    if reals is None or not np.isfinite(reals).all():
        raise InvalidParameterError(
            f"The {name!r} parameter of {owner} must hold finite real numbers. Got {values!r} instead."
        )
    return reals


def points(owner: str, name: str, variables: Sequence[str], theta: ArrayLike | Mapping[str, ArrayLike]) -> Array:
    """θ of shape (..., d), from an array of that shape or from a mapping of names to arrays that broadcast."""
    if isinstance(theta, Mapping):
        if set(theta) != set(variables):
            given = ", ".join(map(str, theta)) or "nothing"
            raise InvalidParameterError(
                f"The {name!r} parameter of {owner} must name the variables {', '.join(variables)}. Got {given} "
                "instead."
            )
        parts = [finite_reals(owner, name, theta[variable]) for variable in variables]
        return np.stack(np.broadcast_arrays(*parts), axis=-1)
    array = finite_reals(owner, name, theta)
    if array.ndim == 0 and len(variables) == 1:
        return array[np.newaxis]
    if array.shape[-1:] != (len(variables),):
        raise InvalidParameterError(
            f"The {name!r} parameter of {owner} must have {len(variables)} entries on its last axis, for "
            f"{', '.join(variables)}. Got shape {array.shape} instead."
        )
    return array


def one_point(owner: str, name: str, variables: Sequence[str], theta: ArrayLike | Mapping[str, ArrayLike]) -> Array:
    """θ of shape (d,)."""
    point = points(owner, name, variables, theta)
    if point.ndim != 1:
        raise InvalidParameterError(
            f"The {name!r} parameter of {owner} must be a single point, of shape ({len(variables)},). Got shape "
            f"{point.shape} instead."
        )
    return point


def at(variables: Sequence[str], point: Array) -> str:
    """A point as text: x = 1, y = 2."""
    return ", ".join(f"{name} = {value:.6g}" for name, value in zip(variables, point.tolist(), strict=True))
