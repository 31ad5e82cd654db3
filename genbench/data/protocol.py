"""How a data set is presented to models: binarisation, dequantisation, splits; no torch.

The protocol travels with each number: only numbers with equal protocols can be compared.
"""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import (
    Field,
    StrictFloat,
    StrictInt,
    ValidationInfo,
    field_validator,
    model_validator,
)

from genbench.core.errors import BY_PLUGIN, ConfigError, require_known
from genbench.core.options import Options, Seed
from genbench.core.protocol import Protocol, Sizes
from genbench.data.own.images import LayoutName, Reading, Side
from genbench.data.own.names import looks_like_a_path, name_of, place_of, problem_of
from genbench.data.own.registry import own_datasets
from genbench.data.specs import DatasetSpec, datasets


class SplitOptions(Options):
    """How own images are split where they come without a test set.

    Attributes:
        test: Share of them that is the test set, or how many.
        seed: Of the order in which they are split.
    """

    test: StrictInt | StrictFloat = 0.2
    seed: Seed = 0

    @field_validator("test")
    @classmethod
    def _share_or_count(cls, test: int | float) -> int | float:
        if test < 1 if isinstance(test, int) else not 0 < test < 1:
            raise ValueError(f"expected a share such as 0.2, or a number of images, not {test}")
        return test

    def n_test(self, n: int) -> int:
        """Return how many of ``n`` images are the test set."""
        return self.test if isinstance(self.test, int) else max(1, round(self.test * n))


class DataConfig(Options):
    """A data set and how its pixels are presented.

    ``name`` is a data set that genbench knows, or ``path`` leads to images of your own. For these,
    ``levels``, ``layout`` and ``resize`` say how they are read, and ``split`` how they are split.

    Attributes:
        name: A name in the registry; with ``path`` any name, by default that of the file.
        binarisation: ``none`` serves grey values in [0, 1]; ``threshold`` is 1 where grey >= 0.5;
            ``static`` samples each pixel once with probability grey; ``dynamic`` resamples for
            each training batch, and samples held-out data once.
        dequantisation: ``uniform`` serves (level + u) / n_levels, u uniform on (0, 1).
        seed: Root seed of what is drawn: all fixed noise, and which data are for validation.
        validation_size: How many of the training data are drawn for validation; None means the
            data set's default.
        limit: Keep only this many data of each split, drawn by ``seed``.
        path: A folder of images, or an ``.npz``, ``.npy`` or ``.parquet`` file; relative to the
            suite file.
        levels: How many values a pixel can take, where the images do not say.
        layout: The order of the dimensions of arrays, where they do not say.
        resize: Height and width to which each image is scaled.
        split: How to split images that come without a test set.
    """

    path: Path | None = Field(default=None, exclude=True)
    name: str = Field(default="", validate_default=True)
    binarisation: Literal["none", "threshold", "static", "dynamic"] = "none"
    dequantisation: Literal["none", "uniform"] = "none"
    seed: Seed = 0
    validation_size: int | None = Field(default=None, ge=1)
    limit: int | None = Field(default=None, ge=1)
    levels: int | None = Field(default=None, ge=2, le=256)
    layout: LayoutName | None = None
    resize: tuple[Side, Side] | None = None
    split: SplitOptions | None = None

    @field_validator("path", mode="before")
    @classmethod
    def _place(cls, path: object) -> object:
        return place_of(path) if isinstance(path, str | Path) else path

    @field_validator("name")
    @classmethod
    def _known(cls, name: str, others: ValidationInfo) -> str:
        """Look a name up, unless it only names what ``path`` leads to."""
        path = others.data.get("path")
        if path is None:
            return _known(name)
        if name in datasets or name in own_datasets:
            raise ValueError(f"'{name}' is another data set than path; leave one of them out")
        if problem := problem_of(name):
            raise ValueError(problem)
        return name or _free(name_of(path))

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.dequantisation != "none" and self.binarisation != "none":
            raise ValueError("dequantisation 'uniform' needs binarisation 'none'")
        if not self.is_own:
            self._require_registered_form()
        return self

    def _require_registered_form(self) -> None:
        for key in ("levels", "layout", "resize", "split"):
            if getattr(self, key) is not None:
                raise ValueError(f"{key} is for own images; '{self.name}' comes as it is")
        n_train = datasets[self.name].n_train
        if self.validation_size is not None and self.validation_size >= n_train:
            raise ValueError(f"validation_size must be below {n_train}, the size of the train set")

    @property
    def is_own(self) -> bool:
        """Whether the images are the user's, known by their content alone."""
        return self.path is not None or self.name in own_datasets

    @property
    def images(self) -> "DataConfig":
        """What decides which images these are, without how their pixels are presented."""
        return self.model_copy(update={"binarisation": "none", "dequantisation": "none"})

    @property
    def reading(self) -> Reading:
        """How own images are read: as stated here, else where the set is registered."""
        stated = {"levels": self.levels, "layout": self.layout, "resize": self.resize}
        registered = {} if self.path else own_datasets[self.name].reading
        here = {key: value for key, value in stated.items() if value is not None}
        return Reading.read({**registered, **here}, "data")

    def canonical(self) -> dict[str, Any]:
        """Return what is asked for, as part of a run's identity.

        Own images are known by the digest of what was read. What they are called, where they lie
        and how the file was read are no part of it.
        """
        stated = super().canonical()
        if not self.is_own:
            return stated
        for key in ("name", "layout", "levels"):
            stated.pop(key, None)
        return stated | {"split": (self.split or SplitOptions()).canonical()}

    @classmethod
    def of_identity(cls, stated: dict[str, Any], name: str = "") -> Self:
        """Read what :meth:`canonical` returned; own images then have a path that leads nowhere.

        Args:
            stated: What it returned.
            name: Of own images, which their identity does not hold.

        Raises:
            ConfigError: A key or value is wrong.
        """
        if "name" in stated:
            return cls.read(stated, "data")
        place = {} if name in own_datasets else {"path": "unknown"}
        return cls.read(stated | {"name": name} | place, "data")

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


