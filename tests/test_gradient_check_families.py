"""Verdicts on random functions of many kinds: no wrong gradient passes, no right one fails, and few go unmeasured.

Each formula is written once, over a module of elementary functions: NumPy in double or single precision gives the
values that are checked, mpmath with 60 digits the partials, and how well the best central difference could show them.
"""

import math
import zlib
from types import SimpleNamespace

import numpy as np
import pytest

from gdlearn import check_gradient

mpmath = pytest.importorskip("mpmath")

DIGITS = 60
NAMES = {"sin": "sin", "cos": "cos", "exp": "exp", "log": "log", "tanh": "tanh", "atan": "arctan", "sqrt": "sqrt"}
DOUBLE = SimpleNamespace(number=np.float64, **{name: getattr(np, there) for name, there in NAMES.items()})
SINGLE = SimpleNamespace(**{**vars(DOUBLE), "number": np.float32})
EXACT = SimpleNamespace(number=lambda x: mpmath.mpf(float(x)), **{name: getattr(mpmath, name) for name in NAMES})


def formula(rng, d, depth):
    """A random smooth function of v, of moderate size near the origin."""
    if depth == 0 or rng.random() < 0.15:
        i = int(rng.integers(d))
        return lambda m, v: v[i]
    a, b = (formula(rng, d, depth - 1) for _ in range(2))
    return [
        lambda m, v: a(m, v) + b(m, v),
        lambda m, v: a(m, v) - b(m, v),
        lambda m, v: a(m, v) * b(m, v),
        lambda m, v: m.sin(a(m, v)),
        lambda m, v: m.cos(a(m, v)) * b(m, v),
        lambda m, v: m.tanh(a(m, v)) + b(m, v),
        lambda m, v: m.atan(a(m, v)) - b(m, v),
        lambda m, v: m.exp(-(a(m, v) ** 2)),
        lambda m, v: m.sqrt(1 + a(m, v) ** 2),
        lambda m, v: a(m, v) / (2 + m.cos(b(m, v))),
    ][int(rng.integers(10))]


def between(rng, low, high):
    return 10.0 ** rng.uniform(low, high)


def smooth(rng):
    d = int(rng.integers(1, 4))
    f, units, height = formula(rng, d, 3), 10.0 ** rng.uniform(-6, 6, size=d), between(rng, -5, 5)
    constant = rng.choice([0.0, 1.0, 1e3])

    def scaled(m, v):
        return m.number(height) * f(m, [x / m.number(u) for x, u in zip(v, units, strict=True)]) + m.number(constant)

    return scaled, rng.normal(size=d) * units * rng.choice([0.1, 1.0, 3.0])


def moderate(rng):
    d = int(rng.integers(1, 4))
    return formula(rng, d, 2), np.float32(rng.normal(size=d)).astype(float)


def cancelling(rng):
    a, large = between(rng, -8, 3), between(rng, 2, 11)
    return [
        (lambda m, v: (v[0] * v[0] - 1) / (v[0] - 1), np.array([1 + between(rng, -5, 0)])),
        (lambda m, v: 1 - m.cos(v[0]), np.array([between(rng, -6, 0)])),
        (lambda m, v: m.log(v[0]) + m.log(v[1]), np.array([a, 1 / a])),
        (lambda m, v: v[0] * v[1] - 1, np.array([a, 1 / a])),
        (lambda m, v: m.log(1 + m.exp(v[0])), np.array([rng.uniform(-30, 5)])),
        (lambda m, v: 1 / (1 + m.exp(-v[0])), np.array([rng.uniform(-40, 45)])),
        (lambda m, v: (m.exp(v[0]) - 1) / v[0], np.array([between(rng, -8, 0)])),
        (lambda m, v: m.sqrt(v[0] + 1) - m.sqrt(v[0]), np.array([between(rng, 0, 8)])),
        (lambda m, v: (v[0] + 1) ** 2 - v[0] ** 2 - 2 * v[0] + v[1], rng.normal(size=2) * between(rng, -1, 3)),
        (lambda m, v: (v[0] + m.number(large)) - m.number(large) + v[1] * v[1], rng.normal(size=2)),
        (lambda m, v: m.sin(v[0] + v[1]), np.array([rng.normal(), between(rng, 2, 8)])),
    ][int(rng.integers(11))]


def oscillating(rng):
    often, seldom, little = between(rng, 0, 9), between(rng, 1, 6), between(rng, -5, 0)
    return [
        (lambda m, v: v[0] * v[1] + 1000 * m.sin(v[2] ** 2), np.append(rng.normal(size=2), rng.uniform(50, 1000))),
        (lambda m, v: m.sin(m.log(v[0] / v[1]) ** 4), 10.0 ** rng.uniform(-3, 3, size=2)),
        (lambda m, v: m.sin(m.number(often) * v[0]) + v[1] ** 2, rng.normal(size=2)),
        (lambda m, v: v[0] * v[1] + m.number(little) * m.sin(m.number(seldom) * v[0]), rng.normal(size=2)),
        (lambda m, v: v[0] + m.exp(-((m.number(often) * v[0]) ** 2)), rng.normal(size=1) / often),
    ][int(rng.integers(5))]


