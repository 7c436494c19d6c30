"""LearningRateDisplay: the error over learning rate and number of steps, as a map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from .._arrays import Array, beyond_float64
from .._namespaces import home
from .._parameters import NONE, POSITIVE, POSITIVE_INTEGER, InvalidParameterError, allowed, integers
from .._regressor import GradientDescentRegressor
from .._regressor_cv import GradientDescentRegressorCV
from ._score import MSE, error_name_of
from ._style import COLOURS, drawable, drawable_steps, log_ticks, pyplot
from ._unwrapped import is_search, unwrapped

NEAR = 10.0
"""The largest stable rate is in the picture if it is at most this multiple of the largest rate tried."""


class LearningRateDisplay:
    r"""The error in cross-validation over learning rate η and number of steps k.

    Small rates depend on the product ηk alone, so the map has a valley along ηk = constant; at and above the largest
    stable rate there is no error to show, for the descent diverges.

    Use `from_estimator` or `from_cv_results`; the constructor only stores.

    Parameters
    ----------
    learning_rates : array-like of shape (n_learning_rates,)
        Ascending.
    iterations : array-like of shape (n_iterations,)
        Ascending.
    errors : array-like of shape (n_learning_rates, n_iterations)
        The mean over the folds; not finite where the descent diverges or has failed.
    best : tuple (learning rate, number of steps)
        Which combination is marked.
    max_stable_learning_rate : float, default=None
        At and above which plain descent does not converge.
    error_name : str, default="mean squared error (units of y squared)"
        The label of the colour bar.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    mesh_ : matplotlib QuadMesh
        The map; its array is ``errors.T``, masked where not finite.
    colorbar_ : matplotlib Colorbar
    limit_line_ : matplotlib Line2D or None
        At the largest stable learning rate.
    best_ : matplotlib Line2D
        The mark of the best.

    See Also
    --------
    gdlearn.GradientDescentRegressorCV : Computes the errors, for about the cost of one fit.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn.datasets import load_diabetes
    >>> from gdlearn import GradientDescentRegressorCV
    >>> from gdlearn.inspection import LearningRateDisplay
    >>> X, y = load_diabetes(return_X_y=True)
    >>> search = GradientDescentRegressorCV([0.001, 0.01, 0.1], max_iters=[10, 100, 1000]).fit(X, y)
    >>> display = LearningRateDisplay.from_estimator(search, ax=Figure().subplots())
    >>> print(display.errors.round())
    [[5657. 4091. 3005.]
     [4066. 3004. 3007.]
     [2999. 3007. 2994.]]
    >>> print(display.best_.get_xydata())
    [[1.e-01 1.e+03]]
    """

    def __init__(
        self,
        *,
        learning_rates: ArrayLike,
        iterations: ArrayLike,
        errors: ArrayLike,
        best: tuple[float, int],
        max_stable_learning_rate: float | None = None,
        error_name: str = MSE,
    ) -> None:
        self.learning_rates = learning_rates
        self.iterations = iterations
        self.errors = errors
        self.best = best
        self.max_stable_learning_rate = max_stable_learning_rate
        self.error_name = error_name

    def plot(
        self, ax: Any = None, *, vmin: float | None = None, vmax: float | None = None, **mesh_kw: Any
    ) -> LearningRateDisplay:
        """Draw the map on logarithmic axes, with most colours for the errors near the least.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw, the legend below it (``layout="constrained"`` makes room); a new figure if None.
        vmin, vmax : float, default=None
            The errors of the first and the last colour. By default the least error, and the error of the smallest
            rate with the fewest steps, which leave the model near zero; larger errors share the last colour.
        **mesh_kw
            For `Axes.pcolormesh`, such as `cmap`.

        Returns
        -------
        self : LearningRateDisplay

        Raises
        ------
        ValueError
            If no error is finite.
        ImportError
            If matplotlib is not installed.
        """
        if ax is None:
            _, ax = pyplot("LearningRateDisplay.plot").subplots(figsize=(6.4, 5.4), layout="constrained")
            ax.set_title("Cross-validation after k steps at each learning rate", fontsize="medium")
        from matplotlib.colors import PowerNorm

        self.ax_, self.figure_ = ax, ax.figure
        x, y = _edges(np.asarray(self.learning_rates)), _edges(drawable_steps(self.iterations))
        errors = np.ma.masked_invalid(np.asarray(self.errors, dtype=np.float64).T)
        if not errors.count():
            raise ValueError(
                "LearningRateDisplay has no finite error to draw: every descent has diverged or failed, or in units of "
                "y squared the errors exceed float64 (then divide y by a constant first)."
            )
        ax.autoscale(False)  # the limits are set below, and matplotlib's own may overflow
        ax.set_xlim(*drawable(x[0], x[-1]))
        ax.set_ylim(*drawable(y[0], y[-1]))
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.patch.set(facecolor="0.88", edgecolor="0.65", hatch="//", label="no finite error: diverges")
        low = errors.min() if vmin is None else vmin
        high = _worth_telling_apart(errors) if vmax is None else vmax
        self.mesh_ = ax.pcolormesh(x, y, errors, **({"cmap": "viridis", "norm": PowerNorm(0.4, low, high)} | mesh_kw))
        extend = "max" if errors.max() > high else "neither"
        self.colorbar_ = self.figure_.colorbar(self.mesh_, ax=ax, label=self.error_name, extend=extend)

        right, stable = x[-1], self.max_stable_learning_rate
        self.limit_line_ = None
        if stable is not None and stable <= NEAR * right:
            line = {"color": COLOURS[1], "linewidth": 3, "label": f"largest stable rate {stable:.3g}"}
            self.limit_line_ = ax.axvline(stable, **line)
            if stable >= right:
                ax.axvspan(right, stable, color="white", linewidth=0)  # not tried, which is not to diverge
                right = stable * np.sqrt(right / x[-2])
        ax.set_xlim(*drawable(x[0], right))
        rate, steps = self.best
        star = {"color": "white", "markeredgecolor": "black", "markersize": 16, "linestyle": "none", "clip_on": False}
        (self.best_,) = ax.plot(
            [rate], drawable_steps([steps]), marker="*", label=f"best: η = {rate:.2g}, k = {steps:,}", **star
        )
        log_ticks(ax.xaxis, *ax.get_xlim())
        log_ticks(ax.yaxis, *ax.get_ylim())
        ax.set_xlabel("learning rate η")
        ax.set_ylabel("number of steps k")
        shown = [self.best_, self.limit_line_, ax.patch if np.ma.is_masked(errors) or right > x[-1] else None]
        below = {"loc": "upper center", "bbox_to_anchor": (0.5, 0), "borderaxespad": 4, "frameon": False, "ncols": 2}
        ax.legend(handles=[artist for artist in shown if artist is not None], columnspacing=1.2, **below)
        return self

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None, **mesh_kw: Any) -> LearningRateDisplay:
        """Draw the errors that a fitted search over `learning_rate` and `max_iter` has found.

        Parameters
        ----------
        estimator : GradientDescentRegressorCV, GridSearchCV or the like
            Fitted; of a Pipeline the last step is meant. With `alphas` the errors are those of the chosen `alpha_` and
            `l1_ratio_`, and learning rates or numbers of steps must be in the grid too. Of a search that is not
            `GradientDescentRegressorCV` the error is minus its mean test score, and the colour bar says of which score.
        ax : matplotlib Axes, default=None
        **mesh_kw
            For `Axes.pcolormesh`.

        Returns
        -------
        LearningRateDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError, TypeError
            If it is another one, or not a search over these two parameters alone.
        ImportError
            If matplotlib is not installed.
        """
        if is_search(estimator):
            return cls._from_search(estimator).plot(ax, **mesh_kw)
        estimator, _ = unwrapped(estimator)
        owner = "LearningRateDisplay.from_estimator"
        is_one = allowed(SEARCHES, lambda given: isinstance(given, GradientDescentRegressorCV))
        is_one.check(owner, "estimator", estimator)
        check_is_fitted(estimator)
        if not estimator.learning_rates_.shape[0]:
            raise ValueError(
                f"{owner} draws errors over learning rates and numbers of steps, and this search has tried alphas "
                "alone: give it learning_rates or max_iters as well. RegularizationPathDisplay draws what alphas do."
            )
        rates, row = np.unique(home(estimator.learning_rates_), return_index=True)
        steps, column = np.unique(home(estimator.max_iters_), return_index=True)
        mse, name = _slice(estimator)
        with beyond_float64():
            errors = mse.mean(axis=-1)[np.ix_(row, column)]
        return cls(
            learning_rates=rates,
            iterations=steps,
            errors=errors,
            best=(estimator.learning_rate_, estimator.max_iter_),
            max_stable_learning_rate=estimator.max_stable_learning_rate_,
            error_name=name,
        ).plot(ax, **mesh_kw)

    @classmethod
    def from_cv_results(
        cls,
        cv_results: Mapping[str, Any],
        *,
        prefix: str | None = None,
        max_stable_learning_rate: float | None = None,
        error_name: str | None = None,
        scoring: Any = None,
        ax: Any = None,
        **mesh_kw: Any,
    ) -> LearningRateDisplay:
        """Draw the scores of a search over `learning_rate` and `max_iter`, such as a `GridSearchCV`.

        Parameters
        ----------
        cv_results : dict
            ``cv_results_`` of the search, with one score; the error is minus ``mean_test_score``. What the search has
            not tried, or what failed, stays hatched.
        prefix : str, default=None
            Of the two parameters where the descent is in a pipeline, such as ``"gradientdescentregressor__"``. None
            finds it.
        max_stable_learning_rate : float > 0, default=None
            ``search.best_estimator_.max_stable_learning_rate_``, to have it drawn.
        error_name : str, default=None
            The label of the colour bar; None derives it from `scoring`.
        scoring : str or scorer, default=None
            What the search was given; the results do not hold it, and without it the label is "−mean test score".
        ax : matplotlib Axes, default=None
        **mesh_kw
            For `Axes.pcolormesh`.

        Returns
        -------
        LearningRateDisplay

        Raises
        ------
        ValueError, TypeError
            If the results are not of a search over these two parameters alone.
        ImportError
            If matplotlib is not installed.
        """
        owner = "LearningRateDisplay.from_cv_results"
        (NONE | POSITIVE).check(owner, "max_stable_learning_rate", max_stable_learning_rate)
        name = error_name_of(scoring) if error_name is None else error_name
        return cls._of(owner, cv_results, prefix, max_stable_learning_rate, name).plot(ax, **mesh_kw)

    @classmethod
    def _from_search(cls, search: Any) -> LearningRateDisplay:
        """Of a fitted search, which knows its score and its best descent."""
        best, _ = unwrapped(search)
        check_is_fitted(search)
        scoring = search.scoring
        if scoring is None and isinstance(best, GradientDescentRegressor):
            scoring = "r2"  # the estimator's own score
        stable = getattr(best, "max_stable_learning_rate_", None)
        name = error_name_of(scoring)
        return cls._of("LearningRateDisplay.from_estimator", search.cv_results_, None, stable, name)

    @classmethod
    def _of(
        cls, owner: str, cv_results: Any, prefix: str | None, stable: float | None, error_name: str
    ) -> LearningRateDisplay:
        rate, step, score = _columns(owner, cv_results, prefix)
        rates, row = np.unique(rate, return_inverse=True)
        steps, column = np.unique(step, return_inverse=True)
        if len(set(zip(row, column, strict=True))) < len(score):
            raise InvalidParameterError(
                f"The 'cv_results' parameter of {owner} must have one score for each learning rate and number of "
                f"steps. Got several, of a search over {sorted(k for k in cv_results if k.startswith('param_'))}: hand "
                "over those with the other parameters fixed."
            )
        errors = np.full((len(rates), len(steps)), np.nan)
        errors[row, column] = -score
        best = np.unravel_index(int(np.nanargmin(errors)), errors.shape)
        return cls(
            learning_rates=rates,
            iterations=steps,
            errors=errors,
            best=(float(rates[best[0]]), int(steps[best[1]])),
            max_stable_learning_rate=stable,
            error_name=error_name,
        )


SEARCHES = (
    "a fitted GradientDescentRegressorCV, a pipeline that ends in one, or a fitted search, such as GridSearchCV, over "
    "the learning_rate and max_iter of a GradientDescentRegressor"
)


def _slice(search: GradientDescentRegressorCV) -> tuple[Array, str]:
    """The errors with the penalty that was chosen, over rates, steps and folds; and what they are called."""
    mse, alpha, l1_ratio = home(search.mse_path_), search.alpha_, search.l1_ratio_
    if mse.ndim == 3:
        return mse, MSE
    ratio = int(np.argmax(np.atleast_1d(search.l1_ratios) == l1_ratio))
    alphas = np.atleast_2d(home(search.alphas_))[ratio]
    charged = f", l1_ratio = {l1_ratio:g}" if mse.shape[0] > 1 or l1_ratio else ""
    return mse[ratio, int(np.argmax(alphas == alpha))], f"{MSE}\nat α = {alpha:.3g}{charged}"


def _columns(owner: str, cv_results: Any, prefix: str | None) -> tuple[Array, Array, Array]:
    """Learning rate, number of steps and mean score of each candidate."""
    keys = list(cv_results) if isinstance(cv_results, Mapping) else []
    ends = [k.removesuffix("learning_rate") for k in keys if k.startswith("param_") and k.endswith("learning_rate")]
    start = f"param_{prefix}" if prefix is not None else ends[0] if len(ends) == 1 else "param_"
    wanted = f"{start}learning_rate", f"{start}max_iter", "mean_test_score"
    if any(key not in keys for key in wanted):
        got = keys or type(cv_results).__name__
        raise InvalidParameterError(
            f"The 'cv_results' parameter of {owner} must be the cv_results_ of a search over learning_rate and "
            f"max_iter with one score, with the keys {', '.join(map(repr, wanted))}; 'prefix' is what stands before "
            f"the parameters in a pipeline, here {prefix!r}. Got {got} instead."
        )
    rate, step, score = (list(cv_results[key]) for key in wanted)
    if not all(map(POSITIVE, rate)) or not all(map(POSITIVE_INTEGER, step)) or not np.isfinite(score).any():
        raise InvalidParameterError(
            f"The 'cv_results' parameter of {owner} must have numbers as learning rates and as numbers of steps, and a "
            f"finite score. Got learning rates {rate}, numbers of steps {step} and scores {score}."
        )
    return np.array(rate, dtype=np.float64), integers(step), np.array(score, dtype=np.float64)


def _worth_telling_apart(errors: Any) -> float:
    """The error of the smallest rate and fewest steps, which is nearly that of θ = 0; else the largest."""
    nothing = errors[0, 0]
    return float(errors.max() if nothing is np.ma.masked or nothing <= errors.min() else nothing)


def _edges(centres: Array) -> Array:
    """Where the cells of a map meet on a logarithmic axis."""
    if len(centres) == 1:
        return np.array([centres[0] / 2, centres[0] * 2])
    between = np.sqrt(centres[1:]) * np.sqrt(centres[:-1])  # the product itself may overflow
    with beyond_float64():
        first, last = centres[0] * (centres[0] / between[0]), centres[-1] * (centres[-1] / between[-1])
    edges = np.concatenate([[first], between, [last]])
    held = np.finfo(np.float64)
    return np.asarray(np.clip(edges, held.tiny, held.max))  # a logarithmic axis has no 0 and no infinity
