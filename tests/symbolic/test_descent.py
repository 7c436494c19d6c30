"""Descent on functions typed as text: the textbook's iterates, and an honest end everywhere."""

import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gdlearn._descent import Status
from gdlearn._function_descent import descend
from gdlearn._second_differences import largest_curvature
from gdlearn.symbolic import DescentPath, DomainError, SymbolicFunction, _crossings

WORKED = "x**2*y + sin(x*y)"
ROSENBROCK = "(1 - x)**2 + 100*(y - x**2)**2"
BARRIER = "x**2 + y**2 - ln(x)"


def check_path(f, path):
    """What holds of every path: values and gradients belong to their points, and the message is a sentence."""
    n = path.n_steps
    assert path.points.shape == path.gradients.shape == (n + 1, len(f.variables))
    assert path.values.shape == (n + 1,)
    assert path.rates.shape == (n,)
    assert np.isfinite(path.values).all()
    for k, point in enumerate(path.points):
        assert path.values[k] == f(point)
        np.testing.assert_array_equal(path.gradients[k], f.gradient_at(point, outside="nan"))
    assert np.isfinite(path.gradients[:-1]).all()
    assert path.message[0].isupper() or path.message[0] in ("∇", path.symbol)
    assert path.message.endswith(".")
    assert str(path) == repr(path)
    assert str(path).endswith(path.message)


@pytest.mark.parametrize("text", [WORKED, ROSENBROCK, BARRIER, "sqrt(x*y)", "exp(-x**2 - y**2)"])
def test_the_iterates_are_those_of_a_plain_loop_to_the_bit(text):
    f = SymbolicFunction(text)
    path = f.descend([0.7, 0.9], 1e-3, max_iter=50)
    theta = np.array([0.7, 0.9])
    for point in path.points:
        np.testing.assert_array_equal(point, theta)
        theta = theta - 1e-3 * f.gradient_at(theta)
    check_path(f, path)
    assert path.status is Status.STEPS_DONE
    np.testing.assert_array_equal(path.rates, 1e-3)
    by_name = f.descend({"y": 0.9, "x": 0.7}, 1e-3, max_iter=50)
    np.testing.assert_array_equal(by_name.points, path.points)
    scheduled = f.descend([0.7, 0.9], lambda k: 1e-3 / (k + 1), max_iter=3)
    np.testing.assert_array_equal(scheduled.rates, 1e-3 / np.arange(1, 4))


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum(nesterov):
    f = SymbolicFunction(ROSENBROCK)
    path = f.descend([0.0, 0.5], 1e-3, momentum=0.9, nesterov=nesterov, max_iter=60)
    theta, v = np.array([0.0, 0.5]), np.zeros(2)
    for point in path.points:
        np.testing.assert_array_equal(point, theta)
        v = 0.9 * v - 1e-3 * f.gradient_at(theta + 0.9 * v if nesterov else theta)
        theta = theta + v
    check_path(f, path)


def test_one_pass_is_value_and_gradient_to_the_bit_or_is_not_taken():
    rng = np.random.default_rng(0)
    for text in (
        WORKED,
        ROSENBROCK,
        BARRIER,
        "sqrt(x - y)",
        "tan(x)*y",
        "x**y",
        "1/x + asin(y/9)",
        "abs(x - y)^3",
        "x^2 - 2x",
    ):
        f = SymbolicFunction(text, ["x", "y"])
        taken = 0
        for point in [*rng.uniform(-3, 3, (200, 2)), np.zeros(2), np.ones(2), np.array([1.0 + 1e-12, 1.0])]:
            with np.errstate(all="ignore"):
                found = f.value_and_gradient(point)
            if found is None:
                continue
            taken += 1
            assert found[0] == f(point)
            np.testing.assert_array_equal(found[1], f.gradient_at(point))
        assert taken > 10


