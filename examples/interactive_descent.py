"""Watch a line being fitted to your own data: marimo run examples/interactive_descent.py (needs gdlearn[app])."""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="The descent, on your data")

with app.setup:
    import csv
    import re
    from base64 import b64encode
    from html import escape
    from io import BytesIO
    from typing import NamedTuple

    import marimo as mo
    import matplotlib as mpl
    import numpy as np
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullLocator

    from gdlearn import MeanSquaredError
    from gdlearn.inspection import LossCurveDisplay

    mpl.rcParams["svg.fonttype"] = "none"  # letters of the browser: quicker, and every script has its own
    DATA = {
        "heights and weights": """
            height,weight 58,115 59,117 60,120 61,123 62,126 63,129 64,132 65,135 66,139 67,142 68,146
            69,150 70,154 71,159 72,164
        """,
        "speeds and braking distances": """
            speed,dist 4,2 4,10 7,4 7,22 8,16 9,10 10,18 10,26 10,34 11,17 11,28 12,14 12,20 12,24 12,28
            13,26 13,34 13,34 13,46 14,26 14,36 14,60 14,80 15,20 15,26 15,54 16,32 16,40 17,32 17,40 17,50
            18,42 18,56 18,76 18,84 19,36 19,46 19,68 20,32 20,48 20,52 20,56 20,64 22,66 23,54 24,70 24,92
            24,93 24,120 25,85
        """,
        "girth, height and volume of trees": """
            Girth,Height,Volume 8.3,70,10.3 8.6,65,10.3 8.8,63,10.2 10.5,72,16.4 10.7,81,18.8 10.8,83,19.7
            11.0,66,15.6 11.0,75,18.2 11.1,80,22.6 11.2,75,19.9 11.3,79,24.2 11.4,76,21.0 11.4,76,21.4
            11.7,69,21.3 12.0,75,19.1 12.9,74,22.2 12.9,85,33.8 13.3,86,27.4 13.7,71,25.7 13.8,64,24.9
            14.0,78,34.5 14.2,80,31.7 14.5,74,36.3 16.0,72,38.3 16.3,77,42.6 17.3,81,55.4 17.5,82,55.7
            17.9,80,58.3 18.0,80,51.5 18.0,80,51.0 20.6,87,77.0
        """,
    }
    """R's women, cars and trees."""
    NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
    LARGEST = 1e100
    """The square of a number can be a float64."""
    MOST_ROWS = 10_000
    MOST_POINTS = 1000
    """How many rows a picture shows."""
    LAST = 100
    """Steps of a descent."""
    TICK = 0.5
    """Seconds from step to step."""
    FARTHEST = 2.1
    """The largest η, in units of 2/L: with momentum rates up to 2(1 + β)/L are stable."""
    BLUE, ORANGE, RED, GREY = "#1f77b4", "#ff7f0e", "#d62728", "0.6"
    MODE_COLORS = BLUE, ORANGE, "#2ca02c"
    SIZE = 5, 4
    AXES = 0.19, 0.14, 0.78, 0.77  # of a picture, in parts of it: left, bottom, width, height
    SHAPE = SIZE[0] * AXES[2], SIZE[1] * AXES[3]


@app.cell(hide_code=True)
def _():
    mo.md("""
    # The descent, on your data

    A line $\\hat y = \\theta_0 + \\theta_1 x$ (or, of two features, a plane) is fitted by gradient descent on
    $J = \\frac{1}{N} \\sum_n (y_n - \\hat y_n)^2$, from $\\theta = 0$: on the data as they are (raw) and, beside it, on
    standardised features, each less its mean and divided by its standard deviation. Every step takes all rows.
    <style>
    .beside {display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 0.75rem 2rem}
    .beside > div {min-width: 0}
    .beside img {width: 100%; max-width: 34rem}
    .box {border: 1px solid var(--border); border-radius: 0.5rem; padding: 0.5rem 1rem}
    .box.refusal {border-left: 0.3rem solid var(--red-9, #d33); border-radius: 0}
    .box summary {cursor: pointer; font-weight: 600}
    .wide {overflow-x: auto; font-size: 0.85rem}
    .wide td, .wide th {text-align: right; padding: 0 0.45em; white-space: nowrap}
    .marks {position: relative; height: 1.3rem; margin: -0.4rem 10px 0; font-size: 0.8rem}
    .marks span {position: absolute; transform: translateX(-50%); white-space: nowrap}
    .marks span::before {content: ""; display: block; margin: auto; width: 1px; height: 0.35rem;
        background: currentColor}
    .marks span.below::before {height: 1.35rem}
    .marks:has(.below) {height: 2.3rem}
    </style>
    """)
    return


