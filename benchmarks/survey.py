"""Survey of functions typed as text: values, gradients and checks of generated functions, against mpmath.

``python benchmarks/survey.py [--functions 200] [--seed 0]`` takes 50 points of each function: ordinary ones, some next
to the places where formulas divide by zero, and some far out. It counts

- values and partial derivatives that are off by more than 1e-9 without a `PrecisionWarning`,
- points where mpmath finds a value or a derivative that float64 holds, and none is given, and the reverse,
- right gradients that `check` refuses, and wrong ones that it passes.
"""

from __future__ import annotations

import argparse
import ast
import random
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mpmath
import numpy as np

from gdlearn import check_gradient
from gdlearn.symbolic import ExpressionError, PrecisionWarning, SymbolicFunction

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "symbolic"))
from grammar import LARGEST, applied, head, inner, syntax  # a reading without the parser

DIGITS = 800
STEP = mpmath.mpf(10) ** -300
NOISE = mpmath.mpf(10) ** -90
"""Slopes below this are 0."""
POINTS = 50
OF_ONE = ("sin", "cos", "tan", "exp", "ln", "sqrt", "atan", "tanh", "cosh", "asinh", "cbrt", "abs", "erf", "log10")
SHAPES = ("({a} + {b})", "({a} - {b})", "{a}*{b}", "{a}*{b}", "({a})/({b})", "({a} - {b})/({b})", "({a})**2")
SHAPES += ("({a})**3", "({a})**-1", "({a})**(1/2)", "max({a}, {b})", "({f}({a}) - {f}({b}))/({a})")
SHAPES += ("{f}({a})", "{f}({a})", "{f}({a})")
ATOMS = ("x", "y", "x", "y", "1", "2", "0.1", "pi", "x**2", "x*y", "(1 - x)", "(1 + y)", "exp(x)", "cos(x)")
FINE = ("right", "beyond float64", "rightly none", "warned of", "cannot be measured")
VERDICTS = {True: "passed", False: "found", None: "cannot be measured"}
PLACES = (0.0, 1.0, -1.0, 0.5, float(np.pi), 2.0)


def text_of(rng: random.Random, depth: int = 2) -> str:
    """A function at random."""
    if depth == 0:
        return rng.choice(ATOMS)
    parts = {name: text_of(rng, rng.randint(0, depth - 1)) for name in "ab"}
    return rng.choice(SHAPES).format(f=rng.choice(OF_ONE), **parts)


def coordinate(rng: random.Random) -> float:
    """An ordinary number, one next to or at a place where formulas have no value, or one far out."""
    sign = rng.choice((-1.0, 1.0))
    kind = rng.randrange(6)
    if kind < 2:
        return rng.uniform(-3, 3)
    if kind == 2:
        return rng.choice(PLACES)
    if kind == 3:
        return rng.choice(PLACES) + sign * 10.0 ** rng.uniform(-15, -2)
    if kind == 4:
        return sign * 10.0 ** rng.uniform(-30, -3)
    return sign * 10.0 ** rng.uniform(0, 20)


def value_of(node: Any, point: dict[str, Any]) -> Any:
    """The value of a part by mpmath; None where it or one in it has no real value, or one beyond all comparison."""
    if isinstance(node, ast.Constant):
        return mpmath.mpf(str(node.value))
    if isinstance(node, ast.Name):
        return point.get(node.id, mpmath.pi + 0)
    values = [value_of(part, point) for part in inner(node)]
    if None in values or mpmath.inf in values:
        return mpmath.inf if mpmath.inf in values else None
    if max(map(abs, values)) > LARGEST:
        return mpmath.inf  # which stands for what is not compared
    try:
        result = applied(head(node), values)
    except (ZeroDivisionError, ValueError):
        return None
    return +result if mpmath.isfinite(result) and mpmath.im(result) == 0 else None


