"""Sentences computed from the numbers."""

from genbench.reporting.page.takeaways import takeaways
from genbench.results.blocks import blocks_of


def test_takeaways_state_the_highest_bound_with_its_standard_error(suite):
    frame = suite.frame
    best = frame[frame["metric"] == "iw_log_likelihood"].query("model == 'vae'")["value"].mean()
    facts = takeaways(suite.blocks, suite.titles)[0].facts
    assert f"−{abs(best):.2f} ± 0.22 nats, of vae" in facts[0]


def test_takeaways_never_compare_two_protocols(suite):
    facts = takeaways(suite.blocks, suite.titles)
    for block, entry in zip(suite.blocks, facts, strict=True):
        words = set(" ".join(entry.facts).replace(",", " ").replace(";", " ").split())
        others = set(suite.frame["model"]) - {row.model for row in block.rows}
        assert not words & others


def test_takeaways_rank_equal_kinds_only_and_name_ties(rich_blocks):
    facts = takeaways(rich_blocks, {})[0].facts
    assert "over 100 images" in facts[0]
    assert "a tie by the paired test: vae, vae_twin" in facts[0]
    assert "linear_gaussian" not in facts[0]


def test_takeaways_never_put_an_exact_value_first_among_lower_bounds(rich_suite):
    rows = rich_suite.frame[rich_suite.frame["metric"] == "iw_log_likelihood"]
    rows = rows.assign(value=rows["value"].mask(rows["kind"] == "exact", -1.0))
    facts = takeaways(blocks_of(rows, rich_suite.metrics), rich_suite.titles)[0].facts
    assert "of cvae" in facts[0]
    assert "linear_gaussian" not in facts[0]
