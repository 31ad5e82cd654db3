"""Holds the claims of a suite against files: test images, coded and decoded by its models."""

from collections.abc import Sequence
from pathlib import Path

import torch

from genbench.certify.coding.apart import decode_apart
from genbench.certify.coding.code_file import write_code
from genbench.certify.coding.coder import encode, levels_of
from genbench.certify.coding.schemes import Known
from genbench.certify.coding.stored_claims import stored_claim
from genbench.certify.coding.subject import DECODED, EQUAL, Subject
from genbench.certify.verdict import Verdict, fault
from genbench.core.errors import (
    ConfigError,
    DataError,
    StorageError,
    first_line,
    require_known,
)
from genbench.core.estimate import NotApplicableError
from genbench.core.plugins import load_plugins
from genbench.core.progress import Say
from genbench.core.reading import contained
from genbench.data import DataConfig, Dataset, datasets, load
from genbench.data.own.registry import own_datasets
from genbench.evaluation.on_dataset import SPLIT
from genbench.results.records import StoredRun
from genbench.results.run_folder import MODEL, SPEC, RunFolder
from genbench.results.run_tables import is_of_model
from genbench.results.suite import StoredSuite
from genbench.runs.stored_model import stored_model

CODES = "codes"
"""Folder of the files, in that of the suite."""
N_IMAGES = 500


def compress_suite(
    stored: StoredSuite,
    models: Sequence[str] = (),
    *,
    data_dir: Path | None = None,
    own_data: Path | None = None,
    n_images: int = N_IMAGES,
    plugins: Sequence[Path] = (),
    tell: Say = lambda sentence: None,
) -> list[Verdict]:
    """Code test images by each model of a suite; decode them in a process without the data.

    Two verdicts on each model: whether the images came back, byte by byte, and whether the file is
    as long as the stored claim says, within 1 %. An exact log p(x) is held against a file without
    anything else in it, an ELBO against one by bits back, whose initial bits are not counted.

    Args:
        stored: The suite; files are kept in its folder ``codes``.
        models: Names; by default all. Of each, the run with the lowest seed is taken.
        data_dir: Folder of the data sets.
        own_data: The images that the suite was run on, if they are your own: results do not say
            where they lie.
        n_images: How many test images are coded, evenly spaced over all.
        plugins: The Python files with recipes that are not genbench's.
        tell: Called with a sentence on models that cannot be coded, one for each reason.

    Raises:
        ConfigError: There is no such model.
        DataError: The data are missing, or are not those of the run.
        StorageError: A run is damaged.
    """
    load_plugins(plugins)
    sender = _Sender(stored, data_dir, own_data, n_images)
    sent: dict[Path, Subject] = {}
    verdicts: list[Verdict] = []
    not_coded: dict[str, list[str]] = {}
    for name in _chosen(stored, models):
        try:
            sent |= sender.send(name)
        except NotApplicableError as reason:
            not_coded.setdefault(str(reason), []).append(name)
        except (StorageError, DataError, ConfigError):
            raise
        except Exception as error:  # noqa: BLE001  a recipe can raise anything
            verdicts.append(fault(name, DECODED, EQUAL, first_line(error)))
    for why, names in not_coded.items():
        tell(f"not certified by compression: {', '.join(names)}: {why}")
    decoded = decode_apart(stored.folder, list(sent), plugins)
    return verdicts + [v for path in sent for v in sent[path].verdicts(decoded[path])]


def _chosen(stored: StoredSuite, models: Sequence[str]) -> list[str]:
    """Return the names of models in the table; a name may be that of the suite file."""
    for name in models:
        if not any(is_of_model(model, name) for model in stored.models):
            require_known(name, stored.models, f"suite '{stored.name}' has no model")
    return [m for m in stored.models if not models or any(is_of_model(m, name) for name in models)]


class _Sender:
    """Codes images by the models of a suite; reads each data set once."""

    def __init__(
        self, stored: StoredSuite, data_dir: Path | None, own_data: Path | None, n_images: int
    ) -> None:
        self._stored, self._n_images = stored, n_images
        self._data_dir, self._own_data = data_dir, own_data
        self._datasets: dict[DataConfig, Dataset] = {}

    def send(self, name: str) -> dict[Path, Subject]:
        """Write the file of a model; return what it holds, by its path.

        Raises:
            NotApplicableError: There is none; says why.
            RunsFailedError: The model states what are no probabilities.
        """
        run = _run_of(self._stored, name)
        folder = self._stored.run_folder(run)
        model = stored_model(folder, name)
        x, y = self._dataset(folder, run).held_out(SPLIT)
        rows = torch.arange(min(self._n_images, len(x))) * len(x) // min(self._n_images, len(x))
        known = Known.of(model, x[rows], y[rows])
        coded = encode(model, known, x[rows])
        claim = stored_claim(folder, run, exact=coded.is_exact, rows=rows)
        images = levels_of(x[rows], coded.n_levels)
        subject = Subject(f"{name}: {claim.metric}", images, coded, claim)
        subject.require_enough_images()
        path = contained(self._stored.folder, f"{CODES}/{run.train_id}.code")
        write_code(path, coded, known, run.train_id, folder / MODEL)
        return {path: subject}

    def _dataset(self, folder: RunFolder, run: StoredRun) -> Dataset:
        config = self._config(run)
        if config not in self._datasets:
            self._datasets[config] = load(config, self._data_dir)
        found = self._datasets[config]
        if found.digest != folder.contents(SPEC)[SPEC]["data"]["digest"]:
            raise DataError(f"'{found.name}' has other images than {folder.path} was run on")
        return found

    def _config(self, run: StoredRun) -> DataConfig:
        if run.data["name"] in datasets or run.data["name"] in own_datasets:
            return DataConfig.read(run.data, "data")
        if self._own_data is None:
            raise NotApplicableError(
                "its images are your own, and results do not say where they lie: use --data"
            )
        return DataConfig.read(run.data | {"path": self._own_data}, "data")


def _run_of(stored: StoredSuite, name: str) -> StoredRun:
    """Return the run of a model with the lowest seed, of those that ended well."""
    runs = [run for run in stored.record.runs if run.model == name]
    if runs and all(run.trained_elsewhere for run in runs):
        raise NotApplicableError("it was trained elsewhere: its code is not here")
    ended = [run for run in runs if run.status == "ok"]
    if not ended:
        raise NotApplicableError("none of its runs ended well")
    return min(ended, key=lambda run: run.seed)
