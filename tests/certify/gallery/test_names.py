"""Each pattern on sums made by hand."""

import itertools
import math

import pytest
import torch

from genbench.certify.gallery.names import Change, Evidence, fault_of

IMAGES = torch.tensor(list(itertools.product([0.0, 1.0], repeat=3))).double()
HONEST = torch.full((8,), -math.log(8)).double()
"""Uniform over the eight images of three binary pixels."""


def evidence(values=HONEST, images=IMAGES, n_levels=2, **more):
    known = {"total": float(values.exp().sum()), "tolerance": 0.01}
    return Evidence(**known | {"values": values, "images": images, "n_levels": n_levels} | more)


def draws(at_one, change=0.0, **more):
    return {"unit": "draws", "at_one": at_one, "change": Change(change, 0.001), **more}


@pytest.mark.parametrize(
    ("found", "name"),
    [
        (evidence(), ""),
        (evidence(HONEST - math.log(2 * math.pi)), "a wrong constant of a Gaussian"),
        (evidence(HONEST / 3), "a mean over the pixels in place of the sum"),
        (evidence(HONEST + math.log(8) - 0.1), "a pixel is among what predicts it"),
        (evidence(HONEST + math.log(2), **draws(1.9)), "the KL is missing"),
        (evidence(HONEST + math.log(1.2), **draws(0.9)), "the surrogate of a gradient"),
        (evidence(HONEST - math.log(2), **draws(0.9, -0.1)), "weights of the wrong sign"),
        (
            evidence(HONEST + math.log(25), **draws(1.0, math.log(2))),
            "a sum over the draws in place of their mean",
        ),
        (
            evidence(HONEST + math.log(1.2), **draws(10.0, -0.2)),
            "more draws than the number that they are divided by",
        ),
        (
            evidence(HONEST, n_levels=0, unit="steps", change=Change(-0.5, 0.01)),
            "too few steps of the solver",
        ),
        (
            evidence(HONEST - math.log(5), n_levels=0, stretched=64 / 5),
            "a log-determinant of the wrong sign",
        ),
        (evidence(HONEST + math.log(1.3)), ""),
    ],
)
def test_a_pattern_has_its_name_and_an_honest_sum_has_none(found, name):
    assert fault_of(found) == name


def grey(values):
    """Three pixels of four levels."""
    levels = [0.0, 1 / 3, 2 / 3, 1.0]
    images = torch.tensor(list(itertools.product(levels, repeat=3))).double()
    return evidence(values(images), images, n_levels=4)


def test_a_cross_entropy_is_right_over_black_and_white_alone():
    found = grey(lambda x: torch.full((len(x),), 3 * math.log(0.5)).double())
    assert fault_of(found) == "a cross-entropy of grey pixels"


def test_a_density_of_scaled_levels_sums_to_their_number():
    density = grey(lambda x: (0.1 - (x - 0.5).square()).sum(dim=1))
    assert fault_of(density) == "the volume of the levels is missing"
