"""Evaluators of generated images: the Parzen estimate and the maximum mean discrepancy."""

from typing import ClassVar, Literal

import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor

from genbench.core.capabilities import Generative, Samples
from genbench.core.estimate import (
    Estimate,
    NonFiniteError,
    NotApplicableError,
    mean_and_stderr,
    require_finite,
)
from genbench.core.options import Count
from genbench.evaluation.drawing import (
    SAMPLE_CHUNK,
    cached_draws,
    mean_images,
    noisy_images,
    require_same_scale,
)
from genbench.evaluation.spec import Block, Context, EvaluatorOptions, PerDatum, Sizes, evaluator
from genbench.inference.parzen import ROWS, ParzenWindow, centred_distances, squared_distances
from genbench.samples.pairs import sums_within

N_VALIDATION = 1000
RANKS_WRONGLY = "ranks models wrongly"
PARZEN_WARNING = (
    "WARNING: a Parzen-window number is the density of a kernel estimate made from samples. It"
    " ranks models wrongly and must never be compared with a log-likelihood of the model"
    " (Theis, van den Oord and Bethge 2016; Wu et al. 2017). It is never marked as best"
)
BANDWIDTHS = (4.0, 2.0, 1.0, 0.5, 0.25)
"""Widths of the kernels of the squared MMD, each half the one before."""
GRIDS = {
    "goodfellow2014": tuple(10 ** (-1 + i / 9) for i in range(10)),
    "wu2017": tuple((10 + i) / 100 for i in range(21)),
}


def is_binary(x: Tensor) -> bool:
    """Return whether every value is 0 or 1."""
    return bool(((x == 0) | (x == 1)).all())


class ParzenOptions(EvaluatorOptions):
    """``scale`` of the kernels, or a ``grid`` to choose it from on validation data."""

    names: ClassVar[dict[str, str]] = {"n_samples": "samples"}
    n_samples: Count = 10_000
    grid: Literal["goodfellow2014", "wu2017"] = "wu2017"
    scale: PositiveFloat | None = None
    n_data: PositiveInt | None = None

    def n_bytes(self, sizes: Sizes) -> int:
        """Return the size of the samples."""
        return 4 * self.n_samples * sizes.n_pixels


def _fit_parzen(block: Block, options: ParzenOptions) -> tuple[ParzenWindow, float, str]:
    """Return the window, its scale, and a remark on how the scale was chosen."""
    context = block.context
    images = cached_draws(context, "samples", mean_images, 0, options.n_samples)
    require_same_scale(images, block.x)
    n, window = len(images), ParzenWindow(images)
    fewer = f"{n} samples, for the model has no more; " if n < options.n_samples else ""
    if options.scale is not None:
        return window, options.scale, f"{fewer}scale {options.scale:g} given; {RANKS_WRONGLY}"
    if context.validation is None:
        raise NotApplicableError("no validation data to choose the scale on; set the option scale")
    grid = GRIDS[options.grid]
    scale = window.best_scale(context.validation[:N_VALIDATION], grid)
    edge = " (the grid's edge)" if scale in (grid[0], grid[-1]) else ""
    chosen = f"{fewer}scale {scale:.3g}{edge} chosen on validation data"
    return window, scale, f"{chosen}; {RANKS_WRONGLY}"


@evaluator(
    name="parzen_log_likelihood",
    version=1,
    needs=(Samples, Generative),
    unit="nats",
    better="higher",
    kind="estimate",
    title="Parzen estimate",
    formula="log 1/M Σₘ N(x; sₘ, scale² I),  sₘ ∼ model",
    cites=("Goodfellow2014:table1", "Theis2016:table1", "Wu2017:table2"),
    options=ParzenOptions,
    place=910,
    role="detail",
    paired=False,
    estimator="Parzen window ‡",
    not_compared=RANKS_WRONGLY,
    warning=PARZEN_WARNING,
    plot="none",
    margin=2.0,
    log_density=True,
)
def parzen_log_likelihood(block: Block, options: ParzenOptions) -> PerDatum:
    """Log density of a kernel estimate around model samples: for comparison with old papers only.

    Samples are mean images. It prefers cluster means to real images, and its order of models
    differs from that of their likelihoods.
    """
    if is_binary(block.x):
        raise NotApplicableError("the data are binary, so a density is meaningless")
    key = f"parzen_log_likelihood/{options.model_dump_json()}"
    cache = block.context.cache
    if key not in cache:
        cache[key] = _fit_parzen(block, options)
    window, scale, remark = cache[key]
    return PerDatum(window.log_density(block.x, [scale])[0], remark=remark)


class MmdOptions(EvaluatorOptions):
    """``n_compared`` data, spread evenly over all, against as many samples.

    ``bandwidth`` is in units of the data; None means the median distance of validation data.
    """

    n_compared: Count = 2000
    bandwidth: PositiveFloat | None = None
    n_data: PositiveInt | None = None

    def n_bytes(self, sizes: Sizes) -> int:
        """Return the size of the images of both sides and of a block of their kernels."""
        return 8 * sizes.n * (2 * sizes.n_pixels + 2 * min(ROWS, sizes.n))


def kernel(x: Tensor, y: Tensor) -> Tensor:
    """Return the mean of five Gaussian kernels of widths 4, 2, 1, 1/2 and 1/4, (N, M).

    Each width is half the one before, so each kernel is the fourth power of the one before.
    """
    part = centred_distances(x, y).mul_(-0.5 / BANDWIDTHS[0] ** 2).exp_()
    total = part.clone()
    for _ in BANDWIDTHS[1:]:
        total += part.square_().square_()
    return total.div_(len(BANDWIDTHS))


