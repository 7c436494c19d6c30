"""Functions typed as text: parsed by a small grammar, differentiated by SymPy, evaluated by NumPy."""

try:
    from ._domain import Condition, Domain, DomainError
    from ._parser import ExpressionError
    from ._steps import Step
    from ._symbolic_function import DifferenceQuotients, SymbolicFunction
    from ._text import latex, text
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
    "Step",
    "SymbolicFunction",
    "latex",
    "text",
]
