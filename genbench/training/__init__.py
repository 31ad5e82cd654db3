"""One training loop for every recipe, and checkpoints it resumes from."""
