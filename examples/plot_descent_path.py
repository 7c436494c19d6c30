"""
What does gradient descent look like from above?
================================================

It leaves every level set of J at a right angle. :class:`~gdlearn.inspection.DescentPathDisplay` draws the level sets
over two parameters, the steps, and the arrows −∇J.
"""

# %%
# One step size too small, one right, one too large
# -------------------------------------------------
# Two columns of the diabetes data, measured from their means, and y from its mean: a model without intercept, so the
# picture holds all its parameters and is exact. The largest stable learning rate is 2/L, with L the largest curvature
# of J. Far below it the path is smooth and slow; near it the steps leap across the valley and back; above it each leap
# is longer than the last.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes

from gdlearn import GradientDescentRegressor
from gdlearn.inspection import DescentPathDisplay

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
pair, centred = X[["s4", "s5"]] - X[["s4", "s5"]].mean(), y - y.mean()
model = GradientDescentRegressor(fit_intercept=False).fit(pair, centred)
stable = model.max_stable_learning_rate_
rates = [0.1 * stable, 0.9 * stable, 1.05 * stable]
display = DescentPathDisplay.from_estimator(model, pair, centred, features=("s4", "s5"), learning_rates=rates)

print(f"largest stable rate {stable:.3g}, condition number {model.condition_number_:.3g}, J_min {model.loss_:.1f}\n")
print(f"{'learning rate':>14}{'J after 1 step':>17}{'20 steps':>12}")
for rate, J in zip(rates, display.path_values, strict=True):
    print(f"{rate:>14.3g}{J[1]:>17.1f}{J[20]:>12.1f}")
k, path, gradient = 1, display.paths[1], display.gradients[1]
along = path[k + 1] - path[k]
print(f"\nstep {k} of the second goes along −∇J: {np.allclose(along, -rates[1] * gradient[k])}")

# %%
# Valley and bowl
# ---------------
# One feature and the intercept, unscaled and scaled. In the units of the column the level sets are long ellipses: −∇J
# points across the valley, hardly along it, and twenty steps end far from the minimum. Scaling to mean 0 and scale 1
# makes circles of them, whose −∇J points at the minimum: with the default rate the first step arrives.

figure, axes = plt.subplots(1, 2, figsize=(9, 4.6), layout="constrained")
print(f"\n{'scaling':<12}{'condition number':>18}{'J − J_min after 20 steps':>27}")
for ax, scaling in zip(axes, (None, "standard"), strict=True):
    one = GradientDescentRegressor(scaling=scaling).fit(X[["bmi"]] / 10, y)
    bowl = DescentPathDisplay.from_estimator(
        one, X[["bmi"]] / 10, y, features=("intercept", "bmi"), names=[f"scaling={scaling!r}"], ax=ax
    )
    left = bowl.path_values[0][-1] - bowl.minimum
    print(f"{scaling!s:<12}{one.condition_number_:>18.3g}{left:>27.3g}")
axes[0].set_ylabel("coefficient of bmi\n(units of y per 10 kg/m²)")
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)

# %%
# Axes of their own
# -----------------
# In the units of the data the coefficient covers a hundredth of what the intercept covers, and on equal axes it is not
# seen. ``aspect="auto"`` gives each axis a scale of its own. The picture is readable, and right angles are lost.

raw = GradientDescentRegressor(scaling=None)
DescentPathDisplay.from_estimator(raw, X[["bmi"]], y, features=("intercept", "bmi"), aspect="auto")

# %%
# More parameters than two
# ------------------------
# All ten features: over two of them J is drawn with the others at their best for these two. The path is then the
# projection of one in eleven dimensions, and need not go along the arrows of the surface that is drawn.

DescentPathDisplay.from_estimator(GradientDescentRegressor(), X, y, features=("s1", "s2"), iterations=300)
plt.show()

# %%
# Step after step
# ---------------
# The first picture as an animation: ``animation.save("descent.gif", writer="pillow")`` makes a file of it, `to_jshtml`
# a page with buttons, which ``IPython.display.HTML(page)`` shows in a notebook.

animation = display.animate()
page = animation.to_jshtml(fps=4)
print(f"\nthe animation as a page: {len(page) / 1e6:.1f} MB")
