"""Gradient descent as the textbook has it, in ten lines of NumPy and in fifty digits of mpmath: the references."""

import numpy as np
import pytest


def numpy_loop(
    X,
    y,
    learning_rate,
    n_steps,
    *,
    weights=None,
    momentum=0.0,
    nesterov=False,
    fit_intercept=True,
    start=0.0,
    alpha=0.0,
    l1_ratio=0.0,
):
    """theta of shape (p, t) after `n_steps`, and J at every step; a callable is the learning rate of each step."""
    X, y = np.asarray(X, float), np.asarray(y, float).reshape(len(y), -1)
    Z = np.column_stack([np.ones(len(X)), X]) if fit_intercept else X
    w = (np.ones(len(y)) if weights is None else np.asarray(weights, float))[:, None]
    charged = np.ones((Z.shape[1], 1))
    charged[0] = not fit_intercept
    ridge, lasso = alpha * (1 - l1_ratio) * charged, alpha * l1_ratio * charged
    theta, velocity, losses = np.zeros((Z.shape[1], y.shape[1])) + start, 0.0, []
    for k in range(n_steps + 1):
        error = float((w * (y - Z @ theta) ** 2).sum() / w.sum())
        losses.append(error + float((ridge * theta**2 + 2 * lasso * abs(theta)).sum()))
        if k < n_steps:
            eta = learning_rate(k) if callable(learning_rate) else learning_rate
            at = theta + momentum * velocity if nesterov else theta
            downhill = 2 / w.sum() * Z.T @ (w * (y - Z @ at)) - 2 * ridge * at
            after = theta + momentum * velocity + eta * downhill
            after = np.sign(after) * np.maximum(abs(after) - 2 * eta * lasso, 0)
            velocity, theta = after - theta, after
    return theta, losses


def scaled(X, scaling, weights=None, shift=True):
    """X̃, shift and scale as scikit-learn's scalers define them, weighted."""
    X = np.asarray(X, float)
    w = np.ones(len(X)) if weights is None else np.asarray(weights, float)
    used = X[w > 0]
    mean = np.average(X, axis=0, weights=w)
    if scaling is None:
        s, c = np.zeros(X.shape[1]), np.ones(X.shape[1])
    elif scaling == "standard":
        s, c = mean, np.sqrt(np.average((X - mean) ** 2, axis=0, weights=w))
    elif scaling == "minmax":
        s, c = used.min(axis=0), np.ptp(used, axis=0)
    else:
        s, c = np.zeros(X.shape[1]), np.abs(used).max(axis=0)
    s, c = s if shift else 0 * s, np.where(c > 0, c, 1.0)
    return (X - s) / c, s, c


def original_units(theta, shift, scale, fit_intercept=True):
    """Coefficients (d, t) and intercepts (t,) from theta in scaled coordinates."""
    slopes = (theta[1:] if fit_intercept else theta) / scale[:, None]
    return slopes, theta[0] - shift @ slopes if fit_intercept else np.zeros(theta.shape[1])


def mpmath_loop(X, y, learning_rate, n_steps, *, weights=None, momentum=0.0, nesterov=False, digits=50):
    """theta (intercept first) after `n_steps` in exact-enough arithmetic, rounded to float64 at the end only."""
    mpmath = pytest.importorskip("mpmath")
    mpf = mpmath.mpf
    with mpmath.workdps(digits):
        Z = [[mpf(1), *(mpf(float(v)) for v in row)] for row in X]
        target = [mpf(float(v)) for v in y]
        w = [mpf(1 if weights is None else float(weights[n])) for n in range(len(Z))]
        eta, beta, total = mpf(learning_rate), mpf(momentum), sum(w)
        theta, velocity = [mpf(0)] * len(Z[0]), [mpf(0)] * len(Z[0])
        for _ in range(n_steps):
            at = [t + beta * v if nesterov else t for t, v in zip(theta, velocity, strict=True)]
            r = [target[n] - sum(z * a for z, a in zip(Z[n], at, strict=True)) for n in range(len(Z))]
            partials = [-2 / total * sum(w[n] * r[n] * Z[n][j] for n in range(len(Z))) for j in range(len(theta))]
            velocity = [beta * v - eta * p for v, p in zip(velocity, partials, strict=True)]
            theta = [t + v for t, v in zip(theta, velocity, strict=True)]
        return np.array([float(t) for t in theta])


def edges(beta, nesterov):
    """The h with double roots, and the largest stable one."""
    if nesterov:
        return ((1 - beta) / (1 + beta)) ** 2, 1.0, 2 * (1 + beta) / (1 + 2 * beta)
    return (1 - beta**0.5) ** 2, (1 + beta**0.5) ** 2, 2 * (1 + beta)


def around(edge):
    return [edge * (1 + part) for part in (0.0, 1e-14, -1e-14, 1e-9, -1e-9, 1e-3, -1e-3)]
