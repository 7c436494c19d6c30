"""Linear regression by gradient descent, with scikit-learn regressors that know the result of any number of steps."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._advice import DivergenceError
    from ._explained_step import ExplainedStep
    from ._function_descent import DescentPath
    from ._gradient_check import GradientCheck, GradientCheckError, check_gradient
    from ._mean_squared_error import MeanSquaredError
    from ._moments import Moments
    from ._path import gradient_descent_path
    from ._regressor import GradientDescentRegressor
    from ._regressor_cv import GradientDescentRegressorCV
    from ._regularization_path import regularization_path

__version__ = "0.1.0"

__all__ = [
    "DescentPath",
    "DivergenceError",
    "ExplainedStep",
    "GradientCheck",
    "GradientCheckError",
    "GradientDescentRegressor",
    "GradientDescentRegressorCV",
    "MeanSquaredError",
    "Moments",
    "check_gradient",
    "gradient_descent_path",
    "regularization_path",
]

_ROOMS = {
    "_advice": ["DivergenceError"],
    "_explained_step": ["ExplainedStep"],
    "_function_descent": ["DescentPath"],
    "_gradient_check": ["GradientCheck", "GradientCheckError", "check_gradient"],
    "_mean_squared_error": ["MeanSquaredError"],
    "_moments": ["Moments"],
    "_path": ["gradient_descent_path"],
    "_regressor": ["GradientDescentRegressor"],
    "_regressor_cv": ["GradientDescentRegressorCV"],
    "_regularization_path": ["regularization_path"],
}


def __getattr__(name: str) -> Any:
    """All public names at the first use of one: `gdlearn.symbolic` does without scikit-learn, which takes a second."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    for room, names in _ROOMS.items():
        module = import_module(f".{room}", __name__)
        for public in names:
            globals()[public] = getattr(module, public)
            globals()[public].__module__ = __name__  # tracebacks, reprs and pickles name it as users import it
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__} - {"Any", "TYPE_CHECKING", "import_module"})
