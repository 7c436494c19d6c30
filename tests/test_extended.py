"""Sums in twice the working precision, against fractions."""

from fractions import Fraction

import numpy as np
import pytest

from gdlearn._extended import residual_and_gradient, two_product, two_sum
from gdlearn._rows import Rows

EPS = np.finfo(float).eps


def exactly(X, y, w, coef, intercept):
    """Σ w r, Σ w r x and Σ w r² in fractions, and the sums of what they add up, without signs."""
    n, d = X.shape
    t = y.shape[1]
    F = [[Fraction(v) for v in row] for row in X.tolist()]
    sums = [[Fraction(0)] * t, [[Fraction(0)] * t for _ in range(d)], [Fraction(0)] * t]
    sizes = [[Fraction(0)] * t, [[Fraction(0)] * t for _ in range(d)]]
    for i in range(n):
        weight = Fraction(1) if w is None else Fraction(float(w[i]))
        for k in range(t):
            terms = [Fraction(float(y[i, k])), -Fraction(float(intercept[k]))]
            terms += [-F[i][j] * Fraction(float(coef[j, k])) for j in range(d)]
            r, size = sum(terms), sum(map(abs, terms))
            sums[0][k] += weight * r
            sums[2][k] += weight * r * r
            sizes[0][k] += weight * size
            for j in range(d):
                sums[1][j][k] += weight * r * F[i][j]
                sizes[1][j][k] += weight * size * abs(F[i][j])
    return sums, sizes


@pytest.mark.parametrize("n", [1, 2, 7, 200])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("spread", [0, 3, 30])
def test_residuals_and_gradient_have_twice_the_digits(n, weighted, spread):
    rng = np.random.default_rng(n)
    d, t = 3, 2
    X = rng.normal(size=(n, d)) * 10.0 ** rng.integers(-spread, spread + 1, d) + 1
    coef, intercept = rng.normal(size=(d, t)) / np.abs(X).max(axis=0)[:, None], rng.normal(size=t)
    y = X @ coef + intercept  # so that all but the rounding of y cancels in r
    w = rng.uniform(0.5, 1.0, n) if weighted else None
    rows = Rows.of(X, y, w)
    (r, rest), (rx, rx_rest), rr = residual_and_gradient(rows, np.zeros(d + t, dtype=np.int64), coef, intercept)
    (sum_r, sum_rx, sum_rr), (size_r, size_rx) = exactly(X, y, rows.weight, coef, intercept)
    # Of the three slices of 19 to 26 bits what a fourth would hold is lost, and of a sum of n what it rounds.
    part = Fraction(2) ** -70 * n
    for k in range(t):
        assert abs(Fraction(float(r[k])) + Fraction(float(rest[k])) - sum_r[k]) <= part * size_r[k]
        assert rr[k] == pytest.approx(float(sum_rr[k]), rel=1e-5)
        for j in range(d):
            found = Fraction(float(rx[j, k])) + Fraction(float(rx_rest[j, k]))
            assert abs(found - sum_rx[j][k]) <= part * size_rx[j][k]


def test_units_that_are_powers_of_two_are_exact():
    rng = np.random.default_rng(0)
    X, y, coef, intercept = rng.normal(size=(9, 2)), rng.normal(size=(9, 1)), rng.normal(size=(2, 1)), np.array([0.3])
    plain = residual_and_gradient(Rows.of(X, y, None), np.zeros(3, dtype=np.int64), coef, intercept)
    units = np.array([900, -1000, 600])
    far = Rows.of(np.ldexp(X, units[:2]), np.ldexp(y, units[2]), None)
    for one, other in zip(plain, residual_and_gradient(far, units, coef, intercept), strict=True):
        assert np.array_equal(one, other)
    large = residual_and_gradient(Rows.of(np.ldexp(X, 1010), y, None), np.zeros(3, dtype=np.int64), coef * 0, intercept)
    assert large[1][0] == pytest.approx(np.ldexp(X, 1010).T @ (y - 0.3), rel=1e-12)


def test_many_rows_in_several_blocks_on_several_threads_are_their_sum():
    rng = np.random.default_rng(1)
    n, d = 200_000, 10
    X = np.round(2.0**10 * rng.normal(size=(n, d))) / 2.0**10
    y = np.round(2.0**10 * rng.normal(size=(n, 1))) / 2.0**10
    coef, intercept = np.round(8 * rng.normal(size=(d, 1))) / 8, np.array([0.5])
    (r, rest), (rx, rx_rest), rr = residual_and_gradient(
        Rows.of(X, y, None), np.zeros(d + 1, dtype=np.int64), coef, intercept
    )
    scaled = (2**10 * X).astype(np.int64)  # integers, of which no sum of products leaves 63 bits
    whole = (2**13 * y).astype(np.int64) - scaled @ (8 * coef).astype(np.int64) - 2**12
    assert int(2**13 * r[0]) + int(2**13 * rest[0]) == int(whole.sum())
    product = (scaled.T @ whole)[:, 0].tolist()
    assert [int(2**23 * high) + int(2**23 * low) for high, low in zip(rx[:, 0], rx_rest[:, 0], strict=True)] == product
    assert rr[0] == pytest.approx(float(sum(int(v) ** 2 for v in whole[:, 0])) / 2.0**26, rel=1e-13)


def test_the_error_of_a_sum_and_of_a_product_is_exact():
    rng = np.random.default_rng(2)
    a = rng.normal(size=500) * 10.0 ** rng.integers(-20, 20, 500)
    b = rng.normal(size=500) * 10.0 ** rng.integers(-20, 20, 500)
    total, error = two_sum(a, b)
    product, rest = two_product(a, b)
    for i in range(500):
        x, y = Fraction(a[i]), Fraction(b[i])
        assert Fraction(total[i]) + Fraction(error[i]) == x + y
        assert Fraction(product[i]) + Fraction(rest[i]) == x * y
        assert total[i] == a[i] + b[i]
        assert product[i] == a[i] * b[i]
