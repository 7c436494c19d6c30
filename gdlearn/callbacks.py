"""Callbacks for the descent, in scikit-learn's protocol (1.9 or later): set them with ``estimator.set_callbacks(...)``.

Scikit-learn's own `sklearn.callback.ProgressBar` and `sklearn.callback.ScoringMonitor` work too. A callback is told of
every step of a loop, and of every step that a closed form records (those of `loss_curve_iterations_`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ._parameters import POSITIVE_INTEGER, InvalidParameterError

__all__ = ["EarlyStopping", "HistoryRecorder"]

STEP = "step"
"""The task that a callback is told of once for every step."""


class HistoryRecorder:
    r"""Record :math:`\theta_k`, :math:`J(\theta_k)`, :math:`\|\nabla J(\theta_k)\|_2` and η at chosen steps.

    Parameters
    ----------
    every : int >= 1, default=1
        Record the first observed step, and after it every n-th with n = `every`.

    Attributes
    ----------
    history_ : dict of list
        "n_iter", "coef", "intercept" (in original units), "loss" (J with its penalty, in units of y squared),
        "gradient_norm" (in scaled coordinates; with an L1 penalty, of J without that penalty) and "learning_rate" at
        each recorded step. Of the last fit only.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from gdlearn import GradientDescentRegressor
    >>> from gdlearn.callbacks import HistoryRecorder
    >>> X, y = load_diabetes(return_X_y=True)
    >>> recorder = HistoryRecorder(every=2)
    >>> model = GradientDescentRegressor(0.1, max_iter=6).set_callbacks(recorder).fit(X, y)  # doctest: +SKIP
    >>> recorder.history_["n_iter"]  # doctest: +SKIP
    [1, 3, 5]
    """

    def __init__(self, every: int = 1) -> None:
        if not POSITIVE_INTEGER(every):
            raise InvalidParameterError(f"every must be an integer >= 1. Got {every!r} instead.")
        self.every = every

    def setup(self, estimator: Any, context: Any) -> None:
        """Forget the last fit."""
        names = ("n_iter", "coef", "intercept", "loss", "gradient_norm", "learning_rate")
        self.history_: dict[str, list[Any]] = {name: [] for name in names}
        self._seen = 0

    def teardown(self, estimator: Any, context: Any) -> None:
        """Nothing to clean up."""

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Nothing to do."""

    def on_fit_task_end(self, estimator: Any, context: Any, *, fitted_estimator: Any = None) -> bool:
        """Record a step."""
        if context.task_name == STEP:
            if self._seen % self.every == 0:
                for name, values in self.history_.items():
                    values.append(getattr(fitted_estimator, f"{name}_"))
            self._seen += 1
        return False


class EarlyStopping:
    """End the descent when the mean squared error on given rows has not fallen for `patience` observed steps.

    The model is the one of the step where the descent ended. ``early_stopping=True`` of the estimator, which needs no
    callback, returns the best one, and in closed form looks at every step and not only at recorded ones.

    Parameters
    ----------
    X_val : array-like or CSR/CSC matrix of shape (n_samples, n_features)
        As the regressor sees X: in a pipeline, transformed by the steps before it.
    y_val : array-like of shape (n_samples,) or (n_samples, n_targets)
    patience : int >= 1, default=10

    Attributes
    ----------
    best_error_ : float
        The least error seen in the last fit.
    best_n_iter_ : int
        The step it was seen at.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from gdlearn import GradientDescentRegressor
    >>> from gdlearn.callbacks import EarlyStopping
    >>> X, y = load_diabetes(return_X_y=True)
    >>> stop = EarlyStopping(X[400:], y[400:], patience=5)
    >>> model = GradientDescentRegressor(0.1, max_iter=900).set_callbacks(stop)  # doctest: +SKIP
    >>> model.fit(X[:400], y[:400]).n_iter_ - stop.best_n_iter_  # doctest: +SKIP
    5
    """

    def __init__(self, X_val: Any, y_val: ArrayLike, patience: int = 10) -> None:
        if not POSITIVE_INTEGER(patience):
            raise InvalidParameterError(f"patience must be an integer >= 1. Got {patience!r} instead.")
        self.X_val, self.y_val, self.patience = X_val, np.asarray(y_val, dtype=np.float64), patience

    def setup(self, estimator: Any, context: Any) -> None:
        """Forget the last fit."""
        self.best_error_, self.best_n_iter_, self._since = np.inf, 0, 0

    def teardown(self, estimator: Any, context: Any) -> None:
        """Nothing to clean up."""

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Nothing to do."""

    def on_fit_task_end(self, estimator: Any, context: Any, *, fitted_estimator: Any = None) -> bool:
        """Whether patience has come to its end."""
        if context.task_name != STEP:
            return False
        error = float(np.mean((self.y_val - fitted_estimator.predict(self.X_val)) ** 2))
        if error < self.best_error_:
            self.best_error_, self.best_n_iter_, self._since = error, fitted_estimator.n_iter_, 0
        else:
            self._since += 1
        return self._since >= self.patience
