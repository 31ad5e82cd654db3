"""Frames for people: the numbers are printed first, and every row has a key of its own."""

import pickle
import shutil

import pandas as pd
import pytest

import genbench
from genbench.results.columns import COLUMNS
from genbench.results.numbers_frame import (
    FRAME_COLUMNS,
    NUMBERS,
    NumbersFrame,
    completed,
    numbers_first,
    stored_numbers,
    without_empty_columns,
)


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    with pd.option_context("display.max_columns", 0):
        yield


@pytest.fixture(params=["suite", "rich_suite"])
def any_suite(request):
    return request.getfixturevalue(request.param)


def test_the_numbers_are_the_first_columns_and_all_of_the_table_is_there(any_suite):
    frame = stored_numbers(any_suite)
    assert tuple(frame.columns[: len(NUMBERS)]) == NUMBERS
    assert set(frame.columns) == {*COLUMNS, "settings"} == set(FRAME_COLUMNS)
    assert list(frame.columns[-7:]) == [
        "suite", "dataset", "protocol", "split", "evaluator_version", "options", "train_id",
    ]  # fmt: skip
    stored = any_suite.table
    columns = list(stored.columns)
    both = (part[columns].sort_values(columns, ignore_index=True) for part in (stored, frame))
    pd.testing.assert_frame_equal(*both, check_frame_type=False)


def test_rows_without_a_number_come_last_and_the_others_keep_their_order(any_suite):
    frame, stored = stored_numbers(any_suite), any_suite.table
    known = stored[stored["value"].notna()]
    assert list(frame["value"][: len(known)]) == list(known["value"])
    assert frame["value"][len(known) :].isna().all()
    assert list(frame.index) == list(range(len(stored)))


def test_the_documented_key_names_one_row_of_every_stored_suite(any_suite):
    frame = stored_numbers(any_suite)
    key = ["suite", "model", "seed", "split", "metric", "settings"]
    assert not frame.duplicated(key).any()
    index, columns = ["model", "seed"], ["metric", "settings"]
    wide = frame.pivot(index=index, columns=columns, values="value")
    assert wide.notna().sum().sum() == frame["value"].notna().sum()
    for row in frame[frame["value"].notna()].itertuples():
        assert wide.loc[(row.model, row.seed), (row.metric, row.settings)] == row.value


def test_a_conditional_number_and_the_one_with_the_label_summed_out_stay_apart(rich_suite):
    frame = stored_numbers(rich_suite)
    mine = frame[(frame["model"] == "cvae") & (frame["metric"] == "iw_log_likelihood")]
    assert set(mine["settings"]) == {"K = 100", "K = 100, given the label"}
    given = mine["settings"].str.endswith("label")
    assert given.tolist() == mine["protocol"].str.endswith("|label").tolist()


def test_a_terminal_of_80_columns_shows_the_numbers(terminal, any_suite):
    frame = stored_numbers(any_suite)
    lines = repr(frame).splitlines()
    assert max(map(len, lines)) <= 80
    first = ["model", *["seed"] * (frame["seed"].nunique() > 1), "metric"]
    assert lines[0].split()[: len(first) + 2] == [*first, "value", "stderr"]
    for row, line in zip(frame.itertuples(), lines[1:4], strict=False):
        shown = dict(zip(lines[0].split(), line.split()[1:], strict=False))
        assert [shown[name] for name in first] == [str(getattr(row, name)) for name in first]
        assert float(shown["value"]) == pytest.approx(row.value, abs=1e-6)
    text = repr(frame)
    assert f"[{len(frame)} rows x 21 columns; further right: " in text
    hidden = text.split("further right: ")[1].rstrip("]").replace("\n", " ").split(", ")
    assert sorted([*lines[0].split(), *hidden]) == sorted(FRAME_COLUMNS)


def test_several_seeds_are_told_apart_in_print(terminal):
    names = ["model", "metric", "value", "seed"]
    frame = NumbersFrame([("vae", "elbo", -1.5, 0), ("vae", "elbo", -1.6, 1)], columns=names)
    assert repr(frame).splitlines()[1].split() == ["0", "vae", "0", "elbo", "-1.5"]
    assert repr(frame[:1]).splitlines()[1].split() == ["0", "vae", "elbo", "-1.5", "0"]
    twice = pd.concat([frame, frame], axis=1)
    assert len(repr(twice).splitlines()) == 3


def test_what_fits_is_printed_as_pandas_prints_it(terminal):
    frame = NumbersFrame({"model": ["vae"], "value": [1.5]})
    assert repr(frame) == repr(pd.DataFrame(frame))
    assert repr(NumbersFrame()) == repr(pd.DataFrame())


