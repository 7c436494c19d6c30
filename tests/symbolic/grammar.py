"""What the tests of gdlearn.symbolic share: texts of the grammar by Hypothesis, and their values by other means."""

import ast
import json
import operator
import random
import re
import signal
import warnings
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path

import mpmath
import numpy as np
from hypothesis import reject
from hypothesis import strategies as st

from gdlearn.symbolic import ExpressionError, SymbolicFunction
from gdlearn.symbolic._functions import FUNCTIONS
from gdlearn.symbolic._limits import MAX_DIGITS, MAX_EXPONENT, MAX_LITERAL

DATA = Path(__file__).parents[1] / "data"
NIST = {path.stem[4:]: json.loads(path.read_text()) for path in sorted((DATA / "nist_nonlinear").glob("*.json"))}


@contextmanager
def no_hang(seconds=30):
    """An error where what takes milliseconds has not ended after many seconds of this process's own time.

    The clock on the wall would also count what else the machine has to do.
    """

    def stop(*_):
        raise TimeoutError("this hangs")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


NAMES = ["x", "y", "lambda", "E", "beta", "x_1", "θ"]
rng = random.Random(0)
SOME_POINTS = [{name: mpmath.mpf(rng.uniform(-3, 3)) for name in NAMES} for _ in range(30)]
numbers = st.sampled_from(["2", "3", "0.5", "1.25", "7", "1e-1", "2.5e0", "10", ".75", "pi", "e"])
names = st.sampled_from(NAMES)
functions = st.sampled_from(sorted(set(FUNCTIONS) - {"min", "max"}))
several = st.sampled_from(["min", "max"])
two = st.sampled_from([" + ", "-", "*", "/", "**", "^"])


def _longer(inner):
    return st.one_of(
        st.builds("({}{}{})".format, inner, two, inner),
        st.builds("{}({})".format, functions, inner),
        st.builds("{}({}, {})".format, several, inner, inner),
        st.builds("(-{})".format, inner),
        st.builds("{} - {} + {}".format, inner, inner, inner),
        st.builds("2({})".format, inner),
        st.builds("({})**{}".format, inner, st.sampled_from(["2", "3", "-1", "(1/2)", "0.5", "-x", "(1/3)"])),
    )


texts = st.recursive(st.one_of(numbers, names), _longer, max_leaves=8)


def _smooth(inner):
    """Functions with derivatives of every order on the whole plane, of moderate size near the origin."""
    return st.one_of(
        st.builds("({} + {})".format, inner, inner),
        st.builds("({} - {})".format, inner, inner),
        st.builds("{}*{}".format, inner, inner),
        st.builds("{}({})".format, st.sampled_from(["sin", "cos", "atan", "tanh", "asinh", "erf"]), inner),
        st.builds("exp(-({})**2)".format, inner),
        st.builds("sqrt(1 + ({})**2)".format, inner),
        st.builds("({})/(2 + cos({}))".format, inner, inner),
        st.builds("({})**{}".format, inner, st.sampled_from(["2", "3"])),
    )


smooth_texts = st.recursive(st.sampled_from(["x", "y", "x*y", "2", "0.5", "pi"]), _smooth, max_leaves=5)


def syntax(text):
    """A text of the grammar as Python reads it, which these texts are nearly: a reading without the parser."""
    return ast.parse(text.replace("^", "**").replace("2(", "2*(").replace("lambda", "lambda_"), mode="eval").body


def inner(node):
    """The parts of which a part is made."""
    if isinstance(node, ast.BinOp):
        return [node.left, node.right]
    if isinstance(node, ast.UnaryOp):
        return [node.operand]
    return node.args if isinstance(node, ast.Call) else []


def all_parts(node):
    """The part itself and all that is in it."""
    return [node, *(part for child in inner(node) for part in all_parts(child))]


def is_constant(node):
    return all(not isinstance(part, ast.Name) or part.id in ("pi", "e") for part in all_parts(node))


def head(node):
    """Which operator or function makes a part of the parts in it."""
    return node.func.id if isinstance(node, ast.Call) else type(node.op)


