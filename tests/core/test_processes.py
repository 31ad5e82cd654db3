"""The cores of a process, and scripts that workers import under another name."""

import subprocess
import sys

import pytest

from genbench.core import processes
from genbench.core.processes import NO_MAIN_GUARD, Script, import_script, running_script

COUNT = """
import os, sys
from pathlib import Path
os.sched_getaffinity = lambda process: {3, 5, 6}
os.cpu_count = lambda: 7
from genbench.core.processes import cores
root = Path(sys.argv[1])
print(cores(root))
del os.sched_getaffinity
print(cores(root))
"""
GROUP_2, GROUP_1 = "sys/fs/cgroup/cpu.max", "sys/fs/cgroup/cpu/cpu.cfs_"


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({}, "3 7"),
        ({GROUP_2: "max 100000\n"}, "3 7"),
        ({GROUP_2: "250000 100000\n"}, "3 3"),
        ({GROUP_2: "100 100000\n"}, "1 1"),
        ({GROUP_1 + "quota_us": "-1\n", GROUP_1 + "period_us": "100000\n"}, "3 7"),
        ({GROUP_1 + "quota_us": "500000\n", GROUP_1 + "period_us": "100000\n"}, "3 5"),
    ],
)
def test_cores_are_those_that_this_process_and_its_container_may_use(tmp_path, files, found):
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    argv = [sys.executable, "-c", COUNT, str(tmp_path)]
    counted = subprocess.run(argv, capture_output=True, check=True, text=True)
    assert counted.stdout.split() == found.split()


@pytest.fixture
def main(monkeypatch):
    """The script of a worker, put back afterwards."""
    for name in ("__main__", "__mp_main__"):
        monkeypatch.setitem(sys.modules, name, sys.modules["__main__"])


def test_a_script_is_imported_without_its_guarded_part(main, tmp_path):
    path = tmp_path / "script.py"
    path.write_text("class Mine:\n    pass\nguarded = __name__ == '__main__'\n")
    import_script(Script(str(path), is_module=False))
    assert sys.modules["__main__"].guarded is False
    assert sys.modules["__main__"].Mine.__module__ == "__mp_main__"
    assert not processes.is_importing_script()


def test_a_script_that_reaches_the_call_again_leaves(main, tmp_path):
    path = tmp_path / "script.py"
    path.write_text(
        "from genbench.core.processes import leave_if_importing_script\n"
        "leave_if_importing_script()\n"
    )
    with pytest.raises(SystemExit) as left:
        import_script(Script(str(path), is_module=False))
    assert left.value.code == NO_MAIN_GUARD
    assert not processes.is_importing_script()


def test_outside_of_a_worker_nobody_leaves():
    processes.leave_if_importing_script()


@pytest.mark.parametrize(
    ("attributes", "found"),
    [
        ({"__spec__": None, "__file__": "/a/b.py"}, Script("/a/b.py", False)),
        ({"__spec__": None}, None),
        ({"__spec__": type("Spec", (), {"name": "pkg.mod"})}, Script("pkg.mod", True)),
    ],
)
def test_the_running_script_is_a_file_or_a_module_or_nothing(monkeypatch, attributes, found):
    monkeypatch.setitem(sys.modules, "__main__", type("Main", (), attributes))
    assert running_script() == found
