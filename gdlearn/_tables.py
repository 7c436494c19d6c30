"""Numbers, formulas and tables that are shown: as text, in LaTeX and in HTML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, NamedTuple, TypeVar

from numpy.typing import NDArray

from ._arrays import Array

T = TypeVar("T")

WIDTH = 79
"""Characters of a line of text."""

GAP = "…"
"""What stands for the rows that a table leaves out."""


CELL = 'style="text-align: right; padding: 0 0.6em; white-space: nowrap"'
"""How a cell of a table stands, whatever style the page has."""


class Words(NamedTuple):
    """A formula, as text and in LaTeX."""

    text: str
    latex: str


LARGE = 1e12
"""Below this a number is written without an exponent, with all the digits before its point."""


def number(value: float, digits: int = 6) -> str:
    """A number as formulas show it: six digits, or all before the point, and the sign of the formulas in front."""
    size = abs(value)
    if 10.0**digits <= size < LARGE:
        digits = len(str(int(size)))
    return ("−" if value < 0 else "") + f"{size:.{digits}g}"


def factor(value: float) -> str:
    """A number that follows an operator: a negative one in parentheses."""
    return f"({number(value)})" if value < 0 else number(value)


def in_latex(text: str) -> str:
    """A sum, product or number as text, in LaTeX."""
    words = []
    for word in text.replace("−", "-").replace("·", r"\cdot").replace(GAP, r"\vdots").replace("Σ", r"\sum").split(" "):
        mantissa, e, exponent = word.partition("e")
        power = exponent.rstrip(")")
        closed = exponent[len(power) :]
        words.append(rf"{mantissa} \cdot 10^{{{int(power)}}}{closed}" if e and power.lstrip("+-").isdigit() else word)
    return " ".join(words)


def distinguished(first: float, second: float) -> tuple[str, str]:
    """Two numbers with as many digits as tell them apart."""
    digits = next((d for d in range(6, 17) if f"{first:.{d}g}" != f"{second:.{d}g}"), 17)
    return number(first, digits), number(second, digits)


def abbreviated(items: Sequence[T], most: int) -> list[T | None]:
    """The items, or, of more than `most`, the first half as many, None for what is left out, and a few of the last."""
    if len(items) <= most:
        return list(items)
    return [*items[: most // 2], None, *items[-(most // 4) :]]


def derivative(function: str, variable: Words, n_variables: int) -> Words:
    """∂f/∂x, and df/dx where there is no other variable."""
    (d, partial) = ("∂", r"\partial ") if n_variables > 1 else ("d", "d")
    return Words(f"{d}{function}/{d}{variable.text}", rf"\frac{{{partial}{function}}}{{{partial}{variable.latex}}}")


def environment(name: str, lines: Iterable[str], gap: str = "") -> str:
    """Lines of LaTeX, one below the other."""
    between = rf" \\{gap} "
    return rf"\begin{{{name}}} {between.join(lines)} \end{{{name}}}"


def html_table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of numbers in HTML; every cell is text."""

    def line(kind: str, cells: Iterable[str]) -> str:
        return f"<tr>{''.join(f'<{kind} {CELL}>{escape(cell)}</{kind}>' for cell in cells)}</tr>"

    body = "".join(line("td", row) for row in rows)
    table = f"<table><thead>{line('th', header)}</thead><tbody>{body}</tbody></table>"
    return f'<div style="overflow-x: auto">{table}</div>'  # a wide one scrolls by itself


class Column(NamedTuple):
    """A heading, the numbers of the rows that are shown, and the sum over all rows where it is wanted."""

    name: Words
    numbers: Array
    total: float | None = None


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of the data and what a step makes of them, with the sums over all rows.

    Attributes
    ----------
    rows : ndarray of int
        The numbers n of the rows that are shown, counted from 1.
    columns : mapping from str to ndarray
        Heading → its numbers in these rows.
    sums : mapping from str to float
        Heading → the sum over all rows, also those that are not shown.
    in_latex : sequence of str
        The headings in LaTeX.
    """

    rows: NDArray[Any]
    columns: Mapping[str, Array]
    sums: Mapping[str, float]
    in_latex: Sequence[str]

    @classmethod
    def of(cls, rows: NDArray[Any], columns: Sequence[Column]) -> Table:
        """The rows of these numbers; products are written closer than in a formula."""
        names = [column.name.text.replace(" (", "(").replace("wₙ ", "wₙ·") for column in columns]
        sums = {name: column.total for name, column in zip(names, columns, strict=True) if column.total is not None}
        numbers = dict(zip(names, (column.numbers for column in columns), strict=True))
        return cls(rows, numbers, sums, [column.name.latex for column in columns])

    def cells(self) -> list[list[str]]:
        """The rows as text: a line of gaps where rows are left out, and the sums last."""
        lines: list[list[str]] = []
        for i, n in enumerate(self.rows):
            if i and n > self.rows[i - 1] + 1:
                lines.append([GAP] * (len(self.columns) + 1))
            lines.append([str(n), *(number(column[i]) for column in self.columns.values())])
        return [*lines, ["Σ", *(number(self.sums[name]) if name in self.sums else "" for name in self.columns)]]

    def text(self) -> str:
        """The table; of one that is too wide, some columns below the others."""
        cells = [["n", *self.columns], *self.cells()]
        widths = [2 + max(map(len, column)) for column in zip(*cells, strict=True)]
        blocks, used = [], WIDTH
        for i, width in enumerate(widths[1:], 1):
            if used + width > WIDTH:
                blocks.append([0])
                used = widths[0]
            blocks[-1].append(i)
            used += width
        return "\n\n".join(
            "\n".join(
                "".join(line[i].rjust(widths[i]) for i in block).rstrip()
                for line in cells
                if any(line[i] for i in block[1:])  # the line of sums, in columns without any
            )
            for block in blocks
        )

    def latex(self) -> str:
        """The table as an array."""
        head = " & ".join(["n", *self.in_latex])
        *body, sums = (" & ".join(map(in_latex, line)) for line in self.cells())
        lines = [head, r"\hline " + body[0], *body[1:], r"\hline " + sums]
        return environment("array", lines).replace("{array}", f"{{array}}{{{'r' * (len(self.columns) + 1)}}}", 1)

    def html(self) -> str:
        """The table in HTML."""
        return html_table(["n", *self.columns], self.cells())
