"""The KL's three parts: their sum, their closed forms, and their limits."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal, Normal

from genbench.evaluation.decomposition import PARTS
from tests.evaluation.helpers import LINEAR, Collapsed, Everything, N, PlainVae, X, only, outcome
from tests.evaluation.linear_vae import LinearVae
from tests.inference.exact_models import DiscreteVae


def parts_of(model, x=X, seed=0, **options):
    rows = outcome(model, "kl_decomposition", x=x, seed=seed, **options).rows
    assert [row.metric for row in rows] == [f"kl_decomposition[{name}]" for name in PARTS]
    return rows


@pytest.mark.parametrize("n_draws", [50, 10_000])
@pytest.mark.parametrize("model", [Everything(), LinearVae(shift=1.0)], ids=["wrong", "rotated"])
def test_the_parts_add_up_to_the_kl_of_the_same_data(model, n_draws):
    rows = parts_of(model, n_draws=n_draws)
    kl = only(outcome(model, "kl")).value
    assert sum(row.value for row in rows) == pytest.approx(kl, rel=1e-12)
    assert {(row.kind, row.unit, row.n) for row in rows} == {("estimate", "nats", N)}


def wide_codes(V):
    """A linear model with encoder V and wide codes, whose mutual information is far below log N."""
    model = LinearVae(widen=6.0)
    model.V = V(model)
    return model


def closed_form(model):
    A = model.aggregate_covariance()
    log_det, diagonal = torch.logdet(A), A.diagonal()
    mi = 0.5 * log_det - (model.widen * model.best_scale).log().sum()
    tc = 0.5 * (diagonal.log().sum() - log_det)
    return [float(t) for t in (mi, tc, 0.5 * (diagonal - 1 - diagonal.log()).sum())]


def test_the_parts_of_a_linear_model_have_their_closed_forms():
    mixing = torch.tensor([[1, 0.8, 0], [0, 1, 0.5], [0.7, 0, 1]], dtype=torch.float64)
    model = wide_codes(lambda m: mixing @ m.V)
    x = model.draw(6000)
    spread = only(outcome(model, "kl", x=x)).stderr  # the data are a sample too
    for row, exact in zip(parts_of(model, x=x, n_draws=400), closed_form(model), strict=True):
        assert abs(row.value - exact) < 4 * math.hypot(row.stderr, spread)
        assert exact > 4 * row.stderr


def test_independent_codes_have_no_total_correlation():
    def whiten(m):
        C = m.W @ m.W.T + m.s2 * torch.eye(12, dtype=torch.float64)
        return torch.linalg.inv(torch.linalg.cholesky(m.V @ C @ m.V.T)) @ m.V

    model = wide_codes(whiten)
    assert closed_form(model)[1] == pytest.approx(0, abs=1e-12)
    row = parts_of(model, x=model.draw(6000), n_draws=400)[1]
    assert abs(row.value) < 4 * row.stderr


def test_mutual_information_beyond_the_reach_of_the_data_turns_into_correlation():
    """The documented bias: MI is low and TC high by as much, less so with more data."""
    model = LinearVae(widen=0.5)
    mi, tc, _ = closed_form(model)
    few, many = (parts_of(model, x=model.draw(n)) for n in (200, 1000))
    assert mi > math.log(1000) > many[0].value > math.log(200) > few[0].value
    assert few[1].value > many[1].value > tc + 1
    assert many[1].value - tc == pytest.approx(mi - many[0].value, rel=0.1)


def test_a_code_that_tells_every_datum_apart_has_the_log_of_their_number():
    rows = parts_of(LinearVae(widen=1e-4))
    assert rows[0].value == pytest.approx(math.log(N), rel=1e-3)
    assert "cannot exceed log n" in rows[0].reason


def test_a_collapsed_posterior_has_no_parts():
    assert [row.value for row in parts_of(Collapsed())] == pytest.approx([0, 0, 0], abs=1e-12)


def test_codes_of_one_law_for_all_data_carry_nothing():
    class Shifted(Everything):
        def posterior(self, x):
            return Normal(torch.full((len(x), 3), 0.7).double(), 0.5)

    mi, tc, dwkl = (row.value for row in parts_of(Shifted()))
    assert (mi, tc) == pytest.approx((0, 0), abs=1e-10)
    assert dwkl == pytest.approx(only(outcome(Shifted(), "kl")).value, rel=1e-10)


def test_the_error_is_that_of_the_draws():
    found = [parts_of(Everything(), seed=seed, n_draws=100) for seed in range(40)]
    for part in range(3):
        values = torch.tensor([rows[part].value for rows in found])
        stated = torch.tensor([rows[part].stderr for rows in found]).mean()
        assert values.std() < 1.5 * stated
        assert len(set(values.tolist())) == 40


def test_a_prior_of_another_width_and_plain_tensors_will_do():
    model = PlainVae((12,))
    model.prior = lambda: Normal(torch.full((3,), 0.2).double(), 2.0)
    x = (X > 0.5).double()
    rows = parts_of(model, x=x)
    total = only(outcome(model, "kl", x=x)).value
    assert sum(row.value for row in rows) == pytest.approx(total, rel=1e-12)


def test_other_families_are_not_decomposed():
    class Correlated(Everything):
        def posterior(self, x):
            scale = torch.eye(3, dtype=torch.float64).expand(len(x), 3, 3)
            return MultivariateNormal(super().posterior(x).mean, scale_tril=scale)

    for model, x in ((Correlated(), X), (DiscreteVae(), DiscreteVae.all_data())):
        row = only(outcome(model, "kl_decomposition", x=x))
        assert (row.status, row.value) == ("not_applicable", None)
        assert "factorised" in row.reason


def test_a_part_of_the_data_is_decomposed_as_if_there_were_no_others():
    some = parts_of(LINEAR, n_data=150)
    same = parts_of(LINEAR, x=X[torch.arange(150) * len(X) // 150])
    assert [(r.value, r.stderr, r.n) for r in some] == [(r.value, r.stderr, r.n) for r in same]