def test_tolerance():
    f = SymbolicFunction("x**2 + 3y**2")
    path = f.descend([1.0, 1.0], 0.1, tol=1e-6)
    lengths = np.linalg.norm(path.gradients, axis=1)
    assert path.status is Status.CONVERGED
    assert lengths[-1] <= 1e-6 < lengths[-2]
    assert "at most tol = 1e-06" in path.message
    short = f.descend([1.0, 1.0], 0.1, tol=1e-6, max_iter=5)
    assert short.status is Status.NOT_CONVERGED
    assert short.n_steps == 5
    assert "still above tol = 1e-06" in short.message


@pytest.mark.slow
def test_backtracking_finds_the_minimum_of_a_badly_scaled_function():
    f = SymbolicFunction("1e-4*(x - 3)**2 + 1e6*y**4")
    path = f.descend([0.0, 1.0], "backtracking", max_iter=1000)
    assert (np.diff(path.values) < 0).all()
    assert path.values[-1] < 1e-6 * path.values[0]
    rosenbrock = SymbolicFunction(ROSENBROCK).descend([-1.2, 1.0], "backtracking", max_iter=5_000)
    np.testing.assert_allclose(rosenbrock.points[-1], 1.0, atol=0.01)
    flat = SymbolicFunction("x - ln(x)").descend(3.0, "backtracking")
    assert flat.status is Status.LIMIT
    assert "no step along −∇f reduces f any more" in flat.message


def test_a_fixed_rate_stops_at_the_last_point_inside_the_domain():
    f = SymbolicFunction(BARRIER)
    path = f.descend([3.0, 1.0], 0.6)
    assert path.status is Status.LEFT_DOMAIN
    assert path.n_steps == 0
    for part in ("Step 1, with learning_rate=0.6,", "ln(x) needs x > 0", 'learning_rate="backtracking"'):
        assert part in path.message
    later = SymbolicFunction("ln(1 - x^2 - y^2)").descend([0.1, 0.2], 0.1)
    assert later.status is Status.LEFT_DOMAIN
    assert later.n_steps > 3
    outside = later.points[-1] - 0.1 * later.gradients[-1]
    assert np.linalg.norm(outside) > 1
    assert f"Step {later.n_steps + 1}, with learning_rate=0.1, would leave the domain" in later.message
    check_path(f, f.descend([3.0, 1.0], "backtracking"))
    momentum = SymbolicFunction("ln(ln(x))").descend(3.0, 0.5, momentum=0.9, nesterov=True)
    assert momentum.status is Status.LEFT_DOMAIN  # the point looked ahead to has no gradient
    assert "needs" in momentum.message
    assert "with momentum=0" in momentum.message


def test_backtracking_stays_inside_and_says_that_it_is_at_the_edge():
    f = SymbolicFunction("ln(1 - x^2 - y^2)")
    path = f.descend([0.1, 0.2], "backtracking")
    check_path(f, path)
    assert path.status is Status.LIMIT
    assert "come to the edge of the domain" in path.message


def test_a_step_onto_a_point_without_gradient_ends_there():
    f = SymbolicFunction("cbrt(x)")
    path = f.descend(1.0, 3.0)
    assert path.status is Status.NOT_DIFFERENTIABLE
    assert path.points.tolist() == [[1.0], [0.0]]
    assert path.values[-1] == 0.0
    assert np.isnan(path.gradients[-1]).all()
    assert "Step 1 landed where f has no gradient" in path.message
    assert "cbrt(x) is differentiable for x != 0" in path.message
    assert "nan" in str(path)
    check_path(f, path)


@pytest.mark.parametrize("learning_rate", [0.25, "backtracking"])
def test_a_step_onto_a_kink_ends_there(learning_rate):
    f = SymbolicFunction("abs(x)")
    path = f.descend(1.0, learning_rate)
    assert path.status is Status.NOT_DIFFERENTIABLE
    assert path.points[-1] == 0
    assert "abs(x) is differentiable for x != 0, and x = 0" in path.message
    assert "at a kink that may be a minimum" in path.message
    check_path(f, path)


