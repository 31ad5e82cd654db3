"""A comparison as JSON, as text, and as files with its tables, numbers and rank plots."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from genbench.comparison.bootstrap import N_REPLICATES
from genbench.comparison.measure import Comparison, Contestant, Line, Measured
from genbench.comparison.tables import BY_OWN_ERROR, short_tables, tables
from genbench.core.files import pretty_json, write_atomic
from genbench.core.statistics import ALPHA
from genbench.core.texts import Terminal
from genbench.reporting.tables.captions import UNRELIABLE_WORDS
from genbench.reporting.tables.markdown import markdown_tables
from genbench.reporting.tables.small_table import SmallTable
from genbench.reporting.tables.text import text_tables, titled_rows
from genbench.results.cells import UNRELIABLE
from genbench.results.methods import NETWORKS_ALONE

_SHOWN = 4
_LEGEND = (
    "A − B: mean difference ± its standard error; p: two-sided t-test, Holm-corrected over all"
    f" lines; a tie where p ≥ {ALPHA}"
)


def as_json(comparison: Comparison) -> dict[str, Any]:
    """Return all numbers, for programs; null where there is none."""
    return {
        "a": comparison.first,
        "b": comparison.second,
        "alpha": ALPHA,
        "correction": f"Holm over {len(comparison.lines)}",
        "replicates": N_REPLICATES,
        "lines": [_line(line) for line in comparison.lines],
        "left_out": list(comparison.left_out),
    }


def _line(line: Line) -> dict[str, Any]:
    match, tested = line.match, line.difference
    low, high = tested.interval
    return {
        "dataset": match.block.dataset,
        "protocol": match.block.protocol.text,
        "split": match.block.split,
        "metric": match.column.metric,
        "options": match.column.options,
        "evaluator_version": match.column.version,
        "unit": match.column.unit,
        "better": match.column.better,
        "kind": match.cells[0].kind,
        "n": match.cells[0].n,
        "unreliable": any(cell.unreliable for cell in match.cells),
        "difference": _known(tested.value),
        "stderr": _known(tested.stderr),
        "interval": [_known(low), _known(high)],
        "dof": None if match.by_own_error else _known(tested.dof),
        "p": tested.p_value,
        "p_holm": line.p_holm,
        "test": f"two-sided {'z' if match.by_own_error else 't'}-test over {line.test}",
        "anytime_valid": match.sequential,
        "improvement": _measured(line.improvement),
        "verdict": line.verdict,
        "of_methods": line.match.of_methods,
        "a": _contestant(match.labels[0], line.first),
        "b": _contestant(match.labels[1], line.second),
    }


def _contestant(model: str, entry: Contestant) -> dict[str, Any]:
    return {
        "model": model,
        "seeds": entry.n_seeds,
        "mean": entry.mean,
        "iqm": _measured(entry.iqm),
        "rank": _measured(entry.rank) | {"of": entry.of},
    }


def _measured(number: Measured) -> dict[str, Any]:
    return {"value": number.value, "interval": [number.low, number.high]}


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def as_text(
    comparison: Comparison, terminal: Terminal | None = None, *, verbose: bool = False
) -> str:
    """Return the answer and the differences for a terminal.

    Args:
        comparison: What :func:`compare` returned.
        terminal: Where the text is printed.
        verbose: Add what every number rests on, the ranks, and all that was not compared.
    """
    here = terminal or Terminal()
    short = short_tables(comparison)
    long = (
        text_tables(tables(comparison), here)
        if verbose
        else here.paragraph(_legend(short, comparison))
    )
    left_out = _left_out(comparison.left_out, here, verbose)
    parts = [*(titled_rows(table, here) for table in short), long, left_out]
    return "\n\n".join(part for part in parts if part)


def _legend(short: Sequence[SmallTable], comparison: Comparison) -> str:
    unreliable = any(UNRELIABLE in table.marks for table in short)
    networks = not all(line.match.of_methods for line in comparison.lines)
    own = any(line.match.by_own_error for line in comparison.lines)
    n, n_shown = len(comparison.lines), sum(len(table.rows) for table in short)
    said = [
        f"{_LEGEND}; {UNRELIABLE_WORDS}." if unreliable else f"{_LEGEND}.",
        NETWORKS_ALONE if networks else "",
        BY_OWN_ERROR if own else "",
        f"--verbose shows {f'all {n} numbers and ' if n_shown < n else ''}95 % intervals.",
    ]
    return " ".join(filter(None, said))


def _left_out(reasons: Sequence[str], terminal: Terminal, verbose: bool) -> str:
    shown = reasons if verbose else reasons[:_SHOWN]
    lines = [terminal.paragraph(reason, 4, 2) for reason in shown]
    more = len(reasons) - len(shown)
    lines += [f"  and {more} more (--verbose names them)"] if more else []
    return "\n".join(["Not compared:", *lines]) if lines else ""


def write_comparison(comparison: Comparison, folder: Path) -> None:
    """Write ``compare.md``, ``compare.json`` and ``ranks-N.png`` and ``.pdf`` per protocol.

    Raises:
        StorageError: The folder cannot be written.
    """
    from genbench.comparison.plot import rank_plot  # the plotting libraries take a second to load
    from genbench.reporting.figures.style import save, styled

    write_atomic(folder / "compare.json", pretty_json(as_json(comparison)))
    write_atomic(folder / "compare.md", markdown_tables("Comparison", tables(comparison)))
    for place, groups in enumerate(comparison.blocks, 1):
        with styled():
            save(rank_plot(groups), folder, f"ranks-{place}", "Ranks with 95 % intervals")
