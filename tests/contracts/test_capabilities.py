"""What each capability promises, for every registered recipe. A new recipe gets these for free."""

import math

import pytest
import torch
from torch.distributions import MixtureSameFamily

from genbench.core import capabilities as caps
from genbench.core.capabilities import missing
from genbench.core.estimate import NotApplicableError
from genbench.core.seeding import Stream, seeded
from genbench.distributions.chain import Chain
from genbench.evaluation.spec import Block, Context, evaluators
from genbench.inference import bounds
from tests.contracts.builders import (
    CONSTANT_SAMPLERS,
    N_CLASSES,
    B,
    Ready,
    conditional,
    with_capability,
)


def close(a, b):
    return torch.allclose(a, b, rtol=1e-10, atol=1e-10)


def states_moments(p):
    return not isinstance(p, Chain)


def from_seeds(draw, *seeds):
    """Return what is drawn from each seed."""
    drawn = []
    for seed in seeds:
        with seeded(seed, "s"):
            drawn.append(draw())
    return drawn


def bound_means(ready, k, n_streams=12):
    """Return the mean bound with K draws over the data, once for each of some streams."""
    found = [
        bounds.iw_log_likelihood(ready.view, ready.x, k, 7, Stream(s)) for s in range(n_streams)
    ]
    assert found[0].shape == (B,)
    return torch.stack(found).mean(dim=1)


@with_capability(caps.HasPrior)
class TestHasPrior:
    def test_prior_is_one_event_of_the_latent(self, case):
        ready = Ready.of(case)
        p = ready.view.prior()
        assert (p.batch_shape, p.event_shape) == ((), (ready.latent_dim,))
        z = ready.codes(5)
        assert torch.isfinite(p.log_prob(z)).all()
        assert close(p.log_prob(z), torch.stack([p.log_prob(v) for v in z]))

    def test_prior_draws_have_a_finite_density_and_follow_the_seed(self, case):
        p = Ready.of(case).view.prior()
        with seeded(0, "z"):
            a = p.sample((50,))
        with seeded(0, "z"):
            b = p.sample((50,))
        assert torch.equal(a, b)
        assert a.dtype is torch.float64
        assert torch.isfinite(p.log_prob(a)).all()


@with_capability(caps.HasObservationModel)
class TestHasObservationModel:
    def test_batch_is_the_codes_and_event_is_the_image(self, case):
        ready = Ready.of(case)
        p = ready.view.observation_model(ready.codes(B))
        assert (p.batch_shape, p.event_shape) == ((B,), ready.shape)
        log_prob = p.log_prob(ready.x)
        assert log_prob.shape == (B,)
        assert torch.isfinite(log_prob).all()

    def test_leading_dimensions_give_the_same_as_one_after_the_other(self, case):
        ready = Ready.of(case)
        z = ready.codes(4, B)
        whole = ready.view.observation_model(z)
        assert whole.batch_shape == (4, B)
        single = [ready.view.observation_model(z[k]).log_prob(ready.x) for k in range(4)]
        assert close(whole.log_prob(ready.x), torch.stack(single))

    def test_the_code_matters(self, case):
        ready = Ready.of(case)
        a, b = (ready.view.observation_model(ready.codes(B, seed=s)).mean for s in (1, 2))
        assert not torch.allclose(a, b)

    def test_draws_lie_in_the_support_and_are_scored(self, case):
        ready = Ready.of(case)
        p = ready.view.observation_model(ready.codes(B))
        with seeded(0, "x"):
            x = p.sample()
        assert p.support.check(x).all()
        assert torch.isfinite(p.log_prob(x)).all()
        assert p.support.is_discrete == (ready.built.observation.measure == "mass")

    def test_images_drawn_from_a_code_are_likelier_under_it_than_under_others(self, case):
        ready = Ready.of(case)
        z = 3 * ready.codes(B)
        p = ready.view.observation_model(z)
        with seeded(0, "x"):
            x = p.sample((40,))
        other = ready.view.observation_model(-z)
        assert p.log_prob(x).mean() > other.log_prob(x).mean()


