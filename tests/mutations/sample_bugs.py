"""Bugs in published measures of samples, injected into ours."""

from itertools import cycle

import torch

from genbench.core.estimate import Estimate
from genbench.data.archives import scale
from genbench.evaluation import generated
from genbench.samples import frechet, kid, memorisation, sliced, vendi
from genbench.samples.frechet import Moments
from genbench.samples.memorisation import NearestTraining
from genbench.samples.neighbours import Neighbourhoods, nearest
from tests.data.archives import test_scale as scale_tests
from tests.evaluation import test_generated as generated_tests
from tests.mutations.mutation import Mutation
from tests.mutations.sample_oracles import (
    far_images_score_worse,
    kernel_intervals,
    normal_z,
    small_matrix,
)
from tests.samples import test_balls as balls_tests
from tests.samples import test_frechet as frechet_tests
from tests.samples import test_kid as kid_tests
from tests.samples import test_memorisation as memorisation_tests
from tests.samples import test_sliced as sliced_tests

REAL_INTENSITIES = scale.Scale.intensities
REAL_SHOWN = generated.shown
REAL_HALVES = frechet._halves
REAL_MOMENTS = frechet.moments
REAL_SQUARED_DISTANCE = frechet.squared_distance
REAL_WITHIN = kid.sums_within
REAL_ORDERED = sliced._ordered
REAL_SAMPLES_IN_BALLS = Neighbourhoods.samples_in_balls
REAL_REFERENCE_IN_BALLS = Neighbourhoods.reference_in_balls


def only_the_samples_are_halved(patch):
    sides = cycle((REAL_HALVES, lambda y, draws: (y, y)))
    patch.setattr(frechet, "_halves", lambda x, draws: next(sides)(x, draws))


def precision_and_recall_swapped(patch):
    patch.setattr(Neighbourhoods, "samples_in_balls", REAL_REFERENCE_IN_BALLS)
    patch.setattr(Neighbourhoods, "reference_in_balls", REAL_SAMPLES_IN_BALLS)


def spread_of_subsets_as_the_error(patch):
    sets = {}
    patch.setattr(kid, "require_sets", lambda x, y: sets.update(x=x, y=y))

    def estimate(value, stderr, n):
        draws = torch.Generator().manual_seed(0)
        subsets = [
            [each[torch.randperm(len(each), generator=draws)[:50]] for each in sets.values()]
            for _ in range(20)
        ]
        distances = [_mean_distance(*subset) for subset in subsets]
        return Estimate(value, float(torch.stack(distances).std()), n)

    patch.setattr(kid, "Estimate", estimate)


def _mean_distance(x, y):
    within = [
        REAL_WITHIN(each, kid.cubic_kernel, kid.ROWS).mean() / (len(each) - 1) for each in (x, y)
    ]
    return within[0] + within[1] - 2 * kid.cubic_kernel(x, y).mean()


def pairs_of_a_row_with_itself(patch):
    def within(x, *how):
        own = (x.square().sum(dim=1) / x.shape[1] + 1) ** 3
        return (REAL_WITHIN(x, *how) + own) * (len(x) - 1) / len(x)

    patch.setattr(kid, "sums_within", within)


def own_distance_of_another_row(patch):
    def own_distances(near):
        rows = torch.arange(len(near.training))
        return nearest(near.training, near.training, 1, own=rows).distances[: len(near.images), 0]

    patch.setattr(NearestTraining, "own_distances", property(own_distances))


def z_of_cells_averaged(patch):
    def average(cells):
        return sum(w * z for w, z in cells) / sum(w for w, _ in cells)

    patch.setattr(memorisation, "combined_z", average)


def matrix_of_all_pairs(patch):
    def score(x):
        directions = vendi._directions(x)
        values = torch.linalg.eigvalsh(directions @ directions.T / len(x)).clamp(min=0)
        return Estimate(float(torch.special.entr(values).sum().exp()), None, len(x))

    patch.setattr(vendi, "vendi_score", score)


