"""The two sides A and B: each a suite, a folder of results, or one model of either."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from genbench.core.errors import ExitCode, GenbenchError, require_known
from genbench.core.statistics import Seeds
from genbench.results.blocks import blocks_of
from genbench.results.cells import Cell, Column, ModelRow, ProtocolBlock
from genbench.results.metrics_table import TABLE
from genbench.results.per_datum import PerDatumValues
from genbench.results.suite import StoredSuite

ProtocolKey = tuple[str, str, str]
"""Data set, protocol and split: numbers that differ in any of them are never compared."""
ColumnKey = tuple[str, str, int]
"""Metric, options and evaluator version."""


class NotComparableError(GenbenchError):
    """The two sides have no protocol, model or number in common."""

    exit_code = ExitCode.BASELINE


@dataclass(frozen=True)
class Number:
    """One number of a side, and its place in the table."""

    label: str
    block: ProtocolBlock
    column: Column
    cell: Cell
    stored: PerDatumValues

    @property
    def per_datum(self) -> Seeds | None:
        """Its per-datum values by seed; None if incomplete or not used for comparisons.

        Values of a single datum say nothing about the data.
        """
        if not self.column.record.ranked or (self.cell.n or 0) < 2:
            return None
        return self.stored.of(self.block, self.column, self.cell)

    @property
    def has_own_error(self) -> bool:
        """Whether its standard error holds all noise but that of training."""
        return self.column.record.own_error and self.cell.stderr > 0

    @property
    def by_seed(self) -> Seeds:
        """A single value per seed."""
        return {seed.seed: np.array([seed.value]) for seed in self.cell.seeds}


@dataclass(frozen=True)
class Side:
    """One of the two sides.

    Attributes:
        name: As the user wrote it.
        blocks: The suite's numbers by protocol.
        values: Its per-datum values.
        model: The requested model, or empty for all.
    """

    name: str
    blocks: tuple[ProtocolBlock, ...]
    values: PerDatumValues
    model: str = ""

    @property
    def labels(self) -> tuple[str, ...]:
        """The distinct names of its rows, or of the requested model only."""
        if self.model:
            return (self.model,)
        return tuple(dict.fromkeys(row.label for block in self.blocks for row in block.rows))

    def numbers(self, label: str) -> dict[ProtocolKey, dict[ColumnKey, Number]]:
        """Return the numbers of one row that have a direction, by protocol and column."""
        return {
            (block.dataset, block.protocol.text, block.split): {
                column.key: Number(label, block, column, cell, self.values)
                for column, cell in zip(block.columns, row.cells, strict=True)
                if column.arrow
            }
            for block, row in self._rows.get(label, ())
        }

    @cached_property
    def _rows(self) -> dict[str, list[tuple[ProtocolBlock, ModelRow]]]:
        """The rows of each label, each with its block."""
        known: dict[str, list[tuple[ProtocolBlock, ModelRow]]] = {}
        for block in self.blocks:
            for row in block.rows:
                known.setdefault(row.label, []).append((block, row))
        return known


def resolve(text: str, results: Path, suite: str | None = None) -> Side:
    """Read what ``text`` names: ``SUITE``, ``FOLDER``, either with ``:MODEL``, or a model.

    Args:
        text: The argument of the command line.
        results: The folder that holds the suites.
        suite: If given, ``text`` names a model of that suite.

    Raises:
        ConfigError: The model is unknown in the suite.
        StorageError: The results are missing or damaged.
    """
    if suite is not None:
        return replace(_read(suite, results, text), name=text)
    whole, _, model = text.rpartition(":")
    if not whole or _is_folder(text):
        return _read(text, results)
    return replace(_read(whole, results, model), name=text)


def _is_folder(text: str) -> bool:
    return (Path(text) / TABLE).is_file()


def _read(where: str, results: Path, model: str = "") -> Side:
    if _is_folder(where):
        path = Path(where).resolve()
        suite = StoredSuite.open(path.parent, path.name)
    else:
        suite = StoredSuite.open(results, where)
    suite.require_no_collection()
    blocks = blocks_of(suite.frame, suite.metrics, closed_form=suite.closed_form)
    sequential = suite.record.until_decided is not None
    marked = tuple(replace(block, sequential=sequential) for block in blocks)
    whole = Side(where, marked, suite.per_datum)
    if model:
        require_known(model, whole.labels, f"'{where}' has no model")
    return replace(whole, model=model)