@with_capability(caps.HasPosterior)
class TestHasPosterior:
    def test_batch_is_the_data_and_event_is_the_latent(self, case):
        ready = Ready.of(case)
        q = ready.view.posterior(ready.x)
        assert (q.batch_shape, q.event_shape) == ((B,), (ready.latent_dim,))
        assert torch.isfinite(q.log_prob(ready.codes(B))).all()
        if states_moments(q):
            assert (q.stddev > 0).all()

    def test_each_datum_has_a_posterior_of_its_own(self, case):
        ready = Ready.of(case)
        whole = ready.view.posterior(ready.x)
        for i in (0, B - 1):
            view = caps.bind(ready.model, ready.y[i : i + 1], ready.x[i : i + 1])
            alone = view.posterior(ready.x[i : i + 1])
            z = ready.codes(5, 1)
            assert close(whole.log_prob(z.expand(-1, B, -1))[:, i], alone.log_prob(z)[:, 0])
            if states_moments(whole):
                assert close(whole.mean[i], alone.mean[0])
                assert close(whole.stddev[i], alone.stddev[0])
        log_q = whole.log_prob(ready.codes(1).expand(B, -1))
        assert not torch.allclose(log_q[0], log_q[1])

    def test_draws_carry_gradients_to_the_encoder(self, case):
        ready = Ready.fresh(case)
        q = ready.view.posterior(ready.x)
        if not list(ready.model.parameters()):
            pytest.skip("fitted in closed form")
        with seeded(0, "z"):
            z = bounds.draw(q, 1)
        # what cannot be reparameterised carries them in its density
        (z if q.has_rsample else q.log_prob(z)).sum().backward()
        assert any(p.grad is not None and p.grad.any() for p in ready.model.parameters())


@with_capability(caps.Variational)
class TestVariational:
    def test_bounds_are_finite_and_ordered_in_the_mean(self, case):
        ready = Ready.of(case)
        with torch.no_grad():
            one, many = (bound_means(ready, k) for k in (1, 30))
        assert torch.isfinite(many).all()
        stderr = (many - one).std() / len(one) ** 0.5
        assert (many - one).mean() > -3 * stderr - 1e-9

    def test_chunks_change_nothing(self, case):
        ready = Ready.of(case)
        with torch.no_grad():
            a, b = (
                bounds.iw_log_likelihood(ready.view, ready.x, 13, c, Stream(0)) for c in (1, 50)
            )
        assert torch.allclose(a, b, rtol=1e-11)

    def test_the_closed_form_kl_is_used_and_split_over_dimensions(self, case):
        ready = Ready.of(case)
        terms = bounds.elbo_terms(ready.view, ready.x)
        if isinstance(ready.view.prior(), MixtureSameFamily | Chain):
            assert not terms.closed_form  # nobody knows one
            return
        assert terms.closed_form
        assert (terms.kl >= 0).all()
        discrete = ready.view.prior().support.is_discrete
        if discrete or case.options.get("posterior") == "full":
            assert terms.kl_per_dim is None  # categories are no dimensions; correlated ones share
            return
        assert terms.kl_per_dim.shape == (B, ready.latent_dim)
        assert close(terms.kl_per_dim.sum(1), terms.kl)


@with_capability(caps.Autoencodes)
class TestAutoencodes:
    def test_codes_and_images_have_their_shapes_and_follow_each_datum(self, case):
        ready = Ready.of(case)
        code = ready.view.encode(ready.x)
        assert code.shape == (B, ready.latent_dim)
        assert ready.view.decode(code).shape == ready.x.shape
        view = caps.bind(ready.model, ready.y[2:3], ready.x[2:3])
        assert close(view.encode(ready.x[2:3])[0], code[2])
        assert close(view.decode(code[2:3])[0], ready.view.decode(code)[2])

    def test_leading_dimensions_of_codes_are_kept(self, case):
        ready = Ready.of(case)
        z = ready.codes(4, B)
        whole = ready.view.decode(z)
        assert whole.shape == (4, B, *ready.shape)
        assert close(whole, torch.stack([ready.view.decode(v) for v in z]))


