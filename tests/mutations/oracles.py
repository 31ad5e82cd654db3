"""Tests of the other folders, as functions without arguments."""

import math

from torch.distributions import Distribution

from tests.evaluation import test_likelihood as likelihood_tests
from tests.evaluation import test_rows as rows_tests
from tests.evaluation import test_runner as runner_tests
from tests.inference import test_bounds as bounds_tests
from tests.objectives import test_adversarial as adversarial_tests


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
    checked, Distribution._validate_args = Distribution._validate_args, False
    try:
        runner_tests.test_a_value_that_is_not_finite_fails_the_row_and_names_the_datum(
            "elbo", math.nan
        )
    finally:
        Distribution._validate_args = checked


def full_set():
    runner_tests.test_n_is_the_full_set_and_the_last_partial_block_counts("elbo", dense=True)


def degraded(name="elbo"):
    runner_tests.test_a_degraded_decoder_scores_worse_in_the_declared_direction(name, dense=True)


def seeded_draws():
    runner_tests.test_same_seed_gives_the_same_numbers_whatever_the_global_generator(
        "elbo", dense=True
    )


def another_seed():
    runner_tests.test_another_seed_gives_other_numbers_unless_they_are_exact("elbo", dense=True)


def one_cache_per_model():
    rows_tests.test_what_is_kept_for_one_model_is_not_seen_by_another("parzen_log_likelihood")


def generator_gradient():
    adversarial_tests.test_generator_gradient_does_not_vanish_where_the_discriminator_is_sure(-25.0)
