"""Domains against sampling: a point is inside where every part of what was typed is real and finite."""

import itertools
import random
import re

import mpmath
import numpy as np
import pytest
import sympy
from grammar import by_mpmath, distances, function, in_each_arithmetic, no_hang, syntax, texts
from hypothesis import HealthCheck, given, settings

from gdlearn.symbolic import DomainError, SymbolicFunction
from gdlearn.symbolic._functions import FUNCTIONS

CASES = {  # expression: its domain in words
    "x**2 * y + sin(x * y)": "everywhere",
    "ln(x)": "x > 0",
    "ln(-2 * x)": "x < 0",
    "ln(x - 1)": "x - 1 > 0",
    "ln(ln(x))": "x > 0 and ln(x) > 0",
    "ln(ln(ln(x)))": "x > 0 and ln(x) > 0 and ln(ln(x)) > 0",
    "ln(1 - x**2 - y**2)": "1 - x**2 - y**2 > 0",
    "ln(x**2 + 1)": "everywhere",
    "ln(abs(x))": "x != 0",
    "sqrt(x)": "x >= 0",
    "sqrt(sin(x))": "sin(x) >= 0",
    "sqrt(x * y)": "x*y >= 0",
    "sqrt(1 - sqrt(x))": "x >= 0 and 1 - sqrt(x) >= 0",
    "1 / sqrt(x - y)": "x - y > 0",
    "1 / (1 + sqrt(x))": "x >= 0",
    "sqrt(x**2 + y**2)": "everywhere",
    "sqrt(ln(x))": "x > 0 and ln(x) >= 0",
    "sqrt(-x) + 1 / x": None,
    "x**(1/3)": "x >= 0",
    "x**(-1/3)": "x > 0",
    "x**0.5": "x >= 0",
    "x**2.0": "everywhere",
    "(x - y) ** pi": "x - y >= 0",
    "cbrt(x)": "everywhere",
    "cbrt(x * y - 1)": "everywhere",
    "1 / cbrt(x)": "x != 0",
    "x**y": "x > 0, or x = 0 and y >= 0, or x < 0 and y whole",
    "(x**2 + 1) ** y": "everywhere",
    "2**x": "everywhere",
    "1 / x": "x != 0",
    "1 / (x * y)": "x != 0 and y != 0",
    "1 / (x**2 + 1)": "everywhere",
    "1 / (x**2 + y**2)": "x**2 + y**2 != 0",
    "1 / (2 + sin(x))": None,
    "1 / (1 - x) + 1 / (x - 1) ** 2": "1 - x != 0",
    "exp(1 / x)": "x != 0",
    "atan(y / x)": "x != 0",
    "2 * atan(y / (x + sqrt(x**2 + y**2)))": "x + sqrt(x**2 + y**2) != 0",
    "x/x": "x != 0",
    "sqrt(x)**2": "x >= 0",
    "tan(x)": "cos(x) != 0",
    "sec(x * y)": "cos(x*y) != 0",
    "cot(x)": "sin(x) != 0",
    "csc(x - 1)": "sin(x - 1) != 0",
    "asin(2 * x)": "2*abs(x) <= 1",
    "asin(sin(x))": "everywhere",
    "acos(x * y)": "abs(x*y) <= 1",
    "atan(x) + asinh(x) + sinh(x) * cosh(y) + tanh(x) + erf(x) + sech(x)": "everywhere",
    "acosh(x)": "x >= 1",
    "atanh(x)": "abs(x) < 1",
    "coth(x) + csch(x)": "x != 0",
    "max(sqrt(x), y)": "x >= 0",
    "min(x, y, 1)": "everywhere",
    "1/max(x, y, 1)": "everywhere",
    "sqrt(min(x**2, exp(y)))": "everywhere",
    "sqrt(1/x)": "x != 0 and 1/x >= 0",
    "1/sqrt(1/x)": None,
    "sqrt(y**-x)": None,
    "1/x**x": None,
    "ln(max(x, 0))": "max(0, x) > 0",
    "1/(min(-1, x) - y**2)": "everywhere",
    "abs(ln(x))": "x > 0",
    "ln(x) / (y - z)": None,
    "log10(x) + sqrt(y) * asin(z)": None,
}


