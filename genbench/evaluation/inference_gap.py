"""Evaluator of the approximation and amortisation gaps of variational inference."""

from typing import Any

import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor
from torch.distributions import Normal

from genbench.core.capabilities import Variational, knows_log_px
from genbench.core.estimate import NotApplicableError
from genbench.core.metric import Parts
from genbench.core.options import Count
from genbench.core.seeding import Stream
from genbench.core.tensors import as_event
from genbench.evaluation.latent import factorised_normal
from genbench.evaluation.spec import Block, EvaluatorOptions, PerDatum, Sizes, evaluator
from genbench.inference.bounds import log_px_given_z, log_weights, posterior_of, prior_of
from genbench.inference.streaming import StreamingMoments
from genbench.inference.weights import ImportanceWeights

PARTS = ("approximation", "amortisation")
DRAWS_AT_ONCE = 20
ADAM_EPS = 0.1
"""Steps shrink with gradients below this, in nats per standard deviation of the encoder.

A much smaller value makes the steps unstable at a true posterior, where the gradient has no noise.
"""
GAP_PARTS = Parts(
    names={
        "approximation": "approximation (the family is too narrow)",
        "amortisation": "amortisation (the encoder misses its best)",
    },
    caption=(
        "How far the ELBO lies below the log-likelihood, and why: even the family's best posterior"
        " for each image differs from p(z|x) (approximation), and the encoder misses that best"
        " posterior (amortisation). In nats; both are at least 0 up to noise."
    ),
    note="In nats, ± standard error over images.",
)


class InferenceGapOptions(EvaluatorOptions):
    """``n_steps`` of Adam with ``n_pairs`` antithetic draws each; K = ``n_samples`` for the bounds.

    ``learning_rate`` is in units of the encoder's standard deviations and falls to zero as the cube
    of the remaining steps.
    """

    n_data: PositiveInt | None = 100
    n_steps: Count = 300
    n_pairs: Count = 2
    learning_rate: PositiveFloat = 0.2
    n_samples: Count = 500

    def n_bytes(self, sizes: Sizes) -> int:
        """Return the size of the images decoded in one step, or of the weights, for a block."""
        decoded = 4 * 2 * self.n_pairs * sizes.block * sizes.n_pixels
        return max(decoded, 2 * 8 * self.n_samples * sizes.block)

    def n_calls(self) -> int:
        """Return the steps of Adam."""
        return self.n_steps


def refine(
    model: Any, x: Tensor, start: Normal, options: InferenceGapOptions, stream: Stream
) -> Normal:
    """Return the factorised Gaussian q*(z) of each datum that maximises its own ELBO.

    Adam on a and b of loc = loc₀ + scale₀ a, scale = scale₀ exp(b), from a = b = 0. The gradient is
    that of log p(x, z) − log q(z) through z alone: it has no noise where q is the true posterior.
    The model does not change, and each datum is fitted separately.

    Args:
        model: Has prior and observation model.
        x: Data (B, ...).
        start: The encoder's q(z given x), loc and scale (B, D).
        options: Steps, draws and learning rate.
        stream: Source of the noise.

    References:
        Cremer, Li, Duvenaud 2018, section 3; Roeder, Wu, Duvenaud 2017, for the gradient.
    """
    loc, scale = start.loc.detach(), start.scale.detach()
    a, b = (torch.zeros_like(loc, requires_grad=True) for _ in range(2))
    optimizer = torch.optim.Adam([a, b], lr=options.learning_rate, eps=ADAM_EPS)
    with torch.enable_grad(), stream.seeded():
        for step in range(options.n_steps):
            optimizer.param_groups[0]["lr"] = (
                options.learning_rate * (1 - step / options.n_steps) ** 3
            )
            noise = torch.randn(options.n_pairs, *loc.shape, dtype=loc.dtype, device=loc.device)
            noise = torch.cat((noise, -noise))
            q_loc, q_scale = loc + scale * a, scale * b.exp()
            loss = -_path_elbo(model, x, q_loc, q_scale, noise).sum()
            a.grad, b.grad = torch.autograd.grad(loss, [a, b])
            optimizer.step()
    return Normal(loc + scale * a.detach(), scale * b.detach().exp(), validate_args=False)


