"""Texts are read by the grammar, or refused at once with the place; nothing of them is executed."""

import importlib.util
import pickle
import random
import re
import warnings

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
from samples import with_peak

from gdlearn.symbolic import ExpressionError, SymbolicFunction
from gdlearn.symbolic._hints import MEANT
from gdlearn.symbolic._limits import MAX_NODES
from gdlearn.symbolic._names import is_variable_name
from gdlearn.symbolic._parser import MAX_DEPTH, parse
from gdlearn.symbolic._text import text as text_of

pytestmark = pytest.mark.filterwarnings("ignore:.* was read as ")  # which test_misreadings_are_said holds

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
    with no_hang():
        outcome, peak = with_peak(lambda: read(text))
    assert peak < 50e6
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
        ("x − 1", "x - 1"),
        ("2×x·y⋅z÷3", "2*x*y*z/3"),
        ("x² + y³", "x**2 + y**3"),
        ("x⁻²", "1/x**2"),
        ("x¹⁰", "x**10"),
        ("2x²y", "2*x**2*y"),
        ("(x + 1)²(y - 1)", "(x + 1)**2*(y - 1)"),
        ("√x", "sqrt(x)"),
        ("√(x + 1)y", "sqrt(x + 1)*y"),
        ("2√3 x", "2*sqrt(3)*x"),
        ("∛x", "cbrt(x)"),
        ("|x|", "abs(x)"),
        ("|x| + |y|", "abs(x) + abs(y)"),
        ("2|x - 1|²", "2*abs(x - 1)**2"),
        ("||x| - |y||", "abs(abs(x) - abs(y))"),
        ("|sin(2|x|)|", "abs(sin(2*abs(x)))"),
        ("x|y|", "x*abs(y)"),
        ("ln|x| + |sin|x||", "ln(abs(x)) + abs(sin(abs(x)))"),
        ("√|x|", "sqrt(abs(x))"),
        ("|x| y", "abs(x)*y"),
        ("2πr", "2*pi*r"),
        ("πr²", "pi*r**2"),
        ("e^(-λt)", "exp(-λ*t)"),
        ("θ_1 + θ2", "θ2 + θ_1"),
        ("x y", "x*y"),
        ("2x y z", "2*x*y*z"),
        ("2 theta x", "2*theta*x"),
        ("x^2 y", "(x**2)*y"),
        ("x^2 y^2", "(x**2)*(y**2)"),
        ("x^2 (y + 1)", "(x**2)*(y + 1)"),
        ("x^(n + 1) y", "(x**(n + 1))*y"),
        ("x^-2 y", "y/x**2"),
        ("sin x", "sin(x)"),
        ("sinθ", "sin(θ)"),
        ("2 sin x + 1", "2*sin(x) + 1"),
        ("x sin x", "x*sin(x)"),
        ("sin x cos x", "sin(x)*cos(x)"),
        ("x ln 2", "x*ln(2)"),
        ("sin^2(x)", "sin(x)**2"),
        ("sin²(2x) + cos^2 x", "sin(2*x)**2 + cos(x)**2"),
        ("ln^3(x)", "ln(x)**3"),
        ("f(x, y) = x y", "x*y"),
    ],
)
def test_reading(text, same):
    f = SymbolicFunction(text)
    assert f.expression == SymbolicFunction(same).expression
    assert parse(str(f)) == f._tree  # what is printed is read as the same
    assert SymbolicFunction(text_of(f.expression), f.variables).expression == f.expression
    assert pickle.loads(pickle.dumps(f)).variables == f.variables


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
        ("print x", 6),
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


