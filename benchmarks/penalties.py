"""Penalties: the lasso, searches over alpha and grids beside their peers, and other packages as witnesses."""

from __future__ import annotations

import importlib.util
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from measure import Timing, time_fits
from peers import GDLEARN, Fit, estimator
from problems import NOISE_TO_SIGNAL, Array, Data, Synthetic, diabetes
from sklearn.linear_model import ElasticNetCV, Lasso, LassoCV, RidgeCV

from gdlearn import GradientDescentRegressor, GradientDescentRegressorCV

CERTIFICATE = 1e-8
"""How far from the condition of a minimum, relative to the charge 2α, every contender may end."""

TOLERANCES = [10.0**-k for k in range(4, 16)]
"""What `tol` is searched among, from the loosest."""

PART = 20
"""One row of so many is enough to guess a tolerance by."""

LOOP_ITERATIONS = 100_000

Make = Callable[[float], Any]
"""An estimator of a tolerance."""


def has(package: str) -> bool:
    """Whether a contender can be imported."""
    return importlib.util.find_spec(package) is not None


def standardised(n: int, d: int) -> Data:
    """Correlated Gaussian features of mean 0 and variance 1, every fourth of which matters to y."""
    X, _ = Synthetic(n, d).make()
    X -= X.mean(axis=0)
    X /= X.std(axis=0)
    random = np.random.default_rng(1)
    slopes = np.zeros(d)
    slopes[::4] = random.standard_normal(len(slopes[::4]))
    signal = X @ slopes
    return X, 100.0 + signal + NOISE_TO_SIGNAL * signal.std() * random.standard_normal(n)


def largest_alpha(X: Array, y: Array) -> float:
    """The least alpha of a lasso that leaves no slope."""
    return float(np.abs((y - y.mean()) @ (X - X.mean(axis=0))).max()) / len(y)


def certificate(coef: Array, X: Array, y: Array, alpha: float) -> float:
    """By how much the lasso's condition of a minimum is missed, relative to the charge: from the rows."""
    X = X - X.mean(axis=0)
    slope = X.T @ (y - y.mean() - X @ coef) / len(y)
    missed = np.where(coef == 0, np.maximum(np.abs(slope) - alpha, 0.0), np.abs(slope - alpha * np.sign(coef)))
    return float(missed.max()) / alpha


def objective(coef: Array, X: Array, y: Array, alpha: float) -> float:
    """J of a lasso with its best intercept."""
    residual = y - X @ coef
    return float(residual.var() + 2.0 * alpha * np.abs(coef).sum())


def lassos(alpha: float) -> dict[str, Make]:
    """Contenders for one alpha."""
    loop = {"alpha": alpha, "max_iter": LOOP_ITERATIONS}
    makes: dict[str, Make] = {
        GDLEARN: lambda tol: GradientDescentRegressor(alpha=alpha, l1_ratio=1.0, tol=tol, scaling=None),
        "Lasso()": lambda tol: Lasso(**loop, tol=tol),
        "Lasso(precompute=True)": lambda tol: Lasso(**loop, tol=tol, precompute=True),
    }
    if has("glum"):
        from glum import GeneralizedLinearRegressor

        options = {"family": "normal", "l1_ratio": 1.0, "solver": "irls-cd", **loop}
        makes["glum"] = lambda tol: GeneralizedLinearRegressor(**options, gradient_tol=tol)
    if has("skglm"):
        import skglm

        makes["skglm"] = lambda tol: skglm.Lasso(alpha, tol=tol)
    return makes


