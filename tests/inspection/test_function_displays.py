"""Pictures of descents on functions of two variables."""

import io
import re

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")
pytest.importorskip("sympy")

from test_displays import angles  # noqa: E402

from gdlearn import MeanSquaredError  # noqa: E402
from gdlearn.inspection import DescentPathDisplay, LossCurveDisplay  # noqa: E402
from gdlearn.symbolic import ResidualSumOfSquares, SymbolicFunction  # noqa: E402


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


SMOOTH = {
    "saddle": ("x**2*y + sin(x*y)", [1.0, 1.0], 0.1),
    "valley": ("(1-x)**2 + 100*(y-x**2)**2", [-1.2, 1.0], 0.001),
    "hill": ("ln(1 - x^2 - y^2)", [0.1, 0.2], 0.1),
    "root": ("sqrt(x*y)", [1.0, 2.0], 0.1),
    "barrier": ("x^2 + y^2 - ln(x)", [3.0, 1.0], 0.1),
    "line search": ("x^2 + y^2 - ln(x)", [3.0, 1.0], "backtracking"),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_arrows_meet_the_level_sets_at_right_angles(name):
    text, start, learning_rate = SMOOTH[name]
    f = SymbolicFunction(text)
    path = f.descend(start, learning_rate)
    display = DescentPathDisplay.from_function(f, path)
    off = np.abs(angles(display) - 90)
    assert len(off) >= 1
    assert off.max() < 1, off
    np.testing.assert_array_equal(display.lines_[0].get_xydata(), path.points)
    for foot, u, v in zip(display.arrows_[0].get_offsets(), display.arrows_[0].U, display.arrows_[0].V, strict=True):
        assert f.gradient_at(foot) @ [u, v] < 0
    for i, j in (0, 0), (3, 400), (250, 17):
        assert display.values[i, j] == pytest.approx(
            f([display.x[j], display.y[i]], outside="nan"), rel=1e-14, nan_ok=True
        )
    assert len(display.levels) > 5
    assert (np.diff(display.levels) > 0).all()


def test_outside_the_domain_nothing_is_drawn_but_a_shade():
    f = SymbolicFunction("x^2 + y^2 - ln(x)")
    paths = [f.descend([3.0, 1.0], rate) for rate in (0.1, 0.6, "backtracking")]
    display = DescentPathDisplay.from_function(f, paths, xlim=(-1, 4), ylim=(-2, 2))
    assert [ax.get_title() for ax in display.axes_] == [
        "η = 0.1",
        "η = 0.6: would leave the domain",
        "backtracking line search",
    ]
    for contours in display.contours_ + display.arrow_contours_:
        for curve in contours.get_paths():
            assert not len(curve.vertices) or curve.vertices[:, 0].min() > 0
    assert np.isnan(display.values[:, display.x <= 0]).all()
    assert np.isfinite(display.values[:, display.x > 0]).all()
    assert "outside the domain of f" in display.ax_.get_legend_handles_labels()[1]
    display.figure_.set_dpi(50)
    display.figure_.canvas.draw()
    pixels = np.asarray(display.figure_.canvas.buffer_rgba())
    x, y = display.ax_.transData.transform([[-0.5, 0.3]])[0]
    assert 210 < pixels[len(pixels) - int(y), int(x), 0] < 250
    whole = SymbolicFunction("x**2 + y**2")
    plain = DescentPathDisplay.from_function(whole, whole.descend([1.0, 1.0]))
    assert "outside" not in " ".join(plain.ax_.get_legend_handles_labels()[1])


def test_a_path_that_runs_away_leaves_the_picture_where_it_is():
    f = SymbolicFunction("x**2*y + sin(x*y)")
    paths = [f.descend([1.0, 1.0], 0.1), f.descend([1.0, 1.0], "backtracking"), f.descend([-1.0, -1.0], 0.1)]
    for shown in (paths, paths[1], paths[2]):
        display = DescentPathDisplay.from_function(f, shown)
        display.figure_.canvas.draw()
        assert max(np.ptp(display.x), np.ptp(display.y)) < 20
    rising = SymbolicFunction("x**2 + 3y**2")
    display = DescentPathDisplay.from_function(rising, rising.descend([1.0, 1.0], 0.5, max_iter=10_000))
    display.figure_.canvas.draw()
    assert "diverges" in display.ax_.get_title()
    assert np.ptp(display.y) < 20


def test_kinks_and_flat_starts():
    f = SymbolicFunction("cbrt(x) + y**2")
    path = f.descend([1.0, 0.0], 3.0)
    assert np.isnan(path.gradients[-1]).any()
    display = DescentPathDisplay.from_function(f, path)
    display.figure_.canvas.draw()
    assert "kink" in display.ax_.get_title()
    assert len(display.arrows_[0].U) == 1
    bowl = SymbolicFunction("x**2 + y**2")
    DescentPathDisplay.from_function(bowl, bowl.descend([0.0, 0.0])).figure_.canvas.draw()
    level = SymbolicFunction("3", ["x", "y"])
    DescentPathDisplay.from_function(level, level.descend([0.0, 0.0])).figure_.canvas.draw()


def test_sum_of_squares():
    S = ResidualSumOfSquares(SymbolicFunction("a*exp(b*x)"), {"x": [0.0, 1.0]}, [1.0, 3.0])
    path = S.descend([1.0, 0.0], 0.05)
    display = DescentPathDisplay.from_function(S, path)
    assert (display.x_name, display.y_name, display.value_name) == ("a", "b", "S")
    assert np.abs(angles(display) - 90).max() < 1
    curve = LossCurveDisplay.from_paths([path, S.descend([1.0, 0.0], "backtracking")], minimum=0.0)
    assert curve.ax_.get_ylabel() == "S above its minimum"
    assert [line.get_label() for line in curve.lines_] == ["η = 0.05", "backtracking line search"]


def test_loss_curves_of_paths():
    f = SymbolicFunction("x**2 - 1")
    paths = [f.descend(2.0, 0.1), f.descend(2.0, 1.1)]
    display = LossCurveDisplay.from_paths(paths, names=["slow", "wild"])
    np.testing.assert_array_equal(display.lines_[0].get_ydata(), paths[0].values)
    assert display.ax_.get_ylabel() == "f"
    assert display.ax_.get_yscale() == "linear"  # f is negative at its minimum
    above = LossCurveDisplay.from_paths(paths[0], minimum=-1.0)
    assert above.ax_.get_yscale() == "log"
    assert above.ax_.get_ylabel() == "f above its minimum"
    stuck = SymbolicFunction("ln(x)").descend(1.0, 2.0)
    LossCurveDisplay.from_paths(stuck).figure_.canvas.draw()


@pytest.mark.parametrize(
    ("text", "start", "rate", "max_iter", "limits"),
    [
        ("x**2 + 4y**2", [2.0, 1.0], 0.3, 1000, (8.0, 1e200)),
        ("x**2 + 4y**2", [2.0, 1.0], 0.3, 2000, (8.0, 1e200)),
        ("x**4", 3.0, 1.3, 1000, (81.0, 1e200)),
        ("-x**2", 1.0, 0.3, 2000, (-1e200, -1.0)),
        ("x**2", 1.0, 0.4, 2000, (1e-200, 1.0)),
    ],
)
def test_a_curve_that_overflows_leaves_the_picture(text, start, rate, max_iter, limits):
    path = SymbolicFunction(text).descend(start, rate, max_iter=max_iter)
    display = LossCurveDisplay.from_paths(path)
    display.figure_.savefig(io.BytesIO())
    np.testing.assert_array_equal(display.lines_[0].get_ydata(), path.values)
    assert display.ax_.get_ylim() == pytest.approx(limits)
    assert display.ax_.get_yscale() == ("log" if limits[0] > 0 else "linear")


@pytest.mark.parametrize("values", [[1e300, 1e308], [-1.7e308, 1.7e308], [1e-310, 1e-300], [-1e300, -1e250], [1e308]])
def test_extreme_curves_are_drawn(values):
    steps = np.arange(len(values))
    for minimum in (None, -1.7e308):
        display = LossCurveDisplay(iterations=[steps], losses=[values], minimum=minimum).plot()
        display.figure_.savefig(io.BytesIO())


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("function", SymbolicFunction("x + y + z"), "two variables"),
        ("function", "x + y", "two variables"),
        ("paths", [], "a non-empty list"),
        ("paths", [1], "a descent of this function"),
        ("paths", SymbolicFunction("a + b").descend([1.0, 1.0]), "a descent of this function"),
        ("xlim", (1, 0), "two increasing numbers"),
        ("ylim", (0, np.nan), "two increasing numbers"),
        ("ylim", 3, "two increasing numbers"),
        ("xlim", "ab", "two increasing numbers"),
        ("names", ["a", "b"], "a list of 1 str"),
    ],
)
def test_parameters(name, value, allowed):
    f = SymbolicFunction("x**2 + y**2")
    options = {"function": f, "paths": f.descend([1.0, 1.0]), name: value}
    with pytest.raises(ValueError, match=rf"The '{name}' parameter of DescentPathDisplay.from_function .*{allowed}"):
        DescentPathDisplay.from_function(**options)


