"""The training budget and schedule of a run, as written in a suite file."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from genbench.core.options import Options

Precision = Literal["float32", "tf32", "bf16"]


class TrainConfig(Options):
    """``[train]`` of a suite file; a ``[[model]]`` may override any of it.

    Attributes:
        epochs: Passes over the training data.
        batch_size: Data in a step; all training data where there are fewer.
        learning_rate: At the start.
        schedule: Of the learning rate: ``linear`` and ``cosine`` fall to zero, ``stages`` is that
            of Burda et al. 2016, with eight stages, each three times as long as the one before.
        optimizer: Its other settings are torch's defaults.
        adam_epsilon: The constant in Adam's denominator.
        momentum: Of ``sgd`` only.
        weight_decay: w adds ``w/2 |parameters|^2`` to every loss: with n training data, w = 1/n is
            a prior N(0, I) on the weights.
        kl_warmup_epochs: The weight of the KL grows linearly to its value over so many epochs.
        grad_clip: Largest norm of the gradient of an update; None does not clip.
        select: Keep the weights of the epoch with the lowest validation loss, or of the last. That
            loss is the training objective, with the final weight of its KL, ``beta`` included, also
            during the warm-up; a table may compare something else. Where there is none, as of a
            GAN, whose two losses oppose each other, the last weights count.
        precision: Of matrix products in training: ``tf32`` of a GPU rounds their operands to
            10-bit mantissas, ``bf16`` those of linear and convolutional layers to 7-bit ones.
            Everything else, validation and evaluation are in float32.
    """

    epochs: PositiveInt = 20
    batch_size: PositiveInt = 128
    learning_rate: PositiveFloat = 1e-3
    schedule: Literal["constant", "linear", "cosine", "stages"] = "cosine"
    optimizer: Literal["adam", "sgd", "adagrad"] = "adam"
    adam_epsilon: PositiveFloat = 1e-8
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    weight_decay: NonNegativeFloat = 0.0
    kl_warmup_epochs: NonNegativeFloat = 0.0
    grad_clip: PositiveFloat | None = None
    select: Literal["best", "last"] = "best"
    precision: Precision = "float32"

    replaced: ClassVar[Mapping[str, str]] = {"tf32": 'tf32 = true is now precision = "tf32"'}
