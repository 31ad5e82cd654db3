"""A CUDA graph of the same training step, captured by hand: what an expert would write.

It uses torch alone, apart from the choice of precision: the networks of the textbook loop, data on
the device, fixed buffers, a fused optimiser, and one launch for each step.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.functional import softplus

from genbench.bench.settings import Case
from genbench.bench.textbook import TextbookAutoencoder, TextbookVae, gan_networks
from genbench.bench.timing import Contender
from genbench.core.cuda_graph import CapturedCall
from genbench.data import Dataset
from genbench.training.precision import products_in

WARM_UP = 3

HandLoss = Callable[[Tensor, Tensor], Tensor]


class HandUpdate(NamedTuple):
    """Parameters, the loss that they minimise, and their optimiser."""

    parameters: list[nn.Parameter]
    loss: HandLoss
    optimizer: torch.optim.Optimizer


class HandStep:
    """A training step between fixed buffers.

    Attributes:
        indices: The images of the batch, (B,) int64; read.
        total: The sum of all losses so far; written.
    """

    def __init__(self, case: Case, data: Dataset, updates: list[HandUpdate]) -> None:
        self.data, self.updates = data, updates
        self.needs_labels = case.recipe == "cvae"
        device = data.labels.device
        self.indices = torch.arange(case.batch_size, device=device)
        self.total = torch.zeros((), device=device)

    def __call__(self) -> None:
        """Take the step."""
        x, y = self.batch()
        for parameters, loss, optimizer in self.updates:
            value = loss(x, y)
            gradients = torch.autograd.grad(value, parameters)
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient
            optimizer.step()
            self.total.add_(value.detach())

    def batch(self) -> tuple[Tensor, Tensor]:
        """Return pixels (B, pixels), binarised or dequantised with fresh noise, and labels."""
        levels = self.data.levels.index_select(0, self.indices).flatten(1).float()
        noise, n = torch.rand_like(levels), self.data.n_levels
        binary = self.data.domain == "binary"
        x = (noise * (n - 1) < levels).float() if binary else (levels + noise) / n
        labels = self.data.labels
        return x, labels.index_select(0, self.indices) if self.needs_labels else labels


def hand_step(case: Case, data: Dataset) -> HandStep | None:
    """Return a step on the data's device, or None for a recipe that nobody wrote one for."""
    sizes = (data.levels[0].numel(), case.hidden, case.latent_dim)
    device = data.labels.device
    match case.recipe:
        case "ae":
            ae = TextbookAutoencoder(*sizes).to(device)
            updates = [_update(ae, ae.loss)]
        case "vae" | "cvae":
            vae = TextbookVae(*sizes, n_classes=10 if case.recipe == "cvae" else 0).to(device)
            updates = [_update(vae, lambda x, y: _negative_elbo(vae, x, y))]
        case "gan":
            updates = _adversarial(*gan_networks(*sizes, device), case.latent_dim)
        case _:
            return None
    return HandStep(case, data, updates)


def _update(model: nn.Module, loss: HandLoss) -> HandUpdate:
    parameters = list(model.parameters())
    on_cuda = parameters[0].device.type == "cuda"
    optimizer = torch.optim.Adam(parameters, lr=1e-3, fused=True, capturable=on_cuda)
    return HandUpdate(parameters, loss, optimizer)


def _negative_elbo(model: TextbookVae, x: Tensor, y: Tensor) -> Tensor:
    """Return the negative ELBO per image, from logits in one pass."""
    logits, kl = model.terms(x, y)
    bce = functional.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    return (bce + kl) / len(x)


def _adversarial(generator: nn.Module, critic: nn.Module, latent_dim: int) -> list[HandUpdate]:
    def generated(n: int, device: torch.device) -> Tensor:
        return torch.sigmoid(generator(torch.randn(n, latent_dim, device=device)))

    def judged(x: Tensor, y: Tensor) -> Tensor:
        with torch.no_grad():
            fake = generated(len(x), x.device)
        return softplus(-critic(x)).mean() + softplus(critic(fake)).mean()

    def fooled(x: Tensor, y: Tensor) -> Tensor:
        return softplus(-critic(generated(len(x), x.device))).mean()

    return [_update(critic, judged), _update(generator, fooled)]


def hand_graph(case: Case, data: Dataset, device: torch.device) -> Contender | None:
    """Return one epoch of the captured step, or None without a CUDA device or such a step."""
    step = hand_step(case, data) if case.task == "train" and device.type == "cuda" else None
    if step is None:
        return None
    with products_in(case.precision):
        replay, n = CapturedCall(step, WARM_UP), data.size("train")

    def call() -> float:
        for indices in torch.split(torch.randperm(n, device=device), case.batch_size):
            step.indices.copy_(indices)
            replay()
        return float(step.total)  # waits for the device, once an epoch

    return Contender(call, n)
