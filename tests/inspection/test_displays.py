import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import get_scorer, make_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import gdlearn.inspection
from gdlearn import (
    DivergenceError,
    GradientDescentRegressor,
    GradientDescentRegressorCV,
    MeanSquaredError,
    gradient_descent_path,
)
from gdlearn.inspection import DescentPathDisplay, LearningRateDisplay, LossCurveDisplay

pd = pytest.importorskip("pandas")
matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")

X, Y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
PAIR, CENTRED = X[["s4", "s5"]] - X[["s4", "s5"]].mean(), Y - Y.mean()


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def parameters(display):
    return [name for name in vars(display) if not name.endswith("_")]


def test_all_is_what_is_there():
    public = {name for name in vars(gdlearn.inspection) if not name.startswith("_")}
    assert public == set(gdlearn.inspection.__all__)


# ---------------------------------------------------------------------------------------------------------------- loss


def test_loss_curve_shows_the_recorded_losses():
    model = GradientDescentRegressor(0.1, max_iter=5000).fit(X, Y)
    display = LossCurveDisplay.from_estimator(model)
    (line,) = display.lines_
    np.testing.assert_array_equal(line.get_xdata(), model.loss_curve_iterations_)
    np.testing.assert_array_equal(line.get_ydata(), model.loss_curve_)
    assert line.get_label() == "η = 0.1"
    assert "units of y squared" in display.ax_.get_ylabel()
    assert display.ax_.get_xscale() == "symlog"
    assert display.ax_.get_xlim() == (0, 5000)
    assert display.validation_lines_ == display.markers_ == []
    assert display.figure_ is display.ax_.figure


def test_loss_curve_of_early_stopping_marks_the_step_of_the_model():
    model = GradientDescentRegressor(0.01, early_stopping=True, random_state=0).fit(X, CENTRED)
    display = LossCurveDisplay.from_estimator(model, name="descent")
    np.testing.assert_array_equal(display.validation_lines_[0].get_ydata(), model.validation_loss_curve_)
    ((k, loss),) = display.markers_[0].get_xydata()
    assert k == model.n_iter_ < model.loss_curve_iterations_[-1]
    assert loss == min(model.validation_loss_curve_)
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()][:2] == [
        "descent",
        "descent, on rows held out",
    ]


def test_loss_curves_of_several_estimators():
    models = [GradientDescentRegressor(rate, max_iter=9).fit(X, Y) for rate in (0.01, "auto", "exact", lambda k: 0.1)]
    names = [line.get_label() for line in LossCurveDisplay.from_estimators(models).lines_]
    assert names == ["η = 0.01", f"η = {models[1].learning_rate_:.3g}", "exact line search", "η by schedule"]
    display = LossCurveDisplay.from_estimators({"slow": models[0], "fast": models[1]})
    assert [line.get_label() for line in display.lines_] == ["slow", "fast"]
    assert display.lines_[0].get_color() != display.lines_[1].get_color()
    assert display.ax_.get_xscale() == "linear"
    search = GradientDescentRegressorCV(3, max_iters=3).fit(X, Y)
    assert LossCurveDisplay.from_estimator(search).lines_[0].get_ydata()[-1] == search.loss_


def test_loss_curve_of_nothing_to_fit():
    display = LossCurveDisplay.from_estimator(GradientDescentRegressor(0.1, max_iter=3).fit(PAIR, 0 * Y))
    display.figure_.canvas.draw()
    np.testing.assert_array_equal(display.lines_[0].get_ydata(), np.zeros(4))


def test_loss_above_the_minimum():
    model, minimum = GradientDescentRegressor(0.2, max_iter=10**6).fit(X, Y), GradientDescentRegressor().fit(X, Y).loss_
    display = LossCurveDisplay.from_estimator(model, minimum=minimum)
    shown, loss = display.lines_[0].get_ydata(), np.array(model.loss_curve_)
    kept = np.isfinite(shown)
    np.testing.assert_array_equal(shown[kept], loss[kept] - minimum)
    assert (shown[kept] > 1e-14 * minimum).all()  # what remains is no rounding,
    assert kept[0]
    assert not kept[-1]  # which at the limit is all there is
    assert "above its minimum" in display.ax_.get_ylabel()
    np.testing.assert_array_equal(display.losses[0], loss)


# ------------------------------------------------------------------------------------------------------- learning rate


def test_map_shows_the_mean_errors():
    rates, steps = [0.2, 0.001, 0.01, 0.01, 5.0], [100, 1, 10]
    search = GradientDescentRegressorCV(rates, max_iters=steps).fit(X, Y)
    display = LearningRateDisplay.from_estimator(search)
    np.testing.assert_array_equal(display.learning_rates, [0.001, 0.01, 0.2, 5.0])
    np.testing.assert_array_equal(display.iterations, [1, 10, 100])
    mean = search.mse_path_.mean(axis=-1)
    np.testing.assert_array_equal(display.errors, mean[np.ix_([1, 2, 0, 4], [1, 2, 0])])
    shown = display.mesh_.get_array()
    np.testing.assert_array_equal(shown.filled(np.inf), display.errors.T)
    assert shown.mask[:, 3].all()
    assert not shown.mask[:, :3].any()
    assert display.limit_line_.get_xdata() == [search.max_stable_learning_rate_] * 2
    np.testing.assert_array_equal(display.best_.get_xydata(), [[search.learning_rate_, search.max_iter_]])
    assert display.colorbar_.ax.get_ylabel() == "mean squared error (units of y squared)"
    assert display.ax_.get_xscale() == display.ax_.get_yscale() == "log"