@app.class_definition
class Table(NamedTuple):
    """The columns of a text: their names, and their numbers as an array of shape (n_rows, n_columns)."""

    names: list
    values: np.ndarray


@app.function
def rows_of(text):
    """(number of its line, cells) for each row of a CSV, separated by tab, semicolon or comma."""
    lines = text.lstrip("\ufeff").splitlines()
    if not any(line.strip(' \t;,"') for line in lines):
        raise ValueError("There are no data: paste rows of numbers, or choose an example.")
    for separator in "\t;,":
        reader = csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True)
        rows = []
        try:
            for row in reader:
                cells = [" ".join(cell.split()) for cell in row]
                if any(cells):
                    rows.append((reader.line_num, cells))
        except csv.Error as error:
            if separator == ",":
                raise ValueError(f"Line {reader.line_num} cannot be read: {error}.") from None
            continue
        if len(rows[0][1]) > 1:
            return rows
    line, cells = rows[0]
    raise ValueError(
        f"Line {line} has one value, {quoted(cells[0])}: a row needs two or more, with a comma, a semicolon or a tab "
        "between them."
    )


@app.function
def quoted(cell):
    """A cell as a message shows it."""
    return f"“{cell if len(cell) <= 40 else cell[:39] + '…'}”"


@app.function
def number_in(cell, line, column):
    """The number that a cell holds."""
    if not cell:
        raise ValueError(f"Line {line}: the value of column {column} is missing.")
    if NUMBER.fullmatch(cell) is None:
        with_point = cell.replace(",", ".")
        hint = f" Write decimals with a point: {with_point}." if NUMBER.fullmatch(with_point) else ""
        raise ValueError(f"Line {line}: {quoted(cell)} in column {column} is not a number.{hint}")
    value = float(cell)
    if abs(value) > LARGEST:
        raise ValueError(f"Line {line}: {quoted(cell)} is too large. This page takes numbers up to {LARGEST:g}.")
    return value


@app.function
def read_table(text):
    """The Table in a CSV with or without a line of names; a ValueError names the line and the value."""
    rows = rows_of(text)
    first, cells = rows[0]
    names = [f"column {k}" for k in range(1, len(cells) + 1)]
    if not any(NUMBER.fullmatch(cell) for cell in cells):
        names = ["".join(c for c in cell if c.isprintable()) or name for cell, name in zip(cells, names, strict=True)]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"Line {first}: two columns are called {quoted(twice)}.")
        rows = rows[1:]
    if not 2 <= len(rows) <= MOST_ROWS:
        raise ValueError(f"Rows of numbers: {len(rows):,}. This page takes from 2 to {MOST_ROWS:,}.")
    for line, row in rows:
        if len(row) != len(names):
            raise ValueError(f"Line {line} has {len(row)} values, and line {first} has {len(names)}.")
    values = [[number_in(cell, line, k) for k, cell in enumerate(row, 1)] for line, row in rows]
    return Table(names, np.array(values))


@app.function
def decoded(contents):
    """The text of a file, in UTF-8 or, as older programs write it, Windows' own alphabet."""
    try:
        return contents.decode("utf-8-sig")
    except UnicodeDecodeError:
        return contents.decode("cp1252", errors="replace")


@app.class_definition
class Problem(NamedTuple):
    """A J, and its modes: the eigenvectors of ∇²J = 2A, along each of which a step multiplies the error by itself."""

    name: str
    J: MeanSquaredError
    root: np.ndarray
    """R with J − min J = ‖R(θ − θ*)‖², triangular."""
    eigenvalues: np.ndarray
    """λ of A, the largest first: those of ∇²J are 2λ."""
    directions: np.ndarray
    """The modes, one a row."""
    solution: np.ndarray
    """θ*, the shortest of the minima."""
    minimum: float

    @property
    def limit(self):
        """2/L, with L = 2λ₁."""
        return 1 / self.eigenvalues[0]


