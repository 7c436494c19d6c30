"""The page with the gradient: it runs as a script, and a browser shows a student what it should."""

import re
from html import unescape

import numpy as np
import pytest
from pages import EXAMPLES, SCROLLERS, as_module, chromium_started, run_as_a_script, served, visits

pytest.importorskip("sympy")
pytest.importorskip("matplotlib")

from matplotlib.figure import Figure

from gdlearn.symbolic import SymbolicFunction
from gdlearn.symbolic._functions import CONSTANTS, FUNCTIONS

APP = EXAMPLES / "interactive_gradient.py"
LONG = "exp(sin(x*y)*cos(x + y))*ln(x**2 + y**2 + 1)/(sqrt(x**2 + 1) + tanh(x*y**3))"
browser = pytest.mark.browser


@pytest.mark.slow  # starts Python with all that the page needs
def test_runs_as_a_script(tmp_path):
    run_as_a_script(APP, tmp_path)


@pytest.fixture(scope="module")
def app():
    """The page as a module, with the functions that its cells call."""
    return as_module(APP)


def test_the_page_lists_the_functions_that_can_be_typed(app):
    assert set(re.findall(r"[a-z]+[0-9]*", app.FUNCTIONS)) - {"or", "the", "numbers", "and"} == {
        *FUNCTIONS,
        *CONSTANTS,
    }


def test_every_example_of_the_page_can_be_read(app):
    assert all(SymbolicFunction(example).partials for example in app.EXAMPLES)


def test_the_derivative_of_one_variable_has_a_prime_and_no_gradient(app):
    alone, together = (app.gradient(SymbolicFunction(text)) for text in ("5x + 3x^2", "y*x"))
    assert r"f(x) &= 5 x + 3 x^{2}" in alone
    assert r"f'(x) &= 5 + 6 x" in alone
    assert r"\nabla" not in alone
    assert r"\partial" not in alone
    assert r"\nabla" in together
    assert "f'" not in together


@pytest.mark.parametrize(
    ("text", "point", "says"),
    [
        ("ln(x)", {"x": 1.0}, []),
        ("ln(x - 1)", {"x": -1.0}, ["f is not defined at", "x = -1", "x - 1 > 0"]),
        ("1/(x*y)", {"x": 0.0, "y": 2.0}, ["f is not defined at", r"x = 0,\ y = 2", r"x \neq 0"]),
        ("abs(x)", {"x": 0.0}, ["The rules do not differentiate f at", "x = 0", r"x \neq 0"]),
        ("sqrt(x)", {"x": -2.5}, ["f is not defined at", "x = -2.5", r"x \geq 0"]),
    ],
)
def test_one_sentence_outside_the_domain_in_mathematics(app, text, point, says):
    refused = app.outside(SymbolicFunction(text), point)
    assert (refused is None) == (not says)
    html = "" if refused is None else refused.text
    assert html.count("role='alert'") == bool(says)
    assert all(part in unescape(html) for part in says)
    assert "sqrt(" not in html
    assert "!=" not in html


def test_steps_on_the_page_name_u_in_mathematics(app):
    html = app.derivation(SymbolicFunction("sin(y*x) + 3"), "x").text
    assert "chain rule with" in html
    assert r"u = y x, \quad \frac{d}{d u}\left[\sin{\left(u \right)}\right] = \cos{\left(u \right)}" in unescape(html)
    assert "put together" in html
    assert "simplify" not in app.derivation(SymbolicFunction("x^2"), "x").text


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("x**2*y + sin(x*y)", {"x": 1.0, "y": 2.0}),
        ("ln(x) + y", {"x": 0.5, "y": -1.0}),
        ("1/(x*y)", {"x": 0.4, "y": 3.0}),
        ("3x - 4y", {"x": 5.0, "y": -5.0}),
    ],
)
def test_the_gradient_at_a_point_is_at_right_angles_to_the_level_line(app, text, point):
    f, theta = SymbolicFunction(text), np.array([*point.values()])
    axes = Figure().subplots()
    app.draw_near(f, point, 45, axes)
    line = axes.collections[-1]  # drawn last, over the colours
    vertices = np.concatenate([path.vertices for path in line.get_paths()])
    near = vertices[np.linalg.norm(vertices - theta, axis=1) < 0.12]
    tangent = np.linalg.svd(near - theta)[2][0]
    gradient = f.gradient_at(theta)
    assert abs(tangent @ gradient) < 0.1 * np.linalg.norm(gradient)
    assert {note.get_text() for note in axes.texts} >= {"∇f", "u"}