def test_the_limit_is_in_the_picture_where_it_is_near():
    search = GradientDescentRegressorCV(4, max_iters=3).fit(X, Y)  # rates up to half of the limit
    display = LearningRateDisplay.from_estimator(search)
    assert search.learning_rates_[-1] < search.max_stable_learning_rate_ < display.ax_.get_xlim()[1]
    far = GradientDescentRegressorCV([1e-5, 1e-4], max_iters=3).fit(X, Y)
    display = LearningRateDisplay.from_estimator(far)
    assert display.limit_line_ is None
    assert display.ax_.get_xlim()[1] < 1e-3


@pytest.mark.parametrize("rates", [[0.1], [0.1, 0.2]])
def test_map_of_a_single_row_or_cell(rates):
    search = GradientDescentRegressorCV(rates, max_iters=[7]).fit(X, Y)
    display = LearningRateDisplay.from_estimator(search, cmap="cividis", vmax=1e4)
    display.figure_.canvas.draw()
    assert display.mesh_.get_array().shape == (1, len(rates))
    assert display.mesh_.get_clim()[1] == 1e4


def test_map_of_a_grid_search_over_a_pipeline():
    pipe = make_pipeline(StandardScaler(), GradientDescentRegressor(scaling=None, init="mean"))
    name, rates, steps = "gradientdescentregressor__", [0.001, 0.1], [1, 10, 100]
    grid = {f"{name}learning_rate": rates, f"{name}max_iter": steps}
    search = GridSearchCV(pipe, grid, scoring="neg_mean_squared_error").fit(X, Y)
    stable = search.best_estimator_[-1].max_stable_learning_rate_
    display = LearningRateDisplay.from_cv_results(search.cv_results_, max_stable_learning_rate=stable)
    own = LearningRateDisplay.from_estimator(GradientDescentRegressorCV(rates, max_iters=steps).fit(X, Y))
    np.testing.assert_allclose(display.errors, own.errors, rtol=1e-9)
    assert display.best == own.best
    assert display.limit_line_.get_xdata()[0] == stable
    again = LearningRateDisplay.from_cv_results(search.cv_results_, prefix=name, error_name="MSE")
    assert again.limit_line_ is None
    assert again.colorbar_.ax.get_ylabel() == "MSE"


def test_map_of_incomplete_results():
    results = {
        "param_learning_rate": [0.1, 0.2, 0.1],
        "param_max_iter": [1, 1, 2],
        "mean_test_score": [-3.0, np.nan, -2.0],
    }
    display = LearningRateDisplay.from_cv_results(results)
    np.testing.assert_array_equal(display.errors, [[3.0, 2.0], [np.nan, np.nan]])
    assert display.best == (0.1, 2)
    results["param_max_iter"][2] = 1
    with pytest.raises(ValueError, match=r"'cv_results' .* Got several"):
        LearningRateDisplay.from_cv_results(results)
    with pytest.raises(ValueError, match=r"'cv_results' .* numbers as learning rates"):
        LearningRateDisplay.from_cv_results(results | {"param_learning_rate": ["auto", 0.1, 0.2]})
    with pytest.raises(TypeError, match=r"'cv_results' .* the keys 'param_x__learning_rate'.*here 'x__'"):
        LearningRateDisplay.from_cv_results(results, prefix="x__")
    with pytest.raises(TypeError, match=r"'cv_results' .* Got list"):
        LearningRateDisplay.from_cv_results([1])


# --------------------------------------------------------------------------------------------------------- descent path


def scaled(model, coefs, intercepts):
    """Coefficients in original units as θ in the coordinates of the descent."""
    slopes = coefs * model.feature_scale_[:, None]
    return np.vstack([intercepts + model.feature_shift_ @ coefs, slopes])


@pytest.mark.parametrize(
    ("scaling", "features", "places"),
    [
        ("standard", (0, 1), [1, 2]),
        ("minmax", ("bmi", "intercept"), [3, 0]),
        ("maxabs", (9, "age"), [10, 1]),
        (None, ("bmi", "intercept"), [3, 0]),
        (None, (0, 1), [1, 2]),
    ],
)
def test_path_points_are_the_iterates_in_scaled_coordinates(scaling, features, places):
    model = GradientDescentRegressor(scaling=scaling).fit(X, Y)
    rates = [0.3 * model.learning_rate_, "auto"]
    display = DescentPathDisplay.from_estimator(model, X, Y, features=features, learning_rates=rates, iterations=7)
    for rate, path, line in zip(rates, display.paths, display.lines_, strict=True):
        _, coefs, intercepts, _ = gradient_descent_path(X, Y, learning_rate=rate, iterations=7, scaling=scaling)
        expected = scaled(model, coefs, intercepts)[places].T
        np.testing.assert_allclose(path, expected, rtol=1e-12, atol=1e-12)
        np.testing.assert_array_equal(line.get_xydata(), path)
    assert len(display.axes_) == 2
    assert display.axes_[0] is display.ax_
    assert "(units of y" in display.x_name
    assert "(units of y" in display.y_name


