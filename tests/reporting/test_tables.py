import math

import pandas as pd
import pytest

from genbench.reporting import headline, load_results, terminal_table
from genbench.reporting.latex import latex_tables, tex
from genbench.reporting.markdown import markdown_tables
from genbench.results.blocks import cell_of
from genbench.reporting.takeaways import takeaways


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


def test_lost_seeds_are_counted():
    cell = cell_of(
        rows([1.0, 3.0, math.nan], [0.5, 0.5, math.nan], status=["ok", "ok", "diverged"])
    )
    assert cell.value == 2.0
    assert cell.seeds_text == "seed sd 1.4, 2 of 3 seeds"


def test_failure_outweighs_not_applicable():
    status = ["not_applicable", "failed"]
    cell = cell_of(rows([math.nan] * 2, [math.nan] * 2, status=status, reason=["a", "b"]))
    assert (cell.status, cell.word, cell.reason) == ("failed", "failed", "a; b")


def test_protocols_never_share_a_block(results):
    frame = load_results(results, "tiny")
    blocks = headline(frame)
    assert len(blocks) == frame["protocol"].nunique() == 3
    for block in blocks:
        of_protocol = frame[frame["protocol"] == block.protocol.text]
        assert {row.model for row in block.rows} == set(of_protocol["model"])


def test_same_model_under_two_protocols_is_not_averaged(results):
    frame = load_results(results, "tiny")
    one = frame[(frame["model"] == "vae") & (frame["metric"] == "elbo") & (frame["seed"] == 0)]
    other = one.assign(protocol="other", value=0.0)
    blocks = headline(pd.concat([one, other]))
    assert [block.rows[0].cells[0].value for block in blocks] == [one["value"].iloc[0], 0.0]


def test_rows_of_different_options_or_versions_get_columns_of_their_own(results):
    frame = load_results(results, "tiny")
    one = frame[(frame["model"] == "vae") & (frame["metric"] == "iw_log_likelihood")]
    more = one.assign(options='{"n_samples":500}')
    newer = one.assign(evaluator_version=2)
    (block,) = headline(pd.concat([more, newer, one]))
    shown = [(column.settings, column.version) for column in block.columns]
    assert shown == [("K = 100", 1), ("K = 500", 1), ("K = 100", 2)]


def test_two_runs_of_one_model_and_seed_are_not_averaged(results):
    frame = load_results(results, "tiny")
    one = frame[(frame["model"] == "vae") & (frame["metric"] == "elbo") & (frame["seed"] == 0)]
    (block,) = headline(pd.concat([one, one.assign(train_id="ffff")]))
    assert [row.label for row in block.rows] == [f"vae #{one['train_id'].iloc[0]}", "vae #ffff"]


def test_terminal_table_is_aligned_and_fits(results):
    text = terminal_table(load_results(results, "tiny"), width=100)
    assert max(map(len, text.splitlines())) <= 100
    assert "n/a: gan has no posterior(x) (elbo, iw_log_likelihood" in text
    assert "diverged: vae_wild: loss not finite at step 120" in text
    line = next(line for line in text.splitlines() if line.startswith("vae "))
    assert "-20.0" in line
    assert " ± 0.24 (seed sd 0.22)" in line


def test_takeaways_state_the_highest_bound_with_its_standard_error(results):
    frame = load_results(results, "tiny")
    best = frame[frame["metric"] == "iw_log_likelihood"].query("model == 'vae'")["value"].mean()
    facts = takeaways(headline(frame), {})[0].facts
    assert f"−{abs(best):.2f} ± 0.22 nats, of vae" in facts[0]


def test_takeaways_never_compare_two_protocols(results):
    frame = load_results(results, "tiny")
    for block, entry in zip(headline(frame), takeaways(headline(frame), {}), strict=True):
        words = set(" ".join(entry.facts).replace(",", " ").replace(";", " ").split())
        others = set(frame["model"]) - {row.model for row in block.rows}
        assert not words & others


def test_latex_is_escaped_and_balanced(results):
    frame = load_results(results, "tiny")
    frame["model"] = frame["model"].replace("vae", r"50%_&#$~^\{<x>|β名")
    text = latex_tables("A & B_1", headline(frame))
    for environment in ("table", "tabular"):
        assert text.count(rf"\begin{{{environment}}}") == text.count(rf"\end{{{environment}}}") == 3
    bare = text.replace(r"\{", "").replace(r"\}", "")
    assert bare.count("{") == bare.count("}")
    assert r"A \& B\_1" in text
    assert r"\ensuremath{\beta}[U+540D]" in text.replace("{{", "{").replace("}}", "}")
    assert text.isascii()


def test_each_special_letter_of_latex_is_escaped():
    assert tex("&%$#_{}") == r"\&\%\$\#\_\{\}"
    assert tex("~^\\") == r"\textasciitilde{}\textasciicircum{}\textbackslash{}"


def test_markdown_cells_cannot_break_the_table(results):
    frame = load_results(results, "tiny")
    frame["model"] = frame["model"].replace("vae", "a|b\nc<img src=x>")
    text = markdown_tables("T", headline(frame))
    assert r"| a\|b c\<img src=x\> |" in text


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


def test_rows_of_parts_are_no_columns_whatever_their_part_is_called(rich_rows):
    metrics = {column.metric for block in headline(rich_rows) for column in block.columns}
    assert not [name for name in metrics if "[" in name]
    families = {"iw_curve", "kl_decomposition", "inference_gap", "active_units_sweep"}
    assert not metrics & families  # nor the bare rows of models to which they do not apply


def test_tables_without_the_newer_columns_are_shown(results):
    frame = load_results(results, "tiny")
    bare = frame.drop(columns=["mc_stderr", "health"])
    assert markdown_tables("T", headline(bare)) == markdown_tables("T", headline(frame))
    assert "MC" not in terminal_table(bare)


def test_number_of_data_stands_in_the_head_or_beside_the_number(rich_rows):
    few = (rich_rows["metric"] == "elbo") & (rich_rows["model"] == "vae")
    mixed = rich_rows.assign(n=rich_rows["n"].mask(few, 50))
    block = headline(mixed)[0]
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
