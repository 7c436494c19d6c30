r"""Curvature: the largest eigenvalue L of a Hessian H from products with it alone, and never too small.

With k steps of Lanczos from a vector q come Ritz values :math:`\vartheta_j \le L` and lengths :math:`\beta_j` such that
:math:`P(H)q` has norm 1 for the polynomial :math:`P(x) = \prod_j (x - \vartheta_j)/\beta_j`. Its part along the
eigenvector of L is P(L) times the part c that q has there; so :math:`P(L) \le 1/|c|`, and since P grows beyond the
largest Ritz value,

.. math::  L \le U \quad\text{with}\quad P(U) = 1/|c|.

q is normal noise, whatever H is: then |c| is below :math:`10^{-6}/\sqrt p` once in a million times.

References
----------
Kuczyński, Woźniakowski (1992), *Estimating the largest eigenvalue by the power and Lanczos algorithms with a random
start*, SIAM J. Matrix Anal. Appl. 13. https://doi.org/10.1137/0613066
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.linalg import eigvalsh_tridiagonal
from scipy.optimize import brentq

from ._arrays import EPS, Array, beyond_float64

CHANCE = 1e-6
"""That the bound fails."""


def largest_eigenvalue(
    product: Callable[[Array], Array], size: int, trace: float, tolerance: float, most: int
) -> float:
    """The bound U on L, as soon as it is within `tolerance` of the largest Ritz value, relatively.

    Parameters
    ----------
    product : callable
        H times a vector of shape (size,); H is positive semidefinite.
    size : int
    trace : float
        Of H, or a number above it.
    tolerance : float
    most : int
        Products after which the bound is taken as it is.
    """
    if trace == 0.0:
        return 0.0
    q = np.random.default_rng(0).standard_normal(size)
    q /= np.linalg.norm(q)
    before, beta = np.zeros(size), 0.0
    diagonal: list[float] = []
    lengths: list[float] = []
    asked = math.log(math.sqrt(size) / CHANCE)
    for k in range(1, most + 1):
        r = product(q) / trace - beta * before  # eigenvalues of at most 1, whose squares float64 holds
        diagonal.append(float(q @ r))
        r -= diagonal[-1] * q
        beta = float(np.linalg.norm(r))
        if beta == 0.0:
            return trace * float(eigvalsh_tridiagonal(diagonal, lengths)[-1])
        lengths.append(beta)
        if k % (1 + k // 20) == 0 or k == most:  # the more steps, the less one more of them changes
            ritz = eigvalsh_tridiagonal(diagonal, lengths[:-1])
            if _log_of_polynomial(ritz, lengths, tolerance * ritz[-1]) >= asked:
                break
        before, q = q, r / beta
    if _log_of_polynomial(ritz, lengths, EPS * ritz[-1]) >= asked:
        return trace * float(ritz[-1])

    def missing(log_gap: float) -> float:
        return _log_of_polynomial(ritz, lengths, math.exp(log_gap) * ritz[-1]) - asked

    gap = math.exp(brentq(missing, math.log(EPS), 2.0 * asked, rtol=1e-6))
    return trace * min(float(ritz[-1]) * (1.0 + gap), 1.0)


def _log_of_polynomial(ritz: Array, lengths: list[float], gap: float) -> float:
    """The logarithm of P as far as `gap` beyond the largest Ritz value."""
    with beyond_float64():
        return float(np.sum(np.log((ritz[-1] - ritz) + gap) - np.log(lengths)))
