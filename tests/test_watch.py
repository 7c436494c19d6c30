"""The rule of early stopping, on curves whose every step is written down."""

from fractions import Fraction

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from gdlearn._early_stopping import CHUNK, DENSE, Watch, held_out_rows, watch_curve


def by_the_book(v, patience, last):
    """The best step, the step reached and whether patience has ended; v[k] is the error after k steps."""
    best = 1
    for k in range(1, last + 1):
        if v[k] < v[best]:
            best = k
        if k - best >= patience:
            return best, k, True
    return best, last, False


class Curve:
    """An error that is known at every step, in integers or fractions, so that ties are ties."""

    at_once = CHUNK

    def __init__(self, values):
        self.values, self.asked = values, 0

    def changes(self, steps):
        self.asked += len(steps)
        return np.array([float(self.values[k + 1] - self.values[k]) for k in steps])

    def differences(self, start, steps):
        self.asked += len(steps)
        return np.array([float(self.values[k] - self.values[start]) for k in steps])


def found(watch):
    return watch.best, watch.now, watch.is_over


@pytest.mark.parametrize("patience", [1, 2, 3, 5, 40])
def test_random_walks_with_ties_follow_the_rule(patience):
    rng = np.random.default_rng(patience)
    for n in [1, 2, 3, 300, 900]:
        for _ in range(20):
            v = [0, *np.cumsum(rng.integers(-1, 2, n)).tolist()]
            expected = by_the_book(v, patience, n)
            assert found(watch_curve(Curve(v), patience, n, DENSE)) == expected, v
            watch = Watch(patience)
            watch.see_all(np.diff(v[1:]).astype(float))
            assert found(watch) == expected
            one_by_one = Watch(patience)
            for change in np.diff(v[1:]).tolist():
                if not one_by_one.is_over:
                    one_by_one.see(change)
            assert found(one_by_one) == expected


def test_a_tie_is_no_fall():
    assert found(watch_curve(Curve([3, 2, 2, 2, 2, 2]), 3, 5, DENSE)) == (1, 4, True)
    assert found(watch_curve(Curve([3, 2, 3, 2, 3, 1]), 3, 5, DENSE)) == (1, 4, True)
    assert found(watch_curve(Curve([3, 2, 3, 2, 1, 1]), 3, 5, DENSE)) == (4, 5, False)


def valleys(rng, last):
    """An error that changes slowly: down, up, level and down again, each for at least a twentieth of the way so far."""
    turns = (rng.uniform(1.05, 12.0) ** np.arange(1, 9) + rng.integers(0, 9)).astype(int)
    turns = [int(turn) for turn in turns if 2 <= turn < last][-3:]
    slopes = [-1, *rng.permutation([2, -1, 0, 1, -2])[: len(turns)].tolist()]
    v, edges = [0], [0, *turns, last]
    for slope, a, b in zip(slopes, edges, edges[1:], strict=False):
        v.extend(v[-1] + slope * (i + 1) for i in range(b - a))
    return v


@pytest.mark.parametrize("dense", [1, 7, 300])
@pytest.mark.parametrize("patience", [1, 2, 100, 256, 257, 258, 1_000, 4_000])
def test_beyond_the_dense_part_the_turns_are_found_to_the_step(dense, patience):
    rng = np.random.default_rng(patience)
    for _ in range(25):
        last = int(rng.choice([2, 3, 300, 1_500, 6_000]))
        v = valleys(rng, last)
        expected = by_the_book(v, patience, last)
        curve = Curve(v)
        assert found(watch_curve(curve, patience, last, dense)) == expected, (last, patience)
        assert curve.asked < 6 * CHUNK + 10_000


@pytest.mark.parametrize("turn", [2, 3, 10, 1_000, 1_001, 1_002, 1_256, 1_257, 5_000, 9_998, 9_999, 10_000])
@pytest.mark.parametrize("patience", [1, 5, 10_000])
def test_the_best_step_is_the_last_before_the_first_rise(turn, patience):
    # v falls by 1 a step up to `turn` and rises by 1 from there on: the best is `turn`, neither its neighbour.
    v = [abs(k - turn) for k in range(10_001)]
    watch = watch_curve(Curve(v), patience, 10_000, DENSE)
    assert found(watch) == by_the_book(v, patience, 10_000)
    assert watch.best == turn


@pytest.mark.parametrize("behind", [1_300, 1_301, 2_000, 9_000])
def test_the_first_step_that_is_better_than_the_best_ends_the_wait(behind):
    # Down to 1,100, up to the middle, then down to the same value again: a tie at `behind` − 1, better at `behind`.
    middle = (1_100 + behind - 1) // 2
    rise = [min(k - 1_100, 2 * middle - 1_100 - k) for k in range(1_101, 10_002)]
    v = [1_100 - k for k in range(1_101)] + rise
    first = next(k for k in range(1_101, 10_001) if v[k] < 0)
    waits = first - 1_100
    assert found(watch_curve(Curve(v), waits, 10_000, DENSE)) == (10_000, 10_000, False)
    assert found(watch_curve(Curve(v), waits - 1, 10_000, DENSE)) == (1_100, first - 1, True)


def test_steps_beyond_float64():
    class Parabola:
        """v(k) = (k − turn)², of integers that float64 does not hold."""

        at_once = CHUNK

        def __init__(self, turn):
            self.turn = turn

        def changes(self, steps):
            return np.array([float(np.sign(Fraction(2 * (k - self.turn) + 1))) for k in steps])

        def differences(self, start, steps):
            return np.array([float((k > self.turn) - (k < self.turn)) for k in steps])

    turn, patience = 10**30 + 7, 10**29
    watch = watch_curve(Parabola(turn), patience, 10**400, DENSE)
    assert found(watch) == (turn, turn + patience, True)


@pytest.mark.parametrize("fraction", [0.1, 0.5, 7])
def test_the_rows_held_out_are_those_of_train_test_split(fraction):
    theirs = train_test_split(np.arange(20), test_size=fraction, random_state=3)[1]
    assert np.flatnonzero(held_out_rows(20, None, fraction, 3)).tolist() == sorted(theirs.tolist())
    weight = np.ones(30)
    weight[[0, 3, 4, 10, 11, 12, 20, 21, 22, 29]] = 0
    theirs = np.flatnonzero(weight)[theirs]
    assert np.flatnonzero(held_out_rows(30, weight, fraction, 3)).tolist() == sorted(theirs.tolist())


def test_a_split_that_leaves_one_side_empty_says_how_many_rows_there_are():
    with pytest.raises(ValueError, match=r"validation_fraction=0\.5 of 1 row leaves"):
        held_out_rows(1, None, 0.5, 0)
    with pytest.raises(ValueError, match="of 2 rows with a weight leaves"):
        held_out_rows(3, np.array([1.0, 0.0, 2.0]), 2, 0)
