"""Limits at holes, against SymPy's."""

import re

import pytest
import sympy

from gdlearn.symbolic import DomainError, SymbolicFunction

x = sympy.Symbol("x")

HOLES = {  # text: the point, and the direction of SymPy's limit
    "sin(x)/x": (0, "+-"),
    "(exp(x) - 1)/x": (0, "+-"),
    "(1 - cos(x))/x^2": (0, "+-"),
    "(x^2 - 1)/(x - 1)": (1, "+-"),
    "(x^3 - 8)/(x - 2)": (2, "+-"),
    "(sqrt(x) - 2)/(x - 4)": (4, "+-"),
    "tan(x)/x": (0, "+-"),
    "x*sin(1/x)": (0, "+-"),
    "exp(-1/x^2)": (0, "+-"),
    "x^2": (3, "+-"),
    "x*ln(x)": (0, "+"),
    "x^x": (0, "+"),
    "(1 + x)^(1/x)": (0, "+-"),
    "sqrt(1 - x)/sqrt(1 - x)": (1, "-"),
    "sqrt(x)": (0, "+"),
    "sqrt(4 - x^2)": (2, "-"),
    "x^(1/5)": (0, "+"),
    "sqrt(x)*ln(x)": (0, "+"),
    "sin(x)/sqrt(x)": (0, "+"),
}


@pytest.mark.whole
@pytest.mark.parametrize(("text", "case"), HOLES.items(), ids=HOLES)
def test_the_limit_is_sympys(text, case):
    point, direction = case
    exact = sympy.limit(sympy.sympify(text.replace("^", "**")), x, point, direction)
    assert SymbolicFunction(text).limit_at(point) == pytest.approx(float(exact), rel=1e-15, abs=0)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("abs(x)/x", "tends to -1 from below and to 1 from above at x = 0."),
        ("atan(1/x)", "tends to -1.5708 from below and to 1.5708 from above"),
        ("1/x", "is not seen to have a finite limit at x = 0."),
        ("1/x^2", "not seen"),
        ("ln(x)", "not seen"),
        ("exp(1/x)", "not seen"),
        ("sin(1/x)", "not seen"),
        ("sin(pi/x)", "not seen"),  # which is 0 at 1/n
        ("1/ln(x)", "not seen"),  # it tends to 0, too slowly to be seen
        ("ln(x) + ln(-x)", "is defined on neither side at x = 0."),
        ("sqrt(-x^2)", "neither side"),
    ],
)
def test_no_limit_is_made_up(text, says):
    with pytest.raises(DomainError, match=re.escape(says)):
        SymbolicFunction(text).limit_at(0)


def test_a_limit_is_that_of_one_variable():
    with pytest.raises(ValueError, match="takes a function of one variable; this one has 2"):
        SymbolicFunction("x*y/(x^2 + y^2)").limit_at([0, 0])
    assert SymbolicFunction("sin(a*x)/x", constants={"a": 3.0}).limit_at({"x": 0.0}) == 3.0
