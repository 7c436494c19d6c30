"""Texts are read by the grammar, or refused at once with the place; nothing of them is executed."""

import importlib.util
import pickle
import random
import re
import tracemalloc

import mpmath
import numpy as np
import pytest
import sympy
from grammar import (
    DATA,
    SOME_POINTS,
    beyond_float64,
    by_mpmath,
    constants,
    exact,
    function,
    in_each_arithmetic,
    no_hang,
    syntax,
    texts,
)
from hypothesis import HealthCheck, given, settings

from gdlearn.symbolic import ExpressionError, SymbolicFunction
from gdlearn.symbolic._parser import MAX_DEPTH, MAX_NODES, is_variable_name, parse
from gdlearn.symbolic._text import text as text_of

spec = importlib.util.spec_from_file_location("hostile_texts", DATA / "hostile_texts.py")
hostile = importlib.util.module_from_spec(spec)
spec.loader.exec_module(hostile)


def read(text):
    try:
        return SymbolicFunction(text)
    except ExpressionError as error:
        return error


@pytest.mark.parametrize(("expected", "text"), [case[1:] for case in hostile.TEXTS], ids=[c[0] for c in hostile.TEXTS])
def test_hostile_texts(expected, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = text.replace(hostile.M, str(tmp_path / "marker"))
    tracemalloc.start()
    try:
        with no_hang():
            outcome = read(text)
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()
    assert not list(tmp_path.iterdir())
    if isinstance(outcome, ExpressionError):
        assert "R" in expected
        assert outcome.reason in str(outcome)
        assert 0 <= outcome.position <= len(text)
        assert len(str(outcome)) < 700
        lines = str(outcome).splitlines()
        assert len(lines) == 3
        assert lines[2].strip() == "^"
    else:
        assert "A" in expected
        assert all(isinstance(s, sympy.Symbol) and s.is_real for s in outcome.expression.free_symbols)
        assert {s.name for s in outcome.expression.free_symbols} <= set(outcome.variables)


@pytest.mark.parametrize("name", ["E", "I", "S", "N", "Q", "O", "beta", "gamma", "zeta", "lambda", "oo", "test", "Abs"])
def test_names_are_the_users(name):
    f = SymbolicFunction(f"{name}*x + {name}**2")
    assert f.variables == (name, "x")
    assert f([3.0, 2.0]) == 15.0


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2x", "2*x"),
        ("3(x + 1)", "3*(x + 1)"),
        ("2x^2", "2*(x**2)"),
        ("-x**2", "-(x**2)"),
        ("x**2**3", "x**(2**3)"),
        ("2**-x", "2**(-x)"),
        ("x - y - z", "(x - y) - z"),
        ("x/y/z", "(x/y)/z"),
        ("x/y*z", "(x/y)*z"),
        ("(x + 1)(x - 1)", "(x + 1)*(x - 1)"),
        ("sin(x)cos(x)", "sin(x)*cos(x)"),
        ("+x", "x"),
        ("2e", "2*e"),
        ("2e3", "2000"),
        (".5x", "x/2"),
        ("ln(x)", "log(x)"),
        ("arctan(x)", "atan(x)"),
        ("e**x", "exp(x)"),
        ("log10(100)", "2"),
        ("sqrt(x)", "x**(1/2)"),
    ],
)
def test_reading(text, same):
    assert SymbolicFunction(text).expression == SymbolicFunction(same).expression


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("x + )", 4),
        ("x + y $", 6),
        ("sin(x, y)", 0),
        ("foo(x)", 0),
        ("2*(x", 4),
        ("x + 1/0", 4),
        ("x*log(0)", 2),
        ("y + log10(x - x)", 4),
        ("x + sqrt(-1)", 4),
        ("x + tan(pi/2)", 4),
        ("x + 1/(y - y)", 4),
        ("x/(x - x)", 0),
        ("y + asin(2 - x + x)", 4),
        ("9**9**9**9", 3),
        ("x*9**400*9**400", 2),
        ("1/2x", 3),
        ("x**2y", 4),
        ("x**1001", 3),
        ("0x", 0),
        ("2j", 0),
        ("x y", 2),
        ("(x)2", 3),
        ("1e-400*x", 0),
        ("x*" + "1" * 41, 2),
        ("(123456789x)**1000", 0),
        ("True", 0),
        ("NaN*x", 0),
        ("", 0),
        ("max(" + ",".join(["x"] * 11) + ")", 0),
    ],
)
def test_errors_name_the_place(text, position):
    with pytest.raises(ExpressionError) as caught:
        SymbolicFunction(text)
    assert caught.value.position == position
    assert f"(column {position + 1})" in caught.value.reason
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "exp(100000000*ln(9x))",
        "exp(-99999999*ln(9x))",
        "exp(20000000*ln(9x) + x)",
        "exp(ln(9x)*99999999/3)",
        "exp(-9999999*ln(9))*x",
        "exp(999*ln(9x))*exp(999*ln(9x))",
        "9^(99999999*ln(x)/ln(x))",
        "9^(99999999*x/x)",
        "x^(99999999*ln(9)/ln(x))",
        "2^(99999999*ln(9x)/ln(2))",
        "(((2x)^99)^99)^99",
        "2(" * 900,
        "2(" * 450 + "x" + ")" * 450,
        "2sin(" * 120 + "x" + ")" * 120,
        "(x/10)**400",
        "(10x)**400",
        "(1e-200x)**2",
        "1e-200*x*1e-200*x",
        "1e-200*1e-200*1e300*1e300*x",
        "exp(-1000)*exp(x)",
        "sech(1000)*x",
        "2^-1080*x",
        "0**x",
        "(-2)**x",
        "x**2" + " ** 1" * 30,
        "\u0663*x",
        "\uff58",
        "x\u200b + 1",
        "x \u2212 1",
        "\u202ex",
    ],
    ids=lambda text: text[:30].encode("unicode-escape").decode(),
)
def test_more_that_is_refused_at_once(text):
    with no_hang(), pytest.raises(ExpressionError) as caught:
        SymbolicFunction(text)
    assert len(str(caught.value).splitlines()) == 3


