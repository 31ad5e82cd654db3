"""Data sets that a user registers."""

from collections.abc import Callable
from typing import Any

from genbench.core.registry import Registry

own_datasets: Registry[Callable[[], Any]] = Registry("data set")
