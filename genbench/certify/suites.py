"""Certifies the claims of a stored suite, and keeps the certificates beside its results."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from genbench.certify.coding import compress_suite
from genbench.certify.recipes import ALL, certify_recipes
from genbench.certify.verdict import Verdict
from genbench.core.errors import require_known
from genbench.core.locks import locked
from genbench.core.plugins import load_plugins
from genbench.core.progress import Say
from genbench.evaluation.spec import evaluators
from genbench.recipes import recipes
from genbench.results.certified import Certificate, ClaimKey, write_certificates
from genbench.results.records import StoredRun
from genbench.results.run_tables import is_of_model
from genbench.results.suite import StoredSuite
from genbench.version import __version__

COMPRESSION = "compression"
"""The level that needs stored weights and test images, so a suite."""


class Checked(NamedTuple):
    """A verdict on one model of a suite; ``train_id`` is empty where its code was checked."""

    run: StoredRun
    verdict: Verdict
    train_id: str = ""

    @property
    def claim(self) -> ClaimKey:
        """The number that it is about."""
        metric, version = _metric_of(self.verdict)
        return ClaimKey(self.run.model, metric, version)

    @property
    def certificate(self) -> Certificate:
        """What is kept of it if it passed."""
        v = self.verdict
        return Certificate(
            **self.claim._asdict(),
            recipe=self.run.recipe,
            check=v.check,
            expected=v.expected,
            found=v.found,
            tolerance=v.tolerance,
            genbench=__version__,
            train_id=self.train_id,
        )


def certify_suite(
    stored: StoredSuite,
    models: Sequence[str] = (),
    level: str = ALL,
    *,
    data_dir: Path | None = None,
    own_data: Path | None = None,
    plugins: Sequence[Path] = (),
    tell: Say = lambda sentence: None,
) -> list[Verdict]:
    """Check the claims of a suite's models, and write a certificate of each check that passed.

    The code of a model, that is its recipe and each evaluator, is checked on small worlds; its
    weights are checked by compression. A claim that fails loses its certificates.

    Args:
        stored: The suite.
        models: Names in its table; by default all.
        level: One of :func:`levels`.
        data_dir: Folder of the data sets, for compression.
        own_data: The images that the suite was run on, if they are your own, for compression.
        plugins: The Python files with recipes that are not genbench's.
        tell: Called with a sentence on models that cannot be checked.

    Raises:
        ConfigError: Unknown model or level, or the suite is a collection.
        DataError: The data are missing, or are not those of the runs.
        StorageError: The suite is damaged, or the certificates cannot be written.
    """
    stored.require_no_collection()
    load_plugins(plugins)
    runs = list(_chosen(stored, models, tell))
    checked: list[Checked] = []
    coded: list[Verdict] = []
    if level != COMPRESSION:
        known = certify_recipes(list(dict.fromkeys(run.recipe for run in runs)), level)
        checked += _of_code(runs, known)
    verdicts = list(dict.fromkeys(each.verdict for each in checked))
    if runs and level in (COMPRESSION, ALL):
        names = [run.model for run in runs]
        coded = compress_suite(
            stored, names, data_dir=data_dir, own_data=own_data, plugins=plugins, tell=tell
        )
        checked += _of_weights(runs, coded)
    _keep(stored.folder, checked)
    return verdicts + coded


def _chosen(stored: StoredSuite, models: Sequence[str], tell: Say) -> Iterator[StoredRun]:
    """Yield the run with the lowest seed of each model whose code is here."""
    names = [run.model for run in stored.record.runs]
    for name in models:
        if not any(is_of_model(model, name) for model in names):
            require_known(name, names, f"suite '{stored.name}' has no model")
    first: dict[str, StoredRun] = {}
    for run in sorted(stored.record.runs, key=lambda run: run.seed):
        if run.status == "ok":
            first.setdefault(run.model, run)
    for model, run in first.items():
        if models and not any(is_of_model(model, name) for name in models):
            continue
        if run.recipe in recipes:
            yield run
        else:
            tell(f"{model} is not certified: its code is not here")


def _of_code(runs: Sequence[StoredRun], verdicts: Sequence[Verdict]) -> Iterator[Checked]:
    for run in runs:
        for verdict in verdicts:
            if _recipe_of(verdict) == run.recipe and _is_about(verdict.check, run):
                yield Checked(run, verdict)


def _is_about(check: str, run: StoredRun) -> bool:
    """Whether a check is of the run's observation model, which stands after the last comma."""
    stated = run.options.get("observation")
    kind = stated.get("kind") if isinstance(stated, dict) else stated
    _, _, note = check.rpartition(", ")
    return kind is None or note in (check, kind)


def _of_weights(runs: Sequence[StoredRun], verdicts: Sequence[Verdict]) -> Iterator[Checked]:
    by_model = {run.model: run for run in runs}
    for verdict in verdicts:
        if (run := by_model.get(_recipe_of(verdict))) and ": " in verdict.subject:
            yield Checked(run, verdict, run.train_id)


def _recipe_of(verdict: Verdict) -> str:
    """Return the recipe or the model that a verdict is about."""
    return verdict.subject.partition(": ")[0]


def _metric_of(verdict: Verdict) -> tuple[str, int]:
    """Return the metric in tables, and the version, of the claim that a verdict is about."""
    evaluator = evaluators[verdict.subject.partition(": ")[2].partition("[")[0]]
    return evaluator.metric, evaluator.record.version


def _keep(folder: Path, checked: Sequence[Checked]) -> None:
    passed = [each.certificate for each in checked if each.verdict.passed]
    failed = {each.claim for each in checked if not each.verdict.passed}
    with locked(folder):
        write_certificates(folder, passed, failed)
