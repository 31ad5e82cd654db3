"""Denoising diffusion of images: noise becomes an image in many small Gaussian steps."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from genbench.core.devices import widest
from genbench.core.registry import Registry
from genbench.core.tensors import joined

CHUNK = 2**20
"""Numbers that are denoised at once in evaluation."""


def linear_log_snr(n_steps: int, low: float, high: float) -> Tensor:
    """Return log signal-to-noise ratios that fall evenly from high to low, (n_steps,) float64."""
    return torch.linspace(high, low, n_steps, dtype=torch.float64)


def cosine_log_snr(n_steps: int, low: float, high: float) -> Tensor:
    """Return log (a / s)^2 with a = cos(angle), s = sin(angle) and evenly spaced angles.

    The angles begin and end where the ratio is ``high`` and ``low``.

    References:
        Nichol, Dhariwal 2021, equation 17, there with an offset in place of the ends.
    """
    first, last = (math.atan(math.exp(-log_snr / 2)) for log_snr in (high, low))
    return -2 * torch.linspace(first, last, n_steps, dtype=torch.float64).tan().log()


SCHEDULES: Registry[Callable[[int, float, float], Tensor]] = Registry(
    "schedule", {"linear": linear_log_snr, "cosine": cosine_log_snr}
)


class Diffusion(nn.Module):
    """p(x) = int p(x | z_1) prod_t p(z_{t-1} | z_t) N(z_T; 0, I) dz, with a lower bound on it.

    u = (x - centre) / scale are the numbers of an image, flat. They become noise step by step,
    q(z_t | u) = N(a_t u, s_t^2 I) with a_t^2 + s_t^2 = 1 and a ratio a_t^2 / s_t^2 that falls with
    t; z_0 = u, a_0 = 1. A network predicts the noise, and so u: u^ = (z_t - s_t e^) / a_t.

    p(z_{t-1} | z_t) is q(z_{t-1} | z_t, u) averaged over N(u; u^, v_t), a Gaussian: its mean is
    that of q at u^, and the uncertainty of u adds to its variance. The last step, t = 1, gives
    p(u | z_1) = N(u; u^, v_1), a density. v_t is learned for each number of an image. With v_t = 0
    this is the model of Kingma et al.; where u is Gaussian and e^ and v_t are optimal, p(x) is
    exact for any number of steps.

    Where the network is zero, e^ and v_t are the best for independent numbers u of N(0, width^2)
    with learned widths, and p(x) is theirs. With r_t^2 = a_t^2 width^2 + s_t^2, the variance of z_t
    there, e^ = s_t z_t / r_t^2 + a_t width / r_t d(z_t / r_t), so that input and output of the
    network d are about of size 1 for every t.

    Args:
        image_shape: Of an image.
        log_snr: Log of a_t^2 / s_t^2 for t = 1, ..., T, falling, (T,).
        denoiser: d, from numbers (B, D) and t to (B, D); t is one step for all, or (B,).

    References:
        Sohl-Dickstein et al. 2015; Ho, Jain, Abbeel 2020, equations 3 to 7, 11 and 12; Kingma,
        Salimans, Poole, Ho 2021, equations 11 to 14; Bao et al. 2022, theorem 1, for variances;
        Karras et al. 2022, section 5, for what the network sees.
    """

    def __init__(self, image_shape: Sequence[int], log_snr: Tensor, denoiser: nn.Module) -> None:
        super().__init__()
        self.image_shape, self.n_steps = tuple(image_shape), len(log_snr)
        n_pixels = math.prod(image_shape)
        self.centre = nn.Buffer(torch.full((n_pixels,), 0.5))
        self.scale = nn.Buffer(torch.full((n_pixels,), 0.5))
        start = torch.full_like(log_snr[:1], math.inf)
        table = torch.cat((start, log_snr)).to(torch.get_default_dtype())
        self.log_snr = nn.Buffer(table, persistent=False)  # (T + 1,)
        self.denoiser = denoiser
        self.log_width = nn.Parameter(torch.zeros(n_pixels))
        self.log_excess = nn.Parameter(torch.zeros(self.n_steps, n_pixels))

    def start_at(self, image: Tensor) -> None:
        """Centre and scale by a mean image (C, H, W), as wide as pixels with its means can be.

        Numbers in [0, 1] with the mean m have a standard deviation of at most (m (1 - m))^(1/2).
        """
        mean = image.flatten().clamp(1e-3, 1 - 1e-3)
        with torch.no_grad():
            self.centre.copy_(mean)
            self.scale.copy_((mean * (1 - mean)).sqrt())

    def standardised(self, x: Tensor) -> Tensor:
        """Return u, (B, D), of images."""
        return (x.flatten(1).to(self.centre.dtype) - self.centre) / self.scale

    def noised(self, u: Tensor, t: int | Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation of q(z_t | u); t is one step for all, or (B,)."""
        a, s = _signal_and_noise(self._log_snr(t))
        return a * u, s

    def posterior_step(self, u: Tensor, z: Tensor, t: int | Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and variance of q(z_{t-1} | z_t, u), given z = z_t (B, D)."""
        now, before = self._log_snr(t), self._log_snr(t - 1)
        kept = (now - before).exp()  # of the ratio a^2 / s^2
        (a, _), (a_before, s_before) = _signal_and_noise(now), _signal_and_noise(before)
        return a_before * (kept * z / a + (1 - kept) * u), (1 - kept) * s_before.square()

    def prior_step(self, z: Tensor, t: int | Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and variance of p(z_{t-1} | z_t), given z = z_t (B, D)."""
        now, before = self._log_snr(t), self._log_snr(t - 1)
        a, s = _signal_and_noise(now)
        u = (z - s * self._noise_in(z, t)) / a
        mean, variance = self.posterior_step(u, z, t)
        slope = _signal_and_noise(before)[0] * -(now - before).expm1()  # of the mean in u
        return mean, variance + slope.square() * self._variance(t)

    def step_losses(self, u: Tensor, t: int | Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss of one step, and the squared error of the noise, each (B,).

        The loss is KL(q(z_{t-1} | z_t, u) || p(z_{t-1} | z_t)) in nats, with z_t = a_t u + s_t
        noise. For t = 1 it is -log p(u | z_1) less the entropy of N(0, s_1^2 I), a constant of
        hundreds of nats: random steps would give the sum of all losses a large variance with it.

        Args:
            u: Standardised images (B, D).
            t: One step for all, or (B,).
            noise: Standard normal (B, D).
        """
        now, before = self._log_snr(t), self._log_snr(t - 1)
        mean, s = self.noised(u, t)
        variance = self._variance(t)
        squared = (self._noise_in(mean + s * noise, t) - noise).square()
        error = squared * (-now).exp()  # of u
        c = (-now).exp() / (before - now).expm1()  # 1 / (snr_{t-1} - snr_t), or 0 for t = 1
        base = torch.where(before.isinf(), s.square(), c)
        log_ratio = ((c - base + variance) / base).log1p()
        loss = 0.5 * (log_ratio + (error - variance) / (c + variance))
        return loss.sum(dim=1), squared.sum(dim=1)

    def fixed_losses(self, u: Tensor) -> Tensor:
        """Return what is drawn for no step, (B,) in nats.

        KL(q(z_T | u) || N(0, I)) + log |dx/du|, and the constant that the loss of t = 1 lacks.
        """
        signal = self.log_snr[-1].sigmoid()  # a_T^2
        kl = 0.5 * (signal * (u.square() - 1) - (-signal).log1p()).sum(dim=1)
        log_variance = -softplus(self.log_snr[1])  # log s_1^2
        entropy = 0.5 * (math.log(2 * math.pi * math.e) + log_variance)
        return kl + self.scale.log().sum() + entropy * u.shape[1]

    def elbo_draws(self, x: Tensor, n: int) -> Tensor:
        """Return n draws from a lower bound on log p(x), (n, B) in nats.

        Each has noise of its own for every step, and the KL of each step in closed form: unbiased
        for the evidence lower bound.
        """
        u = self.standardised(x)
        at_once = max(1, CHUNK // u.numel())
        parts = (self._summed(u, min(at_once, n - i)) for i in range(0, n, at_once))
        return -(joined(parts, n) + self.fixed_losses(u))

    def sample(self, n: int) -> Tensor:
        """Return n draws from p(x), not clipped to [0, 1]."""
        z = torch.randn(n, len(self.centre), dtype=self.centre.dtype, device=self.centre.device)
        for t in range(self.n_steps, 0, -1):
            mean, variance = self.prior_step(z, t)
            z = mean + variance.sqrt() * torch.randn_like(z)
        return (z * self.scale + self.centre).reshape(-1, *self.image_shape)

    def _summed(self, u: Tensor, n: int) -> Tensor:
        """Return the sum of the losses of all steps, (n, B) in float64."""
        repeated = u.repeat(n, 1)
        total = torch.zeros(len(repeated), dtype=widest(u.device), device=u.device)
        for t in range(1, self.n_steps + 1):
            total += self.step_losses(repeated, t, torch.randn_like(repeated))[0]
        return total.reshape(n, -1)

    def _log_snr(self, t: int | Tensor) -> Tensor:
        return self.log_snr[t].unsqueeze(-1)  # (1,) or (B, 1)

    def _noise_in(self, z: Tensor, t: int | Tensor) -> Tensor:
        """Return e^, (B, D)."""
        a, s = _signal_and_noise(self._log_snr(t))
        r = self._spread(t)
        found: Tensor = s * z / r.square() + a * self.log_width.exp() / r * self.denoiser(z / r, t)
        return found

    def _spread(self, t: int | Tensor) -> Tensor:
        """Return r_t, (D,) or (B, D)."""
        a, s = _signal_and_noise(self._log_snr(t))
        return ((a * self.log_width.exp()).square() + s.square()).sqrt()

    def _variance(self, t: int | Tensor) -> Tensor:
        """Return v_t, (D,) or (B, D): that for independent numbers, times what is learned."""
        _, s = _signal_and_noise(self._log_snr(t))
        independent = (s * self.log_width.exp() / self._spread(t)).square()
        return independent * self.log_excess[t - 1].exp()


def _signal_and_noise(log_snr: Tensor) -> tuple[Tensor, Tensor]:
    """Return a and s with a^2 + s^2 = 1 and log (a / s)^2 as given."""
    return log_snr.sigmoid().sqrt(), (-log_snr).sigmoid().sqrt()
