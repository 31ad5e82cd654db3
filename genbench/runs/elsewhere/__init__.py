"""Models that were trained elsewhere: evaluated and stored as runs of a suite, never trained.

Such a run has no recipe. Weights are stored as data; nothing builds the model again.
"""
