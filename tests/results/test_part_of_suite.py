"""The best models of a suite, with the numbers and ranks that they have among all."""

import pytest

from genbench.results.part_of_suite import best_part


def test_a_suite_with_few_models_is_shown_as_it_is(suite):
    assert best_part(suite) is suite
    assert best_part(suite, len(suite.models)) is suite


@pytest.mark.parametrize("most", [1, 3, 5])
def test_the_best_of_each_protocol_are_kept_in_the_order_of_the_file(suite, most):
    part = best_part(suite, most)
    assert len(part.models) == most
    assert part.models == [name for name in suite.models if name in part.models]
    leaders = [board.entries[0].row.model for board in suite.leaderboards]
    assert set(part.models) <= set(leaders) or set(leaders) <= set(part.models)


def test_numbers_ranks_and_answers_are_those_among_all(suite):
    part = best_part(suite, 5)
    whole = {(b.block.protocol, e.row.label): e for b in suite.leaderboards for e in b.entries}
    kept = {(b.block.protocol, e.row.label): e for b in part.leaderboards for e in b.entries}
    assert 0 < len(kept) < len(whole)
    assert all(whole[key] == entry for key, entry in kept.items())
    answers = {board.block.protocol: board.sentence for board in suite.leaderboards}
    assert all(answers[b.block.protocol] == b.sentence for b in part.leaderboards)
    rows = {(b.protocol, row.label): row for b in suite.blocks for row in b.rows}
    assert all(rows[b.protocol, row.label] == row for b in part.blocks for row in b.rows)


def test_only_runs_and_rows_of_the_models_are_kept(suite):
    part = best_part(suite, 2)
    assert {run.model for run in part.record.runs} == set(part.models)
    assert set(part.frame["model"]) == set(part.models)
    assert set(suite.frame["model"]) > set(part.models)
