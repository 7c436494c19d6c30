"""Type a function and see its gradient: marimo run examples/interactive_gradient.py (needs gdlearn[app])."""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="The gradient, step by step")

with app.setup:
    from base64 import b64encode
    from html import escape
    from io import BytesIO

    import marimo as mo
    import numpy as np
    import sympy
    from matplotlib.figure import Figure

    from gdlearn.inspection import DescentPathDisplay, LossCurveDisplay
    from gdlearn.symbolic import SymbolicFunction, latex

    EXAMPLES = ["x**2*y + sin(x*y)", "(x + 2)/(x - 3)", "exp(-x^2)", "ln(1 - x^2 - y^2)", "(1 - x)^2 + 10(y - x^2)^2"]
    FUNCTIONS = """
    exp, ln (or log), log10, sqrt, cbrt, abs, sign, erf, min, max;
    sin, cos, tan, cot, sec, csc, asin (or arcsin), acos (or arccos), atan (or arctan);
    sinh, cosh, tanh, coth, sech, csch, asinh, acosh, atanh; the numbers pi and e
    """
    FARTHEST = 5
    REACH = 1.5
    """How far the picture at a point reaches, to each side."""
    RATES = [float(f"{factor}e{power}") for power in range(-4, 1) for factor in (1, 1.5, 2, 3, 5, 7)]
    STEPS = [*range(1, 11), 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 1000]


@app.cell(hide_code=True)
def _():
    mo.md("""
    # The gradient, step by step

    Type a function of real variables. You get its partial derivatives by the rules of the textbook, where they hold,
    what they say at a point, and the way that gradient descent goes from there.
    <style>
    .beside {display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 0.75rem 2rem}
    .beside > div {min-width: 0}
    .beside img {width: 100%; max-width: 34rem}
    .box {border: 1px solid var(--border); border-radius: 0.5rem; padding: 0.5rem 1rem}
    .box.refusal {border-left: 0.3rem solid var(--red-9, #d33); border-radius: 0}
    .box summary {cursor: pointer; font-weight: 600}
    .box summary .markdown, .box summary .paragraph, .box.refusal .paragraph {display: inline}
    .rule .markdown, .rule .paragraph {display: inline}
    .box ol {margin: 0.5rem 0 0; padding-left: 1.5rem; list-style: decimal}
    .formula, .letters {overflow-x: auto; overflow-y: hidden; --shade: rgba(110, 110, 110, 0.45);
        background: linear-gradient(to right, var(--background) 40%, transparent) left,
            linear-gradient(to left, var(--background) 40%, transparent) right,
            linear-gradient(to right, var(--shade), transparent) left,
            linear-gradient(to left, var(--shade), transparent) right;
        background-size: 2.5rem 100%, 2.5rem 100%, 0.8rem 100%, 0.8rem 100%; background-repeat: no-repeat;
        background-attachment: local, local, scroll, scroll}
    .letters {font-size: 0.85rem; margin: 0; padding: 0}
    </style>
    """)
    return


@app.function
def formula(latex):
    """LaTeX on a line of its own, as HTML."""
    return f"<div class='formula'>{mo.md(f'$${latex}$$').text}</div>"


@app.function
def latex_name(name):
    """A variable in LaTeX."""
    return latex(sympy.Symbol(name))


@app.function
def partial_sign(f, name):
    """f′(x), or ∂f/∂ of a variable if there are several, in LaTeX."""
    x = latex_name(name)
    return rf"f'({x})" if len(f.variables) == 1 else rf"\frac{{\partial f}}{{\partial {x}}}"


@app.function
def inline(latex):
    """LaTeX within a line, as HTML."""
    return mo.md(f"${latex}$").text


@app.function
def letters(text):
    """Text as HTML that shows it letter by letter, whatever it contains."""
    return f"<pre class='letters'>{escape(str(text))}</pre>"


@app.function
def refusal(html):
    """HTML in the place of what could not be shown."""
    return mo.Html(f"<div class='box refusal' role='alert'>{html}</div>")


@app.function
def box(title, html, *, is_open=True):
    """HTML under a title that opens and closes it."""
    return mo.Html(f"<details class='box'{' open' * is_open}><summary>{title}</summary>{html}</details>")


@app.function
def beside(*items):
    """Items side by side where there is room, else one below the other."""
    return mo.Html(f"<div class='beside'>{''.join(f'<div>{mo.as_html(item).text}</div>' for item in items)}</div>")


