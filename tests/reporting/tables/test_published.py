"""What papers report beside what we measured."""

from dataclasses import replace

import pytest

from genbench.reporting.tables.published import SHORT, published_tables
from tests.reporting.page.inlined import without_scripts
from tests.results.fabricate import change_suite
from tests.results.rich import fabricate_rich

PAPER = {
    "model": "beta_vae",
    "metric": "iw_log_likelihood",
    "value": -23.5,
    "stderr": 0.1,
    "source": "A Paper <2016>, Table 1",
    "note": "K = 5000 there",
    "tag": "S",
}


def lines(suite, *entries):
    """The table that the entries, each a change of ``PAPER``, make, and its rows by head."""
    quoted = {"published": [PAPER | changes for changes in entries or ({},)]}
    record = suite.record.model_copy(update={"spec": quoted})
    (table,) = published_tables(replace(suite, record=record))
    return table, list(map(dict, by_head(table)))


def by_head(table):
    heads = [head.text for head in table.heads]
    return (zip(heads, (cell.line for cell in row), strict=True) for row in table.rows)


def test_row_has_both_numbers_their_difference_source_note_and_tag(rich_suite):
    table, (line,) = lines(rich_suite)
    assert line["published"] == "-23.5 ± 0.1"
    assert line["ours"].startswith("-23.10 ± 0.2")
    assert line["ours"].endswith("† (MC 0.013; seed sd 0.10)")
    assert line["ours − published"] == "+0.40"  # -23.10 + 23.5
    assert "lower bound, K = 100, 300 test data" in line["how ours was measured"]
    assert (line["source"], line["note on the protocol"]) == (PAPER["source"], PAPER["note"])
    assert "S: read in the source itself" in table.caption
    assert table.notes[0][0] == "†"


def test_number_under_two_protocols_is_shown_under_each(rich_suite):
    _, found = lines(rich_suite, {"model": "cvae"})
    assert ["given the label" in line["how ours was measured"] for line in found] == [False, True]


def test_part_of_a_metric_can_be_compared(rich_suite):
    _, (line,) = lines(rich_suite, {"model": "vae", "metric": "iw_curve[10]", "stderr": None})
    assert (line["published"], line["ours"][:7]) == ("-23.5", "-20.600")


@pytest.mark.parametrize("changes", [{"metric": "elsewhere"}, {"model": "nobody"}])
def test_number_that_we_lack_is_said_to_be_lacking(rich_suite, changes):
    _, (line,) = lines(rich_suite, changes)
    assert line["ours"] == "–"
    assert "ours − published" not in line
    assert line["how ours was measured"] == "not in these results"


def test_reason_stands_where_ours_does_not_apply(rich_suite):
    _, (line,) = lines(rich_suite, {"model": "copier"})
    assert line["ours"] == "n/a"
    assert line["how ours was measured"] == "copier has no posterior(x)"


def scheduled(suite, epochs, *schedules):
    """The tables of entries with these schedules, for models trained in so many epochs."""
    trained = [r.model_copy(update={"train": {"epochs": epochs}}) for r in suite.record.runs]
    quoted = {"published": [PAPER | {"schedule": schedule} for schedule in schedules]}
    record = suite.record.model_copy(update={"spec": quoted, "runs": tuple(trained)})
    return published_tables(replace(suite, record=record))


def test_a_number_from_too_short_a_schedule_stands_apart_and_without_a_difference(rich_suite):
    tenth, short = scheduled(rich_suite, 328, {"epochs": 3280}, {"epochs": 3281})
    assert (tenth.title, short.title) == ("Published against ours", SHORT)
    (whole,), (part,) = map(list, map(by_head, (tenth, short)))
    whole, part = dict(whole), dict(part)
    assert whole["share of the published schedule"] == "10 % of 3\u202f280 epochs"
    assert part["share of the published schedule"] == "10 % of 3\u202f281 epochs"
    assert "ours − published" in whole
    assert "ours − published" not in part


def test_the_smallest_share_of_training_and_of_the_estimator_decides(rich_suite):
    both = {"epochs": 2, "n_samples": 5000}
    (short,) = scheduled(rich_suite, 3, both)
    (line,) = map(dict, by_head(short))
    assert line["share of the published schedule"] == "100 % of 2 epochs, 2 % of 5\u202f000 samples"
    (unknown,) = scheduled(rich_suite, 3, {})
    (line,) = map(dict, by_head(unknown))
    assert line["share of the published schedule"] == "not known"


def test_page_is_written_with_published_values_and_removed_without(tmp_path, build):
    quoted = [PAPER | {"model": "copier", "metric": "mmd2", "value": 0.1, "stderr": None}]
    results = fabricate_rich(tmp_path / "results", ("copier",), (0,), published=quoted)
    index = build(results)
    text = (index.parent / "published.html").read_text()
    assert 'href="index.html"' in text
    assert "A Paper &lt;2016&gt;, Table 1" in text
    assert "K = 5000 there" in text
    rest = without_scripts(text)
    assert not [word for word in ("<script", "http:", "https:", "url(") if word in rest]
    assert 'href="published.html"' in index.read_text()
    assert "## Published against ours" in (index.parent / "table.md").read_text()

    change_suite(results, lambda content: content["spec"].pop("published"))
    build(results)
    assert not (index.parent / "published.html").exists()
    assert "published.html" not in index.read_text()
    assert "Published against ours" not in (index.parent / "table.md").read_text()
