"""Domains against sampling: a point is inside where every part of the function is real and finite."""

import itertools
import operator
import random
import time
from functools import reduce

import mpmath
import numpy as np
import pytest
import sympy
from sympy import (
    Abs,
    Max,
    Min,
    Mul,
    Pow,
    Rational,
    acos,
    acosh,
    acot,
    acoth,
    acsc,
    acsch,
    asec,
    asech,
    asin,
    asinh,
    atan,
    atanh,
    cosh,
    cot,
    coth,
    csc,
    csch,
    erf,
    exp,
    log,
    sec,
    sech,
    sign,
    sin,
    sinh,
    sqrt,
    tan,
    tanh,
)

from gdlearn.symbolic._domain import conditions
from gdlearn.symbolic._evaluate import FUNCTIONS, Evaluator

x, y, z = sympy.symbols("x y z", real=True)
third = Rational(1, 3)


def cbrt(u):
    return sign(u) * Abs(u) ** third


CASES = {  # expression: its domain in words
    x**2 * y + sin(x * y): "everywhere",
    log(x): "x > 0",
    log(-2 * x): "x < 0",
    log(x - 1): "x - 1 > 0",
    log(log(x)): "x > 0 and ln(x) > 0",
    log(log(log(x))): "x > 0 and ln(x) > 0 and ln(ln(x)) > 0",
    log(1 - x**2 - y**2): "-x**2 - y**2 + 1 > 0",
    log(x**2 + 1): "everywhere",
    log(Abs(x)): "x != 0",
    sqrt(x): "x >= 0",
    sqrt(sin(x)): "sin(x) >= 0",
    sqrt(x * y): "x*y >= 0",
    sqrt(1 - sqrt(x)): "x >= 0 and 1 - sqrt(x) >= 0",
    1 / sqrt(x - y): "x - y > 0",
    1 / (1 + sqrt(x)): "x >= 0",
    sqrt(x**2 + y**2): "everywhere",
    sqrt(log(x)): "x > 0 and ln(x) >= 0",
    sqrt(-x) + 1 / x: None,
    x**third: "x >= 0",
    x**-third: "x > 0",
    x**0.5: "x >= 0",
    x**2.0: "everywhere",
    (x - y) ** sympy.pi: "x - y >= 0",
    cbrt(x): "everywhere",
    cbrt(x * y - 1): "everywhere",
    1 / cbrt(x): "x != 0",
    x**y: "x > 0, or x = 0 and y >= 0, or x < 0 and y whole",
    (x**2 + 1) ** y: "everywhere",
    2**x: "everywhere",
    1 / x: "x != 0",
    1 / (x * y): "x != 0 and y != 0",
    1 / (x**2 + 1): "everywhere",
    1 / (x**2 + y**2): "x**2 + y**2 != 0",
    1 / (2 + sin(x)): None,
    1 / (1 - x) + 1 / (x - 1) ** 2: "x - 1 != 0",
    exp(1 / x): "x != 0",
    atan(y / x): "x != 0",
    2 * atan(y / (x + sqrt(x**2 + y**2))): "x + sqrt(x**2 + y**2) != 0",
    Mul(x, Pow(x, -1), evaluate=False): "x != 0",
    Pow(sqrt(x), 2, evaluate=False): "x >= 0",
    tan(x): "cos(x) != 0",
    sec(x * y): "cos(x*y) != 0",
    cot(x): "sin(x) != 0",
    csc(x - 1): "sin(x - 1) != 0",
    asin(2 * x): "2*abs(x) <= 1",
    asin(sin(x)): "everywhere",
    acos(x * y): "abs(x*y) <= 1",
    atan(x) + asinh(x) + sinh(x) * cosh(y) + tanh(x) + erf(x) + sech(x): "everywhere",
    acosh(x): "x >= 1",
    atanh(x): "abs(x) < 1",
    acoth(x): "abs(x) > 1",
    asech(x): "x > 0 and x <= 1",
    acsch(x): "x != 0",
    asec(x): "abs(x) >= 1",
    acsc(x): "abs(x) >= 1",
    coth(x) + csch(x): "x != 0",
    acot(x): "everywhere",
    Max(sqrt(x), y): "x >= 0",
    Min(x, y, 1): "everywhere",
    Abs(log(x)): "x > 0",
    log(x) / (y - z): None,
    log(x, 10) + sqrt(y) * asin(z): None,
}

SPECIAL = {sympy.Abs: mpmath.fabs, sympy.Max: max, sympy.Min: min, sympy.Pow: mpmath.power}
COMBINED = {sympy.Add: operator.add, sympy.Mul: operator.mul}


