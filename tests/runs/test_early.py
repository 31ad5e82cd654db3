"""How many workers start before the command has read its suite."""

import pytest

from genbench.runs import early
from genbench.runs.run_options import RunOptions


@pytest.mark.parametrize(
    ("cores", "options", "n"),
    [
        (16, {}, 4),
        (64, {}, 4),
        (16, {"jobs": 2}, 2),
        (8, {"jobs": 6}, 2),
        (4, {}, 1),
        (2, {}, 0),
        (16, {"jobs": 1}, 0),
        (16, {"executor": "ray"}, 0),
    ],
)
def test_only_spare_cores_import_early(monkeypatch, cores, options, n):
    asked = []
    monkeypatch.setattr(early, "cores", lambda: cores)
    monkeypatch.setattr(early, "started_early", lambda module, n, *late: asked.append((module, n)))
    early.early_workers(RunOptions(**options))
    assert asked == [(early.WORKER, n)]
