"""Says what running a suite would do. It reads only: nothing is written, nothing downloaded."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from genbench.core.errors import DataError
from genbench.data import data_home, datasets
from genbench.data.storage import absent
from genbench.runs.run_options import RunOptions
from genbench.runs.spec import RunSpec
from genbench.suites.dealing import dealt
from genbench.suites.prepare import PreparedSuite, prepare
from genbench.suites.until_decided import looks

TO_DO, STORED, MISSING, DAMAGED = "to do", "stored", "data missing", "data damaged"


class Planned(NamedTuple):
    """What would be done for one run or study; a study has no seed and no train_id.

    A run whose data are missing or damaged has no train_id and no folder yet.
    """

    name: str
    seed: int | str
    train_id: str
    state: str
    folder: Path | str
    suite: str


@dataclass(frozen=True)
class DryRun:
    """What would be done.

    Attributes:
        rows: One for each run and study, those of a collection's members first.
        downloads: What would be downloaded, a line for each data set.
        problems: What keeps runs from being done, a text for each data set.
    """

    rows: list[Planned]
    downloads: list[str]
    problems: list[str]


def dry_run(options: RunOptions) -> DryRun:
    """Return what ``run`` would do.

    Raises:
        ConfigError: The suite or the options are wrong, or do not fit the data.
    """
    survey = _Survey()
    first = options if options.until_decided is False else next(looks(options))
    rows = list(survey.planned(dealt(prepare(first))))
    return DryRun(rows, list(survey.downloads.values()), list(survey.problems.values()))


class _Survey:
    """Looks at suites, and remembers which data sets cannot be read."""

    def __init__(self) -> None:
        self.downloads: dict[str, str] = {}
        self.problems: dict[str, str] = {}

    def planned(self, prepared: PreparedSuite) -> Iterator[Planned]:
        for member in prepared.members if prepared.whole else ():
            yield from self.planned(member)
        states = {s.name: self._state_of_data(prepared, s) for s in prepared.context.plan.specs}
        for spec in prepared.selected_runs:
            yield _run(prepared, spec, states[spec.name])
        runner = prepared.study_runner
        for study in prepared.selected_studies:
            state = _state(prepared, runner.stored(study))
            folder, suite = runner.folder(study).path, prepared.suite.name
            yield Planned(f"study {study.name}", "", "", state, folder, suite)

    def _state_of_data(self, prepared: PreparedSuite, spec: RunSpec) -> str:
        """Return what is wrong with a run's data; if nothing is, build its model once."""
        if spec.data.is_own:
            return self._read(prepared, spec)
        dataset, home = datasets[spec.data.name], data_home(prepared.options.data_dir)
        if files := absent(dataset, home):
            size = sum(file.n_bytes for file in files) / 1e6
            names = ", ".join(file.name for file in files)
            line = f"{dataset.name}: {names} ({size:.1f} MB) to {home / dataset.name}"
            known = self.downloads if dataset.mirrors else self.problems
            known[dataset.name] = line if dataset.mirrors else f"{line}: no source is registered"
            return MISSING
        return self._read(prepared, spec)

    def _read(self, prepared: PreparedSuite, spec: RunSpec) -> str:
        try:
            prepared.context.dataset(spec.data)
        except DataError as error:
            self.problems[spec.data.name] = str(error)
            is_there = spec.data.path is None or spec.data.path.exists()
            return DAMAGED if is_there else MISSING
        if spec in prepared.checked_runs:
            prepared.context.check(spec)
        return ""


def _state(prepared: PreparedSuite, stored: object) -> str:
    return STORED if stored and not prepared.options.fresh else TO_DO


def _run(prepared: PreparedSuite, spec: RunSpec, problem: str) -> Planned:
    suite = prepared.suite.name
    if problem:
        return Planned(spec.name, spec.seed, "", problem, "", suite)
    folder = prepared.context.run(spec).folder
    state = _state(prepared, prepared.context.stored(spec))
    return Planned(spec.name, spec.seed, folder.train_id, state, folder.path, suite)
