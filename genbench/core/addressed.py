"""Numpy's random numbers from named streams: :mod:`genbench.core.seeding` without torch."""

import hashlib

import numpy as np

from genbench.core.files import canonical_json


def numpy_generator(seed: int, *name: str | int) -> np.random.Generator:
    """Return a numpy generator at the start of the stream ``name`` under the root ``seed``.

    Example:
        >>> draws = [int(numpy_generator(0, "data", n).integers(1000)) for n in (3, 3, 4)]
        >>> draws[0] == draws[1] != draws[2]
        True
    """
    digest = hashlib.sha256(canonical_json([seed, *name]).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))
