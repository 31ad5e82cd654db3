"""The folder of one run, ``results/<suite>/runs/<train_id>/``, and the names of its files."""

from pathlib import Path
from typing import Any

import pandas as pd

from genbench.core.errors import StorageError, first_line, quoted
from genbench.core.files import remove
from genbench.core.reading import is_part
from genbench.results.figure_arrays import require_drawable
from genbench.results.run_contents import typed
from genbench.results.sealed_folder import REDO, Arrays, SealedFolder

RUNS = "runs"
METRICS = "metrics.json"
MODEL = "model.safetensors"
LAST_MODEL = "artifacts/last_model.safetensors"
CHECKPOINT = "checkpoint.safetensors"
HISTORY = "history.csv"
SPEC = "spec.json"
PROVENANCE = "provenance.json"
FIGURES = "artifacts/figures.safetensors"
PER_DATUM = "artifacts/per_datum.safetensors"
FEATURES = "features"
"""In the folder of the suite: features of the training images, which its runs share."""


class RunFolder(SealedFolder):
    """What one run stores: specification, weights, history, metrics and what stands behind them."""

    def __init__(self, suite_folder: Path, train_id: str) -> None:
        if not is_part(train_id):
            raise StorageError(f"{suite_folder} is damaged: {quoted(train_id)} is no run; {REDO}")
        super().__init__(suite_folder / RUNS / train_id)
        self.train_id = train_id

    def sibling(self, train_id: str) -> "RunFolder":
        """Return the folder of another run of the same suite."""
        return RunFolder(self._suite, train_id)

    @property
    def features(self) -> Path:
        """Where the features of the training images are kept, for all runs of the suite."""
        return self._suite / FEATURES

    @property
    def _suite(self) -> Path:
        return self.path.parents[1]

    def seal(self, *, drop_checkpoint: bool = True) -> None:
        """Write the manifest over everything that is there; clear what interrupted writes left."""
        if drop_checkpoint:
            remove(self / CHECKPOINT)
        super().seal()

    def _typed(self, path: Path, content: Any) -> Any:
        return typed(path, content)

    def history(self) -> pd.DataFrame | None:
        """Return the means per epoch, or None for a model that is not trained in epochs.

        Raises:
            StorageError: The file is damaged.
        """
        path = self.checked(HISTORY)
        if path is None or path.stat().st_size == 0:
            return None
        try:
            frame = pd.read_csv(path)
        except (ValueError, OverflowError) as error:
            what = first_line(error)
            raise StorageError(f"{path} is damaged, not a CSV table: {what}; {REDO}") from error
        if odd := [str(name) for name in frame if frame[name].dtype.kind not in "iuf"]:
            raise StorageError(f"{path} is damaged: {quoted(odd[0])} holds no numbers; {REDO}")
        return frame if "epoch" in frame and len(frame) else None

    def figures(self) -> Arrays:
        """Return sample grids, latent codes and the like by name; none where none are stored.

        Raises:
            StorageError: The file is damaged.
        """
        return require_drawable(self.arrays(FIGURES), str(self.path / FIGURES))
