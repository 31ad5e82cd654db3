"""Reads parquet as Hugging Face writes it: a file, or a folder of shards."""

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np

from genbench.core.errors import DataError
from genbench.core.memory import require_memory
from genbench.data.own.folder import Tree, is_hidden
from genbench.data.own.images import OwnImages, Reading
from genbench.data.own.labels import Ranks, joined, ranked
from genbench.data.own.limits import MAX_FILE_BYTES, MAX_NAME, refused, shown
from genbench.data.own.parquet_columns import Columns, columns_of
from genbench.data.own.parts import PARTS, UNDIVIDED, division, require_train
from genbench.data.own.pictures import SUFFIXES
from genbench.data.own.stack import Stack

SUFFIX = ".parquet"
_DEPTH = 3
_ROWS = 4
"""Rows unpacked at a time: a few bytes can say that each holds the same huge value."""


@dataclass(frozen=True)
class Shard:
    """A parquet file, its name for messages, and the number of its part."""

    path: Path
    name: str
    part: int = UNDIVIDED


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


def is_parquet_folder(path: Path) -> bool:
    """Whether there are parquet files in a folder, or in folders in it."""
    found = (file for depth in range(_DEPTH) for file in path.glob(f"{'*/' * depth}*{SUFFIX}"))
    return any(
        file.is_file() and not any(map(is_hidden, file.relative_to(path).parts)) for file in found
    )


def list_shards(path: Path) -> tuple[list[Shard], list[str]]:
    """Return the files in the order of their parts and names, and what was skipped.

    Raises:
        DataError: They are of several sets, or only some are of a part.
    """
    if path.is_file():
        return [Shard(path, shown(path.name))], []
    tree = Tree(path, (SUFFIX, *SUFFIXES))
    files = _below(tree, "", _DEPTH)
    for image in (file for file in files if not file.lower().endswith(SUFFIX)):
        raise DataError(f"{tree.name(image)}: an image beside parquet files; keep one of both")
    _require_one_set(files, tree)
    parts = {file: _part_of(file, tree) for file in files}
    undivided = [file for file, part in parts.items() if part == UNDIVIDED]
    if 0 < len(undivided) < len(files):
        raise DataError(
            f"{tree.name(undivided[0])}: its name says no part, as others' do; expected one like "
            "train-0.parquet"
        )
    require_train(sorted(set(parts.values())), tree.name())
    ordered = sorted(files, key=parts.__getitem__)
    shards = [Shard(Path(tree.at(file)), tree.name(file), parts[file]) for file in ordered]
    return shards, tree.notes()


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


def _below(tree: Tree, folder: str, depth: int) -> list[str]:
    folders, files = tree.inside(folder)
    if folders and depth == 1:
        raise DataError(f"{tree.name(folders[0])}: too deep; expected set/part/shard.parquet")
    return files + [file for inner in folders for file in _below(tree, inner, depth - 1)]


def _part_of(file: str, tree: Tree) -> int:
    """Return the part that the file's name says, or else its folder's."""
    path = PurePosixPath(file)
    for name in (path.stem, *(folder.name for folder in path.parents)):
        found = {PARTS[word] for word in re.split("[^a-z]+", name.lower()) if word in PARTS}
        if len(found) > 1:
            raise DataError(f"{tree.name(file)}: its name says several parts")
        if found:
            return found.pop()
    return UNDIVIDED


def _require_one_set(files: list[str], tree: Tree) -> None:
    folders = {
        "/".join(name for name in PurePosixPath(file).parts[:-1] if name.lower() not in PARTS)
        for file in files
    }
    if len(folders) > 1:
        found = ", ".join(sorted(folder or "." for folder in folders)[:8])
        raise DataError(f"{tree.name()}: holds several sets, in {found}; give the path of one")
