"""The definition of a partial derivative in numbers: difference quotients as the step shrinks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._arrays import Array
from .._points import Function


class DifferenceQuotients(NamedTuple):
    """The definition of a partial derivative at work: (f(θ + h·eᵢ) − f(θ))/h as h shrinks.

    Attributes
    ----------
    h : ndarray
        The steps, 1 to 1e-15.
    quotient : ndarray
        NaN where θ + h·eᵢ is outside the domain.
    error : ndarray
        The distance from the partial derivative. It falls with h, as the derivative's definition says, until the
        rounding of f, divided by h, takes over.
    partial : float
        The partial derivative itself.
    best : int
        The row of the smallest error, the first if there are several: where all later ones are larger, rounding rules.
    """

    h: Array
    quotient: Array
    error: Array
    partial: float
    best: int

    def __str__(self) -> str:
        lines = [f"{'h':>8}  {'quotient':>22}  {'error':>9}"]
        for i, (h, quotient, error) in enumerate(zip(self.h, self.quotient, self.error, strict=True)):
            mark = f"  {self._mark()}" if i == self.best else ""
            lines.append(f"{h:8.0e}  {quotient:22.15g}  {error:9.1e}{mark}")
        return "\n".join([*lines, f"{'partial':>8}  {self.partial:22.15g}"])

    def _mark(self) -> str:
        """What the row of the smallest error shows."""
        later = self.error[self.best + 1 :]
        grows = len(later) > 0 and bool((later > self.error[self.best]).all())
        return "smallest: from here on rounding takes over" if grows else "smallest"


def difference_quotients(function: Function, point: Array, i: int) -> DifferenceQuotients:
    """Those of the partial derivative by variable i at one point."""
    partial = float(function.gradient_at(point)[i])
    h = np.array([float(f"1e-{k}") for k in range(16)])
    moved = np.repeat(point[np.newaxis], len(h), axis=0)
    moved[:, i] += h
    quotient = (function(moved, outside="nan") - function(point)) / h
    error = np.abs(quotient - partial)
    best = int(np.argmin(np.where(np.isfinite(error), error, np.inf)))
    return DifferenceQuotients(h, quotient, error, partial, best)
