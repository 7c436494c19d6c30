"""Inspection: what a descent does to your data, as sentences, tables and pictures.

The pictures are scikit-learn's Displays; drawing needs matplotlib: ``pip install "gdlearn[plot]"``.
"""

from ._descent_path import DescentPathDisplay
from ._learning_rate import LearningRateDisplay
from ._loss_curve import LossCurveDisplay
from ._regularization_path import RegularizationPathDisplay
from ._sensitivity import Sensitivity, sensitivity
from ._sensitivity_display import SensitivityDisplay

__all__ = [
    "DescentPathDisplay",
    "LearningRateDisplay",
    "LossCurveDisplay",
    "RegularizationPathDisplay",
    "Sensitivity",
    "SensitivityDisplay",
    "sensitivity",
]

for _name in __all__:  # tracebacks, reprs and pickles name each thing as users import it
    globals()[_name].__module__ = __name__
