"""Functions as formulas: partial derivatives with their steps, and the domain."""
