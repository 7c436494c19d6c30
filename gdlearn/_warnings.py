"""Warnings that point at the user's line."""

from __future__ import annotations

import sys
import warnings
from types import FrameType

MACHINERY = {"gdlearn", "sklearn", "joblib", "threading", "multiprocessing", "concurrent", "runpy"}
"""Packages whose frames lie between the user's call and a warning."""


SHOWN_AGAIN = {"always", "all", "error"}
"""What filters do with a warning that has been given before; all others show it once, or not at all."""

_given: set[tuple[str, str, int]] = set()
"""The warnings of searches: text, file and line."""


def warn_where_called(message: str, category: type[Warning]) -> None:
    """Warn at the user's call.

    A search has the same to say of many of its fits, and joblib makes Python forget before each of them what has been
    said. Such a warning is given once at a line, as Python does it, unless a filter wants all.
    """
    frame, among_many = caller()
    module, place = frame.f_globals.get("__name__", "<unknown>"), (frame.f_code.co_filename, frame.f_lineno)
    if among_many and _action(message, category, module, place[1]) not in SHOWN_AGAIN:
        if (message, *place) in _given:
            return
        _given.add((message, *place))
    registry = frame.f_globals.setdefault("__warningregistry__", {})
    warnings.warn_explicit(message, category, *place, module=module, registry=registry)


def _action(message: str, category: type[Warning], module: str, line: int) -> str:
    """What the first filter that matches does with a warning."""
    for action, text, kind, where, number in warnings.filters:
        matches = (text is None or text.match(message)) and (where is None or where.match(module))
        if matches and issubclass(category, kind) and number in (0, line):
            return action
    return "default"


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
