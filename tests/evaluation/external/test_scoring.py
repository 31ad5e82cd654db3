"""Samples are scored by every metric of samples, beside controls that stand where they must."""

import json
import math

import numpy as np
import pytest
import torch
from safetensors.torch import save

from genbench.core.errors import ConfigError, DataError
from genbench.data import DataConfig, load
from genbench.data.archives.flags import in_8_bits
from genbench.data.archives.read import PREFIX, archive_of
from genbench.evaluation.external.scoring import chosen_rows, score_archive
from genbench.evaluation.spec import evaluators
from genbench.features.classifier import Classifier
from genbench.features.custom import asked_space
from genbench.features.reference import reference_of
from genbench.samples.balls import coverage_null
from genbench.samples.memorisation import NearestTraining
from genbench.training.checkpoint import weights_of

N = 300


@pytest.fixture(scope="module")
def digits():
    return load(DataConfig(name="digits"))


def blobs(n, seed, colours=(0, 2)):
    """Draw red and blue squares on dark noise, (N, 8, 8, 3) in 8 bits, and which is which."""
    rng = np.random.default_rng(seed)
    x, y = rng.integers(60, size=(n, 8, 8, 3)), rng.integers(len(colours), size=n)
    for image, which in zip(x, y, strict=True):
        row, column = rng.integers(5, size=2)
        image[row : row + 4, column : column + 4, colours[which]] += 150
    return x.astype(np.uint8), y


def coloured(folder, *, labelled):
    x, y = blobs(800, seed=0)
    np.savez(folder / "squares.npz", x=x, **({"y": y} if labelled else {}))
    return load(DataConfig(path=folder / "squares.npz"))


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("features")


@pytest.fixture(scope="module")
def scored(digits, kept):
    """Score training images with noise; return the numbers by set and metric too."""
    x = digits.held_out("train").x[:N].numpy()
    noisy = np.clip(x + np.random.default_rng(0).normal(0, 0.05, x.shape), 0, 1)
    return score_archive(archive_of(noisy, "noisy", (1, 8, 8)), digits, "noisy", folder=kept)


@pytest.fixture(scope="module")
def value(scored):
    frame = scored.frame
    known = {(row.model, row.metric.partition("[")[0]): row.value for row in frame.itertuples()}
    return lambda model, metric: known[model, metric]


def test_every_metric_of_samples_has_a_row_for_every_set(scored):
    frame = scored.frame
    wanted = {name for name in evaluators if evaluators[name].of == "samples"}
    for model, rows in frame.groupby("model"):
        assert {name.partition("[")[0] for name in rows["metric"]} >= wanted, model
    assert frame["model"].iloc[0] == scored.name == f"{PREFIX}noisy"
    assert scored.n == N


def test_the_name_of_a_metric_says_its_space_and_the_protocol_its_digest(scored):
    names = set(scored.frame["metric"])
    assert {"fd_infinity[digits-cnn16-v1]", "sliced_wasserstein[pca16]"} <= names
    protocol = scored.protocol
    assert protocol.startswith("digits@88b38590/grey/1097+200+500 validation(seed=0); reference")
    for part in ("1,097 training images", f"n = {N}", "digits-cnn16-v1@", "pca16@", "not resized"):
        assert part in protocol
    assert set(scored.frame["protocol"]) == {protocol}


def test_the_controls_stand_in_their_order(value):
    assert value("itself", "fd") == pytest.approx(0, abs=1e-9)
    copies, real, blur = (value(name, "fd") for name in ("copies", "real images", "blur"))
    assert copies < real < value("class missing", "fd") < blur
    assert value("copies", "authenticity") == 0 < value("real images", "authenticity")
    assert value("copies", "memorisation_z") < -5 < value("real images", "memorisation_z")
    assert value("class missing", "class_coverage") == 9
    assert value("itself", "precision") == value("itself", "recall") == 1
    assert value("blur", "recall") < value("real images", "recall")


def test_the_numbers_are_those_of_the_same_images_among_the_controls(digits, kept):
    real = digits.held_out("test").x.numpy()
    scored = score_archive(archive_of(real, "real", (1, 8, 8)), digits, "real", folder=kept)
    frame = scored.frame.set_index(["model", "metric"])["value"].unstack("model")
    for metric in ("fd", "precision", "recall", "authenticity", "sliced_wasserstein"):
        row = frame[frame.index.str.startswith(f"{metric}[")].iloc[0]
        assert row["external:real"] == pytest.approx(row["real images"], rel=1e-6), metric
    assert scored.flags == ()


def test_the_most_suspicious_samples_stand_beside_what_they_are_near(digits, kept):
    x = digits.held_out("test").x.numpy()[:100]
    copied = np.concatenate([x, digits.held_out("train").x.numpy()[:5]])
    scored = score_archive(archive_of(copied, "x", (1, 8, 8)), digits, "x", folder=kept)
    np.testing.assert_array_equal(scored.suspects[:5], scored.nearest[:5])
    assert (scored.suspects[5:] != scored.nearest[5:]).any(axis=(1, 2, 3)).all()
    assert [flag.kind for flag in scored.flags] == ["copies"]


