"""The first step below a bound is the one that counting one by one finds, however far out it lies."""

import numpy as np
import pytest
from samples import with_peak
from textbook import around, edges

from gdlearn._first_step import LONGEST_SEARCH, first_step
from gdlearn._recurrence import FAR, Recurrence

EPS = np.finfo(float).eps


def random_case(rng, longest):
    nesterov = bool(rng.integers(2))
    beta = float(rng.choice([rng.uniform(0.01, 0.9), 1 - 10 ** -rng.uniform(1, longest)]))
    m, t = int(rng.integers(1, 7)), int(rng.integers(1, 4))
    low, high, top = edges(beta, nesterov)
    rate = top * rng.choice([0.5, 0.99, 1 - 1e-6, 1.0, 1.0001, 1.2])
    h = rate * 10 ** -rng.uniform(0, rng.choice([0.1, 1, 4, 9]), m)
    kind = rng.integers(6)
    if kind < 2:
        h[:] = [rate, h[0]][kind]
    elif kind < 4:
        h[0] = rng.choice(around([low, high][kind - 2]))
    elif kind == 4:
        h[0] = rate
    weight = 10 ** rng.uniform(-8, 8, (m, t)) * (rng.random((m, t)) < 0.9)
    bound = np.sqrt(weight.sum(axis=0)) * 10 ** -rng.uniform(-0.5, rng.choice([1, 5, 17]), t)
    return h, beta, nesterov, weight, bound


def counted(cases, most):
    """The first step of each case, by taking them one by one: all cases at once, in long double."""
    wide = np.longdouble
    h, weight = np.zeros((len(cases), 6), wide), np.zeros((len(cases), 6, 3), wide)
    bound = np.full((len(cases), 3), np.inf, wide)
    for i, (h_i, _, _, weight_i, bound_i) in enumerate(cases):
        (m, t) = weight_i.shape
        h[i, :m], weight[i, :m, :t], bound[i, :t] = h_i, weight_i, bound_i
    beta = np.array([case[1] for case in cases], wide)[:, None]
    look = beta * np.array([case[2] for case in cases])[:, None]
    e, v, first = np.ones_like(h), np.zeros_like(h), np.full(len(cases), most + 1)
    with np.errstate(all="ignore"):
        for k in range(1, most + 1):
            v = beta * v - h * (e + look * v)
            e = e + v
            small = (np.sqrt(np.einsum("im,imt->it", e * e, weight)) <= bound).all(axis=1)
            first[small & (first > most)] = k
    return first.tolist()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.slow
def test_the_first_step_is_the_one_that_counting_finds(seed):
    rng = np.random.default_rng(seed)
    cases, most = [random_case(rng, 3.0) for _ in range(300)], 12_000
    expected = counted(cases, most)
    assert sum(256 < k <= most for k in expected) > 30  # beyond those that are tried at once
    for (h, beta, nesterov, weight, bound), k in zip(cases, expected, strict=True):
        assert first_step(weight, bound, Recurrence(h, beta, nesterov), most) == k, (h, beta, nesterov, weight, bound)
        if k <= most:
            assert first_step(weight, bound, Recurrence(h, beta, nesterov), k) == k
        if 1 < k <= most:
            assert first_step(weight, bound, Recurrence(h, beta, nesterov), k - 1) == k  # "most + 1": none is found


def test_without_momentum_too():
    rng = np.random.default_rng(0)
    cases = [(np.minimum(h, 2.5), 0.0, False, *rest) for h, _, _, *rest in (random_case(rng, 3.0) for _ in range(100))]
    for (h, beta, nesterov, weight, bound), k in zip(cases, counted(cases, 3_000), strict=True):
        assert first_step(weight, bound, Recurrence(h, beta, nesterov), 3_000) == k
        if k <= 3_000:
            assert first_step(weight, bound, Recurrence(h, beta, nesterov), k) == k
        if 1 < k <= 3_000:
            assert first_step(weight, bound, Recurrence(h, beta, nesterov), k - 1) == k  # "most + 1": none is found


@pytest.mark.parametrize("seed", range(2))
def test_the_first_step_of_small_problems_is_the_one_that_counting_finds(seed):
    rng = np.random.default_rng(seed)
    cases, most = [random_case(rng, 2.0) for _ in range(150)], 1_500
    expected = counted(cases, most)
    assert sum(256 < k <= most for k in expected) > 10
    for (h, beta, nesterov, weight, bound), k in zip(cases, expected, strict=True):
        assert first_step(weight, bound, Recurrence(h, beta, nesterov), most) == k, (h, beta, nesterov, weight, bound)
        if 1 < k <= most:
            assert first_step(weight, bound, Recurrence(h, beta, nesterov), k) == k
            assert first_step(weight, bound, Recurrence(h, beta, nesterov), k - 1) == k  # "most + 1": none is found


