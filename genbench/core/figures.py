"""The names of the pictures that are made of a trained model, stored beside it and reported.

Each name has a function in :mod:`genbench.evaluation` that makes the tensors, and a gallery in
:mod:`genbench.reporting` that draws them.
"""

DEFAULT_FIGURES = ("samples", "reconstructions", "class_samples", "latent")
"""Made of every model, and shown, unless a suite file says otherwise."""

FIGURES = (*DEFAULT_FIGURES, "completions", "manifold", "interpolations", "traversals")
"""All that a suite file can ask for, in the order of the report."""
