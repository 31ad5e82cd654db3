"""The headline table: best first, with errors beside it, and still a DataFrame."""

import math
import pickle

import numpy as np
import pandas as pd
import pytest

import genbench
from genbench.api.tables import FrameBeside
from genbench.core.errors import ConfigError, StorageError
from genbench.results.suite import StoredSuite
from tests.results.fabricate import fabricate
from tests.results.rich import fabricate_rich

BESIDE = ("stderr", "kind", "metric", "standing")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return fabricate_rich(tmp_path_factory.mktemp("rich"))


@pytest.fixture(scope="module")
def boards(results):
    return StoredSuite.open(results, "tiny").leaderboards


@pytest.fixture
def table(results):
    return genbench.table("tiny", results)


def test_the_table_is_the_leaderboard_of_each_protocol(table, boards):
    assert list(table.index.names) == ["protocol", "model"]
    expected = [entry.row.label for board in boards for entry in board.entries]
    assert list(table.index.get_level_values("model")) == expected
    assert list(table.index.unique("protocol")) == ["static", "static|label"]
    assert list(table.columns) == ["log-likelihood", "rate", "sample quality"]
    for name, board in zip(("static", "static|label"), boards, strict=True):
        assert table.attrs["protocol"][name] == board.block.protocol.text
        assert table.attrs["answer"][name] == board.sentence
        for entry in board.entries:
            value = table.loc[(name, entry.row.label), "log-likelihood"]
            kind = table.attrs["kind"].loc[(name, entry.row.label), "log-likelihood"]
            stderr = table.attrs["stderr"].loc[(name, entry.row.label), "log-likelihood"]
            if entry.cell is None:
                assert math.isnan(value)
                assert kind == ""
            else:
                assert (value, stderr, kind) == (
                    entry.cell.value, entry.cell.stderr, entry.cell.kind,
                )  # fmt: skip


def test_models_of_a_protocol_stand_best_first_and_those_without_a_number_last(table):
    for _, group in table.groupby(level="protocol"):
        values = group["log-likelihood"].to_numpy()
        known = values[~np.isnan(values)]
        assert list(known) == sorted(known, reverse=True)
        assert np.isnan(values[len(known) :]).all()


def test_all_that_stands_beside_it_has_its_shape(table):
    for name in BESIDE:
        beside = table.attrs[name]
        assert beside.index.equals(table.index)
        assert beside.columns.equals(table.columns)
    known = table.notna()
    for name in ("kind", "metric"):
        assert ((table.attrs[name] != "") == known).all(axis=None)
    metrics = table.attrs["metric"].loc[("static", "vae")]
    assert metrics["log-likelihood"] == "iw_log_likelihood"
    assert (metrics["rate"], metrics["sample quality"]) == ("kl", "mmd2")
    assert not (table.attrs["stderr"].notna() & ~known).any(axis=None)


def test_the_style_shows_sign_and_error_and_the_best_in_bold(results):
    table = genbench.table("tiny", results)
    html = genbench.style(table).to_html()
    text = genbench.style(table).to_string(delimiter="|")
    (line,) = [line for line in text.splitlines() if "|vae|" in f"|{line}"]
    value, stderr = (
        frame.loc[("static", "vae"), "log-likelihood"] for frame in (table, table.attrs["stderr"])
    )
    assert f"≥ −{abs(value):.2f} ± {stderr:.2f}" in line
    (exact,) = [line for line in text.splitlines() if "linear_gaussian" in line]
    assert "≥" not in exact
    for answer in table.attrs["answer"].values():
        assert answer in html


def test_bold_is_what_is_best_and_nothing_else(table):
    table.attrs["standing"].loc[:] = ""
    assert "font-weight: bold" not in genbench.style(table).to_html()
    table.attrs["standing"].iloc[1, 0] = "best"
    table.attrs["standing"].iloc[2, 0] = "tie"
    css = genbench.style(table).to_html().split("</style>")[0]
    (rule,) = [r for r in css.split("}") if "font-weight: bold" in r]
    assert rule.count("#T_") == 1
    assert "row1_col0" in rule


def test_some_rows_and_columns_are_styled_too(table):
    part = table.loc[["static"], ["rate", "log-likelihood"]].sort_values("rate")
    html = genbench.style(part).to_html()
    assert "static|label" not in html
    assert "≥" in html
    renamed = table.rename(columns=str.upper)
    for other in (table.loc["static"], table.T, pd.DataFrame({"a": [1.0]}), renamed):
        with pytest.raises(ConfigError, match=r"genbench\.table"):
            genbench.style(other)