def test_where_there_is_no_number_the_reason_is_printed_once(terminal):
    rows = [
        ("vae", "elbo", -1.5, "ok", "KL by Monte Carlo"),
        ("vae", "fid", None, "not_applicable", "the model has no sample(n)"),
        ("vae", "mmd2", None, "not_applicable", "the model has no sample(n)"),
        ("vae", "kl", None, "failed", "posterior(x) raised ValueError: " + "long " * 20 + "text"),
    ]
    frame = NumbersFrame(rows, columns=["model", "metric", "value", "status", "reason"])
    table, *reasons = repr(frame[["model", "metric", "value", "status", "reason"]]).split("\n\n")
    assert len(table.splitlines()) == 5
    assert reasons[0] == "fid, mmd2: not applicable: the model has no sample(n)"
    assert reasons[1].startswith("kl: failed: posterior(x) raised ValueError: long long")
    assert " ".join(reasons[1].split()).endswith("long text")
    assert reasons[2:] == ["[4 rows x 5 columns; further right: reason]"]
    assert max(map(len, repr(frame).splitlines())) <= 80
    both = pd.concat([frame, frame.assign(model="gan")])
    assert "gan: fid, mmd2: not applicable: the model has no sample(n)" in repr(both)
    assert "KL by Monte Carlo" not in repr(frame.assign(status="ok")[["model", "metric", "value"]])
    many = NumbersFrame([("m", str(i), None, "failed", f"r{i}") for i in range(11)],
                        columns=frame.columns)  # fmt: skip
    assert repr(many).count(": failed: ") == 8
    assert "and 3 reasons more, in the column reason" in repr(many)


def test_a_first_column_wider_than_the_terminal_is_left_to_pandas(terminal):
    frame = NumbersFrame({"m" * 100: [1.0], "value": [1.5]})
    assert repr(frame) == repr(pd.DataFrame(frame))


def test_a_number_of_columns_that_the_user_chose_is_respected(any_suite):
    frame = stored_numbers(any_suite)
    with pd.option_context("display.max_columns", None, "display.width", 1000):
        assert repr(frame) == repr(pd.DataFrame(frame))


def test_nothing_of_pandas_is_changed_for_others(any_suite):
    options = ("display.max_columns", "display.width", "display.precision", "display.max_colwidth")
    before = [pd.get_option(name) for name in options]
    repr(stored_numbers(any_suite))
    assert [pd.get_option(name) for name in options] == before


def test_what_is_taken_of_a_frame_prints_its_numbers_too(terminal, suite):
    frame = stored_numbers(suite)
    of_vae = frame[frame["model"] == "vae"].sort_values("value")
    joined = pd.concat([of_vae, frame.head(3)])
    loaded = pickle.loads(pickle.dumps(frame))
    for part in (of_vae, joined, loaded, frame.copy()):
        assert isinstance(part, NumbersFrame)
        assert repr(part).split()[:5] == ["model", "seed", "metric", "value", "stderr"]
        assert part.attrs["metrics"] == frame.attrs["metrics"]
    assert type(frame["value"]) is pd.Series
    pd.testing.assert_frame_equal(loaded, frame)


def test_empty_columns_are_left_out_and_come_back(suite):
    whole = suite.table.assign(reason="", suite="", health="{}", mc_stderr=float("nan"))
    whole = whole[whole["status"] == "ok"].reset_index(drop=True)
    short = without_empty_columns(numbers_first(whole, suite.metrics))
    assert {"reason", "suite", "health", "mc_stderr"}.isdisjoint(short.columns)
    assert set(NUMBERS) <= set(short.columns)
    back = completed(short)[list(COLUMNS)]
    pd.testing.assert_frame_equal(back, whole, check_dtype=False, check_frame_type=False)


def test_the_numbers_stay_even_where_there_are_none(suite):
    nothing = suite.table[suite.table["value"].isna()]
    short = without_empty_columns(numbers_first(nothing, suite.metrics))
    assert tuple(short.columns[: len(NUMBERS)]) == NUMBERS


def test_joined_frames_that_left_out_other_columns_are_completed(suite):
    table = suite.table
    one = table[table["status"] == "ok"].drop(columns=["reason", "health"])
    two = table[table["status"] != "ok"].drop(columns="mc_stderr")
    both = completed(pd.concat([one, two], ignore_index=True))
    assert (both["health"] == "{}").all()
    assert (both["reason"][: len(one)] == "").all()


def test_older_tables_are_read_by_name(own_results, tmp_path):
    shutil.copytree(own_results, tmp_path / "copy")
    frame = genbench.load_results("tiny", tmp_path / "copy")
    assert tuple(frame.columns) == FRAME_COLUMNS
