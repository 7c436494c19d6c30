"""Moments: all that gradient descent on the mean squared error ever asks of the rows, in one pass.

J(θ) is a quadratic, and its coefficients are the total weight, the means and the centred second moments of the joint
vector z = (x, y). Two sets of rows have moments that merge exactly, so the same few lines serve an array, a stream of
chunks, a cross-validation fold and a cluster.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg

from ._blocks import Array, Rows, in_units
from ._validation import validate_rows

Exponents = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Moments:
    r"""Weighted count, means and centred second moments of the rows z = (x, y).

    With weights :math:`w_n` (1 where none are given) and :math:`W = \sum_n w_n`

    .. math::
        \mu = \frac1W \sum_n w_n z_n, \qquad
        C = \frac1W \sum_n w_n (z_n - \mu)(z_n - \mu)^T .

    Use :meth:`from_data` to make one, and ``+`` to merge the moments of two sets of rows; the result is that of one
    pass over all rows, in any order, to rounding. A `Moments` holds arrays and numbers only: it pickles, and it is as
    small as d×d whatever the number of rows.

    Attributes
    ----------
    weight : float
        W, the sum of the weights; the number of rows where there are none.
    n_samples : int
        The number of rows whose weight is not zero.
    n_targets : int
        t; the last t entries of z belong to y.
    exponent : ndarray of shape (d + t,), int64
        Column j is measured in units of :math:`2^{e_j}`: zero unless its squares would overflow or underflow. All
        targets have the same.
    mean : ndarray of shape (d + t,), float64
        μ, in those units.
    covariance : ndarray of shape (d + t, d + t), float64
        C, in those units (divided by W, not W − 1).
    minimum, maximum : ndarray of shape (d,), float64, or None
        The extremes of each feature over the rows that have a weight, in those units; `scaling="minmax"` and
        `"maxabs"` need them.
    root : ndarray of shape (d + t, d + t), float64, or None
        The upper triangular R with :math:`C = R^T R`, from a QR factorisation of the rows. It carries all the digits
        of the rows, where C carries half of them.

    References
    ----------
    Chan, Golub, LeVeque (1979), *Updating formulae and a pairwise algorithm for computing sample variances*, Stanford
    STAN-CS-79-773.

    Examples
    --------
    >>> import numpy as np
    >>> from gdlearn import Moments
    >>> X, y = np.array([[1.0], [2.0], [3.0], [6.0]]), np.array([2.0, 4.0, 6.0, 12.0])
    >>> halves = Moments.from_data(X[:2], y[:2]) + Moments.from_data(X[2:], y[2:])
    >>> halves.mean
    array([3., 6.])
    >>> halves.covariance
    array([[ 3.5,  7. ],
           [ 7. , 14. ]])
    """

    weight: float
    n_samples: int
    n_targets: int
    exponent: Exponents
    mean: Array
    covariance: Array
    minimum: Array | None = None
    maximum: Array | None = None
    root: Array | None = None

    @property
    def n_features(self) -> int:
        """The number of columns of X."""
        return len(self.mean) - self.n_targets

    @classmethod
    def from_data(
        cls, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None, *, extremes: bool = True, root: bool = False
    ) -> Moments:
        """Compute the moments of the rows of X and y in one pass.

        Parameters
        ----------
        X : array-like or CSR/CSC matrix of shape (n_samples, n_features)
            Read block by block; never copied, converted or densified as a whole.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
        sample_weight : array-like of shape (n_samples,), default=None
            Nonnegative. A row of weight k counts as k equal rows, one of weight 0 as none.
        extremes : bool, default=True
            Also record each feature's minimum and maximum, which `scaling="minmax"` and `"maxabs"` need.
        root : bool, default=False
            Factorise the rows (QR) instead of squaring them: about five times the work, and twice the digits where
            features are nearly collinear.

        Returns
        -------
        Moments

        Raises
        ------
        ValueError, TypeError
            If X, y or sample_weight is not finite, numeric, of matching length, or has no row or feature.
        """
        return moments_of(Rows.of(*validate_rows(X, y, sample_weight)), extremes=extremes, root=root)

    def __add__(self, other: Moments) -> Moments:
        """Merge with the moments of other rows of the same columns."""
        if not isinstance(other, Moments):
            return NotImplemented
        if (self.n_features, self.n_targets) != (other.n_features, other.n_targets):
            raise ValueError(
                f"Moments of {self.n_features} features and {self.n_targets} targets cannot be added to moments of "
                f"{other.n_features} features and {other.n_targets} targets: both need the same columns."
            )
        exponent = np.maximum(self.exponent, other.exponent)
        a, b = self.in_units(exponent), other.in_units(exponent)
        weight = a.weight + b.weight
        if not 0 < weight < np.inf:
            raise ValueError(
                f"The weights of the merged moments sum to {weight}, which float64 cannot use: divide or multiply all "
                "weights by one number; only their ratios matter."
            )
        alpha, beta = a.weight / weight, b.weight / weight
        gap = b.mean - a.mean
        root = None
        if a.root is not None and b.root is not None:
            root = triangle(np.vstack([np.sqrt(alpha) * a.root, np.sqrt(beta) * b.root, np.sqrt(alpha * beta) * gap]))
        covariance = alpha * a.covariance + beta * b.covariance + (alpha * beta) * np.outer(gap, gap)
        both = a.minimum is not None and b.minimum is not None and a.maximum is not None and b.maximum is not None
        return Moments(
            weight=weight,
            n_samples=a.n_samples + b.n_samples,
            n_targets=a.n_targets,
            exponent=exponent,
            mean=a.mean + beta * gap if alpha >= beta else b.mean - alpha * gap,
            covariance=covariance,
            minimum=np.minimum(a.minimum, b.minimum) if both else None,  # type: ignore[arg-type]
            maximum=np.maximum(a.maximum, b.maximum) if both else None,  # type: ignore[arg-type]
            root=root,
        )

    def in_units(self, exponent: Exponents) -> Moments:
        """The same moments, with column j in units of 2**exponent[j]: exact, for these are powers of two."""
        if np.array_equal(exponent, self.exponent):
            return self
        shift = self.exponent - exponent
        d = self.n_features
        return replace(
            self,
            exponent=exponent,
            mean=in_units(self.mean, shift),
            covariance=in_units(self.covariance, shift[:, None] + shift),
            minimum=None if self.minimum is None else in_units(self.minimum, shift[:d]),
            maximum=None if self.maximum is None else in_units(self.maximum, shift[:d]),
            root=None if self.root is None else in_units(self.root, shift),
        )


def moments_of(rows: Rows, *, extremes: bool = False, root: bool = False) -> Moments:
    """The moments of validated rows."""
    return grouped_moments(rows, 1, extremes=extremes, root=root)[0]


def grouped_moments(rows: Rows, n_groups: int, *, extremes: bool = False, root: bool = False) -> list[Moments]:
    """The moments of each group of validated rows, all in the same units; every group has a row with a weight."""
    shift = rows.centre()
    plain = np.zeros(rows.width, dtype=np.int64)
    groups = _one_pass(rows, shift, plain, n_groups, extremes=extremes, root=root)
    if not all(np.isfinite(moments.mean).all() for moments in groups):
        rows.refuse_nonfinite()
    if not all(_are_safe(moments) for moments in groups):
        exponent = _exponents(rows)
        if exponent.any():
            groups = _one_pass(rows, shift, exponent, n_groups, extremes=extremes, root=root)
    # Where one heavy row or a rare outlier makes the mean, the provisional shift was a poor guess of it.
    origin = np.ldexp(shift, -groups[0].exponent)
    far = [((m.mean - origin) ** 2 > 1e4 * m.covariance.diagonal()).any() for m in groups]
    if not root and any(far):
        whole = groups[0] if n_groups == 1 else merged(groups, np.ones(n_groups))
        better = np.ldexp(whole.mean, whole.exponent)
        groups = _one_pass(rows, better, whole.exponent, n_groups, extremes=extremes, root=root)
    return groups


def merged(groups: Sequence[Moments], times: NDArray[Any]) -> Moments:
    """The moments of all groups, group g taken times[g] times; the groups share their units and carry no root."""
    parts = [groups[g] for g in np.flatnonzero(times).tolist()]
    times = times[times > 0]
    weights = times * np.array([part.weight for part in parts])
    share = weights / weights.sum()
    origin = parts[int(np.argmax(share))].mean
    gaps = np.array([part.mean for part in parts]) - origin
    mean = share @ gaps
    gaps -= mean
    covariance = (share[:, None] * gaps).T @ gaps
    for part, alpha in zip(parts, share.tolist(), strict=True):
        covariance += alpha * part.covariance
    lowest = [part.minimum for part in parts if part.minimum is not None]
    highest = [part.maximum for part in parts if part.maximum is not None]
    return replace(
        parts[0],
        weight=float(weights.sum()),
        n_samples=int(times @ np.array([part.n_samples for part in parts])),
        mean=origin + mean,
        covariance=covariance,
        minimum=np.min(lowest, axis=0) if lowest else None,
        maximum=np.max(highest, axis=0) if highest else None,
    )


def _are_safe(moments: Moments) -> bool:
    """Whether no square of these moments needs other units."""
    variance = moments.covariance.diagonal()
    return squares_are_safe(variance, moments.mean) and bool((variance + moments.mean**2).all())


def squares_are_safe(variance: Array, mean: Array) -> bool:
    """Whether no square can have overflowed, underflowed or lost digits to subnormals."""
    tiny, huge = 2.0**-900, 2.0**900
    regular = (variance > tiny) & (variance < huge)
    if regular.all():
        return True
    size = np.abs(mean)
    constant = (variance == 0) & ((size == 0) | (size > 2.0**-450)) & (size < 2.0**450)
    return bool((regular | constant).all())


def _exponents(rows: Rows) -> Exponents:
    """For each column whose squares are in danger, e with |z| < 2**e."""
    largest = np.zeros(rows.width)
    for x, y, _, _ in rows.blocks(np.zeros(rows.width), np.zeros(rows.width, dtype=np.int64)):
        np.maximum(largest, np.concatenate([np.abs(x).max(axis=0), np.abs(y).max(axis=0)]), out=largest)
    exponent = safe_exponents(largest)
    exponent[rows.n_features :] = exponent[rows.n_features :].max()
    return exponent


def safe_exponents(largest: Array) -> Exponents:
    """e with |z| < 2**e for columns whose squares would overflow or underflow, 0 for all others."""
    exponent: Exponents = np.frexp(largest)[1].astype(np.int64) + 1
    exponent = np.maximum(exponent, -1022)  # so that 2**-e is a float64 too
    return np.where((largest > 0) & (np.abs(exponent) > 400), exponent, 0)


def _one_pass(
    rows: Rows, shift: Array, exponent: Exponents, n_groups: int, *, extremes: bool, root: bool
) -> list[Moments]:
    """For each group the Gram matrix of (1, z − shift), or its triangular root, summed over blocks, then centred."""
    d, size = rows.n_features, rows.width + 1

    def work(part: slice) -> tuple[list[Array], Array, Array]:
        totals = [np.zeros((0 if root else size, size)) for _ in range(n_groups)]
        low, high = np.full((n_groups, d), np.inf), np.full((n_groups, d), -np.inf)
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):  # looked for in the result
            for block in rows.blocks(shift, exponent, part):
                for g, x, y, weight in block.by_group():
                    if extremes:
                        np.minimum(low[g], x.min(axis=0), out=low[g])
                        np.maximum(high[g], x.max(axis=0), out=high[g])
                    one = np.ones(len(x))
                    if weight is not None:
                        one = np.sqrt(weight)
                        x *= one[:, None]
                        y *= one[:, None]
                    if root:
                        totals[g] = triangle(np.vstack([totals[g], np.column_stack([one, x, y])]))
                    else:
                        _add_squares(totals[g], one, x, y)
        return totals, low, high

    totals: list[Array] = []
    low, high = np.full((n_groups, d), np.inf), np.full((n_groups, d), -np.inf)
    for part, part_low, part_high in rows.map_parts(work):
        np.minimum(low, part_low, out=low)
        np.maximum(high, part_high, out=high)
        if not totals:
            totals = part
        elif root:
            totals = [triangle(np.vstack(pair)) for pair in zip(totals, part, strict=True)]
        else:
            for total, addition in zip(totals, part, strict=True):
                total += addition
    weights, counts = _weights(rows, n_groups)
    origin = np.ldexp(shift, -exponent)
    groups = []
    for g, total in enumerate(totals):
        mean, covariance, factor = _centred(total, d, root=root)
        groups.append(
            Moments(
                weight=float(weights[g]),
                n_samples=int(counts[g]),
                n_targets=rows.width - d,
                exponent=exponent,
                mean=origin + mean,
                covariance=covariance,
                minimum=origin[:d] + low[g] if extremes else None,
                maximum=origin[:d] + high[g] if extremes else None,
                root=factor,
            )
        )
    return groups


def _add_squares(total: Array, one: Array, x: Array, y: Array) -> None:
    """Add (1, x, y)ᵀ(1, x, y) to the total, but for the part that symmetry gives."""
    d = x.shape[1]
    total[1 : d + 1, 1 : d + 1] += x.T @ x
    total[0, 1 : d + 1] += one @ x
    total[d + 1 :, 1 : d + 1] += y.T @ x
    total[0, 0] += one @ one
    total[0, d + 1 :] += one @ y
    total[d + 1 :, d + 1 :] += y.T @ y


def _centred(total: Array, d: int, *, root: bool) -> tuple[Array, Array, Array | None]:
    """Mean, covariance and centred root from the sums of squares of (1, z), or from their root."""
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        mean = total[0, 1:] / total[0, 0]
        if root:
            factor = np.zeros((len(mean), len(mean)))
            factor[: len(total) - 1] = total[1:, 1:] / np.abs(total[0, 0])
            return mean, factor.T @ factor, factor
        total[1 : d + 1, d + 1 :] = total[d + 1 :, 1 : d + 1].T
        return mean, total[1:, 1:] / total[0, 0] - mean[:, None] * mean, None


def _weights(rows: Rows, n_groups: int) -> tuple[Array, NDArray[np.intp]]:
    """The sum of the weights and the number of the rows of each group."""
    used = slice(None) if rows.weight is None else rows.weight > 0
    counts = np.array([rows.n_used]) if rows.group is None else np.bincount(rows.group[used], minlength=n_groups)
    if rows.weight is None:
        return counts.astype(np.float64), counts
    sums = rows.weight.sum()[None]
    if rows.group is not None:
        sums = np.bincount(rows.group, weights=rows.weight, minlength=n_groups)
    with np.errstate(over="ignore", under="ignore"):
        return np.ldexp(sums, rows.weight_exponent), counts


def triangle(A: Array) -> Array:
    """The R of a QR factorisation of A, of at most as many rows as columns."""
    return np.asarray(linalg.qr(A, mode="r", overwrite_a=True, check_finite=False)[0][: A.shape[1]])