def test_overflow_names_the_largest_stable_rate():
    path = SymbolicFunction("3x**2 + y**2").descend([1.0, 1.0], 0.5, max_iter=10_000)
    assert path.status is Status.DIVERGED
    for part in ("learning_rate=0.5 is too large", "L = 6", "2/L = 0.333", 'learning_rate="backtracking"'):
        assert part in path.message
    at_once = SymbolicFunction(ROSENBROCK).descend([-1.2, 1.0], 1e200)
    assert (at_once.status, at_once.n_steps) == (Status.DIVERGED, 0)
    heavy = SymbolicFunction("x**2").descend(1.0, 3.5, momentum=0.5, max_iter=10_000)
    assert "3/L = 1.5" in heavy.message
    rising = SymbolicFunction("x**2").descend(1.0, 1.05)
    assert rising.status is Status.STEPS_DONE
    assert "f rose from 1 to 1.89905e+08" in rising.message
    assert "2/L = 1" in rising.message


@pytest.mark.parametrize(
    ("text", "start", "learning_rate"),
    [
        (WORKED, [-1.0, -1.0], 0.1),
        (WORKED, [1.0, 1.0], "backtracking"),
        ("-exp(x)", [3.0], 0.5),
        ("-x**2", [1.0], 0.1),
        ("-x**2", [1.0], "backtracking"),
    ],
)
def test_a_function_without_bound(text, start, learning_rate):
    f = SymbolicFunction(text)
    path = f.descend(start, learning_rate, max_iter=10_000)
    assert path.status is Status.UNBOUNDED
    assert "fall without bound" in path.message
    assert "too large" not in path.message
    check_path(f, path)


def test_a_gradient_that_overflows_before_its_function():
    class Steep:
        variables = ("x",)

        def __call__(self, theta, *, outside="raise"):
            return float(theta[0])

        def gradient_at(self, theta, *, outside="raise"):
            if theta[0] < 1.0:
                raise DomainError("1/x is too large for float64 at x = 1e-320.")
            return np.ones(1)

    path = descend(Steep(), 1.0, 0.5)
    assert path.status is Status.NOT_DIFFERENTIABLE
    assert "1/x is too large for float64" in path.message


@pytest.mark.parametrize(
    ("text", "start", "rate", "step", "needs"),
    [
        ("1/x", -1.0, 0.5, 2, "1/x needs x != 0"),
        ("tan(x)", 1.0, "backtracking", 1, "tan(x) needs cos(x) != 0"),
        ("ln(x**2 - 1) + x**2", -1.2, 0.9, 1, "ln(x**2 - 1) needs x**2 - 1 > 0"),
        ("1/(x*y)", [1.0, -1.0], 0.5, 2, "1/(x*y) needs x*y != 0"),
    ],
)
def test_a_jump_across_a_gap_is_told(text, start, rate, step, needs):
    path = SymbolicFunction(text).descend(start, rate, max_iter=30)
    assert path.message.endswith(f"Step {step} jumped across a place where f is not defined: {needs}.")


def test_no_jump_is_told_where_there_is_none(monkeypatch):
    for text, start, rate in ((BARRIER, [3.0, 1.0], 0.1), ("1/x**2 + x", -1.0, 0.3), ("sqrt(x*y)", [1.0, 2.0], 0.1)):
        assert "jumped" not in SymbolicFunction(text).descend(start, rate).message
    far = SymbolicFunction("1/x").descend(-3.0, 0.1, max_iter=300)
    monkeypatch.setattr(_crossings, "SEARCHED", 7)
    again = SymbolicFunction("1/x").descend(-3.0, 0.1, max_iter=300)
    assert "jumped" in far.message
    assert far.message == again.message


@pytest.mark.parametrize(
    ("text", "start", "rate", "says"),
    [
        ("x**2", 1.0, 1.0, "learning_rate=1 is just at the limit of stability. At step 100"),
        ("x**2", 1.0, 1e-8, "learning_rate=1e-08 is very small. At step 100"),
        ("x**2", 0.0, 0.1, "∇f = 0 at the start, and no step leads away from it. It is a minimum"),
        ("-x**2", 0.0, "backtracking", "It is a maximum"),
        ("x**2 - y**2", [0.0, 0.0], 0.1, "It is a saddle"),
        ("x**3", 0.0, 0.1, "which its second derivatives do not tell"),
        ("-x", 0.0, 0.1, "f fell from 0 to -10."),
    ],
)
def test_a_rate_or_a_start_that_leads_nowhere_is_told(text, start, rate, says):
    path = SymbolicFunction(text).descend(start, rate)
    assert says in path.message
    assert ("Take about 1/L = 0.5." in path.message) == (text == "x**2" and start == 1.0)
    assert " -0 " not in str(path)


