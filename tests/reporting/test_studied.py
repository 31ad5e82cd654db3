"""Stored studies as reports read them, and as the page shows them."""

import json
import math
import re
import shutil

import pytest

from genbench.core.errors import StorageError
from genbench.reporting import build_report, lectures, terminal_summary
from genbench.results.studies import load_studies
from genbench.suites.run import Request, run_suite
from tests.studies.tiny import DESCRIPTION, register

SUITE = """
title = "Coins"
description = "What coins do."

[[study]]
name = "coins"

[[study]]
study = "coins"
name = "wrong"
n = 50
off = 0.25
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Results and reports of a suite of studies, to be read only."""
    folder = tmp_path_factory.mktemp("studied")
    (folder / "tossed.toml").write_text(SUITE)
    with pytest.MonkeyPatch.context() as patch:
        register(patch)
        run_suite(RunOptions(str(folder / "tossed.toml"), results=folder / "results"))
    build_report(folder / "results", folder / "reports", "tossed")
    return folder


@pytest.fixture(scope="module")
def page(whole):
    return (whole / "reports" / "tossed" / "index.html").read_text()


@pytest.fixture
def own(whole, tmp_path):
    """The results, to be damaged."""
    return shutil.copytree(whole / "results", tmp_path / "results")


def test_studies_are_read_back_as_they_were_found(whole):
    first, second = load_studies(whole / "results", "tossed")
    assert (first.name, second.name) == ("coins", "wrong")
    assert (first.title, first.description) == ("Coins that are tossed", DESCRIPTION)
    assert [check.passed for check in first.checks + second.checks] == [True, True, False, True]
    assert [plot.name for plot in first.plots] == ["mean", "faces"]
    assert first.arrays["faces"].shape == (1, 2, 1, 3)
    assert (len(first.tables["means"]), len(second.tables["means"])) == (20, 50)
    assert first.seconds >= 0


def test_tables_keep_digits_texts_and_what_is_absent(whole):
    first, _ = load_studies(whole / "results", "tossed")
    odd = first.tables["odd_cells"]
    assert odd["a"][0] == 0.1 + 0.2
    assert math.isnan(odd["a"][1])
    assert list(odd["b"]) == ["NA", ""]
    kinds = [first.tables["means"][name].dtype.kind for name in ("k", "mean")]
    assert kinds == ["i", "f"]


@pytest.mark.parametrize("name", ["study.json", "means.csv", "arrays.safetensors", "manifest.json"])
@pytest.mark.parametrize("damage", ["cut", "gone", "other"])
def test_damage_is_named_with_its_repair(own, name, damage):
    path = own / "tossed" / "studies" / "wrong" / name
    content = path.read_bytes()
    path.unlink() if damage == "gone" else path.write_bytes(
        content[:-7] if damage == "cut" else content.replace(b"n", b"m")
    )
    if content == (path.read_bytes() if path.exists() else b""):
        pytest.skip("this damage changes nothing here")
    with pytest.raises(StorageError) as caught:
        load_studies(own, "tossed")
    assert str(path.parent) in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 2


def test_the_page_shows_title_description_figures_tables_and_checks(page):
    assert page.count(f"<p>{DESCRIPTION}</p>") == 2
    for name in ("coins-mean", "coins-faces", "wrong-mean", "coins-numbers"):
        assert f'id="figure-{name}"' in page
    for text in ("Coins that are tossed", "Over k.", "By hand.", "one minus one half", "≥ 0"):
        assert text in page
    assert "means.csv (50 rows)" in page
    assert "means.csv (20 rows)" not in page


def test_a_check_that_fails_stands_at_the_top(page):
    alert = page.index('<span class="status">check failed</span>, one minus one half')
    assert alert < page.index("Coins that are tossed</h2>")
    assert re.findall(r'<td class="words">(yes|NO)</td>', page) == ["yes", "yes", "NO", "yes"]


def test_a_page_of_studies_alone_has_nothing_about_models(page):
    for text in ("Key takeaways", "Comparison", "Models and training", "generative model"):
        assert text not in page
    assert "2 studies with 4 checks against known answers." in page
    names = re.findall(r' id="([^"]*)"', page)
    assert len(names) == len(set(names))
    assert set(re.findall(r'href="#([^"]*)"', page)) <= set(names)


def test_each_figure_is_a_file_and_has_words_for_who_cannot_see_it(whole, page):
    figures = {path.name for path in (whole / "reports" / "tossed" / "figures").iterdir()}
    stems = ("coins-mean", "coins-faces", "wrong-mean", "wrong-faces")
    assert figures == {f"{stem}.{kind}" for stem in stems for kind in ("png", "pdf")}
    alts = re.findall(r'<img [^>]*alt="([^"]*)"', page)
    assert alts[0] == "Mean of the coins: lines of mean against k"
    assert alts[1] == "Faces: a grid of images"


def test_the_terminal_shows_the_checks(whole):
    seen = []
    terminal_summary(whole / "results", "tossed", lambda *laid_out: seen.append(laid_out) or "")
    ((rows, heads),) = seen
    assert heads == ("study", "check", "expected", "found", "tolerance", "holds")
    assert rows[2] == ("wrong", "one minus one half", "0.5", "0.75", "1e-09", "NO")
    assert rows[1][:3] == ("coins", "mean of fair coins", "≥ 0")
    assert [row[-1] for row in rows] == ["yes", "yes", "NO", "yes"]


def test_the_report_is_laid_out_by_whom_the_suite_names(own, monkeypatch, tmp_path):
    path = own / "tossed" / "suite.json"
    suite = json.loads(path.read_text())
    path.write_text(json.dumps(suite | {"spec": {"page": "lectures"}}))
    asked = []
    monkeypatch.setattr(lectures, "build", lambda *where: asked.append(where) or tmp_path / "made")
    assert build_report(own, tmp_path / "reports", "tossed") == tmp_path / "made"
    assert asked == [(own, tmp_path / "reports", "tossed")]
