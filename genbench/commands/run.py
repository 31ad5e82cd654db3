"""``run``: train and evaluate what is missing of a suite, store it, report it."""

from argparse import Namespace
from collections import Counter
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from genbench.commands.shared import (
    Commands,
    add_command,
    add_folders,
    add_plugins,
    add_verbose,
    given,
    names,
    note,
    out,
)
from genbench.commands.streams import terminal
from genbench.core.errors import ExitCode
from genbench.core.texts import aligned

if TYPE_CHECKING:
    from genbench.core.progress import Say
    from genbench.runs.run_options import RunOptions


def add_parser(commands: Commands) -> None:
    """Add ``run``; an argument has the name of its field in ``RunOptions``."""
    parser = add_command(commands, "run", "train and evaluate what is missing, store, report")
    add = parser.add_argument
    add("--suite", help="name of a suite, or a TOML file; digits by default, standard with --data")
    add(
        "--data",
        metavar="PATH",
        help="train the suite's models on images of yours: a folder, .npz, .npy or .parquet file",
    )
    add(
        "--set",
        dest="settings",
        action="append",
        metavar="KEY=VALUE",
        help="change a key of the suite file, for example train.epochs=1; repeatable",
    )
    add("--models", type=names, metavar="A,B", help="only these models")
    add("--studies", type=names, metavar="A,B", help="only these studies")
    add_plugins(parser)
    add("--seeds", type=int, metavar="N", help="number of seeds")
    add(
        "--until-decided",
        type=int,
        nargs="?",
        const=True,
        metavar="MAX",
        help="add seeds until every pair of models is decided, at most MAX (10 by default)",
    )
    add("--limit", type=int, metavar="N", help="data points to keep of each split")
    add("--device", help="auto (the default), cpu, cuda, cuda:N or mps")
    add("--executor", help="local (the default) or ray")
    add(
        "--jobs",
        type=jobs,
        metavar="N",
        help="runs at the same time; auto, the default: one a core, or up to 4 on a GPU",
    )
    add("--shard", metavar="I/N", help="only the I-th of N parts, so that machines share a suite")
    add("--cpus-per-run", type=int, metavar="N", help="cores and threads of a run; 1 by default")
    add("--gpus-per-run", type=float, metavar="X", help="GPUs of a run on Ray; 0.25 for a quarter")
    add("--ray-address", metavar="ADDRESS", help="of a Ray cluster, instead of one started here")
    add("--together", action="store_true", help="train the seeds of a model as one computation")
    add("--fresh", action="store_true", help="do everything again")
    add("--no-report", dest="report", action="store_false", help="stop after the results")
    add("--dry-run", action="store_true", help="say what would be done, and do nothing")
    add_verbose(parser, ", and when each run was done")
    add_folders(parser, "data-dir", "results", "reports")
    parser.set_defaults(body=run)


def jobs(text: str) -> int | str:
    """Read a number of runs at the same time, or ``auto``."""
    return text if text == "auto" else int(text)


def run(arguments: Namespace) -> int:
    """Run a suite and print its summary; exit 4 if a run or study did not end well."""
    from genbench.runs.early import early_workers
    from genbench.runs.run_options import RunOptions

    options = RunOptions(**given(arguments, RunOptions))
    if arguments.dry_run:
        return tell_plan(options)
    say = timed(note) if arguments.verbose else note
    with early_workers(options):
        from genbench.api import run_and_report
        from genbench.reporting import terminal_summary

        outcome, suite = run_and_report(options, say)
    if options.shard and not outcome.size:
        note(f"shard {options.shard}: nothing to do, since there are fewer runs than shards")
    elif outcome.cached:
        fix = " (--fresh starts again)" if options.until_decided is False else ""
        note(f"nothing to do: {outcome.stored or 'all'} stored{fix}")
    elif outcome.stored:
        note(f"stored already: {outcome.stored}")
    if suite:
        out(terminal_summary(suite, terminal(), verbose=arguments.verbose))
        out(f"\nresults: {suite.folder / 'metrics.csv'}")
    if outcome.report:
        out(f"report:  {outcome.report}")
    if arguments.verbose:
        say("finished")
    if not suite:
        done, asked = outcome.done
        note(f"{done} of {asked} runs and studies are stored; report when all shards are done")
    if outcome.problems:
        note(f"genbench: {outcome.describe_failures()}")
        return ExitCode.RUNS_FAILED
    return ExitCode.OK


def timed(say: "Say") -> "Say":
    """Return what says a line with the seconds since this call before it."""
    started = perf_counter()
    return lambda line: say(f"{perf_counter() - started:6.1f} s  {line}")


def tell_plan(options: "RunOptions") -> int:
    """Print what a run would do; exit 3 if it needs data that are damaged or that nobody offers."""
    from genbench.suites.dry_run import dry_run

    plan = dry_run(options)
    first = int(len({row.suite for row in plan.rows}) == 1)  # one suite needs no name
    rows = [(row.suite, *row[:4])[first:] for row in plan.rows]
    out(aligned(rows, ("suite", "model", "seed", "train_id", "state")[first:], terminal()))
    states = Counter(row.state for row in plan.rows)
    out("\n" + ", ".join(f"{state}: {n}" for state, n in states.items()))
    for folder in dict.fromkeys(str(Path(row.folder).parent) for row in plan.rows if row.folder):
        out(f"folder: {folder}")
    for line in plan.downloads:
        note(f"would download {line}")
    for line in plan.problems:
        note(f"genbench: {line}")
    return ExitCode.DATA if plan.problems else ExitCode.OK