@pytest.mark.parametrize("scaling", [None, "standard", "minmax"])
@pytest.mark.parametrize("weighted", [False, True])
def test_with_two_parameters_the_surface_is_the_mean_squared_error(scaling, weighted):
    weight = np.linspace(0, 3, len(Y)) if weighted else None
    model = GradientDescentRegressor(scaling=scaling)
    display = DescentPathDisplay.from_estimator(
        model, X[["bmi"]], Y, features=("intercept", "bmi"), iterations=5, sample_weight=weight
    )
    model.fit(X[["bmi"]], Y, weight)
    Z = (X[["bmi"]].to_numpy() - model.feature_shift_) / model.feature_scale_
    J = MeanSquaredError(Z, Y, weight)
    for i, j in (0, 0), (3, 400), (250, 17):
        assert display.values[i, j] == pytest.approx(J.value([display.x[j], display.y[i]]), rel=1e-10)
    for point, value, gradient in zip(display.paths[0], display.path_values[0], display.gradients[0], strict=True):
        assert value == pytest.approx(J.value(point), rel=1e-10)
        np.testing.assert_allclose(gradient, J.gradient(point), rtol=1e-7, atol=1e-9 * np.abs(Y).max())
    assert J.gradient(display.optimum) == pytest.approx([0, 0], abs=1e-8)
    assert display.minimum == pytest.approx(J.value(display.optimum), rel=1e-12)


@pytest.mark.parametrize("others", ["optimum", "fixed"])
def test_with_more_parameters_the_others_are_where_they_are_said_to_be(others):
    display = DescentPathDisplay.from_estimator(
        GradientDescentRegressor(), X, Y, features=("s1", "s2"), others=others, iterations=5
    )
    Z = StandardScaler().fit_transform(X)
    best, rest = LinearRegression().fit(Z, Y), [0, 1, 2, 3, 6, 7, 8, 9]
    for i, j in (0, 0), (3, 400), (250, 17):
        left = Y - Z[:, [4, 5]] @ [display.x[j], display.y[i]]
        if others == "optimum":
            predicted = LinearRegression().fit(Z[:, rest], left).predict(Z[:, rest])
        else:
            predicted = best.intercept_ + Z[:, rest] @ best.coef_[rest]
        assert display.values[i, j] == pytest.approx(np.mean((left - predicted) ** 2), rel=1e-10)
    np.testing.assert_allclose(display.optimum, best.coef_[[4, 5]], rtol=1e-9)


def angles(display):
    """Degrees, on the picture, between each arrow and the drawn level set through its foot."""
    display.figure_.set_dpi(100)
    display.figure_.canvas.draw()
    found = []
    for ax, arrows, contours in zip(display.axes_, display.arrows_, display.arrow_contours_, strict=True):
        on_picture = ax.transData.transform
        feet = arrows.get_offsets()
        tips = on_picture(feet + np.column_stack([arrows.U, arrows.V]))
        curves = [path for path in contours.get_paths() if len(path.vertices)]
        lines = [path.codes[1:] == path.LINETO for path in curves]
        starts = on_picture(np.concatenate([p.vertices[:-1][line] for p, line in zip(curves, lines, strict=True)]))
        ends = on_picture(np.concatenate([p.vertices[1:][line] for p, line in zip(curves, lines, strict=True)]))
        for foot, tip in zip(on_picture(feet), tips, strict=True):
            side = ends - starts
            along = np.clip(np.sum((foot - starts) * side, axis=1) / np.maximum(np.sum(side**2, axis=1), 1e-30), 0, 1)
            distance = np.linalg.norm(starts + along[:, None] * side - foot, axis=1)
            nearest = np.argmin(np.where(np.linalg.norm(side, axis=1) > 1e-3, distance, np.inf))
            assert distance[nearest] < 0.5, "the level set goes through the foot, to half a pixel"
            a, b = tip - foot, side[nearest]
            cosine = np.abs(a @ b) / np.linalg.norm(a) / np.linalg.norm(b)
            found.append(np.degrees(np.arccos(cosine)))
    return np.array(found)


@pytest.mark.parametrize(
    ("data", "features", "settings"),
    [
        (PAIR, ("s4", "s5"), {"fit_intercept": False}),
        (X[["bmi"]], ("intercept", "bmi"), {}),
        (X[["bmi"]] / 10, ("intercept", "bmi"), {"scaling": None}),
        (X, ("s1", "s2"), {}),
        (X, ("bmi", "s5"), {"momentum": 0.5}),
    ],
    ids=["two", "bowl", "valley", "collinear", "momentum"],
)
def test_arrows_meet_the_level_sets_at_right_angles_on_the_picture(data, features, settings):
    stable = GradientDescentRegressor(**settings).fit(data, CENTRED).max_stable_learning_rate_
    rates = [part * stable for part in (0.05, 0.45, 0.9, 1.05)]
    model = GradientDescentRegressor(**settings)
    display = DescentPathDisplay.from_estimator(model, data, CENTRED, features=features, learning_rates=rates)
    off = np.abs(angles(display) - 90)
    assert len(off) >= 4
    assert off.max() < 1, off


def test_arrows_go_downhill_and_along_the_steps():
    model = GradientDescentRegressor(0.01, fit_intercept=False)
    display = DescentPathDisplay.from_estimator(model, PAIR, CENTRED)
    step = np.diff(display.paths[0], axis=0)
    np.testing.assert_allclose(step, -0.01 * display.gradients[0][:-1], rtol=1e-6)
    arrows = display.arrows_[0]
    feet = arrows.get_offsets()
    for foot, u, v in zip(feet, arrows.U, arrows.V, strict=True):
        (k,) = np.flatnonzero((display.paths[0] == foot).all(axis=1))
        assert display.gradients[0][k] @ [u, v] < 0


