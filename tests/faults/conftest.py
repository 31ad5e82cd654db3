"""One server of trials for all tests of a process."""

from pathlib import Path

import pytest

from tests.faults import pool


@pytest.fixture(scope="session")
def make():
    """Make a trial: ``make("kills", 3)`` returns its outcome."""
    with pool.scratch() as folder, pool.server(Path(folder)) as server:
        yield server.make
