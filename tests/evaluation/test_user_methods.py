"""Methods as users write them: each wrong one costs its own metric, and its row says why."""

import numpy as np
import pytest
import torch
from torch.distributions import (
    Independent,
    Normal,
)

import genbench
from tests.evaluation.helpers import Everything, X

DATA = X[:20]
METRIC_OF = {
    "prior": "elbo",
    "posterior": "elbo",
    "observation_model": "elbo",
    "log_prob": "log_likelihood",
    "encode": "reconstruction_mse",
    "decode": "reconstruction_mse",
    "sample": "parzen_log_likelihood",
}
METRICS = tuple(dict.fromkeys(METRIC_OF.values()))
OPTIONS = {"parzen_log_likelihood": {"scale": 0.3, "n_samples": 50}}
EXACT = Everything()
NAN = float("nan")
Q = "a distribution with batch (100,) and event (3,)"
P = "a distribution with batch (10, 100) and event (1, 3, 4)"


def scores(model, x=DATA, y=None, evaluators=METRICS, **arguments):
    options = {name: o for name, o in OPTIONS.items() if name in evaluators}
    frame = genbench.evaluate(model, x, y, evaluators, options, **arguments)
    if "reason" not in frame:
        frame["reason"] = ""
    return frame.set_index("metric")


class Sound:
    """A model with every method, none of which calls another."""

    def prior(self):
        return EXACT.prior()

    def posterior(self, x):
        return EXACT.posterior(x)

    def observation_model(self, z):
        return EXACT.observation_model(z)

    def log_prob(self, x):
        return EXACT.log_prob(x)

    def encode(self, x):
        return EXACT.encode(x)

    def decode(self, z):
        return EXACT.decode(z)

    def sample(self, n):
        return EXACT.sample(n)


def own(**methods):
    """The sound model with some methods of its own."""
    return type("Own", (Sound,), methods)()


@pytest.fixture(scope="module")
def sound():
    return scores(Sound())


def failing(self, *arguments):
    raise ValueError("not today\nsecond line")


