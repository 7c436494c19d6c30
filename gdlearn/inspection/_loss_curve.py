"""LossCurveDisplay: J over the steps of one descent or of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from .._arrays import EPS, Array
from .._parameters import FINITE, NONE, POSITIVE, InvalidParameterError, allowed
from .._regressor import GradientDescentRegressor
from .._regressor_cv import GradientDescentRegressorCV
from ._function_surface import paths_and_names
from ._style import COLOURS, DRAWABLE, FIRST_STEPS, drawable_steps, log_ticks, name_of_rate, pyplot
from ._unwrapped import unwrapped

MSE = "mean squared error\n(units of y squared)"
WITH_PENALTY = MSE.replace("error", "error + penalty")

FEW_STEPS = 30
"""Up to this number of steps the axis is linear."""


class LossCurveDisplay:
    r"""The mean squared error over the steps of a descent.

    .. math::  J(\theta_k) = \frac1W \sum_n w_n (y_n - \hat y_n)^2 \quad\text{over}\quad k

    With a penalty J includes it, and the curve of held-out rows does not. Use `from_estimator`, `from_estimators`, or
    `from_paths` for any other function; the constructor only stores.

    Parameters
    ----------
    iterations : list of array-like of shape (n_recorded,)
        For each curve, the steps k at which J was recorded.
    losses : list of array-like of shape (n_recorded,)
        J there, in units of y squared.
    validation_losses : list of array-like of shape (n_recorded,) or None, default=None
        J on the rows held out, where a descent has stopped early.
    n_iters : list of int, default=None
        The step of each model, marked on its validation curve.
    names : list of str, default=None
        What the legend says.
    minimum : float, default=None
        J_min: the curves are J − J_min, and the validation curves, whose minimum it is not, are left out.
    value_name : str, default=None
        What is drawn, its unit on a line of its own; None is the mean squared error, in units of y squared.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : list of matplotlib Line2D
        J, one line for each descent.
    validation_lines_ : list of matplotlib Line2D
        J on the rows held out, for the descents that have it.
    markers_ : list of matplotlib Line2D
        The step of the model on each validation curve.

    See Also
    --------
    LearningRateDisplay : Errors in cross-validation over learning rate and number of steps.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from gdlearn import GradientDescentRegressor
    >>> from gdlearn.inspection import LossCurveDisplay
    >>> X, y = [[1.0], [2.0], [3.0]], [2.0, 4.0, 6.0]
    >>> rates = [0.01, 0.05]
    >>> models = [GradientDescentRegressor(rate, scaling=None, max_iter=3).fit(X, y) for rate in rates]
    >>> display = LossCurveDisplay.from_estimators(models, ax=Figure().subplots())
    >>> for line in display.lines_:
    ...     print(line.get_label(), line.get_xdata(), line.get_ydata().round(2))
    η = 0.01 [0 1 2 3] [18.67 14.77 11.69  9.26]
    η = 0.05 [0 1 2 3] [18.67  3.76  0.81  0.22]
    """

    def __init__(
        self,
        *,
        iterations: Sequence[ArrayLike],
        losses: Sequence[ArrayLike],
        validation_losses: Sequence[ArrayLike | None] | None = None,
        n_iters: Sequence[int] | None = None,
        names: Sequence[str] | None = None,
        minimum: float | None = None,
        value_name: str | None = None,
    ) -> None:
        self.iterations = iterations
        self.losses = losses
        self.validation_losses = validation_losses
        self.n_iters = n_iters
        self.names = names
        self.minimum = minimum
        self.value_name = value_name

    def plot(self, ax: Any = None, **line_kw: Any) -> LossCurveDisplay:
        """Draw the curves: J on a logarithmic axis unless it has negative values, the steps on one that shows step 0.

        A curve that reaches beyond 1e200, such as that of a descent that overflows, leaves the picture there.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.
        **line_kw
            For `Axes.plot` of every line.

        Returns
        -------
        self : LossCurveDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        name, line, unit = (self.value_name or MSE).partition("\n")
        if ax is None:
            _, ax = pyplot("LossCurveDisplay.plot").subplots(layout="constrained")
            what = name[0].upper() + name[1:] if unit else name
            ax.set_title(f"{what} after each step of gradient descent", fontsize="medium")
        self.ax_, self.figure_ = ax, ax.figure
        self.lines_: list[Any] = []
        self.validation_lines_: list[Any] = []
        self.markers_: list[Any] = []
        for i in range(len(self.losses)):
            self._draw(i, line_kw)
        self._scale()
        most = min(max(int(np.max(steps)) for steps in self.iterations), int(DRAWABLE))
        ax.set_xlim(0.0, float(max(most, 1)))
        if most > FEW_STEPS:
            ax.set_xscale("symlog", linthresh=1, linscale=max(0.3, 0.1 * np.log10(float(most))))
            ax.xaxis.get_major_locator().set_params(numticks=8)
        else:
            ax.xaxis.get_major_locator().set_params(integer=True)
        ax.set_xlabel("step k")
        above = "" if self.minimum is None else " above its minimum"
        ax.set_ylabel(f"{name}{above}{line}{unit}")
        ax.legend()
        return self

    def _scale(self) -> None:
        """The axis of J, and its limits where matplotlib's own would overflow."""
        drawn = np.concatenate([line.get_ydata() for line in self.lines_ + self.validation_lines_])
        drawn = drawn[np.isfinite(drawn)]
        logarithmic = bool((drawn > 0).any()) and not (drawn < 0).any()
        bottom = 1.0 / DRAWABLE if logarithmic else -DRAWABLE
        drawn = drawn[drawn > 0] if logarithmic else drawn
        inside = drawn[(drawn >= bottom) & (drawn <= DRAWABLE)]
        if len(inside) < len(drawn):
            ends = np.clip([drawn.min(), drawn.max()], bottom, DRAWABLE)
            self.ax_.autoscale(False, axis="y")
            self.ax_.set_ylim(*(ends if ends[0] < ends[1] else (bottom, DRAWABLE)))
        if logarithmic:
            self.ax_.set_yscale("log")
            log_ticks(self.ax_.yaxis, *self.ax_.get_ylim())

    def _draw(self, i: int, line_kw: dict[str, Any]) -> None:
        """Curve i, the curve of its held-out rows, and the step of its model."""
        steps, loss = drawable_steps(self.iterations[i]), np.asarray(self.losses[i], dtype=np.float64)
        first = np.flatnonzero(steps <= FIRST_STEPS).tolist()
        dots = {"marker": "o", "markersize": 4, "markevery": first}
        style = {"color": COLOURS[i % len(COLOURS)], "linewidth": 2} | dots | line_kw
        name = (self.value_name or "J") if self.names is None else self.names[i]
        if self.minimum is not None:
            loss = _excess(loss, self.minimum)
        self.lines_ += self.ax_.plot(steps, loss, **({"label": name} | style))
        held_out = None if self.validation_losses is None else self.validation_losses[i]
        if held_out is None or self.minimum is not None:
            return
        error = "error " if self.value_name == WITH_PENALTY else ""  # which the penalty is no part of
        dashed = {"label": f"{name}, {error}on rows held out", "linestyle": "--"} | style
        self.validation_lines_ += self.ax_.plot(steps, held_out, **dashed)
        if self.n_iters is not None:
            best = self.n_iters[i]
            place = drawable_steps([best])
            at = np.interp(place, steps, np.asarray(held_out))
            dot = {"color": style["color"], "linestyle": "none", "markeredgecolor": "black", "markersize": 9}
            self.markers_ += self.ax_.plot(place, at, marker="o", label=f"least there: k = {best:,}", **dot)

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, name: str | None = None, minimum: float | None = None, ax: Any = None, **line_kw: Any
    ) -> LossCurveDisplay:
        """Draw the recorded curve of a fitted estimator.

        Parameters
        ----------
        estimator : GradientDescentRegressor, GradientDescentRegressorCV, Pipeline or search
            Fitted; of a Pipeline the last step is drawn, of a search its `best_estimator_`.
        name : str, default=None
            What the legend says; None is the learning rate, and the penalty.
        minimum : float > 0, default=None
            J_min, to draw J − J_min: the `loss_` of ``GradientDescentRegressor().fit(X, y)`` on the same rows, with the
            same penalty. What is left of the difference after rounding is not drawn.
        ax : matplotlib Axes, default=None
        **line_kw
            For `Axes.plot`.

        Returns
        -------
        LossCurveDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError, TypeError
            If a parameter is none of these.
        ImportError
            If matplotlib is not installed.
        """
        estimator, _ = unwrapped(estimator)
        allowed(ESTIMATORS, _is_descended).check("LossCurveDisplay.from_estimator", "estimator", estimator)
        names = None if name is None else [name]
        return cls._of([estimator], names, "LossCurveDisplay.from_estimator", minimum).plot(ax, **line_kw)

    @classmethod
    def from_estimators(
        cls,
        estimators: Sequence[Any] | Mapping[str, Any],
        *,
        minimum: float | None = None,
        ax: Any = None,
        **line_kw: Any,
    ) -> LossCurveDisplay:
        """Draw the recorded curves of several fitted estimators, to compare them.

        Parameters
        ----------
        estimators : list of estimators, or dict of them by name
            As for `from_estimator`; those of a list are named by their learning rates, and by their penalties if any.
        minimum, ax, **line_kw
            As for `from_estimator`.

        Returns
        -------
        LossCurveDisplay

        Raises
        ------
        NotFittedError, ValueError, TypeError, ImportError
            As `from_estimator`.
        """
        owner = "LossCurveDisplay.from_estimators"
        names = [str(name) for name in estimators] if isinstance(estimators, Mapping) else None
        given = list(estimators.values()) if isinstance(estimators, Mapping) else estimators
        some = [unwrapped(one)[0] for one in given] if isinstance(given, list | tuple) else []
        if not some or not all(map(_is_descended, some)):
            raise InvalidParameterError(
                f"The 'estimators' parameter of {owner} must be a non-empty list or dict, each item {ESTIMATORS}. Got "
                f"{estimators!r} instead."
            )
        return cls._of(some, names, owner, minimum).plot(ax, **line_kw)

    @classmethod
    def from_paths(
        cls,
        paths: Any,
        *,
        names: Sequence[str] | None = None,
        minimum: float | None = None,
        ax: Any = None,
        **line_kw: Any,
    ) -> LossCurveDisplay:
        """Draw the values of a function along its descents.

        Parameters
        ----------
        paths : DescentPath or list of them
            What `SymbolicFunction.descend` has returned.
        names : list of str, default=None
            What the legend says; None is the learning rates, and how they ended where that was early.
        minimum : float, default=None
            The least value of the function, to draw the distance from it.
        ax : matplotlib Axes, default=None
        **line_kw
            For `Axes.plot`.

        Returns
        -------
        LossCurveDisplay

        Raises
        ------
        ValueError, TypeError
            If a parameter is none of these.
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> from matplotlib.figure import Figure
        >>> from gdlearn.inspection import LossCurveDisplay
        >>> from gdlearn.symbolic import SymbolicFunction
        >>> path = SymbolicFunction("x**2").descend(2.0, 0.25, max_iter=3)
        >>> display = LossCurveDisplay.from_paths(path, ax=Figure().subplots())
        >>> print(display.ax_.get_ylabel(), display.lines_[0].get_ydata())
        f [4.     1.     0.25   0.0625]
        """
        owner = "LossCurveDisplay.from_paths"
        some, titles = paths_and_names(owner, paths, names, "a descent or a non-empty list of them")
        (NONE | FINITE).check(owner, "minimum", minimum)
        return cls(
            iterations=[np.arange(len(path.values)) for path in some],
            losses=[path.values for path in some],
            names=titles,
            minimum=minimum,
            value_name=some[0].symbol,
        ).plot(ax, **line_kw)

    @classmethod
    def _of(
        cls, estimators: Sequence[Any], names: list[str] | None, owner: str, minimum: float | None
    ) -> LossCurveDisplay:
        (NONE | POSITIVE).check(owner, "minimum", minimum)
        for estimator in estimators:
            check_is_fitted(estimator)
        charged = any(_penalty(estimator)[0] for estimator in estimators)
        return cls(
            iterations=[np.array(estimator.loss_curve_iterations_) for estimator in estimators],
            losses=[np.array(estimator.loss_curve_) for estimator in estimators],
            validation_losses=[getattr(estimator, "validation_loss_curve_", None) for estimator in estimators],
            n_iters=[estimator.n_iter_ for estimator in estimators],
            names=names or [_name(estimator, charged) for estimator in estimators],
            minimum=minimum,
            value_name=WITH_PENALTY if charged else None,
        )


