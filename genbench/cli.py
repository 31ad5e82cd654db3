"""The command line: collects the commands, runs one, turns errors into exit codes.

Imports nothing heavy; ``--help`` and wrong usage answer at once.
"""

import signal
import threading
import traceback
from argparse import ArgumentParser
from types import FrameType
from typing import Any, NoReturn

from genbench.commands import (
    bench,
    certify,
    check,
    compare,
    data,
    doctor,
    report,
    run,
    score,
    selftest,
    tune,
)
from genbench.commands import list as list_command
from genbench.commands.shared import note
from genbench.commands.streams import any_text
from genbench.core.errors import ExitCode, GenbenchError, did_you_mean, quoted
from genbench.core.interrupts import SIGNALS
from genbench.core.processes import is_importing_script
from genbench.core.texts import printable
from genbench.version import __version__

_LONGEST_LINE = 2000
"""Characters of a line of an error: all known names and what was written fit."""
COMMANDS = (
    run, tune, report, compare, score, check, certify, list_command, data, selftest, doctor, bench,
)  # fmt: skip


class _TerminatedError(BaseException):
    """SIGTERM arrived."""


def main(argv: list[str] | None = None) -> int:
    """Run a command and return its exit code."""
    with any_text(), _Signals() as signals:
        debug = False
        try:
            arguments = _parser().parse_args(argv)
            debug = arguments.debug
            return int(arguments.body(arguments))
        except BaseException as error:
            signals.kill()
            cause = signals.raised or error
            if (ending := _ending(cause)) is None:
                raise
            return _fail(*ending, debug and isinstance(cause, Exception))


class _Signals:
    """Makes exceptions of SIGINT and SIGTERM, in the main thread: no other receives signals.

    An import of a C extension may turn such an exception into an error of its own: what was
    raised first is what ends the command. Signals that are ignored, or another's, are left alone.
    """

    def __init__(self) -> None:
        self.raised: BaseException | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "_Signals":
        # A process that is importing its parent's script is no command: it exits silently.
        if threading.current_thread() is threading.main_thread() and not is_importing_script():
            handlers = {number: signal.getsignal(number) for number in SIGNALS}
            usual = (signal.SIG_DFL, signal.default_int_handler)
            self._before = {n: handler for n, handler in handlers.items() if handler in usual}
            self._handle_by(dict.fromkeys(self._before, self._raise))
        return self

    def __exit__(self, *error: object) -> None:
        self._handle_by(self._before)

    def kill(self) -> None:
        """Let signals kill the process from here on, where only the last message is left."""
        self._handle_by(dict.fromkeys(self._before, signal.SIG_DFL))

    def _raise(self, signum: int, frame: FrameType | None) -> NoReturn:
        error = KeyboardInterrupt() if signum == signal.SIGINT else _TerminatedError()
        self.raised = self.raised or error
        raise error

    def _handle_by(self, handlers: dict[int, Any]) -> None:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _ending(error: BaseException) -> tuple[str, ExitCode] | None:
    """Return the message and the exit code for what ended a command, None for an exit."""
    match error:
        case GenbenchError():
            return str(error), error.exit_code
        case OSError():
            message = f"{error.filename}: {error.strerror}" if error.filename else str(error)
            return message, ExitCode.STORAGE
        case KeyboardInterrupt():
            return "interrupted; run the same command to resume", ExitCode.INTERRUPTED
        case _TerminatedError():
            return "terminated; run the same command to resume", ExitCode.TERMINATED
        case Exception():  # no traceback for users
            message = f"internal error: {type(error).__name__}: {error} (--debug shows where)"
            return message, ExitCode.RUNS_FAILED
    return None


def _fail(message: str, code: ExitCode, debug: bool) -> int:
    if debug:
        note(traceback.format_exc())
    lines = message.strip().splitlines()[:10]
    note("genbench: " + "\n".join(line[:_LONGEST_LINE] for line in lines))
    return int(code)


class _Parser(ArgumentParser):
    """Shows what was written and obeys none of it."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Answer what a command does not take with the nearest option that it has."""
        known, rest = super().parse_known_args(args, namespace)
        if rest:
            self.exit(ExitCode.USAGE, f"{self.prog}: {printable(self._unknown(rest))}\n")
        return known, rest

    def _unknown(self, rest: list[str]) -> str:
        written = next((each for each in rest if each.startswith("-")), rest[0])
        options = [name for name in self._option_string_actions if name.startswith("--")]
        if not written.startswith("-"):
            suite = "; a suite is named by --suite NAME" * ("--suite" in options)
            return f"unexpected argument {quoted(written)}{suite}; see `{self.prog} --help`"
        hint = did_you_mean(written.partition("=")[0], options)
        of_suite = "; keys of a suite are set by --set, as --set train.epochs=1"
        return f"unknown option {quoted(written)}; {hint}{of_suite * ('--set' in options)}"

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
