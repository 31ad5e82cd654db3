"""Data sets: where they come from, how they are checked, and how they are served.

Names that need torch are imported on first use, so that listing, verifying and configuring start
quickly.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from genbench.data.specs import datasets
from genbench.data.storage import data_home

if TYPE_CHECKING:
    from genbench.data.loaders import Dataset, Split, load
    from genbench.data.protocol import DataConfig
else:
    _HOMES = {"DataConfig": "protocol", "Dataset": "loaders", "Split": "loaders", "load": "loaders"}

    def __getattr__(name: str) -> object:
        """Import a public name on first use (PEP 562)."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


__all__ = ["DataConfig", "Dataset", "Split", "data_home", "datasets", "load"]
