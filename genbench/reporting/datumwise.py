"""Per-datum values behind the means of a suite, found by run, metric and options.

May import the standard library, numpy and this package's readers and cells.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genbench.core.files import canonical_json
from genbench.reporting.cells import Cell, Column, SeedValue
from genbench.reporting.stored import Arrays, RunFolder

Vector = NDArray[np.float64]
_SAME, _NOTHING = 1e-5, 1e-9  # values in float32, summed in another order


class PerDatum:
    """Reads each run's ``per_datum.safetensors`` at most once, digests checked."""

    def __init__(self, suite_folder: Path) -> None:
        self._folder = suite_folder / "runs"
        self._read: dict[str, Arrays] = {}

    def of(self, column: Column, cell: Cell) -> dict[int, Vector] | None:
        """Values (n,) of a cell by seed; None unless each seed of it has them.

        What is found must have the number's mean: a conditional model's bound on log p(x given y)
        is not taken for its bound on log p(x).
        """
        if not cell.ok or cell.n is None:
            return None
        found = {seed.seed: self._one(column, seed, cell.n) for seed in cell.seeds}
        known = {seed: values for seed, values in found.items() if values is not None}
        return known if known and len(known) == len(found) == len(cell.seeds) else None

    def mean(self, column: Column, cell: Cell, n: int | None = None) -> Vector | None:
        """Values of all data, or of ``n`` evenly spaced ones, averaged over seeds.

        A run with fewer data sees those at ``i * N // n``, so that a number on n data stands on
        every (N / n)-th datum of one on N. None where n does not divide N.
        """
        found = self.of(column, cell)
        if found is None:
            return None
        whole: Vector = np.mean(list(found.values()), axis=0)
        if n is None or n == len(whole):
            return whole
        evenly: Vector = whole[:: max(len(whole) // n, 1)]
        return None if len(whole) % n else evenly

    def _one(self, column: Column, seed: SeedValue, n: int) -> Vector | None:
        for values in self._candidates(column, seed.train_id):
            exact = values.astype(np.float64)
            close = abs(float(exact.mean()) - seed.value) <= _SAME * abs(seed.value) + _NOTHING
            if exact.shape == (n,) and close:
                return exact
        return None

    def _candidates(self, column: Column, train_id: str) -> Iterator[NDArray[np.float64]]:
        """1-D tensors of these options and this version, those of the metric's own name first."""
        if train_id not in self._read:
            whole = RunFolder(self._folder / train_id).per_datum()
            self._read[train_id] = {k: v for k, v in whole.items() if v.ndim == 1}
        wanted = ("test", f"v{column.version}", _canonical(column.options))
        arrays = self._read[train_id]
        for name in sorted(arrays, key=lambda key: (key.split("/")[1:2] != [column.metric], key)):
            split, _, rest = name.partition("/")
            _, version, options = [*rest.split("/", 2), "", ""][:3]
            if (split, version, _canonical(options)) == wanted:
                yield arrays[name]


def _canonical(options: str) -> str:
    try:
        return canonical_json(json.loads(options or "{}"))
    except ValueError:
        return options