@pytest.mark.parametrize(
    "base", ["0", "(-2)", "(e - e)", "(x - x)", "(abs(x) - abs(x))", "(y - 3 - y)", "(y + 2**(1/3) - (y + 2))"]
)
@pytest.mark.parametrize("exponent", ["x", "-x", "(1/y)"])
def test_a_constant_that_is_not_positive_has_no_variable_power(base, exponent):
    with pytest.raises(ExpressionError, match="A constant that is not positive has no power with a variable exponent"):
        SymbolicFunction(f"{base}**{exponent}")


def test_errors_say_what_may_be_meant():
    with pytest.raises(ExpressionError, match=r'"sni" is not a known function: did you mean sin\(\.\.\.\)\?'):
        SymbolicFunction("2*sni(x)")
    with pytest.raises(ExpressionError, match=r"for a product write foo\*\(\.\.\.\)"):
        SymbolicFunction("foo(x)")
    with pytest.raises(ExpressionError, match='"y" is not one of the variables: there are none'):
        SymbolicFunction("y", variables=[])


def test_limits():
    assert parse("(" * (MAX_DEPTH - 1) + "x" + ")" * (MAX_DEPTH - 1)) == parse("x")
    for text in ("(" * MAX_DEPTH + "x" + ")" * MAX_DEPTH, "-" * MAX_DEPTH + "x"):
        with pytest.raises(ExpressionError, match=f"nested more than {MAX_DEPTH} levels deep"):
            parse(text)
    with pytest.raises(ExpressionError, match=f"more than {MAX_NODES} numbers, names and operations"):
        parse("+".join(["x"] * MAX_NODES))


