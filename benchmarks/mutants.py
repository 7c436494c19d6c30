"""Mutants: small faults planted in the package, one at a time, each of which some test of its room must notice.

A mutant that no test notices shows a promise that no test holds, or changes no behaviour; which of the two, a reader
must say. Docstrings, texts, type annotations, `raise`, `assert` and what only a type checker reads are left alone.
"""

from __future__ import annotations

import argparse
import ast
import copy
import difflib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]

ROOMS: dict[str, tuple[str, ...]] = {
    "_advice": ("test_advice.py", "test_divergence.py"),
    "_arrays": ("test_arrays.py",),
    "_base": ("test_estimator.py", "test_failed_fits.py", "test_extremes.py", "test_validation.py"),
    "_columns": ("test_columns.py", "test_not_numbers.py", "test_validation.py"),
    "_cross_validation": ("test_cross_validation.py",),
    "_descent": (
        "test_closed_form.py",
        "test_step_size.py",
        "test_line_search.py",
        "test_early_stopping.py",
        "test_iterates.py",
    ),
    "_early_stopping": ("test_watch.py", "test_early_stopping.py"),
    "_extended": ("test_extended.py", "test_exactness.py"),
    "_finite_differences": ("test_finite_differences.py", "test_gradient_check.py", "test_gradient_check_families.py"),
    "_batches": ("test_batches.py",),
    "_cholesky": ("test_cholesky.py",),
    "_dask": ("test_dask.py",),
    "_device": ("test_array_api.py",),
    "_partial_fit": ("test_partial_fit.py", "test_cholesky.py"),
    "_namespaces": ("test_array_api.py",),
    "_squares": ("test_rows.py", "test_moments.py", "test_closed_form.py"),
    "_progress": ("test_callbacks.py", "test_batches.py"),
    "_running_moments": ("test_partial_fit.py",),
    "_first_step": ("test_first_step.py", "test_recurrence.py"),
    "_gradient_check": ("test_finite_differences.py", "test_gradient_check.py"),
    "_held_out": ("test_held_out.py", "test_early_stopping.py"),
    "_limit": ("test_limit.py", "test_exactness.py", "test_ordinary_data.py"),
    "_modes": ("test_modes.py", "test_exactness.py", "test_limit.py"),
    "_moments": ("test_rows.py", "test_moments.py", "test_limit.py"),
    "_objective": ("test_objective.py", "test_gradient_check.py", "test_iterates.py"),
    "_quadratic": ("test_gradient_check.py", "test_modes.py", "test_iterates.py"),
    "_row_objective": ("test_objective.py", "test_gradient_check.py", "test_iterates.py"),
    "_mean_squared_error": ("test_mean_squared_error.py", "test_explained_step.py", "test_objective.py"),
    "_partials": ("test_mean_squared_error.py", "test_explained_step.py"),
    "_tables": ("test_explained_step.py", "test_mean_squared_error.py"),
    "_explained_step": ("test_explained_step.py", "symbolic/test_step_by_hand.py"),
    "_descendable": ("test_mean_squared_error.py", "symbolic/test_descent.py"),
    "_function_descent": ("test_mean_squared_error.py", "symbolic/test_descent.py"),
    "_account": ("test_mean_squared_error.py", "symbolic/test_descent.py"),
    "_second_differences": ("symbolic/test_descent.py", "symbolic/test_step_by_hand.py"),
    "_stationary": ("symbolic/test_stationary.py",),
    "_points": ("symbolic/test_points.py",),
    "_observers": ("test_callbacks.py",),
    "_path": ("test_closed_form.py", "test_coordinates.py", "test_iterates.py"),
    "_parameters": ("test_parameters.py", "test_refusals.py"),
    "_penalty": ("test_penalty.py", "test_ridge.py", "test_lasso.py"),
    "_slopes": ("test_proximal.py", "test_lasso.py"),
    "_proximal": ("test_proximal.py", "test_lasso.py"),
    "_minima": ("test_lasso.py", "test_regularization_path.py"),
    "_alphas": ("test_alphas.py", "test_penalties_by_cross_validation.py"),
    "_grid": ("test_cross_validation.py", "test_penalties_by_cross_validation.py"),
    "_candidates": ("test_cross_validation.py", "test_penalties_by_cross_validation.py"),
    "_regularization_path": ("test_regularization_path.py",),
    "_dask_folds": ("test_dask.py",),
    "_dask_rows": ("test_dask.py",),
    "_plane": ("test_plane.py", "test_loop.py"),
    "_plan": ("test_divergence.py", "test_closed_form.py", "test_advice.py", "test_loop.py", "test_lasso.py"),
    "_problem": (
        "test_coordinates.py",
        "test_limit.py",
        "test_exactness.py",
        "test_iterates.py",
        "test_advice.py",
        "test_extremes.py",
        "test_ordinary_data.py",
    ),
    "_recurrence": ("test_recurrence.py", "test_first_step.py"),
    "_rows": ("test_rows.py", "test_moments.py"),
    "_coordinates": ("test_coordinates.py", "test_iterates.py", "test_ordinary_data.py", "test_ridge.py"),
    "_solve": (
        "test_closed_form.py",
        "test_limit.py",
        "test_divergence.py",
        "test_iterates.py",
        "test_sparse.py",
        "test_ordinary_data.py",
        "test_lasso.py",
    ),
    "_closed_form": ("test_limit.py", "test_closed_form.py", "test_early_stopping.py", "test_callbacks.py"),
    "_spectrum": (
        "test_modes.py",
        "test_limit.py",
        "test_exactness.py",
        "test_coordinates.py",
        "test_ordinary_data.py",
    ),
    "_curvature": ("test_curvature.py",),
    "_design": ("test_design.py", "test_objective.py"),
    "_statistics": ("test_coordinates.py", "test_rows.py", "test_sparse.py", "test_extremes.py"),
    "_step_size": ("test_step_size.py", "test_line_search.py"),
    "_threads": ("test_threads.py",),
    "_validation": ("test_validation.py", "test_refusals.py", "test_weights.py"),
    "_kernel": ("test_modes.py", "test_limit.py", "test_exactness.py", "test_coordinates.py", "test_ridge.py"),
    "symbolic/_conditions": ("symbolic/test_conditions.py", "symbolic/test_domain.py"),
    "symbolic/_functions": (
        "symbolic/test_functions.py",
        "symbolic/test_domain.py",
        "symbolic/test_symbolic_function.py",
    ),
    "symbolic/_names": ("symbolic/test_parser.py",),
    "symbolic/_parser": ("symbolic/test_parser.py",),
    "symbolic/_steps": ("symbolic/test_steps.py", "symbolic/test_functions.py"),
}
"""Room → the files that test it, the quickest and closest first."""