@pytest.mark.parametrize("text", ["x + y - x", "0*x + y - y", "max(0, x - 9) + 0*y"])
def test_a_function_that_is_level_has_a_picture_too(app, text):
    axes = Figure().subplots()
    app.draw_near(SymbolicFunction(text, ["x", "y"]), {"x": 1.0, "y": 2.0}, 0, axes)
    assert axes.get_xlabel() == "x"


def test_the_slope_in_a_direction_is_said(app):
    f, point = SymbolicFunction("x**2*y + sin(x*y)"), {"x": 1.0, "y": 2.0}
    for degrees, slope in ((0, "3.16771"), (90, "0.583853"), (180, "-3.16771")):
        assert f"D_u f = \\nabla f \\cdot u = {slope}" in unescape(app.slope_along(f, point, degrees).text)


def test_the_descent_has_a_start_an_end_and_numbers_on_its_levels(app):
    f = SymbolicFunction("x**2 + 4*y**2")
    path = f.descend([2.0, 1.0], 0.1, max_iter=9)
    axes = Figure().subplots()
    app.draw_path(f, path, axes)
    start, end = (line.get_xydata()[0] for line in axes.lines[-2:])
    assert start.tolist() == [2.0, 1.0]
    assert end.tolist() == path.points[-1].tolist()
    assert len(axes.texts) > 3


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
    with visits(chromium, address, ready="the descent") as visit:
        yield visit


def see(page, *latex):
    """Wait until KaTeX has set a formula that contains all of these, whatever the spaces between."""
    from playwright.sync_api import expect

    for part in latex:
        pattern = re.compile(r"\s*".join(re.escape(letter) for letter in part if letter != " "))
        expect(page.locator(".katex annotation").first).to_have_text(pattern)
    expect(page.locator(".katex-html").first).to_be_visible()


def write(page, text, field="function"):
    page.get_by_label(field).fill(text)


def alert(page, *texts):
    """Wait until the page shows an error that contains all of these."""
    from playwright.sync_api import expect

    for text in texts:
        expect(page.get_by_role("alert").first).to_contain_text(text)


@browser
def test_worked_example(visit):
    from playwright.sync_api import expect

    page = visit()
    see(page, r"x^{2} y + \sin{\left(x y \right)}")
    see(page, r"2 x y + y \cos{\left(x y \right)}", r"x^{2} + x \cos{\left(x y \right)}")
    expect(page.get_by_text("power rule").first).to_be_visible()
    expect(page.get_by_text("everywhere")).to_be_visible()
    expect(page.get_by_role("table")).to_contain_text("(3.16771, 0.583853)")
    expect(page.get_by_role("table")).to_contain_text("agree")
    expect(page.get_by_text("smallest: from here on rounding takes over")).to_have_count(2)
    expect(page.get_by_role("alert")).to_have_count(0)


@browser
def test_another_function(visit):
    from playwright.sync_api import expect

    page = visit()
    write(page, "ln(x - 1) + y**2/x")
    see(page, r"\frac{2 y}{x}\end{gathered}")
    alert(page, "f is not defined at", "does not hold that")
    write(page, "x**3")
    see(page, r"f'(x) &= 3 x^{2}")
    expect(page.get_by_role("slider")).to_have_count(1 + 3)
    expect(page.get_by_alt_text("the descent")).to_be_visible()
    write(page, "x*y*z")
    expect(page.get_by_role("slider")).to_have_count(3 + 3)
    expect(page.get_by_text("Level sets are drawn for two variables, and f has 3.")).to_be_visible()
    expect(page.get_by_alt_text("the value of f against the step")).to_be_visible()
    write(page, "z, y, x", field="variables")
    see(page, "f(z, y, x)")


