"""Least squares in rational arithmetic, without a line of gdlearn: the reference for where descent converges to."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import sqrt

import numpy as np

EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class ExactFit:
    """The least-squares fit in rational numbers, as object arrays of Fractions."""

    coef: np.ndarray  # (d, t)
    intercept: np.ndarray  # (t,)
    fitted: np.ndarray  # (n, t), over the rows that have a weight
    X: np.ndarray  # the rows that have a weight
    used: np.ndarray
    variance: np.ndarray  # (t,), of y: centred with an intercept, else around zero
    feature_variance: np.ndarray  # (d,), likewise
    rank: int

    def error(self, prediction):
        """Largest |prediction − fitted| in units of σ_y; where y does not vary, in units of its size."""
        prediction = np.asarray(prediction).reshape(len(prediction), -1)
        if not np.isfinite(prediction[self.used].astype(np.float64)).all():
            return np.inf
        gap = _rational(prediction[self.used]) - self.fitted
        return max(_ratio(gap[:, k], self.variance[k]) for k in range(gap.shape[1]))

    def slope_error(self, coef):
        """Largest |coef − exact| in units of σ_y/σ_x."""
        gap = _rational(np.atleast_2d(coef).T) - self.coef
        return max(
            _ratio([g * g * v], self.variance[k], squared=True)
            for k in range(gap.shape[1])
            for g, v in zip(gap[:, k], self.feature_variance, strict=True)
        )

    def rounding(self):
        """What storing the coefficients as float64 and adding up a prediction must cost, in units of σ_y."""
        size = abs(self.X) @ abs(self.coef) + abs(self.intercept)
        return EPS * len(self.coef) * max(_ratio(size[:, k], self.variance[k]) for k in range(size.shape[1]))


def _ratio(gap, variance, squared=False):
    worst = max(abs(g) for g in gap)
    return sqrt(float(min((worst if squared else worst**2) / variance, Fraction(10**300))))


def _rational(A):
    A = np.asarray(A)
    kind = int if A.dtype.kind in "iub" else float
    flat = np.array([Fraction(kind(value)) for value in A.ravel()] + [None], dtype=object)[:-1]
    return flat.reshape(A.shape)


def exact_least_squares(X, y, weights=None, fit_intercept=True):
    """Least squares of the numbers as they are in memory, in rational arithmetic.

    Of several solutions the one of minimum norm in coordinates of unit variance, sum of (σ_j coef_j)².
    """
    X, y = np.asarray(X), np.asarray(y)
    n, d = X.shape
    weights = np.ones(n) if weights is None else np.asarray(weights)
    used = np.flatnonzero(weights)
    X, Y, w = _rational(X[used]), _rational(y[used].reshape(len(used), -1)), _rational(weights[used])
    W, wX, wY = w.sum(), (X.T * w).T, (Y.T * w).T
    x_mean, y_mean = wX.sum(axis=0) / W, wY.sum(axis=0) / W
    gram, cross = wX.T @ X / W, wX.T @ Y / W
    spread = np.array([gram[j, j] - x_mean[j] ** 2 for j in range(d)] + [None], dtype=object)[:-1]
    metric = [v if v > 0 else Fraction(1) for v in spread]
    square = (wY * Y).sum(axis=0) / W
    if fit_intercept:
        gram, cross = gram - np.multiply.outer(x_mean, x_mean), cross - np.multiply.outer(x_mean, y_mean)
        varies = square - y_mean**2
    else:
        spread, varies = gram.diagonal(), square
    varies = [v or s or Fraction(1) for v, s in zip(varies, square, strict=True)]
    coef, rank = _solve(gram, cross)
    if rank < d:
        inverse = np.array([1 / m for m in metric] + [None], dtype=object)[:-1]
        weighted = (gram * inverse) @ gram
        coef = (gram @ _solve(weighted, cross)[0]).T * inverse
        coef = coef.T
    intercept = y_mean - x_mean @ coef if fit_intercept else y_mean * 0
    return ExactFit(coef, intercept, X @ coef + intercept, X, used, np.array(varies, dtype=object), spread, rank)


def _solve(A, B):
    """A solution of the consistent system AX = B, free variables zero, and the rank of A."""
    A, B = A.copy(), B.copy()
    pivots = []
    for column in range(A.shape[1]):
        row = len(pivots)
        nonzero = [i for i in range(row, len(A)) if A[i, column] != 0]
        if not nonzero:
            continue
        A[[row, nonzero[0]]], B[[row, nonzero[0]]] = A[[nonzero[0], row]], B[[nonzero[0], row]]
        B[row] = B[row] / A[row, column]
        A[row] = A[row] / A[row, column]
        for i in range(len(A)):
            if i != row and A[i, column] != 0:
                factor = A[i, column]
                A[i], B[i] = A[i] - factor * A[row], B[i] - factor * B[row]
        pivots.append(column)
    solution = np.full((A.shape[1], B.shape[1]), Fraction(0), dtype=object)
    solution[pivots] = B[: len(pivots)]
    return solution, len(pivots)
