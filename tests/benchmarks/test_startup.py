"""How long a user waits for the commands that compute nothing."""

import subprocess
import sys

import pytest

COMMANDS = ("--help", "list models", "list datasets", "list evaluators", "list suites")


@pytest.mark.parametrize("command", COMMANDS)
def test_startup(benchmark, command):
    argv = [sys.executable, "-m", "genbench", *command.split()]

    def start():
        return subprocess.run(argv, capture_output=True, check=True, timeout=60)

    done = benchmark.pedantic(start, rounds=5, warmup_rounds=1)
    assert done.stdout
