"""Figures of what models make: which a report shows, in which order, and the words beside."""

from collections.abc import Callable, Sequence

import numpy as np

from genbench.reporting.figures import grids, plots
from genbench.reporting.figures.completions import completions
from genbench.reporting.figures.grids import Pixels
from genbench.reporting.figures.maker import FIRST_SEED, FigureGroup, FigureMaker
from genbench.reporting.figures.overview import overview
from genbench.reporting.figures.style import styled
from genbench.results.figure_inputs import FigureInputs
from genbench.results.sealed_folder import Arrays
from genbench.results.suite import StoredSuite

Draw = Callable[[FigureMaker, Sequence[FigureInputs]], FigureGroup]


def draw_all(suite: StoredSuite, maker: FigureMaker) -> dict[str, list[FigureGroup]]:
    """Draw and write every figure of the models, by the section of the page that shows it."""
    named, blocks, inputs = suite.record.figures, suite.blocks, suite.figure_inputs()
    whole = [metric for metric in suite.metrics.values() if not metric.parts]
    in_bars = [metric for metric in suite.metrics.values() if metric.plot == "bars"]
    with styled():
        bars = [maker.bars(metric, suite.frame, inputs) for metric in in_bars]
        drawn = {
            "likelihood": [maker.bounds(blocks)],
            "quality": [
                maker.trade_off(blocks),
                *(maker.points(m, blocks) for m in whole if m.plot == "points"),
            ],
            "samples": [draw(maker, inputs) for name, draw in IMAGES.items() if name in named],
            "training": [maker.curves(inputs)],
            "code": [*bars, *(d(maker, inputs) for n, d in LATENT_SPACE.items() if n in named)],
        }
        samples = _grids(inputs, grids.sample_grid) if "samples" in named else {}
        main = overview(suite.title, blocks, samples, maker.palette)
        if main is not None:
            maker.save(main, "overview", "Bounds on the left, samples of each model on the right")
    return {name: [g for g in groups if g.figures] for name, groups in drawn.items()}


def _grids(
    inputs: Sequence[FigureInputs], make: Callable[[Arrays], Pixels | None]
) -> dict[str, Pixels]:
    by_label = ((run.label, make(run.arrays)) for run in inputs)
    return {label: grid for label, grid in by_label if grid is not None}


def _of_grids(group: FigureGroup, make: Callable[[Arrays], Pixels | None], alt: str) -> Draw:
    """Return what draws one grid per model."""
    return lambda maker, inputs: maker.grid_group(group, _grids(inputs, make), alt)


def _has_plane(arrays: Arrays) -> bool:
    """Whether codes of two dimensions are stored, and not one code for all images."""
    if not {"latent_means", "latent_labels"} <= arrays.keys():
        return False
    means = arrays["latent_means"]
    return means.shape[1] > 1 and bool(np.ptp(means, axis=0).any())


def scatters(maker: FigureMaker, runs: Sequence[FigureInputs]) -> FigureGroup:
    """One panel per model with stored latent codes."""
    figures = []
    for run in runs:
        if _has_plane(run.arrays):
            figure = plots.latent_scatter(run.arrays, run.label)
            note = _latent_note(run)
            by = " by label" if plots.is_labelled(run.arrays) else ""
            alt = f"Scatter of the codes of {run.label}{by}. {note}"
            figures.append(maker.save(figure, f"latent-{run.label}", alt, note=note))
    caption = (
        "Each point is the code of a test image (the posterior mean). Colours show the labels where"
        " the images have them, and each label stands at the median of its points (side by side"
        " where medians meet); an unconditional model never saw them. Separate clusters mean that"
        f" the code tells the labels apart. Scales differ between panels. {FIRST_SEED}"
    )
    return FigureGroup("latent", "Two latent dimensions", caption, tuple(figures), "roomy")


def _latent_note(run: FigureInputs) -> str:
    total = run.record.options.get("latent_dim")
    shown, n = plots.shown_points(run.arrays)
    first, second = (int(d) for d in run.arrays.get("latent_dims", (0, 1)))
    if total == 2:
        which = "Both of the model's two latent dimensions"
    else:
        of = f" of {total}" if total is not None else ""
        which = f"Dimensions {first} and {second}{of}, the two most active"
    points = f"all {n} points" if shown == n else f"the first {shown} of {n} points"
    n_labels = len(set(run.arrays["latent_labels"].tolist()))
    crowded = f" {n_labels} labels are too many to name: colours repeat."
    return f"{which}; {points}.{crowded if plots.is_crowded(run.arrays) else ''}"


