"""Evaluations that cannot fit in memory, or would never end, are refused before they start."""

import pytest
import torch

import genbench
from genbench.core import memory
from genbench.core.errors import ConfigError
from genbench.core.options import MOST
from genbench.evaluation import room
from genbench.evaluation.room import require_room_for
from genbench.evaluation.runner import make_task
from genbench.evaluation.spec import evaluators

CPU = torch.device("cpu")


def counts():
    """Yield each evaluator with each option that counts draws, chains or steps."""
    for name in evaluators:
        for key, field in evaluators[name].options.model_fields.items():
            if type(field.default) is int and key != "n_data":
                yield name, key


@pytest.mark.parametrize(("name", "key"), sorted(counts()))
def test_a_count_beyond_a_thousand_million_is_refused_by_its_key(name, key):
    make_task(name, {key: MOST})
    for n in (MOST + 1, 10**12, 2**63, 10**5000):
        with pytest.raises(ConfigError, match=rf"^evaluate\.{name}\.{key}: at most 1000000000; "):
            make_task(name, {key: n})


@pytest.mark.parametrize(
    ("name", "options", "needed"),
    [
        ("elbo", {"n_samples": 10}, 4 * 10 * 100 * 64),
        ("kl", {"n_samples": 3}, 4 * 3 * 100 * 64),
        ("inference_gap", {"n_pairs": 5, "n_samples": 10}, 4 * 10 * 100 * 64),
        ("inference_gap", {"n_samples": 5000}, 2 * 8 * 5000 * 100),
        ("ais_log_likelihood", {"n_chains": 2, "n_temperatures": 7}, 100 * (64 + 28) + 56),
        ("ais_log_likelihood", {"n_chains": 2, "n_temperatures": 7, "n_data": 5}, 5 * 92 + 56),
        ("parzen_log_likelihood", {"n_samples": 11}, 4 * 11 * 64),
        ("prior_bound", {"n_samples": 30}, 30 * (4 * 64 + 8 * 100)),
        ("mmd2", {"n_compared": 50}, 8 * 50 * (2 * 64 + 2 * 50)),
        ("mmd2", {"n_compared": 500}, 8 * 200 * (2 * 64 + 2 * 100)),
    ],
)
def test_what_is_held_at_the_same_time_must_fit(monkeypatch, name, options, needed):
    task = make_task(name, options)
    monkeypatch.setattr(memory, "available_bytes", lambda: needed)
    require_room_for([task], 200, 64, CPU)
    monkeypatch.setattr(memory, "available_bytes", lambda: needed - 1)
    with pytest.raises(ConfigError, match=rf"^evaluate\.{name}: .* would need .* of memory"):
        require_room_for([task], 200, 64, CPU)


def test_on_a_gpu_it_must_fit_there(monkeypatch):
    task, needed = make_task("mmd2", {"n_compared": 50}), 8 * 50 * (2 * 64 + 2 * 50)
    monkeypatch.setattr(memory, "available_bytes", lambda: 0)
    monkeypatch.setattr(room, "free_gpu_bytes", lambda _: needed)
    require_room_for([task], 200, 64, torch.device("cuda"))
    monkeypatch.setattr(room, "free_gpu_bytes", lambda _: needed - 1)
    refused = r"^evaluate\.mmd2: .* would need 91.2 kB of GPU memory, 91.2 kB are available$"
    with pytest.raises(ConfigError, match=refused):
        require_room_for([task], 200, 64, torch.device("cuda"))


def test_on_a_gpu_more_data_are_evaluated_at_once(monkeypatch):
    task, gpu = make_task("elbo", {"n_samples": 3}), torch.device("cuda")
    monkeypatch.setattr(room, "free_gpu_bytes", lambda _: 4 * 3 * 1000 * 64)
    require_room_for([task], 2000, 64, gpu)
    with pytest.raises(ConfigError, match=r"^evaluate\.elbo: .* GPU memory"):
        require_room_for([task], 2000, 2 * 64, gpu)


@pytest.mark.parametrize(
    "name", ["iw_log_likelihood", "iw_curve", "prior_log_likelihood", "kl_decomposition"]
)
def test_draws_that_are_streamed_take_time_and_no_memory(name):
    options = evaluators[name].options
    (key,) = {"n_samples", "n_draws"} & set(options.model_fields)
    require_room_for([make_task(name, {key: MOST})], 10_000, 784, CPU)


def test_evaluate_in_python_refuses_before_it_decodes_anything():
    class Model:
        def prior(self):
            return torch.distributions.Normal(torch.zeros(2), 1.0)

        def posterior(self, x):
            return torch.distributions.Normal(torch.zeros(len(x), 2), 1.0)

        def observation_model(self, z):
            assert z.numel() < 10
            return torch.distributions.Normal(
                z.sum(dim=-1, keepdim=True).expand(*z.shape[:-1], 4), 1.0
            )

    with pytest.raises(ConfigError, match=r"^options\.elbo: .*n_samples = 1000000000 would need"):
        genbench.evaluate(Model(), torch.zeros(9, 4), None, "elbo", {"elbo": {"n_samples": MOST}})


@pytest.mark.parametrize(
    ("name", "options", "n"),
    [
        ("ais_log_likelihood", {"n_temperatures": 10**6, "n_leapfrog": 10**9}, 1),
        ("bdmc_gap", {"n_temperatures": 10**6, "n_leapfrog": 10**9}, 1),
        ("inference_gap", {"n_steps": MOST, "n_data": None}, 10**6),
    ],
)
def test_chains_that_do_not_end_within_a_year_are_refused(name, options, n):
    with pytest.raises(ConfigError, match=rf"^evaluate\.{name}: .* would take over \d+ years"):
        require_room_for([make_task(name, options)], n, 64, CPU)
