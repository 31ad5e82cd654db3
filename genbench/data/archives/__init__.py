"""Images that a model made, from a path to intensities.

``read`` opens what a path or an array holds, with the readers of ``genbench.data.own``; ``scale``
finds out which value is black and which is white; ``flags`` says what is odd about them.
"""
