"""The error on held-out rows in the modes: values and changes against fifty digits, and against the rows themselves."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from textbook import scaled

from gdlearn import GradientDescentRegressor
from gdlearn._early_stopping import HeldOut
from gdlearn._held_out import HeldOutInModes
from gdlearn._recurrence import Recurrence

EPS = np.finfo(float).eps


def exactly(curve, recurrence, share, k):
    """v(θ_k) = v_r + gᵀu + ½uᵀHu, with u = −e(k)·gap of a strong mode and (1 − e(k))·gap of a weak one."""
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(60):
        m, t = curve.gap.shape
        beta, total = mpmath.mpf(recurrence.beta), mpmath.mpf(curve.value)
        e = []
        for h in recurrence.h.tolist():
            look = beta * (1 - mpmath.mpf(h)) if recurrence.nesterov else beta
            e.append((mpmath.matrix([[1 - mpmath.mpf(h), look], [-mpmath.mpf(h), look]]) ** k)[0, 0])
        for i in range(t):
            u = [(-e[j] if curve.strong[j, 0] else 1 - e[j]) * mpmath.mpf(curve.gap[j, i]) for j in range(m)]
            total += sum(mpmath.mpf(curve.gradient[j, i]) * u[j] for j in range(m))
            total += (
                share[i] * sum(mpmath.mpf(curve.hessian[a, b]) * u[a] * u[b] for a in range(m) for b in range(m)) / 2
            )
        return total


def curves():
    rng = np.random.default_rng(0)
    for t, beta, nesterov in ((1, 0.0, False), (2, 0.0, False), (2, 0.5, False), (1, 0.9, True)):
        m, share = 4, np.array([1.0, 0.25])[:t]
        A = rng.standard_normal((m, m))
        held_out = HeldOut(objective=None, on_rows=None, target_share=share)
        curve = HeldOutInModes(
            held_out=held_out,
            modes=None,
            start=None,
            gap=rng.standard_normal((m, t)),
            strong=np.array([[True], [True], [False], [False]]),
            value=50.0,
            size=np.zeros(m),
            gradient=rng.standard_normal((m, t)),
            hessian=A @ A.T,
        )
        yield curve, Recurrence(np.array([0.7, 1e-2, 1e-5, 1e-12]), beta, nesterov), share


@pytest.mark.parametrize("case", range(4))
def test_values_changes_and_differences_have_their_digits(case):
    curve, recurrence, share = list(curves())[case]
    steps = [1, 2, 10, 100, 1_000, 30_000]
    values = curve.errors([(recurrence, steps), (recurrence, [5])])
    changes, differences = curve.changes(recurrence, steps), curve.differences(recurrence, 10, steps[2:])
    exact = {k: exactly(curve, recurrence, share, k) for k in [5, *steps, *(k + 1 for k in steps)]}
    assert_allclose(values, [float(exact[k]) for k in [*steps, 5]], rtol=1e-13)
    # The change of one step is 10⁻⁶ and less of v, so of the difference of two values few digits would be left.
    assert_allclose(changes, [float(exact[k + 1] - exact[k]) for k in steps], rtol=1e-10)
    assert differences[0] == 0.0
    assert_allclose(differences[1:], [float(exact[k] - exact[10]) for k in steps[3:]], rtol=1e-11)


def test_the_displacement_is_what_is_left_of_strong_modes_and_done_of_weak_ones():
    curve, _, _ = next(curves())
    recurrence = Recurrence(np.array([0.5, 0.25, 0.5, 0.25]))
    u = curve.displacement(recurrence, [0, 2])
    assert_allclose(u[0], [[-1.0], [-1.0], [0.0], [0.0]] * curve.gap)
    assert_allclose(u[1], [[-0.25], [-0.5625], [0.75], [0.4375]] * curve.gap)


@pytest.mark.parametrize(("offset", "noise"), [(0.0, 0.0), (0.0, 1.0), (1e4, 1e-6), (1e8, 1.0)])
@pytest.mark.parametrize("shape", [(60, 5), (20, 90)])
@pytest.mark.parametrize("scaling", ["standard", None])
def test_the_recorded_errors_are_those_of_the_rows(offset, noise, shape, scaling):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(2 * shape[0], shape[1]))
    y = X[:, :3] @ [1.0, 2.0, 3.0] + offset + noise * rng.normal(size=len(X))
    train, held = slice(0, shape[0]), slice(shape[0], None)
    options = {"early_stopping": True, "max_iter": 400, "n_iter_no_change": 400, "scaling": scaling}
    Z, shift, scale = scaled(X[train], scaling)
    Z = np.column_stack([np.ones(len(Z)), Z]).astype(np.longdouble)
    Z_held = np.column_stack([np.ones(len(Z)), (X[held] - shift) / scale]).astype(np.longdouble)
    theta, errors = np.zeros(Z.shape[1], np.longdouble), []
    theta[0] = y[train].astype(np.longdouble).mean()
    for _ in range(401):
        errors.append(np.mean((y[held] - Z_held @ theta) ** 2))
        theta = theta + np.longdouble(0.02) * 2 / len(Z) * (Z.T @ (y[train] - Z @ theta))
    errors = np.array(errors, dtype=np.float64)
    # Predictions of y are rounded, and each target's coefficients: v is known to 2√v times that.
    rounding = 50 * EPS * (np.abs(y).max() + np.abs(errors[0]) ** 0.5)
    room = 1e-9 * errors + 2 * np.sqrt(errors) * rounding + rounding**2
    for solver in ("spectral", "loop"):
        if solver == "loop":  # on moments a difference of what is as large as the first error
            room = room + 16 * EPS * errors[0]
        model = GradientDescentRegressor(0.02, solver=solver, **options)
        model.fit(X[train], y[train], X_val=X[held], y_val=y[held])
        assert (np.abs(model.validation_loss_curve_ - errors) <= room).all()
        best = np.mean((y[held] - model.predict(X[held])) ** 2)
        assert abs(best - errors[model.n_iter_]) <= room[model.n_iter_]
        assert best <= (errors + room)[1:].min()


def test_a_perfect_fit_of_the_held_out_rows_is_seen_to_its_rounding():
    # Moments lose an error of 10⁻²⁰ beside y² of 10⁶; the rows do not.
    rng = np.random.default_rng(2)
    X = np.round(64 * rng.normal(size=(80, 3))) / 64
    y = X @ [1.0, 2.0, 4.0] + 1024.0
    model = GradientDescentRegressor(0.25, early_stopping=True, max_iter=150, n_iter_no_change=150)
    model.fit(X[:40], y[:40], X_val=X[40:], y_val=y[40:])
    steps, curve = model.loss_curve_iterations_, np.array(model.validation_loss_curve_)
    for k in (20, 60, 90, 120):
        alone = GradientDescentRegressor(0.25, max_iter=k, init="mean").fit(X[:40], y[:40])
        error = np.mean((y[40:] - alone.predict(X[40:])) ** 2)
        assert curve[steps.index(k)] == pytest.approx(error, rel=1e-3, abs=1e-25)


@pytest.mark.parametrize("seed", range(4))
def test_the_best_step_is_found_where_moments_know_nothing_of_the_error_any_more(seed):
    # The error at its least is 10⁻¹² beside a mean square of 15: of its changes moments would know nothing.
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(120, 5))
    y = X[:, :3] @ [1.0, 2.0, 3.0] + 1e-6 * rng.normal(size=120)
    Z, shift, scale = scaled(X[:60], "standard")
    Z = np.column_stack([np.ones(60), Z]).astype(np.longdouble)
    Z_held = np.column_stack([np.ones(60), (X[60:] - shift) / scale]).astype(np.longdouble)
    theta, errors = np.zeros(6, np.longdouble), []
    theta[0] = y[:60].astype(np.longdouble).mean()
    for _ in range(1_001):
        errors.append(np.mean((y[60:] - Z_held @ theta) ** 2))
        theta = theta + np.longdouble(0.05) / 30 * (Z.T @ (y[:60] - Z @ theta))
    best = 1 + int(np.argmin(errors[1:]))
    model = GradientDescentRegressor(0.05, early_stopping=True, max_iter=1_000, n_iter_no_change=1_000)
    model.fit(X[:60], y[:60], X_val=X[60:], y_val=y[60:])
    # Neighbours of the best differ by less than a ten-thousandth of it; a step that is worse by more is not the best.
    assert abs(model.n_iter_ - best) <= 2 or errors[model.n_iter_] < errors[best] * (1 + 1e-7)
    assert 50 < best < 900
    assert_allclose(model.validation_loss_curve_, np.array(errors, dtype=np.float64), rtol=1e-8)
