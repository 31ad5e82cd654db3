"""The version of genbench behind a report."""

import re

from genbench.core.commit import commit
from genbench.results.records import SuiteRecord
from genbench.version import __version__

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]{0,79}")


def made_by(record: SuiteRecord) -> str:
    """Say which genbench made the results, and which the report, where that is another."""
    results = _named(record.versions.get("genbench") or "", record.commit)
    report = _named(__version__, commit())
    if results in ("genbench", report):
        return f"Made by {report}"
    return f"Results made by {results}, report by {report}"


def _named(version: str, of: str) -> str:
    """Version and commit; what is no name of either is left out."""
    name = f"genbench {version}" if _PLAIN.fullmatch(version) else "genbench"
    return f"{name} (commit {of})" if _PLAIN.fullmatch(of) else name
