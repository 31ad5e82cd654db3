"""Bugs that would be new, in the densities of flows, of diffusion models and of chains."""

import torch

from genbench.distributions.chain import Chain
from genbench.models.diffusion import Diffusion
from genbench.models.flow import LogitFlow, RealNvp
from genbench.models.flow_matching import FlowMatching
from tests.distributions import test_chain as chain_tests
from tests.models import test_diffusion as diffusion_tests
from tests.models import test_flow as flow_tests
from tests.models import test_flow_matching as flow_matching_tests
from tests.mutations.mutation import Mutation

REAL_TO_NOISE = RealNvp.to_noise
REAL_FIXED_LOSSES = Diffusion.fixed_losses
REAL_STANDARDISED = LogitFlow.standardised
REAL_LOG_SLOPE = FlowMatching._log_slope
REAL_CHANGE = FlowMatching._change
REAL_RSAMPLE = Chain.rsample


def volume_of_the_logit_left_out(patch):
    def to_noise(self, x):
        z, log_det = REAL_TO_NOISE(self, x)
        u = self.alpha + (1 - 2 * self.alpha) * x.flatten(1)
        return z, log_det + (u.log() + (-u).log1p()).sum(dim=1)

    patch.setattr(RealNvp, "to_noise", to_noise)


def volume_of_the_scale_left_out(patch):
    def fixed_losses(self, u):
        return REAL_FIXED_LOSSES(self, u) - self.scale.log().sum()

    patch.setattr(Diffusion, "fixed_losses", fixed_losses)


def variance_of_the_image_left_out(patch):
    """Steps as if the predicted image were the true one."""

    def prior_step(self, z, t):
        a, s = self.noised(torch.ones_like(z), t)
        return self.posterior_step((z - s * self._noise_in(z, t)) / a, z, t)

    patch.setattr(Diffusion, "prior_step", prior_step)


def volume_of_steps_with_the_wrong_sign(patch):
    patch.setattr(FlowMatching, "_log_slope", lambda *given: -REAL_LOG_SLOPE(*given))


def volume_of_the_scale_of_logits_left_out(patch):
    def standardised(self, x):
        y, log_det = REAL_STANDARDISED(self, x)
        return y, log_det + self.log_scale.sum()

    patch.setattr(LogitFlow, "standardised", standardised)


def time_reversed(patch):
    """Steps in the order of data to noise."""

    def change(self, y, step):
        return REAL_CHANGE(self, y, self.n_steps - 1 - step)

    patch.setattr(FlowMatching, "_change", change)


def densities_of_later_vectors_left_out(patch):
    def log_prob(self, value):
        first = value[..., -self.sizes[0] :] if self.backwards else value[..., : self.sizes[0]]
        return self.first.log_prob(first)

    patch.setattr(Chain, "log_prob", log_prob)


def vectors_of_a_chain_in_the_wrong_order(patch):
    """Draws begin with the first vector where they should begin with the last."""

    def rsample(self, sample_shape=torch.Size()):  # noqa: B008
        z = REAL_RSAMPLE(self, sample_shape)
        return z.roll(self.sizes[0], -1) if self.backwards else z

    patch.setattr(Chain, "rsample", rsample)


DENSITY_RISKS = [
    Mutation(
        "-",
        "the volume of the logit left out",
        volume_of_the_logit_left_out,
        lambda: flow_tests.test_the_density_integrates_to_one_over_its_support(0.05, 0),
    ),
    Mutation(
        "-",
        "the volume of the scale left out of a diffusion",
        volume_of_the_scale_left_out,
        lambda: (
            diffusion_tests.test_a_network_that_adds_nothing_is_a_gaussian_around_the_mean_image(
                1.0
            )
        ),
    ),
    Mutation(
        "-",
        "samples of a diffusion without the variance of the image",
        variance_of_the_image_left_out,
        lambda: (
            diffusion_tests.test_samples_of_the_best_model_have_the_mean_and_variance_of_the_data(3)
        ),
    ),
    Mutation(
        "-",
        "the volume of steps along a velocity with the wrong sign",
        volume_of_steps_with_the_wrong_sign,
        lambda: flow_matching_tests.test_the_density_integrates_to_one_for_any_number_of_steps(
            2, 0
        ),
    ),
    Mutation(
        "-",
        "the volume of the scale of logits left out",
        volume_of_the_scale_of_logits_left_out,
        lambda: flow_matching_tests.test_with_a_network_that_does_nothing_logits_are_normal(1),
    ),
    Mutation(
        "-",
        "steps along a velocity from data to noise",
        time_reversed,
        lambda: flow_matching_tests.test_draws_along_the_best_velocity_have_the_moments_of_the_data(
            20
        ),
    ),
    Mutation(
        "-",
        "the densities of all vectors of a chain but the first left out",
        densities_of_later_vectors_left_out,
        lambda: chain_tests.test_the_density_is_that_of_the_joint_gaussian(False),
    ),
    Mutation(
        "-",
        "the vectors of a chain in the wrong order",
        vectors_of_a_chain_in_the_wrong_order,
        lambda: chain_tests.test_draws_have_the_moments_of_the_joint_gaussian(True),
    ),
]