SECONDS, TIMES = 30.0, 5.0
"""A mutant's tests may take so many seconds more than so many times what they take without it."""

MEMORY = 8 * 2**20
"""Kilobytes of address space that a mutant's tests may ask for."""

COMPARISONS = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
OPERATIONS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
NAMES = {"min": "max", "minimum": "maximum", "argmin": "argmax", "all": "any", "floor": "ceil"}
NAMES |= {other: name for name, other in NAMES.items()}
FOR_THE_TYPE_CHECKER = {"cast", "TypeVar", "ParamSpec", "Literal"}
NUMBERS = {"int", "float", "Array"}


class Mutant(NamedTuple):
    """A room with the bytes from `start` to `end` replaced."""

    room: str
    place: int
    line: int
    start: int
    end: int
    text: str

    @property
    def name(self) -> str:
        """Under which `--mutant` finds it again, as long as the room stays as it is."""
        return f"{self.room}#{self.place}"

    def source(self) -> bytes:
        """The room's text with the fault."""
        source = path_of(self.room).read_bytes()
        return source[: self.start] + self.text.encode() + source[self.end :]

    def diff(self) -> str:
        """What it changes, as lines before and after."""
        before, after = path_of(self.room).read_text().splitlines(), self.source().decode().splitlines()
        lines = list(difflib.unified_diff(before, after, lineterm="", n=0))[3:]
        return "\n".join(f"    {line}" for line in lines)


def path_of(room: str) -> Path:
    """The file of a room."""
    return ROOT / "gdlearn" / f"{room}.py"


