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
        said = [aspect(entry) for entry in models]
        for entry, found in zip(models, said, strict=True):
            beside = [s for s, m in zip(said, models, strict=True) if s and _same_data(m, entry)]
            usual = Counter(beside).most_common(1)
            if found and found != usual[0][0] and _training(entry) not in explained:
                yield entry, f"it has {found}, and most models {usual[0][0]}"


def _training(entry: ModelEntry) -> tuple[str, dict[str, Any], dict[str, Any]]:
    return entry.recipe, entry.options, entry.train


def _same_data(one: ModelEntry, other: ModelEntry) -> bool:
    return all(one.data.get(key) == other.data.get(key) for key in ("name", "path"))


def _budget(train: dict[str, Any]) -> Callable[[ModelEntry], Said]:
    def said(entry: ModelEntry) -> Said:
        own = TrainConfig.read(train | entry.train, f"model.{entry.name}")
        return ", ".join(f"{key} = {getattr(own, key)}" for key in BUDGET)

    return said


def _sizes(entry: ModelEntry) -> Said:
    """Name the networks of a model, as stated; nothing for one without ``hidden``."""
    fields = recipes[entry.recipe].options.model_fields
    if "hidden" not in fields:
        return ""
    network, hidden = (
        entry.options.get(key, fields[key].get_default() if key in fields else "mlp")
        for key in ("network", "hidden")
    )
    sizes = list(hidden) if isinstance(hidden, list | tuple) else hidden
    return f'network = "{network}", hidden = {sizes}'
