"""Bugs that the field has shipped, injected on purpose: each turns a test of ours red.

The numbers are those of the collection that genbench was built against. A mutation patches the real
function; its oracle is an ordinary test of the other folders, called as a function.
"""

import math
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest
import torch
from torch import nn

from genbench.core import estimate, seeding
from genbench.core.estimate import Estimate
from genbench.evaluation import likelihood, runner, spec, user
from genbench.evaluation.spec import PerDatum, evaluators
from genbench.inference import bounds
from genbench.models.linear_gaussian import LinearGaussian
from genbench.objectives import adversarial
from genbench.objectives import elbo as elbo_objective
from tests.evaluation import test_likelihood as likelihood_tests
from tests.evaluation import test_reconstruction as reconstruction_tests
from tests.evaluation import test_runner as runner_tests
from tests.evaluation import test_user as user_tests
from tests.inference import test_bounds as bounds_tests
from tests.models import test_linear_gaussian as linear_tests
from tests.objectives import test_adversarial as adversarial_tests
from tests.objectives import test_elbo as objective_tests

REAL_WEIGH = bounds.importance_weights
REAL_LOG_MEAN = bounds.ImportanceWeights.log_mean
REAL_CHUNKS = bounds._draw_chunks
REAL_TERMS = bounds.elbo_terms
REAL_WEIGHTS = bounds.log_weights
REAL_LOG_PX_Z = bounds.log_px_given_z
REAL_DRAW = bounds.draw
REAL_KL_TERMS = bounds.kl_terms
REAL_ROW = runner._row
REAL_FINISH = runner._finish
REAL_BLOCK = runner._evaluate_block
REAL_ADD = runner._Collected.add
REAL_MEAN = estimate.mean_and_stderr
REAL_RESULT = bounds.StreamingLogMeanExp.result
REAL_SAMPLED_TERMS = spec.Block.elbo_terms


@dataclass(frozen=True)
class Mutation:
    """A bug, how it is injected, and the check that must fail."""

    number: str
    name: str
    inject: Callable[[pytest.MonkeyPatch], None]
    oracle: Callable[[], None]


def exact_elbo():
    likelihood_tests.test_every_likelihood_is_exact_under_the_true_posterior("elbo", {})


def exact_iw():
    options = {"n_samples": 25, "chunk_size": 7}
    likelihood_tests.test_every_likelihood_is_exact_under_the_true_posterior(
        "iw_log_likelihood", options
    )


def exactly_k():
    bounds_tests.require_exactly_k_draws_and_one_encoding(25, 7)


def exactly_one():
    bounds_tests.require_exactly_k_draws_and_one_encoding(1, 3)


def enumerated_bound():
    bounds_tests.test_iw_bound_has_its_enumerated_expectation(3)


def failed_row():
    runner_tests.test_a_value_that_is_not_finite_fails_the_row_and_names_the_datum("elbo", math.nan)


def full_set():
    runner_tests.test_n_is_the_full_set_and_the_last_partial_block_counts("elbo")


def degraded():
    runner_tests.test_a_degraded_decoder_scores_worse_in_the_declared_direction("elbo")


def seeded_draws():
    runner_tests.test_same_seed_gives_the_same_numbers_whatever_the_global_generator("elbo")


def another_seed():
    runner_tests.test_another_seed_gives_other_numbers("elbo")


def generator_gradient():
    adversarial_tests.test_generator_gradient_does_not_vanish_where_the_discriminator_is_sure(-25.0)


# --- the bugs ---


def flipped_sign(patch):
    patch.setattr(bounds.ImportanceWeights, "log_mean", lambda self: -REAL_LOG_MEAN(self))


