"""Studies: computations that answer one question of the lecture notes, with their exact checks.

To add one, write a function of (options, setting) that returns :class:`Findings`, decorate it with
``@study``, and import its module here. Suites name it under ``[[study]]``.
"""

from genbench.studies.study import Check, Findings, NoOptions, Setting, Study, studies, study

__all__ = ["Check", "Findings", "NoOptions", "Setting", "Study", "studies", "study"]
