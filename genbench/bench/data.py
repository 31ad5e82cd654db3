"""MNIST from the data directory where it lies there, else random images of its shape; no download.

Imports torch and :mod:`genbench.data`.
"""

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from genbench.core.protocol import Protocol
from genbench.core.seeding import Stream
from genbench.data import DataConfig, Dataset, data_home, load
from genbench.data.fetch import verify

BINARY = DataConfig(name="mnist", binarisation="dynamic")
GREY = DataConfig(name="mnist", dequantisation="uniform")
N_SYNTHETIC = 20_000


def bench_data(data_dir: Path | None, device: torch.device) -> Dataset:
    """Return training images on the device; ``name`` says which, ``mnist`` or ``synthetic``."""
    found = verify("mnist", data_home(data_dir))
    if all(row["status"] == "ok" for row in found):
        return load(BINARY, data_dir, device)
    return synthetic(N_SYNTHETIC, device)


def synthetic(n: int, device: torch.device) -> Dataset:
    """Make n training images in memory, of MNIST's shape, each pixel uniform over its levels."""
    random = Stream(0, ("bench", "synthetic")).generator()
    levels = torch.randint(256, (n, 1, 28, 28), generator=random, dtype=torch.uint8)
    labels = torch.randint(10, (n,), generator=random)
    return Dataset(
        config=BINARY,
        name="synthetic",
        image_shape=(1, 28, 28),
        n_classes=10,
        n_levels=256,
        digest="",
        protocol=Protocol(dataset="synthetic", pixels="grey", sizes=(n, 0, 0)),
        domain="binary",
        levels=levels.to(device),
        labels=labels.to(device),
        sizes={"train": n, "validation": 0, "test": 0},
    )


def first_images(data: Dataset, n: int, *, binary: bool) -> Dataset:
    """Return the first n training images as a data set, binarised anew for each batch or grey.

    Where there are fewer than n they come again, in the same order.
    """
    have = data.size("train")
    place = torch.arange(n, device=data.labels.device) % have
    return replace(
        data,
        config=BINARY if binary else GREY,
        domain="binary" if binary else "unit_interval",
        levels=data.levels[:have][place],
        labels=data.labels[:have][place],
        sizes={"train": n, "validation": 0, "test": 0},
    )


def mean_image(data: Dataset) -> Tensor:
    """Return the mean of at most 1,000 training images, (C, H, W) in [0, 1], on the CPU."""
    n = min(1000, data.size("train"))
    return (data.levels[:n].double().mean(dim=0) / (data.n_levels - 1)).float().cpu()
