"""Pictures of descents, as scikit-learn's Displays; drawing needs matplotlib: ``pip install "gdlearn[plot]"``."""

from ._descent_path import DescentPathDisplay
from ._learning_rate import LearningRateDisplay
from ._loss_curve import LossCurveDisplay

__all__ = ["DescentPathDisplay", "LearningRateDisplay", "LossCurveDisplay"]
