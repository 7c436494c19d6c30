"""The residual sum of squares of a model typed as text, on the nonlinear reference data of NIST and by hand."""

import numpy as np
import pytest
from grammar import NIST, complex_value
from test_symbolic_function import model_of

from gdlearn import MeanSquaredError
from gdlearn._descent import Status
from gdlearn.symbolic import DomainError, ResidualSumOfSquares, SymbolicFunction
from gdlearn.symbolic import _residuals as module


def problem_of(name):
    """S of a NIST model."""
    f, columns, _ = model_of(name)
    y = columns.pop("y")
    return ResidualSumOfSquares(f, columns, np.log(y) if NIST[name]["lhs"] == "log(y)" else y)


def test_by_hand():
    S = ResidualSumOfSquares(SymbolicFunction("a + b*x"), {"x": [1.0, 2.0]}, [1.0, 5.0])
    assert S.variables == ("a", "b")
    # Residuals 1 − (1 + 2) = −2 and 5 − (1 + 4) = 0.
    assert S([1.0, 2.0]) == 4.0
    np.testing.assert_array_equal(S.gradient_at([1.0, 2.0]), [4.0, 4.0])
    assert S({"b": 2.0, "a": [1.0, 0.0]}).tolist() == [4.0, 2.0]
    assert "2 rows of x and y" in repr(S)
    path = S.descend({"a": 0.0, "b": 0.0}, 0.1, max_iter=2000, tol=1e-10)
    np.testing.assert_allclose(path.points[-1], [-3.0, 4.0], rtol=1e-8)
    assert "‖∇S‖" in path.message
    assert "S fell from 26" in path.message


@pytest.mark.parametrize("name", NIST)
def test_nist_value_and_gradient_equal_complex_steps(name):
    S = problem_of(name)
    for point in ("start1", "start2", "certified"):
        theta = np.array(NIST[name][point])
        model = {**dict(zip(S.variables, theta, strict=True)), **S.data}
        residual = S.y - complex_value(S.model._tree, model)
        assert S(theta) == pytest.approx(residual @ residual, rel=1e-10)
        for i, parameter in enumerate(S.variables):
            stepped = {v: np.asarray(value, dtype=complex) for v, value in model.items()}
            stepped[parameter] = stepped[parameter] + 1e-200j
            partial = np.broadcast_to(complex_value(S.model._tree, stepped), len(S.y)).imag / 1e-200
            # Relative to the terms of the sum, which cancel at the optimum.
            terms = 2 * np.linalg.norm(residual) * np.linalg.norm(partial)
            assert S.gradient_at(theta)[i] == pytest.approx(-2 * residual @ partial, rel=1e-9, abs=1e-9 * terms)


@pytest.mark.parametrize("name", NIST)
def test_nist_gradient_vanishes_at_the_certified_parameters(name):
    S, theta = problem_of(name), np.array(NIST[name]["certified"])
    if name != "Lanczos1":  # its residuals are smaller than eleven printed digits resolve
        assert S(theta) == pytest.approx(float(NIST[name]["rss_text"]), rel=1e-5)
    model = {**dict(zip(S.variables, theta, strict=True)), **S.data}
    partials = S.model.gradient_at({v: model[v] for v in S.model.variables}, by=S.variables)
    lengths = np.linalg.norm(partials, axis=0)
    gradient = S.gradient_at(theta)
    # The step of Gauss and Newton to where it vanishes is below the eleven digits that are printed.
    hessian = 2 * (partials / lengths).T @ (partials / lengths)
    step = np.linalg.lstsq(hessian, gradient / lengths, rcond=None)[0] / lengths
    assert np.abs(step / theta).max() < 5e-10
    if name != "Lanczos1":  # its terms vanish too
        assert np.abs(gradient / (2 * np.sqrt(S(theta)) * lengths)).max() < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("name", NIST)
def test_nist_descent_with_a_line_search_reduces_every_one(name):
    S = problem_of(name)
    path = S.descend(NIST[name]["start2"], "backtracking")
    assert (np.diff(path.values) < 0).all()
    assert path.values[-1] < 0.999 * path.values[0]
    assert path.values[-1] >= 0.99999 * float(NIST[name]["rss_text"])
    assert path.status in (Status.STEPS_DONE, Status.LIMIT)


def test_blocks_of_points_give_what_one_gives(monkeypatch):
    S = problem_of("Misra1a")
    grid = np.stack(np.meshgrid(np.linspace(200, 260, 7), np.linspace(4e-4, 6e-4, 5)), axis=-1)
    values, gradients = S(grid), S.gradient_at(grid)
    assert values.shape == (5, 7)
    assert gradients.shape == (5, 7, 2)
    monkeypatch.setattr(module, "BLOCK", 3 * len(S.y))
    np.testing.assert_array_equal(S(grid), values)
    np.testing.assert_allclose(S.gradient_at(grid), gradients, rtol=1e-13)
    assert S(grid[2, 3]) == values[2, 3]
    assert S(np.empty((0, 2))).shape == (0,)


