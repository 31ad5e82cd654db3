"""Runs whose processes die at random, for any executor.

``run_with_killer`` is used by the tests of executors, and by the long form of the fault suite.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from genbench.results.metrics_table import TABLE
from genbench.runs.run_options import RunOptions
from genbench.suites.run import run_suite

SUITE = """
title = "Killed"
seeds = {n}
[data]
name = "digits"
limit = 40
dequantisation = "uniform"
[[model]]
recipe = "mortal"
[evaluate]
metrics = ["log_likelihood"]
"""
PLUGIN = '''
import os
import signal
from dataclasses import replace
from pathlib import Path

import torch

from genbench.core.seeding import derive
from genbench.recipes import Built, DataFacts, Options, recipe, recipes
from genbench.training.config import TrainConfig

FOLDER = Path({folder!r})
P = float((FOLDER / "p").read_text())


@recipe("mortal")
def mortal(data: DataFacts, options: Options, train: TrainConfig) -> Built:
    """A linear model; its process dies before or after the fit, in all but the third try."""
    theirs = recipes["linear_gaussian"]
    built = theirs.build(data, theirs.options(latent_dim=1), train)

    def fit(x):
        run = torch.initial_seed()
        tries = tries_of(run)
        die("before", run, tries)
        built.closed_form(x)
        die("after", run, tries)

    return replace(built, closed_form=fit)


def tries_of(run):
    """Count the tries of a run, this one included, in a folder that all processes share."""
    file = FOLDER / f"{{run}}.tries"
    with file.open("ab") as tries:
        tries.write(b".")
    return file.stat().st_size


def die(moment, run, tries):
    drawn = derive(0, "killer", run, tries) / 2**63
    chosen = "before" if derive(0, "moment", run, tries) % 2 else "after"
    if tries < 3 and drawn < P and moment == chosen:
        os.kill(os.getpid(), signal.SIGKILL)
'''


@dataclass(frozen=True)
class Outcome:
    """What came of runs whose processes died.

    Attributes:
        deaths: How many processes died.
        ok: How many runs succeeded.
        killed: The table of the suite.
        calm: The table of the same runs in one process, without a death.
    """

    deaths: int
    ok: int
    killed: bytes
    calm: bytes


def run_with_killer(folder: Path, n: int, p: float, **options) -> Outcome:
    """Execute ``n`` tiny runs, whose processes die with probability ``p`` in all but the third try.

    Args:
        folder: For suite, plugin and results; shared by all processes.
        n: Number of runs.
        p: Probability, drawn by the names of run and try.
        options: Of ``run``: the executor and the like.
    """
    suite, plugin = folder / "killed.toml", folder / "mortal.py"
    suite.write_text(SUITE.format(n=n))
    plugin.write_text(PLUGIN.format(folder=str(folder)))
    given = RunOptions(suite=str(suite), plugins=[plugin], device="cpu", report=False)
    (folder / "p").write_text("0")
    calm = replace(given, results=folder / "calm", jobs=1)
    run_suite(calm)
    for file in folder.glob("*.tries"):
        file.unlink()
    (folder / "p").write_text(str(p))
    killed = replace(given, results=folder / "killed", **options)
    ok = sum(record.status == "ok" for record in run_suite(killed).records)
    deaths = sum(file.stat().st_size for file in folder.glob("*.tries")) - n
    return Outcome(deaths, ok, *(_table(options.results) for options in (killed, calm)))


def _table(results: Path) -> bytes:
    return (results / "killed" / TABLE).read_bytes()
