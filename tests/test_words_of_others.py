"""Parameters in other libraries' words and containers are translated, taken or refused."""

import re

import numpy as np
import pytest
from containers import SMALL, STEADY, Y
from sklearn.base import clone

from gdlearn import GradientDescentRegressor, GradientDescentRegressorCV, gradient_descent_path

try:
    import pandas as pd
except ImportError:  # what concerns no table is tested without
    pd = None

pytestmark = pytest.mark.tables


@pytest.mark.parametrize(
    ("word", "cure"),
    [
        ("constant", "is learning_rate=0.01 here"),
        ("invscaling", "learning_rate=lambda k: 0.01 / (k + 1) ** 0.25"),
        ("adaptive", 'use a number, or "auto"'),
        ("optimal", '"auto" follows from the data'),
    ],
)
def test_the_learning_rates_of_stochastic_descents_are_translated(word, cure):
    for call in (
        lambda: GradientDescentRegressor(word).fit(STEADY[:, None], Y),
        lambda: gradient_descent_path(STEADY[:, None], Y, learning_rate=word),
    ):
        with pytest.raises(
            ValueError, match=rf"'learning_rate' parameter .* Got '{word}' instead\..*{re.escape(cure)}"
        ):
            call()


def test_the_schedule_of_the_translation_is_one():
    GradientDescentRegressor(lambda k: 0.01 / (k + 1) ** 0.25, max_iter=3).fit(STEADY[:, None], Y)


def test_balanced_weights_are_for_the_user_to_compute():
    with pytest.raises(ValueError, match=r"sample_weight must be .* Got 'balanced' .*compute_sample_weight") as caught:
        GradientDescentRegressor().fit(STEADY[:, None], Y, sample_weight="balanced")
    assert "OneHotEncoder" not in str(caught.value)


@pytest.mark.parametrize("momentum", ["auto", 0, 0.0])
def test_nesterov_needs_a_momentum(momentum):
    expected = r"'nesterov' parameter of .* must be False without a momentum.*Got True.*write momentum=0.9"
    X = STEADY[:, None]
    calls = [
        lambda: GradientDescentRegressor(momentum=momentum, nesterov=True).fit(X, Y),
        lambda: gradient_descent_path(X, Y, momentum=momentum, nesterov=True),
    ]
    if momentum != "auto":
        calls.append(lambda: GradientDescentRegressorCV(momentum=momentum, nesterov=True).fit(X, Y))
    for call in calls:
        with pytest.raises(ValueError, match=expected):
            call()


@pytest.mark.parametrize(
    "grid",
    [
        tuple,
        lambda values: pytest.importorskip("pandas").Series(values),
        lambda values: pytest.importorskip("pandas").array(values),
        lambda values: pytest.importorskip("pandas").Index(values),
        lambda values: pytest.importorskip("pandas").Series(values, index=[5, 3, 1]),
        lambda values: pytest.importorskip("polars").Series(values),
    ],
    ids=["tuple", "Series", "pandas array", "Index", "Series with an index", "polars"],
)
def test_grids_may_be_series(grid):
    rates, steps = [0.05, 0.1, 0.2], [1, 5, 20]
    X = np.column_stack([STEADY, SMALL])
    plain = GradientDescentRegressorCV(rates, max_iters=steps).fit(X, Y)
    model = clone(GradientDescentRegressorCV(grid(rates), max_iters=grid(steps))).fit(X, Y)
    np.testing.assert_array_equal(model.learning_rates_, rates)
    np.testing.assert_array_equal(model.mse_path_, plain.mse_path_)
    assert "learning_rates=" in repr(model)


def test_series_that_are_no_grids_are_refused():
    pytest.importorskip("pandas")
    empty, missing = pd.Series([], dtype=float), pd.Series([0.1, np.nan])
    for grid in (empty, missing, pd.Series(["0.1"]), pd.DataFrame({"a": [0.1]})):
        with pytest.raises(ValueError, match="'learning_rates' parameter"):
            GradientDescentRegressorCV(grid).fit(STEADY[:, None], Y)
