"""J as the chapter writes it: called, printed, descended and drawn, beside exact fractions and a NumPy loop."""

import copy
import pickle
import re
import subprocess
import sys
import warnings
from fractions import Fraction

import numpy as np
import pytest
from scipy import sparse

from gdlearn import DescentPath, MeanSquaredError
from gdlearn._descent import Status

X1, Y1 = [1.0, 2.0, 4.0], [2.0, 3.0, 7.0]


def data(n=40, d=2, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) * np.arange(1, d + 1) + 1
    return X, X @ np.arange(1.0, d + 1) + rng.normal(size=n), rng.integers(0, 4, n) + 0.5


def numpy_loop(X, y, w, theta, eta, n_steps, fit_intercept=True):
    """The loop of the blackboard."""
    Z = np.column_stack([np.ones(len(X)), X]) if fit_intercept else X
    points, values = [theta], []
    for _ in range(n_steps + 1):
        residual = y - Z @ points[-1]
        values.append(np.sum(w * residual**2) / w.sum())
        gradient = -2 / w.sum() * Z.T @ (w * residual)
        points.append(points[-1] - eta * gradient)
    return np.array(points[:-1]), np.array(values)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("d", [1, 2, 5])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix, np.float32])
def test_descend_takes_the_steps_of_a_numpy_loop(d, fit_intercept, weighted, kind):
    X, y, w = data(d=d)
    X = X.astype(np.float32).astype(np.float64)
    J = MeanSquaredError(kind(X), y, w if weighted else None, fit_intercept)
    start = np.arange(J.n_parameters) / 2
    path = J.descend(start, 0.01, max_iter=30)
    weight = w if weighted else np.ones(len(y))
    points, values = numpy_loop(X, y, weight, start, 0.01, 30, fit_intercept)
    np.testing.assert_allclose(path.points, points, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(path.values, values, rtol=1e-12)
    np.testing.assert_allclose(path.gradients, J.gradient_at(points), rtol=1e-9, atol=1e-10)
    assert isinstance(path, DescentPath)
    assert path.status is Status.STEPS_DONE
    assert path.variables == J.variables == ("θ₀", "θ₁", "θ₂", "θ₃", "θ₄", "θ₅")[not fit_intercept : d + 1]


def test_values_and_gradients_of_many_points_are_those_of_each():
    X, y, w = data()
    J = MeanSquaredError(X, y, w)
    rng = np.random.default_rng(1)
    for shape in (3,), (7, 3), (20, 30, 3), (0, 3):
        theta = rng.normal(size=shape)
        values, gradients = np.asarray(J(theta)), J.gradient_at(theta)
        assert values.shape == shape[:-1]
        assert gradients.shape == shape
        for index in np.ndindex(*shape[:-1]):
            assert values[index] == pytest.approx(J.value(theta[index]), rel=1e-12)
            np.testing.assert_allclose(gradients[index], J.gradient(theta[index]), rtol=1e-11)
    assert J({"θ₀": 1.0, "θ₂": 3.0, "θ₁": 2.0}) == J([1.0, 2.0, 3.0])
    assert J({"θ₀": [0.0, 1.0], "θ₂": 3.0, "θ₁": 2.0}).shape == (2,)
    assert isinstance(J([1.0, 2.0, 3.0]), float)


def test_beyond_float64_it_is_infinite_or_where_a_picture_asks_nan():
    J = MeanSquaredError(X1, Y1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert J([1e200, 0.0]) == np.inf
        assert np.isnan(J([1e200, 0.0], outside="nan"))
        assert np.isnan(J([[1e200, 0.0], [0.0, 0.0]], outside="nan")).tolist() == [True, False]
        assert np.isnan(J.gradient_at([[1e308, 1e308], [0.0, 0.0]], outside="nan")).all(axis=1).tolist() == [
            True,
            False,
        ]


@pytest.mark.parametrize(
    "x", [X1, tuple(X1), np.array(X1), [[v] for v in X1], range(1, 4), np.ma.array(X1), np.float32(X1)]
)
def test_one_feature_may_be_a_1d_x(x):
    J = MeanSquaredError(x, Y1)
    assert J.variables == ("θ₀", "θ₁")
    assert J([1.0, 1.0]) == pytest.approx((0 + 0 + 4) / 3 if not isinstance(x, range) else (0 + 0 + 9) / 3)


def test_a_series_gives_its_name():
    pd = pytest.importorskip("pandas")
    J = MeanSquaredError(pd.Series(X1, name="height"), Y1)
    assert J.partials["θ₁"] == "−2/N Σ heightₙ (yₙ − ŷₙ)"
    assert MeanSquaredError(pd.Series(X1), Y1).partials["θ₁"] == "−2/N Σ xₙ (yₙ − ŷₙ)"


def test_what_is_no_feature_is_refused():
    for x in (["a", "b", "c"], [], 3.0, [1.0, np.nan, 2.0], np.ma.masked_equal(X1, 2.0)):
        with pytest.raises((ValueError, TypeError)):
            MeanSquaredError(x, Y1)
    with pytest.raises(ValueError, match=r"'theta' parameter of MeanSquaredError .* for θ₀, θ₁"):
        MeanSquaredError(X1, Y1)([1.0])


def test_repr_and_partials_of_one_feature():
    J = MeanSquaredError(X1, Y1)
    assert repr(J) == "MeanSquaredError: J(θ₀, θ₁) = 1/N Σ (yₙ − ŷₙ)² with ŷₙ = θ₀ + θ₁xₙ, N = 3"
    assert dict(J.partials) == {"θ₀": "−2/N Σ (yₙ − ŷₙ)", "θ₁": "−2/N Σ xₙ (yₙ − ŷₙ)"}
    assert str(J.partials).splitlines() == [
        "∂J/∂θ₀ = −2/N Σ (yₙ − ŷₙ)",
        "∂J/∂θ₁ = −2/N Σ xₙ (yₙ − ŷₙ)",
        "with ŷₙ = θ₀ + θ₁xₙ, N = 3",
    ]
    assert r"\frac{\partial J}{\partial \theta_{1}} &= -\frac{2}{N} \sum_n x_n (y_n - \hat y_n)" in J.partials.latex()
    assert J.partials._repr_latex_() == rf"$\displaystyle {J.partials.latex()}$"
    assert r"\hat y_n = \theta_{0} + \theta_{1} x_n" in J._repr_latex_()
    through_the_origin = MeanSquaredError(X1, Y1, fit_intercept=False)
    assert str(through_the_origin.partials).splitlines()[0] == "dJ/dθ₁ = −2/N Σ xₙ (yₙ − ŷₙ)"


def test_weights_and_names_are_in_the_formulas():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"bmi": X1, "petal width (cm)": X1, "y": X1, "z_1": X1})
    J = MeanSquaredError(frame, Y1, [1.0, 2.0, 0.5])
    assert repr(J) == (
        "MeanSquaredError: J(θ₀, θ₁, θ₂, θ₃, θ₄) = 1/W Σ wₙ (yₙ − ŷₙ)² with ŷₙ = θ₀ + θ₁·bmiₙ + θ₂·[petal width (cm)]ₙ "
        "+ θ₃·[y]ₙ + θ₄·z_1ₙ, N = 3, W = Σ wₙ = 3.5"
    )
    assert J.partials["θ₀"] == "−2/W Σ wₙ (yₙ − ŷₙ)"
    assert J.partials["θ₂"] == "−2/W Σ wₙ·[petal width (cm)]ₙ (yₙ − ŷₙ)"
    assert r"\text{z\_1}_n" in J.partials.latex()
    assert MeanSquaredError(np.ones((3, 2)), Y1).partials["θ₂"] == "−2/N Σ xₙ₂ (yₙ − ŷₙ)"
    assert MeanSquaredError(pd.DataFrame({0: X1}), Y1).partials["θ₁"] == "−2/N Σ xₙ (yₙ − ŷₙ)"


