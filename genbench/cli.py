"""The command line: collects the commands, runs one, turns errors into exit codes.

Imports nothing heavy; ``--help`` and wrong usage answer at once.
"""

import signal
import threading
import traceback
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from genbench.commands import bench, check, compare, data, doctor, report, run, selftest, tune
from genbench.commands import list as list_command
from genbench.commands.shared import note
from genbench.commands.streams import any_text
from genbench.core.errors import ExitCode, GenbenchError
from genbench.core.processes import is_importing_script
from genbench.core.texts import printable
from genbench.version import __version__

_LONGEST_LINE = 2000
"""Characters of a line of an error: all known names and what was written fit."""
COMMANDS = (run, tune, report, compare, check, list_command, data, selftest, doctor, bench)


class _TerminatedError(BaseException):
    """SIGTERM arrived."""


def main(argv: list[str] | None = None) -> int:
    """Run a command and return its exit code."""
    with any_text(), _sigterm_as_exception():
        arguments = _parser().parse_args(argv)
        try:
            return int(arguments.body(arguments))
        except GenbenchError as error:
            return _fail(str(error), error.exit_code, arguments.debug)
        except OSError as error:
            message = f"{error.filename}: {error.strerror}" if error.filename else str(error)
            return _fail(message, ExitCode.STORAGE, arguments.debug)
        except KeyboardInterrupt:
            return _fail("interrupted; run the same command to resume", ExitCode.INTERRUPTED)
        except _TerminatedError:
            return _fail("terminated; run the same command to resume", ExitCode.TERMINATED)
        except Exception as error:  # noqa: BLE001  no traceback for users
            message = f"internal error: {type(error).__name__}: {error} (--debug shows where)"
            return _fail(message, ExitCode.RUNS_FAILED, arguments.debug)


@contextmanager
def _sigterm_as_exception() -> Iterator[None]:
    """Raise on SIGTERM while the block runs; signals arrive in the main thread only.

    A process that is importing its parent's script is not part of the command and exits silently.
    """
    if threading.current_thread() is not threading.main_thread() or is_importing_script():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def _terminate(signum: int, frame: FrameType | None) -> None:
    raise _TerminatedError


def _fail(message: str, code: ExitCode, debug: bool = False) -> int:
    if debug:
        note(traceback.format_exc())
    lines = message.strip().splitlines()[:10]
    note("genbench: " + "\n".join(line[:_LONGEST_LINE] for line in lines))
    return int(code)


class _Parser(ArgumentParser):
    """Shows what was written and obeys none of it."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the arguments, and exit."""
        super().error(printable(message))


def _parser() -> ArgumentParser:
    parser = _Parser(
        prog="genbench",
        description="Compare generative models, with numbers checked against exact answers.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"genbench {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_parser(commands)
    return parser
