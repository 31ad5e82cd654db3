"""Evaluators of generated images as a whole: distances to the training images, classes, diversity.

Samples and training images are compared in a feature space, whose name stands in the column.
"""

from typing import ClassVar

from genbench.core.capabilities import Generative, Samples
from genbench.core.estimate import Estimate
from genbench.core.options import Count
from genbench.core.texts import few
from genbench.evaluation.generated import N_SAMPLES, NOTE, Generated
from genbench.evaluation.spec import EvaluatorOptions, Sizes, evaluator
from genbench.evaluation.values import Noted
from genbench.features.spaces import AUTO, PCA
from genbench.samples import classes, sliced, two_samples
from genbench.samples.frechet import frechet_distance, frechet_extrapolated
from genbench.samples.kid import kernel_distance
from genbench.samples.vendi import vendi_score

_FEATURES = 64
"""Numbers of an image in a feature space, about."""


class SampleOptions(EvaluatorOptions):
    """The images that are drawn of each model, and the space in which they are compared.

    Attributes:
        n_samples: Images of each model; at most as many as there are test images.
        features: ``auto`` is the classifier of the data's family, else a network that is trained on
            the labels, else principal components; ``pca`` are principal components; or the name
            of a space.
    """

    names: ClassVar[dict[str, str]] = {"n_samples": ""}
    n_samples: Count = N_SAMPLES
    features: str = AUTO

    def n_bytes(self, sizes: Sizes) -> int:
        """Return the size of the images and of their features."""
        return min(self.n_samples, sizes.n) * (4 * sizes.n_pixels + 8 * _FEATURES)


class TwoSampleOptions(SampleOptions):
    """The same, and the classifier.

    Attributes:
        classifier: ``net`` with one hidden layer, or ``logistic`` regression.
    """

    names: ClassVar[dict[str, str]] = {"n_samples": ""}
    classifier: two_samples.Classifier = "net"


class PixelOptions(SampleOptions):
    """The same, by default with principal components: they see blur that a classifier overlooks."""

    features: str = PCA


@evaluator(
    name="fd_infinity",
    version=2,
    needs=(Samples, Generative),
    of="samples",
    unit="squared distance",
    better="lower",
    kind="estimate",
    title="Fréchet distance, extrapolated to infinitely many samples",
    formula="2 FD(n) − mean FD(n/2),  both sides halved",
    cites=("Chong2020:sec4",),
    options=SampleOptions,
    place=700,
    plot="none",
    note=NOTE,
    margin=1.0,
    leaderboard="samples",
    short="FD∞",
)
def fd_infinity(generated: Generated, options: SampleOptions) -> Estimate:
    """Fréchet distance of samples to training images without the bias of finitely many: 0 is best.

    Copies of training images have the smallest distance: read it beside a number of memorisation.
    """
    return frechet_extrapolated(generated.features, generated.training, generated.stream)


@evaluator(
    name="fd",
    version=2,
    needs=(Samples, Generative),
    of="samples",
    unit="squared distance",
    better="lower",
    kind="upper_bound",
    title="Fréchet distance",
    formula="|m₁ − m₂|² + tr(S₁ + S₂ − 2 (S₁ S₂)^½)",
    cites=("Heusel2017:eq6",),
    options=SampleOptions,
    place=705,
    role="detail",
    plot="none",
    note=NOTE,
    margin=1.0,
)
def fd(generated: Generated, options: SampleOptions) -> Estimate:
    """Distance of Gaussians fitted to features of samples and of training images: 0 is best.

    Finitely many samples make it too large. It sees two moments of the features and no copies.
    """
    return frechet_distance(generated.features, generated.training)


