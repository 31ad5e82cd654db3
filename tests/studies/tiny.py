"""A study made for tests, which counts how often it is run."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import PositiveInt

from genbench.core.options import Options
from genbench.core.plot import Plot
from genbench.studies import Findings, Study, StudyCheck, studies


class CoinOptions(Options):
    """How many coins, and what goes wrong."""

    n: PositiveInt = 20
    limit: PositiveInt | None = None
    off: float = 0.0
    fails: bool = False


class Coins:
    """The study ``coins``; ``calls`` holds the options of each run."""

    def __init__(self):
        self.calls = []

    def __call__(self, options, setting):
        self.calls.append(options)
        if options.fails:
            raise RuntimeError("the coins are gone\nand a second line")
        uniform = torch.rand(options.n, generator=setting.stream.generator()).numpy()
        k = np.arange(1, options.n + 1)
        mean = np.cumsum(uniform > 0.5) / k
        table = pd.DataFrame({"k": k, "mean": mean, "stderr": 0.5 / np.sqrt(k), "side": "heads"})
        faces = uniform[:6].reshape(1, 2, 1, 3)
        odd = pd.DataFrame({"a": [0.1 + 0.2, np.nan], "b": ["NA", ""]})
        return Findings(
            {"means": table, "odd_cells": odd},
            (
                StudyCheck("one minus one half", 0.5, 0.5 + options.off, 1e-9, note="By hand."),
                StudyCheck("mean of fair coins", 0.0, float(mean.min()), 0.0, claim=">="),
            ),
            (
                Plot(name="mean", title="Mean of the coins", caption="Over k.", table="means",
                     x="k", y=("mean",), error="stderr", log_x=True),
                Plot(name="faces", title="Faces", kind="images", array="faces"),
            ),
            {"faces": faces},
        )  # fmt: skip


DESCRIPTION = "Mean of fair coins against their number."


def register(monkeypatch):
    """Register the study for one test; return the function that counts its runs."""
    function = Coins()
    function.__doc__ = f"{DESCRIPTION}\n\n    More of it."
    entry = Study("coins", "Coins that are tossed", 1, CoinOptions, function)
    monkeypatch.setitem(studies._entries, "coins", entry)
    return function


def raise_version(monkeypatch):
    """Give the study another version."""
    entry = studies["coins"]
    monkeypatch.setitem(studies._entries, "coins", replace(entry, version=entry.version + 1))


@pytest.fixture
def coins(monkeypatch):
    """The study ``coins``, registered."""
    return register(monkeypatch)
