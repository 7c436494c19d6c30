"""The kinds of problems of the fuzz: data, settings, the fit, and how far it is from the reference."""

from __future__ import annotations

from typing import Any

import numpy as np
from fixed_point import EPS, ONE, Array, Rows, integer_sums, root
from fuzz_checks import Checks, against_iterate, against_limit, loss_check, ratio
from fuzz_data import (
    SCALINGS,
    Random,
    base,
    descent_problem,
    descent_settings,
    dummies,
    few_flavours,
    flavoured,
    log_uniform,
    pick,
    some_steps,
    stable_rate,
    targets,
    weights,
)
from fuzz_gradients import gradient_in_float32, gradient_of_function
from references import ALLOWED, Coordinates, Reference, Start, descents, iterates, least_squares, tries
from scipy import sparse
from sklearn.model_selection import KFold, LeaveOneGroupOut, TimeSeriesSplit, train_test_split

from gdlearn import GradientDescentRegressor, GradientDescentRegressorCV, Moments, gradient_descent_path


def limits(random: Random) -> Checks:
    """The default fit on ordinary and degenerate columns."""
    n = int(random.integers(4, 61))
    X = flavoured(random, base(random, n, int(random.integers(1, 4))))
    t = pick(random, 1, 1, 1, 2)
    y = targets(random, X, t) * pick(random, 1.0, 1e6, 1e-6) + pick(random, 0.0, 0.0, 1e8, 1e12)
    w = weights(random, n)
    scaling, fit_intercept = pick(random, *SCALINGS), random.random() < 0.85
    momentum = pick(random, "auto", "auto", "auto", 0.5)
    model = GradientDescentRegressor(scaling=scaling, fit_intercept=fit_intercept, momentum=momentum)
    model.fit(X, y if t > 1 else y[:, 0], w)
    yield from against_limit(Rows(X, y, w).sums, model, scaling, fit_intercept)


def extremes(random: Random) -> Checks:
    """The default fit on columns and targets of any size."""
    n, d, t = int(random.integers(4, 31)), int(random.integers(1, 4)), pick(random, 1, 1, 2, 3)
    X = base(random, n, d)
    y = targets(random, X, t)
    if random.random() < 0.5:
        X = X * 10.0 ** random.uniform(-150, 150, d)
        y = y * 10.0 ** random.uniform(-150, 150, t)
    else:
        size = random.uniform(-300, 300)
        X = X * 10.0**size
        y = y * 10.0 ** pick(random, size + random.uniform(-3, 3, t), random.uniform(-70, 70))
    if t == 2 and random.random() < 0.5:
        y = targets(random, X, t) * 10.0 ** (random.uniform(100, 250) * np.array([1, -1]))
    w = weights(random, n)
    scaling = pick(random, "standard", "standard", "minmax", "maxabs")
    model = GradientDescentRegressor(scaling=scaling).fit(X, y if t > 1 else y[:, 0], w)
    yield from against_limit(Rows(X, y, w).sums, model, scaling, True)


def wide(random: Random) -> Checks:
    """The default fit where rows are fewer than columns."""
    n, d = int(random.integers(5, 31)), int(random.integers(65, 81))
    x = np.sort(random.uniform(-1, 1, n))
    kind = random.integers(5)
    if kind == 0:
        X = random.standard_normal((n, d)) * 10.0 ** random.uniform(-3, 3, d)
    elif kind == 1:
        X = np.exp(-((x[:, None] - np.linspace(-1, 1, d)) ** 2) / (2 * log_uniform(random, 0.05, 1.0) ** 2))
    elif kind == 2:
        X = x[:, None] ** np.arange(1, d + 1)
    elif kind == 3:
        few = random.standard_normal((n, 6))
        X = few @ random.standard_normal((6, d)) + pick(random, 0.0, 1e-13, 1e-8) * random.standard_normal((n, d))
    else:
        few = np.hstack([dummies(random, n), random.standard_normal((n, 2))])
        X = few[:, random.integers(few.shape[1], size=d)]
    X = X + pick(random, 0.0, 0.0, 1e4)
    y = np.sin(4 * x) + pick(random, 0.0, 0.1) * random.standard_normal(n)
    w = weights(random, n) if random.random() < 0.3 else None
    scaling = pick(random, "standard", "standard", "minmax", None)
    model = GradientDescentRegressor(scaling=scaling).fit(X, y, w)
    yield from against_limit(Rows(X, y, w).sums, model, scaling, True)


