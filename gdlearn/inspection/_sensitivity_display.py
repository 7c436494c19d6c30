"""SensitivityDisplay: the modes of a descent against the band in which they converge, and the features at fault."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ._diagnosis import counted, short
from ._sensitivity import Sensitivity, sensitivity
from ._sensitivity_tables import STALLS
from ._style import pyplot

LOOKS = {
    "explodes": ("#D55E00", "X", "#A84A00"),
    "stalls": ("#E69F00", "s", "#8A5F00"),
    "converges": ("#0072B2", "o", "#0072B2"),
}
"""Colour (Okabe and Ito's palette, told apart by colour-blind readers), marker, and colour of text, by verdict."""

MOST_BARS = 10

LONGEST_NAME = 24

MOST_STEPS = 1e150
"""A mode that takes more is drawn there: the ticks of an axis further on may overflow."""


class SensitivityDisplay:
    """The steps that each mode needs, and each feature's share of the condition number.

    The axis of the steps is logarithmic, so that fast modes and slow ones are seen together. One that needs more than a
    million stalls; one that explodes, because its factor 1 − 2ηλ is −1 or less, stands above the others.

    Parameters
    ----------
    sensitivity : Sensitivity
        What :func:`sensitivity` found.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Steps of the modes, from steep to flat.
    feature_ax_ : matplotlib Axes or None
        Shares of the features; None where `plot` was given one axes only.
    figure_ : matplotlib Figure
    points_ : dict of PathCollection
        The modes, by verdict.
    band_ : Polygon or Rectangle
        Where modes converge within a million steps.
    bars_ : BarContainer or None

    See Also
    --------
    sensitivity : The same as tables and a sentence.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn.datasets import load_diabetes
    >>> from gdlearn import GradientDescentRegressor
    >>> from gdlearn.inspection import SensitivityDisplay
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    >>> display = SensitivityDisplay.from_estimator(GradientDescentRegressor(), X, y)
    >>> sorted(display.points_)
    ['converges']
    """

    def __init__(self, *, sensitivity: Sensitivity) -> None:
        self.sensitivity = sensitivity

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        sample_weight: ArrayLike | None = None,
        ax: Any = None,
        **settings: Any,
    ) -> SensitivityDisplay:
        """Find the sensitivity of the estimator's descent on X and y, and draw it.

        Parameters
        ----------
        estimator : GradientDescentRegressor, fitted Pipeline or search
            As for :func:`sensitivity`; it stays as it is.
        X : array-like or CSR/CSC matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
        sample_weight : array-like of shape (n_samples,), default=None
        ax : matplotlib Axes, a pair of them, or None
            As for `plot`.
        **settings
            As for :func:`sensitivity`.

        Returns
        -------
        SensitivityDisplay

        Raises
        ------
        ValueError, TypeError
            As :func:`sensitivity`.
        ImportError
            If matplotlib is not installed.
        """
        pyplot("SensitivityDisplay")
        found = sensitivity(estimator, X, y, sample_weight=sample_weight, **settings)
        return cls(sensitivity=found).plot(ax=ax)

    def plot(self, ax: Any = None) -> SensitivityDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, a pair of them, or None
            One for the modes alone, two for the modes and the features; None for a new figure with both.

        Returns
        -------
        SensitivityDisplay
            Itself.

        Raises
        ------
        ValueError
            If `ax` is a sequence of another length than two.
        ImportError
            If matplotlib is not installed.
        """
        plt = pyplot("SensitivityDisplay.plot")
        if ax is None:
            _, ax = plt.subplots(2, 1, figsize=(7, 7), layout="constrained")
        axes = np.ravel(np.asarray(ax, dtype=object))
        if len(axes) > 2:
            raise ValueError(f"The 'ax' parameter of plot must be None, one Axes or two. Got {len(axes)} instead.")
        self.ax_ = axes[0]
        self.feature_ax_ = axes[1] if len(axes) == 2 else None
        self.figure_ = self.ax_.figure
        self._draw_modes(self.ax_)
        self.bars_ = None if self.feature_ax_ is None else self._draw_features(self.feature_ax_)
        return self

    def _draw_modes(self, ax: Any) -> None:
        modes, found = self.sensitivity.modes, self.sensitivity
        verdict = np.asarray(modes["verdict"], dtype=object)
        steps = np.clip(np.asarray(modes["steps"], dtype=float), 1.0, MOST_STEPS)
        place, endless = np.arange(1, len(steps) + 1), verdict == "explodes"
        reach = 10.0 * max(steps[~endless].max(initial=1.0), STALLS) ** 1.2
        never = reach ** (1.15 if endless.any() else 1.0)  # the top of the axis
        steps[endless] = np.sqrt(reach * never)
        ax.autoscale(False)  # matplotlib's own limits may overflow
        ax.set_xlim(0.5, max(len(place), 1) + 0.5)
        ax.set_ylim(0.5, never)
        ax.set_yscale("log")
        self.band_ = ax.axhspan(0.5, STALLS, color=LOOKS["converges"][0], alpha=0.08, linewidth=0)
        ax.axhline(STALLS, color="0.4", linewidth=0.8)
        if endless.any():
            ax.axhspan(reach, never, color=LOOKS["explodes"][0], alpha=0.12, linewidth=0)
        self.points_ = {}
        for name, (colour, marker, _) in LOOKS.items():
            some = verdict == name
            if some.any():
                self.points_[name] = ax.scatter(
                    place[some], steps[some], color=colour, marker=marker, s=45, zorder=3, label=name
                )
        ax.yaxis.get_major_locator().set_params(numticks=8)
        ax.minorticks_off()
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.set_xlabel("mode, from steep to flat")
        ax.set_ylabel("steps to its limit")
        momentum = f", momentum {found.momentum:g}" if found.momentum else ""
        ridge = f", α = {short(found.alpha, 3)}" if found.alpha else ""
        setting = f"scaling={found.scaling!r}, η = {short(found.learning_rate, 3)}{momentum}{ridge}"
        gap = "\n" if momentum and ridge else " "  # too long for one line
        ax.set_title(f"Steps that each mode needs{gap}({setting})", loc="left", fontsize="medium")
        self._label_verdicts(ax, place, steps, verdict)

    def _label_verdicts(self, ax: Any, place: Any, height: Any, verdict: Any) -> None:
        """Beside the points rather than in a legend: the verdict, and what its extreme mode is made of."""
        modes = self.sensitivity.modes
        leading, steps = list(modes["leading"]), np.asarray(modes["steps"], dtype=float)
        for name in self.points_:
            some = np.flatnonzero(verdict == name)
            which = some[0] if name == "explodes" else some[-1]
            text = f"{name}: mode of {shortened(leading[which].split(', ')[0], 16)}"
            if name != "explodes":
                text += f"\n{counted(steps[which])}"
            look = {"color": LOOKS[name][2], "fontweight": "bold", "fontsize": 9}
            point = place[which], height[which]
            if name == "explodes":
                beside = {"xytext": (8, 0), "textcoords": "offset points", "ha": "left", "va": "center"}
                ax.annotate(text, point, **beside, **look)
                continue
            # Flat modes are slow: above on the left and below on the right there are no points.
            above = (0.02, 0.83 if "explodes" in self.points_ else 0.96)
            place_of = {"stalls": (above, "left", "top"), "converges": ((0.98, 0.1), "right", "bottom")}
            xy, ha, va = place_of[name]
            line = {"arrowstyle": "-", "color": LOOKS[name][0], "linewidth": 0.8}
            ax.annotate(text, point, xytext=xy, textcoords="axes fraction", ha=ha, va=va, arrowprops=line, **look)

    def _draw_features(self, ax: Any) -> Any:
        features = self.sensitivity.features
        share, scale = np.asarray(features["share"], dtype=float), np.asarray(features["scale"], dtype=float)
        order = np.argsort(-share, kind="stable")[:MOST_BARS]
        names = list(features["feature"])
        bars = ax.barh([str(i) for i in range(len(order))], share[order], color="0.35")
        ax.set_yticks(range(len(order)), [shortened(names[j]) for j in order])
        ax.bar_label(bars, [f"scale {short(scale[j])}" for j in order], padding=4)
        ax.invert_yaxis()
        ax.set_xlim(0, 1.25 * max(float(share.max(initial=0.0)), 0.1))
        more = f", the first {MOST_BARS} of {len(share)}" if len(share) > MOST_BARS else ""
        ax.set_xlabel("share of the feature in the logarithm of the condition number")
        kappa = self.sensitivity.condition_numbers[self.sensitivity.scaling]
        ax.set_title(f"Who makes the condition number of {short(kappa)}{more}", loc="left", fontsize="medium")
        return bars


def shortened(name: str, most: int = LONGEST_NAME) -> str:
    """A name that leaves room for the picture."""
    return name if len(name) <= most else f"{name[: most - 1]}…"
