"""The bugs of the collection, by their numbers."""

import math
from contextlib import contextmanager
from dataclasses import replace

import torch

from genbench.core import estimate, seeding
from genbench.core.estimate import Estimate
from genbench.evaluation import runner, samples, spec, user
from genbench.evaluation.spec import PerDatum, evaluators
from genbench.inference import ais, bounds
from genbench.inference.hmc import Transitions
from genbench.inference.streaming import StreamingLogMeanExp
from genbench.models.linear_gaussian import LinearGaussian
from genbench.objectives import adversarial
from genbench.objectives import elbo as elbo_objective
from genbench.objectives import importance as importance_objective
from genbench.runs import assume
from tests.evaluation import test_samples as samples_tests
from tests.evaluation import test_user as user_tests
from tests.inference import test_ais as ais_tests
from tests.inference import test_bounds as bounds_tests
from tests.models import test_linear_gaussian as linear_tests
from tests.mutations.mutation import Mutation
from tests.mutations.oracles import (
    another_seed,
    degraded,
    enumerated_bound,
    exact_elbo,
    exact_iw,
    exactly_k,
    exactly_one,
    failed_row,
    full_set,
    generator_gradient,
    one_cache_per_model,
    seeded_draws,
)
from tests.objectives import test_elbo as objective_tests
from tests.objectives import test_importance as importance_tests
from tests.runs import test_assume as assume_tests

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
REAL_ADD = runner.Collected.add
REAL_MEAN = estimate.mean_and_stderr
REAL_RESULT = StreamingLogMeanExp.result


def flipped_sign(patch):
    patch.setattr(bounds.ImportanceWeights, "log_mean", lambda self: -REAL_LOG_MEAN(self))


