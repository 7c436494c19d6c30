"""What the tests share.

Hypothesis tries the same examples in every run, so that no run fails by chance. ``HYPOTHESIS_PROFILE=random`` or
``--hypothesis-profile=random`` tries new ones in every run, and with ``--hypothesis-seed=K`` those of the number K.
"""

import os

import pytest
from hypothesis import settings

settings.register_profile("fixed", derandomize=True, database=None, deadline=None)
settings.register_profile("random", derandomize=False, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))


@pytest.fixture
def array_api(monkeypatch):
    """Without this variable scikit-learn skips its check of the array API with NumPy's own arrays."""
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
