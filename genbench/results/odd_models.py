"""What is odd about a trained model, in plain words: a mark beside its name."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

import pandas as pd

from genbench.results.cells import ModelRow, ProtocolBlock
from genbench.results.headline import CLAIMS, headline, likelihoods
from genbench.results.records import StoredRun
from genbench.results.run_folder import RunFolder

BASELINE = "independent_pixels"
"""The recipe whose exact log-likelihood every trained model should reach."""


def warnings_of(
    block: ProtocolBlock,
    recipes: Mapping[str, str],
    setbacks: Mapping[str, str],
    unconverged: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, tuple[str, ...]]:
    """Return what is odd about each model of a block, by the label of its row; never of a control.

    Args:
        block: The comparison of one protocol.
        recipes: Of each model, by its name.
        setbacks: What went wrong in training, by train_id.
        unconverged: Models whose training had not converged, and how far it was from that; before
            the colon stands what is enough for a table.
    """
    baselines = _baselines(block, recipes)
    known = {
        row.label: (
            *_below(block, row, baselines),
            *_in_training(row, setbacks),
            *filter(None, [unconverged.get(row.model, "")]),
        )
        for row in block.rows
        if not row.control
    }
    return {label: words for label, words in known.items() if words}


def _baselines(block: ProtocolBlock, recipes: Mapping[str, str]) -> dict[str, float]:
    """The exact log-likelihoods that every trained model should reach, by label."""
    rows = [row for row in block.rows if recipes.get(row.model) == BASELINE]
    cells = {row.label: number[1] for row in rows if (number := headline(block, row))}
    return {label: cell.value for label, cell in cells.items() if cell.kind == "exact"}


def _below(block: ProtocolBlock, row: ModelRow, baselines: Mapping[str, float]) -> Iterator[str]:
    """The baselines that none of a model's bounds reaches, over however many images."""
    values = [cell.value for _, cell in likelihoods(block, row) if cell.kind in CLAIMS]
    best = max(values, default=math.inf)
    yield from (f"below {label}" for label, least in baselines.items() if best < least)


def _in_training(row: ModelRow, setbacks: Mapping[str, str]) -> Iterator[str]:
    runs = {seed.train_id for cell in row.cells for seed in cell.seeds}
    counts = Counter(setbacks[run] for run in sorted(runs) if run in setbacks)
    for words, count in counts.items():
        yield words if count == len(runs) else f"{words} ({count} of {len(runs)} seeds)"


def setbacks(runs: Iterable[tuple[StoredRun, RunFolder]]) -> dict[str, str]:
    """Return what went wrong in the training of each run that ended, by train_id.

    Raises:
        StorageError: A history is damaged.
    """
    ended = {run.train_id: (run, folder) for run, folder in runs if run.status == "ok"}
    found = {
        train_id: setback(folder.history(), run.selected_epoch)
        for train_id, (run, folder) in ended.items()
    }
    return {train_id: words for train_id, words in found.items() if words}


def setback(history: pd.DataFrame | None, selected_epoch: int | None) -> str:
    """Say whether training led nowhere, by the loss on validation data that picks the best epoch.

    A GAN has no such loss, since its two losses oppose each other; nothing is said of it.

    Args:
        history: A row per epoch; None for a model that is not trained in epochs.
        selected_epoch: Whose weights were kept; None for the last.
    """
    column = _score(history)
    if history is None or column is None or len(history) < 2:
        return ""
    losses = dict(zip(history["epoch"], history[column], strict=True))
    first, last = losses[min(losses)], losses[max(losses)]
    kept = losses.get(selected_epoch, last)
    if kept >= first:
        return f"{'worse' if kept > first else 'no better'} than after its first epoch"
    return "ended worse than after its first epoch" if last > first else ""


def has_validation_loss(history: pd.DataFrame | None) -> bool:
    """Whether training had a loss on validation data, by which the best epoch can be picked."""
    return _score(history) is not None


def _score(history: pd.DataFrame | None) -> str | None:
    names = [] if history is None else list(history.columns)
    return next((n for n in names if n.startswith("validation.") and n.endswith(".loss")), None)
