"""The command line: ``python -m gdlearn "x**2*y + sin(x*y)" --at x=1 y=2 --steps`` prints a function's gradient."""

from __future__ import annotations

import argparse
import os
import sys
import unicodedata
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from . import __version__

if TYPE_CHECKING:
    from .symbolic import SymbolicFunction

OPTIONS = ("-h", "--help", "--version", "--variables", "--constants", "--at", "--steps", "--")
INDENT = " " * 4
HEXADECIMAL = "backslashreplace"
"""What becomes of letters that an output has no other way to write."""


class _Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and how help is found; exit with code 2."""
        if message.endswith("required: expression"):
            message += '; the function comes first, as in "x*y" --at x=1 y=2'
        self.exit(2, f"{self.prog}: {' '.join(message.split())} (--help explains)\n")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """Exit; the message in letters that the error stream has."""
        super().exit(status, message and _encodable(message, getattr(sys.stderr, "encoding", None)))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the partial derivatives of a function, on request their steps, and their values at a point.

    Parameters
    ----------
    arguments : sequence of str, default=None
        What follows the program's name; None is the command line.

    Raises
    ------
    SystemExit
        With code 2, and one line on the error stream, for a text that is no function, or a point where it or a
        derivative is not defined, after what is; with code 1 if SymPy is missing or the output cannot be written.

    Examples
    --------
    >>> from gdlearn.__main__ import main
    >>> main(["x**2*y + sin(x*y)"])
    f(x, y) = x**2*y + sin(x*y)
    ∂f/∂x = 2*x*y + y*cos(x*y)
    ∂f/∂y = x**2 + x*cos(x*y)
    domain: everywhere
    """
    parser = _parser()
    options = _options(parser, sys.argv[1:] if arguments is None else arguments)
    try:
        from .symbolic import ExpressionError, SymbolicFunction

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what they say is among the notes
            constants = _numbers_of("--constants", options.constants or ())
            f = SymbolicFunction(options.expression.removeprefix(" "), options.variables, constants)
        with np.errstate(all="ignore"):
            point = None if options.at is None else _point(f, options.at)
            lines, reason = list(_symbols(f, options.steps)), ""
            if point is not None:
                numbers, reason = _numbers(f, point)
                lines += numbers
    except ImportError as error:
        parser.exit(1, f"{parser.prog}: {error}\n")
    except ExpressionError as error:
        parser.exit(2, f"{parser.prog}: {error.reason}\n")
    except ValueError as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    _write(parser, lines)
    if reason:
        parser.exit(2, f"{parser.prog}: {reason}\n")


def _options(parser: _Parser, given: Iterable[str]) -> argparse.Namespace:
    """What was asked for; a text with a leading minus, unless an option, is an expression."""
    texts = [f" {text}" if text.startswith("-") and text.split("=")[0] not in OPTIONS else text for text in given]
    options, others = parser.parse_known_args(texts)
    if any(text.strip().startswith("--") for text in others):
        parser.error(f"unrecognized arguments: {' '.join(others)}")
    if others:
        whole = " ".join([options.expression, *others])
        parser.error(f'quote the function, so that the shell passes it on as one text: "{" ".join(whole.split())}"')
    return options


def _write(parser: _Parser, lines: Iterable[str]) -> None:
    """Print the lines, or one on the error stream where that is not possible."""
    try:
        sys.stdout.write(_encodable("\n".join(lines) + "\n", sys.stdout.encoding))
        sys.stdout.flush()
    except (OSError, ValueError, AttributeError) as error:  # full or broken; closed by its owner; closed at the start
        with suppress(OSError, ValueError, AttributeError):  # what is left of it must not fail again at the exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        reason = "it is closed" if isinstance(error, AttributeError) else error
        parser.exit(1, f"{parser.prog}: the output cannot be written: {reason}\n")


def _encodable(text: str, encoding: str | None) -> str:
    """The text in letters that an output's encoding has: d in place of ∂, theta in place of θ."""
    encoding = encoding or "utf-8"
    return "".join(
        each
        if each.encode(encoding, "ignore")
        else _spelled(each).encode(encoding, "backslashreplace").decode(encoding)
        for each in text
    )


def _spelled(letter: str) -> str:
    """A letter in those of a keyboard: d for ∂, theta for θ, and Theta for the capital."""
    kind, _, name = unicodedata.name(letter, "").rpartition(" LETTER ")
    if letter == "∂" or not kind.startswith("GREEK"):
        return "d" if letter == "∂" else letter
    return name.capitalize() if kind.endswith("CAPITAL") else name.lower()


