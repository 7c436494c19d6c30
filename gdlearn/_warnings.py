"""Warnings that point at the user's line."""

from __future__ import annotations

import sys
import warnings
from types import FrameType

MACHINERY = {"gdlearn", "sklearn", "joblib", "threading", "multiprocessing", "concurrent", "runpy"}
"""Packages whose frames lie between the user's call and a warning."""


def warn_where_called(message: str, category: type[Warning], frame: FrameType | None = None) -> None:
    """Warn at the user's call, or at the frame that is given."""
    frame = frame or caller()[0]
    warnings.warn_explicit(
        message,
        category,
        frame.f_code.co_filename,
        frame.f_lineno,
        module=frame.f_globals.get("__name__", "<unknown>"),
        registry=frame.f_globals.setdefault("__warningregistry__", {}),
    )


def caller() -> tuple[FrameType, bool]:
    """The frame of the user's call, and whether a search made many of it.

    In a thread of a search the call is on another thread; in another process it is out of sight, and the outermost
    frame of this package stands for it.
    """
    frame: FrameType | None = sys._getframe()
    found, packages = _first_outside(frame)
    among_many = "joblib" in packages
    if found is None and among_many:
        found = next(filter(None, map(_caller_of_joblib, sys._current_frames().values())), None)
    if found is not None:
        return found, among_many
    ours = [frame] if frame is not None else []
    while frame is not None:
        ours += [frame] if _package(frame) == "gdlearn" else []
        frame = frame.f_back
    return ours[-1], among_many


def _first_outside(frame: FrameType | None) -> tuple[FrameType | None, set[str]]:
    """The innermost frame that is not machinery, and the packages of those before it."""
    passed: set[str] = set()
    while frame is not None and (package := _package(frame)) in MACHINERY:
        passed.add(package)
        frame = frame.f_back
    return frame, passed


def _caller_of_joblib(frame: FrameType | None) -> FrameType | None:
    """The innermost frame outside joblib that is not machinery; None in a thread that joblib has started."""
    inside = True  # joblib waits in libraries of all kinds
    while frame is not None and (inside or _package(frame) in MACHINERY):
        inside = inside and _package(frame) != "joblib"
        frame = frame.f_back
    return frame


def _package(frame: FrameType) -> str:
    """The name of the package; of a module run as `__main__` its own, if it has one."""
    name = frame.f_globals.get("__package__") or frame.f_globals.get("__name__") or ""
    return str(name).partition(".")[0]
