"""A fuzz of the numerical core: random problems, each beside a reference of 512 bits (references.py).

    python benchmarks/fuzz.py [--seconds 60] [--seed 0] [--only KIND ...] [--problem KIND SEED]

A problem is made of its kind and its seed alone. It is wrong where the model's fitted values, its slopes or its
`loss_` are off by more than 64 times what rounding of the data may do (references.py says what that is), a rule is not
kept, or two fits that must be equal are not, and neither a ConvergenceWarning nor a ValueError said so.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
from fuzz_problems import KINDS
from references import tries
from sklearn.exceptions import ConvergenceWarning

PATIENCE = 120
"""Seconds after which a problem is called hung."""


MANY_TRIES = 32


class Problem(NamedTuple):
    """One problem; `checks` fits and yields what was looked at, and by how many times what is allowed it is off."""

    kind: str
    seed: int
    checks: Callable[[], Iterator[tuple[str, float]]]


class Verdict(NamedTuple):
    """`error` in units of what is allowed, of `what`; what was `said` (warnings or an error); what `broke`."""

    error: float
    what: str
    said: str
    broke: str

    @property
    def wrong(self) -> bool:
        """Off, and nothing said so."""
        return not self.error <= 1.0 and not self.said


def problem(kind: str, seed: int) -> Problem:
    """The problem of this kind and seed."""
    return Problem(kind, seed, lambda: KINDS[kind](np.random.default_rng([seed, crc32(kind.encode())])))


def verdict(some: Problem) -> Verdict:
    """Fit and compare; what looks wrong once more, with a reference that has tried often what rounding may do."""
    found = _verdict(some)
    if found.wrong:
        token = tries.set(MANY_TRIES)
        found = _verdict(some)
        tries.reset(token)
    return found


def _verdict(some: Problem) -> Verdict:
    from gdlearn import DivergenceError

    worst, what, said, broke = 0.0, "", "", ""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            for name, error in some.checks():
                if not error <= worst:
                    worst, what = float(error), name
        except DivergenceError as error:
            broke = f"DivergenceError at a stable rate: {str(error)[:150]}"
        except ValueError as error:
            *_, (frame, _) = traceback.walk_tb(error.__traceback__)
            if frame.f_globals["__name__"].startswith("gdlearn."):
                said = f"{type(error).__name__}: {str(error)[:150]}"
            else:
                broke = traceback.format_exc()
        except Exception:
            broke = traceback.format_exc()
    for warning in caught:
        if issubclass(warning.category, ConvergenceWarning):
            said = said or f"ConvergenceWarning: {str(warning.message)[:150]}"
        else:
            broke = broke or f"{warning.category.__name__}: {warning.message} ({warning.filename}:{warning.lineno})"
    return Verdict(worst, what, said, broke)


def _hung(number: int, frame: FrameType | None) -> None:
    raise TimeoutError(f"not done after {PATIENCE} s")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0, help="of the first problem of each kind")
    parser.add_argument("--only", nargs="+", choices=sorted(KINDS), default=sorted(KINDS), metavar="KIND")
    parser.add_argument("--problem", nargs=2, metavar=("KIND", "SEED"))
    arguments = parser.parse_args()
    signal.signal(signal.SIGALRM, _hung)
    if arguments.problem:
        kind, seed = arguments.problem[0], int(arguments.problem[1])
        tries.set(MANY_TRIES)
        for name, error in problem(kind, seed).checks():
            print(f"{name}: {error:.3g} of what is allowed")
        return 0
    table: dict[str, list[Any]] = {kind: [0, 0, 0, 0, 0.0] for kind in arguments.only}
    end, seed = time.monotonic() + arguments.seconds, arguments.seed
    print(f"seeds from {seed}; kinds: {' '.join(table)}")
    while time.monotonic() < end:
        for kind, row in table.items():
            signal.alarm(PATIENCE)
            found = verdict(problem(kind, seed))
            signal.alarm(0)
            row[0] += 1
            row[1] += found.wrong
            row[2] += bool(found.said)
            row[3] += bool(found.broke)
            if not found.said:
                row[4] = max(row[4], found.error)
            if found.wrong:
                print(f"WRONG  {kind} {seed}: {found.what} off by {found.error:.3g} of what is allowed", flush=True)
            if found.broke:
                print(f"BROKEN {kind} {seed}: {found.broke}", flush=True)
        seed += 1
    print(
        f"seeds {arguments.seed} to {seed - 1}\n\n| kind | problems | silently wrong | warned | broken | worst error |"
    )
    print("|------|---------:|---------------:|-------:|-------:|------------:|")
    for kind, (tried, wrong, said, broken, worst) in table.items():
        print(f"| {kind} | {tried} | {wrong} | {said} | {broken} | {worst:.3g} |")
    return int(any(row[1] or row[3] for row in table.values()))


if __name__ == "__main__":
    sys.exit(main())
