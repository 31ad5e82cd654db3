"""Paired differences on the same images, and who is best by them."""

import math
from dataclasses import replace

import numpy as np
import pytest

from genbench.core.protocol import Protocol
from genbench.evaluation import runner  # noqa: F401  it registers every evaluator
from genbench.evaluation.spec import evaluators
from genbench.results.cells import BEST, TIED, Cell, Column, ModelRow, ProtocolBlock, SeedValue
from genbench.results.paired import comparisons, ranked


def column_of(metric, better="higher", kind="lower_bound", n=400):
    """A column of a registered metric, whatever its numbers are said to be."""
    return Column(metric, "{}", 1, "nats", better, kind, evaluators[metric].record, n)


COLUMN = column_of("elbo")


class Stored:
    """Per-datum values by train_id, in the place of the files."""

    def __init__(self, **values):
        self.values = values

    def of(self, block, column, cell):
        found = {s.seed: self.values.get(s.train_id) for s in cell.seeds}
        return found if all(v is not None for v in found.values()) else None


def cell(*train_ids, kind="lower_bound", n=400, value=0.0):
    seeds = tuple(SeedValue(i, name, value) for i, name in enumerate(train_ids))
    counts = {"n_seeds": len(seeds), "n_ok": len(seeds)}
    alone = len(seeds) == 1 or None  # one seed says all of a model that is fitted in closed form
    return Cell("ok", value=value, n=n, kind=kind, seeds=seeds, closed_form=alone, **counts)


def block(column=COLUMN, controls=(), **cells):
    rows = tuple(ModelRow(name, name, (found,), name in controls) for name, found in cells.items())
    return ProtocolBlock("digits", Protocol.parse("p"), "test", 400, (column,), rows)


def values(mean, seed, n=400, noise=0.1):
    hard = np.random.default_rng(0).normal(0, 5, n)
    own = np.random.default_rng(seed).normal(0, noise, n)
    return hard + own - (hard + own).mean() + mean


def standings(found, stored):
    return {row.label: row.cells[0].standing for row in ranked(found, stored).rows}


def test_pair_has_the_mean_and_standard_error_of_differences_on_the_same_images():
    stored = Stored(a=np.array([1.0, 2.0, 3.0, 6.0]), b=np.array([0.0, 2.0, 1.0, 1.0]))
    column = replace(COLUMN, n=4)
    (found,) = comparisons(block(column, x=cell("a", n=4), y=cell("b", n=4)), 0, stored)
    pair = found.pairs[0, 1]
    assert pair.difference == 2.0  # 1, 0, 2, 5
    assert pair.stderr == pytest.approx(math.sqrt(14 / 3 / 4))  # squares 1, 4, 0, 9 over 3, over 4


def test_best_needs_a_significant_paired_difference():
    stored = Stored(a=values(-10.0, 1), b=values(-10.1, 2), c=values(-10.001, 3))
    assert standings(block(x=cell("a"), y=cell("b")), stored) == {"x": BEST, "y": ""}
    tie = standings(block(x=cell("a"), y=cell("b"), z=cell("c")), stored)
    assert tie == {"x": TIED, "y": "", "z": TIED}


def test_smaller_is_best_where_lower_is_better():
    column = column_of("reconstruction_mse", "lower")
    stored = Stored(a=values(-10.0, 1), b=values(-11.0, 2))
    assert standings(block(column, x=cell("a"), y=cell("b")), stored) == {"x": "", "y": BEST}


@pytest.mark.parametrize("other", [{"kind": "exact"}, {"kind": "estimate"}, {"n": 100}])
def test_numbers_of_another_kind_or_n_are_never_ranked_together(other):
    stored = Stored(a=values(-10.0, 1), b=values(-12.0, 2), c=values(-5.0, 3, other.get("n", 400)))
    found = block(x=cell("a"), y=cell("b"), z=cell("c", **other))
    assert standings(found, stored) == {"x": BEST, "y": "", "z": ""}
    assert comparisons(block(x=cell("a"), z=cell("c", **other)), 0, stored) == []


@pytest.mark.parametrize("control", [False, True])
@pytest.mark.parametrize(
    ("better", "first", "above", "below"), [("lower", "x", 0.5181, 0.6), ("higher", "y", 0.6, 0.5)]
)
def test_nothing_is_best_below_a_better_number_of_another_kind(
    better, first, above, below, control
):
    column = column_of("bits_per_dim", better, "upper_bound")
    stored = Stored(a=values(0.5315, 1, noise=0.01), b=values(0.5637, 2, noise=0.01))
    alike = {
        "x": cell("a", kind="upper_bound", value=0.5315),
        "y": cell("b", kind="upper_bound", value=0.5637),
    }
    controls = ("z",) if control else ()
    exact = cell("c", kind="exact", value=above)
    assert set(standings(block(column, controls, **alike, z=exact), stored).values()) == {""}
    for harmless in (replace(exact, value=below), replace(exact, n=20)):
        assert standings(block(column, controls, **alike, z=harmless), stored)[first] == BEST


@pytest.mark.parametrize("metric", ["parzen_log_likelihood", "bdmc_gap", "mmd2", "kl"])
def test_metrics_that_rank_wrongly_or_on_other_data_mark_nothing(metric):
    stored = Stored(a=values(-10.0, 1), b=values(-12.0, 2))
    found = block(column_of(metric), x=cell("a"), y=cell("b"))
    assert standings(found, stored) == {"x": "", "y": ""}


def test_nobody_is_best_while_one_number_has_no_per_datum_values():
    stored = Stored(a=values(-10.0, 1), b=values(-12.0, 2))
    found = block(x=cell("a"), y=cell("b"), z=cell("lost"))
    assert set(standings(found, stored).values()) == {""}


def test_spread_between_seeds_enters_the_test():
    stored = Stored(a=values(-10.0, 1), b=values(-10.4, 2), c=values(-10.3, 3), d=values(-10.5, 4))
    found = block(x=cell("a", "b"), y=cell("c", "d"))  # -10.2 against -10.4, but -10.4 < -10.3
    (comparison,) = comparisons(found, 0, stored)
    pair = comparison.pairs[0, 1]
    assert pair.difference == pytest.approx(0.2)
    assert pair.stderr == pytest.approx(math.sqrt(0.2**2 + 0.1**2), rel=0.01)  # 0.4 and 0.2 apart
    assert pair.seed_sd == pytest.approx(math.sqrt(0.02))  # 0.3 and 0.1
    assert standings(found, stored) == {"x": TIED, "y": TIED}
    single = block(x=cell("a"), y=cell("d"))
    assert standings(single, stored) == {"x": BEST, "y": ""}


def test_two_seeds_that_are_ahead_by_less_than_they_scatter_do_not_make_a_winner():
    stored = Stored(a=values(-10.0, 1), b=values(-10.4, 2), c=values(-10.5, 3), d=values(-10.9, 4))
    assert standings(block(x=cell("a", "b"), y=cell("c", "d")), stored) == {"x": TIED, "y": TIED}


def test_control_is_never_marked_and_still_keeps_others_from_being_best():
    stored = Stored(a=values(-10.0, 1), b=values(-9.0, 2))
    found = block(controls=("y",), x=cell("a"), y=cell("b"))
    assert standings(found, stored) == {"x": "", "y": ""}


def test_equal_models_are_tied():
    stored = Stored(a=values(-10.0, 1), b=values(-10.0, 1))
    assert standings(block(x=cell("a"), y=cell("b")), stored) == {"x": TIED, "y": TIED}
