"""Sensitivity: eigenvalues and shares by hand, planted faults named, predicted steps those of the fit."""

import builtins
import re
import warnings
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from corpus import SPEC, load
from sklearn import datasets
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from gdlearn import GradientDescentRegressor
from gdlearn.inspection import Sensitivity, SensitivityDisplay, sensitivity

SCALINGS = (None, "standard", "minmax", "maxabs")
SQUARE = np.array([[100.0, 1.0], [100.0, -1.0], [-100.0, 1.0], [-100.0, -1.0]])
Y4 = np.array([1.0, 2.0, 3.0, 5.0])


def diabetes():
    pytest.importorskip("pandas")
    return datasets.load_diabetes(return_X_y=True, as_frame=True, scaled=False)


def column(table, name):
    return np.asarray(table[name])


# By hand


def test_two_features_at_right_angles():
    found = sensitivity(SQUARE, Y4, fit_intercept=False, learning_rate=5e-5)
    assert column(found.modes, "eigenvalue") == pytest.approx([1e4, 1.0])
    assert column(found.modes, "factor") == pytest.approx([1 - 2 * 5e-5 * 1e4, 1 - 1e-4], abs=1e-12)
    assert list(found.modes["leading"]) == ["feature 0", "feature 1"]
    assert column(found.features, "scale") == pytest.approx([100, 1])
    assert column(found.features, "original_scale") == pytest.approx([100, 1])
    assert column(found.features, "curvature") == pytest.approx([2e4, 2])
    # ∂J/∂θ_k = −2/N Σ x_nk y_n
    assert column(found.features, "partial") == pytest.approx([-2 / 4 * -500.0, -2 / 4 * -3.0])
    assert column(found.features, "share") == pytest.approx([0.5, 0.5])  # neither is the typical one
    assert found.condition_numbers[None] == pytest.approx(1e4)
    assert found.condition_numbers["standard"] == pytest.approx(1.0)
    assert found.max_stable_learning_rate == pytest.approx(1e-4)


def test_correlated_pair_in_standard_coordinates():
    r = 0.999
    z = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    X = np.column_stack([z[:, 0], r * z[:, 0] + np.sqrt(1 - r * r) * z[:, 1]])
    found = sensitivity(GradientDescentRegressor(), 7.0 + 3.0 * X, Y4)
    # The correlation matrix has eigenvalues 1 ± r, and the intercept is a mode of λ = 1.
    assert column(found.modes, "eigenvalue") == pytest.approx([1 + r, 1.0, 1 - r])
    assert found.condition_numbers["standard"] == pytest.approx((1 + r) / (1 - r))
    assert column(found.features, "share") == pytest.approx([0, 0.5, 0.5], abs=1e-9)
    assert "`feature 0` and `feature 1` are nearly collinear" in found.sentence
    assert "scale" not in found.sentence.replace("scaling", "")


def test_verdicts():
    rate = {"explodes": 2e-4, "converges": 5e-5, "stalls": 1e-9}
    for verdict, eta in rate.items():
        found = sensitivity(SQUARE, Y4, fit_intercept=False, learning_rate=eta)
        assert verdict in found.modes["verdict"][0 if verdict == "explodes" else 1]
    exactly = sensitivity(SQUARE, Y4, fit_intercept=False, learning_rate=1e-4)
    assert exactly.modes["verdict"][0] == "explodes"
    assert exactly.steps == np.inf


