"""
Which learning rate descends fastest?
=====================================

The largest that is stable, nearly. :class:`~gdlearn.inspection.LossCurveDisplay` draws the mean squared error over the
steps of a descent, or of several beside each other.
"""

# %%
# Four rates
# ----------
# The diabetes data in their units; features are scaled to mean 0 and scale 1 by default. All descents start from θ = 0
# and have the same limit. A tenth of the rate needs ten times the steps; at the largest stable rate the steepest
# direction would swing for ever.

import matplotlib.pyplot as plt
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import PolynomialFeatures

from gdlearn import GradientDescentRegressor, gradient_descent_path
from gdlearn.inspection import LossCurveDisplay

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
limit = GradientDescentRegressor().fit(X, y)
stable = limit.max_stable_learning_rate_
rates, steps = (0.001, 0.01, 0.1, 0.99 * stable), [10, 100, 1000, 10_000]
models = {f"η = {rate:.3g}": GradientDescentRegressor(rate, max_iter=steps[-1]).fit(X, y) for rate in rates}
print(f"largest stable rate {stable:.3g}; J at the limit {limit.loss_:.1f}\n")
print(f"{'J after steps':<14}" + "".join(f"{k:>10,}" for k in steps))
for rate in rates:
    _, _, _, J = gradient_descent_path(X, y, learning_rate=rate, iterations=steps)
    print(f"η = {rate:<10.3g}" + "".join(f"{loss:>10.1f}" for loss in J))

LossCurveDisplay.from_estimators(models).ax_.set_title("Diabetes: descents with four learning rates")

# %%
# What is left above the minimum
# ------------------------------
# J itself soon looks level. Its distance from the minimum, here the loss of the limit, shows that it is not: the steep
# directions are done within tens of steps, and the flat ones fall on.

LossCurveDisplay.from_estimators(models, minimum=limit.loss_).ax_.set_title("Diabetes: what is left to descend")

# %%
# On rows held out
# ----------------
# With ``early_stopping=True`` the error on a tenth of the rows is recorded too, and the step where it was least is the
# model. Here the descent is given all products of two features, and y measured from its mean.

products = PolynomialFeatures(2, include_bias=False).fit_transform(X)
early = GradientDescentRegressor(0.001, early_stopping=True, n_iter_no_change=2000, random_state=0)
early.fit(products, y - y.mean())
print(f"\nwith products: {early.n_iter_} steps, J on rows held out {min(early.validation_loss_curve_):.1f}")
LossCurveDisplay.from_estimator(early).ax_.set_title("Diabetes with products of features")
plt.show()
