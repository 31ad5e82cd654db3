"""Per-datum values behind the means of a suite, stored and found under one key."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from genbench.core.errors import StorageError
from genbench.core.files import canonical_json
from genbench.core.statistics import Vector
from genbench.results.cells import Cell, Column, ProtocolBlock, SeedValue
from genbench.results.run_folder import PER_DATUM, RunFolder
from genbench.results.sealed_folder import REDO, Arrays

_ROUNDING, _TINY = 1e-5, 1e-9  # values in float32, summed in another order


def value_key(split: str, metric: str, condition: str, version: int, options: str) -> str:
    """Return the key under which a run stores the values behind one number of its table.

    Args:
        split: Of the data.
        metric: Its name in the table.
        condition: What the number is conditioned on, by its protocol: a conditional model has
            a bound on log p(x given y) and one on log p(x).
        version: Of the evaluator.
        options: Of the evaluator, as JSON.

    Example:
        >>> value_key("test", "iw_log_likelihood", "label", 1, '{"n_samples": 5}')
        'iw_log_likelihood|label/test/v1/{"n_samples":5}'
    """
    given = f"|{condition}" if condition else ""
    return f"{metric}{given}/{split}/v{version}/{canonical_json(json.loads(options or '{}'))}"


class PerDatumValues:
    """Reads each run's values at most once, digests checked."""

    def __init__(self, suite_folder: Path) -> None:
        self._folder = suite_folder
        self._read: dict[str, Arrays] = {}

    def of(self, block: ProtocolBlock, column: Column, cell: Cell) -> dict[int, Vector] | None:
        """Return the values (n,) of a cell by seed; None unless each seed of it has them.

        Raises:
            StorageError: They are not those of the number in the table.
        """
        if not cell.ok or cell.n is None:
            return None
        condition, version = block.protocol.condition, column.version
        key = value_key(block.split, column.metric, condition, version, column.options)
        found = self.by_seed(key, cell.seeds, cell.n)
        if found is None:
            for seed in cell.seeds:
                self._require_own(key, seed, cell.n)
        return found

    def by_seed(self, key: str, seeds: Sequence[SeedValue], n: int) -> dict[int, Vector] | None:
        """Return the values (n,) under a key by seed; None unless each seed has them.

        They must have the number's mean: values of another evaluation are not taken for its own.
        """
        known = {}
        for seed in seeds:
            values = self._values(key, seed, n)
            if values is None or not _is_mean(seed.value, values):
                return None
            known[seed.seed] = values
        return known if len(known) == len(seeds) > 0 else None

    def _values(self, key: str, seed: SeedValue, n: int) -> Vector | None:
        values = self._of_run(seed.train_id).get(key)
        return None if values is None or values.shape != (n,) else values.astype(np.float64)

    def _require_own(self, key: str, seed: SeedValue, n: int) -> None:
        values = self._of_run(seed.train_id).get(key)
        if values is None or (values.shape == (n,) and _is_mean(seed.value, values)):
            return
        path = RunFolder(self._folder, seed.train_id) / PER_DATUM
        found = f"'{key}' has {len(values)} values of mean {values.mean():.6g}"
        number = f"the number is {seed.value:.6g}, over {n} data"
        raise StorageError(f"{path} is damaged: {found}, and {number}; {REDO}")

    def _of_run(self, train_id: str) -> Arrays:
        if train_id not in self._read:
            folder = RunFolder(self._folder, train_id)
            arrays = self._read[train_id] = folder.arrays(PER_DATUM)
            if not all(np.isfinite(values).all() for values in arrays.values()):
                raise StorageError(
                    f"{folder / PER_DATUM} is damaged: values that are not finite; {REDO}"
                )
        return self._read[train_id]


def _is_mean(value: float, values: Vector) -> bool:
    return bool(abs(float(values.mean()) - value) <= _ROUNDING * abs(value) + _TINY)
