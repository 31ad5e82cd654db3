"""Says that runs of an older version of genbench are not those that are asked for now."""

from contextlib import suppress
from pathlib import Path

from genbench.core.errors import StorageError
from genbench.results.records import ELSEWHERE
from genbench.results.run_folder import RUNS, SPEC, RunFolder
from genbench.runs.spec import SCHEMA


def older_runs(suite: Path) -> str:
    """Return a sentence on the runs of a suite's folder that an older version stored.

    Args:
        suite: The folder.

    Returns:
        The sentence; empty where there are none.
    """
    n = sum(_is_older(suite, path.name) for path in sorted((suite / RUNS).glob("[!.]*")))
    if not n:
        return ""
    runs, are, stay = ("run", "is", "stays") if n == 1 else ("runs", "are", "stay")
    return (
        f"{n} {runs} in {suite / RUNS} {are} of an older version, whose validation images were the"
        f" last of the training set: what is asked for is trained anew, and the old {runs} {stay}"
    )


def _is_older(suite: Path, train_id: str) -> bool:
    """Whether a folder holds a run of a lower schema; one that cannot be read is passed over."""
    with suppress(StorageError, OSError):
        spec = RunFolder(suite, train_id).read(SPEC)
        return bool(spec["schema"] < SCHEMA and spec["recipe"] != ELSEWHERE)
    return False
