"""DescentPathDisplay: level sets of a function of two parameters, the path of a descent, and −∇J at right angles."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning

from .._blocks import Array
from .._objective import MeanSquaredError
from .._path import gradient_descent_path
from .._regressor import GradientDescentRegressor
from .._validation import (
    InvalidParameterError,
    check_parameter,
    one_of,
    positive_integer,
    positive_real,
    validate_rows,
)
from ._style import COLOURS, name_of_rate, pyplot

GRID = 500
"""Points along each side of the picture."""

RATIOS = 2, 4, 10, 100, 1000, 10_000
MOST_LEVELS = 14
"""J − J_min falls by one of the ratios from a level set to the next: the first that needs no more than so many."""

ARROW = 0.15
"""Length of an arrow, as a part of the picture's shorter side; two start at least one and a half of it apart."""

OVERSHOOT = 1.6
"""A picture with a diverging path reaches so many times as far from the optimum as the start is."""


class DescentPathDisplay:
    r"""Level sets of J over two parameters, the path of a descent, and its arrows −∇J.

    J falls fastest along −∇J, which meets the level set through its point at a right angle. The picture has one scale
    for both axes, so that the angle is a right one on paper too.

    `from_estimator` draws the mean squared error of a linear model. The constructor stores any function of two
    variables: values on a grid, one path or several, and the gradients along them.

    Parameters
    ----------
    x, y : array-like of shape (n_x,), (n_y,)
        The grid; its ends are those of the picture.
    values : array-like of shape (n_y, n_x)
        The function on the grid, NaN outside its domain.
    paths : list of array-like of shape (n_points, 2)
        The iterates, for each descent; each is drawn on Axes of its own.
    path_values : list of array-like of shape (n_points,)
        The function at the iterates.
    gradients : list of array-like of shape (n_points, 2)
        Its gradient at the iterates.
    optimum : tuple of two floats, default=None
    minimum : float, default=None
        The value at the optimum, above which level sets are spaced; None is the least on the grid.
    x_name, y_name : str
        The axes' labels.
    value_name : str, default="J"
    names : list of str, default=None
        Titles, one for each path.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The first.
    axes_ : ndarray of Axes, one for each path
    figure_ : matplotlib Figure
    contours_, arrow_contours_ : list of matplotlib ContourSet
        Level sets at a constant ratio of J − J_min, and those through the feet of the arrows. What is contoured is
        :math:`\sqrt{J - J_{min}}`, which has the same level sets and is straighter between points of the grid.
    lines_ : list of matplotlib Line2D
        The paths.
    arrows_ : list of matplotlib Quiver
        −∇J, all of one length.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from gdlearn import GradientDescentRegressor
    >>> from gdlearn.inspection import DescentPathDisplay
    >>> X, y = [[1.0], [2.0], [3.0]], [2.0, 4.0, 6.0]
    >>> model = GradientDescentRegressor(learning_rate=0.25)
    >>> display = DescentPathDisplay.from_estimator(
    ...     model, X, y, features=("intercept", 0), iterations=3, ax=Figure().subplots()
    ... )
    >>> print(display.paths[0].round(3))
    [[0.    0.   ]
     [2.    0.816]
     [3.    1.225]
     [3.5   1.429]]
    """

    def __init__(
        self,
        *,
        x: ArrayLike,
        y: ArrayLike,
        values: ArrayLike,
        paths: Sequence[ArrayLike],
        path_values: Sequence[ArrayLike],
        gradients: Sequence[ArrayLike],
        optimum: tuple[float, float] | None = None,
        minimum: float | None = None,
        x_name: str = "x",
        y_name: str = "y",
        value_name: str = "J",
        names: Sequence[str] | None = None,
    ) -> None:
        self.x = x
        self.y = y
        self.values = values
        self.paths = paths
        self.path_values = path_values
        self.gradients = gradients
        self.optimum = optimum
        self.minimum = minimum
        self.x_name = x_name
        self.y_name = y_name
        self.value_name = value_name
        self.names = names

    def plot(self, ax: Any = None, **line_kw: Any) -> DescentPathDisplay:
        """Draw level sets, paths and arrows.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of them, default=None
            One for each path. On your own Axes the legend is yours too (``ax.legend()``); a new figure has one.
        **line_kw
            For `Axes.plot` of the paths.

        Returns
        -------
        self : DescentPathDisplay

        Raises
        ------
        ValueError
            If there are not as many Axes as paths.
        ImportError
            If matplotlib is not installed.
        """
        n = len(self.paths)
        x, y = np.asarray(self.x), np.asarray(self.y)
        own = ax is None
        if own:
            columns = min(n, 4) if n != 3 else 2  # of the legend, which has four entries
            height = 3.4 * float(np.clip(np.ptp(y) / np.ptp(x), 0.5, 1.5)) + 0.9 + 0.2 * (4 / columns)
            size = (max(3.4 * n, 5.0), height)
            plt = pyplot("DescentPathDisplay.plot")
            _, ax = plt.subplots(1, n, sharex=True, sharey=True, squeeze=False, figsize=size, layout="constrained")
        self.axes_ = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
        if len(self.axes_) != n:
            raise InvalidParameterError(
                f"The 'ax' parameter of DescentPathDisplay.plot must be one Axes for each of the {n} paths. Got "
                f"{len(self.axes_)} instead."
            )
        self.ax_, self.figure_ = self.axes_[0], self.axes_[0].figure
        self.contours_: list[Any] = []
        self.arrow_contours_: list[Any] = []
        self.lines_: list[Any] = []
        self.arrows_: list[Any] = []
        for i, panel in enumerate(self.axes_):
            self._draw(panel, i, line_kw)
            panel.set_xlim(x[0], x[-1])
            panel.set_ylim(y[0], y[-1])
            panel.set_aspect("equal", adjustable="box")
            if self.names is not None:
                panel.set_title(self.names[i])
            panel.set_xlabel(self.x_name)
            if i == 0 or not own:
                panel.set_ylabel(self.y_name)
        if own:
            self.figure_.legend(
                *self.ax_.get_legend_handles_labels(), loc="outside lower center", ncols=columns, frameon=False
            )
        return self

    def _draw(self, ax: Any, i: int, line_kw: dict[str, Any]) -> None:
        x, y, values = np.asarray(self.x), np.asarray(self.y), np.asarray(self.values, dtype=np.float64)
        path, gradient = np.asarray(self.paths[i], dtype=np.float64), np.asarray(self.gradients[i])
        low = float(np.nanmin(values)) if self.minimum is None else self.minimum
        root = np.ma.masked_invalid(np.sqrt(np.maximum(values - low, 0.0)))
        heights = np.asarray(self.path_values[i], dtype=np.float64) - low

        levels, ratio = _levels(float(root.max()) ** 2, heights[0])
        grey = {"colors": "0.72", "linewidths": 0.9, "zorder": 1}
        self.contours_.append(ax.contour(x, y, root, levels=np.sqrt(levels), **grey))
        what = f"level sets: {self.value_name} − min {self.value_name} ×{ratio:,} from one to the next"
        ax.plot([], [], color=grey["colors"], linewidth=1, label=what)

        size = np.array([np.ptp(x), np.ptp(y)])
        line = {"color": COLOURS[0], "linewidth": 1.6, "marker": "o", "markersize": 4, "label": "steps", "zorder": 3}
        inside = (path >= [x[0], y[0]]).all(axis=1) & (path <= [x[-1], y[-1]]).all(axis=1)
        self.lines_ += ax.plot(*_until_outside(path, inside, float(np.linalg.norm(size))).T, **(line | line_kw))
        if self.optimum is not None:
            star = {"color": "black", "marker": "*", "markersize": 12, "linestyle": "none", "zorder": 4}
            ax.plot(*self.optimum, **star, label="minimum")

        length = ARROW * float(size.min())
        feet = _spaced(path, inside & (heights > 0) & gradient.any(axis=1), 1.5 * length, self.optimum)
        arrow = -gradient[feet] / np.linalg.norm(gradient[feet], axis=1, keepdims=True) * length
        ax.plot([], [], color=COLOURS[1], marker=">", label=f"−∇{self.value_name}, at right angles to its level set")
        exact = {"angles": "xy", "scale_units": "xy", "scale": 1.0, "color": COLOURS[1], "zorder": 5}
        self.arrows_.append(ax.quiver(*path[feet].T, *arrow.T, **exact, width=0.009))
        through = np.unique(np.sqrt(heights[feet]))
        self.arrow_contours_.append(ax.contour(x, y, root, levels=through, colors="0.35", linewidths=1, zorder=2))

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        features: Sequence[int | str] = (0, 1),
        learning_rates: Sequence[Any] | None = None,
        iterations: int = 20,
        others: Literal["optimum", "fixed"] = "optimum",
        sample_weight: ArrayLike | None = None,
        names: Sequence[str] | None = None,
        ax: Any = None,
        **line_kw: Any,
    ) -> DescentPathDisplay:
        r"""Draw the descent of a linear model on the mean squared error of X and y, from θ = 0.

        J is a quadratic, and so is J over two parameters a, the others b being at their optimum for these two or
        fixed at the least-squares solution θ*:

        .. math::
            J_2(a) = J(\theta^*) + \tfrac12 (a - a^*)^T S\,(a - a^*), \qquad
            S = H_{aa} - H_{ab} H_{bb}^+ H_{ba} \;\text{ or }\; H_{aa}, \quad H = \nabla^2 J

        The coordinates are those of the descent, in which −∇J is at right angles to the level sets: with scaling, the
        coefficient of feature j times its scale, in units of y. With two parameters in all the picture is exact: the
        path is on the surface, and without momentum every step goes along its arrow. With more it is a shadow: path
        points are θ_k without its other entries, and arrows are −∇J₂, of the surface that is drawn.

        Parameters
        ----------
        estimator : GradientDescentRegressor
            Fitted or not; `learning_rate`, `momentum`, `nesterov`, `scaling`, `fit_intercept` and `solver` are used.
        X : array-like or CSR/CSC matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        features : pair of int or str, default=(0, 1)
            Numbers of features, names of columns, or "intercept".
        learning_rates : list, default=None
            Several, as for the estimator, to draw one beside the other; None is that of the estimator.
        iterations : int >= 1, default=20
            Steps of each path.
        others : "optimum" or "fixed", default="optimum"
            Where the other parameters are.
        sample_weight : array-like of shape (n_samples,), default=None
        names : list of str, default=None
            Titles; None is the learning rates and whether they diverge.
        ax : matplotlib Axes or array-like of them, default=None
            One for each learning rate.
        **line_kw
            For `Axes.plot` of the paths.

        Returns
        -------
        DescentPathDisplay

        Raises
        ------
        ValueError, TypeError
            If a parameter or the data cannot be used, y has several targets, or J does not depend on the two
            parameters; `DivergenceError` (a ValueError) if J
            overflows within so many steps.
        ImportError
            If matplotlib is not installed.
        """
        owner = "DescentPathDisplay.from_estimator"
        _check(owner, estimator, learning_rates, iterations, others, names)
        rates = [estimator.learning_rate] if learning_rates is None else list(learning_rates)
        shared = {name: getattr(estimator, name) for name in ("momentum", "nesterov", "scaling", "fit_intercept")}
        limit = GradientDescentRegressor(**shared).fit(X, y, sample_weight)
        if limit.coef_.ndim > 1:
            raise ValueError(f"{owner} draws one target; y has {len(limit.coef_)}: hand over one column of it.")
        places = _places(owner, features, limit)

        rows, target, weight = validate_rows(X, y, sample_weight)
        units = limit.feature_mean_, limit.feature_scale_
        J = MeanSquaredError.scaled(rows, target.astype(np.float64), weight, limit.fit_intercept, *units)
        H = J.hessian()
        S = _restricted(H, places, others)
        if np.abs(S).max() <= 1e-12 * np.abs(H[np.ix_(places, places)]).max():
            raise ValueError(
                f"J does not depend on features={features!r}: they are constant, or the other parameters make up for "
                'them exactly. Choose others, or others="fixed".'
            )
        optimum = _theta(limit, limit.coef_[:, None], np.atleast_1d(limit.intercept_))[places, 0]

        paths = []
        for rate in rates:
            with warnings.catch_warnings():  # that a rate diverges is what the picture shows
                warnings.simplefilter("ignore", ConvergenceWarning)
                options = shared | {"solver": estimator.solver, "sample_weight": sample_weight}
                _, coefs, intercepts, _ = gradient_descent_path(
                    X, y, learning_rate=rate, iterations=iterations, **options
                )
            paths.append(_theta(limit, coefs, intercepts)[places].T)

        stable = limit.max_stable_learning_rate_
        titles, near = [], [optimum[None]]
        for rate, path in zip(rates, paths, strict=True):
            eta = limit.learning_rate_ if rate == "auto" else rate
            diverges = positive_real(eta) and eta >= stable
            titles.append(name_of_rate(rate, eta) + (": diverges" if diverges else ""))
            away = np.linalg.norm(path - optimum, axis=1)
            near.append(path[away <= OVERSHOOT * away[0]] if diverges else path)
        x, y = _grid(np.concatenate(near))
        delta = np.stack(np.meshgrid(x - optimum[0], y - optimum[1]), axis=-1)
        return cls(
            x=x,
            y=y,
            values=limit.loss_ + _half_square(delta, S),
            paths=paths,
            path_values=[limit.loss_ + _half_square(path - optimum, S) for path in paths],
            gradients=[(path - optimum) @ S for path in paths],
            optimum=(float(optimum[0]), float(optimum[1])),
            minimum=limit.loss_,
            x_name=_label(limit, places[0]),
            y_name=_label(limit, places[1]),
            names=titles if names is None else names,
        ).plot(ax, **line_kw)


