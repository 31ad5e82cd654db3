"""Networks, Tensor -> Tensor: no probability and no configuration objects."""
