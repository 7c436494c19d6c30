"""Outputs of a program to nearly all digits of float64: points where it has lost them are done again in more digits."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._arrays import Array
from .._warnings import warn_where_called
from ._numbers import Program, kernel_of
from ._points import at
from ._precise import PreciseProgram
from ._rounding import Arithmetic, BoundedProgram
from ._text import text

TRUSTED = 1e-10
"""Relative: a value is taken as it is if the bound of its errors is at most this."""

LEAST = 1e-307
"""Absolute: errors this small are beyond what float64 resolves."""

BLOCK = 1 << 14
"""Points that are evaluated at once."""

MOST_POINTS = 4096
"""Points of one call that are done again in more digits; of further ones a warning says how many digits they have."""


class PrecisionWarning(RuntimeWarning):
    """A result has few correct digits, and the message says how many and which difference has taken them.

    Examples
    --------
    >>> import warnings
    >>> from gdlearn.symbolic import PrecisionWarning
    >>> warnings.simplefilter("error", PrecisionWarning)      # to have it raised
    """


class Values:
    """The outputs of a program, on floats or on arrays.

    Parameters
    ----------
    program : Program
    names : sequence of str
        What the outputs are called in a warning.
    """

    def __init__(self, program: Program, names: Sequence[str]) -> None:
        self.program = program
        self._names = names

    @cached_property
    def on_floats(self) -> BoundedProgram:
        arithmetic = Arithmetic(2.0**-53, 5e-324, _float_kernel, lambda condition, a, b: a if condition else b)
        return BoundedProgram(self.program, arithmetic)

    @cached_property
    def _on_arrays(self) -> BoundedProgram:
        return on_arrays(self.program)

    @cached_property
    def _precise(self) -> PreciseProgram:
        return PreciseProgram(self.program)

    def at(self, inputs: Sequence[Any], shape: tuple[int, ...], allowed: NDArray[np.bool_]) -> list[Array]:
        """The outputs of a shape, from inputs that broadcast to it; of points that are not allowed as they come."""
        results, errors = self._bounded(inputs, shape)
        with np.errstate(all="ignore"):
            sure = [error <= TRUSTED * np.abs(result) + LEAST for result, error in zip(results, errors, strict=True)]
        doubtful = [allowed & ~(known & np.isfinite(result)) for result, known in zip(results, sure, strict=True)]
        again = np.argwhere(np.logical_or.reduce(doubtful))
        if not len(again):
            return results
        results = [np.array(result) for result in results]
        columns = [np.broadcast_to(x, shape) for x in inputs]
        self._refine(results, doubtful, columns, again[:MOST_POINTS])
        if len(again) > MOST_POINTS:
            self._leave(results, doubtful, columns, again[MOST_POINTS:], errors)
        return results

    def _bounded(self, inputs: Sequence[Any], shape: tuple[int, ...]) -> tuple[list[Array], list[Array]]:
        """The outputs and their errors, of a shape; of many points some at a time, which stay in the cache."""
        if math.prod(shape) > BLOCK:
            columns = [np.broadcast_to(x, shape).ravel() for x in inputs]
            blocks = [slice(first, first + BLOCK) for first in range(0, math.prod(shape), BLOCK)]
            done = [self._bounded([x[b] for x in columns], (min(BLOCK, math.prod(shape) - b.start),)) for b in blocks]
            values, errors = (
                [np.concatenate(parts).reshape(shape) for parts in zip(*halves, strict=True)]
                for halves in zip(*done, strict=True)
            )
            return values, errors
        with np.errstate(all="ignore"):
            held = self._on_arrays.run([np.asarray(x, dtype=np.float64) for x in inputs])
        values, errors = ([np.broadcast_to(half[place], shape) for place in self.program.outputs] for half in held)
        return values, errors

    def _refine(self, results: list[Array], doubtful: list[Any], columns: list[Array], places: Any) -> None:
        worst = (0.0, 0, [0.0])
        for place in map(tuple, places):
            point = [float(column[place]) for column in columns]
            for i, (value, error) in enumerate(self._precise.at(point)):
                if not doubtful[i][place]:
                    continue
                results[i][place] = math.nan if math.isnan(error) else value
                if error > worst[0]:
                    worst = error, i, point
        if worst[0] > 10.0 * TRUSTED:
            self._warn(*worst)

    def _leave(
        self, results: list[Array], doubtful: list[Any], columns: list[Array], places: Any, errors: list[Array]
    ) -> None:
        """Warn of points that are too many to be done again; those of which nothing is known become NaN."""
        worst = (0.0, 0, [0.0])
        for i, result in enumerate(results):
            left = np.zeros(result.shape, dtype=np.bool_)
            left[tuple(places.T)] = True
            left &= doubtful[i]
            result[left & ~np.isfinite(errors[i])] = np.nan
            with np.errstate(all="ignore"):
                relative = np.where(left & np.isfinite(result), errors[i] / np.abs(result), 0.0)
            place = np.unravel_index(int(np.argmax(relative)), relative.shape)
            if relative[place] > worst[0]:
                worst = float(relative[place]), i, [float(column[place]) for column in columns]
        if worst[0] > 10.0 * TRUSTED:
            self._warn(*worst)

    def _warn(self, error: float, output: int, point: list[float]) -> None:
        digits = max(0, math.floor(-math.log10(error))) if error < 1 else 0
        names = [str(symbol.name) for symbol in self.program.variables]
        has = f"has {'about ' + str(digits) if digits else 'no'} correct digit{'' if digits == 1 else 's'}"
        warn_where_called(
            f"{self._names[output]} {has} at {at(names, point)}: {self._cancelling(output, point)}.", PrecisionWarning
        )

    def _cancelling(self, output: int, point: list[float]) -> str:
        """The innermost part of an output that has few digits at a point while its own parts have them."""
        with np.errstate(all="ignore"):
            values, errors = self._on_arrays.run([np.float64(x) for x in point])
        first = len(self.program.variables)

        def is_lost(place: int) -> bool:
            return not errors[place] <= TRUSTED * abs(values[place]) + LEAST

        place = self.program.outputs[output]
        while inner := [p for p in self.program.steps[place - first][2] if is_lost(p)]:
            place = inner[0]
        expression = self.program.steps[place - first][0]
        return f"{'the terms of ' if expression.is_Add else ''}{text(expression)} " + (
            "cancel each other" if expression.is_Add else "depends on digits that float64 does not hold"
        )


def on_arrays(program: Program) -> BoundedProgram:
    """A program with bounds of its errors, on arrays."""
    return BoundedProgram(program, Arithmetic(2.0**-53, 5e-324, lambda e: kernel_of(e)[0], np.where))


def _float_kernel(expression: Any) -> Callable[..., float]:
    on_arrays = kernel_of(expression)[0]
    return lambda *operands: float(on_arrays(*operands))


CLEAR = 1e-5
"""Sides of a condition that differ by more than this, and by a thousand times their errors, are told apart at once."""


def one_pass(values: Values, relations: Sequence[str]) -> Callable[[Array], tuple[float, Array] | None]:
    """A function of points that gives the first output and those after it, of shape (d,); None where there is doubt.

    Parameters
    ----------
    values : Values
        Its outputs are a value, its d partial derivatives, and the left and right sides of conditions.
    relations : sequence of str
        Those of the conditions.
    """
    program = values.program
    run, n = values.on_floats.run, 1 + len(program.variables)
    results = program.outputs[:n]
    sides = list(zip(program.outputs[n::2], relations, program.outputs[n + 1 :: 2], strict=True))

    def at_point(theta: Array) -> tuple[float, Array] | None:
        point = theta.tolist()
        try:
            held, errors = run(point)
        except ArithmeticError:
            return None
        for left, relation, right in sides:
            gap = held[left] - held[right]
            if relation == "power":  # of a positive base alone
                gap = held[left]
            elif relation in ("<", "<="):
                gap = -gap
            elif relation == "!=":
                gap = abs(gap)
            if not gap > CLEAR + 1e3 * (errors[left] + errors[right]):
                return None
        found = [held[place] for place in results]
        if not math.isfinite(sum(found) + sum(point)):
            return None
        for place, value in zip(results, found, strict=True):
            if not errors[place] <= TRUSTED * abs(value) + LEAST:
                return None
        return found[0], np.array(found[1:])

    return at_point
