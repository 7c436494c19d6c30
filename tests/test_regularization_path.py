import numpy as np
import pytest
from samples import plain
from scipy import linalg, sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge, enet_path, lasso_path
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, StandardScaler

from gdlearn import GradientDescentRegressor, _minima, regularization_path
from gdlearn import _regularization_path as room
from gdlearn import _solve as routes

SCALERS = {"standard": StandardScaler, "minmax": MinMaxScaler, "maxabs": MaxAbsScaler}


def rows(n=60, d=5, t=None):
    X, y = plain(n, d, t)
    return X * np.geomspace(0.5, 20.0, d) + np.linspace(0.0, 4.0, d), y + 10.0


def assert_close(coefs, expected, X, rtol):
    """Each feature's coefficients, by what they do to predictions."""
    size = np.sqrt(np.mean(X**2, axis=0))[:, None]
    np.testing.assert_allclose(coefs * size, expected * size, rtol=0, atol=rtol * np.abs(expected * size).max())


def J(X, y, coef, intercept, alpha, l1_ratio, weight=None):
    """Of standardised features."""
    slopes = coef * np.sqrt(np.cov(X, rowvar=False, bias=True, aweights=weight).diagonal())
    error = np.average((y - X @ coef - intercept) ** 2, weights=weight)
    return error + alpha * (1 - l1_ratio) * slopes @ slopes + 2 * alpha * l1_ratio * np.abs(slopes).sum()


@pytest.mark.parametrize(("n", "d"), [(60, 5), (30, 70)])
@pytest.mark.parametrize("l1_ratio", [0.3, 1.0])
def test_the_path_of_scikit_learn(n, d, l1_ratio):
    X, y = rows(n, d)
    Z = StandardScaler().fit_transform(X)
    alphas, coefs, intercepts, losses = regularization_path(X, y, alphas=15, eps=1e-2, l1_ratio=l1_ratio)
    assert coefs.shape == (d, 15)
    assert intercepts.shape == losses.shape == alphas.shape == (15,)
    peer = {"alphas": alphas, "tol": 1e-14, "max_iter": 1_000_000}
    if l1_ratio == 1.0:
        _, expected, _ = lasso_path(Z, y - y.mean(), **peer)
    else:
        _, expected, _ = enet_path(Z, y - y.mean(), l1_ratio=l1_ratio, **peer)
    np.testing.assert_allclose(coefs * X.std(axis=0)[:, None], expected, rtol=0, atol=1e-7 * np.abs(expected).max())
    # Older solvers of the peer leave a slope next to nothing where it is nothing.
    np.testing.assert_array_equal(coefs == 0, np.abs(expected) < 1e-9 * np.abs(expected).max())
    assert not coefs[:, 0].any()
    assert np.count_nonzero(coefs[:, 1])
    for k in range(15):
        assert losses[k] == pytest.approx(J(X, y, coefs[:, k], intercepts[k], alphas[k], l1_ratio), rel=1e-10)


@pytest.mark.parametrize(("n", "d"), [(60, 5), (30, 70)])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("scaling", [None, "standard", "minmax", "maxabs"])
def test_ridge_is_that_of_scikit_learn(n, d, fit_intercept, scaling):
    X, Y = rows(n, d, t=2)
    weight = np.linspace(0.5, 2.0, n)
    alphas, coefs, intercepts, _ = regularization_path(
        X, Y, alphas=6, scaling=scaling, fit_intercept=fit_intercept, sample_weight=weight
    )
    scale = np.ones(d)
    if scaling is not None:
        fitted = SCALERS[scaling]().fit(X, sample_weight=weight) if scaling == "standard" else SCALERS[scaling]().fit(X)
        scale = 1.0 / fitted.scale_ if scaling == "minmax" else fitted.scale_
    for k, alpha in enumerate(alphas):
        peer = Ridge(alpha * weight.sum(), fit_intercept=fit_intercept, solver="svd").fit(X / scale, Y, weight)
        assert_close(coefs[:, :, k].T, peer.coef_.T / scale[:, None], X, 1e-9)
        np.testing.assert_allclose(intercepts[:, k], peer.intercept_ * np.ones(2), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("n", "d"), [(60, 5), (30, 70)])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("scaling", [None, "standard", "minmax", "maxabs"])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_each_is_the_fit_of_the_estimator(n, d, l1_ratio, scaling, fit_intercept):
    X, Y = rows(n, d, t=2)
    weight = np.linspace(0.0, 2.0, n)
    settings = {"l1_ratio": l1_ratio, "scaling": scaling, "fit_intercept": fit_intercept}
    alphas, coefs, intercepts, losses = regularization_path(X, Y, alphas=4, eps=0.02, sample_weight=weight, **settings)
    assert (np.diff(alphas) < 0).all()
    for k, alpha in enumerate(alphas):
        model = GradientDescentRegressor(alpha=alpha, **settings).fit(X, Y, weight)
        assert_close(coefs[:, :, k].T, model.coef_.T, X, 1e-9)
        np.testing.assert_allclose(intercepts[:, k], model.intercept_ * np.ones(2), rtol=1e-9, atol=1e-8)
        np.testing.assert_array_equal(coefs[:, :, k] == 0, model.coef_ == 0)
        assert losses[k] == pytest.approx(model.loss_, rel=1e-9)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5])
