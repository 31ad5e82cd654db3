"""Two results side by side: which model is better, and how certain that is."""

from genbench.comparison.measure import Comparison, Line, compare
from genbench.comparison.sides import NotComparableError, Side, resolve
from genbench.comparison.tables import tables
from genbench.comparison.write import as_json, as_text, write_comparison

__all__ = [
    "Comparison",
    "Line",
    "NotComparableError",
    "Side",
    "as_json",
    "as_text",
    "compare",
    "resolve",
    "tables",
    "write_comparison",
]
