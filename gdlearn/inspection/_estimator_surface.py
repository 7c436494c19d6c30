"""A picture of J of a linear model over two of its parameters: what `from_estimator` computes."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning

from .._arrays import Array, beyond_float64
from .._coordinates import Coordinates
from .._namespaces import in_numpy
from .._parameters import LEARNING_RATE, NONE, POSITIVE, POSITIVE_INTEGER, InvalidParameterError, allowed, choice
from .._path import descent_path
from .._penalty import Penalty
from .._regressor import GradientDescentRegressor
from .._row_objective import RowObjective
from .._validation import validate_rows
from ._picture import OVERSHOOT, Aspect, flat_hint, grid_around
from ._style import DRAWABLE, name_of_rate
from ._unwrapped import ridge_of, unwrapped


def estimator_surface(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    features: Sequence[int | str] | None,
    learning_rates: Sequence[Any] | None,
    iterations: int,
    others: str,
    sample_weight: ArrayLike | None,
    names: Sequence[str] | None,
    aspect: Aspect,
) -> dict[str, Any]:
    """The arguments of `DescentPathDisplay`: see its `from_estimator`."""
    owner = "DescentPathDisplay.from_estimator"
    estimator, X = unwrapped(estimator, X)
    _check(owner, estimator, learning_rates, iterations, others, names)
    choice("equal", "auto").check(owner, "aspect", aspect)
    X, y, sample_weight = in_numpy(X, "X"), in_numpy(y, "y"), in_numpy(sample_weight, "sample_weight")
    rates = [estimator.learning_rate] if learning_rates is None else list(learning_rates)
    shared = {name: getattr(estimator, name) for name in ("momentum", "nesterov", "scaling", "fit_intercept")}
    penalty = ridge_of(owner, estimator)
    limit = GradientDescentRegressor(alpha=float(penalty.ridge), **shared).fit(X, y, sample_weight)
    if limit.coef_.ndim > 1:
        raise ValueError(f"{owner} draws one target; y has {len(limit.coef_)}: hand over one column of it.")
    if features is None:
        features = ("intercept", 0) if limit.n_features_in_ == 1 and limit.fit_intercept else (0, 1)
    places = _places(owner, features, limit)

    S = _curvature(owner, limit, penalty, X, y, sample_weight, features, places, others)
    optimum = _theta(limit, limit.coef_[:, None], np.atleast_1d(limit.intercept_))[places, 0]

    paths = []
    for rate in rates:
        with warnings.catch_warnings():  # that a rate diverges is what the picture shows
            warnings.simplefilter("ignore", ConvergenceWarning)
            options = shared | {"solver": estimator.solver, "sample_weight": sample_weight, "penalty": penalty}
            options |= {"learning_rate": rate, "iterations": iterations, "init": "zero"}
            _, coefs, intercepts, _ = descent_path(owner, X, y, **options)
        paths.append(_theta(limit, coefs, intercepts)[places].T)

    titles, near = _titles_and_near(limit, rates, paths, optimum)
    with beyond_float64():
        x, y = grid_around(np.concatenate(near), equal=aspect == "equal")
        delta = np.stack(np.meshgrid(x - optimum[0], y - optimum[1]), axis=-1)
        heights = _half_square(delta, S)
        path_values = [limit.loss_ + _half_square(path - optimum, S) for path in paths]
        gradients = [(path - optimum) @ S for path in paths]
    _refuse_beyond_float64(owner, limit.loss_, heights.max(), 1.0 / heights.max() if heights.any() else np.inf)
    return {
        "x": x,
        "y": y,
        "values": limit.loss_ + heights,
        "paths": paths,
        "path_values": path_values,
        "gradients": gradients,
        "optimum": (float(optimum[0]), float(optimum[1])),
        "minimum": limit.loss_,
        "x_name": _label(limit, places[0]),
        "y_name": _label(limit, places[1]),
        "names": titles if names is None else names,
        "aspect": aspect,
        "n_parameters": limit.n_features_in_ + int(limit.fit_intercept),
        "caption": _caption(limit, others) + flat_hint(np.concatenate(near), aspect == "equal"),
    }


def _caption(limit: GradientDescentRegressor, others: str) -> str:
    n_parameters = limit.n_features_in_ + int(limit.fit_intercept)
    J = f"J = mean squared error + ridge term, α = {limit.alpha:.3g}"
    if n_parameters == 2:
        return f"Gradient descent on\n{J}" if limit.alpha else "Gradient descent on the mean squared error J"
    solution = "minimum" if limit.alpha else "least-squares solution"
    where = "at their optimum" if others == "optimum" else f"fixed at the {solution}"
    what = f"{J}:\n" if limit.alpha else "Mean squared error: "
    return f"{what}projection on 2 of {n_parameters} parameters,\nthe others {where}"


def _curvature(
    owner: str,
    limit: GradientDescentRegressor,
    penalty: Penalty,
    X: Any,
    y: Any,
    sample_weight: ArrayLike | None,
    features: Sequence[int | str] | None,
    places: list[int],
    others: str,
) -> Array:
    """The Hessian of J over the two parameters, which must not vanish."""
    rows, target, weight = validate_rows(X, y, sample_weight)
    original = Coordinates.original(limit.n_features_in_, 1, limit.fit_intercept)
    coordinates = replace(original, shift=limit.feature_shift_, scale=limit.feature_scale_, penalty=penalty)
    J = RowObjective(rows, target.astype(np.float64), weight, coordinates)
    H = J.hessian()
    _refuse_beyond_float64(owner, H)
    S = _restricted(H, places, others)
    if np.abs(S).max() <= 1e-12 * np.abs(H[np.ix_(places, places)]).max():
        raise ValueError(
            f"J does not depend on features={features!r}: they are constant, or the other parameters make up for "
            'them exactly. Choose others, or others="fixed".'
        )
    return S


def _titles_and_near(
    limit: GradientDescentRegressor, rates: list[Any], paths: list[Array], optimum: Array
) -> tuple[list[str], list[Array]]:
    """What each path is called, and the points that the picture must show: of a path that diverges, the first."""
    stable = limit.max_stable_learning_rate_
    titles, near = [], [optimum[None]]
    for rate, path in zip(rates, paths, strict=True):
        eta = limit.learning_rate_ if rate == "auto" else rate
        diverges = POSITIVE(eta) and eta >= stable
        titles.append(name_of_rate(rate, eta) + (": diverges" if diverges else ""))
        with beyond_float64():
            away = np.linalg.norm(path - optimum, axis=1)
        near.append(path[away <= OVERSHOOT * away[0]] if diverges else path)
    return titles, near


def _refuse_beyond_float64(owner: str, *sizes: Any) -> None:
    """Raise where J, or its curvature, cannot be drawn."""
    if not all((np.abs(size) < DRAWABLE).all() for size in sizes):
        raise ValueError(
            f"{owner} cannot draw J: its heights or its curvature are beyond {DRAWABLE:g}, or below the inverse of it. "
            "Multiply X or y by a constant first."
        )


def _check(owner: str, estimator: Any, learning_rates: Any, iterations: Any, others: Any, names: Any) -> None:
    def is_list_of_rates(value: Any) -> bool:
        return isinstance(value, list | tuple | np.ndarray) and len(value) > 0 and all(map(LEARNING_RATE, value))

    def is_descent(value: Any) -> bool:
        return isinstance(value, GradientDescentRegressor)

    a_regressor = "a GradientDescentRegressor, fitted or not, or a fitted pipeline or search that ends in one"
    allowed(a_regressor, is_descent).check(owner, "estimator", estimator)
    some_rates = 'a non-empty list of finite numbers > 0, "auto", "exact" or callables k -> rate'
    (NONE | allowed(some_rates, is_list_of_rates)).check(owner, "learning_rates", learning_rates)
    POSITIVE_INTEGER.check(owner, "iterations", iterations)
    choice("optimum", "fixed").check(owner, "others", others)
    n = 1 if learning_rates is None else len(learning_rates)
    as_many = allowed(f"a list of {n} str, one for each rate", lambda given: len(given) == n)
    (NONE | as_many).check(owner, "names", names)


def _places(owner: str, features: Any, limit: GradientDescentRegressor) -> list[int]:
    """Where in θ the two parameters are."""
    columns = [str(name) for name in getattr(limit, "feature_names_in_", [])]
    first, d = int(limit.fit_intercept), limit.n_features_in_

    def place(feature: Any) -> int | None:
        if isinstance(feature, str):
            if feature == "intercept" and first:
                return 0
            return columns.index(feature) + first if feature in columns else None
        valid = isinstance(feature, int | np.integer) and not isinstance(feature, bool) and 0 <= feature < d
        return int(feature) + first if valid else None

    found = [place(feature) for feature in features] if isinstance(features, list | tuple) else []
    if len(found) != 2 or None in found or found[0] == found[1]:
        named = f", names of columns ({', '.join(columns)})" if columns else ""
        named += ', "intercept"' if first else ""
        raise InvalidParameterError(
            f"The 'features' parameter of {owner} must be two different ones of: numbers from 0 to {d - 1}{named}"
            f". Got {features!r} instead."
        )
    return [int(i) for i in found if i is not None]


def _theta(limit: GradientDescentRegressor, coefs: Array, intercepts: Array) -> Array:
    """θ of shape (p, n) in the coordinates of the descent, from coefficients in original units of shape (d, n)."""
    with beyond_float64():
        slopes = coefs * limit.feature_scale_[:, None]
        return np.vstack([intercepts + limit.feature_shift_ @ coefs, slopes]) if limit.fit_intercept else slopes


def _restricted(H: Array, places: list[int], others: str) -> Array:
    """The Hessian of J over two parameters, the others at their optimum for them or fixed."""
    S: Array = H[np.ix_(places, places)]
    rest = [i for i in range(len(H)) if i not in places]
    if others == "optimum" and rest:
        B = H[np.ix_(rest, places)]
        S = S - B.T @ np.linalg.lstsq(H[np.ix_(rest, rest)], B, rcond=None)[0]
    return (S + S.T) / 2.0


def _half_square(delta: Array, S: Array) -> Array:
    """½ δᵀSδ for each δ in the last axis."""
    half: Array = 0.5 * np.einsum("...i,ij,...j->...", delta, S, delta)
    return np.maximum(half, 0.0)


def _label(limit: GradientDescentRegressor, place: int) -> str:
    """The parameter and its unit."""
    j = place - int(limit.fit_intercept)
    if j < 0:
        places = {"standard": " at the features' means", "minmax": " at the features' minima"}
        where = places.get(limit.scaling or "", "")
        return f"intercept{where} (units of y)"
    names = getattr(limit, "feature_names_in_", None)
    name = f"feature {j}" if names is None else str(names[j])
    if limit.scaling is None:
        return f"coefficient of {name}\n(units of y per unit of it)"
    return f"coefficient of {name}\n× its scale (units of y)"
