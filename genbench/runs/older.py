"""Says that runs of an older version of genbench are not those that are asked for now."""

from contextlib import suppress
from pathlib import Path

from genbench.core.errors import StorageError
from genbench.core.files import paths_in
from genbench.core.reading import read_json
from genbench.results.records import ELSEWHERE
from genbench.results.run_folder import SPEC
from genbench.runs.spec import SCHEMA


def older_runs(folder: Path) -> str:
    """Return a sentence on the runs in a folder that an older version stored.

    Args:
        folder: That of all runs of a suite.

    Returns:
        The sentence; empty where there are none.
    """
    n = sum(map(_is_older, paths_in(folder)))
    if not n:
        return ""
    runs, are, stay = ("run", "is", "stays") if n == 1 else ("runs", "are", "stay")
    return (
        f"{n} {runs} in {folder} {are} of an older version, whose validation images were the"
        f" last of the training set: what is asked for is trained anew, and the old {runs} {stay}"
    )


def _is_older(run: Path) -> bool:
    """Whether a folder holds a run of a lower schema; one that cannot be read is passed over."""
    with suppress(StorageError, LookupError, TypeError):
        spec = read_json(run / SPEC)
        return bool(spec["schema"] < SCHEMA and spec["recipe"] != ELSEWHERE)
    return False
