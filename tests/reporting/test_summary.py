"""A suite's results at a terminal."""

import re

from genbench.reporting import terminal_summary
from genbench.results.suite import StoredSuite


def test_the_terminal_shows_the_checks(tossed_results):
    lines = terminal_summary(StoredSuite.open(tossed_results, "tossed")).splitlines()
    cells = [re.split(" {2,}", line) for line in lines]
    heads = ["study", "check", "expected", "found", "tolerance", "holds"]
    rows = cells[cells.index(heads) + 1 :][:4]
    assert rows[2] == ["wrong", "one minus one half", "0.5", "0.75", "1e-09", "NO"]
    assert rows[1][:3] == ["coins", "mean of fair coins", "≥ 0"]
    assert [row[-1] for row in rows] == ["yes", "yes", "NO", "yes"]
