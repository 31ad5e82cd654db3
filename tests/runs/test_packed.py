"""What is packed with plugins is unpacked only with the same plugins."""

import sys

import pytest

from genbench.core import plugins
from genbench.core.errors import ConfigError
from genbench.core.plugins import load_plugins
from genbench.runs.packed import Packed

TEXT = "class Mine:\n    pass\n\nmine = Mine()\n"


@pytest.fixture
def packed(own_registries, tmp_path):
    path = tmp_path / "packed_one.py"
    path.write_text(TEXT)
    for name in [name for name in sys.modules if "_packed_one_" in name]:
        del sys.modules[name]  # of another test
    load_plugins([path])
    (name,) = [name for name in sys.modules if "_packed_one_" in name]
    whole = Packed.of(sys.modules[name].mine, [path])
    plugins._files.clear()  # as in a process that has not loaded it
    del sys.modules[name]
    return path, whole


def test_unpacking_loads_the_file_that_the_object_needs(packed):
    _, whole = packed
    assert type(whole.unpack()).__name__ == "Mine"


def test_what_other_processes_cannot_find_is_named():
    class Local:
        pass

    with pytest.raises(ConfigError, match=r"^jobs: no other .*local object.*Local.*; define it at"):
        Packed.of(Local(), [])


def test_a_file_that_was_changed_in_between_is_named(packed):
    path, whole = packed
    path.write_text(TEXT + "x = 1\n")
    with pytest.raises(
        ConfigError, match=r"plugin: packed_one\.py was changed during the run; run it"
    ):
        whole.unpack()
