"""Finite differences beside noise of a known size: the tolerance is about the best that any step could reach."""

import math

import numpy as np
import pytest

from gdlearn import check_gradient

EPS = np.finfo(float).eps


def with_noise(f, sigma, seed):
    """f plus chance of size sigma, the same at the same place."""

    def noisy(v):
        bits = np.asarray(v, dtype=np.float64).view(np.uint64).tolist()
        return f(v) + sigma * np.random.default_rng([seed, *bits]).uniform(-1, 1)

    return noisy


@pytest.mark.parametrize("sigma", [1e-10, 1e-8, 1e-6])
@pytest.mark.parametrize(
    ("f", "slope", "third", "theta"),
    [
        (lambda v: np.exp(v[0]), np.exp(0.7), np.exp(0.7), 0.7),
        (lambda v: np.sin(v[0]), np.cos(1.2), -np.cos(1.2), 1.2),
        (lambda v: 1 / v[0], -1.0, -6.0, 1.0),
        (lambda v: v[0] ** 3 + v[0], 28.0, 6.0, 3.0),
    ],
)
def test_the_tolerance_is_what_noise_costs_at_the_best_step(f, slope, third, theta, sigma):
    # The error of a central difference is at most σ/h + h²|f‴|/6, and 1.5·σ^⅔·(|f‴|/3)^⅓ at the best h.
    best = 1.5 * sigma ** (2 / 3) * (abs(third) / 3) ** (1 / 3) / abs(slope)
    ratios = []
    for seed in range(8):
        found = check_gradient(with_noise(f, sigma, seed), lambda v: np.full(1, slope), [theta])
        assert found.passed is not False
        assert abs(found.numeric - slope) <= found.tolerance * abs(slope)
        ratios.append(found.tolerance / best)
        off = 3 * found.tolerance
        assert (
            check_gradient(with_noise(f, sigma, seed), lambda v, off=off: np.full(1, slope * (1 + off)), [theta]).passed
            is False
        )
    # Four of the bound are safety, and steps are eight times apart; not a multiple more.
    assert 1 < np.median(ratios) < 60


@pytest.mark.parametrize("sigma", [1e-5, 1e-4, 1e-3])
def test_noise_that_hides_a_thousandth_is_no_verdict_and_a_gross_mistake_is_one(sigma):
    for seed in range(8):
        f = with_noise(lambda v: np.exp(v[0]), sigma, seed)
        found = check_gradient(f, np.exp, [0.7])
        assert found.passed is None
        assert found.tolerance > 5e-4
        assert check_gradient(f, lambda v: -np.exp(v), [0.7]).passed is False
        assert check_gradient(f, lambda v: 2 * np.exp(v), [0.7]).passed is False


@pytest.mark.parametrize("theta", [1e-8, 1e-3, 1.0, 1e5, -3e9])
@pytest.mark.parametrize("scale", [1e-200, 1e-5, 1.0, 1e200])
def test_a_smooth_function_is_verified_to_single_precision_in_any_units(theta, scale):
    # f = scale·(t + t³) with t = θ/|θ| + ..., so that one step of θ's size changes all of it
    size = abs(theta)

    def f(v):
        t = v[0] / size
        return scale * (t + t**3)

    slope = scale / size * (1 + 3 * (theta / size) ** 2)
    found = check_gradient(f, lambda v: np.full(1, slope), [theta])
    assert found.passed is True
    assert found.tolerance < 1e-5
    assert found.numeric == pytest.approx(slope, rel=found.tolerance)
    assert found.analytic == slope
    assert found.relative_error == pytest.approx(abs(found.numeric - slope) / abs(slope), rel=1e-6, abs=1e-15)
    for factor in (0.0, 0.5, 0.999, 1.001, -1.0):
        assert check_gradient(f, lambda v, factor=factor: np.full(1, factor * slope), [theta]).passed is False