@app.function
def problem(name, X, y):
    """The Problem of rows and targets, by a QR factorisation of the rows, which keeps the digits of small λ."""
    n, p = len(y), X.shape[1] + 1
    R = np.zeros((p + 1, p + 1))
    found = np.linalg.qr(np.column_stack([np.ones(n), X, y]) / np.sqrt(n), mode="r")
    R[: len(found)] = found
    U, s, V = np.linalg.svd(R[:p, :p])
    s[s <= max(n, p) * np.finfo(float).eps * s[0]] = 0  # J does not depend on such a mode
    along = np.divide(U.T @ R[:p, p], s, out=np.zeros(p), where=s > 0)
    lost = U.T @ R[:p, p] * (s == 0)
    minimum = R[p, p] ** 2 + lost @ lost
    return Problem(name, MeanSquaredError(X, y), R[:p, :p], s**2, V, V.T @ along, float(minimum))


@app.function
def standardised(X):
    """Every feature less its mean, divided by its standard deviation; a constant one becomes 0."""
    centred = X - X.mean(axis=0)
    constant = np.ptp(X, axis=0) == 0
    centred[:, constant] = 0
    largest = np.abs(centred).max(axis=0)
    largest[largest == 0] = 1
    unit = centred / largest  # squares of these cannot underflow
    spread = unit.std(axis=0)
    spread[constant | (spread == 0)] = 1
    return unit / spread


@app.function
def mode_errors(of, points):
    """The error θₖ − θ* along each mode, of shape (n_points, n_modes); NaN where it is lost in rounding."""
    with np.errstate(all="ignore"):
        errors = (points - of.solution) @ of.directions.T
        size = np.abs(points).max(axis=1, initial=0, keepdims=True) + np.abs(of.solution).max()
        errors[np.abs(errors) <= 8 * np.finfo(float).eps * size] = np.nan
    return errors


@app.function
def mode_factors(of, rate, momentum):
    """What a step multiplies the error of each mode by: 1 − 2ηλ; with momentum in the long run, and without its sign.

    With momentum β the error is e ← (1 + β − 2ηλ)e − βe′ with e′ the one before: a recurrence whose roots decide.
    """
    plain = 1 - 2 * rate * of.eigenvalues
    if not momentum:
        return plain
    roots = [np.roots([1, -(momentum + f), momentum]) for f in plain]
    return np.array([np.abs(r).max() for r in roots])


@app.function
def steps_to_hundredth(factor):
    """The steps after which an error that each step multiplies by a factor is a hundredth; None if never."""
    size = abs(factor)
    if size >= 1:
        return None
    return 1 if size <= 0.01 else int(np.ceil(np.log(0.01) / np.log(size)))


@app.function
def shown(value, digits=4):
    """A number as text: one next to 1 by its distance from 1, unless that is rounding, and NaN as "rounding"."""
    if np.isnan(value):
        return "rounding"
    away = 1 - value
    if 1e-13 < abs(away) < 10.0**-digits:
        return f"1 {'−' if away > 0 else '+'} {abs(away):.2g}".replace("-", "−")
    text = f"{value:,.0f}" if 10.0**digits <= abs(value) < 1e9 else f"{value:.{digits}g}"
    return text.replace("-", "−")


@app.function
def in_words(of, path, momentum):
    """What this rate does on these data, in numbers."""
    rate, largest = path.learning_rate, of.eigenvalues[0]
    limit = (1 + momentum) * of.limit
    stable = f"2/L = {shown(of.limit)}" if not momentum else f"2(1 + β)/L = {shown(limit)}"
    start = f"λ₁ = {shown(largest)}, so L = 2λ₁ = {shown(2 * largest)}, and the descent is stable below {stable}."
    factors, errors = mode_factors(of, rate, momentum), mode_errors(of, path.points[:1])[0]
    J = f"J went from {shown(path.values[0])} to {shown(path.values[-1])} in {path.n_steps} steps"
    if rate > limit * (1 + 1e-9):
        what = "grows by" if momentum else "is multiplied by"
        flip = "" if momentum else ": it changes sign and grows"
        if np.isnan(errors[0]):
            return f"{start} η = {shown(rate)} is beyond it, but mode 1 has no error that could grow."
        return (
            f"{start} η = {shown(rate)} is beyond it, and the descent diverges: each step the error of mode 1 {what} "
            f"{shown(factors[0])}{flip}. {J}{', and then overflowed' if path.n_steps < LAST else ''}."
        )
    if rate >= limit * (1 - 1e-9):
        return f"{start} η is this limit: the error of mode 1 keeps its size for ever."
    alive = [k for k, e in enumerate(errors) if np.isfinite(e) and of.eigenvalues[k] > 0]
    if not alive:
        return f"{start} The start is already a minimum."
    slowest = max(alive, key=lambda k: abs(factors[k]))
    steps = steps_to_hundredth(factors[slowest])
    wait = "more steps than float64 can tell" if steps is None else f"{steps:,} step{'s' * (steps != 1)}"
    kind = "its factor is" if not momentum else "in the long run its factor is"
    return (
        f"{start} η = {shown(rate)} is stable. Mode {slowest + 1} is the slowest "
        f"(λ = {shown(of.eigenvalues[slowest])}): {kind} {shown(factors[slowest])}, and a hundredth of its error is "
        f"left after {wait}."
    )


