"""The command ``bench``: plan, measure, compare, study."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from genbench.bench.compare import compare, require_comparable
from genbench.bench.measure import identity, measure_all
from genbench.bench.place import Place
from genbench.bench.rows import Row, read_rows
from genbench.bench.scaling import with_exponents
from genbench.bench.settings import Settings
from genbench.core.files import pretty_json, require_writable, write_atomic


def run_bench(
    settings: Settings,
    *,
    old: Path | None = None,
    output: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> list[Row]:
    """Measure what the settings ask for.

    Args:
        settings: What to measure.
        old: Rows stored before, to compare with. They are read, and their key set and machine
            compared, before anything is measured.
        output: Where to write the rows as JSON. Whether its folder takes files is found out first.
        say: Hears a line for each row.

    Returns:
        The rows; with ``old`` each has a verdict, too.

    Raises:
        NotComparableError: The old rows are damaged, or of other benchmarks or another machine.
        StorageError: The rows cannot be written.
    """
    stored = read_rows(old) if old else None
    if output:
        require_writable(output.parent)
    place = Place(settings)
    cases = place.cases()
    if stored:
        planned: list[dict[str, Any]] = [identity(case, place) for case in cases]
        require_comparable(stored, planned, place.machine)
    rows = measure_all(place, cases, say)
    if settings.study:
        rows = with_exponents(rows)
    if output:
        write_atomic(output, pretty_json(rows))
    return compare(stored, rows) if stored else rows
