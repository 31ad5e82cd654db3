"""Says which plugins were changed since runs were stored."""

from collections import Counter
from collections.abc import Iterable, Iterator

from genbench.core.plugins import loaded_files
from genbench.runs.record import RunRecord


def changed_plugins(records: Iterable[RunRecord]) -> Iterator[str]:
    """Yield a line for each file that is not what it was when a stored run was last computed."""
    loaded = {path.name: digest for path, digest in loaded_files().items()}
    old = Counter(
        name
        for record in records
        if record.cached
        for name, digest in record.provenance.get("plugins", {}).items()
        if loaded.get(name, digest) != digest
    )
    for name, n in sorted(old.items()):
        runs = "1 run was stored" if n == 1 else f"{n} runs were stored"
        yield (
            f"{name} has changed since {runs}: these are kept; raise the version of the recipe or"
            " metric that changed, or start again with --fresh"
        )