SAID = {
    "arcsinh(x)": "write asinh(u)",
    "arccosh(x)": "write acosh(u)",
    "arctanh(x)": "write atanh(u)",
    "acot(x)": "write pi/2 - atan(u)",
    "arccot(x)": "write pi/2 - atan(u)",
    "arcsec(x)": "write acos(1/u)",
    "acoth(x)": "write atanh(1/u)",
    "lg(x)": "write log10(u), or ln(u)/ln(2) if the base is 2",
    "log2(x)": "write ln(u)/ln(2)",
    "log_3(x)": "write ln(u)/ln(3)",
    "log(x, 2)": "the logarithm to base 2 is ln(x)/ln(2)",
    "atan2(y, x)": "write 2*atan(u/(v + sqrt(u^2 + v^2))) for atan2(u, v)",
    "sin^-1(x)": "write 1/sin(...) or, for the inverse function, asin(...)",
    "sin⁻¹(x)": "write 1/sin(...) or, for the inverse function, asin(...)",
    "cot^-1(x)": "write 1/cot(...)",
    "sin^n(x)": "write sin(...)^n for its power",
    "exp^x": "write exp(...)^n for its power",
    "exp^2(x)": "write exp(...)^n for its power",
    "tg(x)": "write tan(u)",
    "ctg(x)": "write cot(u)",
    "sen(x)": "write sin(u)",
    "sh(x)": "write sinh(u)",
    "Sin(x)": "write sin(...)",
    "sigmoid(x)": "write 1/(1 + exp(-u))",
    "ReLU(x)": "write max(0, u)",
    "logit(x)": "write ln(u/(1 - u))",
    "x!": "the factorial is no function of real numbers here",
    "floor(x)": "nothing here stands for it; the functions are exp, ln,",
    "argmax(x)": "nothing here stands for it; the functions are exp, ln,",
    "root(x, 3)": "write cbrt(u) for root(u, 3)",
    "sqrt(x, 3)": "write cbrt(x)",
    "(-8)^(1/3)": "for the real cube root write cbrt(-8)",
    "(-32)^(1/5)": "for the real root write -(32)^(1/5)",
    "2,5x": 'a decimal point is ".", as in 2.5',
    "x + 2,5": 'a decimal point is ".", as in 2.5',
    "sin(2,5)": 'a decimal point is ".", as in 2.5',
    "f(x,y) =": 'Write the formula after "="',
    "f(x, x) = x": '"x" is named twice',
    "f(x, pi_, sin) = x": '"sin" cannot be the name of a variable',
    "f(x, y) = x + xy": '"xy" is not one of the variables: x, y; for a product write x*y',
    "x^2 =": 'leave out "="',
    "y = x^2": "an equation is no function: write the formula alone, or left - (right)",
    r"\frac{x}{2}": "LaTeX is not read; write (a)/(b)",
    r"\sin x": "LaTeX is not read; write sin(...)",
    r"x \cdot y": "LaTeX is not read; write *",
    "[x]": "use parentheses ( )",
    "foo(x)": '"foo" is not a known function: the functions are exp, ln,',
    "x(y + 1)": "for a product write x*(...)",
    "2*sni(x)": '"sni" is not a known function: did you mean sin(...)?',
    "sinn(x)": "did you mean sin(...)?",
    "print x": "for a product write print*x",
    "sin 2x": '"sin 2x" has two meanings: put all of the argument in parentheses, sin(...)',
    "sin x^2": "has two meanings",
    "sin x²": '"sin x²" has two meanings',
    "sin x y": "has two meanings",
    "sin x*y": "has two meanings",
    "ln x/y": "has two meanings",
    "√2x": "It is not clear where the root ends: write √(...)",
    "ln|x|/x": "has two meanings",
    "√|x|²": "It is not clear where the root ends: write √(...)",
    "√x²": "It is not clear where the root ends: write √(...)",
    "√sin(x)": "Write √(...)",
    "|x|y|z|": 'next to |...| write "*" for a product, or abs(...)',
    "|x|(y + |z|)": 'next to |...| write "*" for a product, or abs(...)',
    "|x||y|": 'next to |...| write "*" for a product, or abs(...)',
    "2^x y": 'A product without "*" is ambiguous after "/" or a power',
    "x/2 y": 'A product without "*" is ambiguous after "/" or a power',
    "x + y + xy": '"xy" would be one variable, beside x and y: write x*y, or list the variables if it is one',
    "xe^x": '"xe" would be one variable, beside x: write x*e',
    "x*sinx": '"sinx" would be one variable, beside x: write sin(x)',
    "θ + theta": '"θ" and "theta" are one letter',
    "а*x": 'The character "а" (CYRILLIC SMALL LETTER A) has no meaning here: type the Latin letter "a"',
    "ο*x": 'The character "ο" (GREEK SMALL LETTER OMICRON) has no meaning here: type the Latin letter "o"',
    "ｘ": 'The character "ｘ" (FULLWIDTH LATIN SMALL LETTER X) has no meaning here: type "x"',
    "µ*x": 'The character "µ" (MICRO SIGN) has no meaning here: type "μ"',
    "٣*x": 'The character "٣" (ARABIC-INDIC DIGIT THREE) has no meaning here: type "3"',
    "x₁": 'The character "₁" (SUBSCRIPT ONE) has no meaning here: write _1',
    "x – 1": 'The character "–" (EN DASH) has no meaning here: for minus type "-"',
    "xⁿ": "write ^n",
    "½x": "write (1/2)",
    "é": 'The character "é" (LATIN SMALL LETTER E WITH ACUTE) has no meaning here',
    "x\u200b": "The character ZERO WIDTH SPACE has no meaning here",
    "x\u00a0y": "The character NO-BREAK SPACE has no meaning here: type an ordinary space",
    "x\x1b[31m": "The character U+001B has no meaning here",
}
"""Text that is not read → what is said, never a function with another meaning."""


