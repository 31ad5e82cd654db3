"""The names of the figures that are made of a trained model, stored beside it and reported.

Each has a function in :mod:`genbench.evaluation` that makes the tensors, and one in
:mod:`genbench.reporting.figures.model_figures` that draws them.
"""

DEFAULT_FIGURES = ("samples", "reconstructions", "class_samples", "latent")
"""Made of every model, and shown, unless a suite file says otherwise."""

FIGURES = (*DEFAULT_FIGURES, "completions", "manifold", "interpolations", "traversals")
"""All that a suite file can ask for, in the order of the report."""
