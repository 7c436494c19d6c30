"""Every picture at its default size: no text touches another, all of it is on the figure, and legends fit."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from sklearn import datasets
from sklearn.model_selection import GridSearchCV

from gdlearn import GradientDescentRegressor, GradientDescentRegressorCV, MeanSquaredError, regularization_path
from gdlearn.inspection import (
    DescentPathDisplay,
    LearningRateDisplay,
    LossCurveDisplay,
    RegularizationPathDisplay,
    SensitivityDisplay,
)

pytest.importorskip("pandas")
matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def longley():
    found = json.loads((Path(__file__).parents[1] / "data" / "nist_linear" / "Longley.json").read_text())
    return np.array(found["X"]), np.array(found["y"])


def bunch(name, **options):
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True, as_frame=True, **options)
    return X, y if y.ndim == 1 else y.iloc[:, 0]


DATA = {
    "diabetes": lambda: bunch("diabetes", scaled=False),
    "breast cancer": lambda: bunch("breast_cancer"),  # long names
    "linnerud": lambda: bunch("linnerud"),
    "longley": longley,
    "large": lambda: (1e6 * bunch("wine")[0], 1e9 * bunch("wine")[1]),
    "small": lambda: (1e-7 * bunch("iris")[0], 1e-9 * bunch("iris")[1]),
    "one feature": lambda: (bunch("diabetes", scaled=False)[0][["bmi"]], bunch("diabetes")[1]),
}


def path_of(**settings):
    given = {name: value for name, value in settings.items() if name not in ("scaling", "alpha")}

    def draw(X, y):
        own = {name: settings[name] for name in ("scaling", "alpha") if name in settings}
        model = GradientDescentRegressor(**own)
        features = ("intercept", 0) if np.shape(X)[1] == 1 else (0, 1)
        return DescentPathDisplay.from_estimator(model, X, y, **({"features": features} | given))

    return draw


def rates_of(X, y, parts, scaling="standard"):
    stable = GradientDescentRegressor(1e-300, max_iter=1, scaling=scaling).fit(X, y).max_stable_learning_rate_
    return [part * stable for part in parts]


def paths_beside(X, y):
    return path_of(learning_rates=rates_of(X, y, (0.1, 0.9, 1.05)))(X, y)


def four_paths(X, y):
    return path_of(learning_rates=rates_of(X, y, (0.01, 0.1, 0.9, 1.05)), scaling="standard")(X, y)


def of_function(aspect):
    def draw(X, y):
        J = MeanSquaredError(np.asarray(X)[:, 0], np.asarray(y))
        rate = 0.5 / J.curvature
        return DescentPathDisplay.from_function(J, J.descend([0.0, 0.0], rate, max_iter=60), aspect=aspect)

    return draw


def curves(X, y):
    rates = rates_of(X, y, (1e-4, 1e-2, 0.5, 0.99))
    models = [GradientDescentRegressor(rate, max_iter=10_000).fit(X, y) for rate in rates]
    return LossCurveDisplay.from_estimators(models)


def short_curve(X, y):
    return LossCurveDisplay.from_estimator(GradientDescentRegressor(max_iter=8).fit(X, y))


def flat_curve(X, y):
    model = GradientDescentRegressor(rates_of(X, y, [1e-5])[0], max_iter=300, init="mean").fit(X, y)
    return LossCurveDisplay.from_estimator(model)


def endless_curve(X, y):
    return LossCurveDisplay.from_estimator(GradientDescentRegressor(scaling=None).fit(X, y))


def stopped_curve(X, y):
    model = GradientDescentRegressor(early_stopping=True, random_state=0, max_iter=100).fit(X, y)
    return LossCurveDisplay.from_estimator(model)


def penalised_curves(X, y):
    options = {"early_stopping": True, "random_state": 0, "max_iter": 100, "learning_rate": 0.01}
    models = [GradientDescentRegressor(alpha=a, l1_ratio=r, **options) for a, r in ((0.123, 0.0), (0.0123, 0.25))]
    return LossCurveDisplay.from_estimators([model.fit(X, y) for model in models])


def map_at_an_alpha(X, y):
    search = GradientDescentRegressorCV(9, max_iters=4, alphas=[0.123, 1.23])
    return LearningRateDisplay.from_estimator(search.fit(X, y))


def error_map(X, y):
    return LearningRateDisplay.from_estimator(GradientDescentRegressorCV(12, max_iters=10).fit(X, y))


def small_map(X, y):
    grid = {"learning_rate": rates_of(X, y, (0.1, 0.5)), "max_iter": [3, 20]}
    return LearningRateDisplay.from_estimator(GridSearchCV(GradientDescentRegressor(), grid, cv=3).fit(X, y))


def sensitivity_of(part=None, **settings):
    def draw(X, y):
        rate = "auto" if part is None else rates_of(X, y, [part], settings.get("scaling", "standard"))[0]
        return SensitivityDisplay.from_estimator(GradientDescentRegressor(rate, **settings), X, y)

    return draw


def penalties_of(l1_ratio, **settings):
    def draw(X, y):
        alphas, *_ = regularization_path(X, y, alphas=9, eps=1e-2, l1_ratio=l1_ratio, **settings)
        model = GradientDescentRegressor(alpha=alphas[4], l1_ratio=l1_ratio, **settings)
        return RegularizationPathDisplay.from_estimator(model, X, y, alphas=30, eps=1e-2)

    return draw


PICTURES = {
    "path": path_of(),
    "path, auto": path_of(aspect="auto"),
    "path, unscaled": path_of(scaling=None),
    "path, unscaled, auto": path_of(scaling=None, aspect="auto"),
    "path, others fixed": path_of(others="fixed"),
    "path, ridge term": path_of(alpha=0.123),
    "path, ridge term, others fixed": path_of(alpha=0.123, others="fixed"),
    "three paths": paths_beside,
    "four paths": four_paths,
    "function": of_function("equal"),
    "function, auto": of_function("auto"),
    "curves": curves,
    "short curve": short_curve,
    "flat curve": flat_curve,
    "endless curve": endless_curve,
    "stopped curve": stopped_curve,
    "penalised curves": penalised_curves,
    "map": error_map,
    "map at an alpha": map_at_an_alpha,
    "small map": small_map,
    "lasso": penalties_of(1.0),
    "ridge": penalties_of(0.0),
    "elastic net, unscaled": penalties_of(0.5, scaling=None),
    "sensitivity": sensitivity_of(),
    "sensitivity, ridge term": sensitivity_of(scaling=None, alpha=1.23e-5, momentum=0.95),
    "sensitivity, unscaled": sensitivity_of(scaling=None),
    "sensitivity, too fast": sensitivity_of(20.0, scaling=None),
    "sensitivity, too slow": sensitivity_of(1e-7),
}


def texts_of(figure):
    """(what, box) of every text that is seen, in pixels."""
    renderer = figure.canvas.get_renderer()

    def box(artist):
        return artist.get_window_extent(renderer)

    if figure._suptitle is not None and figure._suptitle.get_text():
        yield "caption", box(figure._suptitle)
    for legend in [*figure.legends, *(ax.get_legend() for ax in figure.axes)]:
        if legend is not None:
            yield "legend", box(legend)
    for i, ax in enumerate(figure.axes):
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
                for label in (tick.label1, tick.label2):
                    inside = low * (1 - 1e-9) <= tick.get_loc() <= high * (1 + 1e-9) or low <= tick.get_loc() <= high
                    if label.get_visible() and label.get_text() and inside:
                        yield f"{axis.axis_name} tick {label.get_text()} of axes {i}", box(label)
            for text in (axis.label, axis.get_offset_text()):
                if text.get_visible() and text.get_text():
                    yield f"{axis.axis_name} label {text.get_text()!r} of axes {i}", box(text)
        for title in (ax.title, ax._left_title, ax._right_title, *ax.texts):
            if title.get_text():
                yield f"{title.get_text()!r} of axes {i}", box(title)


@pytest.mark.slow  # 200 pictures
@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("picture", PICTURES)
def test_no_text_touches_another_and_all_is_on_the_figure(picture, name):
    figure = PICTURES[picture](*DATA[name]()).figure_
    figure.canvas.draw()
    texts = list(texts_of(figure))
    assert len(texts) > 5
    touching = [
        (one, other)
        for (one, a), (other, b) in itertools.combinations(texts, 2)
        if a.padded(-0.5).overlaps(b.padded(-0.5))
    ]
    # A legend within the axes stands over curves, never over text; ticks of panels side by side count as well.
    assert touching == []
    whole = figure.bbox.padded(1)
    outside = [one for one, box in texts if not (whole.contains(box.x0, box.y0) and whole.contains(box.x1, box.y1))]
    assert outside == []
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            if axis.get_visible() and axis.get_ticklocs().size:
                shown = [one for one, _ in texts if one.startswith(f"{axis.axis_name} tick")]
                assert len(shown) >= 2
