"""Functions typed as text: parsed by a small grammar, differentiated by SymPy, evaluated by NumPy."""

from typing import TYPE_CHECKING, Any

try:
    from ._difference_quotients import DifferenceQuotients
    from ._domain import Domain, DomainError
    from ._relations import Condition
    from ._residuals import ResidualSumOfSquares
    from ._stationary import StationaryPoint
    from ._steps import Step
    from ._symbolic_function import SymbolicFunction
    from ._text import latex, text
    from ._tree import ExpressionError
    from ._values import PrecisionWarning
except ModuleNotFoundError as error:
    if error.name != "sympy":
        raise
    raise ImportError('gdlearn.symbolic needs SymPy: pip install "gdlearn[symbolic]"') from error

if TYPE_CHECKING:
    from ._descent import DescentPath

__all__ = [
    "Condition",
    "DescentPath",
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

for _name in set(__all__) - {"DescentPath"}:  # tracebacks, reprs and pickles name each thing as users import it
    globals()[_name].__module__ = __name__


def __getattr__(name: str) -> Any:
    """`DescentPath` when it is first asked for, because its loop needs scikit-learn, which takes a second to import."""
    if name != "DescentPath":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ._descent import DescentPath

    globals()[name] = DescentPath
    return DescentPath
