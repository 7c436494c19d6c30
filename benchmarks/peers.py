"""The contenders: each a function from X and y to the coefficients in the original units."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from problems import Array
from sklearn.linear_model import LinearRegression, Ridge, RidgeCV, SGDRegressor
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.preprocessing import StandardScaler

from gdlearn import GradientDescentRegressor, GradientDescentRegressorCV, regularization_path

TINY_ALPHA = 1e-8  # every solver of Ridge accepts it, and it is far below rounding beside the data's squares
LOOP_STEPS = 1_000

GDLEARN = "gdlearn"
OLS = "LinearRegression()"
RIDGE_CHOLESKY = "Ridge(cholesky)"
CV_20 = "gdlearn CV, 20 rates x 1 number of steps"
CV_20_SHUFFLED = "gdlearn CV, shuffled folds"
MOMENTS = "bare X.T @ X, X.T @ y"


class Model(NamedTuple):
    """A linear model of one or several targets."""

    coef: Array  # (n_targets, n_features)
    intercept: Array  # (n_targets,)


Fit = Callable[[Array, Array], Model | None]


def has_torch() -> bool:
    """Whether PyTorch can be imported."""
    return importlib.util.find_spec("torch") is not None


def estimator(prototype: Any) -> Fit:
    """An estimator with scikit-learn's interface, fitted on the data as given."""

    def fit(X: Array, y: Array) -> Model:
        prototype.fit(X, y)
        return Model(np.atleast_2d(prototype.coef_), np.atleast_1d(prototype.intercept_))

    return fit


def standardised(inner: Callable[[Array, Array], Model]) -> Fit:
    """The same fit behind StandardScaler, as in a Pipeline, and its coefficients back in the original units."""

    def fit(X: Array, y: Array) -> Model:
        scaler = StandardScaler()
        model = inner(scaler.fit_transform(X), y)
        coef = model.coef / scaler.scale_
        return Model(coef, model.intercept - coef @ scaler.mean_)

    return fit


def numpy_loop(rate: float, n_steps: int = LOOP_STEPS) -> Fit:
    """The textbook: `n_steps` steps of gradient descent from zero on standardised features."""

    def fit(X: Array, y: Array) -> Model:
        targets = y.reshape(len(y), -1)
        coef = np.zeros((X.shape[1], targets.shape[1]), dtype=X.dtype)
        intercept = np.zeros(targets.shape[1], dtype=X.dtype)
        for _ in range(n_steps):
            residual = X @ coef + intercept - targets
            coef -= rate * 2 / len(X) * (X.T @ residual)
            intercept -= rate * 2 * residual.mean(axis=0)
        return Model(coef.T, intercept)

    return standardised(fit)


def torch_loop(rate: float, n_steps: int = LOOP_STEPS) -> Fit:
    """The same steps by PyTorch: autograd and its SGD optimiser on the full batch, on the CPU."""
    import torch

    def fit(X: Array, y: Array) -> Model:
        inputs, targets = torch.from_numpy(X), torch.from_numpy(y.reshape(len(y), -1))
        coef = torch.zeros(inputs.shape[1], targets.shape[1], dtype=inputs.dtype, requires_grad=True)
        intercept = torch.zeros(targets.shape[1], dtype=inputs.dtype, requires_grad=True)
        optimiser = torch.optim.SGD([coef, intercept], lr=rate)
        for _ in range(n_steps):
            optimiser.zero_grad()
            loss = ((inputs @ coef + intercept - targets) ** 2).sum() / len(inputs)
            loss.backward()
            optimiser.step()
        return Model(coef.detach().numpy().T, intercept.detach().numpy())

    return standardised(fit)


def moments(X: Array, y: Array) -> None:
    """What no solver by second moments can do without: the smaller of the two Gram matrices, and X.T @ y."""
    _ = X.T @ X if X.shape[0] >= X.shape[1] else X @ X.T
    _ = X.T @ y


def contenders(rate: float) -> dict[str, Fit]:
    """All contenders by name; `rate` is the learning rate of the loops, in standardised coordinates."""
    fits: dict[str, Fit] = {
        GDLEARN: estimator(GradientDescentRegressor()),
        OLS: estimator(LinearRegression()),
        "LinearRegression(tol=0)": estimator(LinearRegression(tol=0)),
        RIDGE_CHOLESKY: estimator(Ridge(alpha=TINY_ALPHA, solver="cholesky")),
        "Ridge(lsqr)": estimator(Ridge(alpha=TINY_ALPHA, solver="lsqr")),
        "Ridge(sparse_cg)": estimator(Ridge(alpha=TINY_ALPHA, solver="sparse_cg")),
        "scaler + Ridge(sag)": standardised(estimator(Ridge(alpha=TINY_ALPHA, solver="sag", random_state=0))),
        "scaler + SGDRegressor": standardised(estimator(SGDRegressor(penalty=None, random_state=0))),
        f"scaler + NumPy loop, {LOOP_STEPS:,} steps": numpy_loop(rate),
    }
    if has_torch():
        fits[f"scaler + PyTorch loop, {LOOP_STEPS:,} steps"] = torch_loop(rate)
    fits[MOMENTS] = moments
    return fits


def searches() -> dict[str, Fit]:
    """Searches by 5-fold cross-validation, by name."""
    rates, steps = np.geomspace(1e-4, 2e-2, 20), 100
    grid = GridSearchCV(
        GradientDescentRegressor(max_iter=steps), {"learning_rate": rates}, scoring="neg_mean_squared_error"
    )

    def grid_search(X: Array, y: Array) -> Model:
        grid.fit(X, y)
        return Model(np.atleast_2d(grid.best_estimator_.coef_), np.atleast_1d(grid.best_estimator_.intercept_))

    return {
        CV_20: estimator(GradientDescentRegressorCV(rates, max_iters=[steps])),
        "gdlearn CV, 100 rates x 6 numbers of steps": estimator(GradientDescentRegressorCV(100, max_iters=6)),
        CV_20_SHUFFLED: estimator(
            GradientDescentRegressorCV(rates, max_iters=[steps], cv=KFold(5, shuffle=True, random_state=0))
        ),
        "GridSearchCV over gdlearn, 20 rates": grid_search,
        "RidgeCV(cv=5), 20 alphas": estimator(RidgeCV(np.geomspace(1e-3, 1e3, 20), cv=5)),
    }


def penalised() -> dict[str, Fit]:
    """Fits, searches and paths with a penalty, by name."""

    def path(l1_ratio: float) -> Fit:
        def fit(X: Array, y: Array) -> None:
            regularization_path(X, y, l1_ratio=l1_ratio)

        return fit

    return {
        "gdlearn(alpha=1e-3)": estimator(GradientDescentRegressor(alpha=1e-3)),
        "gdlearn(alpha=1e-3, l1_ratio=1)": estimator(GradientDescentRegressor(alpha=1e-3, l1_ratio=1.0)),
        "regularization_path(l1_ratio=0)": path(0.0),
        "regularization_path(l1_ratio=1)": path(1.0),
        "gdlearn CV": estimator(GradientDescentRegressorCV()),
        "gdlearn CV(alphas=100)": estimator(GradientDescentRegressorCV(alphas=100)),
        "gdlearn CV(alphas=100, l1_ratios=1)": estimator(GradientDescentRegressorCV(alphas=100, l1_ratios=1.0)),
        "gdlearn CV(20, max_iters=10, alphas=100)": estimator(GradientDescentRegressorCV(20, max_iters=10, alphas=100)),
    }
