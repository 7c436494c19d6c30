"""Arrays of other libraries, such as PyTorch and CuPy: brought home to NumPy, and results returned to where X lies.

They are told apart only where scikit-learn's ``array_api_dispatch`` is on. Elsewhere they are array-likes as any other.
No library is imported here: who hands over an array has imported its own.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from sklearn import get_config

REFUSALS = (TypeError, ValueError, RuntimeError, BufferError, AttributeError)
"""How libraries say that an array is on another device than the CPU, or that a device has no such dtype."""

WAYS_HOME = ("cpu", "get", "asnumpy")
"""Methods that copy an array of PyTorch, CuPy and dpnp to the CPU; others do it by DLPack."""


def is_foreign(given: Any) -> bool:
    """Whether this is an array of another library, where arrays of other libraries are to be told apart."""
    return (
        not isinstance(given, np.ndarray | np.generic)
        and hasattr(type(given), "__dlpack__")
        and hasattr(given, "device")
        and bool(get_config()["array_api_dispatch"])
    )


def namespace_of(array: Any) -> Any:
    """The module of its functions: of the array API, or where the library has no such (PyTorch) its own."""
    if hasattr(array, "__array_namespace__"):
        return array.__array_namespace__()
    return sys.modules[type(array).__module__.partition(".")[0]]


def dtype_name(array: Any) -> str:
    """The dtype without the name of its library."""
    return str(array.dtype).rpartition(".")[2]


def refuse_unusable(array: Any, name: str) -> None:
    """Raise where the values would lose what they carry, or NumPy has no dtype for them."""
    if getattr(array, "requires_grad", False):
        raise ValueError(
            f"{name} requires a gradient, which flows through no fit and no prediction here: use {name}.detach()."
        )
    try:
        known = np.dtype(dtype_name(array)).kind in "biufc"
    except TypeError:
        known = False
    if not known:
        raise ValueError(
            f"{name} has dtype {array.dtype}, which NumPy does not know: convert it to float32 or float64."
        )


def is_on_cpu(array: Any) -> bool:
    """Whether NumPy can look at its memory."""
    try:
        np.asarray(array[:0, ...] if array.ndim else array)
    except REFUSALS:
        return False
    return True


def home(array: Any, name: str = "the array") -> NDArray[Any]:
    """The same as NumPy's array: on the CPU without a copy."""
    if isinstance(array, np.ndarray | np.generic | float):
        return np.asarray(array)
    refuse_unusable(array, name)
    if not is_on_cpu(array):
        way = next((way for way in WAYS_HOME if hasattr(array, way)), None)
        if way is None:
            return np.from_dlpack(array, device="cpu")
        array = getattr(array, way)()
    try:
        return np.from_dlpack(array)
    except REFUSALS:  # a dtype or a layout that DLPack does not have
        return np.asarray(array)


def placed(array: NDArray[Any], example: Any) -> Any:
    """An array of NumPy in the namespace and on the device of another array; on the CPU it may share its memory."""
    xp, array = namespace_of(example), np.require(array, requirements=["C", "W"])  # PyTorch warns of read-only ones
    try:
        return xp.asarray(array, device=example.device)
    except TypeError:  # CuPy, whose device is a context
        with example.device:
            return xp.asarray(array)


def in_numpy(given: Any, name: str) -> Any:
    """What is foreign, at home; all else stays as it is."""
    return home(given, name) if is_foreign(given) else given


@dataclass(frozen=True, eq=False)
class Origin:
    """Where X lies: its namespace and its device.

    Attributes
    ----------
    example : array
        An empty array that lies there: unlike a module it pickles.
    """

    example: Any

    @classmethod
    def of(cls, X: Any) -> Origin | None:
        """None for what is NumPy's, or becomes so."""
        if not is_foreign(X):
            return None
        return cls(namespace_of(X).zeros_like(X[:0, ...] if X.ndim else X))

    def __str__(self) -> str:
        return str(namespace_of(self.example).__name__)

    @property
    def device(self) -> Any:
        """As its library has it."""
        return self.example.device

    def returned(self, array: NDArray[Any]) -> Any:
        """The array there; in float32 where the device has no float64."""
        try:
            return placed(array, self.example)
        except REFUSALS:
            return placed(array.astype(np.float32), self.example)


def refuse_other_origin(owner: str, method: str, X: Any, fitted: Any) -> None:
    """Raise, in scikit-learn's words, unless X lies where a fitted array does."""
    if not get_config()["array_api_dispatch"]:
        return
    before, now = Origin.of(fitted), Origin.of(X)
    if str(before) != str(now):
        names = [str(origin or "numpy") for origin in (before, now)]
        _refuse_origin(
            owner, method, f"Array namespaces used during fit ({names[0]}) and {method} ({names[1]}) differ."
        )
    if before is not None and now is not None and before.device != now.device:
        devices = f"({before.device}) and {method} ({now.device})"
        _refuse_origin(owner, method, f"Devices used during fit {devices} differ.")


def _refuse_origin(owner: str, method: str, difference: str) -> NoReturn:
    raise ValueError(
        f"Inputs passed to {owner}.{method}() must use the same namespace and the same device as those passed to "
        f"fit(). {difference} Convert X, or fit on arrays like it."
    )