APPLY = {
    ast.USub: operator.neg,
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: mpmath.power,
    **{f"arc{name}": getattr(mpmath, f"a{name}") for name in ("sin", "cos", "tan")},
    "abs": mpmath.fabs,
    "cbrt": lambda u: mpmath.sign(u) * mpmath.cbrt(abs(u)),
    "ln": mpmath.log,
    "max": max,
    "min": min,
}
LARGEST = mpmath.mpf(10) ** 1000
"""A text with larger values is no example: mpmath would write out the exponents of a tower of powers."""
HAVE_POLES = ("tan", "cot", "sec", "csc")
NEVER_CANCEL = (ast.USub, ast.Mult, ast.Div, ast.Pow, "exp", "sech", "csch")


def rounded(result, size):
    """As mpmath gives it, rounded to the precision that is set."""
    return result


def exact(result, size):
    """What it must be: sin(pi) is 0 and (1/3)**-2 is 9, where the last ten of many digits are wrong."""
    with mpmath.workdps(mpmath.mp.dps - 10):
        return mpmath.mpf(0) if abs(result) < 1000 * mpmath.eps * size else +result


def by_mpmath(node, point, finish=rounded):
    """The value of a part by mpmath; None where the part itself, or one in it, has no finite real value."""
    if isinstance(node, ast.Constant):
        return mpmath.mpf(str(node.value))
    if isinstance(node, ast.Name):
        name = node.id.removesuffix("_")
        return point[name] if name in point else {"pi": mpmath.pi, "e": mpmath.e}[name] + 0
    values = [by_mpmath(part, point, finish) for part in inner(node)]
    if None in values:
        return None
    try:
        result = applied(head(node), values)
    except (ZeroDivisionError, ValueError):
        return None
    if not mpmath.isfinite(result) or mpmath.im(result) != 0:
        return None
    if abs(result) > LARGEST:
        return reject()
    size = max(map(abs, values))
    if head(node) in HAVE_POLES and abs(result) * size > 1e25:  # cot(pi), for pi is not met to the last digit
        return None
    return finish(result, 0 if head(node) in NEVER_CANCEL else size)


def applied(head, values):
    return (APPLY.get(head) or getattr(mpmath, head))(*values)


def distance(node, values):
    """How far a part is, for these values of the parts in it, from where it has no derivative; negative beyond."""
    name, u, *others = head(node), *values
    if name == ast.Div:
        return abs(others[0])
    if name == ast.Pow:
        if is_constant(node.right) and others[0] == int(others[0]):
            return mpmath.inf if others[0] >= 0 else abs(u)
        return u
    if name in ("min", "max"):
        return abs(u - others[0])
    if name in ("ln", "log", "log10", "sqrt"):
        return u
    if name in ("asin", "acos", "arcsin", "arccos", "atanh"):
        return 1 - abs(u)
    if name in ("abs", "cbrt", "sign", "coth", "csch"):
        return abs(u)
    if name in ("tan", "sec"):
        return abs(mpmath.cos(u))
    if name in ("cot", "csc"):
        return abs(mpmath.sin(u))
    return u - 1 if name == "acosh" else mpmath.inf


def distances(tree, point):
    """For every part how far it is at a point from where it has no derivative; each must have a value there."""
    for node in all_parts(tree):
        if inner(node):
            yield distance(node, [by_mpmath(part, point) for part in inner(node)])


ARITHMETICS = [(exact, 140), *((rounded, bits) for bits in (53, 50, 51, 52, 54, 55, 56))]
"""The exact one and those about float64: what depends on the way of rounding is not alike in all of them."""


def in_each_arithmetic(of):
    """What a function of the way to finish a step finds, in one arithmetic after another."""
    for finish, bits in ARITHMETICS:
        with mpmath.workprec(bits):
            found = of(finish)
        yield found


def beyond_float64(number):
    """Whether it is no real number, or too large for float64, or so small that it vanishes there."""
    return number is None or (number != 0 and not 5e-324 <= abs(number) <= 1.7976931348623157e308)


def factors(node):
    """A product's factors from left to right, with their operators."""
    found = []
    while isinstance(node, ast.BinOp) and head(node) in (ast.Mult, ast.Div):
        found.append((head(node), node.right))
        node = node.left
    return [(ast.Mult, node), *reversed(found)]