def mmd2_contributions(x: Tensor, y: Tensor) -> Tensor:
    """Return values (N,) whose mean is the unbiased squared MMD of x and y, both (N, D).

    With h(i, j) = k(xᵢ, xⱼ) + k(yᵢ, yⱼ) − k(xᵢ, yⱼ) − k(xⱼ, yᵢ) and u the mean of h over i ≠ j, the
    values are 2 mean_j h(i, j) − u: they average to u, and their standard deviation over √N is its
    standard error, with the sampling noise of both sides (too large by √2 if both have the same
    distribution). They are computed in float64.

    References:
        Gretton, Borgwardt, Rasch, Schölkopf, Smola 2012, lemma 6 and equation 4.
    """
    centre = y.mean(dim=0, dtype=torch.float64)
    x, y = x - centre, y - centre  # one copy, in float64
    within = sums_within(x, kernel, ROWS) + sums_within(y, kernel, ROWS)
    rows = (within - _sums_between(x, y)) / (len(x) - 1)
    return 2 * rows - rows.mean()


def _sums_between(x: Tensor, y: Tensor) -> Tensor:
    """Return Σⱼ k(xᵢ, yⱼ) + k(xⱼ, yᵢ) over j ≠ i, (N,)."""
    sums = x.new_zeros(len(x))
    for start in range(0, len(x), ROWS):
        block = kernel(x[start : start + ROWS], y)
        block.diagonal(offset=start).zero_()
        sums[start : start + ROWS] += block.sum(dim=1)
        sums += block.sum(dim=0)
    return sums


def reduce_mmd2(values: Tensor) -> Estimate:
    """Estimate the squared MMD from data and samples (N, 2, D), in units of the bandwidth."""
    require_finite(values)
    if len(values) < 2:
        raise NonFiniteError("a distance between data needs at least two of them")
    return mean_and_stderr(mmd2_contributions(*values.unbind(dim=1)))


def _bandwidth(context: Context, options: MmdOptions) -> float:
    """Return the bandwidth of the options, or the median distance between validation data."""
    if options.bandwidth is not None:
        return options.bandwidth
    if context.validation is None:
        raise NotApplicableError("no validation data for the bandwidth; set the option bandwidth")
    if "mmd2_bandwidth" not in context.shared:
        held_out = context.validation[:N_VALIDATION].flatten(1).double()
        if len(held_out) < 2:
            raise NotApplicableError("a single validation image has no distance; set bandwidth")
        i, j = torch.triu_indices(len(held_out), len(held_out), offset=1)
        squares = squared_distances(held_out, held_out)[i, j]
        context.shared["mmd2_bandwidth"] = float(squares.median().sqrt())
    median: float = context.shared["mmd2_bandwidth"]
    if not median > 0:
        raise NotApplicableError("more than half of the validation data are equal; set bandwidth")
    return median


def _padded(images: Tensor, x: Tensor) -> Tensor:
    """Repeat the last image for data that only fill the last block up: copies of the last datum.

    Raises:
        NotApplicableError: Other data have no image.
    """
    flat = x.flatten(1)
    n_copies = int((flat == flat[-1]).all(dim=1).flip(0).long().cumprod(0).sum()) - 1
    if len(images) < max(1, len(x) - n_copies):
        raise NotApplicableError("the model has fewer different images than are compared")
    return torch.cat((images, images[-1:].expand(len(x) - len(images), -1)))


@evaluator(
    name="mmd2",
    version=2,
    needs=(Samples, Generative),
    unit="squared MMD",
    better="lower",
    kind="estimate",
    title="Squared maximum mean discrepancy",
    formula="E k(x, x′) + E k(s, s′) − 2 E k(x, s),  s ∼ p(x)",
    cites=("Gretton2012:eq4",),
    options=MmdOptions,
    reduce=reduce_mmd2,
    place=900,
    role="detail",
    paired=False,
    own_error=True,
    plot="none",
    margin=0.004,
    leaderboard="samples",
    short="MMD²",
    selects=4,
)
def mmd2(block: Block, options: MmdOptions) -> PerDatum:
    """Distance between samples and data under Gaussian kernels on pixels: 0 for a perfect model.

    Unbiased, so it can be negative. Models with a density sample x with its noise; images of other
    models are used as they are. The data are spread evenly over the set, because the first ones
    may differ from the rest.
    """
    context = block.context
    width = _bandwidth(context, options)
    dense = isinstance(block.model, Generative)
    name, draw = ("images", noisy_images) if dense else ("samples", mean_images)
    blocks = context.cache.setdefault("mmd2_blocks", {})
    start = len(block.x) * blocks.setdefault(block.stream, len(blocks))
    stop = start + len(block.x)
    images = cached_draws(context, name, draw, start, stop, in_order=dense)
    if start == 0 and not dense:
        require_same_scale(cached_draws(context, name, draw, 0, SAMPLE_CHUNK), block.x)
    if len(images) < len(block.x):
        images = _padded(images, block.x)
    grey = is_binary(block.x) and not dense
    remark = "grey images are compared with binary data" if grey else ""
    x = block.x.flatten(1)
    return PerDatum(torch.stack((x, images.to(x)), dim=1) / width, remark=remark)
