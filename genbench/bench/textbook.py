"""The training loop of typical tutorials: what a reader would otherwise run.

A DataLoader converts images to tensors one by one, the model is a plain module, Adam has its
default settings, and the loss is read at each step. Needs torchvision, imported with the data.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader

from genbench.bench.settings import Case
from genbench.bench.timing import Contender
from genbench.data import Dataset

RIVAL_STEPS = 4
"""Steps per call of the slower loops."""

LEAD_STEPS = 3
"""Untimed steps before a block: more batches than a worker loads ahead while others are timed."""


class TextbookImages(torch.utils.data.Dataset[tuple[Tensor, int]]):
    """Images converted to tensors when read, as torchvision does for MNIST."""

    def __init__(self, data: Dataset) -> None:
        from PIL import Image
        from torchvision import transforms

        n = data.size("train")
        self.pixels, self.labels = data.levels[:n, 0].cpu(), data.labels[:n].cpu()
        self.from_array, self.transform = Image.fromarray, transforms.ToTensor()

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = self.from_array(self.pixels[index].numpy())
        return self.transform(image), int(self.labels[index])


def mlp(sizes: Sequence[int]) -> nn.Sequential:
    """Stack linear layers with ReLUs between them."""
    layers = [layer for n in pairwise(sizes) for layer in (nn.Linear(*n), nn.ReLU())]
    return nn.Sequential(*layers[:-1])


class TextbookAutoencoder(nn.Module):
    """An autoencoder trained by squared error."""

    def __init__(self, n_pixels: int, hidden: Sequence[int], latent_dim: int) -> None:
        super().__init__()
        self.encoder = mlp((n_pixels, *hidden, latent_dim))
        self.decoder = mlp((latent_dim, *reversed(hidden), n_pixels))

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the squared error per image."""
        x = x.flatten(1)
        decoded = torch.sigmoid(self.decoder(self.encoder(x)))
        return functional.mse_loss(decoded, x, reduction="sum") / len(x)


class TextbookVae(nn.Module):
    """A VAE with Bernoulli pixels; with classes, encoder and decoder get one-hot labels."""

    def __init__(
        self, n_pixels: int, hidden: Sequence[int], latent_dim: int, n_classes: int = 0
    ) -> None:
        super().__init__()
        self.n_classes = n_classes
        self.encoder = mlp((n_pixels + n_classes, *hidden, 2 * latent_dim))
        self.decoder = mlp((latent_dim + n_classes, *reversed(hidden), n_pixels))

    def _with_label(self, x: Tensor, y: Tensor) -> Tensor:
        if not self.n_classes:
            return x
        return torch.cat((x, functional.one_hot(y, self.n_classes).float()), 1)

    def terms(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of the pixels (B, pixels), and the KL summed over the images."""
        mean, log_variance = self.encoder(self._with_label(x, y)).chunk(2, dim=1)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        kl = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
        return self.decoder(self._with_label(z, y)), kl

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the negative ELBO per image."""
        x = x.flatten(1)
        logits, kl = self.terms(x, y)
        decoded = torch.sigmoid(logits)
        cross_entropy = functional.binary_cross_entropy(decoded, x, reduction="sum")
        return (cross_entropy + kl) / len(x)


TextbookStep = Callable[[Tensor, Tensor], float]


def _one_model(model: Any, device: torch.device) -> TextbookStep:
    model = model.to(device).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def step(x: Tensor, y: Tensor) -> float:
        optimizer.zero_grad()
        loss = model.loss(x, y)
        loss.backward()
        optimizer.step()
        return float(loss.item())

    return step


def gan_networks(
    n_pixels: int, hidden: Sequence[int], latent_dim: int, device: torch.device
) -> tuple[nn.Sequential, nn.Sequential]:
    """Return a generator and a critic, both without their sigmoid."""
    generator = mlp((latent_dim, *reversed(hidden), n_pixels))
    return generator.to(device), mlp((n_pixels, *hidden, 1)).to(device)


def _two_models(
    n_pixels: int, hidden: Sequence[int], latent_dim: int, device: torch.device
) -> TextbookStep:
    generator, critic = gan_networks(n_pixels, hidden, latent_dim, device)
    optimizers = [torch.optim.Adam(m.parameters(), lr=2e-4) for m in (critic, generator)]
    cross_entropy = nn.BCEWithLogitsLoss()

    def step(x: Tensor, y: Tensor) -> float:
        real, fake = torch.ones(len(x), 1, device=device), torch.zeros(len(x), 1, device=device)
        images = torch.sigmoid(generator(torch.randn(len(x), latent_dim, device=device)))
        optimizers[0].zero_grad()
        judged = cross_entropy(critic(x.flatten(1)), real)
        judged = judged + cross_entropy(critic(images.detach()), fake)
        judged.backward()
        optimizers[0].step()
        optimizers[1].zero_grad()
        fooled = cross_entropy(critic(images), real)
        fooled.backward()
        optimizers[1].step()
        return float(judged.item()) + float(fooled.item())

    return step


def _step_of(
    recipe: str, n_pixels: int, hidden: Sequence[int], latent_dim: int, device: torch.device
) -> TextbookStep | None:
    sizes = (n_pixels, hidden, latent_dim)
    match recipe:
        case "ae":
            return _one_model(TextbookAutoencoder(*sizes), device)
        case "vae":
            return _one_model(TextbookVae(*sizes), device)
        case "cvae":
            return _one_model(TextbookVae(*sizes, n_classes=10), device)
        case "gan":
            return _two_models(*sizes, device)
    return None


def textbook(case: Case, data: Dataset, device: torch.device) -> Contender | None:
    """Return some steps of the plain loop.

    None if no tutorial has this recipe or torchvision is not installed. On a GPU a worker process
    loads ahead and memory is pinned, as in the tutorials.
    """
    sizes = (data.levels[0].numel(), case.hidden, case.latent_dim)
    step = _step_of(case.recipe, *sizes, device) if case.task == "train" else None
    if step is None:
        return None
    try:
        images = TextbookImages(data)
    except ImportError:
        return None
    batches = _forever(_loader(images, case.batch_size, device))

    def steps(n: int) -> None:
        for _ in range(n):
            x, y = next(batches)
            step(x.to(device), y.to(device))

    lead = partial(steps, LEAD_STEPS) if device.type == "cuda" else None
    return Contender(partial(steps, RIVAL_STEPS), RIVAL_STEPS * case.batch_size, lead)


def _loader(
    images: TextbookImages, batch_size: int, device: torch.device
) -> "DataLoader[tuple[Tensor, int]]":
    """Return the loader; its worker process and its thread end when it is no longer referenced."""
    options: dict[str, Any] = {}
    if device.type == "cuda":
        options = {"num_workers": 1, "pin_memory": True, "persistent_workers": True}
    return DataLoader(images, batch_size, shuffle=True, drop_last=True, **options)


def _forever(loader: "DataLoader[tuple[Tensor, int]]") -> Iterator[tuple[Tensor, Tensor]]:
    while True:
        yield from loader