def test_declared_variables():
    assert SymbolicFunction("e*pi", variables=["pi", "e", "z"])([2.0, 3.0, 0.0]) == 6.0
    with pytest.raises(ExpressionError, match='"y" is not one of the variables: x'):
        SymbolicFunction("x*y", variables=["x"])
    with pytest.raises(ExpressionError, match='"x" is a variable'):
        SymbolicFunction("x(2)", variables=["x"])
    with pytest.raises(ExpressionError, match="not one of the variables"):
        SymbolicFunction("x", variables=[])
    for wrong in ("sin", "__class__", 3, "x + 1", "nan", "if"):
        with pytest.raises(ValueError, match=re.escape(f"{wrong!r} cannot be the name of a variable")):
            SymbolicFunction("1", variables=[wrong])
    with pytest.raises(ValueError, match="variables must differ from each other, got x, x"):
        SymbolicFunction("1", variables=["x", "x"])
    with pytest.raises(ValueError, match=r"must be a list of names, .* got the text 'xy'"):
        SymbolicFunction("1", variables="xy")
    with pytest.raises(TypeError, match="must be a text"):
        SymbolicFunction(sympy.Symbol("x"))
    assert not is_variable_name("x\n")


def values_of(text):
    """The values of a text at some points, to so many digits that nothing is lost where its terms cancel."""
    with mpmath.workdps(400):
        return [by_mpmath(syntax(text), point, exact) for point in SOME_POINTS[:5]]


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(texts)
def test_parse_print_parse_is_the_identity(text):
    f = function(text)
    tree, expression = parse(text), f.expression
    assert parse(str(tree)) == tree
    assert str(parse(str(tree))) == str(tree)
    assert SymbolicFunction(str(tree)).expression == expression
    values, printed = values_of(text), text_of(expression)
    if not expression.has(sympy.Float):  # that stands for a constant of many digits
        for value, same in zip(values, values_of(printed), strict=True):
            assert value is None or abs(same - value) <= 1e-25 * max(1, abs(value))
    if any(value is not None for value in values):  # of what is nowhere real SymPy's form may be any
        function(
            printed, f.variables
        )  # is read, unless it is too long or too small: (x + x)**1000, 0.5**cosh(9 + x - x)


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(texts)
def test_constants_beyond_float64_are_not_read(text):
    function(text)
    assert not all(in_each_arithmetic(lambda finish: any(map(beyond_float64, constants(text, finish)))))


GOOD = [text for _, expected, text in hostile.TEXTS if len(text) < 2_000]
PIECES = [
    *"xye0123456789.+-*/^(),_ \t\n[]{}'\"\\;:@#!=<>é\u200b\x00",
    "**",
    "sin(",
    "max(",
    "1e",
    "9**9**9",
    "pi",
    "__",
    "-1",
]


def mutated(random_state):
    """One of the texts with a few characters taken out, put in, doubled or exchanged."""
    text = random_state.choice(GOOD)
    for _ in range(random_state.randint(1, 5)):
        i, j = sorted(random_state.randint(0, len(text)) for _ in range(2))
        other = random_state.choice(GOOD)
        text = random_state.choice(
            [
                text[:i] + random_state.choice(PIECES) + text[i:],
                text[:i] + text[i + 1 :],
                text[:i] + random_state.choice(PIECES) + text[j:],
                text[:j] + text[i:j] * random_state.randint(1, 9) + text[j:],
                text[:i] + other[: random_state.randint(0, len(other))] + text[i:],
                f"{text}{random_state.choice('*+/^-')}({other})",
            ]
        )
    return text


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(k, marks=pytest.mark.slow) for k in range(2, 10))])
def test_ten_thousand_mutated_texts(seed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    random_state, n_read = random.Random(seed), 0
    for _ in range(1_000):
        text = mutated(random_state).replace(hostile.M, str(tmp_path / "marker"))
        with no_hang():
            f = read(text)
            if isinstance(f, SymbolicFunction):
                n_read += 1
                assert f.partials.keys() == set(f.variables)
                assert str(f.domain)
                assert np.shape(f(np.full(len(f.variables), 0.7), outside="nan")) == ()
    assert n_read > 50
    assert not list(tmp_path.iterdir())
