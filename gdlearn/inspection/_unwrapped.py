"""The estimator within a fitted search or Pipeline, and X as it reaches it."""

from __future__ import annotations

from typing import Any

from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from .._parameters import NONNEGATIVE, SHARE
from .._penalty import Penalty
from .._regressor import GradientDescentRegressor


def unwrapped(estimator: Any, X: Any = None) -> tuple[Any, Any]:
    """The last step of the best estimator, and X as the steps before it transform it; NotFittedError where it is not.

    What is neither a search nor a Pipeline comes back as it is, fitted or not.
    """
    if is_search(estimator):
        check_is_fitted(estimator)
        if hasattr(estimator, "best_estimator_"):  # a search with refit=False has none
            return unwrapped(estimator.best_estimator_, X)
    elif isinstance(estimator, Pipeline):
        check_is_fitted(estimator)
        if len(estimator.steps) > 1 and X is not None:
            X = _transformed(estimator[:-1], X)
        return unwrapped(estimator.steps[-1][1], X)
    return estimator, X


def is_search(estimator: Any) -> bool:
    """Whether it is a search over the parameters of another estimator, not the class of one."""
    return hasattr(estimator, "estimator") and hasattr(estimator, "refit") and not isinstance(estimator, type)


def ridge_of(owner: str, estimator: GradientDescentRegressor) -> Penalty:
    """The ridge term of the estimator, with which J is a quadratic; an L1 penalty is refused."""
    alpha, l1_ratio = estimator.alpha, estimator.l1_ratio
    NONNEGATIVE.check(owner, "alpha", alpha)
    SHARE.check(owner, "l1_ratio", l1_ratio)
    penalty = Penalty.of(float(alpha), float(l1_ratio))
    if penalty.has_lasso:
        raise ValueError(
            f"{owner} needs a J that is a quadratic, and l1_ratio={l1_ratio!r} makes kinks where a slope is 0. Use "
            "l1_ratio=0 or alpha=0; RegularizationPathDisplay and LossCurveDisplay show descents with an L1 penalty."
        )
    return penalty


def _transformed(steps: Pipeline, X: Any) -> Any:
    """X after the steps, with the names of its columns where pandas can hold them."""
    through = steps.transform(X)
    if hasattr(through, "columns") or not hasattr(X, "columns") or not hasattr(steps, "get_feature_names_out"):
        return through
    try:
        from pandas import DataFrame
        from scipy.sparse import issparse

        return through if issparse(through) else DataFrame(through, columns=list(steps.get_feature_names_out()))
    except (ImportError, AttributeError):  # no pandas, or a step that does not name what it makes
        return through
