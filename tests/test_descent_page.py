"""The page with a descent on the reader's data: its functions, every state of its pictures, and a browser."""

import re
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pages import EXAMPLES, SCROLLERS, as_module, chromium_started, run_as_a_script, served, visits
from sklearn.preprocessing import StandardScaler

pytest.importorskip("mpmath")
pytest.importorskip("matplotlib")

import mpmath
from matplotlib.figure import Figure

APP = EXAMPLES / "interactive_descent.py"
PICTURES = "the fit", "level sets, raw", "level sets, standardised", "J over the steps", "modes, raw"
PICTURES += ("modes, standardised",)  # drawn last
YEARS = np.arange(1990.0, 2021.0)[:, np.newaxis]
WARMING = 0.02 * (YEARS[:, 0] - 1990) + 14.2 + 0.1 * np.sin(YEARS[:, 0])
LINE = np.array([[1.0], [2.0], [4.0]]), np.array([2.0, 3.0, 7.0])
PLANE = np.array([[1.0, 5.0], [2.0, 3.0], [4.0, 4.0], [5.0, 1.0]]), np.array([2.0, 3.0, 7.0, 6.0])

STATES = [
    (YEARS, WARMING),
    (np.column_stack([LINE[0], np.full(3, 7.0)]), LINE[1]),
    (np.column_stack([LINE[0], LINE[0]]), LINE[1]),
    (LINE[0], np.full(3, 5.0)),
    (LINE[0], np.zeros(3)),
    (np.zeros((2, 2)), np.zeros(2)),
    (np.array([[1.0, 2.0], [3.0, 5.0]]), np.array([2.0, 5.0])),
    (1e100 * LINE[0] / 4, LINE[1]),
    (LINE[0], 1e100 * LINE[1] / 7),
    (1e-300 * LINE[0], 1e-300 * LINE[1]),
]
"""Ill-conditioned, without a unique minimum, without anything to learn, with few rows, and far from 1."""

browser = pytest.mark.browser


@pytest.mark.slow  # starts Python with all that the page needs
def test_runs_as_a_script(tmp_path):
    run_as_a_script(APP, tmp_path)


@pytest.fixture(scope="module")
def app():
    return as_module(APP)


@pytest.mark.parametrize(
    ("text", "names", "values"),
    [
        ("1,2\n3,4", ["column 1", "column 2"], [[1, 2], [3, 4]]),
        ("a,b\n1,2\n3,4\n", ["a", "b"], [[1, 2], [3, 4]]),
        ("a;b;c\r\n1;2;-3.5\r\n+3;.4;1e-3\r\n", ["a", "b", "c"], [[1, 2, -3.5], [3, 0.4, 0.001]]),
        ("\ufeffx\ty\n\n 1 \t 2.\n3\t4\n\n", ["x", "y"], [[1, 2], [3, 4]]),
        ('"price, in $","area"\n"1",2\n3,4', ["price, in $", "area"], [[1, 2], [3, 4]]),
        (",y\n1,2\n3,4", ["column 1", "y"], [[1, 2], [3, 4]]),
    ],
)
def test_tables_that_are_read(app, text, names, values):
    table = app.read_table(text)
    assert table.names == names
    assert table.values.tolist() == values


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", ["no data"]),
        (" \n\n", ["no data"]),
        ("1\n2\n3", ["Line 1", "one value", "“1”"]),
        ("1 2\n3 4", ["Line 1", "one value", "“1 2”"]),
        ("a,b", ["Rows of numbers: 0", "2 to"]),
        ("a,b\n1,2", ["Rows of numbers: 1", "2 to"]),
        ("a,b\n1,2\n3,x", ["Line 3", "“x”", "column 2", "not a number"]),
        ("1;2\n3;5,5", ["Line 2", "“5,5”", "with a point: 5.5"]),
        ("a,b\n\n1,2\n3,", ["Line 4", "column 2 is missing"]),
        ("a,b\n1,2\n3", ["Line 3 has 1 value", "line 1 has 2"]),
        ("1,2\n3,4,5", ["Line 2 has 3 values", "line 1 has 2"]),
        ("year,5\n1,2\n3,4", ["Line 1", "“year”", "not a number"]),
        ("a,a\n1,2\n3,4", ["Line 1", "two columns", "“a”"]),
        ("1,nan\n3,4", ["Line 1", "“nan”"]),
        ("1,2\n3,inf", ["Line 2", "“inf”"]),
        ("1,2\n3,1_0", ["Line 2", "“1_0”"]),
        ("1,2\n3,1e200", ["Line 2", "“1e200”", "too large"]),
        ("1,2\n3,0x1f", ["Line 2", "“0x1f”"]),
        ('a,b\n1,"2\n3,4', ["Line 3 cannot be read"]),
        ("1,2\n" * 10_001, ["10,001", "10,000"]),
    ],
)
@pytest.mark.whole
def test_a_text_that_is_refused_is_told_its_line_and_value(app, text, says):
    with pytest.raises(ValueError, match=re.escape(says[0])) as refused:
        app.read_table(text)
    assert all(part in str(refused.value) for part in says)