def test_a_diverging_path_is_drawn_to_its_first_step_out_of_the_picture():
    stable = GradientDescentRegressor(fit_intercept=False).fit(PAIR, CENTRED).max_stable_learning_rate_
    model = GradientDescentRegressor(fit_intercept=False)
    rates = [1.05 * stable, 1e6 * stable]
    display = DescentPathDisplay.from_estimator(model, PAIR, CENTRED, learning_rates=rates, iterations=20)
    display.figure_.canvas.draw()
    assert all("diverges" in ax.get_title() for ax in display.axes_)
    size = max(np.ptp(display.x), np.ptp(display.y))
    for path, line in zip(display.paths, display.lines_, strict=True):
        assert len(path) == 21
        shown = line.get_xydata()
        assert np.abs(shown).max() < 10 * size
        inside = (shown >= [display.x[0], display.y[0]]) & (shown <= [display.x[-1], display.y[-1]])
        assert inside[:-1].all()
        assert not inside[-1].all()
        np.testing.assert_array_equal(shown[:-1], path[: len(shown) - 1])
    assert np.abs(display.paths[1]).max() > 1e100
    with pytest.raises(DivergenceError, match="largest stable rate is"):
        DescentPathDisplay.from_estimator(model, PAIR, CENTRED, learning_rates=[1e200])


def test_any_function_of_two_variables_may_have_a_domain():
    x, y = np.linspace(-1, 3, 200), np.linspace(-2, 3, 200)
    with np.errstate(invalid="ignore"):
        values = x[None] - np.log(x[None]) + y[:, None] ** 2
    path = np.array([[2.5, 2.0], [1.6, 0.5], [1.1, 0.1]])
    gradient = np.column_stack([1 - 1 / path[:, 0], 2 * path[:, 1]])
    height = path[:, 0] - np.log(path[:, 0]) + path[:, 1] ** 2
    display = DescentPathDisplay(
        x=x, y=y, values=values, paths=[path], path_values=[height], gradients=[gradient], value_name="f"
    ).plot()
    assert "f − min f" in display.ax_.get_legend_handles_labels()[1][0]
    assert np.abs(angles(display) - 90).max() < 1
    for path in display.contours_[0].get_paths():
        assert not len(path.vertices) or path.vertices[:, 0].min() > 0


def test_sparse_rows_and_no_gap_to_descend():
    from scipy import sparse

    rows = sparse.csr_matrix(PAIR.to_numpy())
    display = DescentPathDisplay.from_estimator(GradientDescentRegressor(), rows, Y)
    dense = DescentPathDisplay.from_estimator(GradientDescentRegressor(), PAIR, Y)
    np.testing.assert_allclose(display.values, dense.values, rtol=1e-9)
    flat = DescentPathDisplay.from_estimator(GradientDescentRegressor(), PAIR, 0 * Y)  # it starts at its optimum
    flat.figure_.canvas.draw()


def test_axes_of_their_own_scale_give_up_right_angles_and_say_so():
    raw, options = X[["bmi"]], {"features": ("intercept", "bmi"), "iterations": 30}
    model = GradientDescentRegressor(scaling=None)
    equal = DescentPathDisplay.from_estimator(model, raw, Y, **options)
    assert 'equal axes hide one of them: aspect="auto" shows both' in equal.figure_._suptitle.get_text()
    display = DescentPathDisplay.from_estimator(model, raw, Y, **options, aspect="auto")
    assert "hide" not in display.figure_._suptitle.get_text()
    assert display.ax_.get_aspect() == "auto"
    np.testing.assert_array_equal(display.paths[0], equal.paths[0])
    labels = display.ax_.get_legend_handles_labels()[1]
    assert "−∇J, on unequal axes, which hide its right angles" in labels
    assert not any("at right angles" in label for label in labels)
    seen = np.vstack([display.paths[0], display.optimum])
    for side, places in ((display.x, seen[:, 0]), (display.y, seen[:, 1])):  # each axis is the path's own
        assert np.ptp(side) == pytest.approx(1.25 * np.ptp(places))
    arrows = display.arrows_[0]  # in the direction of −∇J, and of one length on the picture
    sides = np.array([np.ptp(display.x), np.ptp(display.y)])
    for k, u, v in zip(display.feet_[0], arrows.U, arrows.V, strict=True):
        assert np.hypot(*([u, v] / sides)) == pytest.approx(0.15)
        gradient = display.gradients[0][k]
        assert -gradient @ [u, v] == pytest.approx(np.linalg.norm(gradient) * np.hypot(u, v))
    with pytest.raises(ValueError, match=r"The 'aspect' parameter of .*from_estimator .*\"equal\" or \"auto\"\. Got 3"):
        DescentPathDisplay.from_estimator(model, raw, Y, **options, aspect=3)


@pytest.mark.parametrize("others", ["optimum", "fixed"])
def test_a_projection_is_called_one(others):
    display = DescentPathDisplay.from_estimator(GradientDescentRegressor(), X, Y, others=others)
    assert display.n_parameters == 11
    where = {"optimum": "at their optimum", "fixed": "fixed at the least-squares solution"}[others]
    assert display.figure_._suptitle.get_text() == (
        f"Mean squared error: projection on 2 of 11 parameters,\nthe others {where}"
    )
    assert "projected on 2 of 11 parameters" in display.lines_[0].get_label()
    whole = DescentPathDisplay.from_estimator(GradientDescentRegressor(fit_intercept=False), PAIR, CENTRED)
    assert "project" not in whole.lines_[0].get_label() + whole.figure_._suptitle.get_text()


