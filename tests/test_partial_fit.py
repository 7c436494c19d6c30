"""partial_fit: rows in any parts and order are those of one fit, at a cost and a size that do not grow with them."""

import pickle
import warnings
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LinearRegression
from test_exactness import NIST, load

from gdlearn import DivergenceError, GradientDescentRegressor

X, y = load_diabetes(return_X_y=True, scaled=False)
SCALINGS = [None, "standard", "minmax", "maxabs"]
LEARNED = ["coef_", "intercept_", "loss_", "rank_", "feature_shift_", "feature_scale_", "max_stable_learning_rate_"]


def parts(n, seed, most=60):
    """Indices of rows in random order, in parts of random sizes, one row among them."""
    rng = np.random.default_rng(seed)
    order, sizes = rng.permutation(n), [1]
    while sum(sizes) < n:
        sizes.append(int(rng.integers(1, most + 1)))
    return [part for part in np.split(order, np.cumsum(sizes)[:-1]) if len(part)]


def added(model, X, y, weight=None, seed=0, most=60):
    for part in parts(X.shape[0], seed, most):
        model.partial_fit(X[part], y[part], None if weight is None else weight[part])
    return model


def same(a, b, tolerance=1e-10):
    for name in LEARNED:
        assert_allclose(getattr(a, name), getattr(b, name), rtol=tolerance, atol=1e-13, err_msg=name)


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("options", [{}, {"max_iter": 37}, {"learning_rate": "exact", "max_iter": 9}])
def test_any_parts_in_any_order_are_one_fit(options, weighted, fit_intercept, scaling):
    weight = np.random.default_rng(1).integers(0, 4, len(y)).astype(float) if weighted else None
    model = GradientDescentRegressor(scaling=scaling, fit_intercept=fit_intercept, **options)
    whole = clone(model).fit(X, y, weight)
    for seed in range(4):
        same(added(clone(model), X, y, weight, seed), whole)


@pytest.mark.parametrize("kind", ["csr", "csc", "float32", "targets", "column"])
def test_whatever_fit_takes(kind):
    some, target = X, y
    if kind in ("csr", "csc"):
        some = sparse.csr_array(X) if kind == "csr" else sparse.csc_array(X)
    elif kind == "float32":
        some = X.astype(np.float32)
    elif kind == "targets":
        target = np.column_stack([y, -(y**2)])
    else:
        target = y[:, None]
    whole = GradientDescentRegressor().fit(some, target)
    model = added(GradientDescentRegressor(), some, target)
    assert model.coef_.shape == whole.coef_.shape
    assert model.coef_.dtype == whole.coef_.dtype
    assert_allclose(model.coef_, whole.coef_, rtol=1e-6 if kind == "float32" else 1e-10)
    assert_allclose(model.predict(some), whole.predict(some), rtol=1e-5 if kind == "float32" else 1e-10)


def test_names_of_features_are_kept_and_looked_at():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(10)])
    model = GradientDescentRegressor().partial_fit(frame[:200], y[:200]).partial_fit(frame[200:], y[200:])
    assert list(model.feature_names_in_) == list(frame.columns)
    assert_allclose(model.predict(frame), LinearRegression().fit(X, y).predict(X), rtol=1e-9)
    with pytest.raises(ValueError, match="feature names"):
        model.partial_fit(frame.rename(columns={"x0": "age"}), y)


@pytest.mark.parametrize("path", NIST, ids=lambda path: path.stem)
def test_nearly_singular_columns_of_nist(path):
    """Powers of x up to the tenth: merged matrices of squares would have no digit of Filip's."""
    record, Z, target = load(path)
    whole = GradientDescentRegressor(fit_intercept=record["intercept"]).fit(Z, target)
    for seed in range(3):
        model = added(clone(whole), Z, target, seed=seed, most=9)
        assert model.rank_ == whole.rank_
        gap = np.abs(model.predict(Z) - whole.predict(Z)).max() / target.std()
        assert gap < (1e-6 if record["name"] == "Filip" else 1e-8)


def test_far_columns_outliers_and_trends_keep_their_digits():
    """The first row may be anything; what comes later lies about a middle of its own."""
    for seed in range(4):
        rng = np.random.default_rng(seed)
        Z = np.column_stack([rng.standard_normal(300) + 1e9, np.arange(300.0) * 1e6 + 1.7e9, rng.standard_normal(300)])
        Z[0, 2] = 1e7
        target = Z @ [1.0, 1e-6, 0.5] - 1e9 + rng.standard_normal(300)
        model = GradientDescentRegressor()
        for k in range(300):
            model.partial_fit(Z[k : k + 1], target[k : k + 1])
        whole = GradientDescentRegressor().fit(Z, target)
        assert_allclose(model.coef_, whole.coef_, rtol=1e-8)
        assert_allclose(model.predict(Z), whole.predict(Z), rtol=1e-14, atol=4 * np.spacing(1e9))


