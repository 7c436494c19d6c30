"""A mode's powers against fifty digits and exact fractions, and how its roots lie."""

from fractions import Fraction

import numpy as np
import pytest
from textbook import around, edges

from gdlearn import DivergenceError, GradientDescentRegressor
from gdlearn._recurrence import LONGEST_OSCILLATION, Recurrence

EPS = np.finfo(float).eps


def exactly(h, beta, nesterov, k):
    """M^k e₁ in fifty digits, and the size that rounding is relative to."""
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(60):
        h, beta = mpmath.mpf(h), mpmath.mpf(beta)
        look = beta * (1 - h) if nesterov else beta
        M = mpmath.matrix([[1 - h, look], [-h, look]])
        e = (M**k)[0, 0]
        root = mpmath.sqrt(((1 - h + look) / 2) ** 2 - look)
        radius = max(abs((1 - h + look) / 2 + root), abs((1 - h + look) / 2 - root))
        size = radius**k * min(1 + k * abs(h), 1 + 4 / max(abs(root), 1e-300))
        return float(e), float(1 - e), float(size), float(radius)


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("beta", [0.3, 0.9, 0.999, 0.99998])
def test_powers_keep_their_digits_next_to_double_roots_and_at_the_edge_of_stability(beta, nesterov):
    low, high, top = edges(beta, nesterov)
    h = [1e-17, 1e-9, 0.3, 0.9, *around(low), *around(high), top, 0.999 * top, top * (1 - 1e-9)]
    h = np.array([value for value in h if value <= top])
    recurrence = Recurrence(h, beta, nesterov)
    steps = [0, 1, 2, 7, 100, 1001, 30_000]
    left, done, drop = recurrence.advances(steps)
    consecutive = recurrence.advances(range(995, 1005))
    fall = recurrence.falls(7, [k - 7 for k in steps[3:]])
    for j, value in enumerate(h.tolist()):
        seventh, *_ = exactly(value, beta, nesterov, 7)
        for i, k in enumerate(steps):
            e, rest, size, radius = exactly(value, beta, nesterov, k)
            following, *_ = exactly(value, beta, nesterov, k + 1)
            # Each step rounds; where its two roots are one, and not near 1, the error of a root grows once more as k.
            noise = 20 * max(k, 1) * (1 + k * (1 - radius)) * EPS * size
            assert left[i, j] == pytest.approx(e, rel=0, abs=noise), (value, k)
            assert drop[i, j] == pytest.approx(e - following, rel=1e-12, abs=noise * max(1, value)), (value, k)
            assert done[i, j] == pytest.approx(rest, rel=1e-12, abs=noise if size > 0.5 and value > 1e-6 else EPS)
            if k >= 7:
                assert fall[i - 3, j] == pytest.approx(seventh - e, rel=1e-12, abs=100 * 7 * EPS * 8 * 8), (value, k)
            if k == 1001:
                for one, two in zip(consecutive, (left, done, drop), strict=True):
                    assert one[6, j] == pytest.approx(two[i, j], rel=1e-12, abs=2 * noise)


def fractions(h, beta, nesterov, most):
    """e(0), ..., e(most) of the recurrence, in fractions."""
    h, beta, e, v = Fraction(h), Fraction(beta), Fraction(1), Fraction(0)
    found = [e]
    for _ in range(most):
        v = beta * v - h * (e + beta * v if nesterov else e)
        e += v
        found.append(e)
    return found


@pytest.mark.parametrize(("beta", "nesterov"), [(0.0, False), (0.5, False), (0.5, True), (0.875, False), (0.875, True)])
@pytest.mark.parametrize("h", [0.0, 2.0**-60, 2.0**-20, 0.25, 0.75, 1.0, 1.25, 1.75, 2.25])
def test_all_that_is_asked_of_a_mode_is_that_of_fractions(h, beta, nesterov):
    exact = fractions(h, beta, nesterov, 261)
    recurrence, steps = Recurrence(np.array([h, 0.5]), beta, nesterov), [0, 1, 2, 3, 6, 100, 255, 256, 260]
    left, done, drop = recurrence.advances(steps)
    powers, squares, falls = recurrence.powers(steps), recurrence.squares(steps), recurrence.falls(3, [0, 1, 4, 257])
    for i, k in enumerate(steps):
        e, size = float(exact[k]), max(1.0, abs(float(exact[k])))
        # Of a slow mode the change is small beside the rest, and has its own digits.
        noise = 1e-13 * k * min(h, 1.0) * size if abs(h - 1.0) > 0.9 else 1e-13 * size
        assert left[i, 0] == pytest.approx(e, rel=1e-12 if beta == 0.0 else 0, abs=1e-13 * size)
        assert done[i, 0] == pytest.approx(float(1 - exact[k]), rel=1e-13, abs=noise)
        assert drop[i, 0] == pytest.approx(float(exact[k] - exact[k + 1]), rel=1e-12, abs=noise)
        assert powers[0][i, 0] == left[i, 0]
        assert powers[1][i, 0] == done[i, 0]
        assert squares[i, 0] == pytest.approx(e * e, rel=1e-12 if beta == 0.0 else 0, abs=1e-12 * size * size)
    for i, span in enumerate([0, 1, 4, 257]):
        assert falls[i, 0] == pytest.approx(float(exact[3] - exact[3 + span]), rel=1e-12, abs=1e-13 * min(h, 1.0) * 10)
    consecutive = recurrence.powers(range(1, 261))
    assert consecutive[0].shape == (260, 2)
    assert consecutive[0][:, 0] == pytest.approx([float(e) for e in exact[1:261]], rel=1e-9, abs=1e-12)