@given(st.text(alphabet="01.,;\t\n\r\"'-+eax \0\u2028é", max_size=60))
def test_no_text_raises_another_error(app, text):
    with suppress(ValueError):
        table = app.read_table(text)
        assert np.isfinite(table.values).all()
        assert len(table.values) >= 2


def test_a_file_of_windows_is_read(app):
    assert app.decoded("größe,x".encode("cp1252")) == app.decoded("\ufeffgröße,x".encode()) == "größe,x"


def test_every_example_of_the_page_is_read(app):
    shapes = [app.read_table("\n".join(text.split())).values.shape for text in app.DATA.values()]
    assert shapes == [(15, 2), (50, 2), (31, 3)]


def test_standardised_as_scikit_learn_does(app):
    assert app.standardised(PLANE[0]) == pytest.approx(StandardScaler().fit_transform(PLANE[0]), rel=1e-14)
    assert app.standardised(1e-250 * YEARS) == pytest.approx(StandardScaler().fit_transform(YEARS), rel=1e-9)
    assert not app.standardised(np.full((9, 1), 0.1)).any()  # whose mean is not 0.1 in float64


def test_small_eigenvalues_have_their_digits(app):
    of = app.problem("raw", YEARS, WARMING)
    with mpmath.workdps(50):
        Z = mpmath.matrix([[1, x] for x in YEARS[:, 0].tolist()])
        exact = sorted(map(float, mpmath.eigsy(Z.T * Z / len(YEARS), eigvals_only=True)), reverse=True)
    assert exact[0] / exact[1] > 1e11
    assert of.eigenvalues == pytest.approx(exact, rel=1e-9)
    assert of.limit == pytest.approx(1 / exact[0])
    assert of.minimum == pytest.approx(np.polyfit(YEARS[:, 0] - 2000, WARMING, 1, full=True)[1][0] / len(YEARS))


@pytest.mark.parametrize(("X", "y"), [LINE, PLANE])
def test_a_step_multiplies_each_error_by_its_factor(app, X, y):
    of = app.problem("raw", X, y)
    assert of.solution == pytest.approx(np.linalg.lstsq(np.column_stack([np.ones(len(y)), X]), y)[0])
    path = of.J.descend(np.zeros(X.shape[1] + 1), 0.7 * of.limit, max_iter=3)
    errors = app.mode_errors(of, path.points)
    assert errors[1:] == pytest.approx(errors[:-1] * (1 - 2 * path.learning_rate * of.eigenvalues), rel=1e-9)
    assert app.mode_factors(of, path.learning_rate, 0.0) == pytest.approx(errors[1] / errors[0])