def test_suspects_are_ordered_by_the_distance_that_their_training_image_keeps(digits, kept):
    x = digits.held_out("test").x[:60]
    scored = score_archive(archive_of(x.numpy(), "x", (1, 8, 8)), digits, "x", folder=kept)
    known = reference_of(digits, folder=kept)
    near = NearestTraining(known.space.features(x), known.training)
    rows = near.ratios.argsort()[: len(scored.suspects)]
    np.testing.assert_array_equal(scored.suspects, in_8_bits(x[rows].numpy()))
    training = digits.held_out("train").x[near.rows[rows]]
    np.testing.assert_array_equal(scored.nearest, in_8_bits(training.numpy()))


def test_the_nearest_training_images_of_a_set_are_searched_once(digits, kept, monkeypatch):
    searched, real = [], NearestTraining.__init__

    def search(self, images, training):
        searched.append(len(images))
        real(self, images, training)

    monkeypatch.setattr(NearestTraining, "__init__", search)
    x = digits.held_out("test").x[:57].numpy()
    scored = score_archive(archive_of(x, "x", (1, 8, 8)), digits, "x", folder=kept)
    assert searched.count(57) == scored.frame["model"].nunique()


def test_what_a_perfect_model_would_have_stands_beside_a_number(scored):
    of_mine = scored.frame[scored.frame["model"] == scored.name]
    health = dict(zip(of_mine["metric"], map(json.loads, of_mine["health"]), strict=True))
    assert health["coverage[digits-cnn16-v1]"] == {"null": coverage_null(N, N)}
    assert health["c2st[digits-cnn16-v1]"].keys() == {"auc", "p_value"}
    assert 0 <= health["memorisation_z[digits-cnn16-v1]"]["p_value"] <= 1


def test_a_network_of_ones_own_is_the_space_of_all_metrics(digits, kept, tmp_path):
    path = tmp_path / "net.safetensors"
    torch.manual_seed(0)
    path.write_bytes(save(weights_of(Classifier((1, 8, 8), 4, 10))))
    features, weights = asked_space(path)
    x = archive_of(digits.held_out("test").x.numpy()[:50], "x", (1, 8, 8))
    scored = score_archive(x, digits, "x", features, folder=kept, weights=weights)
    assert all(f"[{features}" in name for name in scored.frame["metric"])
    assert f"features {features}@" in scored.protocol


def test_the_first_number_is_shown_in_a_second_space(scored):
    names = scored.frame["metric"].tolist()
    assert names[:2] == ["fd_infinity[digits-cnn16-v1]", "fd_infinity[pca16]"]
    assert any(note == "Features pca16: principal components." for note in scored.notes)


@pytest.mark.parametrize("labelled", [True, False])
def test_images_in_colour_are_scored_from_end_to_end(labelled, tmp_path):
    data = coloured(tmp_path, labelled=labelled)
    samples = archive_of(blobs(80, seed=1, colours=(0,))[0], "red", data.image_shape)
    scored = score_archive(samples, data, "red", folder=tmp_path)
    value = {(row.model, row.metric): row.value for row in scored.frame.itertuples()}
    first, second = scored.frame["metric"].unique()[:2]
    spaces = ("own-cnn8", "pca4") if labelled else ("pca4", "own-ae8")
    for metric, space in zip((first, second), spaces, strict=True):
        assert f"[{space}" in metric
        assert value["external:red", metric] > value["real images", metric] + 0.05, metric
    if labelled:
        (classes,) = [metric for _, metric in value if metric.startswith("class_coverage")][:1]
        assert (value["external:red", classes], value["real images", classes]) == (1, 2)
    else:
        assert any("the data have no labels" in note for note in scored.notes)


def test_ten_samples_have_numbers_or_reasons(digits, kept):
    ten = archive_of(digits.held_out("test").x.numpy()[:10], "ten", (1, 8, 8))
    frame = score_archive(ten, digits, "ten", folder=kept).frame
    mine = frame[frame["model"] == "external:ten"]
    lacking = mine[mine["value"].isna()]
    assert (lacking["reason"] != "").all()
    assert any("needs 160 samples" in reason for reason in lacking["reason"])
    assert not any("auto" in name for name in frame["metric"])
    assert all(map(math.isfinite, mine.loc[mine["status"] == "ok", "value"]))


def test_all_metrics_are_in_the_space_that_is_asked_for(digits, kept):
    x = archive_of(digits.held_out("test").x.numpy()[:50], "x", (1, 8, 8))
    scored = score_archive(x, digits, "x", features="pca8", folder=kept)
    assert all("[pca8" in name for name in scored.frame["metric"])
    with pytest.raises(ConfigError, match="features: unknown name 'pac'"):
        score_archive(x, digits, "x", features="pac", folder=kept)


def test_samples_are_drawn_from_a_file_that_holds_more(digits):
    many = archive_of(np.zeros((2000, 8, 8), np.uint8), "many", (1, 8, 8))
    rows = chosen_rows(many, 500, None)
    assert len(rows) == len(set(rows)) == 500
    assert rows.max() > 1500
    assert set(chosen_rows(many, 500, 100)) < set(rows)


def test_more_than_there_are_is_refused():
    few = archive_of(np.zeros((30, 8, 8), np.uint8), "few", (1, 8, 8))
    with pytest.raises(DataError, match="few: 40 samples are asked for, it holds 30"):
        chosen_rows(few, 500, 40)
    for n in (0, 501):
        with pytest.raises(ConfigError, match=f"n: {n}, expected 1 to 500"):
            chosen_rows(few, 500, n)
    assert chosen_rows(few, 500, None).tolist() == list(range(30))
