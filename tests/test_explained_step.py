"""One step of J written out: every number beside exact fractions, and sentences that are true."""

import copy
import pickle
import re
from fractions import Fraction

import numpy as np
import pytest
from scipy import sparse

from gdlearn import ExplainedStep, MeanSquaredError


def exact_step(columns, y, w, theta, eta):
    """The calculation in fractions: predictions, residuals, sums, gradient, next θ, J before and after."""
    rows = list(zip(*columns, strict=True))

    def residuals(point):
        return [yn - sum(t * v for t, v in zip(point, row, strict=True)) for row, yn in zip(rows, y, strict=True)]

    def J(point):
        return sum(wn * r * r for wn, r in zip(w, residuals(point), strict=True)) / sum(w)

    r = residuals(theta)
    sums = [sum(wn * v * rn for wn, v, rn in zip(w, column, r, strict=True)) for column in columns]
    gradient = [-2 * s / sum(w) for s in sums]
    after = [t - eta * g for t, g in zip(theta, gradient, strict=True)]
    return r, sums, gradient, after, J(theta), J(after)


def fractions_of(seed, n, d):
    rng = np.random.default_rng(seed)
    return [[Fraction(int(v), 4) for v in rng.integers(-9, 10, n)] for _ in range(d)]


def floats(values):
    return [float(v) for v in values]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize(("n", "d"), [(3, 1), (5, 2), (9, 3), (40, 2)])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csc_matrix])
def test_the_numbers_are_those_of_exact_fractions(n, d, fit_intercept, weighted, kind):
    *features, y = fractions_of(n + d, n, d + 1)
    w = [Fraction(1 + i % 3, 2) for i in range(n)] if weighted else [Fraction(1)] * n
    columns = [[Fraction(1)] * n, *features] if fit_intercept else features
    theta, eta = [Fraction(k + 1, 2) for k in range(len(columns))], Fraction(1, 8)
    r, sums, gradient, after, value, next_value = exact_step(columns, y, w, theta, eta)
    X = kind(np.array([floats(column) for column in features]).T)
    J = MeanSquaredError(X, floats(y), floats(w) if weighted else None, fit_intercept)
    step = J.explain_step(floats(theta), float(eta))

    close = {"rtol": 1e-14, "atol": 1e-14}
    np.testing.assert_allclose(step.gradient, floats(gradient), **close)
    np.testing.assert_allclose(step.next_theta, floats(after), **close)
    assert step.value == pytest.approx(float(value), rel=1e-14)
    assert step.next_value == pytest.approx(float(next_value), rel=1e-14)
    assert step.fell == (next_value < value)
    table = step.table
    shown = table.rows - 1
    assert list(shown) == (list(range(n)) if n <= 10 else [0, 1, 2, 3, 4, n - 2, n - 1])
    np.testing.assert_allclose(table.columns["yₙ − ŷₙ"], np.array(floats(r))[shown], **close)
    np.testing.assert_allclose(table.columns["ŷₙ"] + table.columns["yₙ − ŷₙ"], np.array(floats(y))[shown], **close)
    for k, column in enumerate(features, 1):
        x = "xₙ" if d == 1 else f"xₙ{'₀₁₂₃'[k]}"
        product = f"wₙ·{x}(yₙ − ŷₙ)" if weighted else f"{x}(yₙ − ŷₙ)"
        numbers = [float(wn * v * rn) for wn, v, rn in zip(w, column, r, strict=True)]
        np.testing.assert_allclose(table.columns[x], np.array(floats(column))[shown], **close)
        np.testing.assert_allclose(table.columns[product], np.array(numbers)[shown], **close)
        assert table.sums[product] == pytest.approx(float(sums[k - 1 + fit_intercept]), rel=1e-14, abs=1e-14)
    if fit_intercept:
        residual = "wₙ(yₙ − ŷₙ)" if weighted else "yₙ − ŷₙ"
        assert table.sums[residual] == pytest.approx(float(sums[0]), rel=1e-14, abs=1e-14)
    assert table.sums.get("wₙ", 0.0) == (float(sum(w)) if weighted else 0.0)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_printed_equations_are_true(weighted):
    x, y, w = [0.5, 2.0, 3.0, -1.0], [1.0, 3.0, 2.0, 4.0], [1.0, 2.0, 1.0, 4.0]
    step = MeanSquaredError(x, y, w if weighted else None).explain_step([0.25, -1.5], 0.125)
    text = str(step).replace("−", "-").replace("·", "*")
    partials = re.findall(r"∂J/∂θ.? = .* = (-2/\d+ \* \S+) = (\S+)", text)
    steps = re.findall(r"θ.? - η ∂J/∂θ.? = (.*) = (\S+)", text)
    assert len(partials) == len(steps) == 2
    for left, right in partials + steps:
        assert eval(left) == pytest.approx(float(right), rel=1e-5)
    np.testing.assert_allclose([float(right) for _, right in partials], step.gradient, rtol=1e-5)
    np.testing.assert_allclose([float(right) for _, right in steps], step.next_theta, rtol=1e-5)
    assert ("-2/8 *" if weighted else "-2/4 *") in text


