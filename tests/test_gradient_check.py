"""The gradient check passes what is right and fails what is wrong, at every scale of the data."""

import dataclasses
import math
import re
import warnings

import numpy as np
import pytest
from scipy.optimize import check_grad
from sklearn.datasets import load_diabetes

import gdlearn._plan
import gdlearn._regressor
import gdlearn._solve
import gdlearn._spectrum
from gdlearn import GradientCheckError, GradientDescentRegressor, MeanSquaredError, check_gradient
from gdlearn._quadratic import Quadratic
from gdlearn._row_objective import RowObjective

SCALES = {"as given": (1, 1), "X×1e4": (1e4, 1), "X×1e-4": (1e-4, 1), "y×1e6": (1, 1e6), "y×1e-6": (1, 1e-6)}


def rows(n=120, d=5, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) + rng.normal(size=d)
    return X, X @ rng.normal(size=d) + 2 + rng.normal(size=n), rng.uniform(0.1, 3, size=n)


def wrong_gradients(J, X, y, w):
    """Every mistake a hand-written gradient is likely to have."""

    def one_coordinate(theta, j=2):
        g = J.gradient(theta)
        g[j] *= 1.5
        return g

    def no_intercept(theta):
        g = J.gradient(theta)
        g[0] = 0.0
        return g

    return {
        "missing factor 2": lambda theta: J.gradient(theta) / 2,
        "wrong sign": lambda theta: -J.gradient(theta),
        "one wrong coordinate": one_coordinate,
        "forgotten weights": MeanSquaredError(X, y).gradient,
        "forgotten intercept": no_intercept,
        "a part in ten thousand": lambda theta: J.gradient(theta) * 1.0001,
    }


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("start", ["zero", "random", "far"])
@pytest.mark.parametrize("d", [1, 5, 20])
def test_a_right_gradient_passes_and_planted_mistakes_fail(scale, start, d):
    X, y, w = rows(d=d)
    X, y = X * SCALES[scale][0], y * SCALES[scale][1]
    J = MeanSquaredError(X, y, w)
    rng = np.random.default_rng(1)
    unit = np.append(1.0, np.full(d, 1 / SCALES[scale][0])) * SCALES[scale][1]
    theta = {"zero": 0.0, "random": 1.0, "far": 100.0}[start] * unit * rng.normal(size=d + 1)
    assert check_gradient(J.value, J.gradient, theta).passed
    for mistake, gradient in wrong_gradients(J, X, y, w).items():
        if d == 1 and mistake == "one wrong coordinate":
            continue
        assert not check_gradient(J.value, gradient, theta).passed, mistake


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("theta_scale", [0.0, 1.0])
def test_theta_in_the_wrong_units_does_not_matter(scale, theta_scale):
    X, y, w = rows()
    X, y = X * SCALES[scale][0], y * SCALES[scale][1]
    J = MeanSquaredError(X, y, w)
    theta = theta_scale * np.random.default_rng(2).normal(size=6)
    assert check_gradient(J.value, J.gradient, theta).passed
    for mistake in ("missing factor 2", "wrong sign", "forgotten weights"):
        assert not check_gradient(J.value, wrong_gradients(J, X, y, w)[mistake], theta).passed, mistake


@pytest.mark.slow
def test_a_thousand_features():
    X, y, w = rows(n=300, d=1000)
    for x_scale, y_scale in SCALES.values():
        J = MeanSquaredError(X * x_scale, y * y_scale, w)
        theta = np.random.default_rng(3).normal(size=1001) / x_scale * y_scale
        assert check_gradient(J.value, J.gradient, theta).passed
        for mistake, gradient in wrong_gradients(J, X * x_scale, y * y_scale, w).items():
            assert not check_gradient(J.value, gradient, theta).passed, mistake


def test_the_worst_coordinate_is_the_planted_one():
    X, y, w = rows(d=20)
    J = MeanSquaredError(X, y, w)

    def gradient(theta):
        g = J.gradient(theta)
        g[13] += 1e-3
        return g

    check = check_gradient(J.value, gradient, np.ones(21))
    assert not check.passed
    assert check.worst_coordinate == 13
    assert check.analytic - check.numeric == pytest.approx(1e-3, rel=1e-3)
    assert check.relative_error > check.tolerance


