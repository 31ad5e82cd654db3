"""Tests of sample metrics, as functions without arguments."""

from genbench.samples import vendi
from tests.evaluation import test_sample_quality as quality_tests
from tests.samples import test_kid as kid_tests
from tests.samples import test_memorisation as memorisation_tests
from tests.samples.drawn import normal
from tests.samples.sizes import Sizes


def kernel_intervals():
    kid_tests.test_the_mean_is_the_closed_form_and_intervals_cover_it(kid_tests.distances())


def normal_z():
    memorisation_tests.test_z_is_standard_normal_without_copying(
        memorisation_tests.without_copying()
    )


def small_matrix():
    """No intermediate result of the Vendi score is larger than the features."""
    x = normal(0, 500, 8)
    with Sizes() as sizes:
        vendi.vendi_score(x)
    assert sizes.largest == x.numel()


def far_images_score_worse():
    good = {"kid": quality_tests.row("kid")}
    quality_tests.test_images_that_are_nowhere_near_the_data_score_worse("kid", good)
