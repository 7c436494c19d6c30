"""Steps of differentiation: every rule in its words, and together they reach the derivative."""

import pickle
import random
from functools import reduce

import mpmath
import pytest
import sympy
from grammar import no_hang
from sympy import (
    Abs,
    Derivative,
    Max,
    Min,
    Mul,
    Pow,
    acos,
    acosh,
    asin,
    asinh,
    atan,
    cos,
    cosh,
    erf,
    exp,
    log,
    pi,
    sign,
    sin,
    sqrt,
    tan,
    tanh,
)

from gdlearn.symbolic import SymbolicFunction
from gdlearn.symbolic._functions import cbrt
from gdlearn.symbolic._steps import steps

x, y, z, a = sympy.symbols("x y z a", real=True)


SMOOTH = [  # expression, rules that must occur
    (sympy.Integer(7), {"constant"}),
    (y, {"constant"}),
    (x, {"identity"}),
    (x**2 * y + sin(x * y), {"linearity: sum", "linearity: constant factor", "power rule", "chain rule"}),
    (x**3 - 4 * x + 7, {"linearity: sum", "power rule", "constant"}),
    (x**2 * sin(x), {"product rule", "power rule", "table entry"}),
    (x * exp(x) * cos(x), {"product rule"}),
    (sin(x) / x**3, {"quotient rule"}),
    (exp(x**2) / (1 + x**2), {"quotient rule", "chain rule"}),
    ((x - y) / (x + y), {"quotient rule"}),
    (1 / (x * sin(x)), {"quotient rule", "product rule"}),
    (a / x, {"linearity: constant factor", "power rule"}),
    (sqrt(x), {"power rule"}),
    (sqrt(x**2 + y**2), {"chain rule"}),
    ((2 * x + 1) ** 5, {"chain rule"}),
    (x**a, {"power rule"}),
    (a**x, {"table entry"}),
    (2 ** (x * y), {"chain rule"}),
    (x**x, {"logarithmic differentiation"}),
    ((x**2 + 1) ** sin(x * y), {"logarithmic differentiation", "chain rule"}),
    (log(x) / log(10), {"linearity: constant factor", "table entry"}),
    (log(log(x + 3)), {"chain rule"}),
    (exp(-(x**2) / 2) / sqrt(2 * pi), {"chain rule"}),
    (tan(x * y), {"chain rule"}),
    (asin(x / 3) + acos(x / 4) + atan(x / 5), {"linearity: sum", "chain rule"}),
    (tanh(x) * cosh(y), {"table entry"}),
    (asinh(x) + acosh(x + 2), {"table entry", "chain rule"}),
    (erf(x * y), {"chain rule"}),
    (sympy.sec(x) * sympy.coth(x), {"product rule"}),
    (Mul(x, Pow(x, -1), evaluate=False), {"quotient rule"}),
    (exp(sin(cos(x * y) + x)), {"chain rule"}),
    (x / y + y / x + z**2, {"linearity: sum"}),
]
KINKED = [
    (Abs(x * y - 1), {"chain rule"}),
    (x * Abs(x), {"product rule", "table entry"}),
    (sign(x - 1) * x**2, {"product rule", "constant on either side of 0"}),
    (cbrt(x), {"table entry"}),
    (y * cbrt(x * y - 2), {"linearity: constant factor", "chain rule"}),
    (x**2 * cbrt(x + y), {"product rule", "chain rule"}),
    (x / cbrt(x - y), {"quotient rule"}),
    (Max(x**2, y), {"derivative of the larger, where they differ"}),
    (Max(x, x * y, 1), {"derivative of the larger, where they differ", "constant"}),
    (Min(x, y) * x, {"derivative of the smaller, where they differ", "product rule"}),
    (Abs(log(x + 3)), {"chain rule"}),
]


def names(found):
    return {step.rule for step in found}


def replay(found):
    """What is left of the derivative when each step's `before` is replaced by its `after`, one after another."""
    current = found[0].before
    for step in found:
        if step.rule in ("put together", "simplify"):  # the same again
            break
        current = current.xreplace({step.before: step.after})
    return current


