"""What every format must show: marks, kinds, n, three uncertainties, who is best."""

import re

import pytest

from genbench.reporting import headline, terminal_table
from genbench.reporting.captions import MARKS, ranking_caption
from genbench.results.cells import Cell
from genbench.reporting.differences import health_sheets, paired_sheets
from genbench.reporting.html import page
from genbench.reporting.latex import latex_tables, tex
from genbench.reporting.markdown import markdown_tables
from genbench.reporting.multi_part_metrics import curve_sheet, family
from genbench.reporting.ranks import rank_sheet, ranks
from genbench.results.records import load_suite
from genbench.reporting.takeaways import takeaways


@pytest.fixture(scope="module")
def texts(rich_results, rich_blocks):
    record = load_suite(rich_results, "tiny")
    controls = {"linear_gaussian", "copier"}
    return {
        "html": page(record, rich_blocks, [], [], {}, controls),
        "markdown": markdown_tables("T", rich_blocks),
        "latex": latex_tables("T", rich_blocks),
    }


def cells_of(text, model):
    """The cells of a model's row in the comparison, without tags."""
    if text.startswith("<!doctype"):
        row = re.search(rf'<tr>\s*<th[^>]*>(?:(?!</tr>).)*">{model}</span>.*?</tr>', text, re.S)
        cells = re.findall(r"<td.*?</td>", row[0], re.S)
        cells = [re.sub(r"<strong[^>]*>(.*?)</strong>", r"**\1**", cell) for cell in cells]
        return [" ".join(re.sub(r"<[^>]*>", " ", c).replace("−", "-").split()) for c in cells]
    escaped = re.escape(model.replace("_", r"\_"))
    line = re.search(rf"^(\| )?{escaped}( \([^)]*\))? (&|\|).*$", text, re.M)[0]
    return [c.strip() for c in re.split(r" [&|] ", line)[1:] if c != model][-10:]


IW, AIS, PARZEN, MMD = 1, 3, 9, 8


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
    [("html", "**-18.05", "≈ -21.4"), ("markdown", "**-18.05", "≈ -21.4"),
     ("latex", r"\mathbf{-18.05", r"\approx{}-21.4")],
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
    assert re.search(r"-20\.05 (±|\\pm) 0\.2\d", cell)
    assert "MC 0.013" in cell
    assert "seed sd 0.071" in cell
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


def test_every_small_table_flags_what_the_comparison_flags(rich_blocks, rich_rows, per_datum):
    block = rich_blocks[0]
    sheets = [s for s in paired_sheets([block], per_datum) if "iw_log" in s.title]
    sheets += [*health_sheets([block]), rank_sheet(ranks(block, per_datum), "ranks")]
    for sheet in sheets:
        assert dict(sheet.notes)["†"] == MARKS["†"]
        assert "†" in markdown_tables("T", [], [sheet])
        assert r"\ensuremath{\dagger}" in latex_tables("T", [], [sheet])
    flagged = [cell for row in sheets[0].rows for cell in row[1:] if "†" in cell]
    assert len(flagged) == 3  # cvae, vae and vae_twin, each against beta_vae
    bad = rich_rows["metric"].str.startswith("iw_curve") & (rich_rows["model"] == "beta_vae")
    marked = rich_rows.assign(health=rich_rows["health"].mask(bad, '{"k_hat":0.8}'))
    curve = curve_sheet(family(marked, block, "iw_curve"), "curve")
    assert {row[0]: "†" in row[1] for row in curve.rows}["beta_vae"]


def test_caption_says_that_nothing_is_marked_where_nothing_is(rich_rows):
    unranked = headline(rich_rows)
    assert ranking_caption(unranked[0]).endswith("Here no number is marked as best.")
    assert ranking_caption(unranked[1]) == ""  # one model


def test_what_was_fitted_to_an_adapted_model_is_shown(texts):
    assert "scale 0.126, chosen on validation" in texts["html"]
    assert "fitted scale = 0.126" in texts["html"]


def test_terminal_shows_marks_and_monte_carlo_error(rich_rows):
    text = terminal_table(rich_rows)
    assert "†" in text
    assert "MC 0.013" in text
    assert "Pareto k-hat above 0.7" in text


def test_takeaways_rank_equal_kinds_only_and_name_ties(rich_blocks):
    facts = takeaways(rich_blocks, {})[0].facts
    assert "over 100 images" in facts[0]
    assert "a tie by the paired test: vae, vae_twin" in facts[0]
    assert "linear_gaussian" not in facts[0]


def test_latex_of_marks_is_ascii_and_balanced(texts):
    bare = texts["latex"].replace(r"\{", "").replace(r"\}", "")
    assert bare.count("{") == bare.count("}")
    assert texts["latex"].isascii()
    assert tex("†‡≈→∞").isascii()
    assert "U+" not in texts["latex"]


def test_marks_lead_to_their_footnotes(texts):
    targets = set(re.findall(r'href="#([^"]*dagger)"', texts["html"]))
    assert targets == {"table-1-dagger", "table-1-double-dagger"}
    assert all(f'id="{target}"' in texts["html"] for target in targets)


def test_takeaways_never_put_an_exact_value_first_among_lower_bounds(rich_rows):
    exact = (rich_rows["kind"] == "exact") & (rich_rows["metric"] == "iw_log_likelihood")
    rows = rich_rows.assign(value=rich_rows["value"].mask(exact, -1.0))
    facts = takeaways(headline(rows[rows["metric"] == "iw_log_likelihood"]), {})[0].facts
    assert "of cvae" in facts[0]
    assert "linear_gaussian" not in facts[0]


def test_a_median_k_hat_that_is_infinite_marks_the_number():
    """It is no number that a table can hold; the share of bad data is."""
    assert Cell("ok", health={"k_hat_bad": 0.51}).unreliable
    assert not Cell("ok", health={"k_hat": 0.7, "k_hat_bad": 0.5}).unreliable
    assert not Cell("failed", health={"k_hat_bad": 1.0}).unreliable
