"""``list``, ``data`` and ``doctor``: what there is, and in which state."""

from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from genbench.commands.printing import out, table
from genbench.core.errors import ExitCode


def list_known(arguments: Namespace) -> int:
    """``list``: what there is, a line each; without torch."""
    from genbench.catalogue import LISTINGS

    found = LISTINGS[arguments.what]()
    out(table(found.rows, found.header))
    return ExitCode.OK


def data_fetch(arguments: Namespace) -> int:
    """``data fetch``: download and check."""
    from genbench.data import data_home, datasets
    from genbench.data.fetch import fetch

    home = data_home(arguments.data_dir)
    for name in arguments.datasets or datasets:
        out(_files(fetch(name, home, force=arguments.force)))
    return ExitCode.OK


def data_verify(arguments: Namespace) -> int:
    """``data verify``: check digests; exit 3 if a file is missing or damaged."""
    from genbench.data import data_home, datasets
    from genbench.data.fetch import verify

    home = data_home(arguments.data_dir)
    rows = [row for name in arguments.datasets or datasets for row in verify(name, home)]
    out(_files(rows))
    bad = [row for row in rows if row["status"] in ("missing", "damaged")]
    return ExitCode.DATA if bad else ExitCode.OK


def _files(rows: Sequence[dict[str, Any]]) -> str:
    columns = ("dataset", "file", "status", "path")
    return table([[row[c] for c in columns] for row in rows], columns)


def doctor(arguments: Namespace) -> int:
    """``doctor``: versions, device, data, and what to fix."""
    from genbench import diagnosis

    findings = diagnosis.examine(arguments.data_dir)
    out(table([(f.what, f.state, f.advice) for f in findings], ("what", "state", "what to do")))
    return ExitCode.OK if all(f.healthy for f in findings) else ExitCode.USAGE
