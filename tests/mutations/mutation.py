"""What a mutation is."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Mutation:
    """A bug, how it is injected, and the check that must fail."""

    number: str
    name: str
    inject: Callable[[pytest.MonkeyPatch], None]
    oracle: Callable[[], None]
