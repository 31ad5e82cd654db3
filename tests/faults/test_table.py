"""The table of the long form says what was tried, and keeps what was not tried again."""

from tests.faults.kinds import KINDS
from tests.faults.pool import Outcome
from tests.faults.table import BEGIN, END, PAGE, write_table


def cells(page):
    table = page.read_text().partition(BEGIN)[2].partition(END)[0]
    rows = [line.split(" | ") for line in table.splitlines()[2:]]
    return {row[0].strip("|` "): row[2:5] for row in rows}


def test_faults_are_counted_not_trials_and_other_rows_stay(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n\n<!-- trials: begin -->\n<!-- trials: end -->\nafter\n")
    kills = [Outcome("kills", 0, None, 900, 1.0), Outcome("kills", 1, "exit 4", 200, 2.0)]
    write_table({"kills": kills, "calls": [Outcome("calls", 0, None, 1, 5.0)]}, page)
    assert cells(page) == {"kills": ["1,100", "1", "3"], "calls": ["1", "0", "5"]}
    write_table({"kills": kills[:1]}, page)
    assert cells(page) == {"kills": ["900", "0", "1"], "calls": ["1", "0", "5"]}
    assert page.read_text().startswith("before\n\n<!--")
    assert page.read_text().endswith("-->\nafter\n")


def test_the_documentation_has_rows_of_known_kinds_only():
    assert [name for name in KINDS if name in cells(PAGE)] == list(cells(PAGE))