def points(expression, n=8):
    """Points at which the expression is real, away from its edges as far as chance has it."""
    rng = random.Random(str(expression))
    symbols = sorted(expression.free_symbols | {x}, key=str)
    while n:
        point = {symbol: mpmath.mpf(rng.uniform(-3, 3)) for symbol in symbols}
        value = number(expression, point)
        if mpmath.isfinite(value) and mpmath.im(value) == 0:
            n -= 1
            yield point


NUMBERS = {
    "cbrt": lambda u: mpmath.sign(u) * mpmath.cbrt(abs(u)),
    "Choice": lambda u, v, a, b: a if u > v else b,
}


def number(expression, point):
    symbols = list(point)
    try:
        return mpmath.mpmathify(sympy.lambdify(symbols, expression, [NUMBERS, "mpmath"])(*point.values()))
    except ZeroDivisionError:
        return mpmath.nan


def slope(expression, variable, point):
    others = {symbol: value for symbol, value in point.items() if symbol != variable}
    return mpmath.diff(lambda t: number(expression, {**others, variable: t}), point[variable])


@pytest.mark.parametrize(
    ("expression", "rules"), SMOOTH + KINKED, ids=lambda case: str(case) if isinstance(case, sympy.Basic) else ""
)
def test_every_rule_has_its_name_and_leads_to_the_numeric_derivative(expression, rules):
    for variable in sorted(expression.free_symbols | {x}, key=str):
        found = steps(expression, variable)
        assert found[-1].rule == "simplify"
        assert found[0].before.args[0] == expression
        if variable == x:
            assert rules <= names(found)
        replayed, partial = replay(found), found[-1].after
        assert not partial.has(Derivative)
        assert not replayed.has(Derivative)
        with mpmath.workdps(30):
            for point in points(expression):
                expected = slope(expression, variable, point)
                for result in (partial, replayed):
                    assert mpmath.almosteq(number(result, point), expected, 1e-12, 1e-12), (result, point)


@pytest.mark.parametrize(
    ("expression", "rules"), SMOOTH, ids=lambda case: str(case) if isinstance(case, sympy.Basic) else ""
)
def test_the_replayed_steps_are_sympys_derivative(expression, rules):
    found = steps(expression, x)
    for result in (replay(found), found[-1].after):
        assert sympy.simplify(result - sympy.diff(expression, x)) == 0


@pytest.mark.parametrize(
    ("expression", "rules"), SMOOTH + KINKED, ids=lambda case: str(case) if isinstance(case, sympy.Basic) else ""
)
def test_each_step_is_true_by_itself(expression, rules):
    for step in steps(expression, x)[:-1]:
        part = step.before.args[0]
        after = step.after.xreplace(
            {inner: steps(inner.args[0], x)[-1].after for inner in step.after.atoms(Derivative)}
        )
        for point in points(expression, 2):
            with mpmath.workdps(30):
                point = {symbol: point.get(symbol, mpmath.mpf(1)) for symbol in expression.free_symbols | {x}}
                assert mpmath.almosteq(number(after, point), slope(part, x, point), 1e-12, 1e-12), str(step)


def test_the_worked_example():
    f = x**2 * y + sin(x * y)
    assert steps(f, x)[-1].after == 2 * x * y + y * cos(x * y)
    assert steps(f, y)[-1].after == x**2 + x * cos(x * y)
    assert [str(step) for step in steps(f, y)] == [
        "linearity: sum: ∂/∂y[x**2*y + sin(x*y)] = ∂/∂y[x**2*y] + ∂/∂y[sin(x*y)]",
        "linearity: constant factor: ∂/∂y[x**2*y] = x**2*∂/∂y[y]",
        "chain rule with u = x*y, d/du[sin(u)] = cos(u): ∂/∂y[sin(x*y)] = cos(x*y)*∂/∂y[x*y]",
        "linearity: constant factor: ∂/∂y[x*y] = x*∂/∂y[y]",
        "identity: ∂/∂y[y] = 1",
        "put together: ∂/∂y[x**2*y + sin(x*y)] = x**2*1 + cos(x*y)*x*1",
        "simplify: x**2 + x*cos(x*y)",
    ]


