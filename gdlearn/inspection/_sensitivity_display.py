"""SensitivityDisplay: the modes of a descent against the band in which they converge, and the features at fault."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ._diagnosis import counted, short
from ._sensitivity import Sensitivity, sensitivity
from ._style import pyplot

LOOKS = {
    "explodes": ("#D55E00", "X", "#A84A00"),
    "stalls": ("#E69F00", "s", "#8A5F00"),
    "converges": ("#0072B2", "o", "#0072B2"),
}
"""Colour (Okabe and Ito's palette, told apart by colour-blind readers), marker, and colour of text, by verdict."""

MOST_BARS = 10


class SensitivityDisplay:
    r"""The factor :math:`1 - 2\eta\lambda_i` of each mode, and each feature's share of the condition number.

    A mode outside the band :math:`|1 - 2\eta\lambda| < 1` explodes; one at its upper edge stalls.

    Parameters
    ----------
    sensitivity : Sensitivity
        What :func:`sensitivity` found.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Factors of the modes, from steep to flat.
    feature_ax_ : matplotlib Axes or None
        Shares of the features; None where `plot` was given one axes only.
    figure_ : matplotlib Figure
    points_ : dict of PathCollection
        The modes, by verdict.
    band_ : PolyCollection or Polygon
        Where modes converge.
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
        estimator : GradientDescentRegressor
            Fitted or not; it stays as it is.
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
        factor, verdict = np.asarray(modes["factor"], dtype=float), np.asarray(modes["verdict"], dtype=object)
        place = np.arange(1, len(factor) + 1)
        self.band_ = ax.axhspan(-1, 1, color="#0072B2", alpha=0.08, linewidth=0)
        for edge in (-1, 1):
            ax.axhline(edge, color="0.4", linewidth=0.8)
        self.points_ = {}
        for name, (colour, marker, _) in LOOKS.items():
            some = verdict == name
            if some.any():
                self.points_[name] = ax.scatter(
                    place[some], factor[some], color=colour, marker=marker, s=45, zorder=3, label=name
                )
        lowest = float(factor.min(initial=0.0))
        if lowest < -3:
            decades = np.log10(-lowest)
            ax.autoscale(False, axis="y")  # matplotlib's own limits may overflow
            ax.set_yscale("symlog", linthresh=1, linscale=max(1.0, 0.4 * decades))
            ax.set_ylim(10 * lowest, 10.0 ** max(0.5, 0.3 * decades))
            powers = _few(int(np.ceil(decades)))
            ax.set_yticks(
                [-1, 0, 1, *(-(10.0**k) for k in powers)], ["−1", "0", "1", *(f"$-10^{{{k}}}$" for k in powers)]
            )
            ax.minorticks_off()
        else:
            ax.set_ylim(min(1.25 * lowest, -1.3), 1.45)
        ax.set_xlim(0.5, max(len(place), 1) + 0.5)
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.set_xlabel("mode, from steep to flat")
        momentum = f", momentum {found.momentum:g}" if found.momentum else ""
        ax.set_ylabel("factor of its error per step" + ("" if momentum else ", 1 − 2ηλ"))
        ax.set_title(f"scaling={found.scaling!r}, η = {short(found.learning_rate, 3)}{momentum}", loc="left")
        ax.text(0.99, 0.02, "outside the band: explodes", transform=ax.transAxes, ha="right", va="bottom", color="0.35")
        self._label_verdicts(ax, place, factor, verdict)

    def _label_verdicts(self, ax: Any, place: Any, factor: Any, verdict: Any) -> None:
        """Beside the points rather than in a legend: the verdict, and what its extreme mode is made of."""
        modes = self.sensitivity.modes
        leading, steps = list(modes["leading"]), np.asarray(modes["steps"], dtype=float)
        for name in self.points_:
            some = np.flatnonzero(verdict == name)
            which = some[0] if name == "explodes" else some[-1]
            text = f"{name}: mode of {leading[which].split(', ')[0]}"
            if name != "explodes":
                text += f", {counted(steps[which])}"
            right = place[which] > len(place) / 2
            side, point = (-1 if right else 1), (place[which], factor[which])
            options = {"ha": "right" if right else "left", "color": LOOKS[name][2], "fontweight": "bold"}
            if name == "converges":  # in the lower half of the band, where the fewest modes are
                line = {"arrowstyle": "-", "color": LOOKS[name][0], "linewidth": 0.8}
                ax.annotate(text, point, xytext=(point[0], -0.6), va="center", arrowprops=line, **options)
            else:
                offset = (8 * side, 10) if name == "stalls" else (10 * side, 0)
                va = "bottom" if name == "stalls" else "center"
                ax.annotate(text, point, xytext=offset, textcoords="offset points", va=va, **options)

    def _draw_features(self, ax: Any) -> Any:
        features = self.sensitivity.features
        share, scale = np.asarray(features["share"], dtype=float), np.asarray(features["scale"], dtype=float)
        order = np.argsort(-share, kind="stable")[:MOST_BARS]
        names = list(features["feature"])
        bars = ax.barh([str(i) for i in range(len(order))], share[order], color="0.35")
        ax.set_yticks(range(len(order)), [names[j] for j in order])
        ax.bar_label(bars, [f"scale {short(scale[j])}" for j in order], padding=4)
        ax.invert_yaxis()
        ax.set_xlim(0, 1.25 * max(float(share.max(initial=0.0)), 0.1))
        more = f", the first {MOST_BARS} of {len(share)}" if len(share) > MOST_BARS else ""
        ax.set_xlabel("share of the feature in the logarithm of the condition number")
        kappa = self.sensitivity.condition_numbers[self.sensitivity.scaling]
        ax.set_title(f"condition number {short(kappa)}{more}", loc="left")
        return bars


def _few(decades: int) -> list[int]:
    """At most four powers of ten, evenly spaced."""
    step = max(1, -(-decades // 4))
    return list(range(step, decades + 1, step))