def test_the_steps_of_a_mode_are_those_after_which_only_rounding_is_left():
    found = sensitivity(SQUARE, Y4, fit_intercept=False)
    k = found.modes["steps"][1]
    left = 0.75 * (1 - 1e-4) ** k  # z* = −3/4, λ = 1
    assert left == pytest.approx(np.finfo(float).eps * np.sqrt(np.mean(Y4**2)), rel=1e-3)


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum(nesterov):
    X, y = diabetes()
    model = GradientDescentRegressor(momentum=0.9, nesterov=nesterov)
    found = sensitivity(model, X, y)
    assert found.steps == model.fit(X, y).n_iter_
    h = 2 * found.learning_rate * column(found.modes, "eigenvalue")
    for factor, h_i in zip(found.modes["factor"], h, strict=True):
        pull = 0.9 * h_i if nesterov else 0.0
        roots = np.roots([1.0, -(1.9 - h_i - pull), 0.9 - pull])
        assert abs(factor) == pytest.approx(np.abs(roots).max(), rel=1e-7)
    too_fast = sensitivity(model, X, y, learning_rate=1.01 * found.max_stable_learning_rate)
    assert too_fast.modes["verdict"][0] == "explodes"


# Invariances


def test_weight_two_is_a_row_twice_and_columns_may_come_in_any_order():
    X, y = datasets.load_diabetes(return_X_y=True, scaled=False)
    weight = np.ones(len(y))
    weight[:50] = 2
    one = sensitivity(X, y, sample_weight=weight)
    two = sensitivity(np.vstack([X, X[:50]]), np.concatenate([y, y[:50]]))
    order = np.random.default_rng(0).permutation(10)
    three = sensitivity(X[:, order], y, sample_weight=weight)
    for other in (two, three):
        assert column(other.modes, "factor") == pytest.approx(column(one.modes, "factor"), rel=1e-6)
        for scaling in SCALINGS:
            assert other.condition_numbers[scaling] == pytest.approx(one.condition_numbers[scaling], rel=1e-6)
    assert column(three.features, "share")[1:] == pytest.approx(column(one.features, "share")[1:][order], rel=1e-5)


def test_units_of_y_change_partials_alone():
    X, y = datasets.load_diabetes(return_X_y=True, scaled=False)
    one, other = sensitivity(X, y), sensitivity(X, 1e200 * y)
    assert other.n_steps == one.n_steps
    assert other.sentence == one.sentence
    assert column(other.features, "partial") == pytest.approx(1e200 * column(one.features, "partial"))


def test_units_of_x_change_nothing_under_standard_scaling():
    X, y = datasets.load_diabetes(return_X_y=True, scaled=False)
    units = 10.0 ** np.arange(-5, 5)
    one, other = (sensitivity(GradientDescentRegressor(), data, y) for data in (X, X * units))
    assert column(other.modes, "factor") == pytest.approx(column(one.modes, "factor"))
    assert column(other.features, "share") == pytest.approx(column(one.features, "share"), abs=1e-6)
    assert column(other.features, "original_scale")[1:] == pytest.approx(
        units * column(one.features, "original_scale")[1:]
    )
    assert other.sentence == one.sentence


def test_shares_are_nonnegative_and_sum_to_one():
    X, y = datasets.load_diabetes(return_X_y=True, scaled=False)
    for scaling in SCALINGS:
        share = column(sensitivity(X, y, scaling=scaling).features, "share")
        assert (share >= 0).all()
        assert share.sum() == pytest.approx(1.0)


def test_sparse_and_several_targets():
    from scipy import sparse

    X, y = datasets.load_diabetes(return_X_y=True, scaled=False)
    Y = np.column_stack([y, -2 * y])
    one, other = sensitivity(X, y), sensitivity(sparse.csr_array(X), Y)
    assert column(other.modes, "factor") == pytest.approx(column(one.modes, "factor"))
    assert column(other.features, "partial") == pytest.approx(np.sqrt(5) * np.abs(column(one.features, "partial")))


# What the sentence says


