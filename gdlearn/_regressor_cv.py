"""GradientDescentRegressorCV: learning rate, number of steps and penalty by cross-validation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import get_config
from sklearn.model_selection import KFold, check_cv
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing

from ._advice import DivergenceError
from ._arrays import Array, in_units
from ._base import Data, DescendedModel
from ._candidates import Fold
from ._coordinates import ScalingName
from ._cross_validation import Stopping, folds, refuse_too_large, splits_in_order, splits_of
from ._dask import are_collections, dtype_of, learn_features, lengths_of
from ._dask_folds import folds_of_collections, needs_no_rows, splits_of_collections
from ._grid import Asked, Descents, Grid
from ._namespaces import Origin
from ._observers import with_callbacks
from ._parameters import (
    ALPHAS,
    FRACTION,
    NONE,
    POSITIVE,
    POSITIVE_INTEGER,
    SHARE,
    Init,
    InvalidParameterError,
    MatrixLike,
    RandomState,
    Rule,
    choice,
    integers,
    several,
)
from ._penalty import Penalty
from ._plan import Settings
from ._problem import FirstPoint, Problem, starting_point
from ._rows import Rows
from ._solve import LARGEST_MATRIX, SMALL_MATRIX, pose
from ._step_size import largest_stable_rate
from ._threads import blas_for
from ._validation import validate_fit

RULES: dict[str, Rule] = {
    "learning_rates": NONE | POSITIVE_INTEGER | several(POSITIVE, "finite numbers > 0"),
    "max_iters": NONE | POSITIVE_INTEGER | several(POSITIVE_INTEGER, "integers >= 1"),
    "alphas": NONE | ALPHAS,
    "l1_ratios": SHARE | several(SHARE, "numbers in [0, 1]"),
    "selection": choice("min", "one_standard_error"),
    "momentum": FRACTION,
}


class GradientDescentRegressorCV(DescendedModel):
    r"""Linear regression by gradient descent, with rate, number of steps and penalty chosen by cross-validation.

    Every candidate gets the score that `GridSearchCV` over `GradientDescentRegressor` would give it, at about the cost
    of one fit: the rows are read once where the test folds partition them (and at most once for each split elsewhere),
    and one eigendecomposition for each fold gives the results of all learning rates, numbers of steps and ridge terms.

    .. math::
        \mathrm{MSE}_f(\eta, k) = \frac{1}{W_f} \sum_{n \in f} w_n \bigl(y_n - \hat y_n(\theta_k)\bigr)^2, \qquad
        \theta_k \text{ after } k \text{ steps with rate } \eta \text{ on the rows outside fold } f

    Parameters
    ----------
    learning_rates : int, array-like of float > 0 or None, default=None
        If an array: the candidate learning rates. If an integer n: n candidates, log-spaced from a thousandth to a half
        of the largest stable rate (of that for the largest of the `alphas`). None is 20 without `alphas`. With
        `alphas`, and if `max_iters` is None as well, rates and steps play no part: every descent goes to its limit, as
        with ``learning_rate="auto"``.
    max_iters : int, array-like of int >= 1 or None, default=None
        If an array: the candidate numbers of steps. If an integer n: n candidates, log-spaced from 1 to the number of
        steps at which descent with the largest stable rate of the grid has reached its limit, at most 10⁹ (10³ with an
        L1 penalty, whose steps are taken one by one: a grid of many `alphas`, rates and steps then takes long); fewer
        than n where rounding to integers makes some equal. None is 10, unless `learning_rates` says otherwise.
    alphas : int, array-like of float >= 0 or None, default=None
        If an array: the candidate weights α of the penalty, see :class:`GradientDescentRegressor`. If an integer n: n
        candidates for each l1_ratio, log-spaced and descending: from the least that leaves no slope (its
        `regularization_path`) to a thousandth of it or, for an l1_ratio of 0, from 10 λ_max to 10⁻⁵ λ_max, the largest
        eigenvalue of the mean squares of the scaled features. None is no penalty.
    l1_ratios : float in [0, 1] or array-like, default=0.0
        The candidate parts ρ of the penalty that charge the sizes of the slopes rather than their squares.
    selection : "min" or "one_standard_error", default="min"
        Which candidate is chosen: that of the least mean error over the folds, or the simplest whose mean error is
        within one standard error of it (the standard deviation of the errors of the best one over the folds, divided
        by the root of their number; of one split the least is taken). The simplest has the largest α, then the
        smallest product of rate and number of steps; the l1_ratio is that of the best.
    cv : int, splitter, iterable of (train, test) or None, default=None
        As for `GridSearchCV`; None is 5-fold. Row numbers and masks; a row number that comes twice counts twice.
    scaling : "standard", "minmax", "maxabs" or None, default="standard"
        Learned on the training rows of each fold.
    init : "auto", "zero", "mean" or array-like, default="auto"
        Where each descent starts: as for :class:`GradientDescentRegressor`, and "auto" is "mean", so that an offset of
        y does not matter to the choice of the number of steps.
    fit_intercept : bool, default=True
        If False, the model goes through the origin of the original units.
    momentum : float in [0, 1), default=0.0
        β in v ← βv − η∇J(θ), θ ← θ + v.
    nesterov : bool, default=False
        Whether the gradient is taken at θ + βv, which needs a momentum.
    early_stopping : bool, default=False
        Stop each descent, in the folds too, by rows held out of its training rows; the numbers of steps are then upper
        bounds. See :class:`GradientDescentRegressor`.
    validation_fraction : float in (0, 1), default=0.1
        With early stopping: the share of the training rows held out, unless `fit` is given X_val and y_val.
    n_iter_no_change : int >= 1, default=10
        With early stopping: the number of steps to wait for a smaller error on the held-out rows.
    random_state : int, RandomState instance or None, default=None
        For the rows that early stopping holds out.

    Attributes
    ----------
    learning_rate_ : float
        The chosen learning rate; where the rates play no part, that of the descent on all rows.
    max_iter_ : int or None
        The chosen number of steps; None where they play no part.
    alpha_ : float
        The chosen α; 0.0 without `alphas`.
    l1_ratio_ : float
        The chosen ρ.
    learning_rates_ : ndarray of shape (n_learning_rates,)
        The learning rates of the grid; empty where they play no part.
    max_iters_ : ndarray of shape (n_max_iters,)
        The numbers of steps of the grid, int64, or of Python's integers (dtype object) where one is beyond int64; empty
        where they play no part.
    alphas_ : ndarray of shape (n_alphas,) or (n_l1_ratios, n_alphas)
        With `alphas`: the α of the grid; a row for each l1_ratio if there are several.
    mse_path_ : ndarray of shape (n_learning_rates, n_max_iters, n_folds)
        Mean squared error on each test fold in units of y squared, weighted by `sample_weight`, the mean over targets,
        without the penalty; inf where the rate is at or above the largest stable one of the fold. With `alphas` its
        shape is (n_l1_ratios, n_alphas, n_learning_rates, n_max_iters, n_folds), and where rates and steps play no part
        (n_l1_ratios, n_alphas, n_folds).
    best_score_ : float
        Minus the mean of `mse_path_` over the folds, of the chosen candidate.
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        Slopes in original units. This attribute and those below describe the descent on all rows with the chosen
        learning rate, number of steps and penalty; see :class:`GradientDescentRegressor`.
    intercept_ : float or ndarray of shape (n_targets,)
        In the units of y; 0.0 without an intercept.
    n_iter_ : int
        Steps of the model: `max_iter_`, or with early stopping the best step, or where rates and steps play no part
        those to the limit.
    loss_ : float
        J on the training data, summed over targets, in units of y squared.
    loss_curve_ : list of float
        J at each recorded step.
    loss_curve_iterations_ : list of int
        The recorded steps.
    validation_loss_curve_ : list of float
        With early stopping: J on the held-out rows at each recorded step.
    gradient_norm_ : float
        ‖∇J‖₂ at the end, in scaled coordinates.
    max_stable_learning_rate_ : float
        The learning rate at and above which descent on all rows does not converge.
    condition_number_ : float
        λ_max/λ_min of ∇²J in scaled coordinates.
    rank_ : int
        The numerical rank of the scaled features.
    feature_shift_ : ndarray of shape (n_features,)
        What the scaling subtracts from each feature; see :class:`GradientDescentRegressor`.
    feature_scale_ : ndarray of shape (n_features,)
        What it divides by.
    optimality_ : float
        Where the chosen penalty has an L1 part: by how much the slopes miss the condition of a minimum.
    solver_ : str
        "spectral", or "loop" where the chosen penalty has an L1 part.
    n_features_in_ : int
        The number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Where all feature names are strings.

    See Also
    --------
    sklearn.linear_model.RidgeCV : The same convenience for the penalty of ridge regression.

    Notes
    -----
    Moments resolve a test error down to about 1e-4 of the variance of y; where it is smaller, the test rows are read
    once more for their residuals. Where the condition number of the Hessian is so large that
    squares would cost the modes more than five digits (about 5e4), the training rows of each fold are read once more
    for a QR.

    For small rates only the product ηk matters, so the grid has a valley of near ties. Ties go to the first
    candidate in the given order.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from gdlearn import GradientDescentRegressorCV
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = GradientDescentRegressorCV().fit(X, y)
    >>> model.mse_path_.shape, model.max_iter_, round(model.score(X, y), 2)
    ((20, 10, 5), 15243, 0.52)
    """

    _rules = RULES

    def __init__(
        self,
        learning_rates: int | Sequence[float] | NDArray[Any] | None = None,
        *,
        max_iters: int | Sequence[int] | NDArray[Any] | None = None,
        alphas: int | Sequence[float] | NDArray[Any] | None = None,
        l1_ratios: float | Sequence[float] | NDArray[Any] = 0.0,
        selection: Literal["min", "one_standard_error"] = "min",
        cv: Any = None,
        scaling: ScalingName = "standard",
        init: Init = "auto",
        fit_intercept: bool = True,
        momentum: float = 0.0,
        nesterov: bool = False,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        random_state: RandomState = None,
    ) -> None:
        self.learning_rates = learning_rates
        self.max_iters = max_iters
        self.alphas = alphas
        self.l1_ratios = l1_ratios
        self.selection = selection
        self.cv = cv
        self.scaling = scaling
        self.init = init
        self.fit_intercept = fit_intercept
        self.momentum = momentum
        self.nesterov = nesterov
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.random_state = random_state

    @with_callbacks
    def fit(
        self,
        X: MatrixLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: MatrixLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
        **params: Any,
    ) -> GradientDescentRegressorCV:
        """Choose on the folds, then descend on all rows.

        Parameters
        ----------
        X : array-like or CSR/CSC matrix of shape (n_samples, n_features)
            Read block by block; no fold is copied. With ``array_api_dispatch`` also an array of another library, as
            for :class:`GradientDescentRegressor`. Where X, y and the weights are arrays or DataFrames of dask, each
            piece sends no more than the moments of its parts of the folds. The rows are collected only with
            ``early_stopping=True``, with fewer rows than features, and where `cv` is a splitter that scikit-learn does
            not have, which may look at X. The row numbers of the folds are in memory, and y where the splitter
            stratifies by it. Where dask does not know the number of rows, a first read counts them.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
        sample_weight : array-like of shape (n_samples,), default=None
            Weights in training and in the test errors.
        X_val, y_val, sample_weight_val
            With ``early_stopping=True``: rows to stop by, for every fold and the final descent.
        **params
            `groups` for the splitter; with metadata routing enabled, all that the splitter requests.

        Returns
        -------
        self : GradientDescentRegressorCV

        Raises
        ------
        ValueError, TypeError
            If a parameter or the data cannot be used; `DivergenceError` (a ValueError) if every learning rate diverges
            on some fold. An earlier fit stays as it was.
        """
        with self._unchanged_on_error():
            self._check()
            cv = check_cv(self.cv)
            split_params = self._split_params(params)
            if X_val is None and self._fit_pieces(X, y, sample_weight, cv, split_params):
                return self
            matrix, target, weight, later = validate_fit(self, X, y, sample_weight)
            rows = Rows.of(matrix, target, weight, unchecked=type(self).__name__ if later else None)
            refuse_too_large(rows.X.shape, rows.n_used, self.fit_intercept)
            train, held_out = self._hold_out(rows, X_val, y_val, sample_weight_val)
            stopping = None
            if self.early_stopping and X_val is None:
                stopping = Stopping(self.validation_fraction, self.random_state)
            if type(cv) is KFold and not (cv.shuffle or split_params or stopping) and cv.n_splits <= len(target):
                splits = splits_in_order(len(target), cv.n_splits)
            else:
                splits = splits_of(cv.split(matrix, target, **split_params), len(target), stopping, weight)
            given = None if stopping is not None else held_out
            with blas_for(*rows.X.shape):
                first = self._first_point(rows.n_features, rows.y.shape[1])
                reads = folds(rows, splits, self.scaling, self.fit_intercept, given, self._asked.base)
                whole = self._search(reads, first)

                settings = self._chosen
                problem = self._charging_chosen(whole)
                if train is not rows:
                    problem = pose(train, self.scaling, self.fit_intercept, settings, problem.penalty)
                data = Data.of(matrix, target, weight, Origin.of(X))
                self._run(problem, settings, starting_point(problem, first), data, held_out)
        return self

    def _fit_pieces(self, X: Any, y: Any, sample_weight: Any, cv: Any, split_params: dict[str, Any]) -> bool:
        """Fit collections of dask by the moments of their pieces; False where that takes the rows themselves."""
        if self.early_stopping or not (are_collections(X, y, sample_weight) and needs_no_rows(cv)):
            return False
        lengths, p = lengths_of(X), X.shape[1] + self.fit_intercept
        if sample_weight is None:
            refuse_too_large((sum(lengths), X.shape[1]), sum(lengths), self.fit_intercept)
        if p > LARGEST_MATRIX or sum(lengths) < p > SMALL_MATRIX:
            return False
        learn_features(self, X, reset=True)
        first = self._first_point(X.shape[1], 1 if y.ndim == 1 else y.shape[1])
        splits = splits_of_collections(cv, y, lengths, split_params)
        reads = folds_of_collections(
            X, y, sample_weight, lengths, splits, self.scaling, self.fit_intercept, self._asked.base
        )
        problem = self._charging_chosen(self._search(reads, first))
        data = Data(None, None, None, y.ndim == 1, dtype_of(X))
        self._run(problem, self._chosen, starting_point(problem, first), data, None)
        return True

    def get_metadata_routing(self) -> MetadataRouter:
        """What `fit` passes on: see scikit-learn's user guide on metadata routing.

        Returns
        -------
        MetadataRouter
        """
        mapping = MethodMapping().add(caller="fit", callee="split")
        return MetadataRouter(owner=self).add_self_request(self).add(splitter=check_cv(self.cv), method_mapping=mapping)

    def _split_params(self, params: dict[str, Any]) -> dict[str, Any]:
        if not params:
            return {}
        if get_config()["enable_metadata_routing"]:
            routed: dict[str, Any] = process_routing(self, "fit", **params).splitter.split
            return routed
        unknown = sorted(set(params) - {"groups"})
        if unknown:
            raise TypeError(
                f"fit got an unexpected argument {unknown[0]!r}: without metadata routing "
                "(sklearn.set_config(enable_metadata_routing=True)) only groups is passed on to cv."
            )
        return params

    @property
    def _regularises_by_stopping(self) -> bool:
        """Every number of steps is a stop before the limit."""
        return True

    def _check(self) -> None:
        super()._check()
        owner = type(self).__name__
        if self.alphas is None and self._asked.ratios.any():
            raise InvalidParameterError(
                f"The 'l1_ratios' parameter of {owner} says which part of a penalty is an L1 penalty, and without "
                f"alphas there is none. Got {self.l1_ratios!r} instead of 0.0: give alphas as well."
            )
        if self.early_stopping and self._asked.goes_to_limits:
            raise InvalidParameterError(
                f"The 'early_stopping' parameter of {owner} must be False where every descent goes to its limit, with "
                "alphas and without learning_rates and max_iters. Got True instead: give max_iters, which are then "
                "upper bounds."
            )

    @property
    def _asked(self) -> Asked:
        """What is to be tried."""
        return Asked(self.learning_rates, self.max_iters, self.alphas, self.l1_ratios)

    def _charging_chosen(self, problem: Problem) -> Problem:
        """The problem with the penalty that was chosen."""
        return problem.charging(Penalty.of(self.alpha_, self.l1_ratio_))

    @property
    def _chosen(self) -> Settings:
        """How to descend with what was chosen."""
        if self.max_iter_ is None:
            return Settings(of_grid=True)
        solver = "loop" if self.alpha_ * self.l1_ratio_ > 0 else "spectral"
        return Settings(self.learning_rate_, self.momentum, self.nesterov, self.max_iter_, solver=solver, of_grid=True)

    def _search(self, reads: Iterator[tuple[Problem, Iterator[Fold]]], first: FirstPoint) -> Problem:
        """Set the grid, its errors and the best of it; return the problem of all rows."""
        whole, errors, stable = None, [], np.inf
        descents = Descents(self.momentum, self.nesterov, self.n_iter_no_change, first)
        for problem, some in reads:
            if whole is None:
                whole = problem
                grid = self._asked.on(problem, descents)
            for fold in some:
                if grid.rates is not None:
                    stable = min(stable, descents.stable_rate(fold.problem.curvature))
                errors.append(fold.errors(grid, descents))
        if whole is None:
            raise ValueError("cv yields no split: it must yield at least one pair of training and test rows.")
        self._choose(whole, grid, errors, stable)
        return whole

    def _choose(self, whole: Problem, grid: Grid, errors: list[tuple[Array, int]], stable: float) -> None:
        """The best of the grid, in units in which the means are finite though in units of y squared they may not be."""
        unit = max(exponent + int(np.frexp(part[np.isfinite(part)].max(initial=0.0))[1]) for part, exponent in errors)
        scaled = np.stack([in_units(part, exponent - unit) for part, exponent in errors], axis=-1)
        means = scaled.mean(axis=-1)
        shape = grid.shape if grid.rates is not None else grid.shape[:2]
        self.mse_path_ = in_units(scaled, unit).reshape(*(shape if self.alphas is not None else shape[2:]), len(errors))
        best = tuple(int(place) for place in np.unravel_index(int(np.argmin(means)), means.shape))
        if not np.isfinite(means[best]):
            self._refuse(whole, grid, stable)
        if self.selection == "one_standard_error" and len(errors) > 1:
            best = grid.simplest(means, best, float(scaled[best].std(ddof=1)) / np.sqrt(len(errors)))
        self.best_score_ = -float(in_units(means[best], unit))
        i, j, rate, step = best
        self.alpha_, self.l1_ratio_ = float(grid.alphas[i, j]), float(grid.l1_ratios[i])
        self.learning_rates_, self.max_iters_ = np.zeros(0), np.zeros(0, dtype=np.int64)
        self.max_iter_ = None
        if grid.rates is not None and grid.steps is not None:
            self.learning_rates_, self.max_iters_ = grid.rates, integers(grid.steps)
            self.learning_rate_, self.max_iter_ = float(grid.rates[rate]), grid.steps[step]
        self.__dict__.pop("alphas_", None)
        if self.alphas is not None:
            self.alphas_ = np.array(grid.alphas if len(grid.l1_ratios) > 1 else grid.alphas[0])

    def _refuse(self, whole: Problem, grid: Grid, stable: float) -> None:
        """Say why no candidate has an error; `stable` is the least of the folds' largest stable rates."""
        if grid.rates is None or grid.rates.min() < stable:
            raise ValueError(
                "The errors on the test rows exceed what float64 holds, whatever the learning rate and the number of "
                "steps: rows of some fold are too far from those it is trained on. Look for entries that are too "
                "large, or use another cv."
            )
        whole_stable = largest_stable_rate(whole.curvature, self.momentum, self.nesterov)
        raise DivergenceError(
            f"Every learning rate diverges on some fold; the smallest is {grid.rates.min():.6g}, and the "
            f"largest stable rate on all rows is {whole_stable:.6g}. Give smaller learning_rates, or a number of them."
        )
