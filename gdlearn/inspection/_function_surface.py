"""A picture of any function of two variables with its descents: what `DescentPathDisplay.from_function` computes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._arrays import Array
from .._descent import Status
from .._parameters import NONE, InvalidParameterError, allowed, choice
from ._picture import GRID, OVERSHOOT, arrows_at, flat_hint, grid_around, quantile_levels, refined
from ._style import name_of_rate

OWNER = "DescentPathDisplay.from_function"

ENDINGS = {
    Status.DIVERGED: "diverges",
    Status.UNBOUNDED: "falls without bound",
    Status.LEFT_DOMAIN: "would leave the domain",
    Status.NOT_DIFFERENTIABLE: "ends at a kink",
}
"""What a title says of a path that ended early, by its status."""


def function_surface(function: Any, paths: Any, xlim: Any, ylim: Any, names: Any, aspect: Any) -> dict[str, Any]:
    """The arguments of `DescentPathDisplay`: see its `from_function`."""
    _check(function, xlim, ylim, aspect)
    equal = aspect == "equal"
    rule = "a descent of this function, or a non-empty list of them"
    some, titles = paths_and_names(OWNER, paths, names, rule, tuple(function.variables))
    shown = np.concatenate([_shown(path, some) for path in some])
    x, y = grid_around(shown, equal=equal)
    x = x if xlim is None else np.linspace(xlim[0], xlim[1], GRID)
    y = y if ylim is None else np.linspace(ylim[0], ylim[1], GRID)
    feet = np.concatenate(
        [path.points[arrows_at(path.points, path.gradients, x, y, None, equal=equal)] for path in some]
    )
    fine_x, fine_y = refined(x, feet[:, 0]), refined(y, feet[:, 1])
    values = np.asarray(function(np.stack(np.meshgrid(fine_x, fine_y), axis=-1), outside="nan"))
    even = values[np.ix_(np.searchsorted(fine_y, y), np.searchsorted(fine_x, x))]
    if not np.isfinite(even).any():
        raise InvalidParameterError(
            f"The function has no value in the picture: choose other xlim and ylim for {OWNER}."
        )
    return {
        "x": fine_x,
        "y": fine_y,
        "values": values,
        "paths": [path.points for path in some],
        "path_values": [path.values for path in some],
        "gradients": [path.gradients for path in some],
        "x_name": function.variables[0],
        "y_name": function.variables[1],
        "value_name": some[0].symbol,
        "names": titles,
        "levels": quantile_levels(even),
        "aspect": aspect,
        "caption": f"Gradient descent on {some[0].symbol} over {function.variables[0]} and {function.variables[1]}"
        + flat_hint(shown, equal),
    }


def name_of_path(path: Any) -> str:
    """The learning rate of a path, and how it ended where that was early."""
    name = name_of_rate(path.learning_rate, path.learning_rate)
    ending = ENDINGS.get(path.status)
    return f"{name}: {ending}" if ending else name


def is_path(value: Any) -> bool:
    """Whether a value has what a picture needs of a `DescentPath`."""
    parts = "variables", "points", "values", "gradients", "status", "learning_rate", "symbol"
    return all(hasattr(value, part) for part in parts)


def paths_and_names(
    owner: str, paths: Any, names: Any, rule: str, variables: tuple[str, ...] | None = None
) -> tuple[list[Any], list[str]]:
    """One path or several, of a function with these variables, and what each is called; no error prints a path."""
    paths = list(paths) if isinstance(paths, list | tuple) else [paths]
    if not paths or not all(map(is_path, paths)):
        got = ", ".join(sorted({type(path).__name__ for path in paths})) or "an empty list"
        raise InvalidParameterError(f"The 'paths' parameter of {owner} must be {rule}. Got {got} instead.")
    foreign = next((path for path in paths if variables is not None and tuple(path.variables) != variables), None)
    if foreign is not None:
        raise InvalidParameterError(
            f"The 'paths' parameter of {owner} must be {rule}. Got a descent over {', '.join(foreign.variables)} "
            "instead."
        )
    as_many = allowed(f"a list of {len(paths)} str, one for each path", lambda given: len(given) == len(paths))
    (NONE | as_many).check(owner, "names", names)
    return paths, [name_of_path(path) for path in paths] if names is None else list(names)


def _shown(path: Any, paths: Sequence[Any]) -> Array:
    """The points of a path that the picture has room for; of a path that diverges only those near its start."""
    points: Array = path.points
    if not _is_wild(path):
        return points
    tame = np.concatenate([other.points for other in paths if not _is_wild(other)] or [points[:2]])
    with np.errstate(over="ignore"):
        reach, away = (np.hypot(*(some - points[0]).T) for some in (tame, points))
    near: Array = points[away <= OVERSHOOT * reach.max()]
    return near


def _is_wild(path: Any) -> bool:
    """Whether it overflows, rises, or runs away: the last step is longer than all before it."""
    with np.errstate(over="ignore"):
        steps = np.hypot(*np.diff(path.points, axis=0).T)
    runs_away = len(steps) > 2 and bool(steps[-1] > steps[:-1].sum())
    return path.status in (Status.DIVERGED, Status.UNBOUNDED) or bool(path.values[-1] > path.values[0]) or runs_away


def _check(function: Any, xlim: Any, ylim: Any, aspect: Any) -> None:
    def of_two(value: Any) -> bool:
        return callable(value) and len(getattr(value, "variables", ())) == 2

    def interval(value: Any) -> bool:
        ends = np.asarray(value)
        return ends.shape == (2,) and ends.dtype.kind in "iuf" and bool(np.isfinite(ends).all() and ends[0] < ends[1])

    if callable(function) and len(getattr(function, "variables", ())) == 1:
        raise InvalidParameterError(
            f"The 'function' parameter of {OWNER} must be a function of two variables. Got {function!r}, of one: "
            "LossCurveDisplay.from_paths draws its values over the steps; or plot it on a grid with matplotlib, and "
            "path.values over path.points[:, 0] with it."
        )
    allowed("a function of two variables", of_two).check(OWNER, "function", function)
    choice("equal", "auto").check(OWNER, "aspect", aspect)
    for name, limits in (("xlim", xlim), ("ylim", ylim)):
        (NONE | allowed("two increasing numbers", interval)).check(OWNER, name, limits)
