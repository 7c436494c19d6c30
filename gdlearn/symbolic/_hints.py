"""What people type that the grammar does not read, and what to write instead; nothing here is guessed by likeness."""

from __future__ import annotations

import re
import unicodedata

from ._functions import FUNCTIONS

_SPELLINGS = {
    "asinh": "arcsinh arsinh argsinh arsh",
    "acosh": "arccosh arcosh argcosh arch",
    "atanh": "arctanh artanh argtanh arth",
    "asin": "arcsen arsin",
    "acos": "arcos",
    "atan": "arctg atg artan",
    "tan": "tg tang tangent",
    "cot": "ctg cotg cotan cotangent",
    "csc": "cosec cosecant",
    "sec": "secant",
    "sin": "sen sinus sine",
    "cos": "cosinus cosine",
    "sinh": "sh senh",
    "cosh": "ch",
    "tanh": "th tgh",
    "coth": "cth ctgh cotanh",
    "sech": "sch",
    "csch": "cosech",
    "sign": "sgn signum",
    "abs": "fabs absolute modulus",
    "max": "maximum",
    "min": "minimum",
    "cbrt": "cuberoot curt root3 cubert",
    "sqrt": "squareroot",
    "exp": "exponential",
}
MEANT = {spelling: f"{name}(u)" for name, spellings in _SPELLINGS.items() for spelling in spellings.split()} | {
    "acot": "pi/2 - atan(u)",
    "arccot": "pi/2 - atan(u)",
    "arcctg": "pi/2 - atan(u)",
    "actg": "pi/2 - atan(u)",
    "asec": "acos(1/u)",
    "arcsec": "acos(1/u)",
    "acsc": "asin(1/u)",
    "arccsc": "asin(1/u)",
    "arccosec": "asin(1/u)",
    "acoth": "atanh(1/u)",
    "arcoth": "atanh(1/u)",
    "arccoth": "atanh(1/u)",
    "asech": "acosh(1/u)",
    "arsech": "acosh(1/u)",
    "arcsech": "acosh(1/u)",
    "acsch": "asinh(1/u)",
    "arcsch": "asinh(1/u)",
    "arccsch": "asinh(1/u)",
    "lg": "log10(u), or ln(u)/ln(2) if the base is 2",
    "lb": "ln(u)/ln(2)",
    "ld": "ln(u)/ln(2)",
    "logn": "ln(u)/ln(n)",
    "log1p": "ln(1 + u)",
    "expm1": "exp(u) - 1",
    "cosm1": "cos(u) - 1",
    "atan2": "2*atan(u/(v + sqrt(u^2 + v^2))) for atan2(u, v)",
    "arctan2": "2*atan(u/(v + sqrt(u^2 + v^2))) for arctan2(u, v)",
    "sigmoid": "1/(1 + exp(-u))",
    "logistic": "1/(1 + exp(-u))",
    "expit": "1/(1 + exp(-u))",
    "logit": "ln(u/(1 - u))",
    "relu": "max(0, u)",
    "leakyrelu": "max(0.01*u, u)",
    "softplus": "ln(1 + exp(u))",
    "logaddexp": "ln(exp(u) + exp(v))",
    "logsumexp": "ln(exp(u) + exp(v))",
    "silu": "u/(1 + exp(-u))",
    "swish": "u/(1 + exp(-u))",
    "gelu": "u*(1 + erf(u/sqrt(2)))/2",
    "erfc": "1 - erf(u)",
    "sinc": "sin(u)/u, or sin(pi*u)/(pi*u)",
    "heaviside": "(1 + sign(u))/2",
    "hypot": "sqrt(u^2 + v^2)",
    "pow": "u^v",
    "power": "u^v",
    "square": "u^2",
    "sqr": "u^2",
    "cube": "u^3",
    "root": "cbrt(u) for root(u, 3), sqrt(u) for root(u, 2), u^(1/n) for root(u, n)",
    "nthroot": "u^(1/n), and cbrt(u) for the cube root",
    "exp2": "2^u",
    "exp10": "10^u",
    "cis": "cos(u) and sin(u) apart: all is real here",
    "sind": "sin(u*pi/180)",
    "cosd": "cos(u*pi/180)",
    "tand": "tan(u*pi/180)",
    "haversin": "(1 - cos(u))/2",
    "versin": "1 - cos(u)",
    "factorial": "",
    "gamma": "",
    "floor": "",
    "ceil": "",
    "round": "",
    "trunc": "",
    "mod": "",
    "argmax": "",
    "argmin": "",
    "erfinv": "",
    "erfi": "",
    "diff": "the function alone: its derivatives are found for you",
    "derivative": "the function alone: its derivatives are found for you",
}
"""What people call → what to write with u for the argument; empty where nothing here has that meaning."""

