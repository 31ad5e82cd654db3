import re
import subprocess
import sys

import pytest

from genbench.reporting import build_report
from tests.reporting.rich import fabricate_rich

MODELS = ("vae", "beta_vae")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Results and report folder with every chapter."""
    root = tmp_path_factory.mktemp("whole")
    results = fabricate_rich(root / "results", MODELS, (0,))
    return results, build_report(results, root / "reports", "tiny").parent


def test_page_has_a_section_for_each_kind_of_row(whole):
    text = (whole[1] / "index.html").read_text()
    for name in (
        "paired",
        "health",
        "curves",
        "ranks",
        "gap",
        "rates",
        "decomposition",
        "sweep",
    ):
        assert f'id="figure-{name}"' in text
    assert "Parzen window orders these models differently" in text


def test_each_anchor_leads_somewhere_and_each_name_stands_once(whole):
    text = (whole[1] / "index.html").read_text()
    names = re.findall(r' id="([^"]*)"', text)
    assert len(names) == len(set(names))
    assert set(re.findall(r'href="#([^"]*)"', text)) <= set(names)
    numbers = re.findall(r'<span class="number">(\d+)</span>', text)
    assert numbers == [str(i) for i in range(1, len(numbers) + 1)]


def test_figures_of_each_kind_are_written(whole):
    figures = {path.stem for path in (whole[1] / "figures").glob("*.pdf")}
    assert {"curve-vae", "ranks-1", "gap-1", "decomposition-1", "sweep-1"} <= figures


def test_sections_without_rows_are_left_out(report):
    text = (report / "index.html").read_text()
    for name in ("health", "curves", "ranks", "gap", "decomposition", "sweep", "paired"):
        assert f'id="figure-{name}"' not in text
    assert not (report / "published.html").exists()


def test_tables_stand_in_markdown_and_latex_too(whole):
    markdown, latex = ((whole[1] / name).read_text() for name in ("table.md", "table.tex"))
    for title in ("Estimator health", "Estimators side by side", "Rate and distortion"):
        assert title in markdown
        assert title in latex
    assert latex.count(r"\begin{tabular}") == latex.count(r"\end{tabular}") > 8
    assert latex.isascii()


def test_same_results_give_the_same_bytes_in_another_process(whole, tmp_path):
    results, first = whole
    program = "from genbench.reporting import build_report as b; from pathlib import Path as P; "
    program += f"b(P({str(results)!r}), P({str(tmp_path)!r}), 'tiny')"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
    second = tmp_path / "tiny"
    names = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(second) for path in second.rglob("*") if path.is_file())
    assert [n for n in names if (first / n).read_bytes() != (second / n).read_bytes()] == []
