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


@contextmanager
def seeded(seed: int, *name: str | int) -> Iterator[None]:
    """Run a block with torch's generators at the start of a stream, then restore them."""
    in_use = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    gpus = range(torch.cuda.device_count()) if in_use else ()
    with torch.random.fork_rng(devices=gpus):
        start = derive(seed, *name)
        torch.default_generator.manual_seed(start)  # torch.manual_seed formats a traceback too
        if in_use:
            torch.cuda.manual_seed_all(start)
        yield


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
