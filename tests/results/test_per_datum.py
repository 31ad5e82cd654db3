"""Values behind the numbers, found by the key under which they were stored."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file

from genbench.core.errors import StorageError
from genbench.core.protocol import Protocol
from genbench.results.blocks import blocks_of
from genbench.results.cells import SeedValue
from genbench.results.per_datum import PerDatumValues, value_key
from tests.results.fabricate import GIVEN_LABEL, MASS, write_manifest

IW = '{"chunk_size":50,"n_samples":100}'
BOUND = "iw_log_likelihood"
MARGINAL = np.array([-20.0, -21.0, -24.0, -19.0])
GIVEN = np.array([-24.0, -19.0, -20.0, -21.0])  # the same mean to the last bit
BY_CONDITION = {"": MARGINAL, "label": GIVEN}


def key_of(condition):
    return value_key("test", BOUND, condition, 1, IW)


def stored(tmp_path, *conditions):
    """Read both bounds of a conditional model, whose values are stored for these conditions.

    Returns the values of each condition.
    """
    run = tmp_path / "runs" / "a"
    (run / "artifacts").mkdir(parents=True)
    arrays = {key_of(condition): BY_CONDITION[condition] for condition in conditions}
    save_file(arrays, run / "artifacts" / "per_datum.safetensors")
    write_manifest(run)
    row = {
        "dataset": "digits", "model": "cvae", "seed": 0, "split": "test", "metric": BOUND,
        "value": MARGINAL.mean(), "stderr": 0.1, "n": 4, "unit": "nats", "better": "higher",
        "kind": "lower_bound", "status": "ok", "reason": "", "evaluator_version": 1,
        "train_id": "a", "options": IW,
    }  # fmt: skip
    table = pd.DataFrame([row | {"protocol": text} for text in (MASS, GIVEN_LABEL)])
    values = PerDatumValues(tmp_path)
    blocks = {block.protocol.condition: block for block in blocks_of(table, {})}
    return {
        condition: values.of(block, block.columns[0], block.rows[0].cells[0])
        for condition, block in blocks.items()
    }


def test_the_bound_given_the_label_and_the_marginal_bound_never_swap_their_values(tmp_path):
    found = stored(tmp_path, "", "label")
    assert found.keys() == {"", "label"}
    for condition, by_seed in found.items():
        np.testing.assert_array_equal(by_seed[0], BY_CONDITION[condition])


@pytest.mark.parametrize(("kept", "lost"), [("", "label"), ("label", "")])
def test_a_bound_without_values_does_not_take_those_of_the_other_with_its_mean(
    tmp_path, kept, lost
):
    assert MARGINAL.mean() == GIVEN.mean()
    found = stored(tmp_path, kept)
    assert found[kept] is not None
    assert found[lost] is None


def test_values_that_are_not_finite_are_damage(tmp_path, monkeypatch):
    monkeypatch.setitem(BY_CONDITION, "", np.array([-20.0, np.nan, -24.0, -19.0]))
    with pytest.raises(StorageError, match=r"per_datum\.safetensors is damaged: .* not finite"):
        stored(tmp_path, "")


def test_a_key_differs_in_each_of_its_parts_and_not_in_how_options_are_spelt():
    asked = ("test", BOUND, "label", 1, IW)
    others = ("validation", "elbo", "", 2, '{"chunk_size":50,"n_samples":200}')
    keys = {value_key(*asked[:i], other, *asked[i + 1 :]) for i, other in enumerate(others)}
    assert len(keys | {value_key(*asked)}) == 6
    assert value_key(*asked[:4], '{"n_samples": 100, "chunk_size": 50}') == value_key(*asked)


def test_number_without_its_condition_is_not_paired_with_values_given_the_label(rich_suite):
    free, given = rich_suite.blocks
    (row,) = [row for row in free.rows if row.model == "cvae"]
    index = free.column(BOUND)
    marginal = rich_suite.per_datum.of(free, free.columns[index], row.cells[index])
    conditional = rich_suite.per_datum.of(given, given.columns[0], given.rows[0].cells[0])
    marginal, conditional = (np.mean(list(found.values())) for found in (marginal, conditional))
    assert marginal == pytest.approx(row.cells[index].value)
    assert conditional - marginal == pytest.approx(2.3)


def test_values_whose_mean_is_not_the_number_are_damage(rich_suite):
    block = rich_suite.blocks[0]
    cell = block.rows[0].cells[0]
    assert rich_suite.per_datum.of(block, block.columns[0], cell)
    wrong = replace(cell, seeds=tuple(replace(seed, value=1.0) for seed in cell.seeds))
    with pytest.raises(StorageError, match=r"values of mean -21.4, and the number is 1, over"):
        rich_suite.per_datum.of(block, block.columns[0], wrong)


def test_values_of_another_run_or_protocol_are_not_used_and_of_another_size_damage(rich_suite):
    block = rich_suite.blocks[0]
    column, cell = block.columns[0], block.rows[0].cells[0]
    other_run = replace(cell, seeds=(SeedValue(0, "x", cell.value),))
    other_protocol = replace(block, protocol=Protocol.parse(GIVEN_LABEL))
    for asked in ((block, column, other_run), (other_protocol, column, cell)):
        assert rich_suite.per_datum.of(*asked) is None
    with pytest.raises(StorageError, match=r"has 300 values .*, over 100 data"):
        rich_suite.per_datum.of(block, column, replace(cell, n=100))
