"""The leaderboards of a stored suite: one per protocol, each with its answer."""

import math

import pytest

from genbench.results.cells import BEST, TIED, Cell, ModelRow
from genbench.results.leaderboard import Entry, Phrase

ROW = ModelRow("vae", "vae", ())


def entry(kind, value=-92.36, stderr=0.2):
    return Entry(ROW, cell=Cell("ok", value, stderr, kind=kind))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("lower_bound", "≥ -92.36 ± 0.20"),
        ("upper_bound", "≤ -92.36 ± 0.20"),
        ("exact", "-92.36 ± 0.20"),
    ],
)
def test_number_carries_its_sign_and_error(kind, text):
    assert entry(kind).text == text


def test_model_without_a_number_has_words_and_no_interval():
    found = Entry(ROW, absence="has none")
    assert (found.sign, found.text, found.interval) == ("", "has none", None)


def test_interval_holds_95_percent_of_a_normal_error():
    low, high = entry("exact", value=10.0, stderr=1.0).interval
    assert 0.5 * math.erf((high - 10) / math.sqrt(2)) == pytest.approx(0.475, abs=1e-6)
    assert low + high == pytest.approx(20.0)
    assert entry("exact", stderr=math.nan).interval is None


def test_stored_suite_has_a_leaderboard_per_protocol(rich_suite):
    free, given = rich_suite.leaderboards
    assert [b.block for b in (free, given)] == rich_suite.blocks
    assert [e.row.label for e in given.entries] == ["cvae"]
    ranked = [(e.row.title, e.text.split(" ±")[0]) for e in free.entries if e.rank]
    assert ranked == [
        ("cvae (label summed out)", "≥ -18.10"),
        ("vae", "≥ -20.10"),
        ("vae_twin", "≥ -20.10"),
        ("linear_gaussian", "-22.10"),
        ("beta_vae", "≥ -23.10"),
    ]
    assert [e.text for e in free.entries if not e.rank] == ["has none", "has none"]
    assert free.unit == "nats"
    assert [column.metric for column in free.details] == ["kl", "mmd2"]


def test_answer_and_standing_of_a_stored_suite_agree(rich_suite):
    for found in rich_suite.leaderboards:
        standings = {entry.standing for entry in found.entries}
        assert ("best" in found.sentence) == (BEST in standings)
        assert ("tied" in found.sentence) == (TIED in standings)
        assert found.sentence == "".join(phrase.text for phrase in found.answer)
        assert Phrase("cvae", strong=True) in found.answer
