"""The figure of completed images: what is shown, what was there, and what models make of it."""

from collections.abc import Sequence

import numpy as np

from genbench.core.protocol import Protocol
from genbench.reporting.figures.grids import Pixels, tiled
from genbench.reporting.figures.maker import FigureGroup, FigureMaker
from genbench.results.figure_inputs import FigureInputs
from genbench.results.sealed_folder import Arrays

COMPLETIONS = FigureGroup(
    "completions",
    "Completions of partly hidden images",
    "One row per image, the first of the test data. From the left: what the models are shown, with"
    " the hidden pixels in grey; the whole image, which they do not see; then the completions of"
    " each model in the order of the heading, each the mean image of a code drawn from p(z|shown"
    " pixels), none picked out. A model without a latent code has one completion, the probability"
    " of each pixel: where several images fit, it is their blend. Good completions are sharp,"
    " differ where the shown part leaves a choice, and agree where it does not.",
    (),
    "large",
)
_BREAK = 4  # white pixels between the groups of columns


def completion_grid(models: Sequence[Arrays]) -> Pixels:
    """One row per image: the shown part, the original, the completions of each model."""
    first = models[0]
    columns = [tiled(first[f"completion_{name}"], 1) for name in ("shown", "originals")]
    for arrays in models:
        drawn = arrays["completions"]
        columns.append(tiled(drawn.reshape(-1, *drawn.shape[2:]), drawn.shape[1]))
    gap = np.full((len(columns[0]), _BREAK, columns[0].shape[-1]), 255, dtype=np.uint8)
    return np.concatenate([part for column in columns for part in (gap, column)][1:], axis=1)


def completions(maker: FigureMaker, runs: Sequence[FigureInputs]) -> FigureGroup:
    """One figure for each part of the image that is shown."""
    by_protocol: dict[str, list[FigureInputs]] = {}
    for run in runs:
        if "completions" in run.arrays:
            by_protocol.setdefault(run.record.protocol, []).append(run)
    grids = {}
    for protocol, together in by_protocol.items():
        names = ", ".join(run.record.model for run in together)
        title = f"{Protocol.parse(protocol).shown} shown: {names}"
        grids[title] = completion_grid([run.arrays for run in together])
    return maker.grid_group(COMPLETIONS, grids, "Completions of partly hidden images,")
