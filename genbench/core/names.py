"""Arguments that take one name or several."""

from collections.abc import Iterable


def names_in(names: str | Iterable[str]) -> tuple[str, ...]:
    """Return the names; a single string is one name, not its letters.

    Example:
        >>> names_in("elbo"), names_in(["elbo", "kl"])
        (('elbo',), ('elbo', 'kl'))
    """
    return (names,) if isinstance(names, str) else tuple(names)