ESTIMATORS = "a fitted GradientDescentRegressor or GradientDescentRegressorCV, or a pipeline or search that ends in one"


def _is_descended(estimator: Any) -> bool:
    return isinstance(estimator, GradientDescentRegressor | GradientDescentRegressorCV)


def _name(estimator: Any, charged: bool) -> str:
    """By the rate and, where some of those that are drawn are penalised, by the penalty."""
    rate = name_of_rate(getattr(estimator, "learning_rate", None), estimator.learning_rate_)
    alpha, l1_ratio = _penalty(estimator)
    return (
        f"{rate}, α = {alpha:.3g}" + (f", l1_ratio = {l1_ratio:.3g}" if alpha and l1_ratio else "") if charged else rate
    )


def _penalty(estimator: Any) -> tuple[float, float]:
    """α and ρ, as they were chosen where they were."""
    names = ("alpha_", "l1_ratio_") if hasattr(estimator, "alpha_") else ("alpha", "l1_ratio")
    return getattr(estimator, names[0]), getattr(estimator, names[1])


def _excess(loss: Array, minimum: float) -> Array:
    """J − J_min, NaN where it is no more than rounding."""
    with np.errstate(over="ignore"):
        above = loss - minimum
    return np.where(above > 100 * EPS * abs(minimum), above, np.nan)
