"""log p(x) by annealed importance sampling, and the gap that bounds its error."""

from typing import Any, ClassVar, Literal

import torch
from pydantic import PositiveInt
from torch import Tensor
from torch.distributions import Distribution, Transform, biject_to, identity_transform

from genbench.core.capabilities import Generative, HasPosterior, knows_log_px
from genbench.core.estimate import NotApplicableError
from genbench.core.options import Count
from genbench.core.seeding import Stream
from genbench.core.tensors import support_of
from genbench.evaluation.spec import Block, EvaluatorOptions, PerDatum, Sizes, evaluator
from genbench.inference import ais, bounds
from genbench.inference.path import LogDensities, Path, chunk_within_memory
from genbench.inference.weights import ImportanceWeights

PILOT_CHAINS = 4
"""Chains per datum for tuning the step sizes; their acceptance is smoothed over temperatures."""


class AisOptions(EvaluatorOptions):
    """C chains of ``n_temperatures`` trajectories each, on ``n_data`` of the data."""

    names: ClassVar[dict[str, str]] = {
        "n_chains": "chains",
        "n_temperatures": "temperatures",
        "n_leapfrog": "leapfrog",
    }
    n_chains: Count = 16
    n_temperatures: Count = 1000
    n_leapfrog: Count = 10
    schedule: Literal["linear", "sigmoid"] = "sigmoid"
    start: Literal["prior", "posterior"] = "prior"
    n_data: PositiveInt | None = 100

    def n_bytes(self, sizes: Sizes) -> int:
        """Return the size of the chains' weights, and of the step sizes and temperatures."""
        per_chain, per_temperature = 4 * 8 * sizes.block, 4 * sizes.block + 8
        return self.n_chains * per_chain + self.n_temperatures * per_temperature

    def n_calls(self) -> int:
        """Return the leapfrog steps of a chain."""
        return self.n_temperatures * self.n_leapfrog

    def plan(self) -> ais.Annealing:
        """Return how to anneal."""
        return ais.Annealing(self.n_temperatures, self.n_leapfrog, self.schedule)


@evaluator(
    name="ais_log_likelihood",
    version=1,
    needs=Generative,
    unit="nats",
    better="higher",
    kind="lower_bound",
    title="Annealed importance sampling",
    formula="log 1/C Σ_c w_c,  log w = Σₜ (βₜ − βₜ₋₁) log p(x, zₜ₋₁) / start(zₜ₋₁)",
    cites=("Neal2001:eq11", "Wu2017:sec3"),
    options=AisOptions,
    place=40,
    tightness=3,
    plot="bounds",
    estimator="AIS",
    margin=2.0,
    log_density=True,
    leaderboard="likelihood",
)
def ais_log_likelihood(block: Block, options: AisOptions) -> PerDatum:
    """Lower bound on log p(x) in expectation, by annealing from the start to p(x, z).

    It needs no encoder and is not limited by a Gaussian family of posteriors. Its error shrinks
    with the number of temperatures. A model with an exact log p(x) gives that instead.
    """
    if knows_log_px(block.model):
        known = block.model.log_prob(block.x)
        return PerDatum(known, kind="exact", remark="log p(x) is known exactly, without annealing")
    stream = block.stream.child("ais_log_likelihood")
    _, forward = _forward(block.model, block.x, options, stream)
    weights = forward.weights()
    return PerDatum(
        weights.log_mean(), mc_variance=weights.variance(), health=_health(forward, weights)
    )


@evaluator(
    name="bdmc_gap",
    version=1,
    needs=Generative,
    unit="nats",
    better="lower",
    kind="upper_bound",
    title="Bidirectional gap",
    formula="−log 1/C Σ_c 1/w'_c − log 1/C Σ_c w_c  on x, z ∼ p(x, z)",
    cites=("Grosse2016:sec3", "Wu2017:sec3.2"),
    options=AisOptions,
    place=80,
    role="diagnostic",
    not_compared="measures the estimator, not the model",
    plot="none",
    margin=2.0,
    log_density=True,
)
def bdmc_gap(block: Block, options: AisOptions) -> PerDatum:
    """Upper minus lower bound on log p(x) for data drawn from the model: bounds the error of AIS.

    A draw (z, x) from the model contains one exact posterior draw of z. Reverse chains from there
    bound log p(x) from above, forward chains from below, both in expectation, so the expected gap
    is at least the error of either. It is about the model's own data; for real data it is evidence,
    not proof. All C reverse chains of a datum start from its one draw and are dependent, so no
    Monte-Carlo error is stated: the standard error over data includes it.
    """
    if knows_log_px(block.model):
        zeros = torch.zeros(len(block.x), dtype=torch.float64, device=block.x.device)
        return PerDatum(zeros, kind="exact", remark="log p(x) is known exactly: no gap")
    stream = block.stream.child("bdmc_gap")
    _unbounded(bounds.prior_of(block.model))
    z, x = _simulate(block.model, block.x, stream.child("simulate"))
    problem, forward = _forward(block.model, x, options, stream)
    ends = problem.transform.inv(z).expand(options.n_chains, *z.shape)
    backward = ais.reversed_ais(problem.path(ends), ends, forward, options.plan(), stream)
    below, above = forward.weights(), backward.inverse_weights()
    gap = -above.log_mean() - below.log_mean()
    return PerDatum(gap, health=_health(forward, below))