def k_rounded_to_the_chunk(patch):
    def weigh(model, x, n_samples, chunk_size, stream, *proposal):
        whole = max(chunk_size, n_samples // chunk_size * chunk_size)
        return REAL_WEIGH(model, x, whole, chunk_size, stream, *proposal)

    patch.setattr(bounds, "importance_weights", weigh)


def encoder_rerun_for_every_chunk(patch):
    def weights(model, x, z, q):
        return REAL_WEIGHTS(model, x, z, bounds.posterior_of(model, x))

    patch.setattr(bounds, "log_weights", weights)


def grey_pixels_accepted(patch):
    patch.setattr(user.evaluating, "check_data", lambda *args: "")


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

    patch.setattr(runner, "mean_and_stderr", mean)


def divided_by_the_requested_k(patch):
    def weigh(model, x, n_samples, chunk_size, stream, proposal):
        drawn = math.ceil(n_samples / chunk_size) * chunk_size
        weights = REAL_WEIGH(model, x, drawn, chunk_size, stream, proposal)
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
    patch.setattr(StreamingLogMeanExp, "result", lambda self: -REAL_RESULT(self))


def beta_leaks_into_the_bound(patch):
    def terms(*args, **options):
        found = REAL_TERMS(*args, **options)
        return found._replace(kl=4 * found.kl)

    patch.setattr(spec, "elbo_terms", terms)


def beta_in_the_logged_elbo(patch):
    real = elbo_objective.NegativeElbo

    def factory(beta=1.0, warmup_epochs=0.0):
        def objective(model, batch):
            loss = real(beta, warmup_epochs)(model, batch)
            return loss._replace(logged={**loss.logged, "elbo": -loss.value})

        return objective

    patch.setattr(objective_tests, "NegativeElbo", factory)


def mean_over_pixels(patch):
    def per_pixel(model, x, z, latent_ndim):
        return REAL_LOG_PX_Z(model, x, z, latent_ndim) / x[0].numel()

    patch.setattr(bounds, "log_px_given_z", per_pixel)


def only_the_first_batch(patch):
    def add(self, piece, n_left):
        if not self.pieces:
            REAL_ADD(self, piece, n_left)

    patch.setattr(runner.Collected, "add", add)


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

    patch.setattr(adversarial, "NsGanGenerator", factory)


def failed_rows_hold_a_sentinel(patch):
    def row(task, metric, found, result=None):
        real = REAL_ROW(task, metric, found, result)
        return replace(real, status="ok", value=4242.0) if real.status == "failed" else real

    patch.setattr(runner, "_row", row)


def last_batch_dropped(patch):
    def block(part, results, n_left):
        if n_left >= runner.DATA_BLOCK:
            REAL_BLOCK(part, results, n_left)

    patch.setattr(runner, "_evaluate_block", block)


def survivors_averaged(patch):
    def mean(values):
        kept = values[torch.isfinite(values)]
        return Estimate(kept.mean().item(), 0.0, len(kept))

    patch.setattr(runner, "mean_and_stderr", mean)


def mean_of_block_means(patch):
    """A last block of one datum counts as much as all the others."""

    def mean(values):
        means = torch.stack([block.double().mean() for block in values.split(runner.DATA_BLOCK)])
        return replace(REAL_MEAN(values), value=means.mean().item())

    patch.setattr(runner, "mean_and_stderr", mean)


def scaling_of_training_reaches_the_bound(patch):
    def scaled(model, x, z, latent_ndim):
        return 0.5 * REAL_LOG_PX_Z(model, x, z, latent_ndim)

    patch.setattr(bounds, "log_px_given_z", scaled)


def failed_rows_vanish(patch):
    def finish(task, found, stream):
        outcome = REAL_FINISH(task, found, stream)
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


def log_det_forgotten(patch):
    real = LinearGaussian.log_prob

    def log_prob(self, x):
        m = self.W.square().sum(dim=0) + self.s2
        return real(self, x) + 0.5 * m.log().sum()

    patch.setattr(LinearGaussian, "log_prob", log_prob)


def weights_are_a_softmax_of_the_loss(patch):
    """The worst draw pulls hardest: the weights are those of -log w."""

    def surrogate(log_w):
        share = (-log_w).detach().softmax(dim=0)
        return (share * log_w).sum(dim=0)

    patch.setattr(importance_objective, "log_mean_exp", surrogate)


def beta_reaches_the_weights(patch):
    def weights(model, x, z, q):
        log_px_z = REAL_LOG_PX_Z(model, x, z, 1)
        return log_px_z + 4 * (REAL_WEIGHTS(model, x, z, q) - log_px_z)

    patch.setattr(bounds, "log_weights", weights)


def step_size_adapts_inside_the_weighted_chain(patch):
    class Adapting(Transitions):
        scale = 1.0

        def __call__(self, state, beta, step_size, stream):
            found = super().__call__(state, beta, step_size * self.scale, stream)
            self.scale *= 1.02 if found[1].mean().item() > 0.65 else 0.98
            return found

    patch.setattr(ais, "Transitions", Adapting)


def the_weighted_chains_are_their_own_pilot(patch):
    def unpiloted(path, z, pilot, plan, stream):
        return ais.ais(path, z, z, plan, stream)

    patch.setattr(ais_tests, "ais", unpiloted)


def parzen_scale_chosen_on_the_test_data(patch):
    real = evaluators["parzen_log_likelihood"]

    def leaky(block, options):
        block.context.validation = block.x
        return real.function(block, options)

    patch.setitem(evaluators._entries, "parzen_log_likelihood", replace(real, function=leaky))


def assumed_scale_chosen_on_the_test_data(patch):
    real = assume._choose_scale

    class Leaky:
        def __init__(self, dataset):
            self.image_shape = dataset.image_shape
            self.held_out = lambda split: dataset.held_out("test")

    def leaky(inner, options, dataset, stream):
        return real(inner, options, Leaky(dataset), stream)

    patch.setattr(assume, "_choose_scale", leaky)


def one_cache_for_all_models(patch):
    shared, real = {}, spec.Context.__init__

    def init(self, *args, **known):
        real(self, *args, **known)
        self.cache = shared

    patch.setattr(spec.Context, "__init__", init)


def the_reference_is_scored_as_the_model(patch):
    def reference(context, name, draw, start, stop, **_):
        flat = context.validation.flatten(1)
        return flat[torch.arange(start, stop) % len(flat)]

    patch.setattr(samples, "cached_draws", reference)


FIELD_BUGS = [
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
    Mutation(
        "9",
        "weights are a softmax of the loss",
        weights_are_a_softmax_of_the_loss,
        importance_tests.test_weights_are_of_log_w_and_the_best_sample_counts_most,
    ),
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
    Mutation("15", "mean of block means", mean_of_block_means, full_set),
    Mutation("15", "survivors averaged", survivors_averaged, failed_row),
    Mutation(
        "16", "training's scaling in the bound", scaling_of_training_reaches_the_bound, exact_iw
    ),
    Mutation("16", "beta in the weights", beta_reaches_the_weights, exact_iw),
    Mutation(
        "17",
        "step size adapts inside the weighted chain",
        step_size_adapts_inside_the_weighted_chain,
        ais_tests.require_frozen_step_sizes,
    ),
    Mutation(
        "17",
        "the weighted chains are their own pilot",
        the_weighted_chains_are_their_own_pilot,
        ais_tests.test_step_sizes_depend_on_the_pilot_alone,
    ),
    Mutation(
        "18",
        "Parzen scale chosen on the test data",
        parzen_scale_chosen_on_the_test_data,
        samples_tests.test_the_scale_does_not_move_when_the_test_data_change,
    ),
    Mutation(
        "18",
        "scale of assumed noise chosen on the test data",
        assumed_scale_chosen_on_the_test_data,
        assume_tests.test_the_test_data_do_not_move_the_choice,
    ),
    Mutation("19", "one cache for all models", one_cache_for_all_models, one_cache_per_model),
    Mutation(
        "19",
        "the reference is scored as the model",
        the_reference_is_scored_as_the_model,
        lambda: degraded("parzen_log_likelihood"),
    ),
    Mutation(
        "19",
        "the reference is compared with the data",
        the_reference_is_scored_as_the_model,
        lambda: degraded("mmd2"),
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
]
