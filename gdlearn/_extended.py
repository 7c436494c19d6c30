r"""Residual and gradient in about twice the working precision, at the speed of ordinary products.

Each factor is cut into slices of so few bits that a product of two slices sums without any rounding in float64
(Ozaki et al. 2012). The exact partial results are then added as unevaluated pairs (Knuth's two-sum). No long double is
needed, so the digits are the same on every platform.

References
----------
Ozaki, Ogita, Oishi, Rump (2012), *Error-free transformations of matrix multiplication by using fast routines of matrix
multiplication*, Numerical Algorithms 59. https://doi.org/10.1007/s11075-011-9478-1
Ogita, Rump, Oishi (2005), *Accurate sum and dot product*, SIAM J. Sci. Comput. 26. https://doi.org/10.1137/030601818
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ._arrays import Array, Exponents
from ._rows import Block, Rows

N_SLICES = 3
"""Three slices of 19 to 26 bits hold a float64 that is not far smaller than the largest."""

Pair = tuple[Array, Array]
"""An unevaluated sum high + low."""


def two_sum(a: Array, b: Array) -> Pair:
    """The rounded sum and its rounding error, exactly."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def two_product(a: Array, b: Array) -> Pair:
    """The rounded product and its rounding error, exactly (Dekker's splitting)."""
    product = a * b
    a_high, b_high = _top_half(a), _top_half(b)
    a_low, b_low = a - a_high, b - b_high
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


def _top_half(a: Array) -> Array:
    c = 134217729.0 * a
    return c - (c - a)


def add(pair: Pair, term: Array) -> Pair:
    """Add a float64 array to a pair."""
    high, error = two_sum(pair[0], term)
    return high, pair[1] + error


def _slices(A: Array, bits: int) -> list[Array]:
    """Cut A into `N_SLICES` summands of at most `bits` bits each below the largest magnitude of each column."""
    e = np.frexp(np.abs(A).max(axis=0))[1]
    out = []
    for k in range(N_SLICES):
        sigma = np.ldexp(1.5, e + 53 - bits * (k + 1))
        top = (A + sigma) - sigma
        A = A - top
        out.append(top)
    return out


def _bits(length: int) -> int:
    """The number of bits for which a sum of `length` products of two slices stays below 2**53."""
    return (55 - max(length - 1, 1).bit_length()) // 2


def _accumulate(pair: Pair, left: list[Array], right: list[Array]) -> Pair:
    for a in left:
        for b in right:
            pair = add(pair, a @ b)
    return pair


def residual_and_gradient(rows: Rows, exponent: Exponents, coef: Array, intercept: Array) -> tuple[Pair, Pair, Array]:
    r"""Sums over the rows of :math:`w r`, :math:`w r x` and :math:`w r^2`, with r = y − intercept − x·coef.

    Parameters
    ----------
    rows : Rows
    exponent : ndarray of shape (d + t,)
        x and y are taken in units of 2**exponent.
    coef : ndarray of shape (d, t), in those units
    intercept : ndarray of shape (t,), in those units

    Returns
    -------
    sum_r : pair of ndarrays of shape (t,)
    sum_rx : pair of ndarrays of shape (d, t)
    sum_rr : ndarray of shape (t,)
    """
    d, t = coef.shape

    def work(blocks: Iterator[Block]) -> tuple[Pair, Pair, Array]:
        sum_r: Pair = (np.zeros(t), np.zeros(t))
        sum_rx: Pair = (np.zeros((d, t)), np.zeros((d, t)))
        sum_rr = np.zeros(t)
        for X, y, weight, _ in blocks:
            bits = _bits(max(len(X), d))
            unit = np.frexp(np.abs(X).max(axis=0))[1]
            X_slices = _slices(X * np.ldexp(1.0, -unit) if (np.abs(unit) < 1000).all() else np.ldexp(X, -unit), bits)
            r = _accumulate(
                two_sum(y, np.broadcast_to(-intercept, y.shape)),
                X_slices,
                _slices(-np.ldexp(coef, unit[:, None]), bits),
            )
            r = two_sum(*r)
            wr: Pair = r
            if weight is not None:
                product, error = two_product(np.broadcast_to(weight[:, None], y.shape), r[0])
                wr = product, error + weight[:, None] * r[1]
            pieces = _slices(wr[0], bits)
            partial = _accumulate((np.zeros((d, t)), X_slices[0].T @ wr[1]), [A.T for A in X_slices], pieces)
            sum_rx = _merge(sum_rx, (np.ldexp(partial[0], unit[:, None]), np.ldexp(partial[1], unit[:, None])))
            total = _accumulate((np.zeros(t), wr[1].sum(axis=0)), [np.ones(len(X))], pieces)
            sum_r = _merge(sum_r, total)
            sum_rr += np.sum(wr[0] * r[0], axis=0)
        return sum_r, sum_rx, sum_rr

    def merge(a: tuple[Pair, Pair, Array], b: tuple[Pair, Pair, Array]) -> tuple[Pair, Pair, Array]:
        return _merge(a[0], b[0]), _merge(a[1], b[1]), a[2] + b[2]

    return rows.fold(work, merge, np.zeros(d + t), exponent)


def _merge(a: Pair, b: Pair) -> Pair:
    return add((a[0], a[1] + b[1]), b[0])


def about_shift(sum_r: Pair, sum_rx: Pair, shift: Array) -> Array:
    """Σ w r (x − s), of shape (d, t), from Σ w r and Σ w r x as `residual_and_gradient` has them; s of shape (d,).

    It is taken in pairs: of a feature far from zero the two agree to most digits.
    """
    s = np.broadcast_to(shift[:, None], sum_rx[0].shape)
    product, error = two_product(s, np.broadcast_to(sum_r[0], s.shape))
    centred: Array = (sum_rx[0] - product) + (sum_rx[1] - error - s * sum_r[1])
    return centred
