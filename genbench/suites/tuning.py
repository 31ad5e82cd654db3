"""Runs the search of a suite: every trained model and every trial, scored on validation data.

A search is a suite in memory whose models are the trials. It runs as any suite does, below
``results/NAME-tuning``, so that it can be stopped and goes on where it was. Test data are not read.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from genbench.core.errors import ConfigError, require_known
from genbench.core.files import write_if_changed
from genbench.core.names import require_name
from genbench.core.progress import Say
from genbench.core.protocol import SplitName
from genbench.evaluation.spec import evaluators
from genbench.recipes import recipes
from genbench.runs.build import build
from genbench.runs.read_run import EvaluationRequest
from genbench.runs.record import RunRecord
from genbench.runs.run_context import RunContext, RunPlan
from genbench.runs.run_options import RunOptions
from genbench.suites.entries import ModelEntry
from genbench.suites.load import find_suite
from genbench.suites.prepare import prepare_suite, read_suite
from genbench.suites.run import run_prepared
from genbench.suites.search import Draw, Tune
from genbench.suites.spec import SuiteSpec, expand
from genbench.suites.suite_run import SuiteRun
from genbench.suites.trials import Trial, ranked, record_of_search, written
from genbench.training.config import TrainConfig
from genbench.training.threads import torch_as_started

VALIDATION: SplitName = "validation"
Key = tuple[str, int]
"""Name of a model and number of a trial."""


@dataclass(frozen=True)
class Search:
    """A search that was run: its suite, how its runs ended, and its trials.

    ``trials`` follow the order of the suite file; those of one model are numbered from 0.
    """

    suite: SuiteSpec
    outcome: SuiteRun
    trials: Sequence[Trial]

    @property
    def problems(self) -> list[str]:
        """A line for each trial that failed, and for each model of which none has a value.

        A trial that diverged is a result.
        """
        failed = [r.summary_line() for r in self.outcome.failures if r.status != "diverged"]
        chosen = {trial.model for trial in self.trials if trial.chosen}
        models = dict.fromkeys(trial.model for trial in self.trials)
        return failed + [f"{name}: no trial has a value" for name in models if name not in chosen]


def criteria() -> list[str]:
    """Return the metrics that settings are chosen by: the first that a model has decides.

    That is log p(x) where it is exact, else its lower bound with beta = 1, whatever the beta of
    training: beta is what such a model is, and no setting that is chosen. Models without a
    likelihood have an error of reconstruction or a distance of samples.
    """
    ranked = [name for name in evaluators if evaluators[name].record.selects]
    return sorted(ranked, key=lambda name: evaluators[name].record.selects)


@torch_as_started()
def search(options: RunOptions, say: Say = lambda _: None) -> Search:
    """Run what is missing of a suite's search, and choose the best trial of each model.

    Args:
        options: Which suite, and how it is run; ``models`` are names of its models.
        say: Called with a line for each trial that is done.

    Raises:
        ConfigError: The suite has no ``[tune]``, or an option is wrong.
        DataError: The data are missing or damaged; test data may be missing.
    """
    suite = read_suite(options)
    if suite.tune is None:
        raise ConfigError(f"suite '{suite.name}' has no [tune]: state trials, and values to try")
    models = trained_models(suite, options)
    for name in options.models:
        require_known(name, [entry.name for entry in models], "models: no trained model")
    entries = entries_of_trials(suite.tune, models)
    asked = [entry.name for (name, _), entry in entries.items() if name in options.models]
    chosen_options = replace(options, models=asked)
    prepared = prepare_suite(suite_of_trials(suite, entries), chosen_options, command="tune")
    outcome = run_prepared(prepared, say)
    records = {record.spec.name: record for record in outcome.records}
    found = {key: records[e.name] for key, e in entries.items() if e.name in records}
    trials = [trial for entry in models for trial in _trials(entry, suite.tune, found)]
    return Search(suite, outcome, trials)


def trained_models(suite: SuiteSpec, options: RunOptions) -> list[ModelEntry]:
    """Return the models with an optimiser; one with an assumption is trained as that without."""
    request = EvaluationRequest((), (), VALIDATION)
    context = RunContext(RunPlan(suite.name, (), request, options), options.own_device)
    specs = {spec.name: spec for spec in expand(suite) if not spec.assume}
    trained = [
        name
        for name, spec in specs.items()
        if build(spec, context.dataset(spec.data)).closed_form is None
    ]
    return [entry for entry in suite.model if entry.name in trained]


def entries_of_trials(tune: Tune, models: Sequence[ModelEntry]) -> dict[Key, ModelEntry]:
    """Return each trial as an entry of a suite file."""
    return {
        (entry.name, i): _changed(entry, i, setting)
        for entry in models
        for i, setting in enumerate(_settings(tune, entry))
    }


def _settings(tune: Tune, entry: ModelEntry) -> list[Draw]:
    fields = recipes[entry.recipe].options.model_fields
    return tune.settings([*fields, *TrainConfig.model_fields], entry.name)


def _changed(entry: ModelEntry, i: int, setting: Draw) -> ModelEntry:
    fields = recipes[entry.recipe].options.model_fields
    options = {key: value for key, value in setting.items() if key in fields}
    train = {key: value for key, value in setting.items() if key not in fields}
    changes = {
        "name": require_name(f"{entry.name}_trial{i}", f"model.{entry.name}.name"),
        "options": entry.options | options,
        "train": entry.train | train,
    }
    return entry.model_copy(update=changes)


def suite_of_trials(suite: SuiteSpec, entries: dict[Key, ModelEntry]) -> SuiteSpec:
    """Return the suite whose models are trials, evaluated by the criteria on validation data."""
    assert suite.tune is not None
    names = criteria()
    stated = {name: suite.evaluate[name] for name in names if name in suite.evaluate}
    return SuiteSpec(
        name=f"{suite.name}-tuning",
        title=f"{suite.title}: the search",
        description="Trials of settings, scored on validation data. Test data were not read.",
        seeds=(suite.tune.seed,),
        data=suite.data,
        train=suite.train,
        model=tuple(entries.values()),
        evaluate={"split": VALIDATION, "metrics": names, **stated},
        figures=(),
    )


def _trials(entry: ModelEntry, tune: Tune, found: dict[Key, RunRecord]) -> list[Trial]:
    """Return the trials of a model, the best one chosen; the earliest of equal ones."""
    mine = {i: record for (name, i), record in found.items() if name == entry.name}
    scores = {i: _numbers(record) for i, record in mine.items()}
    criterion = next((c for c in criteria() if any(c in s for s in scores.values())), "")
    settings = _settings(tune, entry)
    trials = [
        Trial(
            model=entry.name,
            trial=i,
            seed=tune.seed,
            options=settings[i],
            parameters=record.description.get("n_parameters"),
            steps=record.description.get("steps"),
            seconds=record.provenance.get("train_seconds"),
            **scores[i].get(criterion, {}),
        )
        for i, record in mine.items()
    ]
    best = next(iter(ranked(trials)), None)
    return [trial.model_copy(update={"chosen": trial is best}) for trial in trials]


def _numbers(record: RunRecord) -> dict[str, dict[str, object]]:
    keys = ("metric", "better", "value", "stderr")
    good = (row for row in record.rows if row["status"] == "ok")
    return {row["metric"]: {key: row[key] for key in keys} for row in good}


def write_record(search: Search, options: RunOptions) -> tuple[Path, bool]:
    """Write the record that the suite file names; return its path, and whether it changed.

    Raises:
        ConfigError: The file names none.
        StorageError: It cannot be written.
    """
    path = require_place(options)
    return path, write_if_changed(path, written(search.trials))


def require_place(options: RunOptions) -> Path:
    """Return where the record of a suite's search lies.

    Raises:
        ConfigError: The suite file does not say, or not rightly.
    """
    file, tuned = find_suite(options.chosen_suite), read_suite(options).tuned
    if not tuned:
        line = f'tuned = "tuned/{file.stem}.csv"'
        raise ConfigError(f"tuned: {file} names no record; add the line {line}")
    return record_of_search(file.parent, tuned)
