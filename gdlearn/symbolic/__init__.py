"""Functions typed as text: parsed by a small grammar, differentiated by SymPy, evaluated by NumPy."""

from typing import Any

try:
    from .._points import DomainError
    from .._stationary import StationaryPoint
    from ._difference_quotients import DifferenceQuotients
    from ._domain import Domain
    from ._relations import Condition
    from ._residuals import ResidualSumOfSquares
    from ._steps import Step
    from ._symbolic_function import SymbolicFunction
    from ._text import latex, text
    from ._tree import ExpressionError
    from ._values import PrecisionWarning
except ModuleNotFoundError as error:
    if error.name != "sympy":
        raise
    raise ImportError('gdlearn.symbolic needs SymPy: pip install "gdlearn[symbolic]"') from error

__all__ = [
    "Condition",
    "DifferenceQuotients",
    "Domain",
    "DomainError",
    "ExpressionError",
    "PrecisionWarning",
    "ResidualSumOfSquares",
    "StationaryPoint",
    "Step",
    "SymbolicFunction",
    "latex",
    "text",
]

for _name in __all__:  # tracebacks, reprs and pickles name each thing as users import it
    globals()[_name].__module__ = __name__


def __getattr__(name: str) -> Any:
    """`gdlearn.DescentPath`, which is found here too."""
    if name != "DescentPath":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .._function_descent import DescentPath

    return DescentPath
