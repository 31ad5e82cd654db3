"""A protocol in words: which data, how their pixels were made, which kind of likelihood.

May import the standard library only.
"""

import re
from dataclasses import dataclass

_PIXELS = {
    "grey": "Grey levels are used as they are",
    "threshold": "Each pixel was set to 0 or 1 at a fixed grey level",
    "static": "Each pixel was drawn once as 0 or 1, with its grey level as the probability",
    "dynamic": (
        "Training pixels are drawn anew as 0 or 1 each time they are used, with their grey level"
        " as the probability; the test pixels were drawn once in the same way"
    ),
    "uniform": "Uniform noise was added to the grey levels, which makes them continuous",
}
_SPLITS = {
    "shuffled_film": (
        "; they are the frames of one film, shuffled before they were split, so that"
        " near-duplicates stand on both sides"
    ),
}
_MEASURES = {
    "mass": "Likelihoods are probabilities of discrete pixel values, so their logarithms are ≤ 0",
    "density": (
        "Likelihoods are densities of continuous pixel values: their logarithms may be positive"
        " and depend on the pixel scale"
    ),
    "none": "No likelihood is defined here, because the models state no observation model",
}
_PATTERN = re.compile(
    r"(?P<dataset>[^@/|]+)@(?P<digest>[^/|]+)/(?P<pixels>[^/|(]+)(\((?P<options>[^)]*)\))?"
    r"/(?P<train>\d+)\+(?P<validation>\d+)\+(?P<test>\d+)( of (?P<full>[\d+]+))?( (?P<split>\w+))?"
    r"/(?P<measure>[^/|]+)"
    r"(\|(?P<condition>.+))?"
)


_SHORT = {
    "grey": "grey levels",
    "threshold": "thresholded",
    "static": "binarised once",
    "dynamic": "dynamically binarised",
    "uniform": "uniform noise added",
    "mass": "probabilities",
    "density": "densities",
}


@dataclass(frozen=True)
class Protocol:
    """The parts of a protocol text; ``known`` is False where it has another form."""

    text: str
    known: bool = False
    dataset: str = ""
    digest: str = ""
    pixels: str = ""
    options: str = ""
    sizes: tuple[int, int, int] = (0, 0, 0)
    full: str = ""
    split: str = ""
    measure: str = ""
    condition: str = ""

    @property
    def shown(self) -> str:
        """The part of each image that models are given, where it is that."""
        prefix = "pixels:"
        return self.condition.removeprefix(prefix) if self.condition.startswith(prefix) else ""

    @property
    def short(self) -> str:
        """A heading of a few words.

        Example:
            >>> parse("mnist@1a2b/static(seed=0)/50+10+20/mass|label").short
            'mnist, binarised once, probabilities, given the label'
        """
        if not self.known:
            return self.text
        given = f", given the {self.shown or self.condition}" if self.condition else ""
        measure = "no likelihood" if self.measure == "none" else _short(self.measure)
        return f"{self.dataset}, {_short(self.pixels)}, {measure}{given}"

    @property
    def sentence(self) -> str:
        """What a reader needs to know before comparing two numbers."""
        if not self.known:
            return f"Protocol {self.text}."
        train, validation, test = (f"{size:,}".replace(",", "\u202f") for size in self.sizes)
        cut = f" (the first of {self.full.replace('+', ', ')})" if self.full else ""
        options = f" ({self.options.replace('=', ' ')})" if self.options else ""
        parts = [
            f"Data set {self.dataset} (content digest {self.digest}): {train} images for training,"
            f" {validation} for validation, {test} for testing{cut}{_SPLITS.get(self.split, '')}",
            _PIXELS.get(self.pixels, f"Pixels: {self.pixels}") + options,
            _MEASURES.get(self.measure, f"Likelihoods: {self.measure}"),
        ]
        if self.shown:
            parts.append(
                f"The model is shown a part of each image ({self.shown}), so its numbers are about"
                " p(hidden pixels|shown pixels) and say nothing about p(x)"
            )
        elif self.condition:
            parts.append(
                f"The model is given the {self.condition} y of each image, so its numbers are about"
                " p(x|y) and say nothing about p(x)"
            )
        return ". ".join(parts) + "."


def _short(word: str) -> str:
    return _SHORT.get(word, word)


def parse(text: str) -> Protocol:
    """Take a protocol text apart; text of another form is kept whole."""
    match = _PATTERN.fullmatch(text)
    if match is None:
        return Protocol(text)
    part = match.groupdict(default="")
    return Protocol(
        text=text,
        known=True,
        dataset=part["dataset"],
        digest=part["digest"],
        pixels=part["pixels"],
        options=part["options"],
        sizes=(int(part["train"]), int(part["validation"]), int(part["test"])),
        full=part["full"],
        split=part["split"],
        measure=part["measure"],
        condition=part["condition"],
    )
