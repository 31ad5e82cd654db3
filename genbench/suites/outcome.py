"""What became of a suite: its table, its runs, its studies, and those of its members."""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from genbench.runs.record import RunRecord, label_of
from genbench.suites.studying import StudyRecord


@dataclass
class SuiteRun:
    """A suite that was run.

    ``ran`` is false for a member of a collection that was not asked for, or that could not be run
    for the ``reason`` told.
    """

    suite: str
    frame: pd.DataFrame
    records: list[RunRecord]
    unchanged: bool
    report: Path | None = None
    studies: list[StudyRecord] = field(default_factory=list)
    members: list["SuiteRun"] = field(default_factory=list)
    ran: bool = True
    reason: str = ""

    @property
    def failures(self) -> list[RunRecord]:
        """Runs that failed or diverged, or one of whose numbers did."""
        return [record for record in self.records if record.status != "ok" or record.failed_rows]

    @property
    def problems(self) -> list[str]:
        """One line for each run and study, of the members too, that did not end well."""
        own = [self.reason] if self.reason else []
        own += [*map(told, self.failures), *(s.told() for s in self.studies if not s.sound)]
        return [*(f"{m.suite}: {line}" for m in self.members for line in m.problems), *own]

    @property
    def cached(self) -> bool:
        """Whether every run and study that was asked for was stored already."""
        own = [*(r.cached for r in self.records), *(s.cached for s in self.studies)]
        return not self.reason and all([*own, *(member.cached for member in self.members)])

    @property
    def size(self) -> int:
        """Number of runs and studies, those of the members too; one for what could not be run."""
        own = len(self.records) + len(self.studies) + bool(self.reason)
        return own + sum(member.size for member in self.members)

    def describe_failures(self) -> str:
        """Name what did not end well, ten lines at most."""
        only_runs = self.size == len(self.records)
        what = "runs did not finish" if only_runs else "runs and studies did not end well"
        lines = [f"{len(self.problems)} of {self.size} {what}:"]
        return "\n".join([*lines, *(f"  {line}" for line in self.problems[:8])])


def told(record: RunRecord) -> str:
    """Say in a line what became of a run."""
    name = f"{label_of([record])} seed {record.spec.seed}"
    if record.status != "ok":
        return f"{name}: {record.status}: {record.reason}"
    if record.failed_rows:
        row = record.failed_rows[0]
        return f"{name}: {row['metric']} failed: {row['reason']}"
    return f"{name}: {'nothing to do, stored already' if record.cached else 'done'}"
