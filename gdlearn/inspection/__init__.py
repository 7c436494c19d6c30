"""Inspection: what a descent does to your data, as tables, sentences and pictures."""

from ._sensitivity import Sensitivity, sensitivity
from ._sensitivity_display import SensitivityDisplay

__all__ = ["Sensitivity", "SensitivityDisplay", "sensitivity"]
