"""Functions typed as text: how long hostile texts take to be read, and values beside SymPy's lambdify."""

from __future__ import annotations

import runpy
import statistics
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import sympy
from problems import Array
from sympy.core.cache import clear_cache

from gdlearn.symbolic import ExpressionError, SymbolicFunction

HOSTILE = Path(__file__).parents[1] / "tests" / "data" / "hostile_texts.py"
FUNCTIONS = (
    "x**2*y + sin(x*y)",
    "(1 - x)**2 + 100*(y - x**2)**2",
    "exp(-x**2 - y**2)*cos(3*x*y)",
    "ln(x)*sqrt(y)/(x + y)",
)


def read(text: str) -> bool:
    """Whether a text is read as a function."""
    try:
        SymbolicFunction(text)
    except ExpressionError:
        return False
    return True


def reading() -> list[tuple[str, int, float, float, float]]:
    """Of the texts that are read and of those that are refused: how many, seconds (median, slowest), peak MB."""
    found: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    read("x")
    for _, _, text in runpy.run_path(str(HOSTILE))["TEXTS"]:
        start = time.perf_counter()
        outcome = read(text)
        seconds = time.perf_counter() - start
        clear_cache()
        tracemalloc.start()
        read(text)
        found[outcome].append((seconds, tracemalloc.get_traced_memory()[1] / 1e6))
        tracemalloc.stop()
    rows = []
    for outcome, measured in found.items():
        seconds_of, megabytes = zip(*measured, strict=True)
        name = "read" if outcome else "refused"
        rows.append((name, len(measured), statistics.median(seconds_of), max(seconds_of), max(megabytes)))
    return rows


def contenders(text: str) -> dict[str, Callable[[Array, Array], object]]:
    """Values and gradients of a function at points of shape (n, 2), by name."""
    f = SymbolicFunction(text, variables=["x", "y"])
    symbols = [sympy.Symbol(name, real=True) for name in f.variables]
    value = sympy.lambdify(symbols, f.expression, "numpy")
    partials = sympy.lambdify(symbols, list(f.partials.values()), "numpy")
    return {
        "gdlearn, value": lambda points, _: f(points, outside="nan"),
        "lambdify, value": lambda points, _: value(*points.T),
        "gdlearn, gradient": lambda points, _: f.gradient_at(points, outside="nan"),
        "lambdify, gradient": lambda points, _: np.stack(np.broadcast_arrays(*partials(*points.T)), axis=-1),
    }
