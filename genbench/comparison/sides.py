"""The two sides A and B: each a suite, a folder of results, or one model of either."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from genbench.core.errors import ExitCode, GenbenchError, require_known
from genbench.results.blocks import blocks_of
from genbench.results.cells import Block, Row
from genbench.results.per_datum import PerDatum
from genbench.results.suite import StoredSuite

ProtocolKey = tuple[str, str, str]
"""Data set, protocol and split: numbers that differ in one of them are never compared."""


class NotComparableError(GenbenchError):
    """The two sides share no protocol, no model or no number."""

    exit_code = ExitCode.BASELINE


@dataclass(frozen=True)
class Side:
    """One of the two sides.

    Attributes:
        name: As the user wrote it.
        blocks: Its numbers by protocol; those of one model where one was asked for.
        values: Its per-datum values.
        model: The one model that was asked for, or empty.
    """

    name: str
    blocks: tuple[Block, ...]
    values: PerDatum
    model: str = ""

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of its rows, each once."""
        return tuple(dict.fromkeys(row.label for block in self.blocks for row in block.rows))

    def rows(self, label: str) -> Iterator[tuple[ProtocolKey, Block, Row]]:
        """Yield the rows of that name, one per protocol."""
        for block in self.blocks:
            for row in block.rows:
                if row.label == label:
                    yield (block.dataset, block.protocol.text, block.split), block, row


def resolve(text: str, results: Path, suite: str | None = None) -> Side:
    """Read what ``text`` names: ``SUITE``, ``FOLDER``, either with ``:MODEL``, or a model.

    Args:
        text: The argument of the command line.
        results: The folder that holds the suites.
        suite: If given, ``text`` names a model of that suite.

    Raises:
        ConfigError: The suite has no such model.
        StorageError: There are no such results, or they are damaged.
    """
    if suite is not None:
        return replace(_read(suite, results, text), name=text)
    whole, _, model = text.rpartition(":")
    if not whole or _is_folder(text):
        return _read(text, results)
    return replace(_read(whole, results, model), name=text)


def _is_folder(text: str) -> bool:
    return (Path(text) / "metrics.csv").is_file()


def _read(where: str, results: Path, model: str = "") -> Side:
    if _is_folder(where):
        path = Path(where).resolve()
        suite = StoredSuite.open(path.parent, path.name)
    else:
        suite = StoredSuite.open(results, where)
    suite.require_no_collection()
    blocks = tuple(blocks_of(suite.frame, suite.metrics))
    whole = Side(where, blocks, suite.per_datum)
    return _only(whole, model) if model else whole


def _only(side: Side, model: str) -> Side:
    require_known(model, side.labels, f"'{side.name}' has no model")
    kept = (
        replace(block, rows=tuple(row for row in block.rows if row.label == model))
        for block in side.blocks
    )
    return replace(side, blocks=tuple(block for block in kept if block.rows), model=model)
