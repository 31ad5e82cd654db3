"""Reads parquet as Hugging Face writes it: a file, or a folder of shards."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from genbench.core.errors import DataError
from genbench.core.memory import require_memory
from genbench.data.own.images import OwnImages, Reading
from genbench.data.own.labels import Ranks, joined, ranked
from genbench.data.own.limits import MAX_FILE_BYTES, MAX_NAME, refused, shown
from genbench.data.own.parquet_columns import Columns, columns_of
from genbench.data.own.parquet_shards import Shard, list_shards
from genbench.data.own.parts import division
from genbench.data.own.stack import Stack

_ROWS = 4
"""Rows unpacked at a time: a few bytes can say that each holds the same huge value."""


class Opened(NamedTuple):
    """A shard of which the footer is read."""

    shard: Shard
    file: Any
    columns: Columns
    n_rows: int


def read_parquet(path: Path, reading: Reading) -> OwnImages:
    """Read the images and labels of a parquet file, or of all shards in a folder.

    Raises:
        DataError: They can't be read without guessing; names the file.
    """
    source = shown(path.name)
    _require_pyarrow(source)
    shards, skipped = list_shards(path)
    with ExitStack() as files:
        opened = [_open(shard, files) for shard in shards]
        columns = _common([each.columns for each in opened], source)
        counts = _counts(opened, source)
        stack = Stack(sum(counts), source, reading)
        labels = [label for each in opened for label in _fill(stack, each)]
    levels, n_levels, notes = stack.finish()
    ranks, classes = _ranks(labels, columns, sum(counts), source)
    numbers, divided = division({shard.part for shard in shards})
    parts = np.array([numbers[shard.part] for shard in shards], np.uint8)
    return OwnImages(
        source,
        levels,
        ranks,
        classes,
        np.repeat(parts, counts),
        n_levels,
        (columns.note, *notes, *divided, *skipped),
    )


def _require_pyarrow(source: str) -> None:
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise DataError(
            f"{source}: parquet needs pyarrow; python -m pip install 'genbench[parquet]'"
        ) from None


def _open(shard: Shard, files: ExitStack) -> Opened:
    from pyarrow.parquet import ParquetFile

    with refused(shard.name, "can't be read as parquet"):
        file = ParquetFile(files.enter_context(shard.path.open("rb")))
        columns = columns_of(file.schema_arrow, shard.name)
        groups = range(file.num_row_groups)
        sizes = [file.metadata.row_group(i).total_byte_size for i in groups]
    require_memory(max(sizes, default=0), f"{shard.name}: a row group", error=DataError)
    return Opened(shard, file, columns, file.metadata.num_rows)


def _common(columns: Sequence[Columns], source: str) -> Columns:
    if len({(each.image, each.label) for each in columns}) > 1:
        raise DataError(f"{source}: its files have different columns of images and labels")
    return columns[0]


def _counts(opened: Sequence[Opened], source: str) -> list[int]:
    counts = [each.n_rows for each in opened]
    by_part = {each.shard.part: 0 for each in opened}
    for each in opened:
        by_part[each.shard.part] += each.n_rows
    if min(counts) < 0 or not all(by_part.values()):
        raise DataError(f"{source}: has no rows, or a part without rows")
    return counts


def _fill(stack: Stack, opened: Opened) -> Iterator[int | str]:
    """Add the images of a shard, and yield its labels."""
    shard, file, columns, n_rows = opened
    row = 0
    with refused(shard.name, "is damaged"):
        for batch in file.iter_batches(_ROWS, columns=columns.read, use_threads=False):
            for content in columns.images_in(batch):
                stack.add(_image(content, shard, row), f"{shard.name}: row {row}")
                row += 1
            yield from (_label(label, shard) for label in columns.labels_in(batch))
    if row != n_rows:
        raise DataError(f"{shard.name}: holds {row} rows, but says {n_rows}")


def _image(content: bytes | None, shard: Shard, row: int) -> bytes:
    if content is None:
        raise DataError(f"{shard.name}: row {row} has no image; a path alone is not followed")
    if len(content) > MAX_FILE_BYTES:
        raise DataError(f"{shard.name}: row {row} has more bytes than an image needs")
    return content


def _label(label: Any, shard: Shard) -> int | str:
    if label is None or (isinstance(label, str) and len(label) > MAX_NAME):
        raise DataError(f"{shard.name}: a label is missing, or longer than {MAX_NAME} letters")
    return label  # type: ignore[no-any-return]


def _ranks(labels: Sequence[int | str], columns: Columns, n: int, source: str) -> Ranks:
    """Return ranks and names of labels; of integers the names that Hugging Face gives them."""
    if not columns.label:
        return np.zeros(n, np.int64), ()
    ranks, classes = ranked(joined([np.array(labels)], source), source)
    if isinstance(labels[0], int) and int(classes[-1]) < len(columns.names):
        return ranks, tuple(columns.names[int(number)] for number in classes)
    return ranks, classes
