"""Second derivatives against mpmath, and the kinds of stationary points against textbooks."""

import mpmath
import numpy as np
import pytest

from gdlearn.symbolic import DomainError, SymbolicFunction


@pytest.mark.parametrize(
    ("text", "formula", "point"),
    [
        ("x^2*y + sin(x*y)", lambda x, y: x**2 * y + mpmath.sin(x * y), (1.3, -0.7)),
        ("exp(x)/y - ln(x*y)", lambda x, y: mpmath.exp(x) / y - mpmath.log(x * y), (0.4, 2.5)),
        ("abs(x)^3*cbrt(y)", lambda x, y: abs(x) ** 3 * mpmath.cbrt(y), (-1.2, 3.0)),
        ("max(x^2, y)*x", lambda x, y: max(x**2, y) * x, (2.0, 1.0)),
        ("(1 - cos(x))/x^2 + y^2", lambda x, y: (1 - mpmath.cos(x)) / x**2 + y**2, (1e-4, 1.0)),
    ],
)
def test_second_derivatives(text, formula, point):
    f = SymbolicFunction(text)
    with mpmath.workdps(60):
        orders = {(0, 0): (2, 0), (0, 1): (1, 1), (1, 0): (1, 1), (1, 1): (0, 2)}
        exact = [[float(mpmath.diff(formula, point, orders[i, j])) for j in (0, 1)] for i in (0, 1)]
    np.testing.assert_allclose(f.hessian_at(point), exact, rtol=1e-10, atol=1e-12)
    assert f.hessian == f.hessian.T
    stacked = f.hessian_at([[point, point]])
    assert stacked.shape == (1, 2, 2, 2)
    np.testing.assert_array_equal(stacked[0, 1], f.hessian_at(point))


@pytest.mark.parametrize(
    ("text", "point", "kind", "eigenvalues"),
    [
        ("x^2 + 3y^2", [0, 0], "minimum", [2, 6]),
        ("-x^2 - y^2", [0, 0], "maximum", [-2, -2]),
        ("x^2 - y^2", [0, 0], "saddle", [-2, 2]),
        ("x*y", [0, 0], "saddle", [-1, 1]),
        ("x^3 - 3x*y^2", [0, 0], "undecided", [0, 0]),
        ("x^2 + y^4", [0, 0], "undecided", [0, 2]),
        ("x^2 + y^2", [1, 0], "not stationary", [2, 2]),
        ("x^3 + y^3 - 3x*y", [1, 1], "minimum", [3, 9]),  # the folium of the textbooks
        ("x^3 + y^3 - 3x*y", [0, 0], "saddle", [-3, 3]),
        ("sin(x)*sin(y)", [np.pi / 2, np.pi / 2], "maximum", [-1, -1]),  # stationary but for the rounding of pi
        ("(1 - x)^2 + 100(y - x^2)^2", [1, 1], "minimum", [501 - np.sqrt(250601), 501 + np.sqrt(250601)]),
        ("0.1x^2 + 1e-17*y^2", [0, 0], "undecided", [2e-17, 0.2]),
    ],
)
def test_kinds(text, point, kind, eigenvalues):
    found = SymbolicFunction(text).classify(point)
    assert found.kind == kind
    np.testing.assert_allclose(found.eigenvalues, eigenvalues, rtol=1e-9, atol=1e-12)
    assert kind in str(found) or kind.capitalize() in str(found) or "No stationary" in str(found)


def test_a_point_that_is_nearly_stationary():
    cubic = SymbolicFunction("x^3")
    assert cubic.classify(1e-5, tol=1e-6).kind == "undecided"
    assert cubic.classify(1e-5).kind == "not stationary"
    assert SymbolicFunction("x^2*(1 + x)").classify(1e-7, tol=1e-6).kind == "minimum"
    assert SymbolicFunction("x^2 - y^2").classify([1e-8, 1e-8], tol=1e-6).kind == "saddle"


def test_no_second_derivative():
    with pytest.raises(DomainError, match="differentiable for x != 0"):
        SymbolicFunction("abs(x)").classify(0.0)
    with pytest.raises(DomainError, match="float64"):
        SymbolicFunction("x^1.5").hessian_at(0.0)
    assert np.isnan(SymbolicFunction("ln(x)").hessian_at(-1.0, outside="nan")).all()
