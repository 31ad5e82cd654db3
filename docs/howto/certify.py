"""Certify the likelihood of a VAE of your own, and see what becomes of a published bug."""

import math

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Normal

import genbench

K = 20


class MyVae(nn.Module):
    """A VAE of any size and layout: here two latents, for images of D pixels."""

    def __init__(self, n_pixels: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(n_pixels, 32), nn.Tanh(), nn.Linear(32, 4))
        self.decoder = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, n_pixels))

    def terms(self, x: Tensor, n_samples: int) -> tuple[Tensor, Tensor, Tensor]:
        x = x.flatten(1)
        loc, log_scale = self.encoder(x).chunk(2, dim=-1)
        q, p = Normal(loc, log_scale.exp()), Normal(0.0, 1.0)
        z = q.rsample((n_samples,))  # (K, B, 2)
        log_px_given_z = Bernoulli(logits=self.decoder(z)).log_prob(x.expand(n_samples, *x.shape))
        return log_px_given_z.sum(-1), p.log_prob(z).sum(-1), q.log_prob(z).sum(-1)

    def log_prob(self, x: Tensor) -> Tensor:
        """The importance-weighted bound, (B,)."""
        log_px_given_z, log_pz, log_qz_given_x = self.terms(x, K)
        log_w = log_px_given_z + log_pz - log_qz_given_x
        return log_w.logsumexp(0) - math.log(K)


def make_model(images: Tensor, labels: Tensor) -> MyVae:
    """Train as ever, on the tiny images that genbench hands over."""
    model = MyVae(images[0].numel())
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(200):
        log_px_given_z, log_pz, log_qz_given_x = model.terms(images, 1)
        loss = -(log_px_given_z + log_pz - log_qz_given_x).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


# 1. The honest bound: exp(log p) summed over all 512 images of 3x3 pixels is at most 1.
honest = genbench.certify(make_model, kind="lower_bound")
print(honest[["check", "expected", "found", "verdict"]].to_string(index=False))
assert (honest["verdict"] == "pass").all()


# 2. A mean over pixels in its place: the sum is impossible, and the fault has a name.
def per_pixel(model: MyVae, x: Tensor) -> Tensor:
    """What a default reduction makes of the bound."""
    return model.log_prob(x) / x[0].numel()


buggy = genbench.certify(make_model, per_pixel, kind="lower_bound")
(failure,) = buggy[buggy["verdict"] == "fail"].to_dict("records")
print(f"{failure['check']}: {failure['found']:.0f}, expected {failure['expected']}")
print(failure["reason"])
assert failure["found"] > 100
assert "means over 9 pixels" in failure["reason"]
