"""The command line, from its own parsers."""

from argparse import SUPPRESS, ArgumentParser, _SubParsersAction
from collections.abc import Iterator
from typing import Any

from genbench.cli import _parser
from genbench.core.errors import ExitCode
from records.markdown import code, page, table

MEANINGS = {
    ExitCode.OK: "All went well.",
    ExitCode.REGRESSION: "`check` found a number that got worse, or `bench --compare` a slower "
    "row.",
    ExitCode.USAGE: "An argument, a suite file or an option is wrong, or `doctor` found "
    "something to fix, or `certify` nothing to check.",
    ExitCode.DATA: "A data set is missing, or a file does not have its pinned digest.",
    ExitCode.RUNS_FAILED: "Some runs failed or diverged (the others are stored), a check of a "
    "study or of `certify` does not hold, or `selftest` found a wrong estimate.",
    ExitCode.STORAGE: "Results could not be read or written.",
    ExitCode.BASELINE: "The baseline is missing or damaged, or holds other numbers than the "
    "results.",
    ExitCode.INTERRUPTED: "Interrupted with Ctrl-C; run the same command to resume.",
    ExitCode.TERMINATED: "Terminated by a signal; run the same command to resume.",
}


def parsers() -> dict[str, ArgumentParser]:
    """Return the parser of each command by its name, ``data fetch`` among them."""
    return dict(_below(_parser(), ""))


def _below(parser: ArgumentParser, path: str) -> Iterator[tuple[str, ArgumentParser]]:
    groups = [a for a in parser._actions if isinstance(a, _SubParsersAction)]
    for name, inner in (item for group in groups for item in group.choices.items()):
        deeper = list(_below(inner, f"{path}{name} "))
        yield from deeper or [(f"{path}{name}", inner)]


def commands() -> str:
    """Return a section for each command: what it does, how it is called, its arguments."""
    return page(*(_command(name, parser) for name, parser in parsers().items()))


def _command(name: str, parser: ArgumentParser) -> str:
    actions = [a for a in parser._actions if a.help != SUPPRESS and a.dest != "help"]
    rows = [(_spelling(action), _default(action), _meaning(action)) for action in actions]
    return page(
        f"## `{name}`",
        f"{_sentence(parser.description or '')}.",
        table(("argument", "default", "meaning"), rows),
    )


def _spelling(action: Any) -> str:
    values = "|".join(map(str, action.choices)) if action.choices else action.metavar or ""
    if not action.option_strings:
        return code(values or action.dest.upper())
    takes = "" if action.nargs == 0 else f" {values or action.dest.upper()}"
    return code(f"{action.option_strings[-1]}{takes}")


def _default(action: Any) -> str:
    silent = action.default in (None, False, True, [], ()) or not action.option_strings
    return "" if silent else code(action.default)


def _meaning(action: Any) -> str:
    required = " (required)" if action.required and action.option_strings else ""
    return f"{action.help or ''}{required}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def exit_codes() -> str:
    """Return the table of exit codes; fails if one has no meaning here."""
    return table(("code", "meaning"), [(int(known), MEANINGS[known]) for known in ExitCode])
