"""The sentence above a leaderboard: which model is best, by how much, and how sure that is.

A bound above another model's exact value proves the order of the two; above another's bound it
proves nothing, since that bound may be loose.
"""

from collections.abc import Iterator, Sequence

from genbench.core.numbers import grouped, measured, minus
from genbench.core.statistics import ALPHA, Difference
from genbench.core.texts import noun
from genbench.results.cells import Cell
from genbench.results.headline import NOT_APPLICABLE, NOT_MEASURED
from genbench.results.leaderboard import UNIT, Entry, Phrase
from genbench.results.methods import OF_NETWORKS, of_methods

_WORDS = {"exact": "exactly", "lower_bound": "at least", "upper_bound": "at most"}
_NAMED = 3
"""How many of the models tied with the first are named, at most."""
NOTHING = "No model has a log-likelihood"
UNMEASURED = "No log-likelihood was measured"
UNASKED = f"{UNMEASURED} here."
OUTDATED = (
    "An older genbench made these results; they do not say which model is best:"
    " running the suite again brings them up to date, without training."
)
Tests = Sequence[Difference]
Pieces = Iterator[Phrase | str]
Ahead = tuple[Entry, Cell]
"""A model that a tighter bound over fewer images puts first, and that bound."""


def answer(
    ranked: Sequence[Entry],
    others: Sequence[Entry],
    tests: Tests | None,
    ahead: Ahead | None = None,
    stopped: str = "",
    left: Sequence[tuple[str, str]] = (),
) -> tuple[Phrase, ...]:
    """Say who is best; of networks that do not speak of methods, which number is the highest.

    Args:
        ranked: Models with an exact value or a lower bound, best first.
        others: Those without.
        tests: The first less each of the others that are ranked; None where no test could be made.
        ahead: A model that a tighter bound over fewer images puts above the first.
        stopped: Where seeds were added until all pairs were decided, how many there are.
        left: Those of these pairs that are not.
    """
    methods = of_methods(entry.cell for entry in ranked if entry.cell)
    said = (*_pieces(ranked, others, tests, methods, stopped), *_over_fewer(ahead))
    pieces = (*said, *_left(ranked, left, stopped))
    phrases = (piece if isinstance(piece, Phrase) else Phrase(piece) for piece in pieces)
    return tuple(phrase._replace(strong=phrase.strong and methods) for phrase in phrases)


def _pieces(
    ranked: Sequence[Entry],
    others: Sequence[Entry],
    tests: Tests | None,
    methods: bool,
    stopped: str,
) -> Pieces:
    if not ranked:
        yield from _nobody(others)
        return
    leader, *rest = ranked
    if rest and not methods and not leader.row.control:
        yield OF_NETWORKS
    if not rest:
        yield from _alone(leader, others)
    elif tests is None:
        yield from _untested(leader, rest[0])
    elif tied := [e for e, test in zip(rest, tests, strict=True) if test.p_value >= ALPHA]:
        yield from _tied(leader, tied, stopped)
    else:
        yield from _ahead(leader, rest, others, tests, methods)
    yield from _may_be_better(leader, others)


def _nobody(others: Sequence[Entry]) -> Pieces:
    """No model has a number: there is none, or it was not asked for."""
    if all(entry.absence == NOT_MEASURED for entry in others):
        yield UNASKED
    else:
        yield f"{UNMEASURED if _may_have_one(others) else NOTHING} {_where(others)}."


def _may_have_one(others: Sequence[Entry]) -> bool:
    """Whether a model may have a log-likelihood that was not asked for."""
    return any(entry.absence in (NOT_MEASURED, NOT_APPLICABLE) for entry in others)


def _over_fewer(ahead: Ahead | None) -> Pieces:
    if ahead:
        entry, cell = ahead
        yield f" Over {grouped(cell.n)} images a tighter bound puts "
        yield from _called(entry)
        yield " first."


def _left(ranked: Sequence[Entry], left: Sequence[tuple[str, str]], stopped: str) -> Pieces:
    """The pairs behind the first that are not decided."""
    behind = [pair for pair in left if ranked[0].row.label not in pair]
    if behind:
        more = len(behind) - _NAMED
        named = (f"{first} and {second}" for first, second in behind[:_NAMED])
        yield f" Not decided after {stopped}: {'; '.join(named)}"
        yield f"; and {more} more {noun(more, 'pair')}." if more > 0 else "."


def _alone(leader: Entry, others: Sequence[Entry]) -> Pieces:
    if _may_have_one(others):
        yield f"A log-likelihood {_where(others)} was measured for "
        yield from _called(leader)
        yield " alone: "
    else:
        yield "Only " if others else ""
        yield from _called(leader)
        yield f" has a log-likelihood {_where(others)}: " if others else " has "
    yield from _number(leader)
    yield "."


def _where(others: Sequence[Entry]) -> str:
    seeds = " from every seed" if any(entry.incomplete for entry in others) else ""
    return f"over the whole test set{seeds}"


