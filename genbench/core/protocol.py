"""The protocol of a number: what two numbers must share before they may be compared.

Tables and baselines store it as one line, ``data@digest/pixels(options)/sizes/measure|condition``,
which is built, printed and parsed here and nowhere else.
"""

import re
from dataclasses import dataclass, replace
from typing import Literal

from genbench.core.numbers import grouped

LABEL = "label"
"""The condition of a number about p(x given y)."""
PIXELS = "pixels:"
"""Prefix of the condition of a number about hidden pixels; the shown part follows."""

Sizes = tuple[int, int, int]
"""Images for training, validation and testing."""
SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")
"""What these sizes are of."""

_PIXELS = {
    "grey": "Grey levels are used as they are",
    "levels": "Levels are used as they are",
    "threshold": "Each pixel was thresholded to 0 or 1 at a fixed level",
    "static": "Each pixel was sampled once as 0 or 1, with its intensity as the probability of 1",
    "dynamic": (
        "Training pixels are resampled as 0 or 1 each time they are used, with their intensity as"
        " the probability of 1; test pixels were sampled once in the same way"
    ),
    "uniform": "Uniform noise was added to the levels, to make them continuous",
}
_SPLITS = {
    "shuffled_film": (
        "; they are the frames of one film, shuffled before they were split, so"
        " near-duplicates occur in both training and test data"
    ),
}
_DRAWN = re.compile(r"drawn\(seed=(\d+)\)")
_OPTIONS = {"levels": "{} levels", "resize": "images resized to {}"}
"""Options of a view in words; the others are named."""
_MEASURES = {
    "mass": "Likelihoods are probabilities of discrete pixel values, so their logarithms are ≤ 0",
    "density": (
        "Likelihoods are densities of continuous pixel values: their logarithms may be positive"
        " and depend on the pixel scale"
    ),
    "none": "No likelihood is defined here, because the models define no observation model",
}
_SHORT = {
    "grey": "grey levels",
    "levels": "levels",
    "threshold": "thresholded",
    "static": "binarised once",
    "dynamic": "dynamically binarised",
    "uniform": "uniform noise added",
    "mass": "probabilities",
    "density": "densities",
    "none": "no likelihood",
}
_SIZES = r"\d+\+\d+\+\d+"
_PATTERN = re.compile(
    r"(?P<dataset>[^@/|]+)@(?P<digest>[^/|]+)/(?P<pixels>[^/|(]+)(\((?P<options>[^)]*)\))?"
    rf"/(?P<sizes>{_SIZES})( of (?P<full_sizes>{_SIZES}))?"
    r"( (?P<split>(?!validation)\w+(\(seed=\d+\))?))?( validation\((?P<validation>seed=\d+)\))?"
    r"(/(?P<measure>[^/|]+))?(\|(?P<condition>.+))?"
)


