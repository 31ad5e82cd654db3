"""NaN and infinity in a loss, a gradient, the weights, validation, an evaluator or the data."""

import io
import json
import math

import numpy as np

from tests.cli.conftest import TINY
from tests.faults.kills import RUN
from tests.faults.state import everything, numbers
from tests.faults.trial import Trial

PLUGIN = '''
"""A VAE and a metric that are good until they are not."""
import torch

import genbench
from genbench.core.objective import Loss
from genbench.recipes import Built, TrainConfig, Update, recipes
from genbench.recipes.options import VaeOptions


class Breaking(VaeOptions):
    where: str
    step: int
    bad: str


@genbench.recipe("breaking")
def breaking(data, options: Breaking, train: TrainConfig) -> Built:
    """A VAE that breaks at a step."""
    built = recipes["vae"].build(data, options, train)
    (good,) = built.updates
    bad, calls = float(options.bad), []
    weight = good.parameters[0]

    def objective(model, batch):
        calls.extend([1] * model.training)
        now = model.training and len(calls) == options.step
        loss = good.objective(model, batch)
        if options.where == "validation" and not model.training:
            return Loss(loss.value * bad, loss.logged)
        if now and options.where == "loss":
            return Loss(loss.value * bad, loss.logged)
        if now and options.where == "logged":
            return Loss(loss.value, {k: v * bad for k, v in loss.logged.items()})
        if now and options.where == "gradient":
            weight.register_hook(lambda gradient: gradient * bad)
        if now and options.where == "weights":
            with torch.no_grad():
                weight.mul_(bad)
        return loss

    return Built(built.model, (Update(good.name, good.parameters, objective),))


@genbench.evaluator(
    name="breaking", needs="posterior", unit="share", better="lower", kind="exact", margin=1.0
)
def breaking_metric(block):
    """Half, and of one datum of a VAE not a number."""
    values = torch.full((len(block.x),), 0.5, dtype=torch.float64)
    values[DATUM] = BAD
    return values
'''
MODEL = """
[[model]]
name = "breaking"
recipe = "breaking"
hidden = [16]
latent_dim = 3
where = "{where}"
step = {step}
bad = "{bad}"
"""
PLACES = ("loss", "logged", "gradient", "weights", "validation", "evaluator", "data")


def try_one(trial: Trial) -> str | None:
    """Break one number at a random step or datum."""
    where = PLACES[trial.number % len(PLACES)]
    bad = trial.random.choice(("nan", "inf", "-inf"))
    trial.tried = 1
    if where == "data":
        return _in_data(trial, bad)
    wrong = in_an_evaluator(trial, bad) if where == "evaluator" else in_training(trial, where, bad)
    return f"{bad} in {where}: {wrong}" if wrong else None


def in_training(trial: Trial, where: str, bad: str) -> str | None:
    """Break a model; it must be `diverged` or `failed`, and the others as ever."""
    step = trial.random.randint(1, 30)
    trial.write("plugin.py", PLUGIN.replace("DATUM", ":0").replace("BAD", "0.5"))
    start, end = TINY.split("[evaluate]")
    model = MODEL.format(where=where, step=step, bad=bad)
    trial.write("tiny.toml", f"{start}{model}\n[evaluate]{end}")
    others = numbers(trial.calm(*RUN).files)
    others.pop("tiny/metrics.csv")
    for n in range(2):
        answer = trial.run(*RUN, "--plugin", "plugin.py")
        if problem := answer.misbehaved(4) or _spoiled(trial, others):
            return problem
        if n and "done" in answer.err:
            return f"trained again: {answer.err}"
    rows = [line for line in _table(trial) if ",breaking," in line]
    if not rows or any(",ok," in row for row in rows):
        return f"the table says {rows[:3]}"
    return None


def in_an_evaluator(trial: Trial, bad: str) -> str | None:
    """Break one value of a metric; only this number must fail."""
    code = PLUGIN.replace("DATUM", str(trial.random.randint(0, 79)))
    trial.write("plugin.py", code.replace("BAD", f'float("{bad}")'))
    trial.write("tiny.toml", TINY.replace('["elbo", ', '["elbo", "breaking", '))
    calm = trial.calm(*RUN).files["tiny/metrics.csv"].decode().splitlines()
    answer = trial.run(*RUN, "--plugin", "plugin.py")
    if problem := answer.misbehaved(4) or _spoiled(trial, {}):
        return problem
    left = [line for line in _table(trial) if ",breaking," not in line]
    return None if left == calm else "other numbers have changed"


def _in_data(trial: Trial, bad: str) -> str | None:
    """Break one pixel of a user's images: refused, and named, before anything is trained."""
    images = np.random.default_rng(trial.number).random((60, 8, 8)).astype(np.float32)
    images.flat[trial.random.randrange(images.size)] = float(bad)
    file = io.BytesIO()
    np.save(file, images)
    trial.write("images.npy", file.getvalue())
    answer = trial.run(*RUN[:1], "--data", "images.npy", *RUN[3:])
    if problem := answer.misbehaved(3):
        return problem
    return "something was trained" if everything(trial.results) else None


def _table(trial: Trial) -> list[str]:
    return (trial.results / "tiny" / "metrics.csv").read_text().splitlines()


def _spoiled(trial: Trial, others: dict[str, bytes]) -> str | None:
    """Return which file holds what is no number, or is not as without the broken model."""
    files = everything(trial.results)
    if changed := [name for name, content in others.items() if files.get(name) != content]:
        return f"changed: {changed}"
    for name, content in files.items():
        if name.endswith(".json"):
            json.loads(content, parse_constant=lambda found, name=name: _refuse(found, name))
    cells = {cell for line in _table(trial) for cell in line.lower().split(",")}
    return f"{cells & NOT_NUMBERS} in the table" if cells & NOT_NUMBERS else None


NOT_NUMBERS = {str(math.nan), str(math.inf), str(-math.inf)}


def _refuse(found: str, name: str) -> None:
    raise ValueError(f"{found} in {name}")
