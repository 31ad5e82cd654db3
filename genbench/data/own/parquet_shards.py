"""Finds the parquet files of a set, and the part that each is of."""

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from genbench.core.errors import DataError
from genbench.data.own.limits import shown
from genbench.data.own.parts import PARTS, UNDIVIDED, require_train
from genbench.data.own.pictures import SUFFIXES
from genbench.data.own.tree import Tree, is_hidden

SUFFIX = ".parquet"
_DEPTH = 3


@dataclass(frozen=True)
class Shard:
    """A parquet file, its name for messages, and the number of its part."""

    path: Path
    name: str
    part: int = UNDIVIDED


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