@app.function
def last_finite(path):
    """The last step at which θ and J are numbers."""
    good = np.isfinite(path.values) & np.isfinite(path.points).all(axis=1)
    return int(np.flatnonzero(good)[-1])


@app.function
def refusal(text):
    """Text in the place of what could not be shown."""
    return mo.Html(f"<div class='box refusal' role='alert'>{escape(text)}</div>")


@app.function
def box(title, html, *, is_open=True):
    """HTML under a title that opens and closes it."""
    return mo.Html(f"<details class='box'{' open' * is_open}><summary>{title}</summary>{html}</details>")


@app.function
def beside(*items):
    """Items side by side where there is room, else one below the other."""
    return mo.Html(f"<div class='beside'>{''.join(f'<div>{mo.as_html(item).text}</div>' for item in items)}</div>")


@app.function
def picture(what, draw):
    """What `draw` draws on axes, as an image; without pyplot, which the sessions of a server would share."""
    figure = Figure(figsize=SIZE)
    ax = figure.add_axes(AXES)
    draw(ax)
    ax.set_title(ax.get_title(), y=1.02)  # matplotlib would measure every letter to find places for these three
    ax.xaxis.set_label_coords(0.5, -0.1)
    ax.yaxis.set_label_coords(-0.17, 0.5)
    stream = BytesIO()
    figure.savefig(stream, format="svg", dpi=150)
    return mo.Html(f"<img alt='{what}' src='data:image/svg+xml;base64,{b64encode(stream.getvalue()).decode()}'>")


@app.function
def label(name):
    """A name as matplotlib shows it letter by letter."""
    return (name if len(name) <= 24 else name[:23] + "…").replace("$", r"\$")


@app.function
def predictions(of, X, theta, bounds):
    """ŷ of the rows, those far outside the picture at its far edge."""
    low, high = bounds
    room = 2 * (high - low)
    with np.errstate(all="ignore"):
        return np.clip(np.nan_to_num(theta[0] + X @ theta[1:], nan=high + room), low - room, high + room)


@app.function
def spread_rows(n):
    """As many rows as a picture shows, from the first to the last."""
    return np.arange(n) if n <= MOST_POINTS else np.linspace(0, n - 1, MOST_POINTS).astype(int)


@app.function
def padded(values, part):
    """The ends of an axis that has room beside the values."""
    low, high = float(np.min(values)), float(np.max(values))
    room = part * (high - low) or part * abs(high) or 1.0
    return low - room, high + room


@app.function
def joined(first, second):
    """Two coordinates of many separate lines, as one line with gaps, which is drawn faster."""
    return np.column_stack([first, second, np.full(len(first), np.nan)]).ravel()


