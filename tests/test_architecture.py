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
    "_base",
    "_regressor",
    "_cross_validation",
    "_regressor_cv",
]


CORE = {"numpy", "scipy", "sklearn", "threadpoolctl"}  # the last comes with sklearn
OPTIONAL = {"inspection": {"matplotlib", "pandas"}}  # by folder, and inside functions only


def imports(path, *, inside_functions=True):
    """(level, module, names) of every import of a file."""
    nodes = [ast.parse(path.read_text())]
    while nodes:
        node = nodes.pop()
        if inside_functions or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            nodes.extend(ast.iter_child_nodes(node))
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


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.stem)
def test_only_public_names_and_core_dependencies(path):
    allowed = CORE | OPTIONAL.get(path.parent.name, set())
    at_import = [module.split(".")[0] for level, module, _ in imports(path, inside_functions=False) if level == 0]
    assert set(at_import) <= CORE | sys.stdlib_module_names
    for level, module, names in imports(path):
        if level == 0 and module.split(".")[0] not in sys.stdlib_module_names:
            assert module.split(".")[0] in allowed
            assert not any(part.startswith("_") for part in [*module.split("."), *names])


def test_all_is_what_is_there():
    public = {name for name in vars(gdlearn) if not name.startswith("_")}
    assert set(gdlearn.__all__) <= public
    assert all(getattr(gdlearn, name).__doc__ for name in gdlearn.__all__)


@pytest.mark.parametrize("package", ["gdlearn", "gdlearn.inspection"])
def test_importing_needs_no_extra(package):
    code = f"import sys, {package}; print([m for m in ('matplotlib', 'pandas', 'sympy', 'dask') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    # scikit-learn itself imports pandas where it is installed; matplotlib and the rest it does not.
    assert result.stdout.strip() in ("[]", "['pandas']")


def test_the_package_does_not_look_at_its_inspection():
    for path in PACKAGE.glob("*.py"):
        assert not any("inspection" in module for _, module, _ in imports(path))


def test_the_version_is_in_the_changelog():
    changelog = PACKAGE.parent / "CHANGELOG.md"
    assert f"## {gdlearn.__version__}" in changelog.read_text()
