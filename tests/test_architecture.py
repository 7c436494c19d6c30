"""The house keeps its plan: imports run one way, only public names of others, nothing optional at import time."""

import ast
import importlib
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import gdlearn

PACKAGE = Path(gdlearn.__file__).parent
ORDER = [
    "_threads",
    "_arrays",
    "_parameters",
    "_progress",
    "_points",
    "_stationary",
    "_second_differences",
    "_curvature",
    "_warnings",
    "_columns",
    "_namespaces",
    "_device",
    "_validation",
    "_rows",
    "_extended",
    "_statistics",
    "_squares",
    "_batches",
    "_moments",
    "_running_moments",
    "_dask",
    "_penalty",
    "_coordinates",
    "_design",
    "_dask_rows",
    "_objective",
    "_quadratic",
    "_row_objective",
    "_step_size",
    "_descent",
    "_plane",
    "_slopes",
    "_proximal",
    "_account",
    "_tables",
    "_function_descent",
    "_explained_step",
    "_descendable",
    "_partials",
    "_mean_squared_error",
    "_early_stopping",
    "_modes",
    "_kernel",
    "_limit",
    "_cholesky",
    "_recurrence",
    "_first_step",
    "_held_out",
    "_closed_form",
    "_spectrum",
    "_problem",
    "_plan",
    "_advice",
    "_alphas",
    "_minima",
    "_solve",
    "_finite_differences",
    "_gradient_check",
    "_path",
    "_regularization_path",
    "_observers",
    "callbacks",
    "_base",
    "_partial_fit",
    "_regressor",
    "_grid",
    "_candidates",
    "_cross_validation",
    "_dask_folds",
    "_regressor_cv",
]
SYMBOLIC_ORDER = [
    "_tree",
    "_functions",
    "_hints",
    "_tokens",
    "_names",
    "_limits",
    "_cursor",
    "_parser",
    "_text",
    "_expression",
    "_numbers",
    "_declarations",
    "_rounding",
    "_precise",
    "_nearby",
    "_compiled",
    "_values",
    "_relations",
    "_domain",
    "_conditions",
    "_kinks",
    "_holes",
    "_tidy",
    "_steps",
    "_difference_quotients",
    "_evaluation",
    "_second_derivatives",
    "_crossings",
    "_symbolic_function",
    "_residuals",
    "__init__",
]


CORE = {"numpy", "scipy", "sklearn", "threadpoolctl"}  # the last comes with scikit-learn
OPTIONAL = {
    "_progress.py": {"rich"},
    "_dask.py": {"dask", "pandas"},
    "_dask_rows.py": {"dask"},
    "inspection": {"matplotlib", "pandas"},
}
SUBMODULES = {"callbacks", "inspection", "symbolic"}  # to be imported from; all else is in `gdlearn` itself
TYPING = {"TYPE_CHECKING", "Any", "import_module"}  # what a package imports that loads names when they are asked for
WINGS = {"symbolic": {"sympy", "mpmath"}}  # packages imported only when met, and what they need: SymPy brings mpmath


def imports(path, *, at_import_time=False):
    """(level, module, names) of every import of a file, or of those outside its functions alone."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    if at_import_time:
        functions = (node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda))
        later = {id(inner) for function in functions for inner in ast.walk(function)}
        nodes = [node for node in nodes if id(node) not in later]
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            yield node.level, node.module or "", [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield 0, alias.name, []


def test_imports_run_one_way():
    rooms = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}  # which nobody imports
    assert rooms == set(ORDER)
    for room in rooms:
        for level, module, _ in imports(PACKAGE / f"{room}.py"):
            if level:
                assert ORDER.index(module) < ORDER.index(room), f"{room} imports {module}"
    symbolic = {path.stem for path in (PACKAGE / "symbolic").glob("*.py")}
    assert symbolic == set(SYMBOLIC_ORDER)
    for room in symbolic:
        for level, module, _ in imports(PACKAGE / "symbolic" / f"{room}.py"):
            if level == 1:
                assert SYMBOLIC_ORDER.index(module) < SYMBOLIC_ORDER.index(room), f"{room} imports {module}"


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.stem)
def test_only_public_names_and_core_dependencies(path):
    place = path.relative_to(PACKAGE).parts[0]
    core, optional = CORE | WINGS.get(place, set()), OPTIONAL.get(place, set())
    for level, module, _ in imports(path, at_import_time=True):
        assert level or module.split(".")[0] in core | sys.stdlib_module_names, f"{path} imports {module} at once"
    for level, module, names in imports(path):
        if level == 0 and module.split(".")[0] not in sys.stdlib_module_names:
            assert module.split(".")[0] in core | optional
            assert not any(part.startswith("_") for part in [*module.split("."), *names])


def test_all_is_what_is_there():
    assert all(getattr(gdlearn, name).__doc__ for name in gdlearn.__all__)
    public = {name for name in vars(gdlearn) if not name.startswith("_")}
    assert sorted(gdlearn.__all__) == sorted(public - SUBMODULES - TYPING)
    assert {name for name in dir(gdlearn) if not name.startswith("_")} - SUBMODULES == set(gdlearn.__all__)
    with pytest.raises(AttributeError, match="module 'gdlearn' has no attribute 'nothing'"):
        gdlearn.nothing  # noqa: B018


@pytest.mark.parametrize("package", ["gdlearn", "gdlearn.inspection", "gdlearn.symbolic"])
def test_public_names_are_called_what_users_import(package):
    if package == "gdlearn.symbolic":
        pytest.importorskip("sympy")
    module = importlib.import_module(package)
    for name in module.__all__:
        public = getattr(module, name)
        assert public.__module__ == package
        assert pickle.loads(pickle.dumps(public)) is public


def test_results_are_called_what_users_import_before_they_do():
    pytest.importorskip("sympy")
    code = (
        "from gdlearn.symbolic import SymbolicFunction; f = SymbolicFunction('x**2'); "
        "print(type(f.check(1.0)).__module__, type(f.descend(1.0, max_iter=1)).__module__)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["gdlearn", "gdlearn"]


@pytest.mark.parametrize("name", sorted(SUBMODULES))
def test_all_of_a_submodule_is_what_is_there(name):
    if name in WINGS:
        for package in WINGS[name]:
            pytest.importorskip(package)
    module = importlib.import_module(f"gdlearn.{name}")
    assert all(getattr(module, name).__doc__ for name in module.__all__)
    public = {name: value for name, value in vars(module).items() if not name.startswith("_")}
    if not hasattr(module, "__path__"):  # a single file: of its names those that it does not import
        public = [name for name, value in public.items() if getattr(value, "__module__", "") == module.__name__]
    assert sorted(module.__all__) == sorted(set(public) - TYPING)


def test_importing_needs_no_extra():
    optional = ("matplotlib", "pandas", "sympy", "dask", "polars")
    code = f"import sys, gdlearn, gdlearn.inspection; print([m for m in {optional} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    # scikit-learn itself imports pandas where it is installed; matplotlib and the rest it does not.
    assert result.stdout.strip() in ("[]", "['pandas']")


def test_the_version_is_in_the_changelog():
    changelog = PACKAGE.parent / "CHANGELOG.md"
    assert f"## {gdlearn.__version__}" in changelog.read_text()
