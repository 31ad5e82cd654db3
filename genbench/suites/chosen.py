"""Says where the settings of a suite are not those that its recorded search chose."""

from collections.abc import Iterator, Sequence
from typing import Any

from genbench.core.files import canonical_json
from genbench.runs.spec import RunSpec
from genbench.suites.spec import SuiteSpec
from genbench.suites.trials import Trial


def departures(suite: SuiteSpec, specs: Sequence[RunSpec]) -> Iterator[str]:
    """Yield a line for each setting that differs from the chosen trial of its model.

    Args:
        suite: The suite with its record.
        specs: Its runs.
    """
    if suite.tuned and not suite.trials:
        yield f"{suite.tuned}: there is no record of the search; `tune --write` makes it"
    of_model = {spec.name: spec for spec in specs}
    for trial in suite.trials:
        if trial.chosen and trial.model in of_model:
            yield from _departures(trial, of_model[trial.model], suite.tuned)


def _departures(trial: Trial, spec: RunSpec, record: str) -> Iterator[str]:
    for key, chosen in trial.options.items():
        now = setting_of(spec, key)
        if canonical_json(now) != canonical_json(chosen):
            yield f"{spec.name}: {key} = {now}, while the search of {record} chose {chosen}"


def setting_of(spec: RunSpec, key: str) -> Any:
    """Return the value of a key of a run's recipe, or else of its training."""
    stated = spec.train.model_dump(mode="json") | spec.options.model_dump(mode="json")
    return stated.get(key)
