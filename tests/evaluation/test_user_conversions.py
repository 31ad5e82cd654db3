"""What can be read in one way only is converted: the numbers are those of the sound model."""

import re
from collections import namedtuple
from weakref import ref

import pytest
import torch
from torch import nn
from torch.distributions import (
    Bernoulli,
    Categorical,
    Independent,
    Normal,
    OneHotCategorical,
    TransformedDistribution,
)
from torch.distributions.transforms import SoftplusTransform

import genbench
from genbench.core.errors import ConfigError
from genbench.core.seeding import Stream, seeded
from genbench.evaluation.runner import evaluate_model
from genbench.evaluation.spec import Context, evaluators
from genbench.evaluation.user import adapt
from genbench.evaluation.user.distributions import close
from genbench.evaluation.user.evaluating import tasks_of
from genbench.recipes import DataFacts, recipes
from genbench.training.config import TrainConfig
from tests.evaluation.helpers import (
    LINEAR,
    SMALL_OPTIONS,
    Conditional,
    ConditionalGiven,
    Everything,
    UserVae,
    X,
)
from tests.evaluation.test_user_methods import DATA, EXACT, METRICS, Sound, own, scores

BOUND = "iw_log_likelihood"

FOLDED = "observation_model(z) was given z with one leading dimension"
BINARY = torch.rand(40, 784, generator=torch.Generator().manual_seed(0)).round()


@pytest.fixture(scope="module")
def sound():
    return scores(Sound())


@pytest.mark.parametrize("name", sorted(evaluators))
def test_the_adapter_changes_no_bit_of_a_sound_models_numbers(name):
    options = {name: SMALL_OPTIONS[name]} if name in SMALL_OPTIONS else {}
    model = Conditional() if name == "label_marginal_log_likelihood" else Everything()
    y = torch.arange(len(X)) % 3
    context = Context(model, Stream(3, ("evaluate",)))
    (bare,) = evaluate_model(X, y, tasks_of(name, options), context)
    frame = genbench.evaluate(model, X, y, name, options, seed=3)
    if not bare.rows:
        assert len(frame) == 0
        return
    assert frame.value.fillna(0).tolist() == [row.value or 0 for row in bare.rows]
    assert frame.stderr.fillna(0).tolist() == [row.stderr or 0 for row in bare.rows]
    assert frame.status.tolist() == [row.status for row in bare.rows]


def test_our_own_models_pass_through_unless_their_weights_are_halves():
    assert adapt(LINEAR, (1, 3, 4)) is LINEAR
    half = genbench.evaluation.user.adapt(LINEAR.__class__(2, (1, 3, 4)).bfloat16(), (1, 3, 4))
    assert type(half).__name__ == "LinearGaussian"
    assert set(half.methods) >= {"prior", "posterior", "observation_model", "log_prob"}


# --- returned in another form ---

Named = namedtuple("Named", "mu std")


def parts(x):
    q = EXACT.posterior(x).base_dist
    return q.loc, q.scale


