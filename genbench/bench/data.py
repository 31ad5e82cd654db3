"""MNIST if the data directory has it, else random images of its shape. Downloads nothing."""

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
    """Return training images on the device, named ``mnist`` or ``synthetic``."""
    if all(row["status"] == "ok" for row in verify("mnist", data_home(data_dir))):
        return load(BINARY, data_dir, device)
    return synthetic(N_SYNTHETIC, device)


def synthetic(n: int, device: torch.device) -> Dataset:
    """Draw n training images of MNIST's shape, each pixel uniform over its levels."""
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
    """Return the first n training images as a data set, dynamically binarised or grey.

    If there are fewer than n, they are repeated in order.
    """
    indices = torch.arange(n, device=data.labels.device) % data.size("train")
    return replace(
        data,
        config=BINARY if binary else GREY,
        domain="binary" if binary else "unit_interval",
        levels=data.levels[indices],
        labels=data.labels[indices],
        sizes={"train": n, "validation": 0, "test": 0},
    )


def mean_training_image(data: Dataset) -> Tensor:
    """Return the mean of up to 1,000 training images, (C, H, W) in [0, 1], on the CPU."""
    n = min(1000, data.size("train"))
    return (data.levels[:n].cpu().double().mean(dim=0) / (data.n_levels - 1)).float()
