"""Derivatives at kinks and vertical tangents: given where they exist, against one-sided difference quotients."""

import random

import mpmath
import numpy as np
import pytest
from grammar import by_mpmath, syntax

from gdlearn.symbolic import DomainError, SymbolicFunction

EXIST = {  # text: a point where a part has no derivative, and the gradient that the function has there
    "x*abs(x)": ([0.0], [0.0]),
    "max(x, 0)^2": ([0.0], [0.0]),
    "min(x, 0)^2": ([0.0], [0.0]),
    "abs(x)^3": ([0.0], [0.0]),
    "x^2*sign(x)": ([0.0], [0.0]),
    "abs(x)*sin(x)": ([0.0], [0.0]),
    "cbrt(x)^5": ([0.0], [0.0]),
    "cbrt(x)^3": ([0.0], [1.0]),
    "abs(x)^1.5": ([0.0], [0.0]),
    "max(x, 0)^1.5": ([0.0], [0.0]),
    "max(x, 0) + min(x, 0)": ([0.0], [1.0]),
    "max(x, 0)*min(x, 0)": ([0.0], [0.0]),
    "x*cbrt(x)": ([0.0], [0.0]),
    "x*sqrt(abs(x)) + 2x": ([0.0], [2.0]),
    "x*sqrt(x)": ([0.0], [0.0]),
    "sqrt(x^6) + 3x": ([0.0], [3.0]),
    "(x - 0.1)*abs(x - 0.1)": ([0.1], [0.0]),  # 0.1 is not quite 1/10
    "max(x, 0.1)*(x - 0.1)": ([0.1], [0.1]),
    "(1 - x^2)*asin(x)": ([1.0], [-np.pi]),
    "abs(sin(x))*sin(x)": ([np.pi], [0.0]),
    "abs(x*y)": ([0.0, 0.0], [0.0, 0.0]),
    "max(x, y)*(x - y)": ([0.3, 0.3], [0.3, -0.3]),
    "max(x, y, z)*(x - y)^2": ([1.0, 1.0, 0.0], [0.0, 0.0, 0.0]),
    "sqrt(1 - x^2 - y^2)^3": ([0.6, 0.8], [0.0, 0.0]),
    "exp(y)*x*abs(x) + abs(y)*y": ([0.0, 0.0], [0.0, 0.0]),
}


@pytest.mark.whole
@pytest.mark.parametrize(("text", "case"), EXIST.items(), ids=EXIST)
def test_a_derivative_that_exists_is_given(text, case):
    point, gradient = case
    f = SymbolicFunction(text)
    np.testing.assert_allclose(f.gradient_at(point), gradient, rtol=1e-15, atol=0)
    beside = np.add(point, 0.5)
    both = f.gradient_at([point, beside], outside="nan")
    np.testing.assert_array_equal(both, [f.gradient_at(point), f.gradient_at(beside, outside="nan")])


NOT = {  # text: a point where it has no gradient
    "abs(x)": [0.0],
    "sign(x)": [0.0],
    "sign(x)^2": [0.0],  # which is 0 at 0 and 1 beside it
    "x*sign(x)": [0.0],
    "cbrt(x)": [0.0],
    "cbrt(x)^2": [0.0],
    "sqrt(x)": [0.0],
    "1e20*x + abs(x)": [0.0],  # whose slopes from left and right are one float64
    "abs(x) + abs(x)*x": [0.0],
    "max(x, y)": [0.3, 0.3],
    "abs(sin(x))": [np.pi],
    "acos(cos(x))": [0.0],
    "asin(sin(x))": [np.pi / 2],
    "sqrt(x)*sqrt(-x)": [0.0],
    "sqrt(1 - x^2 - y^2)": [0.6, 0.8],
    "max(x, y, z)": [1.0, 1.0, 0.0],
}


@pytest.mark.whole
@pytest.mark.parametrize(("text", "point"), NOT.items(), ids=NOT)
def test_a_kink_has_no_derivative(text, point):
    f = SymbolicFunction(text)
    assert np.isnan(f.gradient_at(point, outside="nan")).all()
    with pytest.raises(DomainError, match="is differentiable for"):
        f.gradient_at(point)


def test_the_error_names_the_partial_derivatives_that_exist():
    f = SymbolicFunction("x^y")
    with pytest.raises(DomainError, match=r"∂f/∂x exists there, and is given with by=\['x'\]\.$"):
        f.gradient_at([-2.0, 3.0])
    np.testing.assert_array_equal(f.gradient_at([-2.0, 3.0], by=["x"]), [12.0])
    f = SymbolicFunction("abs(x*y) + z")
    with pytest.raises(DomainError, match=r"∂f/∂y and ∂f/∂z exist there, and are given with by=\['y', 'z'\]\.$"):
        f.gradient_at([0.0, 1.0, 2.0])
    np.testing.assert_array_equal(f.gradient_at([0.0, 1.0, 2.0], by=["y", "z"]), [0.0, 1.0])
    with pytest.raises(DomainError, match=r"= 0, y = 1\.$"):
        SymbolicFunction("abs(x*y) + abs(y - 1)").gradient_at([0.0, 1.0])


def test_a_descent_comes_to_rest_at_a_kink_with_a_derivative():
    path = SymbolicFunction("max(x, 0)^2").descend([1.0], 0.5, max_iter=5)
    assert path.points[-1] == 0.0
    assert path.gradients[-1] == 0.0


def quotients(text, point, name):
    """Difference quotients from both sides, over steps so small that what is left of them is far below 1e-9."""
    tree = syntax(text)
    for h in (mpmath.mpf(10) ** -90, -(mpmath.mpf(10) ** -90), mpmath.mpf(10) ** -60):
        value = by_mpmath(tree, {**point, name: point[name] + h})
        if value is not None:
            yield (value - by_mpmath(tree, point)) / h


ATOMS = ["abs(x)", "abs(y)", "abs(x - y)", "sign(x)", "max(x, 0)", "min(y, 0)", "max(x, y)", "cbrt(x)", "cbrt(y)"]
ATOMS += ["sqrt(abs(x))", "sin(x)", "x", "y", "x", "y", "2"]


@pytest.mark.parametrize("seed", [0, *(pytest.param(k, marks=pytest.mark.slow) for k in range(1, 6))])
def test_no_derivative_is_given_where_there_is_none(seed):
    rng = random.Random(seed)
    given = 0
    with mpmath.workdps(400):
        for _ in range(25):
            terms = ["*".join(rng.choices(ATOMS, k=rng.randint(1, 3))) for _ in range(rng.randint(1, 3))]
            text = rng.choice(["{}", "({})^2", "abs({})", "cbrt({})"]).format(" + ".join(terms))
            f = SymbolicFunction(text, ["x", "y"])
            for x, y in ([0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]):
                point = {"x": mpmath.mpf(x), "y": mpmath.mpf(y)}
                for name in "xy":
                    (partial,) = f.gradient_at([x, y], by=[name], outside="nan")
                    if np.isfinite(partial):
                        given += 1
                        for quotient in quotients(text, point, name):
                            assert abs(quotient - partial) <= 1e-9 * (1 + abs(partial)), (text, x, y, name)
    assert given > 50
