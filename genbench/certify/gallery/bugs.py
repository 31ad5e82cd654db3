"""Twelve bugs that were published: what each does, where it was found, and what unmasks it."""

from dataclasses import dataclass
from typing import Literal

from genbench.certify.gallery.claims import (
    Make,
    divided_by_the_request,
    elbo,
    grey_categories,
    grey_cross_entropy,
    importance_weighted,
    inverted_weights,
    log_of_the_sum,
    mean_over_pixels,
    of_vae,
    pixel_by_pixel,
    reconstruction,
    scaled_levels,
    solved,
    standardised,
    surrogate,
    wrong_constant,
)
from genbench.core.metric import Kind
from genbench.distributions.observation import Domain

Check = Literal["sum", "draws doubled", "steps doubled", "largest log-probability"]
DRAWS, FEW, STEPS = 25, 5, 1


@dataclass(frozen=True)
class Bug:
    """A published bug.

    Attributes:
        name: The fault, as :mod:`genbench.certify.gallery.names` calls it.
        claimed: What the number was published as.
        domain: Of the small world that it is shown on.
        make: The buggy claim.
        honest: What should stand in its place.
        unmasked_by: The check that it fails.
        story: What the code does, in a sentence or two.
        thread: Where it was found or asked about; empty where no thread is known.
        is_tight: Whether the claim is the log of an unbiased estimate of p(x), which sums to 1.
        effort: Draws or steps.
        unit: What the effort counts; empty where there is none.
    """

    name: str
    claimed: Kind
    domain: Domain
    make: Make
    honest: Make
    unmasked_by: Check
    story: str
    thread: str = ""
    is_tight: bool = False
    effort: int = 1
    unit: Literal["", "draws", "steps"] = ""


BUGS = (
    Bug(
        "a mean over the pixels in place of the sum",
        "lower_bound",
        "binary",
        mean_over_pixels,
        of_vae(elbo),
        "sum",
        "A cross-entropy that averages over pixels loses the factor that makes it a log-density."
        " The number looks like a likelihood per pixel, and passes for one of the image.",
        "https://github.com/keras-team/keras/pull/3383",
        effort=DRAWS,
        unit="draws",
    ),
    Bug(
        "the KL is missing",
        "lower_bound",
        "binary",
        of_vae(reconstruction),
        of_vae(elbo),
        "sum",
        "The reconstruction term alone was returned as the log-likelihood, until it was renamed to"
        " what it is.",
        "https://github.com/scverse/scvi-tools/pull/358",
        effort=DRAWS,
        unit="draws",
    ),
    Bug(
        "the surrogate of a gradient",
        "lower_bound",
        "binary",
        of_vae(surrogate),
        of_vae(importance_weighted),
        "sum",
        "Log-weights times normalised weights have the gradient of the importance-weighted bound."
        " Logged as its value, they lie above log p(x).",
        "https://github.com/AntixK/PyTorch-VAE/issues/34",
        effort=DRAWS,
        unit="draws",
    ),
    Bug(
        "a sum over the draws in place of their mean",
        "lower_bound",
        "binary",
        of_vae(log_of_the_sum),
        of_vae(importance_weighted),
        "sum",
        "The log-sum-exp of the log-weights without minus log K: each doubling of K gains log 2.",
        "https://github.com/YosefLab/scVI-dev/issues/8",
        effort=DRAWS,
        unit="draws",
    ),
    Bug(
        "more draws than the number that they are divided by",
        "lower_bound",
        "binary",
        divided_by_the_request,
        of_vae(importance_weighted),
        "sum",
        "Draws come in chunks. K is rounded up to whole chunks, and the sum is divided by the K"
        " that was asked for.",
        effort=DRAWS,
        unit="draws",
        is_tight=True,
    ),
    Bug(
        "a wrong constant of a Gaussian",
        "lower_bound",
        "binary",
        of_vae(wrong_constant),
        of_vae(importance_weighted),
        "sum",
        "A density of the latents divides by 2 pi sigma, not by its root. Training does not notice;"
        " every weight is too small by the same factor.",
        "https://github.com/mori97/VaDE/issues/5",
        effort=DRAWS,
        unit="draws",
        is_tight=True,
    ),
    Bug(
        "weights of the wrong sign",
        "lower_bound",
        "binary",
        of_vae(inverted_weights),
        of_vae(importance_weighted),
        "draws doubled",
        "The log-sum-exp runs over negative log-likelihoods, so the worst draw has the largest"
        " weight.",
        "https://github.com/phlippe/CategoricalNF/issues/2",
        effort=FEW,
        unit="draws",
    ),
    Bug(
        "a pixel is among what predicts it",
        "exact",
        "binary",
        pixel_by_pixel(sees_itself=True),
        pixel_by_pixel(sees_itself=False),
        "sum",
        "The first layer has the mask of the others. Training is fast, every image is nearly"
        " certain, and samples are black.",
        "https://github.com/o-tawab/Video-Pixel-Networks/issues/1",
    ),
    Bug(
        "a log-determinant of the wrong sign",
        "exact",
        "unit_interval",
        standardised(1.0),
        standardised(-1.0),
        "sum",
        "A transform and its inverse share one formula for the log-determinant, in which the sign"
        " was not turned; the test had a determinant of 1.",
        "https://github.com/danielward27/flowjax/issues/208",
    ),
    Bug(
        "the volume of the levels is missing",
        "lower_bound",
        "grey_levels",
        scaled_levels(volume=False),
        scaled_levels(volume=True),
        "largest log-probability",
        "Pixels are scaled to 0..1 before a density is fitted, and the log of the number of levels"
        " is not taken off for each of them: code lengths fall below zero.",
        "https://github.com/MokkeMeguru/glow-realnvp-tutorial/issues/2",
    ),
    Bug(
        "a cross-entropy of grey pixels",
        "exact",
        "grey_levels",
        grey_cross_entropy,
        grey_categories,
        "sum",
        "Grey pixels in a Bernoulli decoder: probabilities of 0 and 1 sum to one, and every level"
        " between them comes on top.",
        "https://github.com/pyro-ppl/pyro/issues/529",
    ),
    Bug(
        "too few steps of the solver",
        "exact",
        "unit_interval",
        solved,
        standardised(-1.0),
        "steps doubled",
        "The density of a flow is an integral over time. With a step or a few it is not the density"
        " of anything.",
        "https://github.com/LuChengTHU/dpm-solver/issues/35",
        effort=STEPS,
        unit="steps",
    ),
)
