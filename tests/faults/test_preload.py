"""The library fails the call that is named, and no other."""

import json
import subprocess
import sys

import pytest

from tests.faults import preload

pytestmark = pytest.mark.skipif(not preload.compiler(), reason="no C compiler")

SCRIPT = """
import errno, json, os, sys
from pathlib import Path
from tests.faults import preload

folder = Path("results")
folder.mkdir()
found = {}


def attempt(name, function):
    try:
        function()
        found[name] = 0
    except OSError as error:
        found[name] = error.errno


def write(path):
    handle = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        for _ in range(3):
            os.write(handle, b"12345")
    finally:
        os.close(handle)


preload.arm(folder, "write", 5, errno.EIO)
for n in range(3):
    attempt(f"write {n}", lambda: write(folder / str(n)))
attempt("outside", lambda: [write("x") for _ in range(3)])
found["seen"] = preload.seen()["write"]
preload.arm(folder, "rename", 2, errno.EACCES, on=True)
for n in range(3):
    attempt(f"rename {n}", lambda: os.rename(folder / str(n), folder / f"{n}_"))
preload.arm(folder, room=7)
attempt("full", lambda: write(folder / "full"))
found["size"] = (folder / "full").stat().st_size
print(json.dumps(found), flush=True)
preload.arm(folder, "open", 1)
open(folder / "full")
"""


def test_the_nth_call_below_the_folder_fails_or_kills(tmp_path):
    (tmp_path / "lib").mkdir()
    environment = preload.environment(tmp_path / "lib")
    environment["PYTHONPATH"] = str(preload.SOURCE.parents[2])
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    found = json.loads(done.stdout)
    assert found == {
        "write 0": 0, "write 1": 5, "write 2": 0, "outside": 0, "seen": 8,
        "rename 0": 0, "rename 1": 13, "rename 2": 13, "full": 28, "size": 7,
    }  # fmt: skip
    assert done.returncode == -9