def test_a_pipeline_and_a_search_stand_for_their_last_step():
    X, y = diabetes()
    squares = PolynomialFeatures(2, include_bias=False)
    pipe = make_pipeline(StandardScaler(), squares, GradientDescentRegressor(0.001, scaling=None)).fit(X, y)
    found = sensitivity(pipe, X, y)
    Z = squares.fit_transform(StandardScaler().fit_transform(X))
    alone = sensitivity(pipe[-1], Z, y)
    assert found.learning_rate == alone.learning_rate == 0.001
    assert column(found.modes, "eigenvalue") == pytest.approx(column(alone.modes, "eigenvalue"))
    assert list(found.features["feature"])[1:] == list(pipe[:-1].get_feature_names_out())
    assert "bmi s5" in list(found.features["feature"])
    grid = {"gradientdescentregressor__learning_rate": [0.001]}
    assert sensitivity(GridSearchCV(pipe, grid, cv=2).fit(X, y), X, y).sentence == found.sentence
    single = make_pipeline(GradientDescentRegressor()).fit(X, y)
    assert sensitivity(single, X, y).sentence == sensitivity(single[-1], X, y).sentence


def test_an_estimator_gives_the_settings_and_stays_as_it_is():
    X, y = diabetes()
    model = GradientDescentRegressor(scaling="minmax", learning_rate=0.01).fit(X, y)
    before = dict(vars(model))
    found = sensitivity(model, X, y)
    assert vars(model) == before
    assert (found.scaling, found.learning_rate) == ("minmax", 0.01)
    assert found.max_stable_learning_rate == model.max_stable_learning_rate_
    assert found.condition_numbers["minmax"] == model.condition_number_
    assert found.steps == model.n_iter_
    assert sensitivity(model, X, y, scaling=None, learning_rate="auto").n_steps == sensitivity(X, y).n_steps
    assert sensitivity(clone(model), X, y).sentence == found.sentence


def test_all_is_well():
    X, y = diabetes()
    steps = GradientDescentRegressor().fit(X, y).n_iter_
    found = sensitivity(GradientDescentRegressor(), X, y)
    assert found.sentence == "Condition number 470: plain descent needs about 15,000 steps."
    assert found.steps == steps


def test_a_rate_too_large_is_named_with_the_largest_stable_one():
    X, y = diabetes()
    found = sensitivity(GradientDescentRegressor(learning_rate=0.5), X, y)
    assert found.sentence.startswith("Learning rate 0.5 is too large: 1 of 11 modes explodes, and")
    assert f"{found.max_stable_learning_rate:.3g}" in found.sentence
    assert "scal" not in found.sentence
    # No scaling makes this rate stable, and none is offered for it; one is offered with a rate of its own.
    raw = sensitivity(X, y, learning_rate=0.5)
    assert "(stable below" not in raw.sentence
    assert '; scaling="standard" with learning_rate="auto" needs about 15,000 steps, for `s1`' in raw.sentence
    slower = sensitivity(X, y, learning_rate=0.2)
    assert 'or scaling="standard" (stable below 0.248)' in slower.sentence


def test_a_rate_too_small():
    X, y = diabetes()
    found = sensitivity(GradientDescentRegressor(learning_rate=1e-6), X, y)
    assert found.sentence.startswith("Learning rate 1e-6 is small")
    assert 'learning_rate="auto"' in found.sentence


def test_a_rate_too_small_for_features_of_unequal_scale():
    X, y = diabetes()
    sentence = sensitivity(X, y, learning_rate=1e-9).sentence
    assert sentence.startswith("Learning rate 1e-9 is small")
    assert 'with scaling="standard" too about 15,000 steps, for `s1` makes 50 % of the largest eigenvalue' in sentence


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize(
    ("X", "y"),
    [([[0.0], [0.0]], [1.0, 2.0]), ([[2.0]], [3.0]), ([[1.0], [2.0]], [0.0, 0.0]), ([[5.0, 5.0]] * 3, [1.0, 2.0, 4.0])],
    ids=["zeros", "one row", "y = 0", "constants"],
)
def test_what_has_nothing_to_say(X, y, scaling, fit_intercept):
    found = sensitivity(X, y, scaling=scaling, fit_intercept=fit_intercept)
    model = GradientDescentRegressor(scaling=scaling, fit_intercept=fit_intercept).fit(X, y)
    assert found.steps == model.n_iter_
    assert found.sentence.startswith("Condition number ")
    assert str(found)


