"""Estimators of log p(x) side by side."""

from dataclasses import replace

import numpy as np
import pytest

from genbench.evaluation.runner import _spaced
from genbench.evaluation.spec import evaluators
from genbench.reporting.tables.ranks import rank_table, ranks, verdict
from genbench.results.suite import StoredSuite
from tests.results.rich import fabricate_rich


@pytest.fixture(scope="module")
def found(rich_suite):
    return ranks(rich_suite.blocks[0], rich_suite.per_datum)


def entries(found, metric):
    (index,) = [i for i, column in enumerate(found.columns) if column.metric == metric]
    pairs = zip(found.rows, found.entries, strict=True)
    return {row.model: known[index] for row, known in pairs if known[index]}


def test_all_estimators_are_brought_to_the_same_images(found, rich_suite):
    assert found.n == 100
    block = rich_suite.blocks[0]
    index = block.column("iw_log_likelihood")
    by_seed = rich_suite.per_datum.of(block, block.columns[index], block.rows[0].cells[index])
    values = np.mean(list(by_seed.values()), axis=0)[::3]  # every third of 300
    shown = entries(found, "iw_log_likelihood")["vae"]
    assert shown.value == pytest.approx(values.mean())
    assert shown.stderr == pytest.approx(values.std(ddof=1) / 10)


class Values:
    """Per image, its place among all 300: what an evaluator of ``cell.n`` images would store."""

    def __init__(self, *missing):
        self.missing = missing

    def of(self, block, column, cell):
        if column.metric in self.missing:
            return None
        places = _spaced(300, cell.n, 0, cell.n).numpy()
        return {seed: places.astype(float) for seed in range(3)}


def of_fewer(block, metric, n):
    index = block.column(metric)
    for row in block.rows:
        cells = [replace(c, n=n) if i == index else c for i, c in enumerate(row.cells)]
        yield replace(row, cells=tuple(cells))


@pytest.mark.parametrize("n", [7, 100, 200, 299])
def test_the_images_are_those_that_an_evaluator_of_fewer_sees(rich_suite, n):
    block = rich_suite.blocks[0]
    few = replace(block, rows=tuple(of_fewer(block, "ais_log_likelihood", n)))
    shown = entries(ranks(few, Values()), "iw_log_likelihood")["vae"]
    assert shown.seeds[0].tolist() == _spaced(300, n, 0, n).tolist()


def test_an_estimator_without_values_at_these_images_is_left_out(found, rich_suite):
    block = rich_suite.blocks[0]
    assert "iw_log_likelihood" in {column.metric for column in found.columns}
    rest = ranks(block, Values("iw_log_likelihood"))
    assert {c.metric for c in rest.columns} == {"ais_log_likelihood", "parzen_log_likelihood"}
    assert ranks(block, Values("iw_log_likelihood", "parzen_log_likelihood")) is None


@pytest.fixture(scope="module")
def placed(tmp_path_factory):
    """Ranks of models whose bounds are -18 (cvae), -20, -20.001 and -23, by the number of seeds."""

    def place(n_seeds):
        root = tmp_path_factory.mktemp("placed")
        suite = StoredSuite.open(fabricate_rich(root, seeds=range(n_seeds)), "tiny")
        return entries(ranks(suite.blocks[0], suite.per_datum), "iw_log_likelihood")

    return {n_seeds: place(n_seeds) for n_seeds in (2, 3)}


def test_ranks_are_given_within_one_kind_only_and_ties_share_theirs(placed):
    assert {model: entry.rank_text for model, entry in placed[3].items()} == {
        "cvae": "1 of 4",
        "vae": "2 to 3 of 4",  # 0.001 nats apart, with an error of 0.1
        "vae_twin": "2 to 3 of 4",
        "beta_vae": "4 of 4",
        "linear_gaussian": "",  # the only exact one
    }


def test_two_seeds_may_leave_open_what_three_decide(placed):
    few, more = placed[2], placed[3]
    assert (few["vae"].rank, few["vae"].last) == (1, 4)  # p = 0.02 of 1.4 degrees of freedom
    for model, entry in more.items():
        assert few[model].rank <= entry.rank <= entry.last <= few[model].last


def test_numbers_without_values_per_image_are_not_told_apart(rich_blocks):
    class Nothing:
        def of(self, block, column, cell):
            return None

    block = rich_blocks[0]
    index = block.column("iw_log_likelihood")
    cells = {row.model: replace(row.cells[index], n=100) for row in block.rows}
    rows = tuple(replace(row, cells=(cells[row.model], cells[row.model])) for row in block.rows)
    other = {"metric": "ais_log_likelihood", "record": evaluators["ais_log_likelihood"].record}
    columns = (block.columns[index], replace(block.columns[index], **other))
    unknown = ranks(replace(block, rows=rows, columns=columns), Nothing())
    found = entries(unknown, "iw_log_likelihood")
    assert {found[m].rank_text for m in ("vae", "beta_vae", "cvae")} == {"1 to 4 of 4"}


def test_verdict_names_a_pair_that_parzen_turns_around(found):
    text = verdict(found)
    assert text.startswith("The Parzen window orders these models differently from AIS")
    assert "puts beta_vae" in text
    assert text in rank_table(found, "ranks").caption


def test_verdict_does_not_claim_a_reversal_where_there_is_none(found):
    def agreeing(entry):
        return entry and replace(entry, value=entry.cell.value)

    same = [
        tuple(agreeing(e[0]) if i == 2 and e[0] else e[i] for i in range(len(e)))
        for e in found.entries
    ]
    text = verdict(replace(found, entries=tuple(same)))
    assert text.startswith("Here the Parzen window orders the models as AIS does")


def test_reversal_within_the_errors_is_said_to_be_so(found):
    wide = [tuple(e and replace(e, stderr=50.0) for e in row) for row in found.entries]
    assert "though not both by more than two standard errors" in verdict(
        replace(found, entries=tuple(wide))
    )


def test_block_with_one_estimator_has_no_ranks(rich_suite):
    assert ranks(rich_suite.blocks[1], rich_suite.per_datum) is None
