r"""Sensitivity: which features and which modes make a descent slow, or make it explode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from .._arrays import beyond_float64
from .._coordinates import ScalingName
from .._parameters import BOOLEAN, POSITIVE, InvalidParameterError, check_descent, choice
from .._penalty import Penalty
from .._plan import Plan, Settings
from .._problem import Problem, refuse_overflow, starting_point
from .._regressor import GradientDescentRegressor
from .._rows import Rows
from .._solve import pose
from .._validation import validate_fit
from ._diagnosis import Case, diagnose, short
from ._sensitivity_tables import as_frame, features_table, modes_table, table_in_html, text_table, with_intercept
from ._unwrapped import is_search, ridge_of, unwrapped

SCALINGS: tuple[ScalingName, ...] = (None, "standard", "minmax", "maxabs")

SETTINGS = ("scaling", "fit_intercept", "learning_rate", "momentum", "nesterov", "alpha", "l1_ratio")
"""What of an estimator says how it descends; the rest says when it stops, which is not asked here."""


@dataclass(frozen=True, eq=False, repr=False)
class Sensitivity:
    """What :func:`sensitivity` finds; printed, it is the sentence above the tables.

    The tables are pandas DataFrames where pandas is installed, and otherwise dicts of lists with the same columns.

    Attributes
    ----------
    features : DataFrame or dict of list
        One row a parameter, the intercept first where there is one: `feature`, `scale` and `original_scale` (root mean
        square in the coordinates of the descent and in original units), `partial` (∂J/∂θ at θ = 0; of several targets
        the root of the sum of squares), `curvature` (∂²J/∂θ², twice the mean square, and of slopes 2α more with a ridge
        term α), `steepest` and `flattest` (the parts in these two modes; each sums to 1), `share` (of log κ).
    modes : DataFrame or dict of list
        One row a mode, from steep to flat: `eigenvalue` (λ of ∇²J/2), `factor` (of its error in each step), `verdict`
        ("explodes", "stalls" or "converges"), `steps` (until it has reached its limit), `leading` (the features in it).
    condition_numbers : dict
        κ = λ_max/λ_min of ∇²J under each scaling: None, "standard", "minmax" and "maxabs".
    n_steps : dict
        Under each scaling: the steps of plain descent at the automatic rate 1/L to its limit, the `n_iter_` of
        ``GradientDescentRegressor(scaling=...)`` with the same `alpha`, which charges other slopes there.
    sentence : str
        What is wrong, and what to do.
    scaling : str or None
        That of the descent.
    learning_rate, max_stable_learning_rate, momentum : float
        η, the rate at and above which the descent does not converge, and β.
    steps : float
        Steps of this descent, at its own rate, to its limit; infinite where it does not converge.
    alpha : float
        α of its ridge term.
    """

    features: Any
    modes: Any
    condition_numbers: dict[ScalingName, float]
    n_steps: dict[ScalingName, float]
    sentence: str
    scaling: ScalingName
    learning_rate: float
    max_stable_learning_rate: float
    momentum: float
    steps: float
    alpha: float = 0.0

    def __repr__(self) -> str:
        return f"<Sensitivity: {self.sentence}>"

    def __str__(self) -> str:
        return "\n\n".join([self.sentence, *(f"{title}\n{text_table(*table)}" for title, table in self._tables())])

    def _repr_html_(self) -> str:
        tables = "".join(f"<p>{escape(title)}</p>{table_in_html(*table)}" for title, table in self._tables())
        return f"<div><p>{escape(self.sentence)}</p>{tables}</div>"

    def _tables(self) -> list[tuple[str, tuple[Any, Any]]]:
        """What is shown below the sentence: title, table and the order of its rows."""
        by_share = np.argsort(-np.asarray(self.features["share"]), kind="stable")
        scalings = {
            "scaling": [str(name) + (" *" if name == self.scaling else "") for name in SCALINGS],
            "condition number": [self.condition_numbers[name] for name in SCALINGS],
            "steps": [self.n_steps[name] for name in SCALINGS],
        }
        return [
            ("Scalings, at the automatic rate (* this descent)", (scalings, None)),
            ("Features, by their share of log κ", (self.features, by_share)),
            (f"Modes (of ∇²J/2), from steep to flat, at η = {short(self.learning_rate, 3)}", (self.modes, None)),
        ]


def sensitivity(
    estimator_or_X: Any, X_or_y: Any = None, y: Any = None, *, sample_weight: ArrayLike | None = None, **settings: Any
) -> Sensitivity:
    r"""Which features and modes make gradient descent slow or make it explode, and what to do.

    ``sensitivity(X, y)`` judges descent on the features as given, and ``sensitivity(estimator, X, y)`` the descent of
    an estimator. In the eigenvectors v of ∇²J/2 each step multiplies the error of mode i by

    .. math::  \rho_i = 1 - 2\eta\lambda_i ,

    so the mode explodes where :math:`|\rho_i| \ge 1` and takes the longer the nearer :math:`\rho_i` is to 1. The
    condition number κ = λ_max/λ_min says how far the steepest and the flattest mode are apart. With λ̄ the median,
    on a log scale, of the mean squares of the features (1 for the intercept; a ridge term is added to those of
    features), the share of feature j in log κ is

    .. math::
        s_j = \frac{v_{j,\max}^2 \log(\lambda_{\max}/\bar\lambda) + v_{j,\min}^2 \log(\bar\lambda/\lambda_{\min})}
        {\log\kappa} .

    The shares are nonnegative and sum to 1. A feature of extreme scale is an extreme mode almost by itself, far from λ̄,
    and has nearly all of log κ; of two nearly collinear features each has half of the flattest mode.

    The parts :math:`v_{j,\max}^2` and :math:`v_{j,\min}^2` (columns `steepest` and `flattest`) say what a change of
    scale does: feature j multiplied by 1 + ε multiplies κ by
    :math:`1 + 2\varepsilon (v_{j,\max}^2 - v_{j,\min}^2)`, to first order, where there is no ridge term. So a feature
    that makes 100 % of the largest eigenvalue, halved, divides κ by 4 as long as it makes the largest; and where the
    intercept makes the smallest, no feature's scale moves that end, but centring may.

    Parameters
    ----------
    estimator_or_X : GradientDescentRegressor, or array-like or CSR/CSC matrix of shape (n_samples, n_features)
        The estimator, fitted or not, gives the settings; it stays as it is. A fitted Pipeline stands for its last step
        and X as its other steps transform it, a fitted search for its `best_estimator_`.
    X_or_y : array-like
        X after an estimator, y after X.
    y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
        After an estimator and X.
    sample_weight : array-like of shape (n_samples,), default=None
    **settings
        `scaling`, `fit_intercept`, `learning_rate` (a number or "auto"), `momentum`, `nesterov`, `alpha` and `l1_ratio`
        (0, for an L1 penalty has no modes), as for :class:`~gdlearn.GradientDescentRegressor`, instead of those of the
        estimator. After X they default to ``scaling=None``, ``fit_intercept=True``, ``learning_rate="auto"`` and
        ``alpha=0.0``.

    Returns
    -------
    Sensitivity

    Raises
    ------
    ValueError, TypeError
        If a parameter or the data cannot be used, if the learning rate changes from step to step ("exact" or a
        callable), for then there is no factor, or with an L1 penalty, for then J is no quadratic.

    Notes
    -----
    Directions that the data do not hold (exactly collinear features) are no modes: descent never moves along them. A
    ridge term raises the λ of all slopes by α where features are centred, and makes modes of these directions too.
    With momentum β the factor is the root of largest modulus of each mode's recurrence, with the sign of its real part.
    Where modes share an eigenvalue their eigenvectors, and so the shares, are not unique. It takes a fit under each
    scaling, and room for d · min(N, d) numbers.

    References
    ----------
    Belsley, Kuh, Welsch (1980), *Regression Diagnostics*, chapter 3, for condition indices and the decomposition by
    eigenvectors. https://doi.org/10.1002/0471725153

    Examples
    --------
    Two centred features, at right angles, one a hundred times larger: λ = 100² and 1, and the largest stable rate is
    1/λ_max.

    >>> from gdlearn.inspection import sensitivity
    >>> X, y = [[100, 1], [100, -1], [-100, 1], [-100, -1]], [1, 2, 3, 5]
    >>> found = sensitivity(X, y, fit_intercept=False)
    >>> print(found.sentence)
    `feature 0` makes 100 % of the largest eigenvalue, and `feature 1` 100 % of the smallest: condition number 10,000,
    plain descent needs about 3.5e5 steps; with scaling="standard" condition number 1, about 1 step.
    >>> [round(factor, 6) for factor in found.modes["factor"]]
    [0.0, 0.9999]

    The default scaling of the estimator cures it:

    >>> from gdlearn import GradientDescentRegressor
    >>> print(sensitivity(GradientDescentRegressor(), X, y).sentence)
    Condition number 1: plain descent needs about 1 step.
    """
    estimator, X, y = _arguments(estimator_or_X, X_or_y, y, settings)
    X, y, weight, later = validate_fit(estimator, X, y, sample_weight)
    rows = Rows.of(X, y, weight, unchecked=type(estimator).__name__ if later else None)
    names = [str(name) for name in getattr(estimator, "feature_names_in_", ())]
    names = names or [f"feature {j}" for j in range(rows.n_features)]

    scaling, fit_intercept = estimator.scaling, estimator.fit_intercept
    penalty = ridge_of("sensitivity", estimator)
    problem = _posed(rows, scaling, fit_intercept, penalty)
    standard = _posed(rows, "standard", fit_intercept, penalty)
    plan = Plan.of(problem, Settings(estimator.learning_rate, estimator.momentum, estimator.nesterov))
    condition_numbers: dict[ScalingName, float] = {}
    n_steps: dict[ScalingName, float] = {}
    for name in SCALINGS:
        try:
            there = {scaling: problem, "standard": standard}.get(name) or _posed(rows, name, fit_intercept, penalty)
        except ValueError:  # the squares of the features overflow in these coordinates
            condition_numbers[name], n_steps[name] = np.inf, np.inf
            continue
        condition_numbers[name] = _condition_number(there, standard)
        n_steps[name] = _steps(there, Plan.of(there, Settings()))

    case = Case(
        names=names,
        problem=problem,
        standard=standard,
        plan=plan,
        n_rows=rows.n_used,
        steps=_steps(problem, plan),
        condition_numbers=condition_numbers,
        n_steps=n_steps,
        scaling=scaling,
    )
    vectors = problem.modes.combine(np.eye(len(problem.modes.eigenvalues)))
    return Sensitivity(
        features=as_frame(features_table(case, vectors)),
        modes=as_frame(modes_table(case, vectors)),
        condition_numbers=condition_numbers,
        n_steps=n_steps,
        sentence=diagnose(case),
        scaling=scaling,
        learning_rate=plan.rate,
        max_stable_learning_rate=plan.stable_rate,
        momentum=plan.momentum,
        steps=case.steps,
        alpha=float(penalty.ridge),
    )


def _arguments(
    estimator_or_X: Any, X_or_y: Any, y: Any, settings: Mapping[str, Any]
) -> tuple[GradientDescentRegressor, Any, Any]:
    """An estimator that may be changed, X and y."""
    owner = "sensitivity"
    if is_search(estimator_or_X) or isinstance(estimator_or_X, Pipeline):
        estimator_or_X, X_or_y = unwrapped(estimator_or_X, X_or_y)
    if isinstance(estimator_or_X, GradientDescentRegressor):
        estimator, X = clone(estimator_or_X), X_or_y
        if X is None or y is None:
            missing = "X and y" if X is None else "y"
            raise TypeError(
                f"{owner}(estimator, X, y) needs {missing}, also of a fitted estimator, which does not keep its data."
            )
    elif hasattr(estimator_or_X, "get_params"):
        raise TypeError(
            "The 'estimator_or_X' parameter of sensitivity must be a GradientDescentRegressor, a fitted pipeline or "
            f"search that ends in one, or X. Got {type(estimator_or_X).__name__} instead."
        )
    else:
        if X_or_y is not None and y is not None:
            raise TypeError(
                "sensitivity(X, y) takes two arrays; with three arguments the first must be a "
                f"GradientDescentRegressor. Got {type(estimator_or_X).__name__} instead."
            )
        y = X_or_y if y is None else y
        if y is None:
            raise TypeError("sensitivity(X, y) needs y. Got None instead.")
        estimator, X = GradientDescentRegressor(scaling=None), estimator_or_X
    unknown = sorted(set(settings) - set(SETTINGS))
    if unknown:
        raise TypeError(f"sensitivity has no setting {unknown[0]!r}. Allowed: {', '.join(SETTINGS)}, sample_weight.")
    estimator.set_params(**settings)
    rate = estimator.learning_rate
    if not (POSITIVE | choice("auto"))(rate):
        raise InvalidParameterError(
            f"The 'learning_rate' of {owner} must be a finite number > 0 or \"auto\", for a rate that changes from "
            f'step to step has no factor. Got {rate!r} instead: pass learning_rate="auto".'
        )
    check_descent(owner, rate, estimator.momentum, estimator.nesterov, estimator.scaling)
    BOOLEAN.check(owner, "fit_intercept", estimator.fit_intercept)
    return estimator, X, y


def _posed(rows: Rows, name: ScalingName, fit_intercept: bool, penalty: Penalty) -> Problem:
    """The problem whose closed form a fit to the limit takes."""
    with np.errstate(all="ignore"):  # what overflows is refused
        problem = pose(rows, name, fit_intercept, Settings(solver="spectral"), penalty)
        refuse_overflow(problem.feature_square)
        return problem.for_limit()


def _condition_number(problem: Problem, standard: Problem) -> float:
    """κ; where float64 loses directions to unequal scales alone, at least what the mean squares say."""
    modes = problem.modes
    if len(modes.eigenvalues) >= len(standard.modes.eigenvalues):
        return float(modes.condition_number)
    square = with_intercept(problem, problem.feature_square)
    with beyond_float64():
        return max(float(modes.condition_number), float(square.max() / square[square > 0].min()))


def _steps(problem: Problem, plan: Plan) -> float:
    """Steps to the limit, counted as `n_iter_` is."""
    if plan.unstable:
        return np.inf
    return plan.closed_form(problem, starting_point(problem, "zero")).steps_to_limit()
