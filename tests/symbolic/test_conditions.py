"""Conditions: what each part claims, what always holds, and which of two claims is the stricter."""

from types import SimpleNamespace

import numpy as np
import pytest
import sympy

from gdlearn.symbolic import SymbolicFunction
from gdlearn.symbolic._conditions import domain_of

x, y = sympy.symbols("x y", real=True)

WORDS = {  # text: where it is defined, and what its derivative needs besides
    "max(pi, x)": ("everywhere", ["x != pi"]),
    "min(x, 3, 2)": ("everywhere", ["x != 2"]),
    "min(x, e, 2)": ("everywhere", ["x != min(2, exp(1))", "exp(1) != min(2, x)"]),
    "max(x, max(y, 1))": ("everywhere", ["y != 1", "x != max(1, y)"]),
    "asin(sin(x))": ("everywhere", ["abs(sin(x)) < 1"]),  # a kink where |sin x| is 1
    "acos(cos(x))": ("everywhere", ["abs(cos(x)) < 1"]),
    "acos(x)": ("abs(x) <= 1", ["abs(x) < 1"]),
    "acosh(x)": ("x >= 1", ["x > 1"]),
    "atanh(x)": ("abs(x) < 1", []),
    "x**0.5": ("x >= 0", ["x > 0"]),
    "x**(1/3)": ("x >= 0", ["x > 0"]),
    "x**pi": ("x >= 0", []),
    "x**1.5": ("x >= 0", []),
    "x**-0.5": ("x > 0", []),
    "x**-pi": ("x > 0", []),
    "x**-1.5": ("x > 0", []),
    "x**2": ("everywhere", []),
    "x**-2": ("x != 0", []),
    "x**0": ("everywhere", []),
    "ln(x)**0": ("x > 0", []),
    "x**-1": ("x != 0", []),
    "x**(sqrt(4))": ("everywhere", []),
    "x**(ln(exp(-3)))": ("x != 0", []),
    "x**y": ("x > 0, or x = 0 and y >= 0, or x < 0 and y whole", ["x > 0"]),
    "exp(x)**y": ("everywhere", []),
    "sqrt(exp(x))": ("everywhere", []),
    "(x - x + 8)**y": ("everywhere", []),
    "abs(x)**0.5": ("everywhere", ["x != 0"]),
    "(x**2)**0.5": ("everywhere", ["x != 0"]),
    "sqrt(-x^2)": ("x = 0", ["x**2 < 0"]),
    "(-x^2)^(3/2) + y": ("x = 0", ["x**2 < 0"]),
    "sqrt(-abs(x - 1))": ("x - 1 = 0", ["x - 1 != 0", "abs(x - 1) < 0"]),
    "sqrt(-x^2) + 1/x": ("nowhere", ["x**2 < 0"]),
    "sqrt(x^3)": ("x >= 0", ["x > 0"]),
    "x^x": ("x >= 0, or x whole", ["x > 0"]),
    "x^(x - 1)": ("x > 0, or x < 0 and x - 1 whole", ["x > 0"]),
    "(x^2)^y": ("x**2 != 0, or y >= 0", ["x != 0"]),
    "abs(x)^x": ("everywhere", ["x != 0"]),
    "ln(5y - x)": ("5*y - x > 0", []),
    "sqrt(1 - (x + y)^2) + 1/(2 - x^2)": ("1 - (x + y)**2 >= 0 and 2 - x**2 != 0", ["1 - (x + y)**2 > 0"]),
    "sqrt(x) + 1/x": ("x > 0", []),
    "1/x + sqrt(x)": ("x > 0", []),
    "1/x + ln(-x)": ("x < 0", []),
    "sqrt(-x) + 1/x": ("x < 0", []),
    "ln(x) + sqrt(x)": ("x > 0", []),
    "sqrt(x)*sqrt(-x)": ("x = 0", ["x > 0", "x < 0"]),
    "1/(2*x*y)": ("x != 0 and y != 0", []),
    "1/(x*(y - 1))": ("x != 0 and y - 1 != 0", []),
    "1/abs(x - 1)": ("x - 1 != 0", []),
    "ln(abs(x*y))": ("x != 0 and y != 0", []),
    "1/sign(x)": ("x != 0", []),
    "1/cbrt(x)": ("x != 0", []),
    "1/x**2": ("x != 0", []),
    "1/x**y": ("(x > 0, or x = 0 and y >= 0, or x < 0 and y whole) and x**y != 0", ["x > 0"]),
    "ln(2*x)": ("x > 0", []),
    "ln(-3*x)": ("x < 0", []),
    "sqrt(-3*x)": ("x <= 0", ["x < 0"]),
    "1/(y - x)": ("y - x != 0", []),
    "1/(y - x) + 1/(x - y)": ("y - x != 0", []),
    "1/(y - x) + ln(x - y)": ("x - y > 0", []),
    "ln(x - y) + 1/(y - x)": ("x - y > 0", []),
    "sqrt(x - y) + ln(y - x)": ("nowhere", ["x - y > 0"]),
    "ln(exp(x))": ("everywhere", []),
    "ln(x**2 + 1)": ("everywhere", []),
    "ln(cosh(x))": ("everywhere", []),
    "sqrt(max(x, 0))": ("everywhere", ["x != 0", "max(0, x) > 0"]),
    "ln(max(x, 1))": ("everywhere", ["x != 1"]),
    "ln(min(x, 1))": ("min(1, x) > 0", ["x != 1"]),
    "ln(max(x**2 + 1, y))": ("everywhere", ["x**2 + 1 != y"]),
    "sqrt(min(x**2, y**2))": ("everywhere", ["x**2 != y**2", "min(x**2, y**2) > 0"]),
    "sqrt(min(x, y**2))": ("min(x, y**2) >= 0", ["x != y**2", "min(x, y**2) > 0"]),
    "sqrt(-min(-1, x))": ("everywhere", ["x != -1"]),
    "sqrt(-max(-exp(x), -y**2))": ("everywhere", ["-exp(x) != -y**2", "max(-exp(x), -y**2) < 0"]),
    "sqrt(acos(x))": ("abs(x) <= 1", ["abs(x) < 1", "acos(x) > 0"]),
    "sqrt(acosh(x))": ("x >= 1", ["x > 1", "acosh(x) > 0"]),
    "sqrt(sqrt(x))": ("x >= 0", ["x > 0", "sqrt(x) > 0"]),
    "1/(1 + sqrt(x))": ("x >= 0", ["x > 0"]),
    "1/(1 + x**y)": ("(x > 0, or x = 0 and y >= 0, or x < 0 and y whole) and 1 + x**y != 0", ["x > 0"]),
    "x/y*y": ("y != 0", []),
    "x/2": ("everywhere", []),
    "abs(x)**2": ("everywhere", []),
    "cbrt(x**3)": ("everywhere", []),
    "sqrt(x**4)": ("everywhere", []),
    "ln(x) + ln(-x)": ("nowhere", []),
    "ln(-x**2 - 1)": ("nowhere", []),
    "sqrt(x) + sqrt(-x) + 1/x": ("nowhere", ["x > 0", "x < 0"]),
}