@pytest.mark.parametrize("text", SAID, ids=ascii)
def test_errors_say_what_to_type_instead(text):
    with pytest.raises(ExpressionError) as caught:
        SymbolicFunction(text)
    reason, shown, caret = str(caught.value).splitlines()
    assert SAID[text] in reason
    assert shown[4:] == "".join(c if c.isprintable() else "\ufffd" for c in text)
    if shown.isprintable() and "ｘ" not in text:
        assert caret.index("^") == 4 + caught.value.position


VALUES = {
    "acot": ("pi/2 - atan(u)", lambda u: mpmath.pi / 2 - mpmath.atan(u)),
    "asec": ("acos(1/u)", mpmath.asec),
    "acsc": ("asin(1/u)", mpmath.acsc),
    "acoth": ("atanh(1/u)", mpmath.acoth),
    "acsch": ("asinh(1/u)", mpmath.acsch),
    "lb": ("ln(u)/ln(2)", lambda u: mpmath.log(u, 2)),
    "log1p": ("ln(1 + u)", mpmath.log1p),
    "expm1": ("exp(u) - 1", mpmath.expm1),
    "sigmoid": ("1/(1 + exp(-u))", lambda u: mpmath.mpf(1) / (1 + mpmath.exp(-u))),
    "erfc": ("1 - erf(u)", mpmath.erfc),
    "sind": ("sin(u*pi/180)", lambda u: mpmath.sin(mpmath.radians(u))),
}


@pytest.mark.parametrize("name", VALUES)
def test_what_is_to_be_written_is_the_same_mathematics(name):
    written, reference = VALUES[name]
    assert MEANT[name] == written
    assert SymbolicFunction(written)(1.75) == pytest.approx(float(reference(mpmath.mpf(1.75))), rel=1e-14)


@pytest.mark.parametrize(("v", "u"), [(2.0, 1.0), (-2.0, 1.0), (-2.0, -1.0), (0.0, -1.0)])
def test_atan2_in_every_quadrant(v, u):
    f = SymbolicFunction(MEANT["atan2"].split(" for ")[0], variables=["u", "v"])
    assert f([u, v]) == pytest.approx(float(mpmath.atan2(u, v)), rel=1e-14)


def test_every_hint_is_read():
    formulas = {name: written for name, written in MEANT.items() if written and not re.search("[,:]| for ", written)}
    assert len(formulas) > 80
    for name, written in formulas.items():
        assert SymbolicFunction(written, variables=["u", "v", "n"]).text == written, name