def _check(owner: str, estimator: Any, learning_rates: Any, iterations: Any, others: Any, names: Any) -> None:
    def is_list_of_rates(value: Any) -> bool:
        return isinstance(value, list | tuple | np.ndarray) and len(value) > 0 and all(map(is_rate, value))

    def is_rate(value: Any) -> bool:
        return positive_real(value) or one_of("auto", "exact")(value) or callable(value)

    def is_descent(value: Any) -> bool:
        return isinstance(value, GradientDescentRegressor)

    a_regressor = "a GradientDescentRegressor, fitted or not (of a pipeline, its last step, with X transformed)"
    check_parameter(owner, "estimator", estimator, a_regressor, is_descent)
    some_rates = 'None or a non-empty list of finite numbers > 0, "auto", "exact" or callables k -> rate'
    check_parameter(owner, "learning_rates", learning_rates, some_rates, is_list_of_rates, one_of(None))
    check_parameter(owner, "iterations", iterations, "an integer >= 1", positive_integer)
    check_parameter(owner, "others", others, '"optimum" or "fixed"', one_of("optimum", "fixed"))
    n = 1 if learning_rates is None else len(learning_rates)
    check_parameter(
        owner,
        "names",
        names,
        f"None or a list of {n} str, one for each rate",
        one_of(None),
        lambda some: len(some) == n,
    )


