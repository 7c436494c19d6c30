"""Rows: whatever their storage, blocks, groups and weights, the moments and fits are those of one array in NumPy."""

import operator
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse

from gdlearn import GradientDescentRegressor, MeanSquaredError, Moments
from gdlearn._moments import grouped_moments, merged
from gdlearn._rows import Rows, slices


def averages(Z, w):
    """Weighted mean and covariance, as their formulas have them."""
    mean = np.average(Z, axis=0, weights=w)
    return mean, (Z - mean).T @ (w[:, None] * (Z - mean)) / w.sum()


def close(moments, Z, w, d, digits=1e-12, times=1):
    mean, covariance = averages(Z, w)
    size = np.sqrt(np.diag(covariance)) + 1e-300
    assert_allclose(moments.mean, mean, rtol=1e-13, atol=1e-13)
    assert_allclose(moments.covariance / size / size[:, None], covariance / size / size[:, None], rtol=0, atol=digits)
    assert moments.n_samples == np.sum(times * (w > 0))
    assert moments.weight == pytest.approx(w.sum(), rel=1e-14)
    if moments.minimum is not None:
        used = Z[w > 0, :d]
        assert np.array_equal(moments.minimum, used.min(axis=0))
        assert np.array_equal(moments.maximum, used.max(axis=0))


