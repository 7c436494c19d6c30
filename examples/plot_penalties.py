"""
Ridge, lasso or early stopping?
===============================

All three keep the coefficients of least squares from growing to their full size, and so from fitting noise. A ridge
term shrinks most where the data vary little, and a number of steps does nearly the same; an L1 penalty also says which
features do without a coefficient. Each has a path from zero to least squares, and cross-validation says where to stop.
"""

# %%
# Ten features and twenty of noise
# --------------------------------
# The ten columns of the diabetes data, and twenty that are random numbers, for 150 of the 442 patients.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import KFold, train_test_split

from gdlearn import GradientDescentRegressor, GradientDescentRegressorCV, gradient_descent_path, regularization_path
from gdlearn.inspection import RegularizationPathDisplay

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
names = list(X.columns)
noise = np.random.default_rng(0).standard_normal((len(X), 20))
X, X_test, y, y_test = train_test_split(np.hstack([X, noise]), y.to_numpy(), train_size=150, random_state=0)
scale = X.std(axis=0)  # coefficients times this can be compared
folds = KFold(5, shuffle=True, random_state=0)

# %%
# What cross-validation chooses
# -----------------------------
# :class:`~gdlearn.GradientDescentRegressorCV` has a grid of its own for each of the three.

RATE = 0.1
steps = np.unique(np.geomspace(1, 1e4, 60).round().astype(int))
searches = {
    "ridge": GradientDescentRegressorCV(alphas=60, cv=folds),
    "lasso": GradientDescentRegressorCV(alphas=60, l1_ratios=[1.0], cv=folds),
    "lasso, one standard error": GradientDescentRegressorCV(
        alphas=60, l1_ratios=[1.0], cv=folds, selection="one_standard_error"
    ),
    "early stopping": GradientDescentRegressorCV([RATE], max_iters=steps, cv=folds),
}
chosen = {name: search.fit(X, y) for name, search in searches.items()}
least_squares = GradientDescentRegressor().fit(X, y)
print(f"{'':<28}{'chosen':>15}{'features':>11}{'noise':>8}{'RMSE on other patients':>26}")
for name, model in {**chosen, "least squares": least_squares}.items():
    what = f"k = {model.n_iter_}" if name == "early stopping" else f"α = {getattr(model, 'alpha_', 0.0):.3g}"
    used, error = model.coef_ != 0, root_mean_squared_error(y_test, model.predict(X_test))
    print(f"{name:<28}{what:>15}{used[:10].sum():>11}{used[10:].sum():>8}{error:>26.2f}")

# %%
# Three paths
# -----------
# From zero on the left to least squares on the right; the ten largest there have names, the others are grey. Ridge and
# early stopping bend alike, the lasso has corners: there a feature comes in.

labels = names + [f"noise {j}" for j in range(20)]
figure, axes = plt.subplots(1, 3, figsize=(13, 4.6), sharey=True, layout="constrained")
displays = []
for ax, name, l1_ratio in ((axes[0], "ridge", 0.0), (axes[1], "lasso", 1.0)):
    alphas, coefs, _, _ = regularization_path(X, y, l1_ratio=l1_ratio, eps=1e-5)
    path = alphas, coefs * scale[:, None]
    displays.append(RegularizationPathDisplay.from_path(path, feature_names=labels, chosen=chosen[name], ax=ax))
    ax.set(title=name, ylabel="")
_, coefs, _, _ = gradient_descent_path(X, y, learning_rate=RATE, iterations=steps)
for line, coef in zip(displays[0].lines_, coefs * scale[:, None], strict=True):
    look = {"color": line.get_color(), "linestyle": line.get_linestyle(), "linewidth": line.get_linewidth()}
    axes[2].plot(steps, coef, zorder=line.get_zorder(), **look)
k = chosen["early stopping"].n_iter_
axes[2].axvline(k, color="black", linestyle=":", label=f"chosen: k = {k}")
axes[2].legend()
axes[2].set(xscale="log", xlim=(steps[0], steps[-1]), xlabel="steps k", title=f"early stopping, η = {RATE}")
axes[0].set_ylabel("coefficient × scale of the feature")

# %%
# α and the number of steps in one picture
# ----------------------------------------
# With `alphas` beside a rate and numbers of steps the search tries every combination, for little more than the price of
# one fit. The valley of small errors has two arms: ten steps, whatever the ridge term as long as it is small, or a
# ridge term of about 0.3, however many the steps. One of the two is enough.

grid = GradientDescentRegressorCV([RATE], max_iters=steps, alphas=np.geomspace(3, 1e-3, 61), cv=folds).fit(X, y)
error = np.sqrt(grid.mse_path_.mean(axis=-1)[0, :, 0])
by_steps, by_alpha = error[-1].min(), error[:, -1].min()
print(f"\nRMSE over 5 folds: best α and k {error.min():.2f}, steps alone {by_steps:.2f}, α alone {by_alpha:.2f}")
figure, ax = plt.subplots(figsize=(6.4, 4.8), layout="constrained")
levels = error.min() + np.array([0, 0.05, 0.1, 0.2, 0.5, 1, 2, 4, 8, 16])
drawn = ax.contourf(grid.max_iters_, np.ravel(grid.alphas_), error, levels, cmap="viridis", extend="max")
figure.colorbar(drawn, ax=ax, label="root mean squared error over 5 folds", format="%.2f")
star = {"marker": "*", "markersize": 16, "color": "white", "markeredgecolor": "black", "linestyle": "none"}
ax.plot(grid.max_iter_, grid.alpha_, label=f"best: α = {grid.alpha_:.2g}, k = {grid.max_iter_}", **star)
ax.set(
    xscale="log", yscale="log", xlabel="steps k", ylabel="ridge term α", title=f"Error after k steps with η = {RATE}"
)
ax.legend(loc="lower right")
plt.show()
