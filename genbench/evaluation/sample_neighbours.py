"""Evaluators of generated images by their neighbours: what is missing, and what is copied."""

from typing import ClassVar

from genbench.core.capabilities import Generative, Samples
from genbench.core.estimate import Estimate
from genbench.core.options import Count
from genbench.evaluation.generated import NOTE, Generated
from genbench.evaluation.sample_quality import SampleOptions
from genbench.evaluation.spec import evaluator
from genbench.evaluation.values import Noted
from genbench.samples import balls, memorisation


class BallOptions(SampleOptions):
    """Balls around images reach to a neighbour of their own set.

    Attributes:
        k: Which neighbour, the nearest is the first.
    """

    names: ClassVar[dict[str, str]] = {"n_samples": ""}
    k: Count = balls.PRECISION_K


class CoverageOptions(BallOptions):
    """The same; by default the ball reaches to the fifth neighbour."""

    k: Count = balls.DENSITY_K


@evaluator(
    name="precision",
    version=2,
    needs=(Samples, Generative),
    of="samples",
    unit="share",
    better="higher",
    kind="estimate",
    title="Precision",
    formula="share of samples in a ball around a training image",
    cites=("Kynkaanniemi2019:eq2",),
    options=BallOptions,
    place=720,
    role="detail",
    plot="none",
    note=NOTE,
    margin=0.05,
)
def precision(generated: Generated, options: BallOptions) -> Estimate:
    """Share of the samples that look like a training image; it sees nothing that is missing."""
    return balls.precision(generated.near(options.k), options.k)


@evaluator(
    name="recall",
    version=2,
    needs=(Samples, Generative),
    of="samples",
    unit="share",
    better="higher",
    kind="estimate",
    title="Recall",
    formula="share of training images in a ball around a sample",
    cites=("Kynkaanniemi2019:eq2",),
    options=BallOptions,
    place=730,
    role="detail",
    plot="none",
    note=NOTE,
    margin=0.05,
)
def recall(generated: Generated, options: BallOptions) -> Estimate:
    """Share of the training images that look like a sample; a few wild samples raise it."""
    return balls.recall(generated.near(options.k), options.k)


@evaluator(
    name="density",
    version=2,
    needs=(Samples, Generative),
    of="samples",
    unit="balls",
    better="higher",
    kind="estimate",
    title="Density",
    formula="mean number of balls around training images that hold a sample / k",
    cites=("Naeem2020:eq4",),
    options=CoverageOptions,
    place=740,
    role="detail",
    plot="none",
    note=NOTE,
    margin=0.1,
)
def density(generated: Generated, options: CoverageOptions) -> Estimate:
    """How densely samples lie among the training images: 1 for equal distributions."""
    return balls.density(generated.near(options.k), options.k)


@evaluator(
    name="coverage",
    version=2,
    needs=(Samples, Generative),
    of="samples",
    unit="share",
    better="higher",
    kind="estimate",
    title="Coverage",
    formula="share of balls around training images that hold a sample",
    cites=("Naeem2020:eq5",),
    options=CoverageOptions,
    place=750,
    role="detail",
    plot="none",
    note=NOTE,
    margin=0.05,
)
def coverage(generated: Generated, options: CoverageOptions) -> Estimate:
    """Share of the training images that have a sample near by; what is missing lowers it.

    For equal distributions and as many samples as images it is 1 − 2⁻ᵏ, about, not 1.
    """
    near = generated.near(options.k)
    found = balls.coverage(near, options.k)
    null = balls.coverage_null(len(near.samples), len(near.reference), options.k)
    return Noted(found.value, found.stderr, found.n, health={"null": null})


@evaluator(
    name="authenticity",
    version=2,
    needs=(Samples, Generative),
    of="samples",
    unit="share",
    better="none",
    kind="estimate",
    title="Authenticity",
    formula="share of samples farther from a training image than that one is from its nearest",
    cites=("Alaa2022:sec4",),
    options=SampleOptions,
    place=800,
    role="detail",
    plot="none",
    note=NOTE,
    margin=0.05,
)
def authenticity(generated: Generated, options: SampleOptions) -> Estimate:
    """Share of the samples that are no near copy of a training image: 0 for copies.

    Read it beside the real held-out images: what is far from all data is authentic, too.
    """
    return memorisation.authenticity(generated.near_training)


@evaluator(
    name="memorisation_z",
    version=2,
    needs=(Samples, Generative),
    of="samples",
    unit="standard deviations",
    better="none",
    kind="estimate",
    title="Memorisation",
    formula="Mann-Whitney Z of distances to the training images, samples against held-out images",
    cites=("Meehan2020:sec3",),
    options=SampleOptions,
    place=810,
    role="detail",
    plot="none",
    note=NOTE,
    margin=2.0,
)
def memorisation_z(generated: Generated, options: SampleOptions) -> Estimate:
    """Whether samples are nearer to the training images than held-out images are: below −3, copies.

    About 0 for real images, above where samples are farther from the data.
    """
    shared = generated.shared
    test = memorisation.copying_test(generated.near_training, shared.held_out, shared.cells)
    return Noted(test.z, 1.0, generated.n, test.remark, {"p_value": test.p_value})
