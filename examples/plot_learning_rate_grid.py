"""
Which learning rate wins a grid search, and what happens to those that diverge?
===============================================================================

The best stable one wins. A rate at or above the stability limit 2/L (L is the largest eigenvalue of the Hessian of J)
has no result worth scoring: the fit raises :class:`~gdlearn.DivergenceError`, which is a ``ValueError``, and
:class:`~sklearn.model_selection.GridSearchCV` ranks it last, with NaN for a score.
"""

# %%
# A grid across the limit
# -----------------------
# The learning rate matters only while the number of steps is limited: every stable rate has the same limit. So
# ``max_iter=1_000``, and rates from far too small to far too large.
#
# With ``max_iter=None`` every rate at or above the limit raises. With a given number of steps, it raises where J
# overflows; a result that is still finite after the last step comes with a ``ConvergenceWarning`` instead. A thousand
# steps are enough to overflow for any rate of 1.5 times the limit or more, and the grid has none between.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV, KFold

from gdlearn import DivergenceError, GradientDescentRegressor

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
rates = np.geomspace(1e-5, 10, 19)
search = GridSearchCV(
    GradientDescentRegressor(max_iter=1_000),
    {"learning_rate": rates},
    cv=KFold(5, shuffle=True, random_state=0),
    return_train_score=True,
)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    search.fit(X, y)

# %%
# What the search says
# --------------------
# The fits that raised are in a ``FitFailedWarning`` (and their NaN in a ``UserWarning``), caught above. The winner is
# refitted on all rows, and `max_stable_learning_rate_` is the limit there; on the rows of a fold it differs a little.

test, train = search.cv_results_["mean_test_score"], search.cv_results_["mean_train_score"]
limit = search.best_estimator_.max_stable_learning_rate_
failed = np.isnan(test)
n_warned = sum(issubclass(warning.category, FitFailedWarning) for warning in caught)
for rate, train_score, test_score in zip(rates, train, test, strict=True):
    mark = "  best" if rate == search.best_params_["learning_rate"] else ""
    print(
        f"η = {rate:<10.3g}{rate / limit:>10.2g} × limit   R² train {train_score:7.4f}   test {test_score:7.4f}{mark}"
    )
print(f"\nlargest stable rate {limit:.4g}")
print(
    f"{failed.sum()} of {len(rates)} rates failed, {failed.sum() * search.n_splits_} fits, {n_warned} FitFailedWarning"
)

# %%
# Fitted by hand, a rate that diverges says why, and what to do:

try:
    GradientDescentRegressor(learning_rate=rates[-1]).fit(X, y)
except DivergenceError as error:
    print(f"\nDivergenceError: {error}")

# %%
# Scores over the learning rate
# -----------------------------
# Too small a rate has not got far in a thousand steps. The lower panel enlarges the top: as the rate grows, the
# training score keeps rising towards that of least squares, while the test score is best a little short of it. Stopping
# early is a regularisation, though a weak one on these data.

best = search.best_params_["learning_rate"]
figure, axes = plt.subplots(2, 1, figsize=(8, 6.5), sharex=True, layout="constrained")
for ax in axes:
    ax.plot(rates[~failed], train[~failed], "s--", color="#E69F00", label="training folds")
    ax.plot(rates[~failed], test[~failed], "o-", color="#0072B2", label="test folds")
    ax.plot(best, search.best_score_, "*", color="black", markersize=14, label=f"best: η = {best:.3g}")
    ax.axvline(limit, color="#D55E00", linewidth=2, label=f"max_stable_learning_rate_ = {limit:.3g}")
    ax.axvspan(limit, rates[-1] * 1.5, color="#D55E00", alpha=0.12, label="beyond the limit")
    ax.plot(
        rates[failed],
        np.full(failed.sum(), 0.06),
        "x",
        color="#D55E00",
        transform=ax.get_xaxis_transform(),
        label="diverged, score NaN",
    )
    ax.set_ylabel("mean R² over five folds")
axes[0].set_title("Diabetes, 1,000 steps")
axes[1].set_ylim(0.47, 0.53)
axes[1].set_xscale("log")
axes[1].set_xlim(rates[0] / 1.5, rates[-1] * 1.5)
axes[1].set_xlabel("learning rate η")
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
plt.show()