def _parser() -> _Parser:
    parser = _Parser(
        prog="python -m gdlearn",
        description="The gradient of a function: in symbols, step by step, and at a point.",
        epilog='Quote the function, as in "x**2*y + sin(x*y)", so that the shell leaves it alone.',
        allow_abbrev=False,
    )
    parser.add_argument("expression", help="a function, such as x**2*y + sin(x*y)")
    parser.add_argument("--variables", nargs="+", metavar="NAME", help="its variables, in this order")
    parser.add_argument(
        "--constants",
        nargs="+",
        action="extend",
        metavar="NAME=VALUE",
        help="names that are held constant, such as a=2",
    )
    parser.add_argument("--at", nargs="+", action="extend", metavar="NAME=VALUE", help="a point, such as x=1 y=pi/2")
    parser.add_argument("--steps", action="store_true", help="show by which rules each partial derivative was found")
    parser.add_argument("--version", action="version", version=f"gdlearn {__version__}")
    return parser


def _symbols(f: SymbolicFunction, with_steps: bool) -> Iterator[str]:
    """The function, its partial derivatives and its domain."""
    of = f"({', '.join(f.variables)})" if f.variables else ""
    yield f"f{of} = {f.notation.text(f.expression)}"
    if f.constants:
        yield f"held constant: {', '.join(f'{name} = {_number(value)}' for name, value in f.constants.items())}"
    yield from (f"note: {note}" for note in f.notes)
    for name in f.variables:
        found = f.steps(name)
        if with_steps:
            yield ""
            for step in found:
                if not step.changes_nothing:
                    yield f"{INDENT}{step.reason()}"
                    yield f"{INDENT * 2}{step.equation()}"
        yield f"{_slope(f, name)} = {found[-1].equation()}"
    if with_steps:
        yield ""
    yield f"domain: {f.domain}"
    if f.domain.differentiable:
        yield f"the rules for derivatives need besides: {' and '.join(map(str, f.domain.differentiable))}"


def _slope(f: SymbolicFunction, name: str) -> str:
    """The sign for a derivative: with d if f has one variable, else with ∂."""
    return f"∂f/∂{name}" if len(f.variables) > 1 else f"df/d{name}"


def _numbers(f: SymbolicFunction, point: Mapping[str, Any]) -> tuple[list[str], str]:
    """What exists at a point: value, partial derivatives and what follows from them; and why the rest does not."""
    from .symbolic import DomainError

    lines = ["", f"at {', '.join(f'{name} = {_number(point[name])}' for name in f.variables)}"]
    reason = ""
    for name in (None, *f.variables):
        try:
            found = f(point) if name is None else f.gradient_at(point, by=[name])[0]
        except DomainError as error:
            reason = reason or str(error)
        else:
            lines.append(f"{'f' if name is None else _slope(f, name)} = {_number(found)}")
    try:
        lines += [] if reason else _directions(f, point)
    except DomainError as error:  # the gradient is too long for float64
        reason = str(error)
    return lines, reason


def _directions(f: SymbolicFunction, point: Mapping[str, Any]) -> list[str]:
    """The steepest ascent and the check by finite differences."""
    direction, rate = f.steepest_ascent(point)
    parts = ", ".join(f"{part:.4f}" for part in direction.round(4) + 0.0)
    along = f"along ({parts})" if rate > 0 else "in no direction"
    check = f.check(point)
    return [
        f"steepest ascent: {along}, at a rate of {_number(rate)}",
        f"finite differences {check.in_words(_slope(f, f.variables[check.worst_coordinate]))}",
    ]


def _number(value: Any) -> str:
    return f"{value + 0.0:.10g}"  # -0 is 0


def _point(f: SymbolicFunction, assignments: Sequence[str]) -> dict[str, Any]:
    """The value of each variable."""
    point = _numbers_of("--at", assignments, f.variables)
    missing = [name for name in f.variables if name not in point]
    if missing:
        raise ValueError(f"--at has no value for {', '.join(missing)}.")
    return point


def _numbers_of(option: str, assignments: Sequence[str], names: Sequence[str] | None = None) -> dict[str, Any]:
    """Name → value, from texts such as "x=pi/2"; of some names alone, or of any."""
    from .symbolic import SymbolicFunction

    numbers: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, value = (part.strip() for part in assignment.partition("="))
        if not (name and equals and value) or name in numbers or (names is not None and name not in names):
            wanted = "as in a=2" if names is None else " ".join(f"{each}=..." for each in names) or "and f has none"
            each = "name" if names is None else "variable"
            raise ValueError(f"{option} takes one value for each {each}, {wanted}; got {assignment!r}.")
        if "=" in value:
            separate = " ".join(part.strip() for part in assignment.split(","))
            raise ValueError(f"{option} takes its assignments separated by spaces, {separate}; got {assignment!r}.")
        try:
            numbers[name] = SymbolicFunction(value, variables=[])([])
        except ValueError as error:
            raise ValueError(f"{option} {assignment}: a number is needed. {getattr(error, 'reason', error)}") from None
    return numbers


if __name__ == "__main__":
    main()