def many_rows(random: Random) -> Checks:
    """The default fit on factors with all their levels, in up to 100,000 rows: integers, so that all sums are exact."""
    n = int(log_uniform(random, 300, 1e5))
    factors = [dummies(random, n, pick(random, 2, 2, 3, 4)) for _ in range(pick(random, 1, 1, 2))]
    if random.random() < 0.2:  # a rare level
        factors[0] = np.eye(2)[(np.arange(n) < int(random.integers(1, 4))).astype(int)]
    plain = np.rint(2**8 * random.standard_normal((n, int(random.integers(0, 3))))).astype(np.int64)
    Z = np.hstack([np.ones((n, 1)), *factors, plain]).astype(np.int64)
    grid = np.array([0] * (Z.shape[1] - plain.shape[1]) + [8] * plain.shape[1] + [12])
    X = Z[:, 1:] / 2.0 ** grid[1:-1]
    y = X @ random.standard_normal(X.shape[1]) + 0.3 * random.standard_normal(n) + pick(random, 0.0, 5.0, 50.0)
    y = np.rint(2**12 * y).astype(np.int64)
    scaling = pick(random, *SCALINGS)
    w, groups = None, [(1.0, np.arange(n))]
    if random.random() < 0.4:
        code = factors[0].argmax(axis=1) if random.random() < 0.7 else random.integers(0, 3, n)
        of_code = pick(random, 10.0 ** random.integers(0, 6, 4), random.integers(1, 5, 4).astype(float))
        w, groups = (
            of_code[code],
            [(float(v), np.flatnonzero(code == g)) for g, v in enumerate(of_code) if (code == g).any()],
        )
    order = pick(random, np.arange(n), np.argsort(factors[0].argmax(axis=1), kind="stable"))
    A: Any = X[order]
    if random.random() < 0.2:
        A = sparse.csr_array(A)
    model = GradientDescentRegressor(scaling=scaling).fit(A, y[order] / 2.0**12, None if w is None else w[order])
    sums = integer_sums(np.column_stack([Z, y]), grid, groups)
    yield from against_limit(sums, model, scaling, True)


def reference_of(rows: Rows, settings: dict[str, Any], steps: list[int], **more: Any) -> list[Reference]:
    names = {
        "scaling": "scaling",
        "fit_intercept": "fit_intercept",
        "learning_rate": "rate",
        "momentum": "momentum",
        "nesterov": "nesterov",
    }
    return descents(rows, **{names[k]: v for k, v in settings.items()}, steps=steps, **more)


def iterates_(random: Random) -> Checks:
    """Iterate k, whatever k is."""
    rows, settings, data = descent_problem(random)
    k = some_steps(random)
    solver = pick(random, "auto", "spectral", "loop") if k <= 2000 else "auto"
    model = GradientDescentRegressor(**settings, max_iter=k, solver=solver)
    start: Start = pick(random, "zero", "zero", "mean", "model", "earlier")
    if start in ("zero", "mean"):
        model.set_params(init=start)
    else:
        X, y, w = data
        model.fit(X, y + y.std() * random.standard_normal(y.shape), w)
        if start == "earlier":
            model.set_params(warm_start=True)
        else:
            first = [np.atleast_1d(model.intercept_)] if settings["fit_intercept"] else []
            model.set_params(init=np.vstack([*first, np.atleast_2d(model.coef_).T]).T.reshape(*y.shape[1:], -1))
        start = (model.coef_, model.intercept_)
    model.fit(*data)
    yield f"n_iter_ {model.n_iter_} for {k}", 0.0 if model.n_iter_ == k else np.inf
    yield from against_iterate(
        rows.sums, model, reference_of(rows, settings, [k], start=start, by_loop=model.solver_ == "loop")[0]
    )


