"""One step of a typed function written out, by hand and beside SymPy."""

import numpy as np
import pytest
import sympy

from gdlearn.symbolic import ResidualSumOfSquares, SymbolicFunction


def test_by_hand():
    step = SymbolicFunction("x**2 + 4y**2").explain_step({"y": 1.0, "x": 2.0}, 0.1)
    assert str(step).splitlines() == [
        "f(x, y) = x**2 + 4*y**2",
        "One step from x = 2, y = 1 with η = 0.1:",
        "",
        "∂f/∂x = 2*x = 4",
        "∂f/∂y = 8*y = 8",
        "",
        "x − η ∂f/∂x = 2 − 0.1 · 4 = 1.6",
        "y − η ∂f/∂y = 1 − 0.1 · 8 = 0.2",
        "",
        "f fell from 8 to 2.72.",
    ]
    assert step.table is None
    assert step.fell
    assert r"\frac{\partial f}{\partial x} &= 2 x = 4 \\[0.6em]" in step.latex()
    assert "<table>" not in step._repr_html_()


@pytest.mark.parametrize(
    ("text", "theta", "eta"),
    [("x**2*y + sin(x*y)", [1.0, 2.0], 0.1), ("exp(-x)/(1 + y**2)", [0.5, -1.0], 2.0), ("x**4 - x", [1.5], 0.05)],
)
def test_the_numbers_are_those_of_sympy(text, theta, eta):
    f = SymbolicFunction(text)
    step = f.explain_step(theta, eta)
    names = sympy.symbols(f.variables)
    g = sympy.sympify(text.replace("exp", "exp"), locals=dict(zip(f.variables, names, strict=True)))
    point = dict(zip(names, map(sympy.Float, theta, [30] * len(theta)), strict=True))
    gradient = [g.diff(name).evalf(30, subs=point) for name in names]
    after = {name: point[name] - eta * slope for name, slope in zip(names, gradient, strict=True)}
    np.testing.assert_allclose(step.gradient, np.array(gradient, dtype=float), rtol=1e-14)
    np.testing.assert_allclose(step.next_theta, np.array(list(after.values()), dtype=float), rtol=1e-14)
    assert step.value == pytest.approx(float(g.evalf(30, subs=point)), rel=1e-14)
    assert step.next_value == pytest.approx(float(g.evalf(30, subs=after)), rel=1e-13)
    assert ("f fell" in step.verdict) == (step.next_value < step.value)


@pytest.mark.parametrize(
    ("text", "theta", "eta", "said"),
    [
        # f'' along (4, 8): (2·16 + 8·64)/80 = 6.8
        (
            "x**2 + 4y**2",
            [2.0, 1.0],
            0.5,
            "η = 0.5 is beyond 2/c = 0.2941, with c = 6.8 the curvature of f along −∇f here",
        ),
        ("x**2 + 4y**2", [2.0, 1.0], 0.5, "that is local, for c may change along the step"),
        # f'' = 12·0.1² − 2
        ("x**4 - x**2", [0.1], 20.0, "does not curve upwards along −∇f (its curvature is −1.88)"),
        # At 0.5 f'' = 2 + 12/4·… : 2x² is flatter near 0 than 40x⁸ further on
        ("x**2/2 + (x + 1)**40", [0.1 - 1.0], 1.9, "η = 1.9 is below 2/c = 2, with c = 1"),
        ("ln(x) + 1/x", [3.0], 50.0, "leads to a point where f has no value: ln(x) needs x > 0"),
        ("x**2", [1.0], 1.0, "f is 1 before and after the step: η = 1 is 2/c with c = 2"),
        ("x**2", [0.0], 1.0, "∇f = 0 here, so the step leads nowhere: f stays 0."),
        ("abs(x)", [0.5], 3.0, "what turns it upwards lies further on along the step"),
        ("sqrt(x) + 1/x", [1e-7], 1e-30, "f fell from"),
    ],
)
def test_why_it_did_not_fall(text, theta, eta, said):
    assert said in SymbolicFunction(text).explain_step(theta, eta).verdict


def test_one_variable_and_a_constant_partial():
    assert "df/dx = 2*x = 4" in str(SymbolicFunction("x**2").explain_step(2.0, 0.1))
    assert "\n∂f/∂y = 3\n" in str(SymbolicFunction("x**2 + 3y").explain_step([1.0, 1.0], 0.1))


def test_long_formulas_stay_within_80_columns():
    step = SymbolicFunction("exp(x)*x*sin(x*y) + cos(x*y^2) x^3 + exp(x*y)/(1 + x^2)").explain_step([1.0, 2.0], 0.01)
    assert max(map(len, str(step).splitlines())) < 80


@pytest.mark.parametrize(("reduction", "share"), [("sum", 1.0), ("mean", 1 / 3)])
def test_the_residuals_of_a_model(reduction, share):
    S = ResidualSumOfSquares("a + b*x", {"x": [0.0, 1.0, 2.0]}, [1.0, 2.0, 5.0], reduction=reduction)
    step = S.explain_step([0.0, 0.0], 0.01)
    f, factor = ("S", "−2") if reduction == "sum" else ("J", "−2/N")
    assert step.value == pytest.approx(30.0 * share)
    np.testing.assert_allclose(step.gradient, [-16.0 * share, -24.0 * share])
    assert f"∂{f}/∂b = {factor} Σ (yₙ − ŷₙ) ∂ŷₙ/∂b = −{24 * share:.6g}" in str(step)
    assert str(step).startswith(f"{f}(a, b) = {'1/N ' if share < 1 else ''}Σ (yₙ − ŷₙ)² with ŷ = a + b*x, N = 3")
    assert r"\frac{\partial \hat y_n}{\partial b}" in step.latex()
