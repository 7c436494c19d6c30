"""Points by position and by name: what is read, and what is refused."""

import numpy as np
import pytest

from gdlearn._points import finite_reals, points
from gdlearn.symbolic import DomainError, SymbolicFunction

XY = SymbolicFunction("x - 2y")


def test_tables_and_series_are_read_by_name():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"y": [1.0, 2.0], "x": [10, 20]})
    np.testing.assert_array_equal(XY(table), [8.0, 16.0])
    assert XY(table.loc[1]) == 16.0
    np.testing.assert_array_equal(XY.gradient_at(table.loc[1]), [1.0, -2.0])
    np.testing.assert_array_equal(XY(table[["x", "y"]].to_numpy()), [8.0, 16.0])
    np.testing.assert_array_equal(XY({"x": table["x"], "y": 0.0}), [10.0, 20.0])
    assert XY.descend(table.loc[0], max_iter=1).points[0].tolist() == [10.0, 1.0]
    for wrong in (
        table[["x"]],
        table.rename(columns={"y": "z"}),
        table.assign(z=1.0),
        table.to_numpy() @ pandas.DataFrame(np.eye(2)),
        table["x"],
        table.loc[0, ["x"]],
        table[["x", "y", "x"]],
        pandas.Series([1.0, 2.0, 3.0], index=["x", "y", "x"]),
    ):
        with pytest.raises(ValueError, match="'theta' parameter of SymbolicFunction must name the variables x, y"):
            XY(wrong)
    with pytest.raises(ValueError, match="must hold finite real numbers"):
        XY(pandas.DataFrame({"x": ["1"], "y": [1.0]}))
    with pytest.raises(ValueError, match="must hold finite real numbers"):
        XY(pandas.DataFrame({"x": pandas.array([1, None], dtype="Int64"), "y": [1.0, 2.0]}))


@pytest.mark.tables
def test_other_tables_are_read_by_name():
    polars = pytest.importorskip("polars")
    np.testing.assert_array_equal(XY(polars.DataFrame({"y": [1.0, 2.0], "x": [10, 20]})), [8.0, 16.0])


@pytest.mark.parametrize(
    "value",
    [
        np.ma.masked_array([1.0, 2.0], [False, True]),
        np.ma.masked,
        np.array([np.complex64(1j), 1.0], dtype=object),
        np.array([np.clongdouble(1j), 1.0], dtype=object),
        np.array([b"1", 1.0], dtype=object),
        np.array([bytearray(b"1"), 1.0], dtype=object),
        [np.longdouble("1e4000"), 1.0],
        {"x": np.ma.masked_array([1.0], [True]), "y": 1.0},
    ],
)
def test_what_only_looks_like_numbers_is_refused(value):
    with pytest.raises(ValueError, match="must hold finite real numbers"):
        XY(value)


def test_unmasked_arrays_and_long_doubles():
    assert XY(np.ma.masked_array([5.0, 1.0], [False, False])) == 3.0
    assert XY(np.array([5, 1], dtype=np.longdouble)) == 3.0


def test_names_without_values_and_values_that_do_not_fit():
    assert SymbolicFunction("3")({}) == 3.0
    with pytest.raises(ValueError, match=r"must be empty, for there are no variables. Got x instead"):
        SymbolicFunction("3")({"x": 1.0})
    with pytest.raises(ValueError, match=r"broadcast against each other. Got shapes x: \(2,\), y: \(3,\) instead"):
        XY({"x": [1.0, 2.0], "y": [1.0, 2.0, 3.0]})
    with pytest.raises(ValueError, match=r"Got 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, \.\.\. instead"):
        XY(dict.fromkeys(range(20), 1.0))


def test_many_values_of_one_variable():
    f, x = SymbolicFunction("x**2"), np.linspace(0, 1, 5)
    message = r"1 entries on its last axis, for x. Got shape \(5,\) instead: .* give theta\[:, None\] or {\"x\": theta}"
    with pytest.raises(ValueError, match=message):
        f(x)
    np.testing.assert_array_equal(f(x[:, None]), f({"x": x}))
    with pytest.raises(ValueError, match=r"theta\[\.\.\., None\]"):
        f(np.ones((2, 3)))
    assert points("f", "theta", ["x"], np.ones((2, 3))[..., None]).shape == (2, 3, 1)


def test_of_many_values_the_first_wrong_one_is_named():
    values = np.ones((100, 3))
    values[41, 2] = np.inf
    with pytest.raises(ValueError, match=r"finite real numbers. Got inf at index 41, 2 instead"):
        finite_reals("f", "theta", values)
    with pytest.raises(ValueError, match=r"finite real numbers. Got a list instead"):
        finite_reals("f", "theta", ["one"] * 100)


def test_values_by_position_and_by_name():
    f = SymbolicFunction("x - 10*y")
    assert f(1, 2) == f(x=1, y=2) == f(y=2, x=1) == f([1, 2]) == f({"x": 1, "y": 2}) == f(theta=[1, 2]) == -19.0
    np.testing.assert_array_equal(f([1, 2], 2), [-19.0, -18.0])
    np.testing.assert_array_equal(f(x=[1, 2], y=2), [-19.0, -18.0])
    assert SymbolicFunction("theta^2")(theta=3.0) == SymbolicFunction("theta^2")(3.0) == 9.0
    assert SymbolicFunction("x^2")(x=3) == 9.0
    assert np.isnan(SymbolicFunction("ln(x)/y")(-1, 2, outside="nan"))
    assert SymbolicFunction("3")() == 3.0


@pytest.mark.parametrize(
    ("theta", "named", "message"),
    [
        ((1, 2, 3), {}, "one value for each variable, all by position or all by name, for x, y. Got 3 by position"),
        ((), {}, "Got 0 by position"),
        ((1,), {"y": 2}, "Got 1 by position and y by name"),
        ((), {"x": 1}, "must name the variables x, y. Got x instead"),
        ((), {"x": 1, "z": 2}, "must name the variables x, y. Got x, z instead"),
        (("1", 2), {}, "must hold finite real numbers"),
    ],
)
def test_wrong_arguments(theta, named, message):
    with pytest.raises(ValueError, match=message):
        SymbolicFunction("x - 10*y")(*theta, **named)


def test_minus_zero_is_zero():
    f = SymbolicFunction("-x*y")
    assert not np.signbit(f([0.0, 1.0]))
    assert not np.signbit(f.gradient_at([0.0, 0.0])).any()
    with pytest.raises(DomainError, match=r"x = 0\.$"):
        SymbolicFunction("1/x")(-0.0)
