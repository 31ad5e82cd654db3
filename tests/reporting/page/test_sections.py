"""The chapters of declared figures and of studies."""

import re

import pytest

from genbench.core.errors import ConfigError
from genbench.reporting import build_report
from genbench.results.suite import StoredSuite
from tests.results.fabricate import PLOTS, fabricate
from tests.studies.tiny import DESCRIPTION


@pytest.fixture(scope="module")
def studied(tossed_results, tmp_path_factory):
    """The folder of the report of a suite of studies."""
    suite = StoredSuite.open(tossed_results, "tossed")
    return build_report(suite, tmp_path_factory.mktemp("reports")).parent


@pytest.fixture(scope="module")
def page(studied):
    return (studied / "index.html").read_text()


def test_declared_figures_stand_in_a_chapter_and_as_files(report, text):
    assert re.findall(r'<h3 id="group-(loss|bound|none)">', text) == ["loss", "bound"]
    assert '<details class="section" id="declared" open>' in text
    assert "How it fell." in text
    for name in ("loss", "bound"):
        assert (report / "figures" / f"{name}.pdf").read_bytes().startswith(b"%PDF")


def test_a_figure_of_a_column_that_there_is_not_names_the_key(tmp_path, build):
    wrong = PLOTS[1] | {"y": ["elbow"]}
    results = fabricate(tmp_path / "results", ("linear_gaussian",), (0,), (), plot=[wrong])
    with pytest.raises(ConfigError, match=r"plot\.bound\.y: no column 'elbow'.*mean 'elbo'"):
        build(results)


def test_the_page_shows_title_description_figures_tables_and_checks(page):
    assert page.count(f"<p>{DESCRIPTION}</p>") == 2
    for name in ("coins-mean", "coins-faces", "wrong-mean", "coins-numbers"):
        assert f'id="group-{name}"' in page
    for text in ("Coins that are tossed", "Over k.", "By hand.", "one minus one half", "≥ 0"):
        assert text in page
    assert "means.csv (50 rows)" in page
    assert "means.csv (20 rows)" not in page


def test_a_check_that_fails_stands_at_the_top(page):
    alert = page.index('<span class="status">check failed</span>, one minus one half')
    assert alert < page.index('id="study-coins"')
    assert re.findall(r'<td class="words">(yes|NO)</td>', page) == ["yes", "yes", "NO", "yes"]


def test_a_page_of_studies_alone_has_nothing_about_models(page):
    for text in ("leaderboard-", "All metrics", "Budgets and selection", "Log-likelihood"):
        assert text not in page
    assert "2 studies · 3 of 4 checks hold" in page
    names = re.findall(r' id="([^"]*)"', page)
    assert len(names) == len(set(names))
    assert set(re.findall(r'href="#([^"]*)"', page)) <= set(names)


def test_each_figure_is_a_file_and_has_words_for_who_cannot_see_it(studied, page):
    figures = {path.name for path in (studied / "figures").iterdir()}
    stems = ("coins-mean", "coins-faces", "wrong-mean", "wrong-faces")
    assert figures == {f"{stem}.{kind}" for stem in stems for kind in ("png", "pdf")}
    alts = re.findall(r'<img [^>]*alt="([^"]*)"', page)
    assert alts[0] == "Mean of the coins: lines of mean against k"
    assert alts[1] == "Faces: a grid of images"