def names_of(text):
    return sorted(SymbolicFunction(text).variables)


def samples(text, n=150):
    """Points at random and, where edges are, on a lattice."""
    names = names_of(text)
    rng = random.Random(text)
    lattice = itertools.product([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0], repeat=len(names))
    drawn = [tuple(rng.uniform(-3, 3) for _ in names) for _ in range(n)]
    return [dict(zip(names, point, strict=True)) for point in [*itertools.islice(lattice, 150), *drawn]]


def as_arrays(points):
    return {name: np.array([point[name] for point in points]) for name in points[0]}


def exactly(point):
    return {name: mpmath.mpf(value) for name, value in point.items()}


@pytest.mark.parametrize(("text", "words"), CASES.items(), ids=CASES)
def test_contains_what_sampling_finds_defined(text, words):
    f = SymbolicFunction(text)
    domain, tree = f.domain, syntax(text)
    if words is not None:
        assert str(domain) == words
    points = samples(text)
    expected = [by_mpmath(tree, exactly(point)) is not None for point in points]
    assert domain.contains(as_arrays(points)).tolist() == expected
    assert f.in_domain(as_arrays(points)).tolist() == expected
    assert np.isfinite(f(as_arrays(points), outside="nan")).tolist() == expected
    for point, inside in list(zip(points, expected, strict=True))[::10]:
        assert bool(domain.contains(point)) == inside
        assert (domain.violated(point) is None) == inside
        assert f.in_domain(point) is inside


LATTICE = [-2.0, -1.7, -1.0, -0.5, 0.0, 0.3, 0.5, 1.0, 2.0]


def inside_or_not(tree, point):
    """What each arithmetic finds, there and a few roundings beside it.

    On an edge rounding decides: of acos(sqrt(2x)) at x = 1/2 SymPy's sqrt(2)*sqrt(x) is not 1 but the number after it.
    """
    for steps in itertools.product((0, -1e-14, 1e-14), repeat=len(point)):
        beside = {name: value * (1 + step) for (name, value), step in zip(point.items(), steps, strict=True)}
        yield from in_each_arithmetic(lambda finish, at=beside: by_mpmath(tree, at, finish) is not None)
    if by_mpmath(tree, point) is not None and min(distances(tree, point), default=1) < 1e-13:
        yield False  # a pole counts as met within rounding: csc(x + 0.3) at x = -0.3


@settings(max_examples=300, suppress_health_check=list(HealthCheck))
@given(texts)
@pytest.mark.slow
def test_domains_of_generated_functions(text):
    f = function(text)
    rng, tree = random.Random(text), syntax(text)
    for _ in range(8 if f.variables else 0):
        point = {name: rng.choice(LATTICE) for name in f.variables}
        assert f.in_domain(point) in inside_or_not(tree, exactly(point)), point


@pytest.mark.parametrize("text", CASES)
def test_numbers_are_mpmaths(text):
    points, tree = samples(text, 20), syntax(text)
    computed = SymbolicFunction(text)(as_arrays(points), outside="nan")
    for value, point in zip(computed, points, strict=True):
        expected = by_mpmath(tree, exactly(point))
        if expected is not None:
            assert mpmath.almosteq(mpmath.mpf(float(value)), expected, 1e-13, 1e-13), point


ROUGH = [
    "abs(x)",
    "abs(x - y)",
    "abs(x*y - 1)",
    "sign(x)",
    "sqrt(x)",
    "sqrt(x*y)",
    "sqrt(1 - x**2)",
    "sqrt(abs(x))",
    "sqrt(x**2 + y**2)",
    "x**(3/2)",
    "x**0.25",
    "cbrt(x)",
    "cbrt(x - y)",
    "cbrt(x)**2",
    "max(x, y)",
    "max(x, 0)",
    "max(x, y, 1)",
    "min(x, y**2, 1)",
    "asin(x)",
    "acos(x*y)",
    "acosh(x)",
    "abs(ln(x))",
    "ln(abs(x))",
    "1/x",
    "x**2*y + sin(x*y)",
    "sqrt(sin(x))",
    "exp(-abs(x))",
]