CONTAINERS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "float32": lambda X: X.astype(np.float32),
    "int": lambda X: X.astype(np.int64),
    "strided": lambda X: np.repeat(X, 2, axis=0)[::2],
    "csr": sparse.csr_matrix,
    "csc": sparse.csc_array,
    "doubled": lambda X: sparse.csr_matrix(
        (
            np.repeat(X.ravel() / 2, 2),
            np.tile(np.repeat(np.arange(X.shape[1]), 2), len(X)),
            2 * X.shape[1] * np.arange(len(X) + 1),
        ),
        shape=X.shape,
    ),
}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("weighted", ["no", "some zero", "by blocks", "all"])
@pytest.mark.parametrize("shape", [(5, 2), (700, 3), (30_000, 20)])  # the last in several blocks
def test_moments_of_every_container_and_weights(container, weighted, shape):
    rng = np.random.default_rng(0)
    n, d = shape
    X = rng.integers(-8, 9, shape) * np.array([2.0] * (d - 1) + [4.0]) + 6.0
    y = X[:, :1] - 3 * X[:, -1:] + rng.integers(-3, 4, (n, 2))
    w = np.ones(n)
    if weighted == "some zero":
        w = rng.integers(0, 3, n).astype(float)
        w[0] = 1.0
    elif weighted == "by blocks":
        w[: n // 2] = 0.0
        w[-1] = 5.0
    elif weighted == "all":
        w = rng.integers(1, 3, n) / 4
    moments = Moments.from_data(CONTAINERS[container](X), y, None if weighted == "no" else w)
    close(moments, np.hstack([X, y]), w, d)
    if n < 1_000:
        root = Moments.from_data(CONTAINERS[container](X), y, None if weighted == "no" else w, root=True).root
        assert_allclose(root.T @ root, averages(np.hstack([X, y]), w)[1], rtol=1e-12, atol=1e-11)
        assert not np.tril(root, -1).any()


@pytest.mark.parametrize("offset", [0.0, 1e3, -1e9, 1e14])
@pytest.mark.parametrize("trend", [False, True])
@pytest.mark.parametrize("outlier", [False, True])
def test_an_offset_a_trend_or_an_outlier_costs_no_digit_of_the_spread(offset, trend, outlier):
    rng = np.random.default_rng(1)
    n = 20_000
    x = np.round(64 * rng.normal(size=n)) / 64 + offset
    if trend:
        x += np.round(64 * np.linspace(0, 50, n)) / 64
    if outlier:
        x[n // 3] += 2.0**20
    X, y = np.column_stack([x, 0 * x + offset + 1]), x - offset
    moments = Moments.from_data(X, y)
    exact = [Fraction(v) for v in x.tolist()]
    mean = sum(exact) / n
    variance = float(sum((v - mean) ** 2 for v in exact) / n)
    assert moments.covariance[0, 0] == pytest.approx(variance, rel=2e-14)
    assert moments.covariance[0, 2] == pytest.approx(variance, rel=2e-14)
    assert moments.covariance[1].tolist() == [0.0, 0.0, 0.0]  # a constant feature
    assert moments.mean[1] == offset + 1
    assert Fraction(float(moments.mean[0])) + Fraction(float(moments.mean_rest[0])) == pytest.approx(
        mean, rel=1e-22, abs=1e-14
    )


@pytest.mark.parametrize("d", [3, 600])
def test_rows_are_read_once_and_in_order_in_whatever_slices(d):
    for length, width in ((0, 5), (1, 1), (63, 10), (64, 10**7), (65, 10**7), (1_000, 300), (10**6, 3)):
        covered = [i for part in slices(length, width) for i in (part.start, part.stop)]
        assert covered[::2] == [0, *covered[1:-1:2]][: len(covered) // 2]
        assert not length or covered[-1] == length
    n = 900 if d == 600 else 150_000
    rng = np.random.default_rng(2)
    X = rng.integers(-4, 5, (n, d)).astype(float)
    y = rng.integers(-4, 5, (n, 1)).astype(float)
    rows = Rows.of(X, y, None)
    shift = np.append(np.arange(d) % 3, 1.0)
    units = np.zeros(d + 1, dtype=np.int64)
    seen = rows.fold(lambda blocks: [np.hstack([block.x, block.y]) for block in blocks], operator.add, shift, units)
    assert np.array_equal(np.concatenate(seen), np.hstack([X, y]) - shift)
    moments = Moments.from_data(X, y)
    total = np.hstack([X, y]).astype(np.int64)
    assert_allclose(moments.mean, total.sum(axis=0) / n, rtol=1e-13, atol=1e-15)
    expected = (total.T @ total) / n - np.outer(total.mean(axis=0), total.mean(axis=0))
    assert_allclose(moments.covariance, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("offset", [0.0, 1e7])
def test_groups_have_the_moments_of_their_rows_and_merge_to_any_number_of_times(weighted, kind, offset):
    rng = np.random.default_rng(3)
    n, d, n_groups = 4_000, 4, 5
    group = rng.integers(0, n_groups, n).astype(np.uint8)
    group[:900] = 3  # whole blocks of one group, and others mixed
    X = np.round(16 * rng.normal(size=(n, d))) / 16 + offset + 50.0 * group[:, None] * [0, 1, 0, 1]
    y = np.round(16 * rng.normal(size=(n, 1))) / 16
    w = rng.integers(0, 3, n).astype(float) if weighted else np.ones(n)
    rows = Rows.of(kind(X), y, w if weighted else None)
    rows = Rows(rows.X, rows.y, rows.weight, rows.weight_exponent, group=group)
    found = grouped_moments(rows, n_groups, extremes=True)
    Z = np.hstack([X, y])
    for g, moments in enumerate(found):
        close(moments, Z, w * (group == g), d)
    for times in ([1, 1, 1, 1, 1], [1, 0, 2, 0, 1], [0, 0, 0, 1, 0], [0, 3, 0, 1, 0]):
        times = np.array(times)
        close(merged(found, times), Z, w * times[group], d, 1e-9 if offset else 1e-12, times[group])


def test_merged_moments_know_the_gap_between_means_beyond_float64():
    # Each half spreads by 2⁻²⁰ about means of 2³² that differ by as much: the mean of both is none of float64.
    small = 2.0**-20 * np.array([-1.0, 1.0, -1.0, 1.0])
    a, b = 2.0**32 + small, 2.0**32 + 2.0**-20 + small
    whole = np.concatenate([a, b])
    exact = [Fraction(v) for v in whole.tolist()]
    mean = sum(exact) / 8
    variance = float(sum((v - mean) ** 2 for v in exact) / 8)
    moments = Moments.from_data(a[:, None], a) + Moments.from_data(b[:, None], b)
    for other in (moments, Moments.from_data(b[:, None], b) + Moments.from_data(a[:, None], a)):
        assert other.covariance[0, 0] == pytest.approx(variance, rel=1e-12)
        assert Fraction(other.mean[0]) + Fraction(other.mean_rest[0]) == mean
    three = moments + Moments.from_data(np.full((8, 1), 2.0**32), np.full(8, 2.0**32))
    exact += [Fraction(2**32)] * 8
    mean = sum(exact) / 16
    assert Fraction(three.mean[0]) + Fraction(three.mean_rest[0]) == mean
    assert three.covariance[0, 0] == pytest.approx(float(sum((v - mean) ** 2 for v in exact) / 16), rel=1e-12)


@pytest.mark.parametrize("root", [False, True])
def test_pieces_of_unlike_weights_units_and_zero_columns_merge(root):
    rng = np.random.default_rng(4)
    X, y = rng.normal(size=(40, 3)), rng.normal(size=(40, 2))
    X[:25, 1] = 0.0  # zero in one piece, in units of its own in the other
    X[25:, 1] *= 2.0**600
    w = np.concatenate([np.full(25, 3.0), np.full(15, 2.0**-40)])
    pieces = [Moments.from_data(X[s], y[s], w[s], root=root) for s in (slice(0, 25), slice(25, 40))]
    for one, other in (pieces, pieces[::-1]):
        both = one + other
        units = np.ldexp(1.0, -both.exponent)
        Z = np.hstack([X, y]) * units
        mean, covariance = averages(Z, w)
        assert_allclose(both.mean, mean, rtol=1e-12)
        assert_allclose(both.covariance, covariance, rtol=1e-10, atol=1e-13 * np.abs(covariance).max())
        assert both.n_samples == 40
        assert_allclose(both.minimum, Z[:, :3].min(axis=0), rtol=1e-15)
        assert_allclose(both.maximum, Z[:, :3].max(axis=0), rtol=1e-15)
        assert (both.root is not None) == root
        if root:
            assert_allclose(both.root.T @ both.root, covariance, rtol=1e-10, atol=1e-13 * np.abs(covariance).max())


@pytest.mark.parametrize("power", [-1000, 1000])
def test_units_hold_the_largest_of_a_column_whose_sizes_differ(power):
    x = np.array([1.0, -3.0, 2.0, 0.5, 0.0]) * 2.0**power
    x[3] *= 2.0 ** np.sign(-power)
    moments = Moments.from_data(np.append(x, 2.0**-1060)[:, None], np.arange(6.0))
    exact = [Fraction(v) for v in [*x.tolist(), 2.0**-1060]]
    mean = sum(exact) / 6
    variance = sum((v - mean) ** 2 for v in exact) / 6
    unit = Fraction(2) ** int(moments.exponent[0])
    assert max(map(abs, exact)) <= unit
    assert moments.covariance[0, 0] == pytest.approx(float(variance / unit**2), rel=1e-14)
    assert moments.mean[0] == pytest.approx(float(mean / unit), rel=1e-14)


@pytest.mark.parametrize("weights", [None, "ones", "heavy"])
def test_a_sample_is_spread_over_the_weight(weights):
    n = 1_000
    X, y = np.arange(float(n))[:, None], -np.arange(float(n))[:, None]
    w = {None: None, "ones": np.ones(n), "heavy": np.where(np.arange(n) == 400, 1e6, 1.0)}[weights]
    sample = Rows.of(X, y, w).sample(65)
    assert sample.shape == (65, 2)
    assert np.array_equal(sample[:, 0], -sample[:, 1])
    if weights == "heavy":
        assert Counter(sample[:, 0].tolist()).most_common(1)[0][1] >= 64
    else:
        assert (np.diff(sample[:, 0]) > 0.8 * n / 65).all()
        assert np.ptp(sample[:, 0]) > 0.97 * n
    assert len(Rows.of(X[:3], y[:3], None).sample(65)) == 3


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix, sparse.csc_matrix])
@pytest.mark.parametrize("way", [{}, {"learning_rate": 0.01, "max_iter": 5}, {"solver": "loop", "max_iter": 5}])
def test_what_is_read_is_left_as_it_was(kind, way):
    rng = np.random.default_rng(5)
    X, y, w = rng.normal(size=(50, 3)) + 4, rng.normal(size=50), rng.integers(0, 3, 50).astype(float)
    A = kind(X)
    before = A.copy()
    GradientDescentRegressor(**way).fit(A, y, w)
    Moments.from_data(A, y, w, root=True)
    MeanSquaredError(A, y, w).gradient(np.zeros(4))
    assert not (before != A).sum()


def test_nan_is_refused_with_its_place_however_many_blocks_come_before():
    X = np.ones((100_000, 8)) * np.arange(100_000.0)[:, None]
    X[77_777, 5] = np.nan
    with pytest.raises(ValueError, match=r"column 5, row 77777"):
        GradientDescentRegressor().fit(X, np.arange(100_000.0))
