"""The best models of a suite that has more of them than a page can show."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import zip_longest

from genbench.results.cells import ProtocolBlock
from genbench.results.leaderboard import Leaderboard
from genbench.results.per_datum import PerDatumValues
from genbench.results.studies import StoredStudy
from genbench.results.suite import StoredSuite

MOST_SHOWN = 60
"""Models that a page shows: so many can be told apart by their colour."""


@dataclass(frozen=True, kw_only=True)
class PartOfSuite(StoredSuite):
    """Some models of the suite ``whole``; ranks and standings are those among all its models."""

    whole: StoredSuite

    @cached_property
    def blocks(self) -> list[ProtocolBlock]:
        """The blocks of the whole suite, with the rows of these models only."""
        return [part for block in self.whole.blocks if (part := self._rows_of(block)).rows]

    @cached_property
    def leaderboards(self) -> list[Leaderboard]:
        """The leaderboards of the whole suite, with the entries of these models only."""
        parts = (
            replace(
                board,
                block=self._rows_of(board.block),
                entries=tuple(e for e in board.entries if e.row.model in self._names),
            )
            for board in self.whole.leaderboards
        )
        return [board for board in parts if board.entries]

    @cached_property
    def per_datum(self) -> PerDatumValues:
        """Values behind the numbers, read for the whole suite."""
        return self.whole.per_datum

    @cached_property
    def studies(self) -> list[StoredStudy]:
        """The studies of the whole suite."""
        return self.whole.studies

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(self.models)

    def _rows_of(self, block: ProtocolBlock) -> ProtocolBlock:
        return replace(block, rows=tuple(row for row in block.rows if row.model in self._names))


def best_part(suite: StoredSuite, most: int = MOST_SHOWN) -> StoredSuite:
    """Return the suite with its controls and its best models only, if it has more than ``most``.

    Models keep their order; each protocol gives its best, then its second best, and so on.
    """
    if len(suite.models) <= most:
        return suite
    controls = [name for name in suite.models if name in suite.controls]
    names = set([*dict.fromkeys([*controls, *_best_first(suite), *suite.models])][:most])
    runs = tuple(run for run in suite.record.runs if run.model in names)
    return PartOfSuite(
        suite.folder,
        suite.record.model_copy(update={"runs": runs}),
        suite.table[suite.table["model"].isin(names)],
        suite.provenances,
        whole=suite,
    )


def _best_first(suite: StoredSuite) -> Iterator[str]:
    boards = ([entry.row.model for entry in board.entries] for board in suite.leaderboards)
    for names in zip_longest(*boards):
        yield from filter(None, names)
