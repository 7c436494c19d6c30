"""The products of the design are those of the scaled matrix, formed with a column of ones."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from textbook import scaled

from gdlearn._coordinates import Coordinates
from gdlearn._design import Design
from gdlearn._rows import Rows
from gdlearn._statistics import statistics_of

KINDS = {
    "dense": np.asarray,
    "fortran": np.asfortranarray,
    "float32": np.float32,
    "csr": sparse.csr_array,
    "csc": sparse.csc_matrix,
}


@pytest.mark.parametrize("scaling", [None, "standard", "minmax", "maxabs"])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize(
    ("kind", "last_unit"), [*((kind, 1.0) for kind in KINDS), *((kind, 2.0**700) for kind in ("dense", "csr", "csc"))]
)
@pytest.mark.parametrize("targets", [(), (1,), (3,)])
def test_products_of_the_scaled_matrix(scaling, fit_intercept, kind, last_unit, targets):
    rng = np.random.default_rng(0)
    X = np.float32(rng.normal(size=(50, 7)) + 2).astype(float)
    X[::3] = 0.0
    Z, _, _ = scaled(X, scaling, shift=fit_intercept)
    units = np.append(np.ones(6), last_unit)  # beyond float64 when squared
    if scaling is None:
        Z = Z * units
    Z = np.column_stack([np.ones(50), Z]) if fit_intercept else Z
    stored = KINDS[kind](X * units)
    coordinates = Coordinates.learned(scaling, statistics_of(Rows.of(stored, np.ones(50), None)), fit_intercept)
    design = Design(stored, coordinates)
    theta, r = rng.normal(size=(Z.shape[1], *targets)), rng.normal(size=(50, *targets))
    assert design.shape == Z.shape
    for ours, theirs in ((design.predict(theta), Z @ theta), (design.adjoint(r), Z.T @ r)):
        assert ours.shape == theirs.shape
        # Of a sparse X the shift's part is subtracted after the product, where digits of the shift may cancel.
        assert_allclose(ours, theirs, rtol=1e-11, atol=1e-12)
