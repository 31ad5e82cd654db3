"""The teaching page: each topic of the lecture notes with its formula, figure, check and command.

Texts are data: one file per topic under ``topics/`` and the table of all rows in ``rows.toml``.
"""

from genbench.reporting.page.lectures.page import build

__all__ = ["build"]
