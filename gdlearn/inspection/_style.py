"""Style: how the pictures of this package get at matplotlib."""

from __future__ import annotations

from typing import Any


def import_pyplot() -> Any:
    """matplotlib.pyplot; ImportError that names the remedy where it is not installed."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError('Plotting needs matplotlib: pip install "gdlearn[plot]".') from error
    return plt
