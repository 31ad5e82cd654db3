"""Small data sets: real digits under a binary protocol, and images of one's own."""

import numpy as np
import pytest

from genbench.data import DataConfig, load


@pytest.fixture(scope="package")
def digits():
    """Digits as Bernoulli models see them."""
    return load(DataConfig(name="digits", binarisation="dynamic", limit=400))


def own(folder, n=120, shape=(6, 5), n_classes=2, seed=0):
    """Bright and dark images with their labels, or images without labels, as a user brings them."""
    rng = np.random.default_rng(seed)
    y = rng.integers(max(n_classes, 1), size=n)
    x = (rng.integers(100, size=(n, *shape)) + 120 * (y > 0)[:, None, None]).astype(np.uint8)
    path = folder / f"own{n_classes}.npz"
    np.savez(path, x=x, **({"y": y} if n_classes > 1 else {}))
    return load(DataConfig(path=path))


@pytest.fixture(scope="package")
def labelled(tmp_path_factory):
    return own(tmp_path_factory.mktemp("labelled"))


@pytest.fixture(scope="package")
def unlabelled(tmp_path_factory):
    return own(tmp_path_factory.mktemp("unlabelled"), n_classes=1)


@pytest.fixture(scope="package")
def kept_folder(tmp_path_factory):
    """A folder where what is fitted to the data sets above is kept for all tests."""
    return tmp_path_factory.mktemp("kept")
