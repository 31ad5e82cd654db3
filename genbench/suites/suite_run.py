"""A suite that was run: its table, its runs and studies, and its members."""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from genbench.runs.record import RunRecord, label_of
from genbench.suites.study_runs import StudyRun


@dataclass
class SuiteRun:
    """A suite that was run.

    ``ran`` is false for a member of a collection that was not to be run, or that could not be run
    for the ``reason`` given.
    """

    suite: str
    frame: pd.DataFrame
    records: list[RunRecord]
    unchanged: bool
    report: Path | None = None
    studies: list[StudyRun] = field(default_factory=list)
    members: list["SuiteRun"] = field(default_factory=list)
    ran: bool = True
    reason: str = ""

    @property
    def failures(self) -> list[RunRecord]:
        """Runs that failed or diverged, or that have a failed number."""
        return [record for record in self.records if record.status != "ok" or record.failed_rows]

    @property
    def problems(self) -> list[str]:
        """A line for each run and study, those of members included, that did not end well."""
        own = [self.reason] if self.reason else []
        own += map(summary_line, self.failures)
        own += [study.summary_line() for study in self.studies if not study.sound]
        return [*(f"{m.suite}: {line}" for m in self.members for line in m.problems), *own]

    @property
    def cached(self) -> bool:
        """Whether every run and study was stored already."""
        own = [*(r.cached for r in self.records), *(s.cached for s in self.studies)]
        return not self.reason and all([*own, *(member.cached for member in self.members)])

    @property
    def size(self) -> int:
        """Number of runs and studies, those of members included; a member not run counts as one."""
        own = len(self.records) + len(self.studies) + bool(self.reason)
        return own + sum(member.size for member in self.members)

    def describe_failures(self) -> str:
        """Name what did not end well, in at most ten lines."""
        only_runs = self.size == len(self.records)
        what = "runs did not finish" if only_runs else "runs and studies did not end well"
        lines = [f"{len(self.problems)} of {self.size} {what}:"]
        return "\n".join([*lines, *(f"  {line}" for line in self.problems[:8])])


def summary_line(record: RunRecord) -> str:
    """Say in a line how a run ended."""
    name = f"{label_of([record])} seed {record.spec.seed}"
    if record.status != "ok":
        return f"{name}: {record.status}: {record.reason}"
    if record.failed_rows:
        row = record.failed_rows[0]
        return f"{name}: {row['metric']} failed: {row['reason']}"
    return f"{name}: {'nothing to do, stored already' if record.cached else 'done'}"
