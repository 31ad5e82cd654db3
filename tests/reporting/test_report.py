import base64
import io
import json
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from genbench.reporting import build_report, load_results
from genbench.reporting.rendering import maths

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
def page(report):
    return Page((report / "index.html").read_text())


def test_page_has_no_external_address(report, page):
    assert page.links
    assert all(link.startswith(("data:", "#")) for link in page.links)
    assert "script" not in page.tags
    text = (report / "index.html").read_text()
    assert "http:" not in text
    assert "https:" not in text
    assert "@import" not in text
    assert "url(" not in text


def test_each_anchor_leads_somewhere(page):
    names = {value for _, name, value in page.attributes if name == "id"}
    assert {link[1:] for link in page.links if link.startswith("#")} <= names


def test_each_picture_has_alternative_text_and_opens(page):
    alts = [value for tag, name, value in page.attributes if (tag, name) == ("img", "alt")]
    sources = [link for link in page.links if link.startswith("data:image/png;base64,")]
    assert len(alts) == len(sources) > 20
    assert all(alts)
    for source in sources:
        Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))).verify()


def test_reasons_of_absent_numbers_stand_in_tooltip_and_footnote(results, page):
    frame = load_results(results, "tiny")
    tips = {value for _, name, value in page.attributes if name == "title"}
    text = "".join(page.texts)
    for reason in set(frame["reason"]) - {""}:
        assert reason in tips
        assert reason in text


def test_one_table_per_protocol_with_its_own_models_only(results, report):
    frame = load_results(results, "tiny")
    text = (report / "index.html").read_text()
    tables = text.split('<table class="comparison">')[1:]
    assert len(tables) == frame["protocol"].nunique()
    for table, (_, group) in zip(tables, frame.groupby("protocol", sort=False), strict=True):
        body = table.partition("</table>")[0]
        for model in frame["model"].unique():
            shown = f'<span class="name">{model}</span>' in body
            assert shown == (model in set(group["model"]))


def test_diverged_runs_are_announced_before_the_numbers(report):
    text = (report / "index.html").read_text()
    assert text.index("2 of 18 runs did not finish") < text.index("Key takeaways</h2>")
    assert "loss not finite at step 120" in text


def test_report_holds_tables_and_figures(report):
    assert (report / "table.md").is_file()
    assert (report / "table.tex").is_file()
    for name in ("overview", "bounds-1", "samples", "reconstructions", "class-samples", "kl-vae"):
        assert (report / "figures" / f"{name}.png").stat().st_size > 0
        assert (report / "figures" / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    with Image.open(report / "figures" / "overview.png") as picture:
        assert picture.width >= 1500


def test_build_in_another_process_gives_the_same_bytes(few_results, tmp_path):
    first = build_report(few_results, tmp_path / "first", "tiny").parent
    program = "from genbench.reporting import build_report as b; from pathlib import Path as P; "
    program += f"b(P({str(few_results)!r}), P({str(tmp_path / 'second')!r}), 'tiny')"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
    second = tmp_path / "second" / "tiny"
    names = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(second) for path in second.rglob("*") if path.is_file())
    assert [n for n in names if (first / n).read_bytes() != (second / n).read_bytes()] == []


def test_text_of_users_is_escaped(fabricate, tmp_path):
    name = "<script>alert(1)</script>$x_{"
    results = fabricate(tmp_path / "results", models=(name,), seeds=(0,), diverged=())
    path = results / "tiny" / "suite.json"
    suite = json.loads(path.read_text())
    suite["title"] = suite["description"] = "<img src=http://x.example/y>"
    suite["command"] = suite["metrics"][0]["formula"] = "<script>"
    path.write_text(json.dumps(suite))
    text = build_report(results, tmp_path / "reports", "tiny").read_text()
    page = Page(text)
    assert "script" not in page.tags
    assert all(link.startswith(("data:", "#")) for link in page.links)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_suite_without_finished_runs_still_has_a_page(fabricate, tmp_path):
    results = fabricate(tmp_path / "results", models=(), seeds=(0,), diverged=("vae",))
    text = build_report(results, tmp_path / "reports", "tiny").read_text()
    assert "1 of 1 runs did not finish" in text
    assert "No run has a number yet." in text


def test_figures_of_models_that_are_gone_are_removed(fabricate, tmp_path):
    results = fabricate(tmp_path / "results", models=("ae",), seeds=(0,), diverged=())
    stale = tmp_path / "reports" / "tiny" / "figures" / "kl-old.png"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"")
    build_report(results, tmp_path / "reports", "tiny")
    assert not stale.exists()


def test_drawing_leaves_the_settings_of_matplotlib_alone(report):
    import matplotlib as mpl

    assert mpl.rcParams["text.parse_math"]
    assert mpl.rcParams["pdf.fonttype"] == mpl.rcParamsDefault["pdf.fonttype"]


def test_formula_is_escaped_and_set_with_indices():
    assert maths("z_k < σ^2") == "z<sub>k</sub> &lt; σ<sup>2</sup>"
    assert maths("Var_x ‖z‖^2") == "Var<sub>x</sub> ‖<i>z</i>‖<sup>2</sup>"


def test_grid_places_each_image_in_its_tile():
    from genbench.reporting.grids import class_grid, tiled

    images = np.arange(3, dtype=np.uint8).reshape(3, 1, 1, 1) + 100
    assert tiled(images, 2)[1::2, 1::2, 0].tolist() == [[100, 101], [102, 58]]
    classes = np.arange(4, dtype=np.uint8).reshape(2, 2, 1, 1, 1)  # class 0: 0, 1; class 1: 2, 3
    grid = class_grid({"class_samples": classes})
    assert grid is not None
    assert grid[1::2, 1::2, 0].tolist() == [[0, 2], [1, 3]]


def test_bounds_over_fewer_images_share_no_axis_with_the_others(rich_blocks):
    from genbench.reporting.plots import bound_columns, drawn

    block = rich_blocks[0]
    shown = {block.columns[i].metric for i in bound_columns(block)}
    assert shown == {"elbo", "iw_log_likelihood", "iw_extrapolated", "log_likelihood"}
    assert not drawn(block, block.rows[0].cells[block.column("ais_log_likelihood")])