def test_steps_beyond_float64_are_taken():
    mpmath = pytest.importorskip("mpmath")
    far, slow = 10**400, 2.0**-1074
    recurrence = Recurrence(np.array([slow, 0.5, 0.0]))
    left, done = recurrence.powers([0, 10**300, far])
    # slow·10³⁰⁰ is 4.94e-24, and with 10⁴⁰⁰ nothing is left
    assert done[1, 0] == pytest.approx(float(Fraction(slow) * 10**300), rel=1e-14)
    assert left.tolist() == [[1.0, 1.0, 1.0], [1.0, 0.0, 1.0], [0.0, 0.0, 1.0]]
    between = 2**1030 + 2**1029
    assert recurrence.powers([between])[1][0, 0] == pytest.approx(
        float(-mpmath.expm1(-mpmath.mpf(slow) * between)), 1e-14
    )
    assert recurrence.squares([between])[0, 0] == pytest.approx(
        float(mpmath.exp(-2 * mpmath.mpf(slow) * between)), 1e-14
    )


@pytest.mark.parametrize("nesterov", [False, True])
def test_roots_are_positive_complex_or_negative_where_their_quadratic_says_so(nesterov):
    rng = np.random.default_rng(0)
    for beta in [0.25, 0.5, 0.75, *rng.uniform(0.01, 0.999, 20).tolist()]:
        low, high, top = edges(beta, nesterov)
        h = np.array([*rng.uniform(0, top, 20), *(low * np.array([0.5, 0.99, 1.01, 1.5])), 0.99 * high, 1.01 * high])
        recurrence = Recurrence(h, beta, nesterov)
        p, q = [], []
        for value in map(Fraction, h.tolist()):
            pull = value * Fraction(beta) if nesterov else 0
            p.append(1 + Fraction(beta) - value - pull)
            q.append(Fraction(beta) - pull)
        is_real = np.array([a * a - 4 * b >= 0 for a, b in zip(p, q, strict=True)])
        is_positive = is_real & np.array([a > 0 and b >= 0 for a, b in zip(p, q, strict=True)])
        assert recurrence.monotone().tolist() == is_positive.tolist()
        assert recurrence.oscillating().tolist() == (~is_real).tolist()
        half, root = recurrence.roots
        for i in range(len(h)):
            theirs = np.sort_complex(np.roots([1.0, -float(p[i]), float(q[i])]))
            assert np.sort_complex([half[i] + root[i], half[i] - root[i]]) == pytest.approx(theirs, abs=1e-7)


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("beta", [0.36, 0.9, 0.999])
def test_the_mode_with_a_double_root_does_not_overshoot_and_the_next_one_does(beta, nesterov):
    low, *_ = edges(beta, nesterov)
    recurrence = Recurrence(np.array([low * (1 - 1e-9), low * (1 + 1e-9)]), beta, nesterov)
    assert recurrence.last_monotone == pytest.approx(low, rel=1e-9)
    assert recurrence.monotone().tolist() == [True, False]
    assert recurrence.oscillating().tolist() == [False, True]


def test_oscillations_last_as_long_as_the_slowest_needs_to_fall_below_rounding():
    assert Recurrence(np.array([0.3, 0.01]), 0.0).oscillation == 0
    assert Recurrence(np.array([1.0, 1e-9]), 0.0).oscillation == 0
    assert Recurrence(np.array([1.5, 1e-9]), 0.0).oscillation == 52  # 2⁻⁵² is rounding
    assert Recurrence(np.array([1.5, 1.75]), 0.0).oscillation == int(np.log(EPS) / np.log(0.75))
    assert Recurrence(np.array([0.5]), 0.25).oscillation == 52  # |x|² = β
    assert Recurrence(np.array([0.5, 1.0]), 0.81).oscillation == int(np.log(EPS) / np.log(0.9))
    for h, beta in ((2.0, 0.0), (2.5, 0.0), (1.9999999, 0.0), (0.5, 1 - 1e-9), (4.0, 0.9)):
        assert Recurrence(np.array([h, 0.1]), beta).oscillation == LONGEST_OSCILLATION


def test_an_estimator_with_an_unstable_rate_and_momentum_says_so():
    X = np.random.default_rng(0).standard_normal((60, 3))
    with pytest.raises(DivergenceError, match="largest stable rate"):
        GradientDescentRegressor(3.0, momentum=0.9, tol=1e-6, max_iter=10**12).fit(X, X @ [1.0, 2.0, 3.0])


def test_a_fit_with_momentum_close_to_one_reaches_the_limit():
    X = np.random.default_rng(0).standard_normal((60, 3))
    y = X @ [1.0, 2.0, 3.0] + 4.0
    model = GradientDescentRegressor(momentum=0.999999).fit(X, y)
    assert np.allclose(model.coef_, [1.0, 2.0, 3.0], rtol=1e-12, atol=0)
    assert 10**7 < model.n_iter_ < 10**9