def test_many_features_are_abbreviated_in_the_text_alone():
    J = MeanSquaredError(np.ones((3, 30)), Y1)
    assert "J(θ₀, θ₁, …, θ₃₀) = 1/N Σ (yₙ − ŷₙ)² with ŷₙ = θ₀ + θ₁xₙ₁ + … + θ₃₀xₙ₃₀, N = 3" in repr(J)
    assert len(J.partials) == 31
    assert len(str(J.partials).splitlines()) == 8
    assert str(J.partials).splitlines()[4:7] == [
        "…",
        "∂J/∂θ₂₉ = −2/N Σ xₙ₂₉ (yₙ − ŷₙ)",
        "∂J/∂θ₃₀ = −2/N Σ xₙ₃₀ (yₙ − ŷₙ)",
    ]
    assert max(map(len, str(J.descend(np.zeros(31), 0.001, max_iter=2)).splitlines()[:4])) < 80


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_the_partials_as_printed_parse_back_and_are_the_numeric_gradient(weighted, fit_intercept):
    pytest.importorskip("sympy")
    symbolic, pd = pytest.importorskip("gdlearn.symbolic"), pytest.importorskip("pandas")
    X, y, w = data(n=12)
    J = MeanSquaredError(pd.DataFrame(X, columns=["age", "bmi"]), y, w if weighted else None, fit_intercept)
    *lines, model = str(J.partials).splitlines()
    model = re.fullmatch(r"with ŷₙ = (.*), N = 12(?:, W = .*)?", model)[1]
    theta = np.array([0.3, -1.0, 2.0])[not fit_intercept :]

    def typed(text):
        for name, letters in {"ₙ (": "·(", "ₙ": "", "θ₀": "t0", "θ₁": "t1", "θ₂": "t2"}.items():
            text = text.replace(name, letters)
        return text

    rows = {"age": X[:, 0], "bmi": X[:, 1], "y": y, "w": w}
    parameters = dict(zip(["t0", "t1", "t2"][not fit_intercept :], theta, strict=True))
    numeric = []
    for i in range(len(theta)):
        h = 1e-6 * np.eye(len(theta))[i]
        numeric.append((J.value(theta + h) - J.value(theta - h)) / 2e-6)
    for line, expected in zip(lines, numeric, strict=True):
        front, summand = re.fullmatch(r".* = −2/([NW]) Σ (.*)", line).groups()
        f = symbolic.SymbolicFunction(typed(summand).replace("ŷ", f"({typed(model)})"))
        of_rows = f({name: {**rows, **parameters}[name] for name in f.variables})
        assert -2 / {"N": 12, "W": w.sum()}[front] * of_rows.sum() == pytest.approx(expected, rel=1e-7)


