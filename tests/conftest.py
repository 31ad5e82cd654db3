"""One thread in each of the processes that share the tests; set before torch is imported."""

import os
import sys
from importlib import import_module

import pytest
from hypothesis import settings

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"

settings.register_profile("genbench", deadline=None)  # a busy machine breaks no test
settings.load_profile("genbench")


@pytest.fixture
def own_registries(monkeypatch):
    """Registries that forget what a test registers, and the files that it loads."""
    from genbench.core import plugins

    monkeypatch.setattr(plugins, "_files", {})
    monkeypatch.setattr(sys, "path", list(sys.path))
    for module, name in plugins.GROUPS.values():
        registry = getattr(import_module(module), name)
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))
