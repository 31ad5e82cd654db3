"""Published bugs of likelihoods, injected into tiny models, with the check that unmasks each.

- ``models``: the tiny models.
- ``claims``: what is claimed of them, honest or not.
- ``bugs``: the bugs, each beside the honest claim that it takes the place of.
- ``names``: says which fault it is, by the pattern of the sums alone.
- ``exhibits``: runs the checks on each bug.
"""
