"""Check a VAE of your own, evaluate it, and put it in a suite: three methods, no base class."""

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
train = genbench.load_data("digits", binarisation="static").train.x
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

# 1. Check its methods on a few images.
checks = genbench.check_model(model, train[:8])
print(checks)
assert not (checks["verdict"] == "fail").any()

# 2. Evaluate it on the test set of a named protocol.
frame = genbench.evaluate(
    model,
    "digits",
    binarisation="dynamic",
    evaluators=("elbo", "iw_log_likelihood", "kl", "active_units"),
    options={"iw_log_likelihood": {"n_samples": 500}},
)
print(frame)
values = frame.set_index("metric")["value"]
assert values["iw_log_likelihood"] > values["elbo"]

# 3. Put it in the table of a suite, beside models that genbench trained.
quick = {"train.epochs": 5}
genbench.run("digits", models=["vae", "independent_pixels"], seeds=1, settings=quick, report=False)
rows = genbench.add(model, suite="digits", name="my_vae", note="200 steps by hand.")
print(genbench.table("digits"))
assert set(genbench.load_results("digits")["model"]) == {"vae", "independent_pixels", "my_vae"}
print("page: reports/digits/index.html")
