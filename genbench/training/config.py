"""The training budget and schedule of a run, as a suite file states them."""

from typing import Literal

from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt

from genbench.core.options import Options


class TrainConfig(Options):
    """``[train]`` of a suite file; a ``[[model]]`` may override any of it."""

    epochs: PositiveInt = 20
    batch_size: PositiveInt = 128
    learning_rate: PositiveFloat = 1e-3
    schedule: Literal["constant", "linear", "cosine"] = "cosine"
    kl_warmup_epochs: NonNegativeFloat = 0.0
    grad_clip: PositiveFloat | None = None
    select: Literal["best", "last"] = "best"