def test_outside_the_domain():
    S = ResidualSumOfSquares(SymbolicFunction("ln(b + x)"), {"x": [0.0, 3.0]}, [0.0, 1.0])
    with pytest.raises(DomainError, match=r"needs b \+ x > 0.*b = -1, x = 0"):
        S([-1.0])
    with pytest.raises(DomainError, match=r"needs b \+ x > 0.*b = -1, x = 0"):
        S.gradient_at([-1.0])
    assert np.isnan(S([[-1.0], [1.0]], outside="nan")).tolist() == [True, False]
    assert np.isnan(S.gradient_at([[-1.0], [1.0]], outside="nan")).tolist() == [[True], [False]]
    assert S.descend([5.0], 1e3).status is Status.LEFT_DOMAIN
    assert S.descend([5.0], "backtracking").status is Status.LIMIT
    line = ResidualSumOfSquares(SymbolicFunction("b*x"), {"x": [1.0]}, [0.0])
    with pytest.raises(DomainError, match="sum of squared residuals is too large for float64 at b = 1e"):
        line([1e200])
    assert np.isnan(line([1e200], outside="nan"))
    assert line.descend([1.0], 3.0, max_iter=10_000).status is Status.DIVERGED


@pytest.mark.parametrize("text", ["b*sqrt(x)", "b*abs(x)", "b*max(x, 0)"])
def test_a_kink_in_the_data_does_not_matter(text):
    S = ResidualSumOfSquares(SymbolicFunction(text), {"x": [0.0, 1.0]}, [1.0, 3.0])
    np.testing.assert_allclose(S.gradient_at([1.0]), [-4.0])


@pytest.mark.parametrize("momentum", [0.0, 0.8])
def test_the_mean_of_a_line_descends_as_the_mean_squared_error_does(momentum):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 30))
    typed = ResidualSumOfSquares("a + b*x", {"x": x}, y, reduction="mean")
    J = MeanSquaredError(x, y)
    paths = [f.descend([1.0, -1.0], 0.1, momentum=momentum, max_iter=50) for f in (typed, J)]
    np.testing.assert_allclose(paths[0].points, paths[1].points, rtol=1e-12)
    np.testing.assert_allclose(paths[0].values, paths[1].values, rtol=1e-12)
    np.testing.assert_allclose(paths[0].gradients, paths[1].gradients, rtol=1e-9, atol=1e-13)
    assert 'reduction="mean"' in repr(typed)
    assert (typed.symbol, typed.variables) == ("J", ("a", "b"))


def test_the_mean_of_a_curve_is_the_sum_over_n():
    data, y = {"x": [0.0, 1.0, 2.0]}, [1.0, 3.0, 7.0]
    S, J = ResidualSumOfSquares("a*exp(b*x)", data, y), ResidualSumOfSquares("a*exp(b*x)", data, y, "mean")
    theta = np.random.default_rng(0).normal(size=(5, 2))
    np.testing.assert_allclose(J(theta), S(theta) / 3, rtol=1e-14)
    np.testing.assert_allclose(J.gradient_at(theta), S.gradient_at(theta) / 3, rtol=1e-14)
    assert "‖∇J‖" in J.descend([1.0, 1.0], 0.01, max_iter=2).message
    same = ResidualSumOfSquares(SymbolicFunction("a*exp(b*x)"), data, y)
    assert repr(same) == repr(S)
    assert same([1.0, 1.0]) == S([1.0, 1.0])


def test_wrong_data():
    f = SymbolicFunction("a*x + b")
    for data, y, message in (
        ({"z": [1.0]}, [1.0], r"'data' parameter .* variables of the model: a, b, x. Got z"),
        ({"a": [1.0], "x": [1.0], "b": [1.0]}, [1.0], "not all of them"),
        ([1.0], [1.0], "'data' parameter .* a mapping"),
        ({"x": [1.0, 2.0]}, [1.0], "one length. Got x: 2, y: 1"),
        ({"x": [[1.0]]}, [1.0], "'x' column .* 1-D"),
        ({"x": []}, [], "'x' column .* non-empty"),
        ({"x": [np.nan]}, [1.0], "'x' parameter .* finite real numbers"),
        ({"x": [0.0] * 41 + [np.nan] + [0.0] * 9}, [1.0], "'x' parameter .* Got nan at index 41 instead"),
        ({"x": [1.0]}, ["one"], "'y' parameter .* finite real numbers"),
    ):
        with pytest.raises(ValueError, match=message):
            ResidualSumOfSquares(f, data, y)
    with pytest.raises(ValueError, match=r"'model' parameter .* a SymbolicFunction or its text"):
        ResidualSumOfSquares(lambda x: x, {"x": [1.0]}, [1.0])
    with pytest.raises(ValueError, match=r"'reduction' parameter of ResidualSumOfSquares .* 'median'"):
        ResidualSumOfSquares(f, {"x": [1.0]}, [1.0], reduction="median")
    S = ResidualSumOfSquares(f, {"x": [1.0]}, [1.0])
    with pytest.raises(ValueError, match=r"'theta' parameter .* 2 entries on its last axis, for a, b"):
        S([1.0])
    with pytest.raises(ValueError, match='outside must be "raise" or "nan"'):
        S([1.0, 2.0], outside="zero")
