"""X on another device than the CPU: its products are computed there, and rows come home when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._arrays import Array
from ._namespaces import REFUSALS, dtype_name, home, is_foreign, is_on_cpu, namespace_of, placed, refuse_unusable

FLOATS = ("float64", "float32")
"""The dtypes of matrices that stay on their device; others come home, where more is said of them."""

BLOCK_SIZE = 2**24
"""Elements in one block: 128 MB of float64, which keep thousands of cores busy."""


class Squares(NamedTuple):
    """Sums over rows of x and a few columns beside it, and the extremes of x, on the CPU."""

    of_x: Array
    beside: Array
    low: Array
    high: Array


class DeviceMatrix:
    """A matrix of floats on another device.

    An index gives some of its rows or columns as an array of NumPy, as that of a sparse matrix gives a part in memory.

    Parameters
    ----------
    array : array of shape (n, d)
        Of any namespace, on a device that has float64.
    """

    def __init__(self, array: Any) -> None:
        self.array = array
        self.shape: tuple[int, int] = tuple(int(length) for length in array.shape)  # type: ignore[assignment]
        self.dtype = np.dtype(dtype_name(array))

    def __getitem__(self, index: Any) -> NDArray[Any]:
        rows, columns = index if isinstance(index, tuple) else (index, slice(None))
        return home(self._taken(self._taken(self.array, rows, 0), columns, 1))

    def home(self) -> NDArray[Any]:
        """All of it as an array of NumPy."""
        return home(self.array)

    def squares(self, beside: Array, shift: Array, places: NDArray[np.intp] | None, *, weighted: bool) -> Squares:
        """XᵀX and `beside`ᵀX for X less the shift at these places (or all), summed over blocks in float64.

        `beside` has a row for each place; if `weighted`, its first column multiplies the rows of X.
        """
        low, high = np.full((2, self.shape[1]), np.inf) * [[1.0], [-1.0]]
        of_x: Any = 0.0
        with_others: Any = 0.0
        for rows in self._slices(len(beside)):
            x = self._float64(self._taken(self.array, rows if places is None else places[rows], 0)) - self._sent(shift)
            np.minimum(low, self._reduced(x, "min"), out=low)
            np.maximum(high, self._reduced(x, "max"), out=high)
            others = self._sent(beside[rows])
            if weighted:
                x = x * others[:, :1]
            of_x, with_others = of_x + x.T @ x, with_others + others.T @ x
        return Squares(home(of_x), home(with_others), low, high)

    def product(self, slopes: Array, shift: Array) -> Array:
        """(X − shift) times slopes of shape (d,) or (d, t)."""
        slopes, shift = self._sent(slopes), self._sent(shift)
        return np.concatenate(
            [home((self._float64(self.array[rows, ...]) - shift) @ slopes) for rows in self._slices(self.shape[0])]
        )

    def adjoint(self, r: Array, shift: Array) -> Array:
        """(X − shift)ᵀ times r of shape (n,) or (n, t)."""
        total, shift = 0.0, self._sent(shift)
        for rows in self._slices(self.shape[0]):
            total = total + (self._float64(self.array[rows, ...]) - shift).T @ self._sent(r[rows])
        return home(total)

    def prediction(self, coef: Array, intercept: NDArray[Any]) -> Any:
        """X coef + intercept, on the device and in the dtype of X."""
        xp, sent, constant = namespace_of(self.array), self._sent(coef), self._sent(intercept)
        parts = [
            xp.asarray(self._float64(self.array[rows, ...]) @ sent + constant, dtype=self.array.dtype)
            for rows in self._slices(self.shape[0])
        ]
        return parts[0] if len(parts) == 1 else xp.concat(parts)

    def _slices(self, length: int) -> Iterator[slice]:
        step = max(1, BLOCK_SIZE // self.shape[1])
        for start in range(0, length, step):
            yield slice(start, min(start + step, length))

    def _float64(self, block: Any) -> Any:
        xp = namespace_of(block)
        return xp.asarray(block, dtype=xp.float64)

    def _sent(self, array: NDArray[Any]) -> Any:
        """An array of NumPy in float64, on the device."""
        return placed(np.asarray(array, dtype=np.float64), self.array)

    def _taken(self, array: Any, places: Any, axis: int) -> Any:
        if isinstance(places, slice):
            return array[places, ...] if axis == 0 else array[:, places]
        places = placed(np.asarray(places, dtype=np.int64), array)
        if hasattr(array, "index_select"):  # PyTorch, whose `take` is another
            return array.index_select(axis, places)
        return namespace_of(array).take(array, places, axis=axis)

    def _reduced(self, x: Any, name: str) -> Array:
        """The least or the largest entry of each column, at home."""
        own = getattr(x, f"a{name}", None)  # PyTorch, whose `min` gives the places too
        return home(own(0) if own is not None else getattr(namespace_of(x), name)(x, axis=0))


def arrived(X: Any, name: str) -> Any:
    """X as an array of NumPy, or as a `DeviceMatrix` if it lies on another device; what is not foreign stays."""
    if not is_foreign(X):
        return X
    refuse_unusable(X, name)
    stays = X.ndim == 2 and dtype_name(X) in FLOATS and not is_on_cpu(X) and _has_float64(X)
    return DeviceMatrix(X) if stays else home(X, name)


def _has_float64(array: Any) -> bool:
    """Whether the device of an array has float64."""
    xp = namespace_of(array)
    try:
        xp.asarray(array[:0, ...], dtype=xp.float64)
    except REFUSALS:
        return False
    return True