@pytest.mark.parametrize(
    ("expression", "text", "latex"),
    [
        (log(Abs(x)), "d/dx[ln(abs(x))] = d/dx[abs(x)]/abs(x)", r"\ln{\left(\left|{x}\right| \right)}"),
        (Max(x, y), "∂/∂x[max(x, y)] = {∂/∂x[x] if x > y, ∂/∂x[y] otherwise}", r"\begin{cases}"),
        (Min(x, y), "∂/∂x[min(x, y)] = {∂/∂x[x] if y > x, ∂/∂x[y] otherwise}", r"\begin{cases}"),
        (x**sympy.E, "d/dx[x**exp(1)] = exp(1)*x**(-1 + exp(1))", "x^{e}"),
    ],
)
def test_text_is_readable(expression, text, latex):
    step = steps(expression, x)[0]
    assert str(step).endswith(text)
    assert latex in step.latex()
    assert (r"\partial" if len(expression.free_symbols) > 1 else r"\frac{d}{d x}") in step.latex()


def test_the_inner_function_has_a_name_that_is_free():
    u, v = sympy.symbols("u v", real=True)
    assert steps(sin(u * v), u)[0].reason() == "chain rule with w = u*v, d/dw[sin(w)] = cos(w)"
    w, u_1 = sympy.symbols("w u_1", real=True)
    assert steps(sin(u * v * w * u_1), u)[0].reason().endswith("d/du_2[sin(u_2)] = cos(u_2)")


def test_a_common_subexpression_is_differentiated_once():
    found = steps(sin(x**2) * cos(x**2) + exp(x**2), x)
    assert [step.rule for step in found].count("power rule") == 1
    assert len(found) - 2 == len({step.before for step in found[:-2]})


def test_steps_grow_linearly():
    def nested(n):
        return reduce(lambda u, i: sin(u + y) if i % 2 else exp(-u * y), range(n), x)

    counts = [len(steps(nested(n), x)) for n in (10, 20, 40)]
    assert counts[2] - counts[1] == 2 * (counts[1] - counts[0])
    wide = sympy.Add(*[sin(i * x) * exp(y * x**i) for i in range(1, 60)])
    for expression in (nested(40), wide):
        with no_hang():
            found = steps(expression, x)
        assert sum(len(str(step)) for step in found) < 100_000


@pytest.mark.parametrize("expression", [sympy.gamma(x, evaluate=False), sympy.atan2(y, x), sympy.Function("f")(x)])
def test_what_is_not_in_the_table(expression):
    if isinstance(expression, sympy.gamma):
        assert steps(expression, x)[-1].after == sympy.diff(expression, x)  # SymPy's own table has it
    else:
        with pytest.raises(ValueError, match=r"no rule|not in the table"):
            steps(expression, x)


def test_names_for_the_inner_function_are_tried_in_order():
    u, v, w, u_1 = sympy.symbols("u v w u_1", real=True)
    for taken, name in (((x,), "u"), ((u,), "v"), ((u, v), "w"), ((u, v, w), "u_1"), ((u, v, w, u_1), "u_2")):
        inner = 2 * sympy.Mul(*taken)
        assert steps(sin(inner), taken[0])[0].reason().endswith(f", d/d{name}[sin({name})] = cos({name})")


SIMPLIFIED = [  # function, its derivative as the last step has it
    (sin(x) / (2 * x + 2 * y), "((x + y)*cos(x) - sin(x))/(2*(x + y)**2)"),
    ((3 * x + 3 * y) / (6 * x + 6 * y) ** 2, "-1/(12*(x + y)**2)"),
    ((x**2 + 1) / (2 * x + 2 * y), "(x**2 + 2*x*y - 1)/(2*(x + y)**2)"),
    ((x - y) / (x + y), "2*y/(x + y)**2"),
    ((2 * x + 2 * y) * sin(x), "2*sin(x) + (2*x + 2*y)*cos(x)"),  # no quotient: as it is
    ((2 * x + 2 * y) ** 3, "6*(2*x + 2*y)**2"),
]


