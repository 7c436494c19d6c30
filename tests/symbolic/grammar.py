"""What the tests of gdlearn.symbolic share: texts of the grammar by Hypothesis, and their values by other means."""

import json
import signal
from contextlib import contextmanager
from pathlib import Path

import mpmath
import numpy as np
from hypothesis import strategies as st

from gdlearn.symbolic._functions import FUNCTIONS

DATA = Path(__file__).parents[1] / "data"
NIST = {path.stem[4:]: json.loads(path.read_text()) for path in sorted((DATA / "nist_nonlinear").glob("*.json"))}


@contextmanager
def no_hang(seconds=30):
    """An error where what takes milliseconds has not ended on the slowest of machines."""

    def stop(*_):
        raise TimeoutError("this hangs")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


numbers = st.sampled_from(["2", "3", "0.5", "1.25", "7", "1e-1", "2.5e0", "10", ".75", "pi", "e"])
names = st.sampled_from(["x", "y", "lambda", "E", "beta", "x_1"])
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

KERNELS = {
    "ln": "log",
    **{f"arc{name}": f"a{name}" for name in ("sin", "cos", "tan")},
    "abs": "fabs",
}


class OutsideError(ArithmeticError):
    """The reference has no real value here."""


def reference(node, values, distances):
    """The value of a tree in mpmath; `distances` collects how far it is from where it is not smooth."""
    if node.kind == "number":
        return mpmath.mpf(node.head)
    if node.kind == "name":
        return values[node.head] if node.value is None else {"pi": mpmath.pi, "e": mpmath.e}[node.head] + 0
    parts = [reference(child, values, distances) for child in node.children]
    if node.kind == "negative":
        return -parts[0]
    if node.kind == "sum":
        return mpmath.fsum(p if s == "+" else -p for s, p in zip(node.head, parts, strict=True))
    if node.kind == "product":
        result = mpmath.mpf(1)
        for sign, part in zip(node.head, parts, strict=True):
            if sign == "/":
                distances.append(abs(part))
                if part == 0:
                    raise OutsideError
            result = result * part if sign == "*" else result / part
        return result
    if node.kind == "power":
        base, exponent = parts
        whole = node.children[1].value is not None and exponent == int(exponent)
        if not whole or exponent < 0:
            distances.append(abs(base) if whole else base)
        if (base <= 0 and not whole) or (base == 0 and exponent < 0):
            raise OutsideError
        return mpmath.power(base, exponent)
    return _call(node.head, parts, distances)


def _call(name, parts, distances):
    u = parts[0]
    if name in ("min", "max"):
        distances.append(abs(u - parts[1]))
        return {"min": min, "max": max}[name](parts)
    if name == "cbrt":
        distances.append(abs(u))
        return mpmath.sign(u) * mpmath.cbrt(abs(u))
    margins = {
        **dict.fromkeys(["ln", "log", "log10", "sqrt"], u),
        **dict.fromkeys(["asin", "acos", "arcsin", "arccos", "atanh"], 1 - abs(u)),
        **dict.fromkeys(["abs", "sign", "coth", "csch"], abs(u)),
        "acosh": u - 1,
    }
    if name in margins:
        distances.append(margins[name])
        if margins[name] <= 0:
            raise OutsideError
    if name in ("tan", "sec"):
        distances.append(abs(mpmath.cos(u)))
    if name in ("cot", "csc"):
        distances.append(abs(mpmath.sin(u)))
    return getattr(mpmath, KERNELS.get(name, name))(u)


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
