"""Collections of dask: fitted by the moments of their pieces, each computed once; predictions stay lazy."""

import threading
import time
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn import clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    PredefinedSplit,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
)

import gdlearn._regressor
import gdlearn._solve
from gdlearn import DivergenceError, GradientDescentRegressor, GradientDescentRegressorCV

da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")
pd = pytest.importorskip("pandas")
dask = pytest.importorskip("dask")

pytestmark = pytest.mark.tables

X, y = load_diabetes(return_X_y=True, scaled=False)
WEIGHT = np.random.default_rng(0).integers(0, 4, len(y)).astype(float)
NAMES = [f"x{j}" for j in range(10)]
FRAME = pd.DataFrame(X, columns=NAMES).assign(y=y, w=WEIGHT, row=np.arange(len(y)))
LEARNED = ["coef_", "intercept_", "loss_", "feature_shift_", "feature_scale_", "max_stable_learning_rate_", "rank_"]


def same(a, b, tolerance=1e-10):
    for name in LEARNED:
        assert_allclose(getattr(a, name), getattr(b, name), rtol=tolerance, err_msg=name)


def frame(n=7):
    return dd.from_pandas(FRAME, npartitions=n)


@pytest.mark.parametrize("scaling", [None, "standard", "minmax", "maxabs"])
@pytest.mark.parametrize("options", [{}, {"learning_rate": 1e-6, "max_iter": 9}, {"fit_intercept": False}])
@pytest.mark.parametrize("weighted", [False, True])
def test_arrays_and_frames_are_fitted_as_in_memory(weighted, options, scaling):
    model = GradientDescentRegressor(scaling=scaling, **options)
    weight = WEIGHT if weighted else None
    whole = GradientDescentRegressor(scaling=scaling, **options).fit(X, y, weight)
    arrays = [da.from_array(X, chunks=(60, 4)), da.from_array(y, chunks=100)]
    same(model.fit(*arrays, da.from_array(WEIGHT, chunks=442) if weighted else None), whole)
    table = frame()
    same(model.fit(table[NAMES], table["y"], table["w"] if weighted else None), whole)
    assert list(model.feature_names_in_) == NAMES


def test_unknown_lengths_and_empty_pieces():
    table = frame()
    some = table[table["x0"] > 60]
    few = FRAME[FRAME["x0"] > 60]
    whole = GradientDescentRegressor().fit(few[NAMES], few["y"])
    same(GradientDescentRegressor().fit(some[NAMES], some["y"]), whole)
    arrays = some[NAMES].to_dask_array(), some["y"].to_dask_array()
    assert np.isnan(arrays[0].chunks[0]).all()
    same(GradientDescentRegressor().fit(*arrays), whole)
    late = table[table["row"] > 400]  # most partitions are empty
    same(GradientDescentRegressor().fit(late[NAMES], late["y"]), GradientDescentRegressor().fit(X[401:], y[401:]))
    with pytest.raises(ValueError, match="X has no rows"):
        GradientDescentRegressor().fit(table[table["x0"] < 0][NAMES], table[table["x0"] < 0]["y"])


def test_each_piece_is_computed_once_also_where_x_and_y_share_it():
    calls = []

    def piece(rows):
        calls.append(len(rows))
        return rows

    table = frame().map_partitions(piece, meta=FRAME.iloc[:0])
    calls.clear()
    GradientDescentRegressor().fit(table[NAMES], table["y"], table["w"])
    assert len(calls) == 7
    rows = da.from_array(FRAME.to_numpy(), chunks=(100, 13)).map_blocks(piece, dtype=float, meta=np.empty((0, 0)))
    calls.clear()
    GradientDescentRegressor().fit(rows[:, :10], rows[:, 10], rows[:, 11])
    assert len(calls) == 5


def test_predictions_are_lazy_and_those_of_the_rows():
    model = GradientDescentRegressor().fit(X, y)
    rows = da.from_array(X, chunks=(100, 3))
    lazy = model.predict(rows)
    assert isinstance(lazy, da.Array)
    assert lazy.shape == (442,)
    assert_allclose(lazy.compute(), model.predict(X), rtol=1e-14)
    named = GradientDescentRegressor().fit(FRAME[NAMES], y)
    lazy = named.predict(frame()[NAMES])
    assert isinstance(lazy, da.Array)
    assert_allclose(lazy.compute(), model.predict(X), rtol=1e-14)
    several = GradientDescentRegressor().fit(FRAME[NAMES], np.column_stack([y, -y, y**2]))
    for given in (rows, frame()[NAMES]):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # arrays have no names
            lazy = several.predict(given)
            assert lazy.shape[1] == 3
            assert_allclose(lazy.compute(), several.predict(FRAME[NAMES]), rtol=1e-13)
            late = frame()
            late = late[late["row"] > 400][NAMES]
            late = late.to_dask_array() if given is rows else late
            for one in (model, several):  # most pieces have no row
                assert_allclose(one.predict(late).compute(), one.predict(X[401:]), rtol=1e-13)