def test_what_a_suite_is_named_cannot_write_into_the_page(table):
    named = {"vae": "<script>alert(1)</script>"}
    renamed = table.rename(index=named, level="model")
    for name in BESIDE:
        renamed.attrs[name] = table.attrs[name].rename(index=named, level="model")
    renamed.attrs["answer"] = {"static": "<script>alert(2)</script>"}
    html = genbench.style(renamed).to_html()
    assert "<script>" not in html
    assert html.count("&lt;script&gt;") == 2


def test_a_notebook_shows_the_table_with_its_errors_and_what_is_made_of_it_without(table):
    assert "±" in table._repr_html_()
    assert "±" not in (table * 2)._repr_html_()
    assert "±" not in table.loc["static"]._repr_html_()


def test_a_terminal_shows_the_numbers(table, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pd.option_context("display.max_columns", 0):
        lines = repr(table).splitlines()
    assert max(map(len, lines)) <= 80
    assert "log-likelihood" in lines[0]
    repr(table).encode("ascii")


@pytest.mark.parametrize(
    "operation",
    [
        lambda t, u: pd.concat([t, u]),
        lambda t, u: pd.concat([t, t]),
        lambda t, u: pd.concat([t["rate"], u["rate"]], axis=1),
        lambda t, u: t.merge(u, left_index=True, right_index=True),
        lambda t, u: t + u,
        lambda t, u: t - 1,
        lambda t, u: t.agg(["mean", "max"]),
        lambda t, u: t.groupby(level="protocol").mean(),
        lambda t, u: t.melt(ignore_index=False),
        lambda t, u: t.describe(),
        lambda t, u: t.T,
        lambda t, u: t.stack(),
        lambda t, u: t.reset_index().sort_values("rate"),
        lambda t, u: t.corr(),
        lambda t, u: t.to_csv(),
        lambda t, u: pickle.loads(pickle.dumps(t)),
        lambda t, u: t.copy(),
    ],
)
def test_pandas_works_on_it_as_on_any_frame(table, results, operation):
    other = genbench.table("tiny", results).iloc[::-1]
    other.attrs["stderr"] = FrameBeside(table.attrs["stderr"].iloc[::-1])
    plain, plain_other = (
        pd.DataFrame(frame.to_numpy(), frame.index, frame.columns) for frame in (table, other)
    )
    found, expected = operation(table, other), operation(plain, plain_other)
    if isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(pd.DataFrame(found), expected)
    elif isinstance(expected, pd.Series):
        pd.testing.assert_series_equal(found, expected)
    else:
        assert found == expected


def test_frames_beside_it_are_compared_with_words_place_by_place(table):
    best = table.attrs["standing"] == "best"
    assert best.shape == table.shape
    assert (table.attrs["kind"] == "exact").loc[("static", "linear_gaussian"), "log-likelihood"]
    assert table.attrs["kind"] == table.copy().attrs["kind"]
    assert (table.attrs["kind"] == table.attrs["standing"]) is False


def test_tables_of_several_views_of_the_same_data_name_them(tmp_path):
    table = genbench.table("tiny", fabricate(tmp_path))
    assert list(table.index.unique("protocol")) == ["static", "uniform", "static|label"]
    boards = StoredSuite.open(tmp_path, "tiny").leaderboards
    for name, board in zip(table.index.unique(0), boards, strict=True):
        assert list(table.loc[name].index) == [entry.row.label for entry in board.entries]


def test_protocols_that_differ_in_more_than_their_view_have_longer_names():
    from genbench.api.tables import _short_names
    from genbench.core.protocol import Protocol

    texts = ["mnist@1a/static(seed=0)/5+1+1/mass", "digits@2b/static(seed=0)/5+1+1/mass"]
    assert _short_names([Protocol.parse(t) for t in texts]) == ["mnist static", "digits static"]
    sizes = ["mnist@1a/static(seed=0)/5+1+1/mass", "mnist@1a/static(seed=0)/9+1+1/mass"]
    assert _short_names([Protocol.parse(t) for t in sizes]) == sizes
    assert _short_names([Protocol.parse("anything")]) == ["anything"]


def test_an_unknown_suite_is_answered_with_the_nearest(results):
    with pytest.raises(StorageError, match="did you mean 'tiny'"):
        genbench.table("tinny", results)
