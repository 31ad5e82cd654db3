"""A certificate by compression: the length of a file is what a likelihood claims.

Test images are coded by a model, and decoded by a process that has the model and not the data.
"""

from genbench.certify.coding.model import compress_model
from genbench.certify.coding.suite import compress_suite

__all__ = ["compress_model", "compress_suite"]
