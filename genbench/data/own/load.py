"""From a configuration to own images that are read, divided and named by a digest."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from genbench.core.errors import ConfigError
from genbench.data.own.arrays import read_arrays
from genbench.data.own.images import OwnImages, Reading
from genbench.data.own.read import read_images
from genbench.data.own.registry import OwnDataset, own_datasets
from genbench.data.own.splitting import Division, content_digest, divide
from genbench.data.protocol import DataConfig, SplitOptions
from genbench.data.specs import DatasetSpec, RawData, SourceData
from genbench.data.splits import pixel_digests

ASSUMED_LEVELS = 256
"""Not stated in a protocol."""


@dataclass(frozen=True, eq=False)
class _Read:
    """What is the same for all views of a set."""

    source: str
    n_levels: int
    classes: tuple[str, ...]
    places: tuple[str, ...]
    notes: tuple[str, ...]
    division: Division
    raw: RawData
    digest: str


_last: dict[tuple[object, Reading, SplitOptions], tuple[int, _Read]] = {}
"""The set read last, for its other views: where it came from, and the stamp of its files."""


def own_data(config: DataConfig) -> SourceData:
    """Read and divide own images; what was read last is not read again.

    Raises:
        ConfigError: ``split`` or ``validation_size`` do not fit the images.
        DataError: They cannot be read, or are too few.
    """
    split = _split(config)
    if config.path is None:
        read = _from_function(own_datasets[config.name], config.reading, split)
    else:
        read = _from_path(config.path, config.reading, split)
    _require_fitting(config, read)
    spec = _spec(config, read)
    given = read.division.given
    return SourceData(spec, read.raw, read.digest, read.classes, read.places, read.notes, given)


def _split(config: DataConfig) -> SplitOptions:
    return config.split or SplitOptions()


def _from_path(path: Path, reading: Reading, split: SplitOptions) -> _Read:
    """Read a path, unless it was read in the same way and has not changed since."""
    key = (path.absolute(), reading, split)
    if key not in _last or _last[key][0] != _stamp(path):
        _last.clear()
        read = _divided(read_images(path, reading), split)
        _last[key] = (_stamp(path), read)
    return _last[key][1]


def _from_function(own: OwnDataset, reading: Reading, split: SplitOptions) -> _Read:
    """Call the function, unless the arrays read last are its."""
    key = (own.function, reading, split)
    if key not in _last:
        found = own()
        if not isinstance(found, Mapping):
            return _from_path(found, reading, split)
        _last.clear()
        _last[key] = (0, _divided(read_arrays(found, own.name, reading), split))
    return _last[key][1]


def _divided(images: OwnImages, split: SplitOptions) -> _Read:
    digests = pixel_digests(images.levels)
    division = divide(images, digests, split)
    x, y, train, test = images.levels, images.labels, division.train, division.test
    raw = RawData(x[train], y[train], x[test], y[test])
    order = [*train.tolist(), *test.tolist()]
    return _Read(
        images.source,
        images.n_levels,
        images.classes,
        tuple(images.files[i] if images.files else f"image {i}" for i in order),
        images.notes,
        division,
        raw,
        content_digest(images, digests),
    )


def _require_fitting(config: DataConfig, read: _Read) -> None:
    n_train = len(read.division.train)
    if config.split and not read.division.test_is_drawn:
        raise ConfigError(f"data.split: {read.source} has a test set of its own; leave it out")
    if config.validation_size is None:
        return
    if read.division.validation_is_given:
        raise ConfigError(
            f"data.validation_size: {read.source} has a validation set of its own; leave it out"
        )
    if config.validation_size >= n_train:
        raise ConfigError(
            f"data.validation_size: {config.validation_size:,} of the {n_train:,} training images "
            f"of {read.source} leave none for training"
        )


def _spec(config: DataConfig, read: _Read) -> DatasetSpec:
    """Return the record of a set, as the registry has one of those it knows."""
    n_train, n_test = len(read.raw.train_x), len(read.raw.test_x)
    channels, height, width = read.raw.train_x.shape[1:]
    size = f"{n_train + n_test:,} images, {channels}x{height}x{width} with {read.n_levels} levels"
    return DatasetSpec(
        name=config.name,
        title=config.name,
        description=f"{size}, from {read.source}",
        image_shape=(channels, height, width),
        n_classes=max(1, len(read.classes)),
        n_levels=read.n_levels,
        n_train=n_train,
        n_test=n_test,
        default_validation_size=read.division.n_validation,
        read=lambda spec, data_dir, with_test: read.raw,
        licence="not stated",
        citation=read.source,
        split=f"drawn(seed={_split(config).seed})" if read.division.test_is_drawn else "",
        view=_view(config, read.n_levels),
        validation_is_given=read.division.validation_is_given,
    )


def _view(config: DataConfig, n_levels: int) -> tuple[str, ...]:
    levels = (f"levels={n_levels}",) if n_levels != ASSUMED_LEVELS else ()
    size = config.reading.resize
    return levels + (("resize={}x{}".format(*size),) if size else ())


def _stamp(path: Path) -> int:
    """Return a number that changes when the file, or one below the folder, does."""
    return hash(tuple(_state(file) for file in sorted([path, *path.rglob("*")])))


def _state(file: Path) -> tuple[str, int, int]:
    try:
        state = file.stat()
    except OSError:
        return str(file), 0, 0
    return str(file), state.st_mtime_ns, state.st_size
