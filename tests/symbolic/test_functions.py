"""The functions of the grammar: values, signs and derivatives at their ends, against mpmath."""

import mpmath
import numpy as np
import pytest
import sympy
from sympy import Rational

from gdlearn.symbolic import SymbolicFunction
from gdlearn.symbolic._functions import ALIASES, CONSTANTS, FUNCTIONS, KERNELS, Choice, cbrt, log10, real_abs, real_sign

x, y = sympy.symbols("x y", real=True)


@pytest.mark.parametrize("at", [-700.0, -30.0, -19.0, -3.0, -1e-8, 0.0, 0.5, 10.0, 20.0, 40.0, 350.0, 1000.0])
def test_the_slope_of_tanh_neither_cancels_nor_overflows(at):
    # 1 − tanh² is 0 from 19 on, where sech² is 1.3e-16 and float64 goes on to 1e-308.
    with mpmath.workdps(40):
        expected = float(mpmath.sech(mpmath.mpf(at)) ** 2)
        of_product = float(2 * mpmath.sech(2 * mpmath.mpf(at)) ** 2)
    assert SymbolicFunction("tanh(x)").gradient_at([at])[0] == pytest.approx(expected, rel=1e-12, abs=1e-300)
    assert SymbolicFunction("tanh(2*x)").gradient_at([at])[0] == pytest.approx(of_product, rel=1e-12, abs=1e-300)
    large = SymbolicFunction("1e200*tanh(x)").gradient_at([at])[0]
    assert large == pytest.approx(1e200 * expected, rel=1e-12, abs=1e-100)


def test_the_slope_of_tanh_is_written_with_sech():
    f = SymbolicFunction("tanh(x*y)")
    assert str(f.partials) == "{'x': y*sech(x*y)**2, 'y': x*sech(x*y)**2}"
    assert str(f.steps("x")[0]) == (
        "chain rule with u = x*y, d/du[tanh(u)] = sech(u)**2: ∂/∂x[tanh(x*y)] = sech(x*y)**2*∂/∂x[x*y]"
    )


@pytest.mark.parametrize(
    ("u", "root"),
    [
        (8, 2),
        (-8, -2),
        (Rational(27, 8), Rational(3, 2)),
        (Rational(-1, 64), Rational(-1, 4)),
        (0, 0),
        (1, 1),
        (-1, -1),
    ],
)
def test_cube_roots_of_cubes_are_exact(u, root):
    assert cbrt(sympy.sympify(u)) == root


@pytest.mark.parametrize("u", [2, -2, 9, Rational(8, 3), Rational(4, 27), 26, 28])
def test_other_cube_roots_are_left_and_have_their_digits(u):
    value = cbrt(sympy.sympify(u))
    assert not value.is_Rational
    with mpmath.workdps(40):
        exact = mpmath.sign(u) * mpmath.cbrt(abs(mpmath.mpf(sympy.Rational(u).p) / sympy.Rational(u).q))
        assert mpmath.almosteq(mpmath.mpf(str(value.evalf(30))), exact, 1e-28)


def test_a_cube_root_takes_its_sign_out_is_real_and_has_its_slope():
    assert cbrt(-x) == -cbrt(x)
    assert cbrt(x - y) + cbrt(y - x) == 0
    assert cbrt(x).is_extended_real
    assert cbrt(sympy.Symbol("z")).is_extended_real is None
    assert cbrt(x).diff(x) == 1 / (3 * cbrt(x) ** 2)
    assert real_abs(cbrt(x)) == sympy.Abs(cbrt(x))
    assert str(SymbolicFunction("abs(cbrt(x))").partials["x"]) == "sign(cbrt(x))/(3*cbrt(x)**2)"


def test_logarithms_to_base_ten_of_powers_of_ten_are_whole():
    for k in (-20, -3, 0, 1, 3, 30):
        assert log10(sympy.Integer(10) ** k) == k
    for u in (2, 11, Rational(1, 5), 999, 1001):
        assert not log10(sympy.sympify(u)).is_Rational
        with mpmath.workdps(40):
            found = mpmath.mpf(str(log10(sympy.sympify(u)).evalf(30)))
            assert mpmath.almosteq(found, mpmath.log10(mpmath.mpf(sympy.Rational(u).p) / sympy.Rational(u).q), 1e-28)
    assert log10(sympy.Integer(0)) == sympy.zoo
    assert log10(sympy.Integer(-10)).func is log10  # not real
    assert log10(x).diff(x) == 1 / (x * sympy.log(10))
    assert log10(sympy.Symbol("p", positive=True)).is_extended_real
    assert log10(x).is_extended_real is None
    assert log10(sympy.Symbol("n", negative=True)).is_extended_real is False


