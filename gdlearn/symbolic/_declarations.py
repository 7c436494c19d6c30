"""Variables and constants that a caller names, or an error that says which name or value is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .._points import finite_reals
from ._names import is_variable_name


def declared_variables(variables: Iterable[str]) -> tuple[str, ...]:
    """The names of variables, each of them once."""
    if isinstance(variables, str):
        raise ValueError(f"variables must be a list of names, such as {[*variables][:2]}; got the text {variables!r}.")
    names = tuple(str(name) if isinstance(name, str) else name for name in variables)
    for name in names:
        if not is_variable_name(name):
            raise ValueError(f"{name!r} cannot be the name of a variable.")
    if len(set(names)) < len(names):
        raise ValueError(f"variables must differ from each other, got {', '.join(names)}.")
    return names


def held_constants(owner: str, constants: Mapping[str, float], variables: tuple[str, ...]) -> dict[str, float]:
    """Names that are no variables, and their values."""
    if not isinstance(constants, Mapping):
        raise TypeError(f"constants must be a mapping such as {{'a': 2.0}}, got {type(constants).__name__}.")
    held = {}
    for name, value in constants.items():
        if not is_variable_name(name) or name in variables:
            reason = "is a variable" if name in variables else "cannot be the name of a constant"
            raise ValueError(f"{name!r} {reason}.")
        number = finite_reals(owner, "constants", value)
        if number.ndim:
            raise ValueError(f"constants must be numbers; {name!r} is an array of shape {number.shape}.")
        held[name] = float(number)
    return held
