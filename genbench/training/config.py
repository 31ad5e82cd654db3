"""The training budget and schedule of a run, as written in a suite file."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from genbench.core.options import ADDED, Options


class TrainConfig(Options):
    """``[train]`` of a suite file; a ``[[model]]`` may override any of it.

    ``adam_epsilon`` is the constant in Adam's denominator; ``momentum`` applies to ``sgd`` only.
    ``weight_decay`` w adds w/2 |parameters|^2 to every loss: with n training data, w = 1/n is a
    prior N(0, I) on the weights.
    ``tf32`` lets a GPU train with matrix products in TF32 (10-bit mantissas); evaluation never
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
