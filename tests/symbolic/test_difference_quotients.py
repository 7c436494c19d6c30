"""The table of difference quotients says that rounding takes over only where it does."""

import pytest

from gdlearn.symbolic import SymbolicFunction


@pytest.mark.parametrize(
    ("text", "x", "takes_over"),
    [("x", 0.0, False), ("x**2", 1e8, False), ("x**2", 1e20, False), ("x**2", 3.0, True), ("exp(x)", 0.0, True)],
)
def test_the_mark(text, x, takes_over):
    table = SymbolicFunction(text).difference_quotients(x)
    line = str(table).splitlines()[table.best + 1]
    assert line.endswith("  smallest: from here on rounding takes over" if takes_over else "  smallest")
    assert str(table).count("smallest") == 1
