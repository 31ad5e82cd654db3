"""Reads a data set, registered or one's own, before it is presented in any way; no torch."""

import hashlib
from pathlib import Path

import numpy as np

from genbench.core.errors import DataError
from genbench.data.own.load import own_data
from genbench.data.protocol import DataConfig
from genbench.data.specs import DatasetSpec, RawData, SourceData, datasets
from genbench.data.storage import data_home


def read_source(config: DataConfig, data_dir: Path | None = None) -> SourceData:
    """Read a data set and check it; download what is missing of a registered one.

    Raises:
        ConfigError: ``split`` or ``validation_size`` do not fit own images.
        DataError: A file is damaged or cannot be read, or is missing and cannot be downloaded.
        StorageError: A download cannot be stored.
    """
    if config.is_own:
        return own_data(config)
    spec = datasets[config.name]
    raw = spec.read(spec, data_home(data_dir))
    _require_as_registered(raw, spec)
    classes = tuple(map(str, range(spec.n_classes))) if spec.n_classes > 1 else ()
    return SourceData(spec, raw, _digest(raw), classes)


def _require_as_registered(raw: RawData, spec: DatasetSpec) -> None:
    shape = spec.image_shape
    for part, x, y, n in (
        ("train", raw.train_x, raw.train_y, spec.n_train),
        ("test", raw.test_x, raw.test_y, spec.n_test),
    ):
        problem = f"{spec.name}: the {part} set does not match the registry: "
        if len(x) != n or len(y) != n or x[:1].size != np.prod(shape):
            raise DataError(
                f"{problem}found {x.shape} and {y.shape}, expected {n} images of shape {shape}"
            )
        if int(x.max()) >= spec.n_levels or int(y.max()) >= spec.n_classes:
            raise DataError(f"{problem}level {x.max()} or label {y.max()} is out of range")


def _digest(raw: RawData) -> str:
    digest = hashlib.sha256()
    for array in raw:
        digest.update(np.ascontiguousarray(array, dtype=np.uint8).tobytes())
    return digest.hexdigest()
