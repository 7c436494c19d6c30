"""DescentPathDisplay: level sets of a function of two parameters, the path of a descent, and −∇J at right angles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from .._parameters import InvalidParameterError
from ._animation import animated
from ._estimator_surface import estimator_surface
from ._function_surface import function_surface
from ._panel import draw_panel, figure_size
from ._picture import Aspect
from ._style import NO_FRAME, few_ticks, pyplot


class DescentPathDisplay:
    r"""Level sets of J over two parameters, the path of a descent, and its arrows −∇J.

    J falls fastest along −∇J, which meets the level set through its point at a right angle. The picture has one scale
    for both axes, so that the angle is a right one on paper too; ``aspect="auto"`` gives that up. The first ten steps
    are dots.

    `from_estimator` draws the J of a linear model, `from_function` any function of two variables with
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
    aspect : "equal" or "auto", default="equal"
        One scale for both axes, so that right angles are right ones on the picture; or "auto", each axis with a scale
        of its own, for parameters of very different sizes, where right angles are not seen.
    n_parameters : int, default=None
        Of how many parameters the two are, if they are not all.
    caption : str, default=None
        What is seen, above a new figure.

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
    feet_ : list of list of int
        At which steps the arrows start.

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
        aspect: Aspect = "equal",
        n_parameters: int | None = None,
        caption: str | None = None,
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
        self.aspect = aspect
        self.n_parameters = n_parameters
        self.caption = caption

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
            shape = {"sharex": True, "sharey": True, "squeeze": False, "figsize": figure_size(self)}
            _, ax = pyplot("DescentPathDisplay.plot").subplots(1, n, **shape, layout="constrained")
        self.axes_ = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
        if len(self.axes_) != n:
            raise InvalidParameterError(
                f"The 'ax' parameter of DescentPathDisplay.plot must be one Axes for each of the {n} paths. Got "
                f"{len(self.axes_)} instead."
            )
        self.ax_, self.figure_ = self.axes_[0], self.axes_[0].figure
        panels = [draw_panel(self, panel, i, line_kw) for i, panel in enumerate(self.axes_)]
        self.contours_ = [panel.contours for panel in panels]
        self.arrow_contours_ = [panel.arrow_contours for panel in panels]
        self.lines_ = [panel.line for panel in panels]
        self.arrows_ = [panel.arrows for panel in panels]
        self.feet_ = [panel.feet for panel in panels]
        for i, panel in enumerate(self.axes_):
            panel.set_xlim(x[0], x[-1])
            panel.set_ylim(y[0], y[-1])
            panel.set_aspect(self.aspect, adjustable="box")
            if self.names is not None:
                panel.set_title(self.names[i])
            few_ticks(panel.xaxis, self.x_name, x[0], x[-1])
            few_ticks(panel.yaxis, self.y_name, y[0], y[-1])
            panel.yaxis.label.set_visible(i == 0 or not own)
            panel.set_anchor("N" if own else panel.get_anchor())  # below it is the legend
        if own:
            self.figure_.get_layout_engine().set(h_pad=0.08)
            self.figure_.suptitle(self.caption or "", fontsize="medium")
            handles = self.ax_.get_legend_handles_labels()
            self.figure_.legend(*handles, loc="outside lower center", ncols=min(n, 2), **NO_FRAME)
        return self

    def animate(self, ax: Any = None, *, interval: int = 200, repeat: bool = True, **line_kw: Any) -> Any:
        """Draw the picture and let the descent run in it, step after step.

        The first ten steps are shown one by one; a path of more than a hundred steps then goes on in growing leaps.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of them, default=None
            One for each path.
        interval : int, default=200
            Milliseconds from one step to the next.
        repeat : bool, default=True
        **line_kw
            For `Axes.plot` of the paths.

        Returns
        -------
        matplotlib.animation.FuncAnimation
            Keep it in a variable, or nothing moves. ``animation.save("descent.gif", writer="pillow")`` makes a file,
            ``animation.to_jshtml()`` a page with buttons.

        Raises
        ------
        ValueError, ImportError
            As `plot`.
        """
        return animated(self.plot(ax, **line_kw), interval, repeat)

    @classmethod
    def from_function(
        cls,
        function: Any,
        paths: Any,
        *,
        xlim: tuple[float, float] | None = None,
        ylim: tuple[float, float] | None = None,
        names: Sequence[str] | None = None,
        aspect: Aspect = "equal",
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
        aspect : "equal" or "auto", default="equal"
            As for the constructor.
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
        return cls(**function_surface(function, paths, xlim, ylim, names, aspect)).plot(ax, **line_kw)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        features: Sequence[int | str] | None = None,
        learning_rates: Sequence[Any] | None = None,
        iterations: int = 20,
        others: Literal["optimum", "fixed"] = "optimum",
        sample_weight: ArrayLike | None = None,
        names: Sequence[str] | None = None,
        aspect: Aspect = "equal",
        ax: Any = None,
        **line_kw: Any,
    ) -> DescentPathDisplay:
        r"""Draw the descent of a linear model on the mean squared error of X and y, from θ = 0.

        J, the ridge term of the estimator included, is a quadratic, and so is J over two parameters a, the others b
        being at their optimum for these two or fixed at the minimum θ* of J:

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
        estimator : GradientDescentRegressor, fitted Pipeline or search
            Fitted or not: `learning_rate`, `alpha` (`l1_ratio` must be 0, for an L1 penalty has kinks), `momentum`,
            `nesterov`, `scaling`, `fit_intercept` and `solver` are used. Of a fitted Pipeline the last step, on X as
            its other steps transform it; of a fitted search its `best_estimator_`.
        X : array-like or CSR/CSC matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        features : pair of int or str, default=None
            Numbers of features, names of columns, or "intercept". None takes features 0 and 1; of a single feature the
            intercept and it.
        learning_rates : list, default=None
            Several, as for the estimator, to draw one beside the other; None is that of the estimator.
        iterations : int >= 1, default=20
            Steps of each path.
        others : "optimum" or "fixed", default="optimum"
            Where the other parameters are.
        sample_weight : array-like of shape (n_samples,), default=None
        names : list of str, default=None
            Titles; None is the learning rates and whether they diverge.
        aspect : "equal" or "auto", default="equal"
            With "auto" each axis has a scale of its own: readable where scaling is None and sizes differ, but without
            right angles.
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
            If a parameter or the data cannot be used, y has several targets, the estimator has an L1 penalty, or J
            does not depend on the two parameters; `DivergenceError` (a ValueError) if J overflows within so many steps.
        ImportError
            If matplotlib is not installed.
        """
        options: dict[str, Any] = {"features": features, "learning_rates": learning_rates, "iterations": iterations}
        options |= {"others": others, "names": names, "sample_weight": sample_weight, "aspect": aspect}
        return cls(**estimator_surface(estimator, X, y, **options)).plot(ax, **line_kw)
