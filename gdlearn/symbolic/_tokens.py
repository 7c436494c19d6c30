"""Text → tokens, by an allow-list of characters; every other one is refused by its name."""

from __future__ import annotations

import re
from typing import NamedTuple

from ._hints import character_hint
from ._tree import ExpressionError

MAX_LENGTH = 2_000
"""Characters of a text."""

_SPELLED = """alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi rho sigma tau upsilon phi chi psi
omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega"""
GREEK = dict(zip("αβγδεζηθικλμνξρστυφχψωΓΔΘΛΞΠΣΦΨΩ", _SPELLED.split(), strict=True))
"""Letters that are names; the others look like Latin ones, and π is the number."""

SIGNS = {"−": "-", "×": "*", "·": "*", "⋅": "*", "÷": "/", "^": "**"}
"""Other ways to type an operator."""

_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
_PATTERN = re.compile(
    r"(?P<space>[ \t\r\n]+)|(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    rf"|(?P<name>[A-Za-z][A-Za-z0-9_]*|[{''.join(GREEK)}](?:_[A-Za-z0-9]+|[0-9]+)?|π)"
    r"|(?P<raised>[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)|(?P<sign>\*\*|[-+*/^(),|=√∛−×·⋅÷])"
)


class Token(NamedTuple):
    """A piece of a text.

    Attributes
    ----------
    kind : {"number", "name", "raised", "sign", "end"}
        Raised is an exponent in superscript digits.
    text : str
        In plain characters: "-" for a minus sign, "pi" for π, "2" for ².
    start, stop : int
        Where it lies in the text.
    """

    kind: str
    text: str
    start: int
    stop: int


def tokens(text: str) -> list[Token]:
    """The tokens of a text and one for its end.

    Raises
    ------
    ExpressionError
        If the text is too long, or holds a character that is not read.
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"The expression has {len(text)} characters, more than {MAX_LENGTH}", text, MAX_LENGTH)
    found, place = [], 0
    while place < len(text):
        match = _PATTERN.match(text, place)
        if match is None:
            raise ExpressionError(character_hint(text, place), text, place)
        kind = str(match.lastgroup)
        if kind != "space":
            found.append(Token(kind, _plain(kind, match.group()), place, match.end()))
        place = match.end()
    return [*found, Token("end", "", len(text), len(text))]


def _plain(kind: str, typed: str) -> str:
    if kind == "raised":
        return typed.translate(_RAISED)
    if kind == "sign":
        return SIGNS.get(typed, typed)
    return "pi" if typed == "π" else typed


def header(found: list[Token]) -> list[Token] | None:
    """The names in a leading f(x, y) = ..., or None if the text has no such head."""
    texts = [token.text for token in found]
    if "=" not in texts or found[0].kind != "name":
        return None
    end = texts.index("=")
    names = found[2 : end - 1 : 2]
    signs = [texts[1], *texts[3:end:2]]
    is_list = len(names) > 0 and all(token.kind == "name" for token in names)
    return names if is_list and signs == ["(", *[","] * (len(names) - 1), ")"] else None


def is_name(name: str) -> bool:
    """Whether a text is one name as it stands."""
    match = _PATTERN.fullmatch(name)
    return match is not None and match.lastgroup == "name" and name != "π"


def is_letter(name: str) -> bool:
    """Whether a name is one letter, which may have an index: x, θ, x1, x_max; or a Greek letter spelled out."""
    return name in GREEK.values() or re.fullmatch(r".(?:[0-9]+|_[A-Za-z0-9]+)?", name) is not None
