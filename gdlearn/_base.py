"""What all estimators of this package are: a linear model that a descent has reached, and scikit-learn's face of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from ._arrays import Array, beyond_float64
from ._coordinates import Coordinates, Model
from ._dask import are_collections, predicted, score_of_collections
from ._device import DeviceMatrix
from ._early_stopping import held_out_rows
from ._namespaces import Origin, home, refuse_other_origin
from ._objective import Iterate
from ._observers import CallbackSupportMixin, callback_tasks, progress_bar, together
from ._parameters import (
    BOOLEAN,
    INIT,
    OPEN_FRACTION,
    POSITIVE_INTEGER,
    RANDOM_STATE,
    SCALING,
    MatrixLike,
    Rule,
    check_nesterov,
)
from ._plan import Plan, Settings
from ._problem import FirstPoint, Problem, error_on, first_point
from ._rows import Rows, slices
from ._solve import Solution, solve
from ._validation import is_collection, validate_held_out, validate_predict

SHARED: dict[str, Rule] = {
    "scaling": SCALING,
    "init": INIT,
    "fit_intercept": BOOLEAN,
    "early_stopping": BOOLEAN,
    "validation_fraction": OPEN_FRACTION,
    "n_iter_no_change": POSITIVE_INTEGER,
    "random_state": RANDOM_STATE,
}
"""The parameters that all estimators here have."""


@dataclass(frozen=True, eq=False)
class Data:
    """What a fit was given, and the shape, the dtype and the place that its result takes from there."""

    X: Any
    y: Any
    weight: Array | None
    one_target: bool
    dtype: np.dtype[Any]
    origin: Origin | None = None

    @classmethod
    def of(cls, X: Any, y: NDArray[Any], weight: Array | None, origin: Origin | None) -> Data:
        """Float32 for float32 X, float64 otherwise; one target for y of one dimension."""
        return cls(X, y, weight, y.ndim == 1, np.dtype(np.float32 if X.dtype == np.float32 else np.float64), origin)

    def where_x_lies(self, part: Any) -> Any:
        """X, y, weights or a part of the model, as they come and go."""
        if isinstance(part, DeviceMatrix):
            return part.array
        return self.origin.returned(part) if self.origin is not None and isinstance(part, np.ndarray) else part

    def shaped(self, coef: NDArray[Any], intercept: Array, fit_intercept: bool) -> tuple[NDArray[Any], Any]:
        """`coef_` and `intercept_` from slopes of shape (d, t) and intercepts of shape (t,)."""
        constant = 0.0 if not fit_intercept else intercept[0] if self.one_target else intercept
        return coef[:, 0] if self.one_target else np.ascontiguousarray(coef.T), constant


class DescendedModel(CallbackSupportMixin, MultiOutputMixin, RegressorMixin, BaseEstimator, ABC):
    """A linear model in original units, set by a descent."""

    _rules: ClassVar[dict[str, Rule]]
    """The rules of the parameters that not all estimators here have."""

    # Where the HTML representation links to: the README.
    _doc_link_module = "gdlearn"
    _doc_link_template = "https://pypi.org/project/gdlearn/"

    @abstractmethod
    def fit(self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> DescendedModel:
        """Descend."""

    def predict(self, X: MatrixLike) -> NDArray[np.floating[Any]]:
        """ŷ = intercept_ + X coef_.

        Parameters
        ----------
        X : array-like or CSR/CSC matrix of shape (n_samples, n_features)
            With scikit-learn's ``array_api_dispatch`` also an array of the library and on the device of X in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
            Float32 for float32 X, float64 otherwise; for an array of another library one of that library, on the same
            device. Of dask, and not computed, where X is a collection of dask.

        Raises
        ------
        ValueError, TypeError
            If X cannot be used, or is of another library or on another device than X in `fit`.
        """
        check_is_fitted(self)
        if is_collection(X):
            n_targets = None if self.coef_.ndim == 1 else len(self.coef_)
            return cast("NDArray[np.floating[Any]]", predicted(self, X, n_targets))
        refuse_other_origin(type(self).__name__, "predict", X, self.coef_)
        matrix = validate_predict(self, X)
        coef, intercept = home(self.coef_).T.astype(np.float64), home(self.intercept_)
        prediction: NDArray[Any]
        with beyond_float64():  # also beyond float32
            if isinstance(matrix, DeviceMatrix):
                return cast(NDArray[Any], matrix.prediction(coef, intercept))
            if matrix.dtype != np.float32:
                prediction = np.asarray(np.asarray(matrix @ coef) + intercept)
            else:
                prediction = np.empty((matrix.shape[0], *coef.shape[1:]), dtype=np.float32)
                for rows in slices(*matrix.shape):  # in float64 inside, and never a float64 copy of X
                    prediction[rows] = matrix[rows].astype(np.float64) @ coef + intercept
        origin = Origin.of(X)
        return prediction if origin is None else cast(NDArray[Any], origin.returned(prediction))

    def score(self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """R² = 1 − Σ w(y − ŷ)²/Σ w(y − ȳ)², averaged over targets.

        Parameters
        ----------
        X : array-like or CSR/CSC matrix of shape (n_samples, n_features)
            Of dask as in `fit`: then each piece is scored where it lies.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        float
        """
        if are_collections(X, y, sample_weight):
            check_is_fitted(self)
            return score_of_collections(self, X, y, sample_weight)
        return float(super().score(X, y, sample_weight))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.array_api_support = True
        return tags

    @contextmanager
    def _unchanged_on_error(self) -> Iterator[None]:
        """A fit that fails, or is interrupted, leaves all that an earlier one has learned."""
        before = vars(self).copy()
        try:
            yield
        except BaseException:
            learned = {name: value for name, value in before.items() if _is_learned(name)}
            self.__dict__ = {name: value for name, value in vars(self).items() if not _is_learned(name)} | learned
            raise

    def _feature_name(self, j: int) -> str:
        names = getattr(self, "feature_names_in_", None)
        return f"feature {j}" if names is None else repr(str(names[j]))

    def _first_point(self, n_features: int, n_targets: int) -> FirstPoint:
        """`init`, with "auto" resolved."""
        init = self.init
        if isinstance(init, str) and init == "auto":
            init = "mean" if self._regularises_by_stopping else "zero"
        return first_point(type(self).__name__, init, n_features, n_targets, self.fit_intercept)

    @property
    def _regularises_by_stopping(self) -> bool:
        """Whether the descent is to stop before its limit, so that its start should not cost the model anything."""
        return bool(self.early_stopping)

    def _check(self) -> None:
        """Every parameter by its rule, those that all estimators here share among them."""
        owner = type(self).__name__
        for name, rule in (SHARED | self._rules).items():
            rule.check(owner, name, getattr(self, name))
        check_nesterov(owner, self.nesterov, self.momentum)

    def _hold_out(self, rows: Rows, X_val: Any, y_val: Any, sample_weight_val: Any) -> tuple[Rows, Rows | None]:
        """The rows to descend on, and those that say when to stop."""
        given = X_val is not None or y_val is not None or sample_weight_val is not None
        if given and not self.early_stopping:
            raise ValueError("X_val, y_val and sample_weight_val are for early_stopping=True; it is False here.")
        if not self.early_stopping:
            return rows, None
        if given:
            return rows, Rows.of(*validate_held_out(self, X_val, y_val, sample_weight_val, rows.y.shape[1]))
        held = held_out_rows(rows.X.shape[0], rows.weight, self.validation_fraction, self.random_state)
        return rows.taken(~held), rows.taken(held)

    def _run(
        self, problem: Problem, settings: Settings, start: Array, data: Data, held_out: Rows | None, verbose: int = 0
    ) -> None:
        """Descend and set the model; callbacks and a progress bar look on."""
        watched = None
        if held_out is not None:
            watched = error_on(problem, lambda: held_out, problem.on(held_out), self.n_iter_no_change)
        if not (verbose or hasattr(self, "_skl_callbacks")):
            self._set_model(solve(problem, settings, start, self._feature_name, watched), data)
            return
        plan = Plan.of(problem, settings, early_stopping=held_out is not None)
        n_steps = settings.of_loop[0] if plan.loop and not plan.by_proximal else None
        X, y, weight = map(data.where_x_lies, (data.X, data.y, data.weight))

        def attributes_at(iterate: Iterate, eta: float) -> dict[str, Any]:
            model = problem.coordinates.model(iterate.theta)
            coef, intercept = data.shaped(*problem.coordinates.in_original_units(model), self.fit_intercept)
            return {
                "coef_": data.where_x_lies(coef),
                "intercept_": data.where_x_lies(intercept),
                "n_iter_": iterate.n_steps,
                "loss_": float(problem.coordinates.loss(iterate.value)),
                "gradient_norm_": problem.coordinates.gradient_norm(iterate.gradient),
                "learning_rate_": eta,
            }

        with (
            callback_tasks(self, X, y, weight, n_steps, attributes_at) as callbacks,
            progress_bar(n_steps, wanted=plan.loop and bool(verbose)) as bar,
        ):
            self._set_model(
                solve(problem, settings, start, self._feature_name, watched, together(callbacks, bar)), data
            )

    def _set_model(self, solution: Solution, data: Data) -> None:
        coordinates, descent = solution.problem.coordinates, solution.descent
        self._set_coefficients(coordinates, solution.model, descent.last.value, data)
        self.__dict__.update(course_of(solution))
        self.rank_ = -1
        if solution.problem.spectrum is not None:
            is_full = coordinates.penalty.has_ridge
            self.rank_ = (
                len(coordinates.scale) if is_full else len(solution.problem.modes.eigenvalues) - coordinates.first
            )
        self.solver_ = solution.solver
        for name in ("validation_loss_curve_", "optimality_"):
            self.__dict__.pop(name, None)
        if solution.optimality is not None:
            self.optimality_ = solution.optimality
        if descent.held_out_values is not None:
            self.validation_loss_curve_ = coordinates.loss(descent.held_out_values).tolist()

    def _set_coefficients(self, coordinates: Coordinates, model: Model, value: float, data: Data) -> None:
        """The model in original units, its J, and the scaling that was learned."""
        dtype = data.dtype
        for name in ("_course", *COURSE):
            self.__dict__.pop(name, None)
        coef, intercept = coordinates.in_original_units(model)
        lost = ~coef.any(axis=0) & model.coef.any(axis=0)
        if lost.any() or not (np.isfinite(coef).all() and np.isfinite(intercept).all()):
            raise ValueError(
                "The coefficients exceed what float64 holds, or vanish in it: the sizes of X and y are too far apart. "
                "Multiply X or y by a constant first."
            )
        with np.errstate(over="ignore", under="ignore"):
            rounded = coef.astype(dtype, copy=False)
            if rounded is not coef and np.all(np.abs(rounded - coef) <= np.finfo(dtype).eps * np.abs(coef)):
                # The intercept takes up what rounding the slopes does at the middle of the data.
                intercept = intercept + coordinates.feature_shift @ (coef - rounded.astype(np.float64))
                coef = rounded
            self.loss_ = float(coordinates.loss(value))
            self.feature_shift_ = coordinates.feature_shift
            self.feature_scale_ = coordinates.feature_scale
        self.coef_, self.intercept_ = data.shaped(coef, intercept, self.fit_intercept)
        if data.origin is not None:
            for name, learned in vars(self).items():
                if name.endswith("_") and isinstance(learned, np.ndarray) and learned.dtype.kind in "if":
                    setattr(self, name, data.origin.returned(learned))


def _is_learned(name: str) -> bool:
    """Whether an attribute is what a fit, or rows that were added, have left."""
    return name.endswith("_") or name in ("_course", "_stream")


COURSE = (
    "n_iter_",
    "loss_curve_",
    "loss_curve_iterations_",
    "gradient_norm_",
    "learning_rate_",
    "max_stable_learning_rate_",
    "condition_number_",
)
"""The attributes that tell of the descent, for which its modes or its steps are needed."""


def course_of(solution: Solution) -> dict[str, Any]:
    """The values of `COURSE`."""
    problem, descent, coordinates = solution.problem, solution.descent, solution.problem.coordinates
    with np.errstate(over="ignore", under="ignore"):
        values = (
            descent.last.n_steps,
            coordinates.loss(descent.values).tolist() if coordinates.unit else list(descent.values),
            descent.steps,
            coordinates.gradient_norm(descent.last.gradient),
            descent.rate,
            solution.max_stable_rate,
            np.nan if problem.spectrum is None else problem.modes.condition_number,
        )
    return dict(zip(COURSE, values, strict=True))
