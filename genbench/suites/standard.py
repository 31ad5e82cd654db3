"""Sizes and budgets that follow from the images: ``sizes = "from_data"`` in a suite file.

What the suite states stays as it is. The rule fills in the rest as ordinary options, the same
for every model, and says so in the suite's description.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from genbench.core.texts import few, noun
from genbench.data.own.load import own_data
from genbench.data.protocol import DataConfig, split_sizes
from genbench.data.specs import datasets
from genbench.evaluation.spec import Evaluator, evaluators
from genbench.recipes import recipes
from genbench.recipes.controls import IndependentPixelsOptions

FROM_DATA: Final = "from_data"
STEPS, FEWEST_STEPS, MOST_EPOCHS = 2_000, 300, 500
SMALL = 16
"""Height and width below which images are not for convolutions."""
LARGE = 4_096
"""Numbers in an image above which there are fewer steps."""
DECODED = 100_000_000
"""Numbers that a bound decodes: draws times images times pixels."""
FEWEST_DRAWS, FEWEST_IMAGES = 8, 100
"""Of a bound, whatever it takes; draws of all labels together where these are summed out."""
KEPT = 10_000_000
"""Numbers in the images that a control keeps or a mixture is fitted to."""
FEWEST_FITTED = 3
"""Training images of a GAN with batch norm, and of a mixture."""
MOST_CLASSES = 64
"""Labels that a conditional model can have: its p(x) is a sum over all of them."""
_MOST_LABELS = 20
"""Whose classes are named, at most."""
MOST_EIGENVALUES = 3_200
"""Eigenvalues that probabilistic PCA can have: a minute's work."""

VIEW = ("binarisation", "dequantisation")

Raw = dict[str, Any]


@dataclass(frozen=True)
class Images:
    """What the rule knows of a data set: the numbers of images are those after any ``limit``."""

    image_shape: tuple[int, int, int]
    n_levels: int
    n_classes: int
    n_train: int
    n_test: int
    classes: tuple[str, ...] = ()

    @property
    def n_pixels(self) -> int:
        """Numbers in one image."""
        return math.prod(self.image_shape)

    def __str__(self) -> str:
        """Describe them in a few words.

        Example:
            >>> str(Images((3, 16, 16), 256, 10, 1000, 200))
            '1,000 training images of 3x16x16 pixels with 256 levels in 10 classes'
        """
        shape = "x".join(map(str, self.image_shape))
        classes = f" in {self.n_classes:,} classes" if self.n_classes > 1 else ""
        what = f"{shape} pixels with {self.n_levels} levels{classes}"
        return f"{self.n_train:,} training {noun(self.n_train, 'image')} of {what}"


def images_of(config: DataConfig) -> Images:
    """Return what is known of a data set; own images are read, others are known.

    Raises:
        DataError: Own images cannot be read.
    """
    own = own_data(config) if config.is_own else None
    spec = own.spec if own else datasets[config.name]
    n_train, _, n_test = split_sizes(config, spec)
    sizes = spec.image_shape, spec.n_levels, spec.n_classes, n_train, n_test
    return Images(*sizes, own.classes if own else ())


def power_of_two(value: float, least: int, most: int) -> int:
    """Return the power of two nearest to ``value``, at least ``least`` and at most ``most``.

    Example:
        >>> [power_of_two(value, 1, 64) for value in (0.1, 28, 173)]
        [1, 32, 64]
    """
    nearest, highest = round(math.log2(max(value, 1))), int(math.log2(max(most, 1)))
    return max(least, 1 << min(nearest, highest))