def test_by_fractions():
    x, y, w = ([Fraction(v) for v in column] for column in ((1, 2, 5), (3, -1, 2), (1, 4, 2)))
    a, b = Fraction(1, 2), Fraction(-3, 4)
    residual = [yn - a - b * xn for xn, yn in zip(x, y, strict=True)]
    W = sum(w)
    value = sum(wn * r**2 for wn, r in zip(w, residual, strict=True)) / W
    gradient = [-2 * sum(wn * v * r for wn, v, r in zip(w, c, residual, strict=True)) / W for c in ([1, 1, 1], x)]
    J = MeanSquaredError([float(v) for v in x], [float(v) for v in y], [float(v) for v in w])
    assert J([0.5, -0.75]) == pytest.approx(float(value), rel=1e-15)
    np.testing.assert_allclose(J.gradient_at([0.5, -0.75]), [float(g) for g in gradient], rtol=1e-15)


def test_curvature_is_the_largest_eigenvalue_of_the_hessian(monkeypatch):
    X, y, w = data(d=6)
    J = MeanSquaredError(X, y, w)
    Z = np.column_stack([np.ones(len(X)), X])
    L = 2 * np.linalg.svd(np.sqrt(w / w.sum())[:, None] * Z, compute_uv=False)[0] ** 2
    assert J.curvature == pytest.approx(L, rel=1e-12)
    monkeypatch.setattr("gdlearn._mean_squared_error.DENSE", 3)
    assert MeanSquaredError(X, y, w).curvature == pytest.approx(L, rel=1e-9)


