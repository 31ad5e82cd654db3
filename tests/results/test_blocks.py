"""The comparison: what meets in a block, a column and a cell."""

import math

import pandas as pd
import pytest

from genbench.core.texts import Terminal
from genbench.reporting.tables.comparison import comparison_tables
from genbench.reporting.tables.markdown import markdown_tables
from genbench.reporting.tables.text import text_tables
from genbench.results.blocks import MOST_REASONS, blocks_of, cell_of


def rows(values, stderrs, **more):
    frame = pd.DataFrame({"value": values, "stderr": stderrs, "seed": range(len(values))})
    usual = {"status": "ok", "reason": "", "kind": "lower_bound", "n": 300, "train_id": "aa"}
    return frame.assign(**usual | {"mc_stderr": math.nan, "health": "{}"} | more)


def test_seed_spread_stays_apart_from_the_standard_error_over_the_test_set():
    cell = cell_of(rows([-98.0, -100.0, -99.0], [0.2, 0.4, 0.3]))
    assert cell.value == -99.0
    assert cell.stderr == pytest.approx(0.3)  # mean of 0.2, 0.4, 0.3
    assert cell.seed_sd == 1.0  # deviations 1, -1, 0; squares sum to 2, over 3 - 1
    assert (cell.text, cell.seeds_text) == ("-99.00 ± 0.30", "seed sd 1.0")


def test_one_seed_says_nothing_about_spread():
    cell = cell_of(rows([-98.0], [0.2]))
    assert math.isnan(cell.seed_sd)
    assert cell.seeds_text == ""


def test_a_closed_form_has_a_spread_only_where_its_numbers_are_drawn():
    same = rows([1.0, 1.0, 1.0 + 1e-12], [0.5] * 3)
    assert cell_of(same, closed_form=True).seeds_text == ""
    assert cell_of(same, closed_form=False).seeds_text == "seed sd 0"
    assert cell_of(rows([1.0, 2.0, 3.0], [0.5] * 3), closed_form=True).seeds_text == "seed sd 1.0"


def test_lost_seeds_are_counted():
    cell = cell_of(
        rows([1.0, 3.0, math.nan], [0.5, 0.5, math.nan], status=["ok", "ok", "diverged"])
    )
    assert cell.value == 2.0
    assert cell.seeds_text == "seed sd 1.4, 2 of 3 seeds"


def test_very_many_reasons_are_counted():
    n = MOST_REASONS + 5
    reasons = [f"loss not finite at step {place}" for place in range(n)]
    cell = cell_of(rows([math.nan] * n, [math.nan] * n, status="diverged", reason=reasons))
    assert cell.reason == "; ".join([*reasons[:MOST_REASONS], "and 5 more reasons"])


def test_failure_outweighs_not_applicable():
    status = ["not_applicable", "failed"]
    cell = cell_of(rows([math.nan] * 2, [math.nan] * 2, status=status, reason=["a", "b"]))
    assert (cell.status, cell.word, cell.reason) == ("failed", "failed", "a; b")


def test_protocols_never_share_a_block(suite):
    frame, blocks = suite.frame, suite.blocks
    assert len(blocks) == frame["protocol"].nunique() == 3
    for block in blocks:
        of_protocol = frame[frame["protocol"] == block.protocol.text]
        assert {row.model for row in block.rows} == set(of_protocol["model"])


def test_same_model_under_two_protocols_is_not_averaged(suite):
    frame = suite.frame
    one = frame[(frame["model"] == "vae") & (frame["metric"] == "elbo") & (frame["seed"] == 0)]
    other = one.assign(protocol="other", value=0.0)
    blocks = blocks_of(pd.concat([one, other]), suite.metrics)
    assert [block.rows[0].cells[0].value for block in blocks] == [one["value"].iloc[0], 0.0]


def test_rows_of_different_options_or_versions_get_columns_of_their_own(suite):
    frame = suite.frame
    one = frame[(frame["model"] == "vae") & (frame["metric"] == "iw_log_likelihood")]
    more = one.assign(options='{"n_samples":500}')
    newer = one.assign(evaluator_version=one["evaluator_version"] + 1)
    version = int(one["evaluator_version"].iloc[0])
    (block,) = blocks_of(pd.concat([more, newer, one]), suite.metrics)
    shown = [(column.settings, column.version) for column in block.columns]
    assert shown == [("K = 100", version), ("K = 500", version), ("K = 100", version + 1)]


