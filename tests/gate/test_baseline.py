"""The baseline file: small, sorted, sealed; nothing but what was written is ever read."""

import json
import os

import pytest

from genbench.core import files
from genbench.core.errors import ExitCode, RunsFailedError, StorageError
from genbench.gate import BaselineError, read_baseline, update, update_from_frame
from tests.gate.tables import NUMBERS, frame_of, row, table, without_number, write_results


@pytest.fixture
def path(tmp_path):
    update_from_frame(table(), tmp_path / "tiny.json")
    return tmp_path / "tiny.json"


def test_what_is_written_is_read_back(path):
    found = read_baseline(path)
    assert found.suite == "tiny"
    assert {(e.model, e.metric): list(e.values) for e in found.metrics} == NUMBERS
    assert found.text() == path.read_text()


def test_each_number_is_one_line_and_they_are_sorted(path):
    lines = [line for line in path.read_text().splitlines() if '"metric"' in line]
    rows = [json.loads(line.strip().rstrip(",")) for line in lines]
    assert [(r["model"], r["metric"]) for r in rows] == sorted(NUMBERS)
    stated = {"mean", "sd", "stderr", "n", "version", "protocol", "train_ids", "margin", "unit"}
    assert all(stated <= r.keys() for r in rows)


def test_the_same_results_give_the_same_bytes_whatever_their_order(path, tmp_path):
    backwards = table().iloc[::-1].reset_index(drop=True)
    update_from_frame(backwards, tmp_path / "other.json")
    assert (tmp_path / "other.json").read_bytes() == path.read_bytes()


def test_one_moved_number_changes_its_line_and_the_digest(path):
    before = path.read_text().splitlines()
    update_from_frame(table(NUMBERS | {("vae", "elbo"): [-23.61, -23.0]}), path)
    after = path.read_text().splitlines()
    changed = [a for a, b in zip(after, before, strict=True) if a != b]
    assert len(changed) == 2
    assert '"metric": "elbo"' in changed[0]
    assert "sha256" in changed[1]


def test_provenance_comes_from_the_runs(tmp_path):
    results = write_results(tmp_path / "results", table())
    found = update(tmp_path / "b.json", results, "tiny").baseline.provenance
    assert found.command == "run tiny"
    assert found.devices == ("CPU, 1 thread",)
    assert found.finished == "2026-01-01T00:00:00+00:00"
    assert len(found.fingerprint) == 12


# --- damage --------------------------------------------------------------------------------------


def _sealed(content):
    """A file of other content whose digest is right, as another version would write it."""
    content = {k: v for k, v in content.items() if k != "sha256"}
    digest = files.sha256_bytes(files.canonical_json(content).encode())
    return json.dumps(content | {"sha256": digest})


def _edited(text):
    return text.replace('"mean": -23.59', '"mean": -24.59')


def _newer(text):
    return _sealed(json.loads(text) | {"schema": 2})


def _with_nan(text):
    return text.replace('"mean": -23.59', '"mean": NaN')


def _twice(text):
    content = json.loads(text)
    return _sealed(content | {"metrics": content["metrics"] * 2})


def _without_values(text):
    content = json.loads(text)
    content["metrics"][0]["values"] = []
    return _sealed(content)


def _unknown_key(text):
    return _sealed(json.loads(text) | {"extra": 1})


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (_edited, "edited by hand"),
        (_newer, "schema 2, but this genbench reads 1"),
        (_with_nan, "NaN"),
        (lambda text: text[: len(text) // 2], "not valid JSON"),
        (lambda text: text[:-60], "not valid JSON"),
        (lambda _: "", "not valid JSON"),
        (lambda _: "[1, 2]", "not a genbench baseline"),
        (lambda _: '{"benchmarks": []}', "not a genbench baseline"),
        (lambda _: '{"schema": "1", "sha256": "x"}', "not a genbench baseline"),
        (lambda _: _sealed({"schema": 1, "suite": "tiny", "metrics": []}), "metrics"),
        (lambda _: "[" * 100_000, "not valid JSON"),
        (_twice, "twice"),
        (_without_values, "must have the same length"),
        (_unknown_key, "extra"),
    ],
)
def test_a_damaged_baseline_is_refused_with_its_reason_and_code_6(path, damage, told):
    before = path.read_text()
    path.write_text(damage(before))
    assert path.read_text() != before
    with pytest.raises(BaselineError, match=told) as caught:
        read_baseline(path)
    assert caught.value.exit_code == ExitCode.BASELINE
    assert str(path) in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 3


def test_bytes_that_are_no_text_and_folders_are_refused(path, tmp_path):
    path.write_bytes(b"\xff\xfe\x00")
    for place in (path, tmp_path):
        with pytest.raises(BaselineError):
            read_baseline(place)


