"""The comparison of a protocol as a table."""

from dataclasses import replace

import pytest

from genbench.reporting.tables.comparison import comparison_table


@pytest.fixture(scope="module")
def rows(rich_blocks):
    """Cells of the first block by model and metric."""
    table = comparison_table(rich_blocks[0])
    heads = [head.text for head in table.heads]
    return {row[0].model: dict(zip(heads, row, strict=True)) for row in table.rows}


def test_a_number_carries_its_value_error_marks_and_what_stands_below(rows):
    cell = rows["beta_vae"]["iw_log_likelihood"]
    assert cell.value == pytest.approx(-23.10)
    assert (cell.text, cell.marks, cell.badge) == ("-23.10", "†", "")
    assert cell.below == ("MC 0.013", "seed sd 0.10")
    assert rows["linear_gaussian"]["iw_log_likelihood"].badge == "exact"
    assert rows["cvae"]["iw_log_likelihood"].standing == "best"


def test_a_hint_holds_the_number_in_full_its_errors_kind_size_and_protocol(rows, rich_blocks):
    block = rich_blocks[0]
    row = next(row for row in block.rows if row.model == "vae")
    stored = row.cells[block.column("iw_log_likelihood")]
    lines = rows["vae"]["iw_log_likelihood"].hint.splitlines()
    assert lines[0] == f"iw_log_likelihood, K = 100: {stored.value:.8g} nats"
    assert f"standard error {stored.stderr:.3g}" in lines
    assert "Monte-Carlo error 0.013" in lines
    assert "lower bound, n = 300 over 3 seeds" in lines
    assert lines[-1] == block.protocol.text


def test_an_absent_number_has_its_word_and_a_numbered_reason(rich_blocks):
    table = comparison_table(rich_blocks[0])
    copier = next(row for row in table.rows if row[0].model == "copier")
    absent = [cell for cell in copier if cell.text == "n/a"]
    assert absent
    assert all(cell.value is None for cell in absent)
    assert table.numbered_notes["copier has no posterior(x)"] >= 1
    assert any(r.startswith("n/a: copier has no posterior(x) (elbo") for r in table.reasons)


def test_what_is_not_evaluated_needs_no_reason(rich_blocks):
    block = rich_blocks[0]
    gone = replace(block.rows[0].cells[0], status="missing", reason="not evaluated")
    first = replace(block.rows[0], cells=(gone, *block.rows[0].cells[1:]))
    table = comparison_table(replace(block, rows=(first,)))
    assert (table.rows[0][1].text, table.rows[0][1].note) == ("–", "")


def test_a_head_has_unit_options_size_direction_and_kind(rich_blocks):
    heads = {head.text: head for head in comparison_table(rich_blocks[0]).heads}
    assert heads["iw_log_likelihood"].line == "iw_log_likelihood ↑ (nats, K = 100, lower bound)"
    assert "n = 100" in heads["ais_log_likelihood"].below
    assert heads["model"].words
    assert not heads["elbo"].words


def test_remarks_stand_below_the_models_that_have_none_of_their_own(rich_blocks):
    table = comparison_table(rich_blocks[0], remarks={"vae": "Bernoulli", "cvae": "Bernoulli"})
    below = {row[0].model: row[0].below for row in table.rows}
    assert below["vae"] == ("Bernoulli",)
    assert below["cvae"] == ("label summed out",)
    assert below["beta_vae"] == ()
