"""All of this folder needs SymPy and mpmath, its companion; without them `test_extras.py` tests what is said."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("sympy") and find_spec("mpmath") else ["*.py"]
