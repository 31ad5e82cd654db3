"""Is this likelihood a likelihood? Checks of claims about log p(x) that need no true distribution.

- ``verdict``: the row that every check ends in, and the table of such rows.
- ``gallery``: twelve published bugs, each with the check that unmasks it.
- ``recipes``: ``certify_recipes(names, level)``, the checks of registered recipes.
"""
