"""What was trained on the GPU on the processor, and users' models on either."""

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal

import genbench
from tests.gpu.small import built, digits, stopped_after, trained

CPU = torch.device("cpu")
MODELS = ("vae", "cvae", "gan", "linear_gaussian")


@pytest.fixture(scope="module")
def results(device, tmp_path_factory):
    """The digits suite on the device, with little training."""
    folder = tmp_path_factory.mktemp("stored")
    genbench.run(
        "digits",
        settings={"train.epochs": 2, "evaluate.metrics": ["elbo", "log_likelihood"]},
        models=MODELS,
        seeds=1,
        limit=60,
        device=device.type,
        results=folder,
        report=False,
    )
    return folder


def answers(model, x, y):
    """Return what a model answers without drawing, by method."""
    view = model.given(y) if hasattr(model, "given") else model
    asked = {"posterior": lambda q: q(x).mean, "encode": lambda f: f(x)}
    asked |= {"log_prob": lambda f: f(x), "critic": lambda f: f(x)}
    with torch.no_grad():
        found = {
            name: ask(getattr(view, name)) for name, ask in asked.items() if hasattr(view, name)
        }
        if "encode" in found:
            found["decode"] = view.decode(found["encode"])
    return found


@pytest.mark.parametrize("name", MODELS)
def test_a_stored_model_answers_on_every_device(device, results, name):
    data = genbench.load_data("digits", limit=20)
    found = []
    for there in ("cpu", device.type):
        model = genbench.load_model("digits", name, results=results, device=there)
        x, y = data.test.x.to(there), data.test.y.to(there)
        assert all(tensor.device.type == there for tensor in model.state_dict().values())
        found.append(answers(model, x, y))
    here, there = found
    assert here.keys() == there.keys()
    assert here
    for key, value in there.items():
        assert value.device.type == device.type
        assert torch.allclose(value.cpu(), here[key], rtol=1e-4, atol=1e-5), key


def test_stored_tensors_are_those_of_the_device(device, results):
    models = [
        genbench.load_model("digits", "vae", results=results, device=d)
        for d in ("cpu", device.type)
    ]
    here, there = (model.state_dict() for model in models)
    assert all(torch.equal(tensor, there[name].cpu()) for name, tensor in here.items())


def test_samples_are_made_on_the_device(device, results):
    for name in ("vae", "gan", "linear_gaussian"):
        model = genbench.load_model("digits", name, results=results, device=device.type)
        assert model.sample(3).device.type == device.type


@pytest.fixture
def stopped(tmp_path):
    """Train two epochs on a device, until the checkpoint is written; returns its path."""

    def train(recipe, there):
        path = tmp_path / "checkpoint.safetensors"
        with stopped_after(2):
            trained(digits(there), built(digits(there), recipe), checkpoint=path)
        return path

    return train


@pytest.mark.parametrize("back", [False, True], ids=["to the processor", "from the processor"])
@pytest.mark.parametrize("recipe", ["vae", "gan"])
def test_a_checkpoint_of_one_device_is_resumed_on_the_other(device, recipe, back, stopped):
    first, then = (CPU, device) if back else (device, CPU)
    path = stopped(recipe, first)
    resumed = trained(digits(then), built(digits(then), recipe), checkpoint=path)
    whole = trained(digits(first), built(digits(first), recipe))
    assert resumed.history[:2] == whole.history[:2]
    assert len(resumed.history) == 3
    states = [s for o in resumed.loop.step.optimizers for s in o.state.values()]
    assert {value.device.type for state in states for value in state.values()} == {then.type}


class UserVae(nn.Module):
    """A Bernoulli VAE as a user writes one."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.encoder, self.decoder = nn.Linear(64, 6), nn.Linear(3, 64)

    def prior(self):
        zeros = torch.zeros(3, device=self.encoder.weight.device)
        return Normal(zeros, torch.ones_like(zeros))

    def posterior(self, x):
        loc, raw = self.encoder(x.flatten(1)).chunk(2, dim=-1)
        return Normal(loc, nn.functional.softplus(raw))

    def observation_model(self, z):
        logits = self.decoder(z).unflatten(-1, (1, 8, 8))
        return Independent(Bernoulli(logits=logits), 3)


ASKED = {
    "evaluators": ("elbo", "kl", "iw_log_likelihood", "ais_log_likelihood"),
    "options": {"ais_log_likelihood": {"n_chains": 2, "n_temperatures": 5, "n_data": 20}},
}


@pytest.mark.parametrize("data_there", [True, False], ids=["data there", "data here"])
@pytest.mark.parametrize("model_there", [True, False], ids=["model there", "model here"])
def test_a_users_model_is_evaluated_on_its_own_device(device, model_there, data_there):
    x, model = digits(CPU).held_out("test").x, UserVae()
    expected = genbench.evaluate(model, x, **ASKED).set_index("metric")
    model.to(device if model_there else CPU)
    found = genbench.evaluate(model, x.to(device if data_there else CPU), **ASKED)
    found = found.set_index("metric")
    assert found.loc["kl", "value"] == pytest.approx(expected.loc["kl", "value"], rel=1e-5)
    apart = (found["value"] - expected["value"]).abs()
    assert (apart <= 6 * expected["stderr"]).all()
    assert next(model.parameters()).device.type == (device if model_there else CPU).type
