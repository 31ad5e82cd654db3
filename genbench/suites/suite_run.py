"""A suite that was run: its table, its runs and studies, and its members."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from genbench.core.texts import noun
from genbench.runs.record import RunRecord
from genbench.suites.study_runs import StudyRun


@dataclass
class SuiteRun:
    """A suite that was run.

    ``ran`` is false for a member of a collection that was not selected, or that could not run for
    the given ``reason``. ``n_done`` of the ``n_asked`` runs and studies of its file are stored;
    ``tabled`` is false for a shard that left the table to another one.
    """

    suite: str
    frame: pd.DataFrame
    records: list[RunRecord]
    studies: Sequence[StudyRun] = ()
    members: Sequence["SuiteRun"] = ()
    unchanged: bool = False
    ran: bool = True
    reason: str = ""
    report: Path | None = None
    n_done: int = 0
    n_asked: int = 0
    tabled: bool = True

    @property
    def own(self) -> list[RunRecord | StudyRun]:
        """Its own runs and studies, without those of members."""
        return [*self.records, *self.studies]

    @property
    def failures(self) -> list[RunRecord]:
        """Runs that failed or diverged, or that have a failed metric."""
        return [record for record in self.records if not record.sound]

    @property
    def problems(self) -> list[str]:
        """A line for each unsuccessful run and study, including those of members."""
        of_members = [f"{m.suite}: {line}" for m in self.members for line in m.problems]
        own = [part.summary_line() for part in self.own if not part.sound]
        return [*of_members, *([self.reason] if self.reason else []), *own]

    @property
    def cached(self) -> bool:
        """Whether every run and study was stored already."""
        return not self.reason and all(part.cached for part in (*self.own, *self.members))

    @property
    def size(self) -> int:
        """Number of runs and studies, members' included; a member not run counts as one."""
        return len(self.own) + bool(self.reason) + sum(member.size for member in self.members)

    @property
    def stored(self) -> str:
        """How many runs and studies were stored already: ``51 runs``; empty where none was."""
        runs, studies = _cached(self)
        counts = ((runs, "run", "runs"), (studies, "study", "studies"))
        return " and ".join(f"{n} {noun(n, one, many)}" for n, one, many in counts if n)

    @property
    def done(self) -> tuple[int, int]:
        """How many of its runs and studies and of its members' are stored, and of how many."""
        counts = [(self.n_done, self.n_asked), *(member.done for member in self.members)]
        return sum(done for done, _ in counts), sum(asked for _, asked in counts)

    @property
    def complete(self) -> bool:
        """Whether its table and those of its members have everything that was asked for."""
        done, asked = self.done
        return done == asked and self.tabled and all(member.tabled for member in self.members)

    def describe_failures(self) -> str:
        """Describe what failed, in at most ten lines."""
        lines = [f"{len(self.problems)} of {self.size} {self._what_failed()}:"]
        return "\n".join([*lines, *(f"  {line}" for line in self.problems[:8])])

    def _what_failed(self) -> str:
        studied = self.size > len(self.records)
        if studied or any(record.status == "ok" for record in self.failures):
            return f"runs{' and studies' * studied} did not succeed"
        return "runs did not finish"


def _cached(suite: SuiteRun) -> tuple[int, int]:
    of_members = [_cached(member) for member in suite.members]
    runs = sum(record.cached for record in suite.records) + sum(n for n, _ in of_members)
    studies = sum(study.cached for study in suite.studies) + sum(n for _, n in of_members)
    return runs, studies
