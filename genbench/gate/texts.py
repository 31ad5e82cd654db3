"""The gate's outcome for people: a table of verdicts, the most important first."""

from collections.abc import Sequence

from genbench.core import numbers
from genbench.core.texts import GAP, Terminal, aligned, noun
from genbench.gate.calibration import Rate
from genbench.gate.check import GateOutcome
from genbench.gate.verdicts import ALPHA, Verdict, Word

ORDER: tuple[Word, ...] = ("worse", "inconclusive", "better", "same")
HEAD = (
    "verdict", "model", "metric", "baseline", "now", "change", "95 %", "margin", "detectable", "p",
    "test", "note",
)  # fmt: skip
_NUMBERS = range(3, 10)
_WIDE = 1000
_DROPPED = ("test", "detectable", "95 %", "p", "baseline", "now")
_MEANING = {
    "change": "now minus baseline",
    "95 %": "half-width of its interval",
    "margin": "the largest change of no interest",
    "detectable": "the smallest loss that would have been called worse with probability 0.95",
    "p": "one-sided, Holm-corrected over the table",
}
_RULE = f"worse needs p < {ALPHA:g} and a change beyond the margin."


def text(outcome: GateOutcome, terminal: Terminal | None = None) -> str:
    """Return the whole outcome as plain text."""
    if outcome.mismatches:
        lines = [f"  {mismatch.text}" for mismatch in outcome.mismatches]
        return "\n".join([headline(outcome), *lines])
    here = terminal or Terminal(_WIDE)
    rows = [cells(verdict) for verdict in ordered(outcome.verdicts)]
    places, dropped = _places(rows, here)
    heads = [HEAD[i] for i in places]
    right = [place for place, i in enumerate(places) if i in _NUMBERS]
    table = aligned([[row[i] for i in places] for row in rows], heads, here, right)
    meaning = "; ".join(f"{k}: {v}" for k, v in _MEANING.items() if k in heads)
    notes = [f"{meaning}. {_RULE}", *(f"note: {note}" for note in outcome.notes)]
    if dropped:
        notes.append(f"too wide to show: {', '.join(dropped)}; --format json has them")
    if outcome.uncertified:
        notes.append(f"{uncertified(outcome)}: {', '.join(outcome.uncertified)}")
    about = "\n".join(here.paragraph(note, indent=2) for note in notes)
    return "\n\n".join([table, about, headline(outcome)])


def _places(rows: Sequence[Sequence[str]], terminal: Terminal) -> tuple[list[int], list[str]]:
    """Positions of the columns to show, and names of those that there is no room for."""
    columns = list(zip(HEAD, *rows, strict=True))
    widths = {i: max(map(len, column)) + GAP for i, column in enumerate(columns) if any(column[1:])}
    dropped: list[str] = []
    for name in _DROPPED:
        if sum(widths.values()) - GAP <= terminal.width:
            break
        if widths.pop(HEAD.index(name), 0):
            dropped.append(name)
    return list(widths), dropped


def headline(outcome: GateOutcome) -> str:
    """Return the outcome in one line."""
    if outcome.mismatches:
        n = len(outcome.mismatches)
        return (
            f"not comparable with {outcome.baseline}: {n} {noun(n, 'difference')} between the "
            "sets of numbers; `check --update` accepts the new set"
        )
    counts = [f"{len(some)} {word}" for word in ORDER if (some := outcome.having(word))]
    exact = sum(verdict.test == "identical" for verdict in outcome.verdicts)
    against = f"{len(outcome.verdicts)} numbers against {outcome.baseline}: {', '.join(counts)}"
    bits = f" ({exact} of them bit for bit)" if exact else ""
    lacking = f"; {uncertified(outcome)}" if outcome.uncertified else ""
    return f"{'FAILED' if outcome.exit_code else 'passed'}: {against}{bits}{lacking}"


def uncertified(outcome: GateOutcome) -> str:
    """Say how many certificates are missing, and who writes them."""
    n = len(outcome.uncertified)
    how = f"`python -m genbench certify --suite {outcome.suite}`"
    return f"{n} {noun(n, 'number')} without a certificate ({how})"


def ordered(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Return the verdicts, the most important first."""
    return sorted(verdicts, key=lambda verdict: ORDER.index(verdict.word))


def cells(verdict: Verdict) -> tuple[str, ...]:
    """Return one line of the table."""
    then = verdict.then
    return (
        verdict.word,
        then.model,
        then.label,
        numbers.plain(then.mean, 6),
        _number(verdict.now.mean if verdict.now else None, 6),
        _signed(verdict.difference),
        _number(verdict.halfwidth, 2),
        _number(then.margin, 3),
        _number(verdict.detectable, 2),
        _number(verdict.p_value, 2),
        verdict.test,
        verdict.note,
    )


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else numbers.plain(value, digits)


def _signed(value: float | None) -> str:
    plain = _number(value, 3)
    return f"+{plain}" if value is not None and value > 0 else plain


def rates_text(
    rates: Sequence[Rate], n_seeds: int, loss: float, terminal: Terminal | None = None
) -> str:
    """Return measured error rates as plain text."""
    head = ("test", "what", "number", "margin", "count", "rate", "± se", "95 % interval")
    rows = [
        (
            rate.test,
            rate.what,
            rate.name or "any in the table",
            _number(rate.margin, 3),
            f"{rate.count} of {rate.trials}",
            f"{rate.share:.4f}",
            f"{rate.stderr:.4f}",
            "{:.4f} to {:.4f}".format(*rate.interval),
        )
        for rate in rates
    ]
    about = (
        f"{n_seeds} seeds a side; the loss is {loss:g} nats of the number named, in one model. "
        "welch: with the baseline file alone; paired: with the runs behind it. The gate is not "
        "meant to find a loss below the margin. The standard error is that of the draws from this "
        "pool of seeds."
    )
    here = terminal or Terminal()
    return f"{aligned(rows, head, here, keys=3)}\n\n{here.paragraph(about)}"
