"""The bound on log p(x) of a conditional model with its labels summed out."""

import math

import pytest
import torch

from genbench.core.seeding import Stream
from genbench.evaluation.importance import IwOptions
from genbench.evaluation.label_sum import LEAST_PILOT, _piloted
from genbench.evaluation.runner import evaluate_model, make_task
from genbench.evaluation.spec import Block, Context
from tests.evaluation.helpers import LINEAR, Conditional, N, X, only, outcome, small_gan
from tests.inference.exact_models import Counting, WrongPosterior


class CountingPairs(Counting):
    """Counts each decoded pair of a draw and a datum."""

    def observation_model(self, z):
        self.decoded.append(z.shape[:2].numel())
        return self.model.observation_model(z)


class PerClass(Conditional):
    """One exactly known model per class; q is right, or wrong on purpose."""

    n_classes = None

    def __init__(self, n_classes=3, shift=0.0, widen=1.0):
        super().__init__(shift=shift, widen=widen)
        self.n_classes = n_classes
        self.asked, self.views = set(), []

    def given(self, y):
        self.asked |= set(y.tolist())
        self.views.append(CountingPairs(super().given(y)))
        return self.views[-1]

    def log_px_given_y(self, x):
        return torch.stack([LINEAR.log_prob(x - 0.5 * y) for y in range(self.n_classes)], dim=1)

    def n_decoded(self):
        return sum(sum(view.decoded) for view in self.views)


LOG_PY = torch.tensor([0.5, 0.2, 0.3]).double().log()


def marginal(model, log_py=LOG_PY, x=X, y=None, seed=0, **options):
    task = make_task("label_marginal_log_likelihood", options)
    return evaluate_model(x, y, [task], Context(model, Stream(seed), log_py=log_py))[0]


@pytest.mark.parametrize("y", [None, torch.zeros(N, dtype=torch.long)])
def test_the_label_marginal_is_exact_where_the_conditionals_are(y):
    model = PerClass()
    found = marginal(model, y=y, n_samples=3)
    expected = (model.log_px_given_y(X) + LOG_PY).logsumexp(dim=1)
    assert torch.allclose(found.per_datum, expected, rtol=1e-11, atol=0)
    row = only(found)
    assert (row.metric, row.kind) == ("iw_log_likelihood", "lower_bound")
    assert row.marginal
    assert row.reason == "summed over the labels, 3 draws each"


def test_one_label_with_all_the_mass_gives_the_conditional_bound():
    model = PerClass(shift=0.2, widen=1.3)
    found = marginal(model, torch.tensor([-math.inf, 0.0, -math.inf]), n_samples=200)
    assert set(model.asked) == {1}
    moved = WrongPosterior(LINEAR, 0.2, 1.3)
    conditional = outcome(moved, "iw_log_likelihood", x=X - 0.5, n_samples=200)
    row, alone = only(found), only(conditional)
    assert abs(row.value - alone.value) < 4 * math.hypot(row.mc_stderr, alone.mc_stderr)
    assert row.mc_stderr == pytest.approx(alone.mc_stderr, rel=0.1)
    assert row.health["ess"] == pytest.approx(alone.health["ess"], rel=0.05)
    assert row.health["k_hat"] == pytest.approx(alone.health["k_hat"], abs=0.1)


def test_the_label_marginal_is_a_lower_bound():
    model = PerClass(shift=0.3, widen=1.5)
    exact = (model.log_px_given_y(X) + LOG_PY).logsumexp(dim=1)
    gaps = exact - marginal(model, n_samples=5, proposal="posterior").per_datum
    assert gaps.mean().item() > 4 * gaps.std().item() / math.sqrt(N)


def test_the_monte_carlo_error_of_the_label_marginal_is_the_spread_over_seeds():
    model = PerClass(widen=1.5)
    task = make_task("label_marginal_log_likelihood", {"n_samples": 24})
    rows = [
        only(evaluate_model(X[:50], None, [task], Context(model, Stream(s), log_py=LOG_PY))[0])
        for s in range(40)
    ]
    values = torch.tensor([row.value for row in rows]).double()
    claimed = sum(row.mc_stderr for row in rows) / 40
    assert claimed == pytest.approx(values.std().item(), rel=4 / math.sqrt(2 * 39))


@pytest.mark.parametrize("log_py", [None, LOG_PY[:2]])
def test_without_the_label_frequencies_there_is_no_marginal(log_py):
    assert marginal(PerClass(), log_py).rows == []


def test_a_conditional_model_that_does_not_say_how_many_labels_has_no_marginal():
    model = PerClass()
    del model.n_classes
    assert marginal(model).rows == []


def test_a_model_without_a_posterior_given_the_label_has_no_marginal():
    class OnlyGenerates(PerClass):
        def given(self, y):
            return small_gan()

    assert marginal(OnlyGenerates()).rows == []


TEN = torch.full((10,), 0.1).double().log()


