"""RegularizationPathDisplay: the coefficients over the strength of a penalty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from .._arrays import Array
from .._columns import names_of, texts_of
from .._parameters import POSITIVE, InvalidParameterError, MatrixLike, allowed
from .._regressor import GradientDescentRegressor
from .._regressor_cv import GradientDescentRegressorCV
from .._regularization_path import paths_over_alphas
from ._sensitivity_display import shortened
from ._style import COLOURS, drawable, few_ticks, log_ticks, pyplot
from ._unwrapped import unwrapped

MOST_NAMED, LONGEST_NAME = 10, 16
"""So many features are named, and told apart by colour; the others are grey."""

NAME_SIZE = 9
"""Of the names, in points."""

PER_UNIT = "coefficient (units of y per unit of the feature)"
TIMES_SCALE = "coefficient × scale of the feature (units of y)"


class RegularizationPathDisplay:
    """The coefficients at the minimum of J over the strength α of a penalty.

    α is on a logarithmic axis and falls to the right, so that the paths grow from zero, as they do in the course of a
    descent, and end where the penalty is weakest. There stand the names of the features whose coefficients are largest.

    Use `from_estimator` or `from_path`; the constructor only stores.

    Parameters
    ----------
    alphas : array-like of shape (n_alphas,)
        α = 0, which has no place on the axis, is not drawn.
    coefs : array-like of shape (n_features, n_alphas)
    feature_names : list of str, default=None
        None calls them feature 0, feature 1 and so on.
    chosen : float, default=None
        The α to mark, such as that of a cross-validation, if it is between those of the path.
    coef_name : str, default="coefficient (units of y per unit of the feature)"
        What the axis says.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : list of matplotlib Line2D
        One for each feature, in their order.
    names_ : dict of matplotlib Text
        The names that are shown, by the number of the feature.
    chosen_line_ : matplotlib Line2D or None
        At the α that was chosen.

    See Also
    --------
    gdlearn.regularization_path : Computes the coefficients, from one pass over the rows.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn.datasets import load_diabetes
    >>> from gdlearn import regularization_path
    >>> from gdlearn.inspection import RegularizationPathDisplay
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> path = regularization_path(X, y, l1_ratio=1.0)
    >>> display = RegularizationPathDisplay.from_path(
    ...     path, feature_names=list(X.columns), chosen=2.0, ax=Figure().subplots()
    ... )
    >>> print(display.names_[8].get_text(), display.lines_[8].get_ydata()[[0, -1]].round())
    s5 [  0. 696.]
    """

    def __init__(
        self,
        *,
        alphas: ArrayLike,
        coefs: ArrayLike,
        feature_names: Sequence[str] | None = None,
        chosen: float | None = None,
        coef_name: str = PER_UNIT,
    ) -> None:
        self.alphas = alphas
        self.coefs = coefs
        self.feature_names = feature_names
        self.chosen = chosen
        self.coef_name = coef_name

    def plot(self, ax: Any = None, **line_kw: Any) -> RegularizationPathDisplay:
        """Draw a line for each feature, and the names of those that end furthest from zero.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw, the names to the right of it (``layout="constrained"`` makes room); a new figure if None.
        **line_kw
            For `Axes.plot` of every line.

        Returns
        -------
        self : RegularizationPathDisplay

        Raises
        ------
        ValueError
            If no alpha is above 0.
        ImportError
            If matplotlib is not installed.
        """
        alphas, coefs = np.asarray(self.alphas, dtype=np.float64), np.asarray(self.coefs, dtype=np.float64)
        order = np.argsort(-alphas, kind="stable")
        order = order[alphas[order] > 0]
        if not len(order):
            raise ValueError(
                "RegularizationPathDisplay has nothing to draw on its logarithmic axis: no alpha is above 0."
            )
        if ax is None:
            _, ax = pyplot("RegularizationPathDisplay.plot").subplots(layout="constrained")
            ax.set_title("Coefficients at the minimum of J for each penalty", fontsize="medium")
        self.ax_, self.figure_ = ax, ax.figure
        alphas, coefs = alphas[order], coefs[:, order]
        largest = np.argsort(-np.abs(coefs[:, -1]), kind="stable")[:MOST_NAMED]
        named = [j for j in largest.tolist() if coefs[j, -1] != 0]
        self.lines_ = []
        for j, coef in enumerate(coefs):
            look = _look(named.index(j)) if j in named else {"color": "0.75", "linewidth": 1.0, "zorder": 1.5}
            self.lines_ += ax.plot(alphas, coef, **(look | line_kw))
        ax.axhline(0.0, color="0.6", linewidth=0.8, zorder=1)
        self.chosen_line_ = None
        if self.chosen is not None and alphas[-1] <= self.chosen <= alphas[0]:
            dotted = {"color": "black", "linestyle": ":", "label": f"chosen: α = {self.chosen:.3g}"}
            self.chosen_line_ = ax.axvline(self.chosen, **dotted)
            ax.legend(loc="best")
        self._scale(float(alphas[-1]), float(alphas[0]))
        self.names_ = self._named(named, coefs[:, -1])
        return self

    def _scale(self, low: float, high: float) -> None:
        """Both axes."""
        ax = self.ax_
        low, high = drawable(low, high) if low < high else drawable(low / 2.0, high * 2.0)
        ax.set_xscale("log")
        ax.set_xlim(high, low)
        log_ticks(ax.xaxis, low, high)
        ax.set_xlabel("penalty α, falling")
        few_ticks(ax.yaxis, self.coef_name, *ax.get_ylim())

    def _named(self, named: list[int], ends: Array) -> dict[int, Any]:
        """Names beside the right ends of lines, moved apart where they would touch."""
        ax = self.ax_
        low, high = ax.get_ylim()
        tall = self.figure_.get_figheight() * ax.get_position().height * 0.8  # less what the layout may take
        step = 1.4 * NAME_SIZE / 72.0 / tall
        named = sorted(named[: max(int(1.0 / step), 1)], key=lambda j: ends[j])
        heights = _apart((ends[named] - low) / (high - low), step)
        beside: dict[str, Any] = {"transform": ax.transAxes, "clip_on": False}
        found = {}
        for j, height in zip(named, heights, strict=True):
            name = f"feature {j}" if self.feature_names is None else str(self.feature_names[j])
            colour, end = self.lines_[j].get_color(), (ends[j] - low) / (high - low)
            ax.plot([1.0, 1.035], [end, height], color=colour, linewidth=0.7, **beside)
            text = {"va": "center", "fontsize": NAME_SIZE, "color": colour}
            found[j] = ax.text(1.04, height, shortened(name, LONGEST_NAME), **beside, **text)
        return found

    @classmethod
    def from_path(
        cls,
        path: Any,
        *,
        feature_names: Sequence[str] | None = None,
        chosen: Any = None,
        ax: Any = None,
        **line_kw: Any,
    ) -> RegularizationPathDisplay:
        """Draw what `regularization_path` has returned, or `lasso_path` and `enet_path` of scikit-learn.

        Parameters
        ----------
        path : tuple (alphas, coefs, ...)
            Of one target: of several hand over ``(alphas, coefs[i])``.
        feature_names : list of str, default=None
        chosen : float > 0 or fitted estimator, default=None
            The α to mark: a number, or an estimator with `alpha_`, such as `GradientDescentRegressorCV` and `LassoCV`,
            or a fitted search for the `alpha` of a `GradientDescentRegressor`; of a Pipeline the last step is meant.
        ax : matplotlib Axes, default=None
        **line_kw
            For `Axes.plot`.

        Returns
        -------
        RegularizationPathDisplay

        Raises
        ------
        NotFittedError
            If an estimator is not fitted.
        ValueError, TypeError
            If a parameter is none of these.
        ImportError
            If matplotlib is not installed.
        """
        owner = "RegularizationPathDisplay.from_path"
        alphas, coefs = _checked(owner, path)
        if feature_names is not None:
            of_each = allowed(
                f"a list of {len(coefs)} str, one for each feature", lambda given: len(given) == len(coefs)
            )
            of_each.check(owner, "feature_names", list(feature_names))
        marked = None if chosen is None else _alpha_of(owner, chosen)
        return cls(alphas=alphas, coefs=coefs, feature_names=feature_names, chosen=marked).plot(ax, **line_kw)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: MatrixLike,
        y: ArrayLike,
        *,
        alphas: int | ArrayLike = 100,
        eps: float | None = None,
        sample_weight: ArrayLike | None = None,
        ax: Any = None,
        **line_kw: Any,
    ) -> RegularizationPathDisplay:
        """Draw the path of an estimator's penalty on X and y, and mark its `alpha_` or `alpha`.

        The coefficients are those of the scaled features, which the penalty counts and which compare.

        Parameters
        ----------
        estimator : GradientDescentRegressor, GradientDescentRegressorCV, Pipeline or search
            Its `l1_ratio`, `scaling` and `fit_intercept` are meant; it stays as it is. One that chooses, or transforms
            X, is to be fitted.
        X : array-like or CSR/CSC matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        alphas, eps, sample_weight
            As for :func:`gdlearn.regularization_path`.
        ax : matplotlib Axes, default=None
        **line_kw
            For `Axes.plot`.

        Returns
        -------
        RegularizationPathDisplay

        Raises
        ------
        NotFittedError
            If the estimator needs to be fitted and is not.
        ValueError, TypeError
            If a parameter or the data cannot be used, or y has several targets.
        ImportError
            If matplotlib is not installed.
        """
        owner = "RegularizationPathDisplay.from_estimator"
        estimator, X = unwrapped(estimator, X)
        allowed(ESTIMATORS, _is_descended).check(owner, "estimator", estimator)
        chosen = _alpha_of(owner, estimator)
        path = paths_over_alphas(
            owner,
            X,
            y,
            sample_weight,
            alphas=alphas,
            l1_ratio=getattr(estimator, "l1_ratio_", getattr(estimator, "l1_ratio", 0.0)),
            eps=eps,
            scaling=estimator.scaling,
            fit_intercept=estimator.fit_intercept,
        )
        if len(path.coefs) > 1:
            raise ValueError(f"{owner} draws one target; y has {len(path.coefs)}: hand over one column of it.")
        return cls(
            alphas=path.alphas,
            coefs=path.coefs[0] * path.feature_scale[:, None],
            feature_names=texts_of(names_of(X)),
            chosen=chosen or None,
            coef_name=TIMES_SCALE,
        ).plot(ax, **line_kw)


ESTIMATORS = "a GradientDescentRegressor or fitted GradientDescentRegressorCV, or a pipeline or search that ends in one"


def _is_descended(estimator: Any) -> bool:
    return isinstance(estimator, GradientDescentRegressor | GradientDescentRegressorCV)


def _alpha_of(owner: str, chosen: Any) -> float:
    """The α that a number, or an estimator, stands for."""
    if POSITIVE(chosen):
        return float(chosen)
    estimator, _ = unwrapped(chosen)
    if isinstance(estimator, GradientDescentRegressor):
        return float(estimator.alpha)
    if hasattr(estimator, "fit") and not isinstance(estimator, type):
        check_is_fitted(estimator)
    alpha = getattr(estimator, "alpha_", None)
    if not isinstance(alpha, float):
        raise InvalidParameterError(
            f"The 'chosen' parameter of {owner} must be None, a finite number > 0 or a fitted estimator with alpha_. "
            f"Got {chosen!r} instead."
        )
    return float(alpha)


def _checked(owner: str, path: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """α and the coefficients of a path, of one target."""
    try:
        alphas, coefs = (np.asarray(part, dtype=np.float64) for part in tuple(path)[:2])
    except (TypeError, ValueError):
        alphas, coefs = np.empty(0), np.empty(0)
    if coefs.ndim == 3 and len(coefs) > 1:
        raise ValueError(f"{owner} draws one target; the path has {len(coefs)}: hand over (alphas, coefs[i]).")
    coefs = coefs[0] if coefs.ndim == 3 else coefs
    if alphas.ndim != 1 or coefs.ndim != 2 or coefs.shape[1] != len(alphas) or not len(alphas):
        raise InvalidParameterError(
            f"The 'path' parameter of {owner} must be (alphas, coefs, ...) as regularization_path returns them, with "
            f"coefs of shape (n_features, n_alphas). Got {path!r} instead."
        )
    return alphas, coefs


def _look(place: int) -> dict[str, Any]:
    """Of a feature that is named: a colour, and a kind of line where there are more features than colours."""
    kinds = "-", "--"
    return {"color": COLOURS[place % len(COLOURS)], "linestyle": kinds[place // len(COLOURS)], "linewidth": 1.8}


def _apart(heights: Array, step: float) -> Array:
    """Ascending heights in [0, 1], moved as little as is needed for `step` between them."""
    room = np.clip(heights, 0.0, 1.0) - step * np.arange(len(heights))
    groups: list[list[float]] = []
    for place in room:  # those that would cross share their mean
        groups.append([place])
        while len(groups) > 1 and np.mean(groups[-2]) > np.mean(groups[-1]):
            last = groups.pop()
            groups[-1] += last
    moved = np.repeat([np.mean(group) for group in groups], [len(group) for group in groups])
    moved = np.clip(moved, 0.0, 1.0 - step * (len(heights) - 1))
    return np.asarray(moved + step * np.arange(len(heights)))