SAME = [
    ({"prior": EXACT.prior()}, "", 0.0),
    ({"posterior": lambda self, x: Named(*parts(x))}, "", 0.0),
    (
        {"posterior": lambda self, x: dict(zip(("loc", "scale"), parts(x), strict=True))},
        "",
        0.0,
    ),
    (
        {"posterior": lambda self, x: {"mean": parts(x)[0], "log_var": 2 * parts(x)[1].log()}},
        "",
        1e-12,
    ),
    ({"posterior": lambda self, x: Normal(*parts(x))}, "", 0.0),
    ({"posterior": lambda self, x: EXACT.posterior(x.mul_(1)).expand((len(x),))}, "", 0.0),
    ({"log_prob": lambda self, x: EXACT.log_prob(x).numpy()}, "", 0.0),
    ({"log_prob": lambda self, x: EXACT.log_prob(x).tolist()}, "", 0.0),
    ({"log_prob": lambda self, x: EXACT.log_prob(x).unsqueeze(1)}, "", 0.0),
    ({"log_prob": lambda self, x: EXACT.log_prob(x).requires_grad_()}, "", 0.0),
    ({"log_prob": lambda self, x: (EXACT.log_prob(x), x.zero_())[0]}, "", 0.0),
    ({"encode": lambda self, x: EXACT.encode(x).numpy()}, "", 0.0),
    (
        {"encode": lambda self, x: (EXACT.encode(x), EXACT.encode(x) * 0)},
        "encode(x): the first of two tensors, the mean, is the code",
        0.0,
    ),
    (
        {"encode": lambda self, x: EXACT.posterior(x)},
        "encode(x): the mean of the distribution is the code",
        0.0,
    ),
    ({"decode": lambda self, z: EXACT.decode(z).flatten(1)}, "", 0.0),
    ({"decode": lambda self, z: EXACT.decode(z).squeeze(1).tolist()}, "", 0.0),
    ({"sample": lambda self, n: EXACT.sample(n).numpy()}, "", 0.0),
    ({"sample": lambda self, n: list(EXACT.sample(n).flatten(1).numpy())}, "", 0.0),
    ({"observation_model": lambda self, z: EXACT.observation_model(z).base_dist}, "", 1e-12),
    ({"observation_model": lambda self, z: flat(EXACT.observation_model(z))}, "", 1e-12),
    ({"observation_model": lambda self, z: EXACT.observation_model(pairs(z))}, FOLDED, 1e-12),
    ({"observation_model": lambda self, z: mixing(z)}, FOLDED, 1e-12),
]


def flat(p):
    return Independent(Normal(p.base_dist.loc.flatten(-3), p.base_dist.scale.flatten(-3)), 1)


def pairs(z):
    """A decoder's view that knows rows only."""
    assert z.ndim == 2
    return z.view(z.shape[0], 3)


def mixing(z):
    """A decoder that works on any shape, and means another thing with two leading dimensions."""
    p = EXACT.observation_model(z)
    if z.ndim == 3:
        z = z - z.mean(dim=1, keepdim=True)
        p = EXACT.observation_model(z)
    return p


@pytest.mark.parametrize(("methods", "remark", "tolerance"), SAME)
def test_what_is_converted_gives_the_numbers_of_the_sound_model(sound, methods, remark, tolerance):
    found = scores(own(**methods))
    assert set(found.status) == {"ok"}
    assert found.value.tolist() == pytest.approx(sound.value.tolist(), rel=tolerance, abs=0)
    assert {text for text in found.reason if text and "scale 0.3" not in text} == (
        {remark} if remark else set()
    )


def test_methods_that_take_flat_images_get_them_flat(sound):
    def posterior(self, x):
        assert x.ndim == 2
        return EXACT.posterior(x.reshape(-1, 1, 3, 4))

    found = scores(own(posterior=posterior, log_prob=lambda self, x: x @ torch.ones(12).double()))
    assert found.value["elbo"] == sound.value["elbo"]
    assert found.reason["elbo"] == "posterior(x) was given x flat"
    assert found.reason["log_likelihood"] == "log_prob(x) was given x flat"
    assert found.value["log_likelihood"] == pytest.approx(DATA.flatten(1).sum(1).mean().item())


class OneDimension(ConditionalGiven):
    """A view whose decoder takes as many codes as there are labels."""

    def observation_model(self, z):
        assert z.ndim == 2
        return super().observation_model(z)


def test_the_view_of_a_conditional_model_is_folded_with_its_labels():
    class Own(Conditional):
        def given(self, y):
            return OneDimension(self, y)

    y = torch.arange(len(DATA)) % 3
    names = ("elbo", "iw_log_likelihood", "prior_bound", "reconstruction_mse")
    expected = scores(Conditional(), y=y, evaluators=names)
    found = scores(Own(), y=y, evaluators=names)
    assert found.value.tolist() == pytest.approx(expected.value.tolist(), rel=1e-12)
    assert set(found.reason) == {FOLDED}


