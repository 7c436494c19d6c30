"""Standard exercises of calculus: the answer in the form that a textbook prints, and the rules that lead to it.

Where books differ in the order of terms or in taking out a common factor, one of their forms is expected. That the
answer is right is said by SymPy's own derivative.
"""

import pytest
import sympy

from gdlearn.symbolic import SymbolicFunction

SUM, FACTOR, CONSTANT, IDENTITY = "linearity: sum", "linearity: constant factor", "constant", "identity"
PRODUCT, QUOTIENT, POWER, CHAIN, TABLE = "product rule", "quotient rule", "power rule", "chain rule", "table entry"
LOGARITHMIC = "logarithmic differentiation"
POINT = {"x": "7/3", "y": "5/7", "z": "11/5", "a": "3/2", "b": "-2", "c": "4/3", "d": "5"}

ONE_VARIABLE = [  # function, by which variable, the answer, the rules in the order in which they are first used
    ("x^10", "x", "10*x**9", [POWER]),
    ("x^5 - 2x^3 + 4x - 7", "x", "5*x**4 - 6*x**2 + 4", [SUM, POWER, FACTOR, IDENTITY, CONSTANT]),
    ("(x^2 + 2)*(3x^3 - 5x)", "x", "15*x**4 + 3*x**2 - 10", [PRODUCT, SUM, POWER, CONSTANT, FACTOR, IDENTITY]),
    ("x^2*sin(x)", "x", "2*x*sin(x) + x**2*cos(x)", [PRODUCT, POWER, TABLE]),
    ("x*exp(x)", "x", "(x + 1)*exp(x)", [PRODUCT, IDENTITY, TABLE]),
    ("exp(x)*cos(x)", "x", "(cos(x) - sin(x))*exp(x)", [PRODUCT, TABLE]),
    ("x*ln(x)", "x", "ln(x) + 1", [PRODUCT, IDENTITY, TABLE]),
    ("sqrt(x)*(1 - x)", "x", "(1 - 3*x)/(2*sqrt(x))", [PRODUCT, POWER, SUM, CONSTANT, IDENTITY]),
    ("(x + 2)/(x - 3)", "x", "-5/(x - 3)**2", [QUOTIENT, SUM, CONSTANT, IDENTITY]),
    ("(3x + 1)/(4x - 3)", "x", "-13/(4*x - 3)**2", [QUOTIENT, SUM, FACTOR, CONSTANT, IDENTITY]),
    (
        "(x^2 + x - 2)/(x^3 + 6)",
        "x",
        "(-x**4 - 2*x**3 + 6*x**2 + 12*x + 6)/(x**3 + 6)**2",
        [QUOTIENT, SUM, POWER, IDENTITY, CONSTANT],
    ),
    ("x/(x^2 + 1)", "x", "(1 - x**2)/(x**2 + 1)**2", [QUOTIENT, IDENTITY, SUM, POWER, CONSTANT]),
    ("sin(x)/(1 + cos(x))", "x", "1/(1 + cos(x))", [QUOTIENT, TABLE, SUM, CONSTANT]),
    ("sec(x)/(1 + tan(x))", "x", "(tan(x) - 1)*sec(x)/(1 + tan(x))**2", [QUOTIENT, TABLE, SUM, CONSTANT]),
    ("exp(x)/(1 + x^2)", "x", "(x - 1)**2*exp(x)/(1 + x**2)**2", [QUOTIENT, TABLE, SUM, CONSTANT, POWER]),
    ("ln(x)/x", "x", "(1 - ln(x))/x**2", [QUOTIENT, TABLE, IDENTITY]),
    ("1/(3x^2 + 1)^2", "x", "-12*x/(3*x**2 + 1)**3", [CHAIN, SUM, FACTOR, POWER, CONSTANT]),
    ("(x^3 - 1)^100", "x", "300*x**2*(x**3 - 1)**99", [CHAIN, SUM, POWER, CONSTANT]),
    ("((x - 2)/(2x + 1))^9", "x", "45*(x - 2)**8/(2*x + 1)**10", [QUOTIENT, CHAIN, SUM, CONSTANT, FACTOR, IDENTITY]),
    (
        "(2x + 1)^5*(x^3 - x + 1)^4",
        "x",
        "2*(2*x + 1)**4*(x**3 - x + 1)**3*(17*x**3 + 6*x**2 - 9*x + 3)",
        [PRODUCT, CHAIN, SUM, FACTOR, POWER, IDENTITY, CONSTANT],
    ),
    ("sin(x)^3", "x", "3*sin(x)**2*cos(x)", [CHAIN, TABLE]),
    ("sin(x^2)", "x", "2*x*cos(x**2)", [CHAIN, POWER]),
    ("cos(5x^2)", "x", "-10*x*sin(5*x**2)", [CHAIN, FACTOR, POWER]),
    ("sqrt(x^2 + 1)", "x", "x/sqrt(x**2 + 1)", [CHAIN, SUM, POWER, CONSTANT]),
    ("x/sqrt(1 - x^2)", "x", "1/(1 - x**2)**(3/2)", [QUOTIENT, IDENTITY, CHAIN, SUM, CONSTANT, POWER]),
    ("x^(2/3)", "x", "2/(3*x**(1/3))", [POWER]),
    ("exp(sin(x))", "x", "exp(sin(x))*cos(x)", [CHAIN, TABLE]),
    ("exp(-x^2)", "x", "-2*x*exp(-x**2)", [CHAIN, FACTOR, POWER]),
    ("2^x", "x", "2**x*ln(2)", [TABLE]),
    ("10^(x^2)", "x", "2*x*10**(x**2)*ln(10)", [CHAIN, POWER]),
    ("1/(1 + exp(-x))", "x", "exp(-x)/(1 + exp(-x))**2", [CHAIN, SUM, CONSTANT, FACTOR, IDENTITY]),
    ("ln(x^3 + 1)", "x", "3*x**2/(x**3 + 1)", [CHAIN, SUM, POWER, CONSTANT]),
    ("ln(sin(x))", "x", "cot(x)", [CHAIN, TABLE]),
    ("ln(abs(x))", "x", "1/x", [CHAIN, TABLE]),
    ("log10(2 + sin(x))", "x", "cos(x)/((2 + sin(x))*ln(10))", [CHAIN, SUM, CONSTANT, TABLE]),
    ("ln((x + 1)/sqrt(x - 2))", "x", "(x - 5)/(2*(x + 1)*(x - 2))", [CHAIN, QUOTIENT, SUM, CONSTANT, IDENTITY]),
    ("tan(x)", "x", "sec(x)**2", [TABLE]),
    ("csc(x)", "x", "-csc(x)*cot(x)", [TABLE]),
    ("tan(x)^2", "x", "2*tan(x)*sec(x)**2", [CHAIN, TABLE]),
    ("sin(cos(tan(x)))", "x", "-cos(cos(tan(x)))*sin(tan(x))*sec(x)**2", [CHAIN, TABLE]),
    ("asin(2x)", "x", "2/sqrt(1 - 4*x**2)", [CHAIN, FACTOR, IDENTITY]),
    ("x*atan(sqrt(x))", "x", "atan(sqrt(x)) + sqrt(x)/(2*(1 + x))", [PRODUCT, IDENTITY, CHAIN, POWER]),
    ("1/asin(x)", "x", "-1/(sqrt(1 - x**2)*asin(x)**2)", [CHAIN, TABLE]),
    ("x^x", "x", "x**x*(ln(x) + 1)", [LOGARITHMIC, IDENTITY]),
    ("x^sqrt(x)", "x", "x**(sqrt(x))*(ln(x) + 2)/(2*sqrt(x))", [LOGARITHMIC, POWER, IDENTITY]),
]
SEVERAL_VARIABLES = [
    ("x^3 + x^2*y^3 - 2y^2", "x", "3*x**2 + 2*x*y**3", [SUM, POWER, FACTOR, CONSTANT]),
    ("x^3 + x^2*y^3 - 2y^2", "y", "3*x**2*y**2 - 4*y", [SUM, CONSTANT, FACTOR, POWER]),
    ("sin(x/(1 + y))", "x", "cos(x/(1 + y))/(1 + y)", [CHAIN, FACTOR, IDENTITY]),
    ("sin(x/(1 + y))", "y", "-x*cos(x/(1 + y))/(1 + y)**2", [CHAIN, FACTOR, SUM, CONSTANT, IDENTITY]),
    ("exp(x*y)*ln(z)", "x", "y*ln(z)*exp(x*y)", [FACTOR, CHAIN, IDENTITY]),
    ("exp(x*y)*ln(z)", "y", "x*ln(z)*exp(x*y)", [FACTOR, CHAIN, IDENTITY]),
    ("x^y", "x", "y*x**(y - 1)", [POWER]),
    ("x^y", "y", "x**y*ln(x)", [TABLE]),
    ("atan(y/x)", "y", "x/(x**2 + y**2)", [CHAIN, FACTOR, IDENTITY]),
    ("atan(y/x)", "x", "-y/(x**2 + y**2)", [CHAIN, FACTOR, POWER]),
    ("sqrt(x^2 + y^2)", "x", "x/sqrt(x**2 + y**2)", [CHAIN, SUM, POWER, CONSTANT]),
    ("sqrt(x^2 + y^2)", "y", "y/sqrt(x**2 + y**2)", [CHAIN, SUM, CONSTANT, POWER]),
    ("ln(x^2 + y^2)", "x", "2*x/(x**2 + y**2)", [CHAIN, SUM, POWER, CONSTANT]),
    ("ln(x^2 + y^2)", "y", "2*y/(x**2 + y**2)", [CHAIN, SUM, CONSTANT, POWER]),
    ("(x - y)/(x + y)", "x", "2*y/(x + y)**2", [QUOTIENT, SUM, IDENTITY, CONSTANT]),
    ("(x - y)/(x + y)", "y", "-2*x/(x + y)**2", [QUOTIENT, SUM, CONSTANT, IDENTITY]),
    ("x^2*y/(x^2 + y^2)", "x", "2*x*y**3/(x**2 + y**2)**2", [FACTOR, QUOTIENT, SUM, POWER, CONSTANT]),
    (
        "x^2*y/(x^2 + y^2)",
        "y",
        "x**2*(x**2 - y**2)/(x**2 + y**2)**2",
        [FACTOR, QUOTIENT, IDENTITY, SUM, CONSTANT, POWER],
    ),
    ("x^2*y + sin(x*y)", "x", "2*x*y + y*cos(x*y)", [SUM, FACTOR, POWER, CHAIN, IDENTITY]),
    ("x^2*y + sin(x*y)", "y", "x**2 + x*cos(x*y)", [SUM, FACTOR, CHAIN, IDENTITY]),
    ("x*exp(-y^2)", "x", "exp(-y**2)", [FACTOR, IDENTITY]),
    ("x*exp(-y^2)", "y", "-2*x*y*exp(-y**2)", [FACTOR, CHAIN, POWER]),
    ("(a*x + b*y)/(c*x + d*y)", "x", "y*(a*d - b*c)/(c*x + d*y)**2", [QUOTIENT, SUM, FACTOR, CONSTANT, IDENTITY]),
]


@pytest.mark.parametrize(("text", "variable", "answer", "rules"), ONE_VARIABLE + SEVERAL_VARIABLES)
def test_the_answer_of_the_book_and_the_rules_that_lead_to_it(text, variable, answer, rules):
    f = SymbolicFunction(text)
    *found, last = f.steps(variable)
    assert last.equation() == answer
    assert list(dict.fromkeys(step.rule for step in found if step.rule != "put together")) == rules
    sign = "∂" if len(f.variables) > 1 else "d"
    assert all(f"{sign}/{sign}{variable}[" in step.equation() for step in found)
    x = sympy.Symbol(variable, real=True)
    point = {symbol: sympy.Rational(POINT[symbol.name]) for symbol in f.expression.free_symbols}
    expected = sympy.diff(f.expression, x).subs(point).evalf(30)
    for line in (last.before, last.after):
        assert abs(line.subs(point).evalf(30) - expected) < 1e-25 * max(abs(expected), 1e-3)
