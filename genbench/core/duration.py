"""Refusal of work that cannot end, before it starts."""

from genbench.core.errors import ConfigError

A_SECOND = 10**5
"""Calls of a model that follow each other: more than any machine makes in a second."""
YEAR = 365 * 24 * 3600


def require_time(n_calls: int, what: str) -> None:
    """Refuse what takes longer than a year even on a machine that is faster than any.

    Args:
        n_calls: Calls of a model, each of which waits for the one before.
        what: What needs them, with the key.

    Raises:
        ConfigError: There are too many.

    Example:
        >>> require_time(10**9, "train.epochs")
    """
    if n_calls > YEAR * A_SECOND:
        years = n_calls // (YEAR * A_SECOND)
        raise ConfigError(f"{what} would take over {years:,} years, at {A_SECOND:,} a second")
