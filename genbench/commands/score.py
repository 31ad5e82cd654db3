"""``score``: images that anybody made, by the metrics of samples."""

from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from genbench.commands.shared import Commands, add_command, add_folders, add_format, note, out, path
from genbench.commands.streams import terminal
from genbench.core.errors import ExitCode
from genbench.core.files import readable_json

if TYPE_CHECKING:
    from genbench.evaluation.external.scoring import Scored

_KEYS = (
    "model", "metric", "value", "stderr", "n", "unit", "better", "kind", "status", "reason",
    "health", "dataset", "protocol",
)  # fmt: skip
"""Of a row as JSON."""


def add_parser(commands: Commands) -> None:
    """Add ``score``."""
    text = "score images that anybody made, without their model, beside controls"
    parser = add_command(commands, "score", text)
    add = parser.add_argument
    add("samples", metavar="SAMPLES", help="a folder of images, .npz, .npy or .parquet file")
    add("--data", required=True, metavar="NAME_OR_PATH", help="the data that they imitate")
    text = "feature space, or a .safetensors file with a network of yours; auto by default"
    add("--features", default="auto", metavar="NAME_OR_PATH", help=text)
    add("--n", type=int, metavar="N", help="images to score; by default as many as test images")
    add("--reports", type=path, metavar="DIR", help="write a page with images and flags there")
    add_format(parser)
    add_folders(parser, "data-dir")
    parser.set_defaults(body=score)


def score(arguments: Namespace) -> int:
    """Score samples and print the table, or the rows as JSON; flags go to stderr with JSON."""
    from genbench.api.scoring import Asked, scored, write_page

    asked = Asked(arguments.data, arguments.features, arguments.n, data_dir=arguments.data_dir)
    found = scored(arguments.samples, asked)
    lines = [f"{flag.kind.replace('_', ' ')}: {flag.text}" for flag in found.flags]
    if arguments.format == "json":
        out(readable_json(rows_of(found)))
        for line in lines:
            note(line)
    else:
        out(text_of(found, lines))
    if arguments.reports:
        note(f"page: {write_page(found, arguments.reports)}")
    return ExitCode.OK


def rows_of(found: "Scored") -> list[dict[str, Any]]:
    """Return a row for each number of the samples and of the controls, without NaN."""
    from genbench.results.metrics_table import health_of

    frame = found.frame.reindex(columns=list(_KEYS))
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    flags = [flag.kind for flag in found.flags]
    return [
        {str(key): value for key, value in row.items()}
        | {"health": health_of(row["health"])}
        | ({"flags": flags} if row["model"] == found.name else {})
        for row in rows
    ]


def text_of(found: "Scored", flags: Sequence[str]) -> str:
    """Return the table, what is odd about the samples, and the protocol, for a terminal."""
    from genbench.api.scoring import table_of
    from genbench.reporting.tables.text import text_tables

    here = terminal()
    odd = [here.paragraph(f"! {flag}", 2) for flag in flags]
    notes = [here.paragraph(line, 2) for line in (*found.notes, found.protocol)]
    parts = (text_tables([table_of(found)], here), "\n".join(odd), "\n".join(notes))
    return "\n\n".join(part for part in parts if part)