def constants(text, finish):
    """The values of the constant parts of a text, and of what the constants in its products make together."""
    for part in all_parts(syntax(text)):
        if is_constant(part):
            yield by_mpmath(part, {}, finish)
        of_product = [(sign, by_mpmath(factor, {}, finish)) for sign, factor in factors(part) if is_constant(factor)]
        if (ast.Div, 0) in of_product:
            yield None
        elif all(number for _, number in of_product):
            yield from accumulate((n if sign is ast.Mult else 1 / n for sign, n in of_product), operator.mul)


def has_a_constant_beyond_float64(text):
    return any(in_each_arithmetic(lambda finish: any(map(beyond_float64, constants(text, finish)))))


def has_a_product_without_sign_after_a_slash_or_power(text):
    return bool(re.search(r"(/|\*\*|\^)2\(", text.replace(" ", "")))


def has_a_constant_not_positive_to_a_variable_power(text):
    powers = [node for node in all_parts(syntax(text)) if inner(node) and head(node) == ast.Pow]
    bases = [power.left for power in powers if not is_constant(power.right)]

    def is_one(base, finish):
        values = [by_mpmath(base, point, finish) for point in SOME_POINTS]
        found = [value for value in values if value is not None]
        return found and max(found) <= 0 and max(found) - min(found) <= 1e-20 * abs(max(found))

    return any(in_each_arithmetic(lambda finish: any(is_one(base, finish) for base in bases)))


def has_a_part_without_value_anywhere(text):
    with mpmath.workdps(40):
        parts = all_parts(syntax(text))
        return any(all(by_mpmath(part, point, exact) is None for point in SOME_POINTS) for part in parts)


def digits(node):
    """How many digits exact arithmetic may make of a part, and more."""
    if not inner(node):
        return len(str(node.value)) if isinstance(node, ast.Constant) else 0
    of_all = sum(digits(part) for part in inner(node))
    if head(node) not in (ast.Pow, "exp"):
        return of_all
    exponents = [by_mpmath(part, SOME_POINTS[0]) for part in all_parts(inner(node)[-1])]
    return of_all * max([1, *(abs(exponent) for exponent in exponents if exponent is not None)])


def is_long(text):
    return digits(syntax(text)) > 300


def has_a_long_number(text):
    return bool(re.search(rf"[0-9]{{{MAX_LITERAL + 1}}}", text))


REFUSALS = {
    "A constant part is not a finite real number in float64, or vanishes there": has_a_constant_beyond_float64,
    'A product without "*" is ambiguous after "/" or a power': has_a_product_without_sign_after_a_slash_or_power,
    "A constant that is not positive has no power": has_a_constant_not_positive_to_a_variable_power,
    "This part is not a finite real number, whatever its variables": has_a_part_without_value_anywhere,
    "Numbers beyond float64 come of this part": is_long,
    f"Numbers of more than {MAX_DIGITS} digits": is_long,
    f"The exponent is larger than {MAX_EXPONENT}": is_long,
    "A power with an exponent of": is_long,
    "The number has": has_a_long_number,
}
"""What the grammar may say of a text from here, or of one printed from it, and what must then be true of it."""


def function(text, variables=None):
    """The function that a generated text is read as; a text that is rightly refused is no example."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".* was read as ")  # E
            return SymbolicFunction(text, variables)
    except ExpressionError as error:
        refusal = error
    (is_true,) = (true for reason, true in REFUSALS.items() if refusal.reason.startswith(reason))
    assert is_true(text), refusal
    return reject()


COMPLEX = {"exp": np.exp, "log": np.log, "sin": np.sin, "cos": np.cos, "atan": np.arctan}


def complex_value(node, values):
    """The value of a tree on complex arrays, for complex-step derivatives."""
    if node.kind == "number":
        return float(node.head)
    if node.kind == "name":
        return values[node.head] if node.value is None else node.value
    parts = [complex_value(child, values) for child in node.children]
    if node.kind == "negative":
        return -parts[0]
    if node.kind == "power":
        return parts[0] ** parts[1]
    if node.kind == "call":
        return COMPLEX[node.head](*parts)
    if node.kind == "sum":
        return sum(part if sign == "+" else -part for sign, part in zip(node.head, parts, strict=True))
    result = 1.0
    for sign, part in zip(node.head, parts, strict=True):
        result = result * part if sign == "*" else result / part
    return result