def _path_elbo(model: Any, x: Tensor, loc: Tensor, scale: Tensor, noise: Tensor) -> Tensor:
    """Return the ELBO (B,) with a gradient through the draws only."""
    z = loc + scale * noise  # (K, B, D)
    p = prior_of(model)
    log_joint = p.log_prob(z) + log_px_given_z(model, x, z, len(p.event_shape))
    q = as_event(Normal(loc.detach(), scale.detach(), validate_args=False), 1)
    elbo: Tensor = (log_joint - q.log_prob(z)).mean(dim=0)
    return elbo


def weigh(model: Any, x: Tensor, q: Normal, n_samples: int, stream: Stream) -> Tensor:
    """Return log weights of K draws from q, (K, B); every q gets the noise of the same stream."""
    wrapped, pieces = as_event(q, 1), []
    for start in range(0, n_samples, DRAWS_AT_ONCE):
        with stream.child(start // DRAWS_AT_ONCE).seeded():
            noise = torch.randn(DRAWS_AT_ONCE, *q.loc.shape, dtype=q.loc.dtype, device=x.device)
        z = q.loc + q.scale * noise[: n_samples - start]
        pieces.append(log_weights(model, x, z, wrapped).double())
    return torch.cat(pieces)


@evaluator(
    name="inference_gap",
    version=2,
    needs=Variational,
    unit="nats",
    better="none",
    kind="estimate",
    title="Inference gap",
    formula="approximation: log p(x) − L[q*],  amortisation: L[q*] − L[q(z|x)]",
    cites=("Cremer2018:sec3",),
    options=InferenceGapOptions,
    role="detail",
    plot="stacked",
    parts=GAP_PARTS,
)
def inference_gap(block: Block, options: InferenceGapOptions) -> PerDatum:
    """The ELBO's loss to a factorised q (approximation) and to the encoder (amortisation).

    q* is the best factorised Gaussian for each datum, found by gradient steps from the encoder's.
    Both ELBOs are means over K draws with the same noise. If log p(x) is not known exactly, the
    importance-weighted bound under q* replaces it. If the steps fall short of the best q*, part of
    the amortisation gap is counted as approximation gap. The noise of the fit is not in the draws:
    the approximation gap has no Monte-Carlo error.
    """
    model, x = block.model, block.x
    q = factorised_normal(posterior_of(model, x))
    if q is None:
        raise NotApplicableError("the posterior is not a factorised Gaussian")
    stream = block.stream.child("inference_gap")
    refined = refine(model, x, q, options, stream.child("refine"))
    before, best = (
        weigh(model, x, each, options.n_samples, stream.child("bounds")) for each in (q, refined)
    )
    amortisation, variance = _mean_and_variance(best - before)
    if knows_log_px(model):
        approximation = model.log_prob(x).double() - best.mean(dim=0)
        remark = "log p(x) is exact"
    else:
        approximation = ImportanceWeights.of(best).log_mean() - best.mean(dim=0)
        remark = f"log p(x) by K = {options.n_samples} draws: approximation is a lower bound"
    values = torch.stack((approximation, amortisation), dim=1)
    known = torch.stack((torch.full_like(variance, torch.nan), variance), dim=1)
    return PerDatum(values, remark=remark, mc_variance=known, parts=PARTS)


def _mean_and_variance(draws: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean over draws (K, B) and its Monte-Carlo variance, each (B,)."""
    moments = StreamingMoments()
    moments.add(draws)
    return torch.as_tensor(moments.mean), moments.variance_of_mean()
