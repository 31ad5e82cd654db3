"""Captions that stand once: what was said below one table is not said again below the next."""

import re
from dataclasses import dataclass

from genbench.reporting.tables.small_table import SmallTable
from genbench.results.cells import UNRELIABLE, WARNED

_SENTENCE = re.compile(r"(?<=\.) (?=[^a-z])")


_MARK_NAMES = {UNRELIABLE: "dagger", WARNED: "double-dagger"}


@dataclass(frozen=True)
class Caption:
    """What stands below a table.

    Attributes:
        text: The sentences that no table above has.
        notes: Anchor, mark and explanation of the marks that no table above explains.
        see: Anchor and title of the tables whose captions hold for this one too.
        anchor_of: Where each mark of the table is explained.
    """

    text: str
    notes: tuple[tuple[str, str, str], ...]
    see: tuple[tuple[str, str], ...]
    anchor_of: dict[str, str]

    @property
    def elsewhere(self) -> str:
        """The tables with more notes that hold for this one, in words; empty where none has any."""
        titles = dict.fromkeys(title.partition(":")[0] for _, title in self.see)
        return f"More notes: {'; '.join(titles)}" if titles else ""


class Captions:
    """The captions of one page or file, in the order in which its tables are read."""

    def __init__(self) -> None:
        self._said: dict[str, tuple[str, str]] = {}

    def of(self, table: SmallTable, anchor: str) -> Caption:
        """Return what must be said below a table, and where the rest was said."""
        sentences = [s for s in _SENTENCE.split(table.caption) if s]
        everything = [*sentences, *(sentence for _, sentence in table.notes)]
        known = {s: self._said[s] for s in everything if s in self._said}
        here = anchor, table.title or table.name
        self._said |= {s: here for s in everything if s not in known}
        explained = [(self._note(mark, s), mark, s) for mark, s in table.notes]
        return Caption(
            " ".join(s for s in sentences if s not in known),
            tuple(note for note in explained if note[2] not in known),
            tuple(dict.fromkeys(known.values())),
            {mark: place for place, mark, _ in reversed(explained)},
        )

    def _note(self, mark: str, sentence: str) -> str:
        name = _MARK_NAMES.get(mark, "note")
        return f"{self._said[sentence][0]}-{name}"