def test_keywords():
    assert sensitivity(SQUARE, y=Y4).steps == sensitivity(SQUARE, Y4).steps
    model = GradientDescentRegressor(scaling=None)
    assert sensitivity(model, SQUARE, y=Y4).sentence == sensitivity(SQUARE, Y4).sentence
    assert repr(sensitivity(SQUARE, Y4)).startswith("<Sensitivity: `feature 0` makes")


def test_an_offset():
    pd = pytest.importorskip("pandas")
    random = np.random.default_rng(0)
    X = pd.DataFrame({"year": np.arange(1990.0, 2020.0), "z": random.standard_normal(30)})
    found = sensitivity(X, X["year"] + X["z"])
    assert found.sentence.startswith(
        "`year` makes 100 % of the largest eigenvalue, and the intercept 100 % of the smallest"
    )
    assert "centring alone divides κ by 1.9e9, for the mean of `year` is 230 times its spread" in found.sentence
    assert 'with scaling="standard" condition number 1.1' in found.sentence


def test_constant_and_duplicate_features():
    X, y = diabetes()
    found = sensitivity(GradientDescentRegressor(), X.assign(seven=7.0, twin=X["bmi"]), y)
    assert "`seven` is constant" in found.sentence
    assert "`bmi` and `twin` are exactly collinear" in found.sentence
    assert len(found.modes["factor"]) == 11


def test_without_an_intercept_standard_scaling_is_not_always_the_remedy():
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame({"year": np.arange(1990.0, 2020.0), "z": np.random.default_rng(0).standard_normal(30)})
    found = sensitivity(X, X["year"], fit_intercept=False, scaling="standard")
    assert "`year`" in found.sentence
    assert 'scaling="maxabs"' in found.sentence


@pytest.mark.parametrize("factor", [1e25, 1e-25])
def test_scales_whose_squares_are_far_beyond_the_digits_of_float64(factor):
    X, y = diabetes()
    found = sensitivity(X.assign(bmi=factor * X["bmi"]), y)
    assert "`bmi`" in found.sentence
    # κ grows as the square of the ratio of scales, to the last digit, though half of them would be lost in squares.
    before = sensitivity(X.assign(bmi=factor**0.9 * X["bmi"]), y)
    assert found.condition_numbers[None] / before.condition_numbers[None] == pytest.approx(1e5, rel=1e-3)
    assert found.steps == GradientDescentRegressor(scaling=None).fit(X.assign(bmi=factor * X["bmi"]), y).n_iter_
    assert found.steps > 1e50


def test_squares_that_overflow():
    X, y = datasets.load_diabetes(return_X_y=True, scaled=False)
    found = sensitivity(GradientDescentRegressor(), 1e160 * X, y)
    assert found.condition_numbers[None] == np.inf
    assert found.condition_numbers["standard"] == pytest.approx(470, rel=0.01)
    with pytest.raises(ValueError, match="squares of the features overflow float64"):
        sensitivity(1e160 * X, y)


def test_fewer_rows_than_columns():
    X = np.random.default_rng(0).standard_normal((30, 100))
    X[:, 3] *= 1e5
    y = X[:, :3].sum(axis=1)
    for scaling in SCALINGS:
        found = sensitivity(X, y, scaling=scaling)
        assert found.steps == GradientDescentRegressor(scaling=scaling).fit(X, y).n_iter_
    found = sensitivity(X, y)
    assert "`feature 3`" in found.sentence
    assert found.features["feature"][np.argmax(found.features["share"])] == "feature 3"


# Ten real data sets, with a fault planted


def load_or_skip(name):
    try:
        return load(name)
    except (ModuleNotFoundError, FileNotFoundError) as missing:
        pytest.skip(f"the package that holds {name} is not installed: {missing}")


