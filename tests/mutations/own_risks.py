"""Bugs that would be new, at places where this code could have them."""

import math
from dataclasses import replace

import torch
from torch import nn

from genbench.core import seeding
from genbench.data.own import splitting
from genbench.evaluation import collection, decomposition, label_sum, likelihood, runner, spec
from genbench.evaluation.spec import PerDatum, evaluators
from genbench.inference.ais import AisResult
from genbench.inference.weights import ImportanceWeights
from genbench.models import linear_gaussian
from tests.data.own import test_splitting as splitting_tests
from tests.evaluation import test_annealing as annealing_tests
from tests.evaluation import test_decomposition as decomposition_tests
from tests.evaluation import test_importance as importance_tests
from tests.evaluation import test_label_sum as label_sum_tests
from tests.evaluation import test_likelihood as likelihood_tests
from tests.evaluation import test_reconstruction as reconstruction_tests
from tests.evaluation import test_rows as rows_tests
from tests.evaluation import test_runner as runner_tests
from tests.evaluation import test_user as user_tests
from tests.evaluation.helpers import Everything
from tests.inference import test_ais as ais_tests
from tests.inference import test_weights as weights_tests
from tests.models import test_linear_gaussian as linear_tests
from tests.mutations.mutation import Mutation

REAL_SAMPLED_TERMS = spec.Block.elbo_terms
REAL_HEALTH = collection.summarise_health
REAL_ORDER = splitting.drawn_order
REAL_FREQUENCIES = label_sum._label_frequencies


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
    real = linear_gaussian._components

    def components(flat, latent_dim):
        values, vectors = real(flat, latent_dim)
        return values * len(flat) / (len(flat) - 1), vectors

    patch.setattr(linear_gaussian, "_components", components)


def pixel_sum_in_the_squared_error(patch):
    real = evaluators["reconstruction_mse"]

    def summed(block, options):
        return PerDatum(real.function(block, options).values * block.x[0].numel())

    patch.setitem(evaluators._entries, "reconstruction_mse", replace(real, function=summed))


def label_frequencies_forgotten(patch):
    patch.setattr(label_sum, "_label_frequencies", lambda block: 0 * REAL_FREQUENCIES(block))


def pilots_in_place_of_draws(patch):
    patch.setattr(label_sum, "LEAST_SHARE", 0.1)


def k_hat_lost(patch):
    def healthy(health):
        return {k: v for k, v in REAL_HEALTH(health).items() if not k.startswith("k_hat")}

    patch.setattr(collection, "summarise_health", healthy)


def k_hat_never_bad(patch):
    def healthy(health):
        found = REAL_HEALTH(health)
        return found | {"k_hat_bad": 0.0} if "k_hat" in found else found

    patch.setattr(collection, "summarise_health", healthy)


def weights_in_place_of_their_inverses(patch):
    """The upper bound becomes a lower one of the reverse chains, with the wrong sign."""
    patch.setattr(AisResult, "inverse_weights", AisResult.weights)


def lower_less_upper(patch):
    real = evaluators["bdmc_gap"]

    def negated(block, options):
        return replace(found := real.function(block, options), values=-found.values)

    patch.setitem(evaluators._entries, "bdmc_gap", replace(real, function=negated))


def parts_do_not_add_up(patch):
    patch.setattr(decomposition, "with_known_sum", lambda parts, total: parts)


def only_the_first_data(patch):
    def first(n_all, n, start, size):
        return torch.arange(start, start + size).clamp(max=n - 1)

    patch.setattr(runner, "_spaced", first)


def variance_not_divided_by_the_data(patch):
    real = collection.mean_error

    def mean_error(variances):
        found = real(variances)
        return found._replace(stderr=found.stderr and found.stderr * math.sqrt(len(variances)))

    patch.setattr(collection, "mean_error", mean_error)


def variance_not_divided_by_the_draws(patch):
    real = ImportanceWeights.variance

    def variance(self):
        found = real(self)
        return None if found is None else found * self.n_samples

    patch.setattr(ImportanceWeights, "variance", variance)


def bias_not_removed(patch):
    patch.setattr(ImportanceWeights, "extrapolated", ImportanceWeights.log_mean)


def split_seed_ignored(patch):
    def order(digests, labels, start):
        return REAL_ORDER(digests, labels, "0 ")

    patch.setattr(splitting, "drawn_order", order)


def given_parts_left_out_of_the_digest(patch):
    patch.setattr(splitting, "given_parts", lambda images: 0 * images.parts)


OWN_RISKS = [
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
    Mutation(
        "-",
        "label frequencies forgotten",
        label_frequencies_forgotten,
        lambda: label_sum_tests.test_the_label_marginal_is_exact_where_the_conditionals_are(None),
    ),
    Mutation(
        "-",
        "a label with much mass is left with its pilots",
        pilots_in_place_of_draws,
        lambda: label_sum_tests.test_the_mean_of_the_estimate_is_at_most_px_and_little_less(
            None, 0.03
        ),
    ),
    Mutation(
        "-",
        "k-hat lost",
        k_hat_lost,
        lambda: importance_tests.test_weighted_numbers_come_with_their_health("iw_log_likelihood"),
    ),
    Mutation(
        "-", "k-hat never bad", k_hat_never_bad, importance_tests.test_a_narrow_posterior_is_flagged
    ),
    Mutation(
        "-",
        "weights in place of their inverses",
        weights_in_place_of_their_inverses,
        annealing_tests.test_ais_from_the_true_posterior_is_exact,
    ),
    Mutation(
        "-",
        "weights in place of their inverses, in the bracket",
        weights_in_place_of_their_inverses,
        lambda: ais_tests.test_forward_and_reverse_bracket_log_px("posterior"),
    ),
    Mutation(
        "-",
        "lower less upper",
        lower_less_upper,
        lambda: annealing_tests.test_the_gap_is_positive_and_shrinks_with_more_temperatures(
            "posterior"
        ),
    ),
    Mutation(
        "-",
        "parts of the KL that do not add up",
        parts_do_not_add_up,
        lambda: decomposition_tests.test_the_parts_add_up_to_the_kl_of_the_same_data(
            Everything(), 50
        ),
    ),
    Mutation(
        "-",
        "only the first data",
        only_the_first_data,
        lambda: rows_tests.test_a_tail_that_differs_is_seen_by_every_evaluator_of_fewer_data(
            "kl_decomposition"
        ),
    ),
    Mutation(
        "-",
        "Monte-Carlo variance not divided by the data",
        variance_not_divided_by_the_data,
        lambda: rows_tests.test_the_monte_carlo_error_is_the_analytic_one("iw_log_likelihood"),
    ),
    Mutation(
        "-",
        "Monte-Carlo variance not divided by the draws",
        variance_not_divided_by_the_draws,
        lambda: rows_tests.test_the_monte_carlo_error_is_the_analytic_one("prior_log_likelihood"),
    ),
    Mutation(
        "-",
        "bias of order 1/K not removed",
        bias_not_removed,
        weights_tests.test_extrapolation_takes_out_the_bias_of_order_one_over_k,
    ),
    Mutation(
        "-",
        "the seed of a split ignored",
        split_seed_ignored,
        splitting_tests.test_another_seed_draws_another_test_set,
    ),
    Mutation(
        "-",
        "given splits left out of the digest",
        given_parts_left_out_of_the_digest,
        splitting_tests.test_every_pixel_label_part_level_and_dimension_is_in_the_digest,
    ),
]