@evaluator(
    name="kid",
    version=2,
    needs=(Samples, Generative),
    of="samples",
    unit="squared MMD",
    better="lower",
    kind="estimate",
    title="Kernel distance",
    formula="E k(s, s′) + E k(x, x′) − 2 E k(s, x),  k = (s·x/d + 1)³",
    cites=("Binkowski2018:eq4",),
    options=SampleOptions,
    place=710,
    role="detail",
    plot="none",
    note=NOTE,
    margin=0.5,
)
def kid(generated: Generated, options: SampleOptions) -> Estimate:
    """Squared maximum mean discrepancy of features under a cubic kernel: 0 for a perfect model.

    Unbiased, so it can be negative.
    """
    return kernel_distance(generated.features, generated.compared)


@evaluator(
    name="c2st",
    version=2,
    needs=(Samples, Generative),
    of="samples",
    unit="share",
    better="lower",
    kind="estimate",
    title="Classifier two-sample test",
    formula="accuracy on held-out halves",
    cites=("LopezPaz2017:sec3",),
    options=TwoSampleOptions,
    place=760,
    role="detail",
    plot="none",
    note=NOTE,
    margin=0.05,
)
def c2st(generated: Generated, options: TwoSampleOptions) -> Estimate:
    """How often a classifier tells samples from training images that it has not seen: ½ is best."""
    sets = generated.features, generated.compared
    test = two_samples.c2st(*sets, generated.stream, options.classifier)
    beside = {"auc": test.auc, "p_value": test.p_value}
    return Noted(test.value, test.stderr, generated.n, health=beside)


@evaluator(
    name="class_coverage",
    version=3,
    needs=(Samples, Generative),
    of="samples",
    unit="classes",
    better="higher",
    kind="estimate",
    title="Classes that are generated",
    formula="number of classes with at least 1 % of the samples",
    cites=("Lipton2018:eq1",),
    options=SampleOptions,
    place=770,
    role="detail",
    plot="none",
    note=NOTE,
    margin=1.0,
)
def class_coverage(generated: Generated, options: SampleOptions) -> Estimate:
    """Number of classes that hold at least 1 % of the samples, corrected for the net's own errors.

    The classes are those that the network of the feature space predicts. Their shares, and the
    total variation from the data's, are stored beside the number.
    """
    shares, of_data = generated.shares, generated.data_shares
    found = classes.class_coverage(shares)
    beside = {f"share[{i}]": share for i, share in enumerate(shares.values.tolist())}
    if of_data is not None:
        beside["total_variation"] = classes.total_variation(shares, of_data).value
    absent = few(list(map(str, classes.rare(shares))), 8)
    remark = f"below 1 % of the samples: class {absent}" if absent else ""
    return Noted(found.value, found.stderr, found.n, remark, beside)


@evaluator(
    name="vendi",
    version=2,
    needs=(Samples, Generative),
    of="samples",
    unit="images",
    better="none",
    kind="estimate",
    title="Vendi score",
    formula="exp H(λ),  λ eigenvalues of the samples' kernel matrix / n",
    cites=("Friedman2023:eq1",),
    options=SampleOptions,
    place=780,
    role="detail",
    plot="none",
    note=NOTE,
    margin=1.0,
)
def vendi(generated: Generated, options: SampleOptions) -> Estimate:
    """Effective number of different samples; it looks at no data, and noise has the highest."""
    return vendi_score(generated.features)


@evaluator(
    name="sliced_wasserstein",
    version=3,
    needs=(Samples, Generative),
    of="samples",
    unit="distance",
    better="lower",
    kind="upper_bound",
    title="Sliced Wasserstein distance",
    formula="(E_u W₂²(u·s, u·x))^½,  u uniform on the sphere",
    cites=("Bonneel2015:eq5",),
    options=PixelOptions,
    place=790,
    role="detail",
    plot="none",
    note=NOTE,
    margin=0.1,
)
def sliced_wasserstein(generated: Generated, options: PixelOptions) -> Estimate:
    """Distance of the features' projections on many directions, sorted: 0 is best.

    Its default space sees blur and noise, which a classifier's features overlook.
    """
    return sliced.sliced_wasserstein(generated.features, generated.compared, generated.stream)