@app.function
def made(make):
    """What is made, or why it cannot be: a DomainError, as a rule."""
    try:
        return make()
    except ValueError as error:
        return refusal(escape(str(error)))


@app.cell
def _():
    chosen, choose = mo.state(EXAMPLES[0])
    return choose, chosen


@app.cell
def _(choose):
    shown = mo.ui.array([mo.ui.button(label=f"`{each}`", value=each, on_change=choose) for each in EXAMPLES])
    mo.vstack(
        [mo.hstack(["Examples:", *shown], justify="start", wrap=True), box("Functions", FUNCTIONS, is_open=False)]
    )
    return


@app.cell
def _(chosen):
    text = mo.ui.text(chosen(), label="function", debounce=300, full_width=True)
    order = mo.ui.text(placeholder="by the alphabet", label="variables", debounce=300, full_width=True)
    beside(text, order)
    return order, text


@app.cell
def _():
    # What outlives a change of the text: the last function that could be read, and where each variable stood.
    last = {}
    stood = {"x": 1.0, "y": 2.0}
    return last, stood


@app.cell
def _(last, order, text):
    try:
        f = SymbolicFunction(text.value, [name.strip() for name in order.value.split(",")] if order.value else None)
        if not f.variables:
            raise ValueError("There is no variable in the text: name one in the other field.")
        notes = "".join(f"<small>{escape(note)}</small>" for note in f.notes)
        last["f"], complaint = f, mo.Html(notes) if notes else None
    except ValueError as error:
        reason, _, place = str(error).partition("\n")
        f, complaint = (
            last["f"],
            refusal(
                f"{escape(reason)}{letters(place)}<small>Below is still the last function that could be read.</small>"
            ),
        )
    mo.output.replace(complaint)
    return (f,)


@app.function
def gradient(f):
    """The function and its gradient, of one variable its derivative, one below the other in LaTeX."""
    of = ", ".join(map(latex_name, f.variables))
    partials = [partial_sign(f, name) for name in f.variables]
    found = [f.steps(name)[-1].latex() for name in f.variables]
    rows = [rf"f({of}) &= {f.notation.latex(f.expression)}"]
    if len(found) == 1:
        rows.append(rf"{partials[0]} &= {found[0]}")
    else:
        column = r" \\[1ex] ".join(found)
        rows.append(rf"\nabla f({of}) &= \left({', '.join(partials)}\right)^T")
        rows.append(rf"&= \left[\begin{{gathered}}{column}\end{{gathered}}\right]")
    lines = r" \\[2ex] ".join(rows)
    return rf"\begin{{aligned}} {lines} \end{{aligned}}"


@app.cell
def _(f):
    mo.Html(formula(gradient(f)))
    return


@app.function
def listed(conditions):
    """Conditions and their reasons, as HTML."""
    return "".join(f"{formula(c.latex())}<small>{escape(c.reason)}</small>" for c in conditions)


@app.cell
def _(f):
    beside(
        box("Where f is defined", listed(f.domain.defined) or "everywhere"),
        box("Further conditions for the derivatives", listed(f.domain.differentiable) or "none"),
    )
    return


@app.function
def because(step):
    """The rule, and what it used, as HTML."""
    return f"{escape(step.rule)} with {inline(step.reason_latex())}" if step.uses else escape(step.rule)


@app.function
def derivation(f, name):
    """A partial derivative, rule by rule."""
    told = (step for step in f.steps(name) if not step.changes_nothing)
    steps = "".join(f"<li class='rule'>{because(step)}{formula(step.latex())}</li>" for step in told)
    return box(inline(partial_sign(f, name)), f"<ol>{steps}</ol>")


@app.cell
def _(f):
    mo.vstack([mo.md("## Step by step"), beside(*(derivation(f, name) for name in f.variables))])
    return


@app.function
def coordinate(name, value):
    """A slider for one variable, with a field for its number; a drag counts once the slider is let go."""
    return mo.ui.slider(
        *(-FARTHEST, FARTHEST, 0.1),
        value=value,
        label=f"${latex_name(name)}$",
        debounce=True,
        include_input=True,
        full_width=True,
    )


@app.function
def outside(f, theta):
    """One sentence where f has no value at a point, or no gradient; None where it has both."""
    condition = f.domain.violated(theta)
    says = "f is not defined" if condition else "The rules do not differentiate f"
    condition = condition or f.domain.where_differentiable().violated(theta)
    if condition is None or np.isfinite(f.gradient_at(theta, outside="nan")).all():
        return None
    point = r",\ ".join(f"{latex_name(name)} = {value:g}" for name, value in theta.items())
    return refusal(f"{says} at {inline(point)}, for there it does not hold that {inline(condition.latex())}.")


