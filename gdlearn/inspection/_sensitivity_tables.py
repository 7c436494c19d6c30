"""The tables of a sensitivity: one row a parameter, one row a mode; and how they are written."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._arrays import EPS, Array, in_units
from .._first_step import first_step
from .._problem import Problem, starting_point
from .._recurrence import FAR, Recurrence
from .._tables import html_table
from ._diagnosis import Case, explodes, extreme_parts, leading, short

STALLS = 1_000_000
"""Steps beyond which a mode is said to stall."""

INTERCEPT = "(intercept)"

MOST_ROWS = 12
"""Of a longer table the first rows and the last are shown."""


def with_intercept(problem: Problem, values: Array) -> Array:
    """Numbers of the features, after that of the intercept's column of ones where there is one."""
    return np.concatenate([[1.0] * problem.coordinates.fit_intercept, values])


def features_table(case: Case, vectors: Array) -> dict[str, list[Any]]:
    problem, modes = case.problem, case.problem.modes
    chart = problem.coordinates
    square = with_intercept(problem, problem.feature_square)
    standard, there = case.standard.coordinates, case.standard.feature_square
    original = in_units(  # of x = shift + scale·x̃, where x̃ has mean zero or the shift is zero
        np.sqrt(standard.scale**2 * there + standard.shift**2), standard.exponent
    )
    partial = np.linalg.norm if problem.target_scale.size > 1 else np.sum
    curvature = with_intercept(problem, problem.feature_square + float(problem.penalty.ridge))
    steepest, flattest = extreme_parts(case).T
    gradient = -2.0 * vectors @ (modes.eigenvalues[:, None] * modes.optimum)
    return {
        "feature": [INTERCEPT] * problem.coordinates.fit_intercept + case.names,
        "scale": np.sqrt(square).tolist(),
        "original_scale": with_intercept(problem, original).tolist(),
        "partial": partial(in_units(gradient, chart.target_exponent), axis=1).tolist(),
        "curvature": (2.0 * curvature).tolist(),
        "steepest": steepest.tolist(),
        "flattest": flattest.tolist(),
        "share": shares(modes.eigenvalues, vectors, curvature).tolist(),
    }


def shares(eigenvalues: Array, vectors: Array, curvature: Array) -> Array:
    r"""The share of each parameter in log κ; zero for all where κ = 1.

    Parameters
    ----------
    eigenvalues : ndarray of shape (m,)
        Descending.
    vectors : ndarray of shape (p, m)
    curvature : ndarray of shape (p,)
        Half of ∂²J/∂θ² of each parameter, of which the median on a log scale is λ̄.
    """
    if len(eigenvalues) == 0 or eigenvalues[0] == eigenvalues[-1]:
        return np.zeros(len(vectors))
    logs = np.log([eigenvalues[0], eigenvalues[-1]])
    typical = np.clip(np.median(np.log(curvature[curvature > 0])), logs[1], logs[0])
    steep, flat = logs[0] - typical, typical - logs[1]
    share: Array = (steep * vectors[:, 0] ** 2 + flat * vectors[:, -1] ** 2) / (logs[0] - logs[1])
    return share


def modes_table(case: Case, vectors: Array) -> dict[str, list[Any]]:
    problem, plan = case.problem, case.plan
    values, bound = problem.modes.eigenvalues, EPS * problem.target_scale
    grows = explodes(plan, values)
    recurrence = plan.recurrence(problem.modes)
    steps = []
    closed = plan.closed_form(problem, starting_point(problem, "zero"))
    for weight, h, without_end in zip(closed.fit_square, recurrence.h, grows, strict=True):
        alone = Recurrence(np.array([h]), plan.momentum, plan.nesterov)
        steps.append(np.inf if without_end else float(first_step(weight[None], bound, alone, FAR)))
    names = [INTERCEPT] * problem.coordinates.fit_intercept + case.names
    leaders = [leading(vector**2)[:3] for vector in vectors.T]
    return {
        "eigenvalue": values.tolist(),
        "factor": _factors(recurrence).tolist(),
        "verdict": [
            "explodes" if explodes_ else "stalls" if k > STALLS else "converges"
            for explodes_, k in zip(grows, steps, strict=True)
        ],
        "steps": steps,
        "leading": [", ".join(names[j] for j in some) for some in leaders],
    }


def _factors(recurrence: Recurrence) -> Array:
    """1 − 2ηλ; with momentum the larger root, its sign that of half the sum of both."""
    if not recurrence.beta:
        return 1.0 - recurrence.h
    half, root = recurrence.roots
    sign = np.where(half < 0, -1.0, 1.0)
    factor: Array = sign * np.abs(half + sign * root)
    return factor


def as_frame(columns: dict[str, list[Any]]) -> Any:
    """A DataFrame where pandas is installed."""
    try:
        from pandas import DataFrame
    except ImportError:
        return columns
    return DataFrame(columns)


def cells(table: Any, order: Any = None, gap: str = "...") -> list[list[str]]:
    """The header and the rows as text; of a long table the first rows and the last."""
    columns = {name: list(table[name]) for name in table}
    n = len(next(iter(columns.values())))
    rows = list(range(n)) if order is None else [int(i) for i in order]
    lines = [list(columns)] + [[_cell(column[i]) for column in columns.values()] for i in rows]
    if n > MOST_ROWS:
        lines[MOST_ROWS - 1 : -2] = [[gap] * len(columns)]
    return lines


def text_table(table: Any, order: Any = None) -> str:
    """The table with aligned columns."""
    lines = cells(table, order)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(c.rjust(w) for c, w in zip(row, widths, strict=True)) for row in lines)


def table_in_html(table: Any, order: Any = None) -> str:
    """The same in HTML."""
    header, *rows = cells(table, order)
    return html_table(header, rows)


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else short(float(value), 3)