@pytest.mark.parametrize(
    ("u", "v", "chosen"), [(2, 1, "a"), (1, 2, "b"), (1, 1, "b"), (Rational(1, 3), 0, "a"), (-1, 0, "b")]
)
def test_a_choice_takes_the_first_where_its_side_is_larger_and_else_the_second(u, v, chosen):
    a, b = sympy.symbols("a b", real=True)
    choice = Choice(sympy.sympify(u), sympy.sympify(v), a, b)
    assert str(choice) == chosen
    assert KERNELS[Choice](float(u), float(v), "a", "b") == chosen


def test_a_choice_between_equals_is_none_and_its_derivative_is_that_of_the_sides():
    assert Choice(x, y, x, x) == x
    assert Choice(x, y, x, y).func is Choice
    assert Choice(x, y, x**2, sympy.sin(x)).diff(x) == Choice(x, y, 2 * x, sympy.cos(x))
    assert Choice(x, sympy.Integer(1), x, y).func is Choice
    assert Choice(sympy.Integer(1), x, x, y).func is Choice
    assert Choice(x, y, x, y).is_extended_real


def test_abs_and_sign_are_evaluated_where_their_argument_is_known_to_be_real():
    z = sympy.Symbol("z")
    assert real_abs(x**2) == x**2
    assert real_sign(sympy.Integer(-3)) == -1
    assert real_sign(x**2 + 1) == 1
    unsure = real_abs(sympy.sqrt(x))
    assert unsure.func is sympy.Abs
    assert unsure.args == (sympy.sqrt(x),)
    assert real_sign(sympy.sqrt(z)).args == (sympy.sqrt(z),)


def test_max_and_min_of_several_arrays_broadcast():
    a, b, c = np.array([[1.0], [5.0]]), np.array([2.0, 3.0, -1.0]), 2.5
    assert np.array_equal(FUNCTIONS["max"].kernel(a, b, c), np.maximum(np.maximum(a, b), c))
    assert np.array_equal(FUNCTIONS["min"].kernel(a, b, c), np.minimum(np.minimum(a, b), c))
    f = SymbolicFunction("max(x, y, 3) - min(x, y, 3)")
    assert f([1.0, 7.0]) == 6.0
    assert f([4.0, 5.0]) == 2.0
    assert f.gradient_at([1.0, 7.0]).tolist() == [-1.0, 1.0]
    assert f.gradient_at([4.0, 5.0]).tolist() == [0.0, 1.0]


def test_values_of_max_and_min_are_not_compared_beforehand():
    # SymPy would need minutes for it, and write something else than what was typed.
    assert FUNCTIONS["max"].build(x, x + 1).args == sympy.Max(x, x + 1, evaluate=False).args
    assert FUNCTIONS["min"].build(x, x + 1).args == sympy.Min(x, x + 1, evaluate=False).args
    assert SymbolicFunction("max(x, x + 1)")([3.0]) == 4.0
    assert SymbolicFunction("min(x, x + 1)")([3.0]) == 3.0


def test_how_many_arguments_a_function_takes():
    ten, eleven = ", ".join("x" * 10), ", ".join("x" * 11)
    for name in ("max", "min"):
        assert SymbolicFunction(f"{name}({ten})")([2.0]) == 2.0
        with pytest.raises(ValueError, match="10"):
            SymbolicFunction(f"{name}({eleven})")
    for name in ("sin", "ln", "cbrt"):
        with pytest.raises(ValueError, match=f'"{name}" takes 1 argument'):
            SymbolicFunction(f"{name}(x, 2)")


def test_other_names_are_the_same_functions_and_constants():
    assert {alias: FUNCTIONS[alias] is FUNCTIONS[name] for alias, name in ALIASES.items()} == dict.fromkeys(
        ALIASES, True
    )
    assert sorted(ALIASES) == ["arccos", "arcsin", "arctan", "log"]
    assert dict(CONSTANTS) == {"pi": sympy.pi, "e": sympy.E}
    assert SymbolicFunction("log(x)")([5.0]) == pytest.approx(float(mpmath.log(5)))
