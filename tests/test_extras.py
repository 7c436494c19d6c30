"""An extra that is missing is named: for real where it is not installed, and elsewhere as if it were not."""

import importlib
import sys
import warnings
from importlib.util import find_spec

import numpy as np
import pytest

from gdlearn import GradientDescentRegressor, GradientDescentRegressorCV
from gdlearn.__main__ import main
from gdlearn.inspection import DescentPathDisplay, LearningRateDisplay, LossCurveDisplay, SensitivityDisplay

X = np.array([[1.0, 2.0], [2.0, 1.0], [3.0, 5.0], [4.0, 3.0], [5.0, 8.0], [6.0, 7.0]])
Y = np.array([1.0, 3.0, 2.0, 5.0, 4.0, 6.0])


@pytest.fixture
def without(monkeypatch):
    """A function that makes sure that a package is missing, and forgets what has been imported with it."""

    def hide(package, *forgotten):
        for name in list(sys.modules):
            if name.split(".")[0] == package or name.startswith(forgotten):
                monkeypatch.delitem(sys.modules, name)
        if find_spec(package):
            monkeypatch.setitem(sys.modules, package, None)

    return hide


@pytest.mark.parametrize(
    "display",
    [
        lambda: LossCurveDisplay.from_estimator(GradientDescentRegressor(0.01, max_iter=3).fit(X, Y)),
        lambda: LearningRateDisplay.from_estimator(GradientDescentRegressorCV(3, max_iters=3, cv=3).fit(X, Y)),
        lambda: DescentPathDisplay.from_estimator(GradientDescentRegressor(0.01, max_iter=3), X, Y),
        lambda: SensitivityDisplay.from_estimator(GradientDescentRegressor(), X, Y),
    ],
    ids=["loss curve", "learning rate", "descent path", "sensitivity"],
)
def test_a_picture_without_matplotlib(display, without):
    without("matplotlib")
    with pytest.raises(ImportError, match=r'Display(\.plot)? needs matplotlib: pip install "gdlearn\[plot\]"$'):
        display()


def test_a_progress_bar_without_rich(without):
    without("rich")
    model = GradientDescentRegressor(0.01, verbose=1, solver="loop", max_iter=3)
    with pytest.raises(ImportError, match=r'verbose=1 .* by rich: pip install "gdlearn\[progress\]"\.$'):
        model.fit(X, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        GradientDescentRegressor(verbose=1).fit(X, Y)  # the closed form shows none
        model.set_params(verbose=0).fit(X, Y)


def test_symbols_without_sympy(without):
    without("sympy", "gdlearn.symbolic")
    with pytest.raises(ImportError, match=r'^gdlearn\.symbolic needs SymPy: pip install "gdlearn\[symbolic\]"$'):
        importlib.import_module("gdlearn.symbolic")


def test_the_command_line_without_sympy(without, capsys):
    without("sympy", "gdlearn.symbolic")
    with pytest.raises(SystemExit) as stop:
        main(["x"])
    printed = capsys.readouterr()
    assert (stop.value.code, printed.out) == (1, "")
    assert printed.err == 'python -m gdlearn: gdlearn.symbolic needs SymPy: pip install "gdlearn[symbolic]"\n'
