"""The backtracking line search, by hand and on badly scaled functions."""

from itertools import pairwise

import numpy as np
import pytest

from gdlearn._descent import Status, iterates, usual_ends
from gdlearn._descent import descend as descend_by
from gdlearn._objective import Evaluation, Iterate
from gdlearn._step_size import SUFFICIENT, backtracking_line_search


class Surface:
    """A function and its gradient, as the loop asks for them; it remembers where it was asked."""

    def __init__(self, value, gradient):
        self._value, self._gradient, self.asked = value, gradient, []

    def value(self, theta):
        self.asked.append(theta.copy())
        return float(self._value(theta))

    def gradient(self, theta):
        return np.asarray(self._gradient(theta), dtype=np.float64)

    def at(self, theta, k=0):
        return Evaluation(self.value(theta), self.gradient(theta))

    def iterate(self, theta, k=0):
        theta = np.asarray(theta, dtype=np.float64)
        return Iterate(k, theta, *self.at(theta))


def descend(surface, start, rule, max_iter, observe=None):
    return descend_by(iterates(surface, start, rule), *usual_ends(max_iter, None, observe))


def parabola(scale=1.0):
    return Surface(lambda t: scale * t @ t, lambda t: 2 * scale * t)


def test_by_hand():
    # f = 4x² from x = 1, g = 8: η = 1, 1/2, 1/4 lead to -7, -3, -1, where f is 196, 36, 4, none below 4 − cη64; 1/8
    # leads to 0. The next search starts at 1/4.
    surface = parabola(4.0)
    rule = backtracking_line_search(surface)
    assert rule(surface.iterate([1.0])) == 1 / 8
    np.testing.assert_array_equal(np.concatenate(surface.asked), [1.0, -7.0, -3.0, -1.0, 0.0])
    surface.asked.clear()
    assert rule(surface.iterate([0.5])) == 1 / 8
    np.testing.assert_array_equal(np.concatenate(surface.asked), [0.5, -0.5, 0.0])


def test_a_decrease_that_is_too_small_is_refused():
    # f = x² from x = 1: η leads to 1 − 2η and must reduce f by 4cη; η = 1 − c/2 reduces it by 2cη only.
    surface = parabola()
    rule = backtracking_line_search(Surface(lambda t: t @ t if abs(t[0]) != 1.0 else 1.0 - SUFFICIENT, None))
    assert rule(surface.iterate([1.0])) == 0.5


@pytest.mark.parametrize("scale", [1e-12, 1e-6, 1.0, 1e6, 1e12, 1e100])
def test_badly_scaled_functions_are_reached_from_both_sides(scale):
    surface = parabola(scale)
    end = descend(surface, np.array([1.0, -2.0]), backtracking_line_search(surface), max_iter=200)
    assert np.abs(end.last.theta).max() < 1e-7
    assert (np.diff(end.values) < 0).all()


def test_every_step_reduces_the_function_by_armijo():
    surface = Surface(
        lambda t: (1 - t[0]) ** 2 + 100 * (t[1] - t[0] ** 2) ** 2,
        lambda t: [-2 * (1 - t[0]) - 400 * t[0] * (t[1] - t[0] ** 2), 200 * (t[1] - t[0] ** 2)],
    )
    seen = [(surface.iterate([-1.2, 1.0]), np.nan)]
    descend(
        surface,
        seen[0][0].theta,
        backtracking_line_search(surface),
        max_iter=500,
        observe=lambda point, eta: seen.append((point, eta)),
    )
    assert len(seen) == 501
    for (before, _), (after, eta) in pairwise(seen):
        assert after.value <= before.value - SUFFICIENT * eta * (before.gradient @ before.gradient)
        assert eta in 2.0 ** np.arange(-60.0, 10.0)


def test_trials_without_a_value_are_refused():
    log = Surface(lambda t: t[0] - np.log(t[0]) if t[0] > 0 else np.nan, lambda t: [1 - 1 / t[0]])
    end = descend(log, np.array([40.0]), backtracking_line_search(log), max_iter=100)
    assert end.last.theta == pytest.approx(1.0, abs=1e-7)
    assert end.status is Status.LIMIT


def test_where_nothing_is_to_be_gained_it_ends():
    for surface, start in (
        (parabola(), [0.0, 0.0]),
        (Surface(lambda t: 1e16 + t @ t, lambda t: 2 * t), [1.0]),
        (Surface(lambda t: t @ t, lambda t: -2 * t), [1.0]),  # a gradient of the wrong sign
    ):
        end = descend(surface, np.array(start), backtracking_line_search(surface), max_iter=10)
        assert (end.status, end.last.n_steps) == (Status.LIMIT, 0)


def test_neither_steep_nor_flat_slopes_overflow():
    steep = Surface(lambda t: 1e200 * abs(t[0]), lambda t: 1e200 * np.sign(t))
    end = descend(steep, np.array([1.0]), backtracking_line_search(steep), max_iter=100)
    assert end.last.value < 1e190
    flat = Surface(lambda t: 1e-300 * t[0], lambda t: np.full(1, 1e-300))
    end = descend(flat, np.array([1.0]), backtracking_line_search(flat), max_iter=5)
    assert end.last.theta[0] < 1.0
