"""A slice of the survey: no number is wrong without a word, and no verdict on a gradient is."""

import random
import runpy
from pathlib import Path

import mpmath
import pytest

SURVEY = Path(__file__).parents[2] / "benchmarks" / "survey.py"


@pytest.fixture(scope="module")
def survey():
    with mpmath.workdps(800):
        yield runpy.run_path(str(SURVEY))


@pytest.mark.parametrize("look", ["outcomes", "verdicts"])
def test_a_slice_of_the_survey(survey, look):
    rng = random.Random(look)
    found = [(what, where) for text, f in survey["functions"](rng, 12) for what, where in survey[look](text, f, rng)]
    bad = ("wrong without a word", "a number where there is none", "a false alarm")
    assert not [where for what, where in found if what.endswith(bad)]
    assert not [where for what, where in found if "of a gradient" in what and what.endswith("passed")]
    good = sum(what.endswith(("right", "passed", "found")) for what, _ in found)
    assert good > 0.7 * len(found) > 30
