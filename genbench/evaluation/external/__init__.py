"""Images that anybody made, scored as the samples of a model are, beside controls.

``fixed`` puts images in the place of a model, ``controls`` makes those of the data, ``scoring``
evaluates all of them and says under which protocol.
"""
