"""Progress bars, which rich draws: the extra `progress`, asked for when a bar is."""

from __future__ import annotations

from types import ModuleType


def progress_by_rich() -> ModuleType:
    """`rich.progress`, or an error that says how to get it."""
    try:
        from rich import progress
    except ImportError as error:
        raise ImportError('verbose=1 shows its progress by rich: pip install "gdlearn[progress]".') from error
    return progress
