"""How far a suite's name travels: read once, and held by the opened suite from there on."""

import sys
from pathlib import Path

import genbench
from genbench.cli import main

ROOT = str(Path(genbench.__file__).parent)
OF_ANY_PATH = ("core/files.py", "core/locks.py", "core/reading.py")
"""What writes, locks and reads files knows nothing of a suite."""
MOST = 40
SUITE = """
title = "Zebra"

[data]
name = "digits"
binarisation = "dynamic"
limit = 80

[[model]]
recipe = "independent_pixels"

[evaluate]
metrics = ["log_likelihood"]
"""


class Trace:
    """Counts the calls of genbench's functions that are given a name, or a path that ends in it."""

    def __init__(self, name, path):
        self.name, self.path = name, str(path)
        self.places = []

    def __call__(self, frame, event, argument):
        code = frame.f_code
        if event != "call" or not code.co_filename.startswith(ROOT) or code.co_name[0] == "<":
            return
        if code.co_filename.endswith(OF_ANY_PATH):
            return
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        if any(self.carries(frame.f_locals.get(name)) for name in names):
            self.places.append((code.co_filename[len(ROOT) + 1 :], code.co_qualname))

    def carries(self, value):
        if isinstance(value, Path):
            return value.name == self.name or str(value) == self.path
        return isinstance(value, str) and value in (self.name, self.path)


def traced(name, path, *arguments):
    trace = Trace(name, path)
    sys.setprofile(trace)
    try:
        code = main([str(part) for part in arguments])
    finally:
        sys.setprofile(None)
    assert code == 0
    return trace.places


def test_a_suites_name_passes_through_few_places_from_the_command_line_to_the_page(tmp_path):
    path = tmp_path / "zebra.toml"
    path.write_text(SUITE, encoding="utf-8")
    folders = ("--results", tmp_path / "results", "--reports", tmp_path / "reports")
    main([str(part) for part in ("run", "--suite", path, *folders, "--no-report")])
    places = traced("zebra", path, "run", "--suite", path, *folders)
    assert (tmp_path / "reports" / "zebra" / "index.html").is_file()
    assert len(places) <= MOST, places
    assert sum(name == "read_table" for _, name in places) == 1
    assert len(traced("zebra", path, "report", "--suite", "zebra", *folders)) <= MOST // 2
