"""Equal budgets: models have the same steps, batches and network sizes, or say why not."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from genbench.core.errors import ConfigError
from genbench.recipes import recipes
from genbench.suites.entries import ModelEntry
from genbench.training.config import TrainConfig

BUDGET = ("epochs", "batch_size")
"""Keys of ``[train]`` that decide the number of steps."""
Said = str
"""A budget, or the kind and sizes of networks, in words; empty where there is none."""


def require_reasons(train: dict[str, Any], models: Sequence[ModelEntry]) -> None:
    """Check that each model whose budget or network differs from the others' states why.

    Args:
        train: ``[train]`` of the suite.
        models: Its models. One that is trained as another is explained with it.

    Raises:
        ConfigError: One does not; names what differs.
    """
    for entry, difference in unexplained(train, models):
        raise ConfigError(
            f'model.{entry.name}.why: {difference}; make them equal, or state why = "..."'
        )


def unexplained(
    train: dict[str, Any], models: Sequence[ModelEntry]
) -> Iterator[tuple[ModelEntry, str]]:
    """Yield each model that differs from most models of its data set, and states no reason."""
    explained = [_training(entry) for entry in models if entry.why]
    for aspect in (_budget(train), _sizes):
        for entry in models:
            if _training(entry) in explained or not (found := aspect(entry)):
                continue
            others = Counter(filter(None, map(aspect, _beside(entry, models))))
            usual = others.most_common(1)[0][0]
            if found != usual:
                yield entry, f"it has {found}, and most models {usual}"


def _training(entry: ModelEntry) -> tuple[str, dict[str, Any], dict[str, Any]]:
    return entry.recipe, entry.options, entry.train


def _beside(entry: ModelEntry, models: Sequence[ModelEntry]) -> list[ModelEntry]:
    """Return the models that see the same data set; the first counts where two are as common."""
    keys = ("name", "path")
    return [m for m in models if all(m.data.get(key) == entry.data.get(key) for key in keys)]


def _budget(train: dict[str, Any]) -> Callable[[ModelEntry], Said]:
    def said(entry: ModelEntry) -> Said:
        own = TrainConfig.read(train | entry.train, f"model.{entry.name}")
        return ", ".join(f"{key} = {getattr(own, key)}" for key in BUDGET)

    return said


def _sizes(entry: ModelEntry) -> Said:
    """Name the networks of a model; nothing for one without ``hidden``."""
    options = recipes[entry.recipe].options.read(entry.options, f"model.{entry.name}")
    if not hasattr(options, "hidden"):
        return ""
    kind = getattr(options, "network", "mlp")
    return f'network = "{kind}", hidden = {list(options.hidden)}'