def test_a_huge_baseline_and_a_pipe_are_refused_unread(path, tmp_path):
    os.truncate(path, 2**40)
    os.mkfifo(tmp_path / "pipe")
    for place, told in ((path, "1099511627776 bytes, at most"), (tmp_path / "pipe", "plain file")):
        with pytest.raises(BaselineError, match=told):
            read_baseline(place)


def test_a_link_to_a_baseline_is_followed(path, tmp_path):
    (tmp_path / "link.json").symlink_to(path)
    assert read_baseline(tmp_path / "link.json") == read_baseline(path)


def test_a_missing_baseline_says_how_to_write_one(tmp_path):
    with pytest.raises(BaselineError, match="check --update --baseline"):
        read_baseline(tmp_path / "none.json")


# --- update --------------------------------------------------------------------------------------


def test_margins_are_kept_and_replaced_by_name(path):
    update_from_frame(table(), path, margins={"elbo": 2.0})
    update_from_frame(table(), path, margins={"vae/kl": 3.0})
    margins = {e.metric: e.margin for e in read_baseline(path).metrics}
    assert margins == {"elbo": 2.0, "kl": 3.0, "bits_per_dim": 0.02, "accuracy": None}


def test_update_says_what_changed(path):
    assert update_from_frame(table(), path).text == "4 numbers of suite 'tiny', unchanged"
    numbers = {k: v for k, v in NUMBERS.items() if k[1] != "kl"}
    numbers |= {("vae", "elbo"): [-20.0, -20.1], ("vae", "log_px"): [-20.0, -20.0]}
    found = update_from_frame(table(numbers), path)
    assert (found.moved, found.new, found.gone) == (1, 1, 1)
    found = update_from_frame(table(numbers), path, margins={"vae/elbo": 2.0})
    assert found.text.endswith(": 0 changed, 0 new, 0 removed, 1 with another margin")


def test_update_writes_through_a_link(path, tmp_path):
    link = tmp_path / "link.json"
    link.symlink_to(path)
    update_from_frame(table(), link, margins={"elbo": 2.0})
    assert link.is_symlink()
    assert {e.margin for e in read_baseline(path).metrics if e.metric == "elbo"} == {2.0}


def test_seeds_that_spread_too_far_for_their_margin_are_named(path):
    found = update_from_frame(table({("vae", "elbo"): [-20.0, -26.0]}), path)
    assert found.narrow == ["vae elbo: seed sd 4.2 nats, margin 0.5"]


def test_broken_runs_make_no_baseline(path):
    before = path.read_bytes()
    frame = frame_of(
        [row("vae", "elbo", 0, -1.0), without_number("vae", "elbo", 1, "diverged", "")]
    )
    with pytest.raises(RunsFailedError, match="vae seed 1 diverged"):
        update_from_frame(frame, path)
    assert path.read_bytes() == before


def test_nothing_to_compare_makes_no_baseline(tmp_path):
    frame = frame_of([without_number("gan", "elbo", 0, "not_applicable", "no posterior")])
    with pytest.raises(BaselineError, match="no numbers to compare"):
        update_from_frame(frame, tmp_path / "b.json")


def test_a_suite_of_studies_alone_makes_no_baseline(tmp_path):
    results = write_results(tmp_path / "results", frame_of([]))
    with pytest.raises(BaselineError, match="no numbers to compare"):
        update(tmp_path / "b.json", results, "tiny")


@pytest.mark.parametrize("damage", [_edited, _newer, lambda _: ""])
def test_a_damaged_baseline_is_not_overwritten(path, damage):
    """Its margins would be lost without a word."""
    path.write_text(damage(path.read_text()))
    before = path.read_bytes()
    with pytest.raises(BaselineError):
        update_from_frame(table(), path)
    assert path.read_bytes() == before


def test_a_baseline_of_another_suite_is_not_overwritten(path):
    before = path.read_bytes()
    with pytest.raises(BaselineError, match="for suite 'tiny', the results are of 'other'"):
        update_from_frame(table(suite="other"), path)
    assert path.read_bytes() == before


def test_a_full_disk_leaves_the_old_baseline(path, monkeypatch):
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "replace", full)
    with pytest.raises(StorageError, match="No space left"):
        update_from_frame(table(NUMBERS | {("vae", "elbo"): [0.0, 0.0]}), path)
    assert path.read_bytes() == before
    assert list(path.parent.glob(".*")) == []


def test_a_path_that_cannot_be_written_is_a_storage_error(path):
    with pytest.raises(StorageError, match="cannot write"):
        update_from_frame(table(), path / "below" / "a_file.json")