def test_other_parameters():
    f = SymbolicFunction("ln(x) + y")
    path = f.descend([1.0, 1.0])
    with pytest.raises(ValueError, match="no value in the picture"):
        DescentPathDisplay.from_function(f, path, xlim=(-2, -1))
    for wrong, got in ((1, "int"), ([], "an empty list"), ({"a": path}, "dict"), ([path, "b"], "DescentPath, str")):
        with pytest.raises(
            ValueError, match=rf"The 'paths' parameter of LossCurveDisplay.from_paths .*Got {got} instead\.$"
        ):
            LossCurveDisplay.from_paths(wrong)
    with pytest.raises(ValueError, match=r"a descent of this function.*Got a descent over a, b instead\.$"):
        DescentPathDisplay.from_function(f, SymbolicFunction("a + b").descend([1.0, 1.0]))
    single = SymbolicFunction("x**2")
    with pytest.raises(ValueError, match=r"must be a function of two variables.*LossCurveDisplay\.from_paths"):
        DescentPathDisplay.from_function(single, single.descend(1.0))
    with pytest.raises(ValueError, match=r"The 'minimum' parameter of LossCurveDisplay.from_paths .*Got inf"):
        LossCurveDisplay.from_paths(path, minimum=np.inf)
    with pytest.raises(ValueError, match=r"The 'names' parameter of LossCurveDisplay.from_paths"):
        LossCurveDisplay.from_paths(path, names=["a", "b"])