@pytest.mark.parametrize("scaling", ["standard", None])
def test_sparse_rows(l1_ratio, scaling):
    X, y = rows()
    X[np.abs(X) < 1.0] = 0.0
    settings = {"alphas": 5, "l1_ratio": l1_ratio, "scaling": scaling}
    for dense, stored in zip(
        regularization_path(X, y, **settings), regularization_path(sparse.csr_array(X), y, **settings), strict=True
    ):
        np.testing.assert_allclose(stored, dense, rtol=1e-6 if l1_ratio == 0 else 1e-9, atol=1e-12)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5])
def test_alphas_come_back_as_they_were_given_and_0_is_no_penalty(l1_ratio):
    X, y = rows()
    given = [0.1, 0.0, 3.0, 0.1]
    alphas, coefs, intercepts, losses = regularization_path(X, y, alphas=given, l1_ratio=l1_ratio)
    np.testing.assert_array_equal(alphas, given)
    np.testing.assert_array_equal(coefs[:, 0], coefs[:, 3])
    best, *_ = np.linalg.lstsq(np.column_stack([np.ones(len(X)), X]), y, rcond=None)
    np.testing.assert_allclose(np.append(intercepts[1], coefs[:, 1]), best, rtol=1e-10)
    assert losses[2] > losses[0] > losses[1]


def test_nearly_collinear_features_keep_their_digits():
    n, d = 40, 8
    Z = linalg.hilbert(n)[:, :d] * np.geomspace(1e-3, 1e3, d)
    y = np.cos(np.arange(n))
    alphas = np.geomspace(1e-11, 1e-2, 4)
    _, coefs, _, _ = regularization_path(Z, y, alphas=alphas)
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(60):
        X, b = mpmath.matrix(Z.tolist()), mpmath.matrix(y.tolist())
        means = [mpmath.fsum(X[:, j]) / n for j in range(d)]
        C = mpmath.matrix(n, d)
        for i in range(n):
            for j in range(d):
                C[i, j] = X[i, j] - means[j]
        S = C.T * C / n
        right = C.T * b / n
        for k, alpha in enumerate(alphas):
            A = S.copy()
            for j in range(d):
                A[j, j] += mpmath.mpf(alpha) * S[j, j]  # the variance: the slope of the standardised feature is charged
            exact = mpmath.lu_solve(A, right)
            sigma = np.sqrt([float(S[j, j]) for j in range(d)])
            expected = sigma * [float(x) for x in exact]
            np.testing.assert_allclose(sigma * coefs[:, k], expected, rtol=0, atol=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5])
def test_where_no_matrix_is_formed_the_minima_are_the_same(monkeypatch, l1_ratio):
    X, y = rows()
    settings = {"alphas": 5, "eps": 0.01, "l1_ratio": l1_ratio, "scaling": "standard"}
    alphas, coefs, intercepts, losses = regularization_path(X, y, **settings)
    monkeypatch.setattr(routes, "LARGEST_MATRIX", 1)
    monkeypatch.setattr(room, "AT_ONCE", 10)  # two alphas at once
    other, looped, others, values = regularization_path(X, y, **settings)
    np.testing.assert_allclose(other, alphas, rtol=1e-2)  # λ_max is known to a thousandth
    if l1_ratio:
        np.testing.assert_allclose(other, alphas, rtol=1e-12)
    _, looped, others, values = regularization_path(X, y, **settings | {"alphas": alphas})
    assert_close(looped, coefs, X, 1e-8)
    np.testing.assert_allclose(others, intercepts, rtol=1e-8)
    np.testing.assert_allclose(values, losses, rtol=1e-8)


