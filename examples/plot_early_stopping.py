"""
Is early stopping a regulariser, like ridge?
============================================

Yes: both shrink the least-squares coefficients in the directions in which the data vary little, and by much the same
factors. The number of steps does what alpha does for ridge regression: k steps with learning rate η on n rows are like
alpha = n/(2ηk).
"""

# %%
# Five models on few rows
# -----------------------
# The ten columns of the diabetes data and their 45 pairwise products, for 150 of the 442 patients: columns enough to
# fit much of the noise. With ``early_stopping=True`` a fifth of the 150 rows take no part in the descent, and it ends
# when the error on them has not fallen for a hundred steps; `n_iter_` is the best step. The second model takes as many
# steps on all 150 rows. The descent starts at zero, intercept included, so y is measured from its mean.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from gdlearn import GradientDescentRegressor

RATE = 0.02


def fit_all(X, y):
    """Each model by its name."""
    early = GradientDescentRegressor(
        learning_rate=RATE, early_stopping=True, validation_fraction=0.2, n_iter_no_change=100, random_state=0
    ).fit(X, y)
    k = early.n_iter_
    return {
        "early stopping": early,
        "as many steps, all rows": GradientDescentRegressor(learning_rate=RATE, max_iter=k).fit(X, y),
        "ridge, alpha = n/(2ηk)": make_pipeline(StandardScaler(), Ridge(alpha=len(y) / (2 * RATE * k))).fit(X, y),
        "ridge, alpha by RidgeCV": make_pipeline(StandardScaler(), RidgeCV(np.geomspace(0.1, 1e4, 51))).fit(X, y),
        "least squares": GradientDescentRegressor().fit(X, y),
    }


features, target = load_diabetes(return_X_y=True)
features = PolynomialFeatures(2, interaction_only=True, include_bias=False).fit_transform(features)
splits = [train_test_split(features, target, train_size=150, random_state=seed) for seed in range(20)]
fitted = [fit_all(X, y - y.mean()) for X, _, y, _ in splits]

# %%
# Errors on the patients left out
# -------------------------------
# For the split that the pictures below are of, and on average over twenty.

first, early, ridge = fitted[0], fitted[0]["early stopping"], fitted[0]["ridge, alpha = n/(2ηk)"][-1]
by_cv = first["ridge, alpha by RidgeCV"][-1]
print(f"k = {early.n_iter_} steps, n/(2ηk) = {ridge.alpha:.1f}; RidgeCV takes alpha = {by_cv.alpha_:.1f}\n")
print(f"{'test RMSE':<26}{'first split':>12}{'mean of 20':>12}")
for name in first:
    errors = [
        root_mean_squared_error(y_test - y.mean(), models[name].predict(X_test))
        for models, (_, X_test, y, y_test) in zip(fitted, splits, strict=True)
    ]
    print(f"{name:<26}{errors[0]:>12.2f}{np.mean(errors):>12.2f}")

# %%
# Filter factors
# --------------
# The directions are the principal components of the standardised features, and λ is the variance along one. There k
# steps keep the part 1 − (1 − 2ηλ)ᵏ of the least-squares coefficient, and ridge keeps λ/(λ + alpha/n): nearly all of it
# where 2ηkλ is large, and 2ηkλ of it where that is small. In between ridge keeps less, by some 0.2 at most. The points
# are measured on the fitted models: coefficients along the components, divided by those of least squares.

X = splits[0][0]
variances, components = np.linalg.eigh(np.corrcoef(X, rowvar=False))
least_squares = components.T @ (X.std(axis=0) * first["least squares"].coef_)
kept_by_steps = components.T @ (X.std(axis=0) * first["as many steps, all rows"].coef_) / least_squares
kept_by_ridge = components.T @ ridge.coef_ / least_squares
theory = 1 - (1 - 2 * RATE * variances) ** early.n_iter_
print(f"\nlargest difference of steps from theory {np.abs(kept_by_steps - theory).max():.0e}, ", end="")
print(f"from ridge {np.abs(kept_by_steps - kept_by_ridge).max():.2f}")

# %%
grid = np.geomspace(1e-3, 20, 300)
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4.8), layout="constrained")
left.plot(early.loss_curve_iterations_, early.loss_curve_, color="#0072B2", label="rows of the descent")
left.plot(early.loss_curve_iterations_, early.validation_loss_curve_, "--", color="#D55E00", label="rows held out")
left.axvline(early.n_iter_, color="black", linestyle=":", label=f"n_iter_ = {early.n_iter_}")
left.set(xlabel="step k", ylabel="J (progression score squared)", title="Rows held out say when to stop")
left.set_ylim(bottom=0)
left.legend()
right.plot(grid, 1 - (1 - 2 * RATE * grid) ** early.n_iter_, color="#0072B2")
right.plot(grid, grid / (grid + ridge.alpha / len(X)), "--", color="#E69F00")
right.plot(variances, kept_by_steps, "o", color="#0072B2", label=f"{early.n_iter_} steps, η = {RATE}")
right.plot(variances, kept_by_ridge, "s", color="#E69F00", label=f"ridge, alpha = {ridge.alpha:.0f}")
right.set(xscale="log", xlabel="variance λ along the component", ylabel="part of the least-squares coefficient")
right.set(title="Both shrink where the data vary little", xlim=(grid[0], grid[-1]))
right.legend(title="points measured, lines in theory")
plt.show()
