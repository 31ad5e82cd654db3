"""One thread: these tensors are small, and the tests may share the machine."""

import pytest
import torch
from torch.distributions import Distribution


@pytest.fixture(scope="package", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _distributions_check_their_parameters(monkeypatch):
    """Torch stops checking for the rest of a process once it has compiled anything."""
    monkeypatch.setattr(Distribution, "_validate_args", True)
