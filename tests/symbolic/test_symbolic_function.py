"""Gradients in symbols and in numbers: against mpmath, complex steps, finite differences, and calculus itself."""

import copy
import pickle

import mpmath
import numpy as np
import pytest
import sympy
from grammar import (
    NIST,
    all_parts,
    beyond_float64,
    by_mpmath,
    complex_value,
    distances,
    function,
    smooth_texts,
    syntax,
    texts,
)
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from gdlearn import GradientCheck
from gdlearn.symbolic import DomainError, ExpressionError, SymbolicFunction
from gdlearn.symbolic._functions import Choice
from gdlearn.symbolic._text import text as text_of

relaxed = settings(max_examples=100, suppress_health_check=list(HealthCheck))
WORKED = "x**2*y + sin(x*y)"


def test_the_worked_example():
    f = SymbolicFunction(WORKED)
    x, y = (sympy.Symbol(name, real=True) for name in "xy")
    assert f.partials == {"x": 2 * x * y + y * sympy.cos(x * y), "y": x**2 + x * sympy.cos(x * y)}
    assert [text_of(p) for p in f.partials.values()] == ["2*x*y + y*cos(x*y)", "x**2 + x*cos(x*y)"]
    assert f.gradient == sympy.Matrix(list(f.partials.values()))
    a, b = 1.3, -0.7
    assert f([a, b]) == pytest.approx(a**2 * b + np.sin(a * b), rel=1e-15)
    by_hand = [2 * a * b + b * np.cos(a * b), a**2 + a * np.cos(a * b)]
    np.testing.assert_allclose(f.gradient_at([a, b]), by_hand, rtol=1e-14)
    assert str(f) == WORKED
    assert r"2 x y + y \cos{\left(x y \right)}" in f.latex()
    assert f._repr_latex_().startswith("$")
    assert eval(repr(f), {"SymbolicFunction": SymbolicFunction}).expression == f.expression


def test_copies():
    f = SymbolicFunction("ln(e*x) + 2lambda*y", variables=["y", "lambda", "x"])
    theta = [0.5, 2.0, 3.0]
    expected = f(theta), f.gradient_at(theta).tolist(), str(f.domain), f.descend(theta, 1e-3).points.tolist()
    for twin in (pickle.loads(pickle.dumps(f)), copy.deepcopy(f)):
        found = (
            twin(theta),
            twin.gradient_at(theta).tolist(),
            str(twin.domain),
            twin.descend(theta, 1e-3).points.tolist(),
        )
        assert found == expected
    domain = pickle.loads(pickle.dumps(f.domain))
    assert domain == f.domain
    error = pickle.loads(pickle.dumps(domain.refusal({"x": -1.0})))
    assert str(error) == "ln(e*x) needs exp(1)*x > 0, and exp(1)*x = -2.71828 at x = -1."
    assert error.condition == f.domain.defined[0]
    path = pickle.loads(pickle.dumps(f.descend(theta)))
    assert str(path) == str(f.descend(theta))


