"""What every format must show: marks, kinds, n, three uncertainties, who is best."""

import re
from dataclasses import replace

import pytest

from genbench.reporting.page.report_page import page
from genbench.reporting.tables.budgets import budget_tables
from genbench.reporting.tables.captions import ranking_caption, uncertainty_caption
from genbench.reporting.tables.comparison import comparison_tables
from genbench.reporting.tables.latex import latex_tables
from genbench.reporting.tables.markdown import markdown_tables
from genbench.results.blocks import blocks_of
from genbench.results.budgets import budgets_of


@pytest.fixture(scope="module")
def texts(rich_suite):
    return {
        "html": page(rich_suite, [], {}).partition('id="all-metrics"')[2],
        "markdown": markdown_tables("T", comparison_tables(rich_suite.blocks)),
        "latex": latex_tables("T", comparison_tables(rich_suite.blocks)),
    }


def cells_of(text, model):
    """The cells of a model's row in the comparison, without tags."""
    if "<table" in text:
        row = re.search(
            rf'<tr[^>]*>\s*<th[^>]*>(?:(?!</tr>).)*">{model}</span>.*?</tr>', text, re.S
        )
        cells = re.findall(r"<td.*?</td>", row[0], re.S)
        cells = [re.sub(r"<strong[^>]*>(.*?)</strong>", r"**\1**", cell) for cell in cells]
        return [" ".join(re.sub(r"<[^>]*>", " ", c).replace("−", "-").split()) for c in cells]
    escaped = re.escape(model.replace("_", r"\_"))
    line = re.search(rf"^(\| )?{escaped}( \([^)]*\))? (&|\|).*$", text, re.M)[0]
    return [c.strip() for c in re.split(r" [&|] ", line)[1:] if c != model][-10:]


IW, PARZEN = 1, 9


@pytest.mark.parametrize(("name", "mark"), [("html", "†"), ("markdown", "†"), ("latex", "dagger")])
def test_each_number_with_bad_k_hat_is_flagged_with_a_footnote(texts, name, mark):
    shown = {model: mark in cells_of(texts[name], model)[IW] for model in ("vae", "beta_vae")}
    assert shown == {"vae": False, "beta_vae": True}
    assert "Pareto k-hat above 0.7" in texts[name]


@pytest.mark.parametrize(("name", "mark"), [("html", "‡"), ("markdown", "‡"), ("latex", "ddagger")])
def test_parzen_numbers_carry_a_warning_and_no_rank(texts, name, mark):
    for model in ("vae", "beta_vae", "copier"):
        cell = cells_of(texts[name], model)[PARZEN]
        assert mark in cell
        assert not re.search(r"\*\*|≈|mathbf|approx", cell)
    assert "WARNING: a Parzen-window number" in texts[name]
    assert "must never be compared with a log-likelihood" in texts[name]


@pytest.mark.parametrize(
    ("name", "bold", "tie"),
    [("html", "**-18.10", "≈ -21.5"), ("markdown", "**-18.10", "≈ -21.5"),
     ("latex", r"\mathbf{-18.10", r"\approx{}-21.5")],
)  # fmt: skip
def test_best_is_bold_and_ties_are_called_ties(texts, name, bold, tie):
    text = texts[name]
    assert bold in cells_of(text, "cvae")[IW]
    assert tie in cells_of(text, "vae")[0]
    assert tie in cells_of(text, "vae_twin")[0]
    assert not re.search(r"\*\*|≈|mathbf|approx", cells_of(text, "beta_vae")[0])
    assert "need not" in text or "not proof of the better model" in text
    assert "a lower bound never against" in text.replace("\n", " ")


@pytest.mark.parametrize("name", ["html", "markdown", "latex"])
def test_three_uncertainties_stand_apart(texts, name):
    cell = cells_of(texts[name], "vae")[IW]
    assert re.search(r"-20\.10 (±|\\pm) 0\.2\d", cell)
    assert "MC 0.013" in cell
    assert "seed sd 0.10" in cell
    for words in ("standard error over the 300 test images", "Monte-Carlo standard error", "never"):
        assert words in texts[name]


@pytest.mark.parametrize("name", ["html", "markdown", "latex"])
def test_kind_and_n_that_are_not_the_usual_stand_with_the_number(texts, name):
    assert "exact" in cells_of(texts[name], "linear_gaussian")[IW]
    assert "exact" not in cells_of(texts[name], "vae")[IW]
    assert "n = 100" in texts[name]  # AIS, in the column's head


@pytest.mark.parametrize("name", ["html", "markdown", "latex"])
def test_controls_and_rows_without_their_condition_are_named(texts, name):
    assert texts[name].count("label summed out") >= 1
    if name == "html":
        assert '<span class="badge control">control</span>' in texts[name]
    else:
        assert "copier (control)" in texts[name]


def test_caption_says_that_nothing_is_marked_where_nothing_is(rich_suite):
    unranked = blocks_of(rich_suite.frame, rich_suite.metrics)
    assert ranking_caption(unranked[0]).endswith("Here no number is marked as best.")
    assert ranking_caption(unranked[1]) == ""  # one model


def test_the_error_of_a_metric_of_samples_is_not_called_one_over_test_images(rich_suite):
    said = ", and of metrics of samples over both sets of images that they compare"
    free, _ = rich_suite.blocks
    assert said in uncertainty_caption(free)
    place = free.column("mmd2")
    columns = tuple(c for c in free.columns if c != free.columns[place])
    rows = (replace(r, cells=(*r.cells[:place], *r.cells[place + 1 :])) for r in free.rows)
    assert said not in uncertainty_caption(replace(free, columns=columns, rows=tuple(rows)))


def test_what_was_fitted_to_an_adapted_model_is_shown(rich_suite, texts):
    assert "scale 0.126, chosen on validation" in texts["html"]
    _, options = budget_tables(budgets_of(rich_suite))
    assert any("fitted scale = 0.126" in row[2].text for row in options.rows)


def test_marks_lead_to_their_footnotes(texts):
    targets = set(re.findall(r'href="#([^"]*dagger)"', texts["html"]))
    assert targets == {"table-comparison-1-dagger", "table-comparison-1-double-dagger"}
    assert all(f'id="{target}"' in texts["html"] for target in targets)
