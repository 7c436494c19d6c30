import itertools

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LassoCV, Ridge, enet_path
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from gdlearn import GradientDescentRegressor, GradientDescentRegressorCV, regularization_path
from gdlearn.inspection import RegularizationPathDisplay

pytest.importorskip("pandas")
matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")

X, Y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
NAMES = list(X.columns)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def names(display):
    return {j: text.get_text() for j, text in display.names_.items()}


def test_lines_are_the_path_and_names_stand_at_the_largest():
    path = regularization_path(X, Y, alphas=[0.5, 30.0, 3.0, 0.0], l1_ratio=1.0)
    display = RegularizationPathDisplay.from_path(path, feature_names=NAMES)
    for line, coef in zip(display.lines_, path[1], strict=True):
        np.testing.assert_array_equal(line.get_xdata(), [30.0, 3.0, 0.5])  # 0 has no place on a logarithmic axis
        np.testing.assert_array_equal(line.get_ydata(), coef[[1, 2, 0]])
    named = np.flatnonzero(path[1][:, 0])
    assert names(display) == {j: NAMES[j] for j in named}
    assert 0 < len(named) < len(NAMES)
    for j, text in display.names_.items():
        assert text.get_color() == display.lines_[j].get_color() != "0.75"
    assert display.ax_.get_xscale() == "log"
    assert display.ax_.get_xlim() == (30.0, 0.5)
    assert display.chosen_line_ is display.ax_.get_legend() is None
    assert display.figure_ is display.ax_.figure
    assert "per unit of the feature" in display.ax_.get_ylabel()
    plain = RegularizationPathDisplay.from_path(path)
    assert names(plain) == {j: f"feature {j}" for j in named}


def test_at_most_ten_are_named_and_names_keep_apart_in_their_order():
    rng = np.random.default_rng(0)
    coefs = np.outer(1.0 + 0.01 * rng.standard_normal(40), [0.0, 1.0])
    display = RegularizationPathDisplay.from_path(([1.0, 0.1], coefs))
    assert set(display.names_) == set(np.argsort(-coefs[:, 1])[:10])
    display.figure_.canvas.draw()
    by_end = sorted(display.names_, key=lambda j: coefs[j, 1])
    boxes = [display.names_[j].get_window_extent() for j in by_end]
    assert all(below.y1 < above.y0 for below, above in itertools.pairwise(boxes))
    grey = [line.get_color() for j, line in enumerate(display.lines_) if j not in display.names_]
    assert grey == ["0.75"] * 30
    looks = {(display.lines_[j].get_color(), display.lines_[j].get_linestyle()) for j in display.names_}
    assert len(looks) == 10


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5])
def test_from_an_estimator_coefficients_are_those_of_scaled_features(l1_ratio):
    Z = StandardScaler().fit_transform(X)
    display = RegularizationPathDisplay.from_estimator(
        GradientDescentRegressor(alpha=3.0, l1_ratio=l1_ratio), X, Y, alphas=[10.0, 3.0, 1.0]
    )
    if l1_ratio:
        _, coefs, _ = enet_path(Z, Y - Y.mean(), l1_ratio=l1_ratio, alphas=[10.0, 3.0, 1.0], tol=1e-12)
    else:
        coefs = np.column_stack([Ridge(alpha * len(Y)).fit(Z, Y).coef_ for alpha in (10.0, 3.0, 1.0)])
    for line, coef in zip(display.lines_, coefs, strict=True):
        np.testing.assert_allclose(line.get_ydata(), coef, rtol=1e-6, atol=1e-6)
    assert list(display.chosen_line_.get_xdata()) == [3.0, 3.0]
    assert "α = 3" in display.ax_.get_legend().get_texts()[0].get_text()
    assert "× scale" in display.ax_.get_ylabel()