def test_momentum_in_the_long_run(app):
    """Goh (2017): with β = (1 − √(ηh))², h the curvature, both roots are √β; far from it one root is the larger."""
    of = app.problem("raw", *LINE)
    h = 2 * of.eigenvalues
    beta = (1 - np.sqrt(0.1)) ** 2
    assert app.mode_factors(of, 0.1 / h[1], beta)[1] == pytest.approx(np.sqrt(beta), rel=1e-6)
    path = of.J.descend([0.0, 0.0], 0.1 * of.limit, momentum=0.1, max_iter=60)
    slow = app.mode_errors(of, path.points)[:, 1]
    assert slow[-1] / slow[-2] == pytest.approx(app.mode_factors(of, 0.1 * of.limit, 0.1)[1], rel=1e-6)


@pytest.mark.parametrize(("factor", "steps"), [(0.5, 7), (-0.5, 7), (0.0, 1), (0.1, 2), (-1.0, None), (1.2, None)])
def test_steps_to_a_hundredth(app, factor, steps):
    assert app.steps_to_hundredth(factor) == steps


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "1"), (1 - 2e-7, "1 − 2e−07"), (1 + 3e-5, "1 + 3e−05"), (1 + 2e-16, "1"), (-12345.6, "−12,346")],
)
def test_numbers(app, value, text):
    assert app.shown(value) == text


@pytest.mark.parametrize(
    ("share", "momentum", "says"),
    [
        (0.4, 0.0, ["L = 2λ₁ = 2", "2/L = 1", "stable", "factor is 0.2", "after 3 steps"]),
        (1.0, 0.0, ["keeps its size for ever"]),
        (1.2, 0.0, ["beyond", "diverges", "multiplied by −1.4", "J went from 20.67 to"]),
        (1.2, 0.5, ["2(1 + β)/L = 1.5", "stable", "in the long run"]),
        (1.6, 0.5, ["beyond", "grows by"]),
    ],
)
def test_what_diverges_is_said_in_numbers(app, share, momentum, says):
    of = app.problem("standardised", app.standardised(LINE[0]), LINE[1])
    path = of.J.descend(np.zeros(2), share * of.limit, momentum=momentum, max_iter=100)
    told = app.in_words(of, path, momentum)
    assert all(part in told for part in says)


@pytest.mark.parametrize(("X", "y"), [LINE, PLANE])
def test_level_sets_are_those_of_the_squared_residuals(app, X, y):
    """Of two features those that are left with the best θ₀, which is that of centred columns."""
    of = app.problem("raw", X, y)
    Z = X - X.mean(axis=0) if X.shape[1] > 1 else np.column_stack([np.ones(len(y)), X])
    r = y - y.mean() if X.shape[1] > 1 else y
    for height, curve in zip(
        (0.5, 40.0), app.level_sets(of.root[-2:, -2:], of.solution[-2:], (0.5, 40.0), 1e9), strict=True
    ):
        residuals = r[:, np.newaxis] - Z @ curve
        assert (residuals**2).mean(axis=0) == pytest.approx(of.minimum + height, rel=1e-9)


def test_standardised_the_gradient_is_at_right_angles_to_its_level_set(app):
    for X, y in (LINE, PLANE):
        of = app.problem("standardised", app.standardised(X), y)
        path = of.J.descend(np.zeros(X.shape[1] + 1), 0.3 * of.limit, max_iter=100)
        axes = Figure().subplots()
        app.draw_levels(of, path, 1, axes)
        point = path.points[1, -2:]
        line = next(line for line in axes.lines if line.get_label() == "level set of the point").get_xydata()
        near = line[np.argsort(np.linalg.norm(line - point, axis=1))[:2]]
        tangent = (near[1] - near[0]) / np.linalg.norm(near[1] - near[0])
        arrow = np.subtract(axes.texts[0].xy, axes.texts[0].xyann)
        direction = arrow / np.linalg.norm(arrow)
        assert abs(direction @ tangent) < 0.02
        assert direction @ (of.solution[-2:] - point) > 0
        assert axes.get_aspect() == 1


