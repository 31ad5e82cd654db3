"""Waits for answers of Ray, so that signals act at once."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

_LOOK_S = 0.03


def ready(ray: Any, references: Sequence[Any], timeout: float) -> list[Any]:
    """Return the references that have an answer: those that are first, or none after a while.

    Args:
        ray: The package.
        references: Of objects, or streams of them.
        timeout: Seconds.
    """
    until = time.monotonic() + timeout
    while True:
        with as_raised():
            found, _ = ray.wait(references, num_returns=len(references), timeout=0)
        left = until - time.monotonic()
        if found or left <= 0:
            return list(found)
        time.sleep(min(_LOOK_S, left))  # here and not in Ray, which looks for signals once a second


@contextmanager
def as_raised() -> Iterator[None]:
    """Raise what a handler of a signal raises, which Ray turns into a SystemError."""
    try:
        yield
    except SystemError as error:
        raise error.__cause__ or error from None