def test_shared_draws_of_a_folded_model_meet_all_images():
    names = ("prior_bound", "prior_log_likelihood")
    expected = scores(Sound(), evaluators=names)
    folded = own(observation_model=lambda self, z: EXACT.observation_model(pairs(z)))
    found = scores(folded, evaluators=names)
    assert found.value.tolist() == pytest.approx(expected.value.tolist(), rel=1e-12)


def test_a_mean_in_place_of_an_observation_model_is_decoded_but_has_no_likelihood():
    def observation_model(self, z):
        return EXACT.observation_model(z).mean

    model = own(observation_model=observation_model, encode=None, decode=None, sample=None)
    sound = own(encode=None, decode=None, sample=None)
    names = ("elbo", "reconstruction_mse", "parzen_log_likelihood")
    found, expected = (scores(one, evaluators=names) for one in (model, sound))
    assert found.status.tolist() == ["failed", "ok", "ok"]
    assert found.value.tolist()[1:] == expected.value.tolist()[1:]


# --- precision ---


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("own_head", [Bernoulli, None])
def test_half_weights_give_the_bound_of_the_same_weights_in_float32(dtype, own_head):
    options = {"iw_log_likelihood": {"n_samples": 20}}
    half = UserVae().to(dtype) if own_head else trained_vae().to(dtype)
    x = BINARY if own_head else BINARY.reshape(-1, 1, 28, 28)
    whole = UserVae() if own_head else trained_vae()
    whole.load_state_dict(half.state_dict())  # the rounded weights
    a, b = (genbench.evaluate(m, x, options=options).value for m in (half, whole.float()))
    assert (a - b).abs().max() < 0.05  # the networks' own rounding; it was 0.33 nats and more


def trained_vae():
    found = recipes["vae"]
    options = found.options(hidden=(16,), latent_dim=2)
    facts = DataFacts((1, 28, 28), 10, torch.full((1, 28, 28), 0.5), 100)
    with seeded(0, "init"):
        return found.build(facts, options, TrainConfig(epochs=1)).model


# --- bounds in place of log p(x) ---


@pytest.mark.parametrize("declared", ["argument", "attribute"])
def test_a_log_prob_that_is_a_bound_is_called_one_and_never_taken_for_exact(declared):
    def log_prob(self, x):
        return EXACT.log_prob(x) - 1

    names = ("log_likelihood", "ais_log_likelihood", "bdmc_gap", "inference_gap")
    options = {name: SMALL_OPTIONS[name] for name in names[1:]}
    model, extra = own(log_prob=log_prob), {}
    if declared == "argument":
        extra = {"kind": "lower_bound"}
    else:
        model.log_prob_kind = "lower_bound"
    frame = genbench.evaluate(model, X, evaluators=names, options=options, **extra)
    bound, ais, gap, parts = (frame[frame.metric.str.startswith(n)].iloc[0] for n in names)
    assert (bound["kind"], ais["kind"], gap["kind"]) == (
        "lower_bound", "lower_bound", "upper_bound",
    )  # fmt: skip
    assert bound["value"] == pytest.approx(EXACT.log_prob(X).mean().item() - 1)
    assert "exact" not in ais["reason"] + gap["reason"] + parts["reason"]


def test_an_unknown_kind_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'lower_bound'"):
        genbench.evaluate(Sound(), DATA, kind="lowerbound")


def test_the_code_length_of_a_bound_is_a_bound_on_the_other_side():
    class Pixels:
        def log_prob(self, x):
            return -x.flatten(1).sum(1) - 100

    options = {"bits_per_dim": {"n_levels": 256}}
    for kind, expected in (("lower_bound", "upper_bound"), ("upper_bound", "lower_bound"),
                           ("exact", "exact"), ("estimate", "estimate")):  # fmt: skip
        frame = genbench.evaluate(Pixels(), DATA, None, "bits_per_dim", options, kind=kind)
        assert frame.kind.tolist() == [expected]


# --- modes, noise and seeds ---


