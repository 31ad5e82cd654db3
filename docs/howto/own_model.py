"""Evaluate a VAE of your own: three methods, no base class."""

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Independent, Normal

import genbench


class MyVae(nn.Module):
    """An 8x8 VAE with two latent dimensions."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 99), nn.Tanh(), nn.Linear(99, 4))
        self.decoder = nn.Sequential(nn.Linear(2, 99), nn.Tanh(), nn.Linear(99, 64))

    def prior(self) -> Independent:
        return Independent(Normal(torch.zeros(2), torch.ones(2)), 1)

    def posterior(self, x: Tensor) -> Independent:
        loc, log_scale = self.encoder(x.flatten(1)).chunk(2, dim=-1)
        return Independent(Normal(loc, log_scale.exp()), 1)

    def observation_model(self, z: Tensor) -> Independent:
        logits = self.decoder(z).unflatten(-1, (1, 8, 8))
        return Independent(Bernoulli(logits=logits), 3)


torch.manual_seed(0)
model = MyVae()
data = genbench.load_data("digits", binarisation="static")
train, test = data.train.x, data.test.x
optimizer = torch.optim.Adam(model.parameters(), 3e-3)
for _ in range(200):
    x = train[torch.randint(len(train), (64,))]
    q = model.posterior(x)
    z = q.rsample()
    log_px_given_z = model.observation_model(z).log_prob(x)
    elbo = log_px_given_z + model.prior().log_prob(z) - q.log_prob(z)
    optimizer.zero_grad()
    (-elbo.mean()).backward()
    optimizer.step()

frame = genbench.evaluate(
    model,
    test,
    evaluators=("elbo", "iw_log_likelihood", "kl", "active_units"),
    options={"iw_log_likelihood": {"n_samples": 500}},
)
print(frame)
values = frame.set_index("metric")["value"]
assert values["iw_log_likelihood"] > values["elbo"]
