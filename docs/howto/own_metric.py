"""Register a metric, and evaluate a suite with it."""

from pathlib import Path

import genbench
from genbench.core.capabilities import Samples
from genbench.evaluation.spec import Block, EvaluatorOptions, PerDatum


@genbench.evaluator(
    name="ink",
    version=1,
    needs=Samples,
    unit="share",
    better="lower",
    kind="estimate",
    title="Ink",
    margin=0.01,  # how far it may move before `check` cares
)
def ink(block: Block, options: EvaluatorOptions) -> PerDatum:
    """Mean intensity of as many samples as there are images."""
    return PerDatum(block.model.sample(len(block.x)).flatten(1).mean(dim=1))


Path("inky.toml").write_text(
    """
data = { name = "digits", binarisation = "dynamic", limit = 200 }
train = { epochs = 2 }
evaluate = { metrics = ["elbo", "ink"] }

[[model]]
recipe = "vae"
hidden = [64]

[[model]]
recipe = "independent_pixels"
"""
)
frame = genbench.run("inky.toml", report=False)
inks = frame[(frame["metric"] == "ink") & (frame["split"] == "test")].set_index("model")
print(inks[["value", "stderr", "unit"]])
assert inks["value"].between(0, 1).all()
