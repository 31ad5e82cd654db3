"""The driver's tool, replaced by a script."""

import pytest

from genbench.core import driver
from genbench.core.driver import ask_driver, driver_version


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """Write the script that stands for the tool."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def write(script):
        path = tmp_path / "nvidia-smi"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    return write


def test_a_missing_tool_tells_nothing(tool):
    assert (driver_version(), ask_driver(["clocks.sm"])) == (None, [])


def test_the_first_of_several_gpus_answers(tool):
    tool("echo 580.1\necho 580.1")
    assert driver_version() == "580.1"


def test_one_gpu_is_asked_by_its_uuid(tool):
    tool('echo "$1, $3 $4"')
    expected = ["--query-gpu=a", "b", "-i GPU-12-34"]
    assert ask_driver(["a", "b"], "12-34") == ask_driver(["a", "b"], "GPU-12-34")
    assert [part.strip() for part in ask_driver(["a", "b"], "12-34")] == expected


@pytest.mark.parametrize(
    "script", ["echo NVIDIA-SMI has failed; exit 9", "exec /bin/sleep 5", "echo", ":"]
)
def test_a_tool_that_fails_or_hangs_or_is_silent_tells_nothing(tool, monkeypatch, script):
    monkeypatch.setattr(driver, "SMI_SECONDS", 0.1)
    tool(script)
    assert driver_version() is None
