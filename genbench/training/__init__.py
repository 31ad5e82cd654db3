"""One training loop for every recipe, and the checkpoints it resumes from."""
