"""The check of symbolic gradients: what is right passes and what is wrong fails, wherever f is differentiable."""

import numpy as np
import pytest
from grammar import function, smooth_texts
from hypothesis import given, settings
from hypothesis import strategies as st

from gdlearn import check_gradient
from gdlearn.symbolic import SymbolicFunction

INFLECTIONS = [
    *((text, {"x": 0.0}) for text in ["sin(x)", "tan(x)", "sinh(x)", "tanh(x)", "atan(x)", "asinh(x)", "erf(x)"]),
    *((text, {"x": 0.0}) for text in ["x**3 + x", "x**3 - 3x", "x/(1 + x**2)", "1/(1 + exp(-x))", "5 + tanh(x)"]),
    ("1e9 + tanh(x)", {"x": 0.0}),
    ("cos(x)", {"x": np.pi / 2}),
    ("atan(x - 3)", {"x": 3.0}),
    ("tanh(w*x + b)", {"w": 0.0, "x": 1.0, "b": 0.0}),
    ("x**2*y + sin(x*y)", {"x": 0.0, "y": 0.0}),
]
FLAT_COORDINATES = [
    ("atan(y)", {"x": 2.0, "y": 0.4}),
    ("1/y", {"x": 0.5, "y": 1.0}),
    ("max(x, 1/y)", {"x": 0.5, "y": 1.0}),
    ("y**2", {"x": 1.0, "y": 1.0}),
    ("(y - x)*y", {"x": 2.0, "y": 0.0}),
    ("x*y", {"x": 2.0, "y": 0.0}),
    ("x*y**2", {"x": 0.0, "y": 1.0}),
    ("max(x, y**2)", {"x": 1.0, "y": 3.0}),
    ("x*y + z**2", {"x": 0.0, "y": 0.0, "z": 1.0}),
    ("a*exp(b*x)", {"a": 1.0, "b": 0.5, "x": 0.0}),
    ("a*exp(b*x)", {"a": 0.0, "b": 0.5, "x": 0.0}),
    ("a*exp(b*x)", {"a": 0.0, "b": 0.5, "x": 1.0}),
]
SMALL_ON_TOP_OF_LARGE = [
    ("exp(-y**2) - x*y", {"x": 2.06, "y": -2.27}),
    ("exp(-y**2)**3 + x", {"x": 2.0, "y": -2.0}),
    ("100 + x + y*exp(-y**2)", {"x": 0.0, "y": 0.0}),
]
SCALES = [
    ("x**2", {"x": 1e154}),
    ("x**2", {"x": 1e-150}),
    ("x", {"x": 1e308}),
    ("cbrt(x)", {"x": 1e-300}),
    ("ln(x)", {"x": 1e-300}),
    ("ln(1 + x)", {"x": 1e300}),
    ("acosh(x)", {"x": 1e200}),
    ("sqrt(x)", {"x": 1e200}),
    ("atan(1e20*x)", {"x": 0.0}),
    ("1e300*sin(x)", {"x": 1.0}),
    ("1e-300*sin(x)", {"x": 1.0}),
]
EDGES = [
    ("ln(x)", {"x": 1e-3}),
    ("sqrt(x)", {"x": 1e-8}),
    ("asin(x)", {"x": 0.999999}),
    ("acosh(x)", {"x": 1.000001}),
    ("1/x", {"x": 1e-8}),
]


def right_and_wrong(f, theta):
    """Value, gradient, and gradients that are wrong in one partial or in all."""
    piece = f._value_program.smooth_piece(theta.tolist())
    right = f.gradient_at(theta)
    own = max(abs(f(theta)), np.abs(right).max()) or 1.0
    wrong = [right * 1.001] if right.any() else []
    for i, partial in enumerate(right):
        # In the difference of values of size 1 a partial of 1e-8 has not three digits left.
        mistakes = [1.001 * partial, 3.0 * partial] if abs(partial) > 1e-8 * own or len(right) == 1 else [own]
        wrong += [np.where(np.arange(len(right)) == i, mistake, right) for mistake in mistakes]
    return lambda t: piece(list(t))[0], right, wrong


def assert_told_apart(f, theta):
    value, right, wrong = right_and_wrong(f, theta)
    found = check_gradient(value, lambda _: right, theta)
    assert found.passed, found
    assert np.isfinite(found).all(), found
    for mistake in wrong:
        found = check_gradient(value, lambda _, mistake=mistake: mistake, theta)
        assert not found.passed, (mistake, found)


@pytest.mark.parametrize(("text", "theta"), [*INFLECTIONS, *FLAT_COORDINATES, *SMALL_ON_TOP_OF_LARGE, *SCALES, *EDGES])
def test_a_right_gradient_passes_and_one_wrong_partial_fails(text, theta):
    f = SymbolicFunction(text, list(theta))
    found = f.check(theta)
    assert found.passed or (found.passed is None and found.tolerance > 5e-7)  # few digits are left of a small part
    assert_told_apart(f, np.array([*theta.values()]))


lattice = st.sampled_from([0.0, 1.0, -1.0, 2.0, -2.0, 0.5])


