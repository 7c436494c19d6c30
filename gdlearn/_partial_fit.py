"""partial_fit: rows that come a few at a time, and a descent that waits until its result is asked for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._arrays import Array
from ._base import COURSE, Data, DescendedModel, course_of
from ._cholesky import limit_by_cholesky
from ._coordinates import ScalingName
from ._moments import Moments
from ._namespaces import Origin
from ._parameters import MatrixLike
from ._penalty import Penalty
from ._plan import Settings
from ._problem import Problem
from ._rows import Rows
from ._running_moments import RunningMoments
from ._solve import LARGEST_MATRIX, solve
from ._step_size import Auto
from ._validation import validate_part
from ._warnings import warn_where_called

SEEN = ("n_features_in_", "feature_names_in_")
"""The learned attributes that stay when rows are added."""


@dataclass(frozen=True, eq=False)
class Stream:
    """The rows so far, and the shape and dtype that the model takes from them."""

    running: RunningMoments
    data: Data

    @classmethod
    def of(cls, rows: Rows, data: Data) -> Stream:
        """The first rows."""
        return cls(RunningMoments.of(rows), data)

    def with_rows(self, rows: Rows, data: Data) -> Stream:
        """With more rows; one part in float64 makes the model float64."""
        dtype = np.promote_types(self.data.dtype, data.dtype)
        return Stream(self.running.with_rows(rows), replace(self.data, dtype=dtype))

    def refuse_other_targets(self, y: NDArray[Any]) -> None:
        """Raise where y has another shape than that of the first rows."""
        n_targets = self.running.n_targets
        if (y.ndim == 1) != self.data.one_target or y[:1].size != n_targets:
            shape = "(n_samples,)" if self.data.one_target else f"(n_samples, {n_targets})"
            raise ValueError(f"y has shape {y.shape}, and that of the first call of partial_fit was {shape}.")


@dataclass(frozen=True, eq=False)
class Course:
    """A descent whose limit is known, and all that is needed to tell how it got there."""

    moments: Moments
    scaling: ScalingName
    penalty: Penalty
    settings: Settings
    start: Array

    def found(self, feature_name: Callable[[int], str]) -> dict[str, Any]:
        """The attributes that tell of the descent."""
        problem = Problem.of_moments(self.moments, None, self.scaling, True, self.penalty)
        return course_of(solve(problem, self.settings, self.start, feature_name, None))


class PartlyFitted(DescendedModel):
    """A model to which rows may be added, and of which some attributes are found when they are asked for."""

    @property
    @abstractmethod
    def _settings(self) -> Settings:
        """The parameters of the descent."""

    @property
    @abstractmethod
    def _penalty(self) -> Penalty:
        """What J charges for the slopes."""

    def partial_fit(self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Add rows: the model is then that of a `fit` on all rows so far, in whatever parts and order they came.

        A call costs its own rows. The descent waits until an attribute or a prediction is asked for; what it raises or
        warns of, such as `DivergenceError`, comes from there. In between the estimator holds arrays of the size of a
        d×d matrix, whatever the number of rows, and it pickles. Rows are added to a QR factorisation, so nearly
        collinear features keep their digits. The descent starts where `init` says, also with ``warm_start=True``.

        Parameters
        ----------
        X : array-like or CSR/CSC matrix of shape (n_samples, n_features)
            One row or many, with the columns of the first call.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
        sample_weight : array-like of shape (n_samples,), default=None
            Nonnegative. Where all of them are zero nothing is added.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError, TypeError
            If a parameter or the rows cannot be used. What was added before stays as it was.

        Warns
        -----
        UserWarning
            Where the model came from `fit` or `fit_moments`: their rows are gone, and the rows of this call are the
            first.

        References
        ----------
        Golub, Van Loan (2013), *Matrix Computations*, 6.5.2.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import load_diabetes
        >>> from gdlearn import GradientDescentRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> model = GradientDescentRegressor()
        >>> for part in np.array_split(np.random.default_rng(0).permutation(442), 7):
        ...     model = model.partial_fit(X[part], y[part])
        >>> round(model.score(X, y), 6), bool(np.allclose(model.coef_, GradientDescentRegressor().fit(X, y).coef_))
        (0.517748, True)
        """
        with self._unchanged_on_error():
            self._check()
            self._refuse_early_stopping("partial_fit")
            stream: Stream | None = vars(self).get("_stream")
            anew = stream is None and "coef_" in vars(self)
            matrix, target, weight = validate_part(self, X, y, sample_weight, first=stream is None)
            if stream is not None:
                stream.refuse_other_targets(target)
            if weight is None or weight.any():
                data = replace(Data.of(matrix, target, None, Origin.of(X)), X=None, y=None)
                rows = Rows.of(matrix, target, weight)
                stream = Stream.of(rows, data) if stream is None else stream.with_rows(rows, data)
                self._forget()
                self._stream = stream
        if anew:
            warn_where_called(
                "partial_fit begins anew: it adds to rows that partial_fit has added, and those of the earlier fit are "
                "gone. Add all rows by partial_fit, and take a new estimator, sklearn.base.clone(model), for others.",
                UserWarning,
            )
        return self

    def _forget(self) -> None:
        """Leave of what was learned only the names and the number of the features."""
        self.__dict__ = {name: value for name, value in vars(self).items() if name in SEEN or not name.endswith("_")}

    def __getattr__(self, name: str) -> Any:
        """What a fit has left to be found when it is asked for."""
        stream: Stream | None = vars(self).get("_stream")
        course: Course | None = vars(self).get("_course")
        learned = name.endswith("_") and not name.startswith("_") and name not in SEEN
        if stream is not None and learned and "coef_" not in vars(self):
            with self._unchanged_on_error():
                self._check()
                self._fit_stream(stream.running.moments(), stream.data)
        elif course is not None and name in COURSE:
            self.__dict__.update(course.found(self._feature_name))
            self.__dict__.pop("_course")
        else:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self, name)

    @abstractmethod
    def _fit_stream(self, moments: Moments, data: Data) -> None:
        """Descend on the rows so far."""

    def _may_skip_modes(self, n_samples: int, n_features: int) -> bool:
        """Whether the descent goes to its limit, and nobody looks on: then its modes can wait."""
        if not (n_features < min(n_samples, LARGEST_MATRIX) and self.fit_intercept):
            return False
        settings = self._settings
        if self._penalty.has_lasso:
            return False
        watched = self.verbose or self.check_gradient or self.early_stopping or hasattr(self, "_skl_callbacks")
        return settings.to_limit and isinstance(settings.rate, Auto) and not (settings.wants_loop or watched)

    def _found_directly(self, moments: Moments, data: Data, start: Callable[[Problem], Array]) -> bool:
        """Set the limit by a Cholesky factor, which costs less than modes; False where it does not have all digits.

        `start` says where the descent to it begins, for what is told of it later.
        """
        if not self._may_skip_modes(moments.n_samples, moments.n_features):
            return False
        problem = Problem.before_modes(moments, None, self.scaling, True, self._penalty)
        found = limit_by_cholesky(moments, problem.statistics, problem.coordinates)
        if found is None:
            return False
        begin = start(problem)
        model, minimum = found
        coordinates = problem.coordinates
        self._set_coefficients(coordinates, model, float(coordinates.target_share @ minimum), data)
        self.rank_, self.solver_ = moments.n_features, "spectral"
        for name in ("validation_loss_curve_", "gradient_check_", "optimality_"):
            self.__dict__.pop(name, None)
        self._course = Course(moments, self.scaling, self._penalty, self._settings, begin)
        return True

    def _refuse_early_stopping(self, method: str) -> None:
        if self.early_stopping:
            raise ValueError(f"early_stopping=True holds rows out, and {method} keeps none: use fit(X, y).")