def test_the_page_of_one_feature():
    assert str(MeanSquaredError([1.0, 2.0], [2.0, 5.0]).explain_step([1.0, 0.0], 0.5)).splitlines() == [
        "J(θ₀, θ₁) = 1/N Σ (yₙ − ŷₙ)² with ŷₙ = θ₀ + θ₁xₙ, N = 2",
        "One step from θ₀ = 1, θ₁ = 0 with η = 0.5:",
        "",
        "  n  xₙ  yₙ  ŷₙ  yₙ − ŷₙ  xₙ(yₙ − ŷₙ)",
        "  1   1   2   1        1            1",
        "  2   2   5   1        4            8",
        "  Σ                    5            9",
        "",
        "∂J/∂θ₀ = −2/N Σ (yₙ − ŷₙ) = −2/2 · 5 = −5",
        "∂J/∂θ₁ = −2/N Σ xₙ (yₙ − ŷₙ) = −2/2 · 9 = −9",
        "",
        "θ₀ − η ∂J/∂θ₀ = 1 − 0.5 · (−5) = 3.5",
        "θ₁ − η ∂J/∂θ₁ = 0 − 0.5 · (−9) = 4.5",
        "",
        "J rose from 8.5 to 46.125, although −∇J points downhill: η = 0.5 is beyond 2/L",
        "= 0.291796, where L = 6.8541 is the largest curvature of J. The step has",
        "crossed the valley and ended higher on its other side. Take a smaller η; 1/L =",
        "0.145898 always leads down.",
    ]


def test_long_and_wide_data_fit_80_columns_and_sums_are_of_all_rows():
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(5_000, 10)) * 10.0 ** rng.integers(-3, 5, 10)
    J = MeanSquaredError(pd.DataFrame(X, columns=[f"feature_{k}" for k in range(10)]), rng.normal(size=5_000))
    step = J.explain_step(np.zeros(11), 1e-9)
    lines = str(step).splitlines()
    assert max(map(len, lines[1:])) < 80
    assert all(line == line.rstrip() for line in lines)
    assert sum(line.split() == ["…"] * len(line.split()) and bool(line) for line in lines) >= 4
    for k in range(10):
        expected = X[:, k] @ J._y
        assert step.table.sums[f"feature_{k}ₙ(yₙ − ŷₙ)"] == pytest.approx(expected, rel=1e-9)
    many = MeanSquaredError(np.ones((20, 500)), np.arange(20.0)).explain_step(np.zeros(501), 1e-4)
    assert max(map(len, str(many).splitlines()[1:])) < 80
    assert len(str(many).splitlines()) < 130
    assert len(many.gradient) == len(many.next_theta) == 501
    assert "∂J/∂θ₅₀₀ =" in str(many)


