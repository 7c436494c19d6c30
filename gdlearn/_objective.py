r"""The objective of a descent: what the loop and the closed form ask of J, with value and gradient side by side.

Conventions
-----------
- N rows, d features, t targets, p = d + 1 parameters with an intercept and p = d without.
- theta has shape (p,) or (p, t). With an intercept theta[0] is :math:`\theta_0` and theta[1:] the slopes.
- Weights :math:`w_n` (1 where none are given), :math:`W = \sum_n w_n`; prediction :math:`\hat y = \theta_0 + \tilde x^T
  \theta_{1..d}` on the scaled features :math:`\tilde x = (x - s)/c`.
- There is **no ½** in J, so the gradient carries a 2 and the Hessian is 2A:

  .. math::
      J(\theta) &= \frac1W \sum_n w_n (y_n - \hat y_n)^2 \\
      \frac{\partial J}{\partial\theta_0} &= -\frac2W \sum_n w_n (y_n - \hat y_n) \\
      \frac{\partial J}{\partial\theta_k} &= -\frac2W \sum_n w_n \tilde x_{nk} (y_n - \hat y_n)

- Several targets are t independent descents that share X: J is the sum of their errors, and column i of the gradient
  belongs to target i alone.
- Everything is float64.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from ._arrays import Array


class Evaluation(NamedTuple):
    """J and its gradient at one point, found together, for what is dear of them they share."""

    value: float
    gradient: Array


class Objective(Protocol):
    """What a descent asks for."""

    def at(self, theta: Array, k: int = 0) -> Evaluation:
        """J and ∇J at theta, which step k has reached: an objective may look at other rows at every step."""

    def value(self, theta: Array) -> float:
        """J alone, for trials."""


class QuadraticObjective(Objective, Protocol):
    """A J with the same Hessian everywhere: what the exact line search and the closed form ask for besides."""

    def gradient(self, theta: Array) -> Array:
        """∇J alone."""

    def hessian_product(self, direction: Array) -> Array:
        """∇²J times a direction, of the direction's shape."""

    def curvature_along(self, direction: Array) -> Array:
        """dᵀ∇²J d for the direction of each target, of shape (t,)."""


class ModalSpace(Protocol):
    r"""J as a sum of parabolas, :math:`J = J_{\min} + \sum_i \lambda_i (z_i - z_i^*)^2` with :math:`z = V^T\theta`."""

    @property
    def eigenvalues(self) -> Array:
        """λ, of shape (m,)."""

    @property
    def optimum(self) -> Array:
        """z*, of shape (m, t)."""

    @property
    def minimum(self) -> Array:
        """J at the optimum, target by target."""

    def gap(self, start: Array) -> Array:
        """z* − Vᵀθ: by how much a start misses the optimum."""

    def coordinates(self, theta: Array) -> Array:
        """Vᵀθ."""

    def combine(self, z: Array) -> Array:
        """Vz."""


def moved(modes: ModalSpace, start: Array, gap: Array, done: Array) -> Array:
    """θ₀ + V·diag(done)·gap for each row of `done`, of shape (n, m): the points, of shape (p, n, t).

    `gap` is of shape (m, t), or (n, m, t) where each point has its own.
    """
    z = (done[:, :, None] * gap).transpose(1, 0, 2)
    return start[:, None, :] + modes.combine(z.reshape(len(z), -1)).reshape(len(start), *z.shape[1:])


class Iterate(NamedTuple):
    """All that is known about one point, so that value and gradient can never belong to different ones."""

    n_steps: int
    theta: Array
    value: float
    gradient: Array
