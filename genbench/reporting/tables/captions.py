"""What must be said below a table: the uncertainties, the marks, and what was ranked with what."""

from collections.abc import Iterable

from genbench.core import numbers
from genbench.core.statistics import ALPHA, ENOUGH_SEEDS
from genbench.core.texts import noun
from genbench.results.cells import BEST, TIED, UNRELIABLE, WARNED, Cell, Column, ProtocolBlock
from genbench.results.methods import NETWORKS_ALONE, of_methods

UNRELIABLE_NOTE = (
    "Pareto k-hat above 0.7 (median over the data, worst seed), or fewer than two effective"
    " draws or chains: few of them carry nearly all of the weight, so an estimate may be far off,"
    " by more than any error stated beside it;"
    " a bound stays a bound in expectation, and may be loose (Vehtari et al. 2024)"
)
UNRELIABLE_WORDS = (
    f"{UNRELIABLE}: few draws carry nearly all the weight: a bound still holds, an estimate may be"
    " far off"
)
FIXED = (
    f"paired difference over the same images, two-sided t-test at {100 * ALPHA:.0f} % over"
    f" images and seeds, with {ENOUGH_SEEDS} seeds or more a side where training has randomness;"
    " Holm-corrected over the comparisons with the best number"
)
SEQUENTIAL = (
    "seeds were added until the headline pairs were decided, so evidence over the differences"
    f" between equal seeds must pass an anytime-valid test at {100 * ALPHA:.0f} %, an e-process,"
    " and the paired difference over the same images a t-test; Holm-corrected over all pairs"
)
_MC = (
    " 'MC' is the Monte-Carlo standard error of the value, from finitely many draws of z; with"
    " several seeds, the mean of theirs. Where there is none, the number needs no draws, or its"
    " note says why they do not tell it. The uncertainties answer different questions and are"
    " never added up."
)


def uncertainty_caption(block: ProtocolBlock) -> str:
    """Say what stands behind ±, MC and seed sd in this block, and what does not."""
    whole = f"{block.split} {noun(block.n, 'image')}"
    images = f"the {numbers.grouped(block.n)} {whole}" if block.n else "the images"
    error = f"± is the standard error over {images}{_of_n(block)}{_of_samples(block)}"
    cells = [cell for row in block.rows for cell in row.cells]
    drawn = f"{_without_error(cells)}{_MC if any(cell.mc_text for cell in cells) else ''}"
    if block.n_seeds < 2:
        return f"{error}.{drawn} There is one training seed, so nothing is said about other seeds."
    return (
        f"Values are means over {block.n_seeds} seeds. {error} (the mean of the"
        f" seeds' standard errors).{drawn} The spread between seeds stands apart as 'seed sd', the"
        " sample standard deviation of the seeds' values; it is not part of ±."
    )


def _of_n(block: ProtocolBlock) -> str:
    sizes = {cell.n for row in block.rows for cell in row.cells if cell.ok and cell.n is not None}
    return ", or over n data where n is stated beside a number" if sizes - {block.n} else ""


def _of_samples(block: ProtocolBlock) -> str:
    """Say over what else the errors of metrics are whose numbers are no means over images."""
    places = [i for i, c in enumerate(block.columns) if c.record.own_error and not c.record.paired]
    shown = any(row.cells[i].ok and row.cells[i].stderr > 0 for row in block.rows for i in places)
    return ", and of metrics of samples over both sets of images that they compare" if shown else ""


def _without_error(cells: Iterable[Cell]) -> str:
    """Say what numbers without ± are, where there are any."""
    bare = any(cell.ok and not cell.stderr > 0 for cell in cells)
    return " Of a number without ± the error is not known." if bare else ""


def notes_caption(columns: Iterable[Column]) -> str:
    """What the metrics of columns say of themselves, each sentence once."""
    return " ".join(dict.fromkeys(c.record.note for c in columns if c.record.note))


def ranking_caption(block: ProtocolBlock) -> str:
    """Say what is ranked with what, and what bold and ≈ mean; empty for a single model."""
    if len(block.rows) < 2:
        return ""
    rule = (
        "Ranked are only numbers of one metric that have equal kind, n and options: a lower bound"
        " never against an upper bound, an estimate or an exact value. No number is marked while"
        " another of its column, of whatever kind, is better."
    )
    cells = [cell for row in block.rows for cell in row.cells]
    standings = {cell.standing for cell in cells} - {""}
    if not standings:
        why = "" if of_methods(cell for cell in cells if cell.ok) else f" {NETWORKS_ALONE}"
        return f"{rule} Here no number is marked as best.{why}"
    parts = [
        rule,
        _bold(BEST in standings, TIED in standings, SEQUENTIAL if block.sequential else FIXED),
        "A larger lower bound is a larger bound, not proof of the better model: the other bound"
        " may be the looser one.",
    ]
    if any(row.control for row in block.rows):
        parts.append("Controls are ranked along and never marked.")
    return " ".join(parts)


def _bold(best: bool, tied: bool, test: str) -> str:
    if best and tied:
        return f"Bold: better than every other ({test}). ≈: tied for best by that test."
    return f"Bold: better than every other ({test})." if best else f"≈: tied for best ({test})."


def footnotes(marks: str, warnings: Iterable[str] = ()) -> list[tuple[str, str]]:
    """The explanations of these marks, each once: (mark, sentence).

    Args:
        marks: Of all cells.
        warnings: What the metrics of the cells warn of.
    """
    notes = [(UNRELIABLE, UNRELIABLE_NOTE), *((WARNED, w) for w in dict.fromkeys(warnings) if w)]
    return [(mark, sentence) for mark, sentence in notes if mark in marks]
