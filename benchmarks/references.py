"""Least squares and its descents from moments in fixed point, and what rounding may do to them: no line of gdlearn.

What rounding of the data may do
--------------------------------
Every datum is known to one unit of its last place, ε = 2⁻⁵². To first order this moves least squares,
ŷ = Σ_j b_j x_j with residuals r, in root mean square by at most

    ε · (rms y + Σ_j |b_j| rms x_j + rms r · Σ_j rms x_j / dist_j),        dist_j = rms distance of x_j from the others

(a change of y; a change of X times the slopes, which is also what storing them costs; a change of X that lets the
residuals in). An iterate has no such formula: there the data, the rate and the start are moved by ±ε and descended
again, a few times at random, which √n times is the worst, and a few times with one sign per column. Of the slopes,
those below ε of the largest in the coordinates of the descent are rounding. Exact dependencies are kept: a column that
is a linear combination of others is moved with them.

A direction that is itself rounding (such as the difference of seconds and days: dist_j below 64 ε rms x_j) may be
fitted or not, or in part. What must not happen is that J of the model is larger than J without the direction: fitted
values may be as far from those of all directions as the fit without is, and what rounding may do further.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from fixed_point import (
    BITS,
    EPS,
    NOTHING,
    ONE,
    Array,
    Rows,
    Sums,
    fixed,
    from_numbers,
    identity,
    nudged,
    product,
    root,
    shifted,
    sweep,
    swept,
)

ALLOWED = 64
"""So many times what rounding of the data may do is still right."""

tries = ContextVar("tries", default=4)
"""How many times data are moved to see what rounding may do: too few may by chance leave a slope where it is."""

ROUNDING_SQUARE = (ALLOWED * EPS) ** 2


Start = str | tuple[Any, Any]
"""Where a descent begins: "zero", "mean" (of y, the slopes zero), or slopes and intercept in original units."""


class Coordinates:
    """Those of a descent: shift s and scale c of each feature, c² only, for its root is never needed.

    Descent in x̃ = (x − s)/c is descent on slopes of x − s with the partials divided by c². The slopes are kept in units
    of u = 2**power next to c, so that all numbers are of size 1.
    """

    def __init__(self, sums: Sums, scaling: str | None, fit_intercept: bool) -> None:
        d, S = sums.d, sums.S
        self.sums, self.fit_intercept = sums, fit_intercept
        mean, zero = S[0, 1 : 1 + d], np.zeros(d, dtype=object)
        variance = S.diagonal()[1 : 1 + d] - ((mean * mean) >> BITS)
        if scaling == "standard":
            shift, square = mean, variance
        elif scaling == "minmax":
            shift, square = sums.low, ((sums.high - sums.low) ** 2) >> BITS
        elif scaling == "maxabs":
            shift, square = zero, (np.maximum(-sums.low, sums.high) ** 2) >> BITS
        else:
            shift, square = zero, zero
        self.shift = shift if fit_intercept else zero
        unit = [shifted(ONE, -2 * int(e)) for e in sums.x_exponent]  # c = 1
        real = [scaling is not None and square[j] > NOTHING * S[1 + j, 1 + j] for j in range(d)]
        self.square = from_numbers([int(square[j]) if real[j] else unit[j] for j in range(d)])
        if scaling in ("standard", "minmax") and fit_intercept:  # a constant column, centred: any scale will do
            self.square = from_numbers([int(square[j]) if real[j] else ONE for j in range(d)])
        self.power = [(int(v).bit_length() - BITS) // 2 for v in self.square]

    @property
    def has_digits(self) -> bool:
        """Whether c² and 1/c² of all features have digits here, as at float64's ends unscaled units have not."""
        return all(abs(int(v).bit_length() - BITS) < BITS // 2 for v in self.square)

    @cached_property
    def quadratic(self) -> tuple[Array, Array, Array]:
        """A, b and P: the gradient of J is 2(Aθ − b), and descent moves along −P times it."""
        d, S, s = self.sums.d, self.sums.S, self.shift
        p = np.array([0, *self.power])
        shift = np.concatenate([[0], s]).astype(object)
        centred = S[:, : 1 + d] - (np.multiply.outer(S[:, 0], shift) >> BITS)
        b = centred[1 + d :].T
        A = centred[: 1 + d] - (np.multiply.outer(shift, centred[0]) >> BITS)
        A = np.array(
            [[shifted(int(v), -int(p[i] + p[j])) for j, v in enumerate(row)] for i, row in enumerate(A)], dtype=object
        )
        b = np.array([[shifted(int(v), -int(p[i])) for v in row] for i, row in enumerate(b)], dtype=object)
        P = from_numbers(
            [ONE] + [shifted(ONE * ONE, 2 * q) // int(v) for q, v in zip(self.power, self.square, strict=True)]
        )
        first = 0 if self.fit_intercept else 1
        return A[first:, first:], b[first:], P[first:]

    def to_model(self, theta: Array) -> Array:
        """(1 + d, t) in the units of the sums."""
        slopes = np.array(
            [[shifted(int(v), -q) for v in row] for q, row in zip(self.power, theta[-self.sums.d :], strict=True)],
            dtype=object,
        )
        intercept = theta[0] - product(self.shift, slopes) if self.fit_intercept else 0 * slopes[0]
        return np.vstack([intercept, slopes])

    def from_model(self, model: Array) -> Array:
        slopes = [[shifted(int(v), q) for v in row] for q, row in zip(self.power, model[1:], strict=True)]
        if not self.fit_intercept:
            return np.array(slopes, dtype=object)
        return np.vstack([model[0] + product(self.shift, model[1:]), np.array(slopes, dtype=object)])

    def start(self, start: Start, signs: Array | None = None) -> Array:
        """Where a descent begins; with signs, of shape (1 + d, t), moved by so many units of its last place."""
        model = np.zeros((1 + self.sums.d, len(self.sums.y_exponent)), dtype=object)
        if start == "mean" and self.fit_intercept:
            model[0] = self.sums.S[0, 1 + self.sums.d :]
        elif not isinstance(start, str):
            model = self.sums.theta(*start)
        return self.from_model(model if signs is None else nudged(model, signs))

    def gradient_norm(self, theta: Array) -> Array:
        """‖∇J‖ of each target in the coordinates x̃, in units of y."""
        A, b, P = self.quadratic
        g = 2 * (product(A, theta) - b)
        return np.array([root(int(P @ ((column * column) >> BITS)) >> BITS) for column in g.T])

    @property
    def feature_norm(self) -> float:
        """‖X̃‖_F/√W with its intercept column."""
        A, _, P = self.quadratic
        return root(int(A.diagonal() @ P) >> BITS)

    @property
    def curvature(self) -> float:
        """L = 2 λ_max of A in the coordinates x̃, as float64 has it."""
        A, _, P = self.quadratic
        B = ((P[:, None] * A) >> BITS) / ONE
        return 2.0 * float(np.abs(np.linalg.eigvals(B.astype(float))).max(initial=0.0))


class LeastSquares(NamedTuple):
    """The limit: J and what rounding of the data may do to the fitted values, target by target, in units of y."""

    theta: Array
    """The shortest solution, of shape (1 + d, t)."""
    losses: list[int]
    least_losses: list[int]
    """J where the directions that are rounding are fitted too."""
    rounding: Array
    distance: dict[int, float]
    """dist_j of the columns that are more than rounding of the others."""
    amplification: float
    """Σ_j rms x_j / dist_j."""
    exact: bool
    """Whether the other columns are exactly combinations of these."""
    clear: bool
    """Whether moreover no direction is near to rounding, so that the rank is not a matter of opinion."""
    where: Coordinates
    square_rounding: Any = 0.0
    """What rounding may do to J itself, where second moments are the data; 0 where rows are."""


def least_squares(sums: Sums, scaling: str | None, fit_intercept: bool) -> LeastSquares:
    """Least squares on the columns that are more than rounding of the others; of many solutions the shortest in x̃."""
    tableau, held = swept(sums, fit_intercept, ROUNDING_SQUARE)
    d, targets = sums.d, range(1 + sums.d, len(sums.S))
    losses = [max(int(tableau[k, k]), 0) for k in targets]
    distance = {j: root(-(ONE * ONE) // int(tableau[j, j])) for j in held if j > 0}
    shares = [sums.size[j] / distance[j] for j in distance]
    rest = [j for j in range(1, 1 + d) if j not in held]
    exact = all(tableau[j, j] <= NOTHING * sums.S[j, j] for j in rest)
    all_swept = tableau if exact else swept(sums, fit_intercept, NOTHING)[0]
    where = Coordinates(sums, scaling, fit_intercept)
    theta = shortest(tableau, held, rest, where)
    residual = np.array([root(v) for v in losses])
    return LeastSquares(
        theta=theta,
        losses=losses,
        least_losses=[max(int(all_swept[k, k]), 0) for k in targets],
        rounding=EPS * (sums.size[1 + d :] + residual * sum(shares)) + sums.storing(theta),
        distance=distance,
        amplification=sum(shares),
        exact=exact,
        clear=exact and max(shares, default=0.0) < 1e-4 / EPS,
        where=where,
    )


def shortest(tableau: Array, held: list[int], rest: list[int], where: Coordinates) -> Array:
    """Of all solutions the one of least norm in the coordinates x̃, as a model of shape (1 + d, t).

    The rows are B·F, with B the held columns and F = [I, C] what the columns of (1, x − s) are made of. With β the
    solution on B and c² the squared scales, the shortest θ with Fθ = β is c⁻²Fᵀ(F c⁻² Fᵀ)⁻¹ β.
    """
    d, intercept = where.sums.d, where.fit_intercept
    beta, theta = tableau[held, 1 + d :], np.zeros((1 + d, len(tableau) - 1 - d), dtype=object)
    theta[held] = beta
    if not rest or not where.has_digits:
        return theta
    F = np.zeros((len(held), 1 + d), dtype=object)
    F[:, held], F[:, rest] = identity(len(held)), tableau[np.ix_(held, rest)]
    if intercept:
        F[0, 1:] -= where.shift
    inverse = (ONE * ONE) // np.concatenate([[ONE], where.square])
    G = ((F * inverse) >> BITS).T
    A = np.block([[product(F, G), beta], [beta.T, 0 * product(beta.T, beta)]])
    for j in range(len(held)):
        sweep(A, j)
    theta = product(G, A[: len(held), len(held) :])
    if intercept:
        theta[0] -= product(where.shift, theta[1:])
    return theta


def iterates(
    where: Coordinates,
    rate: float,
    steps: Sequence[int],
    momentum: float = 0.0,
    nesterov: bool = False,
    start: Array | None = None,
    nudge: int = 0,
    added: tuple[Array, Array] | None = None,
) -> Iterator[Array]:
    """theta in the descent's coordinates after each number of steps: one step is an affine map, its powers are squares.

    The rate is moved by `nudge` units of its last place. Of what is `added` at each step the first is added to theta,
    the second to the step itself, which momentum keeps.
    """
    A, b, P = where.quadratic
    q, t = b.shape
    eta = int(fixed(2.0 * rate)) if nudge == 0 else int(nudged(fixed(2.0 * rate)[None], np.array([nudge]))[0])
    H, h = (((eta * P)[:, None] >> BITS) * A) >> BITS, (((eta * P)[:, None] >> BITS) * b) >> BITS
    one, target = identity(q), identity(t)
    theta = np.zeros((q, t), dtype=object) if start is None else start
    to_theta, to_step = (0, 0) if added is None else added
    if momentum:
        beta = int(fixed(momentum))
        look = (beta * (one - H if nesterov else one)) >> BITS
        T = np.block(
            [
                [one - H, look, h + to_step + to_theta],
                [-H, look, h + to_step],
                [np.zeros((t, 2 * q), dtype=object), target],
            ]
        )
        state = np.vstack([theta, 0 * theta, target])
    else:
        T = np.block([[one - H, h + to_step + to_theta], [np.zeros((t, q), dtype=object), target]])
        state = np.vstack([theta, target])
    squares = [T]
    while len(squares) < max(steps).bit_length():
        squares.append(product(squares[-1], squares[-1]))
    for k in steps:
        now = state
        for power, square in enumerate(squares):
            if k >> power & 1:
                now = product(square, now)
        yield now[:q]


class Reference(NamedTuple):
    """An iterate as a model (1 + d, t), and what rounding of the data may do to its fitted values and to each slope."""

    model: Array
    rounding: Array
    slopes: Array
    losses: Array
    """√J on other rows, of each target."""
    losses_rounding: Array


def descents(
    rows: Rows,
    scaling: str | None,
    fit_intercept: bool,
    rate: float,
    steps: Sequence[int],
    *,
    momentum: float = 0.0,
    nesterov: bool = False,
    start: Start = "zero",
    test: Rows | None = None,
    by_loop: bool = False,
) -> list[Reference]:
    """The iterates of descent on the rows, with what rounding may do to them.

    A loop, besides, rounds at every step: θ_i by ε|θ_i|, and ∂J/∂θ_i = −2 mean(x̃_i r), a sum of products of numbers of
    size x̃_i and of the terms of r = y − Σ x̃_j θ_j, by 2ε · rms x̃_i · (rms y + Σ_j rms x̃_j |θ_j|). At worst the rounding
    of all steps has one sign for each parameter, as half as many more tries have it.

    The error is taken on the `test` rows, in the units of `rows`.
    """
    random = np.random.default_rng(0)
    test_sums = rows.sums if test is None else test.sums

    def models(moved: Rows, nudge: int, signs: Array | None = None, added: Any = None) -> list[Array]:
        where = Coordinates(moved.sums, scaling, fit_intercept)
        begin = where.start(start, signs)
        thetas = iterates(where, rate, steps, momentum, nesterov, begin, nudge, added)
        return [where.to_model(theta) for theta in thetas]

    exact = models(rows, 0)
    moved = []
    if by_loop:
        where = Coordinates(rows.sums, scaling, fit_intercept)
        A, _, P = where.quadratic
        feature = np.array([root(int(v)) for v in A.diagonal()])[:, None]
        theta = np.max([np.abs(where.from_model(model) / ONE).astype(float) for model in exact], axis=0)
        terms = rows.sums.size[1 + rows.sums.d :] + (feature * theta).sum(axis=0)
        step = 2 * rate * (P / ONE).astype(float)[:, None] * feature * terms
        for _ in range(tries.get() // 2):
            signs = random.choice([-1.0, 1.0], theta.shape)
            moved.append((1.0, models(rows, 0, added=(fixed(EPS * signs * theta), fixed(EPS * signs * step)))))
    for attempt in range(tries.get()):
        by_column = attempt % 2 == 1
        worst = 1.0 if by_column else math.sqrt(len(rows.Z))
        signs = random.choice([-1, 1], (1 + rows.sums.d, len(rows.y_exponent))).astype(object)
        moved.append((worst, models(rows.moved(random, by_column), int(random.choice([-1, 1])), signs)))

    unit = np.ldexp(1.0, Coordinates(rows.sums, scaling, fit_intercept).power)[:, None]
    references = []
    for k, model in enumerate(exact):
        gaps = [(worst, other[k] - model) for worst, other in moved]
        losses = np.array([root(v) for v in test_sums.losses(model)])
        slopes = np.max([worst * np.abs(gap[1:] / ONE).astype(float) for worst, gap in gaps], axis=0)
        largest = np.max(np.abs(model[1:] / ONE).astype(float) * unit, axis=0, initial=0.0)
        rounding = np.max([worst * test_sums.rms(gap) for worst, gap in gaps], axis=0) + test_sums.storing(model)
        of_losses = rounding + EPS * (losses + test_sums.size[1 + test_sums.d :])
        references.append(Reference(model, rounding, slopes + EPS * largest / unit, losses, of_losses))
    return references