def covariance_over_n(patch):
    def moments(x):
        mean, covariance = REAL_MOMENTS(x)
        return Moments(mean, covariance * (len(x) - 1) / len(x))

    patch.setattr(frechet, "moments", moments)


def only_two_moments_along_a_line(patch):
    def ordered(along, rank):
        _, rows = REAL_ORDERED(along, rank)
        levels = (rank + 0.5) / along.shape[1]
        normal = torch.special.ndtri(levels.double())
        mean, deviation = along.mean(dim=1), along.std(dim=1)
        return mean[:, None] + deviation[:, None] * normal, rows

    patch.setattr(sliced, "_ordered", ordered)


def a_little_added_to_one_covariance(patch):
    def distance(p, q):
        return REAL_SQUARED_DISTANCE(
            Moments(p.mean, p.covariance + 1e-6 * torch.eye(len(p.mean))), q
        )

    patch.setattr(frechet, "squared_distance", distance)


def range_of_its_own_for_each_image(patch):
    def stretched(images, shape):
        low, high = images.flatten(1).aminmax(dim=1, keepdim=True)
        return REAL_SHOWN((images.flatten(1) - low) / (high - low), shape)

    patch.setattr(generated, "shown", stretched)


def range_of_its_own_for_each_image_that_is_read(patch):
    def intensities(rule, values):
        read = REAL_INTENSITIES(rule, values)
        axes = tuple(range(1, read.ndim))
        low, high = read.min(axis=axes, keepdims=True), read.max(axis=axes, keepdims=True)
        return (read - low) / (high - low)

    patch.setattr(scale.Scale, "intensities", intensities)


def reference_scored_as_the_samples(patch):
    patch.setattr(generated.Generated, "features", property(lambda self: self.compared))


SAMPLE_BUGS = [
    Mutation(
        "31",
        "only the samples are halved",
        only_the_samples_are_halved,
        frechet_tests.test_the_interval_covers_0_for_equal_distributions,
    ),
    Mutation(
        "32",
        "precision and recall swapped",
        precision_and_recall_swapped,
        balls_tests.test_one_mode_of_two_has_precision_but_not_recall,
    ),
    Mutation(
        "33", "spread of subsets as the error", spread_of_subsets_as_the_error, kernel_intervals
    ),
    Mutation(
        "34",
        "pairs of a row with itself",
        pairs_of_a_row_with_itself,
        kid_tests.test_equal_distributions_have_the_mean_0_on_both_sides_of_it,
    ),
    Mutation(
        "35",
        "own distance of another row",
        own_distance_of_another_row,
        memorisation_tests.test_the_own_distance_is_that_of_the_nearest_training_image,
    ),
    Mutation("36", "z of the cells averaged", z_of_cells_averaged, normal_z),
    Mutation("37", "matrix of all pairs", matrix_of_all_pairs, small_matrix),
    Mutation(
        "38",
        "covariance over n",
        covariance_over_n,
        frechet_tests.test_gaussians_along_different_axes_have_the_distance_by_the_matrix_square_root,
    ),
    Mutation(
        "39",
        "only two moments along a line",
        only_two_moments_along_a_line,
        sliced_tests.test_points_on_a_line_are_told_apart_though_mean_and_variance_agree,
    ),
    Mutation(
        "40",
        "a little added to one covariance",
        a_little_added_to_one_covariance,
        frechet_tests.test_a_set_has_the_distance_0_from_itself,
    ),
    Mutation(
        "41",
        "a range of its own for each image",
        range_of_its_own_for_each_image,
        generated_tests.test_what_is_stored_is_drawn_once_each_and_is_as_many_as_there_are,
    ),
    Mutation(
        "41",
        "a range of its own for each image that is read",
        range_of_its_own_for_each_image_that_is_read,
        scale_tests.test_levels_of_the_data_are_read_as_such,
    ),
    Mutation(
        "42",
        "the reference is scored as the samples",
        reference_scored_as_the_samples,
        far_images_score_worse,
    ),
]