@pytest.mark.slow
@settings(max_examples=100)
@given(smooth_texts, st.tuples(*[lattice | st.floats(-3, 3, width=16)] * 2))
def test_any_function_at_any_point(text, theta):
    f = function(text, ["x", "y"])
    value, right, wrong = right_and_wrong(f, np.array(theta))
    found = check_gradient(value, lambda _: right, theta)
    assert found.passed is not False, found
    for mistake in wrong[1:]:
        verdict = check_gradient(value, lambda _, mistake=mistake: mistake, theta).passed
        assert verdict is False if found.passed else verdict is not True, mistake


SURVEY = [
    *("x**2*y + sin(x*y)", "x**3 - 3*x", "1/x", "1/(x*y)", "x/(x**2 + y**2)", "atan(y/x)", "tan(x)", "sin(x)**2"),
    *("sin(x**2)", "cos(x)*exp(y)", "tanh(x)", "x*tanh(x*y)", "exp(-x**2 - y**2)", "x*exp(-x**2 - y**2)", "erf(x)"),
    *("ln(x**2 + y**2)", "exp(x*y)", "100*(y - x**2)**2 + (1 - x)**2", "x**5 - 10*x**3*y**2 + 5*x*y**4", "cbrt(x)"),
    *("ln(1 + exp(x))", "1/(1 + exp(-x))", "(x**2 - 1)/(x - 1)", "max(x, y)", "abs(x)", "x**2/3 + y**2/7"),
]


@pytest.mark.parametrize("text", SURVEY)
def test_no_right_gradient_is_refused_and_no_wrong_one_passes(text):
    """A thousandth, a millionth, a sign, two partials exchanged: found, or not to be measured, and never passed."""
    f, rng = SymbolicFunction(text), np.random.default_rng(0)
    d = len(f.variables)
    verdicts = []
    for k in range(24):
        theta = [rng.uniform(-3, 3, d), 10.0 ** rng.uniform(-4, 3, d) * rng.choice([-1, 1], d)][k % 2]
        right = f.gradient_at(theta, outside="nan")
        if not np.isfinite(right).all():
            continue
        verdicts.append(f.check(theta).passed)
        piece = f._value_program.smooth_piece(theta.tolist())
        for wrong in (1.001 * right, (1 + 1e-6) * right, (1 - 1e-6) * right, -right, right[::-1]):
            if not np.allclose(wrong, right, rtol=5e-7, atol=0):
                found = check_gradient(lambda t, p=piece: p(list(t))[0], lambda _, w=wrong: w, theta, resolution=5e-7)
                assert found.passed is not True
    assert False not in verdicts
    assert verdicts.count(True) > 12


CANCELLING = [
    *(("1 - cos(x)", x) for x in (1e-5, 1e-4, 1e-2)),
    *(("cosh(x) - 1", x) for x in (1e-6, 1e-3)),
    *(("(x**2 - 1)/(x - 1)", x) for x in (1.05, 1.0001, 0.999)),
    *(("ln(1 + exp(x))", x) for x in (-10.0, -20.0, 3.0)),
    *(("1/(1 + exp(-x))", x) for x in (-40.0, 0.0, 10.0)),
    *(("sqrt(x + 1) - sqrt(x)", x) for x in (1e2, 1e4)),
    *(("ln(x) + ln(100*x)", x) for x in (0.1, 0.10001)),
]


@pytest.mark.parametrize(("text", "x"), CANCELLING)
def test_a_difference_of_large_parts_is_judged_by_their_noise(text, x):
    f = SymbolicFunction(text)
    right = f.gradient_at([x])
    piece = f._value_program.smooth_piece([x])
    found = f.check([x])
    assert found.passed or (found.passed is None and found.tolerance > 5e-7)
    assert check_gradient(lambda t: piece(list(t))[0], lambda _: right, [x]).passed is True
    for factor in (-1.0, 0.0, 0.5, 1.1, 1.002):
        found = check_gradient(lambda t: piece(list(t))[0], lambda _, factor=factor: factor * right, [x])
        assert found.passed is False, (factor, found)


@pytest.mark.parametrize(
    ("text", "x"), [("exp(-x)/(1 + exp(-x))^2", -669.0), ("x/sqrt(1 + x^4)", 1e100), ("(1 - cos(x))/x^2", 1e-9)]
)
def test_a_function_that_overflows_or_cancels_on_its_way_is_checked_by_its_own_values(text, x):
    f = SymbolicFunction(text)
    assert f.check(x).passed is not False
    f.gradient_at = lambda theta, right=f.gradient_at: -right(theta)
    assert f.check(x).passed is not True


@pytest.mark.parametrize("x", [40.0, 38.5, 60.0])
def test_a_partial_below_the_rounding_of_f_cannot_be_measured(x):
    f = SymbolicFunction("1/(1 + exp(-x))")
    right = f.gradient_at([x])
    for factor in (-1.0, 0.5, 1.0, 2.0):
        assert check_gradient(lambda t: f(t), lambda _, factor=factor: factor * right, [x]).passed is None
    assert check_gradient(lambda t: f(t), lambda _: np.full(1, 0.25), [x]).passed is False