def loosest(make: Make, X: Array, y: Array, alpha: float) -> float:
    """The loosest tolerance with which the certificate is reached; the tightest there is if it is not.

    A part of the rows says where to begin, at ten times what they need, for what is far too loose takes long as well.
    """
    some = slice(len(y) // PART)
    place = max(_first_enough(make, X[some], y[some], alpha, 0) - 1, 0)
    return TOLERANCES[_first_enough(make, X, y, alpha, place)]


def _first_enough(make: Make, X: Array, y: Array, alpha: float, place: int) -> int:
    while place < len(TOLERANCES) - 1:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = make(TOLERANCES[place]).fit(X, y)
        if certificate(model.coef_, X, y, alpha) <= CERTIFICATE:
            break
        place += 1
    return place


class Race(NamedTuple):
    """The runs of one contender, and how near to the minimum it has come."""

    tol: float
    timing: Timing
    certificate: float


def lasso_races(X: Array, y: Array, budget: float) -> dict[str, Race]:
    """All contenders at α_max/100, each with its loosest tolerance; compiled by the search for that."""
    alpha = largest_alpha(X, y) / 100.0
    makes = lassos(alpha)
    tols = {name: loosest(make, X, y, alpha) for name, make in makes.items()}
    timings = time_fits({name: estimator(make(tols[name])) for name, make in makes.items()}, X, y, budget)
    races = {}
    for name, timing in timings.items():
        reached = np.nan if timing.model is None else certificate(timing.model.coef[0], X, y, alpha)
        races[name] = Race(tols[name], timing, reached)
    return races


class Search(NamedTuple):
    """A search over 100 alphas, and the mean errors on the folds that it has found, or the best of them."""

    timing: Timing
    errors: Array


def searches_over_alphas(X: Array, y: Array, budget: float) -> Iterator[tuple[str, str, Search, Search]]:
    """Ours beside scikit-learn's, on the same alphas and the same five folds: the names, and what came out.

    Of RidgeCV, which keeps no more, the least mean error; its alpha counts rows, of which a fold has four fifths.
    """
    n_train = 4 * len(y) // 5
    peers: dict[str, tuple[float, Callable[[Array], Any]]] = {
        "LassoCV(cv=5)": (1.0, lambda alphas: LassoCV(alphas=alphas, cv=5)),
        "ElasticNetCV(l1_ratio=0.5, cv=5)": (0.5, lambda alphas: ElasticNetCV(l1_ratio=0.5, alphas=alphas, cv=5)),
        "RidgeCV(cv=5)": (
            0.0,
            lambda alphas: RidgeCV(alphas * n_train, cv=5, scoring="neg_mean_squared_error"),
        ),
    }
    for name, (ratio, make) in peers.items():
        ours = GradientDescentRegressorCV(alphas=100, l1_ratios=ratio, scaling=None)
        theirs = make(ours.fit(X, y).alphas_)
        own = f"gdlearn CV(alphas=100, l1_ratios={ratio:g})"
        timings = time_fits({own: estimator(ours), name: estimator(theirs)}, X, y, budget)
        if hasattr(theirs, "mse_path_"):  # of the last run, which was on these data
            errors = ours.mse_path_[0].mean(axis=-1), theirs.mse_path_.mean(axis=-1)
        else:
            errors = np.array([-ours.best_score_]), np.array([-theirs.best_score_])
        yield own, name, Search(timings[own], errors[0]), Search(timings[name], errors[1])


def grids() -> dict[str, Fit]:
    """One fit with a ridge term, and grids of it."""
    return {
        "gdlearn(alpha=1e-3)": estimator(GradientDescentRegressor(alpha=1e-3)),
        "20 rates x 10 numbers of steps": estimator(GradientDescentRegressorCV(20, max_iters=10)),
        "100 alphas, to their limits": estimator(GradientDescentRegressorCV(alphas=100)),
        "100 alphas x 20 rates x 10 numbers of steps": estimator(
            GradientDescentRegressorCV(20, max_iters=10, alphas=100)
        ),
    }


def random_problems() -> Iterator[tuple[str, Array, Array]]:
    """Diabetes and ten made-up sets, standardised: tall and wide, of little and much correlation."""
    X, y = diabetes()
    yield "diabetes", (X - X.mean(axis=0)) / X.std(axis=0), y
    for seed in range(10):
        random = np.random.default_rng(seed)
        n, d = ((60, 20), (200, 50), (40, 80), (500, 10), (100, 100))[seed % 5]
        X = random.standard_normal((n, d)) + (seed % 3) * random.standard_normal((n, 1))
        X = (X - X.mean(axis=0)) / X.std(axis=0)
        y = X[:, :5] @ random.standard_normal(5) + random.standard_normal(n)
        yield f"{n} x {d}, seed {seed}", X, y


def beside_skglm() -> Iterator[list[Any]]:
    """Lassos at α_max/20: the difference of coefficients and objectives, supports, and both certificates."""
    import skglm

    for name, X, y in random_problems():
        alpha = largest_alpha(X, y) / 20.0
        ours = GradientDescentRegressor(alpha=alpha, l1_ratio=1.0, scaling=None).fit(X, y).coef_
        theirs = skglm.Lasso(alpha, tol=1e-14, max_iter=1_000).fit(np.asfortranarray(X), y).coef_
        J, other = objective(ours, X, y, alpha), objective(theirs, X, y, alpha)
        difference = float(np.abs(ours - theirs).max() / np.abs(theirs).max())
        alike = bool(np.array_equal(ours == 0, theirs == 0))
        reached = certificate(ours, X, y, alpha), certificate(theirs, X, y, alpha)
        yield [name, difference, (J - other) / other, "yes" if alike else "no", *reached]


def beside_glmnet() -> Iterator[tuple[float, float, bool]]:
    """Glmnet's answers, printed to seven digits, that statsmodels tests itself against.

    Yields for each the l1_ratio, the largest difference of coefficients relative to the largest of them, and whether
    the supports agree. glmnet divides y by its standard deviation s (that of n rows, not n − 1) and lambda with it, so
    that in units of y the squares are charged 1/s times what lambda says.
    """
    package = importlib.util.find_spec("statsmodels")
    assert package is not None
    assert package.origin is not None
    folder = Path(package.origin).parent / "regression" / "tests"
    table = np.loadtxt(next(folder.rglob("lasso_data.csv")), delimiter=",")
    text = next(folder.rglob("glmnet_r_results.py")).read_text(encoding="utf-8")
    for numbers in re.findall(r"array\(\[(.*?)\]\)", text, flags=re.DOTALL):
        n, d, ratio, strength, *coefficients = (float(number) for number in numbers.split(","))
        z = table[: int(n), : int(d) + 1]
        z = (z - z.mean(axis=0)) / z.std(axis=0, ddof=1)
        X, y = z[:, 1:], z[:, 0]
        lasso, ridge = strength * ratio, strength * (1.0 - ratio) / y.std()
        alpha, expected = lasso + ridge, np.array(coefficients)
        found = GradientDescentRegressor(alpha=alpha, l1_ratio=lasso / alpha, scaling=None).fit(X, y).coef_
        difference = float(np.abs(found - expected).max() / np.abs(expected).max())
        yield ratio, difference, bool(np.array_equal(found == 0, expected == 0))
