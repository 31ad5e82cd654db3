"""Scores images that anybody made: numbers beside controls, flags, and the protocol."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genbench.core.errors import ConfigError, DataError
from genbench.core.seeding import Stream
from genbench.data import Dataset
from genbench.data.archives.flags import Beside, Pixels, flags, in_8_bits
from genbench.data.archives.read import PREFIX, Archive
from genbench.data.archives.scale import Scale, scale_of
from genbench.data.own.checks import Concern
from genbench.evaluation.external.controls import Control, controls
from genbench.evaluation.external.rows import Scores, scores_of
from genbench.evaluation.on_dataset import SPLIT
from genbench.features.reference import reference_of
from genbench.features.space import FeatureSpace
from genbench.results.numbers_frame import NumbersFrame

MOST_SAMPLES = 10_000
"""Scored unless another number is asked for."""
_SHOWN, _SUSPECTS = 64, 20


@dataclass(frozen=True, eq=False)
class Scored:
    """What was found out about samples.

    Attributes:
        name: Of the samples, with ``external:`` before it.
        frame: A row for each metric of the samples, and then of each control.
        n: How many samples were scored.
        flags: What is odd about them.
        protocol: Under which the numbers were found.
        notes: How they were read, a sentence each.
        samples: The first of them, in 8 bits.
        suspects: The most suspicious of being copies, in 8 bits, the most suspicious first.
        nearest: The training images nearest to these.
    """

    name: str
    frame: NumbersFrame
    n: int
    flags: tuple[Concern, ...]
    protocol: str
    notes: tuple[str, ...]
    samples: Pixels
    suspects: Pixels
    nearest: Pixels


def score_archive(
    archive: Archive,
    dataset: Dataset,
    name: str,
    features: str = "auto",
    n: int | None = None,
    folder: Path | None = None,
    weights: Path | None = None,
) -> Scored:
    """Score samples beside controls.

    Args:
        archive: The samples.
        dataset: The data that they are compared with.
        name: What they are called.
        features: Name of the feature space, or ``auto``.
        n: How many of them are scored; by default all, up to 10,000 and to the number of test
            images.
        folder: Where features of the training images are kept.
        weights: The user's own network, if ``features`` is its name.

    Raises:
        ConfigError: More are asked for than there are test images, or the space is unknown.
        DataError: More are asked for than there are samples, or they are no images; or the weights
            are of another network.
    """
    dataset = dataset.unprocessed
    rows = chosen_rows(archive, dataset.size(SPLIT), n)
    scale = scale_of(archive, dataset.n_levels)
    images = scale.intensities(archive.values[rows])
    stream = Stream(dataset.config.seed, ("score",))
    entrant = Control(f"{PREFIX}{name}", torch.from_numpy(images))
    sets = [entrant, *controls(dataset, len(rows), stream)]
    look_up = partial(reference_of, dataset, folder=folder, weights=weights)
    scores = scores_of(sets, dataset, features, stream, look_up)
    training = _in_8_bits(dataset.blocks("train"))
    samples = in_8_bits(images)
    suspects = scores.near_training.most_suspicious(_SUSPECTS)
    protocol = _protocol(dataset, scores, scale, len(rows))
    return Scored(
        name=entrant.name,
        frame=scores.frame(protocol),
        n=len(rows),
        flags=(*archive.flags, *scale.flags, *_flags(samples, training, archive, dataset)),
        protocol=protocol,
        notes=(*archive.notes, *_partial(archive, rows), *_about(scores.spaces)),
        samples=samples[:_SHOWN],
        suspects=samples[suspects.numpy()],
        nearest=training[scores.near_training.rows[suspects].numpy()],
    )


def chosen_rows(archive: Archive, n_test: int, asked: int | None) -> NDArray[np.int64]:
    """Return which samples are scored: drawn, if not all, since files are often sorted by class.

    The first of them do not depend on how many there are.

    Raises:
        ConfigError: More than the test images are asked for, or none.
        DataError: More are asked for than there are.
    """
    held = len(archive.values)
    if asked is not None and not 1 <= asked <= n_test:
        raise ConfigError(
            f"n: {asked:,}, expected 1 to {n_test:,}: samples are scored beside as many real test"
            " images"
        )
    if asked is not None and asked > held:
        raise DataError(f"{archive.source}: {asked:,} samples are asked for, it holds {held:,}")
    n = asked or min(held, n_test, MOST_SAMPLES)
    order = torch.randperm(held, generator=Stream(0, ("archive",)).generator())
    return np.sort(order[:n].numpy())


def _partial(archive: Archive, rows: NDArray[np.int64]) -> list[str]:
    held = len(archive.values)
    return [f"{len(rows):,} of {held:,} samples are scored, drawn."] if len(rows) < held else []


def _about(spaces: Sequence[FeatureSpace]) -> list[str]:
    return [f"Features {space.name}: {space.remark}." for space in spaces if space.remark]


def _flags(
    samples: Pixels, training: Pixels, archive: Archive, dataset: Dataset
) -> tuple[Concern, ...]:
    held_out = _in_8_bits(dataset.blocks(SPLIT))
    were_rounded = archive.values.dtype.kind != "f"
    return flags(Beside(samples, training, held_out, dataset.n_levels, were_rounded))


def _in_8_bits(blocks: Iterable[Tensor]) -> Pixels:
    return np.concatenate([in_8_bits(block.cpu().numpy()) for block in blocks])


def _protocol(dataset: Dataset, scores: Scores, scale: Scale, n: int) -> str:
    """Return what two numbers must share to be compared, in one line."""
    spaces = ", ".join(f"{space.name}@{space.digest[:8]}" for space in scores.spaces)
    data = replace(dataset.protocol, measure="", condition="")
    parts = (
        data.text,
        f"reference: {dataset.size('train'):,} training images",
        f"n = {n:,}",
        f"features {spaces}",
        "not resized",
        f"intensity = {scale.text}, in [0, 1]",
    )
    return "; ".join(parts)
