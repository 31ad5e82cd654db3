"""Is this likelihood a likelihood? Checks of claims about log p(x) that need no true distribution.

``genbench.certify(make_model)`` is this package called as a function: that of ``own``. Beside it:

- ``verdict``: the row that every check ends in, and the table of such rows.
- ``gallery``: twelve published bugs, each with the check that unmasks it.
- ``recipes``: ``certify_recipes(names, level)``, the checks of registered recipes.
- ``worlds``, ``points``: the small worlds, and their images as a model sees them.
- ``claims``, ``sums``, ``diagnosis``: what is claimed, its sum, and the name of a fault.

Nothing here is imported before it is used.
"""

import sys
from types import ModuleType
from typing import Any


class _CallablePackage(ModuleType):
    """A package with the name of the function that it is there for."""

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Certify a model of anybody's: see :func:`genbench.certify.own.certify`."""
        from genbench.certify.own import certify

        return certify(*arguments, **named)


sys.modules[__name__].__class__ = _CallablePackage