def _places(owner: str, features: Any, limit: GradientDescentRegressor) -> list[int]:
    """Where in θ the two parameters are."""
    columns = [str(name) for name in getattr(limit, "feature_names_in_", [])]
    first, d = int(limit.fit_intercept), limit.n_features_in_

    def place(feature: Any) -> int | None:
        if isinstance(feature, str):
            if feature == "intercept" and first:
                return 0
            return columns.index(feature) + first if feature in columns else None
        valid = isinstance(feature, int | np.integer) and not isinstance(feature, bool) and 0 <= feature < d
        return int(feature) + first if valid else None

    found = [place(feature) for feature in features] if isinstance(features, list | tuple) else []
    if len(found) != 2 or None in found or found[0] == found[1]:
        named = f", names of columns ({', '.join(columns)})" if columns else ""
        named += ', "intercept"' if first else ""
        raise InvalidParameterError(
            f"The 'features' parameter of {owner} must be two different ones of: numbers from 0 to {d - 1}{named}"
            f". Got {features!r} instead."
        )
    return [int(i) for i in found if i is not None]


def _theta(limit: GradientDescentRegressor, coefs: Array, intercepts: Array) -> Array:
    """θ of shape (p, n) in the coordinates of the descent, from coefficients in original units of shape (d, n)."""
    slopes = coefs * limit.feature_scale_[:, None]
    return np.vstack([intercepts + limit.feature_mean_ @ coefs, slopes]) if limit.fit_intercept else slopes


