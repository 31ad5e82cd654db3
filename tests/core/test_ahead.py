"""Modules that are imported while there is nothing to do: one at a time, in order."""

import gc
import sys
from contextlib import suppress

import pytest

from genbench.core import ahead
from genbench.core.ahead import import_ahead, import_next, is_anything_ahead, many_imports


def test_modules_are_imported_one_at_a_time_and_errors_wait_for_whoever_needs_them(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(ahead, "_ahead", [])
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "ahead_first.py").write_text("")
    (tmp_path / "ahead_broken.py").write_text("1 / 0")
    names = ["ahead_first", "ahead_broken", "ahead_none", "ahead_last"]
    (tmp_path / "ahead_last.py").write_text("")
    import_ahead(*names)
    import_ahead(*names)  # of another command of the same process
    imported = []
    while is_anything_ahead():
        import_next()
        imported.append([name for name in names if name in sys.modules])
    assert imported == [names[:1], names[:1], names[:1], [names[0], names[3]]]
    import_next()  # nothing is left


@pytest.mark.parametrize("enabled", [True, False])
def test_garbage_is_looked_for_afterwards_as_before(enabled):
    try:
        if not enabled:
            gc.disable()
        with suppress(ImportError), many_imports():
            inside = gc.isenabled()
            raise ImportError
        assert (inside, gc.isenabled()) == (False, enabled)
    finally:
        gc.enable()