@app.cell
def _(f, stood):
    start = mo.ui.dictionary(
        {name: coordinate(name, stood.get(name, 1.0)) for name in f.variables}, on_change=stood.update
    )
    mo.vstack([mo.md("## At a point"), beside(*start.elements.values())])
    return (start,)


@app.function
def numbers(values):
    """A vector as text."""
    return "(" + ", ".join(f"{value:.6g}" for value in values) + ")"


@app.function
def at_point(f, theta):
    """Value, gradient, steepest ascent and numeric check."""
    direction, slope = f.steepest_ascent(theta)
    check = f.check(theta)
    compared = f"∂f/∂{f.variables[check.worst_coordinate]}" if len(f.variables) > 1 else f"f′({f.variables[0]})"
    return mo.md(f"""
| | |
|:--|:--|
| value | {f(theta):.8g} |
| {"gradient" if len(f.variables) > 1 else "derivative"} | {numbers(f.gradient_at(theta))} |
| steepest ascent | along {numbers(direction)}, at the rate {slope:.6g} |
| finite differences | {check.in_words(compared)} |
""")


@app.function
def slope_along(f, theta, degrees):
    """The slope in a direction, in a sentence."""
    u = np.array([np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))]).round(12)
    slope = f.directional_derivative(theta, u)
    length = np.hypot(*f.gradient_at(theta))
    return mo.md(rf"""
In the direction $u = {numbers(u)}$ the slope is $D_u f = \nabla f \cdot u = {slope:.6g}$: between $-|\nabla f|$ and
$|\nabla f| = {length:.6g}$, and 0 along the level line.
""")


@app.function
def draw_near(f, theta, degrees, ax):
    """f from above around a point: heights in colour, the level line through it, ∇f, and a direction u."""
    point = np.array(list(theta.values()))
    x, y = (np.linspace(value - REACH, value + REACH, 61) for value in point)
    heights = f(np.stack(np.meshgrid(x, y), axis=-1), outside="nan")
    finite = heights[np.isfinite(heights)]
    low, high = np.quantile(finite, [0.03, 0.97])  # a pole must not flatten the rest
    ax.set_facecolor("0.8")  # where f is not defined
    if high > low:
        levels = np.linspace(low, high, 9)
        ax.contourf(x, y, heights, levels, cmap="YlGnBu", alpha=0.6, extend="both")
        ax.clabel(ax.contour(x, y, heights, levels, colors="0.3", linewidths=0.6), fontsize=7)
        ax.contour(x, y, heights, [f(theta)], colors="k", linewidths=1.5)
    gradient = f.gradient_at(theta)
    length = np.hypot(*gradient)
    u = np.array([np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))])
    for arrow, color, name in ((gradient / (length or 1.0), "tab:red", "∇f"), (0.7 * u, "tab:blue", "u")):
        if arrow.any():
            ax.annotate("", point + 0.8 * arrow, point, arrowprops={"arrowstyle": "->", "color": color, "lw": 2})
            ax.annotate(name, point + 0.95 * arrow, color=color, ha="center", va="center")
    ax.plot(*point, "ko", markersize=5)
    ax.set(xlabel=f.variables[0], ylabel=f.variables[1], aspect="equal")


@app.cell
def _(f, start):
    refused = outside(f, start.value)
    refused or made(lambda: at_point(f, start.value))
    return (refused,)


@app.cell
def _(f):
    degrees = mo.ui.slider(
        0, 355, 5, value=0, label="direction $u$, in degrees", debounce=True, include_input=True, full_width=True
    )
    mo.stop(len(f.variables) != 2)
    beside(degrees)
    return (degrees,)


@app.cell
def _(degrees, f, refused, start):
    mo.stop(refused is not None or len(f.variables) != 2)
    made(
        lambda: beside(
            picture("f around the point", lambda ax: draw_near(f, start.value, degrees.value, ax)),
            mo.vstack(
                [
                    slope_along(f, start.value, degrees.value),
                    mo.Html(
                        "<small>Heights in colour, with their numbers; black the level line through the point, to "
                        "which ∇f (red, drawn of length 1) is at right angles; grey where f is not defined.</small>"
                    ),
                ]
            ),
        )
    )
    return


