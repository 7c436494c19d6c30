"""
Which feature makes gradient descent slow?
==========================================

The one whose units are far from those of the others, the one whose mean is far from zero, or the one that nearly
repeats another. :func:`~gdlearn.inspection.sensitivity` says which it is, and what to do, before a step is taken.
"""

# %%
# A feature in other units
# ------------------------
# The diabetes data, with the body mass index in mg/m² rather than kg/m²: a million times the number, 10¹² times the
# curvature. The learning rate must suit the steepest direction, and every other one then waits.
#
# The body mass index makes the largest eigenvalue. The smallest is made by the intercept, not by the smallest feature:
# the columns have means far from zero, and what one column more of ones adds to them is little. So halving the body
# mass index divides the condition number by four, centring alone by hundreds, and multiplying `sex` by ten changes
# nothing.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes

from gdlearn import GradientDescentRegressor
from gdlearn.inspection import SensitivityDisplay, sensitivity

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
milligrams = X.assign(bmi=1e6 * X["bmi"])
found = sensitivity(milligrams, y)
print(found)

# %%
# Does the prediction hold?
# -------------------------
# The number of steps follows from the eigenvalues of the Hessian of J; `n_iter_` is what the fit needs.

print(f"\n{'scaling':<10}{'condition number':>18}{'predicted steps':>18}{'n_iter_':>18}")
for scaling, steps in found.n_steps.items():
    model = GradientDescentRegressor(scaling=scaling).fit(milligrams, y)
    print(f"{scaling!s:<10}{found.condition_numbers[scaling]:>18.3g}{steps:>18.3g}{model.n_iter_:>18.3g}")

# %%
# What scaling cannot cure
# ------------------------
# A second thermometer: a column that repeats another but for a little noise. Scaling makes both columns the same size,
# and leaves them as alike as they were. The flattest mode is their difference.

noise = np.random.default_rng(0).standard_normal(len(X))
twins = X.assign(bp_again=X["bp"] + 0.01 * noise)
model = GradientDescentRegressor()
print(f"\n{sensitivity(model, twins, y).sentence}")

# %%
# A learning rate too large
# -------------------------
# Each step multiplies the error of a mode by 1 − 2ηλ. Where that is −1 or less, the mode explodes; where it is next to
# 1, the mode stalls. The picture has the steps that each mode needs, on a logarithmic axis.

print(f"\n{sensitivity(milligrams, y, learning_rate=1e-13).sentence}")
figure, axes = plt.subplots(2, 2, figsize=(13, 8), layout="constrained")
SensitivityDisplay.from_estimator(
    GradientDescentRegressor(scaling=None, learning_rate=1e-13), milligrams, y, ax=axes[:, 0]
)
SensitivityDisplay.from_estimator(model, milligrams, y, ax=axes[:, 1])
figure.suptitle("Diabetes, bmi in mg/m²: a rate too large without scaling, and the default")
plt.show()