def piecewise(rng):
    """Sums of ramps, of |z| or of squared ramps, kinks anywhere, and a jump a little away."""
    d, n, kind = int(rng.integers(1, 4)), int(rng.integers(1, 8)), int(rng.integers(4))
    A, b = rng.normal(size=(n, d)) * between(rng, -3, 2), rng.normal(size=n) * between(rng, -3, 2)
    theta = rng.normal(size=d) * between(rng, -3, 1)
    edge = theta[0] + between(rng, -6, 0) * rng.choice([-1, 1])

    def f(m, v):
        z = [
            sum(m.number(a) * x for a, x in zip(row, v, strict=True)) + m.number(c) for row, c in zip(A, b, strict=True)
        ]
        if kind == 0:
            return sum(max(x, 0 * x) for x in z)
        if kind == 1:
            return sum(abs(x) for x in z)
        if kind == 2:
            return sum(max(x, 0 * x) ** 2 for x in z)
        return z[0] + z[-1] ** 2 + (3 if v[0] > edge else 0)

    return f, theta


def with_noise(f, theta, rng):
    size = between(rng, -9, -4) * max(abs(float(f(DOUBLE, theta))), 0.1)

    def noisy(v):
        seed = zlib.crc32(np.asarray(v).tobytes())
        return float(f(DOUBLE, v)) + size * np.random.default_rng(seed).uniform(-1, 1)

    return noisy


FAMILIES = {
    "smooth": (smooth, "double"),
    "single precision": (moderate, "single"),
    "noisy": (moderate, "noisy"),
    "cancelling": (cancelling, "double"),
    "oscillating": (oscillating, "double"),
    "piecewise": (piecewise, "double"),
}


def exact_partials(f, theta):
    partials = []
    for i, x in enumerate(theta):
        h = mpmath.mpf(10) ** -22 * (abs(mpmath.mpf(float(x))) or 1)
        up, down = ([mpmath.mpf(float(x)) for x in theta] for _ in range(2))
        up[i] += h
        down[i] -= h
        partials.append((f(EXACT, up) - f(EXACT, down)) / (2 * h))
    return partials


def best_accuracy(value, f, theta, i, partial):
    """The relative error of the central difference over the best step, chosen in knowledge of everything."""
    best, x = math.inf, float(theta[i])
    for k in range(-12, 48, 2):
        h = 0.77 * max(abs(x), 1.0) * 2.0**-k
        if h < 8 * np.spacing(abs(x)):
            break
        noise, ends = 0.0, []
        for part in (1.0, 0.93, 0.84, 0.77, 0.71):
            for side in (part * h, -part * h):
                v = np.array(theta)
                v[i] = x + side
                with np.errstate(all="ignore"):
                    computed = value(v)
                try:
                    true = f(EXACT, [mpmath.mpf(float(y)) for y in v])
                except ZeroDivisionError:
                    true = mpmath.nan
                if not math.isfinite(computed) or isinstance(true, mpmath.mpc) or not mpmath.isfinite(true):
                    noise = math.inf
                    break
                noise = max(noise, abs(float(computed - true)), 1.1e-16 * abs(computed))
                ends.append(true)
        if math.isfinite(noise):
            bend = abs(float((ends[0] - ends[1]) / (2 * mpmath.mpf(h)) - partial))
            best = min(best, (bend + noise / h) / abs(float(partial)))
    return best


def problems(name, count):
    """Value, right gradient, and for each coordinate how well the best difference could show it."""
    family, precision = FAMILIES[name]
    made = 0
    for seed in range(3 * count):
        rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
        f, theta = family(rng)
        if precision == "noisy":
            value = with_noise(f, theta, rng)
        else:
            module = SINGLE if precision == "single" else DOUBLE

            def value(v, f=f, module=module):
                return float(f(module, [module.number(x) for x in v]))

        with mpmath.workdps(DIGITS), np.errstate(all="ignore"):
            partials = exact_partials(f, theta)
            right = np.array([float(p) for p in partials])
            if not (math.isfinite(value(theta)) and np.isfinite(right).all()):
                continue
            shown = [best_accuracy(value, f, theta, i, p) if p else math.nan for i, p in enumerate(partials)]
        yield seed, theta, value, right, shown
        made += 1
        if made == count:
            return


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.slow
def test_no_wrong_gradient_passes_and_no_right_one_fails(name):
    seen = []
    for seed, theta, value, right, shown in problems(name, 40):
        found = check_gradient(value, lambda _, right=right: right, theta)
        assert found.passed is not False, (seed, found)
        assert found.passed is not True or found.relative_error <= found.tolerance <= 5e-4, (seed, found)
        if all(accuracy < 1e-5 for accuracy in shown):  # so False where a partial is 0
            assert found.passed is True, (seed, shown, found)
        seen.append(found.passed)
        for i, accuracy in enumerate(shown):
            for factor in (-1.0, 0.0, 0.5, 1.1) if accuracy < 1e-3 else ():
                wrong = right.copy()
                wrong[i] *= factor
                found = check_gradient(value, lambda _, wrong=wrong: wrong, theta)
                assert found.passed is False or (found.passed is None and accuracy > 1e-4), (seed, i, factor, found)
    assert len(seen) == 40
    assert seen.count(True) >= 20


@pytest.mark.parametrize("factor", [-1.0, 0.0, 0.5, 1.1])
@pytest.mark.parametrize("d", [1, 5])
def test_noise_of_a_millionth_hides_nothing_on_a_sum_of_squares(d, factor):
    rng = np.random.default_rng(d)
    for _ in range(10):
        theta = rng.normal(size=d) + np.sign(rng.normal(size=d))

        def f(v):
            return np.sum(v * v) + 1e-6 * rng.uniform(-1, 1)

        assert check_gradient(f, lambda v: 2 * v, theta).passed is True
        wrong = 2 * theta
        wrong[-1] *= factor
        assert check_gradient(f, lambda v, wrong=wrong: wrong, theta).passed is False
