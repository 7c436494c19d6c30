"""What an error is called that is minus a score of scikit-learn."""

from __future__ import annotations

from typing import Any

from sklearn.metrics import get_scorer

MSE = "mean squared error (units of y squared)"

OF_SCORES = {
    "neg_mean_squared_error": MSE,
    "neg_root_mean_squared_error": "root mean squared error (units of y)",
    "neg_mean_absolute_error": "mean absolute error (units of y)",
    "neg_median_absolute_error": "median absolute error (units of y)",
    "neg_max_error": "largest error (units of y)",
    "r2": "−R²",
    "explained_variance": "−explained variance",
}

UNKNOWN = "−mean test score"


def error_name_of(scoring: Any) -> str:
    """The label of minus a score: of one that scikit-learn has a name for, of a scorer, or None where it is unknown."""
    if isinstance(scoring, str):
        if scoring in OF_SCORES:
            return OF_SCORES[scoring]
        return scoring.removeprefix("neg_").replace("_", " ") if scoring.startswith("neg_") else f"−{scoring}"
    known = (name for name in OF_SCORES if repr(get_scorer(name)) == repr(scoring))
    return OF_SCORES.get(next(known, ""), UNKNOWN)
