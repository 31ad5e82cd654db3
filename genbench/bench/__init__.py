"""Speed, next to what the hardware allows: the command ``bench``.

The subject of a row is the library's own code. Beside it, in the same turns, run the bare matrix
products of the same step (the limit), the loop that tutorials write, and pythae where it is
installed. Importing this package imports no torch.
"""
