"""Values and gradients where float64 loses digits, and the warning where they cannot be had: against mpmath."""

import threading
import warnings

import mpmath
import numpy as np
import pytest
from grammar import by_mpmath, syntax

from gdlearn.symbolic import DomainError, PrecisionWarning, SymbolicFunction, _precise, _values
from gdlearn.symbolic._functions import ALIASES, FUNCTIONS

CANCELLING = {  # text: the same for mpmath, and points where a plain evaluation has few digits or none
    "(exp(x) - 1)/x": (lambda x: mpmath.expm1(x) / x, [1e-9, -1e-15, 1e-200]),
    "(1 - cos(x))/x^2": (lambda x: 2 * (mpmath.sin(x / 2) / x) ** 2, [1e-5, 1e-9, 1e-160]),
    "sin(x)/x": (lambda x: mpmath.sin(x) / x, [1e-8, -1e-3, 1e-300]),
    "(x^2 - 1)/(x - 1)": (lambda x: x + 1, [1.0001, 1 + 2**-52, 1 - 2**-53]),
    "ln(1 + x)/x": (lambda x: mpmath.log1p(x) / x, [1e-12, -1e-100]),
    "ln(1 + exp(x))": (lambda x: mpmath.log1p(mpmath.exp(x)), [1000.0, 1e5, -40.0, -700.0]),
    "1/(1 + exp(-x))": (lambda x: 1 / (1 + mpmath.exp(-x)), [40.0, -700.0, 500.0]),
    "ln(exp(x) + exp(2x)) - 2x": (lambda x: mpmath.log1p(mpmath.exp(-x)), [600.0, 40.0]),
    "sqrt(x^2 + 1)": (lambda x: mpmath.hypot(x, 1), [1e200, -1e160]),
    "sqrt(x + 1) - sqrt(x)": (lambda x: 1 / (mpmath.sqrt(x + 1) + mpmath.sqrt(x)), [1e12, 1e30]),
    "cosh(x) - 1": (lambda x: 2 * mpmath.sinh(x / 2) ** 2, [1e-6, 1e-20]),
    "x - sin(x)": (lambda x: x - mpmath.sin(x), [1e-5, 1e-100]),
    "tan(x) - sin(x)": (lambda x: mpmath.tan(x) - mpmath.sin(x), [1e-6, np.pi]),
    "(x + 1)^2 - x^2 - 2x": (lambda x: mpmath.mpf(1), [1e9, 1e200, 3.7]),
    "sin(x^2)": (lambda x: mpmath.sin(x**2), [1e8, 1e100]),
    "erf(x^2) - 1": (lambda x: -mpmath.erfc(x**2), [3.0, 5.0]),
    "cbrt(1 + x) - 1": (lambda x: mpmath.expm1(mpmath.log1p(x) / 3), [1e-12]),
    "(1 + 1/x)^x - e": (lambda x: mpmath.exp(x * mpmath.log1p(1 / x)) - mpmath.e, [1e9, 1e14]),
    "x^pi - x^3": (lambda x: x**mpmath.pi - x**3, [1 + 1e-12]),
    "abs(x^2 - 2)*max(x^2 - 2, 0)": (lambda x: (x**2 - 2) ** 2, [float(np.sqrt(2))]),
    "1e16 + x - 1e16": (lambda x: x, [0.1, 3e-20]),
}


@pytest.mark.parametrize(("text", "formula_and_points"), CANCELLING.items(), ids=CANCELLING)
def test_no_digit_is_lost_to_cancellation(text, formula_and_points):
    formula, points = formula_and_points
    f = SymbolicFunction(text)
    with mpmath.workdps(700):
        exact = [float(formula(mpmath.mpf(x))) for x in points]
        slopes = [float(mpmath.diff(formula, mpmath.mpf(x), h=mpmath.mpf(10) ** -400)) for x in points]
    column = np.array(points)[:, np.newaxis]
    np.testing.assert_allclose(f(column), exact, rtol=1e-10, atol=0)
    np.testing.assert_allclose(f.gradient_at(column)[:, 0], slopes, rtol=1e-10, atol=1e-307)
    assert [f(x) for x in points] == f(column).tolist()