def test_steps_that_do_not_arrive_are_told_of(monkeypatch):
    X, y = rows()
    monkeypatch.setattr(_minima, "LONGEST", 2)
    with pytest.warns(ConvergenceWarning, match="with an L1 penalty did not come to its minimum in 2 steps"):
        regularization_path(X, y, alphas=3, l1_ratio=1.0)


def test_units_beyond_squares():
    X, y = rows()
    for l1_ratio, unit in ((1.0, 1e-170), (0.0, 1.0)):  # an L1 penalty is in units of y, a ridge term is not
        alphas, coefs, _, _ = regularization_path(X, y, alphas=3, l1_ratio=l1_ratio)
        other, *_ = regularization_path(1e-170 * X, 1e-170 * y, alphas=3, l1_ratio=l1_ratio)
        np.testing.assert_allclose(other, unit * alphas, rtol=1e-3)
        _, same, _, _ = regularization_path(1e-170 * X, 1e-170 * y, alphas=unit * alphas, l1_ratio=l1_ratio)
        assert_close(same, coefs, X, 1e-10)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("alphas", 0),
        ("alphas", 1.5),
        ("alphas", []),
        ("alphas", [1.0, -0.1]),
        ("alphas", [np.nan]),
        ("alphas", [[1.0]]),
        ("l1_ratio", 1.1),
        ("l1_ratio", np.nan),
        ("eps", 0.0),
        ("eps", 1.0),
        ("scaling", "robust"),
        ("fit_intercept", 1),
    ],
)
def test_bad_arguments_are_named(name, value):
    X, y = rows()
    with pytest.raises((ValueError, TypeError), match=rf"'{name}' parameter of regularization_path must be"):
        regularization_path(X, y, **{name: value})


def test_bad_rows_are_refused():
    X, y = rows()
    X[3, 2] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        regularization_path(X, y)
    with pytest.raises(ValueError, match="sample_weight"):
        regularization_path(rows()[0], y, sample_weight=-np.ones(len(y)))


ONE = rows(d=1)[0]


@pytest.mark.parametrize(
    "X",
    [ONE, np.column_stack([ONE, np.full(60, 5.0), ONE**2]), np.column_stack([ONE, ONE**2, 2.0 * ONE])],
    ids=["one feature", "a constant", "the same twice"],
)
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5])
@pytest.mark.parametrize("scaling", [None, "standard", "minmax"])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_degenerate_rows(X, l1_ratio, scaling, fit_intercept):
    y = rows(d=1)[1]
    settings = {"l1_ratio": l1_ratio, "scaling": scaling, "fit_intercept": fit_intercept}
    alphas, coefs, intercepts, losses = regularization_path(X, y, alphas=[3.0, 1e-3, 0.0], **settings)
    for k, alpha in enumerate(alphas):
        model = GradientDescentRegressor(alpha=alpha, **settings).fit(X, y)
        assert_close(coefs[:, [k]], model.coef_[:, None], X, 1e-9)
        assert intercepts[k] == pytest.approx(model.intercept_, rel=1e-9, abs=1e-9)
        assert losses[k] == pytest.approx(model.loss_, rel=1e-9)


def test_a_target_that_is_constant_and_a_single_row():
    _, coefs, intercepts, losses = regularization_path(rows()[0], np.full(60, 2.0), alphas=3, l1_ratio=1.0)
    assert not coefs.any()
    np.testing.assert_array_equal(intercepts, 2.0)
    np.testing.assert_array_equal(losses, 0.0)
    _, coefs, intercepts, _ = regularization_path(np.ones((1, 3)), [4.0], alphas=3)
    assert not coefs.any()
    np.testing.assert_array_equal(intercepts, 4.0)
