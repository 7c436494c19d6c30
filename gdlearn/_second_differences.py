"""Second derivatives of any function by differences of its gradient, where no formula is at hand."""

from __future__ import annotations

import numpy as np

from ._arrays import Array
from ._points import Function

ROOT = float(np.finfo(np.float64).eps ** (1 / 3))
"""The step of a difference, relative to θ."""


def hessian(function: Function, theta: Array) -> Array | None:
    """∇²f at θ by differences of the gradient; None where they leave the domain."""
    h = ROOT * np.maximum(np.abs(theta), 1.0)
    up, down = theta + np.diag(h), theta - np.diag(h)
    if not np.isfinite([up, down]).all():
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        up, down = (function.gradient_at(moved, outside="nan") for moved in (up, down))
        H: Array = (up - down) / (2.0 * h[:, np.newaxis])
        H = H / 2.0 + H.T / 2.0
    return H if np.isfinite(H).all() else None


def largest_curvature(function: Function, theta: Array) -> float | None:
    """The largest eigenvalue of ∇²f at θ, known or by differences of the gradient; None where they leave the domain."""
    if hasattr(function, "curvature"):
        return float(function.curvature)
    H = hessian(function, theta)
    return None if H is None else float(np.linalg.eigvalsh(H)[-1])


def curvature_along(function: Function, theta: Array, direction: Array) -> float | None:
    """The second derivative of f at θ along a direction of length 1; None where differences leave the domain."""
    h = ROOT * max(1.0, float(np.abs(theta).max()))
    both = np.array([theta + h * direction, theta - h * direction])
    if not np.isfinite(both).all():
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        up, down = function.gradient_at(both, outside="nan") @ direction
        curvature = float((up - down) / (2.0 * h))
    return curvature if np.isfinite(curvature) else None