@pytest.mark.parametrize("nesterov", [False, True])
def test_slow_real_modes_beside_oscillations_decide_together(nesterov):
    # After 256 steps neither is small enough; the real ones of each kind and the waves take turns to be the last.
    rng, cases = np.random.default_rng(5), []
    for _ in range(60):
        beta = 1 - 10 ** -rng.uniform(1, 2)
        low, high, top = edges(beta, nesterov)
        slow = low * 10 ** -rng.uniform(0, 0.7)
        swift = rng.uniform(low, min(high, top), 3)
        last = top - (top - high) * 10 ** -rng.uniform(0, 2)
        weight = 10 ** rng.uniform(-4, 4, (5, 2))
        bound = np.sqrt(weight.sum(axis=0)) * 10 ** -rng.uniform(2, 9, 2)
        cases.append((np.array([slow, *swift, last]), beta, nesterov, weight, bound))
    expected = counted(cases, 12_000)
    assert sum(256 < k <= 12_000 for k in expected) > 20
    for (h, beta, nesterov, weight, bound), k in zip(cases, expected, strict=True):
        assert first_step(weight, bound, Recurrence(h, beta, nesterov), 12_000) == k


@pytest.mark.parametrize("beta", [0.0, 0.5])
@pytest.mark.parametrize("k", [1, 2, 16, 17, 18, 255, 256, 257, 258, 300])
def test_a_bound_that_is_met_exactly_is_met(beta, k):
    recurrence = Recurrence(np.array([0.01]), beta)
    left = np.sqrt(recurrence.squares([k])[0])
    assert first_step(np.ones((1, 1)), left * (1 + 8 * k * EPS), recurrence, 1000) == k
    assert first_step(np.ones((1, 1)), left * (1 - 8 * k * EPS), recurrence, 1000) == k + 1
    if beta:  # what is tried at once is compared as it is
        assert first_step(np.ones((1, 1)), left, recurrence, 1000) == k


@pytest.mark.parametrize("seed", range(2))
def test_modes_that_change_sign_beside_waves_are_waited_for(seed):
    # Heavy-ball modes beyond (1 + √β)² have two negative roots: their |e| may rise before it falls.
    rng, cases = np.random.default_rng(seed), []
    for _ in range(60):
        beta = 1 - 10 ** -rng.uniform(1, 2)
        _, high, top = edges(beta, False)
        turning = top - (top - high) * rng.uniform(0.01, 0.99, 2)
        weight = 10 ** rng.uniform(-6, 6, (3, 2))
        bound = np.sqrt(weight.sum(axis=0)) * 10 ** -rng.uniform(1, 9, 2)
        cases.append((np.array([*turning, rng.uniform(0.1, 0.9) * high]), beta, False, weight, bound))
    expected = counted(cases, 8_000)
    assert sum(256 < k <= 8_000 for k in expected) > 20
    for (h, beta, nesterov, weight, bound), k in zip(cases, expected, strict=True):
        assert first_step(weight, bound, Recurrence(h, beta, nesterov), 8_000) == k


@pytest.mark.parametrize("beta", [0.0, 0.9])
def test_every_target_counts_and_modes_without_weight_do_not(beta):
    h = np.array([0.4, 1e-3, 1e-9])
    weight, bound = np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 0.0]]), np.array([1e-3, 1e-9])
    e, v, k, square = np.ones(3), np.zeros(3), 0, np.array([2.0, 1.0])
    while (np.sqrt(square) > bound).any():
        v = beta * v - h * e
        e, k = e + v, k + 1
        square = e**2 @ weight
    assert k > 500
    assert first_step(weight, bound, Recurrence(h, beta), 10**9) == k


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("beta", [0.9999, 0.99999])
def test_a_long_oscillation_takes_few_evaluations(monkeypatch, beta, nesterov):
    rng = np.random.default_rng(0)
    h = np.sort(rng.uniform(1e-9 if nesterov else 0.01, 1.0, 8))
    weight = rng.uniform(0.1, 1.0, (8, 2))
    bound = EPS * np.sqrt(weight.sum(axis=0))
    squares = Recurrence.squares
    asked = counting_evaluations(monkeypatch)
    k, peak = with_peak(lambda: first_step(weight, bound, Recurrence(h, beta, nesterov), FAR))
    assert peak < 64 * 2**20
    assert sum(asked) < 5_000
    assert k > (2_000 if nesterov else 100_000)

    def norms(steps):
        return (np.sqrt(squares(Recurrence(h, beta, nesterov), steps) @ weight) / bound).max(axis=1)

    assert norms([k])[0] <= 1
    for start in [*range(max(1, k - 20_000), k, 4_000), *np.geomspace(1, max(k - 4_000, 1), 20).astype(int).tolist()]:
        assert (norms(range(start, min(start + 4_000, k))) > 1).all()


