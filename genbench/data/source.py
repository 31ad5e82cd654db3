"""Reads a data set, registered or one's own, before it is presented in any way; no torch."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from genbench.core.errors import DataError
from genbench.data.own.load import own_data
from genbench.data.protocol import DataConfig
from genbench.data.specs import DatasetSpec, RawData, SourceData, datasets
from genbench.data.storage import data_home


def read_source(
    config: DataConfig, data_dir: Path | None = None, *, with_test: bool = True
) -> SourceData:
    """Read a data set and check it; download what is missing of a registered one.

    Without its test set, files of test images are not opened, and test images that lie in one file
    with the others are dropped. The digest of a registered set is that of what was read.

    Raises:
        ConfigError: ``split`` or ``validation_size`` do not fit own images.
        DataError: A file is damaged or cannot be read, or is missing and cannot be downloaded.
        StorageError: A download cannot be stored.
    """
    if config.is_own:
        own = own_data(config)
        return own if with_test else _without_test(own)
    spec = datasets[config.name]
    raw = spec.read(spec, data_home(data_dir), with_test)
    if not with_test:
        spec, raw = replace(spec, n_test=0), raw.without_test
    _require_as_registered(raw, spec)
    classes = tuple(map(str, range(spec.n_classes))) if spec.n_classes > 1 else ()
    return SourceData(spec, raw, _digest(raw), classes)


def _without_test(own: SourceData) -> SourceData:
    spec = replace(own.spec, n_test=0)
    return replace(own, spec=spec, raw=own.raw.without_test, places=own.places[: spec.n_train])


def _require_as_registered(raw: RawData, spec: DatasetSpec) -> None:
    shape = spec.image_shape
    for part, x, y, n in (
        ("train", raw.train_x, raw.train_y, spec.n_train),
        ("test", raw.test_x, raw.test_y, spec.n_test),
    ):
        problem = f"{spec.name}: the {part} set does not match the registry: "
        if len(x) != n or len(y) != n or np.prod(x.shape[1:]) != np.prod(shape):
            raise DataError(
                f"{problem}found {x.shape} and {y.shape}, expected {n} images of shape {shape}"
            )
        if n and (int(x.max()) >= spec.n_levels or int(y.max()) >= spec.n_classes):
            raise DataError(f"{problem}level {x.max()} or label {y.max()} is out of range")


def _digest(raw: RawData) -> str:
    digest = hashlib.sha256()
    for array in raw:
        digest.update(np.ascontiguousarray(array, dtype=np.uint8).data)
    return digest.hexdigest()
