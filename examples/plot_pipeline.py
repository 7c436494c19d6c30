"""
How do I fit numeric and categorical columns in one pipeline?
=============================================================

As with any scikit-learn regressor: a :class:`~sklearn.compose.ColumnTransformer` encodes the categories, and
:class:`~gdlearn.GradientDescentRegressor` takes what comes out. It scales the columns itself, so the pipeline needs no
scaler, and its coefficients stay in the units of the columns.
"""

# %%
# A mixed table
# -------------
# In the diabetes data sex is a code, 1 or 2, not a quantity. The body mass index becomes a second category: its WHO
# class.

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from gdlearn import GradientDescentRegressor

data = load_diabetes(as_frame=True, scaled=False)
names = {"s1": "cholesterol", "s2": "LDL", "s3": "HDL", "s4": "ratio", "s5": "log triglycerides", "s6": "glucose"}
X, y = data.data.rename(columns=names), data.target
X["sex"] = X["sex"].map({1.0: "code 1", 2.0: "code 2"})
weights = ["underweight", "normal", "overweight", "obese"]
X["bmi"] = pd.cut(X["bmi"], [0, 18.5, 25, 30, 100], right=False, labels=weights)
print(X.head(3).to_string())
print("\n" + X["bmi"].value_counts(sort=False).to_string())

# %%
# The pipeline
# ------------
# Every class gets a column of its own. The columns of one category sum to 1, so together with the intercept they are
# collinear: many coefficients give the same fit. No column need be dropped for that. Descent from zero goes to the
# solution of smallest norm in scaled coordinates, in which the coefficients of a category, weighted by the variances of
# their columns, sum to 0: no class is singled out as the baseline.
#
# ``set_output(transform="pandas")`` makes the names of the encoded columns travel to the regressor.

categories = ["sex", "bmi"]
encode = make_column_transformer(
    (OneHotEncoder(categories=[["code 1", "code 2"], weights], sparse_output=False), categories),
    remainder="passthrough",
    verbose_feature_names_out=False,
)
model = make_pipeline(encode, GradientDescentRegressor()).set_output(transform="pandas").fit(X, y)
descent = model[-1]
print(f"\n{descent.n_features_in_} columns after encoding, rank {descent.rank_}, n_iter_ = {descent.n_iter_:,}")

# %%
# Does it predict?
# ----------------
# Five folds, and the same pipeline with ``LinearRegression``. Both are least squares, so the scores agree.
# Only two people are underweight: where both are in the fold left out, their column is all zeros in training and its
# coefficient stays 0.

folds = KFold(5, shuffle=True, random_state=0)
for regressor in GradientDescentRegressor(), LinearRegression():
    scores = cross_val_score(make_pipeline(encode, regressor), X, y, cv=folds)
    print(f"{type(regressor).__name__:<25} R² {scores.round(4)}  mean {scores.mean():.4f}")

# %%
# Coefficients by name
# --------------------
# A class has a coefficient in units of the target, a score of disease progression after one year. A numeric column has
# one per unit of that column; times the standard deviation that the regressor learned (`feature_scale_`) it can be
# compared with the others.

table = pd.DataFrame(
    {"coefficient": descent.coef_, "standard deviation": descent.feature_scale_}, index=descent.feature_names_in_
)
table["per standard deviation"] = table["coefficient"] * table["standard deviation"]
print("\n" + table.to_string(float_format="{:.3f}".format))
print(f"intercept {descent.intercept_:.3f}")

# %%
numeric = [name for name in table.index if name in X.columns]
classes = [name for name in table.index if name not in X.columns]
figure, axes = plt.subplots(
    2, 1, figsize=(8, 6), sharex=True, layout="constrained", height_ratios=[len(classes), len(numeric)]
)
axes[0].barh([name.replace("_", ": ") for name in classes], table.loc[classes, "coefficient"], color="#E69F00")
axes[0].set_title("Categories: coefficient of each class")
axes[1].barh(numeric, table.loc[numeric, "per standard deviation"], color="#0072B2")
axes[1].set_title("Numeric columns: coefficient × standard deviation")
axes[1].set_xlabel("change in the score of disease progression")
for ax in axes:
    ax.invert_yaxis()
    ax.axvline(0, color="black", linewidth=0.8)
plt.show()
