"""Rows and their second moments in fixed point of 512 bits: no line of gdlearn.

All that least squares and its descents ask of the rows is in the second moments S of z = (1, x, y), weighted and
divided by the total weight. In 512 bits they lose nothing that float64 data hold: a column is measured in units of a
power of two above its largest entry, so even an offset of 1e15 or sizes from 1e-300 to 1e300 leave more than 300 bits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
"""Of floats, or of Python integers (dtype object): fixed-point numbers in units of 2**-BITS."""

BITS = 512
ONE = 1 << BITS
EPS = 2.0**-52
NOTHING = 2.0**-250
"""The square of a relative distance that only an exact dependency has."""


def fixed(values: Any, exponent: Any = 0) -> Array:
    """Floats, divided by 2**exponent, in fixed point."""
    values, exponent = np.broadcast_arrays(np.asarray(values, dtype=float), exponent)
    mantissa, power = np.frexp(values)
    whole, shift = np.ldexp(mantissa, 53).astype(np.int64).ravel(), (power - 53 - exponent + BITS).ravel()
    numbers = [shifted(int(m), int(s)) for m, s in zip(whole, shift, strict=True)]
    return from_numbers(numbers).reshape(values.shape)


def from_numbers(numbers: Sequence[int]) -> Array:
    array = np.empty(len(numbers), dtype=object)
    array[:] = numbers
    return array


def shifted(number: int, places: int) -> int:
    """number · 2**places."""
    return number << places if places >= 0 else number >> -places


def identity(n: int) -> Array:
    return np.eye(n, dtype=int).astype(object) * ONE


def product(a: Array, b: Array) -> Array:
    """The matrix product of fixed-point numbers."""
    result: Array = (a @ b) >> BITS
    return result


def root(number: int) -> float:
    """The square root of a fixed-point number; of what rounding has made negative, 0."""
    return math.sqrt(max(number, 0) / ONE)


def exponents(values: Array) -> Array:
    """For each column the least e with |value| < 2**e; 0 for a column of zeros."""
    largest = np.abs(values).max(axis=0, initial=0.0)
    return np.where(largest > 0, np.frexp(largest)[1], 0).astype(int)


@dataclass(frozen=True, eq=False)
class Sums:
    """The second moments of (1, x, y), and the extremes of x, in units of 2**exponent."""

    S: Array
    low: Array
    high: Array
    x_exponent: Array
    y_exponent: Array

    @property
    def d(self) -> int:
        return len(self.x_exponent)

    @cached_property
    def size(self) -> Array:
        """The root mean square of 1, x and y."""
        return np.array([root(v) for v in self.S.diagonal()])

    def theta(self, coef: Any, intercept: Any) -> Array:
        """A model in original units as fixed-point numbers of shape (1 + d, t)."""
        coef = np.atleast_2d(np.asarray(coef, dtype=float)).T
        intercept = np.broadcast_to(np.asarray(intercept, dtype=float), coef.shape[1:])
        return np.vstack([fixed(intercept, self.y_exponent), fixed(coef, self.y_exponent - self.x_exponent[:, None])])

    def rms(self, theta: Array) -> Array:
        """The root mean square over the rows of the values of linear models (1 + d, t)."""
        features = self.S[: 1 + self.d, : 1 + self.d]
        return np.array([root(int(column @ product(features, column)) >> BITS) for column in theta.T])

    def losses(self, theta: Array) -> Array:
        """J of each target's model, in fixed point."""
        values = []
        for k, column in enumerate(theta.T):
            joint = np.zeros(len(self.S), dtype=object)
            joint[: 1 + self.d], joint[1 + self.d + k] = -column, ONE
            values.append(int(joint @ product(self.S, joint)) >> BITS)
        return from_numbers(values)

    def storing(self, theta: Array) -> Array:
        """What a rounding of every coefficient may do to the fitted values."""
        # Below 2**-1022 a float64 has fewer digits.
        scale = self.y_exponent - np.concatenate([[0], self.x_exponent])[:, None]
        least = np.ldexp(1.0, np.clip(-1022 - scale, -1070, 1000))
        size = np.maximum(np.abs(theta / ONE).astype(float), least)
        return np.asarray(EPS * (self.size[: 1 + self.d] @ size))


