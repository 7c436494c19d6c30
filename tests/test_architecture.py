"""The house keeps its plan: imports run one way, only public names of others, nothing optional at import time."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import gdlearn

PACKAGE = Path(gdlearn.__file__).parent
ORDER = [
    "_validation",
    "_blocks",
    "_moments",
    "_scaling",
    "_objective",
    "_step_size",
    "_early_stopping",
    "_descent",
    "_extended",
    "_statistics",
    "_modes",
    "_wide",
    "_limit",
    "_spectral",
    "_problem",
    "_solve",
    "_gradient_check",
    "_path",
    "_observers",
    "callbacks",
    "_base",
    "_regressor",
    "_cross_validation",
    "_regressor_cv",
]


CORE = {"numpy", "scipy", "sklearn", "threadpoolctl"}  # the last comes with scikit-learn
OPTIONAL = {"matplotlib", "pandas", "rich"}
ANNEXES = {"symbolic": {"sympy"}}  # folders that nothing else imports, and what their files may import at the top


def imports(path, *, only_in_functions=False):
    """(level, module, names) of every import of a file, or of those inside its functions."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    if only_in_functions:
        nodes = [inner for node in nodes if isinstance(node, ast.FunctionDef) for inner in ast.walk(node)]
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            yield node.level, node.module or "", [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield 0, alias.name, []


def test_imports_run_one_way():
    rooms = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    assert rooms == set(ORDER)
    for room in rooms:
        for level, module, _ in imports(PACKAGE / f"{room}.py"):
            if level:
                assert ORDER.index(module) < ORDER.index(room), f"{room} imports {module}"


def test_nobody_imports_an_annex():
    for path in PACKAGE.glob("*.py"):
        for level, module, names in imports(path):
            assert level == 0 or not ANNEXES.keys() & {module.split(".")[0], *names}, path.stem


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.stem)
def test_only_public_names_and_core_dependencies(path):
    lazy = {module for _, module, _ in imports(path, only_in_functions=True)}
    core = CORE | ANNEXES.get(path.parent.name, set())
    for level, module, names in imports(path):
        package = module.split(".")[0]
        if level == 0 and package not in sys.stdlib_module_names:
            assert package in core or (package in OPTIONAL and module in lazy)
            assert not any(part.startswith("_") for part in [*module.split("."), *names])


def test_all_is_what_is_there():
    public = {name for name in vars(gdlearn) if not name.startswith("_")}
    assert set(gdlearn.__all__) <= public
    assert all(getattr(gdlearn, name).__doc__ for name in gdlearn.__all__)


def test_importing_needs_no_extra():
    code = "import sys, gdlearn; print([m for m in ('matplotlib', 'pandas', 'sympy', 'dask') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    # scikit-learn itself imports pandas where it is installed; matplotlib and the rest it does not.
    assert result.stdout.strip() in ("[]", "['pandas']")


def test_the_version_is_in_the_changelog():
    changelog = PACKAGE.parent / "CHANGELOG.md"
    assert f"## {gdlearn.__version__}" in changelog.read_text()