@app.function
def draw_fit(problems, thetas, rows, names, ax):
    """The points with their residuals: over x with the lines, or, of two features, over ŷ with its diagonal."""
    X, y = rows
    some = spread_rows(len(y))
    is_near = np.abs(y).min() <= 5 * np.ptp(y)  # ŷ = 0, where the descent starts
    bounds = padded([*y, 0.0] if is_near else y, 0.15 if is_near else 0.4)
    (raw, scaled), (theta, other) = problems, thetas
    fits = [predictions(raw, X, theta, bounds), predictions(scaled, standardised(X), other, bounds)]
    dots = {"markersize": 4 if len(y) < 200 else 2, "alpha": 0.8, "linestyle": "none", "marker": "o"}
    dots["rasterized"] = len(y) > 200  # else the picture is so large that the browser is slow
    if X.shape[1] == 1:
        x = X[:, 0]
        ends = [np.argmin(x), np.argmax(x)]
        ax.plot(joined(x[some], x[some]), joined(y[some], fits[0][some]), color=RED, lw=0.6, label="residuals")
        ax.plot(x[some], y[some], color="k", **dots)
        best = raw.solution[0] + x[ends] * raw.solution[1]
        ax.plot(x[ends], best, "--", color=GREY, label="least squares")
        ax.plot(x[ends], fits[0][ends], color=BLUE, lw=2, label="raw")
        ax.plot(x[ends], fits[1][ends], color=ORANGE, lw=2, label="standardised")
        ax.set(xlabel=label(names[0]), xlim=padded(x, 0.05))
    else:
        ax.plot(bounds, bounds, "--", color=GREY, label="y = ŷ")
        fit = fits[0][some]
        ax.plot(joined(fit, fit), joined(y[some], fit), color=RED, lw=0.4, label="residuals")
        for fit, color, name in zip(fits, (BLUE, ORANGE), ("raw", "standardised"), strict=True):
            ax.plot(fit[some], y[some], color=color, label=name, **dots)
        ax.set(xlabel="ŷ", xlim=bounds)
    ax.set(ylabel=label(names[-1]), ylim=bounds)
    ax.locator_params(nbins=4)
    ax.legend(fontsize=8, loc="upper left")


@app.function
def window(path, solution, square):
    """The sides of a picture that shows the start, the minimum, and where the descent is no higher than it began."""
    with np.errstate(invalid="ignore"):
        low_enough = path.values <= path.values[0]
    shown_points = np.vstack([path.points[low_enough, -2:], solution])
    low, high = shown_points.min(axis=0), shown_points.max(axis=0)
    half = 0.75 * (high - low)
    half[half == 0] = half.max() or 1.0
    if square:  # one scale for both axes
        half = np.array(SHAPE) * (half / SHAPE).max()
    middle = (low + high) / 2
    return middle - half, middle + half


@app.function
def level_sets(root, solution, heights, farthest):
    """Points (x, y) of the ellipses on which ‖R(θ − θ*)‖² has given heights; a valley without end has two lines."""
    s, V = np.linalg.svd(root)[1:]
    turn = np.linspace(0, 2 * np.pi, 401)
    circle = np.array([np.cos(turn), np.sin(turn)])
    for height in heights:
        axes = [min(np.sqrt(height) / size, 20 * farthest) if size > 0 else 20 * farthest for size in s]
        yield (solution[:, None] + V.T @ (np.array(axes)[:, None] * circle))


@app.function
def draw_levels(of, path, k, ax):
    """Level sets of J over its last two parameters, the path to step k, and −∇J there.

    Standardised, the picture has one scale for both axes, and −∇J is at right angles to its level set.
    """
    square = of.name == "standardised"
    root = of.root[-2:, -2:]  # of three parameters: J, least over θ₀
    solution, points = of.solution[-2:], path.points[: last_finite(path) + 1, -2:]
    low, high = window(path, solution, square)
    size = high - low
    with np.errstate(all="ignore"):
        heights = ((points - solution) @ root.T) ** 2 @ [1, 1]
    start = heights[0] or 1.0
    for x, y in level_sets(root, solution, start * 4.0 ** np.arange(-5, 3), size.max()):
        ax.plot(x, y, color=GREY, lw=0.7)
    if 0 < heights[k] < 1e3 * start:
        for x, y in level_sets(root, solution, heights[k : k + 1], size.max()):
            ax.plot(x, y, color="k", lw=1.2, label="level set of the point")
    ax.plot(*solution, "k*", markersize=11)
    far = (np.abs(points - low) > 1e5 * size).any(axis=1)  # no renderer holds 10^100 pixels
    trail = points[: min(k, *np.flatnonzero(far), LAST) + 1]
    ax.plot(*trail.T, "o-", color=BLUE, markersize=3, lw=1.2)
    ax.plot(*trail[-1], "o", color=BLUE, markersize=8)
    downhill = -path.gradients[k, -2:] / size
    length = np.hypot(*downhill)
    if np.isfinite(length) and length > 0 and not far[k]:
        tip = points[k] + 0.2 * downhill / length * size
        ax.annotate("", tip, points[k], arrowprops={"arrowstyle": "->", "color": RED, "lw": 2}, annotation_clip=True)
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), title=of.name)
    if square:
        ax.set_aspect("equal")
    ax.set(xlabel=of.J.variables[-2], ylabel=of.J.variables[-1])
    ax.locator_params(nbins=4)


