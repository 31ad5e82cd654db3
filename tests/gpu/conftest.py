"""Tests that need a CUDA GPU; ``--gpu-device cpu`` tries on the processor those that can run there.

Every test of this folder has the marker ``gpu``. One that is about CUDA itself, such as its graphs
or its memory, asks for ``cuda``; the others ask for ``device``.
"""

from pathlib import Path

import pytest
import torch

NO_GPU = "needs a CUDA GPU; --gpu-device cpu tries on the processor what can run there"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Mark the tests of this folder, and skip those that cannot run before any fixture is made."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.gpu)
            if not _can_run(item, config.option.gpu_device):
                item.add_marker(pytest.mark.skip(reason=NO_GPU))


def _can_run(item, device):
    if device == "cpu":
        return "cuda" not in item.fixturenames
    return torch.cuda.is_available()


@pytest.fixture(scope="session")
def device(pytestconfig):
    """The GPU, or the processor where ``--gpu-device cpu`` asks for it."""
    return torch.device(pytestconfig.option.gpu_device)


@pytest.fixture(scope="session")
def cuda():
    """The GPU, for tests that are about CUDA itself."""
    return torch.device("cuda")


@pytest.fixture(autouse=True)
def _faults_are_told_where_they_arise(device):
    """Wait for the GPU after each test: what a kernel did wrong shows at the next call."""
    yield
    if device.type == "cuda":
        torch.cuda.synchronize()