@pytest.mark.parametrize(
    ("text", "start", "rate", "x_label"),
    [
        ("x + y", [1e9, -1e9], 1.0, "x − 1000000000"),
        ("(x - 5)**2 + y**2", [5.001, 0.001], 0.1, "x − 5"),
        ("x**2 + y**2", [3e8, 1e8], 0.1, "x, in units of $10^{8}$"),
        ("x**2 + y**2", [3e-8, 1e-8], 0.1, "x, in units of $10^{-8}$"),
        ("x**2 + y**2", [300.0, 100.0], 0.1, "x"),
    ],
)
def test_ticks_are_short_and_the_label_says_what_they_count(text, start, rate, x_label):
    f = SymbolicFunction(text)
    display = DescentPathDisplay.from_function(f, f.descend(start, rate, max_iter=30))
    display.figure_.canvas.draw()
    assert display.ax_.get_xlabel() == x_label
    for axis in (display.ax_.xaxis, display.ax_.yaxis):
        low, high = axis.get_view_interval()
        shown = [(t.get_loc(), t.label1.get_text()) for t in axis.get_major_ticks() if low <= t.get_loc() <= high]
        assert 2 <= len(shown) <= 7
        assert max(len(label) for _, label in shown) <= 8
        offset = re.search(r" ([−+]) ([\d.e+]+)", axis.label.get_text())
        base = 0.0 if offset is None else float(offset[2]) * (1 if offset[1] == "−" else -1)
        power = re.search(r"10\^\{(-?\d+)\}", axis.label.get_text())
        unit = 10.0 ** int(power[1]) if power else 1.0
        for place, label in shown:
            assert base + unit * float(label.replace("−", "-")) == pytest.approx(place, rel=1e-12, abs=1e-9 * unit)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_mean_squared_error_is_drawn_as_any_function_is(weighted):
    rng = np.random.default_rng(0)
    x = rng.normal(size=50)
    y, w = 1 + 2 * x + rng.normal(size=50), rng.uniform(size=50) if weighted else None
    J = MeanSquaredError(x, y, w)
    paths = [J.descend([-1.0, 4.0], rate, max_iter=20) for rate in (0.1, 0.7)]
    display = DescentPathDisplay.from_function(J, paths)
    assert (display.x_name, display.y_name, display.value_name) == ("θ₀", "θ₁", "J")
    off = np.abs(angles(display) - 90)
    assert len(off) >= 2
    assert off.max() < 1
    for i, j in (0, 0), (3, 400), (250, 17):
        assert display.values[i, j] == pytest.approx(J.value([display.x[j], display.y[i]]), rel=1e-12)
    curves = LossCurveDisplay.from_paths(paths)
    np.testing.assert_array_equal(curves.lines_[0].get_ydata(), paths[0].values)
    wild = DescentPathDisplay.from_function(J, J.descend([-1.0, 4.0], 50.0, max_iter=1000))
    assert wild.ax_.get_title() == "η = 50: diverges"
