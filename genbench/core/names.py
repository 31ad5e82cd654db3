"""Arguments that take one name or path, or several."""

from collections.abc import Iterable
from pathlib import Path


def names_in(names: str | Iterable[str]) -> tuple[str, ...]:
    """Return the names; a single string is one name, not its letters.

    Example:
        >>> names_in("elbo"), names_in(["elbo", "kl"])
        (('elbo',), ('elbo', 'kl'))
    """
    return (names,) if isinstance(names, str) else tuple(names)


def paths_in(paths: str | Path | Iterable[str | Path]) -> tuple[Path, ...]:
    """Return the paths; a single one is one path.

    Example:
        >>> [path.name for path in paths_in("my_models.py")]
        ['my_models.py']
    """
    several = [paths] if isinstance(paths, str | Path) else paths
    return tuple(map(Path, several))
