"""
What does feature scaling do to gradient descent?
=================================================

It saves steps: on the data below, all but one in a hundred thousand. The limit of the descent is the same least-squares
fit whatever the scaling, but the number of steps to it grows with the condition number of the Hessian, and columns in
different units make that large.
"""

# %%
# Four scalings of the same columns
# ---------------------------------
# The diabetes data as measured: years, kg/m², mmHg, mg/dl, logarithms. One step too long in the steepest direction
# diverges, so the steepest direction sets the learning rate (`max_stable_learning_rate_`), and the flattest one then
# sets the number of steps. `condition_number_` is the ratio of the two curvatures.
#
# The rate here is ``learning_rate="auto"``, half of the largest stable one. At each step the slowest direction then
# closes the fraction 1/κ of what is left to go, κ being the condition number; κ steps divide it by e. The 16 digits of
# float64 are at most 36 such divisions, so the steps to the limit are some thirty times κ, whatever the scaling.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes

from gdlearn import GradientDescentRegressor, gradient_descent_path

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
models = {
    scaling: GradientDescentRegressor(scaling=scaling).fit(X, y) for scaling in (None, "maxabs", "minmax", "standard")
}
print(
    f"{'scaling':<12}{'condition κ':>12}{'largest stable rate':>21}{'steps to the limit':>20}{'steps/κ':>9}{'R²':>10}"
)
for scaling, model in models.items():
    print(
        f"{scaling!s:<12}{model.condition_number_:>12.3g}{model.max_stable_learning_rate_:>21.3g}"
        f"{model.n_iter_:>20,}{model.n_iter_ / model.condition_number_:>9.1f}{model.score(X, y):>10.6f}"
    )

# %%
# The limit is one and the same: coefficients are in the units of the columns, so they can be compared directly.

reference = models["standard"].coef_
for scaling, model in models.items():
    print(
        f"{scaling!s:<12}largest relative difference of a coefficient {np.abs(model.coef_ / reference - 1).max():.1e}"
    )

# %%
# On the way
# ----------
# :func:`~gdlearn.gradient_descent_path` gives J, the mean squared error, at any steps, here 400 evenly spaced in log k.
# All start from θ = 0 and the same J, and what J has left to fall does so one direction after another: a slope for each
# group of steep directions, a shelf while the flatter ones wait. "standard" is behind for the first few steps only.
# Where columns are not centred, the steepest direction moves all predictions together, and the first step nearly fits
# the mean of y; everything else has to wait for that.

J_min = models["standard"].loss_
colours = dict(zip(models, ("#000000", "#E69F00", "#0072B2", "#009E73"), strict=True))
styles = dict(zip(models, (":", "-.", "--", "-"), strict=True))
figure, ax = plt.subplots(figsize=(8, 5), layout="constrained")
for scaling, model in models.items():
    wanted = np.unique(np.geomspace(1, model.n_iter_, 400).astype(np.int64))
    steps, _, _, J = gradient_descent_path(X, y, scaling=scaling, iterations=wanted)
    excess = J / J_min - 1
    seen = excess > 1e-9
    label = f"{scaling!s} (κ = {model.condition_number_:.3g})"
    ax.plot(steps[seen], excess[seen], color=colours[scaling], linestyle=styles[scaling], linewidth=2, label=label)
ax.set_xscale("log")
ax.set_yscale("log")
ax.set_xlabel("step k")
ax.set_ylabel("J above its limit, as a fraction of the limit")
ax.set_title("Diabetes: what is left to descend")
ax.legend(title="scaling", loc="lower left")
plt.show()
