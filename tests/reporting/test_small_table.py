"""Small tables carry the marks of the comparison, and explain them."""

from genbench.reporting.captions import UNRELIABLE_NOTE
from genbench.reporting.differences import health_tables, paired_tables
from genbench.reporting.latex import latex_tables
from genbench.reporting.markdown import markdown_tables
from genbench.reporting.multi_part_metrics import multi_part_metric, part_table
from genbench.reporting.ranks import rank_table, ranks


def test_every_small_table_flags_what_the_comparison_flags(rich_suite):
    block, values, rows = rich_suite.blocks[0], rich_suite.per_datum, rich_suite.rows
    tables = [table for table in paired_tables([block], values) if "iw_log" in table.title]
    tables += [*health_tables([block]), rank_table(ranks(block, values), "ranks")]
    for table in tables:
        assert dict(table.notes)["†"] == UNRELIABLE_NOTE
        assert "†" in markdown_tables("T", [], [table])
        assert r"\ensuremath{\dagger}" in latex_tables("T", [], [table])
    flagged = [cell for row in tables[0].rows for cell in row[1:] if "†" in cell]
    assert len(flagged) == 3  # cvae, vae and vae_twin, each against beta_vae
    bad = rows["metric"].str.startswith("iw_curve") & (rows["model"] == "beta_vae")
    marked = rows.assign(health=rows["health"].mask(bad, '{"k_hat":0.8}'))
    curve = part_table(multi_part_metric(marked, block, rich_suite.metrics["iw_curve"]), "curve")
    assert {row[0]: "†" in row[1] for row in curve.rows}["beta_vae"]
