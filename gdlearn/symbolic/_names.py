"""Names: which may be variables, and which may be meant as something else, xy as a product or Pi as the number."""

from __future__ import annotations

import keyword
from collections.abc import Callable, Iterable, Iterator
from typing import NoReturn

from ._functions import CONSTANTS, FUNCTIONS
from ._tokens import GREEK, is_name
from ._tree import Node, names_in

RESERVED = (set(keyword.kwlist) - {"lambda"}) | {"nan", "inf", "infinity"}
WORDS = {*GREEK.values(), "pi"}
USUAL = {"x", "y", "z", "e", "pi"}
"""Factors that people write side by side, whether or not they occur alone in the same text."""


def is_variable_name(name: object) -> bool:
    """Whether a name can be a variable."""
    if not isinstance(name, str) or not is_name(name):
        return False
    return name not in FUNCTIONS and name not in RESERVED and name.lower() not in RESERVED


def misread(tree: Node, constants: Iterable[str], fail: Callable[[str, int], NoReturn]) -> tuple[str, ...]:
    """How the names of a text were read that may be meant otherwise.

    An error where the letters of a name are variables or constants of it as well: in x + y + xy the product is meant.
    """
    names = names_in(tree)
    others = {*names, *constants}
    spelled = {word: letter for letter, word in GREEK.items()}
    notes = []
    for name in names:
        if spelled.get(name) in names:
            fail(f'"{spelled[name]}" and "{name}" are one letter: write one of them throughout', _place(tree, name))
        if name.lower() in CONSTANTS:
            notes.append(f'"{name}" was read as a variable; the number is written {name.lower()}.')
        pieces = _pieces(name)
        if not pieces:
            continue
        letters = [piece for piece in pieces if piece not in FUNCTIONS]
        product = _written(pieces)
        if others.union(CONSTANTS).issuperset(letters) and not others.isdisjoint(letters):
            beside = " and ".join(letter for letter in dict.fromkeys(letters) if letter in others)
            what = (
                f'"{name}" would be one variable, beside {beside}: write {product}, or list the variables if it is one'
            )
            fail(what, _place(tree, name))
        if len(pieces) == 2 or set(pieces) <= USUAL:
            notes.append(f'"{name}" was read as one variable; for {_what(pieces)} write {product}.')
    return tuple(notes)


def product_of(name: str, factors: Iterable[str]) -> str:
    """What to write for a name whose letters are all among some factors, or empty."""
    pieces, known = _pieces(name), {*factors, *CONSTANTS, *FUNCTIONS}
    return _written(pieces) if pieces and known.issuperset(pieces) else ""


def in_order(names: list[str]) -> tuple[str, ...]:
    """Variables in their order: those of one letter by the alphabet, in the places of such; others as they appear."""
    letters = iter(sorted((name for name in names if len(name) == 1), key=lambda name: (name.lower(), name)))
    return tuple(next(letters) if len(name) == 1 else name for name in names)


def _pieces(name: str) -> list[str]:
    """The factors of which a name may be made: its letters, pi, or a function and one letter; empty for a word."""
    if len(name) < 2 or not name.isalpha() or name in WORDS or name.lower() in CONSTANTS:
        return []
    function = name[:-1] if name[:-1] in FUNCTIONS else ""
    return [function, name[-1]] if function else list(_factors(name))


def _factors(name: str) -> Iterator[str]:
    while name:
        piece = "pi" if name.startswith("pi") else name[0]
        yield piece
        name = name[len(piece) :]


def _written(pieces: list[str]) -> str:
    return f"{pieces[0]}({pieces[1]})" if pieces[0] in FUNCTIONS else "*".join(pieces)


def _what(pieces: list[str]) -> str:
    return "the function" if pieces[0] in FUNCTIONS else "the product"


def _place(node: Node, name: str) -> int:
    """Where a name first stands."""
    if node.kind == "name" and node.head == name:
        return node.position
    return next((place for child in node.children if (place := _place(child, name)) >= 0), -1)