@pytest.mark.parametrize(
    ("text", "start", "options", "says"),
    [
        ("x**2 - y**2", [1.0, 0.0], {"tol": 1e-6, "max_iter": 200}, "next to a saddle, not a minimum"),
        (
            "x**2 + y**2",
            [1.0, 0.5],
            {"tol": 1e-6, "max_iter": 200},
            "next to a local minimum: f may be lower elsewhere",
        ),
        ("x**4 - 2x**2 + 0.3x", [1.5], {"learning_rate": 0.05, "max_iter": 500}, "next to a local minimum"),
        ("x**3 + y**2", [0.5, 1.0], {"tol": 1e-4, "max_iter": 5_000}, "do not tell whether the end is a minimum"),
        ("abs(x) + y**2", [1.0, 1.0], {"learning_rate": 0.3}, "hops back and forth over a kink, 20 times"),
        ("max(x, -2x)", [1.0], {"learning_rate": 0.13}, "hops back and forth over a kink"),
        ("-x", [0.0], {}, "along this path f may have no bottom"),
        ("x**2 - exp(y)", [0.0, 0.0], {"max_iter": 8, "learning_rate": 0.01}, "f fell from -1"),
    ],
)
def test_the_end_is_called_what_it_is(text, start, options, says):
    assert says in SymbolicFunction(text).descend(start, **options).message


@pytest.mark.parametrize(
    ("text", "start", "options"),
    [("abs(x) + y**2", [3.0, 1.0], {"max_iter": 10}), ("x**2", [1.0], {"max_iter": 5}), ("exp(-x)", [0.0], {})],
)
def test_nothing_is_said_of_the_end_of_a_path_that_is_on_its_way(text, start, options):
    message = SymbolicFunction(text).descend(start, **options).message
    assert not any(word in message for word in ("kink", "bottom", "saddle", "local minimum", "do not tell"))


def test_rates_that_lead_somewhere_are_not_called_small():
    for text, start, rate in (("x + 1e6", 1.0, 0.1), ("x**2 + 1e6", 1.0, 0.3), ("x**2", 1.0, lambda k: 1e-8)):
        message = SymbolicFunction(text).descend(start, rate).message
        assert "small" not in message
        assert "limit" not in message


def test_largest_curvature():
    f = SymbolicFunction("3x**2 + 2x*y + y**2 - cos(y)")
    for theta in ([0.3, -1.2], [1e6, 2.0]):
        H = np.array([[6.0, 2.0], [2.0, 2.0 + np.cos(theta[1])]])
        # Differences of a gradient of size g over steps of 1e-5 are off by about 1e-10 g.
        assert largest_curvature(f, np.array(theta)) == pytest.approx(np.linalg.eigvalsh(H)[-1], rel=1e-3)
    # Steps of 6e-6 miss 2h²/3 = 2e-11 of the curvature of e²ˣ, and rounding about as much; other steps miss more.
    assert largest_curvature(SymbolicFunction("exp(2x)"), np.array([1.0])) == pytest.approx(4 * np.exp(2), rel=3e-10)
    assert largest_curvature(SymbolicFunction("sqrt(x)"), np.array([1e-9])) is None