@pytest.mark.parametrize(("expression", "text"), SIMPLIFIED, ids=str)
def test_the_last_step_cancels_common_factors_of_quotients_and_touches_nothing_else(expression, text):
    last = steps(expression, x)[-1]
    assert str(last) == f"simplify: {text}" or str(last).endswith(f" = {text}")
    assert sympy.simplify(last.after - sympy.diff(expression, x)) == 0


def test_an_expression_too_large_is_not_searched_for_common_factors():
    wide = sympy.Add(*[sin(i * x) / (2 * x + 2 * y) for i in range(2, 40)])
    assert steps(wide, x)[-1].after == replay(steps(wide, x))
    narrow = sympy.Add(*[sin(i * x) / (2 * x + 2 * y) for i in range(2, 5)])
    assert steps(narrow, x)[-1].after != replay(steps(narrow, x))


@pytest.mark.parametrize(
    "expression",
    [
        x / (10**120 * x + 10**120 * y) ** 3,
        (x - y) / (10**110 * x + 10**110 * y) ** 3,
    ],
)
def test_a_common_factor_that_float64_does_not_hold_is_left_where_it_was(expression):
    last = steps(expression, x)[-1]
    assert all(abs(number) < 10**300 for number in last.after.atoms(sympy.Integer))
    assert last.after == replay(steps(expression, x))
    point = {x: sympy.Rational(3, 10**150), y: sympy.Rational(1, 10**150)}
    assert sympy.simplify(last.after.subs(point) - sympy.diff(expression, x).subs(point)) == 0


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("x*sin(x)", r"1 \cdot \sin{\left(x \right)} + x \cos{\left(x \right)}"),
        ("5x + 3x^2", r"5 \cdot 1 + 3 \cdot 2 x"),
        ("(x + 2)/(x - 3)", r"\frac{\left(1 + 0\right) \left(x - 3\right) - \left(x + 2\right) \left(1 - 0\right)}"),
        ("x*max(x, 1)", r"x \left(\begin{cases} 1 & \text{if}\: x > 1 \\ 0 & \text{otherwise} \end{cases}\right)"),
        ("2 - 3/x", r"0 - 3 \left(- \frac{1}{x^{2}}\right)"),
        ("x*cos(x)", r"1 \cdot \cos{\left(x \right)} + x \left(- \sin{\left(x \right)}\right)"),
    ],
)
def test_the_line_put_together_in_latex(text, latex):
    together = SymbolicFunction(text).steps("x")[-2]
    assert together.rule == "put together"
    assert latex in together.latex()


@pytest.mark.parametrize(
    ("text", "variables", "first"),
    [
        ("y^2", ["x", "y"], "∂/∂x[y**2] = 0"),
        ("y^2", ["y"], "d/dy[y**2] = 2*y"),
        ("3 - 4x", None, "d/dx[3 - 4*x] = d/dx[3] - d/dx[4*x]"),
        ("sin(x)*x", None, "d/dx[sin(x)*x] = d/dx[sin(x)]*x + sin(x)*d/dx[x]"),
        ("(b + a*x)^2", ["b", "a", "x"], "∂/∂b[(b + a*x)**2] = 2*(b + a*x)*∂/∂b[b + a*x]"),
        ("-(x - 1)/(1 + x)", None, "d/dx[(-x + 1)/(1 + x)] = (d/dx[-x + 1]*(1 + x) - "),
    ],
)
def test_derivatives_keep_their_sign_and_terms_the_order_in_which_they_were_typed(text, variables, first):
    f = SymbolicFunction(text, variables)
    assert f.steps(f.variables[0])[0].equation().startswith(first)


def test_steps_keep_their_words_when_pickled():
    for step in SymbolicFunction("sin(y*x) + x^2").steps("x"):
        again = pickle.loads(pickle.dumps(step))
        assert again.reason() == step.reason()
        if step.rule != "put together":  # SymPy evaluates what it copies
            assert (again.equation(), again.latex()) == (step.equation(), step.latex())