def test_names_and_widths_are_looked_at_before_anything_is_computed():
    model = GradientDescentRegressor().fit(frame()[NAMES], frame()["y"])
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame()[NAMES].rename(columns={"x0": "age"}))
    with pytest.raises(ValueError, match="3 features"):
        GradientDescentRegressor().fit(X, y).predict(da.from_array(X[:, :3], chunks=(100, 3)))


@pytest.mark.parametrize("weighted", [False, True])
def test_score(weighted):
    model, weight = GradientDescentRegressor().fit(FRAME[NAMES], y), WEIGHT if weighted else None
    table = frame()
    expected = model.score(FRAME[NAMES], y, weight)
    assert model.score(table[NAMES], table["y"], table["w"] if weighted else None) == pytest.approx(expected, rel=1e-12)
    target = np.column_stack([y, 1e100 * y**2])
    several = GradientDescentRegressor().fit(X, target)
    lazy = several.score(da.from_array(X, chunks=60), da.from_array(target, chunks=(60, 1)))
    assert lazy == pytest.approx(several.score(X, target), rel=1e-12)


def test_float32_stays_float32():
    rows, target = X.astype(np.float32), y.astype(np.float32)
    model = GradientDescentRegressor().fit(da.from_array(rows, chunks=(100, 10)), da.from_array(target, chunks=100))
    whole = GradientDescentRegressor().fit(rows, target)
    assert model.coef_.dtype == np.float32
    assert_allclose(model.coef_, whole.coef_, rtol=1e-6)
    assert model.predict(da.from_array(rows, chunks=(100, 10))).dtype == np.float32


def test_nearly_collinear_columns_are_read_twice_and_keep_their_digits():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((400, 3))
    rows = np.column_stack([x[:, 0], x[:, 0] + 1e-7 * x[:, 1], x[:, 2] + 1e6])
    target = rows @ [1.0, 2.0, 3.0] + 0.1 * rng.standard_normal(400)
    reads = []

    def piece(block):
        reads.append(1)
        return block

    blocks = da.from_array(rows, chunks=(100, 3)).map_blocks(piece, dtype=float, meta=np.empty((0, 0)))
    reads.clear()
    model = GradientDescentRegressor().fit(blocks, da.from_array(target, chunks=100))
    assert len(reads) == 8
    whole = GradientDescentRegressor().fit(rows, target)
    assert_allclose(model.predict(rows), whole.predict(rows), atol=1e-8 * target.std())
    assert model.rank_ == whole.rank_ == 3


