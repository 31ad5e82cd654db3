"""What commands share: arguments and printing. Results go to stdout, all else to stderr."""

import argparse
import dataclasses
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any, TypeAlias

from genbench.commands.streams import print_on
from genbench.core.errors import ConfigError
from genbench.core.names import require_path

Commands: TypeAlias = "argparse._SubParsersAction[ArgumentParser]"


def add_command(commands: Commands, name: str, text: str) -> ArgumentParser:
    """Add the parser of a command; ``text`` says what the command does."""
    parser = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    return parser


def add_folders(parser: ArgumentParser, *names: str) -> None:
    """Add ``--data-dir``, ``--results`` or ``--reports``; the last two have defaults."""
    for name in names:
        default = None if name == "data-dir" else Path(name)
        what = "data sets" if default is None else f"{name}; {name} by default"
        parser.add_argument(f"--{name}", type=path, default=default, help=f"folder of the {what}")


def add_format(parser: ArgumentParser, *others: str) -> None:
    """Add ``--format``: text, JSON, or one of ``others``."""
    parser.add_argument("--format", choices=["text", "json", *others], default="text")


def add_plugins(parser: ArgumentParser) -> None:
    """Add ``--plugin``, for :func:`genbench.core.plugins.load_plugins`."""
    parser.add_argument(
        "--plugin",
        dest="plugins",
        type=path,
        action="append",
        metavar="FILE",
        help="a Python file with recipes, data sets or metrics of your own; repeatable",
    )


def add_verbose(parser: ArgumentParser, more: str = "") -> None:
    """Add ``--verbose``; ``more`` ends what it prints."""
    what = f"print all numbers and notes{more}"
    parser.add_argument("--verbose", action="store_true", help=what)


def given(arguments: Namespace, options: type) -> dict[str, Any]:
    """Return the given arguments that are fields of a dataclass of options, by field name."""
    names = [field.name for field in dataclasses.fields(options)]
    stated = vars(arguments)
    return {name: value for name in names if (value := stated.get(name)) is not None}


def names(text: str) -> tuple[str, ...]:
    """Read comma-separated names, at least one."""
    read = tuple(part.strip() for part in text.split(",") if part.strip())
    if not read:
        raise argparse.ArgumentTypeError("expected one or more names, separated by commas")
    return read


def integers(text: str) -> tuple[int, ...]:
    """Read comma-separated integers."""
    return tuple(int(part) for part in names(text))


def path(text: str) -> Path:
    """Read a path."""
    try:
        require_path(Path(text), "path")
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return Path(text)


def out(text: str) -> None:
    """Print a result."""
    print_on(sys.stdout, text)


def note(text: str) -> None:
    """Print a line to stderr, without breaking a progress bar."""
    from tqdm import tqdm

    with tqdm.external_write_mode(file=sys.stderr):
        print_on(sys.stderr, text)
