"""Functions typed as text: parsed by a small grammar, differentiated by SymPy, evaluated by NumPy."""

try:
    from ._descent import DescentPath
    from ._numbers import DomainError
    from ._parser import ExpressionError
    from ._residuals import ResidualSumOfSquares
    from ._symbolic_function import DifferenceQuotients, SymbolicFunction
except ModuleNotFoundError as error:
    if error.name != "sympy":
        raise
    raise ImportError('gdlearn.symbolic needs SymPy: pip install "gdlearn[symbolic]"') from error

__all__ = [
    "DescentPath",
    "DifferenceQuotients",
    "DomainError",
    "ExpressionError",
    "ResidualSumOfSquares",
    "SymbolicFunction",
]
