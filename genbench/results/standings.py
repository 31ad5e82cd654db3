"""Who leads a leaderboard, and whether the paired test on the same images decides it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from genbench.core.statistics import ALPHA, Difference, Seeds
from genbench.results.answer import OUTDATED, Ahead, answer, unbeaten
from genbench.results.cells import BEST, Cell, Column, ModelRow, ProtocolBlock
from genbench.results.certified import ClaimKey
from genbench.results.headline import (
    CLAIMS,
    absence,
    best_first,
    detail_places,
    headline,
    incomplete,
)
from genbench.results.leaderboard import UNIT, Entry, Leaderboard, Phrase
from genbench.results.methods import is_deterministic
from genbench.results.paired import (
    beaten,
    comparisons,
    standings_of,
    tests_of_pairs,
    tests_of_the_first,
)
from genbench.results.per_datum import PerDatumValues

Warnings = Mapping[str, Sequence[str]]
Certified = Mapping[ClaimKey, str]


def leaderboard_of(
    block: ProtocolBlock,
    values: PerDatumValues,
    warnings: Warnings | None = None,
    certified: Certified | None = None,
) -> Leaderboard:
    """Sort the models of a block by their headline numbers, and test the first against the others.

    Args:
        block: The comparison of one protocol.
        values: Values behind its numbers.
        warnings: Signs that the training of a model went wrong, by the label of its row.
        certified: By which checks claims were certified, in words.
    """
    known = warnings or {}
    entries = [_entry(block, row, known, certified or {}) for row in best_first(block)]
    ranked = [entry for entry in entries if entry.cell and entry.cell.kind in CLAIMS]
    others = entries[len(ranked) :]
    tests = tests_of_the_leader(block, ranked, values)
    ahead = _ahead_on_fewer(block, ranked, values)
    stands = _standings(ranked, others, tests, ahead)
    ranked = [replace(e, rank=i, standing=stands[i - 1]) for i, e in enumerate(ranked, 1)]
    details = tuple(block.columns[place] for place in detail_places(block))
    left = _undecided(block, ranked, values)
    stopped = block.seeds_text if block.sequential else ""
    said = answer(ranked, others, tests, ahead, stopped, left)
    said = said if _up_to_date(block) else (Phrase(OUTDATED),)
    return Leaderboard(block, (*ranked, *others), UNIT, details, said, tuple(left))


def _up_to_date(block: ProtocolBlock) -> bool:
    """Whether the suite that was stored says of its metrics where they stand in a leaderboard."""
    return any("leaderboard" in column.record.model_fields_set for column in block.columns)


def _entry(block: ProtocolBlock, row: ModelRow, warnings: Warnings, certified: Certified) -> Entry:
    column, cell = headline(block, row) or (None, None)
    numbers = ((block.columns[i], row.cells[i]) for i in detail_places(block))
    return Entry(
        row,
        column=column,
        cell=cell,
        details=tuple(number if number[1].ok else None for number in numbers),
        warnings=tuple(warnings.get(row.label, ())),
        certified=certified.get(_claim(row, column), "") if column else "",
        absence="" if cell else absence(block, row),
        incomplete=None if cell else incomplete(block, row),
    )


def _claim(row: ModelRow, column: Column) -> ClaimKey:
    return ClaimKey(row.model, column.metric, column.version)


def tests_of_the_leader(
    block: ProtocolBlock, ranked: Sequence[Entry], values: PerDatumValues
) -> list[Difference] | None:
    """Compare the first with each of the others, image by image; p-values are Holm-corrected.

    Returns:
        First less other, one per other; None where the values behind a number are missing.
    """
    known = _values_of(block, ranked, values)
    return tests_of_the_first(known, sequential=block.sequential) if known else None


def _values_of(
    block: ProtocolBlock, ranked: Sequence[Entry], values: PerDatumValues
) -> list[Seeds] | None:
    """The values behind the headline numbers; None where those behind one are missing."""
    seeds = [values.of(block, e.column, e.cell) for e in ranked if e.column and e.cell]
    known: list[Seeds] = [by_seed for by_seed in seeds if by_seed]
    if not ranked or len(known) < len(ranked) or (block.n_whole or 0) < 2:
        return None
    return known


def _undecided(
    block: ProtocolBlock, ranked: Sequence[Entry], values: PerDatumValues
) -> list[tuple[str, str]]:
    """The headline pairs that are not decided yet, and that more training seeds may decide.

    Those are all pairs of ranked models without controls.
    """
    known = _values_of(block, ranked, values)
    if not known or not block.sequential:
        return []
    tests = tests_of_pairs(known, sequential=True)
    found = ((ranked[i], ranked[j]) for (i, j), test in tests if test.p_value >= ALPHA)
    return [(a.row.label, b.row.label) for a, b in found if _may_be_decided(a, b)]


def _may_be_decided(*pair: Entry) -> bool:
    random = any(entry.cell and not is_deterministic(entry.cell) for entry in pair)
    return random and not any(entry.row.control for entry in pair)


def _ahead_on_fewer(
    block: ProtocolBlock, ranked: Sequence[Entry], values: PerDatumValues
) -> Ahead | None:
    """A model that is best by a tighter bound than the first's, over fewer images; and that number.

    A number over fewer images leads nothing, but it keeps another from being called best.
    """
    if not ranked or (ranked[0].cell and ranked[0].cell.kind == "exact"):
        return None
    for place, column in enumerate(block.columns):
        first = ranked[0].row.cells[place]
        tighter = first.ok and first.n != block.n_whole and first.value > _value(ranked[0])
        if column.record.leaderboard != "likelihood" or not tighter:
            continue
        if best := _first_on_fewer(block, place, first, values):
            for entry in ranked[1:]:
                if entry.row is best and not best.control:
                    return entry, best.cells[place]
    return None


def _first_on_fewer(
    block: ProtocolBlock, place: int, like: Cell, values: PerDatumValues
) -> ModelRow | None:
    """The row that the tests put first in a column, among numbers of this kind and n."""
    cells = [row.cells[place] for row in block.rows]
    for compared in comparisons(block, place, values):
        alike = (compared.kind, compared.n) == (like.kind, like.n)
        if alike and compared.decided and not beaten(compared, cells):
            return block.rows[compared.rows[0]]
    return None


def _value(entry: Entry) -> float:
    return entry.cell.value if entry.cell else float("nan")


def _standings(
    ranked: Sequence[Entry],
    others: Sequence[Entry],
    tests: Sequence[Difference] | None,
    ahead: Ahead | None,
) -> list[str]:
    """Standings by the tests; nobody is ``best`` where another model may be better."""
    if not tests:
        return [""] * len(ranked)
    words = standings_of(tests, [entry.cell for entry in ranked if entry.cell])
    if words[0] == BEST and (ahead or unbeaten(ranked[0], others)):
        words[0] = ""
    return ["" if e.row.control else word for e, word in zip(ranked, words, strict=True)]
