"""Certificates of invented results."""

from genbench.results.certified import Certificate, write_certificates
from genbench.results.suite import StoredSuite


def headlines(folder):
    """The headline number of each model of a suite: (entry, recipe)."""
    suite = StoredSuite.open(folder.parent, folder.name)
    recipes = {run.model: run.recipe for run in suite.record.runs}
    entries = (e for board in suite.leaderboards for e in board.entries if e.column)
    return [(entry, recipes[entry.row.model]) for entry in entries]


def certify_headlines(folder, models, **changes):
    """Write a certificate of the headline number of each of these models."""
    write_certificates(
        folder,
        [
            Certificate(
                **{
                    "model": entry.row.model,
                    "recipe": recipe,
                    "metric": entry.column.metric,
                    "version": entry.column.version,
                    "check": "sum over a 3x3 world",
                    "expected": "at most 1",
                    "found": 0.9,
                    "tolerance": 0.01,
                    "genbench": "0.1.0",
                }
                | changes
            )
            for entry, recipe in headlines(folder)
            if entry.row.model in models
        ],
        (),
    )
