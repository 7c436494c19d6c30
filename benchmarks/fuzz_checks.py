"""A model beside its reference: how far it is off, in units of what is allowed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from fixed_point import EPS, ONE, Array, Sums, root
from references import ALLOWED, LeastSquares, Reference, least_squares

Checks = Iterator[tuple[str, float]]
"""What was looked at, and by how many times what is allowed it is off."""


def ratio(error: Any, rounding: Any) -> float:
    """The largest of errors, in units of what is allowed."""
    error, rounding = np.atleast_1d(np.asarray(error, dtype=float)), np.asarray(rounding, dtype=float)
    if not np.isfinite(error).all():
        return np.inf
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return float(np.where(error > 0, error / (ALLOWED * rounding), 0.0).max(initial=0.0))


def theta_of(sums: Sums, model: Any) -> Array | None:
    """The model's coefficients, None where they are not finite."""
    if not (np.isfinite(model.coef_).all() and np.isfinite(model.intercept_).all()):
        return None
    return sums.theta(model.coef_, model.intercept_)


def loss_check(
    sums: Sums, theta: Array, loss: float, name: str = "loss_", square_rounding: Any = 0.0
) -> tuple[str, float]:
    """How far `loss` is from J of the model, by their roots."""
    unit = int(sums.y_exponent.max())
    scale = np.ldexp(1.0, np.maximum(sums.y_exponent - unit, -1000))
    exact = np.array([root(v) for v in sums.losses(theta)]) * scale
    rounding = (EPS * sums.size[1 + sums.d :] + sums.storing(theta)) * scale
    total = float(np.linalg.norm(exact))
    with np.errstate(over="ignore"):
        name = f"{name} {loss:.6g} for {np.ldexp(total**2, 2 * unit):.6g}"
    if loss == np.inf and total > 0 and np.log2(total) + unit > 511.9:
        return name, 0.0
    if not loss >= 0:
        return name, np.inf
    squares = float(np.sum(square_rounding * scale**2))
    # √a − √b = (a − b)/(√a + √b)
    of_squares = squares / max(total, np.sqrt(ALLOWED * squares)) if squares > 0 else 0.0
    allowed = (
        of_squares + float(np.linalg.norm(rounding)) + 4 * EPS * total + float(np.ldexp(1.0, min(-530 - unit, 1000)))
    )
    return name, ratio(abs(np.ldexp(np.sqrt(loss), -unit) - total), allowed)


def zero_columns(sums: Sums, theta: Array) -> tuple[str, float]:
    """No gradient moves the slope of a column of zeros."""
    slopes = theta[1:][sums.size[1 : 1 + sums.d] == 0]
    return "slope of a column of zeros", np.inf if slopes.any() else 0.0


def against_limit(
    sums: Sums, model: Any, scaling: Any, fit_intercept: bool, limit: LeastSquares | None = None
) -> Checks:
    """A model beside least squares."""
    limit = least_squares(sums, scaling, fit_intercept) if limit is None else limit
    theta = theta_of(sums, model)
    if theta is None:
        yield "coefficients are not finite", np.inf
        return
    gaps = [
        max(root(model - least) - root(held - least), 0.0)
        for model, held, least in zip(sums.losses(theta), limit.losses, limit.least_losses, strict=True)
    ]
    yield "fitted values", ratio(gaps, limit.rounding)
    yield zero_columns(sums, theta)
    yield loss_check(sums, theta, model.loss_, square_rounding=limit.square_rounding)
    if limit.clear and scaling == "standard" and fit_intercept and limit.amplification < 1e8:
        rank = len(limit.distance)
        yield f"rank_ {model.rank_} for {rank}", 0.0 if model.rank_ == rank else np.inf
    if limit.exact and len(limit.distance) < sums.d and limit.where.has_digits:
        where, nearest = limit.where, limit.theta
        c = np.array([root(int(v)) for v in where.square])[:, None]
        off = np.linalg.norm(((theta - nearest)[1:] / ONE).astype(float) * c, axis=0)
        size = np.linalg.norm((where.from_model(nearest) / ONE).astype(float), axis=0)
        steep = sum(c[j - 1, 0] / distance for j, distance in limit.distance.items())
        # Storing the shortest solution may cost the fit more than rounding of y does: then another may be returned.
        residual = np.array([root(v) for v in limit.losses])
        storable = sums.storing(nearest) <= 0.01 * residual + ALLOWED * EPS * sums.size[1 + sums.d :]
        off = np.where(storable, off, 0.0)
        yield "slopes", ratio(off, EPS * (1 + limit.amplification) * size + limit.rounding * steep)


def against_iterate(sums: Sums, model: Any, reference: Reference) -> Checks:
    """A model beside an iterate."""
    theta = theta_of(sums, model)
    if theta is None:
        yield "coefficients are not finite", np.inf
        return
    yield "fitted values", ratio(sums.rms(theta - reference.model), reference.rounding)
    slopes = np.abs((theta - reference.model)[1:] / ONE).astype(float)
    yield "slopes", ratio(slopes, reference.slopes)
    if hasattr(model, "loss_"):
        yield loss_check(sums, theta, model.loss_)
