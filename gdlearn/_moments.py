"""Moments: all that gradient descent on the mean squared error ever asks of the rows, in one pass.

J(θ) is a quadratic, and its coefficients are the total weight, the means and the centred second moments of the joint
vector z = (x, y). Two sets of rows have moments that merge exactly, so the same few lines serve an array, a stream of
chunks, a cross-validation fold and a cluster.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._arrays import Array, Exponents, beyond_float64, in_units, squares_are_safe, triangle
from ._batches import Roles, counted, named, parts_of
from ._columns import names_of, texts_of
from ._extended import two_sum
from ._parameters import MatrixLike
from ._rows import Rows
from ._squares import smallest_row, squares_of_groups, triangle_of_rows, triangle_of_unlike_rows, weights_of_groups
from ._statistics import Statistics, exponents_of
from ._validation import validate_rows

FAR_FROM_SHIFT, GROUP_FAR_FROM_SHIFT = 16.0, 100.0
"""How many variances the square of a mean's distance from the shift may be: the variance is then off by as many units
of rounding. Groups may be off by the second number, since trends put many of them a little further off."""

SMALL_ROW = 1e-4
"""The part of the features' sizes up to which a row is so small that rounding of the means could take its digits."""


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
        Column j is measured in units of :math:`2^{e_j}`: zero unless its squares would overflow or underflow.
    mean : ndarray of shape (d + t,), float64
        μ, in those units.
    covariance : ndarray of shape (d + t, d + t), float64
        C, in those units (divided by W, not W − 1).
    minimum, maximum : ndarray of shape (d,), float64, or None
        The extremes of each feature over the rows that have a weight, in those units; `scaling="minmax"` and
        `"maxabs"` need them.
    root : ndarray of shape (d + t, d + t), float64, or None
        The upper triangular R with :math:`C = R^T R`, from a QR factorisation of the rows. R is accurate to machine
        precision, C only to its square root: R is needed where features are nearly collinear.
    mean_rest : ndarray of shape (d + t,), float64, or None
        What rounding took from μ: the means of pieces that lie far from zero differ by less than μ resolves.
    feature_names : tuple of str, or None
        The names of the columns of X, where it was a table.

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
    mean_rest: Array | None = None
    feature_names: tuple[str, ...] | None = None

    def __repr__(self) -> str:
        rest = ", with root" if self.root is not None else ""
        return f"Moments of {self.n_samples:,} rows, {self.n_features} features and {self.n_targets} target(s){rest}"

    @property
    def n_features(self) -> int:
        """The number of columns of X."""
        return len(self.mean) - self.n_targets

    @classmethod
    def from_data(
        cls,
        X: MatrixLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        extremes: bool = True,
        root: bool = False,
    ) -> Moments:
        """Compute the moments of the rows of X and y in one pass.

        Parameters
        ----------
        X : array-like or CSR/CSC matrix of shape (n_samples, n_features)
            Read block by block; never copied, converted or densified as a whole. With scikit-learn's
            ``array_api_dispatch`` also an array of another library; on another device its squares are summed there.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
        sample_weight : array-like of shape (n_samples,), default=None
            Nonnegative. A row of weight k counts as k equal rows, one of weight 0 as none.
        extremes : bool, default=True
            Also record each feature's minimum and maximum, which `scaling="minmax"` and `"maxabs"` need.
        root : bool, default=False
            Factorise the rows too (QR): about six times the work, and twice the digits where features are nearly
            collinear.

        Returns
        -------
        Moments

        Raises
        ------
        ValueError, TypeError
            If X, y or sample_weight is not finite, numeric, of matching length, or has no row or feature.
        """
        rows = Rows.of(*validate_rows(X, y, sample_weight))
        moments = replace(moments_of(rows, extremes=extremes), feature_names=texts_of(names_of(X)))
        return with_root(moments, rows) if root else moments

    @classmethod
    def from_batches(
        cls,
        batches: Iterable[Any],
        *,
        target: str | list[str] | None = None,
        sample_weight: str | None = None,
        root: bool = False,
        verbose: int = 0,
    ) -> Moments:
        """Compute the moments of rows that come in batches, of which one at a time is in memory.

        Parameters
        ----------
        batches : iterable
            Of (X, y) or (X, y, sample_weight), or, with `target`, of tables of pandas, polars or pyarrow, such as
            ``pyarrow.parquet.ParquetFile(path, pre_buffer=False).iter_batches()``, ``pandas.read_csv(path,
            chunksize=10_000)`` or ``duckdb.sql(query).to_arrow_reader(10_000)``.
        target : str or list of str, default=None
            The column of y in each table, or the columns of several targets. The others are features.
        sample_weight : str, default=None
            The column of the weights in each table.
        root : bool, default=False
            Factorise the rows (QR), too, as in `from_data`.
        verbose : int, default=0
            1 shows how many batches have come (extra ``progress``).

        Returns
        -------
        Moments
            With the extremes of the features, too.

        Raises
        ------
        ValueError, TypeError
            If a batch cannot be used: the message says which.

        Examples
        --------
        >>> import numpy as np
        >>> from gdlearn import Moments
        >>> X, y = np.array([[1.0], [2.0], [3.0], [6.0]]), np.array([2.0, 4.0, 6.0, 12.0])
        >>> Moments.from_batches((X[k : k + 2], y[k : k + 2]) for k in (0, 2)).mean
        array([3., 6.])
        """
        total: Moments | None = None
        with counted(batches, wanted=bool(verbose)) as watched:
            for number, X, y, weight in parts_of(watched, Roles(target, sample_weight)):
                with named(number):
                    some = cls.from_data(X, y, weight, root=root)
                    total = some if total is None else total + some
        if total is None:
            raise ValueError("There are no batches: an iterator that has been read once is empty.")
        return total

    def __add__(self, other: Moments) -> Moments:
        """Merge with the moments of other rows of the same columns."""
        if not isinstance(other, Moments):
            return NotImplemented
        if (self.n_features, self.n_targets) != (other.n_features, other.n_targets):
            raise ValueError(
                f"Moments of {self.n_features} features and {self.n_targets} targets cannot be added to moments of "
                f"{other.n_features} features and {other.n_targets} targets: both need the same columns."
            )
        if self.feature_names != other.feature_names and None not in (self.feature_names, other.feature_names):
            raise ValueError(
                f"Moments of the features {', '.join(self.feature_names or ())} cannot be added to moments of "
                f"{', '.join(other.feature_names or ())}: both need the same columns in the same order."
            )
        # A column that is zero in one of the pieces has no unit there.
        exponent = np.maximum(self.exponent, other.exponent)
        exponent = np.where(
            _zero_columns(self), other.exponent, np.where(_zero_columns(other), self.exponent, exponent)
        )
        a, b = self.in_units(exponent), other.in_units(exponent)
        weight = a.weight + b.weight
        if not 0 < weight < np.inf:
            raise ValueError(
                f"The weights of the merged moments sum to {weight}, which float64 cannot use: divide or multiply all "
                "weights by one number; only their ratios matter."
            )
        alpha, beta = a.weight / weight, b.weight / weight
        gap = _gap(a, b)
        root = None
        if a.root is not None and b.root is not None:
            root = triangle(np.vstack([np.sqrt(alpha) * a.root, np.sqrt(beta) * b.root, np.sqrt(alpha * beta) * gap]))
        covariance = alpha * a.covariance + beta * b.covariance + (alpha * beta) * np.outer(gap, gap)
        larger, step = (a, beta * gap) if alpha >= beta else (b, -alpha * gap)
        mean, rest = two_sum(larger.mean, step)
        both = a.minimum is not None and b.minimum is not None and a.maximum is not None and b.maximum is not None
        return Moments(
            weight=weight,
            n_samples=a.n_samples + b.n_samples,
            n_targets=a.n_targets,
            exponent=exponent,
            mean=mean,
            mean_rest=rest + _rest(larger),
            covariance=covariance,
            minimum=np.minimum(a.minimum, b.minimum) if both else None,  # type: ignore[arg-type]
            maximum=np.maximum(a.maximum, b.maximum) if both else None,  # type: ignore[arg-type]
            root=root,
            feature_names=self.feature_names or other.feature_names,
        )

    def __radd__(self, other: object) -> Moments:
        """0 plus moments, with which `sum` begins."""
        return self if other == 0 else NotImplemented

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
            mean_rest=None if self.mean_rest is None else in_units(self.mean_rest, shift),
            covariance=in_units(self.covariance, shift[:, None] + shift),
            minimum=None if self.minimum is None else in_units(self.minimum, shift[:d]),
            maximum=None if self.maximum is None else in_units(self.maximum, shift[:d]),
            root=None if self.root is None else in_units(self.root, shift),
        )


