"""The tests of this folder run in one thread, and torch checks the parameters of distributions."""

import pytest
from torch.distributions import Distribution

from tests.one_thread import one_thread  # noqa: F401


@pytest.fixture(autouse=True)
def _distributions_check_their_parameters(monkeypatch):
    """Torch stops checking for the rest of a process once it has compiled anything."""
    monkeypatch.setattr(Distribution, "_validate_args", True)