def test_scipys_raw_figure_says_little():
    # A correct gradient at X×1e4 misses by tens, and one that lacks its factor 2 at X×1e-4 by next to nothing.
    X, y = load_diabetes(return_X_y=True)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    y = (y - y.mean()) / y.std()
    large, small = MeanSquaredError(X * 1e4, y), MeanSquaredError(X * 1e-4, y)
    theta = np.ones(11)
    right = check_grad(large.value, large.gradient, theta)
    wrong = check_grad(
        small.value, lambda theta: np.append(small.gradient(theta)[0], small.gradient(theta)[1:] / 2), theta
    )
    assert right > 1.0
    assert wrong < 1e-3
    assert check_gradient(large.value, large.gradient, theta).passed
    assert not check_gradient(small.value, lambda theta: small.gradient(theta) / 2, theta).passed


def test_functions_that_are_no_quadratic():
    def f(v):
        return v[0] ** 2 * v[1] + np.sin(v[0] * v[1])

    def g(v):
        return np.array([2 * v[0] * v[1] + v[1] * np.cos(v[0] * v[1]), v[0] ** 2 + v[0] * np.cos(v[0] * v[1])])

    for theta in ([1.0, 2.0], [0.3, -4.0], [1e-3, 5.0], [30.0, 20.0]):
        assert check_gradient(f, g, theta).passed
        assert not check_gradient(f, lambda v: g(v) * [1, -1], theta).passed
    assert check_gradient(np.sum, np.ones_like, np.zeros((2, 3))).passed
    assert not check_gradient(np.sum, lambda v: 2 * np.ones_like(v), np.zeros((2, 3))).passed


def test_what_cannot_be_checked_is_refused():
    with pytest.raises(ValueError, match="theta is empty"):
        check_gradient(lambda v: 1.0, lambda v: v, [])
    with pytest.raises(ValueError, match=r"gradient returned shape \(3,\) for theta of shape \(2,\)"):
        check_gradient(np.sum, lambda v: np.ones(3), np.zeros(2))
    with pytest.raises(ValueError, match="must be finite at theta to be checked; value is nan"):
        check_gradient(lambda v: np.nan, np.ones_like, np.zeros(2))
    with pytest.raises(ValueError, match=r"value returned shape \(2,\): it must be one number"):
        check_gradient(lambda v: v, np.ones_like, np.zeros(2))


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("scaling", [None, "standard", "minmax", "maxabs"])
@pytest.mark.parametrize("options", [{}, {"fit_intercept": False}, {"solver": "loop", "max_iter": 3}])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_fit_verifies_its_own_gradient(scale, scaling, options):
    X, y, w = rows()
    model = GradientDescentRegressor(scaling=scaling, check_gradient=True, random_state=0, **options)
    model.fit(X * SCALES[scale][0], np.column_stack([y, 2 * y]) * SCALES[scale][1], w)
    assert model.gradient_check_.passed
    assert not hasattr(model.set_params(check_gradient=False).fit(X, y), "gradient_check_")


def planted(monkeypatch, where, name, factor):
    """What a room computes, times a factor: a fault that only this room has."""
    right = getattr(where, name)
    monkeypatch.setattr(where, name, lambda *args, **kwargs: factor * right(*args, **kwargs))


def wrong_evaluation(monkeypatch, factor):
    """The same of the gradient alone, where it is found together with J."""
    right = RowObjective.at
    monkeypatch.setattr(
        RowObjective, "at", lambda *args: (found := right(*args))._replace(gradient=factor * found.gradient)
    )


def halved_step(monkeypatch):
    """The recurrence takes half of η."""
    right = gdlearn._plan.Recurrence
    monkeypatch.setattr(gdlearn._plan, "Recurrence", lambda h, *rest: right(h / 2, *rest))


def wrong_modes(name):
    def plant(monkeypatch, factor):
        right = gdlearn._spectrum.modes_of_matrix

        def modes(*args):
            found = right(*args)
            positive = factor if factor > 0 or name != "eigenvalues" else 2.0
            return dataclasses.replace(found, **{name: positive * getattr(found, name)})

        monkeypatch.setattr(gdlearn._spectrum, "modes_of_matrix", modes)

    return plant