def k_rounded_to_the_chunk(patch):
    def weigh(model, x, n_samples, chunk_size, stream):
        whole = max(chunk_size, n_samples // chunk_size * chunk_size)
        return REAL_WEIGH(model, x, whole, chunk_size, stream)

    patch.setattr(bounds, "importance_weights", weigh)


def encoder_rerun_for_every_chunk(patch):
    def weights(model, x, z, q):
        return REAL_WEIGHTS(model, x, z, bounds.posterior_of(model, x))

    patch.setattr(bounds, "log_weights", weights)


def grey_pixels_accepted(patch):
    patch.setattr(user, "_check_support", lambda *args: None)


def surrogate_reported(patch):
    """sum softmax(log w) log w: above the log of the mean."""

    def iw(model, x, n_samples, chunk_size, stream):
        q = bounds.posterior_of(model, x)
        z = torch.cat(list(REAL_CHUNKS(q, n_samples, n_samples, stream)))
        log_w = REAL_WEIGHTS(model, x, z, q)
        return (log_w.softmax(0) * log_w).sum(0)

    patch.setattr(bounds, "iw_log_likelihood", iw)


def spread_instead_of_error(patch):
    def mean(values):
        found = REAL_MEAN(values)
        return replace(found, stderr=found.stderr * math.sqrt(found.n))

    patch.setattr(spec, "mean_and_stderr", mean)
    patch.setattr(runner, "mean_and_stderr", mean)


def divided_by_the_requested_k(patch):
    def weigh(model, x, n_samples, chunk_size, stream):
        drawn = math.ceil(n_samples / chunk_size) * chunk_size
        weights = REAL_WEIGH(model, x, drawn, chunk_size, stream)
        weights.log_mean = lambda: REAL_LOG_MEAN(weights) + math.log(drawn / n_samples)
        return weights

    patch.setattr(bounds, "importance_weights", weigh)


def negative_elbo_under_the_name_elbo(patch):
    real = evaluators["elbo"]

    def negated(block, options):
        return PerDatum(-real.function(block, options).values)

    patch.setitem(evaluators._entries, "elbo", replace(real, function=negated))


def weights_inverted(patch):
    """The worst draw gets the largest weight: minus the log mean of exp(-log w)."""
    patch.setattr(bounds, "log_weights", lambda *args: -REAL_WEIGHTS(*args))
    patch.setattr(bounds.StreamingLogMeanExp, "result", lambda self: -REAL_RESULT(self))


def beta_leaks_into_the_bound(patch):
    def terms(*args, **options):
        found = REAL_TERMS(*args, **options)
        return found._replace(kl=4 * found.kl)

    patch.setattr(spec, "elbo_terms", terms)


def beta_in_the_logged_elbo(patch):
    real = elbo_objective.negative_elbo

    def factory(beta=1.0, warmup_epochs=0.0):
        def objective(model, batch):
            loss = real(beta, warmup_epochs)(model, batch)
            return loss._replace(logged={**loss.logged, "elbo": -loss.value})

        return objective

    patch.setattr(objective_tests, "negative_elbo", factory)


def mean_over_pixels(patch):
    def per_pixel(model, x, z, latent_ndim):
        return REAL_LOG_PX_Z(model, x, z, latent_ndim) / x[0].numel()

    patch.setattr(bounds, "log_px_given_z", per_pixel)


def only_the_first_batch(patch):
    def add(self, piece, n_left):
        if not self.pieces:
            REAL_ADD(self, piece, n_left)

    patch.setattr(runner._Collected, "add", add)


def view_used_as_a_transpose(patch):
    def terms(q, p):
        kl, parts = REAL_KL_TERMS(q, p)
        return kl, None if parts is None else parts.T.reshape(parts.shape)

    patch.setattr(bounds, "kl_terms", terms)


def saturating_epsilon(patch):
    patch.setattr(adversarial, "softplus", lambda v: -(torch.sigmoid(-v) + 1e-8).log())


def minimax_under_the_name_non_saturating(patch):
    def factory():
        def objective(model, batch):
            fake = model.critic(model.sample(len(batch.x)))
            return adversarial.Loss(-adversarial.softplus(fake).mean(), {})

        return objective

    patch.setattr(adversarial, "ns_gan_generator", factory)


def failed_rows_hold_a_sentinel(patch):
    def row(task, metric, found, result=None):
        real = REAL_ROW(task, metric, found, result)
        return replace(real, status="ok", value=4242.0) if real.status == "failed" else real

    patch.setattr(runner, "_row", row)


def last_batch_dropped(patch):
    def block(part, tasks, collected, n_left):
        if n_left >= runner.DATA_BLOCK:
            REAL_BLOCK(part, tasks, collected, n_left)

    patch.setattr(runner, "_evaluate_block", block)


def survivors_averaged(patch):
    def mean(values):
        kept = values[torch.isfinite(values)]
        return Estimate(kept.mean().item(), 0.0, len(kept))

    patch.setattr(spec, "mean_and_stderr", mean)
    patch.setattr(runner, "mean_and_stderr", mean)


def scaling_of_training_reaches_the_bound(patch):
    def scaled(model, x, z, latent_ndim):
        return 0.5 * REAL_LOG_PX_Z(model, x, z, latent_ndim)

    patch.setattr(bounds, "log_px_given_z", scaled)


def failed_rows_vanish(patch):
    def finish(task, found):
        outcome = REAL_FINISH(task, found)
        return replace(outcome, rows=[row for row in outcome.rows if row.status == "ok"])

    patch.setattr(runner, "_finish", finish)


def ignored_seed(patch):
    @contextmanager
    def global_generator(seed, *name):
        yield

    patch.setattr(seeding, "seeded", global_generator)


def seed_fixed_whatever_is_asked(patch):
    patch.setattr(seeding, "derive", lambda seed, *name: 0)


def one_draw_for_all_k(patch):
    def draw(q, k):
        return REAL_DRAW(q, 1).expand(k, *REAL_DRAW(q, 1).shape[1:])

    patch.setattr(bounds, "draw", draw)


def evaluated_in_training_mode(patch):
    patch.setattr(nn.Module, "eval", lambda self: self)


def levels_added_to_a_mass(patch):
    patch.setattr(likelihood, "_is_mass", lambda block: False)


def noise_shared_between_blocks(patch):
    def terms(self, n_samples):
        self.stream = seeding.Stream(0, ("fixed",))
        return REAL_SAMPLED_TERMS(self, n_samples)

    patch.setattr(spec.Block, "elbo_terms", terms)


def unbiased_covariance(patch):
    """N - 1 in place of N: not the maximum-likelihood fit."""
    real = torch.cov
    patch.setattr(torch, "cov", lambda m, correction=0: real(m, correction=1))


def log_det_forgotten(patch):
    real = LinearGaussian.log_prob

    def log_prob(self, x):
        m = self.W.square().sum(dim=0) + self.s2
        return real(self, x) + 0.5 * m.log().sum()

    patch.setattr(LinearGaussian, "log_prob", log_prob)


def pixel_sum_in_the_squared_error(patch):
    real = evaluators["reconstruction_mse"]

    def summed(block, options):
        return PerDatum(real.function(block, options).values * block.x[0].numel())

    patch.setitem(evaluators._entries, "reconstruction_mse", replace(real, function=summed))


MUTATIONS = [
    Mutation("1", "flipped sign", flipped_sign, exact_iw),
    Mutation("2", "K rounded to the chunk", k_rounded_to_the_chunk, exactly_k),
    Mutation(
        "2",
        "K below the chunk becomes the chunk",
        k_rounded_to_the_chunk,
        exactly_one,
    ),
    Mutation(
        "3",
        "encoder rerun for every chunk",
        encoder_rerun_for_every_chunk,
        exactly_k,
    ),
    Mutation(
        "4",
        "grey pixels accepted",
        grey_pixels_accepted,
        user_tests.test_one_grey_pixel_at_the_end_is_enough,
    ),
    Mutation("5", "gradient surrogate reported", surrogate_reported, enumerated_bound),
    Mutation("6", "spread instead of error", spread_instead_of_error, full_set),
    Mutation("7", "divided by the requested K", divided_by_the_requested_k, exact_iw),
    Mutation("8", "negative ELBO named ELBO", negative_elbo_under_the_name_elbo, exact_elbo),
    Mutation(
        "8",
        "negative ELBO named ELBO, without an exact answer",
        negative_elbo_under_the_name_elbo,
        degraded,
    ),
    Mutation("9", "weights inverted", weights_inverted, enumerated_bound),
    Mutation("10", "beta leaks into the bound", beta_leaks_into_the_bound, exact_elbo),
    Mutation(
        "10",
        "beta in the logged ELBO",
        beta_in_the_logged_elbo,
        lambda: objective_tests.test_the_logged_elbo_does_not_know_beta(4.0),
    ),
    Mutation("10", "mean over pixels", mean_over_pixels, exact_elbo),
    Mutation(
        "10",
        "mean over pixels in the loss",
        mean_over_pixels,
        objective_tests.test_the_loss_is_a_sum_over_pixels_and_a_mean_over_data,
    ),
    Mutation("11", "only the first batch", only_the_first_batch, full_set),
    Mutation(
        "12",
        "view used as a transpose",
        view_used_as_a_transpose,
        bounds_tests.test_kl_per_dim_names_the_right_dimension,
    ),
    Mutation("13", "saturating epsilon", saturating_epsilon, generator_gradient),
    Mutation(
        "13",
        "minimax named non-saturating",
        minimax_under_the_name_non_saturating,
        generator_gradient,
    ),
    Mutation("14", "sentinel for a failure", failed_rows_hold_a_sentinel, failed_row),
    Mutation("15", "last batch dropped", last_batch_dropped, full_set),
    Mutation("15", "survivors averaged", survivors_averaged, failed_row),
    Mutation(
        "16", "training's scaling in the bound", scaling_of_training_reaches_the_bound, exact_iw
    ),
    Mutation("21", "failed rows vanish", failed_rows_vanish, failed_row),
    Mutation("24", "ignored seed", ignored_seed, seeded_draws),
    Mutation("24", "one seed for all", seed_fixed_whatever_is_asked, another_seed),
    Mutation(
        "25",
        "wrong constant where the answer is not zero",
        log_det_forgotten,
        linear_tests.test_log_prob_is_the_density_of_the_marginal_gaussian,
    ),
    Mutation("26", "one draw for all K", one_draw_for_all_k, enumerated_bound),
    Mutation(
        "-",
        "evaluated in training mode",
        evaluated_in_training_mode,
        user_tests.test_the_users_modes_and_weights_are_left_as_they_were,
    ),
    Mutation(
        "-",
        "levels of a density added to a mass",
        levels_added_to_a_mass,
        likelihood_tests.test_a_mass_is_not_given_the_levels_of_a_density,
    ),
    Mutation(
        "-",
        "noise shared between blocks",
        noise_shared_between_blocks,
        runner_tests.test_data_in_different_blocks_have_noise_of_their_own,
    ),
    Mutation(
        "-",
        "unbiased covariance",
        unbiased_covariance,
        linear_tests.test_fit_finds_a_direction_whose_entries_sum_to_zero,
    ),
    Mutation(
        "-",
        "sum over pixels in the squared error",
        pixel_sum_in_the_squared_error,
        reconstruction_tests.test_the_mean_pixel_error_of_the_fitted_model_is_known,
    ),
]


RED = (AssertionError, pytest.fail.Exception)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: f"{m.number} {m.name}")
def test_mutation_turns_an_oracle_red(mutation, monkeypatch):
    mutation.oracle()
    mutation.inject(monkeypatch)
    with pytest.raises(RED):
        mutation.oracle()


def test_every_mutation_has_a_name_of_its_own():
    names = [mutation.name for mutation in MUTATIONS]
    assert len(set(names)) == len(names)