def test_a_rate_beyond_the_limit_is_named_beside_it():
    J = MeanSquaredError([1.0, 2.0, 3.0], [2.0, 4.0, 6.0])
    # ∇²J = 2·[[1, 2], [2, 14/3]], whose largest eigenvalue is L = 17/3 + √265/3
    L = (17 + np.sqrt(265)) / 3
    assert J.curvature == pytest.approx(L, rel=1e-14)
    limit = (
        f"The largest curvature of J is L = {L:.3g}, the same everywhere: the largest stable rate is 2/L = {2 / L:.3g}."
    )
    above = J.descend([0.0, 0.0], 0.2)
    assert "J rose from 18.6667" in above.message
    assert "learning_rate=0.2 is too large. " + limit in above.message
    overflow = J.descend([0.0, 0.0], 1e3, max_iter=1000)
    assert overflow.status is Status.DIVERGED
    assert "J overflowed at step" in overflow.message
    assert limit in overflow.message
    with pytest.raises(ValueError, match=r"'start' parameter of descend .* overflows"):
        J.descend([1e200, 0.0], 0.1)
    flat = np.linalg.eigh(J.hessian())[1][:, 0]
    away = np.array([0.0, 2.0]) + flat + 1e-9
    falls = J.descend(away, 0.2, max_iter=3)
    assert falls.values[-1] < falls.values[0]
    assert "learning_rate=0.2 is too large all the same: more steps lead away. " + limit in falls.message
    for rate in 0.9 * 2 / L, 0.1 * 2 / L:
        assert "too large" not in J.descend([0.0, 0.0], rate).message
    heavy = J.descend([0.0, 0.0], 0.5, momentum=0.9).message
    assert f"the largest stable rate is 3.8/L = {3.8 / L:.3g}" in heavy


def test_the_sentences_are_those_of_a_bowl():
    J = MeanSquaredError([1.0, 2.0, 3.0], [2.0, 4.0, 6.5])
    arrived = J.descend([0.0, 0.0], 0.1, max_iter=5000, tol=1e-9).message
    assert arrived.endswith("The end is next to a minimum of J, and J has no lower values anywhere.")
    best = np.linalg.lstsq([[1.0, 1], [1, 2], [1, 3]], [2.0, 4, 6.5], rcond=None)[0]
    from_there = J.descend(best, 0.1, max_iter=100)
    assert "rising at" not in from_there.message
    assert "too large" not in from_there.message
    exact = MeanSquaredError([1.0, 2.0, 3.0], [2.0, 4.0, 6.0]).descend([0.0, 2.0], 0.1).message
    assert exact == "∇J = 0 at the start, which is a minimum of J: no step leads away from it."
    collinear = MeanSquaredError([[1.0, 1.0], [2.0, 2.0]], [1.0, 3.0]).descend([0.0] * 3, 0.05, max_iter=9000, tol=1e-9)
    assert "next to a minimum of J" in collinear.message
    there = J.descend([0.0, 2.0], 0.3, momentum=0.95).values
    up = J.descend([0.0, 2.0], 0.3, momentum=0.95, max_iter=int(np.argmax(there > there[0])))
    assert up.values[-1] > up.values[0]
    assert "learning_rate=0.3 is stable, and momentum may carry a path up on its way" in up.message


