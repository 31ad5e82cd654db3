"""The page of impossible likelihoods: a table of sums, and the story of each bug."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from genbench.core.files import write_atomic
from genbench.reporting.page.rendering import render
from genbench.reporting.report_folder import PAGE
from genbench.reporting.tables.small_table import SmallTable
from genbench.version import __version__


class Story(NamedTuple):
    """What a bug does, and the address of the thread where it was found, if one is known."""

    name: str
    story: str
    thread: str


def write_impossible_page(
    title: str,
    facts: Sequence[str],
    lead: str,
    table: SmallTable,
    items: Sequence[Story],
    folder: Path,
) -> Path:
    """Write the page into a folder, and return its path.

    Args:
        title: Of the page.
        facts: The short line beside it.
        lead: What the page shows, in a sentence or two.
        table: The bugs with the checks that unmask them.
        items: Their stories.
        folder: Of the page.

    Raises:
        StorageError: It cannot be written.
    """
    page = render(
        "impossible.html.j2",
        title=title,
        facts=facts,
        lead=lead,
        table=table,
        items=items,
        made_by=f"Made by genbench {__version__}",
    )
    write_atomic(folder / PAGE, page)
    return folder / PAGE
