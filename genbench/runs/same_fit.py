"""Finds the run of another seed with the same fit, where the recipe draws no random numbers."""

from weakref import WeakKeyDictionary

from genbench.core.files import sha256_json
from genbench.data import Dataset
from genbench.recipes import recipes
from genbench.results import run_folder
from genbench.results.run_folder import RunFolder
from genbench.runs.spec import Run

_FITTED: WeakKeyDictionary[Dataset, dict[str, RunFolder]] = WeakKeyDictionary()
"""Runs that this process has fitted, by what their fits depend on."""


def remember_fit(run: Run) -> None:
    """Remember that a run was fitted in closed form, for its other seeds."""
    if recipes[run.spec.recipe].seedless:
        _FITTED.setdefault(run.dataset, {})[_key(run)] = run.folder


def same_fit(run: Run) -> RunFolder | None:
    """Return the folder of a run with the same fit, if this process has finished one."""
    folder = _FITTED.get(run.dataset, {}).get(_key(run))
    whole = folder and folder.intact(run_folder.MODEL, run_folder.PROVENANCE)
    return folder if whole else None


def _key(run: Run) -> str:
    """Return the SHA-256 of everything that a fit without random numbers depends on."""
    identity = run.spec.identity(run.dataset.digest)
    del identity["seed"]
    return sha256_json(identity)
