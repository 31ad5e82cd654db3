"""Which figures of models a report shows."""

from shutil import copytree

import numpy as np
from safetensors.numpy import load_file, save_file

from genbench.core.figures import DEFAULT_FIGURES, FIGURES
from genbench.reporting.figures import model_figures
from genbench.reporting.figures.maker import FigureMaker
from genbench.results.figure_inputs import FigureInputs
from tests.results.fabricate import change_suite, write_manifest

TITLES = {
    "samples": "Samples",
    "reconstructions": "Reconstructions",
    "class_samples": "Samples for a given class",
    "latent": "Two latent dimensions",
    "manifold": "The manifold of a two-dimensional latent space",
    "interpolations": "Between two images",
    "traversals": "One latent dimension at a time",
}


def more_arrays():
    images = np.random.default_rng(0).integers(0, 256, (400, 1, 8, 8), dtype=np.uint8)
    return {
        "manifold": images.reshape(20, 20, 1, 8, 8),
        "interpolations": images[:45].reshape(5, 9, 1, 8, 8),
        "interpolation_ends": images[:10].reshape(5, 2, 1, 8, 8),
        "traversals": images[:22].reshape(2, 11, 1, 8, 8),
        "traversal_values": np.linspace(-3, 3, 11, dtype=np.float32),
        "traversal_dims": np.array([5, 2]),
        "traversal_kl": np.array([2.345, 0.5]),
    }


def codes(labels):
    points = np.random.default_rng(0).normal(size=(len(labels), 2))
    return {"latent_means": points + np.array(labels)[:, None], "latent_labels": np.array(labels)}


def shown(page):
    text = page.read_text()
    return {name for name, title in TITLES.items() if f">{title}</h3>" in text}


def test_each_figure_that_can_be_asked_for_is_drawn_somewhere():
    assert set(model_figures.IMAGES) | set(model_figures.LATENT_SPACE) == set(FIGURES)


def test_a_report_shows_what_its_suite_asks_for_and_nothing_else(few_results, tmp_path, build):
    root = copytree(few_results, tmp_path / "results")
    for run in (root / "tiny" / "runs").iterdir():
        path = run / "artifacts" / "figures.safetensors"
        arrays = load_file(path) | more_arrays()
        path.unlink()
        save_file(arrays, path)
        write_manifest(run)
    asked = ["manifold", "traversals", "samples"]
    change_suite(root, lambda content: content["spec"].update(figures=asked))
    page = build(root)
    assert shown(page) == set(asked)
    names = {path.name for path in (page.parent / "figures").glob("*.png")}
    assert {"manifold.png", "samples.png", "traversals-gan.png", "overview.png"} <= names
    assert not {"interpolations.png", "reconstructions.png", "latent-cvae.png"} & names


def test_what_no_run_has_stored_is_left_out(few_results, tmp_path, build):
    root = copytree(few_results, tmp_path / "results")
    change_suite(root, lambda content: content["spec"].update(figures=list(FIGURES)))
    assert shown(build(root)) <= set(DEFAULT_FIGURES)


def test_codes_of_a_single_dimension_have_no_map(tmp_path):
    arrays = codes([0] * 30 + [7] * 31)
    arrays["latent_means"] = arrays["latent_means"][:, :1]
    run = FigureInputs("vae_1", None, None, arrays)
    assert model_figures.scatters(FigureMaker(tmp_path, {}), [run]).figures == ()
    assert not list(tmp_path.iterdir())


def test_one_code_for_all_images_has_no_map(tmp_path):
    arrays = codes([0] * 30 + [7] * 31)
    arrays["latent_means"][:] = (0.026, 0.0057)
    run = FigureInputs("shared", None, None, arrays)
    assert model_figures.scatters(FigureMaker(tmp_path, {}), [run]).figures == ()
