"""Warnings that point at the user's line."""

from __future__ import annotations

import inspect
import warnings

BETWEEN = ("gdlearn", "sklearn", "joblib")
"""The packages whose frames may lie between the user and us."""


def warn_where_called(message: str, category: type[Warning]) -> None:
    """Warn at the first frame that is neither ours nor of a package that calls us."""
    frame, depth = inspect.currentframe(), 1
    while frame is not None and str(frame.f_globals.get("__name__")).partition(".")[0] in BETWEEN:
        frame, depth = frame.f_back, depth + 1
    warnings.warn(message, category, stacklevel=depth)
