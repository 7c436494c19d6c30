"""Straight-line code from a computation on numbers: what it does is recorded once, and run without its detours.

The code is made of operators, numbers and names that are made up here. Nothing of what a user has typed gets into it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Computation = Callable[[Sequence[Any], "Recorder"], Sequence[Any]]
"""What is recorded: inputs → results, by operators alone; conditions on which all depends go to `Recorder.demand`."""


class Recorder:
    """The lines of code of a computation, each operation once; on arrays, or on numbers alone."""

    def __init__(self, on_arrays: bool = False) -> None:
        self.on_arrays = on_arrays
        self._demanded: Any = True
        self.lines: list[str] = []
        self.names: dict[str, Any] = {"abs": abs, "inf": math.inf, "nan": math.nan}
        self._known: dict[str, Traced] = {}

    def keep(self, code: str) -> Traced:
        """A name for the value of an expression."""
        if code not in self._known:
            self._known[code] = Traced(f"t{len(self._known)}", self)
            self.lines.append(f"{self._known[code].name} = {code}")
        return self._known[code]

    def call(self, function: Callable[..., Any], operands: Sequence[Any]) -> Any:
        """The call of a function; of numbers its value."""
        if not any(isinstance(operand, Traced) for operand in operands):
            return function(*operands)
        name = next((name for name, known in self.names.items() if known is function), f"f{len(self.names)}")
        self.names[name] = function
        return self.keep(f"{name}({', '.join(map(_code, operands))})")

    def demand(self, condition: Any) -> None:
        """A condition without which there is no result."""
        if not isinstance(condition, Traced):
            self.lines += [] if condition else ["return None"]
        elif self.on_arrays:  # one look at all of them costs less than one at each
            self._demanded = condition & self._demanded
        else:
            self.lines.append(f"if not {condition.name}: return None")

    def finish(self) -> None:
        """Put the demands that are left to the end into code."""
        if isinstance(self._demanded, Traced):
            self.lines.append(f"if not {self.call(np.all, [self._demanded]).name}: return None")

    def pick(self, condition: Any, a: Any, b: Any) -> Any:
        """One of two values, both of which are computed."""
        if not isinstance(condition, Traced):
            return a if condition else b
        if self.on_arrays:
            return self.call(np.where, [condition, a, b])
        return self.keep(f"{_code(a)} if {condition.name} else {_code(b)}")


class Traced:
    """A number that is not known yet, whose operations are recorded."""

    def __init__(self, name: str, recorder: Recorder) -> None:
        self.name, self._recorder = name, recorder

    def _with(self, sign: str, other: Any) -> Traced:
        return self._recorder.keep(f"{self.name} {sign} {_code(other)}")

    def _after(self, sign: str, other: Any) -> Traced:
        return self._recorder.keep(f"{_code(other)} {sign} {self.name}")

    def __add__(self, other: Any) -> Traced:
        return self._with("+", other)

    def __radd__(self, other: Any) -> Traced:
        return self._after("+", other)

    def __sub__(self, other: Any) -> Traced:
        return self._with("-", other)

    def __rsub__(self, other: Any) -> Traced:
        return self._after("-", other)

    def __mul__(self, other: Any) -> Traced:
        return self._with("*", other)

    def __rmul__(self, other: Any) -> Traced:
        return self._after("*", other)

    def __truediv__(self, other: Any) -> Traced:
        return self._with("/", other)

    def __rtruediv__(self, other: Any) -> Traced:
        return self._after("/", other)

    def __pow__(self, other: Any) -> Traced:
        return self._with("**", other)

    def __and__(self, other: Any) -> Traced:
        return self._with("&", other)

    def __rand__(self, other: Any) -> Traced:
        return self._after("&", other)

    def __le__(self, other: Any) -> Traced:
        return self._with("<=", other)

    def __lt__(self, other: Any) -> Traced:
        return self._with("<", other)

    def __gt__(self, other: Any) -> Traced:
        return self._with(">", other)

    def __ge__(self, other: Any) -> Traced:
        return self._with(">=", other)

    def __eq__(self, other: object) -> Any:
        return self._with("==", other)

    __hash__ = None  # type: ignore[assignment] # for == is recorded

    def __abs__(self) -> Traced:
        return self._recorder.keep(f"abs({self.name})")

    def __neg__(self) -> Traced:
        return self._recorder.keep(f"-{self.name}")

    def __bool__(self) -> bool:
        raise TypeError("a number that is not known yet decides nothing")


def _code(operand: Any) -> str:
    if isinstance(operand, Traced):
        return operand.name
    number = repr(operand if isinstance(operand, bool) else float(operand))
    return f"({number})" if number.startswith("-") else number


def compiled(computation: Computation, n_inputs: int, on_arrays: bool = False) -> Callable[..., tuple[Any, ...] | None]:
    """A function of n numbers that gives the results of a computation, None where a demand is not met.

    With `on_arrays` the inputs may be arrays too, and every element must meet a demand.

    Examples
    --------
    >>> from gdlearn.symbolic._compiled import compiled
    >>> def halves(inputs, recorder):
    ...     recorder.demand(inputs[0] > 0)
    ...     return [inputs[0] / 2]
    >>> compiled(halves, 1)(3.0), compiled(halves, 1)(-3.0)
    ((1.5,), None)
    """
    recorder = Recorder(on_arrays)
    inputs = [Traced(f"x{i}", recorder) for i in range(n_inputs)]
    results = ", ".join(map(_code, computation(inputs, recorder)))
    recorder.finish()
    body = "\n    ".join([*recorder.lines, f"return ({results},)"])
    namespace: dict[str, Any] = {"__builtins__": {}, **recorder.names}
    exec(f"def run({', '.join(x.name for x in inputs)}):\n    {body}", namespace)
    run: Callable[..., tuple[Any, ...] | None] = namespace["run"]
    return run
