"""The path of a penalty: coefficients at the minimum for every alpha that is asked for, in original units."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ._alphas import alpha_grid
from ._arrays import EPS, Array
from ._coordinates import Model, ScalingName
from ._minima import minima
from ._parameters import (
    ALPHAS,
    BOOLEAN,
    NONE,
    OPEN_FRACTION,
    POSITIVE_INTEGER,
    SCALING,
    SHARE,
    MatrixLike,
)
from ._path import in_original_units
from ._penalty import Penalty
from ._plan import Settings
from ._problem import Problem, error_on
from ._rows import Rows
from ._solve import pose, solve
from ._threads import blas_for
from ._validation import validate_rows

AT_ONCE = 2**21
"""Slopes that proximal steps move at once: some ten arrays of that size are held."""

TOO_LOSSY = 5e-11
"""Relative error of the coefficients above which the modes of ridge terms are taken from the rows."""


def regularization_path(
    X: MatrixLike,
    y: ArrayLike,
    *,
    alphas: int | ArrayLike = 100,
    l1_ratio: float = 0.0,
    eps: float | None = None,
    scaling: ScalingName = "standard",
    fit_intercept: bool = True,
    sample_weight: ArrayLike | None = None,
) -> tuple[Array, Array, Array, Array]:
    r"""Where descent on the penalised mean squared error ends, for many strengths of the penalty at once.

    .. math::
        J(\theta) = \frac1W \sum_n w_n (y_n - \hat y_n)^2
        + \alpha(1 - \rho)\lVert\theta_{1..d}\rVert^2 + 2\alpha\rho\lVert\theta_{1..d}\rVert_1

    Each is the fit of ``GradientDescentRegressor(alpha=..., l1_ratio=...)``, but the rows are read once for all of
    them. Of a ridge term (``l1_ratio=0``) one eigendecomposition gives them all; with an L1 penalty accelerated
    proximal steps descend for all alphas side by side, and zeros are exact.

    Parameters
    ----------
    X : array-like or CSR/CSC matrix of shape (n_samples, n_features)
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Each target has the path that it has by itself.
    alphas : int or array-like of float >= 0, default=100
        If an array: the strengths α. If an integer n: n of them, log-spaced from the largest that matters down to `eps`
        times it. With an L1 penalty the largest is the smallest α that leaves no slope of any target; a ridge term
        leaves slopes at any α, and the largest is ten times the largest eigenvalue of the second moments of the scaled
        features.
    l1_ratio : float in [0, 1], default=0.0
        ρ: 0 is ridge regression, 1 the lasso, a number between the elastic net.
    eps : float in (0, 1), default=None
        The smallest α of a grid relative to the largest. None is 1e-3, and 1e-6 of a ridge term.
    scaling : "standard", "minmax", "maxabs" or None, default="standard"
        The penalty counts the slopes of scaled features, as in :class:`GradientDescentRegressor`.
    fit_intercept : bool, default=True
        The intercept is not penalised.
    sample_weight : array-like of shape (n_samples,), default=None

    Returns
    -------
    alphas : ndarray of shape (n_alphas,), float64
        As they were given; those of a grid are descending.
    coefs : ndarray of shape (n_features, n_alphas) or (n_targets, n_features, n_alphas), float64
        In the original units of X and y, whatever the scaling.
    intercepts : ndarray of shape (n_alphas,) or (n_targets, n_alphas), float64
    losses : ndarray of shape (n_alphas,), float64
        J at each, the penalty included, summed over targets, in units of y squared.

    Raises
    ------
    ValueError, TypeError
        If a parameter or the data cannot be used.

    Warns
    -----
    ConvergenceWarning
        If X is so large that a ridge term is descended by the loop, and it does not arrive, or if the steps for an L1
        penalty do not in 20,000.

    See Also
    --------
    gdlearn.gradient_descent_path : The path over the steps of one descent.
    gdlearn.inspection.RegularizationPathDisplay : Draws the coefficients over alpha.
    sklearn.linear_model.enet_path : The same path on features scaled and centred beforehand.

    Notes
    -----
    Where X is so large that neither the matrix of second moments nor the kernel of the rows is formed, an L1 penalty is
    descended on the rows, and ridge terms one after the other, each from the minimum of the last.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from gdlearn import regularization_path
    >>> X, y = load_diabetes(return_X_y=True)
    >>> alphas, coefs, intercepts, losses = regularization_path(X, y, alphas=5, l1_ratio=1.0)
    >>> print(alphas.round(2), (coefs != 0).sum(axis=0))
    [45.16  8.03  1.43  0.25  0.05] [ 0  4  7  9 10]
    """
    owner = "regularization_path"
    found = paths_over_alphas(
        owner,
        X,
        y,
        sample_weight,
        alphas=alphas,
        l1_ratio=l1_ratio,
        eps=eps,
        scaling=scaling,
        fit_intercept=fit_intercept,
    )
    if found.one_target:
        return found.alphas, found.coefs[0], found.intercepts[0], found.losses
    return found.alphas, found.coefs, found.intercepts, found.losses


class Paths(NamedTuple):
    """What `regularization_path` returns, for each target, and the scale of each feature in the descent."""

    alphas: Array
    coefs: Array
    intercepts: Array
    losses: Array
    feature_scale: Array
    one_target: bool


def paths_over_alphas(
    owner: str,
    X: MatrixLike,
    y: ArrayLike,
    sample_weight: ArrayLike | None,
    *,
    alphas: int | ArrayLike,
    l1_ratio: float,
    eps: float | None,
    scaling: ScalingName,
    fit_intercept: bool,
) -> Paths:
    """The same with all that is known; `owner` is who asks."""
    ALPHAS.check(owner, "alphas", alphas)
    SHARE.check(owner, "l1_ratio", l1_ratio)
    (NONE | OPEN_FRACTION).check(owner, "eps", eps)
    SCALING.check(owner, "scaling", scaling)
    BOOLEAN.check(owner, "fit_intercept", fit_intercept)
    matrix, target, weight = validate_rows(X, y, sample_weight)
    rows, ratio = Rows.of(matrix, target, weight), float(l1_ratio)
    with blas_for(*matrix.shape):
        problem = pose(rows, scaling, fit_intercept, Settings(), Penalty(lasso=1.0))  # which finds no modes yet
        if POSITIVE_INTEGER(alphas):
            grid = alpha_grid(problem, ratio, int(alphas), eps)  # type: ignore[arg-type]
        else:
            grid = np.array(alphas, dtype=np.float64)
        models, losses = _Path(problem, rows, scaling, fit_intercept).minima(grid, ratio)
    own = problem.coordinates
    coefs, intercepts = in_original_units(own, models)
    return Paths(grid, coefs, intercepts, own.loss(losses), own.feature_scale, target.ndim == 1)


class _Path:
    """One set of rows, to be descended with any penalty; models are in units of the problem, which needs no modes."""

    def __init__(self, problem: Problem, rows: Rows, scaling: ScalingName, fit_intercept: bool) -> None:
        self._problem, self._rows, self._scaling, self._fit_intercept = problem, rows, scaling, fit_intercept

    def minima(self, alphas: Array, l1_ratio: float) -> tuple[list[Model], Array]:
        """The model and J for each alpha."""
        penalties = [Penalty.of(alpha, l1_ratio) for alpha in alphas.tolist()]
        order = np.argsort(-alphas, kind="stable").tolist()
        kinked = [i for i in order if penalties[i].has_lasso]
        smooth = [i for i in order if not penalties[i].has_lasso]
        charged = [i for i in smooth if penalties[i].has_ridge]
        free = [i for i in smooth if not penalties[i].has_ridge]
        found: dict[int, Model] = {}
        losses = np.empty(len(alphas))
        routes = (kinked, self._side_by_side), (charged, self._by_modes), (free, self._one_by_one)
        for places, route in routes:
            if places:
                models, losses[places] = route([penalties[i] for i in places])
                found.update(zip(places, models, strict=True))
        return [found[i] for i in range(len(alphas))], losses

    def _side_by_side(self, penalties: list[Penalty]) -> tuple[list[Model], Array]:
        """With an L1 penalty: so many at once as there is room for."""
        problem = self._problem
        at_once = max(AT_ONCE // math.prod(problem.coordinates.shape), 1)
        parts = [penalties[i : i + at_once] for i in range(0, len(penalties), at_once)]
        thetas = np.concatenate([minima(problem, part) for part in parts], axis=1)
        return self._models(problem, thetas, penalties)

    def _by_modes(self, penalties: list[Penalty]) -> tuple[list[Model], Array]:
        """Of ridge terms: with the modes of the least of them, of which the others raise the eigenvalues."""
        problem = self._least_penalised(penalties[-1])
        if problem.spectrum is None:
            return self._one_by_one(penalties)
        (p, t), n = problem.coordinates.shape, len(penalties)
        ridge = np.array([float(penalty.ridge) for penalty in penalties])
        z = problem.raised(ridge - ridge[-1], np.zeros((p, t)))[1].transpose(1, 0, 2)
        thetas = problem.modes.combine(z.reshape(-1, n * t)).reshape(p, n, t)
        return self._models(problem, thetas, penalties)

    def _models(self, problem: Problem, thetas: Array, penalties: list[Penalty]) -> tuple[list[Model], Array]:
        """The models with these thetas of shape (p, n, t), and J of each with its penalty."""
        own = problem.coordinates
        losses = error_on(problem, lambda: self._rows, problem.on(self._rows, problem.moments)).errors(thetas)
        for k, penalty in enumerate(penalties):
            charged = replace(own, penalty=penalty.in_target_units(own.target_exponent))
            losses[k] += own.target_share @ charged.charge(thetas[:, k])
        return [own.model(thetas[:, k]) for k in range(len(penalties))], losses

    def _least_penalised(self, penalty: Penalty) -> Problem:
        """The problem with this ridge term, in coordinates where the intercept is a mode by itself.

        The minimum does not depend on the shift of the features, so that it may be their mean.
        """
        moments = self._problem.moments
        if moments is None:
            problem = pose(self._rows, self._scaling, self._fit_intercept, Settings(), penalty)
        else:
            problem = Problem.before_modes(moments, self._rows, self._scaling, self._fit_intercept, penalty)
        problem = problem.centred()
        for _ in range(2):  # better conditioned coordinates, then the rows
            if problem.spectrum is not None:
                problem = problem.sharper(1.0 / max(problem.modes.smallest, EPS), TOO_LOSSY)
        return problem

    def _one_by_one(self, penalties: list[Penalty]) -> tuple[list[Model], Array]:
        """One problem for each ridge term, as the estimator has it; the loop starts where the one before ended."""
        models: list[Model] = []
        losses = []
        for penalty in penalties:
            problem = pose(self._rows, self._scaling, self._fit_intercept, Settings(), penalty, self._problem.moments)
            start = np.zeros(problem.coordinates.shape)
            if models and penalty.has_ridge:  # without, where it ends may depend on where it starts
                start = problem.coordinates.theta(models[-1])
            solution = solve(problem, Settings(), start, lambda j: f"feature {j}")
            models.append(solution.model)
            losses.append(solution.descent.last.value)
        return models, np.array(losses)
