"""One thread in each of the processes that share the tests; set before torch is imported."""

import os
import signal
import sys
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import settings

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"

# A shell lets programs in the background ignore SIGINT, and they hand that on to their own.
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("genbench", deadline=None)  # a busy machine breaks no test
settings.load_profile("genbench")


GPU_TESTS = Path(__file__).with_name("gpu")


def pytest_addoption(parser):
    parser.addoption(
        "--gpu-device",
        choices=("cuda", "cpu"),
        default="cuda",
        help="device of the tests in tests/gpu; on the processor, those about CUDA are skipped",
    )


def pytest_ignore_collect(collection_path, config):
    """With ``-m gpu`` read only the tests that have the marker: reading all takes a minute."""
    if config.option.markexpr != "gpu":
        return None
    ours = (GPU_TESTS, *GPU_TESTS.parents)
    return None if collection_path in ours or GPU_TESTS in collection_path.parents else True


def pytest_runtest_setup(item):
    """Skip what needs the real MNIST where its files are not: tests download nothing."""
    if item.get_closest_marker("mnist"):
        from genbench.data import data_home, datasets

        if not all((data_home() / "mnist" / f.name).is_file() for f in datasets["mnist"].files):
            pytest.skip("the real MNIST is not in the data directory")


@pytest.fixture(autouse=True, scope="session")
def one_process():
    """Runs stay in this process unless a test asks for more: a process needs seconds to start."""
    from genbench.core import processes
    from genbench.runs.executors import local

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processes, "cores", lambda: 1)
        patch.setattr(local, "is_best_here", lambda *_: True)
        yield


@pytest.fixture
def own_registries(monkeypatch):
    """Registries that forget what a test registers, and the files that it loads."""
    from genbench.core import plugins

    monkeypatch.setattr(plugins, "_files", {})
    monkeypatch.setattr(sys, "path", list(sys.path))
    for module, name in plugins.GROUPS.values():
        registry = getattr(import_module(module), name)
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))