def test_several_targets_have_values_but_no_formulas():
    X, y, _ = data()
    J = MeanSquaredError(X, np.column_stack([y, 2 * y]))
    theta = np.ones((3, 2))
    assert J(theta) == J.value(theta)
    assert "summed over the columns of y, of shape (40, 2)" in repr(J)
    assert J._repr_latex_() is None
    for use in (
        lambda: J.partials,
        lambda: J.variables,
        lambda: J.descend(theta),
        lambda: J.explain_step(theta, 0.1),
        lambda: J.gradient_at(theta),
    ):
        with pytest.raises(ValueError, match=r"need y of shape \(n_samples,\). Got shape \(40, 2\) .* y\[:, 0\]"):
            use()


def test_copies_and_pickles_are_the_same_function():
    X, y, w = data()
    J = MeanSquaredError(X, y, w)
    assert J.curvature > 0
    path = J.descend([0.0, 0.0, 0.0], 0.01, max_iter=3)
    for same in pickle.loads(pickle.dumps(J)), copy.deepcopy(J):
        assert repr(same) == repr(J)
        assert str(same.partials) == str(J.partials)
        assert str(same.descend([0.0, 0.0, 0.0], 0.01, max_iter=3)) == str(path)
    assert str(pickle.loads(pickle.dumps(J.partials))) == str(J.partials)
    assert str(pickle.loads(pickle.dumps(path))) == str(path)


def test_a_path_is_a_table_in_a_notebook():
    html = MeanSquaredError(X1, Y1).descend([0.0, 0.0], 0.01, max_iter=2)._repr_html_()
    assert html.count("<tr>") == 4
    assert re.findall(r"<th [^>]*>(.*?)</th>", html) == ["step", "θ₀", "θ₁", "J", "‖∇J‖"]
    assert "<p>All 2 steps were taken; " in html


def test_descending_and_explaining_need_no_sympy():
    code = (
        "import sys; sys.modules['sympy'] = None; from gdlearn import MeanSquaredError as M; import pickle; "
        "J = M([1.0, 2.0], [3.0, 4.0]); J.explain_step([0, 0], 0.1); "
        "print(type(pickle.loads(pickle.dumps(J.descend([0, 0], 9.0)))).__module__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "gdlearn"


@pytest.mark.parametrize("rate", [0.3, 1.0, 1.9, "backtracking"])
@pytest.mark.parametrize("start", [1950, 2015, -40_000])
@pytest.mark.parametrize("height", [1.0, 1e6])
def test_a_flat_valley_is_not_called_a_minimum(height, start, rate):
    """Years: level and slope can hardly be told apart, and stable steps do not move along their difference."""
    years = start + np.arange(10.0)
    y = height * np.array([12.0, 13, 15, 14, 17, 18, 20, 19, 22, 24])
    J = MeanSquaredError(years, y)
    eta = rate if isinstance(rate, str) else rate / J.curvature
    path = J.descend([0.0, 0.0], eta, max_iter=300)
    least = np.polyfit(years - start, y, 1, full=True)[1][0] / 10
    left = float(re.search(r"flat valley: along it J would fall by (\S+) more", path.message)[1])
    assert left == pytest.approx(path.values[-1] - least, rel=1e-2)
    assert "minimum of J" not in path.message.replace("at a minimum", "")
    centred = MeanSquaredError((years - years.mean()) / years.std(), y)
    assert "next to a minimum of J" in centred.descend([0.0, 0.0], 0.1, max_iter=300).message


def test_how_many_steps_lead_along_a_flat_valley():
    """Of a mode of curvature λ a step covers ηλ, with momentum in the long run ηλ/(1 − β)."""
    J = MeanSquaredError(2015.0 + np.arange(10.0), np.arange(10.0) ** 2)
    flattest, steepest = np.linalg.eigvalsh(J.hessian())
    for beta in (0.0, 0.9):
        message = J.descend([0.0, 0.0], 1.0 / steepest, momentum=beta, max_iter=500).message
        steps = float(re.search(r"they need about (\S+)\. ", message)[1])
        assert steps == pytest.approx((1.0 - beta) * steepest / flattest, rel=0.05)
