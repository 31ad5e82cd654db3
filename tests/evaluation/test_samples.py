"""Parzen and MMD: exact values, no leak, and what they are worth."""

import math
import re

import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.neighbors import KernelDensity
from torch.distributions import Bernoulli, Independent, Normal
from torch.utils._python_dispatch import TorchDispatchMode

from genbench.core.seeding import Stream
from genbench.data import DataConfig, load
from genbench.evaluation import samples
from genbench.evaluation.on_dataset import context_on
from genbench.evaluation.runner import evaluate_model, make_task
from genbench.evaluation.samples import BANDWIDTHS, GRIDS, mmd2_contributions
from genbench.evaluation.spec import Context
from genbench.models.controls import FixedImages
from tests.draws import randn
from tests.evaluation.helpers import LINEAR, N, X, small_gan
from tests.inference.exact_models import SHAPE, DiscreteVae, correlated_data

HELD_OUT = correlated_data(1500, seed=50)


@pytest.fixture(scope="module")
def digits():
    """Handwritten digits (1797, 1, 8, 8) in 0..1, shuffled."""
    from sklearn.datasets import load_digits

    x = torch.from_numpy(load_digits().images)[:, None] / 16
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    return x[order]


class Bag:
    """A bare sampler: images drawn from a fixed set."""

    def __init__(self, images):
        self.images = images

    def sample(self, n):
        return self.images[torch.randint(len(self.images), (n,))]