def frame(name):
    pd = pytest.importorskip("pandas")
    if name == "linnerud":
        bunch = datasets.load_linnerud(as_frame=True)
        return bunch.data, bunch.target["Weight"]
    if "/" in name:
        X, y = load_or_skip(name)
        return pd.DataFrame(X, columns=[f"x{j}" for j in range(X.shape[1])]), y
    options = {"scaled": False} if name == "diabetes" else {}
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True, as_frame=True, **options)
    return X, y


SETS = [
    *("diabetes", "iris", "wine", "breast_cancer", "linnerud"),
    pytest.param("digits", marks=pytest.mark.slow),  # the largest
    *("statsmodels/longley", "statsmodels/copper", "statsmodels/scotland", "statsmodels/fertility"),
    *("wooldridge/wage2", "MASS/Boston", "datasets/mtcars", "modeldata/concrete"),
]


def victim(X):
    """A column that is as large as any, so that a factor of 1e5 makes it the extreme one, and 1e-10 too."""
    return X.columns[int(np.argmax(np.sqrt((X.to_numpy() ** 2).mean(axis=0))))]


@pytest.mark.corpus
@pytest.mark.parametrize("name", SETS)
def test_a_feature_of_extreme_scale_is_named(name):
    X, y = frame(name)
    fault = victim(X)
    found = sensitivity(X.assign(**{fault: 1e5 * X[fault]}), y)
    assert found.sentence.startswith(f"`{fault}` makes 100 % of the largest eigenvalue, and ")
    assert 'scaling="standard"' in found.sentence
    share = dict(zip(found.features["feature"], found.features["share"], strict=True))
    share.pop("(intercept)")  # of features far from zero it is the flattest direction
    assert max(share, key=share.get) == fault
    cured = sensitivity(GradientDescentRegressor(), X.assign(**{fault: 1e5 * X[fault]}), y)
    assert "largest eigenvalue" not in cured.sentence
    assert found.n_steps["standard"] == cured.steps


@pytest.mark.corpus
@pytest.mark.parametrize("name", SETS)
def test_a_near_copy_is_named(name):
    X, y = frame(name)
    fault = victim(X)
    noise = np.random.default_rng(0).standard_normal(len(X))
    X = X.assign(copy=X[fault] + 1e-5 * X[fault].std() * noise)
    for model in (GradientDescentRegressor(), GradientDescentRegressor(scaling=None)):
        found = sensitivity(model, X, y)
        assert f"`{fault}`" in found.sentence
        assert "`copy`" in found.sentence
        assert "nearly collinear" in found.sentence
    share = column(sensitivity(X, y, scaling="standard").features, "share")
    names = ["(intercept)", *X.columns]
    assert {names[j] for j in np.argsort(-share)[:2]} == {fault, "copy"}