WRONG = [
    ("posterior", failing, "posterior(x) raised ValueError: not today"),
    ("prior", failing, "prior() raised ValueError: not today"),
    ("log_prob", failing, "log_prob(x) raised ValueError: not today"),
    ("decode", failing, "decode(z) raised ValueError: not today"),
    ("posterior", lambda self, x: {}["mu"], "posterior(x) raised KeyError: 'mu'"),
    ("decode", lambda self, z: 1 / 0, "decode(z) raised ZeroDivisionError: division by zero"),
    (
        "sample",
        lambda self, n: np.load("nowhere.npy"),
        "sample(n) raised FileNotFoundError: [Errno 2] No such file or directory: 'nowhere.npy'",
    ),
    (
        "posterior",
        lambda self, x: self.encoder(x),
        "posterior(x) raised AttributeError: 'Own' object has no attribute 'encoder'",
    ),
    (
        "posterior",
        lambda self, x: None,
        f"posterior(x) returned None (is a return missing?); expected {Q}",
    ),
    (
        "posterior",
        lambda self, x: (torch.zeros(len(x), 3), torch.ones(len(x), 3)),
        "posterior(x) returned a tuple of tensors (100, 3), (100, 3), and nothing says what they"
        f" are; expected {Q}: return Independent(Normal(mean, scale), 1),"
        " scale = (0.5 * log_var).exp()",
    ),
    (
        "posterior",
        lambda self, x: torch.zeros(len(x), 3).double(),
        "posterior(x) returned a tensor (100, 3) of float64, not a distribution;"
        f" expected {Q}: return Independent(Normal(mean, scale), 1)",
    ),
    (
        "posterior",
        lambda self, x: Normal(torch.zeros(len(x), 2).double(), 1.0),
        "posterior(x) returned a Normal with batch (100, 2) and event ();"
        f" expected {Q}, that of prior()",
    ),
    (
        "posterior",
        lambda self, x: Normal(torch.zeros(3).double(), 1.0),
        "posterior(x) returned a Normal with batch (3,) and event ();"
        f" expected {Q}: one distribution per datum: .expand repeats it",
    ),
    (
        "posterior",
        lambda self, x: Normal(torch.full((len(x), 3), NAN).double(), 1.0, validate_args=False),
        "posterior(x) returned a Normal with 300 NaN in loc; expected numbers",
    ),
    (
        "posterior",
        lambda self, x: Normal(torch.full((len(x), 3), NAN), 1.0),
        "posterior(x) made a Normal with NaN in loc; expected numbers",
    ),
    (
        "posterior",
        lambda self, x: Normal(torch.zeros(len(x), 3), torch.full((len(x), 3), NAN)),
        "posterior(x) made a Normal with NaN in scale; expected numbers",
    ),
    (
        "posterior",
        lambda self, x: torch.zeros(len(x), 6).double(),
        "posterior(x) returned a tensor (100, 6) of float64, not a distribution;"
        f" expected {Q}: return Independent(Normal(mean, scale), 1)",
    ),
    (
        "posterior",
        lambda self, x: Normal(torch.zeros(len(x), 3).double(), -1.0, validate_args=False),
        "posterior(x) made a Normal whose scale is not GreaterThan(lower_bound=0.0): a network's"
        " output becomes positive by .exp()",
    ),
    (
        "posterior",
        lambda self, x, y: None,
        "posterior(x) is defined as posterior(x, y); expected posterior(x): bind y in given(y),"
        " which returns a view with this method",
    ),
    (
        "prior",
        lambda self: Normal(torch.zeros((), dtype=torch.float64), 1.0),
        "posterior(x) returned a Normal with batch (100,) and event (3,); expected a distribution"
        " with batch (100,) and event (), that of prior(): prior() could return"
        " Independent(Normal(torch.zeros(3), 1), 1)",
    ),
    (
        "prior",
        lambda self: torch.zeros(3),
        "prior() returned a tensor (3,) of float32; expected a distribution with batch () and"
        " event (D,): return Independent(Normal(loc, scale), 1)",
    ),
    (
        "observation_model",
        lambda self, z: torch.zeros(*z.shape[:-1], 1, 3, 4).double(),
        "observation_model(z) returned a tensor (10, 100, 1, 3, 4) of float64, a mean without a"
        f" density; expected {P}: return Independent(Bernoulli(probs=...), 3), say",
    ),
    (
        "observation_model",
        lambda self, z: Normal(torch.zeros(*z.shape[:-1], 5).double(), 1.0),
        f"observation_model(z) returned a Normal with batch (10, 100) and event (5,); expected {P}",
    ),
    (
        "observation_model",
        lambda self, z: Independent(
            Normal(torch.zeros(*z.shape[:-1], 1, 3, 4).double(), 1.0), z.ndim + 2
        ),
        "observation_model(z) returned a Normal with batch () and event (10, 100, 1, 3, 4);"
        f" expected {P}: Independent(..., 3) of parameters (10, 100, 1, 3, 4)",
    ),
    (
        "log_prob",
        lambda self, x: x,
        "log_prob(x) returned a tensor (100, 1, 3, 4) of float64; expected a tensor (100,):"
        " .flatten(1).sum(1)",
    ),
    (
        "log_prob",
        lambda self, x: x.sum(),
        "log_prob(x) returned a tensor () of float64; expected a tensor (100,): one per datum",
    ),
    (
        "log_prob",
        lambda self, x: x.flatten(1).sum(1) * NAN,
        "log_prob(x) returned a tensor (100,) of float64 with 100 NaN; expected numbers",
    ),
    (
        "log_prob",
        lambda self, x: x.flatten(1).sum(1) + 0j,
        "log_prob(x) returned a tensor (100,) of complex128; expected a tensor (100,):"
        " return real numbers",
    ),
    (
        "log_prob",
        lambda self, x: x.flatten(1).sum(1).bfloat16(),
        "log_prob(x) returned a tensor (100,) of bfloat16; expected float32 or float64: sum in"
        " float32: .float().sum(1)",
    ),
    (
        "encode",
        lambda self, x, y: x,
        "encode(x) is defined as encode(x, y); expected encode(x): bind y in given(y), which"
        " returns a view with this method",
    ),
    (
        "encode",
        lambda self, x: (x, x, x),
        "encode(x) returned a tuple of 3; expected a code (100, D): return the code alone",
    ),
    (
        "encode",
        lambda self, x: x.mean(),
        "encode(x) returned a tensor () of float64; expected a code (100, D)",
    ),
    (
        "decode",
        lambda self, z: torch.zeros(len(z), 1, 4, 3),
        "decode(z) returned a tensor (100, 1, 4, 3) of float32; expected images (100, 1, 3, 4):"
        " .permute(0, 1, 3, 2)",
    ),
    (
        "decode",
        lambda self, z: torch.zeros(len(z), 7),
        "decode(z) returned a tensor (100, 7) of float32; expected images (100, 1, 3, 4)",
    ),
    (
        "sample",
        lambda self, n: torch.zeros(n - 1, 1, 3, 4),
        "sample(1000) returned a tensor (999, 1, 3, 4) of float32; expected images (1000, 1, 3, 4)",
    ),
    ("sample", lambda self: None, "sample(n) is defined as sample(); expected sample(n)"),
    (
        "sample",
        lambda self, n: "images",
        "sample(1000) returned a str of 6; expected images (1000, 1, 3, 4)",
    ),
]


@pytest.mark.parametrize(("method", "function", "reason"), WRONG)
def test_a_wrong_method_costs_its_own_metric_and_says_why(sound, method, function, reason):
    found = scores(own(**{method: function}))
    lost = METRIC_OF[method]
    assert (found.status[lost], found.reason[lost]) == ("failed", reason)
    kept = [metric for metric in METRICS if metric != lost]
    assert found.value[kept].tolist() == sound.value[kept].tolist()
    assert set(found.status[kept]) == {"ok"}


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("method", ["prior", "posterior", "sample"])
def test_whoever_stops_the_program_stops_it(stop, method):
    def stopping(self, *arguments):
        raise stop

    with pytest.raises(stop):
        scores(own(**{method: stopping}))


def test_the_prior_is_not_asked_again_for_each_decoded_code():
    asked, counts = [], []

    def prior(self):
        asked.append(1)
        return EXACT.prior()

    for n in (1, 5):
        asked.clear()
        chains = {"n_chains": 2, "n_temperatures": 50 * n, "n_leapfrog": 1}
        genbench.evaluate(
            own(prior=prior), DATA, evaluators=["ais_log_likelihood"],
            options={"ais_log_likelihood": chains},
        )  # fmt: skip
        counts.append(len(asked))
    assert counts[0] == counts[1]