@pytest.mark.parametrize(("y", "lost"), [(None, 0.03), (torch.zeros(N, dtype=torch.long), 0.02)])
def test_the_mean_of_the_estimate_is_at_most_px_and_little_less(y, lost):
    """Ten labels, far beyond the spread of a datum: pilots given a wrong one say little."""
    model = PerClass(10, shift=0.2, widen=1.4)
    log_py = torch.linspace(1, 3, 10).double().log_softmax(dim=0)
    exact = (model.log_px_given_y(X) + log_py).logsumexp(dim=1)
    log_ratio = torch.cat(
        [
            marginal(model, log_py, y=y, seed=seed, n_samples=30).per_datum - exact
            for seed in range(4)
        ]
    )
    ratio = log_ratio.exp()
    error = 4 * ratio.std().item() / math.sqrt(len(ratio))
    assert -lost - error < ratio.mean().item() - 1 < error
    assert log_ratio.mean().item() < 0


def test_labels_without_mass_have_few_draws_and_those_with_it_all():
    """Far apart labels: one of ten is decoded K times for each datum, the others are pilots."""
    model, x, _ = far_apart(100)
    row = only(marginal(model, TEN, x=x, n_samples=100, proposal="posterior"))
    assert model.n_decoded() == 100 * (10 * LEAST_PILOT + 100)
    assert row.reason.endswith("100 draws each, 5 where they have no mass")
    assert row.health["ess"] <= 100


def test_every_label_with_mass_has_all_draws():
    model = PerClass(10, widen=1.1)
    model.given = lambda y: PerClass.given(model, 0 * y)  # equal models for all labels
    marginal(model, TEN, x=X[:100], n_samples=100, proposal="posterior")
    assert model.n_decoded() == 100 * 10 * (LEAST_PILOT + 100)


def test_draws_of_a_datum_do_not_depend_on_which_others_need_a_label():
    """Of two labels far apart, data between them need both; the others do, or do not."""
    model, middle = PerClass(2, widen=1.3), torch.arange(100) < 50
    model.given = lambda y: PerClass.given(model, 6 * y)
    at = torch.where(middle, 0.5, torch.tensor([[0.0], [0.5]]))
    half = torch.tensor([0.5, 0.5]).double().log()
    found, decoded = [], []
    for place in at:
        x = X[:100] + 3.0 * place.double().reshape(-1, 1, 1, 1)
        found.append(marginal(model, half, x=x, n_samples=30).per_datum[middle])
        decoded.append(model.n_decoded())
    assert decoded[0] < decoded[1] - decoded[0]
    assert torch.allclose(*found, rtol=1e-12, atol=0)


def test_the_labels_with_all_draws_are_those_with_the_mass():
    """Far apart labels: the one that made the datum comes first, whatever its number is."""
    model, x, y = far_apart(20)
    order = order_of(model, x)
    assert torch.equal(order[0], y)
    assert torch.equal(order.sort(dim=0).values, torch.arange(10)[:, None].expand(-1, 20))


def order_of(model, x, y=None):
    return _piloted(Block(model, x, Stream(0), Context(model, Stream(0)), y), TEN, IwOptions())[0]


def test_the_label_of_a_datum_comes_first_where_it_is_known():
    model, x, y = far_apart(20)
    wrong = (y + 3) % 10
    order = order_of(model, x, wrong)
    assert torch.equal(order[0], wrong)
    assert torch.equal(order[1], y)


def test_draws_given_the_own_label_are_those_of_the_conditional_bound():
    """Far apart labels: log p(x) is log p(x given y) plus log p(y), draw by draw."""
    model, x, y = far_apart(100, widen=1.3)
    names = ("iw_log_likelihood", "label_marginal_log_likelihood")
    tasks = [make_task(name, {"n_samples": 40}) for name in names]
    given, summed = evaluate_model(x, y, tasks, Context(model, Stream(0), log_py=TEN))
    alone = marginal(model, TEN, x=x, y=y, n_samples=40)
    expected = given.per_datum + TEN[0]
    assert torch.allclose(summed.per_datum, expected, rtol=1e-12, atol=0)
    assert torch.equal(summed.per_datum, alone.per_datum)
    assert only(summed).health["k_hat"] == pytest.approx(only(given).health["k_hat"], rel=1e-9)


def far_apart(n, widen=1.0):
    """Return a model whose ten labels are far apart, n data of them, and their labels."""
    model, y = PerClass(10, widen=widen), torch.arange(n) % 10
    model.given = lambda y: PerClass.given(model, 6 * y)
    return model, X[:n] + 3.0 * y.double().reshape(-1, 1, 1, 1), y


def test_each_label_has_draws_of_its_own():
    model, half = PerClass(2, shift=0.2), torch.tensor([0.5, 0.5]).double().log()
    model.given = lambda y: PerClass.given(model, 0 * y)  # equal models for both labels
    both = marginal(model, half, n_samples=5).per_datum
    one = marginal(model, torch.tensor([0.0, -math.inf]).double(), n_samples=5).per_datum
    assert not torch.isclose(both, one, rtol=1e-12).any()
