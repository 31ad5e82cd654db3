"""Speed next to what the hardware allows: the command ``bench``.

The workload of a row is the library's own code. It takes turns with the bare matrix products of the
same step (the limit), the training loop of typical tutorials, and pythae if it is installed.
Importing this package does not import torch.
"""