LISTED = ", ".join(name for name in FUNCTIONS if name not in ("log", "arcsin", "arccos", "arctan"))

POWERS = {*FUNCTIONS} & {*"sin cos tan cot sec csc sinh cosh tanh coth sech csch ln log log10".split()}  # noqa: SIM905
"""Functions whose powers are written sin^2(x)."""

_INVERSES = {"sinh": "asinh", "cosh": "acosh", "tanh": "atanh", "sin": "asin", "cos": "acos", "tan": "atan"}

SIGNS = {
    "!": "the factorial is no function of real numbers here, and has no derivative",
    "{": "use parentheses ( )",
    "}": "use parentheses ( )",
    "[": "use parentheses ( )",
    "]": "use parentheses ( )",
    "$": "leave it out",
    ";": 'one function at a time; a decimal point is "."',
    ":": 'write "/" for a quotient',
    "%": "write /100 for percent",
    "'": "the function alone is needed: its derivatives are found for you",
    "<": "an inequality is no function",
    ">": "an inequality is no function",
    "°": "angles are in radians: write *pi/180",
    "∞": "only finite numbers are read",
    "±": "write two functions, one with + and one with -",
    "∂": "the function alone is needed: its derivatives are found for you",
    "′": "the function alone is needed: its derivatives are found for you",
    "∫": "integrals are not read",
    "∑": "write the sum out",
    "∏": "write the product out",
    "‖": "write sqrt(x^2 + y^2) for the length of (x, y)",
    "½": "write (1/2)",
    "⅓": "write (1/3)",
    "¼": "write (1/4)",
    "¾": "write (3/4)",
    "⅔": "write (2/3)",
    "∜": "write (...)^(1/4)",
    "ⁿ": "write ^n",
    "ˣ": "write ^x",
    "–": 'for minus type "-"',
    "—": 'for minus type "-"',
    "‐": 'for minus type "-"',
    "‑": 'for minus type "-"',
    "﹣": 'for minus type "-"',
    "－": 'for minus type "-"',
    "∗": 'for a product type "*"',
    "•": 'for a product type "*"',
    "∙": 'for a product type "*"',
    "✕": 'for a product type "*"',
    "✖": 'for a product type "*"',
    "∕": 'for a quotient type "/"',
    "⁄": 'for a quotient type "/"',
    "\u00a0": "type an ordinary space",
}
"""A character that is not read → what to type instead."""

_LATEX = {
    "frac": "(a)/(b)",
    "dfrac": "(a)/(b)",
    "sqrt": "sqrt(u)",
    "cdot": "*",
    "times": "*",
    "div": "/",
    "left": "the parenthesis alone",
    "right": "the parenthesis alone",
}
_LOOKALIKES = {
    **dict(zip("асеорхуіјѕԁһԛԝАВЕКМНОРСТХІЈЅ", "aceopxyijsdhqwABEKMHOPCTXIJS", strict=True)),
    **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧο", "ABEZHIKMNOPTYXo", strict=True)),
}
"""Letters of other alphabets that look like Latin ones."""