class Shelf(Bag):
    """The first n images, always."""

    def sample(self, n):
        return self.images.repeat(-(-n // len(self.images)), 1, 1, 1)[:n]


def run(model, name, x=X, validation=HELD_OUT, y=None, log_py=None, seed=0, cache=None, **options):
    context = Context(model, Stream(seed, ("test",)), validation=validation, log_py=log_py)
    context.cache |= cache or {}
    found = evaluate_model(x, y, [make_task(name, options)], context)[0]
    assert len(found.rows) == 1
    return found


def row(*args, **options):
    return run(*args, **options).rows[0]


def drawn(context, n):
    return samples.cached_draws(context, "samples", samples.mean_images, 0, n)


# --- Parzen ---


def test_the_parzen_estimate_is_the_mean_of_kernels_on_the_models_samples():
    found = run(Shelf(HELD_OUT[:1000]), "parzen_log_likelihood", scale=0.4, n_samples=1000)
    kernels = Normal(HELD_OUT[:1000].flatten(1), 0.4)
    pairs = kernels.log_prob(X.flatten(1)[:, None]).sum(-1)  # (N, M)
    expected = pairs.logsumexp(dim=1) - math.log(1000)
    assert torch.allclose(found.per_datum, expected, rtol=1e-10)
    assert found.rows[0].reason == "scale 0.4 given; ranks models wrongly"
    assert (found.rows[0].kind, found.rows[0].unit) == ("estimate", "nats")


def test_the_scale_is_the_best_of_the_grid_on_validation_data():
    model = Shelf(HELD_OUT[:1000])
    flat = HELD_OUT.flatten(1).numpy()
    for grid, scales in GRIDS.items():
        scores = [KernelDensity(bandwidth=s).fit(flat[:1000]).score(flat[-500:]) for s in scales]
        best = scales[max(range(len(scales)), key=scores.__getitem__)]
        found = row(model, "parzen_log_likelihood", validation=HELD_OUT[-500:], grid=grid,
                    n_samples=1000)  # fmt: skip
        assert found.reason.startswith(f"scale {best:.3g}")
        assert found.reason.endswith("chosen on validation data; ranks models wrongly")


def test_the_grids_are_the_published_ones():
    assert GRIDS["goodfellow2014"] == pytest.approx(torch.logspace(-1, 0, 10).tolist(), rel=1e-6)
    assert GRIDS["wu2017"] == pytest.approx(torch.linspace(0.1, 0.3, 21).tolist(), rel=1e-6)


def test_the_scale_does_not_move_when_the_test_data_change():
    """The leak of other tools: a bandwidth that the test data chose."""
    model = Bag(HELD_OUT[:1000])
    options = {"n_samples": 1000, "grid": "goodfellow2014"}
    for validation in (HELD_OUT[1000:], 3 * HELD_OUT[1000:]):
        reasons = {
            row(model, "parzen_log_likelihood", x=x, validation=validation, **options).reason
            for x in (X, 0.1 * X, 5 * X + 1, HELD_OUT[:50])
        }
        assert len(reasons) == 1
    # and it does move with the validation data
    assert reasons != {
        row(model, "parzen_log_likelihood", validation=HELD_OUT[1000:], **options).reason
    }


def test_a_scale_at_the_edge_of_the_grid_is_said_to_be_there():
    far = row(Bag(HELD_OUT[:10]), "parzen_log_likelihood", n_samples=10, validation=HELD_OUT + 9)
    assert "scale 0.3 (the grid's edge) chosen" in far.reason


def test_without_validation_data_a_scale_must_be_given():
    found = row(Bag(X), "parzen_log_likelihood", validation=None)
    assert (found.status, found.value) == ("not_applicable", None)
    assert "scale" in found.reason
    given = row(Bag(X), "parzen_log_likelihood", validation=None, scale=0.2, n_samples=50)
    assert given.status == "ok"


def test_binary_data_have_no_parzen_estimate():
    found = row(Bag(X), "parzen_log_likelihood", x=(X > 0.5).double())
    assert (found.status, "binary" in found.reason) == ("not_applicable", True)


def test_samples_are_drawn_once_and_the_first_are_the_same_for_every_number():
    class Counted(Bag):
        calls = 0

        def sample(self, n):
            self.calls += 1
            return super().sample(n)

    model = Counted(HELD_OUT)
    context = Context(model, Stream(0), validation=HELD_OUT)
    tasks = [
        make_task("parzen_log_likelihood", {"n_samples": n, "scale": 0.3})
        for n in (1500, 2000, 2000)
    ]
    evaluate_model(X[:100], None, tasks, context)
    assert model.calls == 2
    again = Context(model, Stream(0))
    few = drawn(again, 300)
    assert torch.equal(few, drawn(again, 2500)[:300])
    assert torch.equal(few, drawn(context, 300))
    middle = samples.cached_draws(context, "samples", samples.mean_images, 950, 1070)
    assert torch.equal(middle, drawn(context, 2000)[950:1070])


def test_other_samples_give_another_estimate_within_the_noise():
    a, b = (row(LINEAR, "parzen_log_likelihood", seed=s, scale=0.3, n_samples=2000) for s in (1, 2))
    assert a.value != b.value
    assert a.value == pytest.approx(b.value, abs=0.5)


def test_means_of_clusters_beat_real_images(digits):
    """Theis et al. 2016, table 1: the estimate prefers k-means centres to the data themselves."""
    train, test, held_out = digits[:1000], digits[1000:1500], digits[1500:]
    kmeans = KMeans(150, n_init=1, max_iter=20, random_state=0)
    centres = kmeans.fit(train.flatten(1).numpy()).cluster_centers_
    clusters = Shelf(torch.from_numpy(centres).reshape(-1, 1, 8, 8))
    values = [
        row(model, "parzen_log_likelihood", x=test, validation=held_out, n_samples=150)
        for model in (clusters, Shelf(train))
    ]
    assert values[0].value > values[1].value + 4 * values[1].stderr


def test_the_parzen_estimate_converges_to_the_density_of_one_dimension():
    """With many samples and a small scale: log N(x; 0, 1 + scale^2)."""

    class Gaussian:
        def sample(self, n):
            return torch.randn(n, 1, dtype=torch.float64)

    x = randn(100, 1)
    found = run(Gaussian(), "parzen_log_likelihood", x=x, n_samples=20_000, scale=0.3)
    expected = Normal(0.0, math.sqrt(1.09)).log_prob(x[:, 0])
    assert (found.per_datum - expected).abs().median() < 0.05


# --- squared MMD ---


def brute_force_mmd2(x, y):
    """The U-statistic of Gretton et al. 2012, equation 4 of two equally many, pair by pair."""

    def k(a, b):
        d2 = float((a - b).square().sum())
        return sum(math.exp(-0.5 * d2 / width**2) for width in BANDWIDTHS) / len(BANDWIDTHS)

    n = len(x)
    pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
    h = [k(x[i], x[j]) + k(y[i], y[j]) - k(x[i], y[j]) - k(x[j], y[i]) for i, j in pairs]
    return sum(h) / len(pairs)


@pytest.mark.parametrize("rows", [1, 5, 12, 100])
def test_the_contributions_average_to_the_u_statistic(rows, monkeypatch):
    monkeypatch.setattr(samples, "ROWS", rows)  # blocks that end within the data, and one block
    x, y = randn(12, 3, seed=1), randn(12, 3, seed=2) + 0.5
    found = mmd2_contributions(x, y).mean().item()
    assert found == pytest.approx(brute_force_mmd2(x, y), rel=1e-10)


def whole_contributions(x, y):
    """The same from whole matrices, one exponential for each kernel."""

    def kernels(a, b):
        d2 = torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist").square()
        return sum((-0.5 * d2 / width**2).exp() for width in BANDWIDTHS) / len(BANDWIDTHS)

    h = kernels(x, x) + kernels(y, y) - kernels(x, y) - kernels(x, y).T
    rows = h.fill_diagonal_(0).sum(dim=1) / (len(x) - 1)
    return 2 * rows - rows.mean()


def test_blocks_of_kernels_change_no_contribution():
    x, y = randn(250, 30, seed=1) / 8, randn(250, 30, seed=2) / 7
    assert torch.allclose(mmd2_contributions(x, y), whole_contributions(x, y), rtol=0, atol=1e-13)


def test_the_number_of_data_is_the_number_compared():
    model = Bag(HELD_OUT)
    some = row(model, "mmd2", n_compared=150)
    assert some.n == 150
    spaced = X[torch.arange(150) * len(X) // 150]
    same = row(model, "mmd2", x=spaced)
    assert (some.value, some.stderr) == (same.value, same.stderr)
    assert row(model, "mmd2", n_compared=10**6).n == N
    assert row(model, "mmd2", n_compared=150, n_data=100).n == 100


class Largest(TorchDispatchMode):
    """Notes the size of the largest tensor that an operation returns."""

    def __init__(self):
        super().__init__()
        self.numel = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        found = func(*args, **(kwargs or {}))
        if isinstance(found, torch.Tensor):
            self.numel = max(self.numel, found.numel())
        return found


def test_no_matrix_of_all_pairs_is_in_memory():
    x, y = randn(1200, 4, seed=1), randn(1200, 4, seed=2)
    with Largest() as largest:
        mmd2_contributions(x, y)
    assert largest.numel == samples.ROWS * 1200


def test_the_stated_error_is_the_spread_over_repetitions():
    found = torch.stack(
        [
            mmd2_contributions(randn(80, 2, seed=2 * s), randn(80, 2, seed=2 * s + 1) + 0.8)
            for s in range(200)
        ]
    )
    spread, stated = found.mean(1).std(), (found.std(1) / math.sqrt(80)).mean()
    assert stated.item() == pytest.approx(spread.item(), rel=0.2)


def test_data_of_the_same_law_have_no_distance_within_an_honest_error():
    found = torch.stack(
        [
            mmd2_contributions(randn(80, 2, seed=2 * s), randn(80, 2, seed=2 * s + 1))
            for s in range(200)
        ]
    )
    values, stated = found.mean(1), found.std(1) / math.sqrt(80)
    assert abs(values.mean()) < 4 * values.std() / math.sqrt(200)  # unbiased
    assert values.std() < stated.mean() < 2 * values.std()
    assert ((values / stated).abs() < 4).all()


def test_real_images_are_no_distance_from_real_images(digits):
    test, held_out, train = digits[:500], digits[500:800], digits[800:]
    real = row(Shelf(train), "mmd2", x=test, validation=held_out)
    assert abs(real.value) < 4 * real.stderr
    noise = row(Bag(torch.rand(500, 1, 8, 8).double()), "mmd2", x=test, validation=held_out)
    assert noise.value > 20 * noise.stderr
    assert (real.n, real.better, real.unit) == (500, "lower", "squared MMD")


def test_the_unit_is_the_median_distance_of_validation_data():
    model = Bag(HELD_OUT)
    base = row(model, "mmd2", x=X)
    scaled = row(Bag(7 * HELD_OUT), "mmd2", x=7 * X, validation=7 * HELD_OUT)
    assert scaled.value == pytest.approx(base.value, rel=1e-8, abs=1e-12)
    flat = HELD_OUT[:1000].flatten(1)
    median = torch.pdist(flat).median().item()
    given = row(model, "mmd2", bandwidth=median)
    assert given.value == pytest.approx(base.value, rel=1e-8, abs=1e-12)
    assert row(model, "mmd2", validation=None).status == "not_applicable"
    assert row(model, "mmd2", validation=torch.ones(50, *SHAPE)).status == "not_applicable"


def test_a_single_validation_image_gives_no_unit():
    alone = row(Bag(HELD_OUT), "mmd2", validation=HELD_OUT[:1])
    assert (alone.status, alone.reason) == (
        "not_applicable",
        "a single validation image has no distance; set bandwidth",
    )


def test_a_model_with_a_density_draws_its_noise_too():
    """The model is right; its mean images, which lack the noise, are not."""

    class Means:
        def sample(self, n):
            return torch.randn(n, 3, dtype=torch.float64)

    class Noisy(Means):
        def prior(self):
            return Independent(Normal(torch.zeros(3).double(), 1.0), 1)

        def observation_model(self, z):
            return Independent(Normal(z, 2.0), 1)

    x, held_out = math.sqrt(5) * randn(500, 3, seed=9), math.sqrt(5) * randn(500, 3, seed=10)
    whole, means = (row(m, "mmd2", x=x, validation=held_out) for m in (Noisy(), Means()))
    assert abs(whole.value) < 4 * whole.stderr
    assert means.value > 10 * means.stderr


def test_parzen_and_mmd_share_the_images_of_a_bare_sampler():
    model = Shelf(HELD_OUT)
    context = Context(model, Stream(0), validation=HELD_OUT)
    tasks = [
        make_task("mmd2"),
        make_task("parzen_log_likelihood", {"n_samples": 1000, "n_data": 1}),
    ]
    found = [evaluate_model(X, None, tasks, context)[0].rows[0].value for _ in range(2)]
    assert found[0] == found[1]
    assert sum(len(chunk) for chunk in context.cache["samples"].values()) == 1000
    pairs = mmd2_contributions(*(t.flatten(1) / context.shared["mmd2_bandwidth"]
                                 for t in (X, HELD_OUT[: len(X)])))  # fmt: skip
    assert found[0] == pytest.approx(pairs.mean().item(), rel=1e-9)


def test_the_bandwidth_is_computed_once_for_all_models_of_the_data(monkeypatch):
    calls, real = [], samples.squared_distances
    monkeypatch.setattr(samples, "squared_distances", lambda *x: calls.append(1) or real(*x))
    one, other = (
        load(DataConfig(name="digits", limit=300, binarisation=b)) for b in ("none", "dynamic")
    )
    options = make_task("mmd2").options
    widths = [
        samples._bandwidth(context_on(data, LINEAR, seed), options)
        for data in (one, other)
        for seed in (0, 1)
    ]
    assert len(calls) == 2
    assert widths[0] == widths[1] != widths[2] == widths[3]


def control(n_images):
    model = FixedImages(n_images, SHAPE)
    model.fit(HELD_OUT[:n_images].sigmoid())
    return model


@pytest.mark.parametrize("n", [250, 300])
def test_a_control_is_compared_if_it_has_an_image_for_each_datum(n):
    """The last block of 100 is filled up with copies of the last of 250 data."""
    x = HELD_OUT[500 : 500 + n].sigmoid()
    found = row(control(n), "mmd2", x=x)
    context = Context(control(n), Stream(0, ("test",)), validation=HELD_OUT)
    images = samples.cached_draws(context, "samples", samples.mean_images, 0, n).double()
    width = samples._bandwidth(context, make_task("mmd2").options)
    pairs = mmd2_contributions(x.flatten(1).double() / width, images / width)
    assert found.n == n
    assert found.value == pytest.approx(pairs.mean().item(), rel=1e-6)


@pytest.mark.parametrize("n_images", [50, 200, 249])
def test_a_control_with_fewer_images_than_data_repeats_none(n_images):
    found = row(control(n_images), "mmd2", x=HELD_OUT[500:750].sigmoid())
    assert (found.status, found.reason) == (
        "not_applicable",
        "the model has fewer different images than are compared",
    )


def test_a_parzen_window_of_fewer_images_says_so():
    found = row(control(300), "parzen_log_likelihood", n_samples=1000, scale=0.5, n_data=5)
    assert found.reason.startswith("300 samples, for the model has no more; scale 0.5 given")
    assert row(control(300), "parzen_log_likelihood", n_samples=300, scale=0.5).reason.startswith(
        "scale"
    )


def test_binary_data_are_compared_with_binary_draws_or_the_row_says_not():
    logits = randn(4, 12, seed=3)

    class Binary:
        def prior(self):
            return Independent(Normal(torch.zeros(4).double(), 1.0), 1)

        def observation_model(self, z):
            return Independent(Bernoulli(logits=2 * z @ logits), 1)

    images = samples.noisy_images(Binary(), 50)
    assert samples.is_binary(images)
    x = images.reshape(50, 12)
    found = row(Binary(), "mmd2", x=x, validation=x)
    assert (found.status, found.reason) == ("ok", "")
    grey = row(small_gan(), "mmd2", x=x.reshape(-1, *SHAPE), validation=x.reshape(-1, *SHAPE))
    assert "grey images" in grey.reason
    assert row(small_gan(), "mmd2").reason == ""


def test_discrete_latents_will_do():
    x = DiscreteVae.all_data()
    found = row(DiscreteVae(), "mmd2", x=x, validation=x)
    assert found.status == "ok"
    assert row(DiscreteVae(), "parzen_log_likelihood", x=0.5 * x, scale=0.3).status == "ok"


def test_too_few_data_and_samples_that_are_not_finite_fail_the_row():
    assert row(Bag(HELD_OUT), "mmd2", x=X[:1]).status == "failed"
    bad = HELD_OUT.clone()
    bad[:, 0, 0, 0] = math.nan
    assert row(Bag(bad), "mmd2").status == "failed"
    assert row(Bag(bad), "parzen_log_likelihood", scale=0.3).status == "failed"


@pytest.mark.parametrize("n", [60, 150])
def test_n_data_are_compared_as_if_there_were_no_others(n):
    part = row(Bag(HELD_OUT), "mmd2", n_data=n)
    assert part.n == n
    rows = torch.arange(n) * len(X) // n
    alone = row(Bag(HELD_OUT), "mmd2", x=X[rows], n_data=n)
    assert part.value == alone.value


@pytest.mark.parametrize("options", [{"n_data": 100}, {"n_compared": 100}])
def test_the_data_compared_are_spread_over_the_set(options):
    """The second half of the data is off: a comparison of the first few would not see it."""
    x = torch.cat((X[:250], X[:250] + 3))
    spread, whole = (row(Bag(HELD_OUT), "mmd2", x=x, **chosen) for chosen in (options, {}))
    assert (spread.n, whole.n) == (100, 500)
    assert spread.value > 4 * spread.stderr
    assert abs(spread.value - whole.value) < 4 * spread.stderr


# --- conditional models ---


class Classes:
    """The image of class y is y everywhere."""

    def given(self, y):
        return ClassesGiven(y)


class ClassesGiven:
    def __init__(self, y):
        self.y = y

    def sample(self, n):
        assert n == len(self.y)
        return self.y.double().reshape(-1, 1).expand(n, 3)


@pytest.mark.parametrize("name", ["parzen_log_likelihood", "mmd2"])
def test_labels_of_a_conditional_model_are_drawn_by_their_frequency(name):
    x, y = randn(20, 3), torch.zeros(20, dtype=torch.long)
    options = {"x": x, "y": y, "validation": randn(50, 3, seed=1)}
    assert "frequencies" in row(Classes(), name, **options).reason
    assert row(Classes(), name, log_py=torch.zeros(3).log_softmax(0), **options).status == "ok"
    log_py = torch.tensor([0.2, 0.0, 0.8]).log()
    context = Context(Classes(), Stream(0), log_py=log_py)
    images = drawn(context, 2000)
    assert set(images.unique().tolist()) == {0.0, 2.0}
    assert (images[:, 0] == 2).double().mean().item() == pytest.approx(0.8, abs=0.04)


# --- samples in another range than the data ---


@pytest.mark.parametrize("name", ["mmd2", "parzen_log_likelihood"])
@pytest.mark.parametrize(
    ("low", "high", "seen"), [(-1, 1, r"\[-0.98, 0.98\]"), (0, 255, r"\[2.55, 25")]
)
def test_samples_in_another_range_than_the_data_are_refused(name, low, high, seen, digits):
    ramp = torch.linspace(low, high, 64 * 100, dtype=torch.float64).reshape(100, 1, 8, 8)
    found = row(Shelf(ramp), name, x=digits[:200], validation=digits[200:400])
    assert found.status == "not_applicable"
    assert re.match(rf"the model's images lie in {seen}.*, not in \[0, 1\]", found.reason)


@pytest.mark.parametrize("name", ["mmd2", "parzen_log_likelihood"])
@pytest.mark.parametrize(("low", "high"), [(-2, 3), (-0.2, 1.3), (-0.4, 5), (-3, 0.5)])
def test_bad_samples_have_a_bad_number_all_the_same(name, low, high, digits):
    bad = low + (high - low) * torch.rand(1000, 1, 8, 8, dtype=torch.float64)
    assert row(Shelf(bad), name, x=digits[:200], validation=digits[200:400]).status == "ok"


@pytest.mark.parametrize("name", ["mmd2", "parzen_log_likelihood"])
def test_samples_in_the_range_of_the_data_are_compared_whatever_it_is(name, digits):
    for change in (lambda x: x, lambda x: 2 * x - 1):
        x = change(digits)
        assert row(Bag(x[400:]), name, x=x[:200], validation=x[200:400]).status == "ok"
