"""``score``: images that anybody made, by a command and by a function."""

import json
from pathlib import Path

import numpy as np
import pytest

import genbench

N = 120


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    """A folder of data where features are kept."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture
def score(place, command, features):
    x = np.round(255 * genbench.load_data("digits").test.x[:N, 0].numpy()).astype(np.uint8)
    np.savez("mine.npz", samples=x)
    return lambda *argv: command("score", *argv, "--data-dir", features)


def test_the_table_has_samples_controls_and_protocol(score):
    found = score("mine.npz", "--data", "digits")
    assert found.code == 0, found.err
    for part in ("external:mine", "copies", "fd_infinity[digits-cnn16-v1]", f"n = {N};"):
        assert part in found.out
    assert max(map(len, found.out.splitlines())) <= 100


def test_json_is_a_list_of_rows_without_nan(score):
    found = score("mine.npz", "--data", "digits", "--n", "50", "--format", "json")
    assert found.code == 0, found.err
    rows = json.loads(found.out, parse_constant=pytest.fail)
    assert {"metric", "value", "stderr", "n", "status", "reason"} <= set(rows[0])
    mine = [row for row in rows if row["model"] == "external:mine"]
    assert {row["n"] for row in mine if row["status"] == "ok"} == {50}
    assert all(row["reason"] for row in rows if row["value"] is None)
    assert mine[0]["flags"] == []
    beside = {row["metric"].partition("[")[0]: set(row["health"]) for row in mine}
    assert (beside["c2st"], beside["coverage"]) == ({"auc", "p_value"}, {"null"})
    assert beside["precision"] == set()


def test_a_page_is_written_and_flags_are_said(score, place):
    x = np.load("mine.npz")["samples"]
    np.savez("twice.npz", samples=np.concatenate([x, x[:4]]))
    found = score("twice.npz", "--data", "digits", "--reports", "out")
    assert found.code == 0, found.err
    page = place.folder / "out" / "score-twice" / "index.html"
    assert "page: out/score-twice/index.html" in found.err
    assert "duplicates: 4 of 124 samples repeat another" in found.out
    assert "4 of 124 samples repeat another" in page.read_text(encoding="utf-8")


def test_ten_samples_have_numbers_or_the_reason_why_not(score):
    np.save("ten.npy", np.load("mine.npz")["samples"][:10])
    found = score("ten.npy", "--data", "digits")
    assert found.code == 0, found.err
    text = " ".join(found.out.split())
    assert "needs 160 samples (10 for each of 16 features), found 10" in text
    assert "precision[digits-cnn16-v1]" in text


def test_python_gives_the_numbers_of_the_command(score, features):
    frame = genbench.score("mine.npz", "digits", n=50, data_dir=features)
    rows = json.loads(score("mine.npz", "--data", "digits", "--n", "50", "--format", "json").out)
    assert frame["value"].dropna().tolist() == [r["value"] for r in rows if r["value"] is not None]
    images = np.load("mine.npz")["samples"]
    of_array = genbench.score(images, "digits", n=50, name="mine", data_dir=features)
    assert of_array["value"].equals(frame["value"])
    assert frame.attrs["flags"] == []
    assert frame.attrs["protocol"] in set(frame["protocol"])


def test_images_of_ones_own_without_labels_are_a_reference(score, place):
    rng = np.random.default_rng(0)
    np.save("faces.npy", rng.integers(0, 256, (200, 6, 5), dtype=np.uint8))
    np.save("samples.npy", rng.integers(0, 256, (30, 6, 5), dtype=np.uint8))
    found = score("samples.npy", "--data", "faces.npy")
    assert found.code == 0, found.err
    assert "external:samples" in found.out
    assert "class missing" not in found.out


@pytest.mark.parametrize(
    ("write", "argv", "code", "said"),
    [
        (lambda: None, ("nothing.npz",), 3, "no such file or folder"),
        (lambda: Path("none").mkdir(), ("none",), 3, "none: holds no images"),
        (lambda: np.save("x.npy", np.zeros((9, 7, 7))), ("x.npy",), 3, "shape (9, 7, 7)"),
        (lambda: np.save("x.npy", np.full((9, 8, 8), np.nan)), ("x.npy",), 3, "9 of 9 images hold"),
        (lambda: np.save("x.npy", np.full((9, 8, 8), -7.0)), ("x.npy",), 3, "values are -7 to -7"),
        (lambda: None, ("mine.npz", "--n", "300"), 3, "300 samples are asked for, it holds 120"),
        (lambda: None, ("mine.npz", "--n", "0"), 2, "n: 0, expected 1 to 500"),
        (lambda: None, ("mine.npz", "--features", "pac"), 2, "unknown name 'pac'"),
        (
            lambda: None,
            ("mine.npz", "--features", "net.pt"),
            3,
            "features.weights: cannot read net",
        ),
        (lambda: None, ("mine.npz", "--data", "digit"), 2, "did you mean 'digits'?"),
        (lambda: None, (), 2, "SAMPLES"),
    ],
)
def test_bad_input_is_one_sentence(score, write, argv, code, said):
    write()
    found = score(*argv, *(() if "--data" in argv else ("--data", "digits")))
    assert found.code == code
    assert said in found.err
    assert len(found.err.splitlines()) <= (1 if argv else 10)
