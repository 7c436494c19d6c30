"""
Which learning rate, and how many steps?
========================================

Cross-validation says. :class:`~gdlearn.GradientDescentRegressorCV` takes every combination of learning rate and number
of steps from one eigendecomposition per fold, so a grid of hundreds costs little more than a fit. Where features are
many and rows few, the best of the grid is far from the limit of the descent.
"""

# %%
# Few rows, many features
# -----------------------
# The ten columns of the diabetes data and their 45 pairwise products, for 150 of the 442 patients; the others are kept
# to test on. The descent starts at zero, intercept included, so y is measured from its mean: the model then starts from
# the mean of y.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score, train_test_split
from sklearn.preprocessing import PolynomialFeatures

from gdlearn import GradientDescentRegressor, GradientDescentRegressorCV
from gdlearn.inspection import LearningRateDisplay

X, y = load_diabetes(return_X_y=True)
X = PolynomialFeatures(2, interaction_only=True, include_bias=False).fit_transform(X)
X, X_test, y, y_test = train_test_split(X, y, train_size=150, random_state=0)
y, y_test = y - y.mean(), y_test - y.mean()

rates = np.geomspace(1e-4, 1, 25)
steps = np.unique(np.geomspace(1, 1e6, 31).round().astype(int))
folds = KFold(5, shuffle=True, random_state=0)
search = GradientDescentRegressorCV(rates, max_iters=steps, cv=folds).fit(X, y)

# %%
# The best, and the limit
# -----------------------
# `mse_path_` holds the mean squared error for each rate, number of steps and fold; it is infinite where the rate is at
# or above the largest stable one of the fold. All stable rates have the same limit, that of
# :class:`~gdlearn.GradientDescentRegressor` without settings: least squares.

mse = search.mse_path_.mean(axis=-1)
stable = search.max_stable_learning_rate_
limit = GradientDescentRegressor().fit(X, y)
limit_mse = -cross_val_score(limit, X, y, scoring="neg_mean_squared_error", cv=folds).mean()
print(f"{X.shape[0]} rows, {X.shape[1]} columns, {mse.size} candidates, {np.isinf(mse).sum()} of them diverge")
print(f"largest stable rate {stable:.3g}, best rate {search.learning_rate_:.3g}\n")
print(f"{'':<15}{'steps':>12}{'RMSE over 5 folds':>20}{'on other patients':>20}")
for name, model, error in (("best of grid", search, -search.best_score_), ("limit", limit, limit_mse)):
    test = root_mean_squared_error(y_test, model.predict(X_test))
    print(f"{name:<15}{model.n_iter_:>12,}{np.sqrt(error):>20.2f}{test:>20.2f}")
print(f"{'mean of y':<15}{0:>12}{'':>20}{root_mean_squared_error(y_test, 0 * y_test):>20.2f}")
floor = np.sqrt(mse.min(axis=1)[np.isfinite(mse).all(axis=1)])
print(f"best number of steps for each stable rate: RMSE over 5 folds {floor.min():.2f} to {floor.max():.2f}")

# %%
# The same as a grid search
# -------------------------
# :class:`~sklearn.model_selection.GridSearchCV` fits every candidate on every fold. Its scores are the same, here for
# sixteen of the candidates:

some_rates, some_steps = slice(0, 16, 4), slice(0, 32, 8)
grid = {"learning_rate": rates[some_rates], "max_iter": steps[some_steps]}
by_fits = GridSearchCV(GradientDescentRegressor(), grid, scoring="neg_mean_squared_error", cv=folds).fit(X, y)
ratio = -by_fits.cv_results_["mean_test_score"] / mse[some_rates, some_steps].ravel()
print(f"\nGridSearchCV, {len(ratio)} candidates: largest relative difference {np.abs(ratio - 1).max():.0e}")

# %%
# The map
# -------
# A valley runs along η·k = constant: half the rate needs twice the steps, and its floor is nearly level. Below it the
# descent has not got far. Above it the noise of 150 rows is fitted; the colours end near the variance of y, which
# predicting its mean would give.

LearningRateDisplay.from_estimator(search).ax_.set_title("Diabetes with products, 150 patients")
plt.show()
