"""
Does gradient descent find what LinearRegression finds?
=======================================================

Yes, where least squares has one clear answer. Where columns are nearly collinear the two can part, and this example
shows who is right: of two linear models on the same columns, the one with the smaller training error is nearer to the
least-squares fit.

:class:`~gdlearn.GradientDescentRegressor` without settings descends to the limit, and reports how many steps a descent
takes to get there. It is set beside ``LinearRegression()`` and ``LinearRegression(tol=0)``: `tol` is the ratio of
singular values below which a direction of the data is dropped, in the releases of scikit-learn that apply it to dense
data.
"""

# %%
# Two data sets
# -------------
# The ten columns of the diabetes data are far from collinear. Mean radius, perimeter and area of a cell nucleus are
# nearly functions of one another, and their squares and products even more so: nine columns that predict the area of
# the worst nuclei of the sample.

from statistics import median
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import PolynomialFeatures

from gdlearn import GradientDescentRegressor

diabetes = load_diabetes(as_frame=True, scaled=False)
nuclei = load_breast_cancer(as_frame=True).data
expansion = PolynomialFeatures(degree=2, include_bias=False).set_output(transform="pandas")
size = expansion.fit_transform(nuclei[["mean radius", "mean perimeter", "mean area"]].rename(columns=lambda c: c[5:]))
problems = {
    "diabetes": (diabetes.data, diabetes.target),
    "nuclei": (size, nuclei["worst area"]),
}
models = {
    "GradientDescentRegressor()": GradientDescentRegressor,
    "LinearRegression()": LinearRegression,
    "LinearRegression(tol=0)": lambda: LinearRegression(tol=0),
}

# %%
# Three models on each
# --------------------
# Coefficients have units, so the table compares them in a common one: standard deviations of y per standard deviation
# of x. The difference is the largest over the columns, from the limit of gradient descent. The time is the median of
# nine fits.


def seconds(make, X, y, repeats=9):
    """The median time of a fit."""
    times = []
    for _ in range(repeats):
        start = perf_counter()
        make().fit(X, y)
        times.append(perf_counter() - start)
    return median(times)


fitted, standardised = {}, {}
for data, (X, y) in problems.items():
    unit = X.std().to_numpy() / y.std()
    fitted[data] = {name: make().fit(X, y) for name, make in models.items()}
    standardised[data] = {name: model.coef_ * unit for name, model in fitted[data].items()}
    descent = fitted[data]["GradientDescentRegressor()"]
    print(f"{data}: {X.shape[0]} rows, {X.shape[1]} columns, condition number {descent.condition_number_:.3g}")
    print(f"  {'':<27}{'difference':>11}{'R²':>15}{'rank':>6}{'time':>10}")
    for name, model in fitted[data].items():
        difference = np.abs(standardised[data][name] - standardised[data]["GradientDescentRegressor()"]).max()
        print(
            f"  {name:<27}{difference:>11.1e}{model.score(X, y):>15.10f}{model.rank_:>6}"
            f"{1e3 * seconds(models[name], X, y):>7.2f} ms"
        )
    print(f"  steps to the limit: {descent.n_iter_:.4g}\n")

# %%
# On the diabetes data all agree to rounding. On the nuclei, gradient descent agrees with ``LinearRegression(tol=0)``.
# Where ``LinearRegression()`` reports a lower rank it dropped directions that the data do hold: its R² is lower and
# its coefficients are another model's. It gives no warning; compare `rank_` with the number of columns.
#
# Coefficients, and the way to the limit
# --------------------------------------
# Above: coefficients side by side, those of the nuclei on an axis that is linear up to 1 and logarithmic beyond. Below:
# J, the mean squared error, from the start to the limit. The steps on the nuclei are counted rather than taken one by
# one, because J is a quadratic and iterate k has a closed form.

colours = dict(zip(models, ("#0072B2", "#D55E00", "#009E73"), strict=True))
markers = dict(zip(models, ("o", "s", "x"), strict=True))
units = {"diabetes": "progression score squared", "nuclei": "area squared"}
figure, axes = plt.subplots(2, 2, figsize=(11, 8), layout="constrained")
axes[0, 1].set_yscale("symlog", linthresh=1)
for (data, (X, _)), (above, below) in zip(problems.items(), axes.T, strict=True):
    for place, name in zip((-0.22, 0.0, 0.22), models, strict=True):
        where = np.arange(X.shape[1]) + place
        above.plot(where, standardised[data][name], markers[name], color=colours[name], label=name, markersize=6)
    above.axhline(0, color="0.6", linewidth=0.8, zorder=0)
    above.set_xticks(range(X.shape[1]), X.columns, rotation=40, ha="right", rotation_mode="anchor")
    above.set_ylabel("coefficient (sd of y per sd of x)")
    above.set_title(f"{data}: coefficients")
    descent = fitted[data]["GradientDescentRegressor()"]
    below.plot(descent.loss_curve_iterations_, descent.loss_curve_, color=colours["GradientDescentRegressor()"])
    below.plot(descent.n_iter_, descent.loss_, "o", color="black")
    below.annotate(
        f"limit: n_iter_ = {descent.n_iter_:.3g}",
        (descent.n_iter_, descent.loss_),
        xytext=(0, 14),
        textcoords="offset points",
        ha="right",
    )
    below.set_xscale("symlog", linthresh=1)
    below.set_xlim(left=0)
    below.set_yscale("log")
    below.set_xlabel("step k")
    below.set_ylabel(f"J ({units[data]})")
    below.set_title(f"{data}: loss curve")
figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
plt.show()
