"""Parameters: rules that say themselves, for one object holds the words and the test."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray


class SparseMatrix(Protocol):
    """A matrix or array of `scipy.sparse`, which comes without types of its own."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns."""

    def tocsr(self) -> Any:
        """The same in CSR format."""


MatrixLike = ArrayLike | SparseMatrix
"""What X may be: arrays, DataFrames, nested lists, CSR and CSC."""

LearningRate = float | Literal["auto", "exact"] | Callable[[int], float]
MomentumLike = float | Literal["auto"]
Solver = Literal["auto", "spectral", "loop"]
Init = Literal["auto", "zero", "mean"] | ArrayLike
RandomState = int | np.random.RandomState | None


class InvalidParameterError(ValueError, TypeError):
    """A parameter has a value or a type that is not allowed; the message names both and what is."""


@dataclass(frozen=True)
class Rule:
    """What is allowed, in words and as a test; ``a | b`` allows either.

    Attributes
    ----------
    words : tuple of str
        The alternatives, as a sentence lists them: "must be" these.
    holds : callable
        Whether a value is allowed.
    hints : mapping from str to str
        What to say of a name that is wrong here but means something elsewhere.
    """

    words: tuple[str, ...]
    holds: Callable[[Any], bool]
    hints: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, value: Any) -> bool:
        return self.holds(value)

    def __or__(self, other: Rule) -> Rule:
        first, second = self.holds, other.holds
        return Rule(
            self.words + other.words, lambda value: first(value) or second(value), {**self.hints, **other.hints}
        )

    def __str__(self) -> str:
        *others, last = self.words
        return f"{', '.join(others)} or {last}" if others else last

    def check(self, owner: str, name: str, value: Any) -> None:
        """Raise `InvalidParameterError` unless the value is allowed."""
        if not self.holds(value):
            hint = self.hints.get(value, "") if isinstance(value, str) else ""
            message = f"The {name!r} parameter of {owner} must be {self}. Got {value!r} instead."
            raise InvalidParameterError(f"{message} {hint}".rstrip())


def allowed(words: str, holds: Callable[[Any], bool]) -> Rule:
    """A rule of one alternative."""
    return Rule((words,), holds)


def choice(*names: str) -> Rule:
    """One of these names."""
    return Rule(tuple(f'"{name}"' for name in names), lambda value: isinstance(value, str) and value in names)


def _is_number(value: Any) -> bool:
    """Whether the value is a real number that float64 can hold, and not a boolean."""
    if type(value) is float:
        return True
    if not isinstance(value, numbers.Real) or _is_boolean(value):
        return False
    try:
        float(value)
    except OverflowError:
        return False
    return True


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool | np.bool_)


def _is_integer(value: Any) -> bool:
    return type(value) is int or (isinstance(value, numbers.Integral) and not _is_boolean(value))


def _is_list(value: Any) -> bool:
    if hasattr(value, "__array__"):  # also a Series
        return np.ndim(value) == 1 and len(value) > 0
    return isinstance(value, list | tuple | range) and len(value) > 0


def _is_numeric_array(value: Any) -> bool:
    if isinstance(value, str) or not (hasattr(value, "__array__") or isinstance(value, list | tuple)):
        return False
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        return False
    return array.ndim in (1, 2) and array.size > 0


def several(of: Rule, words: str) -> Rule:
    """A non-empty 1-D array of values that another rule allows; `words` are their plural."""
    return allowed(f"a non-empty 1-D array of {words}", lambda value: _is_list(value) and all(map(of, value)))


NONE = allowed("None", lambda value: value is None)
BOOLEAN = allowed("a boolean", _is_boolean)
FINITE = allowed("a finite number", lambda value: _is_number(value) and abs(float(value)) < np.inf)
POSITIVE = allowed("a finite number > 0", lambda value: _is_number(value) and 0 < float(value) < np.inf)
NONNEGATIVE = allowed("a finite number >= 0", lambda value: _is_number(value) and 0 <= float(value) < np.inf)
SHARE = allowed("a number in [0, 1]", lambda value: _is_number(value) and 0 <= float(value) <= 1)
FRACTION = allowed("a number in [0, 1)", lambda value: _is_number(value) and 0 <= float(value) < 1)
OPEN_FRACTION = allowed("a number in (0, 1)", lambda value: _is_number(value) and 0 < float(value) < 1)
POSITIVE_INTEGER = allowed("an integer >= 1", lambda value: _is_integer(value) and int(value) >= 1)
ALPHAS = POSITIVE_INTEGER | several(NONNEGATIVE, "finite numbers >= 0")
"""How many strengths of a penalty, or which."""

NONNEGATIVE_INTEGER = allowed("an integer >= 0", lambda value: _is_integer(value) and int(value) >= 0)
RANDOM_STATE = (
    NONE
    | NONNEGATIVE_INTEGER
    | allowed("a numpy.random.RandomState", lambda value: isinstance(value, np.random.RandomState))
)

CALLABLE_RATE = allowed("a callable k -> rate", callable)
RATE_NAMES = replace(
    choice("auto", "exact"),
    hints={
        "constant": 'SGDRegressor(learning_rate="constant", eta0=0.01) is learning_rate=0.01 here.',
        "invscaling": "eta0/t**power_t of SGDRegressor is a callable here: learning_rate=lambda k: 0.01 / (k + 1) ** "
        "0.25.",
        "adaptive": "It lowers the rate where the noise of single rows stalls the descent, and the gradient over all "
        'rows has no such noise: use a number, or "auto".',
        "optimal": 'It follows from the penalty of SGDRegressor; here "auto" follows from the data, 1/L.',
    },
)
"""The names of rates here, and what to write for those of scikit-learn's stochastic descents."""

LEARNING_RATE = POSITIVE | RATE_NAMES | CALLABLE_RATE
MOMENTUM = choice("auto") | FRACTION
SCALING = choice("standard", "minmax", "maxabs") | NONE
SOLVER = choice("auto", "spectral", "loop")
INIT = choice("auto", "zero", "mean") | allowed(
    "an array of numbers in the original units, the intercept first", _is_numeric_array
)
"""Where a descent starts; the shape of the numbers is checked when the data are known."""


def check_descent(owner: str, learning_rate: Any, momentum: Any, nesterov: Any, scaling: Any) -> None:
    """The parameters that every descent has."""
    LEARNING_RATE.check(owner, "learning_rate", learning_rate)
    MOMENTUM.check(owner, "momentum", momentum)
    check_nesterov(owner, nesterov, momentum)
    SCALING.check(owner, "scaling", scaling)


def check_nesterov(owner: str, nesterov: Any, momentum: Any) -> None:
    """A boolean that is true only beside a momentum, without which it would change nothing."""
    BOOLEAN.check(owner, "nesterov", nesterov)
    if nesterov and not POSITIVE(momentum):
        raise InvalidParameterError(
            f"The 'nesterov' parameter of {owner} must be False without a momentum, for it takes the gradient where "
            f"the momentum would move theta. Got {nesterov!r} with momentum={momentum!r} instead: write momentum=0.9, "
            "nesterov=True."
        )


def integers(values: Any) -> NDArray[Any]:
    """Integers as int64, or as Python's integers where that would not hold them (NumPy may make floats of these)."""
    exact = [int(value) for value in values]
    return np.array(exact, dtype=np.int64 if max(exact) <= np.iinfo(np.int64).max else object)