def reference(node, point):
    """The value by mpmath, or None where any part of it is not real and finite."""
    if isinstance(node, sympy.Symbol):
        return point[node]
    if not node.args:
        return mpmath.mpf(node.evalf(mpmath.mp.dps))
    values = [reference(argument, point) for argument in node.args]
    if None in values:
        return None
    try:
        if node.func in COMBINED:
            value = reduce(COMBINED[node.func], values)
        else:
            value = (SPECIAL.get(node.func) or getattr(mpmath, node.func.__name__))(*values)
    except (ZeroDivisionError, ValueError):
        return None
    return value if mpmath.isfinite(value) and mpmath.im(value) == 0 else None


def samples(expression, n=150):
    """Points at random and, where edges are, on a lattice."""
    symbols = sorted(expression.free_symbols, key=str)
    rng = random.Random(str(expression))
    lattice = itertools.product([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0], repeat=len(symbols))
    drawn = [tuple(rng.uniform(-3, 3) for _ in symbols) for _ in range(n)]
    return [dict(zip(symbols, point, strict=True)) for point in [*itertools.islice(lattice, 150), *drawn]]


def as_arrays(points):
    return {symbol.name: np.array([point[symbol] for point in points]) for symbol in points[0]}


def exactly(point):
    return {symbol: mpmath.mpf(value) for symbol, value in point.items()}


@pytest.mark.parametrize(("expression", "words"), CASES.items(), ids=map(str, CASES))
def test_contains_what_sampling_finds_defined(expression, words):
    domain = conditions(expression)
    if words is not None:
        assert str(domain) == words
    points = samples(expression)
    expected = [reference(expression, exactly(point)) is not None for point in points]
    assert domain.contains(as_arrays(points)).tolist() == expected
    for point, inside in list(zip(points, expected, strict=True))[::10]:
        values = {symbol.name: value for symbol, value in point.items()}
        assert bool(domain.contains(values)) == inside
        assert (domain.violated(values) is None) == inside


@pytest.mark.parametrize("expression", CASES, ids=str)
def test_numbers_are_mpmaths(expression):
    points = samples(expression, 20)
    computed = Evaluator(as_arrays(points))(expression)
    for value, point in zip(computed, points, strict=True):
        expected = reference(expression, exactly(point))
        if expected is not None:
            assert mpmath.almosteq(mpmath.mpf(float(value)), expected, 1e-13, 1e-13), point


ROUGH = [
    Abs(x),
    Abs(x - y),
    Abs(x * y - 1),
    sign(x),
    sqrt(x),
    sqrt(x * y),
    sqrt(1 - x**2),
    sqrt(Abs(x)),
    sqrt(x**2 + y**2),
    x ** Rational(3, 2),
    x**0.25,
    cbrt(x),
    cbrt(x - y),
    cbrt(x) ** 2,
    Max(x, y),
    Max(x, 0),
    Max(x, y, 1),
    Min(x, y**2, 1),
    asin(x),
    acos(x * y),
    acosh(x),
    asec(x),
    acsc(x),
    asech(x),
    acot(x),
    Abs(log(x)),
    log(Abs(x)),
    1 / x,
    x**2 * y + sin(x * y),
    sqrt(sin(x)),
    exp(-Abs(x)),
]


def has_a_tangent(expression, point):
    """Whether difference quotients from both sides agree, in every direction that stays in the domain."""
    h = mpmath.mpf(10) ** -30
    rng = random.Random(0)
    axes = [{s: float(s == symbol) for s in point} for symbol in point]
    for direction in [*axes, *({s: rng.choice([-1, 1]) * rng.uniform(0.5, 1) for s in point} for _ in range(6))]:
        middle = reference(expression, point)
        slopes = []
        for step in (h, -h):
            value = reference(expression, {s: point[s] + step * mpmath.mpf(direction[s]) for s in point})
            if value is not None:
                slopes.append((value - middle) / step)
        if any(abs(slope) > 1e5 for slope in slopes):
            return False
        if len(slopes) == 2 and abs(slopes[0] - slopes[1]) > 1e-5:
            return False
    return True


@pytest.mark.parametrize("expression", ROUGH, ids=str)
def test_differentiable_where_difference_quotients_agree(expression):
    points = samples(expression, 30)
    inside = conditions(expression).contains(as_arrays(points))
    smooth = conditions(expression).differentiable_at(as_arrays(points))
    with mpmath.workdps(80):
        for point, defined, differentiable in zip(points, inside, smooth, strict=True):
            if defined:
                assert has_a_tangent(expression, exactly(point)) == differentiable, point
            else:
                assert not differentiable


