"""Moments from batches: arrays and tables, files and databases that do not fit memory."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression

from gdlearn import GradientDescentRegressor, Moments

X, y = load_diabetes(return_X_y=True, scaled=False)
WEIGHT = np.random.default_rng(0).integers(1, 4, len(y)).astype(float)
CUTS = [slice(k, k + 100) for k in range(0, 442, 100)]


def fits(moments, weight=None, targets=1):
    model = GradientDescentRegressor().fit_moments(moments)
    target = y if targets == 1 else np.column_stack([y, -y])
    assert_allclose(model.coef_, LinearRegression().fit(X, target, weight).coef_, rtol=1e-9)


@pytest.mark.parametrize("root", [False, True])
def test_pairs_and_triples_of_arrays(root):
    fits(Moments.from_batches(((X[k], y[k]) for k in CUTS), root=root))
    fits(Moments.from_batches([(X[k], y[k], WEIGHT[k]) for k in CUTS], root=root), WEIGHT)
    assert (Moments.from_batches([(X, y)], root=root).root is None) is not root


def tables(kind):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(10)]).assign(y=y, z=-y, w=WEIGHT)
    frames = [frame[k] for k in CUTS]
    if kind == "pandas":
        return frames
    if kind == "polars":
        return [pytest.importorskip("polars").from_pandas(some) for some in frames]
    pa = pytest.importorskip("pyarrow")
    return [getattr(pa, kind).from_pandas(some, preserve_index=False) for some in frames]


@pytest.mark.tables
@pytest.mark.parametrize("kind", ["pandas", "polars", "Table", "RecordBatch"])
def test_tables_of_every_library(kind):
    def without(*names):
        for table in tables(kind):
            if kind == "pandas":
                yield table.drop(columns=list(names))
            else:
                names_left = (
                    [name for name in table.schema if name not in names]
                    if kind == "polars"
                    else [name for name in table.schema.names if name not in names]
                )
                yield table.select(names_left)

    fits(Moments.from_batches(without("z", "w"), target="y"))
    fits(Moments.from_batches(without("z"), target="y", sample_weight="w"), WEIGHT)
    fits(Moments.from_batches(without("w"), target=["y", "z"]), targets=2)


def test_columns_of_a_later_batch_may_come_in_another_order_and_must_be_the_same():
    pytest.importorskip("pandas")
    first, second, *others = (some.drop(columns=["z", "w"]) for some in tables("pandas"))
    fits(Moments.from_batches([first, second[second.columns[::-1]], *others], target="y"))
    with pytest.raises(ValueError, match="Batch 1: there is no column 'x3'"):
        Moments.from_batches([first, second.drop(columns="x3")], target="y")
    with pytest.raises(ValueError, match="Batch 1: there is one more column 'new'"):
        Moments.from_batches([first, second.assign(new=1.0)], target="y")


WRONG = {
    "no target": (lambda: ([(X, y)[0]], {}), "Batch 0: it must be .*ndarray"),
    "a table without its target": (lambda: (tables("pandas"), {}), "target the name of its column of y"),
    "an unknown target": (lambda: (tables("pandas"), {"target": "price"}), "there is no column 'price'"),
    "an unknown weight": (lambda: (tables("pandas"), {"target": "y", "sample_weight": "v"}), "there is no column 'v'"),
    "a tuple and a target": (lambda: ([(X, y)], {"target": "y"}), "without target and sample_weight"),
    "four parts": (lambda: ([(X, y, WEIGHT, y)], {}), "Got 4 parts"),
    "NaN": (lambda: ([(X, y), (X * np.nan, y)], {}), "Batch 1: .*NaN"),
    "widths": (lambda: ([(X, y), (X[:, :3], y)], {}), "Batch 1: .*same columns"),
    "nothing": (lambda: (iter([]), {}), "There are no batches"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_with_a_batch_is_said_with_its_number(kind):
    given, message = WRONG[kind]
    if "table" in kind or "unknown" in kind:
        pytest.importorskip("pandas")
    batches, options = given()
    with pytest.raises((ValueError, TypeError), match=message):
        Moments.from_batches(batches, **options)


def test_one_batch_at_a_time_is_asked_for_and_counted(capsys):
    pytest.importorskip("rich")
    alive = []

    def batches():
        for k in CUTS:
            alive.append(k)
            yield X[k], y[k]

    moments = Moments.from_batches(batches(), verbose=1)
    assert moments.n_samples == 442
    assert "5/" in capsys.readouterr().out


def test_files_of_csv_and_parquet(tmp_path):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(10)]).assign(y=y)
    frame.to_csv(tmp_path / "rows.csv", index=False)
    fits(Moments.from_batches(pd.read_csv(tmp_path / "rows.csv", chunksize=100), target="y"))
    parquet = pytest.importorskip("pyarrow.parquet")
    frame.to_parquet(tmp_path / "rows.parquet", row_group_size=100)
    fits(Moments.from_batches(parquet.ParquetFile(tmp_path / "rows.parquet").iter_batches(64), target="y"))
    dataset = pytest.importorskip("pyarrow.dataset")
    fits(Moments.from_batches(dataset.dataset(tmp_path / "rows.parquet").to_batches(batch_size=64), target="y"))


def test_moments_know_the_names_of_the_features():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(10)])
    halves = Moments.from_data(frame[:200], y[:200]), Moments.from_data(frame[200:], y[200:])
    model = GradientDescentRegressor().fit_moments(sum(halves))
    assert list(model.feature_names_in_) == list(frame.columns)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[frame.columns[::-1]])
    reversed_half = Moments.from_data(frame.iloc[200:, ::-1], y[200:])
    with pytest.raises(ValueError, match="cannot be added to moments of x9, x8"):
        halves[0] + reversed_half
    with pytest.raises(ValueError, match=r"Batch 1: .*same columns in the same order"):
        Moments.from_batches([(frame[:200], y[:200]), (frame.iloc[200:, ::-1], y[200:])])
    tables = (frame.assign(y=y)[k] for k in CUTS)
    named = GradientDescentRegressor().fit_moments(Moments.from_batches(tables, target="y"))
    assert list(named.feature_names_in_) == list(frame.columns)
    assert not hasattr(GradientDescentRegressor().fit_moments(Moments.from_data(X, y)), "feature_names_in_")
    assert repr(sum(halves)) == "Moments of 442 rows, 10 features and 1 target(s)"
