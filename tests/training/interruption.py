"""Interrupts training by a real signal at a chosen moment."""

import itertools
import signal
from contextlib import contextmanager

import pytest

from genbench.core.interrupts import Interrupts


@contextmanager
def interrupted_at(n):
    """Send SIGINT when the training of the block polls for signals for the n-th time.

    It polls before each step (or CUDA graph of steps) and before each block of validation data.
    """
    poll, counter = Interrupts.poll, itertools.count(1)

    def poll_interrupted(self, save):
        if next(counter) == n:
            signal.raise_signal(signal.SIGINT)
        poll(self, save)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Interrupts, "poll", poll_interrupted)
        with pytest.raises(KeyboardInterrupt):
            yield