def test_of_many_rows_a_picture_shows_some(app):
    assert app.spread_rows(3).tolist() == [0, 1, 2]
    some = app.spread_rows(10_000)
    assert len(some) == len(set(some)) == app.MOST_POINTS
    assert (some[0], some[-1]) == (0, 9999)


def tell_everything(app, X, y, share, momentum):
    """What the page draws and says of these data, at the start and at the end."""
    names = [f"$x_{k}^" for k in range(X.shape[1])] + ["<y>"]
    problems = app.problem("raw", X, y), app.problem("standardised", app.standardised(X), y)
    paths = [
        of.J.descend(np.zeros(of.J.n_parameters), share * of.limit, momentum=momentum, max_iter=app.LAST)
        for of in problems
    ]
    for step in (0, app.LAST):
        places = [min(step, app.last_finite(path)) for path in paths]
        thetas = [path.points[k] for path, k in zip(paths, places, strict=True)]
        app.picture("the fit", lambda ax, thetas=thetas: app.draw_fit(problems, thetas, (X, y), names, ax))
        app.picture("J over the steps", lambda ax, step=step: app.draw_losses(problems, paths, step, ax))
        for each in zip(problems, paths, places, strict=True):
            app.picture("level sets", lambda ax, each=each: app.draw_levels(*each, ax))
            app.picture("modes", lambda ax, each=each: app.draw_modes(*each, ax))
            told = app.in_words(*each[:2], momentum) + app.mode_table(*each, momentum) + app.model(*each)
            told += app.written_out(*each, momentum) + app.caption(each[0])
            assert "nan" not in told.replace("an infinite", "")


@pytest.mark.parametrize(
    ("X", "y", "share", "momentum"),
    [
        (*PLANE, 2.1, 0.0),
        (np.ones((3, 1)), LINE[1], 1.0, 0.0),
        (np.array([[1.0], [3.0]]), np.array([2.0, 5.0]), 0.5, 0.95),
    ],
)
def test_edges_neither_raise_nor_warn(app, X, y, share, momentum):
    tell_everything(app, X, y, share, momentum)


@pytest.mark.slow  # draws 600 pictures
@pytest.mark.parametrize("share", [0.01, 1.0, 2.1])
@pytest.mark.parametrize("momentum", [0.0, 0.95])
@pytest.mark.parametrize(("X", "y"), STATES)
def test_no_state_raises_or_warns(app, X, y, share, momentum):
    tell_everything(app, X, y, share, momentum)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with served(APP, tmp_path_factory.mktemp("marimo")) as address:
        yield address


@pytest.fixture(scope="module")
def chromium():
    with chromium_started() as program:
        yield program


@pytest.fixture
def visit(address, chromium):
    with visits(chromium, address, ready=PICTURES[-1]) as visit:
        yield visit


def press(page, slider, key, times=1):
    for _ in range(times):
        page.get_by_role("slider").nth(slider).press(key)


def changed(page, act, names=PICTURES):
    """Wait until an act has changed pictures."""
    from playwright.sync_api import expect

    before = {name: page.get_by_alt_text(name, exact=True).get_attribute("src") for name in names}
    act()
    for name, source in before.items():
        expect(page.get_by_alt_text(name, exact=True)).not_to_have_attribute("src", source)


def paste(page, text):
    page.get_by_label("data: a row a line").fill(text)