def test_starts_outside_are_errors():
    for text, start, message in (
        ("ln(x)", -1.0, "needs x > 0"),
        ("cbrt(x)", 0.0, "differentiable for x != 0"),
        ("abs(x)", 0.0, "differentiable for x != 0"),
        ("exp(x)", 1000.0, "too large for float64"),
    ):
        with pytest.raises(DomainError, match=message):
            SymbolicFunction(text).descend(start)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("learning_rate", 0, '"backtracking" or a callable'),
        ("learning_rate", -0.1, "a finite number > 0"),
        ("learning_rate", np.inf, "a finite number > 0"),
        ("learning_rate", "auto", "a finite number > 0"),
        ("learning_rate", True, "a finite number > 0"),
        ("learning_rate", None, "a finite number > 0"),
        ("momentum", 1.0, r"a number in \[0, 1\)"),
        ("momentum", "auto", r"a number in \[0, 1\)"),
        ("nesterov", 1, "a boolean"),
        ("max_iter", 0, "an integer >= 1"),
        ("max_iter", 2.5, "an integer >= 1"),
        ("tol", 0, "a finite number > 0"),
        ("tol", np.nan, "a finite number > 0"),
        ("start", [1.0], "2 entries on its last axis, for x, y"),
        ("start", [[1.0, 2.0]], "a single point"),
        ("start", [np.nan, 1.0], "finite real numbers"),
        ("start", ["1", "2"], "finite real numbers"),
        ("start", [1j, 2], "finite real numbers"),
        ("start", [10**400, 2], "finite real numbers"),
        ("start", None, "finite real numbers"),
        ("start", [[1.0], [1.0, 2.0]], "finite real numbers"),
        ("start", {"x": 1.0}, "name the variables x, y"),
        ("start", {"x": 1.0, "y": "a"}, "finite real numbers"),
    ],
)
def test_parameters(name, value, allowed):
    options = {"start": [1.0, 2.0], name: value}
    with pytest.raises(ValueError, match=rf"The '{name}' parameter of descend must .*{allowed}"):
        SymbolicFunction(WORKED).descend(**options)


def test_parameters_that_do_not_go_together():
    with pytest.raises(
        ValueError, match=r"'momentum' parameter of descend must be 0 with learning_rate=\"backtracking"
    ):
        SymbolicFunction(WORKED).descend([1.0, 2.0], "backtracking", momentum=0.5)
    with pytest.raises(ValueError, match="without variables"):
        SymbolicFunction("3").descend([])
    with pytest.raises(ValueError, match=r"callable returned -1 for step 2"):
        SymbolicFunction(WORKED).descend([1.0, 2.0], lambda k: 0.1 if k < 2 else -1)


def test_the_table():
    path = SymbolicFunction("x**2 + 4y**2").descend([2.0, 1.0], 0.1, max_iter=1234)
    assert isinstance(path, DescentPath)
    lines = str(path).splitlines()
    assert lines[0].split() == ["step", "x", "y", "f", "‖∇f‖"]
    shown = [line.split()[0] for line in lines[1:-1]]
    assert shown == ["0", "1", "2", "5", "10", "20", "50", "100", "200", "500", "1000", "1234"]
    assert lines[1].split() == ["0", "2", "1", "8", "8.94"]
    assert len({line.index(line.split()[-1]) + len(line.split()[-1]) for line in lines[:-1]}) == 1
    with pytest.raises(AttributeError, match="cannot assign to field 'values'"):
        path.values = None


texts = st.sampled_from(
    [WORKED, ROSENBROCK, BARRIER, "ln(x*y)", "sqrt(x - y)", "exp(x*y)", "x/y", "abs(x) + y", "tan(x)*y", "x**y", "-x*y"]
)
rates = st.one_of(st.floats(1e-300, 1e300), st.floats(1e-3, 10), st.just("backtracking"))


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(texts, st.tuples(*[st.floats(-10, 10)] * 2), rates, st.sampled_from([0.0, 0.9]), st.booleans())
@pytest.mark.slow
def test_after_an_accepted_start_nothing_raises(text, start, learning_rate, momentum, nesterov):
    f = SymbolicFunction(text, ["x", "y"])
    if isinstance(learning_rate, str):
        momentum = 0.0
    nesterov = nesterov and momentum > 0
    try:
        f(start), f.gradient_at(start)
    except DomainError as outside:
        with pytest.raises(DomainError, match=re.escape(str(outside))):
            f.descend(start, learning_rate)
        return
    path = f.descend(start, learning_rate, momentum=momentum, nesterov=nesterov, max_iter=30)
    check_path(f, path)
    if isinstance(learning_rate, str):
        assert (path.values[1:] < path.values[:-1]).all()
        assert path.status not in (Status.LEFT_DOMAIN, Status.DIVERGED)