def _untested(leader: Entry, second: Entry) -> Pieces:
    yield from _called(leader)
    yield " has the highest number, "
    yield from _number(leader)
    yield ", ahead of "
    yield from _called(second, _short(second))
    alone = leader.cell is not None and leader.cell.n == 1
    why = "there is a single image" if alone else "the values per image are not stored"
    yield f". No paired test could be made: {why}."


def _tied(leader: Entry, tied: Sequence[Entry], stopped: str) -> Pieces:
    yield from _called(leader, f"{_short(leader)} {UNIT}")
    yield " is tied with "
    yield from _list(tied)
    if stopped:
        yield f": not decided after {stopped}."
        return
    spread = any(entry.cell and entry.cell.n_seeds > 1 for entry in (leader, *tied))
    given = "given the spread between seeds, " if spread else ""
    tests = "the paired test does" if len(tied) == 1 else "the paired tests do"
    yield f": {given}{tests} not tell them apart."


def _list(entries: Sequence[Entry]) -> Pieces:
    if len(entries) == 1:
        yield from _called(entries[0], _short(entries[0]))
        return
    more = len(entries) - _NAMED
    named = entries if more <= 0 else entries[:_NAMED]
    for place, entry in enumerate(named):
        last = place == len(named) - 1
        yield "" if not place else " and " if last and more <= 0 else ", "
        yield from _called(entry)
    if more > 0:
        yield f" and {more} more"


def _ahead(
    leader: Entry, rest: Sequence[Entry], others: Sequence[Entry], tests: Tests, methods: bool
) -> Pieces:
    second, bounds = rest[0], [e for e in rest if _kind(e) == "lower_bound"]
    yield from _called(leader)
    if leader.row.control:
        yield " leads with "
        yield from _number(leader)
        yield from _no_model_reaches_it(rest, methods)
        return
    proven = methods and not bounds and not unbeaten(leader, others)
    yield " is best: " if proven else f" has the {'best' if methods else 'highest'} number: "
    yield from _number(leader)
    yield from _margin(leader, second, tests[0], methods)
    if bounds:
        yield from _not_worse(second, bounds)


def _not_worse(second: Entry, bounds: Sequence[Entry]) -> Pieces:
    """Models of which a bound is beaten, and so nothing but the bound."""
    yield " "
    if bounds == [second]:
        yield from _called(second)
    else:
        yield from _list(bounds)
    n = len(bounds)
    yield f" {noun(n, 'is', 'are')} not shown to be worse:"
    yield f" {noun(n, 'its bound', 'their bounds')} may be loose."


def _margin(leader: Entry, second: Entry, test: Difference, methods: bool) -> Pieces:
    """By how much the first is ahead: a bound by at least as much of an exact value."""
    exact = _kind(second) == "exact"
    yield ", at least " if exact and _kind(leader) == "lower_bound" else ", "
    yield Phrase(minus(" ± ".join(measured(test.value, test.stderr))), strong=True)
    yield " better than " if exact and methods else " above "
    yield from _called(second, _short(second))
    yield "."


def _no_model_reaches_it(rest: Sequence[Entry], methods: bool) -> Pieces:
    models = [entry for entry in rest if not entry.row.control]
    bounds = any(_kind(entry) == "lower_bound" for entry in models)
    none = "no trained model" if methods else "none of these trained networks"
    yield f"; {none} {'is shown to reach' if bounds else 'reaches'} it"
    if models:
        yield ": "
        yield from _called(models[0])
        yield f" has {_short(models[0])}"
    yield "."


def _may_be_better(leader: Entry, others: Sequence[Entry]) -> Pieces:
    for entry in unbeaten(leader, others)[:1]:
        few = entry.incomplete
        yield " "
        yield from _called(entry)
        yield f" may be better: it has {_short(entry)}"
        yield f" in {few.n_ok} of {few.n_seeds} seeds." if few else "."


def unbeaten(leader: Entry, others: Sequence[Entry]) -> list[Entry]:
    """Models above the first that have an upper bound alone, or not a number from every seed."""
    known = [(entry, entry.cell or entry.incomplete) for entry in others]
    return [e for e, cell in known if cell and leader.cell and cell.value >= leader.cell.value]


def _called(entry: Entry, *more: str) -> Pieces:
    yield Phrase(entry.row.label, strong=True)
    known = [entry.row.note, "a control" if entry.row.control else "", *more]
    if words := ", ".join(word for word in known if word):
        yield f" ({words})"


def _kind(entry: Entry) -> str:
    return entry.cell.kind if entry.cell else ""


def _short(entry: Entry) -> str:
    """The value without its error: ``exactly −22.99``."""
    cell = entry.cell or entry.incomplete
    return minus(f"{_WORDS[cell.kind]} {measured(cell.value, cell.stderr)[0]}") if cell else ""


def _number(entry: Entry) -> Pieces:
    yield f"{_WORDS[_kind(entry)]} "
    yield Phrase(minus(entry.cell.text if entry.cell else ""), strong=True)
    yield f" {UNIT}"
