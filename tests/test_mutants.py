"""The mutation run: every room of the core has tests that are there, and a mutant is one fault in running code."""

import ast
import importlib.util
from pathlib import Path

import pytest

import gdlearn

PACKAGE = Path(gdlearn.__file__).parent
SCRIPT = PACKAGE.parent / "benchmarks" / "mutants.py"
if not SCRIPT.exists():
    pytest.skip("benchmarks come with a checkout only", allow_module_level=True)

spec = importlib.util.spec_from_file_location("mutants", SCRIPT)
mutants = importlib.util.module_from_spec(spec)
spec.loader.exec_module(mutants)

WITHOUT = {"__init__", "__main__", "_warnings", "callbacks", "_regressor", "_regressor_cv"}
"""What only passes on: parameters, estimators whose work is done in other rooms."""


def test_every_room_names_tests_that_exist():
    rooms = {path.stem for path in PACKAGE.glob("*.py")} - WITHOUT
    assert {room for room in mutants.ROOMS if "/" not in room} == rooms
    for room, tests in mutants.ROOMS.items():
        assert mutants.path_of(room).exists()
        assert tests
        assert all((PACKAGE.parent / "tests" / name).exists() for name in tests), room


def found_in(tmp_path, monkeypatch, text):
    monkeypatch.setattr(mutants, "path_of", lambda room: tmp_path / room)
    (tmp_path / "room").write_text(text)
    found = mutants.mutants_of.__wrapped__("room")
    assert all(ast.dump(ast.parse(mutant.source())) != ast.dump(ast.parse(text)) for mutant in found)
    return {mutant.source().decode() for mutant in found}


@pytest.mark.parametrize(
    ("text", "mutated"),
    [
        ("a < b", {"(a <= b)", "(a >= b)"}),
        ("a == b", {"(a != b)"}),
        ("a + b", {"(a - b)"}),
        ("a / b", {"(a * b)"}),
        ("not a", {"(a)"}),
        ("a and b", {"(a or b)"}),
        ("0", {"1"}),
        ("1", {"2"}),
        ("2.5", {"25.0"}),
        ("0.0", {"1.0"}),
        ("True", {"False"}),
        ("a.min(axis=0)", {"(a.max(axis=0))", "a.min(axis=1)"}),
        ("any(a)", {"(all(a))"}),
        ("-a", {"(a)"}),
        ("α < b", {"(α <= b)", "(α >= b)"}),
        ("'a' f'{1}'", set()),
    ],
)
def test_one_fault_at_a_time(tmp_path, monkeypatch, text, mutated):
    assert found_in(tmp_path, monkeypatch, f"x = {text}\n") == {f"x = {new}\n" for new in mutated}


def test_statements_defaults_and_returned_values(tmp_path, monkeypatch):
    text = "def f(a, b=False) -> int:\n    a += b\n    if a:\n        g()\n    return a\n"
    assert found_in(tmp_path, monkeypatch, text) == {
        text.replace("False", "True"),
        text.replace("a += b", "pass"),
        text.replace("a += b", "a -= b"),
        text.replace("if a:\n        g()", "pass"),
        text.replace("g()", "pass"),
        text.replace("return a", "return 2 * (a)"),
    }


def test_texts_annotations_and_refusals_are_left_alone(tmp_path, monkeypatch):
    text = '''"""A docstring with 1 < 2."""
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import a
x: "Literal[1]"


@decorated(1)
def f(a: g[1 + 2]) -> h[0]:
    """Another."""
    assert a > 1
    raise ValueError(f"{a + 1} is less than {a < 2}", 1)
'''
    assert found_in(tmp_path, monkeypatch, text) == set()
