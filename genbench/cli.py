"""The command line: parses, calls one function of ``commands``, turns errors into exit codes.

Imports nothing heavy; ``--help`` and wrong usage answer at once.
"""

import argparse
import os
import signal
import sys
import traceback
from functools import partial
from pathlib import Path
from types import FrameType

from genbench import commands
from genbench.core.errors import ExitCode, GenbenchError
from genbench.version import __version__


class _TerminatedError(BaseException):
    """SIGTERM arrived."""


def main(argv: list[str] | None = None) -> int:
    """Run a command and return its exit code."""
    arguments = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _terminate)
    try:
        return int(arguments.command(arguments))
    except GenbenchError as error:
        return _fail(str(error), error.exit_code, arguments.debug)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except OSError as error:
        return _fail(f"{error.filename or ''}: {error.strerror}", ExitCode.STORAGE, arguments.debug)
    except KeyboardInterrupt:
        return _fail("interrupted; the same command goes on from here", ExitCode.INTERRUPTED, False)
    except _TerminatedError:
        return _fail("terminated; the same command goes on from here", ExitCode.TERMINATED, False)
    except Exception as error:  # noqa: BLE001  the last line of defence: no traceback for users
        message = f"internal error: {type(error).__name__}: {error} (--debug shows where)"
        return _fail(message, ExitCode.RUNS_FAILED, arguments.debug)


def _terminate(signum: int, frame: FrameType | None) -> None:
    raise _TerminatedError


def _fail(message: str, code: ExitCode, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    lines = message.strip().splitlines()[:10]
    print("genbench: " + "\n".join(lines), file=sys.stderr)  # noqa: T201
    return int(code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="genbench",
        description="Compare generative models, with numbers that prove themselves.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"genbench {__version__}")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--debug", action="store_true", help="show tracebacks")
    parts = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_run(parts, shared)
    _add_report(parts, shared)
    _add_compare(parts, shared)
    _add_check(parts, shared)
    _add_list(parts, shared)
    _add_data(parts, shared)
    selftest = _command(parts, shared, "selftest", "hold every evaluator against exact answers")
    selftest.add_argument("--format", choices=["text", "json"], default="text")
    selftest.set_defaults(command=commands.selftest)
    doctor = _command(parts, shared, "doctor", "versions, device, data, and what to fix")
    doctor.add_argument("--data-dir", type=Path, help="where data sets lie")
    doctor.set_defaults(command=commands.doctor)
    _add_bench(parts, shared)
    return parser


def _numbers(text: str) -> tuple[int, ...]:
    """Read whole numbers with commas between them; none of an empty text."""
    return tuple(int(part) for part in text.split(",") if part.strip())


def _add_bench(parts: "_Parts[argparse.ArgumentParser]", shared: argparse.ArgumentParser) -> None:
    bench = _command(parts, shared, "bench", "speed, next to what the hardware allows")
    add_numbers = partial(bench.add_argument, type=_numbers, metavar="N,N")
    bench.add_argument("--models", default="", metavar="A,B", help="recipes; all that are trained")
    bench.add_argument("--tasks", metavar="A,B", help="of train, iw, ais and sample; all of them")
    add_numbers("--batch-sizes", help="images of a step; 20 and 128")
    bench.add_argument("--device", default="auto", help="auto, cpu or cuda")
    bench.add_argument("--seconds", type=float, metavar="S", help="time for each row; 1")
    bench.add_argument(
        "--quick", action="store_true", help="0.2 seconds and batch size 128 unless given"
    )
    add_numbers("--hidden", default=(400,), help="sizes of the dense layers")
    bench.add_argument("--latent-dim", type=int, default=20, metavar="N", help="of the latent")
    bench.add_argument("--n-samples", type=int, default=100, metavar="K", help="of the iw bound")
    bench.add_argument("--study", metavar="WHAT", help="batch_size, latent_dim, n_samples or seeds")
    add_numbers("--values", default=(), help="what the study goes through")
    bench.add_argument("--format", choices=["text", "json"], default="text")
    bench.add_argument("--output", type=Path, metavar="FILE", help="write the rows as JSON, too")
    bench.add_argument("--compare", type=Path, metavar="OLD.json", help="fail if a row is slower")
    bench.add_argument("--data-dir", type=Path, help="where MNIST lies; else random images")
    figures = Path("reports/bench")
    bench.add_argument("--figures", type=Path, default=figures, help="where a study is drawn")
    bench.set_defaults(command=commands.bench)


_Parts = argparse._SubParsersAction


def _command(
    parts: "_Parts[argparse.ArgumentParser]", shared: argparse.ArgumentParser, name: str, text: str
) -> argparse.ArgumentParser:
    return parts.add_parser(name, help=text, description=text, parents=[shared], allow_abbrev=False)


def _add_run(parts: "_Parts[argparse.ArgumentParser]", shared: argparse.ArgumentParser) -> None:
    run = _command(parts, shared, "run", "train and evaluate what is missing, store, report")
    run.add_argument("--suite", default="digits", help="a suite's name or a TOML file")
    run.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a key of the suite file, for example train.epochs=1; repeatable",
    )
    run.add_argument("--models", default="", metavar="A,B", help="only these models")
    run.add_argument("--studies", default="", metavar="A,B", help="only these studies")
    run.add_argument("--seeds", type=int, metavar="N", help="number of seeds")
    run.add_argument("--limit", type=int, metavar="N", help="data points to keep of each split")
    run.add_argument("--device", default="auto", help="auto, cpu or cuda")
    run.add_argument("--executor", default="local", help="local or ray")
    run.add_argument("--jobs", type=int, default=1, metavar="N", help="runs at the same time")
    run.add_argument("--together", action="store_true", help="train the seeds of a model as one")
    run.add_argument("--fresh", action="store_true", help="do everything again")
    run.add_argument("--no-report", action="store_true", help="stop after the results")
    run.add_argument("--dry-run", action="store_true", help="say what would be done")
    _add_places(run, data=True)
    run.set_defaults(command=commands.run)


