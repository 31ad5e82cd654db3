"""Speed beside what the hardware allows: the command ``bench``.

The workload of a row is the library's own code. In turn with it run the bare matrix products of the
same step (the limit), the loop that tutorials write, and pythae where it is installed. Importing
this package does not import torch.
"""
