"""The bound on log p(x) of a conditional model with its labels summed out."""

import math

import pytest
import torch

from genbench.core.seeding import Stream
from genbench.evaluation.importance import IwOptions
from genbench.evaluation.label_sum import N_PILOT, _likeliest_first
from genbench.evaluation.runner import evaluate_model, make_task
from genbench.evaluation.spec import Block, Context
from tests.evaluation.helpers import LINEAR, Conditional, N, X, only, outcome, small_gan
from tests.inference.exact_models import Counting, WrongPosterior


class PerClass(Conditional):
    """One exactly known model per class; q is right, or wrong on purpose."""

    n_classes = None

    def __init__(self, n_classes=3, shift=0.0, widen=1.0):
        super().__init__(shift=shift, widen=widen)
        self.n_classes = n_classes
        self.asked, self.views = set(), []

    def given(self, y):
        self.asked |= set(y.tolist())
        self.views.append(Counting(super().given(y)))
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
    assert row.reason == "summed over the labels, 3 draws each, 3 for those but the likeliest two"


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


def test_the_estimate_of_px_is_unbiased_whatever_labels_the_pilots_prefer():
    """With ten labels most have few draws; p^(x) / p(x) averages to one, its log lies below 0."""
    model = PerClass(10, shift=0.2, widen=1.4)
    log_py = torch.linspace(1, 3, 10).double().log_softmax(dim=0)
    exact = (model.log_px_given_y(X) + log_py).logsumexp(dim=1)
    log_ratio = torch.cat(
        [marginal(model, log_py, seed=seed, n_samples=30).per_datum - exact for seed in range(4)]
    )
    ratio = log_ratio.exp()
    assert abs(ratio.mean().item() - 1) < 4 * ratio.std().item() / math.sqrt(len(ratio))
    assert log_ratio.mean().item() < 0


def test_labels_without_mass_cost_few_draws_and_those_with_it_all():
    model = PerClass(10, widen=1.3)
    uniform = torch.full((10,), 0.1).double().log()
    row = only(marginal(model, uniform, x=X[:50], n_samples=100, proposal="posterior"))
    assert model.n_decoded() == 10 * N_PILOT + 2 * 100 + 8 * 10
    assert row.reason.endswith("100 draws each, 10 for those but the likeliest two")
    assert row.health["ess"] <= 200


def test_two_labels_need_no_pilots_and_have_all_draws():
    model, half = PerClass(2, widen=1.3), torch.tensor([0.5, 0.5]).double().log()
    row = only(marginal(model, half, x=X[:50], n_samples=100, proposal="posterior"))
    assert model.n_decoded() == 2 * 100
    assert row.reason == "summed over the labels, 100 draws each"


def test_the_labels_with_all_draws_are_those_with_the_mass():
    """Far apart labels: the one that made the datum comes first, whatever its number is."""
    model, n = PerClass(10), torch.arange(20) % 10
    x = X[:20] + 3.0 * n.double().reshape(-1, 1, 1, 1)
    model.given = lambda y: PerClass.given(model, 6 * y)
    block = Block(model, x, Stream(0), Context(model, Stream(0)))
    uniform = torch.zeros(10, dtype=torch.float64)
    order = _likeliest_first(block, uniform, IwOptions())
    assert torch.equal(order[0], n)
    assert torch.equal(order.sort(dim=0).values, torch.arange(10)[:, None].expand(-1, 20))


def test_each_label_has_draws_of_its_own():
    model, half = PerClass(2, shift=0.2), torch.tensor([0.5, 0.5]).double().log()
    model.given = lambda y: PerClass.given(model, 0 * y)  # equal models for both labels
    both = marginal(model, half, n_samples=5).per_datum
    one = marginal(model, torch.tensor([0.0, -math.inf]).double(), n_samples=5).per_datum
    assert not torch.isclose(both, one, rtol=1e-12).any()
