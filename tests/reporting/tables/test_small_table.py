"""Small tables carry the marks of the comparison, and explain them."""

from dataclasses import replace

import pytest

from genbench.reporting.tables.captions import UNRELIABLE_NOTE
from genbench.reporting.tables.differences import health_tables, paired_tables
from genbench.reporting.tables.latex import latex_tables
from genbench.reporting.tables.markdown import markdown_tables
from genbench.reporting.tables.multi_part_metrics import multi_part_metric, part_table, rate_tables
from genbench.reporting.tables.published import published_tables
from genbench.reporting.tables.ranks import rank_table, ranks


def test_every_small_table_flags_what_the_comparison_flags(rich_suite):
    block, values, rows = rich_suite.blocks[0], rich_suite.per_datum, rich_suite.rows
    tables = [table for table in paired_tables([block], values) if "iw_log" in table.title]
    tables += [*health_tables([block]), rank_table(ranks(block, values), "ranks")]
    for table in tables:
        assert dict(table.notes)["†"] == UNRELIABLE_NOTE
        assert "†" in markdown_tables("T", [table])
        assert r"\ensuremath{\dagger}" in latex_tables("T", [table])
    flagged = [cell for row in tables[0].rows for cell in row[1:] if "†" in cell.line]
    assert len(flagged) == 3  # cvae, vae and vae_twin, each against beta_vae
    bad = rows["metric"].str.startswith("iw_curve") & (rows["model"] == "beta_vae")
    marked = rows.assign(health=rows["health"].mask(bad, '{"k_hat":0.8}'))
    curve = part_table(multi_part_metric(marked, block, rich_suite.metrics["iw_curve"]), "curve")
    assert {row[0].text: "†" in row[1].line for row in curve.rows}["beta_vae"]


BEWARE = "Beware of this number"


@pytest.fixture(scope="module")
def warned_suite(rich_suite):
    """The rich results, with a warning on every metric, and published values beside two of them."""
    metrics = tuple(m.model_copy(update={"warning": BEWARE}) for m in rich_suite.record.metrics)
    published = [
        {"model": model, "metric": metric, "value": 0.0}
        for model, metric in (("vae", "iw_curve[10]"), ("copier", "elbo"))
    ]
    changes = {"metrics": metrics, "spec": {"published": published}}
    return replace(rich_suite, record=rich_suite.record.model_copy(update=changes))


def test_every_small_table_explains_the_warning_of_its_numbers(warned_suite):
    suite, block = warned_suite, warned_suite.blocks[0]
    curve = multi_part_metric(suite.rows, block, suite.metrics["iw_curve"])
    tables = [part_table(curve, "curve"), *rate_tables([block]), *published_tables(suite)]
    tables.append(rank_table(ranks(block, suite.per_datum), "ranks"))
    for table in tables:
        assert dict(table.notes)["‡"] == BEWARE


def test_a_warning_is_not_given_where_none_of_its_numbers_stands(warned_suite):
    entries = warned_suite.record.spec["published"][1:]  # of a model without this number
    record = warned_suite.record.model_copy(update={"spec": {"published": entries}})
    (table,) = published_tables(replace(warned_suite, record=record))
    assert table.notes == []
