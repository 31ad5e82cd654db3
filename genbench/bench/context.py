"""What all rows of a benchmark share: the device, the data, and the models built for them."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from genbench.bench.ceilings import ceilings
from genbench.bench.data import bench_data, first_images, mean_training_image
from genbench.bench.machine import fingerprint
from genbench.bench.rows import digest
from genbench.bench.settings import STUDIES, Case, Settings
from genbench.core.capabilities import Generative, HasExactDensity, Samples, Variational, bind
from genbench.core.devices import use_device, widest
from genbench.core.errors import ConfigError
from genbench.core.seeding import Stream
from genbench.data import Dataset
from genbench.recipes import Built, DataFacts, load_plugins, recipes
from genbench.training.config import TrainConfig

STREAM = Stream(0, ("bench",))
NETWORK = ("hidden", "latent_dim")


def config_for(case: Case) -> TrainConfig:
    """Return the configuration of a very long run: short runs do not record the training step."""
    return TrainConfig(
        epochs=10**6,
        batch_size=case.batch_size,
        schedule="constant",
        precision=case.precision,
    )


@dataclass
class BenchContext:
    """The device, the data on it, and the models built for them."""

    settings: Settings
    device: torch.device = field(init=False)

    def __post_init__(self) -> None:
        load_plugins(self.settings.plugins)
        self.device = use_device(self.settings.device)
        if widest(self.device) != torch.float64:
            raise ConfigError(f"device: {self.device.type} has no float64, so bench cannot time it")

    @cached_property
    def data(self) -> Dataset:
        """The training images."""
        return bench_data(self.settings.data_dir, self.device)

    @cached_property
    def ceilings(self) -> dict[str, float | None]:
        """The peak rates of the device."""
        return ceilings(self.device)

    @cached_property
    def machine(self) -> dict[str, Any]:
        """The machine's fingerprint and its digest."""
        machine = fingerprint(self.device)
        return {"fingerprint": machine, "fingerprint_digest": digest(machine)}

    def build(self, case: Case, seed: int = 0) -> Built:
        """Return the recipe's model, initialised from a seed and on the device, and its updates.

        Raises:
            ConfigError: The recipe is unknown or does not support the requested sizes.
        """
        recipe = recipes[case.recipe]
        options = recipe.options.read(network_options(case), f"model.{case.recipe}")
        data = self.data
        mean = mean_training_image(data)
        facts = DataFacts(data.image_shape, data.n_classes, mean, data.size("train"))
        with Stream(seed, ("bench", "init")).seeded():
            built = recipe.build(facts, options, config_for(case))
        return replace(built, model=built.model.to(self.device))

    def images(self, built: Built, n: int) -> Dataset:
        """Return n training images, binary or grey as the model's densities require."""
        binary = built.observation is not None and built.observation.domain == "binary"
        return first_images(self.data, n, binary=binary)

    def evaluation(self, case: Case) -> tuple[Any, Dataset, Tensor]:
        """Return a model in eval mode, any label bound, with its images and one batch of them."""
        built = self.build(case)
        data = self.images(built, case.batch_size)
        with STREAM.child("images").seeded():
            x, y = data.train_batch(torch.arange(case.batch_size, device=self.device))
        return bind(built.model.eval(), y), data, x

    def cases(self) -> list[Case]:
        """Return every requested row that a recipe supports.

        Raises:
            ConfigError: A recipe is unknown or does not train, or there are no rows.
        """
        names = dict.fromkeys(self.settings.models) or self.trained()
        cases = [case for name in names for case in self._cases_of(name)]
        if not cases:
            asked = ", ".join(self.settings.asked_tasks())
            raise ConfigError(f"--tasks: none of the models can do {asked}")
        return cases

    def trained(self) -> list[str]:
        """Return genbench's recipes that are trained in a loop."""
        ours = [name for name in recipes if recipes[name].build.__module__.startswith("genbench.")]
        return [name for name in ours if self.build(self._case(name)).updates]

    def _case(self, recipe: str, task: str = "train", batch_size: int = 2) -> Case:
        asked = self.settings
        sizes = (asked.hidden, asked.latent_dim, asked.n_samples)
        chains = (asked.n_chains, asked.n_temperatures)
        precision = asked.precision if task == "train" else "float32"  # evaluation rounds nothing
        return Case(recipe, task, batch_size, *sizes, *chains, precision)

    def _cases_of(self, name: str) -> list[Case]:
        built = self.build(self._case(name))
        if not built.updates:
            raise ConfigError(f"--models: '{name}' does not train, so there is nothing to time")
        tasks = [task for task in self.settings.asked_tasks() if supports(built, task)]
        sizes = self.settings.batch_sizes
        return vary([self._case(name, t, size) for t in tasks for size in sizes], self.settings)


def supports(built: Built, task: str) -> bool:
    """Return whether a model can do a task; models with an exact log p(x) are not annealed."""
    device = next(built.model.parameters()).device
    view = bind(built.model, torch.zeros(1, dtype=torch.int64, device=device))
    match task:
        case "iw":
            return isinstance(view, Variational)
        case "ais":
            return isinstance(view, Generative) and not isinstance(view, HasExactDensity)
        case "sample":
            return isinstance(view, Samples)
    return True


def network_options(case: Case) -> dict[str, Any]:
    """Return the network sizes that the recipe accepts."""
    known = recipes[case.recipe].options.model_fields
    return {name: getattr(case, name) for name in NETWORK if name in known}


def vary(cases: list[Case], settings: Settings) -> list[Case]:
    """Return the cases of a study: each recipe and task once per value, at the last batch size.

    Raises:
        ConfigError: The study does not apply to a task or a recipe.
    """
    study = settings.study
    if study is None:
        return cases
    last = {(case.recipe, case.task): case for case in cases}.values()
    for case in last:
        _require_applicable(study, case)
    name, values = "n_seeds" if study == "seeds" else study, settings.values or STUDIES[study]
    changes: list[dict[str, Any]] = [{"studied": (study, n), name: n} for n in values]
    return [replace(case, **change) for case in last for change in changes]


def _require_applicable(study: str, case: Case) -> None:
    needed = {"n_samples": "iw", "seeds": "train"}.get(study, case.task)
    if case.task != needed:
        raise ConfigError(f"--tasks: '{case.task}' has no {study} to vary; use {needed}")
    if study == "latent_dim" and study not in network_options(case):
        raise ConfigError(f"--models: '{case.recipe}' has no latent_dim to vary")
