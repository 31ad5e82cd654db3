"""The bound on log p(x) of a conditional model with its labels summed out."""

import math

import pytest
import torch

from genbench.core.seeding import Stream
from genbench.evaluation.runner import evaluate_model, make_task
from genbench.evaluation.spec import Context
from tests.evaluation.helpers import N, X, only, outcome, small_gan
from tests.inference.exact_models import WrongPosterior, fitted


class PerClass:
    """One exactly known model per class; q is right, or wrong on purpose."""

    def __init__(self, n_classes=3, shift=0.0, widen=1.0):
        self.n_classes, self.shift, self.widen = n_classes, shift, widen
        self.models = [fitted(X + y) for y in range(n_classes)]
        self.asked = []

    def given(self, y):
        assert len(set(y.tolist())) == 1
        self.asked.append(int(y[0]))
        return WrongPosterior(self.models[int(y[0])], self.shift, self.widen)

    def log_px_given_y(self, x):
        return torch.stack([model.log_prob(x) for model in self.models], dim=1)


LOG_PY = torch.tensor([0.5, 0.2, 0.3]).double().log()


def marginal(model, log_py=LOG_PY, x=X, y=None, **options):
    task = make_task("label_marginal_log_likelihood", options)
    return evaluate_model(x, y, [task], Context(model, Stream(0), log_py=log_py))[0]


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
    conditional = outcome(
        WrongPosterior(model.models[1], 0.2, 1.3), "iw_log_likelihood", n_samples=200
    )
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


def test_draws_of_one_label_do_not_depend_on_the_others():
    model = PerClass(2, shift=0.2)
    model.models[1] = model.models[0]
    both = marginal(model, torch.tensor([0.5, 0.5]).log(), n_samples=5)
    values = [
        marginal(model, log_py, n_samples=5).per_datum
        for log_py in (torch.tensor([0.0, -math.inf]), torch.tensor([-math.inf, 0.0]))
    ]
    assert not torch.isclose(*values).any()  # each label has draws of its own
    expected = torch.logaddexp(*values) - math.log(2)
    assert torch.allclose(both.per_datum, expected, rtol=1e-7)