def test_the_figures_are_those_of_a_central_difference():
    found = check_gradient(lambda v: v[0] ** 2 + 5 * v[1], lambda v: np.array([2 * v[0], 5.5]), [3.0, 2.0])
    assert found.passed is False
    assert found.worst_coordinate == 1
    assert (found.analytic, found.numeric) == (5.5, pytest.approx(5.0, rel=1e-12))
    assert found.relative_error == pytest.approx(0.5 / 5.5, rel=1e-9)
    assert found.tolerance == pytest.approx(2.0**-22 * 5 / 5.5, rel=1e-9)  # f may be computed in single precision
    step = found.error / 0.5
    assert 1e-12 < step < 10


def test_of_several_the_worst_is_the_failed_then_the_unmeasured_then_the_least_certain():
    def f(v):
        return v[0] ** 2 + np.sign(v[1]) + np.sin(v[2]) + v[3] ** 2

    right = np.array([2.0, 0.0, np.cos(1.0), 8.0])
    theta = [1.0, 0.0, 1.0, 4.0]
    found = check_gradient(f, lambda v: right, theta)
    assert (found.passed, found.worst_coordinate) == (None, 1)  # a jump
    assert math.isinf(found.tolerance) or found.tolerance == 0
    two_wrong = right * [1.01, 1, 1, 2]
    assert (
        check_gradient(f, lambda v: two_wrong, theta).passed,
        check_gradient(f, lambda v: two_wrong, theta).worst_coordinate,
    ) == (False, 3)
    without = check_gradient(lambda v: f([v[0], 1.0, v[1], v[2]]), lambda v: right[[0, 2, 3]], [1.0, 1.0, 4.0])
    assert without.passed is True


@pytest.mark.parametrize("offset", [1e3, 1e6, 1e9])
def test_a_large_offset_widens_the_tolerance_by_its_rounding(offset):
    found = check_gradient(lambda v: offset + np.sin(v[0]), np.cos, [0.5])
    # σ = ε·offset/4: the same formula as of any other noise, and never below single precision
    best = max(1.5 * (EPS * offset / 4) ** (2 / 3) * (np.cos(0.5) / 3) ** (1 / 3) / np.cos(0.5), 2.0**-22)
    assert found.passed is True
    assert 0.99 < found.tolerance / best < 60


def test_a_larger_safety_widens_the_tolerance():
    f = with_noise(lambda v: np.exp(v[0]), 1e-8, 0)
    narrow, wide = (check_gradient(f, np.exp, [0.7], safety=safety).tolerance for safety in (4.0, 40.0))
    assert 3 < wide / narrow < 11


@pytest.mark.parametrize("part", [1e-4, 1e-2, 1.0])
@pytest.mark.parametrize("x", [0.7, 1.3])
def test_a_slope_that_is_left_where_single_precision_is_constant_is_not_that_of_f(x, part):
    """Over steps below single precision f changes by its part in double precision alone, and very smoothly."""

    def f(v):
        return float(np.sin(np.float32(v[0]))) + part * v[0]

    assert check_gradient(f, lambda v: np.cos(v) + part, [x]).passed is True
    assert check_gradient(f, lambda v: np.full(1, part), [x]).passed is False


@pytest.mark.parametrize("size", [1e-9, 1e-20, 1e-100])
def test_what_f_does_at_a_tiny_theta_counts_and_not_what_it_does_far_out(size):
    # Over steps of size 1 the slope is 1, and over those of theta's size it is 1 + cos(0.1).
    def f(v):
        return v[0] + size * np.sin(v[0] / size)

    slope = 1 + np.cos(0.1)
    assert check_gradient(f, lambda v: np.full(1, slope), [0.1 * size]).passed is True
    for wrong in (1.0, 0.999 * slope, 1.001 * slope):
        assert check_gradient(f, lambda v, wrong=wrong: np.full(1, wrong), [0.1 * size]).passed is False