def _restricted(H: Array, places: list[int], others: str) -> Array:
    """The Hessian of J over two parameters, the others at their optimum for them or fixed."""
    S: Array = H[np.ix_(places, places)]
    rest = [i for i in range(len(H)) if i not in places]
    if others == "optimum" and rest:
        B = H[np.ix_(rest, places)]
        S = S - B.T @ np.linalg.lstsq(H[np.ix_(rest, rest)], B, rcond=None)[0]
    return (S + S.T) / 2.0


def _half_square(delta: Array, S: Array) -> Array:
    """½ δᵀSδ for each δ in the last axis."""
    half: Array = 0.5 * np.einsum("...i,ij,...j->...", delta, S, delta)
    return np.maximum(half, 0.0)


def _label(limit: GradientDescentRegressor, place: int) -> str:
    """The parameter and its unit."""
    j = place - int(limit.fit_intercept)
    if j < 0:
        where = {"standard": " at the features' means", "minmax": " at the features' minima"}.get(limit.scaling, "")
        return f"intercept{where} (units of y)"
    names = getattr(limit, "feature_names_in_", None)
    name = f"feature {j}" if names is None else str(names[j])
    if limit.scaling is None:
        return f"coefficient of {name}\n(units of y per unit of it)"
    return f"coefficient of {name}\n× its scale (units of y)"