@browser
def test_the_worked_example(visit):
    from playwright.sync_api import expect

    page = visit()
    for name in PICTURES:
        expect(page.get_by_alt_text(name, exact=True)).to_be_visible()
    expect(page.get_by_text("5,556,164 steps").first).to_be_visible()  # raw; standardised it takes 3
    expect(page.get_by_text("after 3 steps")).to_be_visible()
    expect(page.get_by_text("= −2/15 · 405.58 = −54.0773")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


@browser
def test_the_axis_of_the_rate_is_marked(visit):
    from playwright.sync_api import expect

    page = visit()
    press(page, 0, "ArrowRight", 10)
    expect(page.get_by_text("η = 0.5 · 2/L, which is 0.0001178 raw and 0.5 standardised")).to_be_visible()
    thumb, mark = (place.bounding_box() for place in (page.get_by_role("slider").first, page.get_by_text("1/L").first))
    assert thumb["x"] + thumb["width"] / 2 == pytest.approx(mark["x"] + mark["width"] / 2, abs=2)
    press(page, 1, "End")
    expect(page.locator(".marks")).to_contain_text("2(1+β)/L")
    expect(page.get_by_text("2(1 + β)/L = 1.95")).to_be_visible()


@browser
def test_every_slider_moves_the_pictures(visit):
    from playwright.sync_api import expect

    page = visit()
    for slider in (0, 1):
        changed(page, lambda slider=slider: press(page, slider, "ArrowRight", 2))
    changed(page, lambda: press(page, 2, "ArrowRight"))
    expect(page.get_by_text("Step 2 → 3 in numbers, raw")).to_be_visible()
    press(page, 0, "End")
    press(page, 2, "End")
    expect(page.get_by_text("the descent diverges: each step the error of mode 1").first).to_be_visible()
    page.get_by_role("switch").click()
    expect(page.get_by_role("slider")).to_have_count(5)
    changed(page, lambda: press(page, 0, "End"))
    changed(page, lambda: press(page, 1, "End"))
    expect(page.get_by_text("N = 16").first).to_be_visible()


@browser
def test_play_and_pause(visit):
    from playwright.sync_api import expect

    page = visit()
    page.get_by_role("button", name="play").click()
    expect(page.get_by_text(re.compile("Step ([4-9]|[0-9]{2,}) →")).first).to_be_visible()
    page.get_by_role("button", name="pause").click()
    expect(page.get_by_role("button", name="play")).to_be_visible()
    page.wait_for_timeout(1500)  # what was on its way has arrived
    told = page.get_by_text("in numbers, raw").inner_text()
    page.wait_for_timeout(1500)
    assert page.get_by_text("in numbers, raw").inner_text() == told


@browser
def test_data_of_the_reader(visit, tmp_path):
    from playwright.sync_api import expect

    page = visit()
    page.get_by_role("button", name="girth, height and volume").click()
    expect(page.get_by_text("with the best θ₀ for each").first).to_be_visible()
    changed(page, lambda: page.get_by_label("x₂").select_option(index=0))
    expect(page.get_by_text("with the best θ₀ for each")).to_have_count(0)
    for text, says in (("", "no data"), ("1;2\n3;5,5", "Line 2: “5,5”"), ("<b>,y\n0,1\n1,<i>", "Line 3: “<i>”")):
        paste(page, text)
        expect(page.get_by_role("alert")).to_contain_text(says)
        expect(page.get_by_alt_text("the fit")).to_be_visible()
    changed(page, lambda: paste(page, "<b>$x^,y\n1,2\n1,5"))
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.get_by_label("x₁").locator("option:checked")).to_have_text("<b>$x^")
    (tmp_path / "mine.csv").write_text("a;b\n1;2\n3;4\n6;5\n")
    changed(page, lambda: page.locator("input[type=file]").set_input_files(tmp_path / "mine.csv"))
    expect(page.get_by_text("N = 3").first).to_be_visible()


@browser
@pytest.mark.parametrize("text", [None, "a,b,c\n1,3,4\n2,3,5\n3,3,9", "a line that is not a table " * 20])
def test_a_telephone_does_not_scroll_sideways(visit, text):
    page = visit(width=390)
    if text is not None:
        paste(page, text)
        page.wait_for_timeout(1000)
    press(page, 1, "End")
    page.get_by_role("switch").click()
    page.wait_for_timeout(1000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate(SCROLLERS) == []
    for name in PICTURES:
        assert page.get_by_alt_text(name, exact=True).bounding_box()["width"] <= 390