@browser
def test_text_that_cannot_be_read(visit):
    from playwright.sync_api import expect

    page = visit()
    write(page, "x**2 +* y")
    alert(page, "(column 7).", "    x**2 +* y\n          ^", "Below is still")
    caret = page.get_by_role("alert").locator("pre")
    assert caret.evaluate("pre => getComputedStyle(pre).whiteSpace").startswith("pre")
    assert "mono" in caret.evaluate("pre => getComputedStyle(pre).fontFamily").lower()
    see(page, r"2 x y + y \cos{\left(x y \right)}")
    write(page, "x**2 + y")
    expect(page.get_by_role("alert")).to_have_count(0)
    see(page, r"\begin{gathered}2 x\\[1ex] 1\end{gathered}")


@browser
@pytest.mark.parametrize("text", ["<img src=x onerror=alert(1)>", "</pre><script>alert(1)</script>", "$x$ **y** `z`"])
def test_text_is_shown_letter_by_letter(visit, text):
    page = visit()
    write(page, text)
    alert(page, text)
    write(page, "x*y")
    write(page, text, field="variables")
    alert(page, f"'{text}' cannot be the name of a variable.")
    assert page.locator("img[src=x]").count() == 0


@browser
def test_outside_the_domain(visit):
    from playwright.sync_api import expect

    page = visit()
    write(page, "ln(x)")
    see(page, r"\frac{1}{x}")
    page.get_by_role("slider").first.press("Home")
    alert(page, "f is not defined at", "does not hold that")
    expect(page.get_by_role("alert")).to_have_count(1)
    expect(page.get_by_role("table")).to_have_count(0)
    page.get_by_role("slider").first.press("End")
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.get_by_role("table")).to_contain_text("(0.2)")


@browser
def test_odd_functions(visit):
    page = visit()
    for text in ("", "3", "x/0", "x, y", "x +", "(" * 300, "9**9**9*x", "sin(é)", "x" * 5000):
        write(page, text)
        alert(page, "(column" if text != "3" else "no variable")
        see(page, "x^{2} y")
    assert "Traceback" not in page.inner_text("body")


@browser
def test_sliders(visit):
    from playwright.sync_api import expect

    page = visit()
    thumb, picture = page.get_by_role("slider").first, page.get_by_alt_text("the descent")
    before = picture.get_attribute("src")
    thumb.scroll_into_view_if_needed()
    place = thumb.bounding_box()
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 90, y, steps=9)
    page.mouse.up()
    expect(page.get_by_role("table")).not_to_contain_text("(3.16771, 0.583853)")
    expect(picture).not_to_have_attribute("src", before)
    moved = float(thumb.get_attribute("aria-valuenow"))
    assert moved < 0

    before = picture.get_attribute("src")
    write(page, "x + 10y")
    expect(picture).not_to_have_attribute("src", before)  # it is drawn after the sliders, which stay where they are
    expect(thumb).to_have_attribute("aria-valuenow", f"{moved:g}")
    expect(page.get_by_role("table")).to_contain_text(re.compile(rf"value\s*{moved + 20:g}\s*gradient"))
    page.get_by_role("slider").nth(1).press("Home")
    expect(page.get_by_role("table")).to_contain_text(re.compile(rf"value\s*{moved - 50:g}\s*gradient"))

    near = page.get_by_alt_text("f around the point")
    around = near.get_attribute("src")
    page.get_by_role("slider").nth(2).press("End")
    expect(near).not_to_have_attribute("src", around)  # the direction has turned, by 355 degrees

    for number, key in ((3, "ArrowLeft"), (4, "End"), (5, "ArrowLeft")):  # learning rate, momentum, steps
        before = picture.get_attribute("src")
        page.get_by_role("slider").nth(number).press(key)
        expect(picture).not_to_have_attribute("src", before)
    before = picture.get_attribute("src")
    page.get_by_role("switch").click()
    expect(picture).not_to_have_attribute("src", before)


@browser
@pytest.mark.parametrize("text", ["x**2*y + sin(x*y)", "ln(x) + y**2/x", LONG, "x**2 +* y" * 20])
def test_a_telephone_does_not_scroll_sideways(visit, text):
    from playwright.sync_api import expect

    page = visit(width=390)
    write(page, text)
    if text.endswith("* y"):
        alert(page, "column")
    else:
        expect(page.get_by_role("alert")).to_have_count(0)
        see(page, r"\frac{\partial f}{\partial y}")
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate(SCROLLERS) == []
    for name in ("the descent", "the value of f against the step"):
        assert page.get_by_alt_text(name).bounding_box()["width"] <= 390
