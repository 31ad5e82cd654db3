"""What a recipe is, and the registry of all recipes."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_type_hints

import torch
from torch import Tensor, nn

from genbench.core.errors import ConfigError
from genbench.core.names import require_key
from genbench.core.objective import Objective
from genbench.core.options import Options
from genbench.core.registry import Registry
from genbench.data import Dataset
from genbench.distributions.observation import ObservationHead
from genbench.training.config import TrainConfig
from genbench.training.update import Update


@dataclass(frozen=True)
class DataFacts:
    """What a recipe knows about the data: shapes and the mean training image (C, H, W).

    ``n_train`` is the number of training images, or 0 if it is not known; ``n_levels`` is the
    number of values that a pixel can take before any noise.
    """

    image_shape: tuple[int, int, int]
    n_classes: int
    mean_image: Tensor
    n_train: int = 0
    n_levels: int = 256

    @property
    def n_pixels(self) -> int:
        """Numbers in one image."""
        return torch.Size(self.image_shape).numel()

    def require_images(self, least: int, option: str) -> None:
        """Check that there are enough training images, where their number is known.

        Raises:
            ConfigError: There are fewer than ``least``; names the option that needs them.
        """
        if 0 < self.n_train < least:
            raise ConfigError(
                f"{option} needs at least {least} training images, but there are {self.n_train}"
            )


@dataclass(frozen=True)
class Built:
    """A model and how to train it: updates for the training loop, or a closed-form fit.

    Attributes:
        model: The model.
        updates: Those of the training loop.
        closed_form: Called with images (N, C, H, W).
        observation: The observation model, if there is one.
        observation_name: What tables call it.
        closed_form_split: The images that ``closed_form`` is called with.
        closed_form_images: Whether they are presented as the protocol says, or are levels in
            [0, 1] whatever it says.
        closed_form_labels: Whether it is called with their labels (N,) too.
        shown: The part of an image that the model is given, if it models only the rest.
        needs_noise: Whether pixels without noise are refused: the density would be unbounded there.
    """

    model: nn.Module
    updates: tuple[Update, ...] = ()
    closed_form: Callable[..., None] | None = None
    observation: ObservationHead | None = None
    observation_name: str = "none"
    closed_form_split: Literal["train", "validation"] = "train"
    closed_form_images: Literal["presented", "unprocessed"] = "presented"
    closed_form_labels: bool = False
    shown: str = ""
    needs_noise: bool = False

    def fit(self, dataset: Dataset) -> None:
        """Fit the model in closed form to the images of a data set that it asks for."""
        assert self.closed_form is not None
        seen = dataset.unprocessed if self.closed_form_images == "unprocessed" else dataset
        x, y = seen.held_out(self.closed_form_split)
        self.closed_form(*((x, y) if self.closed_form_labels else (x,)))


def single_update(
    name: str,
    model: nn.Module,
    objective: Objective,
    observation: ObservationHead | None = None,
    shown: str = "",
) -> Built:
    """Return a model with one update that trains all its parameters on one objective."""
    updates = (Update(name, list(model.parameters()), objective),)
    observation_name = observation.name if observation else "none"
    return Built(model, updates, None, observation, observation_name, shown=shown)


@dataclass(frozen=True)
class Recipe:
    """A registered recipe.

    Attributes:
        name: Its name in suites.
        about: What it is, in one line.
        options: The class of its options.
        build: Builds the model.
        version: Enters the identity of its runs.
        seedless: Whether its models are fitted in closed form without random numbers: runs that
            differ only in the seed have the same weights, and are fitted once.
    """

    name: str
    about: str
    options: type[Options]
    build: Callable[[DataFacts, Any, TrainConfig], Built]
    version: int = 1
    seedless: bool = False


recipes: Registry[Recipe] = Registry("recipe", extensible=True)
BuildFunction = Callable[[DataFacts, Any, TrainConfig], Built]


def recipe(
    name: str, version: int = 1, *, seedless: bool = False
) -> Callable[[BuildFunction], BuildFunction]:
    """Register a recipe under ``name``; the docstring's first line describes it in tables.

    ``version`` and ``seedless`` are those of :class:`Recipe`.

    Raises:
        ConfigError: The name is taken or has other characters than letters, digits and ``_ - .``,
            or the second parameter is not annotated with Options.
    """
    require_key(name, "recipe")

    def register(build: BuildFunction) -> BuildFunction:
        parameters = list(inspect.signature(build).parameters)
        options = get_type_hints(build).get(parameters[1]) if len(parameters) == 3 else None
        if not (isinstance(options, type) and issubclass(options, Options)):
            raise ConfigError(
                f"recipe '{name}': the signature must be (data: DataFacts, options: YourOptions, "
                "train: TrainConfig) -> Built, with YourOptions a subclass of genbench.Options"
            )
        about = (inspect.getdoc(build) or name).splitlines()[0]
        recipes.add(name, Recipe(name, about, options, build, version, seedless), build)
        return build

    return register
