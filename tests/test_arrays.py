"""What every room needs of arrays: a search by sections, units that are powers of two, a triangle."""

import math
import warnings

import numpy as np
import pytest

from gdlearn._arrays import beyond_float64, first_in, in_units, safe_exponents, squares_are_safe, triangle


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 2), (3, 40), (0, 1_000), (10**20, 10**20 + 1_000), (7, 10**40)])
def test_the_first_place_is_found_wherever_it_lies_in_few_rounds(low, high):
    rng = np.random.default_rng(0)
    span = high - low
    places = {low + 1, low + 2, high - 1, high, *(low + 1 + span * int(q) // 1_000 for q in rng.integers(0, 1_000, 20))}
    for first in places:
        if not low < first <= high:
            continue
        asked = []

        def holds(steps, first=first, asked=asked):
            assert steps == sorted(steps)
            assert low < steps[0]
            assert steps[-1] <= high
            asked.append(steps)
            return np.array([step >= first for step in steps])

        assert first_in(holds, low, high) == first
        assert len(asked) <= 1 + math.ceil(math.log(max(span, 2)) / math.log(31))
        assert all(len(steps) <= 32 for steps in asked)


def test_powers_of_two_are_exact_and_what_float64_does_not_hold_is_infinite_or_zero_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert in_units(np.array([1.5, -1.5, 0.0]), np.array([3, -3, 5000])).tolist() == [12.0, -0.1875, 0.0]
        assert in_units(1.5, 2000) == np.inf
        assert in_units(-1.5, np.array([2000])) == -np.inf
        assert in_units(1.5, -2000) == 0.0
        with beyond_float64():
            x = np.array([0.0, 1e300])
            assert np.isnan(x[0] / x[0])
            assert (x[1] / x[0], x[1] * x[1], x[1] ** -2) == (np.inf, np.inf, 0.0)


@pytest.mark.parametrize(
    ("variance", "mean", "safe"),
    [
        (1.0, 0.0, True),
        (2.0**-899, 0.0, True),
        (2.0**899, 0.0, True),
        (2.0**-901, 0.0, False),
        (2.0**901, 0.0, False),
        (2.0**-900, 0.0, False),
        (2.0**900, 0.0, False),
        (np.inf, 0.0, False),
        (np.nan, 0.0, False),
        (0.0, 0.0, True),  # a column of zeros
        (0.0, 1.0, True),  # a constant one
        (0.0, -(2.0**449), True),
        (0.0, 2.0**450, False),
        (0.0, 2.0**-450, False),
        (0.0, -(2.0**-449), True),
        (0.0, 2.0**-451, False),  # or one whose variance has underflowed
    ],
)
def test_squares_are_safe_inside_float64_only(variance, mean, safe):
    assert squares_are_safe(np.array([variance]), np.array([mean])) is safe
    assert squares_are_safe(np.array([1.0, variance]), np.array([0.0, mean])) is safe


def test_units_bring_large_and_tiny_columns_to_size_one_and_leave_others_alone():
    sizes = [0.0, 1.0, -1.0, 2.0**398, 2.0**-402, 1e200, 1.7e308, 1e-200, 5e-324, 2.0**-1022]
    exponent = safe_exponents(np.abs(sizes))
    assert exponent[:5].tolist() == [0, 0, 0, 0, 0]
    assert (exponent[5:] != 0).all()
    for size, e in zip(sizes[5:], exponent[5:].tolist(), strict=True):
        assert abs(size) < 2.0 ** min(e, 1023) or e > 1023
        if size > 1e-300:
            assert 0.125 <= np.ldexp(size, -e) < 1
        assert 0 < np.ldexp(1.0, -e) < np.inf  # 2⁻ᵉ is a float64, too
    boundary = 2.0**399  # < 2⁴⁰⁰·½ … of which the next power is the first beyond 400
    assert safe_exponents(np.array([boundary, boundary / 2])).tolist() == [401, 0]


@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (30, 4), (300, 40), (1, 1)])
def test_the_triangle_has_the_gram_matrix_of_its_rows(shape):
    A = np.random.default_rng(0).normal(size=shape)
    R = triangle(A.copy())
    assert R.shape == (min(shape), shape[1])
    assert not np.tril(R, -1).any()
    np.testing.assert_allclose(R.T @ R, A.T @ A, rtol=0, atol=1e-13 * max(shape))
