"""Feature spaces: what images are compared in, from a trained network or from PCA."""
