"""What is odd about samples beside the data: each check yields a kind and a sentence.

Images are compared in 8 bits, in which both sides can be stored. A check speaks where the samples
have a fault that held-out images do not have as well.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from genbench.data.own.checks import Concern
from genbench.data.own.jpeg import has_traces
from genbench.data.own.near import NEAR, n_near
from genbench.data.splits import pixel_digests

Pixels = NDArray[np.uint8]
WHITE = 255
_MOST_NEAR = 2_000
"""Images that are compared in full with the training images."""
_ENOUGH = 100
"""Pixels of one level, or images, from which something is concluded."""
_RARE, _MOST = 0.02, 0.98
"""Shares below and above which something holds of none, or of all."""
_SMOOTHER = 0.7
"""Of the roughness as read: a reading with less is the right one."""
_NEARER, _BEYOND_CHANCE = 0.25, 20
"""Of a squared distance of mean images, and in units of the variance of a mean image."""


@dataclass(frozen=True, eq=False)
class Beside:
    """Samples and the data that they are compared with, (N, C, H, W) in 8 bits each.

    Attributes:
        samples: What a model made.
        training: The training images.
        held_out: Images that nothing was trained on.
        n_levels: Number of levels of the data, before they were spread over 8 bits.
        were_rounded: Whether the samples were stored as whole numbers.
    """

    samples: Pixels
    training: Pixels
    held_out: Pixels
    n_levels: int
    were_rounded: bool

    @cached_property
    def trained_on(self) -> frozenset[bytes]:
        """Digests of the training images."""
        return frozenset(pixel_digests(self.training))


def in_8_bits(intensities: NDArray[np.floating]) -> Pixels:
    """Return intensities in [0, 1] as the nearest of 256 levels."""
    pixels: Pixels = np.round(intensities * WHITE).astype(np.uint8)
    return pixels


def flags(beside: Beside) -> tuple[Concern, ...]:
    """Return all that is odd, in the order of the checks."""
    return tuple(concern for check in CHECKS for concern in check(beside))


def _truncated(beside: Beside) -> Iterator[Concern]:
    """Look at the two highest levels: cutting off 255 x leaves white to exact ones alone."""
    if not beside.were_rounded or beside.n_levels < 256:
        return
    white, below = _ends(beside.samples)
    white_held_out, _ = _ends(beside.held_out)
    expected = white_held_out * beside.samples.size / beside.held_out.size
    if below >= _ENOUGH and white < _RARE * below and white < _RARE * expected:
        yield Concern(
            "rounding",
            f"{below:,} pixels have level 254 and {white:,} have 255; of as many of the data,"
            f" {expected:,.0f} are 255: 255 (x + 1) / 2 was cut to whole numbers, as astype does;"
            " round to the nearest, as floor(127.5 x + 128) does",
        )


def _ends(pixels: Pixels) -> tuple[int, int]:
    """Return how many pixels are white, and how many one level below."""
    return int((pixels == WHITE).sum()), int((pixels == WHITE - 1).sum())


def _stretched(beside: Beside) -> Iterator[Concern]:
    share, usual = map(_full_range, (beside.samples, beside.held_out))
    if len(beside.samples) >= _ENOUGH and share > _MOST and usual < 1 - 5 * (1 - _MOST):
        yield Concern(
            "min_max",
            f"{100 * share:.3g} % of the samples reach from black to white, of the data"
            f" {100 * usual:.3g} %: each was scaled by its own minimum and maximum, which changes"
            " its contrast; scale all of them alike",
        )


def _full_range(pixels: Pixels) -> float:
    """Return the share of images with a black and a white pixel."""
    flat = pixels.reshape(len(pixels), -1)
    return float(((flat.min(axis=1) == 0) & (flat.max(axis=1) == WHITE)).mean())


def _jpeg(beside: Beside) -> Iterator[Concern]:
    if beside.n_levels == 256 and has_traces(beside.samples) and not has_traces(beside.held_out):
        yield Concern(
            "jpeg",
            "the samples were compressed as JPEG once, 8x8 blocks say, and the data were not: a"
            " metric sees that; store samples as PNG or npz",
        )


def _axes(beside: Beside) -> Iterator[Concern]:
    """Compare neighbouring pixels: colours that are read as places make an image rough."""
    x = beside.samples[:_MOST_NEAR]
    n, channels, height, width = x.shape
    if channels == 1:
        return
    readings = {
        "(H, W, C) is read as (C, H, W)": np.moveaxis(x.reshape(n, height, width, channels), 3, 1),
        "(C, H, W) is read as (H, W, C)": np.moveaxis(x, 1, 3).reshape(x.shape),
    }
    rough = _roughness(x)
    for mistake, reading in readings.items():
        if _roughness(reading) < _SMOOTHER * rough:
            yield Concern(
                "layout",
                f"the order of the axes seems mistaken, {mistake}: read in the other way, the"
                " samples are smoother; a reshape does not move axes, transpose does",
            )


def _transposed(beside: Beside) -> Iterator[Concern]:
    """Compare mean images: where rows are columns, the data look like the samples on their side."""
    x = beside.samples
    if x.shape[2] != x.shape[3]:
        return
    samples, data = x.mean(axis=0), beside.held_out.mean(axis=0)
    gap, turned = (float(((y - data) ** 2).mean()) for y in (samples, np.swapaxes(samples, 1, 2)))
    noise = float(x.var(axis=0).mean()) / len(x)
    if turned < _NEARER * gap and gap > _BEYOND_CHANCE * noise:
        yield Concern(
            "layout",
            "rows seem to be columns: the mean of the samples is like that of the data only when it"
            " is transposed; swap the last two axes",
        )


def _roughness(images: Pixels) -> float:
    """Return the mean square difference of neighbours over the variance of all pixels."""
    x = images.astype(np.float32)
    steps = np.mean(np.diff(x, axis=2) ** 2) + np.mean(np.diff(x, axis=3) ** 2)
    return float(steps / max(x.var(), 1e-12))


def _repeated(beside: Beside) -> Iterator[Concern]:
    n, usual = map(_n_repeated, (beside.samples, beside.held_out))
    if n > usual * len(beside.samples) / len(beside.held_out):
        times = max(Counter(pixel_digests(beside.samples)).values())
        yield Concern(
            "duplicates",
            f"{n:,} of {len(beside.samples):,} samples repeat another, one of them {times:,} times;"
            f" of {len(beside.held_out):,} held-out images {usual:,} do",
        )


def _n_repeated(pixels: Pixels) -> int:
    return len(pixels) - len(set(pixel_digests(pixels)))


def _copied(beside: Beside) -> Iterator[Concern]:
    n, usual = (_n_among(x, beside.trained_on) for x in (beside.samples, beside.held_out))
    if n > usual * len(beside.samples) / len(beside.held_out):
        yield Concern(
            "copies",
            f"{n:,} of {len(beside.samples):,} samples are training images, pixel by pixel; of"
            f" {len(beside.held_out):,} held-out images {usual:,} are",
        )


def _n_among(pixels: Pixels, known: frozenset[bytes]) -> int:
    return sum(digest in known for digest in pixel_digests(pixels))


def _nearly_copied(beside: Beside) -> Iterator[Concern]:
    """Count images that differ from a training image by less than the eye sees."""
    (n, of), (usual, of_held_out) = (
        n_near(_spaced(x), beside.training, WHITE + 1) for x in (beside.samples, beside.held_out)
    )
    if n / of > usual / of_held_out + _RARE:
        yield Concern(
            "near_copies",
            f"{n:,} of {of:,} samples differ from a training image by less than {100 * NEAR:g} % of"
            f" the range (root mean square); of {of_held_out:,} held-out images {usual:,} do",
        )


def _spaced(pixels: Pixels) -> Pixels:
    """Return images that are evenly spread over all, at most as many as there is time for."""
    n = min(len(pixels), _MOST_NEAR)
    return pixels[np.arange(n) * len(pixels) // n]


CHECKS: tuple[Callable[[Beside], Iterator[Concern]], ...] = (
    _truncated,
    _stretched,
    _jpeg,
    _axes,
    _transposed,
    _repeated,
    _copied,
    _nearly_copied,
)
