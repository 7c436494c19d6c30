"""What a text is read into: a tree of nodes; and the error that points at the place where it cannot be read."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from typing import Any


class ExpressionError(ValueError):
    """A text that the grammar does not read, or that is too large.

    Attributes
    ----------
    reason : str
        One sentence that says what is wrong and in which column.
    text : str
    position : int
        Where in the text, counted from 0; the message has a caret under it.
    """

    def __init__(self, what: str, text: str, position: int) -> None:
        self._what, self.text, self.position = what, text, position
        self.reason = f"{what} (column {position + 1})."
        start = max(position - 60, 0)
        shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[start : position + 40])
        indent = " " * sum(map(_width, shown[: position - start]))
        super().__init__(f"{self.reason}\n    {shown}\n    {indent}^")

    def __reduce__(self) -> Any:
        return type(self), (self._what, self.text, self.position)


def _width(character: str) -> int:
    """How many columns a terminal gives a character."""
    return 0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1


@dataclass(frozen=True)
class Node:
    """A part of a text.

    Attributes
    ----------
    kind : {"number", "name", "call", "negative", "sum", "product", "power"}
    head : str
        The number or name; the function called; or one sign for each child: "+-+" of a sum, "*/*" of a product.
    children : tuple of Node
    position : int
        Where the part starts in the text.
    value : float or None
        What a constant part is worth.
    digits : int
        How many digits the exact rational numbers in it have, at most.
    is_rounded : bool
        Whether it is a constant with so many digits that SymPy is given `value` instead.
    """

    kind: str
    head: str
    children: tuple[Node, ...] = ()
    position: int = field(default=0, compare=False)
    value: float | None = field(default=None, compare=False)
    digits: int = field(default=0, compare=False)
    is_rounded: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        if self.kind in ("number", "name"):
            return self.head
        if self.kind == "call":
            return f"{self.head}({', '.join(map(str, self.children))})"
        rank = RANKS[self.kind]
        texts = [f"({c})" if RANKS[c.kind] <= rank else str(c) for c in self.children]
        if self.kind == "negative":
            return f"-{texts[0]}"
        if self.kind == "power":
            return f"{texts[0]}**{texts[1]}"
        space = " " if self.kind == "sum" else ""
        rest = (f"{space}{sign}{space}{text}" for sign, text in zip(self.head[1:], texts[1:], strict=True))
        return texts[0] + "".join(rest)


RANKS = {"sum": 0, "product": 1, "negative": 2, "power": 3, "call": 4, "number": 4, "name": 4}


def names_in(node: Node) -> list[str]:
    """The variables of a tree in the order in which they first appear."""
    if node.kind == "name" and node.value is None:
        return [node.head]
    return list(dict.fromkeys(name for child in node.children for name in names_in(child)))
