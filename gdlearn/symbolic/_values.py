"""Outputs of a program to nearly all digits of float64: points where it has lost them are done again in more digits."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._arrays import Array
from .._points import at
from .._warnings import warn_where_called
from ._compiled import Recorder, compiled
from ._functions import Choice, largest, smallest
from ._numbers import Program, cube, fourth_power, kernel_of, reciprocal
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


CLEAR = 1e-5
"""Sides of a condition that differ by more than this, and by a thousand times their errors, are told apart at once."""


Run = Callable[..., tuple[Any, ...] | None]
"""A function of one number for each variable, or of arrays, that gives results; None where there is doubt."""


def one_pass(values: Values, relations: Sequence[str], on_arrays: bool = False) -> Run:
    """The outputs of a program in straight-line code; None where they lose digits, or next to the edge of a condition.

    Parameters
    ----------
    values : Values
        Its outputs are what is wanted, and the left and right sides of conditions.
    relations : sequence of str
        Those of the conditions.
    on_arrays : bool, default=False
        Whether inputs may be arrays, and results are.
    """
    program = values.program
    n = len(program.outputs) - 2 * len(relations)
    sides = list(zip(program.outputs[n::2], relations, program.outputs[n + 1 :: 2], strict=True))

    def computation(inputs: Sequence[Any], recorder: Recorder) -> list[Any]:
        arithmetic = Arithmetic(2.0**-53, 5e-324, partial(_recorded, recorder), recorder.pick)
        held, errors = BoundedProgram(program, arithmetic).run(list(inputs))
        for left, relation, right in sides:
            gap = held[left] - held[right]
            if relation == "power":  # of a positive base alone
                gap = held[left]
            elif relation in ("<", "<="):
                gap = -gap
            elif relation == "!=":
                gap = abs(gap)
            recorder.demand((gap > CLEAR + 1e3 * (errors[left] + errors[right])) & (relation != "="))
        for place in program.outputs[:n]:
            recorder.demand(abs(held[place]) < math.inf)
            recorder.demand(errors[place] <= TRUSTED * abs(held[place]) + LEAST)
        return [held[place] for place in program.outputs[:n]]

    run = compiled(computation, len(program.variables), on_arrays)

    def guarded(*inputs: Any) -> tuple[Any, ...] | None:
        try:
            return run(*inputs)
        except (ArithmeticError, ValueError):
            return None

    return guarded


def _recorded(recorder: Recorder, expression: Any) -> Callable[..., Any]:
    """The kernel of a SymPy node, recorded as operators, or as a call."""
    kernel = kernel_of(expression)[0]
    if expression.func is Choice:
        return lambda u, v, a, b: recorder.pick(u > v, a, b)
    if kernel in (reciprocal, cube, fourth_power):
        return kernel
    if not recorder.on_arrays:
        kernel = ON_FLOATS.get(kernel) or partial(_on_floats, kernel)
    return lambda *operands: recorder.call(kernel, operands)


ON_FLOATS: dict[Any, Callable[..., float]] = {np.sqrt: math.sqrt, np.abs: abs, largest: max, smallest: min}
"""Kernels on arrays → the same on floats, to the last digit."""


def _on_floats(kernel: Callable[..., Any], *operands: float) -> float:
    return float(kernel(*operands))