def test_the_first_ten_steps_are_dots():
    path = DescentPathDisplay.from_estimator(GradientDescentRegressor(0.01), PAIR, Y, iterations=50)
    curve = LossCurveDisplay.from_estimator(GradientDescentRegressor(0.01, max_iter=5000).fit(X, Y))
    for line in (path.lines_[0], curve.lines_[0]):
        assert len(line.get_xdata()) > 11
        assert line.get_marker() == "o"
        places = np.arange(len(line.get_xdata()))
        assert places[line.get_markevery()].tolist() == list(range(11))
    assert "first 10 steps as dots" in path.lines_[0].get_label()
    few = DescentPathDisplay.from_estimator(GradientDescentRegressor(0.01), PAIR, Y, iterations=5)
    assert few.lines_[0].get_label() == "steps,\nprojected on 2 of 3 parameters"


@pytest.mark.slow  # it draws every frame twice
def test_an_animation_shows_step_after_step(tmp_path):
    stable = GradientDescentRegressor(fit_intercept=False).fit(PAIR, CENTRED).max_stable_learning_rate_
    display = DescentPathDisplay.from_estimator(
        GradientDescentRegressor(fit_intercept=False),
        PAIR,
        CENTRED,
        learning_rates=[0.1 * stable, 1.05 * stable],
        iterations=12,
    )
    whole = [line.get_xydata().copy() for line in display.lines_]
    animation = display.animate(interval=50)
    shown = []
    for k in animation.new_frame_seq():
        animation._func(k)
        for line, path, ax in zip(display.lines_, whole, display.axes_, strict=True):
            np.testing.assert_array_equal(line.get_xydata(), path[: k + 1])
            assert f"step {min(k, 12)}, J = " in ax.get_title()
        for quiver, feet in zip(display.arrows_, display.feet_, strict=True):
            assert int(np.sum(~np.broadcast_to(quiver.Umask, len(feet)))) == sum(foot <= k for foot in feet)
        shown.append(k)
    assert shown == list(range(13))
    file = tmp_path / "descent.gif"
    animation.save(file, writer="pillow", dpi=40)
    with pytest.importorskip("PIL.Image").open(file) as image:
        assert image.n_frames == 13
        assert image.info["duration"] == 50
    assert animation.to_jshtml(fps=10, default_mode="once").count("frames[") >= 13


def test_a_long_animation_goes_on_in_leaps():
    model = GradientDescentRegressor(1e-4, fit_intercept=False)
    animation = DescentPathDisplay.from_estimator(model, PAIR, CENTRED, iterations=5000).animate()
    steps = list(animation.new_frame_seq())
    assert steps[:11] == list(range(11))
    assert steps[-1] == 5000
    assert len(steps) <= 100
    assert (np.diff(steps) >= 1).all()
    animation._draw_was_started = True  # it is never shown, of which matplotlib would warn


def test_pipelines_and_searches_stand_for_their_last_step():
    pipe = make_pipeline(StandardScaler(), GradientDescentRegressor(0.01, scaling=None, max_iter=20)).fit(X, Y)
    grid = {"gradientdescentregressor__max_iter": [20]}
    search = GridSearchCV(pipe, grid, cv=2).fit(X, Y)
    Z = pd.DataFrame(StandardScaler().fit_transform(X), columns=X.columns)
    alone = DescentPathDisplay.from_estimator(pipe[-1], Z, Y, features=("s1", "s2"))
    for whole in (pipe, search):
        display = DescentPathDisplay.from_estimator(whole, X, Y, features=("s1", "s2"))
        np.testing.assert_allclose(display.paths[0], alone.paths[0])
        assert display.x_name == alone.x_name
        curve = LossCurveDisplay.from_estimator(whole)
        np.testing.assert_array_equal(curve.lines_[0].get_ydata(), pipe[-1].loss_curve_)
    both = LossCurveDisplay.from_estimators({"pipeline": pipe, "search": search})
    assert [line.get_label() for line in both.lines_] == ["pipeline", "search"]
    descents = GradientDescentRegressorCV([0.01, 0.1], max_iters=[3, 9]).fit(Z, Y)
    inside = make_pipeline(StandardScaler(), GradientDescentRegressorCV([0.01, 0.1], max_iters=[3, 9])).fit(X, Y)
    np.testing.assert_allclose(
        LearningRateDisplay.from_estimator(inside).errors, LearningRateDisplay.from_estimator(descents).errors
    )


@pytest.mark.parametrize(
    ("scoring", "label"),
    [
        (None, "−R²"),
        ("r2", "−R²"),
        ("neg_mean_squared_error", "mean squared error (units of y squared)"),
        ("neg_root_mean_squared_error", "root mean squared error (units of y)"),
        ("neg_mean_absolute_error", "mean absolute error (units of y)"),
        ("neg_mean_gamma_deviance", "mean gamma deviance"),
        ("d2_absolute_error_score", "−d2_absolute_error_score"),
        (get_scorer("neg_mean_squared_error"), "mean squared error (units of y squared)"),
        (make_scorer(lambda truth, guess: -float(np.abs(truth - guess).max())), "−mean test score"),
    ],
)
def test_a_map_is_labelled_by_the_score_it_draws(scoring, label):
    grid = {"learning_rate": [0.1, 0.2], "max_iter": [50, 500]}
    search = GridSearchCV(GradientDescentRegressor(init="mean"), grid, scoring=scoring, cv=3).fit(X, Y)
    display = LearningRateDisplay.from_estimator(search)
    assert display.colorbar_.ax.get_ylabel() == label
    np.testing.assert_array_equal(display.errors.ravel(), -search.cv_results_["mean_test_score"])
    assert display.max_stable_learning_rate == search.best_estimator_.max_stable_learning_rate_
    assert display.best == (search.best_params_["learning_rate"], search.best_params_["max_iter"])
    results = search.cv_results_
    plain = LearningRateDisplay.from_cv_results(results)
    assert plain.colorbar_.ax.get_ylabel() == "−mean test score"  # the results do not say of which
    if scoring is not None:
        named = LearningRateDisplay.from_cv_results(results, scoring=scoring)
        assert named.colorbar_.ax.get_ylabel() == label