def test_verdicts():
    J = MeanSquaredError([1.0, 2.0, 3.0], [2.0, 4.0, 6.0])
    L, modes = J.curvature, np.linalg.eigh(J.hessian())[1]
    best, flat, steep = np.array([0.0, 2.0]), modes[:, 0], modes[:, 1]
    assert J.explain_step([0.0, 0.0], 0.05).verdict == "J fell from 18.6667 to 3.76296."
    assert "∇J = 0 here, so the step leads nowhere: J stays 0." in J.explain_step(best, 0.05).verdict
    lucky = J.explain_step(best + flat, 2.5 / L)
    assert lucky.fell
    assert "Yet η" in lucky.verdict
    assert f"is beyond 2/L = {2 / L:.6g}, with L = {L:.6g}" in lucky.verdict
    level = J.explain_step(best + steep, 2 / L)
    assert not level.fell
    assert "before and after the step: η" in level.verdict
    high = J.explain_step(best + steep, 1e200)
    assert np.isinf(high.next_value)
    assert "J is too large for float64 after the step: η = 1e+200 is beyond 2/L" in high.verdict
    far = J.explain_step([1e160, 0.0], 0.05)
    assert far.verdict == "J is too large for float64 before the step. Start elsewhere."
    rng = np.random.default_rng(0)
    for offset in (0.0, 1e3, 1e6):  # at the minimum J rises by rounding alone
        K = MeanSquaredError(rng.normal(size=50), offset + rng.normal(size=50))
        end = K.descend([0.0, 0.0], 1 / K.curvature, max_iter=2000).points[-1]
        for eta in rng.uniform(0.1, 1.9, 20) / K.curvature:
            assert "rose" not in K.explain_step(end, eta).verdict
    tiny = J.explain_step(best + steep, 1e-20)
    assert "before and after the step, as far as float64 tells." in tiny.verdict
    near = J.explain_step(best + steep, (2 + 1e-5) / L)  # six digits of J do not tell before from after
    before, after = re.match(r"J rose from (\S+) to (\S+),", near.verdict).groups()
    assert float(before) < float(after)
    for eta in 10.0 ** rng.uniform(-3, 1, 50):
        step = J.explain_step(rng.normal(size=2), eta)
        assert ("rose" in step.verdict) == (step.next_value > step.value)
        assert ("beyond 2/L" in step.verdict) == (eta > 2 / L)


def test_a_notebook_shows_a_table_and_formulas():
    step = MeanSquaredError([1.0, 2.0], [2.0, 5.0], [1e-9, 1.0]).explain_step([1.0, 0.0], 1e-5)
    html, latex = step._repr_html_(), step.latex()
    assert html.count("<tr>") == 4
    assert ">wₙ·xₙ(yₙ − ŷₙ)</th>" in html
    assert "<p>J fell from" in html
    assert r"1 \cdot 10^{-9}" in latex
    assert r"\theta_{1} - \eta \frac{\partial J}{\partial \theta_{1}} &=" in latex
    assert step._repr_latex_() == rf"$\displaystyle {latex}$"
    for name in "gathered", "array", "aligned":
        assert latex.count(rf"\begin{{{name}}}") == latex.count(rf"\end{{{name}}}") == 1
    assert latex.count("{") == latex.count("}")
    assert not set("−·…Σθηₙ") & set(latex)
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib.mathtext import MathTextParser

    for line in re.search(r"\\begin{aligned} (.*) \\end{aligned}", latex)[1].split(r" \\[0.6em] "):
        MathTextParser("path").parse(f"${line.replace('&', '')}$")


def test_a_step_that_cannot_be_taken_is_refused():
    J = MeanSquaredError([1.0, 2.0], [2.0, 5.0])
    for eta in (0.0, -1.0, np.nan, "auto", None):
        with pytest.raises(ValueError, match="'learning_rate' parameter of explain_step"):
            J.explain_step([0.0, 0.0], eta)
    for theta in ([0.0], [[0.0, 0.0]], [np.nan, 0.0]):
        with pytest.raises(ValueError, match="'theta' parameter of explain_step"):
            J.explain_step(theta, 0.1)


def test_it_is_pickled_and_named_as_imported():
    step = MeanSquaredError([1.0, 2.0], [2.0, 5.0]).explain_step({"θ₀": 0.0, "θ₁": 1.0}, 0.1)
    assert isinstance(step, ExplainedStep)
    for same in pickle.loads(pickle.dumps(step)), copy.deepcopy(step):
        assert str(same) == str(step)
        assert same.latex() == step.latex()
