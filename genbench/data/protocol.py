"""How a data set is presented to models: binarisation, dequantisation, splits; no torch.

The protocol travels with each number: only numbers with equal protocols can be compared.
"""

from typing import Literal

from pydantic import Field, field_validator, model_validator

from genbench.core.errors import ConfigError
from genbench.core.options import Options
from genbench.core.protocol import Protocol, Sizes
from genbench.data.specs import DatasetSpec, datasets

SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")


class DataConfig(Options):
    """A data set and how its pixels are presented.

    Attributes:
        name: A name in the registry.
        binarisation: ``none`` serves grey values in [0, 1]; ``threshold`` is 1 where grey >= 0.5;
            ``static`` samples each pixel once with probability grey; ``dynamic`` resamples for
            each training batch, and samples held-out data once.
        dequantisation: ``uniform`` serves (level + u) / n_levels, u uniform on (0, 1).
        seed: Root seed of all fixed noise.
        validation_size: How many of the last training data are held out; None means the data set's
            default.
        limit: Keep only this many data of each split, the first ones.
    """

    name: str
    binarisation: Literal["none", "threshold", "static", "dynamic"] = "none"
    dequantisation: Literal["none", "uniform"] = "none"
    seed: int = 0
    validation_size: int | None = Field(default=None, ge=1)
    limit: int | None = Field(default=None, ge=1)

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            return datasets[name].name
        except ConfigError as error:
            raise ValueError(str(error)) from error

    @model_validator(mode="after")
    def _consistent(self) -> "DataConfig":
        if self.dequantisation != "none" and self.binarisation != "none":
            raise ValueError("dequantisation 'uniform' needs binarisation 'none'")
        n_train = datasets[self.name].n_train
        if self.validation_size is not None and self.validation_size >= n_train:
            raise ValueError(f"validation_size must be below {n_train}, the size of the train set")
        return self

    @property
    def is_binary(self) -> bool:
        """Whether x takes the values 0 and 1 only."""
        return self.binarisation != "none"

    @property
    def domain(self) -> Literal["binary", "grey_levels", "unit_interval"]:
        """Which values x takes: 0 and 1, level / (n_levels - 1), or any in (0, 1)."""
        if self.is_binary:
            return "binary"
        return "grey_levels" if self.dequantisation == "none" else "unit_interval"

    @property
    def is_noisy(self) -> bool:
        """Whether the view depends on drawn noise."""
        return self.binarisation in ("static", "dynamic") or self.dequantisation == "uniform"

    @property
    def is_redrawn(self) -> bool:
        """Whether each training batch draws fresh noise."""
        return self.binarisation == "dynamic" or self.dequantisation == "uniform"


def full_sizes(config: DataConfig, spec: DatasetSpec) -> Sizes:
    """Return the sizes of train, validation and test before ``limit``.

    Example:
        >>> full_sizes(DataConfig(name="mnist"), datasets["mnist"])
        (55000, 5000, 10000)
    """
    held_out = config.validation_size or spec.default_validation_size
    return spec.n_train - held_out, held_out, spec.n_test


def split_sizes(config: DataConfig, spec: DatasetSpec) -> Sizes:
    """Return the sizes of train, validation and test after ``limit``."""
    train, validation, test = (min(n, config.limit or n) for n in full_sizes(config, spec))
    return train, validation, test


def protocol_of(config: DataConfig, spec: DatasetSpec, digest: str) -> Protocol:
    """Return the protocol of a view of a data set; models add measure and condition.

    With a ``limit`` the full sizes are part of it, because they decide which data are in which
    split. So is the word for how a data set without official splits was split, where it matters.

    Example:
        >>> config = DataConfig(name="mnist", binarisation="dynamic", limit=100)
        >>> protocol_of(config, datasets["mnist"], "1a2b3c4d" * 8).text
        'mnist@1a2b3c4d/dynamic(seed=0)/100+100+100 of 55000+5000+10000'
    """
    sizes, full = split_sizes(config, spec), full_sizes(config, spec)
    view = config.binarisation if config.is_binary else config.dequantisation
    return Protocol(
        dataset=spec.name,
        digest=digest[:8],
        pixels="grey" if view == "none" else view,
        options=f"seed={config.seed}" if config.is_noisy else "",
        sizes=sizes,
        full_sizes=None if sizes == full else full,
        split=spec.split,
    )