def traversals(maker: FigureMaker, runs: Sequence[FigureInputs]) -> FigureGroup:
    """One panel per model with stored traversals; a row per latent dimension."""
    figures = []
    for run in runs:
        if "traversals" in run.arrays:
            figure = plots.traversals(run.arrays, run.label)
            n, total = len(run.arrays["traversals"]), run.record.options.get("latent_dim")
            note = f"The {n} most active of {total} dimensions." if (total or 0) > n else ""
            alt = f"Images of {run.label} as each of {n} latent dimensions moves through the prior"
            figures.append(maker.save(figure, f"traversals-{run.label}", alt, note=note))
    caption = (
        "One row per latent dimension: it moves through the prior, from −3 standard deviations on"
        " the left to 3 on the right, while the others stay at the posterior mean of the first test"
        " image. Rows are in the order of the KL, the nats that a dimension carries on average over"
        " test images; it stands at the left. A row that does not change is a dimension that the"
        f" decoder ignores. {FIRST_SEED}"
    )
    return FigureGroup(
        "traversals", "One latent dimension at a time", caption, tuple(figures), "large"
    )


SAMPLES = FigureGroup(
    "samples",
    "Samples",
    "Images drawn from each model, in the order they came, none picked out; of a model with a"
    " latent code, the mean image of a code drawn from the prior, without the noise of the pixels."
    " A model that is told the label is given each label in turn. Look for shapes that can be"
    " recognised and for variety: a model that repeats a few shapes has lost part of the data.",
    (),
    "small",
)
RECONSTRUCTIONS = FigureGroup(
    "reconstructions",
    "Reconstructions",
    "Rows in pairs: the first test images above, below them what the model rebuilds from their code"
    " (of a VAE: the mean image at the posterior mean). A good reconstruction says that the code"
    " keeps the image, not that new images will look right.",
    (),
    "small",
)
CLASSES = FigureGroup(
    "class-samples",
    "Samples for a given class",
    "One column per class, in the order of the labels, of more than 20 classes the first 20: the"
    " model was told the label and drew the rest. Each column should show its own class, in varied"
    " shapes.",
    (),
    "small",
)
MANIFOLD = FigureGroup(
    "manifold",
    "The manifold of a two-dimensional latent space",
    "Mean images over a grid of the unit square, taken to latent space by the inverse distribution"
    " function of the prior, so that each image stands for an equal share of the prior. The first"
    " dimension grows from left to right, the second from bottom to top. Models with more or fewer"
    f" than two latent dimensions have no such figure. {FIRST_SEED}",
    (),
    "large",
)
INTERPOLATIONS = FigureGroup(
    "interpolations",
    "Between two images",
    "In each row a test image at either end, and between them what the model makes of the points on"
    " the straight line from one code to the other; the outermost two are the reconstructions."
    " The ends are the first test images of two labels; a model that is told the label keeps it on"
    " the way, so its ends are the first two images of one label; where there are no labels, the"
    " ends are evenly spaced over the test data. A good latent space passes through images that"
    f" could be real; a cross-fade shows two images at once. {FIRST_SEED}",
    (),
    "large",
)
IMAGES: dict[str, Draw] = {
    "samples": _of_grids(SAMPLES, grids.sample_grid, "Grid of images sampled from"),
    "reconstructions": _of_grids(
        RECONSTRUCTIONS, grids.reconstruction_grid, "Originals and reconstructions of"
    ),
    "class_samples": _of_grids(CLASSES, grids.class_grid, "Samples for each class from"),
    "completions": completions,
}
LATENT_SPACE: dict[str, Draw] = {
    "latent": scatters,
    "manifold": _of_grids(MANIFOLD, grids.manifold_grid, "Grid of mean images of"),
    "interpolations": _of_grids(
        INTERPOLATIONS, grids.interpolation_grid, "Images on the way between two test images, by"
    ),
    "traversals": traversals,
}