def test_a_gradient_that_is_zero_is_exactly_zero():
    f = SymbolicFunction("sin(x)^2 + cos(x)^2 + y^2 - 2y - exp(ln(x)) + x")
    np.testing.assert_array_equal(f.gradient_at([0.3, 1.0]), [0.0, 0.0])
    assert SymbolicFunction("sin(x)^2 + cos(x)^2 - 1")(0.3) == 0.0


def test_what_is_too_large_or_has_no_value_is_still_refused():
    for text, x in (("exp(x) - 1", 1000.0), ("exp(exp(x)) + x", 100.0), ("x^2 - x", 1e200)):
        with pytest.raises(DomainError, match="too large for float64"):
            SymbolicFunction(text)(x)
    with pytest.raises(DomainError, match="float64"):  # the argument of the sine has more digits than are computed
        SymbolicFunction("sin(exp(exp(x)))")(9.0)


def test_beyond_the_points_that_are_done_again_a_warning_names_the_difference(monkeypatch):
    monkeypatch.setattr(_values, "MOST_POINTS", 2)
    f = SymbolicFunction("(1 - cos(x))/x^2")
    points = np.array([[1e-5], [2e-5], [3e-7], [1.0]])
    with pytest.warns(PrecisionWarning) as caught:
        values = f(points)
    assert caught[0].filename == __file__
    message = str(caught[0].message)
    assert message.startswith("f has about ")
    assert message.endswith("correct digits at x = 3e-07: the terms of 1 - cos(x) cancel each other.")
    np.testing.assert_allclose(values, 0.5 - points[:, 0] ** 2 / 24, rtol=1e-2)
    with pytest.warns(PrecisionWarning, match=r"df/dx has no correct digits at x = 3e-07"):
        f.gradient_at(points)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        f(points[:2])


def test_a_warning_where_no_precision_suffices(monkeypatch):
    monkeypatch.setattr(_precise, "BITS", (60,))
    with pytest.warns(PrecisionWarning, match="has about [0-9]+ correct digits at x = 1e-05: the terms of .* cancel"):
        found = SymbolicFunction("(exp(x) - 1 - x)/x^2")(1e-5)
    assert found == pytest.approx(0.5, rel=1e-3)


def test_many_points_and_few_have_the_same_values():
    f = SymbolicFunction("x^2*y + sin(x*y) - exp(x)/y")
    points = np.random.default_rng(0).normal(size=(40_000, 2))
    values, gradients = f(points), f.gradient_at(points)
    for i in (0, 1, 16_383, 16_384, 39_999):
        assert values[i] == f(points[i])
        np.testing.assert_array_equal(gradients[i], f.gradient_at(points[i]))


def test_threads_do_not_share_a_precision():
    f = SymbolicFunction("(1 - cos(x))/x + sin(x^2)")
    points = [10.0**-k for k in range(5, 25)] + [10.0**k for k in range(5, 25)]
    alone = [f(x) for x in points]
    found = {}

    def work(name):
        found[name] = [f(x) for x in points]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(values == alone for values in found.values())


@pytest.mark.parametrize("x", [-3.0, -0.7, 0.2, 0.9, 1.7, 40.0])
def test_errors_are_within_their_bounds(x):
    """Of each function of the grammar, of an argument that has lost digits, and of operations between two such."""
    u = f"({x}*(1 + 1e-9*t) - t)"
    texts = [f"{name}({u})" for name in _rounding_functions()]
    texts += [f"{u}^3", f"abs({u})^0.5", f"{u}/{u}^2", f"abs({u})^{u}", f"max({u}, 1)*min({u}, 2)", f"sign({u})*{u}"]
    for text in texts:
        f = SymbolicFunction(text, ["t"])
        if not f.in_domain(-0.3):
            continue
        values, errors = f._values._on_arrays.run([np.float64(-0.3)])
        place = f._values.program.outputs[0]
        ((exact, left),) = f._values._precise.at([-0.3])
        with mpmath.workdps(60):
            assert exact == pytest.approx(float(by_mpmath(syntax(text), {"t": mpmath.mpf(-0.3)})), rel=1e-14), text
        assert left == 0
        assert abs(values[place] - exact) <= errors[place] * 1.01, text


def _rounding_functions():
    return sorted(set(FUNCTIONS) - set(ALIASES) - {"max", "min", "sign"})