def wrong_kernel(monkeypatch, factor):
    right = gdlearn._spectrum.KernelModes.of

    def of(*args, **kwargs):
        found = right(*args, **kwargs)
        return dataclasses.replace(found, optimum=factor * found.optimum)

    monkeypatch.setattr(gdlearn._spectrum.KernelModes, "of", of)


LOOP = {"solver": "loop", "max_iter": 3}
WIDE = {"wide": True}
PLANTED = {
    "closed form, eigenvalues": (wrong_modes("eigenvalues"), {}),
    "closed form, optimum": (wrong_modes("optimum"), {}),
    "closed form, eigenvalues, unscaled": (wrong_modes("eigenvalues"), {"scaling": None}),
    "closed form, optimum, unscaled": (wrong_modes("optimum"), {"scaling": None}),
    "closed form, optimum, momentum": (wrong_modes("optimum"), {"momentum": 0.9}),
    "wide, optimum": (wrong_kernel, WIDE),
    "loop on moments": (lambda patch, factor: planted(patch, Quadratic, "gradient", factor), LOOP),
    "loop on moments, exact": (
        lambda patch, factor: planted(patch, Quadratic, "gradient", factor),
        {"learning_rate": "exact", "max_iter": 3},
    ),
    "loop, wide": (wrong_evaluation, WIDE | LOOP),
}


@pytest.mark.parametrize("factor", [0.5, -1.0, 1.001])
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("fault", PLANTED)
def test_fit_fails_on_a_wrong_gradient_and_keeps_the_earlier_fit(monkeypatch, fault, scale, factor):
    plant, options = PLANTED[fault]
    options = dict(options)
    X, y, w = rows()
    if options.pop("wide", False):
        monkeypatch.setattr(gdlearn._solve, "SMALL_MATRIX", 10)  # else the kernel begins at 65 columns
        X, y, w = rows(n=8, d=20)
    X, y = X * SCALES[scale][0], y * SCALES[scale][1]
    model = GradientDescentRegressor(check_gradient=True, random_state=0, **options).fit(X, y, w)
    before = dict(vars(model))
    plant(monkeypatch, factor)
    with pytest.raises(GradientCheckError, match="Worst at coordinate"):
        model.fit(X, y, w)
    assert vars(model) == before


@pytest.mark.parametrize("options", [{}, {"momentum": 0.5}, {"scaling": None}, {"max_iter": 100}])
def test_fit_fails_where_the_closed_form_takes_half_a_step(monkeypatch, options):
    X, y, w = rows()
    halved_step(monkeypatch)
    with pytest.raises(GradientCheckError, match="Worst at coordinate"):
        GradientDescentRegressor(0.01, check_gradient=True, **options).fit(X, y, w)


