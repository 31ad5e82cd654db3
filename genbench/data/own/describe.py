"""Says how a data set is read, and what in it will hurt later."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genbench.core.protocol import SPLITS, SplitName
from genbench.data.own.checks import Concern, Part, Seen, concerns, part
from genbench.data.protocol import DataConfig, protocol_of
from genbench.data.source import read_source
from genbench.data.specs import SourceData
from genbench.data.splits import parts_of


@dataclass(frozen=True)
class Description:
    """What is known of a data set once it is read.

    Attributes:
        name: Of the data set.
        about: One line: how many images, of what shape, from where.
        image_shape: (C, H, W).
        n_levels: How many values a pixel can take.
        digest: SHA-256 that names the images, whatever holds them.
        protocol: Part of a number's protocol that the data decide.
        sizes: Images of each split.
        classes: Names of the classes; none without labels.
        counts: Images of each class, for each split.
        notes: How it was read, a sentence each.
        lines: The lines of ``[data]`` that choose it.
        concerns: What will hurt later.
    """

    name: str
    about: str
    image_shape: tuple[int, int, int]
    n_levels: int
    digest: str
    protocol: str
    sizes: dict[SplitName, int]
    classes: tuple[str, ...]
    counts: dict[SplitName, tuple[int, ...]]
    notes: tuple[str, ...]
    lines: tuple[str, ...]
    concerns: tuple[Concern, ...]

    def record(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return asdict(self) | {"concerns": [concern._asdict() for concern in self.concerns]}


def describe(config: DataConfig, data_dir: Path | None = None) -> Description:
    """Read a data set and look at all of it.

    Raises:
        ConfigError: ``split`` or ``validation_size`` do not fit the images.
        DataError: It cannot be read.
    """
    source = read_source(config, data_dir)
    parts, spec = _parts(config, source), source.spec
    return Description(
        spec.name,
        spec.description,
        spec.image_shape,
        spec.n_levels,
        source.digest,
        protocol_of(config, spec, source.digest).text,
        {name: len(part.labels) for name, part in parts.items()},
        source.classes,
        {name: _counts(part, len(source.classes)) for name, part in parts.items()},
        source.notes,
        _lines(config),
        concerns(Seen(parts, spec.n_levels, source.classes, source.notes)),
    )


def _parts(config: DataConfig, source: SourceData) -> dict[SplitName, Part]:
    raw, spec = source.raw, source.spec
    x = np.concatenate([raw.train_x, raw.test_x]).reshape(-1, *spec.image_shape)
    y = np.concatenate([raw.train_y, raw.test_y])
    places = source.places or tuple(f"image {i}" for i in range(len(x)))
    parts = parts_of(config, source)
    indices = (parts.train, parts.validation, spec.n_train + parts.test)
    return {
        name: part(x[here], y[here], [places[i] for i in here])
        for name, here in zip(SPLITS, indices, strict=True)
    }


def _counts(part: Part, n_classes: int) -> tuple[int, ...]:
    return tuple(np.bincount(part.labels, minlength=n_classes).tolist()) if n_classes else ()


def _lines(config: DataConfig) -> tuple[str, ...]:
    """Return the lines of ``[data]``, without what is at its default."""
    chosen = {"path": str(config.path)} if config.path else {"name": config.name}
    stated = config.model_dump(mode="json", exclude={"name"}, exclude_defaults=True)
    return tuple(f"{key} = {_toml(value)}" for key, value in (chosen | stated).items())


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(v)}" for key, v in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)