@pytest.mark.corpus
@pytest.mark.parametrize("name", SETS)
def test_predicted_steps_are_those_of_the_fit(name):
    X, y = frame(name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        taken = {scaling: GradientDescentRegressor(scaling=scaling).fit(X, y).n_iter_ for scaling in SCALINGS}
    assert sensitivity(X, y).n_steps == pytest.approx(taken, rel=0.2)


# The two ends of the condition number, against singular values of the rows themselves


class Ends:
    """λ_max and λ_min of ∇²J/2 by NumPy, with columns multiplied."""

    def __init__(self, X, rank, centred=False):
        design = np.column_stack([np.ones(len(X)), X - X.mean(axis=0) if centred else X])
        self.root, self.rank = np.linalg.qr(design / np.sqrt(len(X)), mode="r"), rank

    def times(self, factor, feature=None):
        root = self.root.copy()
        if feature is not None:
            root[:, 1 + feature] *= factor
        singular = np.linalg.svd(root, compute_uv=False)
        return np.array([singular[0], singular[self.rank - 1]]) ** 2


def moves_as_its_parts_say(X, y):
    """Of the features at the two ends a change of scale moves λ_max, λ_min and so κ by their parts."""
    found = sensitivity(X, y)
    ends = Ends(X, len(found.modes["factor"]))
    parts = np.column_stack([found.features["steepest"], found.features["flattest"]])
    assert parts.sum(axis=0) == pytest.approx([1, 1])
    blamed = {int(j) for j in [*parts[1:].argmax(axis=0), np.abs(parts[1:, 0] - parts[1:, 1]).argmax()]}
    for j in blamed:
        moved = np.log(ends.times(1.001, j) / ends.times(1 / 1.001, j)) / (4 * np.log(1.001))
        assert moved == pytest.approx(parts[1 + j], abs=2e-3)
        # Multiplied by ten, a feature with the part P in the steepest mode multiplies λ_max by (1 + 9P)² at least.
        assert ends.times(10, j)[0] >= ends.times(1, j)[0] * (1 + 9 * parts[1 + j, 0]) ** 2 * (1 - 1e-9)
    sentence = found.sentence
    if match := re.search(r"centring alone divides κ by ([\d.,e]+)", sentence):
        before, after = (np.divide(*some.times(1.0)) for some in (ends, Ends(X, ends.rank, centred=True)))
        assert float(match[1].replace(",", "")) == pytest.approx(before / after, rel=0.06)
    if "of the largest eigenvalue" in sentence:
        before, _, after = sentence.partition(" of the largest eigenvalue, and ")
        for part, text in zip(parts.T, (before, after.partition(" of the smallest")[0]), strict=True):
            half = np.cumsum(np.sort(part)[::-1])
            percent = half[np.searchsorted(half, 0.5 - 1e-9)] * 100
            assert float(re.search(r"(\d+) %$", text)[1]) == pytest.approx(percent, abs=0.51)
            assert str(np.asarray(found.features["feature"])[part.argmax()]).strip("()") in text


def test_the_parts_of_the_readme():
    X, y = diabetes()
    X = X.assign(bmi=1000 * X["bmi"])
    moves_as_its_parts_say(X.to_numpy(), y)
    ends = Ends(X.to_numpy(), 11)
    ratio = [np.divide(*ends.times(10.0, X.columns.get_loc(name))) / np.divide(*ends.times(1.0)) for name in X.columns]
    moved = dict(zip(X.columns, ratio, strict=True))
    assert moved["bmi"] == pytest.approx(100, rel=1e-3)
    assert moved["sex"] == pytest.approx(1, rel=1e-3)
    assert "sex" not in sensitivity(X, y).sentence


@pytest.mark.corpus
@pytest.mark.parametrize("name", [entry[0] for entry in SPEC])
def test_a_change_of_scale_moves_the_condition_number_by_the_parts_named(name):
    X, y = load_or_skip(name)
    moves_as_its_parts_say(X, y)


# Form


def test_printed_it_is_the_sentence_above_the_tables():
    X, y = diabetes()
    found = sensitivity(X, y)
    text = str(found)
    assert text.startswith(found.sentence)
    assert all(word in text for word in ("standard", "bmi", "(intercept)", "stalls", "share"))


def test_in_a_notebook_it_is_the_sentence_above_the_tables():
    X, y = datasets.load_diabetes(return_X_y=True, scaled=False)
    found = sensitivity(X, y)
    root = ET.fromstring(found._repr_html_())
    rows = [" ".join("".join(cell.itertext()) for cell in row) for row in root.iter("tr")]
    assert len(rows) == (1 + 4) + (1 + 11) + (1 + 11)  # scalings, features, modes
    lines = [" ".join(line.split()) for line in str(found).splitlines()]
    assert [line for line in lines if line in rows] == rows
    assert root.find("p").text == found.sentence


def test_tables_without_pandas(monkeypatch):
    X, y = datasets.load_diabetes(return_X_y=True, scaled=False)
    with_pandas = sensitivity(X, y)
    genuine = builtins.__import__

    def without_pandas(name, *args, **kwargs):
        if name == "pandas":
            raise ImportError(name)
        return genuine(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_pandas)  # scikit-learn itself looks into sys.modules
    found = sensitivity(X, y)
    assert isinstance(found, Sensitivity)
    assert isinstance(found.features, dict)
    assert isinstance(found.modes["factor"], list)
    assert str(found) == str(with_pandas)
    assert list(found.features) == list(with_pandas.features)


# Errors: the argument, what was given, what is allowed


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        ((GradientDescentRegressor(),), {}, "needs X and y"),
        ((GradientDescentRegressor(), SQUARE), {}, "needs y"),
        ((SQUARE,), {}, r"sensitivity\(X, y\) needs y"),
        ((SQUARE, SQUARE, Y4), {}, "GradientDescentRegressor. Got ndarray"),
        ((make_pipeline(GradientDescentRegressor()), SQUARE, Y4), {}, "Pipeline instance is not fitted"),
        ((make_pipeline(Ridge()).fit(SQUARE, Y4), SQUARE, Y4), {}, "'estimator_or_X'.*fitted pipeline.*Got Ridge"),
        ((Ridge(), SQUARE, Y4), {}, "'estimator_or_X'.*Got Ridge"),
        ((GridSearchCV(Ridge(), {}), SQUARE, Y4), {}, "GridSearchCV instance is not fitted"),
        ((SQUARE, Y4), {"max_iter": 3}, "no setting 'max_iter'. Allowed: scaling"),
        ((SQUARE, Y4), {"learning_rate": "exact"}, "'learning_rate'.*\"auto\".*Got 'exact'"),
        ((SQUARE, Y4), {"learning_rate": -1}, "'learning_rate'.*> 0.*Got -1"),
        ((SQUARE, Y4), {"scaling": "robust"}, "'scaling'.*\"standard\".*Got 'robust'"),
        ((SQUARE, Y4), {"fit_intercept": "no"}, "'fit_intercept'.*boolean.*Got 'no'"),
        ((SQUARE, Y4), {"momentum": 1.0}, r"'momentum'.*\[0, 1\).*Got 1.0"),
        ((SQUARE, Y4), {"sample_weight": [1, -1, 1, 1]}, "Negative values in sample_weight"),
        ((SQUARE, Y4[:3]), {}, "inconsistent numbers of samples"),
    ],
)
def test_errors(arguments, settings, message):
    with pytest.raises((TypeError, ValueError), match=message):
        sensitivity(*arguments, **settings)


