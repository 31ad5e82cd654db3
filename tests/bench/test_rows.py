"""Stored rows are read whole or not at all."""

import json

import pytest

from genbench.bench.rows import StoredRowsError, digest, key_of, read_rows
from genbench.core.errors import ExitCode


@pytest.fixture
def refuse(tmp_path):
    def read(content):
        path = tmp_path / "old.json"
        path.write_text(content)
        with pytest.raises(StoredRowsError) as caught:
            read_rows(path)
        assert caught.value.exit_code == ExitCode.BASELINE
        assert "old.json" in str(caught.value)
        return str(caught.value)

    return read


def test_whole_rows_are_read_as_they_were_written(row, tmp_path):
    rows = [row(), row(task="iw", limit_samples_per_s=None, share_relative_error=None)]
    (tmp_path / "old.json").write_text(json.dumps(rows))
    assert read_rows(tmp_path / "old.json") == rows


def test_a_missing_file_is_no_baseline(tmp_path):
    with pytest.raises(StoredRowsError, match="cannot read"):
        read_rows(tmp_path / "none.json")


def test_a_truncated_file_is_damaged(row, refuse):
    assert "damaged" in refuse(json.dumps([row()])[:-20])


@pytest.mark.parametrize("content", ["[]", "{}", "3", '"rows"', '{"benchmarks": []}'])
def test_a_foreign_file_is_refused(refuse, content):
    assert "not a list of rows" in refuse(content)


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_are_none_are_refused(row, refuse, word):
    assert f"{word} is not a valid number" in refuse(json.dumps([row()]).replace("16000.0", word))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"samples_per_s": "fast"}, "samples_per_s"),
        ({"samples_per_s": 0}, "samples_per_s"),
        ({"samples_per_s": True}, "samples_per_s"),
        ({"samples_per_s": None}, "samples_per_s"),
        ({"limit_samples_per_s": -1.0}, "limit_samples_per_s"),
        ({"share_relative_error": None}, "share_relative_error"),
        ({"flops_per_step": 0}, "flops_per_step"),
        ({"relative_error": -0.1}, "relative_error"),
        ({"task": "fly"}, "task"),
        ({"recipe": 3}, "recipe"),
        ({"options": None}, "options"),
        ({"batch_size": 0}, "batch_size"),
        ({"fingerprint_digest": "0" * 12}, "fingerprint_digest"),
    ],
)
def test_a_damaged_row_is_named_with_its_key(row, refuse, change, named):
    message = refuse(json.dumps([row(), row(task="iw") | change]))
    assert f"row 1: {named}" in message


def test_a_row_of_another_kind_is_refused(refuse):
    assert "row 0: not a row" in refuse("[1]")


def test_a_benchmark_that_is_there_twice_is_refused(row, refuse):
    assert "is listed twice" in refuse(json.dumps([row(), row(samples_per_s=1.0)]))


def test_the_key_does_not_depend_on_the_order_of_options(row):
    turned = row(options={"latent_dim": 20, "hidden": [400]})
    assert key_of(turned) == key_of(row())


def test_the_digest_tells_machines_apart_and_not_versions_of_the_code(row):
    machine = row()["fingerprint"]
    assert digest(machine) == digest(machine | {"genbench": "9"})
    assert len({digest(machine | {"threads": n}) for n in range(5)}) == 5