def training_of(images: Images) -> Raw:
    """Return the budget: the same number of steps for every model."""
    n_train = images.n_train
    batch_size = min(n_train, power_of_two(2 * n_train**0.5, 16, 128))
    steps = max(FEWEST_STEPS, STEPS * min(1, LARGE / images.n_pixels))
    epochs = round(steps / (n_train // batch_size))
    return {"epochs": max(1, min(epochs, MOST_EPOCHS)), "batch_size": batch_size}


def sizes_of(images: Images) -> Raw:
    """Return the sizes of models: their options by name."""
    n_pixels, n_train = images.n_pixels, images.n_train
    hidden = power_of_two(10 * n_pixels**0.5, 32, 256)
    n_kept = max(1, KEPT // n_pixels)
    return {
        "hidden": [hidden, hidden],
        "latent_dim": power_of_two(n_pixels**0.5, 1, min(64, n_pixels - 1, n_train // 8)),
        "n_components": power_of_two(n_train / 64, 1, 32),
        "n_fit": min(20_000, n_kept),
        "n_images": min(10_000, n_train, n_kept),
    }


def gan_of(images: Images) -> Raw:
    """Return the networks of a GAN: dense ones learn nothing useful on images of 28x28."""
    _, height, width = images.image_shape
    n_halvings = min(2, *(_n_halvings(side) for side in (height, width)))
    if min(height, width) < SMALL or not n_halvings:
        return {}
    return {"network": "conv", "channels": [32, 64][:n_halvings], "hidden": []}


def _n_halvings(side: int) -> int:
    return (side & -side).bit_length() - 1


def evaluation_of(evaluator: Evaluator, stated: Raw, images: Images) -> Raw:
    """Return fewer draws, then fewer test images, where an evaluator's defaults take too long."""
    defaults = {key: field.default for key, field in evaluator.options.model_fields.items()}
    n_labels = images.n_classes if evaluator.is_marginal else 1
    fewest = max(1, FEWEST_DRAWS // n_labels)
    n_decoded = max(1, DECODED // (images.n_pixels * n_labels))
    n_samples, found = fewest, {}
    if "n_samples" in defaults:
        n_samples = min(defaults["n_samples"], max(fewest, n_decoded // images.n_test))
        found["n_samples"] = n_samples
    n_data = max(FEWEST_IMAGES, n_decoded // max(fewest, stated.get("n_samples", n_samples)))
    if "n_data" in defaults and n_data < images.n_test:
        found["n_data"] = min(n_data, defaults["n_data"] or n_data)
    return {key: value for key, value in found.items() if value != defaults[key]}


def observation_of(recipe: str, domain: str, n_levels: int) -> Raw:
    """Return the options of p(x given z), or of p(x), that suit pixels of a domain."""
    options = recipes[recipe].options
    if "observation" not in options.model_fields:
        return {}
    least = {"min_scale": 1 / n_levels}
    if issubclass(options, IndependentPixelsOptions):
        suited: dict[str, Raw] = {
            "binary": {"observation": "bernoulli"},
            "grey_levels": {"observation": "categorical", "n_levels": n_levels},
            "unit_interval": {"observation": "gaussian"} | least,
        }
        return suited[domain]
    heads: Raw = {
        "binary": "bernoulli",
        "grey_levels": {"kind": "discretised_logistic", "n_levels": n_levels, "per_pixel": True},
        "unit_interval": {"kind": "pixel_gaussian"} | least,
    }
    return {"observation": heads[domain]}


def why_left_out(recipe: str, images: Images) -> str:
    """Return why a model cannot be compared on these images; empty if it can."""
    latent_dim, n_train = sizes_of(images)["latent_dim"], images.n_train
    if recipe == "cvae" and images.n_classes < 2:
        return "the images have no labels"
    if recipe == "cvae" and images.n_classes > MOST_CLASSES:
        return f"there are {images.n_classes:,} labels to sum over"
    if recipe == "gan" and n_train < 2:
        return "one image cannot be normalised over a batch"
    if recipe == "linear_gaussian" and latent_dim > min(images.n_pixels - 1, n_train - 2):
        return "there is too little to find components in"
    if recipe in ("gan", "gaussian_mixture") and n_train < FEWEST_FITTED:
        return "there are too few images"
    if recipe == "linear_gaussian" and min(images.n_pixels, n_train) > MOST_EIGENVALUES:
        return "its eigenvalues would take too long"
    return ""


def why_not_served(model: Raw, data: Raw) -> str:
    """Return why a model's pixels cannot be had under the ``[data]`` of its suite, or nothing."""
    view = data | model["data"]
    if all(view.get(key, "none") != "none" for key in VIEW):
        return "it needs grey levels with noise, and the images are made binary"
    return ""


def has_images(data: Mapping[str, Any]) -> bool:
    """Whether ``[data]`` names a data set or a path."""
    return bool({"name", "path"} & data.keys())


def fill(raw: Raw, images: Images) -> None:
    """Fill in what a suite leaves to its images; models that cannot be compared are left out.

    Args:
        raw: The content of a suite file, its models sorted into tables.
        images: Those of ``[data]``.
    """
    left_out = {
        m["name"]: why_left_out(m["recipe"], images) or why_not_served(m, raw["data"])
        for m in raw["model"]
    }
    raw["model"] = [m for m in raw["model"] if not left_out[m["name"]]]
    if images.n_levels == 2 and "dequantisation" not in raw["data"]:
        raw["data"].setdefault("binarisation", "threshold")
    filled = _complete(raw.setdefault("train", {}), training_of(images))
    for model in raw["model"]:
        added = _complete(model["options"], options_of(model, raw["data"], images))
        filled |= {key: value for key, value in added.items() if value}
    evaluate = raw.setdefault("evaluate", {})
    for name in filter(evaluators.__contains__, evaluate.get("metrics", ())):
        stated = evaluate.get(name, {})
        added = _complete(stated, evaluation_of(evaluators[name], stated, images))
        evaluate |= {name: stated} if added else {}
        filled |= added
    why = [f"{name} is left out: {reason}." for name, reason in left_out.items() if reason]
    parts = [raw.get("description", ""), said(images, filled), labelled(images.classes), *why]
    raw["description"] = " ".join(filter(None, parts))


def options_of(model: Raw, data: Raw, images: Images) -> Raw:
    """Return the options that the rule gives to a model under the ``[data]`` of its suite."""
    view = {k: v for k, v in (data | model["data"]).items() if k in VIEW}
    domain = DataConfig.model_construct(**view).domain
    found = sizes_of(images) | (gan_of(images) if model["recipe"] == "gan" else {})
    found |= observation_of(model["recipe"], domain, images.n_levels)
    fields = recipes[model["recipe"]].options.model_fields
    return {key: value for key, value in found.items() if key in fields}


def _complete(stated: Raw, found: Raw) -> Raw:
    """Add what is not stated; return what was added."""
    added = {key: value for key, value in found.items() if key not in stated}
    stated |= added
    return added


def said(images: Images, filled: Raw) -> str:
    """Say in words what was filled in."""
    words = {
        "hidden": ("{0[0]} and {0[1]} hidden units", ""),
        "latent_dim": ("{0} latent ", "dimension"),
        "n_components": ("a mixture of {0} ", "component"),
        "batch_size": ("batches of {0} ", "image"),
        "epochs": ("{0:,} ", "epoch"),
        "n_samples": ("bounds with K = {0}", ""),
        "n_data": ("slow metrics on {0:,} test ", "image"),
    }
    parts = [
        text.format(filled[key]) + (noun(filled[key], what) if what else "")
        for key, (text, what) in words.items()
        if key in filled
    ]
    return f"Sizes follow from {images}: {', '.join(parts)}." if parts else ""


def labelled(classes: Sequence[str]) -> str:
    """Say which label stands for which class, where their names do not.

    Example:
        >>> labelled(("bird", "cat")), labelled(("0", "1")), labelled(("scans",))
        ('Labels: 0 bird, 1 cat.', '', '')
    """
    names = [f"{i} {name}" for i, name in enumerate(classes)]
    told = len(names) > 1 and any(str(i) != name for i, name in enumerate(classes))
    return f"Labels: {few(names, _MOST_LABELS)}." if told else ""
