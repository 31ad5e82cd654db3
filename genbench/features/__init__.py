"""Feature spaces: what images are compared in.

``space`` is what all of them are, and ``spaces`` finds one by its name: a network that comes with
genbench (``shipped``, made by ``train``), one that is trained on the labels of other data
(``classifier``, ``training``), principal components (``pca``), or a user's own weights
(``custom``). ``reference`` has the features of real images, which ``kept`` keeps on disk.
"""