@dataclass(frozen=True)
class Protocol:
    """The data, how their pixels were prepared, the kind of likelihood, and the condition.

    Attributes:
        dataset: Name of the data set.
        digest: First digits of the SHA-256 of its content.
        pixels: How pixels are presented: ``grey``, or ``levels`` in colour, ``static``,
            ``uniform`` and so on.
        options: Options of that view, such as ``seed=0`` or ``seed=0, resize=28x28``.
        sizes: Number of images in each split.
        full_sizes: Sizes before a ``limit``; None where there is none.
        split: How the data were split, if not in the official way: ``drawn(seed=0)`` by genbench.
        validation: ``seed=0`` drew the validation images from the training images; empty where
            they came as such, and in older results, where they are the last.
        measure: ``mass``, ``density``, or empty if no model stated it.
        condition: What the model is given: ``label``, or ``pixels:`` and the shown part.
        unparsed: A text of another form, kept whole.
    """

    dataset: str = ""
    digest: str = ""
    pixels: str = ""
    options: str = ""
    sizes: Sizes = (0, 0, 0)
    full_sizes: Sizes | None = None
    split: str = ""
    validation: str = ""
    measure: str = ""
    condition: str = ""
    unparsed: str = ""

    @classmethod
    def parse(cls, text: str) -> "Protocol":
        """Parse a protocol's text; text of any other form is kept whole."""
        match = _PATTERN.fullmatch(text)
        if match is None:
            return cls(unparsed=text)
        part = match.groupdict(default="")
        sizes, full = _sizes(part.pop("sizes")), part.pop("full_sizes")
        return cls(sizes=sizes, full_sizes=_sizes(full) if full else None, **part)

    @property
    def text(self) -> str:
        """The protocol in one line.

        Example:
            >>> Protocol("mnist", "1a2b", "static", "seed=0", (50, 10, 20), measure="mass").text
            'mnist@1a2b/static(seed=0)/50+10+20/mass'
        """
        if self.unparsed:
            return self.unparsed
        options = f"({self.options})" if self.options else ""
        full = f" of {_plus(self.full_sizes)}" if self.full_sizes else ""
        split = f" {self.split}" if self.split else ""
        validation = f" validation({self.validation})" if self.validation else ""
        measure = f"/{self.measure}" if self.measure else ""
        condition = f"|{self.condition}" if self.condition else ""
        data = f"{self.dataset}@{self.digest}/{self.pixels}{options}"
        return f"{data}/{_plus(self.sizes)}{full}{split}{validation}{measure}{condition}"

    @property
    def without_label(self) -> "Protocol":
        """The protocol of a number from which the label was summed out."""
        return replace(self, condition="") if self.condition == LABEL else self

    @property
    def shown(self) -> str:
        """The part of each image that the models are given; empty if none."""
        return self.condition.removeprefix(PIXELS) if self.condition.startswith(PIXELS) else ""

    @property
    def given(self) -> str:
        """What the model is given, in words; empty where it is given nothing."""
        what = self.shown or self.condition
        the = "" if what.startswith("column") else "the "
        return f"given {the}{what}" if what else ""

    @property
    def short(self) -> str:
        """A heading of a few words.

        Example:
            >>> Protocol.parse("mnist@1a2b/static(seed=0)/50+10+20/mass|label").short
            'mnist, binarised once, probabilities, given the label'
        """
        if self.unparsed:
            return self.unparsed
        parts = (self.dataset, _short(self.pixels), _short(self.measure), self.given)
        return ", ".join(part for part in parts if part)

    @property
    def sentence(self) -> str:
        """What a reader needs to know before comparing two numbers."""
        if self.unparsed:
            return f"Protocol {self.text}."
        train, validation, test = map(grouped, self.sizes)
        full = ", ".join(map(str, self.full_sizes or ()))
        drawn = f", drawn ({self.validation.replace('=', ' ')})" if self.validation else ""
        cut = f" ({'drawn from' if drawn else 'the first of'} {full})" if full else ""
        parts = [
            f"Data set {self.dataset} (content digest {self.digest}): {train} images for training,"
            f" {validation} for validation{drawn}, {test} for testing{cut}{self._about_split}",
            _PIXELS.get(self.pixels, f"Pixels: {self.pixels}") + self._about_options,
            _MEASURES.get(self.measure, f"Likelihoods: {self.measure or 'unknown'}"),
            self._about_condition,
        ]
        return ". ".join(part for part in parts if part) + "."

    @property
    def _about_split(self) -> str:
        drawn = _DRAWN.fullmatch(self.split)
        return f", split by genbench with seed {drawn[1]}" if drawn else _SPLITS.get(self.split, "")

    @property
    def _about_options(self) -> str:
        pairs = (option.split("=", 1) for option in self.options.split(", ") if "=" in option)
        words = ", ".join(_OPTIONS.get(key, f"{key} {{}}").format(value) for key, value in pairs)
        return f" ({words})" if words else ""

    @property
    def _about_condition(self) -> str:
        if self.shown:
            return (
                f"The model is shown part of each image ({self.shown}), so its numbers are about"
                " p(hidden pixels|shown pixels) and say nothing about p(x)"
            )
        if self.condition:
            return (
                f"The model is given the {self.condition} y of each image, so its numbers are about"
                " p(x|y) and say nothing about p(x)"
            )
        return ""


def _sizes(text: str) -> Sizes:
    train, validation, test = map(int, text.split("+"))
    return train, validation, test


def _plus(sizes: Sizes) -> str:
    return "+".join(map(str, sizes))


def _short(word: str) -> str:
    return _SHORT.get(word, word)
