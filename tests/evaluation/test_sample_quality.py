"""What holds for every evaluator of samples, and what each of them sees."""

import math

import pytest
import torch

from genbench.core.seeding import Stream
from genbench.evaluation.runner import evaluate_model, make_task
from genbench.evaluation.spec import Context, evaluators
from tests.evaluation.feature_spaces import Uniform, reference
from tests.evaluation.helpers import OF_SAMPLES, only
from tests.models.pixel_models import linear_model

N, SHAPE = 400, (1, 1, 4)
LOOK_UP = reference()[1]
every_evaluator = pytest.mark.parametrize("name", OF_SAMPLES)


def rows(names, model=None, n=N, seed=0, options=None, **context):
    """The row of each evaluator, evaluated together."""
    known = Context(model or Uniform(), Stream(seed), **{"reference": LOOK_UP, **context})
    tasks = [make_task(name, options) for name in names]
    found = evaluate_model(torch.zeros(n, *SHAPE), None, tasks, known)
    return [only(each) for each in found]


def row(name, model=None, **more):
    return rows([name], model, **more)[0]


@pytest.fixture(scope="module")
def good():
    """Every number of a model that is right."""
    return dict(zip(OF_SAMPLES, rows(OF_SAMPLES), strict=True))


@every_evaluator
def test_every_number_comes_with_all_it_needs_to_be_read(name, good):
    found, record = good[name], evaluators[name].record
    assert (found.metric, found.status, found.n) == (name, "ok", N)
    assert (found.unit, found.better, found.kind) == (record.unit, record.better, record.kind)
    assert math.isfinite(found.value)
    assert found.stderr is not None
    assert 0 <= found.stderr < math.inf
    assert all(math.isfinite(value) for value in found.health.values())


@every_evaluator
def test_the_column_says_which_features_were_chosen(name, good):
    asked = make_task(name).options.model_dump(mode="json")
    assert good[name].options == asked | {"features": "pixels"}


@every_evaluator
def test_a_number_depends_on_the_seed_alone_and_on_no_company(name, good):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    assert row(name) == good[name]
    assert torch.equal(torch.get_rng_state(), before)
    another = row(name, seed=1)
    assert another.value != good[name].value or name == "class_coverage"


def test_the_order_of_evaluators_changes_nothing(good):
    assert rows(OF_SAMPLES[::-1])[::-1] == list(good.values())


@pytest.mark.parametrize("name", [n for n in OF_SAMPLES if evaluators[n].record.directed])
def test_images_that_are_nowhere_near_the_data_score_worse(name, good):
    bad, sign = row(name, Uniform(0.6, 0.9)), {"higher": 1, "lower": -1}[good[name].better]
    error = math.hypot(bad.stderr, good[name].stderr)
    assert sign * bad.value < sign * good[name].value - 4 * error


@every_evaluator
def test_samples_that_are_not_finite_fail_the_row_and_are_named(name):
    class Broken(Uniform):
        def sample(self, n):
            images = super().sample(n)
            images[7] = math.nan
            return images

    found = row(name, Broken())
    assert (found.status, found.value) == ("failed", None)
    assert "1 of 400 data have a non-finite value; the first is datum 7" in found.reason


@every_evaluator
def test_no_reference_and_images_to_complete_are_reasons(name):
    unknown = row(name, reference=None)
    assert unknown.status == "not_applicable"
    assert "name a data set" in unknown.reason
    completes = row(name, linear_model())
    assert completes.status == "not_applicable"
    assert "completes images" in completes.reason


@pytest.mark.parametrize("name", ["fd", "fd_infinity"])
def test_too_few_samples_for_a_covariance_are_refused(name):
    assert row(name, n=40).status == "ok"
    few = row(name, n=39)
    assert (few.status, few.value, few.n) == ("not_applicable", None, None)
    assert few.reason == "needs 40 samples (10 for each of 4 features), found 39"


def test_a_number_over_fewer_samples_says_so():
    assert row("fd", options={"n_samples": 100}).n == 100


class Labels:
    """The images of label 1 are bright."""

    n_classes = 2

    def given(self, y):
        return LabelsGiven(y)


class LabelsGiven:
    def __init__(self, y):
        self.y = y

    def sample(self, n):
        return (self.y.reshape(-1, 1, 1, 1) + torch.rand(n, *SHAPE)) / 4


def test_labels_of_a_conditional_model_are_drawn_by_their_frequency():
    assert "frequencies" in row("class_coverage", Labels()).reason
    one, both = (torch.tensor(p).log() for p in ([1 - 1e-9, 1e-9], [0.5, 0.5]))
    assert row("class_coverage", Labels(), log_py=one).value == 1
    assert row("class_coverage", Labels(), log_py=both).value == 2


def test_a_conditional_model_whose_views_draw_nothing_lacks_the_method():
    class Nothing(Labels):
        def given(self, y):
            return object()

    found = row("fd", Nothing(), log_py=torch.tensor([0.5, 0.5]).log())
    assert (found.status, found.reason) == ("not_applicable", "the model has no sample(n)")


class Copier:
    """Training images, one after the other."""

    def sample(self, n):
        return LOOK_UP("").training[torch.randint(600, (n,))].float().reshape(n, *SHAPE)


def test_copies_have_the_smallest_distance_and_are_unmasked(good):
    names = ("fd_infinity", "authenticity", "memorisation_z", "coverage")
    found = dict(zip(names, rows(names, Copier()), strict=True))
    assert found["authenticity"].value < 0.01 < good["authenticity"].value
    assert found["memorisation_z"].value < -5 < good["memorisation_z"].value
    assert (
        found["memorisation_z"].health["p_value"] < 1e-6 < good["memorisation_z"].health["p_value"]
    )
    assert found["fd_infinity"].value < good["fd_infinity"].value + 2 * good["fd_infinity"].stderr
    assert found["coverage"].value > 0.9


def test_a_missing_half_lowers_recall_and_no_precision(good):
    half = rows(("precision", "recall"), Uniform(0.0, 0.25))
    assert half[0].value > good["precision"].value - 4 * good["precision"].stderr
    assert half[1].value < good["recall"].value - 10 * good["recall"].stderr


def test_the_shares_of_the_classes_and_what_is_missing_stand_beside_their_number():
    known, _ = reference()
    known.labels = known.space.classes_of(known.training)
    bright = known.labels.double().mean()
    found = row("class_coverage", Uniform(0.0, 0.25), reference=lambda _: known)
    assert (found.value, found.reason) == (1, "below 1 % of the samples: class 1")
    assert found.health == {
        "share[0]": 1.0,
        "share[1]": 0.0,
        "total_variation": pytest.approx(float(bright)),
    }
    assert row("class_coverage", Uniform(), reference=lambda _: known).reason == ""


def test_a_two_sample_test_has_either_classifier(good):
    linear = row("c2st", options={"classifier": "logistic"})
    assert linear.options["classifier"] == "logistic"
    assert (linear.value, linear.health) != (good["c2st"].value, good["c2st"].health)


def test_a_two_sample_test_says_its_p_value(good):
    assert good["c2st"].health["p_value"] > 0.001
    assert row("c2st", Uniform(0.6, 0.9)).health == {
        "auc": 1.0,
        "p_value": pytest.approx(0, abs=1e-9),
    }