class _Finder(ast.NodeVisitor):
    """Collects what to replace by what: (node, new text)."""

    def __init__(self) -> None:
        self.found: list[tuple[ast.AST, str]] = []
        self.returns = ""
        self.assigned: set[str] = set()

    def swap(self, node: ast.AST, new: ast.AST | str) -> None:
        self.found.append((node, new if isinstance(new, str) else f"({ast.unparse(new)})"))

    def nothing(self, node: ast.AST) -> None:
        """Leave a node and all below it alone."""

    visit_JoinedStr = visit_Raise = visit_Assert = visit_Import = visit_ImportFrom = nothing  # noqa: N815

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        if not any(ast.unparse(base) == "Protocol" for base in node.bases):
            for statement in node.body:
                self.visit(statement)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        before = self.returns, self.assigned
        self.returns = ast.unparse(node.returns) if node.returns else ""
        self.assigned = {argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)}
        for default in (*node.args.defaults, *filter(None, node.args.kw_defaults)):
            self.visit(default)
        for statement in node.body:
            self.visit(statement)
        self.returns, self.assigned = before

    def visit_If(self, node: ast.If) -> None:
        if ast.unparse(node.test) == "TYPE_CHECKING":
            return
        if not node.orelse and self.returns:  # at the top of a module nothing is a step of a computation
            self.swap(node, "pass")
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Call):
            self.swap(node, "pass")
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.swap(node, "pass")
        if type(node.op) in OPERATIONS:
            new = copy.deepcopy(node)
            new.op = OPERATIONS[type(node.op)]()
            self.swap(node, ast.unparse(new))
        self.visit(node.value)

    def visit_Assign(self, node: ast.Assign) -> None:
        (target, *_) = node.targets
        again = isinstance(target, ast.Name) and target.id in self.assigned
        if isinstance(target, ast.Subscript) or again:
            self.swap(node, "pass")
        self.assigned |= {name.id for name in ast.walk(target) if isinstance(name, ast.Name)}
        self.visit(target)
        self.visit(node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_Break(self, node: ast.Break) -> None:
        self.swap(node, "pass")

    def visit_Continue(self, node: ast.Continue) -> None:
        self.swap(node, "pass")

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is None:
            return
        if not isinstance(node.value, ast.Constant):
            value = ast.unparse(node.value)
            new = (
                f"not ({value})" if self.returns == "bool" else f"2 * ({value})" if self.returns in NUMBERS else "None"
            )
            self.swap(node, f"return {new}")
        self.visit(node.value)

    def visit_Constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, bool):
            self.swap(node, str(not value))
        elif isinstance(value, int):
            self.swap(node, str(value + 1))
        elif isinstance(value, float):
            self.swap(node, repr(10.0 * value) if value else "1.0")

    def visit_Compare(self, node: ast.Compare) -> None:
        for place, operator in enumerate(node.ops):
            for other in COMPARISONS[type(operator)]:
                new = copy.deepcopy(node)
                new.ops[place] = other()
                self.swap(node, new)
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if type(node.op) in OPERATIONS:
            new = copy.deepcopy(node)
            new.op = OPERATIONS[type(node.op)]()
            self.swap(node, new)
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        new = copy.deepcopy(node)
        new.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        self.swap(node, new)
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        self.swap(node, node.operand)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        if name in FOR_THE_TYPE_CHECKER:
            return
        if name in NAMES:
            new = copy.deepcopy(node)
            if isinstance(new.func, ast.Attribute):
                new.func.attr = NAMES[name]
            else:
                new.func = ast.Name(NAMES[name])
            self.swap(node, new)
        if name == "isinstance":  # its `|` is one of types
            self.visit(node.args[0])
        else:
            self.generic_visit(node)


@cache
def mutants_of(room: str) -> list[Mutant]:
    """All mutants of a room, in the order of its text."""
    source = path_of(room).read_bytes()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    finder = _Finder()
    finder.visit(ast.parse(source))
    found = {
        (
            starts[node.lineno - 1] + node.col_offset,
            starts[node.end_lineno - 1] + node.end_col_offset,
            text,
        ): node.lineno
        for node, text in finder.found
    }
    places = sorted((start, end, text, line) for (start, end, text), line in found.items())
    return [Mutant(room, place, line, start, end, text) for place, (start, end, text, line) in enumerate(places)]


@contextmanager
def copies(n: int) -> Iterator[SimpleQueue[Path]]:
    """So many copies of package and tests, one for each worker, to be broken at will."""
    with tempfile.TemporaryDirectory(prefix="mutants") as folder:
        queue: SimpleQueue[Path] = SimpleQueue()
        for i in range(n):
            work = Path(folder) / str(i)
            work.mkdir()
            for part in ("gdlearn", "tests"):
                shutil.copytree(ROOT / part, work / part, ignore=shutil.ignore_patterns("__pycache__"))
            shutil.copy(ROOT / "pyproject.toml", work)
            queue.put(work)
        yield queue


