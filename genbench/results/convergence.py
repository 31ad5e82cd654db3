"""Whether the training of a model had converged, by the validation loss at its end."""

from collections.abc import Iterable, Sequence

from genbench.core import numbers
from genbench.core.statistics import NORMAL_REACH
from genbench.results.records import StoredRun


def fall_of(runs: Sequence[StoredRun]) -> tuple[float, float] | None:
    """By how much the validation loss fell over the last tenth of training, and its standard error.

    Both are means over seeds: these share the validation data. None where one of them has none.
    """
    known = [
        (run.validation_fall, run.validation_fall_stderr)
        for run in runs
        if run.validation_fall is not None and run.validation_fall_stderr is not None
    ]
    if not known or len(known) < len(runs):
        return None
    falls, errors = zip(*known, strict=True)
    return sum(falls) / len(falls), sum(errors) / len(errors)


def has_converged(runs: Sequence[StoredRun]) -> bool | None:
    """Whether that fall can be chance; None where it is not known."""
    fall = fall_of(runs)
    return None if fall is None else fall[0] <= NORMAL_REACH * fall[1]


def unconverged(runs: Iterable[StoredRun]) -> dict[str, str]:
    """Return the models that had not converged by the runs that ended, each with its fall."""
    of_model: dict[str, list[StoredRun]] = {}
    for run in runs:
        if run.status == "ok":
            of_model.setdefault(run.model, []).append(run)
    falls = {model: fall_of(mine) for model, mine in of_model.items()}
    return {
        model: f"had not converged: validation loss still fell by {_text(*fall)}"
        for model, fall in falls.items()
        if fall and not has_converged(of_model[model])
    }


def _text(value: float, stderr: float) -> str:
    return " ± ".join(part for part in numbers.measured(value, stderr) if part)
