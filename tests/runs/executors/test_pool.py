"""How a dead process is told; the rest is tried from the command line, in tests/cli."""

import pytest

from genbench.runs.executors.pool import _death


@pytest.mark.parametrize(
    ("code", "reason", "hint"),
    [
        (-9, "was killed by signal 9", "the machine may be out of memory"),
        (-11, "was killed by signal 11", ""),
        (3, "ended with exit code 3", ""),
    ],
)
def test_a_death_says_how(code, reason, hint):
    died = _death(code)
    assert (died.reason, died.hint) == (reason, hint)