def run_tests(work: Path, tests: tuple[str, ...], limit: float) -> tuple[str, str]:
    """What becomes of the tests in a copy, "passed", "failed" or "timed out", and what they print."""
    files = [f"tests/{name}" for name in tests]
    # Bytecode of an earlier mutant that was written in the same second would be taken for this one's.
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(work), "MPLBACKEND": "Agg"}
    environment |= {"HYPOTHESIS_PROFILE": "fixed"}
    options = "-x -q --every-case -p no:cacheprovider"
    pytest = f"ulimit -v {MEMORY}; exec '{sys.executable}' -m pytest {options} {' '.join(files)}"
    process = subprocess.Popen(
        ["sh", "-c", pytest],
        cwd=work,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return "timed out", ""
    if process.returncode not in (0, 1, 2) and process.returncode > 0 and "INTERNALERROR" not in output:
        raise RuntimeError(f"pytest ended with {process.returncode}:\n{output}")
    return ("failed" if process.returncode else "passed"), output


def baseline(queue: SimpleQueue[Path], rooms: list[str]) -> dict[str, float]:
    """Seconds that each room's tests take on the package as it is; they must pass, and on the copy."""
    work = queue.get()
    where = [sys.executable, "-c", "import gdlearn; print(gdlearn.__file__)"]
    found = subprocess.run(where, cwd=work, capture_output=True, text=True, check=True).stdout.strip()
    if Path(found).resolve() != (work / "gdlearn" / "__init__.py").resolve():
        raise RuntimeError(f"the tests would import {found} and not the copy")
    seconds: dict[tuple[str, ...], float] = {}
    for room in rooms:
        tests = ROOMS[room]
        if tests in seconds:
            continue
        begin = time.perf_counter()
        verdict, output = run_tests(work, tests, 1800.0)
        if verdict != "passed":
            raise SystemExit(f"the tests of {room} do not pass without a mutant:\n{output}")
        seconds[tests] = time.perf_counter() - begin
        print(f"baseline: the tests of {room} pass in {seconds[tests]:.0f} s", flush=True)
    queue.put(work)
    return {room: seconds[ROOMS[room]] for room in rooms}


def trial(mutant: Mutant, queue: SimpleQueue[Path], limit: float) -> str:
    """Whether the mutant is killed, survives or times out."""
    work = queue.get()
    path = work / path_of(mutant.room).relative_to(ROOT)
    before = path.read_bytes()
    path.write_bytes(mutant.source())
    try:
        verdict, _ = run_tests(work, ROOMS[mutant.room], limit)
    finally:
        path.write_bytes(before)
        queue.put(work)
    return {"passed": "survived", "failed": "killed"}.get(verdict, verdict)


def chosen(arguments: argparse.Namespace) -> list[Mutant]:
    """The mutants that the command line asks for."""
    if arguments.mutant:
        return [mutants_of(room)[int(place)] for room, place in (name.split("#") for name in arguments.mutant)]
    all_of_them = [mutant for room in arguments.room or ROOMS for mutant in mutants_of(room)]
    count = min(arguments.count, len(all_of_them))
    return sorted(random.Random(arguments.seed).sample(all_of_them, count))


def main() -> int:
    """Try the mutants, and count them by room; 1 where one survived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--room", action="append", choices=ROOMS, help="may be given repeatedly; all where none is")
    parser.add_argument("--count", type=int, default=100, help="how many mutants to choose (100)")
    parser.add_argument("--seed", type=int, default=0, help="of the choice (0)")
    parser.add_argument(
        "--mutant", action="append", metavar="ROOM#N", help="these alone, by the names that are printed"
    )
    parser.add_argument("-j", "--jobs", type=int, default=1, help="mutants tried at once (1)")
    arguments = parser.parse_args()
    mutants = chosen(arguments)
    rooms = sorted({mutant.room for mutant in mutants})
    counts: Counter[tuple[str, str]] = Counter()
    with copies(arguments.jobs) as queue, ThreadPoolExecutor(arguments.jobs) as pool:
        seconds = baseline(queue, rooms)
        verdicts = pool.map(lambda m: trial(m, queue, SECONDS + TIMES * seconds[m.room]), mutants)
        for mutant, verdict in zip(mutants, verdicts, strict=True):
            counts[mutant.room, verdict] += 1
            print(f"{verdict:9} {mutant.name} (gdlearn/{mutant.room}.py:{mutant.line})", flush=True)
            if verdict != "killed":
                print(mutant.diff(), flush=True)
    print("\n| room | mutants | killed | timed out | survived |\n|------|--------:|-------:|----------:|---------:|")
    for room in rooms:
        of_room = [counts[room, verdict] for verdict in ("killed", "timed out", "survived")]
        print(f"| {room} | {sum(of_room)} | {' | '.join(map(str, of_room))} |")
    survived = sum(number for (_, verdict), number in counts.items() if verdict == "survived")
    print(f"\n{len(mutants)} mutants, seed {arguments.seed}: {len(mutants) - survived} noticed, {survived} survived.")
    return int(survived > 0)


if __name__ == "__main__":
    sys.exit(main())
