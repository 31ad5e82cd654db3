"""Reference pages from the live records of genbench, written anew at each build.

A line ``<!-- records: NAME -->`` of a page is replaced by the Markdown that the function of that
name in ``PAGES`` returns.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from records.commands import commands, exit_codes
from records.data import columns, data_sets
from records.metrics import metrics
from records.models import observations, recipes, studies, suites
from records.suite_file import suite_file

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

PAGES = {
    "commands": commands,
    "exit_codes": exit_codes,
    "suite_file": suite_file,
    "metrics": metrics,
    "recipes": recipes,
    "observations": observations,
    "studies": studies,
    "suites": suites,
    "data_sets": data_sets,
    "columns": columns,
}
MARK = re.compile(r"^<!-- records: (\w+) -->$", re.MULTILINE)


def setup(app: "Sphinx") -> dict[str, Any]:
    """Register the extension."""
    app.connect("source-read", _fill)
    app.connect("env-get-outdated", pages_of_records)
    return {"parallel_read_safe": True}


def _fill(app: "Sphinx", name: str, source: list[str]) -> None:
    source[0] = filled(source[0])


def pages_of_records(app: "Sphinx", env: "BuildEnvironment", *_: set[str]) -> list[str]:
    """Return the pages with a mark: records change where no page does."""
    texts = {name: Path(env.doc2path(name)).read_text(encoding="utf-8") for name in env.found_docs}
    return [name for name, text in texts.items() if MARK.search(text)]


def filled(text: str) -> str:
    """Return the text of a page with its marks replaced."""
    return MARK.sub(lambda mark: PAGES[mark[1]](), text)
