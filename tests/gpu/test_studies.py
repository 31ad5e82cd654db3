"""Studies on the GPU: the checks against exact answers hold there as on the processor."""

import pytest
import torch

from genbench.core.seeding import Stream
from genbench.studies import Setting, studies

BUDGET = {"epochs": 4, "batch_size": 64, "learning_rate": 3e-3}
SMALL = {
    "amortisation_gap": {"latent_dim": 2, "hidden": [16], "n_data": 20, "n_steps": 60,
                         "n_draws": 500, "linear": BUDGET, "network": BUDGET},
    "bits": {"train": BUDGET | {"learning_rate": 1e-2}},
    "collapse": {"n_data": 100, "latent_dim": 4, "hidden": [32], "n_samples": 50,
                 "train": BUDGET | {"epochs": 40, "batch_size": 50}},
    "disentanglement": {"betas": [1.0, 8.0], "n_seeds": 1, "latent_dim": 3, "hidden": [32],
                        "train": BUDGET},
    "elbo_identities": {"train": BUDGET},
    "gradient_variance": {"epochs": [0, 1], "n_draws": 100, "n_data": 16, "n_exact": 500,
                          "n_epochs": 3, "hidden": [8], "latent_dim": 2},
    "hidden_pixels": {"side": 4, "latent_dim": 2, "n_data": 30, "n_samples": [1, 16, 256]},
    "minibatch_gradients": {"n_data": 5},
    "optimal_discriminator": {"hidden": [16], "n_steps": 100, "batch_size": 100},
    "polynomial_evidence": {"n_repeats": 20},
    "proposals": {"latent_dims": [1, 3], "n_samples": [1, 10, 100], "n_pixels": 6, "n_data": 8,
                  "s2": 0.3},
    "topics": {"n_topics": [1, 4], "shown": 4, "n_passes": 3},
    "vanishing_gradient": {"hidden": [16], "latent_dim": 4, "n_steps": 80, "every": 20,
                           "batch_size": 32, "learning_rate": 5e-3},
    "weights": {"n_repeats": 200},
}  # fmt: skip
"""Options that keep a study to seconds; a check of what long training reaches may fail then."""


def findings(name, device):
    options = studies[name].options.read(SMALL.get(name, {}), name)
    return studies[name].function(options, Setting(Stream(0), device))


@pytest.mark.parametrize("name", sorted(studies))
def test_the_checks_hold_that_hold_on_the_processor(device, name):
    here, there = findings(name, torch.device("cpu")), findings(name, device)
    assert [check.name for check in there.checks] == [check.name for check in here.checks]
    hold = [check.name for check in here.checks if check.passed]
    assert hold
    assert [c for c in there.checks if c.name in hold and not c.passed] == []
    assert {n: t.shape for n, t in there.tables.items()} == {
        n: t.shape for n, t in here.tables.items()
    }