def test_what_was_chosen_is_marked():
    path = regularization_path(X, Y, l1_ratio=1.0)
    search = GradientDescentRegressorCV(alphas=20, l1_ratios=[1.0]).fit(X, Y)
    grid = GridSearchCV(GradientDescentRegressor(l1_ratio=1.0), {"alpha": [0.1, 1.0]}).fit(X, Y)
    lasso = LassoCV(cv=3).fit(StandardScaler().fit_transform(X), Y)
    for chosen, alpha in (
        (2.0, 2.0),
        (search, search.alpha_),
        (make_pipeline(StandardScaler(), search).fit(X, Y), search.alpha_),
        (grid, grid.best_params_["alpha"]),
        (lasso, lasso.alpha_),
    ):
        line = RegularizationPathDisplay.from_path(path, chosen=chosen).chosen_line_
        assert line.get_xdata()[0] == pytest.approx(alpha, rel=1e-12)
    assert RegularizationPathDisplay.from_path(path, chosen=1e5).chosen_line_ is None  # out of the picture
    display = RegularizationPathDisplay.from_estimator(search, X, Y)
    assert display.chosen_line_.get_xdata()[0] == search.alpha_
    np.testing.assert_allclose(display.alphas, path[0])
    plain = GradientDescentRegressorCV([0.1], max_iters=[10]).fit(X, Y)  # chooses no alpha
    assert RegularizationPathDisplay.from_estimator(plain, X, Y).chosen_line_ is None


def test_of_a_pipeline_the_features_are_those_of_its_last_step():
    steps = PolynomialFeatures(2, include_bias=False).set_output(transform="pandas")
    model = make_pipeline(steps, GradientDescentRegressor(alpha=1.0, l1_ratio=1.0)).fit(X, Y)
    display = RegularizationPathDisplay.from_estimator(model, X, Y, alphas=4, eps=0.05)
    assert len(display.lines_) == 65
    assert "bmi bp" in names(display).values()


def test_a_single_alpha_and_no_slope():
    RegularizationPathDisplay.from_path(([1.0], [[2.0], [-1.0]])).figure_.canvas.draw()
    display = RegularizationPathDisplay.from_path(([1.0, 0.5], np.zeros((3, 2))))
    display.figure_.canvas.draw()
    assert display.names_ == {}
    ax = plt.figure().subplots()
    assert RegularizationPathDisplay.from_path(([1.0, 0.5], np.eye(2)), ax=ax, linewidth=5).ax_ is ax
    assert ax.lines[0].get_linewidth() == 5


def test_bad_arguments_are_named():
    from_path, from_estimator = RegularizationPathDisplay.from_path, RegularizationPathDisplay.from_estimator
    path = regularization_path(X, Y, alphas=3, l1_ratio=1.0)
    for bad in (3, (path[0],), (path[0], path[1].T), (path[1], path[0])):
        with pytest.raises(ValueError, match=r"'path' parameter of RegularizationPathDisplay\.from_path must be"):
            from_path(bad)
    with pytest.raises(ValueError, match=r"'feature_names' parameter .* a list of 10 str"):
        from_path(path, feature_names=["a"])
    for bad in (-1.0, "best", True, StandardScaler().fit(X)):
        with pytest.raises(ValueError, match=r"'chosen' parameter of .*from_path must be"):
            from_path(path, chosen=bad)
    with pytest.raises(NotFittedError):
        from_path(path, chosen=GradientDescentRegressorCV(alphas=3))
    with pytest.raises(NotFittedError):
        from_estimator(GradientDescentRegressorCV(alphas=3), X, Y)
    with pytest.raises(TypeError, match=r"'estimator' parameter of RegularizationPathDisplay\.from_estimator must be"):
        from_estimator(LassoCV(), X, Y)
    with pytest.raises(ValueError, match=r"'alphas' parameter of RegularizationPathDisplay\.from_estimator must be"):
        from_estimator(GradientDescentRegressor(), X, Y, alphas=-3)
    with pytest.raises(ValueError, match="no alpha is above 0"):
        from_path(([0.0], [[1.0]]))
    two = np.column_stack([Y, Y])
    with pytest.raises(ValueError, match=r"draws one target; y has 2"):
        from_estimator(GradientDescentRegressor(), X, two)
    with pytest.raises(ValueError, match=r"draws one target; the path has 2"):
        from_path(regularization_path(X, two, alphas=3))