class _Problem:
    """The path from the starting density to p(x, z), in unbounded coordinates.

    A latent with bounded support is written z = transform(u). The chains move u; the Jacobian is
    the same in start and joint, so it cancels in the weights.
    """

    def __init__(self, model: Any, x: Tensor, start: str) -> None:
        self.model, self.x = model, x
        self.prior = bounds.prior_of(model)
        self.transform = _unbounded(self.prior)
        if start == "posterior" and not isinstance(model, HasPosterior):
            raise NotApplicableError("the model has no posterior(x) to start from")
        self.posterior = bounds.posterior_of(model, x) if start == "posterior" else None

    def draw(self, n_chains: int, stream: Stream) -> Tensor:
        """Draw u (C, B, D) from the starting density."""
        with stream.seeded():
            if self.posterior is None:
                z = self.prior.sample(torch.Size((n_chains, len(self.x))))
            else:
                z = self.posterior.sample(torch.Size((n_chains,)))
        u: Tensor = self.transform.inv(z)
        return u

    def log_densities(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Return log start and log p(x, z) - log start at u (C, B, D), each (C, B)."""
        z = self.transform(u)
        log_pz = bounds.log_density(self.prior, z)
        log_px_given_z = bounds.log_px_given_z(self.model, self.x, z, 1)
        if self.posterior is None:
            log_start, log_ratio = log_pz, log_px_given_z
        else:
            log_start = bounds.log_density(self.posterior, z)
            log_ratio = log_pz + log_px_given_z - log_start
        if self.transform is not identity_transform:
            log_start = log_start + self.transform.log_abs_det_jacobian(u, z)  # type: ignore[no-untyped-call]
        return log_start, log_ratio

    def path(self, u: Tensor) -> Path:
        """Return the path, chunked so that u (C, B, D) fits in memory."""
        densities: LogDensities = self.log_densities
        return Path(densities, chunk_within_memory(densities, u))


def _unbounded(prior: Distribution) -> Transform:
    """Return the map from all reals to the prior's support."""
    support = support_of(prior)
    if getattr(support, "is_discrete", False) or len(prior.event_shape) != 1:
        raise NotApplicableError("the latent is not a real vector, so it cannot be annealed")
    inner = getattr(support, "base_constraint", support)
    if inner is None or inner is torch.distributions.constraints.real:
        return identity_transform
    try:
        transform: Transform = biject_to(support)
    except NotImplementedError:
        return identity_transform
    return transform


def _forward(
    model: Any, x: Tensor, options: AisOptions, stream: Stream
) -> tuple[_Problem, ais.AisResult]:
    problem = _Problem(model, x, options.start)
    chains = problem.draw(options.n_chains, stream.child("start"))
    pilot = problem.draw(PILOT_CHAINS, stream.child("pilot_start"))
    return problem, ais.ais(problem.path(chains), chains, pilot, options.plan(), stream)


def _simulate(model: Any, like: Tensor, stream: Stream) -> tuple[Tensor, Tensor]:
    """Draw z (B, D) from the prior and x from p(x given z), shaped like the data."""
    with stream.seeded():
        z = bounds.prior_of(model).sample(torch.Size((len(like),)))
        x = model.observation_model(z).sample()
    return z, x.reshape(like.shape).to(like.dtype)


def _health(chains: ais.AisResult, weights: ImportanceWeights) -> dict[str, Tensor]:
    kernel = {"acceptance": chains.acceptance, "step_size": chains.step_size.mean(dim=(0, 2))}
    return weights.health() | kernel
