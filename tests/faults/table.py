"""The table of the long form in ``docs/reliability.md``."""

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path

from genbench.version import __version__
from tests.faults.kinds import KINDS
from tests.faults.pool import Outcome

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- trials: begin -->\n", "<!-- trials: end -->\n"
HEAD = """| kind | what is tried, and what must hold | tried | failed | seconds | date | version |
|---|---|---:|---:|---:|---|---|
"""


def write_table(outcomes: Mapping[str, Sequence[Outcome]], page: Path = PAGE) -> None:
    """Write the rows of the kinds that were tried; the other rows stay."""
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    old, _, after = rest.partition(END)
    rows = {line.split(" | ")[0].strip("|` "): line for line in old.splitlines()[2:]}
    rows |= {name: row(name, each) for name, each in outcomes.items()}
    table = HEAD + "".join(f"{rows[name]}\n" for name in KINDS if name in rows)
    page.write_text(before + BEGIN + table + END + after, encoding="utf-8")


def row(name: str, outcomes: Sequence[Outcome]) -> str:
    """Return the row of a kind: how many faults were made, and in how many trials one was found."""
    tried = sum(outcome.tried for outcome in outcomes)
    failed = sum(outcome.problem is not None for outcome in outcomes)
    seconds = sum(outcome.seconds for outcome in outcomes)
    today = datetime.date.today().isoformat()
    cells = (f"`{name}`", KINDS[name].says, f"{tried:,}", failed, f"{seconds:.0f}", today)
    return "| " + " | ".join(map(str, (*cells, __version__))) + " |"
