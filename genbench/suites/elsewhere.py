"""Adds a model that was trained elsewhere to a suite."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch

from genbench.core.errors import ConfigError, DataError, StorageError, first_line
from genbench.core.files import require_writable
from genbench.core.locks import locked
from genbench.core.names import require_name
from genbench.core.options import require_seed
from genbench.core.protocol import Protocol
from genbench.data import DataConfig, Dataset, load
from genbench.evaluation.on_dataset import SPLIT
from genbench.recipes import load_plugins
from genbench.results.metrics_table import TABLE
from genbench.results.records import SUITE
from genbench.results.run_tables import is_of_model
from genbench.results.suite import StoredSuite
from genbench.runs.elsewhere.describe import Handed
from genbench.runs.elsewhere.read import folders_of
from genbench.runs.elsewhere.spec import ElsewhereSpec
from genbench.runs.elsewhere.store import evaluated, move_in
from genbench.runs.read_run import EvaluationRequest
from genbench.runs.run_options import RunOptions
from genbench.suites.prepare import prepare
from genbench.suites.spec import SuiteSpec, load_suite, split_of, tasks_of
from genbench.suites.standard import FROM_DATA
from genbench.suites.table import stored_table, update_elsewhere, write_suite


@dataclass(frozen=True)
class Host:
    """The suite that a model is added to: as it was run, or else as its file says."""

    suite: SuiteSpec
    options: RunOptions

    @property
    def folder(self) -> Path:
        """Of its results."""
        return self.options.results / self.suite.name

    @property
    def request(self) -> EvaluationRequest:
        """The metrics and figures that it asks for."""
        return EvaluationRequest(tasks_of(self.suite), self.suite.figures)

    def data(self, pixels: Mapping[str, str]) -> DataConfig:
        """Return its data, with pixels that are presented in another way.

        Raises:
            ConfigError: It has none, or the pixels cannot be so.
        """
        if not self.suite.data:
            needs = "needs images" if self.suite.sizes == FROM_DATA else "has no [data]"
            raise ConfigError(f"suite '{self.suite.name}' {needs}: data=PATH")
        place = {"path": str(self.options.data)} if self.options.data else {}
        return DataConfig.read({**self.suite.data, **place, **pixels}, "data")

    def dataset(self, config: DataConfig, device: torch.device) -> Dataset:
        """Load its data.

        Raises:
            DataError: They cannot be read, or are not those of the stored results.
        """
        try:
            dataset = load(config, self.options.data_dir, device)
        except DataError as error:
            if config.path and not config.path.exists():
                raise DataError(f"{error}; data=PATH says where the images are") from error
            raise
        protocols = map(Protocol.parse, stored_table(self.folder)["protocol"].unique())
        known = {protocol.digest: protocol.dataset for protocol in protocols}
        if known and dataset.protocol.digest not in known:
            raise DataError(
                f"suite '{self.suite.name}' was run on {' and '.join(known.values())}; these are"
                f" other images: {config.path or config.name}"
            )
        return dataset

    def run_of(self, name: str, seed: int, data: DataConfig, *, replace: bool) -> ElsewhereSpec:
        """Return the run of a model to be added.

        Raises:
            ConfigError: The name is the suite's own, or no name; it has this seed already.
        """
        require_name(name, "name")
        for entry in self.suite.model:
            if is_of_model(name, entry.name):
                raise ConfigError(
                    f"name: suite '{self.suite.name}' has its own model '{entry.name}';"
                    " choose another name"
                )
        require_seed(seed)
        if not replace and folders_of(self.folder, name, seed):
            raise ConfigError(
                f"name: '{name}' with seed {seed} is in suite '{self.suite.name}' already:"
                " replace=True puts this model in its place"
            )
        return ElsewhereSpec.of(name, data, seed)

    def add(self, handed: Handed, run: ElsewhereSpec, dataset: Dataset, *, replace: bool) -> None:
        """Evaluate a model, store it as a run, and write the suite's table.

        Raises:
            ConfigError: The model cannot be described, or was added by somebody else meanwhile.
            RunsFailedError: It gave no number and no figure.
            StorageError: Results cannot be written.
        """
        require_writable(self.folder)
        result = evaluated(handed, run, dataset, self.request, self.folder)
        with result as (folder, train_id), locked(self.folder):
            self.run_of(run.name, run.seed, run.data, replace=replace)  # by now it may be taken
            stored = (self.folder / TABLE).is_file()
            before = StoredSuite.read(self.folder).table if stored else None
            move_in(folder, train_id, folders_of(self.folder, run.name, run.seed))
            self._write_table(before)

    def _write_table(self, before: pd.DataFrame | None) -> None:
        if before is not None:
            update_elsewhere(self.folder, before, self.request.tasks)
        else:
            write_suite(prepare(self.options), [], [], [])


def find_host(options: RunOptions) -> Host:
    """Find a suite among the results, or else among suite files.

    Raises:
        ConfigError: There is none, or it is a collection.
        StorageError: Its results are damaged, or of another version of genbench.
    """
    load_plugins(options.plugins)
    chosen = options.chosen_suite
    name = load_suite(chosen).name if chosen.endswith(".toml") else chosen
    folder = options.results / name
    is_stored = (folder / TABLE).is_file()
    suite = _stored_suite(folder) if is_stored else load_suite(chosen, data=options.data)
    if suite.suites:
        members = ", ".join(suite.suites)
        raise ConfigError(f"suite '{name}' is a collection; name one of its suites: {members}")
    if (split := split_of(suite)) != SPLIT:
        raise ConfigError(
            f"suite '{name}' evaluates on {split} data; a model trained elsewhere is evaluated on"
            f" {SPLIT} data"
        )
    return Host(suite, options)


def _stored_suite(folder: Path) -> SuiteSpec:
    """Return the specification with which a suite was run."""
    spec = StoredSuite.open(folder.parent, folder.name).record.spec
    try:
        return SuiteSpec.read(spec | {"published": ()}, "")  # they name rows, not models
    except ConfigError as error:
        message = f"{folder / SUITE}: spec.{first_line(error)}; run the suite again"
        raise StorageError(message) from error
