"""What a path holds, before it is split, and what must be said for it to be read."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from genbench.core.options import Options

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Side = Annotated[int, Field(ge=1, le=4096)]
Size = tuple[int, int]
LayoutName = Literal["NHW", "NHWC", "NCHW"]


class Reading(Options):
    """How images are to be read, where they don't say it themselves.

    Attributes:
        levels: Number of values that a pixel can take; uint8 has 256 and bool has 2, everything
            else needs it.
        layout: Order of an array's axes, where its shape can be read in two ways.
        resize: Height and width that every image is scaled to.
    """

    levels: int | None = Field(default=None, ge=2, le=256)
    layout: LayoutName | None = None
    resize: tuple[Side, Side] | None = None


AS_IT_IS = Reading()


@dataclass(frozen=True, eq=False)
class OwnImages:
    """Everything that a path holds, before it is split.

    Attributes:
        source: Name of the file or folder, for messages.
        levels: (N, C, H, W), C being 1 or 3.
        labels: (N,), the rank of each image's label among ``classes``; 0 without labels.
        classes: Names of the classes in order; none without labels.
        parts: (N,), 0 where the set is not divided, else 1 train, 2 validation, 3 test.
        n_levels: Number of values that a pixel can take.
        notes: How it was read, a sentence each.
        files: Name of each image's file, where it has one.
    """

    source: str
    levels: "NDArray[np.uint8]"
    labels: "NDArray[np.int64]"
    classes: tuple[str, ...]
    parts: "NDArray[np.uint8]"
    n_levels: int
    notes: tuple[str, ...]
    files: tuple[str, ...] = ()
