"""Evaluators of reconstruction: pixel error and distortion."""

from typing import Any

from torch import Tensor

from genbench.core.capabilities import Autoencodes, Variational
from genbench.core.tensors import mean_of
from genbench.evaluation.likelihood import ElboOptions, kl_remark
from genbench.evaluation.spec import Block, EvaluatorOptions, PerDatum, evaluator
from genbench.inference.bounds import posterior_of


def reconstruct(model: Any, x: Tensor) -> Tensor:
    """Return each datum's reconstruction, shaped like ``x``.

    This is the model's own ``decode(encode(x))``, or the mean of p(x given z) at the mean of
    q(z given x).
    """
    if isinstance(model, Autoencodes):
        return model.decode(model.encode(x)).reshape(x.shape)
    z = mean_of(posterior_of(model, x))
    return mean_of(model.observation_model(z)).reshape(x.shape)


@evaluator(
    name="reconstruction_mse",
    version=1,
    needs=(Autoencodes, Variational),
    unit="squared intensity",
    better="lower",
    kind="exact",
    title="Reconstruction error",
    formula="1/D Σᵢ (xᵢ − x̂ᵢ)²,  x̂ = decode(encode(x))",
    place=110,
    role="detail",
    plot="none",
    margin=0.005,
    leaderboard="reconstruction",
    short="MSE",
    selects=3,
)
def reconstruction_mse(block: Block, options: EvaluatorOptions) -> PerDatum:
    """Mean squared error per pixel between a datum and its reconstruction (intensities in 0..1).

    For a model that is shown part of the image, over the hidden pixels.
    """
    error = reconstruct(block.model, block.x).double() - block.x.double()
    share = error[0].numel() / block.n_dims  # the shown pixels are copied: their error is zero
    return PerDatum(error.flatten(1).square().mean(dim=1) * share)


@evaluator(
    name="reconstruction_log_prob",
    version=1,
    needs=Variational,
    unit="nats",
    better="higher",
    kind="estimate",
    title="Reconstruction log probability",
    formula="E_q[log p(x|z)]",
    cites=("KingmaWelling2014:eq3",),
    options=ElboOptions,
    place=100,
    role="detail",
    term="reconstruction",
    plot="none",
    margin=1.0,
    log_density=True,
)
def reconstruction_log_prob(block: Block, options: ElboOptions) -> PerDatum:
    """Expected log probability of a datum under its own posterior: minus the distortion."""
    terms = block.elbo_terms(options.n_samples)
    return PerDatum(
        terms.log_px_given_z, remark=kl_remark(terms), mc_variance=terms.log_px_variance
    )
