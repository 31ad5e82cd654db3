"""What is optimised: frozen dataclasses whose fields are the hyper-parameters of an objective.

Objectives with equal settings are equal. A field marked ``per_member`` may differ between jointly
trained runs, where it becomes a tensor.
"""