def moments_of(rows: Rows, *, extremes: bool = False) -> Moments:
    """The moments of validated rows."""
    return grouped_moments(rows, 1, extremes=extremes)[0]


def grouped_moments(rows: Rows, n_groups: int, *, extremes: bool = False) -> list[Moments]:
    """The moments of each group of validated rows, all in the same units; every group has a row with a weight."""
    shift = rows.centre()
    groups = _one_pass(rows, shift, np.zeros(rows.width, dtype=np.int64), n_groups, extremes=extremes)
    if not all(np.isfinite(moments.mean).all() for moments in groups):
        rows.refuse_nonfinite()
    if not all(_are_safe(moments) for moments in groups):
        exponent = exponents_of(rows)
        if exponent.any():
            groups = _one_pass(rows, shift, exponent, n_groups, extremes=extremes)
    # Squares about a shift lose the digits of the variance that the distance of the mean takes: where an outlier makes
    # the mean, or a group lies far from the middle of all rows, the mean found so is the better shift.
    origin = np.ldexp(shift, -groups[0].exponent)
    most = FAR_FROM_SHIFT if n_groups == 1 else GROUP_FAR_FROM_SHIFT
    if any(((m.mean - origin) ** 2 > most * m.covariance.diagonal()).any() for m in groups):
        better = _own_shifts(rows, groups)
        groups = _one_pass(rows, better, groups[0].exponent, n_groups, extremes=extremes)
    return groups


