import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("pandas")

ROOT = Path(__file__).parents[1]
PAGES = {"interactive_gradient", "interactive_descent"}
EXAMPLES = sorted(path for path in (ROOT / "examples").glob("*.py") if path.stem not in PAGES)
NEEDS = {"moments_from_sql": ["duckdb", "pyarrow"], "moments_from_spark": ["pyspark", "pyarrow"]}


def test_there_are_examples():
    assert EXAMPLES


@pytest.mark.slow  # each starts Python and draws
@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=pytest.mark.tables if path.stem == "moments_from_sql" else ()) for path in EXAMPLES],
    ids=lambda path: path.stem,
)
def test_example_runs_without_warnings(path, tmp_path):
    for package in NEEDS.get(path.stem, []):
        pytest.importorskip(package)
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {
        "MPLBACKEND": "Agg",
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "PYTHONIOENCODING": "utf-8",
    }
    done = subprocess.run(
        [sys.executable, "-W", "default" if "spark" in path.stem else "error", str(path)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