# The picture


@pytest.fixture
def plt():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    yield plt
    plt.close("all")


@pytest.mark.parametrize("learning_rate", ["auto", 0.3, 1.0, 1e-8])
def test_display(plt, learning_rate):
    X, y = diabetes()
    display = SensitivityDisplay.from_estimator(GradientDescentRegressor(learning_rate=learning_rate), X, y)
    found = display.sensitivity
    drawn = np.concatenate([points.get_offsets()[:, 1] for points in display.points_.values()])
    steps = column(found.modes, "steps")
    finite = np.isfinite(steps)
    assert sorted(drawn)[: finite.sum()] == pytest.approx(sorted(np.maximum(steps[finite], 1)))
    assert (np.sort(drawn)[finite.sum() :] > steps[finite].max(initial=1e6)).all()  # what explodes is above all others
    assert display.ax_.get_yscale() == "log"
    assert set(display.points_) == set(found.modes["verdict"])
    assert display.ax_.get_xlabel()
    assert display.ax_.get_ylabel()
    assert display.feature_ax_.get_xlabel()
    low, high = display.ax_.get_ylim()
    assert low < drawn.min()
    assert drawn.max() < high
    display.figure_.canvas.draw()
    assert display.figure_ is display.ax_.figure


def test_the_display_names_the_ridge_term(plt):
    display = SensitivityDisplay.from_estimator(GradientDescentRegressor(alpha=0.25), SQUARE, Y4)
    assert display.ax_.get_title(loc="left").endswith(", α = 0.25)")


