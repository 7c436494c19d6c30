"""Linear regression by gradient descent, with scikit-learn regressors that know the result of any number of steps."""

from ._advice import DivergenceError
from ._gradient_check import GradientCheck, GradientCheckError, check_gradient
from ._moments import Moments
from ._objective import MeanSquaredError
from ._path import gradient_descent_path
from ._regressor import GradientDescentRegressor
from ._regressor_cv import GradientDescentRegressorCV

__version__ = "0.1.0"

__all__ = [
    "DivergenceError",
    "GradientCheck",
    "GradientCheckError",
    "GradientDescentRegressor",
    "GradientDescentRegressorCV",
    "MeanSquaredError",
    "Moments",
    "check_gradient",
    "gradient_descent_path",
]

for _name in __all__:  # tracebacks, reprs and pickles name each thing as users import it
    globals()[_name].__module__ = __name__
