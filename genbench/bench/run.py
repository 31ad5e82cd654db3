"""The command ``bench``: plan, measure, compare, study."""

from collections.abc import Callable
from pathlib import Path

from genbench.bench.compare import compare_rows, require_comparable
from genbench.bench.context import BenchContext
from genbench.bench.measure import measure_cases, row_identity
from genbench.bench.rows import BenchRow, read_rows
from genbench.bench.scaling import with_exponents, with_seed_ratios
from genbench.bench.settings import Settings
from genbench.core.files import pretty_json, require_writable, write_atomic


def run_bench(
    settings: Settings,
    *,
    old: Path | None = None,
    output: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> list[BenchRow]:
    """Measure what the settings request.

    Args:
        settings: What to measure.
        old: Stored rows to compare with; their keys and machine are checked before anything is
            measured.
        output: Where to write the rows as JSON, after each one; its folder must be writable.
        say: Receives a line for each row.

    Returns:
        The rows; with ``old``, each with a verdict.

    Raises:
        StoredRowsError: The old rows are damaged, or from other benchmarks or another machine.
        StorageError: The rows cannot be written.
    """
    stored = read_rows(old) if old else None
    if output:
        require_writable(output.parent)
    context = BenchContext(settings)
    cases = context.cases()
    if stored:
        planned = [row_identity(case, context) for case in cases]
        require_comparable(stored, planned, context.machine)

    def keep(rows: list[BenchRow]) -> None:
        if output:
            write_atomic(output, pretty_json(rows))

    rows = measure_cases(context, cases, say, keep)
    if settings.study:
        rows = with_seed_ratios(with_exponents(rows))
    keep(rows)
    return compare_rows(stored, rows) if stored else rows