class Norms(nn.Module):
    """A Bernoulli VAE whose layer stands where torch does not look."""

    def __init__(self, hold, norm):
        super().__init__()
        with seeded(0, "init"):
            self.vae = UserVae((784,))
        layer = ref(norm)  # it can be found through what ``hold`` makes, and nowhere else
        self.held, self.norm = hold(norm), lambda x: layer()(x)

    def prior(self):
        return self.vae.prior()

    def posterior(self, x):
        return self.vae.posterior(self.norm(x.reshape(-1, 1, 28, 28)).flatten(1))

    def observation_model(self, z):
        return self.vae.observation_model(z)


class Box:
    def __init__(self, norm):
        self.norm = norm


@pytest.mark.parametrize(
    "hold",
    [lambda norm: [norm], lambda norm: {"norm": norm}, Box, lambda norm: [[{"norm": Box(norm)}]],
     lambda norm: lambda: norm, nn.Sequential],
    ids=["list", "dict", "object", "nested", "closure", "module"],
)  # fmt: skip
def test_batch_norm_is_in_eval_mode_wherever_it_is_held(hold):
    norm = nn.BatchNorm2d(1)
    model = Norms(hold, norm)
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    options = {"iw_log_likelihood": {"n_samples": 5}}
    values = [genbench.evaluate(model, BINARY, options=options).value.tolist() for _ in range(3)]
    assert values[0] == values[1] == values[2]
    assert norm.training
    assert all(torch.equal(norm.state_dict()[name], value) for name, value in before.items())
    norm.eval()
    assert genbench.evaluate(model, BINARY, options=options).value.tolist() == values[0]


def test_batch_norm_that_cannot_be_found_is_said():
    norm = nn.BatchNorm2d(1)
    model = Norms(lambda _: None, norm)
    frame = genbench.evaluate(model, BINARY, evaluators="elbo")
    assert frame.reason[0].endswith(
        "posterior(x) of a datum depends on the others: is batch norm in training mode?"
    )


@pytest.mark.parametrize("n", [1, 2, 3])
def test_batch_norm_that_fails_on_a_single_image_is_said(n):
    def posterior(self, x):
        flat = nn.functional.batch_norm(x.flatten(1), None, None, training=True)
        return EXACT.posterior(flat.reshape(x.shape))

    model = own(posterior=posterior)
    frame = genbench.evaluate(model, DATA[:n], evaluators="elbo")
    assert frame.reason[0].endswith(
        "posterior(x) of a datum depends on the others: is batch norm in training mode?"
    )
    checked = genbench.check_model(model, DATA[:1])
    failed = checked[checked.verdict == "fail"].iloc[0]
    assert failed.check == "posterior(x)"
    assert failed.found == "ran batch norm in training mode on a single image"
    assert failed.fix == "its eval() ends that"


HABITS = [
    (
        "posterior",
        lambda self, x: EXACT.posterior(nn.functional.dropout(x)),
        "posterior(x) differs from call to call: is dropout still on?",
    ),
    (
        "posterior",
        lambda self, x: (torch.manual_seed(0), EXACT.posterior(x))[1],
        "posterior(x) sets torch's seed",
    ),
    (
        "posterior",
        lambda self, x: EXACT.posterior(x - x.mean(0)),
        "posterior(x) of a datum depends on the others: is batch norm in training mode?",
    ),
    (
        "log_prob",
        lambda self, x: EXACT.log_prob(x) + torch.randn(len(x)),
        "log_prob(x) differs from call to call: is dropout still on?",
    ),
]


@pytest.mark.parametrize(
    ("method", "function"),
    [
        ("encode", lambda self, x: bent(EXACT.posterior(x))),
        ("decode", lambda self, z: bent(EXACT.observation_model(z))),
    ],
)
def test_a_distribution_without_a_mean_is_no_code_and_no_image(method, function):
    row = genbench.evaluate(own(**{method: function}), DATA, evaluators="reconstruction_mse")
    assert row.status.tolist() == ["not_applicable"]
    assert row.reason[0] == "a TransformedDistribution states no mean"