def test_two_runs_of_one_model_and_seed_are_not_averaged(suite):
    frame = suite.frame
    one = frame[(frame["model"] == "vae") & (frame["metric"] == "elbo") & (frame["seed"] == 0)]
    (block,) = blocks_of(pd.concat([one, one.assign(train_id="ffff")]), suite.metrics)
    assert [row.label for row in block.rows] == [f"vae #{one['train_id'].iloc[0]}", "vae #ffff"]


def test_monte_carlo_error_stays_apart_from_both_other_uncertainties():
    cell = cell_of(rows([-98.0, -100.0], [0.2, 0.4], mc_stderr=[0.01, 0.03]))
    assert (cell.stderr, cell.mc_stderr) == (pytest.approx(0.3), pytest.approx(0.02))
    assert (cell.text, cell.mc_text, cell.seeds_text) == (
        "-99.00 ± 0.30",
        "MC 0.020",
        "seed sd 1.4",
    )


def test_health_over_seeds_is_the_worst_k_hat_and_the_least_sample_size():
    health = ['{"ess":10,"ess_min":3,"k_hat":0.5}', '{"ess":20,"ess_min":1,"k_hat":0.71}']
    cell = cell_of(rows([1.0, 2.0], [0.1, 0.1], health=health))
    assert dict(cell.health) == {"ess": 15.0, "ess_min": 1.0, "k_hat": 0.71}
    assert cell.unreliable
    assert not cell_of(rows([1.0], [0.1], health='{"k_hat":0.7}')).unreliable


def test_seeds_of_two_kinds_leave_an_estimate():
    assert cell_of(rows([1.0, 2.0], [0.1, 0.1], kind=["exact", "lower_bound"])).kind == "estimate"


def test_rows_of_parts_are_no_columns_whatever_their_part_is_called(rich_blocks):
    metrics = {column.metric for block in rich_blocks for column in block.columns}
    assert not [name for name in metrics if "[" in name]
    families = {"iw_curve", "kl_decomposition", "inference_gap", "active_units_sweep"}
    assert not metrics & families  # nor the bare rows of models to which they do not apply


def test_tables_without_the_newer_columns_are_shown(suite):
    frame = suite.frame
    whole, bare = (
        comparison_tables(blocks_of(table, suite.metrics))
        for table in (frame, frame.drop(columns=["mc_stderr", "health"]))
    )
    assert markdown_tables("T", bare) == markdown_tables("T", whole)
    assert "MC" not in text_tables(bare, Terminal())


def test_number_of_data_stands_in_the_head_or_beside_the_number(rich_suite):
    frame = rich_suite.frame
    few = (frame["metric"] == "elbo") & (frame["model"] == "vae")
    block = blocks_of(frame.assign(n=frame["n"].mask(few, 50)), rich_suite.metrics)[0]
    elbo, ais = block.column("elbo"), block.column("ais_log_likelihood")
    assert block.n == 300
    assert "n = 100" in block.under(block.columns[ais])
    assert "n = 50" in block.errors(block.columns[elbo], block.rows[0].cells[elbo])
    assert "n = 50" not in block.errors(block.columns[elbo], block.rows[1].cells[elbo])
    assert block.errors(block.columns[ais], block.rows[0].cells[ais])[0] == "MC 0.050"


def test_conditional_model_is_a_row_of_both_blocks(rich_blocks):
    free, given = rich_blocks
    assert [row.title for row in given.rows] == ["cvae"]
    assert free.rows[-1].title == "cvae (label summed out)"
    assert sum(cell.ok for cell in free.rows[-1].cells) == 1


def test_of_two_columns_with_one_head_the_noted_one_says_so(rich_suite):
    frame, summed = rich_suite.frame, rich_suite.frame["metric"] == "iw_log_likelihood"
    summed &= (frame["model"] == "cvae") & ~frame["protocol"].str.endswith("|label")
    version = frame["evaluator_version"].mask(summed, 9)
    free = blocks_of(frame.assign(evaluator_version=version), rich_suite.metrics)[0]
    heads = [free.under(free.columns[i]) for i in free.columns_of("iw_log_likelihood")]
    assert heads == [("nats", "K = 100"), ("nats", "K = 100", "label summed out")]
    (same,) = rich_suite.blocks[0].columns_of("iw_log_likelihood")
    assert rich_suite.blocks[0].under(rich_suite.blocks[0].columns[same]) == ("nats", "K = 100")


def test_a_model_trained_elsewhere_is_marked_in_every_block(rich_suite):
    blocks = blocks_of(rich_suite.frame, rich_suite.metrics, elsewhere={"cvae"})
    titles = [row.title for block in blocks for row in block.rows if row.model == "cvae"]
    assert titles == ["cvae (trained elsewhere, label summed out)", "cvae (trained elsewhere)"]