def test_a_surface_without_height_is_refused():
    twins = np.column_stack([PAIR, PAIR])
    with pytest.raises(ValueError, match=r"J does not depend on features=\(0, 1\).*others=\"fixed\""):
        DescentPathDisplay.from_estimator(GradientDescentRegressor(), twins, Y)
    DescentPathDisplay.from_estimator(GradientDescentRegressor(), twins, Y, others="fixed")


# -------------------------------------------------------------------------------------------------------------- of all


def test_given_axes_are_drawn_on():
    _, axes = plt.subplots(2, 2)
    model = GradientDescentRegressor(0.01, max_iter=3).fit(PAIR, Y)
    search = GradientDescentRegressorCV(3, max_iters=3).fit(PAIR, Y)
    drawn = [
        LossCurveDisplay.from_estimator(model, ax=axes[0, 0], linestyle=":"),
        LearningRateDisplay.from_estimator(search, ax=axes[0, 1]),
        DescentPathDisplay.from_estimator(model, PAIR, Y, ax=axes[1, 0], linewidth=3),
    ]
    for display, ax in zip(drawn, axes.ravel(), strict=False):
        assert display.ax_ is ax
        assert display.figure_ is axes[0, 0].figure
    assert plt.get_fignums() == [1]
    assert drawn[0].lines_[0].get_linestyle() == ":"
    assert drawn[2].lines_[0].get_linewidth() == 3
    two = DescentPathDisplay.from_estimator(model, PAIR, Y, learning_rates=[0.1, 0.2], ax=axes[1])
    assert list(two.axes_) == list(axes[1])
    with pytest.raises(ValueError, match=r"'ax' parameter .* each of the 2 paths"):
        two.plot(axes[0, 0])


def test_the_constructor_only_stores_and_plot_may_be_called_again():
    model = GradientDescentRegressor(0.01, max_iter=3).fit(PAIR, Y)
    display = LossCurveDisplay(iterations=[[0, 1]], losses=[[2.0, 1.0]])
    assert parameters(display) == list(vars(display))
    assert display.plot() is display
    for one in (DescentPathDisplay.from_estimator(model, PAIR, Y), LossCurveDisplay.from_estimator(model)):
        first = one.ax_
        stored = {name: getattr(one, name) for name in parameters(one)}
        assert one.plot().ax_ is not first
        assert all(getattr(one, name) is value for name, value in stored.items())
        assert len(one.lines_) == 1


def test_estimators_that_cannot_be_drawn():
    for draw in (
        lambda model: LossCurveDisplay.from_estimator(model),
        lambda model: LossCurveDisplay.from_estimators([model]),
        lambda model: LearningRateDisplay.from_estimator(model),
        lambda model: DescentPathDisplay.from_estimator(model, PAIR, Y),
    ):
        for wrong in (
            LinearRegression(),
            make_pipeline(LinearRegression()).fit(PAIR, Y),
            None,
            GradientDescentRegressor,
        ):
            with pytest.raises(TypeError, match=r"'estimators?' parameter of .* must be .*GradientDescent.*Got"):
                draw(wrong)
        with pytest.raises(NotFittedError, match="Pipeline instance is not fitted"):
            draw(make_pipeline(GradientDescentRegressor()))
    for draw, model in (
        (LossCurveDisplay.from_estimator, GradientDescentRegressor()),
        (LearningRateDisplay.from_estimator, GradientDescentRegressorCV()),
    ):
        with pytest.raises(NotFittedError, match=r"not fitted yet"):
            draw(model)
    with pytest.raises(ValueError, match=r"'estimators' .* Got \[\] instead"):
        LossCurveDisplay.from_estimators([])
    with pytest.raises(ValueError, match=r"draws one target; y has 2"):
        DescentPathDisplay.from_estimator(GradientDescentRegressor(), PAIR, np.column_stack([Y, Y]))


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("features", (0, 2), r"numbers from 0 to 1, names of columns \(s4, s5\), \"intercept\""),
        ("features", (0, 0), "two different ones"),
        ("features", ("s4", "bmi"), "names of columns"),
        ("features", (0, 1, 1), "two different ones"),
        ("features", (0, True), "two different ones"),
        ("features", (-1, 0), "numbers from 0"),
        ("features", "s4", "two different ones"),
        ("learning_rates", [], "non-empty list"),
        ("learning_rates", 0.1, "non-empty list"),
        ("learning_rates", [0.1, -1], "finite numbers > 0"),
        ("learning_rates", ["fast"], '"auto", "exact"'),
        ("iterations", 0, "an integer >= 1"),
        ("iterations", 2.5, "an integer >= 1"),
        ("others", "zero", '"optimum" or "fixed"'),
        ("names", ["a", "b"], "a list of 1 str"),
    ],
)
def test_parameters_of_the_descent_path(name, value, allowed):
    with pytest.raises(ValueError, match=rf"The '{name}' parameter of DescentPathDisplay.from_estimator .*{allowed}"):
        DescentPathDisplay.from_estimator(GradientDescentRegressor(), PAIR, Y, **{name: value})


