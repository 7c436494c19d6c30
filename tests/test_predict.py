"""What `predict` takes and refuses."""

import numpy as np
import pytest
from samples import X0, Y0, nonfinite, state
from scipy import sparse
from sklearn.exceptions import NotFittedError

from gdlearn import GradientDescentRegressor


def test_predict_before_fit_is_refused():
    with pytest.raises(NotFittedError, match="not fitted"):
        GradientDescentRegressor().predict(X0)


def test_predict_after_a_failed_first_fit_is_refused():
    model = GradientDescentRegressor()
    with pytest.raises(ValueError, match="Input X contains NaN"):
        model.fit(*nonfinite(np.nan))
    with pytest.raises(NotFittedError, match="not fitted"):
        model.predict(X0)


@pytest.mark.parametrize(
    ("X", "words"),
    [
        (X0[:, :2], "X has 2 features, but GradientDescentRegressor is expecting 3"),
        (sparse.csr_matrix(X0[:, :2]), "X has 2 features"),
        (nonfinite(np.nan)[0], "contains NaN"),
        (nonfinite(np.inf)[0], "contains infinity"),
        (X0[:0], "0 sample"),
        (X0[0], "Reshape your data"),
        (X0.astype(str), "strings"),
        (X0 + 1j, "omplex"),
        (np.ma.masked_array(X0, X0 > 1), "masked"),
        (None, "None|scalar|Reshape"),
    ],
    ids=["width", "sparse width", "NaN", "inf", "no rows", "1-D", "strings", "complex", "masked", "None"],
)
def test_predict_refuses_what_fit_has_not_seen(X, words):
    model = GradientDescentRegressor().fit(X0, Y0)
    before = state(model)
    with pytest.raises((ValueError, TypeError), match=words):
        model.predict(X)
    assert state(model) == before


def test_predict_refuses_other_feature_names():
    pd = pytest.importorskip("pandas")
    model = GradientDescentRegressor().fit(pd.DataFrame(X0, columns=["a", "b", "c"]), Y0)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(pd.DataFrame(X0, columns=["a", "b", "z"]))
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(pd.DataFrame(X0, columns=["b", "a", "c"]))
    with pytest.warns(UserWarning, match="valid feature names"):
        model.predict(X0)


@pytest.mark.parametrize("dtype", [np.float16, np.int8, np.uint8, bool, object])
def test_predict_computes_any_dtype_in_float64(dtype):
    model = GradientDescentRegressor().fit(X0, Y0)
    X = np.rint(30 * np.abs(X0)).clip(0, 127).astype(dtype)
    expected = X.astype(np.float64) @ model.coef_ + model.intercept_
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-13)


def test_predict_on_float16_rows_does_not_overflow():
    X = (X0 * 20000).clip(-65504, 65504).astype(np.float16)
    model = GradientDescentRegressor().fit(X, Y0 * 1e6)
    np.testing.assert_allclose(model.predict(X), X.astype(float) @ model.coef_ + model.intercept_, rtol=1e-12)
