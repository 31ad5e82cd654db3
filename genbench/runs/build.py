"""Builds the model of a run and checks that it fits the data."""

import torch

from genbench.core.errors import ConfigError
from genbench.core.estimate import UnusableError
from genbench.core.seeding import seeded
from genbench.data import Dataset
from genbench.evaluation.values import blamed
from genbench.recipes import Built, DataFacts, recipes
from genbench.runs.assume import Assume, shell
from genbench.runs.spec import RunSpec


def build(spec: RunSpec, dataset: Dataset) -> Built:
    """Build the run's model, initialised from its seed, on the CPU.

    Raises:
        ConfigError: The options or the observation model do not fit the data.
        UnusableError: A recipe of a user's failed.
    """
    try:
        built = initialised(spec, facts_of(dataset))
        _check_domain(spec, dataset, built)
        if spec.assume:
            _check_assumption(spec, spec.assume, dataset, built)
    except ConfigError as error:
        raise ConfigError(f"model.{spec.name}.{error}") from error
    return built


def facts_of(dataset: Dataset) -> DataFacts:
    """Return what a recipe may know about a data set."""
    shape, n_train = dataset.image_shape, dataset.size("train")
    return DataFacts(shape, dataset.n_classes, dataset.mean_image, n_train, dataset.n_levels)


def shapes_of(dataset: Dataset) -> DataFacts:
    """Return the same of images that are all grey, without a pass over the data."""
    grey = torch.full(dataset.image_shape, 0.5)
    n_train, n_levels = dataset.size("train"), dataset.n_levels
    return DataFacts(dataset.image_shape, dataset.n_classes, grey, n_train, n_levels)


def initialised(spec: RunSpec, facts: DataFacts) -> Built:
    """Build the run's model with the initial weights of its seed.

    Raises:
        ConfigError: The options do not fit the data.
        UnusableError: A recipe of a user's failed, with its line, or returned something else.
    """
    recipe = recipes[spec.recipe]
    call = f"{recipe.name}(data, options, train)"
    with seeded(spec.seed, "init"), blamed(recipe.build, call):
        built: object = recipe.build(facts, spec.options, spec.train)
    if not isinstance(built, Built):
        what = "nothing" if built is None else f"a {type(built).__name__}"
        raise UnusableError(call, f"returned {what}", "a genbench.recipes.Built")
    return built


def _check_domain(spec: RunSpec, dataset: Dataset, built: Built) -> None:
    """Reject a model of other pixel values, or of another number of grey levels."""
    head, name = built.observation, built.observation_name
    if built.needs_noise and dataset.domain != "unit_interval":
        raise ConfigError(
            f"recipe: '{spec.recipe}' needs pixels with noise, as a density of a few levels has no"
            " bound; set data.binarisation to none and data.dequantisation to uniform"
        )
    if head is None:
        return
    if head.domain == "binary" and dataset.domain != "binary":
        raise ConfigError(
            f"observation: '{name}' needs pixels in {{0, 1}}; set data.binarisation to threshold, "
            f"static or dynamic (now '{spec.data.binarisation}')"
        )
    if head.domain == "grey_levels" and dataset.domain != "grey_levels":
        raise ConfigError(
            f"observation: '{name}' needs unmodified levels; "
            "set data.binarisation and data.dequantisation to none"
        )
    if head.domain == "grey_levels" and getattr(head, "n_levels", None) != dataset.n_levels:
        raise ConfigError(f"observation.n_levels: '{dataset.name}' has {dataset.n_levels} levels")


def _check_assumption(spec: RunSpec, assume: Assume, dataset: Dataset, built: Built) -> None:
    if built.observation:
        raise ConfigError(f"assume: '{spec.recipe}' already has a likelihood")
    if built.closed_form:
        raise ConfigError(f"assume: '{spec.recipe}' has no decoder")
    if dataset.domain == "binary":
        raise ConfigError(
            "assume: Gaussian noise needs pixels that are not binary; "
            "set data.binarisation to none and data.dequantisation to uniform"
        )
    shell(built.model, assume, dataset.image_shape)