WRONG = {
    "NaN": (lambda: (da.from_array(np.where(X > 300, np.nan, X), chunks=60), da.from_array(y, chunks=60)), "NaN"),
    "lengths": (lambda: (da.from_array(X, chunks=60), da.from_array(y[:400], chunks=60)), "inconsistent|chunk"),
    "partitions": (lambda: (frame(7)[NAMES], frame(3)["y"]), "X has 7 partitions and y has 3"),
    "blocks": (
        lambda: (frame(7)[NAMES].to_dask_array(), frame(3)["y"].to_dask_array()),
        "X has 7 blocks of rows and y has 3",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_cannot_be_fitted_is_refused_and_the_earlier_fit_kept(kind):
    given, message = WRONG[kind]
    model = GradientDescentRegressor().fit(FRAME[NAMES], y)
    coef = model.coef_
    with pytest.raises(ValueError, match=message):
        model.fit(*given())
    assert model.coef_ is coef
    assert list(model.feature_names_in_) == NAMES


def test_messages_are_those_of_a_fit():
    rows, target = da.from_array(X, chunks=60), da.from_array(y, chunks=60)
    with pytest.raises(DivergenceError, match="the largest stable rate"):
        GradientDescentRegressor(5.0).fit(rows, target)
    with pytest.warns(ConvergenceWarning, match="did not reach"):
        GradientDescentRegressor(0.01, tol=1e-9, max_iter=5).fit(rows, target)


def test_early_stopping_and_few_rows_take_the_rows_themselves():
    options = {"early_stopping": True, "random_state": 0, "learning_rate": 0.1}
    rows, target = da.from_array(X, chunks=60), da.from_array(y, chunks=60)
    same(GradientDescentRegressor(**options).fit(rows, target), GradientDescentRegressor(**options).fit(X, y))
    wide = np.random.default_rng(0).standard_normal((20, 90))
    model = GradientDescentRegressor().fit(da.from_array(wide, chunks=10), da.from_array(wide[:, 0], chunks=10))
    assert_allclose(model.coef_, GradientDescentRegressor().fit(wide, wide[:, 0]).coef_, atol=1e-12)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the cluster's own
def test_a_worker_that_is_killed_in_the_middle_changes_nothing():
    distributed = pytest.importorskip("distributed")
    cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    with cluster, distributed.Client(cluster):
        calm = da.random.default_rng(0).standard_normal((20_000, 8), chunks=(1_000, 8))
        rows = calm.map_blocks(lambda block: time.sleep(0.1) or block, dtype=float, meta=np.empty((0, 0)))
        process = next(iter(cluster.workers.values())).process
        killer = threading.Timer(0.5, process.process.kill)
        killer.start()
        model = GradientDescentRegressor().fit(rows, calm @ np.arange(8.0) + 1.0)
        assert not killer.is_alive()  # 20 pieces take a second
    assert_allclose(model.coef_, np.arange(8.0), atol=1e-12)
    assert_allclose(model.intercept_, 1.0)


GROUPS = np.random.default_rng(1).integers(0, 7, len(y))
BY_ROW_NUMBERS = {
    "default": None,
    "shuffled": KFold(3, shuffle=True, random_state=0),
    "series": TimeSeriesSplit(3),
    "random": ShuffleSplit(3, random_state=1),
    "grouped": GroupKFold(3),
    "predefined": PredefinedSplit(np.arange(442) % 4 - 1),
    "pairs": [(np.arange(100, 442), np.arange(150)), (np.arange(442) % 3 != 0, np.arange(442) % 3 == 0)],
    "twice": [(np.repeat(np.arange(300), 2), np.arange(300, 442))],
}


def same_search(a, b, tolerance=1e-10):
    same(a, b, tolerance)
    for name in ["learning_rates_", "max_iters_", "mse_path_", "best_score_", "learning_rate_", "max_iter_"]:
        assert_allclose(getattr(a, name), getattr(b, name), rtol=tolerance, err_msg=name)


def counted(rows, chunks):
    """A dask array of which each block that is computed is noted in a list."""
    calls = []

    def piece(block):
        calls.append(len(block))
        return block

    blocks = da.from_array(rows, chunks=chunks).map_blocks(piece, dtype=float, meta=np.empty((0, 0)))
    calls.clear()
    return blocks, calls


@pytest.mark.parametrize("name", BY_ROW_NUMBERS)
@pytest.mark.parametrize("weighted", [False, True])
def test_folds_are_those_in_memory_and_each_piece_is_computed_once(name, weighted):
    search = GradientDescentRegressorCV(5, max_iters=4, cv=BY_ROW_NUMBERS[name])
    groups = {"groups": GROUPS} if name == "grouped" else {}
    whole = clone(search).fit(X, y, WEIGHT if weighted else None, **groups)
    rows, calls = counted(FRAME.to_numpy(), (100, 13))
    search.fit(rows[:, :10], rows[:, 10], rows[:, 11] if weighted else None, **groups)
    assert len(calls) == 5
    same_search(search, whole)
    table = frame()
    same_search(search.fit(table[NAMES], table["y"], table["w"] if weighted else None, **groups), whole)
    assert list(search.feature_names_in_) == NAMES


@pytest.mark.parametrize("scaling", [None, "minmax", "maxabs"])
@pytest.mark.parametrize("options", [{}, {"momentum": 0.9, "nesterov": True}, {"fit_intercept": False}])
def test_every_scaling_of_folds(scaling, options):
    search = GradientDescentRegressorCV(4, max_iters=[1, 30, 1_000, 50_000], cv=3, scaling=scaling, **options)
    target = np.column_stack([y, 1e3 * X[:, 2] + y])
    whole = clone(search).fit(X, target)
    arrays = da.from_array(X, chunks=(60, 4)), da.from_array(target, chunks=100)
    same_search(search.fit(*arrays), whole)


def test_folds_of_rows_whose_number_is_not_known():
    table = frame()
    some, few = table[table["x0"] > 60], FRAME[FRAME["x0"] > 60]
    search = GradientDescentRegressorCV(5, max_iters=4, cv=3)
    whole = clone(search).fit(few[NAMES], few["y"])
    same_search(clone(search).fit(some[NAMES], some["y"]), whole)
    same_search(search.fit(some[NAMES].to_dask_array(), some["y"].to_dask_array()), whole)


def test_small_test_errors_and_nearly_collinear_features_take_one_more_read():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((400, 4)) * [1, 10, 100, 1] + [0, 10, 1e3, 0]
    clear = rows @ [1.0, 2.0, 3.0, 4.0] + 1e-4 * rng.standard_normal(400)
    search = GradientDescentRegressorCV(6, max_iters=6, cv=4)
    blocks, calls = counted(np.column_stack([rows, clear]), (100, 5))
    search.fit(blocks[:, :4], blocks[:, 4])
    assert len(calls) == 8
    whole = clone(search).fit(rows, clear)
    assert whole.mse_path_.min() < 1e-6
    assert_allclose(search.mse_path_, whole.mse_path_, rtol=1e-7)  # y is rounded at 1e-12, beside 1e-4
    assert_allclose(search.coef_, whole.coef_, rtol=1e-10)

    rows[:, 3] = rows[:, 0] + 1e-6 * rows[:, 3]
    noisy = rows @ [1.0, 2.0, 3.0, 4.0] + rng.standard_normal(400)
    blocks, calls = counted(np.column_stack([rows, noisy]), (100, 5))
    search.fit(blocks[:, :4], blocks[:, 4])
    assert len(calls) == 8
    whole = clone(search).fit(rows, noisy)
    assert_allclose(search.mse_path_, whole.mse_path_, rtol=1e-8)
    assert_allclose(search.predict(rows), whole.predict(rows), atol=1e-8 * noisy.std())


class Halves:
    """A splitter of somebody's own, which looks at X."""

    def get_n_splits(self, X=None, y=None, groups=None):
        return 2

    def split(self, X, y=None, groups=None):
        large = X[:, 2] > np.median(X[:, 2])
        yield large, ~large
        yield ~large, large


@pytest.mark.parametrize("options", [{"cv": Halves()}, {"cv": 3, "early_stopping": True, "random_state": 0}])
def test_what_looks_at_rows_takes_the_rows_themselves(options):
    search = GradientDescentRegressorCV(4, max_iters=4, **options)
    whole = clone(search).fit(X, y)
    same_search(search.fit(da.from_array(X, chunks=60), da.from_array(y, chunks=60)), whole)


def test_labels_that_a_splitter_stratifies_by_are_computed():
    labels = (y > 140).astype(float)
    search = GradientDescentRegressorCV(4, max_iters=4, cv=StratifiedKFold(3))
    whole = clone(search).fit(X, labels)
    same_search(search.fit(da.from_array(X, chunks=60), da.from_array(labels, chunks=60)), whole)


def test_pieces_without_a_weight_and_folds_without_one():
    weight = np.where(np.arange(442) < 150, 0.0, WEIGHT)
    arrays = [da.from_array(a, chunks=60) for a in (X, y, weight)]
    same(GradientDescentRegressor().fit(*arrays), GradientDescentRegressor().fit(X, y, weight))
    search = GradientDescentRegressorCV(4, max_iters=4, cv=KFold(3, shuffle=True, random_state=0))
    same_search(clone(search).fit(*arrays), search.fit(X, y, weight))
    with pytest.raises(ValueError, match="A fold has no training or no test row with a weight"):
        clone(search).set_params(cv=5).fit(*arrays)
    for model in (GradientDescentRegressor(), search):
        with pytest.raises(ValueError, match="all weights are zero"):
            model.fit(*arrays[:2], da.zeros(442, chunks=60))


def test_a_search_that_fails_keeps_the_earlier_one():
    search = GradientDescentRegressorCV(4, max_iters=4).fit(FRAME[NAMES], y)
    coef = search.coef_
    with pytest.raises(ValueError, match="NaN"):
        search.fit(da.from_array(np.where(X > 300, np.nan, X), chunks=60), da.from_array(y, chunks=60))
    with pytest.raises(DivergenceError, match="Every learning rate diverges"):
        search.set_params(learning_rates=[7.0]).fit(da.from_array(X, chunks=60), da.from_array(y, chunks=60))
    assert search.coef_ is coef
    assert list(search.feature_names_in_) == NAMES


def without_matrices(monkeypatch):
    for room in (gdlearn._solve, gdlearn._regressor):
        monkeypatch.setattr(room, "LARGEST_MATRIX", 5)


LOOPS = {
    "plane": {"tol": 1e-9},
    "rate": {"learning_rate": 0.1, "max_iter": 30, "scaling": "minmax"},
    "exact": {"learning_rate": "exact", "max_iter": 30, "scaling": None},
    "momentum": {"learning_rate": 0.05, "momentum": 0.8, "nesterov": True, "max_iter": 30, "solver": "loop"},
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", LOOPS)
def test_the_loop_without_a_matrix_reads_each_piece_once(kind, weighted, monkeypatch):
    without_matrices(monkeypatch)
    options = LOOPS[kind]
    whole = GradientDescentRegressor(**options).fit(X, y, WEIGHT if weighted else None)
    rows, calls = counted(FRAME.to_numpy(), (100, 13))
    model = GradientDescentRegressor(**options)
    model.fit(rows[:, :10], rows[:, 10], rows[:, 11] if weighted else None)
    assert len(calls) == 5
    assert model.solver_ == whole.solver_ == "loop"
    assert model.n_iter_ == whole.n_iter_
    same(model, whole, 1e-9)
    table = frame()
    same(model.fit(table[NAMES], table["y"], table["w"] if weighted else None), whole, 1e-9)
    assert list(model.feature_names_in_) == NAMES


def test_the_loop_takes_empty_pieces_and_those_without_a_weight_and_extreme_columns(monkeypatch):
    without_matrices(monkeypatch)
    size = np.where(np.arange(10) == 3, 1e-200, np.where(np.arange(10) == 4, 1e200, 1.0))
    weight = np.where(np.arange(442) < 150, 0.0, WEIGHT)
    target = np.column_stack([y, X[:, 2]])
    whole = GradientDescentRegressor(tol=1e-9).fit(X * size, target, weight)
    chunks = ((60, 0, 60, 322),)
    arrays = [da.from_array(X * size, chunks=(*chunks, 10)), da.from_array(target, chunks=(*chunks, 2))]
    model = GradientDescentRegressor(tol=1e-9).fit(*arrays, da.from_array(weight, chunks=chunks))
    same(model, whole, 1e-9)
    with pytest.raises(ValueError, match="all weights are zero"):
        model.fit(*arrays, da.zeros(442, chunks=chunks))


@pytest.mark.slow
def test_wide_blocks_stay_sparse_and_are_read_once():
    n, d = 8_300, 8_400
    rows = sparse.csr_array(sparse.random(n, d, density=5 / d, random_state=0, format="csr"))
    target = rows.sum(axis=1) + np.random.default_rng(0).standard_normal(n)
    calls = []

    def block(block_info=None):
        first = block_info[None]["array-location"][0][0]
        calls.append(first)
        return rows[first : first + 2_000]

    lengths = (2_000, 2_000, 2_000, 2_000, 300)
    blocks = da.map_blocks(block, chunks=(lengths, (d,)), dtype=float, meta=sparse.csr_array((0, 0)))
    calls.clear()
    model = GradientDescentRegressor(tol=1e-2).fit(blocks, da.from_array(target, chunks=(lengths,)))
    assert len(calls) == 5
    whole = GradientDescentRegressor(tol=1e-2).fit(rows, target)
    assert model.n_iter_ == whole.n_iter_ > 1
    assert_allclose(model.coef_, whole.coef_, atol=1e-12 * np.abs(whole.coef_).max())
    assert model.intercept_ == pytest.approx(whole.intercept_, rel=1e-12)


def test_a_search_too_large_both_ways_is_refused_before_anything_is_computed():
    rows, calls = da.map_blocks(lambda: calls.append(1), chunks=((5_000,) * 2, (9_000,)), dtype=float, meta=X), []
    with pytest.raises(ValueError, match="too large both ways"):
        GradientDescentRegressorCV().fit(rows, da.zeros(10_000, chunks=5_000))
    assert not calls


@pytest.mark.parametrize("scaling", [None, "standard", "minmax"])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
def test_penalties_are_as_in_memory(l1_ratio, scaling):
    arrays = da.from_array(X, chunks=(60, 4)), da.from_array(y, chunks=100)
    model = GradientDescentRegressor(alpha=0.2, l1_ratio=l1_ratio, scaling=scaling)
    whole = clone(model).fit(X, y)
    same(model.fit(*arrays), whole, 1e-9)
    assert (model.coef_ == 0).tolist() == (whole.coef_ == 0).tolist()
    search = GradientDescentRegressorCV(alphas=6, l1_ratios=l1_ratio, scaling=scaling, cv=4)
    whole = clone(search).fit(X, y)
    search.fit(*arrays)
    assert_allclose(search.mse_path_, whole.mse_path_, rtol=1e-9)
    assert search.alpha_ == pytest.approx(whole.alpha_, rel=1e-12)
    assert_allclose(search.coef_, whole.coef_, rtol=1e-8, atol=1e-10)