@app.function
def in_powers(ax, low, high):
    """A logarithmic axis with few and plain numbers, which is drawn in a third of the time."""
    ax.set(yscale="log", ylim=(low, high))
    powers = np.arange(np.ceil(np.log10(low)), np.floor(np.log10(high)) + 1)
    powers = powers[:: max(1, int(np.ceil(len(powers) / 4)))]
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set_yticks(10.0**powers, [f"{10.0**power:g}" for power in powers])
    ax.grid(alpha=0.3)


@app.function
def draw_losses(problems, paths, k, ax):
    """J above its minimum over the steps, with a dot at step k."""
    minimum = problems[0].minimum
    display = LossCurveDisplay.from_paths(paths, names=[p.name for p in problems], minimum=minimum, ax=ax)
    start = paths[0].values[0] - minimum
    start = start if start > 0 else 1.0
    for line, color in zip(display.lines_, (BLUE, ORANGE), strict=True):
        line.set_color(color)
        x, y = line.get_data()
        at = min(k, len(x) - 1)
        ax.plot(x[at], y[at], "o", color=line.get_color(), markersize=7)
    ax.legend(fontsize=8)
    ax.set(xscale="linear", xlim=(0, LAST), xticks=(0, 50, 100), title="J over the steps", ylabel="J − min J")
    in_powers(ax, 1e-8 * start, 1e3 * start)


@app.function
def draw_modes(of, path, k, ax):
    """The error of each mode over the steps, as a part of its first error."""
    errors = mode_errors(of, path.points[: last_finite(path) + 1])
    steps, at = np.arange(len(errors)), min(k, len(errors) - 1)
    for i, (e, color) in enumerate(zip(errors.T, MODE_COLORS, strict=False)):
        if np.isnan(e[0]) or of.eigenvalues[i] == 0:
            continue
        with np.errstate(all="ignore"):
            part = np.clip(np.abs(e / e[0]), 1e-12, 1e12)
        ax.plot(steps, part, color=color, lw=2, ls=("-", "--", ":")[i], label=f"mode {i + 1}")
        ax.plot(at, part[at], "o", color=color, markersize=7)
    ax.set(
        xlim=(0, LAST),
        xticks=(0, 50, 100),
        xlabel="step k",
        ylabel="|error| / |first error|",
        title=f"modes, {of.name}",
    )
    in_powers(ax, 1e-8, 1e3)
    if ax.lines:
        ax.legend(fontsize=8)


@app.function
def mode_table(of, path, k, momentum):
    """λ, 1 − 2ηλ and the error of each mode, as HTML."""
    rate, errors = path.learning_rate, mode_errors(of, path.points)
    factors = mode_factors(of, rate, momentum)
    long_run = ["long run"] if momentum else []
    header = ["mode", "λ", "1 − 2ηλ", *long_run, "error at 0", f"error at {k}", "to a hundredth"]
    rows = []
    for i, value in enumerate(of.eigenvalues):
        steps = steps_to_hundredth(factors[i])
        wait = "never" if steps is None else f"{steps:,} steps" if steps > 1 else "1 step"
        wait = "at once" if np.isnan(errors[0, i]) else "J is level" if value == 0 else wait
        cells = [str(i + 1), shown(value), shown(1 - 2 * rate * value)]
        cells += [shown(factors[i])] if momentum else []
        rows.append([*cells, shown(errors[0, i]), shown(errors[k, i]), wait])
    head = "".join(f"<th>{cell}</th>" for cell in header)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<div class='wide'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


@app.cell
def _():
    text, set_text = mo.state("\n".join(DATA["heights and weights"].split()))
    step, set_step = mo.state(1)
    playing, set_playing = mo.state(False, allow_self_loops=True)  # its button shows what it does
    return playing, set_playing, set_step, set_text, step, text


@app.cell
def _(set_text):
    offered = mo.ui.array(
        [
            mo.ui.button(label=name, value=name, on_change=lambda name: set_text("\n".join(DATA[name].split())))
            for name in DATA
        ]
    )
    loaded = mo.ui.file(
        filetypes=[".csv", ".tsv", ".txt"],
        label="Load a CSV",
        on_change=lambda files: set_text(decoded(files[0].contents)) if files else None,
    )
    mo.hstack(["Examples:", *offered, loaded], justify="start", wrap=True)
    return


