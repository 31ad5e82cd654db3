"""Whether the table and the record of a suite say what its sealed runs say."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import pandas as pd

from genbench.core.errors import StorageError, quoted
from genbench.core.metric import by_name
from genbench.core.protocol import Protocol
from genbench.results.facts import different_fact
from genbench.results.metrics_table import TABLE, absent_columns
from genbench.results.records import SUITE, StoredRun, SuiteRecord
from genbench.results.run_folder import PROVENANCE
from genbench.results.sealed_runs import (
    KEY,
    NUMBER,
    Key,
    Number,
    SealedRun,
    contents_of,
    sealed_run,
)

ANEW = "running the suite again writes it anew"
_FIRST_ROW = 2
"""The header is the first row of a file."""
_ABOUT = ("suite", "train_id", "model", "seed", "dataset")


class Line(NamedTuple):
    """One row of the table."""

    place: int
    suite: str
    train_id: str
    model: str
    seed: int
    dataset: str
    key: Key
    number: Number

    @property
    def metric(self) -> str:
        """The metric, without the number of a part."""
        return str(self.key[0]).partition("[")[0]

    @property
    def claims(self) -> bool:
        """Whether it holds a number."""
        return any(number is not None for number in self.number[:4])


def lines_of(table: pd.DataFrame) -> Iterator[Line]:
    """Yield the rows of a table, what is absent as None."""
    columns = {name: table[name].tolist() for name in (*_ABOUT, *KEY, *NUMBER)}
    for name in ("value", "stderr", "mc_stderr", "n", "evaluator_version"):
        columns[name] = [None if pd.isna(value) else value for value in columns[name]]
    parts = [zip(*(columns[n] for n in names), strict=True) for names in (_ABOUT, KEY, NUMBER)]
    for place, (about, key, number) in enumerate(zip(*parts, strict=True), _FIRST_ROW):
        yield Line._make((place, *about, key, number))


def require_unedited(
    folder: Path, record: SuiteRecord, table: pd.DataFrame
) -> dict[str, Mapping[str, Any]]:
    """Compare every row of a table with its run, and what ``suite.json`` says of runs with theirs.

    Runs whose folder is gone or unfinished are passed over, as is what a failed run does not claim.

    Args:
        folder: Of the suite.
        record: Its ``suite.json``.
        table: Its ``metrics.csv``.

    Returns:
        The provenance of each run that was compared, by its train_id.

    Raises:
        StorageError: A row or a fact is another one, a row is missing or stands twice, or a file
            of a run is damaged.
    """
    return _Comparison(folder, record, absent_columns(table)).run(list(lines_of(table)))


@dataclass
class _Comparison:
    folder: Path
    record: SuiteRecord
    absent: frozenset[str]
    used: set[str] = field(default_factory=set)
    """Evaluations of which the table has a row."""
    unused: list[tuple[StoredRun, str, str]] = field(default_factory=list)
    """Rows of runs that the table lacks: the run, the evaluation, the metric."""
    present: set[tuple[str, str, str]] = field(default_factory=set)
    """Of each run, the metrics of which the table has a row."""

    def run(self, lines: Sequence[Line]) -> dict[str, Mapping[str, Any]]:
        provenances: dict[str, Mapping[str, Any]] = {}
        runs: dict[str, list[StoredRun]] = {}
        for run in self.record.runs:
            runs.setdefault(run.train_id, []).append(run)
        own: dict[tuple[str, str], list[Line]] = {}
        for line in lines:
            if line.suite == self.record.name or not self.record.members:
                self._require_known(line, runs)
                own.setdefault((line.train_id, line.model), []).append(line)
        for train_id, same in runs.items():
            contents = contents_of(self.folder, train_id)
            sealed = sealed_run(self.folder, train_id, contents)
            for run in same:
                self._compare(run, sealed, own.get((train_id, run.model), []))
            if PROVENANCE in contents:
                provenances[train_id] = contents[PROVENANCE]
        self._require_complete()
        return provenances

    def _require_known(self, line: Line, runs: Mapping[str, Sequence[StoredRun]]) -> None:
        """Check what tells whose row it is, by what ``suite.json`` says of its run."""
        if not self.record.runs:
            return
        same = runs.get(line.train_id)
        if not same:
            raise StorageError(
                f"{self.folder} is still being written, or a run was killed: {TABLE}, row "
                f"{line.place} {_who(line)}, is of a run that {SUITE} does not have; "
                "let the run finish, or run the suite again"
            )
        run = next((run for run in same if run.model == line.model), same[0])
        for name in ("model", "seed", "dataset"):
            found, stated = getattr(line, name), getattr(run, name)
            if found != stated and name in run.model_fields_set:
                self._refuse(line, name, found, f"{SUITE} has {_told(stated)}")
        text, stated = line.key[KEY.index("protocol")], run.protocol
        if text != stated and text != Protocol.parse(stated).without_label.text:
            self._refuse(line, "protocol", text, f"{SUITE} has {_told(stated)}")

    def _compare(self, run: StoredRun, sealed: SealedRun | None, lines: Sequence[Line]) -> None:
        ended = run.status in ("ok", "diverged")
        if not ended or (sealed and sealed.metrics["status"] != "ok"):
            claim = next((line for line in lines if line.claims), None)
            if claim:
                what = run.status if not ended or sealed is None else sealed.metrics["status"]
                self._refuse(claim, "value", claim.number[0], f"the run is {_told(what)}")
        if sealed is None or not ended:
            return
        if fact := different_fact(run, sealed):
            name, found, stored = fact
            whose = f"{name} of {_plain(run.model)}, seed {run.seed}"
            self._fail(
                f"{self.folder / SUITE}: {whose}, is {_told(found)}, "
                f"the run stored {_told(stored)}; {ANEW}"
            )
        if sealed.metrics["status"] == "ok":
            self._compare_rows(run, sealed, lines)
        else:
            self._compare_ended(sealed, lines)

    def _compare_ended(self, sealed: SealedRun, lines: Sequence[Line]) -> None:
        """Compare the rows of a run without numbers."""
        for line in lines:
            stated = dict(zip(NUMBER, line.number, strict=True))
            for name in ("status", "reason"):
                if stated[name] != sealed.metrics[name]:
                    self._refuse_stored(line, name, stated[name], sealed.metrics[name])

    def _compare_rows(self, run: StoredRun, sealed: SealedRun, lines: Sequence[Line]) -> None:
        stored: dict[Key, list[tuple[str, Number]]] = {}
        for evaluation, key, number in sealed.rows(Protocol.parse(run.protocol)):
            stored.setdefault(self._known(KEY, key), []).append((evaluation, number))
        for line in lines:
            self.present.add((run.train_id, run.model, line.metric))
            key = self._known(KEY, line.key)
            match = self._match(line, stored.get(key, []))
            if match is not None:
                self.used.add(stored[key].pop(match)[0])
            elif not (sealed.trained_elsewhere and not line.claims):
                self._refuse_row(line, stored)
        for key, left in stored.items():
            self.unused += [(run, evaluation, str(key[0])) for evaluation, _ in left]

    def _match(self, line: Line, stored: Sequence[tuple[str, Number]]) -> int | None:
        number = self._known(NUMBER, line.number)
        same = (i for i, (_, n) in enumerate(stored) if self._known(NUMBER, n) == number)
        return next(same, None)

    def _known(self, names: Sequence[str], values: tuple[Any, ...]) -> tuple[Any, ...]:
        """Leave out what stands in columns that the table lacks."""
        if not self.absent:
            return values
        return tuple(v for name, v in zip(names, values, strict=True) if name not in self.absent)

    def _refuse_row(
        self, line: Line, stored: Mapping[Key, Sequence[tuple[str, Number]]]
    ) -> NoReturn:
        """Say in which column a row is another one than the run's."""
        for key, numbers in stored.items():
            if key[0] == line.key[0]:
                for _, number in numbers:
                    pairs = [
                        *zip(KEY, line.key, key, strict=False),
                        *zip(NUMBER, line.number, number, strict=False),
                    ]
                    name, found, kept = next(p for p in pairs if p[1] != p[2])
                    self._refuse_stored(line, name, found, kept)
        self._refuse(line, "metric", line.key[0], "the run stored no such row, or it stands twice")

    def _require_complete(self) -> None:
        """Check that no row is missing: of an evaluation in the table, or of a metric asked for."""
        asked = by_name(self.record.metrics)
        for run, evaluation, metric in self.unused:
            base = metric.partition("[")[0]
            lacks = base in asked and (run.train_id, run.model, base) not in self.present
            if lacks or evaluation in self.used:
                self._fail(
                    f"{self.folder / TABLE} has no row for ({_plain(run.model)}, seed {run.seed}, "
                    f"{_plain(metric)}), which the run stored; {ANEW}"
                )

    def _refuse_stored(self, line: Line, name: str, found: Any, stored: Any) -> NoReturn:
        self._refuse(line, name, found, f"the run stored {_told(stored)}")

    def _refuse(self, line: Line, name: str, found: Any, instead: str) -> NoReturn:
        where = f"{self.folder / TABLE}, row {line.place} {_who(line)}"
        self._fail(f"{where}: {name} is {_told(found)}, {instead}; {ANEW}")

    def _fail(self, message: str) -> NoReturn:
        raise StorageError(message)


def _who(line: Line) -> str:
    return f"({_plain(line.model)}, seed {line.seed}, {_plain(str(line.key[0]))})"


def _told(value: Any) -> str:
    if value is None or value == "":
        return "empty"
    return quoted(value) if isinstance(value, str) else _plain(repr(value))


def _plain(text: str) -> str:
    return quoted(text).replace("'", "")