@pytest.mark.parametrize("beta", [1 - 1e-8, 1 - 1e-10, 1 - 1e-13, 1 - EPS])
@pytest.mark.parametrize("nesterov", [False, True])
def test_an_endless_oscillation_ends(beta, nesterov):
    h, weight, bound = np.array([0.7, 0.1]), np.ones((2, 1)), np.array([1e-9])
    k = first_step(weight, bound, Recurrence(h, beta, nesterov), FAR)
    assert (np.sqrt(Recurrence(h, beta, nesterov).squares([k]) @ weight) <= bound).all()
    if not nesterov:  # both modes fall as β^(k/2)
        assert k == pytest.approx(np.log(1e-9) / (0.5 * np.log1p(beta - 1)), rel=0.2, abs=LONGEST_SEARCH)


def counting_evaluations(monkeypatch):
    asked = []
    squares = Recurrence.squares
    monkeypatch.setattr(Recurrence, "squares", lambda self, steps: asked.append(len(steps)) or squares(self, steps))
    return asked


@pytest.mark.parametrize("beta", [0.9, 0.9999])
@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("factor", [1.0 + 1e-9, 1.01, 5.0])
def test_an_unstable_rate_is_told_at_once(monkeypatch, beta, nesterov, factor):
    asked = counting_evaluations(monkeypatch)
    h = np.array([factor * edges(beta, nesterov)[2], 0.3, 1e-5])
    most = 10**12
    assert first_step(np.ones((3, 1)), np.array([1e-6]), Recurrence(h, beta, nesterov), most) == most + 1
    assert sum(asked) < 3_000


@pytest.mark.parametrize("beta", [0.5, 0.9, 0.9999])
@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("gap", [1e-4, 1e-9, 1e-12])
def test_just_below_the_largest_stable_rate_few_evaluations_find_the_step(monkeypatch, beta, nesterov, gap):
    asked = counting_evaluations(monkeypatch)
    h = np.array(
        [*[(1 - gap) * edges(beta, nesterov)[2]] * 3, 0.3, 1e-3]
    )  # three modes that change sign, and two others
    weight, bound, recurrence = np.ones((5, 1)), np.array([1e-6]), Recurrence(h, beta, nesterov)
    k = first_step(weight, bound, recurrence, FAR)
    assert sum(asked) < 3_000
    assert 0.1 * (1 - beta) / gap < k < 100 / (gap * (1 - beta))
    before, after = np.sqrt(recurrence.squares([k - 1, k]) @ weight)[:, 0] <= bound
    assert after
    assert not before


@pytest.mark.parametrize("beta", [0.99, 0.9999])
@pytest.mark.parametrize("part", [0.9, 0.5, 0.1, 1e-3])
def test_modes_that_change_sign_and_fall_hardly_more_slowly_than_others_oscillate(monkeypatch, beta, part):
    asked = counting_evaluations(monkeypatch)
    size = 1 - part * (1 - beta**0.5)  # of the larger root, −size
    h = np.array([*[1 + beta + size + beta / size] * 3, 0.3])
    weight, bound, recurrence = np.ones((4, 1)), np.array([1e-6]), Recurrence(h, beta, False)
    k = first_step(weight, bound, recurrence, FAR)
    assert sum(asked) < 3_000
    assert (np.sqrt(recurrence.squares([k]) @ weight) <= bound).all()
    assert (np.sqrt(recurrence.squares(range(max(k - 40_000, 1), k)) @ weight) > bound).all()


@pytest.mark.parametrize(
    ("weight", "bound", "k"),
    [(1.0, 0.0, 1001), (np.inf, 1.0, 1001), (np.nan, 1.0, 1001), (0.0, 0.0, 1), (1e-300, 1.0, 1)],
)
@pytest.mark.parametrize("beta", [0.0, 0.5])
def test_weights_and_bounds_at_the_ends(weight, bound, k, beta):
    recurrence = Recurrence(np.array([0.3, 0.2]), beta)
    assert first_step(np.array([[weight], [0.0]]), np.array([bound]), recurrence, 1000) == k
