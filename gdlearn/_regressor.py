"""GradientDescentRegressor: parameters in, fitted attributes out; no mathematics."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.utils import check_random_state

from ._advice import warn_if_unresolved
from ._arrays import Array
from ._base import Data
from ._coordinates import Model, ScalingName
from ._dask import are_collections, dtype_of, learn_features, lengths_of, moments_of_collections
from ._dask_rows import persisted_rows
from ._gradient_check import GradientCheck, GradientCheckError, check_gradient
from ._moments import Moments, moments_of
from ._namespaces import Origin, home
from ._objective import QuadraticObjective
from ._observers import with_callbacks
from ._parameters import (
    BOOLEAN,
    LEARNING_RATE,
    MOMENTUM,
    NONE,
    NONNEGATIVE,
    NONNEGATIVE_INTEGER,
    POSITIVE,
    POSITIVE_INTEGER,
    SHARE,
    SOLVER,
    Init,
    LearningRate,
    MatrixLike,
    MomentumLike,
    RandomState,
    Rule,
    Solver,
)
from ._partial_fit import PartlyFitted
from ._penalty import Penalty
from ._plan import Plan, Settings
from ._problem import Problem, starting_point
from ._quadratic import Quadratic
from ._row_objective import RowObjective, row_objective
from ._rows import Rows
from ._solve import LARGEST_MATRIX, SMALL_MATRIX, pose, solve
from ._threads import blas_for
from ._validation import validate_fit

RESOLVED = 1e-5
"""λ_min/λ_max from which second moments hold the coefficients to ten digits."""

RULES: dict[str, Rule] = {
    "learning_rate": LEARNING_RATE,
    "alpha": NONNEGATIVE,
    "l1_ratio": SHARE,
    "momentum": MOMENTUM,
    "check_gradient": BOOLEAN,
    "warm_start": BOOLEAN,
    "max_iter": NONE | POSITIVE_INTEGER,
    "tol": NONE | POSITIVE,
    "solver": SOLVER,
    "verbose": BOOLEAN | NONNEGATIVE_INTEGER,
}


class GradientDescentRegressor(PartlyFitted):
    r"""Linear regression trained by gradient descent on the mean squared error, with or without a penalty.

    .. math::
        J(\theta) = \frac1W \sum_n w_n (y_n - \hat y_n)^2
        + \alpha(1 - \rho)\lVert\theta_{1..d}\rVert^2 + 2\alpha\rho\lVert\theta_{1..d}\rVert_1, \qquad
        \theta \leftarrow \theta - \eta\nabla J(\theta)

    from :math:`\theta = 0`, in the scaled coordinates :math:`\hat y = \theta_0 + \tilde x^T\theta_{1..d}`. There is no
    ½ in J, so :math:`\partial J/\partial\theta_k = -\frac2W \sum_n w_n \tilde x_{nk}(y_n - \hat y_n)`.

    With no settings the descent goes to its limit, the least-squares solution (the shortest where there are several),
    as far as float64 resolves it. A number for `learning_rate` gives the iterates of the textbook. J is a quadratic, so
    iterate k has a closed form that costs the same whatever k is; it is used wherever it is cheaper than the loop.

    Where no matrix of the features or of the rows is formed, as with tens of thousands of sparse columns, the loop
    reads X as it is. With ``learning_rate="auto"``, ``momentum="auto"`` and no `max_iter` it then takes the best step
    in the plane of −∇J and the last step: the η and β of θ ← θ + s, s ← βs − η∇J that together minimise J, found anew
    at each step and for each target. That is the method of conjugate gradients in the scaled coordinates.

    Parameters
    ----------
    learning_rate : "auto", float > 0, "exact" or callable, default="auto"
        η. "auto" is 1/L, with L the largest eigenvalue of ∇²J; "exact" the minimiser of J along −∇J at each step; a
        callable takes the step's number k = 0, 1, ... and returns its η.
    alpha : float >= 0, default=0.0
        α, the weight of the penalty on the slopes; the intercept is never penalised. It acts in the scaled coordinates,
        so that with ``scaling="standard"`` it means the same whatever the units of the features; with ``scaling=None``
        it is the `alpha` of `ElasticNet` and `SGDRegressor`, and N times it (the sum of the weights) that of `Ridge`.
    l1_ratio : float in [0, 1], default=0.0
        ρ, the part of the penalty that charges the sizes of the slopes rather than their squares. 0 is ridge
        regression, 1 the lasso, which makes slopes exactly 0. See Notes.
    momentum : "auto" or float in [0, 1), default="auto"
        β in v ← βv − η∇J(θ), θ ← θ + v. "auto" is 0; only a loop with ``learning_rate="auto"`` and without `max_iter`,
        on its way to a tolerance or the limit, is accelerated: by the best β of each step where no matrix is formed,
        and by Nesterov's sequence with restarts on a matrix and with ``early_stopping=True``, where large steps would
        leave too few to choose from.
    nesterov : bool, default=False
        Whether the gradient is taken at θ + βv, which needs a momentum.
    scaling : "standard", "minmax", "maxabs" or None, default="standard"
        Coordinates of the descent: those of StandardScaler, MinMaxScaler, MaxAbsScaler, or of the features as given.
        Without an intercept a scaling divides but does not shift.
    init : "auto", "zero", "mean" or array-like, default="auto"
        Where the descent starts. "zero" is the textbook; "mean" starts the intercept at the weighted mean of y, so that
        an offset of y does not matter to a descent that stops early; "auto" is "mean" with ``early_stopping=True`` and
        "zero" otherwise. An array of shape (n_features + 1,) or (n_targets, n_features + 1) is a model in original
        units, the intercept first; without an intercept of shape (n_features,) or (n_targets, n_features).
    fit_intercept : bool, default=True
        If False, the model goes through the origin of the original units.
    max_iter : int >= 1 or None, default=None
        Without `tol`: the exact number of steps, with no warning however far the limit still is. With `tol`: the
        largest number of steps, with a warning if they do not reach the tolerance.
    tol : float > 0 or None, default=None
        Stop when the norm of the gradient is at most `tol` times its typical size: at the first k ≥ 1 with
        ‖∇J(θ_k)‖₂ ≤ tol · 2 · ‖X̃‖_F/√W · σ_y for every target. X̃ are the scaled features (each row times the root of
        its weight, and a column of ones for the intercept), W is the sum of the weights, and σ_y is the standard
        deviation of the target. With `max_iter` and `tol` both None the descent goes to its limit; a loop then takes
        tol=1e-8 and max_iter=1000. If its steps are the best in a plane, it ends instead where all further ones would
        lower J by about 1e-10 of the variance of each target, judged by the gains of the last half (ten at least).
    solver : "auto", "spectral" or "loop", default="auto"
        How the iterates are computed: in closed form ("spectral"), step by step ("loop"), or whichever is cheaper. The
        iterates themselves are the same.
    check_gradient : bool, default=False
        Verify the analytic partials by finite differences before descending (see :func:`check_gradient`).
    early_stopping : bool, default=False
        Hold rows out and return the iterate k ≥ 1 with the least error on them: the descent ends when that error has
        not fallen for `n_iter_no_change` steps. `max_iter` and `tol` hold too.
    validation_fraction : float in (0, 1), default=0.1
        With early stopping: the share of the rows that ``train_test_split`` of scikit-learn holds out, unless `fit` is
        given X_val and y_val. Rows held out take no part in scaling or descent.
    n_iter_no_change : int >= 1, default=10
        With early stopping: the number of steps to wait for a smaller error on the held-out rows.
    warm_start : bool, default=False
        Start from the fitted coefficients rather than from zero.
    random_state : int, RandomState or None, default=None
        For the rows that early stopping holds out and the random points of ``check_gradient=True``; the descent itself
        is deterministic.
    verbose : int, default=0
        If positive, loops show a progress bar by rich (extra ``progress``); the closed form takes no steps to show.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        Slopes in the original units of X and y; float32 for float32 X, float64 otherwise.
    intercept_ : float or ndarray of shape (n_targets,)
        In the units of y; 0.0 without an intercept.
    n_iter_ : int
        The number of steps behind the model. With neither `max_iter` nor `tol` it is the number of steps that a loop
        would have needed until the fitted values differ from the limit by less than rounding; in closed form none of
        them is taken. With early stopping it is the best step; the recorded curves go on for `n_iter_no_change` more.
        With an L1 penalty its steps are taken; it is 0 where the accelerated descent starts at the minimum.
    loss_ : float
        J on the training data at the end, summed over targets, in units of y squared.
    loss_curve_ : list of float
        J at each recorded step, the start first.
    loss_curve_iterations_ : list of int
        The recorded steps: every step if there are at most 1,000, otherwise 250 of them, log-spaced.
    validation_loss_curve_ : list of float
        With early stopping: J on the held-out rows at each recorded step.
    gradient_norm_ : float
        ‖∇J‖₂ at the end, in scaled coordinates; with an L1 penalty, of J without that penalty.
    optimality_ : float
        With an L1 penalty: by how much the slopes miss the condition of a minimum, relative to 2αρ; the largest over
        slopes and targets. With ∂ⱼ the partial derivative of J without its L1 part it is |∂ⱼ + 2αρ sign θⱼ| where
        θⱼ ≠ 0 and max(|∂ⱼ| − 2αρ, 0) where θⱼ = 0. It is what `tol` limits then. Where 2αρ is less than a millionth of
        the largest |∂ⱼ| at slopes of 0, it is relative to that millionth, for partial derivatives are rounded. The
        default descent takes the intercept for its best value, and ∂ⱼ from the rows where second moments may be too
        coarse for it; where the rows are not at hand, what rounding may come to is added.
    learning_rate_ : float
        The η used (at the last step, where it changes; of a best step in a plane it may exceed the largest stable one).
        An accelerated descent with an L1 penalty runs in the coordinates that suit it best, and its η is of these.
    max_stable_learning_rate_ : float
        2/L, at and above which plain descent does not converge; with momentum its own limit. Where no matrix was formed
        L is bounded from above by a few products with X, so that this may be a few percent too small, never too large.
        Of fifteen steps or more that are the best in a plane it is an estimate that they give without a further
        product, and may be a few percent too large.
    condition_number_ : float
        λ_max/λ_min of ∇²J in scaled coordinates, ignoring exactly collinear directions; NaN where no matrix was formed.
        A ridge term is a part of ∇²J, and raises each λ of the slopes by α(1 − ρ).
    rank_ : int
        The numerical rank of the scaled features: the number of directions along which they vary by more than float64
        has rounded them; -1 where no matrix was formed. With a ridge term it is `n_features_in_`, for all count.
    feature_shift_ : ndarray of shape (n_features,)
        What the scaling subtracts from each feature, x̃ = (x − feature_shift_)/feature_scale_: its mean under
        "standard", its minimum under "minmax", 0 under "maxabs", under None and without an intercept.
    feature_scale_ : ndarray of shape (n_features,)
        What it divides by.
    solver_ : str
        "spectral" or "loop".
    gradient_check_ : GradientCheck
        With ``check_gradient=True``: the check that came closest to failing.
    n_features_in_ : int
        The number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Where all feature names are strings.

    See Also
    --------
    GradientDescentRegressorCV : Learning rate and number of steps by cross-validation.
    gradient_descent_path : All iterates at once.
    sklearn.linear_model.LinearRegression : The limit, by LAPACK's least squares.

    Notes
    -----
    A ridge term makes J another quadratic: everything said of the descent holds, its limit is the one solution, and
    `loss_` and `loss_curve_` are J with the penalty, the curve on held-out rows the error without. With an L1 penalty J
    has a kink where a slope is 0, and a step is proximal: θ ← S(θ − η∇), ∇ the gradient of the rest of J and S the map
    of each slope to sign(θⱼ)·max(|θⱼ| − 2ηαρ, 0), whose zeros are exact. A number for `learning_rate`, or `max_iter`,
    gives plain proximal descent in a loop. With neither, the descent is accelerated, and as soon as the signs of the
    slopes let the limit be computed, it ends there, after 20,000 steps in any case. Where `tol` is given it limits
    `optimality_`.

    With ``scaling=None`` a penalty charges a feature in millimetres a thousand times less than the same in metres,
    whose slope is so much larger; standardised features are charged alike (see Examples).

    Few steps from zero shrink the model, the intercept too: they leave part of the mean of y unfitted, unless
    ``init="mean"``. For small η only the product ηk matters, and with the default rate few steps do much: a smaller one
    resolves the best step better, at no cost in closed form.

    With ``sklearn.config_context(array_api_dispatch=True)``, which needs ``SCIPY_ARRAY_API=1`` in the environment, X, y
    and weights may be arrays of PyTorch, CuPy and other libraries of the array API. On the CPU they are read where they
    are. On another device second moments and the products of a loop are computed there, in float64; rows come to the
    CPU, block by block, where features are nearly collinear and where rows are fewer than columns. All of X comes where
    it has another dtype than float32 and float64, the device has no float64, or the call is `partial_fit`. Fitted
    arrays and predictions are then of the library of X and on its device.

    References
    ----------
    Boyd, Vandenberghe (2004), *Convex Optimization*, 9.3. https://web.stanford.edu/~boyd/cvxbook/
    Nocedal, Wright (2006), *Numerical Optimization*. https://doi.org/10.1007/978-0-387-40065-5

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from gdlearn import GradientDescentRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = GradientDescentRegressor().fit(X, y)
    >>> round(model.score(X, y), 6)
    0.517748

    Three steps by hand: one feature, no intercept, y = 2x. J = mean (2x − θx)² = (2 − θ)²·(1 + 4 + 9)/3, so ∂J/∂θ =
    −28/3·(2 − θ), and with η = 0.05 each step covers 0.05·28/3 = 7/15 of the remaining distance to θ = 2:

    >>> for k in 1, 2, 3:
    ...     model = GradientDescentRegressor(learning_rate=0.05, max_iter=k, scaling=None, fit_intercept=False)
    ...     print(k, model.fit([[1.0], [2.0], [3.0]], [2.0, 4.0, 6.0]).coef_.round(6))
    1 [0.933333]
    2 [1.431111]
    3 [1.696593]

    An L1 penalty leaves out features. What it leaves out depends on the units, unless features are standardised:

    >>> lasso = GradientDescentRegressor(alpha=10.0, l1_ratio=1.0).fit(X, y)
    >>> (lasso.coef_ != 0).tolist()
    [False, False, True, True, False, False, True, False, True, False]
    >>> same = GradientDescentRegressor(alpha=10.0, l1_ratio=1.0).fit(1000 * X, y)
    >>> bool(((same.coef_ != 0) == (lasso.coef_ != 0)).all())
    True
    >>> as_given = GradientDescentRegressor(alpha=10.0, l1_ratio=1.0, scaling=None)
    >>> [int((as_given.fit(c * X, y).coef_ != 0).sum()) for c in (1, 100, 1000)]
    [0, 7, 10]
    """

    _rules = RULES

    def __init__(
        self,
        learning_rate: LearningRate = "auto",
        *,
        alpha: float = 0.0,
        l1_ratio: float = 0.0,
        momentum: MomentumLike = "auto",
        nesterov: bool = False,
        scaling: ScalingName = "standard",
        init: Init = "auto",
        fit_intercept: bool = True,
        max_iter: int | None = None,
        tol: float | None = None,
        solver: Solver = "auto",
        check_gradient: bool = False,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        warm_start: bool = False,
        random_state: RandomState = None,
        verbose: int = 0,
    ) -> None:
        self.learning_rate = learning_rate
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.momentum = momentum
        self.nesterov = nesterov
        self.scaling = scaling
        self.init = init
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.solver = solver
        self.check_gradient = check_gradient
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

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
    ) -> GradientDescentRegressor:
        """Descend on the mean squared error of the rows of X and y.

        Parameters
        ----------
        X : array-like or CSR/CSC matrix of shape (n_samples, n_features)
            Read block by block, never copied or densified as a whole. With ``array_api_dispatch`` X may be an array of
            another library, such as PyTorch (see Notes of the class), and y and weights of the same or any other.
            Where X, y and the weights are arrays or DataFrames of dask, each piece becomes moments where it lies, and
            only these are sent and added: no row is collected, unless ``early_stopping=True`` or there are fewer rows
            than features. With more than 8,192 of both the pieces are kept where they lie, and each step sends theta
            there and takes predictions back; blocks may be sparse.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
        sample_weight : array-like of shape (n_samples,), default=None
            Nonnegative. A row of weight k counts as k equal rows, one of weight 0 as none, in the scaling too.
        X_val, y_val, sample_weight_val
            With ``early_stopping=True``: the rows to stop by, like X, y and sample_weight; none of X is then held out.
            In a pipeline, ``Pipeline(..., transform_input=["X_val"])`` transforms them as it does X.

        Returns
        -------
        self : GradientDescentRegressor

        Raises
        ------
        ValueError, TypeError
            If a parameter or the data cannot be used. `DivergenceError` (a ValueError) if the learning rate is not
            below the largest stable one and no `max_iter` ends the descent, or if J is no longer finite;
            `GradientCheckError` (a ValueError) if a gradient check fails. An earlier fit stays as it was.

        Warns
        -----
        ConvergenceWarning
            If `max_iter` came before `tol`, rounding keeps `optimality_` above 1e-6, or the learning rate is too large
            and the result finite. The message says what would help; what it offers has been computed. In a search it is
            one line, the same for every fold.
        """
        with self._unchanged_on_error():
            self._check()
            if not (X_val is None and self._fit_pieces(X, y, sample_weight)):
                self._fit_rows(X, y, sample_weight, (X_val, y_val, sample_weight_val))
            self.__dict__.pop("_stream", None)
        return self

    def _fit_rows(self, X: Any, y: Any, sample_weight: Any, later: tuple[Any, Any, Any]) -> None:
        """Fit rows that are in memory; by the `later` ones, if they are given, early stopping stops."""
        matrix, target, weight, unchecked = validate_fit(self, X, y, sample_weight)
        rows = Rows.of(matrix, target, weight, unchecked=type(self).__name__ if unchecked else None)
        rows, held_out = self._hold_out(rows, *later)
        data = Data.of(matrix, target, weight, Origin.of(X))
        with blas_for(*rows.X.shape):
            moments = None
            if self._may_skip_modes(*rows.X.shape) and not sparse.issparse(rows.X):
                moments = moments_of(rows, extremes=self.scaling in ("minmax", "maxabs"))
            if moments is None or not self._found_directly(moments, data, self._start):
                problem = pose(rows, self.scaling, self.fit_intercept, self._settings, self._penalty, moments)
                self._descend(problem, rows, held_out, data)

    @with_callbacks
    def fit_moments(self, moments: Moments) -> GradientDescentRegressor:
        """Descend on rows of which only the moments are at hand.

        Any engine that can map `Moments.from_data` over pieces of the data and add the results can feed a fit.

        Parameters
        ----------
        moments : Moments
            With ``extremes=True`` for `scaling` "minmax" and "maxabs"; with ``root=True`` where features are nearly
            collinear.

        Returns
        -------
        self : GradientDescentRegressor

        Raises
        ------
        ValueError, TypeError
            As `fit`, and if the moments lack what the scaling needs.

        Warns
        -----
        ConvergenceWarning
            If features are so nearly collinear that second moments do not resolve them.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from gdlearn import GradientDescentRegressor, Moments
        >>> X, y = load_diabetes(return_X_y=True)
        >>> pieces = [Moments.from_data(X[i::4], y[i::4]) for i in range(4)]
        >>> model = GradientDescentRegressor().fit_moments(pieces[0] + pieces[1] + pieces[2] + pieces[3])
        >>> round(model.score(X, y), 6)
        0.517748
        """
        if not isinstance(moments, Moments):
            raise TypeError(
                f"moments must be a gdlearn.Moments, got {type(moments).__name__}: use Moments.from_data(X, y)."
            )
        with self._unchanged_on_error():
            self._check()
            self._refuse_early_stopping("fit_moments")
            data = Data(None, None, None, moments.n_targets == 1, np.dtype(np.float64))
            self.__dict__.pop("feature_names_in_", None)
            self.n_features_in_ = moments.n_features
            if moments.feature_names is not None:
                self.feature_names_in_ = np.array(moments.feature_names, dtype=object)
            if not self._found_directly(moments, data, self._start):
                problem = Problem.of_moments(moments, None, self.scaling, self.fit_intercept, self._penalty)
                warn_if_unresolved(problem)
                self._descend(problem, None, None, data)
            self.__dict__.pop("_stream", None)
        return self

    def _fit_pieces(self, X: Any, y: Any, sample_weight: Any) -> bool:
        """Fit collections of dask by the moments of their pieces; False where that takes the rows themselves."""
        if self.early_stopping or not are_collections(X, y, sample_weight):
            return False
        if X.shape[1] + self.fit_intercept > LARGEST_MATRIX:
            return self._fit_persisted(X, y, sample_weight)
        learn_features(self, X, reset=True)
        extremes = self.scaling in ("minmax", "maxabs")  # which take as long as all else
        moments = moments_of_collections(X, y, sample_weight, extremes=extremes)
        if moments.n_features > max(SMALL_MATRIX, moments.n_samples):
            return False
        problem = Problem.of_moments(moments, None, self.scaling, self.fit_intercept, self._penalty)
        # An L1 penalty asks for no modes; others are read once more, for the digits that squares have lost.
        if not problem.penalty.has_lasso and problem.modes.smallest < RESOLVED:
            moments = moments_of_collections(X, y, sample_weight, extremes=extremes, root=True)
            problem = Problem.of_moments(moments, None, self.scaling, self.fit_intercept, self._penalty)
        self._descend(problem, None, None, Data(None, None, None, y.ndim == 1, dtype_of(X)))
        return True

    def _fit_persisted(self, X: Any, y: Any, sample_weight: Any) -> bool:
        """Fit collections of dask by products with their pieces; False where the rows themselves are needed."""
        if self.solver == "spectral" or self._penalty.has_lasso or sum(lengths_of(X)) <= LARGEST_MATRIX:
            return False
        learn_features(self, X, reset=True)
        rows = persisted_rows(X, y, sample_weight)
        if rows.n_used <= LARGEST_MATRIX:
            return False
        problem = Problem.of_rows(rows, self.scaling, self.fit_intercept, self._penalty)
        self._descend(problem, rows, None, Data(None, None, None, y.ndim == 1, dtype_of(X)))
        return True

    def _fit_stream(self, moments: Moments, data: Data) -> None:
        def start(problem: Problem) -> Array:  # of the model so far there is none: that is what is asked for
            return starting_point(problem, self._first_point(moments.n_features, moments.n_targets))

        if self._found_directly(moments, data, start):
            return
        problem = Problem.of_moments(moments, None, self.scaling, self.fit_intercept, self._penalty)
        begin = start(problem)
        self._verify(problem, None, begin)
        self._set_model(solve(problem, self._settings, begin, self._feature_name, None), data)

    @property
    def _settings(self) -> Settings:
        return Settings(self.learning_rate, self.momentum, self.nesterov, self.max_iter, self.tol, self.solver)

    @property
    def _penalty(self) -> Penalty:
        return Penalty.of(float(self.alpha), float(self.l1_ratio))

    def _descend(self, problem: Problem, rows: Rows | None, held_out: Rows | None, data: Data) -> None:
        start = self._start(problem)
        self._verify(problem, rows, start)
        self._run(problem, self._settings, start, data, held_out, self.verbose)

    def _verify(self, problem: Problem, rows: Rows | None, start: Array) -> None:
        """Set `gradient_check_` where it is asked for."""
        self.__dict__.pop("gradient_check_", None)
        if self.check_gradient:
            self.gradient_check_ = self._verified(problem, rows, start)

    def _start(self, problem: Problem) -> Array:
        """Where `init` says, or the fitted coefficients, in the coordinates of the problem."""
        d, t = len(problem.coordinates.scale), len(problem.coordinates.target_exponent)
        if not (self.warm_start and hasattr(self, "coef_")):
            return starting_point(problem, self._first_point(d, t))
        coef = np.atleast_2d(home(self.coef_)).T.astype(np.float64)
        if coef.shape != (d, t):
            raise ValueError(
                f"warm_start=True needs the shape of the earlier fit, {coef.shape[0]} features and {coef.shape[1]} "
                f"targets; got {d} and {t}. Use warm_start=False or a new estimator."
            )
        intercept = np.atleast_1d(home(self.intercept_)).astype(np.float64) * np.ones(t)
        return starting_point(problem, Model(coef, intercept))

    def _verified(self, problem: Problem, rows: Rows | None, start: Array) -> GradientCheck:
        """Check a step of the descent that is to be used against J on the rows, at the start and two random points."""
        objective: QuadraticObjective | RowObjective = problem.objective
        # An L1 penalty has no gradient where a slope is 0: what is to be verified is that of the rest.
        smooth = replace(problem.coordinates, penalty=problem.coordinates.penalty.smooth)
        if isinstance(objective, Quadratic):
            objective = replace(objective, modes=None, coordinates=smooth)  # the modes are what is to be verified
        if rows is not None:
            objective = row_objective(rows, smooth)
        # A shift that is a mean is rounded; any other is exact.
        rest = problem.statistics.feature_rest * problem.coordinates.centred
        rounding = rest / problem.coordinates.scale

        def value(theta: Array) -> float:
            if not (self.fit_intercept and rounding.any()):
                return objective.value(theta)
            # The rows are shifted by the rounded means, the moments by the means themselves.
            return objective.value(np.vstack([theta[:1] - rounding @ theta[1:], theta[1:]]))

        plan = Plan.of(problem, self._settings)
        random = check_random_state(self.random_state)
        square = problem.feature_square
        size = np.concatenate([np.ones(int(self.fit_intercept)), 1.0 / np.sqrt(np.where(square > 0, square, 1.0))])
        spread = size[:, None] * np.where(problem.target_scale > 0, problem.target_scale, 1.0)
        points = [start] + [start + spread * random.standard_normal(start.shape) for _ in range(2)]
        checks = [check_gradient(value, lambda theta: plan.gradient(problem, theta), point) for point in points]
        worst = max(checks, key=lambda check: check.relative_error - check.tolerance)
        if worst.passed is False:
            raise GradientCheckError(
                f"The gradient check failed: error {worst.relative_error:.3g}, tolerance {worst.tolerance:.3g}."
                f" Worst at coordinate {worst.worst_coordinate} of theta: analytic {worst.analytic:.6g}, finite "
                f"difference {worst.numeric:.6g}. One of J and ∇J is wrong; please report this with your data's shape."
            )
        return worst