@app.cell
def _():
    rate = mo.ui.slider(
        steps=RATES, value=0.1, label=r"learning rate $\eta$", debounce=True, show_value=True, full_width=True
    )
    momentum = mo.ui.slider(0, 0.95, 0.05, value=0, label="momentum", debounce=True, show_value=True, full_width=True)
    n_steps = mo.ui.slider(steps=STEPS, value=20, label="steps", debounce=True, show_value=True, full_width=True)
    search = mo.ui.switch(label="a line search (backtracking) instead of rate and momentum")
    mo.vstack([mo.md("## Gradient descent from there"), beside(rate, momentum, n_steps), search])
    return momentum, n_steps, rate, search


@app.function
def picture(what, draw):
    """What `draw` draws on axes, as an image; without pyplot, which the sessions of a server would share."""
    figure = Figure(figsize=(5, 4))  # margins of its own: a layout that fits them takes as long as the drawing
    draw(figure.subplots(gridspec_kw={"left": 0.15, "right": 0.97, "bottom": 0.13, "top": 0.92}))
    stream = BytesIO()
    figure.savefig(stream, format="svg")
    return mo.Html(f"<img alt='{what}' src='data:image/svg+xml;base64,{b64encode(stream.getvalue()).decode()}'>")


@app.function
def draw_curve(f, path, ax):
    """The descent along the curve of a function of one variable."""
    near = np.abs(path.points[:, 0]) <= 2 * FARTHEST
    x, values = path.points[near, 0], path.values[near]
    grid = np.linspace(x.min() - 1, x.max() + 1, 400)
    curve = f(grid[:, np.newaxis], outside="nan")
    shown = [*values, *np.nanquantile(curve, [0.05, 0.9])]  # a pole must not flatten the rest
    room = 0.1 * np.ptp(shown) or 1.0
    ax.plot(grid, curve, color="0.6")
    ax.plot(x, values, "o-", markersize=4)
    ax.set(xlabel=f.variables[0], ylabel="f", ylim=(min(shown) - room, max(shown) + room))


@app.function
def draw_path(f, path, ax):
    """The descent over the level sets, with its start, its end and the levels' numbers."""
    display = DescentPathDisplay.from_function(f, [path], ax=ax)
    for contours in display.contours_:
        ax.clabel(contours, fontsize=7)
    shown, limits = path.points[np.isfinite(path.points).all(axis=1)], ax.axis()
    ax.plot(*shown[0], "o", color="k", markerfacecolor="w", markersize=8)
    ax.plot(*shown[-1], "k*", markersize=10)
    ax.axis(limits)  # an end far away is not seen


@app.function
def from_above(f, path):
    """The descent in a picture, if f has one."""
    if len(f.variables) > 2:
        return mo.md(f"Level sets are drawn for two variables, and f has {len(f.variables)}.")
    if len(f.variables) == 1:
        return picture("the descent", lambda ax: draw_curve(f, path, ax))
    drawn = picture("the descent", lambda ax: draw_path(f, path, ax))
    says = "Level sets in grey, the steps in blue from circle to star, −∇f in orange; shaded where f is not defined."
    return mo.Html(f"{drawn.text}<small>{says}</small>")


@app.function
def descent(f, path):
    """The way down in a sentence and in pictures."""
    values = picture("the value of f against the step", lambda ax: LossCurveDisplay.from_paths([path], ax=ax))
    return mo.vstack([mo.Html(f"<p>{escape(path.message)}</p>"), beside(from_above(f, path), values)])


@app.cell
def _(f, momentum, n_steps, rate, refused, search, start):
    mo.stop(refused is not None)
    asked = ("backtracking", 0.0) if search.value else (rate.value, momentum.value)
    made(lambda: descent(f, f.descend(start.value, asked[0], momentum=asked[1], max_iter=n_steps.value)))
    return


@app.function
def quotients(f, theta):
    """The definition of each partial derivative, in numbers."""
    tables = {name: letters(f.difference_quotients(theta, name)) for name in f.variables}
    boxes = [
        box(inline(partial_sign(f, name)), table, is_open=name == f.variables[0]) for name, table in tables.items()
    ]
    return mo.vstack([mo.md("## The limit of difference quotients"), *boxes])


@app.cell
def _(f, refused, start):
    mo.stop(refused is not None)
    made(lambda: quotients(f, start.value))
    return


if __name__ == "__main__":
    app.run()