def function_hint(name: str) -> str:
    """What to write for a name that is called and is no function."""
    key = name.lower().replace("_", "")
    if key in FUNCTIONS:
        return f"write {key}(...)"
    if key in MEANT:
        if MEANT[key]:
            return f"write {MEANT[key]}"
        return f"nothing here stands for it; the functions are {LISTED}"
    base = re.fullmatch(r"log_?([0-9]+)", key)
    if base:
        return f"write ln(u)/ln({base[1]})"
    if len(name) == 1:
        return f"for a product write {name}*(...)"
    typo = next((known for known in FUNCTIONS if _slips(key, known)), None)
    return f"did you mean {typo}(...)?" if typo else f"the functions are {LISTED}"


def _slips(typed: str, name: str) -> bool:
    """Whether the letters of a name are exchanged or doubled, which changes no meaning as a missing one would."""
    return len(name) > 1 and (sorted(typed) == sorted(name) or re.sub(r"(.)\1+", r"\1", typed) == name)


def arguments_hint(name: str, arguments: list[str]) -> str:
    """What to write for a function with too many arguments; they come as text."""
    u, second = arguments[:2]
    if len(arguments) == 2 and name in ("log", "ln"):
        return f": the logarithm to base {second} is ln({u})/ln({second})"
    if len(arguments) == 2 and name in ("sqrt", "cbrt"):
        root = f"cbrt({u})" if second == "3" else f"({u})^(1/({second}))"
        return f": write {root} for a root of another order"
    if re.fullmatch("[0-9]+", u.split("*")[-1]) and re.match("[0-9]", second):
        return f': a decimal point is ".", as in {u}.{second}'
    return ""


def inverse_hint(name: str) -> str:
    """What to write for sin^-1(x)."""
    inverse = _INVERSES.get(name)
    return f"write 1/{name}(...)" + (f" or, for the inverse function, {inverse}(...)" if inverse else "")


def token_hint(before: str, token: str, after: str) -> str:
    """What to type instead of a token that has no place between its neighbours, all as typed."""
    if token == "=":
        return (
            ": an equation is no function: write the formula alone, or left - (right)" if after else ': leave out "="'
        )
    if token == "," and before[-1:].isdecimal() and after[:1].isdecimal():
        return f': a decimal point is ".", as in {before}.{after}'
    if token and "|" in (token, before):
        return ': next to |...| write "*" for a product, or abs(...)'
    if before[-1:].isalnum() and token[:1].isalpha():
        return f": for a product write {before}*{token}"
    return ""


def character_hint(text: str, place: int) -> str:
    """Which character has no meaning here, as typed and by its name, and what to type instead."""
    character = text[place]
    name = unicodedata.name(character, f"U+{ord(character):04X}")
    shown = f'"{character}"' if character.isprintable() else name
    if character.isprintable() and not character.isascii():
        shown += f" ({name})"
    instead = _instead(text, place)
    return f"The character {shown} has no meaning here" + (f": {instead}" if instead else "")


def _instead(text: str, place: int) -> str:
    character = text[place]
    command = re.match(r"\\([A-Za-z]*)", text[place : place + 30])
    if command:
        word = command[1]
        plain = _LATEX.get(word) or (f"{word}(...)" if word in FUNCTIONS else word)
        return "LaTeX is not read" + (f"; write {plain}" if plain else "")
    if character in SIGNS:
        return SIGNS[character]
    same = unicodedata.normalize("NFKC", character)
    if character in _LOOKALIKES:
        return f'type the Latin letter "{_LOOKALIKES[character]}"'
    if "SUBSCRIPT" in unicodedata.name(character, ""):
        return f"write _{same}"
    if same != character and same.isprintable() and same.strip():
        return f'type "{same}"'
    if character.isdecimal():
        return f'type "{unicodedata.decimal(character)}"'
    return ""
