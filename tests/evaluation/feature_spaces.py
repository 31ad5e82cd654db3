"""A feature space whose features are the pixels, and a reference in it."""

from dataclasses import dataclass

import torch


class Pixels:
    """The pixels are the features; images of a mean above a quarter are of class 1."""

    name, n_classes, confusion = "pixels", 2, None

    def __init__(self):
        self.seen = 0

    def features(self, images):
        self.seen += len(images)
        return images.flatten(1).double()

    def classes_of(self, features):
        return (features.mean(dim=1) > 0.25).long()


@dataclass(eq=False)
class Known:
    """Training and held-out images as features."""

    space: Pixels
    training: torch.Tensor
    held_out: torch.Tensor
    labels: torch.Tensor | None = None


def uniform(n, seed, shape=(1, 1, 4), low=0.0, high=0.5):
    """Images whose pixels are uniform."""
    draws = torch.Generator().manual_seed(seed)
    return low + (high - low) * torch.rand(n, *shape, generator=draws)


def reference(n=600, n_held_out=300):
    """A reference of uniform images, and the function that looks it up."""
    parts = (uniform(size, seed).flatten(1).double() for seed, size in enumerate((n, n_held_out)))
    known = Known(Pixels(), *parts)
    return known, lambda _: known


class Uniform:
    """A model of uniform images; by default that of the reference."""

    def __init__(self, low=0.0, high=0.5, shape=(1, 1, 4)):
        self.low, self.high, self.shape = low, high, shape

    def sample(self, n):
        return self.low + (self.high - self.low) * torch.rand(n, *self.shape)