def has_a_tangent(tree, point):
    """Whether difference quotients from both sides agree, in every direction that stays in the domain."""
    h = mpmath.mpf(10) ** -30
    rng = random.Random(0)
    axes = [{s: float(s == name) for s in point} for name in point]
    for direction in [*axes, *({s: rng.choice([-1, 1]) * rng.uniform(0.5, 1) for s in point} for _ in range(6))]:
        middle = by_mpmath(tree, point)
        slopes = []
        for step in (h, -h):
            value = by_mpmath(tree, {s: point[s] + step * mpmath.mpf(direction[s]) for s in point})
            if value is not None:
                slopes.append((value - middle) / step)
        if any(abs(slope) > 1e5 for slope in slopes):
            return False
        if len(slopes) == 2 and abs(slopes[0] - slopes[1]) > 1e-5:
            return False
    return True


@pytest.mark.parametrize("text", ROUGH)
def test_differentiable_where_difference_quotients_agree(text):
    points, tree, f = samples(text, 30), syntax(text), SymbolicFunction(text)
    inside = f.domain.contains(as_arrays(points))
    smooth = f.domain.differentiable_at(as_arrays(points))
    assert np.isfinite(f.gradient_at(as_arrays(points), outside="nan")).all(axis=-1).tolist() == smooth.tolist()
    with mpmath.workdps(80):
        for point, defined, differentiable in zip(points, inside, smooth, strict=True):
            if defined:
                assert has_a_tangent(tree, exactly(point)) == differentiable, point
            else:
                assert not differentiable


@pytest.mark.parametrize(
    ("text", "extra"),
    [
        ("abs(x)", ["x != 0"]),
        ("sqrt(x)", ["x > 0"]),
        ("asin(x)", ["abs(x) < 1"]),
        ("max(x, 0)", ["x != 0"]),
        ("max(x, x)", []),
        ("max(x, 1, 2, 3)", ["x != 3"]),
        ("max(x, y, x, 1, 1)", ["x != max(1, y)", "y != max(1, x)"]),
        ("max(x, y, z)", ["x != max(y, z)", "y != max(x, z)"]),
        ("cbrt(x - 1)", ["x - 1 != 0"]),
        ("x*abs(x)", ["x != 0"]),  # has a derivative at 0 that the rules do not give
        ("ln(abs(x))", []),
        ("ln(x) + sqrt(x)", []),
    ],
)
def test_what_differentiability_needs_besides(text, extra):
    assert [str(condition) for condition in SymbolicFunction(text).domain.differentiable] == extra


def domain(text):
    return SymbolicFunction(text).domain


def test_poles_are_met_to_within_rounding():
    inside = domain("tan(pi*x)").contains({"x": [0.0, 0.5, 1.5, 2.5, -100.5, 0.5 + 1e-12]})
    assert inside.tolist() == [True] + 4 * [False] + [True]
    assert not domain("cot(x)").contains({"x": np.pi})
    assert domain("cot(x)").contains({"x": 1e-300})


def test_a_point_on_the_edge_but_for_rounding_is_on_the_edge():
    f = SymbolicFunction("sqrt(1 - x^2 - y^2)")
    for point in ([0.6, 0.8], [0.8, 0.6], [-0.28, 0.96], [5 / 13, 12 / 13]):
        assert f(point) == pytest.approx(0.0, abs=2e-8)  # the root of a rounding
        assert np.isnan(f.gradient_at(point, outside="nan")).all()
        assert not SymbolicFunction("ln(1 - x^2 - y^2)").in_domain(point)
    assert not f.in_domain([0.6, 0.8 + 1e-14])
    assert f([0.6, 0.8 - 1e-14]) == pytest.approx(np.sqrt(1.6e-14), rel=1e-2)
    assert not SymbolicFunction("sqrt(x - 1)").in_domain(1 - 2**-53)  # whose sum is exact
    np.testing.assert_array_equal(SymbolicFunction("abs(x)^2 + cbrt(x^3) + sqrt(x^4)").gradient_at(0.0), [1.0])