def bent(distribution):
    return TransformedDistribution(distribution, [SoftplusTransform()])


@pytest.mark.parametrize(("method", "function", "remark"), HABITS)
def test_what_a_method_does_besides_returning_is_said(method, function, remark):
    torch.manual_seed(7)
    before = torch.get_rng_state()
    found = scores(own(**{method: function}))
    said = [metric for metric in METRICS if remark in found.reason[metric]]
    expected = {"posterior": "elbo", "log_prob": "log_likelihood"}
    assert expected[method] in said
    assert torch.equal(torch.get_rng_state(), before)


def test_a_sampler_is_called_for_its_metrics_alone():
    calls = []
    model = own(sample=lambda self, n: (calls.append(n), torch.randn(n, 12))[1])
    genbench.evaluate(model, DATA)
    assert calls == []
    options = {"parzen_log_likelihood": {"n_samples": 1000, "scale": 1.0}}
    genbench.evaluate(model, DATA, evaluators="parzen_log_likelihood", options=options)
    assert calls == [1000]


def test_a_sampler_that_sets_the_seed_repeats_itself_and_that_is_said():
    model = own(sample=lambda self, n: (torch.manual_seed(0), torch.randn(n, 12))[1])
    options = {"parzen_log_likelihood": {"n_samples": 2000, "scale": 1.0}}
    for one, said in ((model, True), (own(sample=lambda self, n: torch.randn(n, 12)), False)):
        frame = genbench.evaluate(one, DATA, evaluators="parzen_log_likelihood", options=options)
        assert frame.reason[0].endswith("sample(n) sets torch's seed") is said


def test_a_posterior_that_sets_the_seed_changes_no_number(sound):
    model = own(posterior=lambda self, x: (torch.manual_seed(0), EXACT.posterior(x))[1])
    assert scores(model).value["elbo"] == sound.value["elbo"]


def test_one_draw_that_decides_is_said_and_its_error_is_not():
    options = {"iw_log_likelihood": {"n_samples": 5, "proposal": "posterior"}}
    frame = genbench.evaluate(UserVae(), BINARY, None, "iw_log_likelihood", options)
    assert frame.reason[0].startswith("effective sample size 1.")
    assert frame.reason[0].endswith(": one draw decides, its error is unknown")
    assert "mc_stderr" not in frame
    options = {"iw_log_likelihood": {"n_samples": 30}}
    healthy = genbench.evaluate(EXACT, X, None, "iw_log_likelihood", options)
    assert "reason" not in healthy
    assert healthy.mc_stderr[0] > 0


def test_few_draws_that_carry_the_weight_are_said():
    """A posterior of half the width has k-hat far above .7; a fitted proposal mends it."""
    narrow = Everything(widen=0.5)
    options = {BOUND: {"n_samples": 300, "proposal": "posterior"}}
    frame = genbench.evaluate(narrow, X, None, ["elbo", BOUND], options)
    said = dict(zip(frame.metric, frame.reason, strict=True))
    assert re.match(r"k-hat 1\.\d: few draws carry the weight, the bound may be", said[BOUND])
    assert said["elbo"] == ""
    fitted = genbench.evaluate(narrow, X, None, BOUND, {BOUND: {"n_samples": 300}})
    assert "reason" not in fitted


# --- images ---


def categorical(z, n=256):
    return Categorical(logits=torch.zeros(*z.shape[:-1], 1, 3, 4, n).double())


LEVELS = (torch.arange(20 * 12).reshape(20, 1, 3, 4) * 7 % 256).byte()


def test_categories_have_likelihoods_but_no_mean():
    kept = {"posterior": standard, "encode": None, "log_prob": None}
    model = own(observation_model=lambda self, z: categorical(z), **kept)
    found = scores(model, LEVELS, evaluators=("elbo", "reconstruction_mse", "bits_per_dim"))
    assert found.status.tolist() == ["ok", "not_applicable", "ok"]
    assert found.value["bits_per_dim"] == pytest.approx(8, rel=1e-12)
    assert found.reason["reconstruction_mse"] == "a Categorical has no mean"


