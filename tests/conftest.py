"""What the tests share.

Of a test with more than a dozen cases a quarter is quick: which, the names of the cases decide, so that every run takes
the same ones and every value of every parameter has its turn. The others are slow tests; ``--every-case`` makes all of
them quick, and the mark `whole` those of one test.

Hypothesis tries the same examples in every run, so that no run fails by chance. ``HYPOTHESIS_PROFILE=random`` or
``--hypothesis-profile=random`` tries new ones in every run, and with ``--hypothesis-seed=K`` those of the number K.
"""

import os
from collections import Counter
from zlib import crc32

import pytest
import scipy
from hypothesis import settings

settings.register_profile("fixed", derandomize=True, database=None, deadline=None)
settings.register_profile("random", derandomize=False, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))

MANY, QUICK = 12, 4
"""Of more than `MANY` cases one in `QUICK` is quick."""


def pytest_addoption(parser):
    parser.addoption("--every-case", action="store_true", help="quick tests show all their cases, not a quarter")


@pytest.hookimpl(tryfirst=True)  # before marks select
def pytest_collection_modifyitems(config, items):
    if config.getoption("--every-case"):
        return
    tests = [item.nodeid.partition("[")[0] for item in items]
    cases = Counter(tests)
    for item, test in zip(items, tests, strict=True):
        if cases[test] > MANY and crc32(item.nodeid.encode()) % QUICK and item.get_closest_marker("whole") is None:
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def array_api(monkeypatch):
    """Without this variable scikit-learn skips its check of the array API with NumPy's arrays; it needs SciPy 1.14."""
    if tuple(map(int, scipy.__version__.split(".")[:2])) >= (1, 14):
        monkeypatch.setenv("SCIPY_ARRAY_API", "1")
