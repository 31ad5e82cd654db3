"""The parts of a divided set: train, validation, test."""

from collections.abc import Collection

from genbench.core.errors import DataError

PARTS = {"train": 1, "validation": 2, "valid": 2, "val": 2, "test": 3}
"""Names of parts, with their numbers; 0 is an image of an undivided set."""
UNDIVIDED, TRAIN, VALIDATION, TEST = range(4)


def require_train(parts: Collection[int], source: str) -> None:
    """Check that a divided set has something to train on, and no part twice.

    Raises:
        DataError: It has not, or has.
    """
    if any(parts) and TRAIN not in parts:
        raise DataError(f"{source}: has no part `train`; without parts, they are drawn by seed")
    if len(set(parts)) < len(parts):
        raise DataError(f"{source}: has a part twice; keep one of validation, valid and val")


def division(parts: Collection[int]) -> tuple[dict[int, int], list[str]]:
    """Return what each part is read as, and how to say it: train alone is an undivided set.

    Example:
        >>> division([1])
        ({1: 0}, ['It has a part train only and is split as an undivided set.'])
    """
    if set(parts) == {TRAIN}:
        note = "It has a part train only and is split as an undivided set."
        return {TRAIN: UNDIVIDED}, [note]
    notes = []
    if VALIDATION in parts and TEST not in parts:
        notes.append("It has no part test, which is drawn from train.")
    return {part: part for part in parts}, notes