def path(random: Random) -> Checks:
    """The path holds the iterates of the fit."""
    rows, settings, data = descent_problem(random)
    steps = sorted({some_steps(random, 1e15) for _ in range(3)})
    X, y, w = data
    start = pick(random, "zero", "zero", "mean")
    found, coefs, intercepts, losses = gradient_descent_path(
        X, y, iterations=steps, sample_weight=w, init=start, **settings
    )
    yield "iterations", 0.0 if found.tolist() == steps else np.inf
    for i, (k, reference) in enumerate(zip(steps, reference_of(rows, settings, steps, start=start), strict=True)):
        theta = rows.sums.theta(coefs[..., i], intercepts[..., i])
        yield f"fitted values of the path at {k}", ratio(rows.sums.rms(theta - reference.model), reference.rounding)
        yield loss_check(rows.sums, theta, losses[i], f"loss of the path at {k}")
        model = GradientDescentRegressor(**settings, init=start, max_iter=k).fit(*data)
        for what, error in against_iterate(rows.sums, model, reference):
            yield f"fit at {k}: {what}", error
        other = rows.sums.theta(model.coef_, model.intercept_)
        yield f"path beside fit at {k}", ratio(rows.sums.rms(theta - other), reference.rounding)


def rules(random: Random) -> Checks:
    """With tol the first k; with nothing the first k whose fit is the limit's."""
    rows, settings, data = descent_problem(random)
    where, sums = Coordinates(rows.sums, settings["scaling"], settings["fit_intercept"]), rows.sums
    d, fit_intercept = sums.d, settings["fit_intercept"]
    y_rms = sums.size[1 + d :]
    if random.random() < 0.3:
        settings |= {"momentum": 0.0, "nesterov": False}
        rate = min(settings["learning_rate"], 0.5 * stable_rate(where, 0.0, False))
        settings["learning_rate"] = rate = rate * pick(random, 1.0, 1.0, log_uniform(random, 1e-100, 1e-10))
        model = GradientDescentRegressor(**settings).fit(*data)
        limit = least_squares(sums, settings["scaling"], fit_intercept)
        yield from against_limit(sums, model, settings["scaling"], fit_intercept, limit)
        k = model.n_iter_
        if limit.amplification > 1e4 or not limit.clear or k > 1e55:
            return
        before, after = (
            sums.rms(where.to_model(theta) - limit.theta) / (EPS * y_rms)
            for theta in iterates(where, rate, [max(int(0.99 * k) - 1, 0), int(1.01 * k) + 1])
        )
        yield f"n_iter_ {k} too late", 0.0 if k == 1 or not (before < 0.9).all() else np.inf
        yield f"n_iter_ {k} too early", 0.0 if (after < 1.1).all() else np.inf
        return
    tol = log_uniform(random, 1e-10, 0.1)
    loop = random.random() < 0.3
    model = GradientDescentRegressor(
        **settings, tol=tol, solver="loop" if loop else "auto", max_iter=1000 if loop else pick(random, None, 10**15)
    ).fit(*data)
    k = model.n_iter_
    by_loop = model.solver_ == "loop"
    yield from against_iterate(sums, model, reference_of(rows, settings, [k], by_loop=by_loop)[0])
    if k == (1000 if loop else 10**15):
        return
    steps = [k, k - 1] if k > 300 or not settings["momentum"] else [k, *range(1, k)]
    ratios, signs = [], np.random.default_rng(0)
    for moved in (rows, *(rows.moved(signs, attempt % 2 == 1) for attempt in range(tries.get() // 2))):
        there = Coordinates(moved.sums, settings["scaling"], fit_intercept)
        S = moved.sums.S
        mean = S[0, 1 + d :]
        variance = [int(S[j, j]) - (int(m) * int(m) // ONE) for j, m in enumerate(mean, 1 + d)]
        sigma = np.array([root(v) for v in variance]) if fit_intercept else y_rms
        sigma = np.where(sigma > 0, sigma, y_rms)
        norms = [
            there.gradient_norm(theta) / (tol * 2 * there.feature_norm * sigma)
            for theta in iterates(there, settings["learning_rate"], steps, settings["momentum"], settings["nesterov"])
        ]
        ratios.append(np.max(norms, axis=1))
    worst = np.array([0.0, *[np.sqrt(len(rows.Z)), 1.0] * (tries.get() // 4)])[:, None]
    spread = ALLOWED * ((worst * np.abs(np.array(ratios) - ratios[0])).max(axis=0) + 4 * EPS * ratios[0])
    if by_loop:  # its residuals are rounded as y is: that moves ‖∇J‖ by 2ε · ‖X̃‖_F/√W · rms y
        spread += ALLOWED * EPS * float(np.max(y_rms / sigma)) / tol
    yield f"n_iter_ {k}: gradient {ratios[0][0]} of tol", 0.0 if ratios[0][0] <= 1 + spread[0] else np.inf
    if k > 1:
        earlier = (ratios[0][1:] <= 1 - spread[1:]).any()
        yield f"n_iter_ {k} is not the first", np.inf if earlier else 0.0


def invariances(random: Random) -> Checks:
    """The same in other units bit for bit; in another order or storage, or with rows repeated, the same model."""
    rows, settings, (X, y, w) = descent_problem(random, most=31)
    end = pick(random, {}, {}, {"max_iter": some_steps(random, 1e12)})
    if not end:
        settings |= {"learning_rate": "auto", "momentum": 0.0, "nesterov": False}
    a, b, c = (int(random.integers(-40, 41)) for _ in range(3))
    if settings["scaling"] is None or not (settings["fit_intercept"] or np.ptp(X, axis=0).all()):
        a = 0  # a feature without a scale keeps its unit, so the descent is another one
    w = np.ones(len(X)) if w is None else w
    order = random.permutation(len(X))
    times = random.integers(1, 4, len(X))
    if end:  # the rate has to be stable with those rows repeated, too
        there = Coordinates(Rows(X, y, w * times).sums, settings["scaling"], settings["fit_intercept"])
        stable = stable_rate(there, settings["momentum"], settings["nesterov"])
        settings["learning_rate"] = min(settings["learning_rate"], 0.95 * stable)
    first, other = (GradientDescentRegressor(**settings, **end) for _ in range(2))
    first.fit(X, y, w)
    for name, changed, p, q in (
        ("X", (X * 2.0**a, y, w), -a, 0),
        ("y", (X, y * 2.0**b, w), b, b),
        ("weights", (X, y, w * 2.0**c), 0, 0),
    ):
        other.fit(*changed)
        equal = np.array_equal(other.coef_, np.ldexp(first.coef_, p)) and np.array_equal(
            other.intercept_, np.ldexp(first.intercept_, q)
        )
        yield f"{name} times a power of two", 0.0 if equal else np.inf
    cases = {
        "permuted": (X[order], y[order], w[order]),
        "CSR": (sparse.csr_array(X), y, w),
        "CSC": (sparse.csc_array(X), y, w),
        "integer weights": (X, y, w * times),
        "repeated": (np.repeat(X, times, axis=0), np.repeat(y, times, axis=0), np.repeat(w, times)),
    }
    references: dict[str, Any] = {}
    for name, changed in cases.items():
        other.fit(*changed)
        kind = "weighted" if name in ("integer weights", "repeated") else "plain"
        if kind not in references:
            some = rows if kind == "plain" else Rows(X, y, w * times)
            references[kind] = some, None if not end else reference_of(some, settings, [end["max_iter"]])[0]
        some, reference = references[kind]
        if reference is None:
            checks = against_limit(some.sums, other, settings["scaling"], settings["fit_intercept"])
        else:
            checks = against_iterate(some.sums, other, reference)
        for what, error in checks:
            yield f"{name}: {what}", error


def taken(rows: Rows, index: Array) -> Rows:
    part = Rows.__new__(Rows)
    part.x_exponent, part.y_exponent = rows.x_exponent, rows.y_exponent
    part.Z, part.weight = rows.Z[index], rows.weight[index]
    return part


def cv(random: Random) -> Checks:
    """The errors of the CV on every fold, and its model."""
    n, d = int(random.integers(12, 61)), int(random.integers(1, 4))
    X = base(random, n, d)
    groups, splitter = None, KFold(int(random.integers(2, 5)))
    kind = int(random.integers(7))
    if kind == 0:  # constant in the first rows
        late = random.standard_normal(n)
        late[: n // 3] = pick(random, 3.7, 0.0, 1e4)
        X, splitter = np.column_stack([X, late]), TimeSeriesSplit(3)
    elif kind == 1:
        groups = random.permutation(np.arange(n) % 3)
        X = np.column_stack([X, np.array(pick(random, [10.0, 20.0, 20.0], [0.0, 1.0, 0.0], [0.1, 0.3, 0.7]))[groups]])
        splitter = LeaveOneGroupOut()
    elif kind == 2:  # the halves apart
        X, splitter = X + log_uniform(random, 1, 1e8) * (np.arange(n) < n // 2)[:, None], KFold(2)
    elif kind == 3:
        X = np.column_stack([dummies(random, n), X[:, :1]])
    elif kind == 4:
        X[int(random.integers(n)), 0] = log_uniform(random, 1e3, 1e10)
    elif kind == 5:
        X = few_flavours(random, n)
    t = pick(random, 1, 1, 2)
    y = targets(random, X, t, noise=0.3) + pick(random, 0.0, 0.0, 1e8)
    w = weights(random, n) if random.random() < 0.3 else None
    if w is not None:
        w = w + 1.0
    rows = Rows(X, y, w)
    scaling, fit_intercept = pick(random, *SCALINGS), random.random() < 0.9
    splits = list(splitter.split(X, groups=groups))
    stable = min(
        stable_rate(Coordinates(taken(rows, np.asarray(train)).sums, scaling, fit_intercept), 0.0, False)
        for train, _ in [*splits, (np.arange(n), None)]
    )
    rates = stable * np.array([0.5, log_uniform(random, 1e-3, 0.9)])[: pick(random, 1, 2)]
    steps = sorted({some_steps(random, 1e10) for _ in range(2)})
    init = pick(random, "auto", "auto", "zero")
    start = "mean" if init == "auto" else init
    model = GradientDescentRegressorCV(
        rates, max_iters=steps, cv=splits, scaling=scaling, init=init, fit_intercept=fit_intercept
    )
    model.fit(X, y if t > 1 else y[:, 0], w)
    scale = np.ldexp(1.0, rows.y_exponent)
    for f, (train, test) in enumerate(splits):
        for r, rate in enumerate(rates):
            found = descents(
                taken(rows, train), scaling, fit_intercept, rate, steps, start=start, test=taken(rows, test)
            )
            for s, reference in enumerate(found):
                exact = np.linalg.norm(reference.losses * scale) / np.sqrt(t)
                rounding = np.linalg.norm(reference.losses_rounding * scale) / np.sqrt(t)
                given = model.mse_path_[r, s, f]
                error = abs(np.sqrt(given) - exact) if given >= 0 else np.inf
                yield f"mse_path_[{r}, {s}, {f}] {given} for {exact**2}", ratio(error, rounding)
    means = model.mse_path_.mean(axis=-1)
    yield "best_score_", 0.0 if model.best_score_ == -means.min() else np.inf
    reference = descents(rows, scaling, fit_intercept, model.learning_rate_, [model.max_iter_], start=start)[0]
    for what, error in against_iterate(rows.sums, model, reference):
        yield f"refitted: {what}", error


def early_stopping(random: Random) -> Checks:
    """Where it stops, beside the rule followed step by step, and the model there."""
    rows, settings, (X, y, w) = descent_problem(random)
    given = random.random() < 0.5
    most, patience = int(log_uniform(random, 20, 800)), pick(random, 1, 5, 10)
    scaling, fit_intercept = settings["scaling"], settings["fit_intercept"]
    n = len(X)
    if given:
        train, held = np.arange(n) % 3 > 0, np.arange(n) % 3 == 0
    else:
        held = np.zeros(n, dtype=bool)
        held[train_test_split(np.arange(n), test_size=0.3, random_state=0)[1]] = True
        train = ~held
    w = np.ones(n) if w is None else w + 1.0
    rows = Rows(X, y, w)
    where = Coordinates(taken(rows, train).sums, scaling, fit_intercept)
    settings |= descent_settings(random, where)
    init = pick(random, "auto", "auto", "zero")
    start = "mean" if init == "auto" else init
    model = GradientDescentRegressor(
        **settings,
        init=init,
        early_stopping=True,
        max_iter=most,
        n_iter_no_change=patience,
        validation_fraction=0.3,
        random_state=0,
        solver=pick(random, "auto", "auto", "loop"),
    )
    if given:
        model.fit(X[train], y[train], w[train], X_val=X[held], y_val=y[held], sample_weight_val=w[held])
    else:
        model.fit(X, y, w)
    k = model.n_iter_
    train_rows, held_rows = taken(rows, train), taken(rows, held)
    reference = reference_of(train_rows, settings, [k], start=start, by_loop=model.solver_ == "loop")[0]
    yield from against_iterate(train_rows.sums, model, reference)

    def stop(train: Rows, nudge: int = 0) -> int:
        return naive_stop(train, held_rows, settings, start, patience, most, nudge)

    stops = [stop(train_rows)]
    if k != stops[0]:
        generator = np.random.default_rng(0)
        stops += [
            stop(train_rows.moved(generator, by_column), nudge) for by_column in (True, False) for nudge in (-1, 1)
        ]
        here, there = reference_of(train_rows, settings, [k, stops[0]], start=start, test=held_rows)
        near = ratio(np.abs(here.losses - there.losses), there.losses_rounding)
        yield f"n_iter_ {k} for {stops[0]}", near if len(set(stops)) == 1 else min(near, 1.0)


def naive_stop(
    train: Rows, held: Rows, settings: dict[str, Any], start: Start, patience: int, most: int, nudge: int
) -> int:
    """The step k ≥ 1 with the least error before `patience` steps without a lesser one.

    The rate is moved by `nudge` units of its last place: errors of two steps may be equal but for it, as those of modes
    that overshoot by as much as they were off.
    """
    where = Coordinates(train.sums, settings["scaling"], settings["fit_intercept"])
    scale = np.array([1 << 2 * int(e - train.y_exponent.min()) for e in train.y_exponent], dtype=object)
    rate, momentum, nesterov = (settings[name] for name in ("learning_rate", "momentum", "nesterov"))
    best, least = 0, None
    for k, theta in enumerate(
        iterates(where, rate, range(1, most + 1), momentum, nesterov, where.start(start), nudge), 1
    ):
        error = held.sums.losses(where.to_model(theta)) @ scale
        if least is None or error < least:
            best, least = k, error
        elif k - best >= patience:
            break
    return best


def merges(random: Random) -> Checks:
    """Moments of pieces, added, beside all rows."""
    n = int(random.integers(12, 61))
    X = flavoured(random, base(random, n, int(random.integers(1, 4))))
    kind = int(random.integers(5))
    if kind == 0:
        X = X[:, :1] + 10.0 ** random.uniform(2, 6)
        other = random.standard_normal(n) + 10.0 ** random.uniform(2, 6)
        X = np.column_stack([X, other, X[:, 0] + other])
    elif kind == 1:
        X[: n // 2, -1] = 0.0
        X[:, -1] = X[:, -1] * pick(random, 1e-200, 1e-140, 1e200, 1e-100)
    elif kind == 2:
        X = np.column_stack([X, np.full(n, 10.0 ** random.uniform(-9, 9)), np.full(n, 10.0 ** random.uniform(-9, 9))])
    y = targets(random, X, 1)[:, 0] + pick(random, 0.0, 0.0, 1e9)
    w = weights(random, n)
    if w is not None:
        w = w + 1.0
    root_, scaling = random.random() < 0.6, pick(random, *SCALINGS)
    pieces = np.array_split(np.arange(n), int(random.integers(2, 6)))
    total = None
    for piece in pieces:
        moments = Moments.from_data(X[piece], y[piece], None if w is None else w[piece], root=root_)
        total = moments if total is None else total + moments
    model = GradientDescentRegressor(scaling=scaling).fit_moments(total)
    sums = Rows(X, y, w).sums
    limit = least_squares(sums, scaling, True)
    if not root_:  # second moments are the data then
        S, d = sums.S, sums.d
        spread = np.array([root(int(S[j, j]) - (int(S[0, j]) ** 2 // ONE)) for j in range(len(S))])
        shares = sum(spread[j] / distance for j, distance in limit.distance.items())
        size = spread[1 + d :] + spread[1 : 1 + d] @ np.abs(limit.theta[1:] / ONE).astype(float)
        limit = limit._replace(
            rounding=limit.rounding + EPS * shares * size,
            square_rounding=EPS * size**2,
            clear=limit.clear and shares < 1e3,
            amplification=limit.amplification + shares**2,
        )
    yield from against_limit(sums, model, scaling, True, limit)


def gradient_of_fit(random: Random) -> Checks:
    """A right gradient passes in fit, whatever the data."""
    _, settings, data = descent_problem(random)
    settings["learning_rate"] = "auto"
    settings |= {"momentum": 0.0, "nesterov": False}
    try:
        GradientDescentRegressor(**settings, check_gradient=True, max_iter=pick(random, None, 3), random_state=0).fit(
            *data
        )
    except Exception as error:
        if type(error).__name__ != "GradientCheckError":
            raise
        yield f"false alarm: {error}", np.inf


KINDS = {
    "limits": limits,
    "extremes": extremes,
    "wide": wide,
    "many_rows": many_rows,
    "iterates": iterates_,
    "path": path,
    "rules": rules,
    "invariances": invariances,
    "cv": cv,
    "early_stopping": early_stopping,
    "merges": merges,
    "gradient_of_fit": gradient_of_fit,
    "gradient_of_function": gradient_of_function,
    "gradient_in_float32": gradient_in_float32,
}
