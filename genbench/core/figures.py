"""Names of the figures made from a trained model, stored beside it and shown in reports.

A function in :mod:`genbench.evaluation` computes the tensors of each, and one in
:mod:`genbench.reporting.figures.model_figures` draws them.
"""

DEFAULT_FIGURES = ("samples", "reconstructions", "class_samples", "latent")
"""Made for every model unless a suite file says otherwise."""

FIGURES = (*DEFAULT_FIGURES, "completions", "manifold", "interpolations", "traversals")
"""All figures that a suite file can request, in the order of the report."""
