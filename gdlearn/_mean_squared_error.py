"""MeanSquaredError: the chapter's J, as a function that can be read, evaluated, descended and drawn."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, eigsh

from ._arrays import EPS, Array, beyond_float64, triangle
from ._columns import names_of, texts_of
from ._coordinates import Coordinates
from ._descendable import Descendable
from ._explained_step import MANY, InWords
from ._objective import Evaluation
from ._parameters import InvalidParameterError, MatrixLike
from ._partials import WEIGHT, Formulas, Partials, theta_name
from ._points import points
from ._row_objective import RESIDUALS, RowObjective
from ._tables import Column, Table, Words, abbreviated, factor, in_latex, number
from ._validation import validate_rows

OWNER = "MeanSquaredError"

DENSE = 100
"""Parameters up to which the Hessian is formed for its largest eigenvalue."""

FEW = 50
"""Parameters up to which J is found at many points by the triangle of a QR factorisation, in place of all rows."""

ROWS = 10
"""Rows of data up to which a table shows all."""


class MeanSquaredError(RowObjective, Descendable):
    r"""The mean squared error J of a linear model, as a function of its parameters θ.

    .. math::
        J(\theta) = \frac1W \sum_n w_n (y_n - \hat y_n)^2, \qquad
        \nabla J(\theta) = -\frac2W \sum_n w_n (y_n - \hat y_n) (1, x_n)^T

    Every :math:`w_n` is 1, and W is the number N of rows, where no weights are given. J is a quadratic: with L its
    largest curvature, gradient descent with a fixed learning rate converges for rates below 2/L.

    Parameters
    ----------
    X : array-like or CSR/CSC matrix of shape (n_samples, n_features), or array-like of shape (n_samples,)
        A single feature may be given as a 1-D x. The names of a DataFrame's columns appear in the formulas.
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        With several targets J is the sum of their errors; then theta is of shape (p, n_targets), and there are no
        formulas, descents and pictures: take one target for these.
    sample_weight : array-like of shape (n_samples,), default=None
        Nonnegative weights; None stands for ones.
    fit_intercept : bool, default=True
        Whether theta starts with an intercept θ₀.

    Attributes
    ----------
    variables : tuple of str
        The parameters: θ₀ (with an intercept), θ₁, ..., θ_d.
    curvature : float
        L, the largest eigenvalue of ∇²J.

    Raises
    ------
    ValueError, TypeError
        If X, y or sample_weight is not finite, numeric and of matching length.

    References
    ----------
    Boyd, Vandenberghe (2004), *Convex Optimization*, 9.3. https://web.stanford.edu/~boyd/cvxbook/

    Examples
    --------
    >>> from gdlearn import MeanSquaredError
    >>> J = MeanSquaredError([1.0, 2.0], [2.0, 4.0])
    >>> J
    MeanSquaredError: J(θ₀, θ₁) = 1/N Σ (yₙ − ŷₙ)² with ŷₙ = θ₀ + θ₁xₙ, N = 2
    >>> J.partials
    ∂J/∂θ₀ = −2/N Σ (yₙ − ŷₙ)
    ∂J/∂θ₁ = −2/N Σ xₙ (yₙ − ŷₙ)
    with ŷₙ = θ₀ + θ₁xₙ, N = 2
    >>> J([0.0, 0.0])             # (2² + 4²) / 2
    10.0
    >>> J.gradient([0.0, 0.0])    # −2/2·(2 + 4), −2/2·(1·2 + 2·4)
    array([ -6., -10.])
    >>> J.hessian()
    array([[2., 3.],
           [3., 5.]])
    >>> J.descend([0.0, 0.0], learning_rate=0.1, max_iter=2)
    step            θ₀            θ₁             J      ‖∇J‖
       0             0             0            10      11.7
       1           0.6             1          1.06      3.67
       2          0.78          1.32        0.1732      1.16
    All 2 steps were taken; ‖∇J‖ went from 11.7 to 1.16. J fell from 10 to 0.1732.
    """

    symbol = "J"

    def __init__(
        self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None, fit_intercept: bool = True
    ) -> None:
        table = _as_table(X)
        matrix, target, weight = validate_rows(table, y, sample_weight)
        super().__init__(
            matrix,
            target.astype(np.float64),
            weight,
            Coordinates.original(matrix.shape[1], target[:1].size, fit_intercept),
        )
        names = texts_of(names_of(table))
        self._X, self._weight, self._names = matrix, weight, names if names and all(names) else None

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the parameters, in the order of theta."""
        return tuple(theta_name(k).text for k in self._formulas.parameters)

    @cached_property
    def _formulas(self) -> Formulas:
        if self._y.ndim == 2:
            raise InvalidParameterError(
                f"The formulas, descents and pictures of {OWNER} need y of shape (n_samples,). Got shape "
                f"{self._y.shape} instead: targets do not depend on each other, so take J of one, y[:, 0]."
            )
        with beyond_float64():
            total = None if self._weight is None else float(self._weight.sum())
        n_rows, n_features = self._X.shape
        return Formulas(n_rows, n_features, self._names, self.fit_intercept, total)

    @property
    def partials(self) -> Partials:
        """Name of a parameter → its partial derivative as text; printed, one on each line; in LaTeX by `latex()`.

        Examples
        --------
        >>> from gdlearn import MeanSquaredError
        >>> partials = MeanSquaredError([1.0, 2.0], [2.0, 4.0], sample_weight=[1.0, 3.0]).partials
        >>> partials["θ₁"]
        '−2/W Σ wₙ xₙ (yₙ − ŷₙ)'
        """
        return Partials(self._formulas)

    def __repr__(self) -> str:
        if self._y.ndim == 2:
            return f"{OWNER}: J(θ), summed over the columns of y, of shape {self._y.shape}"
        return f"{OWNER}: {self._formulas.objective().text}"

    def latex(self) -> str:
        """J and its model in LaTeX."""
        return self._formulas.objective().latex

    def _repr_latex_(self) -> str | None:
        return None if self._y.ndim == 2 else rf"$\displaystyle {self.latex()}$"

    def __call__(
        self, theta: ArrayLike | Mapping[str, ArrayLike], *, outside: Literal["raise", "nan"] = "raise"
    ) -> Any:
        """J(θ).

        Parameters
        ----------
        theta : array-like of shape (..., p), or mapping from name to array-like
            The parameters, in the order of `variables` or by name. With several targets: of shape (p, n_targets).
        outside : {"raise", "nan"}, default="raise"
            As for other functions, which may have no value somewhere. J has one everywhere; where float64 does not
            hold it, it is infinite, and with "nan" NaN.

        Returns
        -------
        float, or ndarray of shape (...)
            In units of y squared.
        """
        if self._y.ndim == 2:
            return self.value(theta)  # type: ignore[arg-type] # which refuses a mapping
        theta = points(OWNER, "theta", self.variables, theta)
        if theta.ndim == 1:
            value = self.value(theta)
            return np.nan if outside == "nan" and not np.isfinite(value) else value
        values = self._values(theta.reshape(-1, self.n_parameters)).reshape(theta.shape[:-1])
        if outside == "nan":
            values[~np.isfinite(values)] = np.nan
        return values

    def _values(self, thetas: Array) -> Array:
        """J at many points, of shape (n, p)."""
        with beyond_float64():
            if self.n_parameters > FEW or len(thetas) < FEW:
                return self.errors(thetas.T[:, :, np.newaxis])
            R = self._triangle
            values: Array = ((thetas @ R[:, :-1].T - R[:, -1]) ** 2).sum(axis=1)
            return values

    def gradient_at(
        self, theta: ArrayLike | Mapping[str, ArrayLike], *, outside: Literal["raise", "nan"] = "raise"
    ) -> Array:
        """The gradient ∇J(θ), of shape (..., p).

        Parameters
        ----------
        theta, outside
            As for the value.
        """
        theta = points(OWNER, "theta", self.variables, theta)
        flat = np.atleast_2d(theta).reshape(-1, self.n_parameters)
        gradient, step = np.empty(flat.shape), max(1, RESIDUALS // len(self._y))
        with beyond_float64():
            for start in range(0, len(flat), step):
                some = flat[start : start + step].T
                r = self._y[:, np.newaxis] - self._design.predict(some)
                gradient[start : start + step] = -2.0 * self._design.adjoint(self._share[:, np.newaxis] * r).T
        if outside == "nan":
            gradient[~np.isfinite(gradient).all(axis=-1)] = np.nan
        return gradient.reshape(theta.shape)

    def value_and_gradient(self, theta: Array) -> Evaluation:
        """J and ∇J at one point, by one product with X and one with its transpose."""
        return self.at(theta)

    @cached_property
    def curvature(self) -> float:
        """L, the largest eigenvalue of ∇²J: gradient descent with a fixed rate converges for rates below 2/L."""
        with beyond_float64():
            if self.n_parameters > DENSE:
                product = LinearOperator((self.n_parameters,) * 2, matvec=self.hessian_product, dtype=np.float64)
                start = np.random.default_rng(0).standard_normal(self.n_parameters)
                return float(eigsh(product, k=1, v0=start, return_eigenvectors=False)[0])
            H = self.hessian()
        return float(max(np.linalg.eigvalsh(H)[-1], 0.0)) if np.isfinite(H).all() else np.inf

    @cached_property
    def _triangle(self) -> Array:
        """As few rows as parameters, and one, with which J is the same sum of squares: the R of a QR factorisation."""
        Z = np.column_stack([self._design.predict(np.eye(self.n_parameters)), self._y])
        return triangle(np.sqrt(self._share)[:, np.newaxis] * Z)

    def falls(self, theta: Array) -> tuple[Array, Array]:
        """The curvature of J along each eigenvector of its Hessian, and by how much J falls along it to its minimum.

        Parameters
        ----------
        theta : ndarray of shape (p,)

        Returns
        -------
        curvatures, falls : ndarray of shape (m,), float64
            Of the m directions that the data hold; none where J has too many parameters to look at each.
        """
        if self.n_parameters > DENSE:
            return np.zeros(1), np.zeros(1)
        with beyond_float64():
            R = self._triangle
            if not np.isfinite(R).all():
                return np.zeros(1), np.zeros(1)
            U, s, _ = np.linalg.svd(R[:, :-1], full_matrices=False)
            held = s > EPS * len(R) * s[:1]
            return 2.0 * s[held] ** 2, (U[:, held].T @ (R[:, :-1] @ theta - R[:, -1])) ** 2

    def _in_words(self, theta: Array) -> InWords:
        formulas, weight = self._formulas, self._weight
        with beyond_float64():
            r = self.residual(theta)
            sums = self._design.adjoint(r if weight is None else weight * r)
        size = number(float(len(r)) if formulas.total_weight is None else formulas.total_weight)
        partials = []
        for k, s in zip(formulas.parameters, sums, strict=True):
            put_in = f"−2/{size} · {factor(float(s))}"
            fraction = rf"-\frac{{2}}{{{in_latex(size)}}} \cdot {in_latex(factor(float(s)))}"
            partials.append((formulas.partial(k), Words(put_in, fraction)))
        names = [theta_name(k) for k in formulas.parameters]
        return InWords(formulas.objective(), names, partials, self._table(r, sums))

    def _table(self, r: Array, sums: Array) -> Table:
        """The rows behind the sums, with the features whose partials are shown."""
        formulas, first = self._formulas, int(self.fit_intercept)
        rows = np.array([i for i in abbreviated(range(len(r)), ROWS) if i is not None])
        X = self._X[rows].toarray() if sparse.issparse(self._X) else np.asarray(self._X[rows])
        shown = [k for k in abbreviated(formulas.parameters, MANY) if k]
        x = {k: X[:, k - 1].astype(np.float64) for k in shown}
        y, residual = self._y[rows], r[rows]
        columns = [
            *(Column(formulas.feature(k), x[k]) for k in shown),
            Column(Words("yₙ", "y_n"), y),
            Column(Words("ŷₙ", r"\hat y_n"), y - residual),
            Column(Words("yₙ − ŷₙ", r"y_n - \hat y_n"), residual),
        ]
        if self._weight is not None:
            columns.insert(0, Column(WEIGHT, self._weight[rows], formulas.total_weight))
            residual = self._weight[rows] * residual
        if self.fit_intercept:
            total = float(sums[0])
            if self._weight is None:
                columns[-1] = columns[-1]._replace(total=total)
            else:
                columns.append(Column(formulas.summand(0), residual, total))
        columns += [Column(formulas.summand(k), x[k] * residual, float(sums[k - 1 + first])) for k in shown]
        return Table.of(rows + 1, columns)


def _as_table(X: Any) -> Any:
    """X of shape (n_samples, n_features), also where it was given as a single 1-D feature."""
    if hasattr(X, "to_frame"):  # a Series
        return X.to_frame()
    if isinstance(X, list | tuple | range) and len(X) and np.ndim(X[0]) == 0:
        X = np.asarray(X)
    is_one = getattr(X, "ndim", 2) == 1 and hasattr(X, "reshape") and not sparse.issparse(X)
    return X.reshape(-1, 1) if is_one else X