FAR_OUT = {  # text: points whose conditions float64 gets wrong, each with whether f has a value there
    "ln(sqrt(x^2 + 1) - x)": [([1e9], True), ([1e200], True)],
    "sqrt(x - sqrt(x^2 + 1))": [([1e9], False), ([-1e9], False)],
    "1/(sqrt(x^2 + 1) - x)": [([1e9], True)],
    "ln(x^2 - y^2)": [([1e200, 1e199], True), ([1e199, 1e200], False), ([1e-200, 1e-199], False)],
    "ln(exp(x) - exp(y))": [([1000.0, 999.0], True), ([999.0, 1000.0], False)],
    "sqrt(x*y)": [([1e-200, -1e-200], False), ([1e-200, 1e-200], True)],
    "asin(x/sqrt(1 + x^2))": [([1e200], True)],
    "1/(sin(x)^2 + cos(x)^2 - 1)": [([0.7], False), ([0.1], False)],
}


@pytest.mark.parametrize(("text", "cases"), FAR_OUT.items(), ids=FAR_OUT)
def test_conditions_are_decided_in_as_many_digits_as_they_need(text, cases):
    f, tree = SymbolicFunction(text), syntax(text)
    for point, inside in cases:
        assert f.in_domain(point) is inside, point
        with mpmath.workdps(900):
            exact = by_mpmath(tree, exactly(dict(zip(f.variables, point, strict=True))))
        if inside:
            assert f(point) == pytest.approx(float(exact), rel=1e-14)
        else:
            assert np.isnan(f(point, outside="nan"))
    assert f.in_domain([point for point, _ in cases]).tolist() == [inside for _, inside in cases]


def test_what_a_condition_found_is_said_with_its_digits():
    with pytest.raises(DomainError, match=re.escape("x - sqrt(x**2 + 1) = -5e-10 at x = 1e+09.")):
        SymbolicFunction("sqrt(x - sqrt(x^2 + 1))")(1e9)
    with pytest.raises(DomainError, match=r"is 0 within rounding at x = 0\.6, y = 0\.8"):
        SymbolicFunction("ln(1 - x^2 - y^2)")(0.6, 0.8)
    with pytest.raises(DomainError, match=r"x - 1/10 = 0 at x = 0\.1"):
        SymbolicFunction("1/(x - 0.1)")(0.1)
    np.testing.assert_allclose(SymbolicFunction("sqrt(x^2 + y^2)").gradient_at([3e-200, 4e-200]), [0.6, 0.8])


@pytest.mark.parametrize("text", ["sqrt(-x^2)", "(-x^2)^(3/2)", "sqrt(-x^2 - y^2)", "y + sqrt(-abs(x))"])
def test_a_root_that_is_real_at_points_alone_has_a_value_there_and_no_derivative(text):
    f, tree = SymbolicFunction(text, ["x", "y"]), syntax(text)
    for point in itertools.product([0.0, 1.0, -1e-200], repeat=2):
        expected = by_mpmath(tree, exactly({"x": point[0], "y": point[1]}))
        assert f.in_domain(point) == (expected is not None)
        if expected is not None:
            assert f(point) == float(expected)
            assert np.isnan(f.gradient_at(point, by=["x"], outside="nan")).all()
    with pytest.raises(DomainError, match="is differentiable for"):
        f.gradient_at([0.0, 0.0])


def test_a_power_of_a_negative_base_has_a_derivative_by_the_base():
    f = SymbolicFunction("x^y")
    np.testing.assert_array_equal(f.gradient_at([-2.0, 3.0], by=["x"]), [12.0])
    assert np.isnan(f.gradient_at([-2.0, 3.0], by=["y"], outside="nan")).all()
    assert np.isnan(SymbolicFunction("x^x").gradient_at(-2.0, outside="nan")).all()


