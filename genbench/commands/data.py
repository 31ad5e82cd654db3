"""``data``: fetch, verify, describe and export data sets."""

import argparse
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genbench.commands.shared import (
    Commands,
    add_command,
    add_folders,
    add_format,
    add_plugins,
    note,
    out,
    path,
)
from genbench.commands.streams import terminal
from genbench.core.errors import ExitCode
from genbench.core.texts import aligned, noun

if TYPE_CHECKING:
    from genbench.data import DataConfig
    from genbench.data.own.describe import Description


KEYS = ("levels", "layout", "resize", "validation_size")
_SHOWN_CLASSES = 20


def add_parser(commands: Commands) -> None:
    """Add ``data fetch``, ``data verify``, ``data describe`` and ``data export``."""
    parser = add_command(commands, "data", "fetch, verify, describe or export data sets")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    for_fetch = add_command(actions, "fetch", "download a data set and check it")
    for_fetch.add_argument("--force", action="store_true", help="download files again")
    for_verify = add_command(actions, "verify", "check the files of a data set")
    for action, body in ((for_fetch, fetch), (for_verify, verify)):
        action.add_argument("datasets", nargs="*", metavar="DATASET", help="names; default: all")
        add_folders(action, "data-dir")
        action.set_defaults(body=body)
    about = "say how images are read, and what in them will hurt later"
    for_describe = add_command(actions, "describe", about)
    _add_data(for_describe)
    add = for_describe.add_argument
    add("--split-test", type=_number, metavar="SHARE_OR_N", help="of the test set; 0.2 by default")
    add("--split-seed", type=int, metavar="SEED", help="of the split; 0 by default")
    add("--validation-size", type=int, metavar="N", help="training images to hold out")
    add_format(for_describe)
    for_describe.set_defaults(body=describe)
    for_export = add_command(actions, "export", "write a data set as an .npz or a folder of PNGs")
    _add_data(for_export)
    add = for_export.add_argument
    add("--to", choices=["npz", "folder"], required=True, help="what to write")
    add("--output", type=path, metavar="PATH", help="where; by default the data's name, here")
    for_export.set_defaults(body=export)


def _add_data(parser: ArgumentParser) -> None:
    """Add the choice of a data set, with the keys of ``[data]`` that say how it is read."""
    add = parser.add_argument
    add("data", metavar="NAME_OR_PATH", help="of a data set, or of images of your own")
    add("--levels", type=int, metavar="N", help="how many values a pixel can take")
    add("--layout", choices=["NHW", "NHWC", "NCHW"], help="order of the dimensions of arrays")
    add("--resize", type=_size, metavar="HxW", help="height and width to scale to, such as 28x28")
    add_plugins(parser)
    add_folders(parser, "data-dir")


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.lower().partition("x")
    try:
        return int(height), int(width)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected HEIGHTxWIDTH, not '{text}'") from None


def _number(text: str) -> int | float:
    try:
        return int(text) if text.isdigit() else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a share or a number, not '{text}'") from None


def _config(arguments: Namespace) -> "DataConfig":
    from genbench.core.plugins import load_plugins
    from genbench.data import DataConfig
    from genbench.data.protocol import chosen

    load_plugins(arguments.plugins or ())
    stated = {key: getattr(arguments, key, None) for key in KEYS}
    parts = {key: getattr(arguments, f"split_{key}", None) for key in ("test", "seed")}
    split = {key: value for key, value in parts.items() if value is not None}
    source = chosen(arguments.data)
    if "name" in source and Path(arguments.data).exists():
        note(f"the data set {arguments.data}; ./{arguments.data} is what lies here")
    return DataConfig.read(source | stated | {"split": split or None}, "data")


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
    from genbench.data.storage import data_command

    home = data_home(arguments.data_dir)
    rows = [row for name in arguments.datasets or datasets for row in verify(name, home)]
    out(_files(rows))
    bad = [row["dataset"] for row in rows if row["status"] in ("missing", "damaged")]
    if not bad:
        return ExitCode.OK
    fix = f"`{data_command('fetch', ' '.join(dict.fromkeys(bad)), home)}` downloads them"
    note(f"genbench: {len(bad)} of {len(rows)} files are missing or damaged; {fix}")
    return ExitCode.DATA


def _files(rows: Sequence[dict[str, Any]]) -> str:
    columns = ("dataset", "file", "status", "path")
    return aligned([[row[c] for c in columns] for row in rows], columns, terminal())


def describe(arguments: Namespace) -> int:
    """Print how a data set is read, the lines that choose it, and warnings."""
    from genbench.core.files import readable_json
    from genbench.data.own.describe import describe

    description = describe(_config(arguments), arguments.data_dir)
    as_json = arguments.format == "json"
    out(readable_json(description.record()) if as_json else _described(description))
    return ExitCode.OK


def _described(it: "Description") -> str:
    paper = terminal()
    facts = (f"{it.name}: {it.about}", *it.notes, f"digest {it.digest}")
    warnings = (f"warning: {concern.text}" for concern in it.concerns)
    read, warned = ("\n".join(paper.paragraph(t, 2) for t in part) for part in (facts, warnings))
    lines = "\n".join(("[data]", *it.lines))
    return "\n\n".join(part for part in (read, _counts(it), lines, warned) if part)


def _counts(it: "Description") -> str:
    """Return a table with a column for each split and a row for each class."""
    rows: list[tuple[str | int, ...]] = [("all", *it.sizes.values())]
    shown = it.classes[:_SHOWN_CLASSES]
    rows += [(name, *(n[i] for n in it.counts.values())) for i, name in enumerate(shown)]
    table = aligned(rows, ("class", *it.sizes), terminal())
    more = len(it.classes) - len(shown)
    return f"{table}\nand {more} more classes" if more else table


def export(arguments: Namespace) -> int:
    """Write a data set; print where it is and how it is read again."""
    from genbench.data.own.export import export

    config = _config(arguments)
    done = export(config, arguments.to, arguments.output, arguments.data_dir)
    levels = f", with `levels = {done.levels}`" if done.levels else ""
    out(f"{done.path}: {done.n_images:,} {noun(done.n_images, 'image')}")
    out(f"digest {done.digest}")
    out(f'read it as `path = "{done.path}"`{levels}')
    if not config.is_own:
        note(
            "read again, it has the digest and the order of own images, not of the registered set; "
            "with the same `validation_size` and `seed`, the same images are for validation"
        )
    return ExitCode.OK