@pytest.mark.parametrize("size", [1e-200, 1e-170, 1e170, 1e200])
def test_columns_whose_squares_float64_does_not_hold(size):
    Z, target = X * np.where(np.arange(10) == 3, size, 1.0), y * size
    for parts_of in (np.arange(442), np.arange(442)[::-1]):
        model = GradientDescentRegressor()
        zero = Z[:1] * 0.0
        model.partial_fit(zero, [0.0], [1e-9])
        for part in np.array_split(parts_of, 5):
            model.partial_fit(Z[part], target[part])
        whole = GradientDescentRegressor().fit(
            np.vstack([zero, Z]), np.append(0.0, target), np.append(1e-9, np.ones(442))
        )
        assert_allclose(model.coef_, whole.coef_, rtol=1e-9)


def test_a_target_that_is_zero_here_and_beyond_its_square_there():
    Z, target = X[:40], np.where(np.arange(40) % 4 == 0, 1e200, 0.0)
    model = GradientDescentRegressor()
    for part in np.array_split(np.arange(40), 5):
        model.partial_fit(Z[part], target[part])
    assert_allclose(model.coef_, LinearRegression().fit(Z, target / 1e200).coef_ * 1e200, rtol=1e-9)


def test_means_keep_what_is_below_their_last_digit_when_the_middle_moves():
    """The first row lies aside: the middle becomes the mean of those that follow, and is rounded."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        x = 2.0**30 + np.append(2000.0, np.round(2**12 * rng.standard_normal(60)) / 2**12)
        target = x + np.round(2**12 * rng.standard_normal(61)) / 2**12
        model = GradientDescentRegressor()
        for part in (slice(0, 1), slice(1, 40), slice(40, 61)):
            model.partial_fit(x[part, None], target[part])
        coef = Fraction(float(model.coef_[0]))
        exact = sum(Fraction(v) - coef * Fraction(u) for u, v in zip(x.tolist(), target.tolist(), strict=True)) / 61
        assert float(model.intercept_) == pytest.approx(float(exact), rel=0, abs=1e-8)


def test_factors_with_all_levels_and_constant_columns():
    rng = np.random.default_rng(0)
    levels = rng.integers(0, 3, 90)
    dummies = (levels[:, None] == np.arange(3)).astype(float)
    Z, target = np.column_stack([dummies, np.full(90, 7.3), rng.standard_normal(90)]), levels + rng.standard_normal(90)
    order = np.argsort(levels, kind="stable")  # whole parts lack a level
    model = GradientDescentRegressor()
    for part in np.array_split(order, 9):
        model.partial_fit(Z[part], target[part])
    whole = GradientDescentRegressor().fit(Z, target)
    assert model.rank_ == whole.rank_ == 3
    assert model.coef_[3] == 0.0
    assert_allclose(model.coef_, whole.coef_, rtol=1e-9, atol=1e-13)


def test_the_model_is_found_when_it_is_asked_for_and_forgotten_when_rows_come():
    model = GradientDescentRegressor().partial_fit(X[:200], y[:200])
    assert "coef_" not in vars(model)
    first = model.coef_
    assert model.coef_ is first
    model.partial_fit(X[200:], y[200:])
    assert "coef_" not in vars(model)
    assert model.loss_ == pytest.approx(GradientDescentRegressor().fit(X, y).loss_, rel=1e-12)
    assert not np.allclose(model.coef_, first)
    assert not hasattr(model, "gradient_check_")
    assert not hasattr(model, "nonsense_")


def test_a_call_looks_at_no_model(monkeypatch):
    model = GradientDescentRegressor().partial_fit(X, y)
    monkeypatch.setattr("gdlearn._regressor.solve", None)
    monkeypatch.setattr("gdlearn._partial_fit.limit_by_cholesky", None)
    model.partial_fit(X[:1], y[:1])
    with pytest.raises(TypeError):
        model.coef_  # noqa: B018


def test_the_state_does_not_grow_and_pickles_between_parts():
    sizes = set()
    model = GradientDescentRegressor()
    for part in parts(442, 0):
        model = pickle.loads(pickle.dumps(model.partial_fit(X[part], y[part])))
        sizes.add(sum(array.nbytes for array in vars(model._stream.running).values() if isinstance(array, np.ndarray)))
    assert len(sizes) == 1
    same(model, GradientDescentRegressor().fit(X, y))
    same(pickle.loads(pickle.dumps(model)), GradientDescentRegressor().fit(X, y))


WRONG = {
    "width": (lambda: (X[:5, :3], y[:5]), "features"),
    "NaN": (lambda: (np.where(np.arange(10) == 2, np.nan, X[:5]), y[:5]), "NaN"),
    "NaN in y": (lambda: (X[:2], [1.0, np.nan]), "NaN"),
    "lengths": (lambda: (X[:5], y[:4]), "inconsistent numbers of samples"),
    "targets": (lambda: (X[:5], np.column_stack([y, y])[:5]), r"y has shape \(5, 2\), and that of the first call"),
    "a column": (lambda: (X[:5], y[:5, None]), r"y has shape \(5, 1\)"),
    "weights": (lambda: (X[:5], y[:5], -np.ones(5)), "Negative values in sample_weight"),
    "no rows": (lambda: (X[:0], y[:0]), "0 sample"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_refused_leaves_all_as_it_was(kind):
    given, message = WRONG[kind]
    model = GradientDescentRegressor().partial_fit(X, y)
    coef = model.coef_
    with pytest.raises(ValueError, match=message):
        model.partial_fit(*given())
    assert model.coef_ is coef
    model.partial_fit(X[:50], y[:50])
    twice = GradientDescentRegressor().fit(np.vstack([X, X[:50]]), np.append(y, y[:50]))
    same(model, twice)


def test_an_interrupted_call_leaves_all_as_it_was(monkeypatch):
    from gdlearn import _running_moments

    model = GradientDescentRegressor().partial_fit(X[:100], y[:100])

    def interrupted(self):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_running_moments.RunningMoments, "_about_its_middle", interrupted)
        with pytest.raises(KeyboardInterrupt):
            model.partial_fit(X[100:], y[100:])
    same(model.partial_fit(X[100:], y[100:]), GradientDescentRegressor().fit(X, y))


def test_a_first_call_that_is_refused_leaves_nothing():
    model = GradientDescentRegressor()
    with pytest.raises(ValueError, match="NaN"):
        model.partial_fit(X * np.nan, y)
    with pytest.raises(NotFittedError):
        model.predict(X)
    same(model.partial_fit(X, y), GradientDescentRegressor().fit(X, y))


def test_rows_without_weight_add_nothing():
    model = GradientDescentRegressor().partial_fit(X[:3] * 1e9, y[:3], np.zeros(3))
    with pytest.raises(NotFittedError):
        GradientDescentRegressor().predict(X)
    model.partial_fit(X, y).partial_fit(X[:3] * 1e9, y[:3], np.zeros(3))
    same(model, GradientDescentRegressor().fit(X, y))


def test_fit_forgets_the_parts_and_partial_fit_begins_anew_after_a_fit():
    model = GradientDescentRegressor().partial_fit(X, -y).fit(X, y)
    same(model, GradientDescentRegressor().fit(X, y))
    with pytest.warns(UserWarning, match="begins anew: .* those of the earlier fit are gone"):
        model.partial_fit(X[:200], y[:200])
    same(model, GradientDescentRegressor().fit(X[:200], y[:200]))


def test_what_a_descent_raises_comes_where_the_model_is_asked_for():
    model = GradientDescentRegressor(5.0).partial_fit(X, y)
    with pytest.raises(DivergenceError, match="the largest stable rate"):
        model.predict(X)
    assert_allclose(
        model.set_params(learning_rate="auto").coef_, GradientDescentRegressor().fit(X, y).coef_, rtol=1e-10
    )
    late = GradientDescentRegressor(5.0, max_iter=3).partial_fit(X, y)
    with pytest.warns(ConvergenceWarning, match="does not converge"):
        late.predict(X)


def test_early_stopping_is_refused_and_the_gradient_checked():
    with pytest.raises(ValueError, match="early_stopping=True holds rows out, and partial_fit keeps none"):
        GradientDescentRegressor(early_stopping=True).partial_fit(X, y)
    assert GradientDescentRegressor(check_gradient=True).partial_fit(X, y).gradient_check_.passed


def test_warm_start_begins_where_init_says():
    model = GradientDescentRegressor(0.1, max_iter=3, warm_start=True)
    model.partial_fit(X[:100], y[:100]).coef_  # noqa: B018
    assert_allclose(
        model.partial_fit(X[100:], y[100:]).coef_, GradientDescentRegressor(0.1, max_iter=3).fit(X, y).coef_, rtol=1e-10
    )


def test_no_warning_where_fit_gives_none():
    rng = np.random.default_rng(0)
    x = rng.standard_normal(200)
    Z = np.column_stack([x, x + 1e-9 * rng.standard_normal(200), rng.standard_normal(200)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = added(GradientDescentRegressor(), Z, x)
        assert model.rank_ == GradientDescentRegressor().fit(Z, x).rank_ == 3
    assert_allclose(model.predict(Z), x, atol=1e-8)
