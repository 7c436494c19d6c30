"""The penalty by itself: what it charges, its gradient and proximal step, and its condition of a minimum."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import approx_fprime, minimize_scalar

from gdlearn._penalty import NO_PENALTY, Penalty

SLOPES = np.array([[1.5, -0.0], [-2.0, 3.0], [0.0, 0.25]])


def test_alpha_and_l1_ratio_mean_what_they_mean_in_scikit_learns_elastic_net():
    # ElasticNet minimises half of J: alpha * l1_ratio * ‖θ‖₁ + alpha (1 − l1_ratio)/2 ‖θ‖².
    penalty = Penalty.of(0.8, 0.25)
    assert_allclose(penalty.value(SLOPES) / 2, 0.2 * np.abs(SLOPES).sum(axis=0) + 0.3 * (SLOPES**2).sum(axis=0))


@pytest.mark.parametrize(
    ("alpha", "l1_ratio", "ridge", "lasso"),
    [
        (0.0, 0.0, False, False),
        (0.0, 1.0, False, False),
        (2.0, 0.0, True, False),
        (2.0, 1.0, False, True),
        (2.0, 0.5, True, True),
    ],
)
def test_a_penalty_knows_its_parts(alpha, l1_ratio, ridge, lasso):
    penalty = Penalty.of(alpha, l1_ratio)
    assert (penalty.has_ridge, penalty.has_lasso) == (ridge, lasso)
    assert (penalty.smooth.has_ridge, penalty.smooth.has_lasso) == (ridge, False)
    assert_array_equal(penalty.smooth.value(SLOPES), alpha * (1 - l1_ratio) * (SLOPES**2).sum(axis=0))


def test_no_penalty_charges_nothing_even_of_what_is_infinite():
    beyond = np.array([[np.inf], [1.0]])
    assert_array_equal(NO_PENALTY.value(beyond), [0.0])
    assert_array_equal(Penalty(lasso=1.0).value(beyond), [np.inf])
    assert_array_equal(Penalty(ridge=1.0).value(beyond), [np.inf])


def test_the_gradient_is_that_of_the_squares():
    penalty = Penalty(np.array([[0.5], [2.0], [3.0]]), np.array([[1.0, 5.0]]))
    for target in range(2):
        numeric = approx_fprime(SLOPES[:, target], lambda theta: penalty.smooth.value(theta[:, None])[0], 1e-7)
        assert_allclose(penalty.gradient(SLOPES)[:, target], numeric, atol=1e-5)


@pytest.mark.parametrize("eta", [0.01, 0.3, 10.0])
@pytest.mark.parametrize("lasso", [0.1, 1.0])
def test_the_proximal_step_is_the_minimiser_that_defines_it(eta, lasso):
    # argmin_u (u − θ)²/2 + η · 2t|u| (Parikh and Boyd 2014, 1.1).
    penalty = Penalty(ridge=7.0, lasso=lasso)
    after = penalty.step(SLOPES, eta)
    for before, u in zip(SLOPES.ravel(), after.ravel(), strict=True):

        def charge(v, before=before):
            return (v - before) ** 2 / 2 + eta * 2 * lasso * abs(v)

        best = minimize_scalar(charge, bounds=(-4, 4), method="bounded", options={"xatol": 1e-12})
        assert charge(u) <= best.fun + 1e-14
        assert abs(u - best.x) < 1e-5
    assert not np.signbit(after[after == 0]).any()  # no −0, which is printed


def test_each_target_has_its_own_rate_and_its_own_charge():
    penalty = Penalty(lasso=np.array([[1.0, 2.0]]))
    assert_array_equal(
        penalty.step(np.array([[1.0, 1.0], [-3.0, -3.0]]), np.array([0.25, 0.125])), [[0.5, 0.5], [-2.5, -2.5]]
    )
    assert_array_equal(penalty.step(np.full((1, 2), 1.0), 0.25), [[0.5, 0.0]])


def test_the_violation_is_the_distance_from_the_subdifferential():
    # 0 must lie in ∂_j + 2t·[−1, 1] where θ_j = 0, and in {∂_j + 2t sign θ_j} elsewhere.
    penalty = Penalty(ridge=5.0, lasso=0.5)
    slopes = np.array([[0.0, 0.0, 0.0, 2.0, 2.0, -2.0, -2.0]]).T
    partial = np.array([[0.9, -1.0, 1.5, -1.0, -0.25, 1.0, -1.0]]).T
    assert_allclose(penalty.violation(slopes, partial).ravel(), [0.0, 0.0, 0.5, 0.0, 0.75, 0.0, 2.0])


def test_other_units_of_the_target_change_the_charge_for_sizes_alone():
    penalty = Penalty.of(0.5, 0.5).in_target_units(np.array([0, 10, -3]))
    slopes = np.array([[3.0, 3.0 / 1024, 24.0]])
    one = Penalty.of(0.5, 0.5).value(slopes[:, :1])[0]
    assert_array_equal(penalty.value(slopes), one * np.ldexp(1.0, [0, -20, 6]))  # in units of y squared
    ridge = Penalty.of(0.5, 0.0)
    assert ridge.in_target_units(np.array([4])) is ridge


def test_multiples_of_the_slopes_are_charged_what_the_slopes_are():
    penalty, size = Penalty.of(0.7, 0.3), np.array([2.0, 0.5, 1024.0])
    other = penalty.of_multiples(size)
    assert_allclose(other.value(SLOPES / size[:, None]), penalty.value(SLOPES), rtol=1e-15)
    assert_allclose(np.ravel(other.ridge), penalty.ridge_of_multiples(size), rtol=1e-15)
    assert NO_PENALTY.of_multiples(size) is NO_PENALTY