def test_other_parameters():
    model = GradientDescentRegressor(0.01, max_iter=3).fit(PAIR, Y)
    with pytest.raises(
        ValueError, match=r"The 'minimum' parameter of LossCurveDisplay.from_estimator .*Got -1 instead"
    ):
        LossCurveDisplay.from_estimator(model, minimum=-1)
    with pytest.raises(ValueError, match=r"The 'max_stable_learning_rate' parameter of .*Got 'x' instead"):
        LearningRateDisplay.from_cv_results({}, max_stable_learning_rate="x")
    plain = pd.DataFrame(PAIR.to_numpy())
    with pytest.raises(ValueError, match=r"numbers from 0 to 1. Got"):
        DescentPathDisplay.from_estimator(
            GradientDescentRegressor(fit_intercept=False), plain, Y, features=("intercept", 0)
        )


# ---------------------------------------------------------------------------------------------------------------------
# Numbers that float64 or int64 barely hold, or not
# ---------------------------------------------------------------------------------------------------------------------


def drawn(axes):
    """Draw, as savefig does; a warning is an error here."""
    axes.figure.canvas.draw()


@pytest.mark.parametrize(
    ("max_iter", "early_stopping"),
    [
        (10**18, False),
        (2**63, False),
        (2**63, True),
        (10**20, False),
        (10**60, True),
        (10**400, False),
        (10**400, True),
    ],
)
def test_a_curve_has_any_number_of_steps(max_iter, early_stopping):
    model = GradientDescentRegressor(0.1, max_iter=max_iter, early_stopping=early_stopping, random_state=0)
    display = LossCurveDisplay.from_estimator(model.fit(X, Y), ax=plt.figure().subplots())
    place = display.lines_[0].get_xdata()[-1]
    assert place == float(min(model.loss_curve_iterations_[-1], 10**300))
    assert display.lines_[0].get_ydata()[-1] == model.loss_curve_[-1]
    drawn(display.ax_)


def test_a_curve_of_nearly_collinear_features_is_drawn():
    x = np.random.default_rng(0).standard_normal(30)
    near = np.column_stack([x, x + 1e-10 * np.random.default_rng(1).standard_normal(30)])
    model = GradientDescentRegressor().fit(near, x)
    assert model.n_iter_ > 2**63
    drawn(LossCurveDisplay.from_estimator(model, ax=plt.figure().subplots()).ax_)


@pytest.mark.parametrize(
    ("rates", "max_iters"),
    [
        ([0.01, 0.1], [3, 2**63]),
        ([0.01, 0.1], [5, 10**400]),
        ([1e-320, 0.1], [10**30, 10**31]),
        ([1e-3, 1e200], [3, 2**63]),
        ([1e-3, 1e200], [5, 10**400]),
    ],
)
def test_a_map_has_any_rates_and_numbers_of_steps(rates, max_iters):
    search = GradientDescentRegressorCV(rates, max_iters=max_iters).fit(X, Y)
    display = LearningRateDisplay.from_estimator(search, ax=plt.figure().subplots())
    assert display.best_.get_xdata()[0] == search.learning_rate_
    drawn(display.ax_)


@pytest.mark.parametrize("exponent", [500, 532, 900, -500, -900])
def test_pictures_beyond_float64_are_refused_in_words(exponent):
    target = np.ldexp(Y.to_numpy(), exponent)
    search = GradientDescentRegressorCV([0.01, 0.1], max_iters=[3, 9]).fit(X, target)
    if exponent > 512:
        with pytest.raises(ValueError, match=r"no finite error to draw.*divide y by a constant"):
            LearningRateDisplay.from_estimator(search, ax=plt.figure().subplots())
    with pytest.raises(ValueError, match=r"cannot draw J.*Multiply X or y by a constant"):
        DescentPathDisplay.from_estimator(GradientDescentRegressor(), X, target, ax=plt.figure().subplots())


def test_of_a_single_feature_the_intercept_and_it_are_drawn():
    x = np.arange(8.0)[:, None]
    y = 3.0 * x[:, 0] + np.cos(x[:, 0])
    drawn = DescentPathDisplay.from_estimator(GradientDescentRegressor(), x, y)
    asked = DescentPathDisplay.from_estimator(GradientDescentRegressor(), x, y, features=("intercept", 0))
    np.testing.assert_array_equal(drawn.paths[0], asked.paths[0])
    with pytest.raises(ValueError, match="two different ones"):
        DescentPathDisplay.from_estimator(GradientDescentRegressor(fit_intercept=False), x, y)


# ----------------------------------------------------------------------------------------------------------- penalties