def reference(tree: Any, point: dict[str, Any], name: str | None) -> Any:
    """The value, or a partial derivative by central differences in many digits; None where there is none."""
    if name is None:
        return value_of(tree, point)
    size = max(1, abs(point[name])) if abs(point[name]) > mpmath.mpf(10) ** -100 else 1
    middle = value_of(tree, point)
    sides = []
    for h in (STEP * size, -STEP * size):
        near, nearer = (value_of(tree, {**point, name: point[name] + step}) for step in (h, h / 1000))
        if mpmath.inf in (middle, near, nearer):
            return mpmath.inf
        if None in (middle, near, nearer):
            continue  # at an edge one side counts
        sides.append((nearer - middle) * 1000 / h)
        if abs(sides[-1]) > 2 * abs(near - middle) / abs(h) + NOISE:
            return None  # a vertical tangent
    if not sides:
        return None
    agree = abs(sides[0] - sides[-1]) <= mpmath.mpf(10) ** -20 * max(map(abs, sides))
    flat = max(map(abs, sides)) < NOISE  # as of |x|**1.5 at 0
    return mpmath.mpf(0) if flat else (sides[0] + sides[-1]) / 2 if agree else None


def compare(found: float, exact: Any, warned: bool) -> str:
    """What came of a number, in words."""
    if exact is None or not 1e-290 < abs(exact) < 1e290:
        if exact is None:
            return "rightly none" if np.isnan(found) else "a number where there is none"
        return "beyond float64"
    if np.isnan(found):
        return "none where there is one"
    off = abs(mpmath.mpf(float(found)) - exact) <= mpmath.mpf("1e-9") * abs(exact)
    return "right" if off else "warned of" if warned else "wrong without a word"


def outcomes(text: str, f: SymbolicFunction, rng: random.Random) -> Iterator[tuple[str, str]]:
    """What came of each number of a function, and where."""
    tree = syntax(text)
    for _ in range(POINTS):
        theta = [coordinate(rng) for _ in f.variables]
        point = {name: mpmath.mpf(x) for name, x in zip(f.variables, theta, strict=True)}
        for name in (None, *f.variables):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                found = f(theta, outside="nan") if name is None else f.gradient_at(theta, by=[name], outside="nan")[0]
            warned = any(issubclass(w.category, PrecisionWarning) for w in caught)
            what = compare(found, reference(tree, point, name), warned)
            yield ("value: " if name is None else "partial: ") + what, f"{text} at {theta} by {name}: {found!r}"


def verdicts(text: str, f: SymbolicFunction, rng: random.Random) -> Iterator[tuple[str, str]]:
    """What came of the check of the right gradient and of wrong ones."""
    for _ in range(3):
        theta = np.array([rng.uniform(-3, 3) for _ in f.variables])
        right = f.gradient_at(theta, outside="nan")
        if not np.isfinite(right).all():
            continue
        where = f"{text} at {theta.tolist()}"
        verdict = VERDICTS[f.check(theta).passed].replace("found", "a false alarm")
        yield f"check of the right gradient: {verdict}", where
        piece = f._value_program.smooth_piece(theta.tolist())
        mistakes = {f"times {factor}": factor * right for factor in (1.001, 1 + 1e-6, -1.0)}
        for name, wrong in {**mistakes, "with partials exchanged": right[::-1]}.items():
            if not np.allclose(wrong, right, rtol=5e-7, atol=0):
                found = check_gradient(lambda t, p=piece: p(list(t))[0], lambda _, w=wrong: w, theta, resolution=5e-7)
                yield f"check of a gradient {name}: {VERDICTS[found.passed]}", where


def functions(rng: random.Random, n: int) -> Iterator[tuple[str, SymbolicFunction]]:
    """Functions that are read and have variables."""
    while n:
        text = text_of(rng)
        try:
            f = SymbolicFunction(text)
        except ExpressionError:
            continue
        if f.variables:
            n -= 1
            yield text, f


def main() -> None:
    """Count, and print the first of each kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--functions", type=int, default=200)
    parser.add_argument("--checks", action="store_true", help="the checks instead of the numbers")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng, started = random.Random(options.seed), time.perf_counter()
    mpmath.mp.dps = DIGITS
    look: Callable[..., Iterator[tuple[str, str]]] = verdicts if options.checks else outcomes
    counted: Counter[str] = Counter()
    examples: dict[str, list[str]] = {}
    for text, f in functions(rng, options.functions):
        for what, where in look(text, f, rng):
            counted[what] += 1
            examples.setdefault(what, []).append(where)
    for what, n in sorted(counted.items()):
        print(f"{n:7,d}  {what}")
        is_check, is_right = what.startswith("check"), "of the right" in what
        is_fine = what.endswith(FINE) or (is_check and what.endswith("passed" if is_right else "found"))
        if not is_fine:
            print("".join(f"         {where}\n" for where in examples[what][:12]), end="")
    print(f"{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
