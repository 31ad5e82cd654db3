"""A data set as Python sees it: tensors of three splits, under one protocol."""

from dataclasses import dataclass, field
from functools import cached_property

from torch import Tensor

from genbench.data import Dataset, Split
from genbench.recipes import DataFacts
from genbench.runs.build import facts_of


@dataclass(frozen=True)
class Data:
    """What :func:`genbench.load_data` returns; do not modify its tensors in place."""

    dataset: Dataset = field(repr=False)

    @cached_property
    def train(self) -> Split:
        """Training data; pixels that are drawn are drawn once."""
        return self.dataset.held_out("train")

    @property
    def validation(self) -> Split:
        """Validation data."""
        return self.dataset.held_out("validation")

    @property
    def test(self) -> Split:
        """Test data."""
        return self.dataset.held_out("test")

    @property
    def protocol(self) -> str:
        """What two numbers must share to be compared, apart from measure and condition."""
        return self.dataset.protocol.text

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of their labels; none without labels."""
        return self.dataset.classes

    @property
    def facts(self) -> DataFacts:
        """Image shape, number of classes and mean image, as a recipe gets them."""
        return facts_of(self.dataset)

    def train_batch(self, indices: Tensor) -> Split:
        """Return the training data at ``indices`` (B,), pixels drawn anew if training does so."""
        return self.dataset.train_batch(indices)

    def __repr__(self) -> str:
        return f"Data({self.protocol})"
