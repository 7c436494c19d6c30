"""Straight-line code for loops: the numbers of `f` and `f.gradient_at`, or None; nothing of the text gets into it."""

import builtins

import numpy as np
import pytest
import sympy
from grammar import function, texts
from hypothesis import HealthCheck, given, settings

from gdlearn.symbolic import DomainError, ResidualSumOfSquares, SymbolicFunction


@pytest.fixture(autouse=True)
def quiet():
    """As in the loop of a descent."""
    with np.errstate(all="ignore"):
        yield


FUNCTIONS = [
    "(1 - x)^2 + 100*(y - x^2)^2",
    "x^2*y + sin(x*y) + x^4 - y^3",
    "ln(x)*sqrt(y)/(x + y)",
    "exp(-x^2 - y^2)*cos(3*x*y)",
    "max(x, y, 1)*min(x, 2y) + abs(x - y) + sign(x)",
    "x^y + cbrt(x - y) + log10(x)",
    "atan(y/x) + 1/x - x^-3",
    "erf(x) + tanh(y)*2^x",
]


@pytest.mark.parametrize("text", FUNCTIONS)
def test_one_pass_gives_the_numbers_of_a_closer_look(text):
    f = SymbolicFunction(text)
    points = np.random.default_rng(0).uniform(0.1, 3.0, (50, len(f.variables)))
    told = 0
    for point in points:
        found = f.value_and_gradient(point)
        if found is not None:
            told += 1
            assert found[0] == f(point) == f.value_in_one_pass(point)
            np.testing.assert_array_equal(found[1], f.gradient_at(point))
    assert told > 40


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(texts)
def test_one_pass_of_generated_functions(text):
    f = function(text)
    rng = np.random.default_rng(len(text))
    for point in rng.normal(size=(5, len(f.variables))):
        found = f.value_and_gradient(point) if f.variables else None
        if found is not None:
            assert found[0] == f(point)
            np.testing.assert_array_equal(found[1], f.gradient_at(point))


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("abs(x)", [0.0]),
        ("ln(x)", [-1.0]),
        ("sqrt(x)", [0.0]),
        ("sqrt(-x^2)", [0.0]),
        ("1/x", [0.0]),
        ("exp(x)", [1e3]),
        ("(1 - cos(x))/x^2", [1e-5]),
        ("tan(x)", [np.pi / 2]),
        ("x^y", [-2.0, 3.0]),
    ],
)
def test_one_pass_leaves_what_takes_a_closer_look(text, point):
    assert SymbolicFunction(text).value_and_gradient(np.array(point)) is None


def test_names_and_functions_that_python_knows_are_variables(monkeypatch):
    """Code that named what was typed would find these."""

    def refuse(*arguments):
        raise AssertionError(arguments)

    f = SymbolicFunction("open + exit*t0 - f5^2 + abs(x0)", ["open", "exit", "t0", "f5", "x0"])
    monkeypatch.setattr(builtins, "open", refuse)
    value, gradient = f.value_and_gradient(np.array([1.0, 2.0, 3.0, 4.0, -5.0]))
    assert value == 1 + 2 * 3 - 16 + 5
    np.testing.assert_array_equal(gradient, [1.0, 3.0, 2.0, -8.0, -1.0])


def test_a_sum_of_squares_in_one_pass_is_that_over_blocks():
    rng = np.random.default_rng(1)
    x = rng.uniform(0.1, 1.0, 20)
    S = ResidualSumOfSquares(SymbolicFunction("a*exp(b*x) + c*ln(x)"), {"x": x}, rng.normal(size=20))
    a, b, c = sympy.symbols("a b c")
    for point in rng.normal(size=(10, 3)):
        value, gradient = S.value_and_gradient(point)
        assert value == S(point) == S.value_in_one_pass(point)
        np.testing.assert_array_equal(gradient, S.gradient_at(point))
    total = sum(
        (sympy.Float(y, 30) - a * sympy.exp(b * t) - c * sympy.log(t)) ** 2 for t, y in zip(x, S.y, strict=True)
    )
    at = dict(zip((a, b, c), point, strict=True))
    assert value == pytest.approx(float(total.subs(at)), rel=1e-13)
    np.testing.assert_allclose(gradient, [float(total.diff(s).subs(at)) for s in (a, b, c)], rtol=1e-12)


def test_a_sum_of_squares_leaves_what_takes_a_closer_look():
    S = ResidualSumOfSquares(SymbolicFunction("ln(a*x)"), {"x": [1.0, 2.0]}, [0.0, 0.0])
    assert S.value_and_gradient(np.array([-1.0])) is None
    assert S.value_in_one_pass(np.array([-1.0])) is None
    with pytest.raises(DomainError):
        S([-1.0])
    assert ResidualSumOfSquares(S.model, {"x": [1.0]}, [1e200]).value_and_gradient(np.array([1.0])) is None
