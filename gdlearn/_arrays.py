"""What every room needs of arrays: float64 and its ends, units that are powers of two, a triangle, a bisection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._threads import factorised

Array = NDArray[np.float64]
Exponents = NDArray[np.int64]

EPS = float(np.finfo(np.float64).eps)

LARGEST_FLOAT = 1 << 1000
"""Numbers of steps are clipped to this before they become float64: long before it every mode that moves has arrived."""

SECTIONS = 32
"""Parts into which each round of `first_in` cuts its bracket."""


def beyond_float64() -> Any:
    """Where results may be beyond float64: they become infinite, NaN or zero without a warning, and are looked at."""
    return np.errstate(over="ignore", divide="ignore", invalid="ignore", under="ignore")


def in_units(A: Any, exponent: Any) -> Array:
    """A·2**exponent: exact, and infinite or zero where float64 does not hold it, for whoever calls to look at."""
    with beyond_float64():
        return np.asarray(np.ldexp(A, exponent))


def squares_are_safe(variance: Array, mean: Array) -> bool:
    """Whether no square can have overflowed, underflowed or lost digits to subnormals."""
    tiny, huge = 2.0**-900, 2.0**900
    regular = (variance > tiny) & (variance < huge)
    if regular.all():
        return True
    size = np.abs(mean)
    constant = (variance == 0) & ((size == 0) | (size > 2.0**-450)) & (size < 2.0**450)
    return bool((regular | constant).all())


def safe_exponents(largest: Array) -> Exponents:
    """e with |z| < 2**e for columns whose squares would overflow or underflow, 0 for all others."""
    exponent: Exponents = np.frexp(largest)[1].astype(np.int64) + 1
    exponent = np.maximum(exponent, -1022)  # so that 2**-e is a float64 too
    return np.where((largest > 0) & (np.abs(exponent) > 400), exponent, 0)


def triangle(A: Array) -> Array:
    """The R of a QR factorisation of A, of at most as many rows as columns."""
    from scipy import linalg  # takes longer to import than a typed function to differentiate

    return np.asarray(factorised(linalg.qr, A, mode="r", overwrite_a=True, check_finite=False)[0][: A.shape[1]])


def first_in(holds: Callable[[Sequence[int]], NDArray[np.bool_]], low: int, high: int) -> int:
    """Search for the first k in (low, high] where a property becomes true that stays true and is true at `high`.

    Parameters
    ----------
    holds : callable
        Takes increasing numbers of steps and says of each whether the property is true there.
    """
    while high - low > 1:
        points = sorted({low + (high - low) * j // SECTIONS for j in range(1, SECTIONS + 1)} - {low})
        place = int(np.argmax(holds(points)))
        low, high = (points[place - 1] if place else low), points[place]
    return high
