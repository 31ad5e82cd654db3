"""What in a set of images will hurt later: each check tells what, how many, why, and the fix."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from genbench.core.protocol import SPLITS, SplitName
from genbench.data.own.jpeg import has_traces
from genbench.data.own.near import NEAR, n_near
from genbench.data.own.pictures import AS_JPEG
from genbench.data.own.stack import MIXED_SIZES
from genbench.data.splits import pixel_digests

_VALUES = 2**22
"""Looked at in one go."""


class Concern(NamedTuple):
    """One thing that will hurt later: its kind in a word, and a sentence for people."""

    kind: str
    text: str


@dataclass(frozen=True, eq=False)
class Part:
    """The images of one split.

    Attributes:
        levels: (N, C, H, W).
        labels: (N,).
        digests: SHA-256 of the pixels of each.
        places: Where each was found.
    """

    levels: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.integer[Any]]
    digests: Sequence[bytes]
    places: Sequence[str]


@dataclass(frozen=True, eq=False)
class Seen:
    """A data set as the checks see it."""

    parts: dict[SplitName, Part]
    n_levels: int
    classes: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def train(self) -> Part:
        """What models learn from."""
        return self.parts["train"]


def part(
    levels: npt.NDArray[np.uint8], labels: npt.NDArray[np.integer[Any]], places: Sequence[str]
) -> Part:
    """Return a part with the digests of its images."""
    return Part(levels, labels, pixel_digests(levels), places)


def concerns(seen: Seen) -> tuple[Concern, ...]:
    """Return all that will hurt later, in the order of the checks."""
    return tuple(concern for check in CHECKS for concern in check(seen))


def _repeated(seen: Seen) -> Iterator[Concern]:
    groups = [groups for part in seen.parts.values() for groups in _equal(part)]
    if n := sum(len(group) - 1 for group in groups):
        labels = sum(len({label for label, _ in group}) > 1 for group in groups)
        odd = f", {_counted(labels, 'group')} of them under several labels" if labels else ""
        yield Concern(
            "repeated",
            f"{_counted(n, 'image')} {'repeats' if n == 1 else 'repeat'} another of the same "
            f"part{odd}, such as {_such(place for _, place in groups[0])}: equal images count "
            "twice; keep one of each",
        )


def _equal(part: Part) -> list[list[tuple[int, str]]]:
    """Return labels and places of images with equal pixels, for each such group."""
    groups = defaultdict(list)
    for digest, label, place in zip(part.digests, part.labels, part.places, strict=True):
        groups[digest].append((int(label), place))
    return [group for group in groups.values() if len(group) > 1]


def _shared(seen: Seen) -> Iterator[Concern]:
    earlier: dict[bytes, str] = {}
    for name in SPLITS:
        here = list(zip(seen.parts[name].digests, seen.parts[name].places, strict=True))
        both = [(place, earlier[digest]) for digest, place in here if digest in earlier]
        if both:
            before = " or ".join(SPLITS[: SPLITS.index(name)])
            yield Concern(
                "shared",
                f"{_counted(len(both), f'{name} image')} {_are(len(both))} among the {before} "
                f"images too, such as {_such(both[0])}: that rewards a model that memorises; "
                "keep one of each",
            )
        earlier |= dict(here)


def _near(seen: Seen) -> Iterator[Concern]:
    n, n_looked_at = n_near(seen.parts["test"].levels, seen.train.levels, seen.n_levels)
    if n:
        yield Concern(
            "near",
            f"{n:,} of {n_looked_at:,} test images differ from a training image, but by less than "
            f"{100 * NEAR:g} % of the range (root mean square): frames of one film, or crops of "
            "one picture, reward memory; split by film or picture, into folders train and test",
        )


def _constant_pixels(seen: Seen) -> Iterator[Concern]:
    levels = seen.train.levels
    n_pixels = math.prod(levels.shape[1:])
    n = int((levels.min(axis=0) == levels.max(axis=0)).sum())
    if n and seen.n_levels > 2:
        nats = math.log(seen.n_levels)
        yield Concern(
            "constant_pixels",
            f"{n:,} of {n_pixels:,} pixels are the same in all training images: a density of "
            f"dequantised pixels gains up to {nats:.1f} nats from each, {n * nats:.0f} in all, for "
            "knowing nothing; crop them, or binarise",
        )


def _flat(seen: Seen) -> Iterator[Concern]:
    flat = [
        part.places[i]
        for part in seen.parts.values()
        for i in np.flatnonzero(_ranges(part.levels) <= seen.n_levels // 100).tolist()
    ]
    if flat:
        yield Concern(
            "flat",
            f"{_counted(len(flat), 'image')} {_are(len(flat))} all of one value or nearly so, such "
            f"as {_such(flat)}: broken files and empty frames get the best likelihoods; leave them "
            "out",
        )


def _classes(seen: Seen) -> Iterator[Concern]:
    for name in SPLITS if len(seen.classes) > 1 else ():
        counts = np.bincount(seen.parts[name].labels, minlength=len(seen.classes))
        if missing := [seen.classes[i] for i in np.flatnonzero(counts == 0)]:
            yield Concern(
                "missing_class",
                f"{_counted(len(missing), 'class', 'classes')} without a {name} image, such as "
                f"{_such(missing)}: nothing is learned or measured there; add images, or leave the "
                "classes out",
            )
        elif name == "train" and counts.max() >= 10 * counts.min():
            most, least = seen.classes[counts.argmax()], seen.classes[counts.argmin()]
            yield Concern(
                "unequal_classes",
                f"the largest class, {most}, has {counts.max():,} training images, the smallest, "
                f"{least}, has {counts.min():,}: means over the data are about the large classes; "
                "even them out, or compare per class",
            )


def _values(seen: Seen) -> Iterator[Concern]:
    values = np.flatnonzero(_occurring(seen))
    low, high, n = int(values[0]), int(values[-1]), len(values)
    if not 1 < n < seen.n_levels:
        return
    spread = np.round(np.arange(n) * (seen.n_levels - 1) / (n - 1))
    if np.array_equal(values, np.arange(n)) and n <= seen.n_levels / 10:
        fix = f"state `levels = {n}`"
    elif n <= seen.n_levels / 8 and np.array_equal(values, spread):
        fix = f"state `levels = {n}`, which reads them as 0 to {n - 1}"
    elif high - low < seen.n_levels / 10:
        fix = "spread them over the whole range, or state `levels`"
    else:
        return
    yield Concern(
        "few_values",
        f"only {n} of {seen.n_levels} levels occur, from {low} to {high}: likelihoods are spread "
        f"over values that never occur; {fix}",
    )


def _mixed_sizes(seen: Seen) -> Iterator[Concern]:
    for note in (note for note in seen.notes if note.startswith(MIXED_SIZES)):
        yield Concern(
            "mixed_sizes",
            f"images had different sizes and were scaled to one ({note.partition(': ')[2][:-1]}): "
            "their sharpness and proportions differ, and a likelihood is about that too; crop them "
            "to one size first",
        )


def _equal_channels(seen: Seen) -> Iterator[Concern]:
    parts = [part.levels for part in seen.parts.values()]
    if parts[0].shape[1] == 3 and all((x == x[:, :1]).all() for x in parts):
        yield Concern(
            "equal_channels",
            f"the three channels are equal in all {sum(map(len, parts)):,} images: two thirds of "
            "what is modelled are copies; save the images as grey",
        )


def _jpeg(seen: Seen) -> Iterator[Concern]:
    stored = any(AS_JPEG in note for note in seen.notes)
    if stored or (seen.n_levels == 256 and has_traces(seen.train.levels)):
        what = "stored as JPEG" if stored else "compressed as JPEG once, 8x8 blocks say"
        yield Concern(
            "jpeg",
            f"images are {what}: a likelihood is about the compression as well, and falls for "
            "sharp samples; use the originals, or scale well down with `resize`",
        )


CHECKS: tuple[Callable[[Seen], Iterator[Concern]], ...] = (
    _repeated,
    _shared,
    _near,
    _constant_pixels,
    _flat,
    _classes,
    _values,
    _mixed_sizes,
    _equal_channels,
    _jpeg,
)


def _ranges(levels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return the largest minus the smallest level of each image."""
    rows = levels.reshape(len(levels), -1)
    ranges: npt.NDArray[np.uint8] = rows.max(axis=1) - rows.min(axis=1)
    return ranges


def _occurring(seen: Seen) -> npt.NDArray[np.bool_]:
    """Return for each level whether any pixel has it."""
    occurs = np.zeros(256, dtype=np.bool_)
    for part in seen.parts.values():
        for block in np.array_split(part.levels, 1 + part.levels.size // _VALUES):
            occurs[block] = True
    return occurs


def _counted(n: int, word: str, plural: str = "") -> str:
    return f"{n:,} {word if n == 1 else plural or word + 's'}"


def _are(n: int) -> str:
    return "is" if n == 1 else "are"


def _such(places: Any) -> str:
    return " and ".join(list(places)[:2])