def _add_places(parser: argparse.ArgumentParser, *, data: bool) -> None:
    if data:
        parser.add_argument("--data-dir", type=Path, help="where data sets lie")
    parser.add_argument("--results", type=Path, default=Path("results"), help="where results go")
    parser.add_argument("--reports", type=Path, default=Path("reports"), help="where reports go")


def _add_report(parts: "_Parts[argparse.ArgumentParser]", shared: argparse.ArgumentParser) -> None:
    report = _command(parts, shared, "report", "tables, figures and a page from stored results")
    report.add_argument("--suite", default="digits", help="a suite that was run")
    _add_places(report, data=False)
    report.set_defaults(command=commands.report)


def _add_compare(parts: "_Parts[argparse.ArgumentParser]", shared: argparse.ArgumentParser) -> None:
    text = "which of two stored results is better, and how sure that is"
    compare = _command(parts, shared, "compare", text)
    what = "SUITE, FOLDER with a metrics.csv, either with :MODEL, or a model of --suite"
    compare.add_argument("first", metavar="A", help=what)
    compare.add_argument("second", metavar="B", help="the same")
    compare.add_argument("--suite", help="A and B are models of this suite")
    compare.add_argument("--format", choices=["text", "json"], default="text")
    compare.add_argument(
        "--output", type=Path, metavar="DIR", help="write tables, numbers and the rank plot there"
    )
    compare.add_argument("--results", type=Path, default=Path("results"), help="where suites lie")
    compare.set_defaults(command=commands.compare)


def _add_check(parts: "_Parts[argparse.ArgumentParser]", shared: argparse.ArgumentParser) -> None:
    check = _command(parts, shared, "check", "fail if stored numbers are worse than a baseline")
    check.add_argument("--baseline", type=Path, required=True, metavar="FILE", help="the file")
    check.add_argument("--suite", help="a suite that was run; that of the baseline unless said")
    check.add_argument("--results", type=Path, default=Path("results"), help="where results lie")
    check.add_argument(
        "--baseline-results",
        type=Path,
        metavar="DIR",
        help="results behind the baseline, to compare datum by datum",
    )
    instead = check.add_mutually_exclusive_group()
    instead.add_argument("--update", action="store_true", help="write the baseline")
    check.add_argument("--format", choices=["text", "json", "junit", "github"], default="text")
    check.add_argument("--strict", action="store_true", help="fail on what is inconclusive too")
    check.add_argument(
        "--margin",
        dest="margins",
        action="append",
        default=[],
        metavar="[MODEL/]METRIC=NUMBER",
        help="how far a number may move, in its unit; with --update it is kept; repeatable",
    )
    instead.add_argument(
        "--calibrate",
        action="store_true",
        help="measure how often the gate errs, on the results of many seeds",
    )
    check.add_argument("--trials", type=int, default=1000, metavar="N", help="of --calibrate")
    check.add_argument("--seeds", type=int, default=5, metavar="N", help="a side, of --calibrate")
    check.add_argument("--loss", type=float, default=1.0, help="nats of ELBO, of --calibrate")
    check.set_defaults(command=commands.check)


def _add_list(parts: "_Parts[argparse.ArgumentParser]", shared: argparse.ArgumentParser) -> None:
    listing = _command(parts, shared, "list", "what there is")
    listing.add_argument("what", choices=["models", "datasets", "evaluators", "studies", "suites"])
    listing.set_defaults(command=commands.list_known)


def _add_data(parts: "_Parts[argparse.ArgumentParser]", shared: argparse.ArgumentParser) -> None:
    data = _command(parts, shared, "data", "fetch or verify data sets")
    actions = data.add_subparsers(required=True, metavar="ACTION")
    fetch = _command(actions, shared, "fetch", "download a data set and check it")
    verify = _command(actions, shared, "verify", "check the files of a data set")
    fetch.add_argument("--force", action="store_true", help="download even what is there")
    for part, command in ((fetch, commands.data_fetch), (verify, commands.data_verify)):
        part.add_argument("datasets", nargs="*", metavar="DATASET", help="names; all if none")
        part.add_argument("--data-dir", type=Path, help="where data sets lie")
        part.set_defaults(command=command)
