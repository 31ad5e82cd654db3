"""``data fetch`` and ``data verify``: the files of data sets."""

from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from genbench.commands.shared import Commands, add_command, add_folders, out
from genbench.commands.streams import terminal
from genbench.core.errors import ExitCode
from genbench.core.texts import aligned


def add_parser(commands: Commands) -> None:
    """Add ``data fetch`` and ``data verify``."""
    parser = add_command(commands, "data", "fetch or verify data sets")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    for_fetch = add_command(actions, "fetch", "download a data set and check it")
    for_fetch.add_argument("--force", action="store_true", help="download files again")
    for_verify = add_command(actions, "verify", "check the files of a data set")
    for action, body in ((for_fetch, fetch), (for_verify, verify)):
        action.add_argument("datasets", nargs="*", metavar="DATASET", help="names; default: all")
        add_folders(action, "data-dir")
        action.set_defaults(body=body)


def fetch(arguments: Namespace) -> int:
    """Download and check."""
    from genbench.data import data_home, datasets
    from genbench.data.fetch import fetch

    home = data_home(arguments.data_dir)
    for name in arguments.datasets or datasets:
        out(_files(fetch(name, home, force=arguments.force)))
    return ExitCode.OK


def verify(arguments: Namespace) -> int:
    """Check digests; exit 3 if a file is missing or damaged."""
    from genbench.data import data_home, datasets
    from genbench.data.fetch import verify

    home = data_home(arguments.data_dir)
    rows = [row for name in arguments.datasets or datasets for row in verify(name, home)]
    out(_files(rows))
    bad = any(row["status"] in ("missing", "damaged") for row in rows)
    return ExitCode.DATA if bad else ExitCode.OK


def _files(rows: Sequence[dict[str, Any]]) -> str:
    columns = ("dataset", "file", "status", "path")
    return aligned([[row[c] for c in columns] for row in rows], columns, terminal())