NOTED = {
    "xy": '"xy" was read as one variable; for the product write x*y.',
    "2xy": '"xy" was read as one variable; for the product write x*y.',
    "xyz": '"xyz" was read as one variable; for the product write x*y*z.',
    "2pir": '"pir" was read as one variable; for the product write pi*r.',
    "Pi*r^2": '"Pi" was read as a variable; the number is written pi.',
    "E^x": '"E" was read as a variable; the number is written e.',
    "sinx": '"sinx" was read as one variable; for the function write sin(x).',
    "lnx + y": '"lnx" was read as one variable; for the function write ln(x).',
}


@pytest.mark.parametrize("text", NOTED)
def test_misreadings_are_said(text):
    with pytest.warns(UserWarning, match="was read as") as caught:
        f = SymbolicFunction(text)
    assert f.notes == (NOTED[text],)
    assert [str(warning.message) for warning in caught] == [NOTED[text]]
    assert caught[0].filename == __file__


def test_a_name_that_is_declared_is_meant():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for text in ("xy", "Pi", "x + xy", "xe^x"):
            names = re.findall("[A-Za-z]+", text)
            assert SymbolicFunction(text, variables=dict.fromkeys(names)).notes == ()
        for text in ("alpha*beta", "rate*time", "x1 + x2", "theta_1", "nu*mu", "b1*exp(-b2*x)"):
            assert not any("read as" in note for note in SymbolicFunction(text).notes)
    with pytest.raises(ExpressionError, match='"xy" is not one of the variables: x, y; for a product write x\\*y'):
        SymbolicFunction("xy", variables=["x", "y"])
    with pytest.raises(ExpressionError, match='"y" is not one of the variables: there are none'):
        SymbolicFunction("y", variables=[])


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("y*exp(-x^2)", ("x", "y")),
        ("z + y + x", ("x", "y", "z")),
        ("b + A + a", ("A", "a", "b")),
        ("β + y + α", ("y", "α", "β")),
        ("y*rate*x", ("x", "rate", "y")),
        ("b2*x + b1", ("b2", "x", "b1")),
        ("f(y, x) = x*y", ("y", "x")),
        ("f(x, y, z) = x", ("x", "y", "z")),
    ],
)
def test_order_of_variables(text, variables):
    f = SymbolicFunction(text)
    assert f.variables == variables
    said = [note for note in f.notes if "alphabetical" in note]
    named = [name for name in re.findall("rate|[A-Za-zαβ][12]?", text) if name in variables]
    is_typed = "=" in text or list(dict.fromkeys(named)) == list(variables)
    assert said == ([] if is_typed else [f"The variables are in alphabetical order: {', '.join(variables)}."])


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


def typeset(text):
    """The text with the signs of a typesetter instead of those of a keyboard."""
    text = re.sub(r"(?:\*\*|\^)([0-9]+)(?![0-9.e]|\*\*|\^)", lambda n: n[1].translate(RAISED), text)
    text = re.sub(r"(?<!\*)\*(?!\*)", "·", re.sub(r"\bpi\b", "π", text)).replace("/", "÷")
    return re.sub("(?<!e)-", "−", text)


RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(texts)
def test_a_typeset_text_is_read_as_the_typed_one(text):
    tree = function(text)._tree
    assert typeset("2*x**12 - pi*y^x/2e-3") == "2·x¹² − π·y^x÷2e-3"
    assert parse(typeset(text)) == tree


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(texts)
def test_constants_beyond_float64_are_not_read(text):
    function(text)
    assert not all(in_each_arithmetic(lambda finish: any(map(beyond_float64, constants(text, finish)))))


GOOD = [text for _, expected, text in hostile.TEXTS if len(text) < 2_000]
PIECES = [
    *"xye0123456789.+-*/^(),_ \t\n[]{}'\"\\;:@#!=<>é\u200b\x00",
    *"−×·⋅÷²³⁻√∛|θπωа½",
    "f(x, y) = ",
    "sin^2",
    "sin ",
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
                assert parse(str(f), f.variables) == f._tree
                assert np.shape(f(np.full(len(f.variables), 0.7), outside="nan")) == ()
    assert n_read > 50
    assert not list(tmp_path.iterdir())
