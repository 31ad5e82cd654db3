"""The whole report: what it links to, what it says, which files it consists of."""

import base64
import gc
import io
import json
import re
from functools import partial
from html.parser import HTMLParser

import pytest
from PIL import Image

from genbench.core.errors import StorageError
from genbench.reporting import build_report, report, terminal_summary
from genbench.reporting.page import lectures
from genbench.results import suite as suite_module
from genbench.results.part_of_suite import best_part
from genbench.results.suite import StoredSuite
from tests.reporting.page.inlined import without_scripts
from tests.results.fabricate import change_suite, fabricate

LINKS = {"src", "href", "action", "data", "poster", "srcset", "background", "formaction", "cite"}


class Page(HTMLParser):
    """Collects tags, links and texts; fails on nothing."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.links, self.texts, self.attributes = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        self.links += [value for name, value in attrs if name in LINKS]

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def test_page_has_no_external_address(text, page):
    assert page.links
    assert all(link.startswith(("data:", "#")) for link in page.links)
    assert "<script" not in without_scripts(text)
    assert "http:" not in text
    assert "https:" not in text
    assert "@import" not in text
    assert "url(" not in text


def test_each_anchor_leads_somewhere(page):
    names = {value for _, name, value in page.attributes if name == "id"}
    assert {link[1:] for link in page.links if link.startswith("#")} <= names


def test_each_image_has_alternative_text_and_opens(page):
    alts = [value for tag, name, value in page.attributes if (tag, name) == ("img", "alt")]
    sources = [link for link in page.links if link.startswith("data:image/png;base64,")]
    assert len(alts) == len(sources) > 20
    assert all(alts)
    for source in sources:
        Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))).verify()


def test_reasons_of_absent_numbers_stand_in_tooltip_and_footnote(suite, page):
    tips = {value for _, name, value in page.attributes if name == "title"}
    shown = "".join(page.texts)
    for reason in set(suite.frame["reason"]) - {""}:
        assert reason in tips
        assert reason in shown


def test_one_table_per_protocol_with_its_own_models_only(suite, text):
    frame = suite.frame
    tables = re.split(r'<div class="table-box" id="table-comparison-', text)[1:]
    assert len(tables) == frame["protocol"].nunique()
    for table, (_, group) in zip(tables, frame.groupby("protocol", sort=False), strict=True):
        body = table.partition("</table>")[0]
        for model in frame["model"].unique():
            shown = f'<span class="name">{model}</span>' in body
            assert shown == (model in set(group["model"]))


def test_diverged_runs_are_announced_before_the_numbers(text):
    assert text.index("2 of 18 runs did not finish") < text.index('<p class="answer">')
    assert "loss not finite at step 120" in text


def test_report_holds_tables_and_figures(report):
    assert (report / "table.md").is_file()
    assert (report / "table.tex").is_file()
    for name in (
        "overview",
        "bounds-1",
        "samples",
        "reconstructions",
        "class-samples",
        "kl-per-dim-vae",
    ):
        assert (report / "figures" / f"{name}.png").stat().st_size > 0
        assert (report / "figures" / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    with Image.open(report / "figures" / "overview.png") as picture:
        assert picture.width >= 1500


def test_text_of_users_is_escaped(tmp_path, build):
    def inject(content):
        content["title"] = content["description"] = "<img src=http://x.example/y>"
        content["command"] = content["metrics"][0]["formula"] = "<script>"

    name = "<script>alert(1)</script>$x_{"
    results = fabricate(tmp_path / "results", models=(name,), seeds=(0,), diverged=())
    change_suite(results, inject)
    text = build(results).read_text()
    page = Page(text)
    assert "<script" not in without_scripts(text)
    assert all(link.startswith(("data:", "#")) for link in page.links)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_suite_without_finished_runs_still_has_a_page(tmp_path, build):
    results = fabricate(tmp_path / "results", models=(), seeds=(0,), diverged=("vae",))
    text = build(results).read_text()
    assert "1 of 1 runs did not finish" in text
    (board,) = StoredSuite.open(results, "tiny").leaderboards
    assert board.sentence in text


def test_figures_of_models_that_are_gone_are_removed(tmp_path, build):
    results = fabricate(tmp_path / "results", models=("ae",), seeds=(0,), diverged=())
    stale = tmp_path / "reports" / "tiny" / "figures" / "kl-old.png"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"")
    build(results)
    assert not stale.exists()


@pytest.mark.parametrize("name", ["history.csv", "artifacts/figures.safetensors"])
def test_a_damaged_digest_is_a_storage_error_that_names_the_file_and_what_helps(
    own_results, tmp_path, name
):
    suite = StoredSuite.open(own_results, "tiny")
    path = suite.run_folder(suite.record.runs[0]) / name
    *content, last = path.read_bytes()
    path.write_bytes(bytes([*content, last ^ 1]))  # as long and as well-formed as before
    with pytest.raises(StorageError, match="running the suite again redoes it") as caught:
        build_report(suite, tmp_path / "reports")
    assert str(path) in str(caught.value)


@pytest.fixture(scope="module")
def few_report(few_results, tmp_path_factory):
    """The folder of the report of few models, and how often record and table were read for it."""
    reads = {"read_record": 0, "read_table": 0}

    def counted(name, read):
        def count(*where):
            reads[name] += 1
            return read(*where)

        return count

    with pytest.MonkeyPatch.context() as patch:
        for name in reads:
            patch.setattr(suite_module, name, counted(name, getattr(suite_module, name)))
        suite = StoredSuite.open(few_results, "tiny")
        terminal_summary(suite)
        page = build_report(suite, tmp_path_factory.mktemp("reports"))
    return page.parent, reads


def test_record_and_table_are_read_once_for_terminal_and_page(few_report):
    assert few_report[1] == {"read_record": 1, "read_table": 1}


def contents(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_another_process_without_torch_builds_the_same_bytes(few_report, built_elsewhere):
    expected, found = contents(few_report[0]), contents(built_elsewhere / "few" / "tiny")
    assert "index.html" in expected
    assert found.keys() == expected.keys()
    assert [name for name in expected if found[name] != expected[name]] == []


def test_another_process_builds_every_chapter_with_the_same_bytes(chapters, built_elsewhere):
    expected, found = contents(chapters), contents(built_elsewhere / "chapters" / "tiny")
    assert found.keys() == expected.keys()
    assert [name for name in expected if found[name] != expected[name]] == []


def test_the_report_is_laid_out_by_whom_the_suite_names(own_tossed, monkeypatch, tmp_path):
    path = own_tossed / "tossed" / "suite.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"spec": {"page": "lectures"}}))
    (path.parent / "manifest.json").unlink()
    suite = StoredSuite.open(own_tossed, "tossed")
    asked = []
    monkeypatch.setattr(lectures, "build", lambda *where: asked.append(where) or tmp_path / "made")
    assert build_report(suite, tmp_path / "reports") == tmp_path / "made"
    assert asked == [(suite, tmp_path / "reports")]


def test_a_page_of_very_many_models_shows_the_best_and_says_so(few_results, tmp_path, monkeypatch):
    suite = StoredSuite.open(few_results, "tiny")
    monkeypatch.setattr(report, "best_part", partial(best_part, most=1))
    page = build_report(suite, tmp_path).read_text(encoding="utf-8")
    shown = best_part(suite, 1).models
    assert f"This page shows the 1 best of {len(suite.models)} models" in page
    assert set(re.findall(r'data-model="([^"]*)" style', page)) == set(shown)
    table = (tmp_path / "tiny" / "table.md").read_text(encoding="utf-8").replace("\\", "")
    assert [name for name in suite.models if name not in table] == []


def test_a_report_leaves_the_collector_of_garbage_as_it_was(build, few_results):
    before = gc.get_threshold()
    build(few_results)
    assert gc.get_threshold() == before