@pytest.mark.parametrize("settings", [{}, {"scaling": None}, {"scaling": "minmax", "momentum": 0.5}])
def test_with_a_ridge_term_the_surface_and_the_path_are_those_of_the_whole_j(settings):
    model = GradientDescentRegressor(alpha=0.7, **settings)
    display = DescentPathDisplay.from_estimator(model, X[["bmi"]], Y, iterations=6)
    model.fit(X[["bmi"]], Y)
    Z = (X[["bmi"]].to_numpy() - model.feature_shift_) / model.feature_scale_
    J = MeanSquaredError(Z, Y)
    for i, j in (0, 0), (3, 40), (-1, 17):
        theta = [display.x[j], display.y[i]]
        assert display.values[i, j] == pytest.approx(J.value(theta) + 0.7 * theta[1] ** 2, rel=1e-10)
    theta, step = np.zeros(2), np.zeros(2)
    for point, value, slope in zip(display.paths[0], display.path_values[0], display.gradients[0], strict=True):
        gradient = J.gradient(theta) + np.array([0.0, 1.4 * theta[1]])
        np.testing.assert_allclose(point, theta, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(slope, gradient, rtol=1e-7, atol=1e-9 * np.abs(Y).max())
        assert value == pytest.approx(J.value(theta) + 0.7 * theta[1] ** 2, rel=1e-10)
        step = settings.get("momentum", 0.0) * step - model.learning_rate_ * gradient
        theta = theta + step
    assert display.minimum == pytest.approx(model.loss_, rel=1e-12)
    assert display.caption.startswith("Gradient descent on\nJ = mean squared error + ridge term, α = 0.7")


@pytest.mark.parametrize("others", ["optimum", "fixed"])
def test_with_a_ridge_term_the_others_are_where_they_are_said_to_be(others):
    alpha, n = 0.3, len(Y)
    model = GradientDescentRegressor(alpha=alpha)
    display = DescentPathDisplay.from_estimator(model, X, Y, features=("s1", "s2"), others=others, iterations=5)
    Z = StandardScaler().fit_transform(X)
    best, rest = Ridge(alpha * n).fit(Z, Y), [0, 1, 2, 3, 6, 7, 8, 9]
    for i, j in (0, 0), (3, -1):
        a = np.array([display.x[j], display.y[i]])
        left, b = Y - Z[:, [4, 5]] @ a, best.coef_[rest]
        intercept = best.intercept_
        if others == "optimum":
            of_rest = Ridge(alpha * n).fit(Z[:, rest], left)
            b, intercept = of_rest.coef_, of_rest.intercept_
        J = np.mean((left - intercept - Z[:, rest] @ b) ** 2) + alpha * (a @ a + b @ b)
        assert display.values[i, j] == pytest.approx(J, rel=1e-10)
    np.testing.assert_allclose(display.optimum, best.coef_[[4, 5]], rtol=1e-9)


def test_the_verdict_on_a_rate_knows_the_ridge_term():
    plain = GradientDescentRegressor().fit(X, Y)
    rate = 0.9 * plain.max_stable_learning_rate_
    display = DescentPathDisplay.from_estimator(GradientDescentRegressor(rate, alpha=1.0), X, Y)
    assert "diverges" in display.names[0]
    assert "diverges" not in DescentPathDisplay.from_estimator(GradientDescentRegressor(rate), X, Y).names[0]


def test_an_l1_penalty_has_no_quadratic_to_be_drawn():
    for model in (GradientDescentRegressor(alpha=1.0, l1_ratio=0.5), GradientDescentRegressor(alpha=1.0, l1_ratio=1)):
        with pytest.raises(
            ValueError, match=r"from_estimator needs a J that is a quadratic, and l1_ratio=.* makes kinks"
        ):
            DescentPathDisplay.from_estimator(model, X, Y)
    DescentPathDisplay.from_estimator(GradientDescentRegressor(l1_ratio=1.0), X, Y)  # of no penalty no part
    with pytest.raises(ValueError, match=r"The 'alpha' parameter of DescentPathDisplay\.from_estimator .* Got -1"):
        DescentPathDisplay.from_estimator(GradientDescentRegressor(alpha=-1), X, Y)


def test_loss_curves_say_that_the_penalty_is_in_them_and_name_it():
    options = {"early_stopping": True, "random_state": 0, "max_iter": 50}
    ridge = GradientDescentRegressor(0.1, alpha=0.5, **options).fit(X, Y)
    lasso = GradientDescentRegressor(0.1, alpha=5.0, l1_ratio=1.0, **options).fit(X, Y)
    display = LossCurveDisplay.from_estimators([ridge, lasso])
    np.testing.assert_array_equal(display.lines_[1].get_ydata(), lasso.loss_curve_)
    names = ["η = 0.1, α = 0.5", "η = 0.1, α = 5, l1_ratio = 1"]
    assert [line.get_label() for line in display.lines_] == names
    assert [line.get_label() for line in display.validation_lines_] == [f"{n}, error on rows held out" for n in names]
    assert display.ax_.get_ylabel() == "mean squared error + penalty\n(units of y squared)"
    assert display.ax_.get_title() == "Mean squared error + penalty after each step of gradient descent"
    search = GradientDescentRegressorCV([0.1], max_iters=[9], alphas=[0.25]).fit(X, Y)
    assert LossCurveDisplay.from_estimator(search).lines_[0].get_label() == "η = 0.1, α = 0.25"


@pytest.mark.parametrize("ratios", [0.0, [0.0, 0.5]])
def test_a_map_of_a_search_over_penalties_too_is_that_of_the_chosen_one(ratios):
    rates, steps = [0.01, 0.1], [5, 50]
    search = GradientDescentRegressorCV(rates, max_iters=steps, alphas=[10.0, 0.01, 1.0], l1_ratios=ratios).fit(X, Y)
    display = LearningRateDisplay.from_estimator(search)
    model = GradientDescentRegressor(alpha=search.alpha_, l1_ratio=search.l1_ratio_, init="mean")
    grid = {"learning_rate": rates, "max_iter": steps}
    peer = GridSearchCV(model, grid, scoring="neg_mean_squared_error").fit(X, Y)
    np.testing.assert_allclose(display.errors.ravel(), -peer.cv_results_["mean_test_score"], rtol=1e-8)
    assert display.best == (search.learning_rate_, search.max_iter_)
    assert f"at α = {search.alpha_:g}" in display.colorbar_.ax.get_ylabel()


def test_a_map_of_a_search_over_penalties_alone_is_refused():
    search = GradientDescentRegressorCV(alphas=[1.0, 0.1]).fit(X, Y)
    with pytest.raises(ValueError, match=r"this search has tried alphas alone: give it learning_rates or max_iters"):
        LearningRateDisplay.from_estimator(search)
