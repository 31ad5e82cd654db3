"""What is optimised: frozen dataclasses whose fields are the hyper-parameters of an objective.

Equal settings make equal objectives, and a field marked ``per_member`` may differ between runs that
are trained jointly, where it becomes a tensor.
"""