@pytest.mark.parametrize("offset", [1e3, 1e5, 1e7, 1e9])
@pytest.mark.parametrize("scaling", ["standard", "minmax", "maxabs", None])
@pytest.mark.parametrize("solver", ["spectral", "loop"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_features_far_from_zero_raise_no_false_alarm(offset, scaling, solver):
    for seed in range(2):
        X, y, w = rows(seed=seed)
        options = {"max_iter": 3} if solver == "loop" else {}
        model = GradientDescentRegressor(scaling=scaling, solver=solver, check_gradient=True, **options)
        assert model.fit(X + offset * np.arange(1, 6), y + offset, w).gradient_check_.passed is not False


def test_fit_catches_weights_forgotten_in_the_moments(monkeypatch):
    X, y, w = rows()
    right = gdlearn._regressor.pose
    monkeypatch.setattr(gdlearn._regressor, "pose", lambda rows, *rest: right(type(rows)(rows.X, rows.y), *rest))
    with pytest.raises(GradientCheckError, match="Worst at coordinate"):
        GradientDescentRegressor(check_gradient=True).fit(X, y, w)


def test_one_wrong_partial_does_not_hide_behind_the_others():
    def f(v):
        return 1e9 * v[0] + np.sin(v[1])

    right, wrong = np.array([1e9, np.cos(0.3)]), np.array([1e9, 3 * np.cos(0.3)])
    assert check_gradient(f, lambda v: right, [0.0, 0.3]).passed
    found = check_gradient(f, lambda v: wrong, [0.0, 0.3])
    assert not found.passed
    assert found.worst_coordinate == 1
    for partial in (1e-320, 1e308):
        found = check_gradient(f, lambda v, partial=partial: np.array([partial, np.cos(0.3)]), [0.0, 0.3])
        assert not found.passed
        assert found.relative_error > found.tolerance


def test_differences_stay_where_the_function_is_defined():
    def f(v):
        return np.sqrt(v[0]) + np.log(1 - v[1])  # beyond its edges this would warn, which is an error here

    def g(v):
        return np.array([0.5 / np.sqrt(v[0]), -1 / (1 - v[1])])

    for theta in ([1e-8, 0.999999], [1e200, -1e100], [1.0, 0.0]):
        found = check_gradient(f, g, theta)
        if theta[0] == 1e200:  # beside 1e100, log(1e100) is lost; its partial of 1e-100 cannot be seen
            assert found.passed is None
            assert found.worst_coordinate == 1
        else:
            assert found.passed
        assert not check_gradient(f, lambda v: g(v) * [1.001, 1], theta).passed
        assert not check_gradient(f, lambda v: np.append(g(v)[0], 1.0), theta).passed


def test_beyond_its_domain_a_function_may_raise():
    found = check_gradient(lambda v: math.log(v[0]) + math.exp(v[0]), lambda v: 1 / v + np.exp(v), [1e-3])
    assert found.passed
    with pytest.raises(ValueError, match=r"math domain error|positive"):  # at theta itself it may not
        check_gradient(lambda v: math.log(v[0]), lambda v: 1 / v, [-1.0])


def test_nothing_is_changed_and_no_warning_leaks():
    theta = np.array([0.5, 1000.0])

    def f(v):
        warnings.warn("a step too far", RuntimeWarning, stacklevel=2)
        result = np.log(v[0]) + 1 / (1 + np.exp(v[1]))  # overflows
        v[:] = 0.0
        return result

    def g(v):
        partials = np.array([1 / v[0], -np.exp(v[1]) / (1 + np.exp(v[1])) ** 2])
        v[:] = 0.0
        return np.where(np.isnan(partials), 0.0, partials)

    found = check_gradient(f, g, theta)
    assert found.passed
    assert theta.tolist() == [0.5, 1000.0]


@pytest.mark.parametrize(
    ("f", "right", "theta"),
    [
        (lambda v: v[0], [1.0, 0.0], [2.0, 3.0]),
        (lambda v: 1e6 * v[0] + 0 * v[1], [1e6, 0.0], [2.0, 3.0]),
        (lambda v: (v[0] - 1) ** 2 + (v[1] + 3) ** 4 - 5, [0.0, 0.0], [1.0, -3.0]),
        (lambda v: np.cos(v[0]) * np.cosh(v[1]), [0.0, 0.0], [0.0, 0.0]),
        (lambda v: max(v[0], 0.0) + max(v[1], 0.0) ** 2, [0.0, 0.0], [-1.0, -0.5]),
        (lambda v: np.float32(np.sin(np.float32(v[0]))), [np.cos(0.5), 0.0], [0.5, 3.0]),
        (lambda v: (v[0] + 1) ** 2 - v[0] ** 2 - 2 * v[0] + v[1], [0.0, 1.0], [1.3, 0.4]),
    ],
)
def test_a_partial_of_zero_passes_where_f_is_level(f, right, theta):
    found = check_gradient(f, lambda v: np.array(right), theta)
    assert found.passed is True, found
    for i in range(2):
        wrong = np.array(right)
        wrong[i] += 1e-3 * (abs(right[i]) + 1.0)
        assert check_gradient(f, lambda v, wrong=wrong: wrong, theta).passed is False


@pytest.mark.parametrize("partial", [1.0, -1.0, 0.0, 2.0])
@pytest.mark.parametrize("height", [1e-3, 1.0, 1e6])
def test_no_gradient_passes_where_f_has_none(height, partial):
    def jump(v):
        return v[0] + height * (v[0] > 0.3)

    def kink(v):
        return v[0] + height * abs(v[0] - 0.3)

    for f in (jump, kink):
        assert check_gradient(f, lambda v: np.full(1, partial), [0.3]).passed is not True


def test_a_jump_next_to_theta_is_seen_as_one():
    for away in (1e-2, 1e-4, 1e-6):

        def f(v, away=away):
            return np.sin(v[0]) + 3.0 * (v[0] > 0.3 + away)

        assert check_gradient(f, np.cos, [0.3]).passed is True
        assert check_gradient(f, lambda v: 1.001 * np.cos(v), [0.3]).passed is False


@pytest.mark.parametrize("level", [1000.0, 2700.0, 3000.0])
@pytest.mark.parametrize("bend", [0.0133, 0.05])
def test_an_oscillation_is_no_noise_of_the_curve_that_it_follows_far_out(level, bend):
    """In single precision few steps show the oscillation: they leave doubt, and refute no right partial."""
    for x in np.linspace(14.0, 19.0, 26):

        def f(v):
            z = np.float32(v[0])
            return float(np.float32(level) + np.float32(bend) * z * z - np.float32(0.5) * np.sin(z)) - level

        right = 2 * bend * x - 0.5 * np.cos(x)
        assert check_gradient(f, lambda v, right=right: np.full(1, right), [x]).passed is not False
        for factor in (-1.0, 0.5, 1.1):
            wrong = factor * right if abs(right) > 0.1 else right + 1.0
            assert check_gradient(f, lambda v, wrong=wrong: np.full(1, wrong), [x]).passed is not True


@pytest.mark.parametrize("height", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("far", [3e2, 5e2, 8e2])
def test_single_precision_hides_a_small_wave_on_a_steep_curve(far, height):
    """A wave as high as a few roundings of f is noise over small steps, and gone over large ones."""
    for x in np.linspace(far, far + 3.0, 31):

        def f(v):
            z = np.float32(v[0])
            return float(z * z - np.float32(height) * np.sin(np.float32(2.0) * z))

        right = 2 * x - 2.0 * height * np.cos(2.0 * x)
        assert check_gradient(f, lambda v, right=right: np.full(1, right), [x]).passed is not False
        for factor in (-1.0, 0.0, 0.5, 1.01):
            assert check_gradient(f, lambda v, wrong=factor * right: np.full(1, wrong), [x]).passed is not True


def test_single_precision_hides_a_wave_from_steps_that_a_large_coordinate_absorbs():
    """x + z does not change over steps below z's last digit, and log x does: such steps show only its slope."""
    refuted = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        x, z = 10.0 ** rng.uniform(-4, -1), 10.0 ** rng.uniform(1, 3)
        a, b = rng.standard_normal(2)

        def f(v, a=a, b=b):
            x, z = v.astype(np.float32)
            return float(np.float32(a) * np.log(x) + np.float32(b) * np.sin(x + z))

        wave = b * np.cos(x + z)
        right = np.array([a / x + wave, wave])
        assert check_gradient(f, lambda v, right=right: right, [x, z]).passed is not False
        verdict = check_gradient(f, lambda v, wrong=right * [0.5, 1.0]: wrong, [x, z]).passed
        assert verdict is not True
        refuted += verdict is False
    assert refuted > 80


def test_the_verdict_in_words():
    def in_words(f, partial, theta):
        return check_gradient(f, lambda v: np.full(1, partial), theta).in_words("df/dx")

    assert in_words(lambda v: v[0] ** 2, 2.0, [1.0]).startswith("agree: relative error ")
    assert in_words(lambda v: v[0] ** 2, 3.0, [1.0]) == "DISAGREE with df/dx: relative error 3.3e-01, 1.6e-07 allowed"
    sigmoid = in_words(lambda v: 1 / (1 + np.exp(-v[0])), np.exp(-40.0), [40.0])
    assert re.fullmatch(r"cannot measure df/dx here: rounding or noise in f moves them by \d\.\de\+\d\d of it", sigmoid)
    assert in_words(np.sign, 1.0, [0.0]) == "cannot measure df/dx here: they settle over no step"
    assert "partial 0" in check_gradient(lambda v: v[0] ** 2, lambda v: 3 * v, [1.0]).in_words()
