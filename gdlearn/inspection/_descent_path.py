"""DescentPathDisplay: level sets of a function of two parameters, the path of a descent, and −∇J at right angles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from .._arrays import beyond_float64
from .._parameters import InvalidParameterError
from ._estimator_surface import estimator_surface
from ._function_surface import function_surface
from ._picture import ARROW, arrows_at, inside, ratio_levels, until_outside
from ._style import COLOURS, OUTSIDE, pyplot


class DescentPathDisplay:
    r"""Level sets of J over two parameters, the path of a descent, and its arrows −∇J.

    J falls fastest along −∇J, which meets the level set through its point at a right angle. The picture has one scale
    for both axes, so that the angle is a right one on paper too.

    `from_estimator` draws the mean squared error of a linear model, `from_function` any function of two variables with
    its descents. The constructor stores values on a grid, one path or several, and the gradients along them.

    Parameters
    ----------
    x, y : array-like of shape (n_x,), (n_y,)
        The grid; its ends are those of the picture.
    values : array-like of shape (n_y, n_x)
        The function on the grid, NaN outside its domain, which is shaded.
    paths : list of array-like of shape (n_points, 2)
        The iterates, for each descent; each is drawn on Axes of its own.
    path_values : list of array-like of shape (n_points,)
        The function at the iterates.
    gradients : list of array-like of shape (n_points, 2)
        Its gradient at the iterates; NaN where there is none.
    optimum : tuple of two floats, default=None
    minimum : float, default=None
        The value at the optimum, above which level sets are spaced; None is the least on the grid.
    x_name, y_name : str
        The axes' labels.
    value_name : str, default="J"
    names : list of str, default=None
        Titles, one for each path.
    levels : array-like of shape (n_levels,), default=None
        Values, increasing, whose level sets are drawn; None takes a constant ratio of J − J_min.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The first.
    axes_ : ndarray of Axes, one for each path
    figure_ : matplotlib Figure
    contours_, arrow_contours_ : list of matplotlib ContourSet
        The level sets, and those through the feet of the arrows. What is contoured is
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
        levels: ArrayLike | None = None,
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
        self.levels = levels

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
        with beyond_float64():
            root = np.ma.masked_invalid(np.sqrt(np.maximum(values - low, 0.0)))
            heights = np.asarray(self.path_values[i], dtype=np.float64) - low

        if self.levels is None:
            levels, ratio = ratio_levels(float(root.max()) ** 2, heights[0])
            what = f"level sets: {self.value_name} − min {self.value_name} ×{ratio:,} from one to the next"
        else:
            levels, what = np.maximum(np.asarray(self.levels) - low, 0.0), f"level sets of {self.value_name}"
        grey = {"colors": "0.72", "linewidths": 0.9, "zorder": 1}
        self.contours_.append(ax.contour(x, y, root, levels=np.sqrt(levels), **grey))
        ax.plot([], [], color=grey["colors"], linewidth=1, label=what)

        size = np.array([np.ptp(x), np.ptp(y)])
        line = {"color": COLOURS[0], "linewidth": 1.6, "marker": "o", "markersize": 4, "label": "steps", "zorder": 3}
        self.lines_ += ax.plot(
            *until_outside(path, inside(path, x, y), float(np.linalg.norm(size))).T, **(line | line_kw)
        )
        if self.optimum is not None:
            star = {"color": "black", "marker": "*", "markersize": 12, "linestyle": "none", "zorder": 4}
            ax.plot(*self.optimum, **star, label="minimum")

        length = ARROW * float(size.min())
        feet = [k for k in arrows_at(path, gradient, x, y, self.optimum) if heights[k] > 0]
        arrow = -gradient[feet] / np.hypot(*gradient[feet].T)[:, np.newaxis] * length
        ax.plot([], [], color=COLOURS[1], marker=">", label=f"−∇{self.value_name}, at right angles to its level set")
        exact = {"angles": "xy", "scale_units": "xy", "scale": 1.0, "color": COLOURS[1], "zorder": 5}
        self.arrows_.append(ax.quiver(*path[feet].T, *arrow.T, **exact, width=0.009))
        through = np.unique(np.sqrt(heights[feet]))
        self.arrow_contours_.append(ax.contour(x, y, root, levels=through, colors="0.35", linewidths=1, zorder=2))
        if np.isnan(values).any():
            ax.contourf(x, y, np.isnan(values), levels=[0.5, 1.5], colors=OUTSIDE, zorder=0)
            ax.fill_between([], [], color=OUTSIDE, label=f"outside the domain of {self.value_name}")

    @classmethod
    def from_function(
        cls,
        function: Any,
        paths: Any,
        *,
        xlim: tuple[float, float] | None = None,
        ylim: tuple[float, float] | None = None,
        names: Sequence[str] | None = None,
        ax: Any = None,
        **line_kw: Any,
    ) -> DescentPathDisplay:
        """Draw descents on any function of two variables.

        The level sets are those of quantiles of the function over the picture, denser where it is low; the region
        where it has no value is shaded.

        Parameters
        ----------
        function : MeanSquaredError, SymbolicFunction, ResidualSumOfSquares or the like
            Of two `variables`; called as ``function(theta, outside="nan")`` with theta of shape (..., 2).
        paths : DescentPath or list of them
            What ``function.descend(...)`` has returned; each is drawn on Axes of its own.
        xlim, ylim : pair of float, default=None
            The picture's sides; None shows the paths, and of one that rises or has no bound its beginning.
        names : list of str, default=None
            Titles, one for each path; None is the learning rates, and how they ended where that was early.
        ax : matplotlib Axes or array-like of them, default=None
            One for each path.
        **line_kw
            For `Axes.plot` of the paths.

        Returns
        -------
        DescentPathDisplay

        Raises
        ------
        ValueError, TypeError
            If a parameter cannot be used, or the function has not two variables, or no value in the picture.
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> from matplotlib.figure import Figure
        >>> from gdlearn.inspection import DescentPathDisplay
        >>> from gdlearn.symbolic import SymbolicFunction
        >>> f = SymbolicFunction("x**2 + 4y**2")
        >>> path = f.descend([2.0, 1.0], 0.1, max_iter=5)
        >>> display = DescentPathDisplay.from_function(f, path, ax=Figure().subplots())
        >>> display.x_name, display.y_name, display.names
        ('x', 'y', ['η = 0.1'])
        """
        return cls(**function_surface(function, paths, xlim, ylim, names)).plot(ax, **line_kw)

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
        path is on the surface, and without momentum every step goes along its arrow. With more
        parameters the path is a projection and does not follow the arrows: its points are θ_k without the other
        entries, and the arrows are −∇J₂ of the surface that is drawn.

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
        options: dict[str, Any] = {"features": features, "learning_rates": learning_rates, "iterations": iterations}
        return cls(
            **estimator_surface(estimator, X, y, others=others, names=names, sample_weight=sample_weight, **options)
        ).plot(ax, **line_kw)