@pytest.mark.parametrize(
    ("expression", "extra"),
    [
        (Abs(x), ["x != 0"]),
        (sqrt(x), ["x > 0"]),
        (asin(x), ["abs(x) < 1"]),
        (Max(x, 0), ["x != 0"]),
        (Max(x, y, z), ["x != max(y, z)", "y != max(x, z)"]),
        (cbrt(x - 1), ["x - 1 != 0"]),
        (x * Abs(x), ["x != 0"]),  # has a derivative at 0 that the rules do not give
        (log(Abs(x)), []),
        (log(x) + sqrt(x), []),
    ],
)
def test_what_differentiability_needs_besides(expression, extra):
    assert [str(condition) for condition in conditions(expression).differentiable] == extra


def test_poles_are_met_to_within_rounding():
    domain = conditions(tan(sympy.pi * x))
    assert domain.contains({"x": [0.0, 0.5, 1.5, 2.5, -100.5, 0.5 + 1e-12]}).tolist() == [True] + 4 * [False] + [True]
    assert not conditions(cot(x)).contains({"x": np.pi})
    assert conditions(cot(x)).contains({"x": 1e-300})


def test_the_first_violated_condition_says_why():
    domain = conditions(sqrt(log(x)) + asin(y))
    assert domain.violated({"x": 2.0, "y": 0.0}) is None
    assert domain.violated({"x": -1.0, "y": 0.0}).reason == "ln(x) needs x > 0"
    assert domain.violated({"x": 0.5, "y": 0.0}).reason == "sqrt(ln(x)) needs ln(x) >= 0"
    assert domain.violated({"x": 2.0, "y": [0.0, 3.0]}).reason == "asin(y) needs abs(y) <= 1"
    edge = {"x": 2.0, "y": 1.0}
    assert domain.violated(edge) is None
    assert domain.violated(edge, differentiable=True).reason == "asin(y) is differentiable for abs(y) < 1"


def test_stricter_conditions_swallow_weaker_ones():
    assert str(conditions(sqrt(x) + log(x) + 1 / x)) == "x > 0"
    both = conditions(sqrt(x) + 1 / x).defined
    assert [(condition.left, condition.relation, condition.right) for condition in both] == [(x, ">", 0)]
    assert set(both[0].reason.split("; ")) == {"sqrt(x) needs x >= 0", "1/x needs x != 0"}


def test_values_broadcast_and_must_be_finite():
    domain = conditions(sqrt(x * y))
    assert domain.contains({"x": np.ones((3, 1)), "y": np.array([-1.0, 1.0])}).tolist() == [[False, True]] * 3
    assert domain.contains({"x": [np.nan, np.inf, 1.0], "y": 1.0}).tolist() == [False, False, True]
    assert conditions(x + y).contains({"x": [1.0, np.nan], "y": 0.0}).tolist() == [True, False]
    with pytest.raises(ValueError, match="variable y has no value"):
        domain.contains({"x": 1.0})


def test_a_constant_that_has_no_value_empties_the_domain():
    domain = conditions(x + log(sympy.Integer(-2), evaluate=False))
    assert str(domain) == "-2 > 0"
    assert not domain.contains({"x": 1.0})


@pytest.mark.parametrize("expression", [sympy.gamma(x), sympy.atan2(y, x), sympy.I * x, x / sympy.S.Zero])
def test_unknown_functions_are_refused(expression):
    with pytest.raises(ValueError, match="is not known"):
        conditions(expression)


def test_every_function_has_numbers_and_a_domain():
    for function in FUNCTIONS:
        if issubclass(function, sympy.Function) and function not in (Max, Min):
            conditions(function(x))


def test_conditions_have_latex():
    found = conditions(asin(x) + sqrt(y) + 1 / (x - y) + log(z) + x**z).defined
    assert all(condition.latex() for condition in found)
    assert {r"\left|{x}\right| \leq 1", r"y \geq 0", r"x - y \neq 0", "z > 0"} <= {c.latex() for c in found}


def test_large_expressions_are_quick():
    with sympy.evaluate(False):
        deep = reduce(lambda u, i: log(1 + sqrt(u)) if i % 2 else 1 / (2 + sin(u)), range(12), x)
    wide = sympy.Add(*[log(x + i) / (y - i) for i in range(100)])
    for expression in (deep, wide):
        start = time.process_time()
        domain = conditions(expression)
        domain.contains({"x": np.ones(1000), "y": 0.5})
        assert time.process_time() - start < 2.0
