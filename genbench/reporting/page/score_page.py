"""The small page of somebody's samples: what is odd, the table, their grid, nearest images."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from genbench.core.files import write_atomic
from genbench.reporting.figures.grids import grid_png, reconstruction_grid, reduced, sample_grid
from genbench.reporting.figures.style import EmbeddedFigure, embedded
from genbench.reporting.page.rendering import render
from genbench.reporting.report_folder import PAGE
from genbench.reporting.tables.small_table import SmallTable
from genbench.version import __version__

_WIDTH = 700
"""Pixels of a grid on the page, about."""


class Flag(Protocol):
    """What is odd about samples."""

    @property
    def kind(self) -> str:
        """In a word."""

    @property
    def text(self) -> str:
        """In a sentence."""


@dataclass(frozen=True, eq=False)
class ScorePage:
    """What the page shows.

    Attributes:
        name: Of the samples.
        facts: The short line beside it.
        protocol: Under which the numbers were found.
        flags: What is odd about the samples.
        table: Of the numbers.
        notes: How the samples were read, a sentence each.
        samples: (N, C, H, W), in 8 bits.
        suspects: The samples most suspicious of being copies, (M, C, H, W).
        nearest: The training images nearest to these, (M, C, H, W).
    """

    name: str
    facts: Sequence[str]
    protocol: str
    flags: Sequence[Flag]
    table: SmallTable
    notes: Sequence[str]
    samples: NDArray[np.uint8]
    suspects: NDArray[np.uint8]
    nearest: NDArray[np.uint8]


def write_score_page(content: ScorePage, folder: Path) -> Path:
    """Write the page into a folder, and return its path.

    Raises:
        StorageError: It cannot be written.
    """
    pairs = {"originals": content.suspects, "reconstructions": content.nearest}
    page = render(
        "score.html.j2",
        content=content,
        samples=_figure(sample_grid({"samples": content.samples}), "The first samples"),
        suspects=_figure(
            reconstruction_grid(pairs) if len(content.suspects) else None,
            "Samples, each above the training image that is nearest to it",
        ),
        made_by=f"Made by genbench {__version__}",
    )
    write_atomic(folder / PAGE, page)
    return folder / PAGE


def _figure(grid: Any, alt: str) -> EmbeddedFigure | None:
    return None if grid is None else embedded(grid_png(reduced(grid), _WIDTH), alt)