def _free(name: str) -> str:
    return f"own_{name}" if name in datasets or name in own_datasets else name


def _known(name: str) -> str:
    if not name:
        raise ValueError("state the name of a data set, or the path of images of your own")
    known = [*datasets, *own_datasets]
    if name not in known and looks_like_a_path(name):
        raise ValueError(f"'{name}' is a file or folder: write path = \"{name}\"")
    try:
        require_known(name, known, "unknown data set", BY_PLUGIN)
    except ConfigError as error:
        raise ValueError(f"{error}; images of your own have a path") from error
    return name


def chosen(name_or_path: str | Path) -> dict[str, str]:
    """Return the key of ``[data]`` that chooses the data: a known name is a name.

    A file or folder of that name is a ``Path``, or written as ``./mnist``.

    Raises:
        DataError: It is empty, or holds a control character.

    Example:
        >>> chosen("mnist"), chosen("./mnist"), chosen("shots.npz")
        ({'name': 'mnist'}, {'path': './mnist'}, {'path': 'shots.npz'})
    """
    place_of(name_or_path)
    name, known = str(name_or_path), [*datasets, *own_datasets]
    if isinstance(name_or_path, str) and (name in known or not looks_like_a_path(name, known)):
        return {"name": name}
    return {"path": name}


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

    The seed that draws the validation data is part of it, and with a ``limit`` the full sizes,
    because they decide which data are in which split. So is the word for how a data set without
    official splits was split, where it matters.

    Example:
        >>> config = DataConfig(name="mnist", binarisation="dynamic", limit=100)
        >>> protocol_of(config, datasets["mnist"], "1a2b3c4d" * 8).text
        'mnist@1a2b3c4d/dynamic(seed=0)/100+100+100 of 55000+5000+10000 validation(seed=0)'
    """
    sizes, full = split_sizes(config, spec), full_sizes(config, spec)
    view = config.binarisation if config.is_binary else config.dequantisation
    plain = "grey" if spec.image_shape[0] == 1 else "levels"
    seed = (f"seed={config.seed}",) if config.is_noisy else ()
    return Protocol(
        dataset=spec.name,
        digest=digest[:8],
        pixels=plain if view == "none" else view,
        options=", ".join(seed + spec.view),
        sizes=sizes,
        full_sizes=None if sizes == full else full,
        split=spec.split,
        validation="" if spec.validation_is_given else f"seed={config.seed}",
    )