def test_the_first_violated_condition_says_why():
    found = domain("sqrt(ln(x)) + asin(y)")
    assert found.violated({"x": 2.0, "y": 0.0}) is None
    assert found.violated({"x": -1.0, "y": 0.0}).reason == "ln(x) needs x > 0"
    assert found.violated({"x": 0.5, "y": 0.0}).reason == "sqrt(ln(x)) needs ln(x) >= 0"
    assert found.violated({"x": 2.0, "y": [0.0, 3.0]}).reason == "asin(y) needs abs(y) <= 1"
    edge = {"x": 2.0, "y": 1.0}
    assert found.violated(edge) is None
    assert found.where_differentiable().violated(edge).reason == "asin(y) is differentiable for abs(y) < 1"
    assert found.refusal(edge) is None
    assert str(found.refusal({"x": 0.5, "y": 0.0})) == (
        "sqrt(ln(x)) needs ln(x) >= 0, and ln(x) = -0.693147 at x = 0.5, y = 0."
    )


def test_stricter_conditions_swallow_weaker_ones():
    assert str(domain("sqrt(x) + ln(x) + 1/x")) == "x > 0"
    (both,) = domain("sqrt(x) + 1/x").defined
    assert str(both) == "x > 0"
    assert set(both.reason.split("; ")) == {"sqrt(x) needs x >= 0", "1/x needs x != 0"}


def test_values_broadcast_and_must_be_finite():
    found = domain("sqrt(x*y)")
    assert found.contains({"x": np.ones((3, 1)), "y": np.array([-1.0, 1.0])}).tolist() == [[False, True]] * 3
    assert found.contains({"x": [np.nan, np.inf, 1.0], "y": 1.0}).tolist() == [False, False, True]
    assert domain("x + y").contains({"x": [1.0, np.nan], "y": 0.0}).tolist() == [True, False]
    with pytest.raises(ValueError, match="variable y has no value"):
        found.contains({"x": 1.0})


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - {"max", "min"}))
def test_a_row_of_the_table_of_functions(name):
    """What a row must bring: a kernel that is SymPy's value, the slope of that, its domain, its name in the docs."""
    f = SymbolicFunction(f"{name}(x)")
    points = np.linspace(-2.05, 3.05, 35)[:, np.newaxis]
    points = np.concatenate([points, [[-1.0], [0.0], [1.0]]])
    inside = f.in_domain(points)
    assert inside.any()
    assert np.isfinite(f(points, outside="nan")).tolist() == inside.tolist()
    smooth = f.domain.differentiable_at({"x": points[:, 0]})
    assert np.isfinite(f.gradient_at(points, outside="nan")[:, 0]).tolist() == smooth.tolist()
    (symbol,) = f.expression.free_symbols
    with mpmath.workdps(40):

        def value(x):
            return by_mpmath(syntax(f"{name}(x)"), {"x": mpmath.mpf(x)})

        for (x,), is_smooth in zip(points[inside], smooth[inside], strict=True):
            by_sympy = f.expression.subs(symbol, sympy.Float(x, 40))
            assert f(x) == pytest.approx(float(value(x)), rel=1e-13, abs=1e-15)
            assert f(x) == pytest.approx(float(by_sympy.evalf(30)), rel=1e-13, abs=1e-15)
            if is_smooth:
                assert f.gradient_at(x) == pytest.approx(float(mpmath.diff(value, x)), rel=1e-12, abs=1e-14)
    assert re.search(rf"\b{name}\b", SymbolicFunction.__doc__ + GROUPS)


GROUPS = "sin cos tan cot sec csc asin acos atan arcsin arccos arctan sinh cosh tanh coth sech csch asinh acosh atanh"
"""What the docstring calls the trigonometric and hyperbolic functions with their inverses."""


def test_conditions_have_latex():
    found = domain("asin(x) + sqrt(y) + 1/(x - y) + ln(z) + x**z")
    assert all(condition.latex() for condition in found.defined)
    assert {r"\left|{x}\right| \leq 1", r"y \geq 0", r"x - y \neq 0", "z > 0"} <= {c.latex() for c in found.defined}
    assert found.latex().count(r"\wedge") == 4 + 2  # of the power's own
    assert domain("x").latex() == ""


def test_large_expressions():
    deep = "x"
    for i in range(8):
        deep = f"ln(1 + sqrt({deep}))" if i % 2 else f"1/(2 + sin({deep}))"
    wide = " + ".join(f"ln(x + {i})/(y - {i})" for i in range(40))
    for text in (deep, wide):
        with no_hang():
            assert domain(text).contains({"x": np.ones(1000), "y": np.full(1000, 0.5)}).all()
