"""On 91 real data sets the default fit is the least-squares fit, without a word.

The sets live in other packages (see `corpus.py`); those that are not installed are skipped.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from gdlearn import GradientDescentRegressor

DATA = Path(__file__).parent / "data"
CORPUS = json.loads((DATA / "real_corpus.json").read_text())
REFERENCE = json.loads((DATA / "real_reference.json").read_text())


@pytest.mark.corpus
@pytest.mark.parametrize("name", sorted(CORPUS))
def test_the_default_fit_is_the_least_squares_fit(name):
    from corpus import load

    try:
        X, y = load(name)
    except (ModuleNotFoundError, FileNotFoundError) as missing:
        pytest.skip(f"the package that holds {name} is not installed: {missing}")
    record, sigma = CORPUS[name], y.std()
    model = GradientDescentRegressor().fit(X, y)
    fitted = model.predict(X)
    parted = GradientDescentRegressor()
    for part in np.array_split(np.random.default_rng(0).permutation(len(y)), 7):
        parted.partial_fit(X[part], y[part])
    assert np.abs(parted.predict(X) - fitted).max() < 1e-8 * sigma
    if name in REFERENCE:  # full rank: fitted values of 80-bit coefficients
        coef = np.array([np.longdouble(text) for text in REFERENCE[name]["coef"]])
        truth = (X.astype(np.longdouble) @ coef + np.longdouble(REFERENCE[name]["intercept"])).astype(float)
        assert np.sqrt(np.mean((fitted - truth) ** 2)) < 1e-8 * sigma
    if "ref_rss" in record:
        # The residual sum of squares exceeds the least by the squared distance of the fitted values; in 80 bits, for
        # float64 predictions add rounding that is not at right angles to the residuals.
        exact = X.astype(np.longdouble) @ model.coef_.astype(np.longdouble) + np.longdouble(model.intercept_)
        excess = float(np.sum((y - exact) ** 2)) - record["ref_rss"]
        assert excess <= len(y) * (1e-8 * sigma) ** 2 + 2e-13 * record["ref_rss"]
        assert np.sqrt(np.mean((fitted - exact.astype(float)) ** 2)) < 1e-8 * sigma
        assert model.rank_ == record["ref_rank"]
    else:  # more columns than rows: an interpolant
        assert model.score(X, y) == pytest.approx(1.0, abs=1e-14)


def test_the_corpus_is_complete():
    assert len(CORPUS) == 91