@app.cell
def _(text):
    typed = mo.ui.text_area(
        text(), label="data: a row a line, with or without a line of names", debounce=300, rows=6, full_width=True
    )
    mo.vstack([typed])
    return (typed,)


@app.cell
def _():
    last_table = {}
    return (last_table,)


@app.cell
def _(last_table, typed):
    try:
        table, complaint = read_table(typed.value), None
        last_table["table"] = table
    except ValueError as error:
        table = last_table.get("table")
        complaint = refusal(f"{error} Below are still the last data that could be read.")
    mo.output.replace(complaint)
    return (table,)


@app.cell
def _(table):
    target = mo.ui.dropdown(table.names, value=table.names[-1], label="y", full_width=True)
    return (target,)


@app.cell
def _(table, target):
    others = [name for name in table.names if name != target.value]
    first = mo.ui.dropdown(others, value=others[0], label="x₁", allow_select_none=False, full_width=True)
    second = mo.ui.dropdown(
        others[:0] if len(others) == 1 else others,
        value=others[1] if len(others) == 2 else None,
        label="x₂ (may be none)",
        allow_select_none=True,
        full_width=True,
    )
    beside(target, first, *([second] if len(others) > 1 else []))
    return first, second


@app.cell
def _(first, second, table, target):
    names = [name for name in (first.value, second.value, target.value) if name is not None]
    read = table.values[:, [table.names.index(name) for name in names]]
    return names, read


@app.function
def tidy(values):
    """Numbers with few digits, where these tell them apart."""
    short = sorted({float(f"{value:.5g}") for value in values})
    return short if len(short) > len(values) / 2 else values.tolist()