def _own_shifts(rows: Rows, groups: list[Moments]) -> Array:
    """A shift for each group, of shape (n_groups, d + t), or (d + t,) for one: its mean.

    A column that seems constant is shifted by its value: so it becomes exactly zero.
    """
    shifts = np.array([np.ldexp(moments.mean, moments.exponent) for moments in groups])
    if rows.group is None:
        samples = [rows.sample(65)]
    else:
        order = np.argsort(rows.group, kind="stable")
        if rows.weight is not None:
            order = order[rows.weight[order] > 0]
        bounds = np.searchsorted(rows.group[order], np.arange(len(groups) + 1))
        samples = [rows.lines(order[i : j : max(1, (j - i) // 64)]) for i, j in pairwise(bounds.tolist())]
    for shift, sample in zip(shifts, samples, strict=True):
        alike = (sample == sample[0]).all(axis=0)
        shift[alike] = sample[0, alike]
    return shifts[0] if rows.group is None else shifts


def statistics_of_moments(moments: Moments) -> Statistics:
    """Mean, variance and extremes of each column."""
    variance = moments.covariance.diagonal()
    mean, rest = moments.mean, _rest(moments)
    return Statistics(moments.n_features, moments.exponent, mean, variance, rest, moments.minimum, moments.maximum)


def with_root(moments: Moments, rows: Rows) -> Moments:
    """The moments of these rows with their root: a QR of the rows about their means.

    Shifted so, what a Householder QR rounds is small beside each column's spread, wherever the column lies.
    """
    d, shift = moments.n_features, np.ldexp(moments.mean, moments.exponent)
    first = triangle_of_rows(rows, shift, moments.exponent, with_ones=True)
    root = np.zeros((rows.width, rows.width))
    root[: len(first) - 1] = first[1:, 1:] / np.abs(first[0, 0])
    root[:, :d][:, moments.covariance.diagonal()[:d] == 0] = 0.0  # a constant column; its mean may be rounded
    return replace(moments, root=root)


def root_about_zero(rows: Rows, exponent: Exponents) -> Array:
    """R with RᵀR = ZᵀWZ/ΣW, Z the rows of X and y as they are."""
    root: Array = triangle_of_unlike_rows(rows, np.zeros(rows.width), exponent, with_ones=False) / np.sqrt(rows.total)
    return root


def root_with_ones(rows: Rows, shift: Array, exponent: Exponents, size: Array) -> Array | None:
    """R with RᵀR = ZᵀWZ/ΣW, Z the rows of (x − shift, 1, y); None where no row of X − shift is small beside `size`.

    Where some are, and not zero, a shift by the mean of all rows would round such a row far above its last digit.
    """
    shift = np.ldexp(np.append(shift, np.zeros(rows.width - len(shift))), exponent)
    if smallest_row(rows, shift, exponent, size) > SMALL_ROW:
        return None
    root: Array = triangle_of_unlike_rows(rows, shift, exponent, with_ones=True) / np.sqrt(rows.total)
    return root


def merged(groups: Sequence[Moments], times: NDArray[Any]) -> Moments:
    """The moments of all groups, group g taken times[g] times; the groups share their units."""
    parts = [groups[g] for g in np.flatnonzero(times).tolist()]
    times = times[times > 0]
    weights = times * np.array([part.weight for part in parts])
    share = weights / weights.sum()
    origin = parts[int(np.argmax(share))]
    gaps = np.array([_gap(origin, part) for part in parts])
    shift = share @ gaps
    gaps -= shift
    covariance = (share[:, None] * gaps).T @ gaps
    for part, alpha in zip(parts, share.tolist(), strict=True):
        covariance += alpha * part.covariance
    roots = [np.sqrt(alpha) * part.root for part, alpha in zip(parts, share, strict=True) if part.root is not None]
    lowest = [part.minimum for part in parts if part.minimum is not None]
    highest = [part.maximum for part in parts if part.maximum is not None]
    mean, rest = two_sum(origin.mean, shift)
    return replace(
        parts[0],
        weight=float(weights.sum()),
        n_samples=int(times @ np.array([part.n_samples for part in parts])),
        mean=mean,
        mean_rest=rest + _rest(origin),
        covariance=covariance,
        minimum=np.min(lowest, axis=0) if lowest else None,
        maximum=np.max(highest, axis=0) if highest else None,
        root=triangle(np.vstack([*roots, np.sqrt(share)[:, None] * gaps])) if len(roots) == len(parts) else None,
    )


def _zero_columns(moments: Moments) -> NDArray[np.bool_]:
    """Which columns are zero in every row."""
    zero: NDArray[np.bool_] = (moments.mean == 0) & (moments.covariance.diagonal() == 0)
    return zero


def _rest(moments: Moments) -> Array:
    return np.zeros_like(moments.mean) if moments.mean_rest is None else moments.mean_rest


def _gap(a: Moments, b: Moments) -> Array:
    """b's mean less a's, to the last digit of the difference: the means may be far larger."""
    high, low = two_sum(b.mean, -a.mean)
    return high + (low + (_rest(b) - _rest(a)))


def _are_safe(moments: Moments) -> bool:
    """Whether no square of these moments needs other units."""
    variance = moments.covariance.diagonal()
    return squares_are_safe(variance, moments.mean) and bool((variance + moments.mean**2).all())


def _one_pass(rows: Rows, shift: Array, exponent: Exponents, n_groups: int, *, extremes: bool) -> list[Moments]:
    """For each group the Gram matrix of (1, z − shift), summed over blocks, then centred."""
    d = rows.n_features
    with beyond_float64():  # looked for in the result
        totals, bounds = squares_of_groups(rows, shift, exponent, n_groups, extremes=extremes)
        weights, counts = weights_of_groups(rows, n_groups)
        origins = np.broadcast_to(np.ldexp(shift, -exponent), (n_groups, rows.width))
        groups = []
        for g, (origin, total, (below, high)) in enumerate(zip(origins, totals, bounds, strict=True)):
            gap, covariance = _centred(total, d)
            mean, rest = two_sum(origin, gap)
            groups.append(
                Moments(
                    weight=float(weights[g]),
                    n_samples=int(counts[g]),
                    n_targets=rows.width - d,
                    exponent=exponent,
                    mean=mean,
                    mean_rest=rest,
                    covariance=covariance if counts[g] > 1 else np.zeros_like(covariance),
                    minimum=origin[:d] - below if extremes else None,
                    maximum=origin[:d] + high if extremes else None,
                )
            )
    return groups


def _centred(total: Array, d: int) -> tuple[Array, Array]:
    """Mean and covariance from the sums of squares of (1, z)."""
    mean = total[0, 1:] / total[0, 0]
    total[1 : d + 1, d + 1 :] = total[d + 1 :, 1 : d + 1].T
    return mean, total[1:, 1:] / total[0, 0] - mean[:, None] * mean
