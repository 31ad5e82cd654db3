"""A caption stands once."""

from genbench.reporting.tables.said_once import Captions
from genbench.reporting.tables.small_table import SmallTable, TableCell, heads_of


def table(name, caption, *marks, warnings=()):
    rows = tuple((TableCell("a"), TableCell("1", marks=mark, value=1.0)) for mark in marks)
    return SmallTable(name, f"Table {name}", heads_of("model", "x"), rows, caption,
                      warnings=warnings)  # fmt: skip


def test_the_first_table_has_the_whole_caption():
    caption = Captions().of(table("a", "One thing. Another; e.g. this."), "table-a")
    assert caption.text == "One thing. Another; e.g. this."
    assert caption.see == ()


def test_a_later_table_says_what_is_new_and_refers_to_the_first():
    captions = Captions()
    captions.of(table("a", "Same. Over 2 pairs."), "table-a")
    later = captions.of(table("b", "Same. Over 3 pairs."), "table-b")
    assert later.text == "Over 3 pairs."
    assert later.see == (("table-a", "Table a"),)
    again = captions.of(table("c", "Over 3 pairs."), "table-c")
    assert (again.text, again.see) == ("", (("table-b", "Table b"),))


def test_a_mark_is_explained_once():
    captions = Captions()
    first = captions.of(table("a", "", "†"), "table-a")
    later = captions.of(table("b", "", "†", "‡", warnings=("no likelihood",)), "table-b")
    assert [note[:2] for note in first.notes] == [("table-a-dagger", "†")]
    assert later.notes == (("table-b-double-dagger", "‡", "no likelihood"),)
    assert later.see == (("table-a", "Table a"),)
    assert later.anchor_of == {"†": "table-a-dagger", "‡": "table-b-double-dagger"}