class Rows:
    """Rows z = (1, x, y) of shape (n, 1 + d + t) and their weights, in fixed point."""

    def __init__(self, X: Any, y: Any, weight: Any = None) -> None:
        X, y = np.asarray(X, dtype=float), np.asarray(y, dtype=float)
        weight = np.ones(len(X)) if weight is None else np.asarray(weight, dtype=float)
        used = weight > 0
        X, y, weight = X[used], y[used].reshape(used.sum(), -1), weight[used]
        self.x_exponent, self.y_exponent = exponents(X), exponents(y)
        self.weight = fixed(weight, exponents(weight[:, None])[0])
        ones = np.full((len(X), 1), ONE, dtype=object)
        self.Z = np.hstack([ones, fixed(X, self.x_exponent), fixed(y, self.y_exponent)])

    @cached_property
    def sums(self) -> Sums:
        d = len(self.x_exponent)
        S = (((self.Z.T * self.weight) >> BITS) @ self.Z) // self.weight.sum()
        x = self.Z[:, 1 : 1 + d]
        return Sums(S, x.min(axis=0), x.max(axis=0), self.x_exponent, self.y_exponent)

    def moved(self, random: np.random.Generator, by_column: bool) -> Rows:
        """Every datum and weight changed by ±ε; exact dependencies between columns of x stay."""
        d = len(self.x_exponent)
        tableau, held = swept(self.sums, fit_intercept=True, least=NOTHING)
        signs = random.choice([-1, 1], (1 if by_column else len(self.Z), self.Z.shape[1])).astype(object)
        signs[:, 0] = 0
        other = Rows.__new__(Rows)
        other.x_exponent, other.y_exponent = self.x_exponent, self.y_exponent
        other.Z = nudged(self.Z, signs)
        other.weight = self.weight if by_column else nudged(self.weight, signs[:, -1] * signs[:, -2])
        rest = [j for j in range(1, 1 + d) if j not in held]
        if rest:
            combination = tableau[np.ix_(held, rest)]
            signs = random.choice([-1, 1], combination.shape).astype(object)
            other.Z[:, rest] = product(other.Z[:, held], nudged(combination, signs))
        return other


def nudged(numbers: Array, signs: Array) -> Array:
    result: Array = numbers + ((numbers * signs) >> 52)
    return result


def integer_sums(Z: Array, grid: Array, groups: Sequence[tuple[float, Array]]) -> Sums:
    """From rows of integers z = (1, x, y), one target, column j in units of 2**-grid[j]; exact for any number of rows.

    `groups` are pairs of a weight and the numbers of the rows that have it.
    """
    largest = np.abs(Z).max(axis=0)
    bits = np.array([int(v).bit_length() for v in largest])
    total, S = 0, np.zeros((Z.shape[1], Z.shape[1]), dtype=object)
    for weight, rows in groups:
        part, w = Z[rows], int(fixed(weight))
        S += (part.T @ part).astype(object) * w
        total += w * len(part)
    S = np.array(
        [
            [shifted(int(v), -int(bits[i] + bits[j])) for j, v in enumerate(row)]
            for i, row in enumerate((S << BITS) // total)
        ],
        dtype=object,
    )
    S[:, 0] <<= bits[0]
    S[0, :] <<= bits[0]
    low, high = (
        [shifted(int(v), BITS - int(b)) for v, b in zip(extreme[1:-1], bits[1:-1], strict=True)]
        for extreme in (Z.min(axis=0), Z.max(axis=0))
    )
    exponent = bits - grid
    return Sums(S, from_numbers(low), from_numbers(high), exponent[1:-1], exponent[-1:])


def swept(sums: Sums, fit_intercept: bool, least: float) -> tuple[Array, list[int]]:
    """Gauss-Jordan on S, symmetrically, the column first of which the largest part is new; until all are below `least`.

    What is new of x_j = Σ_k b_k x_k + new is compared, squared, with what rounding every entry of these columns by one
    part moves it: rms x_j + Σ_k |b_k| rms x_k.

    Returns
    -------
    tableau : of the swept columns −G⁻¹; beside it their coefficients for every other column, y too; there what is left.
    held : the columns that were swept, 0 for the intercept.
    """
    A, size = sums.S.copy(), sums.size
    rest, held = [j for j in range(1, 1 + sums.d) if size[j]], []
    if fit_intercept:
        sweep(A, 0)
        held = [0]

    def new(j: int) -> float:
        moved = size[j] + sum(abs(A[k, j] / ONE) * size[k] for k in held if k > 0)
        return float(A[j, j] / ONE) / float(moved) ** 2

    while rest:
        parts = [new(j) for j in rest]
        if max(parts) <= least:
            break
        held.append(rest.pop(int(np.argmax(parts))))
        sweep(A, held[-1])
    return A, held


def sweep(A: Array, j: int) -> None:
    pivot, column = A[j, j], A[:, j].copy()
    row = (column << BITS) // pivot
    active = np.flatnonzero(column != 0)
    A[np.ix_(active, active)] -= np.multiply.outer(column[active], row[active]) >> BITS
    A[j, :] = A[:, j] = row
    A[j, j] = -(ONE * ONE) // pivot