def test_display_on_given_axes(plt):
    found = sensitivity(SQUARE, Y4)
    _, one = plt.subplots()
    display = SensitivityDisplay(sensitivity=found)
    assert display.plot(ax=one) is display
    assert display.ax_ is one
    assert display.feature_ax_ is None
    _, two = plt.subplots(1, 2)
    assert display.plot(ax=two).feature_ax_ is two[1]
    _, three = plt.subplots(1, 3)
    with pytest.raises(ValueError, match=r"'ax'.*Got 3"):
        display.plot(ax=three)


# With a ridge term


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_a_ridge_term_is_a_part_of_the_modes(scaling, fit_intercept):
    X, y = datasets.load_diabetes(return_X_y=True, scaled=False)
    model = GradientDescentRegressor(scaling=scaling, alpha=0.2, fit_intercept=fit_intercept)
    found = sensitivity(model, X, y)
    model.fit(X, y)
    Z = (X - model.feature_shift_) / model.feature_scale_
    Z = np.column_stack([np.ones(len(y)), Z]) if fit_intercept else Z
    charge = np.full(Z.shape[1], 0.2)
    charge[: int(fit_intercept)] = 0.0
    values = np.linalg.eigvalsh(Z.T @ Z / len(y) + np.diag(charge))[::-1]
    assert column(found.modes, "eigenvalue") == pytest.approx(values, rel=1e-6)
    assert column(found.features, "curvature") == pytest.approx(2 * (np.mean(Z**2, axis=0) + charge))
    assert column(found.features, "share").sum() == pytest.approx(1.0)
    assert found.max_stable_learning_rate == pytest.approx(1 / values[0])
    assert found.steps == model.n_iter_
    assert found.alpha == 0.2
    assert found.condition_numbers[scaling] == pytest.approx(model.condition_number_)
    elsewhere = clone(model).set_params(scaling="maxabs").fit(X, y)
    assert found.n_steps["maxabs"] == elsewhere.n_iter_


def test_a_ridge_term_of_fewer_rows_than_columns():
    X = np.random.default_rng(0).standard_normal((20, 90))
    model = GradientDescentRegressor(alpha=0.1)
    found = sensitivity(model, X, X[:, 0])
    assert found.steps == model.fit(X, X[:, 0]).n_iter_
    assert found.max_stable_learning_rate == pytest.approx(model.max_stable_learning_rate_)


def test_remedies_know_the_ridge_term():
    X, y = datasets.load_diabetes(return_X_y=True, scaled=False)
    other = 'with scaling="standard" condition number 38, about 1,200 steps, where alpha charges other slopes'
    assert other in sensitivity(X, y, alpha=0.1).sentence
    assert "charges" not in sensitivity(X, y).sentence
    rng = np.random.default_rng(0)
    near = np.column_stack([X, X[:, 2] + 1e-3 * rng.standard_normal(len(y))])
    assert "stop early, or give alpha, for a ridge term" in sensitivity(GradientDescentRegressor(), near, y).sentence
    assert "give a larger alpha" in sensitivity(GradientDescentRegressor(alpha=1e-5), near, y).sentence


def test_an_l1_penalty_has_no_modes():
    X, y = datasets.load_diabetes(return_X_y=True, scaled=False)
    with pytest.raises(ValueError, match=r"sensitivity needs a J that is a quadratic, and l1_ratio=1\.0 makes kinks"):
        sensitivity(GradientDescentRegressor(alpha=1.0, l1_ratio=1.0), X, y)
    with pytest.raises(ValueError, match=r"The 'l1_ratio' parameter of sensitivity .* Got 2"):
        sensitivity(X, y, alpha=1.0, l1_ratio=2)
