"""The training budget and schedule of a run, as written in a suite file."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from genbench.core.options import ADDED, Options


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
        select: Keep the weights of the epoch with the best validation loss, or of the last.
        tf32: Lets a GPU train with matrix products in TF32 (10-bit mantissas); evaluation never
            uses it.
    """

    epochs: PositiveInt = 20
    batch_size: PositiveInt = 128
    learning_rate: PositiveFloat = 1e-3
    schedule: Literal["constant", "linear", "cosine", "stages"] = "cosine"
    optimizer: Literal["adam", "sgd", "adagrad"] = "adam"
    adam_epsilon: PositiveFloat = 1e-8
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    weight_decay: Annotated[NonNegativeFloat, ADDED] = 0.0
    kl_warmup_epochs: NonNegativeFloat = 0.0
    grad_clip: PositiveFloat | None = None
    select: Literal["best", "last"] = "best"
    tf32: bool = False