@app.cell
def _(read):
    has_outlier = mo.ui.switch(label="add an outlier")
    far = [tidy(np.linspace(*padded(read[:, k], 0.5), 101)) for k in (0, -1)]
    outlier = mo.ui.array(
        [
            mo.ui.slider(
                steps=ends,
                value=ends[at * len(ends) // 100],
                label=f"outlier: {name}",
                show_value=True,
                full_width=True,
            )
            for ends, name, at in zip(far, ("x₁", "y"), (90, 5), strict=True)
        ]
    )
    return has_outlier, outlier


@app.cell
def _(has_outlier, outlier):
    mo.vstack([has_outlier, *([beside(*outlier)] if has_outlier.value else [])])
    return


@app.cell
def _(has_outlier, outlier, read):
    rows = read
    if has_outlier.value:
        extra = read.mean(axis=0)
        extra[[0, -1]] = outlier.value
        rows = np.vstack([read, extra])
    data = rows[:, :-1], rows[:, -1]
    problems = problem("raw", *data), problem("standardised", standardised(data[0]), data[1])
    return data, problems


@app.cell
def _():
    share = mo.ui.slider(
        *(0.01, FARTHEST, 0.01), value=0.4, label=r"learning rate $\eta$, in units of $2/L$", full_width=True
    )
    momentum = mo.ui.slider(0, 0.95, 0.05, value=0, label=r"momentum $\beta$", show_value=True, full_width=True)
    return momentum, share


@app.function
def marks(momentum):
    """Where 1/L, 2/L and, with momentum, 2(1 + β)/L are on the slider of η."""
    places = [("1/L", 0.5, ""), ("2/L", 1.0, "")] + [("2(1+β)/L", 1.0 + momentum, "below")] * bool(momentum)
    spans = (
        f"<span class='{place}' style='left: {100 * (share - 0.01) / (FARTHEST - 0.01):.2f}%'>{name}</span>"
        for name, share, place in places
    )
    return mo.Html(f"<div class='marks'>{''.join(spans)}</div>")


@app.cell
def _(momentum, problems, share):
    said = " and ".join(f"{shown(share.value * p.limit)} {p.name}" for p in problems)
    rate_text = mo.Html(f"<small>η = {shown(share.value)} · 2/L, which is {said}</small>")
    beside(mo.vstack([share, marks(momentum.value), rate_text], gap=0.2), momentum)
    return


@app.cell
def _(momentum, problems, share):
    paths = [
        p.J.descend(np.zeros(p.J.n_parameters), share.value * p.limit, momentum=momentum.value, max_iter=LAST)
        for p in problems
    ]
    return (paths,)


@app.cell
def _(playing, set_playing, set_step):
    def toggle(_):
        set_step(lambda k: 0 if k >= LAST else k)
        set_playing(lambda was: not was)

    play = mo.ui.button(label="pause" if playing() else "▶ play", on_change=toggle)
    clock = mo.ui.refresh(
        options=[TICK, 1, 2], default_interval=TICK, on_change=lambda _: set_step(lambda k: min(k + 1, LAST))
    )
    mo.hstack([play, *([clock] if playing() else [])], justify="start")
    return


@app.cell
def _(playing, set_playing, step):
    if playing() and step() >= LAST:
        set_playing(False)
    return


@app.cell
def _(set_step, step):
    slider = mo.ui.slider(
        *(0, LAST, 1),
        value=step(),
        label="step $k$",
        on_change=set_step,
        debounce=True,
        include_input=True,
        full_width=True,
    )
    beside(slider)
    return


@app.cell
def _(paths, step):
    places = [min(step(), last_finite(path)) for path in paths]
    return (places,)


@app.function
def model(of, path, k):
    """ŷ and J after step k."""
    theta, x = path.points[k], "x" if of.name == "raw" else "z"
    terms = [f"{'−' if t < 0 else '+'} {shown(abs(t))} {x}{'₁₂'[i]}" for i, t in enumerate(theta[1:])]
    return f"{of.name}: ŷ = {shown(theta[0])} {' '.join(terms)}, J = {shown(path.values[k])}"


@app.function
def caption(of):
    """What the level sets of a problem are."""
    several = len(of.solution) > 2
    what = "J over θ₁ and θ₂, with the best θ₀ for each" if several else "J"
    levels = f"Grey, level sets of {what}, a factor of 4 in J − min J from one to the next; black, that of the point. "
    if of.name == "raw":
        kind = "The axes have different scales, so that angles are not those of the plane"
        shadow = "; path and −∇J are a projection of three parameters" if several else ""
        return f"{levels}{kind}{shadow}."
    return f"{levels}One scale for both axes: −∇J is at right angles to the level set."


@app.cell
def _(data, names, paths, places, problems, step):
    thetas = [path.points[k] for path, k in zip(paths, places, strict=True)]
    lines = "".join(f"<br>{model(p, path, k)}" for p, path, k in zip(problems, paths, places, strict=True))
    beside(
        mo.Html(
            f"{picture('the fit', lambda ax: draw_fit(problems, thetas, data, names, ax)).text}"
            f"<small>After step {step()} from ŷ = 0; least J = {shown(problems[0].minimum)}.{lines}</small>"
        ),
        *(
            mo.Html(
                picture(f"level sets, {each[0].name}", lambda ax, each=each: draw_levels(*each, ax)).text
                + f"<small>{caption(each[0])}</small>"
            )
            for each in zip(problems, paths, places, strict=True)
        ),
    )
    return


@app.cell
def _(paths, places, problems, step):
    beside(
        picture("J over the steps", lambda ax: draw_losses(problems, paths, step(), ax)),
        *(
            picture(f"modes, {each[0].name}", lambda ax, each=each: draw_modes(*each, ax))
            for each in zip(problems, paths, places, strict=True)
        ),
    )
    return


@app.cell
def _(momentum, paths, places, problems):
    beside(
        *(
            box(
                f"The modes, {p.name}",
                f"<p>{in_words(p, path, momentum.value)}</p>{mode_table(p, path, k, momentum.value)}",
            )
            for p, path, k in zip(problems, paths, places, strict=True)
        )
    )
    return


@app.function
def written_out(of, path, k, momentum):
    """The step from θₖ, with its numbers, as HTML."""
    note = ""
    if momentum and k:
        carried = momentum * (path.points[k] - path.points[k - 1])
        pairs = ", ".join(shown(value) for value in carried)
        note = (
            f"<p>This is the step of −η∇J alone; the momentum adds β(θₖ − θₖ₋₁) = ({pairs}), "
            "and with it rates below 2(1 + β)/L are stable.</p>"
        )
    step = of.J.explain_step(path.points[k], path.learning_rate)
    return f"<div class='wide'>{step._repr_html_()}</div>{note}"


@app.cell
def _(momentum, paths, places, problems):
    beside(
        *(
            box(f"Step {k} → {k + 1} in numbers, {p.name}", written_out(p, path, k, momentum.value))
            for p, path, k in zip(problems, paths, places, strict=True)
        )
    )
    return


if __name__ == "__main__":
    app.run()
