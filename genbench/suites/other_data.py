"""Puts other images in the place of a suite's data: ``run --data``."""

from pathlib import Path
from typing import Any

from genbench.core.errors import ConfigError
from genbench.data import datasets
from genbench.data.own.names import name_of
from genbench.data.protocol import PRESENTATION
from genbench.suites.settings import tables
from genbench.suites.standard import FROM_DATA


def on_data(raw: dict[str, Any], data: Path) -> None:
    """Let the models of a suite be trained on other images, presented as it states.

    Everything about its own data goes: their name and sizes, its text, published numbers.

    Args:
        raw: The content of a suite file.
        data: A file or folder, or the name of a registered data set.

    Raises:
        ConfigError: The suite has no models.
    """
    if not raw.get("model"):
        raise ConfigError(f"--data: '{raw['name']}' has no models to train; leave --data out")
    source = source_of(data)
    for stated in (raw.setdefault("data", {}), *tables(raw, "model")):
        for key in OWN_KEYS
    ...
