"""Equal budgets: models have the same steps, batches and network sizes, or say why not."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from genbench.core.errors import ConfigError
from genbench.recipes import recipes
from genbench.suites.entries import ModelEntry
from genbench.training.config import TrainConfig

BUDGET = ("epochs", "batch_size")
Sizes = tuple[str, tuple[int, ...]]


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
    """Yield each model that differs without a reason, with what differs."""
    explained = [_training(entry) for entry in models if entry.why]
    usual = Counter(filter(None, map(_sizes, models))).most_common(1)
    for entry in models:
        if _training(entry) not in explained:
            sizes = _sizes(entry)
            found = list(_budgets(train, entry))
            if sizes and sizes != usual[0][0]:
                found.append(f"{_said(sizes)}, most models {_said(usual[0][0])}")
            if found:
                yield entry, "; ".join(found)


def _training(entry: ModelEntry) -> tuple[str, dict[str, Any], dict[str, Any]]:
    return entry.recipe, entry.options, entry.train


def _budgets(train: dict[str, Any], entry: ModelEntry) -> Iterator[str]:
    own, shared = TrainConfig.read(train | entry.train, "train"), TrainConfig.read(train, "train")
    for key in BUDGET:
        if (found := getattr(own, key)) != (expected := getattr(shared, key)):
            yield f"{key} = {found}, of the suite {expected}"


def _sizes(entry: ModelEntry) -> Sizes | None:
    """Return the kind and sizes of a model's networks; None for a model without ``hidden``."""
    options = recipes[entry.recipe].options.read(entry.options, f"model.{entry.name}")
    hidden = getattr(options, "hidden", None)
    return None if hidden is None else (getattr(options, "network", "mlp"), tuple(hidden))


def _said(sizes: Sizes) -> str:
    return f"network '{sizes[0]}' with hidden = {list(sizes[1])}"