@pytest.mark.parametrize(("text", "words"), WORDS.items(), ids=WORDS)
def test_domain_and_differentiability_in_words(text, words):
    domain = SymbolicFunction(text).domain
    assert (str(domain), [str(condition) for condition in domain.differentiable]) == words


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        ("ln(x)", ["ln(x) needs x > 0"]),
        ("1/x", ["1/x needs x != 0"]),
        ("1/sin(x)", ["1/sin(x) needs sin(x) != 0"]),
        ("1/(x + y)", ["1/(x + y) needs x + y != 0"]),
        ("sqrt(x) + 1/x", ["sqrt(x) needs x >= 0; 1/x needs x != 0"]),
        ("sqrt(x) + ln(x)", ["ln(x) needs x > 0"]),
        ("ln(x) + sqrt(x)", ["ln(x) needs x > 0"]),
        ("ln(-2*x)", ["ln(-2*x) needs -2*x > 0"]),
    ],
)
def test_reasons_quote_what_was_typed(text, reasons):
    assert [condition.reason for condition in SymbolicFunction(text).domain.defined] == reasons


def test_what_the_derivative_needs_says_so():
    (condition,) = SymbolicFunction("sqrt(x)").domain.differentiable
    assert condition.reason == "sqrt(x) is differentiable for x > 0"


def part(name, argument):
    """A call of a function whose argument SymPy has made of something that was no constant when it was typed."""
    node = SimpleNamespace(kind="call", head=name, value=None, children=[])
    return node, None, [argument]


@pytest.mark.parametrize(
    ("name", "argument", "holds"),
    [
        ("ln", sympy.Integer(-2), False),
        ("ln", sympy.Integer(2), True),
        ("ln", sympy.sqrt(2) - 1, True),  # whose sign no rule of signs knows
        ("ln", 1 - sympy.sqrt(2), False),
        ("ln", sympy.Integer(0), False),
        ("sqrt", sympy.Integer(0), True),
        ("sqrt", sympy.Integer(-1), False),
        ("asin", sympy.Rational(3, 2), False),
        ("atanh", sympy.Rational(1, 2), True),
    ],
)
def test_a_condition_between_constants_is_left_out_if_it_holds_and_kept_if_it_fails(name, argument, holds):
    domain = domain_of([part(name, argument)])
    assert bool(domain.contains({})) == holds
    assert (domain.defined == ()) == holds
    assert not holds or str(domain) == "everywhere"


def test_a_constant_that_only_the_numbers_know_to_be_positive_is_no_condition():
    assert str(SymbolicFunction("ln(x - x + sqrt(2) - 1)").domain) == "everywhere"
    assert str(SymbolicFunction("sqrt(x - x + 3 - e)").domain) == "everywhere"
    domain = SymbolicFunction("ln(x + sqrt(2) - 1)").domain
    assert domain.contains({"x": np.array([0.0, -0.4, -0.5])}).tolist() == [True, True, False]


def test_of_three_claims_the_strictest_remains_in_whatever_order():
    for text in ("sqrt(x)/x*ln(x)", "ln(x)*sqrt(x)/x", "1/x*ln(x)*sqrt(x)"):
        assert str(SymbolicFunction(text).domain) == "x > 0"
    assert str(SymbolicFunction("sqrt(x) + ln(-x)").domain) == "nowhere"
    assert str(SymbolicFunction("sqrt(x) + sqrt(y) + sqrt(x)").domain) == "x >= 0 and y >= 0"