def standard(self, x):
    return EXACT.prior().expand((len(x),))


@pytest.mark.parametrize(
    ("p", "fix"),
    [
        (
            lambda z: Categorical(logits=torch.zeros(*z.shape[:-1], 256, 1, 3, 4)),
            "a Categorical's classes are the last dimension: logits.movedim(-3, -1)",
        ),
        (
            lambda z: OneHotCategorical(logits=torch.zeros(*z.shape[:-1], 12, 256)),
            "Categorical(logits=...) takes levels, not one-hot rows",
        ),
    ],
)
def test_categories_along_another_dimension_are_refused_with_the_fix(p, fix):
    found = scores(own(observation_model=lambda self, z: p(z)), LEVELS, evaluators="elbo")
    assert found.status.tolist() == ["failed"]
    assert found.reason["elbo"].endswith(f": {fix}")


@pytest.mark.parametrize("x", [LEVELS / 255, LEVELS / 255.0 * 2 - 1], ids=["unit", "signed"])
def test_floats_where_levels_are_meant_are_refused_with_the_fix(x):
    with pytest.raises(ConfigError, match="IntegerInterval") as caught:
        scores(own(observation_model=lambda self, z: categorical(z)), x, evaluators="elbo")
    assert "* 255).round()" in str(caught.value)


@pytest.mark.parametrize(
    ("scale", "made"),
    [
        (lambda x: 2 * x - 1, "[-1, 1]"),
        (lambda x: 255 * x, "[0, 255]"),
        (lambda x: (x - x.min()) / (x.max() - x.min()) * 9 - 4, "[-4, 5]"),
    ],
)
def test_images_of_another_range_than_the_data_are_said(scale, made):
    unit = DATA.sigmoid()

    def sample(self, n):
        return scale(torch.rand(n, 12))

    model = own(sample=sample, decode=lambda self, z: scale(torch.sigmoid(9 * EXACT.decode(z))))
    found = scores(model, unit, evaluators=("reconstruction_mse", "parzen_log_likelihood"))
    assert found.reason["reconstruction_mse"] == (
        f"decode(z) returned images in {made}, x is in [0, 1]"
    )
    said = found.reason["parzen_log_likelihood"]
    if made == "[-4, 5]":  # no usual scale: bad images, perhaps, which are measured
        assert said.endswith(f"sample(n) returned images in {made}, x is in [0, 1]")
    else:
        assert re.fullmatch(r"the model's images lie in \[.+, .+\], not in \[0, 1\]", said)


# --- no model at all ---


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (Sound, "model is the class Sound: pass an object, Sound()"),
        ("model.pt", "model is the text 'model.pt': genbench.load_model loads a stored one"),
        ({"w": 1}, "model is a dict: pass an object with methods such as posterior(x)"),
        (None, "model is a NoneType: pass an object with methods such as posterior(x)"),
    ],
)
def test_what_is_no_model_is_named(model, words):
    with pytest.raises(ConfigError) as caught:
        genbench.evaluate(model, DATA)
    assert str(caught.value) == words


@pytest.mark.parametrize("model", [nn.Linear(12, 2), lambda x: x], ids=["module", "function"])
def test_a_model_with_forward_alone_has_rows_that_name_the_methods(model):
    frame = genbench.evaluate(model, DATA)
    assert frame.status.tolist() == ["not_applicable"] * 2
    assert set(frame.reason) == {
        "the model has no prior(), observation_model(z), posterior(x);"
        " genbench.check_model lists what it needs"
    }


def test_tensors_with_gradients_are_compared_without_a_warning():
    a = torch.tensor([1.0, 2.0], requires_grad=True)
    assert close(a, a + 1e-9, 1e-6)
    assert not close(a, a + 1e-3, 1e-6)
