"""The largest eigenvalue from products: never too small, near enough where eigenvalues stand apart, and cheap."""

import numpy as np
import pytest

from gdlearn import DivergenceError
from gdlearn._curvature import largest_eigenvalue
from gdlearn._plan import Settings
from gdlearn._problem import Problem
from gdlearn._rows import Rows
from gdlearn._solve import solve

SPECTRA = {
    "powers": lambda p, rng: 0.9 ** np.arange(p),
    "1/i": lambda p, rng: 1.0 / np.arange(1, p + 1),
    "exponential": lambda p, rng: rng.exponential(size=p),
    "chi-squared": lambda p, rng: rng.chisquare(1, size=p),
    "uniform": lambda p, rng: rng.uniform(size=p),
    "semicircle": lambda p, rng: rng.beta(1.5, 1.5, size=p),
    "semicircle, one just beyond": lambda p, rng: np.append(rng.beta(1.5, 1.5, size=p - 1), 1.003),
    "semicircle, one beyond": lambda p, rng: np.append(rng.beta(1.5, 1.5, size=p - 1), 1.3),
    "thin at the edge": lambda p, rng: 1.0 - rng.uniform(size=p) ** 0.1,
    "all equal": lambda p, rng: np.ones(p),
    "all equal but one": lambda p, rng: np.append(np.ones(p - 1), 2.0),
    "a close pair": lambda p, rng: np.append(np.full(p - 2, 1e-3), [1.0, 0.9995]),
    "rank three": lambda p, rng: np.append(np.zeros(p - 3), [1.0, 2.0, 3.0]),
}
APART = {"powers", "1/i", "semicircle, one beyond", "all equal", "all equal but one", "a close pair", "rank three"}


def found(spectrum, p, tolerance, most, seed):
    """The bound relative to the largest eigenvalue, in any units, and how many products it took."""
    rng, asked = np.random.default_rng(seed), []
    eigenvalues = rng.permutation(SPECTRA[spectrum](p, rng)) * 10.0 ** rng.integers(-280, 280)

    def product(q):
        asked.append(q)
        return eigenvalues * q

    bound = largest_eigenvalue(product, p, eigenvalues.sum(), tolerance, most)
    return bound / eigenvalues.max(), len(asked)


@pytest.mark.parametrize("spectrum", SPECTRA)
@pytest.mark.parametrize("p", [4, 60, 3_000])
def test_a_few_products_are_never_too_small_and_near_enough(spectrum, p):
    for seed in range(20):
        bound, asked = found(spectrum, p, 1e-3, 40, seed)
        assert 1 - 1e-14 <= bound <= (1.0011 if spectrum in APART else 1.06)
        assert asked <= (30 if spectrum in APART else 40)


@pytest.mark.parametrize("spectrum", sorted(SPECTRA.keys() - {"uniform", "semicircle", "semicircle, one just beyond"}))
@pytest.mark.parametrize("p", [4, 60, 3_000])
def test_ten_digits(spectrum, p):
    for seed in range(5):
        bound, asked = found(spectrum, p, 1e-10, 1_000, seed)
        assert 1 - 1e-14 <= bound <= 1 + 2e-10
        assert asked <= 200


def test_of_nothing_and_of_one():
    assert largest_eigenvalue(lambda q: 0.0 * q, 5, 0.0, 1e-3, 40) == 0.0
    assert largest_eigenvalue(lambda q: 3.0 * q, 1, 3.0, 1e-3, 40) == pytest.approx(3.0, rel=1e-15)


def edgy_problem():
    """As many independent features as rows, whose largest eigenvalues stand close together."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(500, 450)), rng.normal(size=500)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    return Problem.of_rows(Rows.of(X, y, None), "standard", True), np.linalg.norm(Z, 2) ** 2 * 2 / 500


def test_a_bound_that_is_too_large_makes_no_rate_unstable():
    problem, L = edgy_problem()
    assert L * 1.01 < problem.curvature < L * 1.07
    assert problem.sharp_curvature == pytest.approx(L, rel=1e-9)
    start = np.zeros(problem.coordinates.shape)
    rate = 2 / L * (1 - 1e-6)
    assert rate > 2 / problem.curvature
    solution = solve(problem, Settings(rate, tol=0.5), start, str)  # or a DivergenceError
    assert solution.max_stable_rate == pytest.approx(2 / L, rel=1e-9)
    with pytest.raises(DivergenceError, match="the largest stable rate is"):
        solve(problem, Settings(2 / L * (1 + 1e-6), tol=0.5), start, str)


def test_automatic_steps_are_those_of_the_closed_form():
    problem, L = edgy_problem()
    solution = solve(problem, Settings(max_iter=2), np.zeros(problem.coordinates.shape), str)
    assert solution.descent.rate == pytest.approx(1 / L, rel=1e-9)
