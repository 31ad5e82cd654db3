"""The scripts and the style that stand inside a page: two libraries, and what uses them."""

import base64
import hashlib
import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

_TABLES = ("ui.js", "copies.js", "tables.js", "page.js")
_CHARTS = ("charts.js",)
_LIBRARIES = {"tablesort.min.js": "tablesort.LICENCE", "chart.umd.min.js": "chart.LICENSE.md"}
"""Each with the licence that goes into the page with it."""
_ADDRESSES = re.compile(r"^(?: \* https?://|//# sourceMappingURL=).*\n?", re.MULTILINE)
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {}"


@cache
def inline_scripts(charts: bool = False) -> tuple[str, ...]:
    """The scripts of a page in their order; the plotting library only where there are charts."""
    tables, plotting = (_library(name) for name in _LIBRARIES)
    drawn = (plotting, *map(_text, _CHARTS)) if charts else ()
    return tables, *map(_text, _TABLES), *drawn


def style() -> str:
    """The style of what the scripts add to a page."""
    return _text("script.css")


def content_policy(scripts: Iterable[str]) -> str:
    """The policy that lets exactly these scripts run, and nothing be fetched."""
    return _POLICY.format(" ".join(map(_allowed, scripts)) or "'none'")


def _allowed(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _library(name: str) -> str:
    """A library below its licence, without the addresses in its comments."""
    licence = _text(f"libraries/{_LIBRARIES[name]}").strip()
    code = _ADDRESSES.sub("", _text(f"libraries/{name}")).strip()
    return f"/*\n{name}\n{licence}\n*/\n{code}\n"


def _text(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
