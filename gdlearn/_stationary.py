"""What a stationary point is: a minimum, a maximum or a saddle, by the eigenvalues of the second derivatives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ._arrays import EPS, Array

KINDS = ("minimum", "maximum", "saddle", "undecided", "not stationary")


@dataclass(frozen=True, eq=False, repr=False)
class StationaryPoint:
    """What a point is, and by which numbers; its text is a sentence.

    Attributes
    ----------
    kind : str
        "minimum" or "maximum", of the points nearby; "saddle"; "undecided" where an eigenvalue cannot be told from 0,
        so that second derivatives alone do not say; or "not stationary" where ∇f is not 0.
    point, gradient : ndarray of shape (d,)
    hessian : ndarray of shape (d, d)
    eigenvalues : ndarray of shape (d,)
        Those of the Hessian, in increasing order.
    rounding : float
        By how much an eigenvalue may be off: the rounding of the Hessian, and what it changes by within twice the
        distance to the place where ∇f is 0.
    """

    kind: str
    point: Array
    gradient: Array
    hessian: Array
    eigenvalues: Array
    rounding: float

    def __str__(self) -> str:
        if self.kind == "not stationary":
            return f"No stationary point: the length of the gradient is {np.linalg.norm(self.gradient):.6g}."
        values = ", ".join(f"{value + 0.0:.6g}" for value in self.eigenvalues)
        reason = {
            "minimum": "all are positive",
            "maximum": "all are negative",
            "saddle": "some are positive, some negative",
            "undecided": "one that is 0 within rounding leaves it open",
        }[self.kind]
        name = "Undecided" if self.kind == "undecided" else f"A {self.kind}"
        return f"{name}: the eigenvalues of the Hessian are {values} (each to within {self.rounding:.1g}): {reason}."

    __repr__ = __str__


def stationary_point(
    point: Array, gradient: Array, hessian_at: Callable[[Array], Array | None], tol: float | None
) -> StationaryPoint | None:
    """What a point is; None where there is no Hessian.

    Parameters
    ----------
    hessian_at : callable
        Point → ∇²f, or None where it has no value.
    tol : float or None
        The length up to which ∇f counts as 0; None takes what the rounding of the point may change.
    """
    H = hessian_at(point)
    if H is None:
        return None
    eigenvalues: Array = np.asarray(np.linalg.eigvalsh(H), dtype=np.float64)
    size = float(np.abs(eigenvalues).max(initial=0.0))
    rounding = 8.0 * len(point) * EPS * size
    shift: Array = np.asarray(np.linalg.lstsq(H, gradient, rcond=None)[0], dtype=np.float64)
    moved = hessian_at(point - 2.0 * shift) if gradient.any() else H
    rounding += np.inf if moved is None else float(np.abs(np.linalg.eigvalsh(moved - H)).max(initial=0.0))
    slack: Array = 4.0 * EPS * np.abs(H) @ np.abs(point)
    is_stationary = (np.abs(gradient) <= slack).all() if tol is None else np.linalg.norm(gradient) <= tol
    if not is_stationary:
        kind = "not stationary"
    elif (eigenvalues > rounding).all():
        kind = "minimum"
    elif (eigenvalues < -rounding).all():
        kind = "maximum"
    elif eigenvalues[0] < -rounding and eigenvalues[-1] > rounding:
        kind = "saddle"
    else:
        kind = "undecided"
    return StationaryPoint(kind, point, gradient, H, eigenvalues, rounding)
