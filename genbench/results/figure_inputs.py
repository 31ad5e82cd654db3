"""What figures show of each model: the arrays and the history of one of its runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from genbench.core.protocol import Protocol
from genbench.results.records import StoredRun
from genbench.results.run_folder import RunFolder
from genbench.results.sealed_folder import Arrays


@dataclass(frozen=True)
class FigureInputs:
    """The run that stands for a model in the figures: the first seed that finished."""

    label: str
    record: StoredRun
    history: pd.DataFrame | None
    arrays: Arrays


def figure_inputs(suite_folder: Path, runs: Sequence[StoredRun]) -> list[FigureInputs]:
    """Read the figures' data of one run per model and protocol, digests checked."""
    first: dict[tuple[str, str], tuple[StoredRun, RunFolder]] = {}
    for run in sorted(runs, key=lambda run: run.seed):
        folder = RunFolder(suite_folder, run.train_id)
        if folder.is_sealed:
            first.setdefault((run.model, run.protocol), (run, folder))
    names = [model for model, _ in first]
    pairs = dict.fromkeys((run.model, run.protocol) for run in runs)
    return [_read(*first[pair], names) for pair in pairs if pair in first]


def _read(run: StoredRun, folder: RunFolder, names: Sequence[str]) -> FigureInputs:
    unique = names.count(run.model) == 1
    label = run.model if unique else f"{run.model} · {Protocol.parse(run.protocol).short}"
    return FigureInputs(label, run, folder.history(), folder.figures())
