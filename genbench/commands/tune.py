"""``tune``: choose settings of a suite's models on validation data, with equal searches."""

import math
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from genbench.commands.run import jobs
from genbench.commands.shared import (
    Commands,
    add_command,
    add_folders,
    add_plugins,
    given,
    names,
    note,
    out,
)
from genbench.commands.streams import terminal
from genbench.core.errors import ConfigError, ExitCode
from genbench.core.numbers import cell, measured, seconds
from genbench.core.texts import aligned

if TYPE_CHECKING:
    from genbench.suites.trials import Trial

_CHANGES = {
    "settings": "--set",
    "trials": "--trials",
    "models": "--models",
    "limit": "--limit",
    "data": "--data",
}
_HEADS = ("model", "best trial", "criterion", "value", "second", "parameters", "steps", "seconds")


def add_parser(commands: Commands) -> None:
    """Add ``tune``; an argument has the name of its field in ``RunOptions``."""
    text = "choose settings on validation data, by as many trials for each trained model"
    parser = add_command(commands, "tune", text)
    add = parser.add_argument
    add("--suite", help="name of a suite with a [tune] table, or a TOML file; digits by default")
    add("--trials", type=int, metavar="N", help="trials of each model, instead of the suite's")
    add("--models", type=names, metavar="A,B", help="only these models")
    add("--write", action="store_true", help="write the record that the suite file names")
    add("--data", metavar="PATH", help="search on images of yours")
    add(
        "--set",
        dest="settings",
        action="append",
        metavar="KEY=VALUE",
        help="change a key of the suite file; repeatable",
    )
    add_plugins(parser)
    add("--limit", type=int, metavar="N", help="data points to keep of each split")
    add("--device", help="auto (the default), cpu, cuda, cuda:N or mps")
    add("--jobs", type=jobs, metavar="N", help="trials at the same time; auto: one a core")
    add("--cpus-per-run", type=int, metavar="N", help="cores and threads of a trial; 1 by default")
    add("--fresh", action="store_true", help="do everything again")
    add_folders(parser, "data-dir", "results")
    parser.set_defaults(body=tune)


def tune(arguments: Namespace) -> int:
    """Run a search and print the best trial of each model; exit 4 if a trial failed."""
    from genbench.runs.run_options import RunOptions
    from genbench.suites.tuning import require_place, search, write_record

    options = RunOptions(**given(arguments, RunOptions))
    if arguments.trials is not None:
        options = replace(options, settings=[*options.settings, f"tune.trials={arguments.trials}"])
    if arguments.write:
        _require_plain(arguments)
        require_place(options)
    found = search(options, note)
    if found.outcome.cached:
        note(f"nothing to do: {found.outcome.stored} stored (--fresh starts again)")
    out(aligned([*_rows(found.trials)], _HEADS, terminal(), right=range(3, len(_HEADS))))
    out(f"\nresults: {options.results / found.outcome.suite / 'metrics.csv'}")
    if found.problems:
        note("\n".join(["genbench: the search is not complete:", *found.problems[:8]]))
        return ExitCode.RUNS_FAILED
    if arguments.write:
        path, changed = write_record(found, options)
        out(f"record:  {path}{'' if changed else ' (unchanged)'}")
    return ExitCode.OK


def _require_plain(arguments: Namespace) -> None:
    """Refuse to record the search of anything but the suite file as it stands."""
    for name, flag in _CHANGES.items():
        if getattr(arguments, name) is not None:
            raise ConfigError(
                f"--write: it records the search that the suite file states; leave out {flag}"
            )


def _rows(trials: "Sequence[Trial]") -> "Iterator[tuple[object, ...]]":
    from genbench.suites.trials import ranked

    for model in dict.fromkeys(trial.model for trial in trials):
        order = ranked([trial for trial in trials if trial.model == model])
        if not order:
            yield model, "none has a value", *[""] * (len(_HEADS) - 2)
            continue
        best, value = order[0], _value(order[0])
        second = _value(order[1]) if len(order) > 1 else "–"
        took = seconds(best.seconds)
        settings = ", ".join(f"{key} = {cell(value)}" for key, value in best.options.items())
        yield model, settings, best.metric, value, second, best.parameters, best.steps, took


def _value(trial: "Trial") -> str:
    assert trial.value is not None
    known = math.nan if trial.stderr is None else trial.stderr
    return " ± ".join(filter(None, measured(trial.value, known)))