@with_capability(caps.Samples)
class TestSamples:
    def test_samples_are_images_that_follow_the_seed(self, case):
        ready = Ready.of(case)
        drawn = from_seeds(lambda: ready.view.sample(B), 0, 0, 1)
        assert drawn[0].shape == (B, *ready.shape)
        assert torch.isfinite(drawn[0]).all()
        assert torch.equal(drawn[0], drawn[1])
        assert torch.allclose(drawn[0], drawn[2]) == (case.recipe in CONSTANT_SAMPLERS)


@conditional()
class TestConditions:
    def test_the_view_is_unconditional(self, case):
        assert not isinstance(Ready.of(case).view, caps.Conditions)

    def test_every_label_has_a_model_of_its_own(self, case):
        ready = Ready.of(case)
        images = torch.stack(
            [
                ready.model.given(torch.tensor([c])).decode(ready.codes(1))[0]
                for c in range(N_CLASSES)
            ]
        )
        for a in range(N_CLASSES):
            for b in range(a):
                assert not torch.allclose(images[a], images[b])

    def test_without_labels_there_is_no_density(self, case):
        assert missing(Ready.of(case).model, caps.Variational)


@with_capability(caps.HasCritic)
class TestHasCritic:
    def test_logits_are_finite_and_one_per_image(self, case):
        ready = Ready.of(case)
        logits = ready.view.critic(ready.x)
        assert logits.shape == (B,)
        assert torch.isfinite(logits).all()
        assert close(logits[3:4], ready.view.critic(ready.x[3:4]))
        assert not torch.allclose(logits[0], logits[1])


@with_capability(caps.HasExactDensity)
class TestHasExactDensity:
    def test_log_prob_is_finite_and_one_per_image(self, case):
        ready = Ready.of(case)
        log_px = ready.view.log_prob(ready.x)
        assert log_px.shape == (B,)
        assert torch.isfinite(log_px).all()
        alone = caps.bind(ready.model, ready.y[3:4], ready.x[3:4])
        assert close(log_px[3:4], alone.log_prob(ready.x[3:4]))

    def test_a_mass_is_a_code_length_and_a_density_is_none(self, case):
        ready, stream = Ready.of(case), Stream(0)
        if ready.built.observation is None:
            pytest.skip("its measure is not stated")
        block = Block(ready.view, ready.x, stream, Context(ready.model, stream), ready.y)
        bits = evaluators["bits_per_dim"]
        if ready.built.observation.measure == "density":
            with pytest.raises(NotApplicableError):
                bits.values(block, bits.options())
            return
        expected = -ready.view.log_prob(ready.x) / (block.n_dims * math.log(2))
        assert close(bits.values(block, bits.options()).values, expected)

    def test_bounds_do_not_exceed_it(self, case):
        ready = Ready.of(case)
        if missing(ready.view, caps.Variational):
            pytest.skip("it has no bound")
        drawn = bound_means(ready, 5)
        stderr = drawn.std() / len(drawn) ** 0.5
        assert drawn.mean() <= ready.view.log_prob(ready.x).mean() + 4 * stderr + 1e-8


@with_capability(caps.DrawsElbo)
class TestDrawsElbo:
    def test_draws_are_finite_one_row_for_each_and_follow_the_seed(self, case):
        ready = Ready.of(case)
        drawn = from_seeds(lambda: ready.view.elbo_draws(ready.x, 4), 0, 0, 1)
        assert drawn[0].shape == (4, B)
        assert torch.isfinite(drawn[0]).all()
        assert torch.equal(drawn[0], drawn[1])
        assert not torch.allclose(drawn[0], drawn[2])
        assert not torch.allclose(drawn[0][0], drawn[0][1])