def _grid(points: Array) -> tuple[Array, Array]:
    """A picture around the points, with room beside them and neither side shorter than three quarters of the other."""
    low, high = points.min(axis=0), points.max(axis=0)
    middle, half = (low + high) / 2, (high - low) / 2
    half = np.maximum(half, 0.6 * half.max()) + 0.25 * half.max()
    if not half.any():
        half = np.ones(2)
    x, y = (np.linspace(m - h, m + h, GRID) for m, h in zip(middle, half, strict=True))
    return x, y


def _levels(highest: float, start: float) -> tuple[Array, int]:
    """Heights above the minimum at a constant ratio, one of them that of the start, and the ratio."""
    anchor = start if 0 < start < highest else highest
    least = anchor / 200
    ratio = next((r for r in RATIOS if np.log(highest / least) / np.log(r) < MOST_LEVELS), RATIOS[-1])
    above = int(np.log(highest / anchor) / np.log(ratio))
    below = int(np.log(anchor / least) / np.log(ratio))
    levels: Array = anchor * np.float64(ratio) ** np.arange(-below, above + 1.0)
    return levels, ratio


def _until_outside(path: Array, inside: Any, diagonal: float) -> Array:
    """The path to its first step out of the picture, shortened to what shows: no renderer holds 10^100 pixels."""
    outside = np.flatnonzero(~inside[1:]) + 1
    if not len(outside):
        return path
    last, out = path[outside[0] - 1], path[outside[0]]
    shown = min(1.0, 2 * diagonal / float(np.linalg.norm(out - last)))
    return np.vstack([path[: outside[0]], last + (out - last) * shown])


def _spaced(path: Array, allowed: Any, distance: float, optimum: tuple[float, float] | None) -> list[int]:
    """Points of the path that are not near to one another, nor to the optimum, where arrows would hide it."""
    taken = [] if optimum is None else [np.asarray(optimum)]
    chosen = []
    for k in np.flatnonzero(allowed):
        if all(np.linalg.norm(path[k] - other) >= distance for other in taken):
            chosen.append(int(k))
            taken.append(path[k])
    return chosen
