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
# From zero on the left to least squares on the right. The lines of noise are grey, but for those that are among the
# ten largest where the path ends.

figure, axes = plt.subplots(1, 3, figsize=(13, 4.6), sharey=True, layout="constrained")
for ax, name, l1_ratio in ((axes[0], "ridge", 0.0), (axes[1], "lasso", 1.0)):
    alphas, coefs, _, _ = regularization_path(X, y, l1_ratio=l1_ratio)
    labels = names + [f"noise {j}" for j in range(20)]
    path = alphas, coefs * scale[:, None]
    RegularizationPathDisplay.from_path(path, feature_names=labels, chosen=chosen[name], ax=ax)
    ax.set(title=name, ylabel="")
_, coefs, _, _ = gradient_descent_path(X, y, learning_rate=RATE, iterations=steps)
for j, coef in enumerate(coefs * scale[:, None]):
    axes[2].plot(steps, coef, color=axes[0].lines[j].get_color(), linewidth=1.8 if j < 10 else 1.0)
axes[2].axvline(chosen["early stopping"].n_iter_, color="black", linestyle=":")
axes[2].set(xscale="log", xlabel="steps k", title=f"early stopping, η = {RATE}")
axes[0].set_ylabel("coefficient × scale of the feature")
plt.show()
