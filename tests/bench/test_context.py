"""Which rows there are, on which data."""

import pytest
import torch

from genbench.bench.data import first_images, mean_training_image, synthetic
from genbench.core.errors import ConfigError

CPU = torch.device("cpu")


def keys(cases):
    return [(case.recipe, case.task, case.batch_size) for case in cases]


def test_every_recipe_that_is_trained_has_a_row(make_context):
    trained = {"ae", "beta_vae", "cvae", "discrete_vae", "gan", "gan_2014", "iwae"}
    trained |= {"linear_vae", "vae", "cvae_pixels", "nn_pixels", "gan_minimax", "sparse_ae"}
    trained |= {"diffusion", "flow_matching", "hierarchical_vae", "made", "mixture_vae", "real_nvp"}
    trained |= {"variational_em", "wake_sleep"}
    assert set(make_context().trained()) == trained
    assert {case.recipe for case in make_context(tasks=("train",)).cases()} == trained


@pytest.mark.parametrize(
    ("recipe", "tasks"),
    [
        ("vae", ["train", "iw", "ais", "sample"]),
        ("cvae", ["train", "iw", "ais", "sample"]),
        ("ae", ["train"]),
        ("gan", ["train", "sample"]),
        ("linear_vae", ["train", "iw", "sample"]),  # log p(x) is known: nothing is annealed
    ],
)
def test_a_recipe_has_the_tasks_that_it_can_do(make_context, recipe, tasks):
    assert [case.task for case in make_context(models=(recipe,)).cases()] == tasks


def test_batch_sizes_multiply_the_rows(make_context):
    cases = make_context(models=("vae",), tasks=("train", "iw"), batch_sizes=(8, 4)).cases()
    expected = [("vae", task, n) for task in ("train", "iw") for n in (8, 4)]
    assert keys(cases) == expected


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"models": ("vea",)}, "unknown recipe 'vea'; did you mean 'vae'"),
        ({"models": ("linear_gaussian",)}, "'linear_gaussian' does not train"),
        ({"models": ("ae",), "tasks": ("iw",)}, "none of the models can do iw"),
        ({"models": ("vae",), "tasks": ("train",), "study": "n_samples"}, "has no n_samples"),
        ({"models": ("vae",), "tasks": ("iw",), "study": "seeds"}, "has no seeds"),
        ({"models": ("discrete_vae",), "study": "latent_dim"}, "has no latent_dim"),
    ],
)
def test_rows_that_cannot_be_are_refused(make_context, asked, message):
    with pytest.raises(ConfigError, match=message):
        make_context(**asked).cases()


def test_a_study_varies_one_size_and_nothing_else(make_context):
    asked = {"models": ("vae", "ae"), "study": "latent_dim", "values": (2, 5)}
    cases = make_context(**asked).cases()
    found = [(case.recipe, case.latent_dim, case.studied) for case in cases]
    lines = [("vae", 2), ("vae", 5), ("ae", 2), ("ae", 5)]
    assert found == [(name, n, ("latent_dim", n)) for name, n in lines]
    assert {(case.batch_size, case.hidden) for case in cases} == {(8, (16,))}


def test_a_study_is_at_the_last_batch_size_unless_it_is_about_them(make_context):
    asked = {"models": ("vae",), "batch_sizes": (4, 8), "values": (1, 2)}
    for study, sizes in (("seeds", [8, 8]), ("batch_size", [1, 2])):
        assert [case.batch_size for case in make_context(study=study, **asked).cases()] == sizes


def test_without_files_the_images_are_random_and_the_same_each_time(make_context):
    data = make_context().data
    assert (data.name, data.image_shape) == ("synthetic", (1, 28, 28))
    assert torch.equal(data.levels[:50], synthetic(20_000, CPU).levels[:50])
    assert mean_training_image(data).mean().item() == pytest.approx(0.5, abs=0.01)


def test_the_first_images_come_again_where_there_are_too_few():
    data = synthetic(5, CPU)
    longer = first_images(data, 12, binary=True)
    assert longer.size("train") == 12
    assert torch.equal(longer.levels, torch.cat((data.levels, data.levels, data.levels[:2])))


def test_images_suit_the_density_of_the_model(make_context):
    context = make_context()
    for recipe, binary in (("vae", True), ("gan", False), ("linear_vae", False)):
        (case,) = make_context(models=(recipe,), tasks=("train",)).cases()
        x, _ = context.images(context.build(case), 20).train_batch(torch.arange(20))
        assert bool(((x == 0) | (x == 1)).all()) == binary


def test_a_device_without_float64_is_not_timed(make_context, monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_built", lambda: True)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    with pytest.raises(ConfigError, match=r"^device: mps has no float64"):
        make_context(device="mps")
