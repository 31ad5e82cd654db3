"""Random numbers addressed by name.

Hashing one root seed with a stream's name gives any number of independent streams, so adding,
removing or reordering consumers of randomness changes nothing for the others. Models draw with
ordinary torch calls; the caller seeds torch's generators first, with :func:`seeded`.
"""

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import torch

from genbench.core.files import canonical_json


def derive(seed: int, *name: str | int) -> int:
    """Return the 63-bit seed of the stream ``name`` under the root ``seed``.

    Example:
        >>> derive(0, "order", 3) == derive(0, "order", 3) != derive(0, "order", 4)
        True
    """
    digest = hashlib.sha256(canonical_json([seed, *name]).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed: int, *name: str | int) -> torch.Generator:
    """Return a CPU generator at the start of the stream ``name``."""
    return torch.Generator().manual_seed(derive(seed, *name))


def seeded(seed: int, *name: str | int) -> AbstractContextManager[None]:
    """Run a block with torch's generators at the start of a stream, then restore them."""
    return generators_kept(derive(seed, *name))


@contextmanager
def generators_kept(start: int | None = None) -> Iterator[None]:
    """Run a block, started from a seed if one is given, then restore torch's generators.

    They are the CPU's and the current GPU's: :func:`genbench.core.devices.on_device` changes which.
    """
    generators = _generators()
    before = [each.get_state() for each in generators]
    try:
        if start is not None:
            for each in generators:
                each.manual_seed(start)
        yield
    finally:
        for each, state in zip(generators, before, strict=True):
            each.set_state(state)


def _generators() -> tuple[torch.Generator, ...]:
    """Return torch's own generators that a block can draw from: the CPU's and the current GPU's.

    Other GPUs are left alone: on a shared machine they belong to somebody else.
    """
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        current = torch.cuda.default_generators[torch.cuda.current_device()]
        return torch.default_generator, current
    if torch.backends.mps.is_available():
        return torch.default_generator, torch.mps._get_default_mps_generator()
    return (torch.default_generator,)


@dataclass(frozen=True)
class Stream:
    """A named source of randomness: a root seed and a path of names below it."""

    seed: int
    path: tuple[str | int, ...] = ()

    def child(self, *names: str | int) -> "Stream":
        """Return the stream ``names`` below this one."""
        return Stream(self.seed, (*self.path, *names))

    def seeded(self) -> AbstractContextManager[None]:
        """Run a block with torch's generators at the start of this stream."""
        return seeded(self.seed, *self.path)

    def generator(self) -> torch.Generator:
        """Return a CPU generator at the start of this stream."""
        return generator(self.seed, *self.path)
