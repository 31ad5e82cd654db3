"""Finds the parquet files of a set, and the part that each is of."""

import re
from dataclasses import dataclass
from pathlib import Path

from genbench.core.errors import DataError
from genbench.data.own.limits import shown
from genbench.data.own.parts import PARTS, require_train
from genbench.data.own.pictures import SUFFIXES
from genbench.data.own.tree import Tree

SUFFIX = ".parquet"
_DEPTH = 3


@dataclass(frozen=True)
class Shard:
    """A parquet file, its name for messages, and the number of its part."""

    path: Path
    name: str
    part: int = 0


def is_parquet_folder(path: Path) -> bool:
    """Whether there are parquet files in a folder, or in folders in it."""
    return any(True for depth in range(_DEPTH) for _ in path.glob(f"{'*/' * depth}*{SUFFIX}"))


def list_shards(path: Path) -> tuple[list[Shard], list[str]]:
    """Return the files in the order of their parts and names, and what was skipped.

    Raises:
        DataError: They are of several sets, or only some are of a part.
    """
    if path.is_file():
        return [Shard(path, shown(path.name))], []
    tree = Tree(path, (SUFFIX, *SUFFIXES))
    files = _below(tree, path, _DEPTH)
    for image in (file for file in files if file.suffix.lower() != SUFFIX):
        raise DataError(f"{tree.name(image)}: an image beside parquet files; keep one of both")
    shards = [Shard(file, tree.name(file), _part_of(file, tree)) for file in files]
    _require_one_set(files, tree)
    parts = {shard.part for shard in shards}
    if len(parts) > 1 and 0 in parts:
        odd = next(shard.name for shard in shards if not shard.part)
        raise DataError(f"{odd}: its name says no part, others' do; expected train-0.parquet")
    require_train(sorted(parts), shown(path.name))
    return sorted(shards, key=lambda shard: shard.part), tree.notes()


def _below(tree: Tree, folder: Path, depth: int) -> list[Path]:
    folders, files = tree.inside(folder)
    if folders and depth == 1:
        raise DataError(f"{tree.name(folders[0])}: too deep")
    return files + [file for inner in folders for file in _below(tree, inner, depth - 1)]


def _part_of(file: Path, tree: Tree) -> int:
    """Return the part that the file's name says, or else its folder's."""
    stems = [file.stem, *(folder.name for folder in file.relative_to(tree.root).parents)]
    for stem in stems:
        found = {PARTS[word] for word in re.split(r"[^a-z]+", stem.lower()) if word in PARTS}
        if len(found) > 1:
            raise DataError(f"{tree.name(file)}: its name says several parts")
        if found:
            return found.pop()
    return 0


def _require_one_set(files: list[Path], tree: Tree) -> None:
    folders = {
        "/".join(name for name in file.relative_to(tree.root).parts[:-1] if name not in PARTS)
        for file in files
    }
    if len(folders) > 1:
        found = ", ".join(sorted(shown(folder or ".") for folder in folders)[:8])
        raise DataError(f"{shown(tree.root.name)}: holds several sets, {found}; give one's path")
