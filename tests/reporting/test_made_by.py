"""Which genbench made a report."""

import pytest

from genbench.reporting import made_by as module
from genbench.reporting.made_by import made_by
from genbench.version import __version__


@pytest.fixture(autouse=True)
def _at_a_commit(monkeypatch):
    monkeypatch.setattr(module, "commit", lambda: "abc1234")


def said(suite, version, commit):
    changes = {"versions": {"genbench": version}, "commit": commit}
    return made_by(suite.record.model_copy(update=changes))


def test_results_of_another_version_are_told_from_the_report(suite):
    ours = f"genbench {__version__} (commit abc1234)"
    assert said(suite, __version__, "abc1234") == f"Made by {ours}"
    assert said(suite, "0.0.9", "") == f"Results made by genbench 0.0.9, report by {ours}"
    assert said(suite, None, "") == f"Made by {ours}"


@pytest.mark.parametrize("text", ["<b>", "1.0--><script>", "1\n2", "1.0 a", "x" * 99])
def test_a_text_that_is_no_version_is_not_shown(suite, text):
    assert text not in said(suite, text, text)


def test_page_and_tables_state_it(report):
    lines = [(report / name).read_text() for name in ("table.md", "table.tex", "index.html")]
    for text, before in zip(lines, ("<!-- ", "% ", "<footer><p>"), strict=True):
        assert f"{before}Results made by genbench 0.1.0" in text or f"{before}Made by" in text