def test_shapes_and_broadcasting():
    f = SymbolicFunction(WORKED)
    grid = np.random.default_rng(0).normal(size=(4, 3, 2))
    assert f(grid).shape == (4, 3)
    assert f.gradient_at(grid).shape == (4, 3, 2)
    assert f(grid)[2, 1] == f(grid[2, 1])
    np.testing.assert_array_equal(f.gradient_at(grid)[2, 1], f.gradient_at(grid[2, 1]))
    by_name = {"y": np.linspace(0, 1, 5)[:, np.newaxis], "x": np.linspace(1, 2, 4)}
    assert f(by_name).shape == (5, 4)
    assert f.gradient_at(by_name).shape == (5, 4, 2)
    assert isinstance(f([1, 2]), float)
    constant = SymbolicFunction("3", variables=["x"])
    np.testing.assert_array_equal(constant([[1.0], [2.0]]), [3.0, 3.0])
    np.testing.assert_array_equal(constant.gradient_at([[1.0], [2.0]]), [[0.0], [0.0]])
    assert SymbolicFunction("3")([]) == 3.0
    assert SymbolicFunction("3").gradient_at([]).shape == (0,)
    assert SymbolicFunction("x**2")(3) == 9.0
    assert f(np.empty((0, 2))).shape == (0,)
    with pytest.raises(ValueError, match="2 entries on its last axis"):
        f([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="must name the variables"):
        f({"x": 1.0})
    with pytest.raises(ValueError, match=r"'theta' parameter .* finite real numbers\. Got nan at index 0"):
        f([np.nan, 1.0])
    with pytest.raises(ValueError, match="real numbers"):
        f(["1", "2"])
    with pytest.raises(ValueError, match='outside must be "raise" or "nan"'):
        f([1.0, 2.0], outside="zero")


@pytest.mark.parametrize(
    ("text", "theta", "message"),
    [
        ("ln(x)", -1.0, "ln(x) needs x > 0, and x = -1."),
        ("x/x", 0.0, "1/x needs x != 0, and x = 0."),
        ("x**(1/3)", -8.0, "x**(1/3) needs x >= 0, and x = -8."),
        ("sqrt(x - 2)*y", [1.0, 2.0], "sqrt(x - 2) needs x - 2 >= 0, and x - 2 = -1 at x = 1, y = 2."),
        ("1/(x*y)", [0.0, 2.0], "needs x*y != 0"),
        ("asin(2x)", 1.0, "asin(2*x) needs 2*abs(x) <= 1, and 2*abs(x) = 2 at x = 1."),
        ("acosh(x)", 0.5, "acosh(x) needs x >= 1"),
        ("atanh(x)", 1.0, "atanh(x) needs abs(x) < 1"),
        ("x**y", [-1.0, 2.5], "x**y needs x > 0, or x = 0 and y >= 0, or x < 0 and y whole, and x = -1, y = 2.5."),
        ("exp(x)", 1000.0, "exp(x) is too large for float64 at x = 1000."),
        ("exp(ln(x))", -1.0, "ln(x) needs x > 0"),
        ("0*ln(x)", -1.0, "ln(x) needs x > 0"),
        ("sqrt(x)**2", -1.0, "sqrt(x) needs x >= 0"),
        ("cot(x)", 0.0, "cot(x) needs sin(x) != 0"),
        ("x*sqrt(1 + x**2)", 1e200, "x**2 is too large for float64 at x = 1e+200."),
        ("sqrt(x**2*y)*x", [1e300, 1e10], "too large for float64"),
    ],
)
def test_outside_the_domain(text, theta, message):
    f = SymbolicFunction(text)
    for call in (f, f.gradient_at, f.check):
        with pytest.raises(DomainError) as caught:
            call(theta)
        assert message in str(caught.value)
    assert np.isnan(f(theta, outside="nan"))
    assert np.isnan(f.gradient_at(theta, outside="nan")).all()


def test_overflow_on_the_way_does_not_matter_where_the_result_is_a_float64():
    logistic = SymbolicFunction("1/(1 + exp(-x))")
    np.testing.assert_array_equal(logistic([[-800.0], [800.0]]), [0.0, 1.0])
    ratio = SymbolicFunction("x/sqrt(1 + x**2)")
    np.testing.assert_array_equal(ratio([[1e200], [1e100]]), [1.0, 1.0])
    assert SymbolicFunction("tanh(x) + atan(exp(x)) + exp(-exp(x))")(800.0) == pytest.approx(1 + np.pi / 2)
    assert SymbolicFunction("tanh(x)").gradient_at(25.0) == pytest.approx(4 * np.exp(-50), rel=1e-12)
    assert SymbolicFunction("log10(x)")([[10.0**k] for k in range(300)]).tolist() == [*range(300)]


def test_constants_that_cancel():
    assert SymbolicFunction("1e16 + 1 - 1e16 + x")(1.0) == 2.0
    assert SymbolicFunction("sign(0.1*3 - 0.3)*x")(1.0) == 0.0
    np.testing.assert_array_equal(SymbolicFunction("x**(0.1*3/0.3)").gradient_at(-1.0), [1.0])
    with pytest.raises(DomainError, match="needs x >= 0"):
        SymbolicFunction("x**(1 + 1e-17)")(-1.0)


def test_where_only_the_gradient_is_missing():
    root = SymbolicFunction("sqrt(x)")
    assert root(0.0) == 0.0
    with pytest.raises(DomainError, match="differentiable for x > 0, and x = 0"):
        root.gradient_at(0.0)
    np.testing.assert_array_equal(root([[-1.0], [4.0]], outside="nan"), [np.nan, 2.0])


def test_cube_roots():
    root = SymbolicFunction("cbrt(x)")
    assert root(-8.0) == -2.0
    assert root.gradient_at(-8.0) == pytest.approx(1 / 12)
    assert SymbolicFunction("cbrt(-8)").expression == -2
    assert SymbolicFunction("cbrt(x)").expression.subs(symbol_of("x"), -5).evalf() == pytest.approx(-(5 ** (1 / 3)))
    assert r"\sqrt[3]{x}" in root.latex()


def symbol_of(name):
    return sympy.Symbol(name, real=True)


@pytest.mark.parametrize(
    ("text", "partial"),
    [
        ("abs(ln(x))", "sign(log(x))/x"),
        ("abs(x)**3", "3*x**2*sign(x)"),
        ("x/(1 + x)", "(x + 1)**(-2)"),
        ("log10(x)", "1/(x*ln(10))"),
        ("cbrt(x)", "1/(3*cbrt(x)**2)"),
        ("erf(x)", "2*exp(-x**2)/sqrt(pi)"),
        ("2**x", "2**x*log(2)"),
    ],
)
def test_partials_that_sympy_alone_would_not_give(text, partial):
    expected = SymbolicFunction(partial).expression
    found = SymbolicFunction(text).partials["x"]
    assert found == expected or sympy.simplify(found - expected) == 0 or abs_cubed(found)


@pytest.mark.parametrize(
    ("text", "partial"),
    [("x*abs(x)", "2*abs(x)"), ("x^2*sign(x)", "2*abs(x)"), ("abs(x)^3", "3*x*abs(x)"), ("x*cbrt(x)", "4*cbrt(x)/3")],
)
def test_a_root_or_sign_is_not_left_beside_its_own_argument(text, partial):
    f = SymbolicFunction(text)
    assert f.steps("x")[-1].equation() == partial
    for x in (-2.5, 0.3, 4.0):
        slope = mpmath.diff(lambda t: by_mpmath(syntax(text), {"x": t}), x)
        assert f.gradient_at(x)[0] == pytest.approx(float(slope), rel=1e-12)


def replay(steps):
    """What is left of the derivative when each step's `before` is replaced by its `after`, one after another."""
    current = steps[0].before
    for step in steps[:-1]:
        current = current.xreplace({step.before: step.after})
    return current


def abs_cubed(found):
    """|x|³ has 3·x·|x| as derivative, which SymPy may write otherwise."""
    x = symbol_of("x")
    return all(found.subs(x, v) == 3 * v * abs(v) for v in (-2, -1, 1, 2))


def evaluated(line):
    """The line that was put together, with its sums and products carried out."""
    is_open = isinstance(line, sympy.Add | sympy.Mul | Choice)
    return line.func(*map(evaluated, line.args)) if is_open else line


POINT = {"x": 0.37, "y": 1.61, "lambda": -0.83, "E": 2.3, "beta": 0.71, "x_1": -1.9, "θ": 0.29}


@settings(relaxed, max_examples=200)
@given(texts)
@pytest.mark.slow
def test_partials_equal_numeric_derivatives_and_steps_lead_to_them(text):
    f = function(text)
    for name in f.variables:
        replayed, total = replay(f.steps(name)), evaluated(f.steps(name)[-1].before)
        assert replayed == total or sympy.expand(replayed - total) == 0  # a sign before or inside a sum
    with mpmath.workdps(60):
        tree, point = syntax(text), {name: mpmath.mpf(POINT[name]) for name in f.variables}
        value = by_mpmath(tree, point)
        assume(value is not None and 1e-30 < abs(value) < 1e30)
        assume(not any(beyond_float64(by_mpmath(part, point)) for part in all_parts(tree)))
        assume(all(far > 1e-3 for far in distances(tree, point)))
        h = mpmath.mpf(10) ** -15
        numeric = []
        for name in f.variables:
            up, down = (by_mpmath(tree, {**point, name: point[name] + s * h}) for s in (1, -1))
            numeric.append(float((up - down) / (2 * h)))
    numeric = np.array(numeric)
    assume((np.abs(numeric) < 1e100).all())
    theta = [POINT[name] for name in f.variables]
    try:
        found = f.gradient_at(theta)
    except DomainError as error:
        assert "too large" in str(error)  # noqa: PT017
        return
    scale = np.maximum(np.abs(numeric), 1e-6 * max(1.0, float(abs(value))))
    assert f(theta) == pytest.approx(float(value), rel=1e-8)
    np.testing.assert_array_less(np.abs(found - numeric), 1e-8 * scale + 1e-300)


def model_of(name):
    """A NIST model: f, the columns of its data by name, and the names of its parameters."""
    data = NIST[name]
    columns = dict(zip(data["vars"], np.array(data["rows"]).T, strict=True))
    parameters = [f"b{i + 1}" for i in range(len(data["certified"]))]
    inputs = [v for v in data["vars"] if v != "y"]
    return SymbolicFunction(data["formula_ascii"], variables=[*parameters, *inputs]), columns, parameters


@pytest.mark.parametrize("name", NIST)
def test_nist_partials_equal_complex_steps(name):
    f, columns, parameters = model_of(name)
    for point in ("start1", "start2", "certified"):
        theta = {**dict(zip(parameters, NIST[name][point], strict=True)), **columns}
        theta = {v: theta[v] for v in f.variables}
        gradient = f.gradient_at(theta)
        np.testing.assert_allclose(f(theta), complex_value(f._tree, theta), rtol=1e-12)
        for i, parameter in enumerate(parameters):
            stepped = {v: np.asarray(value, dtype=complex) for v, value in theta.items()}
            stepped[parameter] = stepped[parameter] + 1e-200j
            expected = np.broadcast_to(complex_value(f._tree, stepped), len(gradient)).imag / 1e-200
            size = np.abs(expected).max()
            np.testing.assert_allclose(gradient[:, i], expected, rtol=1e-12, atol=1e-12 * size)


points = st.tuples(*[st.integers(-2000, 2000)] * 2).map(lambda thousandths: np.array(thousandths) / 1000)
XY = ["x", "y"]


def close(found, *terms):
    """Equal to the sum of the terms, within the rounding of the largest of them."""
    size = np.maximum.reduce([np.abs(term) for term in np.broadcast_arrays(*terms, 1.0)])
    np.testing.assert_array_less(np.abs(found - sum(terms)), 1e-9 * size)


@relaxed
@given(smooth_texts, smooth_texts, st.integers(-5, 5), points)
@pytest.mark.slow
def test_linearity_product_and_quotient_rule(f_text, g_text, c, theta):
    f, g = function(f_text, XY), function(g_text, XY)
    df, dg, f0, g0 = f.gradient_at(theta), g.gradient_at(theta), f(theta), g(theta)
    close(function(f"({f_text}) + ({c})*({g_text})", XY).gradient_at(theta), df, c * dg)
    close(function(f"({f_text})*({g_text})", XY).gradient_at(theta), f0 * dg, g0 * df)
    over = 2 + g0**2
    quotient = function(f"({f_text})/(2 + ({g_text})**2)", XY).gradient_at(theta)
    close(quotient, df / over, -f0 * 2 * g0 * dg / over**2)


@relaxed
@given(st.sampled_from(["sin({})", "({})**3", "exp(-({})**2)", "tanh({})", "ln(1 + ({})**2)"]), smooth_texts, points)
def test_chain_rule(outer, inner, theta):
    f, g, composed = function(outer.format("u"), ["u"]), function(inner, XY), function(outer.format(inner), XY)
    close(composed.gradient_at(theta), f.gradient_at(g(theta))[0] * g.gradient_at(theta))


@relaxed
@given(smooth_texts, points, st.floats(0, 2 * np.pi))
def test_steepest_ascent(text, theta, angle):
    f = function(text, XY)
    gradient = f.gradient_at(theta)
    direction, rate = f.steepest_ascent(theta)
    assert rate == pytest.approx(np.linalg.norm(gradient), rel=1e-12)
    if rate == 0:
        assert not direction.any()
        return
    assert f.directional_derivative(theta, gradient) == pytest.approx(rate, rel=1e-12)
    assert f.directional_derivative(theta, [np.cos(angle), np.sin(angle)]) <= rate * (1 + 1e-12)
    along_the_level_set = [-gradient[1], gradient[0]]
    assert abs(f.directional_derivative(theta, along_the_level_set)) <= 1e-12 * rate
    if rate > 1e-6 * max(1.0, abs(f(theta))):  # or the descent drowns in the rounding of f
        h = min(1.0, rate) * 0.5 ** np.arange(30)
        assert (f(theta) - f(theta - h[:, np.newaxis] * direction) > 0.5 * h * rate).any()


def test_directions():
    f = SymbolicFunction("x**2 + y**2")
    assert f.directional_derivative([3.0, 4.0], [100.0, 0.0]) == 6.0
    assert f.directional_derivative([[3.0, 4.0], [0.0, 1.0]], [0.0, 1e-300]).tolist() == [8.0, 2.0]
    direction, rate = f.steepest_ascent([[3.0, 4.0], [0.0, 0.0]])
    np.testing.assert_allclose(direction, [[0.6, 0.8], [0.0, 0.0]], rtol=1e-15)
    np.testing.assert_allclose(rate, [10.0, 0.0], rtol=1e-15)
    for wrong in ([0.0, 0.0], [np.inf, 1.0], [1.0]):
        with pytest.raises(ValueError, match="direction must"):
            f.directional_derivative([1.0, 1.0], wrong)


@pytest.mark.parametrize("text", [WORKED, "ln(x)*sqrt(y)", "1e6*x/y", "abs(x - 3y)", "max(x, y**2)", "cbrt(x*y)"])
def test_check(text):
    found = SymbolicFunction(text).check({"x": 1.3, "y": 0.4})
    assert isinstance(found, GradientCheck)
    assert found.passed


def test_check_finds_a_wrong_partial():
    f = SymbolicFunction(WORKED)
    f.partials["x"] = f.partials["x"] * sympy.Rational(1001, 1000)
    assert not f.check([1.3, 0.4]).passed


def test_difference_quotients_show_where_rounding_takes_over():
    table = SymbolicFunction(WORKED).difference_quotients([1.0, 2.0], "x")
    assert table.partial == pytest.approx(4 + 2 * np.cos(2.0))
    assert 1e-10 < table.h[table.best] < 1e-6  # about the root of the machine precision
    assert (np.diff(table.error[:6]) < 0).all()
    assert table.error[-1] > 100 * table.error[table.best]
    assert "rounding takes over" in str(table)
    assert len(str(table).splitlines()) == 18
    at_the_edge = SymbolicFunction("sqrt(2 - x)").difference_quotients(1.5)
    assert np.isnan(at_the_edge.quotient[0])
    assert np.isfinite(at_the_edge.quotient[1:]).all()
    with pytest.raises(ValueError, match="variable must be one of x, y"):
        SymbolicFunction(WORKED).difference_quotients([1.0, 2.0])
    with pytest.raises(ValueError, match="single point"):
        SymbolicFunction(WORKED).difference_quotients([[1.0, 2.0]], "x")


def test_constants():
    f = SymbolicFunction("a*x^2 + b*x*y + n", constants={"a": 2.0, "b": -0.5, "n": 7})
    assert f.variables == ("x", "y")
    assert f.constants == {"a": 2.0, "b": -0.5, "n": 7.0}
    a, b, x, y = sympy.symbols("a b x y", real=True)
    assert f.partials == {"x": 2 * a * x + b * y, "y": b * x}
    assert f([3.0, 4.0]) == 19.0
    np.testing.assert_array_equal(f.gradient_at([3.0, 4.0]), [10.0, -1.5])
    assert f.check([3.0, 4.0]).passed
    assert [(step.rule, step.equation()) for step in f.steps("x")][:3] == [
        ("linearity: sum", "∂/∂x[a*x**2 + b*x*y + n] = ∂/∂x[a*x**2] + ∂/∂x[b*x*y] + ∂/∂x[n]"),
        ("linearity: constant factor, a held constant", "∂/∂x[a*x**2] = a*∂/∂x[x**2]"),
        ("power rule", "∂/∂x[x**2] = 2*x"),
    ]
    assert "constant, n held constant: ∂/∂x[n] = 0" in map(str, f.steps("x"))
    again = pickle.loads(pickle.dumps(f))
    assert (again.constants, again.expression, again([3.0, 4.0])) == (f.constants, f.expression, 19.0)
    assert repr(f) == (
        "SymbolicFunction('a*x**2 + b*x*y + n', variables=['x', 'y'], constants={'a': 2.0, 'b': -0.5, 'n': 7.0})"
    )


def test_a_constant_exponent_is_a_number_in_the_domain():
    f = SymbolicFunction("x^n", constants={"n": 2})
    assert f(-3.0) == 9.0
    assert f.gradient_at(-3.0) == [-6.0]
    assert f.gradient_at(0.0) == [0.0]
    assert str(f.domain) == "everywhere"
    assert str(SymbolicFunction("sqrt(x - a)", constants={"a": 2}).domain) == "x - 2 >= 0"
    assert SymbolicFunction("exp(-λ t)", constants={"λ": 0.5}).gradient_at(0.0) == [-0.5]
    assert SymbolicFunction("pi*x", constants={"pi": 3})(1.0) == 3.0


def test_constants_in_second_derivatives_descents_checks_and_at_kinks():
    f = SymbolicFunction("a*x^2 + b*y^2 + c*x*y", constants={"a": 1.5, "b": -2.0, "c": 1.0})
    np.testing.assert_array_equal(f.hessian_at([0.3, 0.7]), [[3.0, 1.0], [1.0, -4.0]])
    assert f.classify([0.0, 0.0]).kind == "saddle"
    assert f.check([0.3, 0.7]).passed
    f = SymbolicFunction("(x - a)^2 + b*(y - a)^2", constants={"a": 3.0, "b": 2.0})
    assert f.classify([3.0, 3.0]).kind == "minimum"
    for rate in (0.1, "backtracking"):
        path = f.descend([0.0, 0.0], rate, max_iter=300, tol=1e-10)
        np.testing.assert_allclose(path.points[-1], [3.0, 3.0], atol=1e-9)
    np.testing.assert_allclose(f.descend([0.0, 0.0], 0.1, max_iter=1).points[1], [0.6, 1.2])
    f = SymbolicFunction("(x - a)*abs(x - a) + ln(x - b)", constants={"a": 2.0, "b": 1.0})
    np.testing.assert_array_equal(f.gradient_at(2.0), [1.0])
    assert str(f.domain) == "x - 1 > 0"


def test_wrong_constants():
    for wrong, message in (
        ({"x": 1.0}, "'x' is a variable"),
        ({"sin": 1.0}, "'sin' cannot be the name of a constant"),
        ({"a": np.inf}, "must hold finite real numbers"),
        ({"a": "2"}, "must hold finite real numbers"),
        ({"a": [1.0]}, "constants must be numbers; 'a' is an array"),
    ):
        with pytest.raises(ValueError, match=message):
            SymbolicFunction("a*x", variables=["x"], constants=wrong)
    with pytest.raises(TypeError, match="constants must be a mapping"):
        SymbolicFunction("a*x", constants=["a"])
    with pytest.raises(ExpressionError, match=r"A constant part is not a finite real number"):
        SymbolicFunction("x/a", constants={"a": 0})
    with pytest.raises(ExpressionError, match='"ax" would be one variable, beside a and x'):
        SymbolicFunction("ax + x", constants={"a": 2})


def test_ln_comes_back_as_ln():
    f = SymbolicFunction("y*ln(x)")
    assert repr(f.partials) == "{'x': y/x, 'y': ln(x)}"
    assert str(f) == "y*ln(x)"
    assert str(f.domain) == "x > 0"
    assert f.steps("x")[0].equation() == "∂/∂x[y*ln(x)] = y*∂/∂x[ln(x)]"
    assert r"\ln" in f.latex()
    assert r"\log" not in f.latex()
